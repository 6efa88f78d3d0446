// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-buf-attach.c: attach, detach, pin, unpin, move_notify; above all
 * the order in which exporter and importer are called, for static and dynamic
 * ones on both sides.
 */
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/fs.h>

#include "expect-splat.h"
#include "mock-buf.h"
#include "mock-fence.h"
#include "mock-task.h"

#define MOVE_NOTIFY IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY)

/*
 * Attach, map once, unmap, detach; the log of each step is compared by the
 * caller.
 */
struct life {
	bool dynamic_importer;
	u32 exporter;
	const char *attach;
	const char *map;
	const char *unmap;
	const char *detach;
};

static struct dma_buf_attachment *life_attach(struct kunit *test, struct mock_buf *mb,
					      const struct life *life)
{
	struct device *dev = mock_device_create(test, "importer");
	struct dma_buf_attachment *attach;

	if (life->dynamic_importer)
		return mock_importer_attach(test, mb, dev)->attach;
	attach = dma_buf_attach(mb->dmabuf, dev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	return attach;
}

static void life_check(struct kunit *test, const struct life *life)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_ATTACHING | life->exporter);
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;

	attach = life_attach(test, mb, life);
	KUNIT_EXPECT_STREQ(test, life->attach, mock_buf_calls(test, mb));
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	KUNIT_EXPECT_STREQ(test, life->map, mock_buf_calls(test, mb));
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);
	KUNIT_EXPECT_STREQ(test, life->unmap, mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, attach);
	KUNIT_EXPECT_STREQ(test, life->detach, mock_buf_calls(test, mb));
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(mb->dmabuf->resv));
	KUNIT_EXPECT_TRUE(test, list_empty(&mb->dmabuf->attachments));
	mock_buf_put(mb);
	KUNIT_EXPECT_STREQ(test, "release", mock_buf_calls(test, mb));
}

static void dma_buf_attach_static_to_static_order(struct kunit *test)
{
	static const struct life life = {
		.exporter = MOCK_STATIC, .dynamic_importer = false,
		.attach = "attach", .map = "map*", .unmap = "unmap*", .detach = "detach",
	};

	life_check(test, &life);
}

/*
 * An importer that cannot follow moves is mapped once, pinned, from attach to
 * detach.
 */
static void dma_buf_attach_static_to_dynamic_order(struct kunit *test)
{
	static const struct life life = {
		.exporter = MOCK_DYNAMIC, .dynamic_importer = false,
		.attach = "attach pin* map*", .map = "", .unmap = "",
		.detach = "unmap* unpin* detach",
	};

	life_check(test, &life);
}

/*
 * An exporter that never moves is mapped once, because the importer calls under
 * its lock.
 */
static void dma_buf_attach_dynamic_to_static_order(struct kunit *test)
{
	static const struct life life = {
		.exporter = MOCK_STATIC, .dynamic_importer = true,
		.attach = "attach map*", .map = "", .unmap = "", .detach = "unmap* detach",
	};

	life_check(test, &life);
}

static void dma_buf_attach_dynamic_to_dynamic_order(struct kunit *test)
{
	static const struct life life = {
		.exporter = MOCK_DYNAMIC, .dynamic_importer = true,
		.attach = "attach",
		.map = MOVE_NOTIFY ? "map*" : "pin* map*",
		.unmap = MOVE_NOTIFY ? "unmap*" : "unmap* unpin*",
		.detach = "detach",
	};

	life_check(test, &life);
}

