// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-fence-chain.c, when a timeline is signaled: asked, enabled, in
 * each order, and with another CPU at work on it.
 *
 * Each case ends with as many live mock fences as it began with: see
 * mock_chain_test_exit().
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "mock-chain.h"
#include "mock-fence.h"
#include "mock-race.h"

#define CHAIN_MANY	2000

static void dma_fence_chain_signaled_polled_needs_every_link(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build_ops(test, 3, &mock_fence_full_ops);

	to_mock_fence(fx->fence[2])->done = true;
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(head));
	to_mock_fence(fx->fence[0])->done = true;
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(head));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fx->link[0]));
	to_mock_fence(fx->fence[1])->done = true;
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(head));
	KUNIT_EXPECT_FALSE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &head->flags));
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fx->fence[0])->enable_calls), 0);
	mock_chain_drop(fx);
}

static void dma_fence_chain_signaled_pending_own_fence_asks_no_other(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build_ops(test, 2, &mock_fence_full_ops);

	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(head));
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fx->fence[0])->signaled_calls), 0);
	dma_fence_signal(fx->fence[0]);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(head));
	mock_chain_drop(fx);
}

static void dma_fence_chain_enable_arms_one_fence_at_a_time(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build_ops(test, 2, &mock_fence_full_ops);
	struct mock_fence *oldest = to_mock_fence(fx->fence[0]);
	struct mock_fence *newest = to_mock_fence(fx->fence[1]);

	dma_fence_enable_sw_signaling(head);
	KUNIT_EXPECT_EQ(test, atomic_read(&newest->enable_calls), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&oldest->enable_calls), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 2);
	KUNIT_EXPECT_EQ(test, kref_read(&newest->base.refcount), 3);

	dma_fence_signal(&newest->base);
	KUNIT_EXPECT_TRUE(test, mock_pending_still(head));
	KUNIT_EXPECT_EQ(test, atomic_read(&oldest->enable_calls), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&newest->base.refcount), 2);

	dma_fence_signal(&oldest->base);
	KUNIT_EXPECT_TRUE(test, mock_signaled_soon(head));
	mock_chain_drop(fx);
}

static void dma_fence_chain_enable_with_all_done_signals_at_once(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build(test, 2);
	struct mock_fence_cb cb = {};

	dma_fence_signal(fx->fence[0]);
	dma_fence_signal(fx->fence[1]);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(head, &cb.base, mock_fence_cb_func), -ENOENT);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(head));
	KUNIT_EXPECT_EQ(test, cb.calls, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 1);
	mock_chain_drop(fx);
}

static void dma_fence_chain_fence_signal_never_signals_inline(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build(test, 1);
	struct mock_fence_cb cb = {};
	unsigned long flags;
	bool inlined;

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(head, &cb.base, mock_fence_cb_func), 0);
	local_irq_save(flags);
	dma_fence_signal(fx->fence[0]);
	inlined = dma_fence_test_signaled_flag(head);
	local_irq_restore(flags);

	KUNIT_EXPECT_FALSE(test, inlined);
	KUNIT_EXPECT_TRUE(test, mock_signaled_soon(head));
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(head, false, HZ), HZ);
	KUNIT_EXPECT_EQ(test, cb.calls, 1);
	mock_chain_drop(fx);
}

static void dma_fence_chain_put_while_armed_is_kept_by_fence(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build(test, 2);

	dma_fence_enable_sw_signaling(head);
	mock_chain_drop_links(fx);
	KUNIT_EXPECT_EQ(test, kref_read(&head->refcount), 1);
	dma_fence_signal(fx->fence[0]);
	dma_fence_signal(fx->fence[1]);
	mock_chain_drop(fx);
}

static void dma_fence_chain_error_stays_with_the_fence_inside(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build(test, 1);

	dma_fence_set_error(fx->fence[0], -EIO);
	dma_fence_signal(fx->fence[0]);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(head), 1);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(dma_fence_chain_contained(head)), -EIO);
	mock_chain_drop(fx);
}

