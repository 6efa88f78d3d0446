/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two walkers go down a timeline, see dma_fence_chain_collect(), and unlink what is signaled, while
 * fences signal and the timeline is dropped, see dma_fence_chain_release(). One of them may search
 * for a point instead, see dma_fence_chain_find_seqno().
 *
 *	   .---------skip--------.
 *	   |                     v
 *	link 3 ---> link 2 ---> link 1 ---> 0, the fence that the timeline began with
 *
 * That one, and what is inside of links, lives in type-stable memory: once it is released, a
 * stranger may be there. Links are freed a grace period of RCU after their release, here as soon as
 * no read section is left that was entered before.
 *
 * A statement is one access to shared memory. What is put there once and for all before a link is
 * published is not counted. To be true: nothing that is not signaled is passed over; a search ends
 * at the link of its point or behind; what is returned is alive and of the timeline; memory is not
 * touched after it was freed; at the end all is released, each once.
 *
 * Each of these makes it wrong:
 * MUTANT NO_GRACE		links are freed at once when they are released
 * MUTANT NO_RCU		prev and skip are followed outside of a read section
 * MUTANT HOP_SECTIONS		each hop has a read section of its own
 * MUTANT EARLY_CLEAR		a release clears prev, which walkers may be about to follow
 * MUTANT PLAIN_GET		the reference is taken though the count is 0
 * MUTANT GIVE_UP		a walk that comes too late for a reference takes this for the end
 * MUTANT SEEK_GIVE_UP		likewise a search
 * MUTANT NO_START_CHECK	it is not made sure that the reference to the start is no stranger's
 * MUTANT NO_HOLDER_CHECK	only prev is looked at then, though the link it is in may be dead
 * MUTANT PLAIN_STORE		prev is written without comparing
 * MUTANT NO_PENDING_GET	prev gets no reference of its own to what it is moved to
 * MUTANT LATE_PENDING_GET	prev gets it only after the old one was dropped
 * MUTANT EARLY_PUT		prev's old reference is dropped before prev is moved
 * MUTANT SKIP_STORE		skip is cleared without comparing
 * MUTANT SKIP_TWICE		skip is read again to be looked at, but may have gone meanwhile
 * MUTANT SKIP_PAST		a search follows skip past its point
 * MUTANT LAST_ONLY		a release drops its references without releasing what dies of it
 * MUTANT PREV_ONLY		a release does not drop the reference of skip
 */
#define FENCES	4
#define HEAD	(FENCES - 1)
#define START	0
#define NONE	FENCES

byte refs[FENCES];
byte prev[FENCES];
byte skips[FENCES];
bool over[FENCES];	/* whether the fence inside has signaled */
bool stranger;		/* lives where the start was */

bool released[FENCES];
byte reading;		/* walkers in a read section, as bits */
byte readers[FENCES];	/* those of them that were so when the link was released */
byte users;		/* processes that may still hold references */

#define MINE		(1 << me)
#define IS_LINK(f)	((f) != NONE && (f) != START)

/* Whether f may be read: it stays some fence at least. */
#define MAPPED(f)	((f) != NONE && (!IS_LINK(f) || !released[f] || readers[f] != 0))

/* The flag of what is inside of a dead link may be that of whatever lives there by now. */
#define SEEN_DONE(f)	(over[f] || released[f])
#define SEEN_BUSY(f)	(!over[f] || released[f])

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
#ifndef HOP_SECTIONS
		first = 0;
		from = 0;
#endif
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

/*
 * Is the reference to f, if it is the start, that of what the link at from leads to? It is if that
 * link was alive after its pointer was seen: then so was the start when the reference was taken.
 */
inline check_start(from, f)
{
#ifdef NO_START_CHECK
	skip
#else
	if
	:: got && f == START ->
		d_step {
			assert(MAPPED(from));
			got = prev[from] == f
		}
#ifndef NO_HOLDER_CHECK
		d_step {
			assert(MAPPED(from));
			got = got && refs[from] > 0
		}
#endif
		if
		:: !got -> put(f)
		:: else
		fi
	:: else
	fi
#endif
}

