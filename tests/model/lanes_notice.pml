/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The notices of a switch: a writer with one lane, and a reader that polls the lane's notice
 * for its slot, and reads the lane only if the notice says so. The writer may die at any step and
 * be succeeded by another. It runs first, see lanes_data.pml.
 *
 * A record is one line, and is for the reader's slot or for another one, as it happens. (The
 * record's own words are edge T's matter, and the number that belongs to a tail is
 * lanes_stamp.pml's.) A quarter of a lap is QUARTER records. A notice is the end of a record,
 * times 4, plus the count of quarters.
 *
 * Properties
 *   kept      no record for the slot is stepped over unread
 *   arrives   a reader that looks at nothing any more has read all that is for it
 *   follows   nor is its cursor behind by more than a quarter
 */

#ifndef RECORDS
#define RECORDS 4
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#define QUARTER 2

#define TAIL 0
#define NOTICE 1
#define LOCS 2
#define EACH (2 * (RECORDS + DEATHS) + 2)
#define BASE(x) ((x) * EACH)
#define ENTRIES (LOCS * EACH)

#define THREADS 2
#define CLOCKS 1
#define WRITER 0
#define READER 1

#include "c11.pml"

#define END(word) ((word) / 4)
#define WORD(end, at) ((end) * 4 + (at) / QUARTER % 4)

bool own_at[RECORDS + 1]; /* the record that was published there is for the slot */
byte deaths = DEATHS;
bool done;

#if DEATHS
#define STEP(name) name: if :: deaths > 0 -> deaths--; goto begin :: skip fi
#else
#define STEP(name) name: skip
#endif

#ifndef NO_D3
/* D3 (writer_store_notice) */
#define tell(word) store_release(WRITER, NOTICE, word)
#else
#define tell(word) store(WRITER, NOTICE, word)
#endif

inline store_notice()
{
	if
	:: own -> tell(WORD(tail + 1, tail + 1))
#ifndef NO_QUARTERS
	:: !own && (tail + 1) % QUARTER == 0 ->
		last = END(LATEST(NOTICE));
		tell(WORD(last, tail + 1));
		last = 0
#endif
	:: else
	fi
}

active proctype writer()
{
	byte tail, last;
	bool own;

begin:
	/* take_over_positions() */
	d_step {
		see_all(WRITER);
		fence_full(WRITER);
		own = false;
		last = 0;
		tail = LATEST(TAIL);
	}
	do
	:: tail == RECORDS -> break
	:: else ->
		if
		:: own = true
		:: own = false
		fi;
#ifndef NOTICE_LATE
STEP(writer_store_notice);
		store_notice();
#endif
STEP(writer_publish);
		atomic {
			d_step {
				own_at[tail] = own;
				tail++;
			}
#ifndef NO_D1
			/* D1 (writer_publish) */
			store_release(WRITER, TAIL, tail)
#else
			store(WRITER, TAIL, tail)
#endif
		}
#ifdef NOTICE_LATE
		tail--;
		store_notice();
		tail++;
#endif
		own = false
	od;
	done = true
}

/* No word: what a reader has seen of a lane that is not empty. */
#define NOT_EMPTY 255

active proctype reader()
{
	byte pos, tail, word, again_word, empty_at, looks;
	bool settled;
	byte n;

	done;
	empty_at = NOT_EMPTY;
again:
	if
	:: !settled -> d_step { settled = true; see_all(READER) }
	:: !settled
	:: settled
	fi;
	/* shmbus_lanes_rx_next() */
	load(READER, NOTICE, word);
	if
	:: word == empty_at -> goto idle
	:: else
	fi;
#ifndef NO_D4
	/* D4 (reader_look_at_notice) */
	fence_acquire(READER);
#endif
	if
	:: END(word) <= pos ->
		/* shmbus_reader_pass_lane() */
#ifndef NO_T2
		/* T2 (reader_look_at_tail) */
		load_acquire(READER, TAIL, tail);
#else
		load(READER, TAIL, tail);
#endif
#ifndef NO_D2
		/* D2 (reader_look_at_notice) */
		load(READER, NOTICE, again_word);
#else
		again_word = word;
#endif
		if
		:: END(again_word) <= pos ->
			do
			:: pos < tail ->
				assert(!own_at[pos]); /* kept */
				pos++
			:: else -> break
			od;
#ifndef NEWEST_NOTICE
			empty_at = word;
#else
			empty_at = again_word;
#endif
			goto idle
		:: else
		fi
	:: else
	fi;
	/* shmbus_reader_peek() and what follows */
	load_acquire(READER, TAIL, tail);
	d_step {
		if
		:: pos < tail -> pos = tail
		:: else
		fi;
		tail = 0;
	}
	/* shmbus_lanes_rx_leave() */
	if
#ifndef EMPTY_ANYWAY
	:: END(word) <= pos -> empty_at = word
	:: else -> empty_at = NOT_EMPTY
#else
	:: true -> empty_at = word
#endif
	fi;

idle:
	skip; /* goto may not lead into d_step */
	d_step { word = 0; again_word = 0; tail = 0 }
	if
	:: !settled -> goto again
	:: settled && looks < 3 -> looks++; goto again
	:: else
	fi;
	word = pos;
	do
	:: word < LATEST(TAIL) ->
		assert(!own_at[word]); /* arrives */
		word++
	:: else -> break
	od;
	assert(LATEST(TAIL) - pos <= QUARTER) /* follows */
}
