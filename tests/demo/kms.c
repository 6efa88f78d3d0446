// SPDX-License-Identifier: GPL-2.0-only
/*
 * Atomic mode setting on vkms: one CRTC, its primary plane, and two connectors:
 * the screen, which goes dark, and the writeback connector, which stores what a
 * screen would show.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <drm_fourcc.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "demo.h"

#define CARDS	16

enum object { CRTC, PLANE, SCREEN, WRITEBACK, OBJECTS };

enum prop {
	CRTC_ACTIVE, CRTC_MODE_ID,
	PLANE_FB_ID, PLANE_CRTC_ID, PLANE_IN_FENCE_FD,
	PLANE_SRC_X, PLANE_SRC_Y, PLANE_SRC_W, PLANE_SRC_H,
	PLANE_CRTC_X, PLANE_CRTC_Y, PLANE_CRTC_W, PLANE_CRTC_H,
	SCREEN_CRTC_ID,
	WRITEBACK_CRTC_ID, WRITEBACK_FB_ID, WRITEBACK_OUT_FENCE_PTR,
	PROPS
};

static const struct {
	enum object object;
	const char *name;
} props[PROPS] = {
	[CRTC_ACTIVE] = { CRTC, "ACTIVE" },
	[CRTC_MODE_ID] = { CRTC, "MODE_ID" },
	[PLANE_FB_ID] = { PLANE, "FB_ID" },
	[PLANE_CRTC_ID] = { PLANE, "CRTC_ID" },
	[PLANE_IN_FENCE_FD] = { PLANE, "IN_FENCE_FD" },
	[PLANE_SRC_X] = { PLANE, "SRC_X" },
	[PLANE_SRC_Y] = { PLANE, "SRC_Y" },
	[PLANE_SRC_W] = { PLANE, "SRC_W" },
	[PLANE_SRC_H] = { PLANE, "SRC_H" },
	[PLANE_CRTC_X] = { PLANE, "CRTC_X" },
	[PLANE_CRTC_Y] = { PLANE, "CRTC_Y" },
	[PLANE_CRTC_W] = { PLANE, "CRTC_W" },
	[PLANE_CRTC_H] = { PLANE, "CRTC_H" },
	[SCREEN_CRTC_ID] = { SCREEN, "CRTC_ID" },
	[WRITEBACK_CRTC_ID] = { WRITEBACK, "CRTC_ID" },
	[WRITEBACK_FB_ID] = { WRITEBACK, "WRITEBACK_FB_ID" },
	[WRITEBACK_OUT_FENCE_PTR] = { WRITEBACK, "WRITEBACK_OUT_FENCE_PTR" },
};

static const __u32 object_types[OBJECTS] = {
	[CRTC] = DRM_MODE_OBJECT_CRTC, [PLANE] = DRM_MODE_OBJECT_PLANE,
	[SCREEN] = DRM_MODE_OBJECT_CONNECTOR, [WRITEBACK] = DRM_MODE_OBJECT_CONNECTOR,
};

struct kms {
	int fd;
	__u32 object[OBJECTS];
	__u32 prop[PROPS];
	__u32 mode_blob;
	/* the file of debugfs that lists framebuffers */
	char list[64];
	bool lit;
	bool flipped;
};

/* Open the DRM device of @driver. */
int card_open(const char *driver)
{
	drmVersionPtr version;
	char path[32];
	bool match;
	int i, fd;

	for (i = 0; i < CARDS; i++) {
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		if (access(path, F_OK))
			continue;
		fd = open_or_die(path, O_RDWR);
		version = drmGetVersion(fd);
		match = version && !strcmp(version->name, driver);
		drmFreeVersion(version);
		if (match)
			return fd;
		close(fd);
	}
	die("no DRM device of the driver %s", driver);
}

/*
 * Look @name up among the properties of an object. Return its id, and its value
 * if asked for.
 */
static __u32 find_prop(int fd, __u32 object, __u32 type, const char *name, __u64 *value)
{
	drmModeObjectPropertiesPtr list = drmModeObjectGetProperties(fd, object, type);
	drmModePropertyPtr p;
	__u32 i, id = 0;

	for (i = 0; list && !id && i < list->count_props; i++) {
		p = drmModeGetProperty(fd, list->props[i]);
		if (p && !strcmp(p->name, name)) {
			id = p->prop_id;
			if (value)
				*value = list->prop_values[i];
		}
		drmModeFreeProperty(p);
	}
	drmModeFreeObjectProperties(list);
	if (!id)
		die("DRM object %u has no property %s", object, name);
	return id;
}

static bool plane_fits(int fd, __u32 id)
{
	drmModePlanePtr plane = drmModeGetPlane(fd, id);
	bool crtc, format = false;
	__u64 type = 0;
	__u32 i;

	if (!plane)
		die("drmModeGetPlane: %s", strerror(errno));
	crtc = plane->possible_crtcs & 1;
	for (i = 0; i < plane->count_formats; i++)
		format |= plane->formats[i] == DRM_FORMAT_XRGB8888;
	drmModeFreePlane(plane);
	find_prop(fd, id, DRM_MODE_OBJECT_PLANE, "type", &type);
	return crtc && format && type == DRM_PLANE_TYPE_PRIMARY;
}

