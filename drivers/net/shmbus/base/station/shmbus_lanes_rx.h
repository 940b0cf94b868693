/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_LANES_RX_H
#define SHMBUS_LANES_RX_H

/*
 * The receiving half of a station on lanes: the set of lanes that one Rx queue,
 * or a monitor, reads.
 *
 * Theory of operation
 *
 * Every lane of every slot belongs to one Rx queue of a port, or to all of its
 * queues if they are sharers, whether a port owns the slot or not. When a queue
 * starts it has a reader at the tail of each of its lanes, and an active cursor:
 * all frames that are sent from then on are received, also those of ports that
 * come later, however late the queue notices them. The active list only says
 * which lanes are worth a look. It follows the roster.
 *
 *   shmbus_lanes_rx_due()           a refresh or a restart is due: _attend()
 *   shmbus_lanes_rx_lane() x n      the active lanes by turns
 *   the caller reads from it        shmbus_reader.h
 *   shmbus_lanes_rx_done()          the cursor moves, the back-off learns
 *
 * Restart: another thread than the queue's wants the queue to begin anew where
 * the bus is now (the link went up). It puts readers and cursors into place
 * (shmbus_lanes_rx_prepare_restart) and the queue's thread, which reads nothing
 * in between, takes them over at its next poll.
 *
 *   R1  restart, release   the readers in restart_at are in place
 *   R2  restart, acquire   with R1
 *
 * The memory of a queue may be shared by the processes of a port. It holds no
 * pointer into the mapping: each call gets the process's own bus.
 */

#include "shmbus_backoff.h"
#include "shmbus_port.h"
#include "shmbus_reader.h"

/* The roster is looked at after this many polls; idle polls count SHMBUS_ROSTER_IDLE times. */
#define SHMBUS_ROSTER_EVERY 256
#define SHMBUS_ROSTER_IDLE 16

struct shmbus_lanes_rx_conf {
	uint32_t slot;     /* of the port; SHMBUS_NO_SLOT: a station that has no cursors */
	uint32_t queue;    /* the Rx queue's number */
	uint32_t n_queues; /* Rx queues of the port, over which the lanes are divided */
	bool shared;       /* all of them read all lanes */
	bool loopback;     /* the port's own lanes, too */
	bool oldest;       /* begin with the oldest frames; only without cursors */
	uint32_t backoff_ticks; /* shmbus_backoff.h; 0: never back off */
};

struct shmbus_lanes_rx_counts {
	uint64_t missed;
	uint64_t overruns;
	uint64_t corrupt;
};

/* The queue's thread writes all of it but restart and restart_at. */
struct shmbus_lanes_rx {
	shmbus_a32 restart; /* another thread adds one when restart_at is in place */
	uint32_t restart_seen;
	uint32_t idle;     /* polls until the roster is looked at again */
	uint16_t n_active;
	uint16_t turn;     /* which active lane is asked first */
	uint16_t *active;  /* lanes that are polled */
	struct shmbus_reader *readers; /* [n_lanes] */
	struct shmbus_backoff *backoffs; /* [n_lanes] */
	struct shmbus_lanes_rx_conf conf;
	uint32_t n_lanes;
	uint32_t *roster;  /* [slots] as last seen */
	struct shmbus_reader *restart_at; /* [n_lanes] */
	struct shmbus_lanes_rx_counts past; /* of the readers of earlier starts */
};

/* Bytes of memory that shmbus_lanes_rx_init wants for a bus of this geometry. */
size_t shmbus_lanes_rx_size(const struct shmbus_geometry *geo);

/* memory: zeros, aligned to a cache line, the caller's; its last use is after the last call. */
void shmbus_lanes_rx_init(struct shmbus_lanes_rx *rx, const struct shmbus_geometry *geo,
			  void *memory);

/* Put readers at the tails of the lanes; senders wait for them from now on. */
void shmbus_lanes_rx_start(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx,
			   const struct shmbus_lanes_rx_conf *conf);

/* Release the cursors. What was not received is not counted as missed. */
void shmbus_lanes_rx_stop(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx);

/* See "Restart". By another thread, while the queue's thread does not poll. */
void shmbus_lanes_rx_prepare_restart(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx);

/* Does the queue's thread have to call shmbus_lanes_rx_attend() before it polls? */
static inline bool
shmbus_lanes_rx_restarts(const struct shmbus_lanes_rx *rx)
{
	/* R2 (lanes_rx_restart): with R1 */
	return shmbus_load_acquire(&rx->restart) != rx->restart_seen;
}

static inline bool
shmbus_lanes_rx_due(const struct shmbus_lanes_rx *rx)
{
	return rx->idle == 0 || shmbus_lanes_rx_restarts(rx);
}

/* Take over a restart, and look at the roster. */
void shmbus_lanes_rx_attend(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx);

/* Look at the roster, and list the active lanes anew if it has changed. */
void shmbus_lanes_rx_refresh(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx);

/* The reader of an active lane, mapped. NULL: there is no address space for it now. */
static inline struct shmbus_reader *
shmbus_lanes_rx_reader(struct shmbus_bus *bus, struct shmbus_lanes_rx *rx, uint32_t lane)
{
	if (shmbus_load(&bus->lane_prot[lane]) == SHMBUS_LANE_UNMAPPED &&
	    shmbus_bus_map_lane(bus, lane, SHMBUS_LANE_READ) != 0)
		return NULL;
	return &rx->readers[lane];
}

/* The active lane whose turn it is. There is one: at most n_active calls in a row make sense. */
static inline uint32_t
shmbus_lanes_rx_turn(struct shmbus_lanes_rx *rx)
{
	if (rx->turn >= rx->n_active)
		rx->turn = 0;
	return rx->active[rx->turn++];
}

/* Tell the sender of r's lane how far this queue has come. */
static inline void
shmbus_lanes_rx_publish(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx,
			const struct shmbus_reader *r)
{
	if (rx->conf.slot != SHMBUS_NO_SLOT)
		shmbus_reader_publish(r, shmbus_bus_cursor(bus, rx->conf.slot, rx->conf.queue, r->lane));
}

/* A poll of all active lanes has got so many frames. */
static inline void
shmbus_lanes_rx_polled(struct shmbus_lanes_rx *rx, uint32_t got)
{
	const uint32_t cost = got != 0 ? 1 : SHMBUS_ROSTER_IDLE;

	rx->idle = rx->idle > cost ? rx->idle - cost : 0;
}

/* Frames published on the queue's lanes and not received. Changes nothing; any thread. */
uint64_t shmbus_lanes_rx_waiting(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx);

/* Is there anything on the queue's lanes that was not received? By the queue's thread. */
bool shmbus_lanes_rx_pending(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx);

/*
 * Add what all starts of the queue have counted. Any thread. Of what all sharers
 * count alike each adds its part, so that the sum over them is right.
 */
void shmbus_lanes_rx_count(const struct shmbus_lanes_rx *rx, struct shmbus_lanes_rx_counts *counts);

#endif /* SHMBUS_LANES_RX_H */
