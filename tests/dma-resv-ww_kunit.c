// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the reservations' locks: the class, the variants of the header, and
 * the ladder of situations that wound/wait locking is for: AA, ABBA, a cycle,
 * many threads with many locks. In kernels with CONFIG_DEBUG_WW_MUTEX_SLOWPATH
 * each back-off is exercised by injected -EDEADLK as well.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/dma-resv.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/sched/signal.h>

#include "mock-resv.h"

/* Lock for a context that holds nothing yet, whatever gets injected. */
static void ww_lock_first(struct dma_resv *resv, struct ww_acquire_ctx *ctx)
{
	if (dma_resv_lock(resv, ctx) == -EDEADLK)
		dma_resv_lock_slow(resv, ctx);
}

static void ww_unlock_all(struct dma_resv **resvs, unsigned int count)
{
	while (count--)
		dma_resv_unlock(resvs[count]);
}

/*
 * Lock all, in the order given, backing off as often as it takes. The contended
 * lock is taken first in the next attempt. Returns the number of back-offs;
 * UINT_MAX, with none locked, on another error.
 */
static unsigned int ww_lock_all(struct dma_resv **resvs, unsigned int count,
				struct ww_acquire_ctx *ctx)
{
	unsigned int i, retries = 0;
	int ret;

	for (i = 0; i < count; i++) {
		ret = dma_resv_lock(resvs[i], ctx);
		if (!ret)
			continue;

		ww_unlock_all(resvs, i);
		if (ret != -EDEADLK)
			return UINT_MAX;
		dma_resv_lock_slow(resvs[i], ctx);
		swap(resvs[0], resvs[i]);
		i = 0;
		retries++;
	}

	return retries;
}

static void reservation_ww_class_is_wait_die(struct kunit *test)
{
	struct ww_acquire_ctx ctx;

	KUNIT_EXPECT_TRUE(test, reservation_ww_class.is_wait_die);

	ww_acquire_init(&ctx, &reservation_ww_class);
	KUNIT_EXPECT_TRUE(test, ctx.is_wait_die);
	ww_acquire_fini(&ctx);
}

static void dma_resv_lock_without_context_locks(struct kunit *test)
{
	struct mock_resv *mock = test->priv;

	KUNIT_EXPECT_EQ(test, dma_resv_lock(&mock->resv, NULL), 0);
	KUNIT_EXPECT_TRUE(test, dma_resv_is_locked(&mock->resv));
	KUNIT_EXPECT_NULL(test, dma_resv_locking_ctx(&mock->resv));
	dma_resv_assert_held(&mock->resv);
	KUNIT_EXPECT_FALSE(test, dma_resv_trylock(&mock->resv));
	dma_resv_unlock(&mock->resv);
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(&mock->resv));
}

static void dma_resv_locking_ctx_names_the_holder(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct ww_acquire_ctx ctx;

	ww_acquire_init(&ctx, &reservation_ww_class);
	ww_lock_first(&mock->resv, &ctx);
	ww_acquire_done(&ctx);
	KUNIT_EXPECT_PTR_EQ(test, dma_resv_locking_ctx(&mock->resv), &ctx);
	dma_resv_unlock(&mock->resv);
	KUNIT_EXPECT_NULL(test, dma_resv_locking_ctx(&mock->resv));
	ww_acquire_fini(&ctx);
}

static void dma_resv_trylock_takes_a_free_lock(struct kunit *test)
{
	struct mock_resv *mock = test->priv;

	KUNIT_ASSERT_TRUE(test, dma_resv_trylock(&mock->resv));
	KUNIT_EXPECT_TRUE(test, dma_resv_is_locked(&mock->resv));
	dma_resv_unlock(&mock->resv);
}

static int guard_leaves_locked(struct dma_resv *resv)
{
	guard(dma_resv)(resv);

	return dma_resv_is_locked(resv) ? 1 : 0;
}

static int guard_try(struct dma_resv *resv)
{
	scoped_cond_guard(dma_resv_try, return -EBUSY, resv)
		return dma_resv_is_locked(resv) ? 1 : 0;
	return -EINVAL;
}

