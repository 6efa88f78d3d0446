// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attach and detach devices, pin buffers, and tell importers about moves.
 *
 * A dynamic exporter can move the buffer. A dynamic importer can follow a move.
 * If only one of them is dynamic, the attachment is static for its whole life.
 * Attaching then pins the buffer, if its exporter can pin, and maps it for both
 * directions.
 *
 *	exporter  importer   at attach    at map
 *	--------  --------   ----------   ----------------------
 *	static    static     -            map
 *	static    dynamic    map          (the mapping of attach)
 *	dynamic   static     pin, map     (the mapping of attach)
 *	dynamic   dynamic    -            map
 *
 * In the last case, mapping also pins the buffer if CONFIG_DMABUF_MOVE_NOTIFY
 * is not set.
 *
 * Locks: the reservation, around the list of attachments and the exporter's pin
 * and map. Never around the exporter's attach and detach.
 */
#include <linux/device.h>
#include <linux/poison.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dma-buf-internal.h"

/* True where exactly one side is dynamic. */
static bool dma_buf_attachment_is_mixed(struct dma_buf_attachment *attach)
{
	return dma_buf_attachment_is_dynamic(attach) != dma_buf_is_dynamic(attach->dmabuf);
}

/* Pin and map once and for all. */
static noinline int dma_buf_attachment_fix_locked(struct dma_buf_attachment *attach)
{
	struct dma_buf *dmabuf = attach->dmabuf;
	struct sg_table *sgt;
	int ret;

	if (dma_buf_is_dynamic(dmabuf)) {
		ret = dmabuf->ops->pin(attach);
		if (ret)
			return ret;
	}

	sgt = dma_buf_sgt_create_locked(attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt)) {
		if (dma_buf_is_dynamic(dmabuf))
			dmabuf->ops->unpin(attach);
		return PTR_ERR(sgt);
	}

	dma_buf_sgt_keep_locked(attach, sgt, DMA_BIDIRECTIONAL);
	return 0;
}

/*
 * List the attachment, so that it hears of moves, and fix it in place where
 * that is needed.
 */
static __always_inline int dma_buf_attachment_publish(struct dma_buf_attachment *attach)
{
	struct dma_buf *dmabuf = attach->dmabuf;
	int ret = 0;

	dma_resv_lock(dmabuf->resv, NULL);
	list_add(&attach->node, &dmabuf->attachments);
	if (dma_buf_attachment_is_mixed(attach)) {
		ret = dma_buf_attachment_fix_locked(attach);
		if (ret)
			list_del(&attach->node);
	}
	dma_resv_unlock(dmabuf->resv);
	return ret;
}

/*
 * Allocate an attachment. The buffer embeds the memory for one. Taking and
 * clearing the bit works like a lock, so the next owner of the memory finds
 * that the last owner is done with it. The allocator would detect a driver that
 * uses an attachment after dma_buf_detach(). For the embedded one, debugging
 * kernels poison the memory instead.
 */
static __always_inline struct dma_buf_attachment *dma_buf_attachment_alloc(struct dma_buf *dmabuf)
{
	struct dma_buf_object *object = dma_buf_object(dmabuf);

	if (!test_and_set_bit_lock(0, &object->attachment_taken))
		return &object->attachment;
	return kmalloc(sizeof(object->attachment), GFP_KERNEL);
}

static __always_inline void dma_buf_attachment_free(struct dma_buf *dmabuf,
						    struct dma_buf_attachment *attach)
{
	struct dma_buf_object *object = dma_buf_object(dmabuf);

	if (attach != &object->attachment) {
		kfree(attach);
		return;
	}

	if (IS_ENABLED(CONFIG_DMABUF_DEBUG) || IS_ENABLED(CONFIG_KASAN))
		memset(attach, POISON_FREE, sizeof(*attach));
	clear_bit_unlock(0, &object->attachment_taken);
}

/**
 * dma_buf_dynamic_attach - attach a device whose driver can follow a buffer
 * that moves
 * @dmabuf: the buffer; the caller keeps a reference to it until after
 *	dma_buf_detach()
 * @dev: the device that will reach the memory
 * @importer_ops: callbacks of the importer, or NULL for one that cannot follow
 * @importer_priv: stored in &dma_buf_attachment.importer_priv
 *
 * The exporter may call &dma_buf_attach_ops.move_notify before this returns.
 * The importer must initialize @importer_priv completely before the call.
 *
 * Context: Process context; sleeps. Takes and drops the reservation lock.
 * Return: The attachment, which dma_buf_detach() frees, or an ERR_PTR() and
 * nothing has changed:
 *
 * * -EINVAL: no buffer, no device, or callbacks without move_notify. Warns.
 * * -ENOMEM: out of memory.
 * * -EBUSY and others: the exporter refused the device, or could not pin or map
 *   the buffer.
 * * -ERESTARTSYS: a signal came while waiting for a move to end.
 */
struct dma_buf_attachment *
dma_buf_dynamic_attach(struct dma_buf *dmabuf, struct device *dev,
		       const struct dma_buf_attach_ops *importer_ops, void *importer_priv)
{
	struct dma_buf_attachment *attach;
	int ret;

	if (WARN_ON_ONCE(!dmabuf || !dev))
		return ERR_PTR(-EINVAL);
	if (WARN_ONCE(importer_ops && !importer_ops->move_notify,
		      "dma-buf importer with callbacks but without move_notify\n"))
		return ERR_PTR(-EINVAL);

	attach = dma_buf_attachment_alloc(dmabuf);
	if (!attach)
		return ERR_PTR(-ENOMEM);

	*attach = (struct dma_buf_attachment) {
		.dmabuf = dmabuf,
		.dev = dev,
		.importer_ops = importer_ops,
		.importer_priv = importer_priv,
		.peer2peer = importer_ops && importer_ops->allow_peer2peer,
	};

	if (dmabuf->ops->attach) {
		ret = dmabuf->ops->attach(dmabuf, attach);
		if (ret)
			goto err_free;
	}

	ret = dma_buf_attachment_publish(attach);
	if (ret)
		goto err_detach;
	return attach;

err_detach:
	if (dmabuf->ops->detach)
		dmabuf->ops->detach(dmabuf, attach);
err_free:
	dma_buf_attachment_free(dmabuf, attach);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_dynamic_attach, DMA_BUF);

