/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A walk without the lock goes through a table of a reservation in several read sections, see
 * dma_resv_iter_continue(), while the lock holder adds and removes fences and moves them to other
 * tables, closer together, or exchanges them all. A table is freed a grace period after it was left,
 * and its address may come back with another table.
 *
 * Here the walk reads one slot in a section. That it gets the right fence from that is in
 * resv-slot.pml: fences have no memory here.
 *
 * To be true: no table is touched after it was freed; and each fence that was there when the walk
 * began is returned by its last pass, or has signaled, or has left meanwhile.
 *
 * Each of these makes it wrong:
 * MUTANT NO_GENERATION	the walk goes on in a table at the address that it remembers
 * MUTANT NO_COMPARE	the walk goes on where it was without looking whether that is in use
 * MUTANT SAME_PLACE	the walk goes on at the same place of the table that is in use now
 * MUTANT NO_GRACE	tables are freed at once when they are left
 * MUTANT NO_ACQUIRE	the generation is loaded before the pointer that says which table is in use
 */
#define TABLES	3	/* addresses */
#define SLOTS	2
#define FENCES	5	/* names that the lock holder may give; 0 is an empty slot */
#define STEPS	4	/* of the lock holder */

byte word[TABLES * SLOTS];
byte generation;		/* of the reservation */
byte current;

bool reading;			/* the reader is in a read section */
bool left[TABLES];		/* not in use any more, or not yet */
bool waits[TABLES];		/* left, and the section that then was has not ended */

bool within[FENCES + 1];
bool over[FENCES + 1];
bool first[FENCES + 1];		/* was within when the walk began */
bool met[FENCES + 1];		/* returned in this pass */

#define WORD(table, at)		word[(table) * SLOTS + (at)]
#define FREED(table)		(left[table] && !waits[table])

/* dma_resv_table_publish() has changed the generation before. */
inline publish(table)
{
	d_step {
		left[table] = false;
		left[current] = true;
#ifdef NO_GRACE
		waits[current] = false;
#else
		waits[current] = reading;
#endif
		current = table
	}
}

inline leave_all()
{
	within[1] = false;
	within[2] = false;
	within[3] = false;
	within[4] = false;
	within[5] = false
}

/* An address at which there is no table. */
inline find(table)
{
	if
	:: FREED(0) -> table = 0
	:: FREED(1) -> table = 1
	:: FREED(2) -> table = 2
	fi
}

proctype holder()
{
	byte table, at, steps, fences = SLOTS;

	do
	:: steps == STEPS -> break
	:: steps < STEPS ->
		steps++;
		if
		:: at = 0
		:: at = 1
		fi;
		if
		:: fences < FENCES ->
			/* dma_resv_add_fence(), maybe in the place of an earlier one */
			d_step {
				fences++;
				within[WORD(current, at)] = false;
				WORD(current, at) = fences;
				within[fences] = true
			}
		:: WORD(current, at) != 0 ->
			over[WORD(current, at)] = true
		:: WORD(current, at) != 0 ->
			/* dma_resv_table_expire() */
			d_step {
				within[WORD(current, at)] = false;
				WORD(current, at) = 0
			}
		:: FREED(0) || FREED(1) || FREED(2) ->
			/* dma_resv_slots_grow() leaves no gaps */
			find(table);
			d_step {
				WORD(table, 0) = WORD(current, 0);
				WORD(table, 1) = WORD(current, 1);
				if
				:: WORD(table, 0) == 0 ->
					WORD(table, 0) = WORD(table, 1);
					WORD(table, 1) = 0
				:: else
				fi
			}
			generation++;
			publish(table)
		:: fences < FENCES && (FREED(0) || FREED(1) || FREED(2)) ->
			/* dma_resv_copy_fences() drops what was there, whose words stay */
			find(table);
			d_step {
				fences++;
				WORD(table, 0) = fences;
				WORD(table, 1) = 0
			}
			generation++;
			atomic {
				publish(table);
				leave_all();
				within[fences] = true
			}
		:: true		/* may be fewer */
		fi;
		table = 0;
		at = 0
	od
}

inline section_begin()
{
	reading = true
}

inline section_end()
{
	d_step {
		reading = false;
		waits[0] = false;
		waits[1] = false;
		waits[2] = false
	}
}

inline forget()
{
	d_step {
		met[1] = false;
		met[2] = false;
		met[3] = false;
		met[4] = false;
		met[5] = false
	}
}

#define MAY_MISS(f)	(!first[f] || met[f] || over[f] || !within[f])

proctype reader()
{
	byte table, seen, now, at, f;

	d_step {
		first[1] = within[1];
		first[2] = within[2];
		first[3] = within[3];
		first[4] = within[4];
		first[5] = within[5]
	}
	section_begin();

restart:
	forget();
	at = 0;
	now = 0;
	table = current;
	seen = generation;
read:
	assert(!FREED(table));
	f = WORD(table, at);
	/* What is got and then thrown away, because the table has been left, starts a new pass. */
	if
	:: current != table -> goto restart
	:: else
	fi;
	d_step {
		met[f] = f != 0;
		f = 0;
		at++
	}
	section_end();

	/* dma_resv_iter_is_over(): by the address, for the table has been read to its end. */
	if
	:: at == SLOTS && current == table -> goto end
	:: else
	fi;

	section_begin();
#if defined(NO_COMPARE)
	if
	:: at < SLOTS -> goto read
	:: else
	fi;
#elif defined(SAME_PLACE)
	table = current;
	if
	:: at < SLOTS -> goto read
	:: else
	fi;
#else
#ifdef NO_ACQUIRE
	now = generation;
#endif
	if
	:: at == SLOTS || current != table -> goto restart
	:: else
	fi;
#ifndef NO_ACQUIRE
	now = generation;
#endif
#ifndef NO_GENERATION
	if
	:: now != seen -> goto restart
	:: else
	fi;
#endif
	now = 0;
	goto read;
#endif
	goto restart;

end:
	assert(MAY_MISS(1) && MAY_MISS(2) && MAY_MISS(3) && MAY_MISS(4) && MAY_MISS(5))
}

init
{
	atomic {
		left[1] = true;
		left[2] = true;
		WORD(0, 0) = 1;
		WORD(0, 1) = 2;
		within[1] = true;
		within[2] = true;
		run holder();
		run reader()
	}
}
