/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_RXQ_H
#define SHMBUS_RXQ_H

/* An Rx queue. */

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_spinlock.h>

#include "base/station/shmbus_finish.h"
#include "base/station/shmbus_lanes_rx.h"
#include "base/station/shmbus_shmif_rx.h"
#include "shmbus_frame.h"
#include "shmbus_log.h"

/* Spare mbufs that an Rx queue holds at most. */
#define SHMBUS_STASH 64
/* Taken from the pool at once, if it has them. */
#define SHMBUS_REFILL 32

/* Bits of shmbus_rxq.flags: why to copy frames into mbufs is not enough. */
#define SHMBUS_RX_DOWN (1u << 0)     /* the queue or the link is, or there is no bus */
#define SHMBUS_RX_SCATTER (1u << 1)  /* frames may take several mbufs */
#define SHMBUS_RX_FILTER (1u << 2)   /* by address and VLAN: shmbus_filter.h */
#define SHMBUS_RX_STEER (1u << 3)    /* RSS or flow rules: shmbus_steer.h */
#define SHMBUS_RX_COMPLETE (1u << 4) /* offloads: shmbus_frame.h */
#define SHMBUS_RX_SHARED (1u << 5)   /* other queues of the port read the same lanes */
#define SHMBUS_RX_REQUESTS (1u << 6) /* within a burst only: frames with requests are there */

struct shmbus_rxq_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t too_long;
	uint64_t filtered;
	uint64_t refused; /* frames that are not what their requests say */
};

/* A frame that was copied out of its lane and is being delivered from there. */
struct shmbus_held {
	uint8_t *bytes; /* SHMBUS_FRAME_MAX rounded up to lines, the queue's own; lanes only */
	uint32_t len;   /* 0: there is none */
	bool segments;  /* it is delivered in segments, made by tso; else whole, in a chain */
	struct shmbus_tso tso;
	struct shmbus_frame frame;
};

/* Its thread writes all of it but flags, by which other threads tell it something. */
struct __rte_cache_aligned shmbus_rxq {
	shmbus_a32 flags;
	uint16_t port_id;
	uint16_t queue_id;
	uint16_t room;     /* of one mbuf */
	uint16_t n_stash;
	uint32_t max_len;  /* longest frame that is delivered */
	uint64_t mbuf_init;  /* rearm data */
	uint64_t mbuf_flags; /* that mbufs of this pool always have */
	uint64_t own_mac;    /* the port's address as 8 bytes of which the last two are 0 */
	struct rte_mempool *pool;
	struct shmbus_rxq_stats stats;
	struct shmbus_held held;
	uint32_t max_lro;     /* longest frame that is delivered for others to segment */
	uint64_t tstamp_flag; /* of an mbuf with a time, */
	int tstamp_off;       /* and where in it that is */
	bool hash_wanted;     /* in mbufs */

	rte_spinlock_t steer_lock; /* shmbus_steer.h */
	const struct shmbus_steer_table *table; /* while it is held */

	struct rte_mbuf *stash[SHMBUS_STASH];

	/* As it was set up: */
	uint64_t offloads;
	uint16_t nb_desc;
	uint8_t drop_en;
	bool deferred; /* not started with the port */

	void *memory; /* of what follows */
	union {
		struct shmbus_lanes_rx lanes;
		struct {
			struct shmbus_shmif_rx shmif;
			struct shmbus_shmif_told told;
		};
	};
};

#endif /* SHMBUS_RXQ_H */
