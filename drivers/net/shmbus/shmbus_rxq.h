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
#include "base/station/shmbus_gate.h"
#include "base/station/shmbus_lanes_rx.h"
#include "base/station/shmbus_shmif_rx.h"
#include "shmbus_frame.h"
#include "shmbus_log.h"
#include "shmbus_stats.h"

/* The largest number of spare mbufs that an Rx queue holds. */
#define SHMBUS_STASH 64
/* The smallest number of mbufs that is taken from the pool at once. */
#define SHMBUS_REFILL 32

/* Bits of shmbus_rxq.flags: work beyond the copy of frames into mbufs. */
#define SHMBUS_RX_DOWN (1u << 0)     /* the queue or the link is down, or the port has no bus */
#define SHMBUS_RX_SCATTER (1u << 1)  /* frames may take several mbufs */
#define SHMBUS_RX_FILTER (1u << 2)   /* by address and VLAN: shmbus_filter.h */
#define SHMBUS_RX_STEER (1u << 3)    /* RSS or flow rules: shmbus_steer.h */
#define SHMBUS_RX_COMPLETE (1u << 4) /* offloads: shmbus_frame.h */
#define SHMBUS_RX_SHARED (1u << 5)   /* other queues of the port read the same lanes */
#define SHMBUS_RX_DIRECTED (1u << 7) /* frames may be directed: shmbus_switch.h */
#define SHMBUS_RX_REQUESTS (1u << 6) /* within a burst only: a frame with a request was met */

struct shmbus_rxq_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t too_long;
	uint64_t filtered;
	uint64_t refused; /* frames that do not fit their requests */
};

/* A frame that was copied into the queue's own memory and is delivered from there. */
struct shmbus_held {
	uint8_t *bytes; /* SHMBUS_FRAME_MAX rounded up to lines, the queue's own; lanes only */
	uint32_t len;   /* 0: no frame is held */
	bool segments;  /* deliver in segments, by tso; else whole, in a chain */
	struct shmbus_tso tso;
	struct shmbus_frame frame;
};

/*
 * The queue's thread writes the fields, with these exceptions. Control threads and the link
 * poll write flags, max_len, max_lro, own_mac and hash_wanted (shmbus_queues_update). Control
 * threads write offloads. The setup writes the fields that never change.
 */
struct __rte_cache_aligned shmbus_rxq {
	shmbus_a32 flags;
	struct shmbus_gate gate; /* of bursts without SHMBUS_RX_STEER; closed by that flag */
	uint16_t port_id;
	uint16_t queue_id;
	uint16_t room;     /* bytes of data in one mbuf */
	uint16_t n_stash;
	uint32_t max_len;  /* longest frame that is delivered */
	uint64_t mbuf_init;  /* rearm data */
	uint64_t mbuf_flags; /* flags that mbufs of this pool always have */
	uint64_t own_mac;    /* the port's address as 8 bytes of which the last two are 0 */
	struct rte_mempool *pool;
	struct shmbus_rxq_stats stats;
	struct shmbus_held held;
	uint32_t max_lro;     /* longest TCP packet that is delivered whole (LRO) */
	uint64_t tstamp_flag; /* flag of an mbuf with a timestamp */
	int tstamp_off;       /* offset of the timestamp in an mbuf */
	bool hash_wanted;     /* mbufs get the RSS hash */

	rte_spinlock_t steer_lock; /* shmbus_steer.h */
	const struct shmbus_steer_table *table; /* during a burst, while steer_lock is held */

	struct rte_mbuf *stash[SHMBUS_STASH];

	/* From the setup: */
	uint64_t offloads;
	uint16_t nb_desc;
	uint8_t drop_en;
	bool deferred; /* not started with the port */
	int socket;    /* NUMA node of memory; SOCKET_ID_ANY */

	void *memory; /* memory of the following structures (rxq_use) */
	union {
		struct shmbus_lanes_rx lanes;
		struct {
			struct shmbus_shmif_rx shmif;
			struct shmbus_shmif_told told;
		};
	};

	struct shmbus_queue_counts reset_at; /* counters at stats_reset; any thread */
};

#endif /* SHMBUS_RXQ_H */
