// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocation failures in dma-buf*.c: every slab allocation that a call makes
 * fails once; the call says -ENOMEM and leaves no trace. See fail-nth.h for
 * what the machine has to prepare.
 */
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-resv.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iosys-map.h>
#include <linux/poll.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>
#include <uapi/linux/dma-buf.h>

#include "fail-nth.h"
#include "kunit-rerun.h"
#include "mock-buf.h"
#include "mock-fence.h"
#include "mock-task.h"

/* More than any single call here allocates. */
#define MAX_ALLOCATIONS 64

/*
 * @fn: the call
 * @undo: takes back a call that succeeded
 * @check: looks at what a call left behind that failed, or that was undone
 */
struct oom_call {
	long (*fn)(void *data);
	void (*undo)(void *data);
	void (*check)(struct kunit *test, void *data);
};

/*
 * Make the call with its first allocation failing, then with its second, and so
 * on until it runs out of allocations. Returns how often it failed; the last
 * call has succeeded and is not undone.
 */
static int fail_each(struct kunit *test, const struct oom_call *call, void *data)
{
	unsigned int n, left;
	int failures = 0;
	long ret;

	for (n = 1; n < MAX_ALLOCATIONS; n++) {
		fail_nth_set(n);
		ret = call->fn(data);
		left = fail_nth_left();
		fail_nth_set(0);
		if (left)
			break;
		if (ret) {
			KUNIT_EXPECT_EQ_MSG(test, -ENOMEM, ret, "allocation %u", n);
			failures++;
		} else {
			call->undo(data);
		}
		mock_fput_flush();
		call->check(test, data);
	}
	KUNIT_EXPECT_EQ(test, 0, ret);
	return failures;
}

static int dma_buf_oom_init(struct kunit *test)
{
	if (!fail_nth_usable())
		kunit_skip(test, "allocations do not fail on demand");
	return 0;
}

static long do_export(void *data)
{
	return mock_buf_export(data);
}

static void undo_export(void *data)
{
	struct mock_buf *mb = data;

	mock_buf_put(mb);
	atomic_dec(&mb->count[MOCK_RELEASE]);
}

static void check_export(struct kunit *test, void *data)
{
	struct mock_buf *mb = data;

	KUNIT_EXPECT_NULL(test, mb->dmabuf);
	KUNIT_EXPECT_EQ(test, 0, mock_buf_count(mb, MOCK_RELEASE));
}

static const struct oom_call oom_export = { do_export, undo_export, check_export };

static void dma_buf_export_out_of_memory(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_alloc(test, MOCK_STATIC);

	/* The buffer with its inode, a dentry and a file at least. */
	KUNIT_EXPECT_GE(test, fail_each(test, &oom_export, mb), 3);
	KUNIT_ASSERT_NOT_NULL(test, mb->dmabuf);
	mock_buf_put(mb);
	KUNIT_EXPECT_EQ(test, 1, mock_buf_count(mb, MOCK_RELEASE));
}

/* The exporter's reservation is not the buffer's to tidy up. */
static void dma_buf_export_given_resv_out_of_memory(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_alloc(test, MOCK_STATIC);
	struct dma_fence *fence = mock_fence_create(test, dma_fence_context_alloc(1), 1);
	struct dma_resv resv;

	dma_resv_init(&resv);
	dma_resv_lock(&resv, NULL);
	KUNIT_ASSERT_EQ(test, 0, dma_resv_reserve_fences(&resv, 1));
	dma_resv_add_fence(&resv, fence, DMA_RESV_USAGE_WRITE);
	dma_resv_unlock(&resv);
	mb->info.resv = &resv;
	KUNIT_EXPECT_GE(test, fail_each(test, &oom_export, mb), 3);
	KUNIT_EXPECT_EQ(test, 2, kref_read(&fence->refcount));
	KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(&resv, DMA_RESV_USAGE_WRITE));
	mock_buf_put(mb);
	dma_resv_fini(&resv);
	mock_fence_finish(fence);
}

struct oom {
	struct mock_buf *mb;
	struct device *dev;
	const struct dma_buf_attach_ops *importer_ops;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	struct iosys_map map;
	unsigned long page;
	unsigned int cmd;
	int next_fd;
	struct dma_fence *fence;
	u64 context;
};

static void oom_init(struct kunit *test, struct oom *oom, u32 ops)
{
	memset(oom, 0, sizeof(*oom));
	oom->mb = mock_buf_create(test, ops);
	oom->dev = mock_device_create(test, "importer");
}

static long do_attach(void *data)
{
	struct oom *oom = data;

	oom->attach = dma_buf_dynamic_attach(oom->mb->dmabuf, oom->dev, oom->importer_ops, NULL);
	return PTR_ERR_OR_ZERO(oom->attach);
}

