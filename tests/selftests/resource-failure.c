// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens when something runs out: descriptors (RLIMIT_NOFILE), readable
 * or writable memory of the caller, kernel memory (every allocation of every
 * call made to fail in turn). A failing call says so, changes nothing and
 * leaves no descriptor behind; whether it leaves memory behind is for kmemleak
 * to say, after the run.
 */
#include <kselftest_harness.h>

#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "common.h"

#define RW (DMA_BUF_SYNC_READ | DMA_BUF_SYNC_WRITE)
#define INJECTIONS_MAX 2000	/* far more allocations than any call here makes */

/* One of everything that a call under test needs. */
struct machine {
	int heap;
	int udmabuf;
	int memfd;
	int vgem;
	unsigned int handle;	/* a vgem object */
	int buf;
	int timeline;
	int other;
	int a, b;		/* pending fences, one per timeline */
	int fresh;		/* a buffer for one call */
};

/* Returns 0, or the error of the first part that is missing. */
static int machine_init(struct machine *m)
{
	m->heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
	m->udmabuf = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	m->vgem = vgem_open();
	m->timeline = timeline_open();
	m->other = timeline_open();
	if (m->heap < 0 || m->udmabuf < 0 || m->vgem < 0 || m->timeline < 0)
		return -ENOENT;
	m->memfd = memfd_create("memory", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (m->memfd < 0 || ftruncate(m->memfd, 4 * page_size()) ||
	    fcntl(m->memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return -errno;
	m->buf = buf_from_heap(2 * page_size());
	m->a = timeline_fence(m->timeline, 1);
	m->b = timeline_fence(m->other, 1);
	if (m->buf < 0 || m->a < 0 || m->b < 0)
		return -ENOMEM;
	return vgem_create(m->vgem, page_size(), &m->handle);
}

static void machine_fini(struct machine *m)
{
	close(m->a);
	close(m->b);
	close(m->buf);
	close(m->timeline);
	close(m->other);
	close(m->vgem);
	close(m->memfd);
	close(m->udmabuf);
	close(m->heap);
}

/*
 * The calls under test: each returns a descriptor (to be closed by the caller)
 * or -errno.
 */
static int call_heap_alloc(struct machine *m)
{
	struct dma_heap_allocation_data data = { .len = 8192, .fd_flags = O_RDWR | O_CLOEXEC };

	return do_ioctl(m->heap, DMA_HEAP_IOCTL_ALLOC, &data) ?: (int)data.fd;
}

static int call_udmabuf_create(struct machine *m)
{
	struct udmabuf_create create = {
		.memfd = m->memfd, .flags = UDMABUF_FLAGS_CLOEXEC, .size = 2 * page_size()
	};
	int fd = ioctl(m->udmabuf, UDMABUF_CREATE, &create);

	return fd < 0 ? -errno : fd;
}

static int call_udmabuf_create_list(struct machine *m)
{
	struct {
		struct udmabuf_create_list head;
		struct udmabuf_create_item items[2];
	} list = {
		.head = { .flags = UDMABUF_FLAGS_CLOEXEC, .count = 2 },
		.items = {
			{ .memfd = m->memfd, .size = page_size() },
			{ .memfd = m->memfd, .size = page_size() },
		},
	};
	int fd = ioctl(m->udmabuf, UDMABUF_CREATE_LIST, &list);

	return fd < 0 ? -errno : fd;
}

static int call_udmabuf_access(struct machine *m)
{
	return buf_sync(m->fresh, DMA_BUF_SYNC_START | RW);
}

static int call_prime_export(struct machine *m)
{
	return vgem_export(m->vgem, m->handle);
}

static int call_export_sync_file(struct machine *m)
{
	return buf_export_sync_file(m->buf, RW);
}

static int call_merge(struct machine *m)
{
	return fence_merge(m->a, m->b, "merged");
}

static int call_create_fence(struct machine *m)
{
	return timeline_fence(m->timeline, 5);
}

/*
 * More calls under test, which give no descriptor: 0 or -errno, and nothing
 * stays behind.
 */
static int call_sync(struct machine *m)
{
	return buf_sync(m->buf, DMA_BUF_SYNC_START | RW) ?: buf_sync(m->buf, DMA_BUF_SYNC_END | RW);
}

static int call_set_name(struct machine *m)
{
	return buf_set_name(m->buf, "a name");
}

static int call_import_sync_file(struct machine *m)
{
	return buf_import_sync_file(m->buf, DMA_BUF_SYNC_WRITE, m->a);
}

static int call_fence_info(struct machine *m)
{
	struct sync_fence_info fence;
	struct sync_file_info info;

	return fence_info(m->a, &info, &fence, 1);
}

static int call_set_deadline(struct machine *m)
{
	struct sync_set_deadline arg = { .deadline_ns = 1000 };

	return do_ioctl(m->a, SYNC_IOC_SET_DEADLINE, &arg);
}

static int call_poll(struct machine *m)
{
	return poll_events(m->buf, POLLIN | POLLOUT, 0) < 0 ? -errno : 0;
}

static int call_prime_import(struct machine *m)
{
	unsigned int handle;

	return vgem_import(m->vgem, m->buf, &handle) ?: vgem_close_handle(m->vgem, handle);
}

static int call_mmap(struct machine *m)
{
	void *p = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, m->buf, 0);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, page_size());
	return 0;
}

FIXTURE(all) {
	struct machine m;
};

FIXTURE_SETUP(all)
{
	int err = machine_init(&self->m);

	if (err == -ENOENT)
		SKIP(return, "system heap, udmabuf, vgem and sw_sync are all needed");
	ASSERT_EQ(0, err);
}

FIXTURE_TEARDOWN(all)
{
	machine_fini(&self->m);
}

/*
 * No descriptor left
 */

/*
 * Allow no descriptor beyond those that are open now; returns how it was
 * before.
 */
static struct rlimit nofile_exhaust(void)
{
	struct rlimit old, none;
	int lowest = dup(STDERR_FILENO);

	/*
	 * every number below the lowest free one is in use, and none above it
	 * may be used
	 */
	close(lowest);
	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = lowest;
	setrlimit(RLIMIT_NOFILE, &none);
	return old;
}

static int call_without_fds(int (*call)(struct machine *m), struct machine *m)
{
	struct rlimit old = nofile_exhaust();
	int ret = call(m);

	setrlimit(RLIMIT_NOFILE, &old);
	return ret;
}

TEST_F(all, heap_alloc_without_fds_emfile)
{
	int before = fds_open();

	EXPECT_EQ(-EMFILE, call_without_fds(call_heap_alloc, &self->m));
	EXPECT_EQ(before, fds_open());
}

/* CVE-2024-56712: the buffer is exported already when the number is missing. */
TEST_F(all, udmabuf_create_without_fds_emfile)
{
	int before = fds_open(), fd;

	EXPECT_EQ(-EMFILE, call_without_fds(call_udmabuf_create, &self->m));
	EXPECT_EQ(before, fds_open());
	fd = call_udmabuf_create(&self->m);
	EXPECT_GE(fd, 0);
	close(fd);
}

TEST_F(all, prime_export_without_fds_emfile)
{
	int before = fds_open(), fd;

	EXPECT_EQ(-EMFILE, call_without_fds(call_prime_export, &self->m));
	EXPECT_EQ(before, fds_open());
	fd = call_prime_export(&self->m);
	EXPECT_GE(fd, 0);
	close(fd);
}

TEST_F(all, export_sync_file_without_fds_emfile)
{
	int before = fds_open();

	EXPECT_EQ(-EMFILE, call_without_fds(call_export_sync_file, &self->m));
	EXPECT_EQ(before, fds_open());
}

TEST_F(all, merge_without_fds_emfile)
{
	int before = fds_open();

	EXPECT_EQ(-EMFILE, call_without_fds(call_merge, &self->m));
	EXPECT_EQ(before, fds_open());
	EXPECT_EQ(0, fence_status(self->m.a));
}

TEST_F(all, create_fence_without_fds_emfile)
{
	int before = fds_open();

	EXPECT_EQ(-EMFILE, call_without_fds(call_create_fence, &self->m));
	EXPECT_EQ(before, fds_open());
}

TEST_F(all, other_calls_need_no_fds)
{
	EXPECT_EQ(0, call_without_fds(call_sync, &self->m));
	EXPECT_EQ(0, call_without_fds(call_set_name, &self->m));
	EXPECT_EQ(0, call_without_fds(call_import_sync_file, &self->m));
	EXPECT_EQ(0, call_without_fds(call_fence_info, &self->m));
	EXPECT_EQ(0, call_without_fds(call_prime_import, &self->m));
}

/*
 * Descriptors that are not there
 */

TEST_F(all, closed_descriptor_ebadf)
{
	char data[64] = {};
	int closed = dup(self->m.buf);

	close(closed);
	EXPECT_EQ(-EBADF, do_ioctl(closed, DMA_BUF_IOCTL_SYNC, data));
	EXPECT_EQ(-EBADF, do_ioctl(closed, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, data));
	EXPECT_EQ(-EBADF, do_ioctl(closed, SYNC_IOC_MERGE, data));
	EXPECT_EQ(POLLNVAL, poll_events(closed, POLLIN, 0));
	EXPECT_EQ(-1, lseek(closed, 0, SEEK_END));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, page_size(), PROT_READ, MAP_SHARED, closed, 0));
	EXPECT_EQ(EBADF, errno);
}

