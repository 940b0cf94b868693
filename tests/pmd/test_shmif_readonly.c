/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* A port that only looks on at a shmif bus: it sees everything, takes no lock and writes nothing. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "nic.h"

#define SHMIF "format=shmif"
#define LOCK_OFF 24

static void
start_readonly(uint16_t port)
{
	struct rte_eth_conf conf;

	memset(&conf, 0, sizeof(conf));
	assert_int_equal(rte_eth_dev_configure(port, 1, 0, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(port, 0, 0, 0, NULL, pool), 0);
	assert_int_equal(rte_eth_promiscuous_enable(port), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
}

/* Two ports, and one that looks on. */
struct trio {
	char *path;
	uint16_t a, b, eye;
};

static void
trio_start(struct trio *t)
{
	t->path = tmpdir_new_path();
	t->a = nic_new(t->path, SHMIF);
	t->b = nic_new(t->path, SHMIF);
	nic_start(t->a, NULL);
	nic_start(t->b, NULL);
	t->eye = nic_new(t->path, "readonly=on");
	start_readonly(t->eye);
}

static void
set_lock(const char *path, uint32_t lock)
{
	file_write(path, LOCK_OFF, &lock, sizeof(lock));
}

static void
test_sees_both_directions(void **state)
{
	struct rte_eth_dev_info info;
	struct trio t;

	(void)state;
	trio_start(&t);
	send_frames(t.a, 0, 100, 0, 50);
	expect_frames(t.eye, 0, 100, 0, 50);
	expect_frames(t.b, 0, 100, 0, 50);
	send_frames(t.b, 0, 1514, 7, 50);
	expect_frames(t.a, 0, 1514, 7, 50);
	expect_frames(t.eye, 0, 1514, 7, 50);
	assert_int_equal(stats_of(t.eye).ipackets, 100);
	assert_int_equal(stats_of(t.eye).imissed, 0);
	assert_true(nic_is_up(t.eye));
	assert_int_equal(rte_eth_dev_info_get(t.eye, &info), 0);
	assert_int_equal(info.max_tx_queues, 0);
	assert_int_equal(info.max_rx_queues, 1);
	/* Nobody sees it. */
	assert_int_equal(xstat_of(t.a, "peers"), 1);
	assert_int_equal(xstat_of(t.eye, "peers"), 2);
	free(t.path);
}

/* Is the file mapped, and nowhere for writing but by its two other ports? */
static void
assert_maps(const char *path, unsigned int for_reading, unsigned int for_writing)
{
	unsigned int r = 0, w = 0;
	char line[512], access[8];
	FILE *f;

	f = fopen("/proc/self/maps", "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strstr(line, path) == NULL || sscanf(line, "%*s %7s", access) != 1)
			continue;
		r += strcmp(access, "r--s") == 0;
		w += strcmp(access, "rw-s") == 0;
	}
	fclose(f);
	assert_int_equal(r, for_reading);
	assert_int_equal(w, for_writing);
}

/* Whatever it does, the file is as the others left it. */
static void
test_writes_nothing(void **state)
{
	struct snapshot snap;
	struct trio t;

	(void)state;
	trio_start(&t);
	assert_maps(t.path, 1, 2);
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
	start_readonly(t.eye);
	nic_remove(t.eye);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	free(t.path);
}

/* Not even one that is held for ever, which other ports would break. */
static void
test_leaves_the_lock_alone(void **state)
{
	struct rte_mbuf *pkts[8];
	struct snapshot snap;
	struct trio t;
	uint16_t i, n;

	(void)state;
	trio_start(&t);
	send_frames(t.a, 0, 100, 0, 5);
	set_lock(t.path, 1);
	snapshot_take(&snap, t.path);
	/* All but the newest, which may be half-written, when nothing has moved for a second. */
	eventually((n = rte_eth_rx_burst(t.eye, 0, pkts, RTE_DIM(pkts))) != 0);
	assert_int_equal(n, 4);
	for (i = 0; i < n; i++)
		mbuf_assert(pkts[i], 100, i);
	rte_pktmbuf_free_bulk(pkts, n);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	set_lock(t.path, 0);
	expect_frames(t.eye, 0, 100, 4, 1);
	assert_true(xstat_of(t.eye, "lock_busy") > 0);
	assert_int_equal(xstat_of(t.eye, "lock_broken_foreign"), 0);
	free(t.path);
}

static void
test_counts_what_it_missed(void **state)
{
	struct trio t;
	uint32_t got;

	(void)state;
	trio_start(&t);
	send_frames(t.a, 0, 1000, 0, 1);
	expect_frames(t.eye, 0, 1000, 0, 1); /* so the mean is known */
	send_frames(t.a, 0, 1000, 0, 3000);
	got = drain(t.eye, 0);
	assert_int_equal(got, 1023);
	assert_int_equal(stats_of(t.eye).imissed, 3000 - got);
	assert_int_equal(xstat_of(t.eye, "rx_overruns"), 1);
	assert_int_equal(xstat_of(t.eye, "rx_overrun_bytes"), 1024 * (3000 - got));
	send_frames(t.a, 0, 1000, 0, 20);
	expect_frames(t.eye, 0, 1000, 0, 20);
	free(t.path);
}

/* What was sent while it was stopped, or its link down, is not for it. */
static void
test_restart(void **state)
{
	struct trio t;

	(void)state;
	trio_start(&t);
	assert_int_equal(rte_eth_dev_stop(t.eye), 0);
	send_frames(t.a, 0, 60, 0, 10);
	start_readonly(t.eye);
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
test_filter(void **state)
{
	struct rte_ether_addr to;
	struct rte_mbuf *m;
	struct trio t;

	(void)state;
	trio_start(&t);
	assert_int_equal(rte_eth_promiscuous_disable(t.eye), 0);
	assert_int_equal(rte_ether_unformat_addr("b2:a0:00:00:00:02", &to), 0);
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
	static const char *const useless[] = { "mode=0644", "unlink=on", "wake=never", "lock_break_ms=0" };
	char *path = tmpdir_new_path();
	char args[64];
	unsigned int i;

	(void)state;
	assert_probe_fails(path, "readonly=on,format=shmif", "a read-only port does not create it");
	file_write(path, 0, "", 0);
	assert_probe_fails(path, "readonly=on,format=shmif", "no bus yet");
	assert_int_equal(unlink(path), 0);
	nic_new(path, SHMIF);
	for (i = 0; i < RTE_DIM(useless); i++) {
		snprintf(args, sizeof(args), "readonly=on,%s", useless[i]);
		assert_probe_fails(path, args, "= has no meaning for such a port");
	}
	assert_probe_fails(path, "readonly=on,ports=4", "ports= has no meaning on a shmif bus");
	free(path);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sees_both_directions),
		T(test_writes_nothing),
		T(test_leaves_the_lock_alone),
		T(test_counts_what_it_missed),
		T(test_restart),
		T(test_filter),
		T(test_refused),
	};

	return cmocka_run_group_tests_name("pmd_shmif_readonly", tests, eal_start, eal_stop);
}
