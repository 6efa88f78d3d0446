// SPDX-License-Identifier: GPL-2.0-only
/*
 * udmabuf: which memfds and ranges it takes, its limits, what the buffer shows
 * of them, and access by the CPU.
 */
#include <kselftest_harness.h>

#include <fcntl.h>
#include <linux/udmabuf.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common.h"

#define RW (DMA_BUF_SYNC_READ | DMA_BUF_SYNC_WRITE)
#define PAGES 8
#define PARAMETERS "/sys/module/udmabuf/parameters/"
#define LIST_LIMIT PARAMETERS "list_limit"
#define SIZE_LIMIT PARAMETERS "size_limit_mb"
#define HUGE_PAGE (2u * 1024 * 1024)

FIXTURE(udmabuf) {
	int dev;
	int mem;
	size_t page;
};

/*
 * A memfd of which each page begins with its number; -errno when there is none.
 */
static int numbered_memfd(size_t pages, unsigned int flags, int seals)
{
	int mem = memfd_create("memory", MFD_ALLOW_SEALING | MFD_CLOEXEC | flags);
	size_t i;

	if (mem < 0)
		return -errno;
	if (ftruncate(mem, pages * page_size()))
		return -errno;
	for (i = 0; i < pages && !(flags & MFD_HUGETLB); i++)
		if (pwrite(mem, &i, sizeof(i), i * page_size()) != sizeof(i))
			return -errno;
	return fcntl(mem, F_ADD_SEALS, seals) ? -errno : mem;
}

FIXTURE_SETUP(udmabuf)
{
	self->page = page_size();
	self->dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (self->dev < 0)
		SKIP(return, "no udmabuf");
	self->mem = numbered_memfd(PAGES, 0, F_SEAL_SHRINK);
	ASSERT_GE(self->mem, 0);
}

FIXTURE_TEARDOWN(udmabuf)
{
	file_write(LIST_LIMIT, "1024");
	file_write(SIZE_LIMIT, "64");
	close(self->mem);
	close(self->dev);
}

static int create(int dev, int mem, uint64_t offset, uint64_t size)
{
	struct udmabuf_create arg = {
		.memfd = mem, .flags = UDMABUF_FLAGS_CLOEXEC, .offset = offset, .size = size,
	};
	int fd = ioctl(dev, UDMABUF_CREATE, &arg);

	return fd < 0 ? -errno : fd;
}

struct list {
	struct udmabuf_create_list head;
	struct udmabuf_create_item items[16];
};

static int create_list(int dev, struct list *list, unsigned int count)
{
	int fd;

	list->head.flags = UDMABUF_FLAGS_CLOEXEC;
	list->head.count = count;
	fd = ioctl(dev, UDMABUF_CREATE_LIST, list);
	return fd < 0 ? -errno : fd;
}

/*
 * The number at the start of a page of the buffer; the pages were numbered by
 * numbered_memfd().
 */
static size_t page_number(int buf, size_t page)
{
	size_t *p = mmap(NULL, page_size(), PROT_READ, MAP_SHARED, buf, page * page_size());
	size_t number;

	if (p == MAP_FAILED)
		return SIZE_MAX;
	number = *p;
	munmap(p, page_size());
	return number;
}

TEST_F(udmabuf, shows_the_range_of_the_memfd)
{
	int buf = create(self->dev, self->mem, 3 * self->page, 2 * self->page);

	ASSERT_GE(buf, 0);
	EXPECT_EQ((off_t)(2 * self->page), lseek(buf, 0, SEEK_END));
	EXPECT_EQ(3, page_number(buf, 0));
	EXPECT_EQ(4, page_number(buf, 1));
	close(buf);
}

