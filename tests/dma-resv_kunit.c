// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-resv.c and dma-resv-table.c: life, slots, what adding and
 * replacing does to the fences that are there. The cursors, queries and locks
 * have suites of their own.
 *
 * Each case ends with as many live mock fences as it began with.
 */
#include <kunit/test.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-resv.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "expect-splat.h"
#include "mock-resv.h"

#define ALL	DMA_RESV_USAGE_BOOKKEEP

static void dma_resv_init_leaves_empty_and_unlocked(struct kunit *test)
{
	struct mock_resv *mock = test->priv;

	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(&mock->resv));
	KUNIT_EXPECT_NULL(test, dma_resv_locking_ctx(&mock->resv));
	KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), 0);
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(&mock->resv, ALL));
}

static void dma_resv_fini_drops_references(struct kunit *test)
{
	static const unsigned int counts[] = { 0, 1, 4, 5, 40 };
	struct mock_resv *mock = test->priv;
	struct dma_resv resv;
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		dma_resv_init(&resv);
		for (n = 0; n < counts[i]; n++)
			mock_resv_fill(test, &resv, n, 1, DMA_RESV_USAGE_READ);
		KUNIT_EXPECT_EQ(test, mock_fence_live(), mock->live + counts[i]);

		dma_resv_fini(&resv);
		KUNIT_EXPECT_EQ(test, mock_fence_live(), mock->live);
	}
}

static void dma_resv_reserve_fences_of_none_is_einval(struct kunit *test)
{
	struct mock_resv *mock = test->priv;

	guard(dma_resv)(&mock->resv);

	expect_splat("dma_resv_reserve_fences");
	KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(&mock->resv, 0), -EINVAL);
}

static void dma_resv_reserve_fences_too_many_is_enomem(struct kunit *test)
{
	static const unsigned int counts[] = { INT_MAX, UINT_MAX - 8, UINT_MAX };
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence;
	unsigned int i;

	fence = mock_resv_fill(test, &mock->resv, 1, 1, DMA_RESV_USAGE_READ);

	dma_resv_lock(&mock->resv, NULL);
	for (i = 0; i < ARRAY_SIZE(counts); i++)
		KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(&mock->resv, counts[i]), -ENOMEM);
	dma_resv_unlock(&mock->resv);

	KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, fence, ALL), 1);
}

static void dma_resv_reserve_fences_sets_fences(struct kunit *test)
{
	struct mock_resv *mock = test->priv;

	guard(dma_resv)(&mock->resv);

	KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(&mock->resv, 1), 0);
	KUNIT_EXPECT_NOT_NULL(test, (void __force *)mock->resv.fences);
}

/*
 * As many fences as were reserved fit, without another call, whatever was there
 * before.
 */
static void dma_resv_reserve_fences_lasts_for_as_many(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	unsigned int n, i, total = 0;
	struct dma_fence *fence;

	for (n = 1; n < 50; n += 3) {
		dma_resv_lock(&mock->resv, NULL);
		KUNIT_ASSERT_EQ(test, dma_resv_reserve_fences(&mock->resv, n), 0);
		for (i = 0; i < n; i++) {
			fence = mock_fence_create(test, ++total, 1);
			dma_resv_add_fence(&mock->resv, fence, DMA_RESV_USAGE_WRITE);
			dma_fence_put(fence);
		}
		dma_resv_unlock(&mock->resv);

		KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), total);
		KUNIT_EXPECT_EQ(test, mock_fence_live(), mock->live + total);
	}
}

/*
 * Only the drivers know that these have signaled. Reserving asks them before it
 * grows.
 */
