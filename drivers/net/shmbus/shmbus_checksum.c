/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_errno.h>
#include <rte_ip.h>

#include "shmbus_checksum.h"
#include "shmbus_headers.h"
#include "shmbus_vlan.h"

#define IPV4_MIN 20u
#define IPV6_LEN 40u

/* Where the checksums stand. */
#define IPV4_CKSUM_OFF 10u
#define TCP_CKSUM_OFF 16u
#define UDP_CKSUM_OFF 6u
#define UDP_LEN_OFF 4u

/* An IP header, copied. */
struct ip_header {
	uint8_t bytes[IPV6_LEN];
	bool v6;
	uint32_t len;     /* of an IPv4 header with its options, or of the fixed one of IPv6 */
	uint32_t payload; /* bytes behind it, as it says */
};

bool
shmbus_chain_read(const struct rte_mbuf *m, uint32_t off, void *dst, uint32_t len)
{
	uint8_t *to = dst;
	uint32_t part;

	for (; m != NULL; m = m->next) {
		if (off >= m->data_len) {
			off -= m->data_len;
			continue;
		}
		part = RTE_MIN(m->data_len - off, len);
		memcpy(to, rte_pktmbuf_mtod_offset(m, const uint8_t *, off), part);
		to += part;
		len -= part;
		off = 0;
		if (len == 0)
			return true;
	}
	return len == 0;
}

bool
shmbus_chain_write(struct rte_mbuf *m, uint32_t off, const void *src, uint32_t len)
{
	const uint8_t *from = src;
	uint32_t part;

	for (; m != NULL; m = m->next) {
		if (off >= m->data_len) {
			off -= m->data_len;
			continue;
		}
		part = RTE_MIN(m->data_len - off, len);
		memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, off), from, part);
		from += part;
		len -= part;
		off = 0;
		if (len == 0)
			return true;
	}
	return len == 0;
}

static uint32_t
fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* The sum of 16-bit words, some of which may lie in two segments. The chain is long enough. */
static uint32_t
sum_chain(const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	uint32_t sum = 0;
	uint32_t done = 0;
	uint32_t part, s;

	for (; m != NULL && done < len; m = m->next) {
		if (off >= m->data_len) {
			off -= m->data_len;
			continue;
		}
		part = RTE_MIN(m->data_len - off, len - done);
		s = rte_raw_cksum(rte_pktmbuf_mtod_offset(m, const uint8_t *, off), part);
		/* A segment that begins in the middle of a word: its bytes are the others' turn. */
		if (done & 1)
			s = rte_bswap16((uint16_t)s);
		sum = fold(sum + s);
		done += part;
		off = 0;
	}
	return sum;
}

/* False if there is no IP header, or one that is longer than what there is. */
static bool
read_ip(const struct rte_mbuf *m, uint32_t off, struct ip_header *ip)
{
	const uint32_t there = m->pkt_len > off ? m->pkt_len - off : 0;
	const uint32_t n = RTE_MIN(there, IPV6_LEN);
	uint32_t total;

	if (n < IPV4_MIN || !shmbus_chain_read(m, off, ip->bytes, n))
		return false;
	switch (ip->bytes[0] >> 4) {
	case 4:
		ip->v6 = false;
		ip->len = (ip->bytes[0] & 0xfu) * 4;
		total = ip->bytes[2] << 8 | ip->bytes[3];
		ip->payload = total > ip->len ? total - ip->len : 0;
		return ip->len >= IPV4_MIN && ip->len <= there;
	case 6:
		ip->v6 = true;
		ip->len = IPV6_LEN;
		ip->payload = ip->bytes[4] << 8 | ip->bytes[5];
		return n == IPV6_LEN;
	default:
		return false;
	}
}

/*
 * The bytes that the checksum of TCP or UDP covers: not what pads the frame,
 * nor what IP has behind a datagram. 0: the lengths make no sense.
 */