TEST_F(udmabuf, is_the_memory_of_the_memfd)
{
	int buf = create(self->dev, self->mem, self->page, self->page);
	size_t *p, value = 4711;

	ASSERT_GE(buf, 0);
	p = mmap(NULL, self->page, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(sizeof(value), (size_t)pwrite(self->mem, &value, sizeof(value), self->page));
	EXPECT_EQ(4711, *p);
	*p = 4712;
	ASSERT_EQ(sizeof(value), (size_t)pread(self->mem, &value, sizeof(value), self->page));
	EXPECT_EQ(4712, value);
	munmap(p, self->page);
	close(buf);
}

TEST_F(udmabuf, outlives_the_memfd)
{
	int buf = create(self->dev, self->mem, 0, PAGES * self->page);

	ASSERT_GE(buf, 0);
	close(self->mem);
	self->mem = -1;
	EXPECT_EQ(PAGES - 1, page_number(buf, PAGES - 1));
	close(buf);
}

/*
 * The pages are pinned: a hole gives the memfd new ones, and the buffer keeps
 * its own.
 */
TEST_F(udmabuf, keeps_its_pages_when_the_memfd_loses_them)
{
	int buf = create(self->dev, self->mem, 0, PAGES * self->page);
	size_t value = 1;

	ASSERT_GE(buf, 0);
	ASSERT_EQ(0, fallocate(self->mem, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       2 * self->page, self->page));
	ASSERT_EQ(sizeof(value), (size_t)pread(self->mem, &value, sizeof(value), 2 * self->page));
	EXPECT_EQ(0, value);
	EXPECT_EQ(2, page_number(buf, 2));
	close(buf);
}

TEST_F(udmabuf, pages_that_were_never_written_are_zero)
{
	int mem = memfd_create("empty", MFD_ALLOW_SEALING | MFD_CLOEXEC), buf;

	ASSERT_GE(mem, 0);
	ASSERT_EQ(0, ftruncate(mem, self->page));
	ASSERT_EQ(0, fcntl(mem, F_ADD_SEALS, F_SEAL_SHRINK));
	buf = create(self->dev, mem, 0, self->page);
	ASSERT_GE(buf, 0);
	EXPECT_EQ(0, page_number(buf, 0));
	close(buf);
	close(mem);
}

TEST_F(udmabuf, descriptor_has_the_flag_asked_for)
{
	struct udmabuf_create arg = { .memfd = self->mem, .size = self->page };
	int plain = ioctl(self->dev, UDMABUF_CREATE, &arg);
	int cloexec = create(self->dev, self->mem, 0, self->page);

	ASSERT_GE(plain, 0);
	ASSERT_GE(cloexec, 0);
	EXPECT_FALSE(fd_is_cloexec(plain));
	EXPECT_TRUE(fd_is_cloexec(cloexec));
	EXPECT_EQ(O_RDWR, fcntl(plain, F_GETFL) & O_ACCMODE);
	close(plain);
	close(cloexec);
}

/*
 * Lists
 */

TEST_F(udmabuf, list_shows_the_ranges_in_their_order)
{
	int other = numbered_memfd(PAGES, 0, F_SEAL_SHRINK), buf;
	size_t number = 99;
	struct list list = {};

	ASSERT_GE(other, 0);
	ASSERT_EQ(sizeof(number), (size_t)pwrite(other, &number, sizeof(number), 0));
	list.items[0] = (struct udmabuf_create_item) {
		self->mem, 0, 6 * self->page, 2 * self->page
	};
	list.items[1] = (struct udmabuf_create_item) { other, 0, 0, self->page };
	list.items[2] = (struct udmabuf_create_item) { self->mem, 0, self->page, self->page };
	/* a range may stand twice */
	list.items[3] = list.items[0];
	buf = create_list(self->dev, &list, 4);
	ASSERT_GE(buf, 0);
	EXPECT_EQ((off_t)(6 * self->page), lseek(buf, 0, SEEK_END));
	EXPECT_EQ(6, page_number(buf, 0));
	EXPECT_EQ(7, page_number(buf, 1));
	EXPECT_EQ(99, page_number(buf, 2));
	EXPECT_EQ(1, page_number(buf, 3));
	EXPECT_EQ(6, page_number(buf, 4));
	EXPECT_EQ(7, page_number(buf, 5));
	close(buf);
	close(other);
}

/* CVE-2021-47649: there is no memory in it. */
TEST_F(udmabuf, empty_list_einval)
{
	struct list list = {};

	EXPECT_EQ(-EINVAL, create_list(self->dev, &list, 0));
}

TEST_F(udmabuf, last_range_of_a_list_bad_leaves_nothing)
{
	struct udmabuf_create_item good = { self->mem, 0, 0, self->page };
	int before = fds_open(), buf;
	struct list list = {};

	list.items[0] = good;
	list.items[1] = (struct udmabuf_create_item) { self->dev, 0, 0, self->page };
	EXPECT_EQ(-EBADFD, create_list(self->dev, &list, 2));
	list.items[1] = good;
	list.items[1].offset = PAGES * self->page;
	EXPECT_EQ(-EINVAL, create_list(self->dev, &list, 2));
	list.items[1] = good;
	list.items[1].size = 0;
	EXPECT_EQ(-EINVAL, create_list(self->dev, &list, 2));
	EXPECT_EQ(before, fds_open());
	buf = create_list(self->dev, &list, 1);
	EXPECT_GE(buf, 0);
	close(buf);
}

/*
 * Ranges
 */

TEST_F(udmabuf, unaligned_einval)
{
	EXPECT_EQ(-EINVAL, create(self->dev, self->mem, 1, self->page));
	EXPECT_EQ(-EINVAL, create(self->dev, self->mem, self->page / 2, self->page));
	EXPECT_EQ(-EINVAL, create(self->dev, self->mem, 0, self->page - 1));
	EXPECT_EQ(-EINVAL, create(self->dev, self->mem, 0, self->page + 512));
}

/* CVE-2021-47649: an array of no pages is not memory. */
TEST_F(udmabuf, no_size_einval)
{
	EXPECT_EQ(-EINVAL, create(self->dev, self->mem, 0, 0));
	EXPECT_EQ(-EINVAL, create(self->dev, self->mem, self->page, 0));
}

TEST_F(udmabuf, beyond_the_memfd_einval)
{
	EXPECT_EQ(-EINVAL, create(self->dev, self->mem, 0, (PAGES + 1) * self->page));
	EXPECT_EQ(-EINVAL, create(self->dev, self->mem, PAGES * self->page, self->page));
	EXPECT_EQ(-EINVAL, create(self->dev, self->mem, 1ull << 40, self->page));
}

TEST_F(udmabuf, range_that_wraps_einval)
{
	EXPECT_EQ(-EINVAL, create(self->dev, self->mem, -(uint64_t)self->page, self->page));
	EXPECT_EQ(-EINVAL, create(self->dev, self->mem, -(uint64_t)self->page, 2 * self->page));
	EXPECT_EQ(-EINVAL, create(self->dev, self->mem, INT64_MAX - self->page + 1, self->page));
	EXPECT_EQ(-EINVAL, create(self->dev, self->mem, 1ull << 63, self->page));
}

TEST_F(udmabuf, seals_decide)
{
	static const struct {
		int seals, err;
	} cases[] = {
		{ 0, -EINVAL },
		{ F_SEAL_GROW, -EINVAL },
		{ F_SEAL_SHRINK | F_SEAL_WRITE, -EINVAL },
		{ F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE, -EINVAL },
		{ F_SEAL_SHRINK, 0 },
		{ F_SEAL_SHRINK | F_SEAL_GROW, 0 },
		{ F_SEAL_SHRINK | F_SEAL_SEAL, 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		int mem = numbered_memfd(1, 0, cases[i].seals), buf;

		ASSERT_GE(mem, 0);
		buf = create(self->dev, mem, 0, self->page);
		if (buf >= 0) {
			close(buf);
			buf = 0;
		}
		EXPECT_EQ(cases[i].err, buf);
		close(mem);
	}
}

/*
 * Devices write to the buffer, which a descriptor for reading does not allow.
 */
TEST_F(udmabuf, memfd_open_for_reading_eacces)
{
	char path[40];
	int reader, buf;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->mem);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_GE(reader, 0);
	EXPECT_EQ(-EACCES, create(self->dev, reader, 0, self->page));
	close(reader);
	reader = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_GE(reader, 0);
	buf = create(self->dev, reader, 0, self->page);
	EXPECT_GE(buf, 0);
	close(buf);
	close(reader);
}

TEST_F(udmabuf, not_a_memfd_ebadfd)
{
	int pipes[2], zero = open("/dev/zero", O_RDWR | O_CLOEXEC);

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EBADFD, create(self->dev, pipes[0], 0, self->page));
	EXPECT_EQ(-EBADFD, create(self->dev, zero, 0, self->page));
	EXPECT_EQ(-EBADFD, create(self->dev, self->dev, 0, self->page));
	EXPECT_EQ(-EBADFD, create(self->dev, -1, 0, self->page));
	close(pipes[0]);
	EXPECT_EQ(-EBADFD, create(self->dev, pipes[0], 0, self->page));
	close(pipes[1]);
	close(zero);
}

