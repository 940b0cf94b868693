/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Ports on a shmif bus: frames, filters, limits, link, statistics. */

#include <errno.h>
#include <stdlib.h>

#include "nic.h"

#define SHMIF "format=shmif"
#define FRAME_MIN 14
#define FRAME_MAX 1514
#define RECORD 24 /* bytes before each frame in the ring */
#define O_LAST 20 /* in the file's header: where the newest record begins */

static void
test_infos(void **state)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf eth;
	char *path = tmpdir_new_path();
	uint16_t a, mtu;

	(void)state;
	a = nic_new(path, SHMIF);
	assert_int_equal(rte_eth_dev_info_get(a, &info), 0);
	assert_int_equal(info.max_rx_pktlen, FRAME_MAX);
	assert_int_equal(info.max_mtu, 1500);
	assert_int_equal(info.max_rx_queues, 1);
	assert_int_equal(info.max_tx_queues, 1);
	assert_int_equal(rte_eth_dev_get_mtu(a, &mtu), 0);
	assert_int_equal(mtu, 1500);
	memset(&eth, 0, sizeof(eth));
	assert_int_equal(rte_eth_dev_configure(a, 2, 1, &eth), -EINVAL);
	assert_int_equal(rte_eth_dev_configure(a, 1, 2, &eth), -EINVAL);
	eth.rxmode.mtu = 1501;
	assert_int_equal(rte_eth_dev_configure(a, 1, 1, &eth), -EINVAL);
	nic_start(a, NULL);
	assert_int_equal(rte_eth_dev_set_mtu(a, 1501), -EINVAL);
	assert_int_equal(rte_eth_dev_set_mtu(a, 1500), 0);
	free(path);
}

static void
test_all_lengths(void **state)
{
	struct rte_mbuf *m;
	uint32_t first, len;
	struct pair p;

	(void)state;
	pair_start(&p, SHMIF, NULL);
	for (first = FRAME_MIN; first <= FRAME_MAX; first += 100) {
		for (len = first; len < first + 100 && len <= FRAME_MAX; len++)
			send_frames(p.a, 0, len, len, 1);
		for (len = first; len < first + 100 && len <= FRAME_MAX; len++) {
			assert_int_equal(receive(p.b, 0, &m, 1), 1);
			mbuf_assert(m, len, len);
			assert_int_equal(m->port, p.b);
			rte_pktmbuf_free(m);
		}
	}
	expect_none(p.b, 0);
	assert_int_equal(stats_of(p.a).oerrors, 0);
	assert_int_equal(stats_of(p.b).ierrors + stats_of(p.b).imissed, 0);
}

/* Wherever the end of the ring cuts a record in two. */
static void
test_many_laps(void **state)
{
	struct dice dice = { .state = 5 };
	uint32_t lens[64];
	uint64_t seq = 0, bytes = 0;
	struct rte_mbuf *m;
	struct pair p;
	unsigned int i, n;

	(void)state;
	pair_start(&p, SHMIF, NULL);
	while (bytes < 40 << 20) {
		n = dice_range(&dice, 1, RTE_DIM(lens));
		for (i = 0; i < n; i++) {
			lens[i] = dice_range(&dice, FRAME_MIN, FRAME_MAX);
			send_frames(p.a, 0, lens[i], seq + i, 1);
			bytes += lens[i];
		}
		for (i = 0; i < n; i++) {
			assert_int_equal(receive(p.b, 0, &m, 1), 1);
			mbuf_assert(m, lens[i], seq + i);
			rte_pktmbuf_free(m);
		}
		seq += n;
	}
	expect_none(p.b, 0);
	assert_int_equal(stats_of(p.b).ipackets, seq);
	assert_int_equal(stats_of(p.b).ibytes, bytes);
	assert_int_equal(stats_of(p.b).imissed, 0);
}

