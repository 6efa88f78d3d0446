// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of samples/dma-buf-importer.c against exporters that the sample
 * exporter is not like.
 */
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/fcntl.h>
#include <linux/fdtable.h>
#include <linux/workqueue.h>

#include "../samples/dma-buf-importer.h"
#include "mock-buf.h"
#include "mock-fence.h"
#include "mock-task.h"

/*
 * The samples export nothing: without them in the same image their functions
 * are not there.
 */
#define SAMPLES_LINKED (IS_BUILTIN(CONFIG_SAMPLE_DMABUF) && IS_BUILTIN(CONFIG_DMABUF_KUNIT_TEST))

/*
 * An exporter that moves the buffer to where the device reaches it, which takes
 * a while.
 */
static void move_in_map(struct mock_buf *mb, struct mock_call *call)
{
	struct dma_resv *resv = mb->dmabuf->resv;

	if (call->op != MOCK_MAP)
		return;
	if (dma_resv_reserve_fences(resv, 1))
		call->ret = -ENOMEM;
	else
		dma_resv_add_fence(resv, mb->hook_data, DMA_RESV_USAGE_KERNEL);
}

/*
 * All slots but one are in use, and the exporter's fence takes that one. A slot
 * reserved before the mapping would be gone: dma_resv_add_fence() warns.
 */
static void sample_submit(struct kunit *test, struct sample_importer *importer)
{
	struct sample_importer_job job = { .op = SAMPLE_JOB_FILL, .value = 0x5a };
	struct dma_fence *others[DMA_RESV_INLINE_SLOTS - 1], *move;
	struct mock_buf *mb = mock_buf_create(test, MOCK_DYNAMIC);
	int i, fd;

	move = mock_fence_create(test, dma_fence_context_alloc(1), 1);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		others[i] = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_BOOKKEEP);
	mb->hook = move_in_map;
	mb->hook_data = move;
	get_dma_buf(mb->dmabuf);
	fd = dma_buf_fd(mb->dmabuf, O_CLOEXEC);
	KUNIT_ASSERT_GE(test, fd, 0);

	KUNIT_EXPECT_EQ(test, 0, sample_importer_attach(importer, fd));
	KUNIT_EXPECT_EQ(test, 1, sample_importer_submit(importer, &job));
	KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(mb->dmabuf->resv, DMA_RESV_USAGE_WRITE));
	mock_fence_finish(move);
	KUNIT_EXPECT_GT(test, dma_resv_wait_timeout(mb->dmabuf->resv, DMA_RESV_USAGE_WRITE,
						    false, MAX_SCHEDULE_TIMEOUT), 0);
	KUNIT_EXPECT_EQ(test, 0x5a, *(u8 *)mb->vaddr);

	for (i = 0; i < ARRAY_SIZE(others); i++)
		mock_fence_finish(others[i]);
	flush_workqueue(importer->queue);
	sample_importer_detach(importer);
	KUNIT_EXPECT_EQ(test, 0, close_fd(fd));
	mock_fput_flush();
}

static void sample_importer_exporter_adds_fence_in_map(struct kunit *test)
{
	struct sample_importer importer = { .context = dma_fence_context_alloc(1) };

	if (!SAMPLES_LINKED) {
		kunit_skip(test, "no samples in this kernel");
	} else {
		importer.dev = mock_device_create(test, "sample-importer");
		importer.queue = alloc_ordered_workqueue("sample-importer", WQ_MEM_RECLAIM);
		KUNIT_ASSERT_NOT_NULL(test, importer.queue);
		mutex_init(&importer.lock);
		sample_submit(test, &importer);
		destroy_workqueue(importer.queue);
		mutex_destroy(&importer.lock);
	}
}

static struct kunit_case dma_buf_sample_cases[] = {
	KUNIT_CASE(sample_importer_exporter_adds_fence_in_map),
	{}
};

static struct kunit_suite dma_buf_sample_suite = {
	.name = "dma_buf_sample",
	.test_cases = dma_buf_sample_cases,
};

kunit_test_suite(dma_buf_sample_suite);
