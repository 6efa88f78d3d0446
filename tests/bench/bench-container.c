// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rows about arrays, merging, and fences in files. The cost is that of one
 * array or one merge.
 */
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/file.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/sync_file.h>

#include "bench.h"

#define ROUNDS 32

/* An array of @n fences, whose owner keeps references of its own. */
static struct dma_fence *array_create(struct bench_fence *fences, unsigned int n)
{
	struct dma_fence **list = kmalloc_array(n, sizeof(*list), GFP_KERNEL);
	struct dma_fence_array *array;
	unsigned int i;

	for (i = 0; i < n; i++)
		list[i] = dma_fence_get(&fences[i].base);
	array = dma_fence_array_create(n, list, 1, 1, false);
	if (!array)
		panic("bench: no memory for an array\n");
	return &array->base;
}

static void array_create_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(b->n);
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		dma_fence_put(array_create(fences, b->n));
	bench_stop(b, ROUNDS);
	bench_fences_free(fences, b->n);
}

/* From the first callback on it to the wakeup by the last fence. */
static void array_signal_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(b->n * ROUNDS);
	struct dma_fence *arrays[ROUNDS];
	struct dma_fence_cb cb[ROUNDS];
	unsigned int i;

	for (i = 0; i < ROUNDS; i++)
		arrays[i] = array_create(&fences[i * b->n], b->n);
	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		dma_fence_add_callback(arrays[i], &cb[i], bench_fence_called);
	for (i = 0; i < ROUNDS * b->n; i++) {
		dma_fence_signal(&fences[i].base);
		bench_irq_work();
	}
	bench_stop(b, ROUNDS);
	for (i = 0; i < ROUNDS; i++)
		dma_fence_put(arrays[i]);
	bench_fences_free(fences, b->n * ROUNDS);
}

/* All are signaled, the array has yet to notice. */
static void array_wait_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(b->n);
	struct dma_fence *arrays[ROUNDS];
	unsigned int i;

	for (i = 0; i < ROUNDS; i++)
		arrays[i] = array_create(fences, b->n);
	for (i = 0; i < b->n; i++)
		dma_fence_signal(&fences[i].base);
	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		dma_fence_wait(arrays[i], false);
	bench_stop(b, ROUNDS);
	for (i = 0; i < ROUNDS; i++)
		dma_fence_put(arrays[i]);
	bench_fences_free(fences, b->n);
}

/* Merge two arrays, of which each has half of the fences. */
static void unwrap_merge_halves(struct bench *b, struct bench_fence *fences)
{
	unsigned int half = b->n / 2, i;
	struct dma_fence *one = array_create(fences, half);
	struct dma_fence *two = array_create(fences + half, half);

	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		dma_fence_put(dma_fence_unwrap_merge(one, two));
	bench_stop(b, ROUNDS);
	dma_fence_put(one);
	dma_fence_put(two);
	bench_fences_free(fences, b->n);
}

/* N fences of as many contexts. */
static void unwrap_merge_run(struct bench *b)
{
	unwrap_merge_halves(b, bench_fences_alloc(b->n));
}

/* The two arrays are of the same contexts, in no order. */
static void unwrap_merge_shared_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(b->n);
	unsigned int half = b->n / 2, i;

	for (i = 0; i < half; i++)
		bench_fence_init(&fences[half + i], fences[half - 1 - i].base.context, 2);
	unwrap_merge_halves(b, fences);
}

static void unwrap_merge_plain_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(2);
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		dma_fence_put(dma_fence_unwrap_merge(&fences[0].base, &fences[1].base));
	bench_stop(b, ROUNDS);
	bench_fences_free(fences, 2);
}

static void unwrap_visit_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(b->n);
	struct dma_fence *array = array_create(fences, b->n), *fence;
	struct dma_fence_unwrap cursor;
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		dma_fence_unwrap_for_each(fence, &cursor, array)
			barrier_data(fence);
	bench_stop(b, ROUNDS);
	dma_fence_put(array);
	bench_fences_free(fences, b->n);
}

static void sync_file_create_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(1);
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		fput(sync_file_create(&fences->base)->file);
	flush_delayed_fput();
	bench_stop(b, ROUNDS);
	bench_fences_free(fences, 1);
}

const struct bench_row bench_rows_container[] = {
	{ "array_create_put", array_create_run, { 1, 4, 16, 64 } },
	{ "array_signal", array_signal_run, { 1, 4, 16, 64 } },
	{ "array_wait_signaled", array_wait_run, { 1, 4, 16, 64 } },
	{ "unwrap_for_each", unwrap_visit_run, { 1, 4, 16, 64 } },
	{ "unwrap_merge_plain", unwrap_merge_plain_run, { 2 } },
	{ "unwrap_merge", unwrap_merge_run, { 2, 4, 16, 64, 256 } },
	{ "unwrap_merge_shared", unwrap_merge_shared_run, { 2, 4, 16, 64, 256 } },
	{ "sync_file_create_put", sync_file_create_run },
	{}
};
