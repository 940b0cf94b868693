/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Thousands of flow rules: what becomes of frames, and how many rules there can be. */

#include <netinet/in.h>
#include <stdlib.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_flow.h>

#include "ipframe.h"

#define QUEUES 4
#define RULES_MAX 65536 /* as the guide says */

static const struct rte_flow_attr ingress = { .ingress = 1 };

/* What the test knows of a rule. */
struct known {
	struct rte_flow *flow;
	uint32_t priority;
	/* Pattern; 0: any. */
	uint16_t vlan;
	uint8_t src_bits; /* so many bits of the source address, with 10.0.0.0: all of IPv4 */
	uint8_t src_last;
	uint8_t proto;
	uint16_t dport_mask, dport;
	/* Actions. */
	enum rte_flow_action_type fate; /* VOID: none */
	uint16_t queue;
	uint32_t mark;
	bool count;
	uint64_t hits;
};

static uint32_t
below(struct dice *d, uint32_t n)
{
	return (uint32_t)(dice_throw(d) % n);
}

static struct known
random_rule(struct dice *d, uint16_t n_queues, bool marks, bool counts)
{
	static const enum rte_flow_action_type fates[] = {
		RTE_FLOW_ACTION_TYPE_QUEUE, RTE_FLOW_ACTION_TYPE_QUEUE, RTE_FLOW_ACTION_TYPE_DROP,
		RTE_FLOW_ACTION_TYPE_PASSTHRU, RTE_FLOW_ACTION_TYPE_PASSTHRU,
		RTE_FLOW_ACTION_TYPE_VOID,
	};
	static const uint8_t bits[] = { 0, 16, 24, 31, 32 };
	static const uint8_t protos[] = { 0, IPPROTO_TCP, IPPROTO_UDP };
	static const uint16_t masks[] = { 0, 0xffff, 0xfff0, 0x00ff };
	struct known r = {
		.priority = below(d, 40),
		.vlan = below(d, 6) == 0 ? (uint16_t)(1 + below(d, 3)) : 0,
		.src_bits = bits[below(d, RTE_DIM(bits))],
		.src_last = (uint8_t)below(d, 64),
		.proto = protos[below(d, RTE_DIM(protos))],
		.fate = fates[below(d, RTE_DIM(fates))],
		.queue = (uint16_t)below(d, n_queues),
		.mark = marks && below(d, 3) == 0 ? 1 + below(d, 1000) : 0,
		.count = counts && below(d, 3) == 0,
	};

	if (r.proto != 0) {
		r.dport_mask = masks[below(d, RTE_DIM(masks))];
		r.dport = (uint16_t)below(d, 256);
	}
	/* Rules that match everything would hide all others. */
	if (r.src_bits < 31 && r.dport_mask != 0xffff)
		r.priority += 40;
	return r;
}

/* Creates the rule; NULL: error has the reason, rte_errno is set. */
static struct rte_flow *
create(uint16_t port, const struct known *r, struct rte_flow_error *error)
{
	const struct rte_flow_attr attr = { .ingress = 1, .priority = r->priority };
	const struct rte_flow_item_vlan vlan = { .hdr.vlan_tci = rte_cpu_to_be_16(r->vlan) };
	const struct rte_flow_item_ipv4 ip = {
		.hdr.src_addr = rte_cpu_to_be_32(UINT32_C(0x0a000000) | r->src_last),
	};
	const struct rte_flow_item_ipv4 ip_mask = {
		.hdr.src_addr = rte_cpu_to_be_32(
			r->src_bits == 0 ? 0 : UINT32_MAX << (32 - r->src_bits)),
	};
	/* TCP's and UDP's ports are in the same place. */
	const struct rte_flow_item_udp l4 = { .hdr.dst_port = rte_cpu_to_be_16(r->dport) };
	const struct rte_flow_item_udp l4_mask = { .hdr.dst_port = rte_cpu_to_be_16(r->dport_mask) };
	const struct rte_flow_item_tcp tcp = { .hdr.dst_port = l4.hdr.dst_port };
	const struct rte_flow_item_tcp tcp_mask = { .hdr.dst_port = l4_mask.hdr.dst_port };
	const struct rte_flow_action_queue queue = { .index = r->queue };
	const struct rte_flow_action_mark mark = { .id = r->mark };
	struct rte_flow_item items[5] = { { .type = RTE_FLOW_ITEM_TYPE_ETH } };
	struct rte_flow_action actions[4];
	unsigned int i = 1, a = 0;

	if (r->vlan != 0)
		items[i++] = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_VLAN, .spec = &vlan };
	items[i++] = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &ip,
					     .mask = &ip_mask };
	if (r->proto == IPPROTO_TCP)
		items[i++] = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_TCP, .spec = &tcp,
						     .mask = &tcp_mask };
	else if (r->proto == IPPROTO_UDP)
		items[i++] = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &l4,
						     .mask = &l4_mask };
	items[i] = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_END };
	if (r->mark != 0)
		actions[a++] = (struct rte_flow_action){ .type = RTE_FLOW_ACTION_TYPE_MARK,
							 .conf = &mark };
	if (r->count)
		actions[a++] = (struct rte_flow_action){ .type = RTE_FLOW_ACTION_TYPE_COUNT };
	actions[a++] = (struct rte_flow_action){
		.type = r->fate,
		.conf = r->fate == RTE_FLOW_ACTION_TYPE_QUEUE ? &queue : NULL,
	};
	actions[a] = (struct rte_flow_action){ .type = RTE_FLOW_ACTION_TYPE_END };
	return rte_flow_create(port, &attr, items, actions, error);
}

