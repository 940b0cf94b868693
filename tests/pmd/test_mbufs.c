/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Mbufs: none is lost, none comes twice, whatever happens to its frame. */

#include <stdlib.h>

#include "nic.h"

#define N 255
#define PAUSE_OFF "format=lanes,pause=off"

static struct rte_mempool *own;

static int
setup(void **state)
{
	/* Of several mbufs must be a frame of shmif, too, if it is long. */
	const uint16_t room = nic_is_lanes(*state) ? RTE_MBUF_DEFAULT_DATAROOM : 512;

	own = rte_pktmbuf_pool_create("own", N, 0, 0, RTE_PKTMBUF_HEADROOM + room, SOCKET_ID_ANY);
	return own == NULL;
}

static int
teardown(void **state)
{
	int ret;

	ret = nic_teardown(state);
	if (rte_mempool_avail_count(own) != N) {
		print_error("# mbufs of the own pool missing: %u\n", N - rte_mempool_avail_count(own));
		ret = -1;
	}
	rte_mempool_free(own);
	return ret;
}

/* All mbufs of a pool must be as a pool gives them. */
static void
assert_fresh(struct rte_mempool *from)
{
	struct rte_mbuf *all[N];
	const char *reason;
	unsigned int i;

	assert_int_equal(rte_mempool_avail_count(from), N);
	assert_int_equal(rte_mempool_get_bulk(from, (void **)all, N), 0);
	for (i = 0; i < N; i++) {
		if (rte_mbuf_check(all[i], 0, &reason) != 0)
			fail_msg("%s", reason);
		assert_null(all[i]->next);
		assert_int_equal(all[i]->nb_segs, 1);
		assert_int_equal(rte_mbuf_refcnt_read(all[i]), 1);
	}
	rte_mempool_put_bulk(from, (void **)all, N);
}

static void
send_from(struct pair *p, struct rte_mempool *from, uint32_t len, uint32_t seg, unsigned int n)
{
	while (n-- != 0)
		assert_true(send_mbuf(p->a, 0, mbuf_new(from, len, n, seg)));
}

static void
test_sent_ones_come_back(void **state)
{
	struct pair p;
	unsigned int i;

	pair_start(&p, nic_is_lanes(*state) ? PAUSE_OFF : *state, NULL);
	for (i = 0; i < 50; i++) {
		send_from(&p, own, 100, 0, 50);
		send_from(&p, own, 1000, 300, 20);
		assert_int_equal(rte_mempool_avail_count(own), N);
	}
	assert_fresh(own);
}

static void
test_fast_free(void **state)
{
	const struct nic_conf conf = { .tx_offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE };
	struct pair p;
	unsigned int i;

	pair_start(&p, nic_is_lanes(*state) ? PAUSE_OFF : *state, &conf);
	for (i = 0; i < 50; i++) {
		send_from(&p, own, 100, 0, 50);
		send_from(&p, own, 1000, 300, 20);
		send_from(&p, own, 2000, 0, 20);   /* too long */
		send_from(&p, own, 2000, 300, 10); /* too long, in segments */
		assert_int_equal(rte_mempool_avail_count(own), N);
	}
	assert_fresh(own);
}

/* Long chains that are dropped, before one that is sent and between frames of one mbuf. */
static void
test_fast_free_in_one_burst(void **state)
{
	const struct nic_conf conf = { .tx_offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE };
	struct rte_mbuf *pkts[20], *many[60];
	struct pair p;
	unsigned int i, drop;

	pair_start(&p, *state, &conf);
	for (drop = 0; drop < RTE_DIM(pkts); drop++) {
		for (i = 0; i < RTE_DIM(pkts); i++)
			pkts[i] = mbuf_new(own, i == drop ? 1600 : i == drop + 1 ? 1400 : 60, i, 200);
		assert_int_equal(rte_eth_tx_burst(p.a, 0, pkts, RTE_DIM(pkts)), RTE_DIM(pkts));
		assert_int_equal(rte_mempool_avail_count(own), N);
		assert_int_equal(drain(p.b, 0), RTE_DIM(pkts) - 1);
	}
	/* More than a port of shmif writes at once. */
	for (i = 0; i < RTE_DIM(many); i++)
		many[i] = mbuf_new(own, 1400, i, 0);
	assert_int_equal(rte_eth_tx_burst(p.a, 0, many, RTE_DIM(many)), RTE_DIM(many));
	expect_frames(p.b, 0, 1400, 0, RTE_DIM(many));
	assert_fresh(own);
}

