// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-resv-query.c: what the questions about a whole reservation
 * answer.
 */
#include <kunit/test.h>
#include <linux/cleanup.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-resv.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/timer.h>

#include "mock-resv.h"

#define ALL	DMA_RESV_USAGE_BOOKKEEP

/* A fence of each usage, with the usage as context. */
static void query_fill(struct kunit *test, struct dma_fence *fences[4])
{
	struct mock_resv *mock = test->priv;
	enum dma_resv_usage usage;

	for (usage = DMA_RESV_USAGE_KERNEL; usage <= ALL; usage++)
		fences[usage] = mock_resv_fill(test, &mock->resv, usage, 1, usage);
}

static void query_put(struct dma_fence **fences, unsigned int count)
{
	while (count--)
		dma_fence_put(fences[count]);
	kfree(fences);
}

static void dma_resv_get_fences_without_fences_is_null(struct kunit *test)
{
	struct dma_fence **fences = (void *)~0UL;
	struct mock_resv *mock = test->priv;
	unsigned int count = 77;

	KUNIT_EXPECT_EQ(test, dma_resv_get_fences(&mock->resv, ALL, &count, &fences), 0);
	KUNIT_EXPECT_EQ(test, count, 0);
	KUNIT_EXPECT_NULL(test, fences);
}

static void dma_resv_get_fences_returns_those_of_usage(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *filled[4], **fences;
	enum dma_resv_usage usage;
	unsigned int count, i;

	query_fill(test, filled);
	for (usage = DMA_RESV_USAGE_KERNEL; usage <= ALL; usage++) {
		KUNIT_EXPECT_EQ(test, dma_resv_get_fences(&mock->resv, usage, &count, &fences), 0);
		KUNIT_ASSERT_EQ(test, count, usage + 1);
		for (i = 0; i < count; i++) {
			KUNIT_EXPECT_PTR_EQ(test, fences[i], filled[i]);
			KUNIT_EXPECT_EQ(test, kref_read(&fences[i]->refcount), 2);
		}
		query_put(fences, count);
	}
}

static void dma_resv_get_fences_skips_signaled(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *filled[4], **fences;
	unsigned int count;

	query_fill(test, filled);
	dma_fence_signal(filled[0]);
	dma_fence_signal(filled[2]);
	KUNIT_EXPECT_EQ(test, dma_resv_get_fences(&mock->resv, ALL, &count, &fences), 0);
	KUNIT_ASSERT_EQ(test, count, 2);
	KUNIT_EXPECT_PTR_EQ(test, fences[0], filled[1]);
	KUNIT_EXPECT_PTR_EQ(test, fences[1], filled[3]);
	query_put(fences, count);

	dma_fence_signal(filled[1]);
	dma_fence_signal(filled[3]);
	KUNIT_EXPECT_EQ(test, dma_resv_get_fences(&mock->resv, ALL, &count, &fences), 0);
	KUNIT_EXPECT_EQ(test, count, 0);
	KUNIT_EXPECT_NULL(test, fences);
}

/*
 * Only while they are collected do the drivers say that the fences have
 * signaled.
 */
static void dma_resv_get_fences_when_polling_finds_none_is_null(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence, **fences;
	unsigned int count;

	fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);
	mock_resv_add(test, &mock->resv, fence, DMA_RESV_USAGE_READ);
	to_mock_fence(fence)->done = true;

	KUNIT_EXPECT_EQ(test, dma_resv_get_fences(&mock->resv, ALL, &count, &fences), 0);
	KUNIT_EXPECT_EQ(test, count, 0);
	KUNIT_EXPECT_NULL(test, fences);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
	dma_fence_put(fence);
}

static void dma_resv_get_fences_of_many_returns_each_once(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence **fences;
	unsigned int count, i;

	for (i = 0; i < 100; i++)
		mock_resv_fill(test, &mock->resv, i, 1, DMA_RESV_USAGE_READ);

	KUNIT_EXPECT_EQ(test, dma_resv_get_fences(&mock->resv, ALL, &count, &fences), 0);
	KUNIT_ASSERT_EQ(test, count, 100);
	for (i = 0; i < count; i++)
		KUNIT_EXPECT_EQ(test, fences[i]->context, i);
	query_put(fences, count);
}

static void dma_resv_get_singleton_without_fences_is_null(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence = (void *)~0UL;

	KUNIT_EXPECT_EQ(test, dma_resv_get_singleton(&mock->resv, ALL, &fence), 0);
	KUNIT_EXPECT_NULL(test, fence);
}

