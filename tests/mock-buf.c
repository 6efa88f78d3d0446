// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mock exporter and importer. Every callback goes through mock_buf_enter(),
 * which notes whether the reservation lock is held, runs the test's hook and
 * decides what the callback returns.
 *
 * Locks: the log's spinlock only, innermost.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/iosys-map.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "mock-buf.h"
#include "mock-fence.h"
#include "mock-task.h"

static const char * const mock_op_names[MOCK_NUM_OPS] = {
	[MOCK_ATTACH] = "attach",
	[MOCK_DETACH] = "detach",
	[MOCK_PIN] = "pin",
	[MOCK_UNPIN] = "unpin",
	[MOCK_MAP] = "map",
	[MOCK_UNMAP] = "unmap",
	[MOCK_RELEASE] = "release",
	[MOCK_BEGIN] = "begin",
	[MOCK_END] = "end",
	[MOCK_MMAP] = "mmap",
	[MOCK_VMAP] = "vmap",
	[MOCK_VUNMAP] = "vunmap",
	[MOCK_MOVE] = "move",
};

static void mock_buf_free(struct kref *ref)
{
	struct mock_buf *mb = container_of(ref, struct mock_buf, ref);

	if (mb->vaddr)
		free_pages_exact(mb->vaddr, mb->vsize);
	kfree(mb);
}

/*
 * Return true if this task holds the reservation lock. Without lockdep, the
 * holder may be another task.
 */
static bool mock_resv_held(struct dma_buf *dmabuf)
{
	return dma_resv_is_locked(dmabuf->resv) && dma_resv_held(dmabuf->resv);
}

static int mock_buf_enter(struct dma_buf *dmabuf, struct mock_call *call)
{
	struct mock_buf *mb = dmabuf->priv;
	unsigned int slot = MOCK_LOG_MAX;

	call->locked = mock_resv_held(dmabuf);
	call->ret = mb->fail[call->op];
	atomic_inc(&mb->count[call->op]);

	spin_lock(&mb->log_lock);
	if (mb->log_len < MOCK_LOG_MAX) {
		slot = mb->log_len++;
		mb->log[slot] = *call;
	}
	spin_unlock(&mb->log_lock);

	if (mb->hook)
		mb->hook(mb, call);
	if (slot < MOCK_LOG_MAX)
		mb->log[slot].ret = call->ret;
	return call->ret;
}

static int mock_buf_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct mock_call call = { .op = MOCK_ATTACH, .attach = attach };

	return mock_buf_enter(dmabuf, &call);
}

static void mock_buf_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct mock_call call = { .op = MOCK_DETACH, .attach = attach };

	mock_buf_enter(dmabuf, &call);
}

static int mock_buf_pin(struct dma_buf_attachment *attach)
{
	struct mock_call call = { .op = MOCK_PIN, .attach = attach };

	return mock_buf_enter(attach->dmabuf, &call);
}

static void mock_buf_unpin(struct dma_buf_attachment *attach)
{
	struct mock_call call = { .op = MOCK_UNPIN, .attach = attach };

	mock_buf_enter(attach->dmabuf, &call);
}

/*
 * A table with one entry for each page, so that order and number of entries can
 * be checked.
 */
static struct sg_table *mock_sgt_create(struct mock_buf *mb)
{
	unsigned int i, n = mb->vsize >> PAGE_SHIFT;
	struct scatterlist *sg;
	struct sg_table *sgt;

	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return NULL;
	if (sg_alloc_table(sgt, n, GFP_KERNEL)) {
		kfree(sgt);
		return NULL;
	}
	for_each_sgtable_sg(sgt, sg, i)
		sg_set_page(sg, virt_to_page(mb->vaddr + i * PAGE_SIZE), PAGE_SIZE, 0);
	return sgt;
}

static void mock_sgt_free(struct sg_table *sgt)
{
	sg_free_table(sgt);
	kfree(sgt);
}

