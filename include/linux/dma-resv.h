/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reservation objects: which fences still use a buffer, and the lock that
 * guards its state.
 *
 * The concept is explained in drivers/dma-buf/dma-resv.c.
 */
#ifndef _LINUX_DMA_RESV_H
#define _LINUX_DMA_RESV_H

#include <linux/cleanup.h>
#include <linux/dma-fence.h>
#include <linux/rcupdate.h>
#include <linux/seqlock.h>
#include <linux/slab.h>
#include <linux/ww_mutex.h>

struct dma_resv_watch;
struct seq_file;

extern struct ww_class reservation_ww_class;

/**
 * enum dma_resv_usage - why a fence sits in a reservation
 *
 * The values are ordered, strongest claim first. A query names one of them and
 * sees the fences of that usage and of all the stronger ones, so that asking
 * for @DMA_RESV_USAGE_BOOKKEEP sees everything. A fence may be added again with
 * a stronger usage; it never gets a weaker one.
 */
enum dma_resv_usage {
	/**
	 * @DMA_RESV_USAGE_KERNEL: memory management by the kernel: moves,
	 * clears, page table updates. All users must wait for such a fence
	 * before they touch the memory, with or without implicit
	 * synchronization.
	 */
	DMA_RESV_USAGE_KERNEL,

	/**
	 * @DMA_RESV_USAGE_WRITE: work that writes and takes part in implicit
	 * synchronisation. Later readers and writers wait for it.
	 */
	DMA_RESV_USAGE_WRITE,

	/**
	 * @DMA_RESV_USAGE_READ: work that only reads and takes part in implicit
	 * synchronisation. Later writers wait for it.
	 */
	DMA_RESV_USAGE_READ,

	/**
	 * @DMA_RESV_USAGE_BOOKKEEP: work that synchronises by other means:
	 * explicit synchronisation, preemption or eviction fences, TLB flushes.
	 * Only the memory management waits for it, before it moves or frees the
	 * memory.
	 */
	DMA_RESV_USAGE_BOOKKEEP
};

/**
 * dma_resv_usage_rw - tell which fences an implicitly synchronised access waits
 * for
 * @write: true if the access writes
 *
 * Context: Any.
 * Return: the usage to query: a writer waits for readers and writers, a reader
 * for writers.
 */
static inline enum dma_resv_usage dma_resv_usage_rw(bool write)
{
	return write ? DMA_RESV_USAGE_READ : DMA_RESV_USAGE_WRITE;
}

/* Fences that fit into the object itself, without any allocation. */
#define DMA_RESV_INLINE_SLOTS 4

/* Fences that a lock-free walk reads at once. */
#define DMA_RESV_ITER_BATCH 8

/* In a word that holds a fence, the bits of its usage. */
#define DMA_RESV_WORD_USAGE 3UL

/**
 * struct dma_resv - fences that use a buffer, and the lock over its state
 *
 * May be embedded anywhere and needs no allocation to exist. The object itself
 * is not freed by RCU: readers must hold the buffer it belongs to.
 */
struct dma_resv {
	/**
	 * @lock: wound/wait mutex of class &reservation_ww_class, taken by
	 * dma_resv_lock() and its variants. A task that changes the fences
	 * holds it. So does a task that changes the state (placement, mappings)
	 * of the buffer that the reservation belongs to.
	 */
	struct ww_mutex lock;

	/**
	 * @fences: first of the slots in use: @slots or those of a larger
	 * table; NULL as long as nothing was ever reserved. Each holds a fence
	 * and its usage or nothing. Private to the implementation.
	 * Locking: written under @lock, read under @lock or RCU.
	 */
	unsigned long __rcu *fences;

	/**
	 * @slots: storage for the common case of a few fences; uninitialized
	 * until it is in use. Private to the implementation.
	 * Locking: as @fences.
	 */
	unsigned long slots[DMA_RESV_INLINE_SLOTS];

