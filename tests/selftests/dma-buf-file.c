// SPDX-License-Identifier: GPL-2.0-only
/*
 * A buffer as a file: seeking, what is refused, what procfs and debugfs show,
 * flags, and the ways in which a descriptor travels.
 */
#include <kselftest_harness.h>

#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include "common.h"

#define DMA_BUF_MAGIC 0x444d4142

FIXTURE(buf) {
	int fd;
	size_t size;
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
	self->size = 3 * page_size();
	self->fd = variant->source->alloc(self->size);
	if (self->fd == -ENOENT)
		SKIP(return, "no %s", variant->source->name);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(buf)
{
	close(self->fd);
}

TEST_F(buf, llseek_end_tells_the_size)
{
	EXPECT_EQ(self->size, lseek(self->fd, 0, SEEK_END));
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_EQ(self->size, lseek(self->fd, 0, SEEK_END));
}

TEST_F(buf, llseek_anything_else_einval)
{
	static const off_t offsets[] = { 1, -1, 4096, LLONG_MAX, LLONG_MIN };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		EXPECT_EQ(-1, lseek(self->fd, offsets[i], SEEK_SET));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, lseek(self->fd, offsets[i], SEEK_END));
		EXPECT_EQ(EINVAL, errno);
	}
}

TEST_F(buf, llseek_other_whence_einval)
{
	static const int whence[] = { SEEK_CUR, SEEK_DATA, SEEK_HOLE, 5, -1, INT_MAX };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(whence); i++) {
		EXPECT_EQ(-1, lseek(self->fd, 0, whence[i]));
		EXPECT_EQ(EINVAL, errno);
	}
}

