/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A port goes from one bus to another, stopped, and keeps what was configured;
 * and it is refused a bus that has not what it needs.
 */

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_flow.h>

#include "ipframe.h"
#include "linkstr.h"
#include "nic.h"

/* Started on no bus: nothing moves. */
static void
assert_idle(uint16_t port)
{
	nic_assert_silent(port);
	assert_int_equal(rte_eth_rx_queue_count(port, 0), 0);
}

/* On no bus, started or not, all may be asked. */
static void
assert_on_no_bus(uint16_t port, uint64_t ipackets)
{
	struct rte_eth_dev_info info;
	char *text = NULL;
	size_t size = 0;
	FILE *stream;

	assert_false(nic_is_up(port));
	assert_int_equal(stats_of(port).ipackets, ipackets);
	assert_int_equal(xstat_of(port, "peers"), 0);
	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	assert_true(info.max_rx_queues >= 1 && info.max_mtu >= 1500);
	stream = open_memstream(&text, &size);
	assert_non_null(stream);
	assert_int_equal(rte_eth_dev_priv_dump(port, stream), 0);
	fclose(stream);
	assert_in_text(text, "bus: none");
	free(text);
}

/* Three buses: where the port is, where it goes, and one for a test to make. */
struct scene {
	char *here, *there, *other;
	uint16_t a, near, far;
};

static void
set_scene(struct scene *s, const char *args)
{
	*s = (struct scene){
		.here = tmpdir_new_path(), .there = tmpdir_new_path(), .other = tmpdir_new_path(),
	};
	s->near = nic_new(s->here, args);
	s->far = nic_new(s->there, args);
	/* It wants no more of a bus than that it is one. */
	s->a = nic_new(s->here, strncmp(args, nic_lanes, 12) == 0 ? nic_lanes : args);
	nic_start(s->near, NULL);
	nic_start(s->far, NULL);
}

static void
end_scene(struct scene *s)
{
	free(s->here);
	free(s->there);
	free(s->other);
}

static void
move(uint16_t port, const char *path)
{
	assert_int_equal(rte_eth_dev_stop(port), 0);
	assert_int_equal(linkstr_set(port, path), 0);
	assert_linkstr(port, path);
	assert_int_equal(rte_eth_dev_start(port), 0);
	assert_true(nic_is_up(port));
}

/* To and fro: with each move it hears another bus, from the move on. */
static void
test_move(void **state)
{
	struct scene s;
	unsigned int i;

	set_scene(&s, *state);
	nic_start(s.a, NULL);
	assert_linkstr(s.a, s.here);
	for (i = 0; i < 5; i++) {
		nic_exchange(s.a, s.near);
		expect_none(s.far, 0);
		send_frames(s.far, 0, 60, 7, 10); /* before it comes */
		send_frames(s.near, 0, 60, 7, 10); /* what it has not read when it goes */
		move(s.a, s.there);
		assert_int_equal(xstat_of(s.a, "peers"), 1);
		assert_int_equal(xstat_of(s.near, "peers"), 0);
		send_frames(s.near, 0, 60, 8, 10);
		expect_none(s.a, 0);
		nic_exchange(s.a, s.far);
		expect_none(s.near, 0);
		move(s.a, s.here);
		expect_none(s.a, 0);
	}
	/* The counters are the port's, not the bus's. */
	assert_int_equal(stats_of(s.a).opackets, 5 * 20);
	assert_int_equal(stats_of(s.a).ipackets, 5 * 20);
	assert_int_equal(stats_of(s.a).imissed + stats_of(s.a).ierrors, 0);
	end_scene(&s);
}