static void dma_resv_get_singleton_of_one_is_the_fence(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *filled[4], *fence;

	query_fill(test, filled);
	KUNIT_EXPECT_EQ(test, 0,
			dma_resv_get_singleton(&mock->resv, DMA_RESV_USAGE_KERNEL, &fence));
	KUNIT_EXPECT_PTR_EQ(test, fence, filled[DMA_RESV_USAGE_KERNEL]);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
	dma_fence_put(fence);
}

static void dma_resv_get_singleton_of_many_signals_after_all(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *filled[4], *fence;
	struct dma_fence_array *array;
	unsigned int i;

	query_fill(test, filled);
	KUNIT_EXPECT_EQ(test, dma_resv_get_singleton(&mock->resv, ALL, &fence), 0);
	array = to_dma_fence_array(fence);
	KUNIT_ASSERT_NOT_NULL(test, array);
	KUNIT_EXPECT_EQ(test, array->num_fences, 4);

	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, 0), 0);
		dma_fence_signal(filled[i]);
	}
	KUNIT_EXPECT_GT(test, dma_fence_wait_timeout(fence, false, 5 * HZ), 0);
	dma_fence_put(fence);
}

/*
 * Most of many have signaled: those left are all in it, and it takes the memory
 * of so many only.
 */
static void dma_resv_get_singleton_of_few_left_is_small(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *filled[16], *all, *left;
	struct dma_fence_array *array;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(filled); i++)
		filled[i] = mock_resv_fill(test, &mock->resv, i + 1, 1, DMA_RESV_USAGE_READ);
	KUNIT_ASSERT_EQ(test, dma_resv_get_singleton(&mock->resv, ALL, &all), 0);
	for (i = 3; i < ARRAY_SIZE(filled); i++)
		dma_fence_signal(filled[i]);
	KUNIT_ASSERT_EQ(test, dma_resv_get_singleton(&mock->resv, ALL, &left), 0);

	array = to_dma_fence_array(left);
	KUNIT_ASSERT_NOT_NULL(test, array);
	KUNIT_ASSERT_EQ(test, array->num_fences, 3);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_PTR_EQ(test, array->fences[i], filled[i]);
	KUNIT_EXPECT_LT(test, ksize(array), ksize(to_dma_fence_array(all)));

	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(left, false, 0), 0);
		dma_fence_signal(filled[i]);
	}
	KUNIT_EXPECT_GT(test, dma_fence_wait_timeout(left, false, 5 * HZ), 0);
	dma_fence_put(left);
	dma_fence_put(all);
}

/*
 * Each case of how many there are and where the old ones are kept. Usages go
 * along.
 */
static void copy_among(struct kunit *test, unsigned int old, unsigned int count)
{
	struct mock_resv *mock = test->priv;
	struct dma_resv src, dst;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	unsigned int i;

	dma_resv_init(&src);
	dma_resv_init(&dst);
	for (i = 0; i < old; i++)
		mock_resv_fill(test, &dst, 1000 + i, 1, DMA_RESV_USAGE_WRITE);
	for (i = 0; i < count; i++)
		mock_resv_fill(test, &src, i, 1, i % 4);

	dma_resv_lock(&dst, NULL);
	KUNIT_EXPECT_EQ(test, dma_resv_copy_fences(&dst, &src), 0);
	KUNIT_EXPECT_EQ(test, mock_fence_live(), mock->live + count);
	i = 0;
	dma_resv_for_each_fence(&cursor, &dst, ALL, fence) {
		KUNIT_EXPECT_EQ(test, fence->context, i);
		KUNIT_EXPECT_EQ(test, dma_resv_iter_usage(&cursor), i % 4);
		KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
		i++;
	}
	dma_resv_unlock(&dst);
	KUNIT_EXPECT_EQ(test, i, count);

	/*
	 * The copy is complete: fences can be added and find their
	 * predecessors.
	 */
	for (i = 0; i < count; i++)
		mock_resv_fill(test, &dst, i, 2, i % 4);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&dst, ALL), count);

	dma_resv_fini(&src);
	dma_resv_fini(&dst);
	KUNIT_EXPECT_EQ(test, mock_fence_live(), mock->live);
}

