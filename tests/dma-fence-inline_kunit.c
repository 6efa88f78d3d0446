// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of what dma-fence.h implements itself: status, order of sequence
 * numbers, RCU references.
 */
#include <kunit/test.h>
#include <linux/dma-fence.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/rcupdate.h>

#include "expect-splat.h"
#include "mock-fence.h"

static int dma_fence_inline_live_before;

static int dma_fence_inline_test_init(struct kunit *test)
{
	dma_fence_inline_live_before = mock_fence_live();
	return 0;
}

static void dma_fence_inline_test_exit(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, mock_fence_live(), dma_fence_inline_live_before);
}

/* Status */

static void is_signaled_without_op_follows_the_flag(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	dma_fence_signal(fence);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	dma_fence_put(fence);
}

static void is_signaled_driver_says_so_signals_and_runs_callbacks(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);
	struct mock_fence *mock = to_mock_fence(fence);
	struct mock_fence_cb cb = {};

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb.base, mock_fence_cb_func), 0);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	mock->done = true;
	KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(fence));
	KUNIT_EXPECT_EQ(test, atomic_read(&mock->signaled_calls), 1);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_EQ(test, cb.calls, 1);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(fence));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_EQ(test, atomic_read(&mock->signaled_calls), 2);
	dma_fence_put(fence);
}

static void is_signaled_locked_driver_says_so_signals(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);
	bool before, after, again;
	unsigned long flags;

	spin_lock_irqsave(fence->lock, flags);
	before = dma_fence_is_signaled_locked(fence);
	to_mock_fence(fence)->done = true;
	after = dma_fence_is_signaled_locked(fence);
	again = dma_fence_is_signaled_locked(fence);
	spin_unlock_irqrestore(fence->lock, flags);

	KUNIT_EXPECT_FALSE(test, before);
	KUNIT_EXPECT_TRUE(test, after);
	KUNIT_EXPECT_TRUE(test, again);
	KUNIT_EXPECT_EQ(test, dma_fence_signal(fence), -EINVAL);
	dma_fence_put(fence);
}

static void get_status_is_0_then_1(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), 0);
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), 1);
	dma_fence_put(fence);
}

static void get_status_failed_is_the_error_after_the_signal(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	dma_fence_set_error(fence, -EIO);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), 0);
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), -EIO);
	dma_fence_put(fence);
}

static void get_status_error_set_by_the_signaled_op_is_seen(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);

	to_mock_fence(fence)->done_error = -ETIME;
	to_mock_fence(fence)->done = true;
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), -ETIME);
	dma_fence_put(fence);
}

static void get_status_locked_is_0_then_1_or_error(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);
	int before, after, failed;
	unsigned long flags;

	spin_lock_irqsave(fence->lock, flags);
	before = dma_fence_get_status_locked(fence);
	to_mock_fence(fence)->done = true;
	after = dma_fence_get_status_locked(fence);
	fence->error = -EIO;
	failed = dma_fence_get_status_locked(fence);
	spin_unlock_irqrestore(fence->lock, flags);

	KUNIT_EXPECT_EQ(test, before, 0);
	KUNIT_EXPECT_EQ(test, after, 1);
	KUNIT_EXPECT_EQ(test, failed, -EIO);
	dma_fence_put(fence);
}

/*
 * The functions warn_*() give the warnings in inline functions a name of their
 * own in the log.
 */
static noinline __flatten void warn_set_error(struct dma_fence *fence, int error)
{
	dma_fence_set_error(fence, error);
}

static void set_error_after_the_signal_warns(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	dma_fence_signal(fence);
	expect_splat("warn_set_error");
	warn_set_error(fence, -EIO);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), -EIO);
	dma_fence_put(fence);
}

static noinline __flatten ktime_t warn_timestamp(struct dma_fence *fence)
{
	return dma_fence_timestamp(fence);
}

static void timestamp_pending_warns_and_is_now(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	ktime_t before = ktime_get();

	expect_splat("warn_timestamp");
	KUNIT_EXPECT_GE(test, warn_timestamp(fence), before);
	dma_fence_put(fence);
}

/* Order */

/* Names */

static const char *names_driver(struct dma_fence *fence)
{
	const char __rcu *name;

	guard(rcu)();
	name = dma_fence_driver_name(fence);
	return rcu_dereference(name);
}

static const char *names_timeline(struct dma_fence *fence)
{
	const char __rcu *name;

	guard(rcu)();
	name = dma_fence_timeline_name(fence);
	return rcu_dereference(name);
}

