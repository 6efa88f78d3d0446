// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-resv-iter.c: walks under the lock and without it, what makes
 * them start over, and what they see while another CPU changes the reservation
 * or recycles the fences' memory.
 */
#include <kunit/test.h>
#include <linux/dma-resv.h>
#include <linux/slab.h>

#include "expect-splat.h"
#include "mock-resv.h"

#define ALL	DMA_RESV_USAGE_BOOKKEEP

static void dma_resv_iter_first_of_empty_is_null(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_resv_iter cursor;

	dma_resv_iter_begin(&cursor, &mock->resv, ALL);
	KUNIT_EXPECT_NULL(test, dma_resv_iter_first_unlocked(&cursor));
	dma_resv_iter_end(&cursor);

	dma_resv_lock(&mock->resv, NULL);
	dma_resv_iter_begin(&cursor, &mock->resv, ALL);
	KUNIT_EXPECT_NULL(test, dma_resv_iter_first(&cursor));
	dma_resv_unlock(&mock->resv);
}

/*
 * A fence of each usage; a query meets those up to its own, tells their usage,
 * and borrows.
 */
static void dma_resv_iter_next_filters_by_usage(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fences[4], *fence;
	struct dma_resv_iter cursor;
	enum dma_resv_usage usage;
	unsigned int seen;

	for (usage = DMA_RESV_USAGE_KERNEL; usage <= ALL; usage++)
		fences[usage] = mock_resv_fill(test, &mock->resv, usage, 1, usage);

	dma_resv_lock(&mock->resv, NULL);
	for (usage = DMA_RESV_USAGE_KERNEL; usage <= ALL; usage++) {
		seen = 0;
		dma_resv_for_each_fence(&cursor, &mock->resv, usage, fence) {
			KUNIT_EXPECT_PTR_EQ(test, fence, fences[seen]);
			KUNIT_EXPECT_EQ(test, dma_resv_iter_usage(&cursor), seen);
			KUNIT_EXPECT_EQ(test, dma_resv_iter_is_restarted(&cursor), !seen);
			KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
			seen++;
		}
		KUNIT_EXPECT_EQ(test, seen, usage + 1);
	}
	dma_resv_unlock(&mock->resv);
}

/*
 * The body reserves slots, and the fences move to where there are no gaps
 * between them.
 */
static void dma_resv_iter_next_after_growth_goes_on(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fences[16], *fence;
	struct dma_resv_iter cursor;
	unsigned int i, seen = 0;

	for (i = 0; i < ARRAY_SIZE(fences); i++)
		fences[i] = mock_resv_fill(test, &mock->resv, i + 1, 1, DMA_RESV_USAGE_READ);
	for (i = 0; i < ARRAY_SIZE(fences); i += 2)
		dma_fence_signal(fences[i]);

	dma_resv_lock(&mock->resv, NULL);
	/* Throws out the signaled ones. */
	KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(&mock->resv, 1), 0);
	dma_resv_for_each_fence(&cursor, &mock->resv, ALL, fence) {
		KUNIT_EXPECT_PTR_EQ(test, fence, fences[2 * seen + 1]);
		if (seen++ == 2)
			KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(&mock->resv, 100), 0);
	}
	dma_resv_unlock(&mock->resv);
	KUNIT_EXPECT_EQ(test, seen, ARRAY_SIZE(fences) / 2);
}

static void dma_resv_iter_next_returns_signaled(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence;

	fence = mock_resv_fill(test, &mock->resv, 1, 1, DMA_RESV_USAGE_READ);
	dma_fence_signal(fence);

	KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, fence, ALL), 1);
}