static int guard_intr(struct dma_resv *resv)
{
	scoped_cond_guard(dma_resv_intr, return -EINTR, resv)
		return dma_resv_is_locked(resv) ? 1 : 0;
	return -EINVAL;
}

static void dma_resv_guard_locks_for_the_scope(struct kunit *test)
{
	struct mock_resv *mock = test->priv;

	KUNIT_EXPECT_EQ(test, guard_leaves_locked(&mock->resv), 1);
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(&mock->resv));
	KUNIT_EXPECT_EQ(test, guard_try(&mock->resv), 1);
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(&mock->resv));
	KUNIT_EXPECT_EQ(test, guard_intr(&mock->resv), 1);
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(&mock->resv));

	dma_resv_lock(&mock->resv, NULL);
	KUNIT_EXPECT_EQ(test, guard_try(&mock->resv), -EBUSY);
	dma_resv_unlock(&mock->resv);
}

/* AA: the context that holds the lock asks again. */
static void dma_resv_lock_twice_is_ealready(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct ww_acquire_ctx ctx;

	ww_acquire_init(&ctx, &reservation_ww_class);
	ww_lock_first(&mock->resv, &ctx);
	KUNIT_EXPECT_EQ(test, dma_resv_lock(&mock->resv, &ctx), -EALREADY);
	KUNIT_EXPECT_EQ(test, dma_resv_lock_interruptible(&mock->resv, &ctx), -EALREADY);
	KUNIT_EXPECT_FALSE(test, dma_resv_trylock(&mock->resv));
	dma_resv_unlock(&mock->resv);
	ww_acquire_fini(&ctx);
}

/*
 * A thread that holds a lock for as long as the test wants it to, and its
 * orders and reports.
 */
struct ww_holder {
	struct dma_resv *resv;
	struct dma_resv *wanted;
	struct completion held;
	struct completion go;
	int ret;
};

static int ww_holder_thread(void *arg)
{
	struct ww_holder *holder = arg;
	struct dma_resv *locked = holder->resv;
	struct ww_acquire_ctx ctx;

	ww_acquire_init(&ctx, &reservation_ww_class);
	ww_lock_first(locked, &ctx);
	complete(&holder->held);
	wait_for_completion(&holder->go);

	if (holder->wanted) {
		holder->ret = dma_resv_lock(holder->wanted, &ctx);
		dma_resv_unlock(locked);
		locked = holder->wanted;
		if (holder->ret == -EDEADLK)
			dma_resv_lock_slow(locked, &ctx);
	}
	dma_resv_unlock(locked);
	ww_acquire_fini(&ctx);
	return 0;
}

static struct task_struct *ww_holder_start(struct kunit *test, struct ww_holder *holder,
					   struct dma_resv *resv)
{
	struct task_struct *task;

	holder->resv = resv;
	init_completion(&holder->held);
	init_completion(&holder->go);
	task = kthread_run(ww_holder_thread, holder, "ww-holder");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	get_task_struct(task);
	wait_for_completion(&holder->held);
	return task;
}

static void ww_holder_stop(struct ww_holder *holder, struct task_struct *task)
{
	complete(&holder->go);
	kthread_stop(task);
	put_task_struct(task);
}

/* All the ways to lock, against a holder, with a signal pending. */
static void dma_resv_lock_interruptible_with_signal_is_eintr(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct ww_holder holder = { };
	struct task_struct *task = ww_holder_start(test, &holder, &mock->resv);

	KUNIT_EXPECT_FALSE(test, dma_resv_trylock(&mock->resv));

	allow_signal(SIGUSR1);
	send_sig(SIGUSR1, current, 1);
	KUNIT_EXPECT_EQ(test, dma_resv_lock_interruptible(&mock->resv, NULL), -EINTR);
	KUNIT_EXPECT_EQ(test, guard_intr(&mock->resv), -EINTR);
	flush_signals(current);
	disallow_signal(SIGUSR1);

	ww_holder_stop(&holder, task);
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(&mock->resv));
}

/*
 * Wait-die: who comes with a younger context than the holder's backs off; the
 * lock it could not get may be waited for then, in either way.
 */
