/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations that the dma-buf*.c files share, one section per implementing
 * file.
 */
#ifndef _DMA_BUF_INTERNAL_H
#define _DMA_BUF_INTERNAL_H

#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/types.h>

struct poll_table_struct;
struct seq_file;
struct dma_buf_export_sync_file;
struct dma_buf_import_sync_file;

/* dma-buf.c */

/**
 * struct dma_buf_object - the memory of a buffer: one allocation, which RCU
 * frees with the inode
 * @inode: of the buffer's file
 * @base: the buffer
 * @resv: the reservation of a buffer whose exporter brought none
 * @attachment: for one device at a time, as most buffers have one only; others
 *	get their own
 * @attachment_taken: bit 0 says that @attachment is in use
 */
struct dma_buf_object {
	struct inode inode;
	struct dma_buf base;
	struct dma_resv resv;
	struct dma_buf_attachment attachment;
	unsigned long attachment_taken;
};

static inline struct dma_buf_object *dma_buf_object(struct dma_buf *dmabuf)
{
	return container_of(dmabuf, struct dma_buf_object, base);
}

void dma_buf_teardown(struct dma_buf *dmabuf);

/* dma-buf-file.c */

extern const struct file_operations dma_buf_fops;

void dma_buf_name_print(struct seq_file *m, const char *name);

/* True for a file whose private data is a struct dma_buf. */
static inline bool dma_buf_file_is_ours(const struct file *file)
{
	return file->f_op == &dma_buf_fops;
}

/* dma-buf-attach.c */

void dma_buf_attachments_fini(struct dma_buf *dmabuf);

/* dma-buf-cpu.c */

void dma_buf_vmap_fini(struct dma_buf *dmabuf);

/* dma-buf-map.c */

struct sg_table *dma_buf_sgt_create_locked(struct dma_buf_attachment *attach,
					   enum dma_data_direction dir);
void dma_buf_sgt_destroy_locked(struct dma_buf_attachment *attach, struct sg_table *sgt,
				enum dma_data_direction dir);

/* Cache this mapping. Importers get it from now on, even without the lock. */
static inline void dma_buf_sgt_keep_locked(struct dma_buf_attachment *attach, struct sg_table *sgt,
					   enum dma_data_direction dir)
{
	attach->dir = dir;
	/*
	 * A reader that finds the table also finds its direction and its
	 * entries: see dma_buf_sgt_kept().
	 */
	smp_store_release(&attach->sgt, sgt);
}

/* dma-buf-poll.c */

void dma_buf_poll_init(struct dma_buf *dmabuf);
void dma_buf_poll_fini(struct dma_buf *dmabuf);
__poll_t dma_buf_poll(struct file *file, struct poll_table_struct *table);

/* dma-buf-sync-file.c */

#if IS_ENABLED(CONFIG_SYNC_FILE)
long dma_buf_sync_file_export(struct dma_buf *dmabuf,
			      struct dma_buf_export_sync_file __user *user);
long dma_buf_sync_file_import(struct dma_buf *dmabuf,
			      struct dma_buf_import_sync_file __user *user);
#else
static inline long dma_buf_sync_file_export(struct dma_buf *dmabuf,
					    struct dma_buf_export_sync_file __user *user)
{
	return -ENOTTY;
}

static inline long dma_buf_sync_file_import(struct dma_buf *dmabuf,
					    struct dma_buf_import_sync_file __user *user)
{
	return -ENOTTY;
}
#endif

/* dma-buf-debugfs.c */

#if IS_ENABLED(CONFIG_DEBUG_FS)
void dma_buf_debugfs_init(void);
void dma_buf_debugfs_add(struct dma_buf *dmabuf);
void dma_buf_debugfs_remove(struct dma_buf *dmabuf);
#else
static inline void dma_buf_debugfs_init(void) {}
static inline void dma_buf_debugfs_add(struct dma_buf *dmabuf) {}
static inline void dma_buf_debugfs_remove(struct dma_buf *dmabuf) {}
#endif

#endif /* _DMA_BUF_INTERNAL_H */
