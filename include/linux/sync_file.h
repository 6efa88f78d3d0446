/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A dma_fence that user space can hold: one open file, one fence, for the whole
 * life of the file.
 *
 * Users select SYNC_FILE; there are no stubs for kernels built without it.
 */
#ifndef _LINUX_SYNC_FILE_H
#define _LINUX_SYNC_FILE_H

#include <linux/dma-fence.h>
#include <linux/dma-fence-array.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

struct file;

/**
 * struct sync_file - an open file that stands for a fence
 * @file: the file; publish it with fd_install() or give it back with fput().
 *	Its references are the only ones there are: the last fput() frees the
 *	sync_file
 * @user_name: name chosen at merge time, empty when the fence's names are to be
 *	shown instead; constant once @file is published
 * @sync_file_list: link for the debugfs listing. Locking: the listing's own
 *	lock
 * @wq: where poll() sleeps
 * @flags: bits private to sync_file.c. Locking: atomic bit operations
 * @fence: the fence, one reference held; never changes and is never NULL
 * @cb: wakes @wq when @fence signals; on the fence's list from the first poll()
 *	on.
 *	Locking: &dma_fence.lock of @fence
 */
struct sync_file {
	struct file		*file;
	char			user_name[32];
#ifdef CONFIG_DEBUG_FS
	struct list_head	sync_file_list;
#endif
	wait_queue_head_t	wq;
	unsigned long		flags;
	struct dma_fence	*fence;
	struct dma_fence_cb	cb;
};

struct sync_file *sync_file_create(struct dma_fence *fence);
struct dma_fence *sync_file_get_fence(int fd);
char *sync_file_get_name(struct sync_file *sync_file, char *buf, int len);

#endif /* _LINUX_SYNC_FILE_H */
