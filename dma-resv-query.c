// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queries for all the fences of a reservation: get them, test them, wait for
 * them.
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
#include <linux/string.h>

#include "dma-fence-internal.h"
#include "dma-resv-internal.h"

/* Indexed by enum dma_resv_usage. */
static const char * const dma_resv_usage_names[] = { "kernel", "write", "read", "bookkeep" };

/*
 * Return true if the fences are inside the object. Queries for all unsignaled
 * fences read these into an array on the stack. For fences in a table, queries
 * allocate an array first. They do so again if the number of fences has grown
 * meanwhile.
 */
static bool dma_resv_is_small(const struct dma_resv *obj)
{
	return dma_resv_slots_inline(obj, rcu_access_pointer(obj->fences));
}

/* Copy any number of fences. See dma_resv_copy_fences(). */
static noinline int dma_resv_copy_many(struct dma_resv *dst, struct dma_resv *src)
{
	struct dma_resv_table *table;
	unsigned int num, room;

	do {
		room = dma_resv_busy_bound(src, DMA_RESV_USAGE_BOOKKEEP);
		if (!room)
			return dma_resv_slots_assign(dst, NULL, 0);

		table = dma_resv_table_alloc(room, GFP_KERNEL);
		if (!table)
			return -ENOMEM;

		num = dma_resv_busy_read(src, DMA_RESV_USAGE_BOOKKEEP, ~0UL, table->word,
					 table->capacity);
		if (num == DMA_RESV_NO_SLOT)
			kfree(table);
	} while (num == DMA_RESV_NO_SLOT);

	/* An earlier pass may have found more. Empty slots must hold 0. */
	memset(table->word + num, 0, (table->capacity - num) * sizeof(*table->word));
	table->num = num;
	dma_resv_table_index_new(table);
	dma_resv_table_assign(dst, table);
	return 0;
}

/*
 * Copy fences that were inside the object a moment ago. See
 * dma_resv_copy_fences().
 */
static noinline int dma_resv_copy_few(struct dma_resv *dst, struct dma_resv *src)
{
	unsigned long few[DMA_RESV_INLINE_SLOTS] = {};
	unsigned int num;
	int ret;

	num = dma_resv_busy_read_few(src, DMA_RESV_USAGE_BOOKKEEP, ~0UL, few);
	if (num == DMA_RESV_NO_SLOT)
		return dma_resv_copy_many(dst, src);

	ret = dma_resv_slots_assign(dst, few, num);
	if (ret)
		dma_resv_words_put(few, num);
	return ret;
}

/**
 * dma_resv_copy_fences - make a reservation hold the unsignaled fences of
 * another one
 * @dst: locked reservation; the fences it had are dropped
 * @src: reservation to copy from, locked or not; usages are copied, too
 *
 * Uses up all slots that the caller has reserved in @dst.
 *
 * Context: Process context, the lock of @dst is held. Allocates with
 * GFP_KERNEL.
 * Return: 0, or -ENOMEM with @dst as it was.
 */
int dma_resv_copy_fences(struct dma_resv *dst, struct dma_resv *src)
{
	int ret;

	dma_resv_assert_held(dst);

	ret = dma_resv_is_small(src) ? dma_resv_copy_few(dst, src) : dma_resv_copy_many(dst, src);
	/* The copy may have fences of each usage. */
	if (!ret && unlikely(dst->watches))
		dma_resv_watch_call(dst, DMA_RESV_USAGE_KERNEL);
	return ret;
}
EXPORT_SYMBOL(dma_resv_copy_fences);

/* Get any number of fences. See dma_resv_get_fences(). */
static noinline int dma_resv_get_fences_many(struct dma_resv *obj, enum dma_resv_usage usage,
					     unsigned int *num_fences, struct dma_fence ***fences)
{
	unsigned int num, room;
	unsigned long *list;

	do {
		room = dma_resv_busy_bound(obj, usage);
		if (!room)
			return 0;

		list = kmalloc_array(room, sizeof(*list), GFP_KERNEL);
		if (!list)
			return -ENOMEM;

		num = dma_resv_busy_read(obj, usage, ~DMA_RESV_WORD_USAGE, list, room);
		if (!num || num == DMA_RESV_NO_SLOT)
			kfree(list);
	} while (num == DMA_RESV_NO_SLOT);

	if (num)
		*fences = (struct dma_fence **)list;
	*num_fences = num;
	return 0;
}

/*
 * Get fences that were inside the object a moment ago. See
 * dma_resv_get_fences().
 */
static noinline int dma_resv_get_fences_few(struct dma_resv *obj, enum dma_resv_usage usage,
					    unsigned int *num_fences, struct dma_fence ***fences)
{
	unsigned long few[DMA_RESV_INLINE_SLOTS] = {}, *list;
	unsigned int num;

	num = dma_resv_busy_read_few(obj, usage, ~DMA_RESV_WORD_USAGE, few);
	if (num == DMA_RESV_NO_SLOT)
		return dma_resv_get_fences_many(obj, usage, num_fences, fences);
	if (!num)
		return 0;

	list = kmalloc(sizeof(few), GFP_KERNEL);
	if (!list) {
		dma_resv_words_put(few, num);
		return -ENOMEM;
	}

	memcpy(list, few, sizeof(few));
	*fences = (struct dma_fence **)list;
	*num_fences = num;
	return 0;
}

