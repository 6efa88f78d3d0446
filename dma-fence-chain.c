// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-fence-chain: timelines.
 *
 *	             .---------skip--------.
 *	newest       |                     v                          oldest
 *	link 9 --prev--> link 7 --prev--> link 4 --prev--> fence the timeline started on, or NULL
 *	  |fence           |fence           |fence
 *
 * A link is signaled when its own fence and all that is behind it are. Links are immutable but for
 * prev, which moves on past links whose fence is signaled, and skip, which may go.
 *
 * Locks: enabling signaling takes chain->lock and, inside it, the lock of one fence after the
 * other, none of which is a link (nor inside of one: a link may hold an array, not a chain). The
 * callback runs under the lock of the fence that signaled, so it must never take chain->lock; it
 * leaves looking for the next fence to an irq_work. There nothing is held, so that the next fence
 * may also be a link. Nothing here calls itself through a fence it found: walking, waiting and
 * releasing are loops, however long the timeline is.
 *
 * Life: the queued callback holds a reference to the link and to the fence it is queued on. The
 * callback passes the former on to the irq_work, which passes it to the next callback.
 *
 * Speed: skip makes a skip list of the timeline, see dma_fence_chain_skip_get(), in which a point
 * is found in a logarithmic number of steps. Many waiters on one timeline wait for each other
 * rather than each for every fence, see dma_fence_chain_arm().
 *
 * Why the lock-free walk is right:
 *
 * - Memory. Who follows prev or skip is in a read section and holds a reference to the link that it
 *   started from. A link holds references to what its two pointers lead to. It drops them after it
 *   changed the pointer or when it is released, and keeps the pointers as they are then. So
 *   whatever a reader finds was referenced by something alive when the section began, and stays
 *   readable until the section ends: links and fences are freed a grace period after release. That
 *   holds through links that have died meanwhile, however many are passed. The fence that the
 *   timeline started on may come from a type-stable slab, though, and be another one by then.
 * - Life. What a walk or a search returns it gets by dma_fence_get_rcu(), which fails for the dead.
 *   These were unlinked, and the way from the link that the reader holds leads round them: it
 *   starts over. A fence is asked whether it is signaled only with such a reference. Without one,
 *   only the flag is looked at. What is not a link could be another fence in the same memory: see
 *   dma_fence_chain_start_holds(). Its flag may be looked at all the same, for the one that was
 *   there is done if it is gone.
 * - Publication. prev and skip are written before the link is published, by whatever publishes it.
 *   Later only cmpxchg() changes them, prev to a fence that some link behind pointed to:
 *   initialized before that link was. The release that the cmpxchg() implies pairs with
 *   rcu_dereference().
 * - No ABA. The collector read what it expects in prev within the same read section. So this is not
 *   yet other memory's life, and prev only ever moves to older fences.
 * - Staleness. A reader that got a link just before it was unlinked follows the old path. This is
 *   longer, but leads through signaled links to the same place. It never leads past an unsignaled
 *   one, except by skip, which is followed only in search of a point that is not passed by.
 */

#include <linux/dma-fence-chain.h>
#include <linux/export.h>
#include <linux/irq_work.h>
#include <linux/llist.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "dma-fence-internal.h"

/* What waits on one CPU for the irq_work to look for its next fence. */
struct dma_fence_chain_queue {
	struct llist_head links;
	struct irq_work work;
};

static void dma_fence_chain_irq_work(struct irq_work *work);

static DEFINE_PER_CPU(struct dma_fence_chain_queue, dma_fence_chain_queue) = {
	.work = IRQ_WORK_INIT(dma_fence_chain_irq_work),
};

static const char *dma_fence_chain_get_driver_name(struct dma_fence *fence)
{
	return "dma_fence_chain";
}

static const char *dma_fence_chain_get_timeline_name(struct dma_fence *fence)
{
	return "unbound";
}

/* Whether a link, as far as it is concerned itself, can be left out of the timeline. */
static bool dma_fence_chain_link_done(struct dma_fence *link)
{
	return dma_fence_is_signaled(dma_fence_chain_contained(link));
}

/*
 * Whether the fence that @holder leads to, and to which the caller has just got a reference, is the
 * one that the timeline started on and not another one in its memory. It is if the holder, which
 * has a reference to it, was alive after it was seen to lead there. Drops the reference otherwise.
 */
