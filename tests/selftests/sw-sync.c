// SPDX-License-Identifier: GPL-2.0-only
/*
 * sw_sync: a timeline counts up, wraps, and ends, and its fences follow; what
 * its ioctls refuse.
 */
#include <kselftest_harness.h>

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common.h"

FIXTURE(sw_sync) {
	int timeline;
};

FIXTURE_SETUP(sw_sync)
{
	self->timeline = timeline_open();
	if (self->timeline == -ENOENT)
		SKIP(return, "no sw_sync");
	ASSERT_GE(self->timeline, 0);
}

FIXTURE_TEARDOWN(sw_sync)
{
	close(self->timeline);
}

static int status_and_close(int fence)
{
	int status = fence_status(fence);

	close(fence);
	return status;
}

TEST_F(sw_sync, fence_signals_when_the_timeline_gets_there)
{
	int fence = timeline_fence(self->timeline, 3);

	ASSERT_GE(fence, 0);
	EXPECT_TRUE(fd_is_cloexec(fence));
	EXPECT_EQ(0, timeline_inc(self->timeline, 2));
	EXPECT_EQ(0, fence_status(fence));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(1, status_and_close(fence));
}

TEST_F(sw_sync, fence_at_or_behind_the_value_is_signaled_at_once)
{
	EXPECT_EQ(1, status_and_close(timeline_fence(self->timeline, 0)));
	ASSERT_EQ(0, timeline_inc(self->timeline, 10));
	EXPECT_EQ(1, status_and_close(timeline_fence(self->timeline, 10)));
	EXPECT_EQ(1, status_and_close(timeline_fence(self->timeline, 1)));
	EXPECT_EQ(0, status_and_close(timeline_fence(self->timeline, 11)));
}

static void alarm_end_wait(int sig)
{
}

/*
 * A buffer's wait, unlike a status query, does not end before the fence is
 * signaled. The alarm ends it if the fence is not.
 */
TEST_F(sw_sync, wait_for_a_point_that_was_due_at_creation_ends)
{
	struct sigaction action = { .sa_handler = alarm_end_wait };
	int buf = buf_from_heap(page_size()), ahead, behind;

	if (buf == -ENOENT)
		SKIP(return, "no heap");
	ASSERT_GE(buf, 0);
	ASSERT_EQ(0, timeline_inc(self->timeline, 10));
	ahead = timeline_fence(self->timeline, 10);
	behind = timeline_fence(self->timeline, 3);
	EXPECT_EQ(0, buf_import_sync_file(buf, DMA_BUF_SYNC_WRITE, behind));
	EXPECT_EQ(0, buf_import_sync_file(buf, DMA_BUF_SYNC_WRITE, ahead));

	sigaction(SIGALRM, &action, NULL);
	alarm(10);
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	alarm(0);
	close(behind);
	close(ahead);
	close(buf);
}

TEST_F(sw_sync, increment_of_zero_changes_nothing)
{
	int fence = timeline_fence(self->timeline, 1);

	EXPECT_EQ(0, timeline_inc(self->timeline, 0));
	EXPECT_EQ(0, status_and_close(fence));
}

TEST_F(sw_sync, one_increment_signals_many)
{
	int fences[40], i;

	/* in no order */
	for (i = 0; i < 40; i++) {
		fences[i] = timeline_fence(self->timeline, 1 + i * 17 % 40);
		ASSERT_GE(fences[i], 0);
	}
	EXPECT_EQ(0, timeline_inc(self->timeline, 20));
	for (i = 0; i < 40; i++)
		EXPECT_EQ(1 + i * 17 % 40 <= 20, fence_status(fences[i]));
	EXPECT_EQ(0, timeline_inc(self->timeline, 20));
	for (i = 0; i < 40; i++)
		EXPECT_EQ(1, status_and_close(fences[i]));
}

