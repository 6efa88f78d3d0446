/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reader without the lock wants to know whether a reservation has a busy fence, or wants the only
 * one, see dma_resv_busy_find_rcu(), while the lock holder and the allocator do what resv.inc has.
 *
 * Who only asks takes no reference: it looks at the slot again once it knows that the fence is
 * busy, and at the storage, in either order, see dma_resv_test_signaled(). If that gives no answer,
 * dma_resv_busy_get_rcu() does, which looks at the storage after each slot. Who waits looks for more
 * busy fences first, then takes a reference, and then looks again, see dma_resv_wait_pick_rcu(). If
 * there are more, or that fence has gone, it walks, and that is in resv-slot.pml.
 *
 * To be true: the answer is that there is a busy fence only if one was there that had not signaled;
 * it is that there is none only if each fence that was there when the reader began has signaled, or
 * has left meanwhile; the same of all fences but the one that is taken for the only one, which was
 * in the reservation while the reader looked.
 *
 * Each of these makes it wrong:
 * MUTANT NO_SECOND_LOOK	who only asks does not look at the slot again
 * MUTANT NO_SECOND_STORAGE	who only asks does not look at the storage again
 * MUTANT NO_TEST_RMB		who only asks looks again before it reads the flag
 * MUTANT NO_OTHERS		who waits does not look for more
 * MUTANT NO_SLOT_CHECK		who waits does not look at the slot again
 * MUTANT NO_STORAGE_CHECK	who waits does not look at the storage again
 * MUTANT NO_RMB		who waits looks again before it has the reference
 * MUTANT NO_LONG_CHECK		the long way does not look at the storage
 * MUTANT PLAIN_GET		the reference is taken though the count is 0
 * MUTANT NO_STORAGE_RELEASE	new storage is shown before its slots are filled (CVE-2025-38095)
 * MUTANT HOLES			a slot inside the object becomes 0, and others do not
 */
#define SIGNALED_MAYBE
#define STEPS	2
#include "resv.inc"

#define MEMORY(word)	((word) - 1)

/* dma_resv_word_get_rcu() before the second look. */
inline get(word)
{
	d_step {
#ifdef PLAIN_GET
		got = true;
#else
		got = refs[MEMORY(word)] > 0;
#endif
		refs[MEMORY(word)] = refs[MEMORY(word)] + got
	}
}

proctype reader()
{
	byte word, again, storage, at, i;
	bool got, asks, still;

	if
	:: asks = true
	:: true
	fi;
	reader_begin();

	storage = current;
	do
	:: at == SLOTS -> goto none
	:: else ->
		word = SLOT(storage, at);
		if
		:: word == 0 && storage == 0 -> goto none
		:: word == 0 && storage != 0 || word == IDLE -> at++
		:: else ->
#ifdef NO_TEST_RMB
			again = SLOT(storage, at);
#endif
			if
			:: signaled[MEMORY(word)] -> at++
			:: else -> break
			fi
		fi
	od;

	if
	:: !asks -> goto wait
	:: asks -> goto long	/* a driver has to be asked */
	:: asks ->
		if
		:: true
		:: still = current == storage; got = true
		fi;
#ifndef NO_TEST_RMB
		again = SLOT(storage, at);
#endif
		if
		:: got
		:: !got -> still = current == storage
		fi;
#ifdef NO_SECOND_LOOK
		again = word;
#endif
#ifdef NO_SECOND_STORAGE
		still = true;
#endif
		if
		:: again == word && still -> goto yes
		:: else -> goto long
		fi
	fi;

wait:
#ifndef NO_OTHERS
	for (i : at + 1 .. SLOTS - 1) {
		again = SLOT(storage, i);
		if
		:: again == 0 && storage == 0 -> break
		:: again == 0 && storage != 0 || again == IDLE
		:: HAS_FENCE(again) ->
			if
			:: signaled[MEMORY(again)]
			:: else -> goto end
			fi
		fi
	}
#endif
#ifdef NO_RMB
	again = SLOT(storage, at);
#endif
	get(word);
	if
	:: !got -> goto end
	:: else
	fi;
#ifndef NO_RMB
	again = SLOT(storage, at);
#endif
#ifdef NO_SLOT_CHECK
	again = word;
#endif
	still = current == storage;
#ifdef NO_STORAGE_CHECK
	still = true;
#endif
	if
	:: again != word || !still -> give_back(word); goto end
	:: else
	fi;
	d_step {
		assert(met[life[MEMORY(word)]]);
		i = 0;
		do
		:: i == SLOTS -> break
		:: else -> assert(MAY_MISS(first[i]) || life[MEMORY(word)] == first[i]); i++
		od
	}
	give_back(word);
	goto end;

long:
	storage = current;
	at = 0;
	do
	:: at == SLOTS -> goto none
	:: else ->
		got = false;
		word = SLOT(storage, at);
		if
		:: !HAS_FENCE(word) -> goto next
		:: else
		fi;
		if
		:: signaled[MEMORY(word)] -> goto next
		:: else
		fi;
		get(word);
		if
		:: !got -> goto long
		:: else
		fi;
		again = SLOT(storage, at);
		if
		:: again != word -> give_back(word); goto long
		:: again == word
		:: again == word && signaled[MEMORY(word)] -> give_back(word); got = false
		fi;
next:
#ifndef NO_LONG_CHECK
		if
		:: current != storage && got -> give_back(word); goto long
		:: current != storage && !got -> goto long
		:: else
		fi;
#endif
		if
		:: got -> goto found
		:: else -> at++
		fi
	od;

found:
	assert(met[life[MEMORY(word)]]);
	give_back(word);

yes:
	skip;
	d_step {
		got = false;
		i = 1;
		do
		:: i > FENCES -> break
		:: else -> got = got || busy[i]; i++
		od;
		assert(got)
	}
	goto end;

none:
	skip;
	d_step {
		i = 0;
		do
		:: i == SLOTS -> break
		:: else -> assert(MAY_MISS(first[i])); i++
		od
	}

end:
	skip
}
