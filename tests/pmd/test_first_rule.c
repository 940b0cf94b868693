/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The first rule that chooses among queues, on a started port without RSS. Until then each
 * queue reads lanes of its own; from then on all queues read all lanes. Frames sent
 * before stay with the queue that had their lane, frames sent after follow the rules, and
 * none is lost, doubled or counted twice.
 */

#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_flow.h>

#include "ipframe.h"

#define QUEUES 4
#define ITEM(t, s, m) { .type = RTE_FLOW_ITEM_TYPE_##t, .spec = (s), .mask = (m) }
#define ACTION(t, c) { .type = RTE_FLOW_ACTION_TYPE_##t, .conf = (c) }
#define END_ITEM { .type = RTE_FLOW_ITEM_TYPE_END }
#define END_ACTION { .type = RTE_FLOW_ACTION_TYPE_END }

static const struct rte_flow_attr ingress = { .ingress = 1 };
static const struct rte_flow_item any_udp[] = {
	ITEM(ETH, NULL, NULL), ITEM(IPV4, NULL, NULL), ITEM(UDP, NULL, NULL), END_ITEM,
};

static struct rte_flow *
rule(uint16_t port, const struct rte_flow_action *actions)
{
	struct rte_flow_error error = { .message = NULL };
	struct rte_flow *flow;

	if (rte_flow_validate(port, &ingress, any_udp, actions, &error) != 0)
		fail_msg("not valid: %s", error.message);
	flow = rte_flow_create(port, &ingress, any_udp, actions, &error);
	if (flow == NULL)
		fail_msg("not created: %s", error.message);
	return flow;
}

static struct rte_flow *
to_queue(uint16_t port, uint16_t queue)
{
	const struct rte_flow_action_queue conf = { .index = queue };
	const struct rte_flow_action actions[] = { ACTION(QUEUE, &conf), END_ACTION };

	return rule(port, actions);
}

static void
destroy(uint16_t port, struct rte_flow *flow)
{
	assert_int_equal(rte_flow_destroy(port, flow, NULL), 0);
}

/* Four Tx queues send, rx says what receives. */
static void
start(struct pair *p, const char *args, const struct nic_conf *rx)
{
	const struct nic_conf tx = { .n_txq = QUEUES };

	pair_start_as(p, args, &tx, rx);
}

static void
send_one(uint16_t port, uint16_t queue, uint8_t proto, uint32_t seq)
{
	struct ipframe packet = ipframe_of_flow(seq, proto);

	packet.seq = seq;
	ipframe_send(port, queue, &packet);
}

/* n frames in one burst, and so in one record. */
static void
send_burst(uint16_t port, uint16_t queue, uint32_t seq, uint16_t n)
{
	struct rte_mbuf *pkts[64];
	struct ipframe packet;
	uint16_t i;

	for (i = 0; i < n; i++) {
		packet = ipframe_of_flow(seq + i, IPPROTO_UDP);
		packet.seq = seq + i;
		pkts[i] = ipframe_new(&packet);
	}
	assert_int_equal(rte_eth_tx_burst(port, queue, pkts, n), n);
}

/* n frames with numbers from seq on must come next. */
static void
expect(uint16_t port, uint16_t queue, uint32_t seq, uint32_t n)
{
	struct rte_mbuf *m;

	for (; n > 0; n--, seq++) {
		assert_int_equal(receive(port, queue, &m, 1), 1);
		assert_int_equal(ipframe_seq(m), seq);
		rte_pktmbuf_free(m);
	}
}

/* Of the pair's first port, which has slot 0. */
static uint16_t
queue_of_lane(uint16_t txq, uint16_t n_rxq)
{
	return txq % n_rxq;
}

