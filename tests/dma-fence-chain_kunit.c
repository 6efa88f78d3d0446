// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-fence-chain.c, what a timeline looks like: points and contexts,
 * the walk and what it collects, finding a point, release. When it is signaled:
 * dma-fence-chain-signal_kunit.c.
 *
 * Each case ends with as many live mock fences as it began with: see
 * mock_chain_test_exit().
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/dma-fence-chain.h>

#include "expect-splat.h"
#include "mock-chain.h"
#include "mock-fence.h"

#define CHAIN_LONG	5000	/* far more calls than any stack holds */
#define CHAIN_MANY	2000

static void dma_fence_chain_init_first_link_starts_context(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 7, 7);
	u64 before = dma_fence_context_alloc(1);
	struct dma_fence *link = mock_chain_append(test, NULL, fence, 5);
	u64 after = dma_fence_context_alloc(1);

	KUNIT_EXPECT_EQ(test, link->seqno, 5);
	KUNIT_EXPECT_GT(test, link->context, before);
	KUNIT_EXPECT_LT(test, link->context, after);
	KUNIT_EXPECT_EQ(test, to_dma_fence_chain(link)->prev_seqno, 0);
	KUNIT_EXPECT_PTR_EQ(test, to_dma_fence_chain(link)->fence, fence);
	KUNIT_EXPECT_EQ(test, kref_read(&link->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
	KUNIT_EXPECT_EQ(test, link->flags, 0);
	dma_fence_put(link);
}

static void dma_fence_chain_init_later_point_continues_context(struct kunit *test)
{
	struct dma_fence *first = mock_chain_append(test, NULL, mock_fence_create(test, 7, 7), 5);
	struct dma_fence *second;

	second = mock_chain_append(test, dma_fence_get(first), mock_fence_create(test, 7, 8), 9);
	KUNIT_EXPECT_EQ(test, second->context, first->context);
	KUNIT_EXPECT_EQ(test, second->seqno, 9);
	KUNIT_EXPECT_EQ(test, to_dma_fence_chain(second)->prev_seqno, 5);
	KUNIT_EXPECT_EQ(test, kref_read(&first->refcount), 2);
	dma_fence_put(second);
	KUNIT_EXPECT_EQ(test, kref_read(&first->refcount), 1);
	dma_fence_put(first);
}

static void dma_fence_chain_init_point_not_later_starts_context(struct kunit *test)
{
	struct dma_fence *first = mock_chain_append(test, NULL, mock_fence_create(test, 7, 7), 5);
	struct dma_fence *same, *less;

	same = mock_chain_append(test, dma_fence_get(first), mock_fence_create(test, 7, 8), 5);
	KUNIT_EXPECT_NE(test, same->context, first->context);
	KUNIT_EXPECT_EQ(test, same->seqno, 5);
	KUNIT_EXPECT_EQ(test, to_dma_fence_chain(same)->prev_seqno, 0);

	less = mock_chain_append(test, same, mock_fence_create(test, 7, 9), 2);
	KUNIT_EXPECT_NE(test, less->context, same->context);
	KUNIT_EXPECT_EQ_MSG(test, less->seqno, 5, "points never go back");
	KUNIT_EXPECT_EQ(test, to_dma_fence_chain(less)->prev_seqno, 0);
	dma_fence_put(less);
	dma_fence_put(first);
}

static void dma_fence_chain_init_on_plain_fence_starts_context(struct kunit *test)
{
	struct dma_fence *plain = mock_fence_create(test, 7, 100);
	struct dma_fence *link = mock_chain_append(test, plain, mock_fence_create(test, 8, 1), 3);
	struct dma_fence *iter;

	KUNIT_EXPECT_NE(test, link->context, plain->context);
	KUNIT_EXPECT_EQ(test, link->seqno, 3);
	KUNIT_EXPECT_EQ(test, to_dma_fence_chain(link)->prev_seqno, 0);
	iter = dma_fence_chain_walk(link);
	KUNIT_EXPECT_PTR_EQ(test, iter, plain);
	dma_fence_put(iter);
}

/* A driver that chains its fences may have flags of its own in each link. */
static void dma_fence_chain_init_leaves_flags_to_users(struct kunit *test)
{
	struct dma_fence *head = mock_chain_build_long(test, NULL, 20);
	struct dma_fence *link;

	for (link = head; link; link = rcu_access_pointer(to_dma_fence_chain(link)->prev))
		KUNIT_EXPECT_EQ(test, link->flags >> DMA_FENCE_FLAG_USER_BITS, 0);
	dma_fence_put(head);
}

static void dma_fence_chain_init_seqno_is_64_bit(struct kunit *test)
{
	u64 low = 0xffffffff, high = 0x100000000;
	struct dma_fence *first = mock_chain_append(test, NULL, mock_fence_create(test, 7, 7), low);
	struct dma_fence *second;

	second = mock_chain_append(test, dma_fence_get(first), mock_fence_create(test, 7, 8), high);
	KUNIT_EXPECT_TRUE(test, second->ops->use_64bit_seqno);
	KUNIT_EXPECT_EQ(test, second->seqno, high);
	KUNIT_EXPECT_EQ(test, second->context, first->context);
	KUNIT_EXPECT_EQ(test, to_dma_fence_chain(second)->prev_seqno, low);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_later(second, first));
	dma_fence_put(second);
	dma_fence_put(first);
}