/* Callbacks that are not there are not missed. */
static void dma_buf_attach_without_ops(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_buf_attachment *attach;

	attach = dma_buf_attach(mb->dmabuf, mock_device_create(test, "importer"));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	KUNIT_EXPECT_FALSE(test, list_empty(&mb->dmabuf->attachments));
	dma_buf_detach(mb->dmabuf, attach);
	KUNIT_EXPECT_TRUE(test, list_empty(&mb->dmabuf->attachments));
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

/*
 * Neither side moves the buffer's reference count: that is the importer's
 * business.
 */
static void dma_buf_attach_takes_no_reference(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_buf_attachment *attach;

	attach = dma_buf_attach(mb->dmabuf, mock_device_create(test, "importer"));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
	dma_buf_detach(mb->dmabuf, attach);
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
}

static void dma_buf_attach_null_buffer_einval(struct kunit *test)
{
	struct device *dev = mock_device_create(test, "importer");

	expect_splat("dma_buf_dynamic_attach");
	KUNIT_EXPECT_EQ(test, -EINVAL, PTR_ERR(dma_buf_attach(NULL, dev)));
}

static void dma_buf_attach_null_device_einval(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_ATTACHING);

	expect_splat("dma_buf_dynamic_attach");
	KUNIT_EXPECT_EQ(test, -EINVAL, PTR_ERR(dma_buf_attach(mb->dmabuf, NULL)));
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

static void dma_buf_dynamic_attach_no_move_notify_einval(struct kunit *test)
{
	static const struct dma_buf_attach_ops deaf = { .allow_peer2peer = true };
	struct mock_buf *mb = mock_buf_create(test, MOCK_ATTACHING);
	struct device *dev = mock_device_create(test, "importer");

	expect_splat("dma_buf_dynamic_attach");
	KUNIT_EXPECT_EQ(test, -EINVAL,
			PTR_ERR(dma_buf_dynamic_attach(mb->dmabuf, dev, &deaf, NULL)));
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
	KUNIT_EXPECT_TRUE(test, list_empty(&mb->dmabuf->attachments));
}

/* What ops->attach finds in the attachment. */
struct attach_view {
	struct dma_buf_attachment seen;
	bool listed;
	bool clear_p2p;
};

static void attach_looks(struct mock_buf *mb, struct mock_call *call)
{
	struct attach_view *view = mb->hook_data;

	if (call->op != MOCK_ATTACH)
		return;
	view->seen.dmabuf = call->attach->dmabuf;
	view->seen.dev = call->attach->dev;
	view->seen.peer2peer = call->attach->peer2peer;
	view->seen.importer_ops = call->attach->importer_ops;
	view->seen.importer_priv = call->attach->importer_priv;
	view->seen.priv = call->attach->priv;
	view->listed = !list_empty(&mb->dmabuf->attachments);
	call->attach->priv = view;
	if (view->clear_p2p)
		call->attach->peer2peer = false;
}

static void dma_buf_dynamic_attach_fields_set_before_op(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_ATTACHING | MOCK_DYNAMIC);
	struct device *dev = mock_device_create(test, "importer");
	struct attach_view view = { .seen.priv = mb, .listed = true };
	struct dma_buf_attachment *attach;
	struct mock_importer importer = {};

	mb->hook = attach_looks;
	mb->hook_data = &view;
	attach = dma_buf_dynamic_attach(mb->dmabuf, dev, &mock_attach_ops_p2p, &importer);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	KUNIT_EXPECT_PTR_EQ(test, mb->dmabuf, view.seen.dmabuf);
	KUNIT_EXPECT_PTR_EQ(test, dev, view.seen.dev);
	KUNIT_EXPECT_TRUE(test, view.seen.peer2peer);
	KUNIT_EXPECT_PTR_EQ(test, &mock_attach_ops_p2p, view.seen.importer_ops);
	KUNIT_EXPECT_PTR_EQ(test, (void *)&importer, view.seen.importer_priv);
	KUNIT_EXPECT_NULL(test, view.seen.priv);
	KUNIT_EXPECT_FALSE(test, view.listed);

	KUNIT_EXPECT_PTR_EQ(test, (void *)&view, attach->priv);
	KUNIT_EXPECT_TRUE(test, attach->peer2peer);
	KUNIT_EXPECT_TRUE(test, dma_buf_attachment_is_dynamic(attach));
	dma_buf_detach(mb->dmabuf, attach);
}

static void dma_buf_attach_static_fields_set_before_op(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_ATTACHING);
	struct device *dev = mock_device_create(test, "importer");
	struct attach_view view = {
		.seen.peer2peer = true, .seen.importer_priv = mb,
		.seen.importer_ops = &mock_attach_ops, .seen.priv = mb,
	};
	struct dma_buf_attachment *attach;

	mb->hook = attach_looks;
	mb->hook_data = &view;
	attach = dma_buf_attach(mb->dmabuf, dev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	KUNIT_EXPECT_PTR_EQ(test, mb->dmabuf, view.seen.dmabuf);
	KUNIT_EXPECT_PTR_EQ(test, dev, view.seen.dev);
	KUNIT_EXPECT_FALSE(test, view.seen.peer2peer);
	KUNIT_EXPECT_NULL(test, view.seen.importer_ops);
	KUNIT_EXPECT_NULL(test, view.seen.importer_priv);
	KUNIT_EXPECT_NULL(test, view.seen.priv);
	KUNIT_EXPECT_FALSE(test, dma_buf_attachment_is_dynamic(attach));

	/* Importers that attach the plain way store their data afterwards. */
	attach->importer_priv = &view;
	dma_buf_detach(mb->dmabuf, attach);
}