/* The rule is accepted and in force; what it does not match goes as before, also when it is gone. */
static void
test_accepted(void **state)
{
	const uint16_t all[] = { 0, 1, 1 };
	const struct rte_flow_action_rss rss = { .queue = all, .queue_num = 3,
						 .types = RTE_ETH_RSS_NONFRAG_IPV4_UDP };
	const struct rte_flow_action by_rss[] = { ACTION(RSS, &rss), END_ACTION };
	const struct nic_conf rx = { .n_rxq = 2 };
	unsigned int way;
	struct rte_flow *flow;
	struct pair p;
	uint32_t n0, n1;
	uint16_t q;

	(void)state;
	for (way = 0; way < 2; way++) {
		start(&p, NULL, &rx);
		flow = way == 0 ? to_queue(p.b, 1) : rule(p.b, by_rss);
		for (q = 0; q < QUEUES; q++) {
			send_one(p.a, q, IPPROTO_TCP, q);
			expect(p.b, queue_of_lane(q, 2), q, 1);
		}
		for (q = 0; q < 64; q++)
			send_one(p.a, q % QUEUES, IPPROTO_UDP, q);
		n0 = drain(p.b, 0);
		n1 = drain(p.b, 1);
		assert_int_equal(n0 + n1, 64);
		if (way == 0)
			assert_int_equal(n1, 64);
		else
			assert_true(n0 != 0 && n1 != 0);
		destroy(p.b, flow);
		for (q = 0; q < QUEUES; q++) {
			send_one(p.a, q, IPPROTO_UDP, q);
			expect(p.b, queue_of_lane(q, 2), q, 1);
		}
		/* A start takes the lanes apart again, and the next first rule is one. */
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		assert_int_equal(rte_eth_dev_start(p.b), 0);
		flow = to_queue(p.b, 0);
		send_one(p.a, 1, IPPROTO_UDP, 7);
		expect(p.b, 0, 7, 1);
		expect_none(p.b, 1);
		pair_remove(&p);
	}
}

/*
 * Frames that wait, some of a record that was begun: they stay where they were, in their
 * order, under the first rule and under those after it.
 */
static void
test_waiting_frames(void **state)
{
	const struct nic_conf rx = { .n_rxq = QUEUES };
	unsigned int changes;
	struct rte_flow *flow;
	struct pair p;
	uint32_t k;
	uint16_t q;

	(void)state;
	for (changes = 0; changes < 4; changes++) {
		start(&p, NULL, &rx);
		for (q = 0; q < QUEUES; q++) {
			send_burst(p.a, q, 1000 * q, 20);
			send_burst(p.a, q, 1000 * q + 20, 20);
			expect(p.b, queue_of_lane(q, QUEUES), 1000 * q, 5 * q);
		}
		flow = to_queue(p.b, 3);
		for (k = 0; k < changes; k++) {
			destroy(p.b, flow);
			flow = to_queue(p.b, 3);
		}
		for (q = 0; q < QUEUES; q++)
			send_burst(p.a, q, 1000 * q + 40, 10);
		for (q = 0; q < QUEUES; q++)
			expect(p.b, queue_of_lane(q, QUEUES), 1000 * q + 5 * q, q < 3 ? 40 - 5 * q : 0);
		for (q = 0; q < 3; q++)
			expect_none(p.b, q);
		/* All others are in queue 3: the rest of its own lane, and what came after the rule. */
		assert_int_equal(drain(p.b, 3), 25 + 4 * 10);
		assert_int_equal(stats_of(p.b).imissed, 0);
		pair_remove(&p);
	}
}

/* Each frame that no queue gets counts once, before the rule and after. */
static void
test_counts(void **state)
{
	static const struct rte_ether_addr other = { { 2, 0, 0, 0, 0, 0x77 } };
	const struct rte_flow_action drop[] = { ACTION(DROP, NULL), ACTION(COUNT, NULL), END_ACTION };
	const struct nic_conf rx = { .n_rxq = 3, .filter = true };
	struct rte_flow_query_count count = { .reset = 0 };
	struct ipframe packet = ipframe_of_flow(1, IPPROTO_TCP);
	struct rte_flow *dropped;
	unsigned int round;
	struct pair p;
	uint16_t q;

	(void)state;
	start(&p, NULL, &rx);
	packet.to = &other;
	dropped = rule(p.b, drop);
	for (round = 0; round < 3; round++) {
		for (q = 0; q < QUEUES; q++) {
			ipframe_send(p.a, q, &packet);
			send_burst(p.a, q, 0, 7);
		}
		if (round == 0) /* these frames wait */
			to_queue(p.b, 1);
		if (round == 1) { /* these come when all queues read all lanes */
			for (q = 0; q < 3; q++)
				assert_int_equal(drain(p.b, q), 0);
		}
	}
	for (q = 0; q < 3; q++)
		assert_int_equal(drain(p.b, q), 0);
	assert_int_equal(xstat_of(p.b, "rx_filtered"), 3 * QUEUES);
	assert_int_equal(rte_flow_query(p.b, dropped, &drop[1], &count, NULL), 0);
	assert_int_equal(count.hits, 3 * QUEUES * 7);
	assert_int_equal(stats_of(p.b).imissed, 0);
}