static void dma_fence_chain_init_of_chain_warns(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *inner = mock_chain_build(test, 1);
	struct dma_fence *outer;

	expect_splat("dma_fence_chain_init");
	outer = mock_chain_append(test, NULL, dma_fence_get(inner), 1);
	dma_fence_put(outer);
	KUNIT_EXPECT_EQ(test, kref_read(&inner->refcount), 1);
	mock_chain_drop(fx);
}

static void dma_fence_chain_free_unused_accepts_null(struct kunit *test)
{
	struct dma_fence_chain *chain = dma_fence_chain_alloc();

	KUNIT_ASSERT_NOT_NULL(test, chain);
	dma_fence_chain_free(chain);
	dma_fence_chain_free(NULL);
}

static void dma_fence_chain_ops_names_are_fixed(struct kunit *test)
{
	struct dma_fence *link = mock_chain_build(test, 1);

	KUNIT_EXPECT_PTR_EQ(test, link->ops, &dma_fence_chain_ops);
	KUNIT_EXPECT_STREQ(test, link->ops->get_driver_name(link), "dma_fence_chain");
	KUNIT_EXPECT_STREQ(test, link->ops->get_timeline_name(link), "unbound");
	mock_chain_drop(test->priv);
}

static void dma_fence_chain_contained_looks_through_links_only(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *link = mock_chain_build(test, 1);

	KUNIT_EXPECT_PTR_EQ(test, dma_fence_chain_contained(link), fx->fence[0]);
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_chain_contained(fx->fence[0]), fx->fence[0]);
	KUNIT_EXPECT_NULL(test, dma_fence_chain_contained(NULL));
	KUNIT_EXPECT_NULL(test, to_dma_fence_chain(fx->fence[0]));
	KUNIT_EXPECT_NULL(test, to_dma_fence_chain(NULL));
	mock_chain_drop(fx);
}

static void dma_fence_chain_walk_from_other_fence_ends(struct kunit *test)
{
	struct dma_fence *plain = mock_fence_create(test, 1, 1);

	dma_fence_get(plain);
	KUNIT_EXPECT_NULL(test, dma_fence_chain_walk(plain));
	KUNIT_EXPECT_EQ_MSG(test, kref_read(&plain->refcount), 1, "the reference is consumed");
	KUNIT_EXPECT_NULL(test, dma_fence_chain_walk(NULL));
	dma_fence_put(plain);
}

