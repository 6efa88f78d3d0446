// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-fence-array.c: completion by callback and by polling, all-of and
 * any-of, errors, deadlines, ownership.
 *
 * Each case ends with as many live mock fences as it began with: see
 * dma_fence_array_test_exit().
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/dma-fence-array.h>
#include <linux/slab.h>

#include "expect-splat.h"
#include "mock-fence.h"
#include "mock-race.h"

#define ARRAY_CONTEXT	0xa44a1
#define ARRAY_SEQNO	77

/*
 * An array of up to four mock fences, with a reference of the test's own to
 * each of them.
 */
struct array_fixture {
	struct dma_fence_array *array;
	struct dma_fence *fence;
	struct dma_fence *child[4];
	unsigned int count;
	int live;
};

static struct dma_fence *array_build(struct kunit *test, unsigned int count, bool any,
				     const struct dma_fence_ops *ops)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence **fences = kmalloc_array(count, sizeof(*fences), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, fences);
	for (i = 0; i < count; i++) {
		fx->child[i] = mock_fence_create_ops(test, 100 + i, i, ops);
		fences[i] = dma_fence_get(fx->child[i]);
	}
	fx->count = count;

	fx->array = dma_fence_array_create(count, fences, ARRAY_CONTEXT, ARRAY_SEQNO, any);
	KUNIT_ASSERT_NOT_NULL(test, fx->array);
	fx->fence = &fx->array->base;

	return fx->fence;
}

static void array_drop(struct array_fixture *fx)
{
	while (fx->count)
		dma_fence_put(fx->child[--fx->count]);
	dma_fence_put(fx->fence);
	fx->fence = NULL;
}

/* Whether a fence gets signaled without anyone asking it, within a second. */
static bool array_signaled_soon(struct dma_fence *fence)
{
	int i;

	for (i = 0; i < 1000 && !dma_fence_test_signaled_flag(fence); i++)
		usleep_range(500, 1000);

	return dma_fence_test_signaled_flag(fence);
}

/* Whether all but @count references to a fence go, within a second. */
static bool array_refs_soon(struct dma_fence *fence, unsigned int count)
{
	int i;

	for (i = 0; i < 1000 && kref_read(&fence->refcount) != count; i++)
		usleep_range(500, 1000);

	return kref_read(&fence->refcount) == count;
}

/*
 * Whether a fence stays unsignaled for longer than an irq_work takes on any
 * machine.
 */
static bool array_pending_still(struct dma_fence *fence)
{
	msleep(30);

	return !dma_fence_test_signaled_flag(fence);
}

static void dma_fence_array_alloc_and_init_makes_fence(struct kunit *test)
{
	struct dma_fence *child = mock_fence_create(test, 1, 1);
	struct dma_fence **fences = kmalloc_array(1, sizeof(*fences), GFP_KERNEL);
	struct dma_fence_array *array = dma_fence_array_alloc(1);

	KUNIT_ASSERT_NOT_NULL(test, fences);
	KUNIT_ASSERT_NOT_NULL(test, array);
	fences[0] = child;
	dma_fence_array_init(array, 1, fences, ARRAY_CONTEXT, ARRAY_SEQNO, false);

	KUNIT_EXPECT_EQ(test, kref_read(&array->base.refcount), 1);
	KUNIT_EXPECT_EQ(test, array->base.context, ARRAY_CONTEXT);
	KUNIT_EXPECT_EQ(test, array->base.seqno, ARRAY_SEQNO);
	KUNIT_EXPECT_EQ(test, array->base.error, 0);
	KUNIT_EXPECT_EQ(test, array->base.flags, 0);
	KUNIT_EXPECT_EQ(test, array->num_fences, 1);
	KUNIT_EXPECT_PTR_EQ(test, array->fences, fences);
	KUNIT_EXPECT_PTR_EQ(test, to_dma_fence_array(&array->base), array);
	dma_fence_put(&array->base);
}