	/**
	 * @watches: what to call when a fence comes; see
	 * dma_resv_watch_start(). Private to the implementation. Locking:
	 * @lock.
	 */
	struct dma_resv_watch *watches;

	/**
	 * @generation: changes whenever the fences move to other storage. Also
	 * changes when dma_resv_replace_fences() replaces fences, because
	 * readers must not wait for those any more. Uninitialized as long as
	 * @fences is NULL. Private to the implementation.
	 * Locking: as @fences.
	 */
	unsigned int generation;

#ifdef CONFIG_DEBUG_MUTEXES
	/**
	 * @credits: fences that may still be added before the next unlock, so
	 * that a missing dma_resv_reserve_fences() is found even when a slot
	 * happens to be free.
	 * Locking: @lock.
	 */
	unsigned int credits;
#endif
};

#define dma_resv_held(obj) lockdep_is_held(&(obj)->lock.base)
#define dma_resv_assert_held(obj) lockdep_assert_held(&(obj)->lock.base)

/**
 * struct dma_resv_watch - what to call once when an idle reservation gets a
 * fence
 *
 * For the core of the subsystem, which serves poll() by it.
 * dma_resv_add_fence(), dma_resv_replace_fences() and dma_resv_copy_fences()
 * call it.
 */
struct dma_resv_watch {
	/**
	 * @next: the next one of the reservation. Locking: the reservation's.
	 */
	struct dma_resv_watch *next;

	/**
	 * @obj: where it was started, or NULL; stays. Locking: that
	 * reservation's.
	 */
	struct dma_resv *obj;

	/** @usage: weakest usage of interest; constant */
	enum dma_resv_usage usage;

	/**
	 * @started: to be called. Locking: the reservation's to write; a hint
	 * without.
	 */
	bool started;

	/**
	 * @func: called with the reservation locked, perhaps in a signalling
	 * section; constant
	 */
	void (*func)(struct dma_resv_watch *watch);
};

int dma_resv_watch_start(struct dma_resv *obj, struct dma_resv_watch *watch);
void dma_resv_watch_stop(struct dma_resv_watch *watch);

/**
 * struct dma_resv_iter - position of a walk over the fences of a reservation
 *
 * Lives on the stack. Use dma_resv_iter_begin() and the accessors; the members
 * are private.
 */
struct dma_resv_iter {
	/** @obj: reservation walked over */
	struct dma_resv *obj;

	/** @usage: weakest usage of interest */
	enum dma_resv_usage usage;

	/**
	 * @generation: of the reservation, when the fences in @batch were read
	 */
	unsigned int generation;

	/**
	 * @fences: slots walked over; without the lock only compared, for they
	 * may be freed
	 */
	const unsigned long *fences;

	/** @word: the current fence and its usage */
	unsigned long word;

	/**
	 * @at: the word that comes next: in @fences or, in a walk without the
	 * lock, in @batch
	 */
	const unsigned long *at;

	/** @end: where these words end */
	const unsigned long *end;

	/**
	 * @first: @at as it is at the first fence of a pass, or NULL if that is
	 * behind
	 */
	const unsigned long *first;

	/** @bound: end of the slots that a walk without the lock has read */
	unsigned int bound;

	/**
	 * @is_owner: the cursor has references to the current fence and to
	 * those from @at on
	 */
	bool is_owner;

	/** @is_last: @batch is the last of its pass */
	bool is_last;

	/**
	 * @batch: fences and usages that a walk without the lock has read ahead
	 */
	unsigned long batch[DMA_RESV_ITER_BATCH];
};

struct dma_fence *dma_resv_iter_first_unlocked(struct dma_resv_iter *cursor);
struct dma_fence *dma_resv_iter_next_unlocked(struct dma_resv_iter *cursor);
struct dma_fence *dma_resv_iter_first(struct dma_resv_iter *cursor);
struct dma_fence *dma_resv_iter_next(struct dma_resv_iter *cursor);
void dma_resv_iter_drop(struct dma_resv_iter *cursor);

