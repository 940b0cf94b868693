/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Rx interrupts: what wakes a queue, what must not be slept through, and what is refused. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_interrupts.h>

#include "nic.h"

/* A thread that is not woken within this time counts as never woken. */
#define HANG_MS 20000
/* More than what an event that is there already needs. */
#define NOW_MS 50

static const char *const formats[] = { "format=lanes", "format=shmif" };
static const struct nic_conf rxq = { .rxq = true };

/* The data of a queue's events is its number and 1000. */
static void
add(uint16_t port, uint16_t queue)
{
	assert_int_equal(rte_eth_dev_rx_intr_ctl_q(port, queue, RTE_EPOLL_PER_THREAD,
			 RTE_INTR_EVENT_ADD, (void *)(uintptr_t)(1000 + queue)), 0);
}

static void
del(uint16_t port, uint16_t queue)
{
	assert_int_equal(rte_eth_dev_rx_intr_ctl_q(port, queue, RTE_EPOLL_PER_THREAD,
			 RTE_INTR_EVENT_DEL, NULL), 0);
}

/* Bits of the queues that were woken within a time. */
static uint64_t
events(int timeout_ms)
{
	struct rte_epoll_event event[16];
	uint64_t woken = 0;
	int i, n;

	n = rte_epoll_wait(RTE_EPOLL_PER_THREAD, event, RTE_DIM(event), timeout_ms);
	assert_true(n >= 0);
	for (i = 0; i < n; i++)
		woken |= UINT64_C(1) << ((uintptr_t)event[i].epdata.data - 1000);
	return woken;
}

static void
arm(uint16_t port, uint16_t queue)
{
	assert_int_equal(rte_eth_dev_rx_intr_enable(port, queue), 0);
}

static void
disarm(uint16_t port, uint16_t queue)
{
	assert_int_equal(rte_eth_dev_rx_intr_disable(port, queue), 0);
}

/* Sleep and be woken by what is sent; nothing else wakes. */
static void
test_wakes(void **state)
{
	struct pair p;
	unsigned int f, i;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		pair_start(&p, formats[f], &rxq);
		add(p.b, 0);
		for (i = 0; i < 20; i++) {
			arm(p.b, 0);
			assert_int_equal(events(i < 3 ? NOW_MS : 0), 0);
			send_frames(p.a, 0, 60, i, 1 + i % 3);
			assert_int_equal(events(HANG_MS), 1);
			disarm(p.b, 0);
			expect_frames(p.b, 0, 60, i, 1 + i % 3);
		}
		del(p.b, 0);
		nic_remove(p.a);
		nic_remove(p.b);
	}
}

/* What came before the interrupt was enabled, in whole or in part. */
static void
test_not_slept_through(void **state)
{
	struct rte_mbuf *m;
	struct pair p;
	unsigned int f, i;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		pair_start(&p, formats[f], &rxq);
		add(p.b, 0);
		for (i = 0; i < 20; i++) {
			send_frames(p.a, 0, 60, 7, 3);
			if (i % 2 != 0)
				events(0);
			arm(p.b, 0);
			assert_int_equal(events(HANG_MS), 1);
			/* One of the three, and to sleep again. */
			assert_int_equal(receive(p.b, 0, &m, 1), 1);
			rte_pktmbuf_free(m);
			arm(p.b, 0);
			assert_int_equal(events(HANG_MS), 1);
			disarm(p.b, 0);
			expect_frames(p.b, 0, 60, 8, 2);
			arm(p.b, 0);
			assert_int_equal(events(i < 3 ? NOW_MS : 0), 0);
			disarm(p.b, 0);
		}
		del(p.b, 0);
		nic_remove(p.a);
		nic_remove(p.b);
	}
}

/* Each queue has its own; all lanes of the sender lead to one of them. */
static void
test_queues(void **state)
{
	const struct nic_conf conf = { .n_rxq = 4, .n_txq = 4, .rxq = true };
	struct pair p;
	uint64_t woken;
	uint16_t q, to, i;

	(void)state;
	pair_start(&p, NULL, &conf);
	for (q = 0; q < 4; q++)
		add(p.b, q);
	for (i = 0; i < 40; i++) {
		/* a has slot 0 */
		to = i % 4;
		for (q = 0; q < 4; q++)
			arm(p.b, q);
		assert_int_equal(events(i < 3 ? NOW_MS : 0), 0);
		send_frames(p.a, to, 60, i, 5);
		woken = events(HANG_MS);
		assert_true(woken & 1u << to);
		for (q = 0; q < 4; q++)
			disarm(p.b, q);
		expect_frames(p.b, to, 60, i, 5);
	}
	/* A queue that is awake wakes nobody. */
	arm(p.b, 1);
	assert_int_equal(events(0), 0);
	send_frames(p.a, 0, 60, 1, 1);
	assert_int_equal(events(NOW_MS), 0);
	expect_frames(p.b, 0, 60, 1, 1);
	send_frames(p.a, 1, 60, 1, 1);
	assert_true(events(HANG_MS) & 2);
	expect_frames(p.b, 1, 60, 1, 1);
	for (q = 0; q < 4; q++)
		del(p.b, q);
}