static void dma_fence_array_alloc_unused_is_freed_by_kfree(struct kunit *test)
{
	struct dma_fence_array *array = dma_fence_array_alloc(2);

	KUNIT_ASSERT_NOT_NULL(test, array);
	kfree(array);
}

static void dma_fence_array_alloc_absurd_size_returns_null(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, dma_fence_array_alloc(INT_MAX));
	KUNIT_EXPECT_NULL(test, dma_fence_array_alloc(-1));
}

static void dma_fence_array_create_failing_leaves_references(struct kunit *test)
{
	struct dma_fence *child = mock_fence_create(test, 1, 1);
	struct dma_fence **fences = kmalloc_array(1, sizeof(*fences), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fences);
	fences[0] = child;
	KUNIT_EXPECT_NULL(test, dma_fence_array_create(INT_MAX, fences, 1, 1, false));
	KUNIT_EXPECT_PTR_EQ(test, fences[0], child);
	KUNIT_EXPECT_EQ(test, kref_read(&child->refcount), 1);
	kfree(fences);
	dma_fence_put(child);
}

static void dma_fence_array_create_takes_children_until_release(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 3, false, &mock_fence_ops);

	KUNIT_EXPECT_EQ(test, kref_read(&fx->child[1]->refcount), 2);
	dma_fence_put(fence);
	fx->fence = NULL;
	KUNIT_EXPECT_EQ(test, kref_read(&fx->child[0]->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->child[1]->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->child[2]->refcount), 1);
	array_drop(fx);
}

static void dma_fence_array_ops_names_are_fixed(struct kunit *test)
{
	struct dma_fence *fence = array_build(test, 1, false, &mock_fence_ops);

	KUNIT_EXPECT_PTR_EQ(test, fence->ops, &dma_fence_array_ops);
	KUNIT_EXPECT_STREQ(test, fence->ops->get_driver_name(fence), "dma_fence_array");
	KUNIT_EXPECT_STREQ(test, fence->ops->get_timeline_name(fence), "unbound");
	array_drop(test->priv);
}

static void to_dma_fence_array_other_than_array_returns_null(struct kunit *test)
{
	struct dma_fence *plain = mock_fence_create(test, 1, 1);

	KUNIT_EXPECT_NULL(test, to_dma_fence_array(NULL));
	KUNIT_EXPECT_NULL(test, to_dma_fence_array(plain));
	dma_fence_put(plain);
}

static void dma_fence_array_enabled_all_of_waits_for_last(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 3, false, &mock_fence_ops);

	dma_fence_enable_sw_signaling(fence);
	dma_fence_signal(fx->child[1]);
	dma_fence_signal(fx->child[0]);
	KUNIT_EXPECT_TRUE(test, array_pending_still(fence));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	dma_fence_signal(fx->child[2]);
	KUNIT_EXPECT_TRUE(test, array_signaled_soon(fence));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), 1);
	array_drop(fx);
}

static void dma_fence_array_enabled_any_of_ends_with_first(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 3, true, &mock_fence_ops);

	dma_fence_enable_sw_signaling(fence);
	KUNIT_EXPECT_TRUE(test, array_pending_still(fence));
	dma_fence_signal(fx->child[1]);
	KUNIT_EXPECT_TRUE(test, array_signaled_soon(fence));
	KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(fx->child[0]));

	/* The stragglers still know the array. */
	dma_fence_signal(fx->child[0]);
	dma_fence_signal(fx->child[2]);
	KUNIT_EXPECT_TRUE(test, array_refs_soon(fence, 1));
	array_drop(fx);
}

