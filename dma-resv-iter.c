// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks over the fences of a reservation: cursors under the lock and without it, and a snapshot.
 *
 * Locks: the walks under the lock expect it; all others take none and work within read sections of
 * RCU, in which they call drivers' signaled() and release() at most.
 *
 * Why the lock-free readers are right
 * -----------------------------------
 * What is promised: every fence that was in the reservation when a walk (or a pass of it) began is
 * returned, or was seen signaled, or had left the reservation meanwhile. What arrives or is
 * exchanged after the begin may be missed: the reader could as well have come earlier.
 *
 * 1. Seeing a fence whole. The writer stores the word with release (dma_resv_slot_store()); all
 *    uses of the fence depend on the address in the word that READ_ONCE() gave. In a table, num is
 *    released after the word below it and acquired before (dma_resv_slots_bound()). A table as a
 *    whole is published by rcu_assign_pointer() and read through rcu_dereference().
 *
 * 2. Seeing all of them. A fence never moves to another slot of the same storage. It moves to other
 *    storage with all the rest, the old storage is then frozen: a reader in the middle of it
 *    finishes it with all the fences that were there before.
 *
 * 3. Memory. Fences and tables outlive the read section that found them (RCU), or, for fences from
 *    type-stable slabs, the memory stays some fence. No pointer is followed in another read section
 *    than the one it was read in: between two steps a cursor's slots are only compared. The address
 *    of a freed table may come back with a later one; its generation does not.
 *
 * 4. The right fence. In type-stable memory the fence that was read may be gone and another one
 *    live there before the reference is taken. So look again once it is held: if the slot still (or
 *    again) has the same word and then the storage is still the current one, the reservation holds
 *    this fence while we hold it, so it is the one. Order: the writer replaces the word, then drops
 *    the old fence (release in the refcount), whose memory is used again only after the count was
 *    seen to be 0. The reader that takes a reference on the new fence has that refcount's
 *    successor; smp_rmb() keeps its second look behind. Storage cannot be replaced and come back
 *    within a read section, hence the storage being current when checked was so when the word was
 *    checked.
 *
 * 5. Skipping without a reference. A signaled bit that is seen set belongs to the fence of the
 *    word, which is done then, or to a later one in its memory. The latter means that the former
 *    has left the reservation after the walk began; what came in its place came later, too. Both
 *    may be skipped. A bit seen clear proves nothing and leads to 4.
 */

#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "dma-resv-internal.h"

/* Not a word, since fences do not live at address 0: the storage has been replaced, start over. */
#define DMA_RESV_WORD_STALE 1UL

/* Whether a slot of the current storage has @word, now that the caller has got its fence: see 4. */
static bool dma_resv_slot_holds(struct dma_resv *obj, const unsigned long *slots, unsigned int i,
				unsigned long word)
{
	unsigned long again;

	/* Pairs with the release in the last dma_fence_put() of the fence that was here before. */
	smp_rmb();

	/* Pairs with dma_resv_slot_store(); keeps the look at the storage behind this one. */
	again = smp_load_acquire(&slots[i]);

	return again == word && rcu_access_pointer(obj->fences) == slots;
}

/*
 * Get the fence of a slot if it is of interest and busy.
 *
 * Returns the word with a reference on its fence, 0 if there is nothing to wait for, or
 * DMA_RESV_WORD_STALE if @slots is not current any more and its word cannot be trusted.
 */
static unsigned long dma_resv_slot_get_rcu(struct dma_resv *obj, const unsigned long *slots,
					   unsigned int i, enum dma_resv_usage usage)
{
	struct dma_fence *fence;
	unsigned long word;

	for (;;) {
		word = READ_ONCE(slots[i]);
		fence = dma_resv_word_fence(word);
		if (!fence || dma_resv_word_usage(word) > usage || dma_resv_fence_done(fence))
			return 0;

		if (dma_fence_get_rcu(fence)) {
			if (likely(dma_resv_slot_holds(obj, slots, i, word)))
				break;
			dma_fence_put(fence);
		}

		if (rcu_access_pointer(obj->fences) != slots)
			return DMA_RESV_WORD_STALE;
		cpu_relax();
	}

	if (likely(!dma_fence_is_signaled(fence)))
		return word;

	dma_fence_put(fence);
	return 0;
}

