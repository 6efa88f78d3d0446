// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs sync/: the software timeline itself (see sw_sync.c), and sync/info,
 * which lists all such timelines with their points and all sync_files with
 * their fences.
 *
 * Locks: a spinlock around the list of timelines, because a timeline may go in
 * any context; under it the lock of one timeline. A spinlock around the list of
 * files, too, held for one step at a time: printing one, with as many fences as
 * it may have, holds a reference to it instead.
 */
#include <linux/debugfs.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/file.h>
#include <linux/init.h>
#include <linux/seq_file.h>
#include <linux/sync_file.h>

#include "sync_debug.h"

static LIST_HEAD(sync_timeline_list);
static DEFINE_SPINLOCK(sync_timeline_list_lock);
LIST_HEAD(sync_file_list);
DEFINE_SPINLOCK(sync_file_list_lock);

void sync_debug_timeline_add(struct sync_timeline *timeline)
{
	guard(spinlock_irqsave)(&sync_timeline_list_lock);
	list_add_tail(&timeline->node, &sync_timeline_list);
}

void sync_debug_timeline_remove(struct sync_timeline *timeline)
{
	guard(spinlock_irqsave)(&sync_timeline_list_lock);
	list_del(&timeline->node);
}

static const char *sync_debug_status(int status)
{
	if (status < 0)
		return "error";
	return status ? "signaled" : "active";
}

/* Print the pending points. Points that are due are not in the tree. */
static void sync_debug_show_timeline(struct seq_file *s, struct sync_timeline *timeline)
{
	struct rb_node *node;

	guard(spinlock)(&timeline->lock);
	seq_printf(s, "%s: %u\n", timeline->name, timeline->value);
	for (node = rb_first(&timeline->points); node; node = rb_next(node)) {
		struct sync_point *point = rb_entry(node, struct sync_point, node);

		seq_printf(s, "  fence %s: %lld / %u\n", sync_debug_status(0), point->base.seqno,
			   timeline->value);
	}
}

/*
 * Print the driver's view of a fence. The driver may forget all this, or go
 * altogether, an RCU grace period after the fence has signaled. So it is asked
 * only while the fence is unsignaled.
 */
static void sync_debug_show_pending(struct seq_file *s, struct dma_fence *fence)
{
	const struct dma_fence_ops *ops = fence->ops;
	char value[64] = "", timeline_value[64] = "";

	guard(rcu)();
	if (test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags)) {
		seq_puts(s, "  fence signaled\n");
		return;
	}

	if (ops->fence_value_str)
		ops->fence_value_str(fence, value, sizeof(value));
	if (ops->timeline_value_str)
		ops->timeline_value_str(fence, timeline_value, sizeof(timeline_value));
	seq_printf(s, "  %s_fence active%s%s%s%s\n", ops->get_timeline_name(fence),
		   *value ? ": " : "", value, *timeline_value ? " / " : "", timeline_value);
}

static void sync_debug_show_fence(struct seq_file *s, struct dma_fence *fence)
{
	int status = dma_fence_get_status(fence);
	struct timespec64 when;

	if (!status) {
		sync_debug_show_pending(s, fence);
		return;
	}
	when = ktime_to_timespec64(dma_fence_timestamp(fence));
	seq_printf(s, "  fence %s@%lld.%09ld\n", sync_debug_status(status), (s64)when.tv_sec,
		   when.tv_nsec);
}

static void sync_debug_show_file(struct seq_file *s, struct sync_file *sync_file)
{
	struct dma_fence_unwrap iter;
	struct dma_fence *fence;
	char name[64];

	seq_printf(s, "[%p] %s: %s\n", sync_file,
		   sync_file_get_name(sync_file, name, sizeof(name)),
		   sync_debug_status(dma_fence_get_status(sync_file->fence)));
	dma_fence_unwrap_for_each(fence, &iter, sync_file->fence)
		sync_debug_show_fence(s, fence);
}

static void sync_debug_show_timelines(struct seq_file *s)
{
	struct sync_timeline *timeline;

	guard(spinlock_irq)(&sync_timeline_list_lock);
	list_for_each_entry(timeline, &sync_timeline_list, node) {
		sync_debug_show_timeline(s, timeline);
		seq_putc(s, '\n');
	}
}

/*
 * The file after @prev, which the caller has, or the first one, with a
 * reference. One whose last reference has gone is passed over.
 */
static struct sync_file *sync_debug_next_file(struct sync_file *prev)
{
	struct sync_file *next;

	guard(spinlock)(&sync_file_list_lock);
	next = prev ?: list_entry(&sync_file_list, struct sync_file, sync_file_list);
	list_for_each_entry_continue(next, &sync_file_list, sync_file_list)
		if (get_file_active(&next->file))
			return next;
	return NULL;
}

static void sync_debug_show_files(struct seq_file *s)
{
	struct sync_file *next, *sync_file = sync_debug_next_file(NULL);

	while (sync_file) {
		sync_debug_show_file(s, sync_file);
		seq_putc(s, '\n');
		next = sync_debug_next_file(sync_file);
		fput(sync_file->file);
		sync_file = next;
	}
}

static int sync_debug_info_show(struct seq_file *s, void *unused)
{
	seq_puts(s, "objs:\n--------------\n");
	sync_debug_show_timelines(s);
	seq_puts(s, "fences:\n--------------\n");
	sync_debug_show_files(s);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sync_debug_info);

static int __init sync_debug_init(void)
{
	struct dentry *dir = debugfs_create_dir("sync", NULL);

	debugfs_create_file("info", 0444, dir, NULL, &sync_debug_info_fops);
	/*
	 * Without debugfs's own wrapper, which knows nothing of ioctl on a file
	 * that stays.
	 */
	debugfs_create_file_unsafe("sw_sync", 0644, dir, NULL, &sw_sync_fops);
	return 0;
}
late_initcall(sync_debug_init);
