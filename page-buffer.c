// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers of pages that never move: the attached devices, their mappings, and
 * access by the CPU. Heaps and udmabuf share this.
 *
 * Several devices may map the same pages at once. The DMA API allows that only
 * if mapping and unmapping leave caches and bounce buffers alone. Therefore
 * both pass DMA_ATTR_SKIP_CPU_SYNC, and explicit calls hand over the memory:
 *
 *	event                  new owner     attachments
 *	--------------------   -----------   ------------------
 *	map                    the device    this one
 *	begin of CPU access    the CPU       all that are mapped
 *	end of CPU access      the devices   all that are mapped
 *	unmap                  the CPU       this one
 *
 * These calls use the direction of the mapping. The direction of the CPU access
 * does not matter for them: a device that only reads has nothing to hand over.
 *
 * Locks: the reservation, which the core holds in map and unmap; then the mutex
 * of the buffer.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "page-buffer.h"

/**
 * struct page_attachment - a device that uses the buffer
 * @dev: the device
 * @table: all pages, with the device's addresses while it is mapped
 * @node: link in &page_buffer.attachments
 * @dir: direction of the mapping, or DMA_NONE without one. Locking: writers
 *	hold the buffer's lock and the reservation, readers hold either
 * @cpu_writes: the CPU has the memory for writing. Locking: the buffer's lock
 */
struct page_attachment {
	struct device *dev;
	struct sg_table table;
	struct list_head node;
	enum dma_data_direction dir;
	bool cpu_writes;
};

/* Return the longest entry that the device can map, in whole pages. */
static size_t page_buffer_max_segment(struct device *dev)
{
	size_t max = min_t(size_t, dma_get_max_seg_size(dev), dma_max_mapping_size(dev));

	return max(ALIGN_DOWN(max, PAGE_SIZE), PAGE_SIZE);
}

/* Attach a device: &dma_buf_ops.attach. */
int page_buffer_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct page_buffer *buffer = dmabuf->priv;
	struct page_attachment *attachment;
	int ret;

	attachment = kzalloc(sizeof(*attachment), GFP_KERNEL_ACCOUNT);
	if (!attachment)
		return -ENOMEM;

	ret = buffer->fill(buffer, &attachment->table, page_buffer_max_segment(attach->dev));
	if (ret) {
		kfree(attachment);
		return ret;
	}

	attachment->dev = attach->dev;
	attachment->dir = DMA_NONE;
	attach->priv = attachment;
	guard(mutex)(&buffer->lock);
	list_add(&attachment->node, &buffer->attachments);
	return 0;
}

/* Detach a device: &dma_buf_ops.detach. */
void page_buffer_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct page_attachment *attachment = attach->priv;
	struct page_buffer *buffer = dmabuf->priv;

	scoped_guard(mutex, &buffer->lock)
		list_del(&attachment->node);
	sg_free_table(&attachment->table);
	kfree(attachment);
}

/*
 * Map an attachment: &dma_buf_ops.map_dma_buf. The attachment has one table, so
 * a second mapping is -EBUSY.
 *
 * The direction is set together with the handover. Otherwise a CPU access that
 * ends between the two would reach no device.
 */
struct sg_table *page_buffer_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)
{
	struct page_attachment *attachment = attach->priv;
	struct page_buffer *buffer = attach->dmabuf->priv;
	int ret;

	if (attachment->dir != DMA_NONE)
		return ERR_PTR(-EBUSY);

	ret = dma_map_sgtable(attachment->dev, &attachment->table, dir, DMA_ATTR_SKIP_CPU_SYNC);
	if (ret)
		return ERR_PTR(ret);

	guard(mutex)(&buffer->lock);
	attachment->dir = dir;
	attachment->cpu_writes = false;
	dma_sync_sgtable_for_device(attachment->dev, &attachment->table, dir);
	return &attachment->table;
}

/*
 * Unmap an attachment: &dma_buf_ops.unmap_dma_buf. While the CPU writes, the
 * device has nothing new: fetching its copy would undo what the CPU wrote.
 */
void page_buffer_unmap(struct dma_buf_attachment *attach, struct sg_table *table,
		       enum dma_data_direction dir)
{
	struct page_attachment *attachment = attach->priv;
	struct page_buffer *buffer = attach->dmabuf->priv;

	scoped_guard(mutex, &buffer->lock) {
		if (!attachment->cpu_writes)
			dma_sync_sgtable_for_cpu(attachment->dev, table, attachment->dir);
		dir = attachment->dir;
		attachment->dir = DMA_NONE;
	}
	dma_unmap_sgtable(attachment->dev, table, dir, DMA_ATTR_SKIP_CPU_SYNC);
}

/*
 * Hand the memory to the CPU: &dma_buf_ops.begin_cpu_access. Fails with -EINTR
 * if the process is being killed.
 */
int page_buffer_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct page_buffer *buffer = dmabuf->priv;
	struct page_attachment *attachment;

	if (mutex_lock_killable(&buffer->lock))
		return -EINTR;

	if (buffer->vaddr)
		invalidate_kernel_vmap_range(buffer->vaddr, buffer->len);
	list_for_each_entry(attachment, &buffer->attachments, node) {
		if (attachment->dir == DMA_NONE)
			continue;
		dma_sync_sgtable_for_cpu(attachment->dev, &attachment->table, attachment->dir);
		attachment->cpu_writes |= dir != DMA_FROM_DEVICE;
	}
	mutex_unlock(&buffer->lock);
	return 0;
}

/* Hand the memory back to the devices: &dma_buf_ops.end_cpu_access. */
int page_buffer_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct page_buffer *buffer = dmabuf->priv;
	struct page_attachment *attachment;

	guard(mutex)(&buffer->lock);
	if (buffer->vaddr)
		flush_kernel_vmap_range(buffer->vaddr, buffer->len);
	list_for_each_entry(attachment, &buffer->attachments, node) {
		if (attachment->dir == DMA_NONE)
			continue;
		dma_sync_sgtable_for_device(attachment->dev, &attachment->table, attachment->dir);
		attachment->cpu_writes = false;
	}
	return 0;
}

/**
 * page_buffer_set_vaddr - tell of the buffer's kernel mapping
 * @buffer: the buffer
 * @vaddr: its address, or NULL before the mapping goes away
 *
 * CPU access flushes the mapping where the machine needs that.
 *
 * Context: Process context. May sleep.
 */
void page_buffer_set_vaddr(struct page_buffer *buffer, void *vaddr)
{
	guard(mutex)(&buffer->lock);
	buffer->vaddr = vaddr;
}

/**
 * page_buffer_init - prepare a buffer
 * @buffer: the buffer, zeroed
 * @len: bytes, whole pages
 * @fill: makes the scatter list of an attachment
 *
 * Context: Any context.
 */
void page_buffer_init(struct page_buffer *buffer, size_t len, page_buffer_fill_t fill)
{
	mutex_init(&buffer->lock);
	INIT_LIST_HEAD(&buffer->attachments);
	buffer->len = len;
	buffer->fill = fill;
}
