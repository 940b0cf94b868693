/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Ports on a switch: who gets a frame, and that every frame is counted somewhere. */

#include <stdlib.h>

#include "nic.h"

#define PORTS 4

/* Ports 0 to 3 of one switch, with addresses 02:00:00:00:00:01 and so on. */
struct segment {
	char *path;
	uint16_t port[PORTS];
};

static void
address_of(struct rte_ether_addr *mac, uint8_t n)
{
	*mac = (struct rte_ether_addr){ { 2, 0, 0, 0, 0, n } };
	if (n == 0xff)
		memset(mac, 0xff, sizeof(*mac));
}

static uint16_t
probe(const char *path, unsigned int n, const char *more)
{
	char args[128];

	snprintf(args, sizeof(args), "deliver=switch,ports=8,%smac=02:00:00:00:00:%02x%s",
		 strstr(more, "lane_size") == NULL ? "lane_size=256K," : "", n, more);
	return nic_new(path, args);
}

static void
begin_as(struct segment *s, const struct nic_conf *conf, const char *more_of_last)
{
	unsigned int i;

	s->path = tmpdir_new_path();
	for (i = 0; i < PORTS; i++)
		s->port[i] = probe(s->path, i + 1, i == PORTS - 1 ? more_of_last : "");
	for (i = 0; i < PORTS; i++)
		nic_start(s->port[i], conf);
}

static void
begin(struct segment *s)
{
	begin_as(s, NULL, "");
}

static struct rte_mbuf *
frame(uint8_t to, uint8_t from, uint32_t len)
{
	struct rte_mbuf *m = mbuf_new(pool, len, 1, 0);
	struct rte_ether_addr mac;

	address_of(&mac, to);
	mbuf_address(m, &mac);
	address_of(&mac, from);
	memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, 6), &mac, 6);
	return m;
}

/* Takes what is there, or comes within some looks at the roster. Returns the number of frames. */
static uint32_t
take(uint16_t port, uint16_t queue)
{
	struct rte_mbuf *pkts[32];
	uint32_t got = 0, idle = 0;
	uint16_t n;

	while (idle < 64) {
		n = rte_eth_rx_burst(port, queue, pkts, 32);
		rte_pktmbuf_free_bulk(pkts, n);
		got += n;
		idle = n == 0 ? idle + 1 : 0;
	}
	return got;
}

/* Sends a frame from a port; a bit for each port that gets it. */
static unsigned int
reached_from(const struct segment *s, unsigned int by, uint8_t to, uint8_t from)
{
	unsigned int got = 0;
	unsigned int i;

	assert_true(send_mbuf(s->port[by], 0, frame(to, from, 60)));
	for (i = 0; i < PORTS; i++)
		got |= (take(s->port[i], 0) != 0) << i;
	return got;
}

static unsigned int
reached(const struct segment *s, uint8_t to)
{
	return reached_from(s, 0, to, 1);
}

static void
end(struct segment *s)
{
	free(s->path);
}

static void
test_owner_alone(void **state)
{
	struct segment s;
	unsigned int i;

	(void)state;
	begin(&s);
	assert_int_equal(reached(&s, 2), 1u << 1);
	assert_int_equal(reached(&s, 3), 1u << 2);
	assert_int_equal(reached(&s, 4), 1u << 3);
	/* Unknown, broadcast, and the sender's own: everybody. */
	assert_int_equal(reached(&s, 99), 0xe);
	assert_int_equal(reached(&s, 0xff), 0xe);
	assert_int_equal(reached(&s, 1), 0xe);
	for (i = 1; i < PORTS; i++) {
		assert_int_equal(stats_of(s.port[i]).ipackets, 4);
		assert_int_equal(xstat_of(s.port[i], "rx_skipped"), 2);
		assert_int_equal(stats_of(s.port[i]).imissed + stats_of(s.port[i]).ierrors, 0);
	}
	assert_int_equal(stats_of(s.port[0]).opackets, 6);
	/* A reset sets the count back with the others. */
	assert_int_equal(rte_eth_xstats_reset(s.port[1]), 0);
	assert_int_equal(xstat_of(s.port[1], "rx_skipped"), 0);
	end(&s);
}

