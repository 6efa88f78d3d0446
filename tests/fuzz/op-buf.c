// SPDX-License-Identifier: GPL-2.0-only
/* Buffers, fences and timelines, by their own ioctls. */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/sync_file.h>
#include <linux/udmabuf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ops.h"

#define SW_SYNC_PATH "/sys/kernel/debug/sync/sw_sync"

/* sw_sync has no uapi header; these are its layouts. */
struct sw_sync_fence_arg {
	__u32 value;
	char name[32];
	__s32 fence;
};

struct sw_sync_deadline_arg {
	__u64 deadline_ns;
	__u32 pad;
	__s32 fence_fd;
};

#define SW_SYNC_CREATE_FENCE _IOWR('W', 0, struct sw_sync_fence_arg)
#define SW_SYNC_INC _IOW('W', 1, __u32)
#define SW_SYNC_GET_DEADLINE _IOWR('W', 2, struct sw_sync_deadline_arg)

static const char * const names[] = {
	"", "a", "name", "x\ny", "%s%n", "thirty-one characters of a name",
	"a name that is longer than any buffer may have, by far", "\x01\x7f\xff\t",
};

#define NAMES ARRAY_SIZE(names)

static void name_copy(char *name, size_t size, __u64 which)
{
	size_t length = strlen(names[which % NAMES]);

	/* A name that does not fit has no end. */
	memset(name, 0, size);
	memcpy(name, names[which % NAMES], length < size ? length : size);
}

OP(heap_alloc)
{
	/* The machine has no time for hundreds of megabytes. */
	__u64 pages = a[1] > 1024 && a[1] < 1 << 20 ? 1024 : a[1];
	struct dma_heap_allocation_data data = {
		.len = pages * PAGE + (pages == 3 ? 5 : 0), .fd_flags = a[2],
		.heap_flags = a[3] == 64 ? 1 : 0
	};

	if (!sys_ioctl(me, machine.heap, DMA_HEAP_IOCTL_ALLOC, &data, sizeof(data)))
		slot_put(a[0], data.fd, T_BUF);
}

