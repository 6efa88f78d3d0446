// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for a buffer again and again, by those who poll only when they are
 * woken: epoll with EPOLLET, and io_uring's multishot poll. Fences come from
 * the import ioctl and from a driver.
 */
#include <kselftest_harness.h>

#include <drm/vgem_drm.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "common.h"

#define LONG_MS 10000	/* longer than any wait that ends well */
#define ROUNDS 5

/* Where jobs on a buffer come from: the ioctl, with a timeline, or a driver. */
struct jobs {
	bool driver;
	int buf;
	int timeline;
	unsigned int points;
	int vgem;
	unsigned int handle;
	unsigned int fence;
};

FIXTURE(edge) {
	int fd;
	int ep;
	struct jobs jobs;
};

FIXTURE_VARIANT(edge) {
	const struct buf_source *source;
	bool driver;
};

FIXTURE_VARIANT_ADD(edge, heap_ioctl) { .source = &buf_heap };
FIXTURE_VARIANT_ADD(edge, heap_driver) { .source = &buf_heap, .driver = true };
FIXTURE_VARIANT_ADD(edge, udmabuf_ioctl) { .source = &buf_udmabuf };
FIXTURE_VARIANT_ADD(edge, udmabuf_driver) { .source = &buf_udmabuf, .driver = true };
FIXTURE_VARIANT_ADD(edge, vgem_ioctl) { .source = &buf_vgem };
FIXTURE_VARIANT_ADD(edge, vgem_driver) { .source = &buf_vgem, .driver = true };

FIXTURE_SETUP(edge)
{
	struct jobs *jobs = &self->jobs;

	self->fd = variant->source->alloc(page_size());
	jobs->buf = self->fd;
	jobs->driver = variant->driver;
	jobs->vgem = vgem_open();
	jobs->timeline = timeline_open();
	if (self->fd == -ENOENT || jobs->vgem == -ENOENT || jobs->timeline == -ENOENT)
		SKIP(return, "no %s, or no sw_sync", variant->source->name);
	ASSERT_GE(self->fd, 0);
	ASSERT_GE(jobs->vgem, 0);
	ASSERT_GE(jobs->timeline, 0);
	ASSERT_EQ(0, vgem_import(jobs->vgem, self->fd, &jobs->handle));
	self->ep = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_GE(self->ep, 0);
}

FIXTURE_TEARDOWN(edge)
{
	close(self->ep);
	close(self->jobs.timeline);
	close(self->jobs.vgem);
	close(self->fd);
}

static int job_begin(struct jobs *jobs, unsigned int flags)
{
	struct drm_vgem_fence_attach attach = {
		.handle = jobs->handle,
		.flags = flags & DMA_BUF_SYNC_WRITE ? VGEM_FENCE_WRITE : 0,
	};
	int err;

	if (!jobs->driver)
		return buf_add_pending(jobs->buf, jobs->timeline, ++jobs->points, flags);

	err = do_ioctl(jobs->vgem, DRM_IOCTL_VGEM_FENCE_ATTACH, &attach);
	jobs->fence = attach.out_fence;
	return err;
}

static int job_end(struct jobs *jobs)
{
	struct drm_vgem_fence_signal signal = { .fence = jobs->fence };

	if (!jobs->driver)
		return timeline_inc(jobs->timeline, 1);
	return do_ioctl(jobs->vgem, DRM_IOCTL_VGEM_FENCE_SIGNAL, &signal);
}

static int edge_add(int ep, int fd, unsigned int events)
{
	struct epoll_event event = { .events = events };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* The events of the one file that is waited for, 0 when the time is up. */
static int edge_next(int ep, int timeout_ms)
{
	struct epoll_event event = {};
	int ret = epoll_wait(ep, &event, 1, timeout_ms);

	return ret < 0 ? -errno : (int)event.events;
}

TEST_F(edge, idle_then_jobs_one_event_for_each_end)
{
	int i;

	ASSERT_EQ(0, edge_add(self->ep, self->fd, EPOLLIN | EPOLLET));
	ASSERT_EQ(EPOLLIN, edge_next(self->ep, LONG_MS));
	EXPECT_EQ(0, edge_next(self->ep, 0));
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, job_begin(&self->jobs, DMA_BUF_SYNC_WRITE));
		EXPECT_EQ(0, edge_next(self->ep, 0));
		ASSERT_EQ(0, job_end(&self->jobs));
		ASSERT_EQ(EPOLLIN, edge_next(self->ep, LONG_MS));
		EXPECT_EQ(0, edge_next(self->ep, 0));
	}
}

