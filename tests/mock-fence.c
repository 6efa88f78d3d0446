// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fence without hardware, for tests. The header says how to use it.
 *
 * Locking: every mock fence has its own lock, taken only by the fence core.
 */
#include <kunit/test.h>
#include <linux/lockdep.h>
#include <linux/slab.h>

#include "mock-fence.h"

static atomic_t mock_fence_count = ATOMIC_INIT(0);

const char *mock_fence_get_driver_name(struct dma_fence *fence)
{
	return "mock";
}

const char *mock_fence_get_timeline_name(struct dma_fence *fence)
{
	return "timeline";
}

bool mock_fence_enable_signaling(struct dma_fence *fence)
{
	struct mock_fence *mock = to_mock_fence(fence);

	lockdep_assert_held(fence->lock);
	atomic_inc(&mock->enable_calls);
	if (mock->enable_signals)
		dma_fence_signal_locked(fence);
	return !mock->enable_fails;
}

bool mock_fence_signaled(struct dma_fence *fence)
{
	struct mock_fence *mock = to_mock_fence(fence);

	atomic_inc(&mock->signaled_calls);
	if (!READ_ONCE(mock->done))
		return false;
	if (mock->done_error)
		dma_fence_set_error(fence, mock->done_error);
	return true;
}

signed long mock_fence_wait(struct dma_fence *fence, bool intr, signed long timeout)
{
	struct mock_fence *mock = to_mock_fence(fence);

	atomic_inc(&mock->wait_calls);
	mock->wait_intr = intr;
	mock->wait_timeout = timeout;
	if (mock->on_wait)
		mock->on_wait(mock);
	return mock->wait_result;
}

void mock_fence_set_deadline(struct dma_fence *fence, ktime_t deadline)
{
	struct mock_fence *mock = to_mock_fence(fence);

	atomic_inc(&mock->deadline_calls);
	mock->deadline = deadline;
}

void mock_fence_release(struct dma_fence *fence)
{
	struct mock_fence *mock = to_mock_fence(fence);

	if (mock->on_release)
		mock->on_release(mock);
	atomic_dec(&mock_fence_count);
	dma_fence_free(fence);
}

const struct dma_fence_ops mock_fence_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.release = mock_fence_release,
};

const struct dma_fence_ops mock_fence_seqno64_ops = {
	.use_64bit_seqno = true,
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.release = mock_fence_release,
};

const struct dma_fence_ops mock_fence_full_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.enable_signaling = mock_fence_enable_signaling,
	.signaled = mock_fence_signaled,
	.set_deadline = mock_fence_set_deadline,
	.release = mock_fence_release,
};

const struct dma_fence_ops mock_fence_wait_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.wait = mock_fence_wait,
	.release = mock_fence_release,
};

int mock_fence_late_names;

static const char *mock_fence_get_mortal_name(struct dma_fence *fence)
{
	if (!test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags))
		return "mortal";
	mock_fence_late_names++;
	return "freed";
}

const struct dma_fence_ops mock_fence_mortal_ops = {
	.get_driver_name = mock_fence_get_mortal_name,
	.get_timeline_name = mock_fence_get_mortal_name,
	.release = mock_fence_release,
};

struct dma_fence *mock_fence_create_ops(struct kunit *test, u64 context, u64 seqno,
					const struct dma_fence_ops *ops)
{
	struct mock_fence *mock = kzalloc(sizeof(*mock), GFP_KERNEL);

	if (test)
		KUNIT_ASSERT_NOT_NULL(test, mock);
	if (!mock)
		return NULL;
	spin_lock_init(&mock->lock);
	atomic_inc(&mock_fence_count);
	dma_fence_init(&mock->base, ops, &mock->lock, context, seqno);
	return &mock->base;
}

struct dma_fence *mock_fence_create(struct kunit *test, u64 context, u64 seqno)
{
	return mock_fence_create_ops(test, context, seqno, &mock_fence_ops);
}

int mock_fence_signal(struct dma_fence *fence)
{
	return dma_fence_signal(fence);
}

int mock_fence_live(void)
{
	return atomic_read(&mock_fence_count);
}

void mock_fence_cb_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct mock_fence_cb *mock = container_of(cb, struct mock_fence_cb, base);

	mock->fence = fence;
	mock->order = mock->clock ? atomic_inc_return(mock->clock) : 0;
	/*
	 * Pairs with the acquire of a test that spins on @calls in another
	 * thread.
	 */
	smp_store_release(&mock->calls, mock->calls + 1);
}