static void dma_fence_array_child_signal_never_signals_inline(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 1, false, &mock_fence_ops);
	struct mock_fence_cb cb = {};
	unsigned long flags;
	bool inlined;

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(fence, &cb.base, mock_fence_cb_func), 0);
	local_irq_save(flags);
	dma_fence_signal(fx->child[0]);
	inlined = dma_fence_test_signaled_flag(fence);
	local_irq_restore(flags);

	KUNIT_EXPECT_FALSE(test, inlined);
	KUNIT_EXPECT_TRUE(test, array_signaled_soon(fence));
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, HZ), HZ);
	KUNIT_EXPECT_EQ(test, cb.calls, 1);
	KUNIT_EXPECT_PTR_EQ(test, cb.fence, fence);
	array_drop(fx);
}

static void dma_fence_array_enable_arms_each_child_once(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 2, false, &mock_fence_full_ops);
	unsigned int i;

	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	for (i = 0; i < fx->count; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fx->child[i])->enable_calls), 0);

	dma_fence_enable_sw_signaling(fence);
	dma_fence_enable_sw_signaling(fence);
	KUNIT_EXPECT_GT(test, kref_read(&fence->refcount), 1);
	for (i = 0; i < fx->count; i++) {
		KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fx->child[i])->enable_calls), 1);
		dma_fence_signal(fx->child[i]);
	}
	KUNIT_EXPECT_TRUE(test, array_signaled_soon(fence));
	array_drop(fx);
}

static void dma_fence_array_enable_with_done_children_signals_at_once(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 2, false, &mock_fence_ops);
	struct mock_fence_cb cb = {};

	dma_fence_signal(fx->child[0]);
	dma_fence_set_error(fx->child[1], -EIO);
	dma_fence_signal(fx->child[1]);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb.base, mock_fence_cb_func), -ENOENT);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(fence));
	KUNIT_EXPECT_EQ(test, fence->error, -EIO);
	KUNIT_EXPECT_EQ(test, cb.calls, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
	array_drop(fx);
}

static void dma_fence_array_enable_any_of_with_done_child_signals_at_once(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 3, true, &mock_fence_full_ops);

	dma_fence_signal(fx->child[1]);
	dma_fence_enable_sw_signaling(fence);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(fence));

	/*
	 * Child 0 was armed on the way and keeps the array, child 2 never was.
	 */
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fx->child[2])->enable_calls), 0);
	dma_fence_signal(fx->child[0]);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
	array_drop(fx);
}

static void dma_fence_array_enable_signaled_by_child_completes(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 2, false, &mock_fence_full_ops);

	to_mock_fence(fx->child[0])->enable_fails = true;
	to_mock_fence(fx->child[1])->enable_fails = true;
	dma_fence_enable_sw_signaling(fence);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(fence));
	array_drop(fx);
}

/* Freed by the core, an RCU grace period after the last put. */
static const struct dma_fence_ops array_plain_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
};

/* What array_early_enable() signals. */
static struct dma_fence *array_early;

static bool array_early_enable(struct dma_fence *fence)
{
	dma_fence_signal(array_early);
	return true;
}

static const struct dma_fence_ops array_early_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.enable_signaling = array_early_enable,
	.release = mock_fence_release,
};

/*
 * The array is armed on its first child and not yet on its second when the
 * first one is signaled: what
 * dma_fence_array_enable_against_signal_loses_nothing() tries on two CPUs,
 * without luck.
 */
static void array_enable_halfway(struct kunit *test, bool any)
{
	static DEFINE_SPINLOCK(early_lock);
	struct dma_fence **fences = kmalloc_array(2, sizeof(*fences), GFP_KERNEL);
	struct dma_fence_array *array;
	struct dma_fence *late;

	array_early = kzalloc(sizeof(*array_early), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fences);
	KUNIT_ASSERT_NOT_NULL(test, array_early);
	/*
	 * A lock of another class than that of the fence from whose operation
	 * it is signaled.
	 */
	dma_fence_init(array_early, &array_plain_ops, &early_lock, 1, 1);
	late = mock_fence_create_ops(test, 2, 1, &array_early_ops);
	fences[0] = array_early;
	fences[1] = dma_fence_get(late);
	array = dma_fence_array_create(2, fences, ARRAY_CONTEXT, ARRAY_SEQNO, any);
	KUNIT_ASSERT_NOT_NULL(test, array);

	dma_fence_enable_sw_signaling(&array->base);
	if (!any) {
		KUNIT_EXPECT_TRUE(test, array_pending_still(&array->base));
		dma_fence_signal(late);
	}
	KUNIT_EXPECT_TRUE(test, array_signaled_soon(&array->base));
	dma_fence_signal(late);
	dma_fence_put(late);
	dma_fence_put(&array->base);
}

