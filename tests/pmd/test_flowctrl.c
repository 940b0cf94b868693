/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Flow control at run time: which senders wait for which receivers. */

#include <stdlib.h>

#include "nic.h"

/* More than fit into the smallest lane, and fewer. */
#define MANY 1000
#define FEW 100

static struct rte_eth_fc_conf
flow_control(uint16_t port)
{
	struct rte_eth_fc_conf fc;

	memset(&fc, 0xff, sizeof(fc));
	assert_int_equal(rte_eth_dev_flow_ctrl_get(port, &fc), 0);
	return fc;
}

static void
set_mode(uint16_t port, enum rte_eth_fc_mode mode)
{
	struct rte_eth_fc_conf fc = flow_control(port);

	fc.mode = mode;
	assert_int_equal(rte_eth_dev_flow_ctrl_set(port, &fc), 0);
	assert_int_equal(flow_control(port).mode, mode);
}

/* Does a wait for b, which does not poll? Leaves b empty. */
static bool
waits(const struct pair *p)
{
	uint32_t sent;

	sent = send_some(p->a, 0, 1000, 0, MANY);
	assert_true(sent == MANY || sent < FEW);
	drain(p->b, 0);
	return sent < FEW;
}

static void
test_get(void **state)
{
	static const struct {
		const char *args;
		enum rte_eth_fc_mode mode;
		uint16_t time;
	} table[] = {
		{ NULL, RTE_ETH_FC_FULL, 1000 },
		{ "pause=off", RTE_ETH_FC_TX_PAUSE, 1000 },
		{ "pause_timeout_ms=250", RTE_ETH_FC_FULL, 250 },
		{ "pause_timeout_ms=70000", RTE_ETH_FC_FULL, 65535 },
	};
	struct rte_eth_fc_conf fc;
	unsigned int i;
	char *path;

	(void)state;
	for (i = 0; i < RTE_DIM(table); i++) {
		path = tmpdir_new_path();
		fc = flow_control(nic_new(path, table[i].args));
		assert_int_equal(fc.mode, table[i].mode);
		assert_int_equal(fc.pause_time, table[i].time);
		assert_int_equal(fc.high_water | fc.low_water | fc.send_xon | fc.autoneg, 0);
		assert_int_equal(fc.mac_ctrl_frame_fwd, 1);
		free(path);
	}
}

/* What the sender wants. */
static void
test_rx_pause(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "lane_size=64K,pause_timeout_ms=60000", NULL);
	assert_true(waits(&p));
	set_mode(p.a, RTE_ETH_FC_TX_PAUSE);
	assert_false(waits(&p));
	assert_false(waits(&p));
	set_mode(p.a, RTE_ETH_FC_RX_PAUSE);
	assert_true(waits(&p));
	set_mode(p.a, RTE_ETH_FC_NONE);
	assert_false(waits(&p));
	set_mode(p.a, RTE_ETH_FC_FULL);
	assert_true(waits(&p));
	/* It stays over a restart. */
	set_mode(p.a, RTE_ETH_FC_NONE);
	assert_int_equal(rte_eth_dev_stop(p.a), 0);
	assert_int_equal(rte_eth_dev_start(p.a), 0);
	assert_int_equal(flow_control(p.a).mode, RTE_ETH_FC_NONE);
	assert_false(waits(&p));
}

static unsigned int
notices(const char *text)
{
	unsigned int n = 0;

	for (; (text = strstr(text, "slow receivers lose frames")) != NULL; text++)
		n++;
	return n;
}

/* An application that switches pause off is told so once; one that leaves it on is not. */
static void
test_notice(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, NULL, NULL);
	rte_log_set_global_level(RTE_LOG_NOTICE);
	rte_log_set_level_pattern("pmd.net.shmbus", RTE_LOG_NOTICE);
	log_begin();
	set_mode(p.a, RTE_ETH_FC_FULL);
	assert_int_equal(notices(log_text()), 0);
	set_mode(p.a, RTE_ETH_FC_NONE);
	assert_int_equal(notices(log_text()), 1);
	assert_non_null(strstr(log_text(), "the application has switched pause (flow control) off: "));
	set_mode(p.a, RTE_ETH_FC_FULL);
	set_mode(p.a, RTE_ETH_FC_NONE);
	assert_int_equal(notices(log_text()), 1);
	set_mode(p.b, RTE_ETH_FC_RX_PAUSE);
	assert_int_equal(notices(log_text()), 2);
	assert_non_null(strstr(log_text(), "off in one direction: "));
	log_end();
	rte_log_set_global_level(RTE_LOG_WARNING);
	rte_log_set_level_pattern("pmd.net.shmbus", RTE_LOG_WARNING);
}

/* What the receiver wants. */
static void
test_tx_pause(void **state)
{
	struct pair p;
	uint64_t missed;

	(void)state;
	pair_start(&p, "lane_size=64K,pause_timeout_ms=60000", NULL);
	assert_true(waits(&p));
	assert_int_equal(stats_of(p.b).imissed, 0);
	set_mode(p.b, RTE_ETH_FC_RX_PAUSE);
	assert_false(waits(&p));
	assert_true(stats_of(p.b).imissed > 0);
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	assert_false(waits(&p));
	missed = stats_of(p.b).imissed;
	set_mode(p.b, RTE_ETH_FC_TX_PAUSE);
	assert_true(waits(&p));
	assert_true(waits(&p));
	assert_int_equal(stats_of(p.b).imissed, missed);
}

