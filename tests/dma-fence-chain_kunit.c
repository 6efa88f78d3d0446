// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-fence-chain.c: points and contexts, the walk and what it collects, waiting in every
 * order, long timelines, deadlines.
 *
 * Each case ends with as many live mock fences as it began with: see dma_fence_chain_test_exit().
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "expect-splat.h"
#include "mock-fence.h"
#include "mock-race.h"

#define CHAIN_LINKS	8
#define CHAIN_LONG	100000	/* released: far more calls than any stack holds */
#define CHAIN_MANY	10000

/* A timeline with points 1, 2, 3..., and references to each link and each fence inside. */
struct chain_fixture {
	struct dma_fence *link[CHAIN_LINKS];
	struct dma_fence *fence[CHAIN_LINKS];
	unsigned int count;
	atomic_t wrong;		/* what a side of a race has found amiss */
	atomic_t started;	/* threads that wait */
	int live;
};

/* Add a link; consumes both references, returns one. */
static struct dma_fence *chain_append(struct kunit *test, struct dma_fence *prev,
				      struct dma_fence *fence, u64 seqno)
{
	struct dma_fence_chain *chain = dma_fence_chain_alloc();

	KUNIT_ASSERT_NOT_NULL(test, chain);
	dma_fence_chain_init(chain, prev, fence, seqno);

	return &chain->base;
}

static struct dma_fence *chain_build_ops(struct kunit *test, unsigned int count,
					 const struct dma_fence_ops *ops)
{
	struct chain_fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < count; i++) {
		fx->fence[i] = mock_fence_create_ops(test, 200 + i, 1, ops);
		fx->link[i] = chain_append(test, i ? dma_fence_get(fx->link[i - 1]) : NULL,
					   dma_fence_get(fx->fence[i]), i + 1);
	}
	fx->count = count;

	return fx->link[count - 1];
}

static struct dma_fence *chain_build(struct kunit *test, unsigned int count)
{
	return chain_build_ops(test, count, &mock_fence_ops);
}

/* Drop the test's references to all links, but not to the fences inside. */
static void chain_drop_links(struct chain_fixture *fx)
{
	unsigned int i;

	for (i = 0; i < fx->count; i++) {
		dma_fence_put(fx->link[i]);
		fx->link[i] = NULL;
	}
}

static void chain_drop(struct chain_fixture *fx)
{
	unsigned int i;

	chain_drop_links(fx);
	for (i = 0; i < fx->count; i++)
		dma_fence_put(fx->fence[i]);
	fx->count = 0;
}

static bool chain_signaled_soon(struct dma_fence *fence)
{
	int i;

	for (i = 0; i < 1000 && !dma_fence_test_signaled_flag(fence); i++)
		usleep_range(500, 1000);

	return dma_fence_test_signaled_flag(fence);
}

static bool chain_pending_still(struct dma_fence *fence)
{
	msleep(20);

	return !dma_fence_test_signaled_flag(fence);
}

