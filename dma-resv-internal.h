/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a reservation stores its fences. Only the dma-resv*.c files share this.
 *
 * A slot is one word: a fence pointer with the usage in its two low bits, or 0
 * for an empty slot. A slot inside the object that has become empty is idle, a
 * word with a usage and without a fence. A reservation begins without storage:
 * fences is NULL. The first dma_resv_reserve_fences() takes a handful of slots
 * inside struct dma_resv into use, which are searched linearly. When these do
 * not suffice, all fences move to a table, which finds a context's fence by
 * hash:
 *
 *	struct dma_resv                      struct dma_resv_table
 *	+-----------+                        +------------------------------+
 *	| lock      |                        | rcu num capacity used ...    |
 *	| fences ---|--+-- one of the two -->| word[capacity]               |
 *	| slots[4]<-|--+                     | link[capacity] head[1 << bits]
 *	+-----------+                        +------------------------------+
 *
 * Only the lock holder uses link and head. Readers without the lock see the
 * words, nothing else. A fence never moves within its storage, and storage that
 * was left behind is never written again. The proof in dma-resv-iter.c relies
 * on both. Once left, the slots inside struct dma_resv are not used again.
 * Until then they are filled from the first one on. None becomes 0 alone, so
 * the first 0 is the end.
 */
#ifndef _DMA_RESV_INTERNAL_H
#define _DMA_RESV_INTERNAL_H

#include <linux/container_of.h>
#include <linux/dma-resv.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

/* The storage */

/**
 * struct dma_resv_table - slots for more fences than fit into struct dma_resv
 * @rcu: frees the table after the last lock-free reader
 * @num: slots in use or once used, the readers' bound. Locking: written under
 *	the resv lock with release semantics after the slot was filled; readers
 *	pair with an acquire.
 * @capacity: slots there are; constant
 * @bits: binary logarithm of the number of hash buckets; constant
 * @used: slots that hold a fence. Locking: resv lock.
 * @free: 1 + first of the empty slots below @num, chained by their links; 0 if
 *	none.
 *	Locking: resv lock.
 * @word: the slots, followed by a u32 link per slot and a u32 head per bucket;
 *	links and heads are slot numbers plus 1, with 0 as end. Locking: words
 *	as @num, links and heads resv lock.
 */
struct dma_resv_table {
	struct rcu_head rcu;
	unsigned int num;
	unsigned int capacity;
	unsigned int bits;
	unsigned int used;
	unsigned int free;
	unsigned long word[];
};

/*
 * The word of an idle slot inside the object: it has no fence, and is not the
 * end.
 */
#define DMA_RESV_WORD_IDLE	((unsigned long)DMA_RESV_USAGE_BOOKKEEP)

static inline unsigned long dma_resv_word(struct dma_fence *fence, enum dma_resv_usage usage)
{
	return (unsigned long)fence | usage;
}

static inline struct dma_fence *dma_resv_word_fence(unsigned long word)
{
	return (struct dma_fence *)(word & ~DMA_RESV_WORD_USAGE);
}

static inline enum dma_resv_usage dma_resv_word_usage(unsigned long word)
{
	return word & DMA_RESV_WORD_USAGE;
}

static inline bool dma_resv_slots_inline(const struct dma_resv *obj, const unsigned long *slots)
{
	return slots == obj->slots;
}

/*
 * Return true if no fence follows @word. The slots inside the object are filled
 * from the first one on.
 */
static inline bool dma_resv_word_is_end(const struct dma_resv *obj,
					const unsigned long *slots, unsigned long word)
{
	return !word && dma_resv_slots_inline(obj, slots);
}

static inline struct dma_resv_table *dma_resv_slots_table(const unsigned long *slots)
{
	return container_of(slots, struct dma_resv_table, word[0]);
}

/* The caller holds the resv lock. */
static inline unsigned long *dma_resv_slots_locked(struct dma_resv *obj)
{
	return rcu_dereference_protected(obj->fences, dma_resv_held(obj));
}

