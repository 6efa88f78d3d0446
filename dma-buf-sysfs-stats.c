// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics of every buffer in sysfs: /sys/kernel/dmabuf/buffers/<inode
 * number>/.
 *
 * Off by default, and deprecated: making a folder costs more than all the rest
 * of an export, and sysfs takes locks that an export should not wait for.
 * fdinfo and debugfs tell the same.
 *
 * Locks: those of sysfs. A folder never outlives its buffer: removing it waits
 * for readers.
 */
#include <linux/dma-buf.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "dma-buf-sysfs-stats.h"

/**
 * DOC: overview
 *
 * With CONFIG_DMABUF_SYSFS_STATS each buffer has a folder below
 * /sys/kernel/dmabuf/buffers, named after the inode number of the buffer, which
 * fstat() on a file descriptor of it tells. In it stand ``exporter_name`` and
 * ``size``, in bytes.
 *
 * The interface is deprecated. Use /proc/PID/fdinfo instead.
 */

static struct kset *dma_buf_stats_kset;
static struct kset *dma_buf_stats_buffers_kset;

static struct dma_buf *dma_buf_stats_buffer(struct kobject *kobj)
{
	return container_of(kobj, struct dma_buf_sysfs_entry, kobj)->dmabuf;
}

static ssize_t exporter_name_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", dma_buf_stats_buffer(kobj)->exp_name);
}

static ssize_t size_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%zu\n", dma_buf_stats_buffer(kobj)->size);
}

static struct kobj_attribute exporter_name_attribute = __ATTR_RO(exporter_name);
static struct kobj_attribute size_attribute = __ATTR_RO(size);

static struct attribute *dma_buf_stats_attrs[] = {
	&exporter_name_attribute.attr,
	&size_attribute.attr,
	NULL,
};
ATTRIBUTE_GROUPS(dma_buf_stats);

static void dma_buf_stats_free(struct kobject *kobj)
{
	kfree(container_of(kobj, struct dma_buf_sysfs_entry, kobj));
}

static const struct kobj_type dma_buf_stats_type = {
	.sysfs_ops = &kobj_sysfs_ops,
	.release = dma_buf_stats_free,
	.default_groups = dma_buf_stats_groups,
};

/* Buffers come and go too often for a message to userspace each time. */
static int dma_buf_stats_uevent_filter(const struct kobject *kobj)
{
	return 0;
}

static const struct kset_uevent_ops dma_buf_stats_uevent_ops = {
	.filter = dma_buf_stats_uevent_filter,
};

/**
 * dma_buf_stats_setup - make the folder of a buffer
 * @dmabuf: the buffer, with a name of its exporter
 * @file: its file, whose inode number names the folder
 *
 * Return: 0, -EINVAL where the exporter gave no name, -ENOMEM.
 */
int dma_buf_stats_setup(struct dma_buf *dmabuf, struct file *file)
{
	struct dma_buf_sysfs_entry *entry;
	int ret;

	if (!dmabuf->exp_name)
		return -EINVAL;

	entry = kzalloc(sizeof(*entry), GFP_KERNEL);
	if (!entry)
		return -ENOMEM;

	entry->dmabuf = dmabuf;
	entry->kobj.kset = dma_buf_stats_buffers_kset;
	ret = kobject_init_and_add(&entry->kobj, &dma_buf_stats_type, NULL, "%lu",
				   file_inode(file)->i_ino);
	if (ret) {
		kobject_put(&entry->kobj);
		return ret;
	}
	dmabuf->sysfs_entry = entry;
	return 0;
}

/**
 * dma_buf_stats_teardown - remove the folder of a buffer
 * @dmabuf: the buffer
 */
void dma_buf_stats_teardown(struct dma_buf *dmabuf)
{
	struct dma_buf_sysfs_entry *entry = dmabuf->sysfs_entry;

	kobject_del(&entry->kobj);
	kobject_put(&entry->kobj);
}

/**
 * dma_buf_init_sysfs_statistics - make the folder of all buffers
 *
 * Return: 0 or -ENOMEM.
 */
int __init dma_buf_init_sysfs_statistics(void)
{
	dma_buf_stats_kset = kset_create_and_add("dmabuf", &dma_buf_stats_uevent_ops, kernel_kobj);
	if (!dma_buf_stats_kset)
		return -ENOMEM;

	dma_buf_stats_buffers_kset = kset_create_and_add("buffers", &dma_buf_stats_uevent_ops,
							 &dma_buf_stats_kset->kobj);
	if (!dma_buf_stats_buffers_kset) {
		kset_unregister(dma_buf_stats_kset);
		return -ENOMEM;
	}
	return 0;
}
