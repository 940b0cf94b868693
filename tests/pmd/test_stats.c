/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Statistics: basic ones, those of queues, extended ones, and their resets. */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "nic.h"

static void
assert_all_zero(uint16_t port)
{
	struct rte_eth_stats zero, stats = stats_of(port);

	memset(&zero, 0, sizeof(zero));
	assert_memory_equal(&stats, &zero, sizeof(zero));
}

static void
test_basic(void **state)
{
	static const char *const quiet[][8] = {
		{ "rx_overruns", "rx_corrupt", "tx_paused", "tx_pause_timeouts", "tx_pause_dead" },
		{ "rx_overruns", "rx_corrupt", "rx_overrun_bytes", "tx_corrupt", "lock_busy",
		  "lock_broken_own_kind", "lock_broken_foreign" },
	};
	const char *const *name = quiet[!nic_is_lanes(*state)];
	struct rte_eth_stats a, b;
	struct pair p;

	pair_start(&p, *state, NULL);
	assert_all_zero(p.a);
	assert_all_zero(p.b);
	send_frames(p.a, 0, 60, 0, 100);
	send_frames(p.a, 0, 1514, 0, 10);
	drain(p.b, 0);
	a = stats_of(p.a);
	b = stats_of(p.b);
	assert_int_equal(a.opackets, 110);
	assert_int_equal(a.obytes, 6000 + 15140);
	assert_int_equal(b.ipackets, 110);
	assert_int_equal(b.ibytes, 6000 + 15140);
	assert_int_equal(a.ipackets + a.ibytes + a.imissed + a.ierrors + a.oerrors + a.rx_nombuf, 0);
	assert_int_equal(b.opackets + b.obytes + b.imissed + b.ierrors + b.oerrors + b.rx_nombuf, 0);
	assert_int_equal(a.q_opackets[0], 110);
	assert_int_equal(b.q_ipackets[0], 110);
	for (; *name != NULL; name++)
		assert_int_equal(xstat_of(p.a, *name) + xstat_of(p.b, *name), 0);
	assert_int_equal(rte_eth_stats_reset(p.a), 0);
	assert_int_equal(rte_eth_stats_reset(p.b), 0);
	assert_all_zero(p.a);
	assert_all_zero(p.b);
	send_frames(p.a, 0, 60, 0, 7);
	drain(p.b, 0);
	assert_int_equal(stats_of(p.a).opackets, 7);
	assert_int_equal(stats_of(p.b).ibytes, 420);
}

static void
test_survive_restarts(void **state)
{
	const struct nic_conf two = { .n_rxq = 2, .n_txq = 2 };
	struct pair p;
	unsigned int i;

	pair_start(&p, *state, NULL);
	for (i = 1; i <= 10; i++) {
		send_frames(p.a, 0, 60, 0, 10);
		drain(p.b, 0);
		assert_int_equal(rte_eth_dev_stop(p.a), 0);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		assert_int_equal(stats_of(p.a).opackets, 10 * i);
		assert_int_equal(stats_of(p.b).ipackets, 10 * i);
		if (i % 2 != 0) {
			assert_int_equal(rte_eth_dev_start(p.a), 0);
			assert_int_equal(rte_eth_dev_start(p.b), 0);
		} else { /* new queues */
			nic_start(p.a, i % 4 != 0 && nic_is_lanes(*state) ? &two : NULL);
			nic_start(p.b, NULL);
		}
	}
}

/* Sums never go below what a reset has left, also when queues are new. */
static void
test_reset_and_reconfigure(void **state)
{
	const struct nic_conf three = { .n_rxq = 3, .n_txq = 3 };
	struct pair p;
	uint16_t q;

	(void)state;
	pair_start(&p, NULL, &three);
	for (q = 0; q < 3; q++)
		send_frames(p.a, q, 60, 0, 100);
	for (q = 0; q < 3; q++)
		drain(p.b, q);
	assert_int_equal(rte_eth_stats_reset(p.a), 0);
	assert_int_equal(rte_eth_stats_reset(p.b), 0);
	assert_int_equal(rte_eth_dev_stop(p.a), 0);
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	nic_start(p.a, NULL);
	nic_start(p.b, NULL);
	assert_all_zero(p.a);
	assert_all_zero(p.b);
	send_frames(p.a, 0, 60, 0, 5);
	drain(p.b, 0);
	assert_int_equal(stats_of(p.a).opackets, 5);
	assert_int_equal(stats_of(p.a).q_opackets[0], 5);
	assert_int_equal(stats_of(p.b).ipackets, 5);
	assert_int_equal(stats_of(p.b).q_ipackets[0], 5);
}

