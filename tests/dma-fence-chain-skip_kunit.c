// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-fence-chain.c: a search by skip links finds the same fence as a
 * walk link by link, skip links keep no signaled fence alive, and waiters wait
 * for each other.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/dma-fence-chain.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "mock-chain.h"
#include "mock-fence.h"

#define SKIP_LINKS	300

/*
 * A timeline with the points 2, 4, 6 and so on, with references to all parts.
 */
struct skip_chain {
	struct dma_fence *link[SKIP_LINKS];
	struct dma_fence *fence[SKIP_LINKS];
	bool done[SKIP_LINKS];
	unsigned int count;
	u32 random;
	int live;
};

static u32 skip_random(struct skip_chain *sc, u32 below)
{
	sc->random = sc->random * 1664525 + 1013904223;
	return (sc->random >> 8) % below;
}

static void skip_append(struct kunit *test, struct skip_chain *sc, unsigned int count)
{
	while (count--) {
		unsigned int i = sc->count++;

		sc->fence[i] = mock_fence_create(test, dma_fence_context_alloc(1), 1);
		sc->link[i] = mock_chain_append(test, i ? dma_fence_get(sc->link[i - 1]) : NULL,
						dma_fence_get(sc->fence[i]), 2 * (i + 1));
	}
}

static void skip_signal(struct skip_chain *sc, unsigned int i)
{
	if (!sc->done[i])
		dma_fence_signal(sc->fence[i]);
	sc->done[i] = true;
}

static int skip_test_init(struct kunit *test)
{
	struct skip_chain *sc = vzalloc(sizeof(*sc));

	if (!sc)
		return -ENOMEM;

	sc->live = mock_fence_live();
	test->priv = sc;
	return 0;
}

static void skip_test_exit(struct kunit *test)
{
	struct skip_chain *sc = test->priv;
	unsigned int i;

	for (i = 0; i < sc->count; i++) {
		skip_signal(sc, i);
		dma_fence_put(sc->link[i]);
		dma_fence_put(sc->fence[i]);
	}
	/* An irq_work may still hold the last reference. */
	for (i = 0; i < 100 && mock_fence_live() != sc->live; i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, mock_fence_live(), sc->live);
	vfree(sc);
}

/* Return the link that a walk from the newest link would end with. */
static struct dma_fence *skip_expected(struct skip_chain *sc, u64 point)
{
	int i = (int)div_u64(point + 1, 2) - 1;

	if (i == sc->count - 1)
		return sc->link[i];
	while (i >= 0 && sc->done[i])
		i--;
	return i < 0 ? NULL : sc->link[i];
}

static void skip_expect_each_point(struct kunit *test, struct skip_chain *sc)
{
	struct dma_fence *head = sc->link[sc->count - 1], *found;
	u64 point;

	for (point = 1; point <= head->seqno; point++) {
		found = dma_fence_get(head);
		KUNIT_ASSERT_EQ(test, dma_fence_chain_find_seqno(&found, point), 0);
		KUNIT_ASSERT_PTR_EQ_MSG(test, found, skip_expected(sc, point), "point %llu", point);
		dma_fence_put(found);
	}
}

static void skip_walk_from(struct skip_chain *sc, unsigned int i)
{
	struct dma_fence *iter;

	dma_fence_chain_for_each(iter, sc->link[i])
		;
}

static void dma_fence_chain_find_seqno_pending_timeline_each_point(struct kunit *test)
{
	struct skip_chain *sc = test->priv;
	unsigned int count;

	for (count = 1; count <= 70; count++) {
		skip_append(test, sc, 1);
		skip_expect_each_point(test, sc);
	}
	skip_append(test, sc, SKIP_LINKS - 70);
	skip_expect_each_point(test, sc);
}

static void dma_fence_chain_find_seqno_retiring_in_order_each_point(struct kunit *test)
{
	struct skip_chain *sc = test->priv;
	unsigned int i;

	skip_append(test, sc, 40);
	for (i = 0; i < 200; i++) {
		skip_signal(sc, i);
		skip_append(test, sc, 1);
		if (i % 7 == 0)
			skip_walk_from(sc, sc->count - 1);
		if (i % 5 == 0)
			skip_expect_each_point(test, sc);
	}
}