/* A file that is not there becomes a bus, with the port's mode. */
static void
test_new_file(void **state)
{
	struct scene s;
	char args[64];
	struct stat st;
	uint16_t a, b;

	set_scene(&s, *state);
	snprintf(args, sizeof(args), "%s,mode=0640", (const char *)*state);
	a = nic_new(s.here, args);
	nic_setup(a, NULL);
	assert_int_equal(linkstr_set(a, s.other), 0);
	assert_int_equal(stat(s.other, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(rte_eth_dev_start(a), 0);
	b = nic_new(s.other, *state);
	nic_start(b, NULL);
	nic_exchange(a, b);
	assert_int_equal(access(s.here, F_OK), 0);
	end_scene(&s);
}

/* unlink=on: the bus that it leaves, if it was the last one there. */
static void
test_unlink(void **state)
{
	char *here = tmpdir_new_path();
	char *there = tmpdir_new_path();
	char args[64];
	uint16_t a, b;

	snprintf(args, sizeof(args), "%s,unlink=on", (const char *)*state);
	a = nic_new(here, args);
	assert_int_equal(linkstr_set(a, here), 0); /* where it is: no reason to remove it */
	assert_int_equal(access(here, F_OK), 0);
	b = nic_new(here, *state);
	assert_int_equal(linkstr_set(a, there), 0);
	assert_int_equal(access(here, F_OK), 0);
	assert_int_equal(linkstr_set(a, here), 0);
	assert_int_equal(access(there, F_OK), -1);
	nic_remove(b);
	assert_int_equal(linkstr_unset(a), 0);
	assert_int_equal(access(here, F_OK), -1);
	assert_int_equal(linkstr_set(a, there), 0);
	nic_remove(a);
	assert_int_equal(access(there, F_OK), -1);
	free(here);
	free(there);
}

/* ---- what is kept */

static struct rte_ether_addr own = { { 2, 0, 0, 0, 0, 1 } };
static struct rte_ether_addr added = { { 2, 0, 0, 0, 0, 2 } };
static struct rte_ether_addr group = { { 0x33, 0x33, 0, 0, 0, 7 } };
static struct rte_ether_addr stranger = { { 2, 0, 0, 0, 0, 3 } };

static struct rte_flow *
drop_udp(uint16_t port)
{
	static const struct rte_flow_attr ingress = { .ingress = 1 };
	const struct rte_flow_item items[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH }, { .type = RTE_FLOW_ITEM_TYPE_IPV4 },
		{ .type = RTE_FLOW_ITEM_TYPE_UDP }, { .type = RTE_FLOW_ITEM_TYPE_END },
	};
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_DROP }, { .type = RTE_FLOW_ACTION_TYPE_COUNT },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_error error = { .message = NULL };
	struct rte_flow *flow;

	flow = rte_flow_create(port, &ingress, items, actions, &error);
	if (flow == NULL)
		fail_msg("no rule: %s", error.message);
	return flow;
}

static uint64_t
hits(uint16_t port, struct rte_flow *flow)
{
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_COUNT }, { .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_query_count count = { .reset = 0 };

	assert_int_equal(rte_flow_query(port, flow, actions, &count, NULL), 0);
	return count.hits;
}

/* Does a frame to this address come? */
static bool
comes(uint16_t from, uint16_t to, const struct rte_ether_addr *dst, uint8_t proto)
{
	struct ipframe packet = ipframe_of_flow(1, proto);
	struct rte_mbuf *m;

	packet.to = dst;
	ipframe_send(from, 0, &packet);
	if (receive(to, 0, &m, 1) == 0)
		return false;
	rte_pktmbuf_free(m);
	return true;
}

static void
assert_configured(uint16_t from, uint16_t port)
{
	struct rte_ether_addr mac;
	uint16_t mtu;

	assert_int_equal(rte_eth_macaddr_get(port, &mac), 0);
	assert_true(rte_is_same_ether_addr(&mac, &own));
	assert_int_equal(rte_eth_dev_get_mtu(port, &mtu), 0);
	assert_int_equal(mtu, 1000);
	assert_int_equal(rte_eth_promiscuous_get(port), 0);
	assert_true(comes(from, port, &own, IPPROTO_TCP));
	assert_true(comes(from, port, &added, IPPROTO_TCP));
	assert_true(comes(from, port, &group, IPPROTO_TCP));
	assert_false(comes(from, port, &stranger, IPPROTO_TCP));
	assert_false(comes(from, port, &own, IPPROTO_UDP));
	/* Longer than the MTU allows. */
	send_frames(from, 0, 1200, 0, 1);
	expect_none(port, 0);
}