static void dma_fence_chain_init_first_link_starts_context(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 7, 7);
	struct dma_fence *link = chain_append(test, NULL, fence, 5);
	u64 context = dma_fence_context_alloc(1);

	KUNIT_EXPECT_EQ(test, link->seqno, 5);
	KUNIT_EXPECT_EQ(test, link->context, context - 1);
	KUNIT_EXPECT_EQ(test, to_dma_fence_chain(link)->prev_seqno, 0);
	KUNIT_EXPECT_PTR_EQ(test, to_dma_fence_chain(link)->fence, fence);
	KUNIT_EXPECT_EQ(test, kref_read(&link->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
	KUNIT_EXPECT_EQ(test, link->flags, 0);
	dma_fence_put(link);
}

static void dma_fence_chain_init_later_point_continues_context(struct kunit *test)
{
	struct dma_fence *first = chain_append(test, NULL, mock_fence_create(test, 7, 7), 5);
	struct dma_fence *second;

	second = chain_append(test, dma_fence_get(first), mock_fence_create(test, 7, 8), 9);
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
	struct dma_fence *first = chain_append(test, NULL, mock_fence_create(test, 7, 7), 5);
	struct dma_fence *same, *less;

	same = chain_append(test, dma_fence_get(first), mock_fence_create(test, 7, 8), 5);
	KUNIT_EXPECT_NE(test, same->context, first->context);
	KUNIT_EXPECT_EQ(test, same->seqno, 5);
	KUNIT_EXPECT_EQ(test, to_dma_fence_chain(same)->prev_seqno, 0);

	less = chain_append(test, same, mock_fence_create(test, 7, 9), 2);
	KUNIT_EXPECT_NE(test, less->context, same->context);
	KUNIT_EXPECT_EQ_MSG(test, less->seqno, 5, "points never go back");
	KUNIT_EXPECT_EQ(test, to_dma_fence_chain(less)->prev_seqno, 0);
	dma_fence_put(less);
	dma_fence_put(first);
}

static void dma_fence_chain_init_on_plain_fence_starts_context(struct kunit *test)
{
	struct dma_fence *plain = mock_fence_create(test, 7, 100);
	struct dma_fence *link = chain_append(test, plain, mock_fence_create(test, 8, 1), 3);
	struct dma_fence *iter;

	KUNIT_EXPECT_NE(test, link->context, plain->context);
	KUNIT_EXPECT_EQ(test, link->seqno, 3);
	KUNIT_EXPECT_EQ(test, to_dma_fence_chain(link)->prev_seqno, 0);
	iter = dma_fence_chain_walk(link);
	KUNIT_EXPECT_PTR_EQ(test, iter, plain);
	dma_fence_put(iter);
}

static void dma_fence_chain_init_seqno_is_64_bit(struct kunit *test)
{
	u64 low = 0xffffffff, high = 0x100000000;
	struct dma_fence *first = chain_append(test, NULL, mock_fence_create(test, 7, 7), low);
	struct dma_fence *second;

	second = chain_append(test, dma_fence_get(first), mock_fence_create(test, 7, 8), high);
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
	struct chain_fixture *fx = test->priv;
	struct dma_fence *inner = chain_build(test, 1);
	struct dma_fence *outer;

	expect_splat("dma_fence_chain_init");
	outer = chain_append(test, NULL, dma_fence_get(inner), 1);
	dma_fence_put(outer);
	KUNIT_EXPECT_EQ(test, kref_read(&inner->refcount), 1);
	chain_drop(fx);
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
	struct dma_fence *link = chain_build(test, 1);

	KUNIT_EXPECT_PTR_EQ(test, link->ops, &dma_fence_chain_ops);
	KUNIT_EXPECT_STREQ(test, link->ops->get_driver_name(link), "dma_fence_chain");
	KUNIT_EXPECT_STREQ(test, link->ops->get_timeline_name(link), "unbound");
	chain_drop(test->priv);
}

static void dma_fence_chain_contained_looks_through_links_only(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *link = chain_build(test, 1);

	KUNIT_EXPECT_PTR_EQ(test, dma_fence_chain_contained(link), fx->fence[0]);
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_chain_contained(fx->fence[0]), fx->fence[0]);
	KUNIT_EXPECT_NULL(test, dma_fence_chain_contained(NULL));
	KUNIT_EXPECT_NULL(test, to_dma_fence_chain(fx->fence[0]));
	KUNIT_EXPECT_NULL(test, to_dma_fence_chain(NULL));
	chain_drop(fx);
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
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build(test, 4);
	struct dma_fence *iter;
	unsigned int i = 4;

	dma_fence_chain_for_each(iter, head) {
		KUNIT_ASSERT_GT(test, i, 0);
		KUNIT_EXPECT_PTR_EQ(test, iter, fx->link[--i]);
	}
	KUNIT_EXPECT_EQ(test, i, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->link[0]->refcount), 2);
	chain_drop(fx);
}

static void dma_fence_chain_foreach_left_early_holds_a_reference(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build(test, 3);
	struct dma_fence *iter;

	dma_fence_chain_for_each(iter, head)
		if (iter == fx->link[1])
			break;
	KUNIT_EXPECT_EQ(test, kref_read(&fx->link[1]->refcount), 3);
	dma_fence_put(iter);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->link[1]->refcount), 2);
	chain_drop(fx);
}

static void dma_fence_chain_walk_unlinks_signaled(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build(test, 5);
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
	chain_drop(fx);
}

static void dma_fence_chain_walk_frees_what_it_unlinks(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = dma_fence_get(chain_build(test, 4));
	unsigned int i;

	chain_drop_links(fx);
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
	chain_drop(fx);
}

