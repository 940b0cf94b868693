/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Frames of every length, in one mbuf or several, and frames that are too long. */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "nic.h"

/* Of one mbuf of the usual size. */
#define ROOM RTE_MBUF_DEFAULT_DATAROOM
#define OVERHEAD 22 /* an Ethernet header and two VLAN tags */
#define FRAME_MIN 14
#define FRAME_MAX 1514 /* of shmif */

/* What is more in a frame than the MTU says. */
static uint32_t
overhead(const void *format)
{
	return nic_is_lanes(format) ? OVERHEAD : RTE_ETHER_HDR_LEN;
}

static struct rte_mempool *
small_pool(const char *name, unsigned int n, uint16_t room)
{
	struct rte_mempool *small;

	small = rte_pktmbuf_pool_create(name, n, 0, 0, RTE_PKTMBUF_HEADROOM + room, SOCKET_ID_ANY);
	assert_non_null(small);
	return small;
}

static void
test_every_length(void **state)
{
	const bool lanes = nic_is_lanes(*state);
	const struct nic_conf conf = { .mtu = lanes ? ROOM - OVERHEAD : 0 };
	struct rte_mbuf *m;
	struct pair p;
	uint32_t len;

	pair_start(&p, *state, &conf);
	for (len = FRAME_MIN; len <= (lanes ? ROOM : FRAME_MAX); len++) {
		send_frames(p.a, 0, len, len, 1);
		assert_int_equal(receive(p.b, 0, &m, 1), 1);
		mbuf_assert(m, len, len);
		assert_int_equal(m->nb_segs, 1);
		assert_int_equal(m->port, p.b);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(stats_of(p.b).ierrors + stats_of(p.b).imissed + stats_of(p.a).oerrors, 0);
}

static void
test_segments_sent(void **state)
{
	static const uint32_t segs[] = { 1, 2, 13, 63, 64, 65, 127, 128, 757, 1000, 1513 };
	const struct nic_conf conf = { .tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS };
	const uint32_t max = nic_is_lanes(*state) ? 1500 + OVERHEAD : FRAME_MAX;
	struct rte_mbuf *m;
	struct pair p;
	uint32_t len;
	unsigned int i;

	pair_start(&p, *state, &conf);
	for (i = 0; i < RTE_DIM(segs); i++) {
		for (len = FRAME_MIN; len <= max; len += 20) {
			assert_true(send_mbuf(p.a, 0, mbuf_new(pool, len, len + i, segs[i])));
			assert_int_equal(receive(p.b, 0, &m, 1), 1);
			mbuf_assert(m, len, len + i);
			rte_pktmbuf_free(m);
		}
	}
}

/* A chain that begins with empty segments, or has some in it. */
static void
test_empty_segments(void **state)
{
	struct rte_mbuf *m, *empty, *chain;
	struct pair p;

	pair_start(&p, *state, NULL);
	empty = rte_pktmbuf_alloc(pool);
	chain = mbuf_new(pool, 500, 9, 100);
	assert_int_equal(rte_pktmbuf_chain(empty, chain), 0);
	assert_int_equal(rte_pktmbuf_chain(empty, rte_pktmbuf_alloc(pool)), 0);
	assert_true(send_mbuf(p.a, 0, empty));
	assert_int_equal(receive(p.b, 0, &m, 1), 1);
	mbuf_assert(m, 500, 9);
	rte_pktmbuf_free(m);
}

static void
scatter(const char *format, uint16_t room, uint64_t offload)
{
	const uint32_t max = nic_is_lanes(format) ? 9000 + OVERHEAD : FRAME_MAX;
	const struct nic_conf sender = { .mtu = nic_is_lanes(format) ? 9000 : 0 };
	struct nic_conf receiver = { .mtu = sender.mtu, .rx_offloads = offload };
	char *path = tmpdir_new_path();
	const struct rte_mbuf *seg;
	struct rte_mbuf *m;
	uint32_t len, left;
	uint16_t a, b;

	receiver.pool = small_pool("scatter", 511, room);
	a = nic_new(path, format);
	b = nic_new(path, format);
	nic_start(a, &sender);
	nic_start(b, &receiver);
	for (len = FRAME_MIN; len <= max; len = len < 600 ? len + 1 : len + 61) {
		send_frames(a, 0, len, len, 1);
		assert_int_equal(receive(b, 0, &m, 1), 1);
		mbuf_assert(m, len, len);
		assert_int_equal(m->nb_segs, (len + room - 1) / room);
		for (seg = m, left = len; seg != NULL; seg = seg->next) {
			/* All but the last are full. */
			assert_int_equal(seg->data_len, RTE_MIN(left, (uint32_t)room));
			assert_int_equal(seg->data_off, RTE_PKTMBUF_HEADROOM);
			left -= seg->data_len;
		}
		assert_int_equal(left, 0);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(stats_of(b).ierrors + stats_of(b).rx_nombuf, 0);
	nic_remove(a);
	nic_remove(b);
	assert_int_equal(rte_mempool_avail_count(receiver.pool), 511);
	rte_mempool_free(receiver.pool);
	free(path);
}

/* Frames longer than an mbuf are scattered, also if that was not asked for. */
static void
test_scattered(void **state)
{
	scatter(*state, 64, RTE_ETH_RX_OFFLOAD_SCATTER);
	scatter(*state, 100, 0);
	scatter(*state, 256, RTE_ETH_RX_OFFLOAD_SCATTER);
	scatter(*state, 2048, 0);
}

/* Frames that take one mbuf, frames that take many, and segments on both sides, in bursts. */
static void
test_scattered_bursts(void **state)
{
	const struct nic_conf conf = {
		.mtu = 9000, .rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER,
		.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	};
	struct dice dice = { .state = 4 };
	uint64_t sent = 0, got = 0;
	struct rte_mbuf *pkts[32];
	uint32_t lens[4096];
	struct pair p;
	uint16_t n, i;

	(void)state;
	pair_start(&p, "lane_size=256K,pause_timeout_ms=60000", &conf);
	while (got < 20000) {
		n = sent < 20000 ? (uint16_t)dice_range(&dice, 0, 32) : 0;
		for (i = 0; i < n; i++) {
			lens[(sent + i) % 4096] = dice_range(&dice, 14, 9014);
			pkts[i] = mbuf_new(pool, lens[(sent + i) % 4096], sent + i,
					   dice_range(&dice, 0, 1) != 0 ? dice_range(&dice, 200, 2048) : 0);
		}
		i = rte_eth_tx_burst(p.a, 0, pkts, n);
		sent += i;
		rte_pktmbuf_free_bulk(&pkts[i], n - i);
		n = rte_eth_rx_burst(p.b, 0, pkts, (uint16_t)dice_range(&dice, 1, 32));
		for (i = 0; i < n; i++, got++)
			mbuf_assert(pkts[i], lens[got % 4096], got);
		rte_pktmbuf_free_bulk(pkts, n);
	}
	assert_int_equal(got, sent);
	assert_int_equal(stats_of(p.b).imissed + stats_of(p.b).ierrors + stats_of(p.a).oerrors, 0);
}

static void
test_too_long_to_send(void **state)
{
	const uint32_t max = 1500 + overhead(*state);
	struct pair p;

	pair_start(&p, *state, NULL); /* MTU 1500 */
	send_frames(p.a, 0, max, 0, 1);
	expect_frames(p.b, 0, max, 0, 1);
	/* Taken, dropped and counted; those around it are sent. */
	send_frames(p.a, 0, max + 1, 0, 70);
	assert_int_equal(stats_of(p.a).oerrors, 70);
	/* As is a chain whose segments are short. */
	assert_true(send_mbuf(p.a, 0, mbuf_new(pool, max + 1, 0, 800)));
	assert_int_equal(stats_of(p.a).oerrors, 71);
	assert_int_equal(xstat_of(p.a, "tx_too_long"), 71);
	assert_int_equal(stats_of(p.a).opackets, 1);
	expect_none(p.b, 0);
	send_frames(p.a, 0, 60, 1, 1);
	expect_frames(p.b, 0, 60, 1, 1);
	assert_int_equal(stats_of(p.b).ierrors, 0);
}

static void
test_dropped_within_a_burst(void **state)
{
	const uint32_t max = 1500 + overhead(*state);
	const uint32_t bad[] = { 2000, max + 1, FRAME_MIN - 1, 1 };
	const uint32_t good[] = { 60, FRAME_MIN, max };
	struct rte_mbuf *pkts[20];
	uint32_t lens[20];
	struct pair p;
	uint64_t bytes = 0;
	unsigned int i;

	pair_start(&p, *state, NULL);
	for (i = 0; i < RTE_DIM(pkts); i++) {
		lens[i] = i % 3 == 1 ? bad[i / 3 % RTE_DIM(bad)] : good[i / 2 % RTE_DIM(good)];
		pkts[i] = mbuf_new(pool, lens[i], i, i % 2 != 0 ? 500 : 0);
		bytes += i % 3 != 1 ? lens[i] : 0;
	}
	assert_int_equal(rte_eth_tx_burst(p.a, 0, pkts, RTE_DIM(pkts)), RTE_DIM(pkts));
	for (i = 0; i < RTE_DIM(pkts); i++) {
		if (i % 3 == 1)
			continue;
		assert_int_equal(receive(p.b, 0, pkts, 1), 1);
		mbuf_assert(pkts[0], lens[i], i);
		rte_pktmbuf_free(pkts[0]);
	}
	expect_none(p.b, 0);
	assert_int_equal(stats_of(p.a).oerrors, 7);
	assert_int_equal(xstat_of(p.a, "tx_too_long"), 4);
	assert_int_equal(xstat_of(p.a, "tx_too_short"), 3);
	assert_int_equal(stats_of(p.a).opackets, 13);
	assert_int_equal(stats_of(p.a).obytes, bytes);
	assert_int_equal(stats_of(p.b).ipackets, 13);
}

/* Lies about its own length: nothing of it is sent. */
static void
test_broken_mbufs(void **state)
{
	struct rte_mbuf *m;
	struct pair p;

	pair_start(&p, *state, NULL);
	m = mbuf_new(pool, 500, 0, 100);
	m->pkt_len = 501;
	assert_true(send_mbuf(p.a, 0, m));
	m = mbuf_new(pool, 500, 0, 100);
	m->pkt_len = 499;
	assert_true(send_mbuf(p.a, 0, m));
	m = rte_pktmbuf_alloc(pool);
	assert_true(send_mbuf(p.a, 0, m)); /* empty */
	assert_int_equal(stats_of(p.a).oerrors, 3);
	assert_int_equal(xstat_of(p.a, "tx_bad_chain"), 2);
	assert_int_equal(xstat_of(p.a, "tx_too_short"), 1);
	assert_int_equal(stats_of(p.a).opackets, 0);
	expect_none(p.b, 0);
	send_frames(p.a, 0, 60, 1, 1);
	expect_frames(p.b, 0, 60, 1, 1);
}

/* Each of the ways in which a port may receive. */
static void
too_long_to_receive(const char *format, uint64_t offload)
{
	const struct nic_conf sender = { .mtu = nic_is_lanes(format) ? 9000 : 0 };
	const struct nic_conf receiver = { .mtu = 500, .rx_offloads = offload };
	const uint32_t max = 500 + overhead(format);
	char *path = tmpdir_new_path();
	struct rte_mbuf *m;
	uint16_t a, b;
	uint32_t len;

	a = nic_new(path, format);
	b = nic_new(path, format);
	nic_start(a, &sender);
	nic_start(b, &receiver);
	for (len = 500; len < 550; len++) {
		send_frames(a, 0, len, len, 1);
		if (len <= max) {
			assert_int_equal(receive(b, 0, &m, 1), 1);
			mbuf_assert(m, len, len);
			rte_pktmbuf_free(m);
		}
		expect_none(b, 0);
	}
	assert_int_equal(stats_of(b).ierrors, 549 - max);
	assert_int_equal(stats_of(b).ipackets, max - 499);
	assert_int_equal(stats_of(b).imissed, 0);
	assert_int_equal(xstat_of(b, "rx_too_long"), 549 - max);
	assert_int_equal(stats_of(a).oerrors, 0);
	free(path);
}

static void
test_too_long_to_receive(void **state)
{
	too_long_to_receive(*state, 0);
	too_long_to_receive(*state, RTE_ETH_RX_OFFLOAD_SCATTER);
}

/* The same for a port that looks at addresses, to which the frame is sent. */
static void
test_too_long_and_filtered(void **state)
{
	const struct rte_ether_addr broadcast = { { 255, 255, 255, 255, 255, 255 } };
	const struct nic_conf large = { .mtu = 9000 };
	const struct nic_conf filter = { .filter = true };
	char *path = tmpdir_new_path();
	struct rte_mbuf *m;
	uint16_t a, b;

	(void)state;
	a = nic_new(path, NULL);
	b = nic_new(path, NULL);
	nic_start(a, &large);
	nic_start(b, &filter);
	m = mbuf_new(pool, 1500 + OVERHEAD + 1, 0, 0);
	mbuf_address(m, &broadcast);
	assert_true(send_mbuf(a, 0, m));
	expect_none(b, 0);
	assert_int_equal(stats_of(b).ierrors, 1);
	m = mbuf_new(pool, 1500 + OVERHEAD, 0, 0);
	mbuf_address(m, &broadcast);
	assert_true(send_mbuf(a, 0, m));
	assert_int_equal(drain(b, 0), 1);
	free(path);
}

static void
assert_scatters(uint16_t port, bool does)
{
	struct rte_eth_burst_mode mode;
	struct rte_eth_rxq_info info;

	assert_int_equal(rte_eth_rx_queue_info_get(port, 0, &info), 0);
	assert_int_equal(info.scattered_rx, does);
	assert_int_equal(rte_eth_rx_burst_mode_get(port, 0, &mode), 0);
	assert_string_equal(mode.info, does ? "lanes, frame by frame, scattered" : "lanes, plain");
}

/* How often the port has said that it scatters. */
static unsigned int
count_told(void)
{
	const char *at = log_text();
	unsigned int n = 0;

	while ((at = strstr(at, "several mbufs")) != NULL) {
		at++;
		n++;
	}
	return n;
}

/* An MTU beyond an mbuf: frames are scattered without being asked for, as other NICs do it. */
static void
test_longer_than_an_mbuf(void **state)
{
	const struct nic_conf large = { .mtu = 9000 };
	struct pair p;

	(void)state;
	pair_start(&p, NULL, NULL);
	assert_scatters(p.b, false);
	assert_int_equal(rte_eth_dev_stop(p.a), 0);
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	rte_log_set_global_level(RTE_LOG_INFO);
	rte_log_set_level_pattern("pmd.net.shmbus", RTE_LOG_INFO);
	log_begin();
	nic_start(p.a, &large);
	assert_int_equal(count_told(), 1);
	nic_start(p.b, &large);
	assert_scatters(p.b, true);
	send_frames(p.a, 0, ROOM, 0, 1);
	expect_frames(p.b, 0, ROOM, 0, 1);
	send_frames(p.a, 0, ROOM + 1, 0, 5);
	expect_frames(p.b, 0, ROOM + 1, 0, 5);
	send_frames(p.a, 0, 9000 + OVERHEAD, 0, 5);
	expect_frames(p.b, 0, 9000 + OVERHEAD, 0, 5);
	assert_int_equal(stats_of(p.b).ierrors, 0);
	assert_int_equal(count_told(), 2);
	/* At run time: one byte more, and one less. */
	assert_int_equal(rte_eth_dev_set_mtu(p.b, ROOM - OVERHEAD), 0);
	assert_scatters(p.b, false);
	assert_int_equal(count_told(), 2);
	assert_int_equal(rte_eth_dev_set_mtu(p.b, ROOM - OVERHEAD + 1), 0);
	assert_scatters(p.b, true);
	assert_int_equal(count_told(), 3);
	send_frames(p.a, 0, ROOM + 1, 3, 5);
	expect_frames(p.b, 0, ROOM + 1, 3, 5);
	/* It goes on over a restart, and is not told again. */
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	assert_scatters(p.b, true);
	assert_int_equal(count_told(), 3);
	log_end();
	rte_log_set_global_level(RTE_LOG_WARNING);
}

static void
test_mtu_at_run_time(void **state)
{
	const struct nic_conf conf = { .rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER };
	static const uint16_t mtus[][5] = { { 9000, 68, 1500, 3000, 9216 }, { 1000, 68, 1500, 400, 500 } };
	const uint32_t more = overhead(*state);
	struct rte_eth_dev_info info;
	struct pair p;
	unsigned int i;
	uint16_t mtu, got;

	pair_start(&p, *state, &conf);
	for (i = 0; i < RTE_DIM(mtus[0]); i++) {
		mtu = mtus[!nic_is_lanes(*state)][i];
		assert_int_equal(rte_eth_dev_set_mtu(p.a, mtu), 0);
		assert_int_equal(rte_eth_dev_set_mtu(p.b, mtu), 0);
		assert_int_equal(rte_eth_dev_get_mtu(p.a, &got), 0);
		assert_int_equal(got, mtu);
		send_frames(p.a, 0, mtu + more, i, 1);
		expect_frames(p.b, 0, mtu + more, i, 1);
		send_frames(p.a, 0, mtu + more + 1, i, 1);
		expect_none(p.b, 0);
		assert_int_equal(stats_of(p.a).oerrors, i + 1);
	}
	assert_int_equal(rte_eth_dev_info_get(p.a, &info), 0);
	assert_true(rte_eth_dev_set_mtu(p.a, info.max_mtu + 1) != 0);
	assert_true(rte_eth_dev_set_mtu(p.a, info.min_mtu - 1) != 0);
	assert_int_equal(rte_eth_dev_set_mtu(p.a, info.max_mtu), 0);
	assert_int_equal(rte_eth_dev_set_mtu(p.b, info.max_mtu), 0);
	send_frames(p.a, 0, info.max_rx_pktlen, 77, 1);
	expect_frames(p.b, 0, info.max_rx_pktlen, 77, 1);
}

/* The longest frame that the smallest lane carries, many times around. */
static void
test_longest_on_the_smallest_lane(void **state)
{
	struct nic_conf conf = { .rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER };
	char *path = tmpdir_new_path();
	struct rte_eth_dev_info info;
	unsigned int i;
	uint16_t a, b;

	(void)state;
	a = nic_new(path, "lane_size=64K");
	b = nic_new(path, NULL);
	assert_int_equal(rte_eth_dev_info_get(a, &info), 0);
	assert_int_equal(info.max_rx_pktlen, 16384 - 128);
	conf.mtu = info.max_mtu;
	nic_start(a, &conf);
	nic_start(b, &conf);
	for (i = 0; i < 300; i++) {
		send_frames(a, 0, info.max_rx_pktlen - i % 70, i, 2);
		expect_frames(b, 0, info.max_rx_pktlen - i % 70, i, 2);
	}
	free(path);
}

/* More than fits into one record. */
static void
test_long_bursts(void **state)
{
	static const uint32_t lens[] = { 60, 64, 65, 500, 1514, 9014 };
	const struct nic_conf conf = { .mtu = 9000, .rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER };
	struct rte_mbuf *pkts[300];
	struct pair p;
	unsigned int i, k;
	uint16_t sent;

	(void)state;
	pair_start(&p, "lane_size=4M", &conf);
	for (k = 0; k < RTE_DIM(lens); k++) {
		for (i = 0; i < RTE_DIM(pkts); i++)
			pkts[i] = mbuf_new(pool, lens[k], i, 0);
		sent = rte_eth_tx_burst(p.a, 0, pkts, RTE_DIM(pkts));
		assert_int_equal(sent, RTE_DIM(pkts));
		/* And as many at one call, or a few. */
		memset(pkts, 0, sizeof(pkts));
		for (i = 0; i < RTE_DIM(pkts);)
			i += rte_eth_rx_burst(p.b, 0, &pkts[i], RTE_DIM(pkts) - i);
		for (i = 0; i < RTE_DIM(pkts); i++)
			mbuf_assert(pkts[i], lens[k], i);
		rte_pktmbuf_free_bulk(pkts, RTE_DIM(pkts));
	}
	expect_none(p.b, 0);
}

/* No record takes more than a sixteenth of the ring, so that lapped readers find one. */
static void
test_records_are_short(void **state)
{
	char *path = tmpdir_new_path();
	uint64_t data_off, shape, pos = 0;
	struct rte_mbuf *pkts[64];
	unsigned int i, count = 0;
	uint16_t a;
	int fd;

	(void)state;
	a = nic_new(path, "ports=2,queues=1,lane_size=256K");
	nic_start(a, NULL);
	for (i = 0; i < RTE_DIM(pkts); i++)
		pkts[i] = mbuf_new(pool, 1514, i, 0);
	assert_int_equal(rte_eth_tx_burst(a, 0, pkts, RTE_DIM(pkts)), RTE_DIM(pkts));
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &data_off, 8, 64), 8);
	while (count < RTE_DIM(pkts)) {
		assert_int_equal(pread(fd, &shape, 8, (off_t)(data_off + pos)), 8);
		assert_true((uint32_t)shape <= 256 * 1024 / 16);
		count += (uint16_t)(shape >> 32);
		pos += (uint32_t)shape;
	}
	assert_int_equal(count, RTE_DIM(pkts));
	close(fd);
	free(path);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_every_length),
		BOTH_FORMATS(test_segments_sent),
		BOTH_FORMATS(test_empty_segments),
		BOTH_FORMATS(test_scattered),
		T(test_scattered_bursts),
		BOTH_FORMATS(test_too_long_to_send),
		BOTH_FORMATS(test_dropped_within_a_burst),
		BOTH_FORMATS(test_broken_mbufs),
		BOTH_FORMATS(test_too_long_to_receive),
		T(test_too_long_and_filtered),
		T(test_longer_than_an_mbuf),
		BOTH_FORMATS(test_mtu_at_run_time),
		T(test_longest_on_the_smallest_lane),
		T(test_long_bursts),
		T(test_records_are_short),
	};

	return cmocka_run_group_tests_name("pmd_frames", tests, eal_start, eal_stop);
}
