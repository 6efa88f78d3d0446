/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interfaces of the fences' files for the rest of the subsystem only.
 */
#ifndef _DMA_FENCE_INTERNAL_H
#define _DMA_FENCE_INTERNAL_H

#include <linux/dma-fence.h>
#include <linux/ktime.h>
#include <linux/types.h>
#include <trace/events/dma_fence.h>

struct dma_fence_array;

/* dma-fence.c */

bool dma_fence_enable_locked(struct dma_fence *fence);
void dma_fence_release_begin(struct dma_fence *fence);

/*
 * Initialize a fence as dma_fence_init() does, from arguments that are known to
 * be good. In type-stable memory, readers without a reference may look at @ops
 * and @flags at any time. Hence these two are marked.
 */
static __always_inline void dma_fence_init_common(struct dma_fence *fence,
						  const struct dma_fence_ops *ops,
						  spinlock_t *lock, u64 context, u64 seqno)
{
	WRITE_ONCE(fence->ops, ops);
	fence->lock = lock;
	INIT_LIST_HEAD(&fence->cb_list);
	fence->context = context;
	fence->seqno = seqno;
	WRITE_ONCE(fence->flags, 0);
	fence->error = 0;
	/*
	 * In type-stable memory a stale pointer may be looked at by
	 * dma_fence_get_rcu_safe(): from here on it can take references.
	 * Release, and there an acquire, let it see that the pointer is stale.
	 */
	atomic_set_release(&fence->refcount.refcount.refs, 1);
	trace_dma_fence_init(fence);
}

/* dma-fence-array.c */

struct dma_fence_array *dma_fence_array_alloc_whole(unsigned int num_fences);
struct dma_fence *dma_fence_array_init_whole(struct dma_fence_array *array,
					     unsigned int num_fences);
ktime_t dma_fence_array_time(struct dma_fence_array *array);

#endif /* _DMA_FENCE_INTERNAL_H */
