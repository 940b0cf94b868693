/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* A readonly port: it receives all frames and writes nothing, and other ports do not see it. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "nic.h"

#define LOCK_OFF 24 /* in the header of a shmif file */

/* Two ports, and one that looks on. */
struct trio {
	char *path;
	uint16_t a, b, eye;
};

static const struct nic_conf readonly = { .readonly = true };

static void
trio_start(struct trio *t, const char *args)
{
	t->path = tmpdir_new_path();
	t->a = nic_new(t->path, args);
	t->b = nic_new(t->path, args);
	nic_start(t->a, NULL);
	nic_start(t->b, NULL);
	t->eye = nic_new(t->path, "readonly=on");
	nic_start(t->eye, &readonly);
}

static void
test_sees_both_directions(void **state)
{
	struct trio t;

	trio_start(&t, *state);
	send_frames(t.a, 0, 100, 0, 50);
	expect_frames(t.eye, 0, 100, 0, 50);
	expect_frames(t.b, 0, 100, 0, 50);
	send_frames(t.b, 0, 1514, 7, 50);
	expect_frames(t.a, 0, 1514, 7, 50);
	expect_frames(t.eye, 0, 1514, 7, 50);
	assert_int_equal(stats_of(t.eye).ipackets, 100);
	assert_int_equal(stats_of(t.eye).imissed, 0);
	assert_true(nic_is_up(t.eye));
	/* One that comes later. */
	nic_remove(t.b);
	t.b = nic_new(t.path, NULL);
	nic_start(t.b, NULL);
	send_frames(t.b, 0, 60, 0, 10);
	expect_frames(t.eye, 0, 60, 0, 10);
	free(t.path);
}

static void
test_is_invisible(void **state)
{
	struct trio t;

	/* There is no third slot. */
	trio_start(&t, nic_is_lanes(*state) ? "ports=2" : *state);
	assert_int_equal(xstat_of(t.a, "peers"), 1);
	assert_int_equal(xstat_of(t.b, "peers"), 1);
	assert_int_equal(xstat_of(t.eye, "peers"), 2);
	nic_remove(t.b);
	assert_int_equal(xstat_of(t.a, "peers"), 0);
	assert_int_equal(xstat_of(t.eye, "peers"), 1);
	free(t.path);
}

