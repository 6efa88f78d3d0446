// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers, fences and observations for the user-space tests; common.h says what
 * each function does.
 */
#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

#define FDS_MAX 128	/* descriptors that fds_open() looks at */
#define BUFINFO_PATH "/sys/kernel/debug/dma_buf/bufinfo"

static int open_path(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int do_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

bool on_uml(void)
{
	char text[1024];

	return file_read("/proc/cpuinfo", text, sizeof(text)) > 0 && strstr(text, "User Mode");
}

size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

int buf_from_heap(size_t size)
{
	struct dma_heap_allocation_data data = { .len = size, .fd_flags = O_RDWR | O_CLOEXEC };
	int heap, err;

	heap = open_path("/dev/dma_heap/system", O_RDONLY);
	if (heap < 0)
		return heap;
	err = do_ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data);
	close(heap);
	return err ?: (int)data.fd;
}

int buf_from_udmabuf(size_t size)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = size };
	int dev, mem, buf = -1;

	dev = open_path("/dev/udmabuf", O_RDWR);
	if (dev < 0)
		return dev;
	mem = memfd_create("udmabuf", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (mem >= 0 && !ftruncate(mem, size) && !fcntl(mem, F_ADD_SEALS, F_SEAL_SHRINK)) {
		create.memfd = mem;
		buf = ioctl(dev, UDMABUF_CREATE, &create);
	}
	if (buf < 0)
		buf = -errno;
	if (mem >= 0)
		close(mem);
	close(dev);
	return buf;
}

static bool is_driver(int fd, const char *driver)
{
	char name[16] = "";
	struct drm_version version = { .name = name, .name_len = sizeof(name) - 1 };

	return !do_ioctl(fd, DRM_IOCTL_VERSION, &version) && !strcmp(name, driver);
}

int drm_open(const char *driver)
{
	char path[32];
	int i, fd;

	for (i = 0; i < 16; i++) {
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open_path(path, O_RDWR);
		if (fd < 0)
			continue;
		if (is_driver(fd, driver))
			return fd;
		close(fd);
	}
	return -ENOENT;
}

int vgem_open(void)
{
	return drm_open("vgem");
}

int vgem_create(int vgem, size_t size, unsigned int *handle)
{
	struct drm_mode_create_dumb dumb = {
		.width = page_size() / 4, .height = size / page_size(), .bpp = 32
	};
	int err = do_ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);

	*handle = dumb.handle;
	return err;
}

int vgem_export(int vgem, unsigned int handle)
{
	struct drm_prime_handle prime = { .handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR };

	return do_ioctl(vgem, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime) ?: prime.fd;
}

int vgem_import(int vgem, int buf, unsigned int *handle)
{
	struct drm_prime_handle prime = { .fd = buf };
	int err = do_ioctl(vgem, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);

	*handle = prime.handle;
	return err;
}

int vgem_close_handle(int vgem, unsigned int handle)
{
	struct drm_gem_close arg = { .handle = handle };

	return do_ioctl(vgem, DRM_IOCTL_GEM_CLOSE, &arg);
}

int buf_from_vgem(size_t size)
{
	unsigned int handle;
	int vgem, buf;

	vgem = vgem_open();
	if (vgem < 0)
		return vgem;
	buf = vgem_create(vgem, size, &handle);
	if (!buf)
		buf = vgem_export(vgem, handle);
	close(vgem);
	return buf;
}

const struct buf_source buf_heap = { "system heap", "system", buf_from_heap };
const struct buf_source buf_udmabuf = { "udmabuf", "udmabuf", buf_from_udmabuf };
const struct buf_source buf_vgem = { "vgem", "drm", buf_from_vgem };

int timeline_open(void)
{
	return open_path(SW_SYNC_PATH, O_RDWR);
}

