/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two walkers go down a timeline, see dma_fence_chain_collect(), and unlink what is signaled, while
 * fences signal and the timeline is dropped, see dma_fence_chain_release().
 *
 *	link 3 ---> link 2 ---> link 1 ---> 0, the fence that the timeline began with
 *
 * That one lives in type-stable memory: once it is released, a stranger is there. Links are freed a
 * grace period of RCU after their release.
 *
 * A statement is one access to shared memory. To be true: nothing that is not signaled is passed
 * over; memory is not touched after it was freed; at the end all is released, each once.
 *
 * Each of these makes it wrong:
 * MUTANT NO_RCU		prev is read and its reference taken outside of a read section
 * MUTANT PLAIN_GET		the reference is taken though the count is 0
 * MUTANT NO_PREV_CHECK		prev is not looked at again once the reference is held
 * MUTANT PLAIN_STORE		prev is written without comparing
 * MUTANT NO_NEXT_GET		prev gets no reference of its own to what it is moved to
 * MUTANT EARLY_PUT		prev's old reference is dropped before prev is moved
 * MUTANT EARLY_DETACH		prev of an unlinked link is cleared while walkers may hold the link
 * MUTANT LAST_ONLY		a release drops its reference to prev without releasing that in turn
 */
#ifndef FENCES
#define FENCES	3	/* 4 are drawn */
#endif
#define HEAD	(FENCES - 1)
#define START	0
#define NONE	FENCES

byte refs[FENCES];
byte prev[FENCES];
bool signaled[FENCES];	/* the fence inside of a link, and what is at the start's place */
bool over[FENCES];	/* as signaled, but of the start itself */

byte released[FENCES];	/* how often */
bool freed[FENCES];
bool reading[2];	/* whether a walker is in a read section */
bool stranger;		/* lives where the start was */
byte users;		/* processes that may still hold references */

inline get(f)
{
	d_step {
		assert(refs[f] > 0);
		refs[f]++
	}
}

/* Drop a reference. What is behind a fence goes with it if that was the last one to it. */
inline put(f)
{
	it = f;
	do
	:: it == NONE -> break
	:: else ->
		d_step {
			assert(!freed[it] && refs[it] > 0);
			refs[it]--;
			last = refs[it] == 0
		}
		if
		:: last ->
			d_step {
				if
				:: it != START || !stranger -> released[it]++
				:: else
				fi;
				assert(released[it] == 1);
#ifdef LAST_ONLY
				it = NONE
#else
				it = prev[it]
#endif
			}
		:: else -> break
		fi
	od;
	it = NONE;
	last = false
}

/* dma_fence_get_rcu_safe() on what is behind link, for the caller to hold, or NONE. */
inline prev_get(link, found)
{
#ifndef NO_RCU
	reading[me] = true;
#endif
	do
	:: d_step {
		assert(!freed[link]);
		found = prev[link]
	   }
	   if
	   :: found == NONE -> break
	   :: else
	   fi;
	   d_step {
		assert(!freed[found]);
#ifdef PLAIN_GET
		got = true;
#else
		got = refs[found] > 0;
#endif
		refs[found] = refs[found] + got
	   }
	   if
#ifdef NO_PREV_CHECK
	   :: got -> break
#else
	   :: got && prev[link] == found -> break
	   :: got && prev[link] != found -> put(found)
#endif
	   :: !got
	   fi
	od;
	got = false;
#ifndef NO_RCU
	reading[me] = false
#endif
}

proctype walker(bit me)
{
	byte at = HEAD, first, next, done, it = NONE;
	bool got, last, won;

	do
	:: at == NONE || at == START -> break
	:: else ->
		prev_get(at, first);
		if
		:: first == NONE || !signaled[first] -> next = first
		:: else ->
			prev_get(first, next);
			do
			:: next == NONE || !signaled[next] -> break
			:: else ->
				done = next;
				prev_get(done, next);
				put(done)
			od;
#ifndef NO_NEXT_GET
			if
			:: next != NONE -> get(next)
			:: else
			fi;
#endif
#ifdef EARLY_PUT
			put(first);
			put(first);
#endif
			skip;
			d_step {
#ifdef PLAIN_STORE
				won = true;
#else
				won = prev[at] == first;
#endif
				prev[at] = (won -> next : prev[at])
			}
#ifdef EARLY_DETACH
			if
			:: won && prev[first] != NONE ->
				done = prev[first];
				prev[first] = NONE;
				put(done)
			:: else
			fi;
#endif
#ifndef EARLY_PUT
			if
			:: won -> put(first)
			:: !won && next != NONE -> put(next)
			:: else
			fi;
			put(first)
#endif
		fi;

		d_step {
			done = 0;
			do
			:: done == at -> break
			:: else ->
				assert((next != NONE && done <= next) || over[done]);
				done++
			od;
			assert(next != START || !stranger);
			done = 0;
			first = 0;
			won = false
		}
		put(at);
		at = next;
		next = 0
	od;

	put(at);
	users--
}

/* Who made the timeline has no use for it any more. */
proctype owner()
{
	byte it = NONE;
	bool last;

	put(HEAD);
	users--
}

proctype drivers()
{


	do
	:: !over[0] -> d_step { over[0] = true; signaled[0] = true }
	:: !over[1] -> d_step { over[1] = true; signaled[1] = true }
#if FENCES > 3
	:: !over[2] -> d_step { over[2] = true; signaled[2] = true }
#endif
	:: break
	od
}

/* kfree_rcu() of links. */
proctype grace()
{


	do
	:: released[1] > 0 && !freed[1] -> !reading[0]; !reading[1]; freed[1] = true
	:: released[2] > 0 && !freed[2] -> !reading[0]; !reading[1]; freed[2] = true
#if FENCES > 3
	:: released[3] > 0 && !freed[3] -> !reading[0]; !reading[1]; freed[3] = true
#endif
	:: users == 0 -> break
	od
}

proctype reuser()
{
	if
	:: d_step { refs[START] == 0 && released[START] > 0 ->
		refs[START] = 1;
		signaled[START] = false;
		stranger = true
	   }
	   d_step {
		assert(refs[START] > 0);
		refs[START]--
	   }
	:: users == 0
	fi
}

init
{
	byte i;

	atomic {
		prev[START] = NONE;
		refs[START] = 1;
		for (i : 1 .. HEAD) {
			prev[i] = i - 1;
			refs[i] = 1
		}
		refs[HEAD] = 3;
		users = 3;
		run walker(0);
		run walker(1);
		run owner();
		run drivers();
		run grace();
		run reuser()
	}

	_nr_pr == 1;
	d_step {
		for (i : START .. HEAD) {
			assert(refs[i] == 0 && released[i] == 1)
		}
	}
}