/**
 * dma_resv_get_fences - get the unsignaled fences as an array
 * @obj: reservation, locked or not
 * @usage: weakest usage of interest
 * @num_fences: where to store how many there are
 * @fences: where to store the array: NULL if there are none; else the caller
 *	drops the reference on each fence and frees the array with kfree()
 *
 * Context: Process context. Allocates with GFP_KERNEL.
 * Return: 0, or -ENOMEM with 0 and NULL stored.
 */
int dma_resv_get_fences(struct dma_resv *obj, enum dma_resv_usage usage,
			unsigned int *num_fences, struct dma_fence ***fences)
{
	*num_fences = 0;
	*fences = NULL;

	return dma_resv_is_small(obj) ? dma_resv_get_fences_few(obj, usage, num_fences, fences) :
					dma_resv_get_fences_many(obj, usage, num_fences, fences);
}
EXPORT_SYMBOL_GPL(dma_resv_get_fences);

/* Get a fence for any number of fences. See dma_resv_get_singleton(). */
static noinline int dma_resv_get_singleton_many(struct dma_resv *obj, enum dma_resv_usage usage,
						struct dma_fence **fence)
{
	struct dma_fence_array *array;
	unsigned int num, room;

	do {
		room = dma_resv_busy_bound(obj, usage);
		if (!room)
			return 0;

		array = dma_fence_array_alloc_whole(room);
		if (!array)
			return -ENOMEM;

		num = dma_resv_busy_read(obj, usage, ~DMA_RESV_WORD_USAGE,
					 (unsigned long *)array->fences, room);
		if (num == DMA_RESV_NO_SLOT)
			kfree(array);
	} while (num == DMA_RESV_NO_SLOT);

	if (num > 1) {
		*fence = dma_fence_array_init_whole(array, num);
		return 0;
	}

	if (num)
		*fence = array->fences[0];
	kfree(array);
	return 0;
}

/*
 * Get a fence for fences that were inside the object a moment ago. See
 * dma_resv_get_singleton().
 */
static noinline int dma_resv_get_singleton_few(struct dma_resv *obj, enum dma_resv_usage usage,
					       struct dma_fence **fence)
{
	unsigned long few[DMA_RESV_INLINE_SLOTS] = {};
	struct dma_fence_array *array;
	unsigned int i, num;

	num = dma_resv_busy_read_few(obj, usage, ~DMA_RESV_WORD_USAGE, few);
	if (num == DMA_RESV_NO_SLOT)
		return dma_resv_get_singleton_many(obj, usage, fence);

	if (num > 1) {
		array = dma_fence_array_alloc_whole(num);
		if (!array) {
			dma_resv_words_put(few, num);
			return -ENOMEM;
		}
		for (i = 0; i < num; i++)
			array->fences[i] = (struct dma_fence *)few[i];
		*fence = dma_fence_array_init_whole(array, num);
	} else if (num) {
		*fence = (struct dma_fence *)few[0];
	}
	return 0;
}

/**
 * dma_resv_get_singleton - get one fence that stands for all unsignaled ones
 * @obj: reservation, locked or not
 * @usage: weakest usage of interest
 * @fence: where to store the fence: NULL if there is nothing to wait for; else
 *	the caller owns a reference
 *
 * With several fences the result is a &struct dma_fence_array of them. Such a
 * fence must not be added to a reservation; use dma_resv_copy_fences() or add
 * the fences one by one.
 *
 * Context: Process context. Allocates with GFP_KERNEL.
 * Return: 0, or -ENOMEM with NULL stored.
 */
int dma_resv_get_singleton(struct dma_resv *obj, enum dma_resv_usage usage,
			   struct dma_fence **fence)
{
	*fence = NULL;

	return dma_resv_is_small(obj) ? dma_resv_get_singleton_few(obj, usage, fence) :
					dma_resv_get_singleton_many(obj, usage, fence);
}
EXPORT_SYMBOL_GPL(dma_resv_get_singleton);

/*
 * Wait for all fences. This ends even if jobs keep adding fences, because it
 * does not wait for a fence that replaced one that the walk has read.
 */
static noinline long dma_resv_wait_all(struct dma_resv *obj, enum dma_resv_usage usage, bool intr,
				       long left)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	bool poll = !left;

	left = max(left, 1L);
	dma_resv_iter_begin(&cursor, obj, usage);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		left = dma_fence_wait_timeout(fence, intr, poll ? 0 : left);
		if (left <= 0)
			break;
	}
	dma_resv_iter_end(&cursor);
	return left;
}

