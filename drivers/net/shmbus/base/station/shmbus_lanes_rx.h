/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_LANES_RX_H
#define SHMBUS_LANES_RX_H

/*
 * The receiving half of a station on lanes: the set of lanes that one Rx
 * queue, or a monitor, reads.
 *
 * Theory of operation
 *
 * Each lane of each slot belongs to one Rx queue of a port, or to all its
 * queues if they share their lanes, even if no port owns the slot. A queue
 * that starts puts a reader at the tail of each of its lanes and activates a
 * cursor there. So it receives all frames that are sent from then on, also
 * from ports that come later, however late the queue notices them. The active
 * list only names the lanes that are worth polling. It follows the roster.
 *
 *   shmbus_lanes_rx_due()           a refresh or a restart is due: _attend()
 *   shmbus_lanes_rx_next() x n      the active lanes by turns, without empty ones
 *   shmbus_reader_...()             the caller reads from the lane
 *   shmbus_lanes_rx_publish()       the cursor moves; a sender that sleeps for that wakes up
 *   shmbus_lanes_rx_polled()        counts polls until the next refresh
 *
 * Restart: another thread wants the queue to begin anew at the current tails
 * (the link went up). It puts readers and cursors into place
 * (shmbus_lanes_rx_prepare_restart). The queue's thread reads nothing
 * meanwhile, and takes the readers over at its next poll.
 *
 *   R1  restart, release   the readers in restart_at are in place
 *   R2  restart, acquire   with R1
 *
 * Limit: a second restart that is prepared while a poll takes over the first
 * one changes the readers under its copy. This poll may miscount lost frames or
 * corrupt records; the next poll takes over the second restart. The edges are in
 * tests/model/lanes_restart.pml.
 *
 * Sharing: a port whose queues have lanes of their own can let all queues read
 * all lanes, without a loss and while frames come (shmbus_lanes_rx_share).
 *
 * The processes of a port may share the memory of a queue. It holds no pointer
 * into the mapping: each call gets the process's own bus.
 */

#include "shmbus_backoff.h"
#include "shmbus_pollers.h"
#include "shmbus_port.h"
#include "shmbus_directed.h"
#include "shmbus_notice.h"
#include "shmbus_room.h"

/*
 * A queue looks at the roster after this many polls; an idle poll counts
 * SHMBUS_ROSTER_IDLE times.
 */
#define SHMBUS_ROSTER_EVERY 256
#define SHMBUS_ROSTER_IDLE 16
/* On a switch at each of so many looks it steps over what is for others, so that its counts follow. */
#define SHMBUS_PASS_EVERY 16

struct shmbus_lanes_rx_conf {
	uint32_t slot;     /* of the port; SHMBUS_NO_SLOT: a monitor, without cursors */
	uint32_t queue;    /* number of the Rx queue */
	uint32_t n_queues; /* Rx queues of the port, among which the lanes are divided */
	uint32_t turn;     /* the numbers of the queues that read the lanes are so many higher */
	bool shared;       /* all queues read all lanes */
	bool loopback;     /* also read the port's own lanes */
	bool oldest;       /* begin with the oldest frames; monitors only */
	bool mirror;       /* also frames that are directed to other slots; a monitor always */
	uint32_t prefault; /* a refresh faults in new lanes of up to these bytes; 0: none */
	uint32_t backoff_ticks; /* shmbus_backoff.h; 0: never back off */
	struct shmbus_pollers *pollers; /* of the port; NULL: of a monitor, or unknown */
};

struct shmbus_lanes_rx_counts {
	uint64_t missed;
	uint64_t skipped;
	uint64_t overruns;
	uint64_t corrupt;
};

/*
 * An active lane. These entries lie close together: a poll that finds nothing
 * reads them and the words that it watches, and touches no reader.
 */
struct shmbus_lanes_rx_active {
	uint64_t empty_at; /* nothing is to be done while the word is this; or the next */
	uint32_t lane;
	uint32_t watch; /* the word's offset in the file: a tail, or on a switch a notice */
};
/* No word of an honest sender. With this one a sender hides its own lane, and nothing else. */
#define SHMBUS_NOT_EMPTY UINT64_MAX

/* Only the queue's thread writes these fields, except restart and restart_at. */
struct shmbus_lanes_rx {
	shmbus_a32 restart; /* another thread adds one when restart_at is in place */
	uint32_t restart_seen;
	uint32_t idle;     /* polls before the next look at the roster */
	uint32_t looks;    /* at the roster */
	uint16_t n_active;
	uint16_t turn;     /* the next active lane */
	struct shmbus_lanes_rx_active *active; /* the lanes to poll */
	struct shmbus_reader *readers; /* [n_lanes] */
	struct shmbus_backoff *backoffs; /* [n_lanes] */
	struct shmbus_lanes_rx_conf conf;
	uint32_t n_lanes;
	uint32_t own_lane; /* the first of the port's own lanes */
	uint32_t own_lanes; /* their number */
	uint32_t *roster;  /* [slots] as last seen */
	struct shmbus_reader *restart_at; /* [n_lanes] */
	struct shmbus_lanes_rx_counts past; /* counters of the readers of earlier starts */
};

