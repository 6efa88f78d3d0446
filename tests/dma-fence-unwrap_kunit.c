// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-fence-unwrap.c: the cursor through each kind of container, and
 * what a merge keeps.
 *
 * Each case ends with as many live mock fences as it began with, which also
 * shows that no cursor and no merge keeps a reference: see
 * dma_fence_unwrap_test_exit().
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/slab.h>

#include "mock-fence.h"

#define UNWRAP_MANY	300
#define UNWRAP_SORTED	70

/* Containers of two; the references passed in are consumed. */
static struct dma_fence *unwrap_array(struct kunit *test, struct dma_fence *a, struct dma_fence *b)
{
	struct dma_fence **fences = kmalloc_array(2, sizeof(*fences), GFP_KERNEL);
	struct dma_fence_array *array;

	KUNIT_ASSERT_NOT_NULL(test, fences);
	fences[0] = a;
	fences[1] = b;
	array = dma_fence_array_create(2, fences, dma_fence_context_alloc(1), 1, false);
	KUNIT_ASSERT_NOT_NULL(test, array);

	return &array->base;
}

static struct dma_fence *unwrap_chain(struct kunit *test, struct dma_fence *prev,
				      struct dma_fence *fence, u64 seqno)
{
	struct dma_fence_chain *chain = dma_fence_chain_alloc();

	KUNIT_ASSERT_NOT_NULL(test, chain);
	dma_fence_chain_init(chain, prev, fence, seqno);

	return &chain->base;
}

static struct dma_fence *unwrap_chain_of_two(struct kunit *test, struct dma_fence *older,
					     struct dma_fence *newer)
{
	return unwrap_chain(test, unwrap_chain(test, NULL, older, 1), newer, 2);
}

/*
 * Expect @head to consist of exactly the @count fences at @expected, in that
 * order.
 */
static void unwrap_expect(struct kunit *test, struct dma_fence *head, unsigned int count,
			  struct dma_fence *const *expected)
{
	struct dma_fence_unwrap cursor;
	struct dma_fence *fence;
	unsigned int i = 0;

	dma_fence_unwrap_for_each(fence, &cursor, head) {
		KUNIT_ASSERT_LT(test, i, count);
		KUNIT_EXPECT_PTR_EQ(test, fence, expected[i++]);
	}
	KUNIT_EXPECT_EQ(test, i, count);
	KUNIT_EXPECT_NULL_MSG(test, cursor.chain, "no reference is left at the end");
}

static void dma_fence_unwrap_first_of_null_is_null(struct kunit *test)
{
	unwrap_expect(test, NULL, 0, NULL);
}

static void dma_fence_unwrap_foreach_of_plain_fence_visits_it(struct kunit *test)
{
	struct dma_fence *plain = mock_fence_create(test, 1, 1);

	unwrap_expect(test, plain, 1, &plain);
	dma_fence_signal(plain);
	unwrap_expect(test, plain, 1, &plain);
	KUNIT_EXPECT_EQ(test, kref_read(&plain->refcount), 1);
	dma_fence_put(plain);
}

static void dma_fence_unwrap_foreach_of_array_visits_children(struct kunit *test)
{
	struct dma_fence *leaf[2] = { mock_fence_create(test, 1, 1),
				      mock_fence_create(test, 2, 1) };
	struct dma_fence *array = unwrap_array(test, leaf[0], leaf[1]);

	unwrap_expect(test, array, 2, leaf);
	KUNIT_EXPECT_EQ(test, kref_read(&array->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&leaf[0]->refcount), 1);
	dma_fence_put(array);
}

static void dma_fence_unwrap_foreach_of_chain_visits_newest_first(struct kunit *test)
{
	struct dma_fence *leaf[2] = { mock_fence_create(test, 1, 1),
				      mock_fence_create(test, 2, 1) };
	struct dma_fence *chain = unwrap_chain_of_two(test, leaf[1], leaf[0]);

	unwrap_expect(test, chain, 2, leaf);
	KUNIT_EXPECT_EQ(test, kref_read(&chain->refcount), 1);
	dma_fence_put(chain);
}

