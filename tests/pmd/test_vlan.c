/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* VLAN tags: filtered, stripped, inserted. Each on both formats of a bus. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "vlan_vectors.h"

static const char *const formats[] = { "format=lanes", "format=shmif" };
static const struct rte_ether_addr own = { { 2, 0, 0, 0, 0, 0xb } };
static const struct rte_ether_addr other = { { 2, 0, 0, 0, 0, 0xc } };

/* The receiver of the frames, which is not promiscuous unless it is said, and their sender. */
static void
start(struct pair *p, const char *format, const struct nic_conf *a, const struct nic_conf *b)
{
	pair_new(p, format, "mac=02:00:00:00:00:0b");
	nic_start(p->a, a);
	nic_start(p->b, b);
}

/* The bytes of an untagged frame. */
static void
fill_plain(uint8_t *frame, uint32_t len, uint64_t seq)
{
	frame_fill(frame, len, seq);
	memcpy(frame, &own, 6);
	if (len >= 14)
		memcpy(frame + 12, "\x08\0", 2);
}

static struct rte_mbuf *
mbuf_plain(uint32_t len, uint64_t seq)
{
	uint8_t frame[2048];

	fill_plain(frame, len, seq);
	return vector_mbuf_of(frame, len, 0);
}

/* Do exactly those arrive that are of these VLANs, or of none? all: they all do. */
static void
check_members(const struct pair *p, const bool *vlans, bool all)
{
	const struct member *v;
	uint64_t filtered;
	uint32_t expected;
	unsigned int i;

	for (i = 0; i < RTE_DIM(members); i++) {
		v = &members[i];
		filtered = xstat_of(p->b, "rx_filtered");
		expected = all || v->vlan == VLAN_ANY || (v->vlan < VLAN_ANY && vlans[v->vlan]);
		assert_true(send_mbuf(p->a, 0, vector_mbuf(&v->frame)));
		if (drain(p->b, 0) != expected)
			fail_msg("%s: arrives, or not, against the filter", v->name);
		assert_int_equal(xstat_of(p->b, "rx_filtered") - filtered, 1 - expected);
	}
}

static void
test_infos(void **state)
{
	const uint64_t rx = RTE_ETH_RX_OFFLOAD_VLAN_FILTER | RTE_ETH_RX_OFFLOAD_VLAN_STRIP |
			    RTE_ETH_RX_OFFLOAD_QINQ_STRIP;
	const uint64_t tx = RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_QINQ_INSERT;
	struct rte_eth_dev_info info;
	struct rte_eth_conf eth;
	unsigned int i;
	struct pair p;

	(void)state;
	for (i = 0; i < RTE_DIM(formats); i++) {
		start(&p, formats[i], NULL, NULL);
		assert_int_equal(rte_eth_dev_info_get(p.a, &info), 0);
		assert_int_equal(info.rx_offload_capa & rx, rx);
		assert_int_equal(info.tx_offload_capa & tx, tx);
		/* For the port as a whole, not for single queues. */
		assert_int_equal(info.rx_queue_offload_capa & rx, 0);
		assert_int_equal(info.tx_queue_offload_capa & tx, 0);
		assert_int_equal(rte_eth_dev_get_vlan_offload(p.a), 0);
		pair_remove(&p);
	}
	start(&p, formats[0], NULL, NULL);
	log_begin();
	assert_int_equal(rte_eth_dev_set_vlan_offload(p.a, RTE_ETH_VLAN_EXTEND_OFFLOAD), -EINVAL);
	assert_int_equal(rte_eth_dev_set_vlan_ether_type(p.a, RTE_ETH_VLAN_TYPE_OUTER, 0x9100),
			 -ENOTSUP);
	assert_int_equal(rte_eth_dev_set_vlan_pvid(p.a, 1, 1), -ENOTSUP);
	assert_int_equal(rte_eth_dev_set_vlan_strip_on_queue(p.a, 0, 1), -ENOTSUP);
	assert_int_equal(rte_eth_dev_stop(p.a), 0);
	memset(&eth, 0, sizeof(eth));
	eth.rxmode.offloads = RTE_ETH_RX_OFFLOAD_VLAN_EXTEND;
	assert_int_equal(rte_eth_dev_configure(p.a, 1, 1, &eth), -EINVAL);
	log_end();
}

