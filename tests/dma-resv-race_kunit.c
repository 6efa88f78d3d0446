// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lock-free reader of a reservation, with the lock holder coming in between
 * at the worst moment: the reader has the word of a slot and not yet a
 * reference to its fence. See hook-get.h; no second CPU is needed.
 *
 * The fence lives in type-stable memory, as drivers with SLAB_TYPESAFE_BY_RCU
 * have it. When it is released, a stranger, a fence that has nothing to do with
 * the reservation, is there at once.
 */
#define __DISABLE_EXPORTS
#include <kunit/test.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/slab.h>

#include "hook-get.h"

#define dma_fence_get_rcu(fence) (hook_get_run(), dma_fence_get_rcu(fence))
#define kref_get_unless_zero(kref) (hook_get_run(), kref_get_unless_zero(kref))

/* The reader under test is a copy: under names of its own, and not exported. */
#define dma_resv_iter_first_unlocked	race_iter_first_unlocked
#define dma_resv_iter_next_unlocked	race_iter_next_unlocked
#define dma_resv_iter_first		race_iter_first
#define dma_resv_iter_next		race_iter_next

#define dma_resv_iter_drop		race_iter_drop
#include "race-resv.h"

/* Checkers that do not know the question are used on our tree. */
#ifdef __CHECKER__
#define RACE_STORAGE	1
#elif __has_include("../dma-resv-iter.c")
#define RACE_STORAGE	1
#else
#define RACE_STORAGE	0
#endif

#if RACE_STORAGE
#define dma_resv_busy_read		race_busy_read
#define dma_resv_busy_read_few		race_busy_read_few
#define dma_resv_busy_get_rcu		race_busy_get_rcu
#define dma_resv_word_put		race_word_put
#define dma_resv_words_put		race_words_put
#include "../dma-resv-iter.c"
#define dma_resv_copy_fences		race_copy_fences
#define dma_resv_get_fences		race_get_fences
#define dma_resv_get_singleton		race_get_singleton
#define dma_resv_wait_timeout		race_wait_timeout
#define dma_resv_set_deadline		race_set_deadline
#define dma_resv_test_signaled		race_test_signaled
#define dma_resv_describe		race_describe
#include "../dma-resv-query.c"
#else
/*
 * In a stock kernel the reader is between everything else, and what follows
 * would stop it.
 */
#include "hook-stock-resv.h"
#endif

#include "expect-splat.h"
#include "mock-recycled.h"
#include "mock-resv.h"

#define ALL	DMA_RESV_USAGE_BOOKKEEP

#define RACE_CONTEXT	1

/* More slots than the first table has. */
#define RACE_ROOM	32

struct race {
	struct mock_resv mock;	/* first: see mock_resv_exit() */
	struct mock_recycled old, new;
	struct dma_fence *more;
};

/* A fence in the reservation, and another one to take its place. */
static struct race *race_begin(struct kunit *test)
{
	struct race *race = test->priv;

	mock_recycled_init(&race->old, RACE_CONTEXT, 1);
	mock_recycled_init(&race->new, RACE_CONTEXT, 2);
	race->new.vacant = true;

	dma_resv_lock(&race->mock.resv, NULL);
	mock_resv_add_locked(test, &race->mock.resv, &race->old.base, DMA_RESV_USAGE_READ);
	dma_fence_put(&race->old.base);
	return race;
}

/* Drop the stranger, which nobody else may have. */
static void race_end(struct kunit *test, struct race *race)
{
	KUNIT_EXPECT_NULL(test, hook_get_fn);
	if (!race->old.vacant) {
		race->old.vacant = true;
		KUNIT_EXPECT_EQ(test, race->old.base.context, MOCK_STRANGER);
		KUNIT_EXPECT_EQ(test, kref_read(&race->old.base.refcount), 1);
		dma_fence_put(&race->old.base);
	}
	KUNIT_EXPECT_EQ(test, kref_read(&race->new.base.refcount), 1);
	dma_resv_unlock(&race->mock.resv);
}

/*
 * The lock holder's part: the new fence displaces the old one, whose memory
 * goes to a stranger.
 */
static void race_displace(void *data)
{
	struct race *race = data;

	dma_resv_add_fence(&race->mock.resv, &race->new.base, DMA_RESV_USAGE_READ);
	dma_fence_put(&race->new.base);
}

/*
 * A walk meets the new fence once and the stranger never; returns how many it
 * met.
 */