static struct sg_table *mock_buf_map(struct dma_buf_attachment *attach,
				     enum dma_data_direction dir)
{
	struct mock_call call = { .op = MOCK_MAP, .attach = attach, .dir = dir };
	struct mock_buf *mb = attach->dmabuf->priv;
	struct sg_table *sgt;
	int ret;

	ret = mock_buf_enter(attach->dmabuf, &call);
	if (ret)
		return ret == MOCK_MAP_NULL ? NULL : ERR_PTR(ret);

	sgt = mock_sgt_create(mb);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	ret = dma_map_sgtable(attach->dev, sgt, dir, DMA_ATTR_SKIP_CPU_SYNC);
	if (!ret)
		return sgt;
	mock_sgt_free(sgt);
	return ERR_PTR(ret);
}

static void mock_buf_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			   enum dma_data_direction dir)
{
	struct mock_call call = { .op = MOCK_UNMAP, .attach = attach, .sgt = sgt, .dir = dir };

	mock_buf_enter(attach->dmabuf, &call);
	dma_unmap_sgtable(attach->dev, sgt, dir, DMA_ATTR_SKIP_CPU_SYNC);
	mock_sgt_free(sgt);
}

static void mock_buf_release(struct dma_buf *dmabuf)
{
	struct mock_call call = { .op = MOCK_RELEASE };
	struct mock_buf *mb = dmabuf->priv;

	mock_buf_enter(dmabuf, &call);
	mb->dmabuf = NULL;
	WRITE_ONCE(mb->releaser, current);
	kref_put(&mb->ref, mock_buf_free);
}

static int mock_buf_begin(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct mock_call call = { .op = MOCK_BEGIN, .dir = dir };

	return mock_buf_enter(dmabuf, &call);
}

static int mock_buf_end(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct mock_call call = { .op = MOCK_END, .dir = dir };

	return mock_buf_enter(dmabuf, &call);
}

/* A vma that belongs to no address space is a test's own and gets no pages. */
static int mock_buf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct mock_call call = { .op = MOCK_MMAP, .vma = vma };
	struct mock_buf *mb = dmabuf->priv;
	int ret;

	ret = mock_buf_enter(dmabuf, &call);
	if (ret || !vma->vm_mm)
		return ret;
	return remap_pfn_range(vma, vma->vm_start,
			       page_to_pfn(virt_to_page(mb->vaddr)) + vma->vm_pgoff,
			       vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

static int mock_buf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct mock_call call = { .op = MOCK_VMAP, .map = map };
	struct mock_buf *mb = dmabuf->priv;
	int ret;

	ret = mock_buf_enter(dmabuf, &call);
	if (!ret)
		iosys_map_set_vaddr(map, mb->vaddr);
	return ret;
}

static void mock_buf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct mock_call call = { .op = MOCK_VUNMAP, .map = map };

	mock_buf_enter(dmabuf, &call);
}

static void mock_importer_move_notify(struct dma_buf_attachment *attach)
{
	struct mock_call call = { .op = MOCK_MOVE, .attach = attach };
	struct mock_importer *importer = attach->importer_priv;

	mock_buf_enter(attach->dmabuf, &call);
	if (!importer)
		return;
	atomic_inc(&importer->moves);
	if (!call.locked)
		atomic_inc(&importer->moves_unlocked);
}

const struct dma_buf_attach_ops mock_attach_ops = {
	.move_notify = mock_importer_move_notify,
};

const struct dma_buf_attach_ops mock_attach_ops_p2p = {
	.allow_peer2peer = true,
	.move_notify = mock_importer_move_notify,
};

