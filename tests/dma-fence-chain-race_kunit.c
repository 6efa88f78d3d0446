// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walk and the search of dma-fence-chain.c, interrupted by another walk at
 * the worst moment: a pointer has been read and no reference is taken yet. See
 * hook-get.h. No second CPU is needed.
 *
 * The fence that the timeline started on lives in type-stable memory. After its
 * release another fence lives there, which the timeline must not wait for. One
 * contained fence has its memory freed at release, without a grace period.
 */
#define __DISABLE_EXPORTS
#include <kunit/test.h>
#include <linux/dma-fence-chain.h>
#include <linux/export.h>
#include <linux/irq_work.h>
#include <linux/llist.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../dma-fence-internal.h"
#include "hook-get.h"

/* Take a reference as dma_fence_get_rcu_safe() does, with the hook. */
static inline struct dma_fence *race_get_rcu_safe(struct dma_fence __rcu **pointer)
{
	struct dma_fence *fence;

	while ((fence = rcu_dereference(*pointer))) {
		hook_get_run();
		if (!dma_fence_get_rcu(fence))
			continue;
		smp_acquire__after_ctrl_dep();
		if (fence == rcu_access_pointer(*pointer))
			return fence;
		dma_fence_put(fence);
	}
	return NULL;
}

#define dma_fence_get_rcu_safe(pointer) race_get_rcu_safe(pointer)
#define dma_fence_get_rcu(fence) (hook_get_run(), dma_fence_get_rcu(fence))

/* The links are the kernel's own. Only its readers exist a second time. */
#define dma_fence_chain_walk		race_chain_walk
#define dma_fence_chain_find_seqno	race_chain_find_seqno
#define dma_fence_chain_init		race_chain_init
#define dma_fence_chain_ops		race_chain_ops
#include "race-chain.h"

/* Modules cannot call these, and no reader needs them. */
#define dma_fence_init_common		dma_fence_init
#define dma_fence_release_begin(fence)	((void)(fence))

/* Run the hook after each pointer is read, too. */
#undef rcu_dereference
#define rcu_dereference(pointer)					\
	({								\
		struct dma_fence *__pointer = rcu_dereference_check(pointer, 0);	\
									\
		if (__pointer)						\
			hook_get_run();					\
		__pointer;						\
	})

#include "../dma-fence-chain.c"

#undef dma_fence_chain_walk

#include "mock-chain.h"
#include "mock-fence.h"
#include "mock-recycled.h"

/* The timeline: point 2, pending; point 1, signaled; and the start. */
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
 * Signal the start and have another walk unlink all that is signaled. The start
 * is gone then, and another fence lives in its memory.
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

/* Here the link that leads to the start is alive, but its pointer moves on. */
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

/* A fence whose memory is freed at release, without a grace period. */
struct race_brief {
	struct dma_fence base;
	spinlock_t lock; /* given to the fence */
};

static void race_brief_release(struct dma_fence *fence)
{
	kfree(container_of(fence, struct race_brief, base));
}

static const struct dma_fence_ops race_brief_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.release = race_brief_release,
};

static void race_walk(void *data)
{
	dma_fence_put(dma_fence_chain_walk(dma_fence_get(data)));
}

static void dma_fence_chain_walk_contained_freed_is_not_read(struct kunit *test)
{
	struct race_brief *brief = kzalloc(sizeof(*brief), GFP_KERNEL);
	struct dma_fence *newer = mock_fence_create(test, 2, 1), *head;

	KUNIT_ASSERT_NOT_NULL(test, brief);
	spin_lock_init(&brief->lock);
	dma_fence_init(&brief->base, &race_brief_ops, &brief->lock, 1, 1);
	head = mock_chain_append(test, NULL, &brief->base, 1);
	head = mock_chain_append(test, head, dma_fence_get(newer), 2);
	dma_fence_signal(&brief->base);

	hook_get_set(race_walk, head);
	KUNIT_EXPECT_NULL(test, race_chain_walk(dma_fence_get(head)));
	KUNIT_EXPECT_NULL(test, hook_get_fn);
	dma_fence_signal(newer);
	dma_fence_put(newer);
	dma_fence_put(head);
}

static struct kunit_case dma_fence_chain_race_cases[] = {
	KUNIT_CASE(dma_fence_chain_walk_start_recycled_finds_no_stranger),
	KUNIT_CASE(dma_fence_chain_walk_start_behind_head_recycled_finds_no_stranger),
	KUNIT_CASE(dma_fence_chain_find_seqno_start_recycled_finds_no_stranger),
	KUNIT_CASE(dma_fence_chain_find_seqno_link_released_searches_again),
	KUNIT_CASE(dma_fence_chain_walk_contained_freed_is_not_read),
	{}
};

static struct kunit_suite dma_fence_chain_race_suite = {
	.name = "dma_fence_chain_race",
	.test_cases = dma_fence_chain_race_cases,
};

kunit_test_suite(dma_fence_chain_race_suite);
