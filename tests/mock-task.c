// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals, user memory and helper threads for tests. Nothing here takes a lock.
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "mock-task.h"

static int mock_mark_release(struct inode *inode, struct file *file)
{
	complete(file->private_data);
	return 0;
}

static const struct file_operations mock_mark_fops = {
	.owner = THIS_MODULE,
	.release = mock_mark_release,
};

/*
 * Wait until the worker that does a kernel thread's last fput() has come to a
 * file put now.
 */
static void mock_fput_round(void)
{
	DECLARE_COMPLETION_ONSTACK(done);
	struct file *mark;

	mark = anon_inode_getfile("mark", &mock_mark_fops, &done, O_RDONLY);
	if (IS_ERR(mark)) {
		msleep(100);
		return;
	}
	fput(mark);
	wait_for_completion(&done);
}

/**
 * mock_fput_flush - wait until the files that this thread has put before are
 * gone
 *
 * flush_delayed_fput() puts the remaining files, but does not wait for the
 * files that the worker has begun. This takes two rounds, because the worker
 * puts the youngest file of a batch first. It begins no batch before it is
 * through with the last.
 */
void mock_fput_flush(void)
{
	flush_delayed_fput();
	mock_fput_round();
	mock_fput_round();
}

/**
 * mock_interrupt_raise - let the next interruptible wait of this thread end
 * early
 *
 * A call that returns -ERESTARTSYS between this and mock_interrupt_clear() has
 * waited, one that does not has found nothing to wait for: no second thread, no
 * time.
 */
void mock_interrupt_raise(void)
{
	allow_signal(SIGUSR1);
	send_sig(SIGUSR1, current, 1);
}

/**
 * mock_interrupt_clear - undo mock_interrupt_raise()
 */
void mock_interrupt_clear(void)
{
	flush_signals(current);
	disallow_signal(SIGUSR1);
}

/**
 * mock_user_mmap - call mmap() in the test's thread
 * @test: the running test, whose thread gets an address space if it has none
 * @file: what to map, or NULL
 * @len: bytes
 * @prot: PROT_...
 * @flags: MAP_...
 * @offset: where in the file, in bytes
 *
 * Return: the address or a negative errno.
 */
unsigned long mock_user_mmap(struct kunit *test, struct file *file, size_t len,
			     unsigned long prot, unsigned long flags, size_t offset)
{
	bool had_mm = current->mm;
	unsigned long addr;

	addr = kunit_vm_mmap(test, file, 0, len, prot, flags, offset);
	/*
	 * KUnit takes two references to the new address space and leaves one
	 * for ever.
	 */
	if (!had_mm && current->mm)
		mmdrop(current->mm);
	return addr ?: -ENOMEM;
}

/**
 * mock_user_page - give the test's thread a page of user memory
 * @test: the running test
 *
 * Return: address of the page, readable and writable; a failure ends the test.
 */
unsigned long mock_user_page(struct kunit *test)
{
	unsigned long addr;

	addr = mock_user_mmap(test, NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_ASSERT_EQ(test, 0, clear_user((void __user *)addr, PAGE_SIZE));
	return addr;
}

static int mock_thread_main(void *data)
{
	struct mock_thread *thread = data;

	thread->fn(thread);
	complete(&thread->done);
	return 0;
}

/**
 * mock_thread_start - run a function beside the test
 * @thread: the thread
 * @fn: function that the thread runs
 * @data: for @fn
 *
 * Return: 0, or an errno and then there is nothing to join.
 */
int mock_thread_start(struct mock_thread *thread, void (*fn)(struct mock_thread *thread),
		      void *data)
{
	thread->fn = fn;
	thread->data = data;
	thread->stop = false;
	init_completion(&thread->done);
	return PTR_ERR_OR_ZERO(kthread_run(mock_thread_main, thread, "mock_thread"));
}

/**
 * mock_thread_wait - wait until a thread has done all of its work
 * @thread: the thread
 */
void mock_thread_wait(struct mock_thread *thread)
{
	wait_for_completion(&thread->done);
}

/**
 * mock_thread_join - ask an endless thread to stop and wait until it has
 * @thread: the thread
 */
void mock_thread_join(struct mock_thread *thread)
{
	WRITE_ONCE(thread->stop, true);
	mock_thread_wait(thread);
}