TEST_F(sw_sync, earlier_points_signal_first)
{
	struct sync_fence_info info[2];
	struct sync_file_info head;
	int late = timeline_fence(self->timeline, 2), early = timeline_fence(self->timeline, 1);

	EXPECT_EQ(0, timeline_inc(self->timeline, 2));
	ASSERT_EQ(0, fence_info(early, &head, &info[0], 1));
	ASSERT_EQ(0, fence_info(late, &head, &info[1], 1));
	EXPECT_LE(info[0].timestamp_ns, info[1].timestamp_ns);
	close(late);
	close(early);
}

/* Half of the values lie ahead, wherever the timeline stands. */
TEST_F(sw_sync, values_wrap)
{
	int fence;

	ASSERT_EQ(0, timeline_inc(self->timeline, UINT_MAX - 1));
	fence = timeline_fence(self->timeline, 2);
	ASSERT_GE(fence, 0);
	EXPECT_EQ(1, status_and_close(timeline_fence(self->timeline, UINT_MAX - 1)));
	EXPECT_EQ(1, status_and_close(timeline_fence(self->timeline, INT_MAX)));
	/* exactly half the range ahead, and one less */
	EXPECT_EQ(1, status_and_close(timeline_fence(self->timeline, INT_MAX - 1)));
	EXPECT_EQ(0, status_and_close(timeline_fence(self->timeline, INT_MAX - 2)));
	EXPECT_EQ(0, fence_status(fence));
	EXPECT_EQ(0, timeline_inc(self->timeline, 3));
	EXPECT_EQ(0, fence_status(fence));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(1, status_and_close(fence));
}

/*
 * A stride of more than half the range passes every point, although the end
 * looks behind it.
 */
TEST_F(sw_sync, increment_of_more_than_half_the_range_signals_what_it_passes)
{
	int near = timeline_fence(self->timeline, 1);
	int far = timeline_fence(self->timeline, INT_MAX);

	EXPECT_EQ(0, timeline_inc(self->timeline, (unsigned int)INT_MAX + 5));
	EXPECT_EQ(1, status_and_close(near));
	EXPECT_EQ(1, status_and_close(far));
	/* the value is where it should be */
	EXPECT_EQ(1, status_and_close(timeline_fence(self->timeline, (unsigned int)INT_MAX + 5)));
	EXPECT_EQ(0, status_and_close(timeline_fence(self->timeline, (unsigned int)INT_MAX + 6)));
}

TEST_F(sw_sync, increment_of_the_whole_range_comes_back)
{
	int fence = timeline_fence(self->timeline, 7);

	EXPECT_EQ(0, timeline_inc(self->timeline, UINT_MAX));
	EXPECT_EQ(1, status_and_close(fence));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(1, status_and_close(timeline_fence(self->timeline, 0)));
	EXPECT_EQ(0, status_and_close(timeline_fence(self->timeline, 1)));
}

TEST_F(sw_sync, closing_the_timeline_fails_what_is_pending)
{
	int done = timeline_fence(self->timeline, 1), pending = timeline_fence(self->timeline, 2);

	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	close(self->timeline);
	self->timeline = -1;
	EXPECT_EQ(1, status_and_close(done));
	EXPECT_EQ(-ENOENT, fence_status(pending));
	EXPECT_EQ(POLLIN, poll_events(pending, POLLIN, 0));
	close(pending);
}

TEST_F(sw_sync, timeline_lives_as_long_as_one_descriptor)
{
	int fence = timeline_fence(self->timeline, 1), copy = dup(self->timeline), status;
	pid_t child;

	close(self->timeline);
	self->timeline = copy;
	EXPECT_EQ(0, fence_status(fence));
	child = fork();
	if (!child)
		_exit(0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, fence_status(fence));
	EXPECT_EQ(0, timeline_inc(copy, 1));
	EXPECT_EQ(1, status_and_close(fence));
}

TEST_F(sw_sync, timelines_are_apart)
{
	int other = timeline_open(), a = timeline_fence(self->timeline, 1);
	int b = timeline_fence(other, 1);

	EXPECT_EQ(0, timeline_inc(other, 1));
	EXPECT_EQ(0, status_and_close(a));
	EXPECT_EQ(1, status_and_close(b));
	close(other);
}

