// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on buffers of every exporter, and on what vgem imports of them.
 */
#include <drm/drm.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../selftests/common.h"
#include "differ.h"

/* vgem has no header in the system's include path. */
struct vgem_fence_attach_arg {
	__u32 handle;
	__u32 flags;
	__u32 out_fence;
	__u32 pad;
};

struct vgem_fence_signal_arg {
	__u32 fence;
	__u32 flags;
};

#define VGEM_FENCE_ATTACH _IOWR('d', 0x40 + 0x1, struct vgem_fence_attach_arg)
#define VGEM_FENCE_SIGNAL _IOW('d', 0x40 + 0x2, struct vgem_fence_signal_arg)

static void buf_drop(struct buffer *buf)
{
	if (buf->map)
		munmap(buf->map, buf->map_size);
	buf->map = NULL;
	put_fd(&buf->fd, -1);
	put_fd(&buf->mem, -1);
}

static int heap_alloc(size_t size, unsigned int bad)
{
	struct dma_heap_allocation_data data = { .len = size, .fd_flags = O_RDWR | O_CLOEXEC };
	int heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC), err;

	if (bad == 1)
		data.fd_flags = 0x40000000;
	if (bad == 2)
		data.heap_flags = 1;
	if (bad == 3)
		data.fd = 7;
	if (bad == 4)
		data.len = 0;
	if (bad == 5)
		data.fd_flags = O_RDONLY;
	if (bad == 6)
		data.len -= 5;
	err = do_ioctl(heap, DMA_HEAP_IOCTL_ALLOC,
		       bad == 7 ? page_readonly(&data, sizeof(data)) : &data);
	close(heap);
	return err ?: (int)data.fd;
}

static int udmabuf_create(size_t size, unsigned int bad, int *mem)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = size };
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd;

	*mem = memfd_create("differ", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	create.memfd = *mem;
	if (ftruncate(*mem, size) ||
	    fcntl(*mem, F_ADD_SEALS, bad == 1 ? F_SEAL_GROW : F_SEAL_SHRINK))
		say("(memfd failed)");
	if (bad == 2)
		create.flags = 0x10;
	if (bad == 3)
		create.offset = 100;
	if (bad == 4)
		create.size = 0;
	if (bad == 5)
		create.size += page_size();
	if (bad == 6)
		create.memfd = dev;
	if (bad == 7)
		create.flags = 0;
	fd = ioctl(dev, UDMABUF_CREATE, &create);
	fd = fd < 0 ? -errno : fd;
	close(dev);
	return fd;
}