/* A port that comes when the others sleep already. */
static void
test_later_port(void **state)
{
	char *path;
	uint16_t a, b;
	unsigned int f, i;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		path = tmpdir_new_path();
		a = nic_new(path, formats[f]);
		nic_start(a, &rxq);
		add(a, 0);
		for (i = 0; i < 5; i++) {
			arm(a, 0);
			events(0);
			b = nic_new(path, NULL);
			nic_start(b, NULL);
			send_frames(b, 0, 60, i, 1);
			assert_int_equal(events(HANG_MS), 1);
			disarm(a, 0);
			expect_frames(a, 0, 60, i, 1);
			/* And what it leaves behind. */
			arm(a, 0);
			events(0);
			send_frames(b, 0, 60, i, 1);
			nic_remove(b);
			assert_int_equal(events(HANG_MS), 1);
			disarm(a, 0);
			expect_frames(a, 0, 60, i, 1);
		}
		del(a, 0);
		nic_remove(a);
		free(path);
	}
}

/* A port that has sent before anybody used interrupts, and is told of it. */
static void
test_begin_and_end(void **state)
{
	struct pair p;
	unsigned int i;

	(void)state;
	pair_start(&p, NULL, NULL);
	for (i = 0; i < 5; i++) {
		send_frames(p.a, 0, 60, 1, 1);
		expect_frames(p.b, 0, 60, 1, 1);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		nic_start(p.b, &rxq);
		add(p.b, 0);
		arm(p.b, 0);
		assert_int_equal(events(0), 0);
		send_frames(p.a, 0, 60, i, 1);
		assert_int_equal(events(HANG_MS), 1);
		expect_frames(p.b, 0, 60, i, 1);
		del(p.b, 0);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		nic_start(p.b, NULL);
	}
}

/* While it is down there is nothing to wake up for; set up, it looks. */
static void
test_link_down(void **state)
{
	struct pair p;
	unsigned int f;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		pair_start(&p, formats[f], &rxq);
		add(p.b, 0);
		send_frames(p.a, 0, 60, 0, 1);
		assert_int_equal(rte_eth_dev_set_link_down(p.b), 0);
		arm(p.b, 0);
		assert_int_equal(events(NOW_MS), 0);
		assert_int_equal(rte_eth_dev_set_link_up(p.b), 0);
		assert_int_equal(events(HANG_MS), 1);
		disarm(p.b, 0);
		expect_none(p.b, 0);
		arm(p.b, 0);
		assert_int_equal(events(0), 0);
		send_frames(p.a, 0, 60, 1, 1);
		assert_int_equal(events(HANG_MS), 1);
		disarm(p.b, 0);
		expect_frames(p.b, 0, 60, 1, 1);
		del(p.b, 0);
		nic_remove(p.a);
		nic_remove(p.b);
	}
}

/* So with a single queue that is stopped. */
static void
test_stopped_queue(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, NULL, &rxq);
	add(p.b, 0);
	assert_int_equal(rte_eth_dev_rx_queue_stop(p.b, 0), 0);
	arm(p.b, 0);
	send_frames(p.a, 0, 60, 0, 1);
	assert_int_equal(events(NOW_MS), 0);
	assert_int_equal(rte_eth_dev_rx_queue_start(p.b, 0), 0);
	assert_int_equal(events(HANG_MS), 1);
	expect_none(p.b, 0);
	arm(p.b, 0);
	send_frames(p.a, 0, 60, 1, 1);
	assert_int_equal(events(HANG_MS), 1);
	expect_frames(p.b, 0, 60, 1, 1);
	del(p.b, 0);
}

