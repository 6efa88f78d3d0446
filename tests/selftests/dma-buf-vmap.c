// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel sees of a buffer when it maps one for itself: vkms shows a
 * picture that lies in the buffer, and what it shows comes back through its
 * writeback connector.
 */
#include <kselftest_harness.h>

#include <drm/drm.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_mode.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdint.h>
#include <sys/mman.h>

#include "common.h"

#define OBJECTS_MAX 16
#define MODES_MAX 64
#define TIMEOUT_MS 20000
/*
 * vkms takes no segment of more than 64 KiB: pictures of so many rows have 16,
 * and 24, pages.
 */
#define ROWS_OF_ONE_SEGMENT 25
#define ROWS_OF_SEVERAL 38
#define HUGE_PAGE (2u * 1024 * 1024)

/*
 * One CRTC, its primary plane, a screen that goes dark, and the connector that
 * stores.
 */
struct kms {
	int fd;
	unsigned int crtc, plane, screen, writeback, blob;
	struct drm_mode_modeinfo mode;
	unsigned int rows;	/* of the picture, which is as wide as the screen */
	size_t pitch, size;	/* of the picture */
};

struct request {
	unsigned int count;
	uint32_t objects[24], counts[24], props[24];
	uint64_t values[24];
};

static unsigned int prop_find(int fd, unsigned int object, unsigned int type, const char *name,
			      uint64_t *value)
{
	uint32_t ids[64];
	uint64_t values[64];
	struct drm_mode_obj_get_properties list = {
		.props_ptr = (uintptr_t)ids, .prop_values_ptr = (uintptr_t)values,
		.count_props = ARRAY_SIZE(ids), .obj_id = object, .obj_type = type,
	};
	unsigned int i;

	if (do_ioctl(fd, DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &list))
		return 0;
	for (i = 0; i < list.count_props && i < ARRAY_SIZE(ids); i++) {
		struct drm_mode_get_property prop = { .prop_id = ids[i] };

		if (do_ioctl(fd, DRM_IOCTL_MODE_GETPROPERTY, &prop) || strcmp(prop.name, name))
			continue;
		if (value)
			*value = values[i];
		return ids[i];
	}
	return 0;
}

static bool kms_find_plane(struct kms *k)
{
	uint32_t ids[OBJECTS_MAX];
	struct drm_mode_get_plane_res res = {
		.plane_id_ptr = (uintptr_t)ids, .count_planes = ARRAY_SIZE(ids),
	};
	uint64_t type;
	unsigned int i;

	if (do_ioctl(k->fd, DRM_IOCTL_MODE_GETPLANERESOURCES, &res))
		return false;
	for (i = 0; i < res.count_planes && i < ARRAY_SIZE(ids); i++)
		if (prop_find(k->fd, ids[i], DRM_MODE_OBJECT_PLANE, "type", &type) && type == 1)
			k->plane = ids[i];
	return k->plane;
}

/* Take the smallest mode: the emulated processor has to draw it. */
static void kms_look_at_connector(struct kms *k, unsigned int id)
{
	struct drm_mode_modeinfo modes[MODES_MAX];
	struct drm_mode_get_connector c = { .connector_id = id };
	unsigned int i;

	/* probe, then read */
	if (do_ioctl(k->fd, DRM_IOCTL_MODE_GETCONNECTOR, &c))
		return;
	if (c.connector_type != DRM_MODE_CONNECTOR_WRITEBACK) {
		k->screen = id;
		return;
	}
	k->writeback = id;
	c = (struct drm_mode_get_connector) {
		.connector_id = id, .modes_ptr = (uintptr_t)modes, .count_modes = MODES_MAX,
	};
	if (do_ioctl(k->fd, DRM_IOCTL_MODE_GETCONNECTOR, &c))
		return;
	for (i = 0; i < c.count_modes && i < MODES_MAX; i++)
		if (!k->mode.hdisplay || modes[i].hdisplay * modes[i].vdisplay <
		    k->mode.hdisplay * k->mode.vdisplay)
			k->mode = modes[i];
}

