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
#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "dma-resv-internal.h"

/* The reference in a word that is not to be returned. Out of line, for this is not the rule. */
static noinline void dma_resv_word_put(unsigned long word)
{
	dma_fence_put(dma_resv_word_fence(word));
}

static void dma_resv_words_put(const unsigned long *words, unsigned int num)
{
	while (num--)
		dma_fence_put(dma_resv_word_fence(words[num]));
}

/*
 * Get the fence of a word that was read from @slot, unless it is of no interest or known to be
 * signaled: see 5. Returns false, with no reference, when there is nothing to wait for; or, with
 * *again set, when the reference may be that of another fence: see 4.
 */
static __always_inline bool dma_resv_word_get_rcu(const unsigned long *slot, unsigned long word,
						  enum dma_resv_usage usage, bool *again)
{
	struct dma_fence *fence = dma_resv_word_fence(word);

	if (!word || (word & DMA_RESV_WORD_USAGE) > usage || dma_resv_fence_done(fence))
		return false;

	if (unlikely(!dma_fence_get_rcu(fence))) {
		*again = true;
		return false;
	}

	/* Pairs with the release in the last dma_fence_put() of the fence that was here before. */
	smp_rmb();
	/* Pairs with dma_resv_slot_store(); keeps the look at the storage behind this one. */
	if (unlikely(smp_load_acquire(slot) != word)) {
		dma_resv_word_put(word);
		*again = true;
		return false;
	}
	return true;
}

/* Ask the driver about a fence whose flag is clear; drops the reference if it is signaled. */
static noinline bool dma_resv_word_signaled(unsigned long word)
{
	if (!dma_fence_is_signaled(dma_resv_word_fence(word)))
		return false;

	dma_resv_word_put(word);
	return true;
}

/*
 * Get busy fences into @words until there are @room, from slot *@at of @slots to @bound. Returns
 * how many, with *@at moved on; or DMA_RESV_NO_SLOT, and none, when the storage was replaced
 * meanwhile. (Had it been when a slot was looked at again, it still would be now.)
 */
