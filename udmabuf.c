// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers made of memfd pages: /dev/udmabuf pins ranges of one or more memfds and exports them as
 * one buffer, without a copy.
 *
 * The memfd must be sealed against shrinking, so that its pages cannot go, and not against writing,
 * because devices write. The pages stay pinned until the buffer is released.
 *
 * Locks: the inode lock of the memfd, around seals and pinning. page-buffer.c
 * has the buffer's.
 */
#include <linux/compat.h>
#include <linux/dma-buf.h>
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
#include <linux/scatterlist.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <uapi/linux/udmabuf.h>

#include "page-buffer.h"

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
 * @base: the devices that use the pages; &dma_buf.priv
 * @pages: every page of the buffer, in order
 * @page_count: their number
 * @folios: the pinned folios, once for each range that touches one
 * @folio_count: the number of pins
 * @accessed: CPU access has begun at least once
 */
struct udmabuf {
	struct page_buffer base;
	struct page **pages;
	pgoff_t page_count;
	struct folio **folios;
	pgoff_t folio_count;
	bool accessed;
};

static struct udmabuf *to_udmabuf(struct page_buffer *base)
{
	return container_of(base, struct udmabuf, base);
}

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

/* Refuse private mappings: their owner would not see what the devices write. */
static int udmabuf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)))
		return -EINVAL;

	vma->vm_ops = &udmabuf_vm_ops;
	vma->vm_private_data = to_udmabuf(dmabuf->priv);
	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

static int udmabuf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct udmabuf *ubuf = to_udmabuf(dmabuf->priv);
	void *vaddr = vm_map_ram(ubuf->pages, ubuf->page_count, NUMA_NO_NODE);

	if (!vaddr)
		return -ENOMEM;
	page_buffer_set_vaddr(&ubuf->base, vaddr);
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static void udmabuf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct udmabuf *ubuf = to_udmabuf(dmabuf->priv);

	page_buffer_set_vaddr(&ubuf->base, NULL);
	vm_unmap_ram(map->vaddr, ubuf->page_count);
}

/* See page_buffer_fill_t. Adjacent pages share an entry. */
static int udmabuf_fill(struct page_buffer *base, struct sg_table *table, size_t max_segment)
{
	struct udmabuf *ubuf = to_udmabuf(base);

	return sg_alloc_table_from_pages_segment(table, ubuf->pages, ubuf->page_count, 0,
						 base->len, max_segment, GFP_KERNEL_ACCOUNT);
}

static int udmabuf_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	int ret = page_buffer_begin_cpu_access(dmabuf, dir);

	if (!ret)
		WRITE_ONCE(to_udmabuf(dmabuf->priv)->accessed, true);
	return ret;
}

/* Refuse an end before any begin, which programs may rely on. */
static int udmabuf_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	if (!READ_ONCE(to_udmabuf(dmabuf->priv)->accessed))
		return -EINVAL;
	return page_buffer_end_cpu_access(dmabuf, dir);
}

static void udmabuf_free(struct udmabuf *ubuf)
{
	pgoff_t i;

	for (i = 0; i < ubuf->folio_count; i++)
		unpin_folio(ubuf->folios[i]);
	kvfree(ubuf->folios);
	kvfree(ubuf->pages);
	kfree(ubuf);
}

static void udmabuf_release(struct dma_buf *dmabuf)
{
	udmabuf_free(to_udmabuf(dmabuf->priv));
}

static const struct dma_buf_ops udmabuf_ops = {
	.cache_sgt_mapping = true,
	.attach = page_buffer_attach,
	.detach = page_buffer_detach,
	.map_dma_buf = page_buffer_map,
	.unmap_dma_buf = page_buffer_unmap,
	.release = udmabuf_release,
	.mmap = udmabuf_mmap,
	.vmap = udmabuf_vmap,
	.vunmap = udmabuf_vunmap,
	.begin_cpu_access = udmabuf_begin_cpu_access,
	.end_cpu_access = udmabuf_end_cpu_access,
};

/* Allocate a buffer without pages, with arrays for those of all ranges. */
static struct udmabuf *udmabuf_alloc(const struct udmabuf_create_item *items, u32 count)
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

	page_buffer_init(&ubuf->base, pages << PAGE_SHIFT, udmabuf_fill);
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

static struct udmabuf *udmabuf_build(const struct udmabuf_create_item *items, u32 count)
{
	struct udmabuf *ubuf = udmabuf_alloc(items, count);
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
	exp_info.size = ubuf->base.len;
	exp_info.priv = &ubuf->base;
	exp_info.flags = O_RDWR;
	return dma_buf_export(&exp_info);
}

/* Create a buffer and return its descriptor, which is published last. */
static long udmabuf_create(const struct udmabuf_create_item *items, u32 count, u32 flags)
{
	struct dma_buf *dmabuf;
	struct udmabuf *ubuf;
	int fd;

	fd = get_unused_fd_flags(flags & UDMABUF_FLAGS_CLOEXEC ? O_CLOEXEC : 0);
	if (fd < 0)
		return fd;

	ubuf = udmabuf_build(items, count);
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

static long udmabuf_ioctl_create(const struct udmabuf_create __user *user)
{
	struct udmabuf_create_item item = {};
	struct udmabuf_create arg;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;

	item.memfd = arg.memfd;
	item.offset = arg.offset;
	item.size = arg.size;
	return udmabuf_create(&item, 1, arg.flags);
}

static long udmabuf_ioctl_create_list(const struct udmabuf_create_list __user *user)
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
		ret = udmabuf_create(items, head.count, head.flags);
	kvfree(items);
	return ret;
}

static long udmabuf_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case UDMABUF_CREATE:
		return udmabuf_ioctl_create(user);
	case UDMABUF_CREATE_LIST:
		return udmabuf_ioctl_create_list(user);
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

	if (ret)
		pr_err("udmabuf: cannot register the device (%d)\n", ret);
	return ret;
}
device_initcall(udmabuf_init);

MODULE_DESCRIPTION("Buffers made of memfd pages");
MODULE_AUTHOR("The dma-buf authors");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(DMA_BUF);
