// SPDX-License-Identifier: GPL-2.0-only
/*
 * The storage of a reservation: find the fences, reserve free slots, and
 * exchange all fences.
 *
 * Locks: all callers hold the reservation lock, unless only the caller has the
 * object.
 */

#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dma-resv-internal.h"

static void dma_resv_slots_put(const unsigned long *slots, unsigned int bound)
{
	unsigned int i;

	for (i = 0; i < bound; i++)
		dma_fence_put(dma_resv_word_fence(slots[i]));
}

/*
 * Free storage when the lock-free readers that may be in the middle of it have
 * left.
 */
static void dma_resv_slots_retire(struct dma_resv *obj, unsigned long *slots)
{
	if (slots && !dma_resv_slots_inline(obj, slots))
		kfree_rcu(dma_resv_slots_table(slots), rcu);
}

/*
 * Make @table the current storage. The caller retires the old storage, without
 * changing it.
 */
static void dma_resv_table_publish(struct dma_resv *obj, struct dma_resv_table *table)
{
	if (dma_resv_slots_locked(obj))
		dma_resv_generation_next(obj);
	else
		WRITE_ONCE(obj->generation, 0);
	rcu_assign_pointer(obj->fences, table->word);
}

/*
 * A first table of 256 bytes, in which the 15 slots become 16. A smaller one
 * would be outgrown too soon, and an allocation costs more than a dozen slots.
 */
#define DMA_RESV_TABLE_MIN 15U

/*
 * Build a larger table with @wanted slots, or without memory for that with the
 * @needed ones.
 */
static struct dma_resv_table *dma_resv_table_build_larger(struct dma_resv *obj, unsigned int wanted,
							  unsigned int needed, gfp_t gfp)
{
	unsigned long *old = dma_resv_slots_locked(obj);
	unsigned int bound = dma_resv_slots_bound(obj, old);
	struct dma_resv_table *table;

	if (wanted > needed) {
		table = dma_resv_table_build(old, bound, wanted,
					     gfp | __GFP_NORETRY | __GFP_NOWARN);
		if (table)
			return table;
	}
	return dma_resv_table_build(old, bound, needed, gfp);
}

/*
 * Move to a table for @num more fences and then twice as many as there are:
 * amortized O(1). Without memory for that much, the table is only as large as
 * it has to be.
 */
bool dma_resv_slots_grow(struct dma_resv *obj, unsigned int num, gfp_t gfp)
{
	unsigned long *old = dma_resv_slots_locked(obj);
	unsigned int used = dma_resv_slots_used(obj);
	struct dma_resv_table *table;
	unsigned int wanted;

	if (num > DMA_RESV_SLOTS_MAX - used)
		return false;

	wanted = clamp(3 * used + num, DMA_RESV_TABLE_MIN, DMA_RESV_SLOTS_MAX);
	table = dma_resv_table_build_larger(obj, wanted, max(used + num, DMA_RESV_TABLE_MIN), gfp);
	if (!table)
		return false;

	dma_resv_table_publish(obj, table);
	dma_resv_slots_retire(obj, old);
	return true;
}

/* Throw out all fences. */
static void dma_resv_slots_clear(struct dma_resv *obj)
{
	unsigned long *slots = dma_resv_slots_locked(obj);
	unsigned int i, bound = dma_resv_slots_bound(obj, slots);
	struct dma_fence *fence;

	for (i = 0; i < bound; i++) {
		fence = dma_resv_word_fence(slots[i]);
		dma_resv_slot_store(&slots[i], 0);
		dma_fence_put(fence);
	}

	if (slots && !dma_resv_slots_inline(obj, slots))
		dma_resv_table_index(dma_resv_slots_table(slots));
}

/*
 * Throw the signaled fences out of a table, asking the driver where the core
 * does not know.
 */
static void dma_resv_table_expire(struct dma_resv_table *table)
{
	unsigned int i, num = table->num;
	struct dma_fence *fence;
	bool found = false;

	for (i = 0; i < num; i++) {
		fence = dma_resv_word_fence(table->word[i]);
		if (!fence || !dma_fence_is_signaled(fence))
			continue;

		dma_resv_slot_store(&table->word[i], 0);
		dma_fence_put(fence);
		found = true;
	}

	if (found)
		dma_resv_table_index(table);
}

