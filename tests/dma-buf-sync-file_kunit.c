// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-buf-sync-file.c: the fences of a buffer as a sync_file, and
 * back.
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-resv.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>
#include <uapi/linux/dma-buf.h>

#include "mock-buf.h"
#include "mock-fence.h"
#include "mock-task.h"

/*
 * The ioctl's result and, where that is 0, the fence that came out; fd stays
 * open, *fd is it.
 */
static long export(struct mock_buf *mb, unsigned long page, u32 flags, int *fd)
{
	struct dma_buf_export_sync_file arg = { .flags = flags, .fd = -1 };
	long ret;

	if (copy_to_user((void __user *)page, &arg, sizeof(arg)))
		return -EFAULT;
	ret = mock_buf_ioctl(mb, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, page);
	if (copy_from_user(&arg, (void __user *)page, sizeof(arg)))
		return -EFAULT;
	*fd = arg.fd;
	return ret;
}

static struct dma_fence *export_fence(struct kunit *test, struct mock_buf *mb, u32 flags)
{
	unsigned long page = mock_user_page(test);
	struct dma_fence *fence;
	int fd = -1;

	KUNIT_ASSERT_EQ(test, 0, export(mb, page, flags, &fd));
	fence = sync_file_get_fence(fd);
	KUNIT_ASSERT_NOT_NULL(test, fence);
	KUNIT_EXPECT_EQ(test, 0, close_fd(fd));
	mock_fput_flush();
	return fence;
}

static long import(struct mock_buf *mb, unsigned long page, u32 flags, int fd)
{
	struct dma_buf_import_sync_file arg = { .flags = flags, .fd = fd };

	if (copy_to_user((void __user *)page, &arg, sizeof(arg)))
		return -EFAULT;
	return mock_buf_ioctl(mb, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, page);
}

static int sync_file_fd(struct kunit *test, struct dma_fence *fence)
{
	struct sync_file *sync_file = sync_file_create(fence);
	int fd = get_unused_fd_flags(O_CLOEXEC);

	KUNIT_ASSERT_NOT_NULL(test, sync_file);
	KUNIT_ASSERT_GE(test, fd, 0);
	fd_install(fd, sync_file->file);
	return fd;
}

/*
 * The number that the next descriptor would get: higher than before where one
 * was leaked.
 */
static int next_fd(void)
{
	int fd = get_unused_fd_flags(0);

	if (fd >= 0)
		put_unused_fd(fd);
	return fd;
}

static void fd_close(struct kunit *test, int fd)
{
	KUNIT_EXPECT_EQ(test, 0, close_fd(fd));
	mock_fput_flush();
}

static void dma_buf_export_sync_file_bad_flags_einval(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	unsigned long page = mock_user_page(test);
	int fd, next = next_fd();

	KUNIT_EXPECT_EQ(test, -EINVAL, export(mb, page, 0, &fd));
	KUNIT_EXPECT_EQ(test, -EINVAL, export(mb, page, DMA_BUF_SYNC_END, &fd));
	KUNIT_EXPECT_EQ(test, -EINVAL, export(mb, page, DMA_BUF_SYNC_RW | BIT(31), &fd));
	KUNIT_EXPECT_EQ(test, -EINVAL, export(mb, page, DMA_BUF_SYNC_RW | BIT(2), &fd));
	KUNIT_EXPECT_EQ(test, next, next_fd());
}

static void dma_buf_export_sync_file_bad_pointer_efault(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	unsigned long page = mock_user_page(test);
	int next = next_fd();

	KUNIT_ASSERT_EQ(test, 0, vm_munmap(page, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, -EFAULT, mock_buf_ioctl(mb, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, page));
	KUNIT_EXPECT_EQ(test, -EFAULT,
			mock_buf_ioctl(mb, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, ULONG_MAX - 7));
	KUNIT_EXPECT_EQ(test, next, next_fd());
}

/*
 * The answer cannot be written: no descriptor may be left behind that nobody
 * knows of.
 */
static void dma_buf_export_sync_file_unwritable_no_fd(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, BIT(MOCK_MMAP));
	struct dma_buf_export_sync_file *arg = mb->vaddr;
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	int next = next_fd();
	unsigned long page;

	arg->flags = DMA_BUF_SYNC_RW;
	page = mock_user_mmap(test, mb->dmabuf->file, PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(page));
	KUNIT_EXPECT_EQ(test, -EFAULT, mock_buf_ioctl(mb, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, page));
	KUNIT_EXPECT_EQ(test, next, next_fd());
	mock_fput_flush();
	KUNIT_EXPECT_EQ(test, 2, kref_read(&fence->refcount));
	mock_fence_finish(fence);
}

