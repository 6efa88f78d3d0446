// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers larger than the memory that is left: the process that asks for one is
 * refused, and no other process dies for it. And the memory that buffers cost
 * is charged to the cgroup of the process that makes them.
 */
#include <kselftest_harness.h>

#include <fcntl.h>
#include <limits.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "../../samples/dma-buf-samples.h"
#include "common.h"

#define MIB (1024ull * 1024)
#define TIMEOUT 600	/* seconds; busy machines are slow */
#define BYSTANDER (96 * MIB)
#define BUSY_PART (16 * MIB)
#define ACCOUNTING "/sys/module/dma_heap/parameters/mem_accounting"
#define CGROUPS "/tmp/cgroups"
#define CGROUP CGROUPS "/test"

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

TEST_F_TIMEOUT(pressure, almost_all_memory_enomem, TIMEOUT)
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

TEST_F_TIMEOUT(pressure, two_that_do_not_fit_together_enomem, TIMEOUT)
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
TEST_F_TIMEOUT(pressure, half_of_the_memory_ok, TIMEOUT)
{
	int buf = heap_alloc(self->total / 2 / MIB * MIB);

	EXPECT_GE(buf, 0);
	close(buf);
	EXPECT_TRUE(is_alive(self));
}

/*
 * Charges
 */

FIXTURE(charge) {
	pid_t child;
	int done[2];
};

FIXTURE_SETUP(charge)
{
	if (access("/dev/dma_heap/system", F_OK) || access("/dev/udmabuf", F_OK))
		SKIP(return, "no system heap, or no udmabuf");
	mkdir(CGROUPS, 0755);
	if (mount("none", CGROUPS, "cgroup2", 0, NULL) && errno != EBUSY)
		SKIP(return, "no cgroups in this kernel");
	if (file_write(CGROUPS "/cgroup.subtree_control", "+memory") < 0)
		SKIP(return, "no memory cgroup in this kernel");
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
	ASSERT_EQ(0, pipe(self->done));
}

FIXTURE_TEARDOWN(charge)
{
	file_write(ACCOUNTING, "N");
	if (self->child) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	}
	/*
	 * Buffers are freed after a grace period, and the group goes with them.
	 */
	while (rmdir(CGROUP) && errno == EBUSY)
		usleep(10000);
	umount(CGROUPS);
}

static long long group_value(const char *file)
{
	char path[64], text[32];

	snprintf(path, sizeof(path), CGROUP "/%s", file);
	return file_read(path, text, sizeof(text)) < 0 ? -1 : atoll(text);
}

static int group_limit(unsigned long long bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", bytes);
	return file_write(CGROUP "/memory.max", text);
}

/*
 * Run a function in the group and return its result. The process stays there
 * with all that it has made. Returns INT_MIN if it was killed.
 */
static int group_run(FIXTURE_DATA(charge) * self, int (*function)(void))
{
	int result;

	self->child = fork();
	if (!self->child) {
		close(self->done[0]);
		result = file_write(CGROUP "/cgroup.procs", "0");
		result = result < 0 ? result : function();
		if (write(self->done[1], &result, sizeof(result)) == sizeof(result))
			pause();
		_exit(1);
	}
	close(self->done[1]);
	if (read(self->done[0], &result, sizeof(result)) != sizeof(result))
		return INT_MIN;
	return result;
}

static int alloc_64_mib(void)
{
	return heap_alloc(64 * MIB);
}

TEST_F_TIMEOUT(charge, heap_memory_is_free_of_charge_by_default, TIMEOUT)
{
	ASSERT_EQ(0, group_limit(16 * MIB));
	EXPECT_LE(0, group_run(self, alloc_64_mib));
	EXPECT_GT(16 * MIB, group_value("memory.current"));
}

TEST_F_TIMEOUT(charge, heap_memory_is_charged_if_wanted, TIMEOUT)
{
	if (file_write(ACCOUNTING, "Y") < 0)
		ASSERT_TRUE(false);
	EXPECT_LE(0, group_run(self, alloc_64_mib));
	EXPECT_LE(64 * MIB, group_value("memory.current"));
	kill(self->child, SIGKILL);
	waitpid(self->child, NULL, 0);
	self->child = 0;
	while (group_value("memory.current") > (long long)MIB)
		usleep(10000);
}

TEST_F_TIMEOUT(charge, heap_memory_over_the_limit_enomem, TIMEOUT)
{
	if (file_write(ACCOUNTING, "Y") < 0)
		ASSERT_TRUE(false);
	ASSERT_EQ(0, group_limit(16 * MIB));
	EXPECT_EQ(-ENOMEM, group_run(self, alloc_64_mib));
	EXPECT_EQ(0, waitpid(self->child, NULL, WNOHANG));
}

#define BUFFERS 6
#define IMPORTERS 4

/*
 * Attach devices to buffers. Returns by how much that raised the group's
 * memory.
 */
static int attach_many(void)
{
	int i, j, importer, bufs[BUFFERS];
	long long before;

	for (i = 0; i < BUFFERS; i++) {
		bufs[i] = heap_alloc(64 * MIB);
		if (bufs[i] < 0)
			return bufs[i];
	}
	before = group_value("memory.current");
	for (i = 0; i < BUFFERS; i++) {
		for (j = 0; j < IMPORTERS; j++) {
			importer = open("/dev/dma-buf-importer", O_RDWR | O_CLOEXEC);
			if (importer < 0 || do_ioctl(importer, SAMPLE_IMPORTER_ATTACH, &bufs[i]))
				return -1;
		}
	}
	return group_value("memory.current") - before;
}

/* The kernel charges up to 64 pages ahead for each processor. */
static long charged_ahead(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) * 64 * page_size();
}

/* 64 MiB in entries of 64 KiB need a table of 32 KiB. */
TEST_F_TIMEOUT(charge, tables_of_attachments_are_charged, TIMEOUT)
{
	if (access("/dev/dma-buf-importer", F_OK))
		SKIP(return, "no sample importer");
	EXPECT_LE(BUFFERS * IMPORTERS * 32 * 1024 - charged_ahead(), group_run(self, attach_many));
}

/*
 * Two arrays with eight bytes for each page, and the pages of the memfd beside.
 */
static int create_forty_udmabufs(void)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = 64 * MIB };
	int i, dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);

	create.memfd = memfd_create("memory", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (ftruncate(create.memfd, 64 * MIB) || fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return -errno;
	for (i = 0; i < 40; i++)
		if (ioctl(dev, UDMABUF_CREATE, &create) < 0)
			return -errno;
	return 0;
}

TEST_F_TIMEOUT(charge, arrays_of_udmabuf_are_charged, TIMEOUT)
{
	EXPECT_EQ(0, group_run(self, create_forty_udmabufs));
	EXPECT_LE(64 * MIB + 40 * 256 * 1024, group_value("memory.current"));
}

TEST_HARNESS_MAIN
