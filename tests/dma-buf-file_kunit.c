// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-buf-file.c: the file operations, called the way the kernel calls
 * them for a process, with user memory of the test's own thread.
 */
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include <uapi/linux/dma-buf.h>

#include "mock-buf.h"
#include "mock-fence.h"
#include "mock-task.h"

static void dma_buf_llseek_tells_size(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct file *file = mb->dmabuf->file;

	KUNIT_EXPECT_EQ(test, (loff_t)MOCK_SIZE, vfs_llseek(file, 0, SEEK_END));
	KUNIT_EXPECT_EQ(test, (loff_t)0, vfs_llseek(file, 0, SEEK_SET));
	KUNIT_EXPECT_EQ(test, (loff_t)MOCK_SIZE, vfs_llseek(file, 0, SEEK_END));
}

static void dma_buf_llseek_elsewhere_einval(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct file *file = mb->dmabuf->file;

	KUNIT_EXPECT_EQ(test, (loff_t)-EINVAL, vfs_llseek(file, 1, SEEK_SET));
	KUNIT_EXPECT_EQ(test, (loff_t)-EINVAL, vfs_llseek(file, -1, SEEK_END));
	KUNIT_EXPECT_EQ(test, (loff_t)-EINVAL, vfs_llseek(file, 1, SEEK_END));
	KUNIT_EXPECT_EQ(test, (loff_t)-EINVAL, vfs_llseek(file, 0, SEEK_CUR));
	KUNIT_EXPECT_EQ(test, (loff_t)-EINVAL, vfs_llseek(file, 0, SEEK_DATA));
	KUNIT_EXPECT_EQ(test, (loff_t)-EINVAL, vfs_llseek(file, 0, SEEK_HOLE));
}

static void dma_buf_file_neither_read_nor_written(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	char byte = 0;
	loff_t pos = 0;

	KUNIT_EXPECT_EQ(test, -EINVAL, kernel_read(mb->dmabuf->file, &byte, 1, &pos));
	KUNIT_EXPECT_EQ(test, -EINVAL, kernel_write(mb->dmabuf->file, &byte, 1, &pos));
}

