/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Checksums: left to others by the sender, computed or waived by the receiver, verified. Frames
 * and verdicts are scapy's.
 */

#include <stdlib.h>

#include <rte_errno.h>

#include "checksum_vectors.h"

#define TX_ALL \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)
#define RX_ALL \
	(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define RX_FLAGS (RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK)

#define IP_GOOD RTE_MBUF_F_RX_IP_CKSUM_GOOD
#define IP_BAD RTE_MBUF_F_RX_IP_CKSUM_BAD
#define L4_GOOD RTE_MBUF_F_RX_L4_CKSUM_GOOD
#define L4_BAD RTE_MBUF_F_RX_L4_CKSUM_BAD
#define L4_NONE RTE_MBUF_F_RX_L4_CKSUM_NONE
#define LRO RTE_ETH_RX_OFFLOAD_TCP_LRO

static const char *const formats[] = { "format=lanes", "format=shmif" };

static uint8_t bytes[UINT16_MAX + 1];

/* What arrives of a packet with requests. */
enum how {
	RIGHT, /* with all checksums */
	HALF,  /* that of the content as it was sent */
	SENT,  /* all as it was sent */
};

static void
expect(uint16_t port, const struct vector *v, enum how how, uint64_t flags)
{
	struct rte_mbuf *m = vector_receive(port, 0, v->name);
	const uint32_t len = vector_copy(bytes, &v->right);

	if (how != RIGHT)
		vector_spoil(bytes, v, how == HALF ? v->flags & RTE_MBUF_F_TX_L4_MASK : v->flags);
	vector_assert_bytes(m, bytes, len, v->name);
	if (m->ol_flags != flags)
		fail_msg("%s: flags 0x%llx", v->name, (unsigned long long)m->ol_flags);
	rte_pktmbuf_free(m);
}

static void
send_vector(uint16_t port, const struct vector *v, uint32_t seg)
{
	struct rte_mbuf *m = vector_request(v, v->flags, seg);

	if (rte_eth_tx_prepare(port, 0, &m, 1) != 1)
		fail_msg("%s: %s", v->name, rte_strerror(rte_errno));
	assert_true(send_mbuf(port, 0, m));
}

static void
expect_all(const struct pair *p, const struct vector *table, uint32_t n, uint32_t seg)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		send_vector(p->a, &table[i], seg);
		expect(p->b, &table[i], RIGHT, 0);
	}
}

static void
test_capabilities(void **state)
{
	struct rte_eth_dev_info info;
	unsigned int f;
	uint16_t port;
	char *path;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		path = tmpdir_new_path();
		port = nic_new(path, formats[f]);
		assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
		assert_int_equal(info.rx_offload_capa & RX_ALL, RX_ALL);
		assert_int_equal(info.tx_offload_capa & TX_ALL, TX_ALL);
		assert_int_equal(info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM, 0);
		assert_int_equal(info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_SCTP_CKSUM, 0);
		nic_remove(port);
		free(path);
	}
}

/*
 * A receiver that has not asked for anything gets a frame in which all is right: of every length,
 * and from chains, in which a field or a word may lie in two segments.
 */
static void
test_for_a_plain_receiver(void **state)
{
	static const uint32_t segs[] = { 0, 1, 2, 7, 35, 51, 64, 500 };
	unsigned int f, s;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		pair_offload(&p, formats[f], TX_ALL | RTE_ETH_TX_OFFLOAD_MULTI_SEGS, 0);
		for (s = 0; s < RTE_DIM(segs); s++)
			expect_all(&p, kinds, RTE_DIM(kinds), segs[s]);
		pair_remove(&p);
		pair_offload(&p, formats[f], TX_ALL, 0);
		expect_all(&p, kinds, RTE_DIM(kinds), 0);
		expect_all(&p, lengths, RTE_DIM(lengths), 0);
		assert_int_equal(stats_of(p.a).oerrors + stats_of(p.b).ierrors, 0);
	}
}

/*
 * Each offload stands for itself, on either side. Of a content that a receiver with the offload
 * and LRO does not get finished, its sender vouches; a shmif bus cannot say so.
 */
