// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-fence-unwrap: flatten containers, and merge fences into one that is flat
 * again.
 *
 * Containers nest one way only: a chain link may hold an array, an array holds
 * neither. Therefore a cursor needs two positions, the link and the index
 * inside of it, and no stack.
 *
 * Locks: none of its own; looking whether a fence is signaled may take that
 * fence's lock.
 */

#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/export.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "dma-fence-internal.h"

/*
 * Enter what the current link holds; on to the next link while there is nothing
 * in it.
 */
static struct dma_fence *dma_fence_unwrap_link_enter(struct dma_fence_unwrap *cursor)
{
	struct dma_fence *fence;

	for (;;) {
		cursor->array = dma_fence_chain_contained(cursor->chain);
		cursor->index = 0;
		fence = dma_fence_array_first(cursor->array);
		if (fence || !cursor->chain)
			return fence;

		cursor->chain = dma_fence_chain_walk(cursor->chain);
	}
}

/**
 * dma_fence_unwrap_first - start of dma_fence_unwrap_for_each()
 * @head: any fence, or NULL; the caller keeps its reference
 * @cursor: position, initialized here; takes a reference of its own to the link
 *	it is at
 *
 * Context: Any; may signal fences that are found done.
 * Return: The first fence inside of @head, borrowed until the next step, or
 * NULL if there is none.
 */
struct dma_fence *dma_fence_unwrap_first(struct dma_fence *head, struct dma_fence_unwrap *cursor)
{
	cursor->chain = dma_fence_get(head);

	return dma_fence_unwrap_link_enter(cursor);
}
EXPORT_SYMBOL_GPL(dma_fence_unwrap_first);

/**
 * dma_fence_unwrap_next - step of dma_fence_unwrap_for_each()
 * @cursor: position from dma_fence_unwrap_first()
 *
 * Context: Any; may signal fences that are found done.
 * Return: The next fence, borrowed until the next step. NULL at the end, where
 * the cursor has dropped its reference.
 */
struct dma_fence *dma_fence_unwrap_next(struct dma_fence_unwrap *cursor)
{
	struct dma_fence_array *array = to_dma_fence_array(cursor->array);

	if (array && ++cursor->index < array->num_fences)
		return array->fences[cursor->index];

	cursor->chain = dma_fence_chain_walk(cursor->chain);
	if (!cursor->chain) {
		cursor->array = NULL;
		return NULL;
	}

	return dma_fence_unwrap_link_enter(cursor);
}
EXPORT_SYMBOL_GPL(dma_fence_unwrap_next);

/*
 * A merge of so many fences needs no memory but the stack and that of the
 * array.
 */
#define DMA_FENCE_UNWRAP_FEW 16

/*
 * By context only: 32-bit seqnos wrap, hence are no order that a sort may rely
 * on.
 */
static int dma_fence_unwrap_context_cmp(const void *a, const void *b)
{
	u64 ca = (*(struct dma_fence *const *)a)->context;
	u64 cb = (*(struct dma_fence *const *)b)->context;

	return (ca > cb) - (ca < cb);
}

/* Sort so many at a time, by insertion. */
static void dma_fence_unwrap_sort_runs(struct dma_fence **fences, unsigned long num)
{
	unsigned long i, at;

	for (i = 1; i < num; i++) {
		struct dma_fence *fence = fences[i];

		for (at = i; at % DMA_FENCE_UNWRAP_FEW; at--) {
			if (fences[at - 1]->context <= fence->context)
				break;
			fences[at] = fences[at - 1];
		}
		fences[at] = fence;
	}
}

/*
 * Merge two sorted neighbours. The left one has to make room and waits in
 * @scratch meanwhile.
 */
static void dma_fence_unwrap_merge_runs(struct dma_fence **to, struct dma_fence **right,
					struct dma_fence **end, struct dma_fence **scratch)
{
	struct dma_fence **left_end = scratch + (right - to);

	if (right[-1]->context <= right[0]->context)
		return;

