// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-fence-chain: timelines.
 *
 *	newest                                        oldest
 *	link 9 --prev--> link 7 --prev--> link 4 --prev--> fence the timeline started on, or NULL
 *	  |fence           |fence           |fence
 *
 * A link is signaled when its own fence and all that is behind it are. Links are immutable but for
 * prev, which moves on past links whose fence is signaled.
 *
 * Locks: enabling signaling takes chain->lock and, inside it, the lock of one fence after the
 * other, none of which is a link (nor inside of one: a link may hold an array, not a chain). The
 * callback runs under the lock of the fence that signaled, so it must never take chain->lock;
 * it leaves looking for the next fence to an irq_work. Nothing here calls itself through a fence
 * it found: walking, waiting and releasing are loops, however long the timeline is.
 *
 * Life: the queued callback holds a reference to the link and to the fence it is queued on. The
 * callback passes the former on to the irq_work, which passes it to the next callback.
 *
 * Why the lock-free walk is right:
 *
 * - Memory. Who reads chain->prev holds a reference to the link. The link holds one to what prev
 *   points to, dropped only after prev was changed to something else. A reader gets its own by
 *   dma_fence_get_rcu_safe(): within the read section the memory stays readable, and comparing
 *   prev again tells a fence from another one that was made in the same type-stable memory.
 * - Publication. prev is written before the link is published, by whatever publishes it. Later
 *   only cmpxchg() changes it, to a fence that some link behind pointed to: initialized before
 *   that link was. The release that the cmpxchg() implies pairs with rcu_dereference() in
 *   dma_fence_get_rcu_safe().
 * - No ABA. The collector holds a reference to the fence that it expects in prev, so this cannot
 *   be freed and come back as another, and prev only ever moves to older fences.
 * - Staleness. A reader that got a link just before it was unlinked follows the old path. This is
 *   longer, but leads through signaled links to the same place: a link keeps its prev until its
 *   last reference is gone (see dma_fence_chain_release()). It never leads past an unsignaled one.
 */

#include <linux/dma-fence-chain.h>
#include <linux/export.h>

static const char *dma_fence_chain_get_driver_name(struct dma_fence *fence)
{
	return "dma_fence_chain";
}

static const char *dma_fence_chain_get_timeline_name(struct dma_fence *fence)
{
	return "unbound";
}

/* Take a reference to what is behind a link; NULL at the end and behind anything but a link. */
static struct dma_fence *dma_fence_chain_prev_get(struct dma_fence *link)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(link);

	if (!chain)
		return NULL;

	guard(rcu)();
	return dma_fence_get_rcu_safe(&chain->prev);
}

/* Whether a link, as far as it is concerned itself, can be left out of the timeline. */
static bool dma_fence_chain_link_done(struct dma_fence *link)
{
	return dma_fence_is_signaled(dma_fence_chain_contained(link));
}

/* Take a reference to the nearest fence behind @link that is not done; NULL if all are. */
static struct dma_fence *dma_fence_chain_pending_get(struct dma_fence *link)
{
	struct dma_fence *next = dma_fence_chain_prev_get(link);

	while (next && dma_fence_chain_link_done(next)) {
		struct dma_fence *done = next;

		next = dma_fence_chain_prev_get(done);
		dma_fence_put(done);
	}

	return next;
}

/* As dma_fence_chain_pending_get(), and unlink in one step what lies between. */
static struct dma_fence *dma_fence_chain_collect(struct dma_fence_chain *chain)
{
	struct dma_fence *first = dma_fence_chain_prev_get(&chain->base);
	struct dma_fence *next, *old;

	if (!first || !dma_fence_chain_link_done(first))
		return first;

	next = dma_fence_chain_pending_get(first);

	/* See "Why the lock-free walk is right". On success one more reference moves each way. */
	dma_fence_get(next);
	old = unrcu_pointer(cmpxchg(&chain->prev, RCU_INITIALIZER(first), RCU_INITIALIZER(next)));

	/* Who was faster unlinked these or more; what was found is as good either way. */
	dma_fence_put(old == first ? first : next);
	dma_fence_put(first);

	return next;
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
	struct dma_fence *next = NULL;

	if (chain)
		next = dma_fence_chain_collect(chain);
	dma_fence_put(fence);

