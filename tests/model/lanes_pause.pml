/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Pause: a writer that waits for the cursors of READERS readers, who begin at
 * any time, may stop at any step for as long as they like, and end and begin
 * again (RESTARTS); with the cursor that they, or one who died, left before.
 *
 * A line is a record and a chunk. What the record holds is lanes_data.pml's
 * matter: here only head counts. COPIED is not in the file; it is where the
 * copies of a reader show in the clocks.
 *
 * Two readers at once are searched with SC only: what is between each of them
 * and the writer, one shows as well.
 *
 * A cursor that holds the writer back may be given up at any look after the
 * first, and is at the third: that is the time-out, or the owner found dead.
 *
 * Properties
 *   kept      a reader whose cursor is active, and was not given up, is not overtaken
 *   copied    what is overwritten was copied before, in the sense of the language
 *   not stuck the writer waits for so many looks at most while no cursor moves
 *   head      is never above tail
 */

#ifndef READERS
#define READERS 1
#endif
#ifndef RECORDS
#define RECORDS 5
#endif
#ifndef RESTARTS
#define RESTARTS 0
#endif
#define ROUNDS 3 /* HOLD_TRIES */
#ifndef SIZE
#define SIZE 2
#endif

#ifdef ONE_CURSOR
#define CURSORS 1
#else
#define CURSORS READERS
#endif

#define TAIL 0
#define HEAD 1
#define STATE(r) (2 + 3 * (r))
#define POS(r) (3 + 3 * (r))
#define COPIED(r) (4 + 3 * (r))
#define LOCS (2 + 3 * READERS)
#define EACH (RECORDS + 6 + 6 * RESTARTS)
#define BASE(x) ((x) * EACH)
#define ENTRIES (LOCS * EACH)

#define CLOCKS (1 + READERS)
#define THREADS CLOCKS
#define WRITER 0
#define READER(r) (1 + (r))

#include "c11.pml"

mtype:watch = { FREE, HOLDING, IGNORED };
mtype:watch watch[READERS] = FREE;
byte watched[READERS]; /* where it held the writer back */
bool given_up[READERS];
bool reading[READERS];
byte began[READERS];

#ifdef SC
byte copied[READERS]; /* up to here, or given up */
#define HAS_COPIED(r, end) (copied[r] >= end)
#else
/* The reader's own store by which it had copied all below a position. */
byte copied_at[READERS * (RECORDS + 1)];
#define HAS_COPIED(r, end) \
	(cur[WRITER].upto[READER(r)] >= copied_at[(r) * (RECORDS + 1) + (end)])
#endif

/* What is overwritten from now on, up to here, was copied, and that happened before. */
inline check_overwritten(end)
{
	d_step {
		c11_i = 0;
		do
		:: c11_i < READERS ->
			assert(!reading[c11_i] || given_up[c11_i] || end <= began[c11_i] ||
			       HAS_COPIED(c11_i, end)); /* copied */
			c11_i++
		:: else -> break
		od;
		c11_i = 0
	}
}

