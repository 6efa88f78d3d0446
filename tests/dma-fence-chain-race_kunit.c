// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walk and the search of dma-fence-chain.c with another walk coming in between at the worst
 * moment: a pointer to the fence that the timeline started on is read and no reference is taken
 * yet. See hook-get.h; no second CPU is needed.
 *
 * That fence lives in type-stable memory: once released, a stranger is there, which the timeline
 * must not be taken to wait for.
 */
#define __DISABLE_EXPORTS
#include <kunit/test.h>
#include <linux/dma-fence-chain.h>
#include <linux/export.h>

#include "../dma-fence-internal.h"
#include "hook-get.h"

#define dma_fence_get_rcu(fence) (hook_get_run(), dma_fence_get_rcu(fence))

/* The links are the kernel's own; only its readers are called a second time. */
#define dma_fence_chain_walk		race_chain_walk
#define dma_fence_chain_find_seqno	race_chain_find_seqno
#define dma_fence_chain_init		race_chain_init
#define dma_fence_chain_ops		race_chain_ops
#include "race-chain.h"

/* What modules are not given, and no reader needs. */
#define dma_fence_init_common		dma_fence_init
#define dma_fence_release_begin(fence)	((void)(fence))

#include "../dma-fence-chain.c"

#undef dma_fence_chain_walk

#include "mock-chain.h"
#include "mock-fence.h"
#include "mock-recycled.h"

/* The timeline: point 2, pending; point 1, signaled; and what was there before. */
struct race {
	struct mock_recycled start;
	struct dma_fence *head;
	struct dma_fence *newer;
};

static struct race *race_begin(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	struct dma_fence *older;

	KUNIT_ASSERT_NOT_NULL(test, race);
	mock_recycled_init(&race->start, 1, 1);
	older = mock_fence_create(test, 2, 1);
	race->newer = mock_fence_create(test, 3, 1);
	race->head = mock_chain_append(test, &race->start.base, dma_fence_get(older), 1);
	race->head = mock_chain_append(test, race->head, dma_fence_get(race->newer), 2);
	dma_fence_signal(older);
	dma_fence_put(older);
	return race;
}

/*
 * The start signals, and another walk unlinks all that is done: it is gone, and a stranger there.
 */
static void race_signal_start(void *data)
{
	struct race *race = data;

	dma_fence_signal(&race->start.base);
	dma_fence_put(dma_fence_chain_walk(dma_fence_get(race->head)));
}

static void race_end(struct kunit *test, struct race *race)
{
	KUNIT_EXPECT_NULL(test, hook_get_fn);
	KUNIT_EXPECT_EQ(test, race->start.base.context, MOCK_STRANGER);
	KUNIT_EXPECT_EQ(test, kref_read(&race->start.base.refcount), 1);
	race->start.vacant = true;
	dma_fence_put(&race->start.base);
	dma_fence_signal(race->newer);
	dma_fence_put(race->newer);
	dma_fence_put(race->head);
}

static void dma_fence_chain_walk_start_recycled_finds_no_stranger(struct kunit *test)
{
	struct race *race = race_begin(test);

	hook_get_set(race_signal_start, race);
	KUNIT_EXPECT_NULL(test, race_chain_walk(dma_fence_get(race->head)));
	race_end(test, race);
}

/* The link that leads to the start is not a dead one here, but has moved on. */
static void dma_fence_chain_walk_start_behind_head_recycled_finds_no_stranger(struct kunit *test)
{
	struct race *race = race_begin(test);

	dma_fence_put(dma_fence_chain_walk(dma_fence_get(race->head)));
	hook_get_set(race_signal_start, race);
	KUNIT_EXPECT_NULL(test, race_chain_walk(dma_fence_get(race->head)));
	race_end(test, race);
}

static void dma_fence_chain_find_seqno_start_recycled_finds_no_stranger(struct kunit *test)
{
	struct race *race = race_begin(test);
	struct dma_fence *found = dma_fence_get(race->head);

	dma_fence_put(dma_fence_chain_walk(dma_fence_get(race->head)));
	hook_get_set(race_signal_start, race);
	KUNIT_EXPECT_EQ(test, race_chain_find_seqno(&found, 1), 0);
	KUNIT_EXPECT_NULL(test, found);
	race_end(test, race);
}

static void dma_fence_chain_find_seqno_link_released_searches_again(struct kunit *test)
{
	struct race *race = race_begin(test);
	struct dma_fence *found = dma_fence_get(race->head);

	hook_get_set(race_signal_start, race);
	KUNIT_EXPECT_EQ(test, race_chain_find_seqno(&found, 1), 0);
	KUNIT_EXPECT_NULL(test, found);
	race_end(test, race);
}

static struct kunit_case dma_fence_chain_race_cases[] = {
	KUNIT_CASE(dma_fence_chain_walk_start_recycled_finds_no_stranger),
	KUNIT_CASE(dma_fence_chain_walk_start_behind_head_recycled_finds_no_stranger),
	KUNIT_CASE(dma_fence_chain_find_seqno_start_recycled_finds_no_stranger),
	KUNIT_CASE(dma_fence_chain_find_seqno_link_released_searches_again),
	{}
};

static struct kunit_suite dma_fence_chain_race_suite = {
	.name = "dma_fence_chain_race",
	.test_cases = dma_fence_chain_race_cases,
};

kunit_test_suite(dma_fence_chain_race_suite);