static noinline bool dma_fence_chain_start_holds(struct dma_fence_chain *holder,
						 struct dma_fence *start)
{
	/* Pairs with the release in dma_fence_init(), as in dma_fence_get_rcu_safe(). */
	smp_acquire__after_ctrl_dep();
	if (rcu_access_pointer(holder->prev) == start) {
		/* A dead holder leads there for ever: so its count is looked at last. */
		smp_rmb();
		if (kref_read(&holder->base.refcount))
			return true;
	}

	dma_fence_put(start);
	return false;
}

/*
 * Get the fence behind @holder unless its part is done. False when it died, with @fence unchanged.
 */
static bool dma_fence_chain_get_pending_rcu(struct dma_fence_chain *holder,
					    struct dma_fence **fence)
{
	struct dma_fence *contained = dma_fence_chain_contained(*fence);

	if (dma_fence_test_signaled_flag(contained)) {
		*fence = NULL;
		return true;
	}
	if (unlikely(!dma_fence_get_rcu(*fence)))
		return false;
	/* A link has something else in it. */
	if (unlikely(contained == *fence) && !dma_fence_chain_start_holds(holder, *fence))
		return false;
	if (likely(!contained->ops->signaled) || !dma_fence_is_signaled(contained))
		return true;

	dma_fence_put(*fence);
	*fence = NULL;
	return true;
}

/*
 * Take a reference to the nearest fence behind @chain that is not done, NULL if all are; and say
 * what is next. False when the way led to a fence that died meanwhile.
 */
static bool dma_fence_chain_pending_get_rcu(struct dma_fence_chain *chain, struct dma_fence **first,
					    struct dma_fence **pending)
{
	struct dma_fence *fence = rcu_dereference(chain->prev);

	*pending = NULL;
	*first = fence;
	while (fence) {
		*pending = fence;
		if (!dma_fence_chain_get_pending_rcu(chain, pending))
			return false;
		if (*pending)
			break;

		chain = to_dma_fence_chain(fence);
		fence = chain ? rcu_dereference(chain->prev) : NULL;
	}

	return true;
}

/*
 * Let go of a skip that leads to what a walk would not visit any more; @pending is what comes next.
 */
static noinline void dma_fence_chain_skip_tidy_rcu(struct dma_fence_chain *chain,
						   struct dma_fence *pending)
{
	struct dma_fence *skip = rcu_dereference(chain->skip);

	/* Another walk may have been faster. */
	if (!skip)
		return;
	if (pending && pending->context == skip->context && pending->seqno > skip->seqno &&
	    !dma_fence_test_signaled_flag(dma_fence_chain_contained(skip)))
		return;

	if (unrcu_pointer(cmpxchg(&chain->skip, RCU_INITIALIZER(skip), NULL)) == skip)
		dma_fence_put(skip);
}

/* Unlink what lies between a link and the nearest fence behind it that is not done. */
static noinline struct dma_fence *dma_fence_chain_unlink_rcu(struct dma_fence_chain *chain)
{
	struct dma_fence *first, *pending, *old;

	while (unlikely(!dma_fence_chain_pending_get_rcu(chain, &first, &pending)))
		cpu_relax();

	if (pending == first)
		return pending;

	/* See "Why the lock-free walk is right". On success one more reference moves each way. */
	dma_fence_get(pending);
	old = unrcu_pointer(cmpxchg(&chain->prev, RCU_INITIALIZER(first),
				    RCU_INITIALIZER(pending)));

	/* Who was faster unlinked these or more; what was found is as good either way. */
	dma_fence_put(old == first ? first : pending);
	return pending;
}

/*
 * The most frequent case of dma_fence_chain_get_pending_rcu(): a link that no driver need be asked
 * about.
 */
static __always_inline bool dma_fence_chain_get_plain_rcu(struct dma_fence *fence)
{
	struct dma_fence *contained;

	if (!dma_fence_is_chain(fence))
		return false;

	contained = dma_fence_chain_contained(fence);
	if (dma_fence_test_signaled_flag(contained) || !dma_fence_get_rcu(fence))
		return false;
	if (likely(!contained->ops->signaled))
		return true;

	dma_fence_put(fence);
	return false;
}

