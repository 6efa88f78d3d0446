// SPDX-License-Identifier: GPL-2.0-only
/*
 * Printing, failing, waiting with a limit, and messages that carry a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "demo.h"

static const char *role = "demo";

static const char *const msg_names[] = {
	[MSG_FORMAT] = "format", [MSG_BUFFER] = "buffer", [MSG_PAGES] = "pages",
	[MSG_STAMPED] = "stamped", [MSG_SEEN] = "seen", [MSG_FRAME] = "frame",
	[MSG_WAITED] = "waited", [MSG_RETURN] = "return",
};

void set_role(const char *name)
{
	role = name;
}

/* One write a line, so that the lines of the two processes do not mix. */
static void print_line(FILE *to, const char *prefix, const char *fmt, va_list args)
{
	char text[1200];

	vsnprintf(text, sizeof(text), fmt, args);
	fprintf(to, "%s%s\n", prefix, text);
	fflush(to);
}

void say(const char *fmt, ...)
{
	char prefix[32];
	va_list args;

	snprintf(prefix, sizeof(prefix), "%-8s ", role);
	va_start(args, fmt);
	print_line(stdout, prefix, fmt, args);
	va_end(args);
}

void quote(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_line(stdout, "           | ", fmt, args);
	va_end(args);
}

void die(const char *fmt, ...)
{
	char prefix[48];
	va_list args;

	snprintf(prefix, sizeof(prefix), "FAILED (%s): ", role);
	va_start(args, fmt);
	print_line(stdout, prefix, fmt, args);
	va_end(args);
	exit(1);
}

int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		die("cannot open %s: %s", path, strerror(errno));
	return fd;
}

int xioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret < 0 && errno == EINTR);
	return ret;
}

void ioctl_or_die(int fd, unsigned long request, void *arg, const char *what)
{
	if (xioctl(fd, request, arg) < 0)
		die("%s: %s", what, strerror(errno));
}

unsigned long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/*
 * Return what became ready, 0 when the time is up; a signal does not lengthen
 * the wait.
 */
short wait_fd(int fd, short events, int timeout_ms)
{
	unsigned long long end = now_ns() + timeout_ms * 1000000ULL;
	struct pollfd p = { .fd = fd, .events = events };
	long long left = timeout_ms;
	int ret;

	while ((ret = poll(&p, 1, left)) < 0) {
		if (errno != EINTR)
			die("poll: %s", strerror(errno));
		left = ((long long)end - (long long)now_ns()) / 1000000;
		if (left < 0)
			left = 0;
	}
	return ret ? p.revents : 0;
}

void wait_or_die(int fd, short events, const char *what)
{
	short got = wait_fd(fd, events, TIMEOUT_MS);

	if (!got)
		die("%s: nothing within %d seconds", what, TIMEOUT_MS / 1000);
	if (!(got & events))
		die("%s: poll reports %#x", what, got);
}

void *map_or_die(int fd, size_t size, off_t offset, const char *what)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	if (map == MAP_FAILED)
		die("mmap of %zu bytes of %s: %s", size, what, strerror(errno));
	return map;
}

/* Send @msg and, unless it is negative, a duplicate of @fd. */
void send_msg(int sock, const struct msg *msg, int fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec part = {
		.iov_base = (void *)msg,
		.iov_len = offsetof(struct msg, pfn) + msg->pages * sizeof(msg->pfn[0]),
	};
	struct msghdr head = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd >= 0) {
		head.msg_control = control.space;
		head.msg_controllen = sizeof(control.space);
		c = CMSG_FIRSTHDR(&head);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	wait_or_die(sock, POLLOUT, "room to send a message");
	while (sendmsg(sock, &head, MSG_NOSIGNAL) < 0) {
		if (errno != EINTR)
			die("sending '%s': %s", msg_names[msg->type], strerror(errno));
	}
}

static int received_fd(struct msghdr *head)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(head);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

/*
 * Wait for a message of @type. Return the file that came with it, -1 if none
 * did.
 */
int recv_msg(int sock, enum msg_type type, struct msg *msg)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec part = { .iov_base = msg, .iov_len = sizeof(*msg) };
	struct msghdr head = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = control.space, .msg_controllen = sizeof(control.space),
	};
	char what[64];
	ssize_t len;

	snprintf(what, sizeof(what), "waiting for the message '%s'", msg_names[type]);
	wait_or_die(sock, POLLIN, what);
	do {
		len = recvmsg(sock, &head, MSG_CMSG_CLOEXEC);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		die("%s: %s", what, strerror(errno));
	if (len == 0)
		die("%s: the other process has ended", what);
	if ((head.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
	    (size_t)len < offsetof(struct msg, pfn) || msg->pages > MSG_MAX_PAGES ||
	    (size_t)len != offsetof(struct msg, pfn) + msg->pages * sizeof(msg->pfn[0]))
		die("%s: %zd bytes make no message", what, len);
	if (msg->type != type)
		die("%s: got '%s'", what, msg->type < MSG_COUNT ? msg_names[msg->type] : "?");
	return received_fd(&head);
}
