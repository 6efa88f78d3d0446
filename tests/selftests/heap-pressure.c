// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers larger than the memory that is left: the process that asks for one is
 * refused, and no other process dies for it.
 */
#include <kselftest_harness.h>

#include <fcntl.h>
#include <linux/dma-heap.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "common.h"

#define MIB (1024ull * 1024)
#define BYSTANDER (96 * MIB)
#define BUSY_PART (16 * MIB)

/* Return a buffer of the system heap, or -errno. */
static int heap_alloc(unsigned long long len)
{
	return buf_from_heap(len);
}

/*
 * Memory pressure
 */

FIXTURE(pressure) {
	unsigned long long total;
	pid_t bystander;
	int alive[2];		/* a byte for each time that the bystander was asked */
	int ask[2];
};

FIXTURE_VARIANT(pressure) {
	bool busy;
};

FIXTURE_VARIANT_ADD(pressure, idle_bystander) {
	.busy = false,
};

/* It frees memory and takes it again, as programs do. */
FIXTURE_VARIANT_ADD(pressure, busy_bystander) {
	.busy = true,
};

static void bystander_run(FIXTURE_DATA(pressure) * self, bool busy)
{
	char *memory = mmap(NULL, BYSTANDER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	char byte;

	if (memory == MAP_FAILED)
		_exit(1);
	memset(memory, 1, BYSTANDER);
	fcntl(self->ask[0], F_SETFL, busy ? O_NONBLOCK : 0);
	if (write(self->alive[1], "", 1) != 1)
		_exit(1);
	for (;;) {
		if (read(self->ask[0], &byte, 1) == 1 && write(self->alive[1], "", 1) != 1)
			_exit(1);
		if (!busy)
			continue;
		madvise(memory, BUSY_PART, MADV_DONTNEED);
		memset(memory, 1, BUSY_PART);
	}
}

FIXTURE_SETUP(pressure)
{
	struct sysinfo info;
	char byte;

	if (access("/dev/dma_heap/system", F_OK))
		SKIP(return, "no system heap");
	if (!on_uml())
		SKIP(return, "takes minutes on an emulated processor");
	ASSERT_EQ(0, sysinfo(&info));
	self->total = (unsigned long long)info.totalram * info.mem_unit;
	ASSERT_EQ(0, pipe(self->alive));
	ASSERT_EQ(0, pipe(self->ask));
	self->bystander = fork();
	ASSERT_GE(self->bystander, 0);
	if (!self->bystander)
		bystander_run(self, variant->busy);
	ASSERT_EQ(1, read(self->alive[0], &byte, 1));
}

FIXTURE_TEARDOWN(pressure)
{
	kill(self->bystander, SIGKILL);
	waitpid(self->bystander, NULL, 0);
}

/* Return true if the bystander still runs. */
static bool is_alive(FIXTURE_DATA(pressure) * self)
{
	char byte;

	return waitpid(self->bystander, NULL, WNOHANG) == 0 &&
	       write(self->ask[1], "", 1) == 1 && read(self->alive[0], &byte, 1) == 1;
}

/* Start a process that allocates and exits with the errno, or with 0. */
static pid_t asker_start(unsigned long long len, int gate)
{
	pid_t child = fork();
	char byte;
	int buf;

	if (child)
		return child;
	if (read(gate, &byte, 1) != 1)
		_exit(255);
	buf = heap_alloc(len);
	_exit(buf < 0 ? -buf : 0);
}

/* Return the errno, or -1 if the process was killed. */
static int asker_end(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(pressure, almost_all_memory_enomem)
{
	unsigned long long len = self->total / 100 * 95 / MIB * MIB;
	int gate[2], round;

	ASSERT_EQ(0, pipe(gate));
	for (round = 0; round < 3; round++) {
		pid_t asker = asker_start(len, gate[0]);

		ASSERT_EQ(1, write(gate[1], "", 1));
		EXPECT_EQ(ENOMEM, asker_end(asker));
		ASSERT_TRUE(is_alive(self));
	}
}

TEST_F(pressure, two_that_do_not_fit_together_enomem)
{
	unsigned long long len = self->total / 100 * 60 / MIB * MIB;
	int gate[2], round;

	ASSERT_EQ(0, pipe(gate));
	for (round = 0; round < 3; round++) {
		pid_t first = asker_start(len, gate[0]), second = asker_start(len, gate[0]);
		int a, b;

		ASSERT_EQ(2, write(gate[1], "  ", 2));
		a = asker_end(first);
		b = asker_end(second);
		/* One may have ended before the other began. */
		EXPECT_TRUE(a == 0 || a == ENOMEM);
		EXPECT_TRUE(b == 0 || b == ENOMEM);
		ASSERT_TRUE(is_alive(self));
	}
}

/*
 * A buffer that fits is given, also if files must leave the page cache for it.
 */
TEST_F(pressure, half_of_the_memory_ok)
{
	int buf = heap_alloc(self->total / 2 / MIB * MIB);

	EXPECT_GE(buf, 0);
	close(buf);
	EXPECT_TRUE(is_alive(self));
}

TEST_HARNESS_MAIN
