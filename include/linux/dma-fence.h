/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fences: "the hardware is done with it", as an object that drivers can share.
 *
 * The object, its life and its rules are described in
 * drivers/dma-buf/dma-fence.c.
 */
#ifndef __LINUX_DMA_FENCE_H
#define __LINUX_DMA_FENCE_H

#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

struct dma_fence;
struct dma_fence_cb;
struct dma_fence_ops;
struct seq_file;

/**
 * struct dma_fence - completion of one piece of work
 * @lock: the lock given to dma_fence_init(), often shared by a whole timeline.
 *	Valid until release.
 * @ops: what the driver implements. Set before anything else can see the fence.
 * @cb_list: callbacks that wait for the signal, &dma_fence_cb.node. The
 *	signaler takes the whole list when it stores @timestamp. A
 *	driver that sets DMA_FENCE_FLAG_SIGNALED_BIT itself may do that
 *	later, so the list can outlive the bit. Locking: @lock.
 * @timestamp: when the work completed, CLOCK_MONOTONIC. Valid from
 *	DMA_FENCE_FLAG_TIMESTAMP_BIT until release; read it with
 *	dma_fence_timestamp(). Locking: @lock for writing.
 * @rcu: for a driver that frees the fence by RCU. Only after the last reference
 *	is gone.
 * @context: the timeline this fence belongs to, from dma_fence_context_alloc().
 *	Work of one context completes in the order of @seqno.
 * @seqno: position on the timeline.
 * @flags: bits of &enum dma_fence_flag_bits, changed by atomic bit operations
 *	only.
 * @refcount: a reference keeps the fence and what its operations need from
 *	being released. Memory stays readable for one RCU grace period longer.
 * @error: 0 or a negative errno; final once the fence is signaled.
 *
 * Initialize with dma_fence_init(). @cb_list, @timestamp and @rcu are needed
 * one after the other, so they share memory.
 */
struct dma_fence {
	spinlock_t *lock; /* the driver's */
	const struct dma_fence_ops *ops;
	union {
		struct list_head cb_list;
		ktime_t timestamp;
		struct rcu_head rcu;
	};
	u64 context;
	u64 seqno;
	unsigned long flags;
	struct kref refcount;
	int error;
};

/**
 * enum dma_fence_flag_bits - bits of &dma_fence.flags
 * @DMA_FENCE_FLAG_SIGNALED_BIT: the work is over. Never cleared. Set under
 *	&dma_fence.lock by the core; a driver may set it earlier and notify
 *	waiters later.
 * @DMA_FENCE_FLAG_TIMESTAMP_BIT: &dma_fence.timestamp is valid
 * @DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT: the driver was told to signal, because the
 *	fence has or had a waiter
 * @DMA_FENCE_FLAG_USER_BITS: this bit and those above belong to the driver
 */
enum dma_fence_flag_bits {
	DMA_FENCE_FLAG_SIGNALED_BIT,
	DMA_FENCE_FLAG_TIMESTAMP_BIT,
	DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT,
	DMA_FENCE_FLAG_USER_BITS,
};

/**
 * typedef dma_fence_func_t - function of a &struct dma_fence_cb
 * @fence: the fence that was signaled
 * @cb: the callback, already unlinked; the function may free it or add it to
 *	another fence
 *
 * Runs once, with the fence's lock held and interrupts off.
 */
typedef void (*dma_fence_func_t)(struct dma_fence *fence,
				 struct dma_fence_cb *cb);

/**
 * struct dma_fence_cb - a function to be called when a fence is signaled
 * @node: entry of &dma_fence.cb_list; empty while not queued. Locking:
 *	&dma_fence.lock.
 * @func: what to call; set by dma_fence_add_callback() when it queues the
 *	callback
 *
 * Embedded in the waiter's own structure.
 */
struct dma_fence_cb {
	struct list_head node;
	dma_fence_func_t func;
};

/**
 * struct dma_fence_ops - what a driver implements for its fences
 *
 * The two names are required, all else may be left out.
 */
struct dma_fence_ops {
	/**
	 * @use_64bit_seqno: sequence numbers are compared as plain 64 bit
	 * numbers. Otherwise only the lower half counts, and wraps around.
	 */
	bool use_64bit_seqno;

	/**
	 * @get_driver_name: name of the driver. Called at any time before the
	 * signal, in any context, with or without the lock. The returned string
	 * has to last for an RCU grace period after the signal.
	 */
	const char *(*get_driver_name)(struct dma_fence *fence);

