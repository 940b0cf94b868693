/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Ports: how they come, start, stop, start again, and go. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_malloc.h>

#include "nic.h"

static void
test_info(void **state)
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	struct rte_eth_link link;
	struct pair p;

	(void)state;
	pair_start(&p, "queues=3", NULL);
	assert_int_equal(rte_eth_dev_info_get(p.a, &info), 0);
	assert_string_equal(info.driver_name, "net_shmbus");
	assert_int_equal(info.max_rx_queues, 3);
	assert_int_equal(info.max_tx_queues, 3);
	assert_int_equal(info.max_mac_addrs, 64);
	assert_true(info.max_mtu >= 9000);
	assert_true(info.max_rx_pktlen >= (uint32_t)info.max_mtu + RTE_ETHER_HDR_LEN);
	assert_true(info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER);
	assert_true(info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	assert_true(info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE);
	assert_int_equal(rte_eth_macaddr_get(p.a, &mac), 0);
	assert_int_equal(mac.addr_bytes[0], 0xb2);
	assert_int_equal(mac.addr_bytes[1], 0xa0);
	assert_int_equal(rte_eth_link_get_nowait(p.a, &link), 0);
	assert_int_equal(link.link_status, RTE_ETH_LINK_UP);
	assert_int_equal(link.link_speed, RTE_ETH_SPEED_NUM_100G);
	assert_int_equal(link.link_duplex, RTE_ETH_LINK_FULL_DUPLEX);
}

static void
test_two_ports_hear_each_other(void **state)
{
	struct pair p;

	pair_start(&p, *state, NULL);
	send_frames(p.a, 0, 60, 0, 100);
	expect_frames(p.b, 0, 60, 0, 100);
	send_frames(p.b, 0, 1514, 100, 100);
	expect_frames(p.a, 0, 1514, 100, 100);
	/* A port does not receive its own frames. */
	expect_none(p.a, 0);
	expect_none(p.b, 0);
}

static void
test_loopback(void **state)
{
	const struct nic_conf lpbk = { .lpbk = true };
	char *path = tmpdir_new_path();
	uint16_t a, b;

	a = nic_new(path, *state);
	b = nic_new(path, *state);
	nic_start(a, &lpbk);
	nic_start(b, NULL);
	send_frames(a, 0, 100, 0, 500);
	expect_frames(a, 0, 100, 0, 500);
	expect_frames(b, 0, 100, 0, 500);
	send_frames(b, 0, 100, 7, 50);
	expect_frames(a, 0, 100, 7, 50);
	expect_none(b, 0);
	/* And no more when it is taken back. */
	assert_int_equal(rte_eth_dev_stop(a), 0);
	nic_start(a, NULL);
	send_frames(a, 0, 100, 0, 50);
	expect_none(a, 0);
	expect_frames(b, 0, 100, 0, 50);
	free(path);
}

