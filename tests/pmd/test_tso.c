/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* TCP packets that the sender leaves to others to segment. */

#include <errno.h>
#include <stdlib.h>

#include <rte_errno.h>

#include "packet.h"

#define TX (RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
	    RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
#define RX_CKSUM (RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_IPV4_CKSUM)
#define LRO (RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER)

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_CWR 0x80

static const char *const formats[] = { "format=lanes", "format=shmif" };

static struct packet big, expected;

/* What is sent: no checksum is right, and no length in the IP header. */
static struct rte_mbuf *
tso_mbuf(const struct packet_conf *conf, uint16_t segsz, uint8_t flags)
{
	struct rte_mbuf *m;

	packet_make(&big, conf);
	big.bytes[big.l4 + 13] = flags;
	packet_put16(&big.bytes[big.l3 + (conf->v6 ? 4 : 2)], 0);
	packet_put16(&big.bytes[packet_l4_field(&big)], 0xabcd);
	m = packet_mbuf(&big, 0, packet_wishes(&big) | RTE_MBUF_F_TX_TCP_SEG);
	m->tso_segsz = segsz;
	return m;
}

static void
put_length(struct packet *p)
{
	if (p->conf.v6)
		packet_put16(&p->bytes[p->l3 + 4], (uint16_t)(p->len - p->l3 - 40));
	else
		packet_put16(&p->bytes[p->l3 + 2], (uint16_t)(p->len - p->l3));
	packet_sum_ip(p);
	packet_sum_l4(p);
}

/* The segment with the payload from done on, by plain code. */
static void
make_segment(uint16_t segsz, uint32_t done)
{
	const uint32_t payload = big.len - big.data;
	const uint32_t part = RTE_MIN((uint32_t)segsz, payload - done);
	uint8_t *ip = &expected.bytes[big.l3];
	uint8_t *tcp = &expected.bytes[big.l4];

	expected = big;
	memmove(&expected.bytes[big.data], &big.bytes[big.data + done], part);
	expected.len = big.data + part;
	packet_put32(tcp + 4, packet_get32(tcp + 4) + done);
	if (done + part != payload)
		tcp[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
	if (done != 0)
		tcp[13] &= (uint8_t)~TCP_CWR;
	if (!big.conf.v6)
		packet_put16(ip + 4, (uint16_t)(packet_get16(ip + 4) + done / segsz));
	put_length(&expected);
}

/* All segments of what was sent last must come, in bursts of so many. */
static void
expect_segments(uint16_t port, uint16_t segsz, uint16_t burst)
{
	const uint32_t payload = big.len - big.data;
	struct rte_mbuf *pkts[64];
	uint32_t done = 0;
	uint32_t got = 0;
	uint32_t i = 0;

	do {
		if (i == got) {
			got = receive(port, 0, pkts, RTE_MIN((uint32_t)burst,
				      RTE_MAX((payload - done + segsz - 1) / segsz, 1u)));
			i = 0;
			if (got == 0)
				fail_msg("nothing came after %u of %u bytes", done, payload);
		}
		make_segment(segsz, done);
		packet_assert(pkts[i], expected.bytes, expected.len);
		assert_int_equal(pkts[i]->ol_flags, 0);
		rte_pktmbuf_free(pkts[i++]);
		done += segsz;
	} while (done < payload);
	assert_int_equal(i, got);
}

static void
start(struct pair *p, const char *args, uint64_t rx, uint32_t max_lro)
{
	const struct nic_conf a = { .tx_offloads = TX };
	const struct nic_conf b = { .rx_offloads = rx, .max_lro = max_lro };

	p->path = tmpdir_new_path();
	p->a = nic_new(p->path, args);
	p->b = nic_new(p->path, args);
	nic_start(p->a, &a);
	nic_start(p->b, &b);
	free(p->path);
}

static void
send_tso(uint16_t port, const struct packet_conf *conf, uint16_t segsz, uint8_t flags)
{
	struct rte_mbuf *m = tso_mbuf(conf, segsz, flags);

	assert_int_equal(rte_eth_tx_prepare(port, 0, &m, 1), 1);
	assert_true(send_mbuf(port, 0, m));
}

static const struct packet_conf kinds[] = {
	{ .l4 = PACKET_TCP },
	{ .l4 = PACKET_TCP, .v6 = true },
	{ .l4 = PACKET_TCP, .tcp_options = 3, .vlans = 1 },
	{ .l4 = PACKET_TCP, .v6 = true, .options = 1, .tcp_options = 10 },
	{ .l4 = PACKET_TCP, .options = 10, .seq = 4000 }, /* the sequence number wraps */
};

static void
test_capabilities(void **state)
{
	const struct rte_eth_conf eth = { .rxmode.offloads = LRO };
	struct rte_eth_dev_info info;
	uint16_t lanes, shmif;

	(void)state;
	lanes = nic_new(tmpdir_new_path(), NULL);
	assert_int_equal(rte_eth_dev_info_get(lanes, &info), 0);
	assert_true(info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_TCP_TSO);
	assert_true(info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_TCP_LRO);
	assert_int_equal(info.max_lro_pkt_size, 65535);
	shmif = nic_new(tmpdir_new_path(), "format=shmif");
	assert_int_equal(rte_eth_dev_info_get(shmif, &info), 0);
	assert_true(info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_TCP_TSO);
	assert_false(info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_TCP_LRO);
	assert_int_equal(rte_eth_dev_configure(shmif, 1, 1, &eth), -EINVAL);
}

/* A receiver that has not asked for anything gets segments as they would be on a wire. */
static void
test_for_a_plain_receiver(void **state)
{
	static const uint32_t payloads[] = { 0, 1, 999, 1000, 1001, 2000, 10001, 60000 };
	static const uint16_t segszs[] = { 100, 1000, 1392 };
	struct packet_conf conf;
	unsigned int f, i, k, s;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], 0, 0);
		for (i = 0; i < RTE_DIM(payloads); i++) {
			for (k = 0; k < RTE_DIM(kinds); k++) {
				conf = kinds[k];
				conf.payload = payloads[i];
				for (s = 0; s < RTE_DIM(segszs); s++) {
					send_tso(p.a, &conf, segszs[s], TCP_ACK | TCP_PSH);
					expect_segments(p.b, segszs[s], 32);
					expect_none(p.b, 0);
				}
			}
		}
		assert_int_equal(stats_of(p.a).oerrors + stats_of(p.b).ierrors, 0);
		assert_int_equal(stats_of(p.b).imissed, 0);
	}
}

