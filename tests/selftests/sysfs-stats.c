// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/dmabuf/buffers: a folder for each buffer, for as long as there is
 * the buffer.
 */
#include <kselftest_harness.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"

#define BUFFERS "/sys/kernel/dmabuf/buffers"
#define MANY 20

FIXTURE(stats) {
	int buf;
	size_t size;
	unsigned long ino;
};

FIXTURE_VARIANT(stats) {
	const struct buf_source *source;
};

FIXTURE_VARIANT_ADD(stats, heap) {
	.source = &buf_heap,
};

FIXTURE_VARIANT_ADD(stats, udmabuf) {
	.source = &buf_udmabuf,
};

FIXTURE_VARIANT_ADD(stats, vgem) {
	.source = &buf_vgem,
};

FIXTURE_SETUP(stats)
{
	if (access(BUFFERS, F_OK))
		SKIP(return, "no statistics in this kernel");
	self->size = 3 * page_size();
	self->buf = variant->source->alloc(self->size);
	if (self->buf == -ENOENT)
		SKIP(return, "no %s", variant->source->name);
	ASSERT_GE(self->buf, 0);
	self->ino = fd_ino(self->buf);
}

FIXTURE_TEARDOWN(stats)
{
	close(self->buf);
}

/* Read an attribute of a buffer without the newline; returns 0 or -errno. */
static int stats_read(unsigned long ino, const char *name, char *text, size_t size)
{
	char path[128];
	int ret;

	snprintf(path, sizeof(path), BUFFERS "/%lu/%s", ino, name);
	ret = file_read(path, text, size);
	if (ret < 0)
		return ret;
	if (!ret || text[ret - 1] != '\n')
		return -EINVAL;
	text[ret - 1] = '\0';
	return 0;
}

static bool stats_exist(unsigned long ino)
{
	char text[64];

	return !stats_read(ino, "size", text, sizeof(text));
}

/* How many folders there are. */
static int stats_count(void)
{
	DIR *dir = opendir(BUFFERS);
	struct dirent *entry;
	int count = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

TEST_F(stats, folder_tells_exporter_and_size)
{
	char text[64], size[32];

	ASSERT_EQ(0, stats_read(self->ino, "exporter_name", text, sizeof(text)));
	EXPECT_STREQ(variant->source->exp_name, text);
	ASSERT_EQ(0, stats_read(self->ino, "size", text, sizeof(text)));
	snprintf(size, sizeof(size), "%zu", self->size);
	EXPECT_STREQ(size, text);
}

TEST_F(stats, folder_stays_for_the_last_user)
{
	void *memory = mmap(NULL, self->size, PROT_READ, MAP_SHARED, self->buf, 0);
	int copy = dup(self->buf);

	ASSERT_NE(MAP_FAILED, memory);
	close(self->buf);
	EXPECT_TRUE(stats_exist(self->ino));
	close(copy);
	EXPECT_TRUE(stats_exist(self->ino));
	munmap(memory, self->size);
	EXPECT_FALSE(stats_exist(self->ino));
	self->buf = -1;
}

TEST_F(stats, folders_are_counted)
{
	int bufs[MANY], before = stats_count(), i;

	ASSERT_GE(before, 1);
	for (i = 0; i < MANY; i++) {
		bufs[i] = variant->source->alloc(self->size);
		ASSERT_GE(bufs[i], 0);
		EXPECT_TRUE(stats_exist(fd_ino(bufs[i])));
		EXPECT_EQ(before + i + 1, stats_count());
	}
	for (i = 0; i < MANY; i++)
		close(bufs[i]);
	EXPECT_EQ(before, stats_count());
}

TEST_F(stats, attributes_are_read_only)
{
	char path[128];

	snprintf(path, sizeof(path), BUFFERS "/%lu/size", self->ino);
	EXPECT_GT(0, open(path, O_WRONLY | O_CLOEXEC));
}

TEST_F(stats, file_held_open_outlives_the_buffer)
{
	char path[128], text[8];
	int file;

	snprintf(path, sizeof(path), BUFFERS "/%lu/size", self->ino);
	file = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_GE(file, 0);
	close(self->buf);
	self->buf = -1;
	EXPECT_EQ(-1, pread(file, text, sizeof(text), 0));
	EXPECT_EQ(ENODEV, errno);
	close(file);
}

TEST_HARNESS_MAIN
