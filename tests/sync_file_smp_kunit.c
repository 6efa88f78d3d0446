// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of sync_file.c on two CPUs: poll() against poll() and against the
 * signal of the fence; the last close() against that signal.
 */
#include <kunit/test.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/sync_file.h>

#include "mock-fence.h"
#include "mock-race.h"

#define RACE_ROUNDS 500

/* Somebody asleep in poll(). */
struct sync_file_smp_sleeper {
	poll_table table;
	wait_queue_entry_t entry;
	wait_queue_head_t *queue;
	__poll_t found;		/* what poll() said before going to sleep */
	atomic_t wakes;
};

/* One round. */
struct sync_file_smp {
	struct kunit *test;
	struct dma_fence *fence;
	struct sync_file *sync_file;
	struct sync_file_smp_sleeper here;
	struct sync_file_smp_sleeper there;
};

static int sync_file_smp_wake(wait_queue_entry_t *entry, unsigned int mode, int flags, void *key)
{
	atomic_inc(&container_of(entry, struct sync_file_smp_sleeper, entry)->wakes);
	return 0;
}

static void sync_file_smp_queue(struct file *file, wait_queue_head_t *queue, poll_table *table)
{
	struct sync_file_smp_sleeper *sleeper =
		container_of(table, struct sync_file_smp_sleeper, table);

	sleeper->queue = queue;
	init_waitqueue_func_entry(&sleeper->entry, sync_file_smp_wake);
	add_wait_queue(queue, &sleeper->entry);
}

static void sync_file_smp_poll(struct sync_file_smp *smp, struct sync_file_smp_sleeper *sleeper)
{
	init_poll_funcptr(&sleeper->table, sync_file_smp_queue);
	sleeper->found = vfs_poll(smp->sync_file->file, &sleeper->table);
}

/* Nobody may sleep on when the fence has signaled: told at once, or woken. */
static void sync_file_smp_sleeper_check(struct sync_file_smp *smp,
					struct sync_file_smp_sleeper *sleeper)
{
	if (!(sleeper->found & EPOLLIN))
		KUNIT_EXPECT_LE(smp->test, 1, atomic_read(&sleeper->wakes));
	remove_wait_queue(sleeper->queue, &sleeper->entry);
}

static void sync_file_smp_setup(void *data)
{
	struct sync_file_smp *smp = data;

	smp->fence = mock_fence_create_ops(smp->test, 1, 1, &mock_fence_full_ops);
	smp->sync_file = sync_file_create(smp->fence);
	KUNIT_ASSERT_NOT_NULL(smp->test, smp->sync_file);
	memset(&smp->here, 0, sizeof(smp->here));
	memset(&smp->there, 0, sizeof(smp->there));
}

/* The driver finds that all is over when it is asked to enable signaling. */
static void sync_file_smp_setup_over(void *data)
{
	struct sync_file_smp *smp = data;

	sync_file_smp_setup(data);
	to_mock_fence(smp->fence)->enable_fails = true;
}

static void sync_file_smp_setup_armed(void *data)
{
	struct sync_file_smp *smp = data;

	sync_file_smp_setup(data);
	KUNIT_EXPECT_FALSE(smp->test, vfs_poll(smp->sync_file->file, NULL) & EPOLLIN);
}

static void sync_file_smp_poll_here(void *data)
{
	struct sync_file_smp *smp = data;

	sync_file_smp_poll(smp, &smp->here);
}

static void sync_file_smp_poll_there(void *data)
{
	struct sync_file_smp *smp = data;

	sync_file_smp_poll(smp, &smp->there);
}

static void sync_file_smp_signal(void *data)
{
	struct sync_file_smp *smp = data;

	dma_fence_signal(smp->fence);
}

static void sync_file_smp_close(void *data)
{
	struct sync_file_smp *smp = data;

	__fput_sync(smp->sync_file->file);
}

static void sync_file_smp_drop(void *data)
{
	struct sync_file_smp *smp = data;

	KUNIT_EXPECT_EQ(smp->test, 1, kref_read(&smp->fence->refcount));
	KUNIT_EXPECT_TRUE(smp->test, dma_fence_is_signaled(smp->fence));
	dma_fence_put(smp->fence);
}

static void sync_file_smp_check_one(void *data)
{
	struct sync_file_smp *smp = data;

	sync_file_smp_sleeper_check(smp, &smp->here);
	sync_file_smp_close(data);
	sync_file_smp_drop(data);
}

static void sync_file_smp_check_two(void *data)
{
	struct sync_file_smp *smp = data;

	sync_file_smp_sleeper_check(smp, &smp->there);
	sync_file_smp_check_one(data);
}

static void sync_file_smp_run(struct kunit *test, const struct mock_race *race)
{
	struct sync_file_smp *smp = kunit_kzalloc(test, sizeof(*smp), GFP_KERNEL);
	int live = mock_fence_live();

	KUNIT_ASSERT_NOT_NULL(test, smp);
	smp->test = test;
	mock_race_run(test, race, RACE_ROUNDS, smp);
	KUNIT_EXPECT_EQ(test, live, mock_fence_live());
}

static void sync_file_smp_poll_against_signal_wakes(struct kunit *test)
{
	static const struct mock_race race = {
		.setup = sync_file_smp_setup,
		.here = sync_file_smp_poll_here,
		.there = sync_file_smp_signal,
		.check = sync_file_smp_check_one,
	};

	sync_file_smp_run(test, &race);
}

/*
 * One of the two adds the callback and is refused; the other may be asleep
 * already.
 */
static void sync_file_smp_poll_against_poll_when_over_wakes(struct kunit *test)
{
	static const struct mock_race race = {
		.setup = sync_file_smp_setup_over,
		.here = sync_file_smp_poll_here,
		.there = sync_file_smp_poll_there,
		.check = sync_file_smp_check_two,
	};

	sync_file_smp_run(test, &race);
}

/*
 * The callback runs, or is taken away; the file it wakes is gone only after
 * that.
 */
static void sync_file_smp_close_against_signal_ok(struct kunit *test)
{
	static const struct mock_race race = {
		.setup = sync_file_smp_setup_armed,
		.here = sync_file_smp_close,
		.there = sync_file_smp_signal,
		.check = sync_file_smp_drop,
	};

	sync_file_smp_run(test, &race);
}

static struct kunit_case sync_file_smp_cases[] = {
	KUNIT_CASE(sync_file_smp_poll_against_signal_wakes),
	KUNIT_CASE(sync_file_smp_poll_against_poll_when_over_wakes),
	KUNIT_CASE(sync_file_smp_close_against_signal_ok),
	{}
};

static struct kunit_suite sync_file_smp_suite = {
	.name = "sync_file_smp",
	.test_cases = sync_file_smp_cases,
};

kunit_test_suite(sync_file_smp_suite);