static void dma_resv_copy_fences_replaces_all(struct kunit *test)
{
	static const unsigned int counts[] = { 0, 1, 4, 5, 60 };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(counts); i++)
		for (j = 0; j < ARRAY_SIZE(counts); j++)
			copy_among(test, counts[i], counts[j]);
}

static void dma_resv_copy_fences_skips_signaled(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *filled[4];
	struct dma_resv dst;

	query_fill(test, filled);
	dma_fence_signal(filled[1]);

	dma_resv_init(&dst);
	dma_resv_lock(&dst, NULL);
	KUNIT_EXPECT_EQ(test, dma_resv_copy_fences(&dst, &mock->resv), 0);
	dma_resv_unlock(&dst);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&dst, ALL), 3);
	KUNIT_EXPECT_EQ(test, mock_resv_find(&dst, filled[1], ALL), 0);
	dma_resv_fini(&dst);
}

static void dma_resv_wait_timeout_when_idle_returns_timeout(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence;

	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&mock->resv, ALL, true, 0), 1);

	fence = mock_resv_fill(test, &mock->resv, 1, 1, DMA_RESV_USAGE_READ);
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&mock->resv, ALL, false, 0), 1);
	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&mock->resv, ALL, false, 1), 1);
	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&mock->resv, ALL, false, 30), 30);
	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&mock->resv, ALL, false, MAX_SCHEDULE_TIMEOUT),
			MAX_SCHEDULE_TIMEOUT);
}

/* More than a long can tell is forever, not a negative number. */
static void dma_resv_wait_timeout_beyond_long_is_forever(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence;

	fence = mock_fence_create_ops(test, 1, 1, &mock_fence_wait_ops);
	to_mock_fence(fence)->wait_result = 5;
	mock_resv_add(test, &mock->resv, fence, DMA_RESV_USAGE_READ);

	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&mock->resv, ALL, false, ULONG_MAX), 5);
	KUNIT_EXPECT_EQ(test, to_mock_fence(fence)->wait_timeout, MAX_SCHEDULE_TIMEOUT);

	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&mock->resv, ALL, false, ULONG_MAX),
			MAX_SCHEDULE_TIMEOUT);
	dma_fence_put(fence);
}

/*
 * A driver that does not signal unless it is asked, as some do whose hardware
 * counts.
 */
static const struct dma_fence_ops query_polled_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.signaled = mock_fence_signaled,
	.release = mock_fence_release,
};

static struct dma_fence *query_polled(struct kunit *test, u64 context, bool done)
{
	struct dma_fence *fence = mock_fence_create_ops(test, context, 1, &query_polled_ops);
	struct mock_resv *mock = test->priv;

	to_mock_fence(fence)->done = done;
	mock_resv_add(test, &mock->resv, fence, DMA_RESV_USAGE_READ);
	return fence;
}

/* The work is over, and only the driver knows: there is nothing to wait for. */
static void wait_polled(struct kunit *test, unsigned int count, unsigned long timeout)
{
	struct mock_resv *mock = test->priv;
	unsigned long switches;
	unsigned int i;
	long ret;

	for (i = 0; i < count; i++)
		dma_fence_put(query_polled(test, 100 * count + 10 * !timeout + i, true));

	switches = current->nvcsw;
	ret = dma_resv_wait_timeout(&mock->resv, ALL, true, timeout);
	KUNIT_EXPECT_EQ(test, current->nvcsw, switches);
	KUNIT_EXPECT_EQ(test, ret, timeout ?: 1);
}

static void dma_resv_wait_timeout_asks_driver_before_waiting(struct kunit *test)
{
	unsigned int count;

	for (count = 1; count <= 3; count++) {
		wait_polled(test, count, 0);
		wait_polled(test, count, 100);
	}
}

static void wait_finish_other(struct mock_fence *mock)
{
	to_mock_fence(mock->data)->done = true;
}

/*
 * The second fence has been read ahead. Its work ends while the first is waited
 * for.
 */
static void dma_resv_wait_timeout_asks_driver_after_each_wait(struct kunit *test)
{
	struct dma_fence *first, *second;
	struct mock_resv *mock = test->priv;

	first = mock_fence_create_ops(test, 1, 1, &mock_fence_wait_ops);
	mock_resv_add(test, &mock->resv, first, DMA_RESV_USAGE_READ);
	second = query_polled(test, 2, false);
	to_mock_fence(first)->wait_result = 70;
	to_mock_fence(first)->on_wait = wait_finish_other;
	to_mock_fence(first)->data = second;

	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&mock->resv, ALL, true, 100), 70);
	dma_fence_put(first);
	dma_fence_put(second);
}

