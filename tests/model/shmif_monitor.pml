/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A monitor of a shmif bus: it reads the ring without the lock, and writes
 * nothing, so that one of them stands for all. Those who write, ports of ours
 * and NetBSD kernels, come one after the other, as the lock has it
 * (shmif_lock.pml): one process is all of them.
 *
 * The ring has five units. A record is its header, one unit, and none or one
 * of a frame; a turn of ours appends up to two records, one of NetBSD's one.
 * The first record lies anywhere, so that a few come to the ring's end and
 * over it. What is no header looks like that of a record without a frame.
 *
 * The memory is that of C11. NetBSD's kernels run on x86 only, where stores are
 * seen in their order: theirs are release stores here. The monitor sees of all
 * that was stored what it likes, by the choice of the entries, so it can run
 * last. One of those who write may be stopped with the lock, at any step, for
 * longer than a monitor waits; what the monitor sees then is what there is,
 * and what it does then may meet all that comes after.
 *
 * Left out: a repair of the ring, and a copy that is only a part of it.
 * That first is raised before anything is overwritten (FIRST_LATE) matters only
 * where somebody is stopped with the lock: else that it is held says enough.
 *
 * Properties
 *   torn        a record that is handed out is what was published there, all of it
 *   no corrupt  an honest bus never seems to be damaged, or another one
 *   arrives     the monitor comes to the end
 */

#ifndef TURNS
#define TURNS 3
#endif
#ifndef STOPS
#define STOPS 0
#endif

#define SIZE 5
#define RECORDS (2 * TURNS)

#define GEN 0
#define LAST 1
#define FIRST 2
#define LOCK 3
#define SPARE 4
#define UNIT(pos) (5 + (pos) % SIZE)
#define LOCS 10
#define FEW (2 * TURNS + 1)
#define BASE(x) ((x) * FEW)
#define ENTRIES (LOCS * FEW)

#define THREADS 2
#define CLOCKS 1
#define WRITER 0
#define MONITOR 1

#include "c11.pml"

/* A unit: twice the number of the record, which is 0 for the first one; and 1 if it is a frame. */
byte length[RECORDS + 1];
byte records;
byte at[SIZE * 5]; /* the number + 1 of the record that was published at a position */
byte stops = STOPS;
bool stopped; /* with the lock, */
bool resumed; /* and goes on */
bool done;
bool settled; /* all has reached the monitor */

#define LEN(unit) ((unit) % 2 == 0 -> length[(unit) / 2] : 1)
#define OFF(pos) ((pos) % SIZE)
#define GEN_OF(pos) ((pos) / SIZE - 1)

#define MAY_STOP(name) \
	name: \
	if \
	:: skip \
	:: stops > 0 -> stops--; stopped = true; resumed \
	fi
/* Of ours: those of shmbus_step.h. */
#define STEP(name) MAY_STOP(name)

/* As far as is needed for end; one more where it ends with the data. */
inline find_first(to)
{
	d_step {
		raised = first;
		do
		:: (to) + (OFF(to) == 0) - raised > SIZE -> raised = raised + length[at[raised] - 1]
		:: else -> break
		od;
	}
}

