// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-fence-unwrap.c when memory is short: each allocation of a merge
 * fails once.
 */
#include <kunit/test.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-unwrap.h>

#include "fail-nth.h"
#include "kunit-rerun.h"
#include "mock-fence.h"

/* More than a merge has room for without a list, and that grows once. */
#define OOM_LINKS	40

/* Where memory is short, sorting is slower, but no worse. */
static void oom_expect_sorted(struct kunit *test, struct dma_fence *merged)
{
	struct dma_fence *fence, *last = NULL;
	unsigned int i;

	dma_fence_array_for_each(fence, i, merged) {
		if (last)
			KUNIT_EXPECT_GT_MSG(test, fence->context, last->context, "fence %u", i);
		last = fence;
	}
}

/*
 * Merge @head and @other again and again, one allocation further failing each
 * time; the first merge that succeeds is returned, @failed says how many did
 * not.
 */
static struct dma_fence *oom_merge(struct kunit *test, struct dma_fence *head,
				   struct dma_fence *other, unsigned int *failed)
{
	unsigned int refs = kref_read(&head->refcount);
	struct dma_fence *merged;
	unsigned int n, left;

	for (n = 1, *failed = 0; ; n++) {
		fail_nth_set(n);
		merged = dma_fence_unwrap_merge(head, other);
		left = fail_nth_left();
		fail_nth_set(0);
		if (left)
			break;

		/*
		 * Sorting does without. And with kmemleak, every other
		 * allocation is its own, and not missed by anybody else.
		 */
		if (merged) {
			oom_expect_sorted(test, merged);
			dma_fence_put(merged);
			continue;
		}
		++*failed;
		KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), refs);
	}
	KUNIT_ASSERT_NOT_NULL(test, merged);

	return merged;
}

static void dma_fence_unwrap_merge_of_signaled_without_memory_returns_null(struct kunit *test)
{
	struct dma_fence *done = mock_fence_create(test, 1, 1);
	struct dma_fence *merged;
	unsigned int failed;

	dma_fence_signal(done);
	merged = oom_merge(test, done, NULL, &failed);
	KUNIT_EXPECT_EQ(test, failed, 1);
	dma_fence_put(merged);
	dma_fence_put(done);
}

static void dma_fence_unwrap_merge_of_one_pending_allocates_nothing(struct kunit *test)
{
	struct dma_fence *done = mock_fence_create(test, 1, 1);
	struct dma_fence *pending = mock_fence_create(test, 2, 1);
	struct dma_fence *merged;
	unsigned int failed;

	dma_fence_signal(done);
	merged = oom_merge(test, done, pending, &failed);
	KUNIT_EXPECT_EQ(test, failed, 0);
	KUNIT_EXPECT_PTR_EQ(test, merged, pending);
	dma_fence_put(merged);
	dma_fence_put(pending);
	dma_fence_put(done);
}

/*
 * A timeline of OOM_LINKS pending fences, which share @contexts contexts in
 * turn.
 */
static struct dma_fence *oom_chain(struct kunit *test, struct dma_fence **fence,
				   unsigned int contexts)
{
	struct dma_fence *head = NULL;
	unsigned int i;

	for (i = 0; i < OOM_LINKS; i++) {
		struct dma_fence_chain *chain = dma_fence_chain_alloc();

		KUNIT_ASSERT_NOT_NULL(test, chain);
		fence[i] = mock_fence_create(test, i % contexts + 1, i);
		dma_fence_chain_init(chain, head, dma_fence_get(fence[i]), i + 1);
		head = &chain->base;
	}

	return head;
}

static void oom_chain_drop(struct kunit *test, struct dma_fence *head, struct dma_fence **fence)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 1);
	dma_fence_put(head);
	for (i = 0; i < OOM_LINKS; i++) {
		KUNIT_EXPECT_EQ_MSG(test, kref_read(&fence[i]->refcount), 1, "fence %u", i);
		dma_fence_put(fence[i]);
	}
}

/*
 * However long a timeline is, one context of it takes no more room than one
 * fence.
 */
static void dma_fence_unwrap_merge_of_one_context_allocates_nothing(struct kunit *test)
{
	struct dma_fence *fence[OOM_LINKS], *head = oom_chain(test, fence, 1), *merged;
	unsigned int failed;

	merged = oom_merge(test, head, NULL, &failed);
	KUNIT_EXPECT_EQ(test, failed, 0);
	KUNIT_EXPECT_PTR_EQ(test, merged, fence[OOM_LINKS - 1]);
	dma_fence_put(merged);
	oom_chain_drop(test, head, fence);
}

static void dma_fence_unwrap_merge_without_memory_keeps_no_reference(struct kunit *test)
{
	struct dma_fence *fence[OOM_LINKS], *head = oom_chain(test, fence, OOM_LINKS);
	struct dma_fence *other = mock_fence_create(test, OOM_LINKS + 1, 1), *merged;
	unsigned int failed;

	merged = oom_merge(test, head, other, &failed);
	KUNIT_EXPECT_GE_MSG(test, failed, 3, "the list is allocated, grows, and the array");
	KUNIT_EXPECT_EQ(test, to_dma_fence_array(merged)->num_fences, OOM_LINKS + 1);
	oom_expect_sorted(test, merged);
	dma_fence_put(merged);
	KUNIT_EXPECT_EQ(test, kref_read(&other->refcount), 1);
	dma_fence_put(other);
	oom_chain_drop(test, head, fence);
}

static int dma_fence_unwrap_oom_init(struct kunit *test)
{
	if (!fail_nth_usable())
		kunit_skip(test, "allocations that may sleep cannot be made to fail");

	return 0;
}

static struct kunit_case dma_fence_unwrap_oom_cases[] = {
	KUNIT_CASE(dma_fence_unwrap_merge_of_signaled_without_memory_returns_null),
	KUNIT_CASE(dma_fence_unwrap_merge_of_one_pending_allocates_nothing),
	KUNIT_CASE(dma_fence_unwrap_merge_of_one_context_allocates_nothing),
	KUNIT_CASE(dma_fence_unwrap_merge_without_memory_keeps_no_reference),
	{}
};

static struct kunit_suite dma_fence_unwrap_oom_suite = {
	.name = "dma_fence_unwrap_oom",
	.suite_init = kunit_rerun_suite_init,
	.init = dma_fence_unwrap_oom_init,
	.test_cases = dma_fence_unwrap_oom_cases,
};

kunit_test_suite(dma_fence_unwrap_oom_suite);