/*
 * Looking is not waiting: the task does not give up the CPU, and signaling gets
 * enabled.
 */
static void dma_resv_wait_timeout_of_zero_does_not_sleep(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence;
	unsigned long switches;
	long ret;

	fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);
	mock_resv_add(test, &mock->resv, fence, DMA_RESV_USAGE_READ);

	switches = current->nvcsw;
	ret = dma_resv_wait_timeout(&mock->resv, ALL, true, 0);
	KUNIT_EXPECT_EQ(test, current->nvcsw, switches);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fence)->enable_calls), 1);

	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&mock->resv, DMA_RESV_USAGE_WRITE, true, 0), 1);
	dma_fence_put(fence);
}

static void dma_resv_wait_timeout_when_time_runs_out_is_zero(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	unsigned long start = jiffies;

	mock_resv_fill(test, &mock->resv, 1, 1, DMA_RESV_USAGE_READ);
	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&mock->resv, ALL, false, 3), 0);
	KUNIT_EXPECT_GE(test, jiffies - start, 3);
}

struct query_timer {
	struct timer_list timer;
	struct dma_fence *fence;
	bool awaited;
};

/*
 * Signals one round after it has found somebody waiting, however late that is.
 */
static void query_timer_signal(struct timer_list *timer)
{
	struct query_timer *late = from_timer(late, timer, timer);

	if (late->awaited) {
		dma_fence_signal(late->fence);
		return;
	}
	scoped_guard(spinlock_irqsave, late->fence->lock)
		late->awaited = !list_empty(&late->fence->cb_list);
	mod_timer(timer, jiffies + 3);
}

static void dma_resv_wait_timeout_returns_time_left(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct query_timer late = {};
	long ret;

	late.fence = mock_resv_fill(test, &mock->resv, 1, 1, DMA_RESV_USAGE_READ);
	timer_setup_on_stack(&late.timer, query_timer_signal, 0);
	mod_timer(&late.timer, jiffies + 3);

	ret = dma_resv_wait_timeout(&mock->resv, ALL, false, 100 * HZ);
	KUNIT_EXPECT_GT(test, ret, 0);
	KUNIT_EXPECT_LT(test, ret, 100 * HZ);
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(&mock->resv, ALL));

	timer_delete_sync(&late.timer);
	destroy_timer_on_stack(&late.timer);
}

/* What the first fence leaves is what the second gets. */
static void dma_resv_wait_timeout_is_for_all_together(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fences[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		fences[i] = mock_fence_create_ops(test, i, 1, &mock_fence_wait_ops);
		to_mock_fence(fences[i])->wait_result = 70 - 10 * i;
		mock_resv_add(test, &mock->resv, fences[i], DMA_RESV_USAGE_READ);
	}

	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&mock->resv, ALL, true, 100), 60);
	KUNIT_EXPECT_EQ(test, to_mock_fence(fences[0])->wait_timeout, 100);
	KUNIT_EXPECT_EQ(test, to_mock_fence(fences[1])->wait_timeout, 70);
	KUNIT_EXPECT_TRUE(test, to_mock_fence(fences[0])->wait_intr);

	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&mock->resv, ALL, false, 0), 60);
	KUNIT_EXPECT_EQ(test, to_mock_fence(fences[1])->wait_timeout, 0);
	KUNIT_EXPECT_FALSE(test, to_mock_fence(fences[1])->wait_intr);

	for (i = 0; i < 2; i++)
		dma_fence_put(fences[i]);
}

/*
 * The next job of the same context comes in its place: nobody has to wait for
 * that one, too.
 */
struct successor {
	struct dma_resv *resv;
	struct dma_fence *fence;
};

static void wait_supersede(struct mock_fence *first)
{
	struct successor *next = first->data;

	dma_resv_lock(next->resv, NULL);
	if (!dma_resv_reserve_fences(next->resv, 1))
		dma_resv_add_fence(next->resv, next->fence, DMA_RESV_USAGE_READ);
	dma_resv_unlock(next->resv);
	dma_fence_signal(&first->base);
}

