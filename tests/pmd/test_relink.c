/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A port goes from one bus to another, stopped, and keeps what was configured;
 * and it is refused a bus that has not what it needs. Both formats. What is
 * peculiar to shmif is in test_shmif_linkstr.c.
 */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_flow.h>

#include "ipframe.h"
#include "linkstr.h"
#include "nic.h"

static const char *const formats[] = { "format=lanes", "format=shmif" };

/* Broadcasts, which every port receives. */
static void
exchange(uint16_t a, uint16_t b)
{
	struct ipframe packet = { .seq = 1 };
	struct rte_mbuf *m;

	ipframe_send(a, 0, &packet);
	assert_int_equal(receive(b, 0, &m, 1), 1);
	assert_int_equal(ipframe_seq(m), 1);
	rte_pktmbuf_free(m);
	packet.seq = 2;
	ipframe_send(b, 0, &packet);
	assert_int_equal(receive(a, 0, &m, 1), 1);
	assert_int_equal(ipframe_seq(m), 2);
	rte_pktmbuf_free(m);
}

/* Started on no bus: nothing moves. */
static void
assert_silent(uint16_t port)
{
	struct rte_mbuf *m = mbuf_new(pool, 60, 0, 0);

	assert_false(send_mbuf(port, 0, m));
	rte_pktmbuf_free(m);
	expect_none(port, 0);
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

/* Three buses of a format: where the port is, where it goes, and one that does not suit it. */
struct scene {
	char *here, *there, *other;
	uint16_t a, near, far;
};

static void
set_scene(struct scene *s, const char *format)
{
	*s = (struct scene){
		.here = tmpdir_new_path(), .there = tmpdir_new_path(), .other = tmpdir_new_path(),
	};
	s->near = nic_new(s->here, format);
	s->far = nic_new(s->there, format);
	/* It wants no more of a bus than that it is one. */
	s->a = nic_new(s->here, strncmp(format, "format=lanes", 12) == 0 ? "format=lanes" : format);
	nic_start(s->near, NULL);
	nic_start(s->far, NULL);
}

static void
end_scene(struct scene *s)
{
	log_end();
	nic_remove(s->a);
	nic_remove(s->near);
	nic_remove(s->far);
	unlink(s->here);
	unlink(s->there);
	unlink(s->other);
	free(s->here);
	free(s->there);
	free(s->other);
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
	unsigned int f;
	int i;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		set_scene(&s, formats[f]);
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
}

/* Queues that are stopped one by one, and the link that was set down: as they were. */
static void
test_link_and_queues_kept(void **state)
{
	const struct nic_conf conf = { .n_rxq = 2, .n_txq = 2 };
	struct scene s;
	uint16_t q;

	(void)state;
	set_scene(&s, "format=lanes,ports=4,queues=2,lane_size=64K");
	nic_start(s.a, &conf);
	assert_int_equal(rte_eth_dev_set_link_down(s.a), 0);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	assert_int_equal(linkstr_set(s.a, s.there), 0);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	assert_false(nic_is_up(s.a));
	assert_int_equal(rte_eth_dev_set_link_up(s.a), 0);
	assert_true(nic_is_up(s.a));
	for (q = 0; q < 2; q++) {
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
	unsigned int f;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		set_scene(&s, formats[f]);
		nic_start(s.a, NULL);
		exchange(s.near, s.a);
		assert_int_equal(linkstr_unset(s.a), -EBUSY);
		assert_int_equal(linkstr_set(s.a, s.there), -EBUSY);
		assert_linkstr(s.a, s.here);
		assert_int_equal(rte_eth_dev_stop(s.a), 0);
		assert_int_equal(linkstr_unset(s.a), 0);
		assert_int_equal(linkstr_unset(s.a), 0);
		assert_linkstr(s.a, "");
		assert_on_no_bus(s.a, 1);
		assert_int_equal(xstat_of(s.near, "peers"), 0);
		/* Started it waits for a bus: no link, no error. */
		assert_int_equal(rte_eth_dev_start(s.a), 0);
		assert_on_no_bus(s.a, 1);
		assert_silent(s.a);
		assert_int_equal(rte_eth_dev_rx_queue_stop(s.a, 0), 0);
		assert_int_equal(rte_eth_dev_rx_queue_start(s.a, 0), 0);
		assert_int_equal(rte_eth_dev_tx_queue_stop(s.a, 0), 0);
		assert_int_equal(rte_eth_dev_tx_queue_start(s.a, 0), 0);
		assert_int_equal(rte_eth_dev_set_link_down(s.a), 0);
		assert_int_equal(rte_eth_dev_set_link_up(s.a), 0);
		assert_on_no_bus(s.a, 1);
		assert_silent(s.a);
		assert_int_equal(linkstr_set(s.a, s.there), -EBUSY);
		assert_int_equal(rte_eth_dev_stop(s.a), 0);
		assert_int_equal(linkstr_set(s.a, s.there), 0);
		assert_linkstr(s.a, s.there);
		assert_int_equal(rte_eth_dev_start(s.a), 0);
		exchange(s.far, s.a);
		assert_int_equal(stats_of(s.a).ipackets, 2);
		/* And closed without one. */
		assert_int_equal(rte_eth_dev_stop(s.a), 0);
		assert_int_equal(linkstr_unset(s.a), 0);
		end_scene(&s);
	}
}

/* ---- refusals */

/* What cannot be joined at all: the port is where it was. */
static void
test_not_moved(void **state)
{
	static const char junk[] = "this is no bus, however long one looks at it";
	struct scene s;
	unsigned int f;
	int fd;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		set_scene(&s, formats[f]);
		nic_start(s.a, NULL);
		assert_int_equal(rte_eth_dev_stop(s.a), 0);
		fd = open(s.other, O_CREAT | O_WRONLY, 0600);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, junk, sizeof(junk)), sizeof(junk));
		close(fd);
		log_begin();
		assert_true(linkstr_set(s.a, s.other) < 0);
		assert_in_text(log_text(), s.other);
		assert_true(linkstr_set(s.a, tmpdir()) < 0);
		assert_true(linkstr_set(s.a, "/nowhere/to/be/found") < 0);
		log_end();
		assert_linkstr(s.a, s.here);
		assert_int_equal(xstat_of(s.near, "peers"), 1);
		assert_int_equal(rte_eth_dev_start(s.a), 0);
		assert_true(nic_is_up(s.a));
		exchange(s.near, s.a);
		end_scene(&s);
	}
}

