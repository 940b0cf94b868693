/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_errno.h>
#include <rte_ip.h>

#include "shmbus_checksum.h"
#include "shmbus_headers.h"
#include "shmbus_mbuf.h"
#include "shmbus_vlan.h"

/* The offset of the checksum in a UDP header. */
#define UDP_CKSUM_OFF 6u

/* Room for the headers of a segment in several mbufs: more than IP and TCP can have. */
#define HEAD_MAX 512u

/* An IP header, and a copy of its bytes unless they lie in one piece. */
struct mbuf_ip {
	struct shmbus_ip ip;
	uint8_t bytes[SHMBUS_IPV6_LEN];
};

static bool
read_ip(const struct rte_mbuf *m, uint32_t off, struct mbuf_ip *ip)
{
	const uint32_t there = m->pkt_len > off ? m->pkt_len - off : 0;
	const uint8_t *at = shmbus_chain_peek(m, off, ip->bytes, RTE_MIN(there, SHMBUS_IPV6_LEN));

	return at != NULL && shmbus_ip_read(&ip->ip, at, there);
}

/* As shmbus_ip_l4_len(), for a frame in mbufs. */
static uint32_t
l4_len(const struct rte_mbuf *m, const struct shmbus_ip *ip, uint32_t l3_off, uint32_t l4_off,
       uint8_t l4)
{
	const uint32_t there = m->pkt_len - l4_off;
	uint8_t bytes[SHMBUS_UDP_LEN];
	const uint8_t *at;

	at = shmbus_chain_peek(m, l4_off, bytes, RTE_MIN(there, (uint32_t)sizeof(bytes)));
	return at != NULL ? shmbus_ip_l4_len(ip, l4_off - l3_off, l4, at, there) : 0;
}

/*
 * Returns the sum of len bytes of a frame in mbufs; the frame is long enough.
 * rte_raw_cksum_mbuf() of DPDK 22.11 is wrong if a segment of odd length is not the
 * last.
 */
static uint32_t
sum_chain(const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	uint32_t sum = 0;
	uint32_t done = 0;
	uint32_t part;

	for (; m != NULL && done < len; m = m->next) {
		if (off >= m->data_len) {
			off -= m->data_len;
			continue;
		}
		part = RTE_MIN(m->data_len - off, len - done);
		sum = shmbus_ip_sum_append(sum, done,
			shmbus_ip_sum(rte_pktmbuf_mtod_offset(m, const uint8_t *, off), part));
		done += part;
		off = 0;
	}
	return sum;
}

/* ---- received frames */

static uint64_t
rx_l4_offload(uint8_t l4)
{
	return l4 == SHMBUS_REQUEST_TCP ? RTE_ETH_RX_OFFLOAD_TCP_CKSUM : RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
}

/*
 * Checksums of TCP and UDP are left out only for applications with LRO besides the offload. These
 * get packets that no wire takes, so they pass them on with offloads, the checksum among them.
 * Others (Open vSwitch) pass on a frame as it is, whatever its flags say.
 */
uint8_t
shmbus_checksum_kinds(const struct shmbus_rxq *q, const struct shmbus_request *req)
{
	uint8_t kinds = req->flags & (SHMBUS_REQUEST_IP_CKSUM | SHMBUS_REQUEST_L4_CKSUM);

	if ((q->offloads & rx_l4_offload(req->l4)) && (q->offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO))
		kinds &= (uint8_t)~SHMBUS_REQUEST_L4_CKSUM;
	return kinds;
}

/* Sets the mbuf's flag for the checksum of TCP or UDP, which has been computed or left out. */
static void
tell_kinds(const struct shmbus_rxq *q, struct rte_mbuf *m, const struct shmbus_request *req,
	   uint8_t kinds)
{
	if (!(req->flags & SHMBUS_REQUEST_L4_CKSUM) || !(q->offloads & rx_l4_offload(req->l4)))
		return;
	m->ol_flags |= kinds & SHMBUS_REQUEST_L4_CKSUM ? RTE_MBUF_F_RX_L4_CKSUM_GOOD :
							 RTE_MBUF_F_RX_L4_CKSUM_NONE;
}

