// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-resv.c and dma-resv-query.c when memory is short: every
 * allocation of every call fails once; the call says so, nothing is changed and
 * nothing leaks.
 */
#include <kunit/test.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-resv.h>
#include <linux/kmsg_dump.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "expect-splat.h"
#include "fail-nth.h"
#include "kunit-rerun.h"
#include "mock-resv.h"

#define ALL	DMA_RESV_USAGE_BOOKKEEP

/* Fill the slots inside the object, so that the next fence needs memory. */
static int dma_resv_oom_init(struct kunit *test)
{
	struct mock_resv *mock;
	u64 context;
	int ret;

	if (!fail_nth_usable())
		kunit_skip(test, "allocations that may sleep do not fail");

	ret = mock_resv_init(test);
	mock = test->priv;
	for (context = 0; !ret && context < DMA_RESV_INLINE_SLOTS; context++)
		mock_resv_fill(test, &mock->resv, context, 1, DMA_RESV_USAGE_READ);
	return ret;
}

static void dma_resv_reserve_fences_without_memory_is_enomem(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	int ret;

	dma_resv_lock(&mock->resv, NULL);
	fail_nth_set(1);
	ret = dma_resv_reserve_fences(&mock->resv, 1);
	fail_nth_set(0);
	KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
	KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(&mock->resv, 1), 0);
	dma_resv_unlock(&mock->resv);

	KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), DMA_RESV_INLINE_SLOTS);
}

/*
 * A table with slots to spare is not to be had, one with those that were asked
 * for is.
 */
static void dma_resv_reserve_fences_without_memory_to_spare_succeeds(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence;
	unsigned int i;
	int ret;

	for (i = 0; i < 40; i++)
		mock_resv_fill(test, &mock->resv, 100 + i, 1, DMA_RESV_USAGE_READ);

	dma_resv_lock(&mock->resv, NULL);
	fail_nth_set(1);
	ret = dma_resv_reserve_fences(&mock->resv, 300);
	KUNIT_EXPECT_EQ(test, fail_nth_left(), 0);
	fail_nth_set(0);
	KUNIT_EXPECT_EQ(test, ret, 0);
	for (i = 0; !ret && i < 300; i++) {
		fence = mock_fence_create(test, 1000 + i, 1);
		dma_resv_add_fence(&mock->resv, fence, DMA_RESV_USAGE_READ);
		dma_fence_put(fence);
	}
	dma_resv_unlock(&mock->resv);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL),
			DMA_RESV_INLINE_SLOTS + 40 + (ret ? 0 : 300));
}

static void dma_resv_reserve_fences_with_room_needs_no_memory(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence, *more[DMA_RESV_INLINE_SLOTS];
	struct dma_resv_iter cursor;
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(more); i++)
		more[i] = mock_fence_create(test, 1000 + i, 1);

	dma_resv_lock(&mock->resv, NULL);
	dma_resv_for_each_fence(&cursor, &mock->resv, ALL, fence)
		dma_fence_signal(fence);

	fail_nth_set(1);
	ret = dma_resv_reserve_fences(&mock->resv, ARRAY_SIZE(more));
	for (i = 0; i < ARRAY_SIZE(more); i++)
		dma_resv_add_fence(&mock->resv, more[i], DMA_RESV_USAGE_READ);
	fail_nth_set(0);
	dma_resv_unlock(&mock->resv);

	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), ARRAY_SIZE(more));
	for (i = 0; i < ARRAY_SIZE(more); i++) {
		KUNIT_EXPECT_EQ(test, mock_resv_find(&mock->resv, more[i], ALL), 1);
		dma_fence_put(more[i]);
	}
}

/* Add a fence without a slot and without memory for one. */
static void oom_add_unreserved(struct dma_resv *resv, struct dma_fence *fence)
{
	guard(dma_resv)(resv);

	/*
	 * One says that no slot was reserved, the other that the fence is lost.
	 */
	expect_splat("dma_resv_slot_improvise");
	expect_splat("dma_resv_slot_improvise");
	fail_nth_set(1);
	dma_resv_add_fence(resv, fence, DMA_RESV_USAGE_READ);
	fail_nth_set(0);
}

/* No slot and no memory: the fence is left out, all else stays right. */
static void dma_resv_add_fence_unreserved_without_memory_leaves_out(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence = mock_fence_create(test, 1000, 1);

	oom_add_unreserved(&mock->resv, fence);

	KUNIT_EXPECT_EQ(test, mock_resv_count(&mock->resv, ALL), DMA_RESV_INLINE_SLOTS);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
	dma_fence_put(fence);
}

/* Count the lines of the kernel log that have a text in them. */
static unsigned int oom_log_count(struct kunit *test, const char *text)
{
	char *line = kunit_kzalloc(test, 1024, GFP_KERNEL);
	struct kmsg_dump_iter iter;
	unsigned int count = 0;
	size_t len;

	KUNIT_ASSERT_NOT_NULL(test, line);
	kmsg_dump_rewind(&iter);
	while (kmsg_dump_get_line(&iter, true, line, 1023, &len)) {
		line[len] = '\0';
		count += !!strstr(line, text);
	}
	return count;
}