static void dma_fence_chain_find_seqno_retiring_at_random_each_point(struct kunit *test)
{
	struct skip_chain *sc = test->priv;
	unsigned int i;

	skip_append(test, sc, 60);
	for (i = 0; i < 220; i++) {
		skip_signal(sc, skip_random(sc, sc->count));
		if (skip_random(sc, 3))
			skip_append(test, sc, 1);
		if (!skip_random(sc, 4))
			skip_walk_from(sc, skip_random(sc, sc->count));
		if (i % 5 == 0)
			skip_expect_each_point(test, sc);
	}
}

/*
 * All links with skip links but the first have signaled and are gone. A new
 * link looks for one nearby only, however many links are pending.
 */
static void dma_fence_chain_init_among_pending_looks_nearby_only(struct kunit *test)
{
	struct skip_chain *sc = test->priv;
	unsigned int i, refs;

	skip_append(test, sc, 1);
	for (i = 1; i < SKIP_LINKS; i++) {
		refs = kref_read(&sc->link[0]->refcount);
		skip_append(test, sc, 1);
		if (i > 100)
			KUNIT_EXPECT_EQ(test, kref_read(&sc->link[0]->refcount), refs);
		if (i % 16 == 0)
			skip_signal(sc, i);
		if (i % 16 == 1)
			skip_walk_from(sc, i);
	}
	skip_expect_each_point(test, sc);
}

/* Drop the references of the test, which would hide other references. */
static void skip_forget_links_but_head(struct skip_chain *sc)
{
	unsigned int i;

	for (i = 0; i < sc->count - 1; i++) {
		dma_fence_put(sc->link[i]);
		sc->link[i] = NULL;
	}
	for (i = 0; i < sc->count; i++) {
		dma_fence_put(sc->fence[i]);
		sc->fence[i] = NULL;
	}
}

static void dma_fence_chain_walk_skip_links_keep_no_signaled(struct kunit *test)
{
	struct skip_chain *sc = test->priv;
	unsigned int i;

	skip_append(test, sc, SKIP_LINKS);
	for (i = 0; i < SKIP_LINKS; i++)
		if (i % 50)
			skip_signal(sc, i);
	skip_forget_links_but_head(sc);
	KUNIT_EXPECT_EQ(test, mock_fence_live() - sc->live, SKIP_LINKS);
	skip_walk_from(sc, SKIP_LINKS - 1);
	/* The pending fences, and that of the newest link. */
	KUNIT_EXPECT_EQ(test, mock_fence_live() - sc->live, SKIP_LINKS / 50 + 1);
}

static void dma_fence_chain_signaled_idle_timeline_keeps_newest_only(struct kunit *test)
{
	struct skip_chain *sc = test->priv;
	unsigned int i;

	skip_append(test, sc, SKIP_LINKS);
	for (i = 0; i < SKIP_LINKS; i++)
		skip_signal(sc, i);
	skip_forget_links_but_head(sc);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(sc->link[SKIP_LINKS - 1]));
	KUNIT_EXPECT_EQ(test, mock_fence_live() - sc->live, 1);
}

/* Links that only skip links lead to die with the newest link, too. */
static void dma_fence_chain_release_half_collected_frees_all(struct kunit *test)
{
	struct skip_chain *sc = test->priv;
	unsigned int i;

	skip_append(test, sc, SKIP_LINKS);
	for (i = 0; i < SKIP_LINKS; i++)
		if (i % 3)
			skip_signal(sc, i);
	for (i = 0; i < SKIP_LINKS; i += 11)
		skip_walk_from(sc, i);
	for (i = 0; i < SKIP_LINKS; i++)
		skip_signal(sc, i);
	skip_forget_links_but_head(sc);
	dma_fence_put(sc->link[SKIP_LINKS - 1]);
	/* A work item releases the links that only skip links lead to. */
	for (i = 0; i < 100 && mock_fence_live() != sc->live; i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, mock_fence_live(), sc->live);
	sc->count = 0;
}