static void dma_resv_lock_younger_backs_off(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct ww_holder holder = { };
	struct task_struct *task = ww_holder_start(test, &holder, &mock->resv);
	struct ww_acquire_ctx ctx;
	struct dma_resv other;

	dma_resv_init(&other);
	ww_acquire_init(&ctx, &reservation_ww_class);
	ww_lock_first(&other, &ctx);
	KUNIT_EXPECT_EQ(test, dma_resv_lock(&mock->resv, &ctx), -EDEADLK);
	dma_resv_unlock(&other);

	allow_signal(SIGUSR1);
	send_sig(SIGUSR1, current, 1);
	KUNIT_EXPECT_EQ(test, dma_resv_lock_slow_interruptible(&mock->resv, &ctx), -EINTR);
	flush_signals(current);
	disallow_signal(SIGUSR1);

	complete(&holder.go);
	KUNIT_EXPECT_EQ(test, dma_resv_lock_slow_interruptible(&mock->resv, &ctx), 0);
	KUNIT_EXPECT_PTR_EQ(test, dma_resv_locking_ctx(&mock->resv), &ctx);
	dma_resv_unlock(&mock->resv);
	ww_acquire_fini(&ctx);

	ww_holder_stop(&holder, task);
	dma_resv_fini(&other);
}

/*
 * ABBA: each holds what the other one wants. The younger, the thread's or ours,
 * backs off.
 */
static void dma_resv_lock_abba_is_resolved(struct kunit *test)
{
	struct mock_resv *mock = test->priv;
	struct ww_acquire_ctx ctx;
	struct ww_holder holder = { };
	struct task_struct *task;
	struct dma_resv other;
	int ret;

	dma_resv_init(&other);
	holder.wanted = &other;
	ww_acquire_init(&ctx, &reservation_ww_class);
	ww_lock_first(&other, &ctx);
	task = ww_holder_start(test, &holder, &mock->resv);

	complete(&holder.go);
	ret = dma_resv_lock(&mock->resv, &ctx);
	if (ret == -EDEADLK) {
		dma_resv_unlock(&other);
		dma_resv_lock_slow(&mock->resv, &ctx);
	} else {
		dma_resv_unlock(&other);
	}
	dma_resv_unlock(&mock->resv);
	ww_acquire_fini(&ctx);
	ww_holder_stop(&holder, task);

	KUNIT_EXPECT_TRUE(test, ret == 0 || ret == -EDEADLK);
	KUNIT_EXPECT_EQ(test, holder.ret, -EDEADLK);
	dma_resv_fini(&other);
}

#define WW_LOCKS	8
#define WW_THREADS	5
#define WW_ROUNDS	60

/* Threads that each lock several of the same reservations, over and over. */
struct ww_crowd {
	struct dma_resv resv[WW_LOCKS];
	unsigned int inside[WW_LOCKS]; /* plain: the lock alone keeps it right */
	struct completion start;
	atomic_t retries;
	atomic_t errors;
};

struct ww_member {
	struct ww_crowd *crowd;
	struct task_struct *task;
	unsigned int number;
	bool cycle;
};

/* A neighbour and the next one to form a cycle; or all, in any order. */
static unsigned int ww_member_choose(struct ww_member *member, struct dma_resv **resvs,
				     struct rnd_state *rnd)
{
	struct ww_crowd *crowd = member->crowd;
	unsigned int i, pick;

	if (member->cycle) {
		resvs[0] = &crowd->resv[member->number];
		resvs[1] = &crowd->resv[(member->number + 1) % WW_THREADS];
		return 2;
	}

	for (i = 0; i < WW_LOCKS; i++)
		resvs[i] = &crowd->resv[i];
	for (i = WW_LOCKS - 1; i; i--) {
		pick = prandom_u32_state(rnd) % (i + 1);
		swap(resvs[i], resvs[pick]);
	}
	return WW_LOCKS;
}