static void
test_offloads(void **state)
{
	static const struct {
		const char *format;
		uint64_t tx, rx;
		struct {
			enum how how;
			uint64_t flags;
		} tcp, udp;
	} cases[] = {
		{ "format=lanes", TX_ALL, RX_ALL | LRO,
		  { HALF, L4_NONE | IP_GOOD }, { HALF, L4_NONE | IP_GOOD } },
		{ "format=lanes", TX_ALL, RX_ALL,
		  { RIGHT, L4_GOOD | IP_GOOD }, { RIGHT, L4_GOOD | IP_GOOD } },
		{ NULL, TX_ALL, LRO, { RIGHT, 0 }, { RIGHT, 0 } },
		{ "format=shmif", TX_ALL, RX_ALL,
		  { RIGHT, L4_GOOD | IP_GOOD }, { RIGHT, L4_GOOD | IP_GOOD } },
		{ NULL, TX_ALL, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM, { RIGHT, IP_GOOD }, { RIGHT, IP_GOOD } },
		{ NULL, TX_ALL, RTE_ETH_RX_OFFLOAD_TCP_CKSUM | LRO, { HALF, L4_NONE }, { RIGHT, 0 } },
		{ NULL, TX_ALL, RTE_ETH_RX_OFFLOAD_UDP_CKSUM | LRO, { RIGHT, 0 }, { HALF, L4_NONE } },
		{ NULL, TX_ALL, RTE_ETH_RX_OFFLOAD_TCP_CKSUM, { RIGHT, L4_GOOD }, { RIGHT, 0 } },
		{ NULL, TX_ALL, RTE_ETH_RX_OFFLOAD_UDP_CKSUM, { RIGHT, 0 }, { RIGHT, L4_GOOD } },
		/* The wish for what the port was not configured for is not heard. */
		{ NULL, RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, 0, { HALF, 0 }, { HALF, 0 } },
		{ NULL, 0, 0, { SENT, 0 }, { SENT, 0 } },
	};
	struct pair p;
	unsigned int c, i;

	(void)state;
	for (c = 0; c < RTE_DIM(cases); c++) {
		pair_offload(&p, cases[c].format, cases[c].tx, cases[c].rx);
		for (i = 0; i < RTE_DIM(kinds); i++) {
			assert_true(send_mbuf(p.a, 0, vector_request(&kinds[i], kinds[i].flags, 0)));
			if (kinds[i].name[0] == 't')
				expect(p.b, &kinds[i], cases[c].tcp.how, cases[c].tcp.flags);
			else
				expect(p.b, &kinds[i], cases[c].udp.how, cases[c].udp.flags);
		}
	}
}

/* What a router does to an IPv4 packet: a hop less to live, and the sum changed by as much. */
static void
route(struct rte_mbuf *m, const struct vector *v)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, v->l2_len);
	const uint32_t sum = rte_be_to_cpu_16(ip->hdr_checksum) + 0x100u;

	ip->time_to_live--;
	ip->hdr_checksum = rte_cpu_to_be_16((uint16_t)((sum & 0xffff) + (sum >> 16)));
	/* The content, where it is not finished, is the next port's to finish. */
	if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == L4_NONE) {
		m->ol_flags |= v->flags & (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_L4_MASK);
		m->l2_len = v->l2_len;
		m->l3_len = v->l3_len;
	}
}

/* To another bus through a forwarder that checks headers on Rx and updates their sums. */
static void
test_router(void **state)
{
	static const uint64_t rx[] = { 0, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM, RX_ALL, RX_ALL | LRO };
	struct pair left, right;
	struct rte_mbuf *m;
	unsigned int f, i, r;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		/* shmif has no LRO. */
		for (r = 0; r < RTE_DIM(rx) - f; r++) {
			pair_offload(&left, formats[f], TX_ALL, rx[r]);
			pair_offload(&right, formats[f], rx[r] & LRO ? TX_ALL : 0, 0);
			for (i = 0; i < RTE_DIM(kinds); i++) {
				if (kinds[i].n_more == 0)
					continue;
				send_vector(left.a, &kinds[i], 0);
				m = vector_receive(left.b, 0, kinds[i].name);
				route(m, &kinds[i]);
				assert_true(send_mbuf(right.a, 0, m));
				vector_expect(right.b, 0, kinds[i].more, 0, kinds[i].name);
			}
		}
	}
}