/* A timeline starts on another one: a point is only searched in its context. */
static void dma_fence_chain_find_seqno_new_context_stays_in_it(struct kunit *test)
{
	struct skip_chain *sc = test->priv;
	struct dma_fence *head, *found;
	u64 context;
	unsigned int i;

	skip_append(test, sc, 64);
	/* A point that is not beyond the last one starts a new context. */
	head = mock_chain_append(test, dma_fence_get(sc->link[63]),
				 mock_fence_create(test, dma_fence_context_alloc(1), 1), 1);
	context = head->context;
	KUNIT_ASSERT_NE(test, context, sc->link[63]->context);
	for (i = 1; i < 64; i++)
		head = mock_chain_append(test, head,
					 mock_fence_create(test, dma_fence_context_alloc(1), 1),
					 128 + i);
	for (i = 1; i <= head->seqno; i++) {
		found = dma_fence_get(head);
		KUNIT_ASSERT_EQ(test, dma_fence_chain_find_seqno(&found, i), 0);
		KUNIT_EXPECT_EQ(test, found->context, context);
		KUNIT_EXPECT_EQ(test, found->seqno, max(128U, i));
		dma_fence_put(found);
	}
	while (head->context == context) {
		dma_fence_signal(dma_fence_chain_contained(head));
		head = dma_fence_chain_walk(head);
	}
	dma_fence_put(head);
}

static unsigned int skip_waiters(struct dma_fence *fence)
{
	unsigned long flags;
	unsigned int count;

	spin_lock_irqsave(fence->lock, flags);
	count = list_count_nodes(&fence->cb_list);
	spin_unlock_irqrestore(fence->lock, flags);
	return count;
}

static void dma_fence_chain_signaled_in_reverse_waiters_share_waits(struct kunit *test)
{
	struct skip_chain *sc = test->priv;
	unsigned int i, n = 40;

	skip_append(test, sc, n);
	for (i = 0; i < n; i++)
		dma_fence_enable_sw_signaling(sc->link[i]);
	for (i = n - 1; i > 0; i--) {
		skip_signal(sc, i);
		KUNIT_EXPECT_TRUE(test, mock_pending_still(sc->link[i]));
	}
	/* Only the oldest link waits, not each link that waits for it. */
	KUNIT_EXPECT_EQ(test, skip_waiters(sc->fence[0]), 1);
	KUNIT_EXPECT_EQ(test, skip_waiters(sc->link[0]), 1);
	skip_signal(sc, 0);
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_TRUE(test, mock_signaled_soon(sc->link[i]));
}

/* With one waiter, at the newest link, no link in between may be armed. */
static void dma_fence_chain_signaled_in_reverse_single_waiter_goes_by_fences(struct kunit *test)
{
	struct skip_chain *sc = test->priv;
	unsigned int i, n = 20;

	skip_append(test, sc, n);
	dma_fence_enable_sw_signaling(sc->link[n - 1]);
	for (i = n - 1; i > 0; i--) {
		skip_signal(sc, i);
		KUNIT_EXPECT_TRUE(test, mock_pending_still(sc->link[n - 1]));
		KUNIT_EXPECT_EQ(test, skip_waiters(sc->fence[i - 1]), 1);
		KUNIT_EXPECT_FALSE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT,
						  &sc->link[i - 1]->flags));
	}
	skip_signal(sc, 0);
	KUNIT_EXPECT_TRUE(test, mock_signaled_soon(sc->link[n - 1]));
}

static struct kunit_case dma_fence_chain_skip_cases[] = {
	KUNIT_CASE(dma_fence_chain_find_seqno_pending_timeline_each_point),
	KUNIT_CASE(dma_fence_chain_find_seqno_retiring_in_order_each_point),
	KUNIT_CASE(dma_fence_chain_find_seqno_retiring_at_random_each_point),
	KUNIT_CASE(dma_fence_chain_init_among_pending_looks_nearby_only),
	KUNIT_CASE(dma_fence_chain_walk_skip_links_keep_no_signaled),
	KUNIT_CASE(dma_fence_chain_signaled_idle_timeline_keeps_newest_only),
	KUNIT_CASE(dma_fence_chain_release_half_collected_frees_all),
	KUNIT_CASE(dma_fence_chain_find_seqno_new_context_stays_in_it),
	KUNIT_CASE(dma_fence_chain_signaled_in_reverse_waiters_share_waits),
	KUNIT_CASE(dma_fence_chain_signaled_in_reverse_single_waiter_goes_by_fences),
	{}
};

static struct kunit_suite dma_fence_chain_skip_suite = {
	.name = "dma_fence_chain_skip",
	.init = skip_test_init,
	.exit = skip_test_exit,
	.test_cases = dma_fence_chain_skip_cases,
};

kunit_test_suite(dma_fence_chain_skip_suite);
