// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker: the process that runs programs, one after another, with two
 * threads of its own and a forked process for the actors 2 and 3.
 *
 * A call waits until each call before it has ended, or has kept the others
 * waiting for TURN_MS. So most programs run in order, and a later call can
 * still end a call that blocks.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/dma-buf.h>
#include <linux/futex.h>
#include <linux/kcov.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ops.h"

#define COVER_WORDS	(64 << 10)	/* places that one thread may reach */
#define FIRST_FREE	32	/* the first descriptor of a program */
#define TURN_MS		3		/* delay by a blocked call, at most */

void futex_wait(__u32 *futex, __u32 value, unsigned int ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	syscall(SYS_futex, futex, FUTEX_WAIT, value, ms ? &time : NULL, NULL, 0);
}

void futex_wake(__u32 *futex)
{
	syscall(SYS_futex, futex, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Count the new edges, and reset the list of places. */
void cover_take(struct actor *me)
{
	__u64 count, i, before = 0;
	unsigned int at;

	if (!me->cover)
		return;
	count = __atomic_load_n(&me->cover[0], __ATOMIC_RELAXED);
	for (i = 1; i <= count; i++) {
		__u64 pc = me->cover[i] * 0x9e3779b97f4a7c15ull;
		__u32 edge = (pc ^ before) >> (64 - EDGES_BITS);

		before = pc >> 1;
		if (__atomic_load_n(&shared->seen[edge], __ATOMIC_RELAXED) ||
		    __atomic_exchange_n(&shared->seen[edge], 1, __ATOMIC_RELAXED))
			continue;
		__atomic_fetch_add(&shared->edges, 1, __ATOMIC_RELAXED);
		at = __atomic_fetch_add(&shared->new_count, 1, __ATOMIC_RELAXED);
		if (at < EDGES_NEW_MAX)
			shared->new_edges[at] = edge;
	}
	__atomic_store_n(&me->cover[0], 0, __ATOMIC_RELAXED);
}

/* Have the kernel write down which code this thread reaches. */
static void cover_begin(struct actor *me)
{
	int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);

	me->cover = NULL;
	me->kcov_fd = fd;
	if (fd < 0 || ioctl(fd, KCOV_INIT_TRACE, COVER_WORDS))
		return;
	me->cover = mmap(NULL, COVER_WORDS * sizeof(__u64), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0);
	if (me->cover == MAP_FAILED || ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC))
		me->cover = NULL;
}

/* Make the n-th allocation or user copy from here on fail, for this thread. */
static void fail_set(struct actor *me, unsigned int n)
{
	char text[8];
	int length = snprintf(text, sizeof(text), "%u", n), tries;

	/* Disarming copies from this thread, too, and may be what fails. */
	for (tries = 0; tries < 100; tries++) {
		if (pwrite(me->fail_fd, text, length, 0) == length)
			return;
	}
}

/* A forked process has no coverage: that costs more time than its calls. */
void actor_begin(struct actor *me, unsigned int number, bool cover)
{
	me->number = number;
	me->fail_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (cover)
		cover_begin(me);
	shared->pids[number] = getpid();
	shared->tids[number] = syscall(SYS_gettid);
}

