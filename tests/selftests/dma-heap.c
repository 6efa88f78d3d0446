// SPDX-License-Identifier: GPL-2.0-only
/*
 * The system heap: what DMA_HEAP_IOCTL_ALLOC takes and refuses, the memory that
 * it gives, and that a caller who cannot be told about a buffer does not get
 * one.
 */
#include <kselftest_harness.h>

#include <fcntl.h>
#include <limits.h>
#include <linux/dma-heap.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>

#include "common.h"

#define RW (DMA_BUF_SYNC_READ | DMA_BUF_SYNC_WRITE)
#define MIB (1024ull * 1024)

FIXTURE(heap) {
	int fd;
	size_t page;
};

FIXTURE_SETUP(heap)
{
	self->page = page_size();
	self->fd = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
	if (self->fd < 0)
		SKIP(return, "no system heap");
}

FIXTURE_TEARDOWN(heap)
{
	close(self->fd);
}

static int heap_alloc(int heap, unsigned long long len, unsigned int fd_flags)
{
	struct dma_heap_allocation_data data = { .len = len, .fd_flags = fd_flags };

	return do_ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) ?: (int)data.fd;
}

TEST_F(heap, length_becomes_whole_pages)
{
	static const size_t lengths[] = { 1, 4095, 4096, 4097, 8192 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		size_t pages = (lengths[i] + self->page - 1) / self->page;
		int buf = heap_alloc(self->fd, lengths[i], O_RDWR | O_CLOEXEC);

		ASSERT_GE(buf, 0);
		EXPECT_EQ((off_t)(pages * self->page), lseek(buf, 0, SEEK_END));
		close(buf);
	}
}

TEST_F(heap, no_length_einval)
{
	EXPECT_EQ(-EINVAL, heap_alloc(self->fd, 0, O_RDWR));
}

/* Rounded up, these would be zero. */
TEST_F(heap, length_that_wraps_einval)
{
	EXPECT_EQ(-EINVAL, heap_alloc(self->fd, UINT64_MAX, O_RDWR));
	EXPECT_EQ(-EINVAL, heap_alloc(self->fd, UINT64_MAX - 4094, O_RDWR));
}

/* Quickly, and without pushing out everything else first. */
TEST_F(heap, more_than_the_machine_has_enomem)
{
	int before = fds_open();

	EXPECT_EQ(-ENOMEM, heap_alloc(self->fd, 1ull << 40, O_RDWR));
	EXPECT_EQ(-ENOMEM, heap_alloc(self->fd, 1ull << 62, O_RDWR));
	EXPECT_EQ(before, fds_open());
}

TEST_F(heap, unknown_flags_einval)
{
	struct dma_heap_allocation_data data = { .len = 1, .fd_flags = O_RDWR };
	int bit, before = fds_open();

	for (bit = 0; bit < 64; bit++) {
		data.heap_flags = 1ull << bit;
		EXPECT_EQ(-EINVAL, do_ioctl(self->fd, DMA_HEAP_IOCTL_ALLOC, &data));
	}
	EXPECT_EQ(-EINVAL, heap_alloc(self->fd, 1, O_RDWR | O_NONBLOCK));
	EXPECT_EQ(-EINVAL, heap_alloc(self->fd, 1, O_RDWR | O_APPEND));
	EXPECT_EQ(-EINVAL, heap_alloc(self->fd, 1, 1u << 31));
	EXPECT_EQ(before, fds_open());
}

TEST_F(heap, descriptor_on_entry_einval)
{
	struct dma_heap_allocation_data data = { .len = 1, .fd = 1, .fd_flags = O_RDWR };

	EXPECT_EQ(-EINVAL, do_ioctl(self->fd, DMA_HEAP_IOCTL_ALLOC, &data));
}

TEST_F(heap, descriptor_has_the_flags_asked_for)
{
	static const unsigned int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		int plain = heap_alloc(self->fd, 1, modes[i]);
		int cloexec = heap_alloc(self->fd, 1, modes[i] | O_CLOEXEC);

		ASSERT_GE(plain, 0);
		ASSERT_GE(cloexec, 0);
		EXPECT_EQ(modes[i], (unsigned int)fcntl(plain, F_GETFL) & O_ACCMODE);
		EXPECT_FALSE(fd_is_cloexec(plain));
		EXPECT_TRUE(fd_is_cloexec(cloexec));
		close(plain);
		close(cloexec);
	}
}

