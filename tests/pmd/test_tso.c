/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* TCP packets that the sender leaves to others to segment. */

#include <errno.h>
#include <stdlib.h>

#include <rte_errno.h>

#include "tso_vectors.h"

#define TX (RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
	    RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
#define RX_CKSUM (RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_IPV4_CKSUM)
#define LRO (RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER)

static const char *const formats[] = { "format=lanes", "format=shmif" };

/* No checksum is right, and there is no length in the IP header. */
static struct rte_mbuf *
tso_mbuf(const struct vector *v)
{
	return vector_request(v, v->flags, 0);
}

static void
send_tso(uint16_t port, const struct vector *v)
{
	struct rte_mbuf *m = tso_mbuf(v);

	if (rte_eth_tx_prepare(port, 0, &m, 1) != 1)
		fail_msg("%s: %s", v->name, rte_strerror(rte_errno));
	assert_true(send_mbuf(port, 0, m));
}

/* All segments must come, in bursts of so many. */
static void
expect_segments(uint16_t port, const struct vector *v, uint16_t burst)
{
	struct rte_mbuf *pkts[64];
	uint32_t done, got, i;

	for (done = 0; done < v->n_more; done += got) {
		got = receive(port, 0, pkts, RTE_MIN((uint32_t)burst, v->n_more - done));
		if (got == 0)
			fail_msg("%s: nothing came after %u of %u segments", v->name, done, v->n_more);
		for (i = 0; i < got; i++) {
			vector_assert(pkts[i], &v->more[done + i], v->name);
			assert_int_equal(pkts[i]->ol_flags, 0);
			rte_pktmbuf_free(pkts[i]);
		}
	}
}

static void
start(struct pair *p, const char *args, uint64_t rx, uint32_t max_lro)
{
	const struct nic_conf a = { .tx_offloads = TX };
	const struct nic_conf b = { .rx_offloads = rx, .max_lro = max_lro };

	pair_start_as(p, args, &a, &b);
}

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

/*
 * A receiver that has not asked for anything gets segments as they would be on a wire. Some flags
 * of TCP belong to the first segment or the last.
 */
static void
test_for_a_plain_receiver(void **state)
{
	unsigned int f, i;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], 0, 0);
		for (i = 0; i < RTE_DIM(plain); i++) {
			send_tso(p.a, &plain[i]);
			expect_segments(p.b, &plain[i], 32);
			expect_none(p.b, 0);
		}
		assert_int_equal(stats_of(p.a).oerrors + stats_of(p.b).ierrors, 0);
		assert_int_equal(stats_of(p.b).imissed, 0);
	}
}

/* More segments than a poll has room for: the next ones bring the rest, and then what follows. */
static void
test_small_polls(void **state)
{
	static const uint16_t bursts[] = { 1, 2, 7, 31, 64 };
	const struct vector *v = VECTOR(single, "tcp4 20000/333");
	struct rte_mbuf *pkts[3];
	unsigned int f, i, k;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], 0, 0);
		for (i = 0; i < RTE_DIM(bursts); i++) {
			/* In one burst with plain frames. */
			pkts[0] = mbuf_new(pool, 100, 1, 0);
			pkts[1] = tso_mbuf(v);
			pkts[2] = mbuf_new(pool, 200, 2, 0);
			assert_int_equal(rte_eth_tx_burst(p.a, 0, pkts, 3), 3);
			assert_int_equal(receive(p.b, 0, pkts, 1), 1);
			mbuf_assert(pkts[0], 100, 1);
			rte_pktmbuf_free(pkts[0]);
			expect_segments(p.b, v, bursts[i]);
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
	const struct vector *v = VECTOR(single, "tcp4 20000/500");
	const struct nic_conf tx = { .tx_offloads = TX };
	struct nic_conf rx = { .n_rxq = 1 };
	struct pair p;
	unsigned int i;

	(void)state;
	rx.pool = rte_pktmbuf_pool_create("few", 7, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	assert_non_null(rx.pool);
	pair_start_as(&p, NULL, &tx, &rx);
	for (i = 0; i < 5; i++) {
		send_tso(p.a, v);
		expect_segments(p.b, v, 32);
	}
	assert_true(stats_of(p.b).rx_nombuf > 0);
	assert_int_equal(stats_of(p.b).imissed + stats_of(p.b).ierrors, 0);
	nic_remove(p.b);
	rte_mempool_free(rx.pool);
}

/* In one piece; waived: with the checksum as it was sent. */
static void
expect_whole(uint16_t port, const struct vector *v, bool waived)
{
	static uint8_t bytes[UINT16_MAX + 1];
	const uint32_t len = vector_copy(bytes, &v->right);
	struct rte_mbuf *m = vector_receive(port, 0, v->name);

	if (waived)
		vector_spoil(bytes, v, v->flags & RTE_MBUF_F_TX_L4_MASK);
	vector_assert_bytes(m, bytes, len, v->name);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_LRO | (waived ? RTE_MBUF_F_RX_L4_CKSUM_NONE |
							    RTE_MBUF_F_RX_IP_CKSUM_GOOD : 0));
	assert_int_equal(m->tso_segsz, v->segsz);
	rte_pktmbuf_free(m);
}

