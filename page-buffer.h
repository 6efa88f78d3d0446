/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers of pages that never move, for heaps and udmabuf.
 */
#ifndef _DMA_BUF_PAGE_BUFFER_H
#define _DMA_BUF_PAGE_BUFFER_H

#include <linux/dma-direction.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct dma_buf;
struct dma_buf_attachment;
struct page_buffer;
struct sg_table;

/**
 * typedef page_buffer_fill_t - make a scatter list of all pages
 * @buffer: the buffer
 * @table: uninitialized; the caller frees it with sg_free_table()
 * @max_segment: longest entry in bytes, whole pages
 *
 * Context: Process context. May sleep.
 * Return: 0, or a negative errno with nothing to free.
 */
typedef int (*page_buffer_fill_t)(struct page_buffer *buffer, struct sg_table *table,
				  size_t max_segment);

/**
 * struct page_buffer - pages, and the devices that use them
 *
 * &dma_buf.priv points to this struct, which the exporter embeds in its own.
 */
struct page_buffer {
	/** @len: Bytes, whole pages. Never changes. */
	size_t len;
	/** @fill: The exporter's callback. Never changes. */
	page_buffer_fill_t fill;
	/**
	 * @lock: Protects @attachments and @vaddr. Taken under the reservation.
	 */
	struct mutex lock;
	/** @attachments: The devices. Locking: @lock. */
	struct list_head attachments;
	/** @vaddr: The kernel mapping, or NULL. Locking: @lock. */
	void *vaddr;
};

void page_buffer_init(struct page_buffer *buffer, size_t len, page_buffer_fill_t fill);
void page_buffer_set_vaddr(struct page_buffer *buffer, void *vaddr);

/* Callbacks for &struct dma_buf_ops. */
int page_buffer_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach);
void page_buffer_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach);
struct sg_table *page_buffer_map(struct dma_buf_attachment *attach, enum dma_data_direction dir);
void page_buffer_unmap(struct dma_buf_attachment *attach, struct sg_table *table,
		       enum dma_data_direction dir);
int page_buffer_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir);
int page_buffer_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir);

#endif /* _DMA_BUF_PAGE_BUFFER_H */