static void
strip_all(const struct pair *p, int offloads)
{
	const unsigned int k = (offloads & RTE_ETH_VLAN_STRIP_OFFLOAD ? 1 : 0) |
			       (offloads & RTE_ETH_QINQ_STRIP_OFFLOAD ? 2 : 0);
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < RTE_DIM(strips); i++) {
		const struct stripped *v = &strips[i];

		assert_true(send_mbuf(p->a, 0, vector_mbuf(&v->sent)));
		m = vector_receive(p->b, 0, v->name);
		vector_assert(m, &v->of[k].frame, v->name);
		if (m->ol_flags != v->of[k].flags)
			fail_msg("%s: flags 0x%llx", v->name, (unsigned long long)m->ol_flags);
		if (m->ol_flags & RTE_MBUF_F_RX_VLAN)
			assert_int_equal(m->vlan_tci, v->of[k].tci);
		if (m->ol_flags & RTE_MBUF_F_RX_QINQ)
			assert_int_equal(m->vlan_tci_outer, v->of[k].tci_outer);
		rte_pktmbuf_free(m);
	}
	expect_none(p->b, 0);
}

static const int ways[] = {
	0, RTE_ETH_VLAN_STRIP_OFFLOAD, RTE_ETH_QINQ_STRIP_OFFLOAD,
	RTE_ETH_VLAN_STRIP_OFFLOAD | RTE_ETH_QINQ_STRIP_OFFLOAD,
};

static void
test_strip(void **state)
{
	struct nic_conf conf = { .filter = true };
	unsigned int i, k;
	struct pair p;

	(void)state;
	for (i = 0; i < RTE_DIM(formats); i++) {
		for (k = 0; k < RTE_DIM(ways); k++) {
			conf.filter = k % 2 != 0;
			conf.rx_offloads = 0;
			if (ways[k] & RTE_ETH_VLAN_STRIP_OFFLOAD)
				conf.rx_offloads |= RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
			if (ways[k] & RTE_ETH_QINQ_STRIP_OFFLOAD)
				conf.rx_offloads |= RTE_ETH_RX_OFFLOAD_QINQ_STRIP;
			start(&p, formats[i], NULL, &conf);
			assert_int_equal(rte_eth_dev_get_vlan_offload(p.b), ways[k]);
			strip_all(&p, ways[k]);
			pair_remove(&p);
		}
	}
}

static void
test_strip_at_run_time(void **state)
{
	const struct nic_conf conf = { .filter = false };
	struct rte_eth_rxq_info info;
	unsigned int i, k;
	struct pair p;

	(void)state;
	for (i = 0; i < RTE_DIM(formats); i++) {
		start(&p, formats[i], NULL, &conf);
		for (k = 0; k < 2 * RTE_DIM(ways); k++) {
			assert_int_equal(rte_eth_dev_set_vlan_offload(p.b, ways[k * 3 % 4]), 0);
			assert_int_equal(rte_eth_dev_get_vlan_offload(p.b), ways[k * 3 % 4]);
			strip_all(&p, ways[k * 3 % 4]);
		}
		/* Over a restart. */
		assert_int_equal(rte_eth_dev_set_vlan_offload(p.b, ways[3]), 0);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		assert_int_equal(rte_eth_dev_start(p.b), 0);
		strip_all(&p, ways[3]);
		assert_int_equal(rte_eth_rx_queue_info_get(p.b, 0, &info), 0);
		assert_int_equal(info.conf.offloads, RTE_ETH_RX_OFFLOAD_VLAN_STRIP |
						     RTE_ETH_RX_OFFLOAD_QINQ_STRIP);
		pair_remove(&p);
	}
}