static uint32_t
l4_extent(const struct rte_mbuf *m, const struct ip_header *ip, uint32_t l3_off, uint32_t l4_off,
	  uint8_t l4)
{
	const uint32_t before = l4_off - l3_off - ip->len; /* extension headers of IPv6 */
	const uint32_t l4_min = l4 == SHMBUS_REQUEST_TCP ? SHMBUS_TCP_MIN : SHMBUS_UDP_LEN;
	uint32_t len, udp;
	uint8_t word[2];

	if (ip->payload < before + l4_min)
		return 0;
	len = ip->payload - before;
	if (len > m->pkt_len - l4_off)
		return 0;
	if (l4 == SHMBUS_REQUEST_TCP)
		return len;
	if (!shmbus_chain_read(m, l4_off + UDP_LEN_OFF, word, sizeof(word)))
		return 0;
	udp = word[0] << 8 | word[1];
	return udp >= SHMBUS_UDP_LEN && udp <= len ? udp : 0;
}

static uint32_t
sum_pseudo(const struct ip_header *ip, uint8_t l4, uint32_t len)
{
	const uint32_t addresses = ip->v6 ? rte_raw_cksum(ip->bytes + 8, 32) :
				   rte_raw_cksum(ip->bytes + 12, 8);

	return fold(addresses + rte_cpu_to_be_16(l4) + rte_cpu_to_be_16((uint16_t)len));
}

/* Does the IP header fit the request, which is valid? */
static bool
suits(const struct ip_header *ip, const struct shmbus_request *req)
{
	const uint32_t len = req->l4_off - req->l3_off;

	if (ip->v6)
		return len >= IPV6_LEN && !(req->flags & SHMBUS_REQUEST_IP_CKSUM);
	return len == ip->len;
}

bool
shmbus_checksum_finish(struct rte_mbuf *m, const struct shmbus_request *req, uint8_t kinds)
{
	static const uint16_t none;
	uint32_t len, field;
	struct ip_header ip;
	uint16_t sum;

	if (!read_ip(m, req->l3_off, &ip) || !suits(&ip, req))
		return false;
	/* A packet that is or was to be cut up has a new length, whatever was asked for. */
	if (!ip.v6 && (kinds & (SHMBUS_REQUEST_IP_CKSUM | SHMBUS_REQUEST_SEGMENT))) {
		field = req->l3_off + IPV4_CKSUM_OFF;
		shmbus_chain_write(m, field, &none, sizeof(none));
		sum = (uint16_t)~sum_chain(m, req->l3_off, ip.len);
		shmbus_chain_write(m, field, &sum, sizeof(sum));
	}
	if (kinds & SHMBUS_REQUEST_L4_CKSUM) {
		len = l4_extent(m, &ip, req->l3_off, req->l4_off, req->l4);
		if (len == 0)
			return false;
		field = req->l4_off + (req->l4 == SHMBUS_REQUEST_TCP ? TCP_CKSUM_OFF : UDP_CKSUM_OFF);
		shmbus_chain_write(m, field, &none, sizeof(none));
		sum = (uint16_t)~fold(sum_chain(m, req->l4_off, len) + sum_pseudo(&ip, req->l4, len));
		/* In UDP 0 says that there is no checksum. */
		if (sum == 0 && req->l4 == SHMBUS_REQUEST_UDP)
			sum = 0xffff;
		shmbus_chain_write(m, field, &sum, sizeof(sum));
	}
	return true;
}

static uint64_t
rx_l4_offload(uint8_t l4)
{
	return l4 == SHMBUS_REQUEST_TCP ? RTE_ETH_RX_OFFLOAD_TCP_CKSUM : RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
}

bool
shmbus_checksum_accept(const struct shmbus_rxq *q, struct rte_mbuf *m,
		       const struct shmbus_request *req)
{
	uint8_t kinds = req->flags;

	if ((kinds & SHMBUS_REQUEST_L4_CKSUM) && (q->offloads & rx_l4_offload(req->l4))) {
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
		kinds &= ~SHMBUS_REQUEST_L4_CKSUM;
	}
	return kinds == 0 || shmbus_checksum_finish(m, req, kinds);
}