/* Flags that belong to the first segment or the last, and to all of them. */
static void
test_flags(void **state)
{
	const struct packet_conf conf = { .l4 = PACKET_TCP, .payload = 5000 };
	static const uint8_t flags[] = {
		TCP_ACK, TCP_ACK | TCP_FIN, TCP_ACK | TCP_PSH | TCP_CWR, 0xff,
	};
	unsigned int f, i;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], 0, 0);
		for (i = 0; i < RTE_DIM(flags); i++) {
			send_tso(p.a, &conf, 1200, flags[i]);
			expect_segments(p.b, 1200, 32);
		}
	}
}

/* More segments than a poll has room for: the next ones bring the rest, and then what follows. */
static void
test_small_polls(void **state)
{
	static const uint16_t bursts[] = { 1, 2, 7, 31, 64 };
	const struct packet_conf conf = { .l4 = PACKET_TCP, .payload = 20000 };
	struct rte_mbuf *pkts[3];
	unsigned int f, i, k;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], 0, 0);
		for (i = 0; i < RTE_DIM(bursts); i++) {
			/* In one burst with plain frames. */
			pkts[0] = mbuf_new(pool, 100, 1, 0);
			pkts[1] = tso_mbuf(&conf, 333, TCP_ACK);
			pkts[2] = mbuf_new(pool, 200, 2, 0);
			assert_int_equal(rte_eth_tx_burst(p.a, 0, pkts, 3), 3);
			assert_int_equal(receive(p.b, 0, pkts, 1), 1);
			mbuf_assert(pkts[0], 100, 1);
			rte_pktmbuf_free(pkts[0]);
			expect_segments(p.b, 333, bursts[i]);
			expect_frames(p.b, 0, 200, 2, 1);
		}
		for (k = 0; k < 3; k++)
			expect_none(p.b, 0);
	}
}

