// SPDX-License-Identifier: GPL-2.0-only
/*
 * At which addresses a device finds the buffer: mapping and unmapping an
 * attachment.
 *
 * A mapping is made by the exporter and belongs to it. It is given out either
 * once, or, where the attachment keeps one in &dma_buf_attachment.sgt, again
 * and again until dma_buf_detach(); unmapping that one does nothing. See
 * dma-buf-attach.c for when an attachment is mapped from its beginning.
 *
 * Locks: the reservation is held, by the caller or by the _unlocked functions,
 * with one exception: a mapping that is kept is set once and stays, so those
 * functions give it out without the lock.
 */
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "dma-buf-internal.h"

/**
 * struct dma_buf_shadow - what an importer is given with CONFIG_DMABUF_DEBUG
 * @shown: only the DMA addresses; an importer that looks for a page finds none,
 *	and faults
 * @exported: the exporter's table behind it, which stays whole for the
 *	exporter's own use
 */
struct dma_buf_shadow {
	struct sg_table shown;
	struct sg_table *exported;
};

static struct dma_buf_shadow *dma_buf_shadow_create(struct sg_table *exported)
{
	struct dma_buf_shadow *shadow = kmalloc(sizeof(*shadow), GFP_KERNEL);
	struct scatterlist *to, *from;
	unsigned int i;

	if (!shadow)
		return NULL;
	if (sg_alloc_table(&shadow->shown, exported->nents, GFP_KERNEL)) {
		kfree(shadow);
		return NULL;
	}

	shadow->exported = exported;
	to = shadow->shown.sgl;
	for_each_sgtable_dma_sg(exported, from, i) {
		sg_dma_address(to) = sg_dma_address(from);
		sg_dma_len(to) = sg_dma_len(from);
		if (sg_dma_is_bus_address(from))
			sg_dma_mark_bus_address(to);
		to = sg_next(to);
	}
	return shadow;
}

/* Turn the exporter's table into what the importer sees. */
static struct sg_table *dma_buf_sgt_show(struct sg_table *exported)
{
	struct dma_buf_shadow *shadow;

	if (!IS_ENABLED(CONFIG_DMABUF_DEBUG))
		return exported;

	shadow = dma_buf_shadow_create(exported);
	return shadow ? &shadow->shown : ERR_PTR(-ENOMEM);
}

/* Turn it back. */
static struct sg_table *dma_buf_sgt_unshow(struct sg_table *shown)
{
	struct dma_buf_shadow *shadow;
	struct sg_table *exported;

	if (!IS_ENABLED(CONFIG_DMABUF_DEBUG))
		return shown;

	shadow = container_of(shown, struct dma_buf_shadow, shown);
	exported = shadow->exported;
	sg_free_table(shown);
	kfree(shadow);
	return exported;
}

/*
 * Wait for a move that is under way to end before the device starts, if neither
 * side can follow a move.
 */
static int dma_buf_sgt_wait_moved(struct dma_buf_attachment *attach)
{
	long ret;

	if (dma_buf_attachment_is_dynamic(attach))
		return 0;

	ret = dma_resv_wait_timeout(attach->dmabuf->resv, DMA_RESV_USAGE_KERNEL, true,
				    MAX_SCHEDULE_TIMEOUT);
	return ret < 0 ? ret : 0;
}

/* See dma_buf_sgt_create_locked(). */
static __always_inline struct sg_table *dma_buf_sgt_create(struct dma_buf_attachment *attach,
							   const struct dma_buf_ops *ops,
							   enum dma_data_direction dir)
{
	struct sg_table *sgt, *shown;
	int ret;

	sgt = ops->map_dma_buf(attach, dir);
	if (IS_ERR_OR_NULL(sgt))
		return sgt ?: ERR_PTR(-ENOMEM);

	ret = dma_buf_sgt_wait_moved(attach);
	shown = ret ? ERR_PTR(ret) : dma_buf_sgt_show(sgt);
	if (IS_ERR(shown))
		ops->unmap_dma_buf(attach, sgt, dir);
	return shown;
}