TEST_F(heap, other_ioctls_einval)
{
	struct dma_heap_allocation_data data = { .len = 1, .fd_flags = O_RDWR };
	int nr;

	for (nr = 1; nr < 256; nr++)
		EXPECT_EQ(-EINVAL, do_ioctl(self->fd, _IOWR('H', nr, data), &data));
}

/*
 * The command is known by its number; what the caller's struct has not is zero.
 */
TEST_F(heap, shorter_struct_ok)
{
	struct dma_heap_allocation_data data = {
		.len = 1, .fd_flags = O_RDWR, .heap_flags = ~0ull
	};
	char arg[offsetof(struct dma_heap_allocation_data, heap_flags)];

	EXPECT_EQ(0, do_ioctl(self->fd, _IOWR('H', 0, arg), &data));
	EXPECT_GT((int)data.fd, 0);
	EXPECT_EQ(~0ull, data.heap_flags);
	close(data.fd);
}

TEST_F(heap, longer_struct_ok)
{
	struct {
		struct dma_heap_allocation_data data;
		char more[1000];
	} arg = { .data = { .len = 1, .fd_flags = O_RDWR } };

	memset(arg.more, 'x', sizeof(arg.more));
	EXPECT_EQ(0, do_ioctl(self->fd, _IOWR('H', 0, arg), &arg));
	EXPECT_GT((int)arg.data.fd, 0);
	EXPECT_EQ('x', arg.more[0]);
	close(arg.data.fd);
}

/* Who has no room for the descriptor would lose it. */
TEST_F(heap, struct_without_room_for_the_answer_einval)
{
	struct dma_heap_allocation_data data = { .len = 1, .fd_flags = O_RDWR };
	char arg[offsetof(struct dma_heap_allocation_data, fd)];
	int before = fds_open();

	EXPECT_EQ(-EINVAL, do_ioctl(self->fd, _IOWR('H', 0, arg), &data));
	EXPECT_EQ(-EINVAL, do_ioctl(self->fd, _IO('H', 0), &data));
	EXPECT_EQ(-EINVAL, do_ioctl(self->fd, _IOW('H', 0, data), &data));
	EXPECT_EQ(before, fds_open());
}

TEST_F(heap, bad_pointer_efault)
{
	void *bad[] = { NULL, page_unmapped(), KERNEL_ADDRESS };
	int before = fds_open();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EFAULT, do_ioctl(self->fd, DMA_HEAP_IOCTL_ALLOC, bad[i]));
	EXPECT_EQ(before, fds_open());
}

/*
 * The buffer is there already when it turns out that the caller's memory cannot
 * be written.
 */
TEST_F(heap, alloc_cannot_tell_leaves_no_descriptor)
{
	struct dma_heap_allocation_data data = { .len = 1, .fd_flags = O_RDWR | O_CLOEXEC };
	int before = fds_open(), i;

	for (i = 0; i < 10; i++)
		EXPECT_EQ(-EFAULT, do_ioctl(self->fd, DMA_HEAP_IOCTL_ALLOC,
					    page_readonly(&data, sizeof(data))));
	EXPECT_EQ(before, fds_open());
}

TEST_F(heap, struct_that_runs_into_a_hole_efault)
{
	struct dma_heap_allocation_data data = { .len = 1, .fd_flags = O_RDWR | O_CLOEXEC };
	int before = fds_open();

	EXPECT_EQ(-EFAULT, do_ioctl(self->fd, DMA_HEAP_IOCTL_ALLOC, page_before_hole(&data, 16)));
	EXPECT_EQ(before, fds_open());
}

TEST_F(heap, device_is_nothing_but_ioctls)
{
	char c = 0;

	EXPECT_EQ(-1, read(self->fd, &c, 1));
	EXPECT_EQ(-1, write(self->fd, &c, 1));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->page, PROT_READ, MAP_SHARED, self->fd, 0));
}

/*
 * The memory
 */

static unsigned int *map_words(int buf, size_t size, off_t offset)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, buf, offset);

	if (p == MAP_FAILED)
		abort();
	return p;
}

static bool is_zero(const unsigned int *words, size_t size)
{
	size_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		if (words[i])
			return false;
	return true;
}

/*
 * Chunks have 256, 16 and 1 pages: sizes at, below and above each of them, and
 * mixtures.
 */
static const size_t sizes_in_pages[] = {
	1, 2, 15, 16, 17, 31, 32, 33, 255, 256, 257, 256 + 16, 256 + 16 + 1, 512 + 7, 700,
};

