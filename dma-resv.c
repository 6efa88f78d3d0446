// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reservation objects: life, and everything that changes the set of fences.
 *
 * Readers are in dma-resv-iter.c (cursors) and dma-resv-query.c (questions
 * about the whole set). Where the fences are is in dma-resv-slots.c, the table
 * for more than a few in dma-resv-table.c.
 *
 * Locks: all functions that change the fences expect the caller to hold the
 * reservation's ww_mutex. Below it they take the allocator's locks. They may
 * poll and release a fence, and polling may make it signal. So they may also
 * take the locks of the fence, of its driver and of its callbacks.
 */

#include <linux/bug.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/gfp.h>

#include "dma-resv-internal.h"

/**
 * DOC: Reservation Object Overview
 *
 * A &struct dma_resv tells which jobs still use a buffer. It holds the fences
 * of all work in flight. Each fence has a usage that says which jobs have to
 * wait for it (&enum dma_resv_usage). The lock of the reservation also guards
 * the buffer's placement and mappings. Implicit synchronization works because
 * all drivers that share a buffer share its reservation.
 *
 * The lock is a &struct ww_mutex. A job that uses many buffers locks them in
 * any order, under one &struct ww_acquire_ctx of class &reservation_ww_class.
 * If two jobs conflict, the younger one backs off: its dma_resv_lock() returns
 * -EDEADLK.
 *
 * Publishing a fence takes two steps, so that nothing can fail once the
 * hardware has started:
 *
 * 1. lock all reservations and call dma_resv_reserve_fences() on each: this may
 *    sleep and may fail;
 * 2. create the fence, start the job, call dma_resv_add_fence() on each,
 *    unlock: this cannot fail.
 *
 * A reserved slot lasts until the unlock.
 *
 * Fences of one context signal in order. A later fence thus takes the slot of
 * an earlier one unless that one has a stronger usage, and a reservation holds
 * about as many fences as there are contexts at work on the buffer, not as many
 * as there are jobs. Signaled fences stay in until their slot is wanted.
 *
 * Looking needs no lock: dma_resv_for_each_fence_unlocked(),
 * dma_resv_test_signaled(), dma_resv_wait_timeout() and dma_resv_get_fences()
 * work on the fences that they meet. They may miss a fence that is added while
 * they run, but none that was there before. Readers that need a set that does
 * not change must take the lock and use dma_resv_for_each_fence().
 */

#ifdef CONFIG_DEBUG_MUTEXES

static void dma_resv_credit_grant(struct dma_resv *obj, unsigned int room)
{
	obj->credits = room;
}

static bool dma_resv_credit_take(struct dma_resv *obj)
{
	if (!obj->credits)
		return false;

	obj->credits--;
	return true;
}

/**
 * dma_resv_reset_max_fences - forget slots that were reserved and not used
 * @obj: locked reservation
 *
 * Called by dma_resv_unlock() in kernels that debug mutexes, so that adding a
 * fence without a reservation is noticed although the memory for it happens to
 * be there.
 *
 * Context: Process context, the lock of @obj is held.
 */
void dma_resv_reset_max_fences(struct dma_resv *obj)
{
	dma_resv_assert_held(obj);

	obj->credits = 0;
}
EXPORT_SYMBOL(dma_resv_reset_max_fences);

#else

static inline void dma_resv_credit_grant(struct dma_resv *obj, unsigned int room) {}

static inline bool dma_resv_credit_take(struct dma_resv *obj)
{
	return true;
}

#endif

/*
 * Find the slot of a superseded fence, else of a signaled one, else an empty
 * one.
 */
static __always_inline unsigned long *
dma_resv_inline_pick(struct dma_resv *obj, struct dma_fence *fence, enum dma_resv_usage usage)
{
	unsigned long *slot, *done = NULL, *idle = NULL;
	struct dma_fence *old;

	for (slot = obj->slots; slot < obj->slots + DMA_RESV_INLINE_SLOTS; slot++) {
		old = dma_resv_word_fence(*slot);
		if (!old) {
			if (!*slot)
				return done ?: idle ?: slot;
			idle = slot;
			continue;
		}
		if (dma_resv_word_superseded(*slot, fence, usage))
			return slot;
		if (dma_resv_fence_done(old))
			done = slot;
	}

	return done ?: idle;
}

/* Find the slot for a fence; NULL if there is none. */
static __always_inline unsigned long *
dma_resv_slot_pick(struct dma_resv *obj, struct dma_fence *fence, enum dma_resv_usage usage)
{
	unsigned long *slots = dma_resv_slots_locked(obj);
	unsigned int i;

	if (likely(dma_resv_slots_inline(obj, slots)))
		return dma_resv_inline_pick(obj, fence, usage);
	if (unlikely(!slots))
		return NULL;

	i = dma_resv_table_pick(dma_resv_slots_table(slots), fence, usage);
	return i == DMA_RESV_NO_SLOT ? NULL : slots + i;
}

