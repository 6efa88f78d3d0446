// SPDX-License-Identifier: GPL-2.0-only
/*
 * A timeline that userspace drives: for testing everything that waits for
 * fences.
 *
 * Opening debugfs sync/sw_sync makes a timeline at zero; one ioctl makes a
 * fence at a point of it, another advances it. A fence whose creator never gets
 * there blocks its waiters. So never offer this to processes that are not
 * trusted with the whole machine.
 *
 * Locks: the timeline's, which is that of its fences. While a fence signals, a
 * callback may drop the last reference to any other fence of the same timeline,
 * with that lock held: so a release takes no lock. A point whose references
 * have gone stays in the timeline until an RCU callback removes it. A thread
 * that finds a point there has to get a reference before using it.
 */
#include <linux/compat.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/limits.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>

#include "sync_debug.h"

#define CREATE_TRACE_POINTS
#include "sync_trace.h"

static const struct dma_fence_ops sync_point_ops;

static struct sync_timeline *sync_timeline_create(const char *name)
{
	struct sync_timeline *timeline = kzalloc(sizeof(*timeline), GFP_KERNEL);

	if (!timeline)
		return NULL;

	kref_init(&timeline->refcount);
	strscpy(timeline->name, name);
	timeline->context = dma_fence_context_alloc(1);
	spin_lock_init(&timeline->lock);
	timeline->points = RB_ROOT;
	sync_debug_timeline_add(timeline);
	return timeline;
}

static void sync_timeline_free(struct kref *kref)
{
	struct sync_timeline *timeline = container_of(kref, struct sync_timeline, refcount);

	sync_debug_timeline_remove(timeline);
	kfree(timeline);
}

static void sync_timeline_put(struct sync_timeline *timeline)
{
	kref_put(&timeline->refcount, sync_timeline_free);
}

static struct sync_timeline *sync_point_timeline(struct dma_fence *fence)
{
	return container_of(fence->lock, struct sync_timeline, lock);
}

static struct sync_point *sync_point_from_fence(struct dma_fence *fence)
{
	return fence->ops == &sync_point_ops ? container_of(fence, struct sync_point, base) : NULL;
}

/*
 * Return true if the timeline has reached the point. Values wrap: a point is
 * pending while it lies less than half the range ahead, so exactly half the
 * range ahead is due.
 */
static bool sync_point_is_due(const struct sync_point *point, u32 value)
{
	return !__dma_fence_is_later(point->base.seqno, value, point->base.ops);
}

/*
 * Order two points of the tree. Every point in the tree is pending, hence less
 * than half the range ahead of the value. Two of them are less than half the
 * range apart, so this order is total.
 */
static int sync_point_compare(struct rb_node *node, const struct rb_node *other)
{
	u32 a = rb_entry(node, struct sync_point, node)->base.seqno;
	u32 b = rb_entry(other, struct sync_point, node)->base.seqno;

	return (s32)(a - b);
}

static void sync_point_unlink_locked(struct sync_timeline *timeline, struct sync_point *point)
{
	if (RB_EMPTY_NODE(&point->node))
		return;
	rb_erase(&point->node, &timeline->points);
	RB_CLEAR_NODE(&point->node);
}

static const char *sync_point_driver_name(struct dma_fence *fence)
{
	return "sw_sync";
}

static const char *sync_point_timeline_name(struct dma_fence *fence)
{
	return sync_point_timeline(fence)->name;
}

static bool sync_point_signaled(struct dma_fence *fence)
{
	struct sync_point *point = container_of(fence, struct sync_point, base);

	return sync_point_is_due(point, READ_ONCE(sync_point_timeline(fence)->value));
}

static void sync_point_value_str(struct dma_fence *fence, char *str, int size)
{
	snprintf(str, size, "%lld", fence->seqno);
}

static void sync_point_timeline_value_str(struct dma_fence *fence, char *str, int size)
{
	snprintf(str, size, "%u", READ_ONCE(sync_point_timeline(fence)->value));
}

/* The earliest wish counts. */
static void sync_point_set_deadline(struct dma_fence *fence, ktime_t deadline)
{
	struct sync_point *point = container_of(fence, struct sync_point, base);

	guard(spinlock_irqsave)(fence->lock);
	point->deadline = min(point->deadline, deadline);
}