static void undo_attach(void *data)
{
	struct oom *oom = data;

	dma_buf_detach(oom->mb->dmabuf, oom->attach);
}

static void check_attach(struct kunit *test, void *data)
{
	struct oom *oom = data;
	struct mock_buf *mb = oom->mb;

	KUNIT_EXPECT_TRUE(test, list_is_singular(&mb->dmabuf->attachments));
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(mb->dmabuf->resv));
	KUNIT_EXPECT_EQ(test, mock_buf_count(mb, MOCK_ATTACH), mock_buf_count(mb, MOCK_DETACH));
	KUNIT_EXPECT_EQ(test, mock_buf_count(mb, MOCK_PIN), mock_buf_count(mb, MOCK_UNPIN));
}

static const struct oom_call oom_attach_call = { do_attach, undo_attach, check_attach };

struct oom_attach {
	const char *name;
	u32 exporter;
	const struct dma_buf_attach_ops *importer_ops;
	int at_least;
};

static const struct oom_attach oom_attaches[] = {
	{ "static_to_static", MOCK_STATIC, NULL, 1 },
	{ "static_to_dynamic", MOCK_DYNAMIC, NULL, 3 },
	{ "dynamic_to_static", MOCK_STATIC, &mock_attach_ops, 3 },
	{ "dynamic_to_dynamic", MOCK_DYNAMIC, &mock_attach_ops, 1 },
};

KUNIT_ARRAY_PARAM_DESC(oom_attach, oom_attaches, name);

/*
 * The attachment of a second device, and where it is mapped at once the
 * exporter's table. The first one, whose attachment the buffer has room for,
 * stays as it was.
 */
static void dma_buf_attach_out_of_memory(struct kunit *test)
{
	const struct oom_attach *c = test->param_value;
	struct dma_buf_attachment *first;
	struct oom oom;

	oom_init(test, &oom, MOCK_ATTACHING | c->exporter);
	oom.importer_ops = c->importer_ops;
	KUNIT_ASSERT_EQ(test, 0, do_attach(&oom));
	first = oom.attach;
	atomic_set(&oom.mb->count[MOCK_ATTACH], 0);
	atomic_set(&oom.mb->count[MOCK_PIN], 0);
	KUNIT_EXPECT_GE(test, fail_each(test, &oom_attach_call, &oom), c->at_least);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, oom.attach);
	dma_buf_detach(oom.mb->dmabuf, oom.attach);
	check_attach(test, &oom);
	dma_buf_detach(oom.mb->dmabuf, first);
}

static long do_map(void *data)
{
	struct oom *oom = data;

	oom->sgt = dma_buf_map_attachment_unlocked(oom->attach, DMA_TO_DEVICE);
	return PTR_ERR_OR_ZERO(oom->sgt);
}

static void undo_map(void *data)
{
	struct oom *oom = data;

	dma_buf_unmap_attachment_unlocked(oom->attach, oom->sgt, DMA_TO_DEVICE);
}

static void check_map(struct kunit *test, void *data)
{
	struct oom *oom = data;

	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(oom->mb->dmabuf->resv));
	KUNIT_EXPECT_EQ(test, mock_buf_count(oom->mb, MOCK_PIN),
			mock_buf_count(oom->mb, MOCK_UNPIN));
}

static const struct oom_call oom_map = { do_map, undo_map, check_map };

static void dma_buf_map_attachment_out_of_memory(struct kunit *test)
{
	struct oom oom;

	oom_init(test, &oom, MOCK_DYNAMIC);
	oom.importer_ops = &mock_attach_ops;
	KUNIT_ASSERT_EQ(test, 0, do_attach(&oom));
	KUNIT_EXPECT_GE(test, fail_each(test, &oom_map, &oom), 2);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, oom.sgt);
	dma_buf_unmap_attachment_unlocked(oom.attach, oom.sgt, DMA_TO_DEVICE);
	dma_buf_detach(oom.mb->dmabuf, oom.attach);
}

static long do_ioctl(void *data)
{
	struct oom *oom = data;

	return mock_buf_ioctl(oom->mb, oom->cmd, oom->page);
}

static int next_fd(void)
{
	int fd = get_unused_fd_flags(0);

	if (fd >= 0)
		put_unused_fd(fd);
	return fd;
}

static void undo_export_sync_file(void *data)
{
	struct dma_buf_export_sync_file arg;
	struct oom *oom = data;

	if (!copy_from_user(&arg, (void __user *)oom->page, sizeof(arg)))
		close_fd(arg.fd);
}

