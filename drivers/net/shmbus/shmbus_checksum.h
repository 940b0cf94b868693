/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_CHECKSUM_H
#define SHMBUS_CHECKSUM_H

/*
 * Checksums that a sender leaves to others.
 *
 * Theory of operation
 *
 * A checksum protects a frame on its way, and on this way nothing happens to
 * it. So a sender with the Tx offload computes none: its wish travels with
 * the frame (base/shmbus_request.h). A receiver with the Rx offload is told
 * that nothing is wrong with the content (RTE_MBUF_F_RX_L4_CKSUM_NONE). All
 * others get a plain frame, in which their driver has put what was missing.
 * A shmif bus carries no wishes: there the sender does it itself.
 *
 * The header of IPv4 is finished for everybody. A router changes it, goes on
 * from the sum that it finds, and passes that on to who knows of no wish; and
 * 20 bytes cost next to nothing.
 *
 * A request may come from somebody who lies. It is used on a frame that has
 * been copied, and its offsets are held against that copy.
 */

#include "base/shmbus_request.h"
#include "shmbus_ethdev.h"

#define SHMBUS_RX_CHECKSUMS \
	(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define SHMBUS_TX_CHECKSUMS \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)

/* Flags of an mbuf that may make a request. */
#define SHMBUS_TX_WISHES \
	(RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)

/*
 * What the queue has to do for this mbuf: req->flags, 0 for nothing. The frame
 * grows by so many bytes of VLAN tags before it is sent. False: what is asked
 * for cannot be done with this frame.
 */
bool shmbus_checksum_request(const struct shmbus_txq *q, const struct rte_mbuf *m, uint32_t growth,
			     struct shmbus_request *req);

/* Compute and put in what of the request is in kinds. False: it is not a frame for that. */
bool shmbus_checksum_finish(struct rte_mbuf *m, const struct shmbus_request *req, uint8_t kinds);

/* A frame with a request has been received: finish its header, and what there is no offload for. */
bool shmbus_checksum_accept(const struct shmbus_rxq *q, struct rte_mbuf *m,
			    const struct shmbus_request *req);

/* Say in the mbuf's flags whether the checksums are right, where nothing is said yet. */
void shmbus_checksum_verify(const struct shmbus_rxq *q, struct rte_mbuf *m);

/* eth_tx_prep_t: are these frames that the queue can send? Nothing has to be prepared in them. */
uint16_t shmbus_tx_prepare(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);

/* Bytes at an offset of a chain, out and in. False if it ends before. */
bool shmbus_chain_read(const struct rte_mbuf *m, uint32_t off, void *dst, uint32_t len);
bool shmbus_chain_write(struct rte_mbuf *m, uint32_t off, const void *src, uint32_t len);

#endif /* SHMBUS_CHECKSUM_H */