static void dma_fence_unwrap_foreach_of_chain_with_plain_start_visits_all(struct kunit *test)
{
	struct dma_fence *leaf[3] = { mock_fence_create(test, 1, 1), mock_fence_create(test, 2, 1),
				      mock_fence_create(test, 3, 1) };
	struct dma_fence *chain;

	chain = unwrap_chain(test, unwrap_chain(test, leaf[2], leaf[1], 1), leaf[0], 2);
	unwrap_expect(test, chain, 3, leaf);
	dma_fence_put(chain);
}

static void dma_fence_unwrap_foreach_of_chain_of_arrays_visits_all(struct kunit *test)
{
	struct dma_fence *leaf[6], *chain;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(leaf); i++)
		leaf[i] = mock_fence_create(test, i + 1, 1);

	chain = unwrap_array(test, leaf[4], leaf[5]);
	chain = unwrap_chain(test, chain, unwrap_array(test, leaf[2], leaf[3]), 1);
	chain = unwrap_chain(test, chain, unwrap_array(test, leaf[0], leaf[1]), 2);
	unwrap_expect(test, chain, 6, leaf);
	KUNIT_EXPECT_EQ(test, kref_read(&chain->refcount), 1);
	dma_fence_put(chain);
}

static void dma_fence_unwrap_foreach_skips_signaled_links(struct kunit *test)
{
	struct dma_fence *leaf[3] = { mock_fence_create(test, 1, 1), mock_fence_create(test, 2, 1),
				      mock_fence_create(test, 3, 1) };
	struct dma_fence *expected[2] = { leaf[0], leaf[2] };
	struct dma_fence *chain = unwrap_chain_of_two(test, leaf[2], dma_fence_get(leaf[1]));

	chain = unwrap_chain(test, chain, leaf[0], 3);
	dma_fence_signal(leaf[1]);
	unwrap_expect(test, chain, 2, expected);
	KUNIT_EXPECT_EQ(test, kref_read(&leaf[1]->refcount), 1);
	dma_fence_put(leaf[1]);
	dma_fence_put(chain);
}

/* CVE-2026-53190: a loop that was left early kept its link for good. */
static void dma_fence_unwrap_left_early_needs_one_put(struct kunit *test)
{
	struct dma_fence *a = mock_fence_create(test, 1, 1), *b = mock_fence_create(test, 2, 1);
	struct dma_fence *older = unwrap_chain(test, NULL, unwrap_array(test, a, b), 1);
	struct dma_fence *head, *fence;
	struct dma_fence_unwrap cursor;

	head = unwrap_chain(test, dma_fence_get(older), mock_fence_create(test, 3, 1), 2);
	dma_fence_unwrap_for_each(fence, &cursor, head)
		if (fence == b)
			break;
	KUNIT_EXPECT_PTR_EQ(test, fence, b);
	KUNIT_EXPECT_PTR_EQ(test, cursor.chain, older);
	KUNIT_EXPECT_EQ(test, kref_read(&older->refcount), 3);
	KUNIT_EXPECT_EQ_MSG(test, kref_read(&b->refcount), 1, "fences are borrowed");
	dma_fence_put(cursor.chain);
	KUNIT_EXPECT_EQ(test, kref_read(&older->refcount), 2);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 1);
	dma_fence_put(head);
	dma_fence_put(older);
}

static void dma_fence_unwrap_cursor_outlives_head_reference(struct kunit *test)
{
	struct dma_fence *a = mock_fence_create(test, 1, 1), *b = mock_fence_create(test, 2, 1);
	struct dma_fence *head = unwrap_array(test, a, b);
	struct dma_fence_unwrap cursor;

	KUNIT_EXPECT_PTR_EQ(test, dma_fence_unwrap_first(head, &cursor), a);
	dma_fence_put(head);
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_unwrap_next(&cursor), b);
	KUNIT_EXPECT_NULL(test, dma_fence_unwrap_next(&cursor));
	KUNIT_EXPECT_NULL(test, cursor.chain);
}

/* CVE-2026-72095: an empty array was said to hold one fence. */
static void dma_fence_dedup_array_of_none_returns_zero(struct kunit *test)
{
	struct dma_fence *none = NULL;

	KUNIT_EXPECT_EQ(test, dma_fence_dedup_array(&none, 0), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_dedup_array(NULL, 0), 0);
}

