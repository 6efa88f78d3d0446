// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-buf-cpu.c: begin and end of CPU access, the kernel's own mmap,
 * vmap and vunmap.
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "expect-splat.h"
#include "mock-buf.h"
#include "mock-fence.h"
#include "mock-task.h"

static void note_call(struct mock_buf *mb, struct mock_call *call)
{
	*(struct mock_call *)mb->hook_data = *call;
}

static void dma_buf_begin_cpu_access_calls_op_unlocked(struct kunit *test)
{
	static const enum dma_data_direction dirs[] = {
		DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL,
	};
	struct mock_buf *mb = mock_buf_create(test, MOCK_CPU);
	struct mock_call call = {};
	int i;

	mb->hook = note_call;
	mb->hook_data = &call;
	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		KUNIT_EXPECT_EQ(test, 0, dma_buf_begin_cpu_access(mb->dmabuf, dirs[i]));
		KUNIT_EXPECT_EQ(test, MOCK_BEGIN, call.op);
		KUNIT_EXPECT_EQ(test, dirs[i], call.dir);
		KUNIT_EXPECT_EQ(test, 0, dma_buf_end_cpu_access(mb->dmabuf, dirs[i]));
		KUNIT_EXPECT_EQ(test, MOCK_END, call.op);
		KUNIT_EXPECT_EQ(test, dirs[i], call.dir);
	}
	KUNIT_EXPECT_STREQ(test, "begin end begin end begin end", mock_buf_calls(test, mb));
}

static void dma_buf_begin_cpu_access_without_ops(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);

	KUNIT_EXPECT_EQ(test, 0, dma_buf_begin_cpu_access(mb->dmabuf, DMA_BIDIRECTIONAL));
	KUNIT_EXPECT_EQ(test, 0, dma_buf_end_cpu_access(mb->dmabuf, DMA_BIDIRECTIONAL));
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

static void dma_buf_begin_cpu_access_null_einval(struct kunit *test)
{
	expect_splat("dma_buf_begin_cpu_access");
	KUNIT_EXPECT_EQ(test, -EINVAL, dma_buf_begin_cpu_access(NULL, DMA_TO_DEVICE));
}

static void dma_buf_end_cpu_access_null_einval(struct kunit *test)
{
	expect_splat("dma_buf_end_cpu_access");
	KUNIT_EXPECT_EQ(test, -EINVAL, dma_buf_end_cpu_access(NULL, DMA_TO_DEVICE));
}

static void dma_buf_end_cpu_access_op_fails(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CPU);

	mb->fail[MOCK_END] = -EIO;
	KUNIT_EXPECT_EQ(test, -EIO, dma_buf_end_cpu_access(mb->dmabuf, DMA_TO_DEVICE));
	KUNIT_EXPECT_STREQ(test, "end!", mock_buf_calls(test, mb));
}

/*
 * An interrupt is pending: a call that waits for the fence returns
 * -ERESTARTSYS.
 */
static int begin_interrupted(struct mock_buf *mb, enum dma_data_direction dir)
{
	int ret;

	mock_interrupt_raise();
	ret = dma_buf_begin_cpu_access(mb->dmabuf, dir);
	mock_interrupt_clear();
	return ret;
}

struct cpu_wait {
	const char *name;
	enum dma_resv_usage usage;
	enum dma_data_direction dir;
	bool waits;
};

static const struct cpu_wait cpu_waits[] = {
	{ "kernel_for_read", DMA_RESV_USAGE_KERNEL, DMA_FROM_DEVICE, true },
	{ "kernel_for_write", DMA_RESV_USAGE_KERNEL, DMA_TO_DEVICE, true },
	{ "write_for_read", DMA_RESV_USAGE_WRITE, DMA_FROM_DEVICE, true },
	{ "write_for_write", DMA_RESV_USAGE_WRITE, DMA_TO_DEVICE, true },
	{ "write_for_both", DMA_RESV_USAGE_WRITE, DMA_BIDIRECTIONAL, true },
	{ "read_for_read", DMA_RESV_USAGE_READ, DMA_FROM_DEVICE, false },
	{ "read_for_write", DMA_RESV_USAGE_READ, DMA_TO_DEVICE, true },
	{ "read_for_both", DMA_RESV_USAGE_READ, DMA_BIDIRECTIONAL, true },
	{ "bookkeep_for_read", DMA_RESV_USAGE_BOOKKEEP, DMA_FROM_DEVICE, false },
	{ "bookkeep_for_both", DMA_RESV_USAGE_BOOKKEEP, DMA_BIDIRECTIONAL, false },
};

