/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_CHECKSUM_H
#define SHMBUS_CHECKSUM_H

/*
 * Checksums and segmentation that a sender leaves to others: what mbufs say of
 * them. The work itself is the finisher's (base/station/shmbus_finish.h).
 *
 * Theory of operation
 *
 * A checksum protects a frame on its way, and on this way nothing happens to
 * it. So a sender with the Tx offload computes none: a request travels with the
 * frame (base/lanes/shmbus_request.h). A receiver with the Rx offload is told that
 * nothing is wrong with the content (RTE_MBUF_F_RX_L4_CKSUM_NONE), and one with
 * RTE_ETH_RX_OFFLOAD_TCP_LRO gets a TCP packet that is to be segmented whole.
 * All others get plain frames, in which their driver has put what was missing.
 * A shmif bus carries no requests: there the sender's driver does it.
 *
 * The header of IPv4 is finished for everybody. A router changes it, goes on
 * from the sum that it finds, and passes it on to receivers that know of no
 * request; and 20 bytes cost next to nothing.
 *
 * A request may come from a liar. It is used on a frame that has been copied,
 * and its offsets are held against that copy.
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

/* Flags of an mbuf that may make a request. */
#define SHMBUS_TX_WISHES \
	(RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)

/*
 * Writes into req what the queue has to do for this mbuf; req->flags 0: nothing.
 * The frame grows by growth bytes of VLAN tags before it is sent. Returns false
 * if what the mbuf asks for cannot be done with this frame.
 */
bool shmbus_checksum_request(const struct shmbus_txq *q, const struct rte_mbuf *m, uint32_t growth,
			     struct shmbus_request *req);

/* Returns the kinds of checksums of a request that the queue computes for its application. */
uint8_t shmbus_checksum_kinds(const struct shmbus_rxq *q, const struct shmbus_request *req);

/*
 * Does in a frame that was received what its request asks for. The headers, or
 * all bytes if a checksum of TCP or UDP is to be computed, lie in the first
 * mbuf. Returns false if the frame is not what its request says.
 */
bool shmbus_checksum_accept(const struct shmbus_rxq *q, struct rte_mbuf *m,
			    const struct shmbus_request *req);

/* The same for flat bytes, which become a chain of mbufs. -ENOMEM: no mbufs; -EINVAL. */
int shmbus_checksum_whole(struct shmbus_rxq *q, uint8_t *bytes, uint32_t len,
			  const struct shmbus_request *req, struct rte_mbuf **m);

/* The next segment of a packet, as mbufs. -ENOMEM, and tso is as before; -EINVAL. */
int shmbus_checksum_segment(struct shmbus_rxq *q, struct shmbus_tso *tso, struct rte_mbuf **m);

/* Says in the mbuf's flags whether the checksums are right, where nothing is said yet. */
void shmbus_checksum_verify(const struct shmbus_rxq *q, struct rte_mbuf *m);

/* eth_tx_prep_t: are these frames that the queue can send? Nothing has to be prepared in them. */
uint16_t shmbus_tx_prepare(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);

#endif /* SHMBUS_CHECKSUM_H */
