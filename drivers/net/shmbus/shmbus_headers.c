/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * DPDK's parser knows VLAN tags of some types in some orders, depending on its
 * version. So this file walks the tags, and DPDK's parser gets the frame without
 * them.
 */

#include <rte_ether.h>
#include <rte_net.h>

#include "shmbus_headers.h"

#define TYPE_OFF (2 * RTE_ETHER_ADDR_LEN)

#define LAYERS (RTE_PTYPE_L2_MASK | RTE_PTYPE_L3_MASK | RTE_PTYPE_L4_MASK)

static uint16_t
get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Returns the number of tags, without a tag that is cut off by the end of the frame. */
static uint8_t
count_vlans(const uint8_t *bytes, uint32_t len)
{
	uint32_t off = TYPE_OFF;
	uint8_t n = 0;
	uint16_t tpid;

	while (n < SHMBUS_VLANS && len >= off + sizeof(tpid) + sizeof(struct rte_vlan_hdr)) {
		tpid = get16(bytes + off);
		if (tpid != RTE_ETHER_TYPE_VLAN && tpid != RTE_ETHER_TYPE_QINQ &&
		    tpid != RTE_ETHER_TYPE_QINQ1)
			break;
		off += sizeof(struct rte_vlan_hdr);
		n++;
	}
	return n;
}

/*
 * Returns the packet type behind the tags. The bytes that begin the length of the tags
 * later have the form of an Ethernet header; its addresses are wrong, but not used.
 */
static uint32_t
ptype_behind(const struct rte_mbuf *m, uint16_t tags, struct rte_net_hdr_lens *lens)
{
	const struct rte_mbuf untagged = {
		.buf_addr = m->buf_addr,
		.data_off = m->data_off + tags,
		.data_len = m->data_len - tags,
		.pkt_len = m->pkt_len - tags,
		.nb_segs = m->nb_segs,
		.next = m->next,
	};
	const uint16_t tpid = get16(rte_pktmbuf_mtod_offset(m, const uint8_t *, TYPE_OFF));
	const uint32_t l2 = tpid == RTE_ETHER_TYPE_VLAN ? RTE_PTYPE_L2_ETHER_VLAN :
			    RTE_PTYPE_L2_ETHER_QINQ;
	const uint32_t ptype = rte_net_get_ptype(&untagged, lens, LAYERS);

	lens->l2_len += (uint8_t)tags;
	/* A further tag: the layers behind it are not parsed. */
	if ((ptype & RTE_PTYPE_L2_MASK) != RTE_PTYPE_L2_ETHER)
		return l2;
	return l2 | (ptype & ~RTE_PTYPE_L2_MASK);
}

void
shmbus_headers_parse(struct shmbus_headers *h, const struct rte_mbuf *m)
{
	struct rte_net_hdr_lens lens = { .l2_len = 0 };

	h->bytes = rte_pktmbuf_mtod(m, const uint8_t *);
	h->len = m->data_len;
	h->n_vlan = count_vlans(h->bytes, h->len);
	h->ptype = h->n_vlan == 0 ? rte_net_get_ptype(m, &lens, LAYERS) :
		   ptype_behind(m, h->n_vlan * sizeof(struct rte_vlan_hdr), &lens);
	h->l3_off = lens.l2_len;
	h->l4_off = h->l3_off + lens.l3_len;
}