/* The receiver's mbufs are short, and of an odd length. */
static void
scattered(const char *args, uint16_t room)
{
	const struct nic_conf a = { .tx_offloads = TX_ALL };
	struct nic_conf b = { .rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER };
	struct pair p;
	unsigned int i;

	b.pool = rte_pktmbuf_pool_create("odd", 255, 0, 0, RTE_PKTMBUF_HEADROOM + room,
					 SOCKET_ID_ANY);
	assert_non_null(b.pool);
	pair_start_as(&p, args, &a, &b);
	expect_all(&p, kinds, RTE_DIM(kinds), 0);
	pair_remove(&p);
	b.rx_offloads |= RX_ALL;
	pair_start_as(&p, args, &a, &b);
	for (i = 0; i < RTE_DIM(verdicts); i++) {
		assert_true(send_mbuf(p.a, 0, vector_mbuf(&verdicts[i].frame)));
		vector_expect(p.b, 0, &verdicts[i].frame, verdicts[i].flags, verdicts[i].name);
	}
	pair_remove(&p);
	rte_mempool_free(b.pool);
}

static void
test_scattered(void **state)
{
	unsigned int f;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		scattered(formats[f], 65);
		scattered(formats[f], 128);
	}
}

/* Frames without a request are looked at by the receiver, as far as it was asked to. */
static void
test_verdicts(void **state)
{
	static const uint64_t rx[] = {
		RX_ALL, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM, RTE_ETH_RX_OFFLOAD_TCP_CKSUM,
		RTE_ETH_RX_OFFLOAD_UDP_CKSUM, 0,
	};
	const struct verdict *v;
	unsigned int f, i, r;
	struct pair p;
	uint64_t mask;
	bool tcp;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		for (r = 0; r < RTE_DIM(rx); r++) {
			pair_offload(&p, formats[f], 0, rx[r]);
			for (i = 0; i < RTE_DIM(verdicts); i++) {
				v = &verdicts[i];
				tcp = strncmp(v->name, "tcp", 3) == 0;
				mask = 0;
				if (rx[r] & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM)
					mask |= RTE_MBUF_F_RX_IP_CKSUM_MASK;
				if (rx[r] & (tcp ? RTE_ETH_RX_OFFLOAD_TCP_CKSUM :
					     RTE_ETH_RX_OFFLOAD_UDP_CKSUM))
					mask |= RTE_MBUF_F_RX_L4_CKSUM_MASK;
				assert_true(send_mbuf(p.a, 0, vector_mbuf(&v->frame)));
				vector_expect(p.b, 0, &v->frame, v->flags & mask, v->name);
			}
			assert_int_equal(stats_of(p.b).ierrors, 0);
		}
	}
}

/* Nothing is said of what is not there, whatever a frame's headers promise. */
static void
test_truncated(void **state)
{
	struct rte_mbuf *m;
	uint32_t len, full;
	struct pair p;
	unsigned int i, ip;

	(void)state;
	pair_offload(&p, NULL, 0, RX_ALL);
	for (i = 0; i < RTE_DIM(kinds); i++) {
		full = vector_copy(bytes, &kinds[i].right) - kinds[i].padding;
		ip = kinds[i].l2_len + (kinds[i].flags & RTE_MBUF_F_TX_IPV6 ? 40u : kinds[i].l3_len);
		for (len = RTE_ETHER_HDR_LEN; len < full; len++) {
			assert_true(send_mbuf(p.a, 0, vector_mbuf_of(bytes, len, 0)));
			m = vector_receive(p.b, 0, kinds[i].name);
			vector_assert_bytes(m, bytes, len, kinds[i].name);
			assert_int_equal(m->ol_flags, len >= ip ? IP_GOOD : 0);
			rte_pktmbuf_free(m);
		}
	}
	assert_int_equal(stats_of(p.b).ierrors, 0);
}

