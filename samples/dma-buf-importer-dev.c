// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/dma-buf-importer: where userspace has jobs of dma-buf-importer.c run on
 * a buffer.
 *
 * Locks: none here.
 */
#include <linux/compat.h>
#include <linux/device.h>
#include <linux/dma-fence.h>
#include <linux/dma-map-ops.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "dma-buf-importer.h"

static struct miscdevice sample_importer_misc;

/*
 * The queue signals fences, for which memory reclaim may be waiting: hence
 * WQ_MEM_RECLAIM. Ordered, because fences of one context have to be signaled in
 * order.
 */
static int sample_importer_open(struct inode *inode, struct file *file)
{
	struct sample_importer *importer = kzalloc(sizeof(*importer), GFP_KERNEL);

	if (!importer)
		return -ENOMEM;

	importer->queue = alloc_ordered_workqueue("dma-buf-importer", WQ_MEM_RECLAIM);
	if (!importer->queue) {
		kfree(importer);
		return -ENOMEM;
	}
	importer->dev = sample_importer_misc.this_device;
	importer->context = dma_fence_context_alloc(1);
	mutex_init(&importer->lock);
	file->private_data = importer;
	return 0;
}

/*
 * The queue ends first, and with it all jobs: nothing uses the mapping any
 * more.
 */
static int sample_importer_close(struct inode *inode, struct file *file)
{
	struct sample_importer *importer = file->private_data;

	destroy_workqueue(importer->queue);
	sample_importer_detach(importer);
	mutex_destroy(&importer->lock);
	kfree(importer);
	return 0;
}

static long sample_importer_ioctl_attach(struct sample_importer *importer,
					 const __s32 __user *user)
{
	s32 fd;

	if (get_user(fd, user))
		return -EFAULT;
	return sample_importer_attach(importer, fd);
}

static long sample_importer_ioctl_run(struct sample_importer *importer, const void __user *user)
{
	struct sample_importer_job arg;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.op > SAMPLE_JOB_CHECK || arg.value > U8_MAX ||
	    arg.delay_ms > SAMPLE_JOB_DELAY_MAX || arg.pad)
		return -EINVAL;
	return sample_importer_submit(importer, &arg);
}

static long sample_importer_ioctl_peek(struct sample_importer *importer, const __u64 __user *user)
{
	u64 offset;

	if (copy_from_user(&offset, user, sizeof(offset)))
		return -EFAULT;
	return sample_importer_peek(importer, offset);
}

static long sample_importer_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct sample_importer *importer = file->private_data;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case SAMPLE_IMPORTER_ATTACH:
		return sample_importer_ioctl_attach(importer, user);
	case SAMPLE_IMPORTER_RUN:
		return sample_importer_ioctl_run(importer, user);
	case SAMPLE_IMPORTER_PEEK:
		return sample_importer_ioctl_peek(importer, user);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations sample_importer_fops = {
	.owner = THIS_MODULE,
	.open = sample_importer_open,
	.release = sample_importer_close,
	.unlocked_ioctl = sample_importer_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice sample_importer_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dma-buf-importer",
	.fops = &sample_importer_fops,
};

/*
 * DMA addresses must be physical ones, and coherent: see sample_job_compute().
 */
static bool sample_importer_can_compute(struct device *dev)
{
	return dev_is_dma_coherent(dev) && !device_iommu_mapped(dev);
}

static int __init sample_importer_init(void)
{
	struct device *dev;
	int ret = misc_register(&sample_importer_misc);

	if (ret)
		return ret;

	/* Without a mask nothing could be mapped for the device. */
	dev = sample_importer_misc.this_device;
	ret = dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (!ret && !sample_importer_can_compute(dev))
		ret = -ENODEV;
	if (ret)
		misc_deregister(&sample_importer_misc);
	return ret;
}
module_init(sample_importer_init);

/*
 * No module_exit(): the fences of jobs stay in reservations after their signal,
 * and their operations are here. So the module cannot be unloaded.
 */

MODULE_DESCRIPTION("Sample of a dma-buf importer");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(DMA_BUF);