static void dma_fence_dedup_array_of_one_keeps_it(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct dma_fence *fences[1] = { fence };

	KUNIT_EXPECT_EQ(test, dma_fence_dedup_array(fences, 1), 1);
	KUNIT_EXPECT_PTR_EQ(test, fences[0], fence);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
	dma_fence_put(fence);
}

static void dma_fence_dedup_array_keeps_latest_of_each_context(struct kunit *test)
{
	static const u8 context[6] = { 9, 2, 9, 5, 2, 9 };
	static const u8 seqno[6] = { 1, 7, 3, 1, 6, 2 };
	struct dma_fence *fence[6], *fences[6];
	unsigned int i;

	for (i = 0; i < 6; i++) {
		fence[i] = mock_fence_create(test, context[i], seqno[i]);
		fences[i] = dma_fence_get(fence[i]);
	}
	KUNIT_ASSERT_EQ(test, dma_fence_dedup_array(fences, 6), 3);
	KUNIT_EXPECT_PTR_EQ(test, fences[0], fence[1]);
	KUNIT_EXPECT_PTR_EQ(test, fences[1], fence[3]);
	KUNIT_EXPECT_PTR_EQ(test, fences[2], fence[2]);
	for (i = 0; i < 3; i++)
		dma_fence_put(fences[i]);
	for (i = 0; i < 6; i++) {
		KUNIT_EXPECT_EQ_MSG(test, kref_read(&fence[i]->refcount), 1, "fence %u", i);
		dma_fence_put(fence[i]);
	}
}

static void dma_fence_dedup_array_drops_references_of_duplicates(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct dma_fence *fences[3];

	fences[0] = dma_fence_get(fence);
	fences[1] = dma_fence_get(fence);
	fences[2] = dma_fence_get(fence);
	KUNIT_EXPECT_EQ(test, dma_fence_dedup_array(fences, 3), 1);
	KUNIT_EXPECT_PTR_EQ(test, fences[0], fence);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
	dma_fence_put(fence);
	dma_fence_put(fence);
}

/*
 * All lengths up to some runs of the sort: in order, against it, and in no
 * order.
 */
static void unwrap_dedup_expect(struct kunit *test, unsigned int num, unsigned int factor)
{
	unsigned int contexts = num - num / 3, i, left, last;
	struct dma_fence *fences[UNWRAP_SORTED];

	for (i = 0; i < num; i++)
		fences[i] = mock_fence_create(test, i * factor % contexts + 1, i);
	left = dma_fence_dedup_array(fences, num);
	KUNIT_EXPECT_EQ_MSG(test, left, contexts, "%u fences, factor %u", num, factor);
	for (i = 0; i < left; i++) {
		KUNIT_EXPECT_EQ_MSG(test, fences[i]->context, i + 1, "%u fences, factor %u", num,
				    factor);
		/* The second time round, a third of them comes again. */
		last = fences[i]->seqno;
		KUNIT_EXPECT_EQ(test, last * factor % contexts, i);
		KUNIT_EXPECT_GE(test, last + contexts, num);
		dma_fence_put(fences[i]);
	}
}

static void dma_fence_dedup_array_of_any_length_sorts(struct kunit *test)
{
	unsigned int num, contexts;

	for (num = 1; num <= UNWRAP_SORTED; num++) {
		contexts = num - num / 3;
		unwrap_dedup_expect(test, num, 1);
		unwrap_dedup_expect(test, num, contexts > 1 ? contexts - 1 : 1);
		unwrap_dedup_expect(test, num, contexts % 37 ? 37 : 1);
	}
}

/*
 * Expect a merge to end with a signaled fence of its own, stamped with a time.
 */
static void unwrap_expect_stub(struct kunit *test, struct dma_fence *merged, s64 ns)
{
	KUNIT_ASSERT_NOT_NULL(test, merged);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(merged));
	KUNIT_EXPECT_STREQ(test, merged->ops->get_driver_name(merged), "stub");
	KUNIT_EXPECT_EQ(test, ktime_to_ns(dma_fence_timestamp(merged)), ns);
	KUNIT_EXPECT_EQ(test, kref_read(&merged->refcount), 1);
	dma_fence_put(merged);
}

static void dma_fence_unwrap_merge_of_nothing_is_signaled(struct kunit *test)
{
	struct dma_fence *none = NULL;

	unwrap_expect_stub(test, dma_fence_unwrap_merge(none), 0);
	unwrap_expect_stub(test, dma_fence_unwrap_merge(none, none), 0);
	unwrap_expect_stub(test, __dma_fence_unwrap_merge(0, NULL, NULL), 0);
}

