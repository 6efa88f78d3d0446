/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A timeline: fences linked newest to oldest. A link is signaled when its own
 * fence and all older fences are.
 */
#ifndef __LINUX_DMA_FENCE_CHAIN_H
#define __LINUX_DMA_FENCE_CHAIN_H

#include <linux/dma-fence.h>
#include <linux/llist.h>
#include <linux/slab.h>

/**
 * struct dma_fence_chain - one link of a timeline
 * @base: the fence that others wait for. Its 64-bit seqno is the point on the
 *	timeline, its driver's flags the number of older links
 * @prev: next older link, the fence that the timeline started on, or NULL;
 *	referenced. Moves past signaled links. Locking: read under RCU with a
 *	reference to this link, which also allows to replace it with cmpxchg()
 * @skip: skip link to a distant older link of the same context, or NULL;
 *	referenced. Only makes searching faster. Locking: as @prev, but it only
 *	changes to NULL
 * @prev_seqno: point of the older link when this one was initialized, 0 if this
 *	link starts a new context. Constant
 * @fence: the fence that this link adds; referenced until release. Constant
 * @cb: callback on the fence that @base waits for
 * @node: entry of the queue of signaled links, or of dead links, while @cb is
 *	not in use
 * @lock: lock of @base. The lock of a contained fence nests inside it
 * @depth: number of older links at initialization. Constant. Not in the flags
 *	of @base: the users of links have flags of their own there
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
	u32 depth;
};

/**
 * to_dma_fence_chain - cast a fence to the link it is the base of
 * @fence: fence to cast, or NULL
 *
 * Context: Any context.
 * Return: The link, or NULL when @fence is NULL or not a link.
 */
static inline struct dma_fence_chain *to_dma_fence_chain(struct dma_fence *fence)
{
	if (fence && dma_fence_is_chain(fence))
		return container_of(fence, struct dma_fence_chain, base);

	return NULL;
}

/**
 * dma_fence_chain_contained - return the fence inside a link
 * @fence: link, any other fence, or NULL
 *
 * Context: Any context.
 * Return: The fence inside the link, otherwise @fence. Takes no reference.
 */
static inline struct dma_fence *dma_fence_chain_contained(struct dma_fence *fence)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(fence);

	return chain ? chain->fence : fence;
}

/**
 * dma_fence_chain_alloc - allocate a link without initializing it
 *
 * This is a macro because allocation profiling accounts memory to the caller.
 * Free a link that never reaches dma_fence_chain_init() with
 * dma_fence_chain_free().
 *
 * Context: Process context. May sleep.
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
 * Context: Any context.
 */
static inline void dma_fence_chain_free(struct dma_fence_chain *chain)
{
	kfree(chain);
}

/**
 * dma_fence_chain_for_each - step through a timeline, newest link first
 * @iter: loop variable, a &struct dma_fence pointer
 * @head: link to start with, another fence, which is visited alone, or NULL
 *
 * Signaled older links are left out and unlinked. The fence that the timeline
 * started on is visited last, although it is not a link. @iter holds a
 * reference to the current fence: drop it when leaving the loop early.
 *
 * Context: Any context. May signal fences and take their locks.
 */
#define dma_fence_chain_for_each(iter, head)				\
	for ((iter) = dma_fence_get(head); (iter);			\
	     (iter) = dma_fence_chain_walk(iter))

struct dma_fence *dma_fence_chain_walk(struct dma_fence *fence);
int dma_fence_chain_find_seqno(struct dma_fence **pfence, u64 seqno);
void dma_fence_chain_init(struct dma_fence_chain *chain, struct dma_fence *prev,
			  struct dma_fence *fence, u64 seqno);

#endif /* __LINUX_DMA_FENCE_CHAIN_H */
