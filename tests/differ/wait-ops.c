// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations that look at files and at memory the way programs wait and work:
 * poll, epoll in each of its modes, mmap.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../selftests/common.h"
#include "differ.h"

#define EVENTS_MAX 16

void work_added(struct state *state, unsigned int slot)
{
	unsigned int e, b;

	for (e = 0; e < EPOLLS; e++)
		for (b = 0; b < BUFS; b++)
			if (slot == b || slot == BUFS)
				state->watch[e][DATA_BUF + b].reported = 0;
}

/* Choose a fence or a buffer and say which it is. */
static int pick_file(const struct state *state, unsigned int *data)
{
	unsigned int slot;

	if (pick(3)) {
		slot = pick_buf(state);
		*data = DATA_BUF + slot;
		say("b%u", slot);
		return state->buf[slot].fd;
	}
	slot = pick_used(state->fence, FENCES);
	*data = slot;
	say("f%u", slot);
	return state->fence[slot];
}

static void poll_op(struct state *state)
{
	static const short masks[] = { POLLIN, POLLOUT, POLLIN | POLLOUT, POLLPRI, 0 };
	short events = masks[pick(10) ? pick(3) : pick(ARRAY_SIZE(masks))];
	int timeout = pick(2) ? WAIT_MS : 0, ret;
	unsigned int data;
	struct pollfd file = { .events = events };
	uint64_t start;

	say("(");
	file.fd = pick_file(state, &data);
	say(", events %#x, %d ms)", events, timeout);
	if (timeout)
		help_begin(state);
	start = now_ns();
	ret = poll(&file, 1, timeout);
	if (ret == 0)
		say(" = TIMEOUT");
	else
		say(" = %d revents %#x", ret, file.revents);
	say_elapsed(start);
	help_end();
}

static void epoll_create_op(struct state *state)
{
	unsigned int e = pick(EPOLLS);
	int fd = epoll_create1(EPOLL_CLOEXEC);

	say("(e%u) = ", e);
	put_fd(&state->epoll[e], fd);
	say_fd(fd < 0 ? -errno : fd);
}

/* Find or make the set of files that an operation is about. */
static unsigned int epoll_ready(struct state *state)
{
	unsigned int e = pick(EPOLLS);

	if (state->epoll[e] < 0)
		state->epoll[e] = epoll_create1(EPOLL_CLOEXEC);
	return e;
}

static void epoll_ctl_op(struct state *state)
{
	static const char *const names[] = { "?", "add", "del", "mod" };
	static const int masks[] = { EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT };
	unsigned int e = epoll_ready(state), mode = pick(8);
	int op = pick(4) ? EPOLL_CTL_ADD : 1 + (int)pick(3), fd;
	unsigned int data;
	struct epoll_event event = { .events = masks[pick(3)] };

	if (mode < 5)
		event.events |= EPOLLET;
	else if (mode == 5)
		event.events |= EPOLLONESHOT;
	say("(e%u %s ", e, names[op]);
	fd = pick_file(state, &data);
	event.data.u32 = data;
	say(", %s%s%s%s) = ", event.events & EPOLLIN ? "in " : "",
	    event.events & EPOLLOUT ? "out " : "", event.events & EPOLLET ? "edge" : "level",
	    event.events & EPOLLONESHOT ? " once" : "");
	if (epoll_ctl(state->epoll[e], op, fd, &event) < 0) {
		say_error(-errno);
		return;
	}
	say("ok");
	state->watch[e][data].is_edge = event.events & EPOLLET;
	state->watch[e][data].reported = 0;
}

/*
 * Append events in the order of the files, and return how many there are. An
 * edge that is reported again although no work came is left out: a kernel may
 * repeat events, but it may not lose one.
 */