static void dma_resv_reserve_fences_when_full_drops_signaled(struct kunit *test)
{
	static const unsigned int counts[] = { DMA_RESV_INLINE_SLOTS, 200 };
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence;
	unsigned int round, i, n, before;

	for (round = 0; round < ARRAY_SIZE(counts); round++) {
		n = counts[round];
		for (i = 0; i < n; i++) {
			fence = mock_fence_create_ops(test, 100 * round + i, 1,
						      &mock_fence_full_ops);
			mock_resv_add(test, &mock->resv, fence, DMA_RESV_USAGE_READ);
			to_mock_fence(fence)->done = true;
			dma_fence_put(fence);
		}

		before = mock_fence_live() - mock->live;
		dma_resv_lock(&mock->resv, NULL);
		KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(&mock->resv, 3 * n), 0);
		dma_resv_unlock(&mock->resv);

		KUNIT_EXPECT_GE(test, before, DMA_RESV_INLINE_SLOTS);
		KUNIT_EXPECT_EQ(test, mock_fence_live(), mock->live);
		KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), 0);
	}
}

/*
 * Four contexts, one of which is idle while another goes on: its slot is
 * without a fence from the next reserve on. No walk sees anything there, and
 * nobody refers to the global stub for it.
 */
static void dma_resv_reserve_fences_full_with_one_idle_leaves_no_stub(struct kunit *test)
{
	struct dma_fence *stub = dma_fence_get_stub(), **fences;
	unsigned int count, refs, seqno;
	struct mock_resv *mock = test->priv;
	u64 context;

	for (context = 1; context <= DMA_RESV_INLINE_SLOTS; context++)
		mock_resv_fill(test, &mock->resv, context, 1, DMA_RESV_USAGE_READ);
	mock_resv_signal_context(&mock->resv, 2);

	refs = kref_read(&stub->refcount);
	for (seqno = 2; seqno < 10; seqno++) {
		mock_resv_fill(test, &mock->resv, 3, seqno, DMA_RESV_USAGE_READ);
		KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), 3);
		KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, stub, ALL), 0);
		KUNIT_EXPECT_EQ(test, dma_resv_get_fences(&mock->resv, ALL, &count, &fences), 0);
		KUNIT_EXPECT_EQ(test, count, 3);
		while (count--)
			dma_fence_put(fences[count]);
		kfree(fences);
	}
	KUNIT_EXPECT_EQ(test, kref_read(&stub->refcount), refs);

	/*
	 * The slot takes the next context, and all fences move along when there
	 * is another one.
	 */
	mock_resv_fill(test, &mock->resv, 50, 1, DMA_RESV_USAGE_READ);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), 4);
	mock_resv_fill(test, &mock->resv, 51, 1, DMA_RESV_USAGE_READ);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), 5);
	dma_fence_put(stub);
}

static void dma_resv_add_fence_takes_reference(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct mock_resv *mock = test->priv;

	mock_resv_add(test, &mock->resv, fence, DMA_RESV_USAGE_READ);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
	KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, fence, ALL), 1);

	mock_resv_add(test, &mock->resv, fence, DMA_RESV_USAGE_READ);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), 1);

	dma_fence_put(fence);
}

/*
 * A query for a usage sees the fences of this usage and of the stronger ones.
 */
static void dma_resv_add_fence_is_seen_by_weaker_queries(struct kunit *test)
{
	enum dma_resv_usage usage, query;
	struct dma_fence *fence;
	struct dma_resv resv;

	for (usage = DMA_RESV_USAGE_KERNEL; usage <= ALL; usage++) {
		dma_resv_init(&resv);
		fence = mock_resv_fill(test, &resv, 1, 1, usage);
		for (query = DMA_RESV_USAGE_KERNEL; query <= ALL; query++) {
			KUNIT_EXPECT_EQ(test, mock_resv_find(&resv, fence, query), query >= usage);
			KUNIT_EXPECT_EQ(test, dma_resv_test_signaled(&resv, query), query < usage);
		}
		dma_resv_fini(&resv);
	}
}

/*
 * Every pair of usages: a later fence displaces one of the same or of a weaker
 * claim.
 */
