/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Rx interrupts: wake-ups, frames that a sleeper must not miss, and refused calls. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_epoll.h>
#include <rte_interrupts.h>

#include "linkstr.h"
#include "nic.h"

/* A thread that is not woken within this time counts as never woken. */
#define HANG_MS 20000
/* More than what an event that is there already needs. */
#define NOW_MS 50

static const struct nic_conf rxq = { .rxq = true };

/* The bit of a queue; a test has few ports. */
static uint64_t
bit(uint16_t port, uint16_t queue)
{
	return UINT64_C(1) << (port % 8 * 8 + queue);
}

static void
add(uint16_t port, uint16_t queue)
{
	assert_int_equal(rte_eth_dev_rx_intr_ctl_q(port, queue, RTE_EPOLL_PER_THREAD,
			 RTE_INTR_EVENT_ADD, (void *)(uintptr_t)bit(port, queue)), 0);
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
		woken |= (uintptr_t)event[i].epdata.data;
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

/* Queue 0 of a port, and no other, is woken; and so it is not. */
static void
assert_woken(uint16_t port)
{
	assert_int_equal(events(HANG_MS), bit(port, 0));
}

static void
assert_asleep(int timeout_ms)
{
	assert_int_equal(events(timeout_ms), 0);
}

/* A frame is sent to a sleeping port, wakes it, and comes. */
static void
wake_by_frame(uint16_t from, uint16_t to, uint64_t seq)
{
	arm(to, 0);
	assert_asleep(0);
	send_frames(from, 0, 60, seq, 1);
	assert_woken(to);
	disarm(to, 0);
	expect_frames(to, 0, 60, seq, 1);
}

/* Sent frames wake a sleeper; nothing else does. */
static void
test_wakes(void **state)
{
	struct pair p;
	unsigned int i;

	pair_start(&p, *state, &rxq);
	add(p.b, 0);
	for (i = 0; i < 20; i++) {
		arm(p.b, 0);
		assert_asleep(i < 3 ? NOW_MS : 0);
		send_frames(p.a, 0, 60, i, 1 + i % 3);
		assert_woken(p.b);
		disarm(p.b, 0);
		expect_frames(p.b, 0, 60, i, 1 + i % 3);
	}
	del(p.b, 0);
}

/* What came before the interrupt was enabled, in whole or in part. */
static void
test_not_slept_through(void **state)
{
	struct rte_mbuf *m;
	struct pair p;
	unsigned int i;

	pair_start(&p, *state, &rxq);
	add(p.b, 0);
	for (i = 0; i < 20; i++) {
		send_frames(p.a, 0, 60, 7, 3);
		if (i % 2 != 0)
			events(0);
		arm(p.b, 0);
		assert_woken(p.b);
		/* One of the three, and to sleep again. */
		assert_int_equal(receive(p.b, 0, &m, 1), 1);
		rte_pktmbuf_free(m);
		arm(p.b, 0);
		assert_woken(p.b);
		if (i % 4 < 2)
			disarm(p.b, 0);
		expect_frames(p.b, 0, 60, 8, 2);
		arm(p.b, 0);
		assert_asleep(i < 3 ? NOW_MS : 0);
		disarm(p.b, 0);
	}
	del(p.b, 0);
}

/* A burst wakes both of two other ports, each once. */
static void
test_three(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t ports[3];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ports[i] = nic_new(path, *state);
		nic_start(ports[i], &rxq);
		if (i != 0)
			add(ports[i], 0);
	}
	arm(ports[1], 0);
	arm(ports[2], 0);
	send_frames(ports[0], 0, 60, 1, 32);
	assert_int_equal(events(HANG_MS), bit(ports[1], 0) | bit(ports[2], 0));
	for (i = 1; i < 3; i++) {
		expect_frames(ports[i], 0, 60, 1, 32);
		arm(ports[i], 0);
	}
	assert_asleep(NOW_MS);
	del(ports[1], 0);
	del(ports[2], 0);
	free(path);
}

/* wake=never: the frame is there, but the sleeper goes on sleeping. */
static void
test_never(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "format=shmif,wake=never", &rxq);
	add(p.b, 0);
	arm(p.b, 0);
	send_frames(p.a, 0, 60, 1, 10);
	assert_asleep(NOW_MS);
	/* A port that enables it once more is told at once. */
	arm(p.b, 0);
	assert_woken(p.b);
	expect_frames(p.b, 0, 60, 1, 10);
	del(p.b, 0);
}

