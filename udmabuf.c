// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers made of memfd pages: /dev/udmabuf pins ranges of one or more memfds and exports them as
 * one buffer, without a copy.
 *
 * The memfd must be sealed against shrinking, so that its pages cannot go, and not against writing,
 * because devices write. The pages stay pinned until the buffer is released.
 *
 * There may be CPU access without any importer. So that the caches are right even then, the buffer
 * is kept mapped for the misc device from the first CPU access on.
 *
 * Locks: the reservation (held by the core in map, unmap, vmap, vunmap); the inode lock of the
 * memfd around seals and pinning; the buffer's own mutex around the mapping for CPU access.
 */
#include <linux/compat.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/hugetlb.h>
#include <linux/init.h>
#include <linux/iosys-map.h>
#include <linux/memfd.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <uapi/linux/udmabuf.h>

static unsigned int list_limit = 1024;
module_param(list_limit, uint, 0644);
MODULE_PARM_DESC(list_limit, "most ranges in one UDMABUF_CREATE_LIST, default 1024");

static unsigned int size_limit_mb = 64;
module_param(size_limit_mb, uint, 0644);
MODULE_PARM_DESC(size_limit_mb, "largest buffer in MiB, default 64");

/* For arrays as long as userspace wants them, which may be longer than an array can be. */
#define UDMABUF_GFP_ARRAY (GFP_KERNEL | __GFP_NOWARN)

/**
 * struct udmabuf - pinned pages of memfds
 * @device: for which the pages are mapped during CPU access
 * @pages: every page of the buffer, in order
 * @page_count: how many there are
 * @folios: what was pinned; a folio stands once for each range that touches it
 * @folio_count: how many pins there are
 * @lock: protects @cpu_table. Never taken under the reservation, nor the other way round
 * @cpu_table: mapping for @device since the first CPU access, or NULL. Locking: @lock
 */
struct udmabuf {
	struct device *device;
	struct page **pages;
	pgoff_t page_count;
	struct folio **folios;
	pgoff_t folio_count;
	struct mutex lock; /* protects cpu_table */
	struct sg_table *cpu_table;
};

static vm_fault_t udmabuf_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct udmabuf *ubuf = vma->vm_private_data;
	pgoff_t page = vma->vm_pgoff;
	unsigned long addr;
	vm_fault_t ret;

	if (vmf->pgoff >= ubuf->page_count)
		return VM_FAULT_SIGBUS;

	ret = vmf_insert_pfn(vma, vmf->address, page_to_pfn(ubuf->pages[vmf->pgoff]));
	if (ret & VM_FAULT_ERROR)
		return ret;

	/* The rest will be touched soon, and is there already. What fails now faults later. */
	for (addr = vma->vm_start; addr < vma->vm_end; addr += PAGE_SIZE, page++) {
		if (page >= ubuf->page_count)
			break;
		if (addr == vmf->address)
			continue;
		if (vmf_insert_pfn(vma, addr, page_to_pfn(ubuf->pages[page])) & VM_FAULT_ERROR)
			break;
	}
	return ret;
}

static const struct vm_operations_struct udmabuf_vm_ops = {
	.fault = udmabuf_fault,
};

/* A private mapping would show its writer other contents than the devices see. */
static int udmabuf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)))
		return -EINVAL;

	vma->vm_ops = &udmabuf_vm_ops;
	vma->vm_private_data = dmabuf->priv;
	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

static int udmabuf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct udmabuf *ubuf = dmabuf->priv;
	void *vaddr = vm_map_ram(ubuf->pages, ubuf->page_count, NUMA_NO_NODE);

	if (!vaddr)
		return -ENOMEM;
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static void udmabuf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct udmabuf *ubuf = dmabuf->priv;

	vm_unmap_ram(map->vaddr, ubuf->page_count);
}

static struct sg_table *udmabuf_table_create(struct udmabuf *ubuf, struct device *dev,
					     enum dma_data_direction dir, unsigned long attrs)
{
	struct sg_table *table;
	int ret;

	table = kzalloc(sizeof(*table), GFP_KERNEL);
	if (!table)
		return ERR_PTR(-ENOMEM);

	/* Pages that lie side by side become one segment, as long as the device can take it. */
	ret = sg_alloc_table_from_pages_segment(table, ubuf->pages, ubuf->page_count, 0,
						ubuf->page_count << PAGE_SHIFT,
						max_t(unsigned int, dma_get_max_seg_size(dev),
						      PAGE_SIZE), GFP_KERNEL);
	if (ret)
		goto err_free;

	ret = dma_map_sgtable(dev, table, dir, attrs);
	if (ret)
		goto err_table;
	return table;

err_table:
	sg_free_table(table);
err_free:
	kfree(table);
	return ERR_PTR(ret);
}

static void udmabuf_table_destroy(struct device *dev, struct sg_table *table,
				  enum dma_data_direction dir, unsigned long attrs)
{
	dma_unmap_sgtable(dev, table, dir, attrs);
	sg_free_table(table);
	kfree(table);
}

