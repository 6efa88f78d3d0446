// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-fence-chain.c with more links than one step may take on with
 * interrupts off: the step ends, and all links are processed in the end.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/dma-fence-chain.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/vmalloc.h>

#include "mock-chain.h"
#include "mock-fence.h"

#define BOUND_FEW	32
#define BOUND_LINKS	5000
/* No step may release or unlink more links than this with interrupts off. */
#define BOUND_STEP	1024

struct bound {
	struct dma_fence *link[BOUND_LINKS];
	struct dma_fence *fence[BOUND_LINKS];
	int live;
};

static int bound_test_init(struct kunit *test)
{
	struct bound *bound = vzalloc(sizeof(*bound));

	if (!bound)
		return -ENOMEM;
	bound->live = mock_fence_live();
	test->priv = bound;
	return 0;
}

/* Return true once no more than @count mock fences of this test are left. */
static bool bound_live_soon(struct bound *bound, int count)
{
	int i;

	for (i = 0; i < 1000 && mock_fence_live() - bound->live > count; i++)
		msleep(20);
	return mock_fence_live() - bound->live <= count;
}

static void bound_test_exit(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, bound_live_soon(test->priv, 0));
	vfree(test->priv);
}

/* Build a timeline of @count points, and keep references to all of it. */
static void bound_build(struct kunit *test, unsigned int count)
{
	struct bound *bound = test->priv;
	unsigned int i;

	for (i = 0; i < count; i++) {
		bound->fence[i] = mock_fence_create(test, 1000 + i, 1);
		bound->link[i] = mock_chain_append(test,
						   i ? dma_fence_get(bound->link[i - 1]) : NULL,
						   dma_fence_get(bound->fence[i]), i + 1);
	}
}

static void bound_put(struct bound *bound, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		dma_fence_put(bound->fence[i]);
		dma_fence_put(bound->link[i]);
	}
}

/* Drop all references but that to the newest link. */
static struct dma_fence *bound_keep_head(struct bound *bound, unsigned int count)
{
	struct dma_fence *head = dma_fence_get(bound->link[count - 1]);

	bound_put(bound, count);
	return head;
}

/* Arm all links. Signal all fences but the oldest, newest first. */
static void bound_signal_newest_first(struct kunit *test, unsigned int count)
{
	struct bound *bound = test->priv;
	unsigned long flags;
	unsigned int i;

	bound_build(test, count);
	for (i = 0; i < count; i++)
		dma_fence_enable_sw_signaling(bound->link[i]);
	for (i = count - 1; i > 0; i--) {
		local_irq_save(flags);
		dma_fence_signal(bound->fence[i]);
		irq_work_run();
		local_irq_restore(flags);
	}
	KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(bound->link[count - 1]));
}

static void dma_fence_chain_reverse_armed_one_irq_work_tells_all(struct kunit *test)
{
	struct bound *bound = test->priv;
	unsigned long flags;
	bool told;

	bound_signal_newest_first(test, BOUND_FEW);
	local_irq_save(flags);
	dma_fence_signal(bound->fence[0]);
	irq_work_run();
	told = dma_fence_test_signaled_flag(bound->link[BOUND_FEW - 1]);
	local_irq_restore(flags);

	KUNIT_EXPECT_TRUE(test, told);
	KUNIT_EXPECT_TRUE(test, mock_signaled_soon(bound->link[BOUND_FEW - 1]));
	bound_put(bound, BOUND_FEW);
}

static void dma_fence_chain_reverse_armed_many_tells_all(struct kunit *test)
{
	struct bound *bound = test->priv;
	unsigned int i, told = 0;
	unsigned long flags;

	bound_signal_newest_first(test, BOUND_LINKS);
	local_irq_save(flags);
	dma_fence_signal(bound->fence[0]);
	irq_work_run();
	for (i = 0; i < BOUND_LINKS; i++)
		told += dma_fence_test_signaled_flag(bound->link[i]);
	local_irq_restore(flags);

	KUNIT_EXPECT_GT(test, told, 0);
	KUNIT_EXPECT_LE(test, told, BOUND_STEP);
	KUNIT_EXPECT_TRUE(test, mock_signaled_soon(bound->link[BOUND_LINKS - 1]));
	bound_put(bound, BOUND_LINKS);
}

