// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lock-free readers of a reservation on one CPU, its lock holder on another: what is there is seen,
 * what has gone is not touched, and recycled memory is not taken for what it was.
 */
#include <kunit/test.h>
#include <linux/dma-resv.h>
#include <linux/slab.h>

#include "mock-race.h"
#include "mock-resv.h"

#define ALL	DMA_RESV_USAGE_BOOKKEEP

/* Fences of contexts below this are there during the whole of a round, and busy. */
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

/* More and more contexts, so that the storage grows, with signaled fences in between. */
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

/* The same few contexts over and over: later fences displace earlier ones, which signal and go. */
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

/* From few fences to a copy of other ones and back: whole storages are exchanged. */
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
 * Type-stable memory, as i915 has it: a released fence's memory may be another fence at once. The
 * writer keeps one fence in the reservation and makes strangers of the ones it took out.
 */
#define SMP_STRANGER	(~0ULL)

struct smp_fence {
	struct dma_fence base;
	spinlock_t lock; /* given to the fence, initialised once for all lives of the memory */
};

static struct kmem_cache *smp_cache;

static void smp_fence_construct(void *memory)
{
	struct smp_fence *fence = memory;

	memset(fence, 0, sizeof(*fence));
	spin_lock_init(&fence->lock);
}

static void smp_fence_release(struct dma_fence *fence)
{
	kmem_cache_free(smp_cache, container_of(fence, struct smp_fence, base));
}

static const struct dma_fence_ops smp_fence_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.release = smp_fence_release,
};

static struct dma_fence *smp_fence_create(u64 context, u64 seqno)
{
	struct smp_fence *fence = kmem_cache_alloc(smp_cache, GFP_KERNEL);

	if (!fence)
		return NULL;

	dma_fence_init(&fence->base, &smp_fence_ops, &fence->lock, context, seqno);
	return &fence->base;
}

static void smp_recycle_setup(void *data)
{
	struct smp_race *race = data;

	dma_resv_init(&race->resv);
}

static void smp_recycle(void *data)
{
	struct dma_fence *fence, *stranger;
	struct smp_race *race = data;
	unsigned int step;

	for (step = 0; step < SMP_STEPS; step++) {
		fence = smp_fence_create(1, ++race->seqno);
		dma_resv_lock(&race->resv, NULL);
		if (!fence || dma_resv_reserve_fences(&race->resv, 1))
			race->failures++;
		else
			dma_resv_add_fence(&race->resv, fence, DMA_RESV_USAGE_READ);
		dma_resv_unlock(&race->resv);
		dma_fence_put(fence);

		/* The memory of the fence before is free unless a reader has it. */
		stranger = smp_fence_create(SMP_STRANGER, 1);
		cpu_relax();
		dma_fence_put(stranger);
	}
}

static void smp_recycle_walk(void *data)
{
	struct smp_race *race = data;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	unsigned int step;

	for (step = 0; step < 4 * SMP_STEPS; step++) {
		dma_resv_iter_begin(&cursor, &race->resv, ALL);
		dma_resv_for_each_fence_unlocked(&cursor, fence)
			race->strangers += fence->context == SMP_STRANGER;
		dma_resv_iter_end(&cursor);
	}
}

static void dma_resv_iter_next_unlocked_in_type_stable_memory_finds_no_stranger(struct kunit *test)
{
	struct smp_race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	const struct mock_race sides = {
		.setup = smp_recycle_setup,
		.here = smp_recycle_walk,
		.there = smp_recycle,
		.check = smp_check,
	};

	KUNIT_ASSERT_NOT_NULL(test, race);
	race->test = test;
	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");

	smp_cache = kmem_cache_create("dma-resv-smp-test", sizeof(struct smp_fence), 0,
				      SLAB_TYPESAFE_BY_RCU, smp_fence_construct);
	KUNIT_ASSERT_NOT_NULL(test, smp_cache);
	mock_race_run(test, &sides, 10 * SMP_ROUNDS, race);
	kmem_cache_destroy(smp_cache);
}

static struct kunit_case dma_resv_smp_cases[] = {
	KUNIT_CASE(dma_resv_iter_next_unlocked_while_growing_misses_none),
	KUNIT_CASE(dma_resv_iter_next_unlocked_while_replacing_misses_none),
	KUNIT_CASE(dma_resv_iter_next_unlocked_while_copying_misses_none),
	KUNIT_CASE(dma_resv_get_fences_while_growing_misses_none),
	KUNIT_CASE(dma_resv_get_fences_while_replacing_misses_none),
	KUNIT_CASE(dma_resv_get_fences_while_copying_misses_none),
	KUNIT_CASE(dma_resv_iter_next_unlocked_in_type_stable_memory_finds_no_stranger),
	{}
};

static struct kunit_suite dma_resv_smp_suite = {
	.name = "dma_resv_smp",
	.init = mock_resv_init,
	.exit = mock_resv_exit,
	.test_cases = dma_resv_smp_cases,
};

kunit_test_suite(dma_resv_smp_suite);
