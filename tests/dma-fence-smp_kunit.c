// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of fences on two CPUs: the same calls at the same time, many times
 * over.
 *
 * Each round sets up fresh objects, lets a partner thread do one thing while
 * the test does another, and checks when both are done. A short delay that
 * differs from round to round moves the two against each other.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "mock-fence.h"

#define ROUNDS 2000

/**
 * struct race - a partner thread that runs rounds in step with the test
 * @task: the thread
 * @fn: what it does in a round
 * @go: round that it may run; ahead of @done while one is running
 * @done: round that it has run
 * @fence: the fence of the round
 * @result: what @fn found out
 * @place: where get_rcu_safe looks
 */
struct race {
	struct task_struct *task;
	void (*fn)(struct race *race);
	atomic_t go;
	atomic_t done;
	struct dma_fence *fence;
	int result;
	struct dma_fence __rcu *place;
};

static int dma_fence_smp_live_before;

static int dma_fence_smp_test_init(struct kunit *test)
{
	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	dma_fence_smp_live_before = mock_fence_live();
	return 0;
}

static void dma_fence_smp_test_exit(struct kunit *test)
{
	if (num_online_cpus() >= 2)
		KUNIT_EXPECT_EQ(test, mock_fence_live(), dma_fence_smp_live_before);
}

static void race_pause(int loops)
{
	while (loops-- > 0)
		cpu_relax();
}

/*
 * Partners spin, because a wakeup takes longer than what they race with; but
 * not for ever.
 */
static int race_thread(void *arg)
{
	struct race *race = arg;

	while (!kthread_should_stop()) {
		int go = atomic_read_acquire(&race->go);

		if (go == atomic_read(&race->done)) {
			cond_resched();
			continue;
		}
		race_pause(go * 7 % 61);
		race->fn(race);
		atomic_set_release(&race->done, go);
	}
	return 0;
}

static void race_begin(struct kunit *test, struct race *race, void (*fn)(struct race *race))
{
	race->fn = fn;
	race->task = kthread_run(race_thread, race, "dma-fence-race");
	KUNIT_ASSERT_FALSE(test, IS_ERR(race->task));
}

static void race_go(struct race *race)
{
	atomic_inc_return_release(&race->go);
	race_pause(atomic_read(&race->go) * 11 % 67);
}

static void race_wait(struct race *race)
{
	while (atomic_read_acquire(&race->done) != atomic_read(&race->go))
		cond_resched();
}

static void race_end(struct race *race)
{
	kthread_stop(race->task);
}

static void race_signal(struct race *race)
{
	race->result = dma_fence_signal(race->fence);
}

static void signal_against_add_callback_calls_once_or_says_enoent(struct kunit *test)
{
	struct race race = {};
	int i, ret, late = 0;

	race_begin(test, &race, race_signal);
	for (i = 0; i < ROUNDS; i++) {
		struct mock_fence_cb cb = {};

		race.fence = mock_fence_create_ops(test, 1, i, &mock_fence_full_ops);
		race_go(&race);
		ret = dma_fence_add_callback(race.fence, &cb.base, mock_fence_cb_func);
		race_wait(&race);
		late += ret == -ENOENT;
		KUNIT_EXPECT_EQ(test, race.result, 0);
		KUNIT_EXPECT_EQ(test, cb.calls, ret == -ENOENT ? 0 : 1);
		dma_fence_put(race.fence);
	}
	race_end(&race);
	kunit_info(test, "signaled first in %d of %d rounds\n", late, ROUNDS);
}

static void signal_against_remove_callback_false_means_finished(struct kunit *test)
{
	struct race race = {};
	int i, removed = 0;

	race_begin(test, &race, race_signal);
	for (i = 0; i < ROUNDS; i++) {
		struct mock_fence_cb *cb = kzalloc(sizeof(*cb), GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, cb);
		race.fence = mock_fence_create(test, 1, i);
		KUNIT_EXPECT_EQ(test, 0, dma_fence_add_callback(race.fence, &cb->base,
								mock_fence_cb_func));
		race_go(&race);
		if (dma_fence_remove_callback(race.fence, &cb->base)) {
			KUNIT_EXPECT_EQ(test, cb->calls, 0);
			removed++;
		} else {
			KUNIT_EXPECT_EQ(test, cb->calls, 1);
		}
		/* Free at once: the signal may not touch it any more. */
		memset(cb, 0x5a, sizeof(*cb));
		kfree(cb);
		race_wait(&race);
		dma_fence_put(race.fence);
	}
	race_end(&race);
	kunit_info(test, "removed in %d of %d rounds\n", removed, ROUNDS);
}

