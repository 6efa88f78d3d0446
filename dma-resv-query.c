// SPDX-License-Identifier: GPL-2.0-only
/*
 * Questions about all the fences of a reservation: what is there, is it done, wait for it.
 *
 * Locks: none. Two functions say that they expect the lock of a reservation.
 */

#include <linux/dma-fence-array.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "dma-fence-internal.h"
#include "dma-resv-internal.h"

/* Indexed by enum dma_resv_usage. */
static const char * const dma_resv_usage_names[] = { "kernel", "write", "read", "bookkeep" };

/**
 * dma_resv_copy_fences - make a reservation hold the busy fences of another one
 * @dst: locked reservation; the fences it had are dropped
 * @src: reservation to copy from, locked or not; usages are copied, too
 *
 * Context: Process context, the lock of @dst is held. Allocates with GFP_KERNEL.
 * Return: 0, or -ENOMEM with @dst as it was.
 */
int dma_resv_copy_fences(struct dma_resv *dst, struct dma_resv *src)
{
	struct dma_resv_snapshot snap;
	int ret;

	dma_resv_assert_held(dst);

	ret = dma_resv_snapshot_take(&snap, src, DMA_RESV_USAGE_BOOKKEEP);
	if (ret)
		return ret;

	ret = dma_resv_slots_assign(dst, snap.words, snap.num);
	if (ret)
		dma_resv_snapshot_drop(&snap);
	else
		dma_resv_snapshot_free(&snap);
	return ret;
}
EXPORT_SYMBOL(dma_resv_copy_fences);

/* Turn a snapshot into a list of pointers, the caller's to free; NULL if there are none. */
static struct dma_fence **dma_resv_snapshot_list(struct dma_resv_snapshot *snap)
{
	unsigned long *list = snap->words;
	unsigned int i;

	if (!snap->num) {
		dma_resv_snapshot_free(snap);
		return NULL;
	}

	if (list == snap->few) {
		list = kmalloc_array(snap->num, sizeof(*list), GFP_KERNEL);
		if (!list) {
			dma_resv_snapshot_drop(snap);
			return ERR_PTR(-ENOMEM);
		}
	}

	/* Without its usage, a word is a pointer. */
	for (i = 0; i < snap->num; i++)
		list[i] = (unsigned long)dma_resv_word_fence(snap->words[i]);
	return (struct dma_fence **)list;
}

/**
 * dma_resv_get_fences - get the busy fences as an array
 * @obj: reservation, locked or not
 * @usage: weakest usage of interest
 * @num_fences: where to store how many there are
 * @fences: where to store the array: NULL if there are none; else the caller drops the reference on
 *	each fence and frees the array with kfree()
 *
 * Context: Process context. Allocates with GFP_KERNEL.
 * Return: 0, or -ENOMEM with 0 and NULL stored.
 */
int dma_resv_get_fences(struct dma_resv *obj, enum dma_resv_usage usage,
			unsigned int *num_fences, struct dma_fence ***fences)
{
	struct dma_resv_snapshot snap;
	int ret;

	*num_fences = 0;
	*fences = NULL;

	ret = dma_resv_snapshot_take(&snap, obj, usage);
	if (ret)
		return ret;

	*fences = dma_resv_snapshot_list(&snap);
	if (IS_ERR(*fences)) {
		ret = PTR_ERR(*fences);
		*fences = NULL;
		return ret;
	}

	*num_fences = snap.num;
	return 0;
}
EXPORT_SYMBOL_GPL(dma_resv_get_fences);

/* Make one fence of a snapshot, which is used up. NULL if memory is short. */
static struct dma_fence *dma_resv_snapshot_array(struct dma_resv_snapshot *snap)
{
	struct dma_fence_array *array = dma_fence_array_alloc_whole(snap->num);
	unsigned int i;

	if (!array) {
		dma_resv_snapshot_drop(snap);
		return NULL;
	}

	for (i = 0; i < snap->num; i++)
		array->fences[i] = dma_resv_word_fence(snap->words[i]);
	dma_resv_snapshot_free(snap);
	dma_fence_array_init(array, snap->num, array->fences, dma_fence_context_alloc(1), 1, false);
	return &array->base;
}

/**
 * dma_resv_get_singleton - get one fence that stands for all the busy ones
 * @obj: reservation, locked or not
 * @usage: weakest usage of interest
 * @fence: where to store the fence: NULL if there is nothing to wait for; else the caller owns a
 *	reference
 *
 * With several fences the result is a &struct dma_fence_array of them. Such a fence must not be
 * added to a reservation; use dma_resv_copy_fences() or add the fences one by one.
 *
 * Context: Process context. Allocates with GFP_KERNEL.
 * Return: 0, or -ENOMEM with NULL stored.
 */
