// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of a buffer: SYNC, SET_NAME, EXPORT_SYNC_FILE, IMPORT_SYNC_FILE,
 * and numbers that are not ioctls of a buffer, each natively and through the
 * 32-bit entry.
 */
#include <kselftest_harness.h>

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "common.h"

#define RW (DMA_BUF_SYNC_READ | DMA_BUF_SYNC_WRITE)

/*
 * SET_NAME as a caller with 32-bit pointers encodes it, and as one with 64-bit
 * pointers does.
 */
static const unsigned long name_requests[] = {
	DMA_BUF_SET_NAME, DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B,
};

/* Every exporter: none of this depends on where the memory comes from. */
FIXTURE(buf) {
	int fd;
};

FIXTURE_VARIANT(buf) {
	const struct buf_source *source;
};

FIXTURE_VARIANT_ADD(buf, heap) {
	.source = &buf_heap,
};

FIXTURE_VARIANT_ADD(buf, udmabuf) {
	.source = &buf_udmabuf,
};

FIXTURE_VARIANT_ADD(buf, vgem) {
	.source = &buf_vgem,
};

FIXTURE_SETUP(buf)
{
	self->fd = variant->source->alloc(2 * page_size());
	if (self->fd == -ENOENT)
		SKIP(return, "no %s", variant->source->name);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(buf)
{
	close(self->fd);
}

TEST_F(buf, sync_every_direction_ok)
{
	__u64 direction;

	/* Both first: udmabuf keeps the mapping that the first call makes. */
	for (direction = RW; direction > 0; direction--) {
		EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_START | direction));
		EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_END | direction));
	}
}

TEST_F(buf, sync_no_direction_einval)
{
	EXPECT_EQ(-EINVAL, buf_sync(self->fd, DMA_BUF_SYNC_START));
	EXPECT_EQ(-EINVAL, buf_sync(self->fd, DMA_BUF_SYNC_END));
}

TEST_F(buf, sync_unknown_flag_einval)
{
	int bit;

	for (bit = 3; bit < 64; bit++)
		EXPECT_EQ(-EINVAL, buf_sync(self->fd, RW | 1ull << bit));
}

TEST_F(buf, sync_bad_pointer_efault)
{
	EXPECT_EQ(-EFAULT, do_ioctl(self->fd, DMA_BUF_IOCTL_SYNC, NULL));
	EXPECT_EQ(-EFAULT, do_ioctl(self->fd, DMA_BUF_IOCTL_SYNC, page_unmapped()));
	EXPECT_EQ(-EFAULT, do_ioctl(self->fd, DMA_BUF_IOCTL_SYNC, KERNEL_ADDRESS));
}

TEST_F(buf, sync_many_times_ok)
{
	int i;

	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_START | RW));
		ASSERT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_END | RW));
	}
}

TEST_F(buf, unknown_ioctl_enotty)
{
	char data[64] = {};
	unsigned int nr;

	for (nr = 0; nr < 256; nr++) {
		EXPECT_EQ(-ENOTTY, do_ioctl(self->fd, _IOC(_IOC_NONE, 'b', nr, 0), data));
		if (nr > 3)
			EXPECT_EQ(-ENOTTY, do_ioctl(self->fd, _IOW('b', nr, __u64), data));
	}
	EXPECT_EQ(-ENOTTY, do_ioctl(self->fd, SYNC_IOC_FILE_INFO, data));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->fd, _IOW('B', 0, struct dma_buf_sync), data));
}

TEST_F(buf, wrong_size_enotty)
{
	char data[64] = {};

	EXPECT_EQ(-ENOTTY, do_ioctl(self->fd, _IOW('b', 0, __u32), data));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->fd, _IOW('b', 1, char[32]), data));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->fd, _IOWR('b', 2, __u32), data));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->fd, _IOW('b', 3, __u32), data));
}

TEST_F(buf, wrong_direction_enotty)
{
	char data[64] = {};

	EXPECT_EQ(-ENOTTY, do_ioctl(self->fd, _IOR('b', 0, struct dma_buf_sync), data));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->fd, _IOWR('b', 1, const char *), data));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->fd, _IOW('b', 2, struct dma_buf_export_sync_file), data));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->fd, _IOR('b', 3, struct dma_buf_import_sync_file), data));
}

