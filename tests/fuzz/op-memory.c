// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings. Each has a place in one arena. After a program the whole arena is
 * unmapped. A jump brings a thread back that touches an unmapped page.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ops.h"

#define ARENA 0x200000000ul

static __thread sigjmp_buf fault_return;
static __thread volatile bool fault_expected;

char *map_address(__u64 map)
{
	return (char *)(ARENA + map % MAPS * MAP_PAGES * PAGE);
}

void maps_drop(void)
{
	munmap((void *)ARENA, MAPS * MAP_PAGES * PAGE);
}

static void fault_handler(int signal)
{
	if (fault_expected)
		siglongjmp(fault_return, 1);
	_exit(128 + signal);
}

void faults_catch(void)
{
	struct sigaction action = { .sa_handler = fault_handler, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

static size_t map_size(__u64 pages)
{
	return (pages > MAP_PAGES ? MAP_PAGES : pages) * PAGE;
}

OP(mmap)
{
	off_t offset = a[0] > 1000 ? 1 : 0;

	mmap(map_address(a[0]), map_size(a[2]), (int)a[3], (int)a[4] | MAP_FIXED, slot_fd(a[1]),
	     offset * PAGE);
}

OP(munmap)
{
	munmap(map_address(a[0]) + a[1] % 64 * PAGE, map_size(a[2]) / 2 & ~(PAGE - 1));
}

OP(mremap)
{
	if (a[0] % MAPS == a[3] % MAPS)
		mremap(map_address(a[0]), map_size(a[1]), map_size(a[2]), 0);
	else
		mremap(map_address(a[0]), map_size(a[1]), map_size(a[2]),
		       MREMAP_MAYMOVE | MREMAP_FIXED, map_address(a[3]));
}

OP(madvise)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_REMOVE, MADV_WILLNEED, MADV_DONTFORK, MADV_DOFORK, MADV_FREE,
		MADV_HUGEPAGE, MADV_MERGEABLE, MADV_COLD, MADV_PAGEOUT, MADV_DONTDUMP,
		MADV_WIPEONFORK, MADV_POPULATE_READ, MADV_POPULATE_WRITE,
		24 /* MADV_DONTNEED_LOCKED */
	};

	madvise(map_address(a[0]), map_size(a[1]), advices[a[2] % (ARRAY_SIZE(advices))]);
}

OP(mprotect)
{
	mprotect(map_address(a[0]), map_size(a[1]), (int)a[2]);
}

static void touch(volatile char *at, __u64 value)
{
	fault_expected = true;
	if (!sigsetjmp(fault_return, 0)) {
		if (value % 3)
			*at = value;
		else
			(void)*at;
	}
	fault_expected = false;
}

OP(touch)
{
	touch(map_address(a[0]) + a[1] % MAP_PAGES * PAGE, a[2]);
}

static void file_read_all(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), i;
	char text[4096];

	if (fd < 0)
		return;
	for (i = 0; i < 20 && read(fd, text, sizeof(text)) > 0; i++)
		;
	close(fd);
}

OP(map_info)
{
	static const char * const paths[] = {
		"/proc/self/maps", "/proc/self/smaps", "/proc/self/numa_maps",
		"/proc/self/map_files"
	};
	unsigned char core[64];
	__u64 pagemap;
	int fd;

	file_read_all(paths[a[1] % 4]);
	mincore(map_address(a[0]), 64 * PAGE, core);
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pread(fd, &pagemap, 8, (unsigned long)map_address(a[0]) / PAGE * 8) == 8)
		mlock(map_address(a[0]), PAGE);
	close(fd);
}

static size_t size_small(__u64 size)
{
	return size > 64 * PAGE ? size % (64 * PAGE) : size;
}

OP(read_into)
{
	if (read(slot_fd(a[0]), map_address(a[1]), size_small(a[2])) < 0)
		return;
}

OP(write_from)
{
	if (write(slot_fd(a[0]), map_address(a[1]), size_small(a[2])) < 0)
		return;
}

OP(vm_read)
{
	char page[64];
	struct iovec local = { page, sizeof(page) }, remote = { map_address(a[0]), sizeof(page) };

	if (a[1] & 1)
		process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	else
		process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
}