int timeline_fence(int timeline, unsigned int value)
{
	struct sw_sync_fence_arg arg = { .value = value, .name = "selftest", .fence = -1 };

	return do_ioctl(timeline, SW_SYNC_CREATE_FENCE, &arg) ?: arg.fence;
}

int timeline_inc(int timeline, unsigned int count)
{
	__u32 arg = count;

	return do_ioctl(timeline, SW_SYNC_INC, &arg);
}

int timeline_deadline(int fence, unsigned long long *ns)
{
	struct sw_sync_deadline_arg arg = { .fence_fd = fence };
	int timeline, err;

	timeline = timeline_open();
	if (timeline < 0)
		return timeline;
	err = do_ioctl(timeline, SW_SYNC_GET_DEADLINE, &arg);
	close(timeline);
	*ns = arg.deadline_ns;
	return err;
}

int buf_sync(int buf, unsigned long long flags)
{
	struct dma_buf_sync arg = { .flags = flags };

	return do_ioctl(buf, DMA_BUF_IOCTL_SYNC, &arg);
}

int buf_export_sync_file(int buf, unsigned int flags)
{
	struct dma_buf_export_sync_file arg = { .flags = flags, .fd = -1 };

	return do_ioctl(buf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg) ?: arg.fd;
}

int buf_import_sync_file(int buf, unsigned int flags, int fence)
{
	struct dma_buf_import_sync_file arg = { .flags = flags, .fd = fence };

	return do_ioctl(buf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg);
}

int buf_set_name(int buf, const char *name)
{
	return do_ioctl(buf, DMA_BUF_SET_NAME, (void *)name);
}

int buf_add_pending(int buf, int timeline, unsigned int value, unsigned int flags)
{
	int fence, err;

	fence = timeline_fence(timeline, value);
	if (fence < 0)
		return fence;
	err = buf_import_sync_file(buf, flags, fence);
	close(fence);
	return err;
}

int fence_merge(int a, int b, const char *name)
{
	struct sync_merge_data arg = { .fd2 = b, .fence = -1 };

	memcpy(arg.name, name, strnlen(name, sizeof(arg.name)));
	return do_ioctl(a, SYNC_IOC_MERGE, &arg) ?: arg.fence;
}

int fence_info(int fence, struct sync_file_info *info, struct sync_fence_info *fences,
	       unsigned int count)
{
	memset(info, 0, sizeof(*info));
	info->num_fences = count;
	info->sync_fence_info = (uintptr_t)fences;
	return do_ioctl(fence, SYNC_IOC_FILE_INFO, info);
}

int fence_status(int fence)
{
	struct sync_file_info info;

	return fence_info(fence, &info, NULL, 0) ?: info.status;
}

int poll_events(int fd, int events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, timeout_ms) < 0 ? -errno : p.revents;
}

int fds_open(void)
{
	int fd, count = 0;

	for (fd = 0; fd < FDS_MAX; fd++) {
		if (fcntl(fd, F_GETFD) >= 0) {
			count++;
		} else if (dup2(STDERR_FILENO, fd) >= 0) {
			close(fd);
		} else if (errno == EBUSY) {
			/* reserved by a call that never came back for it */
			count++;
		}
	}
	return count;
}

bool fd_is_cloexec(int fd)
{
	return fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

int file_read(const char *path, char *text, size_t size)
{
	ssize_t got;
	size_t len = 0;
	int fd;

	fd = open_path(path, O_RDONLY);
	if (fd < 0)
		return fd;
	while ((got = read(fd, text + len, size - 1 - len)) > 0)
		len += got;
	if (got < 0)
		got = -errno;
	close(fd);
	text[len] = '\0';
	return got < 0 ? got : (int)len;
}

int file_write(const char *path, const char *text)
{
	ssize_t put;
	int fd;

	fd = open_path(path, O_WRONLY);
	if (fd < 0)
		return fd;
	put = write(fd, text, strlen(text));
	if (put < 0)
		put = -errno;
	close(fd);
	return put < 0 ? put : 0;
}

int fdinfo_read(int fd, char *text, size_t size)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return file_read(path, text, size);
}