/* With LRO the packet comes in one piece, with a checksum unless the receiver waives it. */
static void
test_lro(void **state)
{
	unsigned int i, waived;
	struct pair p;

	(void)state;
	for (waived = 0; waived < 2; waived++) {
		start(&p, NULL, waived ? LRO | RX_CKSUM : LRO, 65535);
		for (i = 0; i < RTE_DIM(whole); i++) {
			send_tso(p.a, &whole[i]);
			expect_whole(p.b, &whole[i], waived);
			expect_none(p.b, 0);
		}
	}
}

/* Longer than the receiver wants them, or than its mbufs: in segments. */
static void
test_lro_limits(void **state)
{
	static const struct {
		uint64_t rx;
		uint32_t max_lro;
		const char *one_piece, *segments;
	} cases[] = {
		{ LRO, 10000, "tcp4 9946/1000", "tcp4 9947/1000" },
		{ RTE_ETH_RX_OFFLOAD_TCP_LRO, 65535, "tcp4 1994/1000", "tcp4 1995/1000" },
	};
	struct pair p;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		start(&p, NULL, cases[i].rx, cases[i].max_lro);
		send_tso(p.a, VECTOR(single, cases[i].segments));
		expect_segments(p.b, VECTOR(single, cases[i].segments), 32);
		send_tso(p.a, VECTOR(single, cases[i].one_piece));
		expect_whole(p.b, VECTOR(single, cases[i].one_piece), false);
	}
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
	const struct vector *v;
	uint16_t segments;
	struct pair p;
	unsigned int i;

	(void)state;
	pair_start_as(&p, "lane_size=64K", &tx, &rx);
	segments = pair_join(&p, NULL, NULL);
	for (i = 0; i < 500; i++) {
		v = &mixed[i % RTE_DIM(mixed)];
		send_tso(p.a, v);
		expect_segments(segments, v, 5);
		expect_whole(p.b, v, false);
	}
	assert_int_equal(stats_of(segments).imissed + stats_of(segments).ierrors, 0);
	assert_int_equal(stats_of(p.b).imissed + stats_of(p.b).ierrors, 0);
}