/* The exporter has the last word on peer to peer. */
static void dma_buf_dynamic_attach_exporter_clears_peer2peer(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_ATTACHING | MOCK_DYNAMIC);
	struct attach_view view = { .clear_p2p = true };
	struct dma_buf_attachment *attach;
	struct mock_importer importer = {};

	mb->hook = attach_looks;
	mb->hook_data = &view;
	attach = dma_buf_dynamic_attach(mb->dmabuf, mock_device_create(test, "importer"),
					&mock_attach_ops_p2p, &importer);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	KUNIT_EXPECT_TRUE(test, view.seen.peer2peer);
	KUNIT_EXPECT_FALSE(test, attach->peer2peer);
	dma_buf_detach(mb->dmabuf, attach);
}

static void dma_buf_dynamic_attach_without_peer2peer(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_ATTACHING | MOCK_DYNAMIC);
	struct device *dev = mock_device_create(test, "importer");
	struct mock_importer *importer = mock_importer_attach(test, mb, dev);

	KUNIT_EXPECT_FALSE(test, importer->attach->peer2peer);
	KUNIT_EXPECT_TRUE(test, dma_buf_attachment_is_dynamic(importer->attach));
	dma_buf_detach(mb->dmabuf, importer->attach);
}

/*
 * An attach that must fail: which callback fails how, and what the log says of
 * the way back.
 */
struct attach_failure {
	const char *name;
	u32 exporter;
	bool dynamic_importer;
	enum mock_op failing;
	int fail;
	int expected;
	const char *calls;
};

static const struct attach_failure attach_failures[] = {
	{ "attach_op", MOCK_STATIC, false, MOCK_ATTACH, -EPERM, -EPERM, "attach!" },
	{ "attach_op_dynamic", MOCK_DYNAMIC, true, MOCK_ATTACH, -EBUSY, -EBUSY, "attach!" },
	{ "pin", MOCK_DYNAMIC, false, MOCK_PIN, -ENOSPC, -ENOSPC, "attach pin*! detach" },
	{ "map_of_dynamic_exporter", MOCK_DYNAMIC, false, MOCK_MAP, -EIO, -EIO,
		"attach pin* map*! unpin* detach" },
	{ "map_of_dynamic_exporter_null", MOCK_DYNAMIC, false, MOCK_MAP, MOCK_MAP_NULL, -ENOMEM,
		"attach pin* map*! unpin* detach" },
	{ "map_of_static_exporter", MOCK_STATIC, true, MOCK_MAP, -EIO, -EIO,
		"attach map*! detach" },
	{ "map_of_static_exporter_null", MOCK_STATIC, true, MOCK_MAP, MOCK_MAP_NULL, -ENOMEM,
		"attach map*! detach" },
};

KUNIT_ARRAY_PARAM_DESC(attach_failure, attach_failures, name);

static void dma_buf_attach_callback_fails_undone(struct kunit *test)
{
	const struct attach_failure *f = test->param_value;
	struct mock_buf *mb = mock_buf_create(test, MOCK_ATTACHING | f->exporter);
	struct device *dev = mock_device_create(test, "importer");
	struct dma_buf_attachment *attach;

	mb->fail[f->failing] = f->fail;
	attach = dma_buf_dynamic_attach(mb->dmabuf, dev,
					f->dynamic_importer ? &mock_attach_ops : NULL, NULL);
	KUNIT_EXPECT_EQ(test, f->expected, PTR_ERR(attach));
	KUNIT_EXPECT_STREQ(test, f->calls, mock_buf_calls(test, mb));
	KUNIT_EXPECT_TRUE(test, list_empty(&mb->dmabuf->attachments));
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(mb->dmabuf->resv));
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));

	/* Nothing of the failure stays. */
	mb->fail[f->failing] = 0;
	attach = dma_buf_attach(mb->dmabuf, dev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	dma_buf_detach(mb->dmabuf, attach);
}

