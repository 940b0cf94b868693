/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_WAKE_H
#define SHMBUS_WAKE_H

/*
 * Sleeping readers, and the senders that wake them.
 *
 * Theory of operation
 *
 * A sleeper watches the bus file with inotify, which provides a descriptor for
 * poll(2) and needs no handshake. A sender wakes it by a pwrite(2) of four
 * bytes into the file; a store into the mapping wakes nobody. The write wakes
 * all processes that watch the file. A queue without new frames looks at its
 * lanes and sleeps again.
 *
 *   sleeper, an Rx queue                    sender, a Tx queue
 *   drain the descriptor                    publish a burst: tail
 *   port's sleeps + 1, sleeping[rxq] = 1    W2: full fence
 *   W1: full fence                          sleeping[rxq] set? sleeps new?
 *   tails of all lanes that it reads        then ring
 *   something there: ring, for itself
 *
 * No wake-up is lost: with both fences it is impossible that the sender sees
 * the old flag and the sleeper the old tail. Either the sleeper sees the frame
 * and does not sleep, or the sender rings. The ring comes after the sleeper
 * has drained the descriptor, so the event stays there.
 *
 * A sender rings once for each sleep: it remembers the count of sleeps for
 * which it last rang, and rings again when the count is higher. A port that
 * died in its sleep costs every sender one ring. After that it costs a look
 * for each burst, until the sender forgets the port (below).
 *
 * Senders need no fence while no port uses interrupts. The count of changes in
 * the bell tells when a port begins or ceases to use interrupts. While the
 * count has the value of the last time without such ports, a sender only loads
 * the count. Neither this load nor the store of tail waits for anything, so a
 * sender could load the old count while its tail is still on the way, and the
 * sleeper could miss both. Therefore a port that begins adds to the count, and
 * then makes membarrier(2) put a full fence into every running thread of the
 * machine, before its first sleep. For each burst of each sender, the load of
 * the count comes
 *   W3  before that fence: then so does the store of tail, and the sleeper
 *       sees the tail when it looks; or
 *   W3  after it: then it sees the change, and the sender takes the fenced path.
 * The compiler must keep the load behind the store, so there is a fence for
 * the compiler alone. A system without membarrier(2) sleeps for some
 * milliseconds instead: no processor delays a store for that long.
 *
 * Dead ports: a port that is killed while it uses interrupts does not add to
 * the count, and all senders would stay on the fenced path for good. Therefore
 * a sender on that path asks the kernel at every 4096th burst whether the
 * ports that it watches live, and forgets the dead ones. Without any such port
 * the sender returns to the unfenced path, with the count of changes that it
 * saw last. This is safe: a dead port does not sleep. The slot's next owner
 * holds the slot's lock before its state has the bit, so it counts as alive.
 * It adds to the count when it takes over the slot and again when it begins to
 * use interrupts, and then has a fence put into every thread before its first
 * sleep, as any port that begins. If a sender that has forgotten the dead port
 * loads the count before that fence, its store of tail also comes before the
 * fence (W3).
 *
 * On a switch a sender rings only for the receivers of its burst, and for ports that see
 * all frames (SHMBUS_PORT_MIRROR). The other sleepers go on sleeping: they have no frame,
 * and the look before their sleep steps over those of others (shmbus_lanes_rx_pending).
 * The edges are the same: the sender knows the receivers before it publishes the burst.
 *
 * Words with several writers: changes (all ports) and sleeps (all queues of a
 * port). They are only ever added to, and a wrong value only costs time.
 *
 * Like a writer, a waker holds no pointer into the mapping.
 */

#include "shmbus_bus.h"
#include "shmbus_notify.h"
#include "shmbus_step.h"

/* A sender's view of a port that uses interrupts. */
struct shmbus_sleeper {
	uint64_t woken; /* the port's sleeps at the last ring for it */
	uint32_t slot;
	uint32_t n_rxq;
	bool mirror; /* it gets the frames that are directed to others, too */
};

/* The slots that have a frame in a burst. */
struct shmbus_receivers {
	bool all;
	uint64_t slots[SHMBUS_PORTS_MAX / 64];
};

/* The state of a sender, which is exactly one Tx queue. */
struct shmbus_waker {
	uint64_t quiet_at; /* changes when no port used interrupts; UINT64_MAX: a port does */
	uint64_t seen_at;  /* changes at the last search for such ports */
	uint64_t rings;
	uint32_t looks; /* since the start, modulo 2^32 */
	uint32_t lane;
	uint32_t n;
	bool ring_failed; /* the next look is for all sleepers */
	struct shmbus_sleeper *sleepers; /* [ports] */
};

/* Begins. sleepers has one element for each slot of the bus, and stays as long as w. */
void shmbus_waker_start(const struct shmbus_bus *bus, struct shmbus_waker *w, uint32_t lane,
			struct shmbus_sleeper *sleepers);

/* Looks for sleepers among the receivers, NULL: all, and wakes them. */
void shmbus_waker_look(const struct shmbus_bus *bus, struct shmbus_waker *w,
		       const struct shmbus_receivers *to);

/*
 * Wakes sleepers among the receivers of a burst if there may be any. The queue's thread calls
 * this after each published burst. to: NULL for all.
 */
static inline void
shmbus_waker_published_to(const struct shmbus_bus *bus, struct shmbus_waker *w,
			  const struct shmbus_receivers *to)
{
	/* W3 (wake_look_at_changes): see above */
	SHMBUS_STEP(wake_look_at_changes);
	shmbus_fence_compiler();
	if (shmbus_load(&shmbus_bus_bell(bus)->changes) != w->quiet_at)
		shmbus_waker_look(bus, w, to);
}

/* The same for a burst that everybody receives. */
static inline void
shmbus_waker_published(const struct shmbus_bus *bus, struct shmbus_waker *w)
{
	shmbus_waker_published_to(bus, w, NULL);
}

/* Wakes all processes that watch the file. Returns 0 or -errno. */
int shmbus_wake_ring(const struct shmbus_bus *bus);

/*
 * Announces that the port's state has SHMBUS_PORT_RX_INTR from now on, or no
 * longer. Takes milliseconds if begins is true: no queue of the port may sleep
 * before this returns.
 */
void shmbus_wake_tell(const struct shmbus_bus *bus, bool begins);

/*
 * Announce that a queue sleeps, and that it is awake again. The queue's thread
 * calls shmbus_wake_sleep() with the descriptor drained and the queue's
 * cursors active, and looks at the tails afterwards.
 */
void shmbus_wake_sleep(const struct shmbus_bus *bus, uint32_t slot, uint32_t rxq);
void shmbus_wake_rise(const struct shmbus_bus *bus, uint32_t slot, uint32_t rxq);

#endif /* SHMBUS_WAKE_H */
