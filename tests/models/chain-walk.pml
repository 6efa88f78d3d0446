/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two walkers go down a timeline, as dma_fence_chain_collect() does, and unlink
 * signaled links. Meanwhile fences signal and the timeline is released. One
 * walker may search for a point first, as dma_fence_chain_find_seqno() does. The
 * owner looks for the target of a skip link, as dma_fence_chain_init() does.
 *
 *	   .-------skip link-----.
 *	   |                     v
 *	link 3 ---> link 2 ---> link 1 ---> 0, the start of the timeline
 *
 * The start lives in type-stable memory: after its release another fence may
 * live there. Memory of a link is freed when all read-side critical sections
 * have ended that began before its release. The fence inside a link is freed
 * with the link, at once.
 *
 * A statement is one access to shared memory. These must hold: no pending fence
 * is passed; a search ends at the link of its point or an older one; a returned
 * fence is alive and belongs to the timeline; freed memory is not touched; in
 * the end each fence has been released once.
 *
 * Each of these mutants must fail:
 * MUTANT NO_GRACE		links are freed at once when they are released
 * MUTANT NO_RCU		prev and skip are followed outside of a read-side section
 * MUTANT EARLY_CLEAR		a release clears prev, which the owner may be about to follow
 * MUTANT PLAIN_GET		the reference is taken though the count is 0
 * MUTANT GIVE_UP		a failed reference is taken for the end of the timeline
 * MUTANT NO_RECHECK		the pointer is not compared again after the reference
 * MUTANT FLAG_FIRST		the flag of a contained fence is read before the reference
 * MUTANT PLAIN_STORE		prev is written without comparing
 * MUTANT NO_PENDING_GET	prev gets no reference of its own to its new target
 * MUTANT LATE_PENDING_GET	prev gets it only after the old one was dropped
 * MUTANT EARLY_PUT		the old reference of prev is dropped before prev is moved
 * MUTANT SKIP_STORE		skip is cleared without comparing
 * MUTANT SKIP_PAST		a search follows skip past its point
 * MUTANT LAST_ONLY		a release drops its references but releases no other link
 * MUTANT PREV_ONLY		a release does not drop the reference of skip
 */
#define FENCES	4
#define HEAD	(FENCES - 1)
#define START	0
#define NONE	FENCES

byte refs[FENCES];
byte prev[FENCES];
byte skips[FENCES];
bool over[FENCES];	/* the fence inside has signaled */
bool stranger;		/* another fence lives where the start was */

bool released[FENCES];
byte reading;		/* walkers in a read section, as bits */
byte readers[FENCES];	/* those in one when the link was released */
byte users;		/* processes that may still hold references */

#define MINE		(1 << me)
#define IS_LINK(f)	((f) != NONE && (f) != START)

/* True if the memory of f may be read: that of the start always may. */
#define MAPPED(f)	((f) != NONE && (!IS_LINK(f) || !released[f] || readers[f] != 0))

inline enter()
{
#ifndef NO_RCU
	reading = reading | MINE
#else
	skip
#endif
}

inline leave()
{
	d_step {
		reading = reading & ~MINE;
		for (it : 0 .. HEAD) {
			readers[it] = readers[it] & ~MINE
		}
		it = 0
	}
}

inline get(f)
{
	d_step {
		skip;
		if
		:: f != NONE ->
			assert(refs[f] > 0);
			refs[f]++
		:: else
		fi;
		skip
	}
}

/* Drop a reference in a d_step. If it was the last one, put the fence on the list of the dead. */
inline drop(f)
{
	if
	:: (f) == NONE
	:: else ->
		assert(refs[f] > 0);
		refs[f]--;
		if
		:: refs[f] == 0 && !((f) == START && stranger) ->
			assert(!released[f]);
			released[f] = true;
#ifndef NO_GRACE
			readers[f] = reading;
#endif
			dead = dead | (1 << (f))
		:: else
		fi
	fi
}

inline put(f)
{
	d_step { it = 0; drop(f); it = 0 }
	do
	:: dead == 0 -> break
	:: else ->
		d_step {
			it = 0;
			do
			:: dead & (1 << it) -> break
			:: else -> it++
			od;
			dead = dead & ~(1 << it);
#ifndef PREV_ONLY
			drop(skips[it]);
#endif
			skip
		}
		d_step {
			skip;
			drop(prev[it]);
#ifdef EARLY_CLEAR
			prev[it] = NONE;
#endif
#ifdef LAST_ONLY
			dead = 0;
#endif
			it = 0
		}
	od
}

/* dma_fence_get_rcu() */
inline get_rcu(f)
{
	d_step {
		assert(MAPPED(f));
#ifdef PLAIN_GET
		got = true;
#else
		got = refs[f] > 0;
#endif
		refs[f] = refs[f] + got
	}
}

/* dma_fence_get_rcu_safe() of pointer p, which is in a link that the reader holds. */
inline get_safe(f, p)
{
	enter();
	do
	:: f = p;
#ifdef FLAG_FIRST
	   if
	   :: f != NONE -> assert(!released[f])
	   :: else
	   fi;
#endif
	   if
	   :: f == NONE -> break
	   :: else -> get_rcu(f)
	   fi;
	   if
#ifdef GIVE_UP
	   :: !got -> f = NONE; break
#else
	   :: !got
#endif
	   :: got ->
#ifndef NO_RECHECK
		got = p == f;
#endif
		if
		:: got -> break
		:: else -> put(f)
		fi
	   fi
	od;
	leave()
}

