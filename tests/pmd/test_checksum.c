/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Checksums: left to others by the sender, computed or waived by the receiver, verified. */

#include <stdlib.h>

#include <rte_errno.h>

#include "packet.h"

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

static const char *const formats[] = { "format=lanes", "format=shmif" };

/* One of each kind. */
static const struct packet_conf kinds[] = {
	{ .l4 = PACKET_TCP, .payload = 100 },
	{ .l4 = PACKET_UDP, .payload = 100 },
	{ .l4 = PACKET_TCP, .payload = 0, .tcp_options = 3 },
	{ .l4 = PACKET_UDP, .payload = 0 },
	{ .l4 = PACKET_UDP, .payload = 1, .padding = 17 },
	{ .l4 = PACKET_TCP, .payload = 1399, .tcp_options = 10 },
	{ .l4 = PACKET_TCP, .payload = 333, .options = 10, .vlans = 1 },
	{ .l4 = PACKET_UDP, .payload = 12, .options = 1, .vlans = 2 },
	{ .l4 = PACKET_TCP, .payload = 100, .v6 = true },
	{ .l4 = PACKET_UDP, .payload = 101, .v6 = true, .padding = 3 },
	{ .l4 = PACKET_TCP, .payload = 7, .v6 = true, .options = 2, .vlans = 1 },
	{ .l4 = PACKET_UDP, .payload = 1001, .v6 = true, .options = 1, .vlans = 2 },
};

static struct packet packet, sent;

/* a sends with the Tx offloads, b receives with the Rx offloads. */
static void
start(struct pair *p, const char *args, uint64_t tx, uint64_t rx)
{
	const struct nic_conf a = { .tx_offloads = tx };
	const struct nic_conf b = { .rx_offloads = rx };

	p->path = tmpdir_new_path();
	p->a = nic_new(p->path, args);
	p->b = nic_new(p->path, args);
	nic_start(p->a, &a);
	nic_start(p->b, &b);
	free(p->path);
}

static struct rte_mbuf *
receive_one(uint16_t port)
{
	struct rte_mbuf *m;

	if (receive(port, 0, &m, 1) != 1)
		fail_msg("nothing came");
	return m;
}

static void
expect(uint16_t port, const struct packet *p, uint64_t flags)
{
	struct rte_mbuf *m = receive_one(port);

	packet_assert(m, p->bytes, p->len);
	assert_int_equal(m->ol_flags, flags);
	rte_pktmbuf_free(m);
}

/* The packet as an application hands it over that leaves the checksums to others. */
static void
spoil(struct packet *p, uint64_t wishes)
{
	if (wishes & RTE_MBUF_F_TX_IP_CKSUM)
		packet_put16(&p->bytes[packet_ip_field(p)], 0x1234);
	if (wishes & RTE_MBUF_F_TX_L4_MASK)
		packet_put16(&p->bytes[packet_l4_field(p)], 0x5678);
}

static void
send_spoilt(uint16_t port, const struct packet_conf *conf, uint32_t seg)
{
	struct rte_mbuf *m;

	packet_make(&packet, conf);
	sent = packet;
	spoil(&sent, packet_wishes(&sent));
	m = packet_mbuf(&sent, seg, packet_wishes(&sent));
	assert_int_equal(rte_eth_tx_prepare(port, 0, &m, 1), 1);
	assert_true(send_mbuf(port, 0, m));
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

/* A receiver that has not asked for anything gets a frame in which all is right. */
static void
test_for_a_plain_receiver(void **state)
{
	struct pair p;
	unsigned int f, i;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], TX_ALL, 0);
		for (i = 0; i < RTE_DIM(kinds); i++) {
			send_spoilt(p.a, &kinds[i], 0);
			expect(p.b, &packet, 0);
		}
		assert_int_equal(stats_of(p.a).oerrors + stats_of(p.b).ierrors, 0);
	}
}