/**
 * dma_buf_attach - attach a device whose driver needs the buffer to stay where
 * it is
 * @dmabuf: the buffer; the caller keeps a reference to it until after
 *	dma_buf_detach()
 * @dev: the device that will reach the memory
 *
 * Context: Process context; sleeps. Takes and drops the reservation lock.
 * Return: As dma_buf_dynamic_attach().
 */
struct dma_buf_attachment *dma_buf_attach(struct dma_buf *dmabuf, struct device *dev)
{
	return dma_buf_dynamic_attach(dmabuf, dev, NULL, NULL);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_attach, DMA_BUF);

/*
 * Drop the mapping that the attachment keeps, with the pin that
 * dma_buf_attachment_fix_locked() took for it, and hear of moves no longer.
 */
static __always_inline void dma_buf_attachment_unpublish(struct dma_buf_attachment *attach)
{
	struct dma_buf *dmabuf = attach->dmabuf;

	dma_resv_lock(dmabuf->resv, NULL);
	if (attach->sgt) {
		dma_buf_sgt_destroy_locked(attach, attach->sgt, attach->dir);
		if (dma_buf_is_dynamic(dmabuf))
			dmabuf->ops->unpin(attach);
	}
	list_del(&attach->node);
	dma_resv_unlock(dmabuf->resv);
}

/**
 * dma_buf_detach - end the use of a buffer by a device
 * @dmabuf: the buffer; the caller still holds a reference
 * @attach: the attachment, freed here; every mapping of it has been unmapped
 *
 * Context: Process context; sleeps. Takes and drops the reservation lock.
 */
void dma_buf_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	if (WARN_ON_ONCE(!dmabuf || !attach || attach->dmabuf != dmabuf))
		return;

	dma_buf_attachment_unpublish(attach);
	if (dmabuf->ops->detach)
		dmabuf->ops->detach(dmabuf, attach);
	dma_buf_attachment_free(dmabuf, attach);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_detach, DMA_BUF);

/**
 * dma_buf_attachments_fini - warn of attachments that outlive their buffer
 * @dmabuf: the buffer, which goes now
 *
 * Each of them points to memory that will be freed, so that every buffer gets
 * its warning.
 *
 * Context: Process context. Called without other users of the buffer.
 */
void dma_buf_attachments_fini(struct dma_buf *dmabuf)
{
	WARN(!list_empty(&dmabuf->attachments), "dma-buf of %s released while attached\n",
	     dmabuf->exp_name);
}

/*
 * Only who can follow a move may ask for the opposite, and only under the lock
 * that forbids moves.
 */
static void dma_buf_attachment_assert_pinnable(struct dma_buf_attachment *attach)
{
	dma_resv_assert_held(attach->dmabuf->resv);
	WARN_ONCE(!dma_buf_attachment_is_dynamic(attach),
		  "dma-buf importer %s: pinning is for dynamic attachments\n",
		  dev_name(attach->dev));
}

/**
 * dma_buf_pin - keep a buffer where it is
 * @attach: attachment of a dynamic importer, which needs the memory to stay
 *	(scanout, for example)
 *
 * Context: Process context; sleeps. The caller holds the reservation lock.
 * Return: 0, also where the exporter never moves anything, or the negative
 * errno of &dma_buf_ops.pin. Each success needs a dma_buf_unpin().
 */
int dma_buf_pin(struct dma_buf_attachment *attach)
{
	const struct dma_buf_ops *ops = attach->dmabuf->ops;

	dma_buf_attachment_assert_pinnable(attach);
	return ops->pin ? ops->pin(attach) : 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_pin, DMA_BUF);

/**
 * dma_buf_unpin - let a buffer move again
 * @attach: attachment that dma_buf_pin() has pinned
 *
 * Context: Process context; sleeps. The caller holds the reservation lock.
 */
void dma_buf_unpin(struct dma_buf_attachment *attach)
{
	const struct dma_buf_ops *ops = attach->dmabuf->ops;

	dma_buf_attachment_assert_pinnable(attach);
	if (ops->unpin)
		ops->unpin(attach);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_unpin, DMA_BUF);

/**
 * dma_buf_move_notify - tell every dynamic importer that the buffer moves
 * @dmabuf: the buffer
 *
 * For exporters. Mappings stay valid until the fences of the reservation have
 * signaled; the exporter waits for them, or orders the move behind them.
 *
 * Context: Process context. The caller holds the reservation lock.
 */
void dma_buf_move_notify(struct dma_buf *dmabuf)
{
	struct dma_buf_attachment *attach;

	dma_resv_assert_held(dmabuf->resv);

	list_for_each_entry(attach, &dmabuf->attachments, node) {
		const struct dma_buf_attach_ops *importer = attach->importer_ops;

		if (importer)
			importer->move_notify(attach);
	}
}
EXPORT_SYMBOL_NS_GPL(dma_buf_move_notify, DMA_BUF);
