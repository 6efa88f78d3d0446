/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations that the parts of the userspace generator share.
 *
 * A program is a seed: call number i of it is a function of the seed, of i, and
 * of the objects that the earlier calls left. Deleting a call leaves the random
 * numbers of the others alone, so that a program can be shrunk.
 *
 * Objects live in slots: t0 is a timeline, f3 a fence, b1 a buffer. A call that
 * makes an object closes the one that was in its slot.
 */
#ifndef _DMA_BUF_DIFFER_H
#define _DMA_BUF_DIFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define TIMELINES 3
#define FENCES 8
#define BUFS 3
#define EPOLLS 2
#define HANDLES 2

/* How long a wait may take, and when a helper ends it, in milliseconds. */
#define WAIT_MS 60
#define HELP_MS 20

struct buffer {
	const char *exporter;
	int fd;
	int mem;		/* memfd of a udmabuf, or -1 */
	size_t size;
	unsigned char *map;	/* or NULL */
	size_t map_size;
};

/* Watched files have as data the number of their slot, and this for buffers. */
#define DATA_BUF 100
#define DATA_MAX (DATA_BUF + BUFS)

/* A file in an epoll set. */
struct watch {
	bool is_edge;
	unsigned int reported;	/* events since work was added */
};

struct state {
	int timeline[TIMELINES];
	unsigned int value[TIMELINES];
	int fence[FENCES];
	struct buffer buf[BUFS];
	int epoll[EPOLLS];
	struct watch watch[EPOLLS][DATA_MAX];
	int vgem;
	unsigned int handle[HANDLES];
	unsigned int vgem_fence[HANDLES];
};

/* A row of a table of operations. A weight is relative to the sum of all. */
struct op {
	const char *name;
	unsigned int weight;
	void (*run)(struct state *state);
};

extern const struct op fence_ops[], buf_ops[], wait_ops[];

/* main.c */

/* Return a random number below @below for the current call. */
unsigned int pick(unsigned int below);

/* Choose a slot; mostly one that is in use. */
unsigned int pick_used(const int *fds, unsigned int count);
unsigned int pick_buf(const struct state *state);

/* Append to the line of the current call. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_error(int err);

/* Append a text whose context numbers depend on what ran before. */
void say_text(const char *text);

/* Append whether a time is one of this program. */
void say_time(uint64_t ns);

/* Append the time since @since. */
void say_elapsed(uint64_t since);
uint64_t now_ns(void);

/* Remember that a buffer is used again, or any buffer if @slot is BUFS. */
void work_added(struct state *state, unsigned int slot);

/* Close the descriptor in a slot and put another one there. */
void put_fd(int *slot, int fd);

/* Append what a call that makes a descriptor has returned. */
void say_fd(int fd);

/*
 * Run an ioctl that may wait, until an alarm. Return 0, a negative errno, or
 * TIMED_OUT.
 */
#define TIMED_OUT 1
int bounded_ioctl(int fd, unsigned long request, void *arg);

/* With luck, start a thread that ends waits; help_end() joins the thread. */
void help_begin(struct state *state);
void help_end(void);

#endif /* _DMA_BUF_DIFFER_H */
