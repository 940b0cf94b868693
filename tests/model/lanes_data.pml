/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A lane without pause: one writer, who overtakes its reader as it pleases,
 * and who may die at any step and be succeeded by another (DEATHS). Readers
 * without cursors write nothing, so that one of them stands for all.
 *
 * A ring of four lines; a chunk is two lines, a record one or two, with one
 * frame. A line is two words. The first line of a record has its position and
 * its shape (with sequence number and what the frame holds); the second one
 * more of the frame, and what looks like the header that a late reader hopes
 * for. That a number is known for a tail is lanes_stamp.pml's matter.
 *
 * A load may take any entry that the memory still has, so the writer can run
 * first, and the reader then: what the reader sees of it is the choice of the
 * entries. At some time all stores have reached it, and it has a bounded
 * number of looks from then on to come to the end.
 *
 * Properties
 *   torn        all words of a delivered frame are of the record that was published there
 *   order       a frame is delivered once, and in the order of sending
 *   counted     received + missed == sent
 *   no corrupt  an honest writer never seems to lie
 *   arrives     the reader comes to the end
 *   room        a record is never written above head + size
 */

#ifndef RECORDS
#define RECORDS 5
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#define SIZE 4
#define CHUNK 2
#define TRIES 1 /* RESYNC_TRIES */
#define ATTEMPTS (RECORDS + DEATHS)

#define TAIL 0
#define HEAD 1
#define MARK(pos) (2 + (pos) % SIZE / CHUNK)
#define POS(pos) (4 + (pos) % SIZE)
#define SHAPE(pos) (8 + (pos) % SIZE)
#define LOCS 12
/* Entries: of the tail; of the others. */
#define FEW (ATTEMPTS / 2 + 3)
#define BASE(x) ((x) * FEW + ((x) != 0) * (ATTEMPTS + 2 - FEW))
#define ENTRIES (LOCS * FEW + ATTEMPTS + 2 - FEW)

#define THREADS 2
#define CLOCKS 1
#define WRITER 0
#define READER 1

#include "c11.pml"

/* What was written, by attempt (from 1); a writer that dies leaves one that was not published. */
byte length[ATTEMPTS + 1];
byte seq[ATTEMPTS + 1];
byte attempts;
byte at[2 * ATTEMPTS + 1];     /* the attempt that was published there */
byte seq_at[2 * ATTEMPTS + 1]; /* of the frame that a record there has, or will have */
byte sent;
byte deaths = DEATHS;
bool done;    /* the writer is */
bool settled; /* and all of it has reached the reader */

#if DEATHS
#define STEP(name) name: if :: deaths > 0 -> deaths--; goto died :: skip fi
#else
#define STEP(name) name: skip
#endif

active proctype writer()
{
	byte tail, head, next_seq, mark_chunk, lines, to;

send:
	if
	:: sent == RECORDS -> goto finished
	:: else
	fi;
	if
	:: lines = 1
	:: lines = 2
	fi;
	d_step {
		attempts++;
		length[attempts] = lines;
		seq[attempts] = next_seq;
		/* The lowest chunk at which the ring's end lies far enough away. */
		to = (tail + lines <= SIZE -> 0 : (tail + lines - SIZE + CHUNK - 1) / CHUNK * CHUNK);
	}
	if
	:: to > head ->
		head = to;
STEP(writer_raise_head);
		store(WRITER, HEAD, head);
#ifndef NO_H1
		/* H1 */
		fence_release(WRITER);
#endif
	:: else
	fi;
	assert(tail + lines - head <= SIZE); /* room */
STEP(writer_copy);
	if
	:: lines == 2 ->
		store(WRITER, SHAPE(tail + 1), attempts);
		/* The worst that a frame can hold there. */
		to = (tail + 2 > SIZE -> tail + 2 - SIZE : 0);
		store(WRITER, POS(tail + 1), to)
	:: else
	fi;
	to = 0;
STEP(writer_store_header);
	store(WRITER, SHAPE(tail), attempts);
	store(WRITER, POS(tail), tail + 1);
	if
	:: tail / CHUNK + 1 != mark_chunk ->
		mark_chunk = tail / CHUNK + 1;
STEP(writer_store_mark);
#ifndef BAD_MARK
		store(WRITER, MARK(tail), tail)
#else
		store(WRITER, MARK(tail), tail + 1)
#endif
	:: else
	fi;
STEP(writer_publish);
	atomic {
		d_step {
			at[tail] = attempts;
			tail = tail + lines;
			lines = 0;
			next_seq++;
			seq_at[tail] = next_seq;
			sent++;
		}
#ifndef NO_T1
		/* T1 */
		store_release(WRITER, TAIL, tail)
#else
		store(WRITER, TAIL, tail)
#endif
	}
	goto send;

#if DEATHS
died:
	/* take_over_positions(): the kernel dropped the slot's lock, another process took it. */
	d_step {
		see_all(WRITER);
		fence_full(WRITER);
		lines = 0;
		to = 0;
#ifndef BAD_TAKE_OVER
		tail = LATEST(TAIL);
		head = LATEST(HEAD);
#else
		/* As if the ring were empty below tail: head is what it was not. */
		tail = LATEST(TAIL);
		head = tail / CHUNK * CHUNK;
#endif
		next_seq = seq_at[tail];
		mark_chunk = (tail + CHUNK - 1) / CHUNK;
	}
	goto send;
#endif

finished:
	done = true
}

