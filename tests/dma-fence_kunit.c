// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-fence.c on one CPU: a fence's life, its signal, its callbacks.
 */
#include <kunit/test.h>
#include <linux/dma-fence.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <trace/events/dma_fence.h>

#include "expect-splat.h"
#include "mock-fence.h"

static int dma_fence_live_before;

static int dma_fence_test_init(struct kunit *test)
{
	dma_fence_live_before = mock_fence_live();
	return 0;
}

/* Every case has to drop every reference it took. */
static void dma_fence_test_exit(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, mock_fence_live(), dma_fence_live_before);
}

static void count_releases(struct mock_fence *mock)
{
	++*(int *)mock->data;
}

/* Initialising */

static void init_garbage_memory_sets_every_field(struct kunit *test)
{
	struct mock_fence *mock = kunit_kmalloc(test, sizeof(*mock), GFP_KERNEL);
	struct dma_fence *fence;

	KUNIT_ASSERT_NOT_NULL(test, mock);
	memset(mock, 0xa5, sizeof(*mock));
	spin_lock_init(&mock->lock);
	fence = &mock->base;
	dma_fence_init(fence, &mock_fence_ops, &mock->lock, 0x100000002ULL, 0x300000004ULL);

	KUNIT_EXPECT_PTR_EQ(test, fence->ops, &mock_fence_ops);
	KUNIT_EXPECT_PTR_EQ(test, fence->lock, &mock->lock);
	KUNIT_EXPECT_TRUE(test, list_empty(&fence->cb_list));
	KUNIT_EXPECT_EQ(test, fence->context, 0x100000002ULL);
	KUNIT_EXPECT_EQ(test, fence->seqno, 0x300000004ULL);
	KUNIT_EXPECT_EQ(test, fence->flags, 0);
	KUNIT_EXPECT_EQ(test, fence->error, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
}

static void init_without_ops_warns_and_leaves_a_usable_fence(struct kunit *test)
{
	struct dma_fence *fence = kunit_kzalloc(test, sizeof(*fence), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fence);
	expect_splat("dma_fence_init_nameless");
	dma_fence_init(fence, NULL, NULL, 1, 2);

	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_EQ(test, dma_fence_signal(fence), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	dma_fence_put(fence);
}

static void size_on_64_bit_is_at_most_64_bytes(struct kunit *test)
{
	KUNIT_EXPECT_LE(test, sizeof(struct dma_fence), 64);
	KUNIT_EXPECT_LT(test, offsetof(struct dma_fence, rcu), 4096);
}

static void context_alloc_numbers_are_consecutive_and_never_again(struct kunit *test)
{
	u64 first = dma_fence_context_alloc(3);
	u64 second = dma_fence_context_alloc(1);
	u64 third = dma_fence_context_alloc(1);

	KUNIT_EXPECT_NE(test, first, 0);
	KUNIT_EXPECT_GE(test, second, first + 3);
	KUNIT_EXPECT_GE(test, third, second + 1);
}

static void context_alloc_none_warns(struct kunit *test)
{
	u64 before = dma_fence_context_alloc(1);

	expect_splat("dma_fence_context_alloc");
	KUNIT_EXPECT_GT(test, dma_fence_context_alloc(0), before);
}

/* References */

static void put_last_reference_releases_once(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	int releases = 0;

	to_mock_fence(fence)->on_release = count_releases;
	to_mock_fence(fence)->data = &releases;

	KUNIT_EXPECT_PTR_EQ(test, dma_fence_get(fence), fence);
	dma_fence_put(fence);
	KUNIT_EXPECT_EQ(test, releases, 0);
	dma_fence_put(fence);
	KUNIT_EXPECT_EQ(test, releases, 1);
}

static void put_null_is_nothing(struct kunit *test)
{
	dma_fence_put(NULL);
	KUNIT_EXPECT_NULL(test, dma_fence_get(NULL));
}

static const struct dma_fence_ops names_only_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
};

static void put_without_release_op_frees_after_a_grace_period(struct kunit *test)
{
	struct dma_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);
	static DEFINE_SPINLOCK(lock);

	KUNIT_ASSERT_NOT_NULL(test, fence);
	dma_fence_init(fence, &names_only_ops, &lock, 7, 8);
	rcu_read_lock();
	dma_fence_put(fence);
	KUNIT_EXPECT_EQ(test, fence->seqno, 8);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 0);
	rcu_read_unlock();
}

