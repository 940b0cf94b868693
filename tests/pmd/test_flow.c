/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* With pause and without: which senders wait, for how long, and the counters. */

#include <stdlib.h>

#include "nic.h"

/* Until the lane is full. */
static uint64_t
fill(uint16_t port, uint32_t len, uint64_t seq)
{
	uint64_t sent = 0;
	uint32_t n;

	do {
		n = send_some(port, 0, len, seq + sent, 32);
		sent += n;
		assert_true(sent < 100000);
	} while (n == 32);
	return sent;
}

static void
test_full(void **state)
{
	uint64_t sent;
	struct pair p;

	(void)state;
	pair_start(&p, "lane_size=64K,pause_timeout_ms=60000", NULL);
	sent = fill(p.a, 1000, 0);
	assert_true(sent > 40 && sent < 65);
	assert_int_equal(send_some(p.a, 0, 1000, 0, 32), 0);
	assert_int_equal(stats_of(p.a).opackets, sent);
	assert_int_equal(stats_of(p.a).oerrors, 0);
	assert_true(xstat_of(p.a, "tx_paused") > 0);
	expect_frames(p.b, 0, 1000, 0, (uint32_t)sent);
	assert_int_equal(stats_of(p.b).imissed, 0);
	assert_int_equal(xstat_of(p.b, "rx_overruns"), 0);
	send_frames(p.a, 0, 1000, 0, 40);
	expect_frames(p.b, 0, 1000, 0, 40);
}

