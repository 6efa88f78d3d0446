// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data on its way between the CPU and devices, for the buffers of heaps and
 * udmabuf. The device is the sample importer.
 *
 * On an ordinary machine the device sees the memory itself, and little can go
 * wrong. With the boot option swiotlb=force it sees a copy. Each byte then
 * arrives only if the exporter synchronizes at the right moment.
 *
 * CONFIG_DMA_API_DEBUG counts the mistakes that are invisible otherwise.
 */
#include <kselftest_harness.h>

#include <fcntl.h>
#include <linux/udmabuf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../../samples/dma-buf-samples.h"
#include "common.h"

#define READ_START (DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ)
#define READ_END (DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ)
#define RW_START (DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW)
#define RW_END (DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW)
#define LONG_MS 60000
/*
 * More than the longest bounce buffer, which has 256 KiB, in one chunk of a
 * heap.
 */
#define PAGES 300
#define ERRORS "/sys/kernel/debug/dma-api/error_count"

FIXTURE(device) {
	int buf;
	int importer;
	int timeline;
	unsigned int jobs;
	size_t size;
	unsigned char *memory;
	long errors;
};

FIXTURE_VARIANT(device) {
	const struct buf_source *source;
};

FIXTURE_VARIANT_ADD(device, heap) {
	.source = &buf_heap,
};

FIXTURE_VARIANT_ADD(device, udmabuf) {
	.source = &buf_udmabuf,
};

/*
 * Return the number of mistakes that DMA debugging has seen, or -1 without it.
 */
static long dma_errors(void)
{
	char text[32];

	return file_read(ERRORS, text, sizeof(text)) < 0 ? -1 : atol(text);
}

static bool is_bouncing(void)
{
	char text[4096];

	return file_read("/proc/cmdline", text, sizeof(text)) > 0 && strstr(text, "swiotlb=force");
}

/* Return the number of slots for copies that are in use. */
static long copies_used(void)
{
	char text[32];

	if (file_read("/sys/kernel/debug/swiotlb/io_tlb_used", text, sizeof(text)) < 0)
		return -1;
	return atol(text);
}

static int importer_open(int buf)
{
	int importer = open("/dev/dma-buf-importer", O_RDWR | O_CLOEXEC);

	if (importer >= 0 && do_ioctl(importer, SAMPLE_IMPORTER_ATTACH, &buf)) {
		close(importer);
		return -1;
	}
	return importer;
}

FIXTURE_SETUP(device)
{
	self->size = PAGES * page_size();
	self->errors = dma_errors();
	self->importer = -1;
	self->timeline = timeline_open();
	self->buf = variant->source->alloc(self->size);
	if (self->buf == -ENOENT)
		SKIP(return, "no %s", variant->source->name);
	if (access("/dev/dma-buf-importer", F_OK))
		SKIP(return, "no sample importer");
	ASSERT_GE(self->timeline, 0);
	ASSERT_GE(self->buf, 0);
	self->memory = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED, self->buf, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
}

FIXTURE_TEARDOWN(device)
{
	if (self->importer >= 0)
		close(self->importer);
	munmap(self->memory, self->size);
	close(self->buf);
	close(self->timeline);
	EXPECT_EQ(self->errors, dma_errors());
}

/* Start a job that waits until job_end(). Returns a sync_file for it. */
static int job_start(FIXTURE_DATA(device) * self, int op, int value)
{
	struct sample_importer_job job = { .op = op, .value = value };
	int err;

	err = buf_add_pending(self->buf, self->timeline, ++self->jobs, DMA_BUF_SYNC_WRITE);
	if (err)
		return err;
	if (ioctl(self->importer, SAMPLE_IMPORTER_RUN, &job) < 0)
		return -errno;
	return buf_export_sync_file(self->buf, DMA_BUF_SYNC_RW);
}

/* Let the job run. Returns 1 if it succeeded, or its error. */
static int job_end(FIXTURE_DATA(device) * self, int fence)
{
	int status = -ETIME;

	timeline_inc(self->timeline, 1);
	if (poll_events(fence, POLLIN, LONG_MS) == POLLIN)
		status = fence_status(fence);
	close(fence);
	return status;
}

static int job_run(FIXTURE_DATA(device) * self, int op, int value)
{
	int fence = job_start(self, op, value);

	return fence < 0 ? fence : job_end(self, fence);
}

static int device_fill(FIXTURE_DATA(device) * self, int value)
{
	return job_run(self, SAMPLE_JOB_FILL, value);
}

/* Returns 1 if the device sees the value in each byte, and -EIO if not. */
static int device_check(FIXTURE_DATA(device) * self, int value)
{
	return job_run(self, SAMPLE_JOB_CHECK, value);
}

