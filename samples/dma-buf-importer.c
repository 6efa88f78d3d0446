// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worked importer: runs jobs on a buffer that another driver made. The device
 * through which userspace asks for them is in dma-buf-importer-dev.c.
 *
 * Each open file attaches the device to one buffer. A job waits for those
 * fences that implicit synchronization asks for, works, and signals its own
 * fence. That fence is in the reservation before the ioctl returns. Jobs of a
 * file run in order, on a queue of their own.
 *
 * Locks: the mutex of the file, then the reservation. The queue takes neither,
 * because it signals fences, and waiters wait for these with both held.
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-resv.h>
#include <linux/iosys-map.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "dma-buf-importer.h"

/* The fence comes first, so that the default release frees the job. */
struct sample_job {
	struct dma_fence fence;
	spinlock_t lock;			/* the fence's */
	struct work_struct work;
	struct device *dev;
	struct sg_table *table;
	struct dma_fence *wait_for;		/* or NULL */
	struct sample_importer_job arg;
};

static const char *sample_job_name(struct dma_fence *fence)
{
	return "dma-buf-importer";
}

static const struct dma_fence_ops sample_job_ops = {
	.get_driver_name = sample_job_name,
	.get_timeline_name = sample_job_name,
};

/*
 * The hardware. It knows DMA addresses and nothing else; that the CPU plays its
 * part works because the device is coherent and behind no IOMMU, see
 * sample_importer_init().
 */
static int sample_job_compute(struct sample_job *job)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(job->table, sg, i) {
		void *memory = phys_to_virt(dma_to_phys(job->dev, sg_dma_address(sg)));

		if (job->arg.op == SAMPLE_JOB_FILL)
			memset(memory, job->arg.value, sg_dma_len(sg));
		else if (memchr_inv(memory, job->arg.value, sg_dma_len(sg)))
			return -EIO;
	}
	return 0;
}

/*
 * From here to the signal nothing is allocated, and no lock is taken that is
 * held while waiting for a fence. Waiting itself is right: that fence is older
 * than ours, and will be signaled whatever becomes of us.
 */
static void sample_job_run(struct work_struct *work)
{
	struct sample_job *job = container_of(work, struct sample_job, work);
	bool cookie = dma_fence_begin_signalling();
	int ret;

	if (job->wait_for)
		dma_fence_wait(job->wait_for, false);
	msleep(job->arg.delay_ms);
	ret = sample_job_compute(job);
	if (ret)
		dma_fence_set_error(&job->fence, ret);
	dma_fence_signal(&job->fence);
	dma_fence_end_signalling(cookie);

	dma_fence_put(job->wait_for);
	dma_fence_put(&job->fence);
}

/* May come before dma_buf_dynamic_attach() returns. Jobs keep mappings. */
static void sample_importer_move_notify(struct dma_buf_attachment *attach)
{
	struct sample_importer *importer = attach->importer_priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	importer->moved = true;
}

static const struct dma_buf_attach_ops sample_importer_ops = {
	.move_notify = sample_importer_move_notify,
};

static void sample_importer_unmap_locked(struct sample_importer *importer)
{
	if (!importer->table)
		return;

	/*
	 * The device must be done with the addresses. Jobs end in order, so the
	 * newest is last.
	 */
	if (importer->last)
		dma_fence_wait(importer->last, false);
	dma_buf_unmap_attachment(importer->attach, importer->table, DMA_BIDIRECTIONAL);
	importer->table = NULL;
}

/* Map once and keep that until the buffer moves. */
static int sample_importer_map_locked(struct sample_importer *importer)
{
	struct sg_table *table;

	if (importer->table && !importer->moved)
		return 0;

	sample_importer_unmap_locked(importer);
	importer->moved = false;
	table = dma_buf_map_attachment(importer->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(table))
		return PTR_ERR(table);

	importer->table = table;
	importer->mappings++;
	return 0;
}

/* All that can fail, before the fence exists for others. */
static int sample_job_prepare_locked(struct sample_importer *importer, struct sample_job *job)
{
	struct dma_resv *resv = importer->attach->dmabuf->resv;
	bool write = job->arg.op == SAMPLE_JOB_FILL;
	int ret;

	ret = sample_importer_map_locked(importer);
	if (ret)
		return ret;
	/*
	 * Not before mapping: an exporter that moves the buffer there takes
	 * slots for its fences.
	 */
	ret = dma_resv_reserve_fences(resv, 1);
	if (ret)
		return ret;

	/*
	 * After mapping: for a dynamic importer a move may still be under way,
	 * as a fence.
	 */
	return dma_resv_get_singleton(resv, dma_resv_usage_rw(write), &job->wait_for);
}

