/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Look through containers, whatever way they are nested, at the fences inside.
 */
#ifndef __LINUX_DMA_FENCE_UNWRAP_H
#define __LINUX_DMA_FENCE_UNWRAP_H

struct dma_fence;

/**
 * struct dma_fence_unwrap - position inside of a fence that may be a container
 * @chain: current link of the timeline, or the fence itself if it is not one.
 *	The cursor's only reference. A caller that leaves
 *	dma_fence_unwrap_for_each() early drops it with dma_fence_put(). NULL
 *	after the end
 * @array: what @chain holds; an array, or a fence visited as such. Borrowed
 *	from @chain
 * @index: position within @array
 */
struct dma_fence_unwrap {
	struct dma_fence *chain;
	struct dma_fence *array;
	unsigned int index;
};

struct dma_fence *dma_fence_unwrap_first(struct dma_fence *head, struct dma_fence_unwrap *cursor);
struct dma_fence *dma_fence_unwrap_next(struct dma_fence_unwrap *cursor);

/**
 * dma_fence_unwrap_for_each - step through all fences that one stands for
 * @fence: loop variable, a &struct dma_fence pointer borrowed until the next
 *	step
 * @cursor: pointer to a &struct dma_fence_unwrap for the loop's use
 * @head: chain, array, chain of arrays, any other fence, or NULL; the caller
 *	keeps its reference
 *
 * Links of a chain whose fence is signaled may be left out.
 *
 * A caller that leaves the loop early, by break, goto or return, must call
 * dma_fence_put(cursor->chain). After the loop's own end that is allowed, too,
 * and does nothing.
 */
#define dma_fence_unwrap_for_each(fence, cursor, head)				\
	for ((fence) = dma_fence_unwrap_first(head, cursor); (fence);		\
	     (fence) = dma_fence_unwrap_next(cursor))

int dma_fence_dedup_array(struct dma_fence **fences, int num_fences);
struct dma_fence *__dma_fence_unwrap_merge(unsigned int num_fences, struct dma_fence **fences,
					   struct dma_fence_unwrap *cursors);

/**
 * dma_fence_unwrap_merge - make one flat fence of several
 *
 * Takes any number of &struct dma_fence pointers, each of which may be a
 * container or NULL. The caller keeps its references. See
 * __dma_fence_unwrap_merge().
 *
 * Context: Process context, may sleep.
 * Return: A fence with a reference owned by the caller, or NULL if memory is
 * short.
 */
#define dma_fence_unwrap_merge(...)						\
	({									\
		struct dma_fence *__merge[] = { __VA_ARGS__ };			\
		struct dma_fence_unwrap __at[ARRAY_SIZE(__merge)];		\
										\
		__dma_fence_unwrap_merge(ARRAY_SIZE(__merge), __merge, __at);	\
	})

#endif /* __LINUX_DMA_FENCE_UNWRAP_H */