	return next;
}
EXPORT_SYMBOL(dma_fence_chain_walk);

/* Whether @fence is what to wait for to reach a point of @head's context, walking down to it. */
static bool dma_fence_chain_covers(struct dma_fence_chain *head, struct dma_fence *fence, u64 seqno)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(fence);

	/* What lies in another context was there first: all of it belongs to every point. */
	if (!chain || fence->context != head->base.context)
		return true;

	return chain->prev_seqno < seqno;
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
	struct dma_fence *iter;

	if (!seqno)
		return 0;

	head = to_dma_fence_chain(*pfence);
	if (!head || head->base.seqno < seqno)
		return -EINVAL;

	dma_fence_chain_for_each(iter, &head->base)
		if (dma_fence_chain_covers(head, iter, seqno))
			break;

	*pfence = iter;
	dma_fence_put(&head->base);

	return 0;
}
EXPORT_SYMBOL(dma_fence_chain_find_seqno);

static bool dma_fence_chain_arm(struct dma_fence_chain *chain);

static void dma_fence_chain_irq_work(struct irq_work *work)
{
	struct dma_fence_chain *chain = container_of(work, struct dma_fence_chain, work);

	/* Once armed it is the callback's, and may be gone. */
	if (dma_fence_chain_arm(chain))
		return;

	dma_fence_signal(&chain->base);
	dma_fence_put(&chain->base);
}

static void dma_fence_chain_fence_done(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_fence_chain *chain = container_of(cb, struct dma_fence_chain, cb);

	/*
	 * The core is done with cb, so its room can be the work's. The work may be the very one
	 * whose function queued this callback and has yet to return: what the irq_work core then
	 * does is to clear the busy flag if nothing else changed, which neither a list pointer nor
	 * a work that was queued again can be taken for.
	 */
	init_irq_work(&chain->work, dma_fence_chain_irq_work);
	irq_work_queue(&chain->work);
	dma_fence_put(fence);
}

/* Queue the callback on the newest fence that is not signaled; false if there is none. */
static bool dma_fence_chain_arm(struct dma_fence_chain *chain)
{
	struct dma_fence *link;

	dma_fence_chain_for_each(link, &chain->base) {
		struct dma_fence *fence = dma_fence_get(dma_fence_chain_contained(link));

		if (!dma_fence_add_callback(fence, &chain->cb, dma_fence_chain_fence_done)) {
			dma_fence_put(link);
			return true;
		}
		dma_fence_put(fence);
	}

	return false;
}

static bool dma_fence_chain_enable_signaling(struct dma_fence *fence)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(fence);

	dma_fence_get(fence);
	if (dma_fence_chain_arm(chain))
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

static void dma_fence_chain_release(struct dma_fence *fence)
{
	struct dma_fence_chain *chain = to_dma_fence_chain(fence);
	struct dma_fence *prev = rcu_dereference_protected(chain->prev, true);

	dma_fence_put(chain->fence);
	dma_fence_free(fence);

	/*
	 * Every further link that goes with this one is taken over here: when its last reference
	 * is dropped nobody else can reach it, so prev is ours to detach, and its own release then
	 * finds nothing to go on with. Not earlier: a walker that holds a reference may be about
	 * to follow prev.
	 */
	while (prev && refcount_dec_and_test(&prev->refcount.refcount)) {
		struct dma_fence *last = prev;

		chain = to_dma_fence_chain(last);
		prev = chain ? rcu_replace_pointer(chain->prev, NULL, true) : NULL;
		dma_fence_release(&last->refcount);
	}
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
	bool is_link = to_dma_fence_chain(prev);
	u64 context;

	WARN_ONCE(dma_fence_is_chain(fence), "a chain inside of a chain link, flatten it\n");

	if (is_link && seqno > prev->seqno) {
		context = prev->context;
		chain->prev_seqno = prev->seqno;
	} else {
		context = dma_fence_context_alloc(1);
		chain->prev_seqno = 0;
		if (is_link)
			seqno = prev->seqno;
	}

	RCU_INIT_POINTER(chain->prev, prev);
	chain->fence = fence;
	spin_lock_init(&chain->lock);
	dma_fence_init(&chain->base, &dma_fence_chain_ops, &chain->lock, context, seqno);
}
EXPORT_SYMBOL(dma_fence_chain_init);