/* The mapping made at attach must not be older than the buffer's last move. */
static void dma_buf_attach_static_to_dynamic_waits_for_kernel_fence(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_ATTACHING | MOCK_DYNAMIC);
	struct device *dev = mock_device_create(test, "importer");
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_KERNEL);
	struct dma_buf_attachment *attach;

	mock_interrupt_raise();
	attach = dma_buf_attach(mb->dmabuf, dev);
	mock_interrupt_clear();
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, PTR_ERR(attach));
	KUNIT_EXPECT_STREQ(test, "attach pin* map* unmap* unpin* detach",
			   mock_buf_calls(test, mb));
	KUNIT_EXPECT_TRUE(test, list_empty(&mb->dmabuf->attachments));
	mock_fence_finish(fence);
}

/* A dynamic importer looks at the fences itself. */
static void dma_buf_attach_dynamic_to_static_waits_for_nothing(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_ATTACHING);
	struct device *dev = mock_device_create(test, "importer");
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_KERNEL);
	struct dma_buf_attachment *attach;

	mock_interrupt_raise();
	attach = dma_buf_dynamic_attach(mb->dmabuf, dev, &mock_attach_ops, NULL);
	mock_interrupt_clear();
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, attach);
	KUNIT_EXPECT_STREQ(test, "attach map*", mock_buf_calls(test, mb));
	if (!IS_ERR(attach))
		dma_buf_detach(mb->dmabuf, attach);
	mock_fence_finish(fence);
}

static void note_dir(struct mock_buf *mb, struct mock_call *call)
{
	enum dma_data_direction *dir = mb->hook_data;

	if (call->op == MOCK_MAP || call->op == MOCK_UNMAP)
		*dir++ = call->dir;
	mb->hook_data = dir;
}

/*
 * Mapped once, both ways, so that it serves every later request; unmapped the
 * way it was mapped.
 */
static void dma_buf_attach_mixed_maps_bidirectional(struct kunit *test)
{
	enum dma_data_direction dir[4] = { DMA_NONE, DMA_NONE, DMA_NONE, DMA_NONE };
	struct mock_buf *mb = mock_buf_create(test, MOCK_DYNAMIC);
	struct dma_buf_attachment *attach;
	struct sg_table *to, *from, *both;

	mb->hook = note_dir;
	mb->hook_data = dir;
	attach = dma_buf_attach(mb->dmabuf, mock_device_create(test, "importer"));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	to = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	from = dma_buf_map_attachment_unlocked(attach, DMA_FROM_DEVICE);
	both = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, to);
	KUNIT_ASSERT_PTR_EQ(test, to, from);
	KUNIT_ASSERT_PTR_EQ(test, to, both);
	dma_buf_unmap_attachment_unlocked(attach, to, DMA_TO_DEVICE);
	dma_buf_unmap_attachment_unlocked(attach, from, DMA_FROM_DEVICE);
	dma_buf_unmap_attachment_unlocked(attach, both, DMA_BIDIRECTIONAL);
	dma_buf_detach(mb->dmabuf, attach);
	KUNIT_EXPECT_STREQ(test, "pin* map* unmap* unpin*", mock_buf_calls(test, mb));
	KUNIT_EXPECT_EQ(test, DMA_BIDIRECTIONAL, dir[0]);
	KUNIT_EXPECT_EQ(test, DMA_BIDIRECTIONAL, dir[1]);
}

static void dma_buf_attach_several_listed(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_ATTACHING);
	struct device *dev = mock_device_create(test, "importer");
	struct dma_buf_attachment *one, *two;

	one = dma_buf_attach(mb->dmabuf, dev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, one);
	two = dma_buf_attach(mb->dmabuf, dev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, two);
	KUNIT_EXPECT_PTR_NE(test, one, two);
	KUNIT_EXPECT_EQ(test, 2, list_count_nodes(&mb->dmabuf->attachments));
	dma_buf_detach(mb->dmabuf, one);
	KUNIT_EXPECT_EQ(test, 1, list_count_nodes(&mb->dmabuf->attachments));
	dma_buf_detach(mb->dmabuf, two);
	KUNIT_EXPECT_TRUE(test, list_empty(&mb->dmabuf->attachments));
	KUNIT_EXPECT_STREQ(test, "attach attach detach detach", mock_buf_calls(test, mb));
}

/*
 * An attachment's memory may be that of an earlier one; nothing else of it is
 * left.
 */
