// SPDX-License-Identifier: GPL-2.0-only
/* Drivers that export and import buffers: vgem and the samples. */
#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <drm/vgem_drm.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dma-buf-samples.h"
#include "ops.h"

char vgem_path[32];

static bool is_vgem(int fd)
{
	char name[16] = "";
	struct drm_version version = { .name = name, .name_len = sizeof(name) - 1 };

	return !ioctl(fd, DRM_IOCTL_VERSION, &version) && !strcmp(name, "vgem");
}

bool paths_find(void)
{
	int i, fd;

	for (i = 0; i < 16; i++) {
		snprintf(vgem_path, sizeof(vgem_path), "/dev/dri/card%d", i);
		fd = open(vgem_path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && is_vgem(fd)) {
			close(fd);
			return true;
		}
		if (fd >= 0)
			close(fd);
	}
	return false;
}

OP(vgem_open)
{
	slot_put(a[0], open(vgem_path, O_RDWR | O_CLOEXEC), T_VGEM);
}

OP(vgem_create)
{
	struct drm_mode_create_dumb dumb = {
		.width = PAGE / 4, .height = a[1] > 256 ? 1 : a[1], .bpp = 32
	};

	sys_ioctl(me, slot_fd(a[0]), DRM_IOCTL_MODE_CREATE_DUMB, &dumb, sizeof(dumb));
}

OP(vgem_export)
{
	struct drm_prime_handle prime = { .handle = a[2], .flags = a[3] };

	if (!sys_ioctl(me, slot_fd(a[1]), DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime, sizeof(prime)))
		slot_put(a[0], prime.fd, T_BUF);
}

OP(vgem_import)
{
	struct drm_prime_handle prime = { .fd = slot_fd(a[1]) };

	sys_ioctl(me, slot_fd(a[0]), DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime, sizeof(prime));
}

OP(vgem_close)
{
	struct drm_gem_close arg = { .handle = a[1] };

	sys_ioctl(me, slot_fd(a[0]), DRM_IOCTL_GEM_CLOSE, &arg, sizeof(arg));
}

OP(vgem_fence)
{
	struct drm_vgem_fence_attach arg = { .handle = a[1], .flags = a[2] & 1 };

	sys_ioctl(me, slot_fd(a[0]), DRM_IOCTL_VGEM_FENCE_ATTACH, &arg, sizeof(arg));
}

OP(vgem_signal)
{
	struct drm_vgem_fence_signal arg = { .fence = a[1] };

	sys_ioctl(me, slot_fd(a[0]), DRM_IOCTL_VGEM_FENCE_SIGNAL, &arg, sizeof(arg));
}

OP(exporter_create)
{
	struct sample_exporter_create arg = { .size = a[1] * PAGE };

	slot_put(a[0], sys_ioctl(me, machine.exporter, SAMPLE_EXPORTER_CREATE, &arg, sizeof(arg)),
		 T_BUF);
}

OP(exporter_move)
{
	__s32 fd = slot_fd(a[0]);

	sys_ioctl(me, machine.exporter, SAMPLE_EXPORTER_MOVE, &fd, sizeof(fd));
}

OP(importer_open)
{
	slot_put(a[0], open("/dev/dma-buf-importer", O_RDWR | O_CLOEXEC), T_IMPORTER);
}

OP(importer_attach)
{
	__s32 fd = slot_fd(a[1]);

	sys_ioctl(me, slot_fd(a[0]), SAMPLE_IMPORTER_ATTACH, &fd, sizeof(fd));
}

OP(importer_run)
{
	struct sample_importer_job job = {
		.op = a[1] == 64 ? 7 : a[1] & 1, .value = a[2], .delay_ms = a[3] & 15
	};

	sys_ioctl(me, slot_fd(a[0]), SAMPLE_IMPORTER_RUN, &job, sizeof(job));
}

OP(importer_peek)
{
	__u64 offset = a[1];

	sys_ioctl(me, slot_fd(a[0]), SAMPLE_IMPORTER_PEEK, &offset, sizeof(offset));
}