TEST_F(edge, jobs_that_end_before_anybody_looks)
{
	int i;

	ASSERT_EQ(0, edge_add(self->ep, self->fd, EPOLLIN | EPOLLOUT | EPOLLET));
	ASSERT_EQ(EPOLLIN | EPOLLOUT, edge_next(self->ep, LONG_MS));
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, job_begin(&self->jobs, DMA_BUF_SYNC_WRITE));
		ASSERT_EQ(0, job_end(&self->jobs));
		ASSERT_EQ(EPOLLIN | EPOLLOUT, edge_next(self->ep, LONG_MS));
		EXPECT_EQ(0, edge_next(self->ep, 0));
	}
}

TEST_F(edge, readers_concern_out_only)
{
	int in = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_GE(in, 0);
	ASSERT_EQ(0, edge_add(in, self->fd, EPOLLIN | EPOLLET));
	EXPECT_EQ(EPOLLIN, edge_next(in, LONG_MS));
	ASSERT_EQ(0, job_begin(&self->jobs, DMA_BUF_SYNC_READ));
	EXPECT_EQ(0, edge_next(in, 0));
	ASSERT_EQ(0, job_end(&self->jobs));
	EXPECT_EQ(0, edge_next(in, 0));
	close(in);

	ASSERT_EQ(0, edge_add(self->ep, self->fd, EPOLLOUT | EPOLLET));
	ASSERT_EQ(EPOLLOUT, edge_next(self->ep, LONG_MS));
	ASSERT_EQ(0, job_begin(&self->jobs, DMA_BUF_SYNC_READ));
	EXPECT_EQ(0, edge_next(self->ep, 0));
	ASSERT_EQ(0, job_end(&self->jobs));
	ASSERT_EQ(EPOLLOUT, edge_next(self->ep, LONG_MS));
}

TEST_F(edge, level_triggered_repeats_while_idle)
{
	int i;

	ASSERT_EQ(0, edge_add(self->ep, self->fd, EPOLLIN));
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(EPOLLIN, edge_next(self->ep, LONG_MS));
		EXPECT_EQ(EPOLLIN, edge_next(self->ep, 0));
		ASSERT_EQ(0, job_begin(&self->jobs, DMA_BUF_SYNC_WRITE));
		EXPECT_EQ(0, edge_next(self->ep, 0));
		ASSERT_EQ(0, job_end(&self->jobs));
	}
	ASSERT_EQ(EPOLLIN, edge_next(self->ep, LONG_MS));
}

struct edge_sleeper {
	int ep;
	int timeouts;
	sem_t events;
};

/* Sleep for as many events as there are ends of work, and for the first one. */
static void *edge_sleep(void *arg)
{
	struct edge_sleeper *sleeper = arg;
	int i;

	for (i = 0; i <= ROUNDS; i++) {
		if (edge_next(sleeper->ep, LONG_MS) != EPOLLIN)
			sleeper->timeouts++;
		sem_post(&sleeper->events);
	}
	return NULL;
}

/*
 * However far the sleeper has come when a job begins and ends, it does not miss
 * the end.
 */
TEST_F(edge, sleeper_misses_no_end)
{
	struct edge_sleeper sleeper = { .ep = self->ep };
	pthread_t thread;
	int i;

	ASSERT_EQ(0, sem_init(&sleeper.events, 0, 0));
	ASSERT_EQ(0, edge_add(self->ep, self->fd, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, pthread_create(&thread, NULL, edge_sleep, &sleeper));
	sem_wait(&sleeper.events);
	for (i = 0; i < ROUNDS; i++) {
		EXPECT_EQ(0, job_begin(&self->jobs, DMA_BUF_SYNC_WRITE));
		EXPECT_EQ(0, job_end(&self->jobs));
		sem_wait(&sleeper.events);
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, sleeper.timeouts);
	sem_destroy(&sleeper.events);
}

/* An io_uring, as far as it is needed here. */
struct uring {
	int fd;
	char *ring;
	struct io_uring_sqe *sqes;
	struct io_uring_params params;
};

static int uring_open(struct uring *uring)
{
	struct io_uring_params *p = &uring->params;
	size_t size;

	memset(uring, 0, sizeof(*uring));
	uring->fd = syscall(__NR_io_uring_setup, 8, p);
	if (uring->fd < 0)
		return -errno;
	size = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	size += p->sq_off.array + p->sq_entries * sizeof(__u32);
	uring->ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, uring->fd,
			   IORING_OFF_SQ_RING);
	uring->sqes = mmap(NULL, p->sq_entries * sizeof(*uring->sqes), PROT_READ | PROT_WRITE,
			   MAP_SHARED, uring->fd, IORING_OFF_SQES);
	return uring->ring == MAP_FAILED || uring->sqes == MAP_FAILED ? -errno : 0;
}