TEST_F(all, import_of_closed_descriptor_ebadf)
{
	unsigned int handle;
	int closed = dup(self->m.buf);

	close(closed);
	EXPECT_EQ(-EBADF, vgem_import(self->m.vgem, closed, &handle));
	EXPECT_EQ(-EBADF, vgem_import(self->m.vgem, -1, &handle));
}

TEST_F(all, import_of_something_else_einval)
{
	unsigned int handle;

	EXPECT_EQ(-EINVAL, vgem_import(self->m.vgem, self->m.a, &handle));
	EXPECT_EQ(-EINVAL, vgem_import(self->m.vgem, self->m.memfd, &handle));
	EXPECT_EQ(-EINVAL, vgem_import(self->m.vgem, STDERR_FILENO, &handle));
}

/*
 * A path descriptor names a file without opening it: no operation of the buffer
 * is reachable.
 */
TEST_F(all, path_descriptor_refused)
{
	char data[64] = {}, path[40];
	unsigned int handle;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->m.buf);
	fd = open(path, O_PATH | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(-EBADF, do_ioctl(fd, DMA_BUF_IOCTL_SYNC, data));
	EXPECT_EQ(-EBADF, vgem_import(self->m.vgem, fd, &handle));
	EXPECT_EQ(-ENOENT, fence_merge(self->m.a, fd, ""));
	close(fd);
}

