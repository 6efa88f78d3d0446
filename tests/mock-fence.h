/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fence without hardware, for tests.
 *
 * A mock fence is an ordinary reference counted fence with a lock of its own.
 * The table given to mock_fence_create_ops() decides which optional operations
 * it has; the members below decide what those answer and count how often they
 * were called. Set the members before the fence is shared; read the counters
 * while holding a reference. Memory is freed an RCU grace period after the last
 * put, so a test that ends need not wait for anything.
 */
#ifndef _DMA_BUF_TESTS_MOCK_FENCE_H
#define _DMA_BUF_TESTS_MOCK_FENCE_H

#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/dma-fence.h>
#include <linux/ktime.h>
#include <linux/spinlock.h>

struct kunit;

/**
 * struct mock_fence - a fence whose every answer a test can choose
 * @base: the fence; what mock_fence_create() returns points here
 * @lock: the lock given to dma_fence_init()
 * @enable_fails: enable_signaling answers false, "it is already over"
 *	(mock_fence_full_ops)
 * @enable_signals: enable_signaling signals the fence itself before it answers
 * @done: what the signaled operation answers; use WRITE_ONCE() when other
 *	threads look
 * @done_error: when not 0, the signaled operation sets this error before it
 *	first answers true
 * @wait_result: what the wait operation returns without waiting
 *	(mock_fence_wait_ops)
 * @enable_calls: calls of enable_signaling
 * @signaled_calls: calls of the signaled operation
 * @wait_calls: calls of the wait operation
 * @wait_intr: the interruptible argument of the last wait
 * @wait_timeout: the timeout, in jiffies, of the last wait
 * @deadline_calls: calls of set_deadline
 * @deadline: argument of the last set_deadline
 * @on_wait: when set, called by the wait operation
 * @on_release: when set, called by the release operation while the fence is
 *	still readable
 * @data: anything a test wants to find again, in @on_release for example
 */
struct mock_fence {
	struct dma_fence base;
	spinlock_t lock; /* given to the fence */
	bool enable_fails;
	bool enable_signals;
	bool done;
	int done_error;
	signed long wait_result;
	atomic_t enable_calls;
	atomic_t signaled_calls;
	atomic_t wait_calls;
	bool wait_intr;
	signed long wait_timeout;
	atomic_t deadline_calls;
	ktime_t deadline;
	void (*on_wait)(struct mock_fence *mock);
	void (*on_release)(struct mock_fence *mock);
	void *data;
};

/*
 * The tables. Driver and timeline are called "mock" and "timeline" by all of
 * them, and all count towards mock_fence_live(). Besides these names and
 * release, they have:
 */
extern const struct dma_fence_ops mock_fence_ops;	/* nothing */
extern const struct dma_fence_ops mock_fence_seqno64_ops; /* use_64bit_seqno */
/* enable_signaling, signaled, deadline */
extern const struct dma_fence_ops mock_fence_full_ops;
/* wait, which returns wait_result */
extern const struct dma_fence_ops mock_fence_wait_ops;

/*
 * Like mock_fence_ops, but both names are "mortal" and go with the signal, like
 * a driver's names when it destroys its queue. The counter says how often a
 * caller asked for a name too late.
 */
extern const struct dma_fence_ops mock_fence_mortal_ops;
extern int mock_fence_late_names;

static inline struct mock_fence *to_mock_fence(struct dma_fence *fence)
{
	return container_of(fence, struct mock_fence, base);
}

/**
 * mock_fence_create_ops - make a fence with a chosen table of operations
 * @test: the running test, which is aborted when memory is short; or NULL
 * @context: context of the fence
 * @seqno: sequence number of the fence
 * @ops: one of the tables above, or the test's own with mock_fence_release() as
 *	release
 *
 * Return: the fence, its reference owned by the caller. NULL only without @test
 * and without memory.
 */
struct dma_fence *mock_fence_create_ops(struct kunit *test, u64 context, u64 seqno,
					const struct dma_fence_ops *ops);

/**
 * mock_fence_create - make a fence that only dma_fence_signal() signals
 * @test: the running test, which is aborted when memory is short; or NULL
 * @context: context of the fence
 * @seqno: sequence number of the fence
 *
 * Return: the fence, its reference owned by the caller. NULL only without @test
 * and without memory.
 */
struct dma_fence *mock_fence_create(struct kunit *test, u64 context, u64 seqno);

/* The operations, for tests that build a table of their own. */
const char *mock_fence_get_driver_name(struct dma_fence *fence);
const char *mock_fence_get_timeline_name(struct dma_fence *fence);
bool mock_fence_enable_signaling(struct dma_fence *fence);
bool mock_fence_signaled(struct dma_fence *fence);
signed long mock_fence_wait(struct dma_fence *fence, bool intr, signed long timeout);
void mock_fence_set_deadline(struct dma_fence *fence, ktime_t deadline);
void mock_fence_release(struct dma_fence *fence);

/* Signal a mock fence; what dma_fence_signal() returned. */
int mock_fence_signal(struct dma_fence *fence);

/*
 * Get the number of mock fences of all tests that are not yet released. It is
 * the same before and after a test.
 */
int mock_fence_live(void);

/**
 * struct mock_fence_cb - a callback that notes when it ran
 * @base: what dma_fence_add_callback() takes, together with
 *	mock_fence_cb_func()
 * @clock: counter shared by the callbacks whose order matters, or NULL
 * @calls: how often it ran
 * @order: value of @clock, after incrementing it, when it ran last
 * @fence: the fence that it was last called with; for comparison only
 */
struct mock_fence_cb {
	struct dma_fence_cb base;
	atomic_t *clock;
	int calls;
	int order;
	struct dma_fence *fence;
};

void mock_fence_cb_func(struct dma_fence *fence, struct dma_fence_cb *cb);

#endif /* _DMA_BUF_TESTS_MOCK_FENCE_H */