/* A port that is not promiscuous filters what it gets: a sender may lie, and unknown floods. */
static void
test_filter(void **state)
{
	const struct nic_conf filtering = { .filter = true };
	struct segment s;

	(void)state;
	begin_as(&s, &filtering, "");
	assert_int_equal(reached(&s, 2), 1u << 1);
	assert_int_equal(reached(&s, 0xff), 0xe);
	assert_int_equal(reached(&s, 99), 0);
	assert_int_equal(xstat_of(s.port[1], "rx_filtered"), 1);
	assert_int_equal(xstat_of(s.port[2], "rx_skipped"), 1);
	end(&s);
}

static void
test_mirror(void **state)
{
	struct segment s;

	(void)state;
	begin_as(&s, NULL, ",mirror=on");
	assert_int_equal(reached(&s, 2), 1u << 1 | 1u << 3);
	assert_int_equal(reached(&s, 3), 1u << 2 | 1u << 3);
	assert_int_equal(reached_from(&s, 3, 2, 4), 1u << 1);
	assert_int_equal(xstat_of(s.port[3], "rx_skipped"), 0);
	end(&s);
}

/* readonly=on: a port without a slot sees all, as a monitor does. */
static void
test_readonly(void **state)
{
	const struct nic_conf conf = { .readonly = true };
	struct segment s;
	uint16_t monitor;

	(void)state;
	begin(&s);
	monitor = nic_new(s.path, "readonly=on,deliver=switch");
	nic_start(monitor, &conf);
	assert_int_equal(reached(&s, 2), 1u << 1);
	assert_int_equal(take(monitor, 0), 1);
	nic_remove(monitor);
	nic_assert_refused(s.path, "readonly=on,deliver=hub", "deliver=hub contradicts", "deliver=switch");
	end(&s);
}

static void
test_loopback(void **state)
{
	const struct nic_conf conf = { .lpbk = true };
	struct segment s;

	(void)state;
	begin_as(&s, &conf, "");
	/* A port with loopback gets all that it sends. */
	assert_int_equal(reached(&s, 2), 1u << 0 | 1u << 1);
	assert_int_equal(reached(&s, 1), 0xf);
	end(&s);
}

/* Stations behind a port; their port goes away, and comes back. */
static void
test_learn(void **state)
{
	struct segment s;

	(void)state;
	begin(&s);
	assert_int_equal(reached(&s, 50), 0xe);
	assert_int_equal(reached_from(&s, 2, 1, 50), 1u << 0);
	assert_int_equal(reached_from(&s, 2, 1, 51), 1u << 0);
	assert_int_equal(reached(&s, 50), 1u << 2);
	assert_int_equal(reached(&s, 51), 1u << 2);
	/* Port 1 has heard of neither. */
	assert_int_equal(reached_from(&s, 1, 50, 2), 1u << 0 | 1u << 2 | 1u << 3);
	/* One moves. */
	assert_int_equal(reached_from(&s, 3, 1, 51), 1u << 0);
	assert_int_equal(reached(&s, 51), 1u << 3);
	assert_int_equal(reached(&s, 50), 1u << 2);
	/* Link down and up: what was learned there is forgotten. */
	assert_int_equal(rte_eth_dev_set_link_down(s.port[2]), 0);
	assert_int_equal(reached(&s, 50), 1u << 1 | 1u << 3);
	assert_int_equal(rte_eth_dev_set_link_up(s.port[2]), 0);
	assert_int_equal(reached(&s, 50), 0xe);
	assert_int_equal(reached(&s, 51), 1u << 3);
	/* Another port in the place of the one behind which it was. */
	nic_remove(s.port[3]);
	s.port[3] = probe(s.path, 9, "");
	nic_start(s.port[3], NULL);
	assert_int_equal(reached(&s, 51), 0xe);
	end(&s);
}

