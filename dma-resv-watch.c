// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tell of the next fence that comes to an idle reservation.
 *
 * A sleeper that waits for the end of work waits for a fence. A sleeper that
 * has seen a reservation idle has no fence to wait for. A watch wakes it once
 * when there is one.
 *
 * Locks: the reservation's, under which watches are added, removed and called.
 * Fences are added under it too, so that none comes unseen between the look at
 * the fences and the adding of a watch.
 */

#include <linux/dma-resv.h>
#include <linux/errno.h>

#include "dma-resv-internal.h"

/**
 * dma_resv_watch_start - ask to be told of the next fence
 * @obj: reservation, not locked by the caller
 * @watch: watch with usage and function, which stays where it is until
 *	dma_resv_watch_stop(); always for the same reservation, and may have
 *	been started before
 *
 * Context: Process context. Takes and releases the reservation lock, but never
 * waits for it.
 * Return: 0; -EAGAIN if there is a fence to wait for; -EBUSY if the reservation
 * is locked. After an error the watch is as it was.
 */
int dma_resv_watch_start(struct dma_resv *obj, struct dma_resv_watch *watch)
{
	int ret = 0;

	if (!dma_resv_trylock(obj))
		return -EBUSY;

	if (!dma_resv_test_signaled(obj, watch->usage)) {
		ret = -EAGAIN;
	} else if (!watch->started) {
		watch->obj = obj;
		watch->next = obj->watches;
		obj->watches = watch;
		WRITE_ONCE(watch->started, true);
	}
	dma_resv_unlock(obj);
	return ret;
}

/**
 * dma_resv_watch_stop - ask no longer
 * @watch: watch that may have been started and is not started any more
 *
 * The function of the watch is not running when this returns.
 *
 * Context: Process context. Takes and releases the reservation lock if the
 * watch was ever started.
 */
void dma_resv_watch_stop(struct dma_resv_watch *watch)
{
	struct dma_resv *obj = watch->obj;
	struct dma_resv_watch **link;

	if (!obj)
		return;

	dma_resv_lock(obj, NULL);
	for (link = &obj->watches; *link; link = &(*link)->next) {
		if (*link == watch) {
			*link = watch->next;
			break;
		}
	}
	dma_resv_unlock(obj);
}

/*
 * Call the watches that a fence with @usage is of interest for. The caller
 * holds the lock.
 */
void dma_resv_watch_call(struct dma_resv *obj, enum dma_resv_usage usage)
{
	struct dma_resv_watch **link = &obj->watches, *watch;

	while ((watch = *link)) {
		if (usage > watch->usage) {
			link = &watch->next;
			continue;
		}
		*link = watch->next;
		WRITE_ONCE(watch->started, false);
		watch->func(watch);
	}
}
