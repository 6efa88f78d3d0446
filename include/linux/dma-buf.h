/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers shared between devices: what an exporter implements and what an
 * importer calls.
 *
 * An exporter owns the memory. It fills in &struct dma_buf_ops, calls
 * dma_buf_export() and hands the buffer out as a file descriptor. An importer
 * turns the descriptor back into a buffer, attaches its device, and maps the
 * attachment to learn the DMA addresses. The reservation of the buffer
 * (&dma_buf.resv) orders all of them.
 *
 * Which lock is held in which callback:
 *
 *	held by the core		not held
 *	----------------		--------
 *	pin, unpin			attach, detach
 *	map_dma_buf, unmap_dma_buf	mmap
 *	vmap, vunmap			begin_cpu_access, end_cpu_access
 *	move_notify (importer)		release
 *
 * "The lock" is always the reservation's. Functions whose names end in
 * _unlocked take it themselves; of those that have such a twin, the plain one
 * expects the caller to hold it.
 */
#ifndef _LINUX_DMA_BUF_H
#define _LINUX_DMA_BUF_H

#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iosys-map.h>
#include <linux/list.h>
#include <linux/scatterlist.h>
#include <linux/wait.h>

struct device;
struct dma_buf;
struct dma_buf_attachment;
struct module;
struct vm_area_struct;

/**
 * struct dma_buf_ops - what an exporter can do with its buffers
 *
 * The table is read anew at every call, so an exporter may exchange
 * &dma_buf.ops between export and the first attachment. @map_dma_buf,
 * @unmap_dma_buf and @release are mandatory; @pin and @unpin come together or
 * not at all, and their presence is what makes an exporter dynamic.
 */
struct dma_buf_ops {
	/**
	 * @cache_sgt_mapping: Keep the first table that @map_dma_buf makes for
	 * an attachment until the attachment goes, and give it out again for
	 * each later mapping. Excludes @pin and @unpin.
	 */
	bool cache_sgt_mapping;

	/**
	 * @attach: Decide whether the device may use the buffer, before
	 * anything else happens.
	 *
	 * The attachment is complete but for &dma_buf_attachment.priv, which is
	 * the exporter's to fill. The exporter may clear
	 * &dma_buf_attachment.peer2peer here. Optional.
	 *
	 * Context: Process context, reservation not held.
	 * Return: 0, or a negative errno that refuses the attachment; -EBUSY
	 * when the memory cannot be moved to where the device could reach it.
	 */
	int (*attach)(struct dma_buf *dmabuf, struct dma_buf_attachment *attach);

	/**
	 * @detach: Undo @attach. Optional.
	 *
	 * Context: Process context, reservation not held.
	 */
	void (*detach)(struct dma_buf *dmabuf, struct dma_buf_attachment *attach);

	/**
	 * @pin: Keep the memory where the attachment's device can reach it
	 * until @unpin.
	 *
	 * Context: Process context, reservation held.
	 * Return: 0 or a negative errno.
	 */
	int (*pin)(struct dma_buf_attachment *attach);

	/**
	 * @unpin: Allow the memory to move again.
	 *
	 * Context: Process context, reservation held.
	 */
	void (*unpin)(struct dma_buf_attachment *attach);

	/**
	 * @map_dma_buf: Make the memory reachable for the device and say at
	 * which DMA addresses.
	 *
	 * Only the DMA side of the table is for the importer; the pages behind
	 * it are not.
	 *
	 * Context: Process context, reservation held. May sleep.
	 * Return: A table that stays valid until @unmap_dma_buf, or an
	 * ERR_PTR(): -EINTR when a signal stopped a wait for the memory,
	 * -ENOMEM. NULL counts as -ENOMEM.
	 */
	struct sg_table *(*map_dma_buf)(struct dma_buf_attachment *attach,
					enum dma_data_direction dir);

	/**
	 * @unmap_dma_buf: Undo @map_dma_buf and free the table.
	 *
	 * Context: Process context, reservation held.
	 */
	void (*unmap_dma_buf)(struct dma_buf_attachment *attach, struct sg_table *sgt,
			      enum dma_data_direction dir);