static void dma_fence_chain_foreach_visits_newest_first(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build(test, 4);
	struct dma_fence *iter;
	unsigned int i = 4, refs = kref_read(&fx->link[0]->refcount);

	dma_fence_chain_for_each(iter, head) {
		KUNIT_ASSERT_GT(test, i, 0);
		KUNIT_EXPECT_PTR_EQ(test, iter, fx->link[--i]);
	}
	KUNIT_EXPECT_EQ(test, i, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->link[0]->refcount), refs);
	mock_chain_drop(fx);
}

static void dma_fence_chain_foreach_left_early_holds_a_reference(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build(test, 3);
	struct dma_fence *iter;

	dma_fence_chain_for_each(iter, head)
		if (iter == fx->link[1])
			break;
	KUNIT_EXPECT_EQ(test, kref_read(&fx->link[1]->refcount), 3);
	dma_fence_put(iter);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->link[1]->refcount), 2);
	mock_chain_drop(fx);
}

static void dma_fence_chain_walk_unlinks_signaled(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build(test, 5);
	struct dma_fence *iter;

	dma_fence_signal(fx->fence[1]);
	dma_fence_signal(fx->fence[2]);
	iter = dma_fence_chain_walk(dma_fence_get(head));
	KUNIT_EXPECT_PTR_EQ(test, iter, fx->link[3]);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->link[2]->refcount), 2);

	iter = dma_fence_chain_walk(iter);
	KUNIT_EXPECT_PTR_EQ_MSG(test, iter, fx->link[0], "both signaled ones are passed over");
	KUNIT_EXPECT_EQ_MSG(test, kref_read(&fx->link[2]->refcount), 1, "link 4 let go of it");
	KUNIT_EXPECT_EQ_MSG(test, kref_read(&fx->link[1]->refcount), 2, "link 3 still has it");
	KUNIT_EXPECT_EQ(test, kref_read(&fx->link[0]->refcount), 4);

	KUNIT_EXPECT_NULL(test, dma_fence_chain_walk(iter));
	mock_chain_drop(fx);
}

static void dma_fence_chain_walk_frees_what_it_unlinks(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = dma_fence_get(mock_chain_build(test, 4));
	unsigned int i;

	mock_chain_drop_links(fx);
	for (i = 0; i < 3; i++) {
		dma_fence_signal(fx->fence[i]);
		KUNIT_EXPECT_EQ(test, kref_read(&fx->fence[i]->refcount), 2);
	}
	KUNIT_EXPECT_NULL(test, dma_fence_chain_walk(dma_fence_get(head)));
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, kref_read(&fx->fence[i]->refcount), 1);
	KUNIT_EXPECT_EQ_MSG(test, kref_read(&fx->fence[3]->refcount), 2,
			    "the link walked from is not collected");
	dma_fence_put(head);
	mock_chain_drop(fx);
}

static void dma_fence_chain_walk_drops_signaled_plain_start(struct kunit *test)
{
	struct dma_fence *plain = mock_fence_create(test, 1, 1);
	struct dma_fence *link;

	link = mock_chain_append(test, dma_fence_get(plain), mock_fence_create(test, 2, 1), 1);
	dma_fence_signal(plain);
	KUNIT_EXPECT_NULL(test, dma_fence_chain_walk(dma_fence_get(link)));
	KUNIT_EXPECT_EQ(test, kref_read(&plain->refcount), 1);
	dma_fence_put(link);
	dma_fence_put(plain);
}

static void dma_fence_chain_walk_asks_the_driver(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build_ops(test, 3, &mock_fence_full_ops);
	struct dma_fence *iter;

	to_mock_fence(fx->fence[1])->done = true;
	iter = dma_fence_chain_walk(dma_fence_get(head));
	KUNIT_EXPECT_PTR_EQ(test, iter, fx->link[0]);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(fx->fence[1]));
	dma_fence_put(iter);
	mock_chain_drop(fx);
}