static void dma_resv_add_fence_later_replaces_unless_weaker(struct kunit *test)
{
	enum dma_resv_usage old_usage, usage;
	struct dma_fence *old, *fence;
	struct dma_resv resv;

	for (old_usage = DMA_RESV_USAGE_KERNEL; old_usage <= ALL; old_usage++) {
		for (usage = DMA_RESV_USAGE_KERNEL; usage <= ALL; usage++) {
			dma_resv_init(&resv);
			old = mock_fence_create(test, 1, 5);
			mock_resv_add(test, &resv, old, old_usage);
			fence = mock_resv_fill(test, &resv, 1, 6, usage);

			KUNIT_EXPECT_EQ(test, mock_resv_find(&resv, fence, usage), 1);
			KUNIT_EXPECT_EQ(test, mock_resv_find(&resv, old, ALL), old_usage < usage);
			KUNIT_EXPECT_EQ(test, kref_read(&old->refcount), 1 + (old_usage < usage));
			dma_resv_fini(&resv);
			dma_fence_put(old);
		}
	}
}

/*
 * CVE-2022-49935: an earlier fence that is imported afterwards must not
 * displace a later one.
 */
static void dma_resv_add_fence_earlier_keeps_later(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *later, *earlier;

	later = mock_resv_fill(test, &mock->resv, 1, 8, DMA_RESV_USAGE_WRITE);
	earlier = mock_resv_fill(test, &mock->resv, 1, 7, DMA_RESV_USAGE_WRITE);

	KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, later, ALL), 1);
	KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, earlier, ALL), 1);
}

/* The same in a table, where the fence is found another way. */
static void dma_resv_add_fence_earlier_keeps_later_among_many(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *later;
	u64 context;

	for (context = 1; context < 64; context++)
		mock_resv_fill(test, &mock->resv, context, 8, DMA_RESV_USAGE_WRITE);

	later = mock_resv_fill(test, &mock->resv, 20, 10, DMA_RESV_USAGE_WRITE);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), 63);
	mock_resv_fill(test, &mock->resv, 20, 9, DMA_RESV_USAGE_WRITE);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), 64);
	KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, later, ALL), 1);
}

static void dma_resv_add_fence_again_stronger_promotes(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence;

	fence = mock_resv_fill(test, &mock->resv, 1, 1, DMA_RESV_USAGE_BOOKKEEP);
	mock_resv_add(test, &mock->resv, fence, DMA_RESV_USAGE_KERNEL);

	KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, fence, DMA_RESV_USAGE_KERNEL), 1);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), 1);
}

static void dma_resv_add_fence_again_weaker_keeps_usage(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence;

	fence = mock_resv_fill(test, &mock->resv, 1, 1, DMA_RESV_USAGE_KERNEL);
	mock_resv_add(test, &mock->resv, fence, DMA_RESV_USAGE_BOOKKEEP);

	KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, fence, DMA_RESV_USAGE_KERNEL), 1);
	KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(&mock->resv, DMA_RESV_USAGE_KERNEL));
}

/* Sequence numbers of 32 bit wrap around, those of 64 bit do not. */
static void dma_resv_add_fence_compares_seqno_as_the_fence_does(struct kunit *test)
{
	static const struct dma_fence_ops * const ops[] = {
		&mock_fence_ops, &mock_fence_seqno64_ops
	};
	struct dma_fence *before, *after;
	struct dma_resv resv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		dma_resv_init(&resv);
		before = mock_fence_create_ops(test, 1, U32_MAX, ops[i]);
		after = mock_fence_create_ops(test, 1, 3, ops[i]);
		mock_resv_add(test, &resv, before, DMA_RESV_USAGE_READ);
		mock_resv_add(test, &resv, after, DMA_RESV_USAGE_READ);

		KUNIT_EXPECT_EQ(test, mock_resv_find(&resv, after, ALL), 1);
		KUNIT_EXPECT_EQ(test, mock_resv_find(&resv, before, ALL), i);
		dma_resv_fini(&resv);
		dma_fence_put(before);
		dma_fence_put(after);
	}
}

static void dma_resv_add_fence_reuses_slots_of_signaled(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence;
	u64 context;

	for (context = 0; context < 50; context++) {
		fence = mock_resv_fill(test, &mock->resv, context, 1, DMA_RESV_USAGE_READ);
		KUNIT_EXPECT_EQ(test, mock_fence_live(), mock->live + 1);
		dma_fence_signal(fence);
	}
}