/* Into mbufs that take no more than the headers. */
static void
test_strip_scattered(void **state)
{
	struct nic_conf conf = {
		.filter = true,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_VLAN_STRIP |
			       RTE_ETH_RX_OFFLOAD_QINQ_STRIP,
	};
	unsigned int i;
	struct pair p;

	(void)state;
	conf.pool = rte_pktmbuf_pool_create("scatter", 511, 0, 0, RTE_PKTMBUF_HEADROOM + 64,
					    SOCKET_ID_ANY);
	assert_non_null(conf.pool);
	for (i = 0; i < RTE_DIM(formats); i++) {
		start(&p, formats[i], NULL, &conf);
		strip_all(&p, ways[3]);
		pair_remove(&p);
		assert_int_equal(rte_mempool_avail_count(conf.pool), 511);
	}
	rte_mempool_free(conf.pool);
}

static void
test_filter(void **state)
{
	static const uint16_t ids[] = { 0, 1, 63, 64, 100, 4095 };
	const struct nic_conf conf = {
		.filter = true, .rx_offloads = RTE_ETH_RX_OFFLOAD_VLAN_FILTER,
	};
	struct rte_mbuf *m;
	struct pair p;
	unsigned int f, i;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		bool vlans[4096] = { false };

		start(&p, formats[f], NULL, &conf);
		assert_int_equal(rte_eth_dev_get_vlan_offload(p.b), RTE_ETH_VLAN_FILTER_OFFLOAD);
		check_members(&p, vlans, false);
		for (i = 0; i < RTE_DIM(ids); i++) {
			assert_int_equal(rte_eth_dev_vlan_filter(p.b, ids[i], 1), 0);
			vlans[ids[i]] = true;
			check_members(&p, vlans, false);
		}
		/* In the right VLAN, to another address. */
		m = vector_mbuf(&members[0].frame);
		mbuf_address(m, &other);
		assert_true(send_mbuf(p.a, 0, m));
		expect_none(p.b, 0);
		assert_int_equal(rte_eth_dev_vlan_filter(p.b, 100, 0), 0);
		vlans[100] = false;
		check_members(&p, vlans, false);
		/* A promiscuous port sees everything. */
		assert_int_equal(rte_eth_promiscuous_enable(p.b), 0);
		check_members(&p, vlans, true);
		assert_int_equal(rte_eth_promiscuous_disable(p.b), 0);
		/* Allmulticast is about addresses. */
		assert_int_equal(rte_eth_allmulticast_enable(p.b), 0);
		check_members(&p, vlans, false);
		assert_int_equal(stats_of(p.b).imissed + stats_of(p.b).ierrors, 0);
		pair_remove(&p);
	}
}

static void
test_filter_at_run_time(void **state)
{
	const bool none[4096] = { false }, one[4096] = { [1] = true };
	const struct nic_conf conf = { .filter = true };
	unsigned int f;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], NULL, &conf);
		log_begin();
		assert_int_equal(rte_eth_dev_vlan_filter(p.b, 1, 1), -ENOSYS);
		check_members(&p, none, true);
		assert_int_equal(rte_eth_dev_set_vlan_offload(p.b, RTE_ETH_VLAN_FILTER_OFFLOAD), 0);
		check_members(&p, none, false);
		assert_int_equal(rte_eth_dev_vlan_filter(p.b, 4096, 1), -EINVAL);
		log_end();
		assert_int_equal(rte_eth_dev_vlan_filter(p.b, 1, 1), 0);
		check_members(&p, one, false);
		/* The list survives a stop, and that the filter is off for a while. */
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		assert_int_equal(rte_eth_dev_start(p.b), 0);
		check_members(&p, one, false);
		assert_int_equal(rte_eth_dev_set_vlan_offload(p.b, 0), 0);
		check_members(&p, one, true);
		assert_int_equal(rte_eth_dev_set_vlan_offload(p.b, RTE_ETH_VLAN_FILTER_OFFLOAD), 0);
		check_members(&p, one, false);
		pair_remove(&p);
	}
}

