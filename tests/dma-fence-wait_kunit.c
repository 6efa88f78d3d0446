// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-fence-wait.c on one CPU; another thread signals while the test
 * sleeps.
 */
#include <kunit/test.h>
#include <linux/cleanup.h>
#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/timer.h>

#include "expect-splat.h"
#include "mock-fence.h"

/* Long enough that a test which needs all of it has failed. */
#define WAIT_LONG (20 * HZ)

static int dma_fence_wait_live_before;

static int dma_fence_wait_test_init(struct kunit *test)
{
	dma_fence_wait_live_before = mock_fence_live();
	return 0;
}

static void dma_fence_wait_test_exit(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, mock_fence_live(), dma_fence_wait_live_before);
}

/*
 * Whether somebody waits for the fence; who only wants to be told is not meant.
 */
static bool has_waiter(struct dma_fence *fence)
{
	struct dma_fence_cb *first;

	guard(spinlock_irqsave)(fence->lock);
	first = list_first_entry_or_null(&fence->cb_list, struct dma_fence_cb, node);
	return first && first->func != mock_fence_cb_func;
}

/*
 * Until the test waits for the fence, however late that is, and then until it
 * sleeps.
 */
static void await_waiter(struct dma_fence *fence)
{
	int i;

	for (i = 0; i < 10000 && !has_waiter(fence); i++)
		usleep_range(500, 1000);
	msleep(30);
}

/* A thread that does one thing after the test has gone to sleep. */
static int signal_thread(void *fence)
{
	await_waiter(fence);
	dma_fence_signal(fence);
	return 0;
}

static struct task_struct *thread_start(struct kunit *test, int (*fn)(void *), void *arg)
{
	struct task_struct *task = kthread_create(fn, arg, "dma-fence-test");

	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	get_task_struct(task);
	wake_up_process(task);
	return task;
}

static void thread_end(struct task_struct *task)
{
	kthread_stop(task);
	put_task_struct(task);
}

/* Make signal_pending() true for the running test, and false again. */
static void become_interrupted(void)
{
	allow_signal(SIGUSR1);
	send_sig(SIGUSR1, current, 1);
}

static void become_uninterrupted(void)
{
	flush_signals(current);
	disallow_signal(SIGUSR1);
}

static void add_order_cb(struct kunit *test, struct dma_fence *fence, struct mock_fence_cb *cb)
{
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb->base, mock_fence_cb_func), 0);
}

/* One fence */

static void wait_signaled_returns_0(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_fence_wait(fence, false), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_wait(fence, true), 0);
	dma_fence_put(fence);
}

static void wait_signaled_later_returns_0_after_callbacks(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct mock_fence_cb cb = {};
	struct task_struct *task;

	add_order_cb(test, fence, &cb);
	task = thread_start(test, signal_thread, fence);
	KUNIT_EXPECT_EQ(test, dma_fence_wait(fence, false), 0);
	KUNIT_EXPECT_EQ(test, cb.calls, 1);
	thread_end(task);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(fence));
	dma_fence_put(fence);
}

static void wait_timeout_signaled_returns_all_of_it(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, true, 55), 55);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, true, 1), 1);
	dma_fence_put(fence);
}

static void wait_timeout_0_tells_1_or_0(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, 0), 0);
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags));
	KUNIT_EXPECT_TRUE(test, list_empty(&fence->cb_list));
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, 0), 1);
	dma_fence_put(fence);
}

static void wait_timeout_expires_returns_0_and_leaves_nothing(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	unsigned long before = jiffies;

	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, true, 3), 0);
	KUNIT_EXPECT_GE(test, jiffies - before, 3);
	KUNIT_EXPECT_TRUE(test, list_empty(&fence->cb_list));
	dma_fence_put(fence);
}

static void wait_timeout_signaled_later_returns_the_rest(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct task_struct *task = thread_start(test, signal_thread, fence);
	signed long ret = dma_fence_wait_timeout(fence, true, WAIT_LONG);

	KUNIT_EXPECT_GE(test, ret, 1);
	KUNIT_EXPECT_LT(test, ret, WAIT_LONG);
	thread_end(task);
	dma_fence_put(fence);
}

