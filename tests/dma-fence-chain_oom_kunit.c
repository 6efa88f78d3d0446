// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-fence-chain.c when memory is short.
 */
#include <kunit/test.h>
#include <linux/dma-fence-chain.h>

#include "fail-nth.h"
#include "kunit-rerun.h"
#include "mock-fence.h"

static void dma_fence_chain_alloc_without_memory_returns_null(struct kunit *test)
{
	struct dma_fence_chain *chain;

	fail_nth_set(1);
	chain = dma_fence_chain_alloc();
	fail_nth_set(0);
	KUNIT_EXPECT_NULL(test, chain);
	dma_fence_chain_free(chain);
}

/* All else a timeline does has to work without memory. */
static void dma_fence_chain_use_allocates_nothing(struct kunit *test)
{
	struct dma_fence *older = mock_fence_create(test, 1, 1);
	struct dma_fence *newer = mock_fence_create(test, 2, 1);
	struct dma_fence_chain *first = dma_fence_chain_alloc();
	struct dma_fence_chain *second = dma_fence_chain_alloc();
	struct dma_fence *found;
	unsigned int left;
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_ASSERT_NOT_NULL(test, second);

	fail_nth_set(1);
	dma_fence_chain_init(first, NULL, dma_fence_get(older), 1);
	dma_fence_chain_init(second, &first->base, dma_fence_get(newer), 2);
	found = dma_fence_get(&second->base);
	ret = dma_fence_chain_find_seqno(&found, 1);
	dma_fence_enable_sw_signaling(&second->base);
	dma_fence_signal(newer);
	dma_fence_signal(older);
	left = fail_nth_left();
	fail_nth_set(0);

	KUNIT_EXPECT_EQ_MSG(test, left, 1, "no allocation was tried");
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_PTR_EQ(test, found, &first->base);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(&second->base, false, HZ) > 0, 1);
	dma_fence_put(found);
	dma_fence_put(&second->base);
	dma_fence_put(older);
	dma_fence_put(newer);
}

static int dma_fence_chain_oom_init(struct kunit *test)
{
	if (!fail_nth_usable())
		kunit_skip(test, "allocations that may sleep cannot be made to fail");

	return 0;
}

static struct kunit_case dma_fence_chain_oom_cases[] = {
	KUNIT_CASE(dma_fence_chain_alloc_without_memory_returns_null),
	KUNIT_CASE(dma_fence_chain_use_allocates_nothing),
	{}
};

static struct kunit_suite dma_fence_chain_oom_suite = {
	.name = "dma_fence_chain_oom",
	.suite_init = kunit_rerun_suite_init,
	.init = dma_fence_chain_oom_init,
	.test_cases = dma_fence_chain_oom_cases,
};

kunit_test_suite(dma_fence_chain_oom_suite);
