// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part that all heaps share: buffers of pages, for devices and for the CPU.
 *
 * The heap's list of pages has entries as large as its chunks. Each attachment
 * has a list of its own, with entries that its device can map.
 *
 * Locks: none of its own. page-buffer.c has the buffer's.
 */
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "heap-buffer.h"

static struct heap_buffer *to_heap_buffer(struct page_buffer *base)
{
	return container_of(base, struct heap_buffer, base);
}

/* Count the entries that a list needs if none is longer than @max_segment. */
static unsigned long heap_buffer_count_segments(const struct sg_table *pages, size_t max_segment)
{
	unsigned long count = 0;
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_sg(pages, sg, i)
		count += DIV_ROUND_UP(sg->length, max_segment);
	return count;
}

/* See page_buffer_fill_t. */
static int heap_buffer_fill(struct page_buffer *base, struct sg_table *table, size_t max_segment)
{
	const struct sg_table *pages = &to_heap_buffer(base)->pages;
	unsigned long count = heap_buffer_count_segments(pages, max_segment);
	struct scatterlist *from, *to;
	unsigned int i, at, len;
	int ret;

	if (count > UINT_MAX)
		return -ENOMEM;
	ret = sg_alloc_table(table, count, HEAP_GFP_TABLE);
	if (ret)
		return ret;

	to = table->sgl;
	for_each_sgtable_sg(pages, from, i) {
		for (at = 0; at < from->length; at += len) {
			len = min_t(size_t, from->length - at, max_segment);
			sg_set_page(to, nth_page(sg_page(from), at >> PAGE_SHIFT), len, 0);
			to = sg_next(to);
		}
		cond_resched();
	}
	return 0;
}

/* Refuse private mappings: their owner would not see what the devices write. */
static int heap_buffer_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct heap_buffer *buffer = to_heap_buffer(dmabuf->priv);

	if (!(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)))
		return -EINVAL;
	return buffer->ops->mmap(buffer, vma);
}

/* Make one linear mapping of all pages. Returns NULL if there is no memory. */
static void *heap_buffer_vmap_pages(struct heap_buffer *buffer)
{
	size_t count = buffer->base.len >> PAGE_SHIFT;
	struct sg_page_iter iter;
	struct page **pages;
	size_t i = 0;
	void *vaddr;

	pages = kvmalloc_array(count, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return NULL;

	for_each_sgtable_page(&buffer->pages, &iter, 0) {
		pages[i++] = sg_page_iter_page(&iter);
		cond_resched();
	}
	vaddr = vmap(pages, count, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	return vaddr;
}

/* Map for the kernel. The core calls this for the first user only. */
static int heap_buffer_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct heap_buffer *buffer = to_heap_buffer(dmabuf->priv);
	void *vaddr = heap_buffer_vmap_pages(buffer);

	if (!vaddr)
		return -ENOMEM;

	page_buffer_set_vaddr(&buffer->base, vaddr);
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static void heap_buffer_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	page_buffer_set_vaddr(dmabuf->priv, NULL);
	vunmap(map->vaddr);
}

static void heap_buffer_release(struct dma_buf *dmabuf)
{
	struct heap_buffer *buffer = to_heap_buffer(dmabuf->priv);

	buffer->ops->free(buffer);
}

static const struct dma_buf_ops heap_buffer_dma_buf_ops = {
	.attach = page_buffer_attach,
	.detach = page_buffer_detach,
	.map_dma_buf = page_buffer_map,
	.unmap_dma_buf = page_buffer_unmap,
	.begin_cpu_access = page_buffer_begin_cpu_access,
	.end_cpu_access = page_buffer_end_cpu_access,
	.mmap = heap_buffer_mmap,
	.vmap = heap_buffer_vmap,
	.vunmap = heap_buffer_vunmap,
	.release = heap_buffer_release,
};

/**
 * heap_buffer_init - prepare a buffer that has no pages yet
 * @buffer: the buffer; the caller fills &heap_buffer.pages
 * @heap: the heap that the pages come from
 * @len: bytes, whole pages
 * @ops: the heap's callbacks
 *
 * Context: Any context.
 */
void heap_buffer_init(struct heap_buffer *buffer, struct dma_heap *heap, size_t len,
		      const struct heap_buffer_ops *ops)
{
	page_buffer_init(&buffer->base, len, heap_buffer_fill);
	buffer->heap = heap;
	buffer->ops = ops;
}

/**
 * heap_buffer_export - share a buffer
 * @buffer: the buffer with its pages; on success the last user frees it
 * @fd_flags: open mode of the file
 *
 * Context: Process context. May sleep.
 * Return: The shared buffer. On failure @buffer stays with the caller:
 * ERR_PTR(-ENOMEM), or another error of dma_buf_export().
 */
struct dma_buf *heap_buffer_export(struct heap_buffer *buffer, u32 fd_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	exp_info.exp_name = dma_heap_get_name(buffer->heap);
	exp_info.ops = &heap_buffer_dma_buf_ops;
	exp_info.size = buffer->base.len;
	exp_info.flags = fd_flags;
	exp_info.priv = &buffer->base;
	return dma_buf_export(&exp_info);
}