/* Get the slots, for a reader that does not hold the lock. */
static inline const unsigned long *dma_resv_slots_rcu(struct dma_resv *obj)
{
	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "the fences of a reservation need RCU or its lock");
	/*
	 * Pairs with rcu_assign_pointer(). For a table a dependency would do;
	 * the slots inside the object, cleared before they are published, are
	 * reached without the pointer.
	 */
	return (__force const unsigned long *)smp_load_acquire(&obj->fences);
}

/* Get the number of slots that a reader may look at. */
static inline unsigned int dma_resv_slots_bound(const struct dma_resv *obj,
						const unsigned long *slots)
{
	if (dma_resv_slots_inline(obj, slots))
		return DMA_RESV_INLINE_SLOTS;
	if (!slots)
		return 0;

	/*
	 * Pairs with dma_resv_slot_store(): a reader that sees the bound sees
	 * the words below it.
	 */
	return smp_load_acquire(&dma_resv_slots_table(slots)->num);
}

/*
 * Make the walks look again at the fences that they have read ahead. The caller
 * holds the resv lock.
 */
static inline void dma_resv_generation_next(struct dma_resv *obj)
{
	/*
	 * Pairs with dma_resv_generation_read(): the replaced words are
	 * visible, too.
	 */
	smp_store_release(&obj->generation, obj->generation + 1);
}

/*
 * Read the generation of the fences that the caller reads afterwards, or an
 * earlier generation.
 */
static inline unsigned int dma_resv_generation_read(const struct dma_resv *obj)
{
	/* Pairs with dma_resv_generation_next(). */
	return smp_load_acquire(&obj->generation);
}

/*
 * Return true if the fence is known to have signaled, without asking the
 * driver. The acquire pairs with the atomic set of the bit when the fence
 * signals. The stores before the signal are then visible.
 */
static inline bool dma_resv_fence_done(const struct dma_fence *fence)
{
	return test_bit_acquire(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags);
}

/*
 * Return true if @fence with @usage makes the fence in @word superfluous. Both
 * must have the same context.
 */
static inline bool dma_resv_word_superseded(unsigned long word, struct dma_fence *fence,
					    enum dma_resv_usage usage)
{
	struct dma_fence *old = dma_resv_word_fence(word);

	return old->context == fence->context && dma_resv_word_usage(word) >= usage &&
	       dma_fence_is_later_or_same(fence, old);
}

/* Publish a word in a slot that readers may look at. */
static inline void dma_resv_slot_store(unsigned long *slot, unsigned long word)
{
	/*
	 * Pairs with the dependency of READ_ONCE(), and with
	 * dma_resv_word_get_rcu().
	 */
	smp_store_release(slot, word);
}

static inline unsigned int dma_resv_slots_used(struct dma_resv *obj)
{
	unsigned long *slots = dma_resv_slots_locked(obj);
	unsigned int i, used = 0;

	if (!slots)
		return 0;
	if (!dma_resv_slots_inline(obj, slots))
		return dma_resv_slots_table(slots)->used;

	for (i = 0; i < DMA_RESV_INLINE_SLOTS; i++)
		used += !!dma_resv_word_fence(slots[i]);
	return used;
}

static inline unsigned int dma_resv_slots_capacity(struct dma_resv *obj)
{
	unsigned long *slots = dma_resv_slots_locked(obj);

	if (dma_resv_slots_inline(obj, slots))
		return DMA_RESV_INLINE_SLOTS;
	return slots ? dma_resv_slots_table(slots)->capacity : 0;
}

static inline unsigned int dma_resv_slots_room(struct dma_resv *obj)
{
	return dma_resv_slots_capacity(obj) - dma_resv_slots_used(obj);
}

/* dma-resv-slots.c: changes of the storage */

int dma_resv_room_make(struct dma_resv *obj, unsigned int num);
bool dma_resv_slots_grow(struct dma_resv *obj, unsigned int num, gfp_t gfp);
int dma_resv_slots_assign(struct dma_resv *obj, const unsigned long *words, unsigned int count);
void dma_resv_table_assign(struct dma_resv *obj, struct dma_resv_table *table);
void dma_resv_slots_drop(struct dma_resv *obj, unsigned long *slots);

