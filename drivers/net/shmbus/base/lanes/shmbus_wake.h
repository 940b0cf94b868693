/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_WAKE_H
#define SHMBUS_WAKE_H

/*
 * Sleeping readers, and who wakes them.
 *
 * Theory of operation
 *
 * A sleeper watches the bus file with inotify, which gives a descriptor to
 * poll and needs no handshake. Who wakes it writes four bytes into the file
 * with pwrite(2). (A store into the mapping nobody hears of.) That wakes all
 * who watch the file; those it was not meant for look, and sleep again.
 *
 *   sleeper, an Rx queue                    sender, a Tx queue
 *   drain the descriptor                    publish a burst: tail
 *   port's sleeps + 1, sleeping[rxq] = 1    W2: full fence
 *   W1: full fence                          sleeping[rxq] set? sleeps new?
 *   tails of all lanes that it reads        then ring
 *   something there: ring, for itself
 *
 * Lost wake-up: with both fences it cannot be that the sender sees the old
 * flag and the sleeper the old tail. So the sleeper does not sleep, or it is
 * rung for, and after it has drained: what was rung stays in the descriptor.
 *
 * Once for each sleep: a sender remembers the count of sleeps that it last
 * rang for, and rings again when there is a later one. A port that died in its
 * sleep costs every sender one ring, and then nothing but looking, until it is
 * forgotten (below).
 *
 * No fence where nobody sleeps: the count of changes in the bell says when a
 * port has begun to use interrupts, or ceased to. As long as it stands where
 * it did when no port used them, a sender does nothing but load it; neither
 * that load nor the store of tail is held up. So it could load the old count
 * while its tail is still on the way, and the sleeper miss both. Therefore a
 * port that begins counts itself, and then has a membarrier(2) put a full
 * fence into every running thread of the machine, before its first sleep.
 * For each burst of each sender, the load of the count comes
 *   W3  before that fence: then so does the store of tail, and the sleeper's
 *       look at the tails sees it; or
 *   W3  after it: then it sees the change, and the sender takes the fenced way.
 * The compiler must keep the load behind the store: a fence for it alone.
 * A system without membarrier(2) gives the stores time instead: no processor
 * keeps one for milliseconds.
 *
 * Dead ports: a port that is killed while it uses interrupts counts nothing, and
 * all senders would take the fenced way for good. So a sender on that way asks
 * the kernel every 4096th time whether the ports live that it watches, and
 * forgets the dead ones. With none left it is where it was before any port used
 * interrupts, at the count of changes that it saw last. That is safe: a dead
 * port does not sleep. The slot's next owner has the slot's lock before its state
 * has the bit, so it counts as alive; it counts a change when it takes over the
 * slot, another one when it begins to use interrupts, and then has its fence in
 * every thread before its first sleep, as any port that begins. A sender that has
 * forgotten the dead one, and loads the count of changes before that fence, has
 * stored its tail before it, too (W3).
 *
 * Words that several write: changes (all ports), sleeps (all queues of a
 * port). They are only ever added to, and a lie in them costs time only.
 *
 * Like a writer, a waker holds no pointer into the mapping.
 */

#include "shmbus_bus.h"
#include "shmbus_notify.h"
#include "shmbus_step.h"

/* What a sender knows of a port that uses interrupts. */
struct shmbus_sleeper {
	uint64_t woken; /* its sleeps, when it was last rung for */
	uint32_t slot;
	uint32_t n_rxq;
};

/* A sender's part: exactly one Tx queue. */
struct shmbus_waker {
	uint64_t quiet_at; /* changes, when nobody was found to be watched; UINT64_MAX: somebody was */
	uint64_t seen_at;  /* changes, when was last looked who is */
	uint64_t rings;
	uint32_t looks; /* since the start, modulo 2^32 */
	uint32_t lane;
	uint32_t n;
	struct shmbus_sleeper *sleepers; /* [ports] */
};

/* sleepers has as many elements as the bus has ports, and lives as long. */
void shmbus_waker_start(const struct shmbus_bus *bus, struct shmbus_waker *w, uint32_t lane,
			struct shmbus_sleeper *sleepers);

/* Somebody may be asleep: look, and wake them. */
void shmbus_waker_look(const struct shmbus_bus *bus, struct shmbus_waker *w);

/* After each burst that was published. */
static inline void
shmbus_waker_published(const struct shmbus_bus *bus, struct shmbus_waker *w)
{
	/* W3 (wake_look_at_changes): see above */
	SHMBUS_STEP(wake_look_at_changes);
	shmbus_fence_compiler();
	if (shmbus_load(&shmbus_bus_bell(bus)->changes) != w->quiet_at)
		shmbus_waker_look(bus, w);
}

/* Wake all who watch the file. */
int shmbus_wake_ring(const struct shmbus_bus *bus);

/*
 * The port's state has SHMBUS_PORT_RX_INTR from now on, or no longer. Takes
 * milliseconds if it begins: no queue of it may sleep before this returns.
 */
void shmbus_wake_tell(const struct shmbus_bus *bus, bool begins);

/*
 * Go to sleep: after this look at the tails. By the queue's thread, with the
 * descriptor drained and the cursors of the queue active.
 */
void shmbus_wake_sleep(const struct shmbus_bus *bus, uint32_t slot, uint32_t rxq);
void shmbus_wake_rise(const struct shmbus_bus *bus, uint32_t slot, uint32_t rxq);

#endif /* SHMBUS_WAKE_H */
