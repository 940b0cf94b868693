/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The tags that are stripped, by the tags of the frame, from the outside:
 *
 *                tags of the frame
 *   offload      8100       8100 8100   88a8       88a8 8100
 *   VLAN_STRIP   the tag    the outer   -          -
 *   QINQ_STRIP   -          -           the tag    the outer
 *   both         the tag    the outer   the tag    both
 *
 * A single 88a8 is reported like a single 8100. If only the outer of 88a8 8100 is
 * stripped the mbuf reports the inner tag, too: RTE_MBUF_F_RX_QINQ requires it.
 */

#include <rte_ether.h>

#include "base/station/shmbus_ip.h"
#include "shmbus_flags.h"
#include "shmbus_headers.h"
#include "shmbus_priv.h"
#include "shmbus_rxq.h"
#include "shmbus_vlan.h"

/* ethdev keeps the list that the filter reads, and allows changes only while the filter is on. */
int
shmbus_vlan_filter_set(struct rte_eth_dev *dev, uint16_t vlan_id, int on)
{
	RTE_SET_USED(dev);
	RTE_SET_USED(vlan_id);
	RTE_SET_USED(on);
	return shmbus_is_primary() ? 0 : SHMBUS_REFUSED;
}

/* Copies the offloads, which ethdev has written to dev_conf, to the queues. */
int
shmbus_vlan_offload_set(struct rte_eth_dev *dev, int mask)
{
	const uint64_t now = dev->data->dev_conf.rxmode.offloads & SHMBUS_VLAN_RX_OFFLOADS;
	struct shmbus_rxq *q;
	uint16_t i;

	RTE_SET_USED(mask);
	if (!shmbus_is_primary())
		return SHMBUS_REFUSED;
	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		q = dev->data->rx_queues[i];
		if (q != NULL)
			q->offloads = (q->offloads & ~SHMBUS_VLAN_RX_OFFLOADS) | now;
	}
	shmbus_queues_update(dev);
	return 0;
}

bool
shmbus_vlan_accepts(const struct rte_eth_dev *dev, const uint8_t *frame, uint32_t len)
{
	const struct rte_eth_dev_data *data = dev->data;
	uint32_t type, id;

	if (!(data->dev_conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER))
		return true;
	type = shmbus_ip_get16(frame + SHMBUS_TYPE_OFF);
	if (type != RTE_ETHER_TYPE_VLAN && type != RTE_ETHER_TYPE_QINQ)
		return true;
	if (len < RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN)
		return false;
	id = shmbus_ip_get16(frame + RTE_ETHER_HDR_LEN) & 0xfff;
	return data->vlan_filter_conf.ids[id / 64] >> (id % 64) & 1;
}

void
shmbus_vlan_strip(const struct rte_eth_dev *dev, struct rte_mbuf *m)
{
	const uint64_t offloads = dev->data->dev_conf.rxmode.offloads;
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	const bool strip_vlan = offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
	const bool strip_qinq = offloads & RTE_ETH_RX_OFFLOAD_QINQ_STRIP;
	uint16_t len = RTE_VLAN_HLEN;
	uint32_t type;

	if (m->data_len < RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN)
		return;
	type = shmbus_ip_get16(frame + SHMBUS_TYPE_OFF);
	if (!(type == RTE_ETHER_TYPE_VLAN && strip_vlan) &&
	    !(type == RTE_ETHER_TYPE_QINQ && strip_qinq))
		return;
	m->vlan_tci = (uint16_t)shmbus_ip_get16(frame + RTE_ETHER_HDR_LEN);
	m->ol_flags |= RTE_MBUF_F_RX_VLAN;
	if (type == RTE_ETHER_TYPE_QINQ &&
	    m->data_len >= RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN &&
	    shmbus_ip_get16(frame + SHMBUS_TYPE_OFF + RTE_VLAN_HLEN) == RTE_ETHER_TYPE_VLAN) {
		m->vlan_tci_outer = m->vlan_tci;
		m->vlan_tci = (uint16_t)shmbus_ip_get16(frame + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN);
		m->ol_flags |= RTE_MBUF_F_RX_QINQ | RTE_MBUF_F_RX_QINQ_STRIPPED;
		if (strip_vlan) {
			m->ol_flags |= RTE_MBUF_F_RX_VLAN_STRIPPED;
			len += RTE_VLAN_HLEN;
		}
	} else {
		m->ol_flags |= RTE_MBUF_F_RX_VLAN_STRIPPED;
	}
	memmove(frame + len, frame, SHMBUS_TYPE_OFF);
	rte_pktmbuf_adj(m, len);
}

void
shmbus_vlan_insert(uint8_t *frame, const struct rte_mbuf *m, uint64_t wanted)
{
	uint8_t *tag = frame + SHMBUS_TYPE_OFF;

	memmove(frame, frame + shmbus_vlan_growth(wanted), SHMBUS_TYPE_OFF);
	if (wanted & RTE_MBUF_F_TX_QINQ) {
		shmbus_ip_put16(tag, RTE_ETHER_TYPE_QINQ);
		shmbus_ip_put16(tag + 2, m->vlan_tci_outer);
		tag += RTE_VLAN_HLEN;
	}
	shmbus_ip_put16(tag, RTE_ETHER_TYPE_VLAN);
	shmbus_ip_put16(tag + 2, m->vlan_tci);
}
