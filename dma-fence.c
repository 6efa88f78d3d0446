// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fences: the object, its contexts, its references, its signal and the
 * callbacks on it.
 *
 * Waiting is in dma-fence-wait.c, the fence that was always signaled in
 * dma-fence-stub.c, the lockdep annotation in dma-fence-lockdep.c.
 *
 * Locking: one lock, &dma_fence.lock, which the driver provides and which is
 * taken with interrupts off. It is innermost here: callbacks and
 * &dma_fence_ops.enable_signaling run under it, so that everything they take
 * comes after it. The annotated signalling section is entered before it.
 */
#include <linux/atomic.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-fence.h>
#include <linux/export.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>

#include "dma-fence-internal.h"

#define CREATE_TRACE_POINTS
#include <trace/events/dma_fence.h>

EXPORT_TRACEPOINT_SYMBOL(dma_fence_emit);
EXPORT_TRACEPOINT_SYMBOL(dma_fence_enable_signal);
EXPORT_TRACEPOINT_SYMBOL(dma_fence_signaled);

/**
 * DOC: DMA fences overview
 *
 * A fence, &struct dma_fence, stands for one piece of work on hardware. It
 * begins unsignaled, is signaled once, and stays so::
 *
 *	dma_fence_init() ---> pending ---> signaled ---> released
 *	                      |            |             |
 *	                      |            |             last dma_fence_put()
 *	                      |            dma_fence_signal() runs the callbacks
 *	                      dma_fence_add_callback(), dma_fence_wait()
 *
 * The driver that runs the work creates the fence and signals it. Everybody
 * else holds a reference and waits, with dma_fence_wait() or with a callback
 * that runs from the signal. Callbacks run in the order in which they were
 * added. A fence that went wrong carries an error, see dma_fence_set_error();
 * it is signaled all the same.
 *
 * Fences of one context, dma_fence_context_alloc(), complete in the order of
 * their sequence numbers; only the last one has to be kept. Fences of different
 * contexts are unrelated. &struct dma_fence_array and &struct dma_fence_chain
 * make one fence of several, &struct dma_resv keeps those of a buffer, and
 * &struct sync_file carries one to user space.
 */

/**
 * DOC: fence cross-driver contract
 *
 * Drivers wait for each other's fences, and memory reclaim waits for them too.
 * That works only as long as all keep the same promises:
 *
 * - A fence is signaled in bounded time, whatever user space does. A driver
 *   that cannot tell when the hardware is done has a timeout, after which it
 *   stops the hardware, sets an error and signals.
 * - From the moment another driver can see a fence until it is signaled,
 *   nothing on the way there waits for anything that might wait for a fence.
 *   That excludes &struct dma_resv locks, memory allocation other than
 *   GFP_ATOMIC or GFP_NOWAIT, and faults of user memory.
 * - Locks that are held while waiting for a fence are not needed to signal one.
 *   Fences may be waited for with a &struct dma_resv lock held, from shrinkers
 *   and from MMU notifiers.
 * - Callbacks run in any context with interrupts off and a foreign fence's lock
 *   held. They schedule work rather than do it.
 *
 * dma_fence_begin_signalling() lets lockdep check the second and third of
 * these.
 */

/**
 * DOC: fence signalling annotation
 *
 * The code from publishing a fence to signaling it must not depend on anything
 * that waits for a fence. Such code is often spread over interrupt handlers,
 * work items and threads, and the deadlock needs an unlucky moment, so that
 * testing hardly ever finds it. Lockdep finds it without the moment, if it is
 * told where that code is::
 *
 *	cookie = dma_fence_begin_signalling();
 *	... complete jobs, take locks, signal fences ...
 *	dma_fence_end_signalling(cookie);
 *
 * A lock taken inside is then known to be needed for signaling, while a lock
 * held around dma_fence_wait() is known to be held by a waiter. A lock that is
 * both is reported. Locks held when the section begins are not recorded as a
 * dependency, because entering never waits.
 *
 * Sections nest. Annotate what runs for every fence: interrupt threads,
 * completion workers, submission from the point on where the fence is visible
 * to others. The functions that signal and take the lock themselves are
 * annotated already, which covers only their own callbacks.
 */

