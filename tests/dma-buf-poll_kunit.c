// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-buf-poll.c: which fences make a buffer ready for what, who is
 * woken when, and what keeps the buffer alive meanwhile.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/wait.h>

#include "mock-buf.h"
#include "mock-fence.h"
#include "mock-task.h"

/* Poll masks as plain numbers, which KUnit can compare and print. */
#define IN ((__force unsigned int)EPOLLIN)
#define OUT ((__force unsigned int)EPOLLOUT)

/*
 * Somebody in poll(): asks for events, sleeps on one queue and notes what wakes
 * him.
 */
struct sleeper {
	poll_table table;
	wait_queue_entry_t wait;
	wait_queue_head_t *queue;
	struct completion woken;
	atomic_t wakes;
	unsigned int key;
};

static int sleeper_wake(wait_queue_entry_t *wait, unsigned int mode, int flags, void *key)
{
	struct sleeper *sleeper = container_of(wait, struct sleeper, wait);

	sleeper->key |= (__force unsigned int)key_to_poll(key);
	atomic_inc(&sleeper->wakes);
	complete(&sleeper->woken);
	return 1;
}

static void sleeper_queue(struct file *file, wait_queue_head_t *queue, poll_table *table)
{
	struct sleeper *sleeper = container_of(table, struct sleeper, table);

	sleeper->queue = queue;
	add_wait_queue(queue, &sleeper->wait);
}

static void sleeper_init(struct sleeper *sleeper, __poll_t events)
{
	memset(sleeper, 0, sizeof(*sleeper));
	init_poll_funcptr(&sleeper->table, sleeper_queue);
	sleeper->table._key = events;
	init_waitqueue_func_entry(&sleeper->wait, sleeper_wake);
	init_completion(&sleeper->woken);
}

/* As in poll(2), only the first pass over the file queues the sleeper. */
static unsigned int sleeper_poll(struct sleeper *sleeper, struct mock_buf *mb)
{
	__poll_t ready = vfs_poll(mb->dmabuf->file, &sleeper->table);

	sleeper->table._qproc = NULL;
	return (__force unsigned int)ready;
}

static void sleeper_forget_wakes(struct sleeper *sleeper)
{
	atomic_set(&sleeper->wakes, 0);
	sleeper->key = 0;
	reinit_completion(&sleeper->woken);
}

static void sleeper_leave(struct sleeper *sleeper)
{
	if (sleeper->queue)
		remove_wait_queue(sleeper->queue, &sleeper->wait);
}

static unsigned int poll_once(struct mock_buf *mb, __poll_t events)
{
	struct poll_table_struct table = { ._key = events };

	return (__force unsigned int)vfs_poll(mb->dmabuf->file, &table);
}

static void dma_buf_poll_idle_ready(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);

	KUNIT_EXPECT_EQ(test, IN, poll_once(mb, EPOLLIN));
	KUNIT_EXPECT_EQ(test, OUT, poll_once(mb, EPOLLOUT));
	KUNIT_EXPECT_EQ(test, IN | OUT, poll_once(mb, EPOLLIN | EPOLLOUT));
	KUNIT_EXPECT_EQ(test, IN | OUT,
			(__force unsigned int)vfs_poll(mb->dmabuf->file, NULL));
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(mb->dmabuf->resv));
}

static void dma_buf_poll_other_events_ignored(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);

	KUNIT_EXPECT_EQ(test, 0, poll_once(mb, EPOLLPRI | EPOLLRDHUP | EPOLLMSG));
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
	mock_fence_finish(fence);
	KUNIT_EXPECT_EQ(test, 0, poll_once(mb, EPOLLPRI | EPOLLRDHUP | EPOLLMSG));
}

struct poll_usage {
	const char *name;
	enum dma_resv_usage usage;
	unsigned int ready;
};

static const struct poll_usage poll_usages[] = {
	{ "kernel", DMA_RESV_USAGE_KERNEL, 0 },
	{ "write", DMA_RESV_USAGE_WRITE, 0 },
	{ "read", DMA_RESV_USAGE_READ, IN },
	{ "bookkeep", DMA_RESV_USAGE_BOOKKEEP, IN | OUT },
};

KUNIT_ARRAY_PARAM_DESC(poll_usage, poll_usages, name);

