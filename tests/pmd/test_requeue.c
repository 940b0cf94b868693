/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A port that lacks a queue, because its set-up failed, or lacks a bus, because
 * it could not be had again: each call in turn is refused, and then the port is
 * asked for all that it has to say, stopped, closed, or started again. The
 * driver is linked into the program, with calls that fail in front of it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_flow.h>
#include <rte_malloc.h>
#include <rte_power_intrinsics.h>

#include "fault.h"
#include "holdings.h"
#include "nic.h"

struct shape {
	const char *args;
	uint16_t n_queues;
	unsigned int rx_calls; /* that fail while an Rx queue is set up, at least */
	unsigned int tx_calls;
	unsigned int start_calls; /* while a port that lost its bus is started */
};

static const struct shape shapes[] = {
	{ "format=lanes,ports=4,queues=2,lane_size=64K", 2, 2, 3, 30 },
	{ "format=shmif", 1, 2, 2, 14 },
};

/* What the application does with the port that something was refused to. */
enum then {
	THEN_ASK,
	THEN_STOP,
	THEN_CLOSE,
	THEN_AGAIN, /* the same once more */
	THENS,
};

static void
start(uint16_t port, const struct shape *shape)
{
	const struct nic_conf conf = {
		.n_rxq = shape->n_queues, .n_txq = shape->n_queues, .lsc = true, .rmv = true,
	};

	nic_start(port, &conf);
}

/* Every question that goes through the queues. */
static void
ask(uint16_t port, const struct shape *shape)
{
	struct rte_power_monitor_cond cond;
	struct rte_eth_burst_mode mode;
	struct rte_eth_xstat xstats[256];
	struct rte_eth_rxq_info rxq;
	struct rte_eth_txq_info txq;
	struct rte_eth_fc_conf fc;
	uint16_t q;
	FILE *null;

	stats_of(port);
	assert_in_range(rte_eth_xstats_get(port, xstats, RTE_DIM(xstats)), 1, RTE_DIM(xstats));
	null = fopen("/dev/null", "w");
	assert_non_null(null);
	assert_int_equal(rte_eth_dev_priv_dump(port, null), 0);
	fclose(null);
	for (q = 0; q < shape->n_queues; q++) {
		/* What they say is another test's; here it is enough that they return. */
		rte_eth_rx_queue_count(port, q);
		rte_eth_get_monitor_addr(port, q, &cond);
		rte_eth_rx_burst_mode_get(port, q, &mode);
		rte_eth_tx_burst_mode_get(port, q, &mode);
		rte_eth_rx_queue_info_get(port, q, &rxq);
		rte_eth_tx_queue_info_get(port, q, &txq);
		rte_eth_dev_rx_intr_enable(port, q);
		rte_eth_dev_rx_intr_disable(port, q);
		rte_eth_set_queue_rate_limit(port, q, 0);
		rte_eth_tx_done_cleanup(port, q, 0);
	}
	nic_is_up(port);
	assert_int_equal(rte_eth_dev_set_link_down(port), 0);
	assert_int_equal(rte_eth_dev_set_link_up(port), 0);
	assert_int_equal(rte_eth_dev_set_mtu(port, 1000), 0);
	assert_int_equal(rte_eth_dev_set_mtu(port, 1500), 0);
	assert_int_equal(rte_eth_promiscuous_disable(port), 0);
	assert_int_equal(rte_eth_promiscuous_enable(port), 0);
	if (rte_eth_dev_flow_ctrl_get(port, &fc) == 0)
		assert_int_equal(rte_eth_dev_flow_ctrl_set(port, &(struct rte_eth_fc_conf){
				 .mode = fc.mode }), 0);
	assert_int_equal(rte_eth_stats_reset(port), 0);
	assert_int_equal(rte_eth_xstats_reset(port), 0);
}