KUNIT_ARRAY_PARAM_DESC(cpu_wait, cpu_waits, name);

static void dma_buf_begin_cpu_access_waits_for_fence(struct kunit *test)
{
	const struct cpu_wait *w = test->param_value;
	struct mock_buf *mb = mock_buf_create(test, MOCK_CPU);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, w->usage);

	KUNIT_EXPECT_EQ(test, w->waits ? -ERESTARTSYS : 0, begin_interrupted(mb, w->dir));
	KUNIT_EXPECT_STREQ(test, w->waits ? "" : "begin", mock_buf_calls(test, mb));
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(mb->dmabuf->resv));
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, 0, begin_interrupted(mb, w->dir));
	KUNIT_EXPECT_STREQ(test, "begin", mock_buf_calls(test, mb));
	dma_fence_put(fence);
}

static void dma_buf_begin_cpu_access_waits_without_op(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);

	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, begin_interrupted(mb, DMA_FROM_DEVICE));
	mock_fence_finish(fence);
}

/* Has the job ended when the exporter is asked to invalidate caches? */
struct begin_look {
	struct dma_fence *fence;
	bool signaled;
};

static void begin_looks(struct mock_buf *mb, struct mock_call *call)
{
	struct begin_look *look = mb->hook_data;

	if (call->op == MOCK_BEGIN)
		look->signaled = test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &look->fence->flags);
}

static void fence_signal_later(struct mock_thread *thread)
{
	fsleep(20 * USEC_PER_MSEC);
	dma_fence_signal(thread->data);
}

/*
 * Caches that are invalidated while a device writes have stale lines when it is
 * done.
 */
static void dma_buf_begin_cpu_access_op_after_fence(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CPU);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	struct begin_look look = { .fence = fence };
	struct mock_thread thread;

	mb->hook = begin_looks;
	mb->hook_data = &look;
	KUNIT_ASSERT_EQ(test, 0, mock_thread_start(&thread, fence_signal_later, fence));
	KUNIT_EXPECT_EQ(test, 0, dma_buf_begin_cpu_access(mb->dmabuf, DMA_FROM_DEVICE));
	KUNIT_EXPECT_TRUE(test, look.signaled);
	KUNIT_EXPECT_STREQ(test, "begin", mock_buf_calls(test, mb));
	mock_thread_wait(&thread);
	mock_fence_finish(fence);
}

/*
 * An exporter that moves the buffer for the CPU, and leaves the fence of the
 * move.
 */
struct begin_move {
	struct kunit *test;
	struct dma_fence *fence;
};

static void begin_moves(struct mock_buf *mb, struct mock_call *call)
{
	struct begin_move *move = mb->hook_data;

	if (call->op == MOCK_BEGIN && !move->fence)
		move->fence = mock_buf_fence_add(move->test, mb, DMA_RESV_USAGE_KERNEL);
}

/*
 * After the interrupted wait nothing has to be ended, and the next call asks
 * the exporter again.
 */
static void dma_buf_begin_cpu_access_op_adds_fence_waits(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CPU);
	struct begin_move move = { .test = test };

	mb->hook = begin_moves;
	mb->hook_data = &move;
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, begin_interrupted(mb, DMA_FROM_DEVICE));
	KUNIT_EXPECT_STREQ(test, "begin", mock_buf_calls(test, mb));
	KUNIT_ASSERT_NOT_NULL(test, move.fence);
	dma_fence_signal(move.fence);
	KUNIT_EXPECT_EQ(test, 0, begin_interrupted(mb, DMA_FROM_DEVICE));
	KUNIT_EXPECT_STREQ(test, "begin", mock_buf_calls(test, mb));
	dma_fence_put(move.fence);
}

/* When the exporter refuses there is nothing to wait for. */
static void dma_buf_begin_cpu_access_op_fails_no_wait(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CPU);
	struct begin_move move = { .test = test };

	mb->hook = begin_moves;
	mb->hook_data = &move;
	mb->fail[MOCK_BEGIN] = -EIO;
	KUNIT_EXPECT_EQ(test, -EIO, begin_interrupted(mb, DMA_FROM_DEVICE));
	KUNIT_EXPECT_STREQ(test, "begin!", mock_buf_calls(test, mb));
	KUNIT_ASSERT_NOT_NULL(test, move.fence);
	mock_fence_finish(move.fence);
}

