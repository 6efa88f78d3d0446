// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stage 2, the other way: memory from elsewhere, processed by a V4L2 device.
 *
 *	vgem buffer  --DMABUF-->     vim2m     --DMABUF-->  udmabuf (a memfd)
 *	R G B bytes            mirrored both ways           B G R bytes
 *
 * DMABUF is short for V4L2_MEMORY_DMABUF.
 *
 * vim2m waits for no fences, so this process does: a fence of vgem stands for
 * the device that draws the first picture, and the buffer is queued when poll()
 * on its dma-buf says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <drm/vgem_drm.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <linux/videodev2.h>
#include <xf86drm.h>

#include "demo.h"

/* as V4L2 sees it: out of the program */
#define INPUT		V4L2_BUF_TYPE_VIDEO_OUTPUT
#define RESULT		V4L2_BUF_TYPE_VIDEO_CAPTURE
#define ROUNDS		60
#define PIXEL		3
#define NOT_YET_MS	100
#define SALT		0x5eed

struct convert {
	int vgem, memfd, vim2m;
	__u32 handle;
	size_t size;
	struct v4l2_pix_format in_pix, out_pix;
	struct buffer in, out;
	unsigned char *in_view;		/* vgem's own mapping */
	unsigned char *out_view;	/* the memfd's own mapping */
};

static void open_vim2m(struct convert *c)
{
	char path[32];

	c->vim2m = v4l2_open("vim2m", V4L2_CAP_VIDEO_M2M | V4L2_CAP_STREAMING, path,
			     sizeof(path));
	v4l2_set_format(c->vim2m, INPUT, V4L2_PIX_FMT_RGB24, &c->in_pix);
	v4l2_set_format(c->vim2m, RESULT, V4L2_PIX_FMT_BGR24, &c->out_pix);
	v4l2_set_control(c->vim2m, "Horizontal Flip", 1);
	v4l2_set_control(c->vim2m, "Vertical Flip", 1);
	v4l2_set_control(c->vim2m, "Transaction Time (msec)", 1);
	v4l2_request(c->vim2m, INPUT, V4L2_MEMORY_DMABUF, 1);
	v4l2_request(c->vim2m, RESULT, V4L2_MEMORY_DMABUF, 1);
	v4l2_stream(c->vim2m, INPUT, true);
	v4l2_stream(c->vim2m, RESULT, true);
	say("vim2m        %s: %ux%u RGB -> BGR, mirrored left-right and top-bottom", path,
	    WIDTH, HEIGHT);
}

static bool holds_words(const __u32 *word, size_t count, __u32 salt)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (word[i] != noise(i, 0, salt))
			return false;
	}
	return true;
}

static void write_words(__u32 *word, size_t count, __u32 salt)
{
	size_t i;

	for (i = 0; i < count; i++)
		word[i] = noise(i, 0, salt);
}

/*
 * Write through each of two mappings, read through the other. The kernel tells
 * no page frames of mappings like these, which it makes without struct page.
 */
static void prove_same(void *own, const struct buffer *b, const char *what)
{
	size_t count = b->size / sizeof(__u32);

	buffer_begin_cpu(b, DMA_BUF_SYNC_RW);
	write_words(own, count, SALT);
	if (!holds_words(b->map, count, SALT))
		die("%s: what was written there is not seen through the dma-buf", what);
	write_words(b->map, count, SALT + 1);
	if (!holds_words(own, count, SALT + 1))
		die("%s: what was written through the dma-buf is not seen there", what);
	buffer_end_cpu(b, DMA_BUF_SYNC_RW);
	say("same memory  %s and dma-buf: %zu bytes written through each, seen through the other",
	    what, b->size);
}

