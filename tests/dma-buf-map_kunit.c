// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-buf-map.c: map and unmap in both locking flavours, mappings kept
 * by the core, what DMABUF_DEBUG hides from importers.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/scatterlist.h>

#include "expect-splat.h"
#include "mock-buf.h"
#include "mock-fence.h"
#include "mock-task.h"

#define MOVE_NOTIFY IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY)

static struct dma_buf_attachment *attach_static(struct kunit *test, struct mock_buf *mb)
{
	struct dma_buf_attachment *attach;

	attach = dma_buf_attach(mb->dmabuf, mock_device_create(test, "static"));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	mock_buf_calls(test, mb);
	return attach;
}

static struct dma_buf_attachment *attach_dynamic(struct kunit *test, struct mock_buf *mb)
{
	struct mock_importer *importer;

	importer = mock_importer_attach(test, mb, mock_device_create(test, "dynamic"));
	mock_buf_calls(test, mb);
	return importer->attach;
}

static struct sg_table *map_locked(struct dma_buf_attachment *attach, enum dma_data_direction dir)
{
	struct sg_table *sgt;

	dma_resv_lock(attach->dmabuf->resv, NULL);
	sgt = dma_buf_map_attachment(attach, dir);
	dma_resv_unlock(attach->dmabuf->resv);
	return sgt;
}

static void unmap_locked(struct dma_buf_attachment *attach, struct sg_table *sgt,
			 enum dma_data_direction dir)
{
	dma_resv_lock(attach->dmabuf->resv, NULL);
	dma_buf_unmap_attachment(attach, sgt, dir);
	dma_resv_unlock(attach->dmabuf->resv);
}

/* Keep the last mapping callback's arguments. */
static void note_call(struct mock_buf *mb, struct mock_call *call)
{
	*(struct mock_call *)mb->hook_data = *call;
}

static void dma_buf_map_attachment_passes_direction(struct kunit *test)
{
	static const enum dma_data_direction dirs[] = {
		DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL,
	};
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_buf_attachment *attach = attach_static(test, mb);
	struct mock_call call;
	struct sg_table *sgt;
	int i;

	mb->hook = note_call;
	mb->hook_data = &call;
	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		sgt = map_locked(attach, dirs[i]);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
		KUNIT_EXPECT_EQ(test, dirs[i], call.dir);
		KUNIT_EXPECT_PTR_EQ(test, attach, call.attach);
		unmap_locked(attach, sgt, dirs[i]);
		KUNIT_EXPECT_EQ(test, MOCK_UNMAP, call.op);
		KUNIT_EXPECT_EQ(test, dirs[i], call.dir);
		KUNIT_EXPECT_EQ(test, !IS_ENABLED(CONFIG_DMABUF_DEBUG), sgt == call.sgt);
		KUNIT_EXPECT_PTR_EQ(test, attach, call.attach);
	}
	KUNIT_EXPECT_STREQ(test, "map* unmap* map* unmap* map* unmap*", mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, attach);
}

/* The caller's lock stays the caller's. */
static void dma_buf_map_attachment_keeps_lock(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_buf_attachment *attach = attach_static(test, mb);
	struct sg_table *sgt;

	dma_resv_lock(mb->dmabuf->resv, NULL);
	sgt = dma_buf_map_attachment(attach, DMA_TO_DEVICE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	KUNIT_EXPECT_TRUE(test, dma_resv_is_locked(mb->dmabuf->resv));
	dma_buf_unmap_attachment(attach, sgt, DMA_TO_DEVICE);
	KUNIT_EXPECT_TRUE(test, dma_resv_is_locked(mb->dmabuf->resv));
	dma_resv_unlock(mb->dmabuf->resv);
	dma_buf_detach(mb->dmabuf, attach);
}

static void dma_buf_map_attachment_unlocked_takes_lock(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_buf_attachment *attach = attach_static(test, mb);
	struct sg_table *sgt;

	sgt = dma_buf_map_attachment_unlocked(attach, DMA_FROM_DEVICE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(mb->dmabuf->resv));
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_FROM_DEVICE);
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(mb->dmabuf->resv));
	KUNIT_EXPECT_STREQ(test, "map* unmap*", mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, attach);
}