static __u32 *uring_word(struct uring *uring, __u32 offset)
{
	return (__u32 *)(uring->ring + offset);
}

/* Ask for an event each time that the file becomes ready. */
static int uring_poll(struct uring *uring, int fd, unsigned int events)
{
	uring->sqes[0] = (struct io_uring_sqe) {
		.opcode = IORING_OP_POLL_ADD,
		.fd = fd,
		.poll32_events = events,
		.len = IORING_POLL_ADD_MULTI,
	};
	*uring_word(uring, uring->params.sq_off.array) = 0;
	__atomic_fetch_add(uring_word(uring, uring->params.sq_off.tail), 1, __ATOMIC_RELEASE);
	return syscall(__NR_io_uring_enter, uring->fd, 1, 0, 0, NULL, 0) == 1 ? 0 : -errno;
}

/* The result of the next completion, 0 when the time is up. */
static int uring_next(struct uring *uring, int timeout_ms)
{
	struct __kernel_timespec time = { .tv_sec = timeout_ms / 1000 };
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&time };
	__u32 *head = uring_word(uring, uring->params.cq_off.head);
	__u32 *tail = uring_word(uring, uring->params.cq_off.tail);
	struct io_uring_cqe *cqes = (void *)(uring->ring + uring->params.cq_off.cqes);
	struct io_uring_cqe *cqe = &cqes[*head & (uring->params.cq_entries - 1)];
	int res;

	if (*head == __atomic_load_n(tail, __ATOMIC_ACQUIRE))
		syscall(__NR_io_uring_enter, uring->fd, 0, !!timeout_ms,
			IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, sizeof(arg));
	if (*head == __atomic_load_n(tail, __ATOMIC_ACQUIRE))
		return 0;

	/* A poll that does not go on is a lost event as well. */
	res = cqe->flags & IORING_CQE_F_MORE ? cqe->res : -EIO;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return res;
}

TEST_F(edge, io_uring_multishot_one_event_for_each_end)
{
	struct uring uring;
	int i;

	ASSERT_EQ(0, uring_open(&uring));
	ASSERT_EQ(0, uring_poll(&uring, self->fd, POLLIN));
	ASSERT_EQ(POLLIN, uring_next(&uring, LONG_MS));
	EXPECT_EQ(0, uring_next(&uring, 0));
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, job_begin(&self->jobs, DMA_BUF_SYNC_WRITE));
		EXPECT_EQ(0, uring_next(&uring, 0));
		ASSERT_EQ(0, job_end(&self->jobs));
		ASSERT_EQ(POLLIN, uring_next(&uring, LONG_MS));
		EXPECT_EQ(0, uring_next(&uring, 0));
	}
	close(uring.fd);
}

/* The end of one job of two says nothing. */
TEST_F(edge, io_uring_waits_for_the_last_job)
{
	struct uring uring;
	int other = timeline_open();

	ASSERT_EQ(0, uring_open(&uring));
	ASSERT_EQ(0, job_begin(&self->jobs, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, buf_add_pending(self->fd, other, 1, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, uring_poll(&uring, self->fd, POLLIN));
	EXPECT_EQ(0, uring_next(&uring, 0));
	ASSERT_EQ(0, job_end(&self->jobs));
	EXPECT_EQ(0, uring_next(&uring, 0));
	ASSERT_EQ(0, timeline_inc(other, 1));
	ASSERT_EQ(POLLIN, uring_next(&uring, LONG_MS));
	close(uring.fd);
	close(other);
}

TEST_HARNESS_MAIN