static unsigned int race_walk(struct kunit *test, struct race *race)
{
	unsigned int met = 0, count = 0;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_iter_begin(&cursor, &race->mock.resv, ALL);
	for (fence = race_iter_first_unlocked(&cursor); fence;
	     fence = race_iter_next_unlocked(&cursor)) {
		if (dma_resv_iter_is_restarted(&cursor)) {
			met = 0;
			count = 0;
		}
		KUNIT_EXPECT_NE(test, fence->context, MOCK_STRANGER);
		met += fence == &race->new.base;
		count++;
	}
	dma_resv_iter_end(&cursor);
	KUNIT_EXPECT_EQ(test, met, 1);
	return count;
}

/*
 * Stock looks again whether the storage is the same, not whether the slot is.
 */
static void dma_resv_iter_first_unlocked_fence_recycled_finds_no_stranger(struct kunit *test)
{
	struct race *race = race_begin(test);

	hook_get_set(race_displace, race);
	KUNIT_EXPECT_EQ(test, race_walk(test, race), 1);
	race_end(test, race);
}

static void dma_resv_iter_first_unlocked_fence_released_looks_again(struct kunit *test)
{
	struct race *race = race_begin(test);

	race->old.vacant = true;
	hook_get_set(race_displace, race);
	KUNIT_EXPECT_EQ(test, race_walk(test, race), 1);
	race_end(test, race);
}

#if RACE_STORAGE

/*
 * The same, but in storage that takes the place of the one that the reader is
 * in.
 */
static void race_move_and_displace(void *data)
{
	struct race *race = data;

	dma_resv_add_fence(&race->mock.resv, race->more, DMA_RESV_USAGE_READ);
	race_displace(data);
}

static void race_move(struct kunit *test, struct race *race)
{
	u64 i;

	for (i = 1; i < DMA_RESV_INLINE_SLOTS; i++) {
		race->more = mock_fence_create(test, RACE_CONTEXT + i, 1);
		mock_resv_add_locked(test, &race->mock.resv, race->more, DMA_RESV_USAGE_READ);
		dma_fence_put(race->more);
	}
	race->more = mock_fence_create(test, RACE_CONTEXT + i, 1);

	/* Nothing can be reserved in between, for that sleeps. */
	expect_splat("dma_resv_slot_improvise");
	hook_get_set(race_move_and_displace, race);
}

/* Storage that was left behind keeps the word of the fence that has gone. */
static void dma_resv_iter_first_unlocked_storage_replaced_starts_over(struct kunit *test)
{
	struct race *race = race_begin(test);

	race_move(test, race);
	KUNIT_EXPECT_EQ(test, race_walk(test, race), DMA_RESV_INLINE_SLOTS + 1);
	dma_fence_put(race->more);
	race_end(test, race);
}

static void race_collect(struct kunit *test, struct race *race, unsigned int expected)
{
	unsigned int i, num, met = 0;
	unsigned long words[RACE_ROOM];
	struct dma_fence *fence;

	num = race_busy_read(&race->mock.resv, ALL, ~0UL, words, RACE_ROOM);
	KUNIT_ASSERT_EQ(test, num, expected);
	for (i = 0; i < num; i++) {
		fence = dma_resv_word_fence(words[i]);
		KUNIT_EXPECT_NE(test, fence->context, MOCK_STRANGER);
		met += fence == &race->new.base;
	}
	KUNIT_EXPECT_EQ(test, met, 1);
	race_words_put(words, num);
}

static void dma_resv_busy_read_fence_recycled_finds_no_stranger(struct kunit *test)
{
	struct race *race = race_begin(test);

	hook_get_set(race_displace, race);
	race_collect(test, race, 1);
	race_end(test, race);
}

static void dma_resv_busy_read_storage_replaced_starts_over(struct kunit *test)
{
	struct race *race = race_begin(test);

	race_move(test, race);
	race_collect(test, race, DMA_RESV_INLINE_SLOTS + 1);
	dma_fence_put(race->more);
	race_end(test, race);
}

/*
 * The quick reader of the slots inside the object gives up, and leaves it to
 * the other.
 */
static void race_collect_few(struct kunit *test, struct race *race)
{
	unsigned long few[DMA_RESV_INLINE_SLOTS];

	KUNIT_EXPECT_EQ(test, race_busy_read_few(&race->mock.resv, ALL, ~0UL, few),
			DMA_RESV_NO_SLOT);
}

static void dma_resv_busy_read_few_fence_recycled_gives_up(struct kunit *test)
{
	struct race *race = race_begin(test);

	hook_get_set(race_displace, race);
	race_collect_few(test, race);
	race_end(test, race);
}

static void dma_resv_busy_read_few_storage_replaced_gives_up(struct kunit *test)
{
	struct race *race = race_begin(test);

	race_move(test, race);
	race_collect_few(test, race);
	dma_fence_put(race->more);
	race_end(test, race);
}