static void dma_buf_begin_cpu_access_returns_when_signaled(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CPU);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	struct mock_thread thread;

	KUNIT_ASSERT_EQ(test, 0, mock_thread_start(&thread, fence_signal_later, fence));
	KUNIT_EXPECT_EQ(test, 0, dma_buf_begin_cpu_access(mb->dmabuf, DMA_BIDIRECTIONAL));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	mock_thread_wait(&thread);
	mock_fence_finish(fence);
}

static void dma_buf_end_cpu_access_never_waits(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CPU);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_KERNEL);

	mock_interrupt_raise();
	KUNIT_EXPECT_EQ(test, 0, dma_buf_end_cpu_access(mb->dmabuf, DMA_BIDIRECTIONAL));
	mock_interrupt_clear();
	KUNIT_EXPECT_STREQ(test, "end", mock_buf_calls(test, mb));
	mock_fence_finish(fence);
}

static const struct file_operations driver_fops = {
	.owner = THIS_MODULE,
};

/*
 * A mapping as a driver's mmap gets it: of the driver's file, and here of no
 * address space.
 */
struct fake_vma {
	struct vm_area_struct vma;
	struct file *driver;
	struct file *file_in_op;
	unsigned long pgoff_in_op;
};

static struct fake_vma *fake_vma_create(struct kunit *test, unsigned long pages)
{
	struct fake_vma *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->driver = anon_inode_getfile("driver", &driver_fops, NULL, O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, fake->driver);
	fake->vma.vm_file = get_file(fake->driver);
	fake->vma.vm_start = 16 * PAGE_SIZE;
	fake->vma.vm_end = fake->vma.vm_start + pages * PAGE_SIZE;
	fake->vma.vm_pgoff = 0x1234;
	return fake;
}

static void fake_vma_close(struct fake_vma *fake)
{
	fput(fake->vma.vm_file);
	fput(fake->driver);
	mock_fput_flush();
}

static void mmap_looks(struct mock_buf *mb, struct mock_call *call)
{
	struct fake_vma *fake = mb->hook_data;

	fake->file_in_op = call->vma->vm_file;
	fake->pgoff_in_op = call->vma->vm_pgoff;
}

static void dma_buf_mmap_switches_file_before_op(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, BIT(MOCK_MMAP));
	struct fake_vma *fake = fake_vma_create(test, MOCK_PAGES - 1);

	mb->hook = mmap_looks;
	mb->hook_data = fake;
	KUNIT_EXPECT_EQ(test, 0, dma_buf_mmap(mb->dmabuf, &fake->vma, 1));
	KUNIT_EXPECT_STREQ(test, "mmap", mock_buf_calls(test, mb));
	KUNIT_EXPECT_PTR_EQ(test, mb->dmabuf->file, fake->file_in_op);
	KUNIT_EXPECT_EQ(test, 1, fake->pgoff_in_op);
	KUNIT_EXPECT_PTR_EQ(test, mb->dmabuf->file, fake->vma.vm_file);
	KUNIT_EXPECT_EQ(test, 2, file_count(mb->dmabuf->file));
	mock_fput_flush();
	KUNIT_EXPECT_EQ(test, 1, file_count(fake->driver));
	fake_vma_close(fake);
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
}

static void dma_buf_mmap_op_fails(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, BIT(MOCK_MMAP));
	struct fake_vma *fake = fake_vma_create(test, MOCK_PAGES);

	mb->fail[MOCK_MMAP] = -EPERM;
	KUNIT_EXPECT_EQ(test, -EPERM, dma_buf_mmap(mb->dmabuf, &fake->vma, 0));
	KUNIT_EXPECT_STREQ(test, "mmap!", mock_buf_calls(test, mb));
	fake_vma_close(fake);
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
}

/* Refused at the door: neither the mapping nor the exporter notices. */
static void mmap_refused(struct kunit *test, struct mock_buf *mb, unsigned long pages,
			 unsigned long pgoff, int expected)
{
	struct fake_vma *fake = fake_vma_create(test, pages);

	KUNIT_EXPECT_EQ(test, expected, dma_buf_mmap(mb->dmabuf, &fake->vma, pgoff));
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
	KUNIT_EXPECT_PTR_EQ(test, fake->driver, fake->vma.vm_file);
	KUNIT_EXPECT_EQ(test, 0x1234, fake->vma.vm_pgoff);
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
	fake_vma_close(fake);
}