static void signal_against_signal_only_one_wins(struct kunit *test)
{
	struct race race = {};
	int i, ret, won = 0;

	race_begin(test, &race, race_signal);
	for (i = 0; i < ROUNDS; i++) {
		struct mock_fence_cb cb = {};

		race.fence = mock_fence_create(test, 1, i);
		KUNIT_EXPECT_EQ(test, 0, dma_fence_add_callback(race.fence, &cb.base,
								mock_fence_cb_func));
		race_go(&race);
		ret = dma_fence_signal(race.fence);
		/*
		 * Who comes second waits for the callbacks of who came first.
		 */
		KUNIT_EXPECT_EQ(test, cb.calls, 1);
		race_wait(&race);
		won += !ret;
		KUNIT_EXPECT_EQ(test, ret + race.result, -EINVAL);
		KUNIT_EXPECT_EQ(test, cb.calls, 1);
		dma_fence_put(race.fence);
	}
	race_end(&race);
	kunit_info(test, "won %d of %d rounds\n", won, ROUNDS);
}

static void is_signaled_against_signal_calls_once(struct kunit *test)
{
	struct race race = {};
	int i;

	race_begin(test, &race, race_signal);
	for (i = 0; i < ROUNDS; i++) {
		struct mock_fence_cb cb = {};

		race.fence = mock_fence_create_ops(test, 1, i, &mock_fence_full_ops);
		to_mock_fence(race.fence)->done = true;
		KUNIT_EXPECT_EQ(test, 0, dma_fence_add_callback(race.fence, &cb.base,
								mock_fence_cb_func));
		race_go(&race);
		KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(race.fence));
		KUNIT_EXPECT_GT(test, dma_fence_timestamp(race.fence), 0);
		race_wait(&race);
		KUNIT_EXPECT_EQ(test, cb.calls, 1);
		dma_fence_put(race.fence);
	}
	race_end(&race);
}

/*
 * What is written before the signal is seen by who sees the signal, without any
 * lock.
 */
static void race_fail(struct race *race)
{
	dma_fence_set_error(race->fence, -EIO);
	race->result = dma_fence_signal(race->fence);
}

static void get_status_against_signal_is_0_or_the_error(struct kunit *test)
{
	struct race race = {};
	int i, status;

	race_begin(test, &race, race_fail);
	for (i = 0; i < ROUNDS; i++) {
		race.fence = mock_fence_create(test, 1, i);
		race_go(&race);
		while (!(status = dma_fence_get_status(race.fence)))
			cpu_relax();
		KUNIT_EXPECT_EQ(test, status, -EIO);
		race_wait(&race);
		dma_fence_put(race.fence);
	}
	race_end(&race);
}

static const struct dma_fence_ops owned_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
};

/*
 * Some drivers own a fence without counting references and free it when the
 * wait returns. The signal must be done with it by then. The lock outlives the
 * fence.
 */
static void wait_against_signal_fence_may_be_freed_at_once(struct kunit *test)
{
	static DEFINE_SPINLOCK(owned_lock);
	struct race race = {};
	int i;

	race_begin(test, &race, race_signal);
	for (i = 0; i < ROUNDS; i++) {
		race.fence = kmalloc(sizeof(*race.fence), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, race.fence);
		dma_fence_init(race.fence, &owned_ops, &owned_lock, 1, i);
		race_go(&race);
		KUNIT_EXPECT_EQ(test, dma_fence_wait(race.fence, false), 0);
		memset(race.fence, 0x5a, sizeof(*race.fence));
		kfree(race.fence);
		race_wait(&race);
		KUNIT_EXPECT_EQ(test, race.result, 0);
	}
	race_end(&race);
}