static void ww_member_work(struct ww_member *member, struct dma_resv **resvs, unsigned int count)
{
	struct ww_crowd *crowd = member->crowd;
	unsigned int i;

	for (i = 0; i < count; i++)
		if (crowd->inside[resvs[i] - crowd->resv]++)
			atomic_inc(&crowd->errors);
	cond_resched();
	for (i = 0; i < count; i++)
		crowd->inside[resvs[i] - crowd->resv]--;
}

static int ww_member_thread(void *arg)
{
	struct ww_member *member = arg;
	struct dma_resv *resvs[WW_LOCKS];
	struct ww_acquire_ctx ctx;
	struct rnd_state rnd;
	unsigned int round, count, retries;

	prandom_seed_state(&rnd, 17 + member->number);
	wait_for_completion(&member->crowd->start);

	for (round = 0; round < WW_ROUNDS; round++) {
		count = ww_member_choose(member, resvs, &rnd);
		ww_acquire_init(&ctx, &reservation_ww_class);
		retries = ww_lock_all(resvs, count, &ctx);
		if (retries == UINT_MAX) {
			atomic_inc(&member->crowd->errors);
			count = 0;
		} else {
			atomic_add(retries, &member->crowd->retries);
			ww_acquire_done(&ctx);
			ww_member_work(member, resvs, count);
		}
		ww_unlock_all(resvs, count);
		ww_acquire_fini(&ctx);
		cond_resched();
	}

	return 0;
}

static void ww_crowd_run(struct kunit *test, bool cycle)
{
	struct ww_crowd *crowd = kunit_kzalloc(test, sizeof(*crowd), GFP_KERNEL);
	struct ww_member members[WW_THREADS] = { };
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, crowd);
	init_completion(&crowd->start);
	for (i = 0; i < WW_LOCKS; i++)
		dma_resv_init(&crowd->resv[i]);

	for (i = 0; i < WW_THREADS; i++) {
		members[i].crowd = crowd;
		members[i].number = i;
		members[i].cycle = cycle;
		members[i].task = kthread_run(ww_member_thread, &members[i], "ww-member");
		KUNIT_ASSERT_FALSE(test, IS_ERR(members[i].task));
		get_task_struct(members[i].task);
	}
	complete_all(&crowd->start);
	for (i = 0; i < WW_THREADS; i++) {
		kthread_stop(members[i].task);
		put_task_struct(members[i].task);
	}

	KUNIT_EXPECT_EQ(test, atomic_read(&crowd->errors), 0);
	if (IS_ENABLED(CONFIG_DEBUG_WW_MUTEX_SLOWPATH))
		KUNIT_EXPECT_GT(test, atomic_read(&crowd->retries), 0);
	for (i = 0; i < WW_LOCKS; i++) {
		KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(&crowd->resv[i]));
		dma_resv_fini(&crowd->resv[i]);
	}
}

static void dma_resv_lock_cycle_is_resolved(struct kunit *test)
{
	ww_crowd_run(test, true);
}

static void dma_resv_lock_many_by_many_is_exclusive(struct kunit *test)
{
	ww_crowd_run(test, false);
}

static struct kunit_case dma_resv_ww_cases[] = {
	KUNIT_CASE(reservation_ww_class_is_wait_die),
	KUNIT_CASE(dma_resv_lock_without_context_locks),
	KUNIT_CASE(dma_resv_locking_ctx_names_the_holder),
	KUNIT_CASE(dma_resv_trylock_takes_a_free_lock),
	KUNIT_CASE(dma_resv_guard_locks_for_the_scope),
	KUNIT_CASE(dma_resv_lock_twice_is_ealready),
	KUNIT_CASE(dma_resv_lock_interruptible_with_signal_is_eintr),
	KUNIT_CASE(dma_resv_lock_younger_backs_off),
	KUNIT_CASE(dma_resv_lock_abba_is_resolved),
	KUNIT_CASE(dma_resv_lock_cycle_is_resolved),
	KUNIT_CASE(dma_resv_lock_many_by_many_is_exclusive),
	{}
};

static struct kunit_suite dma_resv_ww_suite = {
	.name = "dma_resv_ww",
	.init = mock_resv_init,
	.exit = mock_resv_exit,
	.test_cases = dma_resv_ww_cases,
};

kunit_test_suite(dma_resv_ww_suite);