static void
test_kept(void **state)
{
	const struct nic_conf conf = { .filter = true, .mtu = 1000 };
	struct rte_eth_stats before, after;
	struct rte_flow *flow;
	struct scene s;
	int i;

	set_scene(&s, *state);
	nic_setup(s.a, &conf);
	assert_int_equal(rte_eth_dev_default_mac_addr_set(s.a, &own), 0);
	assert_int_equal(rte_eth_dev_mac_addr_add(s.a, &added, 0), 0);
	assert_int_equal(rte_eth_dev_set_mc_addr_list(s.a, &group, 1), 0);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	flow = drop_udp(s.a);
	assert_configured(s.near, s.a);
	for (i = 1; i <= 3; i++) {
		assert_int_equal(rte_eth_dev_stop(s.a), 0);
		before = stats_of(s.a);
		assert_int_equal(linkstr_set(s.a, i % 2 ? s.there : s.here), 0);
		assert_linkstr(s.a, i % 2 ? s.there : s.here);
		/* The counters are the port's. */
		after = stats_of(s.a);
		assert_memory_equal(&before, &after, sizeof(before));
		assert_int_equal(rte_eth_dev_start(s.a), 0);
		assert_true(nic_is_up(s.a));
		assert_configured(i % 2 ? s.far : s.near, s.a);
		assert_int_equal(hits(s.a, flow), i + 1);
		assert_int_equal(xstat_of(s.near, "peers"), i % 2 == 0);
		assert_int_equal(xstat_of(s.far, "peers"), i % 2);
	}
	assert_int_equal(stats_of(s.a).ipackets, 4 * 3);
	assert_int_equal(stats_of(s.a).ierrors, 4);
	assert_int_equal(stats_of(s.a).imissed, 0);
	end_scene(&s);
}

/* A link that was set down stays down; the queues are as they were. */
static void
test_link_and_queues_kept(void **state)
{
	const uint16_t queues = nic_is_lanes(*state) ? 2 : 1;
	const struct nic_conf conf = { .n_rxq = queues, .n_txq = queues };
	struct scene s;
	uint16_t q;

	set_scene(&s, nic_is_lanes(*state) ? "format=lanes,ports=4,queues=2,lane_size=64K" : *state);
	nic_start(s.a, &conf);
	assert_int_equal(rte_eth_dev_set_link_down(s.a), 0);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	assert_int_equal(linkstr_set(s.a, s.there), 0);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	assert_false(nic_is_up(s.a));
	send_frames(s.far, 0, 60, 0, 10);
	expect_none(s.a, 0);
	assert_int_equal(rte_eth_dev_set_link_up(s.a), 0);
	expect_none(s.a, 0);
	assert_true(nic_is_up(s.a));
	for (q = 0; q < queues; q++) {
		send_frames(s.a, q, 100, q, 10);
		expect_frames(s.far, 0, 100, q, 10);
	}
	end_scene(&s);
}

/* ---- no bus at all, and back */

static void
test_unset(void **state)
{
	struct scene s;

	set_scene(&s, *state);
	nic_start(s.a, NULL);
	nic_exchange(s.near, s.a);
	/* Not while it is started. */
	assert_int_equal(linkstr_unset(s.a), -EBUSY);
	assert_int_equal(linkstr_set(s.a, s.other), -EBUSY);
	assert_int_equal(access(s.other, F_OK), -1);
	assert_linkstr(s.a, s.here);
	nic_exchange(s.near, s.a);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	assert_int_equal(linkstr_unset(s.a), 0);
	assert_int_equal(linkstr_unset(s.a), 0);
	assert_linkstr(s.a, "");
	assert_on_no_bus(s.a, 20);
	assert_int_equal(xstat_of(s.near, "peers"), 0);
	/* Started it waits for a bus: no link, no error. */
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	assert_on_no_bus(s.a, 20);
	assert_idle(s.a);
	assert_int_equal(rte_eth_dev_rx_queue_stop(s.a, 0), 0);
	assert_int_equal(rte_eth_dev_rx_queue_start(s.a, 0), 0);
	assert_int_equal(rte_eth_dev_tx_queue_stop(s.a, 0), 0);
	assert_int_equal(rte_eth_dev_tx_queue_start(s.a, 0), 0);
	assert_int_equal(rte_eth_dev_set_link_down(s.a), 0);
	assert_int_equal(rte_eth_dev_set_link_up(s.a), 0);
	assert_on_no_bus(s.a, 20);
	assert_idle(s.a);
	assert_int_equal(linkstr_set(s.a, s.there), -EBUSY);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	assert_int_equal(linkstr_set(s.a, s.there), 0);
	assert_linkstr(s.a, s.there);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	nic_exchange(s.far, s.a);
	assert_int_equal(stats_of(s.a).ipackets, 30);
	assert_int_equal(stats_of(s.a).imissed, 0);
	/* And closed without one. */
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	assert_int_equal(linkstr_unset(s.a), 0);
	end_scene(&s);
}