TEST_F(udmabuf, bad_pointers_efault)
{
	struct list list = {
		.head.count = 4,
		.items[0] = { self->mem, 0, 0, self->page },
	};
	void *bad[] = { NULL, page_unmapped(), KERNEL_ADDRESS };
	int before = fds_open();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, do_ioctl(self->dev, UDMABUF_CREATE, bad[i]));
		EXPECT_EQ(-EFAULT, do_ioctl(self->dev, UDMABUF_CREATE_LIST, bad[i]));
	}
	/* only the first of four ranges can be read */
	EXPECT_EQ(-EFAULT, do_ioctl(self->dev, UDMABUF_CREATE_LIST,
				    page_before_hole(&list, sizeof(list.head) +
						     sizeof(list.items[0]))));
	EXPECT_EQ(before, fds_open());
}

TEST_F(udmabuf, other_ioctls_enotty)
{
	char data[256] = {};

	EXPECT_EQ(-ENOTTY, do_ioctl(self->dev, _IOW('u', 0x41, struct udmabuf_create), data));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->dev, _IOW('u', 0x44, struct udmabuf_create), data));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->dev, _IO('u', 0x42), data));
}

/*
 * Limits
 */

TEST_F(udmabuf, size_limit_holds)
{
	int mem = memfd_create("large", MFD_ALLOW_SEALING | MFD_CLOEXEC), buf;
	struct list list = {};

	ASSERT_GE(mem, 0);
	ASSERT_EQ(0, ftruncate(mem, 3 << 20));
	ASSERT_EQ(0, fcntl(mem, F_ADD_SEALS, F_SEAL_SHRINK));
	ASSERT_EQ(0, file_write(SIZE_LIMIT, "2"));
	EXPECT_EQ(-EINVAL, create(self->dev, mem, 0, (2 << 20) + self->page));
	buf = create(self->dev, mem, 0, 2 << 20);
	EXPECT_GE(buf, 0);
	close(buf);
	/* the ranges of a list count together */
	list.items[0] = (struct udmabuf_create_item) { mem, 0, 0, 1 << 20 };
	list.items[1] = (struct udmabuf_create_item) { mem, 0, 0, (1 << 20) + self->page };
	EXPECT_EQ(-EINVAL, create_list(self->dev, &list, 2));
	/* also when their sum wraps */
	list.items[1].size = -(uint64_t)self->page;
	EXPECT_EQ(-EINVAL, create_list(self->dev, &list, 2));
	close(mem);
}

