// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for a buffer with poll(), select() and epoll: POLLIN once its writers
 * are done, POLLOUT once its readers are done too.
 */
#include <kselftest_harness.h>

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "common.h"

#define BOTH (POLLIN | POLLOUT)
#define LONG_MS 10000	/* longer than any wait that ends well */

FIXTURE(fenced) {
	int fd;
	int timeline;
	int other;
};

FIXTURE_SETUP(fenced)
{
	self->timeline = timeline_open();
	self->other = timeline_open();
	self->fd = buf_from_heap(page_size());
	if (self->timeline == -ENOENT || self->fd == -ENOENT)
		SKIP(return, "no sw_sync in debugfs, or no system heap");
	ASSERT_GE(self->timeline, 0);
	ASSERT_GE(self->other, 0);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(fenced)
{
	close(self->fd);
	close(self->timeline);
	close(self->other);
}

TEST_F(fenced, idle_is_ready_for_both)
{
	EXPECT_EQ(BOTH, poll_events(self->fd, BOTH, 0));
	EXPECT_EQ(POLLIN, poll_events(self->fd, POLLIN, 0));
	EXPECT_EQ(POLLOUT, poll_events(self->fd, POLLOUT, 0));
}

TEST_F(fenced, no_events_asked_none_reported)
{
	EXPECT_EQ(0, poll_events(self->fd, 0, 0));
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, poll_events(self->fd, 0, 0));
}

TEST_F(fenced, other_events_ignored)
{
	EXPECT_EQ(0, poll_events(self->fd, POLLPRI | POLLRDHUP, 0));
}

TEST_F(fenced, writer_blocks_both)
{
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, poll_events(self->fd, POLLIN, 0));
	EXPECT_EQ(0, poll_events(self->fd, POLLOUT, 0));
	EXPECT_EQ(0, poll_events(self->fd, BOTH, 20));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(BOTH, poll_events(self->fd, BOTH, LONG_MS));
}

TEST_F(fenced, reader_blocks_out_only)
{
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_READ));
	EXPECT_EQ(POLLIN, poll_events(self->fd, POLLIN, 0));
	EXPECT_EQ(0, poll_events(self->fd, POLLOUT, 0));
	EXPECT_EQ(POLLIN, poll_events(self->fd, BOTH, 0));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(POLLOUT, poll_events(self->fd, POLLOUT, LONG_MS));
}

TEST_F(fenced, reader_and_writer_end_one_by_one)
{
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, buf_add_pending(self->fd, self->other, 1, DMA_BUF_SYNC_READ));
	EXPECT_EQ(0, poll_events(self->fd, BOTH, 0));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(POLLIN, poll_events(self->fd, POLLIN, LONG_MS));
	EXPECT_EQ(0, poll_events(self->fd, POLLOUT, 0));
	EXPECT_EQ(0, timeline_inc(self->other, 1));
	EXPECT_EQ(POLLOUT, poll_events(self->fd, POLLOUT, LONG_MS));
}

TEST_F(fenced, two_writers_last_one_counts)
{
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, buf_add_pending(self->fd, self->other, 1, DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(0, poll_events(self->fd, POLLIN, 0));
	EXPECT_EQ(0, timeline_inc(self->other, 1));
	EXPECT_EQ(POLLIN, poll_events(self->fd, POLLIN, LONG_MS));
}

TEST_F(fenced, failed_fence_counts_as_done)
{
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, poll_events(self->fd, BOTH, 0));
	close(self->timeline);
	EXPECT_EQ(BOTH, poll_events(self->fd, BOTH, LONG_MS));
}

TEST_F(fenced, new_work_blocks_again)
{
	int round;

	for (round = 1; round <= 20; round++) {
		ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, round, DMA_BUF_SYNC_WRITE));
		ASSERT_EQ(0, poll_events(self->fd, BOTH, 0));
		ASSERT_EQ(0, timeline_inc(self->timeline, 1));
		ASSERT_EQ(POLLIN, poll_events(self->fd, POLLIN, LONG_MS));
		ASSERT_EQ(POLLOUT, poll_events(self->fd, POLLOUT, LONG_MS));
	}
}