static void dma_resv_iter_restart_rcu(struct dma_resv_iter *cursor)
{
	cursor->fences = rcu_dereference(cursor->obj->fences);
	cursor->generation = dma_resv_slots_generation(cursor->obj, cursor->fences);
	cursor->index = 0;
	cursor->is_restarted = true;
}

static bool dma_resv_iter_is_current_rcu(const struct dma_resv_iter *cursor)
{
	const unsigned long *slots = rcu_dereference(cursor->obj->fences);

	return cursor->fences == slots &&
	       cursor->generation == dma_resv_slots_generation(cursor->obj, slots);
}

/* Find the next busy fence from @cursor's position on. */
static struct dma_fence *dma_resv_iter_walk_rcu(struct dma_resv_iter *cursor)
{
	struct dma_resv *obj = cursor->obj;
	unsigned int bound = dma_resv_slots_bound(obj, cursor->fences);
	unsigned long word = 0;

	while (!word && cursor->index < bound) {
		word = dma_resv_slot_get_rcu(obj, cursor->fences, cursor->index, cursor->usage);
		if (unlikely(word == DMA_RESV_WORD_STALE)) {
			dma_resv_iter_restart_rcu(cursor);
			bound = dma_resv_slots_bound(obj, cursor->fences);
			word = 0;
			continue;
		}
		cursor->index++;
	}

	cursor->fence = dma_resv_word_fence(word);
	cursor->fence_usage = dma_resv_word_usage(word);
	return cursor->fence;
}

/**
 * dma_resv_iter_first_unlocked - start a lock-free walk
 * @cursor: cursor after dma_resv_iter_begin()
 *
 * Use dma_resv_for_each_fence_unlocked().
 *
 * Context: Any context in which the fences may be polled and released. Takes no lock.
 * Return: the first busy fence, with a reference that the cursor owns, or NULL.
 */
struct dma_fence *dma_resv_iter_first_unlocked(struct dma_resv_iter *cursor)
{
	struct dma_fence *fence;

	dma_fence_put(cursor->fence);

	rcu_read_lock();
	dma_resv_iter_restart_rcu(cursor);
	fence = dma_resv_iter_walk_rcu(cursor);
	rcu_read_unlock();

	return fence;
}
EXPORT_SYMBOL(dma_resv_iter_first_unlocked);

/**
 * dma_resv_iter_next_unlocked - continue a lock-free walk
 * @cursor: cursor whose last step returned a fence
 *
 * Drops the reference on the fence before. Begins a new pass when the fences have moved.
 *
 * Context: Any context in which the fences may be polled and released. Takes no lock.
 * Return: the next busy fence, with a reference that the cursor owns, or NULL at the end.
 */
struct dma_fence *dma_resv_iter_next_unlocked(struct dma_resv_iter *cursor)
{
	struct dma_fence *fence;

	dma_fence_put(cursor->fence);
	cursor->is_restarted = false;

	rcu_read_lock();
	if (unlikely(!dma_resv_iter_is_current_rcu(cursor)))
		dma_resv_iter_restart_rcu(cursor);
	fence = dma_resv_iter_walk_rcu(cursor);
	rcu_read_unlock();

	return fence;
}
EXPORT_SYMBOL(dma_resv_iter_next_unlocked);

/*
 * The storage is looked up at every step, so that a loop body that makes it grow cannot leave the
 * cursor in freed memory.
 */
static struct dma_fence *dma_resv_iter_step(struct dma_resv_iter *cursor)
{
	const unsigned long *slots = dma_resv_slots_locked(cursor->obj);
	unsigned int bound = dma_resv_slots_bound(cursor->obj, slots);
	unsigned long word;

	while (cursor->index < bound) {
		word = slots[cursor->index++];
		if (!word || dma_resv_word_usage(word) > cursor->usage)
			continue;

		cursor->fence_usage = dma_resv_word_usage(word);
		return dma_resv_word_fence(word);
	}

	return NULL;
}

