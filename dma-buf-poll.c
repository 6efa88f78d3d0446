// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for a buffer with poll(): the fences of implicit synchronization,
 * seen by userspace.
 *
 * Each direction has one callback, which waits for one fence at a time: any
 * fence that is still pending will do, for while it is, the direction is not
 * ready. When it signals, the core wakes all sleepers. They poll again, and the
 * callback moves on to the next pending fence, if there is one.
 *
 *	idle --claim--> armed --fence signals--> idle, sleepers woken
 *	                      --none pending---> idle, sleepers woken if awaited
 *
 * An armed callback owns a reference to its fence and one to the file, so
 * neither the fence nor the buffer can go while it is queued.
 *
 * Some sleepers stay on the queue although the buffer is ready, and poll again
 * only when they are woken: epoll with EPOLLET, io_uring's multishot poll. To
 * see the end of work they have to poll when it begins. Therefore a direction
 * that was reported ready has a watch on the reservation, which wakes the
 * sleepers once when a fence comes.
 *
 * A wake-up names no events. io_uring reports the events that a wake-up names
 * without polling, and only polling tells whether other fences are left. So
 * each wake-up is for all sleepers, or an exclusive one that waits for the
 * other direction would consume it.
 *
 * Locks: the wait queue's lock, under the fence's lock when a fence signals,
 * and under the reservation when a fence comes. poll() waits at most a
 * tick behind a driver that holds the reservation: it reads the fences without
 * that lock, and only tries to take it for a watch.
 */
#include <linux/cleanup.h>
#include <linux/poll.h>
#include <linux/sched.h>

#include "dma-buf-internal.h"

/**
 * DOC: implicit fence polling
 *
 * Userspace that knows nothing of fences can still wait for a buffer, by
 * poll(), select() or epoll on its file descriptor:
 *
 * - EPOLLIN means that userspace may read the buffer. No job writes to it any
 *   more, because all fences of usage DMA_RESV_USAGE_KERNEL and
 *   DMA_RESV_USAGE_WRITE have signaled.
 *
 * - EPOLLOUT means that userspace may write the buffer. No job that implicit
 *   synchronization knows of uses it any more, because the fences of
 *   DMA_RESV_USAGE_READ have signaled, too.
 *
 * A waiter that asks for both is woken for the first of them. When a fence that
 * keeps readers and writers out signals, poll() may report EPOLLIN alone. The
 * next call then reports both. EPOLLOUT never comes alone.
 *
 * Fences of DMA_RESV_USAGE_BOOKKEEP do not count. Readiness only tells about
 * the past: poll() does not wait for a job that is submitted between poll() and
 * the access.
 */

/*
 * Make the callback ours; fails while it waits for a fence already, on another
 * poll()'s behalf.
 */
static bool dma_buf_poll_claim(struct dma_buf_poll *poll)
{
	guard(spinlock_irqsave)(&poll->dmabuf->poll.lock);
	if (poll->armed) {
		poll->awaited = true;
		return false;
	}
	WRITE_ONCE(poll->armed, true);
	poll->awaited = false;
	get_file(poll->dmabuf->file);
	return true;
}

/*
 * Give the callback back. Wake the sleepers, if @wake says so or others came
 * while it was claimed and rely on it. From the moment the lock is dropped
 * another poll() may claim it again.
 */
static void dma_buf_poll_complete(struct dma_buf_poll *poll, bool wake)
{
	struct dma_buf *dmabuf = poll->dmabuf;
	struct file *file = dmabuf->file;

	scoped_guard(spinlock_irqsave, &dmabuf->poll.lock) {
		WRITE_ONCE(poll->armed, false);
		if (wake || poll->awaited)
			wake_up_all_locked(&dmabuf->poll);
	}
	fput(file);
}

static void dma_buf_poll_fence_signaled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	dma_buf_poll_complete(container_of(cb, struct dma_buf_poll, cb), true);
	dma_fence_put(fence);
}

/* Wait for the first fence that is pending. False if there is none. */
static bool dma_buf_poll_arm(struct dma_buf_poll *poll)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	bool armed = false;

	dma_resv_iter_begin(&cursor, poll->dmabuf->resv, poll->watch.usage);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		dma_fence_get(fence);
		armed = !dma_fence_add_callback(fence, &poll->cb, dma_buf_poll_fence_signaled);
		if (armed)
			break;
		dma_fence_put(fence);
	}
	dma_resv_iter_end(&cursor);
	return armed;
}