/* A shmif port may begin without a bus; it makes no file. */
static void
test_no_bus_at_first(void **state)
{
	char *path = tmpdir_new_path();
	const unsigned int files = tmpdir_count();
	struct rte_eth_dev_info info;
	uint16_t a, b;

	a = nic_new("", *state);
	assert_int_equal(tmpdir_count(), files);
	assert_linkstr(a, "");
	assert_int_equal(rte_eth_dev_info_get(a, &info), 0);
	assert_int_equal(info.max_rx_pktlen, 1514);
	nic_start(a, NULL);
	assert_int_equal(rte_eth_dev_set_link_up(a), 0);
	assert_on_no_bus(a, 0);
	assert_idle(a);
	b = nic_new(path, *state);
	nic_start(b, NULL);
	move(a, path);
	nic_exchange(a, b);
	/* Configured anew without one. */
	assert_int_equal(rte_eth_dev_stop(a), 0);
	assert_int_equal(linkstr_unset(a), 0);
	nic_start(a, NULL);
	assert_on_no_bus(a, 10);
	assert_idle(a);
	move(a, path);
	nic_exchange(a, b);
	free(path);
}

/* ---- refusals */

static void
test_errors(void **state)
{
	static char endless[5000];
	char text[4096];
	struct scene s;

	set_scene(&s, *state);
	memset(endless, 'x', sizeof(endless) - 1);
	assert_int_equal(linkstr_set(s.a, NULL), -EINVAL);
	assert_int_equal(linkstr_set(s.a, ""), -EINVAL);
	assert_int_equal(linkstr_set(s.a, endless), -ENAMETOOLONG);
	assert_int_equal(linkstr_get(s.a, NULL, 10), -EINVAL);
	assert_int_equal(linkstr_get(s.a, text, 0), -ENAMETOOLONG);
	assert_int_equal(linkstr_get(s.a, text, strlen(s.here)), -ENAMETOOLONG);
	assert_int_equal(linkstr_get(s.a, text, strlen(s.here) + 1), 0);
	assert_string_equal(text, s.here);
	/* No port of that number, any more. */
	nic_remove(s.a);
	assert_int_equal(linkstr_set(s.a, s.here), -ENODEV);
	assert_int_equal(linkstr_get(s.a, text, sizeof(text)), -ENODEV);
	assert_int_equal(linkstr_unset(s.a), -ENODEV);
	assert_int_equal(linkstr_set(UINT16_MAX, s.here), -ENODEV);
	assert_int_equal(linkstr_get(UINT16_MAX, text, sizeof(text)), -ENODEV);
	assert_int_equal(linkstr_unset(UINT16_MAX), -ENODEV);
	end_scene(&s);
}

static void
test_other_driver(void **state)
{
	char text[4096];
	uint16_t port;

	(void)state;
	if (rte_eal_hotplug_add("vdev", "net_null0", "") != 0)
		skip_because("there is no net_null here");
	assert_int_equal(rte_eth_dev_get_port_by_name("net_null0", &port), 0);
	assert_int_equal(linkstr_set(port, "/dev/shm/x"), -ENODEV);
	assert_int_equal(linkstr_get(port, text, sizeof(text)), -ENODEV);
	assert_int_equal(linkstr_unset(port), -ENODEV);
	assert_int_equal(rte_eth_dev_close(port), 0);
	assert_int_equal(rte_eal_hotplug_remove("vdev", "net_null0"), 0);
}

/* What cannot be joined at all: the port is where it was, and so is the file. */
static void
test_not_moved(void **state)
{
	static const char junk[] = "this is no bus, however long one looks at it";
	const bool lanes = nic_is_lanes(*state);
	char *foreign = tmpdir_new_path();
	struct snapshot snap;
	struct scene s;

	set_scene(&s, *state);
	nic_new(foreign, lanes ? nic_shmif : "format=lanes,ports=2,queues=1,lane_size=64K");
	snapshot_take(&snap, foreign);
	nic_start(s.a, NULL);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	file_write(s.other, 0, junk, sizeof(junk));
	log_begin();
	assert_true(linkstr_set(s.a, s.other) < 0);
	assert_in_text(log_text(), s.other);
	assert_int_equal(linkstr_set(s.a, foreign), -EMEDIUMTYPE);
	assert_in_text(log_text(), foreign);
	assert_in_text(log_text(), lanes ? "not a shmbus bus" : "not a shmif bus");
	assert_true(linkstr_set(s.a, tmpdir()) < 0);
	assert_in_text(log_text(), "a directory");
	assert_int_equal(linkstr_set(s.a, "/nonexistent/bus"), -ENOENT);
	assert_in_text(log_text(), "/nonexistent/bus");
	log_end();
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	assert_linkstr(s.a, s.here);
	assert_int_equal(xstat_of(s.near, "peers"), 1);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	assert_true(nic_is_up(s.a));
	nic_exchange(s.near, s.a);
	free(foreign);
	end_scene(&s);
}