static void dma_buf_export_sync_file_table_full_emfile(struct kunit *test)
{
	struct rlimit *limit = &current->signal->rlim[RLIMIT_NOFILE];
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	unsigned long page = mock_user_page(test);
	unsigned long old = limit->rlim_cur;
	long ret;
	int fd;

	limit->rlim_cur = 0;
	ret = export(mb, page, DMA_BUF_SYNC_READ, &fd);
	limit->rlim_cur = old;
	KUNIT_EXPECT_EQ(test, -EMFILE, ret);
}

static void dma_buf_export_sync_file_idle_signaled(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence;

	fence = export_fence(test, mb, DMA_BUF_SYNC_READ);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	dma_fence_put(fence);
	fence = export_fence(test, mb, DMA_BUF_SYNC_RW);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	dma_fence_put(fence);
}

static void dma_buf_export_sync_file_closes_on_exec(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	unsigned long page = mock_user_page(test);
	bool closes;
	int fd;

	KUNIT_ASSERT_EQ(test, 0, export(mb, page, DMA_BUF_SYNC_READ, &fd));
	spin_lock(&current->files->file_lock);
	closes = close_on_exec(fd, current->files);
	spin_unlock(&current->files->file_lock);
	KUNIT_EXPECT_TRUE(test, closes);
	fd_close(test, fd);
}

struct export_case {
	const char *name;
	enum dma_resv_usage usage;
	u32 flags;
	bool pending;
};

static const struct export_case export_cases[] = {
	{ "kernel_read", DMA_RESV_USAGE_KERNEL, DMA_BUF_SYNC_READ, true },
	{ "kernel_write", DMA_RESV_USAGE_KERNEL, DMA_BUF_SYNC_WRITE, true },
	{ "write_read", DMA_RESV_USAGE_WRITE, DMA_BUF_SYNC_READ, true },
	{ "write_write", DMA_RESV_USAGE_WRITE, DMA_BUF_SYNC_WRITE, true },
	{ "read_read", DMA_RESV_USAGE_READ, DMA_BUF_SYNC_READ, false },
	{ "read_write", DMA_RESV_USAGE_READ, DMA_BUF_SYNC_WRITE, true },
	{ "read_both", DMA_RESV_USAGE_READ, DMA_BUF_SYNC_RW, true },
	{ "bookkeep_both", DMA_RESV_USAGE_BOOKKEEP, DMA_BUF_SYNC_RW, false },
};

KUNIT_ARRAY_PARAM_DESC(export_case, export_cases, name);

static void dma_buf_export_sync_file_of_usage(struct kunit *test)
{
	const struct export_case *c = test->param_value;
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, c->usage);
	struct dma_fence *out = export_fence(test, mb, c->flags);

	KUNIT_EXPECT_EQ(test, !c->pending, dma_fence_is_signaled(out));
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, 0, dma_fence_wait(out, false));
	dma_fence_put(out);
	dma_fence_put(fence);
}

/*
 * One descriptor stands for all of them, and goes on doing so when the buffer
 * gets new fences.
 */
static void dma_buf_export_sync_file_all_of_now(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *one = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	struct dma_fence *two = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_READ);
	struct dma_fence *out = export_fence(test, mb, DMA_BUF_SYNC_WRITE);
	struct dma_fence *later = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);

	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(out));
	dma_fence_signal(one);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(out));
	dma_fence_signal(two);
	KUNIT_EXPECT_GT(test, dma_fence_wait_timeout(out, false, 10 * HZ), 0);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(later));
	dma_fence_put(out);
	dma_fence_put(one);
	dma_fence_put(two);
	mock_fence_finish(later);
}

static void dma_buf_import_sync_file_bad_flags_einval(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_fence_create(test, dma_fence_context_alloc(1), 1);
	unsigned long page = mock_user_page(test);
	int fd = sync_file_fd(test, fence);

	KUNIT_EXPECT_EQ(test, -EINVAL, import(mb, page, 0, fd));
	KUNIT_EXPECT_EQ(test, -EINVAL, import(mb, page, DMA_BUF_SYNC_END, fd));
	KUNIT_EXPECT_EQ(test, -EINVAL, import(mb, page, DMA_BUF_SYNC_RW | BIT(2), fd));
	KUNIT_EXPECT_EQ(test, -EINVAL, import(mb, page, DMA_BUF_SYNC_RW | BIT(31), fd));
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(mb->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP));
	fd_close(test, fd);
	KUNIT_EXPECT_EQ(test, 1, kref_read(&fence->refcount));
	mock_fence_finish(fence);
}