/* As many segments at a time as the receiver has mbufs. */
static void
test_few_mbufs(void **state)
{
	const struct packet_conf conf = { .l4 = PACKET_TCP, .payload = 20000 };
	const struct nic_conf tx = { .tx_offloads = TX };
	struct nic_conf rx = { .n_rxq = 1 };
	char *path = tmpdir_new_path();
	uint16_t a, b;
	unsigned int i;

	(void)state;
	rx.pool = rte_pktmbuf_pool_create("few", 7, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	assert_non_null(rx.pool);
	a = nic_new(path, NULL);
	b = nic_new(path, NULL);
	nic_start(a, &tx);
	nic_start(b, &rx);
	for (i = 0; i < 5; i++) {
		send_tso(a, &conf, 500, TCP_ACK);
		expect_segments(b, 500, 32);
	}
	assert_true(stats_of(b).rx_nombuf > 0);
	assert_int_equal(stats_of(b).imissed + stats_of(b).ierrors, 0);
	nic_remove(b);
	rte_mempool_free(rx.pool);
	free(path);
}

static void
expect_whole(uint16_t port, uint16_t segsz, uint64_t flags, const struct packet *as)
{
	struct rte_mbuf *m;

	assert_int_equal(receive(port, 0, &m, 1), 1);
	packet_assert(m, as->bytes, as->len);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_LRO | flags);
	assert_int_equal(m->tso_segsz, segsz);
	rte_pktmbuf_free(m);
}

/* With LRO the packet comes in one piece; its checksum is computed if nobody waives it. */
static void
test_lro(void **state)
{
	static const uint32_t payloads[] = { 1, 1000, 1001, 30000, 65000 };
	struct packet_conf conf;
	unsigned int i, k;
	struct pair p;

	(void)state;
	for (i = 0; i < RTE_DIM(payloads); i++) {
		for (k = 0; k < RTE_DIM(kinds); k++) {
			conf = kinds[k];
			conf.payload = payloads[i];
			start(&p, NULL, LRO, 65535);
			send_tso(p.a, &conf, 1000, TCP_ACK | TCP_FIN);
			expected = big;
			put_length(&expected);
			expect_whole(p.b, 1000, 0, &expected);
			nic_remove(p.b);
			nic_remove(p.a);

			start(&p, NULL, LRO | RX_CKSUM, 65535);
			send_tso(p.a, &conf, 1000, TCP_ACK | TCP_FIN);
			expected = big;
			put_length(&expected);
			packet_put16(&expected.bytes[packet_l4_field(&expected)], 0xabcd);
			expect_whole(p.b, 1000, RTE_MBUF_F_RX_L4_CKSUM_NONE |
				     RTE_MBUF_F_RX_IP_CKSUM_GOOD, &expected);
			expect_none(p.b, 0);
			nic_remove(p.b);
			nic_remove(p.a);
		}
	}
}

/* Longer than the receiver wants them, or than its mbufs: in segments. */
static void
test_lro_limits(void **state)
{
	struct packet_conf conf = { .l4 = PACKET_TCP, .payload = 9947 };
	struct pair p;

	(void)state;
	start(&p, NULL, LRO, 10000);
	send_tso(p.a, &conf, 1000, TCP_ACK);
	expect_segments(p.b, 1000, 32);
	conf.payload--;
	send_tso(p.a, &conf, 1000, TCP_ACK);
	expected = big;
	put_length(&expected);
	expect_whole(p.b, 1000, 0, &expected);

	start(&p, NULL, RTE_ETH_RX_OFFLOAD_TCP_LRO, 65535);
	conf.payload = RTE_MBUF_DEFAULT_DATAROOM - 54;
	send_tso(p.a, &conf, 1000, TCP_ACK);
	expected = big;
	put_length(&expected);
	expect_whole(p.b, 1000, 0, &expected);
	conf.payload++;
	send_tso(p.a, &conf, 1000, TCP_ACK);
	expect_segments(p.b, 1000, 32);
}

/* Frames that are no request's are not longer than before, with LRO or without. */
static void
test_plain_frames_with_lro(void **state)
{
	struct pair p;

	(void)state;
	start(&p, NULL, LRO, 65535);
	send_frames(p.a, 0, 1522, 1, 1);
	expect_frames(p.b, 0, 1522, 1, 1);
	assert_int_equal(rte_eth_dev_set_mtu(p.a, 9000), 0);
	send_frames(p.a, 0, 1523, 1, 1);
	expect_none(p.b, 0);
	assert_int_equal(xstat_of(p.b, "rx_too_long"), 1);
}

