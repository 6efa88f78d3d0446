// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-fence-chain: timelines.
 *
 *	             .-------skip link-----.
 *	newest       |                     v                          oldest
 *	link 9 --prev--> link 7 --prev--> link 4 --prev--> start, or NULL
 *	  |fence           |fence           |fence
 *
 * The start is the fence, not a link, that the timeline was created on. A link
 * is constant, but prev moves past signaled links and skip may be cleared.
 *
 * Locks: enabling signaling takes chain->lock and, inside it, the lock of one
 * contained fence or of the start, never of a link. The callback runs under the
 * lock of the signaled fence. It hands the link with its reference to an
 * irq_work, which holds no lock and may wait for links.
 *
 * Lock-free readers of prev and skip:
 *
 * - Memory. A reader holds the link whose pointer it follows. A link owns a
 *   reference to the target until it changes the pointer. Links and starts stay
 *   readable for a grace period after release, so dma_fence_get_rcu_safe() may
 *   look at them. A contained fence need not. It is only read with a reference
 *   to its link, which keeps it until release.
 * - Exception. dma_fence_chain_skip_get() holds the newest link only. A link
 *   alive when its read-side critical section began referenced each fence that
 *   it finds, for dead links keep their pointers. It reads no contained fence.
 * - Publication. The pointers are initialized before the link is published.
 *   Later only cmpxchg() changes them, to older fences. Its barrier pairs with
 *   rcu_dereference().
 * - No ABA. All fences that prev ever leads to were alive at once when the link
 *   was initialized, and it only moves to older ones.
 * - Staleness. An unlinked link still leads to the same older fences. A reader
 *   on it takes a longer way, past signaled links only.
 */

#include <linux/dma-fence-chain.h>
#include <linux/export.h>
#include <linux/irq_work.h>
#include <linux/llist.h>
#include <linux/percpu.h>
#include <linux/workqueue.h>

#include "dma-fence-internal.h"

/* Limits with interrupts off: links to pass or release, and to advance. */
#define DMA_FENCE_CHAIN_PASS_MAX	512
#define DMA_FENCE_CHAIN_ADVANCE_MAX	64

/* One link in so many has a skip link. */
#define DMA_FENCE_CHAIN_STRIDE		16

/* Links whose fence has signaled. @draining: this CPU will look again. */
struct dma_fence_chain_queue {
	struct llist_head links;
	struct irq_work work;
	bool draining;
};

static void dma_fence_chain_irq_work(struct irq_work *work);
static void dma_fence_chain_backlog_work(struct work_struct *work);

static DEFINE_PER_CPU(struct dma_fence_chain_queue, dma_fence_chain_queue) = {
	.work = IRQ_WORK_INIT(dma_fence_chain_irq_work),
};

/* Links to advance, and dead links to release. */
static LLIST_HEAD(dma_fence_chain_backlog);
static DECLARE_WORK(dma_fence_chain_work, dma_fence_chain_backlog_work);

static const char *dma_fence_chain_get_driver_name(struct dma_fence *fence)
{
	return "dma_fence_chain";
}

static const char *dma_fence_chain_get_timeline_name(struct dma_fence *fence)
{
	return "unbound";
}

/* Leave a dead link, or a live one with a reference, to a softirq. */
static void dma_fence_chain_defer(struct dma_fence_chain *chain)
{
	if (llist_add(&chain->node, &dma_fence_chain_backlog))
		queue_work(system_bh_wq, &dma_fence_chain_work);
}

/* Follow prev or skip of a link that the caller holds; take a reference. */
static __always_inline struct dma_fence *dma_fence_chain_get(struct dma_fence __rcu **pointer)
{
	struct dma_fence *fence;

	guard(rcu)();
	fence = rcu_dereference(*pointer);
	/* Links are not recycled: one look is enough. Row chain_walk. */
	if (fence && dma_fence_is_chain(fence) && dma_fence_get_rcu(fence))
		return fence;

	return dma_fence_get_rcu_safe(pointer);
}

/* Return true if the contained fence is signaled. The caller holds the link. */
static __always_inline bool dma_fence_chain_link_done(struct dma_fence *link)
{
	return dma_fence_is_signaled(dma_fence_chain_contained(link));
}

/* Move @pointer and its reference from @old to @new, unless it has moved. */
static void dma_fence_chain_replace(struct dma_fence __rcu **pointer, struct dma_fence *old,
				    struct dma_fence *new)
{
	dma_fence_get(new);
	if (unrcu_pointer(cmpxchg(pointer, RCU_INITIALIZER(old), RCU_INITIALIZER(new))) == old)
		dma_fence_put(old);
	else
		dma_fence_put(new);
}

