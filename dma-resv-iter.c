// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks over the fences of a reservation: cursors under the lock and without
 * it, and all at once.
 *
 * Locks: the walks under the lock expect it. All other walks take none and work
 * within RCU read-side critical sections. There they poll fences. Polling may
 * make a fence signal and run its callbacks. A walk may also release fences.
 *
 * Why the lock-free readers are right
 * -----------------------------------
 * The promise is about every fence that was in the reservation when a walk (or
 * a pass of it) began. The walk returns it, or saw it signaled, or the fence
 * left the reservation meanwhile. The walk may miss a fence that is added or
 * exchanged after the begin. A walk that finds no fence proves that none of the
 * fences from the begin is left. It does not prove that the reservation was
 * empty at any moment.
 *
 * 1. Seeing a fence whole. The writer stores the word with release
 *    (dma_resv_slot_store()); all uses of the fence depend on the address in
 *    the word that READ_ONCE() gave. In a table, num is released after the word
 *    below it and acquired before (dma_resv_slots_bound()). The storage as a
 *    whole is published by rcu_assign_pointer() and acquired by
 *    dma_resv_slots_rcu(): slots inside the object are found without the
 *    pointer, so that it carries no dependency to them.
 *
 * 2. Seeing all of them. A fence never moves to another slot of the same
 *    storage. It moves to other storage with all the rest, the old storage is
 *    then frozen: a reader in the middle of it finishes it with all the fences
 *    that were there before.
 *
 * 3. Memory. Fences and tables outlive the read section that found them (RCU),
 *    or, for fences from type-stable slabs, the memory stays some fence. No
 *    pointer is followed in another read section than the one it was read in:
 *    between two steps a cursor's slots are only compared. The address of a
 *    freed table may come back with a later one. The reservation's generation
 *    is another one then: the writer changes it before it publishes storage,
 *    the reader loads it after the pointer. A reader that loads it between the
 *    two has the address of the storage that is left, with the generation of
 *    the next: no later storage has both.
 *
 * 4. The right fence. In type-stable memory the fence that was read may be gone
 *    and another one live there before the reference is taken. So look again
 *    once it is held: if the slot has the same word, still or again, and the
 *    storage is the current one, the reservation holds this fence while we hold
 *    it, so it is the one. Order: the writer replaces the word, then drops the
 *    old fence; the memory is used again only after the count was seen to be 0,
 *    and the count of the next fence is set with release (dma_fence_init()).
 *    The reader that takes a reference on that one has seen this; smp_rmb()
 *    keeps its second looks behind. Storage cannot be replaced and come back
 *    within a read section, hence storage that is current when looked at was so
 *    when the reference was taken, whichever look was first.
 *
 * 5. Skipping without a reference. A signaled bit that is seen set belongs to
 *    the fence of the word, which is done then, or to a later one in its
 *    memory. The latter means that the former has left the reservation after
 *    the walk began. The fence that replaced it came later, too. The reader may
 *    skip both. A bit seen clear proves nothing and leads to 4.
 *
 * 6. The end. Inside the object the slots are filled from the first one on.
 *    They become 0 from the first one on, all together. A slot that is emptied
 *    alone becomes idle. So behind a 0 there is no fence, or only fences that
 *    are leaving.
 */

#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>

#include "dma-resv-internal.h"

/*
 * The reference in a word that is not to be returned. Out of line, for this is
 * not the rule.
 */
void dma_resv_word_put(unsigned long word)
{
	dma_fence_put(dma_resv_word_fence(word));
}

/* Words or pointers. */
void dma_resv_words_put(const unsigned long *words, unsigned int num)
{
	while (num--)
		dma_fence_put(dma_resv_word_fence(words[num]));
}

/*
 * Ask the driver about a fence whose flag is clear; drops the reference if it
 * is signaled.
 */
static noinline bool dma_resv_word_signaled(unsigned long word)
{
	if (!dma_fence_is_signaled(dma_resv_word_fence(word)))
		return false;

	dma_resv_word_put(word);
	return true;
}

/*
 * Get the unsignaled fences in the slots from @slot to @end. Store their words
 * or, if @mask clears the usage, pointers in @words. Return where these end; or
 * NULL, with none got, when a fence was replaced on the way. @inside tells that
 * these are the slots inside the object.
 */
static __always_inline unsigned long *
dma_resv_slots_read_rcu(const unsigned long *slot, const unsigned long *end, bool inside,
			enum dma_resv_usage usage, unsigned long mask, unsigned long *words)
{
	unsigned long *next = words, word;

