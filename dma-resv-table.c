// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table in which a reservation keeps its fences once they are more than a
 * few: a slot of any context is found in constant time, however many contexts
 * there are.
 *
 * Chained hashing, with slot numbers for pointers. Nothing ever moves within a
 * table, for lock-free readers go through the slots; only the index around them
 * changes, which is the lock holder's.
 *
 * Locks: all callers hold the reservation lock, unless only the caller has the
 * table yet.
 */

#include <linux/dma-fence.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dma-resv-internal.h"

/*
 * Size of a slot without its share of the buckets; see DMA_RESV_SLOTS_MAX.
 */
#define DMA_RESV_SLOT_BYTES (sizeof(unsigned long) + sizeof(u32))

/*
 * Links and heads of a table are slot numbers plus 1, so that zeroed memory is
 * an empty index.
 */
static u32 *dma_resv_table_links(struct dma_resv_table *table)
{
	return (u32 *)(table->word + table->capacity);
}

static u32 *dma_resv_table_heads(struct dma_resv_table *table)
{
	return dma_resv_table_links(table) + table->capacity;
}

static u32 *dma_resv_table_head(struct dma_resv_table *table, u64 context)
{
	return dma_resv_table_heads(table) + hash_64(context, table->bits);
}

/*
 * Index the words of a table whose heads are zero: chain the fences by context
 * and the empty slots to each other, let the readers' bound shrink to the last
 * fence.
 */
void dma_resv_table_index_new(struct dma_resv_table *table)
{
	u32 *head, *links = dma_resv_table_links(table), *heads = dma_resv_table_heads(table);
	unsigned int i, num = table->num, bits = table->bits, used = 0, free = 0;
	struct dma_fence *fence;

	while (num && !table->word[num - 1])
		num--;
	/*
	 * Pairs with dma_resv_slots_bound(): a reader that sees the number sees
	 * the words.
	 */
	smp_store_release(&table->num, num);

	for (i = num; i--; ) {
		fence = dma_resv_word_fence(table->word[i]);
		if (!fence) {
			links[i] = free;
			free = i + 1;
			continue;
		}
		head = heads + hash_64(fence->context, bits);
		links[i] = *head;
		*head = i + 1;
		used++;
	}

	table->used = used;
	table->free = free;
}

/* Index the words anew, after they were changed behind the index's back. */
void dma_resv_table_index(struct dma_resv_table *table)
{
	memset(dma_resv_table_heads(table), 0, sizeof(u32) << table->bits);
	dma_resv_table_index_new(table);
}

/*
 * Make an empty table of @slots at least. About half as many buckets as slots:
 * a chain is one or two fences long.
 */
struct dma_resv_table *dma_resv_table_alloc(unsigned int slots, gfp_t gfp)
{
	unsigned int bits = max(ilog2(slots), 2) - 1;
	struct dma_resv_table *table;
	size_t fixed, size;

	if (slots > DMA_RESV_SLOTS_MAX)
		return NULL;

	fixed = sizeof(*table) + (sizeof(u32) << bits);
	size = kmalloc_size_roundup(fixed + slots * DMA_RESV_SLOT_BYTES);
	table = kzalloc(size, gfp);
	if (!table)
		return NULL;

	table->capacity = (size - fixed) / DMA_RESV_SLOT_BYTES;
	table->bits = bits;
	return table;
}

/*
 * Make a table of those of @count words that have a fence, with at least @slots
 * slots.
 */
struct dma_resv_table *dma_resv_table_build(const unsigned long *words, unsigned int count,
					    unsigned int slots, gfp_t gfp)
{
	struct dma_resv_table *table = dma_resv_table_alloc(slots, gfp);
	unsigned int i, num = 0;

	if (!table)
		return NULL;

	for (i = 0; i < count; i++)
		if (dma_resv_word_fence(words[i]))
			table->word[num++] = words[i];
	table->num = num;
	dma_resv_table_index_new(table);
	return table;
}

/* Take an empty slot for a fence of @context. The caller fills it. */
static unsigned int dma_resv_table_claim(struct dma_resv_table *table, u64 context)
{
	u32 *head, *links = dma_resv_table_links(table);
	unsigned int i = table->num;

	if (table->free) {
		i = table->free - 1;
		table->free = links[i];
	} else if (i == table->capacity) {
		return DMA_RESV_NO_SLOT;
	}

	head = dma_resv_table_head(table, context);
	links[i] = *head;
	*head = i + 1;
	table->used++;
	return i;
}

/*
 * Find the slot for a fence: that of one it supersedes, or an empty one, or
 * DMA_RESV_NO_SLOT.
 *
 * Any signaled fence of the chain may go as well: it shares the bucket with the
 * new one, so that the index stays right whatever its context is. An empty slot
 * is indexed here, the caller fills it.
 */
unsigned int dma_resv_table_pick(struct dma_resv_table *table, struct dma_fence *fence,
				 enum dma_resv_usage usage)
{
	u32 *links = dma_resv_table_links(table);
	unsigned long word;
	u32 i;

	for (i = *dma_resv_table_head(table, fence->context); i; i = links[i - 1]) {
		word = table->word[i - 1];
		if (dma_resv_word_superseded(word, fence, usage) ||
		    dma_resv_fence_done(dma_resv_word_fence(word)))
			return i - 1;
	}

	return dma_resv_table_claim(table, fence->context);
}