static void dma_fence_chain_walk_drops_signaled_plain_start(struct kunit *test)
{
	struct dma_fence *plain = mock_fence_create(test, 1, 1);
	struct dma_fence *link;

	link = chain_append(test, dma_fence_get(plain), mock_fence_create(test, 2, 1), 1);
	dma_fence_signal(plain);
	KUNIT_EXPECT_NULL(test, dma_fence_chain_walk(dma_fence_get(link)));
	KUNIT_EXPECT_EQ(test, kref_read(&plain->refcount), 1);
	dma_fence_put(link);
	dma_fence_put(plain);
}

static void dma_fence_chain_walk_asks_the_driver(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build_ops(test, 3, &mock_fence_full_ops);
	struct dma_fence *iter;

	to_mock_fence(fx->fence[1])->done = true;
	iter = dma_fence_chain_walk(dma_fence_get(head));
	KUNIT_EXPECT_PTR_EQ(test, iter, fx->link[0]);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(fx->fence[1]));
	dma_fence_put(iter);
	chain_drop(fx);
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
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build(test, 3);
	struct dma_fence *found = head;

	KUNIT_EXPECT_EQ(test, dma_fence_chain_find_seqno(&found, 4), -EINVAL);
	KUNIT_EXPECT_PTR_EQ(test, found, head);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 1);
	chain_drop(fx);
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
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build(test, 5);
	unsigned int i;

	for (i = 0; i < 5; i++)
		chain_expect_found(test, head, i + 1, fx->link[i]);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->link[2]->refcount), 2);
	chain_drop(fx);
}

static void dma_fence_chain_find_seqno_in_gap_finds_next_point(struct kunit *test)
{
	u64 far = 0x500000000;
	struct dma_fence *first = chain_append(test, NULL, mock_fence_create(test, 1, 1), 10);
	struct dma_fence *head;

	head = chain_append(test, dma_fence_get(first), mock_fence_create(test, 1, 2), far);
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
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build(test, 4);

	dma_fence_signal(fx->fence[0]);
	dma_fence_signal(fx->fence[1]);
	chain_expect_found(test, head, 1, NULL);
	chain_expect_found(test, head, 2, NULL);
	chain_expect_found(test, head, 3, fx->link[2]);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 1);
	chain_drop(fx);
}

static void dma_fence_chain_find_seqno_includes_all_before_a_done_point(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build(test, 4);

	dma_fence_signal(fx->fence[1]);
	dma_fence_signal(fx->fence[2]);
	chain_expect_found(test, head, 3, fx->link[0]);
	chain_expect_found(test, head, 2, fx->link[0]);
	chain_drop(fx);
}

static void dma_fence_chain_find_seqno_of_signaled_head_is_head(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build(test, 2);

	dma_fence_signal(fx->fence[1]);
	chain_expect_found(test, head, 2, head);
	chain_drop(fx);
}

static void dma_fence_chain_find_seqno_stops_at_another_context(struct kunit *test)
{
	struct dma_fence *plain = mock_fence_create(test, 1, 1);
	struct dma_fence *first = chain_append(test, plain, mock_fence_create(test, 1, 1), 3);
	struct dma_fence *old = chain_append(test, first, mock_fence_create(test, 1, 1), 5);
	struct dma_fence *head = chain_append(test, dma_fence_get(old),
					      mock_fence_create(test, 1, 2), 5);

	KUNIT_ASSERT_EQ(test, first->context, old->context);
	KUNIT_ASSERT_NE(test, head->context, old->context);
	dma_fence_signal(to_dma_fence_chain(head)->fence);
	chain_expect_found(test, head, 5, head);
	chain_expect_found(test, head, 1, head);

	/*
	 * Nothing of this context is left but the head: all that was there first stands for it, so
	 * its newest link has to be waited for, whatever points that has.
	 */
	head = chain_append(test, head, mock_fence_create(test, 1, 3), 8);
	chain_expect_found(test, head, 6, head);
	chain_expect_found(test, head, 4, old);
	chain_expect_found(test, head, 2, old);
	dma_fence_put(head);
	dma_fence_put(old);
}

static void dma_fence_chain_find_seqno_can_return_the_plain_start(struct kunit *test)
{
	struct dma_fence *plain = mock_fence_create(test, 1, 1);
	struct dma_fence *link = chain_append(test, plain, mock_fence_create(test, 1, 1), 5);
	struct dma_fence *head = chain_append(test, link, mock_fence_create(test, 1, 2), 6);

	/* A driver may have made up the number that the timeline was given. */
	plain->context = head->context;
	dma_fence_signal(to_dma_fence_chain(link)->fence);
	chain_expect_found(test, head, 5, plain);
	dma_fence_put(head);
}

