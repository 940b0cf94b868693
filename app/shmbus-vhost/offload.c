/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_net.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "offload.h"

/*
 * The least payload of a segment, which is Linux's least MSS. A guest could make every receiver cut
 * 64 KB into segments of a byte otherwise.
 */
#define SEGMENT_MIN 48

/* Returns whether a packet makes more than one segment of this length. */
static bool
is_long(const struct rte_mbuf *m, const struct rte_net_hdr_lens *lens, uint16_t segment)
{
	return m->pkt_len > (uint32_t)lens->l2_len + lens->l3_len + lens->l4_len + segment;
}

/* Changes Rx flags to Tx flags. Returns false if the packet does not have the headers for them. */
static bool
pass_on(struct rte_mbuf *m)
{
	const uint16_t segment = m->tso_segsz;
	const uint64_t rx = m->ol_flags;
	struct rte_net_hdr_lens lens;
	uint32_t ptype;
	uint64_t tx;

	/* A checksum that was found good or bad stays in the packet, as it is. */
	m->ol_flags = rx & (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
	m->tx_offload = 0;
	if (!(rx & RTE_MBUF_F_RX_LRO) &&
	    (rx & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_NONE)
		return true;

	ptype = rte_net_get_ptype(m, &lens, RTE_PTYPE_L2_MASK | RTE_PTYPE_L3_MASK |
				  RTE_PTYPE_L4_MASK);
	if ((rx & RTE_MBUF_F_RX_LRO) && segment < SEGMENT_MIN)
		return false;
	if (RTE_ETH_IS_IPV4_HDR(ptype))
		tx = RTE_MBUF_F_TX_IPV4;
	else if (RTE_ETH_IS_IPV6_HDR(ptype))
		tx = RTE_MBUF_F_TX_IPV6;
	else
		return false;
	if ((ptype & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_TCP)
		tx |= (rx & RTE_MBUF_F_RX_LRO) && is_long(m, &lens, segment) ? RTE_MBUF_F_TX_TCP_SEG :
									       RTE_MBUF_F_TX_TCP_CKSUM;
	else if ((ptype & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_UDP && !(rx & RTE_MBUF_F_RX_LRO))
		tx |= RTE_MBUF_F_TX_UDP_CKSUM;
	else
		return false;
	m->ol_flags |= tx;
	m->l2_len = lens.l2_len;
	m->l3_len = lens.l3_len;
	m->l4_len = lens.l4_len;
	if (tx & RTE_MBUF_F_TX_TCP_SEG)
		m->tso_segsz = segment;
	return true;
}

struct rte_mbuf *
offload_pass_to_bus(struct rte_mbuf *m)
{
	if (pass_on(m))
		return m;
	rte_pktmbuf_free(m);
	return NULL;
}

/* Returns the sum of the pseudo-header, with the real length and protocol. */
static uint16_t
pseudo_sum(const struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, m->l2_len);
	struct rte_ipv6_hdr v6;

	if (m->ol_flags & RTE_MBUF_F_TX_IPV4)
		return rte_ipv4_phdr_cksum((const struct rte_ipv4_hdr *)ip, 0);
	memcpy(&v6, ip, sizeof(v6));
	v6.proto = (m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM ? IPPROTO_UDP :
										      IPPROTO_TCP;
	v6.payload_len = rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(v6.payload_len) -
						     (m->l3_len - sizeof(v6))));
	return rte_ipv6_phdr_cksum(&v6, 0);
}

/*
 * The vhost library writes a sum of its own into the packet. That sum is for hardware: without the
 * length if the packet is to be segmented, and with the first of IPv6's next headers. A guest that
 * cuts the packet itself, as a router, would make segments with wrong checksums of it. The library
 * leaves the packet alone if its headers are not in one mbuf.
 */
static struct rte_mbuf *
split_headers(struct rte_mbuf *m)
{
	const uint16_t len = (uint16_t)(m->l2_len + m->l3_len + m->l4_len - 1);
	struct rte_mbuf *head = rte_pktmbuf_alloc(m->pool);

	if (head == NULL)
		return NULL;
	memcpy(rte_pktmbuf_append(head, len), rte_pktmbuf_mtod(m, const void *), len);
	head->ol_flags = m->ol_flags;
	head->tx_offload = m->tx_offload;
	rte_pktmbuf_adj(m, len);
	if (rte_pktmbuf_chain(head, m) == 0)
		return head;
	rte_pktmbuf_free(head);
	return NULL;
}

static struct rte_mbuf *
prepare(struct rte_mbuf *m)
{
	const bool udp = (m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM;
	const uint16_t off = udp ? offsetof(struct rte_udp_hdr, dgram_cksum) :
				   offsetof(struct rte_tcp_hdr, cksum);
	uint16_t sum;

	if (m->data_len <= m->l2_len + m->l3_len + m->l4_len)
		return NULL;
	sum = pseudo_sum(m);
	memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, m->l2_len + m->l3_len + off), &sum, sizeof(sum));
	return split_headers(m);
}

struct rte_mbuf *
offload_pass_to_guest(struct rte_mbuf *m)
{
	struct rte_mbuf *ready = NULL;

	if (pass_on(m)) {
		if (!(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) &&
		    (!(m->ol_flags & RTE_MBUF_F_TX_IPV6) || m->l3_len == sizeof(struct rte_ipv6_hdr)))
			return m;
		ready = prepare(m);
	}
	if (ready == NULL)
		rte_pktmbuf_free(m);
	return ready;
}