/**
 * struct slow_cb - a callback that takes its time
 * @base: the callback
 * @begun: it is running
 * @ended: it has run
 */
struct slow_cb {
	struct dma_fence_cb base;
	bool begun;
	bool ended;
};

static void slow_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct slow_cb *slow = container_of(cb, struct slow_cb, base);

	WRITE_ONCE(slow->begun, true);
	mdelay(2);
	WRITE_ONCE(slow->ended, true);
}

/*
 * The same, without luck: the fence is signaled, but who signals it is still at
 * the callbacks. Who does not count references must not get away from a wait
 * yet.
 */
static void wait_against_slow_callback_returns_after_it(struct kunit *test)
{
	struct race race = {};
	int i;

	race_begin(test, &race, race_signal);
	for (i = 0; i < 10; i++) {
		struct slow_cb slow = {};

		race.fence = mock_fence_create(test, 1, i);
		KUNIT_EXPECT_EQ(test, dma_fence_add_callback(race.fence, &slow.base, slow_func), 0);
		race_go(&race);
		while (!READ_ONCE(slow.begun))
			cpu_relax();
		KUNIT_EXPECT_EQ(test, dma_fence_wait(race.fence, false), 0);
		KUNIT_EXPECT_TRUE(test, READ_ONCE(slow.ended));
		race_wait(&race);
		dma_fence_put(race.fence);
	}
	race_end(&race);
}

static void wait_any_against_signal_finds_the_index(struct kunit *test)
{
	struct dma_fence *never = mock_fence_create(test, 2, 1);
	struct race race = {};
	int i;

	race_begin(test, &race, race_signal);
	for (i = 0; i < ROUNDS; i++) {
		struct dma_fence *fences[] = { never, NULL };
		u32 idx = 99;

		race.fence = mock_fence_create(test, 1, i);
		fences[1] = race.fence;
		race_go(&race);
		KUNIT_EXPECT_GE(test, dma_fence_wait_any_timeout(fences, 2, false, 20 * HZ, &idx),
				1);
		KUNIT_EXPECT_EQ(test, idx, 1);
		KUNIT_EXPECT_TRUE(test, list_empty(&never->cb_list));
		race_wait(&race);
		dma_fence_put(race.fence);
	}
	race_end(&race);
	dma_fence_put(never);
}

static void race_put_func(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	dma_fence_put(fence);
}

/*
 * The lock is part of the fence's memory, and is unlocked after the last
 * reference is gone.
 */
static void signal_last_put_in_callback_against_put(struct kunit *test)
{
	struct dma_fence_cb cb;
	struct race race = {};
	int i;

	race_begin(test, &race, race_signal);
	for (i = 0; i < ROUNDS; i++) {
		struct dma_fence *mine = mock_fence_create(test, 1, i);

		race.fence = mine;
		dma_fence_get(mine);
		KUNIT_EXPECT_EQ(test, dma_fence_add_callback(mine, &cb, race_put_func), 0);
		race_go(&race);
		/* Whoever is later, this or the callback, releases. */
		while (!dma_fence_test_signaled_flag(mine))
			cpu_relax();
		dma_fence_put(mine);
		race_wait(&race);
	}
	race_end(&race);
}

/* A driver that sets the bit itself may be late with the time. */
static void race_set_time(struct race *race)
{
	race->fence->timestamp = 31337;
	/* Pairs with the acquire in dma_fence_timestamp(). */
	smp_mb__before_atomic();
	set_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &race->fence->flags);
}

static void timestamp_bit_set_first_waits_for_the_time(struct kunit *test)
{
	struct race race = {};
	int i;

	race_begin(test, &race, race_set_time);
	for (i = 0; i < ROUNDS; i++) {
		race.fence = mock_fence_create(test, 1, i);
		set_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &race.fence->flags);
		race_go(&race);
		KUNIT_EXPECT_EQ(test, dma_fence_timestamp(race.fence), 31337);
		race_wait(&race);
		dma_fence_put(race.fence);
	}
	race_end(&race);
}