/* Give the turn to the first call from "at" on that waits for it. */
static void turn_give(unsigned int at)
{
	const struct program *program = &shared->program;
	__u32 turn = __atomic_load_n(&shared->turn, __ATOMIC_ACQUIRE);

	while (at < program->count && program->calls[at].race)
		at++;
	while (turn < at && !__atomic_compare_exchange_n(&shared->turn, &turn, at, false,
							 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
	futex_wake(&shared->turn);
}

void turn_begin(void)
{
	shared->turn = 0;
	turn_give(0);
}

static void turn_wait(unsigned int at)
{
	__u32 turn;

	while ((turn = __atomic_load_n(&shared->turn, __ATOMIC_ACQUIRE)) < at) {
		futex_wait(&shared->turn, turn, TURN_MS);
		if (__atomic_load_n(&shared->turn, __ATOMIC_ACQUIRE) == turn)
			turn_give(turn + 1);
	}
}

static bool program_has_actor(unsigned int number)
{
	unsigned int i;

	for (i = 0; i < shared->program.count; i++) {
		if (shared->program.calls[i].actor == number)
			return true;
	}
	return false;
}

/*
 * Nothing fails in a fork: User Mode Linux does not survive a fork that fails.
 */
static void call_run(struct actor *me, const struct call *call)
{
	bool fail = call->fail && ops[call->op].run != op_fork;

	me->mem = call->mem;
	if (fail)
		fail_set(me, call->fail);
	ops[call->op].run(me, call->arg);
	if (fail)
		fail_set(me, 0);
}

void actor_run(struct actor *me)
{
	const struct program *program = &shared->program;
	bool alone = !program_has_actor(1) && !program_has_actor(2) && !program_has_actor(3);
	unsigned int i;

	if (me->cover)
		__atomic_store_n(&me->cover[0], 0, __ATOMIC_RELAXED);
	for (i = 0; i < program->count; i++) {
		const struct call *call = &program->calls[i];

		if (call->actor != me->number)
			continue;
		if (!call->race && !alone)
			turn_wait(i);
		call_run(me, call);
		if (!call->race && !alone)
			turn_give(i + 1);
	}
	cover_take(me);
}

static void *second_thread_of_child(void *unused)
{
	struct actor me = {};

	actor_begin(&me, 3, false);
	actor_run(&me);
	return NULL;
}

static pid_t child_start(void)
{
	struct actor me = {};
	pthread_t thread;
	pid_t child = fork();

	if (child)
		return child;
	if (!program_has_actor(3) || pthread_create(&thread, NULL, second_thread_of_child, NULL))
		thread = 0;
	actor_begin(&me, 2, false);
	actor_run(&me);
	if (thread)
		pthread_join(thread, NULL);
	_exit(0);
}

static void *second_thread(void *unused)
{
	__u32 ran = shared->done;
	struct actor me = {};

	actor_begin(&me, 1, true);
	while (!__atomic_load_n(&machine.first_free, __ATOMIC_ACQUIRE))
		sched_yield();
	for (;;) {
		__u32 posted;

		while ((posted = __atomic_load_n(&shared->posted, __ATOMIC_ACQUIRE)) == ran)
			futex_wait(&shared->posted, ran, 0);
		ran = posted;
		if (program_has_actor(1))
			actor_run(&me);
		__atomic_store_n(&shared->actor_done[1], posted, __ATOMIC_RELEASE);
		futex_wake(&shared->actor_done[1]);
	}
	return NULL;
}

/* Preempt at random: now this actor, now that one gets ahead of all others. */
static void *chaos_thread(void *unused)
{
	struct sched_param param = { .sched_priority = 2 };
	struct timespec time = {};
	pid_t favorite = 0;

	pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
	for (;;) {
		unsigned int chaos = shared->program.chaos;
		__u32 posted = __atomic_load_n(&shared->posted, __ATOMIC_ACQUIRE);

		if (!chaos || posted == __atomic_load_n(&shared->done, __ATOMIC_ACQUIRE)) {
			futex_wait(&shared->posted, posted, 0);
			continue;
		}
		time.tv_nsec = (1 + random() % (2 * chaos)) * 10000;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
		param.sched_priority = 0;
		if (favorite > 0)
			sched_setscheduler(favorite, SCHED_OTHER, &param);
		favorite = shared->tids[random() % ACTORS];
		param.sched_priority = 1;
		if (favorite > 0)
			sched_setscheduler(favorite, SCHED_FIFO, &param);
	}
	return NULL;
}

/*
 * When all timelines are closed, and all devices that had jobs, every wait for
 * a buffer ends and every fence is signaled. A wait that does not end is found
 * by the controller.
 */
static void waits_finish(void)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	struct pollfd fd = { .events = POLLIN };
	int i;

	for (i = 0; i < SLOTS; i++) {
		__u64 slot = i;

		if (machine.kinds[i] != T_BUF && machine.kinds[i] != T_FENCE)
			op_close(NULL, &slot);
	}
	__atomic_store_n(&shared->finishing, true, __ATOMIC_RELEASE);
	for (i = 0; i < SLOTS; i++) {
		if (machine.slots[i] >= 0 && machine.kinds[i] == T_BUF)
			ioctl(machine.slots[i], DMA_BUF_IOCTL_SYNC, &sync);
	}
	for (i = 0; i < SLOTS; i++) {
		fd.fd = machine.slots[i];
		if (fd.fd >= 0 && machine.kinds[i] == T_FENCE)
			poll(&fd, 1, -1);
	}
	__atomic_store_n(&shared->finishing, false, __ATOMIC_RELEASE);
}

static void sockets_renew(void)
{
	if (machine.sockets[0] >= 0) {
		close(machine.sockets[0]);
		close(machine.sockets[1]);
	}
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, machine.sockets))
		abort();
}