static void make_input(struct convert *c)
{
	struct drm_mode_create_dumb create = { .width = WIDTH, .height = HEIGHT,
					       .bpp = PIXEL * 8 };
	struct drm_mode_map_dumb map = { 0 };
	int fd;

	c->vgem = card_open("vgem");
	ioctl_or_die(c->vgem, DRM_IOCTL_MODE_CREATE_DUMB, &create, "creating a vgem buffer");
	if (create.pitch != c->in_pix.bytesperline || create.size < c->in_pix.sizeimage)
		die("vgem made %u bytes a line, %llu in all; vim2m wants %u and %u", create.pitch,
		    (unsigned long long)create.size, c->in_pix.bytesperline,
		    c->in_pix.sizeimage);
	c->handle = create.handle;
	map.handle = c->handle;
	ioctl_or_die(c->vgem, DRM_IOCTL_MODE_MAP_DUMB, &map, "mapping a vgem buffer");
	c->in_view = map_or_die(c->vgem, create.size, map.offset, "vgem");
	if (drmPrimeHandleToFD(c->vgem, c->handle, DRM_CLOEXEC | DRM_RDWR, &fd))
		die("drmPrimeHandleToFD: %s", strerror(errno));
	buffer_open(&c->in, fd, c->in_pix.sizeimage, "vgem-input");
	say("vgem         buffer -> fd %d, inode %lu, %zu bytes", fd, c->in.inode, c->in.size);
	prove_same(c->in_view, &c->in, "vgem mapping");
}