static void
test_every_length(void **state)
{
	struct packet_conf conf;
	struct pair p;
	unsigned int f, i;
	uint32_t len;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], TX_ALL, 0);
		for (i = 0; i < 4; i++) {
			conf = (struct packet_conf){ .l4 = i & 1 ? PACKET_TCP : PACKET_UDP, .v6 = i & 2 };
			for (len = 0; len <= 1400; len++) {
				conf.payload = len;
				conf.seq = len;
				send_spoilt(p.a, &conf, 0);
				expect(p.b, &packet, 0);
			}
		}
	}
}

/*
 * With the offload: the header is finished, and for the content its sender
 * vouches. A shmif bus cannot say so.
 */
static void
test_for_an_offloading_receiver(void **state)
{
	struct pair p;
	unsigned int i;

	(void)state;
	start(&p, "format=lanes", TX_ALL, RX_ALL);
	for (i = 0; i < RTE_DIM(kinds); i++) {
		send_spoilt(p.a, &kinds[i], 0);
		packet_sum_ip(&sent);
		expect(p.b, &sent, L4_NONE | IP_GOOD);
	}
	start(&p, "format=shmif", TX_ALL, RX_ALL);
	for (i = 0; i < RTE_DIM(kinds); i++) {
		send_spoilt(p.a, &kinds[i], 0);
		expect(p.b, &packet, L4_GOOD | IP_GOOD);
	}
}

/* Each offload stands for itself, on either side. */
static void
test_single_offloads(void **state)
{
	static const struct packet_conf tcp = { .l4 = PACKET_TCP, .payload = 50 };
	static const struct packet_conf udp = { .l4 = PACKET_UDP, .payload = 50 };
	struct packet half;
	struct pair p;

	(void)state;
	start(&p, NULL, TX_ALL, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM);
	send_spoilt(p.a, &tcp, 0);
	expect(p.b, &packet, IP_GOOD);

	start(&p, NULL, TX_ALL, RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
	send_spoilt(p.a, &tcp, 0);
	half = packet;
	spoil(&half, RTE_MBUF_F_TX_TCP_CKSUM);
	expect(p.b, &half, L4_NONE);
	send_spoilt(p.a, &udp, 0);
	expect(p.b, &packet, 0);

	start(&p, NULL, TX_ALL, RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
	send_spoilt(p.a, &tcp, 0);
	expect(p.b, &packet, 0);

	/* A sender with one of them: the wish for the others is not heard. */
	start(&p, NULL, RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, 0);
	packet_make(&packet, &udp);
	spoil(&packet, RTE_MBUF_F_TX_UDP_CKSUM);
	sent = packet;
	spoil(&sent, RTE_MBUF_F_TX_IP_CKSUM);
	assert_true(send_mbuf(p.a, 0, packet_mbuf(&sent, 0, packet_wishes(&sent))));
	expect(p.b, &packet, 0);

	/* And with none of them. */
	start(&p, NULL, 0, 0);
	assert_true(send_mbuf(p.a, 0, packet_mbuf(&sent, 0, packet_wishes(&sent))));
	expect(p.b, &sent, 0);
}

/* What a router does to an IPv4 packet: a hop less to live, and the sum changed by as much. */
static void
route(struct rte_mbuf *m)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN);
	const uint32_t sum = packet_get16(ip + 10) + 0x100u;

	ip[8]--;
	packet_put16(ip + 10, (uint16_t)((sum & 0xffff) + (sum >> 16)));
	/* The content, where it is not finished, is the next port's to finish. */
	if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == L4_NONE) {
		m->ol_flags |= RTE_MBUF_F_TX_IPV4 |
			       (ip[9] == PACKET_TCP ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM);
		m->l2_len = RTE_ETHER_HDR_LEN;
		m->l3_len = (ip[0] & 0xfu) * 4;
	}
}