static bool kms_find_connectors(struct kms *k)
{
	uint32_t crtcs[OBJECTS_MAX], connectors[OBJECTS_MAX];
	struct drm_mode_card_res res = {
		.crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = OBJECTS_MAX,
		.connector_id_ptr = (uintptr_t)connectors, .count_connectors = OBJECTS_MAX,
	};
	unsigned int i;

	if (do_ioctl(k->fd, DRM_IOCTL_MODE_GETRESOURCES, &res) || !res.count_crtcs)
		return false;
	k->crtc = crtcs[0];
	for (i = 0; i < res.count_connectors && i < OBJECTS_MAX; i++)
		kms_look_at_connector(k, connectors[i]);
	return k->screen && k->writeback && k->mode.hdisplay;
}

static void kms_picture(struct kms *k, unsigned int rows)
{
	k->rows = rows;
	k->pitch = k->mode.hdisplay * 4;
	k->size = (k->pitch * rows + page_size() - 1) / page_size() * page_size();
}

static bool kms_set_up(struct kms *k)
{
	struct drm_set_client_cap atomic = { DRM_CLIENT_CAP_ATOMIC, 1 };
	struct drm_set_client_cap writeback = { DRM_CLIENT_CAP_WRITEBACK_CONNECTORS, 1 };
	struct drm_mode_create_blob blob = {
		.data = (uintptr_t)&k->mode, .length = sizeof(k->mode),
	};

	if (do_ioctl(k->fd, DRM_IOCTL_SET_CLIENT_CAP, &atomic) ||
	    do_ioctl(k->fd, DRM_IOCTL_SET_CLIENT_CAP, &writeback) ||
	    !kms_find_connectors(k) || !kms_find_plane(k) ||
	    do_ioctl(k->fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &blob))
		return false;
	k->blob = blob.blob_id;
	kms_picture(k, k->mode.vdisplay);
	return true;
}

/* Returns the framebuffer, or -errno. */
static int kms_framebuffer(struct kms *k, unsigned int handle, unsigned int rows)
{
	struct drm_mode_fb_cmd2 fb = {
		.width = k->mode.hdisplay, .height = rows,
		.pixel_format = DRM_FORMAT_XRGB8888, .handles = { handle },
		.pitches = { k->pitch },
	};

	return do_ioctl(k->fd, DRM_IOCTL_MODE_ADDFB2, &fb) ?: (int)fb.fb_id;
}

static void put(struct kms *k, struct request *r, unsigned int object, unsigned int type,
		const char *name, uint64_t value)
{
	r->objects[r->count] = object;
	r->counts[r->count] = 1;
	r->props[r->count] = prop_find(k->fd, object, type, name, NULL);
	r->values[r->count++] = value;
}

static void put_plane(struct kms *k, struct request *r, const char *name, uint64_t value)
{
	put(k, r, k->plane, DRM_MODE_OBJECT_PLANE, name, value);
}

static int kms_commit(struct kms *k, struct request *r)
{
	struct drm_mode_atomic arg = {
		.flags = DRM_MODE_ATOMIC_ALLOW_MODESET, .count_objs = r->count,
		.objs_ptr = (uintptr_t)r->objects, .count_props_ptr = (uintptr_t)r->counts,
		.props_ptr = (uintptr_t)r->props, .prop_values_ptr = (uintptr_t)r->values,
	};

	return do_ioctl(k->fd, DRM_IOCTL_MODE_ATOMIC, &arg);
}

/*
 * Show one framebuffer and have what is seen stored in another. Returns 0 or
 * -errno.
 */