/* Each lost fence is named in the log, whatever was warned about before. */
static void dma_resv_add_fence_each_left_out_warns(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	char text[64];
	u64 seqno;

	for (seqno = 1; seqno <= 3; seqno++) {
		struct dma_fence *fence = mock_fence_create(test, 4711, seqno);

		oom_add_unreserved(&mock->resv, fence);
		KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
		snprintf(text, sizeof(text), "fence 4711:%llu left out", seqno);
		KUNIT_EXPECT_EQ(test, oom_log_count(test, text), 1);
		dma_fence_put(fence);
	}
}

/*
 * The first allocation fails, then the second and so on, until one is left to
 * fail. Some are not ours but the debugging aids' of the allocator, which then
 * do without: the call may succeed, too.
 */
static void dma_resv_get_fences_without_memory_is_enomem(struct kunit *test)
{
	unsigned int n, left = 0, count, failures = 0;
	struct mock_resv *mock = test->priv;
	struct dma_fence **fences;
	int ret;

	for (n = 1; !left && n < 100; n++) {
		fail_nth_set(n);
		ret = dma_resv_get_fences(&mock->resv, ALL, &count, &fences);
		left = fail_nth_left();
		fail_nth_set(0);

		if (ret) {
			failures++;
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
			KUNIT_EXPECT_EQ(test, count, 0);
			KUNIT_EXPECT_NULL(test, fences);
			continue;
		}
		KUNIT_EXPECT_EQ(test, count, DMA_RESV_INLINE_SLOTS);
		while (count--)
			dma_fence_put(fences[count]);
		kfree(fences);
	}

	KUNIT_EXPECT_EQ(test, failures, 1);
	KUNIT_EXPECT_NE(test, left, 0);
}

struct oom_moving {
	struct mock_fence mock;
	struct dma_resv *resv;
	struct dma_fence *extra;
};

/*
 * The walk is at the first fence when the storage grows and gets one more than
 * was counted.
 */
static bool oom_moving_signaled(struct dma_fence *fence)
{
	struct oom_moving *moving = container_of(fence, struct oom_moving, mock.base);

	if (moving->extra)
		dma_resv_add_fence(moving->resv, moving->extra, DMA_RESV_USAGE_READ);
	dma_fence_put(moving->extra);
	moving->extra = NULL;
	return false;
}

static void oom_moving_release(struct dma_fence *fence)
{
	dma_fence_put(container_of(fence, struct oom_moving, mock.base)->extra);
	dma_fence_free(fence);
}

static const struct dma_fence_ops oom_moving_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.signaled = oom_moving_signaled,
	.release = oom_moving_release,
};

static void oom_moving_fill(struct kunit *test, struct dma_resv *resv)
{
	struct oom_moving *moving = kzalloc(sizeof(*moving), GFP_KERNEL);
	u64 context;

	KUNIT_ASSERT_NOT_NULL(test, moving);
	dma_resv_init(resv);
	spin_lock_init(&moving->mock.lock);
	moving->resv = resv;
	moving->extra = mock_fence_create(test, 51, 1);
	dma_fence_init(&moving->mock.base, &oom_moving_ops, &moving->mock.lock, 50, 1);
	mock_resv_add(test, resv, &moving->mock.base, DMA_RESV_USAGE_READ);
	dma_fence_put(&moving->mock.base);
	for (context = 1; context < DMA_RESV_INLINE_SLOTS; context++)
		mock_resv_fill(test, resv, context, 1, DMA_RESV_USAGE_READ);
}

/*
 * CVE-2023-53181: the walk starts over because there are more fences than it
 * has room for, and the array for them is not to be had. The references taken
 * so far must be dropped. Ours to fail are the larger storage (the extra fence
 * is left out then) and the array.
 */
static void dma_resv_get_fences_restarted_without_memory_leaks_nothing(struct kunit *test)
{
	unsigned int n, left = 0, count, failures = 0;
	struct dma_fence **fences, *fence;
	struct dma_resv_iter cursor;
	struct dma_resv resv;
	int ret;

	expect_splat("dma_resv_slot_improvise");
	expect_splat("dma_resv_slot_improvise");
	for (n = 1; !left && n < 100; n++) {
		oom_moving_fill(test, &resv);
		dma_resv_lock(&resv, NULL);
		fail_nth_set(n);
		ret = dma_resv_get_fences(&resv, ALL, &count, &fences);
		left = fail_nth_left();
		fail_nth_set(0);

		failures += ret == -ENOMEM;
		KUNIT_EXPECT_EQ(test, !ret, !!fences);
		while (fences && count--)
			dma_fence_put(fences[count]);
		kfree(fences);

		dma_resv_for_each_fence(&cursor, &resv, ALL, fence)
			KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
		dma_resv_unlock(&resv);
		dma_resv_fini(&resv);
	}

	KUNIT_EXPECT_EQ(test, failures, 1);
	KUNIT_EXPECT_NE(test, left, 0);
}

/*
 * Only without its first array it fails; else it has the first @num of the
 * reservation's fences.
 */
