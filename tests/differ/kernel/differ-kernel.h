/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations that the parts of the in-kernel generator share.
 *
 * A program is a seed, as in userspace. Fences live in the slots of the
 * program. The trace names a fence by the number of the call that made it:
 * k12. Fences that the subsystem made are named in the same way. The program
 * holds a reference to every fence until it ends, so that a name stays valid.
 */
#ifndef _DMABUF_DIFFER_KERNEL_H
#define _DMABUF_DIFFER_KERNEL_H

#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#define DIFFER_CALLS_MAX 256
#define DIFFER_TRACE_SIZE (128 * 1024)
#define DIFFER_SLOTS 10
#define DIFFER_CALLBACKS 8
#define DIFFER_RESVS 2
#define DIFFER_CONTEXTS 6	/* of single fences */
#define DIFFER_CONTEXTS_ALL 24
#define DIFFER_NAMES_MAX 4096
#define DIFFER_LIST_MAX 64

/* How long a wait may take, and when a helper ends it, in jiffies. */
#define DIFFER_WAIT 8
#define DIFFER_HELP 3

/* Operations that a fence has, as bits of its kind. */
#define DIFFER_KIND_SIGNALED 1
#define DIFFER_KIND_ENABLE 2
#define DIFFER_KIND_WAIT 4
#define DIFFER_KINDS 8

/**
 * struct differ_fence - the fence of a driver
 * @base: the fence
 * @lock: its lock
 * @done: the work is over, whether or not the fence has signaled
 * @is_armed: enable_signaling() was called
 */
struct differ_fence {
	struct dma_fence base;
	spinlock_t lock; /* of base */
	bool done;
	bool is_armed;
};

struct differ_name {
	struct dma_fence *fence;
	unsigned int call;
	unsigned int number;
};

struct differ_callback {
	struct dma_fence_cb base;
	struct dma_fence *fence;	/* a reference while queued, or NULL */
	bool has_run;
};

/**
 * struct differ - a program that runs
 * @trace: its output so far
 * @length: bytes of @trace
 * @random: state of the random numbers of the current call
 * @call: number of the current call
 * @slot: fences that calls use
 * @names: all fences, a reference to each
 * @name_count: number of @names
 * @callback: callbacks that calls add to fences
 * @resv: reservations that calls use
 * @context: contexts of driver fences
 * @seqno: latest sequence number of each context
 * @late: work of it is over, and its interrupt comes after the next call
 * @late_call: number of the call that ended the work
 * @help: signals @helped while a call waits
 * @helped: fence that ends the wait of the current call, or NULL
 */
struct differ {
	char *trace;
	size_t length;
	u64 random;
	unsigned int call;
	struct dma_fence *slot[DIFFER_SLOTS];
	struct differ_name *names;
	unsigned int name_count;
	struct differ_callback callback[DIFFER_CALLBACKS];
	struct dma_resv resv[DIFFER_RESVS];
	u64 context;
	u32 seqno[DIFFER_CONTEXTS];
	struct dma_fence *late;
	unsigned int late_call;
	struct delayed_work help;
	struct dma_fence *helped;
};

/* A list of fences that is printed in order of their names, each with a value. */
struct differ_list {
	unsigned int count;
	struct {
		unsigned int key;
		unsigned int value;
		u64 context;
		u32 seqno;
	} entry[DIFFER_LIST_MAX];
};

struct differ_op {
	const char *name;
	unsigned int weight;
	void (*run)(struct differ *differ);
};

extern const struct differ_op differ_fence_ops[], differ_container_ops[], differ_resv_ops[];

/* differ-main.c */
__printf(2, 3) void differ_say(struct differ *differ, const char *format, ...);
u32 differ_pick(struct differ *differ, u32 below);
unsigned int differ_pick_slot(struct differ *differ);
unsigned int differ_pick_plain(struct differ *differ);
void differ_put_slot(struct differ *differ, unsigned int slot, struct dma_fence *fence);
void differ_say_fence(struct differ *differ, struct dma_fence *fence);
void differ_say_elapsed(struct differ *differ, unsigned long start);
struct differ_list *differ_list_begin(void);
void differ_list_add(struct differ *differ, struct differ_list *list, struct dma_fence *fence,
		     unsigned int value);
void differ_list_say(struct differ *differ, struct differ_list *list);
unsigned long differ_help_begin(struct differ *differ);
void differ_help_end(struct differ *differ);

/* differ-fence.c */
struct dma_fence *differ_fence_create(struct differ *differ, unsigned int context, u32 seqno,
				      unsigned int kind);
struct differ_fence *to_differ_fence(struct dma_fence *fence);
bool differ_fence_is_done(struct dma_fence *fence);
void differ_fence_finish(struct differ *differ, struct dma_fence *fence);
void differ_late_signal(struct differ *differ);
void differ_say_wait(struct differ *differ, long ret);

/* differ-container.c */
void differ_say_pending(struct differ *differ, struct dma_fence *head);

#endif /* _DMABUF_DIFFER_KERNEL_H */