static void dma_buf_poll_pending_fence(struct kunit *test)
{
	const struct poll_usage *u = test->param_value;
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, u->usage);

	KUNIT_EXPECT_EQ(test, u->ready, poll_once(mb, EPOLLIN | EPOLLOUT));
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, IN | OUT, poll_once(mb, EPOLLIN | EPOLLOUT));
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
	dma_fence_put(fence);
}

/*
 * One reference for each direction that waits, given back when its fence
 * signals.
 */
static void dma_buf_poll_armed_holds_file(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	struct file *file = mb->dmabuf->file;

	KUNIT_EXPECT_EQ(test, 0, poll_once(mb, EPOLLIN));
	KUNIT_EXPECT_EQ(test, 2, file_count(file));
	KUNIT_EXPECT_EQ(test, 0, poll_once(mb, EPOLLIN));
	KUNIT_EXPECT_EQ(test, 2, file_count(file));
	KUNIT_EXPECT_EQ(test, 0, poll_once(mb, EPOLLIN | EPOLLOUT));
	KUNIT_EXPECT_EQ(test, 3, file_count(file));
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, 1, file_count(file));
	dma_fence_put(fence);
}

static void dma_buf_poll_buffer_outlives_close(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);

	KUNIT_EXPECT_EQ(test, 0, poll_once(mb, EPOLLIN | EPOLLOUT));
	mock_buf_put(mb);
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
	dma_fence_signal(fence);
	mock_fput_flush();
	KUNIT_EXPECT_STREQ(test, "release", mock_buf_calls(test, mb));
	dma_fence_put(fence);
}

static void dma_buf_poll_woken_by_signal(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	struct sleeper sleeper;

	sleeper_init(&sleeper, EPOLLIN);
	KUNIT_EXPECT_EQ(test, 0, sleeper_poll(&sleeper, mb));
	KUNIT_EXPECT_NOT_NULL(test, sleeper.queue);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&sleeper.wakes));
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&sleeper.wakes));
	KUNIT_EXPECT_EQ(test, IN, sleeper_poll(&sleeper, mb));
	sleeper_leave(&sleeper);
	dma_fence_put(fence);
}

static void dma_buf_poll_both_directions_woken(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *write = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	struct dma_fence *read = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_READ);
	struct sleeper sleeper;

	sleeper_init(&sleeper, EPOLLIN | EPOLLOUT);
	KUNIT_EXPECT_EQ(test, 0, sleeper_poll(&sleeper, mb));
	dma_fence_signal(write);
	KUNIT_EXPECT_GT(test, atomic_read(&sleeper.wakes), 0);
	KUNIT_EXPECT_EQ(test, IN, sleeper_poll(&sleeper, mb));
	sleeper_forget_wakes(&sleeper);
	dma_fence_signal(read);
	KUNIT_EXPECT_GT(test, atomic_read(&sleeper.wakes), 0);
	KUNIT_EXPECT_EQ(test, IN | OUT, sleeper_poll(&sleeper, mb));
	sleeper_leave(&sleeper);
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
	dma_fence_put(write);
	dma_fence_put(read);
}

/* A callback that polls the buffer from inside the fence's signaling. */
struct poll_in_signal {
	struct dma_fence_cb cb;
	struct mock_buf *mb;
	unsigned int ready;
};

static void poll_in_signal(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct poll_in_signal *p = container_of(cb, struct poll_in_signal, cb);

	p->ready = poll_once(p->mb, EPOLLIN | EPOLLOUT);
}

/*
 * The fence calls poll() back for EPOLLOUT, then this callback, then poll() for
 * EPOLLIN. Somebody whom the first of them wakes finds the buffer ready for
 * both.
 */
static void dma_buf_poll_out_never_alone(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	struct poll_in_signal p = { .mb = mb };

	KUNIT_EXPECT_EQ(test, 0, poll_once(mb, EPOLLOUT));
	KUNIT_ASSERT_EQ(test, 0, dma_fence_add_callback(fence, &p.cb, poll_in_signal));
	KUNIT_EXPECT_EQ(test, 0, poll_once(mb, EPOLLIN));
	mock_fence_finish(fence);
	KUNIT_EXPECT_EQ(test, IN | OUT, p.ready);
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
}

