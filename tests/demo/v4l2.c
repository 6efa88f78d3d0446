// SPDX-License-Identifier: GPL-2.0-only
/*
 * V4L2 functions for both stages: find a device, set controls by their names,
 * set a format.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <linux/videodev2.h>

#include "demo.h"

#define VIDEO_NODES	64
#define INTERVALS	64

/*
 * Open the device node of @driver that can do @capability; its path goes to
 * @path.
 */
int v4l2_open(const char *driver, __u32 capability, char *path, size_t len)
{
	struct v4l2_capability cap;
	int i, fd;

	for (i = 0; i < VIDEO_NODES; i++) {
		snprintf(path, len, "/dev/video%d", i);
		if (access(path, F_OK))
			continue;
		fd = open_or_die(path, O_RDWR | O_NONBLOCK);
		memset(&cap, 0, sizeof(cap));
		if (!xioctl(fd, VIDIOC_QUERYCAP, &cap) &&
		    !strcmp((char *)cap.driver, driver) &&
		    (cap.device_caps & capability) == capability)
			return fd;
		close(fd);
	}
	die("no V4L2 device of the driver %s that can do %#x", driver, capability);
}

static __u32 find_control(int fd, const char *name, __s32 *max)
{
	struct v4l2_queryctrl q = { .id = V4L2_CTRL_FLAG_NEXT_CTRL };

	while (!xioctl(fd, VIDIOC_QUERYCTRL, &q)) {
		if (!strcmp((char *)q.name, name)) {
			*max = q.maximum;
			return q.id;
		}
		q.id |= V4L2_CTRL_FLAG_NEXT_CTRL;
	}
	die("the V4L2 device has no control named '%s'", name);
}

void v4l2_set_control(int fd, const char *name, int value)
{
	struct v4l2_control c = { .value = value };
	__s32 max;

	c.id = find_control(fd, name, &max);
	ioctl_or_die(fd, VIDIOC_S_CTRL, &c, name);
}

/* Set the menu control @name to the entry that reads @item. */
void v4l2_set_menu(int fd, const char *name, const char *item)
{
	struct v4l2_querymenu menu = { 0 };
	__s32 i, max;

	menu.id = find_control(fd, name, &max);
	for (i = 0; i <= max; i++) {
		menu.index = i;
		if (xioctl(fd, VIDIOC_QUERYMENU, &menu) || strcmp((char *)menu.name, item))
			continue;
		v4l2_set_control(fd, name, i);
		return;
	}
	die("the control '%s' has no entry '%s'", name, item);
}

/*
 * Ask for WIDTH x HEIGHT in @fourcc; fail if the driver makes it anything else.
 */
void v4l2_set_format(int fd, __u32 type, __u32 fourcc, struct v4l2_pix_format *pix)
{
	struct v4l2_format f = { .type = type };

	f.fmt.pix.width = WIDTH;
	f.fmt.pix.height = HEIGHT;
	f.fmt.pix.pixelformat = fourcc;
	f.fmt.pix.field = V4L2_FIELD_NONE;
	ioctl_or_die(fd, VIDIOC_S_FMT, &f, "VIDIOC_S_FMT");
	*pix = f.fmt.pix;
	if (pix->width != WIDTH || pix->height != HEIGHT || pix->pixelformat != fourcc)
		die("the driver makes %ux%u %.4s of %ux%u %.4s", pix->width, pix->height,
		    (char *)&pix->pixelformat, WIDTH, HEIGHT, (char *)&fourcc);
	if (pix->sizeimage < pix->bytesperline * pix->height)
		die("a picture of %u bytes cannot hold %u lines of %u bytes", pix->sizeimage,
		    pix->height, pix->bytesperline);
}

/* Choose the highest frame rate that is not above @limit. Return it. */
unsigned int v4l2_set_rate(int fd, unsigned int limit)
{
	struct v4l2_frmivalenum ival = { .pixel_format = V4L2_PIX_FMT_XBGR32,
					 .width = WIDTH, .height = HEIGHT };
	struct v4l2_streamparm parm = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
	struct v4l2_fract *best = &parm.parm.capture.timeperframe;

	for (ival.index = 0; ival.index < INTERVALS; ival.index++) {
		if (xioctl(fd, VIDIOC_ENUM_FRAMEINTERVALS, &ival))
			break;
		if (ival.type != V4L2_FRMIVAL_TYPE_DISCRETE ||
		    ival.discrete.denominator > limit * ival.discrete.numerator)
			continue;
		if (!best->denominator ||
		    (__u64)ival.discrete.denominator * best->numerator >
		    (__u64)best->denominator * ival.discrete.numerator)
			*best = ival.discrete;
	}
	if (!best->denominator)
		die("the camera tells no frame rate up to %u", limit);
	ioctl_or_die(fd, VIDIOC_S_PARM, &parm, "VIDIOC_S_PARM");
	return best->denominator / best->numerator;
}

void v4l2_request(int fd, __u32 type, __u32 memory, unsigned int count)
{
	struct v4l2_requestbuffers req = { .count = count, .type = type, .memory = memory };

	ioctl_or_die(fd, VIDIOC_REQBUFS, &req, "VIDIOC_REQBUFS");
	if (req.count != count)
		die("VIDIOC_REQBUFS gave %u buffers instead of %u", req.count, count);
}

void v4l2_stream(int fd, __u32 type, bool on)
{
	int arg = type;

	ioctl_or_die(fd, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &arg,
		     on ? "VIDIOC_STREAMON" : "VIDIOC_STREAMOFF");
}