	/**
	 * @get_timeline_name: name of what &dma_fence.context stands for.
	 * Called like @get_driver_name.
	 */
	const char *(*get_timeline_name)(struct dma_fence *fence);

	/**
	 * @enable_signaling: see to it that the fence gets signaled without
	 * being asked again: arm an interrupt, for example. Called at most
	 * once, with the lock held, before the first callback is queued. False
	 * means that the work is over already, and the core signals the fence.
	 * Without this operation the driver always signals on its own.
	 */
	bool (*enable_signaling)(struct dma_fence *fence);

	/**
	 * @signaled: look whether the work is over, without waiting and without
	 * taking the lock, which may or may not be held. Once true it has to
	 * stay true. May call dma_fence_set_error() before it returns true.
	 */
	bool (*signaled)(struct dma_fence *fence);

	/**
	 * @wait: wait in the driver's own way instead of
	 * dma_fence_default_wait(), with the same arguments and results; other
	 * negative errors are passed on to the caller.
	 */
	signed long (*wait)(struct dma_fence *fence,
			    bool intr, signed long timeout);

	/**
	 * @release: the last reference is gone; possibly in hard interrupt
	 * context. Has to keep the memory for an RCU grace period, which ending
	 * in dma_fence_free() does. Without this operation the core calls
	 * dma_fence_free().
	 */
	void (*release)(struct dma_fence *fence);

	/**
	 * @fence_value_str: print &dma_fence.seqno for debugging into @str of
	 * @size bytes
	 */
	void (*fence_value_str)(struct dma_fence *fence, char *str, int size);

	/**
	 * @timeline_value_str: print how far the timeline is, like
	 * @fence_value_str
	 */
	void (*timeline_value_str)(struct dma_fence *fence,
				   char *str, int size);

	/**
	 * @set_deadline: take the hint that a waiter would like the fence
	 * signaled by @deadline, CLOCK_MONOTONIC. Waiters may give it
	 * repeatedly, in any context, without the lock.
	 */
	void (*set_deadline)(struct dma_fence *fence, ktime_t deadline);
};

void dma_fence_init(struct dma_fence *fence, const struct dma_fence_ops *ops,
		    spinlock_t *lock, u64 context, u64 seqno);
void dma_fence_release(struct kref *kref);
void dma_fence_free(struct dma_fence *fence);
void dma_fence_describe(struct dma_fence *fence, struct seq_file *seq);

/**
 * dma_fence_put - drop a reference
 * @fence: the fence, or NULL
 *
 * Context: any; the last put runs &dma_fence_ops.release.
 */
static inline void dma_fence_put(struct dma_fence *fence)
{
	if (fence)
		kref_put(&fence->refcount, dma_fence_release);
}

/**
 * dma_fence_get - take another reference
 * @fence: a fence that the caller holds a reference to, or NULL
 *
 * Context: any.
 * Return: @fence.
 */
static inline struct dma_fence *dma_fence_get(struct dma_fence *fence)
{
	if (fence)
		kref_get(&fence->refcount);
	return fence;
}

/**
 * dma_fence_get_rcu - take a reference unless the last one is gone
 * @fence: a fence found in an RCU protected place; not NULL
 *
 * Where fences live in type-stable memory this may be another fence than the
 * one that was looked for: check again after the reference is held, as
 * dma_fence_get_rcu_safe() does.
 *
 * Context: RCU read section, or the pointer is stable for another reason.
 * Return: @fence, or NULL when it is being released.
 */
static inline struct dma_fence *dma_fence_get_rcu(struct dma_fence *fence)
{
	return kref_get_unless_zero(&fence->refcount) ? fence : NULL;
}

/**
 * dma_fence_get_rcu_safe - take a reference to the fence in an RCU protected
 * place
 * @fencep: the place, whose owner clears or replaces the pointer before it
 *	drops its reference
 *
 * Repeats until the place is stable, hence it returns the fence that stood
 * there at some moment during the call, even when fences live in type-stable
 * memory and are used again at once.
 *
 * Context: RCU read section.
 * Return: the fence, its reference owned by the caller, or NULL when the place
 * is empty.
 */