static void dma_buf_mmap_without_op_einval(struct kunit *test)
{
	mmap_refused(test, mock_buf_create(test, MOCK_STATIC), 1, 0, -EINVAL);
}

static void dma_buf_mmap_beyond_end_einval(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, BIT(MOCK_MMAP));

	mmap_refused(test, mb, MOCK_PAGES + 1, 0, -EINVAL);
	mmap_refused(test, mb, MOCK_PAGES, 1, -EINVAL);
	mmap_refused(test, mb, 1, MOCK_PAGES, -EINVAL);
	mmap_refused(test, mb, 1, ULONG_MAX - 1, -EINVAL);
}

static void dma_buf_mmap_offset_wraps_eoverflow(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, BIT(MOCK_MMAP));

	mmap_refused(test, mb, 1, ULONG_MAX, -EOVERFLOW);
	mmap_refused(test, mb, MOCK_PAGES, ULONG_MAX - 1, -EOVERFLOW);
}

static void dma_buf_mmap_whole_buffer_fits(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, BIT(MOCK_MMAP));
	struct fake_vma *fake = fake_vma_create(test, MOCK_PAGES);

	KUNIT_EXPECT_EQ(test, 0, dma_buf_mmap(mb->dmabuf, &fake->vma, 0));
	KUNIT_EXPECT_EQ(test, 0, fake->vma.vm_pgoff);
	fake_vma_close(fake);
	fake = fake_vma_create(test, 1);
	KUNIT_EXPECT_EQ(test, 0, dma_buf_mmap(mb->dmabuf, &fake->vma, MOCK_PAGES - 1));
	KUNIT_EXPECT_EQ(test, MOCK_PAGES - 1, fake->vma.vm_pgoff);
	fake_vma_close(fake);
	KUNIT_EXPECT_STREQ(test, "mmap mmap", mock_buf_calls(test, mb));
}

/*
 * The last page of a buffer whose size is no multiple of a page cannot be
 * mapped.
 */
static void dma_buf_mmap_partial_page_einval(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_alloc(test, BIT(MOCK_MMAP));

	mb->info.size = PAGE_SIZE + 1;
	KUNIT_ASSERT_EQ(test, 0, mock_buf_export(mb));
	mmap_refused(test, mb, 2, 0, -EINVAL);
}

static void dma_buf_mmap_null_einval(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, BIT(MOCK_MMAP));
	struct fake_vma *fake = fake_vma_create(test, 1);

	expect_splat("dma_buf_mmap");
	KUNIT_EXPECT_EQ(test, -EINVAL, dma_buf_mmap(NULL, &fake->vma, 0));
	expect_splat("dma_buf_mmap");
	KUNIT_EXPECT_EQ(test, -EINVAL, dma_buf_mmap(mb->dmabuf, NULL, 0));
	fake_vma_close(fake);
}

static int vmap_locked(struct mock_buf *mb, struct iosys_map *map)
{
	int ret;

	dma_resv_lock(mb->dmabuf->resv, NULL);
	ret = dma_buf_vmap(mb->dmabuf, map);
	dma_resv_unlock(mb->dmabuf->resv);
	return ret;
}

static void vunmap_locked(struct mock_buf *mb, struct iosys_map *map)
{
	dma_resv_lock(mb->dmabuf->resv, NULL);
	dma_buf_vunmap(mb->dmabuf, map);
	dma_resv_unlock(mb->dmabuf->resv);
}

static struct iosys_map stale_map(struct mock_buf *mb)
{
	struct iosys_map map = IOSYS_MAP_INIT_VADDR(mb->vaddr + 1);

	return map;
}

static void dma_buf_vmap_null_einval(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_alloc(test, MOCK_STATIC);
	struct iosys_map map = stale_map(mb);

	expect_splat("dma_buf_vmap");
	KUNIT_EXPECT_EQ(test, -EINVAL, dma_buf_vmap(NULL, &map));
	KUNIT_EXPECT_TRUE(test, iosys_map_is_null(&map));
	map = stale_map(mb);
	expect_splat("dma_buf_vmap_unlocked");
	KUNIT_EXPECT_EQ(test, -EINVAL, dma_buf_vmap_unlocked(NULL, &map));
	KUNIT_EXPECT_TRUE(test, iosys_map_is_null(&map));
}