/*
 * Nothing can fail any more. The queue gets the reference that dma_fence_init()
 * made.
 */
static int sample_job_publish_locked(struct sample_importer *importer, struct sample_job *job)
{
	struct dma_resv *resv = importer->attach->dmabuf->resv;
	bool write = job->arg.op == SAMPLE_JOB_FILL, cookie;

	job->dev = importer->dev;
	job->table = importer->table;
	spin_lock_init(&job->lock);
	INIT_WORK(&job->work, sample_job_run);
	dma_fence_init(&job->fence, &sample_job_ops, &job->lock, importer->context,
		       ++importer->seqno);
	dma_fence_put(importer->last);
	importer->last = dma_fence_get(&job->fence);

	cookie = dma_fence_begin_signalling();
	dma_resv_add_fence(resv, &job->fence, write ? DMA_RESV_USAGE_WRITE : DMA_RESV_USAGE_READ);
	queue_work(importer->queue, &job->work);
	dma_fence_end_signalling(cookie);
	return importer->mappings;
}

/* Start a job. Returns the number of mappings so far, -ENOTCONN or an error. */
int sample_importer_submit(struct sample_importer *importer, const struct sample_importer_job *arg)
{
	struct sample_job *job;
	struct dma_resv *resv;
	int ret;

	guard(mutex)(&importer->lock);
	if (!importer->attach)
		return -ENOTCONN;

	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job)
		return -ENOMEM;

	job->arg = *arg;
	resv = importer->attach->dmabuf->resv;
	ret = dma_resv_lock_interruptible(resv, NULL);
	if (!ret) {
		ret = sample_job_prepare_locked(importer, job);
		if (!ret)
			ret = sample_job_publish_locked(importer, job);
		dma_resv_unlock(resv);
	}
	if (ret < 0)
		kfree(job);
	return ret;
}

/*
 * Attach the device. Only one buffer fits into an open file. Returns -EBUSY if
 * there is one already, otherwise as dma_buf_get() and
 * dma_buf_dynamic_attach().
 */
int sample_importer_attach(struct sample_importer *importer, int fd)
{
	struct dma_buf_attachment *attach;
	struct dma_buf *dmabuf;

	guard(mutex)(&importer->lock);
	if (importer->attach)
		return -EBUSY;

	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	attach = dma_buf_dynamic_attach(dmabuf, importer->dev, &sample_importer_ops, importer);
	if (IS_ERR(attach)) {
		dma_buf_put(dmabuf);
		return PTR_ERR(attach);
	}
	importer->attach = attach;
	return 0;
}

/* Read one byte by the CPU. Returns it, -ENOTCONN, or another errno. */
int sample_importer_peek(struct sample_importer *importer, u64 offset)
{
	struct dma_buf *dmabuf;
	struct iosys_map map;
	u8 byte = 0;
	int ret;

	guard(mutex)(&importer->lock);
	if (!importer->attach)
		return -ENOTCONN;

	dmabuf = importer->attach->dmabuf;
	if (offset >= dmabuf->size)
		return -EINVAL;

	/* The mapping says where, the bracket around the access says when. */
	ret = dma_buf_vmap_unlocked(dmabuf, &map);
	if (ret)
		return ret;
	ret = dma_buf_begin_cpu_access(dmabuf, DMA_FROM_DEVICE);
	if (!ret) {
		iosys_map_memcpy_from(&byte, &map, offset, sizeof(byte));
		ret = dma_buf_end_cpu_access(dmabuf, DMA_FROM_DEVICE) ?: byte;
	}
	dma_buf_vunmap_unlocked(dmabuf, &map);
	return ret;
}

/* Undo the steps in the opposite order, once all jobs have ended. */
void sample_importer_detach(struct sample_importer *importer)
{
	struct dma_buf_attachment *attach = importer->attach;
	struct dma_buf *dmabuf;

	if (!attach)
		return;

	dmabuf = attach->dmabuf;
	scoped_guard(dma_resv, dmabuf->resv)
		sample_importer_unmap_locked(importer);
	dma_buf_detach(dmabuf, attach);
	dma_buf_put(dmabuf);
	dma_fence_put(importer->last);
}
