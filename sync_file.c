// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fences as file descriptors.
 *
 * A sync_file lets user space carry a fence between drivers and processes, wait
 * for it with poll(), ask what it is made of and merge two into one. The fence
 * of a file is fixed when the file is made, so nothing here needs a lock of its
 * own. poll() and release take the fence's lock, through
 * dma_fence_add_callback() and dma_fence_remove_callback(); callers therefore
 * hold no fence lock.
 *
 * The driver of a signaled fence may be gone, so a signaled fence shows
 * constant names.
 */
#include <linux/anon_inodes.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>
#include <uapi/linux/sync_file.h>

#include "sync_debug.h"

/* Bits of sync_file.flags */
enum sync_file_flag_bits {
	/* A poll() has added sync_file.cb, or is about to. */
	SYNC_FILE_ARMED_BIT,
};

static const struct file_operations sync_file_fops;

static void sync_file_fence_signaled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	wake_up_all(&container_of(cb, struct sync_file, cb)->wq);
}

/*
 * All files of this kind look the same from outside, name and inode included.
 * They share the dentry of this one, which no process ever opens. That saves
 * nearly half of the cost of making a file.
 */
static struct file *sync_file_model __ro_after_init;

static struct file *sync_file_getfile(void)
{
	if (likely(sync_file_model))
		return alloc_file_clone(sync_file_model, 0, &sync_file_fops);
	return anon_inode_getfile("sync_file", &sync_file_fops, NULL, 0);
}

/* Make the model as soon as there are anonymous inodes. */
static int __init sync_file_init(void)
{
	struct file *file = sync_file_getfile();

	if (IS_ERR(file))
		return PTR_ERR(file);

	sync_file_model = file;
	return 0;
}
fs_initcall_sync(sync_file_init);

/* Make a sync_file with a name, or NULL to be named after the fence. */
static struct sync_file *sync_file_make(struct dma_fence *fence, const char *name)
{
	struct sync_file *sync_file;

	sync_file = kzalloc(sizeof(*sync_file), GFP_KERNEL);
	if (!sync_file)
		return NULL;

	init_waitqueue_head(&sync_file->wq);
	sync_file->file = sync_file_getfile();
	if (IS_ERR(sync_file->file)) {
		kfree(sync_file);
		return NULL;
	}
	sync_file->file->private_data = sync_file;
	sync_file->fence = dma_fence_get(fence);
	if (name)
		strscpy(sync_file->user_name, name);
	sync_debug_file_add(sync_file);
	return sync_file;
}

/**
 * sync_file_create - make a file that stands for a fence
 * @fence: what the file stands for; the file takes a reference of its own
 *
 * The new file is not yet visible to user space: install &sync_file.file under
 * a reserved descriptor when nothing else can fail any more, or fput() it.
 *
 * Context: Process context, may sleep.
 * Return: the sync_file, owned by its file, or NULL when memory is short or
 * @fence is NULL.
 */
struct sync_file *sync_file_create(struct dma_fence *fence)
{
	if (WARN_ONCE(!fence, "sync_file needs a fence\n"))
		return NULL;

	return sync_file_make(fence, NULL);
}
EXPORT_SYMBOL(sync_file_create);

/**
 * sync_file_get_fence - look up the fence behind a file descriptor
 * @fd: descriptor of the calling process
 *
 * Context: Process context. Takes no locks.
 * Return: the fence with a reference that the caller puts, or NULL when @fd is
 * not open or is not a sync_file.
 */
struct dma_fence *sync_file_get_fence(int fd)
{
	CLASS(fd, f)(fd);
	struct sync_file *sync_file;

	if (!fd_file(f) || fd_file(f)->f_op != &sync_file_fops)
		return NULL;

	sync_file = fd_file(f)->private_data;
	return dma_fence_get(sync_file->fence);
}
EXPORT_SYMBOL(sync_file_get_fence);

