// SPDX-License-Identifier: GPL-2.0-only
/*
 * The system heap: pages from the page allocator, in chunks as large as
 * possible.
 *
 * Large chunks make short scatter lists and let the CPU map a buffer with large
 * pages. The heap takes them only if they are free: it reclaims and compacts
 * nothing for them. After a chunk size has failed once, the same buffer does
 * not try it again.
 *
 * A buffer cannot be reclaimed or swapped out, and no process pays for it with
 * its own size. The OOM killer would therefore end the wrong processes. So an
 * allocation does not call it. It also stops before it takes the last pages,
 * because then others would call it.
 *
 * Locks: none of its own.
 */
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include "heap-buffer.h"

/*
 * Chunk sizes, as page orders: 1 MiB for an IOMMU, 64 KiB for caches, one page.
 */
static const unsigned int system_heap_orders[] = { 8, 4, 0 };

#define SYSTEM_HEAP_GFP (GFP_HIGHUSER | __GFP_ZERO | __GFP_NOWARN)
/* Without __GFP_RECLAIM: large chunks are a bonus. */
#define SYSTEM_HEAP_GFP_LARGE ((SYSTEM_HEAP_GFP | __GFP_COMP | __GFP_NORETRY) & ~__GFP_RECLAIM)
/* Reclaim as much as possible, but do not call the OOM killer. */
#define SYSTEM_HEAP_GFP_PAGE (SYSTEM_HEAP_GFP | __GFP_RETRY_MAYFAIL)

/* Look so often, in bytes, if there is memory for the rest of a buffer. */
#define SYSTEM_HEAP_LOOK SZ_1M

static gfp_t system_heap_gfp(unsigned int order)
{
	gfp_t gfp = order ? SYSTEM_HEAP_GFP_LARGE : SYSTEM_HEAP_GFP_PAGE;

	return dma_heap_charges_pages() ? gfp | __GFP_ACCOUNT : gfp;
}

/*
 * Allocate one chunk of at most @size bytes, of the order at *@rank or a lower
 * one. *@rank moves on to the order that succeeded.
 */
static struct page *system_heap_alloc_chunk(size_t size, unsigned int *rank)
{
	for (; *rank < ARRAY_SIZE(system_heap_orders); ++*rank) {
		unsigned int order = system_heap_orders[*rank];
		struct page *page;

		if (size < PAGE_SIZE << order)
			continue;
		page = alloc_pages(system_heap_gfp(order), order);
		if (page)
			return page;
	}
	return NULL;
}

/*
 * Return true if others are not driven out of memory by @len bytes more. The
 * estimate does not see free pages on the lists of CPUs, so empty these first
 * before giving up.
 */
static bool system_heap_has_room(size_t len)
{
	long pages = len >> PAGE_SHIFT;

	if (pages <= si_mem_available() + get_nr_swap_pages())
		return true;
	drain_all_pages(NULL);
	return pages <= si_mem_available() + get_nr_swap_pages();
}

static void system_heap_free_chunks(struct list_head *chunks)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, chunks, lru) {
		__free_pages(page, compound_order(page));
		cond_resched();
	}
}

/*
 * Collect chunks that make up @len bytes. Returns their number, or a negative
 * errno.
 */
static long system_heap_alloc_chunks(struct list_head *chunks, size_t len)
{
	size_t look_at = len;
	unsigned int rank = 0;
	struct page *page;
	long count = 0;

	while (len) {
		/* Others allocate, too. */
		if (len <= look_at && len >= SYSTEM_HEAP_LOOK) {
			if (!system_heap_has_room(len))
				return -ENOMEM;
			look_at = len - SYSTEM_HEAP_LOOK;
		}
		/* A process that is being killed must not take more memory. */
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();

		page = system_heap_alloc_chunk(len, &rank);
		if (!page)
			return -ENOMEM;
		list_add_tail(&page->lru, chunks);
		len -= page_size(page);
		count++;
	}
	return count;
}

static int system_heap_fill(struct heap_buffer *buffer)
{
	struct page *page, *next;
	struct scatterlist *sg;
	LIST_HEAD(chunks);
	long count;
	int ret;

	count = system_heap_alloc_chunks(&chunks, buffer->base.len);
	if (count < 0) {
		ret = count;
		goto err_chunks;
	}

	ret = sg_alloc_table(&buffer->pages, count, HEAP_GFP_TABLE);
	if (ret)
		goto err_chunks;

	sg = buffer->pages.sgl;
	list_for_each_entry_safe(page, next, &chunks, lru) {
		list_del(&page->lru);
		sg_set_page(sg, page, page_size(page), 0);
		sg = sg_next(sg);
	}
	return 0;

err_chunks:
	system_heap_free_chunks(&chunks);
	return ret;
}

static void system_heap_free(struct heap_buffer *buffer)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_sg(&buffer->pages, sg, i) {
		__free_pages(sg_page(sg), compound_order(sg_page(sg)));
		cond_resched();
	}
	sg_free_table(&buffer->pages);
	kfree(buffer);
}

/* Map chunk by chunk, from the chunk of the first page to the end of @vma. */
static int system_heap_mmap(struct heap_buffer *buffer, struct vm_area_struct *vma)
{
	unsigned long skip = vma->vm_pgoff << PAGE_SHIFT;
	unsigned long addr = vma->vm_start;
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	for_each_sgtable_sg(&buffer->pages, sg, i) {
		unsigned long size;

		if (skip >= sg->length) {
			skip -= sg->length;
			continue;
		}

		if (fatal_signal_pending(current))
			return -EINTR;
		size = min(sg->length - skip, vma->vm_end - addr);
		ret = remap_pfn_range(vma, addr, page_to_pfn(sg_page(sg)) + (skip >> PAGE_SHIFT),
				      size, vma->vm_page_prot);
		if (ret)
			return ret;

		skip = 0;
		addr += size;
		if (addr == vma->vm_end)
			break;
		cond_resched();
	}
	return 0;
}

static const struct heap_buffer_ops system_heap_buffer_ops = {
	.free = system_heap_free,
	.mmap = system_heap_mmap,
};

static struct dma_buf *system_heap_allocate(struct dma_heap *heap, unsigned long len, u32 fd_flags,
					    u64 heap_flags)
{
	struct heap_buffer *buffer;
	struct dma_buf *dmabuf;
	int ret;

	/*
	 * Refuse more than the machine has before everything else is pushed
	 * out.
	 */
	if (len >> PAGE_SHIFT > min_t(unsigned long, totalram_pages(), UINT_MAX))
		return ERR_PTR(-ENOMEM);

	buffer = kzalloc(sizeof(*buffer), GFP_KERNEL_ACCOUNT);
	if (!buffer)
		return ERR_PTR(-ENOMEM);

	heap_buffer_init(buffer, heap, len, &system_heap_buffer_ops);
	ret = system_heap_fill(buffer);
	if (ret) {
		kfree(buffer);
		return ERR_PTR(ret);
	}

	dmabuf = heap_buffer_export(buffer, fd_flags);
	if (IS_ERR(dmabuf))
		system_heap_free(buffer);
	return dmabuf;
}

static const struct dma_heap_ops system_heap_ops = {
	.allocate = system_heap_allocate,
};

static int __init system_heap_init(void)
{
	static const struct dma_heap_export_info info = {
		.name = "system",
		.ops = &system_heap_ops,
	};

	return PTR_ERR_OR_ZERO(dma_heap_add(&info));
}
device_initcall(system_heap_init);