/*
 * However many fences come and go, what is kept is in proportion to what is
 * busy.
 */
static void dma_resv_add_fence_garbage_is_bounded(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence;
	u64 context;

	for (context = 0; context < 20; context++)
		mock_resv_fill(test, &mock->resv, context, 1, DMA_RESV_USAGE_READ);

	for (; context < 3000; context++) {
		fence = mock_resv_fill(test, &mock->resv, context, 1, DMA_RESV_USAGE_READ);
		KUNIT_EXPECT_LE(test, mock_fence_live(), mock->live + 100);
		dma_fence_signal(fence);
	}
}

static void dma_resv_add_fence_of_container_warns(struct kunit *test)
{
	struct dma_fence **children = kmalloc_array(1, sizeof(*children), GFP_KERNEL);
	struct mock_resv *mock = test->priv;
	struct dma_fence_array *array;

	KUNIT_ASSERT_NOT_NULL(test, children);
	children[0] = mock_fence_create(test, 1, 1);
	array = dma_fence_array_create(1, children, 2, 1, false);
	KUNIT_ASSERT_NOT_NULL(test, array);

	expect_splat("dma_resv_add_fence");
	mock_resv_add(test, &mock->resv, &array->base, DMA_RESV_USAGE_READ);
	KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, &array->base, ALL), 1);

	dma_fence_put(&array->base);
}

/*
 * Without a slot reserved and with none free, the fence is kept all the same if
 * there is memory.
 */
static void dma_resv_add_fence_unreserved_warns_and_keeps(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence;
	u64 context;

	for (context = 0; context < DMA_RESV_INLINE_SLOTS; context++)
		mock_resv_fill(test, &mock->resv, context, 1, DMA_RESV_USAGE_READ);

	fence = mock_fence_create(test, context, 1);
	dma_resv_lock(&mock->resv, NULL);
	expect_splat("dma_resv_slot_improvise");
	dma_resv_add_fence(&mock->resv, fence, DMA_RESV_USAGE_READ);
	dma_resv_unlock(&mock->resv);

	KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, fence, ALL), 1);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), context + 1);
	dma_fence_put(fence);
}

/*
 * In a kernel that debugs mutexes the unlock gives reserved slots back, though
 * there is memory.
 */
static void dma_resv_add_fence_reserved_before_unlock_warns(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct mock_resv *mock = test->priv;

	dma_resv_lock(&mock->resv, NULL);
	KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(&mock->resv, 1), 0);
	dma_resv_unlock(&mock->resv);

	dma_resv_lock(&mock->resv, NULL);
	if (IS_ENABLED(CONFIG_DEBUG_MUTEXES))
		expect_splat("dma_resv_add_fence");
	dma_resv_add_fence(&mock->resv, fence, DMA_RESV_USAGE_READ);
	dma_resv_unlock(&mock->resv);

	KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, fence, ALL), 1);
	dma_fence_put(fence);
}

/*
 * Taking the place of another fence needs no slot of its own, so it needs no
 * reservation.
 */
static void dma_resv_add_fence_unreserved_in_place_is_silent(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence;

	mock_resv_fill(test, &mock->resv, 1, 1, DMA_RESV_USAGE_READ);
	fence = mock_fence_create(test, 1, 2);

	dma_resv_lock(&mock->resv, NULL);
	dma_resv_add_fence(&mock->resv, fence, DMA_RESV_USAGE_READ);
	dma_resv_unlock(&mock->resv);

	KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, fence, ALL), 1);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), 1);
	dma_fence_put(fence);
}

/* A thousand contexts: each keeps its own slot, and finds it again. */
static void dma_resv_add_fence_of_many_contexts_keeps_one_each(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	u64 context, seqno;

	for (seqno = 1; seqno <= 3; seqno++) {
		for (context = 0; context < 1024; context++)
			mock_resv_fill(test, &mock->resv, context << 7, seqno, DMA_RESV_USAGE_READ);
		KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), 1024);
		KUNIT_EXPECT_EQ(test, mock_fence_live(), mock->live + 1024);
	}
}