/*
 * Take a reference to the nearest fence behind @chain that is not done, unlink what lies between.
 */
static __always_inline struct dma_fence *dma_fence_chain_collect(struct dma_fence_chain *chain)
{
	struct dma_fence *pending;

	guard(rcu)();
	pending = rcu_dereference(chain->prev);
	if (pending && !dma_fence_chain_get_plain_rcu(pending))
		pending = dma_fence_chain_unlink_rcu(chain);
	if (rcu_access_pointer(chain->skip))
		dma_fence_chain_skip_tidy_rcu(chain, pending);

	return pending;
}

/**
 * dma_fence_chain_walk - step to the next older fence that is not signaled
 * @fence: link to step from, any other fence, or NULL; the caller's reference to it is consumed
 *
 * Links whose own fence is signaled are passed over and unlinked, which may free them.
 *
 * Context: Any; may signal fences that are found done.
 * Return: The next fence, a link or what the timeline started on, with a reference owned by the
 * caller. NULL when nothing is left or @fence is not a link.
 */
struct dma_fence *dma_fence_chain_walk(struct dma_fence *fence)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(fence);
	struct dma_fence *next = chain ? dma_fence_chain_collect(chain) : NULL;

	dma_fence_put(fence);
	return next;
}
EXPORT_SYMBOL(dma_fence_chain_walk);

/*
 * Take a reference to the oldest fence from @chain on that covers a point of its context, signaled
 * or not. NULL if there is none any more; false if the reference came too late.
 *
 * What lies in another context was there first: all of it belongs to every point.
 */
static bool dma_fence_chain_seek(struct dma_fence_chain *chain, u64 seqno, struct dma_fence **found)
{
	u64 context = chain->base.context;
	struct dma_fence *fence = &chain->base;
	struct dma_fence_chain *holder = NULL;

	guard(rcu)();
	while (chain && chain->base.context == context && chain->prev_seqno >= seqno) {
		holder = chain;
		fence = rcu_dereference(chain->skip);
		if (!fence || fence->seqno < seqno)
			fence = rcu_dereference(chain->prev);
		chain = to_dma_fence_chain(fence);
	}

	*found = fence;
	if (!fence)
		return true;
	return dma_fence_get_rcu(fence) && (chain || dma_fence_chain_start_holds(holder, fence));
}

/*
 * Take a reference to the first fence from @head on that covers a point and, behind it, is not
 * done.
 */
static struct dma_fence *dma_fence_chain_point_get(struct dma_fence_chain *head, u64 seqno)
{
	struct dma_fence *found;

	/* If it came too late, it was unlinked meanwhile and will not be found again. */
	while (unlikely(!dma_fence_chain_seek(head, seqno, &found)))
		cpu_relax();

	if (!found || found == &head->base || !dma_fence_chain_link_done(found))
		return found;

	return dma_fence_chain_walk(found);
}

/**
 * dma_fence_chain_find_seqno - find the fence to wait for to reach a point
 * @pfence: in: newest link, its reference owned by the caller; out, on success: the oldest fence
 *	that is signaled no earlier than the point is reached, the reference moved to it. NULL when
 *	the point was reached already. Unchanged on error
 * @seqno: point of the timeline; 0 stands for all of @pfence, whatever it is
 *
 * Points need not have a link of their own: the next later link stands for them. A point whose link
 * is signaled and gone may be reported as an older one that is not, as a point includes all before.
 * This is intended: signaled order is not the order of completion of the fences inside.
 *
 * Context: Any; may signal fences that are found done.
 * Return: 0, or -EINVAL when @pfence is not a link or the point is not on the timeline yet.
 */
int dma_fence_chain_find_seqno(struct dma_fence **pfence, u64 seqno)
{
	struct dma_fence_chain *head;

	if (!seqno)
		return 0;

	head = to_dma_fence_chain(*pfence);
	if (!head || head->base.seqno < seqno)
		return -EINVAL;

	*pfence = dma_fence_chain_point_get(head, seqno);
	dma_fence_put(&head->base);

	return 0;
}
EXPORT_SYMBOL(dma_fence_chain_find_seqno);

