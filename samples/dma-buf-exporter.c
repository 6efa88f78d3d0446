// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worked exporter: buffers of ordinary pages. The device through which
 * userspace gets them is in dma-buf-exporter-dev.c; how they are moved to other
 * pages, in dma-buf-exporter-move.c.
 *
 * Locks: only the reservation. The core holds it in pin, unpin, map, unmap,
 * vmap and vunmap; page faults and CPU access take it here.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "dma-buf-exporter.h"

/*
 * The state of one device, in &dma_buf_attachment.priv. Locking: reservation.
 */
struct sample_attachment {
	struct sg_table table;		/* sgl is NULL while it is not mapped */
	enum dma_data_direction dir;
};

void sample_pages_free(struct page **pages, unsigned int count)
{
	while (pages && count--)
		put_page(pages[count]);
	kvfree(pages);
}

/*
 * Zeroed: what another process left there is none of the new owner's business.
 */
struct page **sample_pages_alloc(unsigned int count)
{
	struct page **pages = kvmalloc_array(count, sizeof(*pages), GFP_KERNEL);
	unsigned int i;

	if (!pages)
		return NULL;

	for (i = 0; i < count; i++) {
		pages[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!pages[i]) {
			sample_pages_free(pages, i);
			return NULL;
		}
	}
	return pages;
}

static int sample_exporter_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct sample_attachment *sample = kzalloc(sizeof(*sample), GFP_KERNEL);

	attach->priv = sample;
	return sample ? 0 : -ENOMEM;
}

static void sample_exporter_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	kfree(attach->priv);
}

static int sample_exporter_pin(struct dma_buf_attachment *attach)
{
	struct sample_buffer *buffer = attach->dmabuf->priv;

	buffer->pin_count++;
	return 0;
}

static void sample_exporter_unpin(struct dma_buf_attachment *attach)
{
	struct sample_buffer *buffer = attach->dmabuf->priv;

	buffer->pin_count--;
}

/*
 * A mapping has its own reference to each page, so that it may outlast a move.
 * Several devices may map the same pages, which the DMA API allows when caches
 * are synchronized by calls of their own.
 */
static struct sg_table *sample_exporter_map(struct dma_buf_attachment *attach,
					    enum dma_data_direction dir)
{
	struct sample_buffer *buffer = attach->dmabuf->priv;
	struct sample_attachment *sample = attach->priv;
	unsigned int i;
	int ret;

	if (sample->table.sgl)
		return ERR_PTR(-EBUSY);

	ret = sg_alloc_table_from_pages_segment(&sample->table, buffer->pages, buffer->count, 0,
						attach->dmabuf->size,
						dma_get_max_seg_size(attach->dev), GFP_KERNEL);
	if (ret)
		return ERR_PTR(ret);

	ret = dma_map_sgtable(attach->dev, &sample->table, dir, DMA_ATTR_SKIP_CPU_SYNC);
	if (ret) {
		sg_free_table(&sample->table);
		return ERR_PTR(ret);
	}
	dma_sync_sgtable_for_device(attach->dev, &sample->table, dir);

	for (i = 0; i < buffer->count; i++)
		get_page(buffer->pages[i]);
	sample->dir = dir;
	return &sample->table;
}

static void sample_exporter_unmap(struct dma_buf_attachment *attach, struct sg_table *table,
				  enum dma_data_direction dir)
{
	struct sg_page_iter iter;

	dma_sync_sgtable_for_cpu(attach->dev, table, dir);
	dma_unmap_sgtable(attach->dev, table, dir, DMA_ATTR_SKIP_CPU_SYNC);
	for_each_sgtable_page(table, &iter, 0)
		put_page(sg_page_iter_page(&iter));
	sg_free_table(table);
}

/* Hand the caches over to the CPU or to the devices, for all mappings. */
void sample_exporter_sync_locked(struct dma_buf *dmabuf, bool for_cpu)
{
	struct dma_buf_attachment *attach;

	dma_resv_assert_held(dmabuf->resv);
	list_for_each_entry(attach, &dmabuf->attachments, node) {
		struct sample_attachment *sample = attach->priv;

		if (!sample->table.sgl)
			continue;
		if (for_cpu)
			dma_sync_sgtable_for_cpu(attach->dev, &sample->table, sample->dir);
		else
			dma_sync_sgtable_for_device(attach->dev, &sample->table, sample->dir);
	}
}