static bool
matches(const struct known *r, const struct ipframe *p)
{
	const uint32_t src = (uint32_t)p->src[0] << 24 | (uint32_t)p->src[1] << 16 |
			     (uint32_t)p->src[2] << 8 | p->src[3];
	const uint32_t differ = src ^ (UINT32_C(0x0a000000) | r->src_last);

	/* Only the first fragment has the header of layer 4, and the driver's parser wants all. */
	return p->version == 4 && (r->proto == 0 || !p->frag) && (r->vlan == 0 || p->vlans[0] == r->vlan) &&
	       (r->src_bits == 0 || differ >> (32 - r->src_bits) == 0) &&
	       (r->proto == 0 || p->proto == r->proto) &&
	       ((p->dport ^ r->dport) & r->dport_mask) == 0;
}

static struct ipframe
random_packet(struct dice *d)
{
	struct ipframe p = ipframe_of_flow(below(d, 100), below(d, 2) != 0 ? IPPROTO_UDP : IPPROTO_TCP);

	if (below(d, 4) == 0)
		p.vlans[0] = (uint16_t)(1 + below(d, 3));
	memcpy(p.src, (uint8_t[]){ 10, 0, below(d, 4) == 0, (uint8_t)below(d, 64) }, 4);
	p.dport = (uint16_t)below(d, 256);
	return p;
}

/* Sends a packet. Returns the queue that it comes out of, and its mark, or -1. */
static int
carry(const struct pair *p, const struct ipframe *packet, uint32_t *mark)
{
	struct rte_eth_dev_info info;
	struct rte_mbuf *m;
	int at = -1;
	uint16_t q;

	assert_int_equal(rte_eth_dev_info_get(p->b, &info), 0);
	ipframe_send(p->a, 0, packet);
	for (q = 0; q < info.nb_rx_queues; q++) {
		while (receive(p->b, q, &m, 1) == 1) {
			assert_int_equal(at, -1);
			at = q;
			*mark = m->ol_flags & RTE_MBUF_F_RX_FDIR_ID ? m->hash.fdir.hi : 0;
			rte_pktmbuf_free(m);
		}
	}
	return at;
}

/* The frame reaches what the array of rules says. Returns whether a queue gets it. */
static bool
check_packet(const struct pair *p, struct known *rules, unsigned int n, bool isolated,
	     const struct ipframe *packet)
{
	uint32_t mark = 0, wanted_mark = 0;
	int wanted = isolated ? -1 : -2; /* any queue */
	struct known *r;
	unsigned int i;
	int at;

	for (i = 0; i < n; i++) {
		r = &rules[i];
		if (!matches(r, packet))
			continue;
		r->hits += r->count;
		if (r->mark != 0)
			wanted_mark = r->mark;
		if (r->fate == RTE_FLOW_ACTION_TYPE_PASSTHRU)
			continue;
		wanted = -2;
		if (r->fate == RTE_FLOW_ACTION_TYPE_DROP)
			wanted = -1;
		else if (r->fate == RTE_FLOW_ACTION_TYPE_QUEUE)
			wanted = r->queue;
		break;
	}
	at = carry(p, packet, &mark);
	if (wanted == -2)
		assert_true(at >= 0);
	else
		assert_int_equal(at, wanted);
	if (at >= 0)
		assert_int_equal(mark, wanted_mark);
	return at >= 0;
}