/*
 * A second sleeper finds the direction armed already and is woken by the same
 * fence.
 */
static void dma_buf_poll_second_sleeper_woken(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_KERNEL);
	struct sleeper one, two;

	sleeper_init(&one, EPOLLIN);
	sleeper_init(&two, EPOLLIN);
	KUNIT_EXPECT_EQ(test, 0, sleeper_poll(&one, mb));
	KUNIT_EXPECT_EQ(test, 0, sleeper_poll(&two, mb));
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&one.wakes));
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&two.wakes));
	KUNIT_EXPECT_EQ(test, IN, sleeper_poll(&two, mb));
	sleeper_leave(&one);
	sleeper_leave(&two);
	dma_fence_put(fence);
}

/*
 * Whichever of several fences is waited for first: ready means that none is
 * left.
 */
static void dma_buf_poll_several_fences_all_awaited(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence[3];
	struct sleeper sleeper;
	int i;

	for (i = 0; i < 3; i++)
		fence[i] = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	sleeper_init(&sleeper, EPOLLIN);
	KUNIT_EXPECT_EQ(test, 0, sleeper_poll(&sleeper, mb));
	for (i = 2; i > 0; i--) {
		dma_fence_signal(fence[i]);
		KUNIT_EXPECT_EQ(test, 0, sleeper_poll(&sleeper, mb));
	}
	sleeper_forget_wakes(&sleeper);
	dma_fence_signal(fence[0]);
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&sleeper.wakes));
	KUNIT_EXPECT_EQ(test, IN, sleeper_poll(&sleeper, mb));
	sleeper_leave(&sleeper);
	for (i = 0; i < 3; i++)
		dma_fence_put(fence[i]);
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
}

static void dma_buf_poll_drops_fence_reference(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);

	KUNIT_EXPECT_EQ(test, 2, kref_read(&fence->refcount));
	KUNIT_EXPECT_EQ(test, 0, poll_once(mb, EPOLLIN | EPOLLOUT));
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, IN | OUT, poll_once(mb, EPOLLIN | EPOLLOUT));
	KUNIT_EXPECT_EQ(test, 2, kref_read(&fence->refcount));
	dma_fence_put(fence);
}

/*
 * Waiting on an edge, as epoll does with EPOLLET: the sleeper stays on the
 * queue, and asks again only when woken. So the sleeper must be woken when work
 * comes to a buffer that was idle, in order to learn of its end.
 */
static void dma_buf_poll_idle_then_fence_end_reported(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct sleeper sleeper;
	int i;

	sleeper_init(&sleeper, EPOLLIN);
	KUNIT_EXPECT_EQ(test, IN, sleeper_poll(&sleeper, mb));
	for (i = 0; i < 3; i++) {
		struct dma_fence *fence;

		KUNIT_EXPECT_EQ(test, 0, atomic_read(&sleeper.wakes));
		fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
		KUNIT_EXPECT_EQ(test, 1, atomic_read(&sleeper.wakes));
		KUNIT_EXPECT_EQ(test, 0, sleeper_poll(&sleeper, mb));
		sleeper_forget_wakes(&sleeper);
		mock_fence_finish(fence);
		KUNIT_EXPECT_EQ(test, 1, atomic_read(&sleeper.wakes));
		KUNIT_EXPECT_EQ(test, IN, sleeper_poll(&sleeper, mb));
		sleeper_forget_wakes(&sleeper);
		KUNIT_EXPECT_EQ(test, IN, sleeper_poll(&sleeper, mb));
	}
	sleeper_leave(&sleeper);
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
}

/*
 * A wake-up names no event, because io_uring takes the event that it names for
 * an answer.
 */
static void dma_buf_poll_one_of_two_ends_not_reported(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *one = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	struct dma_fence *two = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	struct sleeper sleeper;

	sleeper_init(&sleeper, EPOLLIN | EPOLLOUT);
	KUNIT_EXPECT_EQ(test, 0, sleeper_poll(&sleeper, mb));
	dma_fence_signal(one);
	KUNIT_EXPECT_EQ(test, 0, sleeper.key);
	KUNIT_EXPECT_EQ(test, 0, sleeper_poll(&sleeper, mb));
	dma_fence_signal(two);
	KUNIT_EXPECT_EQ(test, 0, sleeper.key);
	KUNIT_EXPECT_EQ(test, IN | OUT, sleeper_poll(&sleeper, mb));
	sleeper_leave(&sleeper);
	dma_fence_put(one);
	dma_fence_put(two);
}

