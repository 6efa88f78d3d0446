// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on one fence of a driver; drivers of every kind are imitated.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "differ-kernel.h"

static const struct dma_fence_ops differ_kinds[DIFFER_KINDS];

/* Return the driver's part, or NULL if @fence is of the subsystem itself. */
struct differ_fence *to_differ_fence(struct dma_fence *fence)
{
	if (!fence || fence->ops < differ_kinds || fence->ops >= differ_kinds + DIFFER_KINDS)
		return NULL;
	return container_of(fence, struct differ_fence, base);
}

static unsigned int differ_fence_kind(struct differ_fence *fence)
{
	return fence->base.ops - differ_kinds;
}

static const char *differ_fence_name(struct dma_fence *fence)
{
	return "differ";
}

static bool differ_fence_enable(struct dma_fence *base)
{
	struct differ_fence *fence = to_differ_fence(base);

	fence->is_armed = true;
	return !READ_ONCE(fence->done);
}

static bool differ_fence_signaled(struct dma_fence *base)
{
	return READ_ONCE(to_differ_fence(base)->done);
}

static signed long differ_fence_wait(struct dma_fence *fence, bool intr, signed long timeout)
{
	return dma_fence_default_wait(fence, intr, timeout);
}

#define DIFFER_KIND(is_asked, is_enabled, waits)	\
	{						\
		.get_driver_name = differ_fence_name,	\
		.get_timeline_name = differ_fence_name,	\
		.signaled = is_asked,			\
		.enable_signaling = is_enabled,		\
		.wait = waits,				\
	}

/* The index is the kind. */
static const struct dma_fence_ops differ_kinds[DIFFER_KINDS] = {
	DIFFER_KIND(NULL, NULL, NULL),
	DIFFER_KIND(differ_fence_signaled, NULL, NULL),
	DIFFER_KIND(NULL, differ_fence_enable, NULL),
	DIFFER_KIND(differ_fence_signaled, differ_fence_enable, NULL),
	DIFFER_KIND(NULL, NULL, differ_fence_wait),
	DIFFER_KIND(differ_fence_signaled, NULL, differ_fence_wait),
	DIFFER_KIND(NULL, differ_fence_enable, differ_fence_wait),
	DIFFER_KIND(differ_fence_signaled, differ_fence_enable, differ_fence_wait),
};

struct dma_fence *differ_fence_create(struct differ *differ, unsigned int context, u32 seqno,
				      unsigned int kind)
{
	struct differ_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);

	if (!fence)
		return NULL;
	spin_lock_init(&fence->lock);
	dma_fence_init(&fence->base, &differ_kinds[kind], &fence->lock, differ->context + context,
		       seqno);
	return &fence->base;
}

/* Return true if the work behind a fence is over, without telling the fence. */
bool differ_fence_is_done(struct dma_fence *base)
{
	struct differ_fence *fence = to_differ_fence(base);

	return test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &base->flags) || (fence && fence->done);
}

/* Let the late interrupt come. */
void differ_late_signal(struct differ *differ)
{
	if (differ->late)
		dma_fence_signal(differ->late);
	differ->late = NULL;
}

/*
 * End the work. A fence without ops->signaled signals at once, and so does one
 * whose interrupt is armed. The interrupt of others is late: until then they
 * signal only if they are asked.
 */
void differ_fence_finish(struct differ *differ, struct dma_fence *base)
{
	struct differ_fence *fence = to_differ_fence(base);
	unsigned int kind = differ_fence_kind(fence);

	WRITE_ONCE(fence->done, true);
	if (fence->is_armed || !(kind & DIFFER_KIND_SIGNALED)) {
		dma_fence_signal(base);
	} else if (!(kind & DIFFER_KIND_ENABLE)) {
		differ_late_signal(differ);
		differ->late = base;
		differ->late_call = differ->call;
	}
}

void differ_say_wait(struct differ *differ, long ret)
{
	if (ret > 0)
		differ_say(differ, " = ended");
	else
		differ_say(differ, " = %ld", ret);
}

static void differ_create_op(struct differ *differ)
{
	static const int steps[] = { 1, 1, 1, 1, 2, 0, -1, INT_MAX };
	unsigned int slot = differ_pick(differ, DIFFER_SLOTS);
	unsigned int context = differ_pick(differ, DIFFER_CONTEXTS);
	unsigned int kind = differ_pick(differ, DIFFER_KINDS);
	u32 seqno = differ->seqno[context] + steps[differ_pick(differ, ARRAY_SIZE(steps))];

	if ((s32)(seqno - differ->seqno[context]) > 0)
		differ->seqno[context] = seqno;
	differ_put_slot(differ, slot, differ_fence_create(differ, context, seqno, kind));
	differ_say(differ, "(slot %u, context %u, seqno %u,%s%s%s)", slot, context, seqno,
		   kind & DIFFER_KIND_SIGNALED ? " signaled" : "",
		   kind & DIFFER_KIND_ENABLE ? " enable" : "",
		   kind & DIFFER_KIND_WAIT ? " wait" : "");
}

/* Choose a fence, mostly one of a driver, and say which. */
static struct dma_fence *differ_pick_fence(struct differ *differ, bool plain)
{
	struct dma_fence *fence;

	fence = differ->slot[plain ? differ_pick_plain(differ) : differ_pick_slot(differ)];
	differ_say(differ, "(");
	differ_say_fence(differ, fence);
	differ_say(differ, ")");
	return plain && !to_differ_fence(fence) ? NULL : fence;
}

static void differ_signal_op(struct differ *differ)
{
	struct dma_fence *fence = differ_pick_fence(differ, true);

	if (!fence)
		return;
	WRITE_ONCE(to_differ_fence(fence)->done, true);
	differ_say(differ, " = %d", dma_fence_signal(fence));
}