/**
 * DOC: deadline hints
 *
 * Hardware that saves power by running slowly sees an idle moment while the CPU
 * or a display waits for its result, slows down even more, and misses the
 * frame. A waiter that knows when it needs the result says so with
 * dma_fence_set_deadline() and the driver may speed up. The hint changes
 * nothing about when or whether the fence is signaled. Containers hand it on to
 * the fences that they consist of. User space gives it through the
 * SYNC_IOC_SET_DEADLINE ioctl of a sync_file.
 */

/* Context 0 is for fences that belong to no timeline. */
static atomic64_t dma_fence_context_next = ATOMIC64_INIT(1);

/**
 * dma_fence_context_alloc - reserve context numbers
 * @num: how many; at least 1
 *
 * Numbers are never given out twice. A context costs nothing and is not freed.
 *
 * Context: any.
 * Return: the first of @num consecutive numbers, none of them 0.
 */
u64 dma_fence_context_alloc(unsigned int num)
{
	WARN_ON_ONCE(!num);
	return atomic64_fetch_add(num, &dma_fence_context_next);
}
EXPORT_SYMBOL(dma_fence_context_alloc);

/*
 * Name a fence that was initialized without a lock or without names. Its memory
 * is leaked, because the owner of the memory is unknown.
 */
static const char *dma_fence_nameless_get_name(struct dma_fence *fence)
{
	return "nameless";
}

static void dma_fence_nameless_release(struct dma_fence *fence)
{
}

static const struct dma_fence_ops dma_fence_nameless_ops = {
	.get_driver_name = dma_fence_nameless_get_name,
	.get_timeline_name = dma_fence_nameless_get_name,
	.release = dma_fence_nameless_release,
};

static DEFINE_SPINLOCK(dma_fence_nameless_lock);

/*
 * Warn, and initialize the fence with replacements. Kept out of line, because
 * correct drivers never get here. The parameters are those of dma_fence_init(),
 * so that the call need not move them.
 */
static noinline __cold void dma_fence_init_nameless(struct dma_fence *fence,
						    const struct dma_fence_ops *ops,
						    spinlock_t *lock, u64 context, u64 seqno)
{
	WARN_ONCE(1, "a fence needs a lock, and operations that name it: %ps\n", ops);
	dma_fence_init_common(fence, &dma_fence_nameless_ops, lock ?: &dma_fence_nameless_lock,
			      context, seqno);
}

/**
 * dma_fence_init - initialise a fence
 * @fence: uninitialised memory; type-stable memory that was a fence before will
 *	do
 * @ops: operations, both names among them; kept until release
 * @lock: initialised lock, which may be shared by fences of one timeline; kept
 *	until release
 * @context: context number, from dma_fence_context_alloc()
 * @seqno: sequence number, rising within @context
 *
 * The caller owns the one reference that the fence starts with. Without a lock
 * or names the fence is made usable with replacements, but its memory will
 * never be freed.
 *
 * Context: any; calls both names of @ops when traced.
 */
void dma_fence_init(struct dma_fence *fence, const struct dma_fence_ops *ops,
		    spinlock_t *lock, u64 context, u64 seqno)
{
	if (unlikely(!lock || !ops || !ops->get_driver_name || !ops->get_timeline_name))
		dma_fence_init_nameless(fence, ops, lock, context, seqno);
	else
		dma_fence_init_common(fence, ops, lock, context, seqno);
}
EXPORT_SYMBOL(dma_fence_init);

/**
 * dma_fence_free - free a fence that is a kmalloc() allocation of its own
 * @fence: the first member of the allocation; its last reference is gone
 *
 * What &dma_fence_ops.release ends with, unless memory comes from elsewhere.
 *
 * Context: any. The memory stays readable for an RCU grace period.
 */
void dma_fence_free(struct dma_fence *fence)
{
	kfree_rcu(fence, rcu);
}
EXPORT_SYMBOL(dma_fence_free);

/*
 * Look at the flag first: the timestamp takes the place of the list when the
 * fence is signaled.
 */
static bool dma_fence_has_callbacks(struct dma_fence *fence)
{
	return !dma_fence_test_signaled_flag(fence) && !list_empty(&fence->cb_list);
}

