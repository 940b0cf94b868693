/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_FRAME_H
#define SHMBUS_FRAME_H

/*
 * What a port does with a received frame beyond copying it. Both formats call
 * this, and only where the queue's flags say that something is to be done:
 *
 *   shmbus_frame_classify()   is it for this queue?        SHMBUS_RX_CLASSIFY
 *   (the frame is copied into an mbuf)
 *   shmbus_frame_complete()   what offloads say of it      SHMBUS_RX_COMPLETE
 *
 * classify looks at a frame that may lie in memory that strangers write: it
 * copies the headers first and decides by the copy.
 */

#include "base/shmbus_request.h"
#include "shmbus_ethdev.h"

/* Bytes of headers that are looked at. */
#define SHMBUS_FRAME_HEAD 128u

enum shmbus_verdict {
	SHMBUS_FRAME_TAKE,
	SHMBUS_FRAME_FILTERED, /* not for this port: counted */
	SHMBUS_FRAME_OTHERS,   /* another queue of this port gets it */
};

/* Bits of shmbus_frame.found. */
#define SHMBUS_FRAME_HASH (1u << 0)
#define SHMBUS_FRAME_FLAG (1u << 1)
#define SHMBUS_FRAME_MARK (1u << 2)

/* What is known of a frame from its classification until its completion. */
struct shmbus_frame {
	uint64_t tstamp_ns; /* CLOCK_REALTIME of the sender, 0: not known */
	struct shmbus_request request; /* of its sender; flags 0: none */
	uint64_t pos;       /* of its record in the lane; lanes only */
	uint32_t lane;
	uint32_t hash;
	uint32_t mark;
	uint8_t found; /* which of these it has */
};

enum shmbus_verdict shmbus_frame_classify(struct shmbus_rxq *q, const uint8_t *data,
					  uint32_t len, struct shmbus_frame *frame);

void shmbus_frame_complete(const struct shmbus_rxq *q, struct rte_mbuf *m,
			   const struct shmbus_frame *frame);

#endif /* SHMBUS_FRAME_H */