active proctype writer()
{
	byte first, last, end, raised, turns, total, two;

	d_step {
		length[0] = 1;
	}
#ifdef BEGIN
	first = SIZE + BEGIN;
#else
	if
	:: first = SIZE
	:: first = SIZE + 1
	:: first = SIZE + 2
	:: first = SIZE + 3
	:: first = SIZE + 4
	fi;
#endif
	d_step {
		last = first;
		end = first + 1;
		at[first] = 1;
		value[ENTRY(FIRST, 0)] = OFF(first);
		value[ENTRY(LAST, 0)] = OFF(last);
		value[ENTRY(GEN, 0)] = GEN_OF(end);
	}

turn:
	if
	:: turns == TURNS -> goto finished
	:: else -> turns++
	fi;
	/* Another one's release fences are not its own. */
	d_step {
		rel[WRITER].upto[WRITER] = 0;
	}
	store(WRITER, LOCK, 1);
#ifndef OURS
	if
	:: goto ours
	:: goto netbsd
	fi;
#endif

ours:
	if
	:: total = 1; two = 0
	:: total = 2; two = 0
	:: total = 2; two = 1
	fi;
	find_first(end + total);
#ifndef FIRST_LATE
	if
	:: raised != first ->
STEP(shmif_raise_first);
		first = raised;
#ifndef NO_N3
		/* N3 */
		store_release(WRITER, FIRST, OFF(first));
#else
		store(WRITER, FIRST, OFF(first));
#endif
#ifdef B1_IF_RAISED
		fence_release(WRITER)
#endif
	:: else
	fi;
#endif
#if !defined(NO_B1) && !defined(B1_IF_RAISED)
	/* B1 */
	fence_release(WRITER);
#endif
STEP(shmif_copy);
	d_step {
		records++;
		length[records] = total - two;
	}
	store(WRITER, UNIT(end), 2 * records);
STEP(shmif_copy_rest);
	if
	:: total == 2 && two -> records++; length[records] = 1; store(WRITER, UNIT(end + 1), 2 * records)
	:: total == 2 && !two -> store(WRITER, UNIT(end + 1), 2 * records + 1)
	:: else
	fi;
#ifdef FIRST_LATE
	if
	:: raised != first -> first = raised; store(WRITER, FIRST, OFF(first))
	:: else
	fi;
#endif
	fence_release(WRITER);
	atomic {
		last = end + two;
		at[end] = records - two + 1;
		if
		:: two -> at[end + 1] = records + 1
		:: else
		fi;
		if
		:: GEN_OF(end + total) == LATEST(GEN) -> goto store_last
		:: else
		fi
	}
STEP(shmif_intent);
	store_release(WRITER, SPARE, 1);
STEP(shmif_wrap_last);
	store_release(WRITER, LAST, OFF(last));
STEP(shmif_wrap_gen);
	store_release(WRITER, GEN, GEN_OF(end + total));
STEP(shmif_intent_done);
	store_release(WRITER, SPARE, 0);
	goto unlock;
store_last:
STEP(shmif_store_last);
	store(WRITER, LAST, OFF(last));
	goto unlock;

netbsd:
	total = 1;
	if
	:: total = 2
	:: skip
	fi;
MAY_STOP(netbsd_last);
	d_step {
		records++;
		length[records] = total;
		last = end;
	}
	store_release(WRITER, LAST, OFF(last));
	find_first(end + 1);
	if
	:: raised != first ->
MAY_STOP(netbsd_first);
		first = raised;
		store_release(WRITER, FIRST, OFF(first))
	:: else
	fi;
MAY_STOP(netbsd_header);
	store_release(WRITER, UNIT(end), 2 * records);
	if
	:: total == 2 ->
		find_first(end + 2);
		if
		:: raised != first ->
MAY_STOP(netbsd_first_again);
			first = raised;
			store_release(WRITER, FIRST, OFF(first))
		:: else
		fi;
MAY_STOP(netbsd_frame);
		store_release(WRITER, UNIT(end + 1), 2 * records + 1)
	:: else
	fi;
	at[end] = records + 1;
	if
	:: GEN_OF(end + total) != LATEST(GEN) ->
MAY_STOP(netbsd_gen);
		store_release(WRITER, GEN, GEN_OF(end + total))
	:: else
	fi;

unlock:
	end = end + total;
	total = 0;
	two = 0;
	raised = 0;
STEP(shmif_unlock);
#ifndef NO_L2
	store_release(WRITER, LOCK, 0); /* L2 */
#else
	store(WRITER, LOCK, 0);
#endif
	goto turn;

finished:
	done = true
}

/* shmbus_shmif_words() */
inline words(g, l, f)
{
#ifndef LAST_FIRST
	load_acquire(MONITOR, GEN, g);
	load_acquire(MONITOR, LAST, l);
#else
	load_acquire(MONITOR, LAST, l);
	load_acquire(MONITOR, GEN, g);
#endif
	load(MONITOR, FIRST, f)
}

/* look() and shmbus_shmif_work_out(): found, or not. */
inline look(s_first, s_last, s_end)
{
	found = true;
#ifndef NO_N1
	/* N1 */
	words(gen, last, first);
#endif
#ifndef NO_N1_FENCE
	fence_acquire(MONITOR);
#endif
#ifndef NO_LOCK_LOOK
#ifndef NO_L1
	/* L1 */
	load_acquire(MONITOR, LOCK, word);
#else
	load(MONITOR, LOCK, word);
#endif
	found = (word == 0);
#endif
	if
	:: found ->
#ifdef NO_N1
		words(gen, last, first);
#endif
		load(MONITOR, UNIT(last), word);
#ifndef NO_N2_FENCE
		fence_acquire(MONITOR);
#endif
#ifndef NO_N2
		/* N2 */
		words(gen2, last2, first2);
		found = (gen == gen2 && last == last2 && first == first2)
#endif
	:: else
	fi;
	d_step {
		if
		:: found ->
			last = last + LEN(word);
			s_end = (gen + 1) * SIZE + last % SIZE;
			s_last = s_end - LEN(word);
			s_first = s_end - ((last % SIZE + SIZE - first - 1) % SIZE + 1)
		:: else
		fi;
		word = 0; gen = 0; last = 0; first = 0; gen2 = 0; last2 = 0; first2 = 0;
	}
}