static void put_with_pending_callback_warns_and_signals_edeadlk(struct kunit *test)
{
	struct mock_fence_cb cb = {};
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb.base, mock_fence_cb_func), 0);
	expect_splat("dma_fence_release");
	rcu_read_lock();
	dma_fence_put(fence);
	KUNIT_EXPECT_EQ(test, cb.calls, 1);
	KUNIT_EXPECT_EQ(test, fence->error, -EDEADLK);
	rcu_read_unlock();
}

static void put_unsignaled_without_callbacks_is_silent(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	rcu_read_lock();
	dma_fence_put(fence);
	KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(fence));
	KUNIT_EXPECT_EQ(test, fence->error, 0);
	rcu_read_unlock();
}

/* Signaling */

static void signal_pending_returns_0_and_sets_time(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	ktime_t before = ktime_get();

	KUNIT_EXPECT_FALSE(test, dma_fence_test_signaled_flag(fence));
	KUNIT_EXPECT_EQ(test, dma_fence_signal(fence), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(fence));
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &fence->flags));
	KUNIT_EXPECT_GE(test, dma_fence_timestamp(fence), before);
	KUNIT_EXPECT_LE(test, dma_fence_timestamp(fence), ktime_get());
	dma_fence_put(fence);
}

static void signal_again_returns_einval_and_keeps_time(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	KUNIT_EXPECT_EQ(test, dma_fence_signal_timestamp(fence, 1234), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_signal(fence), -EINVAL);
	KUNIT_EXPECT_EQ(test, dma_fence_signal_timestamp(fence, 4321), -EINVAL);
	KUNIT_EXPECT_EQ(test, dma_fence_timestamp(fence), 1234);
	dma_fence_put(fence);
}

static void signal_null_returns_einval(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, dma_fence_signal(NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, dma_fence_signal_timestamp(NULL, 1), -EINVAL);
}

static void signal_locked_pending_then_signaled(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	unsigned long flags;
	int first, second;

	spin_lock_irqsave(fence->lock, flags);
	first = dma_fence_signal_locked(fence);
	second = dma_fence_signal_locked(fence);
	spin_unlock_irqrestore(fence->lock, flags);

	KUNIT_EXPECT_EQ(test, first, 0);
	KUNIT_EXPECT_EQ(test, second, -EINVAL);
	dma_fence_put(fence);
}

static void signal_timestamp_locked_stores_the_given_time(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	unsigned long flags;
	int first, second;

	spin_lock_irqsave(fence->lock, flags);
	first = dma_fence_signal_timestamp_locked(fence, 99);
	second = dma_fence_signal_timestamp_locked(fence, 100);
	spin_unlock_irqrestore(fence->lock, flags);

	KUNIT_EXPECT_EQ(test, first, 0);
	KUNIT_EXPECT_EQ(test, second, -EINVAL);
	KUNIT_EXPECT_EQ(test, dma_fence_timestamp(fence), 99);
	dma_fence_put(fence);
}

static void check_and_signal_tells_who_was_first(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	unsigned long flags;
	bool already;

	KUNIT_EXPECT_FALSE(test, dma_fence_check_and_signal(fence));
	KUNIT_EXPECT_TRUE(test, dma_fence_check_and_signal(fence));
	dma_fence_put(fence);

	fence = mock_fence_create(test, 1, 2);
	spin_lock_irqsave(fence->lock, flags);
	already = dma_fence_check_and_signal_locked(fence);
	spin_unlock_irqrestore(fence->lock, flags);
	KUNIT_EXPECT_FALSE(test, already);
	KUNIT_EXPECT_TRUE(test, dma_fence_check_and_signal(fence));
	dma_fence_put(fence);
}