static void names_pending_are_the_driver_s(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	KUNIT_EXPECT_STREQ(test, names_driver(fence), "mock");
	KUNIT_EXPECT_STREQ(test, names_timeline(fence), "timeline");
	dma_fence_put(fence);
}

static void names_signaled_leave_the_driver_s_alone(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_mortal_ops);

	dma_fence_signal(fence);
	mock_fence_late_names = 0;
	KUNIT_EXPECT_STREQ(test, names_driver(fence), "detached-driver");
	KUNIT_EXPECT_STREQ(test, names_timeline(fence), "signaled-timeline");
	KUNIT_EXPECT_EQ(test, mock_fence_late_names, 0);
	dma_fence_put(fence);
}

static void is_later_32_bit_wraps_and_ignores_the_upper_half(struct kunit *test)
{
	const struct dma_fence_ops *ops = &mock_fence_ops;

	KUNIT_EXPECT_TRUE(test, __dma_fence_is_later(2, 1, ops));
	KUNIT_EXPECT_FALSE(test, __dma_fence_is_later(1, 2, ops));
	KUNIT_EXPECT_FALSE(test, __dma_fence_is_later(1, 1, ops));
	KUNIT_EXPECT_TRUE(test, __dma_fence_is_later(1, 0xffffffff, ops));
	KUNIT_EXPECT_FALSE(test, __dma_fence_is_later(0xffffffff, 1, ops));
	KUNIT_EXPECT_TRUE(test, __dma_fence_is_later(0x7fffffff, 0, ops));
	KUNIT_EXPECT_FALSE(test, __dma_fence_is_later(0x80000001, 0, ops));
	KUNIT_EXPECT_FALSE(test, __dma_fence_is_later(0x100000000ULL, 0, ops));
	KUNIT_EXPECT_TRUE(test, __dma_fence_is_later(2, 0x500000001ULL, ops));
}

static void is_later_64_bit_is_plain(struct kunit *test)
{
	const struct dma_fence_ops *ops = &mock_fence_seqno64_ops;

	KUNIT_EXPECT_TRUE(test, __dma_fence_is_later(0x100000000ULL, 0xffffffff, ops));
	KUNIT_EXPECT_FALSE(test, __dma_fence_is_later(0xffffffff, 0x100000000ULL, ops));
	KUNIT_EXPECT_TRUE(test, __dma_fence_is_later(U64_MAX, 0, ops));
	KUNIT_EXPECT_FALSE(test, __dma_fence_is_later(5, 5, ops));
}

static void is_later_same_context_compares_seqnos(struct kunit *test)
{
	struct dma_fence *a = mock_fence_create(test, 1, 1);
	struct dma_fence *b = mock_fence_create(test, 1, 2);
	struct dma_fence *twin = mock_fence_create(test, 1, 2);

	KUNIT_EXPECT_TRUE(test, dma_fence_is_later(b, a));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_later(a, b));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_later(b, b));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_later_or_same(b, b));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_later_or_same(b, a));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_later_or_same(a, b));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_later_or_same(twin, b));
	dma_fence_put(twin);
	dma_fence_put(b);
	dma_fence_put(a);
}

static noinline __flatten bool warn_is_later(struct dma_fence *f1, struct dma_fence *f2)
{
	return dma_fence_is_later(f1, f2);
}

static noinline __flatten struct dma_fence *warn_later(struct dma_fence *f1, struct dma_fence *f2)
{
	return dma_fence_later(f1, f2);
}

static void is_later_other_context_warns_and_is_false(struct kunit *test)
{
	struct dma_fence *a = mock_fence_create(test, 1, 2);
	struct dma_fence *b = mock_fence_create(test, 2, 1);

	expect_splat("warn_is_later");
	KUNIT_EXPECT_FALSE(test, warn_is_later(a, b));
	expect_splat("warn_later");
	KUNIT_EXPECT_NULL(test, warn_later(a, b));
	dma_fence_put(b);
	dma_fence_put(a);
}

static void later_returns_the_pending_later_one(struct kunit *test)
{
	struct dma_fence *a = mock_fence_create(test, 1, 1);
	struct dma_fence *b = mock_fence_create(test, 1, 2);

	KUNIT_EXPECT_PTR_EQ(test, dma_fence_later(a, b), b);
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_later(b, a), b);
	dma_fence_signal(a);
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_later(a, b), b);
	dma_fence_signal(b);
	KUNIT_EXPECT_NULL(test, dma_fence_later(a, b));
	KUNIT_EXPECT_NULL(test, dma_fence_later(b, a));
	KUNIT_EXPECT_EQ(test, kref_read(&b->refcount), 1);
	dma_fence_put(b);
	dma_fence_put(a);
}