struct poll_other {
	const char *name;
	enum dma_resv_usage usage;
	__poll_t events;
	int wakes;
};

static const struct poll_other poll_others[] = {
	{ "write_in", DMA_RESV_USAGE_WRITE, EPOLLIN, 1 },
	{ "read_in", DMA_RESV_USAGE_READ, EPOLLIN, 0 },
	{ "bookkeep_in", DMA_RESV_USAGE_BOOKKEEP, EPOLLIN, 0 },
	{ "kernel_out", DMA_RESV_USAGE_KERNEL, EPOLLOUT, 1 },
	{ "read_out", DMA_RESV_USAGE_READ, EPOLLOUT, 1 },
	{ "bookkeep_out", DMA_RESV_USAGE_BOOKKEEP, EPOLLOUT, 0 },
	{ "read_both", DMA_RESV_USAGE_READ, EPOLLIN | EPOLLOUT, 1 },
};

KUNIT_ARRAY_PARAM_DESC(poll_other, poll_others, name);

/*
 * A sleeper is woken by work that concerns it, also after work that does not.
 */
static void dma_buf_poll_idle_then_fence_wakes(struct kunit *test)
{
	const struct poll_other *p = test->param_value;
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence, *write;
	struct sleeper sleeper;

	sleeper_init(&sleeper, p->events);
	KUNIT_EXPECT_NE(test, 0, sleeper_poll(&sleeper, mb));
	fence = mock_buf_fence_add(test, mb, p->usage);
	KUNIT_EXPECT_EQ(test, p->wakes, atomic_read(&sleeper.wakes));
	if (p->wakes)
		sleeper_poll(&sleeper, mb);
	mock_fence_finish(fence);
	sleeper_poll(&sleeper, mb);
	sleeper_forget_wakes(&sleeper);
	write = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	KUNIT_EXPECT_LE(test, 1, atomic_read(&sleeper.wakes));
	sleeper_leave(&sleeper);
	mock_fence_finish(write);
}

/*
 * Sleepers that asked to be woken alone (EPOLLEXCLUSIVE) each wait for a
 * direction of their own. The end of the writing must reach the reader behind
 * the writer.
 */
static void dma_buf_poll_exclusive_sleepers_all_woken(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *read = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_READ);
	struct dma_fence *write = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	struct sleeper out, in;

	sleeper_init(&out, EPOLLOUT);
	sleeper_init(&in, EPOLLIN);
	KUNIT_EXPECT_EQ(test, sleeper_poll(&out, mb), 0);
	KUNIT_EXPECT_EQ(test, sleeper_poll(&in, mb), 0);
	out.wait.flags |= WQ_FLAG_EXCLUSIVE;
	in.wait.flags |= WQ_FLAG_EXCLUSIVE;
	dma_fence_signal(write);
	KUNIT_EXPECT_EQ(test, atomic_read(&in.wakes), 1);
	KUNIT_EXPECT_EQ(test, sleeper_poll(&in, mb), IN);
	sleeper_leave(&in);
	sleeper_leave(&out);
	dma_fence_put(write);
	mock_fence_finish(read);
}

/* A fence may come in the place of a signaled one, too. */
static void dma_buf_poll_idle_then_replaced_wakes(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *old = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	struct dma_fence *fence = mock_fence_create(test, old->context, old->seqno + 1);
	struct dma_resv *resv = mb->dmabuf->resv;
	struct sleeper sleeper;

	dma_fence_signal(old);
	sleeper_init(&sleeper, EPOLLIN);
	KUNIT_EXPECT_EQ(test, sleeper_poll(&sleeper, mb), IN);
	KUNIT_ASSERT_EQ(test, dma_resv_lock(resv, NULL), 0);
	dma_resv_replace_fences(resv, old->context, fence, DMA_RESV_USAGE_WRITE);
	dma_resv_unlock(resv);
	KUNIT_EXPECT_EQ(test, atomic_read(&sleeper.wakes), 1);
	KUNIT_EXPECT_EQ(test, sleeper_poll(&sleeper, mb), 0);
	sleeper_leave(&sleeper);
	dma_fence_put(old);
	mock_fence_finish(fence);
}