TEST_F(buf, set_name_every_encoding_ok)
{
	char name[BUF_NAME_MAX], value[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(name_requests); i++) {
		snprintf(name, sizeof(name), "encoding-%zu", i);
		EXPECT_EQ(0, do_ioctl(self->fd, name_requests[i], name));
		EXPECT_EQ(0, fdinfo_value(self->fd, "name", value, sizeof(value)));
		EXPECT_STREQ(name, value);
	}
}

TEST_F(buf, set_name_longest_ok)
{
	char name[BUF_NAME_MAX], value[64];

	memset(name, 'x', sizeof(name));
	name[BUF_NAME_MAX - 1] = '\0';
	EXPECT_EQ(0, buf_set_name(self->fd, name));
	EXPECT_EQ(0, fdinfo_value(self->fd, "name", value, sizeof(value)));
	EXPECT_STREQ(name, value);
}

TEST_F(buf, set_name_too_long_einval)
{
	char name[4096], value[64];

	EXPECT_EQ(0, buf_set_name(self->fd, "before"));
	memset(name, 'x', sizeof(name));
	name[BUF_NAME_MAX] = '\0';
	EXPECT_EQ(-EINVAL, buf_set_name(self->fd, name));
	name[BUF_NAME_MAX] = 'x';
	name[sizeof(name) - 1] = '\0';
	EXPECT_EQ(-EINVAL, buf_set_name(self->fd, name));
	EXPECT_EQ(0, fdinfo_value(self->fd, "name", value, sizeof(value)));
	EXPECT_STREQ("before", value);
}

TEST_F(buf, set_name_empty_ok)
{
	char value[64];

	EXPECT_EQ(-ENOENT, fdinfo_value(self->fd, "name", value, sizeof(value)));
	EXPECT_EQ(0, buf_set_name(self->fd, "full"));
	EXPECT_EQ(0, buf_set_name(self->fd, ""));
	EXPECT_EQ(0, fdinfo_value(self->fd, "name", value, sizeof(value)));
	EXPECT_STREQ("", value);
}

/* A name that looks like lines of fdinfo, or like another buffer in bufinfo. */
TEST_F(buf, set_name_cannot_forge_lines)
{
	char value[64], size[64];
	const char *utf8 = "Gr\303\266\303\237e \\ 100%";
	struct bufinfo info;

	ASSERT_EQ(0, fdinfo_value(self->fd, "size", size, sizeof(size)));
	ASSERT_EQ(0, buf_set_name(self->fd, "\nsize:\t1\ncount:\t2\n\n3\t4\t5\t6\tx"));
	ASSERT_EQ(0, fdinfo_value(self->fd, "name", value, sizeof(value)));
	EXPECT_STREQ("\\012size:\\0111\\012count:\\0112\\012\\0123\\0114\\0115\\0116\\011x", value);
	ASSERT_EQ(0, bufinfo_read(fd_ino(self->fd), &info));
	EXPECT_STREQ(value, info.name);
	EXPECT_EQ(strtoul(size, NULL, 10), info.size);

	ASSERT_EQ(0, buf_set_name(self->fd, utf8));
	ASSERT_EQ(0, fdinfo_value(self->fd, "name", value, sizeof(value)));
	EXPECT_STREQ(utf8, value);
}

TEST_F(buf, set_name_bad_pointer_efault)
{
	char value[64];
	size_t i;

	EXPECT_EQ(0, buf_set_name(self->fd, "before"));
	for (i = 0; i < ARRAY_SIZE(name_requests); i++) {
		EXPECT_EQ(-EFAULT, do_ioctl(self->fd, name_requests[i], NULL));
		EXPECT_EQ(-EFAULT, do_ioctl(self->fd, name_requests[i], page_unmapped()));
		/* UML's strnlen_user() takes its own error for a length. */
		EXPECT_EQ(on_uml() ? -ENOMEM : -EFAULT,
			  do_ioctl(self->fd, name_requests[i], KERNEL_ADDRESS));
	}
	EXPECT_EQ(0, fdinfo_value(self->fd, "name", value, sizeof(value)));
	EXPECT_STREQ("before", value);
}

TEST_F(buf, set_name_runs_into_a_hole_efault)
{
	char *pages = mmap(NULL, 2 * page_size(), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, munmap(pages + page_size(), page_size()));
	memset(pages + page_size() - 4, 'x', 4);
	EXPECT_EQ(-EFAULT, buf_set_name(self->fd, pages + page_size() - 4));
	pages[page_size() - 1] = '\0';
	EXPECT_EQ(0, buf_set_name(self->fd, pages + page_size() - 4));
}

