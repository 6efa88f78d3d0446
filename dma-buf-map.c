// SPDX-License-Identifier: GPL-2.0-only
/*
 * At which addresses a device finds the buffer: mapping and unmapping an attachment.
 *
 * A mapping is made by the exporter and belongs to it. It is given out either once, or, where the
 * attachment keeps one in &dma_buf_attachment.sgt, again and again until dma_buf_detach();
 * unmapping that one does nothing. See dma-buf-attach.c for when an attachment is mapped from its
 * beginning.
 *
 * Locks: the reservation is held throughout, by the caller or by the _unlocked functions.
 */
#include <linux/scatterlist.h>

#include "dma-buf-internal.h"

/*
 * Spoil the page pointers, so that an importer that follows one faults at once; done a second time
 * it repairs them. The low bits of a link say what kind of entry it is and must stay.
 */
static void dma_buf_sgt_scramble(struct sg_table *sgt)
{
	struct scatterlist *sg;
	unsigned int i;

	if (!IS_ENABLED(CONFIG_DMABUF_DEBUG))
		return;

	for_each_sgtable_sg(sgt, sg, i)
		sg->page_link ^= ~0xffUL;
}

/* Where neither side can follow a move, one that is under way must end before the device starts. */
static int dma_buf_sgt_wait_moved(struct dma_buf_attachment *attach)
{
	long ret;

	if (dma_buf_attachment_is_dynamic(attach))
		return 0;

	ret = dma_resv_wait_timeout(attach->dmabuf->resv, DMA_RESV_USAGE_KERNEL, true,
				    MAX_SCHEDULE_TIMEOUT);
	return ret < 0 ? ret : 0;
}

/**
 * dma_buf_sgt_create_locked - have the exporter map an attachment
 * @attach: the attachment, pinned already if that is needed
 * @dir: direction of the transfers to come
 *
 * Context: Process context; sleeps. The caller holds the reservation lock.
 * Return: The table, to be given to dma_buf_sgt_destroy_locked(), or an ERR_PTR(), never NULL.
 */
struct sg_table *dma_buf_sgt_create_locked(struct dma_buf_attachment *attach,
					   enum dma_data_direction dir)
{
	const struct dma_buf_ops *ops = attach->dmabuf->ops;
	struct sg_table *sgt;
	int ret;

	sgt = ops->map_dma_buf(attach, dir);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	if (IS_ERR(sgt))
		return sgt;

	ret = dma_buf_sgt_wait_moved(attach);
	if (ret) {
		ops->unmap_dma_buf(attach, sgt, dir);
		return ERR_PTR(ret);
	}

	dma_buf_sgt_scramble(sgt);
	return sgt;
}

/**
 * dma_buf_sgt_destroy_locked - have the exporter unmap an attachment
 * @attach: the attachment
 * @sgt: what dma_buf_sgt_create_locked() returned
 * @dir: the direction given there
 *
 * Context: Process context; sleeps. The caller holds the reservation lock.
 */
void dma_buf_sgt_destroy_locked(struct dma_buf_attachment *attach, struct sg_table *sgt,
				enum dma_data_direction dir)
{
	dma_buf_sgt_scramble(sgt);
	attach->dmabuf->ops->unmap_dma_buf(attach, sgt, dir);
}

/*
 * A dynamic importer copes with a move, but without CONFIG_DMABUF_MOVE_NOTIFY the driver pair is
 * not trusted with it: the buffer is pinned for as long as each mapping lasts.
 */
static bool dma_buf_map_needs_pin(struct dma_buf *dmabuf)
{
	return !IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY) && dma_buf_is_dynamic(dmabuf);
}

/* The mapping that the attachment keeps, if it covers the wanted direction. */
static struct sg_table *dma_buf_map_cached(struct dma_buf_attachment *attach,
					   enum dma_data_direction dir)
{
	if (attach->dir != dir && attach->dir != DMA_BIDIRECTIONAL)
		return ERR_PTR(-EBUSY);
	return attach->sgt;
}