/* To another bus by way of somebody who checks headers on Rx, and goes on from their sums. */
static void
test_router(void **state)
{
	static const uint64_t rx[] = { 0, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM, RX_ALL };
	struct pair left, right;
	struct rte_mbuf *m;
	unsigned int f, i, r;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		for (r = 0; r < RTE_DIM(rx); r++) {
			start(&left, formats[f], TX_ALL, rx[r]);
			start(&right, formats[f], rx[r] == RX_ALL ? TX_ALL : 0, 0);
			for (i = 0; i < RTE_DIM(kinds); i++) {
				if (kinds[i].v6 || kinds[i].vlans != 0)
					continue;
				send_spoilt(left.a, &kinds[i], 0);
				m = receive_one(left.b);
				route(m);
				assert_true(send_mbuf(right.a, 0, m));
				packet.bytes[packet.l3 + 8]--;
				packet_sum_ip(&packet);
				expect(right.b, &packet, 0);
			}
		}
	}
}

/* Chains, in which a field or a word may lie in two segments. */
static void
test_segments(void **state)
{
	static const uint32_t segs[] = { 1, 2, 7, 35, 51, 64, 500 };
	struct pair p;
	unsigned int f, i, s;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], TX_ALL | RTE_ETH_TX_OFFLOAD_MULTI_SEGS, 0);
		for (s = 0; s < RTE_DIM(segs); s++) {
			for (i = 0; i < RTE_DIM(kinds); i++) {
				send_spoilt(p.a, &kinds[i], segs[s]);
				expect(p.b, &packet, 0);
			}
		}
	}
}

static void
scattered(const char *args, uint16_t room, uint64_t rx)
{
	const struct nic_conf a = { .tx_offloads = TX_ALL };
	struct nic_conf b = { .rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER | rx };
	char *path = tmpdir_new_path();
	uint16_t port_a, port_b;
	unsigned int i;

	b.pool = rte_pktmbuf_pool_create("odd", 255, 0, 0, RTE_PKTMBUF_HEADROOM + room,
					 SOCKET_ID_ANY);
	assert_non_null(b.pool);
	port_a = nic_new(path, args);
	port_b = nic_new(path, args);
	nic_start(port_a, &a);
	nic_start(port_b, &b);
	for (i = 0; i < RTE_DIM(kinds); i++) {
		if (rx == 0) {
			send_spoilt(port_a, &kinds[i], 0);
			expect(port_b, &packet, 0);
			continue;
		}
		packet_make(&packet, &kinds[i]);
		assert_true(send_mbuf(port_a, 0, packet_mbuf(&packet, 0, 0)));
		expect(port_b, &packet, L4_GOOD | IP_GOOD);
		packet.bytes[packet.len - kinds[i].padding - 1] ^= 0x10;
		assert_true(send_mbuf(port_a, 0, packet_mbuf(&packet, 0, 0)));
		expect(port_b, &packet, L4_BAD | IP_GOOD);
	}
	nic_remove(port_b);
	nic_remove(port_a);
	rte_mempool_free(b.pool);
	free(path);
}

/* The receiver's mbufs are short, and of an odd length. */
static void
test_scattered(void **state)
{
	unsigned int f;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		scattered(formats[f], 65, 0);
		scattered(formats[f], 65, RX_ALL);
		scattered(formats[f], 128, 0);
		scattered(formats[f], 128, RX_ALL);
	}
}

static void
expect_flags(const struct pair *p, uint64_t flags)
{
	assert_true(send_mbuf(p->a, 0, packet_mbuf(&packet, 0, 0)));
	expect(p->b, &packet, flags);
}