#ifndef NO_GAP
#define counted(frames) total = total + (frames)
#else
#define counted(frames) skip
#endif

active proctype reader()
{
	byte pos, tail, next_seq, word, got, head, mark, tries, lines, late;
	byte total; /* received and missed */
	byte n;

	done;
peek:
	if
	:: pos == tail ->
		if
		:: settled -> late++; assert(late < 4) /* arrives */
		:: !settled -> d_step { settled = true; see_all(READER) }
		:: !settled
		fi;
#ifndef NO_T2
		/* T2 (reader_look_at_tail) */
		load_acquire(READER, TAIL, tail);
#else
		load(READER, TAIL, tail);
#endif
		if
		:: pos == tail && settled -> goto finished
		:: pos == tail && !settled -> goto peek
		:: else
		fi
	:: else
	fi;

open:
	load(READER, SHAPE(pos), got);
	load(READER, POS(pos), word);
	if
	:: word != pos + 1 || got == 0 || length[got] > tail - pos ->
		d_step { word = 0; got = 0 }
		goto resync
	:: else -> d_step { lines = length[got]; word = 0 }
	fi;

	/* Copy. */
	if
	:: lines == 2 -> load(READER, SHAPE(pos + 1), word)
	:: else
	fi;

#ifndef NO_H2
	/* H2 (reader_validate) */
	fence_acquire(READER);
#endif
	load(READER, HEAD, head);
	if
#ifndef NO_COMMIT
	:: head > pos -> d_step { got = 0; word = 0; head = 0; lines = 0 } goto resync
#endif
	:: else
	fi;
	d_step {
		assert(got == at[pos] && (lines == 1 || word == got)); /* torn */
		assert(seq[got] >= next_seq);                          /* order */
		counted(seq[got] - next_seq);
		total++;
		next_seq = seq[got] + 1;
		pos = pos + lines;
		got = 0; word = 0; head = 0; lines = 0; tries = 0;
	}
	goto peek;

resync:
	if
	:: tries == TRIES + 1 -> tries = 0; goto peek
	:: else -> tries++
	fi;
	fence_acquire(READER);
	load(READER, HEAD, head);
	load_acquire(READER, TAIL, tail);
	assert(head > pos); /* no corrupt */
	/* Any of the marks may be the best one: which of them is no matter of safety. */
	if
	:: load(READER, MARK(0), mark)
	:: load(READER, MARK(CHUNK), mark)
	:: mark = 0
	fi;
	if
#ifndef NO_MARK_BOUND
	:: mark >= head + SIZE / 4 && mark < tail && mark > pos ->
#else
	:: mark >= head + SIZE / 4 && mark > pos ->
#endif
		d_step { pos = mark; mark = 0; head = 0 }
		goto open
	:: else
	fi;

	/* go_to_tail() */
	d_step {
		pos = tail;
		counted(seq_at[tail] - next_seq);
		next_seq = seq_at[tail];
		mark = 0; head = 0; tries = 0;
	}
	goto peek;

finished:
	assert(pos == LATEST(TAIL)); /* arrives */
	assert(total == sent)        /* counted */
}