/*
 * Memory of the caller that is not there: the result cannot be told, so it must
 * not exist either
 */

TEST_F(all, export_sync_file_cannot_tell_efault)
{
	struct dma_buf_export_sync_file arg = { .flags = RW, .fd = -1 };
	int before = fds_open(), i;

	for (i = 0; i < 10; i++)
		EXPECT_EQ(-EFAULT, do_ioctl(self->m.buf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
					    page_readonly(&arg, sizeof(arg))));
	EXPECT_EQ(before, fds_open());
}

TEST_F(all, merge_cannot_tell_efault)
{
	struct sync_merge_data arg = { .fd2 = self->m.b, .fence = -1 };
	int before = fds_open(), i;

	for (i = 0; i < 10; i++)
		EXPECT_EQ(-EFAULT, do_ioctl(self->m.a, SYNC_IOC_MERGE,
					    page_readonly(&arg, sizeof(arg))));
	EXPECT_EQ(before, fds_open());
	EXPECT_EQ(0, fence_status(self->m.a));
}

TEST_F(all, fence_info_cannot_tell_efault)
{
	struct sync_fence_info fence = {};
	struct sync_file_info info = {};

	EXPECT_EQ(-EFAULT, do_ioctl(self->m.a, SYNC_IOC_FILE_INFO,
				    page_readonly(&info, sizeof(info))));
	EXPECT_EQ(-EFAULT, fence_info(self->m.a, &info, page_readonly(&fence, sizeof(fence)), 1));
}

/*
 * No kernel memory
 */

/*
 * The failure is armed through a descriptor that is open already, as opening
 * would allocate.
 */
