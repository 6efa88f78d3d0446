// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of sw_sync.c with callbacks and waits. Status queries and poll() ask
 * the driver, so they cannot tell whether the timeline signals its points. What
 * userspace sees is tested in selftests/sw-sync.c.
 *
 * The tests use the file in debugfs by its file operations, as a program would.
 */
#include <kunit/test.h>
#include <linux/cleanup.h>
#include <linux/dma-fence.h>
#include <linux/err.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/mount.h>
#include <linux/prandom.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>

#include "mock-fence.h"
#include "mock-task.h"

/* The ioctls of sync/sw_sync, which no header has. */
struct sw_sync_create_fence {
	__u32 value;
	char name[32];
	__s32 fence;
};

#define SW_SYNC_CREATE_FENCE	_IOWR('W', 0, struct sw_sync_create_fence)
#define SW_SYNC_INC		_IOW('W', 1, __u32)

/* A wait that needs all of it has failed. */
#define WAIT_LONG (20 * HZ)

/* The first value that is not ahead of 0 but behind it. */
#define HALF_RANGE 0x80000000u

/**
 * struct sw_sync_fixture - one timeline
 * @mnt: debugfs
 * @timeline: the open file
 * @user: user memory for the arguments of ioctls
 */
struct sw_sync_fixture {
	struct vfsmount *mnt;
	struct file *timeline;
	char __user *user;
};

static long sw_sync_call(struct sw_sync_fixture *fx, unsigned int cmd, void *arg, size_t size,
			 char __user *user)
{
	long ret;

	if (copy_to_user(user, arg, size))
		return -EFAULT;
	ret = fx->timeline->f_op->unlocked_ioctl(fx->timeline, cmd, (unsigned long)user);
	if (copy_from_user(arg, user, size))
		return -EFAULT;
	return ret;
}

static long sw_sync_inc(struct sw_sync_fixture *fx, u32 by, char __user *user)
{
	return sw_sync_call(fx, SW_SYNC_INC, &by, sizeof(by), user);
}

/* Return the fence at @value with a reference for the caller, or NULL. */
static struct dma_fence *sw_sync_create(struct sw_sync_fixture *fx, u32 value, char __user *user)
{
	struct sw_sync_create_fence data = { .value = value };
	struct dma_fence *fence;

	if (sw_sync_call(fx, SW_SYNC_CREATE_FENCE, &data, sizeof(data), user))
		return NULL;
	fence = sync_file_get_fence(data.fence);
	close_fd(data.fence);
	return fence;
}

static void advance(struct kunit *test, u32 by)
{
	struct sw_sync_fixture *fx = test->priv;

	KUNIT_ASSERT_EQ(test, sw_sync_inc(fx, by, fx->user), 0);
}

static struct dma_fence *fence_at(struct kunit *test, u32 value)
{
	struct sw_sync_fixture *fx = test->priv;
	struct dma_fence *fence = sw_sync_create(fx, value, fx->user);

	KUNIT_ASSERT_NOT_NULL(test, fence);
	return fence;
}

static int sw_sync_test_init(struct kunit *test)
{
	struct file_system_type *type = get_fs_type("debugfs");
	struct sw_sync_fixture *fx;

	if (!type || !IS_ENABLED(CONFIG_SW_SYNC))
		kunit_skip(test, "needs sw_sync in debugfs");
	fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);
	if (!fx)
		return -ENOMEM;
	fx->mnt = kern_mount(type);
	if (IS_ERR(fx->mnt))
		return PTR_ERR(fx->mnt);
	fx->timeline = file_open_root_mnt(fx->mnt, "sync/sw_sync", O_RDWR, 0);
	if (IS_ERR(fx->timeline)) {
		kern_unmount(fx->mnt);
		return PTR_ERR(fx->timeline);
	}
	test->priv = fx;
	fx->user = (char __user *)mock_user_page(test);
	return 0;
}

static void sw_sync_test_exit(struct kunit *test)
{
	struct sw_sync_fixture *fx = test->priv;

	if (!fx)
		return;
	if (fx->timeline)
		__fput_sync(fx->timeline);
	mock_fput_flush();
	kern_unmount(fx->mnt);
}

/* Expect that a wait for the fence ends, and drop it. */
static void expect_wait_ends(struct kunit *test, struct dma_fence *fence)
{
	KUNIT_EXPECT_GT(test, dma_fence_wait_timeout(fence, false, WAIT_LONG), 0);
	dma_fence_put(fence);
}

static void create_due_point_wait_ends(struct kunit *test)
{
	advance(test, 10);
	expect_wait_ends(test, fence_at(test, 10));
	expect_wait_ends(test, fence_at(test, 3));
	expect_wait_ends(test, fence_at(test, 0));
}

static void create_due_point_callback_enoent(struct kunit *test)
{
	struct mock_fence_cb cb = {};
	struct dma_fence *fence;

	advance(test, 10);
	fence = fence_at(test, 3);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb.base, mock_fence_cb_func),
			-ENOENT);
	dma_fence_remove_callback(fence, &cb.base);
	dma_fence_put(fence);
}

