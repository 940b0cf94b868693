/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Whatever is refused while a port is probed, configured, started, or given
 * rules, one call after the other: the error says so, nothing is left behind,
 * and the next attempt goes well. The driver is linked into the program, with
 * calls that fail in front of it.
 */

#include <stdlib.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_flow.h>

#include "fault.h"
#include "holdings.h"
#include "nic.h"

struct shape {
	const char *args;
	uint16_t n_queues;
	bool rss;
	unsigned int probe_calls; /* that fail, at least */
	unsigned int start_calls;
	unsigned int rejoin_calls;
};

static const struct shape shapes[] = {
	{ "format=lanes,ports=4,queues=2,lane_size=64K", 2, true, 22, 24, 35 },
	{ "format=shmif", 1, false, 15, 12, 16 },
};

/* What a test holds before each attempt. */
struct before {
	struct holdings holdings;
	unsigned int objects;
};

static void
count(struct before *b)
{
	holdings_count(&b->holdings);
	b->objects = nic_objects();
}

static void
assert_same(const struct before *b, const char *what)
{
	holdings_assert_same(&b->holdings, what);
	if (nic_objects() != b->objects)
		fail_msg("%s: %u objects of DPDK's heap, before %u", what, nic_objects(), b->objects);
}

/* Without these it goes on, another way. */
static bool
is_optional(const char *call)
{
	static const char *const calls[] = {
		"getrandom", "lstat64", /* as in ../unit/test_fault.c */
		"fcntl64",              /* a port whose lock cannot be tested counts as alive */
		"syscall",              /* membarrier: time goes by instead */
		"pwrite64",             /* a bell: the file's times are changed instead */
		"rte_eal_alarm_set",    /* the link is looked at when the application asks */
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(calls); i++)
		if (strcmp(call, calls[i]) == 0)
			return true;
	return false;
}

/*
 * Whether the bus is still there is looked at again and again, so one of these looks may fail. A
 * lane of another port that is not mapped ahead is mapped at its first frame.
 */
static bool
is_look(const char *call)
{
	return strcmp(call, "fstat64") == 0 || strcmp(call, "mmap64") == 0;
}

static int
set_up(uint16_t port, const struct shape *shape, bool sleeps)
{
	struct rte_eth_conf conf;
	uint16_t i;
	int ret;

	memset(&conf, 0, sizeof(conf));
	conf.intr_conf.rxq = sleeps;
	conf.intr_conf.lsc = 1;
	if (shape->rss) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_IPV4;
	}
	ret = rte_eth_dev_configure(port, shape->n_queues, shape->n_queues, &conf);
	for (i = 0; ret == 0 && i < shape->n_queues; i++)
		ret = rte_eth_rx_queue_setup(port, i, 0, 0, NULL, pool);
	for (i = 0; ret == 0 && i < shape->n_queues; i++)
		ret = rte_eth_tx_queue_setup(port, i, 0, 0, NULL);
	if (ret == 0)
		ret = rte_eth_promiscuous_enable(port);
	return ret;
}

static int
bring_up(uint16_t port, const struct shape *shape, bool sleeps)
{
	int ret;

	ret = set_up(port, shape, sleeps);
	if (ret == 0)
		ret = rte_eth_dev_start(port);
	if (ret == 0 && sleeps)
		ret = rte_eth_dev_rx_intr_enable(port, 0);
	return ret;
}

/* It does not sleep: to close what it slept with takes the kernel its time. */
static uint16_t
new_peer(const char *path, const struct shape *shape)
{
	const struct nic_conf conf = { .n_rxq = shape->n_queues, .n_txq = shape->n_queues };
	const uint16_t port = nic_new(path, shape->args);

	nic_start(port, &conf);
	return port;
}

static void
exchange(uint16_t a, uint16_t b, const struct shape *shape)
{
	uint16_t q;

	send_frames(a, 0, 100, 1, 10);
	for (q = 0; q < shape->n_queues; q++)
		if (drain(b, q) == 10)
			break;
	assert_true(q < shape->n_queues);
	send_frames(b, shape->n_queues - 1, 100, 1, 10);
	for (q = 0; q < shape->n_queues; q++)
		if (drain(a, q) == 10)
			break;
	assert_true(q < shape->n_queues);
}

static void
check_probe(const char *call, int ret, const char *path)
{
	/* The driver says no more than its number if there is no memory for a port at all. */
	const bool bare = strcmp(call, "rte_eth_dev_allocate") == 0 ||
			  strcmp(call, "rte_zmalloc_socket") == 0;

	if (ret >= 0)
		fail_msg("%s failed, and the probe returned %d", call, ret);
	if (ret != -fault_errno() && strcmp(call, "calloc") != 0 && !bare)
		fail_msg("%s failed with %d, and the probe with %d", call, fault_errno(), ret);
	if (!bare && strcmp(call, "calloc") != 0 && strcmp(call, "rte_mp_action_register") != 0 &&
	    strstr(log_text(), path) == NULL)
		fail_msg("%s failed: \"%s\" does not name the file", call, log_text());
}