/* dma-resv-watch.c: telling sleepers of the next fence */

void dma_resv_watch_call(struct dma_resv *obj, enum dma_resv_usage usage);

/* dma-resv-table.c: the table and its index */

#define DMA_RESV_NO_SLOT UINT_MAX

/*
 * With its share of the buckets a slot takes less than 16 bytes: so many the
 * allocator can give.
 */
#define DMA_RESV_SLOTS_MAX \
	((unsigned int)((KMALLOC_MAX_SIZE - sizeof(struct dma_resv_table)) / 16))

struct dma_resv_table *dma_resv_table_alloc(unsigned int slots, gfp_t gfp);
struct dma_resv_table *dma_resv_table_build(const unsigned long *words, unsigned int count,
					    unsigned int slots, gfp_t gfp);
void dma_resv_table_index(struct dma_resv_table *table);
void dma_resv_table_index_new(struct dma_resv_table *table);
unsigned int dma_resv_table_pick(struct dma_resv_table *table, struct dma_fence *fence,
				 enum dma_resv_usage usage);

/* dma-resv-iter.c: lock-free readers. The numbers refer to the proof there. */

unsigned int dma_resv_busy_read(struct dma_resv *obj, enum dma_resv_usage usage,
				unsigned long mask, unsigned long *words, unsigned int room);
unsigned int dma_resv_busy_read_few(struct dma_resv *obj, enum dma_resv_usage usage,
				    unsigned long mask, unsigned long words[DMA_RESV_INLINE_SLOTS]);
struct dma_fence *dma_resv_busy_get_rcu(struct dma_resv *obj, enum dma_resv_usage usage);
void dma_resv_words_put(const unsigned long *words, unsigned int num);
void dma_resv_word_put(unsigned long word);

/*
 * Return true if a word has a fence that is of interest and not known to be
 * signaled: see 5.
 */
static __always_inline bool dma_resv_word_may_wait(unsigned long word, enum dma_resv_usage usage)
{
	struct dma_fence *fence = dma_resv_word_fence(word);

	return fence && dma_resv_word_usage(word) <= usage && !dma_resv_fence_done(fence);
}

/*
 * Get the fence whose word was found in @slot, unless it may be another one by
 * now: see 4.
 */
static __always_inline bool dma_resv_word_get_rcu(const unsigned long *slot, unsigned long word)
{
	if (unlikely(!kref_get_unless_zero(&dma_resv_word_fence(word)->refcount)))
		return false;

	/*
	 * Pairs with the release of the count of a fence that is made there
	 * later. What the caller sees of the storage is behind it, too; in
	 * which order with the slot does not matter.
	 */
	smp_rmb();
	if (likely(READ_ONCE(*slot) == word))
		return true;

	dma_resv_word_put(word);
	return false;
}

/*
 * Find the first slot from @slot on that may hold something to wait for, and
 * its word; or NULL.
 */
static __always_inline const unsigned long *
dma_resv_busy_find_rcu(struct dma_resv *obj, const unsigned long *slots,
		       const unsigned long *slot, enum dma_resv_usage usage, unsigned long *word)
{
	const unsigned long *end = slots + dma_resv_slots_bound(obj, slots);

	for (; slot < end; slot++) {
		*word = READ_ONCE(*slot);
		if (dma_resv_word_is_end(obj, slots, *word))
			break;
		if (dma_resv_word_may_wait(*word, usage))
			return slot;
	}

	return NULL;
}

/*
 * Return the number of words that dma_resv_busy_read() needs at the moment.
 * Return 0 if there is no fence to wait for.
 */
static inline unsigned int dma_resv_busy_bound(struct dma_resv *obj, enum dma_resv_usage usage)
{
	const unsigned long *slots;
	unsigned long word;

	guard(rcu)();
	slots = dma_resv_slots_rcu(obj);
	if (!dma_resv_busy_find_rcu(obj, slots, slots, usage, &word))
		return 0;
	return dma_resv_slots_bound(obj, slots);
}

#endif /* _DMA_RESV_INTERNAL_H */