/*
 * Throw the signaled fences out of the slots inside the object. These slots
 * become idle and not 0, because readers take the first 0 for the end. Return
 * how many have no fence.
 */
static unsigned int dma_resv_inline_expire(struct dma_resv *obj)
{
	unsigned int i, room = 0;
	struct dma_fence *fence;

	for (i = 0; i < DMA_RESV_INLINE_SLOTS; i++) {
		fence = dma_resv_word_fence(obj->slots[i]);
		if (fence && !dma_fence_is_signaled(fence))
			continue;

		room++;
		if (!fence)
			continue;
		dma_resv_slot_store(&obj->slots[i], DMA_RESV_WORD_IDLE);
		dma_fence_put(fence);
	}

	return room;
}

/* Find out how many slots may be used, at the cost of looking at all. */
static unsigned int dma_resv_room_recover(struct dma_resv *obj)
{
	unsigned long *slots = dma_resv_slots_locked(obj);

	if (!slots)
		return 0;
	if (dma_resv_slots_inline(obj, slots))
		return dma_resv_inline_expire(obj);

	dma_resv_table_expire(dma_resv_slots_table(slots));
	return dma_resv_slots_room(obj);
}

/*
 * Take the slots inside the object into use, if there was no storage yet and
 * they will do.
 */
static bool dma_resv_inline_begin(struct dma_resv *obj, unsigned int num)
{
	if (dma_resv_slots_locked(obj) || num > DMA_RESV_INLINE_SLOTS)
		return false;

	memset(obj->slots, 0, sizeof(obj->slots));
	WRITE_ONCE(obj->generation, 0);
	rcu_assign_pointer(obj->fences, obj->slots);
	return true;
}

/*
 * Make use of the slots of what has signaled; when that gives little, grow
 * instead, so that the next look at all the fences is as many added ones away
 * as it takes to pay for it.
 */
int dma_resv_room_make(struct dma_resv *obj, unsigned int num)
{
	unsigned int room, wanted;

	if (dma_resv_inline_begin(obj, num) || dma_resv_slots_room(obj) >= num)
		return 0;

	room = dma_resv_room_recover(obj);
	wanted = max(num, dma_resv_slots_capacity(obj) / 4);
	if (room >= wanted)
		return 0;
	if (!dma_resv_slots_grow(obj, num, GFP_KERNEL))
		return room >= num ? 0 : -ENOMEM;
	return 0;
}

/*
 * Fill the slots inside the object, if they have no fence. Return false if they
 * will not do.
 */
static bool dma_resv_inline_assign(struct dma_resv *obj, const unsigned long *words,
				   unsigned int count)
{
	unsigned int i;

	if (!dma_resv_inline_begin(obj, count) &&
	    (!dma_resv_slots_inline(obj, dma_resv_slots_locked(obj)) ||
	     dma_resv_slots_used(obj) || count > DMA_RESV_INLINE_SLOTS))
		return false;

	for (i = 0; i < count; i++)
		dma_resv_slot_store(&obj->slots[i], words[i]);
	return true;
}

/*
 * Hold exactly the fences of a table that only the caller has. The caller holds
 * the lock.
 */
void dma_resv_table_assign(struct dma_resv *obj, struct dma_resv_table *table)
{
	unsigned long *old = dma_resv_slots_locked(obj);

	dma_resv_table_publish(obj, table);
	dma_resv_slots_put(old, dma_resv_slots_bound(obj, old));
	dma_resv_slots_retire(obj, old);
}

/*
 * Hold exactly @count fences, given as words with a reference each, which pass
 * to @obj on success. The caller holds the lock. Returns 0, or -ENOMEM with
 * nothing changed.
 */
int dma_resv_slots_assign(struct dma_resv *obj, const unsigned long *words, unsigned int count)
{
	struct dma_resv_table *table;

	if (!count) {
		dma_resv_slots_clear(obj);
		return 0;
	}
	if (dma_resv_inline_assign(obj, words, count))
		return 0;

	table = dma_resv_table_build(words, count, count, GFP_KERNEL);
	if (!table)
		return -ENOMEM;

	dma_resv_table_assign(obj, table);
	return 0;
}

/* Drop all fences of a reservation that has no users any more. */
void dma_resv_slots_drop(struct dma_resv *obj, unsigned long *slots)
{
	dma_resv_slots_put(slots, dma_resv_slots_bound(obj, slots));
	dma_resv_slots_retire(obj, slots);
}
