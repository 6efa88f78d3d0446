// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lock-free readers of a reservation on one CPU, its lock holder on another or
 * in an interrupt: what is there is seen, what has gone is not touched, and
 * recycled memory is not taken for what it was.
 */
#include <kunit/test.h>
#include <linux/dma-resv.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "mock-race.h"
#include "mock-resv.h"

#define ALL	DMA_RESV_USAGE_BOOKKEEP

/*
 * Fences of contexts below this are there during the whole of a round, and
 * busy.
 */
#define SMP_LASTING	3
#define SMP_ROUNDS	20
#define SMP_STEPS	60

struct smp_race {
	struct kunit *test;
	struct dma_resv resv;
	struct dma_fence *lasting[SMP_LASTING];
	u32 seqno;
	unsigned int missed;
	unsigned int strangers;
	unsigned int failures;
};

/* Without KUnit's assertions: the writer may be the other thread. */
static void smp_add(struct smp_race *race, u64 context, bool signal)
{
	struct dma_fence *fence = mock_fence_create(NULL, context, ++race->seqno);

	if (!fence || dma_resv_reserve_fences(&race->resv, 1)) {
		race->failures++;
	} else {
		dma_resv_add_fence(&race->resv, fence, DMA_RESV_USAGE_READ);
		if (signal)
			dma_fence_signal(fence);
	}
	dma_fence_put(fence);
}

static void smp_setup(void *data)
{
	struct smp_race *race = data;
	unsigned int i;

	dma_resv_init(&race->resv);
	for (i = 0; i < SMP_LASTING; i++)
		race->lasting[i] = mock_resv_fill(race->test, &race->resv, i, 1,
						  DMA_RESV_USAGE_READ);
}

static void smp_check(void *data)
{
	struct smp_race *race = data;

	dma_resv_fini(&race->resv);
	KUNIT_EXPECT_EQ(race->test, race->missed, 0);
	KUNIT_EXPECT_EQ(race->test, race->strangers, 0);
	KUNIT_EXPECT_EQ(race->test, race->failures, 0);
}

static unsigned int smp_lasting_bit(struct smp_race *race, struct dma_fence *fence)
{
	unsigned int i;

	for (i = 0; i < SMP_LASTING; i++)
		if (race->lasting[i] == fence)
			return 1 << i;
	return 0;
}

/* Every pass meets every fence that lasts. */
static void smp_walk(void *data)
{
	struct smp_race *race = data;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	unsigned int step, seen;

	for (step = 0; step < SMP_STEPS; step++) {
		seen = 0;
		dma_resv_iter_begin(&cursor, &race->resv, ALL);
		dma_resv_for_each_fence_unlocked(&cursor, fence) {
			if (dma_resv_iter_is_restarted(&cursor))
				seen = 0;
			seen |= smp_lasting_bit(race, fence);
		}
		dma_resv_iter_end(&cursor);
		race->missed += seen != (1 << SMP_LASTING) - 1;
		race->missed += dma_resv_test_signaled(&race->resv, ALL);
	}
}

/* An array has every fence that lasts, and no fence twice. */
static void smp_collect(void *data)
{
	struct smp_race *race = data;
	struct dma_fence **fences;
	unsigned int step, count, seen, bit;

	for (step = 0; step < SMP_STEPS; step++) {
		if (dma_resv_get_fences(&race->resv, ALL, &count, &fences)) {
			race->failures++;
			continue;
		}

		seen = 0;
		while (count--) {
			bit = smp_lasting_bit(race, fences[count]);
			race->strangers += !!(seen & bit);
			seen |= bit;
			dma_fence_put(fences[count]);
		}
		kfree(fences);
		race->missed += seen != (1 << SMP_LASTING) - 1;
	}
}

/*
 * More and more contexts, so that the storage grows, with signaled fences in
 * between.
 */
static void smp_grow(void *data)
{
	struct smp_race *race = data;
	unsigned int step;

	for (step = 0; step < SMP_STEPS; step++) {
		dma_resv_lock(&race->resv, NULL);
		smp_add(race, 100 + step, step % 3);
		dma_resv_unlock(&race->resv);
	}
}

/*
 * The same few contexts over and over: later fences displace earlier ones,
 * which signal and go.
 */
static void smp_displace(void *data)
{
	struct smp_race *race = data;
	struct dma_fence *fence;
	unsigned int step;

	for (step = 0; step < SMP_STEPS; step++) {
		dma_resv_lock(&race->resv, NULL);
		smp_add(race, 100 + step % 5, false);
		fence = mock_fence_create(NULL, 200, ++race->seqno);
		if (fence)
			dma_resv_replace_fences(&race->resv, 100 + step % 3, fence, ALL);
		dma_resv_unlock(&race->resv);
		dma_fence_signal(fence);
		dma_fence_put(fence);
	}
}

/*
 * From few fences to a copy of other ones and back: whole storages are
 * exchanged.
 */