static void dma_fence_chain_last_put_irqs_off_is_bounded(struct kunit *test)
{
	struct bound *bound = test->priv;
	struct dma_fence *head;
	unsigned long flags;
	int before, after;

	bound_build(test, BOUND_LINKS);
	head = bound_keep_head(bound, BOUND_LINKS);
	local_irq_save(flags);
	before = mock_fence_live();
	dma_fence_put(head);
	after = mock_fence_live();
	local_irq_restore(flags);

	KUNIT_EXPECT_GT(test, before - after, 0);
	KUNIT_EXPECT_LE(test, before - after, BOUND_STEP);
	KUNIT_EXPECT_TRUE(test, bound_live_soon(bound, 0));
}

/* Build a timeline with all fences signaled but that of the oldest link. */
static struct dma_fence *bound_build_signaled(struct kunit *test, struct dma_fence **oldest)
{
	struct bound *bound = test->priv;
	unsigned int i;

	bound_build(test, BOUND_LINKS);
	for (i = 1; i < BOUND_LINKS; i++)
		dma_fence_signal(bound->fence[i]);
	*oldest = dma_fence_get(bound->fence[0]);
	return bound_keep_head(bound, BOUND_LINKS);
}

static void dma_fence_chain_add_callback_collects_bounded(struct kunit *test)
{
	struct bound *bound = test->priv;
	struct dma_fence *head, *oldest;
	struct mock_fence_cb cb = {};
	unsigned long flags;
	int before, after, ret;

	head = bound_build_signaled(test, &oldest);
	local_irq_save(flags);
	before = mock_fence_live();
	ret = dma_fence_add_callback(head, &cb.base, mock_fence_cb_func);
	after = mock_fence_live();
	local_irq_restore(flags);

	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_LE(test, before - after, BOUND_STEP);
	/* The fence of the newest link, and the one that is pending. */
	KUNIT_EXPECT_TRUE(test, bound_live_soon(bound, 2));
	KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(head));
	dma_fence_signal(oldest);
	KUNIT_EXPECT_TRUE(test, mock_signaled_soon(head));
	dma_fence_wait(head, false);
	KUNIT_EXPECT_EQ(test, cb.calls, 1);
	dma_fence_put(oldest);
	dma_fence_put(head);
}

static void dma_fence_chain_is_signaled_collects_bounded(struct kunit *test)
{
	struct dma_fence *head, *oldest;
	unsigned long flags;
	int before, after, polls;
	bool signaled;

	head = bound_build_signaled(test, &oldest);
	dma_fence_signal(oldest);
	dma_fence_put(oldest);
	for (polls = 0, signaled = false; !signaled && polls < BOUND_LINKS; polls++) {
		local_irq_save(flags);
		before = mock_fence_live();
		signaled = dma_fence_is_signaled(head);
		after = mock_fence_live();
		local_irq_restore(flags);
		KUNIT_ASSERT_LE(test, before - after, BOUND_STEP);
	}
	KUNIT_EXPECT_TRUE(test, signaled);
	KUNIT_EXPECT_GT(test, polls, 1);
	dma_fence_put(head);
}

static void dma_fence_chain_is_signaled_irqs_on_is_exact(struct kunit *test)
{
	struct dma_fence *head, *oldest;

	head = bound_build_signaled(test, &oldest);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(head));
	dma_fence_signal(oldest);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(head));
	dma_fence_put(oldest);
	dma_fence_put(head);
}

static struct kunit_case dma_fence_chain_bound_cases[] = {
	KUNIT_CASE(dma_fence_chain_reverse_armed_one_irq_work_tells_all),
	KUNIT_CASE(dma_fence_chain_reverse_armed_many_tells_all),
	KUNIT_CASE(dma_fence_chain_last_put_irqs_off_is_bounded),
	KUNIT_CASE(dma_fence_chain_add_callback_collects_bounded),
	KUNIT_CASE(dma_fence_chain_is_signaled_collects_bounded),
	KUNIT_CASE(dma_fence_chain_is_signaled_irqs_on_is_exact),
	{}
};

static struct kunit_suite dma_fence_chain_bound_suite = {
	.name = "dma_fence_chain_bound",
	.init = bound_test_init,
	.exit = bound_test_exit,
	.test_cases = dma_fence_chain_bound_cases,
};

kunit_test_suite(dma_fence_chain_bound_suite);