/* Each queue of a sends to b. With several Rx queues somewhere. */
static void
exchange(uint16_t a, uint16_t b, const struct shape *shape)
{
	uint32_t got = 0;
	uint16_t q;

	for (q = 0; q < shape->n_queues; q++)
		send_frames(a, q, 100, 1, 10);
	for (q = 0; q < shape->n_queues; q++)
		got += drain(b, q);
	assert_int_equal(got, 10 * shape->n_queues);
}

static int
setup(uint16_t port, uint16_t id, bool tx)
{
	return tx ? rte_eth_tx_queue_setup(port, id, 0, 0, NULL) :
		    rte_eth_rx_queue_setup(port, id, 0, 0, NULL, pool);
}

static int
queue_stop(uint16_t port, uint16_t id, bool tx)
{
	return tx ? rte_eth_dev_tx_queue_stop(port, id) : rte_eth_dev_rx_queue_stop(port, id);
}

static int
queue_start(uint16_t port, uint16_t id, bool tx)
{
	return tx ? rte_eth_dev_tx_queue_start(port, id) : rte_eth_dev_rx_queue_start(port, id);
}

/* A way to set a queue up. */
struct way {
	const struct shape *shape;
	uint16_t id;
	bool tx;
	bool running; /* the port is, and the queue alone is stopped */
};

/* The queue is missing. */
static void
go_on_without(uint16_t port, const struct way *way, enum then then)
{
	switch (then) {
	case THEN_ASK:
		ask(port, way->shape);
		break;
	case THEN_STOP:
		assert_int_equal(rte_eth_dev_stop(port), 0);
		ask(port, way->shape);
		/* Without the queue it does not start. */
		assert_int_equal(rte_eth_dev_start(port), -EINVAL);
		ask(port, way->shape);
		break;
	case THEN_CLOSE:
		if (way->running)
			assert_int_equal(rte_eth_dev_stop(port), 0);
		assert_int_equal(rte_eth_dev_close(port), 0);
		break;
	default:
		break;
	}
}