/*
 * Wait for the fence that dma_resv_wait_pick_rcu() gave; the reference to it is
 * consumed. The driver is asked first, because some know of the end only when
 * asked.
 */
static noinline long dma_resv_wait_one(struct dma_resv *obj, enum dma_resv_usage usage, bool intr,
				       long left, struct dma_fence *fence)
{
	bool poll = !left;

	if (dma_fence_is_signaled(fence))
		left = max(left, 1L);
	else
		left = dma_fence_wait_timeout(fence, intr, left);
	dma_fence_put(fence);
	/* It was picked without a look at the others. */
	if (poll && left > 0)
		return dma_resv_wait_all(obj, usage, intr, 0);
	return left;
}

/*
 * Take a reference to the first unsignaled fence, whose word was found in a
 * slot, if it will do without a walk: if there is no other, or no time to wait
 * for any. NULL also if it is gone by now.
 */
static noinline struct dma_fence *dma_resv_wait_pick_rcu(struct dma_resv *obj,
							 enum dma_resv_usage usage, bool poll,
							 const unsigned long *slots,
							 const unsigned long *slot,
							 unsigned long word)
{
	unsigned long other;

	if (!poll && dma_resv_busy_find_rcu(obj, slots, slot + 1, usage, &other))
		return NULL;
	if (unlikely(!dma_resv_word_get_rcu(slot, word)))
		return NULL;
	if (likely(rcu_access_pointer(obj->fences) == slots))
		return dma_resv_word_fence(word);

	dma_resv_word_put(word);
	return NULL;
}

/**
 * dma_resv_wait_timeout - wait until fences have signaled
 * @obj: reservation, locked or not
 * @usage: weakest usage of interest
 * @intr: let signals interrupt the wait
 * @timeout: jiffies to wait at most for all fences together, or 0 to look
 *	without sleeping; anything above MAX_SCHEDULE_TIMEOUT means that
 *
 * Looking with a @timeout of 0 enables the signaling of the fences, as waiting
 * does.
 *
 * Context: Process context; sleeps unless @timeout is 0.
 * Return: the jiffies left but at least 1 if all have signaled (1 for a
 * @timeout of 0), 0 if time ran out, -ERESTARTSYS on a signal, or another error
 * from a driver's wait.
 */
long dma_resv_wait_timeout(struct dma_resv *obj, enum dma_resv_usage usage, bool intr,
			   unsigned long timeout)
{
	long left = min_t(unsigned long, timeout, MAX_SCHEDULE_TIMEOUT);
	const unsigned long *slots, *slot;
	struct dma_fence *fence;
	unsigned long word;

	scoped_guard(rcu) {
		slots = dma_resv_slots_rcu(obj);
		slot = dma_resv_busy_find_rcu(obj, slots, slots, usage, &word);
		if (!slot)
			return max(left, 1L);
		fence = dma_resv_wait_pick_rcu(obj, usage, !left, slots, slot, word);
	}

	return fence ? dma_resv_wait_one(obj, usage, intr, left, fence) :
		       dma_resv_wait_all(obj, usage, intr, left);
}
EXPORT_SYMBOL_GPL(dma_resv_wait_timeout);

/**
 * dma_resv_set_deadline - tell all unsignaled fences by when they are wanted
 * @obj: reservation, locked or not
 * @usage: weakest usage of interest
 * @deadline: time on the monotonic clock by which a waiter hopes to go on
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
 * Polls the drivers of fences not known to have signaled, up to the first busy
 * one. Does not enable signaling. Without the lock, fences may be added before
 * the caller looks at the answer.
 *
 * Context: Any context in which the fences may be polled and released. Does not
 * sleep.
 * Return: true if nothing is left to wait for.
 */
bool dma_resv_test_signaled(struct dma_resv *obj, enum dma_resv_usage usage)
{
	const unsigned long *slots, *slot;
	struct dma_fence *fence;
	unsigned long word;

	guard(rcu)();
	slots = dma_resv_slots_rcu(obj);
	slot = dma_resv_busy_find_rcu(obj, slots, slots, usage, &word);
	if (!slot)
		return true;

	/*
	 * The reader needs no reference if it need not ask the driver. If the
	 * slot still has the word after the reader read the flag, the flag
	 * belongs to the fence in the word. Or the slot got another fence in
	 * the same memory. That fence came after the question, and is as good
	 * a reason to answer no. (If a plain store clears the flags of a fence
	 * in type-stable memory, the reader may see that fence too early. Then
	 * the answer is no once more than necessary.) The memory may become
	 * another fence at any time, so the reader reads its ops once.
	 */
	if (!READ_ONCE(dma_resv_word_fence(word)->ops)->signaled) {
		/* Pairs with dma_resv_slot_store(). */
		smp_rmb();
		if (READ_ONCE(*slot) == word && rcu_access_pointer(obj->fences) == slots)
			return false;
	}

	fence = dma_resv_busy_get_rcu(obj, usage);
	dma_fence_put(fence);
	return !fence;
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