TEST_F(buf, set_name_is_the_buffer_s)
{
	char value[64];
	int copy = dup(self->fd), second = variant->source->alloc(page_size());

	ASSERT_GE(copy, 0);
	ASSERT_GE(second, 0);
	EXPECT_EQ(0, buf_set_name(self->fd, "mine"));
	EXPECT_EQ(0, fdinfo_value(copy, "name", value, sizeof(value)));
	EXPECT_STREQ("mine", value);
	EXPECT_EQ(-ENOENT, fdinfo_value(second, "name", value, sizeof(value)));
	close(copy);
	close(second);
}

TEST_F(buf, set_name_while_attached_ok)
{
	int vgem = vgem_open();
	unsigned int handle;
	char value[64];

	if (vgem == -ENOENT)
		SKIP(return, "no vgem");
	ASSERT_GE(vgem, 0);
	ASSERT_EQ(0, vgem_import(vgem, self->fd, &handle));
	EXPECT_EQ(0, buf_set_name(self->fd, "attached"));
	EXPECT_EQ(0, fdinfo_value(self->fd, "name", value, sizeof(value)));
	EXPECT_STREQ("attached", value);
	EXPECT_EQ(0, vgem_close_handle(vgem, handle));
	close(vgem);
}

TEST_F(buf, export_idle_is_signaled)
{
	unsigned int flags;

	for (flags = DMA_BUF_SYNC_READ; flags <= RW; flags++) {
		int fence = buf_export_sync_file(self->fd, flags);

		ASSERT_GE(fence, 0);
		EXPECT_TRUE(fd_is_cloexec(fence));
		EXPECT_EQ(1, fence_status(fence));
		EXPECT_EQ(POLLIN, poll_events(fence, POLLIN, 0));
		close(fence);
	}
}

TEST_F(buf, export_flags_einval)
{
	int before = fds_open(), bit;

	EXPECT_EQ(-EINVAL, buf_export_sync_file(self->fd, 0));
	for (bit = 2; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, buf_export_sync_file(self->fd, RW | 1u << bit));
	EXPECT_EQ(before, fds_open());
}

TEST_F(buf, import_flags_einval)
{
	int fence = buf_export_sync_file(self->fd, RW), bit;

	ASSERT_GE(fence, 0);
	EXPECT_EQ(-EINVAL, buf_import_sync_file(self->fd, 0, fence));
	for (bit = 2; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, buf_import_sync_file(self->fd, RW | 1u << bit, fence));
	close(fence);
}

TEST_F(buf, import_not_a_fence_einval)
{
	int closed = dup(self->fd);

	close(closed);
	EXPECT_EQ(-EINVAL, buf_import_sync_file(self->fd, RW, closed));
	EXPECT_EQ(-EINVAL, buf_import_sync_file(self->fd, RW, -1));
	EXPECT_EQ(-EINVAL, buf_import_sync_file(self->fd, RW, INT_MAX));
	EXPECT_EQ(-EINVAL, buf_import_sync_file(self->fd, RW, self->fd));
	EXPECT_EQ(-EINVAL, buf_import_sync_file(self->fd, RW, STDERR_FILENO));
}

TEST_F(buf, import_signaled_leaves_it_idle)
{
	int fence = buf_export_sync_file(self->fd, RW);

	ASSERT_GE(fence, 0);
	EXPECT_EQ(0, buf_import_sync_file(self->fd, RW, fence));
	EXPECT_EQ(POLLIN | POLLOUT, poll_events(self->fd, POLLIN | POLLOUT, 0));
	close(fence);
}

TEST_F(buf, sync_files_bad_pointer_efault)
{
	struct dma_buf_export_sync_file arg = { .flags = RW, .fd = -1 };
	void *bad[] = { NULL, page_unmapped(), KERNEL_ADDRESS };
	int before = fds_open();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, do_ioctl(self->fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, bad[i]));
		EXPECT_EQ(-EFAULT, do_ioctl(self->fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, bad[i]));
	}
	EXPECT_EQ(-EFAULT, do_ioctl(self->fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
				    page_readonly(&arg, sizeof(arg))));
	EXPECT_EQ(before, fds_open());
}

/* A buffer with pending fences, from sw_sync. */
FIXTURE(fenced) {
	int fd;
	int timeline;
};