static void dma_buf_vmap_without_op_einval(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct iosys_map map = stale_map(mb);

	KUNIT_EXPECT_EQ(test, -EINVAL, vmap_locked(mb, &map));
	KUNIT_EXPECT_TRUE(test, iosys_map_is_null(&map));
	map = stale_map(mb);
	KUNIT_EXPECT_EQ(test, -EINVAL, dma_buf_vmap_unlocked(mb->dmabuf, &map));
	KUNIT_EXPECT_TRUE(test, iosys_map_is_null(&map));
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(mb->dmabuf->resv));
}

/*
 * Users share one mapping of the exporter's, from the first vmap to the last
 * vunmap.
 */
static void dma_buf_vmap_shared_until_last_vunmap(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_VMAPPING);
	struct iosys_map one = stale_map(mb), two = stale_map(mb);

	KUNIT_ASSERT_EQ(test, 0, vmap_locked(mb, &one));
	KUNIT_EXPECT_PTR_EQ(test, mb->vaddr, one.vaddr);
	KUNIT_EXPECT_FALSE(test, one.is_iomem);
	KUNIT_EXPECT_STREQ(test, "vmap*", mock_buf_calls(test, mb));
	KUNIT_ASSERT_EQ(test, 0, vmap_locked(mb, &two));
	KUNIT_EXPECT_TRUE(test, iosys_map_is_equal(&one, &two));
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));

	vunmap_locked(mb, &one);
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
	vunmap_locked(mb, &two);
	KUNIT_EXPECT_STREQ(test, "vunmap*", mock_buf_calls(test, mb));

	KUNIT_ASSERT_EQ(test, 0, vmap_locked(mb, &one));
	vunmap_locked(mb, &one);
	KUNIT_EXPECT_STREQ(test, "vmap* vunmap*", mock_buf_calls(test, mb));
}

static void vunmap_looks(struct mock_buf *mb, struct mock_call *call)
{
	if (call->op == MOCK_VUNMAP)
		*(struct iosys_map *)mb->hook_data = *call->map;
}

static void dma_buf_vunmap_hands_map_back(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_VMAPPING);
	struct iosys_map map, seen = stale_map(mb);

	mb->hook = vunmap_looks;
	mb->hook_data = &seen;
	KUNIT_ASSERT_EQ(test, 0, vmap_locked(mb, &map));
	vunmap_locked(mb, &map);
	KUNIT_EXPECT_PTR_EQ(test, mb->vaddr, seen.vaddr);
}

static void dma_buf_vmap_without_vunmap_op(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, BIT(MOCK_VMAP));
	struct iosys_map map;

	KUNIT_ASSERT_EQ(test, 0, vmap_locked(mb, &map));
	vunmap_locked(mb, &map);
	KUNIT_ASSERT_EQ(test, 0, vmap_locked(mb, &map));
	vunmap_locked(mb, &map);
	KUNIT_EXPECT_STREQ(test, "vmap* vmap*", mock_buf_calls(test, mb));
}

/* Running out of memory is no reason to warn, and leaves no trace. */
static void dma_buf_vmap_out_of_memory_is_quiet(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_VMAPPING);
	struct iosys_map map = stale_map(mb);

	mb->fail[MOCK_VMAP] = -ENOMEM;
	KUNIT_EXPECT_EQ(test, -ENOMEM, vmap_locked(mb, &map));
	KUNIT_EXPECT_TRUE(test, iosys_map_is_null(&map));
	KUNIT_EXPECT_STREQ(test, "vmap*!", mock_buf_calls(test, mb));

	mb->fail[MOCK_VMAP] = 0;
	KUNIT_ASSERT_EQ(test, 0, vmap_locked(mb, &map));
	KUNIT_EXPECT_PTR_EQ(test, mb->vaddr, map.vaddr);
	vunmap_locked(mb, &map);
	KUNIT_EXPECT_STREQ(test, "vmap* vunmap*", mock_buf_calls(test, mb));
}

static void dma_buf_vmap_unlocked_takes_lock(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_VMAPPING);
	struct iosys_map map = stale_map(mb);

	KUNIT_ASSERT_EQ(test, 0, dma_buf_vmap_unlocked(mb->dmabuf, &map));
	KUNIT_EXPECT_PTR_EQ(test, mb->vaddr, map.vaddr);
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(mb->dmabuf->resv));
	dma_buf_vunmap_unlocked(mb->dmabuf, &map);
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(mb->dmabuf->resv));
	KUNIT_EXPECT_STREQ(test, "vmap* vunmap*", mock_buf_calls(test, mb));

	mb->fail[MOCK_VMAP] = -ENOMEM;
	map = stale_map(mb);
	KUNIT_EXPECT_EQ(test, -ENOMEM, dma_buf_vmap_unlocked(mb->dmabuf, &map));
	KUNIT_EXPECT_TRUE(test, iosys_map_is_null(&map));
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(mb->dmabuf->resv));
}