/**
 * sync_file_get_name - write down what to call a sync_file
 * @sync_file: the file
 * @buf: where the name goes, always terminated
 * @len: size of @buf in bytes; a longer name is cut
 *
 * A file made by a merge has the name given there. Any other file is named
 * after its fence: driver, timeline, context and sequence number. The driver of
 * a signaled fence may be gone. Then the word "signaled" stands for both names.
 * It is short, so that context and sequence number fit into
 * &sync_file_info.name and tell files apart.
 *
 * Context: Any context.
 * Return: @buf.
 */
char *sync_file_get_name(struct sync_file *sync_file, char *buf, int len)
{
	struct dma_fence *fence = sync_file->fence;

	if (sync_file->user_name[0]) {
		strscpy(buf, sync_file->user_name, len);
		return buf;
	}

	/* The driver's names last for a grace period after the signal. */
	guard(rcu)();
	if (dma_fence_test_signaled_flag(fence))
		snprintf(buf, len, "signaled-%llu-%lld", fence->context, fence->seqno);
	else
		snprintf(buf, len, "%s-%s%llu-%lld", fence->ops->get_driver_name(fence),
			 fence->ops->get_timeline_name(fence), fence->context, fence->seqno);
	return buf;
}

static int sync_file_release(struct inode *inode, struct file *file)
{
	struct sync_file *sync_file = file->private_data;

	sync_debug_file_remove(sync_file);
	/*
	 * Also waits for a callback that is just running, so that it finds the
	 * queue alive.
	 */
	if (test_bit(SYNC_FILE_ARMED_BIT, &sync_file->flags))
		dma_fence_remove_callback(sync_file->fence, &sync_file->cb);
	dma_fence_put(sync_file->fence);
	kfree(sync_file);
	return 0;
}

/*
 * Have the queue woken when the fence signals. Only the first poll() adds the
 * callback. A second poll(), running beside it, finds the bit set and may fall
 * asleep. The callback is refused if the fence has signaled meanwhile. Then
 * only the first poll() can wake the second.
 */
static void sync_file_arm(struct sync_file *sync_file)
{
	if (test_and_set_bit(SYNC_FILE_ARMED_BIT, &sync_file->flags))
		return;
	if (dma_fence_add_callback(sync_file->fence, &sync_file->cb, sync_file_fence_signaled))
		wake_up_all(&sync_file->wq);
}

static __poll_t sync_file_poll(struct file *file, poll_table *wait)
{
	struct sync_file *sync_file = file->private_data;

	poll_wait(file, &sync_file->wq, wait);
	sync_file_arm(sync_file);
	return dma_fence_is_signaled(sync_file->fence) ? EPOLLIN : 0;
}

/* Returns a file that no process has yet, or NULL when memory is short. */
static struct sync_file *sync_file_merge(struct dma_fence *a, struct dma_fence *b, const char *name)
{
	struct sync_file *merged;
	struct dma_fence *both;

	both = dma_fence_unwrap_merge(a, b);
	if (!both)
		return NULL;

	merged = sync_file_make(both, name);
	dma_fence_put(both);
	return merged;
}

static long sync_file_ioctl_merge(struct sync_file *sync_file, struct sync_merge_data __user *arg)
{
	struct sync_merge_data data;
	struct sync_file *merged;
	struct dma_fence *other;
	int fd;

	if (copy_from_user(&data, arg, sizeof(data)))
		return -EFAULT;
	if (data.flags || data.pad)
		return -EINVAL;
	data.name[sizeof(data.name) - 1] = '\0';

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;

	other = sync_file_get_fence(data.fd2);
	if (!other) {
		put_unused_fd(fd);
		return -ENOENT;
	}

	merged = sync_file_merge(sync_file->fence, other, data.name);
	dma_fence_put(other);
	if (!merged) {
		put_unused_fd(fd);
		return -ENOMEM;
	}

	data.fence = fd;
	if (copy_to_user(arg, &data, sizeof(data))) {
		fput(merged->file);
		put_unused_fd(fd);
		return -EFAULT;
	}
	fd_install(fd, merged->file);
	return 0;
}

/*
 * Get the status of a fence, after making its driver signal it. Otherwise a
 * fence without waiters might never say that it is done.
 */
static int sync_file_fence_status(struct dma_fence *fence)
{
	dma_fence_enable_sw_signaling(fence);
	return dma_fence_get_status(fence);
}