static void signal_runs_callbacks_in_order_of_adding(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct mock_fence_cb cbs[5] = {};
	atomic_t clock = ATOMIC_INIT(0);
	int i;

	for (i = 0; i < ARRAY_SIZE(cbs); i++) {
		cbs[i].clock = &clock;
		KUNIT_EXPECT_EQ(test, 0, dma_fence_add_callback(fence, &cbs[i].base,
								mock_fence_cb_func));
	}
	dma_fence_signal(fence);
	for (i = 0; i < ARRAY_SIZE(cbs); i++) {
		KUNIT_EXPECT_EQ(test, cbs[i].calls, 1);
		KUNIT_EXPECT_EQ(test, cbs[i].order, i + 1);
		KUNIT_EXPECT_PTR_EQ(test, cbs[i].fence, fence);
	}
	dma_fence_put(fence);
}

struct state_cb {
	struct dma_fence_cb base;
	bool signaled, timed, unlinked, irqs_off, locked;
};

static void state_cb_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct state_cb *state = container_of(cb, struct state_cb, base);

	state->signaled = dma_fence_test_signaled_flag(fence);
	state->timed = test_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &fence->flags);
	state->unlinked = list_empty(&cb->node);
	state->irqs_off = irqs_disabled();
	state->locked = !IS_ENABLED(CONFIG_LOCKDEP) || lockdep_is_held(fence->lock);
}

static void signal_runs_callbacks_signaled_unlinked_and_locked(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct state_cb state = {};

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &state.base, state_cb_func), 0);
	dma_fence_signal(fence);
	KUNIT_EXPECT_TRUE(test, state.signaled);
	KUNIT_EXPECT_TRUE(test, state.timed);
	KUNIT_EXPECT_TRUE(test, state.unlinked);
	KUNIT_EXPECT_TRUE(test, state.irqs_off);
	KUNIT_EXPECT_TRUE(test, state.locked);
	dma_fence_put(fence);
}

static void put_in_callback_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	dma_fence_put(fence);
}

static void signal_callback_may_drop_the_last_reference(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct dma_fence_cb cb;
	int releases = 0;

	to_mock_fence(fence)->on_release = count_releases;
	to_mock_fence(fence)->data = &releases;
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb, put_in_callback_func), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_signal(fence), 0);
	KUNIT_EXPECT_EQ(test, releases, 1);
}

static void free_in_callback_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	memset(cb, 0x5a, sizeof(*cb));
	kfree(cb);
}

static void signal_callbacks_may_free_themselves(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct mock_fence_cb last = {};
	struct dma_fence_cb *cb;
	int i;

	for (i = 0; i < 3; i++) {
		cb = kmalloc(sizeof(*cb), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, cb);
		KUNIT_EXPECT_EQ(test, 0, dma_fence_add_callback(fence, cb, free_in_callback_func));
	}
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &last.base, mock_fence_cb_func), 0);
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, last.calls, 1);
	dma_fence_put(fence);
}

struct hop_cb {
	struct dma_fence_cb base;
	struct dma_fence *next;
	int calls, add_result;
};

static void hop_cb_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct hop_cb *hop = container_of(cb, struct hop_cb, base);
	struct dma_fence *next = hop->next;

	hop->calls++;
	hop->next = NULL;
	if (next)
		hop->add_result = dma_fence_add_callback(next, cb, hop_cb_func);
}

static void signal_callback_may_move_to_another_fence(struct kunit *test)
{
	static DEFINE_SPINLOCK(other_lock);
	struct dma_fence *other = kzalloc(sizeof(*other), GFP_KERNEL);
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct hop_cb hop = { .next = other, .add_result = 1 };

	KUNIT_ASSERT_NOT_NULL(test, other);
	dma_fence_init(other, &names_only_ops, &other_lock, 2, 1);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &hop.base, hop_cb_func), 0);
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, hop.calls, 1);
	KUNIT_EXPECT_EQ(test, hop.add_result, 0);
	dma_fence_signal(other);
	KUNIT_EXPECT_EQ(test, hop.calls, 2);
	dma_fence_put(other);
	dma_fence_put(fence);
}

/* Adding and removing callbacks */