static void dma_fence_chain_signaled_polled_needs_every_link(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build_ops(test, 3, &mock_fence_full_ops);

	to_mock_fence(fx->fence[2])->done = true;
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(head));
	to_mock_fence(fx->fence[0])->done = true;
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(head));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fx->link[0]));
	to_mock_fence(fx->fence[1])->done = true;
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(head));
	KUNIT_EXPECT_FALSE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &head->flags));
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fx->fence[0])->enable_calls), 0);
	chain_drop(fx);
}

static void dma_fence_chain_signaled_pending_own_fence_asks_no_other(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build_ops(test, 2, &mock_fence_full_ops);

	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(head));
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fx->fence[0])->signaled_calls), 0);
	dma_fence_signal(fx->fence[0]);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(head));
	chain_drop(fx);
}

static void dma_fence_chain_enable_arms_one_fence_at_a_time(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build_ops(test, 2, &mock_fence_full_ops);
	struct mock_fence *oldest = to_mock_fence(fx->fence[0]);
	struct mock_fence *newest = to_mock_fence(fx->fence[1]);

	dma_fence_enable_sw_signaling(head);
	KUNIT_EXPECT_EQ(test, atomic_read(&newest->enable_calls), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&oldest->enable_calls), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 2);
	KUNIT_EXPECT_EQ(test, kref_read(&newest->base.refcount), 3);

	dma_fence_signal(&newest->base);
	KUNIT_EXPECT_TRUE(test, chain_pending_still(head));
	KUNIT_EXPECT_EQ(test, atomic_read(&oldest->enable_calls), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&newest->base.refcount), 2);

	dma_fence_signal(&oldest->base);
	KUNIT_EXPECT_TRUE(test, chain_signaled_soon(head));
	chain_drop(fx);
}

static void dma_fence_chain_enable_with_all_done_signals_at_once(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build(test, 2);
	struct mock_fence_cb cb = {};

	dma_fence_signal(fx->fence[0]);
	dma_fence_signal(fx->fence[1]);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(head, &cb.base, mock_fence_cb_func), -ENOENT);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(head));
	KUNIT_EXPECT_EQ(test, cb.calls, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 1);
	chain_drop(fx);
}

static void dma_fence_chain_fence_signal_never_signals_inline(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build(test, 1);
	struct mock_fence_cb cb = {};
	unsigned long flags;
	bool inlined;

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(head, &cb.base, mock_fence_cb_func), 0);
	local_irq_save(flags);
	dma_fence_signal(fx->fence[0]);
	inlined = dma_fence_test_signaled_flag(head);
	local_irq_restore(flags);

	KUNIT_EXPECT_FALSE(test, inlined);
	KUNIT_EXPECT_TRUE(test, chain_signaled_soon(head));
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(head, false, HZ), HZ);
	KUNIT_EXPECT_EQ(test, cb.calls, 1);
	chain_drop(fx);
}

static void dma_fence_chain_put_while_armed_is_kept_by_fence(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build(test, 2);

	dma_fence_enable_sw_signaling(head);
	chain_drop_links(fx);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 1);
	dma_fence_signal(fx->fence[0]);
	dma_fence_signal(fx->fence[1]);
	chain_drop(fx);
}

static void dma_fence_chain_error_stays_with_the_fence_inside(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build(test, 1);

	dma_fence_set_error(fx->fence[0], -EIO);
	dma_fence_signal(fx->fence[0]);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(head), 1);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(dma_fence_chain_contained(head)), -EIO);
	chain_drop(fx);
}

static void dma_fence_chain_of_array_waits_for_its_children(struct kunit *test)
{
	struct dma_fence **fences = kmalloc_array(2, sizeof(*fences), GFP_KERNEL);
	struct dma_fence *child[2], *link;
	struct dma_fence_array *array;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, fences);
	for (i = 0; i < 2; i++) {
		child[i] = mock_fence_create(test, 10 + i, 1);
		fences[i] = dma_fence_get(child[i]);
	}
	array = dma_fence_array_create(2, fences, 1, 1, false);
	KUNIT_ASSERT_NOT_NULL(test, array);
	link = chain_append(test, NULL, &array->base, 1);

	dma_fence_enable_sw_signaling(link);
	dma_fence_signal(child[1]);
	KUNIT_EXPECT_TRUE(test, chain_pending_still(link));
	dma_fence_signal(child[0]);
	KUNIT_EXPECT_TRUE(test, chain_signaled_soon(link));
	dma_fence_put(link);
	dma_fence_put(child[0]);
	dma_fence_put(child[1]);
}