/* Not kept by the core: each request is a mapping of its own. */
static void dma_buf_map_attachment_twice_maps_twice(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_buf_attachment *attach = attach_static(test, mb);
	struct sg_table *one, *two;

	one = map_locked(attach, DMA_TO_DEVICE);
	two = map_locked(attach, DMA_TO_DEVICE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, one);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, two);
	KUNIT_EXPECT_PTR_NE(test, one, two);
	KUNIT_EXPECT_STREQ(test, "map* map*", mock_buf_calls(test, mb));
	unmap_locked(attach, one, DMA_TO_DEVICE);
	unmap_locked(attach, two, DMA_TO_DEVICE);
	KUNIT_EXPECT_STREQ(test, "unmap* unmap*", mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, attach);
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

static void dma_buf_map_attachment_null_einval(struct kunit *test)
{
	struct dma_buf_attachment lost = {};

	expect_splat("dma_buf_map_attachment");
	KUNIT_EXPECT_EQ(test, -EINVAL, PTR_ERR(dma_buf_map_attachment(NULL, DMA_TO_DEVICE)));
	expect_splat("dma_buf_map_attachment");
	KUNIT_EXPECT_EQ(test, -EINVAL, PTR_ERR(dma_buf_map_attachment(&lost, DMA_TO_DEVICE)));
	expect_splat("dma_buf_map_attachment_unlocked");
	KUNIT_EXPECT_EQ(test, -EINVAL,
			PTR_ERR(dma_buf_map_attachment_unlocked(NULL, DMA_TO_DEVICE)));
	expect_splat("dma_buf_map_attachment_unlocked");
	KUNIT_EXPECT_EQ(test, -EINVAL,
			PTR_ERR(dma_buf_map_attachment_unlocked(&lost, DMA_TO_DEVICE)));
}

static void dma_buf_unmap_attachment_null_ignored(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_buf_attachment *attach = attach_static(test, mb);
	struct dma_buf_attachment lost = {};
	struct sg_table sgt = {};

	expect_splat("dma_buf_unmap_attachment");
	dma_buf_unmap_attachment(NULL, &sgt, DMA_TO_DEVICE);
	expect_splat("dma_buf_unmap_attachment");
	dma_buf_unmap_attachment(&lost, &sgt, DMA_TO_DEVICE);
	expect_splat("dma_buf_unmap_attachment");
	unmap_locked(attach, NULL, DMA_TO_DEVICE);
	expect_splat("dma_buf_unmap_attachment_unlocked");
	dma_buf_unmap_attachment_unlocked(NULL, &sgt, DMA_TO_DEVICE);
	expect_splat("dma_buf_unmap_attachment_unlocked");
	dma_buf_unmap_attachment_unlocked(attach, NULL, DMA_TO_DEVICE);
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(mb->dmabuf->resv));
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, attach);
}

static void dma_buf_map_attachment_exporter_fails(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_buf_attachment *attach = attach_static(test, mb);

	mb->fail[MOCK_MAP] = -EIO;
	KUNIT_EXPECT_EQ(test, -EIO, PTR_ERR(map_locked(attach, DMA_TO_DEVICE)));
	KUNIT_EXPECT_EQ(test, -EIO,
			PTR_ERR(dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE)));
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(mb->dmabuf->resv));
	mb->fail[MOCK_MAP] = MOCK_MAP_NULL;
	KUNIT_EXPECT_EQ(test, -ENOMEM, PTR_ERR(map_locked(attach, DMA_TO_DEVICE)));
	KUNIT_EXPECT_EQ(test, -ENOMEM,
			PTR_ERR(dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE)));
	KUNIT_EXPECT_STREQ(test, "map*! map*! map*! map*!", mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, attach);
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