/* Frames that no shmif bus takes are dropped, those around them in the burst are not. */
static void
test_dropped(void **state)
{
	static const uint32_t lens[] = { 1, 60, FRAME_MAX + 1, 13, FRAME_MIN, 2000, FRAME_MAX, 13 };
	static const bool legal[] = { false, true, false, false, true, false, true, false };
	struct rte_mbuf *pkts[RTE_DIM(lens)];
	struct rte_mbuf *m;
	struct pair p;
	unsigned int i;

	(void)state;
	pair_start(&p, SHMIF, NULL);
	for (i = 0; i < RTE_DIM(lens); i++)
		pkts[i] = mbuf_new(pool, lens[i], i, 0);
	assert_int_equal(rte_eth_tx_burst(p.a, 0, pkts, RTE_DIM(pkts)), RTE_DIM(pkts));
	assert_int_equal(stats_of(p.a).opackets, 3);
	assert_int_equal(stats_of(p.a).obytes, 60 + FRAME_MIN + FRAME_MAX);
	assert_int_equal(stats_of(p.a).oerrors, 5);
	for (i = 0; i < RTE_DIM(lens); i++) {
		if (!legal[i])
			continue;
		assert_int_equal(receive(p.b, 0, &m, 1), 1);
		mbuf_assert(m, lens[i], i);
		rte_pktmbuf_free(m);
	}
	expect_none(p.b, 0);
	/* A burst of nothing else. */
	send_frames(p.a, 0, FRAME_MAX + 1, 0, 70);
	send_frames(p.a, 0, FRAME_MIN - 1, 0, 70);
	assert_int_equal(stats_of(p.a).oerrors, 145);
	expect_none(p.b, 0);
}

static void
test_mtu(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, SHMIF, NULL);
	/* The receiver's limit: an error there. */
	assert_int_equal(rte_eth_dev_set_mtu(p.b, 500), 0);
	send_frames(p.a, 0, 515, 0, 3);
	expect_none(p.b, 0);
	assert_int_equal(stats_of(p.b).ierrors, 3);
	assert_int_equal(xstat_of(p.b, "rx_too_long"), 3);
	send_frames(p.a, 0, 514, 7, 3);
	expect_frames(p.b, 0, 514, 7, 3);
	/* The sender's limit. */
	assert_int_equal(rte_eth_dev_set_mtu(p.a, 400), 0);
	send_frames(p.a, 0, 415, 0, 2);
	send_frames(p.a, 0, 414, 1, 2);
	assert_int_equal(stats_of(p.a).oerrors, 2);
	expect_frames(p.b, 0, 414, 1, 2);
}

static void
test_segments(void **state)
{
	static const struct {
		uint32_t len, seg;
	} cases[] = {
		{ 14, 1 }, { 14, 13 }, { 60, 7 }, { 100, 64 }, { 1514, 100 }, { 1514, 757 }, { 1514, 1513 },
	};
	struct rte_mbuf *m;
	struct pair p;
	unsigned int i;

	(void)state;
	pair_start(&p, SHMIF, NULL);
	for (i = 0; i < RTE_DIM(cases); i++) {
		assert_true(send_mbuf(p.a, 0, mbuf_new(pool, cases[i].len, i, cases[i].seg)));
		expect_frames(p.b, 0, cases[i].len, i, 1);
	}
	/* A chain that is not as long as it says, between two that are. */
	send_frames(p.a, 0, 60, 0, 1);
	m = mbuf_new(pool, 200, 0, 50);
	m->pkt_len = 300;
	assert_true(send_mbuf(p.a, 0, m));
	send_frames(p.a, 0, 60, 1, 1);
	expect_frames(p.b, 0, 60, 0, 2);
	assert_int_equal(stats_of(p.a).oerrors, 1);
	/* Too long as a whole. */
	assert_true(send_mbuf(p.a, 0, mbuf_new(pool, 1515, 0, 800)));
	expect_none(p.b, 0);
	assert_int_equal(stats_of(p.a).oerrors, 2);
}