/**
 * dma_buf_sgt_create_locked - have the exporter map an attachment
 * @attach: the attachment, pinned already if that is needed
 * @dir: direction of the transfers to come
 *
 * Context: Process context; sleeps. The caller holds the reservation lock.
 * Return: The table, to be given to dma_buf_sgt_destroy_locked(), or an
 * ERR_PTR(), never NULL.
 */
struct sg_table *dma_buf_sgt_create_locked(struct dma_buf_attachment *attach,
					   enum dma_data_direction dir)
{
	return dma_buf_sgt_create(attach, attach->dmabuf->ops, dir);
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
	attach->dmabuf->ops->unmap_dma_buf(attach, dma_buf_sgt_unshow(sgt), dir);
}

/*
 * Report a caller that must not sleep; where it may, there is no need to give
 * up the CPU here.
 */
static __always_inline void dma_buf_might_sleep(void)
{
	might_sleep_if(IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP));
}

/*
 * A dynamic importer copes with a move, but without CONFIG_DMABUF_MOVE_NOTIFY
 * the driver pair is not trusted with it: the buffer is pinned for as long as
 * each mapping lasts.
 */
static bool dma_buf_map_needs_pin(const struct dma_buf_ops *ops)
{
	return !IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY) && ops->pin;
}

/*
 * The mapping that the attachment keeps; NULL if there is none, -EBUSY if it
 * lacks the direction. The lock is not needed: once set it stays until
 * dma_buf_detach(), by when every use has ended.
 */
static __always_inline struct sg_table *dma_buf_sgt_kept(struct dma_buf_attachment *attach,
							 enum dma_data_direction dir)
{
	/*
	 * Read before the direction and the entries: see
	 * dma_buf_sgt_keep_locked().
	 */
	struct sg_table *sgt = smp_load_acquire(&attach->sgt);

	if (sgt && attach->dir != dir && attach->dir != DMA_BIDIRECTIONAL)
		return ERR_PTR(-EBUSY);
	return sgt;
}

/* Make a mapping, and keep it if the exporter wants that. */
static __always_inline struct sg_table *dma_buf_map_locked(struct dma_buf_attachment *attach,
							   enum dma_data_direction dir)
{
	const struct dma_buf_ops *ops = attach->dmabuf->ops;
	struct sg_table *sgt;
	int ret;

	if (dma_buf_map_needs_pin(ops)) {
		ret = ops->pin(attach);
		if (ret)
			return ERR_PTR(ret);
	}

	sgt = dma_buf_sgt_create(attach, ops, dir);
	if (IS_ERR(sgt)) {
		if (dma_buf_map_needs_pin(ops))
			ops->unpin(attach);
		return sgt;
	}

	if (ops->cache_sgt_mapping)
		dma_buf_sgt_keep_locked(attach, sgt, dir);
	return sgt;
}

/**
 * dma_buf_map_attachment - learn the DMA addresses of a buffer, reservation
 * held
 * @attach: the attachment
 * @dir: direction of the transfers to come
 *
 * Only the DMA side of the table may be used: no page, no virtual address. The
 * mapping guarantees that the memory is there; whether its contents are is what
 * the fences in the reservation say.
 *
 * Context: Process context; sleeps. The caller holds the reservation lock.
 * Return: The table, which stays the exporter's and is given back by
 * dma_buf_unmap_attachment(), or an ERR_PTR():
 *
 * * -EINVAL: no attachment. Warns.
 * * -EBUSY: the exporter keeps one mapping for each attachment and that has
 *   another direction.
 * * -ENOMEM: out of memory.
 * * -EINTR, -ERESTARTSYS: a signal came while waiting for the memory.
 * * others that the exporter returns.
 */
struct sg_table *dma_buf_map_attachment(struct dma_buf_attachment *attach,
					enum dma_data_direction dir)
{
	struct sg_table *sgt;

	dma_buf_might_sleep();
	if (WARN_ON_ONCE(!attach || !attach->dmabuf))
		return ERR_PTR(-EINVAL);

	dma_resv_assert_held(attach->dmabuf->resv);
	sgt = dma_buf_sgt_kept(attach, dir);
	return sgt ?: dma_buf_map_locked(attach, dir);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_map_attachment, DMA_BUF);

/*
 * Map the attachment under the lock. This is a separate function, so that
 * importers that get the cached mapping do not pay for its stack frame.
 */