static void smp_exchange(void *data)
{
	struct smp_race *race = data;
	struct dma_resv other;
	unsigned int step;

	dma_resv_init(&other);
	for (step = 0; step < SMP_STEPS; step++) {
		dma_resv_lock(&other, NULL);
		race->failures += !!dma_resv_copy_fences(&other, &race->resv);
		dma_resv_unlock(&other);

		dma_resv_lock(&race->resv, NULL);
		race->failures += !!dma_resv_copy_fences(&race->resv, &other);
		smp_add(race, 100 + step % 7, step % 2);
		dma_resv_unlock(&race->resv);
	}
	dma_resv_fini(&other);
}

static void smp_run(struct kunit *test, void (*reader)(void *), void (*writer)(void *))
{
	struct smp_race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	const struct mock_race sides = {
		.setup = smp_setup,
		.here = reader,
		.there = writer,
		.check = smp_check,
	};

	KUNIT_ASSERT_NOT_NULL(test, race);
	race->test = test;
	mock_race_run(test, &sides, SMP_ROUNDS, race);
}

/*
 * CVE-2025-38095: storage shown to the reader before what it holds could be
 * seen.
 */
static void dma_resv_iter_next_unlocked_while_growing_misses_none(struct kunit *test)
{
	smp_run(test, smp_walk, smp_grow);
}

static void dma_resv_iter_next_unlocked_while_replacing_misses_none(struct kunit *test)
{
	smp_run(test, smp_walk, smp_displace);
}

static void dma_resv_iter_next_unlocked_while_copying_misses_none(struct kunit *test)
{
	smp_run(test, smp_walk, smp_exchange);
}

static void dma_resv_get_fences_while_copying_misses_none(struct kunit *test)
{
	smp_run(test, smp_collect, smp_exchange);
}

static void dma_resv_get_fences_while_growing_misses_none(struct kunit *test)
{
	smp_run(test, smp_collect, smp_grow);
}

static void dma_resv_get_fences_while_replacing_misses_none(struct kunit *test)
{
	smp_run(test, smp_collect, smp_displace);
}

/*
 * Type-stable memory, as drivers with SLAB_TYPESAFE_BY_RCU have it: a released
 * fence's memory may be another fence at once. Two pieces of memory take turns:
 * one is the fence in the reservation, the other one, released when it was
 * displaced, is a stranger. They change places in an interrupt of the reader,
 * which comes between any two instructions of it, so that all of the change is
 * in between.
 */
#define SMP_STRANGER	(~0ULL)
#define SMP_PERIOD	(20 * NSEC_PER_USEC)

struct smp_fence {
	struct dma_fence base;
	spinlock_t lock; /* given to the fence, initialised once for all lives of the memory */
	bool dropped;
	bool vacant;
};

struct smp_recycling {
	struct smp_race race;
	struct smp_fence memory[2];
	struct task_struct *reader;
	struct hrtimer timer;
	unsigned int present;
	unsigned int turns;
	bool over;
};

static void smp_fence_release(struct dma_fence *fence);

static const struct dma_fence_ops smp_fence_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.release = smp_fence_release,
};

static void smp_fence_release(struct dma_fence *fence)
{
	struct smp_fence *memory = container_of(fence, struct smp_fence, base);
	unsigned long flags;

	local_irq_save(flags);
	if (fence->context == SMP_STRANGER)
		memory->vacant = true;
	else
		dma_fence_init(fence, &smp_fence_ops, &memory->lock, SMP_STRANGER, 1);
	local_irq_restore(flags);
}

/*
 * End the stranger's life. False if the reader has the memory, as a fence or as
 * a stranger.
 */
static bool smp_stranger_drop(struct smp_fence *memory)
{
	if (memory->base.context != SMP_STRANGER)
		return false;

	if (!memory->dropped) {
		memory->dropped = true;
		dma_fence_put(&memory->base);
	}
	return memory->vacant;
}

static void smp_fence_enter(struct smp_recycling *recycling, struct smp_fence *memory)
{
	memory->vacant = false;
	memory->dropped = false;
	dma_fence_init(&memory->base, &smp_fence_ops, &memory->lock, 1, ++recycling->race.seqno);
	dma_resv_add_fence(&recycling->race.resv, &memory->base, DMA_RESV_USAGE_READ);
	dma_fence_put(&memory->base);
}

/*
 * In an interrupt. The reader has the lock, so it must be the one that is
 * interrupted.
 */
static void smp_recycle(void *data)
{
	struct smp_recycling *recycling = data;
	unsigned int absent = !recycling->present;

	if (current != recycling->reader || !smp_stranger_drop(&recycling->memory[absent]))
		return;

	smp_fence_enter(recycling, &recycling->memory[absent]);
	recycling->present = absent;
	recycling->turns++;
}

static enum hrtimer_restart smp_recycle_timer(struct hrtimer *timer)
{
	struct smp_recycling *recycling = container_of(timer, struct smp_recycling, timer);

	smp_recycle(recycling);
	hrtimer_forward_now(timer, ns_to_ktime(SMP_PERIOD));
	return READ_ONCE(recycling->over) ? HRTIMER_NORESTART : HRTIMER_RESTART;
}

