/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Which frames a port takes: its own address, broadcast, multicast, all. */

#include <stdlib.h>

#include "nic.h"

static const struct rte_ether_addr own = { { 2, 0, 0, 0, 0, 0xb } };
static const struct rte_ether_addr other = { { 2, 0, 0, 0, 0, 0xc } };
static const struct rte_ether_addr group = { { 1, 0, 0x5e, 0, 0, 1 } };
static const struct rte_ether_addr everybody = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

static void
start(struct pair *p)
{
	const struct nic_conf filtering = { .filter = true };

	p->path = tmpdir_new_path();
	p->a = nic_new(p->path, NULL);
	p->b = nic_new(p->path, "mac=02:00:00:00:00:0b");
	nic_start(p->a, NULL);
	nic_start(p->b, &filtering);
	free(p->path);
}

/* Does a frame to dst arrive? */
static bool
arrives(const struct pair *p, const struct rte_ether_addr *dst)
{
	const uint64_t filtered = xstat_of(p->b, "rx_filtered");
	struct rte_mbuf *m = mbuf_new(pool, 60, 1, 0);
	uint32_t got;

	mbuf_address(m, dst);
	assert_true(send_mbuf(p->a, 0, m));
	got = drain(p->b, 0);
	assert_int_equal(got + xstat_of(p->b, "rx_filtered") - filtered, 1);
	return got == 1;
}

static void
test_own_address(void **state)
{
	struct pair p;

	(void)state;
	start(&p);
	assert_true(arrives(&p, &own));
	assert_false(arrives(&p, &other));
	assert_true(arrives(&p, &everybody));
	assert_false(arrives(&p, &group));
	/* Filtered is neither missed nor an error. */
	assert_int_equal(stats_of(p.b).ipackets, 2);
	assert_int_equal(stats_of(p.b).imissed + stats_of(p.b).ierrors, 0);
}

static void
test_promiscuous(void **state)
{
	struct pair p;
	unsigned int i;

	(void)state;
	start(&p);
	for (i = 0; i < 3; i++) {
		assert_int_equal(rte_eth_promiscuous_enable(p.b), 0);
		assert_int_equal(rte_eth_promiscuous_get(p.b), 1);
		assert_true(arrives(&p, &other));
		assert_true(arrives(&p, &group));
		assert_true(arrives(&p, &own));
		assert_int_equal(rte_eth_promiscuous_disable(p.b), 0);
		assert_int_equal(rte_eth_promiscuous_get(p.b), 0);
		assert_false(arrives(&p, &other));
		assert_false(arrives(&p, &group));
		assert_true(arrives(&p, &own));
	}
}

static void
test_all_multicast(void **state)
{
	struct pair p;

	(void)state;
	start(&p);
	assert_int_equal(rte_eth_allmulticast_enable(p.b), 0);
	assert_true(arrives(&p, &group));
	assert_true(arrives(&p, &everybody));
	assert_false(arrives(&p, &other));
	assert_int_equal(rte_eth_allmulticast_disable(p.b), 0);
	assert_false(arrives(&p, &group));
	assert_true(arrives(&p, &everybody));
}

static void
test_address_set(void **state)
{
	struct rte_ether_addr mac, wanted = other, multicast = group;
	struct pair p;

	(void)state;
	start(&p);
	assert_int_equal(rte_eth_dev_default_mac_addr_set(p.b, &wanted), 0);
	assert_int_equal(rte_eth_macaddr_get(p.b, &mac), 0);
	assert_true(rte_is_same_ether_addr(&mac, &other));
	assert_true(arrives(&p, &other));
	assert_false(arrives(&p, &own));
	assert_true(rte_eth_dev_default_mac_addr_set(p.b, &multicast) != 0);
	assert_true(arrives(&p, &other));
	/* Also over a stop and a start. */
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	assert_true(arrives(&p, &other));
	assert_false(arrives(&p, &own));
}

static void
test_settings_survive_a_restart(void **state)
{
	struct pair p;

	(void)state;
	start(&p);
	assert_int_equal(rte_eth_promiscuous_enable(p.b), 0);
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	assert_true(arrives(&p, &other));
	assert_int_equal(rte_eth_promiscuous_disable(p.b), 0);
	assert_int_equal(rte_eth_allmulticast_enable(p.b), 0);
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	assert_true(arrives(&p, &group));
	assert_false(arrives(&p, &other));
}

/* Too short to have an address: nobody's, but a promiscuous port sees it. */
static void
test_runts(void **state)
{
	struct rte_mbuf *m;
	struct pair p;
	uint32_t len;

	(void)state;
	start(&p);
	for (len = 1; len < 14; len++) {
		m = mbuf_new(pool, len, 1, 0);
		memcpy(rte_pktmbuf_mtod(m, void *), &own, RTE_MIN(len, 6u));
		assert_true(send_mbuf(p.a, 0, m));
		expect_none(p.b, 0);
	}
	assert_int_equal(xstat_of(p.b, "rx_filtered"), 13);
	assert_int_equal(rte_eth_promiscuous_enable(p.b), 0);
	send_frames(p.a, 0, 1, 5, 1);
	expect_frames(p.b, 0, 1, 5, 1);
}

/* In one burst, so in one record: some for us, some not. */
static void
test_mixed_burst(void **state)
{
	struct rte_mbuf *pkts[60], *m;
	struct pair p;
	unsigned int i;

	(void)state;
	start(&p);
	for (i = 0; i < RTE_DIM(pkts); i++) {
		pkts[i] = mbuf_new(pool, 60 + i, i, 0);
		mbuf_address(pkts[i], i % 3 == 0 ? &own : &other);
	}
	assert_int_equal(rte_eth_tx_burst(p.a, 0, pkts, RTE_DIM(pkts)), RTE_DIM(pkts));
	for (i = 0; i < RTE_DIM(pkts); i += 3) {
		assert_int_equal(receive(p.b, 0, &m, 1), 1);
		assert_int_equal(m->pkt_len, 60 + i);
		rte_pktmbuf_free(m);
	}
	expect_none(p.b, 0);
	assert_int_equal(xstat_of(p.b, "rx_filtered"), 40);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_own_address),
		T(test_promiscuous),
		T(test_all_multicast),
		T(test_address_set),
		T(test_settings_survive_a_restart),
		T(test_runts),
		T(test_mixed_burst),
	};

	return cmocka_run_group_tests_name("pmd_filter", tests, eal_start, eal_stop);
}
