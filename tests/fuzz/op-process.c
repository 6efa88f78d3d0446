// SPDX-License-Identifier: GPL-2.0-only
/* Processes that come and go, and descriptors that travel between them. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "ops.h"

struct rights {
	struct iovec data;
	struct msghdr message;
	char byte;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control;
};

static void rights_init(struct rights *rights)
{
	memset(rights, 0, sizeof(*rights));
	rights->data.iov_base = &rights->byte;
	rights->data.iov_len = 1;
	rights->message.msg_iov = &rights->data;
	rights->message.msg_iovlen = 1;
	rights->message.msg_control = &rights->control;
	rights->message.msg_controllen = sizeof(rights->control);
}

OP(send)
{
	int fds[2] = { slot_fd(a[0]), slot_fd(a[1]) };
	struct rights rights;

	if (fds[0] < 0 || fds[1] < 0)
		return;
	rights_init(&rights);
	rights.control.header.cmsg_level = SOL_SOCKET;
	rights.control.header.cmsg_type = SCM_RIGHTS;
	rights.control.header.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&rights.control.header), fds, sizeof(fds));
	sendmsg(machine.sockets[0], &rights.message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

OP(recv)
{
	struct rights rights;
	int fds[2] = { -1, -1 };
	size_t size;

	rights_init(&rights);
	if (a[2] == 64)
		rights.message.msg_controllen = CMSG_SPACE(sizeof(int));
	if (recvmsg(machine.sockets[1], &rights.message,
		    MSG_DONTWAIT | MSG_CMSG_CLOEXEC | (a[2] == 255 ? MSG_PEEK : 0)) < 0 ||
	    rights.message.msg_controllen < sizeof(struct cmsghdr))
		return;
	size = rights.control.header.cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(&rights.control.header), size < sizeof(fds) ? size : sizeof(fds));
	slot_put(a[0], fds[0], T_ANY);
	slot_put(a[1], fds[1], T_ANY);
}

static void child_run(const __u64 *a)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	struct pollfd fd = { .fd = slot_fd(a[1]), .events = POLLOUT };
	char * const arguments[] = { "true", NULL };

	switch (a[0] % 6) {
	case 0:
		break;
	case 1:
		close_range(machine.first_free, machine.first_free + 3, 0);
		break;
	case 2:
		*(volatile char *)map_address(a[2]) = 1;
		break;
	case 3:
		/* The worker kills this child when the program ends. */
		ioctl(fd.fd, DMA_BUF_IOCTL_SYNC, &sync);
		break;
	case 4:
		poll(&fd, 1, -1);
		break;
	default:
		execv("/bin/true", arguments);
		break;
	}
	_exit(0);
}

OP(fork)
{
	unsigned int at = __atomic_load_n(&machine.children_count, __ATOMIC_RELAXED);
	pid_t child;

	if (at >= ARRAY_SIZE(machine.children))
		return;
	child = fork();
	if (!child)
		child_run(a);
	if (child > 0) {
		at = __atomic_fetch_add(&machine.children_count, 1, __ATOMIC_RELAXED);
		if (at < ARRAY_SIZE(machine.children))
			machine.children[at] = child;
	}
}

OP(exit)
{
	/* In the worker an exit costs the start of another one. */
	if (me->number < 2 && a[0] != 64)
		return;
	cover_take(me);
	if (a[0] & 1)
		_exit(0);
	kill(getpid(), SIGKILL);
}

OP(interrupt)
{
	unsigned int actor = a[0] % ACTORS;
	pid_t pid = shared->pids[actor], tid = shared->tids[actor];

	if (pid > 0 && tid > 0)
		syscall(SYS_tgkill, pid, tid, SIGUSR1);
}

OP(sleep)
{
	struct timespec time = { .tv_nsec = a[0] * 1000 };

	if (a[0])
		nanosleep(&time, NULL);
	else
		sched_yield();
}

/* Only the forked process may have threads that see different descriptors. */
OP(unshare_files)
{
	if (me->number >= 2)
		unshare(CLONE_FILES);
}
