// SPDX-License-Identifier: GPL-2.0-only
/*
 * Heaps: a character device for each kind of memory, and the one ioctl that
 * allocates from it.
 *
 * Heaps are added by built-in code at boot and never go, so a heap found once
 * needs no reference.
 *
 * Locks: a mutex around the list of heaps, which serves to keep names unique.
 */
#include <linux/cdev.h>
#include <linux/compat.h>
#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <uapi/linux/dma-heap.h>

#define DMA_HEAP_NAME "dma_heap"
#define DMA_HEAP_MINORS 128

static bool mem_accounting;
module_param(mem_accounting, bool, 0644);
MODULE_PARM_DESC(mem_accounting, "charge the memory of buffers to the cgroup of the process that allocates it, default no");

/**
 * struct dma_heap - a kind of memory
 * @info: what the heap was added with
 * @node: link in the list of heaps. Locking: dma_heap_list_lock
 * @cdev: its device
 */
struct dma_heap {
	struct dma_heap_export_info info;
	struct list_head node;
	struct cdev cdev;
};

static LIST_HEAD(dma_heap_list);
static DEFINE_MUTEX(dma_heap_list_lock);
static dev_t dma_heap_first_dev;
static unsigned int dma_heap_count;

static char *dma_heap_devnode(const struct device *dev, umode_t *mode)
{
	return kasprintf(GFP_KERNEL, DMA_HEAP_NAME "/%s", dev_name(dev));
}

static const struct class dma_heap_class = {
	.name = DMA_HEAP_NAME,
	.devnode = dma_heap_devnode,
};

static int dma_heap_open(struct inode *inode, struct file *file)
{
	file->private_data = container_of(inode->i_cdev, struct dma_heap, cdev);
	return nonseekable_open(inode, file);
}

/*
 * Check what userspace asks for and have the heap do it. The size becomes whole
 * pages.
 */
static struct dma_buf *dma_heap_allocate(struct dma_heap *heap,
					 const struct dma_heap_allocation_data *data)
{
	size_t len;

	if (data->fd || data->fd_flags & ~DMA_HEAP_VALID_FD_FLAGS ||
	    data->heap_flags & ~DMA_HEAP_VALID_HEAP_FLAGS)
		return ERR_PTR(-EINVAL);
	if (!data->len || data->len > SIZE_MAX - (PAGE_SIZE - 1))
		return ERR_PTR(-EINVAL);

	len = PAGE_ALIGN((size_t)data->len);
	return heap->info.ops->allocate(heap, len, data->fd_flags, data->heap_flags);
}

/*
 * The number is reserved first and made public last, so that a failure leaves
 * nothing behind.
 */
static long dma_heap_ioctl_alloc(struct dma_heap *heap, void __user *user, size_t in, size_t out)
{
	struct dma_heap_allocation_data data = {};
	struct dma_buf *dmabuf;
	int fd, ret;

	if (copy_from_user(&data, user, in))
		return -EFAULT;

	fd = get_unused_fd_flags(data.fd_flags & O_CLOEXEC);
	if (fd < 0)
		return fd;

	dmabuf = dma_heap_allocate(heap, &data);
	if (IS_ERR(dmabuf)) {
		ret = PTR_ERR(dmabuf);
		goto err_fd;
	}

	data.fd = fd;
	if (copy_to_user(user, &data, out)) {
		ret = -EFAULT;
		goto err_buffer;
	}

	fd_install(fd, dmabuf->file);
	return 0;

err_buffer:
	dma_buf_put(dmabuf);
err_fd:
	put_unused_fd(fd);
	return ret;
}

/*
 * The command is told by its number alone: its size is that of the caller's
 * struct, which may be from an older or a newer header than ours. What the
 * caller does not know is zero, what we do not know is left as it is.
 */
static long dma_heap_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	size_t size = min_t(size_t, _IOC_SIZE(cmd), sizeof(struct dma_heap_allocation_data));
	size_t in = cmd & IOC_IN ? size : 0;
	size_t out = cmd & IOC_OUT ? size : 0;

	if (_IOC_NR(cmd) != _IOC_NR(DMA_HEAP_IOCTL_ALLOC))
		return -EINVAL;
	/* A caller that has no room for the descriptor would lose it. */
	if (out < offsetofend(struct dma_heap_allocation_data, fd))
		return -EINVAL;
	return dma_heap_ioctl_alloc(file->private_data, (void __user *)arg, in, out);
}