static void create_point_half_range_ahead_wait_ends(struct kunit *test)
{
	expect_wait_ends(test, fence_at(test, HALF_RANGE));
	advance(test, 5);
	expect_wait_ends(test, fence_at(test, 5 + HALF_RANGE));
}

static void create_point_below_half_range_ahead_waits(struct kunit *test)
{
	struct dma_fence *fence = fence_at(test, INT_MAX);

	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, 0), 0);
	advance(test, INT_MAX - 1);
	KUNIT_EXPECT_EQ(test, dma_fence_wait_timeout(fence, false, 0), 0);
	advance(test, 1);
	expect_wait_ends(test, fence);
}

static void close_pending_point_callback_runs(struct kunit *test)
{
	struct sw_sync_fixture *fx = test->priv;
	struct dma_fence *fence = fence_at(test, 1);
	struct mock_fence_cb cb = {};

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb.base, mock_fence_cb_func), 0);
	__fput_sync(fx->timeline);
	fx->timeline = NULL;
	KUNIT_EXPECT_EQ(test, cb.calls, 1);
	KUNIT_EXPECT_EQ(test, fence->error, -ENOENT);
	expect_wait_ends(test, fence);
}

/* Distances and increments at which comparisons of wrapping values go wrong. */
static u32 random_distance(struct rnd_state *rnd)
{
	static const u32 edges[] = {
		0, 1, 2, INT_MAX - 1, INT_MAX, HALF_RANGE, HALF_RANGE + 1, UINT_MAX - 1, UINT_MAX,
	};
	u32 pick = prandom_u32_state(rnd);

	if (pick % 4 == 0)
		return edges[prandom_u32_state(rnd) % ARRAY_SIZE(edges)];
	return pick % 4 == 1 ? prandom_u32_state(rnd) : prandom_u32_state(rnd) % 64;
}

/**
 * struct walker - a point, and when it must signal
 * @fence: the fence, or NULL
 * @cb: its callback
 * @left: how far the timeline is away
 */
struct walker {
	struct dma_fence *fence;
	struct mock_fence_cb cb;
	u32 left;
};

/* Make a point and add a callback; drop the point at once if it was due. */
static void walker_begin(struct kunit *test, struct walker *walker, u32 value, u32 left)
{
	bool due = left == 0 || left > INT_MAX;
	int ret;

	walker->fence = fence_at(test, value + left);
	walker->left = left;
	walker->cb = (struct mock_fence_cb) {};
	ret = dma_fence_add_callback(walker->fence, &walker->cb.base, mock_fence_cb_func);
	KUNIT_ASSERT_EQ_MSG(test, ret, due ? -ENOENT : 0, "value %#x, %#x ahead", value, left);
	if (!due)
		return;
	dma_fence_put(walker->fence);
	walker->fence = NULL;
}

static void walker_end(struct walker *walker)
{
	if (!walker->fence)
		return;
	dma_fence_remove_callback(walker->fence, &walker->cb.base);
	dma_fence_put(walker->fence);
	walker->fence = NULL;
}

/*
 * The timeline has advanced: the callback has run if the point was passed, and
 * only then.
 */
static void walker_check(struct kunit *test, struct walker *walker, u32 by)
{
	if (!walker->fence)
		return;
	KUNIT_ASSERT_EQ_MSG(test, walker->cb.calls, by >= walker->left, "%#x ahead, moved by %#x",
			    walker->left, by);
	if (by >= walker->left)
		walker_end(walker);
	else
		walker->left -= by;
}

static void points_in_any_order_signal_when_passed(struct kunit *test)
{
	struct walker *walkers = kunit_kcalloc(test, 16, sizeof(*walkers), GFP_KERNEL);
	struct rnd_state rnd;
	u32 value = 0, by;
	int i, step;

	KUNIT_ASSERT_NOT_NULL(test, walkers);
	prandom_seed_state(&rnd, 4711);
	for (step = 0; step < 2000; step++) {
		struct walker *walker = &walkers[prandom_u32_state(&rnd) % 16];

		walker_end(walker);
		walker_begin(test, walker, value, random_distance(&rnd));
		if (step % 4)
			continue;
		by = random_distance(&rnd);
		advance(test, by);
		value += by;
		for (i = 0; i < 16; i++)
			walker_check(test, &walkers[i], by);
	}
	for (i = 0; i < 16; i++)
		walker_end(&walkers[i]);
}

static struct kunit_case sw_sync_cases[] = {
	KUNIT_CASE(create_due_point_wait_ends),
	KUNIT_CASE(create_due_point_callback_enoent),
	KUNIT_CASE(create_point_half_range_ahead_wait_ends),
	KUNIT_CASE(create_point_below_half_range_ahead_waits),
	KUNIT_CASE(close_pending_point_callback_runs),
	KUNIT_CASE(points_in_any_order_signal_when_passed),
	{}
};

static struct kunit_suite sw_sync_suite = {
	.name = "sw_sync",
	.init = sw_sync_test_init,
	.exit = sw_sync_test_exit,
	.test_cases = sw_sync_cases,
};

kunit_test_suite(sw_sync_suite);
