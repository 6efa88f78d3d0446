// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for fences: for one, and for any of several.
 *
 * Locking: &dma_fence.lock, the innermost lock, is all that is taken here.
 *
 * A wait for one fence ends under the lock of that fence, never by a look at
 * the signaled bit alone. dma_fence_signal() holds the lock until it is done
 * with the fence. So on return the fence can be freed, even one that was not
 * reference counted but lives on the waiter's stack. A driver that sets the bit
 * itself and runs the callbacks later needs a reference of its own until then.
 */
#include <linux/dma-fence.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include <trace/events/dma_fence.h>

#include "dma-fence-internal.h"

struct dma_fence_waiter {
	struct dma_fence_cb base;
	struct task_struct *task;
};

static void dma_fence_waiter_wake(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence_waiter *waiter = container_of(cb, struct dma_fence_waiter, base);

	wake_up_state(waiter->task, TASK_NORMAL);
}

/*
 * Decide whether a waiter with @left jiffies to go has to go on. If not, @left
 * becomes what the wait returns: at least 1 for success, 0 out of time, or an
 * errno. Expiry goes before a signal: -ERESTARTSYS makes callers start over,
 * with all of a relative timeout.
 */
static bool dma_fence_wait_goes_on(bool signaled, bool intr, signed long *left)
{
	if (signaled) {
		*left = max(*left, 1L);
		return false;
	}
	if (*left > 0 && intr && signal_pending(current))
		*left = -ERESTARTSYS;
	return *left > 0;
}

/*
 * Sleep until the fence is signaled or time is up. Called with the fence's
 * lock, which is dropped meanwhile; @flags are the caller's.
 */
static noinline signed long dma_fence_sleep(struct dma_fence *fence, bool intr, signed long left,
					    unsigned long flags)
{
	struct dma_fence_waiter waiter = { .base.func = dma_fence_waiter_wake, .task = current };

	list_add(&waiter.base.node, &fence->cb_list);
	do {
		/*
		 * The waker takes the lock after we drop it, hence sees this
		 * state.
		 */
		__set_current_state(intr ? TASK_INTERRUPTIBLE : TASK_UNINTERRUPTIBLE);
		spin_unlock_irqrestore(fence->lock, flags);
		left = schedule_timeout(left);
		spin_lock_irqsave(fence->lock, flags);
	} while (dma_fence_wait_goes_on(dma_fence_test_signaled_flag(fence), intr, &left));

	/*
	 * Signaled does not mean notified: a driver may do the one long before
	 * the other.
	 */
	list_del(&waiter.base.node);
	return left;
}

/*
 * Wait, after having the fence signaled unasked if @enable. Lock a signaled
 * fence, too: the signaler may still hold the lock and use the fence.
 */
static __always_inline signed long dma_fence_wait_common(struct dma_fence *fence, bool intr,
							 signed long timeout, bool enable)
{
	unsigned long flags;
	bool signaled;

	spin_lock_irqsave(fence->lock, flags);
	signaled = enable ? !dma_fence_enable_locked(fence) : dma_fence_test_signaled_flag(fence);
	if (unlikely(dma_fence_wait_goes_on(signaled, intr, &timeout)))
		timeout = dma_fence_sleep(fence, intr, timeout, flags);
	spin_unlock_irqrestore(fence->lock, flags);

	return timeout;
}

/**
 * dma_fence_default_wait - wait for one fence that will be signaled unasked
 * @fence: the fence; the caller holds a reference
 * @intr: whether a signal sent to the task ends the wait
 * @timeout: jiffies to wait at most, or MAX_SCHEDULE_TIMEOUT; 0 only looks
 *
 * What dma_fence_wait_timeout() does without &dma_fence_ops.wait. Does not make
 * the driver signal the fence. dma_fence_signal() wakes the waiter first, but
 * the waiter returns after the callbacks have run.
 *
 * Context: Process context. May sleep unless @timeout is 0. Takes and releases
 * the fence lock.
 * Return: the jiffies left, at least 1, when signaled; 0 when out of time, even
 * if the task has a signal pending, too; -ERESTARTSYS when interrupted.
 */
signed long dma_fence_default_wait(struct dma_fence *fence, bool intr, signed long timeout)
{
	return dma_fence_wait_common(fence, intr, timeout, false);
}
EXPORT_SYMBOL(dma_fence_default_wait);

/**
 * dma_fence_wait_timeout - wait until a fence is signaled or time is up
 * @fence: the fence; the caller holds a reference, or owns it otherwise
 * @intr: whether a signal sent to the task ends the wait
 * @timeout: jiffies to wait at most, or MAX_SCHEDULE_TIMEOUT; 0 only looks
 *
 * Makes the driver signal the fence unasked. On success dma_fence_signal() has
 * run all callbacks and no longer uses the fence. That does not hold for a
 * driver that has &dma_fence_ops.wait, or that sets the signaled bit itself and
 * runs the callbacks later.
 *
 * Context: Process context. May sleep. Takes and releases the fence lock. Must
 * not be called in a section that has to complete for fences to be signaled.
 * Return: the jiffies left, at least 1, when signaled; 0 when out of time, even
 * if the task has a signal pending, too; -ERESTARTSYS when interrupted; -EINVAL
 * with a warning when @timeout is negative; or an error of &dma_fence_ops.wait.
 */