/*
 * Signal a fence that is released with waiters. They would wait for ever,
 * because no driver is left to signal it.
 */
static noinline __cold void dma_fence_abandon(struct dma_fence *fence)
{
	unsigned long flags;

	pr_warn("dma_fence %s:%s:%llu:%llu released with pending signals\n",
		fence->ops->get_driver_name(fence), fence->ops->get_timeline_name(fence),
		fence->context, fence->seqno);

	spin_lock_irqsave(fence->lock, flags);
	fence->error = -EDEADLK;
	dma_fence_signal_locked(fence);
	spin_unlock_irqrestore(fence->lock, flags);
}

static __always_inline void dma_fence_release_check(struct dma_fence *fence)
{
	trace_dma_fence_destroy(fence);

	if (WARN_ON(dma_fence_has_callbacks(fence)))
		dma_fence_abandon(fence);
}

/* Begin a release. For callers that release several fences at once. */
void dma_fence_release_begin(struct dma_fence *fence)
{
	dma_fence_release_check(fence);
}

/**
 * dma_fence_release - release a fence whose last reference is gone
 * @kref: &dma_fence.refcount
 *
 * Only for dma_fence_put(). Should callbacks still be queued, it warns and
 * signals the fence with the error -EDEADLK first.
 *
 * Context: any.
 */
void dma_fence_release(struct kref *kref)
{
	struct dma_fence *fence = container_of(kref, struct dma_fence, refcount);

	dma_fence_release_check(fence);

	if (fence->ops->release)
		fence->ops->release(fence);
	else
		dma_fence_free(fence);
}
EXPORT_SYMBOL(dma_fence_release);

/*
 * Signal the fence; true when it was signaled before.
 *
 * The timestamp takes the list's place, so the callbacks move to a list of our
 * own first. A callback may free itself or drop the last reference to the
 * fence: of the callback, nothing is touched after the call. Of the fence, only
 * the lock, which the caller must still be able to drop.
 */
static __always_inline bool dma_fence_complete_locked(struct dma_fence *fence, ktime_t timestamp)
{
	struct dma_fence_cb *cb, *next;
	struct list_head callbacks;

	lockdep_assert_held(fence->lock);

	/*
	 * Orders error and the like before the bit: pairs with
	 * dma_fence_test_signaled_flag().
	 */
	if (unlikely(test_and_set_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags)))
		return true;

	list_replace(&fence->cb_list, &callbacks);
	fence->timestamp = timestamp;
	/*
	 * Pairs with test_bit_acquire() in dma_fence_timestamp() and the stub.
	 */
	smp_mb__before_atomic();
	set_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &fence->flags);
	trace_dma_fence_signaled(fence);

	/*
	 * Taking a callback back needs the lock: the next one stays while this
	 * one runs.
	 */
	list_for_each_entry_safe(cb, next, &callbacks, node) {
		INIT_LIST_HEAD(&cb->node);
		cb->func(fence, cb);
	}
	return false;
}

/*
 * Return the time at which the work was over, as far as known, of a fence that
 * is signaled without one. Fences that share a lock get rising times because
 * the caller holds that lock.
 */
static ktime_t dma_fence_present_time(struct dma_fence *fence)
{
	struct dma_fence_array *array = to_dma_fence_array(fence);

	return array ? dma_fence_array_time(array) : ktime_get();
}

/*
 * Signal the fence as of a given time, or the present time if @timestamp is
 * NULL. Return true if it was signaled before. After the unlock the fence may
 * be gone: a waiter may own it, on its stack for example.
 */
static __always_inline bool dma_fence_complete(struct dma_fence *fence, const ktime_t *timestamp)
{
	bool cookie = dma_fence_begin_signalling();
	spinlock_t *lock = fence->lock;
	unsigned long flags;
	bool already;

	spin_lock_irqsave(lock, flags);
	already = dma_fence_complete_locked(fence, timestamp ? *timestamp :
						   dma_fence_present_time(fence));
	spin_unlock_irqrestore(lock, flags);

	dma_fence_end_signalling(cookie);
	return already;
}

