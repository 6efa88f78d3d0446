/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Somebody names a fence, see dma_fence_driver_name(), while the driver signals it and then frees
 * the names.
 *
 * To be true: no name is used after it was freed.
 *
 * Each of these makes it wrong:
 * MUTANT NO_SECTION	the name is asked for and used outside of a read section of RCU
 * MUTANT EARLY_LOOK	the flag is looked at before the read section begins
 * MUTANT NO_LOOK	the flag is not looked at
 * MUTANT NO_GRACE	the driver frees its names without waiting for a grace period
 * MUTANT LATE_SIGNAL	the driver waits for the grace period first and signals then
 */
#define READERS	2
#define ASKS	2	/* how often each of them asks */

bool signaled, freed;
bool reading[READERS];

inline grace_period()
{
	byte i;

	for (i : 0 .. READERS - 1) {
		!reading[i]
	}
}

active proctype driver()
{
#ifdef LATE_SIGNAL
	grace_period();
#endif
	signaled = true;
#if !defined(NO_GRACE) && !defined(LATE_SIGNAL)
	grace_period();
#endif
	freed = true
}

active [READERS] proctype reader()
{
	byte asked;
	bool late;

	do
	:: asked == ASKS -> break
	:: else ->
		asked++;
#ifdef EARLY_LOOK
		late = signaled;
#endif
#ifndef NO_SECTION
		reading[_pid - 1] = true;
#endif
#if !defined(EARLY_LOOK) && !defined(NO_LOOK)
		late = signaled;
#endif
		if
		:: late		/* a constant name does */
		:: else ->
			assert(!freed);		/* asked for */
			assert(!freed)		/* printed */
		fi;
		reading[_pid - 1] = false
	od
}