static void dma_resv_busy_get_rcu_fence_recycled_finds_no_stranger(struct kunit *test)
{
	struct race *race = race_begin(test);
	struct dma_fence *fence;

	hook_get_set(race_displace, race);
	rcu_read_lock();
	fence = race_busy_get_rcu(&race->mock.resv, ALL);
	rcu_read_unlock();
	KUNIT_EXPECT_PTR_EQ(test, fence, &race->new.base);
	dma_fence_put(fence);
	race_end(test, race);
}

#define RACE_MANY	9

/* Many fences, and one that is met after them. */
struct race_many {
	struct race *race;
	struct dma_fence *many[RACE_MANY];
	unsigned int got;
};

/*
 * When the last one is about to be got it is displaced, and all that were got
 * before signal.
 */
static void race_end_many(void *data)
{
	struct race_many *late = data;
	unsigned int i;

	if (late->got++ < RACE_MANY) {
		hook_get_set(race_end_many, late);
		return;
	}
	for (i = 0; i < RACE_MANY; i++)
		dma_fence_signal(late->many[i]);
	race_displace(late->race);
}

static void race_fill_many(struct kunit *test, struct race_many *late)
{
	struct race *race = test->priv;
	unsigned int i;

	late->race = race;
	dma_resv_lock(&race->mock.resv, NULL);
	for (i = 0; i < RACE_MANY; i++) {
		late->many[i] = mock_fence_create(test, 100 + i, 1);
		mock_resv_add_locked(test, &race->mock.resv, late->many[i], DMA_RESV_USAGE_READ);
	}
	dma_resv_unlock(&race->mock.resv);
	race_begin(test);
	hook_get_set(race_end_many, late);
}

/*
 * The first pass has got nine fences when the tenth is displaced, the second
 * pass finds one. The copy holds that one alone: a fence added to it later is
 * seen by lock-free readers.
 */
static void dma_resv_copy_fences_repeated_keeps_nothing_stale(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1000, 1), **fences;
	struct race_many late = {};
	struct race *race = test->priv;
	unsigned int i, count;
	struct dma_resv dst;

	race_fill_many(test, &late);
	dma_resv_init(&dst);
	KUNIT_ASSERT_TRUE(test, dma_resv_trylock(&dst));
	KUNIT_EXPECT_EQ(test, race_copy_fences(&dst, &race->mock.resv), 0);
	mock_resv_add_locked(test, &dst, fence, DMA_RESV_USAGE_READ);
	dma_resv_unlock(&dst);

	KUNIT_EXPECT_EQ(test, race_get_fences(&dst, ALL, &count, &fences), 0);
	KUNIT_ASSERT_EQ(test, count, 2);
	KUNIT_EXPECT_PTR_EQ(test, fences[0], &race->new.base);
	KUNIT_EXPECT_PTR_EQ(test, fences[1], fence);
	while (count--)
		dma_fence_put(fences[count]);
	kfree(fences);

	dma_resv_fini(&dst);
	for (i = 0; i < RACE_MANY; i++) {
		KUNIT_EXPECT_EQ(test, kref_read(&late.many[i]->refcount), 2);
		dma_fence_put(late.many[i]);
	}
	dma_fence_put(fence);
	race_end(test, race);
}

#endif /* RACE_STORAGE */

static int dma_resv_race_test_init(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);

	BUILD_BUG_ON(offsetof(struct race, mock));
	if (!race)
		return -ENOMEM;

	race->mock.live = mock_fence_live();
	dma_resv_init(&race->mock.resv);
	test->priv = race;
	return 0;
}

static struct kunit_case dma_resv_race_cases[] = {
	KUNIT_CASE(dma_resv_iter_first_unlocked_fence_recycled_finds_no_stranger),
	KUNIT_CASE(dma_resv_iter_first_unlocked_fence_released_looks_again),
#if RACE_STORAGE
	KUNIT_CASE(dma_resv_iter_first_unlocked_storage_replaced_starts_over),
	KUNIT_CASE(dma_resv_busy_read_fence_recycled_finds_no_stranger),
	KUNIT_CASE(dma_resv_busy_read_storage_replaced_starts_over),
	KUNIT_CASE(dma_resv_busy_read_few_fence_recycled_gives_up),
	KUNIT_CASE(dma_resv_busy_read_few_storage_replaced_gives_up),
	KUNIT_CASE(dma_resv_busy_get_rcu_fence_recycled_finds_no_stranger),
	KUNIT_CASE(dma_resv_copy_fences_repeated_keeps_nothing_stale),
#endif
	{}
};

static struct kunit_suite dma_resv_race_suite = {
	.name = "dma_resv_race",
	.init = dma_resv_race_test_init,
	.exit = mock_resv_exit,
	.test_cases = dma_resv_race_cases,
};

kunit_test_suite(dma_resv_race_suite);