static void singleton_without_memory(struct kunit *test, struct dma_resv *resv,
				     struct dma_fence **fences, unsigned int num)
{
	unsigned int n, i, left = 0, failures = 0;
	struct dma_fence_array *array;
	struct dma_fence *fence;
	int ret;

	for (n = 1; !left && n < 100; n++) {
		fail_nth_set(n);
		ret = dma_resv_get_singleton(resv, ALL, &fence);
		left = fail_nth_left();
		fail_nth_set(0);

		if (ret) {
			failures++;
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
			KUNIT_EXPECT_NULL(test, fence);
			continue;
		}
		array = to_dma_fence_array(fence);
		KUNIT_ASSERT_NOT_NULL(test, array);
		KUNIT_ASSERT_EQ(test, array->num_fences, num);
		for (i = 0; i < num; i++)
			KUNIT_EXPECT_PTR_EQ(test, array->fences[i], fences[i]);
		dma_fence_put(fence);
	}

	KUNIT_EXPECT_EQ(test, failures, 1);
	KUNIT_EXPECT_NE(test, left, 0);
	for (i = 0; i < num; i++)
		KUNIT_EXPECT_EQ(test, kref_read(&fences[i]->refcount), 1);
}

static void dma_resv_get_singleton_without_memory_is_enomem(struct kunit *test)
{
	struct dma_fence *fences[DMA_RESV_INLINE_SLOTS];
	struct dma_resv resv;
	unsigned int i;

	dma_resv_init(&resv);
	for (i = 0; i < ARRAY_SIZE(fences); i++)
		fences[i] = mock_resv_fill(test, &resv, i + 1, 1, DMA_RESV_USAGE_READ);
	singleton_without_memory(test, &resv, fences, ARRAY_SIZE(fences));
	dma_resv_fini(&resv);
}

/* Without memory for a smaller array the larger one stays. */
static void dma_resv_get_singleton_of_few_left_needs_no_second_array(struct kunit *test)
{
	struct dma_fence *fences[16];
	struct dma_resv resv;
	unsigned int i;

	dma_resv_init(&resv);
	for (i = 0; i < ARRAY_SIZE(fences); i++)
		fences[i] = mock_resv_fill(test, &resv, i + 1, 1, DMA_RESV_USAGE_READ);
	for (i = 3; i < ARRAY_SIZE(fences); i++)
		dma_fence_signal(fences[i]);
	singleton_without_memory(test, &resv, fences, 3);
	dma_resv_fini(&resv);
}

static void dma_resv_copy_fences_without_memory_keeps_old(struct kunit *test)
{
	unsigned int n, left = 0, failures = 0;
	struct mock_resv *mock = test->priv;
	struct dma_fence *fence;
	struct dma_resv dst;
	int ret;

	for (n = 1; !left && n < 100; n++) {
		dma_resv_init(&dst);
		fence = mock_resv_fill(test, &dst, 100, 1, DMA_RESV_USAGE_WRITE);
		dma_resv_lock(&dst, NULL);
		fail_nth_set(n);
		ret = dma_resv_copy_fences(&dst, &mock->resv);
		left = fail_nth_left();
		fail_nth_set(0);
		dma_resv_unlock(&dst);

		if (ret) {
			failures++;
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
			KUNIT_EXPECT_EQ(test, mock_resv_find(&dst, fence, DMA_RESV_USAGE_WRITE), 1);
			KUNIT_EXPECT_EQ(test, mock_resv_count(&dst, ALL), 1);
		} else {
			KUNIT_EXPECT_EQ(test, mock_resv_count(&dst, ALL), DMA_RESV_INLINE_SLOTS);
		}
		dma_resv_fini(&dst);
	}

	KUNIT_EXPECT_EQ(test, failures, 1);
	KUNIT_EXPECT_NE(test, left, 0);
}

static struct kunit_case dma_resv_oom_cases[] = {
	KUNIT_CASE(dma_resv_reserve_fences_without_memory_is_enomem),
	KUNIT_CASE(dma_resv_reserve_fences_without_memory_to_spare_succeeds),
	KUNIT_CASE(dma_resv_reserve_fences_with_room_needs_no_memory),
	KUNIT_CASE(dma_resv_add_fence_unreserved_without_memory_leaves_out),
	KUNIT_CASE(dma_resv_add_fence_each_left_out_warns),
	KUNIT_CASE(dma_resv_get_fences_without_memory_is_enomem),
	KUNIT_CASE(dma_resv_get_fences_restarted_without_memory_leaks_nothing),
	KUNIT_CASE(dma_resv_get_singleton_without_memory_is_enomem),
	KUNIT_CASE(dma_resv_get_singleton_of_few_left_needs_no_second_array),
	KUNIT_CASE(dma_resv_copy_fences_without_memory_keeps_old),
	{}
};

static struct kunit_suite dma_resv_oom_suite = {
	.name = "dma_resv_oom",
	.suite_init = kunit_rerun_suite_init,
	.init = dma_resv_oom_init,
	.exit = mock_resv_exit,
	.test_cases = dma_resv_oom_cases,
};

kunit_test_suite(dma_resv_oom_suite);