static void dma_fence_chain_of_array_waits_for_its_children(struct kunit *test)
{
	struct dma_fence **fences = kmalloc_array(2, sizeof(*fences), GFP_KERNEL);
	struct dma_fence *child[2], *link;
	struct dma_fence_array *array;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, fences);
	for (i = 0; i < 2; i++) {
		child[i] = mock_fence_create(test, 10 + i, 1);
		fences[i] = dma_fence_get(child[i]);
	}
	array = dma_fence_array_create(2, fences, 1, 1, false);
	KUNIT_ASSERT_NOT_NULL(test, array);
	link = mock_chain_append(test, NULL, &array->base, 1);

	dma_fence_enable_sw_signaling(link);
	dma_fence_signal(child[1]);
	KUNIT_EXPECT_TRUE(test, mock_pending_still(link));
	dma_fence_signal(child[0]);
	KUNIT_EXPECT_TRUE(test, mock_signaled_soon(link));
	dma_fence_put(link);
	dma_fence_put(child[0]);
	dma_fence_put(child[1]);
}

static void dma_fence_chain_set_deadline_reaches_all_pending(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = mock_chain_build_ops(test, 4, &mock_fence_full_ops);
	unsigned int i;

	dma_fence_signal(fx->fence[1]);
	dma_fence_set_deadline(head, ns_to_ktime(987));
	for (i = 0; i < 4; i++) {
		struct mock_fence *mock = to_mock_fence(fx->fence[i]);

		KUNIT_EXPECT_EQ(test, atomic_read(&mock->deadline_calls), i == 1 ? 0 : 1);
		KUNIT_EXPECT_EQ(test, ktime_to_ns(mock->deadline), i == 1 ? 0 : 987);
	}
	mock_chain_drop(fx);
}

/*
 * Signal the fences in some order; after each step exactly the links without a
 * gap are signaled.
 */
static void chain_check_order(struct kunit *test, const u8 *order)
{
	struct mock_chain *fx = test->priv;
	struct mock_fence_cb cb[MOCK_CHAIN_LINKS] = {};
	unsigned int i, j, reached = 0;
	unsigned long done = 0;

	mock_chain_build(test, MOCK_CHAIN_LINKS);
	for (i = 0; i < MOCK_CHAIN_LINKS; i++)
		KUNIT_EXPECT_EQ(test, 0, dma_fence_add_callback(fx->link[i], &cb[i].base,
								mock_fence_cb_func));

	for (i = 0; i < MOCK_CHAIN_LINKS; i++) {
		dma_fence_signal(fx->fence[order[i]]);
		done |= BIT(order[i]);
		for (; done & BIT(reached); reached++)
			KUNIT_EXPECT_TRUE(test, mock_signaled_soon(fx->link[reached]));
		msleep(20);
		for (j = reached; j < MOCK_CHAIN_LINKS; j++)
			KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(fx->link[j]));
	}

	for (i = 0; i < MOCK_CHAIN_LINKS; i++) {
		/* Takes the lock that the callbacks ran under. */
		dma_fence_wait(fx->link[i], false);
		KUNIT_EXPECT_EQ(test, cb[i].calls, 1);
	}
	mock_chain_drop(fx);
}

static void dma_fence_chain_callbacks_in_forward_order(struct kunit *test)
{
	chain_check_order(test, (const u8[]){ 0, 1, 2, 3, 4, 5, 6, 7 });
}

static void dma_fence_chain_callbacks_in_reverse_order(struct kunit *test)
{
	chain_check_order(test, (const u8[]){ 7, 6, 5, 4, 3, 2, 1, 0 });
}

static void dma_fence_chain_callbacks_in_random_order(struct kunit *test)
{
	chain_check_order(test, (const u8[]){ 5, 0, 2, 7, 1, 4, 3, 6 });
}

/* Return true once signaling of a fence is enabled, within a second or so. */
static bool chain_enabled_soon(struct dma_fence *fence)
{
	int i;

	for (i = 0; i < 1000; i++) {
		if (test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags))
			return true;
		usleep_range(500, 1000);
	}
	return false;
}