static void sync_file_info_fill(struct sync_fence_info *info, struct dma_fence *fence)
{
	const char __rcu *driver, *timeline;

	memset(info, 0, sizeof(*info));
	info->status = sync_file_fence_status(fence);
	if (info->status)
		info->timestamp_ns = ktime_to_ns(dma_fence_timestamp(fence));

	guard(rcu)();
	driver = dma_fence_driver_name(fence);
	timeline = dma_fence_timeline_name(fence);
	strscpy(info->driver_name, rcu_dereference(driver), sizeof(info->driver_name));
	strscpy(info->obj_name, rcu_dereference(timeline), sizeof(info->obj_name));
}

static u32 sync_file_fences_count(struct dma_fence *head)
{
	struct dma_fence_unwrap cursor;
	struct dma_fence *fence;
	u32 count = 0;

	dma_fence_unwrap_for_each(fence, &cursor, head)
		count++;
	return count;
}

/*
 * Combine two statuses: pending if either is, else the first error, else
 * signaled.
 */
static int sync_file_status_combine(int a, int b)
{
	if (!a || !b)
		return 0;
	return a < 0 ? a : b;
}

/*
 * Write one record per fence to userspace and set status and num_fences of
 * @info. A chain loses its signaled links while it is walked, so there may be
 * fewer records than were counted before.
 */
static long sync_file_fences_report(struct dma_fence *head, struct sync_file_info *info)
{
	struct sync_fence_info __user *to = u64_to_user_ptr(info->sync_fence_info);
	struct dma_fence_unwrap cursor;
	struct sync_fence_info one;
	struct dma_fence *fence;
	u32 n = 0;

	info->status = 1;
	dma_fence_unwrap_for_each(fence, &cursor, head) {
		sync_file_info_fill(&one, fence);
		if (n == info->num_fences || copy_to_user(&to[n], &one, sizeof(one))) {
			dma_fence_put(cursor.chain);
			return n == info->num_fences ? -EINVAL : -EFAULT;
		}
		info->status = sync_file_status_combine(info->status, one.status);
		n++;
	}
	info->num_fences = n;
	return 0;
}

static long sync_file_ioctl_fence_info(struct sync_file *sync_file,
				       struct sync_file_info __user *arg)
{
	struct sync_file_info info;
	u32 count;
	long ret;

	if (copy_from_user(&info, arg, sizeof(info)))
		return -EFAULT;
	if (info.flags || info.pad)
		return -EINVAL;

	count = sync_file_fences_count(sync_file->fence);
	if (info.num_fences && info.num_fences < count)
		return -EINVAL;

	if (info.num_fences) {
		ret = sync_file_fences_report(sync_file->fence, &info);
		if (ret)
			return ret;
	} else {
		info.status = sync_file_fence_status(sync_file->fence);
		info.num_fences = count;
	}

	sync_file_get_name(sync_file, info.name, sizeof(info.name));
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static long sync_file_ioctl_set_deadline(struct sync_file *sync_file,
					 struct sync_set_deadline __user *arg)
{
	struct sync_set_deadline data;

	if (copy_from_user(&data, arg, sizeof(data)))
		return -EFAULT;
	if (data.pad)
		return -EINVAL;

	/*
	 * ktime_t is signed: a time beyond its range means never, not long ago.
	 */
	data.deadline_ns = min_t(u64, data.deadline_ns, KTIME_MAX);
	dma_fence_set_deadline(sync_file->fence, ns_to_ktime(data.deadline_ns));
	return 0;
}

static long sync_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct sync_file *sync_file = file->private_data;
	void __user *argp = (void __user *)arg;

	switch (cmd) {
	case SYNC_IOC_MERGE:
		return sync_file_ioctl_merge(sync_file, argp);
	case SYNC_IOC_FILE_INFO:
		return sync_file_ioctl_fence_info(sync_file, argp);
	case SYNC_IOC_SET_DEADLINE:
		return sync_file_ioctl_set_deadline(sync_file, argp);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations sync_file_fops = {
	.poll		= sync_file_poll,
	.unlocked_ioctl	= sync_file_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.release	= sync_file_release,
};