static void find_plane(struct kms *k)
{
	drmModePlaneResPtr res = drmModeGetPlaneResources(k->fd);
	__u32 i;

	for (i = 0; res && i < res->count_planes; i++) {
		if (plane_fits(k->fd, res->planes[i]))
			k->object[PLANE] = res->planes[i];
	}
	drmModeFreePlaneResources(res);
	if (!k->object[PLANE])
		die("vkms has no primary plane that shows XRGB8888");
}

static void take_mode(struct kms *k, const drmModeConnector *c)
{
	int i;

	for (i = 0; i < c->count_modes; i++) {
		const drmModeModeInfo *mode = &c->modes[i];

		if (mode->hdisplay != WIDTH || mode->vdisplay != HEIGHT || k->mode_blob)
			continue;
		if (drmModeCreatePropertyBlob(k->fd, mode, sizeof(*mode), &k->mode_blob))
			die("drmModeCreatePropertyBlob: %s", strerror(errno));
		say("vkms         mode %s, %u Hz", mode->name, mode->vrefresh);
	}
	if (!k->mode_blob)
		die("the writeback connector knows no mode of %ux%u", WIDTH, HEIGHT);
}

static void find_connectors(struct kms *k, const drmModeRes *res)
{
	int i;

	for (i = 0; i < res->count_connectors; i++) {
		drmModeConnectorPtr c = drmModeGetConnector(k->fd, res->connectors[i]);

		if (!c)
			die("drmModeGetConnector: %s", strerror(errno));
		if (c->connector_type == DRM_MODE_CONNECTOR_WRITEBACK) {
			k->object[WRITEBACK] = c->connector_id;
			take_mode(k, c);
		} else {
			k->object[SCREEN] = c->connector_id;
		}
		drmModeFreeConnector(c);
	}
	if (!k->object[SCREEN] || !k->object[WRITEBACK])
		die("vkms has no %s connector", k->object[SCREEN] ? "writeback" : "screen");
}

static void check_writeback_format(const struct kms *k)
{
	drmModePropertyBlobPtr blob;
	bool found = false;
	__u64 id = 0;
	__u32 i;

	find_prop(k->fd, k->object[WRITEBACK], DRM_MODE_OBJECT_CONNECTOR,
		  "WRITEBACK_PIXEL_FORMATS", &id);
	blob = drmModeGetPropertyBlob(k->fd, id);
	for (i = 0; blob && i < blob->length / sizeof(__u32); i++)
		found |= ((__u32 *)blob->data)[i] == DRM_FORMAT_XRGB8888;
	drmModeFreePropertyBlob(blob);
	if (!found)
		die("the writeback connector does not store XRGB8888");
}

struct kms *kms_open(void)
{
	struct kms *k = calloc(1, sizeof(*k));
	drmModeResPtr res;
	struct stat st;
	int i;

	if (!k)
		die("no memory");
	k->fd = card_open("vkms");
	if (fstat(k->fd, &st))
		die("fstat: %s", strerror(errno));
	snprintf(k->list, sizeof(k->list), "/sys/kernel/debug/dri/%u/framebuffer",
		 minor(st.st_rdev));
	if (drmSetClientCap(k->fd, DRM_CLIENT_CAP_ATOMIC, 1) ||
	    drmSetClientCap(k->fd, DRM_CLIENT_CAP_WRITEBACK_CONNECTORS, 1))
		die("vkms refuses atomic mode setting or writeback: %s", strerror(errno));
	res = drmModeGetResources(k->fd);
	if (!res || res->count_crtcs < 1)
		die("vkms has no CRTC");
	k->object[CRTC] = res->crtcs[0];
	find_connectors(k, res);
	drmModeFreeResources(res);
	find_plane(k);
	check_writeback_format(k);
	for (i = 0; i < PROPS; i++)
		k->prop[i] = find_prop(k->fd, k->object[props[i].object],
				       object_types[props[i].object], props[i].name, NULL);
	return k;
}

/*
 * Import a dma-buf by PRIME and make a framebuffer of it. Return the
 * framebuffer.
 */
__u32 kms_import(struct kms *k, const struct buffer *b, unsigned int pitch)
{
	__u32 handles[4] = { 0 }, pitches[4] = { pitch }, offsets[4] = { 0 }, fb;

	if (drmPrimeFDToHandle(k->fd, b->fd, &handles[0]))
		die("drmPrimeFDToHandle: %s", strerror(errno));
	if (drmModeAddFB2(k->fd, WIDTH, HEIGHT, DRM_FORMAT_XRGB8888, handles, pitches, offsets,
			  &fb, 0))
		die("drmModeAddFB2: %s", strerror(errno));
	/* The framebuffer keeps the buffer. */
	if (drmCloseBufferHandle(k->fd, handles[0]))
		die("drmCloseBufferHandle: %s", strerror(errno));
	return fb;
}