/*
 * CVE-2025-37803: 4096 MiB are zero bytes in 32 bits, and half of it is less
 * than nothing.
 */
TEST_F(udmabuf, size_limit_of_gigabytes_is_not_zero)
{
	static const char * const limits[] = { "2048", "4096", "8192", "2147483647" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		int buf;

		ASSERT_EQ(0, file_write(SIZE_LIMIT, limits[i]));
		buf = create(self->dev, self->mem, 0, self->page);
		EXPECT_GE(buf, 0);
		close(buf);
	}
}

TEST_F(udmabuf, list_limit_holds)
{
	struct list list = {};
	int i, buf;

	for (i = 0; i < 16; i++)
		list.items[i] = (struct udmabuf_create_item) { self->mem, 0, 0, self->page };
	ASSERT_EQ(0, file_write(LIST_LIMIT, "3"));
	EXPECT_EQ(-EINVAL, create_list(self->dev, &list, 4));
	EXPECT_EQ(-EINVAL, create_list(self->dev, &list, UINT32_MAX));
	buf = create_list(self->dev, &list, 3);
	EXPECT_GE(buf, 0);
	close(buf);
}

#define PINNED_BUFFERS 2100
#define PINNED_ITEMS 1024

/*
 * Two million ranges name one page. A pin for each would let the page's count
 * of references overflow, which makes the kernel warn.
 */