/* A failed mapping must not leave the buffer pinned. */
static void dma_buf_map_attachment_dynamic_fails_unpinned(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_DYNAMIC);
	struct dma_buf_attachment *attach = attach_dynamic(test, mb);

	mb->fail[MOCK_MAP] = -EIO;
	KUNIT_EXPECT_EQ(test, -EIO, PTR_ERR(map_locked(attach, DMA_TO_DEVICE)));
	KUNIT_EXPECT_STREQ(test, MOVE_NOTIFY ? "map*!" : "pin* map*! unpin*",
			   mock_buf_calls(test, mb));
	mb->fail[MOCK_MAP] = MOCK_MAP_NULL;
	KUNIT_EXPECT_EQ(test, -ENOMEM, PTR_ERR(map_locked(attach, DMA_TO_DEVICE)));
	KUNIT_EXPECT_STREQ(test, MOVE_NOTIFY ? "map*!" : "pin* map*! unpin*",
			   mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, attach);
}

static void dma_buf_map_attachment_dynamic_pin_fails(struct kunit *test)
{
	struct dma_buf_attachment *attach;
	struct mock_buf *mb;

	if (MOVE_NOTIFY)
		kunit_skip(test, "with DMABUF_MOVE_NOTIFY nothing is pinned");
	mb = mock_buf_create(test, MOCK_DYNAMIC);
	attach = attach_dynamic(test, mb);
	mb->fail[MOCK_PIN] = -ENOSPC;
	KUNIT_EXPECT_EQ(test, -ENOSPC, PTR_ERR(map_locked(attach, DMA_TO_DEVICE)));
	KUNIT_EXPECT_STREQ(test, "pin*!", mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, attach);
}

/*
 * What an exporter is, is asked at each call: the table may have been swapped
 * meanwhile.
 */
static void dma_buf_map_attachment_ops_swapped_after_attach(struct kunit *test)
{
	struct mock_buf *donor = mock_buf_alloc(test, MOCK_STATIC);
	struct mock_buf *mb = mock_buf_create(test, MOCK_DYNAMIC);
	struct dma_buf_attachment *attach = attach_dynamic(test, mb);
	struct sg_table *sgt;

	mb->dmabuf->ops = &donor->ops;
	sgt = map_locked(attach, DMA_TO_DEVICE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	unmap_locked(attach, sgt, DMA_TO_DEVICE);
	KUNIT_EXPECT_STREQ(test, "map* unmap*", mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, attach);
}

static void dma_buf_map_attachment_cached_maps_once(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CACHED | MOCK_ATTACHING);
	struct dma_buf_attachment *attach = attach_static(test, mb);
	struct mock_call call;
	struct sg_table *one, *two;

	mb->hook = note_call;
	mb->hook_data = &call;
	one = map_locked(attach, DMA_FROM_DEVICE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, one);
	KUNIT_EXPECT_STREQ(test, "map*", mock_buf_calls(test, mb));
	unmap_locked(attach, one, DMA_FROM_DEVICE);
	two = dma_buf_map_attachment_unlocked(attach, DMA_FROM_DEVICE);
	KUNIT_ASSERT_PTR_EQ(test, one, two);
	dma_buf_unmap_attachment_unlocked(attach, two, DMA_FROM_DEVICE);
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));

	mb->hook = NULL;
	dma_buf_detach(mb->dmabuf, attach);
	KUNIT_EXPECT_STREQ(test, "unmap* detach", mock_buf_calls(test, mb));
}

struct kept {
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	struct completion mapped;
};

static void map_kept(struct mock_thread *thread)
{
	struct kept *kept = thread->data;

	kept->sgt = dma_buf_map_attachment_unlocked(kept->attach, DMA_TO_DEVICE);
	dma_buf_unmap_attachment_unlocked(kept->attach, kept->sgt, DMA_TO_DEVICE);
	complete(&kept->mapped);
}

/*
 * The mapping that is there already is not waited for behind who holds the
 * reservation.
 */
static void dma_buf_map_attachment_unlocked_cached_needs_no_lock(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CACHED);
	struct kept kept = { .attach = attach_static(test, mb) };
	struct mock_thread thread;
	struct sg_table *sgt;

	sgt = map_locked(kept.attach, DMA_BIDIRECTIONAL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	init_completion(&kept.mapped);
	dma_resv_lock(mb->dmabuf->resv, NULL);
	if (!mock_thread_start(&thread, map_kept, &kept)) {
		KUNIT_EXPECT_NE(test, 0, wait_for_completion_timeout(&kept.mapped, 5 * HZ));
		KUNIT_EXPECT_PTR_EQ(test, sgt, READ_ONCE(kept.sgt));
		dma_resv_unlock(mb->dmabuf->resv);
		mock_thread_wait(&thread);
	} else {
		dma_resv_unlock(mb->dmabuf->resv);
		KUNIT_FAIL(test, "no thread");
	}
	KUNIT_EXPECT_STREQ(test, "map*", mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, kept.attach);
}