static void dma_fence_chain_enable_on_long_chain_arms_the_start(struct kunit *test)
{
	struct dma_fence *start = mock_fence_create(test, 1, 1);
	struct dma_fence *head = mock_chain_build_long(test, dma_fence_get(start), CHAIN_MANY);

	dma_fence_enable_sw_signaling(head);
	KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(head));
	KUNIT_EXPECT_TRUE(test, chain_enabled_soon(start));
	dma_fence_signal(start);
	KUNIT_EXPECT_TRUE(test, mock_signaled_soon(head));
	dma_fence_put(head);
	dma_fence_put(start);
}

/* What find_seqno makes of a point; the caller gets the reference. */
static struct dma_fence *chain_find(struct kunit *test, struct dma_fence *head, u64 seqno)
{
	struct dma_fence *found = dma_fence_get(head);

	KUNIT_ASSERT_EQ(test, dma_fence_chain_find_seqno(&found, seqno), 0);

	return found;
}

/*
 * Races: one side walks and collects while the other signals and then drops the
 * timeline.
 */
static void chain_race_setup(void *data)
{
	struct kunit *test = data;
	struct mock_chain *fx = test->priv;
	unsigned int i;

	mock_chain_build(test, MOCK_CHAIN_LINKS);

	/* Nobody but the newest link keeps the others. */
	for (i = 0; i < MOCK_CHAIN_LINKS - 1; i++) {
		dma_fence_put(fx->link[i]);
		fx->link[i] = NULL;
	}
}

/*
 * Walk down from @iter; returns the point of the last link. Counts steps that
 * are not downwards.
 */
static u64 chain_race_descend(struct mock_chain *fx, struct dma_fence *iter)
{
	u64 last = MOCK_CHAIN_LINKS + 1;

	for (; iter; iter = dma_fence_chain_walk(iter)) {
		if (iter->seqno >= last)
			atomic_inc(&fx->wrong);
		last = iter->seqno;
	}

	return last;
}

static void chain_race_walk(void *data)
{
	struct kunit *test = data;
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = fx->link[MOCK_CHAIN_LINKS - 1];

	/*
	 * Until the oldest fence is signaled, which is the last to be, each
	 * walk must reach it.
	 */
	while (chain_race_descend(fx, dma_fence_get(head)) == 1)
		cpu_relax();
	if (!dma_fence_test_signaled_flag(fx->fence[0]))
		atomic_inc(&fx->wrong);
}

static void chain_race_signal(void *data)
{
	static const u8 order[MOCK_CHAIN_LINKS] = { 5, 2, 7, 1, 4, 3, 6, 0 };
	struct kunit *test = data;
	struct mock_chain *fx = test->priv;
	unsigned int i;

	for (i = 0; i < MOCK_CHAIN_LINKS; i++) {
		dma_fence_signal(fx->fence[order[i]]);
		udelay(1);
	}
}

static void chain_race_check(void *data)
{
	struct kunit *test = data;
	struct mock_chain *fx = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, atomic_read(&fx->wrong), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fx->link[MOCK_CHAIN_LINKS - 1]));
	for (i = 0; i < MOCK_CHAIN_LINKS - 1; i++)
		KUNIT_EXPECT_EQ(test, kref_read(&fx->fence[i]->refcount), 1);
	mock_chain_drop(fx);
}

static void dma_fence_chain_walk_against_signal_reaches_pending(struct kunit *test)
{
	static const struct mock_race race = {
		.setup = chain_race_setup,
		.here = chain_race_walk,
		.there = chain_race_signal,
		.check = chain_race_check,
	};

	mock_race_run(test, &race, 500, test);
}

static void chain_race_setup_signaled(void *data)
{
	struct kunit *test = data;
	struct mock_chain *fx = test->priv;
	unsigned int i;

	chain_race_setup(data);
	for (i = 1; i < MOCK_CHAIN_LINKS; i++)
		if (i != 4)
			dma_fence_signal(fx->fence[i]);
}