/* Many times around the ring, for one that takes it whole and one that does not. */
static void
test_two_receivers(void **state)
{
	const struct nic_conf tx = { .tx_offloads = TX };
	const struct nic_conf rx = { .rx_offloads = LRO, .max_lro = 16256 };
	struct packet_conf conf = { .l4 = PACKET_TCP };
	char *path = tmpdir_new_path();
	uint16_t a, plain, lro;
	unsigned int i;

	(void)state;
	a = nic_new(path, "lane_size=64K");
	plain = nic_new(path, NULL);
	lro = nic_new(path, NULL);
	nic_start(a, &tx);
	nic_start(plain, NULL);
	nic_start(lro, &rx);
	for (i = 0; i < 500; i++) {
		conf.payload = (i * 997) % 16000 + 1;
		conf.seq = i;
		conf.v6 = i & 1;
		send_tso(a, &conf, 1400, TCP_ACK);
		expect_segments(plain, 1400, 5);
		make_segment(UINT16_MAX, 0);
		expect_whole(lro, 1400, 0, &expected);
	}
	assert_int_equal(stats_of(plain).imissed + stats_of(plain).ierrors, 0);
	assert_int_equal(stats_of(lro).imissed + stats_of(lro).ierrors, 0);
	free(path);
}

/* What a lane carries in one piece, and no more. */
static void
test_small_lane(void **state)
{
	struct packet_conf conf = { .l4 = PACKET_TCP, .payload = 16256 - 54 };
	struct rte_mbuf *m;
	struct pair p;

	(void)state;
	start(&p, "lane_size=64K", 0, 0);
	send_tso(p.a, &conf, 1448, TCP_ACK);
	expect_segments(p.b, 1448, 32);
	conf.payload++;
	m = tso_mbuf(&conf, 1448, TCP_ACK);
	assert_int_equal(rte_eth_tx_prepare(p.a, 0, &m, 1), 0);
	assert_int_equal(rte_errno, EINVAL);
	assert_true(send_mbuf(p.a, 0, m));
	expect_none(p.b, 0);
	assert_int_equal(stats_of(p.a).oerrors, 1);
}

static void
refused(const struct pair *p, struct rte_mbuf *m)
{
	const uint64_t before = stats_of(p->a).oerrors;

	assert_int_equal(rte_eth_tx_prepare(p->a, 0, &m, 1), 0);
	assert_int_equal(rte_errno, EINVAL);
	assert_true(send_mbuf(p->a, 0, m));
	expect_none(p->b, 0);
	assert_int_equal(stats_of(p->a).oerrors - before, 1);
}

static void
test_bad_requests(void **state)
{
	const struct packet_conf conf = { .l4 = PACKET_TCP, .payload = 3000 };
	struct rte_mbuf *m;
	unsigned int f;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], 0, 0);
		refused(&p, tso_mbuf(&conf, 0, TCP_ACK));
		/* Segments longer than the MTU. */
		refused(&p, tso_mbuf(&conf, f == 0 ? 1522 - 53 : 1514 - 53, TCP_ACK));
		m = tso_mbuf(&conf, 1000, TCP_ACK);
		m->l4_len = 24;
		refused(&p, m);
		m = tso_mbuf(&conf, 1000, TCP_ACK);
		m->l4_len = 0;
		refused(&p, m);
		m = tso_mbuf(&conf, 1000, TCP_ACK);
		m->l3_len = 40;
		refused(&p, m);
		m = tso_mbuf(&conf, 1000, TCP_ACK);
		m->ol_flags |= RTE_MBUF_F_TX_TUNNEL_VXLAN;
		m->outer_l2_len = 14;
		refused(&p, m);
		send_tso(p.a, &conf, f == 0 ? 1522 - 54 : 1514 - 54, TCP_ACK);
		expect_segments(p.b, f == 0 ? 1522 - 54 : 1514 - 54, 32);
	}
}