/* Read a flag. That needs a reference to the link, or to the start itself. */
inline check_held(f)
{
	d_step {
		assert(refs[f] > 0 && !released[f] && !(f == START && stranger));
		got = over[f]
	}
}

/* dma_fence_chain_replace() */
inline replace(p, old, new)
{
#ifdef EARLY_PUT
	put(old);
#endif
#if !defined(NO_PENDING_GET) && !defined(LATE_PENDING_GET)
	get(new);
#endif
	d_step {
		got = p == old;
#ifdef PLAIN_STORE
		got = true;
#endif
		p = (got -> new : p)
	}
	if
#ifdef EARLY_PUT
	:: got
#else
	:: got -> put(old)
#endif
	:: !got -> put(new)
	fi;
#ifdef LATE_PENDING_GET
	get(new);
#endif
	skip
}

/* dma_fence_chain_skip_tidy() */
inline skip_tidy(at)
{
	get_safe(first, skips[at]);
	if
	:: first == NONE
	:: else ->
		check_held(first);
		if
		:: got ->
			d_step {
				got = skips[at] == first;
#ifdef SKIP_STORE
				got = true;
#endif
				skips[at] = (got -> NONE : skips[at])
			}
			if
			:: got -> put(first)
			:: else
			fi
		:: else
		fi;
		put(first)
	fi
}

/* dma_fence_chain_collect() and dma_fence_chain_unlink() */
inline collect(at, next)
{
	get_safe(next, prev[at]);
	first = next;
	do
	:: next == NONE -> break
	:: else ->
		check_held(next);
		if
		:: !got -> break
		:: else
		fi;
		older = NONE;
		if
		:: IS_LINK(next) -> get_safe(older, prev[next])
		:: else
		fi;
		put(next);
		next = older;
		older = 0
	od;
	if
	:: next == first
	:: else -> replace(prev[at], first, next)
	fi;
	if
	:: at == HEAD -> skip_tidy(at)
	:: else
	fi;
	first = 0;
	got = false
}

/* dma_fence_chain_find_seqno(): from the head on, which is held, step to a point. */
inline seek(point, at)
{
	do
	:: !IS_LINK(at) || at <= point -> break
	:: else ->
		enter();
		d_step { next = skips[at]; got = false }
		if
#ifdef SKIP_PAST
		:: next != NONE ->
#else
		:: next != NONE && next >= point ->
#endif
			get_rcu(next)
		:: else
		fi;
		leave();
		if
		:: got
		:: else -> get_safe(next, prev[at])
		fi;
		put(at);
		at = next;
		d_step { next = 0; got = false }
	od
}

/* dma_fence_chain_skip_get(): only the head is held. */
inline look_back(at)
{
	enter();
	at = HEAD;
	do
	:: !IS_LINK(at) || at == 1 -> break
	:: else -> d_step {
		assert(MAPPED(at));
		at = prev[at]
	   }
	od;
	got = false;
	if
	:: at == 1 -> get_rcu(at)
	:: else
	fi;
	leave();
	if
	:: got -> put(at)
	:: else
	fi;
	/* Dead links lead on as long as the start is pending. */
	assert(at != NONE || over[START]);
	at = 0;
	got = false
}

/* Check that all fences newer than found, from newest on, are signaled. */
inline check_found(newest, found)
{
	d_step {
		assert(found == NONE || !released[found]);
		it = 0;
		do
		:: it > newest -> break
		:: else ->
			assert((found != NONE && it <= found) || over[it]);
			it++
		od;
		it = 0
	}
}

proctype walker(bit me)
{
	byte at = HEAD, next, point, first, older, dead, it;
	bool got;

	if
	:: me == 1 -> point = 2
	:: me == 1 -> point = 1
	:: true
	fi;
	if
	:: point != 0 ->
		seek(point, at);
		assert(at == NONE || at <= point);
		check_found(point, at)
	:: else
	fi;

	do
	:: !IS_LINK(at) -> break
	:: IS_LINK(at) && point != 0 && !over[at] -> break
	:: IS_LINK(at) && (point == 0 || over[at]) ->
		collect(at, next);
		check_found(at - 1, next);
		put(at);
		at = next;
		next = 0;
		if
		:: point != 0 -> break
		:: else
		fi
	od;

	put(at);
	users--
}

/* Look for a skip link's target, then drop the timeline. */
proctype owner(byte me)
{
	byte at, dead, it;
	bool got;

	look_back(at);
	put(HEAD);
	users--
}

proctype drivers()
{
	do
	:: !over[0] -> over[0] = true
	:: !over[1] -> over[1] = true
	:: !over[2] -> over[2] = true
	:: users == 0 -> break
	od
}

proctype reuser()
{
	if
	:: d_step { released[START] ->
		refs[START] = 1;
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
		skips[START] = NONE;
		refs[START] = 1;
		for (i : 1 .. HEAD) {
			prev[i] = i - 1;
			skips[i] = NONE;
			refs[i] = 1
		}
		skips[HEAD] = 1;
		refs[1]++;
		refs[HEAD] = 3;
		users = 3;
		i = 0;
		run walker(0);
		run walker(1);
		run owner(2);
		run drivers();
		run reuser()
	}

	_nr_pr == 1;
	d_step {
		for (i : START .. HEAD) {
			assert(refs[i] == 0 && released[i])
		}
	}
}