static void dma_fence_array_enable_child_signaled_halfway_counts(struct kunit *test)
{
	array_enable_halfway(test, false);
}

static void dma_fence_array_enable_any_of_signaled_halfway_completes(struct kunit *test)
{
	array_enable_halfway(test, true);
}

static void dma_fence_array_signaled_polls_until_last(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 2, false, &mock_fence_full_ops);
	struct mock_fence *second = to_mock_fence(fx->child[1]);

	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&second->signaled_calls), 0,
			    "one pending child is answer enough");
	to_mock_fence(fx->child[0])->done = true;
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	second->done = true;
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(fx->child[1]));
	KUNIT_EXPECT_EQ(test, atomic_read(&second->enable_calls), 0);
	KUNIT_EXPECT_FALSE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags));
	array_drop(fx);
}

static void dma_fence_array_signaled_any_of_polls_until_first(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 3, true, &mock_fence_full_ops);

	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	to_mock_fence(fx->child[2])->done = true;
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	array_drop(fx);
}

static void dma_fence_array_signaled_when_enabled_asks_no_child(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 1, false, &mock_fence_full_ops);
	struct mock_fence *child = to_mock_fence(fx->child[0]);
	int calls;

	dma_fence_enable_sw_signaling(fence);
	calls = atomic_read(&child->signaled_calls);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_EQ(test, atomic_read(&child->signaled_calls), calls);
	dma_fence_signal(fx->child[0]);
	KUNIT_EXPECT_TRUE_MSG(test, dma_fence_is_signaled(fence), "no need to wait for irq_work");
	KUNIT_EXPECT_TRUE(test, array_signaled_soon(fence));
	array_drop(fx);
}

static void dma_fence_array_error_is_first_one_seen(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 3, false, &mock_fence_ops);

	dma_fence_enable_sw_signaling(fence);
	dma_fence_set_error(fx->child[2], -EIO);
	dma_fence_signal(fx->child[2]);
	dma_fence_set_error(fx->child[0], -ENOSPC);
	dma_fence_signal(fx->child[0]);
	KUNIT_EXPECT_EQ_MSG(test, fence->error, 0, "still pending");
	dma_fence_signal(fx->child[1]);
	KUNIT_EXPECT_TRUE(test, array_signaled_soon(fence));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), -EIO);
	array_drop(fx);
}

static void dma_fence_array_error_is_found_by_polling(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 2, false, &mock_fence_ops);

	dma_fence_set_error(fx->child[1], -ETIME);
	dma_fence_signal(fx->child[1]);
	dma_fence_signal(fx->child[0]);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), -ETIME);
	array_drop(fx);
}

static void dma_fence_array_error_of_any_of_is_the_completing_child(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 2, true, &mock_fence_ops);

	dma_fence_enable_sw_signaling(fence);
	dma_fence_set_error(fx->child[1], -ECANCELED);
	dma_fence_signal(fx->child[1]);
	KUNIT_EXPECT_TRUE(test, array_signaled_soon(fence));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), -ECANCELED);
	dma_fence_signal(fx->child[0]);
	array_drop(fx);
}