TEST_F(sw_sync, timeline_is_named_after_who_opened_it)
{
	struct sync_fence_info info;
	struct sync_file_info head;
	int timeline, fence;

	ASSERT_EQ(0, prctl(PR_SET_NAME, "my own name"));
	timeline = timeline_open();
	ASSERT_EQ(0, prctl(PR_SET_NAME, "another"));
	fence = timeline_fence(timeline, 1);
	ASSERT_EQ(0, fence_info(fence, &head, &info, 1));
	EXPECT_STREQ("my own name", info.obj_name);
	EXPECT_STREQ("sw_sync", info.driver_name);
	close(fence);
	close(timeline);
}

/*
 * Two files of one point are one fence: a merge of them is that fence, and a
 * deadline is shared.
 */
TEST_F(sw_sync, same_value_is_the_same_fence)
{
	struct sync_set_deadline deadline = { .deadline_ns = 4711 };
	int a = timeline_fence(self->timeline, 5), b = timeline_fence(self->timeline, 5);
	unsigned long long ns = 0;

	EXPECT_EQ(0, do_ioctl(a, SYNC_IOC_SET_DEADLINE, &deadline));
	EXPECT_EQ(0, timeline_deadline(b, &ns));
	EXPECT_EQ(4711, ns);
	close(a);
	EXPECT_EQ(0, timeline_inc(self->timeline, 5));
	EXPECT_EQ(1, status_and_close(b));
}

TEST_F(sw_sync, value_used_before_gets_a_new_fence)
{
	struct sync_set_deadline deadline = { .deadline_ns = 4711 };
	unsigned long long ns;
	int fence, i;

	for (i = 0; i < 200; i++) {
		fence = timeline_fence(self->timeline, 5);
		ASSERT_GE(fence, 0);
		ASSERT_EQ(-ENOENT, timeline_deadline(fence, &ns));
		ASSERT_EQ(0, do_ioctl(fence, SYNC_IOC_SET_DEADLINE, &deadline));
		close(fence);
	}
	fence = timeline_fence(self->timeline, 5);
	EXPECT_EQ(0, timeline_inc(self->timeline, 5));
	EXPECT_EQ(1, status_and_close(fence));
}

TEST_F(sw_sync, deadline_of_what_is_no_point_einval)
{
	int a = timeline_fence(self->timeline, 1), other = timeline_open();
	int b = timeline_fence(other, 1), merged = fence_merge(a, b, "both");
	unsigned long long ns;

	EXPECT_EQ(-EINVAL, timeline_deadline(merged, &ns));
	EXPECT_EQ(-EINVAL, timeline_deadline(STDERR_FILENO, &ns));
	EXPECT_EQ(-EINVAL, timeline_deadline(self->timeline, &ns));
	EXPECT_EQ(-EINVAL, timeline_deadline(-1, &ns));
	close(merged);
	close(b);
	close(other);
	close(a);
}

TEST_F(sw_sync, deadline_question_that_is_not_blank_einval)
{
	struct sw_sync_deadline_arg arg = { .fence_fd = timeline_fence(self->timeline, 1) };
	int fence = arg.fence_fd;

	arg.pad = 1;
	EXPECT_EQ(-EINVAL, do_ioctl(self->timeline, SW_SYNC_GET_DEADLINE, &arg));
	arg.pad = 0;
	arg.deadline_ns = 1;
	EXPECT_EQ(-EINVAL, do_ioctl(self->timeline, SW_SYNC_GET_DEADLINE, &arg));
	close(fence);
}

