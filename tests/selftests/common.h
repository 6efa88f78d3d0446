/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers of the userspace tests: buffers from three exporters, fences from
 * sw_sync, and ways to look at the result. A function returns a negative errno
 * instead of setting errno, so that errors can be compared in one step.
 */
#ifndef _DMA_BUF_SELFTESTS_COMMON_H
#define _DMA_BUF_SELFTESTS_COMMON_H

#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/types.h>

/* Older uapi headers may stand on the system's include path. */
#ifndef SYNC_IOC_SET_DEADLINE
#error "the uapi headers of the kernel under test must come first"
#endif

#define BUF_NAME_MAX 32

/* An exporter that userspace can get buffers from. */
struct buf_source {
	const char *name;
	const char *exp_name;
	int (*alloc)(size_t size);
};

/*
 * Sources of buffers; the size is a multiple of the page size. -ENOENT: not in
 * this kernel.
 */
int buf_from_heap(size_t size);
int buf_from_udmabuf(size_t size);
int buf_from_vgem(size_t size);

extern const struct buf_source buf_heap, buf_udmabuf, buf_vgem;

/* The device of a DRM driver, -ENOENT when there is none. */
int drm_open(const char *driver);

/* The vgem device and its PRIME ioctls, which other devices take as well. */
int vgem_open(void);
int vgem_import(int vgem, int buf, unsigned int *handle);
int vgem_export(int vgem, unsigned int handle);
int vgem_create(int vgem, size_t size, unsigned int *handle);
int vgem_close_handle(int vgem, unsigned int handle);

/* sw_sync has no uapi header; these are its layouts. */
#define SW_SYNC_PATH "/sys/kernel/debug/sync/sw_sync"

struct sw_sync_fence_arg {
	__u32 value;
	char name[32];
	__s32 fence;
};

struct sw_sync_deadline_arg {
	__u64 deadline_ns;
	__u32 pad;
	__s32 fence_fd;
};

#define SW_SYNC_CREATE_FENCE _IOWR('W', 0, struct sw_sync_fence_arg)
#define SW_SYNC_INC _IOW('W', 1, __u32)
#define SW_SYNC_GET_DEADLINE _IOWR('W', 2, struct sw_sync_deadline_arg)

/*
 * sw_sync: a timeline is a file that counts up, and a fence waits for one of
 * its values.
 */
int timeline_open(void);
int timeline_fence(int timeline, unsigned int value);
int timeline_inc(int timeline, unsigned int count);
int timeline_deadline(int fence, unsigned long long *ns);

/* The ioctls under test. */
int do_ioctl(int fd, unsigned long request, void *arg);
int buf_sync(int buf, unsigned long long flags);
int buf_export_sync_file(int buf, unsigned int flags);
int buf_import_sync_file(int buf, unsigned int flags, int fence);
int buf_set_name(int buf, const char *name);
int fence_merge(int a, int b, const char *name);
int fence_info(int fence, struct sync_file_info *info, struct sync_fence_info *fences,
	       unsigned int count);
/* 1: signaled, 0: pending, below: the error of the fence or of the ioctl */
int fence_status(int fence);

/* Poll one file. Return revents, or -errno. */
int poll_events(int fd, int events, int timeout_ms);

/* Make a fence for value 1 and attach it to a buffer; returns 0 or -errno. */
int buf_add_pending(int buf, int timeline, unsigned int value, unsigned int flags);

/* Look at the machine and the process. */
bool on_uml(void);
size_t page_size(void);
/* Count the descriptors in use, including reserved ones without a file. */
int fds_open(void);
bool fd_is_cloexec(int fd);
/* The text of a small file, terminated; returns its length or -errno. */
int file_read(const char *path, char *text, size_t size);
int file_write(const char *path, const char *text);
int fdinfo_read(int fd, char *text, size_t size);
int fd_link_read(int fd, char *text, size_t size);
/*
 * The value of a "key:\tvalue" line of fdinfo; -ENOENT when there is no such
 * line.
 */
int fdinfo_value(int fd, const char *key, char *value, size_t size);

/* One buffer as debugfs bufinfo shows it. */
struct bufinfo {
	size_t size;
	unsigned int flags;
	unsigned int mode;
	long count;
	unsigned long ino;
	char exp_name[64];
	char name[64];
	int fences;		/* lines about fences */
	int devices;		/* lines about devices */
	int devices_total;	/* the number that the listing itself gives */
	char device[64];	/* the last device */
};

/*
 * Returns 0, -ENOENT when the buffer with that inode number is not listed, or
 * another -errno.
 */
int bufinfo_read(unsigned long ino, struct bufinfo *info);
unsigned long fd_ino(int fd);

/*
 * Get the number of mappings for devices that DMA_API_DEBUG counts, or -ENOENT
 * without it.
 */
long dma_mappings(void);

/* Memory to make ioctls fail with. */
void *page_unmapped(void);
void *page_readonly(const void *data, size_t size);
/* A copy whose next byte is not mapped. */
void *page_before_hole(const void *data, size_t size);
#define KERNEL_ADDRESS ((void *)0xffff888000000000ul)

/* Run inc on a timeline from another thread after a delay. */
struct delayed_inc {
	unsigned long thread;
	int timeline;
	unsigned int count;
	int delay_ms;
};

int delayed_inc_start(struct delayed_inc *inc, int timeline, unsigned int count, int delay_ms);
void delayed_inc_join(struct delayed_inc *inc);

/* Milliseconds on the monotonic clock. */
long long now_ms(void);

#endif /* _DMA_BUF_SELFTESTS_COMMON_H */
