/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_VLAN_H
#define SHMBUS_VLAN_H

/*
 * VLAN tags: the receiver filters and strips them, the sender inserts them.
 *
 * A customer's tag has the type 0x8100, a provider's 0x88a8. On the bus a tag
 * is part of the frame, so both formats carry it, and all peers see it.
 */

#include <ethdev_driver.h>

#define SHMBUS_VLAN_RX_OFFLOADS (RTE_ETH_RX_OFFLOAD_VLAN_FILTER | \
	RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_QINQ_STRIP)
#define SHMBUS_VLAN_RX_STRIP (RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_QINQ_STRIP)
#define SHMBUS_VLAN_TX_OFFLOADS (RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_QINQ_INSERT)

int shmbus_vlan_filter_set(struct rte_eth_dev *dev, uint16_t vlan_id, int on);
int shmbus_vlan_offload_set(struct rte_eth_dev *dev, int mask);

/* Returns whether the VLAN filter is off or accepts a frame that begins with these bytes. */
bool shmbus_vlan_accepts(const struct rte_eth_dev *dev, const uint8_t *frame, uint32_t len);

/* Strips the tags that the port is configured to strip. The first mbuf holds the headers. */
void shmbus_vlan_strip(const struct rte_eth_dev *dev, struct rte_mbuf *m);

/* Returns the bits of mbuf.ol_flags that ask for tags that the port inserts. */
static inline uint64_t
shmbus_vlan_wanted(uint64_t tx_offloads, const struct rte_mbuf *m)
{
	uint64_t mask = 0;

	if (tx_offloads & RTE_ETH_TX_OFFLOAD_VLAN_INSERT)
		mask |= RTE_MBUF_F_TX_VLAN;
	if (tx_offloads & RTE_ETH_TX_OFFLOAD_QINQ_INSERT)
		mask |= RTE_MBUF_F_TX_QINQ;
	return m->ol_flags & mask;
}

/* Returns the bytes that these tags add to a frame. */
static inline uint32_t
shmbus_vlan_growth(uint64_t wanted)
{
	if (wanted & RTE_MBUF_F_TX_QINQ)
		return 2 * RTE_VLAN_HLEN;
	return wanted & RTE_MBUF_F_TX_VLAN ? RTE_VLAN_HLEN : 0;
}

/*
 * Inserts the tags into a frame that was copied to frame + shmbus_vlan_growth().
 * The mbuf may be shared; it is not changed.
 */
void shmbus_vlan_insert(uint8_t *frame, const struct rte_mbuf *m, uint64_t wanted);

#endif /* SHMBUS_VLAN_H */