static int kms_show(struct kms *k, unsigned int fb, unsigned int seen_fb)
{
	struct request r = {};
	int32_t fence = -1;
	int err;

	put(k, &r, k->crtc, DRM_MODE_OBJECT_CRTC, "ACTIVE", 1);
	put(k, &r, k->crtc, DRM_MODE_OBJECT_CRTC, "MODE_ID", k->blob);
	put(k, &r, k->screen, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID", 0);
	put(k, &r, k->writeback, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID", k->crtc);
	put(k, &r, k->writeback, DRM_MODE_OBJECT_CONNECTOR, "WRITEBACK_FB_ID", seen_fb);
	put(k, &r, k->writeback, DRM_MODE_OBJECT_CONNECTOR, "WRITEBACK_OUT_FENCE_PTR",
	    (uintptr_t)&fence);
	put_plane(k, &r, "FB_ID", fb);
	put_plane(k, &r, "CRTC_ID", k->crtc);
	put_plane(k, &r, "SRC_X", 0);
	put_plane(k, &r, "SRC_Y", 0);
	put_plane(k, &r, "SRC_W", (uint64_t)k->mode.hdisplay << 16);
	put_plane(k, &r, "SRC_H", (uint64_t)k->rows << 16);
	put_plane(k, &r, "CRTC_X", 0);
	put_plane(k, &r, "CRTC_Y", 0);
	put_plane(k, &r, "CRTC_W", k->mode.hdisplay);
	put_plane(k, &r, "CRTC_H", k->rows);
	err = kms_commit(k, &r);
	if (err)
		return err;
	err = poll_events(fence, POLLIN, TIMEOUT_MS) == POLLIN ? 0 : -ETIME;
	close(fence);
	return err;
}

static void kms_dark(struct kms *k)
{
	struct request r = {};

	/* vkms ends the job in a worker, some time after its fence */
	usleep(200000);
	put(k, &r, k->crtc, DRM_MODE_OBJECT_CRTC, "ACTIVE", 0);
	put(k, &r, k->crtc, DRM_MODE_OBJECT_CRTC, "MODE_ID", 0);
	put(k, &r, k->writeback, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID", 0);
	put_plane(k, &r, "FB_ID", 0);
	put_plane(k, &r, "CRTC_ID", 0);
	kms_commit(k, &r);
}

FIXTURE(vmap) {
	struct kms k;
	unsigned int *seen;
	size_t seen_size;
	int seen_fb;
};

FIXTURE_SETUP(vmap)
{
	struct drm_mode_create_dumb dumb = { .bpp = 32 };
	struct drm_mode_map_dumb map = {};

	self->k.fd = drm_open("vkms");
	if (self->k.fd < 0)
		SKIP(return, "no vkms");
	ASSERT_TRUE(kms_set_up(&self->k));
	dumb.width = self->k.mode.hdisplay;
	dumb.height = self->k.mode.vdisplay;
	ASSERT_EQ(0, do_ioctl(self->k.fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb));
	ASSERT_EQ(self->k.pitch, dumb.pitch);
	map.handle = dumb.handle;
	ASSERT_EQ(0, do_ioctl(self->k.fd, DRM_IOCTL_MODE_MAP_DUMB, &map));
	self->seen_size = dumb.size;
	self->seen = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, self->k.fd,
			  map.offset);
	ASSERT_NE(MAP_FAILED, self->seen);
	self->seen_fb = kms_framebuffer(&self->k, dumb.handle, self->k.rows);
	ASSERT_GE(self->seen_fb, 0);
}

FIXTURE_TEARDOWN(vmap)
{
	kms_dark(&self->k);
	munmap(self->seen, self->seen_size);
	close(self->k.fd);
}

/* Every pixel of every page is another one, as far as 24 bits go. */
static unsigned int pixel(size_t i)
{
	return (i * 2654435761u) >> 8;
}

/*
 * Where the first wrong pixel is, in bytes; the size when all are right;
 * -errno.
 */
static long show_and_compare(struct kms *k, int buf, int seen_fb, const unsigned int *seen)
{
	unsigned int *picture, handle = 0;
	size_t i, count = (size_t)k->mode.hdisplay * k->rows;
	int fb, err;

	picture = mmap(NULL, k->size, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0);
	if (picture == MAP_FAILED)
		return -errno;
	for (i = 0; i < count; i++)
		picture[i] = pixel(i);
	munmap(picture, k->size);

	err = vgem_import(k->fd, buf, &handle);
	if (err)
		return err;
	fb = kms_framebuffer(k, handle, k->rows);
	if (fb < 0)
		return fb;
	err = kms_show(k, fb, seen_fb);
	if (err)
		return err;
	for (i = 0; i < count; i++)
		if ((seen[i] & 0xffffff) != (pixel(i) & 0xffffff))
			break;
	return i == count ? (long)k->size : (long)(i * 4);
}

TEST_F(vmap, system_heap_is_seen_as_userspace_sees_it)
{
	int buf;

	kms_picture(&self->k, ROWS_OF_SEVERAL);
	buf = buf_from_heap(self->k.size);
	if (buf == -ENOENT)
		SKIP(return, "no system heap");
	ASSERT_GE(buf, 0);
	EXPECT_EQ((long)self->k.size,
		  show_and_compare(&self->k, buf, self->seen_fb, self->seen));
	close(buf);
}

/*
 * The ranges of a memfd, one page each, in the given order. Returns the buffer
 * or -errno.
 */
static int udmabuf_of_pages(unsigned int memfd_flags, size_t memfd_size, size_t page0,
			    size_t stride, size_t pages)
{
	struct udmabuf_create_list *list;
	int mem, dev, buf = -ENOENT;
	size_t i;

	mem = memfd_create("picture", MFD_ALLOW_SEALING | MFD_CLOEXEC | memfd_flags);
	if (mem < 0)
		return -ENOENT;
	dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	list = calloc(1, sizeof(*list) + pages * sizeof(list->list[0]));
	/*
	 * with all memory there from the start, its order is not that of the
	 * ranges
	 */
	if (dev < 0 || !list || ftruncate(mem, memfd_size) || fallocate(mem, 0, 0, memfd_size) ||
	    fcntl(mem, F_ADD_SEALS, F_SEAL_SHRINK))
		goto out;
	list->count = pages;
	for (i = 0; i < pages; i++) {
		list->list[i].memfd = mem;
		list->list[i].offset = (page0 + i * stride) % (memfd_size / 4096) * 4096;
		list->list[i].size = 4096;
	}
	buf = ioctl(dev, UDMABUF_CREATE_LIST, list);
	if (buf < 0)
		buf = -errno;
out:
	free(list);
	close(dev);
	close(mem);
	return buf;
}

TEST_F(vmap, udmabuf_of_scattered_pages_is_seen_as_userspace_sees_it)
{
	size_t pages = self->k.size / 4096, all = pages + 101;
	int buf;

	/*
	 * a stride that has no divisor in common with the number of pages
	 * reaches each once
	 */
	while (all % 7 == 0)
		all++;
	buf = udmabuf_of_pages(0, all * 4096, 3, 7, pages);
	if (buf == -ENOENT)
		SKIP(return, "no udmabuf");
	ASSERT_GE(buf, 0);
	EXPECT_EQ((long)self->k.size,
		  show_and_compare(&self->k, buf, self->seen_fb, self->seen));
	close(buf);
}

static void huge_pages_reserve(void)
{
	file_write("/proc/sys/vm/nr_hugepages", "8");
}

/*
 * On a stock kernel each page of the mapping is the first page of its huge
 * page.
 */
TEST_F(vmap, udmabuf_of_huge_pages_is_seen_as_userspace_sees_it)
{
	struct udmabuf_create create = {};
	int mem, dev, buf;

	kms_picture(&self->k, ROWS_OF_ONE_SEGMENT);
	huge_pages_reserve();
	mem = memfd_create("huge", MFD_ALLOW_SEALING | MFD_CLOEXEC | MFD_HUGETLB);
	dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (mem < 0 || dev < 0)
		SKIP(return, "no huge pages or no udmabuf in this kernel");
	ASSERT_EQ(0, ftruncate(mem, 2 * HUGE_PAGE));
	ASSERT_EQ(0, fcntl(mem, F_ADD_SEALS, F_SEAL_SHRINK));
	/* from the end of one into the other */
	create.memfd = mem;
	create.offset = HUGE_PAGE - 5 * page_size();
	create.size = self->k.size;
	buf = ioctl(dev, UDMABUF_CREATE, &create);
	ASSERT_GE(buf, 0);
	EXPECT_EQ((long)self->k.size,
		  show_and_compare(&self->k, buf, self->seen_fb, self->seen));
	close(buf);
	close(dev);
	close(mem);
}

TEST_F(vmap, udmabuf_of_parts_of_huge_pages_is_seen_as_userspace_sees_it)
{
	size_t pages = self->k.size / 4096;
	int buf;

	huge_pages_reserve();
	/* 1024 small pages are two huge ones; odd strides reach all of them */
	buf = udmabuf_of_pages(MFD_HUGETLB, 2 * HUGE_PAGE, 511, 3, pages);
	if (buf == -ENOENT)
		SKIP(return, "no huge pages or no udmabuf in this kernel");
	ASSERT_GE(buf, 0);
	EXPECT_EQ((long)self->k.size,
		  show_and_compare(&self->k, buf, self->seen_fb, self->seen));
	close(buf);
}

TEST_HARNESS_MAIN