/* All fences may come from another reservation at once. */
static void dma_buf_poll_idle_then_copied_wakes(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct mock_buf *from = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_buf_fence_add(test, from, DMA_RESV_USAGE_WRITE);
	struct dma_resv *resv = mb->dmabuf->resv;
	struct sleeper sleeper;

	sleeper_init(&sleeper, EPOLLIN);
	KUNIT_EXPECT_EQ(test, sleeper_poll(&sleeper, mb), IN);
	KUNIT_ASSERT_EQ(test, dma_resv_lock(resv, NULL), 0);
	KUNIT_EXPECT_EQ(test, dma_resv_copy_fences(resv, from->dmabuf->resv), 0);
	dma_resv_unlock(resv);
	KUNIT_EXPECT_EQ(test, atomic_read(&sleeper.wakes), 1);
	KUNIT_EXPECT_EQ(test, sleeper_poll(&sleeper, mb), 0);
	sleeper_leave(&sleeper);
	mock_fence_finish(fence);
}

/*
 * The holder of the reservation may be adding a fence: a sleeper is told to ask
 * again.
 */
static void dma_buf_poll_idle_but_locked_asks_again(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_resv *resv = mb->dmabuf->resv;
	struct dma_fence *fence;
	struct sleeper sleeper;

	sleeper_init(&sleeper, EPOLLIN);
	KUNIT_ASSERT_EQ(test, 0, dma_resv_lock(resv, NULL));
	KUNIT_EXPECT_EQ(test, IN, sleeper_poll(&sleeper, mb));
	dma_resv_unlock(resv);
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&sleeper.wakes));
	KUNIT_EXPECT_EQ(test, IN, sleeper_poll(&sleeper, mb));
	sleeper_forget_wakes(&sleeper);
	fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&sleeper.wakes));
	sleeper_leave(&sleeper);
	mock_fence_finish(fence);
}

/* Two buffers share the exporter's reservation, which outlives one of them. */
static void dma_buf_poll_shared_resv_outlives_buffer(struct kunit *test)
{
	struct mock_buf *gone = mock_buf_alloc(test, MOCK_STATIC);
	struct mock_buf *left = mock_buf_alloc(test, MOCK_STATIC);
	struct sleeper one, two;
	struct dma_fence *fence;
	struct dma_resv resv;

	dma_resv_init(&resv);
	gone->info.resv = &resv;
	left->info.resv = &resv;
	KUNIT_ASSERT_EQ(test, 0, mock_buf_export(gone));
	KUNIT_ASSERT_EQ(test, 0, mock_buf_export(left));
	sleeper_init(&one, EPOLLIN | EPOLLOUT);
	sleeper_init(&two, EPOLLOUT);
	KUNIT_EXPECT_EQ(test, IN | OUT, sleeper_poll(&one, gone));
	KUNIT_EXPECT_EQ(test, OUT, sleeper_poll(&two, left));
	sleeper_leave(&one);
	mock_buf_put(gone);
	rcu_barrier();

	fence = mock_buf_fence_add(test, left, DMA_RESV_USAGE_WRITE);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&one.wakes));
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&two.wakes));
	sleeper_leave(&two);
	mock_fence_finish(fence);
	mock_buf_put(left);
	dma_resv_fini(&resv);
}

#define STRESS_LOOPS 500

/* A mailbox for one fence to signal. */
struct signaler {
	struct dma_fence *fence;
};

static void signal_stress(struct mock_thread *thread)
{
	struct signaler *s = thread->data;
	struct dma_fence *fence;

	for (;;) {
		bool stop = READ_ONCE(thread->stop);

		fence = xchg(&s->fence, NULL);
		if (fence)
			mock_fence_finish(fence);
		else if (stop)
			break;
		cond_resched();
	}
}

/*
 * However poll and signal meet, the sleeper is woken or finds the buffer ready.
 */