/* Returns the bytes of memory that shmbus_lanes_rx_init() needs for a bus of this geometry. */
size_t shmbus_lanes_rx_size(const struct shmbus_geometry *geo);

/*
 * Initialises rx. memory: zeros, aligned to a cache line; the caller's, and in
 * use until the last call for rx.
 */
void shmbus_lanes_rx_init(struct shmbus_lanes_rx *rx, const struct shmbus_geometry *geo,
			  void *memory);

/* Puts readers at the tails of the lanes. Senders wait for this queue from now on. */
void shmbus_lanes_rx_start(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx,
			   const struct shmbus_lanes_rx_conf *conf);

/* Releases the cursors. Frames that were not received do not count as missed. */
void shmbus_lanes_rx_stop(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx);

/*
 * Prepares a restart (see above). Another thread calls this, while the queue's
 * thread does not poll.
 */
void shmbus_lanes_rx_prepare_restart(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx);

/*
 * Lets a started queue read all lanes from now on, not only its own: the other lanes from
 * their tails on, and senders wait for it there, too. Its own readers go on where they are,
 * after a restart that is due.
 * Another thread calls this for each started queue of the port, while no queue is polled, and
 * shmbus_lanes_rx_shared() afterwards.
 */
void shmbus_lanes_rx_share(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx);

/*
 * Returns the position in a lane from which all n queues read it, after
 * shmbus_lanes_rx_share(). Below that position a frame belongs to the lane's own queue alone,
 * which alone counts the losses there, too.
 */
uint64_t shmbus_lanes_rx_shared(const struct shmbus_bus *bus,
				struct shmbus_lanes_rx *const *queues, uint32_t n, uint32_t lane);

/*
 * Returns the first position in a lane that none of n started queues has read. A record that
 * a queue has opened counts as read. No queue is polled meanwhile.
 */
uint64_t shmbus_lanes_rx_reached(struct shmbus_lanes_rx *const *queues, uint32_t n, uint32_t lane);

/* Returns whether a restart is due. */
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

/* Takes over a restart, refreshes the active list, and answers senders that sleep for room. */
void shmbus_lanes_rx_attend(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx);

/* Refreshes the active list if the roster has changed. */
void shmbus_lanes_rx_refresh(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx);

/*
 * Returns the reader of an active lane, and maps the lane. NULL: the process
 * has no address space for it now.
 */
static inline struct shmbus_reader *
shmbus_lanes_rx_reader(struct shmbus_bus *bus, struct shmbus_lanes_rx *rx, uint32_t lane)
{
	/* With the release in shmbus_bus_map_lane(): another queue may have mapped the lane. */
	if (shmbus_load_acquire(&bus->lane_prot[lane]) == SHMBUS_LANE_UNMAPPED &&
	    shmbus_bus_map_lane(bus, lane, SHMBUS_LANE_READ) != 0)
		return NULL;
	return &rx->readers[lane];
}

/* Returns the word that the queue watches of an active lane. */
static inline uint64_t
shmbus_lanes_rx_word(const struct shmbus_bus *bus, const struct shmbus_lanes_rx_active *a)
{
	return shmbus_load((const shmbus_a64 *)(const void *)(bus->control + a->watch));
}

/* Returns whether this word is a notice. */
static inline bool
shmbus_lanes_rx_has_notice(const struct shmbus_bus *bus, const struct shmbus_lanes_rx_active *a)
{
	return a->watch >= bus->geo.notice_off;
}

/*
 * Steps over all frames of an active lane if its notice, which is word, says that none of them is for
 * the queue's slot. Returns whether it does.
 */
bool shmbus_lanes_rx_pass_lane(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx,
			       struct shmbus_lanes_rx_active *a, uint64_t word);

/*
 * Returns the next active lane that is not known to be empty, or to have nothing for the queue. left: the number
 * of lanes that are left of this round, n_active at its begin. NULL: the round
 * is over.
 */
