// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rows about shared buffers. The exporter does nothing in its callbacks, so
 * that the cost is the core's.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/iosys-map.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "bench.h"

#define ROUNDS 64

static struct sg_table bench_table;
static struct scatterlist bench_entry;

static int bench_buf_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	return 0;
}

static void bench_buf_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
}

static int bench_buf_pin(struct dma_buf_attachment *attach)
{
	return 0;
}

static void bench_buf_unpin(struct dma_buf_attachment *attach)
{
}

static struct sg_table *bench_buf_map(struct dma_buf_attachment *attach,
				      enum dma_data_direction direction)
{
	return &bench_table;
}

static void bench_buf_unmap(struct dma_buf_attachment *attach, struct sg_table *table,
			    enum dma_data_direction direction)
{
}

static void bench_buf_release(struct dma_buf *dmabuf)
{
}

static int bench_buf_begin(struct dma_buf *dmabuf, enum dma_data_direction direction)
{
	return 0;
}

static int bench_buf_end(struct dma_buf *dmabuf, enum dma_data_direction direction)
{
	return 0;
}

static int bench_buf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	iosys_map_set_vaddr(map, &bench_table);
	return 0;
}

static void bench_buf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
}

#define BENCH_BUF_COMMON			\
	.attach = bench_buf_attach,		\
	.detach = bench_buf_detach,		\
	.map_dma_buf = bench_buf_map,		\
	.unmap_dma_buf = bench_buf_unmap,	\
	.release = bench_buf_release,		\
	.begin_cpu_access = bench_buf_begin,	\
	.end_cpu_access = bench_buf_end,	\
	.vmap = bench_buf_vmap,			\
	.vunmap = bench_buf_vunmap

static const struct dma_buf_ops bench_static_ops = {
	BENCH_BUF_COMMON,
};

static const struct dma_buf_ops bench_cached_ops = {
	BENCH_BUF_COMMON,
	.cache_sgt_mapping = true,
};

static const struct dma_buf_ops bench_dynamic_ops = {
	BENCH_BUF_COMMON,
	.pin = bench_buf_pin,
	.unpin = bench_buf_unpin,
};

static void bench_buf_moved(struct dma_buf_attachment *attach)
{
}

static const struct dma_buf_attach_ops bench_attach_ops = {
	.allow_peer2peer = true,
	.move_notify = bench_buf_moved,
};

static struct device *bench_device;

/* Set up the objects that all buffers share, before the first export. */
void bench_buf_setup(void)
{
	sg_init_table(&bench_entry, 1);
	sg_dma_address(&bench_entry) = PAGE_SIZE;
	bench_table = (struct sg_table) { &bench_entry, 1, 1 };
	bench_device = &platform_device_register_simple("bench", -1, NULL, 0)->dev;
}

static struct dma_buf *bench_export(const struct dma_buf_ops *ops)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;

	info.ops = ops;
	info.size = PAGE_SIZE;
	info.priv = bench_device;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf))
		panic("bench: no buffer\n");
	return dmabuf;
}

struct dma_buf *bench_buf_export(void)
{
	return bench_export(&bench_static_ops);
}

static struct dma_buf_attachment *bench_attach(struct dma_buf *dmabuf, bool dynamic)
{
	struct dma_buf_attachment *attach;

	attach = dynamic ? dma_buf_dynamic_attach(dmabuf, bench_device, &bench_attach_ops, NULL) :
			   dma_buf_attach(dmabuf, bench_device);
	if (IS_ERR(attach))
		panic("bench: no attachment\n");
	return attach;
}

static void buf_export_run(struct bench *b)
{
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		dma_buf_put(bench_export(&bench_static_ops));
	flush_delayed_fput();
	bench_stop(b, ROUNDS);
}

/* With 256 other buffers around. */
static void buf_export_many_run(struct bench *b)
{
	static struct dma_buf *others[256];
	int i;

	for (i = 0; i < ARRAY_SIZE(others); i++)
		others[i] = bench_export(&bench_static_ops);
	buf_export_run(b);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		dma_buf_put(others[i]);
}

static void buf_fd_run(struct bench *b)
{
	struct dma_buf *dmabuf = bench_export(&bench_static_ops);
	int i, fd;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++) {
		get_dma_buf(dmabuf);
		fd = dma_buf_fd(dmabuf, O_CLOEXEC);
		dma_buf_put(dma_buf_get(fd));
		close_fd(fd);
	}
	bench_stop(b, ROUNDS);
	dma_buf_put(dmabuf);
}

static void buf_attach_common(struct bench *b, const struct dma_buf_ops *ops, bool dynamic)
{
	struct dma_buf *dmabuf = bench_export(ops);
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		dma_buf_detach(dmabuf, bench_attach(dmabuf, dynamic));
	bench_stop(b, ROUNDS);
	dma_buf_put(dmabuf);
}

static void buf_attach_static_run(struct bench *b)
{
	buf_attach_common(b, &bench_static_ops, false);
}

static void buf_attach_dynamic_run(struct bench *b)
{
	buf_attach_common(b, &bench_dynamic_ops, true);
}

/* A static importer of a buffer that can move. */
static void buf_attach_mixed_run(struct bench *b)
{
	buf_attach_common(b, &bench_dynamic_ops, false);
}