/* A full ring that only its own port reads. */
static void
test_loopback_is_lossless(void **state)
{
	const struct nic_conf lpbk = { .lpbk = true };
	char *path = tmpdir_new_path();
	uint64_t sent = 0, got = 0;
	struct rte_mbuf *m;
	uint16_t a;

	(void)state;
	a = nic_new(path, "lane_size=64K");
	nic_start(a, &lpbk);
	while (sent < 20000) {
		sent += send_some(a, 0, 700, sent, 32);
		while (rte_eth_rx_burst(a, 0, &m, 1) == 1) {
			mbuf_assert(m, 700, got++);
			rte_pktmbuf_free(m);
		}
	}
	while (receive(a, 0, &m, 1) == 1) {
		mbuf_assert(m, 700, got++);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(got, sent);
	assert_int_equal(stats_of(a).imissed, 0);
	free(path);
}

/* Every port receives the frames of all others, and never its own. */
static void
test_three_ports(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t ports[3];
	unsigned int i, k;

	for (i = 0; i < 3; i++) {
		ports[i] = nic_new(path, *state);
		nic_start(ports[i], NULL);
		expect_none(ports[i], 0); /* nor the record that a new shmif bus begins with */
	}
	for (i = 0; i < 3; i++) {
		send_frames(ports[i], 0, 60 + i, 1000 * i, 500);
		for (k = 0; k < 3; k++) {
			if (k == i)
				expect_none(ports[k], 0);
			else
				expect_frames(ports[k], 0, 60 + i, 1000 * i, 500);
		}
	}
	for (i = 0; i < 3; i++) {
		assert_int_equal(stats_of(ports[i]).opackets, 500);
		assert_int_equal(stats_of(ports[i]).ipackets, 1000);
		assert_int_equal(stats_of(ports[i]).imissed, 0);
		assert_int_equal(xstat_of(ports[i], "peers"), 2);
	}
	nic_remove(ports[1]);
	assert_int_equal(xstat_of(ports[0], "peers"), 1);
	nic_exchange(ports[0], ports[2]);
	free(path);
}

static void
test_two_buses(void **state)
{
	struct pair p, q;

	(void)state;
	pair_start(&p, NULL, NULL);
	pair_start(&q, "ports=2,queues=1", NULL);
	send_frames(p.a, 0, 60, 0, 100);
	send_frames(q.a, 0, 61, 0, 100);
	expect_frames(p.b, 0, 60, 0, 100);
	expect_frames(q.b, 0, 61, 0, 100);
	expect_none(p.a, 0);
	expect_none(q.a, 0);
}

static void
test_restart(void **state)
{
	struct pair p;
	unsigned int i;

	pair_start(&p, *state, NULL);
	for (i = 0; i < 50; i++) {
		send_frames(p.a, 0, 60, i, 10);
		expect_frames(p.b, 0, 60, i, 10);
		send_frames(p.b, 0, 60, i, 10);
		expect_frames(p.a, 0, 60, i, 10);
		assert_int_equal(rte_eth_dev_stop(i % 2 != 0 ? p.a : p.b), 0);
		assert_int_equal(rte_eth_dev_start(i % 2 != 0 ? p.a : p.b), 0);
	}
}

/* Another number of queues each time. */
static void
test_reconfigure(void **state)
{
	struct nic_conf conf = { .n_rxq = 1 };
	struct pair p;
	unsigned int i;
	uint16_t q;

	(void)state;
	pair_start(&p, "queues=4", NULL);
	for (i = 0; i < 40; i++) {
		assert_int_equal(rte_eth_dev_stop(p.a), 0);
		conf.n_rxq = 1 + i % 4;
		conf.n_txq = 1 + i / 4 % 4;
		nic_start(p.a, &conf);
		for (q = 0; q < conf.n_txq; q++)
			send_frames(p.a, q, 60, q, 1);
		assert_int_equal(drain(p.b, 0), conf.n_txq);
		send_frames(p.b, 0, 60, 0, 10);
		for (q = 0; q < conf.n_rxq; q++)
			drain(p.a, q);
	}
	assert_int_equal(stats_of(p.a).ipackets, 400);
	assert_int_equal(stats_of(p.a).imissed + stats_of(p.b).imissed, 0);
}

/* A stopped port gets no frames that are sent meanwhile, and blocks no sender. */
static void
test_stopped_port_misses(void **state)
{
	struct rte_mbuf *m;
	struct pair p;
	unsigned int i;

	pair_start(&p, nic_is_lanes(*state) ? "lane_size=64K,pause_timeout_ms=60000" : *state, NULL);
	for (i = 0; i < 5; i++) {
		/* Fetched together; what is not asked for before the stop is gone. */
		send_frames(p.a, 0, 60, 0, 50);
		assert_int_equal(receive(p.b, 0, &m, 1), 1);
		mbuf_assert(m, 60, 0);
		rte_pktmbuf_free(m);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		assert_false(nic_is_up(p.b));
		send_frames(p.a, 0, 1000, 100, 1000);
		if (i % 2 != 0)
			assert_int_equal(rte_eth_dev_start(p.b), 0);
		else
			nic_start(p.b, NULL);
		assert_true(nic_is_up(p.b));
		if (i == 0)
			expect_none(p.b, 0);
		/* All that is sent from the start on, though nobody has polled yet. */
		send_frames(p.a, 0, 60, 200, 50);
		expect_frames(p.b, 0, 60, 200, 50);
		send_frames(p.b, 0, 60, 300, 50);
		expect_frames(p.a, 0, 60, 300, 50);
	}
	assert_int_equal(stats_of(p.b).ipackets, 5 * 51);
	assert_int_equal(stats_of(p.b).opackets, 5 * 50);
	assert_int_equal(stats_of(p.b).imissed, 0);
}

/* From its start on a port receives, however late it asks. */
static void
test_nothing_is_lost_after_start(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t a, b, c;

	(void)state;
	a = nic_new(path, NULL);
	nic_start(a, NULL);
	b = nic_new(path, NULL);
	nic_start(b, NULL);
	send_frames(b, 0, 60, 0, 10);
	/* One that comes, sends, and goes. */
	c = nic_new(path, NULL);
	nic_start(c, NULL);
	send_frames(c, 0, 60, 0, 10);
	nic_remove(c);
	assert_int_equal(drain(a, 0), 20);
	assert_int_equal(drain(b, 0), 10);
	free(path);
}

static unsigned int
count_fds(void)
{
	struct dirent *entry;
	unsigned int n = 0;
	DIR *dir;

	dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		n++;
	closedir(dir);
	return n;
}

static unsigned int
count_mappings_of(const char *path)
{
	unsigned int n = 0;
	char line[8192];
	FILE *f;

	f = fopen("/proc/self/maps", "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, path) != NULL;
	fclose(f);
	return n;
}

static size_t
address_space_in_use(void)
{
	unsigned long pages = 0;
	FILE *f;

	f = fopen("/proc/self/statm", "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return pages;
}

static void
test_attach_and_detach(void **state)
{
	char *path = tmpdir_new_path();
	struct rte_malloc_socket_stats before, after;
	unsigned int fds = 0;
	size_t pages = 0;
	unsigned int i;
	uint16_t a, b;

	(void)state;
	memset(&before, 0, sizeof(before));
	a = nic_new(path, NULL);
	nic_start(a, NULL);
	for (i = 0; i < 200; i++) {
		b = nic_new(path, NULL);
		nic_start(b, NULL);
		send_frames(a, 0, 60, i, 3);
		expect_frames(b, 0, 60, i, 3);
		send_frames(b, 0, 60, i, 3);
		expect_frames(a, 0, 60, i, 3);
		nic_remove(b);
		if (i == 10) {
			fds = count_fds();
			pages = address_space_in_use();
			assert_int_equal(rte_malloc_get_socket_stats(0, &before), 0);
		}
	}
	assert_int_equal(rte_malloc_get_socket_stats(0, &after), 0);
	assert_int_equal(after.heap_allocsz_bytes, before.heap_allocsz_bytes);
	assert_int_equal(after.alloc_count, before.alloc_count);
	assert_int_equal(count_fds(), fds);
	/* The reserved lanes alone are 1 GiB each time. A thread's first malloc(3),
	 * as that of the one that watches the link, takes 64 MiB once.
	 */
	assert_true(address_space_in_use() < pages + (512 << 20) / 4096);
	nic_remove(a);
	assert_int_equal(count_mappings_of(path), 0);
	free(path);
}

/* A probe that fails leaves nothing, either. */
static void
test_failed_probes(void **state)
{
	char *path = tmpdir_new_path();
	unsigned int fds, i;
	uint16_t a, b;

	(void)state;
	a = nic_new(path, "ports=1");
	log_begin();
	assert_true(nic_probe(&b, path, NULL) != 0);
	fds = count_fds();
	for (i = 0; i < 100; i++) {
		assert_true(nic_probe(&b, path, NULL) != 0);
		assert_true(nic_probe(&b, path, "ports=2") != 0);
		assert_true(nic_probe(&b, tmpdir(), NULL) != 0);
	}
	assert_int_equal(count_fds(), fds);
	log_end();
	nic_start(a, NULL);
	assert_int_equal(rte_eth_dev_count_avail(), 1);
	free(path);
}

/* A running port can be detached: it is stopped and closed on the way. */
static void
test_remove_a_running_port(void **state)
{
	char *path = tmpdir_new_path();
	char args[4200];
	unsigned int i;
	uint16_t a, b;

	(void)state;
	snprintf(args, sizeof(args), "path=%s,carrier=peer", path);
	a = nic_new(path, NULL);
	nic_start(a, NULL);
	for (i = 0; i < 5; i++) {
		assert_int_equal(rte_eal_hotplug_add("vdev", "net_shmbus_running", args), 0);
		assert_int_equal(rte_eth_dev_get_port_by_name("net_shmbus_running", &b), 0);
		nic_start(b, NULL);
		send_frames(a, 0, 60, 0, 5);
		assert_int_equal(rte_eth_rx_burst(b, 0, &(struct rte_mbuf *){ NULL }, 0), 0);
		send_frames(b, 0, 60, 0, 5);
		assert_int_equal(rte_eal_hotplug_remove("vdev", "net_shmbus_running"), 0);
		assert_int_equal(drain(a, 0), 5);
	}
	/* Should anything of it still be watching for peers, it will do so now. */
	nic_settle();
	free(path);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_info),
		BOTH_FORMATS(test_two_ports_hear_each_other),
		BOTH_FORMATS(test_loopback),
		T(test_loopback_is_lossless),
		BOTH_FORMATS(test_three_ports),
		T(test_two_buses),
		BOTH_FORMATS(test_restart),
		T(test_reconfigure),
		BOTH_FORMATS(test_stopped_port_misses),
		T(test_nothing_is_lost_after_start),
		T(test_attach_and_detach),
		T(test_failed_probes),
		T(test_remove_a_running_port),
	};

	return cmocka_run_group_tests_name("pmd_port", tests, eal_start, eal_stop);
}