static void
check_hits(uint16_t port, const struct known *r)
{
	const struct rte_flow_action count[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_COUNT }, { .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_query_count query = { .reset = 0 };

	if (!r->count)
		return;
	assert_int_equal(rte_flow_query(port, r->flow, count, &query, NULL), 0);
	assert_int_equal(query.hits, r->hits);
	assert_int_equal(query.bytes, r->hits * IPFRAME_LEN);
}

static void
start(struct pair *p, uint16_t n_queues, bool rss)
{
	const struct rte_eth_rss_conf rss_conf = { .rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_UDP };
	const struct nic_conf tx = { .n_txq = 1 };
	const struct nic_conf rx = { .n_rxq = n_queues, .rss = rss ? &rss_conf : NULL };

	pair_start_as(p, NULL, &tx, &rx);
}

/* Creates a rule, and puts it among n of them in their order. */
static void
add_rule(uint16_t port, struct known *rules, unsigned int *n, struct known new)
{
	struct rte_flow_error error;
	unsigned int at;

	new.flow = create(port, &new, &error);
	assert_non_null(new.flow);
	for (at = 0; at < *n && rules[at].priority <= new.priority;)
		at++;
	memmove(&rules[at + 1], &rules[at], (*n - at) * sizeof(*rules));
	rules[at] = new;
	++*n;
}

/* Destroys one of n rules. */
static void
remove_rule(uint16_t port, struct known *rules, unsigned int *n, unsigned int at)
{
	struct rte_flow_error error;

	assert_int_equal(rte_flow_destroy(port, rules[at].flow, &error), 0);
	--*n;
	memmove(&rules[at], &rules[at + 1], (*n - at) * sizeof(*rules));
}

/*
 * Rules of many masks and priorities come and go, and frames of all kinds are sent: with rules
 * in the order of an array, from its beginning to its end.
 */
static void
compare(uint16_t n_queues, bool rss, bool marks, bool counts, unsigned int most, unsigned int rounds)
{
	struct known *rules = calloc(most, sizeof(*rules));
	struct dice d = { .state = 5 + rss + n_queues };
	unsigned int n = 0, received = 0, i, at, round;
	struct rte_flow_error error;
	bool isolated = false;
	struct ipframe packet;
	struct pair p;

	assert_non_null(rules);
	start(&p, n_queues, rss);
	for (round = 0; round < rounds; round++) {
		if (n == most || (n != 0 && below(&d, 5) == 0)) {
			at = below(&d, n);
			check_hits(p.b, &rules[at]);
			remove_rule(p.b, rules, &n, at);
		} else {
			add_rule(p.b, rules, &n, random_rule(&d, n_queues, marks, counts));
		}
		/* The rules stay while the port is stopped. */
		if (round % 1000 == 999) {
			assert_int_equal(rte_eth_dev_stop(p.b), 0);
			assert_int_equal(rte_eth_dev_start(p.b), 0);
		}
		if (below(&d, 30) == 0) {
			isolated = !isolated;
			assert_int_equal(rte_flow_isolate(p.b, isolated, &error), 0);
		}
		if (round % 4 != 0)
			continue;
		packet = random_packet(&d);
		received += check_packet(&p, rules, n, isolated, &packet);
	}
	print_message("# %u rules\n", n);
	for (i = 0; i < n; i++)
		check_hits(p.b, &rules[i]);
	assert_int_equal(rte_flow_flush(p.b, &error), 0);
	for (i = 0; i < 50; i++) {
		packet = random_packet(&d);
		received += check_packet(&p, NULL, 0, isolated, &packet);
	}
	assert_int_equal(stats_of(p.b).ipackets, received);
	assert_int_equal(stats_of(p.b).ibytes, received * IPFRAME_LEN);
	free(rules);
}

static void
test_order(void **state)
{
	(void)state;
	compare(QUEUES, true, true, true, 3000, 6000);
	compare(QUEUES, false, true, true, 500, 3000);
	compare(1, false, true, true, 500, 3000);
	/* The driver has less to do for rules without marks, and least if they do not count either. */
	compare(1, false, false, true, 500, 3000);
	compare(1, false, false, false, 500, 3000);
	/* Of few rules often none matches. */
	compare(QUEUES, true, true, true, 4, 2000);
	compare(1, false, false, false, 4, 2000);
}

/* A packet that differs from the last one in one field at most, which rules look at or not. */
static struct ipframe
next_packet(struct dice *d, const struct ipframe *last)
{
	struct ipframe p = *last;

	switch (below(d, 12)) {
	case 0:
		p.src[3] = (uint8_t)below(d, 4);
		break;
	case 1:
		p.dport = (uint16_t)below(d, 4);
		break;
	case 2:
		p.proto = p.proto == IPPROTO_UDP ? IPPROTO_TCP : IPPROTO_UDP;
		break;
	case 3:
		p.vlans[0] = (uint16_t)below(d, 3);
		break;
	case 4:
		p.sport++;
		break;
	case 5:
		p.frag = !p.frag;
		break;
	case 6:
		p.version = p.version == 4 ? 6 : 4;
		break;
	default:
		break;
	}
	return p;
}

/* Returns whether the first of the rules that ends the search, of n in their order, drops nothing. */
static bool
is_wanted(const struct known *rules, unsigned int n, const struct ipframe *p)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (matches(&rules[i], p) && rules[i].fate != RTE_FLOW_ACTION_TYPE_PASSTHRU)
			return rules[i].fate != RTE_FLOW_ACTION_TYPE_DROP;
	return true;
}