/*
 * The callback: leave the rest to the irq_work, since the lock of the signaled fence is held. The
 * core is done with cb, so its room can be the queue's.
 */
static void dma_fence_chain_fence_done(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence_chain *chain = container_of(cb, struct dma_fence_chain, cb);
	struct dma_fence_chain_queue *queue = raw_cpu_ptr(&dma_fence_chain_queue);

	/*
	 * Who finds the queue empty has it emptied. Should this be on another CPU by now: any will
	 * do.
	 */
	if (llist_add(&chain->node, &queue->links))
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

/* What to wait for at a link behind: see dma_fence_chain_arm(). */
static struct dma_fence *dma_fence_chain_stand_in(struct dma_fence *link, bool links)
{
	if (links && test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &link->flags))
		return link;
	return dma_fence_chain_contained(link);
}

/*
 * Queue the callback on the newest fence that is not signaled; false if there is none. With @links,
 * a link that somebody waits for already is as good as its fence, and better: what is behind it
 * need not be waited for again. When the fences of N links with N waiters signal newest first, each
 * waiter is queued twice, not N times.
 */
static bool dma_fence_chain_arm(struct dma_fence_chain *chain, bool links)
{
	struct dma_fence *link;

	if (dma_fence_chain_wait_for(chain, chain->fence))
		return true;

	for (link = dma_fence_chain_collect(chain); link; link = dma_fence_chain_walk(link)) {
		if (dma_fence_chain_wait_for(chain, dma_fence_chain_stand_in(link, links))) {
			dma_fence_put(link);
			return true;
		}
	}

	return false;
}

/*
 * Look for the next fence of each queued link, or signal it, which may queue the next newer one.
 * Each link comes with the reference that its callback had; once armed it is the callback's again.
 */
static void dma_fence_chain_irq_work(struct irq_work *work)
{
	struct dma_fence_chain_queue *queue =
		container_of(work, struct dma_fence_chain_queue, work);
	struct llist_node *links = llist_reverse_order(llist_del_all(&queue->links));
	struct dma_fence_chain *chain, *next;

	llist_for_each_entry_safe(chain, next, links, node) {
		if (dma_fence_chain_arm(chain, true))
			continue;

		dma_fence_signal(&chain->base);
		dma_fence_put(&chain->base);
	}
}

static bool dma_fence_chain_enable_signaling(struct dma_fence *fence)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(fence);

	dma_fence_get(fence);
	if (dma_fence_chain_arm(chain, false))
		return true;

	/* Never the last reference: the caller has one. */
	dma_fence_put(fence);
	return false;
}

static bool dma_fence_chain_signaled(struct dma_fence *fence)
{
	struct dma_fence *pending;

	if (!dma_fence_chain_link_done(fence))
		return false;

	pending = dma_fence_chain_collect(to_dma_fence_chain(fence));
	dma_fence_put(pending);

	return !pending;
}

/* Links that one callback frees, so that none takes long; and that it frees at a time. */
#define DMA_FENCE_CHAIN_FREE_MAX 512
#define DMA_FENCE_CHAIN_FREE_BULK 32

/*
 * As they are listed: oldest first, which is as they were allocated. Freed in another order, they
 * cost the allocator more to give out again, up to a third of what appending a link costs.
 */
static void dma_fence_chain_free_rcu(struct rcu_head *rcu)
{
	struct llist_node *node = &container_of(rcu, struct dma_fence_chain, base.rcu)->node;
	void *links[DMA_FENCE_CHAIN_FREE_BULK];
	size_t first;

	while (node) {
		/* From the end on, which is where kfree_bulk() begins. */
		for (first = ARRAY_SIZE(links); node && first; node = node->next)
			links[--first] = llist_entry(node, struct dma_fence_chain, node);
		kfree_bulk(ARRAY_SIZE(links) - first, links + first);
	}
}

/* Free dead links, listed oldest first, when their last reader has left: all by one callback. */
static void dma_fence_chain_free_all(struct llist_node *links)
{
	struct dma_fence_chain *chain = llist_entry(links, struct dma_fence_chain, node);

	if (links->next)
		call_rcu(&chain->base.rcu, dma_fence_chain_free_rcu);
	else
		dma_fence_free(&chain->base);
}