static void add_callback_null_returns_einval(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct dma_fence_cb cb;

	expect_splat("dma_fence_add_callback");
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(NULL, &cb, mock_fence_cb_func), -EINVAL);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, NULL, mock_fence_cb_func), -EINVAL);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb, NULL), -EINVAL);
	KUNIT_EXPECT_TRUE(test, list_empty(&fence->cb_list));
	dma_fence_put(fence);
}

static void add_callback_signaled_returns_enoent_and_does_not_call(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct mock_fence_cb cb = {};

	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb.base, mock_fence_cb_func), -ENOENT);
	KUNIT_EXPECT_EQ(test, cb.calls, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&cb.base.node));
	KUNIT_EXPECT_NULL(test, cb.base.func);
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(fence, &cb.base));
	dma_fence_put(fence);
}

static void add_callback_stores_func_when_queued(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct mock_fence_cb cb = {};

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb.base, mock_fence_cb_func), 0);
	KUNIT_EXPECT_TRUE(test, cb.base.func == mock_fence_cb_func);
	KUNIT_EXPECT_PTR_EQ(test, fence->cb_list.next, &cb.base.node);
	dma_fence_signal(fence);
	dma_fence_put(fence);
}

static void add_callback_enables_signaling_once(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);
	struct mock_fence_cb a = {}, b = {};

	KUNIT_EXPECT_FALSE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags));
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &a.base, mock_fence_cb_func), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &b.base, mock_fence_cb_func), 0);
	dma_fence_enable_sw_signaling(fence);
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags));
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fence)->enable_calls), 1);
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, a.calls + b.calls, 2);
	dma_fence_put(fence);
}

static void add_callback_enabling_fails_signals_and_returns_enoent(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);
	struct mock_fence_cb cb = {};

	to_mock_fence(fence)->enable_fails = true;
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb.base, mock_fence_cb_func), -ENOENT);
	KUNIT_EXPECT_TRUE(test, dma_fence_test_signaled_flag(fence));
	KUNIT_EXPECT_EQ(test, cb.calls, 0);
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(fence, &cb.base));
	dma_fence_put(fence);
}

static void add_callback_enabling_signals_returns_enoent(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);
	struct mock_fence_cb cb = {};

	to_mock_fence(fence)->enable_signals = true;
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb.base, mock_fence_cb_func), -ENOENT);
	KUNIT_EXPECT_EQ(test, cb.calls, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&cb.base.node));
	dma_fence_put(fence);
}

/*
 * A driver may set the bit in an interrupt and run the callbacks much later,
 * under the lock.
 */
static void callbacks_bit_set_by_driver_stay_removable(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct mock_fence_cb early = {}, late = {};

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &early.base, mock_fence_cb_func), 0);
	set_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags);

	KUNIT_EXPECT_EQ(test, -ENOENT, dma_fence_add_callback(fence, &late.base,
							      mock_fence_cb_func));
	KUNIT_EXPECT_EQ(test, dma_fence_signal(fence), -EINVAL);
	KUNIT_EXPECT_EQ(test, early.calls, 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(fence, &late.base));
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(fence, &early.base));
	KUNIT_EXPECT_TRUE(test, list_empty(&fence->cb_list));
	dma_fence_put(fence);
}

static void remove_callback_queued_returns_true_and_never_calls(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct mock_fence_cb removed = {}, kept = {};

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &removed.base, mock_fence_cb_func), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &kept.base, mock_fence_cb_func), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_remove_callback(fence, &removed.base));
	KUNIT_EXPECT_TRUE(test, list_empty(&removed.base.node));
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(fence, &removed.base));
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, removed.calls, 0);
	KUNIT_EXPECT_EQ(test, kept.calls, 1);
	dma_fence_put(fence);
}

static void remove_callback_after_it_ran_returns_false(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct mock_fence_cb cb = {};

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &cb.base, mock_fence_cb_func), 0);
	dma_fence_signal(fence);
	KUNIT_EXPECT_FALSE(test, dma_fence_remove_callback(fence, &cb.base));
	KUNIT_EXPECT_EQ(test, cb.calls, 1);
	dma_fence_put(fence);
}

/* Enabling */

static void enable_sw_signaling_without_op_sets_the_bit(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	dma_fence_enable_sw_signaling(fence);
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	dma_fence_put(fence);
}