static void
test_refused(void **state)
{
	struct pair p;
	unsigned int f;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		pair_start(&p, formats[f], NULL);
		assert_int_equal(rte_eth_dev_rx_intr_enable(p.b, 0), -ENOTSUP);
		assert_int_equal(rte_eth_dev_rx_intr_disable(p.b, 0), -ENOTSUP);
		assert_true(rte_eth_dev_rx_intr_ctl_q(p.b, 0, RTE_EPOLL_PER_THREAD,
						      RTE_INTR_EVENT_ADD, NULL) != 0);
		/* Stopped, it has none. */
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		nic_start(p.b, &rxq);
		arm(p.b, 0);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		assert_int_equal(rte_eth_dev_rx_intr_enable(p.b, 0), -ENOTSUP);
		nic_remove(p.a);
		nic_remove(p.b);
	}
}

/* A port that only looks on cannot say that it sleeps. */
static void
test_readonly(void **state)
{
	struct rte_eth_conf eth;
	char *path = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	a = nic_new(path, NULL);
	nic_start(a, &rxq);
	b = nic_new(path, "readonly=on");
	memset(&eth, 0, sizeof(eth));
	eth.intr_conf.rxq = 1;
	assert_int_equal(rte_eth_dev_configure(b, 1, 0, &eth), 0);
	assert_int_equal(rte_eth_rx_queue_setup(b, 0, 0, 0, NULL, pool), 0);
	assert_int_equal(rte_eth_dev_start(b), 0);
	assert_int_equal(rte_eth_dev_rx_intr_enable(b, 0), -ENOTSUP);
	free(path);
}

/* No descriptor to be had: the port does not start, and leaves none behind. */
static void
test_no_descriptors(void **state)
{
	const struct nic_conf conf = { .n_rxq = 3, .rxq = true };
	char *path = tmpdir_new_path();
	struct rlimit limit, low;
	int first, again;
	uint16_t a;

	(void)state;
	a = nic_new(path, "format=lanes");
	nic_setup(a, &conf);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	first = dup(0);
	assert_true(first >= 0);
	close(first);
	low = limit;
	low.rlim_cur = (rlim_t)first + 2;
	log_begin();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(rte_eth_dev_start(a), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_in_text(log_text(), "cannot watch the bus for interrupts");
	log_end();
	again = dup(0);
	assert_int_equal(again, first);
	close(again);
	assert_int_equal(rte_eth_dev_start(a), 0);
	arm(a, 2);
	free(path);
}

/* One frame after the other, from another thread, to a port that sleeps for each. */
struct peer {
	uint16_t port;
	uint32_t n;
	uint32_t received;
};

static void *
send_each(void *arg)
{
	struct peer *peer = arg;
	struct rte_mbuf *m;
	uint32_t i, turns;

	nic_use_all_cpus();
	for (i = 0; i < peer->n; i++) {
		while (__atomic_load_n(&peer->received, __ATOMIC_ACQUIRE) != i)
			sched_yield();
		for (turns = i * 7919 % 3000; turns != 0; turns--)
			rte_compiler_barrier();
		m = rte_pktmbuf_alloc(pool);
		if (m == NULL)
			break;
		rte_pktmbuf_append(m, 60);
		while (rte_eth_tx_burst(peer->port, 0, &m, 1) != 1)
			sched_yield();
	}
	return NULL;
}

static void
test_many(void **state)
{
	struct rte_mbuf *m;
	pthread_t thread;
	struct peer peer;
	struct pair p;
	uint32_t slept;
	unsigned int f;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		pair_start(&p, formats[f], &rxq);
		add(p.b, 0);
		peer = (struct peer){ .port = p.a, .n = 10000 };
		assert_int_equal(pthread_create(&thread, NULL, send_each, &peer), 0);
		slept = 0;
		while (peer.received < peer.n) {
			arm(p.b, 0);
			if (events(HANG_MS) != 1)
				fail_msg("%s: not woken after %u frames", formats[f], peer.received);
			slept++;
			disarm(p.b, 0);
			while (rte_eth_rx_burst(p.b, 0, &m, 1) == 1) {
				rte_pktmbuf_free(m);
				__atomic_store_n(&peer.received, peer.received + 1,
						 __ATOMIC_RELEASE);
			}
		}
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_true(slept > peer.n / 100);
		del(p.b, 0);
		nic_remove(p.a);
		nic_remove(p.b);
	}
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_wakes),
		T(test_not_slept_through),
		T(test_queues),
		T(test_later_port),
		T(test_begin_and_end),
		T(test_link_down),
		T(test_stopped_queue),
		T(test_refused),
		T(test_readonly),
		T(test_no_descriptors),
		T(test_many),
	};

	return cmocka_run_group_tests_name("pmd_intr", tests, eal_start, eal_stop);
}
