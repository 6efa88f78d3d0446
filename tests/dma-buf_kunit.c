// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-buf.c: export, file descriptors, references, release.
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/dcache.h>
#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/path.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "expect-splat.h"
#include "mock-buf.h"
#include "mock-fence.h"
#include "mock-task.h"

/* What is wrong with an export. */
struct bad_info {
	const char *name;
	void (*spoil)(struct mock_buf *mb);
};

static void spoil_priv(struct mock_buf *mb)
{
	mb->info.priv = NULL;
}

static void spoil_ops(struct mock_buf *mb)
{
	mb->info.ops = NULL;
}

static void spoil_map(struct mock_buf *mb)
{
	mb->ops.map_dma_buf = NULL;
}

static void spoil_unmap(struct mock_buf *mb)
{
	mb->ops.unmap_dma_buf = NULL;
}

static void spoil_release(struct mock_buf *mb)
{
	mb->ops.release = NULL;
}

static void spoil_pin(struct mock_buf *mb)
{
	mb->ops.pin = NULL;
}

static void spoil_unpin(struct mock_buf *mb)
{
	mb->ops.unpin = NULL;
}

static void spoil_cached(struct mock_buf *mb)
{
	mb->ops.cache_sgt_mapping = true;
}

static const struct bad_info bad_infos[] = {
	{ "no_priv", spoil_priv },
	{ "no_ops", spoil_ops },
	{ "no_map", spoil_map },
	{ "no_unmap", spoil_unmap },
	{ "no_release", spoil_release },
	{ "unpin_without_pin", spoil_pin },
	{ "pin_without_unpin", spoil_unpin },
	{ "cached_and_pin", spoil_cached },
};

KUNIT_ARRAY_PARAM_DESC(bad_info, bad_infos, name);

static void dma_buf_export_bad_info_einval(struct kunit *test)
{
	const struct bad_info *bad = test->param_value;
	struct mock_buf *mb = mock_buf_alloc(test, MOCK_DYNAMIC);

	bad->spoil(mb);
	expect_splat("dma_buf_export");
	KUNIT_EXPECT_EQ(test, -EINVAL, mock_buf_export(mb));
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

static void dma_buf_export_fields_as_given(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_buf *dmabuf = mb->dmabuf;

	KUNIT_EXPECT_EQ(test, MOCK_SIZE, dmabuf->size);
	KUNIT_EXPECT_PTR_EQ(test, &mb->ops, (struct dma_buf_ops *)dmabuf->ops);
	KUNIT_EXPECT_PTR_EQ(test, (void *)mb, dmabuf->priv);
	KUNIT_EXPECT_STREQ(test, "mock", dmabuf->exp_name);
	KUNIT_EXPECT_TRUE(test, list_empty(&dmabuf->attachments));
	KUNIT_EXPECT_EQ(test, 1, file_count(dmabuf->file));
	KUNIT_EXPECT_FALSE(test, dma_buf_is_dynamic(dmabuf));
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

static void dma_buf_export_without_resv_has_own(struct kunit *test)
{
	struct mock_buf *one = mock_buf_create(test, MOCK_STATIC);
	struct mock_buf *two = mock_buf_create(test, MOCK_STATIC);

	KUNIT_ASSERT_NOT_NULL(test, one->dmabuf->resv);
	KUNIT_ASSERT_NOT_NULL(test, two->dmabuf->resv);
	KUNIT_EXPECT_PTR_NE(test, one->dmabuf->resv, two->dmabuf->resv);
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(one->dmabuf->resv));

	KUNIT_ASSERT_EQ(test, 0, dma_resv_lock(one->dmabuf->resv, NULL));
	KUNIT_EXPECT_EQ(test, 0, dma_resv_reserve_fences(one->dmabuf->resv, 1));
	dma_resv_unlock(one->dmabuf->resv);
}

/* The exporter's reservation, and the fences in it, outlive the buffer. */
static void dma_buf_export_given_resv_survives(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_alloc(test, MOCK_STATIC);
	struct dma_fence *fence;
	struct dma_resv resv;

	dma_resv_init(&resv);
	mb->info.resv = &resv;
	KUNIT_ASSERT_EQ(test, 0, mock_buf_export(mb));
	KUNIT_EXPECT_PTR_EQ(test, &resv, mb->dmabuf->resv);

	fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	mock_buf_put(mb);
	KUNIT_EXPECT_STREQ(test, "release", mock_buf_calls(test, mb));
	KUNIT_EXPECT_EQ(test, 2, kref_read(&fence->refcount));
	KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(&resv, DMA_RESV_USAGE_WRITE));

	dma_fence_signal(fence);
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(&resv, DMA_RESV_USAGE_WRITE));
	dma_resv_fini(&resv);
	KUNIT_EXPECT_EQ(test, 1, kref_read(&fence->refcount));
	dma_fence_put(fence);
}