static void dma_buf_vunmap_null_ignored(struct kunit *test)
{
	struct iosys_map map = {};

	expect_splat("dma_buf_vunmap");
	dma_buf_vunmap(NULL, &map);
	expect_splat("dma_buf_vunmap_unlocked");
	dma_buf_vunmap_unlocked(NULL, &map);
}

#define STRESS_LOOPS 1000

static void vmap_stress(struct mock_thread *thread)
{
	struct mock_buf *mb = thread->data;
	struct iosys_map map;
	int i;

	for (i = 0; i < STRESS_LOOPS; i++) {
		if (dma_buf_vmap_unlocked(mb->dmabuf, &map))
			return;
		dma_buf_vunmap_unlocked(mb->dmabuf, &map);
	}
}

static void dma_buf_vmap_parallel_balanced(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_VMAPPING);
	struct mock_thread thread;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	KUNIT_ASSERT_EQ(test, 0, mock_thread_start(&thread, vmap_stress, mb));
	vmap_stress(&(struct mock_thread){ .data = mb });
	mock_thread_wait(&thread);
	KUNIT_EXPECT_GT(test, mock_buf_count(mb, MOCK_VMAP), 0);
	KUNIT_EXPECT_LE(test, mock_buf_count(mb, MOCK_VMAP), 2 * STRESS_LOOPS);
	KUNIT_EXPECT_EQ(test, mock_buf_count(mb, MOCK_VMAP), mock_buf_count(mb, MOCK_VUNMAP));
}

static struct kunit_case dma_buf_cpu_cases[] = {
	KUNIT_CASE(dma_buf_begin_cpu_access_calls_op_unlocked),
	KUNIT_CASE(dma_buf_begin_cpu_access_without_ops),
	KUNIT_CASE(dma_buf_begin_cpu_access_null_einval),
	KUNIT_CASE(dma_buf_end_cpu_access_null_einval),
	KUNIT_CASE(dma_buf_end_cpu_access_op_fails),
	KUNIT_CASE_PARAM(dma_buf_begin_cpu_access_waits_for_fence, cpu_wait_gen_params),
	KUNIT_CASE(dma_buf_begin_cpu_access_waits_without_op),
	KUNIT_CASE(dma_buf_begin_cpu_access_op_after_fence),
	KUNIT_CASE(dma_buf_begin_cpu_access_op_adds_fence_waits),
	KUNIT_CASE(dma_buf_begin_cpu_access_op_fails_no_wait),
	KUNIT_CASE(dma_buf_begin_cpu_access_returns_when_signaled),
	KUNIT_CASE(dma_buf_end_cpu_access_never_waits),
	KUNIT_CASE(dma_buf_mmap_switches_file_before_op),
	KUNIT_CASE(dma_buf_mmap_op_fails),
	KUNIT_CASE(dma_buf_mmap_without_op_einval),
	KUNIT_CASE(dma_buf_mmap_beyond_end_einval),
	KUNIT_CASE(dma_buf_mmap_offset_wraps_eoverflow),
	KUNIT_CASE(dma_buf_mmap_whole_buffer_fits),
	KUNIT_CASE(dma_buf_mmap_partial_page_einval),
	KUNIT_CASE(dma_buf_mmap_null_einval),
	KUNIT_CASE(dma_buf_vmap_null_einval),
	KUNIT_CASE(dma_buf_vmap_without_op_einval),
	KUNIT_CASE(dma_buf_vmap_shared_until_last_vunmap),
	KUNIT_CASE(dma_buf_vunmap_hands_map_back),
	KUNIT_CASE(dma_buf_vmap_without_vunmap_op),
	KUNIT_CASE(dma_buf_vmap_out_of_memory_is_quiet),
	KUNIT_CASE(dma_buf_vmap_unlocked_takes_lock),
	KUNIT_CASE(dma_buf_vunmap_null_ignored),
	KUNIT_CASE_SLOW(dma_buf_vmap_parallel_balanced),
	{}
};

static struct kunit_suite dma_buf_cpu_suite = {
	.name = "dma_buf_cpu",
	.test_cases = dma_buf_cpu_cases,
};

kunit_test_suite(dma_buf_cpu_suite);
