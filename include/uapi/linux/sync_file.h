/* SPDX-License-Identifier: GPL-1.0+ WITH Linux-syscall-note */
/*
 * Operations for userspace on a fence that it was given as a file descriptor,
 * besides poll(). There, POLLIN means that the fence has signaled.
 */
#ifndef _UAPI_LINUX_SYNC_H
#define _UAPI_LINUX_SYNC_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct sync_merge_data - make one fence of two
 * @name: what to call the new one, for people
 * @fd2: the other sync_file
 * @fence: returns a new sync_file, close-on-exec, that signals once both have
 * @flags: zero
 * @pad: zero
 */
struct sync_merge_data {
	char	name[32];
	__s32	fd2;
	__s32	fence;
	__u32	flags;
	__u32	pad;
};

/**
 * struct sync_fence_info - one fence
 * @obj_name: name of its timeline
 * @driver_name: name of its driver
 * @status: 0 while pending, 1 once signaled, a negative errno if it failed
 * @flags: zero
 * @timestamp_ns: when it signaled, on CLOCK_MONOTONIC; zero while pending
 */
struct sync_fence_info {
	char	obj_name[32];
	char	driver_name[32];
	__s32	status;
	__u32	flags;
	__u64	timestamp_ns;
};

/**
 * struct sync_file_info - all fences behind a sync_file
 * @name: returns its name
 * @status: returns 0 while pending, 1 once signaled, a negative errno if a
 *	fence failed
 * @flags: zero
 * @num_fences: room in @sync_fence_info; returns how many there are. With 0
 *	nothing but this, the name and the status is returned
 * @pad: zero
 * @sync_fence_info: pointer to an array of struct sync_fence_info to fill
 */
struct sync_file_info {
	char	name[32];
	__s32	status;
	__u32	flags;
	__u32	num_fences;
	__u32	pad;
	__u64	sync_fence_info;
};

/**
 * struct sync_set_deadline - say by when the fence is wanted
 * @deadline_ns: time on CLOCK_MONOTONIC; a hint to the driver, which may make
 *	haste
 * @pad: zero
 */
struct sync_set_deadline {
	__u64	deadline_ns;
	__u64	pad;
};

#define SYNC_IOC_MAGIC		'>'

/* 0, 1 and 2 had other meanings once and are not used again. */
#define SYNC_IOC_MERGE		_IOWR(SYNC_IOC_MAGIC, 3, struct sync_merge_data)
#define SYNC_IOC_FILE_INFO	_IOWR(SYNC_IOC_MAGIC, 4, struct sync_file_info)
#define SYNC_IOC_SET_DEADLINE	_IOW(SYNC_IOC_MAGIC, 5, struct sync_set_deadline)

#endif /* _UAPI_LINUX_SYNC_H */