TEST_F(fenced, poll_wakes_for_in)
{
	struct delayed_inc inc;
	long long start = now_ms();

	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, delayed_inc_start(&inc, self->timeline, 1, 50));
	EXPECT_EQ(POLLIN, poll_events(self->fd, POLLIN, LONG_MS));
	EXPECT_GE(now_ms() - start, 40);
	EXPECT_LT(now_ms() - start, LONG_MS);
	delayed_inc_join(&inc);
}

TEST_F(fenced, poll_wakes_for_out)
{
	struct delayed_inc inc;
	long long start = now_ms();

	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_READ));
	ASSERT_EQ(0, delayed_inc_start(&inc, self->timeline, 1, 50));
	EXPECT_EQ(POLLOUT, poll_events(self->fd, POLLOUT, LONG_MS));
	EXPECT_GE(now_ms() - start, 40);
	EXPECT_LT(now_ms() - start, LONG_MS);
	delayed_inc_join(&inc);
}

TEST_F(fenced, poll_through_a_duplicate)
{
	struct delayed_inc inc;
	int copy = dup(self->fd);

	ASSERT_GE(copy, 0);
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, poll_events(copy, POLLIN, 0));
	ASSERT_EQ(0, delayed_inc_start(&inc, self->timeline, 1, 20));
	EXPECT_EQ(POLLIN, poll_events(copy, POLLIN, LONG_MS));
	delayed_inc_join(&inc);
	close(copy);
}

TEST_F(fenced, select_tells_in_from_out)
{
	struct timeval timeout = {};
	fd_set in, out;

	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_READ));
	FD_ZERO(&in);
	FD_SET(self->fd, &in);
	FD_ZERO(&out);
	FD_SET(self->fd, &out);
	EXPECT_EQ(1, select(self->fd + 1, &in, &out, NULL, &timeout));
	EXPECT_TRUE(FD_ISSET(self->fd, &in));
	EXPECT_FALSE(FD_ISSET(self->fd, &out));
}

TEST_F(fenced, select_wakes_for_out)
{
	struct timeval timeout = { .tv_sec = LONG_MS / 1000 };
	struct delayed_inc inc;
	fd_set out;

	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	FD_ZERO(&out);
	FD_SET(self->fd, &out);
	ASSERT_EQ(0, delayed_inc_start(&inc, self->timeline, 1, 20));
	EXPECT_EQ(1, select(self->fd + 1, NULL, &out, NULL, &timeout));
	EXPECT_TRUE(FD_ISSET(self->fd, &out));
	delayed_inc_join(&inc);
}

TEST_F(fenced, epoll_level_repeats)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(1, epoll_wait(ep, &event, 1, LONG_MS));
	EXPECT_EQ(EPOLLIN, event.events);
	EXPECT_EQ(1, epoll_wait(ep, &event, 1, 0));
	close(ep);
}

TEST_F(fenced, epoll_sees_the_next_writer)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct delayed_inc inc;

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(1, epoll_wait(ep, &event, 1, LONG_MS));
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
	ASSERT_EQ(0, delayed_inc_start(&inc, self->timeline, 1, 20));
	EXPECT_EQ(1, epoll_wait(ep, &event, 1, LONG_MS));
	delayed_inc_join(&inc);
	close(ep);
}

TEST_F(fenced, epoll_edge_fires_when_signaled)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(1, epoll_wait(ep, &event, 1, LONG_MS));
	EXPECT_EQ(EPOLLIN, event.events);
	close(ep);
}

TEST_F(fenced, epoll_removed_while_armed)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &event));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_DEL, self->fd, NULL));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 20));
	EXPECT_EQ(BOTH, poll_events(self->fd, BOTH, LONG_MS));
	close(ep);
}

/*
 * A poll that found the buffer busy left a callback behind, which must find the
 * buffer alive.
 */
