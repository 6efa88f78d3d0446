// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-bufs and fences, as the files that userspace holds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/sync_file.h>

#include "demo.h"

#define SW_SYNC_PATH	"/sys/kernel/debug/sync/sw_sync"

/*
 * The timeline that can be advanced by hand is a debugging aid without an
 * installed header.
 */
struct sw_sync_point {
	__u32 value;
	char name[32];
	__s32 fence;
};

#define SW_SYNC_CREATE	_IOWR('W', 0, struct sw_sync_point)
#define SW_SYNC_ADVANCE	_IOW('W', 1, __u32)

/*
 * Take over @fd, a dma-buf of at least @size bytes; a @name of NULL leaves its
 * name alone.
 */
void buffer_open(struct buffer *b, int fd, size_t size, const char *name)
{
	struct stat st;
	off_t end;

	end = lseek(fd, 0, SEEK_END);
	if (end < 0 || (size_t)end < size)
		die("the dma-buf holds %lld bytes, %zu are needed", (long long)end, size);
	if (lseek(fd, 0, SEEK_SET) != 0 || fstat(fd, &st))
		die("a dma-buf cannot be asked for its inode: %s", strerror(errno));
	if (name)
		ioctl_or_die(fd, DMA_BUF_SET_NAME, (void *)name, "DMA_BUF_SET_NAME");
	b->fd = fd;
	b->size = end;
	b->inode = st.st_ino;
	b->map = map_or_die(fd, b->size, 0, "a dma-buf");
}

void buffer_from_heap(struct buffer *b, size_t size, const char *name)
{
	struct dma_heap_allocation_data alloc = { .len = size, .fd_flags = O_RDWR | O_CLOEXEC };
	int heap = open_or_die("/dev/dma_heap/system", O_RDWR);

	ioctl_or_die(heap, DMA_HEAP_IOCTL_ALLOC, &alloc, "allocation from the system heap");
	close(heap);
	buffer_open(b, alloc.fd, size, name);
}

void buffer_close(struct buffer *b)
{
	if (munmap(b->map, b->size) || close(b->fd))
		die("closing a dma-buf: %s", strerror(errno));
	memset(b, 0, sizeof(*b));
	b->fd = -1;
}

static void buffer_sync(const struct buffer *b, __u64 flags, const char *what)
{
	struct dma_buf_sync sync = { .flags = flags };
	int ret;

	do {
		ret = ioctl(b->fd, DMA_BUF_IOCTL_SYNC, &sync);
	} while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	if (ret < 0)
		die("DMA_BUF_IOCTL_SYNC (%s): %s", what, strerror(errno));
}

/*
 * Bracket what the CPU does; waits for the fences that such an access must wait
 * for.
 */
void buffer_begin_cpu(const struct buffer *b, __u64 access)
{
	buffer_sync(b, DMA_BUF_SYNC_START | access, "start");
}

void buffer_end_cpu(const struct buffer *b, __u64 access)
{
	buffer_sync(b, DMA_BUF_SYNC_END | access, "end");
}

/*
 * Make others who use the buffer wait for @fence; @access is what happens until
 * then.
 */
void buffer_add_fence(const struct buffer *b, int fence, __u64 access)
{
	struct dma_buf_import_sync_file import = { .flags = access, .fd = fence };

	ioctl_or_die(b->fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import,
		     "DMA_BUF_IOCTL_IMPORT_SYNC_FILE");
}

int timeline_open(void)
{
	return open_or_die(SW_SYNC_PATH, O_RDWR);
}

/* Return a fence that signals when @timeline reaches @point. */
int timeline_fence(int timeline, unsigned int point, const char *name)
{
	struct sw_sync_point create = { .value = point };

	snprintf(create.name, sizeof(create.name), "%s-%u", name, point);
	ioctl_or_die(timeline, SW_SYNC_CREATE, &create, "creating a sw_sync fence");
	return create.fence;
}

void timeline_advance(int timeline, unsigned int steps)
{
	__u32 by = steps;

	ioctl_or_die(timeline, SW_SYNC_ADVANCE, &by, "advancing a sw_sync timeline");
}

/* Ask for the state of a sync_file that holds one fence. */
void fence_query(int fence, struct fence_state *state)
{
	struct sync_fence_info part = { 0 };
	struct sync_file_info info = { 0 };

	ioctl_or_die(fence, SYNC_IOC_FILE_INFO, &info, "SYNC_IOC_FILE_INFO");
	if (info.num_fences != 1)
		die("a sync_file holds %u fences, expected one", info.num_fences);
	info.sync_fence_info = (unsigned long)&part;
	ioctl_or_die(fence, SYNC_IOC_FILE_INFO, &info, "SYNC_IOC_FILE_INFO");
	state->status = info.status;
	state->timestamp_ns = part.timestamp_ns;
	snprintf(state->driver, sizeof(state->driver), "%.31s", part.driver_name);
	snprintf(state->timeline, sizeof(state->timeline), "%.31s", part.obj_name);
}