static void enable_signaling_signaled_does_not_ask_the_driver(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);

	dma_fence_signal(fence);
	dma_fence_enable_signaling(fence);
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fence)->enable_calls), 0);
	dma_fence_put(fence);
}

static void enable_signaling_op_fails_signals(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);

	to_mock_fence(fence)->enable_fails = true;
	dma_fence_enable_signaling(fence);
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fence)->enable_calls), 1);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), 1);
	dma_fence_put(fence);
}

/* Deadlines and description */

static void set_deadline_pending_reaches_the_driver(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);
	struct mock_fence *mock = to_mock_fence(fence);

	dma_fence_set_deadline(fence, 4711);
	KUNIT_EXPECT_EQ(test, atomic_read(&mock->deadline_calls), 1);
	KUNIT_EXPECT_EQ(test, mock->deadline, 4711);
	dma_fence_set_deadline(fence, 17);
	KUNIT_EXPECT_EQ(test, mock->deadline, 17);
	dma_fence_signal(fence);
	dma_fence_put(fence);
}

static void set_deadline_signaled_does_not_reach_the_driver(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);

	dma_fence_signal(fence);
	dma_fence_set_deadline(fence, 4711);
	KUNIT_EXPECT_EQ(test, atomic_read(&to_mock_fence(fence)->deadline_calls), 0);
	dma_fence_put(fence);
}

static void set_deadline_without_op_is_nothing(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	dma_fence_set_deadline(fence, 4711);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	dma_fence_put(fence);
}

static void describe_prints_names_seqno_and_state(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 0x100000000ULL);
	char text[128] = "";
	struct seq_file seq = { .buf = text, .size = sizeof(text) };

	dma_fence_describe(fence, &seq);
	dma_fence_signal(fence);
	dma_fence_describe(fence, &seq);
	KUNIT_EXPECT_STREQ(test, text,
			   "mock timeline seq 4294967296 unsignalled\n"
			   "detached-driver signaled-timeline seq 4294967296 signalled\n");
	dma_fence_put(fence);
}

/* What bufinfo in debugfs prints, long after the driver's queue may be gone. */
static void describe_signaled_leaves_the_driver_s_names_alone(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_mortal_ops);
	char text[128] = "";
	struct seq_file seq = { .buf = text, .size = sizeof(text) };

	dma_fence_signal(fence);
	mock_fence_late_names = 0;
	dma_fence_describe(fence, &seq);
	KUNIT_EXPECT_EQ(test, mock_fence_late_names, 0);
	KUNIT_EXPECT_STREQ(test, text, "detached-driver signaled-timeline seq 1 signalled\n");
	dma_fence_put(fence);
}

/*
 * CVE-2026-72094: the signaled bit and operations that go with the signal, seen
 * in the wrong order. Here they do not go: whoever reads them without a lock
 * finds them until the release.
 */
static void signal_leaves_the_operations_in_place(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);

	dma_fence_signal(fence);
	KUNIT_EXPECT_PTR_EQ(test, fence->ops, &mock_fence_ops);
	dma_fence_put(fence);
}

/* Tracing */

struct trace_log {
	struct dma_fence *fence;
	struct mock_fence_cb cb;
	int signaled, calls_then, enabled;
	bool timed_then;
};

static void probe_signaled(void *data, struct dma_fence *fence)
{
	struct trace_log *log = data;

	if (fence != log->fence)
		return;
	log->signaled++;
	log->calls_then = log->cb.calls;
	log->timed_then = test_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &fence->flags);
}

static void probe_enable_signal(void *data, struct dma_fence *fence)
{
	struct trace_log *log = data;

	log->enabled += fence == log->fence;
}