/**
 * dma_fence_signal_timestamp_locked - signal a fence as of a given time, with
 * the lock held
 * @fence: the fence
 * @timestamp: when the work completed, CLOCK_MONOTONIC
 *
 * As dma_fence_signal_timestamp() otherwise.
 *
 * Context: any; the caller holds the fence's lock, and has interrupts off.
 * Return: 0, or -EINVAL when the fence was signaled before.
 */
int dma_fence_signal_timestamp_locked(struct dma_fence *fence, ktime_t timestamp)
{
	return dma_fence_complete_locked(fence, timestamp) ? -EINVAL : 0;
}
EXPORT_SYMBOL(dma_fence_signal_timestamp_locked);

/**
 * dma_fence_signal_timestamp - signal a fence as of a given time
 * @fence: the fence, or NULL
 * @timestamp: when the work completed, CLOCK_MONOTONIC
 *
 * Runs the callbacks in the order in which they were added. Only the first
 * signal of a fence has an effect.
 *
 * Context: any; takes the fence's lock.
 * Return: 0, or -EINVAL when the fence was signaled before or is NULL.
 */
int dma_fence_signal_timestamp(struct dma_fence *fence, ktime_t timestamp)
{
	if (!fence)
		return -EINVAL;

	return dma_fence_complete(fence, &timestamp) ? -EINVAL : 0;
}
EXPORT_SYMBOL(dma_fence_signal_timestamp);

/**
 * dma_fence_signal_locked - signal a fence, with the lock held
 * @fence: the fence
 *
 * As dma_fence_signal() otherwise.
 *
 * Context: any; the caller holds the fence's lock, and has interrupts off.
 * Return: 0, or -EINVAL when the fence was signaled before.
 */
int dma_fence_signal_locked(struct dma_fence *fence)
{
	return dma_fence_signal_timestamp_locked(fence, dma_fence_present_time(fence));
}
EXPORT_SYMBOL(dma_fence_signal_locked);

/**
 * dma_fence_signal - signal a fence: its work is over
 * @fence: the fence, or NULL
 *
 * Runs the callbacks in the order in which they were added. Only the first
 * signal of a fence has an effect. Unless the caller holds a reference, the
 * fence may be gone on return.
 *
 * Context: any; takes the fence's lock.
 * Return: 0, or -EINVAL when the fence was signaled before or is NULL.
 */
int dma_fence_signal(struct dma_fence *fence)
{
	if (!fence)
		return -EINVAL;

	return dma_fence_complete(fence, NULL) ? -EINVAL : 0;
}
EXPORT_SYMBOL(dma_fence_signal);

/* Once in the life of a fence: out of the way of all others. */
static noinline bool dma_fence_enable_first_locked(struct dma_fence *fence)
{
	trace_dma_fence_enable_signal(fence);
	if (!fence->ops->enable_signaling(fence))
		dma_fence_signal_locked(fence);
	return !dma_fence_test_signaled_flag(fence);
}

static __always_inline bool __dma_fence_enable_locked(struct dma_fence *fence)
{
	bool enabled = test_and_set_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags);

	lockdep_assert_held(fence->lock);

	if (dma_fence_test_signaled_flag(fence))
		return false;
	if (enabled || !fence->ops->enable_signaling)
		return true;

	return dma_fence_enable_first_locked(fence);
}

/*
 * Make the driver signal the fence unasked. Return true while the fence is
 * unsignaled. The driver may signal from within
 * &dma_fence_ops.enable_signaling, whether that returns true or false.
 */
bool dma_fence_enable_locked(struct dma_fence *fence)
{
	return __dma_fence_enable_locked(fence);
}

/**
 * dma_fence_enable_sw_signaling - make the driver signal the fence unasked
 * @fence: the fence
 *
 * Many drivers notice the end of work only when asked. This makes them arm an
 * interrupt or the like. Waiting and adding a callback do it by themselves.
 *
 * Context: any; takes the fence's lock. The fence may be signaled on return.
 */
void dma_fence_enable_sw_signaling(struct dma_fence *fence)
{
	unsigned long flags;

	spin_lock_irqsave(fence->lock, flags);
	dma_fence_enable_locked(fence);
	spin_unlock_irqrestore(fence->lock, flags);
}
EXPORT_SYMBOL(dma_fence_enable_sw_signaling);