static void wait_timeout_negative_returns_einval(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	expect_splat("dma_fence_wait_timeout");
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, true, -1), -EINVAL);
	KUNIT_EXPECT_FALSE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags));
	dma_fence_put(fence);
}

static void wait_interrupted_returns_erestartsys(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	become_interrupted();
	KUNIT_EXPECT_EQ(test, dma_fence_wait(fence, true), -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, true, WAIT_LONG), -ERESTARTSYS);
	KUNIT_EXPECT_TRUE(test, list_empty(&fence->cb_list));
	become_uninterrupted();
	dma_fence_put(fence);
}

static int interrupt_thread(void *task)
{
	msleep(30);
	send_sig(SIGUSR1, task, 1);
	return 0;
}

static void wait_interrupted_while_asleep_returns_erestartsys(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct task_struct *task;

	allow_signal(SIGUSR1);
	task = thread_start(test, interrupt_thread, current);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, true, WAIT_LONG), -ERESTARTSYS);
	KUNIT_EXPECT_TRUE(test, list_empty(&fence->cb_list));
	thread_end(task);
	become_uninterrupted();
	dma_fence_put(fence);
}

static void wait_interrupted_but_signaled_returns_success(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	dma_fence_signal(fence);
	become_interrupted();
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, true, 5), 5);
	become_uninterrupted();
	dma_fence_put(fence);
}

/* The wait functions with the arguments of one. */
typedef signed long (*wait_fn)(struct dma_fence *fence, bool intr, signed long timeout);

static signed long wait_any_of_one(struct dma_fence *fence, bool intr, signed long timeout)
{
	return dma_fence_wait_any_timeout(&fence, 1, intr, timeout, NULL);
}

struct late_signal {
	struct timer_list timer;
	struct task_struct *task;
};

static void late_signal_send(struct timer_list *timer)
{
	struct late_signal *late = from_timer(late, timer, timer);

	send_sig(SIGUSR1, late->task, 1);
}

/*
 * Wait, with a signal to come at the jiffy in which time is up; return what the
 * wait returned.
 */
static signed long wait_with_late_signal(struct dma_fence *fence, wait_fn wait,
					 struct late_signal *late)
{
	unsigned long start = jiffies;
	signed long ret;

	flush_signals(current);
	while (time_before_eq(jiffies, start))
		cpu_relax();
	mod_timer(&late->timer, jiffies + 2);
	ret = wait(fence, true, 2);
	timer_delete_sync(&late->timer);
	return ret;
}

/*
 * The two timers usually expire in one interrupt, after which the waiter finds
 * both its time up and a signal. Try again if the signal came earlier, so that
 * it ended the wait, or later.
 */
static void expect_expiry_wins(struct kunit *test, wait_fn wait)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct late_signal late = { .task = current };
	signed long ret = 0;
	int i;

	timer_setup_on_stack(&late.timer, late_signal_send, 0);
	allow_signal(SIGUSR1);
	for (i = 0; i < 100; i++) {
		ret = wait_with_late_signal(fence, wait, &late);
		if (!ret && signal_pending(current))
			break;
	}
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_LT(test, i, 100);
	become_uninterrupted();
	destroy_timer_on_stack(&late.timer);
	dma_fence_put(fence);
}

static void wait_interrupted_when_time_is_up_returns_0(struct kunit *test)
{
	expect_expiry_wins(test, dma_fence_wait_timeout);
}

static void default_wait_interrupted_when_time_is_up_returns_0(struct kunit *test)
{
	expect_expiry_wins(test, dma_fence_default_wait);
}

static void wait_any_interrupted_when_time_is_up_returns_0(struct kunit *test)
{
	expect_expiry_wins(test, wait_any_of_one);
}