/* Lost frames count once: those lost by one queue alone before the rule, and by all after it. */
static void
test_lost(void **state)
{
	const struct nic_conf rx = { .n_rxq = 3 };
	uint32_t sent, got, i;
	unsigned int way;
	struct pair p;
	uint16_t q;

	(void)state;
	/* The rule comes before the queue notices its loss, after it, or with the lanes empty. */
	for (way = 0; way < 3; way++) {
		start(&p, "lane_size=64K,pause=off", &rx);
		sent = 0;
		got = 0;
		for (i = 0; i < 100 && way != 2; i++, sent += 20)
			send_burst(p.a, 1, sent, 20);
		if (way == 1) {
			got += drain(p.b, 1);
			assert_int_equal(stats_of(p.b).imissed, sent - got);
			for (i = 0; i < 100; i++, sent += 20)
				send_burst(p.a, 1, sent, 20);
		}
		to_queue(p.b, 2);
		for (i = 0; i < 3; i++, sent += 20)
			send_burst(p.a, 1, sent, 20);
		for (q = 0; q < 3; q++)
			got += drain(p.b, q);
		assert_int_equal(got + stats_of(p.b).imissed, sent);
		for (i = 0; i < 100; i++, sent += 20)
			send_burst(p.a, 1, sent, 20);
		for (q = 0; q < 3; q++)
			got += drain(p.b, q);
		assert_true(got < sent);
		assert_int_equal(got + stats_of(p.b).imissed, sent);
		pair_remove(&p);
	}
}

/* A queue that is not started drops its share, as without rules, and joins in when it starts. */
static void
test_stopped_queue(void **state)
{
	const struct nic_conf rx = { .n_rxq = 2 };
	struct pair p;

	(void)state;
	start(&p, NULL, &rx);
	assert_int_equal(rte_eth_dev_rx_queue_stop(p.b, 1), 0);
	send_burst(p.a, 1, 0, 10);
	to_queue(p.b, 1);
	send_burst(p.a, 0, 10, 10);
	send_one(p.a, 0, IPPROTO_TCP, 20);
	expect(p.b, 0, 20, 1);
	assert_int_equal(rte_eth_dev_rx_queue_start(p.b, 1), 0);
	send_burst(p.a, 0, 30, 10);
	expect(p.b, 1, 30, 10);
	send_burst(p.a, 1, 40, 10);
	expect(p.b, 1, 40, 10);
	expect_none(p.b, 0);
}

/* The link goes down and up around the rule, and no queue has polled in between. */
static void
test_link(void **state)
{
	const struct nic_conf rx = { .n_rxq = 2 };
	unsigned int way;
	struct pair p;

	(void)state;
	for (way = 0; way < 3; way++) {
		start(&p, NULL, &rx);
		send_burst(p.a, 1, 0, 10);
		if (way != 2)
			assert_int_equal(rte_eth_dev_set_link_down(p.b), 0);
		if (way == 0)
			assert_int_equal(rte_eth_dev_set_link_up(p.b), 0);
		to_queue(p.b, 0);
		if (way == 1)
			assert_int_equal(rte_eth_dev_set_link_up(p.b), 0);
		send_burst(p.a, 1, 10, 10);
		expect(p.b, 0, 10, 10);
		/* What was sent before the link went down is gone. */
		expect(p.b, 1, 0, way == 2 ? 10 : 0);
		expect_none(p.b, 1);
		expect_none(p.b, 0);
		assert_int_equal(stats_of(p.b).imissed, 0);
		pair_remove(&p);
	}
}

/* A readonly port has no cursors, and the same rules. */
static void
test_readonly(void **state)
{
	const struct nic_conf rx = { .n_rxq = 2, .readonly = true };
	struct pair p;
	uint16_t eye;

	(void)state;
	start(&p, NULL, NULL);
	eye = nic_new(p.path, "readonly=on");
	nic_start(eye, &rx);
	send_burst(p.a, 0, 0, 10);
	send_burst(p.a, 1, 10, 10);
	to_queue(eye, 0);
	expect(eye, 0, 0, 10);
	expect(eye, 1, 10, 10);
	send_burst(p.a, 1, 20, 10);
	expect(eye, 0, 20, 10);
	expect_none(eye, 0);
	expect_none(eye, 1);
}