static noinline struct sg_table *dma_buf_map_taking_lock(struct dma_buf_attachment *attach,
							 enum dma_data_direction dir)
{
	struct dma_resv *resv = attach->dmabuf->resv;
	struct sg_table *sgt;

	dma_resv_lock(resv, NULL);
	sgt = dma_buf_sgt_kept(attach, dir);
	if (!sgt)
		sgt = dma_buf_map_locked(attach, dir);
	dma_resv_unlock(resv);
	return sgt;
}

/**
 * dma_buf_map_attachment_unlocked - learn the DMA addresses of a buffer, taking
 * the reservation
 * @attach: the attachment
 * @dir: direction of the transfers to come
 *
 * Context: Process context; sleeps. Takes and drops the reservation lock,
 * unless the attachment keeps a mapping already.
 * Return: As dma_buf_map_attachment(); give it back by
 * dma_buf_unmap_attachment_unlocked().
 */
struct sg_table *dma_buf_map_attachment_unlocked(struct dma_buf_attachment *attach,
						 enum dma_data_direction dir)
{
	struct sg_table *sgt;

	dma_buf_might_sleep();
	if (WARN_ON_ONCE(!attach || !attach->dmabuf))
		return ERR_PTR(-EINVAL);

	might_lock(&attach->dmabuf->resv->lock.base);
	sgt = dma_buf_sgt_kept(attach, dir);
	return sgt ?: dma_buf_map_taking_lock(attach, dir);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_map_attachment_unlocked, DMA_BUF);

static __always_inline void dma_buf_unmap_locked(struct dma_buf_attachment *attach,
						 struct sg_table *sgt, enum dma_data_direction dir)
{
	const struct dma_buf_ops *ops = attach->dmabuf->ops;

	ops->unmap_dma_buf(attach, dma_buf_sgt_unshow(sgt), dir);
	if (dma_buf_map_needs_pin(ops))
		ops->unpin(attach);
}

/**
 * dma_buf_unmap_attachment - give a mapping back, reservation held
 * @attach: the attachment
 * @sgt: what dma_buf_map_attachment() returned
 * @dir: the direction given there
 *
 * The device must be done with the addresses, or a fence in the reservation
 * must say when it is.
 *
 * Context: Process context; sleeps. The caller holds the reservation lock.
 */
void dma_buf_unmap_attachment(struct dma_buf_attachment *attach, struct sg_table *sgt,
			      enum dma_data_direction dir)
{
	dma_buf_might_sleep();
	if (WARN_ON_ONCE(!attach || !attach->dmabuf || !sgt))
		return;

	dma_resv_assert_held(attach->dmabuf->resv);
	if (sgt != attach->sgt)
		dma_buf_unmap_locked(attach, sgt, dir);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_unmap_attachment, DMA_BUF);

static noinline void dma_buf_unmap_taking_lock(struct dma_buf_attachment *attach,
					       struct sg_table *sgt, enum dma_data_direction dir)
{
	struct dma_resv *resv = attach->dmabuf->resv;

	dma_resv_lock(resv, NULL);
	dma_buf_unmap_locked(attach, sgt, dir);
	dma_resv_unlock(resv);
}

/**
 * dma_buf_unmap_attachment_unlocked - give a mapping back, taking the
 * reservation
 * @attach: the attachment
 * @sgt: what dma_buf_map_attachment_unlocked() returned
 * @dir: the direction given there
 *
 * Context: Process context; sleeps. Takes and drops the reservation lock,
 * unless the attachment keeps the mapping.
 */
void dma_buf_unmap_attachment_unlocked(struct dma_buf_attachment *attach, struct sg_table *sgt,
				       enum dma_data_direction dir)
{
	dma_buf_might_sleep();
	if (WARN_ON_ONCE(!attach || !attach->dmabuf || !sgt))
		return;

	might_lock(&attach->dmabuf->resv->lock.base);
	/*
	 * An importer that got the cached mapping sees without the lock that it
	 * is cached.
	 */
	if (sgt != READ_ONCE(attach->sgt))
		dma_buf_unmap_taking_lock(attach, sgt, dir);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_unmap_attachment_unlocked, DMA_BUF);
