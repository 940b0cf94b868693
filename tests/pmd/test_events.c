/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Events: the thread that they come from, and what an application may do to the
 * port in the callback of one.
 */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_interrupts.h>

#include "nic.h"

static const struct nic_conf wants_events = { .lsc = true, .rmv = true };

/* What a callback does to its port. */
enum act {
	ACT_NONE,
	ACT_RESTART,
	ACT_STOP,
	ACT_CLOSE,
	ACT_STOP_AND_CLOSE,
};

/* All events of all ports. The interrupt thread writes it, but for what is to be done. */
static struct {
	uint32_t lsc[RTE_MAX_ETHPORTS];
	uint32_t rmv[RTE_MAX_ETHPORTS];
	uint32_t elsewhere; /* events in other threads than EAL's interrupt thread */
	uint32_t port;
	uint32_t act;       /* at the next event of this kind of this port, once */
	uint32_t at;
	uint32_t acted;
	int ret;            /* of what was done */
} seen;

static uint32_t
count(const uint32_t *n)
{
	return __atomic_load_n(n, __ATOMIC_ACQUIRE);
}

static void
add(uint32_t *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_RELEASE);
}

static int
act(uint16_t port, enum act what)
{
	int ret = 0;

	if (what == ACT_RESTART || what == ACT_STOP || what == ACT_STOP_AND_CLOSE)
		ret = rte_eth_dev_stop(port);
	if (what == ACT_RESTART && ret == 0)
		ret = rte_eth_dev_start(port);
	if ((what == ACT_CLOSE || what == ACT_STOP_AND_CLOSE) && ret == 0)
		ret = rte_eth_dev_close(port);
	return ret;
}

/* In the interrupt thread nothing can be asserted. */
static int
on_event(uint16_t port, enum rte_eth_event_type type, void *arg, void *ret)
{
	uint32_t what;

	(void)arg;
	(void)ret;
	if (!rte_thread_is_intr())
		add(&seen.elsewhere);
	add(type == RTE_ETH_EVENT_INTR_LSC ? &seen.lsc[port] : &seen.rmv[port]);
	if (port != seen.port || type != (enum rte_eth_event_type)seen.at)
		return 0;
	what = __atomic_exchange_n(&seen.act, ACT_NONE, __ATOMIC_ACQUIRE);
	if (what == ACT_NONE)
		return 0;
	seen.ret = act(port, (enum act)what);
	add(&seen.acted);
	return 0;
}

static int
begin(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.port = UINT32_MAX;
	return rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_LSC, on_event, NULL) ||
	       rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_RMV, on_event, NULL);
}

static int
end(void **state)
{
	int ret;

	ret = nic_teardown(state);
	while (rte_eth_dev_callback_unregister(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_LSC, on_event, NULL) ==
	       -EAGAIN ||
	       rte_eth_dev_callback_unregister(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_RMV, on_event, NULL) ==
	       -EAGAIN)
		rte_delay_us_sleep(1000);
	return ret;
}

/* In the next callback of this event of the port. */
static void
arrange(uint16_t port, enum rte_eth_event_type at, enum act what)
{
	seen.port = port;
	seen.at = at;
	seen.acted = 0;
	__atomic_store_n(&seen.act, what, __ATOMIC_RELEASE);
}

/* A healthy port on another bus that was there first, and two ports on the bus of the test. */
struct scene {
	char *elsewhere, *path;
	uint16_t first, a, b;
};

static void
set_scene(struct scene *s, const char *args)
{
	s->elsewhere = tmpdir_new_path();
	s->path = tmpdir_new_path();
	s->first = nic_new(s->elsewhere, args);
	s->a = nic_new(s->path, args);
	s->b = nic_new(s->path, args);
	memset(seen.lsc, 0, sizeof(seen.lsc));
	memset(seen.rmv, 0, sizeof(seen.rmv));
	nic_start(s->first, &wants_events);
	nic_start(s->a, &wants_events);
	nic_start(s->b, &wants_events);
	eventually(count(&seen.lsc[s->first]) == 1 && count(&seen.lsc[s->a]) == 1 &&
		   count(&seen.lsc[s->b]) == 1);
	log_begin();
}

/* The first port has heard of nothing, and is well. */
static void
end_scene(struct scene *s)
{
	log_end();
	assert_int_equal(count(&seen.lsc[s->first]), 1);
	assert_int_equal(count(&seen.rmv[s->first]), 0);
	assert_int_equal(count(&seen.elsewhere), 0);
	assert_true(nic_is_up(s->first));
	nic_remove(s->first);
	free(s->elsewhere);
	free(s->path);
}

/* All that changes the link: the event comes from the interrupt thread. */
static void
test_thread(void **state)
{
	struct scene s;

	set_scene(&s, *state);
	assert_int_equal(rte_eth_dev_set_link_down(s.a), 0);
	eventually(count(&seen.lsc[s.a]) == 2);
	assert_int_equal(rte_eth_dev_set_link_up(s.a), 0);
	eventually(count(&seen.lsc[s.a]) == 3);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	eventually(count(&seen.lsc[s.a]) == 4);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	eventually(count(&seen.lsc[s.a]) == 5);
	assert_int_equal(truncate(s.path, 0), 0);
	eventually(count(&seen.lsc[s.a]) == 6 && count(&seen.rmv[s.a]) == 1);
	eventually(count(&seen.lsc[s.b]) == 2 && count(&seen.rmv[s.b]) == 1);
	nic_remove(s.a);
	nic_remove(s.b);
	end_scene(&s);
}

