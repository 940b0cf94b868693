/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_FRAME_H
#define SHMBUS_FRAME_H

/*
 * What a port does with received frames beyond copying them.
 *
 * Theory of operation
 *
 *   first loop    frames are copied from the bus into mbufs, then the commit
 *                 says whether they were whole: shmbus_rx_lanes.c, _shmif.c
 *   second loop   only if the queue's flags ask for it: shmbus_frames_sort()
 *                 decides which mbufs the application gets (address, VLAN,
 *                 flow rules), does what requests ask for, and tells what
 *                 offloads say. It works on the queue's own memory.
 *
 * Where several queues read the same lanes, the first loop copies the first
 * SHMBUS_FRAME_HEAD bytes of a frame, decides by that copy whether the queue
 * takes the frame (shmbus_frame_decide), and copies the rest only then.
 */

#include "base/lanes/shmbus_request.h"

struct rte_mbuf;
struct shmbus_rxq;

/* Bytes of headers that are looked at. */
#define SHMBUS_FRAME_HEAD 128u

enum shmbus_verdict {
	SHMBUS_FRAME_UNDECIDED,
	SHMBUS_FRAME_TAKE,
	SHMBUS_FRAME_FILTERED, /* not for this port: counted */
	SHMBUS_FRAME_OTHERS,   /* another queue of this port gets it, or counts it */
	SHMBUS_FRAME_DROP,     /* a rule says so */
};

/* Bits of shmbus_frame.found. */
#define SHMBUS_FRAME_HASH (1u << 0)
#define SHMBUS_FRAME_FLAG (1u << 1)
#define SHMBUS_FRAME_MARK (1u << 2)

/* What is known of a frame. */
struct shmbus_frame {
	uint64_t tstamp_ns; /* CLOCK_REALTIME of the sender, 0: not known */
	struct shmbus_request request; /* of its sender; flags 0: none, or done */
	uint64_t pos;       /* of its record in the lane; lanes only */
	uint32_t lane;
	uint32_t hash;
	uint32_t mark;
	uint32_t n_asked;   /* flow rules that were asked */
	enum shmbus_verdict verdict;
	uint8_t found; /* which of hash and mark it has, and FLAG */
};

/* Decide by the first bytes of a frame. They are nobody else's. */
void shmbus_frame_decide(const struct shmbus_rxq *q, const uint8_t *head, uint32_t head_len,
			 struct shmbus_frame *frame);

/*
 * The same after the commit, for a frame of len bytes that becomes several. False:
 * it is not delivered, and was counted.
 */
bool shmbus_frame_accept(struct shmbus_rxq *q, const uint8_t *bytes, uint32_t len,
			 struct shmbus_frame *frame);

/*
 * The second loop. frames[i * step] tells of pkts[i]. Returns how many are left
 * at the beginning of pkts; the queue counts them, and the others.
 */
uint16_t shmbus_frames_sort(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t n,
			    const struct shmbus_frame *frames, unsigned int step, uint32_t flags);

#endif /* SHMBUS_FRAME_H */