static void dma_buf_export_file_flags_kept(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_alloc(test, MOCK_STATIC);
	struct file *file;

	mb->info.flags = O_RDWR | O_CLOEXEC | O_NONBLOCK | O_APPEND | O_SYNC;
	KUNIT_ASSERT_EQ(test, 0, mock_buf_export(mb));
	file = mb->dmabuf->file;
	KUNIT_EXPECT_EQ(test, O_RDWR | O_NONBLOCK,
			file->f_flags & (O_ACCMODE | O_CLOEXEC | O_NONBLOCK | O_APPEND | O_SYNC));
	KUNIT_EXPECT_TRUE(test, file->f_mode & FMODE_READ);
	KUNIT_EXPECT_TRUE(test, file->f_mode & FMODE_WRITE);
	KUNIT_EXPECT_TRUE(test, file->f_mode & FMODE_LSEEK);
	KUNIT_EXPECT_FALSE(test, file->f_mode & (FMODE_CAN_READ | FMODE_CAN_WRITE));
}

static void dma_buf_export_read_only_file(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_alloc(test, MOCK_STATIC);

	mb->info.flags = O_RDONLY;
	KUNIT_ASSERT_EQ(test, 0, mock_buf_export(mb));
	KUNIT_EXPECT_EQ(test, O_RDONLY, mb->dmabuf->file->f_flags & O_ACCMODE);
	KUNIT_EXPECT_TRUE(test, mb->dmabuf->file->f_mode & FMODE_READ);
	KUNIT_EXPECT_FALSE(test, mb->dmabuf->file->f_mode & FMODE_WRITE);
}

static void dma_buf_export_inode_tells_size(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct inode *inode = file_inode(mb->dmabuf->file);
	const char *name = mb->dmabuf->file->f_path.dentry->d_name.name;

	KUNIT_EXPECT_EQ(test, (loff_t)MOCK_SIZE, i_size_read(inode));
	KUNIT_EXPECT_EQ(test, (loff_t)MOCK_SIZE, inode_get_bytes(inode));
	KUNIT_EXPECT_EQ(test, (unsigned long)DMA_BUF_MAGIC, inode->i_sb->s_magic);
	KUNIT_EXPECT_STREQ(test, "dmabuf", inode->i_sb->s_type->name);
	KUNIT_EXPECT_STREQ(test, "dmabuf", name);
}

static void dma_buf_export_huge_size_not_cut(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_alloc(test, MOCK_STATIC);
	const u64 size = SZ_4G + 3 * PAGE_SIZE;

	if (sizeof(size_t) < 8)
		kunit_skip(test, "size_t has 32 bits");
	mb->info.size = (size_t)size;
	KUNIT_ASSERT_EQ(test, 0, mock_buf_export(mb));
	KUNIT_EXPECT_EQ(test, size, (u64)mb->dmabuf->size);
	KUNIT_EXPECT_EQ(test, (loff_t)size, i_size_read(file_inode(mb->dmabuf->file)));
}

static void dma_buf_export_inode_numbers_grow(struct kunit *test)
{
	unsigned long last = 0;
	int i;

	for (i = 0; i < 8; i++) {
		struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
		struct inode *inode = file_inode(mb->dmabuf->file);

		KUNIT_EXPECT_GT(test, inode->i_ino, last);
		KUNIT_EXPECT_EQ(test, 1, atomic_read(&inode->i_count));
		last = inode->i_ino;
	}
}

