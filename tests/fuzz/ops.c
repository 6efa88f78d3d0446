// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of operations, and what all of them use.
 *
 * A slot owns its descriptor. The exchange in slot_put() closes the descriptor
 * that it replaces, so that threads that race for a slot lose none.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ops.h"

struct machine machine;

#define E(name, weight, makes, ...) { #name, op_##name, makes, weight, { __VA_ARGS__ } }

const struct op ops[] = {
	E(heap_alloc, 20, T_BUF, { "new", T_NEW }, { "pages", T_PAGES }, { "flags", T_OPEN },
	  { "heap_flags", T_SMALL }),
	E(memfd, 4, T_MEMFD, { "new", T_NEW }, { "pages", T_PAGES }, { "seals", T_SEALS }),
	E(seal, 2, T_NONE, { "memfd", T_MEMFD }, { "seals", T_SEALS }),
	E(udmabuf, 12, T_BUF, { "new", T_NEW }, { "memfd", T_MEMFD }, { "page", T_SMALL },
	  { "pages", T_PAGES }, { "flags", T_SMALL }),
	E(udmabuf_list, 6, T_BUF, { "new", T_NEW }, { "memfd", T_MEMFD }, { "other", T_MEMFD },
	  { "count", T_SMALL }, { "pages", T_PAGES }),
	E(sync, 25, T_NONE, { "buf", T_BUF }, { "flags", T_SYNC }),
	E(set_name, 8, T_NONE, { "buf", T_BUF }, { "name", T_NAME }, { "ioctl", T_SMALL }),
	E(export_sync_file, 25, T_FENCE, { "new", T_NEW }, { "buf", T_BUF }, { "flags", T_SYNC }),
	E(import_sync_file, 35, T_NONE, { "buf", T_BUF }, { "fence", T_FENCE },
	  { "flags", T_SYNC }),
	E(timeline, 8, T_TIMELINE, { "new", T_NEW }),
	E(fence, 30, T_FENCE, { "new", T_NEW }, { "timeline", T_TIMELINE }, { "value", T_VALUE }),
	E(inc, 20, T_NONE, { "timeline", T_TIMELINE }, { "by", T_VALUE }),
	E(get_deadline, 5, T_NONE, { "timeline", T_TIMELINE }, { "fence", T_FENCE }),
	E(merge, 25, T_FENCE, { "new", T_NEW }, { "a", T_FENCE }, { "b", T_FENCE },
	  { "name", T_NAME }, { "flags", T_SMALL }),
	E(file_info, 15, T_NONE, { "fence", T_FENCE }, { "count", T_SMALL }, { "flags", T_SMALL },
	  { "where", T_SMALL }),
	E(set_deadline, 8, T_NONE, { "fence", T_FENCE }, { "ns", T_U64 }, { "pad", T_SMALL }),
	E(raw_ioctl, 15, T_NONE, { "fd", T_ANY }, { "nr", T_BYTE }, { "change", T_BYTE },
	  { "data", T_U64 }, { "more", T_U64 }),

	E(vgem_open, 2, T_VGEM, { "new", T_NEW }),
	E(vgem_create, 5, T_NONE, { "vgem", T_VGEM }, { "pages", T_PAGES }),
	E(vgem_export, 8, T_BUF, { "new", T_NEW }, { "vgem", T_VGEM }, { "handle", T_SMALL },
	  { "flags", T_OPEN }),
	E(vgem_import, 12, T_NONE, { "vgem", T_VGEM }, { "buf", T_BUF }),
	E(vgem_close, 4, T_NONE, { "vgem", T_VGEM }, { "handle", T_SMALL }),
	E(vgem_fence, 8, T_NONE, { "vgem", T_VGEM }, { "handle", T_SMALL }, { "flags", T_SMALL }),
	E(vgem_signal, 5, T_NONE, { "vgem", T_VGEM }, { "fence", T_SMALL }),
	E(exporter_create, 6, T_BUF, { "new", T_NEW }, { "pages", T_PAGES }),
	E(exporter_move, 6, T_NONE, { "buf", T_BUF }),
	E(importer_open, 2, T_IMPORTER, { "new", T_NEW }),
	E(importer_attach, 8, T_NONE, { "importer", T_IMPORTER }, { "buf", T_BUF }),
	E(importer_run, 8, T_NONE, { "importer", T_IMPORTER }, { "job", T_SMALL },
	  { "value", T_BYTE }, { "ms", T_TIMEOUT }),
	E(importer_peek, 3, T_NONE, { "importer", T_IMPORTER }, { "offset", T_U64 }),

	E(mmap, 15, T_NONE, { "map", T_MAP }, { "fd", T_BUF }, { "pages", T_PAGES },
	  { "prot", T_PROT }, { "flags", T_MAPFLAGS }),
	E(munmap, 5, T_NONE, { "map", T_MAP }, { "page", T_SMALL }, { "pages", T_PAGES }),
	E(mremap, 5, T_NONE, { "map", T_MAP }, { "pages", T_PAGES }, { "new_pages", T_PAGES },
	  { "to", T_MAP }),
	E(madvise, 5, T_NONE, { "map", T_MAP }, { "pages", T_PAGES }, { "advice", T_SMALL }),
	E(mprotect, 3, T_NONE, { "map", T_MAP }, { "pages", T_PAGES }, { "prot", T_PROT }),
	E(touch, 15, T_NONE, { "map", T_MAP }, { "page", T_SMALL }, { "value", T_BYTE }),
	E(map_info, 1, T_NONE, { "map", T_MAP }, { "file", T_SMALL }),
	E(read_into, 4, T_NONE, { "fd", T_ANY }, { "map", T_MAP }, { "size", T_U64 }),
	E(write_from, 4, T_NONE, { "fd", T_ANY }, { "map", T_MAP }, { "size", T_U64 }),
	E(vm_read, 2, T_NONE, { "map", T_MAP }, { "pages", T_PAGES }),

	E(poll, 20, T_NONE, { "fd", T_ANY }, { "other", T_ANY }, { "events", T_EVENTS },
	  { "ms", T_TIMEOUT }),
	E(epoll_create, 3, T_EPOLL, { "new", T_NEW }),
	E(epoll_ctl, 12, T_NONE, { "epoll", T_EPOLL }, { "fd", T_ANY }, { "events", T_EVENTS },
	  { "ctl", T_SMALL }),
	E(epoll_wait, 10, T_NONE, { "epoll", T_EPOLL }, { "ms", T_TIMEOUT }),
	E(lseek, 6, T_NONE, { "fd", T_BUF }, { "offset", T_U64 }, { "whence", T_WHENCE }),
	E(dup, 5, T_NONE, { "new", T_NEW }, { "fd", T_ANY }, { "how", T_SMALL }),
	E(dup_over, 3, T_NONE, { "fd", T_ANY }, { "over", T_ANY }),
	E(fcntl, 6, T_NONE, { "fd", T_ANY }, { "cmd", T_BYTE }, { "value", T_U64 }),
	E(close, 12, T_NONE, { "fd", T_ANY }),
	E(read, 2, T_NONE, { "fd", T_ANY }, { "size", T_U64 }),
	E(write, 2, T_NONE, { "fd", T_ANY }, { "size", T_U64 }),
	E(pipe, 1, T_PIPE, { "new", T_NEW }, { "end", T_NEW }),
	E(splice, 2, T_NONE, { "from", T_ANY }, { "to", T_PIPE }, { "size", T_U64 }),
	E(sendfile, 2, T_NONE, { "from", T_ANY }, { "to", T_ANY }, { "size", T_U64 }),
	E(file_op, 4, T_NONE, { "fd", T_ANY }, { "which", T_BYTE }, { "value", T_U64 }),
	E(fdinfo, 5, T_NONE, { "fd", T_ANY }),
	E(bufinfo, 3, T_NONE, { "size", T_SMALL }),
	E(sync_info, 3, T_NONE, { "size", T_SMALL }),
	E(sysfs, 1, T_NONE, { "size", T_SMALL }),

	E(send, 8, T_NONE, { "fd", T_ANY }, { "other", T_ANY }),
	E(recv, 8, T_BUF, { "new", T_NEW }, { "other", T_NEW }, { "flags", T_SMALL }),
	E(fork, 2, T_NONE, { "how", T_SMALL }, { "fd", T_BUF }, { "map", T_MAP }),
	E(exit, 1, T_NONE, { "how", T_SMALL }),
	E(interrupt, 4, T_NONE, { "actor", T_SMALL }),
	E(sleep, 3, T_NONE, { "us", T_BYTE }),
	E(unshare_files, 1, T_NONE, { "how", T_SMALL }),
};

