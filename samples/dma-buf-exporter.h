/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations that the files of the sample exporter share.
 */
#ifndef _DMA_BUF_EXPORTER_H
#define _DMA_BUF_EXPORTER_H

#include <linux/types.h>

struct dma_buf;
struct dma_buf_ops;
struct page;

/* The buffer itself: &dma_buf.priv. */
struct sample_buffer {
	struct page **pages;		/* Locking: reservation */
	unsigned int count;		/* of pages; never changes */
	unsigned int pin_count;		/* Locking: reservation */
};

/* dma-buf-exporter.c */
extern const struct dma_buf_ops sample_exporter_ops;
struct page **sample_pages_alloc(unsigned int count);
void sample_pages_free(struct page **pages, unsigned int count);
void sample_exporter_sync_locked(struct dma_buf *dmabuf, bool for_cpu);
struct dma_buf *sample_exporter_export(unsigned int page_count);

/* dma-buf-exporter-move.c */
int sample_exporter_move(struct dma_buf *dmabuf);

#endif /* _DMA_BUF_EXPORTER_H */
