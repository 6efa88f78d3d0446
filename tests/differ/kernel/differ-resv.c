// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reservations: adding and replacing, walks, questions and waits.
 */
#include <linux/slab.h>

#include "differ-kernel.h"

static struct dma_resv *differ_pick_resv(struct differ *differ)
{
	unsigned int which = differ_pick(differ, DIFFER_RESVS);

	differ_say(differ, "(r%u", which);
	return &differ->resv[which];
}

static enum dma_resv_usage differ_pick_usage(struct differ *differ)
{
	static const char *const names[] = { "kernel", "write", "read", "bookkeep" };
	unsigned int usage = differ_pick(differ, 4);

	differ_say(differ, " %s", names[usage]);
	return usage;
}

static void differ_resv_add_op(struct differ *differ)
{
	struct dma_resv *resv = differ_pick_resv(differ);
	unsigned int count = differ_pick(differ, 4) ? 1 : 1 + differ_pick(differ, 4), i;
	struct dma_fence *fence;
	int err;

	dma_resv_lock(resv, NULL);
	err = dma_resv_reserve_fences(resv, count);
	for (i = 0; i < count && !err; i++) {
		fence = differ->slot[differ_pick_plain(differ)];
		if (!to_differ_fence(fence))
			break;
		differ_say(differ, ", ");
		differ_say_fence(differ, fence);
		dma_resv_add_fence(resv, fence, differ_pick_usage(differ));
	}
	dma_resv_unlock(resv);
	differ_say(differ, ") = %d", err);
}

/* Add fences of contexts of their own, more than fit into the object. */
static void differ_resv_fill_op(struct differ *differ)
{
	struct dma_resv *resv = differ_pick_resv(differ);
	unsigned int count = 3 + differ_pick(differ, 12), i;
	unsigned int kind = differ_pick(differ, DIFFER_KINDS);
	unsigned int usage = differ_pick_usage(differ);
	struct dma_fence *fence;
	int err;

	differ_say(differ, ", %u fences of kind %u) =", count, kind);
	dma_resv_lock(resv, NULL);
	err = dma_resv_reserve_fences(resv, count);
	for (i = 0; i < count && !err; i++) {
		fence = differ_fence_create(differ, DIFFER_CONTEXTS + i, differ->call, kind);
		if (!fence)
			break;
		dma_resv_add_fence(resv, fence, usage);
		differ_put_slot(differ, i % 2 ? differ_pick(differ, DIFFER_SLOTS) : 0, fence);
	}
	dma_resv_unlock(resv);
	differ_say(differ, " %d", err);
}

static void differ_resv_replace_op(struct differ *differ)
{
	struct dma_resv *resv = differ_pick_resv(differ);
	struct dma_fence *fence = differ->slot[differ_pick_plain(differ)];
	unsigned int context = differ_pick(differ, DIFFER_CONTEXTS);
	enum dma_resv_usage usage;

	differ_say(differ, " context %u by ", context);
	differ_say_fence(differ, fence);
	usage = differ_pick_usage(differ);
	differ_say(differ, ")");
	if (!to_differ_fence(fence))
		return;
	dma_resv_lock(resv, NULL);
	dma_resv_replace_fences(resv, differ->context + context, fence, usage);
	dma_resv_unlock(resv);
}

static void differ_resv_walk_op(struct differ *differ)
{
	struct dma_resv *resv = differ_pick_resv(differ);
	enum dma_resv_usage usage = differ_pick_usage(differ);
	struct differ_list *list = differ_list_begin();
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_lock(resv, NULL);
	dma_resv_for_each_fence(&cursor, resv, usage, fence)
		if (!differ_fence_is_done(fence))
			differ_list_add(differ, list, fence, dma_resv_iter_usage(&cursor));
	dma_resv_unlock(resv);
	differ_say(differ, ") =");
	differ_list_say(differ, list);
}

static void differ_resv_walk_unlocked_op(struct differ *differ)
{
	struct dma_resv *resv = differ_pick_resv(differ);
	enum dma_resv_usage usage = differ_pick_usage(differ);
	struct differ_list *list = differ_list_begin();
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_iter_begin(&cursor, resv, usage);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		if (dma_resv_iter_is_restarted(&cursor))
			list->count = 0;
		if (!differ_fence_is_done(fence))
			differ_list_add(differ, list, fence, dma_resv_iter_usage(&cursor));
	}
	dma_resv_iter_end(&cursor);
	differ_say(differ, ") =");
	differ_list_say(differ, list);
}

/*
 * Replace a fence after the first step of a walk. A fence that was replaced is
 * not to be returned afterwards, because waiting for it has side effects.
 */