static struct rte_mempool *
small_pool(unsigned int n)
{
	struct rte_mempool *small;

	small = rte_pktmbuf_pool_create("small", n, 0, 0, RTE_PKTMBUF_HEADROOM + 100, SOCKET_ID_ANY);
	assert_non_null(small);
	return small;
}

static void
test_scattered(void **state)
{
	struct nic_conf conf = { .rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER };
	char *path = tmpdir_new_path();
	struct rte_mbuf *held[16];
	uint32_t len, got, i;
	uint16_t a, b;

	(void)state;
	conf.pool = small_pool(127);
	a = nic_new(path, SHMIF);
	b = nic_new(path, SHMIF);
	nic_start(a, NULL);
	nic_start(b, &conf);
	for (len = FRAME_MIN; len <= FRAME_MAX; len += 25) {
		send_frames(a, 0, len, len, 3);
		expect_frames(b, 0, len, len, 3);
	}
	/* The pool runs dry in the middle of a frame of 16 mbufs: it waits. */
	send_frames(a, 0, FRAME_MAX, 0, 20);
	got = receive(b, 0, held, RTE_DIM(held));
	assert_int_equal(got, 127 / 16);
	assert_true(stats_of(b).rx_nombuf > 0);
	for (i = 0; i < got; i++) {
		assert_int_equal(held[i]->nb_segs, 16);
		mbuf_assert(held[i], FRAME_MAX, i);
		rte_pktmbuf_free(held[i]);
	}
	expect_frames(b, 0, FRAME_MAX, got, 20 - got);
	assert_int_equal(stats_of(b).imissed + stats_of(b).ierrors, 0);
	nic_remove(b);
	assert_int_equal(rte_mempool_avail_count(conf.pool), 127);
	rte_mempool_free(conf.pool);
	free(path);
}

/* What does not fit into one mbuf is scattered, also if that was not asked for. */
static void
test_small_mbufs(void **state)
{
	struct nic_conf conf = { .n_rxq = 1 };
	char *path = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	conf.pool = small_pool(127);
	a = nic_new(path, SHMIF);
	b = nic_new(path, SHMIF);
	nic_start(a, NULL);
	nic_start(b, &conf);
	send_frames(a, 0, 101, 0, 5);
	expect_frames(b, 0, 101, 0, 5);
	send_frames(a, 0, 100, 3, 5);
	expect_frames(b, 0, 100, 3, 5);
	assert_int_equal(stats_of(b).ierrors, 0);
	nic_remove(b);
	assert_int_equal(rte_mempool_avail_count(conf.pool), 127);
	rte_mempool_free(conf.pool);
	free(path);
}

/* A dry pool loses nothing. */
static void
test_dry_pool(void **state)
{
	struct nic_conf conf = { .n_rxq = 1 };
	char *path = tmpdir_new_path();
	struct rte_mbuf *held[64];
	uint16_t a, b;
	unsigned int i, round;

	(void)state;
	conf.pool = small_pool(40);
	a = nic_new(path, SHMIF);
	b = nic_new(path, SHMIF);
	nic_start(a, NULL);
	nic_start(b, &conf);
	for (round = 0; round < 3; round++) {
		send_frames(a, 0, 60, 0, 300);
		assert_int_equal(receive(b, 0, held, RTE_DIM(held)), 40);
		for (i = 0; i < 40; i++)
			mbuf_assert(held[i], 60, i);
		rte_pktmbuf_free_bulk(held, 40);
		expect_frames(b, 0, 60, 40, 260);
	}
	assert_true(stats_of(b).rx_nombuf > 0);
	assert_int_equal(stats_of(b).imissed, 0);
	nic_remove(b);
	assert_int_equal(rte_mempool_avail_count(conf.pool), 40);
	rte_mempool_free(conf.pool);
	free(path);
}