static void chain_race_collect(void *data)
{
	struct kunit *test = data;
	struct mock_chain *fx = test->priv;
	struct dma_fence *iter;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		iter = dma_fence_chain_walk(dma_fence_get(fx->link[MOCK_CHAIN_LINKS - 1]));
		if (!iter || iter->seqno != 5)
			atomic_inc(&fx->wrong);
		iter = dma_fence_chain_walk(iter);
		if (!iter || iter->seqno != 1)
			atomic_inc(&fx->wrong);
		iter = dma_fence_chain_walk(iter);
		if (iter)
			atomic_inc(&fx->wrong);
	}
}

static void chain_race_check_collected(void *data)
{
	struct kunit *test = data;
	struct mock_chain *fx = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, atomic_read(&fx->wrong), 0);
	for (i = 1; i < MOCK_CHAIN_LINKS - 1; i++)
		KUNIT_EXPECT_EQ(test, kref_read(&fx->fence[i]->refcount), i == 4 ? 2 : 1);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->fence[0]->refcount), 2);
	mock_chain_drop(fx);
}

static void dma_fence_chain_walk_against_walk_collects_once(struct kunit *test)
{
	static const struct mock_race race = {
		.setup = chain_race_setup_signaled,
		.here = chain_race_collect,
		.there = chain_race_collect,
		.check = chain_race_check_collected,
	};

	mock_race_run(test, &race, 500, test);
}

static void chain_race_put(void *data)
{
	struct kunit *test = data;
	struct mock_chain *fx = test->priv;
	struct dma_fence *head = fx->link[MOCK_CHAIN_LINKS - 1];

	fx->link[MOCK_CHAIN_LINKS - 1] = NULL;
	dma_fence_put(head);
}

static void chain_race_setup_middle(void *data)
{
	struct kunit *test = data;
	struct mock_chain *fx = test->priv;

	chain_race_setup(data);
	dma_fence_signal(fx->fence[3]);
	dma_fence_signal(fx->fence[4]);

	/*
	 * The walker's way in: a link in the middle of what is going to be
	 * released.
	 */
	fx->link[0] = chain_find(test, fx->link[MOCK_CHAIN_LINKS - 1], 6);
}

static void chain_race_walk_middle(void *data)
{
	struct kunit *test = data;
	struct mock_chain *fx = test->priv;
	struct dma_fence *iter = fx->link[0];

	fx->link[0] = NULL;
	if (chain_race_descend(fx, iter) != 1)
		atomic_inc(&fx->wrong);
}

static void chain_race_check_gone(void *data)
{
	struct kunit *test = data;
	struct mock_chain *fx = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, atomic_read(&fx->wrong), 0);
	for (i = 0; i < MOCK_CHAIN_LINKS; i++)
		KUNIT_EXPECT_EQ(test, kref_read(&fx->fence[i]->refcount), 1);
	mock_chain_drop(fx);
}

static void dma_fence_chain_release_against_walk_frees_all(struct kunit *test)
{
	static const struct mock_race race = {
		.setup = chain_race_setup_middle,
		.here = chain_race_walk_middle,
		.there = chain_race_put,
		.check = chain_race_check_gone,
	};

	mock_race_run(test, &race, 500, test);
}

/*
 * Wait for every link from a thread of its own while another CPU signals in
 * some order.
 */
struct chain_waiter {
	struct mock_chain *fx;
	unsigned int index;
	struct task_struct *task;
};

static int chain_waiter_run(void *arg)
{
	struct chain_waiter *waiter = arg;
	struct mock_chain *fx = waiter->fx;
	unsigned int i;
	long ret;

	atomic_inc(&fx->started);
	ret = dma_fence_wait_timeout(fx->link[waiter->index], false, 20 * HZ);

	/* No link before any of the fences that it stands for. */
	for (i = 0; i <= waiter->index; i++)
		if (!dma_fence_test_signaled_flag(fx->fence[i]))
			atomic_inc(&fx->wrong);

	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);

	return ret > 0 ? 0 : -ETIME;
}