/*
 * Fill with two contexts in all usages, @others contexts more, replace one of
 * the two.
 */
static void replace_among(struct kunit *test, unsigned int others)
{
	struct dma_fence *fence = mock_fence_create(test, 1000, 1), *kept[4];
	enum dma_resv_usage usage;
	struct dma_resv resv;
	unsigned int i;

	dma_resv_init(&resv);
	for (usage = DMA_RESV_USAGE_KERNEL; usage <= ALL; usage++) {
		mock_resv_fill(test, &resv, 1, 1 + usage, usage);
		kept[usage] = mock_resv_fill(test, &resv, 2, 1 + usage, usage);
	}
	for (i = 0; i < others; i++)
		mock_resv_fill(test, &resv, 100 + i, 1, DMA_RESV_USAGE_READ);

	dma_resv_lock(&resv, NULL);
	dma_resv_replace_fences(&resv, 1, fence, DMA_RESV_USAGE_WRITE);
	dma_resv_unlock(&resv);

	KUNIT_EXPECT_EQ(test, mock_resv_count(&resv, ALL), others + 8);
	KUNIT_EXPECT_EQ(test, mock_resv_find(&resv, fence, DMA_RESV_USAGE_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, mock_resv_find(&resv, fence, DMA_RESV_USAGE_WRITE), 4);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 5);
	for (usage = DMA_RESV_USAGE_KERNEL; usage <= ALL; usage++)
		KUNIT_EXPECT_EQ(test, mock_resv_find(&resv, kept[usage], usage), 1);

	/* The new context is found now, the old one is not. */
	mock_resv_fill(test, &resv, 1000, 2, DMA_RESV_USAGE_WRITE);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&resv, ALL), others + 8);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 4);
	mock_resv_fill(test, &resv, 1, 9, DMA_RESV_USAGE_WRITE);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&resv, ALL), others + 9);

	dma_resv_fini(&resv);
	dma_fence_put(fence);
}

static void dma_resv_replace_fences_takes_all_of_context(struct kunit *test)
{
	replace_among(test, 0);
	replace_among(test, 100);
}

/*
 * Slots that were reserved although signaled fences are in them stay reserved.
 */
static void dma_resv_replace_fences_takes_no_reserved_slot(struct kunit *test)
{
	struct dma_fence *busy = mock_fence_create(test, 50, 1), *more[DMA_RESV_INLINE_SLOTS];
	struct mock_resv *mock = test->priv;
	unsigned int i;

	for (i = 0; i < DMA_RESV_INLINE_SLOTS; i++) {
		dma_fence_signal(mock_resv_fill(test, &mock->resv, 1 + i, 1, DMA_RESV_USAGE_READ));
		more[i] = mock_fence_create(test, 100 + i, 1);
	}

	dma_resv_lock(&mock->resv, NULL);
	KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(&mock->resv, DMA_RESV_INLINE_SLOTS), 0);
	for (i = 0; i < DMA_RESV_INLINE_SLOTS; i++)
		dma_resv_replace_fences(&mock->resv, 1 + i, busy, DMA_RESV_USAGE_READ);
	for (i = 0; i < DMA_RESV_INLINE_SLOTS; i++)
		dma_resv_add_fence(&mock->resv, more[i], DMA_RESV_USAGE_READ);
	dma_resv_unlock(&mock->resv);

	for (i = 0; i < DMA_RESV_INLINE_SLOTS; i++) {
		KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, more[i], ALL), 1);
		dma_fence_put(more[i]);
	}
	dma_fence_put(busy);
}