#ifdef CONFIG_MODULE_UNLOAD
static struct module *fake_owner(struct kunit *test, bool live)
{
	struct module *owner = kunit_kzalloc(test, sizeof(*owner), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, owner);
	owner->state = live ? MODULE_STATE_LIVE : MODULE_STATE_GOING;
	atomic_set(&owner->refcnt, 1);
	return owner;
}

static unsigned int owner_refs(struct module *owner)
{
	return atomic_read(&owner->refcnt) - 1;
}
#else
static struct module *fake_owner(struct kunit *test, bool live)
{
	kunit_skip(test, "needs modules that unload");
	return NULL;
}

static unsigned int owner_refs(struct module *owner)
{
	return 0;
}
#endif

static void dma_buf_export_dying_owner_enoent(struct kunit *test)
{
	struct module *owner = fake_owner(test, false);
	struct mock_buf *mb = mock_buf_alloc(test, MOCK_STATIC);

	mb->info.owner = owner;
	KUNIT_EXPECT_EQ(test, -ENOENT, mock_buf_export(mb));
	KUNIT_EXPECT_EQ(test, 0, owner_refs(owner));
}

static void release_notes_owner_refs(struct mock_buf *mb, struct mock_call *call)
{
	unsigned int *refs = mb->hook_data;

	if (call->op == MOCK_RELEASE)
		*refs = owner_refs(mb->info.owner);
}

static void dma_buf_release_owner_dropped_last(struct kunit *test)
{
	struct module *owner = fake_owner(test, true);
	struct mock_buf *mb = mock_buf_alloc(test, MOCK_STATIC);
	unsigned int refs_in_release = 0;

	mb->info.owner = owner;
	mb->hook = release_notes_owner_refs;
	mb->hook_data = &refs_in_release;
	KUNIT_ASSERT_EQ(test, 0, mock_buf_export(mb));
	KUNIT_EXPECT_EQ(test, 1, owner_refs(owner));
	mock_buf_put(mb);
	KUNIT_EXPECT_EQ(test, 1, refs_in_release);
	KUNIT_EXPECT_EQ(test, 0, owner_refs(owner));
}

static void dma_buf_fd_null_einval(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, -EINVAL, dma_buf_fd(NULL, O_CLOEXEC));
}

static bool fd_closes_on_exec(int fd)
{
	bool set;

	spin_lock(&current->files->file_lock);
	set = close_on_exec(fd, current->files);
	spin_unlock(&current->files->file_lock);
	return set;
}

/*
 * Close a descriptor and see the buffer through: a kernel thread's last fput()
 * is deferred.
 */
static void fd_close(struct kunit *test, int fd)
{
	KUNIT_EXPECT_EQ(test, 0, close_fd(fd));
	mock_fput_flush();
}

static void dma_buf_fd_takes_reference_over(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct file *file;
	int fd;

	fd = dma_buf_fd(mb->dmabuf, O_CLOEXEC);
	KUNIT_ASSERT_GE(test, fd, 0);
	mock_buf_disown(mb);
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
	KUNIT_EXPECT_TRUE(test, fd_closes_on_exec(fd));

	file = fget(fd);
	KUNIT_EXPECT_PTR_EQ(test, mb->dmabuf->file, file);
	fput(file);
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));

	fd_close(test, fd);
	KUNIT_EXPECT_STREQ(test, "release", mock_buf_calls(test, mb));
}

static void dma_buf_fd_without_cloexec(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	int fd;

	fd = dma_buf_fd(mb->dmabuf, 0);
	KUNIT_ASSERT_GE(test, fd, 0);
	mock_buf_disown(mb);
	KUNIT_EXPECT_FALSE(test, fd_closes_on_exec(fd));
	fd_close(test, fd);
}

static void dma_buf_fd_table_full_emfile(struct kunit *test)
{
	struct rlimit *limit = &current->signal->rlim[RLIMIT_NOFILE];
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	unsigned long old = limit->rlim_cur;
	int fd;

	limit->rlim_cur = 0;
	fd = dma_buf_fd(mb->dmabuf, O_CLOEXEC);
	limit->rlim_cur = old;
	KUNIT_EXPECT_EQ(test, -EMFILE, fd);
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
	mock_buf_put(mb);
	KUNIT_EXPECT_STREQ(test, "release", mock_buf_calls(test, mb));
}

