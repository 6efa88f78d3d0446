/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Allocating buffers from userspace: the devices below /dev/dma_heap.
 */
#ifndef _UAPI_LINUX_DMABUF_POOL_H
#define _UAPI_LINUX_DMABUF_POOL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * How the file descriptor may be opened: O_CLOEXEC, and O_RDONLY, O_WRONLY or
 * O_RDWR.
 */
#define DMA_HEAP_VALID_FD_FLAGS	(O_CLOEXEC | O_ACCMODE)

/* There are none so far. */
#define DMA_HEAP_VALID_HEAP_FLAGS	(0ULL)

/**
 * struct dma_heap_allocation_data - request for a buffer, and the buffer's fd
 * @len: bytes, not zero; rounded up to whole pages
 * @fd: zero; returns the file descriptor of the new buffer, whose memory is
 *	zeroed
 * @fd_flags: see DMA_HEAP_VALID_FD_FLAGS
 * @heap_flags: zero
 */
struct dma_heap_allocation_data {
	__u64 len;
	__u32 fd;
	__u32 fd_flags;
	__u64 heap_flags;
};

#define DMA_HEAP_IOC_MAGIC	'H'

#define DMA_HEAP_IOCTL_ALLOC	_IOWR(DMA_HEAP_IOC_MAGIC, 0x0, struct dma_heap_allocation_data)

#endif /* _UAPI_LINUX_DMABUF_POOL_H */
