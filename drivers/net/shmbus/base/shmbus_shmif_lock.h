/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_LOCK_H
#define SHMBUS_SHMIF_LOCK_H

/*
 * The lock of a shmif bus, and what becomes of it when its holder dies.
 *
 * Theory of operation
 *
 * NetBSD's lock is one word, 0 or 1, with no owner: if its holder dies,
 * everybody waits for ever. Ports of ours write who they are into the spare
 * word while they hold it:
 *
 *   bits  0..7   number of the port; 0: not one of ours, or nobody
 *   bits  8..27  the offset that last is about to get  \ only while
 *   bits 28..30  gen before, modulo 8                  | bit 31 is set
 *   bit  31      last and gen are being changed; with an offset beyond the
 *                data: the ring is being repaired      /
 *
 *   lock spare     state           leaves it
 *   0    0         free            -> taken: compare-and-swap, anybody
 *   1    0         taken: NetBSD's, or ours for the instant before it signs
 *                                  -> signed: its holder, if ours
 *                                  -> free: its holder, if NetBSD's
 *                                  -> signed: a breaker, if nothing has
 *                                     changed for break_ns
 *   1    id        signed          -> free: its holder: spare first, then lock
 *                                  -> signed by another: a breaker, if id is dead
 *
 * Breaking is taking over, never letting go: the lock word stays 1 throughout.
 * Breakers exclude each other by an open-file-description lock, and look again
 * at what they saw once they have it. The one who takes over repairs the ring
 * before anything else.
 */

#include "shmbus_shmif_ring.h"

/* What a would-be holder remembers; one per thread that takes the lock. */
struct shmbus_shmif_watch {
	uint64_t break_ns;  /* after which a foreign lock is broken; 0: never */
	uint64_t since_ns;  /* when the bus was first seen so; 0: it is not */
	uint64_t asked_ns;  /* when the kernel was last asked for its holder */
	uint64_t gen;       /* so */
	uint32_t first;
	uint32_t last;
	uint32_t spare;
	uint64_t known_end; /* position where a record is known to have ended; 0: none */
	uint64_t busy;      /* times it was not had */
	uint64_t broken_ours;
	uint64_t broken_foreign;
};

/*
 * Take the lock, in a short and bounded time. False: not now. Never sleeps;
 * makes a system call only when the lock has been stuck for a while.
 */
bool shmbus_shmif_lock(const struct shmbus_shmif *bus, struct shmbus_shmif_watch *watch);

/* Let it go. end: of the newest record as loaded or published last, 0 if unknown. */
void shmbus_shmif_unlock(const struct shmbus_shmif *bus, struct shmbus_shmif_watch *watch,
			 uint64_t end);

/* Free a lock that the last port of this one's number left when it died. For opening. */
void shmbus_shmif_lock_inherit(const struct shmbus_shmif *bus);

/* For shmbus_shmif_publish. */
void shmbus_shmif_lock_intent(const struct shmbus_shmif *bus, uint64_t gen, uint32_t last);
void shmbus_shmif_lock_intent_done(const struct shmbus_shmif *bus);

#endif /* SHMBUS_SHMIF_LOCK_H */