/* Another attempt goes well, and the port works. */
static void
mend(uint16_t port, uint16_t peer, const struct way *way, bool runs)
{
	assert_int_equal(setup(port, way->id, way->tx), 0);
	assert_int_equal(runs ? queue_start(port, way->id, way->tx) : rte_eth_dev_start(port), 0);
	exchange(port, peer, way->shape);
	exchange(peer, port, way->shape);
	assert_int_equal(rte_eth_dev_stop(port), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
	exchange(peer, port, way->shape);
}

/* The nth call of a set-up fails. False: there are not that many. */
static bool
setup_nth(const struct way *way, enum then then, unsigned int n)
{
	char *path = tmpdir_new_path();
	uint16_t peer, port;
	const char *call;
	int ret;

	peer = nic_new(path, way->shape->args);
	port = nic_new(path, way->shape->args);
	start(peer, way->shape);
	start(port, way->shape);
	exchange(peer, port, way->shape);
	if (way->running)
		assert_int_equal(queue_stop(port, way->id, way->tx), 0);
	else
		assert_int_equal(rte_eth_dev_stop(port), 0);
	log_begin();
	fault_arm(n);
	ret = setup(port, way->id, way->tx);
	call = fault_disarm();
	if (call != NULL) {
		if (ret != -fault_errno())
			fail_msg("%s failed with %d, and the set-up with %d", call, fault_errno(), ret);
		go_on_without(port, way, then);
	} else {
		assert_int_equal(ret, 0);
	}
	if (call == NULL || then != THEN_CLOSE) {
		mend(port, peer, way, way->running && (call == NULL || then != THEN_STOP));
		nic_remove(port);
	} else {
		nic_detach(port);
	}
	log_end();
	nic_remove(peer);
	assert_false(holdings_locked(path));
	unlink(path);
	free(path);
	return call != NULL;
}

static void
setups(bool tx, bool running)
{
	struct way way = { .tx = tx, .running = running };
	unsigned int i, then, least, n = 1;

	for (i = 0; i < RTE_DIM(shapes); i++) {
		way.shape = &shapes[i];
		least = tx ? shapes[i].tx_calls : shapes[i].rx_calls;
		for (way.id = 0; way.id < shapes[i].n_queues; way.id++) {
			for (then = 0; then < THENS; then++) {
				for (n = 1; setup_nth(&way, (enum then)then, n); n++)
					;
				assert_true(n - 1 >= least);
			}
		}
		print_message("# %s, %s: %u calls that can fail\n", shapes[i].args,
			      tx ? "Tx" : "Rx", n - 1);
	}
}

static void
test_rx_running(void **state)
{
	(void)state;
	setups(false, true);
}

static void
test_rx_stopped(void **state)
{
	(void)state;
	setups(false, false);
}

static void
test_tx_running(void **state)
{
	(void)state;
	setups(true, true);
}

static void
test_tx_stopped(void **state)
{
	(void)state;
	setups(true, false);
}

/* Calls without which the port starts, or that are made again and again: ../pmd/test_fault.c. */
static bool
may_go_unnoticed(const char *call)
{
	static const char *const calls[] = {
		"getrandom", "lstat64", "fstat64", "fcntl64", "syscall", "pwrite64",
		"rte_eal_alarm_set", "mmap64",
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(calls); i++)
		if (strcmp(call, calls[i]) == 0)
			return true;
	return false;
}

/* The bus was emptied, the port stopped, and the nth call of the start fails. */
static bool
start_nth(const struct shape *shape, enum then then, unsigned int n)
{
	char *path = tmpdir_new_path();
	uint16_t peer, port;
	const char *call;
	int ret;

	peer = nic_new(path, shape->args);
	port = nic_new(path, shape->args);
	start(peer, shape);
	start(port, shape);
	exchange(peer, port, shape);
	log_begin();
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(rte_eth_dev_stop(port), 0);
	assert_int_equal(rte_eth_dev_stop(peer), 0);
	fault_arm(n);
	ret = rte_eth_dev_start(port);
	call = fault_disarm();
	if (ret != 0) {
		assert_non_null(call);
		assert_int_equal(stats_of(port).ipackets, 10 * shape->n_queues);
		ask(port, shape);
		assert_false(nic_is_up(port));
		if (then == THEN_STOP)
			assert_int_equal(rte_eth_dev_reset(port), 0);
	} else if (call != NULL && !may_go_unnoticed(call)) {
		fail_msg("%s: %s failed, and nobody noticed", shape->args, call);
	}
	if (ret != 0 && then == THEN_CLOSE) {
		assert_int_equal(rte_eth_dev_close(port), 0);
		nic_detach(port);
	} else {
		if (ret != 0 && then == THEN_STOP)
			start(port, shape);
		else if (ret != 0)
			assert_int_equal(rte_eth_dev_start(port), 0);
		/* Unless what failed was to find out about the bus. */
		if (nic_is_up(port)) {
			assert_int_equal(rte_eth_dev_start(peer), 0);
			exchange(peer, port, shape);
		} else {
			assert_true(call != NULL && may_go_unnoticed(call));
		}
		nic_remove(port);
	}
	log_end();
	nic_remove(peer);
	unlink(path);
	free(path);
	return call != NULL;
}

static void
test_start_without_bus(void **state)
{
	unsigned int i, then, n = 1;

	(void)state;
	for (i = 0; i < RTE_DIM(shapes); i++) {
		for (then = THEN_STOP; then < THENS; then++) {
			for (n = 1; start_nth(&shapes[i], (enum then)then, n); n++)
				;
			assert_true(n - 1 >= shapes[i].start_calls);
		}
		print_message("# %s: %u calls that can fail\n", shapes[i].args, n - 1);
	}
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_rx_running),
		T(test_rx_stopped),
		T(test_tx_running),
		T(test_tx_stopped),
		T(test_start_without_bus),
	};

	nic_plugin = NULL;
	return cmocka_run_group_tests_name("pmd_requeue", tests, eal_start, eal_stop);
}