/* The filter, and a receiver whose MTU is less than the segments are long. */
static void
test_not_wanted(void **state)
{
	const struct packet_conf conf = { .l4 = PACKET_TCP, .payload = 5000 };
	const struct nic_conf tx = { .tx_offloads = TX };
	const struct nic_conf rx = { .filter = true };
	char *path = tmpdir_new_path();
	uint16_t a, b, c;

	(void)state;
	a = nic_new(path, NULL);
	b = nic_new(path, "mac=02:00:00:00:00:0b");
	c = nic_new(path, "mac=02:00:00:00:00:0c");
	nic_start(a, &tx);
	nic_start(b, &rx);
	nic_start(c, &rx);
	send_tso(a, &conf, 1000, TCP_ACK);
	expect_segments(b, 1000, 32);
	expect_none(c, 0);
	assert_int_equal(xstat_of(c, "rx_filtered"), 1);
	assert_int_equal(rte_eth_dev_set_mtu(b, 1000), 0);
	send_tso(a, &conf, 1000, TCP_ACK);
	expect_none(b, 0);
	assert_int_equal(xstat_of(b, "rx_too_long"), 1);
	send_tso(a, &conf, 900, TCP_ACK);
	expect_segments(b, 900, 32);
	free(path);
}

static void
test_with_vlan(void **state)
{
	const struct nic_conf tx = { .tx_offloads = TX | RTE_ETH_TX_OFFLOAD_VLAN_INSERT };
	struct packet_conf conf = { .l4 = PACKET_TCP, .payload = 5000 };
	struct rte_mbuf *m;
	unsigned int f;
	uint16_t a, b;
	char *path;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		path = tmpdir_new_path();
		a = nic_new(path, formats[f]);
		b = nic_new(path, NULL);
		nic_start(a, &tx);
		nic_start(b, NULL);
		conf.vlans = 0;
		m = tso_mbuf(&conf, 1400, TCP_ACK);
		m->ol_flags |= RTE_MBUF_F_TX_VLAN;
		m->vlan_tci = 7;
		assert_int_equal(rte_eth_tx_prepare(a, 0, &m, 1), 1);
		assert_true(send_mbuf(a, 0, m));
		conf.vlans = 1;
		packet_make(&big, &conf);
		expect_segments(b, 1400, 32);
		expect_none(b, 0);
		free(path);
	}
}

/*
 * Overtaken in the middle of a packet: the packet has left its lane, so all of
 * its segments come, and what follows is lost as ever.
 */
static void
test_overtaken(void **state)
{
	struct packet_conf conf = { .l4 = PACKET_TCP, .payload = 10000 };
	struct rte_mbuf *pkts[3];
	unsigned int i, n;
	struct pair p;

	(void)state;
	start(&p, "lane_size=64K,pause=off", 0, 0);
	send_tso(p.a, &conf, 1000, TCP_ACK);
	/* Twice around, before the rest of it is asked for. */
	for (i = 0; i < 10; i += n) {
		n = receive(p.b, 0, pkts, (uint16_t)RTE_MIN(3u, 10 - i));
		assert_int_equal(n, RTE_MIN(3u, 10 - i));
		for (n = 0; n < RTE_MIN(3u, 10 - i); n++) {
			make_segment(1000, (i + n) * 1000);
			packet_assert(pkts[n], expected.bytes, expected.len);
			rte_pktmbuf_free(pkts[n]);
		}
		if (i == 0)
			send_frames(p.a, 0, 1500, 0, 100);
	}
	while (receive(p.b, 0, pkts, 1) != 0) {
		assert_int_equal(pkts[0]->pkt_len, 1500);
		rte_pktmbuf_free(pkts[0]);
	}
	assert_true(stats_of(p.b).imissed > 0);
	assert_int_equal(stats_of(p.b).imissed + stats_of(p.b).ipackets - 10, 100);
	assert_int_equal(stats_of(p.b).ierrors, 0);
	send_tso(p.a, &conf, 1000, TCP_ACK);
	expect_segments(p.b, 1000, 32);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_capabilities),
		T(test_for_a_plain_receiver),
		T(test_flags),
		T(test_small_polls),
		T(test_few_mbufs),
		T(test_lro),
		T(test_lro_limits),
		T(test_plain_frames_with_lro),
		T(test_two_receivers),
		T(test_small_lane),
		T(test_bad_requests),
		T(test_not_wanted),
		T(test_with_vlan),
		T(test_overtaken),
	};

	return cmocka_run_group_tests_name("pmd_tso", tests, eal_start, eal_stop);
}
