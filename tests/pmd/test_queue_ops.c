/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Queues one by one: started, stopped, set up anew while the port runs, and asked what they hold. */

#include <stdlib.h>

#include "nic.h"

/* Started with one Tx queue; two Rx queues, of which rxq[i] gets what b's Tx queue i sends. */
struct two {
	uint16_t a, b;
	uint16_t rxq[2];
};

static void
two_start(struct two *t, const char *args)
{
	const struct nic_conf conf = { .n_rxq = 2, .n_txq = 2 };
	struct pair p;
	uint16_t q;

	pair_start(&p, args, &conf);
	t->a = p.a;
	t->b = p.b;
	for (q = 0; q < 2; q++) {
		send_frames(t->b, q, 60, 0, 1);
		t->rxq[q] = drain(t->a, 0) == 1 ? 0 : 1;
		drain(t->a, 1);
	}
	assert_int_not_equal(t->rxq[0], t->rxq[1]);
}

static struct rte_eth_rxq_info
rxq_info(uint16_t port, uint16_t queue)
{
	struct rte_eth_rxq_info info;

	assert_int_equal(rte_eth_rx_queue_info_get(port, queue, &info), 0);
	return info;
}

static struct rte_eth_txq_info
txq_info(uint16_t port, uint16_t queue)
{
	struct rte_eth_txq_info info;

	assert_int_equal(rte_eth_tx_queue_info_get(port, queue, &info), 0);
	return info;
}

/* Its frames come nowhere; those of the other queue as before. */
static void
test_rx_stop(void **state)
{
	struct two t;

	(void)state;
	two_start(&t, NULL);
	assert_int_equal(rte_eth_dev_rx_queue_stop(t.a, t.rxq[0]), 0);
	assert_int_equal(rxq_info(t.a, t.rxq[0]).queue_state, RTE_ETH_QUEUE_STATE_STOPPED);
	send_frames(t.b, 0, 100, 0, 50);
	send_frames(t.b, 1, 100, 1000, 50);
	expect_none(t.a, t.rxq[0]);
	expect_frames(t.a, t.rxq[1], 100, 1000, 50);
	assert_int_equal(rte_eth_dev_rx_queue_start(t.a, t.rxq[0]), 0);
	assert_int_equal(rxq_info(t.a, t.rxq[0]).queue_state, RTE_ETH_QUEUE_STATE_STARTED);
	/* What was sent meanwhile was not for it, and is not missed. */
	expect_none(t.a, t.rxq[0]);
	send_frames(t.b, 0, 100, 50, 50);
	expect_frames(t.a, t.rxq[0], 100, 50, 50);
	assert_int_equal(stats_of(t.a).imissed, 0);
}

/* No sender waits for a stopped queue, as long as it is stopped. */
static void
test_rx_stop_releases_senders(void **state)
{
	struct two t;

	(void)state;
	two_start(&t, "lane_size=64K,queues=2,pause_timeout_ms=600000");
	assert_true(send_some(t.b, 0, 1000, 0, 1000) < 100);
	assert_int_equal(rte_eth_dev_rx_queue_stop(t.a, t.rxq[0]), 0);
	send_frames(t.b, 0, 1000, 0, 1000);
	assert_int_equal(rte_eth_dev_rx_queue_start(t.a, t.rxq[0]), 0);
	assert_true(send_some(t.b, 0, 1000, 5000, 1000) < 100);
	assert_true(drain(t.a, t.rxq[0]) > 0);
	assert_int_equal(stats_of(t.a).imissed, 0);
	assert_int_equal(xstat_of(t.b, "tx_pause_timeouts"), 0);
}

static void
test_tx_stop(void **state)
{
	struct two t;

	(void)state;
	two_start(&t, NULL);
	assert_int_equal(rte_eth_dev_tx_queue_stop(t.b, 0), 0);
	assert_int_equal(txq_info(t.b, 0).queue_state, RTE_ETH_QUEUE_STATE_STOPPED);
	assert_int_equal(send_some(t.b, 0, 100, 0, 10), 0);
	send_frames(t.b, 1, 100, 1000, 10);
	expect_none(t.a, t.rxq[0]);
	expect_frames(t.a, t.rxq[1], 100, 1000, 10);
	assert_int_equal(rte_eth_dev_tx_queue_start(t.b, 0), 0);
	assert_int_equal(txq_info(t.b, 0).queue_state, RTE_ETH_QUEUE_STATE_STARTED);
	send_frames(t.b, 0, 100, 0, 10);
	expect_frames(t.a, t.rxq[0], 100, 0, 10);
	assert_int_equal(stats_of(t.b).opackets, 2 + 20);
}

