/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Gate: a control path closes the gate of an Rx queue whose thread executes
 * POLLS bursts, and then gives other lanes to the queue (reader_hold). A burst
 * has no fence: membarrier(2) executes one in the thread of the queue, at any
 * point of a burst, and in the control path before and after that.
 *
 * All readers of the queue are one word here: how often bursts have moved them.
 *
 * Not covered: the bursts behind the closed gate, which take a lock; several
 * queues, as the control path waits for one after the other; and a gate that
 * opens again, which needs no edge, as closed bursts hold the lock.
 *
 * Properties
 *   alone   no burst without a lock is executed while readers are changed
 *   whole   the control path finds the readers where the last burst has left them
 */

#ifndef POLLS
#define POLLS 5
#endif

#define CLOSED 0
#define BUSY 1
#define READERS 2
#define LOCS 3
#define EACH (2 * POLLS + 1)
#define BASE(x) ((x) * EACH)
#define ENTRIES (LOCS * EACH)

#define THREADS 2
#define CLOCKS 2
#define CONTROL 0
#define QUEUE 1

#include "c11.pml"

bool in_burst, changes;

inline leave()
{
#ifndef NO_R5
	/* R5 */
	store_release(QUEUE, BUSY, 0)
#else
	store(QUEUE, BUSY, 0)
#endif
}

active proctype queue()
{
	byte polls, closed, moved;
	byte n;

	do
	:: polls == POLLS -> break
	:: else ->
		polls++;
		store(QUEUE, BUSY, 1);
		load(QUEUE, CLOSED, closed);
		if
		:: closed == 0 ->
			in_burst = true;
			assert(!changes); /* alone */
			load(QUEUE, READERS, moved);
			store(QUEUE, READERS, moved + 1);
			in_burst = false
		:: else
		fi;
		leave()
	od
}

active proctype control()
{
	byte busy, moved;
	byte n;

	store(CONTROL, CLOSED, 1);
#ifndef NO_MEMBARRIER
	/* A full fence here, then in the queue's thread, and here. */
	fence_full(CONTROL);
	fence_full(QUEUE);
	fence_full(CONTROL);
#endif
	do
#ifndef NO_R6
	/* R6 */
	:: load_acquire(CONTROL, BUSY, busy);
#else
	:: load(CONTROL, BUSY, busy);
#endif
#ifndef NO_WAIT
		if
		:: busy == 0 -> break
		:: else
		fi
#else
		break
#endif
	od;
	changes = true;
	assert(!in_burst); /* alone */
	load(CONTROL, READERS, moved);
	assert(moved == LATEST(READERS)) /* whole */
}
