// SPDX-License-Identifier: GPL-2.0-only
/* Calls for any descriptor, and the files that describe buffers and fences. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ops.h"

OP(poll)
{
	struct pollfd fds[2] = {
		{ .fd = slot_fd(a[0]), .events = a[2] },
		{ .fd = slot_fd(a[1]), .events = a[2] >> 1 },
	};

	poll(fds, a[0] == a[1] ? 1 : 2, a[3] % 8);
}

OP(epoll_create)
{
	slot_put(a[0], epoll_create1(EPOLL_CLOEXEC), T_EPOLL);
}

OP(epoll_ctl)
{
	static const int controls[] = {
		EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL
	};
	struct epoll_event event = { .events = a[2] };

	/* A loop of epoll files would only test epoll. */
	if (machine.kinds[a[1] % SLOTS] != T_EPOLL)
		epoll_ctl(slot_fd(a[0]), controls[a[3] % 4], slot_fd(a[1]), &event);
}

OP(epoll_wait)
{
	struct epoll_event events[4];

	epoll_wait(slot_fd(a[0]), events, 4, a[1] % 8);
}

OP(lseek)
{
	lseek(slot_fd(a[0]), a[1], a[2]);
}

OP(dup)
{
	int fd = slot_fd(a[1]);

	slot_put(a[0], a[2] % 2 ? dup(fd) : fcntl(fd, F_DUPFD_CLOEXEC, machine.first_free),
		 machine.kinds[a[1] % SLOTS]);
}

OP(dup_over)
{
	int fd = slot_fd(a[0]), over = slot_fd(a[1]);

	/* A number below would replace what the fuzzer itself needs. */
	if (over >= machine.first_free && dup2(fd, over) == over)
		machine.kinds[a[1] % SLOTS] = machine.kinds[a[0] % SLOTS];
}

OP(fcntl)
{
	static const int commands[] = {
		F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETOWN, F_SETSIG, F_GETSIG, F_SETLEASE,
		F_GETLEASE, F_NOTIFY, F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS,
		F_GET_RW_HINT
	};

	fcntl(slot_fd(a[0]), commands[a[1] % (ARRAY_SIZE(commands))], a[2]);
}

OP(close)
{
	int fd = __atomic_exchange_n(&machine.slots[a[0] % SLOTS], -1, __ATOMIC_RELAXED);

	machine.kinds[a[0] % SLOTS] = T_NONE;
	if (fd >= 0)
		close(fd);
}

OP(read)
{
	char data[256] = "";

	if (read(slot_fd(a[0]), argument(me, data, sizeof(data)), a[1] % sizeof(data)) < 0)
		return;
}

OP(write)
{
	char data[256] = "data";

	if (write(slot_fd(a[0]), argument(me, data, sizeof(data)), a[1] % sizeof(data)) < 0)
		return;
}

OP(pipe)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return;
	slot_put(a[0], fds[1], T_PIPE);
	slot_put(a[1], fds[0], T_PIPE);
}

OP(splice)
{
	splice(slot_fd(a[0]), NULL, slot_fd(a[1]), NULL, a[2], SPLICE_F_NONBLOCK);
}

OP(sendfile)
{
	off_t offset = 0;

	sendfile(slot_fd(a[1]), slot_fd(a[0]), &offset, a[2] % (1 << 20));
}

/* Call something that works on every file, or should be refused by these. */
OP(file_op)
{
	int fd = slot_fd(a[0]);
	struct stat stat;
	char path[40], text[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	switch (a[1] % 14) {
	case 0:
		fstat(fd, &stat);
		break;
	case 1:
		fsync(fd);
		break;
	case 2:
		if (ftruncate(fd, a[2] % (1 << 20)))
			return;
		break;
	case 3:
		fallocate(fd, a[2] & 3, 0, PAGE);
		break;
	case 4:
		if (pread(fd, text, sizeof(text), a[2]) < 0)
			return;
		break;
	case 5:
		if (pwrite(fd, "x", 1, a[2]) < 0)
			return;
		break;
	case 6:
		fchmod(fd, a[2] & 0777);
		break;
	case 7:
		if (readlink(path, text, sizeof(text)) < 0)
			return;
		break;
	case 8:
		close(open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK));
		break;
	case 9:
		posix_fadvise(fd, 0, 0, a[2] % 6);
		break;
	case 10:
		syscall(SYS_kcmp, getpid(), getpid(), 0, fd, slot_fd(a[0] + 1));
		break;
	case 11:
		syscall(SYS_copy_file_range, fd, NULL, slot_fd(a[0] + 1), NULL, PAGE, 0);
		break;
	case 12:
		flock(fd, LOCK_EX | LOCK_NB);
		break;
	default:
		lseek(fd, 0, SEEK_END);
		break;
	}
}

static void file_read_pieces(const char *path, __u64 size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), i;
	char text[4096];

	if (fd < 0)
		return;
	size = size == 1 ? sizeof(text) : size * 16;
	if (size > sizeof(text))
		size = sizeof(text);
	for (i = 0; i < 8 && read(fd, text, size) > 0; i++)
		;
	close(fd);
}

OP(fdinfo)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", slot_fd(a[0]));
	file_read_pieces(path, 1);
}

OP(bufinfo)
{
	file_read_pieces("/sys/kernel/debug/dma_buf/bufinfo", a[0]);
}

OP(sync_info)
{
	file_read_pieces("/sys/kernel/debug/sync/info", a[0]);
}

OP(sysfs)
{
	static const char * const files[] = { "size", "exporter_name" };
	DIR *dir = opendir("/sys/kernel/dmabuf/buffers");
	struct dirent *entry;
	char path[400];
	int i;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		for (i = 0; i < 2 && entry->d_name[0] != '.'; i++) {
			snprintf(path, sizeof(path), "/sys/kernel/dmabuf/buffers/%s/%s",
				 entry->d_name, files[i]);
			file_read_pieces(path, a[0]);
		}
	}
	closedir(dir);
}