static void dma_fence_chain_set_deadline_reaches_all_pending(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = chain_build_ops(test, 4, &mock_fence_full_ops);
	unsigned int i;

	dma_fence_signal(fx->fence[1]);
	dma_fence_set_deadline(head, ns_to_ktime(987));
	for (i = 0; i < 4; i++) {
		struct mock_fence *mock = to_mock_fence(fx->fence[i]);

		KUNIT_EXPECT_EQ(test, atomic_read(&mock->deadline_calls), i == 1 ? 0 : 1);
		KUNIT_EXPECT_EQ(test, ktime_to_ns(mock->deadline), i == 1 ? 0 : 987);
	}
	chain_drop(fx);
}

/* Signal the fences in some order; after each step exactly the links without a gap are signaled. */
static void chain_check_order(struct kunit *test, const u8 *order)
{
	struct chain_fixture *fx = test->priv;
	struct mock_fence_cb cb[CHAIN_LINKS] = {};
	unsigned int i, j, reached = 0;
	unsigned long done = 0;

	chain_build(test, CHAIN_LINKS);
	for (i = 0; i < CHAIN_LINKS; i++)
		KUNIT_EXPECT_EQ(test, 0, dma_fence_add_callback(fx->link[i], &cb[i].base,
								mock_fence_cb_func));

	for (i = 0; i < CHAIN_LINKS; i++) {
		dma_fence_signal(fx->fence[order[i]]);
		done |= BIT(order[i]);
		for (; done & BIT(reached); reached++)
			KUNIT_EXPECT_TRUE(test, chain_signaled_soon(fx->link[reached]));
		msleep(20);
		for (j = reached; j < CHAIN_LINKS; j++)
			KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(fx->link[j]));
	}

	for (i = 0; i < CHAIN_LINKS; i++) {
		/* Takes the lock that the callbacks ran under. */
		dma_fence_wait(fx->link[i], false);
		KUNIT_EXPECT_EQ(test, cb[i].calls, 1);
	}
	chain_drop(fx);
}

static void dma_fence_chain_callbacks_in_forward_order(struct kunit *test)
{
	chain_check_order(test, (const u8[]){ 0, 1, 2, 3, 4, 5, 6, 7 });
}

static void dma_fence_chain_callbacks_in_reverse_order(struct kunit *test)
{
	chain_check_order(test, (const u8[]){ 7, 6, 5, 4, 3, 2, 1, 0 });
}

static void dma_fence_chain_callbacks_in_random_order(struct kunit *test)
{
	chain_check_order(test, (const u8[]){ 5, 0, 2, 7, 1, 4, 3, 6 });
}

/* A timeline of @count links with nothing but signaled fences in it, on top of @start. */
static struct dma_fence *chain_build_long(struct kunit *test, struct dma_fence *start, u64 count)
{
	struct dma_fence *head = start;
	u64 i;

	for (i = 1; i <= count; i++)
		head = chain_append(test, head, dma_fence_get_stub(), i);

	return head;
}

static void dma_fence_chain_release_of_long_chain_does_not_recurse(struct kunit *test)
{
	struct dma_fence *start = mock_fence_create(test, 1, 1);
	struct dma_fence *head = chain_build_long(test, dma_fence_get(start), CHAIN_LONG);

	KUNIT_EXPECT_EQ(test, kref_read(&start->refcount), 2);
	dma_fence_put(head);
	KUNIT_EXPECT_EQ(test, kref_read(&start->refcount), 1);
	dma_fence_put(start);
}

static void dma_fence_chain_release_stops_at_a_link_in_use(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	struct dma_fence *kept = dma_fence_get(chain_build(test, 2));
	struct dma_fence *head;

	head = chain_append(test, dma_fence_get(kept), mock_fence_create(test, 1, 1), 3);
	head = chain_append(test, head, mock_fence_create(test, 1, 1), 4);
	chain_drop_links(fx);
	KUNIT_EXPECT_EQ(test, kref_read(&kept->refcount), 2);
	dma_fence_put(head);
	KUNIT_EXPECT_EQ(test, kref_read(&kept->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->fence[0]->refcount), 2);

	/* What is left is a whole timeline. */
	head = dma_fence_chain_walk(kept);
	KUNIT_EXPECT_EQ(test, head->seqno, 1);
	dma_fence_put(head);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->fence[0]->refcount), 1);
	chain_drop(fx);
}

