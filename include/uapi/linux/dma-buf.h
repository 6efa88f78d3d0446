/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Operations for userspace on the file descriptor of a buffer, besides mmap()
 * and poll().
 */
#ifndef _DMA_BUF_UAPI_H_
#define _DMA_BUF_UAPI_H_

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct dma_buf_sync - begin or end an access through a mapping
 *
 * Reading or writing a mapping of a buffer is only right between a start and an
 * end. The start waits for jobs that would be in the way: for those that write,
 * before reading; for all, before writing. It does not keep others from
 * starting new ones. EINTR and EAGAIN mean: call again.
 */
struct dma_buf_sync {
	/**
	 * @flags: One or both of DMA_BUF_SYNC_READ and DMA_BUF_SYNC_WRITE, and
	 * one of DMA_BUF_SYNC_START and DMA_BUF_SYNC_END. The end names the
	 * same accesses as the start.
	 */
	__u64 flags;
};

#define DMA_BUF_SYNC_READ	(1 << 0)	/* the CPU reads */
#define DMA_BUF_SYNC_WRITE	(2 << 0)	/* the CPU writes */
#define DMA_BUF_SYNC_RW		(DMA_BUF_SYNC_READ | DMA_BUF_SYNC_WRITE)
#define DMA_BUF_SYNC_START	(0 << 2)
#define DMA_BUF_SYNC_END	(1 << 2)
#define DMA_BUF_SYNC_VALID_FLAGS_MASK	(DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END)

/* Bytes of a name, the terminating zero included. */
#define DMA_BUF_NAME_LEN	32

/**
 * struct dma_buf_export_sync_file - get a buffer's fences as a sync_file
 *
 * For programs that synchronize explicitly and are given a buffer by one that
 * does not. The file stands for the jobs that are known now; later ones are not
 * in it.
 */
struct dma_buf_export_sync_file {
	/**
	 * @flags: How the buffer will be used. DMA_BUF_SYNC_READ alone asks for
	 * those who write it, as POLLIN does; DMA_BUF_SYNC_WRITE, with or
	 * without the other, for all, as POLLOUT does.
	 */
	__u32 flags;
	/**
	 * @fd: The sync_file, close-on-exec. Signaled from the start if there
	 * is no job to wait for.
	 */
	__s32 fd;
};

/**
 * struct dma_buf_import_sync_file - add a sync_file to a buffer's fences
 *
 * For programs that synchronize explicitly and pass a buffer on to one that
 * does not.
 */
struct dma_buf_import_sync_file {
	/**
	 * @flags: How the job behind the sync_file uses the buffer. With
	 * DMA_BUF_SYNC_READ alone only writers wait for it; with
	 * DMA_BUF_SYNC_WRITE everybody does.
	 */
	__u32 flags;
	/** @fd: The sync_file; it stays open. */
	__s32 fd;
};

#define DMA_BUF_BASE		'b'

#define DMA_BUF_IOCTL_SYNC	_IOW(DMA_BUF_BASE, 0, struct dma_buf_sync)

/*
 * Give the buffer a name that helps people in debugging: a string of at most
 * DMA_BUF_NAME_LEN bytes. The argument is the pointer to it. The size in the
 * number depends on who compiled the caller; the kernel takes both.
 */
#define DMA_BUF_SET_NAME	_IOW(DMA_BUF_BASE, 1, const char *)
#define DMA_BUF_SET_NAME_A	_IOW(DMA_BUF_BASE, 1, __u32)
#define DMA_BUF_SET_NAME_B	_IOW(DMA_BUF_BASE, 1, __u64)

#define DMA_BUF_IOCTL_EXPORT_SYNC_FILE	_IOWR(DMA_BUF_BASE, 2, struct dma_buf_export_sync_file)
#define DMA_BUF_IOCTL_IMPORT_SYNC_FILE	_IOW(DMA_BUF_BASE, 3, struct dma_buf_import_sync_file)

#endif /* _DMA_BUF_UAPI_H_ */