TEST_F_TIMEOUT(udmabuf, page_that_very_many_ranges_name_ok, 600)
{
	size_t i, size = sizeof(struct udmabuf_create_list) +
			 PINNED_ITEMS * sizeof(struct udmabuf_create_item);
	struct rlimit limit = { PINNED_BUFFERS + 64, PINNED_BUFFERS + 64 };
	struct udmabuf_create_list *list = calloc(1, size);
	static int bufs[PINNED_BUFFERS];
	size_t made = 0;

	ASSERT_NE(NULL, list);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	list->flags = UDMABUF_FLAGS_CLOEXEC;
	list->count = PINNED_ITEMS;
	for (i = 0; i < PINNED_ITEMS; i++)
		list->list[i] = (struct udmabuf_create_item) { self->mem, 0, 0, self->page };
	while (made < PINNED_BUFFERS) {
		bufs[made] = ioctl(self->dev, UDMABUF_CREATE_LIST, list);
		if (bufs[made] < 0)
			break;
		made++;
	}
	EXPECT_EQ(PINNED_BUFFERS, made);
	EXPECT_EQ(0, page_number(bufs[0], PINNED_ITEMS - 1));
	while (made--)
		close(bufs[made]);
	free(list);
}

/*
 * The seals tell how many pins there are: none may be left for the memfd to be
 * sealed.
 */
TEST_F(udmabuf, page_named_twice_is_released_once)
{
	struct list list = {};
	int i, buf;

	for (i = 0; i < 16; i++)
		list.items[i] = (struct udmabuf_create_item) {
			self->mem, 0, i % 3 * self->page, 2 * self->page
		};
	buf = create_list(self->dev, &list, 16);
	ASSERT_GE(buf, 0);
	EXPECT_EQ(-1, fcntl(self->mem, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(EBUSY, errno);
	close(buf);
	EXPECT_EQ(0, fcntl(self->mem, F_ADD_SEALS, F_SEAL_WRITE));
}

/* -1 compared without its sign is no limit at all. */
TEST_F(udmabuf, list_limit_below_zero_refused)
{
	char text[32];

	EXPECT_EQ(-EINVAL, file_write(LIST_LIMIT, "-1"));
	EXPECT_LT(0, file_read(LIST_LIMIT, text, sizeof(text)));
	EXPECT_STREQ("1024\n", text);
}

/* Larger than any array can be; that is no reason for a warning. */
TEST_F(udmabuf, buffer_beyond_all_memory_enomem)
{
	ASSERT_EQ(0, file_write(SIZE_LIMIT, "2147483647"));
	EXPECT_EQ(-ENOMEM, create(self->dev, self->mem, 0, 1ull << 40));
}

/*
 * So many ranges of 24 bytes are 24 bytes in 32 bits: the second is read from
 * beyond their copy.
 */
TEST_F(udmabuf, list_whose_size_wraps_enomem)
{
	struct list list = { .items[0] = { self->mem, 0, 0, self->page } };
	int before = fds_open();

	ASSERT_EQ(0, file_write(LIST_LIMIT, "2147483647"));
	EXPECT_EQ(-ENOMEM, create_list(self->dev, &list, (1u << 29) + 1));
	EXPECT_EQ(-ENOMEM, create_list(self->dev, &list, 2147483647));
	EXPECT_EQ(before, fds_open());
}

/*
 * CPU access
 */

TEST_F(udmabuf, end_of_access_without_begin_einval)
{
	int buf = create(self->dev, self->mem, 0, self->page);

	ASSERT_GE(buf, 0);
	EXPECT_EQ(-EINVAL, buf_sync(buf, DMA_BUF_SYNC_END | RW));
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | RW));
	close(buf);
}