active proctype writer()
{
	byte tail, head, credit, to, may, pos, state, r, looks;
	byte n;

	do
	:: tail == RECORDS -> break
	:: else ->
		to = (tail + 1 > head + SIZE -> tail + 1 - SIZE : head);
		if
		:: to != head && credit < to ->
			/* look_at_cursors() (writer_look_at_cursors) */
			d_step { may = tail; r = 0 }
#ifndef NO_A2
			/* A2 */
			fence_full(WRITER);
#endif
			do
			:: r < CURSORS ->
				load(WRITER, STATE(r), state);
				if
				:: state != 0 ->
#ifndef NO_C2
					/* C2 */
					load_acquire(WRITER, POS(r), pos);
#else
					load(WRITER, POS(r), pos);
#endif
					if
					:: pos < head || pos > tail -> skip /* lapped, or nonsense */
					:: pos >= to && pos <= tail ->
						d_step {
							watch[r] = FREE;
							given_up[r] = false;
							may = (pos < may -> pos : may)
						}
					:: pos >= head && pos < to ->
						/* wait_for() */
						if
						:: watch[r] == FREE || watched[r] != pos ->
							d_step {
								watch[r] = HOLDING;
								watched[r] = pos;
								given_up[r] = false;
								looks = 0;
								may = (pos < may -> pos : may)
							}
						:: watch[r] == IGNORED && watched[r] == pos -> skip
						:: watch[r] == HOLDING && watched[r] == pos && looks < 2 ->
							may = (pos < may -> pos : may)
#ifndef NO_TIMEOUT
						:: watch[r] == HOLDING && watched[r] == pos ->
							d_step { watch[r] = IGNORED; given_up[r] = true }
#else
						:: watch[r] == HOLDING && watched[r] == pos && looks >= 2 ->
							may = (pos < may -> pos : may)
#endif
						fi
					fi
				:: else
				fi;
				d_step { state = 0; pos = 0; r++ }
			:: else -> break
			od;
			skip; /* break may not lead into d_step */
			d_step {
				r = 0;
				credit = may;
				may = 0;
				to = (credit < to -> (credit < head -> head : credit) : to);
			}
		:: else
		fi;
		if
		:: to != head ->
			atomic {
				assert(to <= tail); /* head */
				check_overwritten(to);
				head = to;
				/* writer_raise_head */
				store(WRITER, HEAD, head);
				fence_release(WRITER)
			}
		:: else
		fi;
		to = 0;
		if
		:: tail + 1 - head <= SIZE ->
			atomic {
				tail++;
				looks = 0;
				/* T1 (writer_publish) */
				store_release(WRITER, TAIL, tail)
			}
		:: else ->
			looks++;
			assert(looks <= 3) /* not stuck */
		fi
	od
}

proctype reader(byte r)
{
	byte pos, before, tail, head, restarts, rounds;
	bool lapped;
	byte n;

begin:
	/* shmbus_reader_start() */
	load_acquire(READER(r), TAIL, pos);
	/* shmbus_reader_hold() */
	/* reader_place_cursor */
	store(READER(r), POS(r), pos);
	/* reader_hold */
	store_release(READER(r), STATE(r), 1);
#ifndef NO_A1
	/* A1 */
	fence_full(READER(r));
#endif
hold:
	before = pos;
	load_acquire(READER(r), TAIL, pos);
	/* reader_move_cursor */
	store_release(READER(r), POS(r), pos);
#ifndef ONE_HOLD
#ifndef NO_A1_AGAIN
	/* A1 */
	fence_full(READER(r));
#endif
	load(READER(r), HEAD, head);
	if
	:: head > before && rounds < ROUNDS -> d_step { rounds++; head = 0 } goto hold
	:: else
	fi;
	d_step {
		lapped = (head > before);
		head = 0;
		rounds = 0;
	}
	/* Who is lapped each time may go on as one who is given up. */
	if
	:: lapped -> goto left
	:: else
	fi;
#endif
	d_step {
		before = 0;
		began[r] = pos;
		reading[r] = true;
	}
	do
	:: pos < RECORDS ->
		if
		:: pos == tail || tail < pos -> load_acquire(READER(r), TAIL, tail)
		:: else
		fi;
		if
		:: tail > pos ->
			/* Copy. */
#ifdef SC
			copied[r] = pos + 1;
#else
			atomic {
				store(READER(r), COPIED(r), pos + 1);
				copied_at[r * (RECORDS + 1) + pos + 1] = stores[READER(r)];
			}
#endif
			/* H2 (reader_validate) */
			fence_acquire(READER(r));
			load(READER(r), HEAD, head);
			if
			:: head > pos ->
				assert(given_up[r]); /* kept */
				load_acquire(READER(r), TAIL, tail);
				d_step {
					pos = tail;
#ifdef SC
					copied[r] = pos
#endif
				}
			:: else -> pos++
			fi;
			head = 0;
			/* reader_publish_cursor */
#ifndef NO_C1
			/* C1 */
			store_release(READER(r), POS(r), pos)
#else
			store(READER(r), POS(r), pos)
#endif
		:: else
		fi
	:: restarts < RESTARTS ->
		d_step { restarts++; reading[r] = false; tail = 0; pos = 0 }
		/* reader_release, attach_clear_cursors */
		store_release(READER(r), STATE(r), 0);
		goto begin
	:: pos == RECORDS -> break
	od;
left:
	skip
}

init {
	atomic {
		run reader(0);
#if READERS > 1
		run reader(1);
#endif
	}
}
