/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* A port that only looks on: it sees everything, and nobody sees it. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "nic.h"

static void
start_readonly(uint16_t port, uint16_t n_rxq)
{
	struct rte_eth_conf conf;
	uint16_t q;

	memset(&conf, 0, sizeof(conf));
	assert_int_equal(rte_eth_dev_configure(port, n_rxq, 0, &conf), 0);
	for (q = 0; q < n_rxq; q++)
		assert_int_equal(rte_eth_rx_queue_setup(port, q, 0, 0, NULL, pool), 0);
	assert_int_equal(rte_eth_promiscuous_enable(port), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
}

/* Two ports, and one that looks on. */
struct trio {
	char *path;
	uint16_t a, b, eye;
};

static void
trio_start(struct trio *t, const char *args, uint16_t n_rxq)
{
	t->path = tmpdir_new_path();
	t->a = nic_new(t->path, args);
	t->b = nic_new(t->path, args);
	nic_start(t->a, NULL);
	nic_start(t->b, NULL);
	t->eye = nic_new(t->path, "readonly=on");
	start_readonly(t->eye, n_rxq);
}

static void
test_sees_both_directions(void **state)
{
	struct rte_eth_link link;
	struct trio t;

	(void)state;
	trio_start(&t, NULL, 1);
	send_frames(t.a, 0, 100, 0, 50);
	expect_frames(t.eye, 0, 100, 0, 50);
	expect_frames(t.b, 0, 100, 0, 50);
	send_frames(t.b, 0, 1514, 7, 50);
	expect_frames(t.a, 0, 1514, 7, 50);
	expect_frames(t.eye, 0, 1514, 7, 50);
	assert_int_equal(stats_of(t.eye).ipackets, 100);
	assert_int_equal(stats_of(t.eye).imissed, 0);
	assert_int_equal(rte_eth_link_get_nowait(t.eye, &link), 0);
	assert_int_equal(link.link_status, RTE_ETH_LINK_UP);
	/* One that comes later. */
	nic_remove(t.b);
	t.b = nic_new(t.path, NULL);
	nic_start(t.b, NULL);
	send_frames(t.b, 0, 60, 0, 10);
	expect_frames(t.eye, 0, 60, 0, 10);
	drain(t.a, 0);
	free(t.path);
}

static void
test_is_invisible(void **state)
{
	struct trio t;

	(void)state;
	trio_start(&t, "ports=2", 1); /* there is no third slot */
	assert_int_equal(xstat_of(t.a, "peers"), 1);
	assert_int_equal(xstat_of(t.b, "peers"), 1);
	assert_int_equal(xstat_of(t.eye, "peers"), 2);
	nic_remove(t.b);
	assert_int_equal(xstat_of(t.a, "peers"), 0);
	assert_int_equal(xstat_of(t.eye, "peers"), 1);
	free(t.path);
}

/* Whatever it does, the file is as the others left it. */
static void
test_writes_nothing(void **state)
{
	struct snapshot snap;
	struct trio t;

	(void)state;
	trio_start(&t, "ports=4,queues=2,lane_size=64K", 2);
	send_frames(t.a, 0, 100, 0, 50);
	drain(t.b, 0);
	snapshot_take(&snap, t.path);
	assert_int_equal(drain(t.eye, 0) + drain(t.eye, 1), 50);
	assert_int_equal(rte_eth_dev_set_link_down(t.eye), 0);
	assert_int_equal(rte_eth_dev_set_link_up(t.eye), 0);
	assert_int_equal(drain(t.eye, 0) + drain(t.eye, 1), 0);
	assert_int_equal(rte_eth_dev_set_mtu(t.eye, 1000), 0);
	assert_int_equal(rte_eth_dev_rx_queue_stop(t.eye, 0), 0);
	assert_int_equal(rte_eth_dev_rx_queue_start(t.eye, 0), 0);
	assert_int_equal(rte_eth_dev_stop(t.eye), 0);
	start_readonly(t.eye, 1);
	nic_remove(t.eye);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	free(t.path);
}

/* It is not waited for, and knows what it missed. */
static void
test_holds_nobody(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t a, eye;
	uint64_t got;

	(void)state;
	a = nic_new(path, "lane_size=64K,pause_timeout_ms=600000");
	nic_start(a, NULL);
	eye = nic_new(path, "readonly=on");
	start_readonly(eye, 1);
	send_frames(a, 0, 1000, 0, 1000);
	got = drain(eye, 0);
	assert_true(got > 0 && got < 100);
	assert_int_equal(stats_of(eye).imissed, 1000 - got);
	assert_int_equal(xstat_of(a, "tx_paused"), 0);
	/* After which it is as it was. */
	send_frames(a, 0, 1000, 0, 20);
	expect_frames(eye, 0, 1000, 0, 20);
	free(path);
}

static void
test_restart(void **state)
{
	struct trio t;

	(void)state;
	trio_start(&t, NULL, 1);
	assert_int_equal(rte_eth_dev_stop(t.eye), 0);
	send_frames(t.a, 0, 60, 0, 10);
	start_readonly(t.eye, 1);
	expect_none(t.eye, 0);
	send_frames(t.a, 0, 60, 10, 10);
	expect_frames(t.eye, 0, 60, 10, 10);
	assert_int_equal(stats_of(t.eye).imissed, 0);
	drain(t.b, 0);
	free(t.path);
}

static void
test_several_queues(void **state)
{
	const struct nic_conf conf = { .n_txq = 4 };
	char *path = tmpdir_new_path();
	uint16_t a, eye, q;

	(void)state;
	a = nic_new(path, NULL);
	nic_start(a, &conf);
	eye = nic_new(path, "readonly=on");
	start_readonly(eye, 4);
	for (q = 0; q < 4; q++)
		send_frames(a, q, 60, 0, 10);
	for (q = 0; q < 4; q++)
		assert_int_equal(drain(eye, q), 10);
	free(path);
}

static void
test_filter(void **state)
{
	char *path = tmpdir_new_path();
	struct rte_ether_addr to;
	struct rte_mbuf *m;
	uint16_t a, eye;

	(void)state;
	a = nic_new(path, NULL);
	nic_start(a, NULL);
	eye = nic_new(path, "readonly=on,mac=b2:a0:00:00:00:01");
	start_readonly(eye, 1);
	assert_int_equal(rte_eth_promiscuous_disable(eye), 0);
	assert_int_equal(rte_ether_unformat_addr("b2:a0:00:00:00:02", &to), 0);
	m = mbuf_new(pool, 60, 0, 0);
	mbuf_address(m, &to);
	assert_true(send_mbuf(a, 0, m));
	expect_none(eye, 0);
	assert_int_equal(xstat_of(eye, "rx_filtered"), 1);
	assert_int_equal(rte_eth_dev_default_mac_addr_set(eye, &to), 0);
	m = mbuf_new(pool, 60, 0, 0);
	mbuf_address(m, &to);
	assert_true(send_mbuf(a, 0, m));
	assert_int_equal(drain(eye, 0), 1);
	free(path);
}

static void
test_sends_nothing(void **state)
{
	struct rte_eth_dev_info info;
	struct rte_eth_fc_conf fc;
	struct rte_eth_conf conf;
	struct trio t;

	(void)state;
	trio_start(&t, NULL, 1);
	assert_int_equal(rte_eth_dev_info_get(t.eye, &info), 0);
	assert_int_equal(info.max_tx_queues, 0);
	assert_int_equal(info.max_rx_queues, 4);
	memset(&conf, 0, sizeof(conf));
	log_begin();
	assert_int_equal(rte_eth_dev_stop(t.eye), 0);
	assert_int_equal(rte_eth_dev_configure(t.eye, 1, 1, &conf), -EINVAL);
	assert_int_equal(rte_eth_tx_queue_setup(t.eye, 0, 0, 0, NULL), -EINVAL);
	log_end();
	assert_int_equal(rte_eth_dev_flow_ctrl_get(t.eye, &fc), -ENOTSUP);
	free(t.path);
}

static void
assert_probe_fails(const char *path, const char *args, const char *text)
{
	const unsigned int files = tmpdir_count();
	uint16_t port;

	log_begin();
	assert_true(nic_probe(&port, path, args) < 0);
	assert_in_text(log_text(), text);
	log_end();
	assert_int_equal(tmpdir_count(), files);
}

static void
test_refused(void **state)
{
	static const char *const useless[] = { "mode", "pause", "pause_timeout_ms", "numa", "unlink" };
	static const char *const values[] = { "0644", "off", "5", "none", "on" };
	char *path = tmpdir_new_path();
	char args[64], text[64];
	unsigned int i;
	uint16_t a;
	int fd;

	(void)state;
	assert_probe_fails(path, "readonly=on", "no such file; a read-only port does not create it");
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_probe_fails(path, "readonly=on", "no bus yet");
	assert_int_equal(unlink(path), 0);
	a = nic_new(path, "ports=4");
	assert_probe_fails(path, "readonly=on,ports=8", "ports=8");
	for (i = 0; i < RTE_DIM(useless); i++) {
		snprintf(args, sizeof(args), "readonly=on,%s=%s", useless[i], values[i]);
		snprintf(text, sizeof(text), "%s= has no meaning", useless[i]);
		assert_probe_fails(path, args, text);
	}
	assert_probe_fails(path, "readonly=maybe", "on or off");
	nic_new(path, "readonly=off,mode=0644");
	nic_remove(a);
	free(path);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sees_both_directions),
		T(test_is_invisible),
		T(test_writes_nothing),
		T(test_holds_nobody),
		T(test_restart),
		T(test_several_queues),
		T(test_filter),
		T(test_sends_nothing),
		T(test_refused),
	};

	return cmocka_run_group_tests_name("pmd_readonly", tests, eal_start, eal_stop);
}