static void dma_buf_attach_again_remembers_nothing(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_ATTACHING | MOCK_CACHED);
	struct device *dev = mock_device_create(test, "importer");
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	int i;

	for (i = 0; i < 2; i++) {
		attach = dma_buf_attach(mb->dmabuf, dev);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
		KUNIT_EXPECT_PTR_EQ(test, mb->dmabuf, attach->dmabuf);
		KUNIT_EXPECT_NULL(test, attach->priv);
		KUNIT_EXPECT_NULL(test, attach->importer_priv);
		KUNIT_EXPECT_NULL(test, attach->sgt);
		KUNIT_EXPECT_FALSE(test, attach->peer2peer);
		attach->priv = mb;
		attach->importer_priv = mb;
		attach->peer2peer = true;
		sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
		KUNIT_EXPECT_NOT_ERR_OR_NULL(test, sgt);
		dma_buf_detach(mb->dmabuf, attach);
	}
	KUNIT_EXPECT_STREQ(test, "attach map* unmap* detach attach map* unmap* detach",
			   mock_buf_calls(test, mb));
}

static void dma_buf_attach_while_attached_is_another(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct device *dev = mock_device_create(test, "importer");
	struct dma_buf_attachment *attach[3];
	int i;

	for (i = 0; i < 3; i++) {
		attach[i] = dma_buf_attach(mb->dmabuf, dev);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach[i]);
	}
	for (i = 0; i < 3; i++) {
		dma_buf_detach(mb->dmabuf, attach[i]);
		attach[i] = dma_buf_attach(mb->dmabuf, dev);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach[i]);
		KUNIT_EXPECT_PTR_NE(test, attach[i], attach[(i + 1) % 3]);
		KUNIT_EXPECT_PTR_NE(test, attach[i], attach[(i + 2) % 3]);
	}
	KUNIT_EXPECT_EQ(test, 3, list_count_nodes(&mb->dmabuf->attachments));
	for (i = 0; i < 3; i++)
		dma_buf_detach(mb->dmabuf, attach[i]);
	KUNIT_EXPECT_TRUE(test, list_empty(&mb->dmabuf->attachments));
}

static void detach_looks(struct mock_buf *mb, struct mock_call *call)
{
	if (call->op == MOCK_DETACH)
		*(bool *)mb->hook_data = list_empty(&mb->dmabuf->attachments) &&
					 call->attach->dmabuf == mb->dmabuf;
}

static void dma_buf_detach_unlisted_before_op(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_ATTACHING);
	struct dma_buf_attachment *attach;
	bool unlisted = false;

	attach = dma_buf_attach(mb->dmabuf, mock_device_create(test, "importer"));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	mb->hook = detach_looks;
	mb->hook_data = &unlisted;
	dma_buf_detach(mb->dmabuf, attach);
	KUNIT_EXPECT_TRUE(test, unlisted);
}

static void dma_buf_detach_wrong_arguments_ignored(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_ATTACHING);
	struct mock_buf *other = mock_buf_create(test, MOCK_ATTACHING);
	struct dma_buf_attachment *attach;

	attach = dma_buf_attach(mb->dmabuf, mock_device_create(test, "importer"));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	mock_buf_calls(test, mb);

	expect_splat("dma_buf_detach");
	dma_buf_detach(NULL, attach);
	expect_splat("dma_buf_detach");
	dma_buf_detach(mb->dmabuf, NULL);
	expect_splat("dma_buf_detach");
	dma_buf_detach(other->dmabuf, attach);
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, other));
	KUNIT_EXPECT_EQ(test, 1, list_count_nodes(&mb->dmabuf->attachments));
	dma_buf_detach(mb->dmabuf, attach);
}

static void dma_buf_pin_calls_exporter_locked(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_DYNAMIC);
	struct device *dev = mock_device_create(test, "importer");
	struct mock_importer *importer = mock_importer_attach(test, mb, dev);

	dma_resv_lock(mb->dmabuf->resv, NULL);
	KUNIT_EXPECT_EQ(test, 0, dma_buf_pin(importer->attach));
	KUNIT_EXPECT_STREQ(test, "pin*", mock_buf_calls(test, mb));
	dma_buf_unpin(importer->attach);
	KUNIT_EXPECT_STREQ(test, "unpin*", mock_buf_calls(test, mb));
	KUNIT_EXPECT_TRUE(test, dma_resv_is_locked(mb->dmabuf->resv));
	dma_resv_unlock(mb->dmabuf->resv);
	dma_buf_detach(mb->dmabuf, importer->attach);
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

