/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_LOCK_H
#define SHMBUS_SHMIF_LOCK_H

/*
 * The lock of a shmif bus, and its recovery when the holder dies.
 *
 * Theory of operation
 *
 * NetBSD's lock is one word, 0 or 1. It names no owner, so a holder that dies
 * blocks all ports for ever. A port of ours therefore first claims the spare
 * word, which NetBSD never reads, by compare-and-swap from 0. The spare word
 * is a lock among our ports, and it names its owner:
 *
 *   bits   meaning
 *   0-7    number of the port that wrote the word; 0: no port
 *   8-27   with bit 31: the next value of last; a value beyond the data means
 *          that the ring is being repaired. With bit 30 alone: random
 *   28     with bit 31: gen before the change, modulo 2. With bit 30 alone: the
 *          lock may be that of a dead port of ours, or NetBSD's
 *   29     the port holds the bus's lock
 *   30     without bits 29 and 31: the port watches the lock
 *   31     last and gen are being changed
 *
 *   state     lock  spare      meaning
 *   free      0     0          no port uses the lock
 *   free      0     watch      the same; a watch on a free lock has no effect
 *   claimed   0     id         port id is about to take the lock, or has just
 *                              released it
 *   taken     1     id         port id has just taken the lock or is about to
 *                              release it, or a NetBSD kernel was faster
 *   held      1     id, held   port id holds the lock
 *   foreign   1     0          a NetBSD kernel holds the lock
 *   watched   1     watch      the lock is stuck; a port measures for how long
 *
 *   from      by              condition              change               to
 *   free      NetBSD          -                      takes the lock       foreign
 *             a port          -                      claims               claimed
 *   claimed   port id         lock is 0              takes the lock       taken
 *             port id         NetBSD was faster      drops the claim      foreign
 *             port id         has released           drops the claim      free
 *             NetBSD          -                      takes the lock       taken
 *             another port    id is dead             claims in its place  claimed
 *   taken     port id         has taken the lock     sets bit 29          held
 *             port id         is releasing           clears the lock      claimed
 *             NetBSD          has taken the lock     clears the lock      claimed
 *             another port    id is dead             watches, bit 28 set  watched
 *   held      port id         -                      clears bit 29        taken
 *             another port    id is dead             takes over, then     held
 *                                                    finishes what bit 31
 *                                                    announces
 *   foreign   NetBSD          -                      clears the lock      free
 *             a port that     -                      watches, bit 28      watched
 *             may break locks                        clear
 *   watched   NetBSD          -                      clears the lock      free
 *             the watcher     bit 28 clear,          signs as repairer    held
 *                             unchanged: break_ns
 *             the watcher     bit 28 set,            holds the lock       held
 *                             unchanged: 200 ms
 *             another port    unchanged for twice    replaces the watch   watched
 *                             that time
 *
 * Time counts from the moment at which the watch stands in the spare word.
 * Until the watch is replaced no port of ours can release the lock. Without
 * this rule a slow port could mistake a lock for stuck that other ports have
 * freed meanwhile and a living kernel has taken (tests/model/shmif_lock.pml).
 *
 * A spare word that no port of ours writes is replaced after break_ns.
 *
 * A port locks the number of a dead port before it takes over what that port
 * left. Otherwise a new port could get the number meanwhile and lose its
 * claim. The lock word changes from 0 to 1 only by compare-and-swap, and from
 * 1 to 0 only by its holder.
 */

#include "shmbus_shmif_ring.h"

/* The state of a thread that waits for the lock. Each thread that takes the lock has one. */
struct shmbus_shmif_lock_wait {
	uint64_t break_ns; /* time after which NetBSD's lock is broken; 0: never */
	/* The stuck lock, as this thread first saw it: */
	uint64_t since_ns; /* 0: not stuck; later by the time in which this thread did not look */
	uint64_t looked_ns; /* time of the last look */
	uint64_t asked_ns; /* time of the last question to the kernel whether the holder lives */
	uint32_t lock;
	uint32_t spare;
	struct shmbus_shmif_words ring;
	uint32_t word; /* the watch of this thread; 0: none */
	uint64_t known_end; /* a position at which a record has ended; 0: not known */
	/* Counters: */
	shmbus_a64 busy; /* attempts that failed */
	shmbus_a64 broken_ours;
	shmbus_a64 broken_foreign;
};

/*
 * Takes the lock within a short, bounded time. Returns false if the lock is
 * not available now. Never sleeps; makes a system call only if the lock has
 * been stuck for a while.
 */
bool shmbus_shmif_lock(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w);

/*
 * Frees the lock if its holder has died. An idle port calls this: the port
 * does not need the lock, but other ports may be blocked on it. Bounded as
 * shmbus_shmif_lock().
 */
void shmbus_shmif_lock_recover(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w);

/* Releases the lock. end: end of the newest record as last loaded or published; 0: not known. */
void shmbus_shmif_unlock(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w,
			 uint64_t end);

/*
 * Clears what the last port with this port's number left in the spare word.
 * Part of opening a bus; sleeps for a fraction of a second at most.
 */
void shmbus_shmif_lock_inherit(const struct shmbus_shmif *bus);

#endif /* SHMBUS_SHMIF_LOCK_H */
