// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run random programs of calls of the subsystem inside the kernel.
 *
 * Writing "SEED" or "SEED CALL CALL..." to dmabuf_differ in debugfs runs a
 * program; reading from the same open file returns its trace. The source uses
 * public functions only, so that it compiles for a stock kernel, too.
 */
#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "differ-kernel.h"

/* A number of ticks in which all callbacks run that a call has caused. */
#define DIFFER_SETTLE 10

struct differ_run {
	struct differ differ;
	u64 seed;
	unsigned int calls[DIFFER_CALLS_MAX];
	unsigned int count;
	struct completion ended;
	char trace[DIFFER_TRACE_SIZE];
	struct differ_name names[DIFFER_NAMES_MAX];
};

static struct dentry *differ_file;

static u64 differ_mix(u64 x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

u32 differ_pick(struct differ *differ, u32 below)
{
	differ->random = differ_mix(differ->random);
	return (u32)(differ->random >> 16) % below;
}

void differ_say(struct differ *differ, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	differ->length += vscnprintf(differ->trace + differ->length,
				     DIFFER_TRACE_SIZE - differ->length, format, args);
	va_end(args);
}

/* Choose a slot, a used one if there is one. */
unsigned int differ_pick_slot(struct differ *differ)
{
	unsigned int slot = differ_pick(differ, DIFFER_SLOTS), i;

	for (i = 0; i < DIFFER_SLOTS; i++)
		if (differ->slot[(slot + i) % DIFFER_SLOTS])
			return (slot + i) % DIFFER_SLOTS;
	return slot;
}

/* Choose a slot whose fence may be part of a container or of a reservation. */
unsigned int differ_pick_plain(struct differ *differ)
{
	unsigned int slot = differ_pick(differ, DIFFER_SLOTS), i;

	for (i = 0; i < DIFFER_SLOTS; i++) {
		struct dma_fence *fence = differ->slot[(slot + i) % DIFFER_SLOTS];

		if (fence && to_differ_fence(fence))
			return (slot + i) % DIFFER_SLOTS;
	}
	return slot;
}

static struct differ_name *differ_name_find(struct differ *differ, struct dma_fence *fence)
{
	unsigned int i;

	for (i = 0; i < differ->name_count; i++)
		if (differ->names[i].fence == fence)
			return &differ->names[i];
	return NULL;
}

static void differ_name_add(struct differ *differ, struct dma_fence *fence)
{
	struct differ_name *name = &differ->names[differ->name_count];
	unsigned int number = 0;

	if (!fence || differ->name_count == DIFFER_NAMES_MAX || differ_name_find(differ, fence))
		return;
	if (differ->name_count && name[-1].call == differ->call)
		number = name[-1].number + 1;
	name->fence = dma_fence_get(fence);
	name->call = differ->call;
	name->number = number;
	differ->name_count++;
}

/* Put @fence, whose reference moves, into a slot. */
void differ_put_slot(struct differ *differ, unsigned int slot, struct dma_fence *fence)
{
	differ_name_add(differ, fence);
	dma_fence_put(differ->slot[slot]);
	differ->slot[slot] = fence;
}

static unsigned int differ_fence_key(struct differ *differ, struct dma_fence *fence)
{
	struct differ_name *name = differ_name_find(differ, fence);

	return name ? name->call * 256 + name->number : UINT_MAX;
}

static void differ_say_key(struct differ *differ, unsigned int key)
{
	if (key == UINT_MAX)
		differ_say(differ, "other");
	else if (key % 256)
		differ_say(differ, "k%u.%u", key / 256, key % 256);
	else
		differ_say(differ, "k%u", key / 256);
}

void differ_say_fence(struct differ *differ, struct dma_fence *fence)
{
	if (!fence)
		differ_say(differ, "none");
	else
		differ_say_key(differ, differ_fence_key(differ, fence));
}

void differ_say_elapsed(struct differ *differ, unsigned long start)
{
	unsigned long elapsed = jiffies - start;

	if (elapsed < DIFFER_HELP - 1)
		differ_say(differ, " at once");
	else if (elapsed < DIFFER_WAIT - 1)
		differ_say(differ, " with the helper");
	else
		differ_say(differ, " late");
}

/*
 * Return an empty list. There is one for all, because programs run one after
 * the other and a list is too large for the stack.
 */
struct differ_list *differ_list_begin(void)
{
	static struct differ_list list;

	list.count = 0;
	return &list;
}

void differ_list_add(struct differ *differ, struct differ_list *list, struct dma_fence *fence,
		     unsigned int value)
{
	if (list->count == DIFFER_LIST_MAX)
		return;
	list->entry[list->count].key = differ_fence_key(differ, fence);
	list->entry[list->count].value = value;
	list->entry[list->count].context = fence->context;
	list->entry[list->count].seqno = fence->seqno;
	list->count++;
}

static int differ_list_compare(const void *a, const void *b)
{
	const unsigned int *left = a, *right = b;

	if (left[0] != right[0])
		return left[0] < right[0] ? -1 : 1;
	return left[1] < right[1] ? -1 : left[1] > right[1];
}

/*
 * Return true if another entry says the same or more: a later fence of the same
 * context, or the same fence with a stronger usage. Adding may reuse the slot
 * of any signaled fence, so that the weaker entry can stay.
 */
static bool differ_list_superseded(const struct differ_list *list, unsigned int which)
{
	unsigned int i;
	s32 later;

	for (i = 0; i < list->count; i++) {
		later = list->entry[i].seqno - list->entry[which].seqno;
		if (list->entry[i].context != list->entry[which].context ||
		    list->entry[i].value > list->entry[which].value)
			continue;
		if (later > 0 || (i < which && list->entry[i].key == list->entry[which].key))
			return true;
	}
	return false;
}

void differ_list_say(struct differ *differ, struct differ_list *list)
{
	unsigned int i;

	sort(list->entry, list->count, sizeof(list->entry[0]), differ_list_compare, NULL);
	for (i = 0; i < list->count; i++) {
		if (differ_list_superseded(list, i))
			continue;
		differ_say(differ, " ");
		differ_say_key(differ, list->entry[i].key);
		differ_say(differ, ":%u", list->entry[i].value);
	}
}

static void differ_help(struct work_struct *work)
{
	struct differ *differ = container_of(work, struct differ, help.work);

	WRITE_ONCE(to_differ_fence(differ->helped)->done, true);
	dma_fence_signal(differ->helped);
}

/* With luck, let a fence signal during the call. Return the present time. */
unsigned long differ_help_begin(struct differ *differ)
{
	unsigned int slot = differ_pick_plain(differ);

	if (differ_pick(differ, 2) && to_differ_fence(differ->slot[slot])) {
		differ->helped = differ->slot[slot];
		differ_say(differ, " (");
		differ_say_fence(differ, differ->helped);
		differ_say(differ, " signals meanwhile)");
		schedule_delayed_work(&differ->help, DIFFER_HELP);
	}
	return jiffies;
}

void differ_help_end(struct differ *differ)
{
	if (differ->helped)
		flush_delayed_work(&differ->help);
	differ->helped = NULL;
}

/* Name the callbacks that have run since the last time. */
static void differ_say_callbacks(struct differ *differ)
{
	struct differ_callback *callback;
	unsigned int i;

	schedule_timeout_uninterruptible(DIFFER_SETTLE);
	for (i = 0; i < DIFFER_CALLBACKS; i++) {
		callback = &differ->callback[i];
		if (!READ_ONCE(callback->has_run))
			continue;
		differ_say(differ, " | callback %u of ", i);
		differ_say_fence(differ, callback->fence);
		differ_say(differ, " ran");
		callback->has_run = false;
		dma_fence_put(callback->fence);
		callback->fence = NULL;
	}
}

static const struct differ_op *const differ_tables[] = {
	differ_fence_ops, differ_container_ops, differ_resv_ops
};

static const struct differ_op *differ_op_pick(struct differ *differ)
{
	const struct differ_op *op;
	unsigned int i, sum = 0;
	u32 chosen;

	for (i = 0; i < ARRAY_SIZE(differ_tables); i++)
		for (op = differ_tables[i]; op->name; op++)
			sum += op->weight;
	chosen = differ_pick(differ, sum);
	for (i = 0; i < ARRAY_SIZE(differ_tables); i++)
		for (op = differ_tables[i]; op->name; op++) {
			if (chosen < op->weight)
				return op;
			chosen -= op->weight;
		}
	return NULL;
}

static void differ_run_init(struct differ_run *run)
{
	struct differ *differ = &run->differ;
	unsigned int i;

	differ->trace = run->trace;
	differ->names = run->names;
	differ->context = dma_fence_context_alloc(DIFFER_CONTEXTS_ALL);
	INIT_DELAYED_WORK(&differ->help, differ_help);
	for (i = 0; i < DIFFER_RESVS; i++)
		dma_resv_init(&differ->resv[i]);
}

static void differ_run_fini(struct differ_run *run)
{
	struct differ *differ = &run->differ;
	unsigned int i;

	for (i = 0; i < differ->name_count; i++)
		if (to_differ_fence(differ->names[i].fence))
			dma_fence_signal(differ->names[i].fence);
	schedule_timeout_uninterruptible(DIFFER_SETTLE);
	for (i = 0; i < DIFFER_CALLBACKS; i++) {
		if (!differ->callback[i].fence)
			continue;
		dma_fence_remove_callback(differ->callback[i].fence, &differ->callback[i].base);
		dma_fence_put(differ->callback[i].fence);
	}
	for (i = 0; i < DIFFER_RESVS; i++)
		dma_resv_fini(&differ->resv[i]);
	for (i = 0; i < DIFFER_SLOTS; i++)
		dma_fence_put(differ->slot[i]);
	for (i = 0; i < differ->name_count; i++)
		dma_fence_put(differ->names[i].fence);
}

/* A thread of its own can be sent a signal without dying of it. */
static int differ_run_thread(void *data)
{
	struct differ_run *run = data;
	struct differ *differ = &run->differ;
	const struct differ_op *op;
	unsigned int i;

	allow_signal(SIGUSR1);
	differ_run_init(run);
	for (i = 0; i < run->count; i++) {
		differ->call = run->calls[i];
		differ->random = differ_mix(run->seed * DIFFER_CALLS_MAX + differ->call);
		op = differ_op_pick(differ);
		if (differ->call < 3)
			op = &differ_fence_ops[0];
		differ_say(differ, "%u %s", differ->call, op->name);
		op->run(differ);
		if (differ->late_call != differ->call)
			differ_late_signal(differ);
		differ_say_callbacks(differ);
		differ_say(differ, "\n");
	}
	differ_say(differ, "end\n");
	differ_run_fini(run);
	complete(&run->ended);
	return 0;
}

static int differ_run_parse(struct differ_run *run, char *text)
{
	char *word = strsep(&text, " ");
	int err = kstrtou64(word, 10, &run->seed);

	while (!err && (word = strsep(&text, " ")) && run->count < DIFFER_CALLS_MAX)
		err = kstrtouint(word, 10, &run->calls[run->count++]);
	return err;
}

static ssize_t differ_write(struct file *file, const char __user *user, size_t size, loff_t *pos)
{
	struct differ_run *run;
	struct task_struct *task;
	char *text;
	int err;

	if (file->private_data)
		return -EBUSY;
	text = memdup_user_nul(user, size);
	if (IS_ERR(text))
		return PTR_ERR(text);
	run = vzalloc(sizeof(*run));
	if (!run) {
		kfree(text);
		return -ENOMEM;
	}
	file->private_data = run;
	init_completion(&run->ended);
	err = differ_run_parse(run, text);
	kfree(text);
	if (err)
		return err;
	task = kthread_run(differ_run_thread, run, "differ");
	if (IS_ERR(task))
		return PTR_ERR(task);
	wait_for_completion(&run->ended);
	*pos = 0;
	return size;
}

static ssize_t differ_read(struct file *file, char __user *user, size_t size, loff_t *pos)
{
	struct differ_run *run = file->private_data;

	return run ? simple_read_from_buffer(user, size, pos, run->trace, run->differ.length) : 0;
}

static int differ_release(struct inode *inode, struct file *file)
{
	vfree(file->private_data);
	return 0;
}

static const struct file_operations differ_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.read = differ_read,
	.write = differ_write,
	.release = differ_release,
};

static int __init differ_init(void)
{
	differ_file = debugfs_create_file("dmabuf_differ", 0600, NULL, NULL, &differ_fops);
	return 0;
}
module_init(differ_init);

static void __exit differ_exit(void)
{
	debugfs_remove(differ_file);
}
module_exit(differ_exit);

MODULE_DESCRIPTION("Random programs for comparing kernels");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(DMA_BUF);