	memcpy(scratch, to, (right - to) * sizeof(*to));
	while (scratch < left_end) {
		if (right < end && (*right)->context < (*scratch)->context)
			*to++ = *right++;
		else
			*to++ = *scratch++;
	}
}

static void dma_fence_unwrap_merge_sort(struct dma_fence **fences, unsigned long num,
					struct dma_fence **scratch)
{
	unsigned long width, at;

	dma_fence_unwrap_sort_runs(fences, num);
	for (width = DMA_FENCE_UNWRAP_FEW; width < num; width *= 2)
		for (at = 0; at + width < num; at += 2 * width)
			dma_fence_unwrap_merge_runs(fences + at, fences + at + width,
						    fences + min(at + 2 * width, num), scratch);
}

/*
 * Sort by context, in merges, since most of what there is to sort was merged
 * before and consists of long runs. And sort() calls a function for each
 * comparison: it took three quarters of a merge.
 */
static noinline void dma_fence_unwrap_sort(struct dma_fence **fences, int num)
{
	struct dma_fence **scratch = NULL;

	if (num > DMA_FENCE_UNWRAP_FEW)
		scratch = kmalloc_array(num, sizeof(*scratch), GFP_NOWAIT | __GFP_NOWARN);
	if (scratch || num <= DMA_FENCE_UNWRAP_FEW)
		dma_fence_unwrap_merge_sort(fences, num, scratch);
	else
		sort(fences, num, sizeof(*fences), dma_fence_unwrap_context_cmp, NULL);
	kfree(scratch);
}

/*
 * Keep the later one of two fences of a context, drop the reference to the
 * other one.
 */
static void dma_fence_unwrap_slot_update(struct dma_fence **slot, struct dma_fence *fence)
{
	if (dma_fence_is_later(fence, *slot))
		swap(*slot, fence);
	dma_fence_put(fence);
}

/**
 * dma_fence_dedup_array - keep one fence of each context, the latest
 * @fences: fences to look through, none of them a container. Sorted by context
 *	and closed up in place; the references to those left out are dropped
 * @num_fences: number of entries in @fences
 *
 * Context: Any.
 * Return: The number of fences kept, at the start of @fences; 0 if there were
 * none.
 */
int dma_fence_dedup_array(struct dma_fence **fences, int num_fences)
{
	int i, last = 0;

	/* Fences that were merged before are mostly in order. */
	for (i = 1; i < num_fences; i++)
		if (fences[i - 1]->context >= fences[i]->context)
			break;
	if (i >= num_fences)
		return max(num_fences, 0);

	dma_fence_unwrap_sort(fences, num_fences);

	for (i = 1; i < num_fences; i++) {
		if (fences[i]->context == fences[last]->context)
			dma_fence_unwrap_slot_update(&fences[last], fences[i]);
		else
			fences[++last] = fences[i];
	}

	return last + 1;
}
EXPORT_SYMBOL_GPL(dma_fence_dedup_array);

/* The fences that a merge has found so far. */
struct dma_fence_unwrap_set {
	struct dma_fence **fences;
	int count;
	int room;
	ktime_t timestamp;	/* latest one of the signaled fences */
	struct dma_fence *few[DMA_FENCE_UNWRAP_FEW];
};

/*
 * Make room for the fences still to come, as far as their number is known.
 * @heads_left includes the current head.
 */
static noinline int dma_fence_unwrap_set_grow(struct dma_fence_unwrap_set *set,
					      const struct dma_fence_unwrap *cursor, int heads_left)
{
	struct dma_fence_array *array = to_dma_fence_array(cursor->array);
	int siblings = array ? array->num_fences - cursor->index - 1 : 0;
	bool first = set->fences == set->few;
	struct dma_fence **fences;
	int room;

	if (check_add_overflow(set->count, max(set->count, heads_left + siblings), &room))
		return -ENOMEM;

	fences = krealloc_array(first ? NULL : set->fences, room, sizeof(*fences),
				GFP_KERNEL | __GFP_NOWARN);
	if (!fences)
		return -ENOMEM;

	if (first)
		memcpy(fences, set->few, sizeof(set->few));
	set->fences = fences;
	set->room = room;

	return 0;
}