static int inject_open(void)
{
	int fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (file_write("/sys/kernel/debug/failslab/ignore-gfp-wait", "N") ||
	    file_write("/sys/kernel/debug/failslab/verbose", "0")) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

static void inject_arm(int inject, int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", nth);

	if (pwrite(inject, text, len, 0) != len)
		abort();
}

/* Returns whether the failure has happened, and disarms it when it has not. */
static bool inject_disarm(int inject)
{
	char text[16] = "";
	bool happened;

	if (pread(inject, text, sizeof(text) - 1, 0) <= 0)
		abort();
	happened = atoi(text) == 0;
	if (!happened)
		inject_arm(inject, 0);
	return happened;
}

struct injected {
	int failures;	/* calls that failed, each with -ENOMEM */
	int tolerated;	/* calls that did without the memory */
	int wrong;	/* an error that is not -ENOMEM, or 0 */
	int leaked;	/* descriptors left behind */
	int last;	/* what the call without any failure returned */
};

/*
 * Make a call's first allocation fail, then its second and so on, until all
 * succeed.
 */
static void inject_all(int inject, int (*call)(struct machine *m), bool gives_fd, struct machine *m,
		       struct injected *result)
{
	int nth, ret, before = fds_open();
	bool happened;

	memset(result, 0, sizeof(*result));
	for (nth = 1; nth < INJECTIONS_MAX; nth++) {
		inject_arm(inject, nth);
		ret = call(m);
		happened = inject_disarm(inject);
		if (ret >= 0 && gives_fd)
			close(ret);
		result->leaked += fds_open() - before;
		result->last = ret;
		if (!happened)
			return;
		result->tolerated += ret >= 0;
		result->failures += ret < 0;
		if (ret < 0 && ret != -ENOMEM)
			result->wrong = ret;
	}
	result->last = -ELOOP;
}

FIXTURE(no_memory) {
	struct machine m;
	int inject;
};

FIXTURE_SETUP(no_memory)
{
	int err = machine_init(&self->m);

	if (err == -ENOENT)
		SKIP(return, "system heap, udmabuf, vgem and sw_sync are all needed");
	ASSERT_EQ(0, err);
	self->inject = inject_open();
	if (self->inject == -ENOENT)
		SKIP(return, "no fault injection in this kernel");
	ASSERT_GE(self->inject, 0);
}

FIXTURE_TEARDOWN(no_memory)
{
	close(self->inject);
	machine_fini(&self->m);
}

#define EXPECT_CLEAN_FAILURES(call, gives_fd) do {				\
	struct injected result;							\
										\
	inject_all(self->inject, call, gives_fd, &self->m, &result);		\
	EXPECT_EQ(0, result.wrong);						\
	EXPECT_EQ(0, result.leaked);						\
	EXPECT_LE(0, result.last);						\
	TH_LOG("%d failures, %d tolerated", result.failures, result.tolerated);	\
	EXPECT_LT(0, result.failures);						\
} while (0)

TEST_F(no_memory, heap_alloc_without_memory_enomem)
{
	EXPECT_CLEAN_FAILURES(call_heap_alloc, true);
}

TEST_F(no_memory, udmabuf_create_without_memory_enomem)
{
	EXPECT_CLEAN_FAILURES(call_udmabuf_create, true);
}

TEST_F(no_memory, udmabuf_create_list_without_memory_enomem)
{
	EXPECT_CLEAN_FAILURES(call_udmabuf_create_list, true);
}

/*
 * CVE-2022-50819: stock makes a mapping for the first access, and after a
 * failure releases what is none. Here access needs no memory at all.
 */
TEST_F(no_memory, udmabuf_access_needs_no_memory)
{
	struct injected result;

	self->m.fresh = call_udmabuf_create(&self->m);
	ASSERT_GE(self->m.fresh, 0);
	inject_all(self->inject, call_udmabuf_access, false, &self->m, &result);
	EXPECT_EQ(0, result.failures);
	EXPECT_EQ(0, result.last);
	close(self->m.fresh);
}

TEST_F(no_memory, udmabuf_import_without_memory_enomem)
{
	int heap_buf = self->m.buf;

	self->m.buf = call_udmabuf_create(&self->m);
	ASSERT_GE(self->m.buf, 0);
	EXPECT_CLEAN_FAILURES(call_prime_import, false);
	close(self->m.buf);
	self->m.buf = heap_buf;
}

TEST_F(no_memory, prime_export_without_memory_enomem)
{
	EXPECT_CLEAN_FAILURES(call_prime_export, true);
}

TEST_F(no_memory, prime_import_without_memory_enomem)
{
	struct bufinfo info;

	EXPECT_CLEAN_FAILURES(call_prime_import, false);
	ASSERT_EQ(0, bufinfo_read(fd_ino(self->m.buf), &info));
	EXPECT_EQ(0, info.devices_total);
	EXPECT_EQ(1, info.count);
}