static void dma_fence_unwrap_merge_of_signaled_has_latest_timestamp(struct kunit *test)
{
	static const u16 ns[3] = { 1000, 3000, 2000 };
	struct dma_fence *leaf[3], *array;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		leaf[i] = mock_fence_create(test, i + 1, 1);
		dma_fence_signal_timestamp(leaf[i], ns_to_ktime(ns[i]));
	}
	unwrap_expect_stub(test, dma_fence_unwrap_merge(leaf[0]), 1000);
	array = unwrap_array(test, leaf[0], leaf[1]);
	unwrap_expect_stub(test, dma_fence_unwrap_merge(array, leaf[2]), 3000);
	dma_fence_put(array);
	dma_fence_put(leaf[2]);
}

static void dma_fence_unwrap_merge_of_one_pending_returns_it(struct kunit *test)
{
	struct dma_fence *pending = mock_fence_create(test, 1, 1);
	struct dma_fence *done = mock_fence_create(test, 2, 1);
	struct dma_fence *merged;

	dma_fence_signal(done);
	merged = dma_fence_unwrap_merge(done, pending, NULL);
	KUNIT_EXPECT_PTR_EQ(test, merged, pending);
	KUNIT_EXPECT_EQ(test, kref_read(&pending->refcount), 2);
	dma_fence_put(merged);
	dma_fence_put(pending);
	dma_fence_put(done);
}

static void dma_fence_unwrap_merge_with_itself_returns_it(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct dma_fence *merged = dma_fence_unwrap_merge(fence, fence, fence);

	KUNIT_EXPECT_PTR_EQ(test, merged, fence);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
	dma_fence_put(merged);
	dma_fence_put(fence);
}

static void dma_fence_unwrap_merge_of_two_contexts_is_array(struct kunit *test)
{
	struct dma_fence *a = mock_fence_create(test, 1, 1), *b = mock_fence_create(test, 2, 1);
	struct dma_fence *merged = dma_fence_unwrap_merge(b, a);
	struct dma_fence_array *array = to_dma_fence_array(merged);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, array);
	KUNIT_EXPECT_EQ(test, array->num_fences, 2);
	KUNIT_EXPECT_EQ(test, kref_read(&merged->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&a->refcount), 2);
	KUNIT_EXPECT_EQ(test, kref_read(&b->refcount), 2);
	unwrap_expect(test, merged, 2, (struct dma_fence *[]){ a, b });

	dma_fence_enable_sw_signaling(merged);
	dma_fence_signal(a);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(merged));
	dma_fence_signal(b);
	for (i = 0; i < 1000 && !dma_fence_test_signaled_flag(merged); i++)
		usleep_range(500, 1000);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(merged));
	dma_fence_put(merged);
	dma_fence_put(a);
	dma_fence_put(b);
}

static void dma_fence_unwrap_merge_gives_each_result_a_context(struct kunit *test)
{
	struct dma_fence *a = mock_fence_create(test, 1, 1), *b = mock_fence_create(test, 2, 1);
	struct dma_fence *first = dma_fence_unwrap_merge(a, b);
	struct dma_fence *second = dma_fence_unwrap_merge(a, b);

	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_ASSERT_NOT_NULL(test, second);
	KUNIT_EXPECT_NE(test, first->context, second->context);
	dma_fence_put(first);
	dma_fence_put(second);
	dma_fence_put(a);
	dma_fence_put(b);
}