static inline struct shmbus_lanes_rx_active *
shmbus_lanes_rx_next(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx, uint32_t *left)
{
	const struct shmbus_lanes_rx_active *const end = rx->active + rx->n_active;
	struct shmbus_lanes_rx_active *a = rx->active + rx->turn;
	uint32_t n = *left;
	uint64_t word = 0;

	do {
		/* A loop of its own: gcc makes the lanes with something in them the unlikely case. */
		for (; n != 0; n--, a++) {
			if (a >= end)
				a = rx->active;
			/* Not an end of edge T: nothing below this tail is read; the reader loads it again. */
			word = shmbus_lanes_rx_word(bus, a);
			if (word != a->empty_at)
				break;
		}
		if (n == 0) {
			rx->turn = (uint16_t)(a - rx->active);
			*left = 0;
			return NULL;
		}
		n--;
	} while (shmbus_lanes_rx_has_notice(bus, a++) &&
		 shmbus_lanes_rx_pass_lane(bus, rx, a - 1, word));
	rx->turn = (uint16_t)(a - rx->active);
	*left = n;
	return a - 1;
}

/* Notes how the queue leaves a lane from shmbus_lanes_rx_next(), read or not. */
static inline void
shmbus_lanes_rx_leave(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx,
		      struct shmbus_lanes_rx_active *a)
{
	const struct shmbus_reader *r = &rx->readers[a->lane];
	uint64_t word = r->pos;
	bool empty = r->left == 0 && r->pos == r->tail &&
		     shmbus_backoff_is_idle(&rx->backoffs[a->lane]);

	if (shmbus_lanes_rx_has_notice(bus, a)) {
		/* A notice above is of a record that comes, or of a sender that died before it. */
		word = r->notice;
		empty &= shmbus_notice_is_below(word, r->pos);
	}
	a->empty_at = empty ? word : SHMBUS_NOT_EMPTY;
}

/* Wakes the sender of r's lane if it sleeps until r's cursor has moved, and the cursor has. */
void shmbus_lanes_rx_answer(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx,
			    struct shmbus_reader *r);

/* Publishes the cursor of r's lane for its sender, and wakes the sender if it sleeps for that. */
static inline void
shmbus_lanes_rx_publish(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx,
			struct shmbus_reader *r)
{
	if (rx->conf.slot == SHMBUS_NO_SLOT)
		return;
	shmbus_reader_publish(r, shmbus_bus_cursor(bus, rx->conf.slot, rx->conf.queue, r->lane));
	if (shmbus_room_is_asked(bus, r))
		shmbus_lanes_rx_answer(bus, rx, r);
}

/* Publishes the count of frames that were stepped over in r's lane, on a bus of version 2. */
static inline void
shmbus_lanes_rx_publish_skipped(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx,
				const struct shmbus_reader *r)
{
	if (rx->conf.slot != SHMBUS_NO_SLOT)
		shmbus_reader_publish_skipped(r, shmbus_bus_cursor(bus, rx->conf.slot,
								   rx->conf.queue, r->lane));
}

/*
 * Returns the slot whose frames the queue reads in a lane besides those for everybody, for
 * shmbus_reader_pass(). A port with loopback gets all that it sends, wherever it is directed.
 */
static inline uint32_t
shmbus_lanes_rx_reads_for(const struct shmbus_lanes_rx *rx, uint32_t lane)
{
	if (rx->conf.mirror || lane - rx->own_lane < rx->own_lanes)
		return SHMBUS_ALL_SLOTS;
	/* A monitor has no slot: SHMBUS_NO_SLOT is SHMBUS_ALL_SLOTS. */
	return rx->conf.slot;
}

/* Notes that this thread's poll of all active lanes returned got frames. */
static inline void
shmbus_lanes_rx_polled(struct shmbus_lanes_rx *rx, uint32_t got)
{
	const uint32_t cost = got != 0 ? 1 : SHMBUS_ROSTER_IDLE;

	if (rx->conf.pollers != NULL)
		shmbus_pollers_note(rx->conf.pollers, rx->conf.queue);
	rx->idle = rx->idle > cost ? rx->idle - cost : 0;
}

/*
 * Returns the number of frames that are published on the queue's lanes and not
 * received, those that the queue will step over included. Changes nothing; any thread may call it.
 */
uint64_t shmbus_lanes_rx_waiting(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx);

/*
 * Returns whether the next poll would get a frame, or get past one that is invalid. A word
 * of a peer that leads to neither keeps no queue awake, nor do frames that are directed to other
 * slots. Refreshes the active list. If it returns false, it has answered senders that sleep for
 * room. For the queue's thread.
 */
bool shmbus_lanes_rx_pending(struct shmbus_bus *bus, struct shmbus_lanes_rx *rx);

/*
 * Adds the counters of all starts of the queue to counts. Any thread may call
 * it. Queues that share their lanes count the same losses; each adds its part,
 * so that their sum is right.
 */
void shmbus_lanes_rx_count(const struct shmbus_lanes_rx *rx, struct shmbus_lanes_rx_counts *counts);

#endif /* SHMBUS_LANES_RX_H */