/* Add one fence that is not a container. */
static int dma_fence_unwrap_set_add(struct dma_fence_unwrap_set *set, struct dma_fence *fence,
				    const struct dma_fence_unwrap *cursor, int heads_left)
{
	struct dma_fence *last = set->count ? set->fences[set->count - 1] : NULL;

	if (dma_fence_is_signaled(fence)) {
		set->timestamp = max(set->timestamp, dma_fence_timestamp(fence));
		return 0;
	}

	/*
	 * A timeline is mostly of one context: no need to collect all of it
	 * first.
	 */
	if (last && last->context == fence->context) {
		dma_fence_unwrap_slot_update(&set->fences[set->count - 1], dma_fence_get(fence));
		return 0;
	}

	if (set->count == set->room && dma_fence_unwrap_set_grow(set, cursor, heads_left))
		return -ENOMEM;

	set->fences[set->count++] = dma_fence_get(fence);

	return 0;
}

/* Add all that one of the fences to merge stands for. */
static int dma_fence_unwrap_set_collect(struct dma_fence_unwrap_set *set, struct dma_fence *head,
					struct dma_fence_unwrap *cursor, int heads_left)
{
	struct dma_fence *fence;

	dma_fence_unwrap_for_each(fence, cursor, head) {
		if (dma_fence_unwrap_set_add(set, fence, cursor, heads_left)) {
			dma_fence_put(cursor->chain);
			return -ENOMEM;
		}
	}

	return 0;
}

/* Move the fences collected to a new array. */
static struct dma_fence *dma_fence_unwrap_set_wrap(struct dma_fence_unwrap_set *set)
{
	struct dma_fence_array *array = dma_fence_array_alloc_whole(set->count);
	struct dma_fence *merged;

	if (!array)
		return NULL;

	memcpy(array->fences, set->fences, set->count * sizeof(*set->fences));
	merged = dma_fence_array_init_whole(array, set->count);
	set->count = 0;

	return merged;
}

static struct dma_fence *dma_fence_unwrap_set_finish(struct dma_fence_unwrap_set *set)
{
	set->count = dma_fence_dedup_array(set->fences, set->count);

	if (!set->count)
		return dma_fence_allocate_private_stub(set->timestamp);
	if (set->count == 1)
		return dma_fence_get(set->fences[0]);

	return dma_fence_unwrap_set_wrap(set);
}

/**
 * __dma_fence_unwrap_merge - make one flat fence of several
 * @num_fences: number of entries in @fences and in @cursors
 * @fences: fences to merge, containers or not, or NULL; the caller keeps its
 *	references
 * @cursors: scratch memory
 *
 * Fences inside of containers are looked up, those that are signaled left out,
 * and of those with the same context only the latest is kept. Use
 * dma_fence_unwrap_merge() for a fixed number.
 *
 * Context: Process context, may sleep.
 * Return: With a reference owned by the caller: the fence that is left if it is
 * one; an array of those left if there are more; if none is left, a new
 * signaled fence that has the latest timestamp of those looked at. NULL only if
 * memory is short.
 */
struct dma_fence *__dma_fence_unwrap_merge(unsigned int num_fences, struct dma_fence **fences,
					   struct dma_fence_unwrap *cursors)
{
	struct dma_fence_unwrap_set set = { .fences = set.few, .room = ARRAY_SIZE(set.few) };
	struct dma_fence *merged = NULL;
	unsigned int i;

	for (i = 0; i < num_fences; i++)
		if (dma_fence_unwrap_set_collect(&set, fences[i], &cursors[i], num_fences - i))
			break;

	if (i == num_fences)
		merged = dma_fence_unwrap_set_finish(&set);

	while (set.count)
		dma_fence_put(set.fences[--set.count]);
	if (set.fences != set.few)
		kfree(set.fences);

	return merged;
}
EXPORT_SYMBOL_GPL(__dma_fence_unwrap_merge);
