/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_TXQ_H
#define SHMBUS_TXQ_H

/* A Tx queue. */

#include <rte_common.h>

#include "base/shmif/shmbus_shmif_writer.h"
#include "base/station/shmbus_lanes_tx.h"
#include "shmbus_drop.h"
#include "shmbus_log.h"
#include "shmbus_stats.h"

/* Bits of shmbus_txq.flags. */
#define SHMBUS_TX_FAST_FREE (1u << 0)
#define SHMBUS_TX_DOWN (1u << 1)
#define SHMBUS_TX_QUIET (1u << 2)    /* do not wake sleepers */
#define SHMBUS_TX_OFFLOADS (1u << 3) /* mbufs may have requests: shmbus_checksum.h, _vlan.h */
#define SHMBUS_TX_LIMITED (1u << 4)  /* shmbus_limit.h */
#define SHMBUS_TX_SWITCH (1u << 5)   /* frames are directed: shmbus_switch.h */

struct shmbus_txq_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t dropped[SHMBUS_DROPS];
};

/* A rate limit, see shmbus_limit.h. */
struct shmbus_limit {
	shmbus_a64 cost; /* of a byte, cycles << SHMBUS_LIMIT_SHIFT; 0: no limit; any thread */
	uint64_t seen_tsc;
	int64_t debt; /* cycles to pass before the next frame; negative: saved up */
};
#define SHMBUS_LIMIT_SHIFT 16

/*
 * The queue's thread writes the fields, with these exceptions. Control threads and the link
 * poll write flags, max_len, max_whole and limit.cost. The setup writes the fields that never
 * change.
 */
struct __rte_cache_aligned shmbus_txq {
	shmbus_a32 flags;
	uint16_t port_id;
	uint16_t queue_id;
	uint32_t max_len;
	uint32_t max_whole; /* longest TCP packet that may be segmented */
	struct shmbus_txq_stats stats;
	struct shmbus_limit limit;

	/* From the setup: */
	uint64_t offloads;
	uint16_t nb_desc;
	bool deferred; /* not started with the port */
	int socket;    /* NUMA node of memory; SOCKET_ID_ANY */

	void *memory; /* memory of the following structures (txq_use) */
	union {
		struct shmbus_lanes_tx lanes;
		struct {
			struct shmbus_shmif_writer shmif;
			uint8_t *flat; /* SHMBUS_FRAME_MAX bytes: a packet that is being segmented */
			struct shmbus_shmif_told told;
		};
	};

	struct shmbus_queue_counts reset_at; /* counters at stats_reset; any thread */
};

#endif /* SHMBUS_TXQ_H */
