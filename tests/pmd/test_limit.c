/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The rate limit of a Tx queue: no interval has more bytes than the limit allows. */

#include <rte_cycles.h>

#include "nic.h"

#define LEN 1000

/* Send as much as is taken, for some time at least; all of it is received. How many frames. */
static uint32_t
send_for(const struct pair *p, uint16_t queue, unsigned int ms, double *seconds)
{
	const uint64_t start = rte_rdtsc();
	struct rte_mbuf *pkts[64];
	uint32_t sent = 0;
	uint32_t got = 0;
	uint64_t now;
	uint16_t n;

	do {
		sent += send_some(p->a, queue, LEN, sent, 32);
		n = rte_eth_rx_burst(p->b, 0, pkts, RTE_DIM(pkts));
		rte_pktmbuf_free_bulk(pkts, n);
		got += n;
		now = rte_rdtsc();
	} while (now - start < rte_get_tsc_hz() / 1000 * ms);
	*seconds = (double)(now - start) / (double)rte_get_tsc_hz();
	got += drain(p->b, 0);
	assert_int_equal(got, sent);
	return sent;
}

/* Not more than the rate, what may be made up for, and one frame. */
static void
assert_limited(const struct pair *p, uint16_t queue, unsigned int mbps)
{
	double seconds, bytes;

	bytes = (double)send_for(p, queue, 100, &seconds) * LEN;
	assert_true(bytes <= mbps * 125000.0 * (seconds + 0.010) * 1.001 + LEN);
	/* A machine may be slow, but not so slow that a frame in a hundred is too much. */
	assert_true(bytes >= mbps * 125000.0 * 0.3 / 100);
}

static void
test_at_any_time(void **state)
{
	struct pair p;
	double seconds;

	pair_start(&p, *state, NULL);
	assert_int_equal(rte_eth_set_queue_rate_limit(p.a, 0, 100), 0);
	assert_limited(&p, 0, 100);
	/* At any time; the one who receives is not concerned. */
	assert_int_equal(rte_eth_set_queue_rate_limit(p.a, 0, 10), 0);
	assert_int_equal(rte_eth_set_queue_rate_limit(p.b, 0, 1), 0);
	assert_limited(&p, 0, 10);
	/* Stop and start do not change it. */
	assert_int_equal(rte_eth_dev_stop(p.a), 0);
	assert_int_equal(rte_eth_dev_start(p.a), 0);
	assert_limited(&p, 0, 10);
	assert_int_equal(stats_of(p.a).oerrors, 0);
	assert_int_equal(rte_eth_set_queue_rate_limit(p.a, 0, 0), 0);
	/* A burst that is larger than what any of these limits lets pass at once. */
	send_frames(p.a, 0, LEN, 0, 50);
	assert_int_equal(drain(p.b, 0), 50);
	assert_int_equal(send_for(&p, 0, 1, &seconds) % 32, 0);
}

/* At the slowest limit there is, a frame passes now and then. */
static void
test_one_at_a_time(void **state)
{
	struct pair p;
	uint64_t start;
	uint32_t sent;

	(void)state;
	pair_start(&p, NULL, NULL);
	assert_int_equal(rte_eth_set_queue_rate_limit(p.a, 0, 1), 0);
	start = rte_rdtsc();
	/* A frame takes 8 ms; 10 ms are there at first. So the fifth cannot come before 22 ms. */
	for (sent = 0; sent < 5;)
		sent += send_some(p.a, 0, LEN, sent, 5 - sent);
	assert_true(rte_rdtsc() - start >= rte_get_tsc_hz() / 1000 * 22);
	expect_frames(p.b, 0, LEN, 0, 5);
}

/* Each queue has its own. */
static void
test_queues(void **state)
{
	const struct nic_conf conf = { .n_txq = 2 };
	struct pair p;
	uint32_t i;

	(void)state;
	pair_start(&p, NULL, &conf);
	assert_int_equal(rte_eth_set_queue_rate_limit(p.a, 1, 10), 0);
	for (i = 0; i < 10; i++) {
		send_frames(p.a, 0, LEN, 0, 100);
		expect_frames(p.b, 0, LEN, 0, 100);
	}
	assert_limited(&p, 1, 10);
	assert_int_equal(rte_eth_set_queue_rate_limit(p.a, 2, 10), -EINVAL);
	assert_true(rte_eth_set_queue_rate_limit(p.a, 0, 100001) < 0); /* faster than the link */
}

/* With offloads, too, and frames that are dropped cost nothing. */
static void
test_offloads(void **state)
{
	const struct nic_conf conf = { .tx_offloads = RTE_ETH_TX_OFFLOAD_VLAN_INSERT };
	struct rte_mbuf *m;
	struct pair p;
	uint32_t i;

	(void)state;
	pair_start(&p, NULL, &conf);
	assert_int_equal(rte_eth_set_queue_rate_limit(p.a, 0, 10), 0);
	for (i = 0; i < 1000; i++)
		assert_true(send_mbuf(p.a, 0, mbuf_new(pool, 2000, 0, 0)));
	assert_int_equal(stats_of(p.a).oerrors, 1000);
	m = mbuf_new(pool, LEN, 0, 0);
	m->ol_flags |= RTE_MBUF_F_TX_VLAN;
	m->vlan_tci = 5;
	assert_true(send_mbuf(p.a, 0, m));
	assert_int_equal(drain(p.b, 0), 1);
	assert_int_equal(stats_of(p.b).ibytes, LEN + 4);
	assert_limited(&p, 0, 10);
}

/* A queue that is set up anew begins without. */
static void
test_set_up_anew(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, NULL, NULL);
	assert_int_equal(rte_eth_set_queue_rate_limit(p.a, 0, 1), 0);
	assert_int_equal(rte_eth_dev_stop(p.a), 0);
	assert_int_equal(rte_eth_tx_queue_setup(p.a, 0, 0, 0, NULL), 0);
	assert_int_equal(rte_eth_dev_start(p.a), 0);
	send_frames(p.a, 0, LEN, 0, 50);
	expect_frames(p.b, 0, LEN, 0, 50);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_at_any_time),
		T(test_one_at_a_time),
		T(test_queues),
		T(test_offloads),
		T(test_set_up_anew),
	};

	return cmocka_run_group_tests_name("pmd_limit", tests, eal_start, eal_stop);
}