int dma_resv_get_singleton(struct dma_resv *obj, enum dma_resv_usage usage,
			   struct dma_fence **fence)
{
	struct dma_resv_snapshot snap;
	int ret;

	*fence = NULL;

	ret = dma_resv_snapshot_take(&snap, obj, usage);
	if (ret)
		return ret;

	if (snap.num > 1) {
		*fence = dma_resv_snapshot_array(&snap);
		return *fence ? 0 : -ENOMEM;
	}

	if (snap.num)
		*fence = dma_resv_word_fence(snap.words[0]);
	dma_resv_snapshot_free(&snap);
	return 0;
}
EXPORT_SYMBOL_GPL(dma_resv_get_singleton);

/*
 * Wait for a fence, whose reference is consumed, and then once for what each slot has: if work goes
 * on being added, this comes to an end.
 */
static noinline long dma_resv_wait_busy(struct dma_resv *obj, enum dma_resv_usage usage, bool intr,
					long left, struct dma_fence *first)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	long ret;

	ret = dma_fence_wait_timeout(first, intr, left);
	if (ret <= 0)
		goto put;

	dma_resv_iter_begin(&cursor, obj, usage);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		if (fence == first)
			continue;
		ret = dma_fence_wait_timeout(fence, intr, left ? ret : 0);
		if (ret <= 0)
			break;
	}
	dma_resv_iter_end(&cursor);
put:
	dma_fence_put(first);
	return ret;
}

/**
 * dma_resv_wait_timeout - wait until fences have signaled
 * @obj: reservation, locked or not
 * @usage: weakest usage of interest
 * @intr: let signals interrupt the wait
 * @timeout: jiffies to wait at most for all fences together, or 0 to look without sleeping;
 *	anything above MAX_SCHEDULE_TIMEOUT means that
 *
 * Looking with a @timeout of 0 enables the signaling of the fences, as waiting does.
 *
 * Context: Process context; sleeps unless @timeout is 0.
 * Return: the jiffies left but at least 1 if all have signaled (1 for a @timeout of 0), 0 if time
 * ran out, -ERESTARTSYS on a signal, or another error from a driver's wait.
 */
long dma_resv_wait_timeout(struct dma_resv *obj, enum dma_resv_usage usage, bool intr,
			   unsigned long timeout)
{
	long left = min_t(unsigned long, timeout, MAX_SCHEDULE_TIMEOUT);
	struct dma_fence *fence = dma_resv_busy_get(obj, usage);

	return fence ? dma_resv_wait_busy(obj, usage, intr, left, fence) : max(left, 1L);
}
EXPORT_SYMBOL_GPL(dma_resv_wait_timeout);

/**
 * dma_resv_set_deadline - tell all busy fences by when they are wanted
 * @obj: reservation, locked or not
 * @usage: weakest usage of interest
 * @deadline: time on the monotonic clock by which someone hopes to go on
 *
 * Context: Any context in which the fences' drivers take a deadline.
 */
void dma_resv_set_deadline(struct dma_resv *obj, enum dma_resv_usage usage, ktime_t deadline)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_iter_begin(&cursor, obj, usage);
	dma_resv_for_each_fence_unlocked(&cursor, fence)
		dma_fence_set_deadline(fence, deadline);
	dma_resv_iter_end(&cursor);
}
EXPORT_SYMBOL_GPL(dma_resv_set_deadline);

/**
 * dma_resv_test_signaled - tell whether all fences have signaled
 * @obj: reservation, locked or not
 * @usage: weakest usage of interest
 *
 * Polls the drivers of fences not known to have signaled, up to the first busy one. Does not enable
 * signaling. Without the lock, fences may be added before the caller looks at the answer.
 *
 * Context: Any context in which the fences may be polled and released. Does not sleep.
 * Return: true if nothing is left to wait for.
 */
bool dma_resv_test_signaled(struct dma_resv *obj, enum dma_resv_usage usage)
{
	return !dma_resv_is_busy(obj, usage);
}
EXPORT_SYMBOL_GPL(dma_resv_test_signaled);

/**
 * dma_resv_describe - print the fences of a reservation for debugging
 * @obj: locked reservation
 * @seq: file to print to, a line per fence
 *
 * Prints fences of all usages, bookkeeping included, signaled or not.
 *
 * Context: The lock of @obj is held.
 */
void dma_resv_describe(struct dma_resv *obj, struct seq_file *seq)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_for_each_fence(&cursor, obj, DMA_RESV_USAGE_BOOKKEEP, fence) {
		seq_printf(seq, "\t%s fence:", dma_resv_usage_names[dma_resv_iter_usage(&cursor)]);
		dma_fence_describe(fence, seq);
	}
}
EXPORT_SYMBOL_GPL(dma_resv_describe);