/* The core has waited for the fences, so that the devices are done. */
static int sample_exporter_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	guard(dma_resv)(dmabuf->resv);
	sample_exporter_sync_locked(dmabuf, true);
	return 0;
}

static int sample_exporter_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	guard(dma_resv)(dmabuf->resv);
	sample_exporter_sync_locked(dmabuf, false);
	return 0;
}

/* The lock order allows this: first mmap_lock, then the reservation. */
static vm_fault_t sample_exporter_fault(struct vm_fault *vmf)
{
	struct dma_buf *dmabuf = vmf->vma->vm_private_data;
	struct sample_buffer *buffer = dmabuf->priv;
	vm_fault_t ret;

	if (vmf->pgoff >= buffer->count)
		return VM_FAULT_SIGBUS;
	/* After the signal has been handled the access is tried again. */
	if (dma_resv_lock_interruptible(dmabuf->resv, NULL))
		return VM_FAULT_NOPAGE;

	ret = vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(buffer->pages[vmf->pgoff]));
	dma_resv_unlock(dmabuf->resv);
	return ret;
}

static const struct vm_operations_struct sample_exporter_vm_ops = {
	.fault = sample_exporter_fault,
};

/*
 * The mapping's file keeps the buffer. A private copy would miss what devices
 * write.
 */
static int sample_exporter_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)))
		return -EINVAL;

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &sample_exporter_vm_ops;
	vma->vm_private_data = dmabuf;
	return 0;
}

/* The mapping must stay valid, so the pages stay where they are. */
static int sample_exporter_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct sample_buffer *buffer = dmabuf->priv;
	void *vaddr = vmap(buffer->pages, buffer->count, VM_MAP, PAGE_KERNEL);

	if (!vaddr)
		return -ENOMEM;

	buffer->pin_count++;
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static void sample_exporter_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct sample_buffer *buffer = dmabuf->priv;

	vunmap(map->vaddr);
	buffer->pin_count--;
}

static void sample_buffer_free(struct sample_buffer *buffer)
{
	sample_pages_free(buffer->pages, buffer->count);
	kfree(buffer);
}

static void sample_exporter_release(struct dma_buf *dmabuf)
{
	sample_buffer_free(dmabuf->priv);
}

const struct dma_buf_ops sample_exporter_ops = {
	.attach = sample_exporter_attach,
	.detach = sample_exporter_detach,
	.pin = sample_exporter_pin,
	.unpin = sample_exporter_unpin,
	.map_dma_buf = sample_exporter_map,
	.unmap_dma_buf = sample_exporter_unmap,
	.begin_cpu_access = sample_exporter_begin_cpu_access,
	.end_cpu_access = sample_exporter_end_cpu_access,
	.mmap = sample_exporter_mmap,
	.vmap = sample_exporter_vmap,
	.vunmap = sample_exporter_vunmap,
	.release = sample_exporter_release,
};

/* Returns a buffer with one reference, or an ERR_PTR(). */
struct dma_buf *sample_exporter_export(unsigned int page_count)
{
	struct sample_buffer *buffer = kzalloc(sizeof(*buffer), GFP_KERNEL);
	struct dma_buf *dmabuf = ERR_PTR(-ENOMEM);
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	if (!buffer)
		return dmabuf;

	buffer->count = page_count;
	buffer->pages = sample_pages_alloc(page_count);
	if (buffer->pages) {
		exp_info.ops = &sample_exporter_ops;
		exp_info.size = (size_t)page_count << PAGE_SHIFT;
		exp_info.flags = O_RDWR;
		exp_info.priv = buffer;
		dmabuf = dma_buf_export(&exp_info);
	}
	/* On success the buffer is the core's, until release. */
	if (IS_ERR(dmabuf))
		sample_buffer_free(buffer);
	return dmabuf;
}