/* Each queue has its own; all lanes of the sender lead to one of them. */
static void
test_queues(void **state)
{
	const struct nic_conf conf = { .n_rxq = 4, .n_txq = 4, .rxq = true };
	struct pair p;
	uint64_t woken;
	uint16_t q, to, i;

	pair_start(&p, *state, &conf);
	for (q = 0; q < 4; q++)
		add(p.b, q);
	for (i = 0; i < 40; i++) {
		/* a has slot 0 */
		to = i % 4;
		for (q = 0; q < 4; q++)
			arm(p.b, q);
		assert_asleep(i < 3 ? NOW_MS : 0);
		send_frames(p.a, to, 60, i, 5);
		woken = events(HANG_MS);
		assert_true(woken & bit(p.b, to));
		for (q = 0; q < 4; q++)
			disarm(p.b, q);
		expect_frames(p.b, to, 60, i, 5);
	}
	/* Frames for a queue that is awake cause no wake-up. */
	arm(p.b, 1);
	assert_asleep(0);
	send_frames(p.a, 0, 60, 1, 1);
	assert_asleep(NOW_MS);
	expect_frames(p.b, 0, 60, 1, 1);
	send_frames(p.a, 1, 60, 1, 1);
	assert_true(events(HANG_MS) & bit(p.b, 1));
	expect_frames(p.b, 1, 60, 1, 1);
	for (q = 0; q < 4; q++)
		del(p.b, q);
}

/* A port that comes when the others sleep already. */
static void
test_later_port(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t a, b;
	unsigned int i;

	a = nic_new(path, *state);
	nic_start(a, &rxq);
	add(a, 0);
	for (i = 0; i < 5; i++) {
		arm(a, 0);
		events(0);
		b = nic_new(path, NULL);
		nic_start(b, NULL);
		send_frames(b, 0, 60, i, 1);
		assert_woken(a);
		disarm(a, 0);
		expect_frames(a, 0, 60, i, 1);
		/* And what it leaves behind. */
		arm(a, 0);
		events(0);
		send_frames(b, 0, 60, i, 1);
		nic_remove(b);
		assert_woken(a);
		disarm(a, 0);
		expect_frames(a, 0, 60, i, 1);
	}
	del(a, 0);
	free(path);
}

/* A sender from before any port used interrupts learns that one does now. */
static void
test_begin_and_end(void **state)
{
	struct pair p;
	unsigned int i;

	pair_start(&p, *state, NULL);
	for (i = 0; i < 5; i++) {
		send_frames(p.a, 0, 60, 1, 1);
		expect_frames(p.b, 0, 60, 1, 1);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		nic_start(p.b, &rxq);
		add(p.b, 0);
		wake_by_frame(p.a, p.b, i);
		/* The same queues once more. */
		del(p.b, 0);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		assert_int_equal(rte_eth_dev_start(p.b), 0);
		add(p.b, 0);
		wake_by_frame(p.a, p.b, i);
		del(p.b, 0);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		nic_start(p.b, NULL);
	}
}

/* On another bus a port hears that one; on none it hears nothing. */
static void
test_relinked(void **state)
{
	char *there = tmpdir_new_path();
	struct pair p;
	uint16_t c;

	pair_start(&p, *state, &rxq);
	c = nic_new(there, *state);
	nic_start(c, NULL);
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(linkstr_set(p.b, there), 0);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	add(p.b, 0);
	arm(p.b, 0);
	send_frames(p.a, 0, 60, 1, 1);
	assert_asleep(NOW_MS);
	wake_by_frame(c, p.b, 2);
	del(p.b, 0);
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(linkstr_unset(p.b), 0);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	add(p.b, 0);
	arm(p.b, 0);
	send_frames(c, 0, 60, 3, 1);
	assert_asleep(NOW_MS);
	del(p.b, 0);
	free(there);
}