/* Two tags: the filter looks at the outer one, and stripping does not change what it sees. */
static void
test_two_tags(void **state)
{
	const struct nic_conf conf = { .filter = true };
	const struct stripped *v = strips;
	bool strip, inner, outer, promiscuous;
	unsigned int f, i;
	struct rte_mbuf *m;
	struct pair p;

	(void)state;
	while (strcmp(v->name, "8100:2001 8100:4002, 51 bytes") != 0)
		assert_true(++v < strips + RTE_DIM(strips));
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], NULL, &conf);
		for (i = 0; i < 16; i++) {
			strip = i & 1;
			inner = i & 2;
			outer = i & 4;
			promiscuous = i & 8;
			assert_int_equal(rte_eth_dev_set_vlan_offload(p.b,
					 (strip ? RTE_ETH_VLAN_STRIP_OFFLOAD : 0) |
					 RTE_ETH_VLAN_FILTER_OFFLOAD), 0);
			assert_int_equal(rte_eth_dev_vlan_filter(p.b, 1, outer), 0);
			assert_int_equal(rte_eth_dev_vlan_filter(p.b, 2, inner), 0);
			if (promiscuous)
				assert_int_equal(rte_eth_promiscuous_enable(p.b), 0);
			assert_true(send_mbuf(p.a, 0, vector_mbuf(&v->sent)));
			if (!outer && !promiscuous) {
				expect_none(p.b, 0);
				continue;
			}
			m = vector_receive(p.b, 0, v->name);
			vector_assert(m, &v->of[strip].frame, v->name);
			assert_int_equal(m->ol_flags, v->of[strip].flags);
			assert_int_equal(m->vlan_tci, strip ? 0x2001 : 0);
			rte_pktmbuf_free(m);
			expect_none(p.b, 0);
		}
		pair_remove(&p);
	}
}

/* Ask for tags: 0 to 2 of them. */
static void
ask(struct rte_mbuf *m, unsigned int n, uint16_t tci, uint16_t tci_outer)
{
	m->vlan_tci = tci;
	m->vlan_tci_outer = tci_outer;
	if (n != 0)
		m->ol_flags |= n == 1 ? RTE_MBUF_F_TX_VLAN : RTE_MBUF_F_TX_QINQ;
}

#define BOTH (RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_QINQ_INSERT)

/* Behind the addresses, whatever the pieces that the mbuf is in. */
static void
test_insert(void **state)
{
	const struct nic_conf conf = { .tx_offloads = BOTH | RTE_ETH_TX_OFFLOAD_MULTI_SEGS };
	static const uint32_t segs[] = { 0, 1, 5, 11, 12, 13, 100 };
	const struct vector *v;
	struct rte_mbuf *m;
	unsigned int f, i;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], &conf, NULL);
		for (i = 0; i < RTE_DIM(segs); i++) {
			for (v = inserts; v < inserts + RTE_DIM(inserts); v++) {
				if (v->more->head_len + v->more->tail_len > (f == 0 ? 1522 : 1514))
					continue;
				m = vector_request(v, v->flags, segs[i]);
				m->vlan_tci = 0x6033;
				m->vlan_tci_outer = 0x0044;
				assert_true(send_mbuf(p.a, 0, m));
				vector_expect(p.b, 0, v->more, 0, v->name);
			}
		}
		expect_none(p.b, 0);
		assert_int_equal(stats_of(p.a).oerrors, 0);
		assert_int_equal(stats_of(p.a).obytes, stats_of(p.b).ibytes);
		pair_remove(&p);
	}
}

/* The frame of 60 bytes with so many tags. */
static const struct vector_frame *
inserted(unsigned int n)
{
	static const char *const by_n[] = {
		"60 bytes and 0 tags", "60 bytes and 1 tags", "60 bytes and 2 tags",
	};

	return VECTOR(inserts, by_n[n])->more;
}

/* That frame without tags, of which both flags may ask for some. */
static struct rte_mbuf *
mbuf_asking(uint64_t flags)
{
	struct rte_mbuf *m = vector_mbuf(inserted(0));

	m->ol_flags |= flags;
	m->vlan_tci = 0x6033;
	m->vlan_tci_outer = 0x0044;
	return m;
}