static void
test_per_queue(void **state)
{
	const struct nic_conf conf = { .n_txq = 3, .n_rxq = 3 };
	struct rte_eth_stats a, b;
	uint64_t packets = 0, bytes = 0;
	struct pair p;
	uint16_t q;

	(void)state;
	pair_start(&p, NULL, &conf);
	for (q = 0; q < 3; q++)
		send_frames(p.a, q, 100, 0, 10 + q);
	a = stats_of(p.a);
	for (q = 0; q < 3; q++) {
		assert_int_equal(a.q_opackets[q], 10 + q);
		assert_int_equal(a.q_obytes[q], 100 * (10 + q));
		packets = drain(p.b, q);
		b = stats_of(p.b);
		assert_int_equal(b.q_ipackets[q], packets);
		assert_int_equal(b.q_ibytes[q], packets * 100);
		bytes += b.q_ibytes[q];
	}
	assert_int_equal(bytes, 3300);
	assert_int_equal(stats_of(p.b).ibytes, bytes);
	assert_int_equal(rte_eth_stats_reset(p.b), 0);
	assert_all_zero(p.b);
	/* Errors of a queue. */
	assert_int_equal(rte_eth_dev_set_mtu(p.b, 68), 0);
	send_frames(p.a, 0, 100, 0, 4);
	for (q = 0; q < 3; q++)
		drain(p.b, q);
	b = stats_of(p.b);
	assert_int_equal(b.ierrors, 4);
	assert_int_equal(b.q_errors[0] + b.q_errors[1] + b.q_errors[2], 4);
}

static uint64_t
queue_xstat(uint16_t port, const char *direction, uint16_t queue, const char *what)
{
	char name[RTE_ETH_XSTATS_NAME_SIZE];

	snprintf(name, sizeof(name), "%s_q%u_%s", direction, queue, what);
	return xstat_of(port, name);
}

/* More queues than ethdev's own counters know of: each has its own, and they make up the port's. */
static void
test_many_queues(void **state)
{
	const struct nic_conf conf = { .n_txq = 64, .n_rxq = 64 };
	uint64_t packets = 0, bytes = 0, ids[64], values[64];
	char name[RTE_ETH_XSTATS_NAME_SIZE];
	struct pair p;
	uint32_t got;
	uint16_t q;

	(void)state;
	pair_start(&p, "ports=2,queues=64,lane_size=64K", &conf);
	for (q = 0; q < 64; q++)
		send_frames(p.a, q, 100 + q, 0, 1 + q % 5);
	for (q = 0; q < 64; q++) {
		assert_int_equal(queue_xstat(p.a, "tx", q, "packets"), 1 + q % 5);
		assert_int_equal(queue_xstat(p.a, "tx", q, "bytes"), (1 + q % 5) * (100 + q));
		got = drain(p.b, q);
		/* The sender's slot is 0, so it is this lane that the queue reads. */
		assert_int_equal(got, 1 + q % 5);
		assert_int_equal(queue_xstat(p.b, "rx", q, "packets"), got);
		assert_int_equal(queue_xstat(p.b, "rx", q, "bytes"), got * (100 + q));
		assert_int_equal(queue_xstat(p.b, "rx", q, "errors"), 0);
		packets += got;
		bytes += got * (100 + q);
		snprintf(name, sizeof(name), "rx_q%u_bytes", q);
		assert_int_equal(rte_eth_xstats_get_id_by_name(p.b, name, &ids[q]), 0);
	}
	assert_int_equal(stats_of(p.b).ipackets, packets);
	assert_int_equal(stats_of(p.b).ibytes, bytes);
	assert_int_equal(rte_eth_xstats_get_by_id(p.b, ids, values, 64), 64);
	for (q = 0; q < 64; q++)
		assert_int_equal(values[q], (1 + q % 5) * (100 + q));
	/* Errors of one queue are its own. */
	assert_int_equal(rte_eth_dev_set_mtu(p.b, 68), 0);
	send_frames(p.a, 40, 100, 0, 4);
	assert_int_equal(drain(p.b, 40), 0);
	for (q = 0; q < 64; q++)
		assert_int_equal(queue_xstat(p.b, "rx", q, "errors"), q == 40 ? 4 : 0);
	assert_int_equal(stats_of(p.b).ierrors, 4);
	/* Either reset is one of the queues, too. */
	assert_int_equal(rte_eth_stats_reset(p.a), 0);
	assert_int_equal(rte_eth_xstats_reset(p.b), 0);
	send_frames(p.a, 63, 60, 0, 3);
	drain(p.b, 63);
	for (q = 0; q < 64; q++) {
		assert_int_equal(queue_xstat(p.a, "tx", q, "packets"), q == 63 ? 3 : 0);
		assert_int_equal(queue_xstat(p.b, "rx", q, "bytes"), q == 63 ? 180 : 0);
		assert_int_equal(queue_xstat(p.b, "rx", q, "errors"), 0);
	}
	/* Fewer queues have fewer counters. */
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	nic_start(p.b, NULL);
	assert_int_equal(queue_xstat(p.b, "rx", 0, "packets"), 0);
	log_begin();
	assert_int_equal(rte_eth_xstats_get_id_by_name(p.b, "rx_q1_packets", ids), -EINVAL);
	log_end();
	assert_int_equal(stats_of(p.b).ipackets, 3);
}