static int say_events(struct watch *watch, const struct epoll_event *events, int count)
{
	unsigned int data;
	int i, said = 0;

	for (data = 0; data < DATA_MAX; data++)
		for (i = 0; i < count; i++) {
			if (events[i].data.u32 != data)
				continue;
			if (watch[data].is_edge && data >= DATA_BUF &&
			    !(events[i].events & ~watch[data].reported))
				continue;
			watch[data].reported |= events[i].events;
			say(" %c%u:%#x", data < DATA_BUF ? 'f' : 'b', data % DATA_BUF,
			    events[i].events);
			said++;
		}
	return said;
}

static void epoll_wait_op(struct state *state)
{
	struct epoll_event events[EVENTS_MAX];
	unsigned int e = epoll_ready(state);
	int timeout = pick(3) ? WAIT_MS : 0, ret;
	uint64_t start;

	say("(e%u, %d ms)", e, timeout);
	if (timeout)
		help_begin(state);
	say(" =");
	for (start = now_ns();; usleep(1000)) {
		ret = epoll_wait(state->epoll[e], events, EVENTS_MAX, timeout ? 1 : 0);
		if (ret > 0 && say_events(state->watch[e], events, ret))
			break;
		if (ret < 0 || now_ns() - start >= timeout * 1000000ull) {
			say(" TIMEOUT");
			break;
		}
	}
	say_elapsed(start);
	help_end();
}

static void mmap_op(struct state *state)
{
	static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ, PROT_WRITE, PROT_NONE };
	static const char *const modes[] = { "shared", "private", "shared validated" };
	static const int flags[] = { MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE };
	unsigned int b = pick_buf(state), prot = pick(8), mode = pick(4), more = pick(8);
	struct buffer *buf = &state->buf[b];
	size_t size = buf->size + (more == 0 ? page_size() : 0);
	off_t offset = more == 1 ? page_size() : 0;
	void *map;

	prot = prot < 4 ? prot : 0;
	mode = mode < 3 ? mode : 0;
	if (more == 2 && size > page_size())
		size -= page_size();
	say("(b%u, %s, %s, prot %#x, %zu of %zu pages at %ld) = ", b, buf->exporter, modes[mode],
	    prots[prot], size / page_size(), buf->size / page_size(),
	    (long)(offset / page_size()));
	if (buf->map)
		munmap(buf->map, buf->map_size);
	map = mmap(NULL, size, prots[prot], flags[mode], buf->fd, offset);
	buf->map = map == MAP_FAILED || mode == 1 || prots[prot] != (PROT_READ | PROT_WRITE) ?
		   NULL : map;
	buf->map_size = size;
	say_error(map == MAP_FAILED ? -errno : 0);
	if (map != MAP_FAILED && !buf->map)
		munmap(map, size);
}

/* Write to the first and the last page, and see what is in the middle one. */
static void memory_op(struct state *state)
{
	unsigned int b = pick(BUFS), byte = pick(256);
	struct buffer *buf = &state->buf[b];

	say("(b%u, %#x) =", b, byte);
	if (!buf->map)
		return;
	say(" %#x %#x %#x", buf->map[0], buf->map[buf->map_size / 2], buf->map[buf->map_size - 1]);
	buf->map[0] = byte;
	buf->map[buf->map_size / 2] = byte + 1;
	buf->map[buf->map_size - 1] = byte + 2;
}

/* Read and write the memory of a udmabuf by its other way. */
static void memfd_op(struct state *state)
{
	unsigned int b = pick(BUFS);
	unsigned char byte = pick(256), old = 0;
	struct buffer *buf = &state->buf[b];

	say("(b%u, %#x) =", b, byte);
	if (buf->mem < 0)
		return;
	if (pread(buf->mem, &old, 1, 0) != 1 || pwrite(buf->mem, &byte, 1, 0) != 1)
		say(" failed");
	say(" %#x", old);
}

const struct op wait_ops[] = {
	{ "poll", 60, poll_op },
	{ "epoll_create", 3, epoll_create_op },
	{ "epoll_ctl", 40, epoll_ctl_op },
	{ "epoll_wait", 50, epoll_wait_op },
	{ "mmap", 16, mmap_op },
	{ "memory", 10, memory_op },
	{ "memfd", 5, memfd_op },
	{ }
};
