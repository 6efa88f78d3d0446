/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sample importer's jobs, for its device.
 */
#ifndef _DMA_BUF_IMPORTER_H
#define _DMA_BUF_IMPORTER_H

#include <linux/mutex.h>
#include <linux/types.h>

#include "dma-buf-samples.h"

struct device;
struct dma_buf_attachment;
struct dma_fence;
struct sg_table;
struct workqueue_struct;

/* An open file: one buffer, one timeline. */
struct sample_importer {
	struct device *dev;
	struct workqueue_struct *queue;
	u64 context;
	/* protects attaching, and attach */
	struct mutex lock;
	struct dma_buf_attachment *attach;
	struct sg_table *table;			/* Locking: reservation */
	/* of the newest job. Locking: reservation */
	struct dma_fence *last;
	u64 seqno;				/* Locking: reservation */
	u32 mappings;				/* Locking: reservation */
	/* table is stale. Locking: reservation */
	bool moved;
};

int sample_importer_attach(struct sample_importer *importer, int fd);
void sample_importer_detach(struct sample_importer *importer);
int sample_importer_submit(struct sample_importer *importer, const struct sample_importer_job *arg);
int sample_importer_peek(struct sample_importer *importer, u64 offset);

#endif /* _DMA_BUF_IMPORTER_H */