static void make_result(struct convert *c)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC };
	int dev = open_or_die("/dev/udmabuf", O_RDWR), fd;

	c->size = (c->out_pix.sizeimage + page - 1) / page * page;
	c->memfd = memfd_create("result", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (c->memfd < 0 || ftruncate(c->memfd, c->size) ||
	    fcntl(c->memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		die("making a memfd of %zu bytes: %s", c->size, strerror(errno));
	c->out_view = map_or_die(c->memfd, c->size, 0, "the memfd");
	create.memfd = c->memfd;
	create.size = c->size;
	fd = xioctl(dev, UDMABUF_CREATE, &create);
	if (fd < 0)
		die("UDMABUF_CREATE: %s", strerror(errno));
	close(dev);
	buffer_open(&c->out, fd, c->size, "udmabuf-result");
	say("udmabuf      memfd -> fd %d, inode %lu, %zu bytes", fd, c->out.inode, c->out.size);
	prove_same(c->out_view, &c->out, "memfd mapping");
}

static void draw_input(struct convert *c, __u32 salt)
{
	unsigned char *byte;
	unsigned int x, y;

	for (y = 0; y < HEIGHT; y++) {
		byte = c->in_view + (size_t)y * c->in_pix.bytesperline;
		for (x = 0; x < WIDTH; x++, byte += PIXEL) {
			__u32 rgb = noise(x, y, salt);

			byte[0] = rgb >> 16;
			byte[1] = rgb >> 8;
			byte[2] = rgb;
		}
	}
}

/*
 * Return true if vim2m has made the right pixel of draw_input(). The expected
 * pixel is computed from its place, not from the input.
 */
static bool result_right(const unsigned char *byte, unsigned int x, unsigned int y, __u32 salt)
{
	__u32 rgb = noise(WIDTH - 1 - x, HEIGHT - 1 - y, salt);

	return byte[0] == (rgb & 0xff) && byte[1] == (rgb >> 8 & 0xff) &&
	       byte[2] == (rgb >> 16 & 0xff);
}

static void check_result(struct convert *c, __u32 salt)
{
	unsigned char *byte;
	unsigned int x, y;

	buffer_begin_cpu(&c->out, DMA_BUF_SYNC_RW);
	if (spoil == SPOIL_CONVERT)
		c->out_view[HEIGHT / 2 * c->out_pix.bytesperline] ^= 1;
	for (y = 0; y < HEIGHT; y++) {
		byte = c->out_view + (size_t)y * c->out_pix.bytesperline;
		for (x = 0; x < WIDTH; x++, byte += PIXEL) {
			if (!result_right(byte, x, y, salt))
				die("picture %u from vim2m is wrong at (%u,%u)", salt, x, y);
		}
	}
	buffer_end_cpu(&c->out, DMA_BUF_SYNC_RW);
}

/*
 * Draw the first picture the way a device does: under a fence that others can
 * wait for.
 */
static void draw_under_fence(struct convert *c)
{
	struct drm_vgem_fence_attach attach = { .handle = c->handle, .flags = VGEM_FENCE_WRITE };
	struct drm_vgem_fence_signal signal = { 0 };
	struct bufinfo info;

	ioctl_or_die(c->vgem, DRM_IOCTL_VGEM_FENCE_ATTACH, &attach, "attaching a vgem fence");
	show_fdinfo(&c->in);
	show_bufinfo(&c->in, &info);
	if (!info.pending || !strstr(info.text, "vgem"))
		die("bufinfo does not show the pending fence of vgem");
	if (wait_fd(c->in.fd, POLLIN, NOT_YET_MS))
		die("poll() says that the buffer can be read while its fence is pending");
	draw_input(c, 0);
	signal.fence = attach.out_fence;
	ioctl_or_die(c->vgem, DRM_IOCTL_VGEM_FENCE_SIGNAL, &signal, "signaling a vgem fence");
	wait_or_die(c->in.fd, POLLIN, "waiting for the fence of vgem");
	say("fence        poll() on the dma-buf: busy for %d ms while vgem's fence was pending,",
	    NOT_YET_MS);
	say("             readable as soon as it was signaled");
}

static void queue(struct convert *c, __u32 type, const struct buffer *b, size_t used)
{
	struct v4l2_buffer v = {
		.type = type, .memory = V4L2_MEMORY_DMABUF, .field = V4L2_FIELD_NONE,
		.bytesused = used, .length = b->size, .m.fd = b->fd,
	};

	ioctl_or_die(c->vim2m, VIDIOC_QBUF, &v, "VIDIOC_QBUF of a dma-buf");
}

static void dequeue(struct convert *c, __u32 type, size_t used)
{
	struct v4l2_buffer v = { .type = type, .memory = V4L2_MEMORY_DMABUF };

	ioctl_or_die(c->vim2m, VIDIOC_DQBUF, &v, "VIDIOC_DQBUF of a dma-buf");
	if (v.flags & V4L2_BUF_FLAG_ERROR || v.bytesused != used)
		die("vim2m returns a broken buffer: flags %#x, %u bytes", v.flags, v.bytesused);
}

static void process(struct convert *c, __u32 salt)
{
	struct bufinfo info;

	queue(c, INPUT, &c->in, c->in_pix.sizeimage);
	if (!salt) {
		say("queued       in vim2m, which uses a buffer through vmap: a reference more,");
		say("             and no device attached for DMA");
		show_fdinfo(&c->in);
	}
	queue(c, RESULT, &c->out, 0);
	if (!salt) {
		show_fdinfo(&c->out);
		show_bufinfo(&c->out, &info);
	}
	wait_or_die(c->vim2m, POLLIN, "waiting for vim2m");
	dequeue(c, INPUT, c->in_pix.sizeimage);
	dequeue(c, RESULT, c->out_pix.sizeimage);
	check_result(c, salt);
}

static void clean_up(struct convert *c)
{
	v4l2_stream(c->vim2m, INPUT, false);
	v4l2_stream(c->vim2m, RESULT, false);
	close(c->vim2m);
	munmap(c->in_view, c->in.size);
	munmap(c->out_view, c->out.size);
	buffer_close(&c->in);
	buffer_close(&c->out);
	close(c->vgem);
	close(c->memfd);
}

void convert_main(void)
{
	struct convert c = { 0 };
	unsigned long long start;
	__u32 i;

	set_role("convert");
	open_vim2m(&c);
	make_input(&c);
	make_result(&c);
	draw_under_fence(&c);
	start = now_ns();
	process(&c, 0);
	for (i = 1; i < ROUNDS; i++) {
		buffer_begin_cpu(&c.in, DMA_BUF_SYNC_WRITE);
		draw_input(&c, i);
		buffer_end_cpu(&c.in, DMA_BUF_SYNC_WRITE);
		process(&c, i);
	}
	say("compared     %u different pictures, written through vgem, read through the memfd:",
	    ROUNDS);
	say("             every byte as computed here, %.1f frames per second",
	    ROUNDS / ((now_ns() - start) / 1e9));
	clean_up(&c);
}