	/**
	 * @release: Free the memory; the last reference to the buffer has gone.
	 *
	 * Called once, before the exporter's module is let go. A reservation
	 * that the exporter gave at export must live until here.
	 *
	 * Context: Process context, reservation not held. May sleep.
	 */
	void (*release)(struct dma_buf *dmabuf);

	/**
	 * @begin_cpu_access: Make what devices wrote visible to the CPU.
	 * Optional.
	 *
	 * The core has waited for the fences that conflict, so that caches may
	 * be invalidated here. It waits for those that are added meanwhile when
	 * this returns. A wait that is interrupted leads to another call
	 * without @end_cpu_access between: do not count the calls.
	 *
	 * Context: Process context, reservation not held.
	 * Return: 0 or a negative errno, -EINTR and -ERESTARTSYS among them.
	 */
	int (*begin_cpu_access)(struct dma_buf *dmabuf, enum dma_data_direction dir);

	/**
	 * @end_cpu_access: Make what the CPU wrote visible to devices.
	 * Optional.
	 *
	 * Context: Process context, reservation not held.
	 * Return: 0 or a negative errno.
	 */
	int (*end_cpu_access)(struct dma_buf *dmabuf, enum dma_data_direction dir);

	/**
	 * @mmap: Set up @vma to show the buffer. Optional; without it the
	 * buffer has no user mapping.
	 *
	 * The core has checked that the area lies inside the buffer. Mappings
	 * must stay coherent between @begin_cpu_access and @end_cpu_access.
	 *
	 * Context: Process context, mmap_lock of the process held, reservation
	 * not held.
	 * Return: 0 or a negative errno.
	 */
	int (*mmap)(struct dma_buf *dmabuf, struct vm_area_struct *vma);

	/**
	 * @vmap: Map the whole buffer into the kernel and fill in @map.
	 * Optional.
	 *
	 * Called for the first of any number of users; the core counts them.
	 *
	 * Context: Process context, reservation held.
	 * Return: 0 or a negative errno.
	 */
	int (*vmap)(struct dma_buf *dmabuf, struct iosys_map *map);

	/**
	 * @vunmap: Undo @vmap, after the last user has gone. Optional.
	 *
	 * Context: Process context, reservation held.
	 */
	void (*vunmap)(struct dma_buf *dmabuf, struct iosys_map *map);
};

/**
 * struct dma_buf_poll - what poll() waits for in one direction
 *
 * Private to dma-buf-poll.c. At most one callback is armed for each direction
 * of a buffer; while it is, it owns a reference to the fence and one to the
 * buffer's file. On an idle buffer the watch waits for the next fence instead.
 */
struct dma_buf_poll {
	/**
	 * @watch: Started while the direction is idle and sleepers have been
	 * told so.
	 */
	struct dma_resv_watch watch;
	/** @cb: Queued on the fence while @armed is set. */
	struct dma_fence_cb cb;
	/** @dmabuf: The buffer that is polled. */
	struct dma_buf *dmabuf;
	/**
	 * @armed: @cb waits for a fence. Locking: wait queue's; a hint without.
	 */
	bool armed;
	/**
	 * @awaited: Others rely on @cb than the poll() that armed it. Locking:
	 * wait queue's.
	 */
	bool awaited;
};

#ifdef CONFIG_DMABUF_SYSFS_STATS
/**
 * struct dma_buf_sysfs_entry - folder of a buffer in sysfs
 * @kobj: the folder
 * @dmabuf: the buffer it tells of
 */
struct dma_buf_sysfs_entry {
	struct kobject kobj;
	struct dma_buf *dmabuf;
};
#endif

/**
 * struct dma_buf - memory shared between devices
 *
 * One open file stands for the buffer and counts its references: fds,
 * importers, and the kernel's users all hold the file. Created by
 * dma_buf_export(), gone after the last dma_buf_put() or close().
 */
struct dma_buf {
	/** @size: Length in bytes; never changes. */
	size_t size;

	/**
	 * @file: The file that counts the references; see get_dma_buf() and
	 * dma_buf_put().
	 */
	struct file *file;

	/**
	 * @attachments: All &struct dma_buf_attachment of the buffer. Locking:
	 * @resv. An empty list may be seen without the lock, as a hint.
	 */
	struct list_head attachments;