static void smp_recycle_setup(void *data)
{
	struct smp_recycling *recycling = data;
	struct smp_race *race = &recycling->race;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(recycling->memory); i++) {
		recycling->memory[i].dropped = false;
		recycling->memory[i].vacant = false;
		spin_lock_init(&recycling->memory[i].lock);
		dma_fence_init(&recycling->memory[i].base, &smp_fence_ops,
			       &recycling->memory[i].lock, SMP_STRANGER, 1);
	}
	recycling->over = false;
	recycling->present = 0;

	dma_resv_init(&race->resv);
	dma_resv_lock(&race->resv, NULL);
	KUNIT_EXPECT_EQ(race->test, dma_resv_reserve_fences(&race->resv, 1), 0);
	KUNIT_EXPECT_TRUE(race->test, smp_stranger_drop(&recycling->memory[0]));
	smp_fence_enter(recycling, &recycling->memory[0]);
	WRITE_ONCE(recycling->reader, current);
}

/* Until the interrupts are over, or for two seconds. */
static void smp_recycle_walk(void *data)
{
	struct smp_recycling *recycling = data;
	struct smp_race *race = &recycling->race;
	unsigned long end = jiffies + 2 * HZ;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	while (!READ_ONCE(recycling->over) && time_before(jiffies, end)) {
		dma_resv_iter_begin(&cursor, &race->resv, ALL);
		dma_resv_for_each_fence_unlocked(&cursor, fence)
			race->strangers += fence->context == SMP_STRANGER;
		dma_resv_iter_end(&cursor);
	}
	WRITE_ONCE(recycling->reader, NULL);
}

static void smp_recycle_check(void *data)
{
	struct smp_recycling *recycling = data;
	struct smp_fence *absent = &recycling->memory[!recycling->present];

	dma_resv_unlock(&recycling->race.resv);
	KUNIT_EXPECT_TRUE(recycling->race.test, smp_stranger_drop(absent));
	smp_check(data);
}

static struct smp_recycling *smp_recycling_create(struct kunit *test)
{
	struct smp_recycling *recycling = kunit_kzalloc(test, sizeof(*recycling), GFP_KERNEL);

	BUILD_BUG_ON(offsetof(struct smp_recycling, race));
	KUNIT_ASSERT_NOT_NULL(test, recycling);
	recycling->race.test = test;
	return recycling;
}

static void dma_resv_iter_next_unlocked_timer_recycles_finds_no_stranger(struct kunit *test)
{
	struct smp_recycling *recycling = smp_recycling_create(test);

	hrtimer_init(&recycling->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	recycling->timer.function = smp_recycle_timer;

	smp_recycle_setup(recycling);
	migrate_disable();
	hrtimer_start(&recycling->timer, ns_to_ktime(SMP_PERIOD), HRTIMER_MODE_REL_PINNED_HARD);
	smp_recycle_walk(recycling);
	migrate_enable();
	WRITE_ONCE(recycling->over, true);
	hrtimer_cancel(&recycling->timer);
	smp_recycle_check(recycling);

	KUNIT_EXPECT_GT(test, recycling->turns, 50);
}

static void smp_recycle_ipi(void *data)
{
	struct smp_recycling *recycling = data;
	unsigned int i;

	for (i = 0; i < 3000; i++)
		smp_call_function(smp_recycle, recycling, true);
	WRITE_ONCE(recycling->over, true);
}

static void dma_resv_iter_next_unlocked_ipi_recycles_finds_no_stranger(struct kunit *test)
{
	struct smp_recycling *recycling = smp_recycling_create(test);
	const struct mock_race sides = {
		.setup = smp_recycle_setup,
		.here = smp_recycle_walk,
		.there = smp_recycle_ipi,
		.check = smp_recycle_check,
	};

	mock_race_run(test, &sides, 3, recycling);

	KUNIT_EXPECT_GT(test, recycling->turns, 50);
}

static struct kunit_case dma_resv_smp_cases[] = {
	KUNIT_CASE(dma_resv_iter_next_unlocked_while_growing_misses_none),
	KUNIT_CASE(dma_resv_iter_next_unlocked_while_replacing_misses_none),
	KUNIT_CASE(dma_resv_iter_next_unlocked_while_copying_misses_none),
	KUNIT_CASE(dma_resv_get_fences_while_growing_misses_none),
	KUNIT_CASE(dma_resv_get_fences_while_replacing_misses_none),
	KUNIT_CASE(dma_resv_get_fences_while_copying_misses_none),
	KUNIT_CASE(dma_resv_iter_next_unlocked_timer_recycles_finds_no_stranger),
	KUNIT_CASE(dma_resv_iter_next_unlocked_ipi_recycles_finds_no_stranger),
	{}
};

static struct kunit_suite dma_resv_smp_suite = {
	.name = "dma_resv_smp",
	.init = mock_resv_init,
	.exit = mock_resv_exit,
	.test_cases = dma_resv_smp_cases,
};

kunit_test_suite(dma_resv_smp_suite);
