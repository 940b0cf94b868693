/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The first lap of a lane and the first lap of a new port cost no page faults inside bursts.
 * SHMBUS_OTHER_PLUGIN: the driver to look at instead, for a comparison of two builds.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "faults.h"
#include "nic.h"

#define BURST 32
#define LEN 1500
#define LANE (4u << 20)
/* Bursts of a lap: a frame of 1500 bytes takes 1536. */
#define LAP (LANE / (BURST * 1536))

/*
 * Sends n bursts and receives them; also at port also, if that is not the same, as senders wait for
 * all ports. All mbufs come from the few that the pool has just got back.
 */
static void
exchange(uint16_t from, uint16_t to, uint16_t also, unsigned int n, struct faults *tx,
	 struct faults *rx)
{
	struct rte_mbuf *pkts[BURST];
	unsigned int i, k;
	uint16_t got;

	for (i = 0; i < n; i++) {
		for (k = 0; k < BURST; k++)
			pkts[k] = mbuf_new(pool, LEN, k, 0);
		faults_begin(tx);
		got = rte_eth_tx_burst(from, 0, pkts, BURST);
		faults_end(tx);
		assert_int_equal(got, BURST);
		for (k = 0; k < BURST; k += got) {
			faults_begin(rx);
			got = rte_eth_rx_burst(to, 0, pkts + k, BURST - k);
			faults_end(rx);
		}
		rte_pktmbuf_free_bulk(pkts, BURST);
		if (also != to)
			drain(also, 0);
	}
}

/* The code, the pool and the stack of this program; then the queues of both ports. */
static void
warm_up(uint16_t a, uint16_t b)
{
	struct faults any = { .count = 0 };
	struct rte_mbuf *all[4096];
	struct pair other;
	unsigned int i;

	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, all, RTE_DIM(all)), 0);
	for (i = 0; i < RTE_DIM(all); i++)
		memset(rte_pktmbuf_mtod(all[i], void *), 0, LEN);
	rte_pktmbuf_free_bulk(all, RTE_DIM(all));
	pair_start(&other, nic_lanes, NULL);
	exchange(other.a, other.b, other.b, 2 * LAP, &any, &any);
	pair_remove(&other);
	exchange(a, b, b, 1, &any, &any);
}

static void
look(const char *what, const struct faults *f)
{
	print_message("# %s: %ld page faults, all bursts %.0f us, longest %.1f us\n", what, f->count,
		      (double)f->total_ns / 1000, (double)f->longest_ns / 1000);
}

static void
test_first_lap(void **state)
{
	struct faults tx = { .count = 0 }, rx = { .count = 0 };
	struct pair p;

	(void)state;
	faults_skip_if_excused();
	pair_start(&p, nic_lanes, NULL);
	nic_settle();
	warm_up(p.a, p.b);
	exchange(p.a, p.b, p.b, LAP + 1, &tx, &rx);
	look("first lap, sender", &tx);
	look("first lap, receiver", &rx);
	assert_int_equal(tx.count, 0);
	assert_int_equal(rx.count, 0);
}

static void
test_new_port(void **state)
{
	struct faults tx = { .count = 0 }, rx = { .count = 0 };
	struct rte_mbuf *none;
	struct pair p;
	uint16_t c;

	(void)state;
	faults_skip_if_excused();
	pair_start(&p, nic_lanes, NULL);
	warm_up(p.a, p.b);
	c = pair_join(&p, nic_lanes, NULL);
	nic_settle();
	/* The code of this path, and the roster; c sends nothing yet. */
	assert_int_equal(rte_eth_rx_burst(c, 0, &none, 1), 0);
	exchange(p.b, c, p.a, 1, &tx, &rx);
	tx = rx = (struct faults){ .count = 0 };
	exchange(c, p.b, p.a, LAP + 1, &tx, &rx);
	look("new port, sender", &tx);
	look("new port, receiver", &rx);
	assert_int_equal(tx.count, 0);
	assert_int_equal(rx.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LANES_ONLY(test_first_lap),
		LANES_ONLY(test_new_port),
	};

	if (getenv("SHMBUS_OTHER_PLUGIN") != NULL)
		nic_plugin = getenv("SHMBUS_OTHER_PLUGIN");
	return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