/*
 * Return true if the walk need not stop at @link. With @links, it stops at a
 * link that is waited for already: that link tells when it is done.
 */
static __always_inline bool dma_fence_chain_can_pass(struct dma_fence *link, bool links)
{
	if (links && dma_fence_is_chain(link) &&
	    test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &link->flags) &&
	    !dma_fence_test_signaled_flag(link))
		return false;

	return dma_fence_chain_link_done(link);
}

/* Unlink signaled links behind @chain, from @first on. Consumes a reference. */
static noinline struct dma_fence *
dma_fence_chain_unlink(struct dma_fence_chain *chain, struct dma_fence *first, bool links)
{
	struct dma_fence *next = first, *older;
	struct dma_fence_chain *link;
	unsigned int passed = 0;

	do {
		link = to_dma_fence_chain(next);
		older = link ? dma_fence_chain_get(&link->prev) : NULL;
		dma_fence_put(next);
		next = older;
		if (++passed >= DMA_FENCE_CHAIN_PASS_MAX && irqs_disabled())
			break;
	} while (next && dma_fence_chain_can_pass(next, links));

	dma_fence_chain_replace(&chain->prev, first, next);
	return next;
}

/* Clear a skip link to a signaled link, which it would keep alive. */
static noinline void dma_fence_chain_skip_tidy(struct dma_fence_chain *chain)
{
	struct dma_fence *skip = dma_fence_chain_get(&chain->skip);

	if (skip && dma_fence_test_signaled_flag(dma_fence_chain_contained(skip)))
		dma_fence_chain_replace(&chain->skip, skip, NULL);
	dma_fence_put(skip);
}

/* Get the next fence that is not signaled, or a signaled one at the limit. */
static __always_inline struct dma_fence *
dma_fence_chain_collect(struct dma_fence_chain *chain, bool links)
{
	struct dma_fence *next = dma_fence_chain_get(&chain->prev);

	if (next && dma_fence_chain_can_pass(next, links))
		next = dma_fence_chain_unlink(chain, next, links);
	if (rcu_access_pointer(chain->skip))
		dma_fence_chain_skip_tidy(chain);
	return next;
}

/**
 * dma_fence_chain_walk - step to the next older fence that is not signaled
 * @fence: link to step from, another fence, or NULL; its reference is consumed
 *
 * Links whose own fence is signaled are passed and unlinked. With interrupts
 * off their number is limited, and the next fence may be signaled.
 *
 * Context: Any context. May signal fences and take their locks.
 * Return: The next fence, a link or the start, with a reference owned by the
 * caller. NULL if nothing is left or @fence is not a link.
 */
struct dma_fence *dma_fence_chain_walk(struct dma_fence *fence)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(fence);
	struct dma_fence *next = chain ? dma_fence_chain_collect(chain, false) : NULL;

	dma_fence_put(fence);
	return next;
}
EXPORT_SYMBOL(dma_fence_chain_walk);

/* Step towards a point, by the skip link unless it leads past the point. */
static struct dma_fence *dma_fence_chain_seek(struct dma_fence_chain *chain, u64 seqno)
{
	struct dma_fence *next;

	guard(rcu)();
	next = rcu_dereference(chain->skip);
	if (next && next->seqno >= seqno && dma_fence_get_rcu(next))
		return next;

	return dma_fence_get_rcu_safe(&chain->prev);
}

/**
 * dma_fence_chain_find_seqno - find the fence to wait for to reach a point
 * @pfence: in: newest link, its reference owned by the caller. Out, on success:
 *	the oldest fence that signals no earlier than the point is reached, with
 *	the reference, or NULL if the point was reached. Unchanged on error
 * @seqno: point of the timeline; 0 leaves @pfence as it is
 *
 * The next later link stands for a point without a link. If the link of a point
 * is signaled, an older pending one takes its place, for which the point waits.
 *
 * Context: Any context. May signal fences and take their locks.
 * Return: 0, or -EINVAL if @pfence is not a link or the point is not there yet.
 */
int dma_fence_chain_find_seqno(struct dma_fence **pfence, u64 seqno)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(*pfence);
	struct dma_fence *fence = *pfence;
	u64 context;

	if (!seqno)
		return 0;
	if (!chain || fence->seqno < seqno)
		return -EINVAL;

	/* All fences of another context are older than each point. */
	context = fence->context;
	while (chain && chain->base.context == context && chain->prev_seqno >= seqno) {
		fence = dma_fence_chain_seek(chain, seqno);
		dma_fence_put(&chain->base);
		chain = to_dma_fence_chain(fence);
	}

	if (fence && fence != *pfence && dma_fence_chain_link_done(fence))
		fence = dma_fence_chain_walk(fence);
	*pfence = fence;
	return 0;
}
EXPORT_SYMBOL(dma_fence_chain_find_seqno);