/* Frames without a request are looked at by the receiver. */
static void
test_good_and_bad(void **state)
{
	struct pair p;
	unsigned int f, i;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], 0, RX_ALL);
		for (i = 0; i < RTE_DIM(kinds); i++) {
			packet_make(&packet, &kinds[i]);
			expect_flags(&p, IP_GOOD | L4_GOOD);
			packet.bytes[packet_l4_field(&packet)] ^= 1;
			expect_flags(&p, IP_GOOD | L4_BAD);
			packet_make(&packet, &kinds[i]);
			packet.bytes[packet.l4 + 1] ^= 0x80;
			expect_flags(&p, IP_GOOD | L4_BAD);
			packet_make(&packet, &kinds[i]);
			if (kinds[i].v6) {
				packet.bytes[packet.l3 + 39] ^= 1; /* the address counts */
				expect_flags(&p, IP_GOOD | L4_BAD);
				continue;
			}
			packet.bytes[packet_ip_field(&packet) + 1] ^= 4;
			expect_flags(&p, IP_BAD | L4_GOOD);
			packet.bytes[packet.l4] ^= 4;
			expect_flags(&p, IP_BAD | L4_BAD);
		}
	}
}

/* Behind one tag, or two, of any types. */
static void
test_tags(void **state)
{
	static const uint16_t types[] = { 0, 0x8100, 0x88a8, 0x9100 };
	struct packet_conf conf = { .l4 = PACKET_UDP, .payload = 40 };
	struct pair p;
	unsigned int f, outer, inner;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], 0, RX_ALL);
		for (outer = 1; outer < RTE_DIM(types); outer++) {
			for (inner = 0; inner < RTE_DIM(types); inner++) {
				conf.vlans = inner == 0 ? 1 : 2;
				conf.tpids[0] = types[outer];
				conf.tpids[1] = types[inner];
				packet_make(&packet, &conf);
				expect_flags(&p, IP_GOOD | L4_GOOD);
				packet.bytes[packet_ip_field(&packet)] ^= 1;
				packet.bytes[packet.len - 1] ^= 1;
				expect_flags(&p, IP_BAD | L4_BAD);
			}
		}
	}
}

/* An IPv6 header has none, and is good as it is; only where IP is looked at, as of IPv4. */
static void
test_ipv6_header(void **state)
{
	static const struct packet_conf conf = { .l4 = PACKET_TCP, .payload = 20, .v6 = true };
	struct pair p;
	unsigned int f;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], 0, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM);
		packet_make(&packet, &conf);
		expect_flags(&p, IP_GOOD);
		packet.bytes[packet.l3] = 0x45; /* not what the Ethernet header says */
		expect_flags(&p, 0);
		start(&p, formats[f], 0, RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
		packet_make(&packet, &conf);
		expect_flags(&p, L4_GOOD);
	}
}

/* In UDP 0 says that there is no checksum; a sum that comes out as 0 is sent as 0xffff. */
static void
test_udp_zero(void **state)
{
	struct packet_conf conf = { .l4 = PACKET_UDP, .payload = 2 };
	struct pair p;
	unsigned int f;
	uint16_t field;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], 0, RX_ALL);
		conf.v6 = false;
		packet_make(&packet, &conf);
		packet_put16(&packet.bytes[packet_l4_field(&packet)], 0);
		expect_flags(&p, IP_GOOD);
		conf.v6 = true;
		packet_make(&packet, &conf);
		packet_put16(&packet.bytes[packet_l4_field(&packet)], 0);
		expect_flags(&p, IP_GOOD | L4_BAD);

		/* Two bytes of payload that make it 0. */
		start(&p, formats[f], TX_ALL, 0);
		packet_make(&packet, &conf);
		packet_put16(&packet.bytes[packet.data], 0);
		packet_sum_l4(&packet);
		field = packet_get16(&packet.bytes[packet_l4_field(&packet)]);
		packet_put16(&packet.bytes[packet.data], field);
		packet_sum_l4(&packet);
		assert_int_equal(packet_get16(&packet.bytes[packet_l4_field(&packet)]), 0xffff);
		sent = packet;
		spoil(&sent, packet_wishes(&sent));
		assert_true(send_mbuf(p.a, 0, packet_mbuf(&sent, 0, packet_wishes(&sent))));
		expect(p.b, &packet, 0);
	}
}