static void dma_fence_chain_walk_collects_long_chain(struct kunit *test)
{
	struct dma_fence *start = mock_fence_create(test, 1, 1);
	struct dma_fence *head = chain_build_long(test, start, CHAIN_MANY);

	start = dma_fence_chain_walk(dma_fence_get(head));
	KUNIT_EXPECT_PTR_EQ(test, start, rcu_access_pointer(to_dma_fence_chain(head)->prev));
	KUNIT_EXPECT_EQ(test, start->context, 1);
	KUNIT_EXPECT_EQ(test, kref_read(&start->refcount), 2);
	dma_fence_put(start);
	dma_fence_put(head);
}

static void dma_fence_chain_enable_on_long_chain_arms_the_start(struct kunit *test)
{
	struct dma_fence *start = mock_fence_create(test, 1, 1);
	struct dma_fence *head = chain_build_long(test, dma_fence_get(start), CHAIN_MANY);

	dma_fence_enable_sw_signaling(head);
	KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(head));
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &start->flags));
	dma_fence_signal(start);
	KUNIT_EXPECT_TRUE(test, chain_signaled_soon(head));
	dma_fence_put(head);
	dma_fence_put(start);
}

/* Races: one side walks and collects while the other signals and then drops the timeline. */
static void chain_race_setup(void *data)
{
	struct kunit *test = data;
	struct chain_fixture *fx = test->priv;
	unsigned int i;

	chain_build(test, CHAIN_LINKS);

	/* Nobody but the newest link keeps the others. */
	for (i = 0; i < CHAIN_LINKS - 1; i++) {
		dma_fence_put(fx->link[i]);
		fx->link[i] = NULL;
	}
}

/* Walk down from @iter; returns the point of the last link. Counts steps that are not downwards. */
static u64 chain_race_descend(struct chain_fixture *fx, struct dma_fence *iter)
{
	u64 last = CHAIN_LINKS + 1;

	for (; iter; iter = dma_fence_chain_walk(iter)) {
		if (iter->seqno >= last)
			atomic_inc(&fx->wrong);
		last = iter->seqno;
	}

	return last;
}

static void chain_race_walk(void *data)
{
	struct kunit *test = data;
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = fx->link[CHAIN_LINKS - 1];

	/* Until the oldest fence is signaled, which is the last to be, each walk must reach it. */
	while (chain_race_descend(fx, dma_fence_get(head)) == 1)
		cpu_relax();
	if (!dma_fence_test_signaled_flag(fx->fence[0]))
		atomic_inc(&fx->wrong);
}

static void chain_race_signal(void *data)
{
	static const u8 order[CHAIN_LINKS] = { 5, 2, 7, 1, 4, 3, 6, 0 };
	struct kunit *test = data;
	struct chain_fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < CHAIN_LINKS; i++) {
		dma_fence_signal(fx->fence[order[i]]);
		udelay(1);
	}
}

static void chain_race_check(void *data)
{
	struct kunit *test = data;
	struct chain_fixture *fx = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, atomic_read(&fx->wrong), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fx->link[CHAIN_LINKS - 1]));
	for (i = 0; i < CHAIN_LINKS - 1; i++)
		KUNIT_EXPECT_EQ(test, kref_read(&fx->fence[i]->refcount), 1);
	chain_drop(fx);
}

static void dma_fence_chain_walk_against_signal_reaches_pending(struct kunit *test)
{
	static const struct mock_race race = {
		.setup = chain_race_setup,
		.here = chain_race_walk,
		.there = chain_race_signal,
		.check = chain_race_check,
	};

	mock_race_run(test, &race, 500, test);
}

static void chain_race_setup_signaled(void *data)
{
	struct kunit *test = data;
	struct chain_fixture *fx = test->priv;
	unsigned int i;

	chain_race_setup(data);
	for (i = 1; i < CHAIN_LINKS; i++)
		if (i != 4)
			dma_fence_signal(fx->fence[i]);
}

static void chain_race_collect(void *data)
{
	struct kunit *test = data;
	struct chain_fixture *fx = test->priv;
	struct dma_fence *iter;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		iter = dma_fence_chain_walk(dma_fence_get(fx->link[CHAIN_LINKS - 1]));
		if (!iter || iter->seqno != 5)
			atomic_inc(&fx->wrong);
		iter = dma_fence_chain_walk(iter);
		if (!iter || iter->seqno != 1)
			atomic_inc(&fx->wrong);
		iter = dma_fence_chain_walk(iter);
		if (iter)
			atomic_inc(&fx->wrong);
	}
}

