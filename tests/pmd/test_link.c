/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The link: status, events, set up and down, and what carries it. */

#include <stdlib.h>

#include <rte_cycles.h>

#include "nic.h"

/* Events that have come for a port; the driver's thread counts. */
struct events {
	uint32_t n;
	int up; /* as the last one found it */
};

static int
on_lsc(uint16_t port, enum rte_eth_event_type type, void *arg, void *ret)
{
	struct events *events = arg;
	struct rte_eth_link link;

	(void)ret;
	if (type == RTE_ETH_EVENT_INTR_LSC) {
		/* Not the test's own thread, so nothing can be asserted; no event is counted. */
		if (rte_eth_link_get_nowait(port, &link) != 0)
			return -1;
		__atomic_store_n(&events->up, link.link_status, __ATOMIC_RELAXED);
		__atomic_add_fetch(&events->n, 1, __ATOMIC_RELEASE);
	}
	return 0;
}

static uint32_t
count(const struct events *events)
{
	return __atomic_load_n(&events->n, __ATOMIC_ACQUIRE);
}

static void
watch(uint16_t port, struct events *events)
{
	memset(events, 0, sizeof(*events));
	assert_int_equal(rte_eth_dev_callback_register(port, RTE_ETH_EVENT_INTR_LSC, on_lsc, events), 0);
}

static void
unwatch(uint16_t port, struct events *events)
{
	rte_eth_dev_callback_unregister(port, RTE_ETH_EVENT_INTR_LSC, on_lsc, events);
}

static void
test_start_and_stop(void **state)
{
	char *path = tmpdir_new_path();
	unsigned int i;
	uint16_t a;

	a = nic_new(path, *state);
	nic_setup(a, NULL);
	assert_false(nic_is_up(a));
	for (i = 0; i < 3; i++) {
		assert_int_equal(rte_eth_dev_start(a), 0);
		assert_true(nic_is_up(a));
		assert_int_equal(rte_eth_dev_stop(a), 0);
		assert_false(nic_is_up(a));
	}
	free(path);
}

/* A port whose link is down neither sends nor receives, and holds up no sender. */
static void
test_down(void **state)
{
	struct rte_mbuf *m;
	struct pair p;
	unsigned int i;

	pair_start(&p, nic_is_lanes(*state) ? "lane_size=64K,pause_timeout_ms=60000" : *state, NULL);
	for (i = 0; i < 5; i++) {
		assert_int_equal(rte_eth_dev_set_link_down(p.b), 0);
		assert_false(nic_is_up(p.b));
		assert_true(nic_is_up(p.a));
		m = mbuf_new(pool, 60, 0, 0);
		assert_false(send_mbuf(p.b, 0, m));
		rte_pktmbuf_free(m);
		send_frames(p.a, 0, 1000, 0, 500);
		expect_none(p.b, 0);
		expect_none(p.a, 0);
		assert_int_equal(rte_eth_dev_set_link_down(p.b), 0); /* once more */

		assert_int_equal(rte_eth_dev_set_link_up(p.b), 0);
		assert_true(nic_is_up(p.b));
		assert_int_equal(rte_eth_dev_set_link_up(p.b), 0);
		/* What was sent meanwhile was not for it; what is sent now is, polled or not. */
		if (i % 2 == 0)
			expect_none(p.b, 0);
		send_frames(p.a, 0, 60, i, 30);
		expect_frames(p.b, 0, 60, i, 30);
		send_frames(p.b, 0, 60, i, 30);
		expect_frames(p.a, 0, 60, i, 30);
	}
	assert_int_equal(stats_of(p.b).imissed, 0);
}

/* Up again, it is waited for again. */
static void
test_up_again_is_heeded(void **state)
{
	struct pair p;
	uint32_t sent;

	(void)state;
	pair_start(&p, "lane_size=64K,pause_timeout_ms=60000", NULL);
	assert_int_equal(rte_eth_dev_set_link_down(p.b), 0);
	send_frames(p.a, 0, 1000, 0, 200);
	assert_int_equal(rte_eth_dev_set_link_up(p.b), 0);
	expect_none(p.b, 0);
	sent = send_some(p.a, 0, 1000, 7, 500);
	assert_true(sent < 70);
	expect_frames(p.b, 0, 1000, 7, sent);
}

static void
test_events(void **state)
{
	const struct nic_conf conf = { .lsc = true };
	char *path = tmpdir_new_path();
	struct events events;
	uint16_t a;

	a = nic_new(path, *state);
	watch(a, &events);
	nic_start(a, &conf);
	eventually(count(&events) == 1 && events.up);
	assert_int_equal(rte_eth_dev_set_link_down(a), 0);
	eventually(count(&events) == 2 && !events.up);
	assert_int_equal(rte_eth_dev_set_link_down(a), 0);
	assert_int_equal(rte_eth_dev_set_link_up(a), 0);
	eventually(count(&events) == 3 && events.up);
	assert_int_equal(rte_eth_dev_stop(a), 0);
	eventually(count(&events) == 4 && !events.up);
	assert_int_equal(rte_eth_dev_start(a), 0);
	eventually(count(&events) == 5 && events.up);
	unwatch(a, &events);
	free(path);
}

static void
test_no_events_unless_asked_for(void **state)
{
	struct events events;
	struct pair p;

	pair_start(&p, *state, NULL);
	watch(p.a, &events);
	assert_int_equal(rte_eth_dev_set_link_down(p.a), 0);
	assert_int_equal(rte_eth_dev_set_link_up(p.a), 0);
	assert_int_equal(count(&events), 0);
	unwatch(p.a, &events);
}

