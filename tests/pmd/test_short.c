/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Frames shorter than an Ethernet header. A port drops and counts them instead of sending
 * them. A peer that sends them all the same gets none of them delivered, whatever the
 * receiver has been asked to do, and the peer's next frame arrives.
 */

#include <rte_errno.h>

#include "forger.h"
#include "nic.h"

#define SHORTEST 14u

/* ---- sent */

static const uint64_t tx_offloads[] = {
	0,
	RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE,
	RTE_ETH_TX_OFFLOAD_VLAN_INSERT,
	RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO,
};

/* A frame that asks for all that the offloads allow. */
static struct rte_mbuf *
asking(uint32_t len, uint64_t offloads)
{
	struct rte_mbuf *m;

	m = mbuf_new(pool, len, 7, offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS ? 3 : 0);
	m->l2_len = 14;
	m->l3_len = 20;
	m->l4_len = 20;
	m->tso_segsz = 100;
	if (offloads & RTE_ETH_TX_OFFLOAD_VLAN_INSERT)
		m->ol_flags |= RTE_MBUF_F_TX_VLAN;
	if (offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO)
		m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_SEG;
	return m;
}

static void
test_sent(void **state)
{
	struct nic_conf conf = { .n_rxq = 0 };
	struct rte_mbuf *m;
	struct pair p;
	unsigned int i;
	uint32_t len;

	for (i = 0; i < RTE_DIM(tx_offloads); i++) {
		conf.tx_offloads = tx_offloads[i];
		pair_start(&p, *state, &conf);
		for (len = 0; len < SHORTEST; len++) {
			m = asking(len, tx_offloads[i]);
			assert_int_equal(rte_eth_tx_prepare(p.a, 0, &m, 1), 0);
			assert_int_equal(rte_errno, EINVAL);
			assert_true(send_mbuf(p.a, 0, m));
			expect_none(p.b, 0);
			assert_int_equal(stats_of(p.a).oerrors, len + 1);
		}
		send_frames(p.a, 0, SHORTEST, 5, 3);
		expect_frames(p.b, 0, SHORTEST, 5, 3);
		assert_int_equal(stats_of(p.a).oerrors, SHORTEST);
		assert_int_equal(stats_of(p.a).opackets, 3);
		assert_int_equal(stats_of(p.a).obytes, 3 * SHORTEST);
		pair_remove(&p);
	}
}

/* In the middle of a burst, also at its ends. */
static void
test_sent_among_others(void **state)
{
	struct rte_mbuf *pkts[3 * SHORTEST];
	struct pair p;
	unsigned int i;

	pair_start(&p, *state, NULL);
	for (i = 0; i < RTE_DIM(pkts); i++)
		pkts[i] = mbuf_new(pool, i % 3 == 1 ? 60 : i / 3, i / 3, 0);
	assert_int_equal(rte_eth_tx_burst(p.a, 0, pkts, RTE_DIM(pkts)), RTE_DIM(pkts));
	expect_frames(p.b, 0, 60, 0, SHORTEST);
	assert_int_equal(stats_of(p.a).oerrors, 2 * SHORTEST);
	assert_int_equal(stats_of(p.a).opackets, SHORTEST);
}

/* ---- received from a peer that lies */

static const struct rte_eth_rss_conf rss = { .rss_hf = RTE_ETH_RSS_IP };

static const struct nic_conf receivers[] = {
	{ .n_rxq = 1 },
	{ .rx_offloads = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_VLAN_STRIP |
			 RTE_ETH_RX_OFFLOAD_VLAN_FILTER },
	{ .filter = true },
#define ON_SHMIF 3 /* those above; those below are for lanes alone */
	{ .rx_offloads = RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER },
	{ .n_rxq = 2, .rss = &rss },
};

static uint32_t
drain_all(uint16_t id)
{
	struct rte_eth_dev_info info;
	uint32_t n = 0;
	uint16_t q;

	assert_int_equal(rte_eth_dev_info_get(id, &info), 0);
	for (q = 0; q < info.nb_rx_queues; q++)
		n += drain(id, q);
	return n;
}

/*
 * Frames that arrive of one burst. On lanes a short frame makes the rest of its record
 * invalid, as other descriptors do that are wrong. On shmif receivers skip it: the format
 * has short records of its own.
 */
static void
expect_burst(struct forger *f, uint16_t id, const uint32_t *lens, uint32_t n, uint32_t on_lanes,
	     uint32_t on_shmif)
{
	const struct rte_eth_stats before = stats_of(id);
	const uint64_t corrupt = xstat_of(id, "rx_corrupt");
	struct rte_eth_stats after;

	forger_send(f, lens, n);
	drain_all(id);
	after = stats_of(id);
	/* A port that is not promiscuous receives none of these frames, and counts them. */
	assert_int_equal(after.ipackets - before.ipackets +
			 xstat_of(id, "rx_filtered"), f->lanes ? on_lanes : on_shmif);
	assert_int_equal(after.ierrors - before.ierrors, f->lanes);
	assert_int_equal(xstat_of(id, "rx_corrupt") - corrupt, f->lanes);
	assert_int_equal(after.imissed, 0);
	assert_int_equal(rte_eth_stats_reset(id), 0);
	assert_int_equal(rte_eth_xstats_reset(id), 0);
}

static void
test_received(void **state)
{
	const unsigned int n = nic_is_lanes(*state) ? RTE_DIM(receivers) : ON_SHMIF;
	struct forger f;
	struct pair p;
	unsigned int i;
	uint32_t len;

	for (i = 0; i < n; i++) {
		pair_start(&p, *state, &receivers[i]);
		forger_join(&f, p.path, nic_is_lanes(*state));
		drain_all(p.b);
		for (len = 0; len < SHORTEST; len++) {
			const uint32_t first[] = { len, 60 }, middle[] = { 60, len, 60 };
			const uint32_t last[] = { SHORTEST, 60, len };

			/* A record without a line for frames is invalid as a whole: tests/unit/test_hostile.c. */
			if (len != 0)
				expect_burst(&f, p.b, &len, 1, 0, 0);
			expect_burst(&f, p.b, first, 2, 0, 1);
			expect_burst(&f, p.b, middle, 3, 1, 2);
			expect_burst(&f, p.b, last, 3, 2, 2);
			forger_send(&f, &(const uint32_t){ SHORTEST }, 1);
			drain_all(p.b);
			assert_int_equal(stats_of(p.b).ipackets + xstat_of(p.b, "rx_filtered"), 1);
			assert_int_equal(stats_of(p.b).ierrors, 0);
			assert_int_equal(rte_eth_stats_reset(p.b), 0);
			assert_int_equal(rte_eth_xstats_reset(p.b), 0);
		}
		forger_leave(&f);
		pair_remove(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_sent),
		BOTH_FORMATS(test_sent_among_others),
		BOTH_FORMATS(test_received),
	};

	return cmocka_run_group_tests_name("pmd_short", tests, eal_start, eal_stop);
}
