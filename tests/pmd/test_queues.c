/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Several Tx and Rx queues: every frame reaches exactly one queue of each port. */

#include <stdlib.h>

#include "nic.h"

#define QUEUES 4
#define PER_QUEUE 50

/* Numbers of queue q of sender s: they tell both. */
static uint64_t
first_number(unsigned int s, unsigned int q)
{
	return s * 1000000 + q * 10000;
}

/*
 * Take everything that has come on n_rxq queues, and count for each sender's
 * queue where its frames came; they must be in order. seen[s][q] is the
 * bitmap of Rx queues.
 */
static void
sort_out(uint16_t port, uint16_t n_rxq, unsigned int seen[][QUEUES], unsigned int count[][QUEUES],
	 unsigned int senders)
{
	struct rte_mbuf *m;
	unsigned int s, q;
	uint16_t rxq;
	bool known;

	for (rxq = 0; rxq < n_rxq; rxq++) {
		while (receive(port, rxq, &m, 1) == 1) {
			known = false;
			for (s = 0; s < senders && !known; s++) {
				for (q = 0; q < QUEUES && !known; q++) {
					if (!frame_is(rte_pktmbuf_mtod(m, const uint8_t *),
						      rte_pktmbuf_pkt_len(m),
						      first_number(s, q) + count[s][q]))
						continue;
					count[s][q]++;
					seen[s][q] |= 1u << rxq;
					known = true;
				}
			}
			assert_true(known);
			rte_pktmbuf_free(m);
		}
	}
}

static void
test_many_to_one(void **state)
{
	const struct nic_conf conf = { .n_txq = QUEUES };
	struct pair p;
	uint16_t q;

	(void)state;
	pair_start(&p, NULL, &conf);
	for (q = 0; q < QUEUES; q++) {
		send_frames(p.a, q, 60 + q, first_number(0, q), PER_QUEUE);
		expect_frames(p.b, 0, 60 + q, first_number(0, q), PER_QUEUE);
	}
}

/* One sender, each number of Rx queues. */
static void
test_each_frame_reaches_one_queue(void **state)
{
	struct nic_conf tx = { .n_txq = QUEUES };
	struct nic_conf rx = { .n_rxq = 1 };
	unsigned int seen[1][QUEUES], count[1][QUEUES];
	char *path = tmpdir_new_path();
	unsigned int used;
	uint16_t a, b, q;

	(void)state;
	a = nic_new(path, NULL);
	b = nic_new(path, NULL);
	nic_start(a, &tx);
	for (rx.n_rxq = 1; rx.n_rxq <= QUEUES; rx.n_rxq++) {
		nic_start(b, &rx);
		for (q = 0; q < QUEUES; q++)
			send_frames(a, q, 100, first_number(0, q), PER_QUEUE);
		memset(seen, 0, sizeof(seen));
		memset(count, 0, sizeof(count));
		sort_out(b, rx.n_rxq, seen, count, 1);
		for (q = 0, used = 0; q < QUEUES; q++) {
			assert_int_equal(count[0][q], PER_QUEUE);
			assert_int_equal(__builtin_popcount(seen[0][q]), 1);
			used |= seen[0][q];
		}
		/* Four lanes over so many queues: each one has some. */
		assert_int_equal(used, (1u << rx.n_rxq) - 1);
		assert_int_equal(rte_eth_dev_stop(b), 0);
	}
	free(path);
}

static void
test_several_senders(void **state)
{
	const struct nic_conf conf = { .n_txq = QUEUES, .n_rxq = 3 };
	unsigned int seen[3][QUEUES] = { { 0 } };
	unsigned int count[3][QUEUES] = { { 0 } };
	char *path = tmpdir_new_path();
	uint16_t ports[4];
	unsigned int s;
	uint16_t q;

	(void)state;
	for (s = 0; s < 4; s++) {
		ports[s] = nic_new(path, NULL);
		nic_start(ports[s], &conf);
	}
	for (s = 0; s < 3; s++)
		for (q = 0; q < QUEUES; q++)
			send_frames(ports[s], q, 100, first_number(s, q), PER_QUEUE);
	sort_out(ports[3], 3, seen, count, 3);
	for (s = 0; s < 3; s++) {
		for (q = 0; q < QUEUES; q++) {
			assert_int_equal(count[s][q], PER_QUEUE);
			assert_int_equal(__builtin_popcount(seen[s][q]), 1);
		}
	}
	for (s = 0; s < 3; s++) {
		unsigned int got = 0;

		for (q = 0; q < 3; q++)
			got += drain(ports[s], q);
		assert_int_equal(got, 2 * QUEUES * PER_QUEUE);
	}
	free(path);
}