/* Frames that waited in isolated mode stay out, as no rule matched them. */
static void
test_isolated(void **state)
{
	const struct nic_conf rx = { .n_rxq = 2 };
	struct pair p;

	(void)state;
	start(&p, NULL, &rx);
	assert_int_equal(rte_flow_isolate(p.b, 1, NULL), 0);
	send_burst(p.a, 1, 0, 10); /* no rule: not for this port */
	to_queue(p.b, 0);
	send_burst(p.a, 1, 10, 10);
	expect(p.b, 0, 10, 10);
	expect_none(p.b, 0);
	expect_none(p.b, 1);
	assert_int_equal(rte_flow_isolate(p.b, 0, NULL), 0);
	send_one(p.a, 1, IPPROTO_TCP, 20);
	expect(p.b, 1, 20, 1);
}

/* ---- a queue that sleeps */

static void *
sleep_for_frame(void *arg)
{
	const uint16_t *port = arg;
	struct rte_epoll_event event;
	struct rte_mbuf *m;
	uint32_t n = 0;

	if (rte_eth_dev_rx_intr_ctl_q(*port, 1, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD, NULL) != 0)
		fail_msg("cannot sleep");
	while (n == 0) {
		if (rte_eth_dev_rx_intr_enable(*port, 1) != 0 ||
		    rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, 60000) < 1)
			fail_msg("not woken");
		while (rte_eth_rx_burst(*port, 1, &m, 1) == 1) {
			rte_pktmbuf_free(m);
			n++;
		}
	}
	rte_eth_dev_rx_intr_ctl_q(*port, 1, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_DEL, NULL);
	return NULL;
}

/* The queue wakes for a frame of a lane that it had not when it fell asleep. */
static void
test_sleeping_queue(void **state)
{
	const struct nic_conf rx = { .n_rxq = 2, .rxq = true };
	pthread_t thread;
	struct pair p;
	unsigned int i;

	(void)state;
	for (i = 0; i < 10; i++) {
		start(&p, NULL, &rx);
		assert_int_equal(pthread_create(&thread, NULL, sleep_for_frame, &p.b), 0);
		rte_delay_us_sleep(i % 2 == 0 ? 20000 : 0);
		to_queue(p.b, 1);
		rte_delay_us_sleep(i % 3 == 0 ? 20000 : 0);
		send_burst(p.a, 0, 0, 3);
		assert_int_equal(pthread_join(thread, NULL), 0);
		drain(p.b, 1);
		drain(p.b, 0);
		pair_remove(&p);
	}
}

/* ---- threads that poll meanwhile */

#define FRAMES 1200
#define BURST 16
#define ROUNDS 150

struct traffic {
	struct pair p;
	uint8_t seen[FRAMES];
	uint32_t n_rxq;
	uint32_t got;      /* of all queues */
	uint32_t doubled;
	uint32_t begun;    /* frames that were handed to a Tx queue */
	uint32_t stop;
};

struct poller {
	struct traffic *t;
	pthread_t thread;
	uint16_t queue;
};