static void wait_superseded(struct kunit *test, unsigned int others)
{
	struct mock_resv *mock = test->priv;
	struct successor next = { .resv = &mock->resv };
	struct dma_fence *first, *other;

	next.fence = mock_fence_create_ops(test, 1, 2, &mock_fence_wait_ops);
	first = mock_fence_create_ops(test, 1, 1, &mock_fence_wait_ops);
	to_mock_fence(first)->wait_result = 5;
	to_mock_fence(first)->on_wait = wait_supersede;
	to_mock_fence(first)->data = &next;
	mock_resv_add(test, &mock->resv, first, DMA_RESV_USAGE_READ);

	while (others) {
		other = mock_fence_create_ops(test, 1 + others--, 1, &mock_fence_wait_ops);
		to_mock_fence(other)->wait_result = 4;
		mock_resv_add(test, &mock->resv, other, DMA_RESV_USAGE_READ);
		dma_fence_put(other);
	}

	KUNIT_EXPECT_GT(test, dma_resv_wait_timeout(&mock->resv, ALL, true, 100), 0);
	KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, next.fence, ALL), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(next.fence)->wait_calls), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(first)->wait_calls), 1);
	dma_fence_put(next.fence);
	dma_fence_put(first);
}

static void dma_resv_wait_timeout_superseded_is_not_waited_for_again(struct kunit *test)
{
	wait_superseded(test, 0);
}

static void dma_resv_wait_timeout_superseded_among_others_likewise(struct kunit *test)
{
	wait_superseded(test, 2);
}

static void dma_resv_wait_timeout_passes_error_and_stops(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fences[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		fences[i] = mock_fence_create_ops(test, i, 1, &mock_fence_wait_ops);
		to_mock_fence(fences[i])->wait_result = -EIO;
		mock_resv_add(test, &mock->resv, fences[i], DMA_RESV_USAGE_READ);
	}

	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&mock->resv, ALL, true, 100), -EIO);
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fences[1])->wait_calls), 0);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, kref_read(&fences[i]->refcount), 2);
		dma_fence_put(fences[i]);
	}
}

static void dma_resv_wait_timeout_interrupted_is_erestartsys(struct kunit *test)
{
	struct mock_resv *mock = test->priv;

	mock_resv_fill(test, &mock->resv, 1, 1, DMA_RESV_USAGE_READ);

	allow_signal(SIGUSR1);
	send_sig(SIGUSR1, current, 1);
	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&mock->resv, ALL, true, 100 * HZ),
			-ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, dma_resv_wait_timeout(&mock->resv, ALL, false, 2), 0);
	flush_signals(current);
	disallow_signal(SIGUSR1);
}

static void dma_resv_set_deadline_reaches_busy_fences(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fences[4];
	enum dma_resv_usage usage;

	for (usage = DMA_RESV_USAGE_KERNEL; usage <= ALL; usage++) {
		fences[usage] = mock_fence_create_ops(test, usage, 1, &mock_fence_full_ops);
		mock_resv_add(test, &mock->resv, fences[usage], usage);
	}
	dma_fence_signal(fences[DMA_RESV_USAGE_KERNEL]);

	dma_resv_set_deadline(&mock->resv, DMA_RESV_USAGE_READ, 4711);
	for (usage = DMA_RESV_USAGE_KERNEL; usage <= ALL; usage++) {
		bool told = usage == DMA_RESV_USAGE_WRITE || usage == DMA_RESV_USAGE_READ;
		struct mock_fence *fence = to_mock_fence(fences[usage]);

		KUNIT_EXPECT_EQ(test, atomic_read(&fence->deadline_calls), told);
		KUNIT_EXPECT_EQ(test, fence->deadline, told ? 4711 : 0);
		dma_fence_put(fences[usage]);
	}
}

static void dma_resv_test_signaled_follows_the_fences(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *filled[4];
	enum dma_resv_usage usage;

	query_fill(test, filled);
	for (usage = DMA_RESV_USAGE_KERNEL; usage <= ALL; usage++) {
		KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(&mock->resv, usage));
		KUNIT_EXPECT_EQ(test, kref_read(&filled[usage]->refcount), 1);
		dma_fence_signal(filled[usage]);
		KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(&mock->resv, usage));
	}
}

/* Polls a driver until it says yes, once; does not enable signaling. */
static void dma_resv_test_signaled_polls_driver(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct mock_fence *fence;

	fence = to_mock_fence(mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops));
	mock_resv_add(test, &mock->resv, &fence->base, DMA_RESV_USAGE_READ);

	KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(&mock->resv, ALL));
	fence->done = true;
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(&mock->resv, ALL));
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(&mock->resv, ALL));
	KUNIT_EXPECT_EQ(test, atomic_read(&fence->signaled_calls), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&fence->enable_calls), 0);
	dma_fence_put(&fence->base);
}