static void dma_resv_replace_fences_without_match_does_nothing(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 7, 1), *kept;
	struct mock_resv *mock = test->priv;

	dma_resv_lock(&mock->resv, NULL);
	dma_resv_replace_fences(&mock->resv, 1, fence, DMA_RESV_USAGE_WRITE);
	dma_resv_unlock(&mock->resv);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), 0);

	kept = mock_resv_fill(test, &mock->resv, 2, 1, DMA_RESV_USAGE_READ);
	dma_resv_lock(&mock->resv, NULL);
	dma_resv_replace_fences(&mock->resv, 1, fence, DMA_RESV_USAGE_WRITE);
	dma_resv_unlock(&mock->resv);
	KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, kept, DMA_RESV_USAGE_READ), 1);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);

	dma_fence_put(fence);
}

static void dma_resv_replace_fences_inside_walk_visits_each_once(struct kunit *test)
{
	static const unsigned int counts[] = { DMA_RESV_INLINE_SLOTS, 30 };
	struct dma_fence *stub = dma_fence_get_stub(), *fence;
	struct dma_resv_iter cursor;
	struct dma_resv resv;
	unsigned int i, n, seen;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		dma_resv_init(&resv);
		for (n = 0; n < counts[i]; n++)
			mock_resv_fill(test, &resv, 10 + n, 1, DMA_RESV_USAGE_BOOKKEEP);

		seen = 0;
		dma_resv_lock(&resv, NULL);
		dma_resv_for_each_fence(&cursor, &resv, ALL, fence) {
			KUNIT_EXPECT_EQ(test, fence->context, 10 + seen);
			dma_resv_replace_fences(&resv, fence->context, stub, ALL);
			seen++;
		}
		dma_resv_unlock(&resv);

		KUNIT_EXPECT_EQ(test, seen, counts[i]);
		KUNIT_EXPECT_EQ(test, mock_resv_find(&resv, stub, ALL), counts[i]);
		dma_resv_fini(&resv);
	}
	dma_fence_put(stub);
}

#define MODEL_CONTEXTS	37
#define MODEL_STEPS	1500

/*
 * A model of what must not get lost: for each context and usage the latest
 * fence added, cleared by a replacement, and whether the test signaled
 * everything up to some sequence number.
 */
struct resv_model {
	u32 latest[MODEL_CONTEXTS][4];
	u32 signaled[MODEL_CONTEXTS];
	struct rnd_state rnd;
};

static struct dma_fence *model_find(struct dma_resv *resv, u64 context, u32 seqno,
				    enum dma_resv_usage usage)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_for_each_fence(&cursor, resv, usage, fence)
		if (fence->context == context && fence->seqno >= seqno)
			return fence;
	return NULL;
}

/*
 * Everything busy is covered by a fence that is as late, with a claim as
 * strong.
 */
static void model_check_locked(struct kunit *test, struct resv_model *model, struct dma_resv *resv)
{
	enum dma_resv_usage usage;
	u64 context;
	u32 seqno;

	for (context = 0; context < MODEL_CONTEXTS; context++) {
		for (usage = DMA_RESV_USAGE_KERNEL; usage <= ALL; usage++) {
			seqno = model->latest[context][usage];
			if (seqno > model->signaled[context])
				KUNIT_EXPECT_NOT_NULL(test,
						      model_find(resv, context, seqno, usage));
		}
	}
}

static void model_add_locked(struct kunit *test, struct resv_model *model, struct dma_resv *resv,
			     u64 context, u32 seqno)
{
	enum dma_resv_usage usage = prandom_u32_state(&model->rnd) % 4;
	struct dma_fence *fence = mock_fence_create(test, context, seqno);

	mock_resv_add_locked(test, resv, fence, usage);
	model->latest[context][usage] = max(model->latest[context][usage], seqno);
	dma_fence_put(fence);
}

static void model_signal_locked(struct resv_model *model, struct dma_resv *resv, u64 context,
				u32 seqno)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_for_each_fence(&cursor, resv, ALL, fence)
		if (fence->context == context && fence->seqno <= seqno)
			dma_fence_signal(fence);
	model->signaled[context] = max(model->signaled[context], seqno);
}

