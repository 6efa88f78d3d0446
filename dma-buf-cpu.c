// SPDX-License-Identifier: GPL-2.0-only
/*
 * A buffer and the CPU: bracketed access, user mappings made by drivers, and
 * the kernel mapping.
 *
 * Locks: vmap and vunmap run under the reservation, held by the caller or taken
 * by the _unlocked functions. CPU access and mmap call the exporter without it;
 * waiting for fences takes none.
 */
#include <linux/mm.h>
#include <linux/overflow.h>

#include "dma-buf-internal.h"

/**
 * DOC: cpu access
 *
 * A buffer lives in memory that devices reach; the CPU may see it through a
 * cache, or not at all until the exporter moves it. Three ways lead to the
 * contents:
 *
 * - In the kernel, dma_buf_vmap() gives one linear mapping of the whole buffer.
 *   All users share it and the core counts them. It is an &struct iosys_map
 *   because the memory may be I/O memory.
 *
 * - In userspace, mmap() on the file descriptor of the buffer. A driver whose
 *   own mmap() should show an imported buffer redirects to it by
 *   dma_buf_mmap().
 *
 * - Either way, drivers enclose each access in dma_buf_begin_cpu_access() and
 *   dma_buf_end_cpu_access(). Userspace encloses it in the two kinds of
 *   DMA_BUF_IOCTL_SYNC. The first call waits for the jobs that would race with
 *   the access, and makes their results visible to the CPU. The second call
 *   makes the CPU's writes visible to devices. A mapping may outlive one such
 *   pair of calls.
 */

/*
 * Wait for the fences that conflict: the CPU is one more reader, or one more
 * writer.
 */
static int dma_buf_cpu_wait(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	bool write = dir == DMA_BIDIRECTIONAL || dir == DMA_TO_DEVICE;
	long ret;

	ret = dma_resv_wait_timeout(dmabuf->resv, dma_resv_usage_rw(write), true,
				    MAX_SCHEDULE_TIMEOUT);
	return ret < 0 ? ret : 0;
}

/**
 * dma_buf_begin_cpu_access - prepare a buffer for access by the CPU
 * @dmabuf: the buffer
 * @dir: DMA_FROM_DEVICE to read it, DMA_TO_DEVICE to write it,
 *	DMA_BIDIRECTIONAL for both
 *
 * The core waits for the fences that conflict: those of writers in order to
 * read, those of readers too in order to write. Then it asks the exporter,
 * which may invalidate caches by now because no device writes behind them. The
 * exporter may move the buffer and leave a fence. Therefore the core waits once
 * more.
 *
 * The second wait may be interrupted after the exporter has succeeded. The
 * exporter is not told: ending an access while a job runs could write old data
 * over the job's. The next call asks it again.
 *
 * Context: Process context. May sleep. Takes no lock; the caller does not hold
 * the reservation.
 * Return: 0 and the access may start until dma_buf_end_cpu_access(); -EINVAL
 * without a buffer (warns), -ERESTARTSYS when a signal ended a wait, or the
 * errno of &dma_buf_ops.begin_cpu_access. After an error there is nothing to
 * end.
 */
int dma_buf_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	int ret;

	if (WARN_ON_ONCE(!dmabuf))
		return -EINVAL;

	might_lock(&dmabuf->resv->lock.base);
	ret = dma_buf_cpu_wait(dmabuf, dir);
	if (ret || !dmabuf->ops->begin_cpu_access)
		return ret;

	ret = dmabuf->ops->begin_cpu_access(dmabuf, dir);
	return ret ?: dma_buf_cpu_wait(dmabuf, dir);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_begin_cpu_access, DMA_BUF);

/**
 * dma_buf_end_cpu_access - hand a buffer back to the devices
 * @dmabuf: the buffer
 * @dir: the direction given to dma_buf_begin_cpu_access()
 *
 * Context: Process context; may sleep. The reservation lock is not held.
 * Return: 0 or the errno of &dma_buf_ops.end_cpu_access; -EINVAL without a
 * buffer (warns).
 */
int dma_buf_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	if (WARN_ON_ONCE(!dmabuf))
		return -EINVAL;

	might_lock(&dmabuf->resv->lock.base);
	return dmabuf->ops->end_cpu_access ? dmabuf->ops->end_cpu_access(dmabuf, dir) : 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_end_cpu_access, DMA_BUF);

/**
 * dma_buf_mmap - show a buffer in a user mapping that was asked of another
 * driver
 * @dmabuf: the buffer
 * @vma: the mapping being set up; its file becomes the buffer's
 * @pgoff: page of the buffer at which it starts
 *
 * Context: Process context, mmap_lock of the process held for writing; the
 * reservation is not.
 * Return: 0; -EINVAL where there is no buffer or mapping (warns), the exporter
 * knows no mmap, or the end lies beyond the buffer; -EOVERFLOW where the end
 * cannot be expressed; or the errno of &dma_buf_ops.mmap.
 */
int dma_buf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma, unsigned long pgoff)
{
	unsigned long end;

	if (WARN_ON_ONCE(!dmabuf || !vma))
		return -EINVAL;
	if (!dmabuf->ops->mmap)
		return -EINVAL;
	if (check_add_overflow(pgoff, vma_pages(vma), &end))
		return -EOVERFLOW;
	if (end > dmabuf->size >> PAGE_SHIFT)
		return -EINVAL;

	vma->vm_pgoff = pgoff;
	vma_set_file(vma, dmabuf->file);
	return dmabuf->ops->mmap(dmabuf, vma);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap, DMA_BUF);