/* A list of two pieces of one memfd, the second before the first. */
static int udmabuf_create_list(size_t size, unsigned int bad, int *mem)
{
	struct {
		struct udmabuf_create_list list;
		struct udmabuf_create_item items[2];
	} arg = { .list = { .flags = UDMABUF_FLAGS_CLOEXEC, .count = 2 } };
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd;

	*mem = memfd_create("differ", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (ftruncate(*mem, 2 * size) || fcntl(*mem, F_ADD_SEALS, F_SEAL_SHRINK))
		say("(memfd failed)");
	arg.items[0] = (struct udmabuf_create_item){ .memfd = *mem, .offset = size, .size = size };
	arg.items[1] = (struct udmabuf_create_item){ .memfd = *mem, .size = size };
	if (bad == 1)
		arg.list.count = 0;
	if (bad == 2)
		arg.list.count = 5000;
	if (bad == 3)
		arg.items[1].size = 0;
	if (bad == 4)
		arg.items[1].offset = (__u64)-page_size();
	if (bad == 5)
		arg.list.flags = 2;
	fd = ioctl(dev, UDMABUF_CREATE_LIST, &arg);
	fd = fd < 0 ? -errno : fd;
	close(dev);
	return fd;
}

static void buf_alloc_op(struct state *state)
{
	static const char *const kinds[] = { "heap", "udmabuf", "udmabuf list", "vgem" };
	static const unsigned int pages[] = { 1, 1, 2, 3, 16, 17, 256 };
	unsigned int b = pick(BUFS), kind = pick(4), bad = pick(20);
	size_t size = pages[pick(ARRAY_SIZE(pages))] * page_size();
	struct buffer *buf = &state->buf[b];
	int fd, mem = -1;

	say("(b%u, %s, %zu pages, fault %u) = ", b, kinds[kind], size / page_size(), bad);
	buf_drop(buf);
	if (kind == 0)
		fd = heap_alloc(size, bad);
	else if (kind == 1)
		fd = udmabuf_create(size, bad, &mem);
	else if (kind == 2)
		fd = udmabuf_create_list(size, bad, &mem);
	else
		fd = buf_from_vgem(size);
	buf->exporter = kinds[kind];
	buf->fd = fd < 0 ? -1 : fd;
	buf->mem = mem;
	buf->size = kind == 2 ? 2 * size : size;
	say_fd(fd);
}

static void buf_close_op(struct state *state)
{
	unsigned int b = pick(BUFS);

	say("(b%u)", b);
	buf_drop(&state->buf[b]);
}

static void sync_op(struct state *state)
{
	unsigned int b = pick_buf(state), flags = pick(20) ? 1 + pick(3) + 4 * pick(2) : pick(64);
	struct dma_buf_sync arg = { .flags = flags };
	uint64_t start;
	int err;

	say("(b%u, %s%s%s, flags %#x)", b, flags & 4 ? "end" : "start", flags & 1 ? " read" : "",
	    flags & 2 ? " write" : "", flags);
	help_begin(state);
	start = now_ns();
	err = bounded_ioctl(state->buf[b].fd, DMA_BUF_IOCTL_SYNC, &arg);
	say(" = ");
	say_error(err);
	say_elapsed(start);
	help_end();
}

static unsigned int pick_rw(void)
{
	return pick(20) ? 1 + pick(3) : pick(8);
}

static void export_op(struct state *state)
{
	unsigned int b = pick_buf(state), f = pick(FENCES), flags = pick_rw();
	struct dma_buf_export_sync_file arg = { .flags = flags, .fd = -1 };
	int err = bounded_ioctl(state->buf[b].fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg);

	say("(b%u to f%u, flags %#x) = ", b, f, flags);
	put_fd(&state->fence[f], err ? -1 : arg.fd);
	say_fd(err ?: arg.fd);
}

static void import_op(struct state *state)
{
	unsigned int b = pick_buf(state), f = pick_used(state->fence, FENCES), flags = pick_rw();
	struct dma_buf_import_sync_file arg = { .flags = flags, .fd = state->fence[f] };

	say("(f%u to b%u, flags %#x) = ", f, b, flags);
	say_error(bounded_ioctl(state->buf[b].fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg));
	work_added(state, b);
}

static void name_op(struct state *state)
{
	static const char *const names[] = {
		"", "short", "a name of thirty-one characters",
		"one of thirty-two characters it is", "with\nnewline", "with\ttab", "\xc3\xa9"
	};
	static const unsigned long requests[] = {
		DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B, _IOW('b', 1, __u16)
	};
	unsigned int b = pick_buf(state), n = pick(ARRAY_SIZE(names)), r = pick(30);
	unsigned long request = r < 2 ? requests[2 - r] : requests[r % 2];
	char text[64], link[128] = "";

	strcpy(text, names[n]);
	say("(b%u, \"", b);
	say_text(text);
	say("\", %#lx) = ", request);
	say_error(do_ioctl(state->buf[b].fd, request, pick(20) ? text : page_unmapped()));
	if (fd_link_read(state->buf[b].fd, link, sizeof(link)) >= 0) {
		say(" ");
		say_text(link);
	}
}

static void fdinfo_op(struct state *state)
{
	static const char *const keys[] = { "size", "count", "exp_name", "name" };
	unsigned int b = pick_buf(state), i;
	char value[128];

	say("(b%u) =", b);
	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		value[0] = '\0';
		if (fdinfo_value(state->buf[b].fd, keys[i], value, sizeof(value)) >= 0) {
			say(" %s \"", keys[i]);
			say_text(value);
			say("\"");
		}
	}
}

static void bufinfo_op(struct state *state)
{
	unsigned int b = pick_buf(state);
	struct bufinfo info = { 0 };
	int err = -EBADF;

	say("(b%u) = ", b);
	if (state->buf[b].fd >= 0)
		err = bufinfo_read(fd_ino(state->buf[b].fd), &info);
	say_error(err < 0 ? err : 0);
	if (err < 0)
		return;
	say(" size %zu flags %#x mode %#x count %ld exp %s name \"", info.size, info.flags,
	    info.mode, info.count, info.exp_name);
	say_text(info.name);
	say("\" devices %d of %d %s", info.devices, info.devices_total, info.device);
}