	for (; slot < end; slot++) {
		word = READ_ONCE(*slot);
		if (!dma_resv_word_fence(word)) {
			if (!word && inside)
				break;
			continue;
		}
		if (!dma_resv_word_may_wait(word, usage))
			continue;
		if (unlikely(!dma_resv_word_get_rcu(slot, word))) {
			dma_resv_words_put(words, next - words);
			return NULL;
		}
		if (likely(!dma_resv_word_fence(word)->ops->signaled) ||
		    !dma_resv_word_signaled(word))
			*next++ = word & mask;
	}

	return next;
}

static noinline unsigned long *
dma_resv_table_read_rcu(const unsigned long *slot, const unsigned long *end,
			enum dma_resv_usage usage, unsigned long mask, unsigned long *words)
{
	return dma_resv_slots_read_rcu(slot, end, false, usage, mask, words);
}

/*
 * Return true if the fences just read are those of the reservation: none was
 * replaced while it was got, and the storage is the current one. (Had it been
 * replaced when a slot was looked at again, it still would be now.) Drop them
 * if not.
 */
static __always_inline bool dma_resv_read_done_rcu(struct dma_resv *obj, const unsigned long *slots,
						   const unsigned long *words,
						   const unsigned long *end)
{
	if (likely(end && rcu_access_pointer(obj->fences) == slots))
		return true;

	if (end)
		dma_resv_words_put(words, end - words);
	cpu_relax();
	return false;
}

/*
 * Make the first of the fences that were read ahead, up to @end, the current
 * one.
 */
static __always_inline struct dma_fence *dma_resv_iter_begin_batch(struct dma_resv_iter *cursor,
								   const unsigned long *end)
{
	if (end == cursor->batch)
		return NULL;

	cursor->is_owner = true;
	cursor->at = cursor->batch + 1;
	cursor->end = end;
	cursor->word = cursor->batch[0];
	return dma_resv_word_fence(cursor->word);
}

/*
 * Read ahead from slot @cursor->bound on. Returns false when there is reason to
 * start over; true with none read only at the end. @cursor->fences is current,
 * or was a moment ago.
 */
static __always_inline bool dma_resv_iter_read_rcu(struct dma_resv_iter *cursor,
						   const unsigned long **end)
{
	const unsigned long *slots = cursor->fences;
	unsigned int at, bound = dma_resv_slots_bound(cursor->obj, slots);

	do {
		at = cursor->bound;
		cursor->bound = min(at + DMA_RESV_ITER_BATCH, bound);
		*end = dma_resv_slots_read_rcu(slots + at, slots + cursor->bound, false,
					       cursor->usage, ~0UL, cursor->batch);
		if (!dma_resv_read_done_rcu(cursor->obj, slots, cursor->batch, *end))
			return false;
		cursor->is_last = cursor->bound == bound;
	} while (unlikely(*end == cursor->batch && !cursor->is_last));

	return true;
}

/* Begin a new pass. */
static noinline struct dma_fence *dma_resv_iter_restart_rcu(struct dma_resv_iter *cursor)
{
	const unsigned long *end;

	do {
		cursor->fences = dma_resv_slots_rcu(cursor->obj);
		cursor->generation = dma_resv_generation_read(cursor->obj);
		cursor->bound = 0;
	} while (!dma_resv_iter_read_rcu(cursor, &end));

	cursor->first = cursor->batch + 1;
	return dma_resv_iter_begin_batch(cursor, end);
}

/*
 * Return true if the walk can go on in the table where it was. Inside the
 * object all is read at once. dma_resv_slots_rcu() orders the loads: the
 * compare alone would let the processor load the generation first, before
 * another table came to this address.
 */
static __always_inline bool dma_resv_iter_goes_on_rcu(const struct dma_resv_iter *cursor)
{
	return !cursor->is_last && dma_resv_slots_rcu(cursor->obj) == cursor->fences &&
	       READ_ONCE(cursor->obj->generation) == cursor->generation;
}

/* Go on to slots that were not read yet. */
static noinline struct dma_fence *dma_resv_iter_continue(struct dma_resv_iter *cursor)
{
	const unsigned long *end;

	guard(rcu)();
	if (unlikely(!dma_resv_iter_goes_on_rcu(cursor) || !dma_resv_iter_read_rcu(cursor, &end)))
		return dma_resv_iter_restart_rcu(cursor);

	cursor->first = NULL;
	return dma_resv_iter_begin_batch(cursor, end);
}

/**
 * dma_resv_iter_drop - drop the references of a lock-free walk
 * @cursor: cursor whose last step returned a fence
 *
 * For dma_resv_iter_end() alone, which calls it when the loop was left early:
 * the cursor has a reference to the current fence and to those that it has read
 * ahead.
 *
 * Context: Any context in which the fences may be released.
 */
