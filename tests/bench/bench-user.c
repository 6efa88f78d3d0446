// SPDX-License-Identifier: GPL-2.0-only
/*
 * The benchmark's rows that begin in userspace: what an ioctl, a poll or a
 * close costs, the system call included. Prints as the module does: "bench:
 * NAME,N,COST", COST in thousandths for one operation.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/memfd.h>
#include <linux/sync_file.h>
#include <linux/types.h>
#include <linux/udmabuf.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PASSES 5

struct sw_sync_create_fence_data {
	__u32 value;
	char name[32];
	__s32 fence;
};

#define SW_SYNC_IOC_CREATE_FENCE _IOWR('W', 0, struct sw_sync_create_fence_data)

static __u64 begin, cost;

static __u64 now(void)
{
#ifdef BENCH_COUNT
	unsigned int low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (__u64)high << 32 | low;
#else
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
#endif
}

static void check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void start(void)
{
	begin = now();
}

static void stop(unsigned int ops)
{
	cost = (now() - begin) * 1000 / ops;
}

static int heap_alloc(int heap, size_t size)
{
	struct dma_heap_allocation_data data = { .len = size, .fd_flags = O_RDWR | O_CLOEXEC };

	check(!ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data), "DMA_HEAP_IOCTL_ALLOC");
	return data.fd;
}

static int open_heap(void)
{
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);

	check(heap >= 0, "/dev/dma_heap/system");
	return heap;
}

static int open_timeline(void)
{
	int timeline = open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);

	check(timeline >= 0, "sw_sync");
	return timeline;
}

static int timeline_fence(int timeline, unsigned int value)
{
	struct sw_sync_create_fence_data data = { .value = value, .name = "bench" };

	check(!ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE, &data), "SW_SYNC_IOC_CREATE_FENCE");
	return data.fence;
}

static void heap_run(unsigned int kib)
{
	unsigned int i, ops = kib > 4096 ? 2 : 16;
	int heap = open_heap();

	start();
	for (i = 0; i < ops; i++)
		close(heap_alloc(heap, kib * 1024UL));
	stop(ops);
	close(heap);
}

static void udmabuf_run(unsigned int kib)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = kib * 1024UL };
	int i, buf, device = open("/dev/udmabuf", O_RDWR);
	int memfd = memfd_create("bench", MFD_ALLOW_SEALING);

	check(device >= 0 && memfd >= 0, "/dev/udmabuf");
	check(!ftruncate(memfd, create.size), "ftruncate");
	check(!fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), "F_ADD_SEALS");
	create.memfd = memfd;
	/* Not a measure of how memory is first given to the file. */
	for (i = -1; i < 16; i++) {
		if (!i)
			start();
		buf = ioctl(device, UDMABUF_CREATE, &create);
		check(buf >= 0, "UDMABUF_CREATE");
		close(buf);
	}
	stop(16);
	close(memfd);
	close(device);
}

