/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Heaps: kinds of memory from which userspace allocates buffers, each a device
 * below /dev/dma_heap.
 */
#ifndef _LINUX_DMA_HEAP_H
#define _LINUX_DMA_HEAP_H

#include <linux/types.h>

struct dma_buf;
struct dma_heap;

/**
 * struct dma_heap_ops - what a heap can do
 */
struct dma_heap_ops {
	/**
	 * @allocate: Make a buffer of @len bytes, zeroed.
	 *
	 * @len is a multiple of the page size and not zero; @fd_flags are for
	 * &dma_buf_export_info.flags; @heap_flags are none so far.
	 *
	 * Context: Process context; sleeps.
	 * Return: The buffer with one reference, or an ERR_PTR().
	 */
	struct dma_buf *(*allocate)(struct dma_heap *heap, unsigned long len, u32 fd_flags,
				    u64 heap_flags);
};

/**
 * struct dma_heap_export_info - what dma_heap_add() needs to know
 * @name: name of the device below /dev/dma_heap; borrowed for ever, and ABI
 *	once released
 * @ops: the heap's callbacks
 * @priv: the heap's own
 */
struct dma_heap_export_info {
	const char *name;
	const struct dma_heap_ops *ops;
	void *priv;
};

struct dma_heap *dma_heap_add(const struct dma_heap_export_info *exp_info);
const char *dma_heap_get_name(struct dma_heap *heap);
void *dma_heap_get_drvdata(struct dma_heap *heap);
bool dma_heap_charges_pages(void);

#endif /* _LINUX_DMA_HEAP_H */