/* Return true if each byte of the memory has the value. */
static bool is_filled(const unsigned char *memory, size_t size, int value)
{
	return memory[0] == value && !memcmp(memory, memory + 1, size - 1);
}

TEST_F(device, sees_a_copy_if_the_machine_says_so)
{
	if (!is_bouncing())
		SKIP(return, "no swiotlb=force");
	self->importer = importer_open(self->buf);
	ASSERT_GE(self->importer, 0);
	EXPECT_LT(0, copies_used());
	close(self->importer);
	self->importer = -1;
	EXPECT_EQ(0, copies_used());
}

TEST_F(device, sees_what_the_cpu_wrote_before_and_after_the_import)
{
	ASSERT_EQ(0, buf_sync(self->buf, RW_START));
	memset(self->memory, 1, self->size);
	ASSERT_EQ(0, buf_sync(self->buf, RW_END));
	self->importer = importer_open(self->buf);
	ASSERT_GE(self->importer, 0);
	EXPECT_EQ(1, device_check(self, 1));

	ASSERT_EQ(0, buf_sync(self->buf, RW_START));
	memset(self->memory, 2, self->size);
	ASSERT_EQ(0, buf_sync(self->buf, RW_END));
	EXPECT_EQ(1, device_check(self, 2));
}

TEST_F(device, cpu_sees_what_the_device_wrote)
{
	self->importer = importer_open(self->buf);
	ASSERT_GE(self->importer, 0);
	ASSERT_EQ(1, device_fill(self, 3));
	ASSERT_EQ(0, buf_sync(self->buf, READ_START));
	EXPECT_TRUE(is_filled(self->memory, self->size, 3));
	ASSERT_EQ(0, buf_sync(self->buf, READ_END));
}

/*
 * A CPU that writes a part must not lose the rest, which came from the device.
 */
