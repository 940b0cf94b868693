/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Rx timestamps: when the sender sent a frame. */

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <rte_mbuf_dyn.h>

#include "nic.h"

static uint64_t
real_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void
lookup(int *off, uint64_t *flag)
{
	int bit;

	*off = rte_mbuf_dynfield_lookup(RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, NULL);
	bit = rte_mbuf_dynflag_lookup(RTE_MBUF_DYNFLAG_RX_TIMESTAMP_NAME, NULL);
	assert_true(*off >= 0 && bit >= 0);
	*flag = RTE_BIT64(bit);
}

static struct rte_mbuf *
receive_one(uint16_t port)
{
	struct rte_mbuf *m;

	assert_int_equal(receive(port, 0, &m, 1), 1);
	return m;
}

static void
start(struct pair *p, uint16_t *plain)
{
	const struct nic_conf conf = { .rx_offloads = RTE_ETH_RX_OFFLOAD_TIMESTAMP };

	pair_start_as(p, NULL, NULL, &conf);
	*plain = pair_join(p, NULL, NULL);
}

static void
test_time_of_sending(void **state)
{
	uint64_t flag, stamp, before, after, last = 0;
	struct rte_mbuf *m;
	uint16_t plain;
	struct pair p;
	unsigned int i;
	int off;

	(void)state;
	start(&p, &plain);
	lookup(&off, &flag);
	for (i = 0; i < 100; i++) {
		before = real_ns();
		send_frames(p.a, 0, 60 + i, i, 1);
		after = real_ns();
		m = receive_one(p.b);
		stamp = *RTE_MBUF_DYNFIELD(m, off, rte_mbuf_timestamp_t *);
		assert_int_equal(m->ol_flags, flag);
		m->ol_flags = 0;
		mbuf_assert(m, 60 + i, i);
		rte_pktmbuf_free(m);
		/* The clock may be set while we look. */
		if (before <= after)
			assert_true(stamp >= before && stamp <= after);
		assert_true(stamp >= last || before < last);
		last = stamp;
		/* Whoever has not asked gets none, also from an mbuf that had one. */
		m = receive_one(plain);
		assert_int_equal(m->ol_flags, 0);
		rte_pktmbuf_free(m);
	}
}

/* All frames of a burst were sent at the same time; read later, they still say when. */
static void
test_burst(void **state)
{
	uint64_t flag, first = 0, after;
	struct rte_mbuf *m;
	uint16_t plain;
	struct pair p;
	unsigned int i;
	int off;

	(void)state;
	start(&p, &plain);
	lookup(&off, &flag);
	send_frames(p.a, 0, 100, 0, 30);
	after = real_ns();
	rte_delay_us_sleep(2000);
	for (i = 0; i < 30; i++) {
		m = receive_one(p.b);
		assert_int_equal(m->ol_flags, flag);
		if (i == 0)
			first = *RTE_MBUF_DYNFIELD(m, off, rte_mbuf_timestamp_t *);
		assert_int_equal(*RTE_MBUF_DYNFIELD(m, off, rte_mbuf_timestamp_t *), first);
		rte_pktmbuf_free(m);
	}
	assert_true(first <= after);
	expect_none(p.b, 0);
}

static void
test_clock(void **state)
{
	uint64_t before, clock, after;
	struct pair p;

	(void)state;
	pair_start(&p, NULL, NULL);
	before = real_ns();
	assert_int_equal(rte_eth_read_clock(p.a, &clock), 0);
	after = real_ns();
	if (before <= after)
		assert_true(clock >= before && clock <= after);
}

/* The clocks behind the times on a shmif bus are unknown, so mbufs carry no times. */
static void
test_not_on_shmif(void **state)
{
	const struct rte_eth_conf eth = { .rxmode.offloads = RTE_ETH_RX_OFFLOAD_TIMESTAMP };
	struct rte_eth_dev_info info;
	uint64_t clock;
	uint16_t port;
	char *path;

	(void)state;
	path = tmpdir_new_path();
	port = nic_new(path, "format=shmif");
	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	assert_int_equal(info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_TIMESTAMP, 0);
	assert_int_equal(rte_eth_dev_configure(port, 1, 1, &eth), -EINVAL);
	assert_int_equal(rte_eth_read_clock(port, &clock), -ENOTSUP);
	free(path);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_time_of_sending),
		T(test_burst),
		T(test_clock),
		T(test_not_on_shmif),
	};

	return cmocka_run_group_tests_name("pmd_timestamp", tests, eal_start, eal_stop);
}