	/**
	 * @ops: What the exporter implements; also how an exporter recognises
	 * its own buffers.
	 */
	const struct dma_buf_ops *ops;

	/** @vmapping_counter: Users of @vmap_ptr. Locking: @resv. */
	unsigned int vmapping_counter;

	/** @owns_resv: The core made @resv; it goes with the buffer. */
	bool owns_resv;

	/**
	 * @vmap_ptr: The kernel mapping while @vmapping_counter is not zero.
	 * Locking: @resv.
	 */
	struct iosys_map vmap_ptr;

	/**
	 * @exp_name: Name of the exporter. Borrowed: it must live as long as
	 * @owner.
	 */
	const char *exp_name;

	/**
	 * @name: What userspace called the buffer, or NULL. Locking:
	 * @name_lock.
	 */
	const char *name;

	/**
	 * @name_lock: Protects @name. Innermost: nothing else is taken under
	 * it.
	 */
	spinlock_t name_lock;

	/** @owner: Module of the exporter; the buffer keeps it loaded. */
	struct module *owner;

#if IS_ENABLED(CONFIG_DEBUG_FS)
	/**
	 * @list_node: Link in the list of all buffers. Locking: the list's own
	 * mutex.
	 */
	struct list_head list_node;
#endif

	/** @priv: The exporter's. */
	void *priv;

	/** @resv: Fences of the users, lock of the buffer. Never NULL. */
	struct dma_resv *resv;

	/**
	 * @poll: Where poll() sleeps; its lock protects &dma_buf_poll.armed.
	 */
	wait_queue_head_t poll;

	/** @cb_in: What EPOLLIN waits for. */
	struct dma_buf_poll cb_in;

	/** @cb_out: What EPOLLOUT waits for. */
	struct dma_buf_poll cb_out;

#ifdef CONFIG_DMABUF_SYSFS_STATS
	/** @sysfs_entry: The buffer's folder in sysfs. */
	struct dma_buf_sysfs_entry *sysfs_entry;
#endif
};

/**
 * struct dma_buf_attach_ops - what a dynamic importer can do
 *
 * Passing it to dma_buf_dynamic_attach() says that the importer copes with a
 * buffer that moves.
 */
struct dma_buf_attach_ops {
	/**
	 * @allow_peer2peer: The importer copes with addresses of another
	 * device's memory, which have no struct page.
	 */
	bool allow_peer2peer;

	/**
	 * @move_notify: The buffer is about to move: stop using the mapping.
	 *
	 * The mapping stays valid until the fences that stand in the
	 * reservation have signaled; work submitted later needs a new one. May
	 * come as soon as the attachment exists, even before
	 * dma_buf_dynamic_attach() has returned.
	 *
	 * Context: Process context, reservation held. Must not wait for a
	 * fence.
	 */
	void (*move_notify)(struct dma_buf_attachment *attach);
};

/**
 * struct dma_buf_attachment - a device that uses a buffer
 *
 * Made by dma_buf_attach() or dma_buf_dynamic_attach(), freed by
 * dma_buf_detach().
 */
struct dma_buf_attachment {
	/**
	 * @dmabuf: The buffer. The attachment holds no reference to it; its
	 * importer must.
	 */
	struct dma_buf *dmabuf;

	/** @dev: The device that reaches the memory. */
	struct device *dev;

	/** @node: Link in &dma_buf.attachments. Locking: the reservation. */
	struct list_head node;

	/**
	 * @sgt: Mapping that is kept, or NULL. Locking: the reservation to set
	 * it, which happens once; none to read it.
	 */
	struct sg_table *sgt;

	/**
	 * @dir: Direction in which @sgt is mapped; set before it. Locking: as
	 * @sgt.
	 */
	enum dma_data_direction dir;

	/**
	 * @peer2peer: Importer and, unless it cleared the flag in
	 * &dma_buf_ops.attach, exporter cope with memory that has no struct
	 * page.
	 */
	bool peer2peer;

	/**
	 * @importer_ops: The importer's callbacks; NULL for one that cannot
	 * follow a move.
	 */
	const struct dma_buf_attach_ops *importer_ops;