static void dma_buf_detach_unmaps_cached_as_mapped(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CACHED);
	struct dma_buf_attachment *attach = attach_static(test, mb);
	struct mock_call call = {};
	struct sg_table *sgt;

	sgt = map_locked(attach, DMA_FROM_DEVICE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	mb->hook = note_call;
	mb->hook_data = &call;
	dma_buf_detach(mb->dmabuf, attach);
	KUNIT_EXPECT_STREQ(test, "map* unmap*", mock_buf_calls(test, mb));
	KUNIT_EXPECT_EQ(test, !IS_ENABLED(CONFIG_DMABUF_DEBUG), sgt == call.sgt);
	KUNIT_EXPECT_EQ(test, DMA_FROM_DEVICE, call.dir);
}

static void dma_buf_map_attachment_cached_other_direction_ebusy(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CACHED);
	struct dma_buf_attachment *attach = attach_static(test, mb);
	struct sg_table *sgt;

	sgt = map_locked(attach, DMA_TO_DEVICE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	KUNIT_EXPECT_EQ(test, -EBUSY, PTR_ERR(map_locked(attach, DMA_FROM_DEVICE)));
	KUNIT_EXPECT_EQ(test, -EBUSY, PTR_ERR(map_locked(attach, DMA_BIDIRECTIONAL)));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			PTR_ERR(dma_buf_map_attachment_unlocked(attach, DMA_FROM_DEVICE)));
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(mb->dmabuf->resv));
	KUNIT_EXPECT_PTR_EQ(test, sgt, map_locked(attach, DMA_TO_DEVICE));
	KUNIT_EXPECT_STREQ(test, "map*", mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, attach);
}

static void dma_buf_map_attachment_cached_bidirectional_serves_all(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CACHED);
	struct dma_buf_attachment *attach = attach_static(test, mb);
	struct sg_table *sgt;

	sgt = map_locked(attach, DMA_BIDIRECTIONAL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	KUNIT_EXPECT_PTR_EQ(test, sgt, map_locked(attach, DMA_TO_DEVICE));
	KUNIT_EXPECT_PTR_EQ(test, sgt, map_locked(attach, DMA_FROM_DEVICE));
	KUNIT_EXPECT_PTR_EQ(test, sgt, map_locked(attach, DMA_BIDIRECTIONAL));
	KUNIT_EXPECT_STREQ(test, "map*", mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, attach);
}

/* A mapping that was refused is not kept. */
static void dma_buf_map_attachment_cached_failure_not_kept(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CACHED);
	struct dma_buf_attachment *attach = attach_static(test, mb);

	mb->fail[MOCK_MAP] = -EIO;
	KUNIT_EXPECT_EQ(test, -EIO, PTR_ERR(map_locked(attach, DMA_TO_DEVICE)));
	mb->fail[MOCK_MAP] = MOCK_MAP_NULL;
	KUNIT_EXPECT_EQ(test, -ENOMEM, PTR_ERR(map_locked(attach, DMA_TO_DEVICE)));
	mb->fail[MOCK_MAP] = 0;
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, map_locked(attach, DMA_FROM_DEVICE));
	KUNIT_EXPECT_STREQ(test, "map*! map*! map*", mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, attach);
}

/* Who waits for what in map: seen by whether an interrupt ends it. */
struct map_wait {
	const char *name;
	enum dma_resv_usage usage;
	bool dynamic_importer;
	bool waits;
};

static const struct map_wait map_waits[] = {
	{ "static_kernel", DMA_RESV_USAGE_KERNEL, false, true },
	{ "static_write", DMA_RESV_USAGE_WRITE, false, false },
	{ "static_read", DMA_RESV_USAGE_READ, false, false },
	{ "static_bookkeep", DMA_RESV_USAGE_BOOKKEEP, false, false },
	{ "dynamic_kernel", DMA_RESV_USAGE_KERNEL, true, false },
};