/* carrier=peer: no link without another port that is started and has not set its link down. */
static void
test_carrier_peer(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t a, b, c;

	(void)state;
	a = nic_new(path, "carrier=peer");
	nic_start(a, NULL);
	assert_false(nic_is_up(a));
	b = nic_new(path, NULL);
	assert_false(nic_is_up(a)); /* it is there, but not started */
	nic_setup(b, NULL);
	assert_false(nic_is_up(a));
	assert_int_equal(rte_eth_dev_start(b), 0);
	assert_true(nic_is_up(a));
	assert_int_equal(rte_eth_dev_set_link_down(b), 0);
	assert_false(nic_is_up(a));
	assert_int_equal(rte_eth_dev_set_link_up(b), 0);
	assert_true(nic_is_up(a));
	assert_int_equal(rte_eth_dev_stop(b), 0);
	assert_false(nic_is_up(a));
	/* One of several is enough. */
	c = nic_new(path, NULL);
	nic_start(c, NULL);
	assert_true(nic_is_up(a));
	nic_remove(b);
	assert_true(nic_is_up(a));
	nic_remove(c);
	assert_false(nic_is_up(a));
	/* Set down, no peer brings it up. */
	assert_int_equal(rte_eth_dev_set_link_down(a), 0);
	b = nic_new(path, NULL);
	nic_start(b, NULL);
	assert_false(nic_is_up(a));
	assert_int_equal(rte_eth_dev_set_link_up(a), 0);
	assert_true(nic_is_up(a));
	free(path);
}

/* Two such ports do not wait for each other, whatever comes first. */
static void
test_carrier_of_both(void **state)
{
	char *path = tmpdir_new_path();
	unsigned int i;
	uint16_t a, b;

	(void)state;
	a = nic_new(path, "carrier=peer");
	b = nic_new(path, "carrier=peer");
	nic_start(a, NULL);
	nic_start(b, NULL);
	for (i = 0; i < 3; i++) {
		eventually(nic_is_up(a) && nic_is_up(b));
		nic_exchange(a, b);
		assert_int_equal(rte_eth_dev_set_link_down(i == 0 ? a : b), 0);
		assert_false(nic_is_up(a) || nic_is_up(b));
		if (i == 2)
			assert_int_equal(rte_eth_dev_set_link_down(a), 0);
		assert_int_equal(rte_eth_dev_set_link_up(i == 0 ? a : b), 0);
		if (i == 2)
			assert_int_equal(rte_eth_dev_set_link_up(a), 0);
	}
	assert_true(nic_is_up(a) && nic_is_up(b));
	assert_int_equal(rte_eth_dev_stop(a), 0);
	assert_false(nic_is_up(b));
	assert_int_equal(rte_eth_dev_start(a), 0);
	assert_true(nic_is_up(a) && nic_is_up(b));
	free(path);
}

/* A readonly port needs one of the others; none of them notices it. */
static void
test_carrier_readonly(void **state)
{
	const struct nic_conf readonly = { .readonly = true };
	char *path = tmpdir_new_path();
	uint16_t a, eye;

	(void)state;
	a = nic_new(path, "carrier=peer");
	nic_start(a, NULL);
	eye = nic_new(path, "readonly=on,carrier=peer");
	nic_start(eye, &readonly);
	assert_false(nic_is_up(a));
	assert_true(nic_is_up(eye));
	assert_int_equal(rte_eth_dev_set_link_down(a), 0);
	assert_false(nic_is_up(eye));
	free(path);
}

static void
test_carrier_events(void **state)
{
	const struct nic_conf conf = { .lsc = true };
	char *path = tmpdir_new_path();
	struct events events;
	unsigned int i;
	uint16_t a, b;

	(void)state;
	a = nic_new(path, "carrier=peer");
	watch(a, &events);
	nic_start(a, &conf);
	/* The other side comes and goes; then its link goes up and down. */
	b = UINT16_MAX;
	for (i = 0; i < 6; i++) {
		if (i < 4) {
			b = nic_new(path, NULL);
			nic_start(b, NULL);
		} else {
			assert_int_equal(rte_eth_dev_set_link_up(b), 0);
		}
		eventually(count(&events) == 2 * i + 1 && events.up);
		assert_true(nic_is_up(a));
		if (i < 3)
			nic_remove(b);
		else
			assert_int_equal(rte_eth_dev_set_link_down(b), 0);
		eventually(count(&events) == 2 * i + 2 && !events.up);
		assert_false(nic_is_up(a));
	}
	unwatch(a, &events);
	free(path);
}

/* The watch for peers must be gone with its port. */
static void
test_carrier_stop_and_go(void **state)
{
	const struct nic_conf conf = { .lsc = true };
	char *path = tmpdir_new_path();
	unsigned int i;
	uint16_t a;

	(void)state;
	nic_start(nic_new(path, NULL), NULL);
	for (i = 0; i < 10; i++) {
		a = nic_new(path, "carrier=peer");
		nic_start(a, &conf);
		rte_delay_us_sleep(i * 30000);
		assert_int_equal(rte_eth_dev_stop(a), 0);
		assert_int_equal(rte_eth_dev_start(a), 0);
		nic_remove(a);
	}
	nic_settle();
	free(path);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_start_and_stop),
		BOTH_FORMATS(test_down),
		T(test_up_again_is_heeded),
		BOTH_FORMATS(test_events),
		BOTH_FORMATS(test_no_events_unless_asked_for),
		T(test_carrier_peer),
		T(test_carrier_of_both),
		T(test_carrier_readonly),
		T(test_carrier_events),
		T(test_carrier_stop_and_go),
	};

	return cmocka_run_group_tests_name("pmd_link", tests, eal_start, eal_stop);
}
