/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Configuration: what a port has not it refuses by name, and it is as before then. */

#include <stdlib.h>

#include "nic.h"

/* Refused with a message that contains the text; a port that was configured can be so again. */
static void
assert_refused(uint16_t port, const struct rte_eth_conf *conf, const char *text)
{
	const struct rte_eth_conf plain = { .link_speeds = 0 };

	log_begin();
	assert_int_equal(rte_eth_dev_configure(port, 1, 1, conf), -ENOTSUP);
	assert_in_text(log_text(), text);
	log_end();
	assert_int_equal(rte_eth_dev_configure(port, 1, 1, &plain), 0);
}

static void
test_speed(void **state)
{
	static const struct {
		uint32_t speeds;
		const char *text; /* NULL: it is taken */
	} table[] = {
		{ RTE_ETH_LINK_SPEED_AUTONEG, NULL },
		{ RTE_ETH_LINK_SPEED_100G, NULL },
		{ RTE_ETH_LINK_SPEED_10G | RTE_ETH_LINK_SPEED_100G, NULL },
		{ RTE_ETH_LINK_SPEED_10G, NULL },
		{ RTE_ETH_LINK_SPEED_FIXED | RTE_ETH_LINK_SPEED_100G, NULL },
		{ RTE_ETH_LINK_SPEED_FIXED | RTE_ETH_LINK_SPEED_10G, "link_speeds 0x101: " },
		{ RTE_ETH_LINK_SPEED_FIXED, "link_speeds 0x1: " },
		{ RTE_ETH_LINK_SPEED_FIXED | RTE_ETH_LINK_SPEED_100G | RTE_ETH_LINK_SPEED_10G,
		  "link_speeds 0x4101: " },
	};
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	struct rte_eth_link link;
	char *path = tmpdir_new_path();
	uint16_t port;
	unsigned int i;

	(void)state;
	port = nic_new(path, NULL);
	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	assert_int_equal(info.speed_capa, RTE_ETH_LINK_SPEED_100G);
	for (i = 0; i < RTE_DIM(table); i++) {
		memset(&conf, 0, sizeof(conf));
		conf.link_speeds = table[i].speeds;
		if (table[i].text == NULL)
			assert_int_equal(rte_eth_dev_configure(port, 1, 1, &conf), 0);
		else
			assert_refused(port, &conf, table[i].text);
	}
	nic_start(port, NULL);
	assert_int_equal(rte_eth_link_get_nowait(port, &link), 0);
	assert_int_equal(link.link_speed, RTE_ETH_SPEED_NUM_100G);
	assert_int_equal(link.link_duplex, RTE_ETH_LINK_FULL_DUPLEX);
	assert_int_equal(link.link_autoneg, RTE_ETH_LINK_FIXED);
	free(path);
}

static void
test_txmode(void **state)
{
	struct rte_eth_conf conf;
	char *path = tmpdir_new_path();
	uint16_t port;

	(void)state;
	port = nic_new(path, NULL);
	memset(&conf, 0, sizeof(conf));
	conf.txmode.mq_mode = RTE_ETH_MQ_TX_DCB;
	assert_refused(port, &conf, "txmode.mq_mode 1: ");
	conf.txmode.mq_mode = RTE_ETH_MQ_TX_VMDQ_ONLY;
	assert_refused(port, &conf, "txmode.mq_mode 3: ");
	conf.txmode.mq_mode = RTE_ETH_MQ_TX_NONE;
	conf.txmode.hw_vlan_reject_tagged = 1;
	assert_refused(port, &conf, "hw_vlan_reject_tagged");
	conf.txmode.hw_vlan_reject_tagged = 0;
	conf.txmode.hw_vlan_reject_untagged = 1;
	assert_refused(port, &conf, "hw_vlan_reject_untagged");
	conf.txmode.hw_vlan_reject_untagged = 0;
	conf.txmode.hw_vlan_insert_pvid = 1;
	assert_refused(port, &conf, "hw_vlan_insert_pvid");
	free(path);
}

/* There is nothing to synchronise: every call says so. */
static void
test_timesync(void **state)
{
	const struct timespec then = { .tv_sec = 1 };
	struct timespec time;
	struct pair p;

	(void)state;
	pair_start(&p, NULL, NULL);
	assert_int_equal(rte_eth_timesync_enable(p.a), -ENOTSUP);
	assert_int_equal(rte_eth_timesync_disable(p.a), -ENOTSUP);
	assert_int_equal(rte_eth_timesync_read_rx_timestamp(p.a, &time, 0), -ENOTSUP);
	assert_int_equal(rte_eth_timesync_read_tx_timestamp(p.a, &time), -ENOTSUP);
	assert_int_equal(rte_eth_timesync_read_time(p.a, &time), -ENOTSUP);
	assert_int_equal(rte_eth_timesync_write_time(p.a, &then), -ENOTSUP);
	assert_int_equal(rte_eth_timesync_adjust_time(p.a, 1), -ENOTSUP);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_speed),
		T(test_txmode),
		T(test_timesync),
	};

	return cmocka_run_group_tests_name("pmd_conf", tests, eal_start, eal_stop);
}