static void check_next_fd(struct kunit *test, void *data)
{
	struct oom *oom = data;

	KUNIT_EXPECT_EQ(test, oom->next_fd, next_fd());
}

static const struct oom_call oom_export_sync_file = {
	do_ioctl, undo_export_sync_file, check_next_fd,
};

static void dma_buf_export_sync_file_out_of_memory(struct kunit *test)
{
	struct dma_buf_export_sync_file arg = { .flags = DMA_BUF_SYNC_RW };
	struct dma_fence *fence[2];
	struct oom oom;
	int i;

	oom_init(test, &oom, MOCK_STATIC);
	for (i = 0; i < 2; i++)
		fence[i] = mock_buf_fence_add(test, oom.mb, DMA_RESV_USAGE_WRITE);
	oom.page = mock_user_page(test);
	oom.cmd = DMA_BUF_IOCTL_EXPORT_SYNC_FILE;
	oom.next_fd = next_fd();
	KUNIT_ASSERT_EQ(test, 0, copy_to_user((void __user *)oom.page, &arg, sizeof(arg)));

	/* The array of both fences, the sync_file and its file. */
	KUNIT_EXPECT_GE(test, fail_each(test, &oom_export_sync_file, &oom), 3);
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(&arg, (void __user *)oom.page, sizeof(arg)));
	KUNIT_EXPECT_EQ(test, oom.next_fd, arg.fd);
	KUNIT_EXPECT_EQ(test, 0, close_fd(arg.fd));
	mock_fput_flush();
	for (i = 0; i < 2; i++)
		mock_fence_finish(fence[i]);
}

/* More than a reservation can hold without asking for memory. */
#define IMPORTED_FENCES 32

/* What was imported gives way to a fence that has signaled. */
static void undo_import(void *data)
{
	struct oom *oom = data;
	struct dma_fence *stub = dma_fence_get_stub();
	unsigned int i;

	dma_resv_lock(oom->mb->dmabuf->resv, NULL);
	for (i = 0; i < IMPORTED_FENCES; i++)
		dma_resv_replace_fences(oom->mb->dmabuf->resv, oom->context + i, stub,
					DMA_RESV_USAGE_BOOKKEEP);
	dma_resv_unlock(oom->mb->dmabuf->resv);
	dma_fence_put(stub);
}

static void check_import(struct kunit *test, void *data)
{
	struct oom *oom = data;
	struct dma_resv *resv = oom->mb->dmabuf->resv;

	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(resv));
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(resv, DMA_RESV_USAGE_BOOKKEEP));
	/* The sync_file's alone. */
	KUNIT_EXPECT_EQ(test, 1, kref_read(&oom->fence->refcount));
}

static const struct oom_call oom_import = { do_ioctl, undo_import, check_import };

/* One fence of many, each with a context of its own from @context on. */
static struct dma_fence *many_fences(struct kunit *test, u64 context)
{
	struct dma_fence **fences = kmalloc_array(IMPORTED_FENCES, sizeof(*fences), GFP_KERNEL);
	struct dma_fence_array *array;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, fences);
	for (i = 0; i < IMPORTED_FENCES; i++)
		fences[i] = mock_fence_create(test, context + i, 1);
	array = dma_fence_array_create(IMPORTED_FENCES, fences, dma_fence_context_alloc(1), 1,
				       false);
	KUNIT_ASSERT_NOT_NULL(test, array);
	return &array->base;
}

static void many_fences_signal(struct dma_fence *fence)
{
	struct dma_fence_array *array = to_dma_fence_array(fence);
	unsigned int i;

	for (i = 0; i < IMPORTED_FENCES; i++)
		dma_fence_signal(array->fences[i]);
}

static void dma_buf_import_sync_file_out_of_memory(struct kunit *test)
{
	struct dma_buf_import_sync_file arg = { .flags = DMA_BUF_SYNC_WRITE };
	struct sync_file *sync_file;
	struct dma_resv *resv;
	struct oom oom;

	oom_init(test, &oom, MOCK_STATIC);
	resv = oom.mb->dmabuf->resv;
	oom.context = dma_fence_context_alloc(IMPORTED_FENCES);
	oom.fence = many_fences(test, oom.context);
	oom.page = mock_user_page(test);
	oom.cmd = DMA_BUF_IOCTL_IMPORT_SYNC_FILE;
	sync_file = sync_file_create(oom.fence);
	KUNIT_ASSERT_NOT_NULL(test, sync_file);
	dma_fence_put(oom.fence);
	arg.fd = get_unused_fd_flags(O_CLOEXEC);
	KUNIT_ASSERT_GE(test, arg.fd, 0);
	fd_install(arg.fd, sync_file->file);
	KUNIT_ASSERT_EQ(test, 0, copy_to_user((void __user *)oom.page, &arg, sizeof(arg)));

	KUNIT_EXPECT_GE(test, fail_each(test, &oom_import, &oom), 1);
	KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(resv, DMA_RESV_USAGE_WRITE));
	many_fences_signal(oom.fence);
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(resv, DMA_RESV_USAGE_WRITE));
	KUNIT_EXPECT_EQ(test, 0, close_fd(arg.fd));
	mock_fput_flush();
}