static void dma_fence_array_error_after_completion_changes_nothing(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 2, true, &mock_fence_ops);

	dma_fence_enable_sw_signaling(fence);
	dma_fence_signal(fx->child[0]);
	KUNIT_EXPECT_TRUE(test, array_signaled_soon(fence));
	dma_fence_set_error(fx->child[1], -EIO);
	dma_fence_signal(fx->child[1]);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), 1);
	KUNIT_EXPECT_EQ(test, fence->error, 0);
	array_drop(fx);
}

/*
 * Stock's answer is when somebody looked at the array, which may be long after.
 */
static void dma_fence_array_timestamp_polled_is_the_last_child_s(struct kunit *test)
{
	struct dma_fence *fence = array_build(test, 3, false, &mock_fence_ops);
	struct array_fixture *fx = test->priv;

	dma_fence_signal_timestamp(fx->child[0], 200);
	dma_fence_signal_timestamp(fx->child[1], 300);
	dma_fence_signal_timestamp(fx->child[2], 100);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_EQ(test, dma_fence_timestamp(fence), 300);
	array_drop(fx);
}

static void dma_fence_array_timestamp_any_of_is_the_first_child_s(struct kunit *test)
{
	struct dma_fence *fence = array_build(test, 3, true, &mock_fence_ops);
	struct array_fixture *fx = test->priv;

	dma_fence_signal_timestamp(fx->child[0], 200);
	dma_fence_signal_timestamp(fx->child[2], 100);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_EQ(test, dma_fence_timestamp(fence), 100);
	array_drop(fx);
}

static void dma_fence_array_timestamp_enabled_is_the_last_child_s(struct kunit *test)
{
	struct dma_fence *fence = array_build(test, 2, false, &mock_fence_ops);
	struct array_fixture *fx = test->priv;

	dma_fence_enable_sw_signaling(fence);
	dma_fence_signal_timestamp(fx->child[0], 200);
	dma_fence_signal_timestamp(fx->child[1], 100);
	KUNIT_EXPECT_TRUE(test, array_signaled_soon(fence));
	KUNIT_EXPECT_EQ(test, dma_fence_timestamp(fence), 200);
	array_drop(fx);
}

/*
 * A driver that sets the bit first and the time later: waiting for it is no
 * matter of an array.
 */
static void dma_fence_array_timestamp_child_without_time_is_now(struct kunit *test)
{
	struct dma_fence *fence = array_build(test, 1, false, &mock_fence_ops);
	struct array_fixture *fx = test->priv;
	ktime_t before = ktime_get();

	set_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fx->child[0]->flags);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_GE(test, dma_fence_timestamp(fence), before);
	KUNIT_EXPECT_LE(test, dma_fence_timestamp(fence), ktime_get());
	array_drop(fx);
}

static void dma_fence_array_set_deadline_reaches_pending_children(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 3, false, &mock_fence_full_ops);
	struct mock_fence *mock;

	dma_fence_signal(fx->child[1]);
	dma_fence_set_deadline(fence, ns_to_ktime(123456));
	mock = to_mock_fence(fx->child[0]);
	KUNIT_EXPECT_EQ(test, atomic_read(&mock->deadline_calls), 1);
	KUNIT_EXPECT_EQ(test, ktime_to_ns(mock->deadline), 123456);
	mock = to_mock_fence(fx->child[1]);
	KUNIT_EXPECT_EQ(test, atomic_read(&mock->deadline_calls), 0);
	mock = to_mock_fence(fx->child[2]);
	KUNIT_EXPECT_EQ(test, atomic_read(&mock->deadline_calls), 1);
	array_drop(fx);
}

static void dma_fence_array_put_while_armed_is_kept_by_children(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 2, false, &mock_fence_ops);

	dma_fence_enable_sw_signaling(fence);
	dma_fence_put(fence);
	fx->fence = NULL;
	KUNIT_EXPECT_GE(test, kref_read(&fence->refcount), 1);
	dma_fence_signal(fx->child[0]);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
	dma_fence_signal(fx->child[1]);
	array_drop(fx);
}