/* Another holder has a reference: the mbuf stays allocated. */
static void
test_shared_mbufs(void **state)
{
	struct rte_mbuf *m, *clone;
	struct pair p;

	pair_start(&p, *state, NULL);
	m = mbuf_new(own, 500, 3, 0);
	rte_mbuf_refcnt_update(m, 1);
	assert_true(send_mbuf(p.a, 0, m));
	assert_int_equal(rte_mbuf_refcnt_read(m), 1);
	expect_frames(p.b, 0, 500, 3, 1);
	clone = rte_pktmbuf_clone(m, own);
	assert_non_null(clone);
	assert_true(send_mbuf(p.a, 0, clone));
	expect_frames(p.b, 0, 500, 3, 1);
	assert_int_equal(rte_mempool_avail_count(own), N - 1);
	mbuf_assert(m, 500, 3);
	rte_pktmbuf_free(m);
	assert_fresh(own);
}

static void
test_from_several_pools(void **state)
{
	struct rte_mbuf *pkts[40];
	struct pair p;
	unsigned int i;

	pair_start(&p, *state, NULL);
	for (i = 0; i < RTE_DIM(pkts); i++)
		pkts[i] = mbuf_new(i % 2 != 0 ? own : pool, 60, i, 0);
	assert_int_equal(rte_eth_tx_burst(p.a, 0, pkts, RTE_DIM(pkts)), RTE_DIM(pkts));
	expect_frames(p.b, 0, 60, 0, RTE_DIM(pkts));
	assert_fresh(own);
}

/* A pool that runs dry: frames wait, and come when it has mbufs again. */
static void
test_dry_pool(void **state)
{
	const struct nic_conf conf = { .pool = own };
	struct rte_mbuf *held[N + 64];
	char *path = tmpdir_new_path();
	unsigned int i, got, round;
	uint16_t a, b;

	a = nic_new(path, *state);
	b = nic_new(path, *state);
	nic_start(a, NULL);
	nic_start(b, &conf);
	for (round = 1; round <= 5; round++) {
		send_frames(a, 0, 60, 0, N + 100);
		got = receive(b, 0, held, N + 64);
		assert_int_equal(got, N); /* every single one */
		assert_true(stats_of(b).rx_nombuf > 0);
		for (i = 0; i < got; i++)
			mbuf_assert(held[i], 60, i);
		rte_pktmbuf_free_bulk(held, got);
		expect_frames(b, 0, 60, N, 100);
		assert_int_equal(stats_of(b).ipackets, round * (N + 100));
		assert_int_equal(stats_of(b).imissed, 0);
	}
	assert_int_equal(rte_eth_stats_reset(b), 0);
	assert_int_equal(stats_of(b).rx_nombuf, 0);
	nic_remove(b);
	assert_fresh(own);
	free(path);
}

/* The same with frames that take several mbufs each. */
static void
dry_pool_scattered(const char *format, uint32_t len, unsigned int segs)
{
	const struct nic_conf sender = { .mtu = nic_is_lanes(format) ? 9000 : 0 };
	const struct nic_conf conf = {
		.mtu = sender.mtu, .pool = own, .rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER,
	};
	struct rte_mbuf *held[N];
	char *path = tmpdir_new_path();
	unsigned int i, got;
	uint16_t a, b;

	a = nic_new(path, format);
	b = nic_new(path, format);
	nic_start(a, &sender);
	nic_start(b, &conf);
	send_frames(a, 0, len, 0, 200);
	got = receive(b, 0, held, 200);
	assert_int_equal(got, N / segs);
	assert_true(stats_of(b).rx_nombuf > 0);
	for (i = 0; i < got; i++) {
		mbuf_assert(held[i], len, i);
		rte_pktmbuf_free(held[i]);
	}
	expect_frames(b, 0, len, got, 200 - got);
	assert_int_equal(stats_of(b).ipackets, 200);
	nic_remove(b);
	nic_remove(a);
	assert_fresh(own);
	free(path);
}