/**
 * dma_resv_iter_begin - prepare a cursor
 * @cursor: cursor to prepare, usually on the stack
 * @obj: reservation to walk over; the caller keeps it alive until
 *	dma_resv_iter_end()
 * @usage: weakest usage of interest
 *
 * Context: Any.
 */
static inline void dma_resv_iter_begin(struct dma_resv_iter *cursor, struct dma_resv *obj,
				       enum dma_resv_usage usage)
{
	cursor->obj = obj;
	cursor->usage = usage;
	cursor->is_owner = false;
}

/**
 * dma_resv_iter_end - finish a lock-free walk
 * @cursor: cursor to finish
 *
 * Drops the references on the current fence and on those read ahead. Needed
 * after leaving a lock-free loop early and harmless after its natural end; a
 * walk under the lock does not need it.
 *
 * Context: Any; may release the fence.
 */
static inline void dma_resv_iter_end(struct dma_resv_iter *cursor)
{
	if (cursor->is_owner)
		dma_resv_iter_drop(cursor);
}

/**
 * dma_resv_iter_usage - tell the usage of the current fence
 * @cursor: cursor that has just returned a fence
 *
 * Context: Any.
 * Return: the usage the fence had when the cursor came by.
 */
static inline enum dma_resv_usage dma_resv_iter_usage(struct dma_resv_iter *cursor)
{
	return cursor->word & DMA_RESV_WORD_USAGE;
}

/**
 * dma_resv_iter_is_restarted - tell whether a new pass has begun
 * @cursor: cursor that has just returned a fence
 *
 * A lock-free walk begins anew when the fences moved to other storage, or one
 * left it while it was being read. A caller that accumulates over the fences
 * must drop its result so far whenever this returns true.
 *
 * Context: Any.
 * Return: true for the first fence of every pass, including the very first.
 */
static inline bool dma_resv_iter_is_restarted(struct dma_resv_iter *cursor)
{
	return cursor->at == cursor->first;
}

/*
 * Do dma_resv_iter_next_unlocked() for a fence that was read ahead, unless
 * fences were replaced since, its flag is set or its driver has to be asked. A
 * word is a fence with its usage.
 */
static inline struct dma_fence *dma_resv_iter_step_unlocked(struct dma_resv_iter *cursor)
{
	struct dma_fence *fence;
	unsigned long word;

	if (cursor->at == cursor->end ||
	    unlikely(READ_ONCE(cursor->obj->generation) != cursor->generation))
		return dma_resv_iter_next_unlocked(cursor);

	word = *cursor->at;
	fence = (struct dma_fence *)(word & ~DMA_RESV_WORD_USAGE);
	if (unlikely(dma_fence_test_signaled_flag(fence) || fence->ops->signaled))
		return dma_resv_iter_next_unlocked(cursor);

	dma_fence_put((struct dma_fence *)(cursor->word & ~DMA_RESV_WORD_USAGE));
	cursor->word = word;
	cursor->at++;
	return fence;
}

/*
 * Find the next fence for a walk under the lock. In the slots inside the object
 * a 0 is the end.
 */
static inline struct dma_fence *dma_resv_iter_scan(struct dma_resv_iter *cursor,
						   const unsigned long *slot)
{
	struct dma_fence *fence;
	unsigned long word;

	while (slot < cursor->end) {
		word = *slot++;
		fence = (struct dma_fence *)(word & ~DMA_RESV_WORD_USAGE);
		if (!fence) {
			if (!word && cursor->fences == cursor->obj->slots)
				break;
			continue;
		}
		if ((unsigned int)(word & DMA_RESV_WORD_USAGE) > cursor->usage)
			continue;
		cursor->at = slot;
		cursor->word = word;
		return fence;
	}
	return NULL;
}

/*
 * dma_resv_iter_next() without a call, as long as the fences stay where they
 * are.
 */
static inline struct dma_fence *dma_resv_iter_step(struct dma_resv_iter *cursor)
{
	if (unlikely(cursor->fences != rcu_access_pointer(cursor->obj->fences)))
		return dma_resv_iter_next(cursor);
	return dma_resv_iter_scan(cursor, cursor->at);
}