static void
test_fast_free(void **state)
{
	const struct nic_conf conf = { .tx_offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE };
	struct rte_mbuf *pkts[60];
	struct pair p;
	unsigned int i, round;

	(void)state;
	pair_start(&p, SHMIF, &conf);
	for (round = 0; round < 50; round++) {
		for (i = 0; i < RTE_DIM(pkts); i++)
			pkts[i] = mbuf_new(pool, round % 2 != 0 ? 1400 : 60, i,
					   i == round ? 200 : 0);
		assert_int_equal(rte_eth_tx_burst(p.a, 0, pkts, RTE_DIM(pkts)), RTE_DIM(pkts));
		assert_int_equal(drain(p.b, 0), RTE_DIM(pkts));
	}
}

/* Everybody hears everybody else, and never himself. */
static void
test_three(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t ports[3];
	unsigned int i, k;

	(void)state;
	for (i = 0; i < 3; i++) {
		ports[i] = nic_new(path, SHMIF);
		nic_start(ports[i], NULL);
		expect_none(ports[i], 0); /* nor the record that a new bus begins with */
	}
	for (i = 0; i < 3; i++) {
		send_frames(ports[i], 0, 60, 1000 * i, 500);
		for (k = 0; k < 3; k++) {
			if (k == i)
				expect_none(ports[k], 0);
			else
				expect_frames(ports[k], 0, 60, 1000 * i, 500);
		}
	}
	for (i = 0; i < 3; i++) {
		assert_int_equal(stats_of(ports[i]).opackets, 500);
		assert_int_equal(stats_of(ports[i]).ipackets, 1000);
		assert_int_equal(stats_of(ports[i]).imissed, 0);
		assert_int_equal(xstat_of(ports[i], "peers"), 2);
	}
	nic_remove(ports[1]);
	assert_int_equal(xstat_of(ports[0], "peers"), 1);
	send_frames(ports[0], 0, 60, 1, 10);
	expect_frames(ports[2], 0, 60, 1, 10);
	free(path);
}

static void
test_loopback(void **state)
{
	const struct nic_conf lpbk = { .lpbk = true };
	char *path = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	a = nic_new(path, SHMIF);
	b = nic_new(path, SHMIF);
	nic_start(a, &lpbk);
	nic_start(b, NULL);
	send_frames(a, 0, 60, 0, 100);
	expect_frames(a, 0, 60, 0, 100);
	expect_frames(b, 0, 60, 0, 100);
	send_frames(b, 0, 60, 5, 100);
	expect_frames(a, 0, 60, 5, 100);
	expect_none(b, 0);
	assert_int_equal(rte_eth_dev_stop(a), 0);
	nic_start(a, NULL);
	send_frames(a, 0, 60, 0, 100);
	expect_none(a, 0);
	free(path);
}

static const struct rte_ether_addr own = { { 2, 0, 0, 0, 0, 0xb } };
static const struct rte_ether_addr other = { { 2, 0, 0, 0, 0, 0xc } };
static const struct rte_ether_addr group = { { 1, 0, 0x5e, 0, 0, 1 } };
static const struct rte_ether_addr everybody = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

/* Does a frame from a to dst arrive at b? */
static bool
arrives(uint16_t a, uint16_t b, const struct rte_ether_addr *dst)
{
	const uint64_t filtered = xstat_of(b, "rx_filtered");
	struct rte_mbuf *m = mbuf_new(pool, 60, 1, 0);
	uint32_t got;

	mbuf_address(m, dst);
	assert_true(send_mbuf(a, 0, m));
	got = drain(b, 0);
	assert_int_equal(got + xstat_of(b, "rx_filtered") - filtered, 1);
	return got == 1;
}