FIXTURE_SETUP(fenced)
{
	self->timeline = timeline_open();
	self->fd = buf_from_heap(page_size());
	if (self->timeline == -ENOENT || self->fd == -ENOENT)
		SKIP(return, "no sw_sync in debugfs, or no system heap");
	ASSERT_GE(self->timeline, 0);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(fenced)
{
	close(self->fd);
	close(self->timeline);
}

TEST_F(fenced, export_after_write_is_pending)
{
	unsigned int flags;
	int fences[4];

	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	for (flags = DMA_BUF_SYNC_READ; flags <= RW; flags++) {
		fences[flags] = buf_export_sync_file(self->fd, flags);
		ASSERT_GE(fences[flags], 0);
		EXPECT_EQ(0, fence_status(fences[flags]));
	}
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	for (flags = DMA_BUF_SYNC_READ; flags <= RW; flags++)
		EXPECT_EQ(1, fence_status(fences[flags]));
}

TEST_F(fenced, export_after_read_is_pending_for_writers_only)
{
	int reader, writer;

	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_READ));
	reader = buf_export_sync_file(self->fd, DMA_BUF_SYNC_READ);
	writer = buf_export_sync_file(self->fd, DMA_BUF_SYNC_WRITE);
	ASSERT_GE(reader, 0);
	ASSERT_GE(writer, 0);
	EXPECT_EQ(1, fence_status(reader));
	EXPECT_EQ(0, fence_status(writer));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(1, fence_status(writer));
}

TEST_F(fenced, export_is_a_snapshot)
{
	int fence;

	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	fence = buf_export_sync_file(self->fd, DMA_BUF_SYNC_READ);
	ASSERT_GE(fence, 0);
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 2, DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(1, fence_status(fence));
	EXPECT_EQ(0, poll_events(self->fd, POLLIN, 0));
}

TEST_F(fenced, export_of_two_timelines_waits_for_both)
{
	struct sync_file_info info;
	int other = timeline_open(), fence;

	ASSERT_GE(other, 0);
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, buf_add_pending(self->fd, other, 1, DMA_BUF_SYNC_READ));
	fence = buf_export_sync_file(self->fd, RW);
	ASSERT_GE(fence, 0);
	ASSERT_EQ(0, fence_info(fence, &info, NULL, 0));
	EXPECT_EQ(2, info.num_fences);
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(0, poll_events(fence, POLLIN, 0));
	EXPECT_EQ(0, timeline_inc(other, 1));
	EXPECT_EQ(POLLIN, poll_events(fence, POLLIN, 1000));
}

TEST_F(fenced, export_survives_the_buffer)
{
	int fence;

	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	fence = buf_export_sync_file(self->fd, DMA_BUF_SYNC_READ);
	ASSERT_GE(fence, 0);
	close(self->fd);
	EXPECT_EQ(0, fence_status(fence));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(POLLIN, poll_events(fence, POLLIN, 1000));
}

TEST_F(fenced, import_merged_adds_every_fence)
{
	int other = timeline_open(), a, b, merged;

	ASSERT_GE(other, 0);
	a = timeline_fence(self->timeline, 1);
	b = timeline_fence(other, 1);
	merged = fence_merge(a, b, "both");
	ASSERT_GE(merged, 0);
	EXPECT_EQ(0, buf_import_sync_file(self->fd, DMA_BUF_SYNC_WRITE, merged));
	close(merged);
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(0, poll_events(self->fd, POLLIN, 0));
	EXPECT_EQ(0, timeline_inc(other, 1));
	EXPECT_EQ(POLLIN, poll_events(self->fd, POLLIN, 1000));
}

TEST_F(fenced, import_both_flags_counts_as_write)
{
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, RW));
	EXPECT_EQ(0, poll_events(self->fd, POLLIN | POLLOUT, 0));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(POLLIN | POLLOUT, poll_events(self->fd, POLLIN | POLLOUT, 1000));
}

TEST_F(fenced, import_many_of_one_timeline_is_bounded_by_the_last)
{
	int i;

	for (i = 1; i <= 100; i++)
		ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, i, DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, timeline_inc(self->timeline, 99));
	EXPECT_EQ(0, poll_events(self->fd, POLLIN, 0));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(POLLIN, poll_events(self->fd, POLLIN, 1000));
}

/*
 * CVE-2022-49935: an older fence of the same timeline must not take the place
 * of a newer one.
 */