static void chain_race_check_collected(void *data)
{
	struct kunit *test = data;
	struct chain_fixture *fx = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, atomic_read(&fx->wrong), 0);
	for (i = 1; i < CHAIN_LINKS - 1; i++)
		KUNIT_EXPECT_EQ(test, kref_read(&fx->fence[i]->refcount), i == 4 ? 2 : 1);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->fence[0]->refcount), 2);
	chain_drop(fx);
}

static void dma_fence_chain_walk_against_walk_collects_once(struct kunit *test)
{
	static const struct mock_race race = {
		.setup = chain_race_setup_signaled,
		.here = chain_race_collect,
		.there = chain_race_collect,
		.check = chain_race_check_collected,
	};

	mock_race_run(test, &race, 500, test);
}

static void chain_race_put(void *data)
{
	struct kunit *test = data;
	struct chain_fixture *fx = test->priv;
	struct dma_fence *head = fx->link[CHAIN_LINKS - 1];

	fx->link[CHAIN_LINKS - 1] = NULL;
	dma_fence_put(head);
}

static void chain_race_setup_middle(void *data)
{
	struct kunit *test = data;
	struct chain_fixture *fx = test->priv;

	chain_race_setup(data);
	dma_fence_signal(fx->fence[3]);
	dma_fence_signal(fx->fence[4]);

	/* The walker's way in: a link in the middle of what is going to be released. */
	fx->link[0] = chain_find(test, fx->link[CHAIN_LINKS - 1], 6);
}

static void chain_race_walk_middle(void *data)
{
	struct kunit *test = data;
	struct chain_fixture *fx = test->priv;
	struct dma_fence *iter = fx->link[0];

	fx->link[0] = NULL;
	if (chain_race_descend(fx, iter) != 1)
		atomic_inc(&fx->wrong);
}

static void chain_race_check_gone(void *data)
{
	struct kunit *test = data;
	struct chain_fixture *fx = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, atomic_read(&fx->wrong), 0);
	for (i = 0; i < CHAIN_LINKS; i++)
		KUNIT_EXPECT_EQ(test, kref_read(&fx->fence[i]->refcount), 1);
	chain_drop(fx);
}

static void dma_fence_chain_release_against_walk_frees_all(struct kunit *test)
{
	static const struct mock_race race = {
		.setup = chain_race_setup_middle,
		.here = chain_race_walk_middle,
		.there = chain_race_put,
		.check = chain_race_check_gone,
	};

	mock_race_run(test, &race, 500, test);
}

/* Wait for every link from a thread of its own while another CPU signals in some order. */
struct chain_waiter {
	struct chain_fixture *fx;
	unsigned int index;
	struct task_struct *task;
};

static int chain_waiter_run(void *arg)
{
	struct chain_waiter *waiter = arg;
	struct chain_fixture *fx = waiter->fx;
	unsigned int i;
	long ret;

	atomic_inc(&fx->started);
	ret = dma_fence_wait_timeout(fx->link[waiter->index], false, 20 * HZ);

	/* No link before any of the fences that it stands for. */
	for (i = 0; i <= waiter->index; i++)
		if (!dma_fence_test_signaled_flag(fx->fence[i]))
			atomic_inc(&fx->wrong);

	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);

	return ret > 0 ? 0 : -ETIME;
}

static void chain_wait_in_order(struct kunit *test, const u8 *order)
{
	struct chain_waiter waiter[CHAIN_LINKS] = {};
	struct chain_fixture *fx = test->priv;
	unsigned int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");

	chain_build(test, CHAIN_LINKS);
	atomic_set(&fx->started, 0);
	for (i = 0; i < CHAIN_LINKS; i++) {
		waiter[i].fx = fx;
		waiter[i].index = i;
		waiter[i].task = kthread_run(chain_waiter_run, &waiter[i], "chain-wait/%u", i);
		KUNIT_ASSERT_FALSE(test, IS_ERR(waiter[i].task));
	}
	while (atomic_read(&fx->started) < CHAIN_LINKS)
		schedule_timeout_uninterruptible(1);

	for (i = 0; i < CHAIN_LINKS; i++) {
		dma_fence_signal(fx->fence[order[i]]);
		usleep_range(100, 1000);
	}
	for (i = 0; i < CHAIN_LINKS; i++) {
		KUNIT_EXPECT_TRUE(test, chain_signaled_soon(fx->link[i]));
		KUNIT_EXPECT_EQ(test, kthread_stop(waiter[i].task), 0);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->wrong), 0);
	chain_drop(fx);
}