static void wait_timeout_0_interrupted_returns_0(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	become_interrupted();
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, true, 0), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_default_wait(fence, true, 0), 0);
	KUNIT_EXPECT_EQ(test, wait_any_of_one(fence, true, 0), 0);
	become_uninterrupted();
	dma_fence_put(fence);
}

static void wait_uninterruptible_ignores_task_signals(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	become_interrupted();
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, 2), 0);
	become_uninterrupted();
	dma_fence_put(fence);
}

static void wait_enables_signaling(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);

	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, 1), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, 1), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fence)->enable_calls), 1);
	dma_fence_put(fence);
}

static void wait_enabling_fails_returns_success_at_once(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);

	to_mock_fence(fence)->enable_fails = true;
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, WAIT_LONG), WAIT_LONG);
	dma_fence_put(fence);
}

static void wait_driver_op_is_used_with_the_arguments(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_wait_ops);
	struct mock_fence *mock = to_mock_fence(fence);

	mock->wait_result = 42;
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, true, 77), 42);
	KUNIT_EXPECT_TRUE(test, mock->wait_intr);
	KUNIT_EXPECT_EQ(test, mock->wait_timeout, 77);
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags));

	KUNIT_EXPECT_EQ(test, dma_fence_wait(fence, false), 0);
	KUNIT_EXPECT_FALSE(test, mock->wait_intr);
	KUNIT_EXPECT_EQ(test, mock->wait_timeout, MAX_SCHEDULE_TIMEOUT);

	mock->wait_result = -EDEADLK;
	KUNIT_EXPECT_EQ(test, dma_fence_wait(fence, false), -EDEADLK);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, 1), -EDEADLK);
	KUNIT_EXPECT_EQ(test, atomic_read(&mock->wait_calls), 4);
	dma_fence_put(fence);
}

/* The default wait */

static void default_wait_does_not_enable_signaling(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);

	KUNIT_EXPECT_EQ(test, dma_fence_default_wait(fence, false, 2), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fence)->enable_calls), 0);
	KUNIT_EXPECT_FALSE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags));
	dma_fence_put(fence);
}

static void default_wait_returns_by_the_same_rules(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	KUNIT_EXPECT_EQ(test, dma_fence_default_wait(fence, false, 0), 0);
	become_interrupted();
	KUNIT_EXPECT_EQ(test, dma_fence_default_wait(fence, true, 5), -ERESTARTSYS);
	become_uninterrupted();
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_fence_default_wait(fence, false, 0), 1);
	KUNIT_EXPECT_EQ(test, dma_fence_default_wait(fence, false, 9), 9);
	dma_fence_put(fence);
}

struct peek {
	struct dma_fence *fence;
	struct mock_fence_cb *cb;
	bool waiter_is_first;
};

static int peek_thread(void *arg)
{
	struct peek *peek = arg;
	unsigned long flags;

	await_waiter(peek->fence);
	spin_lock_irqsave(peek->fence->lock, flags);
	peek->waiter_is_first = peek->fence->cb_list.next != &peek->cb->base.node &&
				peek->fence->cb_list.prev == &peek->cb->base.node;
	dma_fence_signal_locked(peek->fence);
	spin_unlock_irqrestore(peek->fence->lock, flags);
	return 0;
}

static void default_wait_queues_ahead_of_callbacks(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct mock_fence_cb cb = {};
	struct peek peek = { .fence = fence, .cb = &cb };
	struct task_struct *task;

	add_order_cb(test, fence, &cb);
	task = thread_start(test, peek_thread, &peek);
	KUNIT_EXPECT_GE(test, dma_fence_default_wait(fence, false, WAIT_LONG), 1);
	thread_end(task);
	KUNIT_EXPECT_TRUE(test, peek.waiter_is_first);
	KUNIT_EXPECT_EQ(test, cb.calls, 1);
	dma_fence_put(fence);
}

/*
 * What a driver does that signals in two steps: the bit in an interrupt, then,
 * under the lock, the list is taken over and everything on it called.
 */
