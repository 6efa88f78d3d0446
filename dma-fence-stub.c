// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fences that have always been signaled, for where there is nothing to wait
 * for.
 *
 * Locking: dma_fence_stub_lock, the &dma_fence.lock of all of them.
 */
#include <linux/dma-fence.h>
#include <linux/export.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static const char *dma_fence_stub_get_name(struct dma_fence *fence)
{
	return "stub";
}

static const struct dma_fence_ops dma_fence_stub_ops = {
	.get_driver_name = dma_fence_stub_get_name,
	.get_timeline_name = dma_fence_stub_get_name,
};

/* Lock of all stub fences, and of the initialisation of the shared one. */
static DEFINE_SPINLOCK(dma_fence_stub_lock);
static struct dma_fence dma_fence_stub;

static void dma_fence_stub_init(struct dma_fence *fence, ktime_t timestamp)
{
	dma_fence_init(fence, &dma_fence_stub_ops, &dma_fence_stub_lock, 0, 0);
	__set_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags);
	dma_fence_signal_timestamp_locked(fence, timestamp);
}

/**
 * dma_fence_get_stub - get the fence that has always been signaled
 *
 * For interfaces that need a fence where there is nothing to wait for.
 *
 * Context: any, from the earliest initcall on.
 * Return: the one shared stub fence, its reference owned by the caller; never
 * NULL. Context and sequence number are 0, its timestamp is that of the first
 * call.
 */
struct dma_fence *dma_fence_get_stub(void)
{
	unsigned long flags;

	/* The last bit set by a signal: pairs with the barrier there. */
	if (!test_bit_acquire(DMA_FENCE_FLAG_TIMESTAMP_BIT, &dma_fence_stub.flags)) {
		spin_lock_irqsave(&dma_fence_stub_lock, flags);
		if (!dma_fence_stub.ops)
			dma_fence_stub_init(&dma_fence_stub, ktime_get());
		spin_unlock_irqrestore(&dma_fence_stub_lock, flags);
	}
	return dma_fence_get(&dma_fence_stub);
}
EXPORT_SYMBOL(dma_fence_get_stub);

/**
 * dma_fence_allocate_private_stub - make a signaled fence with a time of its
 * own
 * @timestamp: when it shall have been signaled, CLOCK_MONOTONIC
 *
 * Context: may sleep.
 * Return: a fence like that of dma_fence_get_stub(), its only reference owned
 * by the caller, or NULL when out of memory.
 */
struct dma_fence *dma_fence_allocate_private_stub(ktime_t timestamp)
{
	struct dma_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);
	unsigned long flags;

	if (!fence)
		return NULL;
	spin_lock_irqsave(&dma_fence_stub_lock, flags);
	dma_fence_stub_init(fence, timestamp);
	spin_unlock_irqrestore(&dma_fence_stub_lock, flags);
	return fence;
}
EXPORT_SYMBOL(dma_fence_allocate_private_stub);