const unsigned int ops_count = ARRAY_SIZE(ops);

int slot_fd(__u64 slot)
{
	return __atomic_load_n(&machine.slots[slot % SLOTS], __ATOMIC_RELAXED);
}

void slot_put(__u64 slot, int fd, enum type kind)
{
	int old;

	if (fd < 0)
		return;
	old = __atomic_exchange_n(&machine.slots[slot % SLOTS], fd, __ATOMIC_RELAXED);
	machine.kinds[slot % SLOTS] = kind;
	if (old >= 0 && old != fd)
		close(old);
}

/* Keep one page to be made read-only, and one page before a hole. */
static char *page_get(unsigned int which)
{
	static __thread char *pages[2];

	if (!pages[which]) {
		pages[which] = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		munmap(pages[which] + PAGE, PAGE);
	}
	mprotect(pages[which], PAGE, PROT_READ | PROT_WRITE);
	return pages[which];
}

/*
 * 0: where it is; 1: NULL; 2: the kernel's memory; 3: on a read-only page; 4:
 * before a hole; 5: the last word beyond the edge of a hole; 6: in a mapping of
 * a buffer.
 */
void *argument(struct actor *me, const void *data, size_t size)
{
	char *page;

	switch (me->mem) {
	case 1:
		return NULL;
	case 2:
		return (void *)0xffff888000000000ul;
	case 3:
		page = page_get(0);
		memcpy(page, data, size);
		mprotect(page, PAGE, PROT_READ);
		return page;
	case 4:
		page = page_get(1) + PAGE - size;
		memcpy(page, data, size);
		return page;
	case 5:
		page = page_get(1) + PAGE - size + 4;
		memcpy(page, data, size - 4);
		return page;
	case 6:
		return map_address(0);
	default:
		return (void *)data;
	}
}

/* Call an ioctl, and bring the structure back when it lies in another page. */
int sys_ioctl(struct actor *me, int fd, unsigned long request, void *data, size_t size)
{
	void *at = argument(me, data, size);
	int ret = ioctl(fd, request, at);

	if (at != data && (me->mem == 3 || me->mem == 4))
		memcpy(data, at, size);
	return ret < 0 ? -errno : ret;
}