/* How often a file is mapped with these rights. */
static unsigned int
count_maps(const char *path, const char *rights)
{
	char line[512], access[8];
	unsigned int n = 0;
	FILE *f;

	f = fopen("/proc/self/maps", "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, path) != NULL && sscanf(line, "%*s %7s", access) == 1 &&
		     strcmp(access, rights) == 0;
	fclose(f);
	return n;
}

/* Whatever it does, the file is as the others left it. */
static void
test_writes_nothing(void **state)
{
	struct snapshot snap;
	unsigned int readable, writable;
	struct trio t;

	trio_start(&t, nic_is_lanes(*state) ? "ports=4,queues=2,lane_size=64K" : *state);
	send_frames(t.a, 0, 100, 0, 50);
	drain(t.b, 0);
	snapshot_take(&snap, t.path);
	assert_int_equal(drain(t.eye, 0), 50);
	assert_int_equal(rte_eth_dev_set_link_down(t.eye), 0);
	assert_int_equal(rte_eth_dev_set_link_up(t.eye), 0);
	assert_int_equal(drain(t.eye, 0), 0);
	assert_int_equal(rte_eth_dev_set_mtu(t.eye, 1000), 0);
	assert_int_equal(rte_eth_dev_rx_queue_stop(t.eye, 0), 0);
	assert_int_equal(rte_eth_dev_rx_queue_start(t.eye, 0), 0);
	assert_int_equal(rte_eth_dev_stop(t.eye), 0);
	nic_start(t.eye, &readonly);
	readable = count_maps(t.path, "r--s");
	writable = count_maps(t.path, "rw-s");
	nic_remove(t.eye);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	/* It had mappings, and none of them for writing. */
	assert_true(count_maps(t.path, "r--s") < readable);
	assert_int_equal(count_maps(t.path, "rw-s"), writable);
	free(t.path);
}

/* No port waits for it, and it knows what it missed. */
static void
test_holds_nobody(void **state)
{
	const uint32_t n = nic_is_lanes(*state) ? 1000 : 3000;
	struct trio t;
	uint64_t got;

	trio_start(&t, nic_is_lanes(*state) ? "lane_size=64K,pause_timeout_ms=600000" : *state);
	nic_remove(t.b);
	send_frames(t.a, 0, 1000, 0, 1);
	expect_frames(t.eye, 0, 1000, 0, 1); /* from its length a reader of shmif estimates */
	send_frames(t.a, 0, 1000, 0, n);
	got = drain(t.eye, 0);
	assert_int_equal(stats_of(t.eye).imissed, n - got);
	assert_int_equal(xstat_of(t.eye, "rx_overruns"), 1);
	if (nic_is_lanes(*state)) {
		assert_true(got > 0 && got < 100);
		assert_int_equal(xstat_of(t.a, "tx_paused"), 0);
	} else {
		assert_int_equal(got, 1023);
		assert_int_equal(xstat_of(t.eye, "rx_overrun_bytes"), 1024 * (n - got));
	}
	/* After which it is as it was. */
	send_frames(t.a, 0, 1000, 0, 20);
	expect_frames(t.eye, 0, 1000, 0, 20);
	free(t.path);
}

/* A shmif lock that is held for ever, which other ports would break. */
static void
test_leaves_the_lock_alone(void **state)
{
	static const uint32_t held = 1, free_again = 0;
	struct rte_mbuf *pkts[8];
	struct snapshot snap;
	struct trio t;
	uint16_t i, n;

	trio_start(&t, *state);
	send_frames(t.a, 0, 100, 0, 5);
	file_write(t.path, LOCK_OFF, &held, sizeof(held));
	snapshot_take(&snap, t.path);
	/* All but the newest, which may be half-written, when nothing has moved for a second. */
	eventually((n = rte_eth_rx_burst(t.eye, 0, pkts, RTE_DIM(pkts))) != 0);
	assert_int_equal(n, 4);
	for (i = 0; i < n; i++)
		mbuf_assert(pkts[i], 100, i);
	rte_pktmbuf_free_bulk(pkts, n);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	file_write(t.path, LOCK_OFF, &free_again, sizeof(free_again));
	expect_frames(t.eye, 0, 100, 4, 1);
	assert_true(xstat_of(t.eye, "lock_busy") > 0);
	assert_int_equal(xstat_of(t.eye, "lock_broken_foreign"), 0);
	free(t.path);
}

/* A readonly port does not receive what is sent while it is stopped, or its link down. */
static void
test_restart(void **state)
{
	struct trio t;

	trio_start(&t, *state);
	assert_int_equal(rte_eth_dev_stop(t.eye), 0);
	send_frames(t.a, 0, 60, 0, 10);
	nic_start(t.eye, &readonly);
	expect_none(t.eye, 0);
	send_frames(t.a, 0, 60, 10, 10);
	expect_frames(t.eye, 0, 60, 10, 10);
	assert_int_equal(rte_eth_dev_set_link_down(t.eye), 0);
	send_frames(t.a, 0, 60, 20, 10);
	expect_none(t.eye, 0);
	assert_int_equal(rte_eth_dev_set_link_up(t.eye), 0);
	expect_none(t.eye, 0);
	send_frames(t.a, 0, 60, 30, 10);
	expect_frames(t.eye, 0, 60, 30, 10);
	assert_int_equal(stats_of(t.eye).imissed, 0);
	free(t.path);
}

static void
test_several_queues(void **state)
{
	const struct nic_conf sender = { .n_txq = 4 };
	const struct nic_conf conf = { .n_rxq = 4, .readonly = true };
	char *path = tmpdir_new_path();
	uint16_t a, eye, q;

	a = nic_new(path, *state);
	nic_start(a, &sender);
	eye = nic_new(path, "readonly=on");
	nic_start(eye, &conf);
	for (q = 0; q < 4; q++)
		send_frames(a, q, 60, 0, 10);
	for (q = 0; q < 4; q++)
		assert_int_equal(drain(eye, q), 10);
	free(path);
}

static void
test_filter(void **state)
{
	struct rte_ether_addr to = { { 0xb2, 0xa0, 0, 0, 0, 2 } };
	struct rte_mbuf *m;
	struct trio t;

	trio_start(&t, *state);
	nic_remove(t.eye);
	t.eye = nic_new(t.path, "readonly=on,mac=b2:a0:00:00:00:01");
	nic_start(t.eye, &readonly);
	assert_int_equal(rte_eth_promiscuous_disable(t.eye), 0);
	m = mbuf_new(pool, 60, 0, 0);
	mbuf_address(m, &to);
	assert_true(send_mbuf(t.a, 0, m));
	expect_none(t.eye, 0);
	assert_int_equal(xstat_of(t.eye, "rx_filtered"), 1);
	assert_int_equal(rte_eth_dev_default_mac_addr_set(t.eye, &to), 0);
	m = mbuf_new(pool, 60, 0, 0);
	mbuf_address(m, &to);
	assert_true(send_mbuf(t.a, 0, m));
	assert_int_equal(drain(t.eye, 0), 1);
	free(t.path);
}

/* Tx queues, which applications insist on, take frames and drop them; on the bus there is no trace. */
static void
test_sends_nothing(void **state)
{
	const struct nic_conf conf = { .n_txq = nic_is_lanes(*state) ? 4 : 1 };
	struct rte_eth_burst_mode mode;
	struct rte_eth_dev_info info;
	struct rte_eth_fc_conf fc;
	struct snapshot snap;
	struct trio t;
	uint16_t q;

	trio_start(&t, *state);
	assert_int_equal(rte_eth_dev_info_get(t.eye, &info), 0);
	assert_int_equal(info.max_tx_queues, conf.n_txq);
	assert_int_equal(info.max_rx_queues, conf.n_txq);
	assert_int_equal(info.default_txportconf.nb_queues, 1);
	assert_int_equal(rte_eth_dev_stop(t.eye), 0);
	snapshot_take(&snap, t.path);
	nic_start(t.eye, &conf);
	for (q = 0; q < conf.n_txq; q++)
		send_frames(t.eye, q, 100, 0, 50);
	assert_int_equal(stats_of(t.eye).opackets, 0);
	assert_int_equal(stats_of(t.eye).obytes, 0);
	assert_int_equal(stats_of(t.eye).oerrors, 50 * conf.n_txq);
	assert_int_equal(xstat_of(t.eye, "tx_readonly"), 50 * conf.n_txq);
	assert_int_equal(rte_eth_tx_burst_mode_get(t.eye, 0, &mode), 0);
	assert_in_text(mode.info, "all frames dropped");
	assert_int_equal(rte_eth_dev_flow_ctrl_get(t.eye, &fc), -ENOTSUP);
	expect_none(t.a, 0);
	expect_none(t.b, 0);
	expect_none(t.eye, 0);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	/* It still looks on. */
	send_frames(t.a, 0, 100, 0, 50);
	expect_frames(t.eye, 0, 100, 0, 50);
	free(t.path);
}

/* Dropped mbufs go back to their pools, chains and mbufs with another owner as well. */
static void
test_drops_all_mbufs(void **state)
{
	const struct nic_conf conf = { .n_txq = 1, .tx_offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE };
	struct rte_mbuf *m, *keep;
	unsigned int before;
	struct trio t;

	trio_start(&t, *state);
	assert_int_equal(rte_eth_dev_stop(t.eye), 0);
	nic_start(t.eye, &conf);
	before = rte_mempool_avail_count(pool);
	m = mbuf_new(pool, 60, 0, 0);
	m->next = rte_pktmbuf_alloc(pool);
	assert_non_null(m->next);
	m->nb_segs = 2;
	assert_true(send_mbuf(t.eye, 0, m));
	assert_int_equal(rte_mempool_avail_count(pool), before);
	keep = mbuf_new(pool, 60, 0, 0);
	rte_mbuf_refcnt_set(keep, 2);
	assert_true(send_mbuf(t.eye, 0, keep));
	assert_int_equal(rte_mbuf_refcnt_read(keep), 1);
	rte_pktmbuf_free(keep);
	assert_int_equal(rte_mempool_avail_count(pool), before);
	/* As on other ports, a queue that is down takes nothing. */
	m = mbuf_new(pool, 60, 0, 0);
	assert_int_equal(rte_eth_dev_set_link_down(t.eye), 0);
	assert_int_equal(rte_eth_tx_burst(t.eye, 0, &m, 1), 0);
	assert_int_equal(rte_eth_dev_set_link_up(t.eye), 0);
	assert_int_equal(rte_eth_dev_tx_queue_stop(t.eye, 0), 0);
	assert_int_equal(rte_eth_tx_burst(t.eye, 0, &m, 1), 0);
	assert_int_equal(rte_eth_dev_tx_queue_start(t.eye, 0), 0);
	assert_int_equal(rte_eth_tx_burst(t.eye, 0, &m, 1), 1);
	assert_int_equal(stats_of(t.eye).oerrors, 3);
	free(t.path);
}

static void
test_refused(void **state)
{
	static const char *const useless[][6] = {
		{ "pause=off", "pause_timeout_ms=5", "numa=none", "mode=0644", "unlink=on" },
		{ "wake=never", "lock_break_ms=0", "mode=0644", "unlink=on" },
	};
	const bool lanes = nic_is_lanes(*state);
	char *path = tmpdir_new_path();
	char args[64], text[64];
	unsigned int i;
	uint16_t a;

	snprintf(args, sizeof(args), "readonly=on,%s", (const char *)*state);
	nic_assert_refused(path, args, "no such file; a read-only port does not create it");
	file_write(path, 0, "", 0);
	nic_assert_refused(path, args, "no bus yet");
	assert_int_equal(unlink(path), 0);
	a = nic_new(path, lanes ? "ports=4,lane_size=64K" : *state);
	for (i = 0; useless[!lanes][i] != NULL; i++) {
		snprintf(args, sizeof(args), "readonly=on,%s", useless[!lanes][i]);
		snprintf(text, sizeof(text), "%.*s= has no meaning for such a port",
			 (int)strcspn(useless[!lanes][i], "="), useless[!lanes][i]);
		nic_assert_refused(path, args, text);
	}
	nic_assert_refused(path, "readonly=on,ports=8",
			   lanes ? "ports=8" : "ports= has no meaning on a shmif bus");
	nic_assert_refused(path, "readonly=maybe", "on or off");
	nic_new(path, "readonly=off,mode=0644");
	nic_remove(a);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_sees_both_directions),
		BOTH_FORMATS(test_is_invisible),
		BOTH_FORMATS(test_writes_nothing),
		BOTH_FORMATS(test_holds_nobody),
		SHMIF_ONLY(test_leaves_the_lock_alone),
		BOTH_FORMATS(test_restart),
		LANES_ONLY(test_several_queues),
		BOTH_FORMATS(test_filter),
		BOTH_FORMATS(test_sends_nothing),
		BOTH_FORMATS(test_drops_all_mbufs),
		BOTH_FORMATS(test_refused),
	};

	return cmocka_run_group_tests_name("pmd_readonly", tests, eal_start, eal_stop);
}
