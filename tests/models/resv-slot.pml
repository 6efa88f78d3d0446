/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reader without the lock takes the fences of a reservation's slots, see dma_resv_slots_read_rcu(),
 * while the lock holder and the allocator do what resv.inc has. It looks at each slot again once it
 * has the reference, but at the storage only once, after all slots. In the first storage, that
 * inside the object, it takes the first empty slot for the end.
 *
 * To be true: the reader returns fences that were in the reservation while it looked; and each
 * fence that was there when it began is returned, or has signaled, or has left meanwhile.
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
 * MUTANT HOLES			a slot inside the object is emptied, and others are not
 */
#include "resv.inc"

proctype reader()
{
	byte word[SLOTS];	/* that were got */
	byte again, storage, at, i;
	bool got, still;

	reader_begin();

restart:
	storage = current;
	do
	:: at == SLOTS -> break
	:: else ->
		word[at] = SLOT(storage, at);
		if
		:: word[at] == 0 && storage == 0 -> at = SLOTS; goto end
		:: word[at] == 0 && storage != 0 -> goto next
		:: else
		fi;
		if
		:: signaled[word[at] - 1] -> word[at] = 0; goto next
		:: else
		fi;

#ifdef NO_RMB
		again = SLOT(storage, at);
#endif
		d_step {
#ifdef PLAIN_GET
			got = true;
#else
			got = refs[word[at] - 1] > 0;
#endif
			refs[word[at] - 1] = refs[word[at] - 1] + got
		}
		if
		:: !got -> goto stale
		:: else
		fi;
#ifndef NO_RMB
		again = SLOT(storage, at);
#endif
#ifdef NO_SLOT_CHECK
		again = word[at];
#endif
		if
		:: again == word[at]
		:: again == word[at] && signaled[word[at] - 1] ->
			/* The driver knew though the flag was not set. */
			give_back(word[at])
		:: again != word[at] -> give_back(word[at]); goto stale
		fi;
		again = 0;
		got = false;
		goto next;
stale:
		word[at] = 0;
		again = 0;
		goto replaced;
next:
		at++;
#ifdef FIRST_ONLY
		if
		:: at == SLOTS - 1 && current != storage -> goto replaced
		:: else
		fi;
#endif
end:
		skip
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
#ifdef KEEP_BATCH
	at = (at == SLOTS -> SLOTS - 1 : at);
	give_back(word[at]);
#else
	give_back(word[0]);
	give_back(word[1]);
	at = 0;
#endif
	goto restart;

found:
	at = 0;
	d_step {
		i = 0;
		do
		:: i == SLOTS -> break
		:: else ->
			assert(word[i] == 0 || met[life[word[i] - 1]]);
			assert(MAY_MISS(first[i]) || word[i] != 0 && life[word[i] - 1] == first[i]);
			i++
		od
	}
	give_back(word[0]);
	give_back(word[1])
}