static void dma_resv_iter_next_unlocked_filters_by_usage(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fences[4], *fence;
	struct dma_resv_iter cursor;
	enum dma_resv_usage usage;
	unsigned int seen;

	for (usage = DMA_RESV_USAGE_KERNEL; usage <= ALL; usage++)
		fences[usage] = mock_resv_fill(test, &mock->resv, usage, 1, usage);

	for (usage = DMA_RESV_USAGE_KERNEL; usage <= ALL; usage++) {
		seen = 0;
		dma_resv_iter_begin(&cursor, &mock->resv, usage);
		dma_resv_for_each_fence_unlocked(&cursor, fence) {
			KUNIT_EXPECT_PTR_EQ(test, fence, fences[seen]);
			KUNIT_EXPECT_EQ(test, dma_resv_iter_usage(&cursor), seen);
			KUNIT_EXPECT_EQ(test, dma_resv_iter_is_restarted(&cursor), !seen);
			seen++;
		}
		dma_resv_iter_end(&cursor);
		KUNIT_EXPECT_EQ(test, seen, usage + 1);
	}
}

static void dma_resv_iter_next_unlocked_holds_one_reference(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_resv_iter cursor;
	struct dma_fence *first, *second;

	first = mock_resv_fill(test, &mock->resv, 1, 1, DMA_RESV_USAGE_READ);
	second = mock_resv_fill(test, &mock->resv, 2, 1, DMA_RESV_USAGE_READ);

	dma_resv_iter_begin(&cursor, &mock->resv, ALL);
	KUNIT_EXPECT_PTR_EQ(test, dma_resv_iter_first_unlocked(&cursor), first);
	KUNIT_EXPECT_EQ(test, kref_read(&first->refcount), 2);
	KUNIT_EXPECT_PTR_EQ(test, dma_resv_iter_next_unlocked(&cursor), second);
	KUNIT_EXPECT_EQ(test, kref_read(&first->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&second->refcount), 2);
	KUNIT_EXPECT_NULL(test, dma_resv_iter_next_unlocked(&cursor));
	dma_resv_iter_end(&cursor);
	KUNIT_EXPECT_EQ(test, kref_read(&second->refcount), 1);
}

static void dma_resv_iter_end_after_break_drops_reference(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_resv_iter cursor;
	struct dma_fence *fence, *found;

	fence = mock_resv_fill(test, &mock->resv, 1, 1, DMA_RESV_USAGE_READ);

	dma_resv_iter_begin(&cursor, &mock->resv, ALL);
	dma_resv_for_each_fence_unlocked(&cursor, found)
		break;
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
	dma_resv_iter_end(&cursor);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
}

/* One known to have signaled, one that only its driver knows of, one busy. */
static void dma_resv_iter_next_unlocked_skips_signaled(struct kunit *test)
{
	struct dma_fence *signaled, *done, *busy;
	struct mock_resv *mock = test->priv;
	struct dma_resv_iter cursor;

	signaled = mock_resv_fill(test, &mock->resv, 1, 1, DMA_RESV_USAGE_READ);
	done = mock_fence_create_ops(test, 2, 1, &mock_fence_full_ops);
	mock_resv_add(test, &mock->resv, done, DMA_RESV_USAGE_READ);
	busy = mock_resv_fill(test, &mock->resv, 3, 1, DMA_RESV_USAGE_READ);
	dma_fence_signal(signaled);
	to_mock_fence(done)->done = true;

	dma_resv_iter_begin(&cursor, &mock->resv, ALL);
	KUNIT_EXPECT_PTR_EQ(test, dma_resv_iter_first_unlocked(&cursor), busy);
	KUNIT_EXPECT_TRUE(test, dma_resv_iter_is_restarted(&cursor));
	KUNIT_EXPECT_NULL(test, dma_resv_iter_next_unlocked(&cursor));
	dma_resv_iter_end(&cursor);

	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(done)->signaled_calls), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&done->refcount), 2);
	dma_fence_put(done);
}

/*
 * What signals while the body runs is not returned, and its being the last
 * starts nothing over.
 */
