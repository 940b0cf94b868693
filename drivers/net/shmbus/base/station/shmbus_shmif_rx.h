/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_RX_H
#define SHMBUS_SHMIF_RX_H

/*
 * The receiving half of a station on a shmif bus: one Rx queue, or a monitor.
 *
 * Theory of operation
 *
 * The station reads the bus in pieces, into memory of the queue's own
 * (shmbus_shmif_reader.h), so no other process can change the bytes that it
 * checks. A port reads with the bus's lock, a monitor without it
 * (shmbus_shmif_monitor.h). If the lock is not available within a bounded time
 * there is nothing to read for now. No call sleeps, except where wait_ms
 * allows it.
 *
 * Restart: as in shmbus_lanes_rx.h.
 */

#include "shmbus_backoff.h"
#include "shmbus_shmif_monitor.h"
#include "shmbus_shmif_reader.h"

/* Pieces that one call fetches if they hold no frame for the station. */
#define SHMBUS_SHMIF_FETCHES 8

struct shmbus_shmif_rx_conf {
	bool monitor;  /* read without the lock */
	bool loopback; /* also read the station's own frames */
	bool oldest;   /* begin with the oldest frame; monitors only */
	uint64_t lock_break_ns; /* time after which NetBSD's lock is broken; 0: never */
	uint32_t backoff_ticks; /* shmbus_backoff.h; 0: never back off */
};

struct shmbus_shmif_rx {
	shmbus_a32 restart; /* as in struct shmbus_lanes_rx */
	uint32_t restart_seen;
	bool start_later; /* a monitor that has yet to find the oldest frame */
	struct shmbus_backoff backoff;
	struct shmbus_shmif_rx_conf conf;
	struct shmbus_shmif_reader reader;
	uint64_t restart_at; /* position */
};

/* Initialises rx. memory: SHMBUS_SHMIF_PIECE bytes, the caller's. */
void shmbus_shmif_rx_init(struct shmbus_shmif_rx *rx, void *memory);

/* Begins behind the newest frame, or with the oldest. Waits up to wait_ms for the lock. */
void shmbus_shmif_rx_start(const struct shmbus_shmif *bus, struct shmbus_shmif_rx *rx,
			   const struct shmbus_shmif_rx_conf *conf, unsigned int wait_ms);

/* Discards the frames that are fetched and not yet read. */
void shmbus_shmif_rx_stop(struct shmbus_shmif_rx *rx);

/*
 * Prepares a restart. Another thread calls this, while the queue's thread does
 * not poll. Waits up to wait_ms for the lock.
 */
void shmbus_shmif_rx_prepare_restart(const struct shmbus_shmif *bus, struct shmbus_shmif_rx *rx,
				     unsigned int wait_ms);

static inline bool
shmbus_shmif_rx_restarts(const struct shmbus_shmif_rx *rx)
{
	/* R2 (shmif_rx_restart): with R1 */
	return shmbus_load_acquire(&rx->restart) != rx->restart_seen;
}

static inline void
shmbus_shmif_rx_take_restart(struct shmbus_shmif_rx *rx)
{
	rx->restart_seen = shmbus_load_acquire(&rx->restart);
	shmbus_shmif_reader_go(&rx->reader, rx->restart_at);
}

/*
 * Fetches the next piece. Returns false if there is nothing now. fetches: how
 * many more pieces the call may fetch.
 */
bool shmbus_shmif_rx_fetch(const struct shmbus_shmif *bus, struct shmbus_shmif_rx *rx,
			   unsigned int *fetches);

/* Returns whether the piece holds a frame. Fetches the next piece if there is none. */
static inline bool
shmbus_shmif_rx_has_next(const struct shmbus_shmif *bus, struct shmbus_shmif_rx *rx,
			 unsigned int *fetches)
{
	return shmbus_shmif_has_next(&rx->reader) || shmbus_shmif_rx_fetch(bus, rx, fetches);
}

/* Reads the next frame of the piece. Returns false if the frame is not for the station. */
static inline bool
shmbus_shmif_rx_next(const struct shmbus_shmif *bus, struct shmbus_shmif_rx *rx,
		     struct shmbus_shmif_frame *frame)
{
	shmbus_shmif_next(&rx->reader, frame);
	/* Receivers skip short records; the first record of a new bus is one of these. */
	return frame->len >= SHMBUS_SHMIF_FRAME_MIN &&
	       (rx->conf.loopback || frame->sender != bus->sender);
}

/* As in shmbus_lanes_rx.h. All frames that are not fetched yet count as one. */
uint64_t shmbus_shmif_rx_waiting(const struct shmbus_shmif *bus, const struct shmbus_shmif_rx *rx);
bool shmbus_shmif_rx_pending(const struct shmbus_shmif *bus, const struct shmbus_shmif_rx *rx);

#endif /* SHMBUS_SHMIF_RX_H */