static int notify_later_thread(void *arg)
{
	struct dma_fence *fence = arg;
	struct dma_fence_cb *cb, *next;
	unsigned long flags;
	LIST_HEAD(list);

	msleep(20);
	set_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags);
	msleep(20);
	spin_lock_irqsave(fence->lock, flags);
	list_replace(&fence->cb_list, &list);
	fence->timestamp = 5;
	set_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &fence->flags);
	list_for_each_entry_safe(cb, next, &list, node) {
		INIT_LIST_HEAD(&cb->node);
		cb->func(fence, cb);
	}
	spin_unlock_irqrestore(fence->lock, flags);
	return 0;
}

static void wait_driver_notifies_later_returns_success(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct task_struct *task = thread_start(test, notify_later_thread, fence);

	KUNIT_EXPECT_GE(test, dma_fence_wait_timeout(fence, false, WAIT_LONG), 1);
	thread_end(task);
	KUNIT_EXPECT_EQ(test, dma_fence_timestamp(fence), 5);
	dma_fence_put(fence);
}

static void wait_timeout_bit_set_by_driver_counts_when_time_is_up(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	set_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, 3), 3);
	KUNIT_EXPECT_TRUE(test, list_empty(&fence->cb_list));
	dma_fence_put(fence);
}

/* Any of several */

struct any {
	struct dma_fence *fences[3];
};

static void any_create(struct kunit *test, struct any *any)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(any->fences); i++)
		any->fences[i] = mock_fence_create_ops(test, i + 1, 1, &mock_fence_full_ops);
}

/* Nothing may be left queued on those that are still pending. */
static void any_destroy(struct kunit *test, struct any *any)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(any->fences); i++) {
		if (!dma_fence_test_signaled_flag(any->fences[i]))
			KUNIT_EXPECT_TRUE(test, list_empty(&any->fences[i]->cb_list));
		dma_fence_put(any->fences[i]);
	}
}

static void wait_any_bad_arguments_return_einval(struct kunit *test)
{
	struct dma_fence *none = NULL;
	struct any any;

	any_create(test, &any);
	expect_splat("dma_fence_wait_any_timeout");
	KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(NULL, 3, true, 1, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(any.fences, 0, true, 1, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(any.fences, 3, true, -1, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(&none, 1, true, 1, NULL), -EINVAL);
	any_destroy(test, &any);
}

static void wait_any_timeout_0_asks_the_drivers(struct kunit *test)
{
	struct any any;
	u32 idx = 99;

	any_create(test, &any);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(any.fences, 3, true, 0, &idx), 0);
	KUNIT_EXPECT_EQ(test, idx, 99);
	to_mock_fence(any.fences[1])->done = true;
	KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(any.fences, 3, true, 0, &idx), 1);
	KUNIT_EXPECT_EQ(test, idx, 1);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(any.fences, 3, true, 0, NULL), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(any.fences[0])->enable_calls), 0);
	any_destroy(test, &any);
}

static void wait_any_one_signaled_returns_its_index(struct kunit *test)
{
	struct any any;
	u32 idx = 99;

	any_create(test, &any);
	dma_fence_signal(any.fences[2]);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(any.fences, 3, true, 44, &idx), 44);
	KUNIT_EXPECT_EQ(test, idx, 2);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(any.fences, 3, true, 44, NULL), 44);
	any_destroy(test, &any);
}

static void wait_any_enabling_fails_returns_its_index(struct kunit *test)
{
	struct any any;
	u32 idx = 99;

	any_create(test, &any);
	to_mock_fence(any.fences[1])->enable_fails = true;
	KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(any.fences, 3, true, 44, &idx), 44);
	KUNIT_EXPECT_EQ(test, idx, 1);
	any_destroy(test, &any);
}