/**
 * struct preempted - a signaler that is preempted between the bit and the time
 * @fence: the fence, whose time becomes 31337
 * @go: the reader, of higher priority and on the same CPU, may run
 * @read: completed when the reader has the time
 * @time: the time
 */
struct preempted {
	struct dma_fence *fence;
	struct completion go;
	struct completion read;
	ktime_t time;
};

static int preempted_signaler(void *arg)
{
	struct preempted *preempted = arg;
	struct dma_fence *fence = preempted->fence;
	unsigned long flags;

	sched_set_fifo_low(current);
	spin_lock_irqsave(fence->lock, flags);
	set_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags);
	complete(&preempted->go);
	fence->timestamp = 31337;
	/* Pairs with the acquire in dma_fence_timestamp(). */
	smp_mb__before_atomic();
	set_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &fence->flags);
	spin_unlock_irqrestore(fence->lock, flags);
	return 0;
}

static int preempted_reader(void *arg)
{
	struct preempted *preempted = arg;

	sched_set_fifo(current);
	wait_for_completion(&preempted->go);
	preempted->time = dma_fence_timestamp(preempted->fence);
	complete(&preempted->read);
	return 0;
}

static struct task_struct *preempted_start(struct kunit *test, int (*fn)(void *),
					   struct preempted *preempted)
{
	struct task_struct *task = kthread_create(fn, preempted, "dma-fence-rt");

	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	kthread_bind(task, cpumask_last(cpu_online_mask));
	get_task_struct(task);
	wake_up_process(task);
	return task;
}

/* Only with PREEMPT_RT can a thread that holds the lock be preempted. */
static void timestamp_of_preempted_signaler_ends(struct kunit *test)
{
	struct preempted preempted = { .fence = mock_fence_create(test, 1, 1) };
	struct task_struct *reader, *signaler;

	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	init_completion(&preempted.go);
	init_completion(&preempted.read);
	reader = preempted_start(test, preempted_reader, &preempted);
	signaler = preempted_start(test, preempted_signaler, &preempted);

	KUNIT_EXPECT_GT(test, wait_for_completion_timeout(&preempted.read, 20 * HZ), 0);
	/* If that failed, end the reader's loop. */
	set_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &preempted.fence->flags);
	kthread_stop_put(reader);
	kthread_stop_put(signaler);
	KUNIT_EXPECT_EQ(test, preempted.time, 31337);
	dma_fence_put(preempted.fence);
}

/* Give another CPU the time to come to a lock that this one holds. */
static void race_await_contention(spinlock_t *lock)
{
	int loops = 10000;

	while (!spin_is_contended(lock) && loops--)
		cpu_relax();
}

/* The two fences are of one timeline, so they share a lock. */
static void signal_waits_for_lock_time_is_not_before_holder_s(struct kunit *test)
{
	struct race race = {};
	struct dma_fence *held;
	unsigned long flags;
	int i;

	race_begin(test, &race, race_signal);
	for (i = 0; i < ROUNDS; i++) {
		held = mock_fence_create(test, 1, 1);
		race.fence = mock_fence_create(test, 1, 2);
		race.fence->lock = held->lock;

		spin_lock_irqsave(held->lock, flags);
		race_go(&race);
		race_await_contention(held->lock);
		dma_fence_signal_locked(held);
		spin_unlock_irqrestore(held->lock, flags);
		race_wait(&race);

		KUNIT_EXPECT_GE(test, dma_fence_timestamp(race.fence), dma_fence_timestamp(held));
		dma_fence_put(race.fence);
		dma_fence_put(held);
	}
	race_end(&race);
}

/*
 * Fences in type-stable memory: freed and used again while readers look at
 * them.
 */
struct typesafe {
	struct dma_fence base;
	spinlock_t lock; /* given to the fence */
};

static struct kmem_cache *typesafe_cache;

static void typesafe_release(struct dma_fence *fence)
{
	kmem_cache_free(typesafe_cache, container_of(fence, struct typesafe, base));
}