TEST_F(device, write_of_one_byte_keeps_the_others)
{
	self->importer = importer_open(self->buf);
	ASSERT_GE(self->importer, 0);
	ASSERT_EQ(1, device_fill(self, 4));
	ASSERT_EQ(0, buf_sync(self->buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	self->memory[0] = 4;
	ASSERT_EQ(0, buf_sync(self->buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(1, device_check(self, 4));
}

TEST_F(device, result_survives_the_end_of_the_import)
{
	self->importer = importer_open(self->buf);
	ASSERT_GE(self->importer, 0);
	ASSERT_EQ(1, device_fill(self, 5));
	close(self->importer);
	self->importer = -1;
	ASSERT_EQ(0, buf_sync(self->buf, READ_START));
	EXPECT_TRUE(is_filled(self->memory, self->size, 5));
	ASSERT_EQ(0, buf_sync(self->buf, READ_END));
}

/*
 * Fetching the device's old copy at the end of the import would undo the write.
 */
TEST_F(device, end_of_the_import_keeps_what_the_cpu_is_writing)
{
	self->importer = importer_open(self->buf);
	ASSERT_GE(self->importer, 0);
	ASSERT_EQ(1, device_fill(self, 6));
	ASSERT_EQ(0, buf_sync(self->buf, RW_START));
	memset(self->memory, 7, self->size);
	close(self->importer);
	self->importer = -1;
	EXPECT_TRUE(is_filled(self->memory, self->size, 7));
	ASSERT_EQ(0, buf_sync(self->buf, RW_END));
	EXPECT_TRUE(is_filled(self->memory, self->size, 7));
}

/*
 * A process that dies while it writes must not cost the next device its result.
 */
TEST_F(device, write_without_an_end_harms_no_later_import)
{
	self->importer = importer_open(self->buf);
	ASSERT_GE(self->importer, 0);
	ASSERT_EQ(0, buf_sync(self->buf, RW_START));
	close(self->importer);
	self->importer = importer_open(self->buf);
	ASSERT_GE(self->importer, 0);
	ASSERT_EQ(1, device_fill(self, 8));
	close(self->importer);
	self->importer = -1;
	ASSERT_EQ(0, buf_sync(self->buf, READ_START));
	EXPECT_TRUE(is_filled(self->memory, self->size, 8));
	ASSERT_EQ(0, buf_sync(self->buf, READ_END));
}

struct reader {
	FIXTURE_DATA(device) * self;
	atomic_int tid;
	int err;
	bool filled;
};

static void *reader_run(void *arg)
{
	struct reader *reader = arg;

	reader->tid = syscall(SYS_gettid);
	reader->err = buf_sync(reader->self->buf, READ_START);
	reader->filled = is_filled(reader->self->memory, reader->self->size, 9);
	buf_sync(reader->self->buf, READ_END);
	return NULL;
}

/* Wait until a thread sleeps in the kernel. */
static void wait_for_sleep(int tid)
{
	char path[48], text[512], *state;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	for (;;) {
		if (file_read(path, text, sizeof(text)) < 0)
			return;
		state = strrchr(text, ')');
		if (state && (state[2] == 'S' || state[2] == 'D'))
			return;
		usleep(1000);
	}
}

/* The copy must be fetched when the device is done, not when the CPU asks. */
TEST_F(device, access_takes_the_data_after_the_wait)
{
	struct reader reader = { .self = self };
	pthread_t thread;
	int fence;

	self->importer = importer_open(self->buf);
	ASSERT_GE(self->importer, 0);
	fence = job_start(self, SAMPLE_JOB_FILL, 9);
	ASSERT_GE(fence, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, reader_run, &reader));
	while (!reader.tid)
		sched_yield();
	wait_for_sleep(reader.tid);
	EXPECT_EQ(1, job_end(self, fence));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, reader.err);
	EXPECT_TRUE(reader.filled);
}

/*
 * The teardown compares the count of mistakes: the pages may be mapped more
 * than once, in whatever order access and imports come.
 */
TEST_F(device, access_before_during_and_after_an_import_ok)
{
	if (self->errors < 0)
		SKIP(return, "no DMA debugging in this kernel");
	ASSERT_EQ(0, buf_sync(self->buf, RW_START));
	ASSERT_EQ(0, buf_sync(self->buf, RW_END));
	self->importer = importer_open(self->buf);
	ASSERT_GE(self->importer, 0);
	ASSERT_EQ(0, buf_sync(self->buf, RW_START));
	ASSERT_EQ(0, buf_sync(self->buf, RW_END));
	close(self->importer);
	self->importer = -1;
	ASSERT_EQ(0, buf_sync(self->buf, RW_START));
	ASSERT_EQ(0, buf_sync(self->buf, RW_END));
}

/*
 * CVE-2026-64590: stock maps the pages of a udmabuf once more, which overlaps.
 */
TEST_F(device, import_before_the_first_access_ok)
{
	if (self->errors < 0)
		SKIP(return, "no DMA debugging in this kernel");
	self->importer = importer_open(self->buf);
	ASSERT_GE(self->importer, 0);
	ASSERT_EQ(0, buf_sync(self->buf, RW_START));
	ASSERT_EQ(0, buf_sync(self->buf, RW_END));
}

/* No segment may be longer than vgem takes, which states no size: 64 KiB. */
TEST_F(device, second_device_beside_the_first_ok)
{
	int vgem = vgem_open(), other;
	unsigned int handle;

	if (vgem < 0)
		SKIP(return, "no vgem");
	self->importer = importer_open(self->buf);
	ASSERT_GE(self->importer, 0);
	ASSERT_EQ(0, vgem_import(vgem, self->buf, &handle));
	other = importer_open(self->buf);
	ASSERT_GE(other, 0);
	ASSERT_EQ(0, buf_sync(self->buf, RW_START));
	memset(self->memory, 10, self->size);
	ASSERT_EQ(0, buf_sync(self->buf, RW_END));
	EXPECT_EQ(1, device_check(self, 10));
	close(other);
	close(vgem);
}

/*
 * Access has ended, so the memfd may be written; the buffer must not interfere.
 */
TEST(memfd_keeps_what_is_written_after_access)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = page_size() };
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), buf;
	char old = 'o', new = 'n', now = 0;

	if (dev < 0)
		SKIP(return, "no udmabuf");
	create.memfd = memfd_create("memory", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	ASSERT_GE((int)create.memfd, 0);
	ASSERT_EQ(0, ftruncate(create.memfd, page_size()));
	ASSERT_EQ(0, fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	ASSERT_EQ(1, pwrite(create.memfd, &old, 1, 0));
	buf = ioctl(dev, UDMABUF_CREATE, &create);
	ASSERT_GE(buf, 0);
	ASSERT_EQ(0, buf_sync(buf, RW_START));
	ASSERT_EQ(0, buf_sync(buf, RW_END));
	ASSERT_EQ(1, pwrite(create.memfd, &new, 1, 0));
	ASSERT_EQ(0, buf_sync(buf, READ_START));
	ASSERT_EQ(1, pread(create.memfd, &now, 1, 0));
	EXPECT_EQ(new, now);
	ASSERT_EQ(0, buf_sync(buf, READ_END));
	close(buf);
	ASSERT_EQ(1, pread(create.memfd, &now, 1, 0));
	EXPECT_EQ(new, now);
	close(create.memfd);
	close(dev);
}

TEST_HARNESS_MAIN
