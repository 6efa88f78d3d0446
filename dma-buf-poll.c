// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for a buffer with poll(): the fences of implicit synchronization, seen by userspace.
 *
 * Each direction has one callback, which waits for one fence at a time: any fence that is still
 * pending will do, for while it is, the direction is not ready. When it signals, everybody asleep
 * is woken, polls again, and the callback moves on to the next pending fence, if there is one.
 *
 *	idle --claim--> armed --fence signals, or none was pending--> idle, sleepers woken
 *
 * An armed callback owns a reference to its fence and one to the file, so neither the fence nor the
 * buffer can go while it is queued.
 *
 * Locks: the wait queue's lock, under the fence's lock when a fence signals. The reservation is
 * read without its lock: poll() never waits behind a driver that holds it.
 */
#include <linux/cleanup.h>
#include <linux/poll.h>

#include "dma-buf-internal.h"

/**
 * DOC: implicit fence polling
 *
 * Userspace that knows nothing of fences can still wait for a buffer, by poll(), select() or epoll
 * on its file descriptor:
 *
 * - EPOLLIN is reported once nobody writes to the buffer any more: all fences of usage
 *   DMA_RESV_USAGE_KERNEL and DMA_RESV_USAGE_WRITE have signaled. It may be read.
 *
 * - EPOLLOUT is reported once nobody uses it at all in a way that implicit synchronization knows
 *   of: the fences of DMA_RESV_USAGE_READ have signaled too. It may be written.
 *
 * Who asks for both is woken for the first of them: the end of a fence that keeps readers and
 * writers out may be reported as EPOLLIN alone, and as both by the next call. EPOLLOUT never comes
 * alone.
 *
 * Fences of DMA_RESV_USAGE_BOOKKEEP do not count. Readiness tells of the past only: a job that is
 * submitted between poll() and the access is not waited for.
 */

/* Make the callback ours; fails while it waits for a fence already, on another poll()'s behalf. */
static bool dma_buf_poll_claim(struct dma_buf_poll *poll, __poll_t event)
{
	guard(spinlock_irqsave)(&poll->dmabuf->poll.lock);
	if (poll->armed)
		return false;
	WRITE_ONCE(poll->armed, event);
	get_file(poll->dmabuf->file);
	return true;
}

/*
 * Give the callback back and wake all sleepers, those too that came while it was claimed and relied
 * on it. From the moment the lock is dropped another poll() may claim it again.
 */
static void dma_buf_poll_complete(struct dma_buf_poll *poll)
{
	struct dma_buf *dmabuf = poll->dmabuf;
	struct file *file = dmabuf->file;

	scoped_guard(spinlock_irqsave, &dmabuf->poll.lock) {
		wake_up_locked_poll(&dmabuf->poll, poll->armed);
		WRITE_ONCE(poll->armed, 0);
	}
	fput(file);
}

static void dma_buf_poll_fence_signaled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	dma_buf_poll_complete(container_of(cb, struct dma_buf_poll, cb));
	dma_fence_put(fence);
}

/* Wait for the first fence that is pending. False if there is none. */
static bool dma_buf_poll_arm(struct dma_buf_poll *poll, enum dma_resv_usage usage)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	bool armed = false;

	dma_resv_iter_begin(&cursor, poll->dmabuf->resv, usage);
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

/* Returns @event if nothing of @usage is pending, otherwise 0, and sleepers will be woken. */
static __poll_t dma_buf_poll_direction(struct dma_buf_poll *poll, enum dma_resv_usage usage,
				       __poll_t event)
{
	/* With the callback armed, somebody will be woken; else most polls find the buffer idle. */
	if (!READ_ONCE(poll->armed) && dma_resv_test_signaled(poll->dmabuf->resv, usage))
		return event;

	if (!dma_buf_poll_claim(poll, event) || dma_buf_poll_arm(poll, usage))
		return 0;

	dma_buf_poll_complete(poll);
	return event;
}

__poll_t dma_buf_poll(struct file *file, struct poll_table_struct *table)
{
	struct dma_buf *dmabuf = file->private_data;
	__poll_t wanted = poll_requested_events(table);
	__poll_t ready = 0;

	if (!dmabuf || !dmabuf->resv)
		return EPOLLERR;

	poll_wait(file, &dmabuf->poll, table);
	if (wanted & EPOLLOUT)
		ready = dma_buf_poll_direction(&dmabuf->cb_out, dma_resv_usage_rw(true), EPOLLOUT);

	/* Used by nobody means written by nobody, though that callback may still be to come. */
	if (ready)
		return ready | (wanted & EPOLLIN);
	if (wanted & EPOLLIN)
		ready = dma_buf_poll_direction(&dmabuf->cb_in, dma_resv_usage_rw(false), EPOLLIN);
	return ready;
}