/* In one burst frames with requests and without; a receiver with the offload, one without. */
static void
test_mixed_burst(void **state)
{
	const struct nic_conf tx = { .tx_offloads = TX_ALL };
	const struct nic_conf rx = { .rx_offloads = RX_ALL | LRO };
	struct rte_mbuf *pkts[60];
	uint16_t plain, offload;
	struct pair p;
	const struct vector *v;
	unsigned int i, round;

	(void)state;
	pair_start_as(&p, "lane_size=64K", &tx, &rx);
	offload = p.b;
	plain = pair_join(&p, NULL, NULL);
	for (round = 0; round < 60; round++) {
		for (i = 0; i < RTE_DIM(pkts); i++) {
			v = &kinds[(i + round) % RTE_DIM(kinds)];
			pkts[i] = vector_request(v, (i + round) % 3 == 0 ? 0 : v->flags, 0);
		}
		assert_int_equal(rte_eth_tx_burst(p.a, 0, pkts, RTE_DIM(pkts)), RTE_DIM(pkts));
		for (i = 0; i < RTE_DIM(pkts); i++) {
			v = &kinds[(i + round) % RTE_DIM(kinds)];
			expect(plain, v, RIGHT, 0);
			if ((i + round) % 3 == 0)
				expect(offload, v, RIGHT, L4_GOOD | IP_GOOD);
			else
				expect(offload, v, HALF, L4_NONE | IP_GOOD);
		}
	}
	expect_none(plain, 0);
	expect_none(offload, 0);
	assert_int_equal(stats_of(plain).imissed + stats_of(plain).ierrors, 0);
	assert_int_equal(stats_of(offload).imissed + stats_of(offload).ierrors, 0);
}

/* The filter and the length limit hold for frames with requests, too. */
static void
test_filtered_and_too_long(void **state)
{
	const struct vector *v = VECTOR(lengths, "udp4 999");
	const struct nic_conf tx = { .tx_offloads = TX_ALL };
	const struct nic_conf rx = { .filter = true };
	struct rte_mbuf *m;
	struct pair p;

	(void)state;
	pair_new(&p, NULL, "mac=02:00:00:00:00:0b");
	nic_start(p.a, &tx);
	nic_start(p.b, &rx);
	send_vector(p.a, v, 0);
	expect(p.b, v, RIGHT, 0);
	m = vector_request(v, v->flags, 0);
	(*rte_pktmbuf_mtod_offset(m, uint8_t *, 5))++;
	assert_true(send_mbuf(p.a, 0, m));
	expect_none(p.b, 0);
	assert_int_equal(xstat_of(p.b, "rx_filtered"), 1);
	assert_int_equal(rte_eth_dev_set_mtu(p.b, 500), 0);
	send_vector(p.a, v, 0);
	expect_none(p.b, 0);
	assert_int_equal(xstat_of(p.b, "rx_too_long"), 1);
	assert_int_equal(xstat_of(p.b, "rx_corrupt"), 0);
}

/* What cannot be done with a frame: rte_eth_tx_prepare says so, and it is not sent. */
static void
refused(const struct pair *p, struct rte_mbuf *m, int err, const char *counter)
{
	const uint64_t before = stats_of(p->a).oerrors;
	const uint64_t counted = xstat_of(p->a, counter);

	rte_errno = 0;
	assert_int_equal(rte_eth_tx_prepare(p->a, 0, &m, 1), 0);
	assert_int_equal(rte_errno, err);
	if (err == ENOTSUP) {
		rte_pktmbuf_free(m);
		return;
	}
	assert_true(send_mbuf(p->a, 0, m));
	expect_none(p->b, 0);
	assert_int_equal(stats_of(p->a).oerrors - before, 1);
	assert_int_equal(xstat_of(p->a, counter) - counted, 1);
}

