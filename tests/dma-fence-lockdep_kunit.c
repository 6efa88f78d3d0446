// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-fence-lockdep.c. That a real deadlock is reported cannot be
 * tested here, because lockdep switches itself off after a report; that
 * innocent code is not reported can.
 */
#include <kunit/test.h>
#include <linux/debug_locks.h>
#include <linux/dma-fence.h>
#include <linux/mutex.h>
#include <linux/preempt.h>

#include "mock-fence.h"

static int dma_fence_lockdep_test_init(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_LOCKDEP) || !debug_locks)
		kunit_skip(test, "needs lockdep");
	return 0;
}

static void begin_signalling_nested_returns_true(struct kunit *test)
{
	bool outer = dma_fence_begin_signalling();
	bool inner = dma_fence_begin_signalling();

	dma_fence_end_signalling(inner);
	KUNIT_EXPECT_FALSE(test, outer);
	KUNIT_EXPECT_TRUE(test, inner);

	inner = dma_fence_begin_signalling();
	dma_fence_end_signalling(inner);
	KUNIT_EXPECT_TRUE(test, inner);
	dma_fence_end_signalling(outer);

	outer = dma_fence_begin_signalling();
	dma_fence_end_signalling(outer);
	KUNIT_EXPECT_FALSE(test, outer);
	KUNIT_EXPECT_TRUE(test, debug_locks);
}

static void begin_signalling_atomic_returns_true(struct kunit *test)
{
	bool cookie;

	if (!IS_ENABLED(CONFIG_PREEMPT_COUNT))
		kunit_skip(test, "needs a preemption count");
	preempt_disable();
	cookie = dma_fence_begin_signalling();
	dma_fence_end_signalling(cookie);
	preempt_enable();
	KUNIT_EXPECT_TRUE(test, cookie);
}

/*
 * The lock is held around one section and taken inside another one: no
 * deadlock, so no report.
 */
static void begin_signalling_lock_around_and_inside_is_not_reported(struct kunit *test)
{
	static DEFINE_MUTEX(lock);
	bool cookie;

	mutex_lock(&lock);
	cookie = dma_fence_begin_signalling();
	dma_fence_end_signalling(cookie);
	mutex_unlock(&lock);

	cookie = dma_fence_begin_signalling();
	mutex_lock(&lock);
	mutex_unlock(&lock);
	dma_fence_end_signalling(cookie);
	KUNIT_EXPECT_TRUE(test, debug_locks);
}

/*
 * Every function that signals and takes the lock is a section, also with a
 * mutex held.
 */
static void signal_lock_around_and_inside_is_not_reported(struct kunit *test)
{
	struct dma_fence *a = mock_fence_create(test, 1, 1);
	struct dma_fence *b = mock_fence_create(test, 1, 2);
	static DEFINE_MUTEX(lock);
	bool cookie;

	mutex_lock(&lock);
	dma_fence_signal(a);
	dma_fence_signal_timestamp(b, 1);
	mutex_unlock(&lock);

	cookie = dma_fence_begin_signalling();
	mutex_lock(&lock);
	mutex_unlock(&lock);
	dma_fence_end_signalling(cookie);
	KUNIT_EXPECT_TRUE(test, debug_locks);
	dma_fence_put(b);
	dma_fence_put(a);
}

static void wait_inside_a_section_keeps_the_section(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	bool outer, inner;

	dma_fence_signal(fence);
	outer = dma_fence_begin_signalling();
	dma_fence_wait(fence, false);
	inner = dma_fence_begin_signalling();
	dma_fence_end_signalling(inner);
	dma_fence_end_signalling(outer);

	KUNIT_EXPECT_FALSE(test, outer);
	KUNIT_EXPECT_TRUE(test, inner);
	KUNIT_EXPECT_TRUE(test, debug_locks);
	dma_fence_put(fence);
}

static struct kunit_case dma_fence_lockdep_cases[] = {
	KUNIT_CASE(begin_signalling_nested_returns_true),
	KUNIT_CASE(begin_signalling_atomic_returns_true),
	KUNIT_CASE(begin_signalling_lock_around_and_inside_is_not_reported),
	KUNIT_CASE(signal_lock_around_and_inside_is_not_reported),
	KUNIT_CASE(wait_inside_a_section_keeps_the_section),
	{}
};

static struct kunit_suite dma_fence_lockdep_suite = {
	.name = "dma_fence_lockdep",
	.init = dma_fence_lockdep_test_init,
	.test_cases = dma_fence_lockdep_cases,
};

kunit_test_suite(dma_fence_lockdep_suite);