OP(memfd)
{
	int fd = memfd_create("fuzz", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	__u64 pages = a[1] > 1024 ? 8 : a[1];

	if (fd < 0)
		return;
	if (ftruncate(fd, pages * PAGE) || fcntl(fd, F_ADD_SEALS, (int)a[2]))
		lseek(fd, 0, SEEK_SET);
	slot_put(a[0], fd, T_MEMFD);
}

OP(seal)
{
	fcntl(slot_fd(a[0]), F_ADD_SEALS, (int)a[1]);
}

OP(udmabuf)
{
	struct udmabuf_create create = {
		.memfd = slot_fd(a[1]), .flags = a[4] & 1,
		.offset = (a[2] - 1) * PAGE, .size = a[3] * PAGE
	};

	slot_put(a[0], sys_ioctl(me, machine.udmabuf, UDMABUF_CREATE, &create, sizeof(create)),
		 T_BUF);
}

OP(udmabuf_list)
{
	struct {
		struct udmabuf_create_list head;
		struct udmabuf_create_item items[64];
	} list = { .head = { .flags = a[3] & 1, .count = a[3] } };
	unsigned int i;

	for (i = 0; i < 64; i++) {
		list.items[i].memfd = slot_fd(i % 3 ? a[1] : a[2]);
		list.items[i].offset = i % 2 * PAGE;
		list.items[i].size = a[4] * PAGE;
	}
	slot_put(a[0], sys_ioctl(me, machine.udmabuf, UDMABUF_CREATE_LIST, &list, sizeof(list)),
		 T_BUF);
}

OP(sync)
{
	struct dma_buf_sync arg = { .flags = a[1] };

	sys_ioctl(me, slot_fd(a[0]), DMA_BUF_IOCTL_SYNC, &arg, sizeof(arg));
}

OP(set_name)
{
	static const unsigned long requests[] = {
		DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B, DMA_BUF_SET_NAME
	};
	char name[64];

	name_copy(name, sizeof(name), a[1]);
	sys_ioctl(me, slot_fd(a[0]), requests[a[2] % 3], name, sizeof(name));
}

OP(export_sync_file)
{
	struct dma_buf_export_sync_file arg = { .flags = a[2], .fd = -1 };

	if (!sys_ioctl(me, slot_fd(a[1]), DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg, sizeof(arg)))
		slot_put(a[0], arg.fd, T_FENCE);
}

OP(import_sync_file)
{
	struct dma_buf_import_sync_file arg = { .flags = a[2], .fd = slot_fd(a[1]) };

	sys_ioctl(me, slot_fd(a[0]), DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg, sizeof(arg));
}

OP(timeline)
{
	slot_put(a[0], open(SW_SYNC_PATH, O_RDWR | O_CLOEXEC), T_TIMELINE);
}

OP(fence)
{
	struct sw_sync_fence_arg arg = { .value = a[2], .name = "fuzz", .fence = -1 };

	if (!sys_ioctl(me, slot_fd(a[1]), SW_SYNC_CREATE_FENCE, &arg, sizeof(arg)))
		slot_put(a[0], arg.fence, T_FENCE);
}

OP(inc)
{
	__u32 by = a[1];

	sys_ioctl(me, slot_fd(a[0]), SW_SYNC_INC, &by, sizeof(by));
}

OP(get_deadline)
{
	struct sw_sync_deadline_arg arg = { .fence_fd = slot_fd(a[1]) };

	sys_ioctl(me, slot_fd(a[0]), SW_SYNC_GET_DEADLINE, &arg, sizeof(arg));
}

OP(merge)
{
	struct sync_merge_data arg = {
		.fd2 = slot_fd(a[2]), .fence = -1, .flags = a[4] == 255, .pad = a[4] == 64
	};

	name_copy(arg.name, sizeof(arg.name), a[3]);
	if (!sys_ioctl(me, slot_fd(a[1]), SYNC_IOC_MERGE, &arg, sizeof(arg)))
		slot_put(a[0], arg.fence, T_FENCE);
}

OP(file_info)
{
	struct sync_fence_info fences[64];
	struct sync_file_info arg = {
		.flags = a[2] == 255, .pad = a[2] == 64, .num_fences = a[1],
		.sync_fence_info = (unsigned long)fences
	};

	/* The kernel writes at most as many fences as the program has made. */
	if (a[3] == 64)
		arg.sync_fence_info = 0;
	if (a[3] == 255)
		arg.sync_fence_info = 0xffff888000000000ul;
	sys_ioctl(me, slot_fd(a[0]), SYNC_IOC_FILE_INFO, &arg, sizeof(arg));
}

OP(set_deadline)
{
	struct sync_set_deadline arg = { .deadline_ns = a[1], .pad = a[2] == 64 };

	sys_ioctl(me, slot_fd(a[0]), SYNC_IOC_SET_DEADLINE, &arg, sizeof(arg));
}

static const unsigned long requests[] = {
	DMA_BUF_IOCTL_SYNC, DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B, DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
	DMA_BUF_IOCTL_IMPORT_SYNC_FILE, SYNC_IOC_MERGE, SYNC_IOC_FILE_INFO, SYNC_IOC_SET_DEADLINE,
	SW_SYNC_CREATE_FENCE, SW_SYNC_INC, SW_SYNC_GET_DEADLINE, DMA_HEAP_IOCTL_ALLOC,
	UDMABUF_CREATE, UDMABUF_CREATE_LIST,
};

#define REQUESTS ARRAY_SIZE(requests)

/*
 * Call an ioctl of any file on any other file, with the number or the size
 * changed and with arbitrary data.
 */
OP(raw_ioctl)
{
	unsigned long request = requests[a[1] % REQUESTS], size = _IOC_SIZE(request);
	static const int devices[] = { -1, -1, -1, 0, 1 };
	__u64 data[64];
	unsigned int i;
	int fd = slot_fd(a[0]);

	for (i = 0; i < 64; i++)
		data[i] = i % 3 ? a[3] : a[4];
	if (a[2] % 8 == 1)
		size += 8;
	if (a[2] % 8 == 2)
		size /= 2;
	if (a[2] % 8 == 3)
		size = a[2] * 64;
	if (a[2] % 8 == 4)
		request = _IOC(_IOC_DIR(request), _IOC_TYPE(request), _IOC_NR(request) + 1, 0);
	request = _IOC(_IOC_DIR(request), _IOC_TYPE(request), _IOC_NR(request), size & 0x3fff);
	if (devices[a[1] % 5] == 0)
		fd = machine.heap;
	if (devices[a[1] % 5] == 1)
		fd = machine.udmabuf;
	if (size <= sizeof(data))
		sys_ioctl(me, fd, request, data, size > 4 ? size : 4);
	else
		ioctl(fd, request, data);
}