static void dma_resv_iter_next_unlocked_last_signals_meanwhile_ends(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *first, *last;
	struct dma_resv_iter cursor;

	first = mock_resv_fill(test, &mock->resv, 1, 1, DMA_RESV_USAGE_READ);
	last = mock_resv_fill(test, &mock->resv, 2, 1, DMA_RESV_USAGE_READ);

	dma_resv_iter_begin(&cursor, &mock->resv, ALL);
	KUNIT_EXPECT_PTR_EQ(test, dma_resv_iter_first_unlocked(&cursor), first);
	dma_fence_signal(last);
	KUNIT_EXPECT_NULL(test, dma_resv_iter_next_unlocked(&cursor));
	dma_resv_iter_end(&cursor);
	KUNIT_EXPECT_EQ(test, kref_read(&first->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&last->refcount), 1);
}

/*
 * The body needs no care: here it takes the lock, exchanges the fence and
 * signals the old one.
 */
static void dma_resv_iter_next_unlocked_lets_body_change_fences(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	unsigned int seen = 0;
	u64 context;

	for (context = 0; context < 3; context++)
		mock_resv_fill(test, &mock->resv, context, 1, DMA_RESV_USAGE_READ);

	dma_resv_iter_begin(&cursor, &mock->resv, ALL);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		KUNIT_EXPECT_EQ(test, fence->context, seen);
		KUNIT_EXPECT_EQ(test, dma_resv_iter_is_restarted(&cursor), !seen);
		seen++;
		mock_resv_fill(test, &mock->resv, fence->context, 2, DMA_RESV_USAGE_READ);
		KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
		dma_fence_signal(fence);
	}
	dma_resv_iter_end(&cursor);
	KUNIT_EXPECT_EQ(test, seen, 3);
}

/*
 * The body waits for the first fence, and meanwhile all others are replaced:
 * they stand for a condition that is void. Waiting for one of them would evict
 * for nothing.
 */
static void walk_replaced(struct kunit *test, unsigned int count)
{
	struct dma_fence *stub = dma_fence_get_stub(), *fence;
	struct dma_resv_iter cursor;
	unsigned int seen = 0;
	struct dma_resv resv;
	u64 context;

	dma_resv_init(&resv);
	for (context = 0; context < count; context++)
		mock_resv_fill(test, &resv, 10 + context, 1, ALL);

	dma_resv_iter_begin(&cursor, &resv, ALL);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		KUNIT_EXPECT_EQ(test, fence->context, 10);
		dma_fence_signal(fence);
		dma_resv_lock(&resv, NULL);
		for (context = 1; context < count; context++)
			dma_resv_replace_fences(&resv, 10 + context, stub, ALL);
		dma_resv_unlock(&resv);
		seen++;
	}
	dma_resv_iter_end(&cursor);
	KUNIT_EXPECT_EQ(test, seen, 1);

	dma_resv_fini(&resv);
	dma_fence_put(stub);
}

static void dma_resv_iter_next_unlocked_skips_replaced(struct kunit *test)
{
	walk_replaced(test, 2);
	walk_replaced(test, DMA_RESV_INLINE_SLOTS);
	walk_replaced(test, 30);
}

/* Growth moves all fences: the pass begins anew and meets each of them. */
static void dma_resv_iter_next_unlocked_after_growth_restarts(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	unsigned int seen = 0, passes = 0;
	u64 context;

	for (context = 0; context < DMA_RESV_INLINE_SLOTS; context++)
		mock_resv_fill(test, &mock->resv, context, 1, DMA_RESV_USAGE_READ);

	dma_resv_iter_begin(&cursor, &mock->resv, ALL);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		if (dma_resv_iter_is_restarted(&cursor)) {
			passes++;
			seen = 0;
		}
		KUNIT_EXPECT_EQ(test, fence->context, seen);
		seen++;
		if (passes == 1 && seen == 2)
			mock_resv_fill(test, &mock->resv, context, 1, DMA_RESV_USAGE_READ);
	}
	dma_resv_iter_end(&cursor);

	KUNIT_EXPECT_EQ(test, passes, 2);
	KUNIT_EXPECT_EQ(test, seen, context + 1);
}

/*
 * A cursor that remembers slots other than the current ones starts over without
 * touching them.
 */