/* dma_resv_iter_first() without a call, for the common case of a few fences. */
static inline struct dma_fence *dma_resv_iter_start(struct dma_resv_iter *cursor)
{
	struct dma_resv *obj = cursor->obj;
	struct dma_fence *fence;

	if (rcu_access_pointer(obj->fences) != obj->slots)
		return dma_resv_iter_first(cursor);

	dma_resv_assert_held(obj);
	cursor->fences = obj->slots;
	cursor->end = obj->slots + DMA_RESV_INLINE_SLOTS;
	fence = dma_resv_iter_scan(cursor, obj->slots);
	cursor->first = cursor->at;
	return fence;
}

/**
 * dma_resv_for_each_fence_unlocked - walk over the busy fences without the lock
 * @cursor: &struct dma_resv_iter after dma_resv_iter_begin()
 * @fence: the current &struct dma_fence; the cursor holds a reference until the
 *	next step
 *
 * Skips signaled fences. The body may sleep. It may see a fence twice, see
 * dma_resv_iter_is_restarted(). Call dma_resv_iter_end() afterwards.
 */
#define dma_resv_for_each_fence_unlocked(cursor, fence)			\
	for (fence = dma_resv_iter_first_unlocked(cursor);		\
	     fence;							\
	     fence = dma_resv_iter_step_unlocked(cursor))

/**
 * dma_resv_for_each_fence - walk over the fences under the lock
 * @cursor: &struct dma_resv_iter, prepared here
 * @obj: locked reservation
 * @usage: weakest usage of interest
 * @fence: the current &struct dma_fence, borrowed from the reservation
 *
 * Returns signaled fences, too. The body may call dma_resv_replace_fences() on
 * @obj; the reservation then does not keep @fence any longer.
 */
#define dma_resv_for_each_fence(cursor, obj, usage, fence)		\
	for (dma_resv_iter_begin(cursor, obj, usage),			\
	     fence = dma_resv_iter_start(cursor);			\
	     fence;							\
	     fence = dma_resv_iter_step(cursor))

#ifdef CONFIG_DEBUG_MUTEXES
void dma_resv_reset_max_fences(struct dma_resv *obj);
#else
static inline void dma_resv_reset_max_fences(struct dma_resv *obj) {}
#endif

/**
 * dma_resv_lock - lock a reservation
 * @obj: reservation
 * @ctx: acquire context that ties several locks together, or NULL to take this
 *	one alone
 *
 * With a context, locks of several reservations may be taken in any order. When
 * that would deadlock, the younger context gets -EDEADLK and has to back off:
 * unlock all it has, take the contended lock with dma_resv_lock_slow(), start
 * over.
 *
 * Context: Process context, sleeps.
 * Return: 0; with a context also -EDEADLK (back off) or -EALREADY (this context
 * holds it already).
 */
static inline int dma_resv_lock(struct dma_resv *obj, struct ww_acquire_ctx *ctx)
{
	return ww_mutex_lock(&obj->lock, ctx);
}

/**
 * dma_resv_lock_interruptible - lock a reservation unless a signal comes
 * @obj: reservation
 * @ctx: acquire context or NULL, see dma_resv_lock()
 *
 * Context: Process context, sleeps.
 * Return: 0, -EINTR on a signal; with a context also -EDEADLK or -EALREADY.
 */
static inline int dma_resv_lock_interruptible(struct dma_resv *obj, struct ww_acquire_ctx *ctx)
{
	return ww_mutex_lock_interruptible(&obj->lock, ctx);
}

/**
 * dma_resv_lock_slow - wait for the contended reservation after a back-off
 * @obj: reservation whose lock returned -EDEADLK
 * @ctx: acquire context, which holds no other lock now
 *
 * Context: Process context, sleeps.
 */
static inline void dma_resv_lock_slow(struct dma_resv *obj, struct ww_acquire_ctx *ctx)
{
	ww_mutex_lock_slow(&obj->lock, ctx);
}

