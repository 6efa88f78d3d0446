// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between implicit and explicit synchronization: a buffer's fences as a
 * sync_file, and back.
 *
 * Locks: import takes the reservation, interruptibly. Export reads it without
 * its lock.
 */
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/file.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>
#include <uapi/linux/dma-buf.h>

#include "dma-buf-internal.h"

/*
 * The flags say how the user is going to access the buffer, or does: it must be
 * at least one way.
 */
static bool dma_buf_sync_file_flags_valid(u32 flags)
{
	return flags && !(flags & ~DMA_BUF_SYNC_RW);
}

/*
 * One fence for all that an access has to wait for; a signaled one if that is
 * nothing.
 */
static struct dma_fence *dma_buf_sync_file_collect(struct dma_buf *dmabuf, bool write)
{
	struct dma_fence *fence;
	int ret;

	ret = dma_resv_get_singleton(dmabuf->resv, dma_resv_usage_rw(write), &fence);
	if (ret)
		return ERR_PTR(ret);
	return fence ?: dma_fence_get_stub();
}

/**
 * dma_buf_sync_file_export - DMA_BUF_IOCTL_EXPORT_SYNC_FILE
 * @dmabuf: the buffer
 * @user: flags in, file descriptor out
 *
 * The descriptor is published last: until then nothing needs to be taken back
 * but numbers.
 *
 * Context: Process context; sleeps.
 * Return: 0, or -EFAULT, -EINVAL for flags that are unknown or none, -EMFILE,
 * -ENOMEM.
 */
long dma_buf_sync_file_export(struct dma_buf *dmabuf,
			      struct dma_buf_export_sync_file __user *user)
{
	struct dma_buf_export_sync_file arg;
	struct sync_file *sync_file;
	struct dma_fence *fence;
	int ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (!dma_buf_sync_file_flags_valid(arg.flags))
		return -EINVAL;

	arg.fd = get_unused_fd_flags(O_CLOEXEC);
	if (arg.fd < 0)
		return arg.fd;

	fence = dma_buf_sync_file_collect(dmabuf, arg.flags & DMA_BUF_SYNC_WRITE);
	if (IS_ERR(fence)) {
		ret = PTR_ERR(fence);
		goto err_fd;
	}

	sync_file = sync_file_create(fence);
	dma_fence_put(fence);
	if (!sync_file) {
		ret = -ENOMEM;
		goto err_fd;
	}

	if (copy_to_user(user, &arg, sizeof(arg))) {
		ret = -EFAULT;
		goto err_file;
	}

	fd_install(arg.fd, sync_file->file);
	return 0;

err_file:
	fput(sync_file->file);
err_fd:
	put_unused_fd(arg.fd);
	return ret;
}

/*
 * Replace a timeline by the pending fences in it, one of each context. A
 * timeline may be very long: it is walked before others have to wait for the
 * reservation. Consumes the reference to @fence; NULL without memory.
 */
static struct dma_fence *dma_buf_sync_file_flatten(struct dma_fence *fence)
{
	struct dma_fence *flat;

	if (!dma_fence_is_chain(fence))
		return fence;

	flat = dma_fence_unwrap_merge(fence);
	dma_fence_put(fence);
	return flat;
}

static unsigned int dma_buf_sync_file_count(struct dma_fence *flat)
{
	struct dma_fence_array *array = to_dma_fence_array(flat);

	return array ? array->num_fences : 1;
}

/*
 * Add the members of an array, because a reservation holds single fences only.
 */
static int dma_buf_sync_file_add_locked(struct dma_buf *dmabuf, struct dma_fence *flat,
					enum dma_resv_usage usage)
{
	unsigned int count = dma_buf_sync_file_count(flat);
	struct dma_fence_unwrap iter;
	struct dma_fence *fence;
	int ret;

	if (!count)
		return 0;

	ret = dma_resv_reserve_fences(dmabuf->resv, count);
	if (ret)
		return ret;

	dma_fence_unwrap_for_each(fence, &iter, flat)
		dma_resv_add_fence(dmabuf->resv, fence, usage);
	return 0;
}

/**
 * dma_buf_sync_file_import - DMA_BUF_IOCTL_IMPORT_SYNC_FILE
 * @dmabuf: the buffer
 * @user: flags and file descriptor of a sync_file
 *
 * Context: Process context; sleeps. Takes and drops the reservation lock.
 * Return: 0, or -EFAULT, -EINVAL for flags that are unknown or none and for a
 * descriptor that is not of a sync_file, -ERESTARTSYS when a signal came while
 * waiting for the lock, -ENOMEM.
 */
long dma_buf_sync_file_import(struct dma_buf *dmabuf,
			      struct dma_buf_import_sync_file __user *user)
{
	struct dma_buf_import_sync_file arg;
	enum dma_resv_usage usage;
	struct dma_fence *fence;
	int ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (!dma_buf_sync_file_flags_valid(arg.flags))
		return -EINVAL;

	fence = sync_file_get_fence(arg.fd);
	if (!fence)
		return -EINVAL;
	fence = dma_buf_sync_file_flatten(fence);
	if (!fence)
		return -ENOMEM;

	usage = arg.flags & DMA_BUF_SYNC_WRITE ? DMA_RESV_USAGE_WRITE : DMA_RESV_USAGE_READ;
	ret = dma_resv_lock_interruptible(dmabuf->resv, NULL);
	if (ret) {
		ret = -ERESTARTSYS;
	} else {
		ret = dma_buf_sync_file_add_locked(dmabuf, fence, usage);
		dma_resv_unlock(dmabuf->resv);
	}
	dma_fence_put(fence);
	return ret;
}