/* Merge two fences of one context, each way round; expect the second. */
static void unwrap_expect_later(struct kunit *test, u64 older, u64 newer,
				const struct dma_fence_ops *ops)
{
	struct dma_fence *a = mock_fence_create_ops(test, 1, older, ops);
	struct dma_fence *b = mock_fence_create_ops(test, 1, newer, ops);
	struct dma_fence *other = mock_fence_create(test, 2, 1);
	struct dma_fence *merged;

	merged = dma_fence_unwrap_merge(a, b);
	KUNIT_EXPECT_PTR_EQ(test, merged, b);
	dma_fence_put(merged);
	merged = dma_fence_unwrap_merge(b, a);
	KUNIT_EXPECT_PTR_EQ(test, merged, b);
	dma_fence_put(merged);
	merged = dma_fence_unwrap_merge(a, other, b);
	unwrap_expect(test, merged, 2, (struct dma_fence *[]){ b, other });
	dma_fence_put(merged);
	merged = dma_fence_unwrap_merge(b, other, a);
	unwrap_expect(test, merged, 2, (struct dma_fence *[]){ b, other });
	dma_fence_put(merged);

	KUNIT_EXPECT_EQ(test, kref_read(&a->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&b->refcount), 1);
	dma_fence_put(a);
	dma_fence_put(b);
	dma_fence_put(other);
}

static void dma_fence_unwrap_merge_keeps_latest_of_context(struct kunit *test)
{
	unwrap_expect_later(test, 1, 2, &mock_fence_ops);
}

static void dma_fence_unwrap_merge_understands_wrapped_seqno(struct kunit *test)
{
	unwrap_expect_later(test, 0xfffffff0, 5, &mock_fence_ops);
}

static void dma_fence_unwrap_merge_understands_64_bit_seqno(struct kunit *test)
{
	unwrap_expect_later(test, 5, 0xfffffff0, &mock_fence_seqno64_ops);
	unwrap_expect_later(test, 0xffffffff, 0x100000000, &mock_fence_seqno64_ops);
}

static void dma_fence_unwrap_merge_flattens_containers(struct kunit *test)
{
	struct dma_fence *leaf[5], *expected[4], *array, *chain, *merged, *fence;
	unsigned int i;

	/* The fifth is an older one of the third's context. */
	for (i = 0; i < 5; i++)
		leaf[i] = mock_fence_create(test, i == 4 ? 3 : i + 1, 9 - i);
	for (i = 0; i < 4; i++)
		expected[i] = leaf[i];

	array = unwrap_array(test, leaf[3], leaf[0]);
	chain = unwrap_chain_of_two(test, leaf[2], dma_fence_get(array));
	merged = dma_fence_unwrap_merge(chain, leaf[1], array, leaf[4]);
	unwrap_expect(test, merged, 4, expected);
	KUNIT_ASSERT_NOT_NULL(test, to_dma_fence_array(merged));
	dma_fence_array_for_each(fence, i, merged)
		KUNIT_EXPECT_FALSE(test, dma_fence_is_container(fence));
	KUNIT_EXPECT_EQ(test, kref_read(&leaf[4]->refcount), 1);

	dma_fence_put(merged);
	KUNIT_EXPECT_EQ(test, kref_read(&chain->refcount), 1);
	dma_fence_put(chain);
	dma_fence_put(array);
	dma_fence_put(leaf[1]);
	dma_fence_put(leaf[4]);
}

static void dma_fence_unwrap_merge_of_container_with_one_pending_returns_that(struct kunit *test)
{
	struct dma_fence *done = mock_fence_create(test, 1, 1);
	struct dma_fence *pending = mock_fence_create(test, 2, 1);
	struct dma_fence *array = unwrap_array(test, done, pending);
	struct dma_fence *chain = unwrap_chain(test, NULL, array, 1);
	struct dma_fence *merged;

	dma_fence_signal(done);
	merged = dma_fence_unwrap_merge(chain);
	KUNIT_EXPECT_PTR_EQ(test, merged, pending);
	KUNIT_EXPECT_EQ(test, kref_read(&pending->refcount), 2);
	dma_fence_put(merged);
	dma_fence_put(chain);
}

/*
 * A long timeline whose fences are of three contexts takes turns between them.
 */
static void dma_fence_unwrap_merge_of_long_chain_keeps_one_of_each_context(struct kunit *test)
{
	struct dma_fence *newest[3] = {}, *chain = NULL, *merged;
	unsigned int i;

	for (i = 0; i < UNWRAP_MANY; i++) {
		newest[i % 3] = mock_fence_create(test, 1 + i % 3, i);
		chain = unwrap_chain(test, chain, newest[i % 3], i + 1);
	}
	merged = dma_fence_unwrap_merge(chain);
	unwrap_expect(test, merged, 3, newest);
	dma_fence_put(merged);
	dma_fence_put(chain);
}

/*
 * As many contexts as links: the set has to grow time and again, and to be
 * sorted.
 */