/*
 * Free a point. Taking the lock is safe, because an RCU callback runs with no
 * lock held. Threads that found the point without a reference have let go of
 * it.
 */
static void sync_point_free_rcu(struct rcu_head *rcu)
{
	struct dma_fence *fence = container_of(rcu, struct dma_fence, rcu);
	struct sync_point *point = container_of(fence, struct sync_point, base);
	struct sync_timeline *timeline = sync_point_timeline(fence);

	scoped_guard(spinlock_irqsave, &timeline->lock)
		sync_point_unlink_locked(timeline, point);
	kfree(point);
	sync_timeline_put(timeline);
}

static void sync_point_release(struct dma_fence *fence)
{
	call_rcu(&fence->rcu, sync_point_free_rcu);
}

static const struct dma_fence_ops sync_point_ops = {
	.get_driver_name = sync_point_driver_name,
	.get_timeline_name = sync_point_timeline_name,
	.signaled = sync_point_signaled,
	.release = sync_point_release,
	.fence_value_str = sync_point_value_str,
	.timeline_value_str = sync_point_timeline_value_str,
	.set_deadline = sync_point_set_deadline,
};

/*
 * Insert @point. If a live point has this value already, return that one
 * instead, with a reference. A dying point is replaced.
 */
static struct sync_point *sync_timeline_enter_locked(struct sync_timeline *timeline,
						     struct sync_point *point)
{
	struct sync_point *other;
	struct rb_node *node;

	node = rb_find_add(&point->node, &timeline->points, sync_point_compare);
	if (!node)
		return NULL;

	other = rb_entry(node, struct sync_point, node);
	if (dma_fence_get_rcu(&other->base))
		return other;

	rb_replace_node(node, &point->node, &timeline->points);
	RB_CLEAR_NODE(node);
	return NULL;
}

/*
 * Make a point known to its timeline. Signal it if it is due: the timeline will
 * not come by again. Return the live point that had this value before, with a
 * reference, or NULL.
 */
static struct sync_point *sync_timeline_add_locked(struct sync_timeline *timeline,
						   struct sync_point *point)
{
	if (!sync_point_is_due(point, timeline->value))
		return sync_timeline_enter_locked(timeline, point);

	dma_fence_signal_locked(&point->base);
	return NULL;
}

/*
 * Return a fence at @value, with a reference for the caller; NULL if memory is
 * short.
 */
static struct sync_point *sync_point_create(struct sync_timeline *timeline, u32 value)
{
	struct sync_point *point = kzalloc(sizeof(*point), GFP_KERNEL);
	struct sync_point *other = NULL;

	if (!point)
		return NULL;

	kref_get(&timeline->refcount);
	dma_fence_init(&point->base, &sync_point_ops, &timeline->lock, timeline->context, value);
	point->deadline = KTIME_MAX;
	RB_CLEAR_NODE(&point->node);

	scoped_guard(spinlock_irq, &timeline->lock)
		other = sync_timeline_add_locked(timeline, point);
	if (!other)
		return point;

	dma_fence_put(&point->base);
	return other;
}

/*
 * Move the points that are due, or all points, from the tree to @done, the
 * earliest first. Each comes with a reference. Dying points are dropped.
 */
static void sync_timeline_take_locked(struct sync_timeline *timeline, bool all,
				      struct list_head *done)
{
	struct sync_point *point;
	struct rb_node *node;

	while ((node = rb_first(&timeline->points))) {
		point = rb_entry(node, struct sync_point, node);
		if (!all && !sync_point_is_due(point, timeline->value))
			break;
		sync_point_unlink_locked(timeline, point);
		if (dma_fence_get_rcu(&point->base))
			list_add_tail(&point->done_node, done);
	}
}

/*
 * Signal the points of a list and drop its references, without the timeline's
 * lock: a reference may be the last one, and many points must not keep
 * interrupts off.
 */
static void sync_points_signal(struct list_head *done, int error)
{
	struct sync_point *point, *next;

	list_for_each_entry_safe(point, next, done, done_node) {
		if (error)
			dma_fence_set_error(&point->base, error);
		dma_fence_signal(&point->base);
		dma_fence_put(&point->base);
		cond_resched();
	}
}

/*
 * Advance the timeline by at most half the range of values, over which
 * comparison works. Points that become due leave the tree together with the
 * change of the value. Another thread that advances or creates a point
 * meanwhile finds only pending points there.
 */