static inline struct dma_fence *
dma_fence_get_rcu_safe(struct dma_fence __rcu **fencep)
{
	struct dma_fence *fence;

	while ((fence = rcu_dereference(*fencep))) {
		if (!dma_fence_get_rcu(fence))
			continue;

		/*
		 * The count was not zero, but it may be that of a later fence
		 * in the same memory. That one's dma_fence_init() published the
		 * count with release, after the owner had overwritten *fencep
		 * and put the earlier fence. Having read that count, with the
		 * ordering below, we must see the overwritten pointer. So an
		 * unchanged pointer means that the reference is to the fence in
		 * that place. If the owner put the same fence back, no harm is
		 * done: our caller asked for that fence.
		 */
		smp_acquire__after_ctrl_dep();
		if (fence == rcu_access_pointer(*fencep))
			return rcu_pointer_handoff(fence);
		dma_fence_put(fence);
	}
	return NULL;
}

#ifdef CONFIG_LOCKDEP
bool dma_fence_begin_signalling(void);
void dma_fence_end_signalling(bool cookie);
void __dma_fence_might_wait(void);
#else
static inline bool dma_fence_begin_signalling(void)
{
	return true;
}

static inline void dma_fence_end_signalling(bool cookie) {}
static inline void __dma_fence_might_wait(void) {}
#endif

int dma_fence_signal(struct dma_fence *fence);
int dma_fence_signal_locked(struct dma_fence *fence);
int dma_fence_signal_timestamp(struct dma_fence *fence, ktime_t timestamp);
int dma_fence_signal_timestamp_locked(struct dma_fence *fence,
				      ktime_t timestamp);
int dma_fence_add_callback(struct dma_fence *fence,
			   struct dma_fence_cb *cb,
			   dma_fence_func_t func);
bool dma_fence_remove_callback(struct dma_fence *fence,
			       struct dma_fence_cb *cb);
void dma_fence_enable_sw_signaling(struct dma_fence *fence);
int dma_fence_get_status(struct dma_fence *fence);
void dma_fence_set_deadline(struct dma_fence *fence, ktime_t deadline);

/**
 * dma_fence_enable_signaling - newer name of dma_fence_enable_sw_signaling()
 * @fence: the fence
 *
 * Context: any; takes the fence's lock.
 */
static inline void dma_fence_enable_signaling(struct dma_fence *fence)
{
	dma_fence_enable_sw_signaling(fence);
}

/**
 * dma_fence_check_and_signal_locked - signal a fence and tell who was first,
 * with the lock held
 * @fence: the fence
 *
 * Context: any; the caller holds the fence's lock, and has interrupts off.
 * Return: true when the fence was signaled before.
 */
static inline bool dma_fence_check_and_signal_locked(struct dma_fence *fence)
{
	return dma_fence_signal_locked(fence) < 0;
}

/**
 * dma_fence_check_and_signal - signal a fence and tell who was first
 * @fence: the fence
 *
 * Context: any; takes the fence's lock.
 * Return: true when the fence was signaled before.
 */
static inline bool dma_fence_check_and_signal(struct dma_fence *fence)
{
	return dma_fence_signal(fence) < 0;
}

/**
 * dma_fence_test_signaled_flag - tell whether the fence is known to be signaled
 * @fence: the fence
 *
 * Does not ask the driver, see dma_fence_is_signaled() for that. After true,
 * the caller sees all writes from before the signal, such as &dma_fence.error.
 * Callbacks may still be running.
 *
 * Context: any.
 * Return: true when signaled.
 */
static inline bool dma_fence_test_signaled_flag(struct dma_fence *fence)
{
	/* Pairs with test_and_set_bit() where the fence is signaled. */
	return test_bit_acquire(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags);
}

/**
 * dma_fence_driver_name - name the driver of a fence, or say that it may be
 * gone
 * @fence: the fence; the caller holds a reference
 *
 * A driver may free its names, and even be unloaded, an RCU grace period after
 * the signal. Hence it is asked only while the fence is pending. The flag found
 * clear in a read section means that the grace period ends after the section
 * does: the name can be used until then.
 *
 * Context: RCU read section, which the result is good for.
 * Return: the name, to be read through rcu_dereference(); a constant one after
 * the signal.
 */
static inline const char __rcu *dma_fence_driver_name(struct dma_fence *fence)
{
	const char *name = "detached-driver";

	if (!dma_fence_test_signaled_flag(fence))
		name = fence->ops->get_driver_name(fence);
	return RCU_INITIALIZER(name);
}