static bool
finish(uint8_t *bytes, uint32_t len, const struct shmbus_request *req, uint8_t kinds)
{
	if (req->flags & SHMBUS_REQUEST_SEGMENT)
		return shmbus_finish_whole(bytes, len, req, kinds);
	return kinds == 0 || shmbus_finish(bytes, len, req, kinds);
}

static void
tell_whole(const struct shmbus_rxq *q, struct rte_mbuf *m, const struct shmbus_request *req,
	   uint8_t kinds)
{
	tell_kinds(q, m, req, kinds);
	if (req->flags & SHMBUS_REQUEST_SEGMENT) {
		m->ol_flags |= RTE_MBUF_F_RX_LRO;
		m->tso_segsz = req->segment;
	}
}

bool
shmbus_checksum_accept(const struct shmbus_rxq *q, struct rte_mbuf *m,
		       const struct shmbus_request *req)
{
	const uint8_t kinds = shmbus_checksum_kinds(q, req);

	tell_whole(q, m, req, kinds);
	return finish(rte_pktmbuf_mtod(m, uint8_t *), m->pkt_len, req, kinds);
}

bool
shmbus_checksum_accept_held(struct shmbus_held *h)
{
	const struct shmbus_request *req = &h->tso.req;
	const uint8_t *tcp = h->bytes + req->l4_off;
	struct shmbus_ip ip;

	if (!h->segments)
		return finish(h->bytes, h->len, req, h->tso.kinds);
	return shmbus_ip_read(&ip, h->bytes + req->l3_off, (uint32_t)req->data_off - req->l3_off) &&
	       shmbus_ip_suits(&ip, req) &&
	       (tcp[12] >> 4) * 4u == (uint32_t)req->data_off - req->l4_off;
}

/* Makes a segment that does not fit one mbuf. */
static int
segment_in_chain(struct shmbus_rxq *q, struct shmbus_tso *tso, struct rte_mbuf *m)
{
	const struct shmbus_tso before = *tso;
	uint8_t head[HEAD_MAX];
	const uint8_t *payload;
	int len;

	len = shmbus_tso_head(tso, head, sizeof(head), &payload);
	if (len <= 0)
		return -EINVAL;
	if (shmbus_append(q, m, head, tso->req.data_off) &&
	    shmbus_append(q, m, payload, (uint32_t)len - tso->req.data_off))
		return 0;
	*tso = before;
	return -ENOMEM;
}

static int
segment_in_mbuf(struct shmbus_rxq *q, struct shmbus_tso *tso, struct rte_mbuf *m)
{
	const int len = shmbus_tso_next(tso, rte_pktmbuf_mtod(m, uint8_t *), q->room);

	if (len <= 0)
		return -EINVAL;
	m->pkt_len = (uint32_t)len;
	m->data_len = (uint16_t)len;
	return 0;
}

int
shmbus_checksum_deliver(struct shmbus_rxq *q, struct shmbus_held *h, struct rte_mbuf **m)
{
	struct shmbus_tso *tso = &h->tso;
	int ret;

	if (shmbus_fill_stash(q, 1) == 0)
		return -ENOMEM;
	*m = q->stash[--q->n_stash];
	shmbus_init_mbuf(q, *m, 0);
	if (!h->segments)
		ret = shmbus_append(q, *m, h->bytes, h->len) ? 0 : -ENOMEM;
	else if (shmbus_tso_len(tso) <= q->room)
		ret = segment_in_mbuf(q, tso, *m);
	else
		ret = segment_in_chain(q, tso, *m);
	if (ret != 0)
		shmbus_put_back(q, m, 1);
	else if (h->segments)
		tell_kinds(q, *m, &tso->req, tso->kinds);
	else
		tell_whole(q, *m, &tso->req, tso->kinds);
	return ret;
}