TEST_F(fenced, close_while_armed_keeps_the_buffer_until_signaled)
{
	unsigned long ino = fd_ino(self->fd);
	struct bufinfo info;
	int fd = self->fd;

	ASSERT_EQ(0, buf_add_pending(fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, poll_events(fd, POLLIN, 0));
	close(fd);
	ASSERT_EQ(0, bufinfo_read(ino, &info));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(-ENOENT, bufinfo_read(ino, &info));
}

TEST_F(fenced, epoll_close_while_armed)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT };
	int ep = epoll_create1(EPOLL_CLOEXEC), fd = self->fd;
	unsigned long ino = fd_ino(self->fd);
	struct bufinfo info;

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, buf_add_pending(fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
	close(fd);
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	close(ep);
	EXPECT_EQ(-ENOENT, bufinfo_read(ino, &info));
}

struct poller {
	int fd;
	int events;
};

static void *poller_run(void *arg)
{
	struct poller *p = arg;

	return (void *)(long)poll_events(p->fd, p->events, LONG_MS);
}

TEST_F(fenced, every_sleeper_wakes)
{
	struct poller in = { self->fd, POLLIN }, out = { self->fd, POLLOUT };
	pthread_t threads[16];
	void *result;
	int i;

	ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	for (i = 0; i < 16; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, poller_run, i & 1 ? &in : &out));
	usleep(50000);
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &result));
		EXPECT_EQ(i & 1 ? POLLIN : POLLOUT, (long)result);
	}
}

/* A sleeper that misses the signal shows as a time-out. */
TEST_F(fenced, poll_races_with_signal)
{
	struct poller in = { self->fd, POLLIN }, out = { self->fd, POLLOUT };
	int i;

	for (i = 1; i <= 200; i++) {
		pthread_t a, b;
		void *ra, *rb;

		ASSERT_EQ(0, buf_add_pending(self->fd, self->timeline, i, DMA_BUF_SYNC_WRITE));
		ASSERT_EQ(0, pthread_create(&a, NULL, poller_run, &in));
		ASSERT_EQ(0, pthread_create(&b, NULL, poller_run, &out));
		ASSERT_EQ(0, timeline_inc(self->timeline, 1));
		ASSERT_EQ(0, pthread_join(a, &ra));
		ASSERT_EQ(0, pthread_join(b, &rb));
		ASSERT_EQ(POLLIN, (long)ra);
		ASSERT_EQ(POLLOUT, (long)rb);
	}
}

/* The last reference of an armed buffer goes while its fence signals. */
TEST_F(fenced, close_races_with_signal)
{
	int i;

	for (i = 1; i <= 200; i++) {
		struct delayed_inc inc;
		struct bufinfo info;
		unsigned long ino;
		int fd = buf_from_heap(page_size());

		ASSERT_GE(fd, 0);
		ino = fd_ino(fd);
		ASSERT_EQ(0, buf_add_pending(fd, self->timeline, i, DMA_BUF_SYNC_WRITE));
		ASSERT_EQ(0, poll_events(fd, BOTH, 0));
		ASSERT_EQ(0, delayed_inc_start(&inc, self->timeline, 1, 0));
		close(fd);
		delayed_inc_join(&inc);
		if (i % 50 == 0)
			EXPECT_EQ(-ENOENT, bufinfo_read(ino, &info));
	}
}

/*
 * A descriptor is closed, and its number used again, while another thread
 * sleeps on it.
 */
TEST_F(fenced, close_races_with_poll)
{
	int i;

	for (i = 1; i <= 100; i++) {
		struct poller in = { buf_from_heap(page_size()), BOTH };
		pthread_t thread;
		void *result;

		ASSERT_GE(in.fd, 0);
		ASSERT_EQ(0, buf_add_pending(in.fd, self->timeline, i, DMA_BUF_SYNC_WRITE));
		ASSERT_EQ(0, pthread_create(&thread, NULL, poller_run, &in));
		if (i & 1)
			usleep(100);
		close(in.fd);
		ASSERT_EQ(0, timeline_inc(self->timeline, 1));
		ASSERT_EQ(0, pthread_join(thread, &result));
		ASSERT_TRUE((long)result & (POLLIN | POLLOUT | POLLNVAL));
	}
}

TEST_HARNESS_MAIN