static void
test_dry_pool_scattered(void **state)
{
	if (nic_is_lanes(*state)) {
		dry_pool_scattered(*state, 9014, 5); /* the pool is used up exactly */
		dry_pool_scattered(*state, 8000, 4); /* it ends in the middle of a frame */
		dry_pool_scattered(*state, 6200, 4);
	} else {
		dry_pool_scattered(*state, 1514, 3);
		dry_pool_scattered(*state, 1000, 2);
	}
}

/* The receiver does not see fields that earlier users wrote into an mbuf. */
static void
test_used_mbufs(void **state)
{
	const struct nic_conf conf = { .pool = own };
	struct rte_mbuf *all[N];
	struct rte_mbuf *m;
	char *path = tmpdir_new_path();
	unsigned int i;
	uint16_t a, b;

	assert_int_equal(rte_mempool_get_bulk(own, (void **)all, N), 0);
	for (i = 0; i < N; i++) {
		all[i]->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_RSS_HASH |
				   RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_RX_L4_CKSUM_BAD;
		all[i]->packet_type = RTE_PTYPE_L4_TCP;
		all[i]->data_off = 7;
		all[i]->data_len = 99;
		all[i]->pkt_len = 999;
		all[i]->port = 55;
		all[i]->vlan_tci = 0x123;
	}
	rte_mempool_put_bulk(own, (void **)all, N);
	a = nic_new(path, *state);
	b = nic_new(path, *state);
	nic_start(a, NULL);
	nic_start(b, &conf);
	for (i = 0; i < N; i++) {
		send_frames(a, 0, 60, i, 1);
		assert_int_equal(receive(b, 0, &m, 1), 1);
		mbuf_assert(m, 60, i); /* and ol_flags, data_off */
		assert_int_equal(m->data_len, 60);
		assert_int_equal(m->port, b);
		assert_int_equal(m->packet_type, 0);
		rte_pktmbuf_free(m);
	}
	free(path);
}

/* Filtered and overlong frames, lapped ones, frames that come in parts: nothing sticks. */
static void
test_nothing_sticks(void **state)
{
	struct nic_conf conf = { .pool = own, .rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER };
	const struct nic_conf large = { .mtu = 9000 };
	struct dice dice = { .state = 21 };
	struct rte_mbuf *pkts[64];
	char *path = tmpdir_new_path();
	unsigned int i, k, round;
	uint16_t a, b, n;

	(void)state;
	a = nic_new(path, "lane_size=64K,pause=off");
	b = nic_new(path, NULL);
	nic_start(a, &large);
	for (round = 0; round < 4; round++) {
		conf.filter = round % 2 != 0;
		conf.mtu = round / 2 != 0 ? 9000 : 1500;
		nic_start(b, &conf);
		for (i = 0; i < 3000; i++) {
			n = (uint16_t)dice_range(&dice, 1, 10);
			for (k = 0; k < n; k++) {
				send_frames(a, 0, dice_range(&dice, 1, 5000), 0, 1);
				if (dice_range(&dice, 0, 3) == 0) {
					struct rte_mbuf *m = mbuf_new(pool, 3000, 0, 0);

					memset(rte_pktmbuf_mtod(m, void *), 0xff, 6);
					assert_true(send_mbuf(a, 0, m));
				}
			}
			n = rte_eth_rx_burst(b, 0, pkts, (uint16_t)dice_range(&dice, 1, 64));
			rte_pktmbuf_free_bulk(pkts, n);
		}
		/* Some may be waiting in the queue, but none has gone. */
		assert_true(rte_mempool_avail_count(own) >= N - 64);
		assert_int_equal(rte_eth_dev_stop(b), 0);
	}
	nic_remove(b);
	assert_fresh(own);
	free(path);
}

#define LANES(name) { #name, name, setup, teardown, nic_lanes }
#define BOTH(name) \
	{ #name " (lanes)", name, setup, teardown, nic_lanes }, \
	{ #name " (shmif)", name, setup, teardown, nic_shmif }

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_sent_ones_come_back),
		BOTH(test_fast_free),
		BOTH(test_fast_free_in_one_burst),
		BOTH(test_shared_mbufs),
		BOTH(test_from_several_pools),
		BOTH(test_dry_pool),
		BOTH(test_dry_pool_scattered),
		BOTH(test_used_mbufs),
		LANES(test_nothing_sticks),
	};

	return cmocka_run_group_tests_name("pmd_mbufs", tests, eal_start, eal_stop);
}
