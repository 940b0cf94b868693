/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* What a port tells of itself: its version, the bus's header, modes, counters by name and number. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_dev_info.h>

#include "nic.h"

static void
test_fw_version(void **state)
{
	char *path[2] = { tmpdir_new_path(), tmpdir_new_path() };
	char text[32];
	uint16_t a, b;

	(void)state;
	a = nic_new(path[0], NULL);
	b = nic_new(path[1], "format=shmif");
	assert_int_equal(rte_eth_dev_fw_version_get(a, text, sizeof(text)), 0);
	assert_string_equal(text, "lanes 1");
	assert_int_equal(rte_eth_dev_fw_version_get(b, text, sizeof(text)), 0);
	assert_string_equal(text, "shmif 3");
	/* Too little room: how much would do. */
	assert_int_equal(rte_eth_dev_fw_version_get(a, text, 3), 8);
	assert_string_equal(text, "la");
	assert_int_equal(rte_eth_dev_fw_version_get(a, NULL, 0), 8);
	assert_int_equal(rte_eth_dev_fw_version_get(a, text, 8), 0);
	free(path[0]);
	free(path[1]);
}

static void
registers(const char *args, uint32_t n, uint32_t version)
{
	uint32_t words[64], file[64];
	struct rte_dev_reg_info regs = { .data = NULL };
	char *path = tmpdir_new_path();
	uint16_t a;
	int fd;

	a = nic_new(path, args);
	assert_int_equal(rte_eth_dev_get_reg_info(a, &regs), 0);
	assert_int_equal(regs.width, 4);
	assert_int_equal(regs.length, n);
	memset(words, 0xaa, sizeof(words));
	regs.data = words;
	assert_int_equal(rte_eth_dev_get_reg_info(a, &regs), 0);
	assert_int_equal(regs.version, version);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, file, n * 4, 0), n * 4);
	close(fd);
	assert_memory_equal(words, file, n * 4);
	/* A part; and more than there are. */
	regs.offset = 1;
	regs.length = 2;
	memset(words, 0xaa, sizeof(words));
	assert_int_equal(rte_eth_dev_get_reg_info(a, &regs), 0);
	assert_memory_equal(words, &file[1], 8);
	assert_int_equal(words[2], 0xaaaaaaaa);
	regs.length = n;
	assert_int_equal(rte_eth_dev_get_reg_info(a, &regs), -EINVAL);
	regs.offset = n + 1;
	regs.length = 0;
	assert_int_equal(rte_eth_dev_get_reg_info(a, &regs), -EINVAL);
	free(path);
}

static void
test_registers(void **state)
{
	struct rte_dev_reg_info regs = { .data = NULL };
	uint32_t words[64];
	uint16_t a;

	(void)state;
	registers(NULL, 64, 1);
	registers("format=shmif", 8, 3);
	/* On no bus there are none. */
	assert_int_equal(nic_probe_args(&a, "path=,format=shmif"), 0);
	assert_int_equal(rte_eth_dev_get_reg_info(a, &regs), 0);
	regs.data = words;
	assert_int_equal(rte_eth_dev_get_reg_info(a, &regs), -ENODEV);
}

static void
assert_dumped(uint16_t port, const char *const *expected, unsigned int n)
{
	char *text = NULL;
	size_t len;
	FILE *file;
	unsigned int i;

	file = open_memstream(&text, &len);
	assert_non_null(file);
	assert_int_equal(rte_eth_dev_priv_dump(port, file), 0);
	fclose(file);
	for (i = 0; i < n; i++)
		assert_in_text(text, expected[i]);
	free(text);
}

static void
test_dump(void **state)
{
	const char *const lanes[] = { "format: lanes 1", "address: B2:A0:00:00:00:0A",
		"other living ports: 1", "8 ports, 2 queues, lanes of 65536 bytes",
		"slot 0: B2:A0:00:00:00:0A", "this port", "slot 1: " };
	const char *const shmif[] = { "format: shmif 3", "longest frame: 1514", "lock 0" };
	const char *const none[] = { "bus: none" };
	char *path[2] = { tmpdir_new_path(), tmpdir_new_path() };
	uint16_t a, b, c;

	(void)state;
	a = nic_new(path[0], "mac=b2:a0:00:00:00:0a,ports=8,queues=2,lane_size=64K");
	nic_new(path[0], NULL);
	b = nic_new(path[1], "format=shmif");
	assert_dumped(a, lanes, RTE_DIM(lanes));
	assert_dumped(b, shmif, RTE_DIM(shmif));
	assert_int_equal(nic_probe_args(&c, "path=,format=shmif"), 0);
	assert_dumped(c, none, RTE_DIM(none));
	free(path[0]);
	free(path[1]);
}