static const struct file_operations foreign_fops = {
	.owner = THIS_MODULE,
};

static void dma_buf_import_sync_file_bad_fd_einval(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	unsigned long page = mock_user_page(test);
	int fd = anon_inode_getfd("foreign", &foreign_fops, NULL, O_CLOEXEC);

	KUNIT_ASSERT_GE(test, fd, 0);
	KUNIT_EXPECT_EQ(test, -EINVAL, import(mb, page, DMA_BUF_SYNC_READ, fd));
	fd_close(test, fd);
	KUNIT_EXPECT_EQ(test, -EINVAL, import(mb, page, DMA_BUF_SYNC_READ, fd));
	KUNIT_EXPECT_EQ(test, -EINVAL, import(mb, page, DMA_BUF_SYNC_READ, -1));
}

static void dma_buf_import_sync_file_bad_pointer_efault(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	unsigned long page = mock_user_page(test);

	KUNIT_ASSERT_EQ(test, 0, vm_munmap(page, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, -EFAULT, mock_buf_ioctl(mb, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, page));
}

struct import_case {
	const char *name;
	u32 flags;
	bool blocks_readers;
};

static const struct import_case import_cases[] = {
	{ "read", DMA_BUF_SYNC_READ, false },
	{ "write", DMA_BUF_SYNC_WRITE, true },
	{ "both", DMA_BUF_SYNC_RW, true },
};

KUNIT_ARRAY_PARAM_DESC(import_case, import_cases, name);

static void dma_buf_import_sync_file_usage(struct kunit *test)
{
	const struct import_case *c = test->param_value;
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_fence_create(test, dma_fence_context_alloc(1), 1);
	struct dma_resv *resv = mb->dmabuf->resv;
	unsigned long page = mock_user_page(test);
	int fd = sync_file_fd(test, fence);

	KUNIT_EXPECT_EQ(test, 0, import(mb, page, c->flags, fd));
	fd_close(test, fd);
	KUNIT_EXPECT_EQ(test, 2, kref_read(&fence->refcount));
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(resv, DMA_RESV_USAGE_KERNEL));
	KUNIT_EXPECT_EQ(test, !c->blocks_readers,
			dma_resv_test_signaled(resv, DMA_RESV_USAGE_WRITE));
	KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(resv, DMA_RESV_USAGE_READ));
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(resv));
	dma_fence_signal(fence);
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(resv, DMA_RESV_USAGE_READ));
	dma_fence_put(fence);
}

static void dma_buf_import_sync_file_signaled_blocks_nobody(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_fence_create(test, dma_fence_context_alloc(1), 1);
	unsigned long page = mock_user_page(test);
	int fd = sync_file_fd(test, fence);

	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, 0, import(mb, page, DMA_BUF_SYNC_RW, fd));
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(mb->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP));
	fd_close(test, fd);
	dma_fence_put(fence);
}

static unsigned int count_fences(struct kunit *test, struct dma_resv *resv)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	unsigned int count = 0;

	dma_resv_lock(resv, NULL);
	dma_resv_for_each_fence(&cursor, resv, DMA_RESV_USAGE_BOOKKEEP, fence) {
		KUNIT_EXPECT_FALSE(test, dma_fence_is_container(fence));
		count++;
	}
	dma_resv_unlock(resv);
	return count;
}

/* A reservation holds no containers. */
static void dma_buf_import_sync_file_unpacks_array(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_resv *resv = mb->dmabuf->resv;
	unsigned long page = mock_user_page(test);
	struct dma_fence *member[3], **members;
	struct dma_fence_array *array;
	int i, fd;

	members = kmalloc_array(3, sizeof(*members), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, members);
	for (i = 0; i < 3; i++) {
		member[i] = mock_fence_create(test, dma_fence_context_alloc(1), 1);
		members[i] = dma_fence_get(member[i]);
	}
	array = dma_fence_array_create(3, members, dma_fence_context_alloc(1), 1, false);
	KUNIT_ASSERT_NOT_NULL(test, array);
	fd = sync_file_fd(test, &array->base);
	dma_fence_put(&array->base);

	KUNIT_EXPECT_EQ(test, 0, import(mb, page, DMA_BUF_SYNC_WRITE, fd));
	fd_close(test, fd);
	KUNIT_EXPECT_EQ(test, 3, count_fences(test, resv));
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(resv, DMA_RESV_USAGE_WRITE));
		mock_fence_finish(member[i]);
	}
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(resv, DMA_RESV_USAGE_WRITE));
}