/* CPU access keeps the caches right, so that importers need not do it again at each mapping. */
static struct sg_table *udmabuf_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)
{
	return udmabuf_table_create(attach->dmabuf->priv, attach->dev, dir, DMA_ATTR_SKIP_CPU_SYNC);
}

static void udmabuf_unmap(struct dma_buf_attachment *attach, struct sg_table *table,
			  enum dma_data_direction dir)
{
	udmabuf_table_destroy(attach->dev, table, dir, DMA_ATTR_SKIP_CPU_SYNC);
}

/*
 * The first access maps, later ones synchronize. The mapping is for both directions whichever the
 * first access has: another may need the other one.
 */
static int udmabuf_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct udmabuf *ubuf = dmabuf->priv;
	struct sg_table *table;

	guard(mutex)(&ubuf->lock);
	if (!ubuf->cpu_table) {
		table = udmabuf_table_create(ubuf, ubuf->device, DMA_BIDIRECTIONAL, 0);
		if (IS_ERR(table))
			return PTR_ERR(table);
		ubuf->cpu_table = table;
	}
	dma_sync_sgtable_for_cpu(ubuf->device, ubuf->cpu_table, dir);
	return 0;
}

static int udmabuf_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct udmabuf *ubuf = dmabuf->priv;

	guard(mutex)(&ubuf->lock);
	if (!ubuf->cpu_table)
		return -EINVAL;
	dma_sync_sgtable_for_device(ubuf->device, ubuf->cpu_table, dir);
	return 0;
}

static void udmabuf_free(struct udmabuf *ubuf)
{
	pgoff_t i;

	if (ubuf->cpu_table)
		udmabuf_table_destroy(ubuf->device, ubuf->cpu_table, DMA_BIDIRECTIONAL, 0);
	for (i = 0; i < ubuf->folio_count; i++)
		unpin_folio(ubuf->folios[i]);
	kvfree(ubuf->folios);
	kvfree(ubuf->pages);
	mutex_destroy(&ubuf->lock);
	kfree(ubuf);
}

static void udmabuf_release(struct dma_buf *dmabuf)
{
	udmabuf_free(dmabuf->priv);
}

static const struct dma_buf_ops udmabuf_ops = {
	.cache_sgt_mapping = true,
	.map_dma_buf = udmabuf_map,
	.unmap_dma_buf = udmabuf_unmap,
	.release = udmabuf_release,
	.mmap = udmabuf_mmap,
	.vmap = udmabuf_vmap,
	.vunmap = udmabuf_vunmap,
	.begin_cpu_access = udmabuf_begin_cpu_access,
	.end_cpu_access = udmabuf_end_cpu_access,
};

/* Room for the pages of all ranges, in whole pages and within the limit. */
static struct udmabuf *udmabuf_alloc(const struct udmabuf_create_item *items, u32 count,
				     struct device *device)
{
	u64 limit = (u64)size_limit_mb << (20 - PAGE_SHIFT);
	struct udmabuf *ubuf;
	u64 pages = 0;
	u32 i;

	for (i = 0; i < count; i++) {
		if (!IS_ALIGNED(items[i].offset | items[i].size, PAGE_SIZE) || !items[i].size)
			return ERR_PTR(-EINVAL);
		/* Each term is below 2^52, and the sum was within the limit so far. */
		pages += items[i].size >> PAGE_SHIFT;
		if (pages > limit || pages > INT_MAX)
			return ERR_PTR(-EINVAL);
	}

	ubuf = kzalloc(sizeof(*ubuf), GFP_KERNEL);
	if (!ubuf)
		return ERR_PTR(-ENOMEM);

	mutex_init(&ubuf->lock);
	ubuf->device = device;
	ubuf->pages = kvmalloc_array(pages, sizeof(*ubuf->pages), UDMABUF_GFP_ARRAY);
	ubuf->folios = kvmalloc_array(pages, sizeof(*ubuf->folios), UDMABUF_GFP_ARRAY);
	if (!ubuf->pages || !ubuf->folios) {
		udmabuf_free(ubuf);
		return ERR_PTR(-ENOMEM);
	}
	return ubuf;
}