static const struct file_operations dma_heap_fops = {
	.owner = THIS_MODULE,
	.open = dma_heap_open,
	.unlocked_ioctl = dma_heap_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/**
 * dma_heap_get_drvdata - get what a heap was added with
 * @heap: the heap
 *
 * Context: Any.
 * Return: &dma_heap_export_info.priv.
 */
void *dma_heap_get_drvdata(struct dma_heap *heap)
{
	return heap->info.priv;
}

/**
 * dma_heap_get_name - get the name of a heap
 * @heap: the heap
 *
 * Context: Any.
 * Return: &dma_heap_export_info.name.
 */
const char *dma_heap_get_name(struct dma_heap *heap)
{
	return heap->info.name;
}

/**
 * dma_heap_charges_pages - ask if memory has to be charged
 *
 * The parameter mem_accounting decides. A heap whose memory is taken from all
 * others then allocates pages with __GFP_ACCOUNT. Tables are always charged.
 *
 * Context: Any context.
 * Return: True if pages have to be charged to the memory cgroup of the process
 * that allocates.
 */
bool dma_heap_charges_pages(void)
{
	return READ_ONCE(mem_accounting);
}

static bool dma_heap_exists(const char *name)
{
	struct dma_heap *heap;

	list_for_each_entry(heap, &dma_heap_list, node)
		if (!strcmp(heap->info.name, name))
			return true;
	return false;
}

/* Give the heap the next device number and its node in /dev. */
static int dma_heap_create_device(struct dma_heap *heap)
{
	dev_t dev = dma_heap_first_dev + dma_heap_count;
	struct device *device;
	int ret;

	if (dma_heap_count == DMA_HEAP_MINORS)
		return -ENOSPC;

	cdev_init(&heap->cdev, &dma_heap_fops);
	ret = cdev_add(&heap->cdev, dev, 1);
	if (ret)
		return ret;

	device = device_create(&dma_heap_class, NULL, dev, NULL, "%s", heap->info.name);
	if (IS_ERR(device)) {
		cdev_del(&heap->cdev);
		return PTR_ERR(device);
	}
	dma_heap_count++;
	return 0;
}

/**
 * dma_heap_add - offer a kind of memory to userspace
 * @exp_info: name and callbacks; copied, but for the name itself
 *
 * Context: Process context, at boot; sleeps.
 * Return: The heap, which is never freed, or an ERR_PTR(): -EINVAL without a
 * name or callback or when the name is taken, -ENOSPC when there are too many
 * heaps, -ENOMEM.
 */
struct dma_heap *dma_heap_add(const struct dma_heap_export_info *exp_info)
{
	struct dma_heap *heap;
	int ret;

	if (!exp_info->name || !*exp_info->name || !exp_info->ops || !exp_info->ops->allocate)
		return ERR_PTR(-EINVAL);

	guard(mutex)(&dma_heap_list_lock);
	if (dma_heap_exists(exp_info->name)) {
		pr_err("dma_heap: there is a heap named %s already\n", exp_info->name);
		return ERR_PTR(-EINVAL);
	}

	heap = kzalloc(sizeof(*heap), GFP_KERNEL);
	if (!heap)
		return ERR_PTR(-ENOMEM);
	heap->info = *exp_info;

	ret = dma_heap_create_device(heap);
	if (ret) {
		kfree(heap);
		return ERR_PTR(ret);
	}
	list_add_tail(&heap->node, &dma_heap_list);
	return heap;
}

static int __init dma_heap_init(void)
{
	int ret = alloc_chrdev_region(&dma_heap_first_dev, 0, DMA_HEAP_MINORS, DMA_HEAP_NAME);

	if (ret)
		return ret;

	ret = class_register(&dma_heap_class);
	if (ret)
		unregister_chrdev_region(dma_heap_first_dev, DMA_HEAP_MINORS);
	return ret;
}
subsys_initcall(dma_heap_init);