void dma_resv_iter_drop(struct dma_resv_iter *cursor)
{
	dma_resv_words_put(cursor->at - 1, cursor->end - (cursor->at - 1));
	cursor->is_owner = false;
}
EXPORT_SYMBOL(dma_resv_iter_drop);

/**
 * dma_resv_iter_first_unlocked - start a lock-free walk
 * @cursor: cursor after dma_resv_iter_begin()
 *
 * Use dma_resv_for_each_fence_unlocked().
 *
 * Context: Any context in which the fences may be polled and released. Takes no
 * lock.
 * Return: the first unsignaled fence, with a reference that the cursor owns, or
 * NULL.
 */
struct dma_fence *dma_resv_iter_first_unlocked(struct dma_resv_iter *cursor)
{
	const unsigned long *slots, *end;
	struct dma_resv *obj;

	dma_resv_iter_end(cursor);

	guard(rcu)();
	obj = cursor->obj;
	slots = dma_resv_slots_rcu(obj);
	if (!dma_resv_slots_inline(obj, slots))
		return dma_resv_iter_restart_rcu(cursor);

	/* The common case of a few fences: all at once. */
	cursor->generation = dma_resv_generation_read(obj);
	end = dma_resv_slots_read_rcu(obj->slots, obj->slots + DMA_RESV_INLINE_SLOTS, true,
				      cursor->usage, ~0UL, cursor->batch);
	if (unlikely(!dma_resv_read_done_rcu(obj, slots, cursor->batch, end)))
		return dma_resv_iter_restart_rcu(cursor);

	cursor->fences = slots;
	cursor->first = cursor->batch + 1;
	cursor->is_last = true;
	return dma_resv_iter_begin_batch(cursor, end);
}
EXPORT_SYMBOL(dma_resv_iter_first_unlocked);

/* Return true if fences were replaced since the cursor has read ahead. */
static __always_inline bool dma_resv_iter_is_stale(const struct dma_resv_iter *cursor)
{
	return READ_ONCE(cursor->obj->generation) != cursor->generation;
}

/* Drop the fences that were read ahead, and begin a new pass. */
static noinline struct dma_fence *dma_resv_iter_reread(struct dma_resv_iter *cursor)
{
	dma_resv_iter_drop(cursor);

	guard(rcu)();
	return dma_resv_iter_restart_rcu(cursor);
}

/* Return true if all was read ahead, and is still where it was read. */
static __always_inline bool dma_resv_iter_is_over(const struct dma_resv_iter *cursor)
{
	return cursor->is_last && cursor->fences == rcu_access_pointer(cursor->obj->fences);
}

static __always_inline struct dma_fence *dma_resv_iter_finish(struct dma_resv_iter *cursor)
{
	cursor->first = NULL;
	cursor->is_owner = false;
	return NULL;
}

/*
 * Go on to a fence that was read ahead and has not signaled since, or to one
 * that was not read yet. The loop body may have slept, so the walk asks the
 * driver again. The walk returns no fence that dma_resv_replace_fences() has
 * replaced, because waiting for an eviction fence evicts.
 */
static noinline struct dma_fence *dma_resv_iter_advance(struct dma_resv_iter *cursor)
{
	struct dma_fence *fence;

	if (unlikely(cursor->at < cursor->end && dma_resv_iter_is_stale(cursor)))
		return dma_resv_iter_reread(cursor);

	dma_fence_put(dma_resv_word_fence(cursor->word));
	while (cursor->at < cursor->end) {
		cursor->word = *cursor->at++;
		fence = dma_resv_word_fence(cursor->word);
		if (!dma_fence_is_signaled(fence))
			return fence;
		dma_fence_put(fence);
	}

	cursor->is_owner = false;
	return dma_resv_iter_is_over(cursor) ? dma_resv_iter_finish(cursor) :
					       dma_resv_iter_continue(cursor);
}

/**
 * dma_resv_iter_next_unlocked - continue a lock-free walk
 * @cursor: cursor whose last step returned a fence
 *
 * Drops the reference on the fence before. Begins a new pass when the fences
 * have moved to other storage, or one left it while it was being read.
 *
 * Context: Any context in which the fences may be polled and released. Takes no
 * lock.
 * Return: the next unsignaled fence, with a reference that the cursor owns, or
 * NULL at the end.
 */
struct dma_fence *dma_resv_iter_next_unlocked(struct dma_resv_iter *cursor)
{
	if (cursor->at < cursor->end || !dma_resv_iter_is_over(cursor))
		return dma_resv_iter_advance(cursor);

	dma_fence_put(dma_resv_word_fence(cursor->word));
	return dma_resv_iter_finish(cursor);
}
EXPORT_SYMBOL(dma_resv_iter_next_unlocked);