TEST_F(fenced, import_older_fence_keeps_the_newer)
{
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 2, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(0, poll_events(self->fd, POLLIN, 0));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(POLLIN, poll_events(self->fd, POLLIN, 1000));
}

TEST_F(fenced, sync_read_waits_for_writers)
{
	struct delayed_inc inc;
	long long start = now_ms();

	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, delayed_inc_start(&inc, self->timeline, 1, 50));
	EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	EXPECT_GE(now_ms() - start, 40);
	delayed_inc_join(&inc);
	EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
}

TEST_F(fenced, sync_read_ignores_readers)
{
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_READ));
	EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	EXPECT_EQ(0, poll_events(self->fd, POLLOUT, 0));
}

TEST_F(fenced, sync_write_waits_for_readers)
{
	struct delayed_inc inc;
	long long start = now_ms();

	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_READ));
	ASSERT_EQ(0, delayed_inc_start(&inc, self->timeline, 1, 50));
	EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	EXPECT_GE(now_ms() - start, 40);
	delayed_inc_join(&inc);
	EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));
}

TEST_F(fenced, sync_end_does_not_wait)
{
	EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_START | RW));
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_END | RW));
	EXPECT_EQ(0, poll_events(self->fd, POLLIN, 0));
}

static int signal_timeline;

static void alarm_ignore(int sig)
{
}

static void alarm_inc(int sig)
{
	timeline_inc(signal_timeline, 1);
}

static void alarm_after_ms(void (*handler)(int), int flags, int ms)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	struct itimerval timer = { .it_value.tv_usec = ms * 1000 };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