/**
 * dma_fence_add_callback - have a function called when a fence is signaled
 * @fence: the fence; the caller holds a reference
 * @cb: the callback, uninitialised; the caller keeps it until it ran or was
 *	removed
 * @func: the function
 *
 * Makes the driver signal the fence unasked. On failure @cb is initialised for
 * dma_fence_remove_callback(), and &dma_fence_cb.func is left as it was.
 *
 * Context: any; takes the fence's lock.
 * Return: 0 when @func has been or will be called, -ENOENT when the fence is
 * signaled already and @func will not be called, -EINVAL with a warning when an
 * argument is NULL.
 */
int dma_fence_add_callback(struct dma_fence *fence, struct dma_fence_cb *cb,
			   dma_fence_func_t func)
{
	unsigned long flags;
	bool pending;

	if (WARN_ON_ONCE(!fence || !cb || !func))
		return -EINVAL;

	INIT_LIST_HEAD(&cb->node);
	if (dma_fence_test_signaled_flag(fence))
		return -ENOENT;

	spin_lock_irqsave(fence->lock, flags);
	pending = __dma_fence_enable_locked(fence);
	if (pending) {
		cb->func = func;
		list_add_tail(&cb->node, &fence->cb_list);
	}
	spin_unlock_irqrestore(fence->lock, flags);

	return pending ? 0 : -ENOENT;
}
EXPORT_SYMBOL(dma_fence_add_callback);

/**
 * dma_fence_remove_callback - take a callback back
 * @fence: the fence that it was given to, or tried to be
 * @cb: the callback, initialised by dma_fence_add_callback()
 *
 * After this the callback is not running and will not run; its memory is the
 * caller's again. The list decides, not the signaled bit: a driver may set the
 * bit long before it runs the callbacks.
 *
 * Context: any, but not from a callback of the same fence; takes the fence's
 * lock.
 * Return: true when removed before it ran, false when it has run or was not
 * queued.
 */
bool dma_fence_remove_callback(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	unsigned long flags;
	bool queued;

	spin_lock_irqsave(fence->lock, flags);
	queued = !list_empty(&cb->node);
	if (queued)
		list_del_init(&cb->node);
	spin_unlock_irqrestore(fence->lock, flags);

	return queued;
}
EXPORT_SYMBOL(dma_fence_remove_callback);

/**
 * dma_fence_get_status - ask how the work went
 * @fence: the fence
 *
 * Context: any; may take the fence's lock.
 * Return: 0 while pending, 1 when it went well, otherwise the negative
 * &dma_fence.error.
 */
int dma_fence_get_status(struct dma_fence *fence)
{
	return dma_fence_is_signaled(fence) ? (fence->error ?: 1) : 0;
}
EXPORT_SYMBOL(dma_fence_get_status);

/**
 * dma_fence_set_deadline - hint at when the result will be needed
 * @fence: the fence
 * @deadline: the time, CLOCK_MONOTONIC; a time in the past means at once
 *
 * Passed on to the driver while the fence is unsignaled.
 *
 * Context: any, without the fence's lock; may take it.
 */
void dma_fence_set_deadline(struct dma_fence *fence, ktime_t deadline)
{
	const struct dma_fence_ops *ops = fence->ops;

	if (!ops->set_deadline || dma_fence_is_signaled(fence))
		return;

	ops->set_deadline(fence, deadline);
}
EXPORT_SYMBOL(dma_fence_set_deadline);

/**
 * dma_fence_describe - print a fence as one line
 * @fence: the fence; the caller holds a reference
 * @seq: where to print
 *
 * Driver, timeline, sequence number, and whether signaled. A signaled fence has
 * constant names.
 *
 * Context: any in which @seq can be printed to; may take the fence's lock.
 */
void dma_fence_describe(struct dma_fence *fence, struct seq_file *seq)
{
	const char __rcu *driver, *timeline;
	bool signaled = dma_fence_is_signaled(fence);

	guard(rcu)();
	driver = dma_fence_driver_name(fence);
	timeline = dma_fence_timeline_name(fence);
	seq_printf(seq, "%s %s seq %llu %ssignalled\n", rcu_dereference(driver),
		   rcu_dereference(timeline), fence->seqno, signaled ? "" : "un");
}
EXPORT_SYMBOL(dma_fence_describe);