static void dma_fence_chain_find_seqno_zero_changes_nothing(struct kunit *test)
{
	struct dma_fence *plain = mock_fence_create(test, 1, 1);
	struct dma_fence *found = plain;

	KUNIT_EXPECT_EQ(test, dma_fence_chain_find_seqno(&found, 0), 0);
	KUNIT_EXPECT_PTR_EQ(test, found, plain);
	KUNIT_EXPECT_EQ(test, kref_read(&plain->refcount), 1);
	found = NULL;
	KUNIT_EXPECT_EQ(test, dma_fence_chain_find_seqno(&found, 0), 0);
	dma_fence_put(plain);
}

static void dma_fence_chain_find_seqno_of_other_fence_is_einval(struct kunit *test)
{
	struct dma_fence *plain = mock_fence_create(test, 1, 1);
	struct dma_fence *found = plain;

	KUNIT_EXPECT_EQ(test, dma_fence_chain_find_seqno(&found, 1), -EINVAL);
	KUNIT_EXPECT_PTR_EQ(test, found, plain);
	KUNIT_EXPECT_EQ(test, kref_read(&plain->refcount), 1);
	found = NULL;
	KUNIT_EXPECT_EQ(test, dma_fence_chain_find_seqno(&found, 1), -EINVAL);
	dma_fence_put(plain);
}

static void dma_fence_chain_find_seqno_too_new_is_einval(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build(test, 3);
	struct dma_fence *found = head;

	KUNIT_EXPECT_EQ(test, dma_fence_chain_find_seqno(&found, 4), -EINVAL);
	KUNIT_EXPECT_PTR_EQ(test, found, head);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 1);
	mock_chain_drop(fx);
}

/* What find_seqno makes of a point; the caller gets the reference. */
static struct dma_fence *chain_find(struct kunit *test, struct dma_fence *head, u64 seqno)
{
	struct dma_fence *found = dma_fence_get(head);

	KUNIT_ASSERT_EQ(test, dma_fence_chain_find_seqno(&found, seqno), 0);

	return found;
}

static void chain_expect_found(struct kunit *test, struct dma_fence *head, u64 seqno,
			       struct dma_fence *expected)
{
	struct dma_fence *found = chain_find(test, head, seqno);

	KUNIT_EXPECT_PTR_EQ(test, found, expected);
	dma_fence_put(found);
}

static void dma_fence_chain_find_seqno_finds_each_point(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build(test, 5);
	unsigned int i;

	for (i = 0; i < 5; i++)
		chain_expect_found(test, head, i + 1, fx->link[i]);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->link[2]->refcount), 2);
	mock_chain_drop(fx);
}

static void dma_fence_chain_find_seqno_in_gap_finds_next_point(struct kunit *test)
{
	u64 far = 0x500000000;
	struct dma_fence *first = mock_chain_append(test, NULL, mock_fence_create(test, 1, 1), 10);
	struct dma_fence *head;

	head = mock_chain_append(test, dma_fence_get(first), mock_fence_create(test, 1, 2), far);
	chain_expect_found(test, head, 1, first);
	chain_expect_found(test, head, 10, first);
	chain_expect_found(test, head, 11, head);
	chain_expect_found(test, head, far - 1, head);
	chain_expect_found(test, head, far, head);
	dma_fence_put(head);
	dma_fence_put(first);
}

static void dma_fence_chain_find_seqno_reached_point_is_null(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build(test, 4);

	dma_fence_signal(fx->fence[0]);
	dma_fence_signal(fx->fence[1]);
	chain_expect_found(test, head, 1, NULL);
	chain_expect_found(test, head, 2, NULL);
	chain_expect_found(test, head, 3, fx->link[2]);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 1);
	mock_chain_drop(fx);
}