/* A queue that is not polled holds up its own senders and no others. */
static void
test_idle_queue_blocks_its_lanes_only(void **state)
{
	const struct nic_conf tx = { .n_txq = 2 };
	const struct nic_conf rx = { .n_rxq = 2 };
	unsigned int blocked = 0;
	struct pair p;
	uint16_t q, rxq;
	uint64_t sent;

	(void)state;
	pair_new(&p, "lane_size=64K,queues=2,pause_timeout_ms=60000", NULL);
	nic_start(p.a, &tx);
	nic_start(p.b, &rx);
	/* Which of the two comes on Rx queue 0? */
	send_frames(p.a, 0, 60, 0, 1);
	rxq = drain(p.b, 0) == 1 ? 0 : 1;
	drain(p.b, 1);
	for (q = 0; q < 2; q++) {
		for (sent = 0; sent < 1000; sent++) {
			if (send_some(p.a, q, 1000, sent, 1) == 0)
				break;
			if (q == 0)
				drain(p.b, rxq);
		}
		blocked += sent < 1000;
		assert_true(q == 0 ? sent == 1000 : sent < 100);
	}
	assert_int_equal(blocked, 1);
}

static void
test_more_than_there_are(void **state)
{
	char *path = tmpdir_new_path();
	struct rte_eth_conf conf;
	uint16_t a;

	(void)state;
	memset(&conf, 0, sizeof(conf));
	a = nic_new(path, "queues=2");
	log_begin();
	assert_int_equal(rte_eth_dev_configure(a, 3, 1, &conf), -EINVAL);
	assert_int_equal(rte_eth_dev_configure(a, 1, 3, &conf), -EINVAL);
	log_end();
	assert_int_equal(rte_eth_dev_configure(a, 2, 2, &conf), 0);
	free(path);
}

/* Configured, but not set up. */
static void
test_missing_queue(void **state)
{
	char *path = tmpdir_new_path();
	struct rte_eth_conf conf;
	uint16_t a;

	(void)state;
	memset(&conf, 0, sizeof(conf));
	a = nic_new(path, NULL);
	assert_int_equal(rte_eth_dev_configure(a, 2, 1, &conf), 0);
	log_begin();
	assert_int_equal(rte_eth_dev_start(a), -EINVAL);
	assert_int_equal(rte_eth_rx_queue_setup(a, 1, 0, 0, NULL, pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(a, 0, 0, 0, NULL), 0);
	assert_int_equal(rte_eth_dev_start(a), -EINVAL);
	assert_in_text(log_text(), "not every queue");
	log_end();
	assert_int_equal(rte_eth_rx_queue_setup(a, 0, 0, 0, NULL, pool), 0);
	assert_int_equal(rte_eth_dev_start(a), 0);
	free(path);
}

/* Only a sender, or only a receiver. */
static void
test_one_direction(void **state)
{
	char *path = tmpdir_new_path();
	struct rte_eth_conf conf;
	uint16_t a, b;

	(void)state;
	memset(&conf, 0, sizeof(conf));
	a = nic_new(path, NULL);
	b = nic_new(path, NULL);
	assert_int_equal(rte_eth_dev_configure(a, 0, 1, &conf), 0);
	assert_int_equal(rte_eth_tx_queue_setup(a, 0, 0, 0, NULL), 0);
	assert_int_equal(rte_eth_dev_start(a), 0);
	assert_int_equal(rte_eth_dev_configure(b, 1, 0, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(b, 0, 0, 0, NULL, pool), 0);
	assert_int_equal(rte_eth_promiscuous_enable(b), 0);
	assert_int_equal(rte_eth_dev_start(b), 0);
	send_frames(a, 0, 60, 0, 10);
	expect_frames(b, 0, 60, 0, 10);
	free(path);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_many_to_one),
		T(test_each_frame_reaches_one_queue),
		T(test_several_senders),
		T(test_idle_queue_blocks_its_lanes_only),
		T(test_more_than_there_are),
		T(test_missing_queue),
		T(test_one_direction),
	};

	return cmocka_run_group_tests_name("pmd_queues", tests, eal_start, eal_stop);
}