/**
 * dma_resv_iter_first - start a walk under the lock
 * @cursor: cursor after dma_resv_iter_begin()
 *
 * Use dma_resv_for_each_fence().
 *
 * Context: The reservation's lock is held.
 * Return: the first fence, busy or signaled, borrowed from the reservation, or NULL.
 */
struct dma_fence *dma_resv_iter_first(struct dma_resv_iter *cursor)
{
	dma_resv_assert_held(cursor->obj);

	cursor->index = 0;
	cursor->is_restarted = true;
	return dma_resv_iter_step(cursor);
}
EXPORT_SYMBOL_GPL(dma_resv_iter_first);

/**
 * dma_resv_iter_next - continue a walk under the lock
 * @cursor: cursor whose last step returned a fence
 *
 * Context: The reservation's lock is held.
 * Return: the next fence, busy or signaled, borrowed from the reservation, or NULL at the end.
 */
struct dma_fence *dma_resv_iter_next(struct dma_resv_iter *cursor)
{
	dma_resv_assert_held(cursor->obj);

	cursor->is_restarted = false;
	return dma_resv_iter_step(cursor);
}
EXPORT_SYMBOL_GPL(dma_resv_iter_next);

static void dma_resv_words_put(const unsigned long *words, unsigned int count)
{
	while (count--)
		dma_fence_put(dma_resv_word_fence(words[count]));
}

/* Count the fences that may be busy, without asking the drivers. */
static unsigned int dma_resv_busy_count_rcu(struct dma_resv *obj, enum dma_resv_usage usage)
{
	const unsigned long *slots = rcu_dereference(obj->fences);
	unsigned int i, count = 0, bound = dma_resv_slots_bound(obj, slots);
	unsigned long word;

	for (i = 0; i < bound; i++) {
		word = READ_ONCE(slots[i]);
		if (word && dma_resv_word_usage(word) <= usage &&
		    !dma_resv_fence_done(dma_resv_word_fence(word)))
			count++;
	}

	return count;
}

/*
 * Collect references on all busy fences, @room at most. Returns their number; or more than @room,
 * with no reference held, if there are too many.
 */
static unsigned int dma_resv_busy_collect_rcu(struct dma_resv *obj, enum dma_resv_usage usage,
					      unsigned long *words, unsigned int room)
{
	const unsigned long *slots = rcu_dereference(obj->fences);
	unsigned int i = 0, count = 0, bound = dma_resv_slots_bound(obj, slots);
	unsigned long word;

	while (i < bound) {
		word = dma_resv_slot_get_rcu(obj, slots, i++, usage);
		if (unlikely(word == DMA_RESV_WORD_STALE)) {
			dma_resv_words_put(words, count);
			slots = rcu_dereference(obj->fences);
			bound = dma_resv_slots_bound(obj, slots);
			i = 0;
			count = 0;
		} else if (word && unlikely(count == room)) {
			dma_resv_words_put(&word, 1);
			dma_resv_words_put(words, count);
			return 2 * room;
		} else if (word) {
			words[count++] = word;
		}
	}

	return count;
}

static unsigned int dma_resv_busy_get(struct dma_resv *obj, enum dma_resv_usage usage,
				      unsigned long *words, unsigned int room)
{
	guard(rcu)();

	if (!words)
		return dma_resv_busy_count_rcu(obj, usage);
	return dma_resv_busy_collect_rcu(obj, usage, words, room);
}

/*
 * Get all busy fences at once. Takes no lock.
 *
 * Returns an array of @count words with a reference each, to be freed with kfree(); NULL if there
 * are none; ERR_PTR(-ENOMEM).
 */
unsigned long *dma_resv_snapshot(struct dma_resv *obj, enum dma_resv_usage usage,
				 unsigned int *count)
{
	unsigned long *words = NULL;
	unsigned int found, room = 0;

	for (;;) {
		found = dma_resv_busy_get(obj, usage, words, room);
		if (found <= room)
			break;

		kfree(words);
		room = found;
		words = kmalloc_array(room, sizeof(*words), GFP_KERNEL);
		if (!words)
			return ERR_PTR(-ENOMEM);
	}

	if (!found) {
		kfree(words);
		words = NULL;
	}
	*count = found;
	return words;
}
