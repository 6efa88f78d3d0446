// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs dma_buf/bufinfo: every buffer of the system, its fences, and the
 * devices attached to it.
 *
 * Locks: a mutex around the list of buffers, held for one step at a time and
 * never together with a reservation. Printing holds a reference to the buffer
 * instead: a driver that sits on a reservation delays the reader, not every
 * export and release of the system.
 */
#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/init.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <uapi/linux/dma-buf.h>

#include "dma-buf-internal.h"

static DEFINE_MUTEX(dma_buf_list_lock);
static LIST_HEAD(dma_buf_list);

/* Totals of one complete read of the file. */
struct dma_buf_debugfs_total {
	int count;
	size_t size;
};

/*
 * At the front, where a reading that is under way has passed already: so every
 * reading ends.
 */
void dma_buf_debugfs_add(struct dma_buf *dmabuf)
{
	guard(mutex)(&dma_buf_list_lock);
	list_add(&dmabuf->list_node, &dma_buf_list);
}

void dma_buf_debugfs_remove(struct dma_buf *dmabuf)
{
	guard(mutex)(&dma_buf_list_lock);
	list_del(&dmabuf->list_node);
}

/*
 * The buffer after @prev, or the first one, with a reference. @prev is still in
 * the list because the reader holds one to it; a buffer whose last reference
 * has gone already is passed over.
 */
static struct dma_buf *dma_buf_debugfs_next(struct dma_buf *prev)
{
	struct dma_buf *dmabuf;

	guard(mutex)(&dma_buf_list_lock);
	dmabuf = prev ?: list_entry(&dma_buf_list, struct dma_buf, list_node);
	list_for_each_entry_continue(dmabuf, &dma_buf_list, list_node)
		if (get_file_active(&dmabuf->file))
			return dmabuf;
	return NULL;
}

/*
 * Sizes and counts as tools know them; the reader's own reference is not one of
 * the buffer's users.
 */
static void dma_buf_debugfs_show_line(struct seq_file *s, struct dma_buf *dmabuf)
{
	struct file *file = dmabuf->file;

	guard(spinlock)(&dmabuf->name_lock);
	seq_printf(s, "%08zu\t%08x\t%08x\t%08ld\t%s\t%08lu\t", dmabuf->size, file->f_flags,
		   (__force unsigned int)file->f_mode, file_count(file) - 1, dmabuf->exp_name,
		   file_inode(file)->i_ino);
	dma_buf_name_print(s, dmabuf->name ?: "<none>");
	seq_putc(s, '\n');
}

static int dma_buf_debugfs_show_buffer(struct seq_file *s, struct dma_buf *dmabuf)
{
	struct dma_buf_attachment *attach;
	int attached = 0;
	int ret;

	ret = dma_resv_lock_interruptible(dmabuf->resv, NULL);
	if (ret)
		return ret;

	dma_buf_debugfs_show_line(s, dmabuf);
	dma_resv_describe(dmabuf->resv, s);
	seq_puts(s, "\tAttached Devices:\n");
	list_for_each_entry(attach, &dmabuf->attachments, node) {
		seq_printf(s, "\t%s\n", dev_name(attach->dev));
		attached++;
	}
	seq_printf(s, "Total %d devices attached\n\n", attached);

	dma_resv_unlock(dmabuf->resv);
	return 0;
}

/*
 * Print @dmabuf and all that follow it. The references go here, also when a
 * signal ends it early.
 */
static int dma_buf_debugfs_show_all(struct seq_file *s, struct dma_buf_debugfs_total *total)
{
	struct dma_buf *dmabuf = dma_buf_debugfs_next(NULL);
	int ret = 0;

	while (dmabuf && !ret) {
		struct dma_buf *next;

		ret = dma_buf_debugfs_show_buffer(s, dmabuf);
		total->size += dmabuf->size;
		total->count++;
		next = ret ? NULL : dma_buf_debugfs_next(dmabuf);
		dma_buf_put(dmabuf);
		dmabuf = next;
	}
	return ret;
}

static int dma_buf_debugfs_show(struct seq_file *s, void *unused)
{
	struct dma_buf_debugfs_total total = {};
	int ret;

	seq_puts(s, "\nDma-buf Objects:\n");
	seq_printf(s, "%-8s\t%-8s\t%-8s\t%-8s\texp_name\t%-8s\tname\n", "size", "flags", "mode",
		   "count", "ino");
	ret = dma_buf_debugfs_show_all(s, &total);
	if (ret)
		return ret;

	seq_printf(s, "\nTotal %d objects, %zu bytes\n", total.count, total.size);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(dma_buf_debugfs);

/* A kernel that cannot make its debugfs files works as well without. */
void __init dma_buf_debugfs_init(void)
{
	struct dentry *dir = debugfs_create_dir("dma_buf", NULL);

	debugfs_create_file("bufinfo", 0444, dir, NULL, &dma_buf_debugfs_fops);
}