static const struct dma_fence_ops typesafe_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.release = typesafe_release,
};

static struct dma_fence *typesafe_create(u64 context, u64 seqno)
{
	struct typesafe *new = kmem_cache_alloc(typesafe_cache, GFP_KERNEL);

	if (!new)
		return NULL;
	spin_lock_init(&new->lock);
	dma_fence_init(&new->base, &typesafe_ops, &new->lock, context, seqno);
	return &new->base;
}

/*
 * Put a new fence of context 1 into the place and drop the old one; in between,
 * let a fence of context 2, which never stands in the place, use its memory.
 */
static void race_replace(struct race *race)
{
	struct dma_fence *old = rcu_dereference_protected(race->place, true);
	struct dma_fence *new = typesafe_create(1, old->seqno + 1);
	struct dma_fence *stranger;

	if (!new) {
		race->result = -ENOMEM;
		return;
	}
	rcu_assign_pointer(race->place, new);
	dma_fence_put(old);
	stranger = typesafe_create(2, 0);
	dma_fence_put(stranger);
}

static void get_rcu_safe_against_replacement_never_gets_a_stranger(struct kunit *test)
{
	struct race race = {};
	int i, strangers = 0, backwards = 0;
	u64 seqno = 0;

	typesafe_cache = kmem_cache_create("dma-fence-typesafe", sizeof(struct typesafe), 0,
					   SLAB_TYPESAFE_BY_RCU | SLAB_NO_MERGE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, typesafe_cache);
	RCU_INIT_POINTER(race.place, typesafe_create(1, 1));
	KUNIT_ASSERT_NOT_NULL(test, rcu_access_pointer(race.place));

	race_begin(test, &race, race_replace);
	for (i = 0; i < ROUNDS; i++) {
		race_go(&race);
		do {
			struct dma_fence *fence;

			rcu_read_lock();
			fence = dma_fence_get_rcu_safe(&race.place);
			rcu_read_unlock();
			strangers += fence->context != 1;
			backwards += fence->seqno < seqno;
			seqno = fence->seqno;
			dma_fence_put(fence);
		} while (atomic_read(&race.done) != atomic_read(&race.go));
		race_wait(&race);
	}
	race_end(&race);

	KUNIT_EXPECT_EQ(test, race.result, 0);
	KUNIT_EXPECT_EQ(test, strangers, 0);
	KUNIT_EXPECT_EQ(test, backwards, 0);
	dma_fence_put(rcu_dereference_protected(race.place, true));
	kmem_cache_destroy(typesafe_cache);
}

static struct kunit_case dma_fence_smp_cases[] = {
	KUNIT_CASE_SLOW(signal_against_add_callback_calls_once_or_says_enoent),
	KUNIT_CASE_SLOW(signal_against_remove_callback_false_means_finished),
	KUNIT_CASE_SLOW(signal_against_signal_only_one_wins),
	KUNIT_CASE_SLOW(is_signaled_against_signal_calls_once),
	KUNIT_CASE_SLOW(get_status_against_signal_is_0_or_the_error),
	KUNIT_CASE(wait_against_slow_callback_returns_after_it),
	KUNIT_CASE_SLOW(wait_against_signal_fence_may_be_freed_at_once),
	KUNIT_CASE_SLOW(wait_any_against_signal_finds_the_index),
	KUNIT_CASE_SLOW(signal_last_put_in_callback_against_put),
	KUNIT_CASE_SLOW(timestamp_bit_set_first_waits_for_the_time),
	KUNIT_CASE(timestamp_of_preempted_signaler_ends),
	KUNIT_CASE_SLOW(signal_waits_for_lock_time_is_not_before_holder_s),
	KUNIT_CASE_SLOW(get_rcu_safe_against_replacement_never_gets_a_stranger),
	{}
};

static struct kunit_suite dma_fence_smp_suite = {
	.name = "dma_fence_smp",
	.init = dma_fence_smp_test_init,
	.exit = dma_fence_smp_test_exit,
	.test_cases = dma_fence_smp_cases,
};

kunit_test_suite(dma_fence_smp_suite);