/* From the moment that the receiver wants it, nothing is lost, wherever the sender's ring is. */
static void
test_tx_pause_loses_nothing(void **state)
{
	struct pair p;
	uint32_t sent;
	unsigned int i;

	(void)state;
	pair_start(&p, "lane_size=64K,pause_timeout_ms=60000", NULL);
	for (i = 0; i < 100; i++) {
		set_mode(p.b, RTE_ETH_FC_NONE);
		send_frames(p.a, 0, 1000, 0, i);
		drain(p.b, 0);
		set_mode(p.b, RTE_ETH_FC_FULL);
		sent = send_some(p.a, 0, 1000, 1000, MANY);
		assert_true(sent < FEW);
		expect_frames(p.b, 0, 1000, 1000, sent);
	}
}

/* The time-out is the new one at once, and the port is given up after it. */
static void
test_pause_time(void **state)
{
	struct rte_eth_fc_conf fc;
	struct pair p;

	(void)state;
	pair_start(&p, "lane_size=64K,pause_timeout_ms=600000", NULL);
	assert_true(send_some(p.a, 0, 1000, 0, MANY) < FEW);
	fc = flow_control(p.a);
	fc.pause_time = 10;
	assert_int_equal(rte_eth_dev_flow_ctrl_set(p.a, &fc), 0);
	assert_int_equal(flow_control(p.a).pause_time, 10);
	eventually(send_some(p.a, 0, 1000, 0, 1) == 1);
	assert_int_equal(xstat_of(p.a, "tx_pause_timeouts"), 1);
}

/* As "set flow_ctrl rx on tx off 0 0 0 0 mac_ctrl_frame_fwd off autoneg off" of testpmd says it. */
static void
test_only_mode(void **state)
{
	static const struct {
		const char *args;
		uint16_t time;
	} table[] = {
		{ NULL, 1000 },
		{ "pause_timeout_ms=250", 250 },
		{ "pause_timeout_ms=70000", 65535 },
		{ "pause=off,pause_timeout_ms=300", 300 },
	};
	struct rte_eth_fc_conf fc;
	unsigned int i;
	char *path;
	uint16_t a;

	(void)state;
	for (i = 0; i < RTE_DIM(table); i++) {
		path = tmpdir_new_path();
		a = nic_new(path, table[i].args);
		memset(&fc, 0, sizeof(fc));
		fc.mode = RTE_ETH_FC_RX_PAUSE;
		assert_int_equal(rte_eth_dev_flow_ctrl_set(a, &fc), 0);
		fc = flow_control(a);
		assert_int_equal(fc.mode, RTE_ETH_FC_RX_PAUSE);
		assert_int_equal(fc.pause_time, table[i].time);
		free(path);
	}
}

static void
test_refused(void **state)
{
	struct rte_eth_fc_conf fc, before;
	char *path[2] = { tmpdir_new_path(), tmpdir_new_path() };
	uint16_t a, b;

	(void)state;
	a = nic_new(path[0], "pause_timeout_ms=70000");
	b = nic_new(path[1], "format=shmif");
	before = flow_control(a);
	log_begin();
	fc = before;
	fc.high_water = 1;
	assert_int_equal(rte_eth_dev_flow_ctrl_set(a, &fc), -ENOTSUP);
	assert_in_text(log_text(), "high_water");
	fc = before;
	fc.low_water = 1;
	assert_int_equal(rte_eth_dev_flow_ctrl_set(a, &fc), -ENOTSUP);
	fc = before;
	fc.send_xon = 1;
	assert_int_equal(rte_eth_dev_flow_ctrl_set(a, &fc), -ENOTSUP);
	assert_in_text(log_text(), "send_xon");
	fc = before;
	fc.autoneg = 1;
	assert_int_equal(rte_eth_dev_flow_ctrl_set(a, &fc), -ENOTSUP);
	assert_in_text(log_text(), "autoneg");
	log_end();
	fc = flow_control(a);
	assert_memory_equal(&fc, &before, sizeof(fc));
	/* Given back as it was got, all is as it was. */
	assert_int_equal(rte_eth_dev_flow_ctrl_set(a, &fc), 0);
	assert_int_equal(flow_control(a).pause_time, 65535);
	/* Senders on a shmif bus wait for no receiver. */
	assert_int_equal(rte_eth_dev_flow_ctrl_get(b, &fc), -ENOTSUP);
	memset(&fc, 0, sizeof(fc));
	assert_int_equal(rte_eth_dev_flow_ctrl_set(b, &fc), -ENOTSUP);
	free(path[0]);
	free(path[1]);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_get),
		T(test_rx_pause),
		T(test_notice),
		T(test_tx_pause),
		T(test_tx_pause_loses_nothing),
		T(test_pause_time),
		T(test_only_mode),
		T(test_refused),
	};

	return cmocka_run_group_tests_name("pmd_flowctrl", tests, eal_start, eal_stop);
}