/*
 * CVE-2022-49983: stock maps the pages for a device that nobody else sets up.
 */
TEST_F(udmabuf, access_without_importer_needs_no_mapping)
{
	long before = dma_mappings();
	int buf;

	if (before < 0)
		SKIP(return, "no DMA debugging in this kernel");
	buf = create(self->dev, self->mem, 0, PAGES * self->page);
	ASSERT_GE(buf, 0);
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | RW));
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | RW));
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | RW));
	EXPECT_EQ(before, dma_mappings());
	close(buf);
	EXPECT_EQ(before, dma_mappings());
}

#define THREADS 6
#define ROUNDS 60
#define LARGE_PAGES 2048

struct race {
	int buf;
	pthread_barrier_t start, end;
	int wrong;
};

static void *race_run(void *arg)
{
	struct race *race = arg;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&race->start);
		if (buf_sync(race->buf, DMA_BUF_SYNC_START | RW) ||
		    buf_sync(race->buf, DMA_BUF_SYNC_END | RW))
			race->wrong++;
		pthread_barrier_wait(&race->end);
	}
	return NULL;
}

/* Many threads at once make the first access: no mapping may get lost. */
TEST_F(udmabuf, parallel_access_leaves_no_mapping)
{
	long before = dma_mappings();
	pthread_t threads[THREADS];
	struct race race = {};
	int i, mem;

	if (before < 0)
		SKIP(return, "no DMA debugging in this kernel");
	mem = numbered_memfd(LARGE_PAGES, 0, F_SEAL_SHRINK);
	ASSERT_GE(mem, 0);
	pthread_barrier_init(&race.start, NULL, THREADS + 1);
	pthread_barrier_init(&race.end, NULL, THREADS + 1);
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, race_run, &race));
	for (i = 0; i < ROUNDS; i++) {
		race.buf = create(self->dev, mem, 0, LARGE_PAGES * self->page);
		ASSERT_GE(race.buf, 0);
		pthread_barrier_wait(&race.start);
		pthread_barrier_wait(&race.end);
		close(race.buf);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, race.wrong);
	EXPECT_EQ(before, dma_mappings());
	close(mem);
}

static void *create_and_close(void *arg)
{
	FIXTURE_DATA(udmabuf) * self = arg;
	int i;

	for (i = 0; i < 50; i++) {
		int buf = create(self->dev, self->mem, i % PAGES * self->page, self->page);

		if (buf < 0 || page_number(buf, 0) != (size_t)i % PAGES)
			return self;
		close(buf);
	}
	return NULL;
}

TEST_F(udmabuf, many_at_a_time_ok)
{
	pthread_t threads[8];
	void *result;
	int i;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, create_and_close, self));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &result));
		EXPECT_EQ(NULL, result);
	}
}

/*
 * A memfd whose inode is locked
 */

/* A thread that writes to a memfd and cannot read what it shall write. */
struct stuck_writer {
	int mem;
	char *source;
	atomic_int tid;
};