static void
test_bad_wishes(void **state)
{
	/* Lengths that are not the header's. */
	static const struct {
		uint16_t l2_len, l3_len;
	} lens[] = { { 0, 20 }, { 127, 20 }, { 14, 0 }, { 14, 24 }, { 14, 511 } };
	/* What this driver does not do, or this port was not asked to. */
	static const uint64_t unknown[] = {
		RTE_MBUF_F_TX_SCTP_CKSUM, RTE_MBUF_F_TX_OUTER_IP_CKSUM, RTE_MBUF_F_TX_OUTER_UDP_CKSUM,
		RTE_MBUF_F_TX_TCP_SEG, RTE_MBUF_F_TX_VLAN, RTE_MBUF_F_TX_QINQ,
		RTE_MBUF_F_TX_IEEE1588_TMST, RTE_MBUF_F_TX_SEC_OFFLOAD, RTE_MBUF_F_TX_MACSEC,
		RTE_MBUF_F_TX_UDP_SEG,
	};
	const struct vector *udp = VECTOR(kinds, "udp4 100");
	const struct vector *v6 = VECTOR(kinds, "tcp6 100");
	struct rte_mbuf *m;
	struct pair p;
	unsigned int f, i;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		pair_offload(&p, formats[f], TX_ALL, 0);
		for (i = 0; i < RTE_DIM(lens); i++) {
			m = vector_request(udp, udp->flags, 0);
			m->l2_len = lens[i].l2_len;
			m->l3_len = lens[i].l3_len;
			refused(&p, m, EINVAL, "tx_bad_offload");
		}
		/* A packet that is shorter than it says. */
		m = vector_request(udp, udp->flags, 0);
		assert_int_equal(rte_pktmbuf_trim(m, 1), 0);
		refused(&p, m, EINVAL, "tx_bad_offload");
		/* IPv6 has no header checksum. */
		m = vector_request(v6, v6->flags, 0);
		m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
		refused(&p, m, EINVAL, "tx_bad_offload");
		for (i = 0; i < RTE_DIM(unknown); i++) {
			m = vector_request(v6, 0, 0);
			m->ol_flags = unknown[i];
			refused(&p, m, ENOTSUP, "tx_bad_offload");
		}
		/* All that in a burst does not harm what comes with it. */
		send_vector(p.a, udp, 0);
		expect(p.b, udp, RIGHT, 0);
	}
}

/* Tags that the port inserts, and those it was not configured for. */
static void
test_prepare_tags(void **state)
{
	static const struct {
		uint64_t offloads;
		uint64_t flags;
		bool legal;
	} cases[] = {
		{ RTE_ETH_TX_OFFLOAD_VLAN_INSERT, RTE_MBUF_F_TX_VLAN, true },
		{ RTE_ETH_TX_OFFLOAD_VLAN_INSERT, RTE_MBUF_F_TX_QINQ, false },
		{ RTE_ETH_TX_OFFLOAD_VLAN_INSERT, RTE_MBUF_F_TX_QINQ | RTE_MBUF_F_TX_VLAN, false },
		{ RTE_ETH_TX_OFFLOAD_QINQ_INSERT, RTE_MBUF_F_TX_VLAN, false },
		{ RTE_ETH_TX_OFFLOAD_QINQ_INSERT, RTE_MBUF_F_TX_QINQ, true },
		/* Two tags, of which one is that of VLAN. */
		{ RTE_ETH_TX_OFFLOAD_QINQ_INSERT, RTE_MBUF_F_TX_QINQ | RTE_MBUF_F_TX_VLAN, true },
	};
	unsigned int f, i;
	struct rte_mbuf *m;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		for (i = 0; i < RTE_DIM(cases); i++) {
			pair_offload(&p, formats[f], cases[i].offloads, 0);
			m = vector_mbuf(&kinds[0].right);
			m->ol_flags |= cases[i].flags;
			if (!cases[i].legal) {
				refused(&p, m, ENOTSUP, "tx_too_short");
				continue;
			}
			assert_int_equal(rte_eth_tx_prepare(p.a, 0, &m, 1), 1);
			/* There must be an Ethernet header to put them into. */
			assert_int_equal(rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - 13)), 0);
			refused(&p, m, EINVAL, "tx_too_short");
		}
	}
}

