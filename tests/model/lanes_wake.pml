/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Sleeping and waking: SENDERS senders, each with a lane, and QUEUES Rx queues
 * of one port, which reads all lanes: each queue hears of every record. (That
 * a queue reads all is more than it does; it makes both wait for both.) The port
 * begins to use interrupts while the senders are sending.
 *
 * With DEATHS the port's slot had an owner before, which used interrupts, or began
 * to, and died; and perhaps another one, which died while it took over. Senders
 * ask now and then whether the port lives that they watch, and forget a dead one.
 *
 * With DIRECTED the bus is a switch: each record is for the port, or for another one,
 * as it happens. A sender rings for records for the port alone, and the port does not
 * stay awake for others. (Both know of every record whom it is for: that is part of the
 * record, which edge T orders.)
 *
 * The bell is inotify's: what was rung stays until it is drained, and all who
 * watch hear it. It is not counted on to bring anything but the wake-up.
 *
 * Properties
 *   no lost wake-up  who sleeps with something to read is rung for: else all
 *                    come to stand still, which is no valid end
 *   once             for each sleep a sender rings once at most
 */

#ifndef SENDERS
#define SENDERS 1
#endif
#ifndef QUEUES
#define QUEUES 1
#endif
#ifndef RECORDS
#define RECORDS 2
#endif
#ifndef DEATHS
#define DEATHS 0
#endif

#define TAIL(s) (s)
#define CHANGES (SENDERS)
#define STATE (SENDERS + 1)
#define SLEEPS (SENDERS + 2)
#define SLEEPING(q) (SENDERS + 3 + (q))
#define LOCS (SENDERS + 3 + QUEUES)
/* A sleep ends by a ring: a sender's, or one's own, for something that is then read. */
#define EACH (4 * QUEUES * SENDERS * RECORDS + 2)
#define BASE(x) ((x) * EACH)
#define ENTRIES (LOCS * EACH)

#define CLOCKS (SENDERS + QUEUES)
#define THREADS CLOCKS
#define SENDER(s) (s)
#define QUEUE(q) (SENDERS + (q))

#include "c11.pml"

bool rung[QUEUES];
bool began;
byte own[SENDERS]; /* bits: the records that are for the port */
#if DEATHS
bool owned; /* the slot's lock is held: the kernel knows at once */
#endif

inline ring()
{
	d_step {
		rung[0] = true;
#if QUEUES > 1
		rung[1] = true;
#endif
	}
}

proctype sender(byte s)
{
	byte tail, seen_at, changes, flag, sleeps, q;
	byte woken; /* counts from 1 here, as seen_at does: 0 is that of nobody */
	bool watches, wake;
	byte n;

	do
	:: tail == RECORDS -> break
	:: else ->
		tail++;
#ifdef NO_W3
		/* The compiler takes the load first. */
		load(SENDER(s), CHANGES, changes);
#endif
		/* T1 (writer_publish) */
		store_release(SENDER(s), TAIL(s), tail);
#ifndef NO_W3
		/* W3 (wake_look_at_changes) */
		load(SENDER(s), CHANGES, changes);
#endif
		if
		:: changes + 1 != seen_at || watches ->
			/* shmbus_waker_look() */
#ifndef NO_W5
			/* W5 (wake_look_at_changes) */
			load_acquire(SENDER(s), CHANGES, changes);
#else
			load(SENDER(s), CHANGES, changes);
#endif
			if
			:: changes + 1 != seen_at ->
				load(SENDER(s), STATE, flag);
				d_step {
					watches = flag;
					flag = 0;
					woken = 0;
					seen_at = changes + 1;
				}
			:: else
			fi;
#if DEATHS
			/* forget_dead(): each time or never, as it likes */
			if
			:: watches ->
				load(SENDER(s), STATE, flag);
				if
#ifndef NO_ASK
				:: !flag || !owned ->
#else
				:: true ->
#endif
#ifdef QUIET_AT_NEWEST
					load(SENDER(s), CHANGES, changes);
					seen_at = changes + 1;
#endif
					watches = false
				:: true
				fi;
				flag = 0
			:: true
			fi;
#endif
			if
			:: watches ->
#ifndef NO_W2
				/* W2 (wake_look_at_flags) */
				fence_full(SENDER(s));
#endif
				q = 0;
				do
				:: q < QUEUES ->
#ifndef NO_W7
					/* W7 (wake_look_at_flags) */
					load_acquire(SENDER(s), SLEEPING(q), flag);
#else
					load(SENDER(s), SLEEPING(q), flag);
#endif
					if
					:: flag -> load(SENDER(s), SLEEPS, sleeps); break
					:: else -> q++
					fi
				:: else -> break
				od;
				if
#ifdef DIRECTED
#ifndef LAST_RECEIVER
				:: !(own[s] >> (tail - 1) & 1) -> skip
#else
				/* The receivers of the burst before. */
				:: tail == 1 || !(own[s] >> (tail - 2) & 1) -> skip
#endif
				:: else ->
#else
				:: true ->
#endif
				if
#ifndef NO_SLEEPS
				:: flag && woken != sleeps + 1 -> woken = sleeps + 1; wake = true
#else
				:: flag && woken == 0 -> woken = 1; wake = true
#endif
				:: else
				fi
				fi;
				d_step { flag = 0; sleeps = 0; q = 0 }
				if
				:: wake -> ring(); wake = false /* wake_ring */
				:: else
				fi
			:: else
			fi
		:: else
		fi;
		changes = 0
	od
}