static void dma_fence_chain_wait_against_forward_signals(struct kunit *test)
{
	int i;

	for (i = 0; i < 10; i++)
		chain_wait_in_order(test, (const u8[]){ 0, 1, 2, 3, 4, 5, 6, 7 });
}

static void dma_fence_chain_wait_against_reverse_signals(struct kunit *test)
{
	int i;

	for (i = 0; i < 10; i++)
		chain_wait_in_order(test, (const u8[]){ 7, 6, 5, 4, 3, 2, 1, 0 });
}

static void dma_fence_chain_wait_against_random_signals(struct kunit *test)
{
	int i;

	for (i = 0; i < 10; i++)
		chain_wait_in_order(test, (const u8[]){ 5, 0, 2, 7, 1, 4, 3, 6 });
}

static int dma_fence_chain_test_init(struct kunit *test)
{
	struct chain_fixture *fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);

	if (!fx)
		return -ENOMEM;

	fx->live = mock_fence_live();
	test->priv = fx;

	return 0;
}

static void dma_fence_chain_test_exit(struct kunit *test)
{
	struct chain_fixture *fx = test->priv;
	int i;

	/* An irq_work may still hold the last reference. */
	for (i = 0; i < 100 && mock_fence_live() != fx->live; i++)
		msleep(20);

	KUNIT_EXPECT_EQ(test, mock_fence_live(), fx->live);
}

static struct kunit_case dma_fence_chain_cases[] = {
	KUNIT_CASE(dma_fence_chain_init_first_link_starts_context),
	KUNIT_CASE(dma_fence_chain_init_later_point_continues_context),
	KUNIT_CASE(dma_fence_chain_init_point_not_later_starts_context),
	KUNIT_CASE(dma_fence_chain_init_on_plain_fence_starts_context),
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
	KUNIT_CASE(dma_fence_chain_signaled_polled_needs_every_link),
	KUNIT_CASE(dma_fence_chain_signaled_pending_own_fence_asks_no_other),
	KUNIT_CASE(dma_fence_chain_enable_arms_one_fence_at_a_time),
	KUNIT_CASE(dma_fence_chain_enable_with_all_done_signals_at_once),
	KUNIT_CASE(dma_fence_chain_fence_signal_never_signals_inline),
	KUNIT_CASE(dma_fence_chain_put_while_armed_is_kept_by_fence),
	KUNIT_CASE(dma_fence_chain_error_stays_with_the_fence_inside),
	KUNIT_CASE(dma_fence_chain_of_array_waits_for_its_children),
	KUNIT_CASE(dma_fence_chain_set_deadline_reaches_all_pending),
	KUNIT_CASE(dma_fence_chain_callbacks_in_forward_order),
	KUNIT_CASE(dma_fence_chain_callbacks_in_reverse_order),
	KUNIT_CASE(dma_fence_chain_callbacks_in_random_order),
	KUNIT_CASE_SLOW(dma_fence_chain_release_of_long_chain_does_not_recurse),
	KUNIT_CASE(dma_fence_chain_release_stops_at_a_link_in_use),
	KUNIT_CASE(dma_fence_chain_walk_collects_long_chain),
	KUNIT_CASE(dma_fence_chain_enable_on_long_chain_arms_the_start),
	KUNIT_CASE(dma_fence_chain_walk_against_signal_reaches_pending),
	KUNIT_CASE(dma_fence_chain_walk_against_walk_collects_once),
	KUNIT_CASE(dma_fence_chain_release_against_walk_frees_all),
	KUNIT_CASE(dma_fence_chain_wait_against_forward_signals),
	KUNIT_CASE(dma_fence_chain_wait_against_reverse_signals),
	KUNIT_CASE(dma_fence_chain_wait_against_random_signals),
	{}
};

static struct kunit_suite dma_fence_chain_suite = {
	.name = "dma_fence_chain",
	.init = dma_fence_chain_test_init,
	.exit = dma_fence_chain_test_exit,
	.test_cases = dma_fence_chain_cases,
};

kunit_test_suite(dma_fence_chain_suite);