/* The table of a port has each of these names once, and none of those. */
static void
assert_names(uint16_t port, const char *const *has, unsigned int n_has, const char *const *not,
	     unsigned int n_not)
{
	struct rte_eth_xstat_name *all;
	struct rte_eth_xstat *values;
	unsigned int i, k, found;
	int n;

	n = rte_eth_xstats_get_names(port, NULL, 0);
	assert_true(n > 0);
	assert_int_equal(rte_eth_xstats_get(port, NULL, 0), n);
	all = calloc((size_t)n, sizeof(*all));
	values = calloc((size_t)n, sizeof(*values));
	/* Too small a table: how large it must be. */
	assert_int_equal(rte_eth_xstats_get_names(port, all, (unsigned int)n - 1), n);
	assert_int_equal(rte_eth_xstats_get(port, values, (unsigned int)n - 1), n);
	assert_int_equal(rte_eth_xstats_get_names(port, all, (unsigned int)n), n);
	assert_int_equal(rte_eth_xstats_get(port, values, (unsigned int)n), n);
	for (i = 0; i < n_has + n_not; i++) {
		for (k = 0, found = 0; k < (unsigned int)n; k++)
			found += strcmp(all[k].name, i < n_has ? has[i] : not[i - n_has]) == 0;
		if (found != (i < n_has))
			fail_msg("xstat %s is there %u times", i < n_has ? has[i] : not[i - n_has], found);
	}
	for (k = 0; k < (unsigned int)n; k++)
		assert_int_equal(values[k].id, k);
	free(all);
	free(values);
}

static void
test_xstats_names(void **state)
{
	static const char *const both[] = {
		"rx_good_packets", "tx_good_packets", "rx_missed_errors", "rx_q0_packets", "rx_q0_bytes",
		"rx_q0_errors", "tx_q0_packets", "tx_q0_bytes", "rx_overruns", "rx_filtered",
		"rx_corrupt", "rx_too_long", "tx_too_long", "tx_too_short", "tx_bad_offload",
		"tx_bad_chain", "tx_readonly", "peers",
	};
	static const char *const lanes[] = { "tx_paused", "tx_pause_timeouts", "tx_pause_dead" };
	static const char *const shmif[] = {
		"rx_overrun_bytes", "tx_cut", "tx_corrupt", "lock_busy", "lock_broken_own_kind",
		"lock_broken_foreign",
	};
	struct pair p;

	(void)state;
	pair_start(&p, NULL, NULL);
	assert_names(p.a, both, RTE_DIM(both), shmif, RTE_DIM(shmif));
	assert_names(p.a, lanes, RTE_DIM(lanes), NULL, 0);
	pair_start(&p, "format=shmif", NULL);
	assert_names(p.a, both, RTE_DIM(both), lanes, RTE_DIM(lanes));
	assert_names(p.a, shmif, RTE_DIM(shmif), NULL, 0);
}

