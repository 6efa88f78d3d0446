// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CMA heap: physically contiguous memory from the default CMA area, under
 * the name of that area.
 *
 * Page faults fill user mappings. Pages are not charged to a memory cgroup: the
 * size of the area limits them.
 *
 * Locks: none of its own.
 */
#include <linux/cma.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/dma-map-ops.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "heap-buffer.h"

/**
 * struct cma_heap_buffer - a contiguous buffer
 * @base: the buffer
 * @area: the area that the pages come from
 * @first: the first of the pages
 */
struct cma_heap_buffer {
	struct heap_buffer base;
	struct cma *area;
	struct page *first;
};

static struct cma_heap_buffer *to_cma_heap_buffer(struct heap_buffer *buffer)
{
	return container_of(buffer, struct cma_heap_buffer, base);
}

static void cma_heap_free(struct heap_buffer *base)
{
	struct cma_heap_buffer *buffer = to_cma_heap_buffer(base);

	sg_free_table(&base->pages);
	cma_release(buffer->area, buffer->first, base->base.len >> PAGE_SHIFT);
	kfree(buffer);
}

static vm_fault_t cma_heap_fault(struct vm_fault *vmf)
{
	struct cma_heap_buffer *buffer = vmf->vma->vm_private_data;

	/* VM_DONTEXPAND should have kept the mapping within the buffer. */
	if (vmf->pgoff >= buffer->base.base.len >> PAGE_SHIFT)
		return VM_FAULT_SIGBUS;
	return vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(buffer->first) + vmf->pgoff);
}

static const struct vm_operations_struct cma_heap_vm_ops = {
	.fault = cma_heap_fault,
};

static int cma_heap_mmap(struct heap_buffer *base, struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &cma_heap_vm_ops;
	vma->vm_private_data = to_cma_heap_buffer(base);
	return 0;
}

static const struct heap_buffer_ops cma_heap_buffer_ops = {
	.free = cma_heap_free,
	.mmap = cma_heap_mmap,
};

/* Zero the pages, which hold the data of their last owner. */
static int cma_heap_clear(struct page *first, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (fatal_signal_pending(current))
			return -EINTR;
		clear_highpage(nth_page(first, i));
		cond_resched();
	}
	return 0;
}

static int cma_heap_fill(struct cma_heap_buffer *buffer)
{
	size_t len = buffer->base.base.len, count = len >> PAGE_SHIFT;
	unsigned int align = min_t(unsigned int, get_order(len), CONFIG_CMA_ALIGNMENT);
	int ret;

	buffer->first = cma_alloc(buffer->area, count, align, false);
	if (!buffer->first)
		return -ENOMEM;

	ret = cma_heap_clear(buffer->first, count);
	if (ret)
		goto err_pages;

	ret = sg_alloc_table(&buffer->base.pages, 1, HEAP_GFP_TABLE);
	if (ret)
		goto err_pages;
	sg_set_page(buffer->base.pages.sgl, buffer->first, len, 0);
	return 0;

err_pages:
	cma_release(buffer->area, buffer->first, count);
	return ret;
}

static struct dma_buf *cma_heap_allocate(struct dma_heap *heap, unsigned long len, u32 fd_flags,
					 u64 heap_flags)
{
	struct cma *area = dma_heap_get_drvdata(heap);
	struct cma_heap_buffer *buffer;
	struct dma_buf *dmabuf;
	int ret;

	/* An entry of a scatter list has a length of 32 bits. */
	if (len > cma_get_size(area) || len > UINT_MAX)
		return ERR_PTR(-ENOMEM);

	buffer = kzalloc(sizeof(*buffer), GFP_KERNEL_ACCOUNT);
	if (!buffer)
		return ERR_PTR(-ENOMEM);

	buffer->area = area;
	heap_buffer_init(&buffer->base, heap, len, &cma_heap_buffer_ops);
	ret = cma_heap_fill(buffer);
	if (ret) {
		kfree(buffer);
		return ERR_PTR(ret);
	}

	dmabuf = heap_buffer_export(&buffer->base, fd_flags);
	if (IS_ERR(dmabuf))
		cma_heap_free(&buffer->base);
	return dmabuf;
}

static const struct dma_heap_ops cma_heap_ops = {
	.allocate = cma_heap_allocate,
};

static int __init cma_heap_init(void)
{
	struct cma *area = dev_get_cma_area(NULL);
	struct dma_heap_export_info info = {
		.ops = &cma_heap_ops,
		.priv = area,
	};

	/* No area was reserved: no heap. */
	if (!area)
		return 0;

	info.name = cma_get_name(area);
	return PTR_ERR_OR_ZERO(dma_heap_add(&info));
}
device_initcall(cma_heap_init);
