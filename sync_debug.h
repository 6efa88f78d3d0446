/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations that sw_sync.c, sync_debug.c and sync_file.c share, with a
 * section for each file that implements them.
 */
#ifndef _DMA_BUF_SYNC_DEBUG_H
#define _DMA_BUF_SYNC_DEBUG_H

#include <linux/dma-fence.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <uapi/linux/ioctl.h>

struct sync_file;

/*
 * sw_sync.c: the ioctls of sync/sw_sync, known to test programs by these
 * numbers and layouts
 */

/**
 * struct sw_sync_create_fence_data - argument of SW_SYNC_IOC_CREATE_FENCE
 * @value: the point at which the fence signals
 * @name: unused but kept for the sake of the layout; a name of the fence
 * @fence: returned file descriptor of a sync_file
 */
struct sw_sync_create_fence_data {
	__u32 value;
	char name[32];
	__s32 fence;
};

/**
 * struct sw_sync_get_deadline - argument of SW_SYNC_GET_DEADLINE
 * @deadline_ns: returned deadline, CLOCK_MONOTONIC; zero on entry
 * @pad: zero
 * @fence_fd: file descriptor of a sync_file with a fence of this kind
 */
struct sw_sync_get_deadline {
	__u64 deadline_ns;
	__u32 pad;
	__s32 fence_fd;
};

#define SW_SYNC_IOC_MAGIC 'W'
#define SW_SYNC_IOC_CREATE_FENCE _IOWR(SW_SYNC_IOC_MAGIC, 0, struct sw_sync_create_fence_data)
#define SW_SYNC_IOC_INC _IOW(SW_SYNC_IOC_MAGIC, 1, __u32)
#define SW_SYNC_GET_DEADLINE _IOWR(SW_SYNC_IOC_MAGIC, 2, struct sw_sync_get_deadline)

/* sw_sync.c */

/**
 * struct sync_timeline - a counter that userspace advances
 * @refcount: the open file holds one, and so does each point until its memory
 *	goes
 * @name: command name of the task that opened it
 * @context: of its fences
 * @lock: of its fences too; protects @value and @points. Taken with interrupts
 *	off
 * @value: points up to here are due; wraps. Written under @lock, read without
 *	it. Locking: @lock
 * @points: the pending points, the earliest first. A point leaves the tree
 *	together with the change of @value that makes it due. Locking:
 *	@lock
 * @node: link in the list of all timelines. Locking: the list's own lock
 */
struct sync_timeline {
	struct kref refcount;
	char name[32];
	u64 context;
	spinlock_t lock; /* of the fences too */
	u32 value;
	struct rb_root points;
	struct list_head node;
};

/**
 * struct sync_point - a fence that signals when its timeline gets there
 * @base: the fence; its lock is that of the timeline
 * @node: link in &sync_timeline.points while pending. Locking: the timeline's
 *	lock
 * @done_node: link in the list of points that one thread is about to signal.
 *	The list holds a reference. Locking: belongs to that thread
 * @deadline: earliest time by which a waiter wants it to signal; KTIME_MAX if
 *	no waiter gave one.
 *	Locking: the timeline's lock
 */
struct sync_point {
	struct dma_fence base;
	struct rb_node node;
	struct list_head done_node;
	ktime_t deadline;
};

extern const struct file_operations sw_sync_fops;

/* sync_debug.c */

#if IS_ENABLED(CONFIG_SW_SYNC)
void sync_debug_timeline_add(struct sync_timeline *timeline);
void sync_debug_timeline_remove(struct sync_timeline *timeline);

extern spinlock_t sync_file_list_lock;
extern struct list_head sync_file_list;

/*
 * Every sync_file comes by here, so these are short. At the front, so that
 * every reading ends.
 */
static inline void sync_debug_file_add(struct sync_file *sync_file)
{
	spin_lock(&sync_file_list_lock);
	list_add(&sync_file->sync_file_list, &sync_file_list);
	spin_unlock(&sync_file_list_lock);
}

static inline void sync_debug_file_remove(struct sync_file *sync_file)
{
	spin_lock(&sync_file_list_lock);
	list_del(&sync_file->sync_file_list);
	spin_unlock(&sync_file_list_lock);
}
#else
static inline void sync_debug_file_add(struct sync_file *sync_file) {}
static inline void sync_debug_file_remove(struct sync_file *sync_file) {}
#endif

#endif /* _DMA_BUF_SYNC_DEBUG_H */