/* Bursts of packets that are much alike, on a port that only drops: it may know some from the last. */
static void
test_runs(void **state)
{
	struct ipframe p = ipframe_of_flow(1, IPPROTO_UDP);
	struct known rules[12], new;
	struct dice d = { .state = 77 };
	unsigned int n = 0, i, k, round, dropped = 0;
	struct rte_mbuf *m[32];
	uint32_t wanted[32], seq = 0;
	struct pair pair;

	(void)state;
	start(&pair, 1, false);
	for (round = 0; round < 3000; round++) {
		if (n == RTE_DIM(rules) || (n != 0 && below(&d, 3) == 0)) {
			remove_rule(pair.b, rules, &n, below(&d, n));
		} else if (below(&d, 2) == 0) {
			new = random_rule(&d, 1, false, false);
			/* So that they match often. */
			new.src_last %= 4;
			new.dport %= 4;
			add_rule(pair.b, rules, &n, new);
		}
		memcpy(p.src, (uint8_t[]){ 10, 0, 0, (uint8_t)below(&d, 4) }, 4);
		for (i = 0, k = 0; i < RTE_DIM(m); i++) {
			p = next_packet(&d, &p);
			p.seq = seq++;
			m[i] = ipframe_new(&p);
			if (is_wanted(rules, n, &p))
				wanted[k++] = p.seq;
			else
				dropped++;
		}
		assert_int_equal(rte_eth_tx_burst(pair.a, 0, m, RTE_DIM(m)), RTE_DIM(m));
		/* All at once: it knows frames of the same poll only. */
		assert_int_equal(receive(pair.b, 0, m, RTE_DIM(m)), k);
		for (i = 0; i < k; i++) {
			assert_int_equal(ipframe_seq(m[i]), wanted[i]);
			rte_pktmbuf_free(m[i]);
		}
	}
	print_message("# %u of %u dropped\n", dropped, seq);
	assert_true(dropped > seq / 50 && dropped < seq / 2);
}

/* So many rules of one mask. They drop frames to the ports from 0 on. */
static void
fill(uint16_t port, struct rte_flow **flows, unsigned int from, unsigned int to)
{
	struct known r = { .src_bits = 32, .proto = IPPROTO_UDP, .dport_mask = 0xffff,
			   .fate = RTE_FLOW_ACTION_TYPE_DROP };
	struct rte_flow_error error = { .message = NULL };
	const uint64_t start = rte_get_timer_cycles();
	unsigned int i;

	for (i = from; i < to; i++) {
		r.src_last = i >> 16;
		r.dport = (uint16_t)i;
		flows[i] = create(port, &r, &error);
		if (flows[i] == NULL)
			fail_msg("rule %u: %s", i, error.message);
	}
	print_message("# rules %u to %u: %.1f us each\n", from, to,
		      (double)(rte_get_timer_cycles() - start) * 1e6 / (double)rte_get_timer_hz() /
			      (double)(to - from));
}

