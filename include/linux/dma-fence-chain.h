/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A timeline: fences linked newest to oldest, each link signaled when everything up to it is.
 */
#ifndef __LINUX_DMA_FENCE_CHAIN_H
#define __LINUX_DMA_FENCE_CHAIN_H

#include <linux/dma-fence.h>
#include <linux/llist.h>
#include <linux/slab.h>

/**
 * struct dma_fence_chain - one link of a timeline
 * @base: the fence that others wait for; its 64-bit seqno is the point on the timeline
 * @prev: next older link, or the fence that the timeline started on, or NULL; referenced. Skips
 *	signaled links as they are noticed. Locking: read under RCU, replaced by cmpxchg() by
 *	whoever holds a reference to this link
 * @skip: a link of the same context a good way behind, or NULL; referenced. Lets a search leap,
 *	and is never needed to find anything. Locking: as @prev, but it only ever changes to NULL
 * @prev_seqno: point of the older link when this one was made, 0 if this link starts a new
 *	context. Never changes afterwards, whatever @prev becomes
 * @fence: what this link adds to the timeline; referenced. Constant after init
 * @cb: callback on the fence that @base waits for at the moment
 * @node: takes the place of @cb once that was called: queues the link until the lock of the
 *	signaled fence was dropped; later, when the link has died, until it is freed
 * @lock: lock of @base; the lock of the fence waited for nests inside it. Locking: none
 * @depth: number of links behind this one when it was made, unsignaled or not. Constant after init
 */
struct dma_fence_chain {
	struct dma_fence base;
	struct dma_fence __rcu *prev;
	struct dma_fence __rcu *skip;
	u64 prev_seqno;
	struct dma_fence *fence;
	union {
		struct dma_fence_cb cb;
		struct llist_node node;
	};
	spinlock_t lock; /* of base */
	unsigned int depth;
};

/**
 * to_dma_fence_chain - cast a fence to the link it is the base of
 * @fence: fence to cast, or NULL
 *
 * Context: Any.
 * Return: The link, or NULL when @fence is NULL or not a link.
 */
static inline struct dma_fence_chain *to_dma_fence_chain(struct dma_fence *fence)
{
	if (fence && dma_fence_is_chain(fence))
		return container_of(fence, struct dma_fence_chain, base);

	return NULL;
}

/**
 * dma_fence_chain_contained - look through a link at what it adds
 * @fence: link, any other fence, or NULL
 *
 * Context: Any.
 * Return: The fence inside of a link; otherwise @fence. Borrowed.
 */
static inline struct dma_fence *dma_fence_chain_contained(struct dma_fence *fence)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(fence);

	return chain ? chain->fence : fence;
}

/**
 * dma_fence_chain_alloc - allocate a link without initializing it
 *
 * A macro, so that allocation profiling books the memory to the caller. A link that is not passed
 * to dma_fence_chain_init() after all is freed with dma_fence_chain_free().
 *
 * Context: Process context, may sleep.
 * Return: The link, or NULL if memory is short.
 */
#define dma_fence_chain_alloc()							\
	({									\
		struct dma_fence_chain *__link;					\
										\
		__link = kmalloc(sizeof(*__link), GFP_KERNEL);			\
		__link;								\
	})

/**
 * dma_fence_chain_free - free a link that never became a fence
 * @chain: link from dma_fence_chain_alloc(), or NULL
 *
 * Context: Any.
 */
static inline void dma_fence_chain_free(struct dma_fence_chain *chain)
{
	kfree(chain);
}

/**
 * dma_fence_chain_for_each - step through a timeline, newest link first
 * @iter: loop variable, a &struct dma_fence pointer
 * @head: link to start with; or any other fence, which is visited alone; or NULL
 *
 * Signaled older links are skipped, and unlinked on the way. The fence that the timeline started
 * on is visited last, although it is not a link. @iter holds a reference to the current fence: who
 * leaves the loop early must drop it.
 */
#define dma_fence_chain_for_each(iter, head)				\
	for ((iter) = dma_fence_get(head); (iter);			\
	     (iter) = dma_fence_chain_walk(iter))

struct dma_fence *dma_fence_chain_walk(struct dma_fence *fence);
int dma_fence_chain_find_seqno(struct dma_fence **pfence, u64 seqno);
void dma_fence_chain_init(struct dma_fence_chain *chain, struct dma_fence *prev,
			  struct dma_fence *fence, u64 seqno);

#endif /* __LINUX_DMA_FENCE_CHAIN_H */