static void
test_stop_and_start_shmif(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "format=shmif", NULL);
	/* Half of what was fetched at once is dropped, too. */
	send_frames(p.a, 0, 100, 0, 20);
	expect_frames(p.b, 0, 100, 0, 20);
	send_frames(p.a, 0, 100, 20, 20);
	assert_int_equal(rte_eth_dev_rx_queue_stop(p.b, 0), 0);
	expect_none(p.b, 0);
	send_frames(p.a, 0, 100, 40, 20);
	expect_none(p.b, 0);
	assert_int_equal(rte_eth_dev_rx_queue_start(p.b, 0), 0);
	expect_none(p.b, 0);
	send_frames(p.a, 0, 100, 60, 20);
	expect_frames(p.b, 0, 100, 60, 20);
	assert_int_equal(rte_eth_dev_tx_queue_stop(p.a, 0), 0);
	assert_int_equal(send_some(p.a, 0, 100, 0, 1), 0);
	assert_int_equal(rte_eth_dev_tx_queue_start(p.a, 0), 0);
	send_frames(p.a, 0, 100, 80, 20);
	expect_frames(p.b, 0, 100, 80, 20);
}

/* The link going down and up does not start what was stopped. */
static void
test_stopped_stays_stopped(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "lane_size=64K,pause_timeout_ms=600000", NULL);
	assert_int_equal(rte_eth_dev_rx_queue_stop(p.b, 0), 0);
	assert_int_equal(rte_eth_dev_set_link_down(p.b), 0);
	assert_int_equal(rte_eth_dev_set_link_up(p.b), 0);
	assert_int_equal(rte_eth_dev_set_mtu(p.b, 1000), 0);
	/* More frames than the lane has room for: the sender does not wait. */
	send_frames(p.a, 0, 1000, 0, 1000);
	expect_none(p.b, 0);
	/* The port's next start does. */
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	send_frames(p.a, 0, 60, 10, 10);
	expect_frames(p.b, 0, 60, 10, 10);
}