/* Publish a slot of the table after its word, if it is a new one. */
static void dma_resv_slot_show(struct dma_resv *obj, const unsigned long *slot)
{
	unsigned long *slots = dma_resv_slots_locked(obj);
	struct dma_resv_table *table;

	if (dma_resv_slots_inline(obj, slots))
		return;

	table = dma_resv_slots_table(slots);
	if (slot == slots + table->num)
		/* Pairs with dma_resv_slots_bound(). */
		smp_store_release(&table->num, table->num + 1);
}

/*
 * Wait-die: a context that meets an older one's lock backs off at once. Drivers
 * rely on that.
 */
struct ww_class reservation_ww_class = __WW_CLASS_INITIALIZER(reservation_ww_class, true);
EXPORT_SYMBOL(reservation_ww_class);

/**
 * dma_resv_init - set up a reservation without fences
 * @obj: memory to set up
 *
 * Allocates nothing and registers nothing.
 *
 * Context: Any.
 */
void dma_resv_init(struct dma_resv *obj)
{
	ww_mutex_init(&obj->lock, &reservation_ww_class);
	RCU_INIT_POINTER(obj->fences, NULL);
	obj->watches = NULL;
	dma_resv_credit_grant(obj, 0);
}
EXPORT_SYMBOL(dma_resv_init);

/**
 * dma_resv_fini - drop all fences of a reservation that has no users any more
 * @obj: reservation, unlocked; its memory may be freed on return
 *
 * Work still in flight is not waited for. Nothing refers to @obj after the
 * return.
 *
 * Context: Any context in which the fences may be released.
 */
void dma_resv_fini(struct dma_resv *obj)
{
	unsigned long *slots = rcu_dereference_protected(obj->fences, true);

	ww_mutex_destroy(&obj->lock);
	if (slots)
		dma_resv_slots_drop(obj, slots);
}
EXPORT_SYMBOL(dma_resv_fini);

/*
 * Return true if slots are left without asking any fence. Inside the object the
 * last is filled last.
 */
static bool dma_resv_room_is_plain(struct dma_resv *obj, unsigned int num)
{
	unsigned long *slots = dma_resv_slots_locked(obj);

	if (dma_resv_slots_inline(obj, slots))
		return (num == 1 && !slots[DMA_RESV_INLINE_SLOTS - 1]) ||
		       dma_resv_slots_room(obj) >= num;
	return slots && dma_resv_slots_room(obj) >= num;
}

/**
 * dma_resv_reserve_fences - make sure that fences can be added
 * @obj: locked reservation
 * @num_fences: how many calls of dma_resv_add_fence() shall be able to rely on
 *	it, at least 1
 *
 * The slots last until the lock is dropped. Reserving again before the first
 * slots are used makes sure of @num_fences from now on; it does not add up.
 *
 * Context: Process context, the lock of @obj is held. Allocates with
 * GFP_KERNEL, so do not call it from a fence signaling section.
 * Return: 0; -EINVAL (and a warning) if @num_fences is 0; -ENOMEM, with all
 * fences still in place.
 */
int dma_resv_reserve_fences(struct dma_resv *obj, unsigned int num_fences)
{
	int ret = 0;

	dma_resv_assert_held(obj);

	if (WARN_ON_ONCE(!num_fences))
		return -EINVAL;

	if (!dma_resv_room_is_plain(obj, num_fences))
		ret = dma_resv_room_make(obj, num_fences);
	if (!ret)
		dma_resv_credit_grant(obj, dma_resv_slots_room(obj));
	return ret;
}
EXPORT_SYMBOL(dma_resv_reserve_fences);

#define DMA_RESV_UNRESERVED "fence added without a slot from dma_resv_reserve_fences()\n"
#define DMA_RESV_DROPPED "fence %llu:%llu left out of its reservation: no slot, no memory\n"

/*
 * Find a slot although the caller reserved none. The allocation must not sleep,
 * because the caller may be in a fence signaling section. It may use the
 * emergency pools of the allocator. Warn about every fence that is left out,
 * because its memory may be reused while the device is at work.
 */
static noinline unsigned long *dma_resv_slot_improvise(struct dma_resv *obj,
						       struct dma_fence *fence,
						       enum dma_resv_usage usage)
{
	WARN_ONCE(1, DMA_RESV_UNRESERVED);
	if (!dma_resv_slots_grow(obj, 1, GFP_ATOMIC | __GFP_NOWARN)) {
		WARN(1, DMA_RESV_DROPPED, fence->context, fence->seqno);
		return NULL;
	}

	dma_resv_credit_grant(obj, 1);
	return dma_resv_slot_pick(obj, fence, usage);
}