TEST_F(fenced, sync_wait_interrupted_eintr)
{
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	alarm_after_ms(alarm_ignore, 0, 50);
	EXPECT_EQ(-EINTR, buf_sync(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
}

TEST_F(fenced, sync_write_wait_interrupted_eintr)
{
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_READ));
	alarm_after_ms(alarm_ignore, 0, 50);
	EXPECT_EQ(-EINTR, buf_sync(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
}

TEST_F(fenced, sync_wait_restarts_when_asked_to)
{
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	signal_timeline = self->timeline;
	alarm_after_ms(alarm_inc, SA_RESTART, 50);
	EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	EXPECT_EQ(POLLIN, poll_events(self->fd, POLLIN, 0));
}

TEST_F(fenced, sync_wait_killed_ends)
{
	int status;
	pid_t child;

	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		buf_sync(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
		_exit(1);
	}
	usleep(50000);
	ASSERT_EQ(0, waitpid(child, &status, WNOHANG));
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
}

TEST_F(fenced, sync_wait_on_failed_fence_ends)
{
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	close(self->timeline);
	EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
}

/*
 * The ioctls as a 32-bit program issues them: every pointer below 4 GiB, entry
 * by int 0x80.
 */
#ifdef __x86_64__
#define COMPAT_GETPID 20
#define COMPAT_IOCTL 54

static int compat_syscall(int nr, unsigned int a, unsigned int b, unsigned int c)
{
	int ret;

	asm volatile("int $0x80" : "=a" (ret) : "a" (nr), "b" (a), "c" (b), "d" (c)
		     : "r8", "r9", "r10", "r11", "memory");
	return ret;
}

static void compat_probe_failed(int sig)
{
	_exit(1);
}

/* Without 32-bit entry points int 0x80 is a fault, or means some other call. */
static bool compat_usable(void)
{
	pid_t child = fork();
	int status;

	if (!child) {
		signal(SIGSEGV, compat_probe_failed);
		signal(SIGSYS, compat_probe_failed);
		_exit(compat_syscall(COMPAT_GETPID, -1, 0, 0) != getpid());
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status);
}

static int compat_ioctl(int fd, unsigned int request, const void *arg)
{
	return compat_syscall(COMPAT_IOCTL, fd, request, (unsigned long)arg);
}
#else
static bool compat_usable(void)
{
	return false;
}

static int compat_ioctl(int fd, unsigned int request, const void *arg)
{
	return -EOPNOTSUPP;
}
#endif

#ifndef MAP_32BIT
#define MAP_32BIT 0
#endif

FIXTURE(compat) {
	int fd;
	int timeline;
	char *low;	/* a page that a 32-bit pointer can name */
};

FIXTURE_SETUP(compat)
{
	if (!compat_usable())
		SKIP(return, "no 32-bit system calls here");
	self->fd = buf_from_heap(page_size());
	self->timeline = timeline_open();
	if (self->timeline == -ENOENT || self->fd == -ENOENT)
		SKIP(return, "no sw_sync in debugfs, or no system heap");
	ASSERT_GE(self->fd, 0);
	ASSERT_GE(self->timeline, 0);
	self->low = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	ASSERT_NE(MAP_FAILED, self->low);
}

FIXTURE_TEARDOWN(compat)
{
	close(self->fd);
	close(self->timeline);
}

TEST_F(compat, sync_ok)
{
	struct dma_buf_sync *arg = (void *)self->low;

	arg->flags = DMA_BUF_SYNC_START | RW;
	EXPECT_EQ(0, compat_ioctl(self->fd, DMA_BUF_IOCTL_SYNC, arg));
	arg->flags = DMA_BUF_SYNC_END | RW;
	EXPECT_EQ(0, compat_ioctl(self->fd, DMA_BUF_IOCTL_SYNC, arg));
	arg->flags = 0;
	EXPECT_EQ(-EINVAL, compat_ioctl(self->fd, DMA_BUF_IOCTL_SYNC, arg));
}

TEST_F(compat, set_name_ok)
{
	char value[64];

	memcpy(self->low, "thirty-two", 11);
	EXPECT_EQ(0, compat_ioctl(self->fd, DMA_BUF_SET_NAME_A, self->low));
	EXPECT_EQ(0, fdinfo_value(self->fd, "name", value, sizeof(value)));
	EXPECT_STREQ("thirty-two", value);
	memcpy(self->low, "sixty-four", 11);
	EXPECT_EQ(0, compat_ioctl(self->fd, DMA_BUF_SET_NAME_B, self->low));
	EXPECT_EQ(0, fdinfo_value(self->fd, "name", value, sizeof(value)));
	EXPECT_STREQ("sixty-four", value);
	EXPECT_EQ(-EFAULT, compat_ioctl(self->fd, DMA_BUF_SET_NAME_A, NULL));
}

TEST_F(compat, sync_files_ok)
{
	struct dma_buf_export_sync_file *out = (void *)self->low;
	struct dma_buf_import_sync_file *in = (void *)self->low;

	in->flags = DMA_BUF_SYNC_WRITE;
	in->fd = timeline_fence(self->timeline, 1);
	ASSERT_GE(in->fd, 0);
	EXPECT_EQ(0, compat_ioctl(self->fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, in));
	out->flags = DMA_BUF_SYNC_READ;
	ASSERT_EQ(0, compat_ioctl(self->fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, out));
	EXPECT_EQ(0, fence_status(out->fd));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(1, fence_status(out->fd));
}

TEST_F(compat, fence_ioctls_ok)
{
	struct sync_set_deadline *deadline = (void *)self->low;
	struct sync_merge_data *merge = (void *)self->low;
	struct sync_file_info *info = (void *)self->low;
	struct sync_fence_info *fences = (void *)(self->low + 256);
	int a = timeline_fence(self->timeline, 1), b = timeline_fence(self->timeline, 2);
	unsigned long long ns = 0;

	ASSERT_GE(a, 0);
	ASSERT_GE(b, 0);
	merge->fd2 = b;
	memcpy(merge->name, "low", 4);
	ASSERT_EQ(0, compat_ioctl(a, SYNC_IOC_MERGE, merge));
	close(merge->fence);
	memset(self->low, 0, page_size());
	info->num_fences = 1;
	info->sync_fence_info = (uintptr_t)fences;
	EXPECT_EQ(0, compat_ioctl(a, SYNC_IOC_FILE_INFO, info));
	EXPECT_STREQ("sw_sync", fences->driver_name);
	memset(self->low, 0, page_size());
	deadline->deadline_ns = 1ull << 40;
	EXPECT_EQ(0, compat_ioctl(a, SYNC_IOC_SET_DEADLINE, deadline));
	EXPECT_EQ(0, timeline_deadline(a, &ns));
	EXPECT_EQ(1ull << 40, ns);
}

TEST_F(compat, unknown_enotty)
{
	EXPECT_EQ(-ENOTTY, compat_ioctl(self->fd, _IOW('b', 4, __u64), self->low));
	EXPECT_EQ(-ENOTTY, compat_ioctl(self->fd, _IOW('b', 0, __u32), self->low));
}

TEST_HARNESS_MAIN
