/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Which frames a port takes: its own addresses, broadcast, multicast, all. */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "nic.h"

static const struct rte_ether_addr own = { { 2, 0, 0, 0, 0, 0xb } };
static const struct rte_ether_addr other = { { 2, 0, 0, 0, 0, 0xc } };
static const struct rte_ether_addr group = { { 1, 0, 0x5e, 0, 0, 1 } };
static const struct rte_ether_addr everybody = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

static void
start_on(struct pair *p, const char *format)
{
	const struct nic_conf filtering = { .filter = true };
	char args[64];

	snprintf(args, sizeof(args), "format=%s", format);
	pair_new(p, args, "mac=02:00:00:00:00:0b");
	nic_start(p->a, NULL);
	nic_start(p->b, &filtering);
}

static void
start(struct pair *p)
{
	start_on(p, "lanes");
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

/* A frame that is a header and nothing else. */
static void
test_shortest(void **state)
{
	struct rte_mbuf *m;
	struct pair p;

	(void)state;
	start(&p);
	m = mbuf_new(pool, RTE_ETHER_HDR_LEN, 1, 0);
	mbuf_address(m, &other);
	assert_true(send_mbuf(p.a, 0, m));
	expect_none(p.b, 0);
	assert_int_equal(xstat_of(p.b, "rx_filtered"), 1);
	m = mbuf_new(pool, RTE_ETHER_HDR_LEN, 1, 0);
	mbuf_address(m, &own);
	assert_true(send_mbuf(p.a, 0, m));
	assert_int_equal(drain(p.b, 0), 1);
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

static struct rte_ether_addr
numbered(uint8_t first, unsigned int i)
{
	return (struct rte_ether_addr){ { first, 0, 0, 7, (uint8_t)(i >> 8), (uint8_t)i } };
}

static void
several_addresses(const char *format)
{
	struct rte_ether_addr addr = other, mine = own;
	struct rte_eth_dev_info info;
	struct pair p;
	unsigned int i;

	start_on(&p, format);
	assert_int_equal(rte_eth_dev_info_get(p.b, &info), 0);
	assert_true(info.max_mac_addrs > 2);
	assert_false(arrives(&p, &other));
	assert_int_equal(rte_eth_dev_mac_addr_add(p.b, &addr, 0), 0);
	assert_int_equal(rte_eth_dev_mac_addr_add(p.b, &addr, 0), 0);
	assert_true(arrives(&p, &other));
	assert_true(arrives(&p, &own));
	assert_int_equal(rte_eth_dev_mac_addr_remove(p.b, &addr), 0);
	assert_false(arrives(&p, &other));
	assert_true(arrives(&p, &own));
	/* As many as there may be: with the default one that many. */
	for (i = 1; i < info.max_mac_addrs; i++) {
		addr = numbered(2, i);
		assert_int_equal(rte_eth_dev_mac_addr_add(p.b, &addr, 0), 0);
	}
	log_begin();
	addr = other;
	assert_int_equal(rte_eth_dev_mac_addr_add(p.b, &addr, 0), -ENOSPC);
	assert_int_equal(rte_eth_dev_mac_addr_remove(p.b, &mine), -EADDRINUSE);
	log_end();
	assert_false(arrives(&p, &other));
	assert_true(arrives(&p, &own));
	for (i = 0; i <= info.max_mac_addrs; i++) {
		addr = numbered(2, i);
		assert_int_equal(arrives(&p, &addr), i != 0 && i != info.max_mac_addrs);
	}
	/* One goes, and another takes its place. */
	addr = numbered(2, 5);
	assert_int_equal(rte_eth_dev_mac_addr_remove(p.b, &addr), 0);
	assert_false(arrives(&p, &addr));
	addr = other;
	assert_int_equal(rte_eth_dev_mac_addr_add(p.b, &addr, 0), 0);
	assert_true(arrives(&p, &other));
	addr = numbered(2, info.max_mac_addrs - 1);
	assert_true(arrives(&p, &addr));
	nic_remove(p.a);
	nic_remove(p.b);
}

static void
test_several_addresses(void **state)
{
	(void)state;
	several_addresses("lanes");
	several_addresses("shmif");
}

static void
test_addresses_refused(void **state)
{
	struct rte_ether_addr zero = { { 0 } }, multicast = group, addr = other;
	struct pair p;

	(void)state;
	start(&p);
	log_begin();
	assert_int_equal(rte_eth_dev_mac_addr_add(p.b, &zero, 0), -EINVAL);
	assert_int_equal(rte_eth_dev_mac_addr_add(p.b, &multicast, 0), -EINVAL);
	assert_int_equal(rte_eth_dev_mac_addr_add(p.b, &addr, 1), -EINVAL); /* no VMDq */
	log_end();
	/* An empty place is not the address of zeros. */
	assert_false(arrives(&p, &zero));
	assert_int_equal(rte_eth_dev_mac_addr_add(p.b, &addr, 0), 0);
	assert_int_equal(rte_eth_dev_mac_addr_remove(p.b, &addr), 0);
	assert_false(arrives(&p, &zero));
	assert_false(arrives(&p, &group));
	assert_false(arrives(&p, &other));
}

/* The default address changes, and the others stay. */
static void
test_default_among_several(void **state)
{
	struct rte_ether_addr second = numbered(2, 2), wanted = other;
	struct pair p;

	(void)state;
	start(&p);
	assert_int_equal(rte_eth_dev_mac_addr_add(p.b, &second, 0), 0);
	assert_int_equal(rte_eth_dev_default_mac_addr_set(p.b, &wanted), 0);
	assert_true(arrives(&p, &other));
	assert_true(arrives(&p, &second));
	assert_false(arrives(&p, &own));
}

static void
multicast_list(const char *format)
{
	struct rte_ether_addr list[4] = { numbered(1, 0), numbered(1, 1), numbered(1, 2), group };
	struct pair p;

	start_on(&p, format);
	assert_int_equal(rte_eth_dev_set_mc_addr_list(p.b, list, 2), 0);
	assert_true(arrives(&p, &list[0]));
	assert_true(arrives(&p, &list[1]));
	assert_false(arrives(&p, &list[2]));
	assert_false(arrives(&p, &group));
	assert_true(arrives(&p, &everybody));
	assert_true(arrives(&p, &own));
	/* The list takes the place of the one before. */
	assert_int_equal(rte_eth_dev_set_mc_addr_list(p.b, &list[1], 3), 0);
	assert_false(arrives(&p, &list[0]));
	assert_true(arrives(&p, &list[1]));
	assert_true(arrives(&p, &list[2]));
	assert_true(arrives(&p, &group));
	/* With allmulticast it does not matter, and after that it does again. */
	assert_int_equal(rte_eth_allmulticast_enable(p.b), 0);
	assert_true(arrives(&p, &list[0]));
	assert_int_equal(rte_eth_allmulticast_disable(p.b), 0);
	assert_false(arrives(&p, &list[0]));
	assert_true(arrives(&p, &group));
	assert_int_equal(rte_eth_dev_set_mc_addr_list(p.b, NULL, 0), 0);
	assert_false(arrives(&p, &list[1]));
	assert_false(arrives(&p, &group));
	assert_true(arrives(&p, &everybody));
	nic_remove(p.a);
	nic_remove(p.b);
}

static void
test_multicast_list(void **state)
{
	(void)state;
	multicast_list("lanes");
	multicast_list("shmif");
}

static void
test_long_multicast_lists(void **state)
{
	struct rte_ether_addr list[257];
	struct pair p;
	unsigned int i;

	(void)state;
	start(&p);
	for (i = 0; i < RTE_DIM(list); i++)
		list[i] = numbered(3, i);
	/* Refused, and nothing has changed. */
	assert_int_equal(rte_eth_dev_set_mc_addr_list(p.b, &list[7], 1), 0);
	assert_int_equal(rte_eth_dev_set_mc_addr_list(p.b, list, 257), -ENOSPC);
	assert_true(arrives(&p, &list[7]));
	assert_false(arrives(&p, &list[8]));
	assert_int_equal(rte_eth_dev_set_mc_addr_list(p.b, list, 256), 0);
	for (i = 0; i < RTE_DIM(list); i++)
		assert_int_equal(arrives(&p, &list[i]), i < 256);
	/* Others throughout. */
	for (i = 0; i < RTE_DIM(list); i++)
		list[i] = numbered(3, 1000 + i / 2);
	assert_int_equal(rte_eth_dev_set_mc_addr_list(p.b, list, 256), 0);
	for (i = 0; i < RTE_DIM(list); i++)
		assert_int_equal(arrives(&p, &list[i]), i < 256);
	list[0] = numbered(3, 0);
	assert_false(arrives(&p, &list[0]));
	/* Not multicast. */
	list[1] = own;
	assert_int_equal(rte_eth_dev_set_mc_addr_list(p.b, list, 2), -EINVAL);
	assert_false(arrives(&p, &list[0]));
	assert_true(arrives(&p, &list[100]));
}

struct changer {
	pthread_t thread;
	atomic_bool stop;
	uint16_t port;
};

/* Lists in which one address is always, but never at the same place. */
static void *
change_lists(void *arg)
{
	struct changer *c = arg;
	struct rte_ether_addr list[8], addr;
	unsigned int i, n;
	cpu_set_t all;

	/* On another processor than the one that EAL gave the test, if there is one. */
	memset(&all, 0xff, sizeof(all));
	pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
	for (n = 0; !atomic_load(&c->stop); n++) {
		for (i = 0; i < RTE_DIM(list); i++)
			list[i] = numbered(3, n * 8 + i);
		list[n % 8] = group;
		rte_eth_dev_set_mc_addr_list(c->port, list, 1 + n % 8);
		addr = numbered(2, n % 100);
		rte_eth_dev_mac_addr_add(c->port, &addr, 0);
		addr = numbered(2, (n + 50) % 100);
		rte_eth_dev_mac_addr_remove(c->port, &addr);
	}
	return NULL;
}

static void
test_changes_while_receiving(void **state)
{
	struct changer c = { .stop = false };
	struct rte_ether_addr always = group;
	unsigned int i;
	struct pair p;

	(void)state;
	start(&p);
	c.port = p.b;
	assert_int_equal(rte_eth_dev_set_mc_addr_list(p.b, &always, 1), 0);
	log_begin();
	assert_int_equal(pthread_create(&c.thread, NULL, change_lists, &c), 0);
	for (i = 0; i < 20000; i++) {
		struct rte_mbuf *m = mbuf_new(pool, 60, i, 0);

		mbuf_address(m, i % 2 != 0 ? &own : &group);
		assert_true(send_mbuf(p.a, 0, m));
		if (receive(p.b, 0, &m, 1) != 1)
			break;
		rte_pktmbuf_free(m);
	}
	atomic_store(&c.stop, true);
	pthread_join(c.thread, NULL);
	log_end();
	assert_int_equal(i, 20000);
}

/* What an application can ask a port for. */
struct settings {
	struct rte_ether_addr mac[64];
	int promiscuous, all_multicast, vlan;
	uint16_t mtu;
};

static void
settings_of(uint16_t port, struct settings *s)
{
	memset(s, 0, sizeof(*s));
	s->promiscuous = rte_eth_promiscuous_get(port);
	s->all_multicast = rte_eth_allmulticast_get(port);
	s->vlan = rte_eth_dev_get_vlan_offload(port);
	assert_int_equal(rte_eth_dev_get_mtu(port, &s->mtu), 0);
	assert_int_equal(rte_eth_macaddrs_get(port, s->mac, RTE_DIM(s->mac)), RTE_DIM(s->mac));
}

static void
restart(uint16_t port)
{
	struct settings before, after;

	settings_of(port, &before);
	assert_int_equal(rte_eth_dev_stop(port), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
	settings_of(port, &after);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void
everything_survives(const char *format)
{
	struct rte_ether_addr list[2] = { group, numbered(1, 1) };
	struct rte_ether_addr wanted = other, second = numbered(2, 2), third = numbered(2, 3);
	struct settings now;
	struct rte_mbuf *m;
	struct pair p;

	start_on(&p, format);
	restart(p.b);
	assert_int_equal(rte_eth_dev_set_mtu(p.b, 800), 0);
	restart(p.b);
	assert_int_equal(rte_eth_dev_default_mac_addr_set(p.b, &wanted), 0);
	restart(p.b);
	assert_int_equal(rte_eth_dev_mac_addr_add(p.b, &second, 0), 0);
	assert_int_equal(rte_eth_dev_mac_addr_add(p.b, &third, 0), 0);
	assert_int_equal(rte_eth_dev_mac_addr_remove(p.b, &second), 0);
	restart(p.b);
	assert_int_equal(rte_eth_dev_set_mc_addr_list(p.b, list, 2), 0);
	restart(p.b);
	assert_int_equal(rte_eth_dev_set_vlan_offload(p.b, RTE_ETH_VLAN_FILTER_OFFLOAD), 0);
	restart(p.b);
	settings_of(p.b, &now);
	assert_int_equal(now.mtu, 800);
	assert_int_equal(now.vlan, RTE_ETH_VLAN_FILTER_OFFLOAD);
	assert_true(rte_is_same_ether_addr(&now.mac[0], &other));
	assert_true(arrives(&p, &other));
	assert_false(arrives(&p, &own));
	assert_false(arrives(&p, &second));
	assert_true(arrives(&p, &third));
	assert_true(arrives(&p, &list[0]));
	assert_true(arrives(&p, &list[1]));
	list[0] = numbered(1, 0);
	assert_false(arrives(&p, &list[0]));
	m = mbuf_new(pool, 800 + 23, 0, 0);
	mbuf_address(m, &other);
	assert_true(send_mbuf(p.a, 0, m));
	expect_none(p.b, 0);
	assert_int_equal(stats_of(p.b).ierrors, 1);
	/* Set while the port is stopped. */
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(rte_eth_dev_mac_addr_add(p.b, &second, 0), 0);
	assert_int_equal(rte_eth_dev_set_mc_addr_list(p.b, list, 1), 0);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	assert_true(arrives(&p, &second));
	assert_true(arrives(&p, &list[0]));
	assert_false(arrives(&p, &list[1]));
	assert_int_equal(rte_eth_promiscuous_enable(p.b), 0);
	restart(p.b);
	assert_true(arrives(&p, &own));
	nic_remove(p.a);
	nic_remove(p.b);
}

static void
test_everything_survives_a_restart(void **state)
{
	(void)state;
	everything_survives("lanes");
	everything_survives("shmif");
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
		T(test_shortest),
		T(test_mixed_burst),
		T(test_several_addresses),
		T(test_addresses_refused),
		T(test_default_among_several),
		T(test_multicast_list),
		T(test_long_multicast_lists),
		T(test_changes_while_receiving),
		T(test_everything_survives_a_restart),
	};

	return cmocka_run_group_tests_name("pmd_filter", tests, eal_start, eal_stop);
}