static void *
poll_queue(void *arg)
{
	struct poller *poller = arg;
	struct traffic *t = poller->t;
	struct rte_mbuf *pkts[BURST];
	uint32_t idle = 0;
	uint16_t n, i;

	while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
		/* The queues do not keep step. */
		n = rte_eth_rx_burst(t->p.b, poller->queue, pkts, 1 + (poller->queue * 5) % BURST);
		if (n == 0 && ++idle % 16 == 0)
			sched_yield();
		for (i = 0; i < n; i++) {
			if (__atomic_exchange_n(&t->seen[ipframe_seq(pkts[i])], 1, __ATOMIC_RELAXED) != 0)
				__atomic_add_fetch(&t->doubled, 1, __ATOMIC_RELAXED);
			rte_pktmbuf_free(pkts[i]);
		}
		__atomic_add_fetch(&t->got, n, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void *
send_all(void *arg)
{
	struct traffic *t = arg;
	struct rte_mbuf *pkts[BURST];
	struct ipframe packet;
	uint32_t seq = 0, i;
	uint16_t n;

	while (seq < FRAMES) {
		n = (uint16_t)RTE_MIN((uint32_t)BURST, FRAMES - seq);
		for (i = 0; i < n; i++) {
			packet = ipframe_of_flow(seq, IPPROTO_UDP);
			packet.seq = seq++;
			pkts[i] = ipframe_new(&packet);
		}
		__atomic_store_n(&t->begun, seq, __ATOMIC_RELAXED);
		for (i = 0; i < n;) {
			i += rte_eth_tx_burst(t->p.a, seq / BURST % QUEUES, &pkts[i], n - i);
			if (i < n)
				sched_yield();
		}
	}
	return NULL;
}

/* Makes the first rule once so many frames were sent, and then changes rules. */
static void
change_rules(struct traffic *t, uint32_t when, unsigned int round)
{
	struct rte_flow *flow, *other;

	while (__atomic_load_n(&t->begun, __ATOMIC_RELAXED) < when)
		sched_yield();
	flow = to_queue(t->p.b, round % t->n_rxq);
	if (round % 3 == 0)
		return;
	/* The same queue once more: nothing moves, so this may follow at once. */
	other = to_queue(t->p.b, round % t->n_rxq);
	destroy(t->p.b, flow);
	if (round % 3 == 1)
		destroy(t->p.b, other);
	else
		assert_int_equal(rte_flow_flush(t->p.b, NULL), 0);
}

static void
wait_for_frames(const struct traffic *t)
{
	const uint64_t start_ms = now_ms();

	while (__atomic_load_n(&t->got, __ATOMIC_ACQUIRE) < FRAMES) {
		if (now_ms() - start_ms > 60000)
			fail_msg("%u of %u frames came", t->got, FRAMES);
		rte_delay_us_sleep(500);
	}
	rte_delay_us_sleep(2000); /* none comes twice */
}

/* Four lanes, as many threads as queues, and rules that come and go: each frame once. */
static void
test_threads(void **state)
{
	const struct nic_conf tx = { .n_txq = QUEUES };
	struct nic_conf rx = { .n_rxq = 2, .filter = true };
	static struct traffic t;
	struct poller pollers[QUEUES];
	pthread_t sender;
	unsigned int round;
	uint16_t q;

	(void)state;
	nic_use_all_cpus();
	/* What fails in a thread ends the program. */
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	pair_start_as(&t.p, "lane_size=64K,pause_timeout_ms=60000", &tx, &rx);
	for (round = 0; round < ROUNDS; round++) {
		memset(t.seen, 0, sizeof(t.seen));
		t.got = t.begun = t.stop = 0;
		rx.n_rxq = 2 + round % (QUEUES - 1);
		rx.filter = round % 2 == 0;
		t.n_rxq = rx.n_rxq;
		assert_int_equal(rte_eth_dev_stop(t.p.b), 0);
		assert_int_equal(rte_flow_flush(t.p.b, NULL), 0);
		nic_start(t.p.b, &rx);
		for (q = 0; q < rx.n_rxq; q++) {
			pollers[q] = (struct poller){ .t = &t, .queue = q };
			assert_int_equal(pthread_create(&pollers[q].thread, NULL, poll_queue,
							&pollers[q]), 0);
		}
		assert_int_equal(pthread_create(&sender, NULL, send_all, &t), 0);
		change_rules(&t, round * FRAMES / ROUNDS, round);
		pthread_join(sender, NULL);
		wait_for_frames(&t);
		__atomic_store_n(&t.stop, 1, __ATOMIC_RELEASE);
		for (q = 0; q < rx.n_rxq; q++)
			pthread_join(pollers[q].thread, NULL);
		assert_int_equal(t.got, FRAMES);
		assert_int_equal(t.doubled, 0);
		assert_int_equal(stats_of(t.p.b).imissed, 0);
	}
	unsetenv("CMOCKA_TEST_ABORT");
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_accepted),
		T(test_waiting_frames),
		T(test_counts),
		T(test_lost),
		T(test_stopped_queue),
		T(test_link),
		T(test_readonly),
		T(test_isolated),
		T(test_sleeping_queue),
		T(test_threads),
	};

	return cmocka_run_group_tests_name("pmd_first_rule", tests, eal_start, eal_stop);
}
