// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rows for two processors: this one's work is measured while the other does its
 * own for as long. The clock is not an instruction counter then, and no two
 * runs are the same: of interest is the ratio.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "bench.h"

#define ROUNDS 20000

/* The operation that the other processor repeats. */
struct smp_other {
	void (*op)(struct smp_other *other);
	struct dma_resv *resv;
	struct bench_fence *fences;
	unsigned int num, at;
	struct completion done;
	bool stop;
};

static int smp_other_thread(void *data)
{
	struct smp_other *other = data;

	while (!READ_ONCE(other->stop)) {
		other->op(other);
		cond_resched();
	}
	complete(&other->done);
	return 0;
}

static void smp_other_start(struct smp_other *other)
{
	struct task_struct *task = kthread_create(smp_other_thread, other, "dma-buf-other");

	if (IS_ERR(task))
		panic("bench: no second thread\n");
	init_completion(&other->done);
	kthread_bind(task, num_online_cpus() - 1);
	wake_up_process(task);
}

static void smp_other_stop(struct smp_other *other)
{
	WRITE_ONCE(other->stop, true);
	wait_for_completion(&other->done);
}

/*
 * Writes: a fence of each context in turn takes the place of its predecessor.
 */
static void smp_add_op(struct smp_other *other)
{
	struct bench_fence *fence = &other->fences[other->at];

	dma_resv_lock(other->resv, NULL);
	if (dma_resv_reserve_fences(other->resv, 1))
		panic("bench: no slot for a fence\n");
	dma_resv_add_fence(other->resv, &fence->base, DMA_RESV_USAGE_READ);
	dma_resv_unlock(other->resv);
	other->at = (other->at + 1) % other->num;
}

static void smp_read_run(struct bench *b, void (*op)(struct dma_resv *resv))
{
	struct dma_resv resv;
	struct smp_other other = { .op = smp_add_op, .resv = &resv, .num = b->n };
	int i;

	other.fences = bench_fences_alloc(b->n);
	dma_resv_init(&resv);
	for (i = 0; i < b->n; i++)
		smp_add_op(&other);
	smp_other_start(&other);
	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		op(&resv);
	bench_stop(b, ROUNDS);
	smp_other_stop(&other);
	dma_resv_fini(&resv);
	bench_fences_free(other.fences, b->n);
}

static void smp_iter_run(struct bench *b)
{
	smp_read_run(b, bench_resv_iter_op);
}

static void smp_get_fences_run(struct bench *b)
{
	smp_read_run(b, bench_resv_get_fences_op);
}

/* Both do the same, each with objects of its own. */
static void smp_same_run(struct bench *b, void (*op)(struct smp_other *other))
{
	struct smp_other other = { .op = op }, self = { .op = op };
	int i;

	smp_other_start(&other);
	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		op(&self);
	bench_stop(b, ROUNDS);
	smp_other_stop(&other);
}

static void smp_export_op(struct smp_other *other)
{
	struct dma_buf *dmabuf = bench_buf_export();
	struct file *file = dmabuf->file;

	__fput_sync(file);
}

static void smp_export_run(struct bench *b)
{
	smp_same_run(b, smp_export_op);
}

static void smp_signal_op(struct smp_other *other)
{
	struct bench_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);

	if (!fence)
		return;
	bench_fence_init_kmalloc(fence, 1, 1);
	dma_fence_add_callback(&fence->base, &fence->cb, bench_fence_called);
	dma_fence_signal(&fence->base);
	dma_fence_put(&fence->base);
}

static void smp_signal_run(struct bench *b)
{
	smp_same_run(b, smp_signal_op);
}

const struct bench_row bench_rows_smp[] = {
	{ "smp_iter_while_adding", smp_iter_run, { 1, 4, 64 } },
	{ "smp_get_fences_while_adding", smp_get_fences_run, { 4, 64 } },
	{ "smp_export_close_both", smp_export_run },
	{ "smp_signal_both", smp_signal_run },
	{}
};