static void dma_buf_poll_fence_added(struct dma_resv_watch *watch)
{
	wake_up_all(&container_of(watch, struct dma_buf_poll, watch)->dmabuf->poll);
}

/*
 * Have the sleepers woken when a fence comes to a direction that is idle. False
 * if one has come.
 *
 * A watch that is found started needs no more: it wakes after it was stopped,
 * so that a poll() that did not see it stop is woken, or came to the queue
 * later and saw the fence.
 */
static bool dma_buf_poll_watch(struct dma_buf_poll *poll)
{
	struct dma_buf *dmabuf = poll->dmabuf;
	int ret;

	/* A sleeper has come to the queue in its own poll() or before. */
	if (!waitqueue_active(&dmabuf->poll) || READ_ONCE(poll->watch.started))
		return true;

	ret = dma_resv_watch_start(dmabuf->resv, &poll->watch);
	if (ret == -EBUSY) {
		/*
		 * The holder of the reservation may be adding a fence. Let it
		 * go on for a tick, or sleepers of higher priority keep it from
		 * the CPU. Then have the sleepers poll again.
		 */
		schedule_timeout_interruptible(1);
		ret = dma_resv_watch_start(dmabuf->resv, &poll->watch);
		if (ret == -EBUSY)
			wake_up_all(&dmabuf->poll);
	}
	return ret != -EAGAIN;
}

/*
 * Return true if nothing of the direction is pending, otherwise sleepers will
 * be woken. Most polls find the buffer idle. A fence that comes between the
 * look at it and the watch leads to another look.
 */
static bool dma_buf_poll_is_ready(struct dma_buf_poll *poll)
{
	struct dma_resv *resv = poll->dmabuf->resv;

	do {
		if (!READ_ONCE(poll->armed) && dma_resv_test_signaled(resv, poll->watch.usage))
			continue;
		if (!dma_buf_poll_claim(poll) || dma_buf_poll_arm(poll))
			return false;
		dma_buf_poll_complete(poll, false);
	} while (!dma_buf_poll_watch(poll));

	return true;
}

__poll_t dma_buf_poll(struct file *file, struct poll_table_struct *table)
{
	struct dma_buf *dmabuf = file->private_data;
	__poll_t wanted = poll_requested_events(table);

	if (!dmabuf || !dmabuf->resv)
		return EPOLLERR;

	poll_wait(file, &dmabuf->poll, table);
	/*
	 * A buffer that may be written may be read, though that callback may
	 * still be to come.
	 */
	if (wanted & EPOLLOUT && dma_buf_poll_is_ready(&dmabuf->cb_out))
		return EPOLLOUT | (wanted & EPOLLIN);
	if (wanted & EPOLLIN && dma_buf_poll_is_ready(&dmabuf->cb_in))
		return EPOLLIN;
	return 0;
}

static void dma_buf_poll_direction_init(struct dma_buf_poll *poll, struct dma_buf *dmabuf,
					bool write)
{
	poll->dmabuf = dmabuf;
	poll->watch.usage = dma_resv_usage_rw(write);
	poll->watch.func = dma_buf_poll_fence_added;
}

/**
 * dma_buf_poll_init - prepare a buffer for poll()
 * @dmabuf: the buffer, all zero as far as poll() is concerned
 *
 * Context: Any context.
 */
void dma_buf_poll_init(struct dma_buf *dmabuf)
{
	init_waitqueue_head(&dmabuf->poll);
	dma_buf_poll_direction_init(&dmabuf->cb_in, dmabuf, false);
	dma_buf_poll_direction_init(&dmabuf->cb_out, dmabuf, true);
}

/**
 * dma_buf_poll_fini - end what poll() has begun
 * @dmabuf: the buffer, whose reservation is still there
 *
 * A watch left in the reservation of an exporter would be called later. A
 * reservation that belongs to the buffer gets no more fences.
 *
 * Context: Process context. Takes and releases the reservation lock.
 */
void dma_buf_poll_fini(struct dma_buf *dmabuf)
{
	struct dma_buf_poll *in = &dmabuf->cb_in, *out = &dmabuf->cb_out;

	WARN(in->armed || out->armed, "dma-buf of %s released while polled\n", dmabuf->exp_name);
	if (dmabuf->owns_resv)
		return;

	dma_resv_watch_stop(&in->watch);
	dma_resv_watch_stop(&out->watch);
}
