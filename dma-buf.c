// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shared buffer: how it comes to be, how it is passed on, how it goes.
 *
 *	dma_buf_export()      one file, one inode, one reservation
 *	dma_buf_fd()          the file becomes a number that can be passed on
 *	dma_buf_get(), _put() the number becomes a buffer again, and back
 *	dma_buf_teardown()    the last reference to the file has gone
 *
 * The file counts the references, so a buffer lives exactly as long as its
 * file. Its memory is part of the inode, and stays while a process holds the
 * inode. A process does so if it opened the file with O_PATH, or while it reads
 * a name in /proc, which is made from the dentry.
 *
 * Locks: only the name lock is taken here. The exporter's release runs with
 * no lock held.
 *
 * The other operations on a buffer are in the files next to this one. Drivers
 * use dma-buf-attach.c, dma-buf-map.c and dma-buf-cpu.c. Userspace uses
 * dma-buf-file.c, dma-buf-poll.c and dma-buf-sync-file.c.
 */
#include <linux/atomic.h>
#include <linux/dcache.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>
#include <uapi/linux/dma-buf.h>

#include "dma-buf-internal.h"
#include "dma-buf-sysfs-stats.h"

/**
 * DOC: dma buf device access
 *
 * An importing driver goes through five steps to let its device reach a buffer:
 *
 * 1. Turn the file descriptor that userspace passed into a buffer with
 *    dma_buf_get(); the exporter made that descriptor with dma_buf_export() and
 *    dma_buf_fd().
 *
 * 2. Attach the device with dma_buf_attach(), or with dma_buf_dynamic_attach()
 *    when the driver can follow a buffer that moves. The exporter may refuse a
 *    device here.
 *
 * 3. Map the attachment with dma_buf_map_attachment(), which tells the DMA
 *    addresses. The memory stays where it is until the mapping ends, or until
 *    the importer has been told of a move.
 *
 * 4. Use it: wait for the fences in &dma_buf.resv that concern the access,
 *    start the job, and add the job's own fence.
 *
 * 5. Undo the steps with dma_buf_unmap_attachment(), dma_buf_detach() and
 *    dma_buf_put().
 */

/**
 * DOC: locking convention
 *
 * One lock orders everything that happens to a buffer: its reservation,
 * &dma_buf.resv.
 *
 * Held while the exporter's &dma_buf_ops.pin, &dma_buf_ops.unpin,
 * &dma_buf_ops.map_dma_buf, &dma_buf_ops.unmap_dma_buf, &dma_buf_ops.vmap and
 * &dma_buf_ops.vunmap run, and while an importer's
 * &dma_buf_attach_ops.move_notify runs. Not held, and free to be taken, in
 * &dma_buf_ops.attach, &dma_buf_ops.detach, &dma_buf_ops.mmap,
 * &dma_buf_ops.begin_cpu_access, &dma_buf_ops.end_cpu_access and
 * &dma_buf_ops.release.
 *
 * An importer must hold it to call dma_buf_pin(), dma_buf_unpin(),
 * dma_buf_map_attachment(), dma_buf_unmap_attachment(), dma_buf_vmap() and
 * dma_buf_vunmap(); an exporter to call dma_buf_move_notify(). It must not be
 * held when calling any other function of this interface, those whose names end
 * in _unlocked among them.
 */

static struct kmem_cache *dma_buf_cache;
static struct vfsmount *dma_buf_mnt;

static bool dma_buf_export_info_valid(const struct dma_buf_export_info *info)
{
	const struct dma_buf_ops *ops = info->ops;

	if (!info->priv || !ops || !ops->map_dma_buf || !ops->unmap_dma_buf || !ops->release)
		return false;
	if (!ops->pin != !ops->unpin)
		return false;
	return !(ops->cache_sgt_mapping && ops->pin);
}

static struct dma_buf *dma_buf_of_inode(struct inode *inode)
{
	return &container_of(inode, struct dma_buf_object, inode)->base;
}

/*
 * An inode of its own for each buffer: number and size are what userspace tells
 * buffers by.
 */
static struct inode *dma_buf_inode_create(size_t size)
{
	static atomic64_t last_ino;
	struct inode *inode = alloc_anon_inode(dma_buf_mnt->mnt_sb);

	if (!IS_ERR(inode)) {
		inode->i_ino = atomic64_inc_return(&last_ino);
		inode->i_size = size;
		inode_set_bytes(inode, size);
	}
	return inode;
}

