// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all heaps share: buffers made of pages, mapped for devices and for the CPU.
 *
 * The pages never move. Each attached device has a scatter list of its own, copied from the
 * buffer's, because the DMA addresses differ from device to device.
 *
 * Locks: the reservation (held by the core in map, unmap, vmap, vunmap), then the buffer's own
 * mutex.
 */
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "heap-buffer.h"

/**
 * struct heap_attachment - a device that uses the buffer
 * @dev: the device
 * @table: the buffer's pages, with the device's addresses while @mapped
 * @node: link in &heap_buffer.attachments
 * @mapped: the device may be using the memory, so caches matter. Locking: the buffer's lock
 */
struct heap_attachment {
	struct device *dev;
	struct sg_table table;
	struct list_head node;
	bool mapped;
};

static int heap_attachment_copy_pages(struct heap_attachment *attachment,
				      const struct sg_table *pages)
{
	struct scatterlist *to, *from = pages->sgl;
	unsigned int i;
	int ret;

	ret = sg_alloc_table(&attachment->table, pages->orig_nents, GFP_KERNEL);
	if (ret)
		return ret;

	for_each_sgtable_sg(&attachment->table, to, i) {
		sg_set_page(to, sg_page(from), from->length, from->offset);
		from = sg_next(from);
	}
	return 0;
}

static int heap_buffer_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct heap_buffer *buffer = dmabuf->priv;
	struct heap_attachment *attachment;
	int ret;

	attachment = kzalloc(sizeof(*attachment), GFP_KERNEL);
	if (!attachment)
		return -ENOMEM;

	ret = heap_attachment_copy_pages(attachment, &buffer->pages);
	if (ret) {
		kfree(attachment);
		return ret;
	}

	attachment->dev = attach->dev;
	attach->priv = attachment;
	guard(mutex)(&buffer->lock);
	list_add(&attachment->node, &buffer->attachments);
	return 0;
}

static void heap_buffer_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct heap_attachment *attachment = attach->priv;
	struct heap_buffer *buffer = dmabuf->priv;

	scoped_guard(mutex, &buffer->lock)
		list_del(&attachment->node);
	sg_free_table(&attachment->table);
	kfree(attachment);
}

static void heap_attachment_set_mapped(struct dma_buf_attachment *attach, bool mapped)
{
	struct heap_attachment *attachment = attach->priv;
	struct heap_buffer *buffer = attach->dmabuf->priv;

	guard(mutex)(&buffer->lock);
	attachment->mapped = mapped;
}

static struct sg_table *heap_buffer_map(struct dma_buf_attachment *attach,
					enum dma_data_direction dir)
{
	struct heap_attachment *attachment = attach->priv;
	int ret;

	ret = dma_map_sgtable(attachment->dev, &attachment->table, dir, 0);
	if (ret)
		return ERR_PTR(ret);

	heap_attachment_set_mapped(attach, true);
	return &attachment->table;
}

static void heap_buffer_unmap(struct dma_buf_attachment *attach, struct sg_table *table,
			      enum dma_data_direction dir)
{
	heap_attachment_set_mapped(attach, false);
	dma_unmap_sgtable(attach->dev, table, dir, 0);
}

static int heap_buffer_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct heap_buffer *buffer = dmabuf->priv;
	struct heap_attachment *attachment;

	guard(mutex)(&buffer->lock);
	if (buffer->vaddr)
		invalidate_kernel_vmap_range(buffer->vaddr, buffer->len);
	list_for_each_entry(attachment, &buffer->attachments, node)
		if (attachment->mapped)
			dma_sync_sgtable_for_cpu(attachment->dev, &attachment->table, dir);
	return 0;
}

static int heap_buffer_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct heap_buffer *buffer = dmabuf->priv;
	struct heap_attachment *attachment;

	guard(mutex)(&buffer->lock);
	if (buffer->vaddr)
		flush_kernel_vmap_range(buffer->vaddr, buffer->len);
	list_for_each_entry(attachment, &buffer->attachments, node)
		if (attachment->mapped)
			dma_sync_sgtable_for_device(attachment->dev, &attachment->table, dir);
	return 0;
}

static int heap_buffer_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct heap_buffer *buffer = dmabuf->priv;

	return buffer->ops->mmap(buffer, vma);
}

/* One linear mapping of all pages. */
static void *heap_buffer_vmap_pages(struct heap_buffer *buffer)
{
	size_t count = buffer->len >> PAGE_SHIFT;
	struct sg_page_iter iter;
	struct page **pages;
	size_t i = 0;
	void *vaddr;

	pages = kvmalloc_array(count, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return NULL;

	for_each_sgtable_page(&buffer->pages, &iter, 0)
		pages[i++] = sg_page_iter_page(&iter);
	vaddr = vmap(pages, count, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	return vaddr;
}

/* The core calls this for the first user only, and vunmap after the last. */
static int heap_buffer_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct heap_buffer *buffer = dmabuf->priv;
	void *vaddr = heap_buffer_vmap_pages(buffer);

	if (!vaddr)
		return -ENOMEM;

	scoped_guard(mutex, &buffer->lock)
		buffer->vaddr = vaddr;
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static void heap_buffer_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct heap_buffer *buffer = dmabuf->priv;

	scoped_guard(mutex, &buffer->lock)
		buffer->vaddr = NULL;
	vunmap(map->vaddr);
}

static void heap_buffer_release(struct dma_buf *dmabuf)
{
	struct heap_buffer *buffer = dmabuf->priv;

	buffer->ops->free(buffer);
}

static const struct dma_buf_ops heap_buffer_dma_buf_ops = {
	.attach = heap_buffer_attach,
	.detach = heap_buffer_detach,
	.map_dma_buf = heap_buffer_map,
	.unmap_dma_buf = heap_buffer_unmap,
	.begin_cpu_access = heap_buffer_begin_cpu_access,
	.end_cpu_access = heap_buffer_end_cpu_access,
	.mmap = heap_buffer_mmap,
	.vmap = heap_buffer_vmap,
	.vunmap = heap_buffer_vunmap,
	.release = heap_buffer_release,
};

/**
 * heap_buffer_init - prepare a buffer whose pages are yet to come
 * @buffer: the buffer; &heap_buffer.pages is the caller's to fill
 * @heap: where the pages come from
 * @len: bytes, whole pages
 * @ops: the heap's callbacks
 */
void heap_buffer_init(struct heap_buffer *buffer, struct dma_heap *heap, size_t len,
		      const struct heap_buffer_ops *ops)
{
	mutex_init(&buffer->lock);
	INIT_LIST_HEAD(&buffer->attachments);
	buffer->heap = heap;
	buffer->len = len;
	buffer->ops = ops;
}

/**
 * heap_buffer_export - share a buffer
 * @buffer: the buffer with its pages; on success it goes when the last user has gone
 * @fd_flags: open mode of the file
 *
 * Return: The shared buffer, or an ERR_PTR() and @buffer stays with the caller.
 */
struct dma_buf *heap_buffer_export(struct heap_buffer *buffer, u32 fd_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	exp_info.exp_name = dma_heap_get_name(buffer->heap);
	exp_info.ops = &heap_buffer_dma_buf_ops;
	exp_info.size = buffer->len;
	exp_info.flags = fd_flags;
	exp_info.priv = buffer;
	return dma_buf_export(&exp_info);
}
