// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/dma-buf-exporter: where userspace gets the buffers of
 * dma-buf-exporter.c, as descriptors.
 *
 * Locks: none.
 */
#include <linux/compat.h>
#include <linux/dma-buf.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "dma-buf-exporter.h"
#include "dma-buf-samples.h"

/* Once the descriptor is there, another thread may close it: touch nothing. */
static long sample_exporter_ioctl_create(const void __user *user)
{
	struct sample_exporter_create arg;
	struct dma_buf *dmabuf;
	int fd;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (!arg.size || arg.size > SAMPLE_EXPORTER_SIZE_MAX)
		return -EINVAL;

	dmabuf = sample_exporter_export(PAGE_ALIGN(arg.size) >> PAGE_SHIFT);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

static long sample_exporter_ioctl_move(const __s32 __user *user)
{
	struct dma_buf *dmabuf;
	long ret;
	s32 fd;

	if (get_user(fd, user))
		return -EFAULT;

	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	ret = sample_exporter_move(dmabuf);
	dma_buf_put(dmabuf);
	return ret;
}

static long sample_exporter_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case SAMPLE_EXPORTER_CREATE:
		return sample_exporter_ioctl_create(user);
	case SAMPLE_EXPORTER_MOVE:
		return sample_exporter_ioctl_move(user);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations sample_exporter_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = sample_exporter_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice sample_exporter_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dma-buf-exporter",
	.fops = &sample_exporter_fops,
};
module_misc_device(sample_exporter_misc);

MODULE_DESCRIPTION("Sample of a dma-buf exporter");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(DMA_BUF);
