// SPDX-License-Identifier: GPL-2.0-only
/*
 * The heap of contiguous memory: what its buffers are, and that its area is
 * neither leaked nor overdrawn.
 */
#include <kselftest_harness.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/dma-heap.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"

#define HEAPS "/dev/dma_heap"
#define PAGES 16	/* in one segment: 64 KiB is what a device takes that says nothing */

/*
 * The one heap that is not the system heap bears the name of its area, which
 * machines choose.
 */
static int heap_open(char *name, size_t size)
{
	DIR *dir = opendir(HEAPS);
	struct dirent *entry;
	int fd = -ENOENT;

	if (!dir)
		return -errno;
	while (fd == -ENOENT && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "system"))
			continue;
		snprintf(name, size, "%s", entry->d_name);
		fd = openat(dirfd(dir), name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	closedir(dir);
	return fd;
}

static int heap_alloc(int heap, size_t size)
{
	struct dma_heap_allocation_data data = { .len = size, .fd_flags = O_RDWR | O_CLOEXEC };
	int err = do_ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data);

	return err ?: (int)data.fd;
}

/* The size of the area in bytes, from a line "CmaTotal:  16384 kB". */
static size_t area_size(void)
{
	char text[8192], *line;
	unsigned long kib;

	if (file_read("/proc/meminfo", text, sizeof(text)) < 0)
		return 0;
	line = strstr(text, "CmaTotal:");
	return line && sscanf(line, "CmaTotal: %lu kB", &kib) == 1 ? kib * 1024 : 0;
}

FIXTURE(cma) {
	int heap;
	int buf;
	char name[NAME_MAX + 1];
	size_t size;
	unsigned char *memory;
};

FIXTURE_SETUP(cma)
{
	self->heap = heap_open(self->name, sizeof(self->name));
	if (self->heap == -ENOENT)
		SKIP(return, "no heap of contiguous memory");
	ASSERT_GE(self->heap, 0);
	self->size = PAGES * page_size();
	self->buf = heap_alloc(self->heap, self->size);
	ASSERT_GE(self->buf, 0);
	self->memory = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED, self->buf, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
}

FIXTURE_TEARDOWN(cma)
{
	munmap(self->memory, self->size);
	close(self->buf);
	close(self->heap);
}

static bool is_zero(const unsigned char *memory, size_t size)
{
	return !memory[0] && !memcmp(memory, memory + 1, size - 1);
}

TEST_F(cma, buffer_is_named_after_the_heap)
{
	char value[NAME_MAX + 1];

	ASSERT_EQ(0, fdinfo_value(self->buf, "exp_name", value, sizeof(value)));
	EXPECT_STREQ(self->name, value);
	EXPECT_EQ((off_t)self->size, lseek(self->buf, 0, SEEK_END));
}

TEST_F(cma, pages_are_zeroed)
{
	EXPECT_TRUE(is_zero(self->memory, self->size));
}

TEST_F(cma, offset_of_a_mapping_counts)
{
	size_t at = 3 * page_size();
	unsigned char *part = mmap(NULL, page_size(), PROT_READ, MAP_SHARED, self->buf, at);

	ASSERT_NE(MAP_FAILED, part);
	self->memory[at] = 0x5a;
	EXPECT_EQ(0x5a, part[0]);
	munmap(part, page_size());
}

/*
 * CVE-2024-46852: the fault handler gave out the page behind the last one of
 * the buffer, which a mapping that was grown could ask for.
 */
TEST_F(cma, page_behind_the_last_one_is_out_of_reach)
{
	void *grown;

	grown = mremap(self->memory, self->size, self->size + page_size(), MREMAP_MAYMOVE);
	EXPECT_EQ(MAP_FAILED, grown);
	grown = mmap(NULL, page_size(), PROT_READ, MAP_SHARED, self->buf, self->size);
	EXPECT_EQ(MAP_FAILED, grown);
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(cma, private_mapping_einval)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->size, PROT_READ, MAP_PRIVATE, self->buf, 0));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(cma, memory_used_before_is_zeroed)
{
	int buf;

	memset(self->memory, 0xa5, self->size);
	munmap(self->memory, self->size);
	close(self->buf);

	/* The area is filled from its start, so the same pages come again. */
	buf = heap_alloc(self->heap, self->size);
	self->buf = buf;
	ASSERT_GE(buf, 0);
	self->memory = mmap(NULL, self->size, PROT_READ, MAP_SHARED, buf, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
	EXPECT_TRUE(is_zero(self->memory, self->size));
}

TEST_F(cma, device_and_cpu_take_turns)
{
	int vgem = vgem_open();
	unsigned int handle;

	if (vgem < 0)
		SKIP(return, "no vgem");
	ASSERT_EQ(0, vgem_import(vgem, self->buf, &handle));
	EXPECT_EQ(0, buf_sync(self->buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	self->memory[0] = 1;
	EXPECT_EQ(0, buf_sync(self->buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	EXPECT_EQ(0, vgem_close_handle(vgem, handle));
	close(vgem);
}

TEST_F(cma, more_than_the_area_enomem)
{
	size_t area = area_size();

	ASSERT_NE(0, area);
	EXPECT_EQ(-ENOMEM, heap_alloc(self->heap, area + page_size()));
	/* A part of it is taken, so the whole cannot be had. */
	EXPECT_EQ(-ENOMEM, heap_alloc(self->heap, area));
}

TEST_F(cma, area_comes_back)
{
	size_t half = area_size() / 2;
	int i, buf;

	for (i = 0; i < 8; i++) {
		buf = heap_alloc(self->heap, half);
		ASSERT_GE(buf, 0);
		close(buf);
	}
}

TEST_HARNESS_MAIN
