// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sample exporter and importer as userspace sees them: buffers travel as
 * descriptors, jobs show in poll() and in sync_files, and the data is right.
 *
 *	gcc -I KERNEL/tools/testing/selftests -I KERNEL/usr/include
 *	test-samples.c -o test-samples
 *
 * Needs CONFIG_SAMPLE_DMABUF and CONFIG_SYNC_FILE, and to be root.
 */
#include <kselftest_harness.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dma-buf-samples.h"

#define BOTH (POLLIN | POLLOUT)
#define SIZE (40 * 4096)	/* more than one segment for most devices */
/* a job that is still running when the next line is executed */
#define SHORT_MS 300
#define LONG_MS 10000		/* longer than any wait that ends well */

/* Like ioctl(), but returns a negative errno. */
static int do_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

static int buf_create(__u64 size)
{
	struct sample_exporter_create arg = { .size = size };
	int exporter = open("/dev/dma-buf-exporter", O_RDWR | O_CLOEXEC);
	int ret;

	if (exporter < 0)
		return -errno;
	ret = do_ioctl(exporter, SAMPLE_EXPORTER_CREATE, &arg);
	close(exporter);
	return ret;
}

static int buf_move(int buf)
{
	int exporter = open("/dev/dma-buf-exporter", O_RDWR | O_CLOEXEC);
	int ret = do_ioctl(exporter, SAMPLE_EXPORTER_MOVE, &buf);

	close(exporter);
	return ret;
}

static int importer_open(void)
{
	return open("/dev/dma-buf-importer", O_RDWR | O_CLOEXEC);
}

static int importer_attach(int importer, int buf)
{
	return do_ioctl(importer, SAMPLE_IMPORTER_ATTACH, &buf);
}

static int importer_run(int importer, __u32 op, __u32 value, __u32 delay_ms)
{
	struct sample_importer_job job = { .op = op, .value = value, .delay_ms = delay_ms };

	return do_ioctl(importer, SAMPLE_IMPORTER_RUN, &job);
}

static int importer_peek(int importer, __u64 offset)
{
	return do_ioctl(importer, SAMPLE_IMPORTER_PEEK, &offset);
}

/* [poll] */
static int poll_events(int fd, short events, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int ret = poll(&pfd, 1, timeout_ms);

	return ret < 0 ? -errno : pfd.revents;
}

/* [export] */
static int buf_export(int buf, __u32 flags)
{
	struct dma_buf_export_sync_file arg = { .flags = flags, .fd = -1 };
	int ret = do_ioctl(buf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg);

	return ret < 0 ? ret : arg.fd;
}

/* [import] */
static int buf_import(int buf, __u32 flags, int fence)
{
	struct dma_buf_import_sync_file arg = { .flags = flags, .fd = fence };
	int ret;

	do
		ret = do_ioctl(buf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg);
	while (ret == -EINTR);
	return ret;
}

/* [status] */
static int fence_status(int fence)
{
	struct sync_file_info info = { .num_fences = 0 };
	int ret = do_ioctl(fence, SYNC_IOC_FILE_INFO, &info);

	return ret < 0 ? ret : info.status;
}

/* [sync] */
static int buf_sync(int buf, __u64 flags)
{
	struct dma_buf_sync arg = { .flags = flags };
	int ret;

	do
		ret = do_ioctl(buf, DMA_BUF_IOCTL_SYNC, &arg);
	while (ret == -EINTR || ret == -EAGAIN);
	return ret;
}

/* [name] */
static int buf_set_name(int buf, const char *name)
{
	return do_ioctl(buf, DMA_BUF_SET_NAME, (void *)name);
}

/* [merge] */
static int fence_merge(int a, int b)
{
	struct sync_merge_data arg = { .name = "both", .fd2 = b };
	int ret = do_ioctl(a, SYNC_IOC_MERGE, &arg);

	return ret < 0 ? ret : arg.fence;
}