TEST_F(buf, read_refused)
{
	char byte;
	struct iovec iov = { &byte, 1 };

	EXPECT_EQ(-1, read(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pread(self->fd, &byte, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, readv(self->fd, &iov, 1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(buf, write_refused)
{
	char byte = 1;
	struct iovec iov = { &byte, 1 };

	EXPECT_EQ(-1, write(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pwrite(self->fd, &byte, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, writev(self->fd, &iov, 1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(buf, truncate_refused)
{
	EXPECT_EQ(-1, ftruncate(self->fd, 0));
	EXPECT_EQ(-1, ftruncate(self->fd, 1 << 20));
	EXPECT_EQ(self->size, lseek(self->fd, 0, SEEK_END));
}

TEST_F(buf, fsync_refused)
{
	EXPECT_EQ(-1, fsync(self->fd));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(buf, stat_shows_size_and_inode)
{
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(self->size, st.st_size);
	EXPECT_NE(0, st.st_ino);
	EXPECT_EQ(1, st.st_nlink);
}

TEST_F(buf, statfs_shows_the_magic)
{
	struct statfs st;

	ASSERT_EQ(0, fstatfs(self->fd, &st));
	EXPECT_EQ(DMA_BUF_MAGIC, st.f_type);
}

TEST_F(buf, inode_is_unique_and_grows)
{
	int other[8], i;

	for (i = 0; i < 8; i++) {
		other[i] = variant->source->alloc(page_size());
		ASSERT_GE(other[i], 0);
		EXPECT_LT(fd_ino(i ? other[i - 1] : self->fd), fd_ino(other[i]));
	}
	for (i = 0; i < 8; i++)
		close(other[i]);
}

TEST_F(buf, inode_is_not_used_again)
{
	unsigned long ino = fd_ino(self->fd);
	int next;

	close(self->fd);
	next = variant->source->alloc(page_size());
	ASSERT_GE(next, 0);
	EXPECT_NE(ino, fd_ino(next));
	close(next);
}

TEST_F(buf, reopen_through_proc_refused)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	EXPECT_EQ(-1, open(path, O_RDWR | O_CLOEXEC));
	EXPECT_EQ(ENXIO, errno);
}

TEST_F(buf, link_without_name)
{
	char link[128];

	ASSERT_GT(fd_link_read(self->fd, link, sizeof(link)), 0);
	EXPECT_STREQ("/dmabuf:", link);
}

TEST_F(buf, link_with_name)
{
	char link[128];

	ASSERT_EQ(0, buf_set_name(self->fd, "a name"));
	ASSERT_GT(fd_link_read(self->fd, link, sizeof(link)), 0);
	EXPECT_STREQ("/dmabuf:a name", link);
}

/*
 * The lines after the ones that every file has; NULL when those are not as
 * expected.
 */
static const char *fdinfo_own_lines(const char *text)
{
	const char *ino = strstr(text, "\nino:\t");

	if (strncmp(text, "pos:\t0\nflags:\t0", 15) || !strstr(text, "\nmnt_id:\t") || !ino)
		return NULL;
	return strchr(ino + 1, '\n') + 1;
}

TEST_F(buf, fdinfo_without_name)
{
	char text[1024], expected[256];

	ASSERT_GT(fdinfo_read(self->fd, text, sizeof(text)), 0);
	ASSERT_NE(NULL, fdinfo_own_lines(text));
	snprintf(expected, sizeof(expected), "size:\t%zu\ncount:\t1\nexp_name:\t%s\n", self->size,
		 variant->source->exp_name);
	EXPECT_STREQ(expected, fdinfo_own_lines(text));
}

TEST_F(buf, fdinfo_with_name)
{
	char text[1024], expected[256];

	ASSERT_EQ(0, buf_set_name(self->fd, "shown in fdinfo"));
	ASSERT_GT(fdinfo_read(self->fd, text, sizeof(text)), 0);
	ASSERT_NE(NULL, fdinfo_own_lines(text));
	snprintf(expected, sizeof(expected),
		 "size:\t%zu\ncount:\t1\nexp_name:\t%s\nname:\tshown in fdinfo\n", self->size,
		 variant->source->exp_name);
	EXPECT_STREQ(expected, fdinfo_own_lines(text));
}

TEST_F(buf, fdinfo_names_the_inode)
{
	char value[32], expected[32];

	ASSERT_EQ(0, fdinfo_value(self->fd, "ino", value, sizeof(value)));
	snprintf(expected, sizeof(expected), "%lu", fd_ino(self->fd));
	EXPECT_STREQ(expected, value);
}

TEST_F(buf, fdinfo_counts_references)
{
	char value[32];
	int copy = dup(self->fd);
	void *p;

	ASSERT_GE(copy, 0);
	ASSERT_EQ(0, fdinfo_value(self->fd, "count", value, sizeof(value)));
	EXPECT_STREQ("2", value);
	p = mmap(NULL, page_size(), PROT_READ, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	close(copy);
	/*
	 * a mapping holds one reference; DRM adds none of its own for the same
	 * mapping
	 */
	ASSERT_EQ(0, fdinfo_value(self->fd, "count", value, sizeof(value)));
	EXPECT_STREQ("2", value);
	munmap(p, page_size());
	ASSERT_EQ(0, fdinfo_value(self->fd, "count", value, sizeof(value)));
	EXPECT_STREQ("1", value);
}

TEST_F(buf, descriptor_flags_are_the_caller_s)
{
	EXPECT_TRUE(fd_is_cloexec(self->fd));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFD, 0));
	EXPECT_FALSE(fd_is_cloexec(self->fd));
}

TEST_F(buf, file_flags_can_be_changed)
{
	int flags = fcntl(self->fd, F_GETFL);

	EXPECT_EQ(O_RDWR, flags & O_ACCMODE);
	EXPECT_EQ(0, flags & O_NONBLOCK);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, flags | O_NONBLOCK));
	EXPECT_EQ(O_NONBLOCK, fcntl(self->fd, F_GETFL) & O_NONBLOCK);
}

TEST_F(buf, duplicate_is_the_same_buffer)
{
	int copy = dup(self->fd);

	ASSERT_GE(copy, 0);
	EXPECT_EQ(fd_ino(self->fd), fd_ino(copy));
	close(self->fd);
	EXPECT_EQ(self->size, lseek(copy, 0, SEEK_END));
	EXPECT_EQ(0, buf_sync(copy, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	EXPECT_EQ(0, buf_sync(copy, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	close(copy);
}

TEST_F(buf, last_close_ends_the_buffer)
{
	unsigned long ino = fd_ino(self->fd);
	int copy = dup(self->fd);
	struct bufinfo info;

	ASSERT_GE(copy, 0);
	close(self->fd);
	EXPECT_EQ(0, bufinfo_read(ino, &info));
	close(copy);
	EXPECT_EQ(-ENOENT, bufinfo_read(ino, &info));
}

TEST_F(buf, child_inherits_the_buffer)
{
	unsigned long ino = fd_ino(self->fd);
	struct bufinfo info;
	int status;
	pid_t child;

	child = fork();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(fd_ino(self->fd) != ino || lseek(self->fd, 0, SEEK_END) != (off_t)self->size);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, bufinfo_read(ino, &info));
}

/* Send a descriptor over a socket; SCM_RIGHTS. */
static bool fd_send(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { "f", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	return sendmsg(socket, &msg, 0) == 1;
}

static int fd_receive(int socket)
{
	char control[CMSG_SPACE(sizeof(int))] = {}, byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

TEST_F(buf, passed_to_another_process)
{
	unsigned long ino = fd_ino(self->fd);
	unsigned char *p;
	int sockets[2], status;
	pid_t child;

	p = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	memset(p, 0x11, self->size);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		unsigned char *q;
		int fd;

		close(self->fd);
		fd = fd_receive(sockets[1]);
		q = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (q == MAP_FAILED || fd_ino(fd) != ino || q[self->size - 1] != 0x11)
			_exit(1);
		q[self->size - 1] = 0x22;
		_exit(0);
	}
	ASSERT_TRUE(fd_send(sockets[0], self->fd));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0x22, p[self->size - 1]);
}

/*
 * In flight, a descriptor is a reference like any other, and closing the socket
 * drops it.
 */
TEST_F(buf, lost_in_a_socket)
{
	unsigned long ino = fd_ino(self->fd);
	struct bufinfo info;
	int sockets[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets));
	ASSERT_TRUE(fd_send(sockets[0], self->fd));
	close(self->fd);
	EXPECT_EQ(0, bufinfo_read(ino, &info));
	close(sockets[0]);
	close(sockets[1]);
	EXPECT_EQ(-ENOENT, bufinfo_read(ino, &info));
}

TEST_F(buf, bufinfo_lists_it)
{
	struct bufinfo info;

	ASSERT_EQ(0, bufinfo_read(fd_ino(self->fd), &info));
	EXPECT_EQ(self->size, info.size);
	EXPECT_EQ(O_RDWR, info.flags & O_ACCMODE);
	EXPECT_EQ(1, info.count);
	EXPECT_STREQ(variant->source->exp_name, info.exp_name);
	EXPECT_STREQ("<none>", info.name);
	EXPECT_EQ(0, info.fences);
	EXPECT_EQ(0, info.devices);
	EXPECT_EQ(0, info.devices_total);
}

TEST_F(buf, bufinfo_shows_the_name)
{
	struct bufinfo info;

	ASSERT_EQ(0, buf_set_name(self->fd, "in bufinfo"));
	ASSERT_EQ(0, bufinfo_read(fd_ino(self->fd), &info));
	EXPECT_STREQ("in bufinfo", info.name);
}

TEST_F(buf, bufinfo_shows_pending_fences)
{
	int timeline = timeline_open();
	struct bufinfo info;

	if (timeline == -ENOENT)
		SKIP(return, "no sw_sync in debugfs");
	ASSERT_GE(timeline, 0);
	ASSERT_EQ(0, buf_add_pending(self->fd, timeline, 1, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, bufinfo_read(fd_ino(self->fd), &info));
	EXPECT_EQ(1, info.fences);
	EXPECT_EQ(0, timeline_inc(timeline, 1));
	close(timeline);
}

TEST(bufinfo_shows_attached_devices)
{
	int fd = buf_from_heap(page_size()), vgem = vgem_open();
	unsigned int handle;
	struct bufinfo info;

	if (fd == -ENOENT || vgem == -ENOENT)
		SKIP(return, "no system heap, or no vgem");
	ASSERT_GE(fd, 0);
	ASSERT_GE(vgem, 0);
	ASSERT_EQ(0, vgem_import(vgem, fd, &handle));
	ASSERT_EQ(0, bufinfo_read(fd_ino(fd), &info));
	EXPECT_EQ(1, info.devices);
	EXPECT_EQ(1, info.devices_total);
	EXPECT_STREQ("vgem", info.device);
	ASSERT_EQ(0, vgem_close_handle(vgem, handle));
	ASSERT_EQ(0, bufinfo_read(fd_ino(fd), &info));
	EXPECT_EQ(0, info.devices_total);
	close(vgem);
	close(fd);
}

TEST(bufinfo_frame_is_exact)
{
	static char text[1 << 16];
	unsigned int objects = 0;
	size_t bytes = 0;
	char *end;
	int fd = buf_from_heap(page_size()), parsed;

	if (fd == -ENOENT)
		SKIP(return, "no system heap");
	ASSERT_GE(fd, 0);
	ASSERT_GT(file_read("/sys/kernel/debug/dma_buf/bufinfo", text, sizeof(text)), 0);
	EXPECT_EQ(0, strncmp(text, "\nDma-buf Objects:\n", 18));
	/* size, flags, mode, count, exp_name, ino, name */
	EXPECT_EQ(0, strncmp(text + 18, "size", 4));
	end = strstr(text, "\nTotal ");
	while (end && strstr(end + 1, "\nTotal "))
		end = strstr(end + 1, "\nTotal ");
	ASSERT_NE(NULL, end);
	parsed = sscanf(end, "\nTotal %u objects, %zu bytes\n", &objects, &bytes);
	EXPECT_EQ(2, parsed);
	EXPECT_LE(1, objects);
	EXPECT_LE(page_size(), bytes);
	close(fd);
}

TEST_HARNESS_MAIN
