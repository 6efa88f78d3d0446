// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rows about memory: what structures take, and what objects take with all that
 * belongs to them.
 */
#include <linux/dma-buf.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-resv.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/vmstat.h>

#include "bench.h"

#define OBJECTS 8192

/* Counted in pages, whatever the names say. */
static u64 memory_slab_bytes(void)
{
	return PAGE_SIZE * (atomic_long_read(&vm_node_stat[NR_SLAB_RECLAIMABLE_B]) +
			    atomic_long_read(&vm_node_stat[NR_SLAB_UNRECLAIMABLE_B]));
}

/*
 * Counters of one CPU are added to the sum when they are this far off, so the
 * error is small.
 */
static void memory_start(struct bench *b)
{
	b->begin = memory_slab_bytes();
}

static void memory_stop(struct bench *b, unsigned int objects)
{
	b->cost = memory_slab_bytes() - b->begin;
	b->ops = objects;
}

#define MEMORY_SIZE(type)						\
	static void size_##type##_run(struct bench *b)			\
	{								\
		b->cost = sizeof(struct type);				\
		b->ops = 1;						\
	}

MEMORY_SIZE(dma_fence)
MEMORY_SIZE(dma_fence_cb)
MEMORY_SIZE(dma_fence_array)
MEMORY_SIZE(dma_fence_chain)
MEMORY_SIZE(dma_resv)
MEMORY_SIZE(dma_resv_iter)
MEMORY_SIZE(dma_buf)
MEMORY_SIZE(dma_buf_attachment)
MEMORY_SIZE(sync_file)

/*
 * Reservations with room for @n fences, and these in it. The fences themselves
 * do not count.
 */
static void bytes_resv_measure(struct bench *b, unsigned int n)
{
	struct bench_fence *fences = bench_fences_alloc(n + 1);
	struct dma_resv **resv = kvcalloc(OBJECTS, sizeof(*resv), GFP_KERNEL);
	unsigned int i, k;

	memory_start(b);
	for (i = 0; i < OBJECTS; i++) {
		resv[i] = kmalloc(sizeof(**resv), GFP_KERNEL);
		dma_resv_init(resv[i]);
		dma_resv_lock(resv[i], NULL);
		if (n && dma_resv_reserve_fences(resv[i], n))
			panic("bench: no slots for fences\n");
		for (k = 0; k < n; k++)
			dma_resv_add_fence(resv[i], &fences[k].base, DMA_RESV_USAGE_READ);
		dma_resv_unlock(resv[i]);
	}
	memory_stop(b, OBJECTS);
	for (i = 0; i < OBJECTS; i++) {
		dma_resv_fini(resv[i]);
		kfree(resv[i]);
	}
	kvfree(resv);
	rcu_barrier();
	bench_fences_free(fences, n + 1);
}

static void bytes_resv_run(struct bench *b)
{
	bytes_resv_measure(b, b->n);
}

static void bytes_resv_empty_run(struct bench *b)
{
	bytes_resv_measure(b, 0);
}

/* A buffer with its file and inode. */
static void bytes_buf_run(struct bench *b)
{
	struct dma_buf **bufs = kvcalloc(OBJECTS, sizeof(*bufs), GFP_KERNEL);
	int i;

	memory_start(b);
	for (i = 0; i < OBJECTS; i++)
		bufs[i] = bench_buf_export();
	memory_stop(b, OBJECTS);
	for (i = 0; i < OBJECTS; i++)
		dma_buf_put(bufs[i]);
	kvfree(bufs);
}

const struct bench_row bench_rows_memory[] = {
	{ "size_dma_fence", size_dma_fence_run },
	{ "size_dma_fence_cb", size_dma_fence_cb_run },
	{ "size_dma_fence_array", size_dma_fence_array_run },
	{ "size_dma_fence_chain", size_dma_fence_chain_run },
	{ "size_dma_resv", size_dma_resv_run },
	{ "size_dma_resv_iter", size_dma_resv_iter_run },
	{ "size_dma_buf", size_dma_buf_run },
	{ "size_dma_buf_attachment", size_dma_buf_attachment_run },
	{ "size_sync_file", size_sync_file_run },
	{ "bytes_resv_empty", bytes_resv_empty_run },
	{ "bytes_resv", bytes_resv_run, { 1, 2, 3, 4, 8, 16, 64 } },
	{ "bytes_buf", bytes_buf_run },
	{}
};
