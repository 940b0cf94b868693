/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The stamps of a lane: which sequence number belongs to a tail. A writer
 * that publishes, and may die at any step and be succeeded by another; a
 * reader that begins at any time. The writer runs first, see lanes_data.pml.
 *
 * A record is one or two lines, and as many frames as it likes: one or two.
 *
 * Properties
 *   fits       the number that is found belongs to the tail
 *   found      where nothing changes any more, it is found
 *   goes on    a successor knows the number, and the stamp to be written next
 */

#ifndef RECORDS
#define RECORDS 3
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

#define TAIL 0
#define STAMP_POS(i) (1 + (i))
#define STAMP_SEQ(i) (3 + (i))
#define LOCS 5
#define EACH (RECORDS + DEATHS + 1)
#define BASE(x) ((x) * EACH)
#define ENTRIES (LOCS * EACH)

#define THREADS 2
#define CLOCKS 1
#define WRITER 0
#define READER 1

#include "c11.pml"

byte seq_at[2 * RECORDS + 3];
byte deaths = DEATHS;
byte sent;
bool done;

#define STEP(name) name: if :: deaths > 0 -> deaths--; goto begin :: skip fi

active proctype writer()
{
	byte tail, stamp, next_seq, lines, frames;

begin:
	/* take_over_positions(), of a new lane as well */
	d_step {
		see_all(WRITER);
		fence_full(WRITER);
		lines = 0;
		frames = 0;
		tail = LATEST(TAIL);
#ifndef BAD_STAMP_CHOICE
		stamp = (LATEST(STAMP_POS(0)) == tail -> 1 : 0);
#else
		stamp = 1;
#endif
		next_seq = LATEST(STAMP_SEQ(1 - stamp));
		assert(next_seq == seq_at[tail]); /* goes on */
	}
	do
	:: sent == RECORDS -> break
	:: else ->
		if
		:: lines = 1
		:: lines = 2
		fi;
		if
		:: frames = 1
		:: frames = 2
		fi;
STEP(writer_store_stamp);
		store(WRITER, STAMP_POS(stamp), tail + lines);
STEP(writer_store_seq);
#ifndef NO_S1
		/* S1 */
		store_release(WRITER, STAMP_SEQ(stamp), next_seq + frames);
#else
		store(WRITER, STAMP_SEQ(stamp), next_seq + frames);
#endif
STEP(writer_publish);
		atomic {
			d_step {
				tail = tail + lines;
				next_seq = next_seq + frames;
				seq_at[tail] = next_seq;
				sent++;
				lines = 0;
				frames = 0;
#ifndef ONE_STAMP
				stamp = 1 - stamp;
#endif
			}
#ifndef NO_T1
			/* T1 */
			store_release(WRITER, TAIL, tail)
#else
			store(WRITER, TAIL, tail)
#endif
		}
	od;
	done = true
}

active proctype reader()
{
	byte tail, pos, seq, i;
	bool settled;
	byte n;

	done;
again:
	if
	:: d_step { settled = true; see_all(READER) }
	:: skip
	fi;
	/* read_stamp() */
#ifndef NO_T2
	/* T2 (reader_look_at_tail) */
	load_acquire(READER, TAIL, tail);
#else
	load(READER, TAIL, tail);
#endif
	i = 0;
	load(READER, STAMP_POS(0), pos);
	if
	:: pos != tail -> i = 1; load(READER, STAMP_POS(1), pos)
	:: else
	fi;
	load(READER, STAMP_SEQ(i), seq);
#ifndef NO_S2
	/* S2 (reader_look_at_stamp) */
	fence_acquire(READER);
#endif
	if
	:: pos == tail ->
#ifdef LOOK_AT_TAIL
		/* As it was: a new lane's stamps are both for 0, one of them for long. */
		load(READER, TAIL, pos)
#else
#ifndef NO_SECOND_LOOK
		load(READER, STAMP_POS(i), pos)
#endif
#endif
	:: else
	fi;
	if
	:: pos == tail -> assert(seq == seq_at[tail]) /* fits */
	:: else ->
		assert(!settled); /* found */
		goto again
	fi
}
