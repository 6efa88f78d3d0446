// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file operations of a buffer: mmap, llseek, ioctl, and fdinfo in /proc.
 * There is neither read nor write, because processes reach the bytes through a
 * mapping.
 *
 * poll() is in dma-buf-poll.c, the two sync_file ioctls are in
 * dma-buf-sync-file.c.
 *
 * Locks: the name lock around the name. The exporter's mmap is called without
 * the reservation.
 */
#include <linux/compat.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <uapi/linux/dma-buf.h>

#include "dma-buf-internal.h"

static int dma_buf_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct dma_buf *dmabuf = file->private_data;
	unsigned long pages = dmabuf->size >> PAGE_SHIFT;

	if (!dmabuf->ops->mmap)
		return -EINVAL;
	/*
	 * The two sides of the sum cannot wrap: mmap() has checked that the end
	 * is representable.
	 */
	if (vma->vm_pgoff + vma_pages(vma) > pages)
		return -EINVAL;

	return dmabuf->ops->mmap(dmabuf, vma);
}

/*
 * The one use of seeking is to ask for the size: to either end, and nowhere
 * else.
 */
static loff_t dma_buf_file_llseek(struct file *file, loff_t offset, int whence)
{
	struct dma_buf *dmabuf = file->private_data;

	if (offset)
		return -EINVAL;

	switch (whence) {
	case SEEK_SET:
		return 0;
	case SEEK_END:
		return dmabuf->size;
	default:
		return -EINVAL;
	}
}

/*
 * @arg is the string itself. Importers may be attached: names are for people
 * only.
 */
static long dma_buf_file_set_name(struct dma_buf *dmabuf, const char __user *arg)
{
	char *name = strndup_user(arg, DMA_BUF_NAME_LEN);
	const char *old;

	if (IS_ERR(name))
		return PTR_ERR(name);

	scoped_guard(spinlock, &dmabuf->name_lock) {
		old = dmabuf->name;
		dmabuf->name = name;
	}
	kfree(old);
	return 0;
}

static long dma_buf_file_sync(struct dma_buf *dmabuf, const struct dma_buf_sync __user *arg)
{
	static const enum dma_data_direction directions[] = {
		[DMA_BUF_SYNC_READ] = DMA_FROM_DEVICE,
		[DMA_BUF_SYNC_WRITE] = DMA_TO_DEVICE,
		[DMA_BUF_SYNC_RW] = DMA_BIDIRECTIONAL,
	};
	enum dma_data_direction dir;
	struct dma_buf_sync sync;

	if (copy_from_user(&sync, arg, sizeof(sync)))
		return -EFAULT;
	if (sync.flags & ~DMA_BUF_SYNC_VALID_FLAGS_MASK || !(sync.flags & DMA_BUF_SYNC_RW))
		return -EINVAL;

	dir = directions[sync.flags & DMA_BUF_SYNC_RW];
	if (sync.flags & DMA_BUF_SYNC_END)
		return dma_buf_end_cpu_access(dmabuf, dir);
	return dma_buf_begin_cpu_access(dmabuf, dir);
}

static long dma_buf_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct dma_buf *dmabuf = file->private_data;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case DMA_BUF_IOCTL_SYNC:
		return dma_buf_file_sync(dmabuf, user);
	case DMA_BUF_SET_NAME_A:
	case DMA_BUF_SET_NAME_B:
		return dma_buf_file_set_name(dmabuf, user);
	case DMA_BUF_IOCTL_EXPORT_SYNC_FILE:
		return dma_buf_sync_file_export(dmabuf, user);
	case DMA_BUF_IOCTL_IMPORT_SYNC_FILE:
		return dma_buf_sync_file_import(dmabuf, user);
	default:
		return -ENOTTY;
	}
}

/* Control characters end a line, or do worse on a terminal. UTF-8 has none. */
#define DMA_BUF_NAME_CONTROLS						\
	"\001\002\003\004\005\006\007\010\011\012\013\014\015\016\017\020"	\
	"\021\022\023\024\025\026\027\030\031\032\033\034\035\036\037\177"

/**
 * dma_buf_name_print - print what userspace called a buffer
 * @m: file to print to
 * @name: the name
 *
 * Each process that has a descriptor may choose the name. Control characters
 * come out as octal escapes, so that no name can pass for another line.
 *
 * Context: Any context.
 */
void dma_buf_name_print(struct seq_file *m, const char *name)
{
	seq_escape(m, name, DMA_BUF_NAME_CONTROLS);
}

/*
 * These lines are parsed by memory accounting tools: neither names nor order
 * may change.
 */
static void dma_buf_file_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct dma_buf *dmabuf = file->private_data;

	seq_printf(m, "size:\t%zu\n", dmabuf->size);
	/* Leave out the reference that the reader of fdinfo holds. */
	seq_printf(m, "count:\t%ld\n", file_count(file) - 1);
	seq_printf(m, "exp_name:\t%s\n", dmabuf->exp_name);

	guard(spinlock)(&dmabuf->name_lock);
	if (dmabuf->name) {
		seq_puts(m, "name:\t");
		dma_buf_name_print(m, dmabuf->name);
		seq_putc(m, '\n');
	}
}

/*
 * Release the buffer after the last reference has gone. A holder of the dentry
 * can still read the name, but nothing else.
 */
static int dma_buf_file_release(struct inode *inode, struct file *file)
{
	struct dma_buf *dmabuf = file->private_data;

	/* A file whose export failed never had a buffer. */
	if (dmabuf) {
		dma_buf_debugfs_remove(dmabuf);
		dma_buf_teardown(dmabuf);
	}
	return 0;
}

const struct file_operations dma_buf_fops = {
	.release = dma_buf_file_release,
	.mmap = dma_buf_file_mmap,
	.llseek = dma_buf_file_llseek,
	.poll = dma_buf_poll,
	.unlocked_ioctl = dma_buf_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = dma_buf_file_show_fdinfo,
};
