/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations that the rows of the benchmark share. A row is a function that
 * prepares, calls bench_start(), does an operation many times, calls
 * bench_stop() and cleans up. It uses the public API alone, so that the same
 * source is built for a kernel with our subsystem and for one without.
 */
#ifndef _DMA_BUF_TESTS_BENCH_H
#define _DMA_BUF_TESTS_BENCH_H

#include <linux/dma-fence.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct dma_buf;
struct dma_resv;

#ifdef CONFIG_X86_TSC
#include <asm/msr.h>

/* Read the cycle counter, which is the count if instructions are counted. */
static inline u64 bench_now(void)
{
	return rdtsc_ordered();
}
#else
static inline u64 bench_now(void)
{
	return ktime_get_ns();
}
#endif

#ifdef CONFIG_UML
/*
 * The counter is the host's: it has a rate of its own, and is finer than the
 * clock here.
 */
u64 bench_ns(u64 ticks);

/*
 * Run the pending irq_work. Here irq_work waits for the next tick, elsewhere it
 * runs at once.
 */
static inline void bench_irq_work(void)
{
	unsigned long flags;

	local_irq_save(flags);
	irq_work_run();
	local_irq_restore(flags);
}
#else
static inline u64 bench_ns(u64 ticks)
{
	return ticks;
}

static inline void bench_irq_work(void)
{
}
#endif

/**
 * struct bench - one measurement
 * @n: the size that the row is asked for
 * @begin: the clock when the last pass began
 * @cost: what the last pass took, in instructions or nanoseconds
 * @ops: how many operations the last pass did
 */
struct bench {
	unsigned int n;
	u64 begin;
	u64 cost;
	unsigned int ops;
};

/**
 * struct bench_row - one operation that is measured
 * @name: its name in the table
 * @run: does one pass
 * @sizes: sizes to ask for, the last one followed by 0; none stands for 1
 */
struct bench_row {
	const char *name;
	void (*run)(struct bench *b);
	unsigned int sizes[10];
};

static inline void bench_start(struct bench *b)
{
	b->begin = bench_now();
}

static inline void bench_stop(struct bench *b, unsigned int ops)
{
	b->cost = bench_ns(bench_now() - b->begin);
	b->ops = ops;
}

/* A driver's fence as plain as it gets. */
struct bench_fence {
	struct dma_fence base;
	spinlock_t lock; /* of base */
	struct dma_fence_cb cb;
};

/*
 * Memory for fences that outlives their references: a row that is not about
 * allocating takes these.
 */
struct bench_fence *bench_fences_alloc(unsigned int num);
void bench_fences_free(struct bench_fence *fences, unsigned int num);
void bench_fence_init(struct bench_fence *fence, u64 context, u64 seqno);
void bench_fence_init_kmalloc(struct bench_fence *fence, u64 context, u64 seqno);
void bench_fence_called(struct dma_fence *fence, struct dma_fence_cb *cb);

/* A buffer whose exporter does nothing; bench_buf_setup() first. */
void bench_buf_setup(void);
struct dma_buf *bench_buf_export(void);

/*
 * Readers of a reservation, which are also measured while another processor
 * writes.
 */
void bench_resv_iter_op(struct dma_resv *resv);
void bench_resv_get_fences_op(struct dma_resv *resv);

extern const struct bench_row bench_rows_fence[], bench_rows_resv[], bench_rows_chain[],
	bench_rows_container[], bench_rows_buf[], bench_rows_memory[], bench_rows_smp[];

#endif /* _DMA_BUF_TESTS_BENCH_H */
