/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mock exporter and a mock importer for the tests of shared buffers.
 *
 * The exporter's callbacks and the importer's move_notify are written into one
 * log in the order in which they run, each with the answer to "was the
 * reservation lock held?". The log reads as text:
 *
 *	"attach pin* map*! unpin* detach"
 *
 * where '*' means that the lock was held and '!' that the callback returned an
 * error.
 */
#ifndef _DMA_BUF_TESTS_MOCK_BUF_H
#define _DMA_BUF_TESTS_MOCK_BUF_H

#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/kref.h>
#include <linux/spinlock.h>

struct iosys_map;
struct vm_area_struct;

enum mock_op {
	MOCK_ATTACH,
	MOCK_DETACH,
	MOCK_PIN,
	MOCK_UNPIN,
	MOCK_MAP,
	MOCK_UNMAP,
	MOCK_RELEASE,
	MOCK_BEGIN,
	MOCK_END,
	MOCK_MMAP,
	MOCK_VMAP,
	MOCK_VUNMAP,
	MOCK_MOVE,
	MOCK_NUM_OPS
};

/*
 * Which optional callbacks an exporter has; map, unmap and release are always
 * there.
 */
#define MOCK_STATIC	0
#define MOCK_DYNAMIC	(BIT(MOCK_PIN) | BIT(MOCK_UNPIN))
#define MOCK_ATTACHING	(BIT(MOCK_ATTACH) | BIT(MOCK_DETACH))
#define MOCK_CPU	(BIT(MOCK_BEGIN) | BIT(MOCK_END))
#define MOCK_VMAPPING	(BIT(MOCK_VMAP) | BIT(MOCK_VUNMAP))
#define MOCK_CACHED	BIT(31)		/* ops.cache_sgt_mapping */

/* For mock_buf.fail[MOCK_MAP]: return NULL where an errno belongs. */
#define MOCK_MAP_NULL	1

/* Pages of a mock buffer, unless a test asks for another size. */
#define MOCK_PAGES	4
#define MOCK_SIZE	(MOCK_PAGES * PAGE_SIZE)

#define MOCK_LOG_MAX	64

/*
 * One callback: its arguments as far as it has them, and its upcoming return
 * value.
 */
struct mock_call {
	enum mock_op op;
	bool locked;
	int ret;
	enum dma_data_direction dir;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	struct vm_area_struct *vma;
	struct iosys_map *map;
};

/**
 * struct mock_buf - an exporter with one buffer
 * @dmabuf: the exported buffer, NULL before export and from its release on
 * @ops: the exporter's own table, free to edit before the export
 * @info: what mock_buf_export() hands to the core, free to edit before
 * @fail: errno that each callback returns instead of doing its work, 0 to work
 * @hook: called inside each callback after it was logged and before it does its
 *	work, may change &mock_call.ret
 * @hook_data: the test's own
 * @count: how often each callback ran; never reset
 * @vaddr: the buffer's memory, zeroed at first
 *
 * The test holds a reference until its clean-up and the buffer another until
 * ops->release, so that the log may be read after the buffer is gone.
 */
struct mock_buf {
	struct dma_buf *dmabuf;
	struct dma_buf_ops ops;
	struct dma_buf_export_info info;
	int fail[MOCK_NUM_OPS];
	void (*hook)(struct mock_buf *mb, struct mock_call *call);
	void *hook_data;
	atomic_t count[MOCK_NUM_OPS];
	void *vaddr;

	/* private: */
	struct kref ref;
	size_t vsize;
	bool held;
	struct task_struct *releaser;
	spinlock_t log_lock;		/* log_len and log */
	unsigned int log_len;
	struct mock_call log[MOCK_LOG_MAX];
};

/**
 * struct mock_importer - a dynamic importer, handed over as importer_priv
 * @attach: its attachment
 * @moves: how often move_notify came
 * @moves_unlocked: how often it came without the reservation lock
 */
struct mock_importer {
	struct dma_buf_attachment *attach;
	atomic_t moves;
	atomic_t moves_unlocked;
};

extern const struct dma_buf_attach_ops mock_attach_ops;
extern const struct dma_buf_attach_ops mock_attach_ops_p2p;

struct mock_buf *mock_buf_alloc(struct kunit *test, u32 ops);
struct mock_buf *mock_buf_create(struct kunit *test, u32 ops);
int mock_buf_export(struct mock_buf *mb);
void mock_buf_put(struct mock_buf *mb);
void mock_buf_disown(struct mock_buf *mb);
const char *mock_buf_calls(struct kunit *test, struct mock_buf *mb);

struct device *mock_device_create(struct kunit *test, const char *name);
struct mock_importer *mock_importer_attach(struct kunit *test, struct mock_buf *mb,
					   struct device *dev);

struct dma_fence *mock_buf_fence_add(struct kunit *test, struct mock_buf *mb,
				     enum dma_resv_usage usage);
void mock_fence_finish(struct dma_fence *fence);
long mock_buf_ioctl(struct mock_buf *mb, unsigned int cmd, unsigned long arg);

static inline int mock_buf_count(struct mock_buf *mb, enum mock_op op)
{
	return atomic_read(&mb->count[op]);
}

#endif /* _DMA_BUF_TESTS_MOCK_BUF_H */
