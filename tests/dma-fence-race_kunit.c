// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma_fence_get_rcu_safe() with the owner of the place coming in between at the
 * worst moment: the pointer is read and no reference is taken yet. See
 * hook-get.h; no second CPU is needed.
 *
 * Fences live in type-stable memory: when one is released, a stranger, which
 * never stands in the place, is there at once.
 */
#include <linux/kref.h>
#include <linux/types.h>

#include "hook-get.h"

#ifdef __LINUX_DMA_FENCE_H
#error "too late: the function under test has been compiled"
#endif
#define kref_get_unless_zero(kref) (hook_get_run(), kref_get_unless_zero(kref))

#include <kunit/test.h>
#include <linux/dma-fence.h>
#include <linux/rcupdate.h>

#include "mock-recycled.h"

struct race {
	struct dma_fence __rcu *place;
	struct mock_recycled old, new;
	bool empty;	/* the place is cleared, rather than given to the new fence */
};

static void race_replace(void *data)
{
	struct race *race = data;

	rcu_assign_pointer(race->place, race->empty ? NULL : &race->new.base);
	dma_fence_put(&race->old.base);
}

static struct dma_fence *race_get(struct race *race)
{
	guard(rcu)();
	return dma_fence_get_rcu_safe(&race->place);
}

static struct race *race_begin(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, race);
	mock_recycled_init(&race->old, 1, 1);
	mock_recycled_init(&race->new, 1, 2);
	RCU_INIT_POINTER(race->place, &race->old.base);
	hook_get_set(race_replace, race);
	return race;
}

static void get_rcu_safe_fence_recycled_gets_the_one_in_its_place(struct kunit *test)
{
	struct race *race = race_begin(test);

	KUNIT_EXPECT_PTR_EQ(test, race_get(race), &race->new.base);
	KUNIT_EXPECT_EQ(test, race->old.base.context, MOCK_STRANGER);
	KUNIT_EXPECT_EQ(test, kref_read(&race->old.base.refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&race->new.base.refcount), 2);
}

static void get_rcu_safe_fence_recycled_and_place_cleared_gets_none(struct kunit *test)
{
	struct race *race = race_begin(test);

	race->empty = true;
	KUNIT_EXPECT_NULL(test, race_get(race));
	KUNIT_EXPECT_EQ(test, race->old.base.context, MOCK_STRANGER);
	KUNIT_EXPECT_EQ(test, kref_read(&race->old.base.refcount), 1);
}

static void get_rcu_safe_fence_released_looks_again(struct kunit *test)
{
	struct race *race = race_begin(test);

	race->old.vacant = true;
	KUNIT_EXPECT_PTR_EQ(test, race_get(race), &race->new.base);
	KUNIT_EXPECT_EQ(test, kref_read(&race->old.base.refcount), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&race->new.base.refcount), 2);
}

static struct kunit_case dma_fence_race_cases[] = {
	KUNIT_CASE(get_rcu_safe_fence_recycled_gets_the_one_in_its_place),
	KUNIT_CASE(get_rcu_safe_fence_recycled_and_place_cleared_gets_none),
	KUNIT_CASE(get_rcu_safe_fence_released_looks_again),
	{}
};

static struct kunit_suite dma_fence_race_suite = {
	.name = "dma_fence_race",
	.test_cases = dma_fence_race_cases,
};

kunit_test_suite(dma_fence_race_suite);