/* [end] */
static bool all_bytes_are(const unsigned char *memory, unsigned char value)
{
	size_t i;

	for (i = 0; i < SIZE; i++)
		if (memory[i] != value)
			return false;
	return true;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

FIXTURE(sample) {
	int buf;
	int importer;
	unsigned char *memory;
};

FIXTURE_SETUP(sample)
{
	self->buf = buf_create(SIZE);
	if (self->buf == -ENOENT)
		SKIP(return, "no sample drivers in this kernel");
	ASSERT_GE(self->buf, 0);
	self->importer = importer_open();
	ASSERT_GE(self->importer, 0);
	ASSERT_EQ(0, importer_attach(self->importer, self->buf));
	self->memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->buf, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
}

FIXTURE_TEARDOWN(sample)
{
	munmap(self->memory, SIZE);
	close(self->importer);
	close(self->buf);
}

TEST_F(sample, create_size_is_whole_pages_and_zeroed)
{
	int buf = buf_create(1);

	ASSERT_GE(buf, 0);
	EXPECT_EQ(sysconf(_SC_PAGESIZE), lseek(buf, 0, SEEK_END));
	EXPECT_EQ(FD_CLOEXEC, fcntl(buf, F_GETFD));
	EXPECT_TRUE(all_bytes_are(self->memory, 0));
	close(buf);
}

TEST_F(sample, create_bad_size_einval)
{
	EXPECT_EQ(-EINVAL, buf_create(0));
	EXPECT_EQ(-EINVAL, buf_create(SAMPLE_EXPORTER_SIZE_MAX + 1));
	EXPECT_EQ(-EINVAL, buf_create(~0ULL));
}

TEST_F(sample, mmap_private_einval)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, self->buf, 0));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(sample, fill_is_seen_by_poll_and_then_in_memory)
{
	ASSERT_EQ(1, importer_run(self->importer, SAMPLE_JOB_FILL, 0x5a, SHORT_MS));
	EXPECT_EQ(0, poll_events(self->buf, BOTH, 0));
	EXPECT_EQ(POLLOUT, poll_events(self->buf, POLLOUT, LONG_MS));
	EXPECT_EQ(BOTH, poll_events(self->buf, BOTH, 0));

	ASSERT_EQ(0, buf_sync(self->buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	EXPECT_TRUE(all_bytes_are(self->memory, 0x5a));
	EXPECT_EQ(0, buf_sync(self->buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
}

TEST_F(sample, fill_is_in_an_exported_sync_file)
{
	int idle = buf_export(self->buf, DMA_BUF_SYNC_WRITE), busy;

	ASSERT_GE(idle, 0);
	ASSERT_EQ(1, importer_run(self->importer, SAMPLE_JOB_FILL, 1, SHORT_MS));
	busy = buf_export(self->buf, DMA_BUF_SYNC_READ);
	ASSERT_GE(busy, 0);

	EXPECT_EQ(1, fence_status(idle));
	EXPECT_EQ(0, fence_status(busy));
	EXPECT_EQ(POLLIN, poll_events(busy, POLLIN, LONG_MS));
	EXPECT_EQ(1, fence_status(busy));
	close(idle);
	close(busy);
}

TEST_F(sample, check_keeps_writers_out_only)
{
	int reader, writer;

	ASSERT_EQ(1, importer_run(self->importer, SAMPLE_JOB_CHECK, 0, SHORT_MS));
	EXPECT_EQ(POLLIN, poll_events(self->buf, BOTH, 0));
	reader = buf_export(self->buf, DMA_BUF_SYNC_READ);
	writer = buf_export(self->buf, DMA_BUF_SYNC_WRITE);
	EXPECT_EQ(1, fence_status(reader));
	EXPECT_EQ(0, fence_status(writer));
	EXPECT_EQ(POLLIN, poll_events(writer, POLLIN, LONG_MS));
	EXPECT_EQ(1, fence_status(writer));
	close(reader);
	close(writer);
}

TEST_F(sample, check_of_other_data_fails_its_fence)
{
	int fence;

	/* Only a pending fence is exported, so it has to take a while. */
	ASSERT_EQ(1, importer_run(self->importer, SAMPLE_JOB_CHECK, 7, SHORT_MS));
	fence = buf_export(self->buf, DMA_BUF_SYNC_WRITE);
	ASSERT_GE(fence, 0);
	EXPECT_EQ(POLLIN, poll_events(fence, POLLIN, LONG_MS));
	EXPECT_EQ(-EIO, fence_status(fence));
	close(fence);
}

TEST_F(sample, imported_fence_blocks_another_buffer)
{
	int other = buf_create(SIZE), fence;

	ASSERT_GE(other, 0);
	ASSERT_EQ(1, importer_run(self->importer, SAMPLE_JOB_FILL, 1, SHORT_MS));
	fence = buf_export(self->buf, DMA_BUF_SYNC_READ);
	ASSERT_GE(fence, 0);

	EXPECT_EQ(BOTH, poll_events(other, BOTH, 0));
	ASSERT_EQ(0, buf_import(other, DMA_BUF_SYNC_READ, fence));
	EXPECT_EQ(POLLIN, poll_events(other, BOTH, 0));
	EXPECT_EQ(POLLOUT, poll_events(other, POLLOUT, LONG_MS));
	EXPECT_EQ(-EINVAL, buf_import(other, DMA_BUF_SYNC_READ, self->buf));
	EXPECT_EQ(-EINVAL, buf_import(other, 0, fence));
	close(fence);
	close(other);
}

TEST_F(sample, merged_fence_waits_for_both)
{
	int quick, slow, both, other = importer_open(), buf = buf_create(SIZE);

	ASSERT_EQ(0, importer_attach(other, buf));
	ASSERT_EQ(1, importer_run(self->importer, SAMPLE_JOB_FILL, 1, SHORT_MS));
	ASSERT_EQ(1, importer_run(other, SAMPLE_JOB_FILL, 1, 3 * SHORT_MS));
	quick = buf_export(self->buf, DMA_BUF_SYNC_WRITE);
	slow = buf_export(buf, DMA_BUF_SYNC_WRITE);
	both = fence_merge(quick, slow);
	ASSERT_GE(both, 0);

	EXPECT_EQ(POLLIN, poll_events(quick, POLLIN, LONG_MS));
	EXPECT_EQ(0, poll_events(both, POLLIN, 0));
	EXPECT_EQ(POLLIN, poll_events(both, POLLIN, LONG_MS));
	EXPECT_EQ(1, fence_status(slow));
	EXPECT_EQ(1, fence_status(both));
	close(quick);
	close(slow);
	close(both);
	close(other);
	close(buf);
}

TEST_F(sample, name_is_in_fdinfo)
{
	char path[64], line[128];
	bool found = false;
	FILE *fdinfo;

	EXPECT_EQ(-EINVAL, buf_set_name(self->buf, "a name that is longer than the limit"));
	ASSERT_EQ(0, buf_set_name(self->buf, "sample buffer"));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->buf);
	fdinfo = fopen(path, "r");
	ASSERT_NE(NULL, fdinfo);
	while (fgets(line, sizeof(line), fdinfo))
		if (!strcmp(line, "name:\tsample buffer\n"))
			found = true;
	fclose(fdinfo);
	EXPECT_TRUE(found);
}

TEST_F(sample, two_devices_wait_for_each_other)
{
	int other = importer_open(), fence;

	ASSERT_EQ(0, importer_attach(other, self->buf));

	/* Each is quicker than the one before it, which it has to wait for. */
	ASSERT_EQ(1, importer_run(self->importer, SAMPLE_JOB_FILL, 1, 2 * SHORT_MS));
	ASSERT_EQ(1, importer_run(other, SAMPLE_JOB_CHECK, 1, SHORT_MS));
	ASSERT_EQ(1, importer_run(self->importer, SAMPLE_JOB_FILL, 2, SHORT_MS));
	ASSERT_EQ(1, importer_run(other, SAMPLE_JOB_CHECK, 2, SHORT_MS / 2));

	/* All four are pending, and none of them fails. */
	fence = buf_export(self->buf, DMA_BUF_SYNC_WRITE);
	ASSERT_GE(fence, 0);
	EXPECT_EQ(0, fence_status(fence));
	EXPECT_EQ(POLLIN, poll_events(fence, POLLIN, LONG_MS));
	EXPECT_EQ(1, fence_status(fence));
	close(fence);
	close(other);
}

TEST_F(sample, sync_waits_for_the_job)
{
	long long begin = now_ms();

	ASSERT_EQ(1, importer_run(self->importer, SAMPLE_JOB_FILL, 3, SHORT_MS));
	ASSERT_EQ(0, buf_sync(self->buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	EXPECT_GE(now_ms() - begin, SHORT_MS);
	EXPECT_TRUE(all_bytes_are(self->memory, 3));
	memset(self->memory, 4, SIZE);
	ASSERT_EQ(0, buf_sync(self->buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));

	ASSERT_EQ(1, importer_run(self->importer, SAMPLE_JOB_CHECK, 4, SHORT_MS));
	begin = buf_export(self->buf, DMA_BUF_SYNC_WRITE);
	EXPECT_EQ(POLLIN, poll_events(begin, POLLIN, LONG_MS));
	EXPECT_EQ(1, fence_status(begin));
	close(begin);
}

TEST_F(sample, peek_waits_for_the_job)
{
	ASSERT_EQ(1, importer_run(self->importer, SAMPLE_JOB_FILL, 9, SHORT_MS));
	EXPECT_EQ(9, importer_peek(self->importer, SIZE - 1));
	EXPECT_EQ(-EINVAL, importer_peek(self->importer, SIZE));
}

/*
 * Move a buffer. DMABUF_MOVE_NOTIFY decides if the exporter tells the importers
 * or if the mapping pins the buffer.
 */
TEST_F(sample, move_keeps_the_contents)
{
	int ret, remapped, fence;

	/* Pages that this process has mapped before have to go. */
	EXPECT_TRUE(all_bytes_are(self->memory, 0));
	ASSERT_EQ(1, importer_run(self->importer, SAMPLE_JOB_FILL, 0x11, SHORT_MS));
	ret = buf_move(self->buf);
	if (ret == -EBUSY) {
		/*
		 * The mapping ends with the file, and the pin with the mapping.
		 */
		close(self->importer);
		ASSERT_EQ(0, buf_move(self->buf));
		self->importer = importer_open();
		ASSERT_EQ(0, importer_attach(self->importer, self->buf));
		remapped = 1;
	} else {
		ASSERT_EQ(0, ret);
		remapped = 2;
	}

	EXPECT_TRUE(all_bytes_are(self->memory, 0x11));
	ASSERT_EQ(remapped, importer_run(self->importer, SAMPLE_JOB_CHECK, 0x11, SHORT_MS));
	fence = buf_export(self->buf, DMA_BUF_SYNC_WRITE);
	EXPECT_EQ(POLLIN, poll_events(fence, POLLIN, LONG_MS));
	EXPECT_EQ(1, fence_status(fence));
	close(fence);

	/*
	 * The device writes where the CPU reads: both have found the new pages.
	 */
	ASSERT_EQ(remapped, importer_run(self->importer, SAMPLE_JOB_FILL, 0x22, 0));
	ASSERT_EQ(POLLOUT, poll_events(self->buf, POLLOUT, LONG_MS));
	EXPECT_EQ(BOTH, poll_events(self->buf, BOTH, 0));
	EXPECT_TRUE(all_bytes_are(self->memory, 0x22));
}

TEST_F(sample, move_of_what_is_not_ours_einval)
{
	int file = open("/dev/null", O_RDWR);

	EXPECT_EQ(-EINVAL, buf_move(file));
	EXPECT_EQ(-EBADF, buf_move(-1));
	close(file);
}

TEST_F(sample, close_waits_for_the_job)
{
	ASSERT_EQ(1, importer_run(self->importer, SAMPLE_JOB_FILL, 0x33, SHORT_MS));
	close(self->importer);
	self->importer = -1;
	EXPECT_EQ(BOTH, poll_events(self->buf, BOTH, 0));
	EXPECT_TRUE(all_bytes_are(self->memory, 0x33));
}

TEST_F(sample, buffer_outlives_its_descriptor)
{
	ASSERT_EQ(1, importer_run(self->importer, SAMPLE_JOB_FILL, 0x44, SHORT_MS));
	close(self->buf);
	self->buf = -1;
	EXPECT_EQ(0x44, importer_peek(self->importer, 0));
	EXPECT_TRUE(all_bytes_are(self->memory, 0x44));
}

TEST_F(sample, importer_refuses_bad_arguments)
{
	struct sample_importer_job padded = { .op = SAMPLE_JOB_FILL, .pad = 1 };
	int other = importer_open(), file = open("/dev/null", O_RDWR);

	EXPECT_EQ(-ENOTCONN, importer_run(other, SAMPLE_JOB_FILL, 1, 0));
	EXPECT_EQ(-ENOTCONN, importer_peek(other, 0));
	EXPECT_EQ(-EINVAL, importer_attach(other, file));
	EXPECT_EQ(-EBADF, importer_attach(other, -1));
	EXPECT_EQ(-EBUSY, importer_attach(self->importer, self->buf));
	EXPECT_EQ(-EINVAL, importer_run(self->importer, SAMPLE_JOB_CHECK + 1, 0, 0));
	EXPECT_EQ(-EINVAL, importer_run(self->importer, SAMPLE_JOB_FILL, 256, 0));
	EXPECT_EQ(-EINVAL, importer_run(self->importer, SAMPLE_JOB_FILL, 0, 1001));
	EXPECT_EQ(-EINVAL, do_ioctl(self->importer, SAMPLE_IMPORTER_RUN, &padded));
	EXPECT_EQ(-EFAULT, do_ioctl(self->importer, SAMPLE_IMPORTER_RUN, NULL));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->importer, SAMPLE_EXPORTER_MOVE, &file));
	close(file);
	close(other);
}

TEST_HARNESS_MAIN