/* A bus with all its places taken. */
static void
test_full(void **state)
{
	struct scene s;
	uint16_t b, c;

	set_scene(&s, *state);
	b = nic_new(s.other, "ports=2,lane_size=64K");
	c = nic_new(s.other, NULL);
	nic_start(s.a, NULL);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	log_begin();
	assert_true(linkstr_set(s.a, s.other) < 0);
	log_end();
	assert_linkstr(s.a, s.here);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	nic_exchange(s.near, s.a);
	nic_remove(c);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	assert_int_equal(linkstr_set(s.a, s.other), 0);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	nic_start(b, NULL);
	nic_exchange(b, s.a);
	end_scene(&s);
}

/* A bus with fewer queues: on no bus, until there is one that suits. */
static void
test_fewer_queues(void **state)
{
	const struct nic_conf conf = { .n_rxq = 2, .n_txq = 4 };
	struct scene s;
	uint16_t b, q;

	(void)state;
	set_scene(&s, "format=lanes,ports=4,queues=4,lane_size=64K");
	b = nic_new(s.other, "format=lanes,ports=4,queues=2,lane_size=64K");
	nic_start(s.a, &conf);
	send_frames(s.near, 0, 100, 1, 10);
	assert_int_equal(drain(s.a, 0) + drain(s.a, 1), 10);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	log_begin();
	assert_int_equal(linkstr_set(s.a, s.other), -ENOSPC);
	assert_in_text(log_text(), "queues=2");
	assert_in_text(log_text(), s.other);
	assert_on_no_bus(s.a, 10);
	assert_int_equal(xstat_of(s.near, "peers"), 0);
	assert_int_equal(xstat_of(b, "peers"), 0);
	/* As often as it is tried. */
	assert_int_equal(rte_eth_dev_start(s.a), -ENOSPC);
	assert_int_equal(linkstr_set(s.a, s.other), -ENOSPC);
	assert_on_no_bus(s.a, 10);
	assert_int_equal(xstat_of(b, "peers"), 0);
	assert_int_equal(linkstr_set(s.a, s.there), 0);
	assert_linkstr(s.a, s.there);
	log_end();
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	assert_true(nic_is_up(s.a));
	for (q = 0; q < 4; q++) {
		send_frames(s.a, q, 100, q, 10);
		expect_frames(s.far, 0, 100, q, 10);
	}
	send_frames(s.far, 0, 100, 1, 10);
	assert_int_equal(drain(s.a, 0) + drain(s.a, 1), 10);
	assert_int_equal(stats_of(s.a).ipackets, 20);
	/* With fewer queues it may go there. */
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	nic_setup(s.a, NULL);
	assert_int_equal(linkstr_set(s.a, s.other), 0);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	nic_start(b, NULL);
	nic_exchange(b, s.a);
	end_scene(&s);
}

/* The bus that it is on is gone: linkstr_set is a way out, also to the same file. */
static void
test_after_removal(void **state)
{
	struct scene s;

	set_scene(&s, *state);
	nic_start(s.a, NULL);
	nic_exchange(s.near, s.a);
	log_begin();
	assert_int_equal(truncate(s.here, 0), 0);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	assert_int_equal(linkstr_set(s.a, s.there), 0);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	nic_exchange(s.far, s.a);
	assert_int_equal(rte_eth_dev_stop(s.near), 0);
	assert_int_equal(linkstr_set(s.near, s.here), 0);
	assert_int_equal(rte_eth_dev_start(s.near), 0);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	assert_int_equal(linkstr_set(s.a, s.here), 0);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	nic_exchange(s.near, s.a);
	/* Gone, and away from it. */
	assert_int_equal(truncate(s.here, 0), 0);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	assert_int_equal(linkstr_unset(s.a), 0);
	assert_on_no_bus(s.a, 30);
	end_scene(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_move),
		BOTH_FORMATS(test_new_file),
		BOTH_FORMATS(test_unlink),
		BOTH_FORMATS(test_kept),
		BOTH_FORMATS(test_link_and_queues_kept),
		BOTH_FORMATS(test_unset),
		SHMIF_ONLY(test_no_bus_at_first),
		BOTH_FORMATS(test_errors),
		cmocka_unit_test_teardown(test_other_driver, nic_teardown),
		BOTH_FORMATS(test_not_moved),
		LANES_ONLY(test_full),
		LANES_ONLY(test_fewer_queues),
		BOTH_FORMATS(test_after_removal),
	};

	return cmocka_run_group_tests_name("pmd_relink", tests, linkstr_start, eal_stop);
}
