// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-fence-array: all-of and any-of fences.
 *
 * An all-of array is complete when all of its children are signaled, an any-of
 * array when one of them is. The array learns that in one of two ways. Until a
 * waiter enables signaling, each query looks at the children. From then on, a
 * callback on each child counts down. The callback that reaches zero queues an
 * irq_work that signals the array.
 *
 * Locks: enabling signaling takes array->lock and, inside it, the lock of one
 * child after the other. A child's callback runs under the child's lock, so it
 * must never take array->lock: hence the irq_work. Children are never
 * containers themselves, which bounds the nesting.
 *
 * Life: the callbacks of an all-of array share a reference to it; each that
 * does not complete the array is done with it once it has been counted. Those
 * of an any-of array may run after completion, so that each has a reference of
 * its own. The callback that completes the array hands its reference to the
 * irq_work.
 *
 * Error: the first error of a child that is noticed before completion. It is
 * collected in array->error and closed there by
 * dma_fence_array_outcome_settle() before the array is signaled, so that
 * everyone who finds the array complete at the same time agrees, and so that a
 * straggler of an any-of array cannot change a fence that is already signaled.
 */

#include <linux/dma-fence-array.h>
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "dma-fence-internal.h"

/* Not an errno: no child reported one, and the array is not complete. */
#define DMA_FENCE_ARRAY_OPEN	1

static const char *dma_fence_array_get_driver_name(struct dma_fence *fence)
{
	return "dma_fence_array";
}

static const char *dma_fence_array_get_timeline_name(struct dma_fence *fence)
{
	return "unbound";
}

/*
 * Note the error of a child that was seen signaled, unless an earlier one or
 * completion wins.
 */
static void dma_fence_array_error_note(struct dma_fence_array *array, struct dma_fence *child)
{
	int error = READ_ONCE(child->error);

	if (error < 0)
		cmpxchg(&array->error, DMA_FENCE_ARRAY_OPEN, error);
}

/*
 * Close the outcome and show it in the fence. Call before every signal; may be
 * called again.
 */
static void dma_fence_array_outcome_settle(struct dma_fence_array *array)
{
	int error = cmpxchg(&array->error, DMA_FENCE_ARRAY_OPEN, 0);

	if (error < 0)
		cmpxchg(&array->base.error, 0, error);
}

/* Count a signaled child; true for the one that completes the array. */
static bool dma_fence_array_child_count(struct dma_fence_array *array, struct dma_fence *child)
{
	dma_fence_array_error_note(array, child);

	/*
	 * A full barrier: readers that see the count also see the error noted
	 * above. Pairs with the acquire in dma_fence_array_signaled().
	 */
	return atomic_dec_and_test(&array->num_pending);
}

static void dma_fence_array_child_done(struct dma_fence *child, struct dma_fence_cb *cb)
{
	struct dma_fence_array *array = container_of(cb, struct dma_fence_array_cb, cb)->array;
	/*
	 * Looked at before the count: then another callback may complete and
	 * free the array.
	 */
	bool shared = !array->signal_on_any;

	if (dma_fence_array_child_count(array, child))
		irq_work_queue(&array->work);
	else if (!shared)
		dma_fence_put(&array->base);
}

static void dma_fence_array_irq_work(struct irq_work *work)
{
	struct dma_fence_array *array = container_of(work, struct dma_fence_array, work);

	dma_fence_array_outcome_settle(array);
	dma_fence_signal(&array->base);
	dma_fence_put(&array->base);
}

/*
 * Queue the callback on a child; false if that was signaled before. The
 * reference for it is taken by the caller.
 */
static __always_inline bool dma_fence_array_child_arm(struct dma_fence_array *array, unsigned int i)
{
	struct dma_fence_array_cb *cb = &array->callbacks[i];

	cb->array = array;
	return !dma_fence_add_callback(array->fences[i], &cb->cb, dma_fence_array_child_done);
}

/*
 * Queue callbacks on the children. No reference dropped here is the last one,
 * because the caller that enables signaling holds one.
 */
