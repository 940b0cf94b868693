/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Restart: a control path sets the link of a port down and up, CYCLES times,
 * while the thread of an Rx queue polls. Before the link goes up again the
 * control path puts the queue's readers into place, with their cursors
 * (reader_hold), at the end of the bus, and counts a restart. A poll may have
 * looked at its flags long ago.
 *
 * All readers of the queue are one word here: the number of the cycle in which
 * they were put into place. The flags also carry the number of their cycle,
 * for the assertion; the queue only looks whether they are odd, which is down.
 *
 * Not covered: the words of the readers are stored and copied one by one. If
 * the link goes down and up twice while one poll lasts, this poll may read
 * words of both restarts; the next poll takes over the later restart.
 *
 * Properties
 *   in place   a queue that takes a restart gets the readers of this restart,
 *              or of a later one
 *   fresh      a poll that sees the link up again does not read on from where
 *              the queue was before
 */

#ifndef CYCLES
#define CYCLES 3
#endif
#ifndef POLLS
#define POLLS 4
#endif

#define FLAGS 0
#define RESTART 1
#define RESTART_AT 2
#define LOCS 3
#define EACH (2 * CYCLES + 1)
#define BASE(x) ((x) * EACH)
#define ENTRIES (LOCS * EACH)

#define THREADS 2
#define CLOCKS 1
#define CONTROL 0
#define QUEUE 1

#include "c11.pml"

inline store_flags(flags)
{
#ifndef NO_R4
	/* R4 */
	store_release(CONTROL, FLAGS, flags)
#else
	store(CONTROL, FLAGS, flags)
#endif
}

active proctype control()
{
	byte cycle;

	do
	:: cycle == CYCLES -> break
	:: else ->
		cycle++;
		store_flags(2 * cycle - 1);
		/* prepare_restart() */
		store(CONTROL, RESTART_AT, cycle);
#ifndef NO_R1
		/* R1 */
		store_release(CONTROL, RESTART, cycle);
#else
		store(CONTROL, RESTART, cycle);
#endif
		store_flags(2 * cycle)
	od
}

inline load_restart(into)
{
#ifndef NO_R2
	/* R2 */
	load_acquire(QUEUE, RESTART, into)
#else
	load(QUEUE, RESTART, into)
#endif
}

active proctype queue()
{
	byte polls, flags, restart, seen, place;
	byte n;

	do
	:: polls == POLLS -> break
	:: else ->
		polls++;
#ifndef NO_R3
		/* R3 */
		load_acquire(QUEUE, FLAGS, flags);
#else
		load(QUEUE, FLAGS, flags);
#endif
		if
		:: flags % 2 == 1
		:: else ->
			load_restart(restart);
			if
			:: restart != seen ->
				/* take_restart() */
				load_restart(seen);
				load(QUEUE, RESTART_AT, place);
				assert(place >= seen) /* in place */
			:: else
			fi;
			assert(2 * place >= flags) /* fresh */
		fi
	od
}