static void wait_any_signaled_later_returns_its_index_and_the_rest(struct kunit *test)
{
	struct task_struct *task;
	struct any any;
	signed long ret;
	u32 idx = 99;

	any_create(test, &any);
	task = thread_start(test, signal_thread, any.fences[1]);
	ret = dma_fence_wait_any_timeout(any.fences, 3, true, WAIT_LONG, &idx);
	KUNIT_EXPECT_GE(test, ret, 1);
	KUNIT_EXPECT_LT(test, ret, WAIT_LONG);
	KUNIT_EXPECT_EQ(test, idx, 1);
	thread_end(task);
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(any.fences[0])->enable_calls), 1);
	any_destroy(test, &any);
}

static void wait_any_expires_returns_0(struct kunit *test)
{
	unsigned long before;
	struct any any;
	u32 idx = 99;

	any_create(test, &any);
	before = jiffies;
	KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(any.fences, 3, false, 3, &idx), 0);
	KUNIT_EXPECT_GE(test, jiffies - before, 3);
	KUNIT_EXPECT_EQ(test, idx, 99);
	any_destroy(test, &any);
}

static void wait_any_interrupted_returns_erestartsys(struct kunit *test)
{
	struct any any;
	u32 idx = 99;

	any_create(test, &any);
	become_interrupted();
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS,
			dma_fence_wait_any_timeout(any.fences, 3, true, WAIT_LONG, &idx));
	KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(any.fences, 3, false, 2, &idx), 0);
	become_uninterrupted();
	KUNIT_EXPECT_EQ(test, idx, 99);
	any_destroy(test, &any);
}

static struct kunit_case dma_fence_wait_cases[] = {
	KUNIT_CASE(wait_signaled_returns_0),
	KUNIT_CASE(wait_signaled_later_returns_0_after_callbacks),
	KUNIT_CASE(wait_timeout_signaled_returns_all_of_it),
	KUNIT_CASE(wait_timeout_0_tells_1_or_0),
	KUNIT_CASE(wait_timeout_expires_returns_0_and_leaves_nothing),
	KUNIT_CASE(wait_timeout_signaled_later_returns_the_rest),
	KUNIT_CASE(wait_timeout_negative_returns_einval),
	KUNIT_CASE(wait_interrupted_returns_erestartsys),
	KUNIT_CASE(wait_interrupted_while_asleep_returns_erestartsys),
	KUNIT_CASE(wait_interrupted_but_signaled_returns_success),
	KUNIT_CASE(wait_interrupted_when_time_is_up_returns_0),
	KUNIT_CASE(default_wait_interrupted_when_time_is_up_returns_0),
	KUNIT_CASE(wait_any_interrupted_when_time_is_up_returns_0),
	KUNIT_CASE(wait_timeout_0_interrupted_returns_0),
	KUNIT_CASE(wait_uninterruptible_ignores_task_signals),
	KUNIT_CASE(wait_enables_signaling),
	KUNIT_CASE(wait_enabling_fails_returns_success_at_once),
	KUNIT_CASE(wait_driver_op_is_used_with_the_arguments),
	KUNIT_CASE(default_wait_does_not_enable_signaling),
	KUNIT_CASE(default_wait_returns_by_the_same_rules),
	KUNIT_CASE(default_wait_queues_ahead_of_callbacks),
	KUNIT_CASE(wait_driver_notifies_later_returns_success),
	KUNIT_CASE(wait_timeout_bit_set_by_driver_counts_when_time_is_up),
	KUNIT_CASE(wait_any_bad_arguments_return_einval),
	KUNIT_CASE(wait_any_timeout_0_asks_the_drivers),
	KUNIT_CASE(wait_any_one_signaled_returns_its_index),
	KUNIT_CASE(wait_any_enabling_fails_returns_its_index),
	KUNIT_CASE(wait_any_signaled_later_returns_its_index_and_the_rest),
	KUNIT_CASE(wait_any_expires_returns_0),
	KUNIT_CASE(wait_any_interrupted_returns_erestartsys),
	{}
};

static struct kunit_suite dma_fence_wait_suite = {
	.name = "dma_fence_wait",
	.init = dma_fence_wait_test_init,
	.exit = dma_fence_wait_test_exit,
	.test_cases = dma_fence_wait_cases,
};

kunit_test_suite(dma_fence_wait_suite);