/*
 * Stock leaves out the fences that only bookkeeping has, which keep a buffer
 * from being freed.
 */
static void dma_resv_describe_prints_all_usages(struct kunit *test)
{
	static const char expected[] =
		"\tkernel fence:detached-driver signaled-timeline seq 1 signalled\n"
		"\twrite fence:mock timeline seq 1 unsignalled\n"
		"\tread fence:mock timeline seq 1 unsignalled\n"
		"\tbookkeep fence:mock timeline seq 1 unsignalled\n";
	struct mock_resv *mock = test->priv;
	struct dma_fence *filled[4];
	struct seq_file seq = {
		.buf = kunit_kzalloc(test, 512, GFP_KERNEL),
		.size = 511,
	};

	KUNIT_ASSERT_NOT_NULL(test, seq.buf);
	query_fill(test, filled);
	dma_fence_signal(filled[DMA_RESV_USAGE_KERNEL]);

	dma_resv_lock(&mock->resv, NULL);
	dma_resv_describe(&mock->resv, &seq);
	dma_resv_unlock(&mock->resv);
	KUNIT_EXPECT_STREQ(test, seq.buf, expected);
}

static void dma_resv_usage_rw_names_what_to_wait_for(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, dma_resv_usage_rw(true), DMA_RESV_USAGE_READ);
	KUNIT_EXPECT_EQ(test, dma_resv_usage_rw(false), DMA_RESV_USAGE_WRITE);
}

static struct kunit_case dma_resv_query_cases[] = {
	KUNIT_CASE(dma_resv_get_fences_without_fences_is_null),
	KUNIT_CASE(dma_resv_get_fences_returns_those_of_usage),
	KUNIT_CASE(dma_resv_get_fences_skips_signaled),
	KUNIT_CASE(dma_resv_get_fences_when_polling_finds_none_is_null),
	KUNIT_CASE(dma_resv_get_fences_of_many_returns_each_once),
	KUNIT_CASE(dma_resv_get_singleton_without_fences_is_null),
	KUNIT_CASE(dma_resv_get_singleton_of_one_is_the_fence),
	KUNIT_CASE(dma_resv_get_singleton_of_many_signals_after_all),
	KUNIT_CASE(dma_resv_get_singleton_of_few_left_is_small),
	KUNIT_CASE(dma_resv_copy_fences_replaces_all),
	KUNIT_CASE(dma_resv_copy_fences_skips_signaled),
	KUNIT_CASE(dma_resv_wait_timeout_when_idle_returns_timeout),
	KUNIT_CASE(dma_resv_wait_timeout_beyond_long_is_forever),
	KUNIT_CASE(dma_resv_wait_timeout_asks_driver_before_waiting),
	KUNIT_CASE(dma_resv_wait_timeout_asks_driver_after_each_wait),
	KUNIT_CASE(dma_resv_wait_timeout_of_zero_does_not_sleep),
	KUNIT_CASE(dma_resv_wait_timeout_when_time_runs_out_is_zero),
	KUNIT_CASE(dma_resv_wait_timeout_returns_time_left),
	KUNIT_CASE(dma_resv_wait_timeout_is_for_all_together),
	KUNIT_CASE(dma_resv_wait_timeout_superseded_is_not_waited_for_again),
	KUNIT_CASE(dma_resv_wait_timeout_superseded_among_others_likewise),
	KUNIT_CASE(dma_resv_wait_timeout_passes_error_and_stops),
	KUNIT_CASE(dma_resv_wait_timeout_interrupted_is_erestartsys),
	KUNIT_CASE(dma_resv_set_deadline_reaches_busy_fences),
	KUNIT_CASE(dma_resv_test_signaled_follows_the_fences),
	KUNIT_CASE(dma_resv_test_signaled_polls_driver),
	KUNIT_CASE(dma_resv_describe_prints_all_usages),
	KUNIT_CASE(dma_resv_usage_rw_names_what_to_wait_for),
	{}
};

static struct kunit_suite dma_resv_query_suite = {
	.name = "dma_resv_query",
	.init = mock_resv_init,
	.exit = mock_resv_exit,
	.test_cases = dma_resv_query_cases,
};

kunit_test_suite(dma_resv_query_suite);
