/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Frames that were sent are there at the next poll, however few a poll asks
 * for. All is done in one thread, so a poll that finds nothing is one too many.
 */

#include <stdlib.h>

#include "nic.h"

/* One burst of n frames, all to one address. */
static void
send_to(uint16_t port, const struct rte_ether_addr *to, uint16_t n)
{
	struct rte_mbuf *pkts[8];
	uint16_t i;

	for (i = 0; i < n; i++) {
		pkts[i] = mbuf_new(pool, 60, i, 0);
		mbuf_address(pkts[i], to);
	}
	assert_int_equal(rte_eth_tx_burst(port, 0, pkts, n), n);
}

/* Polls for up to so many frames until n have come; every one must find some. */
static void
poll_for(uint16_t port, uint32_t n, uint16_t at_once)
{
	struct rte_mbuf *pkts[64];
	uint32_t got = 0;
	uint16_t now;

	while (got < n) {
		now = rte_eth_rx_burst(port, 0, pkts, at_once);
		if (now == 0)
			fail_msg("frame %u of %u has to wait, with polls of %u", got + 1, n, at_once);
		rte_pktmbuf_free_bulk(pkts, now);
		got += now;
	}
	assert_int_equal(got, n);
}

static void
run(const char *format, bool filter)
{
	static const uint16_t polls[] = { 1, 2, 4, 15, 64 };
	const struct nic_conf conf = { .filter = filter };
	unsigned int i, k;
	struct rte_ether_addr mac;
	struct rte_mbuf *m;
	struct pair p;
	uint16_t n;

	pair_start(&p, format, &conf);
	assert_int_equal(rte_eth_macaddr_get(p.b, &mac), 0);
	for (k = 0; k < RTE_DIM(polls); k++) {
		for (i = 0; i < 300; i++) {
			/* As one burst; then each by itself; then each polled for before the next. */
			n = (uint16_t)(1 + i % 7);
			send_to(p.a, &mac, n);
			poll_for(p.b, n, polls[k]);
			if (i % 3 == 0)
				assert_int_equal(rte_eth_rx_queue_count(p.b, 0), 0);
			for (n = 0; n < 1 + i % 5; n++)
				send_to(p.a, &mac, 1);
			poll_for(p.b, n, polls[k]);
			for (n = 0; n < 4; n++) {
				send_to(p.a, &mac, 1);
				poll_for(p.b, 1, polls[k]);
				/* Empty, which is what may begin a pause. */
				assert_int_equal(rte_eth_rx_burst(p.b, 0, &m, 1), 0);
			}
		}
	}
	nic_remove(p.a);
	nic_remove(p.b);
}

static void
test_few_frames(void **state)
{

	run(*state, false);
	run(*state, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_few_frames),
	};

	return cmocka_run_group_tests_name("pmd_poll", tests, eal_start, eal_stop);
}