/* The largest number: the message has it; a rule less, and there is room for another. */
static void
test_full(void **state)
{
	struct rte_flow **flows = calloc(RULES_MAX, sizeof(struct rte_flow *));
	const struct known r = { .fate = RTE_FLOW_ACTION_TYPE_DROP, .src_bits = 8 };
	const struct rte_flow_action drop[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_DROP }, { .type = RTE_FLOW_ACTION_TYPE_END },
	};
	const struct rte_flow_item any = { .type = RTE_FLOW_ITEM_TYPE_END };
	struct ipframe packet = ipframe_of_flow(1, IPPROTO_UDP);
	struct rte_flow_error error = { .message = NULL };
	struct pair p;
	uint32_t mark, i;
	uint64_t begin;

	(void)state;
	assert_non_null(flows);
	start(&p, QUEUES, true);
	for (i = 0; i < RULES_MAX; i += RULES_MAX / 8)
		fill(p.b, flows, i, i + RULES_MAX / 8);
	assert_int_equal(rte_flow_validate(p.b, &ingress, &any, drop, &error), -ENOSPC);
	error.message = NULL;
	assert_null(create(p.b, &r, &error));
	assert_int_equal(rte_errno, ENOSPC);
	assert_non_null(error.message);
	assert_non_null(strstr(error.message, "65536"));
	/* All of them work. */
	memcpy(packet.src, (uint8_t[]){ 10, 0, 0, 0 }, 4);
	packet.dport = 54321;
	assert_int_equal(carry(&p, &packet, &mark), -1);
	assert_int_equal(rte_flow_destroy(p.b, flows[54321], NULL), 0);
	assert_true(carry(&p, &packet, &mark) >= 0);
	assert_int_equal(rte_flow_destroy(p.b, flows[54321], NULL), -ENOENT);
	assert_int_equal(rte_flow_validate(p.b, &ingress, &any, drop, &error), 0);
	fill(p.b, flows, 54321, 54322);
	assert_int_equal(carry(&p, &packet, &mark), -1);
	assert_null(create(p.b, &r, &error));
	begin = rte_get_timer_cycles();
	for (i = 0; i < RULES_MAX / 2; i++)
		assert_int_equal(rte_flow_destroy(p.b, flows[i], NULL), 0);
	print_message("# removal: %.1f us each\n", (double)(rte_get_timer_cycles() - begin) * 1e6 /
		      (double)rte_get_timer_hz() / (RULES_MAX / 2));
	assert_int_equal(carry(&p, &packet, &mark), -1);
	packet.dport = 0;
	assert_true(carry(&p, &packet, &mark) >= 0);
	assert_int_equal(rte_flow_flush(p.b, NULL), 0);
	packet.dport = 54321;
	assert_true(carry(&p, &packet, &mark) >= 0);
	free(flows);
}

/* Rules that are gone leave nothing behind. A change later, as one older table is kept. */
static void
test_memory(void **state)
{
	struct dice d = { .state = 9 };
	struct rte_flow *flows[200];
	unsigned int before, i, round, rss;
	struct rte_flow_error error;
	struct known r;
	struct pair p;

	(void)state;
	for (rss = 0; rss < 2; rss++) {
		start(&p, QUEUES, rss != 0);
		assert_int_equal(rte_flow_isolate(p.b, 1, NULL), 0);
		assert_int_equal(rte_flow_isolate(p.b, 0, NULL), 0);
		before = nic_objects();
		for (round = 0; round < 6; round++) {
			for (i = 0; i < RTE_DIM(flows); i++) {
				r = random_rule(&d, QUEUES, true, true);
				/* It would make the port divide frames among its queues. */
				if (rss == 0 && r.fate == RTE_FLOW_ACTION_TYPE_QUEUE)
					r.fate = RTE_FLOW_ACTION_TYPE_DROP;
				flows[i] = create(p.b, &r, &error);
				assert_non_null(flows[i]);
			}
			assert_true(nic_objects() > before + RTE_DIM(flows));
			for (i = 0; round % 3 != 0 && i < RTE_DIM(flows); i += round % 3)
				assert_int_equal(rte_flow_destroy(p.b, flows[i], NULL), 0);
			assert_int_equal(rte_flow_flush(p.b, NULL), 0);
			assert_int_equal(rte_flow_isolate(p.b, 0, NULL), 0);
			assert_int_equal(nic_objects(), before);
		}
		nic_remove(p.b);
		nic_remove(p.a);
	}
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_order),
		T(test_runs),
		T(test_full),
		T(test_memory),
	};

	return cmocka_run_group_tests_name("pmd_many_rules", tests, eal_start, eal_stop);
}