static bool dma_fence_array_enable_signaling(struct dma_fence *fence)
{
	struct dma_fence_array *array = container_of(fence, struct dma_fence_array, base);
	bool shared = false;
	unsigned int i;

	for (i = 0; i < array->num_fences; i++) {
		struct dma_fence *child = array->fences[i];

		if (!dma_fence_test_signaled_flag(child)) {
			if (!shared)
				dma_fence_get(fence);
			shared = !array->signal_on_any;
			if (dma_fence_array_child_arm(array, i))
				continue;
			if (!shared)
				dma_fence_put(fence);
		}
		if (dma_fence_array_child_count(array, child)) {
			dma_fence_array_outcome_settle(array);
			if (shared)
				dma_fence_put(fence);
			return false;
		}
	}

	return array->num_fences > 0;
}

/* Ask the children; for an array whose signaling was never enabled. */
static bool dma_fence_array_children_poll(struct dma_fence_array *array)
{
	unsigned int i;

	for (i = 0; i < array->num_fences; i++) {
		bool signaled = dma_fence_is_signaled(array->fences[i]);

		if (signaled)
			dma_fence_array_error_note(array, array->fences[i]);
		if (signaled == array->signal_on_any)
			return signaled;
	}

	return !array->signal_on_any;
}

static bool dma_fence_array_signaled(struct dma_fence *fence)
{
	struct dma_fence_array *array = to_dma_fence_array(fence);

	/* Pairs with the full barrier of dma_fence_array_child_count(). */
	if (atomic_read_acquire(&array->num_pending) > 0) {
		/*
		 * Armed: the callbacks report, and the children need no second
		 * look.
		 */
		if (test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags))
			return false;
		if (!dma_fence_array_children_poll(array))
			return false;
	}

	dma_fence_array_outcome_settle(array);
	return true;
}

/*
 * Get the time at which the array became complete: with its last child, or with
 * the first one of an any-of array. Called when the array is signaled. That may
 * be long after completion if no caller asked meanwhile.
 *
 * A driver may set the signaled bit before the time is there. An interrupt that
 * waited for the time could wait for the code that it has interrupted: the
 * present time has to do then.
 */
ktime_t dma_fence_array_time(struct dma_fence_array *array)
{
	bool any = array->signal_on_any;
	ktime_t time = any ? KTIME_MAX : 0;
	struct dma_fence **child = array->fences, **end = child + array->num_fences;

	for (; child < end; child++) {
		/*
		 * Pairs with the barrier before the bit is set where the child
		 * is signaled.
		 */
		if (test_bit_acquire(DMA_FENCE_FLAG_TIMESTAMP_BIT, &(*child)->flags))
			time = any ? min(time, (*child)->timestamp) :
				     max(time, (*child)->timestamp);
		else if (!any)
			return ktime_get();
	}

	return any && time == KTIME_MAX ? ktime_get() : time;
}

static void dma_fence_array_set_deadline(struct dma_fence *fence, ktime_t deadline)
{
	struct dma_fence *child;
	unsigned int i;

	dma_fence_array_for_each(child, i, fence)
		dma_fence_set_deadline(child, deadline);
}

/*
 * Find the list that dma_fence_array_alloc_whole() made room for. It follows
 * @num callbacks.
 */
static struct dma_fence **dma_fence_array_own_list(struct dma_fence_array *array, unsigned int num)
{
	return (void *)array + struct_size(array, callbacks, num);
}

static void dma_fence_array_release(struct dma_fence *fence)
{
	struct dma_fence_array *array = container_of(fence, struct dma_fence_array, base);
	struct dma_fence **fences = array->fences;
	unsigned int i = array->num_fences;

	while (i--)
		dma_fence_put(fences[i]);
	if (!array->is_whole)
		kfree(fences);
	dma_fence_free(fence);
}