static void
test_fragments(void **state)
{
	struct packet_conf conf = { .l4 = PACKET_UDP, .payload = 64 };
	struct pair p;

	(void)state;
	start(&p, NULL, 0, RX_ALL);
	packet_make(&packet, &conf);
	packet_put16(&packet.bytes[packet.l3 + 6], 0x2000); /* more come */
	packet_sum_ip(&packet);
	expect_flags(&p, IP_GOOD);
	packet_put16(&packet.bytes[packet.l3 + 6], 0x0010); /* the last one */
	packet_sum_ip(&packet);
	expect_flags(&p, IP_GOOD);
	packet_put16(&packet.bytes[packet.l3 + 6], 0x4000); /* none: do not fragment */
	packet_sum_ip(&packet);
	expect_flags(&p, IP_GOOD | L4_GOOD);

	conf.v6 = true;
	conf.options = 1;
	packet_make(&packet, &conf);
	packet.bytes[packet.l3 + 6] = 44; /* that header is a fragment's now */
	packet_put32(&packet.bytes[packet.l3 + 40], PACKET_UDP << 24 | 1);
	expect_flags(&p, IP_GOOD);
}

/* Nothing is said of what is not there, whatever a frame's headers promise. */
static void
test_truncated(void **state)
{
	struct pair p;
	struct rte_mbuf *m;
	unsigned int i;
	uint32_t len, full;

	(void)state;
	start(&p, NULL, 0, RX_ALL);
	for (i = 0; i < RTE_DIM(kinds); i++) {
		packet_make(&packet, &kinds[i]);
		full = packet.len - kinds[i].padding;
		for (len = 1; len < full; len++) {
			packet.len = len;
			assert_true(send_mbuf(p.a, 0, packet_mbuf(&packet, 0, 0)));
			m = receive_one(p.b);
			packet_assert(m, packet.bytes, len);
			if (len >= (kinds[i].v6 ? packet.l3 + 40 : packet.l4))
				assert_int_equal(m->ol_flags, IP_GOOD);
			else
				assert_int_equal(m->ol_flags, 0);
			rte_pktmbuf_free(m);
		}
	}
	assert_int_equal(stats_of(p.b).ierrors, 0);
}

/* Lengths that lie, in frames that are long enough. */
static void
test_lengths_that_lie(void **state)
{
	struct packet_conf conf = { .l4 = PACKET_UDP, .payload = 64 };
	struct pair p;

	(void)state;
	start(&p, NULL, 0, RX_ALL);
	packet_make(&packet, &conf);
	packet_put16(&packet.bytes[packet.l3 + 2], 20 + 8 + 65);
	packet_sum_ip(&packet);
	expect_flags(&p, IP_GOOD);
	packet_put16(&packet.bytes[packet.l3 + 2], 0xffff);
	packet_sum_ip(&packet);
	expect_flags(&p, IP_GOOD);
	packet_put16(&packet.bytes[packet.l3 + 2], 0);
	packet_sum_ip(&packet);
	expect_flags(&p, IP_GOOD);
	packet_put16(&packet.bytes[packet.l3 + 2], 27);
	packet_sum_ip(&packet);
	expect_flags(&p, IP_GOOD);

	packet_make(&packet, &conf);
	packet.bytes[packet.l3] = 0x4f; /* options that reach into the data: sum is wrong */
	expect_flags(&p, IP_BAD);
	packet.bytes[packet.l3] = 0x44;
	expect_flags(&p, 0);
	packet.bytes[packet.l3] = 0x65;
	expect_flags(&p, 0);

	packet_make(&packet, &conf);
	packet_put16(&packet.bytes[packet.l4 + 4], 7);
	expect_flags(&p, IP_GOOD);
	packet_put16(&packet.bytes[packet.l4 + 4], 73);
	expect_flags(&p, IP_GOOD);

	conf.v6 = true;
	packet_make(&packet, &conf);
	packet_put16(&packet.bytes[packet.l3 + 4], 73);
	expect_flags(&p, IP_GOOD);
	packet_put16(&packet.bytes[packet.l3 + 4], 0);
	expect_flags(&p, IP_GOOD);

	/* No IP at all. */
	memset(packet.bytes + 12, 0xff, packet.len - 12);
	expect_flags(&p, 0);
}