static void sync_run(unsigned int n)
{
	struct dma_buf_sync begin_access = { DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	struct dma_buf_sync end_access = { DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW };
	int i, heap = open_heap(), buf = heap_alloc(heap, 4096);

	start();
	for (i = 0; i < 100; i++) {
		ioctl(buf, DMA_BUF_IOCTL_SYNC, &begin_access);
		ioctl(buf, DMA_BUF_IOCTL_SYNC, &end_access);
	}
	stop(100);
	close(buf);
	close(heap);
}

/* A buffer with @n unsignaled fences, from as many timelines. */
static int busy_buffer(unsigned int n, int *timelines)
{
	struct dma_buf_import_sync_file import = { .flags = DMA_BUF_SYNC_READ };
	int heap = open_heap(), buf = heap_alloc(heap, 4096);
	unsigned int i;

	for (i = 0; i < n; i++) {
		timelines[i] = open_timeline();
		import.fd = timeline_fence(timelines[i], 1);
		check(!ioctl(buf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import), "IMPORT_SYNC_FILE");
		close(import.fd);
	}
	close(heap);
	return buf;
}

static void buffer_free(int buf, unsigned int n, int *timelines)
{
	close(buf);
	while (n--)
		close(timelines[n]);
}

static void poll_idle_run(unsigned int n)
{
	struct pollfd event = { .fd = busy_buffer(0, NULL), .events = POLLOUT };
	int i;

	start();
	for (i = 0; i < 100; i++)
		poll(&event, 1, 0);
	stop(100);
	close(event.fd);
}

static void poll_busy_run(unsigned int n)
{
	int i, timelines[64];
	struct pollfd event = { .fd = busy_buffer(n, timelines), .events = POLLOUT };

	start();
	for (i = 0; i < 100; i++)
		poll(&event, 1, 0);
	stop(100);
	buffer_free(event.fd, n, timelines);
}

static void export_run(unsigned int n)
{
	struct dma_buf_export_sync_file export = { .flags = DMA_BUF_SYNC_RW };
	int i, timelines[64], buf = busy_buffer(n, timelines);

	start();
	for (i = 0; i < 32; i++) {
		check(!ioctl(buf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export), "EXPORT_SYNC_FILE");
		close(export.fd);
	}
	stop(32);
	buffer_free(buf, n, timelines);
}

/*
 * Do the work of a compositor for each frame: take the client's fences out, put
 * its own in.
 */
static void round_trip_run(unsigned int n)
{
	struct dma_buf_export_sync_file export = { .flags = DMA_BUF_SYNC_READ };
	struct dma_buf_import_sync_file import = { .flags = DMA_BUF_SYNC_READ };
	int i, timelines[64], buf = busy_buffer(n, timelines), timeline = open_timeline();

	import.fd = timeline_fence(timeline, 1);
	start();
	for (i = 0; i < 32; i++) {
		check(!ioctl(buf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export), "EXPORT_SYNC_FILE");
		close(export.fd);
		check(!ioctl(buf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import), "IMPORT_SYNC_FILE");
	}
	stop(32);
	close(import.fd);
	close(timeline);
	buffer_free(buf, n, timelines);
}

static void merge_run(unsigned int n)
{
	int i, timelines[2] = { open_timeline(), open_timeline() };
	int fences[2] = { timeline_fence(timelines[0], 1), timeline_fence(timelines[1], 1) };
	struct sync_merge_data data = { .name = "bench", .fd2 = fences[1] };

	start();
	for (i = 0; i < 32; i++) {
		check(!ioctl(fences[0], SYNC_IOC_MERGE, &data), "SYNC_IOC_MERGE");
		close(data.fence);
	}
	stop(32);
	for (i = 0; i < 2; i++) {
		close(fences[i]);
		close(timelines[i]);
	}
}

static void sync_file_poll_run(unsigned int n)
{
	int i, timeline = open_timeline();
	struct pollfd event = { .fd = timeline_fence(timeline, 1), .events = POLLIN };

	start();
	for (i = 0; i < 100; i++)
		poll(&event, 1, 0);
	stop(100);
	close(event.fd);
	close(timeline);
}

static void floor_syscall_run(unsigned int n)
{
	int i;

	start();
	for (i = 0; i < 100; i++)
		ioctl(-1, DMA_BUF_IOCTL_SYNC, NULL);
	stop(100);
}

static const struct {
	const char *name;
	void (*run)(unsigned int n);
	unsigned int sizes[8];
} rows[] = {
	{ "floor_syscall", floor_syscall_run, { 1 } },
	{ "ioctl_sync_start_end", sync_run, { 1 } },
	{ "poll_idle", poll_idle_run, { 1 } },
	{ "poll_busy", poll_busy_run, { 1, 4 } },
	{ "ioctl_export_sync_file", export_run, { 1, 4, 16 } },
	{ "ioctl_export_import", round_trip_run, { 1, 4, 16 } },
	{ "sync_file_merge", merge_run, { 2 } },
	{ "sync_file_poll", sync_file_poll_run, { 1 } },
	{ "heap_alloc_free_kib", heap_run, { 4, 1024, 65536 } },
	{ "udmabuf_create_free_kib", udmabuf_run, { 4, 1024 } },
};

int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : "";
	const unsigned int *size;
	__u64 best;
	size_t i, pass;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (strncmp(rows[i].name, only, strlen(only)))
			continue;
		for (size = rows[i].sizes; *size; size++) {
			for (best = ~0ULL, pass = 0; pass < PASSES; pass++) {
				rows[i].run(*size);
				best = cost < best ? cost : best;
			}
			printf("bench: %s,%u,%llu\n", rows[i].name, *size, best);
		}
	}
	return 0;
}
