/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One fence that stands for several: signaled when all of its children are, or
 * when any of them is.
 */
#ifndef __LINUX_DMA_FENCE_ARRAY_H
#define __LINUX_DMA_FENCE_ARRAY_H

#include <linux/dma-fence.h>
#include <linux/irq_work.h>

/**
 * struct dma_fence_array_cb - callback that an array queues on one child
 * @cb: node in the child's callback list
 * @array: array to tell; the queued callbacks of an all-of array hold a
 *	reference to it together, those of an any-of array one each
 */
struct dma_fence_array_cb {
	struct dma_fence_cb cb;
	struct dma_fence_array *array;
};

/**
 * struct dma_fence_array - fence over a fixed set of child fences
 * @base: the fence that others wait for
 * @lock: lock of @base; the locks of children nest inside it. Locking: none
 * @num_fences: number of entries in @fences. Constant after init
 * @num_pending: children that must still signal; only counted down once
 *	signaling is enabled, by the children's callbacks and for those that had
 *	signaled before. At or below zero the array is complete. Locking: atomic
 * @error: positive while the outcome is open, then 0 or the negative error that
 *	@base ends with.
 *	Locking: cmpxchg() from the positive value, once
 * @signal_on_any: one signaled child completes the array. Constant after init
 * @is_whole: @fences lies behind @callbacks in the same piece of memory.
 *	Private to the implementation. Constant after init
 * @fences: array of the children, kmalloc'ed unless @is_whole, owned together
 *	with a reference to each. Constant after init
 * @work: signals @base after the lock of the child that completed it was
 *	dropped
 * @callbacks: one for each child
 */
struct dma_fence_array {
	struct dma_fence base;

	spinlock_t lock; /* of base */
	unsigned int num_fences;
	atomic_t num_pending;
	int error;
	bool signal_on_any;
	bool is_whole;
	struct dma_fence **fences;

	struct irq_work work;

	struct dma_fence_array_cb callbacks[] __counted_by(num_fences);
};

/**
 * to_dma_fence_array - cast a fence to the array it is the base of
 * @fence: fence to cast, or NULL
 *
 * Context: Any.
 * Return: The array, or NULL when @fence is NULL or not an array.
 */
static inline struct dma_fence_array *to_dma_fence_array(struct dma_fence *fence)
{
	if (fence && dma_fence_is_array(fence))
		return container_of(fence, struct dma_fence_array, base);

	return NULL;
}

/**
 * dma_fence_array_for_each - step through the fences of one that may be an
 * array
 * @fence: loop variable, a borrowed &struct dma_fence pointer
 * @index: loop variable, unsigned int position of @fence
 * @head: an array, whose children are visited; any other fence, which is
 *	visited itself; or NULL
 *
 * No references are taken; the one on @head keeps everything visited.
 */
#define dma_fence_array_for_each(fence, index, head)					\
	for ((index) = 0, (fence) = dma_fence_array_first(head); (fence);		\
	     ++(index), (fence) = dma_fence_array_next(head, index))

struct dma_fence_array *dma_fence_array_alloc(int num_fences);
void dma_fence_array_init(struct dma_fence_array *array, int num_fences,
			  struct dma_fence **fences, u64 context, unsigned int seqno,
			  bool signal_on_any);
struct dma_fence_array *dma_fence_array_create(int num_fences, struct dma_fence **fences,
					       u64 context, unsigned int seqno,
					       bool signal_on_any);
bool dma_fence_match_context(struct dma_fence *fence, u64 context);
struct dma_fence *dma_fence_array_first(struct dma_fence *head);
struct dma_fence *dma_fence_array_next(struct dma_fence *head, unsigned int index);

#endif /* __LINUX_DMA_FENCE_ARRAY_H */