static void
expect_modes(uint16_t port, const char *rx, const char *tx)
{
	struct rte_eth_burst_mode mode;

	assert_int_equal(rte_eth_rx_burst_mode_get(port, 0, &mode), 0);
	assert_string_equal(mode.info, rx);
	assert_int_equal(rte_eth_tx_burst_mode_get(port, 0, &mode), 0);
	assert_string_equal(mode.info, tx);
}

static void
test_burst_modes(void **state)
{
	const struct nic_conf fast = { .filter = true,
		.tx_offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE };
	struct rte_eth_burst_mode mode;
	struct pair p;

	(void)state;
	pair_start(&p, NULL, NULL);
	expect_modes(p.a, "lanes, plain", "lanes, plain");
	assert_int_equal(rte_eth_promiscuous_disable(p.a), 0);
	expect_modes(p.a, "lanes, frame by frame", "lanes, plain");
	log_begin();
	assert_int_equal(rte_eth_rx_burst_mode_get(p.a, 1, &mode), -EINVAL);
	log_end();
	pair_start(&p, "format=shmif", &fast);
	expect_modes(p.a, "shmif, frame by frame", "shmif, fast free");
}

/* Each counter by its number is what it is by its name, and in the whole table. */
static void
test_xstats_by_id(void **state)
{
	struct rte_eth_xstat_name names[128], name;
	struct rte_eth_xstat all[128];
	uint64_t ids[128], values[128], id;
	struct pair p;
	int i, n;

	(void)state;
	pair_start(&p, NULL, NULL);
	send_frames(p.a, 0, 100, 0, 17);
	drain(p.b, 0);
	n = rte_eth_xstats_get(p.b, all, RTE_DIM(all));
	assert_true(n > 0 && n <= (int)RTE_DIM(all));
	assert_int_equal(rte_eth_xstats_get_names(p.b, names, RTE_DIM(names)), n);
	assert_int_equal(rte_eth_xstats_get_by_id(p.b, NULL, values, RTE_DIM(values)), n);
	for (i = 0; i < n; i++) {
		ids[i] = (uint64_t)(n - 1 - i);
		assert_int_equal(values[i], all[i].value);
		assert_int_equal(rte_eth_xstats_get_id_by_name(p.b, names[i].name, &id), 0);
		assert_int_equal(id, i);
		assert_int_equal(rte_eth_xstats_get_names_by_id(p.b, &name, 1, &id), 1);
		assert_string_equal(name.name, names[i].name);
		assert_int_equal(rte_eth_xstats_get_by_id(p.b, &id, values, 1), 1);
		assert_int_equal(values[0], all[i].value);
		assert_int_equal(rte_eth_xstats_get_by_id(p.b, NULL, values, RTE_DIM(values)), n);
	}
	/* In any order. */
	assert_int_equal(rte_eth_xstats_get_by_id(p.b, ids, values, (unsigned int)n), n);
	for (i = 0; i < n; i++)
		assert_int_equal(values[i], all[n - 1 - i].value);
	assert_int_equal(xstat_of(p.b, "rx_good_packets"), 17);
	assert_int_equal(xstat_of(p.b, "rx_good_bytes"), 1700);
	assert_int_equal(xstat_of(p.b, "rx_q0_packets"), 17);
	assert_int_equal(xstat_of(p.b, "rx_q0_bytes"), 1700);
	assert_int_equal(xstat_of(p.a, "tx_q0_packets"), 17);
	id = (uint64_t)n;
	log_begin();
	assert_true(rte_eth_xstats_get_by_id(p.b, &id, values, 1) < 0);
	assert_int_equal(rte_eth_xstats_get_id_by_name(p.b, "no_such_counter", &id), -EINVAL);
	log_end();
	assert_int_equal(rte_eth_xstats_reset(p.b), 0);
	assert_int_equal(xstat_of(p.b, "rx_good_packets"), 0);
	assert_int_equal(xstat_of(p.b, "rx_q0_bytes"), 0);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_fw_version),
		T(test_registers),
		T(test_dump),
		T(test_burst_modes),
		T(test_xstats_by_id),
	};

	return cmocka_run_group_tests_name("pmd_info", tests, eal_start, eal_stop);
}