/* RCU references */

static void get_rcu_in_release(struct mock_fence *mock)
{
	*(struct dma_fence **)mock->data = dma_fence_get_rcu(&mock->base);
}

static void get_rcu_released_returns_null(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct dma_fence *got = fence;

	to_mock_fence(fence)->on_release = get_rcu_in_release;
	to_mock_fence(fence)->data = &got;
	dma_fence_put(fence);
	KUNIT_EXPECT_NULL(test, got);
}

static void get_rcu_live_takes_a_reference(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	rcu_read_lock();
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_get_rcu(fence), fence);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
	dma_fence_put(fence);
	dma_fence_put(fence);
}

static void get_rcu_safe_empty_place_returns_null(struct kunit *test)
{
	struct dma_fence __rcu *place = NULL;

	rcu_read_lock();
	KUNIT_EXPECT_NULL(test, dma_fence_get_rcu_safe(&place));
	rcu_read_unlock();
}

static void get_rcu_safe_live_takes_a_reference(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct dma_fence __rcu *place;

	rcu_assign_pointer(place, fence);
	rcu_read_lock();
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_get_rcu_safe(&place), fence);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
	dma_fence_put(fence);
	dma_fence_put(fence);
}

/* Containers */

static void is_container_plain_fence_is_none(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	KUNIT_EXPECT_FALSE(test, dma_fence_is_array(fence));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_chain(fence));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_container(fence));
	dma_fence_put(fence);
}

static void is_container_chain_is_one(struct kunit *test)
{
	struct dma_fence_chain *chain = dma_fence_chain_alloc();
	struct dma_fence *fence;

	KUNIT_ASSERT_NOT_NULL(test, chain);
	fence = mock_fence_create(test, 1, 1);
	dma_fence_chain_init(chain, NULL, fence, 1);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_chain(&chain->base));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_container(&chain->base));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_array(&chain->base));
	dma_fence_put(&chain->base);
}

static void is_container_array_is_one(struct kunit *test)
{
	struct dma_fence **fences = kmalloc(sizeof(*fences), GFP_KERNEL);
	struct dma_fence_array *array;

	KUNIT_ASSERT_NOT_NULL(test, fences);
	fences[0] = mock_fence_create(test, 1, 1);
	array = dma_fence_array_create(1, fences, 2, 1, false);
	KUNIT_ASSERT_NOT_NULL(test, array);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_array(&array->base));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_container(&array->base));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_chain(&array->base));
	dma_fence_put(&array->base);
}

static struct kunit_case dma_fence_inline_cases[] = {
	KUNIT_CASE(is_signaled_without_op_follows_the_flag),
	KUNIT_CASE(is_signaled_driver_says_so_signals_and_runs_callbacks),
	KUNIT_CASE(is_signaled_locked_driver_says_so_signals),
	KUNIT_CASE(get_status_is_0_then_1),
	KUNIT_CASE(get_status_failed_is_the_error_after_the_signal),
	KUNIT_CASE(get_status_error_set_by_the_signaled_op_is_seen),
	KUNIT_CASE(get_status_locked_is_0_then_1_or_error),
	KUNIT_CASE(set_error_after_the_signal_warns),
	KUNIT_CASE(timestamp_pending_warns_and_is_now),
	KUNIT_CASE(names_pending_are_the_driver_s),
	KUNIT_CASE(names_signaled_leave_the_driver_s_alone),
	KUNIT_CASE(is_later_32_bit_wraps_and_ignores_the_upper_half),
	KUNIT_CASE(is_later_64_bit_is_plain),
	KUNIT_CASE(is_later_same_context_compares_seqnos),
	KUNIT_CASE(is_later_other_context_warns_and_is_false),
	KUNIT_CASE(later_returns_the_pending_later_one),
	KUNIT_CASE(get_rcu_released_returns_null),
	KUNIT_CASE(get_rcu_live_takes_a_reference),
	KUNIT_CASE(get_rcu_safe_empty_place_returns_null),
	KUNIT_CASE(get_rcu_safe_live_takes_a_reference),
	KUNIT_CASE(is_container_plain_fence_is_none),
	KUNIT_CASE(is_container_chain_is_one),
	KUNIT_CASE(is_container_array_is_one),
	{}
};

static struct kunit_suite dma_fence_inline_suite = {
	.name = "dma_fence_inline",
	.init = dma_fence_inline_test_init,
	.exit = dma_fence_inline_test_exit,
	.test_cases = dma_fence_inline_cases,
};

kunit_test_suite(dma_fence_inline_suite);