static void dma_buf_pin_refused_passes_errno(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_DYNAMIC);
	struct device *dev = mock_device_create(test, "importer");
	struct mock_importer *importer = mock_importer_attach(test, mb, dev);

	mb->fail[MOCK_PIN] = -ENOSPC;
	dma_resv_lock(mb->dmabuf->resv, NULL);
	KUNIT_EXPECT_EQ(test, -ENOSPC, dma_buf_pin(importer->attach));
	dma_resv_unlock(mb->dmabuf->resv);
	KUNIT_EXPECT_STREQ(test, "pin*!", mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, importer->attach);
}

/* What cannot move needs no pin. */
static void dma_buf_pin_static_exporter_is_nothing(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct device *dev = mock_device_create(test, "importer");
	struct mock_importer *importer = mock_importer_attach(test, mb, dev);

	mock_buf_calls(test, mb);
	dma_resv_lock(mb->dmabuf->resv, NULL);
	KUNIT_EXPECT_EQ(test, 0, dma_buf_pin(importer->attach));
	dma_buf_unpin(importer->attach);
	dma_resv_unlock(mb->dmabuf->resv);
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, importer->attach);
}

static void mock_buf_move(struct mock_buf *mb)
{
	dma_resv_lock(mb->dmabuf->resv, NULL);
	dma_buf_move_notify(mb->dmabuf);
	dma_resv_unlock(mb->dmabuf->resv);
}

static void dma_buf_move_notify_each_dynamic_importer_once(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_DYNAMIC);
	struct device *dev = mock_device_create(test, "importer");
	struct mock_importer *one = mock_importer_attach(test, mb, dev);
	struct dma_buf_attachment *deaf = dma_buf_attach(mb->dmabuf, dev);
	struct mock_importer *two = mock_importer_attach(test, mb, dev);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, deaf);
	mock_buf_calls(test, mb);
	mock_buf_move(mb);
	KUNIT_EXPECT_STREQ(test, "move* move*", mock_buf_calls(test, mb));
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&one->moves));
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&two->moves));

	dma_buf_detach(mb->dmabuf, one->attach);
	mock_buf_move(mb);
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&one->moves));
	KUNIT_EXPECT_EQ(test, 2, atomic_read(&two->moves));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&two->moves_unlocked));
	dma_buf_detach(mb->dmabuf, deaf);
	dma_buf_detach(mb->dmabuf, two->attach);
}

static void dma_buf_move_notify_nobody_attached(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_DYNAMIC);

	mock_buf_move(mb);
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

/* Some drivers put their own table in place once dma_buf_export() is back. */
static void dma_buf_attach_ops_swapped_after_export(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct mock_buf *donor = mock_buf_alloc(test, MOCK_ATTACHING | MOCK_DYNAMIC);
	struct dma_buf_attachment *attach;

	mb->dmabuf->ops = &donor->ops;
	KUNIT_EXPECT_TRUE(test, dma_buf_is_dynamic(mb->dmabuf));
	attach = dma_buf_attach(mb->dmabuf, mock_device_create(test, "importer"));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	KUNIT_EXPECT_STREQ(test, "attach pin* map*", mock_buf_calls(test, mb));
	dma_buf_detach(mb->dmabuf, attach);
	KUNIT_EXPECT_STREQ(test, "unmap* unpin* detach", mock_buf_calls(test, mb));
	mock_buf_put(mb);
	KUNIT_EXPECT_STREQ(test, "release", mock_buf_calls(test, mb));
}

#define STRESS_LOOPS 1000

struct attach_stress {
	struct mock_buf *mb;
	struct device *dev;
	struct mock_importer importer;
	int errors;
};

static void attach_stress(struct mock_thread *thread)
{
	struct attach_stress *s = thread->data;
	int i;

	for (i = 0; i < STRESS_LOOPS; i++) {
		s->importer.attach = dma_buf_dynamic_attach(s->mb->dmabuf, s->dev,
							    &mock_attach_ops, &s->importer);
		if (IS_ERR(s->importer.attach)) {
			s->errors++;
			continue;
		}
		dma_buf_detach(s->mb->dmabuf, s->importer.attach);
	}
}