TEST_F(no_memory, sync_without_memory_enomem_or_ok)
{
	struct injected result;
	unsigned int handle;

	/* an attachment gives the exporter something to do */
	ASSERT_EQ(0, vgem_import(self->m.vgem, self->m.buf, &handle));
	inject_all(self->inject, call_sync, false, &self->m, &result);
	EXPECT_EQ(0, result.wrong);
	EXPECT_EQ(0, result.last);
	EXPECT_EQ(0, vgem_close_handle(self->m.vgem, handle));
}

TEST_F(no_memory, set_name_without_memory_enomem)
{
	char value[64];

	EXPECT_CLEAN_FAILURES(call_set_name, false);
	EXPECT_EQ(0, fdinfo_value(self->m.buf, "name", value, sizeof(value)));
	EXPECT_STREQ("a name", value);
}

TEST_F(no_memory, export_sync_file_idle_without_memory_enomem)
{
	EXPECT_CLEAN_FAILURES(call_export_sync_file, true);
}

TEST_F(no_memory, export_sync_file_busy_without_memory_enomem)
{
	ASSERT_EQ(0, buf_import_sync_file(self->m.buf, DMA_BUF_SYNC_WRITE, self->m.a));
	ASSERT_EQ(0, buf_import_sync_file(self->m.buf, DMA_BUF_SYNC_READ, self->m.b));
	EXPECT_CLEAN_FAILURES(call_export_sync_file, true);
}

/*
 * A reservation may have room for a fence from the start: then there is nothing
 * to fail.
 */
TEST_F(no_memory, import_sync_file_without_memory_enomem_or_ok)
{
	struct injected result;

	inject_all(self->inject, call_import_sync_file, false, &self->m, &result);
	EXPECT_EQ(0, result.wrong);
	EXPECT_EQ(0, result.last);
	EXPECT_EQ(0, poll_events(self->m.buf, POLLIN, 0));
	EXPECT_EQ(0, timeline_inc(self->m.timeline, 1));
	EXPECT_EQ(POLLIN, poll_events(self->m.buf, POLLIN, 1000));
}

/*
 * More timelines than a reservation has room for. A failure half way adds none
 * of them.
 */
TEST_F(no_memory, import_of_many_without_memory_enomem)
{
	int timelines[40], i, next, merged = dup(self->m.a), a = self->m.a;
	struct sync_file_info info;

	for (i = 0; i < 40; i++) {
		int fence;

		timelines[i] = timeline_open();
		ASSERT_GE(timelines[i], 0);
		fence = timeline_fence(timelines[i], 1);
		ASSERT_GE(fence, 0);
		next = fence_merge(merged, fence, "many");
		ASSERT_GE(next, 0);
		close(merged);
		close(fence);
		merged = next;
	}
	self->m.a = merged;
	EXPECT_CLEAN_FAILURES(call_import_sync_file, false);
	self->m.a = a;
	next = buf_export_sync_file(self->m.buf, RW);
	ASSERT_GE(next, 0);
	ASSERT_EQ(0, fence_info(next, &info, NULL, 0));
	EXPECT_EQ(41, info.num_fences);
	for (i = 0; i < 40; i++)
		EXPECT_EQ(0, timeline_inc(timelines[i], 1));
	EXPECT_EQ(0, poll_events(self->m.buf, POLLIN, 0));
	EXPECT_EQ(0, timeline_inc(self->m.timeline, 1));
	EXPECT_EQ(POLLIN, poll_events(self->m.buf, POLLIN, 1000));
}

/*
 * CVE-2021-47305: fences or arrays left behind by a merge that fails half way.
 */
TEST_F(no_memory, merge_without_memory_enomem)
{
	EXPECT_CLEAN_FAILURES(call_merge, true);
	EXPECT_EQ(0, timeline_inc(self->m.timeline, 1));
	EXPECT_EQ(1, fence_status(self->m.a));
}

TEST_F(no_memory, merge_of_signaled_without_memory_enomem)
{
	EXPECT_EQ(0, timeline_inc(self->m.timeline, 1));
	EXPECT_EQ(0, timeline_inc(self->m.other, 1));
	EXPECT_CLEAN_FAILURES(call_merge, true);
}

TEST_F(no_memory, create_fence_without_memory_enomem)
{
	EXPECT_CLEAN_FAILURES(call_create_fence, true);
}

/*
 * These need little memory or none; without it they fail cleanly or do not
 * notice.
 */