	/** @importer_priv: The importer's. */
	void *importer_priv;

	/** @priv: The exporter's. */
	void *priv;
};

/**
 * struct dma_buf_export_info - what dma_buf_export() needs to know
 * @exp_name: name of the exporter, borrowed for the life of @owner
 * @owner: module to keep loaded, usually THIS_MODULE
 * @ops: the exporter's callbacks
 * @size: length of the buffer in bytes, fixed from now on
 * @flags: open mode of the file: O_RDONLY, O_WRONLY or O_RDWR, and O_NONBLOCK;
 *	others are ignored
 * @resv: reservation to use, or NULL to have one made
 * @priv: the exporter's, must not be NULL
 */
struct dma_buf_export_info {
	const char *exp_name;
	struct module *owner;
	const struct dma_buf_ops *ops;
	size_t size;
	int flags;
	struct dma_resv *resv;
	void *priv;
};

/**
 * DEFINE_DMA_BUF_EXPORT_INFO - declare export information of the calling module
 * @name: name of the variable
 */
#define DEFINE_DMA_BUF_EXPORT_INFO(name)				\
	struct dma_buf_export_info name = {				\
		.owner = THIS_MODULE,					\
		.exp_name = KBUILD_MODNAME,				\
	}

/**
 * get_dma_buf - take a reference
 * @dmabuf: buffer to which the caller already has a reference
 *
 * Context: Any.
 */
static inline void get_dma_buf(struct dma_buf *dmabuf)
{
	get_file(dmabuf->file);
}

/**
 * dma_buf_is_dynamic - ask whether the exporter may move the buffer
 * @dmabuf: the buffer
 *
 * Context: Any.
 * Return: true if mappings hold only while the buffer is pinned.
 */
static inline bool dma_buf_is_dynamic(struct dma_buf *dmabuf)
{
	return dmabuf->ops->pin;
}

/**
 * dma_buf_attachment_is_dynamic - ask whether the importer follows moves
 * @attach: the attachment
 *
 * Context: Any.
 * Return: true if it was made with callbacks.
 */
static inline bool dma_buf_attachment_is_dynamic(struct dma_buf_attachment *attach)
{
	return attach->importer_ops;
}

/* dma-buf.c */
struct dma_buf *dma_buf_export(const struct dma_buf_export_info *exp_info);
int dma_buf_fd(struct dma_buf *dmabuf, int flags);
struct dma_buf *dma_buf_get(int fd);
void dma_buf_put(struct dma_buf *dmabuf);

/* dma-buf-attach.c */
struct dma_buf_attachment *dma_buf_attach(struct dma_buf *dmabuf, struct device *dev);
struct dma_buf_attachment *
dma_buf_dynamic_attach(struct dma_buf *dmabuf, struct device *dev,
		       const struct dma_buf_attach_ops *importer_ops, void *importer_priv);
void dma_buf_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach);
int dma_buf_pin(struct dma_buf_attachment *attach);
void dma_buf_unpin(struct dma_buf_attachment *attach);
void dma_buf_move_notify(struct dma_buf *dmabuf);

/* dma-buf-map.c */
struct sg_table *dma_buf_map_attachment(struct dma_buf_attachment *attach,
					enum dma_data_direction dir);
struct sg_table *dma_buf_map_attachment_unlocked(struct dma_buf_attachment *attach,
						 enum dma_data_direction dir);
void dma_buf_unmap_attachment(struct dma_buf_attachment *attach, struct sg_table *sgt,
			      enum dma_data_direction dir);
void dma_buf_unmap_attachment_unlocked(struct dma_buf_attachment *attach, struct sg_table *sgt,
				       enum dma_data_direction dir);

/* dma-buf-cpu.c */
int dma_buf_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir);
int dma_buf_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir);
int dma_buf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma, unsigned long pgoff);
int dma_buf_vmap(struct dma_buf *dmabuf, struct iosys_map *map);
int dma_buf_vmap_unlocked(struct dma_buf *dmabuf, struct iosys_map *map);
void dma_buf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map);
void dma_buf_vunmap_unlocked(struct dma_buf *dmabuf, struct iosys_map *map);

#endif /* _LINUX_DMA_BUF_H */
