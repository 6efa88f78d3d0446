/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reader without the lock takes the fence of a reservation's slot, see dma_resv_slot_get_rcu(),
 * while the lock holder replaces, removes and moves it. Fences live in type-stable memory: when
 * the last reference is gone the memory is another fence at once, as a rule one that has nothing
 * to do with the reservation.
 *
 * A statement is one access to shared memory, and spin runs them in the order given. Where a
 * barrier is left out, the model does in the wrong order what a machine might do in that order.
 *
 * To be true: the reader returns a fence that was in the reservation while it looked; and the fence
 * that was there when it began is returned, or has signaled, or has left meanwhile.
 *
 * Each of these makes it wrong:
 * MUTANT NO_SLOT_CHECK	only the storage is compared once the reference is held, not the slot
 * MUTANT NO_STORAGE_CHECK	only the slot is compared, though the storage may be out of use
 * MUTANT NO_RMB		the second look at the slot is done before the reference is taken
 * MUTANT NO_PUT_RELEASE	the replaced fence is dropped before the slot shows the new one
 * MUTANT NO_WORD_RELEASE	the slot shows a fence whose flags are still those of its memory's last one
 * MUTANT NO_STORAGE_RELEASE	new storage is shown before its slots are filled (CVE-2025-38095)
 * MUTANT PLAIN_GET		the reference is taken though the count is 0
 */
#define MEMORIES	3
#define STORAGES	2
#define FENCES		3	/* that the lock holder makes; all others are called 0 */
#define STEPS		4	/* of the lock holder */

byte refs[MEMORIES];
bool signaled[MEMORIES];
bool taken[MEMORIES];		/* by the allocator, for who is making a fence there */
byte life[MEMORIES];		/* which fence lives there: not for the reader to know */

byte slot[STORAGES];		/* 0, or memory + 1 */
byte current;			/* storage in use */

/* What is true, for the assertions. */
bool within[FENCES + 1];	/* is in the reservation */
bool met[FENCES + 1];		/* was in it at some moment since the reader began */
bool over[FENCES + 1];		/* has signaled */

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

inline publish(m)
{
	d_step {
		if
		:: slot[current] != 0 -> within[life[slot[current] - 1]] = false
		:: else
		fi;
		slot[current] = m + 1;
		within[life[m]] = true;
		met[life[m]] = true
	}
#ifdef NO_WORD_RELEASE
	signaled[m] = over[life[m]];
#endif
}

active proctype holder()
{
	byte m, old, steps, fences;

	do
	:: steps == STEPS -> break
	:: steps < STEPS ->
		steps++;
		if
		:: fences < FENCES ->
			/* dma_resv_add_fence() in the place of an earlier one */
			old = slot[current];
			fences++;
			make(m, fences);
#ifdef NO_PUT_RELEASE
			if
			:: old != 0 -> put(old - 1)
			:: else
			fi;
			publish(m);
#else
			publish(m);
			if
			:: old != 0 -> put(old - 1)
			:: else
			fi
#endif
		:: slot[current] != 0 ->
			d_step {
				signaled[slot[current] - 1] = true;
				over[life[slot[current] - 1]] = true
			}
		:: slot[current] != 0 ->
			/* thrown out, signaled or not: dma_resv_slots_assign() does that */
			old = slot[current];
			d_step {
				slot[current] = 0;
				within[life[old - 1]] = false
			}
			put(old - 1)
		:: current + 1 < STORAGES ->
			/* dma_resv_slots_grow(); what is left behind is not changed any more */
#ifdef NO_STORAGE_RELEASE
			current++;
			slot[current] = slot[current - 1]
#else
			slot[current + 1] = slot[current];
			current++
#endif
		fi
	od
}

/* Somebody who makes fences that never come near the reservation. */
active proctype stranger()
{
	byte m;

	do
	:: break
	:: make(m, 0);
	   put(m)
	od
}

active proctype reader()
{
	byte word, again, storage, still, i;
	byte first;	/* life of the fence that was there at the beginning, or 0 */
	bool got;

	d_step {
		i = 0;
		do
		:: i > FENCES -> break
		:: else ->
			met[i] = within[i];
			if
			:: within[i] -> first = i
			:: else
			fi;
			i++
		od;
		i = 0
	}

restart:
	storage = current;
look:
	word = slot[storage];
	if
	:: word == 0 -> goto none
	:: else
	fi;
	if
	:: signaled[word - 1] -> goto none
	:: else
	fi;

#ifdef NO_RMB
	again = slot[storage];
	still = current;
#endif
	d_step {
#ifdef PLAIN_GET
		refs[word - 1]++;
		got = true
#else
		got = refs[word - 1] > 0;
		refs[word - 1] = refs[word - 1] + got
#endif
	}
	if
	:: !got -> goto stale
	:: else
	fi;
#ifndef NO_RMB
	again = slot[storage];
	still = current;
#endif
#ifdef NO_SLOT_CHECK
	again = word;
#endif
#ifdef NO_STORAGE_CHECK
	still = storage;
#endif
	if
	:: again == word && still == storage -> goto found
	:: else -> put(word - 1)
	fi;

stale:
	still = current;
	if
	:: still != storage -> goto restart
	:: else -> goto look
	fi;

found:
	assert(met[life[word - 1]]);
	assert(first == 0 || life[word - 1] == first || !within[first] || over[first]);
	put(word - 1);
	goto out;

none:
	assert(first == 0 || !within[first] || over[first]);
out:
	skip
}
