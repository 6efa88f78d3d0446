// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers made of memfd pages: /dev/udmabuf pins ranges of one or more memfds
 * and exports them as one buffer, without a copy.
 *
 * Locks: none of its own. page-buffer.c has the buffer's, and udmabuf-pages.c
 * takes those of the memfds.
 */
#include <linux/compat.h>
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/iosys-map.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <uapi/linux/udmabuf.h>

#include "page-buffer.h"
#include "udmabuf-pages.h"

static unsigned int list_limit = 1024;
module_param(list_limit, uint, 0644);
MODULE_PARM_DESC(list_limit, "most ranges in one UDMABUF_CREATE_LIST, default 1024");

static unsigned int size_limit_mb = 64;
module_param(size_limit_mb, uint, 0644);
MODULE_PARM_DESC(size_limit_mb, "largest buffer in MiB, default 64");

/**
 * struct udmabuf - a buffer made of memfd pages
 * @base: the devices that use the pages; &dma_buf.priv
 * @pages: the pages, which never change
 * @accessed: CPU access has begun at least once
 */
struct udmabuf {
	struct page_buffer base;
	struct udmabuf_pages pages;
	bool accessed;
};

static struct udmabuf *to_udmabuf(struct page_buffer *base)
{
	return container_of(base, struct udmabuf, base);
}

static vm_fault_t udmabuf_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const struct udmabuf_pages *up = vma->vm_private_data;
	pgoff_t page = vma->vm_pgoff;
	unsigned long addr;
	vm_fault_t ret;

	if (vmf->pgoff >= up->page_count)
		return VM_FAULT_SIGBUS;

	ret = vmf_insert_pfn(vma, vmf->address, page_to_pfn(up->pages[vmf->pgoff]));
	if (ret & VM_FAULT_ERROR)
		return ret;

	/*
	 * Map the rest too. A page that fails here faults when it is touched.
	 */
	for (addr = vma->vm_start; addr < vma->vm_end; addr += PAGE_SIZE, page++) {
		cond_resched();
		if (page >= up->page_count || fatal_signal_pending(current))
			break;
		if (addr == vmf->address)
			continue;
		if (vmf_insert_pfn(vma, addr, page_to_pfn(up->pages[page])) & VM_FAULT_ERROR)
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
	vma->vm_private_data = &to_udmabuf(dmabuf->priv)->pages;
	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

static int udmabuf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct udmabuf *ubuf = to_udmabuf(dmabuf->priv);
	void *vaddr = vm_map_ram(ubuf->pages.pages, ubuf->pages.page_count, NUMA_NO_NODE);

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
	vm_unmap_ram(map->vaddr, ubuf->pages.page_count);
}

/* See page_buffer_fill_t. Adjacent pages share an entry. */
static int udmabuf_fill(struct page_buffer *base, struct sg_table *table, size_t max_segment)
{
	struct udmabuf_pages *up = &to_udmabuf(base)->pages;

	return sg_alloc_table_from_pages_segment(table, up->pages, up->page_count, 0, base->len,
						 max_segment, GFP_KERNEL_ACCOUNT);
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
	udmabuf_pages_free(&ubuf->pages);
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

/* Add up the ranges. Returns the number of pages, or -EINVAL. */
static s64 udmabuf_count_pages(const struct udmabuf_create_item *items, u32 count)
{
	u64 limit = (u64)size_limit_mb << (20 - PAGE_SHIFT);
	u64 pages = 0;
	u32 i;

	for (i = 0; i < count; i++) {
		if (!IS_ALIGNED(items[i].offset | items[i].size, PAGE_SIZE) || !items[i].size)
			return -EINVAL;
		/* Each term is below 2^52, and the limit is below 2^40. */
		pages += items[i].size >> PAGE_SHIFT;
		if (pages > limit || pages > INT_MAX)
			return -EINVAL;
		cond_resched();
	}
	return pages;
}

static int udmabuf_add_items(struct udmabuf *ubuf, const struct udmabuf_create_item *items,
			     u32 count)
{
	int ret;
	u32 i;

	for (i = 0; i < count; i++) {
		ret = udmabuf_pages_add(&ubuf->pages, &items[i]);
		if (ret)
			return ret;
	}
	return 0;
}

static struct udmabuf *udmabuf_build(const struct udmabuf_create_item *items, u32 count)
{
	s64 pages = udmabuf_count_pages(items, count);
	struct udmabuf *ubuf;
	int ret;

	if (pages < 0)
		return ERR_PTR(pages);
	ubuf = kzalloc(sizeof(*ubuf), GFP_KERNEL_ACCOUNT);
	if (!ubuf)
		return ERR_PTR(-ENOMEM);

	page_buffer_init(&ubuf->base, pages << PAGE_SHIFT, udmabuf_fill);
	ret = udmabuf_pages_alloc(&ubuf->pages, pages, count > 1);
	if (!ret)
		ret = udmabuf_add_items(ubuf, items, count);
	if (ret) {
		udmabuf_free(ubuf);
		return ERR_PTR(ret);
	}
	udmabuf_pages_end(&ubuf->pages);
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
