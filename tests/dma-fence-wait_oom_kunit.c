// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-fence-wait.c when memory is short.
 */
#include <kunit/test.h>
#include <linux/dma-fence.h>

#include "fail-nth.h"
#include "kunit-rerun.h"
#include "mock-fence.h"

static int dma_fence_wait_oom_test_init(struct kunit *test)
{
	if (!fail_nth_usable())
		kunit_skip(test, "allocations that may sleep cannot be made to fail");
	return 0;
}

/*
 * Later allocations are those of a checker, kmemleak for one, which gets over
 * their failure.
 */
static void wait_any_without_memory_returns_enomem(struct kunit *test)
{
	struct dma_fence *fences[2];
	unsigned int left = 0, n;
	signed long ret;
	u32 idx = 99;

	fences[0] = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);
	fences[1] = mock_fence_create_ops(test, 2, 1, &mock_fence_full_ops);

	for (n = 1; n < 10 && !left; n++) {
		fail_nth_set(n);
		ret = dma_fence_wait_any_timeout(fences, 2, false, 2, &idx);
		left = fail_nth_left();
		fail_nth_set(0);
		KUNIT_EXPECT_EQ(test, ret, n == 1 ? -ENOMEM : 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fences[0])->enable_calls), n > 1);
		KUNIT_EXPECT_EQ(test, idx, 99);
		KUNIT_EXPECT_TRUE(test, list_empty(&fences[0]->cb_list));
		KUNIT_EXPECT_TRUE(test, list_empty(&fences[1]->cb_list));
	}
	KUNIT_EXPECT_NE(test, left, 0);

	dma_fence_put(fences[1]);
	dma_fence_put(fences[0]);
}

static void wait_any_timeout_0_needs_no_memory(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	fail_nth_set(1);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_any_timeout(&fence, 1, false, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, 1), 0);
	KUNIT_EXPECT_EQ(test, fail_nth_left(), 1);
	fail_nth_set(0);
	dma_fence_put(fence);
}

static struct kunit_case dma_fence_wait_oom_cases[] = {
	KUNIT_CASE(wait_any_without_memory_returns_enomem),
	KUNIT_CASE(wait_any_timeout_0_needs_no_memory),
	{}
};

static struct kunit_suite dma_fence_wait_oom_suite = {
	.name = "dma_fence_wait_oom",
	.suite_init = kunit_rerun_suite_init,
	.init = dma_fence_wait_oom_test_init,
	.test_cases = dma_fence_wait_oom_cases,
};

kunit_test_suite(dma_fence_wait_oom_suite);