/* Things that a file can be asked for. */
static void file_op(struct state *state)
{
	unsigned int b = pick_buf(state), what = pick(8);
	int fd = state->buf[b].fd;
	struct stat stat = { 0 };
	char byte = 0;
	off_t at;

	say("(b%u, %u) = ", b, what);
	if (what == 0)
		say_error(read(fd, &byte, 1) < 0 ? -errno : 0);
	else if (what == 1)
		say_error(write(fd, &byte, 1) < 0 ? -errno : 0);
	else if (what == 2)
		say_error(fstat(fd, &stat) < 0 ? -errno : 0);
	else if (what == 3)
		say_error(ftruncate(fd, 0) < 0 ? -errno : 0);
	else if (what == 4)
		say("flags %#x", fcntl(fd, F_GETFL));
	if (what < 5)
		say(" size %lld mode %#o", (long long)stat.st_size, stat.st_mode);
	if (what < 5)
		return;
	at = lseek(fd, what == 5 ? 0 : pick(3), what == 5 ? SEEK_END : (int)pick(4));
	say_error(at < 0 ? -errno : 0);
	say(" at %lld", (long long)at);
}

static bool vgem_ready(struct state *state)
{
	if (state->vgem < 0)
		state->vgem = vgem_open();
	return state->vgem >= 0;
}

static void vgem_import_op(struct state *state)
{
	unsigned int b = pick_buf(state), h = pick(HANDLES);
	int err;

	say("(b%u to h%u) = ", b, h);
	if (!vgem_ready(state))
		return;
	if (state->handle[h])
		vgem_close_handle(state->vgem, state->handle[h]);
	state->handle[h] = 0;
	err = vgem_import(state->vgem, state->buf[b].fd, &state->handle[h]);
	if (err)
		state->handle[h] = 0;
	say_error(err);
}

static void vgem_export_op(struct state *state)
{
	unsigned int b = pick(BUFS), h = pick(HANDLES), i;
	unsigned long inodes[BUFS];
	int fd;

	say("(h%u to b%u) = ", h, b);
	if (!vgem_ready(state))
		return;
	for (i = 0; i < BUFS; i++)
		inodes[i] = state->buf[i].fd >= 0 ? fd_ino(state->buf[i].fd) : 0;
	fd = vgem_export(state->vgem, state->handle[h]);
	say_fd(fd);
	if (fd < 0)
		return;
	for (i = 0; i < BUFS; i++)
		if (inodes[i] == fd_ino(fd))
			say(" is b%u", i);
	buf_drop(&state->buf[b]);
	state->buf[b].exporter = "exported";
	state->buf[b].fd = fd;
	state->buf[b].size = lseek(fd, 0, SEEK_END);
}

static void vgem_attach_op(struct state *state)
{
	unsigned int h = pick(HANDLES), flags = pick(2);
	struct vgem_fence_attach_arg arg = { .flags = flags };
	int err;

	say("(h%u, %s) = ", h, flags ? "write" : "read");
	if (!vgem_ready(state))
		return;
	arg.handle = state->handle[h];
	err = bounded_ioctl(state->vgem, VGEM_FENCE_ATTACH, &arg);
	if (!err)
		state->vgem_fence[h] = arg.out_fence;
	work_added(state, BUFS);
	say_error(err);
}

static void vgem_signal_op(struct state *state)
{
	unsigned int h = pick(HANDLES);
	struct vgem_fence_signal_arg arg = { .fence = state->vgem_fence[h] };

	say("(h%u) = ", h);
	if (vgem_ready(state))
		say_error(do_ioctl(state->vgem, VGEM_FENCE_SIGNAL, &arg));
}

const struct op buf_ops[] = {
	{ "buf_alloc", 25, buf_alloc_op },
	{ "buf_close", 5, buf_close_op },
	{ "sync", 60, sync_op },
	{ "export_sync_file", 50, export_op },
	{ "import_sync_file", 90, import_op },
	{ "set_name", 12, name_op },
	{ "fdinfo", 6, fdinfo_op },
	{ "bufinfo", 6, bufinfo_op },
	{ "file", 6, file_op },
	{ "vgem_import", 16, vgem_import_op },
	{ "vgem_export", 8, vgem_export_op },
	{ "vgem_attach", 16, vgem_attach_op },
	{ "vgem_signal", 12, vgem_signal_op },
	{ }
};