static void dma_buf_base_init(struct dma_buf *dmabuf, const struct dma_buf_export_info *info)
{
	struct dma_buf_object *object = dma_buf_object(dmabuf);

	memset(dmabuf, 0, sizeof(*dmabuf));
	object->attachment_taken = 0;
	dmabuf->resv = info->resv;
	if (!dmabuf->resv) {
		dma_resv_init(&object->resv);
		dmabuf->resv = &object->resv;
		dmabuf->owns_resv = true;
	}

	dmabuf->size = info->size;
	dmabuf->ops = info->ops;
	dmabuf->priv = info->priv;
	dmabuf->exp_name = info->exp_name;
	dmabuf->owner = info->owner;
	spin_lock_init(&dmabuf->name_lock);
	INIT_LIST_HEAD(&dmabuf->attachments);
	dma_buf_poll_init(dmabuf);
}

/*
 * Undo dma_buf_base_init(). The memory goes with the inode: a name may be asked
 * for until then.
 */
static void dma_buf_base_fini(struct dma_buf *dmabuf)
{
	const char *name = dmabuf->name;

	if (dmabuf->owns_resv)
		dma_resv_fini(dmabuf->resv);
	if (!name)
		return;

	scoped_guard(spinlock, &dmabuf->name_lock)
		dmabuf->name = NULL;
	kfree(name);
}

static struct dma_buf *dma_buf_create(const struct dma_buf_export_info *info)
{
	struct inode *inode = dma_buf_inode_create(info->size);
	struct dma_buf *dmabuf;
	struct file *file;
	int ret;

	if (IS_ERR(inode))
		return ERR_CAST(inode);
	dmabuf = dma_buf_of_inode(inode);
	dma_buf_base_init(dmabuf, info);

	file = alloc_file_pseudo(inode, dma_buf_mnt, "dmabuf",
				 info->flags & (O_ACCMODE | O_NONBLOCK), &dma_buf_fops);
	if (IS_ERR(file)) {
		dma_buf_base_fini(dmabuf);
		iput(inode);
		return ERR_CAST(file);
	}

	ret = dma_buf_stats_setup(dmabuf, file);
	if (ret) {
		dma_buf_base_fini(dmabuf);
		fput(file);
		return ERR_PTR(ret);
	}

	/*
	 * From here on dropping the file tears the buffer down; see
	 * dma_buf_file_release().
	 */
	dmabuf->file = file;
	file->private_data = dmabuf;
	dma_buf_debugfs_add(dmabuf);
	return dmabuf;
}

/**
 * dma_buf_export - share memory as a buffer
 * @exp_info: what the exporter brings; read during the call only
 *
 * The exporter's module stays loaded until &dma_buf_ops.release has run.
 *
 * Context: Process context; sleeps. No lock needed.
 * Return: The buffer with one reference, which belongs to the caller and goes
 * with dma_buf_put() or with dma_buf_fd(); on failure an ERR_PTR() and nothing
 * has changed:
 *
 * * -EINVAL: @exp_info lacks a private pointer or a mandatory callback, has one
 *   of pin and unpin without the other, or has them together with
 *   cache_sgt_mapping. Warns: that is a driver's bug. With
 *   CONFIG_DMABUF_SYSFS_STATS also, and quietly, that it lacks a name.
 * * -ENOENT: the exporter's module is being unloaded.
 * * -ENOMEM: out of memory.
 * * -ENFILE: the system is out of files.
 * * The errors of kobject_init_and_add(), with CONFIG_DMABUF_SYSFS_STATS: the
 *   buffer's folder in sysfs could not be made.
 */
struct dma_buf *dma_buf_export(const struct dma_buf_export_info *exp_info)
{
	struct dma_buf *dmabuf;

	if (WARN_ONCE(!dma_buf_export_info_valid(exp_info),
		      "dma-buf exporter %s: incomplete or contradictory callbacks\n",
		      exp_info->exp_name))
		return ERR_PTR(-EINVAL);
	if (!try_module_get(exp_info->owner))
		return ERR_PTR(-ENOENT);

	dmabuf = dma_buf_create(exp_info);
	if (IS_ERR(dmabuf))
		module_put(exp_info->owner);
	return dmabuf;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_export, DMA_BUF);

/**
 * dma_buf_get - find the buffer behind a file descriptor
 * @fd: descriptor in the calling process
 *
 * Context: Process context.
 * Return: The buffer with a reference that the caller gives back by
 * dma_buf_put(), or an ERR_PTR(): -EBADF for a descriptor that is not open,
 * -EINVAL for one that is not of a buffer.
 */
struct dma_buf *dma_buf_get(int fd)
{
	struct file *file __free(fput) = fget(fd);

	if (!file)
		return ERR_PTR(-EBADF);
	if (!dma_buf_file_is_ours(file))
		return ERR_PTR(-EINVAL);
	return no_free_ptr(file)->private_data;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_get, DMA_BUF);

/**
 * dma_buf_put - drop a reference
 * @dmabuf: the buffer
 *
 * After the last one the buffer is torn down, but never before this returns: in
 * a user process before it returns to userspace, in a kernel thread or an
 * interrupt from a work item soon afterwards.
 *
 * Context: Any.
 */