static void
test_address_set(void **state)
{
	struct rte_ether_addr mac;
	struct segment s;

	(void)state;
	begin(&s);
	address_of(&mac, 20);
	assert_int_equal(rte_eth_dev_default_mac_addr_set(s.port[1], &mac), 0);
	assert_int_equal(reached(&s, 20), 1u << 1);
	assert_int_equal(reached(&s, 2), 0xe);
	/* Two ports with one address: both, that is everybody. */
	assert_int_equal(rte_eth_dev_default_mac_addr_set(s.port[2], &mac), 0);
	assert_int_equal(reached(&s, 20), 0xe);
	assert_int_equal(rte_eth_dev_stop(s.port[2]), 0);
	assert_int_equal(reached(&s, 20), 1u << 1);
	assert_int_equal(rte_eth_dev_start(s.port[2]), 0);
	assert_int_equal(reached(&s, 20), 0xe);
	end(&s);
}

/* Further addresses are in no entry: their frames go to everybody until the port has spoken. */
static void
test_more_addresses(void **state)
{
	const struct nic_conf filtering = { .filter = true };
	struct rte_ether_addr mac;
	struct segment s;

	(void)state;
	begin_as(&s, &filtering, "");
	address_of(&mac, 30);
	assert_int_equal(rte_eth_dev_mac_addr_add(s.port[1], &mac, 0), 0);
	assert_int_equal(reached(&s, 30), 1u << 1);
	assert_int_equal(xstat_of(s.port[2], "rx_filtered"), 1);
	assert_int_equal(reached_from(&s, 1, 1, 30), 1u << 0);
	assert_int_equal(reached(&s, 30), 1u << 1);
	assert_int_equal(xstat_of(s.port[2], "rx_filtered"), 1);
	end(&s);
}

/* Bursts of frames for several ports, long and short, in one record. */
static void
test_mixed(void **state)
{
	const uint32_t lens[] = { 60, 64, 1514, 9000, 61 };
	struct nic_conf conf = { .mtu = 9200, .rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER };
	struct rte_mbuf *pkts[32], *got[64];
	uint32_t expected[PORTS] = { 0 };
	uint32_t sent = 0, i, n, k, round;
	struct rte_ether_addr mac;
	struct segment s;

	(void)state;
	begin_as(&s, &conf, "");
	srand(3);
	for (round = 0; round < 50; round++) {
		for (i = 0; i < 32; i++) {
			k = 1 + (uint32_t)rand() % 3;
			pkts[i] = frame((uint8_t)(k + 1), 1, lens[rand() % 5]);
			expected[k]++;
		}
		assert_int_equal(rte_eth_tx_burst(s.port[0], 0, pkts, 32), 32);
		sent += 32;
		for (k = 1; k < PORTS; k++) {
			address_of(&mac, (uint8_t)(k + 1));
			do {
				n = rte_eth_rx_burst(s.port[k], 0, got, 1 + (uint16_t)rand() % 64);
				for (i = 0; i < n; i++) {
					assert_memory_equal(rte_pktmbuf_mtod(got[i], void *), &mac, 6);
					rte_pktmbuf_free(got[i]);
				}
			} while (n != 0);
		}
	}
	for (k = 1; k < PORTS; k++) {
		assert_int_equal(stats_of(s.port[k]).ipackets, expected[k]);
		assert_int_equal(stats_of(s.port[k]).ipackets + xstat_of(s.port[k], "rx_skipped"), sent);
		assert_int_equal(stats_of(s.port[k]).imissed + stats_of(s.port[k]).ierrors, 0);
	}
	end(&s);
}

/* RSS: all queues read all lanes, and each frame for others is skipped by all of them, counted once. */
static void
test_rss(void **state)
{
	const struct rte_eth_rss_conf rss = { .rss_hf = RTE_ETH_RSS_IP };
	const struct nic_conf conf = { .n_rxq = 4, .n_txq = 4, .rss = &rss };
	struct segment s;
	uint32_t i, q, got = 0;

	(void)state;
	begin_as(&s, &conf, "");
	for (i = 0; i < 101; i++)
		assert_true(send_mbuf(s.port[0], i % 4, frame(2, 1, 60)));
	for (q = 0; q < 4; q++) {
		got += take(s.port[1], (uint16_t)q);
		assert_int_equal(take(s.port[2], (uint16_t)q), 0);
	}
	assert_int_equal(got, 101);
	assert_int_equal(xstat_of(s.port[2], "rx_skipped"), 101);
	assert_int_equal(xstat_of(s.port[1], "rx_skipped"), 0);
	end(&s);
}

