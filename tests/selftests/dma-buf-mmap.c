// SPDX-License-Identifier: GPL-2.0-only
/*
 * A buffer's memory in user space: what may be mapped, what is seen through it,
 * how long it lives.
 */
#include <kselftest_harness.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/dma-heap.h>

#include "common.h"

#define PAGES 4

FIXTURE(buf) {
	int fd;
	size_t page;
	size_t size;
};

FIXTURE_VARIANT(buf) {
	const struct buf_source *source;
	/* DRM's shmem objects show their first page whatever the offset is. */
	bool offset_ignored;
};

FIXTURE_VARIANT_ADD(buf, heap) {
	.source = &buf_heap,
};

FIXTURE_VARIANT_ADD(buf, udmabuf) {
	.source = &buf_udmabuf,
};

FIXTURE_VARIANT_ADD(buf, vgem) {
	.source = &buf_vgem,
	.offset_ignored = true,
};

FIXTURE_SETUP(buf)
{
	self->page = page_size();
	self->size = PAGES * self->page;
	self->fd = variant->source->alloc(self->size);
	if (self->fd == -ENOENT)
		SKIP(return, "no %s", variant->source->name);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(buf)
{
	close(self->fd);
}

static void *map(int fd, size_t size, off_t offset)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

/* The errno of a mapping that is expected to fail; 0 when it did not. */
static int map_errno(int fd, size_t size, int prot, int flags, off_t offset)
{
	void *p = mmap(NULL, size, prot, flags, fd, offset);

	if (p == MAP_FAILED)
		return errno;
	munmap(p, size);
	return 0;
}

static unsigned char pattern(size_t i)
{
	return i * 7 + i / 4096;
}

static void pattern_write(unsigned char *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		p[i] = pattern(i);
}

/* The number of bytes that are not what pattern_write() left at that offset. */
static size_t pattern_errors(const unsigned char *p, size_t offset, size_t size)
{
	size_t i, errors = 0;

	for (i = 0; i < size; i++)
		errors += p[i] != pattern(offset + i);
	return errors;
}

TEST_F(buf, new_buffer_is_zero)
{
	unsigned char *p = map(self->fd, self->size, 0);
	size_t i, dirty = 0;

	ASSERT_NE(MAP_FAILED, p);
	for (i = 0; i < self->size; i++)
		dirty += p[i] != 0;
	EXPECT_EQ(0, dirty);
	munmap(p, self->size);
}

TEST_F(buf, two_mappings_show_the_same_memory)
{
	unsigned char *a = map(self->fd, self->size, 0), *b = map(self->fd, self->size, 0);

	ASSERT_NE(MAP_FAILED, a);
	ASSERT_NE(MAP_FAILED, b);
	EXPECT_NE(a, b);
	pattern_write(a, self->size);
	EXPECT_EQ(0, pattern_errors(b, 0, self->size));
	munmap(a, self->size);
	EXPECT_EQ(0, pattern_errors(b, 0, self->size));
	munmap(b, self->size);
}

TEST_F(buf, written_memory_is_there_after_unmap)
{
	unsigned char *p = map(self->fd, self->size, 0);

	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	pattern_write(p, self->size);
	EXPECT_EQ(0, buf_sync(self->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	ASSERT_EQ(0, munmap(p, self->size));
	p = map(self->fd, self->size, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, pattern_errors(p, 0, self->size));
	munmap(p, self->size);
}

TEST_F(buf, offset_selects_the_page)
{
	unsigned char *whole = map(self->fd, self->size, 0), *part;
	size_t i;

	ASSERT_NE(MAP_FAILED, whole);
	if (variant->offset_ignored)
		SKIP(return, "%s ignores the offset", variant->source->name);
	pattern_write(whole, self->size);
	for (i = 0; i < PAGES; i++) {
		part = map(self->fd, self->page, i * self->page);
		ASSERT_NE(MAP_FAILED, part);
		EXPECT_EQ(0, pattern_errors(part, i * self->page, self->page));
		munmap(part, self->page);
	}
	munmap(whole, self->size);
}

TEST_F(buf, last_byte_of_the_tail_is_reachable)
{
	unsigned char *p = map(self->fd, 2 * self->page, (PAGES - 2) * self->page);

	ASSERT_NE(MAP_FAILED, p);
	p[2 * self->page - 1] = 0x5a;
	EXPECT_EQ(0x5a, p[2 * self->page - 1]);
	munmap(p, 2 * self->page);
}

TEST_F(buf, longer_than_the_buffer_einval)
{
	int rw = PROT_READ | PROT_WRITE;

	EXPECT_EQ(EINVAL, map_errno(self->fd, self->size + 1, rw, MAP_SHARED, 0));
	EXPECT_EQ(EINVAL, map_errno(self->fd, self->size + self->page, rw, MAP_SHARED, 0));
	EXPECT_EQ(EINVAL, map_errno(self->fd, self->size * 4096, rw, MAP_SHARED, 0));
}

TEST_F(buf, offset_past_the_end_einval)
{
	int rw = PROT_READ | PROT_WRITE;
	off_t last = self->size - self->page;

	EXPECT_EQ(0, map_errno(self->fd, self->page, rw, MAP_SHARED, last));
	EXPECT_EQ(EINVAL, map_errno(self->fd, self->page + 1, rw, MAP_SHARED, last));
	EXPECT_EQ(EINVAL, map_errno(self->fd, self->page, rw, MAP_SHARED, self->size));
	EXPECT_EQ(EINVAL, map_errno(self->fd, self->page, rw, MAP_SHARED, 1ll << 40));
}

/* Offset and length wrap around to something small when they are added up. */
TEST_F(buf, offset_that_wraps_refused)
{
	int rw = PROT_READ | PROT_WRITE, err;

	err = map_errno(self->fd, 2 * self->page, rw, MAP_SHARED, -(off_t)self->page);
	EXPECT_TRUE(err == EINVAL || err == EOVERFLOW);
	err = map_errno(self->fd, self->size, rw, MAP_SHARED, -(off_t)self->size);
	EXPECT_TRUE(err == EINVAL || err == EOVERFLOW);
}

TEST_F(buf, nothing_or_unaligned_einval)
{
	int rw = PROT_READ | PROT_WRITE;

	EXPECT_EQ(EINVAL, map_errno(self->fd, 0, rw, MAP_SHARED, 0));
	EXPECT_EQ(EINVAL, map_errno(self->fd, self->page, rw, MAP_SHARED, 1));
}

/*
 * Chunks of a heap have 1, 16 and 256 pages: a buffer may be one of them, or
 * several.
 */
TEST_F(buf, private_mapping_einval)
{
	static const size_t pages[] = { 1, 2, 15, 16, 17, 32, 255, 256, 257 };
	size_t i, size;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		int fd = variant->source->alloc(pages[i] * self->page);

		ASSERT_GE(fd, 0);
		for (size = self->page; size <= pages[i] * self->page; size += 15 * self->page) {
			EXPECT_EQ(EINVAL, map_errno(fd, size, PROT_READ | PROT_WRITE,
						    MAP_PRIVATE, 0));
			EXPECT_EQ(EINVAL, map_errno(fd, size, PROT_READ, MAP_PRIVATE, 0));
		}
		EXPECT_EQ(EINVAL, map_errno(fd, pages[i] * self->page, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE, 0));
		close(fd);
	}
}

TEST_F(buf, readonly_mapping_shows_the_memory)
{
	unsigned char *w = map(self->fd, self->size, 0), *r;

	ASSERT_NE(MAP_FAILED, w);
	r = mmap(NULL, self->size, PROT_READ, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, r);
	pattern_write(w, self->size);
	EXPECT_EQ(0, pattern_errors(r, 0, self->size));
	munmap(w, self->size);
	munmap(r, self->size);
}

TEST_F(buf, mapping_outlives_the_descriptor)
{
	unsigned long ino = fd_ino(self->fd);
	unsigned char *p = map(self->fd, self->size, 0);
	struct bufinfo info;

	ASSERT_NE(MAP_FAILED, p);
	close(self->fd);
	pattern_write(p, self->size);
	EXPECT_EQ(0, pattern_errors(p, 0, self->size));
	EXPECT_EQ(0, bufinfo_read(ino, &info));
	EXPECT_EQ(0, munmap(p, self->size));
	EXPECT_EQ(-ENOENT, bufinfo_read(ino, &info));
}

TEST_F(buf, part_of_a_mapping_keeps_the_buffer)
{
	unsigned long ino = fd_ino(self->fd);
	unsigned char *p = map(self->fd, self->size, 0);
	struct bufinfo info;

	ASSERT_NE(MAP_FAILED, p);
	close(self->fd);
	pattern_write(p, self->size);
	EXPECT_EQ(0, munmap(p + self->page, self->page));
	EXPECT_EQ(0, pattern_errors(p, 0, self->page));
	EXPECT_EQ(0, pattern_errors(p + 2 * self->page, 2 * self->page, 2 * self->page));
	EXPECT_EQ(0, bufinfo_read(ino, &info));
	EXPECT_EQ(0, munmap(p, self->page));
	EXPECT_EQ(0, munmap(p + 2 * self->page, 2 * self->page));
	EXPECT_EQ(-ENOENT, bufinfo_read(ino, &info));
}

/* What lies behind the end must not become reachable by growing a mapping. */
TEST_F(buf, mremap_cannot_grow)
{
	unsigned char *part = map(self->fd, self->page, 0), *whole = map(self->fd, self->size, 0);

	ASSERT_NE(MAP_FAILED, part);
	ASSERT_NE(MAP_FAILED, whole);
	EXPECT_EQ(MAP_FAILED, mremap(part, self->page, 2 * self->page, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(MAP_FAILED, mremap(whole, self->size, self->size + self->page, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	whole[self->size - 1] = 1;
	EXPECT_EQ(0, munmap(part, self->page));
	EXPECT_EQ(0, munmap(whole, self->size));
}

TEST_F(buf, mremap_shrinks_and_moves)
{
	unsigned char *p = map(self->fd, self->size, 0), *room, *moved;

	ASSERT_NE(MAP_FAILED, p);
	pattern_write(p, self->size);
	ASSERT_EQ(p, mremap(p, self->size, 2 * self->page, 0));
	room = mmap(NULL, 2 * self->page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, room);
	moved = mremap(p, 2 * self->page, 2 * self->page, MREMAP_MAYMOVE | MREMAP_FIXED, room);
	ASSERT_EQ(room, moved);
	EXPECT_EQ(0, pattern_errors(moved, 0, 2 * self->page));
	moved[0] = 0xee;
	p = map(self->fd, self->page, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0xee, p[0]);
	munmap(p, self->page);
	munmap(moved, 2 * self->page);
}

TEST_F(buf, child_shares_the_mapping)
{
	unsigned char *p = map(self->fd, self->size, 0);
	int status;
	pid_t child;

	ASSERT_NE(MAP_FAILED, p);
	p[0] = 1;
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		unsigned char *q = map(self->fd, self->size, 0);

		if (q == MAP_FAILED || q[0] != 1)
			_exit(1);
		q[1] = 2;
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(2, p[1]);
	munmap(p, self->size);
}

TEST_F(buf, maps_shows_the_name)
{
	unsigned char *p;
	char line[512];
	bool seen = false;
	FILE *maps;

	ASSERT_EQ(0, buf_set_name(self->fd, "in-the-maps"));
	p = map(self->fd, self->size, 0);
	ASSERT_NE(MAP_FAILED, p);
	maps = fopen("/proc/self/maps", "re");
	ASSERT_NE(NULL, maps);
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "/dmabuf:in-the-maps"))
			seen = true;
	fclose(maps);
	EXPECT_TRUE(seen);
	munmap(p, self->size);
}

TEST_F(buf, many_mappings_ok)
{
	unsigned char *p[256];
	int i;

	for (i = 0; i < 256; i++) {
		p[i] = map(self->fd, self->page, i % PAGES * self->page);
		ASSERT_NE(MAP_FAILED, p[i]);
		p[i][i] = i;
	}
	for (i = 0; i < 256; i++) {
		EXPECT_EQ(i, p[i][i]);
		munmap(p[i], self->page);
	}
}

static int heap_alloc_flags(size_t size, unsigned int fd_flags)
{
	struct dma_heap_allocation_data data = { .len = size, .fd_flags = fd_flags };
	int heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC), err;

	if (heap < 0)
		return -errno;
	err = do_ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data);
	close(heap);
	return err ?: (int)data.fd;
}

TEST(readonly_buffer_cannot_be_mapped_for_writing)
{
	int fd = heap_alloc_flags(page_size(), O_RDONLY);

	if (fd == -ENOENT)
		SKIP(return, "no system heap");
	ASSERT_GE(fd, 0);
	EXPECT_EQ(EACCES, map_errno(fd, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, 0));
	EXPECT_EQ(0, map_errno(fd, page_size(), PROT_READ, MAP_SHARED, 0));
	close(fd);
}

TEST(writeonly_buffer_cannot_be_mapped)
{
	int fd = heap_alloc_flags(page_size(), O_WRONLY);

	if (fd == -ENOENT)
		SKIP(return, "no system heap");
	ASSERT_GE(fd, 0);
	EXPECT_EQ(EACCES, map_errno(fd, page_size(), PROT_READ, MAP_SHARED, 0));
	close(fd);
}

TEST(large_buffer_is_mapped_whole)
{
	size_t size = 16 << 20, i, errors = 0;
	int fd = buf_from_heap(size);
	unsigned char *p;

	if (fd == -ENOENT)
		SKIP(return, "no system heap");
	ASSERT_GE(fd, 0);
	p = map(fd, size, 0);
	ASSERT_NE(MAP_FAILED, p);
	for (i = 0; i < size; i += page_size())
		*(size_t *)(p + i) = i;
	for (i = 0; i < size; i += page_size())
		errors += *(size_t *)(p + i) != i;
	EXPECT_EQ(0, errors);
	munmap(p, size);
	close(fd);
}

TEST_HARNESS_MAIN
