/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A buffer made of pages, whichever heap the pages come from.
 */
#ifndef _DMA_BUF_HEAP_BUFFER_H
#define _DMA_BUF_HEAP_BUFFER_H

#include <linux/scatterlist.h>
#include <linux/types.h>

#include "../page-buffer.h"

struct dma_buf;
struct dma_heap;
struct heap_buffer;
struct vm_area_struct;

/* Fail rather than have the OOM killer end other processes. */
#define HEAP_GFP_TABLE (GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/**
 * struct heap_buffer_ops - where heaps differ
 */
struct heap_buffer_ops {
	/**
	 * @free: Give the pages back and free the struct around &struct
	 * heap_buffer.
	 */
	void (*free)(struct heap_buffer *buffer);
	/**
	 * @mmap: Show the pages from &vm_area_struct.vm_pgoff on. The mapping
	 * is shared and lies within the buffer.
	 */
	int (*mmap)(struct heap_buffer *buffer, struct vm_area_struct *vma);
};

/**
 * struct heap_buffer - pages from a heap
 */
struct heap_buffer {
	/** @base: The devices that use the pages; &dma_buf.priv. */
	struct page_buffer base;
	/** @ops: The heap's. */
	const struct heap_buffer_ops *ops;
	/** @heap: The heap that the pages come from. */
	struct dma_heap *heap;
	/** @pages: All pages, in order; mapped for no device. */
	struct sg_table pages;
};

void heap_buffer_init(struct heap_buffer *buffer, struct dma_heap *heap, size_t len,
		      const struct heap_buffer_ops *ops);
struct dma_buf *heap_buffer_export(struct heap_buffer *buffer, u32 fd_flags);

#endif /* _DMA_BUF_HEAP_BUFFER_H */