static void trace_signaled_comes_after_time_and_before_callbacks(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &mock_fence_full_ops);
	struct trace_log log = { .fence = fence, .calls_then = -1 };

	if (register_trace_dma_fence_signaled(probe_signaled, &log)) {
		dma_fence_put(fence);
		kunit_skip(test, "needs tracepoints");
	}
	KUNIT_EXPECT_EQ(test, register_trace_dma_fence_enable_signal(probe_enable_signal, &log), 0);

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &log.cb.base, mock_fence_cb_func), 0);
	dma_fence_signal(fence);
	dma_fence_signal(fence);
	unregister_trace_dma_fence_enable_signal(probe_enable_signal, &log);
	unregister_trace_dma_fence_signaled(probe_signaled, &log);
	tracepoint_synchronize_unregister();

	KUNIT_EXPECT_EQ(test, log.enabled, 1);
	KUNIT_EXPECT_EQ(test, log.signaled, 1);
	KUNIT_EXPECT_TRUE(test, log.timed_then);
	KUNIT_EXPECT_EQ(test, log.calls_then, 0);
	KUNIT_EXPECT_EQ(test, log.cb.calls, 1);
	dma_fence_put(fence);
}

static struct kunit_case dma_fence_cases[] = {
	KUNIT_CASE(init_garbage_memory_sets_every_field),
	KUNIT_CASE(init_without_ops_warns_and_leaves_a_usable_fence),
	KUNIT_CASE(size_on_64_bit_is_at_most_64_bytes),
	KUNIT_CASE(context_alloc_numbers_are_consecutive_and_never_again),
	KUNIT_CASE(context_alloc_none_warns),
	KUNIT_CASE(put_last_reference_releases_once),
	KUNIT_CASE(put_null_is_nothing),
	KUNIT_CASE(put_without_release_op_frees_after_a_grace_period),
	KUNIT_CASE(put_with_pending_callback_warns_and_signals_edeadlk),
	KUNIT_CASE(put_unsignaled_without_callbacks_is_silent),
	KUNIT_CASE(signal_pending_returns_0_and_sets_time),
	KUNIT_CASE(signal_again_returns_einval_and_keeps_time),
	KUNIT_CASE(signal_null_returns_einval),
	KUNIT_CASE(signal_locked_pending_then_signaled),
	KUNIT_CASE(signal_timestamp_locked_stores_the_given_time),
	KUNIT_CASE(check_and_signal_tells_who_was_first),
	KUNIT_CASE(signal_runs_callbacks_in_order_of_adding),
	KUNIT_CASE(signal_runs_callbacks_signaled_unlinked_and_locked),
	KUNIT_CASE(signal_callback_may_drop_the_last_reference),
	KUNIT_CASE(signal_callbacks_may_free_themselves),
	KUNIT_CASE(signal_callback_may_move_to_another_fence),
	KUNIT_CASE(add_callback_null_returns_einval),
	KUNIT_CASE(add_callback_signaled_returns_enoent_and_does_not_call),
	KUNIT_CASE(add_callback_stores_func_when_queued),
	KUNIT_CASE(add_callback_enables_signaling_once),
	KUNIT_CASE(add_callback_enabling_fails_signals_and_returns_enoent),
	KUNIT_CASE(add_callback_enabling_signals_returns_enoent),
	KUNIT_CASE(callbacks_bit_set_by_driver_stay_removable),
	KUNIT_CASE(remove_callback_queued_returns_true_and_never_calls),
	KUNIT_CASE(remove_callback_after_it_ran_returns_false),
	KUNIT_CASE(enable_sw_signaling_without_op_sets_the_bit),
	KUNIT_CASE(enable_signaling_signaled_does_not_ask_the_driver),
	KUNIT_CASE(enable_signaling_op_fails_signals),
	KUNIT_CASE(set_deadline_pending_reaches_the_driver),
	KUNIT_CASE(set_deadline_signaled_does_not_reach_the_driver),
	KUNIT_CASE(set_deadline_without_op_is_nothing),
	KUNIT_CASE(describe_prints_names_seqno_and_state),
	KUNIT_CASE(describe_signaled_leaves_the_driver_s_names_alone),
	KUNIT_CASE(signal_leaves_the_operations_in_place),
	KUNIT_CASE(trace_signaled_comes_after_time_and_before_callbacks),
	{}
};

static struct kunit_suite dma_fence_suite = {
	.name = "dma_fence",
	.init = dma_fence_test_init,
	.exit = dma_fence_test_exit,
	.test_cases = dma_fence_cases,
};

kunit_test_suite(dma_fence_suite);