/* The inner packet of a tunnel: IPv4 in IPv4. What is reported of IP is so of the outer one. */
static void
test_tunnel(void **state)
{
	const struct vector *v = &tunnels[0];
	struct vector inner = *v;
	struct rte_mbuf *m;
	struct pair p;
	unsigned int f;
	uint32_t len;

	(void)state;
	inner.l2_len += 20;
	for (f = 0; f < 2 * RTE_DIM(formats); f++) {
		pair_offload(&p, formats[f / 2], TX_ALL, f % 2 == 0 ? 0 : f == 1 ? RX_ALL | LRO : RX_ALL);
		len = vector_copy(bytes, v->more);
		vector_spoil(bytes, &inner, v->flags);
		m = vector_mbuf_of(bytes, len, 0);
		m->ol_flags |= v->flags | RTE_MBUF_F_TX_OUTER_IPV4 | RTE_MBUF_F_TX_TUNNEL_IPIP;
		m->outer_l2_len = v->l2_len;
		m->outer_l3_len = 20;
		m->l2_len = 0;
		m->l3_len = v->l3_len;
		assert_true(send_mbuf(p.a, 0, m));
		vector_copy(bytes, v->more);
		if (f == 1) /* lanes: the inner content stays as it was sent */
			vector_spoil(bytes, &inner, v->flags & RTE_MBUF_F_TX_L4_MASK);
		m = vector_receive(p.b, 0, "tunnel");
		vector_assert_bytes(m, bytes, len, "tunnel");
		assert_int_equal(m->ol_flags, f % 2 == 0 ? 0 : f == 1 ? IP_GOOD | L4_NONE : IP_GOOD);
		rte_pktmbuf_free(m);
	}
}

/* Tags that the sender inserts move the headers; those that are stripped do not matter. */
static void
test_with_vlan(void **state)
{
	const struct nic_conf tx = {
		.tx_offloads = TX_ALL | RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_QINQ_INSERT,
	};
	const struct nic_conf rx = { .rx_offloads = RX_ALL | RTE_ETH_RX_OFFLOAD_VLAN_STRIP };
	const struct vector *v = &inserted[0];
	uint16_t plain, offload;
	struct pair p;
	struct rte_mbuf *m;
	unsigned int f, tags;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		pair_start_as(&p, formats[f], &tx, &rx);
		offload = p.b;
		plain = pair_join(&p, NULL, NULL);
		for (tags = 1; tags <= 2; tags++) {
			m = vector_request(v, v->flags, 0);
			m->ol_flags |= tags == 1 ? RTE_MBUF_F_TX_VLAN : RTE_MBUF_F_TX_QINQ;
			m->vlan_tci = 7;
			m->vlan_tci_outer = 5;
			assert_int_equal(rte_eth_tx_prepare(p.a, 0, &m, 1), 1);
			assert_true(send_mbuf(p.a, 0, m));
			vector_expect(plain, 0, &v->more[tags - 1], 0, v->name);
			m = vector_receive(offload, 0, v->name);
			assert_int_equal(m->ol_flags & RX_FLAGS,
					 IP_GOOD | L4_GOOD);
			/* Of one tag none is left, of two both. */
			assert_int_equal(m->pkt_len, v->right.head_len + v->right.tail_len +
					 8 * (tags - 1));
			rte_pktmbuf_free(m);
		}
	}
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_capabilities),
		T(test_for_a_plain_receiver),
		T(test_offloads),
		T(test_router),
		T(test_scattered),
		T(test_verdicts),
		T(test_truncated),
		T(test_mixed_burst),
		T(test_filtered_and_too_long),
		T(test_bad_wishes),
		T(test_prepare_tags),
		T(test_tunnel),
		T(test_with_vlan),
	};

	return cmocka_run_group_tests_name("pmd_checksum", tests, eal_start, eal_stop);
}