/* Queue the link. The core is done with cb, so node may take its place. */
static void dma_fence_chain_fence_done(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence_chain *chain = container_of(cb, struct dma_fence_chain, cb);
	struct dma_fence_chain_queue *queue = raw_cpu_ptr(&dma_fence_chain_queue);

	if (llist_add(&chain->node, &queue->links) && !READ_ONCE(queue->draining))
		irq_work_queue(&queue->work);
	dma_fence_put(fence);
}

static bool dma_fence_chain_wait_for(struct dma_fence_chain *chain, struct dma_fence *fence)
{
	if (dma_fence_test_signaled_flag(fence))
		return false;

	dma_fence_get(fence);
	if (!dma_fence_add_callback(fence, &chain->cb, dma_fence_chain_fence_done))
		return true;

	dma_fence_put(fence);
	return false;
}

/*
 * Queue the callback on the newest fence that is not signaled. With @links,
 * that is a link if it is waited for already: older fences need not be waited
 * for again. N waiters whose fences signal newest first are queued twice each.
 *
 * Return: 1 if queued, 0 if everything is signaled, -EAGAIN to look again.
 */
static int dma_fence_chain_arm(struct dma_fence_chain *chain, bool links)
{
	struct dma_fence *link, *fence;
	bool queued;

	if (dma_fence_chain_wait_for(chain, chain->fence))
		return 1;
	link = dma_fence_chain_collect(chain, links);
	if (!link)
		return 0;

	fence = link;
	if (!links || !test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &link->flags) ||
	    dma_fence_test_signaled_flag(link))
		fence = dma_fence_chain_contained(link);
	queued = dma_fence_chain_wait_for(chain, fence);
	dma_fence_put(link);
	return queued ? 1 : -EAGAIN;
}

/* Release a dead link. Queue the callback of a live one again, or signal it. */
static void dma_fence_chain_advance(struct dma_fence_chain *chain)
{
	int ret = -ENOENT;

	if (kref_read(&chain->base.refcount))
		ret = dma_fence_chain_arm(chain, true);
	else
		dma_fence_release(&chain->base.refcount);

	if (ret == -EAGAIN) {
		dma_fence_chain_defer(chain);
	} else if (!ret) {
		dma_fence_signal(&chain->base);
		dma_fence_put(&chain->base);
	}
}

/*
 * Advance links, and those whose callback runs meanwhile on this CPU. Signaling
 * one link may queue the next newer one, so one run signals all of them.
 */
static void dma_fence_chain_drain(struct llist_node *links)
{
	struct dma_fence_chain_queue *queue = this_cpu_ptr(&dma_fence_chain_queue);
	struct dma_fence_chain *chain;
	unsigned int count = 0;

	WRITE_ONCE(queue->draining, true);
	while (links || (links = llist_reverse_order(llist_del_all(&queue->links)))) {
		chain = llist_entry(links, struct dma_fence_chain, node);
		links = links->next;
		if (count++ < DMA_FENCE_CHAIN_ADVANCE_MAX || !irqs_disabled())
			dma_fence_chain_advance(chain);
		else
			dma_fence_chain_defer(chain);
	}
	/* An interrupt before this store queued its links without irq_work. */
	WRITE_ONCE(queue->draining, false);
	if (!llist_empty(&queue->links))
		irq_work_queue(&queue->work);
}

static void dma_fence_chain_irq_work(struct irq_work *work)
{
	dma_fence_chain_drain(NULL);
}

static void dma_fence_chain_backlog_work(struct work_struct *work)
{
	dma_fence_chain_drain(llist_reverse_order(llist_del_all(&dma_fence_chain_backlog)));
}

static bool dma_fence_chain_enable_signaling(struct dma_fence *fence)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(dma_fence_get(fence));
	int ret = dma_fence_chain_arm(chain, false);

	if (ret == -EAGAIN)
		dma_fence_chain_defer(chain);
	else if (!ret)
		dma_fence_put(fence);
	return ret;
}

/* At the limit, return false: the next call goes on from there. */
static bool dma_fence_chain_signaled(struct dma_fence *fence)
{
	struct dma_fence *next;

	if (!dma_fence_chain_link_done(fence))
		return false;

	next = dma_fence_chain_collect(to_dma_fence_chain(fence), false);
	dma_fence_put(next);
	return !next;
}

/*
 * Release the links that die with this one in a loop. Lock-free readers need
 * the pointers as they are. A skip link rarely holds the last reference.
 */
