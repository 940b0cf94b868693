/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A rule that counts counts what is delivered: of a TCP packet that is
 * segmented here as many hits and bytes as the port has frames and bytes,
 * however many frames a poll asks for.
 */

#include <rte_flow.h>

#include "count_vectors.h"

#define TX (RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
	    RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
#define LRO (RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER)

static const struct rte_flow_action counts[] = {
	{ .type = RTE_FLOW_ACTION_TYPE_COUNT }, { .type = RTE_FLOW_ACTION_TYPE_PASSTHRU },
	{ .type = RTE_FLOW_ACTION_TYPE_END },
};
static const struct rte_flow_action drops[] = {
	{ .type = RTE_FLOW_ACTION_TYPE_COUNT }, { .type = RTE_FLOW_ACTION_TYPE_DROP },
	{ .type = RTE_FLOW_ACTION_TYPE_END },
};

static void
send_big(uint16_t port)
{
	struct rte_mbuf *m = vector_request(&big[0], big[0].flags, 0);

	assert_int_equal(rte_eth_tx_prepare(port, 0, &m, 1), 1);
	assert_true(send_mbuf(port, 0, m));
}

static struct rte_flow *
rule_at(uint16_t port, uint32_t priority, const struct rte_flow_action *actions)
{
	const struct rte_flow_attr attr = { .ingress = 1, .priority = priority };
	const struct rte_flow_item items[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH }, { .type = RTE_FLOW_ITEM_TYPE_IPV4 },
		{ .type = RTE_FLOW_ITEM_TYPE_TCP }, { .type = RTE_FLOW_ITEM_TYPE_END },
	};
	struct rte_flow_error error = { .message = NULL };
	struct rte_flow *flow;

	flow = rte_flow_create(port, &attr, items, actions, &error);
	if (flow == NULL)
		fail_msg("no rule: %s", error.message);
	return flow;
}

static struct rte_flow *
rule(uint16_t port, const struct rte_flow_action *actions)
{
	return rule_at(port, 9, actions);
}

static struct rte_flow_query_count
take_count(uint16_t port, struct rte_flow *flow)
{
	struct rte_flow_query_count count = { .reset = 1 };

	assert_int_equal(rte_flow_query(port, flow, counts, &count, NULL), 0);
	return count;
}

/* Receive all there is by polls of so many. */
static uint32_t
poll_by(uint16_t port, uint16_t queues, uint16_t at_once)
{
	struct rte_mbuf *pkts[64];
	unsigned int quiet;
	uint32_t got = 0;
	uint16_t q, n;

	for (q = 0; q < queues; q++) {
		for (quiet = 0; quiet < 100;) {
			n = rte_eth_rx_burst(port, q, pkts, at_once);
			rte_pktmbuf_free_bulk(pkts, n);
			got += n;
			quiet = n != 0 ? 0 : quiet + 1;
		}
	}
	return got;
}

/* Two ports on a new bus: a sends big packets, b receives. */
static void
start(struct pair *p, uint16_t queues, uint64_t rx_offloads)
{
	const struct rte_eth_rss_conf rss = { .rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_TCP };
	const struct nic_conf tx = { .tx_offloads = TX };
	const struct nic_conf rx = {
		.n_rxq = queues, .rx_offloads = rx_offloads, .rss = queues > 1 ? &rss : NULL,
		.max_lro = rx_offloads != 0 ? 65535 : 0,
	};

	pair_start_as(p, "format=lanes", &tx, &rx);
}

static void
counts_what_comes(uint64_t rx_offloads, uint16_t queues, uint32_t frames)
{
	static const uint16_t polls[] = { 1, 4, 64 };
	struct rte_flow_query_count count;
	struct rte_eth_stats stats;
	struct rte_flow *flow;
	unsigned int i;
	struct pair p;

	start(&p, queues, rx_offloads);
	flow = rule(p.b, counts);
	for (i = 0; i < RTE_DIM(polls); i++) {
		assert_int_equal(rte_eth_stats_reset(p.b), 0);
		send_big(p.a);
		assert_int_equal(poll_by(p.b, queues, polls[i]), frames);
		count = take_count(p.b, flow);
		stats = stats_of(p.b);
		if (count.hits != frames || count.bytes != stats.ibytes || stats.ipackets != frames)
			fail_msg("polls of %u: %llu hits, %llu bytes; %llu frames, %llu bytes came",
				 polls[i], (unsigned long long)count.hits,
				 (unsigned long long)count.bytes, (unsigned long long)stats.ipackets,
				 (unsigned long long)stats.ibytes);
	}
	/* A frame that is dropped is dropped whole, and counted once. */
	assert_int_equal(rte_flow_destroy(p.b, flow, NULL), 0);
	flow = rule(p.b, drops);
	for (i = 0; i < RTE_DIM(polls); i++) {
		send_big(p.a);
		assert_int_equal(poll_by(p.b, queues, polls[i]), 0);
		count = take_count(p.b, flow);
		assert_int_equal(count.hits, 1);
		assert_int_equal(count.bytes, big[0].right.head_len + big[0].right.tail_len);
	}
	pair_remove(&p);
}

static void
test_segments(void **state)
{
	(void)state;
	counts_what_comes(0, 1, 29);
	counts_what_comes(0, 4, 29);
}

/* Polls until the port delivers a segment. Returns the number of segments, 0 or 1. */
static uint32_t
poll_first(uint16_t port, uint16_t queues)
{
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < 100 * queues; i++) {
		if (rte_eth_rx_burst(port, (uint16_t)(i % queues), &m, 1) == 1) {
			rte_pktmbuf_free(m);
			return 1;
		}
	}
	return 0;
}

/*
 * The rules change while a packet is delivered in segments. The rule that was there when the
 * packet came counts all of them; rules that come before it in the search count none.
 */
static void
change_between_segments(uint16_t queues)
{
	struct rte_flow_query_count count;
	struct rte_flow *flow, *later[2];
	struct rte_eth_stats stats;
	unsigned int i;
	struct pair p;

	start(&p, queues, 0);
	flow = rule(p.b, counts);
	send_big(p.a);
	assert_int_equal(poll_first(p.b, queues), 1);
	for (i = 0; i < RTE_DIM(later); i++)
		later[i] = rule_at(p.b, i, counts);
	assert_int_equal(poll_by(p.b, queues, 4), 28);
	stats = stats_of(p.b);
	count = take_count(p.b, flow);
	assert_int_equal(count.hits, 29);
	assert_int_equal(count.bytes, stats.ibytes);
	for (i = 0; i < RTE_DIM(later); i++)
		assert_int_equal(take_count(p.b, later[i]).hits, 0);
	/* A packet that comes later is counted by all. */
	send_big(p.a);
	assert_int_equal(poll_by(p.b, queues, 4), 29);
	assert_int_equal(take_count(p.b, flow).hits, 29);
	for (i = 0; i < RTE_DIM(later); i++)
		assert_int_equal(take_count(p.b, later[i]).hits, 29);
	pair_remove(&p);
}

static void
test_change_between_segments(void **state)
{
	(void)state;
	change_between_segments(1);
	change_between_segments(4);
}

static void
test_whole(void **state)
{
	(void)state;
	counts_what_comes(LRO, 1, 1);
	counts_what_comes(LRO, 4, 1);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_segments),
		T(test_whole),
		T(test_change_between_segments),
	};

	return cmocka_run_group_tests_name("pmd_count", tests, eal_start, eal_stop);
}