/* Only what the port was configured for; with both flags it is two tags, or the one to be had. */
static void
test_insert_not_asked_for(void **state)
{
	static const uint64_t offloads[] = {
		0, RTE_ETH_TX_OFFLOAD_VLAN_INSERT, RTE_ETH_TX_OFFLOAD_QINQ_INSERT, BOTH,
	};
	static const struct {
		uint64_t flags;
		unsigned int tags[4]; /* with each of the offloads */
	} cases[] = {
		{ RTE_MBUF_F_TX_VLAN, { 0, 1, 0, 1 } },
		{ RTE_MBUF_F_TX_QINQ, { 0, 0, 2, 2 } },
		{ RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_TX_QINQ, { 0, 1, 2, 2 } },
	};
	struct nic_conf conf = { .tx_offloads = 0 };
	unsigned int f, i, c;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		for (i = 0; i < RTE_DIM(offloads); i++) {
			conf.tx_offloads = offloads[i];
			start(&p, formats[f], &conf, NULL);
			for (c = 0; c < RTE_DIM(cases); c++) {
				assert_true(send_mbuf(p.a, 0, mbuf_asking(cases[c].flags)));
				vector_expect(p.b, 0, inserted(cases[c].tags[i]), 0, "60 bytes");
			}
			pair_remove(&p);
		}
	}
}

/* An mbuf that others hold, too, is left as it was. */
static void
test_insert_shared(void **state)
{
	const struct nic_conf conf = { .tx_offloads = BOTH };
	struct rte_mbuf *m, *clone, before;
	unsigned int f;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], &conf, NULL);
		m = mbuf_asking(RTE_MBUF_F_TX_QINQ);
		rte_mbuf_refcnt_set(m, 2);
		before = *m;
		assert_true(send_mbuf(p.a, 0, m));
		vector_expect(p.b, 0, inserted(2), 0, "shared");
		rte_mbuf_refcnt_set(m, 2);
		assert_memory_equal(m, &before, sizeof(before));
		rte_mbuf_refcnt_set(m, 1);
		vector_assert(m, inserted(0), "shared");
		clone = rte_pktmbuf_clone(m, pool);
		assert_non_null(clone);
		ask(clone, 2, 0x6033, 0x0044);
		assert_true(send_mbuf(p.a, 0, clone));
		vector_expect(p.b, 0, inserted(2), 0, "shared");
		vector_assert(m, inserted(0), "shared");
		assert_int_equal(rte_mbuf_refcnt_read(m), 1);
		rte_pktmbuf_free(m);
		pair_remove(&p);
	}
}

/* Which are too long with their tags, or too short for any, are dropped; those around them not. */
static void
test_insert_limits(void **state)
{
	const struct nic_conf conf = { .tx_offloads = BOTH };
	struct rte_mbuf *pkts[9], *m;
	unsigned int f, i;
	struct pair p;
	uint32_t max;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		max = f == 0 ? 1500 + 22 : 1514;
		const uint32_t lens[] = {
			60, max - 4, max - 3, max, max - 8, max - 7, 13, 14, max,
		};
		const unsigned int asks[] = { 1, 1, 1, 1, 2, 2, 1, 2, 0 };
		const bool legal[] = { true, true, false, false, true, false, false, true, true };

		start(&p, formats[f], &conf, NULL);
		for (i = 0; i < RTE_DIM(lens); i++) {
			pkts[i] = mbuf_plain(lens[i], i);
			ask(pkts[i], asks[i], 1, 2);
		}
		assert_int_equal(rte_eth_tx_burst(p.a, 0, pkts, RTE_DIM(pkts)), RTE_DIM(pkts));
		for (i = 0; i < RTE_DIM(lens); i++) {
			if (!legal[i])
				continue;
			assert_int_equal(receive(p.b, 0, &m, 1), 1);
			assert_int_equal(m->pkt_len, lens[i] + 4 * asks[i]);
			rte_pktmbuf_free(m);
		}
		expect_none(p.b, 0);
		assert_int_equal(stats_of(p.a).oerrors, 4);
		assert_int_equal(stats_of(p.a).opackets, 5);
		assert_int_equal(stats_of(p.b).ipackets, 5);
		assert_int_equal(stats_of(p.b).ierrors, 0);
		/* Lengths that are lies. */
		m = mbuf_plain(60, 0);
		ask(m, 2, 1, 2);
		m->pkt_len = UINT32_MAX;
		assert_true(send_mbuf(p.a, 0, m));
		m = mbuf_plain(60, 0);
		ask(m, 1, 1, 2);
		m->pkt_len = UINT32_MAX - 3;
		assert_true(send_mbuf(p.a, 0, m));
		m = rte_pktmbuf_alloc(pool);
		ask(m, 1, 1, 2);
		assert_true(send_mbuf(p.a, 0, m)); /* empty */
		expect_none(p.b, 0);
		assert_int_equal(stats_of(p.a).oerrors, 7);
		pair_remove(&p);
	}
}