/* Look at the slots where they are now. */
static void dma_resv_iter_locate(struct dma_resv_iter *cursor)
{
	cursor->fences = dma_resv_slots_locked(cursor->obj);
	cursor->end = cursor->fences + dma_resv_slots_bound(cursor->obj, cursor->fences);
}

/*
 * Find the slot to go on from. A caller that reserved slots may have moved the
 * fences closer together, in the same order. The walk looks at all fences again
 * if the current one was replaced, or signaled and was left behind.
 */
static const unsigned long *dma_resv_iter_behind(struct dma_resv_iter *cursor)
{
	const unsigned long *slot, *old = cursor->fences;

	dma_resv_iter_locate(cursor);
	if (cursor->fences == old)
		return cursor->at;

	for (slot = cursor->fences; slot < cursor->end; slot++)
		if (*slot == cursor->word)
			return slot + 1;
	return cursor->fences;
}

/**
 * dma_resv_iter_first - start a walk under the lock
 * @cursor: cursor after dma_resv_iter_begin()
 *
 * Use dma_resv_for_each_fence().
 *
 * Context: The reservation's lock is held.
 * Return: the first fence, busy or signaled, borrowed from the reservation, or
 * NULL.
 */
struct dma_fence *dma_resv_iter_first(struct dma_resv_iter *cursor)
{
	struct dma_fence *fence;

	dma_resv_assert_held(cursor->obj);

	dma_resv_iter_locate(cursor);
	fence = dma_resv_iter_scan(cursor, cursor->fences);
	cursor->first = cursor->at;
	return fence;
}
EXPORT_SYMBOL_GPL(dma_resv_iter_first);

/**
 * dma_resv_iter_next - continue a walk under the lock
 * @cursor: cursor whose last step returned a fence
 *
 * Context: The reservation's lock is held.
 * Return: the next fence, busy or signaled, borrowed from the reservation, or
 * NULL at the end.
 */
struct dma_fence *dma_resv_iter_next(struct dma_resv_iter *cursor)
{
	dma_resv_assert_held(cursor->obj);

	return dma_resv_iter_scan(cursor, dma_resv_iter_behind(cursor));
}
EXPORT_SYMBOL_GPL(dma_resv_iter_next);

/*
 * Get all unsignaled fences that match @usage, with a reference to each, which
 * is the caller's: their words or, if @mask clears the usage, pointers. Returns
 * how many; or DMA_RESV_NO_SLOT, and none, if there may be more than the @room
 * in @words.
 */
unsigned int dma_resv_busy_read(struct dma_resv *obj, enum dma_resv_usage usage,
				unsigned long mask, unsigned long *words, unsigned int room)
{
	const unsigned long *slots, *end;
	unsigned int bound;

	guard(rcu)();
	do {
		slots = dma_resv_slots_rcu(obj);
		bound = dma_resv_slots_bound(obj, slots);
		if (bound > room)
			return DMA_RESV_NO_SLOT;

		end = dma_resv_table_read_rcu(slots, slots + bound, usage, mask, words);
	} while (unlikely(!dma_resv_read_done_rcu(obj, slots, words, end)));

	return end - words;
}

/*
 * Read like dma_resv_busy_read(), for fences inside the object. Return
 * DMA_RESV_NO_SLOT also if the fences are not inside, or change.
 */
unsigned int dma_resv_busy_read_few(struct dma_resv *obj, enum dma_resv_usage usage,
				    unsigned long mask, unsigned long words[DMA_RESV_INLINE_SLOTS])
{
	const unsigned long *end;

	guard(rcu)();
	if (!dma_resv_slots_inline(obj, dma_resv_slots_rcu(obj)))
		return DMA_RESV_NO_SLOT;

	end = dma_resv_slots_read_rcu(obj->slots, obj->slots + DMA_RESV_INLINE_SLOTS, true, usage,
				      mask, words);
	if (unlikely(!dma_resv_read_done_rcu(obj, obj->slots, words, end)))
		return DMA_RESV_NO_SLOT;
	return end - words;
}

/*
 * Take a reference to the first unsignaled fence that matches @usage, the long
 * way; NULL if none.
 */
struct dma_fence *dma_resv_busy_get_rcu(struct dma_resv *obj, enum dma_resv_usage usage)
{
	const unsigned long *slots, *slot, *end, *got;
	unsigned long word = 0;

restart:
	slots = dma_resv_slots_rcu(obj);
	end = slots + dma_resv_slots_bound(obj, slots);
	for (slot = slots; slot < end; slot++) {
		got = dma_resv_table_read_rcu(slot, slot + 1, usage, ~0UL, &word);
		if (!dma_resv_read_done_rcu(obj, slots, &word, got))
			goto restart;
		if (got != &word)
			return dma_resv_word_fence(word);
	}

	return NULL;
}