static void dma_buf_get_closed_fd_ebadf(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, -EBADF, PTR_ERR(dma_buf_get(-1)));
	KUNIT_EXPECT_EQ(test, -EBADF, PTR_ERR(dma_buf_get(1 << 20)));
}

static const struct file_operations foreign_fops = {
	.owner = THIS_MODULE,
};

static void dma_buf_get_foreign_file_einval(struct kunit *test)
{
	struct file *file;
	int fd;

	fd = anon_inode_getfd("foreign", &foreign_fops, NULL, O_CLOEXEC);
	KUNIT_ASSERT_GE(test, fd, 0);
	KUNIT_EXPECT_EQ(test, -EINVAL, PTR_ERR(dma_buf_get(fd)));

	file = fget(fd);
	KUNIT_EXPECT_EQ(test, 2, file_count(file));
	fput(file);
	fd_close(test, fd);
}

static void dma_buf_get_same_buffer_new_reference(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_buf *got;
	int fd;

	fd = dma_buf_fd(mb->dmabuf, O_CLOEXEC);
	KUNIT_ASSERT_GE(test, fd, 0);
	mock_buf_disown(mb);
	got = dma_buf_get(fd);
	KUNIT_ASSERT_PTR_EQ(test, mb->dmabuf, got);
	KUNIT_EXPECT_EQ(test, 2, file_count(got->file));

	fd_close(test, fd);
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
	KUNIT_EXPECT_EQ(test, 1, file_count(got->file));
	dma_buf_put(got);
	mock_fput_flush();
	KUNIT_EXPECT_STREQ(test, "release", mock_buf_calls(test, mb));
}

static void get_dma_buf_put_counts(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);

	get_dma_buf(mb->dmabuf);
	KUNIT_EXPECT_EQ(test, 2, file_count(mb->dmabuf->file));
	dma_buf_put(mb->dmabuf);
	mock_fput_flush();
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
	mock_buf_put(mb);
	KUNIT_EXPECT_STREQ(test, "release", mock_buf_calls(test, mb));
	KUNIT_EXPECT_EQ(test, 1, mock_buf_count(mb, MOCK_RELEASE));
}

static void dma_buf_put_null_warns(struct kunit *test)
{
	expect_splat("dma_buf_put");
	dma_buf_put(NULL);
}

struct release_view {
	struct dma_fence *fence;
	unsigned int fence_refs;
	bool revived;
	bool slept;
	struct dma_resv *resv;
	bool resv_signaled;
};

static DEFINE_MUTEX(release_lock);

/*
 * What drivers do in their release: sleep on their own lock, look at the file,
 * use the fences.
 */
static void release_looks_around(struct mock_buf *mb, struct mock_call *call)
{
	struct release_view *view = mb->hook_data;

	if (call->op != MOCK_RELEASE)
		return;
	view->revived = atomic_long_inc_not_zero(&mb->dmabuf->file->f_count);
	view->resv = mb->dmabuf->resv;
	view->resv_signaled = dma_resv_test_signaled(mb->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP);
	view->fence_refs = kref_read(&view->fence->refcount);
	mutex_lock(&release_lock);
	usleep_range(10, 20);
	view->slept = true;
	mutex_unlock(&release_lock);
}

/*
 * A driver's table of buffers may be asked for a buffer that is on its way out.
 */
static void dma_buf_release_file_not_revived(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct release_view view = { .revived = true };

	view.fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_BOOKKEEP);
	mb->hook = release_looks_around;
	mb->hook_data = &view;
	mock_buf_put(mb);
	KUNIT_EXPECT_FALSE(test, view.revived);
	KUNIT_EXPECT_TRUE(test, view.slept);
	KUNIT_EXPECT_STREQ(test, "release", mock_buf_calls(test, mb));
	mock_fence_finish(view.fence);
}

/*
 * Somebody may watch the inode for longer than the buffer lives: release does
 * not wait for that.
 */