static void undo_name(void *data)
{
	struct oom *oom = data;

	if (!copy_to_user((void __user *)oom->page, "", 1))
		do_ioctl(oom);
	if (copy_to_user((void __user *)oom->page, "named", 6))
		oom->page = 0;
}

static void check_name(struct kunit *test, void *data)
{
	struct oom *oom = data;
	char buf[64];

	KUNIT_EXPECT_STREQ(test, "/dmabuf:",
			   (const char *)d_path(&oom->mb->dmabuf->file->f_path, buf, sizeof(buf)));
}

static const struct oom_call oom_name = { do_ioctl, undo_name, check_name };

static void dma_buf_set_name_out_of_memory(struct kunit *test)
{
	struct oom oom;
	char buf[64];

	oom_init(test, &oom, MOCK_STATIC);
	oom.page = mock_user_page(test);
	oom.cmd = DMA_BUF_SET_NAME_A;
	KUNIT_ASSERT_EQ(test, 0, copy_to_user((void __user *)oom.page, "named", 6));
	KUNIT_EXPECT_GE(test, fail_each(test, &oom_name, &oom), 1);
	KUNIT_EXPECT_STREQ(test, "/dmabuf:named",
			   (const char *)d_path(&oom.mb->dmabuf->file->f_path, buf, sizeof(buf)));
}

/*
 * Once a buffer exists these cannot fail for want of memory: nobody could
 * handle it.
 */
static void dma_buf_paths_without_allocation(struct kunit *test)
{
	struct dma_fence *fence;
	struct oom oom;

	oom_init(test, &oom, MOCK_CPU | MOCK_VMAPPING | MOCK_DYNAMIC);
	oom.importer_ops = &mock_attach_ops;
	KUNIT_ASSERT_EQ(test, 0, do_attach(&oom));
	KUNIT_ASSERT_EQ(test, 0, do_map(&oom));
	fence = mock_buf_fence_add(test, oom.mb, DMA_RESV_USAGE_WRITE);

	fail_nth_set(1);
	KUNIT_EXPECT_FALSE(test, vfs_poll(oom.mb->dmabuf->file, NULL) & EPOLLIN);
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, 0, dma_buf_begin_cpu_access(oom.mb->dmabuf, DMA_BIDIRECTIONAL));
	KUNIT_EXPECT_EQ(test, 0, dma_buf_end_cpu_access(oom.mb->dmabuf, DMA_BIDIRECTIONAL));
	KUNIT_EXPECT_EQ(test, 0, dma_buf_vmap_unlocked(oom.mb->dmabuf, &oom.map));
	dma_buf_vunmap_unlocked(oom.mb->dmabuf, &oom.map);
	dma_resv_lock(oom.mb->dmabuf->resv, NULL);
	dma_buf_move_notify(oom.mb->dmabuf);
	dma_resv_unlock(oom.mb->dmabuf->resv);
	dma_buf_unmap_attachment_unlocked(oom.attach, oom.sgt, DMA_TO_DEVICE);
	dma_buf_detach(oom.mb->dmabuf, oom.attach);
	KUNIT_EXPECT_EQ(test, 1, fail_nth_left());
	fail_nth_set(0);
	dma_fence_put(fence);
}

static struct kunit_case dma_buf_oom_cases[] = {
	KUNIT_CASE(dma_buf_export_out_of_memory),
	KUNIT_CASE(dma_buf_export_given_resv_out_of_memory),
	KUNIT_CASE_PARAM(dma_buf_attach_out_of_memory, oom_attach_gen_params),
	KUNIT_CASE(dma_buf_map_attachment_out_of_memory),
	KUNIT_CASE(dma_buf_export_sync_file_out_of_memory),
	KUNIT_CASE(dma_buf_import_sync_file_out_of_memory),
	KUNIT_CASE(dma_buf_set_name_out_of_memory),
	KUNIT_CASE(dma_buf_paths_without_allocation),
	{}
};

static struct kunit_suite dma_buf_oom_suite = {
	.name = "dma_buf_oom",
	.suite_init = kunit_rerun_suite_init,
	.init = dma_buf_oom_init,
	.test_cases = dma_buf_oom_cases,
};

kunit_test_suite(dma_buf_oom_suite);