int fd_link_read(int fd, char *text, size_t size)
{
	char path[40];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, text, size - 1);
	if (len < 0)
		return -errno;
	text[len] = '\0';
	return len;
}

int fdinfo_value(int fd, const char *key, char *value, size_t size)
{
	char text[1024], *line, *save;
	size_t len = strlen(key);
	int err;

	err = fdinfo_read(fd, text, sizeof(text));
	if (err < 0)
		return err;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, key, len) || strncmp(line + len, ":\t", 2))
			continue;
		snprintf(value, size, "%s", line + len + 2);
		return 0;
	}
	return -ENOENT;
}

unsigned long fd_ino(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

/* The line that starts a buffer; the other lines about it start with a tab. */
static bool bufinfo_parse_head(const char *line, struct bufinfo *info)
{
	return sscanf(line, "%zu\t%x\t%x\t%ld\t%63[^\t]\t%lu\t%63[^\n]", &info->size, &info->flags,
		      &info->mode, &info->count, info->exp_name, &info->ino, info->name) == 7;
}

static void bufinfo_parse_detail(const char *line, bool *devices, struct bufinfo *info)
{
	if (!strcmp(line, "\tAttached Devices:\n")) {
		*devices = true;
	} else if (line[0] == '\t' && *devices) {
		info->devices++;
		snprintf(info->device, sizeof(info->device), "%.*s",
			 (int)strcspn(line + 1, "\n"), line + 1);
	} else if (line[0] == '\t') {
		info->fences++;
	}
}

int bufinfo_read(unsigned long ino, struct bufinfo *info)
{
	bool found = false, devices = false;
	char line[512];
	FILE *file;

	memset(info, 0, sizeof(*info));
	file = fopen(BUFINFO_PATH, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (!found) {
			found = bufinfo_parse_head(line, info) && info->ino == ino;
			continue;
		}
		if (sscanf(line, "Total %d devices attached", &info->devices_total) == 1)
			break;
		bufinfo_parse_detail(line, &devices, info);
	}
	fclose(file);
	return found ? 0 : -ENOENT;
}

void *page_unmapped(void)
{
	void *page = mmap(NULL, page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || munmap(page, page_size()))
		abort();
	return page;
}

void *page_readonly(const void *data, size_t size)
{
	void *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	if (page == MAP_FAILED)
		abort();
	memcpy(page, data, size);
	if (mprotect(page, page_size(), PROT_READ))
		abort();
	return page;
}

void *page_before_hole(const void *data, size_t size)
{
	char *pages = mmap(NULL, 2 * page_size(), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || munmap(pages + page_size(), page_size()))
		abort();
	return memcpy(pages + page_size() - size, data, size);
}

long dma_mappings(void)
{
	char total[32], unused[32];

	if (file_read("/sys/kernel/debug/dma-api/nr_total_entries", total, sizeof(total)) < 0 ||
	    file_read("/sys/kernel/debug/dma-api/num_free_entries", unused, sizeof(unused)) < 0)
		return -ENOENT;
	return atol(total) - atol(unused);
}

static void *delayed_inc_run(void *arg)
{
	struct delayed_inc *inc = arg;

	usleep(inc->delay_ms * 1000);
	timeline_inc(inc->timeline, inc->count);
	return NULL;
}

int delayed_inc_start(struct delayed_inc *inc, int timeline, unsigned int count, int delay_ms)
{
	pthread_t thread;
	int err;

	inc->timeline = timeline;
	inc->count = count;
	inc->delay_ms = delay_ms;
	err = pthread_create(&thread, NULL, delayed_inc_run, inc);
	inc->thread = thread;
	return -err;
}

void delayed_inc_join(struct delayed_inc *inc)
{
	pthread_join(inc->thread, NULL);
}

long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}
