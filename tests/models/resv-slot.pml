/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reader without the lock takes the fences of a reservation's slots, see dma_resv_slots_read_rcu(),
 * while the lock holder and the allocator do what resv.inc has. It looks at each slot again once it
 * has the reference, but at the storage only once, after all slots. In the first storage, that
 * inside the object, it takes the first 0 for the end. The words that it got go into slots
 * that are to be published, see dma_resv_copy_fences(). A pass that is repeated drops its
 * references and leaves the words where they are.
 *
 * To be true: the reader returns fences that were in the reservation while it looked; each fence
 * that was there when it began is returned, or has signaled, or has left meanwhile; and the slots
 * behind what it returns are empty.
 *
 * Each of these makes it wrong:
 * MUTANT NO_SLOT_CHECK	only the storage is compared once the references are held, not the slots
 * MUTANT NO_STORAGE_CHECK	only the slots are compared, though the storage may be out of use
 * MUTANT FIRST_ONLY	the storage is compared before the last slot is dealt with
 * MUTANT KEEP_BATCH	what was got from replaced storage is kept, only the rest is read anew
 * MUTANT NO_RMB		the second look at a slot is done before the reference is taken
 * MUTANT NO_PUT_RELEASE	the replaced fence is dropped before the slot shows the new one
 * MUTANT NO_WORD_RELEASE	a slot shows a fence while its flags are those of the one before
 * MUTANT NO_STORAGE_RELEASE	new storage is shown before its slots are filled (CVE-2025-38095)
 * MUTANT PLAIN_GET		the reference is taken though the count is 0
 * MUTANT HOLES			a slot inside the object becomes 0, and others do not
 * MUTANT NO_CLEAR		what a repeated pass has left behind the last word stays there
 */
#include "resv.inc"

#define GOT(i, f)	((i) < num && life[words[i] - 1] == (f))

proctype reader()
{
	byte words[SLOTS], num;	/* that were got */
	byte word, again, storage, at, i;
	bool got, still;

	reader_begin();

restart:
	storage = current;
	do
	:: at == SLOTS -> break
	:: else ->
		word = SLOT(storage, at);
		if
		:: word == 0 && storage == 0 -> at = SLOTS; goto end
		:: word == 0 && storage != 0 || word == IDLE -> goto next
		:: else
		fi;
		if
		:: signaled[word - 1] -> goto next
		:: else
		fi;

#ifdef NO_RMB
		again = SLOT(storage, at);
#endif
		d_step {
#ifdef PLAIN_GET
			got = true;
#else
			got = refs[word - 1] > 0;
#endif
			refs[word - 1] = refs[word - 1] + got
		}
		if
		:: !got -> goto replaced
		:: else
		fi;
#ifndef NO_RMB
		again = SLOT(storage, at);
#endif
#ifdef NO_SLOT_CHECK
		again = word;
#endif
		if
		:: again == word -> words[num] = word; num++
		:: again == word && signaled[word - 1] ->
			/* The driver knew though the flag was not set. */
			put(word - 1)
		:: again != word -> put(word - 1); goto replaced
		fi;
next:
		at++;
#ifdef FIRST_ONLY
		if
		:: at == SLOTS - 1 && current != storage -> goto replaced
		:: else
		fi;
#endif
end:
		word = 0;
		again = 0;
		got = false
	od;

#if defined(NO_STORAGE_CHECK) || defined(FIRST_ONLY)
	still = true;
#else
	still = current == storage;
#endif
	if
	:: still -> goto found
	:: else
	fi;
replaced:
	word = 0;
	again = 0;
	got = false;
#ifndef KEEP_BATCH
	do
	:: num == 0 -> break
	:: else -> num--; put(words[num] - 1)
	od;
	at = 0;
#endif
	goto restart;

found:
	at = num;
#ifndef NO_CLEAR
	do
	:: at == SLOTS -> break
	:: else -> words[at] = 0; at++
	od;
#endif
	at = 0;
	d_step {
		i = 0;
		do
		:: i == SLOTS -> break
		:: else ->
			assert(i < num || words[i] == 0);
			assert(i >= num || met[life[words[i] - 1]]);
			assert(MAY_MISS(first[i]) || GOT(0, first[i]) || GOT(1, first[i]));
			i++
		od
	}
	do
	:: num == 0 -> break
	:: else -> num--; put(words[num] - 1)
	od
}
