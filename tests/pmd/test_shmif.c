/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* What is peculiar to ports on a shmif bus: limits, filters, laps that are missed, damage. */

#include <errno.h>
#include <stdlib.h>

#include "nic.h"

#define SHMIF "format=shmif"
#define FRAME_MIN 14
#define FRAME_MAX 1514
#define RECORD 24 /* bytes before each frame in the ring */
#define O_LAST 20 /* in the file's header: where the newest record begins */

static void
test_infos(void **state)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf eth;
	char *path = tmpdir_new_path();
	uint16_t a, mtu;

	(void)state;
	a = nic_new(path, SHMIF);
	assert_int_equal(rte_eth_dev_info_get(a, &info), 0);
	assert_int_equal(info.max_rx_pktlen, FRAME_MAX);
	assert_int_equal(info.max_mtu, 1500);
	assert_int_equal(info.max_rx_queues, 1);
	assert_int_equal(info.max_tx_queues, 1);
	assert_int_equal(rte_eth_dev_get_mtu(a, &mtu), 0);
	assert_int_equal(mtu, 1500);
	memset(&eth, 0, sizeof(eth));
	assert_int_equal(rte_eth_dev_configure(a, 2, 1, &eth), -EINVAL);
	assert_int_equal(rte_eth_dev_configure(a, 1, 2, &eth), -EINVAL);
	eth.rxmode.mtu = 1501;
	assert_int_equal(rte_eth_dev_configure(a, 1, 1, &eth), -EINVAL);
	nic_start(a, NULL);
	assert_int_equal(rte_eth_dev_set_mtu(a, 1501), -EINVAL);
	assert_int_equal(rte_eth_dev_set_mtu(a, 1500), 0);
	free(path);
}

/* Wherever the end of the ring cuts a record in two. */
static void
test_many_laps(void **state)
{
	struct dice dice = { .state = 5 };
	uint32_t lens[64];
	uint64_t seq = 0, bytes = 0;
	struct rte_mbuf *m;
	struct pair p;
	unsigned int i, n;

	(void)state;
	pair_start(&p, SHMIF, NULL);
	while (bytes < 40 << 20) {
		n = dice_range(&dice, 1, RTE_DIM(lens));
		for (i = 0; i < n; i++) {
			lens[i] = dice_range(&dice, FRAME_MIN, FRAME_MAX);
			send_frames(p.a, 0, lens[i], seq + i, 1);
			bytes += lens[i];
		}
		for (i = 0; i < n; i++) {
			assert_int_equal(receive(p.b, 0, &m, 1), 1);
			mbuf_assert(m, lens[i], seq + i);
			rte_pktmbuf_free(m);
		}
		seq += n;
	}
	expect_none(p.b, 0);
	assert_int_equal(stats_of(p.b).ipackets, seq);
	assert_int_equal(stats_of(p.b).ibytes, bytes);
	assert_int_equal(stats_of(p.b).imissed, 0);
}

static const struct rte_ether_addr own = { { 2, 0, 0, 0, 0, 0xb } };
static const struct rte_ether_addr other = { { 2, 0, 0, 0, 0, 0xc } };
static const struct rte_ether_addr group = { { 1, 0, 0x5e, 0, 0, 1 } };
static const struct rte_ether_addr everybody = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

/* Does a frame from a to dst arrive at b? */
static bool
arrives(uint16_t a, uint16_t b, const struct rte_ether_addr *dst)
{
	const uint64_t filtered = xstat_of(b, "rx_filtered");
	struct rte_mbuf *m = mbuf_new(pool, 60, 1, 0);
	uint32_t got;

	mbuf_address(m, dst);
	assert_true(send_mbuf(a, 0, m));
	got = drain(b, 0);
	assert_int_equal(got + xstat_of(b, "rx_filtered") - filtered, 1);
	return got == 1;
}

static void
test_filter(void **state)
{
	const struct nic_conf filtering = { .filter = true };
	struct rte_ether_addr wanted = other;
	char *path = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	a = nic_new(path, SHMIF);
	b = nic_new(path, SHMIF ",mac=02:00:00:00:00:0b");
	nic_start(a, NULL);
	nic_start(b, &filtering);
	assert_true(arrives(a, b, &own));
	assert_true(arrives(a, b, &everybody));
	assert_false(arrives(a, b, &other));
	assert_false(arrives(a, b, &group));
	assert_int_equal(rte_eth_allmulticast_enable(b), 0);
	assert_true(arrives(a, b, &group));
	assert_false(arrives(a, b, &other));
	assert_int_equal(rte_eth_allmulticast_disable(b), 0);
	assert_false(arrives(a, b, &group));
	assert_int_equal(rte_eth_promiscuous_enable(b), 0);
	assert_true(arrives(a, b, &other));
	assert_true(arrives(a, b, &group));
	assert_int_equal(rte_eth_promiscuous_disable(b), 0);
	assert_false(arrives(a, b, &other));
	assert_int_equal(rte_eth_dev_default_mac_addr_set(b, &wanted), 0);
	assert_true(arrives(a, b, &other));
	assert_false(arrives(a, b, &own));
	/* Filtered is neither missed nor an error. */
	assert_int_equal(stats_of(b).imissed + stats_of(b).ierrors, 0);
	free(path);
}