/* dma_fence_chain_get_pending_rcu() for each fence behind the link at; !got if it came too late. */
inline pending_get(at, next)
{
	do
	:: next == NONE -> break
	:: else ->
		if
		:: SEEN_DONE(next) -> done = true
		:: SEEN_BUSY(next) ->
			get_rcu(next);
			check_start(from, next);
			if
			:: got && over[next] ->
				/* The driver knew though the flag was not set. */
				put(next);
				done = true
			:: done = false
			fi
		fi;
		if
		:: !done -> break
		:: done ->
#ifdef HOP_SECTIONS
			leave();
			enter();
#endif
			d_step {
				assert(MAPPED(next));
				from = next;
				next = prev[next];
				done = false
			}
		fi
	od
}

/* cmpxchg() of prev and the references that it moves. */
inline unlink(at, next)
{
#ifdef EARLY_PUT
	put(first);
#endif
#if !defined(NO_PENDING_GET) && !defined(LATE_PENDING_GET)
	get(next);
#endif
	d_step {
#ifdef PLAIN_STORE
		got = true;
#else
		got = prev[at] == first;
#endif
		prev[at] = (got -> next : prev[at])
	}
	if
#ifdef EARLY_PUT
	:: got
#else
	:: got -> put(first)
#endif
	:: !got -> put(next)
	fi;
#ifdef LATE_PENDING_GET
	get(next);
#endif
	skip
}

/* dma_fence_chain_skip_tidy_rcu() */
inline skip_tidy(at, next)
{
	first = skips[at];
#ifdef SKIP_TWICE
	if
	:: first != NONE ->
		first = skips[at];
		assert(first != NONE || next == NONE)
	:: else
	fi;
#endif
	if
	:: first == NONE
	:: first != NONE && IS_LINK(next) && next > first && SEEN_BUSY(first) ->
		assert(MAPPED(first))
	:: first != NONE && (!IS_LINK(next) || next <= first || SEEN_DONE(first)) ->
		assert(MAPPED(first));
		d_step {
#ifdef SKIP_STORE
			got = true;
#else
			got = skips[at] == first;
#endif
			skips[at] = (got -> NONE : skips[at])
		}
		if
		:: got -> put(first)
		:: else
		fi
	fi
}

/*
 * dma_fence_chain_collect(): get what is next behind the link at. The quick look at the first fence
 * is left out, the slow one begins alike.
 */
inline collect(at, next)
{
	enter();
	do
	:: d_step {
		first = prev[at];
		next = first;
		from = at;
		got = true
	   }
	   pending_get(at, next);
	   if
	   :: got -> break
#ifdef GIVE_UP
	   :: !got -> next = NONE; break
#else
	   :: !got
#endif
	   fi
	od;
	if
	:: next == first
	:: else -> unlink(at, next)
	fi;
	if
	:: at == HEAD -> skip_tidy(at, next)
	:: else
	fi;
	leave()
}

/* dma_fence_chain_seek() from the head on: get what stands for a point. */
inline seek(point, at)
{
	do
	:: enter();
	   at = HEAD;
	   do
	   :: !IS_LINK(at) || at <= point -> break
	   :: else ->
		from = at;
		d_step {
			assert(MAPPED(at));
			at = skips[from]
		}
		if
#ifdef SKIP_PAST
		:: at == NONE ->
#else
		:: at == NONE || at < point ->
#endif
			d_step {
				assert(MAPPED(from));
				at = prev[from]
			}
		:: else
		fi
	   od;
	   if
	   :: at == NONE -> got = true
	   :: else ->
		get_rcu(at);
		check_start(from, at)
	   fi;
	   leave();
	   if
	   :: got -> break
#ifdef SEEK_GIVE_UP
	   :: !got -> at = NONE; break
#else
	   :: !got
#endif
	   fi
	od
}

/* Nothing that is not signaled lies from the fence newest on before the one that was found. */
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
	byte at = HEAD, next, point, first, from, dead, it;
	bool got, done;

	if
	:: true
	:: me == 1 -> point = 1
	:: me == 1 -> point = 2
	fi;
	if
	:: point != 0 ->
		/* The reference to the head is held longer than here, which lets less happen. */
		seek(point, at);
		assert(at == NONE || at <= point);
		check_found(point, at);
		put(HEAD)
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
		d_step { next = 0; got = false }
		if
		:: point != 0 -> break
		:: else
		fi
	od;

	put(at);
	users--
}

/* Who made the timeline has no use for it any more. */
proctype owner()
{
	byte dead, it;

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
		run owner();
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