/* In one burst frames with requests and without; a receiver with the offload, one without. */
static void
test_mixed_burst(void **state)
{
	const struct nic_conf tx = { .tx_offloads = TX_ALL };
	const struct nic_conf rx = { .rx_offloads = RX_ALL };
	char *path = tmpdir_new_path();
	struct rte_mbuf *pkts[60];
	uint16_t a, plain, offload;
	struct packet_conf conf;
	unsigned int i, round;

	(void)state;
	a = nic_new(path, "lane_size=64K");
	plain = nic_new(path, NULL);
	offload = nic_new(path, NULL);
	nic_start(a, &tx);
	nic_start(plain, NULL);
	nic_start(offload, &rx);
	for (round = 0; round < 60; round++) {
		for (i = 0; i < RTE_DIM(pkts); i++) {
			conf = kinds[(i + round) % RTE_DIM(kinds)];
			conf.payload = RTE_MIN(conf.payload, 200u);
			conf.seq = i;
			packet_make(&packet, &conf);
			if ((i + round) % 3 == 0) {
				pkts[i] = packet_mbuf(&packet, 0, 0);
				continue;
			}
			spoil(&packet, packet_wishes(&packet));
			pkts[i] = packet_mbuf(&packet, 0, packet_wishes(&packet));
		}
		assert_int_equal(rte_eth_tx_burst(a, 0, pkts, RTE_DIM(pkts)), RTE_DIM(pkts));
		for (i = 0; i < RTE_DIM(pkts); i++) {
			conf = kinds[(i + round) % RTE_DIM(kinds)];
			conf.payload = RTE_MIN(conf.payload, 200u);
			conf.seq = i;
			packet_make(&packet, &conf);
			expect(plain, &packet, 0);
			if ((i + round) % 3 == 0) {
				expect(offload, &packet, L4_GOOD | IP_GOOD);
				continue;
			}
			spoil(&packet, packet_wishes(&packet) & RTE_MBUF_F_TX_L4_MASK);
			expect(offload, &packet, L4_NONE | IP_GOOD);
		}
	}
	expect_none(plain, 0);
	expect_none(offload, 0);
	assert_int_equal(stats_of(plain).imissed + stats_of(plain).ierrors, 0);
	assert_int_equal(stats_of(offload).imissed + stats_of(offload).ierrors, 0);
	free(path);
}

/* The filter and the length limit hold for frames with requests, too. */
static void
test_filtered_and_too_long(void **state)
{
	const struct packet_conf conf = { .l4 = PACKET_UDP, .payload = 1000 };
	const struct nic_conf tx = { .tx_offloads = TX_ALL };
	const struct nic_conf rx = { .filter = true };
	char *path = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	a = nic_new(path, NULL);
	b = nic_new(path, "mac=02:00:00:00:00:0b");
	nic_start(a, &tx);
	nic_start(b, &rx);
	send_spoilt(a, &conf, 0);
	expect(b, &packet, 0);
	packet.bytes[5]++;
	assert_true(send_mbuf(a, 0, packet_mbuf(&packet, 0, packet_wishes(&packet))));
	expect_none(b, 0);
	assert_int_equal(xstat_of(b, "rx_filtered"), 1);
	assert_int_equal(rte_eth_dev_set_mtu(b, 500), 0);
	send_spoilt(a, &conf, 0);
	expect_none(b, 0);
	assert_int_equal(xstat_of(b, "rx_too_long"), 1);
	assert_int_equal(xstat_of(b, "rx_corrupt"), 0);
	free(path);
}

/* What cannot be done with a frame: rte_eth_tx_prepare says so, and it is not sent. */
static void
refused(const struct pair *p, struct rte_mbuf *m, int err)
{
	const uint64_t before = stats_of(p->a).oerrors;

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
}

