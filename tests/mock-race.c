// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two functions against each other, see the header.
 *
 * The two threads meet at counters: round is raised by the caller when a round may begin, done by
 * the other thread when its side of the round is over.
 */
#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "mock-race.h"

struct mock_race_thread {
	const struct mock_race *race;
	void *data;
	unsigned int rounds;
	unsigned int round;
	unsigned int done;
};

static void mock_race_await(unsigned int *counter, unsigned int value)
{
	/* Pairs with the smp_store_release() of the thread that raises the counter. */
	while (smp_load_acquire(counter) < value)
		cond_resched();
}

static int mock_race_there(void *arg)
{
	struct mock_race_thread *thread = arg;
	unsigned int i;

	for (i = 1; i <= thread->rounds; i++) {
		mock_race_await(&thread->round, i);
		thread->race->there(thread->data);
		/* Pairs with the smp_load_acquire() in mock_race_await(). */
		smp_store_release(&thread->done, i);
	}

	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);

	return 0;
}

void mock_race_run(struct kunit *test, const struct mock_race *race, unsigned int rounds,
		   void *data)
{
	struct mock_race_thread thread = { .race = race, .data = data, .rounds = rounds };
	struct task_struct *task;
	unsigned int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");

	task = kthread_run(mock_race_there, &thread, "mock-race");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));

	for (i = 1; i <= rounds; i++) {
		race->setup(data);
		/* Pairs with the smp_load_acquire() in mock_race_await(). */
		smp_store_release(&thread.round, i);
		race->here(data);
		mock_race_await(&thread.done, i);
		race->check(data);
	}

	kthread_stop(task);
}