static void dma_fence_array_put_while_armed_is_kept_by_stragglers(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 3, true, &mock_fence_ops);

	dma_fence_enable_sw_signaling(fence);
	dma_fence_put(fence);
	fx->fence = NULL;
	dma_fence_signal(fx->child[1]);
	KUNIT_EXPECT_TRUE(test, array_signaled_soon(fence));
	KUNIT_EXPECT_TRUE(test, array_refs_soon(fence, 2));
	dma_fence_signal(fx->child[0]);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
	dma_fence_signal(fx->child[2]);
	array_drop(fx);
}

static void dma_fence_match_context_tells_contexts_apart(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 2, false, &mock_fence_ops);

	KUNIT_EXPECT_TRUE(test, dma_fence_match_context(fx->child[0], 100));
	KUNIT_EXPECT_FALSE(test, dma_fence_match_context(fx->child[0], 101));
	KUNIT_EXPECT_FALSE(test, dma_fence_match_context(fence, 100));
	KUNIT_EXPECT_FALSE(test, dma_fence_match_context(fence, 101));
	KUNIT_EXPECT_FALSE(test, dma_fence_match_context(fence, ARRAY_CONTEXT));
	fx->child[1]->context = 100;
	KUNIT_EXPECT_TRUE(test, dma_fence_match_context(fence, 100));
	array_drop(fx);
}

static void dma_fence_array_foreach_visits_in_order(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *fence = array_build(test, 3, false, &mock_fence_ops);
	struct dma_fence *child;
	unsigned int i;

	dma_fence_array_for_each(child, i, fence)
		KUNIT_EXPECT_PTR_EQ(test, child, fx->child[i]);
	KUNIT_EXPECT_EQ(test, i, 3);
	KUNIT_EXPECT_EQ(test, kref_read(&fx->child[0]->refcount), 2);
	array_drop(fx);
}

static void dma_fence_array_first_and_next_of_other_fences(struct kunit *test)
{
	struct dma_fence *plain = mock_fence_create(test, 1, 1);

	KUNIT_EXPECT_NULL(test, dma_fence_array_first(NULL));
	KUNIT_EXPECT_NULL(test, dma_fence_array_next(NULL, 1));
	KUNIT_EXPECT_PTR_EQ(test, dma_fence_array_first(plain), plain);
	KUNIT_EXPECT_NULL(test, dma_fence_array_next(plain, 0));
	KUNIT_EXPECT_NULL(test, dma_fence_array_next(plain, 1));
	dma_fence_put(plain);
}

static void dma_fence_array_create_empty_warns_and_is_signaled(struct kunit *test)
{
	struct dma_fence_array *array;

	expect_splat("dma_fence_array_init");
	array = dma_fence_array_create(0, NULL, 1, 1, true);
	KUNIT_ASSERT_NOT_NULL(test, array);
	KUNIT_EXPECT_NULL(test, dma_fence_array_first(&array->base));
	dma_fence_enable_sw_signaling(&array->base);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(&array->base));
	dma_fence_put(&array->base);
}

static void dma_fence_array_create_of_array_warns(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	struct dma_fence *inner = array_build(test, 1, false, &mock_fence_ops);
	struct dma_fence **fences = kmalloc_array(1, sizeof(*fences), GFP_KERNEL);
	struct dma_fence_array *outer;

	KUNIT_ASSERT_NOT_NULL(test, fences);
	fences[0] = dma_fence_get(inner);
	expect_splat("dma_fence_array_init");
	outer = dma_fence_array_create(1, fences, 1, 1, false);
	KUNIT_ASSERT_NOT_NULL(test, outer);
	KUNIT_EXPECT_EQ(test, kref_read(&inner->refcount), 2);
	dma_fence_put(&outer->base);
	KUNIT_EXPECT_EQ(test, kref_read(&inner->refcount), 1);
	array_drop(fx);
}

/*
 * Races: two children signaled at the same time, while one side also polls the
 * array.
 */