/* The nth call of a probe fails. False: there are not that many. */
static bool
probe_nth(const struct shape *shape, const char *path, bool alone, unsigned int n)
{
	uint16_t port = UINT16_MAX;
	struct before before;
	const char *call;
	int ret;

	count(&before);
	log_begin();
	fault_arm(n);
	ret = nic_probe(&port, path, shape->args);
	call = fault_disarm();
	if (ret == 0) {
		if (call != NULL && !is_optional(call))
			fail_msg("%s: %s failed, and nobody noticed", shape->args, call);
	} else {
		assert_non_null(call);
		check_probe(call, ret, path);
		log_end();
		assert_same(&before, call);
		if (alone)
			assert_int_equal(access(path, F_OK), -1);
		port = nic_new(path, shape->args);
	}
	log_end();
	nic_remove(port);
	assert_same(&before, call);
	if (alone) {
		assert_false(holdings_locked(path));
		unlink(path);
	}
	return call != NULL;
}

static void
test_probe(void **state)
{
	const struct shape *shape;
	unsigned int i, n;
	uint16_t owner;
	char *path;

	(void)state;
	for (i = 0; i < 2 * RTE_DIM(shapes); i++) {
		shape = &shapes[i / 2];
		path = tmpdir_new_path();
		/* What EAL and ethdev keep for good is there after the first one. */
		owner = nic_new(path, shape->args);
		if (i % 2 == 0) {
			nic_remove(owner);
			unlink(path);
		}
		for (n = 1; probe_nth(shape, path, i % 2 == 0, n); n++)
			;
		print_message("# %s, %s: %u calls that can fail\n", shape->args,
			      i % 2 == 0 ? "new" : "there", n - 1);
		assert_true(n - 1 >= shape->probe_calls - (i % 2 == 0 ? 0 : 5));
		if (i % 2 != 0)
			nic_remove(owner);
		unlink(path);
		free(path);
	}
}

/* The nth call while a port is configured, set up and started. */
static bool
start_nth(const struct shape *shape, const char *path, unsigned int n)
{
	struct before before;
	uint16_t peer, port;
	const char *call;
	int ret;

	count(&before);
	peer = new_peer(path, shape);
	port = nic_new(path, shape->args);
	log_begin();
	fault_arm(n);
	ret = bring_up(port, shape, true);
	call = fault_disarm();
	if (ret == 0) {
		if (call != NULL && !is_optional(call) && !is_look(call))
			fail_msg("%s: %s failed, and nobody noticed", shape->args, call);
		/* No events will come: that is said. */
		if (call != NULL && strcmp(call, "rte_eal_alarm_set") == 0)
			assert_non_null(strstr(log_text(), "is not polled"));
	} else {
		assert_non_null(call);
		if (ret != -fault_errno())
			fail_msg("%s failed with %d, and starting with %d", call, fault_errno(), ret);
		log_end();
		ret = bring_up(port, shape, true);
		if (ret != 0)
			fail_msg("after %s had failed: %d", call, ret);
	}
	log_end();
	assert_true(nic_is_up(port));
	exchange(peer, port, shape);
	nic_remove(port);
	nic_remove(peer);
	assert_same(&before, call);
	assert_false(holdings_locked(path));
	unlink(path);
	return call != NULL;
}

static void
test_start(void **state)
{
	unsigned int i, n;
	char *path;

	(void)state;
	for (i = 0; i < RTE_DIM(shapes); i++) {
		path = tmpdir_new_path();
		for (n = 1; start_nth(&shapes[i], path, n); n++)
			;
		print_message("# %s: %u calls that can fail\n", shapes[i].args, n - 1);
		assert_true(n - 1 >= shapes[i].start_calls);
		free(path);
	}
}

/* The nth call while a port that lost its bus comes to the next one. */
static bool
rejoin_nth(const struct shape *shape, const char *path, unsigned int n)
{
	struct before before;
	uint16_t peer, port;
	const char *call;
	int ret;

	count(&before);
	port = nic_new(path, shape->args);
	assert_int_equal(bring_up(port, shape, false), 0);
	log_begin();
	assert_int_equal(unlink(path), 0);
	peer = new_peer(path, shape);
	assert_int_equal(rte_eth_dev_stop(port), 0);
	fault_arm(n);
	ret = rte_eth_dev_start(port);
	call = fault_disarm();
	if (ret == 0) {
		if (call != NULL && !is_optional(call) && !is_look(call) &&
		    strcmp(call, "mmap64") != 0) /* then it keeps the old mappings a while */
			fail_msg("%s: %s failed, and nobody noticed", shape->args, call);
	} else {
		assert_non_null(call);
		/* If the locks of secondary processes cannot be asked for, there may be one. */
		if (ret != -fault_errno() && !(ret == -EBUSY && strcmp(call, "fcntl64") == 0))
			fail_msg("%s failed with %d, and starting with %d", call, fault_errno(), ret);
		assert_false(nic_is_up(port));
		ret = rte_eth_dev_start(port);
		if (ret != 0)
			fail_msg("after %s had failed: %d", call, ret);
	}
	log_end();
	/* Unless it has not noticed. */
	if (call == NULL || !(is_optional(call) || is_look(call))) {
		assert_true(nic_is_up(port));
		exchange(peer, port, shape);
	}
	nic_remove(port);
	nic_remove(peer);
	assert_same(&before, call);
	unlink(path);
	return call != NULL;
}