static void sync_timeline_stride(struct sync_timeline *timeline, u32 by)
{
	LIST_HEAD(done);

	scoped_guard(spinlock_irq, &timeline->lock) {
		WRITE_ONCE(timeline->value, timeline->value + by);
		sync_timeline_take_locked(timeline, false, &done);
	}
	trace_sync_timeline(timeline);
	sync_points_signal(&done, 0);
}

static void sync_timeline_advance(struct sync_timeline *timeline, u32 by)
{
	while (by) {
		u32 stride = min_t(u32, by, INT_MAX);

		sync_timeline_stride(timeline, stride);
		by -= stride;
	}
}

static int sw_sync_open(struct inode *inode, struct file *file)
{
	char comm[TASK_COMM_LEN];

	get_task_comm(comm, current);
	file->private_data = sync_timeline_create(comm);
	return file->private_data ? 0 : -ENOMEM;
}

/* Fail the pending points: the timeline will not advance again. */
static int sw_sync_release(struct inode *inode, struct file *file)
{
	struct sync_timeline *timeline = file->private_data;
	LIST_HEAD(done);

	scoped_guard(spinlock_irq, &timeline->lock)
		sync_timeline_take_locked(timeline, true, &done);
	sync_points_signal(&done, -ENOENT);
	sync_timeline_put(timeline);
	return 0;
}

static long sw_sync_ioctl_create_fence(struct sync_timeline *timeline,
				       struct sw_sync_create_fence_data __user *user)
{
	struct sw_sync_create_fence_data data;
	struct sync_file *sync_file;
	struct sync_point *point;
	int fd, ret;

	if (copy_from_user(&data, user, sizeof(data)))
		return -EFAULT;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;

	ret = -ENOMEM;
	point = sync_point_create(timeline, data.value);
	if (!point)
		goto err_fd;

	sync_file = sync_file_create(&point->base);
	dma_fence_put(&point->base);
	if (!sync_file)
		goto err_fd;

	data.fence = fd;
	if (copy_to_user(user, &data, sizeof(data))) {
		ret = -EFAULT;
		goto err_file;
	}

	fd_install(fd, sync_file->file);
	return 0;

err_file:
	fput(sync_file->file);
err_fd:
	put_unused_fd(fd);
	return ret;
}

static long sw_sync_ioctl_inc(struct sync_timeline *timeline, const __u32 __user *user)
{
	u32 value;

	if (get_user(value, user))
		return -EFAULT;
	sync_timeline_advance(timeline, value);
	return 0;
}

static long sw_sync_fence_deadline(struct dma_fence *fence, u64 *deadline_ns)
{
	struct sync_point *point = sync_point_from_fence(fence);

	if (!point)
		return -EINVAL;

	guard(spinlock_irq)(fence->lock);
	if (point->deadline == KTIME_MAX)
		return -ENOENT;
	*deadline_ns = ktime_to_ns(point->deadline);
	return 0;
}

static long sw_sync_ioctl_get_deadline(struct sw_sync_get_deadline __user *user)
{
	struct sw_sync_get_deadline query;
	struct dma_fence *fence;
	long ret;

	if (copy_from_user(&query, user, sizeof(query)))
		return -EFAULT;
	if (query.deadline_ns || query.pad)
		return -EINVAL;

	fence = sync_file_get_fence(query.fence_fd);
	if (!fence)
		return -EINVAL;

	ret = sw_sync_fence_deadline(fence, &query.deadline_ns);
	dma_fence_put(fence);
	if (!ret && copy_to_user(user, &query, sizeof(query)))
		ret = -EFAULT;
	return ret;
}

static long sw_sync_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct sync_timeline *timeline = file->private_data;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case SW_SYNC_IOC_CREATE_FENCE:
		return sw_sync_ioctl_create_fence(timeline, user);
	case SW_SYNC_IOC_INC:
		return sw_sync_ioctl_inc(timeline, user);
	case SW_SYNC_GET_DEADLINE:
		return sw_sync_ioctl_get_deadline(user);
	default:
		return -ENOTTY;
	}
}

const struct file_operations sw_sync_fops = {
	.open = sw_sync_open,
	.release = sw_sync_release,
	.unlocked_ioctl = sw_sync_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};