static void
test_xstats_reset(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "lane_size=64K,pause=off", NULL);
	send_frames(p.a, 0, 1000, 0, 1000);
	drain(p.b, 0);
	assert_true(xstat_of(p.b, "rx_overruns") > 0);
	assert_true(xstat_of(p.b, "rx_missed_errors") > 0);
	assert_int_equal(rte_eth_xstats_reset(p.b), 0);
	assert_int_equal(xstat_of(p.b, "rx_overruns"), 0);
	assert_int_equal(xstat_of(p.b, "rx_missed_errors"), 0);
	assert_int_equal(xstat_of(p.b, "rx_good_packets"), 0);
	assert_int_equal(xstat_of(p.b, "rx_q0_packets"), 0);
	assert_all_zero(p.b);
	/* No counter, so not reset. */
	assert_int_equal(xstat_of(p.b, "peers"), 1);
	send_frames(p.a, 0, 1000, 0, 1000);
	drain(p.b, 0);
	assert_int_equal(xstat_of(p.b, "rx_overruns"), 1);
	assert_int_equal(stats_of(p.b).ipackets + stats_of(p.b).imissed, 1000);
}

static void
test_peers(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t ports[4];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		ports[i] = nic_new(path, *state);
		assert_int_equal(xstat_of(ports[0], "peers"), i);
		assert_int_equal(xstat_of(ports[i], "peers"), i);
	}
	for (i = 3; i > 0; i--) {
		nic_remove(ports[i]);
		assert_int_equal(xstat_of(ports[0], "peers"), i - 1);
	}
	free(path);
}

/* A word of a record in the file that makes no sense: the record is dropped and counted. */
static void
corrupt(off_t off, uint64_t word, uint64_t missed)
{
	char *path = tmpdir_new_path();
	uint64_t data_off;
	uint16_t a, b;
	int fd;

	a = nic_new(path, "ports=2,queues=1,lane_size=64K");
	b = nic_new(path, NULL);
	nic_start(a, NULL);
	nic_start(b, NULL);
	send_frames(a, 0, 60, 0, 1);
	expect_frames(b, 0, 60, 0, 1);
	send_frames(a, 0, 60, 1, 1);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &data_off, 8, 64), 8);
	/* Slot 0 is a's; its second record lies 128 bytes on. */
	assert_int_equal(pwrite(fd, &word, 8, (off_t)data_off + 128 + off), 8);
	close(fd);
	assert_int_equal(drain(b, 0), 0);
	assert_int_equal(xstat_of(b, "rx_corrupt"), 1);
	assert_int_equal(stats_of(b).ierrors, 1);
	assert_int_equal(xstat_of(b, "rx_q0_errors"), 1);
	assert_int_equal(stats_of(b).imissed, missed);
	send_frames(a, 0, 60, 2, 10);
	expect_frames(b, 0, 60, 2, 10);
	assert_int_equal(stats_of(b).ierrors, 1);
	assert_int_equal(stats_of(b).imissed, missed);
	nic_remove(a);
	nic_remove(b);
	free(path);
}

static void
test_corrupt(void **state)
{
	(void)state;
	corrupt(0, UINT64_MAX, 1); /* its frame is gone, and known to be */
	corrupt(24, 128 + 64, 1);
	corrupt(32, UINT32_MAX, 0); /* the descriptor of a frame of a record that is there */
	corrupt(32, 0, 0);
	corrupt(32, 65, 0);
}

/* What was lost before a restart stays counted. */
static void
test_missed_survive_restarts(void **state)
{
	struct pair p;
	uint64_t sent = 0, got = 0;
	unsigned int i;

	(void)state;
	pair_start(&p, "lane_size=64K,pause=off", NULL);
	for (i = 0; i < 6; i++) {
		send_frames(p.a, 0, 1000, 0, 300);
		sent += 300;
		got += drain(p.b, 0);
		assert_int_equal(got + stats_of(p.b).imissed, sent);
		assert_int_equal(xstat_of(p.b, "rx_overruns"), i + 1);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		assert_int_equal(got + stats_of(p.b).imissed, sent);
		if (i % 2 != 0)
			nic_start(p.b, NULL);
		else
			assert_int_equal(rte_eth_dev_start(p.b), 0);
		assert_int_equal(got + stats_of(p.b).imissed, sent);
	}
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_basic),
		BOTH_FORMATS(test_survive_restarts),
		T(test_reset_and_reconfigure),
		T(test_per_queue),
		T(test_many_queues),
		T(test_xstats_names),
		T(test_xstats_reset),
		BOTH_FORMATS(test_peers),
		T(test_corrupt),
		T(test_missed_survive_restarts),
	};

	return cmocka_run_group_tests_name("pmd_stats", tests, eal_start, eal_stop);
}
