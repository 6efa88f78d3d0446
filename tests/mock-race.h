/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Run two functions against each other on two CPUs, over and over.
 */
#ifndef _DMA_BUF_TESTS_MOCK_RACE_H
#define _DMA_BUF_TESTS_MOCK_RACE_H

#include <linux/types.h>

struct kunit;

/**
 * struct mock_race - the two sides of a race and what surrounds a round of it
 * @setup: make the objects of one round
 * @here: one side, run by the caller
 * @there: the other side, run at the same time by a thread on another CPU; must
 *	not use KUnit's assertions, which would end the wrong thread
 * @check: look at the outcome of the round and drop the objects
 *
 * All get the data given to mock_race_run(). @setup and @check run in the
 * caller.
 */
struct mock_race {
	void (*setup)(void *data);
	void (*here)(void *data);
	void (*there)(void *data);
	void (*check)(void *data);
};

/**
 * mock_race_run - run rounds of a race; skips the test on a machine with one
 * CPU
 * @test: the running test
 * @race: the functions
 * @rounds: how often, at most: after three seconds it is enough in any case
 * @data: passed to each function
 */
void mock_race_run(struct kunit *test, const struct mock_race *race, unsigned int rounds,
		   void *data);

#endif /* _DMA_BUF_TESTS_MOCK_RACE_H */