static void dma_resv_iter_next_unlocked_with_foreign_slots_restarts(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	fence = mock_resv_fill(test, &mock->resv, 1, 1, DMA_RESV_USAGE_READ);

	dma_resv_iter_begin(&cursor, &mock->resv, ALL);
	KUNIT_EXPECT_PTR_EQ(test, dma_resv_iter_first_unlocked(&cursor), fence);
	cursor.fences = (void *)~0;
	KUNIT_EXPECT_PTR_EQ(test, dma_resv_iter_next_unlocked(&cursor), fence);
	KUNIT_EXPECT_TRUE(test, dma_resv_iter_is_restarted(&cursor));
	KUNIT_EXPECT_NULL(test, dma_resv_iter_next_unlocked(&cursor));
	KUNIT_EXPECT_FALSE(test, dma_resv_iter_is_restarted(&cursor));
	dma_resv_iter_end(&cursor);
}

/*
 * Tables of one size follow each other, each freed before the next but one is
 * made: sooner or later one has the address that the cursor remembers. It
 * starts over all the same.
 */
static void dma_resv_iter_next_unlocked_with_slots_reused_restarts(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_resv_iter cursor;
	struct dma_resv other;
	unsigned int round;
	u64 context;

	dma_resv_init(&other);
	for (context = 0; context < DMA_RESV_ITER_BATCH + 2; context++)
		mock_resv_fill(test, &other, context, 1, DMA_RESV_USAGE_READ);

	dma_resv_iter_begin(&cursor, &mock->resv, ALL);
	for (round = 0; round < 60; round++) {
		dma_resv_lock(&mock->resv, NULL);
		KUNIT_EXPECT_EQ(test, dma_resv_copy_fences(&mock->resv, &other), 0);
		dma_resv_unlock(&mock->resv);
		kvfree_rcu_barrier();

		if (round % 3 == 1)
			continue;
		if (round % 3) {
			/* After what was read ahead. */
			while (dma_resv_iter_next_unlocked(&cursor) &&
			       !dma_resv_iter_is_restarted(&cursor))
				;
			KUNIT_EXPECT_TRUE(test, dma_resv_iter_is_restarted(&cursor));
		} else {
			KUNIT_EXPECT_NOT_NULL(test, dma_resv_iter_first_unlocked(&cursor));
		}
	}
	dma_resv_iter_end(&cursor);
	dma_resv_fini(&other);
}

/*
 * A fence whose memory becomes another fence the moment it is released, as
 * happens with slabs that are type-stable, and a fence that makes this happen
 * while a walk has just come by it.
 */
#define STRANGER	(~0ULL)

struct recycled {
	struct dma_fence base;
	spinlock_t lock; /* given to the fence */
	bool stranger_released;
};

struct trigger {
	struct mock_fence mock;
	struct dma_resv *resv;
	struct dma_fence *later;
	struct dma_fence *extra;
};

static void recycled_release(struct dma_fence *fence);

static const struct dma_fence_ops recycled_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.release = recycled_release,
};

static void recycled_release(struct dma_fence *fence)
{
	struct recycled *memory = container_of(fence, struct recycled, base);

	if (fence->context == STRANGER)
		memory->stranger_released = true;
	else
		dma_fence_init(fence, &recycled_ops, &memory->lock, STRANGER, 1);
}

/* Called in the middle of a step of the walk. The test holds the lock. */
static bool trigger_signaled(struct dma_fence *fence)
{
	struct trigger *trigger = container_of(fence, struct trigger, mock.base);

	dma_resv_add_fence(trigger->resv, trigger->extra, DMA_RESV_USAGE_READ);
	dma_resv_add_fence(trigger->resv, trigger->later, DMA_RESV_USAGE_READ);
	return true;
}

static const struct dma_fence_ops trigger_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.signaled = trigger_signaled,
};

/*
 * The walk is at the first slot when that fence's driver makes the storage
 * grow, and the fence of the second slot is exchanged and recycled. In the
 * slots that the walk goes through, which are not current any more, the second
 * still has the address; what lives there now must not be returned.
 */