KUNIT_ARRAY_PARAM_DESC(map_wait, map_waits, name);

static void dma_buf_map_attachment_waits_for_fence(struct kunit *test)
{
	const struct map_wait *w = test->param_value;
	u32 exporter = w->dynamic_importer ? MOCK_DYNAMIC : MOCK_STATIC;
	struct mock_buf *mb = mock_buf_create(test, exporter);
	struct dma_buf_attachment *attach;
	struct dma_fence *fence;
	struct sg_table *sgt;

	attach = w->dynamic_importer ? attach_dynamic(test, mb) : attach_static(test, mb);
	fence = mock_buf_fence_add(test, mb, w->usage);
	mock_interrupt_raise();
	sgt = map_locked(attach, DMA_TO_DEVICE);
	mock_interrupt_clear();
	if (w->waits) {
		KUNIT_EXPECT_EQ(test, -ERESTARTSYS, PTR_ERR(sgt));
		KUNIT_EXPECT_STREQ(test, "map* unmap*", mock_buf_calls(test, mb));
	} else {
		KUNIT_EXPECT_NOT_ERR_OR_NULL(test, sgt);
	}
	if (!IS_ERR_OR_NULL(sgt))
		unmap_locked(attach, sgt, DMA_TO_DEVICE);

	/* Once signaled, it holds nobody up. */
	dma_fence_signal(fence);
	mock_interrupt_raise();
	sgt = map_locked(attach, DMA_TO_DEVICE);
	mock_interrupt_clear();
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	unmap_locked(attach, sgt, DMA_TO_DEVICE);
	dma_fence_put(fence);
	dma_buf_detach(mb->dmabuf, attach);
}

/* The interrupted wait of a cached mapping leaves nothing in the cache. */
static void dma_buf_map_attachment_cached_interrupted_not_kept(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CACHED);
	struct dma_buf_attachment *attach = attach_static(test, mb);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_KERNEL);

	mock_interrupt_raise();
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, PTR_ERR(map_locked(attach, DMA_TO_DEVICE)));
	mock_interrupt_clear();
	KUNIT_EXPECT_STREQ(test, "map* unmap*", mock_buf_calls(test, mb));
	mock_fence_finish(fence);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, map_locked(attach, DMA_TO_DEVICE));
	dma_buf_detach(mb->dmabuf, attach);
	KUNIT_EXPECT_STREQ(test, "map* unmap*", mock_buf_calls(test, mb));
}

/* What the exporter finds in its own table when it gets it back. */
struct table_view {
	void *vaddr;
	unsigned int pages;
	unsigned int good;
};

static void table_looks(struct mock_buf *mb, struct mock_call *call)
{
	struct table_view *view = mb->hook_data;
	struct scatterlist *sg;
	int i;

	if (call->op != MOCK_UNMAP)
		return;
	for_each_sgtable_sg(call->sgt, sg, i) {
		view->pages++;
		view->good += sg_page(sg) == virt_to_page(mb->vaddr + i * PAGE_SIZE);
	}
}

/* Importers get DMA addresses; with DMABUF_DEBUG pages are kept from them. */
static void sgt_check(struct kunit *test, struct mock_buf *mb, struct sg_table *sgt)
{
	struct scatterlist *sg;
	int i;

	KUNIT_EXPECT_EQ(test, MOCK_PAGES, sgt->orig_nents);
	for_each_sgtable_sg(sgt, sg, i) {
		struct page *page = virt_to_page(mb->vaddr + i * PAGE_SIZE);

		KUNIT_EXPECT_PTR_EQ(test, IS_ENABLED(CONFIG_DMABUF_DEBUG) ? NULL : page,
				    sg_page(sg));
		KUNIT_EXPECT_EQ(test, i == MOCK_PAGES - 1, (bool)sg_is_last(sg));
	}
	for_each_sgtable_dma_sg(sgt, sg, i)
		KUNIT_EXPECT_EQ(test, PAGE_SIZE, sg_dma_len(sg));
}