static void
test_bad_wishes(void **state)
{
	const struct packet_conf udp = { .l4 = PACKET_UDP, .payload = 30 };
	const struct packet_conf v6 = { .l4 = PACKET_TCP, .payload = 30, .v6 = true };
	static const uint64_t unknown[] = {
		RTE_MBUF_F_TX_VLAN, RTE_MBUF_F_TX_QINQ, RTE_MBUF_F_TX_IEEE1588_TMST,
		RTE_MBUF_F_TX_SEC_OFFLOAD, RTE_MBUF_F_TX_MACSEC, RTE_MBUF_F_TX_UDP_SEG,
	};
	struct rte_mbuf *m;
	struct pair p;
	unsigned int f, i;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], TX_ALL, 0);
		packet_make(&packet, &udp);
		/* Lengths that are not the header's. */
		m = packet_mbuf(&packet, 0, packet_wishes(&packet));
		m->l2_len = 0;
		refused(&p, m, EINVAL);
		m = packet_mbuf(&packet, 0, packet_wishes(&packet));
		m->l2_len = 127;
		refused(&p, m, EINVAL);
		m = packet_mbuf(&packet, 0, packet_wishes(&packet));
		m->l3_len = 0;
		refused(&p, m, EINVAL);
		m = packet_mbuf(&packet, 0, packet_wishes(&packet));
		m->l3_len = 24;
		refused(&p, m, EINVAL);
		m = packet_mbuf(&packet, 0, packet_wishes(&packet));
		m->l3_len = 511;
		refused(&p, m, EINVAL);
		/* A packet that is shorter than it says. */
		m = packet_mbuf(&packet, 0, packet_wishes(&packet));
		assert_int_equal(rte_pktmbuf_trim(m, 1), 0);
		refused(&p, m, EINVAL);
		/* IPv6 has no header checksum. */
		packet_make(&packet, &v6);
		m = packet_mbuf(&packet, 0, packet_wishes(&packet) | RTE_MBUF_F_TX_IP_CKSUM);
		refused(&p, m, EINVAL);
		/* What this driver does not do, or this port was not asked to. */
		m = packet_mbuf(&packet, 0, RTE_MBUF_F_TX_SCTP_CKSUM);
		refused(&p, m, ENOTSUP);
		m = packet_mbuf(&packet, 0, RTE_MBUF_F_TX_OUTER_IP_CKSUM);
		refused(&p, m, ENOTSUP);
		m = packet_mbuf(&packet, 0, RTE_MBUF_F_TX_OUTER_UDP_CKSUM);
		refused(&p, m, ENOTSUP);
		m = packet_mbuf(&packet, 0, RTE_MBUF_F_TX_TCP_SEG);
		refused(&p, m, ENOTSUP);
		for (i = 0; i < RTE_DIM(unknown); i++)
			refused(&p, packet_mbuf(&packet, 0, unknown[i]), ENOTSUP);
		/* All that in a burst does not harm what comes with it. */
		send_spoilt(p.a, &udp, 0);
		expect(p.b, &packet, 0);
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
	static const struct packet_conf conf = { .l4 = PACKET_UDP, .payload = 30 };
	unsigned int f, i;
	struct rte_mbuf *m;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		for (i = 0; i < RTE_DIM(cases); i++) {
			start(&p, formats[f], cases[i].offloads, 0);
			packet_make(&packet, &conf);
			m = packet_mbuf(&packet, 0, cases[i].flags);
			if (!cases[i].legal) {
				refused(&p, m, ENOTSUP);
				continue;
			}
			assert_int_equal(rte_eth_tx_prepare(p.a, 0, &m, 1), 1);
			/* There must be an Ethernet header to put them into. */
			assert_int_equal(rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - 13)), 0);
			refused(&p, m, EINVAL);
		}
	}
}