static void model_step_locked(struct kunit *test, struct resv_model *model, struct dma_resv *resv,
			      u32 step)
{
	u32 dice = prandom_u32_state(&model->rnd) % 64;
	u64 context = prandom_u32_state(&model->rnd) % MODEL_CONTEXTS;
	struct dma_fence *stub;

	if (dice < 40) {
		model_add_locked(test, model, resv, context, step);
	} else if (dice < 50) {
		model_add_locked(test, model, resv, context, step / 2 + 1);
	} else if (dice < 62) {
		model_signal_locked(model, resv, context, step - min(step - 1, dice));
	} else {
		stub = dma_fence_get_stub();
		dma_resv_replace_fences(resv, context, stub, ALL);
		memset(model->latest[context], 0, sizeof(model->latest[context]));
		dma_fence_put(stub);
	}
}

static void dma_resv_add_fence_at_random_loses_nothing(struct kunit *test)
{
	struct resv_model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	struct mock_resv *mock = test->priv;
	u32 step;

	KUNIT_ASSERT_NOT_NULL(test, model);
	prandom_seed_state(&model->rnd, 4711);

	guard(dma_resv)(&mock->resv);

	for (step = 1; step <= MODEL_STEPS; step++) {
		model_step_locked(test, model, &mock->resv, step);
		if (step % 16 == 0)
			model_check_locked(test, model, &mock->resv);
	}
}

static struct kunit_case dma_resv_cases[] = {
	KUNIT_CASE(dma_resv_init_leaves_empty_and_unlocked),
	KUNIT_CASE(dma_resv_fini_drops_references),
	KUNIT_CASE(dma_resv_reserve_fences_of_none_is_einval),
	KUNIT_CASE(dma_resv_reserve_fences_too_many_is_enomem),
	KUNIT_CASE(dma_resv_reserve_fences_sets_fences),
	KUNIT_CASE(dma_resv_reserve_fences_lasts_for_as_many),
	KUNIT_CASE(dma_resv_reserve_fences_when_full_drops_signaled),
	KUNIT_CASE(dma_resv_reserve_fences_full_with_one_idle_leaves_no_stub),
	KUNIT_CASE(dma_resv_add_fence_takes_reference),
	KUNIT_CASE(dma_resv_add_fence_is_seen_by_weaker_queries),
	KUNIT_CASE(dma_resv_add_fence_later_replaces_unless_weaker),
	KUNIT_CASE(dma_resv_add_fence_earlier_keeps_later),
	KUNIT_CASE(dma_resv_add_fence_earlier_keeps_later_among_many),
	KUNIT_CASE(dma_resv_add_fence_again_stronger_promotes),
	KUNIT_CASE(dma_resv_add_fence_again_weaker_keeps_usage),
	KUNIT_CASE(dma_resv_add_fence_compares_seqno_as_the_fence_does),
	KUNIT_CASE(dma_resv_add_fence_reuses_slots_of_signaled),
	KUNIT_CASE(dma_resv_add_fence_garbage_is_bounded),
	KUNIT_CASE(dma_resv_add_fence_of_container_warns),
	KUNIT_CASE(dma_resv_add_fence_unreserved_warns_and_keeps),
	KUNIT_CASE(dma_resv_add_fence_reserved_before_unlock_warns),
	KUNIT_CASE(dma_resv_add_fence_unreserved_in_place_is_silent),
	KUNIT_CASE(dma_resv_add_fence_of_many_contexts_keeps_one_each),
	KUNIT_CASE(dma_resv_replace_fences_takes_all_of_context),
	KUNIT_CASE(dma_resv_replace_fences_takes_no_reserved_slot),
	KUNIT_CASE(dma_resv_replace_fences_without_match_does_nothing),
	KUNIT_CASE(dma_resv_replace_fences_inside_walk_visits_each_once),
	KUNIT_CASE(dma_resv_add_fence_at_random_loses_nothing),
	{}
};

static struct kunit_suite dma_resv_suite = {
	.name = "dma_resv",
	.init = mock_resv_init,
	.exit = mock_resv_exit,
	.test_cases = dma_resv_cases,
};

kunit_test_suite(dma_resv_suite);