signed long dma_fence_wait_timeout(struct dma_fence *fence, bool intr, signed long timeout)
{
	signed long ret;

	might_sleep();
	if (WARN_ON_ONCE(timeout < 0))
		return -EINVAL;

	__dma_fence_might_wait();
	trace_dma_fence_wait_start(fence);
	if (fence->ops->wait) {
		dma_fence_enable_sw_signaling(fence);
		ret = fence->ops->wait(fence, intr, timeout);
	} else {
		ret = dma_fence_wait_common(fence, intr, timeout, true);
	}
	trace_dma_fence_wait_end(fence);

	return ret;
}
EXPORT_SYMBOL(dma_fence_wait_timeout);

/* True when one of the fences is known to be signaled; @idx says which. */
static bool dma_fence_any_flagged(struct dma_fence **fences, u32 count, u32 *idx)
{
	for (*idx = 0; *idx < count; ++*idx)
		if (dma_fence_test_signaled_flag(fences[*idx]))
			return true;
	return false;
}

/*
 * Return 1 if one of the fences is signaled, after asking the drivers; @idx
 * says which. A wait with a timeout of zero can do no more than that.
 */
static signed long dma_fence_any_poll(struct dma_fence **fences, u32 count, u32 *idx)
{
	for (*idx = 0; *idx < count; ++*idx)
		if (dma_fence_is_signaled(fences[*idx]))
			return 1;
	return 0;
}

/*
 * Sleep until one is signaled, each of which has a waiter queued that wakes
 * this task.
 */
static signed long dma_fence_any_sleep(struct dma_fence **fences, u32 count,
				       bool intr, signed long timeout, u32 *idx)
{
	signed long left = timeout;
	bool signaled;

	for (;;) {
		/*
		 * Pairs with the barrier of wake_up_state(), which follows the
		 * signaled bit.
		 */
		set_current_state(intr ? TASK_INTERRUPTIBLE : TASK_UNINTERRUPTIBLE);
		signaled = dma_fence_any_flagged(fences, count, idx);
		if (!dma_fence_wait_goes_on(signaled, intr, &left))
			break;
		left = schedule_timeout(left);
	}
	__set_current_state(TASK_RUNNING);
	return left;
}

/*
 * Queue waiters until a fence turns out to be signaled already, wait, and take
 * the waiters back. That takes the lock of each fence that may have ended the
 * wait.
 */
static signed long dma_fence_any_wait(struct dma_fence **fences, u32 count,
				      bool intr, signed long timeout, u32 *idx)
{
	struct dma_fence_waiter *waiters;
	bool pending = true;
	signed long ret;
	u32 n;

	if (dma_fence_any_flagged(fences, count, idx)) {
		/*
		 * The signaler set the flag under the lock and may still run
		 * callbacks.
		 */
		__dma_fence_signaler_wait(fences[*idx]);
		return timeout;
	}

	waiters = kcalloc(count, sizeof(*waiters), GFP_KERNEL);
	if (!waiters)
		return -ENOMEM;

	for (n = 0; n < count && pending; n++) {
		waiters[n].task = current;
		pending = !dma_fence_add_callback(fences[n], &waiters[n].base,
						  dma_fence_waiter_wake);
	}
	ret = dma_fence_any_sleep(fences, n, intr, timeout, idx);
	while (n--)
		dma_fence_remove_callback(fences[n], &waiters[n].base);
	kfree(waiters);
	return ret;
}

static bool dma_fence_any_valid(struct dma_fence **fences, u32 count, signed long timeout)
{
	u32 i;

	if (!fences || !count || timeout < 0)
		return false;
	for (i = 0; i < count; i++)
		if (!fences[i])
			return false;
	return true;
}

/**
 * dma_fence_wait_any_timeout - wait until one of several fences is signaled or
 * time is up
 * @fences: the fences; the caller holds a reference to each
 * @count: how many; at least 1
 * @intr: whether a signal sent to the task ends the wait
 * @timeout: jiffies to wait at most, or MAX_SCHEDULE_TIMEOUT; 0 only asks the
 *	drivers
 * @idx: where to store the index of a signaled fence on success; or NULL
 *
 * Makes the drivers signal the fences unasked, except with a @timeout of 0.
 * Does not use &dma_fence_ops.wait.
 *
 * Context: may sleep and allocate unless @timeout is 0; takes the lock of each
 * fence.
 * Return: the jiffies left, at least 1, when one is signaled; 0 when out of
 * time, even if the task has a signal pending, too; -ERESTARTSYS when
 * interrupted; -ENOMEM; -EINVAL with a warning when there are no fences, one of
 * them is NULL or @timeout is negative.
 */
signed long dma_fence_wait_any_timeout(struct dma_fence **fences, u32 count,
				       bool intr, signed long timeout, u32 *idx)
{
	signed long ret;
	u32 first;

	if (WARN_ON_ONCE(!dma_fence_any_valid(fences, count, timeout)))
		return -EINVAL;

	if (timeout) {
		might_sleep();
		__dma_fence_might_wait();
		ret = dma_fence_any_wait(fences, count, intr, timeout, &first);
	} else {
		ret = dma_fence_any_poll(fences, count, &first);
	}
	if (ret > 0 && idx)
		*idx = first;
	return ret;
}
EXPORT_SYMBOL(dma_fence_wait_any_timeout);