static void mock_ops_fill(struct dma_buf_ops *ops, u32 which)
{
	ops->cache_sgt_mapping = which & MOCK_CACHED;
	ops->attach = which & BIT(MOCK_ATTACH) ? mock_buf_attach : NULL;
	ops->detach = which & BIT(MOCK_DETACH) ? mock_buf_detach : NULL;
	ops->pin = which & BIT(MOCK_PIN) ? mock_buf_pin : NULL;
	ops->unpin = which & BIT(MOCK_UNPIN) ? mock_buf_unpin : NULL;
	ops->map_dma_buf = mock_buf_map;
	ops->unmap_dma_buf = mock_buf_unmap;
	ops->release = mock_buf_release;
	ops->begin_cpu_access = which & BIT(MOCK_BEGIN) ? mock_buf_begin : NULL;
	ops->end_cpu_access = which & BIT(MOCK_END) ? mock_buf_end : NULL;
	ops->mmap = which & BIT(MOCK_MMAP) ? mock_buf_mmap : NULL;
	ops->vmap = which & BIT(MOCK_VMAP) ? mock_buf_vmap : NULL;
	ops->vunmap = which & BIT(MOCK_VUNMAP) ? mock_buf_vunmap : NULL;
}

static void mock_buf_cleanup(void *data)
{
	struct mock_buf *mb = data;

	/* The data that the hook reads has gone with the test's stack. */
	mb->hook = NULL;
	if (mb->held)
		mock_buf_put(mb);
	kref_put(&mb->ref, mock_buf_free);
}

/**
 * mock_buf_alloc - make an exporter that has not exported yet
 * @test: the running test, which owns one reference
 * @ops: BIT(MOCK_...) of the optional callbacks it has, and MOCK_CACHED
 *
 * Return: the exporter; a failure ends the test.
 */
struct mock_buf *mock_buf_alloc(struct kunit *test, u32 ops)
{
	struct mock_buf *mb;

	mb = kzalloc(sizeof(*mb), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mb);
	kref_init(&mb->ref);
	spin_lock_init(&mb->log_lock);
	mock_ops_fill(&mb->ops, ops);
	mb->info.exp_name = "mock";
	mb->info.owner = THIS_MODULE;
	mb->info.ops = &mb->ops;
	mb->info.size = MOCK_SIZE;
	mb->info.flags = O_RDWR;
	mb->info.priv = mb;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, mock_buf_cleanup, mb));

	mb->vsize = MOCK_SIZE;
	mb->vaddr = alloc_pages_exact(mb->vsize, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, mb->vaddr);
	return mb;
}

/**
 * mock_buf_export - export the buffer as @mb->info says
 * @mb: the exporter
 *
 * The creator's reference to the buffer is dropped by mock_buf_put(), at the
 * end of the test at the latest.
 *
 * Return: 0 or the errno of dma_buf_export().
 */
int mock_buf_export(struct mock_buf *mb)
{
	struct dma_buf *dmabuf;

	kref_get(&mb->ref);
	dmabuf = dma_buf_export(&mb->info);
	if (IS_ERR(dmabuf)) {
		kref_put(&mb->ref, mock_buf_free);
		return PTR_ERR(dmabuf);
	}
	mb->dmabuf = dmabuf;
	mb->held = true;
	return 0;
}

/**
 * mock_buf_create - make an exporter and export its buffer
 * @test: the running test
 * @ops: as for mock_buf_alloc()
 *
 * Return: the exporter; a failure ends the test.
 */
struct mock_buf *mock_buf_create(struct kunit *test, u32 ops)
{
	struct mock_buf *mb = mock_buf_alloc(test, ops);

	KUNIT_ASSERT_EQ(test, 0, mock_buf_export(mb));
	return mb;
}

/**
 * mock_buf_disown - say that the creator's reference has a new owner
 * @mb: the exporter
 */
void mock_buf_disown(struct mock_buf *mb)
{
	mb->held = false;
}

/**
 * mock_buf_put - drop the creator's reference and wait for what follows
 * @mb: the exporter
 *
 * A kernel thread's last fput() is done by a worker; when this returns, the
 * buffer is gone for good if this was the last reference.
 */