static void dma_buf_import_sync_file_unpacks_chain(struct kunit *test)
{
	struct dma_fence *one = mock_fence_create(test, dma_fence_context_alloc(1), 1);
	struct dma_fence *two = mock_fence_create(test, dma_fence_context_alloc(1), 1);
	struct dma_fence_chain *first = dma_fence_chain_alloc(), *second = dma_fence_chain_alloc();
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_resv *resv = mb->dmabuf->resv;
	unsigned long page = mock_user_page(test);
	int fd;

	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_ASSERT_NOT_NULL(test, second);
	dma_fence_chain_init(first, NULL, dma_fence_get(one), 1);
	dma_fence_chain_init(second, &first->base, dma_fence_get(two), 2);
	fd = sync_file_fd(test, &second->base);
	dma_fence_put(&second->base);

	KUNIT_EXPECT_EQ(test, 0, import(mb, page, DMA_BUF_SYNC_READ, fd));
	fd_close(test, fd);
	KUNIT_EXPECT_EQ(test, 2, count_fences(test, resv));
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(resv, DMA_RESV_USAGE_WRITE));
	mock_fence_finish(two);
	KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(resv, DMA_RESV_USAGE_READ));
	mock_fence_finish(one);
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(resv, DMA_RESV_USAGE_READ));
}

/*
 * Counts how often it is looked at while the reservation in &mock_fence.data is
 * locked.
 */
static bool timeline_fence_signaled(struct dma_fence *fence)
{
	struct mock_fence *mock = to_mock_fence(fence);

	if (dma_resv_is_locked(mock->data))
		atomic_inc(&mock->signaled_calls);
	return false;
}

static const struct dma_fence_ops timeline_fence_ops = {
	.get_driver_name = mock_fence_get_driver_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.signaled = timeline_fence_signaled,
	.release = mock_fence_release,
};

#define TIMELINE_LINKS 8

/*
 * Others wait for the reservation while it is locked, so a timeline is walked
 * before.
 */
static void dma_buf_import_sync_file_timeline_walked_unlocked(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *point[TIMELINE_LINKS], *last = NULL;
	struct dma_resv *resv = mb->dmabuf->resv;
	unsigned long page = mock_user_page(test);
	u64 context = dma_fence_context_alloc(1);
	int i, fd;

	for (i = 0; i < TIMELINE_LINKS; i++) {
		struct dma_fence_chain *link = dma_fence_chain_alloc();

		KUNIT_ASSERT_NOT_NULL(test, link);
		point[i] = mock_fence_create_ops(test, context, i + 1, &timeline_fence_ops);
		to_mock_fence(point[i])->data = resv;
		dma_fence_chain_init(link, last, dma_fence_get(point[i]), i + 1);
		last = &link->base;
	}
	fd = sync_file_fd(test, last);
	dma_fence_put(last);

	KUNIT_EXPECT_EQ(test, 0, import(mb, page, DMA_BUF_SYNC_WRITE, fd));
	fd_close(test, fd);
	KUNIT_EXPECT_EQ(test, 1, count_fences(test, resv));
	KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(resv, DMA_RESV_USAGE_WRITE));
	for (i = 0; i < TIMELINE_LINKS; i++) {
		KUNIT_EXPECT_EQ(test, 0, atomic_read(&to_mock_fence(point[i])->signaled_calls));
		mock_fence_finish(point[i]);
	}
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(resv, DMA_RESV_USAGE_WRITE));
}

/*
 * An older fence of a context must not push out the newer one: the buffer would
 * look idle early.
 */
static void dma_buf_import_sync_file_older_fence_keeps_newer(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	u64 context = dma_fence_context_alloc(1);
	struct dma_fence *older = mock_fence_create(test, context, 1);
	struct dma_fence *newer = mock_fence_create(test, context, 2);
	struct dma_resv *resv = mb->dmabuf->resv;
	unsigned long page = mock_user_page(test);
	int fd_older = sync_file_fd(test, older), fd_newer = sync_file_fd(test, newer);

	KUNIT_EXPECT_EQ(test, 0, import(mb, page, DMA_BUF_SYNC_WRITE, fd_newer));
	KUNIT_EXPECT_EQ(test, 0, import(mb, page, DMA_BUF_SYNC_WRITE, fd_older));
	fd_close(test, fd_older);
	fd_close(test, fd_newer);
	mock_fence_finish(older);
	KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(resv, DMA_RESV_USAGE_WRITE));
	mock_fence_finish(newer);
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(resv, DMA_RESV_USAGE_WRITE));
}