/* Drop a reference of a dead link. A link that dies of it is put on the list of @dead instead. */
static void dma_fence_chain_drop(struct dma_fence *fence, struct llist_node **dead)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(fence);

	if (!chain) {
		dma_fence_put(fence);
	} else if (refcount_dec_and_test(&fence->refcount.refcount)) {
		chain->node.next = *dead;
		*dead = &chain->node;
	}
}

/*
 * Links that die with this one are released here, not each from the release of another. Their
 * pointers stay as they are, for lock-free readers.
 */
static void dma_fence_chain_release(struct dma_fence *fence)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(fence);
	struct llist_node *dead = NULL, *done = NULL;
	unsigned int count = 0;

	for (;;) {
		dma_fence_chain_drop(rcu_dereference_protected(chain->skip, true), &dead);
		dma_fence_chain_drop(rcu_dereference_protected(chain->prev, true), &dead);
		dma_fence_put(chain->fence);

		chain->node.next = done;
		done = &chain->node;
		if (!dead)
			break;
		if (++count % DMA_FENCE_CHAIN_FREE_MAX == 0) {
			dma_fence_chain_free_all(done);
			done = NULL;
		}

		chain = llist_entry(dead, struct dma_fence_chain, node);
		dead = dead->next;
		dma_fence_release_begin(&chain->base);
	}

	dma_fence_chain_free_all(done);
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

/* Every so many links one has a skip. */
#define DMA_FENCE_CHAIN_STRIDE 16U

/*
 * Find the next link of the context behind @chain, itself included, that has a skip or is where one
 * will lead to. There is one every so many links, unless just those have signaled and were
 * unlinked: then it is given up, for drivers add links under spinlocks.
 */
static struct dma_fence_chain *dma_fence_chain_stop_rcu(struct dma_fence_chain *chain)
{
	u64 context = chain->base.context;
	unsigned int steps = 0;

	while (chain && chain->base.context == context && steps++ < 4 * DMA_FENCE_CHAIN_STRIDE) {
		if (chain->depth % DMA_FENCE_CHAIN_STRIDE == 0)
			return chain;
		chain = to_dma_fence_chain(rcu_dereference(chain->prev));
	}

	return NULL;
}

static struct dma_fence_chain *dma_fence_chain_leap_rcu(struct dma_fence_chain *chain)
{
	return to_dma_fence_chain(rcu_dereference(chain->skip));
}

/*
 * Get what the skip of a new link leads to: over the last two leaps, if the newer one is not the
 * shorter; else to the last link that leaps begin at. So leaps double as they lead back, every
 * second one is long, and any link behind is reached in a number of steps that grows with the
 * logarithm of its distance. (Were none ever lost, they would be the digits of the depth as a skew
 * binary number.)
 */
static noinline struct dma_fence *dma_fence_chain_skip_get(struct dma_fence_chain *prev)
{
	struct dma_fence_chain *stop, *near, *far;

	guard(rcu)();
	stop = dma_fence_chain_stop_rcu(prev);
	if (!stop)
		return NULL;

	near = dma_fence_chain_leap_rcu(stop);
	far = near ? dma_fence_chain_leap_rcu(near) : NULL;
	if (far && stop->depth - near->depth >= near->depth - far->depth)
		stop = far;

	return dma_fence_get_rcu(&stop->base);
}

/**
 * dma_fence_chain_init - make an allocated link a fence at the end of a timeline
 * @chain: link from dma_fence_chain_alloc()
 * @prev: newest link so far, any other fence for the new timeline to start on, or NULL; the
 *	caller's reference to it is consumed
 * @fence: what to add, anything but a link; the caller's reference to it is consumed
 * @seqno: point of the new link
 *
 * The link continues the context of @prev if that is a link with a smaller point. Otherwise it
 * starts a new context, with at least the point of @prev, as points never go back. Cannot fail and
 * allocates nothing. The caller owns the first reference.
 *
 * Errors of @fence stay with it; see dma_fence_unwrap_for_each() to visit it.
 *
 * Context: Any.
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
	WARN_ONCE(dma_fence_is_chain(chain->fence),
		  "a chain inside of a chain link, flatten it\n");
}
EXPORT_SYMBOL(dma_fence_chain_init);