/* What a burst leaves behind is the application's, unchanged; sent later it arrives. */
static void
test_rest_of_a_burst(void **state)
{
	struct rte_mbuf *pkts[64];
	uint64_t sent = 0, got = 0;
	struct rte_mbuf *m;
	struct pair p;
	uint16_t n, i, took;

	(void)state;
	pair_start(&p, "lane_size=64K,pause_timeout_ms=60000", NULL);
	while (sent < 5000) {
		for (i = 0; i < 64; i++)
			pkts[i] = mbuf_new(pool, 300, sent + i, i % 7 == 0 ? 100 : 0);
		for (n = 0; n < 64; n += took) {
			took = rte_eth_tx_burst(p.a, 0, &pkts[n], 64 - n);
			for (i = 0; i < 50 && took != 64 - n && receive(p.b, 0, &m, 1) == 1; i++) {
				mbuf_assert(m, 300, got++);
				rte_pktmbuf_free(m);
			}
		}
		sent += 64;
	}
	while (receive(p.b, 0, &m, 1) == 1) {
		mbuf_assert(m, 300, got++);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(got, sent);
	assert_int_equal(stats_of(p.a).opackets, sent);
}

static void
test_two_receivers_wait_for_the_slower(void **state)
{
	char *path = tmpdir_new_path();
	uint64_t sent;
	uint16_t a, b, c;

	(void)state;
	a = nic_new(path, "lane_size=64K,pause_timeout_ms=60000");
	b = nic_new(path, NULL);
	c = nic_new(path, NULL);
	nic_start(a, NULL);
	nic_start(b, NULL);
	nic_start(c, NULL);
	sent = fill(a, 1000, 0);
	assert_int_equal(drain(b, 0), sent);
	assert_int_equal(send_some(a, 0, 1000, 0, 1), 0);
	assert_int_equal(drain(c, 0), sent);
	assert_int_equal(send_some(a, 0, 1000, 0, 1), 1);
	free(path);
}

static void
test_stopped_reader_delays_once(void **state)
{
	uint64_t sent, start;
	struct pair p;
	unsigned int i;

	(void)state;
	pair_start(&p, "lane_size=64K,pause_timeout_ms=100", NULL);
	sent = fill(p.a, 1000, 0);
	start = now_ms();
	eventually(send_some(p.a, 0, 1000, 0, 1) == 1);
	sent++;
	assert_true(now_ms() - start >= 90);
	assert_int_equal(xstat_of(p.a, "tx_pause_timeouts"), 1);
	start = now_ms();
	for (i = 0; i < 100; i++)
		send_frames(p.a, 0, 1000, 0, 32);
	sent += 3200;
	assert_int_equal(xstat_of(p.a, "tx_pause_timeouts"), 1);
	i = drain(p.b, 0);
	assert_true(i > 0);
	assert_int_equal(stats_of(p.b).ipackets, i);
	assert_int_equal(stats_of(p.b).ipackets + stats_of(p.b).imissed, sent);
	assert_true(xstat_of(p.b, "rx_overruns") >= 1);
	assert_int_equal(stats_of(p.b).ierrors, 0);
	/* Reading again, it is waited for again. */
	assert_true(fill(p.a, 1000, 0) < 65);
}

static void
test_off(void **state)
{
	uint64_t sent = 0, got = 0;
	struct dice dice = { .state = 8 };
	struct pair p;
	unsigned int i;
	uint32_t n;

	(void)state;
	pair_start(&p, "lane_size=64K,pause=off", NULL);
	for (i = 0; i < 300; i++) {
		n = dice_range(&dice, 1, 400);
		send_frames(p.a, 0, dice_range(&dice, 60, 1514), 0, n);
		sent += n;
		if (dice_range(&dice, 0, 2) == 0)
			got += drain(p.b, 0);
	}
	got += drain(p.b, 0);
	assert_int_equal(stats_of(p.b).ipackets, got);
	assert_int_equal(stats_of(p.b).ipackets + stats_of(p.b).imissed, sent);
	assert_true(stats_of(p.b).imissed > 0 && got > 1000);
	assert_int_equal(xstat_of(p.a, "tx_paused"), 0);
	assert_int_equal(stats_of(p.b).ierrors, 0);
}

/* Lapped in the middle of a record, again and again; each frame that comes is whole. */
static void
test_off_in_parts(void **state)
{
	struct dice dice = { .state = 9 };
	uint64_t sent = 0, got = 0, seq = 0;
	struct rte_mbuf *pkts[64];
	struct pair p;
	unsigned int i;
	uint16_t n, k;

	(void)state;
	pair_start(&p, "lane_size=64K,pause=off", NULL);
	for (i = 0; i < 20000; i++) {
		n = (uint16_t)dice_range(&dice, 1, 64);
		for (k = 0; k < n; k++)
			pkts[k] = mbuf_new(pool, 100, sent + k, 0);
		assert_int_equal(rte_eth_tx_burst(p.a, 0, pkts, n), n);
		sent += n;
		if (dice_range(&dice, 0, 3) != 0)
			continue;
		n = rte_eth_rx_burst(p.b, 0, pkts, (uint16_t)dice_range(&dice, 1, 64));
		for (k = 0; k < n; k++) {
			while (!frame_is(rte_pktmbuf_mtod(pkts[k], const uint8_t *), 100, seq))
				assert_true(seq++ < sent);
			mbuf_assert(pkts[k], 100, seq++);
		}
		got += n;
		rte_pktmbuf_free_bulk(pkts, n);
	}
	got += drain(p.b, 0);
	assert_int_equal(got + stats_of(p.b).imissed, sent);
	assert_int_equal(stats_of(p.b).ipackets, got);
	assert_true(got > 10000 && stats_of(p.b).imissed > 10000);
}

/* A sender without pause and a sender with pause on one bus. */
static void
test_each_sender_decides(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t a, b, c;

	(void)state;
	a = nic_new(path, "lane_size=64K,pause_timeout_ms=60000");
	b = nic_new(path, "pause=off");
	c = nic_new(path, NULL);
	nic_start(a, NULL);
	nic_start(b, NULL);
	nic_start(c, NULL);
	send_frames(b, 0, 1000, 0, 1000);
	drain(a, 0);
	assert_true(fill(a, 1000, 0) < 65);
	free(path);
}

/* One thread for both: each side sends before it receives. */
static void
test_two_lossless_ends(void **state)
{
	uint64_t sent_a, sent_b, solved;
	struct pair p;

	(void)state;
	pair_start(&p, "lane_size=64K,pause_timeout_ms=60000", NULL);
	drain(p.a, 0);
	drain(p.b, 0);
	sent_a = fill(p.a, 1000, 0);
	sent_b = fill(p.b, 1000, 0);
	do {
		solved = send_some(p.a, 0, 1000, sent_a, 1);
		sent_a += solved;
		if (solved == 0) {
			solved = send_some(p.b, 0, 1000, sent_b, 1);
			sent_b += solved;
		}
	} while (solved == 0);
	assert_true(xstat_of(p.a, "tx_pause_deadlocks") + xstat_of(p.b, "tx_pause_deadlocks") > 0);
	assert_int_equal(xstat_of(p.a, "tx_pause_timeouts") + xstat_of(p.b, "tx_pause_timeouts"), 0);
	drain(p.a, 0);
	drain(p.b, 0);
	assert_int_equal(stats_of(p.a).ipackets + stats_of(p.a).imissed, sent_b);
	assert_int_equal(stats_of(p.b).ipackets + stats_of(p.b).imissed, sent_a);
	assert_int_equal(stats_of(p.a).ierrors + stats_of(p.b).ierrors, 0);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_full),
		T(test_rest_of_a_burst),
		T(test_two_receivers_wait_for_the_slower),
		T(test_stopped_reader_delays_once),
		T(test_off),
		T(test_off_in_parts),
		T(test_each_sender_decides),
		T(test_two_lossless_ends),
	};

	return cmocka_run_group_tests_name("pmd_flow", tests, eal_start, eal_stop);
}