static void add(struct kms *k, drmModeAtomicReq *req, enum prop prop, __u64 value)
{
	__u32 object = k->object[props[prop].object];

	if (drmModeAtomicAddProperty(req, object, k->prop[prop], value) < 0)
		die("no memory for an atomic request");
}

static void add_whole_screen(struct kms *k, drmModeAtomicReq *req)
{
	add(k, req, CRTC_ACTIVE, 1);
	add(k, req, CRTC_MODE_ID, k->mode_blob);
	/*
	 * vkms cannot drive both at once, and the console of the kernel may
	 * hold the screen.
	 */
	add(k, req, SCREEN_CRTC_ID, 0);
	add(k, req, WRITEBACK_CRTC_ID, k->object[CRTC]);
	add(k, req, PLANE_CRTC_ID, k->object[CRTC]);
	add(k, req, PLANE_SRC_X, 0);
	add(k, req, PLANE_SRC_Y, 0);
	add(k, req, PLANE_SRC_W, WIDTH << 16);
	add(k, req, PLANE_SRC_H, HEIGHT << 16);
	add(k, req, PLANE_CRTC_X, 0);
	add(k, req, PLANE_CRTC_Y, 0);
	add(k, req, PLANE_CRTC_W, WIDTH);
	add(k, req, PLANE_CRTC_H, HEIGHT);
}

/* Read from debugfs how many references the framebuffer @fb has. */
static unsigned int count_references(const struct kms *k, __u32 fb)
{
	unsigned int id = 0, count = 0;
	char line[256];
	FILE *file = fopen(k->list, "r");

	if (!file)
		die("cannot read %s: %s", k->list, strerror(errno));
	while (fgets(line, sizeof(line), file) && !(id == fb && count)) {
		if (sscanf(line, "framebuffer[%u]", &id) != 1 && id == fb)
			sscanf(line, " refcount=%u", &count);
	}
	fclose(file);
	if (!count)
		die("%s does not tell the references of framebuffer %u", k->list, fb);
	return count;
}

/*
 * vkms ends a writeback job in a worker of its own, some time after the job's
 * fence has signaled, and then turns its composer off, also if a new job is
 * waiting for it by now, which would wait forever. Both the job and vkms hold
 * the framebuffer until that is over.
 */
static void wait_released(const struct kms *k, __u32 fb)
{
	unsigned long long end = now_ns() + TIMEOUT_MS * 1000000ULL;

	while (count_references(k, fb) > 1) {
		if (now_ns() > end)
			die("vkms still holds the framebuffer after %d seconds",
			    TIMEOUT_MS / 1000);
		usleep(500);
	}
}

/*
 * Show @fb once @in_fence has signaled (-1: at once) and store the shown
 * picture in @writeback_fb. Do not wait for either. Return the fence that
 * signals when the picture is stored.
 */
int kms_show(struct kms *k, __u32 fb, __u32 writeback_fb, int in_fence)
{
	__u32 flags = DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT;
	drmModeAtomicReqPtr req = drmModeAtomicAlloc();
	__s32 out_fence = -1;

	if (!req)
		die("no memory for an atomic request");
	wait_released(k, writeback_fb);
	if (!k->lit) {
		flags |= DRM_MODE_ATOMIC_ALLOW_MODESET;
		add_whole_screen(k, req);
	}
	add(k, req, PLANE_FB_ID, fb);
	if (in_fence >= 0)
		add(k, req, PLANE_IN_FENCE_FD, in_fence);
	add(k, req, WRITEBACK_FB_ID, writeback_fb);
	add(k, req, WRITEBACK_OUT_FENCE_PTR, (unsigned long)&out_fence);
	if (drmModeAtomicCommit(k->fd, req, flags, k))
		die("drmModeAtomicCommit: %s", strerror(errno));
	drmModeAtomicFree(req);
	if (out_fence < 0)
		die("the commit gave no fence for its writeback");
	k->lit = true;
	return out_fence;
}

static void flip_done(int fd, unsigned int sequence, unsigned int sec, unsigned int usec,
		      unsigned int crtc, void *data)
{
	((struct kms *)data)->flipped = true;
}

/*
 * Wait until the last kms_show() is on the screen; before that the next one
 * would be refused.
 */
void kms_wait_flip(struct kms *k)
{
	drmEventContext events = { .version = 3, .page_flip_handler2 = flip_done };

	k->flipped = false;
	while (!k->flipped) {
		wait_or_die(k->fd, POLLIN, "waiting for vkms to flip");
		if (drmHandleEvent(k->fd, &events))
			die("reading the event of vkms: %s", strerror(errno));
	}
}

void kms_close(struct kms *k)
{
	if (close(k->fd))
		die("closing vkms: %s", strerror(errno));
	free(k);
}