static void
test_filter(void **state)
{
	const struct nic_conf filtering = { .filter = true };
	struct rte_ether_addr wanted = other;
	char *path = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	a = nic_new(path, SHMIF);
	b = nic_new(path, SHMIF ",mac=02:00:00:00:00:0b");
	nic_start(a, NULL);
	nic_start(b, &filtering);
	assert_true(arrives(a, b, &own));
	assert_true(arrives(a, b, &everybody));
	assert_false(arrives(a, b, &other));
	assert_false(arrives(a, b, &group));
	assert_int_equal(rte_eth_allmulticast_enable(b), 0);
	assert_true(arrives(a, b, &group));
	assert_false(arrives(a, b, &other));
	assert_int_equal(rte_eth_allmulticast_disable(b), 0);
	assert_false(arrives(a, b, &group));
	assert_int_equal(rte_eth_promiscuous_enable(b), 0);
	assert_true(arrives(a, b, &other));
	assert_true(arrives(a, b, &group));
	assert_int_equal(rte_eth_promiscuous_disable(b), 0);
	assert_false(arrives(a, b, &other));
	assert_int_equal(rte_eth_dev_default_mac_addr_set(b, &wanted), 0);
	assert_true(arrives(a, b, &other));
	assert_false(arrives(a, b, &own));
	/* Filtered is neither missed nor an error. */
	assert_int_equal(stats_of(b).imissed + stats_of(b).ierrors, 0);
	free(path);
}

static void
test_restart(void **state)
{
	struct rte_mbuf *m;
	struct pair p;
	unsigned int i;

	(void)state;
	pair_start(&p, SHMIF, NULL);
	for (i = 0; i < 5; i++) {
		/* Fetched together; what is not asked for before the stop is gone. */
		send_frames(p.a, 0, 60, 0, 50);
		assert_int_equal(receive(p.b, 0, &m, 1), 1);
		mbuf_assert(m, 60, 0);
		rte_pktmbuf_free(m);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		assert_false(nic_is_up(p.b));
		send_frames(p.a, 0, 60, 100, 50);
		if (i % 2 != 0)
			assert_int_equal(rte_eth_dev_start(p.b), 0);
		else
			nic_start(p.b, NULL);
		assert_true(nic_is_up(p.b));
		/* All that is sent from the start on, though nobody has polled yet. */
		send_frames(p.a, 0, 60, 200, 50);
		expect_frames(p.b, 0, 60, 200, 50);
		send_frames(p.b, 0, 60, 300, 50);
		expect_frames(p.a, 0, 60, 300, 50);
	}
	assert_int_equal(stats_of(p.b).ipackets, 5 * 51);
	assert_int_equal(stats_of(p.b).opackets, 5 * 50);
	assert_int_equal(stats_of(p.b).imissed, 0);
}

static void
test_link_down(void **state)
{
	struct rte_mbuf *m;
	struct pair p;
	unsigned int i;

	(void)state;
	pair_start(&p, SHMIF, NULL);
	assert_true(nic_is_up(p.a));
	for (i = 0; i < 5; i++) {
		assert_int_equal(rte_eth_dev_set_link_down(p.b), 0);
		assert_false(nic_is_up(p.b));
		assert_true(nic_is_up(p.a));
		m = mbuf_new(pool, 60, 0, 0);
		assert_false(send_mbuf(p.b, 0, m));
		rte_pktmbuf_free(m);
		send_frames(p.a, 0, 60, 0, 100);
		expect_none(p.b, 0);
		expect_none(p.a, 0);
		assert_int_equal(rte_eth_dev_set_link_up(p.b), 0);
		assert_true(nic_is_up(p.b));
		/* What was sent meanwhile was not for it; what is sent now is, polled or not. */
		if (i % 2 == 0)
			expect_none(p.b, 0);
		send_frames(p.a, 0, 60, i, 30);
		expect_frames(p.b, 0, 60, i, 30);
		send_frames(p.b, 0, 60, i, 30);
		expect_frames(p.a, 0, 60, i, 30);
	}
	assert_int_equal(stats_of(p.b).imissed, 0);
}

