/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reader without the lock takes the fences of a reservation's slots, see dma_resv_slots_read_rcu(),
 * while the lock holder replaces, removes and moves them. Fences live in type-stable memory: when
 * the last reference is gone the memory is another fence at once, as a rule one that has nothing
 * to do with the reservation. The reader looks at each slot again once it has the reference, but at
 * the storage only once, after all slots. In the first storage, that inside the object, it takes
 * the first empty slot for the end.
 *
 * A statement is one access to shared memory, and spin runs them in the order given. Where a
 * barrier is left out, the model does in the wrong order what a machine might do in that order.
 *
 * To be true: the reader returns fences that were in the reservation while it looked; and each
 * fence that was there when it began is returned, or has signaled, or has left meanwhile.
 *
 * Each of these makes it wrong:
 * MUTANT NO_SLOT_CHECK	only the storage is compared once the references are held, not the slots
 * MUTANT NO_STORAGE_CHECK	only the slots are compared, though the storage may be out of use
 * MUTANT FIRST_ONLY	the storage is compared before the last slot is dealt with
 * MUTANT NO_ACQUIRE	the storage is compared before the last slot is looked at again
 * MUTANT KEEP_BATCH	what was got from replaced storage is kept, only the rest is read anew
 * MUTANT NO_RMB		the second look at a slot is done before the reference is taken
 * MUTANT NO_PUT_RELEASE	the replaced fence is dropped before the slot shows the new one
 * MUTANT NO_WORD_RELEASE	a slot shows a fence while its flags are those of the one before
 * MUTANT NO_STORAGE_RELEASE	new storage is shown before its slots are filled (CVE-2025-38095)
 * MUTANT PLAIN_GET		the reference is taken though the count is 0
 * MUTANT HOLES			a slot inside the object is emptied, and others are not
 */
/* The reservation holds a fence in each slot at the beginning. */
#define MEMORIES	3
#define STORAGES	2
#define SLOTS		2	/* of each storage */
#define FENCES		4	/* that the lock holder makes; all others are called 0 */
#ifndef STEPS
#define STEPS		3	/* of the lock holder */
#endif

byte refs[MEMORIES];
bool signaled[MEMORIES];
bool taken[MEMORIES];		/* by the allocator, for who is making a fence there */
byte life[MEMORIES];		/* which fence lives there: not for the reader to know */

byte slot[STORAGES * SLOTS];	/* 0, or memory + 1 */
byte current;			/* storage in use */

/* What is true, for the assertions. */
bool within[FENCES + 1];	/* is in the reservation */
bool met[FENCES + 1];		/* was in it at some moment since the reader began */
bool over[FENCES + 1];		/* has signaled */
bool leaving[FENCES + 1];	/* has begun to leave, with others */

inline put(m)
{
	d_step {
		assert(refs[m] > 0);
		refs[m]--;
	}
}

/* Choose memory without a fence in it and make one there, for the caller to hold. */
inline make(m, name)
{
	atomic {
		if
		:: refs[0] == 0 && !taken[0] -> m = 0
		:: refs[1] == 0 && !taken[1] -> m = 1
		:: refs[2] == 0 && !taken[2] -> m = 2
		fi;
		taken[m] = true
	}
#ifndef NO_WORD_RELEASE
	signaled[m] = false;
#endif
	d_step {
		taken[m] = false;
		life[m] = name;
		refs[m] = 1
	}
}

#define SLOT(storage, at)	slot[(storage) * SLOTS + (at)]

inline publish(at, m)
{
	d_step {
		if
		:: SLOT(current, at) != 0 -> within[life[SLOT(current, at) - 1]] = false
		:: else
		fi;
		SLOT(current, at) = m + 1;
		within[life[m]] = true;
		met[life[m]] = true
	}
#ifdef NO_WORD_RELEASE
	signaled[m] = over[life[m]];
#endif
}

/* Inside the object slots are filled from the first one on, and not emptied one by one. */
#define INSIDE_FULL	(current != 0 || SLOT(0, 0) != 0)
#ifdef HOLES
#define MAY_EMPTY_ONE	true
#else
#define MAY_EMPTY_ONE	(current != 0)
#endif