/* The port's records at position p or above. */
#define UNREAD(s, p) (own[s] >> (p))
#if SENDERS > 1
#define ALL_READ (UNREAD(0, pos[0]) == 0 && UNREAD(1, pos[1]) == 0)
#else
#define ALL_READ (UNREAD(0, pos[0]) == 0)
#endif

proctype queue(byte q)
{
	byte pos[SENDERS], tail, s;
	bool pending;
	byte n;

	if
	:: q == 0 ->
#if DEATHS
		/* The slot's lock orders its owners, so they are one thread here. */
		owned = true;
		store(QUEUE(q), STATE, 1);
		if
		:: add_one_release(QUEUE(q), CHANGES) /* wake_tell */
		:: true
		fi;
		owned = false;
#ifndef LOCK_LATE
		owned = true;
#endif
		store(QUEUE(q), STATE, 0);
		if
		:: add_one_release(QUEUE(q), CHANGES) /* attach_end_intr */
		:: owned = false; /* the next one finds nothing to be counted */
#ifndef LOCK_LATE
			owned = true
#endif
		fi;
#endif
		/* port_store_state, then shmbus_wake_tell() */
		store(QUEUE(q), STATE, 1);
#ifndef NO_W4
		/* W4 (wake_tell) */
		add_one_release(QUEUE(q), CHANGES);
#else
		add_one(QUEUE(q), CHANGES);
#endif
#ifndef NO_MEMBARRIER
		/* A full fence here, then in every thread, and here. */
		fence_full(QUEUE(q));
		fence_full(SENDER(0));
#if SENDERS > 1
		fence_full(SENDER(1));
#endif
		fence_full(QUEUE(q));
#endif
#if DEATHS && defined(LOCK_LATE)
		owned = true;
#endif
		began = true
	:: else -> began; fence_full(QUEUE(q)) /* the application's own matter */
	fi;

	do
	:: ALL_READ -> break
	:: else ->
		/* Go to sleep: rx_queue_intr_enable(). */
		rung[q] = false;
		/* wake_count_sleep */
		add_one(QUEUE(q), SLEEPS);
#ifndef NO_W6
		/* W6 (wake_set_flag) */
		store_release(QUEUE(q), SLEEPING(q), 1);
#else
		store(QUEUE(q), SLEEPING(q), 1);
#endif
#ifndef NO_W1
		/* W1 (wake_flag_set) */
		fence_full(QUEUE(q));
#endif
		s = 0;
		do
		:: s < SENDERS ->
			load(QUEUE(q), TAIL(s), tail);
			d_step {
				pending = pending || (UNREAD(s, pos[s]) != UNREAD(s, tail) << (tail - pos[s]));
				s++
			}
		:: else -> break
		od;
		if
#ifndef NO_LOOK
		:: pending -> ring()
#endif
		:: else
		fi;
		d_step { pending = false; tail = 0; s = 0 }

		/* no lost wake-up */
		rung[q];

		/* wake_clear_flag */
		store(QUEUE(q), SLEEPING(q), 0);
		do
		:: s < SENDERS ->
			/* T2 (reader_look_at_tail) */
			load_acquire(QUEUE(q), TAIL(s), tail);
			d_step { pos[s] = tail; s++ }
		:: else -> break
		od;
		skip; /* break may not lead into d_step */
		d_step { s = 0; tail = 0 }
	od
}

init {
	byte i;

	atomic {
		do
		:: i == SENDERS * RECORDS -> break
		:: i < SENDERS * RECORDS ->
			own[i / RECORDS] = own[i / RECORDS] | 1 << (i % RECORDS);
			i++
#ifdef DIRECTED
		:: i < SENDERS * RECORDS -> i++
#endif
		od;
		run sender(0);
#if SENDERS > 1
		run sender(1);
#endif
		run queue(0);
#if QUEUES > 1
		run queue(1);
#endif
	}
}