static void differ_fail_op(struct differ *differ)
{
	struct dma_fence *fence = differ_pick_fence(differ, true);

	if (!fence || test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags))
		return;
	dma_fence_set_error(fence, differ_pick(differ, 2) ? -EIO : -ECANCELED);
	WRITE_ONCE(to_differ_fence(fence)->done, true);
	differ_say(differ, " = %d", dma_fence_signal(fence));
}

static void differ_finish_op(struct differ *differ)
{
	struct dma_fence *fence = differ_pick_fence(differ, true);

	if (fence)
		differ_fence_finish(differ, fence);
}

static void differ_drop_op(struct differ *differ)
{
	unsigned int slot = differ_pick(differ, DIFFER_SLOTS);

	differ_say(differ, "(slot %u)", slot);
	differ_put_slot(differ, slot, NULL);
}

static void differ_stub_op(struct differ *differ)
{
	unsigned int slot = differ_pick(differ, DIFFER_SLOTS);
	struct dma_fence *stub;

	stub = differ_pick(differ, 2) ? dma_fence_get_stub() :
					dma_fence_allocate_private_stub(ktime_get());
	differ_put_slot(differ, slot, stub);
	differ_say(differ, "(slot %u)", slot);
}

static void differ_called(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct differ_callback *callback = container_of(cb, struct differ_callback, base);

	WRITE_ONCE(callback->has_run, true);
}

static void differ_add_callback_op(struct differ *differ)
{
	struct differ_callback *callback;
	unsigned int which = differ_pick(differ, DIFFER_CALLBACKS);
	struct dma_fence *fence = differ_pick_fence(differ, false);
	int ret;

	callback = &differ->callback[which];
	if (!fence || callback->fence)
		return;
	callback->fence = dma_fence_get(fence);
	ret = dma_fence_add_callback(fence, &callback->base, differ_called);
	differ_say(differ, " callback %u = %d", which, ret);
	if (!ret)
		return;
	dma_fence_put(fence);
	callback->fence = NULL;
}

static void differ_remove_callback_op(struct differ *differ)
{
	unsigned int which = differ_pick(differ, DIFFER_CALLBACKS);
	struct differ_callback *callback = &differ->callback[which];

	differ_say(differ, "(callback %u)", which);
	if (!callback->fence)
		return;
	differ_say(differ, " = %d", dma_fence_remove_callback(callback->fence, &callback->base));
	dma_fence_put(callback->fence);
	callback->fence = NULL;
}

static void differ_is_signaled_op(struct differ *differ)
{
	struct dma_fence *fence = differ_pick_fence(differ, false);

	if (fence)
		differ_say(differ, " = %d", dma_fence_is_signaled(fence));
}

static void differ_status_op(struct differ *differ)
{
	struct dma_fence *fence = differ_pick_fence(differ, false);

	if (fence)
		differ_say(differ, " = %d", dma_fence_get_status(fence));
}

static void differ_enable_op(struct differ *differ)
{
	struct dma_fence *fence = differ_pick_fence(differ, false);

	if (fence)
		dma_fence_enable_sw_signaling(fence);
}

static void differ_wait_op(struct differ *differ)
{
	struct dma_fence *fence = differ_pick_fence(differ, false);
	unsigned int timeout = differ_pick(differ, 3) ? DIFFER_WAIT : 0;
	bool intr = differ_pick(differ, 2), has_signal = intr && !differ_pick(differ, 4);
	unsigned long start;
	long ret;

	if (!fence)
		return;
	differ_say(differ, " timeout %u%s%s", timeout, intr ? " interruptible" : "",
		   has_signal ? " signal pending" : "");
	start = differ_help_begin(differ);
	if (has_signal)
		send_sig(SIGUSR1, current, 1);
	ret = dma_fence_wait_timeout(fence, intr, timeout);
	if (has_signal)
		flush_signals(current);
	differ_say_wait(differ, ret);
	differ_say_elapsed(differ, start);
	differ_help_end(differ);
}

static void differ_wait_any_op(struct differ *differ)
{
	unsigned int count = 1 + differ_pick(differ, 4), i;
	unsigned int timeout = differ_pick(differ, 3) ? DIFFER_WAIT : 0;
	struct dma_fence *fences[4];
	unsigned long start;
	u32 index = UINT_MAX;
	long ret;

	differ_say(differ, "(timeout %u,", timeout);
	for (i = 0; i < count; i++) {
		fences[i] = differ->slot[differ_pick_slot(differ)];
		differ_say(differ, " ");
		differ_say_fence(differ, fences[i]);
		if (!fences[i])
			return;
	}
	differ_say(differ, ")");
	start = differ_help_begin(differ);
	ret = dma_fence_wait_any_timeout(fences, count, true, timeout, &index);
	differ_say_wait(differ, ret);
	if (ret > 0)
		differ_say(differ, " by one that has %s", index < count &&
			   dma_fence_is_signaled(fences[index]) ? "signaled" : "not signaled");
	differ_say_elapsed(differ, start);
	differ_help_end(differ);
}

const struct differ_op differ_fence_ops[] = {
	{ "create", 120, differ_create_op },
	{ "signal", 40, differ_signal_op },
	{ "fail", 20, differ_fail_op },
	{ "finish", 40, differ_finish_op },
	{ "drop", 10, differ_drop_op },
	{ "stub", 6, differ_stub_op },
	{ "add_callback", 50, differ_add_callback_op },
	{ "remove_callback", 10, differ_remove_callback_op },
	{ "is_signaled", 25, differ_is_signaled_op },
	{ "status", 15, differ_status_op },
	{ "enable", 15, differ_enable_op },
	{ "wait", 40, differ_wait_op },
	{ "wait_any", 20, differ_wait_any_op },
	{ }
};
