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
 * everybody waits for ever. Ports of ours first claim the spare word, which
 * NetBSD never looks at, by compare-and-swap from 0; so it is a lock among
 * ours, with an owner:
 *
 *   bits  0..7   number of the port; 0: nobody's
 *   bits  8..27  the offset that last is about to get  \ only while
 *   bit  28      gen before, modulo 2                  | bit 31 is set
 *   bit  29      the port holds the bus's lock         |
 *   bit  31      last and gen are being changed; with  |
 *                an offset beyond the data: the ring   |
 *                is being repaired                    /
 *   bit  30      alone, the port watches the lock: it is NetBSD's, or (bit 28)
 *                that of a dead port of ours or NetBSD's; bits 8..27 are by chance
 *
 *   lock spare    state                   who leaves it, and how
 *   0    0        free                    anybody: NetBSD takes the lock, ours claim
 *   0    id       claimed                 id: takes the lock, or drops the claim
 *                                         id is dead: another one's claim from now on
 *   1    0        NetBSD's                NetBSD: lets go
 *                                         who may break it: watches it
 *   1    watch    stuck                   NetBSD: lets go
 *                                         another one: watches it, if nothing has come of it
 *                                         for twice the time
 *                                         the watcher, if nothing has changed: for break_ns,
 *                                         signs as the one who repairs; with bit 28, for a
 *                                         fifth of a second, has it
 *   0    watch    free                    anybody: as 0 0
 *   1    id       id has just taken the lock or is about to let go, or NetBSD was faster
 *                                         id, or NetBSD
 *                                         id is dead: another one watches it, with bit 28
 *   1    id,held  id's                    id: drops bit 29, then the lock, then the claim
 *                                         id is dead: another one takes it over, and
 *                                         finishes what bit 31 says was begun
 *
 * Time counts from when the watch stands in the spare word, as until it is
 * replaced no port of ours can let the lock go. Else somebody slow could take
 * for stuck what others have freed meanwhile, and a kernel that lives has got
 * (tests/model/shmif_lock.pml).
 *
 * What a dead port left is taken over with its number locked, so that no new
 * port can get the number meanwhile and be robbed. The lock word itself only
 * ever goes from 0 to 1 by compare-and-swap, and from 1 to 0 by its holder.
 */

#include "shmbus_shmif_bus.h"

/* What a would-be holder remembers; one per thread that takes the lock. */
struct shmbus_shmif_lock_wait {
	uint64_t break_ns; /* after which a foreign lock is broken; 0: never */
	/* The lock, stuck, as it was seen first: */
	uint64_t since_ns; /* 0: it was not; later by the times in which nobody looked */
	uint64_t looked_ns; /* when that was last */
	uint64_t asked_ns; /* when the kernel was last asked for its holder */
	uint32_t lock;
	uint32_t spare;
	uint32_t word; /* by which this thread watches; 0: none yet */
	uint32_t first;
	uint32_t last;
	uint64_t gen;
	uint64_t known_end; /* position where a record is known to have ended; 0: none */
	/* Counts: */
	shmbus_a64 busy; /* times it was not had */
	shmbus_a64 broken_ours;
	shmbus_a64 broken_foreign;
};

/*
 * Take the lock, in a short and bounded time. False: not now. Never sleeps;
 * makes a system call only when the lock has been stuck for a while.
 */
bool shmbus_shmif_lock(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *watch);

/*
 * For one who has nothing to ask the lock for: is it held, and its holder
 * dead? Then free it; the others may all be waiting for it. As bounded.
 */
void shmbus_shmif_lock_recover(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *watch);

/* Let it go. end: of the newest record as loaded or published last, 0 if unknown. */
void shmbus_shmif_unlock(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *watch,
			 uint64_t end);

/*
 * Clear away what the last port of this one's number left when it died. For
 * opening; sleeps up to a fraction of a second.
 */
void shmbus_shmif_lock_inherit(const struct shmbus_shmif *bus);

/*
 * For shmbus_shmif_append: from here until this port publishes or lets the lock
 * go, the ring must be repaired if the port dies.
 */
void shmbus_shmif_lock_ask_repair(const struct shmbus_shmif *bus);

/* For shmbus_shmif_publish: last and gen are about to become so, and have. */
void shmbus_shmif_lock_intent(const struct shmbus_shmif *bus, uint64_t gen, uint32_t last);
void shmbus_shmif_lock_intent_done(const struct shmbus_shmif *bus);

#endif /* SHMBUS_SHMIF_LOCK_H */
