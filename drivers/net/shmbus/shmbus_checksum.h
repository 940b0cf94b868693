/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_CHECKSUM_H
#define SHMBUS_CHECKSUM_H

/*
 * Checksums and segmentation that a sender leaves to the receivers: the flags of
 * mbufs. The finisher (base/station/shmbus_finish.h) does the work.
 *
 * Theory of operation
 *
 * A checksum protects a frame in transit, and shared memory does not damage frames.
 * So a sender with the Tx offload computes no checksum: a request travels with
 * the frame (base/lanes/shmbus_request.h). A receiver with
 * RTE_ETH_RX_OFFLOAD_TCP_LRO gets a TCP packet whole that is to be segmented; with
 * the offload of the checksum besides, it gets RTE_MBUF_F_RX_L4_CKSUM_NONE: the
 * content is right. All other receivers get plain frames: their driver computes the
 * checksums and cuts the segments. A shmif bus carries no requests: the sender's driver does
 * the work there.
 *
 * The checksum of an IPv4 header is computed for every receiver. A router updates
 * the sum that it finds in the header and passes the packet on to receivers
 * without requests; and 20 bytes cost next to nothing.
 *
 * A hostile sender may write a false request. The request is applied to a copy of
 * the frame, and its offsets are checked against that copy.
 */

#include "base/station/shmbus_finish.h"
#include "base/station/shmbus_ip.h"
#include "shmbus_rxq.h"
#include "shmbus_txq.h"

#include <ethdev_driver.h>

#define SHMBUS_RX_CHECKSUMS \
	(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define SHMBUS_TX_CHECKSUMS \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)

/* Flags of an mbuf that may lead to a request. */
#define SHMBUS_TX_WISHES \
	(RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)

/*
 * Writes the request of this mbuf into req; req->flags is 0 if it has none. VLAN
 * tags make the frame growth bytes longer before it is sent. Returns false if
 * the frame does not allow the request.
 */
bool shmbus_checksum_request(const struct shmbus_txq *q, const struct rte_mbuf *m, uint32_t growth,
			     struct shmbus_request *req);

/* Returns the checksums of a request that the queue computes for its application. */
uint8_t shmbus_checksum_kinds(const struct shmbus_rxq *q, const struct shmbus_request *req);

/*
 * Carries out the request of a received frame. The first mbuf holds the headers,
 * or the whole frame if a checksum of TCP or UDP is to be computed. Returns
 * false if the frame does not fit its request.
 */
bool shmbus_checksum_accept(const struct shmbus_rxq *q, struct rte_mbuf *m,
			    const struct shmbus_request *req);

/*
 * Carries out the request of a held frame that is delivered whole, or checks the request of one
 * that is delivered in segments. Returns false if the frame does not fit its request.
 */
bool shmbus_checksum_accept_held(struct shmbus_held *h);

/*
 * Writes an accepted held frame, or its next segment, into mbufs. Returns 0, -ENOMEM without
 * mbufs (h is unchanged), or -EINVAL if a segment cannot be made.
 */
int shmbus_checksum_deliver(struct shmbus_rxq *q, struct shmbus_held *h, struct rte_mbuf **m);

/* Sets the mbuf's flags GOOD or BAD for the checksums that have no flag yet. */
void shmbus_checksum_verify(const struct shmbus_rxq *q, struct rte_mbuf *m);

/* eth_tx_prep_t: returns how many of the frames the queue can send. It changes none of them. */
uint16_t shmbus_tx_prepare(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);

#endif /* SHMBUS_CHECKSUM_H */