static void differ_resv_walk_changed_op(struct differ *differ)
{
	struct dma_resv *resv = differ_pick_resv(differ);
	struct dma_fence *fence, *by = differ->slot[differ_pick_plain(differ)];
	unsigned int context = differ_pick(differ, DIFFER_CONTEXTS), later = 0;
	struct dma_resv_iter cursor;

	differ_say(differ, ", context %u by ", context);
	differ_say_fence(differ, by);
	differ_say(differ, ") = replaced fences later:");
	if (!to_differ_fence(by))
		return;
	dma_resv_iter_begin(&cursor, resv, DMA_RESV_USAGE_BOOKKEEP);
	fence = dma_resv_iter_first_unlocked(&cursor);
	if (fence && !differ_fence_is_done(fence)) {
		dma_resv_lock(resv, NULL);
		dma_resv_replace_fences(resv, differ->context + context, by,
					DMA_RESV_USAGE_BOOKKEEP);
		dma_resv_unlock(resv);
		while ((fence = dma_resv_iter_next_unlocked(&cursor)))
			later += fence->context == differ->context + context && fence != by;
	}
	dma_resv_iter_end(&cursor);
	differ_say(differ, " %u", later);
}

static void differ_resv_get_fences_op(struct differ *differ)
{
	struct dma_resv *resv = differ_pick_resv(differ);
	enum dma_resv_usage usage = differ_pick_usage(differ);
	struct differ_list *list = differ_list_begin();
	struct dma_fence **fences;
	unsigned int count, i;
	int err;

	err = dma_resv_get_fences(resv, usage, &count, &fences);
	differ_say(differ, ") = %d", err);
	if (err)
		return;
	for (i = 0; i < count; i++) {
		if (!differ_fence_is_done(fences[i]))
			differ_list_add(differ, list, fences[i], 0);
		dma_fence_put(fences[i]);
	}
	kfree(fences);
	differ_list_say(differ, list);
}

static void differ_resv_get_singleton_op(struct differ *differ)
{
	struct dma_resv *resv = differ_pick_resv(differ);
	unsigned int slot = differ_pick(differ, DIFFER_SLOTS);
	enum dma_resv_usage usage = differ_pick_usage(differ);
	struct dma_fence *single;
	int err;

	err = dma_resv_get_singleton(resv, usage, &single);
	differ_say(differ, ", slot %u) = %d", slot, err);
	if (err)
		return;
	differ_say_pending(differ, single);
	differ_put_slot(differ, slot, single);
}

static void differ_resv_copy_op(struct differ *differ)
{
	struct dma_resv *from = differ_pick_resv(differ), *to;
	unsigned int which = differ_pick(differ, DIFFER_RESVS);
	int err;

	to = &differ->resv[which];
	differ_say(differ, " to r%u)", which);
	if (from == to)
		return;
	dma_resv_lock(to, NULL);
	err = dma_resv_copy_fences(to, from);
	dma_resv_unlock(to);
	differ_say(differ, " = %d", err);
}

static void differ_resv_wait_op(struct differ *differ)
{
	struct dma_resv *resv = differ_pick_resv(differ);
	enum dma_resv_usage usage = differ_pick_usage(differ);
	unsigned int timeout = differ_pick(differ, 3) ? DIFFER_WAIT : 0;
	unsigned long start;
	long ret;

	differ_say(differ, ", timeout %u)", timeout);
	start = differ_help_begin(differ);
	ret = dma_resv_wait_timeout(resv, usage, differ_pick(differ, 2), timeout);
	differ_say_wait(differ, ret);
	differ_say_elapsed(differ, start);
	differ_help_end(differ);
}

static void differ_resv_test_op(struct differ *differ)
{
	struct dma_resv *resv = differ_pick_resv(differ);
	enum dma_resv_usage usage = differ_pick_usage(differ);

	differ_say(differ, ") = %d", dma_resv_test_signaled(resv, usage));
}

static void differ_resv_deadline_op(struct differ *differ)
{
	struct dma_resv *resv = differ_pick_resv(differ);
	enum dma_resv_usage usage = differ_pick_usage(differ);

	dma_resv_set_deadline(resv, usage, ktime_get());
	differ_say(differ, ")");
}

const struct differ_op differ_resv_ops[] = {
	{ "resv_add", 110, differ_resv_add_op },
	{ "resv_fill", 15, differ_resv_fill_op },
	{ "resv_replace", 15, differ_resv_replace_op },
	{ "resv_walk", 20, differ_resv_walk_op },
	{ "resv_walk_unlocked", 20, differ_resv_walk_unlocked_op },
	{ "resv_walk_changed", 15, differ_resv_walk_changed_op },
	{ "resv_get_fences", 15, differ_resv_get_fences_op },
	{ "resv_get_singleton", 15, differ_resv_get_singleton_op },
	{ "resv_copy", 15, differ_resv_copy_op },
	{ "resv_wait", 40, differ_resv_wait_op },
	{ "resv_test", 30, differ_resv_test_op },
	{ "resv_deadline", 5, differ_resv_deadline_op },
	{ }
};