proctype holder()
{
	byte m, old, at, steps, fences = SLOTS;

	do
	:: steps == STEPS -> break
	:: steps < STEPS ->
		if
		:: at = 0
		:: INSIDE_FULL -> at = 1
		fi;
		steps++;
		if
		:: fences < FENCES ->
			/* dma_resv_add_fence(), maybe in the place of an earlier one */
			old = SLOT(current, at);
			fences++;
			make(m, fences);
#ifdef NO_PUT_RELEASE
			if
			:: old != 0 -> put(old - 1)
			:: else
			fi;
			publish(at, m);
#else
			publish(at, m);
			if
			:: old != 0 -> put(old - 1)
			:: else
			fi
#endif
		:: SLOT(current, at) != 0 ->
			d_step {
				signaled[SLOT(current, at) - 1] = true;
				over[life[SLOT(current, at) - 1]] = true
			}
		:: MAY_EMPTY_ONE && SLOT(current, at) != 0 ->
			/* thrown out, signaled or not: dma_resv_table_expire() does that */
			old = SLOT(current, at);
			d_step {
				SLOT(current, at) = 0;
				within[life[old - 1]] = false
			}
			put(old - 1)
		:: at == 0 && SLOT(current, 0) != 0 ->
			/* dma_resv_slots_clear(); all may be missed when the first has left */
			old = SLOT(current, 0);
			d_step {
				SLOT(current, 0) = 0;
				within[life[old - 1]] = false;
				if
				:: SLOT(current, 1) != 0 ->
					leaving[life[SLOT(current, 1) - 1]] = true
				:: else
				fi
			}
			put(old - 1);
			old = SLOT(current, 1);
			if
			:: old != 0 ->
				d_step {
					SLOT(current, 1) = 0;
					within[life[old - 1]] = false
				}
				put(old - 1)
			:: else
			fi
		:: current + 1 < STORAGES && at == 0 ->
			/* dma_resv_slots_grow(); what is left behind is not changed any more */
#ifdef NO_STORAGE_RELEASE
			current++;
			d_step {
				SLOT(current, 0) = SLOT(current - 1, 0);
				SLOT(current, 1) = SLOT(current - 1, 1)
			}
#else
			d_step {
				SLOT(current + 1, 0) = SLOT(current, 0);
				SLOT(current + 1, 1) = SLOT(current, 1)
			}
			current++
#endif
		:: true		/* may be fewer */
		fi;
		m = 0;
		old = 0;
		at = 0
	od
}

/* Somebody who makes fences that never come near the reservation. */
proctype stranger()
{
	byte m;

	do
	:: break
	:: make(m, 0);
	   put(m);
	   m = 0
	od
}

/* The reference to what word leads to is not wanted. */
inline give_back(word)
{
	if
	:: word != 0 -> put(word - 1)
	:: else
	fi;
	word = 0
}

proctype reader()
{
	byte word[SLOTS];	/* that were got */
	byte first[SLOTS];	/* lives of the fences that were there at the beginning, or 0 */
	byte again, storage, at, i;
	bool got, still;

	d_step {
		i = 0;
		do
		:: i > FENCES -> break
		:: else ->
			met[i] = within[i];
			i++
		od;
		i = 0;
		do
		:: i == SLOTS -> break
		:: SLOT(current, i) == 0 -> i++
		:: else -> first[i] = life[SLOT(current, i) - 1]; i++
		od;
		i = 0
	}

restart:
	storage = current;
	still = true;
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
#ifdef NO_ACQUIRE
		if
		:: at == SLOTS - 1 -> still = current == storage
		:: else
		fi;
#endif
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
#elif !defined(NO_ACQUIRE)
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
			assert(first[i] == 0 || !within[first[i]] || over[first[i]] || leaving[first[i]] ||
			       word[i] != 0 && life[word[i] - 1] == first[i]);
			i++
		od
	}
	give_back(word[0]);
	give_back(word[1])
}

init
{
	byte i;

	atomic {
		for (i : 0 .. SLOTS - 1) {
			refs[i] = 1;
			life[i] = i + 1;
			slot[i] = i + 1;
			within[i + 1] = true
		}
		i = 0;
		run holder();
		run stranger();
		run reader()
	}
}