static const char *fdinfo(struct kunit *test, struct mock_buf *mb)
{
	struct file *file = mb->dmabuf->file;
	struct seq_file m = { .size = 512 };

	m.buf = kunit_kzalloc(test, m.size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	file->f_op->show_fdinfo(&m, file);
	return m.buf;
}

/*
 * Accounting tools parse this text; whoever reads it holds a reference that is
 * not counted.
 */
static void dma_buf_fdinfo_format(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_alloc(test, MOCK_STATIC);

	mb->info.size = 12345;
	KUNIT_ASSERT_EQ(test, 0, mock_buf_export(mb));
	KUNIT_EXPECT_STREQ(test, "size:\t12345\ncount:\t0\nexp_name:\tmock\n", fdinfo(test, mb));
	get_dma_buf(mb->dmabuf);
	KUNIT_EXPECT_STREQ(test, "size:\t12345\ncount:\t1\nexp_name:\tmock\n", fdinfo(test, mb));
	dma_buf_put(mb->dmabuf);
}

/*
 * The exporter's name is shown as it stands in the exporter's memory, not as it
 * once was.
 */
static void dma_buf_fdinfo_exp_name_borrowed(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_alloc(test, MOCK_STATIC);
	char name[] = "before";

	mb->info.exp_name = name;
	KUNIT_ASSERT_EQ(test, 0, mock_buf_export(mb));
	strscpy(name, "after");
	KUNIT_EXPECT_NOT_NULL(test, strstr(fdinfo(test, mb), "exp_name:\tafter\n"));
	mock_buf_put(mb);
}

static const char *path_name(struct kunit *test, struct mock_buf *mb)
{
	char *buf = kunit_kzalloc(test, 128, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return d_path(&mb->dmabuf->file->f_path, buf, 128);
}

static long set_name(struct mock_buf *mb, unsigned int cmd, unsigned long page, const char *name)
{
	if (copy_to_user((void __user *)page, name, strlen(name) + 1))
		return -EFAULT;
	return mock_buf_ioctl(mb, cmd, page);
}

static void dma_buf_name_unset_path(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);

	KUNIT_EXPECT_STREQ(test, "/dmabuf:", path_name(test, mb));
}

static void dma_buf_set_name_shown_and_replaced(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	unsigned long page = mock_user_page(test);

	KUNIT_ASSERT_EQ(test, 0, set_name(mb, DMA_BUF_SET_NAME_A, page, "first"));
	KUNIT_EXPECT_STREQ(test, "/dmabuf:first", path_name(test, mb));
	KUNIT_EXPECT_NOT_NULL(test, strstr(fdinfo(test, mb), "exp_name:\tmock\nname:\tfirst\n"));
	KUNIT_ASSERT_EQ(test, 0, set_name(mb, DMA_BUF_SET_NAME_B, page, "second"));
	KUNIT_EXPECT_STREQ(test, "/dmabuf:second", path_name(test, mb));
	KUNIT_EXPECT_NOT_NULL(test, strstr(fdinfo(test, mb), "exp_name:\tmock\nname:\tsecond\n"));
	KUNIT_ASSERT_EQ(test, 0, set_name(mb, DMA_BUF_SET_NAME, page, ""));
	KUNIT_EXPECT_STREQ(test, "/dmabuf:", path_name(test, mb));
	KUNIT_EXPECT_NOT_NULL(test, strstr(fdinfo(test, mb), "exp_name:\tmock\nname:\t\n"));
}

static void dma_buf_set_name_length_limit(struct kunit *test)
{
	static const char longest[] = "1234567890123456789012345678901";
	static const char too_long[] = "12345678901234567890123456789012";
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	unsigned long page = mock_user_page(test);

	BUILD_BUG_ON(sizeof(longest) != DMA_BUF_NAME_LEN);
	KUNIT_EXPECT_EQ(test, 0, set_name(mb, DMA_BUF_SET_NAME_A, page, longest));
	KUNIT_EXPECT_STREQ(test, "/dmabuf:1234567890123456789012345678901", path_name(test, mb));
	KUNIT_EXPECT_EQ(test, -EINVAL, set_name(mb, DMA_BUF_SET_NAME_A, page, too_long));
	KUNIT_EXPECT_EQ(test, -EINVAL, set_name(mb, DMA_BUF_SET_NAME_B, page, too_long));
	KUNIT_EXPECT_STREQ(test, "/dmabuf:1234567890123456789012345678901", path_name(test, mb));
}

/* Tools sum up memory by these lines: a name may not look like one of them. */
static void dma_buf_set_name_controls_escaped(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	unsigned long page = mock_user_page(test);

	KUNIT_ASSERT_EQ(test, 0, set_name(mb, DMA_BUF_SET_NAME, page, "a\nsize:\t0\r\033[2J\177"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(fdinfo(test, mb),
					   "\nname:\ta\\012size:\\0110\\015\\033[2J\\177\n"));
	KUNIT_ASSERT_EQ(test, 0, set_name(mb, DMA_BUF_SET_NAME, page, "\\ gr\303\274n %s \201"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(fdinfo(test, mb),
					   "\nname:\t\\ gr\303\274n %s \201\n"));
}

static void dma_buf_set_name_bad_pointer_efault(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	unsigned long page = mock_user_page(test);

	KUNIT_ASSERT_EQ(test, 0, set_name(mb, DMA_BUF_SET_NAME_A, page, "kept"));
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(page, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, -EFAULT, mock_buf_ioctl(mb, DMA_BUF_SET_NAME_A, page));
	KUNIT_EXPECT_EQ(test, -EFAULT, mock_buf_ioctl(mb, DMA_BUF_SET_NAME_B, page));
	KUNIT_EXPECT_STREQ(test, "/dmabuf:kept", path_name(test, mb));
}

static void dma_buf_set_name_while_attached(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	unsigned long page = mock_user_page(test);
	struct dma_buf_attachment *attach;

	attach = dma_buf_attach(mb->dmabuf, mock_device_create(test, "importer"));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	KUNIT_EXPECT_EQ(test, 0, set_name(mb, DMA_BUF_SET_NAME_A, page, "busy"));
	KUNIT_EXPECT_STREQ(test, "/dmabuf:busy", path_name(test, mb));
	dma_buf_detach(mb->dmabuf, attach);
}

#define STRESS_LOOPS 2000

struct name_stress {
	struct path *path;
	int reads;
	int torn;
};

static void name_read_stress(struct mock_thread *thread)
{
	struct name_stress *s = thread->data;
	char buf[64];

	while (!READ_ONCE(thread->stop)) {
		const char *name = d_path(s->path, buf, sizeof(buf));

		s->reads++;
		s->torn += IS_ERR(name) || (strcmp(name, "/dmabuf:") &&
					    strcmp(name, "/dmabuf:aaaaaaaaaaaaaaaa") &&
					    strcmp(name, "/dmabuf:bbbbbbbbbbbbbbbb"));
		cond_resched();
	}
}

/* The name may be looked up in /proc at any time. */
static void dma_buf_set_name_racing_lookup(struct kunit *test)
{
	static const char * const names[] = { "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb" };
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct name_stress s = { .path = &mb->dmabuf->file->f_path };
	unsigned long page = mock_user_page(test);
	struct mock_thread thread;
	long ret = 0;
	int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	KUNIT_ASSERT_EQ(test, 0, mock_thread_start(&thread, name_read_stress, &s));
	for (i = 0; i < STRESS_LOOPS && !ret; i++)
		ret = set_name(mb, DMA_BUF_SET_NAME_A, page, names[i & 1]);
	mock_thread_join(&thread);
	KUNIT_EXPECT_EQ(test, 0, ret);
	KUNIT_EXPECT_GT(test, s.reads, 0);
	KUNIT_EXPECT_EQ(test, 0, s.torn);
}

static void dma_buf_ioctl_unknown_enotty(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CPU);
	unsigned long page = mock_user_page(test);

	KUNIT_EXPECT_EQ(test, -ENOTTY, mock_buf_ioctl(mb, 0, page));
	KUNIT_EXPECT_EQ(test, -ENOTTY, mock_buf_ioctl(mb, _IO('b', 0), page));
	KUNIT_EXPECT_EQ(test, -ENOTTY, mock_buf_ioctl(mb, _IOW('b', 0, u32), page));
	KUNIT_EXPECT_EQ(test, -ENOTTY, mock_buf_ioctl(mb, _IOW('c', 0, struct dma_buf_sync), page));
	KUNIT_EXPECT_EQ(test, -ENOTTY,
			mock_buf_ioctl(mb, _IOW('b', 15, struct dma_buf_sync), page));
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

static void note_call(struct mock_buf *mb, struct mock_call *call)
{
	*(struct mock_call *)mb->hook_data = *call;
}

static long sync(struct mock_buf *mb, unsigned long page, u64 flags)
{
	struct dma_buf_sync arg = { .flags = flags };

	if (copy_to_user((void __user *)page, &arg, sizeof(arg)))
		return -EFAULT;
	return mock_buf_ioctl(mb, DMA_BUF_IOCTL_SYNC, page);
}

struct sync_case {
	const char *name;
	u64 flags;
	enum mock_op op;
	enum dma_data_direction dir;
};

static const struct sync_case sync_cases[] = {
	{ "start_read", DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ, MOCK_BEGIN, DMA_FROM_DEVICE },
	{ "start_write", DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE, MOCK_BEGIN, DMA_TO_DEVICE },
	{ "start_both", DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW, MOCK_BEGIN, DMA_BIDIRECTIONAL },
	{ "end_read", DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ, MOCK_END, DMA_FROM_DEVICE },
	{ "end_write", DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE, MOCK_END, DMA_TO_DEVICE },
	{ "end_both", DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW, MOCK_END, DMA_BIDIRECTIONAL },
};

KUNIT_ARRAY_PARAM_DESC(sync_case, sync_cases, name);

static void dma_buf_ioctl_sync_direction(struct kunit *test)
{
	const struct sync_case *c = test->param_value;
	struct mock_buf *mb = mock_buf_create(test, MOCK_CPU);
	unsigned long page = mock_user_page(test);
	struct mock_call call = {};

	mb->hook = note_call;
	mb->hook_data = &call;
	KUNIT_EXPECT_EQ(test, 0, sync(mb, page, c->flags));
	KUNIT_EXPECT_EQ(test, c->op, call.op);
	KUNIT_EXPECT_EQ(test, c->dir, call.dir);
	mb->fail[c->op] = -EIO;
	KUNIT_EXPECT_EQ(test, -EIO, sync(mb, page, c->flags));
	KUNIT_EXPECT_STREQ(test, c->op == MOCK_BEGIN ? "begin begin!" : "end end!",
			   mock_buf_calls(test, mb));
}

static void dma_buf_ioctl_sync_bad_flags_einval(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CPU);
	unsigned long page = mock_user_page(test);
	int bit;

	KUNIT_EXPECT_EQ(test, -EINVAL, sync(mb, page, DMA_BUF_SYNC_START));
	KUNIT_EXPECT_EQ(test, -EINVAL, sync(mb, page, DMA_BUF_SYNC_END));
	for (bit = 3; bit < 64; bit++)
		KUNIT_EXPECT_EQ(test, -EINVAL, sync(mb, page, DMA_BUF_SYNC_RW | BIT_ULL(bit)));
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

static void dma_buf_ioctl_sync_bad_pointer_efault(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CPU);
	unsigned long page = mock_user_page(test);

	KUNIT_EXPECT_EQ(test, -EFAULT, mock_buf_ioctl(mb, DMA_BUF_IOCTL_SYNC, ULONG_MAX - 7));
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(page, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, -EFAULT, mock_buf_ioctl(mb, DMA_BUF_IOCTL_SYNC, page));
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

/* The start of an access waits for the writer, and a signal ends the wait. */
static void dma_buf_ioctl_sync_start_interrupted(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_CPU);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);
	unsigned long page = mock_user_page(test);
	long start, end;

	mock_interrupt_raise();
	start = sync(mb, page, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	end = sync(mb, page, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
	mock_interrupt_clear();
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, start);
	KUNIT_EXPECT_EQ(test, 0, end);
	KUNIT_EXPECT_STREQ(test, "end", mock_buf_calls(test, mb));
	mock_fence_finish(fence);
}

static unsigned long map_shared(struct kunit *test, struct mock_buf *mb, size_t len, size_t offset)
{
	return mock_user_mmap(test, mb->dmabuf->file, len, PROT_READ | PROT_WRITE, MAP_SHARED,
			      offset);
}

/*
 * What the process writes is what the exporter finds, and the other way round.
 */
static void dma_buf_file_mmap_shows_memory(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, BIT(MOCK_MMAP));
	u32 there = 0x600df00d, back = 0;
	unsigned long addr;

	addr = map_shared(test, mb, MOCK_SIZE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_EXPECT_STREQ(test, "mmap", mock_buf_calls(test, mb));
	KUNIT_EXPECT_EQ(test, 2, file_count(mb->dmabuf->file));

	KUNIT_EXPECT_EQ(test, 0, copy_to_user((void __user *)(addr + PAGE_SIZE), &there, 4));
	KUNIT_EXPECT_EQ(test, there, *(u32 *)(mb->vaddr + PAGE_SIZE));
	*(u32 *)(mb->vaddr + 3 * PAGE_SIZE) = 0x5eaf00d;
	KUNIT_EXPECT_EQ(test, 0, copy_from_user(&back, (void __user *)(addr + 3 * PAGE_SIZE), 4));
	KUNIT_EXPECT_EQ(test, 0x5eaf00d, back);

	KUNIT_EXPECT_EQ(test, 0, vm_munmap(addr, MOCK_SIZE));
	mock_fput_flush();
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
}

static void dma_buf_file_mmap_keeps_buffer(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, BIT(MOCK_MMAP));
	unsigned long addr;

	addr = map_shared(test, mb, MOCK_SIZE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	mock_buf_put(mb);
	KUNIT_EXPECT_STREQ(test, "mmap", mock_buf_calls(test, mb));
	KUNIT_EXPECT_EQ(test, 0, vm_munmap(addr, MOCK_SIZE));
	mock_fput_flush();
	KUNIT_EXPECT_STREQ(test, "release", mock_buf_calls(test, mb));
}

static void dma_buf_file_mmap_range(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, BIT(MOCK_MMAP));
	unsigned long addr;

	addr = map_shared(test, mb, PAGE_SIZE, MOCK_SIZE - PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_EXPECT_STREQ(test, "mmap", mock_buf_calls(test, mb));

	KUNIT_EXPECT_EQ(test, -EINVAL, (long)map_shared(test, mb, MOCK_SIZE + PAGE_SIZE, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, (long)map_shared(test, mb, MOCK_SIZE, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, -EINVAL, (long)map_shared(test, mb, PAGE_SIZE, MOCK_SIZE));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			(long)map_shared(test, mb, PAGE_SIZE, LONG_MAX & PAGE_MASK));
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

static void dma_buf_file_mmap_without_op_einval(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);

	KUNIT_EXPECT_EQ(test, -EINVAL, (long)map_shared(test, mb, PAGE_SIZE, 0));
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
}

static void dma_buf_file_mmap_op_fails(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, BIT(MOCK_MMAP));

	mb->fail[MOCK_MMAP] = -EPERM;
	KUNIT_EXPECT_EQ(test, -EPERM, (long)map_shared(test, mb, PAGE_SIZE, 0));
	KUNIT_EXPECT_STREQ(test, "mmap!", mock_buf_calls(test, mb));
	mock_fput_flush();
	KUNIT_EXPECT_EQ(test, 1, file_count(mb->dmabuf->file));
}

static struct kunit_case dma_buf_file_cases[] = {
	KUNIT_CASE(dma_buf_llseek_tells_size),
	KUNIT_CASE(dma_buf_llseek_elsewhere_einval),
	KUNIT_CASE(dma_buf_file_neither_read_nor_written),
	KUNIT_CASE(dma_buf_fdinfo_format),
	KUNIT_CASE(dma_buf_fdinfo_exp_name_borrowed),
	KUNIT_CASE(dma_buf_name_unset_path),
	KUNIT_CASE(dma_buf_set_name_shown_and_replaced),
	KUNIT_CASE(dma_buf_set_name_length_limit),
	KUNIT_CASE(dma_buf_set_name_controls_escaped),
	KUNIT_CASE(dma_buf_set_name_bad_pointer_efault),
	KUNIT_CASE(dma_buf_set_name_while_attached),
	KUNIT_CASE_SLOW(dma_buf_set_name_racing_lookup),
	KUNIT_CASE(dma_buf_ioctl_unknown_enotty),
	KUNIT_CASE_PARAM(dma_buf_ioctl_sync_direction, sync_case_gen_params),
	KUNIT_CASE(dma_buf_ioctl_sync_bad_flags_einval),
	KUNIT_CASE(dma_buf_ioctl_sync_bad_pointer_efault),
	KUNIT_CASE(dma_buf_ioctl_sync_start_interrupted),
	KUNIT_CASE(dma_buf_file_mmap_shows_memory),
	KUNIT_CASE(dma_buf_file_mmap_keeps_buffer),
	KUNIT_CASE(dma_buf_file_mmap_range),
	KUNIT_CASE(dma_buf_file_mmap_without_op_einval),
	KUNIT_CASE(dma_buf_file_mmap_op_fails),
	{}
};

static struct kunit_suite dma_buf_file_suite = {
	.name = "dma_buf_file",
	.test_cases = dma_buf_file_cases,
};

kunit_test_suite(dma_buf_file_suite);