/* Seals are final, so it is enough to look once, while nobody can be adding any. */
static int udmabuf_check_seals(struct file *memfd)
{
	int seals;

	if (!shmem_file(memfd) && !is_file_hugepages(memfd))
		return -EBADFD;

	seals = memfd_fcntl(memfd, F_GET_SEALS, 0);
	if (seals < 0)
		return seals;
	if (!(seals & F_SEAL_SHRINK) || seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EINVAL;
	return 0;
}

/* Pin one range and enter its pages, which start inside the first folio and end inside the last. */
static int udmabuf_pin_range(struct udmabuf *ubuf, struct file *memfd, u64 offset, u64 size)
{
	struct folio **folios = ubuf->folios + ubuf->folio_count;
	pgoff_t wanted = size >> PAGE_SHIFT;
	pgoff_t skip;
	long pinned, i;

	pinned = memfd_pin_folios(memfd, offset, offset + size - 1, folios, wanted, &skip);
	if (pinned <= 0)
		return pinned ?: -EINVAL;
	ubuf->folio_count += pinned;

	skip >>= PAGE_SHIFT;
	for (i = 0; i < pinned && wanted; i++) {
		pgoff_t count = min(wanted, (pgoff_t)folio_nr_pages(folios[i]) - skip);

		wanted -= count;
		while (count--)
			ubuf->pages[ubuf->page_count++] = folio_page(folios[i], skip++);
		skip = 0;
	}
	return wanted ? -EINVAL : 0;
}

/* With the inode locked nobody can seal the memfd against writing between the look and the pin. */
static int udmabuf_add_range(struct udmabuf *ubuf, const struct udmabuf_create_item *item)
{
	struct file *memfd __free(fput) = fget(item->memfd);
	u64 end;
	int ret;

	if (!memfd)
		return -EBADFD;
	if (check_add_overflow(item->offset, item->size, &end) || end > LLONG_MAX)
		return -EINVAL;

	inode_lock_shared(file_inode(memfd));
	ret = udmabuf_check_seals(memfd);
	if (!ret)
		ret = udmabuf_pin_range(ubuf, memfd, item->offset, item->size);
	inode_unlock_shared(file_inode(memfd));
	return ret;
}

static struct udmabuf *udmabuf_build(const struct udmabuf_create_item *items, u32 count,
				     struct device *device)
{
	struct udmabuf *ubuf = udmabuf_alloc(items, count, device);
	int ret;
	u32 i;

	if (IS_ERR(ubuf))
		return ubuf;

	for (i = 0; i < count; i++) {
		ret = udmabuf_add_range(ubuf, &items[i]);
		if (ret) {
			udmabuf_free(ubuf);
			return ERR_PTR(ret);
		}
		cond_resched();
	}
	return ubuf;
}

static struct dma_buf *udmabuf_export(struct udmabuf *ubuf)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	exp_info.ops = &udmabuf_ops;
	exp_info.size = (size_t)ubuf->page_count << PAGE_SHIFT;
	exp_info.priv = ubuf;
	exp_info.flags = O_RDWR;
	return dma_buf_export(&exp_info);
}

/* Returns the descriptor. Once it is public nothing can fail any more. */
static long udmabuf_create(struct device *device, const struct udmabuf_create_item *items,
			   u32 count, u32 flags)
{
	struct dma_buf *dmabuf;
	struct udmabuf *ubuf;
	int fd;

	fd = get_unused_fd_flags(flags & UDMABUF_FLAGS_CLOEXEC ? O_CLOEXEC : 0);
	if (fd < 0)
		return fd;

	ubuf = udmabuf_build(items, count, device);
	if (IS_ERR(ubuf)) {
		put_unused_fd(fd);
		return PTR_ERR(ubuf);
	}

	dmabuf = udmabuf_export(ubuf);
	if (IS_ERR(dmabuf)) {
		udmabuf_free(ubuf);
		put_unused_fd(fd);
		return PTR_ERR(dmabuf);
	}

	fd_install(fd, dmabuf->file);
	return fd;
}

static long udmabuf_ioctl_create(struct device *device, const struct udmabuf_create __user *user)
{
	struct udmabuf_create_item item = {};
	struct udmabuf_create arg;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;

	item.memfd = arg.memfd;
	item.offset = arg.offset;
	item.size = arg.size;
	return udmabuf_create(device, &item, 1, arg.flags);
}

static long udmabuf_ioctl_create_list(struct device *device,
				      const struct udmabuf_create_list __user *user)
{
	struct udmabuf_create_item *items;
	struct udmabuf_create_list head;
	long ret;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (!head.count || head.count > list_limit)
		return -EINVAL;

	items = kvmalloc_array(head.count, sizeof(*items), UDMABUF_GFP_ARRAY);
	if (!items)
		return -ENOMEM;

	if (copy_from_user(items, user->list, array_size(head.count, sizeof(*items))))
		ret = -EFAULT;
	else
		ret = udmabuf_create(device, items, head.count, head.flags);
	kvfree(items);
	return ret;
}

static long udmabuf_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct miscdevice *misc = file->private_data;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case UDMABUF_CREATE:
		return udmabuf_ioctl_create(misc->this_device, user);
	case UDMABUF_CREATE_LIST:
		return udmabuf_ioctl_create_list(misc->this_device, user);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations udmabuf_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = udmabuf_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice udmabuf_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "udmabuf",
	.fops = &udmabuf_fops,
};

static int __init udmabuf_init(void)
{
	int ret = misc_register(&udmabuf_misc);

	if (ret) {
		pr_err("udmabuf: cannot register the device (%d)\n", ret);
		return ret;
	}

	/* Without a mask of its own the misc device could not be mapped for. */
	ret = dma_coerce_mask_and_coherent(udmabuf_misc.this_device, DMA_BIT_MASK(64));
	if (ret) {
		pr_err("udmabuf: no DMA mask (%d)\n", ret);
		misc_deregister(&udmabuf_misc);
	}
	return ret;
}
device_initcall(udmabuf_init);

MODULE_DESCRIPTION("Buffers made of memfd pages");
MODULE_AUTHOR("The dma-buf authors");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(DMA_BUF);