static void
deferred(const char *args)
{
	const struct rte_eth_rxconf rxconf = { .rx_deferred_start = 1 };
	const struct rte_eth_txconf txconf = { .tx_deferred_start = 1 };
	struct rte_eth_conf conf;
	struct pair p;

	memset(&conf, 0, sizeof(conf));
	pair_start(&p, args, NULL);
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(rte_eth_dev_configure(p.b, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(p.b, 0, 0, 0, &rxconf, pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(p.b, 0, 0, 0, &txconf), 0);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	assert_int_equal(rxq_info(p.b, 0).queue_state, RTE_ETH_QUEUE_STATE_STOPPED);
	assert_int_equal(rxq_info(p.b, 0).conf.rx_deferred_start, 1);
	assert_int_equal(txq_info(p.b, 0).queue_state, RTE_ETH_QUEUE_STATE_STOPPED);
	assert_int_equal(txq_info(p.b, 0).conf.tx_deferred_start, 1);
	send_frames(p.a, 0, 60, 0, 10);
	expect_none(p.b, 0);
	assert_int_equal(send_some(p.b, 0, 60, 0, 1), 0);
	assert_int_equal(rte_eth_dev_rx_queue_start(p.b, 0), 0);
	expect_none(p.b, 0);
	send_frames(p.a, 0, 60, 10, 10);
	expect_frames(p.b, 0, 60, 10, 10);
	assert_int_equal(rte_eth_dev_tx_queue_start(p.b, 0), 0);
	send_frames(p.b, 0, 60, 0, 10);
	expect_frames(p.a, 0, 60, 0, 10);
}

static void
test_deferred_start(void **state)
{
	(void)state;
	deferred(NULL);
	deferred("format=shmif");
}

/* A stopped queue of a started port gets another pool, and other offloads. */
static void
test_setup_at_run_time(void **state)
{
	struct rte_eth_dev_info info;
	struct rte_eth_txconf txconf;
	struct rte_mempool *other;
	struct rte_mbuf *m;
	struct two t;

	(void)state;
	two_start(&t, NULL);
	assert_int_equal(rte_eth_dev_info_get(t.a, &info), 0);
	assert_true(info.dev_capa & RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP);
	assert_true(info.dev_capa & RTE_ETH_DEV_CAPA_RUNTIME_TX_QUEUE_SETUP);
	other = rte_pktmbuf_pool_create("other", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	assert_non_null(other);
	log_begin();
	assert_int_equal(rte_eth_rx_queue_setup(t.a, t.rxq[0], 0, 0, NULL, other), -EBUSY);
	assert_int_equal(rte_eth_tx_queue_setup(t.b, 0, 0, 0, NULL), -EBUSY);
	log_end();
	assert_int_equal(rte_eth_dev_rx_queue_stop(t.a, t.rxq[0]), 0);
	assert_int_equal(rte_eth_rx_queue_setup(t.a, t.rxq[0], 300, 0, NULL, other), 0);
	assert_ptr_equal(rxq_info(t.a, t.rxq[0]).mp, other);
	assert_int_equal(rxq_info(t.a, t.rxq[0]).nb_desc, 300);
	send_frames(t.b, 0, 60, 0, 10);
	expect_none(t.a, t.rxq[0]);
	assert_int_equal(rte_eth_dev_rx_queue_start(t.a, t.rxq[0]), 0);
	assert_int_equal(rte_eth_dev_tx_queue_stop(t.b, 0), 0);
	txconf = info.default_txconf;
	assert_int_equal(rte_eth_tx_queue_setup(t.b, 0, 200, 0, &txconf), 0);
	assert_int_equal(txq_info(t.b, 0).nb_desc, 200);
	assert_int_equal(send_some(t.b, 0, 60, 0, 1), 0);
	assert_int_equal(rte_eth_dev_tx_queue_start(t.b, 0), 0);
	send_frames(t.b, 0, 60, 10, 1);
	assert_int_equal(receive(t.a, t.rxq[0], &m, 1), 1);
	assert_ptr_equal(m->pool, other);
	mbuf_assert(m, 60, 10);
	rte_pktmbuf_free(m);
	send_frames(t.b, 0, 60, 11, 100);
	expect_frames(t.a, t.rxq[0], 60, 11, 100);
	/* The sums of the port go on. */
	assert_int_equal(stats_of(t.b).opackets, 2 + 10 + 101);
	assert_int_equal(stats_of(t.a).ipackets, 2 + 101);
	nic_remove(t.a);
	assert_int_equal(rte_mempool_avail_count(other), 255);
	rte_mempool_free(other);
}

static void
test_rx_info(void **state)
{
	const struct nic_conf conf = { .rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER };
	struct pair p;

	(void)state;
	pair_start(&p, NULL, &conf);
	assert_ptr_equal(rxq_info(p.a, 0).mp, pool);
	assert_int_equal(rxq_info(p.a, 0).nb_desc, 1024);
	assert_int_equal(rxq_info(p.a, 0).scattered_rx, 1);
	assert_int_equal(rxq_info(p.a, 0).conf.offloads, RTE_ETH_RX_OFFLOAD_SCATTER);
	assert_int_equal(rxq_info(p.a, 0).conf.rx_deferred_start, 0);
	assert_int_equal(rxq_info(p.a, 0).rx_buf_size,
			 rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM);
	assert_int_equal(rxq_info(p.a, 0).queue_state, RTE_ETH_QUEUE_STATE_STARTED);
	assert_int_equal(txq_info(p.a, 0).nb_desc, 1024);
	assert_int_equal(txq_info(p.a, 0).queue_state, RTE_ETH_QUEUE_STATE_STARTED);
}

/* So many frames wait, whether it was polled already or not. */
static void
test_rx_count(void **state)
{
	struct rte_mbuf *m[8];
	struct two t;

	(void)state;
	two_start(&t, NULL);
	assert_int_equal(rte_eth_rx_queue_count(t.a, t.rxq[0]), 0);
	assert_int_equal(rte_eth_rx_descriptor_status(t.a, t.rxq[0], 0), RTE_ETH_RX_DESC_AVAIL);
	send_frames(t.b, 0, 60, 0, 40);
	assert_int_equal(rte_eth_rx_queue_count(t.a, t.rxq[0]), 40);
	assert_int_equal(rte_eth_rx_queue_count(t.a, t.rxq[1]), 0);
	assert_int_equal(rte_eth_rx_descriptor_status(t.a, t.rxq[0], 39), RTE_ETH_RX_DESC_DONE);
	assert_int_equal(rte_eth_rx_descriptor_status(t.a, t.rxq[0], 40), RTE_ETH_RX_DESC_AVAIL);
	assert_int_equal(rte_eth_rx_descriptor_status(t.a, t.rxq[0], 1023), RTE_ETH_RX_DESC_AVAIL);
	assert_int_equal(rte_eth_rx_descriptor_status(t.a, t.rxq[0], 1024), -EINVAL);
	/* In the middle of a burst. */
	assert_int_equal(rte_eth_rx_burst(t.a, t.rxq[0], m, 8), 8);
	rte_pktmbuf_free_bulk(m, 8);
	assert_int_equal(rte_eth_rx_queue_count(t.a, t.rxq[0]), 32);
	expect_frames(t.a, t.rxq[0], 60, 8, 32);
	assert_int_equal(rte_eth_rx_queue_count(t.a, t.rxq[0]), 0);
	send_frames(t.b, 0, 60, 0, 5);
	assert_int_equal(rte_eth_dev_rx_queue_stop(t.a, t.rxq[0]), 0);
	assert_int_equal(rte_eth_rx_queue_count(t.a, t.rxq[0]), 0);
	assert_int_equal(rte_eth_rx_descriptor_status(t.a, t.rxq[0], 0), RTE_ETH_RX_DESC_UNAVAIL);
}

/* Where only the holder of the lock could count, at least one. */
static void
test_rx_count_shmif(void **state)
{
	struct rte_mbuf *m[8];
	struct pair p;

	(void)state;
	pair_start(&p, "format=shmif", NULL);
	assert_int_equal(drain(p.b, 0), 0);
	assert_int_equal(rte_eth_rx_queue_count(p.b, 0), 0);
	send_frames(p.a, 0, 60, 0, 40);
	assert_int_equal(rte_eth_rx_queue_count(p.b, 0), 1);
	assert_int_equal(rte_eth_rx_descriptor_status(p.b, 0, 0), RTE_ETH_RX_DESC_DONE);
	assert_int_equal(rte_eth_rx_burst(p.b, 0, m, 8), 8);
	rte_pktmbuf_free_bulk(m, 8);
	assert_int_equal(rte_eth_rx_queue_count(p.b, 0), 32);
	expect_frames(p.b, 0, 60, 8, 32);
	assert_int_equal(rte_eth_rx_queue_count(p.b, 0), 0);
	assert_int_equal(rte_eth_rx_descriptor_status(p.b, 0, 0), RTE_ETH_RX_DESC_AVAIL);
}

/* A port that comes later is not overlooked by one that only counts. */
static void
test_rx_count_of_newcomer(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	a = nic_new(path, NULL);
	nic_start(a, NULL);
	drain(a, 0);
	b = nic_new(path, NULL);
	nic_start(b, NULL);
	send_frames(b, 0, 60, 0, 3);
	assert_int_equal(rte_eth_rx_queue_count(a, 0), 3);
	expect_frames(a, 0, 60, 0, 3);
	free(path);
}

/* Any number of descriptors but 0, which is the driver's choice; none of them is refused. */
static void
test_number_of_descriptors(void **state)
{
	static const uint16_t numbers[] = { 1, 8, 33, 1000, UINT16_MAX };
	struct rte_eth_dev_info info;
	uint16_t rx = 0, tx = 0;
	struct pair p;
	unsigned int i;

	pair_start(&p, *state, NULL);
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(rte_eth_dev_info_get(p.b, &info), 0);
	assert_int_equal(info.rx_desc_lim.nb_min, 1);
	assert_int_equal(info.rx_desc_lim.nb_align, 1);
	assert_int_equal(info.rx_desc_lim.nb_max, UINT16_MAX);
	assert_memory_equal(&info.tx_desc_lim, &info.rx_desc_lim, sizeof(info.tx_desc_lim));
	/* A loop that doubles the smallest number ends. */
	assert_int_equal(rte_eth_dev_adjust_nb_rx_tx_desc(p.b, &rx, &tx), 0);
	assert_true(rx == 1 && tx == 1);
	for (i = 0; i < RTE_DIM(numbers); i++) {
		rx = tx = numbers[i];
		assert_int_equal(rte_eth_dev_adjust_nb_rx_tx_desc(p.b, &rx, &tx), 0);
		assert_true(rx == numbers[i] && tx == numbers[i]);
		assert_int_equal(rte_eth_rx_queue_setup(p.b, 0, rx, 0, NULL, pool), 0);
		assert_int_equal(rte_eth_tx_queue_setup(p.b, 0, tx, 0, NULL), 0);
		assert_int_equal(rxq_info(p.b, 0).nb_desc, rx);
		assert_int_equal(txq_info(p.b, 0).nb_desc, tx);
		assert_int_equal(rte_eth_dev_start(p.b), 0);
		nic_exchange(p.a, p.b);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
	}
}

/* More frames wait than the queue has descriptors: all of them are used, and all frames come. */
static void
test_count_of_few_descriptors(void **state)
{
	const int all = nic_is_lanes(*state) ? 8 : 1; /* as in test_rx_count_shmif */
	struct rte_mbuf *m;
	struct pair p;

	pair_start(&p, *state, NULL);
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(rte_eth_rx_queue_setup(p.b, 0, 8, 0, NULL, pool), 0);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	drain(p.b, 0);
	send_frames(p.a, 0, 60, 0, 40);
	assert_int_equal(rte_eth_rx_queue_count(p.b, 0), all);
	assert_int_equal(rte_eth_rx_descriptor_status(p.b, 0, (uint16_t)(all - 1)), RTE_ETH_RX_DESC_DONE);
	assert_int_equal(rte_eth_rx_descriptor_status(p.b, 0, 8), -EINVAL);
	assert_int_equal(rte_eth_rx_burst(p.b, 0, &m, 1), 1);
	mbuf_assert(m, 60, 0);
	rte_pktmbuf_free(m);
	assert_int_equal(rte_eth_rx_queue_count(p.b, 0), 8);
	expect_frames(p.b, 0, 60, 1, 39);
	assert_int_equal(rte_eth_rx_queue_count(p.b, 0), 0);
}

/* What was taken is sent, and its mbuf free. */
static void
test_tx_done(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, NULL, NULL);
	send_frames(p.a, 0, 60, 0, 10);
	assert_int_equal(rte_eth_tx_done_cleanup(p.a, 0, 0), 0);
	assert_int_equal(rte_eth_tx_descriptor_status(p.a, 0, 0), RTE_ETH_TX_DESC_DONE);
	assert_int_equal(rte_eth_tx_descriptor_status(p.a, 0, 1023), RTE_ETH_TX_DESC_DONE);
	assert_int_equal(rte_eth_tx_descriptor_status(p.a, 0, 1024), -EINVAL);
	assert_int_equal(rte_eth_dev_tx_queue_stop(p.a, 0), 0);
	assert_int_equal(rte_eth_tx_descriptor_status(p.a, 0, 0), RTE_ETH_TX_DESC_UNAVAIL);
	drain(p.b, 0);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_rx_stop),
		T(test_rx_stop_releases_senders),
		T(test_tx_stop),
		T(test_stop_and_start_shmif),
		T(test_stopped_stays_stopped),
		T(test_deferred_start),
		T(test_setup_at_run_time),
		T(test_rx_info),
		T(test_rx_count),
		T(test_rx_count_shmif),
		T(test_rx_count_of_newcomer),
		BOTH_FORMATS(test_number_of_descriptors),
		BOTH_FORMATS(test_count_of_few_descriptors),
		T(test_tx_done),
	};

	return cmocka_run_group_tests_name("pmd_queue_ops", tests, eal_start, eal_stop);
}