static void dma_fence_unwrap_merge_of_many_contexts_keeps_all(struct kunit *test)
{
	struct dma_fence **leaf, *chain = NULL, *merged;
	unsigned int i;

	leaf = kunit_kcalloc(test, UNWRAP_MANY, sizeof(*leaf), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, leaf);
	for (i = 0; i < UNWRAP_MANY; i++) {
		unsigned int context = i * 7 % UNWRAP_MANY;

		leaf[context] = mock_fence_create(test, 1000 + context, 1);
		chain = unwrap_chain(test, chain, leaf[context], i + 1);
	}
	merged = dma_fence_unwrap_merge(chain, leaf[0]);
	unwrap_expect(test, merged, UNWRAP_MANY, leaf);
	dma_fence_put(merged);
	dma_fence_put(chain);
}

static int dma_fence_unwrap_test_init(struct kunit *test)
{
	test->priv = (void *)(long)mock_fence_live();

	return 0;
}

static void dma_fence_unwrap_test_exit(struct kunit *test)
{
	int live = (long)test->priv, i;

	/* An irq_work may still hold the last reference. */
	for (i = 0; i < 100 && mock_fence_live() != live; i++)
		msleep(20);

	KUNIT_EXPECT_EQ(test, mock_fence_live(), live);
}

static struct kunit_case dma_fence_unwrap_cases[] = {
	KUNIT_CASE(dma_fence_unwrap_first_of_null_is_null),
	KUNIT_CASE(dma_fence_unwrap_foreach_of_plain_fence_visits_it),
	KUNIT_CASE(dma_fence_unwrap_foreach_of_array_visits_children),
	KUNIT_CASE(dma_fence_unwrap_foreach_of_chain_visits_newest_first),
	KUNIT_CASE(dma_fence_unwrap_foreach_of_chain_with_plain_start_visits_all),
	KUNIT_CASE(dma_fence_unwrap_foreach_of_chain_of_arrays_visits_all),
	KUNIT_CASE(dma_fence_unwrap_foreach_skips_signaled_links),
	KUNIT_CASE(dma_fence_unwrap_left_early_needs_one_put),
	KUNIT_CASE(dma_fence_unwrap_cursor_outlives_head_reference),
	KUNIT_CASE(dma_fence_dedup_array_of_none_returns_zero),
	KUNIT_CASE(dma_fence_dedup_array_of_one_keeps_it),
	KUNIT_CASE(dma_fence_dedup_array_keeps_latest_of_each_context),
	KUNIT_CASE(dma_fence_dedup_array_drops_references_of_duplicates),
	KUNIT_CASE(dma_fence_dedup_array_of_any_length_sorts),
	KUNIT_CASE(dma_fence_unwrap_merge_of_nothing_is_signaled),
	KUNIT_CASE(dma_fence_unwrap_merge_of_signaled_has_latest_timestamp),
	KUNIT_CASE(dma_fence_unwrap_merge_of_one_pending_returns_it),
	KUNIT_CASE(dma_fence_unwrap_merge_with_itself_returns_it),
	KUNIT_CASE(dma_fence_unwrap_merge_of_two_contexts_is_array),
	KUNIT_CASE(dma_fence_unwrap_merge_gives_each_result_a_context),
	KUNIT_CASE(dma_fence_unwrap_merge_keeps_latest_of_context),
	KUNIT_CASE(dma_fence_unwrap_merge_understands_wrapped_seqno),
	KUNIT_CASE(dma_fence_unwrap_merge_understands_64_bit_seqno),
	KUNIT_CASE(dma_fence_unwrap_merge_flattens_containers),
	KUNIT_CASE(dma_fence_unwrap_merge_of_container_with_one_pending_returns_that),
	KUNIT_CASE(dma_fence_unwrap_merge_of_long_chain_keeps_one_of_each_context),
	KUNIT_CASE(dma_fence_unwrap_merge_of_many_contexts_keeps_all),
	{}
};

static struct kunit_suite dma_fence_unwrap_suite = {
	.name = "dma_fence_unwrap",
	.init = dma_fence_unwrap_test_init,
	.exit = dma_fence_unwrap_test_exit,
	.test_cases = dma_fence_unwrap_cases,
};

kunit_test_suite(dma_fence_unwrap_suite);
