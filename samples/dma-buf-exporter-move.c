// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sample exporter moves a buffer: to other pages, for want of another kind
 * of memory.
 *
 * Locks: the reservation, taken here. While it is held, no importer maps the
 * buffer and no process touches a user mapping.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/highmem.h>
#include <linux/mm.h>

#include "dma-buf-exporter.h"

/*
 * Tell the importers, wait until their jobs are done, take the pages away from
 * user mappings, copy. Importers and processes that come meanwhile wait for the
 * reservation. They then find the new pages, which *@pages are exchanged for.
 */
static int sample_exporter_move_locked(struct dma_buf *dmabuf, struct page ***pages)
{
	struct sample_buffer *buffer = dmabuf->priv;
	unsigned int i;
	long ret;

	if (buffer->pin_count)
		return -EBUSY;

	dma_buf_move_notify(dmabuf);
	ret = dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, true,
				    MAX_SCHEDULE_TIMEOUT);
	if (ret < 0)
		return ret;

	unmap_mapping_range(dmabuf->file->f_mapping, 0, 0, 1);
	sample_exporter_sync_locked(dmabuf, true);
	for (i = 0; i < buffer->count; i++)
		copy_highpage((*pages)[i], buffer->pages[i]);
	swap(buffer->pages, *pages);
	return 0;
}

/* Move a buffer. -EINVAL if it is not ours, -EBUSY while it is pinned. */
int sample_exporter_move(struct dma_buf *dmabuf)
{
	struct sample_buffer *buffer = dmabuf->priv;
	struct page **pages;
	int ret;

	/* The operations tell whose &dma_buf.priv it is. */
	if (dmabuf->ops != &sample_exporter_ops)
		return -EINVAL;

	pages = sample_pages_alloc(buffer->count);
	if (!pages)
		return -ENOMEM;

	ret = dma_resv_lock_interruptible(dmabuf->resv, NULL);
	if (!ret) {
		ret = sample_exporter_move_locked(dmabuf, &pages);
		dma_resv_unlock(dmabuf->resv);
	}
	sample_pages_free(pages, buffer->count);
	return ret;
}