/**
 * dma_fence_timeline_name - name the timeline of a fence, or say that it may be
 * gone
 * @fence: the fence; the caller holds a reference
 *
 * As dma_fence_driver_name() otherwise.
 *
 * Context: RCU read section, which the result is good for.
 * Return: the name, to be read through rcu_dereference(); a constant one after
 * the signal.
 */
static inline const char __rcu *dma_fence_timeline_name(struct dma_fence *fence)
{
	const char *name = "signaled-timeline";

	if (!dma_fence_test_signaled_flag(fence))
		name = fence->ops->get_timeline_name(fence);
	return RCU_INITIALIZER(name);
}

/**
 * dma_fence_is_signaled_locked - ask whether the work is over, with the lock
 * held
 * @fence: the fence
 *
 * Signals the fence when the driver says that the work is over.
 *
 * Context: any; the caller holds the fence's lock.
 * Return: true when signaled.
 */
static inline bool
dma_fence_is_signaled_locked(struct dma_fence *fence)
{
	if (dma_fence_test_signaled_flag(fence))
		return true;
	if (!fence->ops->signaled || !fence->ops->signaled(fence))
		return false;

	dma_fence_signal_locked(fence);
	return true;
}

/**
 * dma_fence_is_signaled - ask whether the work is over
 * @fence: the fence
 *
 * Signals the fence when the driver says that the work is over; callbacks run
 * in that case. A false answer is no promise that the fence will be signaled
 * unasked: see dma_fence_enable_sw_signaling().
 *
 * Context: any; may take the fence's lock.
 * Return: true when signaled.
 */
static inline bool
dma_fence_is_signaled(struct dma_fence *fence)
{
	if (dma_fence_test_signaled_flag(fence))
		return true;
	if (!fence->ops->signaled || !fence->ops->signaled(fence))
		return false;

	dma_fence_signal(fence);
	return true;
}

/**
 * __dma_fence_is_later - compare two sequence numbers of one timeline
 * @f1: a sequence number
 * @f2: another
 * @ops: operations of the timeline's fences
 *
 * Return: true when @f1 comes after @f2; false when they are equal.
 */
static inline bool __dma_fence_is_later(u64 f1, u64 f2,
					const struct dma_fence_ops *ops)
{
	if (ops->use_64bit_seqno)
		return f1 > f2;

	return (s32)(lower_32_bits(f1) - lower_32_bits(f2)) > 0;
}

/**
 * dma_fence_is_later - tell whether one fence comes after another of its
 * context
 * @f1: a fence
 * @f2: another of the same context
 *
 * Return: true when @f1 comes after @f2. False with a warning when the contexts
 * differ.
 */
static inline bool dma_fence_is_later(struct dma_fence *f1,
				      struct dma_fence *f2)
{
	if (WARN_ON(f1->context != f2->context))
		return false;

	return __dma_fence_is_later(f1->seqno, f2->seqno, f1->ops);
}

/**
 * dma_fence_is_later_or_same - tell whether one fence comes after another or is
 * the same
 * @f1: a fence
 * @f2: another of the same context
 *
 * Return: true when @f1 and @f2 are one object, else as dma_fence_is_later().
 */
static inline bool dma_fence_is_later_or_same(struct dma_fence *f1,
					      struct dma_fence *f2)
{
	return f1 == f2 || dma_fence_is_later(f1, f2);
}

/**
 * dma_fence_later - choose what to wait for so that two fences of a context are
 * over
 * @f1: a fence
 * @f2: another of the same context
 *
 * Context: as dma_fence_is_signaled().
 * Return: the later one, without a new reference, or NULL when that is
 * signaled. NULL with a warning when the contexts differ.
 */
static inline struct dma_fence *dma_fence_later(struct dma_fence *f1,
						struct dma_fence *f2)
{
	struct dma_fence *last;

	if (WARN_ON(f1->context != f2->context))
		return NULL;

	last = dma_fence_is_later(f1, f2) ? f1 : f2;
	return dma_fence_is_signaled(last) ? NULL : last;
}

/**
 * dma_fence_get_status_locked - ask how the work went, with the lock held
 * @fence: the fence
 *
 * Context: any; the caller holds the fence's lock.
 * Return: 0 while pending, 1 when it went well, otherwise &dma_fence.error.
 */
static inline int dma_fence_get_status_locked(struct dma_fence *fence)
{
	if (!dma_fence_is_signaled_locked(fence))
		return 0;

	return fence->error ?: 1;
}