static void dma_fence_chain_release(struct dma_fence *fence)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(fence);
	struct dma_fence *skip;
	unsigned int count;

	for (count = 1; ; count++) {
		skip = rcu_dereference_protected(chain->skip, true);
		if (skip && refcount_dec_and_test(&skip->refcount.refcount))
			dma_fence_chain_defer(to_dma_fence_chain(skip));
		dma_fence_put(chain->fence);
		fence = rcu_dereference_protected(chain->prev, true);
		dma_fence_free(&chain->base);

		chain = to_dma_fence_chain(fence);
		if (!chain)
			break;
		if (!refcount_dec_and_test(&fence->refcount.refcount))
			return;
		if (count == DMA_FENCE_CHAIN_PASS_MAX) {
			dma_fence_chain_defer(chain);
			return;
		}
		dma_fence_release_begin(fence);
	}
	dma_fence_put(fence);
}

static void dma_fence_chain_set_deadline(struct dma_fence *fence, ktime_t deadline)
{
	struct dma_fence *link;

	dma_fence_chain_for_each(link, fence)
		dma_fence_set_deadline(dma_fence_chain_contained(link), deadline);
}

const struct dma_fence_ops dma_fence_chain_ops = {
	.use_64bit_seqno = true,
	.enable_signaling = dma_fence_chain_enable_signaling,
	.signaled = dma_fence_chain_signaled,
	.set_deadline = dma_fence_chain_set_deadline,
	.release = dma_fence_chain_release,
	.get_timeline_name = dma_fence_chain_get_timeline_name,
	.get_driver_name = dma_fence_chain_get_driver_name,
};
EXPORT_SYMBOL(dma_fence_chain_ops);

/*
 * Take a reference to the target of a new skip link, the nearest link that has
 * one. If the skip link there is as long as the one after it, span both. So the
 * lengths double with the distance. A search takes logarithmically many steps.
 */
static noinline struct dma_fence *dma_fence_chain_skip_get(struct dma_fence_chain *chain)
{
	struct dma_fence_chain *near, *far;
	u64 context = chain->base.context;
	unsigned int steps;

	guard(rcu)();
	for (steps = 0; chain->depth % DMA_FENCE_CHAIN_STRIDE; steps++) {
		chain = to_dma_fence_chain(rcu_dereference(chain->prev));
		if (!chain || chain->base.context != context || steps == DMA_FENCE_CHAIN_STRIDE)
			return NULL;
	}

	near = to_dma_fence_chain(rcu_dereference(chain->skip));
	far = near ? to_dma_fence_chain(rcu_dereference(near->skip)) : NULL;
	if (far && chain->depth - near->depth >= near->depth - far->depth)
		chain = far;

	return dma_fence_get_rcu(&chain->base);
}

/**
 * dma_fence_chain_init - initialize a link at the end of a timeline
 * @chain: link from dma_fence_chain_alloc()
 * @prev: newest link so far, any other fence to start a timeline on, or NULL;
 *	its reference is consumed
 * @fence: fence to add, anything but a link; its reference is consumed
 * @seqno: point of the new link
 *
 * The link continues the context of @prev if that is a link with a smaller
 * point. Otherwise it starts a new one, at no less than the point of @prev.
 * Errors of @fence stay with it, see dma_fence_unwrap_for_each().
 *
 * Context: Any context.
 */
void dma_fence_chain_init(struct dma_fence_chain *chain, struct dma_fence *prev,
			  struct dma_fence *fence, u64 seqno)
{
	struct dma_fence_chain *link = to_dma_fence_chain(prev);
	u64 context;

	RCU_INIT_POINTER(chain->prev, prev);
	RCU_INIT_POINTER(chain->skip, NULL);
	chain->fence = fence;
	chain->prev_seqno = 0;
	chain->depth = 0;
	spin_lock_init(&chain->lock);

	if (link && seqno > prev->seqno) {
		context = prev->context;
		chain->prev_seqno = prev->seqno;
		chain->depth = link->depth + 1;
		if (chain->depth % DMA_FENCE_CHAIN_STRIDE == 0)
			RCU_INIT_POINTER(chain->skip, dma_fence_chain_skip_get(link));
	} else {
		context = dma_fence_context_alloc(1);
		if (link)
			seqno = prev->seqno;
	}

	dma_fence_init_common(&chain->base, &dma_fence_chain_ops, &chain->lock, context, seqno);
	WARN_ONCE(dma_fence_is_chain(fence), "a chain inside of a chain link, flatten it\n");
}
EXPORT_SYMBOL(dma_fence_chain_init);