static uint64_t
verify_l4(const struct rte_mbuf *m, const struct shmbus_ip *ip, uint32_t l3_off, uint32_t l4_off,
	  uint8_t l4)
{
	const uint32_t len = l4_len(m, ip, l3_off, l4_off, l4);
	uint16_t field;

	if (len == 0)
		return RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN;
	if (l4 == SHMBUS_REQUEST_UDP) {
		if (!shmbus_chain_read(m, l4_off + UDP_CKSUM_OFF, &field, sizeof(field)))
			return RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN;
		/* 0: sent without a checksum, which IPv4 allows and IPv6 does not. */
		if (field == 0)
			return ip->v6 ? RTE_MBUF_F_RX_L4_CKSUM_BAD : RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN;
	}
	if (shmbus_ip_fold(sum_chain(m, l4_off, len) + shmbus_ip_sum_pseudo(ip, l4, len)) != 0xffff)
		return RTE_MBUF_F_RX_L4_CKSUM_BAD;
	return RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

void
shmbus_checksum_verify(const struct shmbus_rxq *q, struct rte_mbuf *m)
{
	struct shmbus_headers h;
	struct mbuf_ip ip;
	uint8_t l4;

	shmbus_headers_parse(&h, m);
	if (!RTE_ETH_IS_IPV4_HDR(h.ptype) && !RTE_ETH_IS_IPV6_HDR(h.ptype))
		return;
	if (!read_ip(m, h.l3_off, &ip) || ip.ip.v6 != !!RTE_ETH_IS_IPV6_HDR(h.ptype))
		return;
	/* An IPv6 header has no checksum, so it is always good. */
	if ((q->offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) &&
	    (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == 0)
		m->ol_flags |= ip.ip.v6 || sum_chain(m, h.l3_off, ip.ip.len) == 0xffff ?
			       RTE_MBUF_F_RX_IP_CKSUM_GOOD : RTE_MBUF_F_RX_IP_CKSUM_BAD;

	/* A fragment has a type of its own, and no checksum that could be verified. */
	if ((h.ptype & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_TCP)
		l4 = SHMBUS_REQUEST_TCP;
	else if ((h.ptype & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_UDP)
		l4 = SHMBUS_REQUEST_UDP;
	else
		return;
	if (!(q->offloads & rx_l4_offload(l4)) || (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != 0 ||
	    h.l4_off - h.l3_off < ip.ip.len || h.l4_off > m->pkt_len)
		return;
	m->ol_flags |= verify_l4(m, &ip.ip, h.l3_off, h.l4_off, l4);
}

/* ---- frames to be sent */

/* Writes the request that follows from the mbuf's flags and the queue's offloads. */
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

/* Returns the length of a tunnel's outer headers: requests and l2_len concern the inner ones. */
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
	uint8_t tcp[SHMBUS_TCP_MIN];
	struct mbuf_ip ip;

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
		/* The length in the header changes, and with it the header's checksum. */
		if (!ip.ip.v6)
			req->flags |= SHMBUS_REQUEST_IP_CKSUM;
		req->data_off = (uint16_t)(req->l4_off + m->l4_len);
		req->segment = m->tso_segsz;
	}
	if (!shmbus_request_valid(req, m->pkt_len) || !shmbus_ip_suits(&ip.ip, req))
		return false;
	if (req->flags & SHMBUS_REQUEST_SEGMENT) {
		if (!shmbus_chain_read(m, req->l4_off, tcp, sizeof(tcp)) ||
		    (tcp[12] >> 4) * 4u != m->l4_len)
			return false;
	} else if ((req->flags & SHMBUS_REQUEST_L4_CKSUM) &&
		   l4_len(m, &ip.ip, req->l3_off, req->l4_off, req->l4) == 0) {
		return false;
	}
	req->l3_off += (uint16_t)growth;
	req->l4_off += (uint16_t)growth;
	if (!(req->flags & SHMBUS_REQUEST_SEGMENT))
		return true;
	req->data_off += (uint16_t)growth;
	return (uint32_t)req->data_off + req->segment <= q->max_len;
}

/* Returns 0, or the errno of rte_eth_tx_prepare(). */
static int
check_wishes(const struct shmbus_txq *q, const struct rte_mbuf *m)
{
	/* Flags of offloads, and flags that describe the packet. */
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
	if (m->pkt_len < SHMBUS_FRAME_MIN)
		return EINVAL;
	if (!shmbus_checksum_request(q, m, growth, &req))
		return EINVAL;
	max = req.flags & SHMBUS_REQUEST_SEGMENT ? q->max_whole : q->max_len;
	return m->pkt_len > max - growth ? EINVAL : 0;
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
