/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For suites that are compiled into a stock kernel: what they use and 6.12 does
 * not have yet, made of what it has. Included before everything else.
 */
#ifndef _DMA_BUF_TESTS_STOCK_API_H
#define _DMA_BUF_TESTS_STOCK_API_H

#include <linux/cleanup.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>

#define DMA_RESV_INLINE_SLOTS 4

DEFINE_GUARD(dma_resv, struct dma_resv *, dma_resv_lock(_T, NULL), dma_resv_unlock(_T))
DEFINE_GUARD_COND(dma_resv, _try, dma_resv_trylock(_T))
DEFINE_GUARD_COND(dma_resv, _intr, dma_resv_lock_interruptible(_T, NULL) == 0)

static inline bool dma_fence_test_signaled_flag(struct dma_fence *fence)
{
	return test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags);
}

static inline bool dma_fence_check_and_signal(struct dma_fence *fence)
{
	return dma_fence_signal(fence) < 0;
}

static inline bool dma_fence_check_and_signal_locked(struct dma_fence *fence)
{
	return dma_fence_signal_locked(fence) < 0;
}

static inline void dma_fence_enable_signaling(struct dma_fence *fence)
{
	dma_fence_enable_sw_signaling(fence);
}

#endif /* _DMA_BUF_TESTS_STOCK_API_H */
