// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-fence-stub.c.
 */
#include <kunit/test.h>
#include <linux/dma-fence.h>
#include <linux/seq_file.h>

#include "fail-nth.h"
#include "kunit-rerun.h"
#include "mock-fence.h"

static void expect_stub(struct kunit *test, struct dma_fence *fence)
{
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags));
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags));
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &fence->flags));
	KUNIT_EXPECT_EQ(test, fence->context, 0);
	KUNIT_EXPECT_EQ(test, fence->seqno, 0);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), 1);
	KUNIT_EXPECT_STREQ(test, fence->ops->get_driver_name(fence), "stub");
	KUNIT_EXPECT_STREQ(test, fence->ops->get_timeline_name(fence), "stub");
}

static void get_stub_is_one_signaled_fence(struct kunit *test)
{
	struct dma_fence *a = dma_fence_get_stub();
	ktime_t timestamp = dma_fence_timestamp(a);
	int references = kref_read(&a->refcount);
	struct dma_fence *b = dma_fence_get_stub();

	expect_stub(test, a);
	KUNIT_EXPECT_PTR_EQ(test, a, b);
	KUNIT_EXPECT_EQ(test, kref_read(&a->refcount), references + 1);
	KUNIT_EXPECT_EQ(test, dma_fence_timestamp(b), timestamp);
	KUNIT_EXPECT_LE(test, timestamp, ktime_get());
	dma_fence_put(b);
	dma_fence_put(a);
	KUNIT_EXPECT_GE(test, kref_read(&a->refcount), 1);
}

static void get_stub_takes_no_callback_and_no_wait(struct kunit *test)
{
	struct dma_fence *fence = dma_fence_get_stub();
	struct mock_fence_cb cb = {};

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb.base, mock_fence_cb_func), -ENOENT);
	KUNIT_EXPECT_EQ(test, dma_fence_wait(fence, true), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_signal(fence), -EINVAL);
	dma_fence_put(fence);
}

static void allocate_private_stub_has_the_given_time(struct kunit *test)
{
	struct dma_fence *a = dma_fence_allocate_private_stub(1111);
	struct dma_fence *b = dma_fence_allocate_private_stub(2222);
	struct dma_fence *shared = dma_fence_get_stub();

	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	expect_stub(test, a);
	expect_stub(test, b);
	KUNIT_EXPECT_PTR_NE(test, a, b);
	KUNIT_EXPECT_PTR_NE(test, a, shared);
	KUNIT_EXPECT_EQ(test, dma_fence_timestamp(a), 1111);
	KUNIT_EXPECT_EQ(test, dma_fence_timestamp(b), 2222);
	KUNIT_EXPECT_EQ(test, kref_read(&a->refcount), 1);
	dma_fence_put(shared);
	dma_fence_put(b);
	dma_fence_put(a);
}

static struct kunit_case dma_fence_stub_cases[] = {
	KUNIT_CASE(get_stub_is_one_signaled_fence),
	KUNIT_CASE(get_stub_takes_no_callback_and_no_wait),
	KUNIT_CASE(allocate_private_stub_has_the_given_time),
	{}
};

static struct kunit_suite dma_fence_stub_suite = {
	.name = "dma_fence_stub",
	.test_cases = dma_fence_stub_cases,
};

/* The same when memory is short. */

static int dma_fence_stub_oom_test_init(struct kunit *test)
{
	if (!fail_nth_usable())
		kunit_skip(test, "allocations that may sleep cannot be made to fail");
	return 0;
}

static void allocate_private_stub_without_memory_returns_null(struct kunit *test)
{
	struct dma_fence *fence;

	fail_nth_set(1);
	fence = dma_fence_allocate_private_stub(1);
	KUNIT_EXPECT_EQ(test, fail_nth_left(), 0);
	fail_nth_set(0);
	KUNIT_EXPECT_NULL(test, fence);
}

static void get_stub_needs_no_memory(struct kunit *test)
{
	fail_nth_set(1);
	dma_fence_put(dma_fence_get_stub());
	KUNIT_EXPECT_EQ(test, fail_nth_left(), 1);
	fail_nth_set(0);
}

static struct kunit_case dma_fence_stub_oom_cases[] = {
	KUNIT_CASE(allocate_private_stub_without_memory_returns_null),
	KUNIT_CASE(get_stub_needs_no_memory),
	{}
};

static struct kunit_suite dma_fence_stub_oom_suite = {
	.name = "dma_fence_stub_oom",
	.suite_init = kunit_rerun_suite_init,
	.init = dma_fence_stub_oom_test_init,
	.test_cases = dma_fence_stub_oom_cases,
};

kunit_test_suites(&dma_fence_stub_suite, &dma_fence_stub_oom_suite);