TEST_F(heap, memory_is_zero_even_when_used_before)
{
	size_t i, size;
	int round, buf;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < ARRAY_SIZE(sizes_in_pages); i++) {
			unsigned int *words;

			size = sizes_in_pages[i] * self->page;
			buf = heap_alloc(self->fd, size, O_RDWR | O_CLOEXEC);
			ASSERT_GE(buf, 0);
			words = map_words(buf, size, 0);
			EXPECT_TRUE(is_zero(words, size));
			memset(words, 0xa5, size);
			munmap(words, size);
			close(buf);
		}
	}
}

/*
 * A page that stood twice, or not where it belongs, would show another's
 * number.
 */
TEST_F(heap, every_page_is_mapped_once_and_in_order)
{
	size_t i, n, per = self->page / sizeof(unsigned int);
	unsigned int *all, *part;
	int buf;

	for (i = 0; i < ARRAY_SIZE(sizes_in_pages); i++) {
		size_t pages = sizes_in_pages[i], size = pages * self->page;

		buf = heap_alloc(self->fd, size, O_RDWR | O_CLOEXEC);
		ASSERT_GE(buf, 0);
		all = map_words(buf, size, 0);
		for (n = 0; n < pages; n++)
			all[n * per] = n + 1;
		for (n = 0; n < pages; n++)
			ASSERT_EQ(n + 1, all[n * per]);
		/* from every page to the end */
		for (n = 0; n < pages; n += 1 + pages / 40) {
			part = map_words(buf, size - n * self->page, n * self->page);
			ASSERT_EQ(n + 1, part[0]);
			ASSERT_EQ(pages, part[(pages - n - 1) * per]);
			munmap(part, size - n * self->page);
			/* and this page alone */
			part = map_words(buf, self->page, n * self->page);
			ASSERT_EQ(n + 1, part[0]);
			munmap(part, self->page);
		}
		munmap(all, size);
		close(buf);
	}
}

/*
 * Fill much of the memory with a file and make a hole at every second page of
 * it.
 */
static int memory_fragment(size_t size, size_t page)
{
	int mem = memfd_create("filler", MFD_CLOEXEC);
	char *chunk = calloc(64, page);
	size_t at;

	if (mem < 0 || !chunk)
		return -ENOMEM;
	for (at = 0; at < size; at += 64 * page)
		if (pwrite(mem, chunk, 64 * page, at) < 0)
			return -errno;
	for (at = 0; at < size; at += 2 * page)
		if (fallocate(mem, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, page))
			return -errno;
	free(chunk);
	return mem;
}

/* There are not enough large chunks: small ones do, and nobody warns. */
TEST_F_TIMEOUT(heap, fragmented_memory_ok, 600)
{
	unsigned int *words;
	struct sysinfo info;
	int filler, buf;
	size_t size;

	if (!on_uml())
		SKIP(return, "takes minutes on an emulated processor");
	ASSERT_EQ(0, sysinfo(&info));
	filler = memory_fragment(info.freeram / 4 * 3, self->page);
	ASSERT_GE(filler, 0);
	size = info.freeram / 2 / self->page * self->page;
	buf = heap_alloc(self->fd, size, O_RDWR | O_CLOEXEC);
	EXPECT_GE(buf, 0);
	if (buf >= 0) {
		words = map_words(buf, 16 * MIB, size / 2 / self->page * self->page);
		EXPECT_TRUE(is_zero(words, 16 * MIB));
		munmap(words, 16 * MIB);
		close(buf);
	}
	close(filler);
}

/* vgem takes no segment of more than 64 KiB. */
TEST_F(heap, cpu_access_with_an_importer_ok)
{
	size_t size = 255 * self->page;
	int buf = heap_alloc(self->fd, size, O_RDWR | O_CLOEXEC), vgem = vgem_open();
	unsigned int handle;
	unsigned int *words;

	if (vgem < 0)
		SKIP(return, "no vgem");
	ASSERT_GE(buf, 0);
	ASSERT_EQ(0, vgem_import(vgem, buf, &handle));
	words = map_words(buf, size, 0);
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | RW));
	words[0] = 1;
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | RW));
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	EXPECT_EQ(1, words[0]);
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	munmap(words, size);
	EXPECT_EQ(0, vgem_close_handle(vgem, handle));
	close(vgem);
	close(buf);
}

/*
 * Mappings for devices come and go with importers, whatever happens in between.
 */