static void
assert_all_zero(uint16_t port)
{
	struct rte_eth_stats zero, stats = stats_of(port);

	memset(&zero, 0, sizeof(zero));
	assert_memory_equal(&stats, &zero, sizeof(zero));
}

static void
test_stats(void **state)
{
	static const char *const quiet[] = {
		"rx_overruns", "rx_overrun_bytes", "rx_corrupt", "tx_corrupt", "lock_busy",
		"lock_broken_own_kind", "lock_broken_foreign",
	};
	struct pair p;
	unsigned int i;

	(void)state;
	pair_start(&p, SHMIF, NULL);
	assert_all_zero(p.a);
	assert_all_zero(p.b);
	send_frames(p.a, 0, 60, 0, 100);
	send_frames(p.a, 0, 1514, 0, 10);
	drain(p.b, 0);
	assert_int_equal(stats_of(p.a).opackets, 110);
	assert_int_equal(stats_of(p.a).obytes, 6000 + 15140);
	assert_int_equal(stats_of(p.a).q_opackets[0], 110);
	assert_int_equal(stats_of(p.b).ipackets, 110);
	assert_int_equal(stats_of(p.b).ibytes, 6000 + 15140);
	assert_int_equal(stats_of(p.b).q_ipackets[0], 110);
	for (i = 0; i < RTE_DIM(quiet); i++) {
		assert_int_equal(xstat_of(p.a, quiet[i]), 0);
		assert_int_equal(xstat_of(p.b, quiet[i]), 0);
	}
	/* Over a restart with new queues, and a reset. */
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	nic_start(p.b, NULL);
	assert_int_equal(stats_of(p.b).ipackets, 110);
	assert_int_equal(rte_eth_stats_reset(p.b), 0);
	assert_all_zero(p.b);
	send_frames(p.a, 0, 60, 0, 7);
	drain(p.b, 0);
	assert_int_equal(stats_of(p.b).ibytes, 420);
}

/* Frames of one size: the estimate of how many were missed is exact. */
static void
test_lapped(void **state)
{
	const uint32_t n = 20000, len = 60;
	struct rte_mbuf *m;
	uint64_t missed = 0, got, before;
	struct pair p;
	unsigned int round;

	(void)state;
	pair_start(&p, SHMIF, NULL);
	send_frames(p.a, 0, len, 0, 10);
	expect_frames(p.b, 0, len, 0, 10);
	for (round = 1; round <= 3; round++) {
		before = missed;
		send_frames(p.a, 0, len, 0, n);
		for (got = 0; receive(p.b, 0, &m, 1) != 0; got++) {
			if (got == 0)
				missed = stats_of(p.b).imissed;
			/* The newest ones, in order. */
			mbuf_assert(m, len, missed - before + got);
			rte_pktmbuf_free(m);
		}
		assert_true(got > 0);
		assert_int_equal(stats_of(p.b).imissed, missed);
		assert_int_equal(got + missed - before, n);
		assert_int_equal(xstat_of(p.b, "rx_overruns"), round);
		assert_int_equal(xstat_of(p.b, "rx_overrun_bytes"), missed * (RECORD + len));
	}
	assert_int_equal(stats_of(p.b).ierrors, 0);
	/* Counted for good, also over a restart, until a reset. */
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	nic_start(p.b, NULL);
	assert_int_equal(stats_of(p.b).imissed, missed);
	assert_int_equal(rte_eth_xstats_reset(p.b), 0);
	assert_int_equal(stats_of(p.b).imissed, 0);
	assert_int_equal(xstat_of(p.b, "rx_overrun_bytes"), 0);
}