static void
test_rejoin(void **state)
{
	unsigned int i, n;
	char *path;

	(void)state;
	for (i = 0; i < RTE_DIM(shapes); i++) {
		path = tmpdir_new_path();
		for (n = 1; rejoin_nth(&shapes[i], path, n); n++)
			;
		print_message("# %s: %u calls that can fail\n", shapes[i].args, n - 1);
		assert_true(n - 1 >= shapes[i].rejoin_calls);
		free(path);
	}
}

static const struct rte_flow_attr ingress = { .ingress = 1 };

/* Frames of a VLAN go to queue 1. */
static struct rte_flow *
vlan_to_queue(uint16_t port, uint16_t tci, uint16_t tci_mask, struct rte_flow_error *error)
{
	static const struct rte_flow_action_queue queue = { .index = 1 };
	const struct rte_flow_item_vlan vlan = { .tci = rte_cpu_to_be_16(tci) };
	const struct rte_flow_item_vlan mask = { .tci = rte_cpu_to_be_16(tci_mask) };
	const struct rte_flow_item pattern[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH },
		{ .type = RTE_FLOW_ITEM_TYPE_VLAN, .spec = &vlan, .mask = &mask },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};

	memset(error, 0, sizeof(*error));
	return rte_flow_create(port, &ingress, pattern, actions, error);
}

/* Without RSS each lane has its queue: all that a rule may change. */
static void
assert_own_lanes(uint16_t peer, uint16_t port)
{
	struct rte_mbuf *m;
	uint16_t q;

	for (q = 0; q < 2; q++) {
		m = mbuf_new(pool, 100, 1, 0);
		memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, 12), "\x81\0\0\x07", 4);
		assert_true(send_mbuf(peer, q, m));
	}
	/* The peer has slot 1. */
	assert_int_equal(drain(port, 0), 1);
	assert_int_equal(drain(port, 1), 1);
}

/* A rule that failed has left the port as it was: it counts, stops and starts. */
static void
assert_as_before(uint16_t peer, uint16_t port, const struct shape *shape, const char *what)
{
	struct rte_eth_xstat xstats[64];

	if (!shape->rss)
		assert_own_lanes(peer, port);
	exchange(peer, port, shape);
	if (stats_of(port).imissed != 0 || stats_of(port).ierrors != 0 ||
	    rte_eth_xstats_get(port, xstats, RTE_DIM(xstats)) <= 0)
		fail_msg("%s: statistics", what);
	assert_int_equal(rte_eth_dev_stop(port), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
	exchange(peer, port, shape);
}

/* A rule that there is no memory for is not there; what was there stays: n_rules others. */
static void
rule_without_memory(const struct shape *shape, unsigned int n_rules, bool other_masks,
		    unsigned int min_calls)
{
	struct rte_flow_error error;
	struct rte_flow *flow;
	struct before before;
	uint16_t port, peer;
	unsigned int n;
	char *path;

	path = tmpdir_new_path();
	port = nic_new(path, shape->args);
	assert_int_equal(bring_up(port, shape, false), 0);
	peer = new_peer(path, shape);
	for (n = 1; n <= n_rules; n++)
		assert_non_null(vlan_to_queue(port, 100 + n, other_masks ? 0xfff << n : 0xfff, &error));
	exchange(peer, port, shape); /* the mempools have what they keep */
	for (n = 1;; n++) {
		count(&before);
		fault_arm(n);
		flow = vlan_to_queue(port, 7, 0xfff, &error);
		if (fault_disarm() == NULL)
			break;
		/* Where there is no membarrier, time goes by: the rule is there. */
		if (flow != NULL)
			assert_int_equal(rte_flow_destroy(port, flow, &error), 0);
		else
			assert_int_equal(rte_errno, ENOMEM);
		if (flow == NULL) {
			assert_non_null(error.message);
			assert_same(&before, "a rule");
		}
		assert_as_before(peer, port, shape, "a rule without memory");
	}
	print_message("# a rule: %u calls that can fail\n", n - 1);
	assert_true(n > min_calls);
	assert_non_null(flow);
	nic_remove(port);
	nic_remove(peer);
	unlink(path);
	free(path);
}

static void
test_rule(void **state)
{
	struct shape shape = shapes[0];

	(void)state;
	rule_without_memory(&shape, 0, false, 2);
	/* The tables that the rules are looked up in grow with the fifth rule, and the fifth mask. */
	rule_without_memory(&shape, 4, false, 3);
	rule_without_memory(&shape, 4, true, 3);
	/* The first rule of a started port without RSS needs more. */
	shape.rss = false;
	rule_without_memory(&shape, 0, false, 3);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_probe),
		T(test_start),
		T(test_rejoin),
		T(test_rule),
	};

	nic_plugin = NULL;
	return cmocka_run_group_tests_name("pmd_fault", tests, eal_start, eal_stop);
}