/* What a lane carries in one piece, and no more. */
static void
test_small_lane(void **state)
{
	const struct vector *v = VECTOR(single, "tcp4 16202/1448");
	struct rte_mbuf *m;
	struct pair p;

	(void)state;
	start(&p, "lane_size=64K", 0, 0);
	send_tso(p.a, v);
	expect_segments(p.b, v, 32);
	m = tso_mbuf(VECTOR(single, "tcp4 16203/1448"));
	assert_int_equal(rte_eth_tx_prepare(p.a, 0, &m, 1), 0);
	assert_int_equal(rte_errno, EINVAL);
	assert_true(send_mbuf(p.a, 0, m));
	expect_none(p.b, 0);
	assert_int_equal(stats_of(p.a).oerrors, 1);
	assert_int_equal(xstat_of(p.a, "tx_too_long"), 1);
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
	static const struct {
		uint16_t l3_len, l4_len;
		uint16_t segsz; /* more than this is more than the MTU of a format */
		uint64_t flags;
	} cases[] = {
		{ 20, 20, 0, 0 }, { 20, 20, UINT16_MAX, 0 }, { 20, 24, 1000, 0 }, { 20, 0, 1000, 0 },
		{ 40, 20, 1000, 0 }, { 20, 20, 1000, RTE_MBUF_F_TX_TUNNEL_VXLAN },
	};
	static const char *const longest[] = { "tcp4 3000/1468", "tcp4 3000/1460" };
	const struct vector *v;
	struct rte_mbuf *m;
	unsigned int f, i;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], 0, 0);
		v = VECTOR(single, longest[f]);
		for (i = 0; i < RTE_DIM(cases); i++) {
			m = tso_mbuf(v);
			m->l3_len = cases[i].l3_len;
			m->l4_len = cases[i].l4_len;
			m->tso_segsz = RTE_MIN(cases[i].segsz, v->segsz + 1);
			m->ol_flags |= cases[i].flags;
			m->outer_l2_len = cases[i].flags != 0 ? 14 : 0;
			refused(&p, m);
		}
		send_tso(p.a, v);
		expect_segments(p.b, v, 32);
	}
}

/* The filter, and a receiver whose MTU is less than the segments are long. */
static void
test_not_wanted(void **state)
{
	const struct vector *v = VECTOR(single, "tcp4 5000/1000");
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
	send_tso(a, v);
	expect_segments(b, v, 32);
	expect_none(c, 0);
	assert_int_equal(xstat_of(c, "rx_filtered"), 1);
	assert_int_equal(rte_eth_dev_set_mtu(b, 1000), 0);
	send_tso(a, v);
	expect_none(b, 0);
	assert_int_equal(xstat_of(b, "rx_too_long"), 1);
	v = VECTOR(single, "tcp4 5000/900");
	send_tso(a, v);
	expect_segments(b, v, 32);
	free(path);
}

static void
test_with_vlan(void **state)
{
	const struct nic_conf tx = { .tx_offloads = TX | RTE_ETH_TX_OFFLOAD_VLAN_INSERT };
	struct rte_mbuf *m;
	unsigned int f;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		pair_start_as(&p, formats[f], &tx, NULL);
		m = tso_mbuf(&inserted[0]);
		m->ol_flags |= RTE_MBUF_F_TX_VLAN;
		m->vlan_tci = 7;
		assert_int_equal(rte_eth_tx_prepare(p.a, 0, &m, 1), 1);
		assert_true(send_mbuf(p.a, 0, m));
		expect_segments(p.b, &inserted[0], 32);
		expect_none(p.b, 0);
	}
}

/*
 * Overtaken in the middle of a packet: the packet has left its lane, so all of
 * its segments come, and what follows is lost as ever.
 */
static void
test_overtaken(void **state)
{
	const struct vector *v = VECTOR(single, "tcp4 10000/1000");
	struct rte_mbuf *pkts[3];
	unsigned int i, n;
	struct pair p;

	(void)state;
	start(&p, "lane_size=64K,pause=off", 0, 0);
	send_tso(p.a, v);
	/* Twice around, before the rest of it is asked for. */
	for (i = 0; i < 10; i += n) {
		n = receive(p.b, 0, pkts, (uint16_t)RTE_MIN(3u, 10 - i));
		assert_int_equal(n, RTE_MIN(3u, 10 - i));
		for (n = 0; n < RTE_MIN(3u, 10 - i); n++) {
			vector_assert(pkts[n], &v->more[i + n], v->name);
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
	send_tso(p.a, v);
	expect_segments(p.b, v, 32);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_capabilities),
		T(test_for_a_plain_receiver),
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