static void dma_buf_map_attachment_hides_pages_from_importer(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_buf_attachment *attach = attach_static(test, mb);
	struct table_view view = {};
	struct sg_table *sgt;

	mb->hook = table_looks;
	mb->hook_data = &view;
	sgt = map_locked(attach, DMA_TO_DEVICE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	sgt_check(test, mb, sgt);
	unmap_locked(attach, sgt, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, MOCK_PAGES, view.pages);
	KUNIT_EXPECT_EQ(test, MOCK_PAGES, view.good);
	dma_buf_detach(mb->dmabuf, attach);
}

static void dma_buf_map_attachment_cached_hides_pages_once(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CACHED);
	struct dma_buf_attachment *attach = attach_static(test, mb);
	struct table_view view = {};
	struct sg_table *sgt;
	int i;

	mb->hook = table_looks;
	mb->hook_data = &view;
	for (i = 0; i < 3; i++) {
		sgt = map_locked(attach, DMA_TO_DEVICE);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
		sgt_check(test, mb, sgt);
		unmap_locked(attach, sgt, DMA_TO_DEVICE);
	}
	KUNIT_EXPECT_EQ(test, 0, view.pages);
	dma_buf_detach(mb->dmabuf, attach);
	KUNIT_EXPECT_EQ(test, MOCK_PAGES, view.pages);
	KUNIT_EXPECT_EQ(test, MOCK_PAGES, view.good);
}

static void dma_buf_map_attachment_interrupted_table_whole(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_buf_attachment *attach = attach_static(test, mb);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_KERNEL);
	struct table_view view = {};

	mb->hook = table_looks;
	mb->hook_data = &view;
	mock_interrupt_raise();
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, PTR_ERR(map_locked(attach, DMA_TO_DEVICE)));
	mock_interrupt_clear();
	KUNIT_EXPECT_EQ(test, MOCK_PAGES, view.good);
	mock_fence_finish(fence);
	dma_buf_detach(mb->dmabuf, attach);
}

static struct kunit_case dma_buf_map_cases[] = {
	KUNIT_CASE(dma_buf_map_attachment_passes_direction),
	KUNIT_CASE(dma_buf_map_attachment_keeps_lock),
	KUNIT_CASE(dma_buf_map_attachment_unlocked_takes_lock),
	KUNIT_CASE(dma_buf_map_attachment_twice_maps_twice),
	KUNIT_CASE(dma_buf_map_attachment_null_einval),
	KUNIT_CASE(dma_buf_unmap_attachment_null_ignored),
	KUNIT_CASE(dma_buf_map_attachment_exporter_fails),
	KUNIT_CASE(dma_buf_map_attachment_dynamic_fails_unpinned),
	KUNIT_CASE(dma_buf_map_attachment_dynamic_pin_fails),
	KUNIT_CASE(dma_buf_map_attachment_ops_swapped_after_attach),
	KUNIT_CASE(dma_buf_map_attachment_cached_maps_once),
	KUNIT_CASE(dma_buf_map_attachment_unlocked_cached_needs_no_lock),
	KUNIT_CASE(dma_buf_detach_unmaps_cached_as_mapped),
	KUNIT_CASE(dma_buf_map_attachment_cached_other_direction_ebusy),
	KUNIT_CASE(dma_buf_map_attachment_cached_bidirectional_serves_all),
	KUNIT_CASE(dma_buf_map_attachment_cached_failure_not_kept),
	KUNIT_CASE_PARAM(dma_buf_map_attachment_waits_for_fence, map_wait_gen_params),
	KUNIT_CASE(dma_buf_map_attachment_cached_interrupted_not_kept),
	KUNIT_CASE(dma_buf_map_attachment_hides_pages_from_importer),
	KUNIT_CASE(dma_buf_map_attachment_cached_hides_pages_once),
	KUNIT_CASE(dma_buf_map_attachment_interrupted_table_whole),
	{}
};

static struct kunit_suite dma_buf_map_suite = {
	.name = "dma_buf_map",
	.test_cases = dma_buf_map_cases,
};

kunit_test_suite(dma_buf_map_suite);