/* shmbus_shmif_reader_copy() */
inline copy()
{
	assert(pos <= s_end); /* no corrupt */
	d_step {
		if
		:: pos == 0 -> from = s_last
		:: pos != 0 && pos < s_first -> from = s_first
		:: else -> from = pos
		fi;
		i = from;
	}
	do
	:: i < s_end -> load(MONITOR, UNIT(i), copied[i - from]); i++
	:: else -> break
	od
}

/* shmbus_shmif_reader_accept() */
inline accept()
{
	d_step {
		i = from;
		do
		:: i < s_end ->
			assert(i + LEN(copied[i - from]) <= s_end); /* no corrupt */
			assert(at[i] != 0 && copied[i - from] == 2 * (at[i] - 1) &&
			       (length[at[i] - 1] == 1 ||
				copied[i - from + 1] == copied[i - from] + 1)); /* torn */
			i = i + LEN(copied[i - from])
		:: else -> break
		od;
		pos = s_end;
	}
}

inline forget()
{
	d_step {
		i = 0;
		do
		:: i < SIZE -> copied[i] = 0; i++
		:: else -> break
		od;
		i = 0; from = 0; word = 0; found = false;
		gen = 0; last = 0; first = 0; gen2 = 0; last2 = 0; first2 = 0;
		s_first = 0; s_last = 0; s_end = 0; now_first = 0; now_last = 0; now_end = 0;
	}
}

active proctype monitor()
{
	byte pos; /* 0: to begin with the newest */
	byte copied[SIZE];
	byte gen, last, first, gen2, last2, first2; /* words, and the same words again */
	byte s_first, s_last, s_end;
	byte now_first, now_last, now_end;
	byte w_gen, w_last, w_first; /* words that the lock is stuck with */
	byte from, i, word, n, late;
	bool found, watching;

	/* shmbus_shmif_monitor_start() */
	done || stopped;
	if
	:: look(s_first, s_last, s_end);
		if
		:: found -> pos = s_first
		:: else
		fi;
		forget()
	:: skip
	fi;

fetch:
	done || (stopped && !resumed);
	if
	:: done && settled -> late++; assert(late < 4) /* arrives */
	:: done && !settled -> d_step { settled = true; see_all(MONITOR) }
	:: done && !settled
	:: !done -> goto wait
	:: !done
	fi;

	/* find_ring() */
	if
	:: watching ->
		words(gen, last, first);
		fence_acquire(MONITOR);
		load(MONITOR, LOCK, word);
		if
		:: word == 0 -> watching = false
		:: word != 0 && gen == w_gen && last == w_last && first == w_first -> goto stuck
		:: else -> d_step { w_gen = gen; w_last = last; w_first = first }
		fi;
		forget()
	:: else
	fi;
	look(s_first, s_last, s_end);
	if
	:: found -> watching = false
	:: else -> goto drop
	fi;
	assert(s_first <= s_last); /* no corrupt */
	copy();
#ifndef NO_WHOLE
#ifndef NO_B1_FENCE
	/* B1 */
	fence_acquire(MONITOR);
#endif
	look(now_first, now_last, now_end);
	if
	:: found && now_first >= s_first && now_end >= s_end && now_first <= from
	:: else -> goto drop
	fi;
#endif
	accept();
	if
	:: done && settled && pos == s_end -> goto finished
	:: else
	fi;
drop:
	skip;
	forget();
	goto fetch;

	/* is_stuck(): time has passed, and it has stood still. */
wait:
	skip;
	d_step {
		see_all(MONITOR);
		watching = true;
		w_gen = LATEST(GEN);
		w_last = LATEST(LAST);
		w_first = LATEST(FIRST);
		resumed = true;
	}
	done;
stuck:
	skip;
	/* work_out_stuck() */
	d_step {
		gen = w_gen; last = w_last; first = w_first; word = 0;
	}
#ifndef NO_INTENT
	load(MONITOR, SPARE, word);
	if
	:: word != 0 -> goto drop
	:: else
	fi;
#endif
	load(MONITOR, UNIT(last), word);
	if
#ifndef NO_LAP_END
	:: word % 2 == 0 && last + LEN(word) >= SIZE -> goto drop
#endif
	:: else
	fi;
	d_step {
		s_last = (gen + 1) * SIZE + last;
#ifndef READ_NEWEST
		s_end = s_last;
#else
		s_end = s_last + LEN(word);
#endif
		s_first = s_last - (last + SIZE - first) % SIZE;
	}
	if
	:: pos >= s_end -> goto drop
	:: else
	fi;
	copy();
#ifndef NO_UNMOVED
	fence_acquire(MONITOR);
	words(gen2, last2, first2);
	if
	:: gen2 == w_gen && last2 == w_last && first2 == w_first
	:: else -> goto drop
	fi;
#endif
	accept();
	goto drop;

finished:
	assert(pos == (LATEST(GEN) + 1) * SIZE + (LATEST(LAST) + LEN(LATEST(UNIT(LATEST(LAST))))) % SIZE)
	/* arrives */
}