static uint64_t
verify_l4(const struct rte_mbuf *m, const struct ip_header *ip, uint32_t l3_off, uint32_t l4_off,
	  uint8_t l4)
{
	uint16_t field;
	uint32_t len;

	len = l4_extent(m, ip, l3_off, l4_off, l4);
	if (len == 0)
		return RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN;
	if (l4 == SHMBUS_REQUEST_UDP) {
		if (!shmbus_chain_read(m, l4_off + UDP_CKSUM_OFF, &field, sizeof(field)))
			return RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN;
		/* None was sent: over IPv4 that may be, over IPv6 not. */
		if (field == 0)
			return ip->v6 ? RTE_MBUF_F_RX_L4_CKSUM_BAD : RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN;
	}
	if (fold(sum_chain(m, l4_off, len) + sum_pseudo(ip, l4, len)) != 0xffff)
		return RTE_MBUF_F_RX_L4_CKSUM_BAD;
	return RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

void
shmbus_checksum_verify(const struct shmbus_rxq *q, struct rte_mbuf *m)
{
	struct shmbus_headers h;
	struct ip_header ip;
	uint8_t l4;

	shmbus_headers_parse(&h, m);
	if (!RTE_ETH_IS_IPV4_HDR(h.ptype) && !RTE_ETH_IS_IPV6_HDR(h.ptype))
		return;
	if (!read_ip(m, h.l3_off, &ip) || ip.v6 != !!RTE_ETH_IS_IPV6_HDR(h.ptype))
		return;
	/* IPv6 has no sum that could be wrong. */
	if ((q->offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) &&
	    (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == 0)
		m->ol_flags |= ip.v6 || sum_chain(m, h.l3_off, ip.len) == 0xffff ?
			       RTE_MBUF_F_RX_IP_CKSUM_GOOD : RTE_MBUF_F_RX_IP_CKSUM_BAD;

	/* A fragment has no checksum of its own, and is of a type of its own. */
	if ((h.ptype & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_TCP)
		l4 = SHMBUS_REQUEST_TCP;
	else if ((h.ptype & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_UDP)
		l4 = SHMBUS_REQUEST_UDP;
	else
		return;
	if (!(q->offloads & rx_l4_offload(l4)) || (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != 0 ||
	    h.l4_off - h.l3_off < ip.len || h.l4_off > m->pkt_len)
		return;
	m->ol_flags |= verify_l4(m, &ip, h.l3_off, h.l4_off, l4);
}

/* The request that the flags of an mbuf make, with the queue's offloads. */
static void
read_wishes(uint64_t offloads, const struct rte_mbuf *m, struct shmbus_request *req)
{
	const uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;

	if ((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) && (offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO)) {
		req->flags = SHMBUS_REQUEST_SEGMENT | SHMBUS_REQUEST_L4_CKSUM;
		req->l4 = SHMBUS_REQUEST_TCP;
		return;
	}
	if ((m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) && (offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM))
		req->flags = SHMBUS_REQUEST_IP_CKSUM;
	if (l4 == RTE_MBUF_F_TX_TCP_CKSUM && (offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM)) {
		req->flags |= SHMBUS_REQUEST_L4_CKSUM;
		req->l4 = SHMBUS_REQUEST_TCP;
	} else if (l4 == RTE_MBUF_F_TX_UDP_CKSUM && (offloads & RTE_ETH_TX_OFFLOAD_UDP_CKSUM)) {
		req->flags |= SHMBUS_REQUEST_L4_CKSUM;
		req->l4 = SHMBUS_REQUEST_UDP;
	}
}

/* In a tunnel what is asked for concerns the inner headers; l2_len begins behind the outer ones. */
static uint32_t
outer_len(const struct rte_mbuf *m)
{
	static const uint64_t outer = RTE_MBUF_F_TX_TUNNEL_MASK | RTE_MBUF_F_TX_OUTER_IPV4 |
				      RTE_MBUF_F_TX_OUTER_IPV6 | RTE_MBUF_F_TX_OUTER_IP_CKSUM;

	return m->ol_flags & outer ? m->outer_l2_len + m->outer_l3_len : 0;
}

bool
shmbus_checksum_request(const struct shmbus_txq *q, const struct rte_mbuf *m, uint32_t growth,
			struct shmbus_request *req)
{
	const uint32_t outer = outer_len(m);
	struct ip_header ip;
	uint8_t tcp[SHMBUS_TCP_MIN];

	memset(req, 0, sizeof(*req));
	read_wishes(q->offloads, m, req);
	if (req->flags == 0)
		return true;
	req->l3_off = (uint16_t)(outer + m->l2_len);
	req->l4_off = (uint16_t)(req->l3_off + m->l3_len);
	if (!read_ip(m, req->l3_off, &ip))
		return false;
	if (req->flags & SHMBUS_REQUEST_SEGMENT) {
		if (outer != 0)
			return false;
		/* The length changes, so the header's checksum does. */
		if (!ip.v6)
			req->flags |= SHMBUS_REQUEST_IP_CKSUM;
		req->data_off = (uint16_t)(req->l4_off + m->l4_len);
		req->segment = m->tso_segsz;
	}
	if (!shmbus_request_valid(req, m->pkt_len) || !suits(&ip, req))
		return false;
	if ((req->flags & SHMBUS_REQUEST_SEGMENT) &&
	    (!shmbus_chain_read(m, req->l4_off, tcp, sizeof(tcp)) ||
	     (tcp[12] >> 4) * 4u != m->l4_len))
		return false;
	if (!(req->flags & SHMBUS_REQUEST_SEGMENT) && (req->flags & SHMBUS_REQUEST_L4_CKSUM) &&
	    l4_extent(m, &ip, req->l3_off, req->l4_off, req->l4) == 0)
		return false;
	req->l3_off += (uint16_t)growth;
	req->l4_off += (uint16_t)growth;
	if (!(req->flags & SHMBUS_REQUEST_SEGMENT))
		return true;
	req->data_off += (uint16_t)growth;
	return (uint32_t)req->data_off + req->segment <= q->max_len;
}

/* 0, or what is wrong with it. */
static int
check_wishes(const struct shmbus_txq *q, const struct rte_mbuf *m)
{
	/* What is asked for, and what describes the packet. */
	static const uint64_t known =
		RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG |
		RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_TX_QINQ | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6 |
		RTE_MBUF_F_TX_OUTER_IPV4 | RTE_MBUF_F_TX_OUTER_IPV6 | RTE_MBUF_F_TX_TUNNEL_MASK;
	const uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
	const uint32_t growth = shmbus_vlan_growth(shmbus_vlan_wanted(q->offloads, m));
	struct shmbus_request req;
	uint64_t need = 0;
	uint32_t max;

	if ((m->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK & ~known) != 0 ||
	    l4 == RTE_MBUF_F_TX_SCTP_CKSUM)
		return ENOTSUP;
	if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
		need = RTE_ETH_TX_OFFLOAD_TCP_TSO;
	else if (l4 == RTE_MBUF_F_TX_TCP_CKSUM)
		need = RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	else if (l4 == RTE_MBUF_F_TX_UDP_CKSUM)
		need = RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	if (need != RTE_ETH_TX_OFFLOAD_TCP_TSO && (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM))
		need |= RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
	if (m->ol_flags & RTE_MBUF_F_TX_QINQ)
		need |= RTE_ETH_TX_OFFLOAD_QINQ_INSERT;
	else if (m->ol_flags & RTE_MBUF_F_TX_VLAN)
		need |= RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
	if (need & ~q->offloads)
		return ENOTSUP;
	if (growth != 0 && m->pkt_len < RTE_ETHER_HDR_LEN)
		return EINVAL;
	if (!shmbus_checksum_request(q, m, growth, &req))
		return EINVAL;
	max = req.flags & SHMBUS_REQUEST_SEGMENT ? q->max_whole : q->max_len;
	return m->pkt_len == 0 || m->pkt_len > max - growth ? EINVAL : 0;
}

uint16_t
shmbus_tx_prepare(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	const struct shmbus_txq *q = queue;
	uint16_t i;
	int err;

	for (i = 0; i < nb_pkts; i++) {
		err = check_wishes(q, pkts[i]);
		if (err != 0) {
			rte_errno = err;
			break;
		}
	}
	return i;
}
