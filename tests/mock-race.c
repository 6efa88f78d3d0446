// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two functions against each other, see the header.
 *
 * The two threads meet at counters: round is raised by the caller when a round
 * may begin, done by the other thread when its side of the round is over.
 */
#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "mock-race.h"

#define MOCK_RACE_SPINS		2000
#define MOCK_RACE_SECONDS	3

struct mock_race_thread {
	const struct mock_race *race;
	void *data;
	unsigned int round;
	unsigned int done;
	bool over;	/* Written before the last rise of round. */
};

/*
 * Spin, as the two sides have to start as close together as can be; but not for
 * long, as the other one may be a virtual CPU that has to get the time from
 * this one.
 */
static void mock_race_await(unsigned int *counter, unsigned int value)
{
	unsigned int spins;

	/*
	 * Pairs with the smp_store_release() of the thread that raises the
	 * counter.
	 */
	for (spins = 0; smp_load_acquire(counter) < value; spins++) {
		if (spins < MOCK_RACE_SPINS)
			cpu_relax();
		else
			usleep_range(10, 50);
	}
}

static int mock_race_there(void *arg)
{
	struct mock_race_thread *thread = arg;
	unsigned int i;

	for (i = 1; ; i++) {
		mock_race_await(&thread->round, i);
		if (thread->over)
			break;
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
	unsigned long end = jiffies + MOCK_RACE_SECONDS * HZ;
	struct mock_race_thread thread = { .race = race, .data = data };
	struct task_struct *task;
	unsigned int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");

	task = kthread_run(mock_race_there, &thread, "mock-race");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));

	for (i = 1; i <= rounds && time_before(jiffies, end); i++) {
		race->setup(data);
		/* Pairs with the smp_load_acquire() in mock_race_await(). */
		smp_store_release(&thread.round, i);
		race->here(data);
		mock_race_await(&thread.done, i);
		race->check(data);
	}

	thread.over = true;
	/*
	 * Pairs with the smp_load_acquire() in mock_race_await(). The thread
	 * sees that it is over when it sees that there is another round.
	 */
	smp_store_release(&thread.round, i);
	kthread_stop(task);
}
