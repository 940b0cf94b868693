/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SEGMENT_H
#define SHMBUS_SEGMENT_H

/*
 * TCP packets that their senders leave to others to segment.
 *
 * On lanes such a packet travels whole, and with it a request. A receiver
 * with RTE_ETH_RX_OFFLOAD_TCP_LRO gets it whole. For all others it is cut up
 * on its way into mbufs, as many segments at a time as there is room for; the
 * reader stays at the frame until the last one is out. On a shmif bus the
 * sender cuts. Each segment is copied, headers and all, and made right there.
 */

#include "shmbus_checksum.h"

struct shmbus_cut {
	struct shmbus_request req; /* valid */
	uint32_t len;  /* of the whole frame */
	uint32_t done; /* payload that is in segments already */
};

/* Payload of the next segment. */
static inline uint32_t
shmbus_cut_part(const struct shmbus_cut *cut)
{
	return RTE_MIN((uint32_t)cut->req.segment, cut->len - cut->req.data_off - cut->done);
}

static inline bool
shmbus_cut_finished(const struct shmbus_cut *cut)
{
	return cut->done == cut->len - cut->req.data_off;
}

/* Does the queue want this frame in one piece? */
static inline bool
shmbus_segment_whole(const struct shmbus_rxq *q, uint32_t len, uint32_t flags)
{
	return (q->offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) && len <= q->max_lro &&
	       (len <= q->room || (flags & SHMBUS_RX_SCATTER));
}

/* A frame has been received whole. False: it is not what its request says. */
bool shmbus_segment_accept(const struct shmbus_rxq *q, struct rte_mbuf *m,
			   const struct shmbus_request *req);

/*
 * The next segment of a frame into an mbuf. -ENOMEM: there is none; -EINVAL:
 * the frame is not what its request says.
 */
int shmbus_segment_receive(struct shmbus_rxq *q, struct shmbus_cut *cut, const uint8_t *frame,
			   struct rte_mbuf **m);

/*
 * The next segment of an mbuf into memory, where tags (shmbus_vlan.h) make it
 * grow; cut->req counts with them. False: it is not what its request says.
 */
bool shmbus_segment_send(struct shmbus_cut *cut, const struct rte_mbuf *m, uint64_t tags,
			 uint8_t *at);

#endif /* SHMBUS_SEGMENT_H */