static void dma_buf_import_sync_file_then_export(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_fence_create(test, dma_fence_context_alloc(1), 1);
	unsigned long page = mock_user_page(test);
	int fd = sync_file_fd(test, fence);
	struct dma_fence *out;

	KUNIT_EXPECT_EQ(test, 0, import(mb, page, DMA_BUF_SYNC_WRITE, fd));
	fd_close(test, fd);
	out = export_fence(test, mb, DMA_BUF_SYNC_READ);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(out));
	dma_fence_signal(fence);
	KUNIT_EXPECT_GT(test, dma_fence_wait_timeout(out, false, 10 * HZ), 0);
	dma_fence_put(out);
	dma_fence_put(fence);
}

struct lock_holder {
	struct dma_resv *resv;
	struct completion locked;
};

static void lock_hold(struct mock_thread *thread)
{
	struct lock_holder *holder = thread->data;
	int i;

	dma_resv_lock(holder->resv, NULL);
	complete(&holder->locked);
	for (i = 0; i < 100 && !READ_ONCE(thread->stop); i++)
		fsleep(10 * USEC_PER_MSEC);
	dma_resv_unlock(holder->resv);
}

/* A process that waits for a driver's lock can be interrupted. */
static void dma_buf_import_sync_file_lock_busy_interrupted(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_fence_create(test, dma_fence_context_alloc(1), 1);
	struct lock_holder holder = { .resv = mb->dmabuf->resv };
	unsigned long page = mock_user_page(test);
	int fd = sync_file_fd(test, fence);
	struct mock_thread thread;
	long ret;

	init_completion(&holder.locked);
	KUNIT_ASSERT_EQ(test, 0, mock_thread_start(&thread, lock_hold, &holder));
	wait_for_completion(&holder.locked);
	mock_interrupt_raise();
	ret = import(mb, page, DMA_BUF_SYNC_WRITE, fd);
	mock_interrupt_clear();
	mock_thread_join(&thread);
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, ret);
	fd_close(test, fd);
	KUNIT_EXPECT_EQ(test, 1, kref_read(&fence->refcount));
	mock_fence_finish(fence);
}

static struct kunit_case dma_buf_sync_file_cases[] = {
	KUNIT_CASE(dma_buf_export_sync_file_bad_flags_einval),
	KUNIT_CASE(dma_buf_export_sync_file_bad_pointer_efault),
	KUNIT_CASE(dma_buf_export_sync_file_unwritable_no_fd),
	KUNIT_CASE(dma_buf_export_sync_file_table_full_emfile),
	KUNIT_CASE(dma_buf_export_sync_file_idle_signaled),
	KUNIT_CASE(dma_buf_export_sync_file_closes_on_exec),
	KUNIT_CASE_PARAM(dma_buf_export_sync_file_of_usage, export_case_gen_params),
	KUNIT_CASE(dma_buf_export_sync_file_all_of_now),
	KUNIT_CASE(dma_buf_import_sync_file_bad_flags_einval),
	KUNIT_CASE(dma_buf_import_sync_file_bad_fd_einval),
	KUNIT_CASE(dma_buf_import_sync_file_bad_pointer_efault),
	KUNIT_CASE_PARAM(dma_buf_import_sync_file_usage, import_case_gen_params),
	KUNIT_CASE(dma_buf_import_sync_file_signaled_blocks_nobody),
	KUNIT_CASE(dma_buf_import_sync_file_unpacks_array),
	KUNIT_CASE(dma_buf_import_sync_file_unpacks_chain),
	KUNIT_CASE(dma_buf_import_sync_file_timeline_walked_unlocked),
	KUNIT_CASE(dma_buf_import_sync_file_older_fence_keeps_newer),
	KUNIT_CASE(dma_buf_import_sync_file_then_export),
	KUNIT_CASE_SLOW(dma_buf_import_sync_file_lock_busy_interrupted),
	{}
};

static struct kunit_suite dma_buf_sync_file_suite = {
	.name = "dma_buf_sync_file",
	.test_cases = dma_buf_sync_file_cases,
};

kunit_test_suite(dma_buf_sync_file_suite);