/* Frames of one size: the estimate of how many were missed is exact. */
static void
test_lapped(void **state)
{
	const uint32_t n = 20000, len = 60;
	struct rte_mbuf *m;
	uint64_t missed = 0, got, before;
	struct pair p;
	unsigned int round;

	(void)state;
	pair_start(&p, SHMIF, NULL);
	send_frames(p.a, 0, len, 0, 10);
	expect_frames(p.b, 0, len, 0, 10);
	for (round = 1; round <= 3; round++) {
		before = missed;
		send_frames(p.a, 0, len, 0, n);
		for (got = 0; receive(p.b, 0, &m, 1) != 0; got++) {
			if (got == 0)
				missed = stats_of(p.b).imissed;
			/* The newest ones, in order. */
			mbuf_assert(m, len, missed - before + got);
			rte_pktmbuf_free(m);
		}
		assert_true(got > 0);
		assert_int_equal(stats_of(p.b).imissed, missed);
		assert_int_equal(got + missed - before, n);
		assert_int_equal(xstat_of(p.b, "rx_overruns"), round);
		assert_int_equal(xstat_of(p.b, "rx_overrun_bytes"), missed * (RECORD + len));
	}
	assert_int_equal(stats_of(p.b).ierrors, 0);
	/* Counted for good, also over a restart, until a reset. */
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	nic_start(p.b, NULL);
	assert_int_equal(stats_of(p.b).imissed, missed);
	assert_int_equal(rte_eth_xstats_reset(p.b), 0);
	assert_int_equal(stats_of(p.b).imissed, 0);
	assert_int_equal(xstat_of(p.b, "rx_overrun_bytes"), 0);
}

/* Frames of all sizes: it is near, if what came was like what did not. */
static void
test_lapped_mixture(void **state)
{
	struct dice dice = { .state = 6 };
	uint64_t sent = 0, got = 0;
	unsigned int i, round;
	struct pair p;

	(void)state;
	pair_start(&p, SHMIF, NULL);
	for (round = 0; round < 4; round++) {
		/* The first round fits. */
		for (i = 0; i < (round == 0 ? 1000 : 4000); i++)
			send_frames(p.a, 0, dice_range(&dice, FRAME_MIN, FRAME_MAX), i, 1);
		sent += i;
		got += drain(p.b, 0);
		if (round == 0)
			assert_int_equal(got, sent);
	}
	assert_int_equal(xstat_of(p.b, "rx_overruns"), 3);
	assert_in_range(got + stats_of(p.b).imissed, sent - sent / 20, sent + sent / 20);
}

/* A header that makes no sense: nothing is sent, nothing delivered, both are counted. */
static void
test_corrupt_header(void **state)
{
	static const uint32_t nonsense = UINT32_MAX;
	char *path = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	a = nic_new(path, SHMIF);
	b = nic_new(path, SHMIF);
	nic_start(a, NULL);
	nic_start(b, NULL);
	file_write(path, O_LAST, &nonsense, sizeof(nonsense));
	assert_int_equal(send_some(a, 0, 60, 0, 1), 0);
	assert_int_equal(send_some(a, 0, 60, 0, 1), 0);
	assert_int_equal(xstat_of(a, "tx_corrupt"), 2);
	assert_int_equal(stats_of(a).opackets, 0);
	expect_none(b, 0);
	/* Once, not each time that somebody polls. */
	assert_int_equal(xstat_of(b, "rx_corrupt"), 1);
	assert_int_equal(stats_of(b).ierrors, 1);
	/* As a bus begins: in order again. */
	file_write(path, O_LAST, &(uint32_t){ 0 }, sizeof(uint32_t));
	send_frames(a, 0, 60, 3, 10);
	expect_frames(b, 0, 60, 3, 10);
	assert_int_equal(xstat_of(a, "tx_corrupt"), 2);
	assert_int_equal(xstat_of(b, "rx_corrupt"), 1);
	free(path);
}

/* Records that make no sense, before a reader comes to them. */
static void
test_corrupt_record(void **state)
{
	static const uint32_t nonsense = FRAME_MAX + 1;
	char *path = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	a = nic_new(path, SHMIF);
	b = nic_new(path, SHMIF);
	nic_start(a, NULL);
	nic_start(b, NULL);
	send_frames(a, 0, 60, 0, 10);
	/* The length of the fourth frame; the header and an empty record stand before the first. */
	file_write(path, 32 + RECORD + 3 * (RECORD + 60), &nonsense, sizeof(nonsense));
	expect_frames(b, 0, 60, 0, 3);
	assert_int_equal(xstat_of(b, "rx_corrupt"), 1);
	send_frames(a, 0, 60, 20, 10);
	expect_frames(b, 0, 60, 20, 10);
	assert_int_equal(xstat_of(b, "rx_corrupt"), 1);
	/* A writer meets it when it makes room, and goes on. */
	send_frames(a, 0, 60, 0, 20000);
	assert_int_equal(xstat_of(a, "tx_corrupt"), 1);
	assert_true(drain(b, 0) > 0);
	send_frames(a, 0, 60, 5, 10);
	expect_frames(b, 0, 60, 5, 10);
	free(path);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_infos),
		T(test_many_laps),
		T(test_filter),
		T(test_lapped),
		T(test_lapped_mixture),
		T(test_corrupt_header),
		T(test_corrupt_record),
	};

	return cmocka_run_group_tests_name("pmd_shmif", tests, eal_start, eal_stop);
}