/* Frames of all sizes: it is near, if what came was like what did not. */
static void
test_lapped_mixture(void **state)
{
	struct dice dice = { .state = 6 };
	uint64_t sent = 0, got = 0;
	unsigned int i, round;
	struct pair p;

	(void)state;
	pair_start(&p, SHMIF, NULL);
	for (round = 0; round < 4; round++) {
		/* The first round fits. */
		for (i = 0; i < (round == 0 ? 1000 : 4000); i++)
			send_frames(p.a, 0, dice_range(&dice, FRAME_MIN, FRAME_MAX), i, 1);
		sent += i;
		got += drain(p.b, 0);
		if (round == 0)
			assert_int_equal(got, sent);
	}
	assert_int_equal(xstat_of(p.b, "rx_overruns"), 3);
	assert_in_range(got + stats_of(p.b).imissed, sent - sent / 20, sent + sent / 20);
}

/* A header that makes no sense: nothing is sent, nothing delivered, both are counted. */
static void
test_corrupt_header(void **state)
{
	static const uint32_t nonsense = UINT32_MAX;
	char *path = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	a = nic_new(path, SHMIF);
	b = nic_new(path, SHMIF);
	nic_start(a, NULL);
	nic_start(b, NULL);
	file_write(path, O_LAST, &nonsense, sizeof(nonsense));
	assert_int_equal(send_some(a, 0, 60, 0, 1), 0);
	assert_int_equal(send_some(a, 0, 60, 0, 1), 0);
	assert_int_equal(xstat_of(a, "tx_corrupt"), 2);
	assert_int_equal(stats_of(a).opackets, 0);
	expect_none(b, 0);
	/* Once, not each time that somebody polls. */
	assert_int_equal(xstat_of(b, "rx_corrupt"), 1);
	assert_int_equal(stats_of(b).ierrors, 1);
	/* As a bus begins: in order again. */
	file_write(path, O_LAST, &(uint32_t){ 0 }, sizeof(uint32_t));
	send_frames(a, 0, 60, 3, 10);
	expect_frames(b, 0, 60, 3, 10);
	assert_int_equal(xstat_of(a, "tx_corrupt"), 2);
	assert_int_equal(xstat_of(b, "rx_corrupt"), 1);
	free(path);
}

/* Records that make no sense, before a reader comes to them. */
static void
test_corrupt_record(void **state)
{
	static const uint32_t nonsense = FRAME_MAX + 1;
	char *path = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	a = nic_new(path, SHMIF);
	b = nic_new(path, SHMIF);
	nic_start(a, NULL);
	nic_start(b, NULL);
	send_frames(a, 0, 60, 0, 10);
	/* The length of the fourth frame; the header and an empty record stand before the first. */
	file_write(path, 32 + RECORD + 3 * (RECORD + 60), &nonsense, sizeof(nonsense));
	expect_frames(b, 0, 60, 0, 3);
	assert_int_equal(xstat_of(b, "rx_corrupt"), 1);
	send_frames(a, 0, 60, 20, 10);
	expect_frames(b, 0, 60, 20, 10);
	assert_int_equal(xstat_of(b, "rx_corrupt"), 1);
	/* A writer meets it when it makes room, and goes on. */
	send_frames(a, 0, 60, 0, 20000);
	assert_int_equal(xstat_of(a, "tx_corrupt"), 1);
	assert_true(drain(b, 0) > 0);
	send_frames(a, 0, 60, 5, 10);
	expect_frames(b, 0, 60, 5, 10);
	free(path);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_infos),
		T(test_all_lengths),
		T(test_many_laps),
		T(test_dropped),
		T(test_mtu),
		T(test_segments),
		T(test_scattered),
		T(test_small_mbufs),
		T(test_dry_pool),
		T(test_fast_free),
		T(test_three),
		T(test_loopback),
		T(test_filter),
		T(test_restart),
		T(test_link_down),
		T(test_stats),
		T(test_lapped),
		T(test_lapped_mixture),
		T(test_corrupt_header),
		T(test_corrupt_record),
	};

	return cmocka_run_group_tests_name("pmd_shmif", tests, eal_start, eal_stop);
}