/* A reader that is overtaken: received, skipped and missed are what was sent. */
static void
test_all_counted(void **state)
{
	struct rte_mbuf *pkts[32];
	uint64_t sent = 0;
	uint32_t i, round;
	char *path = tmpdir_new_path();
	uint16_t a, b, c;

	(void)state;
	a = probe(path, 1, ",lane_size=65536,pause=off");
	b = probe(path, 2, ",lane_size=65536");
	c = probe(path, 3, ",lane_size=65536");
	nic_start(a, NULL);
	nic_start(b, NULL);
	nic_start(c, NULL);
	srand(4);
	for (round = 0; round < 300; round++) {
		for (i = 0; i < 32; i++)
			pkts[i] = frame((uint8_t)(2 + rand() % 2), 1, 60 + (uint32_t)rand() % 400);
		sent += rte_eth_tx_burst(a, 0, pkts, 32);
		if (rand() % 8 == 0)
			take(b, 0);
		if (rand() % 20 == 0)
			take(c, 0);
	}
	take(b, 0);
	take(c, 0);
	assert_int_equal(sent, 300 * 32);
	assert_int_equal(stats_of(b).ipackets + stats_of(b).imissed + xstat_of(b, "rx_skipped"), sent);
	assert_int_equal(stats_of(c).ipackets + stats_of(c).imissed + xstat_of(c, "rx_skipped"), sent);
	assert_true(stats_of(c).imissed != 0 && xstat_of(c, "rx_skipped") != 0);
	free(path);
}

/* The other functions that send. */
static void
test_offloads_and_rate(void **state)
{
	const struct nic_conf conf = { .tx_offloads = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM |
						      RTE_ETH_TX_OFFLOAD_VLAN_INSERT };
	struct rte_mbuf *m;
	struct segment s;

	(void)state;
	begin_as(&s, &conf, "");
	/* The tag is inserted behind the addresses; the destination stays. */
	m = frame(3, 1, 60);
	m->ol_flags |= RTE_MBUF_F_TX_VLAN;
	m->vlan_tci = 5;
	assert_true(send_mbuf(s.port[0], 0, m));
	assert_int_equal(take(s.port[1], 0), 0);
	assert_int_equal(take(s.port[2], 0), 1);
	assert_int_equal(xstat_of(s.port[1], "rx_skipped"), 1);
	/* A rate limit sends by another function. */
	assert_int_equal(rte_eth_set_queue_rate_limit(s.port[0], 0, 10000), 0);
	assert_int_equal(reached(&s, 3), 1u << 2);
	end(&s);
}

static void
test_refused(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t a;

	(void)state;
	nic_assert_refused(path, "deliver=router", "deliver=router: not understood", "hub or switch");
	nic_assert_refused(path, "mirror=perhaps", "mirror=perhaps: not understood", "on or off");
	nic_assert_refused(path, "readonly=on,mirror=on", "mirror= has no meaning for such a port");
	nic_assert_refused(path, "format=shmif,deliver=switch", "deliver= has no meaning on a shmif bus");
	a = nic_new(path, "ports=4,queues=1,lane_size=65536");
	nic_start(a, NULL);
	nic_assert_refused(path, "deliver=switch", "deliver=switch contradicts the existing bus, which has deliver=hub");
	nic_remove(a);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_owner_alone, nic_teardown),
		cmocka_unit_test_teardown(test_filter, nic_teardown),
		cmocka_unit_test_teardown(test_mirror, nic_teardown),
		cmocka_unit_test_teardown(test_readonly, nic_teardown),
		cmocka_unit_test_teardown(test_loopback, nic_teardown),
		cmocka_unit_test_teardown(test_learn, nic_teardown),
		cmocka_unit_test_teardown(test_address_set, nic_teardown),
		cmocka_unit_test_teardown(test_more_addresses, nic_teardown),
		cmocka_unit_test_teardown(test_mixed, nic_teardown),
		cmocka_unit_test_teardown(test_rss, nic_teardown),
		cmocka_unit_test_teardown(test_all_counted, nic_teardown),
		cmocka_unit_test_teardown(test_offloads_and_rate, nic_teardown),
		cmocka_unit_test_teardown(test_refused, nic_teardown),
	};

	return cmocka_run_group_tests_name("switch", tests, eal_start, eal_stop);
}