/* What one port inserts the other strips; many frames, in bursts of all kinds. */
static void
test_there_and_back(void **state)
{
	struct nic_conf sender = { .tx_offloads = BOTH };
	const struct nic_conf receiver = {
		.filter = true,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_QINQ_STRIP |
			       RTE_ETH_RX_OFFLOAD_VLAN_FILTER,
	};
	static const uint64_t one = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	const uint64_t flags[] = { 0, one, one | RTE_MBUF_F_RX_QINQ | RTE_MBUF_F_RX_QINQ_STRIPPED };
	struct dice dice = { .state = 11 };
	struct rte_mbuf *pkts[32];
	unsigned int f, burst, i, n, id;
	uint8_t frame[2048];
	uint64_t seq = 0;
	struct pair p;
	uint32_t lens[32];

	(void)state;
	for (f = 0; f < 2 * RTE_DIM(formats); f++) {
		if (f >= 2)
			sender.tx_offloads |= RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
		start(&p, formats[f % 2], &sender, &receiver);
		for (id = 1; id < 4096; id++)
			assert_int_equal(rte_eth_dev_vlan_filter(p.b, (uint16_t)id, 1), 0);
		for (burst = 0; burst < 500; burst++) {
			n = dice_range(&dice, 1, 32);
			for (i = 0; i < n; i++) {
				lens[i] = dice_range(&dice, 14, 1506);
				pkts[i] = mbuf_plain(lens[i], seq + i);
				ask(pkts[i], (seq + i) % 3, (uint16_t)(1 + (seq + i) % 4095),
				    (uint16_t)(1 + (seq + i) % 4000));
			}
			assert_int_equal(rte_eth_tx_burst(p.a, 0, pkts, (uint16_t)n), n);
			assert_int_equal(receive(p.b, 0, pkts, n), n);
			for (i = 0; i < n; i++, seq++) {
				fill_plain(frame, lens[i], seq);
				vector_assert_bytes(pkts[i], frame, lens[i], "there and back");
				assert_int_equal(pkts[i]->ol_flags, flags[seq % 3]);
				if (seq % 3 != 0)
					assert_int_equal(pkts[i]->vlan_tci, 1 + seq % 4095);
				if (seq % 3 == 2)
					assert_int_equal(pkts[i]->vlan_tci_outer, 1 + seq % 4000);
			}
			rte_pktmbuf_free_bulk(pkts, n);
		}
		assert_int_equal(stats_of(p.a).opackets, stats_of(p.b).ipackets);
		/* Both count what is on the bus. */
		assert_int_equal(stats_of(p.a).obytes, stats_of(p.b).ibytes);
		pair_remove(&p);
	}
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_infos),
		T(test_strip),
		T(test_strip_at_run_time),
		T(test_strip_scattered),
		T(test_filter),
		T(test_filter_at_run_time),
		T(test_two_tags),
		T(test_insert),
		T(test_insert_not_asked_for),
		T(test_insert_shared),
		T(test_insert_limits),
		T(test_there_and_back),
	};

	return cmocka_run_group_tests_name("pmd_vlan", tests, eal_start, eal_stop);
}