static void dma_buf_release_inode_held_on(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct inode *inode = file_inode(mb->dmabuf->file);
	unsigned long ino = inode->i_ino;

	ihold(inode);
	mock_buf_put(mb);
	KUNIT_EXPECT_STREQ(test, "release", mock_buf_calls(test, mb));
	KUNIT_EXPECT_EQ(test, ino, inode->i_ino);
	KUNIT_EXPECT_EQ(test, MOCK_SIZE, i_size_read(inode));
	iput(inode);
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

/*
 * Nor does it wait for who has the path of the file, by O_PATH for example:
 * that is no use of the buffer. There is still a name to it.
 */
static void dma_buf_release_path_held_on(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct path path = mb->dmabuf->file->f_path;
	char buffer[64];

	mb->dmabuf->name = kstrdup("gone", GFP_KERNEL);
	path_get(&path);
	KUNIT_EXPECT_STREQ(test, "/dmabuf:gone", d_path(&path, buffer, sizeof(buffer)));
	mock_buf_put(mb);
	KUNIT_EXPECT_STREQ(test, "release", mock_buf_calls(test, mb));
	KUNIT_EXPECT_STREQ(test, "/dmabuf:", d_path(&path, buffer, sizeof(buffer)));
	path_put(&path);
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

/*
 * The buffer's own reservation is whole inside ops->release and gone
 * afterwards.
 */
static void dma_buf_release_own_resv_finished_after(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct release_view view = { .resv_signaled = true };
	struct dma_resv *resv = mb->dmabuf->resv;

	view.fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_BOOKKEEP);
	mb->hook = release_looks_around;
	mb->hook_data = &view;
	mock_buf_put(mb);
	KUNIT_EXPECT_PTR_EQ(test, resv, view.resv);
	KUNIT_EXPECT_FALSE(test, view.resv_signaled);
	KUNIT_EXPECT_EQ(test, 2, view.fence_refs);
	KUNIT_EXPECT_EQ(test, 1, kref_read(&view.fence->refcount));
	mock_fence_finish(view.fence);
}

#define STRESS_LOOPS 500

struct stress {
	unsigned long *inos;
	struct mock_buf *mb;
	int fd;
	int errors;
};

static void export_stress(struct mock_thread *thread)
{
	struct stress *s = thread->data;
	int i;

	for (i = 0; i < STRESS_LOOPS; i++) {
		struct dma_buf *dmabuf = dma_buf_export(&s->mb->info);

		if (IS_ERR(dmabuf)) {
			s->errors++;
			continue;
		}
		s->inos[i] = file_inode(dmabuf->file)->i_ino;
		dma_buf_put(dmabuf);
	}
}

static void stress_release(struct dma_buf *dmabuf)
{
	struct mock_buf *mb = dmabuf->priv;

	atomic_inc(&mb->count[MOCK_RELEASE]);
}

static void export_stress_check(struct kunit *test, struct stress *a, struct stress *b)
{
	int i = 0, j = 0;

	while (i < STRESS_LOOPS && j < STRESS_LOOPS) {
		KUNIT_ASSERT_NE(test, a->inos[i], b->inos[j]);
		if (a->inos[i] < b->inos[j])
			i++;
		else
			j++;
	}
	for (i = 1; i < STRESS_LOOPS; i++) {
		KUNIT_ASSERT_GT(test, a->inos[i], a->inos[i - 1]);
		KUNIT_ASSERT_GT(test, b->inos[i], b->inos[i - 1]);
	}
}

static void dma_buf_export_parallel_numbers_unique(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_alloc(test, MOCK_STATIC);
	struct mock_thread thread[2];
	struct stress s[2] = {};
	int i, ret[2];

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	mb->ops.release = stress_release;
	for (i = 0; i < 2; i++) {
		s[i].mb = mb;
		s[i].inos = kunit_kcalloc(test, STRESS_LOOPS, sizeof(*s[i].inos), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, s[i].inos);
	}
	for (i = 0; i < 2; i++)
		ret[i] = mock_thread_start(&thread[i], export_stress, &s[i]);
	for (i = 0; i < 2; i++) {
		if (!ret[i])
			mock_thread_wait(&thread[i]);
		KUNIT_EXPECT_EQ(test, 0, ret[i]);
		KUNIT_EXPECT_EQ(test, 0, s[i].errors);
	}
	mock_fput_flush();
	KUNIT_EXPECT_EQ(test, 2 * STRESS_LOOPS, mock_buf_count(mb, MOCK_RELEASE));
	export_stress_check(test, &s[0], &s[1]);
}

static void get_stress(struct mock_thread *thread)
{
	struct stress *s = thread->data;

	while (!READ_ONCE(thread->stop)) {
		struct dma_buf *dmabuf = dma_buf_get(READ_ONCE(s->fd));

		cond_resched();
		if (IS_ERR(dmabuf))
			continue;
		s->errors += dmabuf->priv != s->mb || dmabuf->size != MOCK_SIZE;
		dma_buf_put(dmabuf);
	}
}

/* Whoever is last, the close or the put, each buffer is released once. */
static void dma_buf_get_racing_close_released_once(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_alloc(test, MOCK_STATIC);
	struct stress s = { .mb = mb, .fd = -1 };
	struct mock_thread thread;
	int i, fd;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	mb->ops.release = stress_release;
	KUNIT_ASSERT_EQ(test, 0, mock_thread_start(&thread, get_stress, &s));
	for (i = 0; i < STRESS_LOOPS; i++) {
		struct dma_buf *dmabuf = dma_buf_export(&mb->info);

		if (IS_ERR(dmabuf))
			break;
		fd = dma_buf_fd(dmabuf, O_CLOEXEC);
		if (fd < 0) {
			dma_buf_put(dmabuf);
			break;
		}
		WRITE_ONCE(s.fd, fd);
		if (i & 1)
			cpu_relax();
		close_fd(fd);
	}
	mock_thread_join(&thread);
	KUNIT_EXPECT_EQ(test, STRESS_LOOPS, i);
	KUNIT_EXPECT_EQ(test, 0, s.errors);
	mock_fput_flush();
	KUNIT_EXPECT_EQ(test, STRESS_LOOPS, mock_buf_count(mb, MOCK_RELEASE));
}

static struct kunit_case dma_buf_cases[] = {
	KUNIT_CASE_PARAM(dma_buf_export_bad_info_einval, bad_info_gen_params),
	KUNIT_CASE(dma_buf_export_fields_as_given),
	KUNIT_CASE(dma_buf_export_without_resv_has_own),
	KUNIT_CASE(dma_buf_export_given_resv_survives),
	KUNIT_CASE(dma_buf_export_file_flags_kept),
	KUNIT_CASE(dma_buf_export_read_only_file),
	KUNIT_CASE(dma_buf_export_inode_tells_size),
	KUNIT_CASE(dma_buf_export_huge_size_not_cut),
	KUNIT_CASE(dma_buf_export_inode_numbers_grow),
	KUNIT_CASE(dma_buf_export_dying_owner_enoent),
	KUNIT_CASE(dma_buf_release_owner_dropped_last),
	KUNIT_CASE(dma_buf_fd_null_einval),
	KUNIT_CASE(dma_buf_fd_takes_reference_over),
	KUNIT_CASE(dma_buf_fd_without_cloexec),
	KUNIT_CASE(dma_buf_fd_table_full_emfile),
	KUNIT_CASE(dma_buf_get_closed_fd_ebadf),
	KUNIT_CASE(dma_buf_get_foreign_file_einval),
	KUNIT_CASE(dma_buf_get_same_buffer_new_reference),
	KUNIT_CASE(get_dma_buf_put_counts),
	KUNIT_CASE(dma_buf_put_null_warns),
	KUNIT_CASE(dma_buf_release_file_not_revived),
	KUNIT_CASE(dma_buf_release_inode_held_on),
	KUNIT_CASE(dma_buf_release_path_held_on),
	KUNIT_CASE(dma_buf_release_own_resv_finished_after),
	KUNIT_CASE_SLOW(dma_buf_export_parallel_numbers_unique),
	KUNIT_CASE_SLOW(dma_buf_get_racing_close_released_once),
	{}
};

static struct kunit_suite dma_buf_suite = {
	.name = "dma_buf",
	.test_cases = dma_buf_cases,
};

kunit_test_suite(dma_buf_suite);