void dma_buf_put(struct dma_buf *dmabuf)
{
	if (!WARN_ON_ONCE(!dmabuf || !dmabuf->file))
		fput(dmabuf->file);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_put, DMA_BUF);

/**
 * dma_buf_fd - give a buffer a file descriptor in the calling process
 * @dmabuf: the buffer; on success the caller's reference to it becomes the
 *	descriptor's
 * @flags: O_CLOEXEC or zero
 *
 * Another thread may close the descriptor before the call returns: on success
 * @dmabuf must not be touched again without a reference of its own.
 *
 * Context: Process context; sleeps.
 * Return: The descriptor; -EINVAL without a buffer, -EMFILE when the process
 * has no number left, -ENOMEM. On failure the reference stays with the caller.
 */
int dma_buf_fd(struct dma_buf *dmabuf, int flags)
{
	int fd;

	if (!dmabuf || !dmabuf->file)
		return -EINVAL;

	fd = get_unused_fd_flags(flags);
	if (fd >= 0)
		fd_install(fd, dmabuf->file);
	return fd;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_fd, DMA_BUF);

/*
 * Free a buffer whose last reference has gone. A driver that still uses it is
 * broken, and gets a warning.
 */
void dma_buf_teardown(struct dma_buf *dmabuf)
{
	struct module *owner = dmabuf->owner;

	dma_buf_vmap_fini(dmabuf);
	dma_buf_attachments_fini(dmabuf);
	dma_buf_poll_fini(dmabuf);
	dma_buf_stats_teardown(dmabuf);
	dmabuf->ops->release(dmabuf);
	dma_buf_base_fini(dmabuf);
	module_put(owner);
}

static char *dma_buf_dentry_name(struct dentry *dentry, char *buffer, int buflen)
{
	/* The caller holds a reference to the dentry, which keeps its inode. */
	struct dma_buf *dmabuf = dma_buf_of_inode(d_inode(dentry));
	char name[DMA_BUF_NAME_LEN] = "";

	scoped_guard(spinlock, &dmabuf->name_lock) {
		if (dmabuf->name)
			strscpy(name, dmabuf->name);
	}
	return dynamic_dname(buffer, buflen, "/%s:%s", dentry->d_name.name, name);
}

static const struct dentry_operations dma_buf_dentry_ops = {
	.d_dname = dma_buf_dentry_name,
};

static void dma_buf_cache_ctor(void *object)
{
	inode_init_once(&((struct dma_buf_object *)object)->inode);
}

static struct inode *dma_buf_inode_alloc(struct super_block *sb)
{
	struct dma_buf_object *object = alloc_inode_sb(sb, dma_buf_cache, GFP_KERNEL);

	return object ? &object->inode : NULL;
}

static void dma_buf_inode_free(struct inode *inode)
{
	kmem_cache_free(dma_buf_cache, container_of(inode, struct dma_buf_object, inode));
}

/*
 * The page cache knows no page of a buffer, unless an exporter does what none
 * is known to do.
 */
static void dma_buf_inode_evict(struct inode *inode)
{
	if (unlikely(!mapping_empty(inode->i_mapping)))
		truncate_inode_pages_final(inode->i_mapping);
	clear_inode(inode);
}

static const struct super_operations dma_buf_super_ops = {
	.alloc_inode = dma_buf_inode_alloc,
	.free_inode = dma_buf_inode_free,
	.evict_inode = dma_buf_inode_evict,
	.statfs = simple_statfs,
};

static int dma_buf_fs_init_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, DMA_BUF_MAGIC);

	if (!ctx)
		return -ENOMEM;
	ctx->ops = &dma_buf_super_ops;
	ctx->dops = &dma_buf_dentry_ops;
	return 0;
}

static struct file_system_type dma_buf_fs_type = {
	.init_fs_context = dma_buf_fs_init_context,
	.kill_sb = kill_anon_super,
	.name = "dmabuf",
};

static int __init dma_buf_init(void)
{
	int ret = dma_buf_init_sysfs_statistics();

	if (ret)
		return ret;
	/*
	 * Buffers are accounted like other inodes. They are not reclaimable,
	 * because each buffer has a user.
	 */
	dma_buf_cache = kmem_cache_create("dma_buf", sizeof(struct dma_buf_object), 0,
					  SLAB_ACCOUNT, dma_buf_cache_ctor);
	if (!dma_buf_cache)
		return -ENOMEM;
	dma_buf_debugfs_init();
	dma_buf_mnt = kern_mount(&dma_buf_fs_type);
	return PTR_ERR_OR_ZERO(dma_buf_mnt);
}
subsys_initcall(dma_buf_init);
