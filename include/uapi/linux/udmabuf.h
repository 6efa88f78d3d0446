/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Buffers made of memfd pages: the device /dev/udmabuf.
 */
#ifndef _UAPI_LINUX_UDMABUF_H
#define _UAPI_LINUX_UDMABUF_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The returned descriptor is closed by execve(). */
#define UDMABUF_FLAGS_CLOEXEC	0x01

/**
 * struct udmabuf_create - one range of one memfd
 * @memfd: open for writing, sealed with F_SEAL_SHRINK, and neither with
 *	F_SEAL_WRITE nor with F_SEAL_FUTURE_WRITE
 * @flags: UDMABUF_FLAGS_CLOEXEC or zero
 * @offset: where the range starts, in bytes, a multiple of the page size
 * @size: its length in bytes, a multiple of the page size
 */
struct udmabuf_create {
	__u32 memfd;
	__u32 flags;
	__u64 offset;
	__u64 size;
};

/**
 * struct udmabuf_create_item - one of several ranges
 * @memfd: as in struct udmabuf_create
 * @__pad: ignored
 * @offset: as in struct udmabuf_create
 * @size: as in struct udmabuf_create
 */
struct udmabuf_create_item {
	__u32 memfd;
	__u32 __pad;
	__u64 offset;
	__u64 size;
};

/**
 * struct udmabuf_create_list - several ranges, one after the other in the
 * buffer
 * @flags: UDMABUF_FLAGS_CLOEXEC or zero
 * @count: length of @list, up to the module's parameter list_limit
 * @list: the ranges
 */
struct udmabuf_create_list {
	__u32 flags;
	__u32 count;
	struct udmabuf_create_item list[];
};

/* Both return the file descriptor of the buffer. */
#define UDMABUF_CREATE		_IOW('u', 0x42, struct udmabuf_create)
#define UDMABUF_CREATE_LIST	_IOW('u', 0x43, struct udmabuf_create_list)

#endif /* _UAPI_LINUX_UDMABUF_H */