/**
 * dma_resv_add_fence - add a fence to a reservation
 * @obj: locked reservation, with a slot from dma_resv_reserve_fences()
 * @fence: fence to add, neither an array nor a chain; a reference of its own is
 *	taken
 * @usage: tells which jobs have to wait for @fence
 *
 * Takes the slot of an earlier fence of the same context if that does not have
 * a stronger usage, or of a signaled fence, or an empty one. An earlier fence
 * never replaces a later one.
 *
 * Adding without a reserved slot is a caller's error and gives a warning. It
 * still works if a slot is free or memory for one comes without waiting. If
 * not, the fence is left out with another warning, for every such fence.
 * Nothing then keeps others from touching the memory too early.
 *
 * Context: The lock of @obj is held. Does not sleep, does not allocate if a
 * slot was reserved, may be called in a fence signaling section.
 */
void dma_resv_add_fence(struct dma_resv *obj, struct dma_fence *fence, enum dma_resv_usage usage)
{
	unsigned long *slot, word;
	struct dma_fence *old;

	dma_resv_assert_held(obj);
	WARN_ON_ONCE(dma_fence_is_container(fence));

	slot = dma_resv_slot_pick(obj, fence, usage);
	if (unlikely(!slot)) {
		slot = dma_resv_slot_improvise(obj, fence, usage);
		if (!slot)
			return;
	}

	old = dma_resv_word_fence(*slot);
	word = dma_resv_word(dma_fence_get(fence), usage);
	dma_resv_slot_store(slot, word);
	if (old) {
		dma_fence_put(old);
	} else {
		WARN_ONCE(!dma_resv_credit_take(obj), DMA_RESV_UNRESERVED);
		dma_resv_slot_show(obj, slot);
	}
	if (unlikely(obj->watches))
		dma_resv_watch_call(obj, dma_resv_word_usage(word));
}
EXPORT_SYMBOL(dma_resv_add_fence);

static __always_inline void dma_resv_slot_exchange(unsigned long *slot, struct dma_fence *fence,
						   enum dma_resv_usage usage)
{
	struct dma_fence *old = dma_resv_word_fence(*slot);

	kref_get(&fence->refcount);
	dma_resv_slot_store(slot, dma_resv_word(fence, usage));
	dma_fence_put(old);
}

/* Return true if there were fences to replace. */
static noinline bool dma_resv_table_replace(struct dma_resv_table *table, u64 context,
					    struct dma_fence *fence, enum dma_resv_usage usage)
{
	unsigned long *slot, *end = table->word + table->num;
	struct dma_fence *old;
	bool moved = false;

	for (slot = table->word; slot < end; slot++) {
		old = dma_resv_word_fence(*slot);
		if (!old || old->context != context)
			continue;
		dma_resv_slot_exchange(slot, fence, usage);
		moved = true;
	}

	/* By its own context it has another place in the index. */
	if (moved && fence->context != context)
		dma_resv_table_index(table);
	return moved;
}

/* Do the same for the slots inside the object. */
static __always_inline bool dma_resv_inline_replace(struct dma_resv *obj, u64 context,
						    struct dma_fence *fence,
						    enum dma_resv_usage usage)
{
	unsigned long *slot, *end = obj->slots + DMA_RESV_INLINE_SLOTS;
	struct dma_fence *old;
	bool moved = false;

	for (slot = obj->slots; slot < end && *slot; slot++) {
		old = dma_resv_word_fence(*slot);
		if (!old || old->context != context)
			continue;
		dma_resv_slot_exchange(slot, fence, usage);
		moved = true;
	}
	return moved;
}

/**
 * dma_resv_replace_fences - put a fence in the place of all the fences of a
 * context
 * @obj: locked reservation
 * @context: context whose fences go
 * @fence: fence that takes their places, of whatever context; it gets a
 *	reference for each of them
 * @usage: usage of @fence in these places
 *
 * Use this for fences that stand for a condition, not for work, once the
 * condition is void. Examples are preemption and eviction fences. Once @fence
 * has signaled, no waiter may need to wait for the old fences. Does nothing if
 * @context has no fence here. @context is one that dma_fence_context_alloc()
 * gave, so never 0. May be called from within dma_resv_for_each_fence() on
 * @obj.
 *
 * Context: The lock of @obj is held. Does not sleep.
 */
void dma_resv_replace_fences(struct dma_resv *obj, u64 context, struct dma_fence *fence,
			     enum dma_resv_usage usage)
{
	unsigned long *slots = dma_resv_slots_locked(obj);
	bool moved;

	dma_resv_assert_held(obj);

	if (dma_resv_slots_inline(obj, slots))
		moved = dma_resv_inline_replace(obj, context, fence, usage);
	else
		moved = slots && dma_resv_table_replace(dma_resv_slots_table(slots), context,
							fence, usage);
	if (!moved)
		return;

	dma_resv_generation_next(obj);
	if (unlikely(obj->watches))
		dma_resv_watch_call(obj, usage);
}
EXPORT_SYMBOL(dma_resv_replace_fences);