static void dma_buf_poll_racing_signal_no_lost_wake(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct signaler s = {};
	struct mock_thread thread;
	int i, lost = 0;

	KUNIT_ASSERT_EQ(test, 0, mock_thread_start(&thread, signal_stress, &s));
	for (i = 0; i < STRESS_LOOPS && !lost; i++) {
		struct sleeper sleeper;

		sleeper_init(&sleeper, EPOLLIN);
		/*
		 * Orders the making of the fence before the xchg() in
		 * signal_stress().
		 */
		smp_store_release(&s.fence, mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE));
		while (!sleeper_poll(&sleeper, mb)) {
			if (wait_for_completion_timeout(&sleeper.woken, 10 * HZ))
				continue;
			lost++;
			break;
		}
		sleeper_leave(&sleeper);
	}
	mock_thread_join(&thread);
	KUNIT_EXPECT_EQ(test, 0, lost);
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
}

static void stress_release(struct dma_buf *dmabuf)
{
	struct mock_buf *mb = dmabuf->priv;

	atomic_inc(&mb->count[MOCK_RELEASE]);
}

/*
 * The last reference goes while a fence signals: the buffer is released once,
 * and not too early.
 */
static void dma_buf_poll_racing_close_released_once(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_alloc(test, MOCK_STATIC);
	struct signaler s = {};
	struct mock_thread thread;
	int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	mb->ops.release = stress_release;
	KUNIT_ASSERT_EQ(test, 0, mock_thread_start(&thread, signal_stress, &s));
	for (i = 0; i < STRESS_LOOPS; i++) {
		struct dma_fence *old;

		mb->dmabuf = dma_buf_export(&mb->info);
		if (IS_ERR(mb->dmabuf))
			break;
		old = xchg(&s.fence, mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE));
		if (old)
			mock_fence_finish(old);
		poll_once(mb, EPOLLIN | EPOLLOUT);
		dma_buf_put(mb->dmabuf);
	}
	mock_thread_join(&thread);
	KUNIT_EXPECT_EQ(test, STRESS_LOOPS, i);
	mock_fput_flush();
	KUNIT_EXPECT_EQ(test, STRESS_LOOPS, mock_buf_count(mb, MOCK_RELEASE));
}

static struct kunit_case dma_buf_poll_cases[] = {
	KUNIT_CASE(dma_buf_poll_idle_ready),
	KUNIT_CASE(dma_buf_poll_other_events_ignored),
	KUNIT_CASE_PARAM(dma_buf_poll_pending_fence, poll_usage_gen_params),
	KUNIT_CASE(dma_buf_poll_armed_holds_file),
	KUNIT_CASE(dma_buf_poll_buffer_outlives_close),
	KUNIT_CASE(dma_buf_poll_woken_by_signal),
	KUNIT_CASE(dma_buf_poll_both_directions_woken),
	KUNIT_CASE(dma_buf_poll_out_never_alone),
	KUNIT_CASE(dma_buf_poll_second_sleeper_woken),
	KUNIT_CASE(dma_buf_poll_several_fences_all_awaited),
	KUNIT_CASE(dma_buf_poll_drops_fence_reference),
	KUNIT_CASE(dma_buf_poll_idle_then_fence_end_reported),
	KUNIT_CASE(dma_buf_poll_one_of_two_ends_not_reported),
	KUNIT_CASE_PARAM(dma_buf_poll_idle_then_fence_wakes, poll_other_gen_params),
	KUNIT_CASE(dma_buf_poll_exclusive_sleepers_all_woken),
	KUNIT_CASE(dma_buf_poll_idle_then_replaced_wakes),
	KUNIT_CASE(dma_buf_poll_idle_then_copied_wakes),
	KUNIT_CASE(dma_buf_poll_idle_but_locked_asks_again),
	KUNIT_CASE(dma_buf_poll_shared_resv_outlives_buffer),
	KUNIT_CASE_SLOW(dma_buf_poll_racing_signal_no_lost_wake),
	KUNIT_CASE_SLOW(dma_buf_poll_racing_close_released_once),
	{}
};

static struct kunit_suite dma_buf_poll_suite = {
	.name = "dma_buf_poll",
	.test_cases = dma_buf_poll_cases,
};

kunit_test_suite(dma_buf_poll_suite);
