/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_FRAME_H
#define SHMBUS_FRAME_H

/*
 * The work on received frames after they have been copied.
 *
 * Theory of operation
 *
 *   first loop    copies frames from the bus into mbufs. Then the commit tells
 *                 whether the frames were whole: shmbus_rx_lanes.c,
 *                 shmbus_rxtx_shmif.c.
 *   second loop   shmbus_frames_sort(), only if the queue's flags ask for it:
 *                 decides which mbufs the application gets (address, VLAN,
 *                 flow rules), carries out requests, and fills in the fields
 *                 of offloads. It reads the queue's own memory only, as a
 *                 sender may change bytes on the bus between two reads.
 *
 * Where several queues read the same lanes, the first loop copies the first
 * SHMBUS_FRAME_HEAD bytes of a frame, and decides by that copy whether the queue
 * takes the frame (shmbus_frame_decide). It copies the rest only of frames that
 * the queue takes.
 */

#include "base/lanes/shmbus_request.h"

struct rte_flow;
struct rte_mbuf;
struct shmbus_held;
struct shmbus_rxq;

/* Bytes of a frame in which headers are looked for. */
#define SHMBUS_FRAME_HEAD 128u

enum shmbus_verdict {
	SHMBUS_FRAME_UNDECIDED,
	SHMBUS_FRAME_TAKE,
	SHMBUS_FRAME_FILTERED, /* not for this port; this queue counts it */
	SHMBUS_FRAME_OTHERS,   /* another queue of this port takes it, or counts it */
	SHMBUS_FRAME_DROP,     /* by a flow rule, or by isolated mode */
};

/* Bits of shmbus_frame.found. */
#define SHMBUS_FRAME_HASH (1u << 0)
#define SHMBUS_FRAME_FLAG (1u << 1)
#define SHMBUS_FRAME_MARK (1u << 2)

/* The facts about a frame that mbufs do not hold. */
struct shmbus_frame {
	uint64_t tstamp_ns; /* CLOCK_REALTIME of the sender; 0: unknown */
	struct shmbus_request request; /* from the sender; flags 0: none, or carried out */
	uint64_t pos;       /* of its record in the lane; lanes only */
	uint32_t lane;
	uint32_t hash;
	uint32_t mark;
	uint32_t n_matched; /* flow rules that have been applied */
	const struct rte_flow *last; /* of these, the last one; NULL if none counts */
	enum shmbus_verdict verdict;
	uint8_t found; /* SHMBUS_FRAME_HASH, _FLAG, _MARK: which of them the frame has */
};

/* Writes the verdict, by the first bytes of a frame, which lie in the queue's own memory. */
void shmbus_frame_decide(const struct shmbus_rxq *q, const uint8_t *head, uint32_t head_len,
			 uint32_t flags, struct shmbus_frame *frame);

/*
 * Decides on a held frame, after the commit, and checks its request. Adds the frame, with all
 * its segments, to the counts of COUNT rules. Returns false if the application does not get
 * the frame, which is counted then.
 */
bool shmbus_frame_accept(struct shmbus_rxq *q, struct shmbus_held *h, uint32_t flags);

/*
 * Runs the second loop. frames[i * step] belongs to pkts[i]; with step 0 all frames
 * share one entry. Moves the mbufs that the application gets to the beginning of
 * pkts and returns their number. Counts all frames.
 */
uint16_t shmbus_frames_sort(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t n,
			    const struct shmbus_frame *frames, unsigned int step, uint32_t flags);

#endif /* SHMBUS_FRAME_H */
