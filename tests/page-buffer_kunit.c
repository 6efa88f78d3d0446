// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of page-buffer.c: mappings of buffers whose pages never move. What the
 * CPU and the devices see of each other is for
 * tests/selftests/dma-buf-device.c.
 *
 * CONFIG_DMA_API_DEBUG watches. It reports a mistake in the kernel log, which
 * fails the run.
 */
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/gfp.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "../page-buffer.h"
#include "mock-buf.h"

/*
 * page-buffer.c belongs to heaps and udmabuf, and exports nothing to modules.
 */
#if !defined(MODULE) && (IS_ENABLED(CONFIG_DMABUF_HEAPS) || IS_ENABLED(CONFIG_UDMABUF))

#define ORDER 3
#define SIZE (PAGE_SIZE << ORDER)

struct page_buffer_test {
	struct page_buffer base;
	struct page *pages;
	struct dma_buf *dmabuf;
	struct device *dev;
	struct device_dma_parameters parms;
	size_t max_segment;	/* as the exporter was told */
};

static int fill_one_entry(struct page_buffer *base, struct sg_table *table, size_t max_segment)
{
	struct page_buffer_test *context = container_of(base, struct page_buffer_test, base);
	int ret = sg_alloc_table(table, 1, GFP_KERNEL);

	context->max_segment = max_segment;
	if (!ret)
		sg_set_page(table->sgl, context->pages, SIZE, 0);
	return ret;
}

static void release_nothing(struct dma_buf *dmabuf)
{
}

static const struct dma_buf_ops test_ops = {
	.attach = page_buffer_attach,
	.detach = page_buffer_detach,
	.map_dma_buf = page_buffer_map,
	.unmap_dma_buf = page_buffer_unmap,
	.begin_cpu_access = page_buffer_begin_cpu_access,
	.end_cpu_access = page_buffer_end_cpu_access,
	.release = release_nothing,
};

static int page_buffer_test_init(struct kunit *test)
{
	struct page_buffer_test *context = kunit_kzalloc(test, sizeof(*context), GFP_KERNEL);
	DEFINE_DMA_BUF_EXPORT_INFO(info);

	KUNIT_ASSERT_NOT_NULL(test, context);
	context->dev = mock_device_create(test, "page-buffer");
	context->dev->dma_parms = &context->parms;
	context->pages = alloc_pages(GFP_KERNEL | __GFP_COMP, ORDER);
	KUNIT_ASSERT_NOT_NULL(test, context->pages);

	page_buffer_init(&context->base, SIZE, fill_one_entry);
	info.ops = &test_ops;
	info.size = SIZE;
	info.flags = O_RDWR;
	info.priv = &context->base;
	context->dmabuf = dma_buf_export(&info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, context->dmabuf);
	test->priv = context;
	return 0;
}

static void page_buffer_test_exit(struct kunit *test)
{
	struct page_buffer_test *context = test->priv;

	dma_buf_put(context->dmabuf);
	flush_delayed_fput();
	__free_pages(context->pages, ORDER);
}

static struct dma_buf_attachment *attach_device(struct kunit *test)
{
	struct page_buffer_test *context = test->priv;
	struct dma_buf_attachment *attach = dma_buf_attach(context->dmabuf, context->dev);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	return attach;
}

/*
 * The attachment has one table, so a second mapping would overwrite the first.
 */
static void page_buffer_map_mapped_attachment_ebusy(struct kunit *test)
{
	struct page_buffer_test *context = test->priv;
	struct dma_buf_attachment *attach = attach_device(test);
	struct sg_table *table, *again;

	table = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, table);
	again = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(-EBUSY), again);
	dma_buf_unmap_attachment_unlocked(attach, table, DMA_BIDIRECTIONAL);

	table = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, table);
	dma_buf_unmap_attachment_unlocked(attach, table, DMA_TO_DEVICE);
	dma_buf_detach(context->dmabuf, attach);
}

/* A device that states nothing takes 64 KiB. */
static void page_buffer_attach_asks_for_what_fits(struct kunit *test)
{
	static const struct {
		unsigned int takes;
		size_t asked;
	} cases[] = {
		{ 0, SZ_64K },
		{ 1, PAGE_SIZE },
		{ PAGE_SIZE, PAGE_SIZE },
		{ 3 * PAGE_SIZE - 1, 2 * PAGE_SIZE },
		{ SZ_128K, SZ_128K },
	};
	struct page_buffer_test *context = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		context->parms.max_segment_size = cases[i].takes;
		dma_buf_detach(context->dmabuf, attach_device(test));
		KUNIT_EXPECT_EQ(test, cases[i].asked, context->max_segment);
	}
}

/* The direction of the access need not fit to that of the mapping. */
static void page_buffer_access_in_any_direction_ok(struct kunit *test)
{
	static const enum dma_data_direction dirs[] = {
		DMA_BIDIRECTIONAL, DMA_TO_DEVICE, DMA_FROM_DEVICE,
	};
	struct page_buffer_test *context = test->priv;
	struct dma_buf_attachment *attach = attach_device(test);
	struct sg_table *table;
	int i, j;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		table = dma_buf_map_attachment_unlocked(attach, dirs[i]);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, table);
		for (j = 0; j < ARRAY_SIZE(dirs); j++) {
			KUNIT_EXPECT_EQ(test, 0,
					dma_buf_begin_cpu_access(context->dmabuf, dirs[j]));
			KUNIT_EXPECT_EQ(test, 0,
					dma_buf_end_cpu_access(context->dmabuf, dirs[j]));
		}
		dma_buf_unmap_attachment_unlocked(attach, table, dirs[i]);
	}
	dma_buf_detach(context->dmabuf, attach);
}

static void page_buffer_map_of_two_attachments_ok(struct kunit *test)
{
	struct page_buffer_test *context = test->priv;
	struct dma_buf_attachment *attach[2];
	struct sg_table *table[2];
	int i;

	for (i = 0; i < 2; i++) {
		attach[i] = attach_device(test);
		table[i] = dma_buf_map_attachment_unlocked(attach[i], DMA_BIDIRECTIONAL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, table[i]);
	}
	KUNIT_EXPECT_EQ(test, 0, dma_buf_begin_cpu_access(context->dmabuf, DMA_BIDIRECTIONAL));
	KUNIT_EXPECT_EQ(test, 0, dma_buf_end_cpu_access(context->dmabuf, DMA_BIDIRECTIONAL));
	for (i = 0; i < 2; i++) {
		dma_buf_unmap_attachment_unlocked(attach[i], table[i], DMA_BIDIRECTIONAL);
		dma_buf_detach(context->dmabuf, attach[i]);
	}
}

static struct kunit_case page_buffer_cases[] = {
	KUNIT_CASE(page_buffer_map_mapped_attachment_ebusy),
	KUNIT_CASE(page_buffer_attach_asks_for_what_fits),
	KUNIT_CASE(page_buffer_access_in_any_direction_ok),
	KUNIT_CASE(page_buffer_map_of_two_attachments_ok),
	{}
};

static struct kunit_suite page_buffer_suite = {
	.name = "page_buffer",
	.init = page_buffer_test_init,
	.exit = page_buffer_test_exit,
	.test_cases = page_buffer_cases,
};

kunit_test_suite(page_buffer_suite);

#endif
