// SPDX-License-Identifier: GPL-2.0-only
/*
 * Type-stable memory for the tests of lock-free readers: see mock-recycled.h.
 */
#include <linux/container_of.h>

#include "mock-fence.h"
#include "mock-recycled.h"

static void mock_recycled_release(struct dma_fence *fence);

static const struct dma_fence_ops mock_recycled_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.release = mock_recycled_release,
};

static void mock_recycled_settle(struct mock_recycled *memory, u64 context, u64 seqno)
{
	dma_fence_init(&memory->base, &mock_recycled_ops, &memory->lock, context, seqno);
}

static void mock_recycled_release(struct dma_fence *fence)
{
	struct mock_recycled *memory = container_of(fence, struct mock_recycled, base);

	if (!memory->vacant)
		mock_recycled_settle(memory, MOCK_STRANGER, 1);
}

/**
 * mock_recycled_init - have the first fence live in the memory
 * @memory: zeroed; outlives all references to what lives there
 * @context: of the fence
 * @seqno: of the fence
 *
 * The caller owns the first reference.
 */
void mock_recycled_init(struct mock_recycled *memory, u64 context, u64 seqno)
{
	spin_lock_init(&memory->lock);
	mock_recycled_settle(memory, context, seqno);
}