/**
 * dma_buf_map_attachment - learn the DMA addresses of a buffer, reservation held
 * @attach: the attachment
 * @dir: direction of the transfers to come
 *
 * Only the DMA side of the table may be used: no page, no virtual address. The mapping guarantees
 * that the memory is there; whether its contents are is what the fences in the reservation say.
 *
 * Context: Process context; sleeps. The caller holds the reservation lock.
 * Return: The table, which stays the exporter's and is given back by dma_buf_unmap_attachment(), or
 * an ERR_PTR():
 *
 * * -EINVAL: no attachment. Warns.
 * * -EBUSY: the exporter keeps one mapping for each attachment and that has another direction.
 * * -ENOMEM: out of memory.
 * * -EINTR, -ERESTARTSYS: a signal came while waiting for the memory.
 * * others that the exporter returns.
 */
struct sg_table *dma_buf_map_attachment(struct dma_buf_attachment *attach,
					enum dma_data_direction dir)
{
	struct dma_buf *dmabuf;
	struct sg_table *sgt;
	bool pin;
	int ret;

	might_sleep();
	if (WARN_ON_ONCE(!attach || !attach->dmabuf))
		return ERR_PTR(-EINVAL);

	dmabuf = attach->dmabuf;
	dma_resv_assert_held(dmabuf->resv);
	if (attach->sgt)
		return dma_buf_map_cached(attach, dir);

	pin = dma_buf_map_needs_pin(dmabuf);
	if (pin) {
		ret = dmabuf->ops->pin(attach);
		if (ret)
			return ERR_PTR(ret);
	}

	sgt = dma_buf_sgt_create_locked(attach, dir);
	if (IS_ERR(sgt)) {
		if (pin)
			dmabuf->ops->unpin(attach);
		return sgt;
	}

	if (dmabuf->ops->cache_sgt_mapping) {
		attach->sgt = sgt;
		attach->dir = dir;
	}
	return sgt;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_map_attachment, DMA_BUF);

/**
 * dma_buf_map_attachment_unlocked - learn the DMA addresses of a buffer, taking the reservation
 * @attach: the attachment
 * @dir: direction of the transfers to come
 *
 * Context: Process context; sleeps. Takes and drops the reservation lock.
 * Return: As dma_buf_map_attachment(); give it back by dma_buf_unmap_attachment_unlocked().
 */
struct sg_table *dma_buf_map_attachment_unlocked(struct dma_buf_attachment *attach,
						 enum dma_data_direction dir)
{
	if (WARN_ON_ONCE(!attach || !attach->dmabuf))
		return ERR_PTR(-EINVAL);

	guard(dma_resv)(attach->dmabuf->resv);
	return dma_buf_map_attachment(attach, dir);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_map_attachment_unlocked, DMA_BUF);

/**
 * dma_buf_unmap_attachment - give a mapping back, reservation held
 * @attach: the attachment
 * @sgt: what dma_buf_map_attachment() returned
 * @dir: the direction given there
 *
 * The device must be done with the addresses, or a fence in the reservation must say when it is.
 *
 * Context: Process context; sleeps. The caller holds the reservation lock.
 */
void dma_buf_unmap_attachment(struct dma_buf_attachment *attach, struct sg_table *sgt,
			      enum dma_data_direction dir)
{
	might_sleep();
	if (WARN_ON_ONCE(!attach || !attach->dmabuf || !sgt))
		return;

	dma_resv_assert_held(attach->dmabuf->resv);
	if (sgt == attach->sgt)
		return;

	dma_buf_sgt_destroy_locked(attach, sgt, dir);
	if (dma_buf_map_needs_pin(attach->dmabuf))
		attach->dmabuf->ops->unpin(attach);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_unmap_attachment, DMA_BUF);

/**
 * dma_buf_unmap_attachment_unlocked - give a mapping back, taking the reservation
 * @attach: the attachment
 * @sgt: what dma_buf_map_attachment_unlocked() returned
 * @dir: the direction given there
 *
 * Context: Process context; sleeps. Takes and drops the reservation lock.
 */
void dma_buf_unmap_attachment_unlocked(struct dma_buf_attachment *attach, struct sg_table *sgt,
				       enum dma_data_direction dir)
{
	if (WARN_ON_ONCE(!attach || !attach->dmabuf || !sgt))
		return;

	guard(dma_resv)(attach->dmabuf->resv);
	dma_buf_unmap_attachment(attach, sgt, dir);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_unmap_attachment_unlocked, DMA_BUF);
