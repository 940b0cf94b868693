/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The link goes down and up while another thread sends, with pause: from the
 * moment that it is up nothing is missed, though the lane is short and is
 * written over and over while the link is down.
 */

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "nic.h"
#include "rounds.h"

#define BURST 8
#define LEN 1000
/* Frames that are looked at in a cycle: more than a lane of 64 KiB has. */
#define LOOK 80

/* Sends frames with numbers, without end. */
struct sender {
	uint16_t port;
	uint64_t next; /* the first number that no burst has begun to send, it writes */
	uint32_t stop;
	struct rte_mempool *pool;
};

static void *
stream(void *arg)
{
	struct rte_mbuf *pkts[BURST];
	struct sender *s = arg;
	uint64_t seq = 0;
	uint16_t i, sent;

	nic_use_all_cpus();
	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
		if (rte_pktmbuf_alloc_bulk(s->pool, pkts, BURST) != 0)
			break;
		for (i = 0; i < BURST; i++) {
			rte_pktmbuf_append(pkts[i], LEN);
			*rte_pktmbuf_mtod(pkts[i], uint64_t *) = seq + i;
		}
		__atomic_store_n(&s->next, seq + BURST, __ATOMIC_RELEASE);
		for (sent = 0; sent < BURST && !__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE);) {
			i = rte_eth_tx_burst(s->port, 0, &pkts[sent], BURST - sent);
			sent += i;
			if (i == 0)
				sched_yield();
		}
		if (sent < BURST)
			rte_pktmbuf_free_bulk(&pkts[sent], BURST - sent);
		seq += BURST;
	}
	return NULL;
}

/* The frames that come now are in order, from one on that began to be sent no later than at next. */
static void
expect_all_from(uint16_t port, uint64_t next, unsigned int cycle)
{
	struct rte_mbuf *pkts[32];
	unsigned int got = 0;
	uint64_t expected = 0, seq;
	uint16_t n, i;

	while (got < LOOK) {
		n = rte_eth_rx_burst(port, 0, pkts, RTE_DIM(pkts));
		for (i = 0; i < n; i++, got++) {
			seq = *rte_pktmbuf_mtod(pkts[i], uint64_t *);
			if (got == 0 ? seq > next : seq != expected)
				fail_msg("cycle %u, frame %u: %llu came, %llu was due", cycle, got,
					 (unsigned long long)seq,
					 (unsigned long long)(got == 0 ? next : expected));
			expected = seq + 1;
		}
		rte_pktmbuf_free_bulk(pkts, n);
		if (n == 0)
			sched_yield();
	}
}

static void
test_nothing_missed(void **state)
{
	const unsigned int cycles = rounds(2000, 500, NULL);
	static struct sender s; /* the thread may outlive a test that fails */
	pthread_t thread;
	unsigned int i;
	struct pair p;
	uint64_t next;

	(void)state;
	/* With many lanes it takes long to go through them all: more can happen meanwhile. */
	pair_start(&p, "format=lanes,ports=64,queues=16,lane_size=64K,"
		   "pause_timeout_ms=4294967295", NULL);
	s.port = p.a;
	s.pool = pool;
	assert_int_equal(pthread_create(&thread, NULL, stream, &s), 0);
	for (i = 0; i < cycles; i++) {
		assert_int_equal(rte_eth_dev_set_link_down(p.b), 0);
		/* A lap and more, at different places. */
		next = __atomic_load_n(&s.next, __ATOMIC_ACQUIRE) + i % 97;
		while (__atomic_load_n(&s.next, __ATOMIC_ACQUIRE) < next)
			sched_yield();
		assert_int_equal(rte_eth_dev_set_link_up(p.b), 0);
		next = __atomic_load_n(&s.next, __ATOMIC_ACQUIRE);
		/* Time for the sender to write over what is not held. */
		sched_yield();
		expect_all_from(p.b, next, i);
	}
	__atomic_store_n(&s.stop, 1, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	drain(p.b, 0);
	assert_int_equal(stats_of(p.b).imissed, 0);
	assert_int_equal(xstat_of(p.b, "rx_overruns"), 0);
	assert_int_equal(stats_of(p.b).ierrors, 0);
	assert_int_equal(xstat_of(p.a, "tx_pause_timeouts"), 0);
	print_message("# %u cycles, %llu frames sent\n", i, (unsigned long long)s.next);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_nothing_missed),
	};

	return cmocka_run_group_tests_name("pmd_link_cycles", tests, eal_start, eal_stop);
}