TEST_F(heap, importers_leave_no_mapping)
{
	long before = dma_mappings();
	int i, buf, vgem;
	unsigned int handle;

	if (before < 0)
		SKIP(return, "no DMA debugging in this kernel");
	for (i = 0; i < 20; i++) {
		vgem = vgem_open();
		if (vgem < 0)
			SKIP(return, "no vgem");
		buf = heap_alloc(self->fd, 20 * self->page, O_RDWR | O_CLOEXEC);
		ASSERT_GE(buf, 0);
		ASSERT_EQ(0, vgem_import(vgem, buf, &handle));
		EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | RW));
		close(buf);
		close(vgem);
	}
	EXPECT_EQ(before, dma_mappings());
}

static void *alloc_and_free(void *arg)
{
	int i, *heap = arg;

	for (i = 0; i < 50; i++) {
		int buf = heap_alloc(*heap, (1 + i % 300) * 4096, O_RDWR | O_CLOEXEC);

		if (buf < 0)
			return (void *)(long)buf;
		close(buf);
	}
	return NULL;
}

TEST_F(heap, many_at_a_time_ok)
{
	pthread_t threads[8];
	void *result;
	int i;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, alloc_and_free, &self->fd));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &result));
		EXPECT_EQ(NULL, result);
	}
}

/*
 * Pages that the machine has allocated since it runs, or -1 if it does not
 * count them.
 */
static long long pages_allocated(void)
{
	FILE *vmstat = fopen("/proc/vmstat", "re");
	long long sum = -1, pages;
	char line[128];

	while (vmstat && fgets(line, sizeof(line), vmstat))
		if (sscanf(line, "pgalloc_%*s %lld", &pages) == 1)
			sum = (sum < 0 ? 0 : sum) + pages;
	if (vmstat)
		fclose(vmstat);
	return sum;
}

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ll + now.tv_nsec / 1000;
}

/*
 * A process that makes one allocation, and what became of it. Times are in
 * microseconds.
 */
struct victim {
	atomic_llong begun, ended;
	long long pages;
	bool killed;
};

static struct victim *victim_create(void)
{
	void *shared = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return shared == MAP_FAILED ? NULL : shared;
}

/*
 * Kill it some time after it has begun, or never if that is 0. False if the
 * allocation failed.
 */
static bool victim_run(struct victim *victim, int heap, unsigned long long len, int kill_after)
{
	long long pages = pages_allocated();
	int status;
	pid_t child;

	victim->begun = 0;
	child = fork();
	if (child < 0)
		return false;
	if (!child) {
		victim->begun = now_us();
		if (heap_alloc(heap, len, O_RDWR | O_CLOEXEC) < 0)
			_exit(1);
		victim->ended = now_us();
		_exit(0);
	}
	while (!victim->begun)
		sched_yield();
	if (kill_after) {
		usleep(kill_after);
		kill(child, SIGKILL);
	}
	if (waitpid(child, &status, 0) != child)
		return false;
	victim->killed = WIFSIGNALED(status);
	victim->pages = pages_allocated() - pages;
	return victim->killed || (WIFEXITED(status) && !WEXITSTATUS(status));
}

/*
 * A process that is to die gives up the rest of a large allocation. One that is
 * met half way can be told by the pages that it got, whatever the time that it
 * took.
 */
TEST_F(heap, killed_while_allocating_gives_up)
{
	struct victim *v = victim_create();
	long long whole, wanted, wait;
	unsigned long long len;
	int eighth, in_vain = 0;
	struct sysinfo info;

	if (pages_allocated() < 0)
		SKIP(return, "no count of allocated pages");
	ASSERT_NE(NULL, v);
	ASSERT_EQ(0, sysinfo(&info));
	len = info.freeram / 2 / MIB * MIB;
	wanted = len / self->page;
	/*
	 * The first time is another: an emulated machine gets its memory when
	 * it is touched.
	 */
	ASSERT_TRUE(victim_run(v, self->fd, len, 0));
	ASSERT_TRUE(victim_run(v, self->fd, len, 0));
	ASSERT_GE(v->pages, wanted);
	whole = v->ended - v->begun;

	for (eighth = 1; eighth <= 7; eighth++) {
		wait = whole * eighth / 8 + 1;
		ASSERT_TRUE(victim_run(v, self->fd, len, wait));
		if (!v->killed)
			continue;
		TH_LOG("%llu MiB in %lld us, killed after %lld: %lld of %lld pages", len / MIB,
		       whole, wait, v->pages, wanted);
		if (v->pages >= wanted)
			in_vain++;
		else if (v->pages > wanted / 16)
			return;
	}
	/* A late one may have come between the last page and the end. */
	EXPECT_LT(in_vain, 4);
	if (in_vain < 4)
		SKIP(return, "it was never met while it allocated");
}

TEST_HARNESS_MAIN
