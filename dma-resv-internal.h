/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a reservation stores its fences; shared by the dma-resv*.c files and by nobody else.
 *
 * A slot is one word: a fence pointer with the usage in its two low bits, or 0 for an empty slot.
 * A reservation begins without storage: fences is NULL. What is reserved first takes a handful of
 * slots inside struct dma_resv into use, searched linearly. When these do not suffice, all fences
 * move to a table, which finds a context's fence by hash:
 *
 *	struct dma_resv                      struct dma_resv_table
 *	+-----------+                        +------------------------------+
 *	| lock      |                        | rcu num capacity used ...    |
 *	| fences ---|--+-- one of the two -->| word[capacity]               |
 *	| slots[4]<-|--+                     | link[capacity] head[1 << bits] (lock holder only)
 *	+-----------+                        +------------------------------+
 *
 * Readers without the lock see words, nothing else. A fence never moves within its storage, and
 * storage that was left behind is never written again; this is what their proof in dma-resv-iter.c
 * stands on. Once left, the slots inside struct dma_resv are not used again.
 */
#ifndef _DMA_RESV_INTERNAL_H
#define _DMA_RESV_INTERNAL_H

#include <linux/container_of.h>
#include <linux/dma-resv.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

/* dma-resv.c: storage */

/**
 * struct dma_resv_table - slots for more fences than fit into struct dma_resv
 * @rcu: frees the table after the last lock-free reader
 * @num: slots in use or once used, the readers' bound. Locking: written under the resv lock with
 *	release semantics after the slot was filled; readers pair with an acquire.
 * @generation: differs from that of the storage it replaced; constant
 * @capacity: slots there are; constant
 * @bits: binary logarithm of the number of hash buckets; constant
 * @used: slots that hold a fence. Locking: resv lock.
 * @free: 1 + first of the empty slots below @num, chained by their links; 0 if none.
 *	Locking: resv lock.
 * @word: the slots, followed by a u32 link per slot and a u32 head per bucket; links and heads are
 *	slot numbers plus 1, with 0 as end. Locking: words as @num, links and heads resv lock.
 */
struct dma_resv_table {
	struct rcu_head rcu;
	unsigned int num;
	unsigned int generation;
	unsigned int capacity;
	unsigned int bits;
	unsigned int used;
	unsigned int free;
	unsigned long word[];
};

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

static inline struct dma_resv_table *dma_resv_slots_table(const unsigned long *slots)
{
	return container_of(slots, struct dma_resv_table, word[0]);
}

/* The caller holds the resv lock. */
static inline unsigned long *dma_resv_slots_locked(struct dma_resv *obj)
{
	return rcu_dereference_protected(obj->fences, dma_resv_held(obj));
}

/* How many of the slots may be looked at. */
static inline unsigned int dma_resv_slots_bound(const struct dma_resv *obj,
						const unsigned long *slots)
{
	if (dma_resv_slots_inline(obj, slots))
		return DMA_RESV_INLINE_SLOTS;
	if (!slots)
		return 0;

	/* Pairs with dma_resv_slot_store(): whoever sees the bound sees the words below it. */
	return smp_load_acquire(&dma_resv_slots_table(slots)->num);
}

static inline unsigned int dma_resv_slots_generation(const struct dma_resv *obj,
						     const unsigned long *slots)
{
	if (!slots || dma_resv_slots_inline(obj, slots))
		return 0;
	return dma_resv_slots_table(slots)->generation;
}

/*
 * Whether the fence is known to have signaled, without asking the driver. The acquire pairs with
 * the atomic set of the bit when the fence signals: what came before is visible afterwards.
 */
static inline bool dma_resv_fence_done(const struct dma_fence *fence)
{
	return test_bit_acquire(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags);
}

/* Whether @fence with @usage makes the same context's fence in @word superfluous. */
static inline bool dma_resv_word_superseded(unsigned long word, struct dma_fence *fence,
					    enum dma_resv_usage usage)
{
	struct dma_fence *old = dma_resv_word_fence(word);

	return old->context == fence->context && dma_resv_word_usage(word) >= usage &&
	       dma_fence_is_later_or_same(fence, old);
}

int dma_resv_slots_assign(struct dma_resv *obj, const unsigned long *words, unsigned int count);

/* dma-resv-table.c: the table and its index */

#define DMA_RESV_NO_SLOT UINT_MAX

/* With its share of the buckets a slot takes less than 16 bytes: so many the allocator can give. */
#define DMA_RESV_SLOTS_MAX ((KMALLOC_MAX_SIZE - sizeof(struct dma_resv_table)) / 16)

struct dma_resv_table *dma_resv_table_build(const unsigned long *words, unsigned int count,
					    unsigned int slots, gfp_t gfp);
void dma_resv_table_index(struct dma_resv_table *table);
unsigned int dma_resv_table_pick(struct dma_resv_table *table, struct dma_fence *fence,
				 enum dma_resv_usage usage);

/* dma-resv-iter.c: lock-free readers */

/**
 * struct dma_resv_snapshot - the busy fences of a reservation at one moment
 * @num: how many
 * @words: their words, with a reference on each fence: @few or an allocation of its own
 * @few: room for the common case
 */
struct dma_resv_snapshot {
	unsigned int num;
	unsigned long *words;
	unsigned long few[DMA_RESV_INLINE_SLOTS];
};

struct dma_fence *dma_resv_busy_get(struct dma_resv *obj, enum dma_resv_usage usage);
bool dma_resv_is_busy(struct dma_resv *obj, enum dma_resv_usage usage);
int dma_resv_snapshot_take(struct dma_resv_snapshot *snap, struct dma_resv *obj,
			   enum dma_resv_usage usage);
void dma_resv_snapshot_free(struct dma_resv_snapshot *snap);
void dma_resv_snapshot_drop(struct dma_resv_snapshot *snap);

#endif /* _DMA_RESV_INTERNAL_H */
