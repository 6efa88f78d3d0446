/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Give a test's thread the abilities of a process: be interrupted, have memory
 * of its own, and have another thread beside it.
 */
#ifndef _DMA_BUF_TESTS_MOCK_TASK_H
#define _DMA_BUF_TESTS_MOCK_TASK_H

#include <linux/completion.h>
#include <linux/types.h>

struct file;
struct kunit;

/**
 * struct mock_thread - a second thread for a test
 * @fn: its work; a loop without end of its own watches @stop
 * @data: for @fn
 * @stop: set by mock_thread_join()
 *
 * May live on the test's stack: nothing touches it after mock_thread_wait() or
 * mock_thread_join().
 */
struct mock_thread {
	void (*fn)(struct mock_thread *thread);
	void *data;
	bool stop;

	/* private: */
	struct completion done;
};

int mock_thread_start(struct mock_thread *thread, void (*fn)(struct mock_thread *thread),
		      void *data);
void mock_thread_wait(struct mock_thread *thread);
void mock_thread_join(struct mock_thread *thread);

unsigned long mock_user_mmap(struct kunit *test, struct file *file, size_t len,
			     unsigned long prot, unsigned long flags, size_t offset);
unsigned long mock_user_page(struct kunit *test);

void mock_fput_flush(void);

void mock_interrupt_raise(void);
void mock_interrupt_clear(void);

#endif /* _DMA_BUF_TESTS_MOCK_TASK_H */