static void buf_map_common(struct bench *b, const struct dma_buf_ops *ops, bool dynamic)
{
	struct dma_buf *dmabuf = bench_export(ops);
	struct dma_buf_attachment *attach = bench_attach(dmabuf, dynamic);
	struct sg_table *table;
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++) {
		table = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
		if (IS_ERR(table))
			panic("bench: no mapping\n");
		dma_buf_unmap_attachment_unlocked(attach, table, DMA_BIDIRECTIONAL);
	}
	bench_stop(b, ROUNDS);
	dma_buf_detach(dmabuf, attach);
	dma_buf_put(dmabuf);
}

static void buf_map_static_run(struct bench *b)
{
	buf_map_common(b, &bench_static_ops, false);
}

static void buf_map_cached_run(struct bench *b)
{
	buf_map_common(b, &bench_cached_ops, false);
}

static void buf_map_dynamic_run(struct bench *b)
{
	buf_map_common(b, &bench_dynamic_ops, true);
}

static void buf_map_locked_run(struct bench *b)
{
	struct dma_buf *dmabuf = bench_export(&bench_dynamic_ops);
	struct dma_buf_attachment *attach = bench_attach(dmabuf, true);
	int i;

	dma_resv_lock(dmabuf->resv, NULL);
	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		dma_buf_unmap_attachment(attach, dma_buf_map_attachment(attach, DMA_TO_DEVICE),
					 DMA_TO_DEVICE);
	bench_stop(b, ROUNDS);
	dma_resv_unlock(dmabuf->resv);
	dma_buf_detach(dmabuf, attach);
	dma_buf_put(dmabuf);
}

static void buf_vmap_run(struct bench *b)
{
	struct dma_buf *dmabuf = bench_export(&bench_static_ops);
	struct iosys_map map;
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++) {
		if (dma_buf_vmap_unlocked(dmabuf, &map))
			panic("bench: no address\n");
		dma_buf_vunmap_unlocked(dmabuf, &map);
	}
	bench_stop(b, ROUNDS);
	dma_buf_put(dmabuf);
}

/* Map like buf_vmap_run(), while another user has the buffer mapped. */
static void buf_vmap_again_run(struct bench *b)
{
	struct dma_buf *dmabuf = bench_export(&bench_static_ops);
	struct iosys_map map, other;
	int i;

	if (dma_buf_vmap_unlocked(dmabuf, &other))
		panic("bench: no address\n");
	bench_start(b);
	for (i = 0; i < ROUNDS; i++) {
		if (dma_buf_vmap_unlocked(dmabuf, &map))
			panic("bench: no address\n");
		dma_buf_vunmap_unlocked(dmabuf, &map);
	}
	bench_stop(b, ROUNDS);
	dma_buf_vunmap_unlocked(dmabuf, &other);
	dma_buf_put(dmabuf);
}

/* N is the number of fences that the buffer's users have left, all signaled. */
static void buf_cpu_access_run(struct bench *b)
{
	struct dma_buf *dmabuf = bench_export(&bench_static_ops);
	struct bench_fence *fences = bench_fences_alloc(b->n);
	int i;

	dma_resv_lock(dmabuf->resv, NULL);
	for (i = 0; i < b->n; i++) {
		if (dma_resv_reserve_fences(dmabuf->resv, 1))
			panic("bench: no slot for a fence\n");
		dma_resv_add_fence(dmabuf->resv, &fences[i].base, DMA_RESV_USAGE_WRITE);
	}
	for (i = 0; i < b->n; i++)
		dma_fence_signal(&fences[i].base);
	dma_resv_unlock(dmabuf->resv);
	bench_start(b);
	for (i = 0; i < ROUNDS; i++) {
		if (dma_buf_begin_cpu_access(dmabuf, DMA_FROM_DEVICE))
			panic("bench: no access\n");
		dma_buf_end_cpu_access(dmabuf, DMA_FROM_DEVICE);
	}
	bench_stop(b, ROUNDS);
	dma_buf_put(dmabuf);
	flush_delayed_fput();
	bench_fences_free(fences, b->n);
}

static void buf_move_notify_run(struct bench *b)
{
	struct dma_buf *dmabuf = bench_export(&bench_dynamic_ops);
	struct dma_buf_attachment *attach[64];
	int i;

	for (i = 0; i < b->n; i++)
		attach[i] = bench_attach(dmabuf, true);
	dma_resv_lock(dmabuf->resv, NULL);
	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		dma_buf_move_notify(dmabuf);
	bench_stop(b, ROUNDS);
	dma_resv_unlock(dmabuf->resv);
	for (i = 0; i < b->n; i++)
		dma_buf_detach(dmabuf, attach[i]);
	dma_buf_put(dmabuf);
}

const struct bench_row bench_rows_buf[] = {
	{ "buf_export_put", buf_export_run },
	{ "buf_export_put_many", buf_export_many_run, { 256 } },
	{ "buf_fd_get_put_close", buf_fd_run },
	{ "buf_attach_detach_static", buf_attach_static_run },
	{ "buf_attach_detach_mixed", buf_attach_mixed_run },
	{ "buf_attach_detach_dynamic", buf_attach_dynamic_run },
	{ "buf_map_unmap_static", buf_map_static_run },
	{ "buf_map_unmap_cached", buf_map_cached_run },
	{ "buf_map_unmap_dynamic", buf_map_dynamic_run },
	{ "buf_map_unmap_locked", buf_map_locked_run },
	{ "buf_vmap_vunmap", buf_vmap_run },
	{ "buf_vmap_vunmap_again", buf_vmap_again_run },
	{ "buf_cpu_access", buf_cpu_access_run, { 1, 4 } },
	{ "buf_move_notify", buf_move_notify_run, { 1, 4, 16, 64 } },
	{}
};
