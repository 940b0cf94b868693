/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Sleeping for room: a writer that sleeps while READERS readers hold it back, and readers that
 * wake it. No time-out wakes the writer here, so each wake-up that is lost shows.
 *
 * A line is a record and a chunk, as in lanes_pause.pml, and no cursor is given up. A reader
 * that has read all either is polled on, or sleeps until there are records. How it is woken then
 * is lanes_wake.pml's matter: here it wakes up.
 *
 * The bell is inotify's: what was rung stays until it is drained. It is not counted on to
 * bring anything but the wake-up.
 *
 * Properties
 *   no lost wake-up  a writer that sleeps with room is rung for: else all come to stand still
 *   once             a reader rings once at most for each line that it has read
 */

#ifndef READERS
#define READERS 1
#endif
#ifndef RECORDS
#define RECORDS 4
#endif
#ifndef SIZE
#define SIZE 2
#endif

#define TAIL 0
#define ROOM 1
#define POS(r) (2 + (r))
#define LOCS (2 + READERS)
#define EACH (4 * READERS * RECORDS + 4)
#define BASE(x) ((x) * EACH)
#define ENTRIES (LOCS * EACH)

#define CLOCKS (1 + READERS)
#define THREADS CLOCKS
#define WRITER 0
#define READER(r) (1 + (r))

#include "c11.pml"

bool rung;
byte rings[READERS];

/* The word for a position, which is above 0, and a cursor; 0: no word. */
#define WORD(to, r) ((to) * READERS + (r))
#define TO(word) ((word) / READERS)
#define WHOSE(word) ((word) % READERS)

/* look_at_cursors(): the slowest cursor, and whose it is. */
inline look()
{
#ifndef NO_Q1
	/* Q1, A2 (writer_look_at_cursors) */
	fence_full(WRITER);
#endif
	load_acquire(WRITER, POS(0), may);
	holder = 0;
#if READERS > 1
	load_acquire(WRITER, POS(1), pos);
	d_step {
		if
		:: pos < may -> may = pos; holder = 1
		:: else
		fi;
		pos = 0
	}
#endif
}

active proctype writer()
{
	byte tail, may, pos, holder, asked;
	byte n;

	do
	:: tail == RECORDS -> break
	:: tail < RECORDS && tail + 1 - may <= SIZE ->
		d_step { tail++; asked = 0; holder = 0 }
		/* writer_publish */
		store_release(WRITER, TAIL, tail)
	:: tail < RECORDS && tail + 1 - may > SIZE ->
#ifndef DRAIN_LATE
		rung = false;
#endif
		look();
		do
		:: tail + 1 - may <= SIZE ->
			if
			:: asked != 0 -> store(WRITER, ROOM, 0) /* writer_end_ask */
			:: else
			fi;
			break
		:: tail + 1 - may > SIZE && asked == WORD(tail + 1 - SIZE, holder) ->
#ifdef DRAIN_LATE
			rung = false;
#endif
			/* Sleeps; then asks anew. */
			rung;
			asked = 0;
			break
		:: tail + 1 - may > SIZE && asked != WORD(tail + 1 - SIZE, holder) ->
			asked = WORD(tail + 1 - SIZE, holder);
			/* Q1 (writer_ask_room) */
			store(WRITER, ROOM, asked);
			look()
		od
	od
}

/* shmbus_room_is_asked() and shmbus_room_answer() */
inline answer()
{
	/* Q2 (reader_look_at_room) */
	load(READER(r), ROOM, word);
	if
	:: word != seen ->
		if
		:: word != 0 && WHOSE(word) == r && TO(word) > pos -> skip /* not yet */
		:: word != 0 && WHOSE(word) == r && TO(word) <= pos && TO(word) > answered ->
#ifndef NO_Q2
			fence_full(READER(r));
#endif
			d_step {
				rings[r]++;
				assert(rings[r] <= pos); /* once */
#ifndef ALWAYS
				answered = pos;
				seen = word;
#endif
				rung = true /* wake_ring */
			}
		:: else -> seen = word
		fi
	:: else
	fi;
	word = 0
}

proctype reader(byte r)
{
	byte pos, tail, word, seen, answered;
	byte n;

	do
	:: pos < tail ->
		pos++;
		/* reader_publish_cursor */
		store_release(READER(r), POS(r), pos);
#ifndef NO_COMMIT_LOOK
		answer()
#endif
	:: pos == tail && pos < RECORDS ->
		load_acquire(READER(r), TAIL, tail);
		if
		:: pos < tail
		:: pos == tail ->
			/* Polled on: what was stored is seen some time. */
#ifndef NO_IDLE_LOOK
			LATEST(TAIL) != tail || LATEST(ROOM) != seen;
			see_all(READER(r));
			answer()
#else
			LATEST(TAIL) != tail;
			see_all(READER(r))
#endif
		:: pos == tail ->
			/* Sleeps. */
#ifndef NO_W1
			/* W1 (wake_flag_set) */
			fence_full(READER(r));
#endif
			load_acquire(READER(r), TAIL, tail);
			if
			:: pos == tail ->
#ifndef NO_SLEEP_LOOK
				answer();
#endif
				LATEST(TAIL) != tail;
				load_acquire(READER(r), TAIL, tail)
			:: else
			fi
		fi
	:: pos == RECORDS -> break
	od
}

init {
	atomic {
		run reader(0);
#if READERS > 1
		run reader(1);
#endif
	}
}