TEST_F(no_memory, asking_a_fence_without_memory_enomem_or_ok)
{
	struct injected result;

	inject_all(self->inject, call_fence_info, false, &self->m, &result);
	EXPECT_EQ(0, result.wrong);
	EXPECT_EQ(0, result.last);
	inject_all(self->inject, call_set_deadline, false, &self->m, &result);
	EXPECT_EQ(0, result.wrong);
	EXPECT_EQ(0, result.last);
	EXPECT_EQ(0, fence_status(self->m.a));
}

TEST_F(no_memory, poll_without_memory_enomem_or_ok)
{
	struct injected result;

	ASSERT_EQ(0, buf_import_sync_file(self->m.buf, DMA_BUF_SYNC_WRITE, self->m.a));
	inject_all(self->inject, call_poll, false, &self->m, &result);
	EXPECT_EQ(0, result.wrong);
	EXPECT_EQ(0, result.last);
	EXPECT_EQ(0, timeline_inc(self->m.timeline, 1));
	EXPECT_EQ(POLLIN, poll_events(self->m.buf, POLLIN, 1000));
}

TEST_F(no_memory, mmap_without_memory_enomem)
{
	EXPECT_CLEAN_FAILURES(call_mmap, false);
}

/*
 * Very much of something
 */

TEST_F(all, thousand_buffers_come_and_go)
{
	struct bufinfo info;
	unsigned long last;
	int i, fds[200], round;

	for (round = 0; round < 5; round++) {
		for (i = 0; i < 200; i++) {
			fds[i] = call_heap_alloc(&self->m);
			ASSERT_GE(fds[i], 0);
		}
		last = fd_ino(fds[199]);
		EXPECT_EQ(0, bufinfo_read(last, &info));
		for (i = 0; i < 200; i++)
			close(fds[i]);
		EXPECT_EQ(-ENOENT, bufinfo_read(last, &info));
	}
}

TEST_F(all, same_buffer_imported_again_is_one_attachment)
{
	unsigned int first, handle;
	struct bufinfo info;
	int i;

	ASSERT_EQ(0, vgem_import(self->m.vgem, self->m.buf, &first));
	for (i = 0; i < 32; i++) {
		ASSERT_EQ(0, vgem_import(self->m.vgem, self->m.buf, &handle));
		EXPECT_EQ(first, handle);
	}
	ASSERT_EQ(0, bufinfo_read(fd_ino(self->m.buf), &info));
	EXPECT_EQ(1, info.devices_total);
	ASSERT_EQ(0, vgem_close_handle(self->m.vgem, handle));
	ASSERT_EQ(0, bufinfo_read(fd_ino(self->m.buf), &info));
	EXPECT_EQ(0, info.devices_total);
	EXPECT_EQ(1, info.count);
}

TEST_F(all, closing_the_device_detaches_every_buffer)
{
	int bufs[64], i, vgem = vgem_open();
	struct bufinfo info;
	unsigned int handle;

	ASSERT_GE(vgem, 0);
	for (i = 0; i < 64; i++) {
		bufs[i] = call_heap_alloc(&self->m);
		ASSERT_GE(bufs[i], 0);
		ASSERT_EQ(0, vgem_import(vgem, bufs[i], &handle));
	}
	ASSERT_EQ(0, bufinfo_read(fd_ino(bufs[63]), &info));
	EXPECT_EQ(1, info.devices_total);
	close(vgem);
	for (i = 0; i < 64; i++) {
		ASSERT_EQ(0, bufinfo_read(fd_ino(bufs[i]), &info));
		EXPECT_EQ(0, info.devices_total);
		EXPECT_EQ(1, info.count);
		close(bufs[i]);
	}
}

/* An importer keeps the memory after every descriptor of the buffer is gone. */
TEST_F(all, import_outlives_the_descriptor)
{
	unsigned long ino = fd_ino(self->m.buf);
	unsigned int handle;
	struct bufinfo info;

	ASSERT_EQ(0, vgem_import(self->m.vgem, self->m.buf, &handle));
	close(self->m.buf);
	ASSERT_EQ(0, bufinfo_read(ino, &info));
	EXPECT_EQ(1, info.devices_total);
	ASSERT_EQ(0, vgem_close_handle(self->m.vgem, handle));
	EXPECT_EQ(-ENOENT, bufinfo_read(ino, &info));
}

TEST_HARNESS_MAIN
