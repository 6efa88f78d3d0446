// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on arrays and timelines, and on their parts.
 */
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/slab.h>

#include "differ-kernel.h"

#define DIFFER_CHILDREN 5

static void differ_array_op(struct differ *differ)
{
	unsigned int slot = differ_pick(differ, DIFFER_SLOTS), i;
	unsigned int count = 1 + differ_pick(differ, DIFFER_CHILDREN);
	bool any = !differ_pick(differ, 3);
	struct dma_fence_array *array;
	struct dma_fence **fences;

	fences = kcalloc(count, sizeof(*fences), GFP_KERNEL);
	if (!fences)
		return;
	differ_say(differ, "(slot %u, %s", slot, any ? "any of" : "all of");
	for (i = 0; i < count; i++) {
		fences[i] = dma_fence_get(differ->slot[differ_pick_plain(differ)]);
		differ_say(differ, " ");
		differ_say_fence(differ, fences[i]);
		if (!to_differ_fence(fences[i]))
			goto err_put;
	}
	differ_say(differ, ")");
	array = dma_fence_array_create(count, fences, dma_fence_context_alloc(1), 1, any);
	if (!array)
		goto err_put;
	differ_put_slot(differ, slot, &array->base);
	return;

err_put:
	while (i--)
		dma_fence_put(fences[i]);
	kfree(fences);
}

static void differ_chain_op(struct differ *differ)
{
	static const unsigned int steps[] = { 1, 1, 2, 5, 0 };
	unsigned int slot = differ_pick(differ, DIFFER_SLOTS);
	struct dma_fence *prev = differ->slot[differ_pick_slot(differ)];
	struct dma_fence *fence = differ->slot[differ_pick_slot(differ)];
	struct dma_fence_chain *chain;
	u64 seqno;

	if (!fence || dma_fence_is_chain(fence))
		fence = differ->slot[differ_pick_plain(differ)];
	if (!fence || dma_fence_is_chain(fence))
		return;
	if (differ_pick(differ, 4) == 0)
		prev = NULL;
	chain = dma_fence_chain_alloc();
	if (!chain)
		return;
	seqno = prev && dma_fence_is_chain(prev) ? prev->seqno : 0;
	seqno += steps[differ_pick(differ, ARRAY_SIZE(steps))];
	dma_fence_chain_init(chain, dma_fence_get(prev), dma_fence_get(fence), seqno);
	differ_say(differ, "(slot %u, after ", slot);
	differ_say_fence(differ, prev);
	differ_say(differ, ", fence ");
	differ_say_fence(differ, fence);
	differ_say(differ, ", seqno %llu) = seqno %llu", seqno, chain->base.seqno);
	differ_put_slot(differ, slot, &chain->base);
}

/* Name the contained fences of a timeline that are pending. */
static void differ_chain_walk_op(struct differ *differ)
{
	struct dma_fence *head = differ->slot[differ_pick_slot(differ)], *link;
	struct differ_list *list = differ_list_begin();

	differ_say(differ, "(");
	differ_say_fence(differ, head);
	differ_say(differ, ")");
	if (!head)
		return;
	dma_fence_chain_for_each(link, head)
		if (!differ_fence_is_done(dma_fence_chain_contained(link)))
			differ_list_add(differ, list, dma_fence_chain_contained(link), 0);
	differ_list_say(differ, list);
}

/*
 * Wait for a point. Which link answers for it may differ as links are
 * collected, so only what a waiter sees is printed.
 */
static void differ_chain_find_op(struct differ *differ)
{
	struct dma_fence *head = differ->slot[differ_pick_slot(differ)], *link;
	unsigned int seqno = differ_pick(differ, 8);
	unsigned long start;
	int err;

	differ_say(differ, "(");
	differ_say_fence(differ, head);
	differ_say(differ, ", seqno %u)", seqno);
	if (!head)
		return;
	link = dma_fence_get(head);
	err = dma_fence_chain_find_seqno(&link, seqno);
	differ_say(differ, " = %d", err);
	if (err) {
		dma_fence_put(link);
		return;
	}
	start = differ_help_begin(differ);
	if (link)
		differ_say_wait(differ, dma_fence_wait_timeout(link, false, DIFFER_WAIT));
	else
		differ_say(differ, " = ended");
	differ_say_elapsed(differ, start);
	differ_help_end(differ);
	dma_fence_put(link);
}

/* Name the pending fences that @head consists of. */
void differ_say_pending(struct differ *differ, struct dma_fence *head)
{
	struct dma_fence_unwrap cursor;
	struct differ_list *list = differ_list_begin();
	struct dma_fence *fence;

	dma_fence_unwrap_for_each(fence, &cursor, head)
		if (!differ_fence_is_done(fence))
			differ_list_add(differ, list, fence, 0);
	differ_list_say(differ, list);
}

static void differ_unwrap_op(struct differ *differ)
{
	struct dma_fence *head = differ->slot[differ_pick_slot(differ)];

	differ_say(differ, "(");
	differ_say_fence(differ, head);
	differ_say(differ, ")");
	differ_say_pending(differ, head);
}

static void differ_merge_op(struct differ *differ)
{
	unsigned int slot = differ_pick(differ, DIFFER_SLOTS);
	struct dma_fence *a = differ->slot[differ_pick_slot(differ)];
	struct dma_fence *b = differ->slot[differ_pick_slot(differ)];
	struct dma_fence *c = differ->slot[differ_pick_slot(differ)];
	struct dma_fence *merged;

	differ_say(differ, "(slot %u, ", slot);
	differ_say_fence(differ, a);
	differ_say(differ, " ");
	differ_say_fence(differ, b);
	differ_say(differ, " ");
	differ_say_fence(differ, c);
	differ_say(differ, ") =");
	merged = dma_fence_unwrap_merge(a, b, c);
	if (!merged) {
		differ_say(differ, " none");
		return;
	}
	differ_say_pending(differ, merged);
	differ_put_slot(differ, slot, merged);
}

const struct differ_op differ_container_ops[] = {
	{ "array", 40, differ_array_op },
	{ "chain", 50, differ_chain_op },
	{ "chain_walk", 15, differ_chain_walk_op },
	{ "chain_find", 15, differ_chain_find_op },
	{ "unwrap", 15, differ_unwrap_op },
	{ "merge", 20, differ_merge_op },
	{ }
};