static void dma_fence_chain_find_seqno_includes_all_before_a_done_point(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build(test, 4);

	dma_fence_signal(fx->fence[1]);
	dma_fence_signal(fx->fence[2]);
	chain_expect_found(test, head, 3, fx->link[0]);
	chain_expect_found(test, head, 2, fx->link[0]);
	mock_chain_drop(fx);
}

static void dma_fence_chain_find_seqno_of_signaled_head_is_head(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build(test, 2);

	dma_fence_signal(fx->fence[1]);
	chain_expect_found(test, head, 2, head);
	mock_chain_drop(fx);
}

static void dma_fence_chain_find_seqno_stops_at_another_context(struct kunit *test)
{
	struct dma_fence *plain = mock_fence_create(test, 1, 1);
	struct dma_fence *first = mock_chain_append(test, plain, mock_fence_create(test, 1, 1), 3);
	struct dma_fence *old = mock_chain_append(test, first, mock_fence_create(test, 1, 1), 5);
	struct dma_fence *head = mock_chain_append(test, dma_fence_get(old),
					      mock_fence_create(test, 1, 2), 5);

	KUNIT_ASSERT_EQ(test, first->context, old->context);
	KUNIT_ASSERT_NE(test, head->context, old->context);
	dma_fence_signal(to_dma_fence_chain(head)->fence);
	chain_expect_found(test, head, 5, head);
	chain_expect_found(test, head, 1, head);

	/*
	 * Nothing of this context is left but the head: all that was there
	 * first stands for it, so its newest link has to be waited for,
	 * whatever points that has.
	 */
	head = mock_chain_append(test, head, mock_fence_create(test, 1, 3), 8);
	chain_expect_found(test, head, 6, head);
	chain_expect_found(test, head, 4, old);
	chain_expect_found(test, head, 2, old);
	dma_fence_put(head);
	dma_fence_put(old);
}

static void dma_fence_chain_find_seqno_can_return_the_plain_start(struct kunit *test)
{
	struct dma_fence *plain = mock_fence_create(test, 1, 1);
	struct dma_fence *link = mock_chain_append(test, plain, mock_fence_create(test, 1, 1), 5);
	struct dma_fence *head = mock_chain_append(test, link, mock_fence_create(test, 1, 2), 6);

	/* A driver may have made up the number that the timeline was given. */
	plain->context = head->context;
	dma_fence_signal(to_dma_fence_chain(link)->fence);
	chain_expect_found(test, head, 5, plain);
	dma_fence_put(head);
}

/* Wait until the work item has released the links that a release left to it. */
static void chain_wait_for_references(struct kunit *test, struct dma_fence *fence,
				      unsigned int count)
{
	int i;

	for (i = 0; i < 1000 && kref_read(&fence->refcount) > count; i++)
		usleep_range(500, 1000);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), count);
}

static void dma_fence_chain_release_of_long_chain_does_not_recurse(struct kunit *test)
{
	struct dma_fence *start = mock_fence_create(test, 1, 1);
	struct dma_fence *head = mock_chain_build_long(test, dma_fence_get(start), CHAIN_LONG);

	KUNIT_EXPECT_EQ(test, kref_read(&start->refcount), 2);
	dma_fence_put(head);
	chain_wait_for_references(test, start, 1);
	dma_fence_put(start);
}

static void dma_fence_chain_release_stops_at_a_link_in_use(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *kept = dma_fence_get(mock_chain_build(test, 2));
	struct dma_fence *head;

	head = mock_chain_append(test, dma_fence_get(kept), mock_fence_create(test, 1, 1), 3);
	head = mock_chain_append(test, head, mock_fence_create(test, 1, 1), 4);
	mock_chain_drop_links(fx);
	KUNIT_EXPECT_EQ(test, kref_read(&kept->refcount), 2);
	dma_fence_put(head);
	KUNIT_EXPECT_EQ(test, kref_read(&kept->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->fence[0]->refcount), 2);

	/* What is left is a whole timeline. */
	head = dma_fence_chain_walk(kept);
	KUNIT_EXPECT_EQ(test, head->seqno, 1);
	dma_fence_put(head);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->fence[0]->refcount), 1);
	mock_chain_drop(fx);
}

