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

/* Returns the number of tags, without a tag that is cut off by the end of the frame. */
static uint8_t
count_vlans(const uint8_t *bytes, uint32_t len)
{
	uint32_t off = SHMBUS_TYPE_OFF;
	uint8_t n = 0;
	uint32_t tpid;

	while (n < SHMBUS_VLANS && len >= off + sizeof(uint16_t) + sizeof(struct rte_vlan_hdr)) {
		tpid = shmbus_ip_get16(bytes + off);
		if (tpid != RTE_ETHER_TYPE_VLAN && tpid != RTE_ETHER_TYPE_QINQ &&
		    tpid != RTE_ETHER_TYPE_QINQ1)
			break;
		off += sizeof(struct rte_vlan_hdr);
		n++;
	}
	return n;
}

/*
 * Returns the packet type behind the tags. A frame without as many bytes at its front as
 * its tags have still has the form of an Ethernet header. The addresses in that header are
 * wrong; the parser does not use them.
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
	const uint32_t tpid = shmbus_ip_get16(rte_pktmbuf_mtod_offset(m, const uint8_t *, SHMBUS_TYPE_OFF));
	const uint32_t l2 = tpid == RTE_ETHER_TYPE_VLAN ? RTE_PTYPE_L2_ETHER_VLAN :
			    RTE_PTYPE_L2_ETHER_QINQ;
	const uint32_t ptype = rte_net_get_ptype(&untagged, lens, SHMBUS_PTYPE_LAYERS);

	lens->l2_len += (uint8_t)tags;
	/* A further tag: the layers behind it are not parsed. */
	if ((ptype & RTE_PTYPE_L2_MASK) != RTE_PTYPE_L2_ETHER)
		return l2;
	return l2 | (ptype & ~RTE_PTYPE_L2_MASK);
}

static void
parse_any(struct shmbus_headers *h, const struct rte_mbuf *m)
{
	struct rte_net_hdr_lens lens = { .l2_len = 0 };

	h->n_vlan = count_vlans(h->bytes, h->len);
	h->ptype = h->n_vlan == 0 ? rte_net_get_ptype(m, &lens, SHMBUS_PTYPE_LAYERS) :
		   ptype_behind(m, h->n_vlan * sizeof(struct rte_vlan_hdr), &lens);
	h->l3_off = lens.l2_len;
	h->l4_off = h->l3_off + lens.l3_len;
}

void
shmbus_headers_parse(struct shmbus_headers *h, const struct rte_mbuf *m)
{
	h->bytes = rte_pktmbuf_mtod(m, const uint8_t *);
	h->len = m->data_len;
	if (!shmbus_headers_parse_frequent(h))
		parse_any(h, m);
}

void
shmbus_headers_parse_any(struct shmbus_headers *h)
{
	/* DPDK's parser needs an mbuf. */
	const struct rte_mbuf m = {
		.buf_addr = (void *)(uintptr_t)h->bytes,
		.data_len = (uint16_t)h->len,
		.pkt_len = h->len,
		.nb_segs = 1,
	};

	parse_any(h, &m);
}