/**
 * dma_resv_lock_slow_interruptible - wait for the contended reservation unless
 * a signal comes
 * @obj: reservation whose lock returned -EDEADLK
 * @ctx: acquire context, which holds no other lock now
 *
 * Context: Process context, sleeps.
 * Return: 0, or -EINTR on a signal.
 */
static inline int dma_resv_lock_slow_interruptible(struct dma_resv *obj,
						   struct ww_acquire_ctx *ctx)
{
	return ww_mutex_lock_slow_interruptible(&obj->lock, ctx);
}

/**
 * dma_resv_trylock - lock a reservation if that needs no waiting
 * @obj: reservation
 *
 * Takes the lock without an acquire context. Needs no back-off, for it never
 * waits.
 *
 * Context: Process context, does not sleep.
 * Return: true if the lock was taken.
 */
static inline bool __must_check dma_resv_trylock(struct dma_resv *obj)
{
	return ww_mutex_trylock(&obj->lock, NULL);
}

/**
 * dma_resv_is_locked - tell whether the lock is held
 * @obj: reservation
 *
 * For heuristics; use dma_resv_assert_held() to state that the caller holds it.
 *
 * Context: Any.
 * Return: true if a task holds the lock, the caller or another.
 */
static inline bool dma_resv_is_locked(struct dma_resv *obj)
{
	return ww_mutex_is_locked(&obj->lock);
}

/**
 * dma_resv_locking_ctx - get the acquire context that holds the lock
 * @obj: reservation
 *
 * Without the lock the answer is good for comparing with a context of one's own
 * only.
 *
 * Context: Any.
 * Return: the context, or NULL if unlocked or locked without one.
 */
static inline struct ww_acquire_ctx *dma_resv_locking_ctx(struct dma_resv *obj)
{
	return READ_ONCE(obj->lock.ctx);
}

/**
 * dma_resv_unlock - unlock a reservation
 * @obj: locked reservation
 *
 * Slots reserved and not used are given back.
 *
 * Context: Process context.
 */
static inline void dma_resv_unlock(struct dma_resv *obj)
{
	dma_resv_reset_max_fences(obj);
	ww_mutex_unlock(&obj->lock);
}

/*
 * guard(dma_resv)(obj): lock without an acquire context until the end of the
 * scope; cannot fail.
 */
DEFINE_GUARD(dma_resv, struct dma_resv *, dma_resv_lock(_T, NULL), dma_resv_unlock(_T))
DEFINE_GUARD_COND(dma_resv, _try, dma_resv_trylock(_T))
DEFINE_GUARD_COND(dma_resv, _intr, dma_resv_lock_interruptible(_T, NULL) == 0)

void dma_resv_init(struct dma_resv *obj);
void dma_resv_fini(struct dma_resv *obj);
int dma_resv_reserve_fences(struct dma_resv *obj, unsigned int num_fences);
void dma_resv_add_fence(struct dma_resv *obj, struct dma_fence *fence,
			enum dma_resv_usage usage);
void dma_resv_replace_fences(struct dma_resv *obj, u64 context, struct dma_fence *fence,
			     enum dma_resv_usage usage);
int dma_resv_get_fences(struct dma_resv *obj, enum dma_resv_usage usage,
			unsigned int *num_fences, struct dma_fence ***fences);
int dma_resv_get_singleton(struct dma_resv *obj, enum dma_resv_usage usage,
			   struct dma_fence **fence);
int dma_resv_copy_fences(struct dma_resv *dst, struct dma_resv *src);
long dma_resv_wait_timeout(struct dma_resv *obj, enum dma_resv_usage usage, bool intr,
			   unsigned long timeout);
void dma_resv_set_deadline(struct dma_resv *obj, enum dma_resv_usage usage, ktime_t deadline);
bool dma_resv_test_signaled(struct dma_resv *obj, enum dma_resv_usage usage);
void dma_resv_describe(struct dma_resv *obj, struct seq_file *seq);

#endif /* _LINUX_DMA_RESV_H */