static void machine_clean(int first_free)
{
	int i;

	maps_drop();
	close_range(first_free, ~0u, 0);
	for (i = 0; i < SLOTS; i++) {
		machine.slots[i] = -1;
		machine.kinds[i] = T_NONE;
	}
}

static bool program_uses(const char *name)
{
	unsigned int i;

	for (i = 0; i < shared->program.count; i++) {
		if (!strcmp(ops[shared->program.calls[i].op].name, name))
			return true;
	}
	return false;
}

static void children_end(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(machine.children); i++) {
		if (machine.children[i] <= 0)
			continue;
		kill(machine.children[i], SIGKILL);
		while (waitpid(machine.children[i], NULL, 0) < 0 && errno == EINTR)
			;
		machine.children[i] = 0;
	}
	machine.children_count = 0;
}

/* Run the posted program as actor 0, together with the other actors. */
void program_run(struct actor *me)
{
	__u32 posted = __atomic_load_n(&shared->posted, __ATOMIC_ACQUIRE), done;
	pid_t child = 0;

	if (program_has_actor(2) || program_has_actor(3))
		child = child_start();
	actor_run(me);
	while ((done = __atomic_load_n(&shared->actor_done[1], __ATOMIC_ACQUIRE)) != posted)
		futex_wait(&shared->actor_done[1], done, 0);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	children_end();
	if (program_uses("send"))
		sockets_renew();
	waits_finish();
	machine_clean(machine.first_free);
}

static void no_handler(int signal)
{
}

/* Open the devices, set limits for programs, and catch their signals. */
static void worker_begin(void)
{
	struct rlimit files = { 80, 80 };
	struct sigaction action = { .sa_handler = no_handler };

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGUSR1, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	faults_catch();
	setrlimit(RLIMIT_NOFILE, &files);
	machine.sockets[0] = -1;
	sockets_renew();
	machine.heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
	machine.udmabuf = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	machine.exporter = open("/dev/dma-buf-exporter", O_RDWR | O_CLOEXEC);
}

/*
 * Leave no hole among the numbers of what stays open, so that a program's
 * descriptors are above. The sockets change between programs, and keep their
 * numbers.
 */
static void numbers_fill(void)
{
	int fd;

	for (fd = 0; fd < FIRST_FREE; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			dup2(STDIN_FILENO, fd);
	}
	machine_clean(FIRST_FREE);
	/* The other thread begins when it sees this. */
	__atomic_store_n(&machine.first_free, FIRST_FREE, __ATOMIC_RELEASE);
}

void worker_run(void)
{
	struct actor me = {};
	pthread_t thread;
	__u32 ran = shared->done;

	worker_begin();
	actor_begin(&me, 0, true);
	shared->tids[1] = 0;
	if (pthread_create(&thread, NULL, second_thread, NULL))
		abort();
	while (!__atomic_load_n(&shared->tids[1], __ATOMIC_ACQUIRE))
		sched_yield();
	if (pthread_create(&thread, NULL, chaos_thread, NULL))
		abort();
	numbers_fill();
	for (;;) {
		__u32 posted;

		while ((posted = __atomic_load_n(&shared->posted, __ATOMIC_ACQUIRE)) == ran)
			futex_wait(&shared->posted, ran, 0);
		ran = posted;
		program_run(&me);
		__atomic_store_n(&shared->done, posted, __ATOMIC_RELEASE);
		futex_wake(&shared->done);
	}
}