/**
 * dma_fence_set_error - note that the work failed
 * @fence: a fence that is not yet signaled
 * @error: a negative errno
 *
 * Everybody who waits for the fence can see it by dma_fence_get_status() after
 * the signal.
 *
 * Context: any; before the fence is signaled, by the one who will signal it.
 */
static inline void dma_fence_set_error(struct dma_fence *fence,
				       int error)
{
	WARN_ON(dma_fence_test_signaled_flag(fence));
	WARN_ON(error >= 0 || error < -MAX_ERRNO);

	fence->error = error;
}

/* Wait until the thread that signals the fence has dropped the lock. */
static inline void __dma_fence_signaler_wait(struct dma_fence *fence)
{
	unsigned long flags;

	spin_lock_irqsave(fence->lock, flags);
	spin_unlock_irqrestore(fence->lock, flags);
}

/**
 * dma_fence_timestamp - read when a fence was signaled
 * @fence: a signaled fence
 *
 * Of an array, the time of the child that completed it. Waits for the short
 * time between the signal and the time being stored. With PREEMPT_RT the caller
 * may have preempted the signaler in between. Therefore it waits for the lock,
 * which lends the signaler its priority.
 *
 * Context: Any context. With PREEMPT_RT, takes and releases the fence lock.
 * Return: the time, CLOCK_MONOTONIC; the present time, with a warning, when not
 * signaled.
 */
static inline ktime_t dma_fence_timestamp(struct dma_fence *fence)
{
	if (WARN_ON(!dma_fence_test_signaled_flag(fence)))
		return ktime_get();

	/*
	 * Pairs with the barrier before the bit is set where the fence is
	 * signaled.
	 */
	while (!test_bit_acquire(DMA_FENCE_FLAG_TIMESTAMP_BIT, &fence->flags)) {
		if (IS_ENABLED(CONFIG_PREEMPT_RT))
			__dma_fence_signaler_wait(fence);
		else
			cpu_relax();
	}

	return fence->timestamp;
}

signed long dma_fence_wait_timeout(struct dma_fence *fence,
				   bool intr, signed long timeout);
signed long dma_fence_wait_any_timeout(struct dma_fence **fences,
				       u32 count, bool intr,
				       signed long timeout, u32 *idx);
signed long dma_fence_default_wait(struct dma_fence *fence,
				   bool intr, signed long timeout);

/**
 * dma_fence_wait - wait until a fence is signaled, however long it takes
 * @fence: the fence; the caller holds a reference
 * @intr: whether a signal sent to the task ends the wait
 *
 * Context: may sleep; takes the fence's lock.
 * Return: 0 when signaled, -ERESTARTSYS when interrupted, or an error of
 * &dma_fence_ops.wait.
 */
static inline signed long dma_fence_wait(struct dma_fence *fence, bool intr)
{
	signed long ret = dma_fence_wait_timeout(fence, intr, MAX_SCHEDULE_TIMEOUT);

	return min(ret, 0L);
}

struct dma_fence *dma_fence_get_stub(void);
struct dma_fence *dma_fence_allocate_private_stub(ktime_t timestamp);
u64 dma_fence_context_alloc(unsigned int num);

extern const struct dma_fence_ops dma_fence_array_ops;
extern const struct dma_fence_ops dma_fence_chain_ops;

/**
 * dma_fence_is_array - tell whether a fence is a &struct dma_fence_array
 * @fence: the fence; not NULL
 *
 * Return: true when it is.
 */
static inline bool dma_fence_is_array(struct dma_fence *fence)
{
	return fence->ops == &dma_fence_array_ops;
}

/**
 * dma_fence_is_chain - tell whether a fence is a link of a &struct
 * dma_fence_chain
 * @fence: the fence; not NULL
 *
 * Return: true when it is.
 */
static inline bool dma_fence_is_chain(struct dma_fence *fence)
{
	return fence->ops == &dma_fence_chain_ops;
}

/**
 * dma_fence_is_container - tell whether a fence stands for others
 * @fence: the fence; not NULL
 *
 * Return: true for an array and for a chain.
 */
static inline bool dma_fence_is_container(struct dma_fence *fence)
{
	return dma_fence_is_array(fence) || dma_fence_is_chain(fence);
}

#endif /* __LINUX_DMA_FENCE_H */