struct array_race {
	struct kunit *test;
	struct mock_fence_cb cb;
	bool any;
	bool enable;
};

static void array_race_setup(void *data)
{
	struct array_race *race = data;
	struct dma_fence *fence = array_build(race->test, 2, race->any, &mock_fence_ops);
	struct array_fixture *fx = race->test->priv;

	memset(&race->cb, 0, sizeof(race->cb));
	dma_fence_set_error(fx->child[1], -EIO);
	if (race->enable)
		dma_fence_add_callback(fence, &race->cb.base, mock_fence_cb_func);
}

static void array_race_here(void *data)
{
	struct array_race *race = data;
	struct array_fixture *fx = race->test->priv;

	dma_fence_is_signaled(fx->fence);
	dma_fence_signal(fx->child[0]);
	dma_fence_is_signaled(fx->fence);
}

static void array_race_there(void *data)
{
	struct array_race *race = data;
	struct array_fixture *fx = race->test->priv;

	dma_fence_signal(fx->child[1]);
	dma_fence_is_signaled(fx->fence);
}

static void array_race_check(void *data)
{
	struct array_race *race = data;
	struct array_fixture *fx = race->test->priv;
	int status;

	KUNIT_EXPECT_TRUE(race->test, dma_fence_is_signaled(fx->fence));
	status = dma_fence_get_status(fx->fence);
	if (race->any)
		KUNIT_EXPECT_TRUE(race->test, status == 1 || status == -EIO);
	else
		KUNIT_EXPECT_EQ(race->test, status, -EIO);

	/* Serializes with the callbacks, which run under the array's lock. */
	dma_fence_wait(fx->fence, false);
	KUNIT_EXPECT_EQ(race->test, race->cb.calls, race->enable ? 1 : 0);
	KUNIT_EXPECT_EQ(race->test, dma_fence_get_status(fx->fence), status);
	array_drop(fx);
}

static const struct mock_race array_race_children = {
	.setup = array_race_setup,
	.here = array_race_here,
	.there = array_race_there,
	.check = array_race_check,
};

static void dma_fence_array_signal_children_in_parallel_agrees(struct kunit *test)
{
	struct array_race race = { .test = test };
	int i;

	for (i = 0; i < 4; i++) {
		race.any = i & 1;
		race.enable = i & 2;
		mock_race_run(test, &array_race_children, 500, &race);
	}
}

static void array_race_enable_there(void *data)
{
	struct array_race *race = data;
	struct array_fixture *fx = race->test->priv;

	dma_fence_signal(fx->child[1]);
	dma_fence_signal(fx->child[0]);
}

static void array_race_enable_here(void *data)
{
	struct array_race *race = data;
	struct array_fixture *fx = race->test->priv;

	dma_fence_enable_sw_signaling(fx->fence);
}

static void array_race_enable_check(void *data)
{
	struct array_race *race = data;
	struct array_fixture *fx = race->test->priv;

	/* Nobody asks: it must get signaled all the same. */
	KUNIT_EXPECT_TRUE(race->test, array_signaled_soon(fx->fence));
	if (!race->any)
		KUNIT_EXPECT_EQ(race->test, fx->fence->error, -EIO);
	array_drop(fx);
}

static const struct mock_race array_race_enable = {
	.setup = array_race_setup,
	.here = array_race_enable_here,
	.there = array_race_enable_there,
	.check = array_race_enable_check,
};

static void dma_fence_array_enable_against_signal_loses_nothing(struct kunit *test)
{
	struct array_race race = { .test = test };

	mock_race_run(test, &array_race_enable, 1000, &race);
	race.any = true;
	mock_race_run(test, &array_race_enable, 1000, &race);
}

static int dma_fence_array_test_init(struct kunit *test)
{
	struct array_fixture *fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);

	if (!fx)
		return -ENOMEM;

	fx->live = mock_fence_live();
	test->priv = fx;

	return 0;
}