void mock_buf_put(struct mock_buf *mb)
{
	mock_buf_disown(mb);
	WRITE_ONCE(mb->releaser, NULL);
	dma_buf_put(mb->dmabuf);
	/*
	 * Mostly the worker has not even started, and this does all the work.
	 */
	flush_delayed_fput();
	if (READ_ONCE(mb->releaser) != current)
		mock_fput_flush();
}

/**
 * mock_buf_calls - take the log of callbacks
 * @test: the running test, which owns the text
 * @mb: the exporter
 *
 * Return: the callbacks since the last call, in order, as text: see the head of
 * mock-buf.h.
 */
const char *mock_buf_calls(struct kunit *test, struct mock_buf *mb)
{
	size_t size = MOCK_LOG_MAX * 12, len = 0;
	unsigned int i, n;
	char *text;

	text = kunit_kzalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, text);

	spin_lock(&mb->log_lock);
	n = mb->log_len;
	mb->log_len = 0;
	for (i = 0; i < n; i++) {
		const struct mock_call *call = &mb->log[i];

		len += scnprintf(text + len, size - len, "%s%s%s%s", i ? " " : "",
				 mock_op_names[call->op], call->locked ? "*" : "",
				 call->ret ? "!" : "");
	}
	spin_unlock(&mb->log_lock);
	return text;
}

/**
 * mock_device_create - make a device that can do DMA
 * @test: the running test, which owns the device
 * @name: its name
 *
 * Return: the device; a failure ends the test.
 */
struct device *mock_device_create(struct kunit *test, const char *name)
{
	struct device *dev = kunit_device_register(test, name);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	KUNIT_ASSERT_EQ(test, 0, dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64)));
	return dev;
}

/**
 * mock_importer_attach - attach a dynamic importer
 * @test: the running test, which owns the importer but not its attachment
 * @mb: whose buffer
 * @dev: the importing device
 *
 * Return: the importer; a failure ends the test. The caller detaches @attach of
 * it.
 */
struct mock_importer *mock_importer_attach(struct kunit *test, struct mock_buf *mb,
					   struct device *dev)
{
	struct mock_importer *importer;

	importer = kunit_kzalloc(test, sizeof(*importer), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, importer);
	importer->attach = dma_buf_dynamic_attach(mb->dmabuf, dev, &mock_attach_ops, importer);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, importer->attach);
	return importer;
}

/**
 * mock_buf_fence_add - put a pending fence into the buffer's reservation
 * @test: the running test
 * @mb: whose buffer
 * @usage: what the fence stands for
 *
 * Return: the fence with a reference, which the caller drops with
 * mock_fence_finish().
 */
struct dma_fence *mock_buf_fence_add(struct kunit *test, struct mock_buf *mb,
				     enum dma_resv_usage usage)
{
	struct dma_fence *fence = mock_fence_create(test, dma_fence_context_alloc(1), 1);
	struct dma_resv *resv = mb->dmabuf->resv;

	KUNIT_ASSERT_EQ(test, 0, dma_resv_lock(resv, NULL));
	KUNIT_EXPECT_EQ(test, 0, dma_resv_reserve_fences(resv, 1));
	dma_resv_add_fence(resv, fence, usage);
	dma_resv_unlock(resv);
	return fence;
}

/**
 * mock_fence_finish - signal a fence, unless it has signaled, and drop the
 * caller's reference
 * @fence: the fence
 */
void mock_fence_finish(struct dma_fence *fence)
{
	dma_fence_signal(fence);
	dma_fence_put(fence);
}

/**
 * mock_buf_ioctl - call the buffer's file as ioctl() does
 * @mb: whose buffer
 * @cmd: the request
 * @arg: its argument, a user address as a rule
 *
 * Return: what the file operation returned.
 */
long mock_buf_ioctl(struct mock_buf *mb, unsigned int cmd, unsigned long arg)
{
	struct file *file = mb->dmabuf->file;

	return file->f_op->unlocked_ioctl(file, cmd, arg);
}