static void chain_wait_in_order(struct kunit *test, const u8 *order)
{
	struct chain_waiter waiter[MOCK_CHAIN_LINKS] = {};
	struct mock_chain *fx = test->priv;
	unsigned int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");

	mock_chain_build(test, MOCK_CHAIN_LINKS);
	atomic_set(&fx->started, 0);
	for (i = 0; i < MOCK_CHAIN_LINKS; i++) {
		waiter[i].fx = fx;
		waiter[i].index = i;
		waiter[i].task = kthread_run(chain_waiter_run, &waiter[i], "chain-wait/%u", i);
		KUNIT_ASSERT_FALSE(test, IS_ERR(waiter[i].task));
	}
	while (atomic_read(&fx->started) < MOCK_CHAIN_LINKS)
		schedule_timeout_uninterruptible(1);

	for (i = 0; i < MOCK_CHAIN_LINKS; i++) {
		dma_fence_signal(fx->fence[order[i]]);
		usleep_range(100, 1000);
	}
	for (i = 0; i < MOCK_CHAIN_LINKS; i++) {
		KUNIT_EXPECT_TRUE(test, mock_signaled_soon(fx->link[i]));
		KUNIT_EXPECT_EQ(test, kthread_stop(waiter[i].task), 0);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->wrong), 0);
	mock_chain_drop(fx);
}

static void dma_fence_chain_wait_against_forward_signals(struct kunit *test)
{
	int i;

	for (i = 0; i < 10; i++)
		chain_wait_in_order(test, (const u8[]){ 0, 1, 2, 3, 4, 5, 6, 7 });
}

static void dma_fence_chain_wait_against_reverse_signals(struct kunit *test)
{
	int i;

	for (i = 0; i < 10; i++)
		chain_wait_in_order(test, (const u8[]){ 7, 6, 5, 4, 3, 2, 1, 0 });
}

static void dma_fence_chain_wait_against_random_signals(struct kunit *test)
{
	int i;

	for (i = 0; i < 10; i++)
		chain_wait_in_order(test, (const u8[]){ 5, 0, 2, 7, 1, 4, 3, 6 });
}

static struct kunit_case dma_fence_chain_signal_cases[] = {
	KUNIT_CASE(dma_fence_chain_signaled_polled_needs_every_link),
	KUNIT_CASE(dma_fence_chain_signaled_pending_own_fence_asks_no_other),
	KUNIT_CASE(dma_fence_chain_enable_arms_one_fence_at_a_time),
	KUNIT_CASE(dma_fence_chain_enable_with_all_done_signals_at_once),
	KUNIT_CASE(dma_fence_chain_fence_signal_never_signals_inline),
	KUNIT_CASE(dma_fence_chain_put_while_armed_is_kept_by_fence),
	KUNIT_CASE(dma_fence_chain_error_stays_with_the_fence_inside),
	KUNIT_CASE(dma_fence_chain_of_array_waits_for_its_children),
	KUNIT_CASE(dma_fence_chain_set_deadline_reaches_all_pending),
	KUNIT_CASE(dma_fence_chain_callbacks_in_forward_order),
	KUNIT_CASE(dma_fence_chain_callbacks_in_reverse_order),
	KUNIT_CASE(dma_fence_chain_callbacks_in_random_order),
	KUNIT_CASE(dma_fence_chain_enable_on_long_chain_arms_the_start),
	KUNIT_CASE(dma_fence_chain_walk_against_signal_reaches_pending),
	KUNIT_CASE(dma_fence_chain_walk_against_walk_collects_once),
	KUNIT_CASE(dma_fence_chain_release_against_walk_frees_all),
	KUNIT_CASE(dma_fence_chain_wait_against_forward_signals),
	KUNIT_CASE(dma_fence_chain_wait_against_reverse_signals),
	KUNIT_CASE(dma_fence_chain_wait_against_random_signals),
	{}
};

static struct kunit_suite dma_fence_chain_signal_suite = {
	.name = "dma_fence_chain_signal",
	.init = mock_chain_test_init,
	.exit = mock_chain_test_exit,
	.test_cases = dma_fence_chain_signal_cases,
};

kunit_test_suite(dma_fence_chain_signal_suite);