const struct dma_fence_ops dma_fence_array_ops = {
	.enable_signaling = dma_fence_array_enable_signaling,
	.signaled = dma_fence_array_signaled,
	.set_deadline = dma_fence_array_set_deadline,
	.release = dma_fence_array_release,
	.get_timeline_name = dma_fence_array_get_timeline_name,
	.get_driver_name = dma_fence_array_get_driver_name,
};
EXPORT_SYMBOL(dma_fence_array_ops);

/**
 * dma_fence_array_alloc - allocate an array fence without initializing it
 * @num_fences: number of children it must have room for
 *
 * Splits dma_fence_array_create() for callers that cannot fail later. An array
 * that is not passed to dma_fence_array_init() after all is freed with kfree().
 *
 * Context: Process context, may sleep.
 * Return: The array, or NULL if memory is short.
 */
struct dma_fence_array *dma_fence_array_alloc(int num_fences)
{
	struct dma_fence_array *array;

	/*
	 * A merge of many fences can ask for more than kmalloc() has: an error,
	 * not a warning.
	 */
	return kzalloc(struct_size(array, callbacks, num_fences), GFP_KERNEL | __GFP_NOWARN);
}
EXPORT_SYMBOL(dma_fence_array_alloc);

/*
 * Allocate an array like dma_fence_array_alloc(), with room for the list of
 * fences in the same piece of memory. &dma_fence_array.fences points to the
 * list. The caller fills it and passes the array to
 * dma_fence_array_init_whole().
 */
struct dma_fence_array *dma_fence_array_alloc_whole(unsigned int num_fences)
{
	struct dma_fence_array *array;
	size_t size = struct_size(array, callbacks, num_fences);

	size = size_add(size, array_size(num_fences, sizeof(*array->fences)));
	array = kzalloc(size, GFP_KERNEL | __GFP_NOWARN);
	if (array) {
		array->num_fences = num_fences;
		array->fences = dma_fence_array_own_list(array, num_fences);
	}

	return array;
}

/*
 * Many were expected and few came: do not keep that much memory, if there is
 * some to move to.
 */
static noinline struct dma_fence_array *dma_fence_array_fit(struct dma_fence_array *array,
							    unsigned int num_fences)
{
	struct dma_fence_array *fit = dma_fence_array_alloc_whole(num_fences);

	if (!fit)
		return array;

	memcpy(fit->fences, array->fences, array_size(num_fences, sizeof(*fit->fences)));
	kfree(array);
	return fit;
}

static __always_inline void dma_fence_array_setup(struct dma_fence_array *array, int num_fences,
						  struct dma_fence **fences, bool is_whole,
						  u64 context, unsigned int seqno,
						  bool signal_on_any)
{
	array->num_fences = num_fences;
	array->fences = fences;
	array->is_whole = is_whole;
	array->signal_on_any = signal_on_any;
	array->error = DMA_FENCE_ARRAY_OPEN;
	atomic_set(&array->num_pending, signal_on_any ? min(num_fences, 1) : num_fences);
	spin_lock_init(&array->lock);
	init_irq_work(&array->work, dma_fence_array_irq_work);
	dma_fence_init_common(&array->base, &dma_fence_array_ops, &array->lock, context, seqno);
}

/*
 * Make a fence, of a context of its own, that stands for all of the @num_fences
 * in the list of an array from dma_fence_array_alloc_whole(): at least one and
 * at most as many as that had room for, none of them a container. Their
 * references pass to the array. Cannot fail, but may sleep.
 */
struct dma_fence *dma_fence_array_init_whole(struct dma_fence_array *array,
					     unsigned int num_fences)
{
	struct dma_fence **list;

	if (num_fences < array->num_fences / 2)
		array = dma_fence_array_fit(array, num_fences);

	/*
	 * The list begins where the callbacks end; with fewer of them that is
	 * further ahead.
	 */
	list = dma_fence_array_own_list(array, num_fences);
	if (list != array->fences)
		memmove(list, array->fences, array_size(num_fences, sizeof(*list)));
	dma_fence_array_setup(array, num_fences, list, true, dma_fence_context_alloc(1), 1, false);
	return &array->base;
}