/* Restarted as the link goes, the port is on a new bus: nothing was removed. */
static void
test_restart(void **state)
{
	struct scene s;

	set_scene(&s, *state);
	assert_int_equal(rte_eth_dev_stop(s.b), 0);
	eventually(count(&seen.lsc[s.b]) == 2);
	arrange(s.a, RTE_ETH_EVENT_INTR_LSC, ACT_RESTART);
	assert_int_equal(truncate(s.path, 0), 0);
	eventually(count(&seen.acted) == 1);
	assert_int_equal(seen.ret, 0);
	assert_true(nic_is_up(s.a));
	nic_settle();
	assert_int_equal(count(&seen.rmv[s.a]), 0);
	/* Down, and up again. */
	assert_int_equal(count(&seen.lsc[s.a]), 3);
	assert_int_equal(rte_eth_dev_start(s.b), 0);
	nic_exchange(s.a, s.b);
	/* The next time it is told of all. */
	assert_int_equal(truncate(s.path, 0), 0);
	eventually(count(&seen.lsc[s.a]) == 4 && count(&seen.rmv[s.a]) == 1);
	eventually(count(&seen.rmv[s.b]) == 1);
	nic_remove(s.a);
	nic_remove(s.b);
	end_scene(&s);
}

/* Closed in a callback, by the interrupt thread: no other port is taken for it. */
static void
closed_in_callback(const char *args, enum rte_eth_event_type at, enum act what)
{
	struct scene s;

	set_scene(&s, args);
	arrange(s.a, at, what);
	assert_int_equal(truncate(s.path, 0), 0);
	eventually(count(&seen.acted) == 1);
	assert_int_equal(seen.ret, 0);
	eventually(count(&seen.lsc[s.b]) == 2 && count(&seen.rmv[s.b]) == 1);
	nic_settle();
	assert_int_equal(count(&seen.lsc[s.a]), 2);
	assert_int_equal(count(&seen.rmv[s.a]), at == RTE_ETH_EVENT_INTR_RMV);
	assert_int_equal(count(&seen.rmv[s.b]), 1);
	assert_false(rte_eth_dev_is_valid_port(s.a));
	nic_detach(s.a);
	nic_remove(s.b);
	end_scene(&s);
}

static void
test_close(void **state)
{
	closed_in_callback(*state, RTE_ETH_EVENT_INTR_LSC, ACT_STOP_AND_CLOSE);
	closed_in_callback(*state, RTE_ETH_EVENT_INTR_RMV, ACT_STOP_AND_CLOSE);
}

/* The bus is well, and the link changes by the application's own doing. */
static void
test_close_healthy(void **state)
{
	struct scene s;

	set_scene(&s, *state);
	arrange(s.a, RTE_ETH_EVENT_INTR_LSC, ACT_STOP_AND_CLOSE);
	assert_int_equal(rte_eth_dev_set_link_down(s.a), 0);
	eventually(count(&seen.acted) == 1);
	assert_int_equal(seen.ret, 0);
	/* Closed as another stops. */
	arrange(s.b, RTE_ETH_EVENT_INTR_LSC, ACT_CLOSE);
	assert_int_equal(rte_eth_dev_stop(s.b), 0);
	eventually(count(&seen.acted) == 1);
	assert_int_equal(seen.ret, 0);
	nic_settle();
	assert_int_equal(count(&seen.lsc[s.a]), 2);
	assert_int_equal(count(&seen.lsc[s.b]), 2);
	assert_int_equal(count(&seen.rmv[s.a]) + count(&seen.rmv[s.b]), 0);
	nic_detach(s.a);
	nic_detach(s.b);
	end_scene(&s);
}

/* Stopped, a port is told that its link is down, and of nothing that was before. */
static void
test_stop(void **state)
{
	struct scene s;
	unsigned int i;

	set_scene(&s, *state);
	for (i = 0; i < 3; i++) {
		arrange(s.a, RTE_ETH_EVENT_INTR_LSC, ACT_STOP);
		assert_int_equal(rte_eth_dev_set_link_down(s.a), 0);
		eventually(count(&seen.acted) == 1);
		assert_int_equal(seen.ret, 0);
		assert_int_equal(rte_eth_dev_set_link_up(s.a), 0);
		assert_int_equal(rte_eth_dev_start(s.a), 0);
		eventually(count(&seen.lsc[s.a]) == 3 + 2 * i);
		assert_true(nic_is_up(s.a));
		nic_exchange(s.a, s.b);
	}
	nic_settle();
	assert_int_equal(count(&seen.rmv[s.a]), 0);
	assert_int_equal(count(&seen.lsc[s.b]), 1);
	nic_remove(s.a);
	nic_remove(s.b);
	end_scene(&s);
}

#define BOTH(name) \
	{ #name " (lanes)", name, begin, end, nic_lanes }, \
	{ #name " (shmif)", name, begin, end, nic_shmif }

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_thread),
		BOTH(test_restart),
		BOTH(test_close),
		BOTH(test_close_healthy),
		BOTH(test_stop),
	};

	return cmocka_run_group_tests_name("pmd_events", tests, eal_start, eal_stop);
}