TEST_F(sw_sync, bad_pointers_efault)
{
	struct sw_sync_fence_arg create = { .value = 1, .fence = -1 };
	struct sw_sync_deadline_arg deadline = {};
	struct sync_set_deadline set = { .deadline_ns = 4711 };
	void *bad[] = { NULL, page_unmapped(), KERNEL_ADDRESS };
	int before = fds_open(), i, fence;

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-EFAULT, do_ioctl(self->timeline, SW_SYNC_CREATE_FENCE, bad[i]));
		EXPECT_EQ(-EFAULT, do_ioctl(self->timeline, SW_SYNC_INC, bad[i]));
		EXPECT_EQ(-EFAULT, do_ioctl(self->timeline, SW_SYNC_GET_DEADLINE, bad[i]));
	}
	/*
	 * the fence is made already when it turns out that nobody can be told
	 */
	for (i = 0; i < 10; i++)
		EXPECT_EQ(-EFAULT, do_ioctl(self->timeline, SW_SYNC_CREATE_FENCE,
					    page_readonly(&create, sizeof(create))));
	EXPECT_EQ(before, fds_open());

	fence = timeline_fence(self->timeline, 1);
	ASSERT_EQ(0, do_ioctl(fence, SYNC_IOC_SET_DEADLINE, &set));
	deadline.fence_fd = fence;
	EXPECT_EQ(-EFAULT, do_ioctl(self->timeline, SW_SYNC_GET_DEADLINE,
				    page_readonly(&deadline, sizeof(deadline))));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(1, status_and_close(fence));
}

TEST_F(sw_sync, other_ioctls_enotty)
{
	char data[64] = {};

	EXPECT_EQ(-ENOTTY, do_ioctl(self->timeline, _IOW('W', 3, __u32), data));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->timeline, _IOW('W', 1, __u64), data));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->timeline, _IOR('W', 1, __u32), data));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->timeline, _IO('W', 0), data));
}

/*
 * Each merged file holds the last reference to points of the very timeline that
 * is signaling, and its callback lets go of them with the timeline's lock held.
 */
TEST_F(sw_sync, signal_that_drops_other_points_of_the_timeline_ends)
{
	int other = timeline_open(), i, round;

	for (round = 0; round < 20; round++) {
		unsigned int base = round * 8;
		int merged[8];

		for (i = 0; i < 8; i++) {
			int a = timeline_fence(self->timeline, base + i + 1);
			int b = timeline_fence(other, base + 8 - i);

			merged[i] = fence_merge(a, b, "crossed");
			ASSERT_GE(merged[i], 0);
			EXPECT_EQ(0, poll_events(merged[i], POLLIN, 0));
			close(a);
			close(b);
		}
		for (i = 0; i < 4; i++)
			close(merged[i]);
		EXPECT_EQ(0, timeline_inc(self->timeline, 8));
		EXPECT_EQ(0, timeline_inc(other, 8));
		for (i = 4; i < 8; i++)
			EXPECT_EQ(POLLIN, poll_events(merged[i], POLLIN, 1000));
		for (i = 4; i < 8; i++)
			close(merged[i]);
	}
	close(other);
}

static void *point_maker(void *arg)
{
	int i, timeline = *(int *)arg;

	for (i = 0; i < 500; i++) {
		int fence = timeline_fence(timeline, i % 50 + 1);

		if (fence < 0)
			return arg;
		close(fence);
	}
	return NULL;
}

/*
 * Points come and go under the timeline's feet: those of one value are
 * sometimes shared.
 */
TEST_F(sw_sync, points_made_and_dropped_in_parallel)
{
	pthread_t threads[4];
	void *result;
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, point_maker, &self->timeline));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, timeline_inc(self->timeline, 1));
		usleep(100);
	}
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &result));
		EXPECT_EQ(NULL, result);
	}
}

/* Closing signals what is left, while others are still asking. */
TEST_F(sw_sync, close_races_with_pollers)
{
	int round;

	for (round = 0; round < 50; round++) {
		int timeline = timeline_open(), fences[8], i;
		struct delayed_inc inc;

		for (i = 0; i < 8; i++) {
			fences[i] = timeline_fence(timeline, i + 1);
			ASSERT_GE(fences[i], 0);
			ASSERT_EQ(0, poll_events(fences[i], POLLIN, 0));
		}
		ASSERT_EQ(0, delayed_inc_start(&inc, dup(timeline), 4, 0));
		close(timeline);
		delayed_inc_join(&inc);
		close(inc.timeline);
		for (i = 0; i < 8; i++) {
			ASSERT_EQ(POLLIN, poll_events(fences[i], POLLIN, 1000));
			ASSERT_EQ(i < 4 ? 1 : -ENOENT, status_and_close(fences[i]));
		}
	}
}

TEST_HARNESS_MAIN