/* The inner packet of a tunnel: IPv4 in IPv4. What is reported of IP is so of the outer one. */
static void
test_tunnel(void **state)
{
	const struct packet_conf conf = { .l4 = PACKET_TCP, .payload = 77 };
	struct packet inner;
	struct rte_mbuf *m;
	struct pair p;
	unsigned int f;

	(void)state;
	for (f = 0; f < 2 * RTE_DIM(formats); f++) {
		start(&p, formats[f / 2], TX_ALL, f % 2 == 0 ? 0 : RX_ALL);
		packet_make(&inner, &conf);
		packet_make(&packet, &conf);
		memmove(&packet.bytes[34], &inner.bytes[14], inner.len - 14);
		packet.len = inner.len + 20;
		packet_put16(&packet.bytes[16], (uint16_t)(packet.len - 14));
		packet.bytes[23] = 4;
		packet_sum_ip(&packet);
		sent = packet;
		packet_put16(&sent.bytes[34 + 10], 0xdead);
		packet_put16(&sent.bytes[54 + 16], 0xbeef);
		m = packet_mbuf(&sent, 0, packet_wishes(&sent) | RTE_MBUF_F_TX_OUTER_IPV4 |
				RTE_MBUF_F_TX_TUNNEL_IPIP);
		m->outer_l2_len = 14;
		m->outer_l3_len = 20;
		m->l2_len = 0;
		m->l3_len = 20;
		assert_true(send_mbuf(p.a, 0, m));
		if (f == 1) /* lanes: the inner content stays as it was sent */
			packet_put16(&packet.bytes[54 + 16], 0xbeef);
		expect(p.b, &packet, f % 2 == 0 ? 0 : f == 1 ? IP_GOOD | L4_NONE : IP_GOOD);
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
	struct packet_conf conf = { .l4 = PACKET_TCP, .payload = 55 };
	uint16_t a, plain, offload;
	struct rte_mbuf *m;
	unsigned int f, tags;
	char *path;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		path = tmpdir_new_path();
		a = nic_new(path, formats[f]);
		plain = nic_new(path, NULL);
		offload = nic_new(path, NULL);
		nic_start(a, &tx);
		nic_start(plain, NULL);
		nic_start(offload, &rx);
		for (tags = 1; tags <= 2; tags++) {
			conf.vlans = 0;
			packet_make(&sent, &conf);
			spoil(&sent, packet_wishes(&sent));
			m = packet_mbuf(&sent, 0, packet_wishes(&sent) |
					(tags == 1 ? RTE_MBUF_F_TX_VLAN : RTE_MBUF_F_TX_QINQ));
			m->vlan_tci = 7;
			m->vlan_tci_outer = 5;
			assert_int_equal(rte_eth_tx_prepare(a, 0, &m, 1), 1);
			assert_true(send_mbuf(a, 0, m));
			conf.vlans = tags;
			packet_make(&packet, &conf);
			expect(plain, &packet, 0);
			m = receive_one(offload);
			assert_int_equal(m->ol_flags & RX_FLAGS,
					 IP_GOOD | (f == 0 ? L4_NONE : L4_GOOD));
			assert_int_equal(m->pkt_len, tags == 1 ? packet.len - 4 : packet.len);
			rte_pktmbuf_free(m);
		}
		free(path);
	}
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_capabilities),
		T(test_for_a_plain_receiver),
		T(test_every_length),
		T(test_for_an_offloading_receiver),
		T(test_single_offloads),
		T(test_router),
		T(test_segments),
		T(test_scattered),
		T(test_good_and_bad),
		T(test_tags),
		T(test_ipv6_header),
		T(test_udp_zero),
		T(test_fragments),
		T(test_truncated),
		T(test_lengths_that_lie),
		T(test_mixed_burst),
		T(test_filtered_and_too_long),
		T(test_bad_wishes),
		T(test_prepare_tags),
		T(test_tunnel),
		T(test_with_vlan),
	};

	return cmocka_run_group_tests_name("pmd_checksum", tests, eal_start, eal_stop);
}