/* While it is down there is nothing to wake up for; set up, it looks. */
static void
test_link_down(void **state)
{
	struct pair p;

	pair_start(&p, *state, &rxq);
	add(p.b, 0);
	send_frames(p.a, 0, 60, 0, 1);
	assert_int_equal(rte_eth_dev_set_link_down(p.b), 0);
	send_frames(p.a, 0, 60, 1, 1);
	arm(p.b, 0);
	assert_asleep(NOW_MS);
	assert_int_equal(rte_eth_dev_set_link_up(p.b), 0);
	assert_woken(p.b);
	disarm(p.b, 0);
	expect_none(p.b, 0);
	wake_by_frame(p.a, p.b, 2);
	del(p.b, 0);
}

/* So with a single queue that is stopped. */
static void
test_stopped_queue(void **state)
{
	struct pair p;

	pair_start(&p, *state, &rxq);
	add(p.b, 0);
	assert_int_equal(rte_eth_dev_rx_queue_stop(p.b, 0), 0);
	arm(p.b, 0);
	send_frames(p.a, 0, 60, 0, 1);
	assert_asleep(NOW_MS);
	assert_int_equal(rte_eth_dev_rx_queue_start(p.b, 0), 0);
	assert_woken(p.b);
	expect_none(p.b, 0);
	wake_by_frame(p.a, p.b, 1);
	del(p.b, 0);
}

static void
test_refused(void **state)
{
	struct pair p;

	pair_start(&p, *state, NULL);
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
}

/* A readonly port on lanes cannot say that it sleeps. */
static void
test_readonly(void **state)
{
	const struct nic_conf conf = { .rxq = true, .readonly = true };
	char *path = tmpdir_new_path();
	uint16_t a, b;

	a = nic_new(path, *state);
	nic_start(a, &rxq);
	b = nic_new(path, "readonly=on");
	nic_start(b, &conf);
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

	a = nic_new(path, *state);
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
	struct dice dice = { .state = 8 };
	struct peer *peer = arg;
	struct rte_mbuf *m;
	uint32_t i, turns;

	nic_use_all_cpus();
	for (i = 0; i < peer->n; i++) {
		m = mbuf_new(pool, 60, i, 0);
		while (__atomic_load_n(&peer->received, __ATOMIC_ACQUIRE) != i)
			sched_yield();
		/* Before the receiver looks, as it goes to sleep, and when it sleeps. */
		for (turns = dice_range(&dice, 0, i % 4 == 0 ? 3000 : 100); turns != 0; turns--)
			rte_compiler_barrier();
		while (rte_eth_tx_burst(peer->port, 0, &m, 1) != 1)
			sched_yield();
	}
	return NULL;
}

static void
test_many(void **state)
{
	static struct peer peer; /* the thread may outlive a test that fails */
	struct rte_mbuf *m;
	pthread_t thread;
	struct pair p;
	uint32_t slept = 0;

	pair_start(&p, *state, &rxq);
	add(p.b, 0);
	peer = (struct peer){ .port = p.a, .n = 10000 };
	assert_int_equal(pthread_create(&thread, NULL, send_each, &peer), 0);
	while (peer.received < peer.n) {
		arm(p.b, 0);
		if (events(HANG_MS) == 0)
			fail_msg("not woken after %u frames", peer.received);
		slept++;
		disarm(p.b, 0);
		while (rte_eth_rx_burst(p.b, 0, &m, 1) == 1) {
			mbuf_assert(m, 60, peer.received);
			rte_pktmbuf_free(m);
			__atomic_store_n(&peer.received, peer.received + 1, __ATOMIC_RELEASE);
		}
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	expect_none(p.b, 0);
	assert_true(slept > peer.n / 100);
	del(p.b, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_wakes),
		BOTH_FORMATS(test_not_slept_through),
		BOTH_FORMATS(test_three),
		SHMIF_ONLY(test_never),
		LANES_ONLY(test_queues),
		BOTH_FORMATS(test_later_port),
		BOTH_FORMATS(test_begin_and_end),
		BOTH_FORMATS(test_relinked),
		BOTH_FORMATS(test_link_down),
		LANES_ONLY(test_stopped_queue),
		BOTH_FORMATS(test_refused),
		LANES_ONLY(test_readonly),
		LANES_ONLY(test_no_descriptors),
		BOTH_FORMATS(test_many),
	};

	return cmocka_run_group_tests_name("pmd_intr", tests, linkstr_start, eal_stop);
}