static __always_inline unsigned int
dma_resv_busy_get_rcu(struct dma_resv *obj, const unsigned long *slots, unsigned long *at,
		      unsigned int bound, enum dma_resv_usage usage, unsigned long *words,
		      unsigned int room)
{
	const unsigned long *slot = slots + *at, *end = slots + bound;
	unsigned int num = 0;
	unsigned long word;
	bool again = false;

	while (slot < end && num < room) {
		word = READ_ONCE(*slot);
		if (dma_resv_word_get_rcu(slot, word, usage, &again)) {
			if (likely(!dma_resv_word_fence(word)->ops->signaled) ||
			    !dma_resv_word_signaled(word))
				words[num++] = word;
		} else if (unlikely(again)) {
			again = false;
			if (rcu_access_pointer(obj->fences) != slots)
				break;
			cpu_relax();
			continue;
		}
		slot++;
	}

	if (unlikely(rcu_access_pointer(obj->fences) != slots)) {
		dma_resv_words_put(words, num);
		return DMA_RESV_NO_SLOT;
	}
	*at = slot - slots;
	return num;
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

/* Make the next fence that was read ahead the current one; NULL if there is none. */
static struct dma_fence *dma_resv_iter_pop(struct dma_resv_iter *cursor)
{
	unsigned long word = 0;

	if (cursor->batch_at < cursor->batch_num)
		word = cursor->batch[cursor->batch_at++];

	cursor->fence = dma_resv_word_fence(word);
	cursor->fence_usage = dma_resv_word_usage(word);
	return cursor->fence;
}

/* Read the next busy fences, in a new pass if @restart or if the storage was replaced. */
static struct dma_fence *dma_resv_iter_read(struct dma_resv_iter *cursor, bool restart)
{
	unsigned int num;

	guard(rcu)();
	if (!restart)
		restart = !dma_resv_iter_is_current_rcu(cursor);
	do {
		if (restart)
			dma_resv_iter_restart_rcu(cursor);
		num = dma_resv_busy_get_rcu(cursor->obj, cursor->fences, &cursor->index,
					    dma_resv_slots_bound(cursor->obj, cursor->fences),
					    cursor->usage, cursor->batch, DMA_RESV_ITER_BATCH);
		restart = true;
	} while (unlikely(num == DMA_RESV_NO_SLOT));

	cursor->batch_at = 0;
	cursor->batch_num = num;
	return dma_resv_iter_pop(cursor);
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
	if (cursor->fence)
		dma_resv_iter_end(cursor);
	return dma_resv_iter_read(cursor, true);
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
	dma_fence_put(cursor->fence);
	cursor->is_restarted = false;

	while (dma_resv_iter_pop(cursor)) {
		if (!dma_fence_test_signaled_flag(cursor->fence))
			return cursor->fence;
		dma_fence_put(cursor->fence);
	}

	if (dma_resv_iter_at_inline_end(cursor))
		return NULL;
	return dma_resv_iter_read(cursor, false);
}
EXPORT_SYMBOL(dma_resv_iter_next_unlocked);

/*
 * Look at the slots where they are now. A caller that added fences on the way may have moved them.
 */
static void dma_resv_iter_locate(struct dma_resv_iter *cursor)
{
	cursor->fences = dma_resv_slots_locked(cursor->obj);
	cursor->bound = dma_resv_slots_bound(cursor->obj, cursor->fences);
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
	struct dma_fence *fence;

	dma_resv_assert_held(cursor->obj);

	cursor->index = 0;
	dma_resv_iter_locate(cursor);
	fence = dma_resv_iter_step(cursor);
	cursor->is_restarted = true;
	return fence;
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

	dma_resv_iter_locate(cursor);
	return dma_resv_iter_step(cursor);
}
EXPORT_SYMBOL_GPL(dma_resv_iter_next);

/* Whether a slot holds a fence of interest that is not known to be signaled: see 5. */
static __always_inline bool dma_resv_word_may_wait(unsigned long word, enum dma_resv_usage usage)
{
	return word && (word & DMA_RESV_WORD_USAGE) <= usage &&
	       !dma_resv_fence_done(dma_resv_word_fence(word));
}

/* Find the first slot that may hold something to wait for. */
static __always_inline const unsigned long *
dma_resv_busy_find_rcu(const unsigned long *slots, unsigned int bound, enum dma_resv_usage usage)
{
	const unsigned long *slot, *end = slots + bound;

	for (slot = slots; slot < end; slot++)
		if (dma_resv_word_may_wait(READ_ONCE(*slot), usage))
			return slot;

	return NULL;
}

/* Take a reference to the first busy fence from slot @at on. */
static noinline struct dma_fence *dma_resv_busy_first_rcu(struct dma_resv *obj,
							  const unsigned long *slots,
							  unsigned long at,
							  enum dma_resv_usage usage)
{
	unsigned long word = 0;

	while (dma_resv_busy_get_rcu(obj, slots, &at, dma_resv_slots_bound(obj, slots), usage,
				     &word, 1) == DMA_RESV_NO_SLOT) {
		at = 0;
		slots = rcu_dereference(obj->fences);
		word = 0;
	}

	return dma_resv_word_fence(word);
}

/* Take a reference to a busy fence that matches @usage; NULL if there is none. */
struct dma_fence *dma_resv_busy_get(struct dma_resv *obj, enum dma_resv_usage usage)
{
	const unsigned long *slots, *slot;
	unsigned long word;
	bool again; /* is what follows anyway */

	guard(rcu)();
	slots = rcu_dereference(obj->fences);
	slot = dma_resv_busy_find_rcu(slots, dma_resv_slots_bound(obj, slots), usage);
	if (!slot)
		return NULL;

	word = READ_ONCE(*slot);
	if (likely(dma_resv_word_get_rcu(slot, word, usage, &again))) {
		if (!dma_resv_word_fence(word)->ops->signaled &&
		    rcu_access_pointer(obj->fences) == slots)
			return dma_resv_word_fence(word);
		dma_resv_word_put(word);
	}

	return dma_resv_busy_first_rcu(obj, slots, slot - slots, usage);
}

/*
 * Whether there is anything to wait for. Who need not ask the driver needs no reference: a slot
 * that still has the word after the flag was read had that fence when it was.
 */
bool dma_resv_is_busy(struct dma_resv *obj, enum dma_resv_usage usage)
{
	const unsigned long *slots, *slot;
	struct dma_fence *fence;
	unsigned long word;

	guard(rcu)();
	slots = rcu_dereference(obj->fences);
	slot = dma_resv_busy_find_rcu(slots, dma_resv_slots_bound(obj, slots), usage);
	if (!slot)
		return false;

	word = READ_ONCE(*slot);
	if (dma_resv_word_may_wait(word, usage) && !dma_resv_word_fence(word)->ops->signaled) {
		/* Pairs with dma_resv_slot_store(), and the release in the last dma_fence_put(). */
		smp_rmb();
		if (READ_ONCE(*slot) == word && rcu_access_pointer(obj->fences) == slots)
			return true;
	}

	fence = dma_resv_busy_first_rcu(obj, slots, slot - slots, usage);
	dma_fence_put(fence);
	return fence;
}

/* Fill @snap, which has @room. Returns 0, or how much room it takes at the moment. */
static unsigned int dma_resv_snapshot_fill(struct dma_resv_snapshot *snap, unsigned int room,
					   struct dma_resv *obj, enum dma_resv_usage usage)
{
	const unsigned long *slots;
	unsigned long at;
	unsigned int bound;

	guard(rcu)();
	do {
		at = 0;
		snap->num = 0;
		slots = rcu_dereference(obj->fences);
		bound = dma_resv_slots_bound(obj, slots);
		if (bound > room)
			return dma_resv_busy_find_rcu(slots, bound, usage) ? bound : 0;
		snap->num = dma_resv_busy_get_rcu(obj, slots, &at, bound, usage, snap->words, room);
	} while (unlikely(snap->num == DMA_RESV_NO_SLOT));

	return 0;
}

/* Give back what a snapshot consists of besides references. */
void dma_resv_snapshot_free(struct dma_resv_snapshot *snap)
{
	if (snap->words != snap->few)
		kfree(snap->words);
}

/*
 * Take a snapshot of the busy fences that match @usage. Each comes with a reference, which is the
 * caller's; so is dma_resv_snapshot_free(). Returns 0 or -ENOMEM, with nothing to give back then.
 */
int dma_resv_snapshot_take(struct dma_resv_snapshot *snap, struct dma_resv *obj,
			   enum dma_resv_usage usage)
{
	unsigned int room = ARRAY_SIZE(snap->few);

	snap->words = snap->few;
	while ((room = dma_resv_snapshot_fill(snap, room, obj, usage))) {
		dma_resv_snapshot_free(snap);
		snap->words = kmalloc_array(room, sizeof(*snap->words), GFP_KERNEL);
		if (!snap->words)
			return -ENOMEM;
	}
	return 0;
}

/* Drop all that a snapshot refers to and consists of. */
void dma_resv_snapshot_drop(struct dma_resv_snapshot *snap)
{
	dma_resv_words_put(snap->words, snap->num);
	dma_resv_snapshot_free(snap);
}