static void *stuck_writer_run(void *arg)
{
	struct stuck_writer *writer = arg;

	writer->tid = syscall(SYS_gettid);
	return (void *)(long)pwrite(writer->mem, writer->source, 1, 0);
}

/* Return a page whose first access waits for the userfaultfd, or MAP_FAILED. */
static char *page_held_up(int uffd, size_t page)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	char *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	reg.range.start = (uintptr_t)p;
	reg.range.len = page;
	if (p == MAP_FAILED || ioctl(uffd, UFFDIO_API, &api) ||
	    ioctl(uffd, UFFDIO_REGISTER, &reg))
		return MAP_FAILED;
	return p;
}

/*
 * Wait until a process is in an uninterruptible sleep, in which a kill may work
 * or not.
 */
static void wait_for_deep_sleep(pid_t pid)
{
	char path[48], text[512], *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	do {
		usleep(1000);
		if (file_read(path, text, sizeof(text)) < 0)
			return;
		state = strrchr(text, ')');
	} while (!state || state[2] != 'D');
}

TEST_F(udmabuf, killed_while_the_memfd_is_locked_ends)
{
	struct stuck_writer writer = { .mem = self->mem };
	struct uffdio_zeropage zero = { .range.len = self->page };
	int status, i, uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffd_msg message;
	pthread_t thread;
	pid_t child, ended = 0;

	if (uffd < 0)
		SKIP(return, "no userfaultfd in this kernel");
	writer.source = page_held_up(uffd, self->page);
	ASSERT_NE(MAP_FAILED, writer.source);
	ASSERT_EQ(0, pthread_create(&thread, NULL, stuck_writer_run, &writer));
	/* The fault is reported when the inode is locked. */
	ASSERT_EQ((ssize_t)sizeof(message), read(uffd, &message, sizeof(message)));

	child = fork();
	if (!child)
		_exit(create(self->dev, self->mem, 0, self->page) < 0);
	wait_for_deep_sleep(child);
	ASSERT_EQ(0, kill(child, SIGKILL));
	for (i = 0; i < 2000 && !ended; i++) {
		ended = waitpid(child, &status, WNOHANG);
		usleep(10000);
	}
	EXPECT_EQ(child, ended);

	zero.range.start = (uintptr_t)writer.source;
	EXPECT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(thread, NULL);
	if (!ended)
		waitpid(child, &status, 0);
	close(uffd);
}

/*
 * Huge pages
 */

/* CVE-2025-68292: and they are as clean as small ones. */
TEST_F(udmabuf, huge_pages_are_zero_and_shown_from_any_offset)
{
	size_t offset = 5 * self->page, size = 512 * self->page, i;
	unsigned char *memory, *p;
	int mem, buf;

	file_write("/proc/sys/vm/nr_hugepages", "4");
	mem = memfd_create("huge", MFD_ALLOW_SEALING | MFD_CLOEXEC | MFD_HUGETLB);
	if (mem < 0)
		SKIP(return, "no huge pages in this kernel");
	ASSERT_EQ(0, ftruncate(mem, 2 * HUGE_PAGE));
	ASSERT_EQ(0, fcntl(mem, F_ADD_SEALS, F_SEAL_SHRINK));
	buf = create(self->dev, mem, offset, size);
	ASSERT_GE(buf, 0);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0);
	ASSERT_NE(MAP_FAILED, p);
	for (i = 0; i < size; i += 64)
		ASSERT_EQ(0, p[i]);
	memory = mmap(NULL, 2 * HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	ASSERT_NE(MAP_FAILED, memory);
	for (i = 0; i < 512; i++)
		memory[offset + i * self->page] = i % 251 + 1;
	for (i = 0; i < 512; i++)
		ASSERT_EQ(i % 251 + 1, p[i * self->page]);
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | RW));
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | RW));
	munmap(memory, 2 * HUGE_PAGE);
	munmap(p, size);
	close(buf);
	close(mem);
}

TEST_HARNESS_MAIN