static void dma_fence_array_test_exit(struct kunit *test)
{
	struct array_fixture *fx = test->priv;
	int i;

	/* An irq_work may still hold the last reference. */
	for (i = 0; i < 100 && mock_fence_live() != fx->live; i++)
		msleep(20);

	KUNIT_EXPECT_EQ(test, mock_fence_live(), fx->live);
}

static struct kunit_case dma_fence_array_cases[] = {
	KUNIT_CASE(dma_fence_array_alloc_and_init_makes_fence),
	KUNIT_CASE(dma_fence_array_alloc_unused_is_freed_by_kfree),
	KUNIT_CASE(dma_fence_array_alloc_absurd_size_returns_null),
	KUNIT_CASE(dma_fence_array_create_failing_leaves_references),
	KUNIT_CASE(dma_fence_array_create_takes_children_until_release),
	KUNIT_CASE(dma_fence_array_ops_names_are_fixed),
	KUNIT_CASE(to_dma_fence_array_other_than_array_returns_null),
	KUNIT_CASE(dma_fence_array_enabled_all_of_waits_for_last),
	KUNIT_CASE(dma_fence_array_enabled_any_of_ends_with_first),
	KUNIT_CASE(dma_fence_array_child_signal_never_signals_inline),
	KUNIT_CASE(dma_fence_array_enable_arms_each_child_once),
	KUNIT_CASE(dma_fence_array_enable_with_done_children_signals_at_once),
	KUNIT_CASE(dma_fence_array_enable_any_of_with_done_child_signals_at_once),
	KUNIT_CASE(dma_fence_array_enable_signaled_by_child_completes),
	KUNIT_CASE(dma_fence_array_enable_child_signaled_halfway_counts),
	KUNIT_CASE(dma_fence_array_enable_any_of_signaled_halfway_completes),
	KUNIT_CASE(dma_fence_array_signaled_polls_until_last),
	KUNIT_CASE(dma_fence_array_signaled_any_of_polls_until_first),
	KUNIT_CASE(dma_fence_array_signaled_when_enabled_asks_no_child),
	KUNIT_CASE(dma_fence_array_error_is_first_one_seen),
	KUNIT_CASE(dma_fence_array_error_is_found_by_polling),
	KUNIT_CASE(dma_fence_array_error_of_any_of_is_the_completing_child),
	KUNIT_CASE(dma_fence_array_error_after_completion_changes_nothing),
	KUNIT_CASE(dma_fence_array_timestamp_polled_is_the_last_child_s),
	KUNIT_CASE(dma_fence_array_timestamp_any_of_is_the_first_child_s),
	KUNIT_CASE(dma_fence_array_timestamp_enabled_is_the_last_child_s),
	KUNIT_CASE(dma_fence_array_timestamp_child_without_time_is_now),
	KUNIT_CASE(dma_fence_array_set_deadline_reaches_pending_children),
	KUNIT_CASE(dma_fence_array_put_while_armed_is_kept_by_children),
	KUNIT_CASE(dma_fence_array_put_while_armed_is_kept_by_stragglers),
	KUNIT_CASE(dma_fence_match_context_tells_contexts_apart),
	KUNIT_CASE(dma_fence_array_foreach_visits_in_order),
	KUNIT_CASE(dma_fence_array_first_and_next_of_other_fences),
	KUNIT_CASE(dma_fence_array_create_empty_warns_and_is_signaled),
	KUNIT_CASE(dma_fence_array_create_of_array_warns),
	KUNIT_CASE(dma_fence_array_signal_children_in_parallel_agrees),
	KUNIT_CASE(dma_fence_array_enable_against_signal_loses_nothing),
	{}
};

static struct kunit_suite dma_fence_array_suite = {
	.name = "dma_fence_array",
	.init = dma_fence_array_test_init,
	.exit = dma_fence_array_test_exit,
	.test_cases = dma_fence_array_cases,
};

kunit_test_suite(dma_fence_array_suite);