static void move_stress(struct mock_thread *thread)
{
	while (!READ_ONCE(thread->stop)) {
		mock_buf_move(thread->data);
		cond_resched();
	}
}

static void dma_buf_attach_parallel_with_move_notify(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_ATTACHING | MOCK_DYNAMIC);
	struct mock_thread thread[2], mover;
	struct attach_stress s[2] = {};
	int i, ret[3];

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	for (i = 0; i < 2; i++) {
		s[i].mb = mb;
		s[i].dev = mock_device_create(test, i ? "one" : "two");
	}
	ret[2] = mock_thread_start(&mover, move_stress, mb);
	for (i = 0; i < 2; i++)
		ret[i] = mock_thread_start(&thread[i], attach_stress, &s[i]);
	for (i = 0; i < 2; i++) {
		if (!ret[i])
			mock_thread_wait(&thread[i]);
		KUNIT_EXPECT_EQ(test, 0, ret[i]);
		KUNIT_EXPECT_EQ(test, 0, s[i].errors);
		KUNIT_EXPECT_EQ(test, 0, atomic_read(&s[i].importer.moves_unlocked));
	}
	KUNIT_EXPECT_EQ(test, 0, ret[2]);
	if (!ret[2])
		mock_thread_join(&mover);
	KUNIT_EXPECT_TRUE(test, list_empty(&mb->dmabuf->attachments));
	KUNIT_EXPECT_EQ(test, 2 * STRESS_LOOPS, mock_buf_count(mb, MOCK_ATTACH));
	KUNIT_EXPECT_EQ(test, 2 * STRESS_LOOPS, mock_buf_count(mb, MOCK_DETACH));
	KUNIT_EXPECT_EQ(test, 0, mock_buf_count(mb, MOCK_MAP));
}

static struct kunit_case dma_buf_attach_cases[] = {
	KUNIT_CASE(dma_buf_attach_static_to_static_order),
	KUNIT_CASE(dma_buf_attach_static_to_dynamic_order),
	KUNIT_CASE(dma_buf_attach_dynamic_to_static_order),
	KUNIT_CASE(dma_buf_attach_dynamic_to_dynamic_order),
	KUNIT_CASE(dma_buf_attach_without_ops),
	KUNIT_CASE(dma_buf_attach_takes_no_reference),
	KUNIT_CASE(dma_buf_attach_null_buffer_einval),
	KUNIT_CASE(dma_buf_attach_null_device_einval),
	KUNIT_CASE(dma_buf_dynamic_attach_no_move_notify_einval),
	KUNIT_CASE(dma_buf_dynamic_attach_fields_set_before_op),
	KUNIT_CASE(dma_buf_attach_static_fields_set_before_op),
	KUNIT_CASE(dma_buf_dynamic_attach_exporter_clears_peer2peer),
	KUNIT_CASE(dma_buf_dynamic_attach_without_peer2peer),
	KUNIT_CASE_PARAM(dma_buf_attach_callback_fails_undone, attach_failure_gen_params),
	KUNIT_CASE(dma_buf_attach_static_to_dynamic_waits_for_kernel_fence),
	KUNIT_CASE(dma_buf_attach_dynamic_to_static_waits_for_nothing),
	KUNIT_CASE(dma_buf_attach_mixed_maps_bidirectional),
	KUNIT_CASE(dma_buf_attach_several_listed),
	KUNIT_CASE(dma_buf_attach_again_remembers_nothing),
	KUNIT_CASE(dma_buf_attach_while_attached_is_another),
	KUNIT_CASE(dma_buf_detach_unlisted_before_op),
	KUNIT_CASE(dma_buf_detach_wrong_arguments_ignored),
	KUNIT_CASE(dma_buf_pin_calls_exporter_locked),
	KUNIT_CASE(dma_buf_pin_refused_passes_errno),
	KUNIT_CASE(dma_buf_pin_static_exporter_is_nothing),
	KUNIT_CASE(dma_buf_move_notify_each_dynamic_importer_once),
	KUNIT_CASE(dma_buf_move_notify_nobody_attached),
	KUNIT_CASE(dma_buf_attach_ops_swapped_after_export),
	KUNIT_CASE_SLOW(dma_buf_attach_parallel_with_move_notify),
	{}
};

static struct kunit_suite dma_buf_attach_suite = {
	.name = "dma_buf_attach",
	.test_cases = dma_buf_attach_cases,
};

kunit_test_suite(dma_buf_attach_suite);