/**
 * dma_fence_array_init - make an allocated array a fence
 * @array: array from dma_fence_array_alloc()
 * @num_fences: number of children, at most what @array was allocated for, and
 *	at least 1
 * @fences: kmalloc'ed array of the children; passes to @array together with one
 *	reference to each child. No child may be an array or a chain
 * @context: fence context of the array
 * @seqno: sequence number within @context
 * @signal_on_any: complete with the first signaled child rather than with the
 *	last
 *
 * Cannot fail and allocates nothing. The caller owns the first reference.
 *
 * Context: Any.
 */
void dma_fence_array_init(struct dma_fence_array *array, int num_fences,
			  struct dma_fence **fences, u64 context, unsigned int seqno,
			  bool signal_on_any)
{
	int i;

	if (WARN_ONCE(num_fences <= 0 || !fences, "a fence array needs children\n"))
		num_fences = 0;

	dma_fence_array_setup(array, num_fences, fences, false, context, seqno, signal_on_any);

	for (i = 0; i < num_fences; i++)
		WARN_ONCE(dma_fence_is_container(fences[i]),
			  "child %d of a fence array is a container, flatten it\n", i);
}
EXPORT_SYMBOL(dma_fence_array_init);

/**
 * dma_fence_array_create - make a fence that stands for several
 * @num_fences: number of children, at least 1
 * @fences: kmalloc'ed array of the children; on success it passes to the array
 *	together with one reference to each child, on failure both stay with the
 *	caller. No child may be an array or a chain
 * @context: fence context of the array
 * @seqno: sequence number within @context
 * @signal_on_any: complete with the first signaled child rather than with the
 *	last
 *
 * The array ends with the first error of a child that was noticed before it was
 * complete.
 *
 * Context: Process context, may sleep.
 * Return: The array with one reference owned by the caller, or NULL if memory
 * is short.
 */
struct dma_fence_array *dma_fence_array_create(int num_fences, struct dma_fence **fences,
					       u64 context, unsigned int seqno,
					       bool signal_on_any)
{
	struct dma_fence_array *array = dma_fence_array_alloc(num_fences);

	if (array)
		dma_fence_array_init(array, num_fences, fences, context, seqno, signal_on_any);

	return array;
}
EXPORT_SYMBOL(dma_fence_array_create);

/**
 * dma_fence_match_context - test whether a fence is of one context throughout
 * @fence: fence to look at; for an array its children are looked at instead
 * @context: context to compare with
 *
 * Context: Any.
 * Return: true if @fence, or every child of the array @fence, is of @context.
 */
bool dma_fence_match_context(struct dma_fence *fence, u64 context)
{
	struct dma_fence *child;
	unsigned int i;

	dma_fence_array_for_each(child, i, fence)
		if (child->context != context)
			return false;

	return true;
}
EXPORT_SYMBOL(dma_fence_match_context);

/**
 * dma_fence_array_first - start of dma_fence_array_for_each()
 * @head: array, any other fence, or NULL
 *
 * Context: Any.
 * Return: The first child of an array, NULL if it has none; otherwise @head.
 * Borrowed.
 */
struct dma_fence *dma_fence_array_first(struct dma_fence *head)
{
	struct dma_fence_array *array = to_dma_fence_array(head);

	if (!array)
		return head;

	return array->num_fences ? array->fences[0] : NULL;
}
EXPORT_SYMBOL(dma_fence_array_first);

/**
 * dma_fence_array_next - step of dma_fence_array_for_each()
 * @head: what dma_fence_array_first() was called with
 * @index: position wanted, counted from 0
 *
 * Context: Any.
 * Return: Child @index of an array; NULL past its end, or when @head is not an
 * array. Borrowed.
 */
struct dma_fence *dma_fence_array_next(struct dma_fence *head, unsigned int index)
{
	struct dma_fence_array *array = to_dma_fence_array(head);

	return array && index < array->num_fences ? array->fences[index] : NULL;
}
EXPORT_SYMBOL(dma_fence_array_next);