/* A bus with all its places taken. */
static void
test_full(void **state)
{
	struct scene s;
	uint16_t b, c;

	(void)state;
	set_scene(&s, "format=lanes");
	b = nic_new(s.other, "ports=2,lane_size=64K");
	c = nic_new(s.other, NULL);
	nic_start(s.a, NULL);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	log_begin();
	assert_true(linkstr_set(s.a, s.other) < 0);
	log_end();
	assert_linkstr(s.a, s.here);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	exchange(s.near, s.a);
	nic_remove(c);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	assert_int_equal(linkstr_set(s.a, s.other), 0);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	nic_start(b, NULL);
	exchange(b, s.a);
	end_scene(&s);
	nic_remove(b);
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
	exchange(b, s.a);
	end_scene(&s);
	nic_remove(b);
}

/* The bus that it is on is gone: linkstr_set is a way out, also to the same file. */
static void
test_after_removal(void **state)
{
	struct scene s;
	unsigned int f;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		set_scene(&s, formats[f]);
		nic_start(s.a, NULL);
		exchange(s.near, s.a);
		log_begin();
		assert_int_equal(truncate(s.here, 0), 0);
		assert_int_equal(rte_eth_dev_stop(s.a), 0);
		assert_int_equal(linkstr_set(s.a, s.there), 0);
		assert_int_equal(rte_eth_dev_start(s.a), 0);
		exchange(s.far, s.a);
		assert_int_equal(rte_eth_dev_stop(s.near), 0);
		assert_int_equal(linkstr_set(s.near, s.here), 0);
		assert_int_equal(rte_eth_dev_start(s.near), 0);
		assert_int_equal(rte_eth_dev_stop(s.a), 0);
		assert_int_equal(linkstr_set(s.a, s.here), 0);
		assert_int_equal(rte_eth_dev_start(s.a), 0);
		exchange(s.near, s.a);
		/* Gone, and away from it. */
		assert_int_equal(truncate(s.here, 0), 0);
		assert_int_equal(rte_eth_dev_stop(s.a), 0);
		assert_int_equal(linkstr_unset(s.a), 0);
		assert_on_no_bus(s.a, 3);
		end_scene(&s);
	}
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_kept),
		T(test_link_and_queues_kept),
		T(test_unset),
		T(test_not_moved),
		T(test_full),
		T(test_fewer_queues),
		T(test_after_removal),
	};

	return cmocka_run_group_tests_name("pmd_relink", tests, linkstr_start, eal_stop);
}