static void dma_fence_chain_walk_collects_long_chain(struct kunit *test)
{
	struct dma_fence *start = mock_fence_create(test, 1, 1);
	struct dma_fence *head = mock_chain_build_long(test, start, CHAIN_MANY);

	start = dma_fence_chain_walk(dma_fence_get(head));
	KUNIT_EXPECT_PTR_EQ(test, start, rcu_access_pointer(to_dma_fence_chain(head)->prev));
	KUNIT_EXPECT_EQ(test, start->context, 1);
	chain_wait_for_references(test, start, 2);
	dma_fence_put(start);
	dma_fence_put(head);
}

static struct kunit_case dma_fence_chain_cases[] = {
	KUNIT_CASE(dma_fence_chain_init_first_link_starts_context),
	KUNIT_CASE(dma_fence_chain_init_later_point_continues_context),
	KUNIT_CASE(dma_fence_chain_init_point_not_later_starts_context),
	KUNIT_CASE(dma_fence_chain_init_on_plain_fence_starts_context),
	KUNIT_CASE(dma_fence_chain_init_leaves_flags_to_users),
	KUNIT_CASE(dma_fence_chain_init_seqno_is_64_bit),
	KUNIT_CASE(dma_fence_chain_init_of_chain_warns),
	KUNIT_CASE(dma_fence_chain_free_unused_accepts_null),
	KUNIT_CASE(dma_fence_chain_ops_names_are_fixed),
	KUNIT_CASE(dma_fence_chain_contained_looks_through_links_only),
	KUNIT_CASE(dma_fence_chain_walk_from_other_fence_ends),
	KUNIT_CASE(dma_fence_chain_foreach_visits_newest_first),
	KUNIT_CASE(dma_fence_chain_foreach_left_early_holds_a_reference),
	KUNIT_CASE(dma_fence_chain_walk_unlinks_signaled),
	KUNIT_CASE(dma_fence_chain_walk_frees_what_it_unlinks),
	KUNIT_CASE(dma_fence_chain_walk_drops_signaled_plain_start),
	KUNIT_CASE(dma_fence_chain_walk_asks_the_driver),
	KUNIT_CASE(dma_fence_chain_find_seqno_zero_changes_nothing),
	KUNIT_CASE(dma_fence_chain_find_seqno_of_other_fence_is_einval),
	KUNIT_CASE(dma_fence_chain_find_seqno_too_new_is_einval),
	KUNIT_CASE(dma_fence_chain_find_seqno_finds_each_point),
	KUNIT_CASE(dma_fence_chain_find_seqno_in_gap_finds_next_point),
	KUNIT_CASE(dma_fence_chain_find_seqno_reached_point_is_null),
	KUNIT_CASE(dma_fence_chain_find_seqno_includes_all_before_a_done_point),
	KUNIT_CASE(dma_fence_chain_find_seqno_of_signaled_head_is_head),
	KUNIT_CASE(dma_fence_chain_find_seqno_stops_at_another_context),
	KUNIT_CASE(dma_fence_chain_find_seqno_can_return_the_plain_start),
	KUNIT_CASE_SLOW(dma_fence_chain_release_of_long_chain_does_not_recurse),
	KUNIT_CASE(dma_fence_chain_release_stops_at_a_link_in_use),
	KUNIT_CASE(dma_fence_chain_walk_collects_long_chain),
	{}
};

static struct kunit_suite dma_fence_chain_suite = {
	.name = "dma_fence_chain",
	.init = mock_chain_test_init,
	.exit = mock_chain_test_exit,
	.test_cases = dma_fence_chain_cases,
};

kunit_test_suite(dma_fence_chain_suite);
