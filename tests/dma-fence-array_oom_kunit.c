// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-fence-array.c when memory is short.
 */
#include <kunit/test.h>
#include <linux/dma-fence-array.h>
#include <linux/slab.h>

#include "fail-nth.h"
#include "kunit-rerun.h"
#include "mock-fence.h"

static void dma_fence_array_alloc_without_memory_returns_null(struct kunit *test)
{
	struct dma_fence_array *array;

	fail_nth_set(1);
	array = dma_fence_array_alloc(2);
	fail_nth_set(0);
	KUNIT_EXPECT_NULL(test, array);
	kfree(array);
}

static void dma_fence_array_create_without_memory_leaves_references(struct kunit *test)
{
	struct dma_fence *child = mock_fence_create(test, 1, 1);
	struct dma_fence **fences = kmalloc_array(1, sizeof(*fences), GFP_KERNEL);
	struct dma_fence_array *array;
	unsigned int n, left, failed = 0;

	KUNIT_ASSERT_NOT_NULL(test, fences);
	fences[0] = child;
	for (n = 1; ; n++) {
		fail_nth_set(n);
		array = dma_fence_array_create(1, fences, 1, 1, false);
		left = fail_nth_left();
		fail_nth_set(0);
		if (left || array)
			break;
		failed++;
		KUNIT_EXPECT_PTR_EQ(test, fences[0], child);
		KUNIT_EXPECT_EQ(test, kref_read(&child->refcount), 1);
	}
	KUNIT_EXPECT_EQ_MSG(test, failed, 1, "one allocation is all it takes");
	KUNIT_ASSERT_NOT_NULL(test, array);
	dma_fence_put(&array->base);
}

static int dma_fence_array_oom_init(struct kunit *test)
{
	if (!fail_nth_usable())
		kunit_skip(test, "allocations that may sleep cannot be made to fail");

	return 0;
}

static struct kunit_case dma_fence_array_oom_cases[] = {
	KUNIT_CASE(dma_fence_array_alloc_without_memory_returns_null),
	KUNIT_CASE(dma_fence_array_create_without_memory_leaves_references),
	{}
};

static struct kunit_suite dma_fence_array_oom_suite = {
	.name = "dma_fence_array_oom",
	.suite_init = kunit_rerun_suite_init,
	.init = dma_fence_array_oom_init,
	.test_cases = dma_fence_array_oom_cases,
};

kunit_test_suite(dma_fence_array_oom_suite);