/*
 * Ask the exporter. It may fail for want of memory like anything else: that is
 * no cause to warn.
 */
static __always_inline int dma_buf_vmap_first(struct dma_buf *dmabuf, struct iosys_map *map)
{
	int ret;

	if (!dmabuf->ops->vmap)
		return -EINVAL;

	ret = dmabuf->ops->vmap(dmabuf, map);
	if (ret) {
		iosys_map_clear(map);
		return ret;
	}
	dmabuf->vmap_ptr = *map;
	dmabuf->vmapping_counter = 1;
	return 0;
}

/* @map is clear. */
static __always_inline int dma_buf_vmap_locked(struct dma_buf *dmabuf, struct iosys_map *map)
{
	dma_resv_assert_held(dmabuf->resv);
	if (!dmabuf->vmapping_counter)
		return dma_buf_vmap_first(dmabuf, map);

	dmabuf->vmapping_counter++;
	*map = dmabuf->vmap_ptr;
	return 0;
}

/**
 * dma_buf_vmap - map a whole buffer into the kernel, reservation held
 * @dmabuf: the buffer
 * @map: filled in with the mapping; cleared on failure
 *
 * All users get the same mapping. It says where the buffer is, not that its
 * contents are coherent: see dma_buf_begin_cpu_access().
 *
 * Context: Process context; sleeps. The caller holds the reservation lock.
 * Return: 0, to be undone by dma_buf_vunmap(); -EINVAL where there is no buffer
 * (warns) or the exporter knows no vmap; or the errno of &dma_buf_ops.vmap,
 * -ENOMEM as a rule.
 */
int dma_buf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	iosys_map_clear(map);
	if (WARN_ON_ONCE(!dmabuf))
		return -EINVAL;

	return dma_buf_vmap_locked(dmabuf, map);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_vmap, DMA_BUF);

static __always_inline void dma_buf_vunmap_locked(struct dma_buf *dmabuf, struct iosys_map *map)
{
	dma_resv_assert_held(dmabuf->resv);
	/*
	 * Each time: one of the two who unmapped has taken the mapping away
	 * from a third.
	 */
	if (WARN(!dmabuf->vmapping_counter || !iosys_map_is_equal(&dmabuf->vmap_ptr, map),
		 "dma-buf of %s: vunmap of a mapping that is not there\n", dmabuf->exp_name))
		return;

	if (--dmabuf->vmapping_counter)
		return;
	if (dmabuf->ops->vunmap)
		dmabuf->ops->vunmap(dmabuf, map);
	iosys_map_clear(&dmabuf->vmap_ptr);
}

/**
 * dma_buf_vunmap - end the use of the kernel mapping, reservation held
 * @dmabuf: the buffer
 * @map: what dma_buf_vmap() filled in
 *
 * Context: Process context; sleeps. The caller holds the reservation lock.
 */
void dma_buf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	if (WARN_ON_ONCE(!dmabuf))
		return;

	dma_buf_vunmap_locked(dmabuf, map);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_vunmap, DMA_BUF);

/**
 * dma_buf_vmap_unlocked - map a whole buffer into the kernel, taking the
 * reservation
 * @dmabuf: the buffer
 * @map: filled in with the mapping; cleared on failure
 *
 * Context: Process context; sleeps. Takes and drops the reservation lock.
 * Return: As dma_buf_vmap(); to be undone by dma_buf_vunmap_unlocked().
 */
int dma_buf_vmap_unlocked(struct dma_buf *dmabuf, struct iosys_map *map)
{
	int ret;

	iosys_map_clear(map);
	if (WARN_ON_ONCE(!dmabuf))
		return -EINVAL;

	dma_resv_lock(dmabuf->resv, NULL);
	ret = dma_buf_vmap_locked(dmabuf, map);
	dma_resv_unlock(dmabuf->resv);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_vmap_unlocked, DMA_BUF);

/**
 * dma_buf_vunmap_unlocked - end the use of the kernel mapping, taking the
 * reservation
 * @dmabuf: the buffer
 * @map: what dma_buf_vmap_unlocked() filled in
 *
 * Context: Process context; sleeps. Takes and drops the reservation lock.
 */
void dma_buf_vunmap_unlocked(struct dma_buf *dmabuf, struct iosys_map *map)
{
	if (WARN_ON_ONCE(!dmabuf))
		return;

	dma_resv_lock(dmabuf->resv, NULL);
	dma_buf_vunmap_locked(dmabuf, map);
	dma_resv_unlock(dmabuf->resv);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_vunmap_unlocked, DMA_BUF);

/**
 * dma_buf_vmap_fini - warn of a kernel mapping that outlives its buffer
 * @dmabuf: the buffer, which goes now
 *
 * The mapping shows memory that will be freed, so that every buffer gets its
 * warning.
 *
 * Context: Process context. Called without other users of the buffer.
 */
void dma_buf_vmap_fini(struct dma_buf *dmabuf)
{
	WARN(dmabuf->vmapping_counter, "dma-buf of %s released while mapped for the CPU\n",
	     dmabuf->exp_name);
}
