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
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/dma-fence.h>
#include <linux/err.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/limits.h>
#include <linux/mount.h>
#include <linux/prandom.h>
#include <linux/sched.h>
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
 * @mm: owner of @user
 * @user: user memory for the arguments of ioctls; each thread has its own half
 *	of the page
 */
struct sw_sync_fixture {
	struct vfsmount *mnt;
	struct file *timeline;
	struct mm_struct *mm;
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
	fx->mm = current->mm;
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

/**
 * struct intruder - a thread that uses the timeline during an increment
 * @thread: the thread; it preempts the test when woken
 * @fx: the timeline
 * @wake: callback on a point: wakes the thread from the middle of an increment
 * @first: the point with that callback
 * @ready: the thread waits for @go
 * @go: completed by @wake
 * @by: what the thread adds to the value, or 0
 * @create: value of a fence that the thread creates if @by is 0
 * @created: that fence
 */
struct intruder {
	struct mock_thread thread;
	struct sw_sync_fixture *fx;
	struct dma_fence_cb wake;
	struct dma_fence *first;
	struct completion ready;
	struct completion go;
	u32 by;
	u32 create;
	struct dma_fence *created;
};

static void intruder_wake(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	complete(&container_of(cb, struct intruder, wake)->go);
}

static void intruder_run(struct mock_thread *thread)
{
	struct intruder *intruder = thread->data;
	struct sw_sync_fixture *fx = intruder->fx;

	/* On the CPU of the test, and ahead of it. */
	set_cpus_allowed_ptr(current, cpumask_of(0));
	sched_set_fifo(current);
	kthread_use_mm(fx->mm);
	complete(&intruder->ready);
	wait_for_completion(&intruder->go);
	if (intruder->by)
		sw_sync_inc(fx, intruder->by, fx->user + PAGE_SIZE / 2);
	else
		intruder->created = sw_sync_create(fx, intruder->create,
						   fx->user + PAGE_SIZE / 2);
	kthread_unuse_mm(fx->mm);
}

/* Have the intruder wait for the point at 1 to signal. */
static void intruder_start(struct kunit *test, struct intruder *intruder)
{
	set_cpus_allowed_ptr(current, cpumask_of(0));
	intruder->fx = test->priv;
	init_completion(&intruder->ready);
	init_completion(&intruder->go);
	intruder->first = fence_at(test, 1);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(intruder->first, &intruder->wake,
						     intruder_wake), 0);
	KUNIT_ASSERT_EQ(test, mock_thread_start(&intruder->thread, intruder_run, intruder), 0);
	wait_for_completion(&intruder->ready);
}

static void intruder_end(struct intruder *intruder)
{
	mock_thread_wait(&intruder->thread);
	dma_fence_put(intruder->first);
}

/* Expect that an increment wakes its waiters in spite of the intruder. */
static void expect_inc_wakes_waiter(struct kunit *test, struct intruder *intruder)
{
	struct dma_fence *fence = fence_at(test, 2);
	struct mock_fence_cb cb = {};

	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(fence, &cb.base, mock_fence_cb_func), 0);
	intruder_start(test, intruder);
	advance(test, INT_MAX);
	intruder_end(intruder);

	KUNIT_EXPECT_EQ(test, cb.calls, 1);
	dma_fence_remove_callback(fence, &cb.base);
	expect_wait_ends(test, fence);
}

/* The value moves past half the range before every point is signaled. */
static void inc_during_inc_wakes_every_waiter(struct kunit *test)
{
	struct intruder intruder = { .by = INT_MAX };

	expect_inc_wakes_waiter(test, &intruder);
}

/* The new point is more than half the range ahead of a due point. */
static void create_during_inc_wakes_every_waiter(struct kunit *test)
{
	struct intruder intruder = { .create = 2u * INT_MAX };
	struct mock_fence_cb cb = {};

	expect_inc_wakes_waiter(test, &intruder);
	KUNIT_ASSERT_NOT_NULL(test, intruder.created);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(intruder.created, &cb.base,
						     mock_fence_cb_func), 0);
	advance(test, INT_MAX);
	KUNIT_EXPECT_EQ(test, cb.calls, 1);
	dma_fence_remove_callback(intruder.created, &cb.base);
	dma_fence_put(intruder.created);
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
	KUNIT_CASE(inc_during_inc_wakes_every_waiter),
	KUNIT_CASE(create_during_inc_wakes_every_waiter),
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