static void dma_resv_iter_first_unlocked_in_old_slots_finds_no_stranger(struct kunit *test)
{
	struct trigger *trigger = kzalloc(sizeof(*trigger), GFP_KERNEL);
	struct recycled *memory = kzalloc(sizeof(*memory), GFP_KERNEL);
	struct mock_resv *mock = test->priv;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	unsigned int seen = 0;

	KUNIT_ASSERT_NOT_NULL(test, trigger);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	trigger->resv = &mock->resv;
	trigger->extra = mock_fence_create(test, 77, 1);
	trigger->later = mock_fence_create(test, 2, 2);
	spin_lock_init(&trigger->mock.lock);
	spin_lock_init(&memory->lock);
	dma_fence_init(&trigger->mock.base, &trigger_ops, &trigger->mock.lock, 1, 1);
	dma_fence_init(&memory->base, &recycled_ops, &memory->lock, 2, 1);

	mock_resv_add(test, &mock->resv, &trigger->mock.base, DMA_RESV_USAGE_READ);
	mock_resv_add(test, &mock->resv, &memory->base, DMA_RESV_USAGE_READ);
	dma_fence_put(&memory->base);
	mock_resv_fill(test, &mock->resv, 3, 1, DMA_RESV_USAGE_READ);
	mock_resv_fill(test, &mock->resv, 4, 1, DMA_RESV_USAGE_READ);

	dma_resv_lock(&mock->resv, NULL);
	expect_splat("dma_resv_slot_improvise");
	dma_resv_iter_begin(&cursor, &mock->resv, ALL);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		KUNIT_EXPECT_NE(test, fence->context, STRANGER);
		KUNIT_EXPECT_EQ(test, dma_resv_iter_is_restarted(&cursor), !seen);
		KUNIT_EXPECT_TRUE(test, seen || fence == trigger->later);
		seen++;
	}
	dma_resv_iter_end(&cursor);
	dma_resv_unlock(&mock->resv);

	KUNIT_EXPECT_EQ(test, seen, 4);
	KUNIT_EXPECT_EQ(test, memory->base.context, STRANGER);
	KUNIT_EXPECT_EQ(test, kref_read(&memory->base.refcount), 1);
	KUNIT_EXPECT_FALSE(test, memory->stranger_released);

	dma_fence_put(trigger->extra);
	dma_fence_put(trigger->later);
	dma_fence_put(&trigger->mock.base);
	kfree_rcu(memory, base.rcu);
}

static struct kunit_case dma_resv_iter_cases[] = {
	KUNIT_CASE(dma_resv_iter_first_of_empty_is_null),
	KUNIT_CASE(dma_resv_iter_next_filters_by_usage),
	KUNIT_CASE(dma_resv_iter_next_after_growth_goes_on),
	KUNIT_CASE(dma_resv_iter_next_returns_signaled),
	KUNIT_CASE(dma_resv_iter_next_unlocked_filters_by_usage),
	KUNIT_CASE(dma_resv_iter_next_unlocked_holds_one_reference),
	KUNIT_CASE(dma_resv_iter_end_after_break_drops_reference),
	KUNIT_CASE(dma_resv_iter_next_unlocked_skips_signaled),
	KUNIT_CASE(dma_resv_iter_next_unlocked_last_signals_meanwhile_ends),
	KUNIT_CASE(dma_resv_iter_next_unlocked_lets_body_change_fences),
	KUNIT_CASE(dma_resv_iter_next_unlocked_skips_replaced),
	KUNIT_CASE(dma_resv_iter_next_unlocked_after_growth_restarts),
	KUNIT_CASE(dma_resv_iter_next_unlocked_with_foreign_slots_restarts),
	KUNIT_CASE(dma_resv_iter_next_unlocked_with_slots_reused_restarts),
	KUNIT_CASE(dma_resv_iter_first_unlocked_in_old_slots_finds_no_stranger),
	{}
};

static struct kunit_suite dma_resv_iter_suite = {
	.name = "dma_resv_iter",
	.init = mock_resv_init,
	.exit = mock_resv_exit,
	.test_cases = dma_resv_iter_cases,
};

kunit_test_suite(dma_resv_iter_suite);
