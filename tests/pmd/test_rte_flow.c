/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Flow rules: what they match, what becomes of the frames, and changes while frames come. */

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_flow.h>
#include <rte_thash.h>

#include "ipframe.h"
#include "rte_flow_vectors.h"

#define QUEUES 4

static const struct rte_flow_attr ingress = { .ingress = 1 };
static const struct rte_flow_item item_end = { .type = RTE_FLOW_ITEM_TYPE_END };

#define ITEM(t, s, m) { .type = RTE_FLOW_ITEM_TYPE_##t, .spec = (s), .mask = (m) }
#define ACTION(t, c) { .type = RTE_FLOW_ACTION_TYPE_##t, .conf = (c) }
#define END_ITEM { .type = RTE_FLOW_ITEM_TYPE_END }
#define END_ACTION { .type = RTE_FLOW_ACTION_TYPE_END }

static const struct rte_flow_item any_udp[] = {
	ITEM(ETH, NULL, NULL), ITEM(IPV4, NULL, NULL), ITEM(UDP, NULL, NULL), END_ITEM,
};

static struct rte_flow *
rule(uint16_t port, uint32_t priority, const struct rte_flow_item *items,
     const struct rte_flow_action *actions)
{
	const struct rte_flow_attr attr = { .ingress = 1, .priority = priority };
	struct rte_flow_error error = { .message = NULL };
	struct rte_flow *flow;

	if (rte_flow_validate(port, &attr, items, actions, &error) != 0)
		fail_msg("not valid: %s", error.message);
	flow = rte_flow_create(port, &attr, items, actions, &error);
	if (flow == NULL)
		fail_msg("not created: %s", error.message);
	return flow;
}

static struct rte_flow *
to_queue(uint16_t port, uint32_t priority, const struct rte_flow_item *items, uint16_t queue)
{
	const struct rte_flow_action_queue conf = { .index = queue };
	const struct rte_flow_action actions[] = { ACTION(QUEUE, &conf), END_ACTION };

	return rule(port, priority, items, actions);
}

/* With RSS, so that rules can choose; or none, and one queue. */
static void
start(struct pair *p, const char *args, bool rss)
{
	const struct rte_eth_rss_conf rss_conf = { .rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_UDP };
	const struct nic_conf tx = { .n_txq = rss ? QUEUES : 1 };
	const struct nic_conf rx = { .n_rxq = rss ? QUEUES : 1, .rss = rss ? &rss_conf : NULL };

	pair_start_as(p, args, &tx, &rx);
}

/* Which of so many queues gets the mbuf, and it alone; -1: none. */
static int
where_mbuf(const struct pair *p, struct rte_mbuf *m, uint16_t n)
{
	int at = -1;
	uint16_t q;

	assert_true(send_mbuf(p->a, 0, m));
	for (q = 0; q < n; q++) {
		while (receive(p->b, q, &m, 1) == 1) {
			assert_int_equal(at, -1);
			at = q;
			rte_pktmbuf_free(m);
		}
	}
	return at;
}

static int
where(const struct pair *p, const struct ipframe *packet, uint16_t n)
{
	return where_mbuf(p, ipframe_new(packet), n);
}

/* Is the mbuf marked, and so in queue 1? It arrives in one queue in any case. */
static bool
is_marked(const struct pair *p, struct rte_mbuf *m)
{
	unsigned int n = 0;
	bool marked = false;
	uint16_t q;

	assert_true(send_mbuf(p->a, 0, m));
	for (q = 0; q < QUEUES; q++) {
		for (; receive(p->b, q, &m, 1) == 1; n++) {
			marked = m->ol_flags & RTE_MBUF_F_RX_FDIR;
			if (marked) {
				assert_int_equal(q, 1);
				assert_true(m->ol_flags & RTE_MBUF_F_RX_FDIR_ID);
				assert_int_equal(m->hash.fdir.hi, 7);
			}
			rte_pktmbuf_free(m);
		}
	}
	assert_int_equal(n, 1);
	return marked;
}

/* As the library for hashes wants it. */
static uint32_t
ipv4_of(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

/* Of an IPv4 packet with its ports. */
static uint32_t
hash_of(const struct ipframe *packet, const uint8_t *key)
{
	uint32_t tuple[3] = { ipv4_of(packet->src), ipv4_of(packet->dst),
			      (uint32_t)packet->sport << 16 | packet->dport };

	return rte_softrss(tuple, RTE_DIM(tuple), key);
}

static const struct rte_ether_addr some_mac = { .addr_bytes = { 2, 0, 0, 0, 0, 9 } };

#define NET(a, b, c, d) RTE_BE32((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define FD00_2 { 0xfd, [15] = 2 }
#define ONES6 { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, \
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }

/* Each pattern by its name in the vectors, against all packets: with one queue, and with RSS. */
static void
test_match(void **state)
{
	const struct rte_flow_item_eth from = { .hdr.src_addr = { { 2, 0, 0, 0, 0, 0xa } } };
	const struct rte_flow_item_eth from_mask = {
		.hdr.src_addr = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
	};
	const struct rte_flow_item_eth to = { .hdr.dst_addr = some_mac };
	const struct rte_flow_item_eth to_mask = {
		.hdr.dst_addr = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
	};
	const struct rte_flow_item_eth tagged = { .has_vlan = 1 };
	const struct rte_flow_item_eth untagged = { .has_vlan = 0 };
	const struct rte_flow_item_vlan vlan5 = { .hdr.vlan_tci = RTE_BE16(5) };
	const struct rte_flow_item_vlan vlan7 = { .hdr.vlan_tci = RTE_BE16(7) };
	const struct rte_flow_item_vlan pcp = { .hdr.vlan_tci = RTE_BE16(0x2000) };
	const struct rte_flow_item_vlan pcp_mask = { .hdr.vlan_tci = RTE_BE16(0xe000) };
	const struct rte_flow_item_ipv4 net = { .hdr.src_addr = NET(10, 0, 0, 0) };
	const struct rte_flow_item_ipv4 net_mask = { .hdr.src_addr = NET(255, 255, 255, 0) };
	const struct rte_flow_item_ipv4 host = { .hdr.dst_addr = NET(10, 0, 0, 2) };
	const struct rte_flow_item_ipv4 host_mask = { .hdr.dst_addr = RTE_BE32(UINT32_MAX) };
	const struct rte_flow_item_tcp tcp80 = { .hdr.dst_port = RTE_BE16(80) };
	const struct rte_flow_item_tcp tcp80_mask = { .hdr.dst_port = RTE_BE16(0xffff) };
	const struct rte_flow_item_tcp tcp = { .hdr.dst_port = RTE_BE16(80),
					       .hdr.src_port = RTE_BE16(1000) };
	const struct rte_flow_item_udp udp = { .hdr.dst_port = RTE_BE16(53),
					       .hdr.src_port = RTE_BE16(1000) };
	const struct rte_flow_item_ipv6 host6 = { .hdr.dst_addr = FD00_2 };
	const struct rte_flow_item_ipv6 host6_mask = { .hdr.dst_addr = ONES6 };
	const struct {
		const char *name;
		struct rte_flow_item items[6];
	} patterns[] = {
		{ "any", { END_ITEM } },
		{ "eth", { ITEM(ETH, NULL, NULL), END_ITEM } },
		{ "eth from", { ITEM(ETH, &from, &from_mask), END_ITEM } },
		{ "eth to", { ITEM(ETH, &to, &to_mask), END_ITEM } },
		{ "eth with VLAN", { ITEM(ETH, &tagged, &tagged), END_ITEM } },
		{ "eth without VLAN", { ITEM(ETH, &untagged, &tagged), END_ITEM } },
		{ "vlan", { ITEM(VLAN, NULL, NULL), END_ITEM } },
		{ "vlan 7", { ITEM(ETH, NULL, NULL), ITEM(VLAN, &vlan7, NULL), END_ITEM } },
		{ "vlan PCP 1", { ITEM(VLAN, &pcp, &pcp_mask), END_ITEM } },
		{ "vlan, vlan 7", { ITEM(VLAN, NULL, NULL), ITEM(VLAN, &vlan7, NULL), END_ITEM } },
		{ "vlan 5, ipv4, tcp", { ITEM(ETH, NULL, NULL), ITEM(VLAN, &vlan5, NULL),
		  ITEM(IPV4, NULL, NULL), ITEM(TCP, &tcp, NULL), END_ITEM } },
		{ "vlan 5, vlan, ipv4, tcp", { ITEM(ETH, NULL, NULL), ITEM(VLAN, &vlan5, NULL),
		  ITEM(VLAN, NULL, NULL), ITEM(IPV4, NULL, NULL), ITEM(TCP, &tcp, NULL), END_ITEM } },
		{ "ipv4", { ITEM(ETH, NULL, NULL), ITEM(IPV4, NULL, NULL), END_ITEM } },
		{ "ipv4 net", { ITEM(IPV4, &net, &net_mask), END_ITEM } },
		{ "ipv4, tcp", { ITEM(ETH, NULL, NULL), ITEM(IPV4, NULL, NULL), ITEM(TCP, &tcp, NULL),
		  END_ITEM } },
		{ "vlan 7, host, tcp 80", { ITEM(VLAN, &vlan7, NULL), ITEM(IPV4, &host, &host_mask),
		  ITEM(VOID, NULL, NULL), ITEM(TCP, &tcp80, &tcp80_mask), END_ITEM } },
		{ "tcp", { ITEM(TCP, NULL, NULL), END_ITEM } },
		{ "ipv6", { ITEM(IPV6, NULL, NULL), END_ITEM } },
		{ "ipv6 host, udp", { ITEM(ETH, NULL, NULL), ITEM(IPV6, &host6, &host6_mask),
		  ITEM(UDP, &udp, NULL), END_ITEM } },
		{ "sctp", { ITEM(SCTP, NULL, NULL), END_ITEM } },
	};
	const struct rte_flow_action_queue queue = { .index = 1 };
	const struct rte_flow_action_mark mark = { .id = 7 };
	const struct rte_flow_action lists[][3] = {
		{ ACTION(DROP, NULL), END_ACTION },
		{ ACTION(MARK, &mark), ACTION(QUEUE, &queue), END_ACTION },
	};
	const struct match *v;
	struct rte_flow *flow;
	unsigned int i, k, f;
	struct rte_mbuf *m;
	struct pair p;
	bool hit, rss;

	(void)state;
	assert_int_equal(RTE_DIM(patterns), RTE_DIM(matches));
	for (f = 0; f < 3; f++) {
		rss = f == 2;
		start(&p, f == 1 ? "format=shmif" : "format=lanes", rss);
		for (i = 0; i < RTE_DIM(patterns); i++) {
			v = &matches[i];
			assert_string_equal(patterns[i].name, v->pattern);
			flow = rule(p.b, 0, patterns[i].items, lists[rss]);
			for (k = 0; k < RTE_DIM(packets); k++) {
				m = vector_mbuf(&packets[k].frame);
				hit = rss ? is_marked(&p, m) : where_mbuf(&p, m, 1) == -1;
				if (hit != (v->packets[k] == 'y'))
					fail_msg("pattern %s: packet %s %s match", v->pattern,
						 packets[k].name, hit ? "should not" : "should");
			}
			assert_int_equal(rte_flow_destroy(p.b, flow, NULL), 0);
			m = vector_mbuf(&packets[0].frame);
			assert_int_equal(where_mbuf(&p, m, rss ? QUEUES : 1), 0);
		}
	}
}

/* Frames of every length: nothing behind their end is looked at. */
static void
test_short_frames(void **state)
{
	const struct rte_flow_item_tcp tcp = { .hdr.dst_port = RTE_BE16(80) };
	const struct rte_flow_item_tcp mask = { .hdr.dst_port = RTE_BE16(0xffff) };
	const struct rte_flow_item items[] = { ITEM(TCP, &tcp, &mask), END_ITEM };
	const struct rte_flow_action drop[] = { ACTION(DROP, NULL), END_ACTION };
	uint8_t bytes[256];
	struct pair p;
	uint32_t len, full;

	(void)state;
	start(&p, NULL, false);
	rule(p.b, 0, items, drop);
	full = vector_copy(bytes, &packets[0].frame);
	for (len = RTE_ETHER_HDR_LEN; len <= full; len++) {
		assert_true(send_mbuf(p.a, 0, vector_mbuf_of(bytes, len, 0)));
		assert_int_equal(drain(p.b, 0), len < 14 + 4 + 20 + 20);
	}
}

/* A frame that ends just behind a header has this header; one byte less, and it does not. */
static void
test_ends(void **state)
{
	const struct rte_flow_item_vlan vlan = { .hdr.vlan_tci = RTE_BE16(7) };
	const struct rte_flow_item_udp udp = { .hdr.dst_port = RTE_BE16(53) };
	const struct rte_flow_item_udp udp_mask = { .hdr.dst_port = RTE_BE16(0xffff) };
	const struct rte_flow_item_tcp tcp = { .hdr.dst_port = RTE_BE16(53) };
	const struct rte_flow_item_tcp tcp_mask = { .hdr.dst_port = RTE_BE16(0xffff) };
	const struct {
		struct rte_flow_item items[3];
		uint8_t proto;
		uint8_t version;
		uint16_t vlans[2];
		uint32_t needed; /* bytes for a match */
	} cases[] = {
		{ { ITEM(VLAN, &vlan, NULL), END_ITEM }, IPPROTO_UDP, 4, { 7, 0 }, 18 },
		{ { ITEM(VLAN, NULL, NULL), ITEM(VLAN, &vlan, NULL), END_ITEM }, IPPROTO_UDP, 4,
		  { 5, 7 }, 22 },
		/* The parser takes UDP from IP's header, and TCP only with its header. */
		{ { ITEM(UDP, &udp, &udp_mask), END_ITEM }, IPPROTO_UDP, 4, { 0, 0 }, 34 + 4 },
		{ { ITEM(UDP, &udp, &udp_mask), END_ITEM }, IPPROTO_UDP, 6, { 0, 0 }, 54 + 4 },
		{ { ITEM(TCP, &tcp, &tcp_mask), END_ITEM }, IPPROTO_TCP, 4, { 0, 0 }, 34 + 20 },
		{ { ITEM(TCP, &tcp, &tcp_mask), END_ITEM }, IPPROTO_TCP, 6, { 0, 0 }, 54 + 20 },
		{ { ITEM(UDP, &udp, &udp_mask), END_ITEM }, IPPROTO_UDP, 4, { 7, 0 }, 38 + 4 },
	};
	const struct rte_flow_action drop[] = { ACTION(DROP, NULL), END_ACTION };
	uint8_t bytes[IPFRAME_LEN];
	struct ipframe packet;
	struct rte_flow *flow;
	struct rte_mbuf *m;
	unsigned int i;
	struct pair p;
	uint32_t len;

	(void)state;
	start(&p, NULL, false);
	for (i = 0; i < RTE_DIM(cases); i++) {
		flow = rule(p.b, 0, cases[i].items, drop);
		packet = ipframe_of_flow(1, cases[i].proto);
		packet.version = cases[i].version;
		memcpy(packet.vlans, cases[i].vlans, sizeof(packet.vlans));
		packet.dport = 53;
		m = ipframe_new(&packet);
		memcpy(bytes, rte_pktmbuf_mtod(m, uint8_t *), sizeof(bytes));
		rte_pktmbuf_free(m);
		for (len = RTE_ETHER_HDR_LEN; len <= sizeof(bytes); len++) {
			assert_true(send_mbuf(p.a, 0, vector_mbuf_of(bytes, len, 0)));
			if (drain(p.b, 0) != (len < cases[i].needed))
				fail_msg("case %u: %u bytes", i, len);
		}
		assert_int_equal(rte_flow_destroy(p.b, flow, NULL), 0);
	}
}

static void
test_queue(void **state)
{
	struct ipframe packet;
	struct rte_flow *flow;
	struct pair p;
	uint32_t i;
	uint16_t q;
	int before[20];

	(void)state;
	start(&p, NULL, true);
	for (i = 0; i < 20; i++) {
		packet = ipframe_of_flow(i, IPPROTO_UDP);
		before[i] = where(&p, &packet, QUEUES);
		assert_in_range(before[i], 0, QUEUES - 1);
	}
	for (q = 0; q < QUEUES; q++) {
		flow = to_queue(p.b, 0, any_udp, q);
		for (i = 0; i < 20; i++) {
			packet = ipframe_of_flow(i, IPPROTO_UDP);
			assert_int_equal(where(&p, &packet, QUEUES), q);
			packet.proto = IPPROTO_TCP; /* not hashed */
			assert_int_equal(where(&p, &packet, QUEUES), 0);
		}
		assert_int_equal(rte_flow_destroy(p.b, flow, NULL), 0);
	}
	for (i = 0; i < 20; i++) {
		packet = ipframe_of_flow(i, IPPROTO_UDP);
		assert_int_equal(where(&p, &packet, QUEUES), before[i]);
	}
}

static void
test_rss_action(void **state)
{
	static const uint16_t queues[] = { 1, 3 };
	struct rte_flow_action_rss rss = {
		.types = RTE_ETH_RSS_NONFRAG_IPV4_TCP, .queue_num = 2, .queue = queues,
	};
	const struct rte_flow_action actions[] = { ACTION(RSS, &rss), END_ACTION };
	const struct rte_flow_item tcp[] = { ITEM(TCP, NULL, NULL), END_ITEM };
	unsigned int n[QUEUES] = { 0 };
	struct ipframe packet;
	struct pair p;
	uint32_t i;
	int q;

	(void)state;
	start(&p, NULL, true);
	rule(p.b, 0, tcp, actions);
	for (i = 0; i < 100; i++) {
		packet = ipframe_of_flow(i, IPPROTO_TCP);
		q = where(&p, &packet, QUEUES);
		assert_true(q == 1 || q == 3);
		assert_int_equal(where(&p, &packet, QUEUES), q);
		n[q]++;
	}
	assert_true(n[1] > 20 && n[3] > 20);
}

/* By the types that testpmd gives to a rule of which none are asked for, and others of its names. */
static void
test_rss_types(void **state)
{
	static const uint16_t queues[] = { 0, 1, 2, 3 };
	static const uint64_t types[] = { RTE_ETH_RSS_IP, RTE_ETH_RSS_UDP,
		RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_SCTP };
	struct rte_flow_action_rss rss = { .queue_num = RTE_DIM(queues), .queue = queues };
	const struct rte_flow_action actions[] = { ACTION(RSS, &rss), END_ACTION };
	unsigned int n[QUEUES];
	struct ipframe packet;
	struct rte_flow *flow;
	unsigned int i, k;
	struct pair p;
	int at;

	(void)state;
	start(&p, NULL, true);
	for (k = 0; k < RTE_DIM(types); k++) {
		rss.types = types[k];
		flow = rule(p.b, 0, any_udp, actions);
		memset(n, 0, sizeof(n));
		for (i = 0; i < 60; i++) {
			packet = ipframe_of_flow(i, IPPROTO_UDP);
			at = where(&p, &packet, QUEUES);
			assert_true(at >= 0);
			n[at]++;
		}
		for (i = 0; i < QUEUES; i++)
			assert_true(n[i] > 3);
		assert_int_equal(rte_flow_destroy(p.b, flow, NULL), 0);
	}
}

/* As many queues as the redirection table has entries, and so several times. */
static void
test_rss_long_list(void **state)
{
	uint8_t key[40] = { 0 };
	uint16_t queues[128];
	struct rte_flow_action_rss rss = {
		.types = RTE_ETH_RSS_NONFRAG_IPV4_UDP, .queue_num = RTE_DIM(queues), .queue = queues,
	};
	struct rte_eth_rss_conf conf = { .rss_key = key, .rss_key_len = sizeof(key) };
	const struct rte_flow_action actions[] = { ACTION(RSS, &rss), END_ACTION };
	struct ipframe packet;
	unsigned int i;
	struct pair p;

	(void)state;
	start(&p, NULL, true);
	assert_int_equal(rte_eth_dev_rss_hash_conf_get(p.b, &conf), 0);
	for (i = 0; i < RTE_DIM(queues); i++)
		queues[i] = i < 100 ? 2 : i % QUEUES;
	rule(p.b, 0, any_udp, actions);
	for (i = 0; i < 100; i++) {
		packet = ipframe_of_flow(i, IPPROTO_UDP);
		assert_int_equal(where(&p, &packet, QUEUES),
				 queues[hash_of(&packet, key) % RTE_DIM(queues)]);
	}
}

/* Without a list the port's table says which queue it is, also when it changes. */
static void
test_rss_by_table(void **state)
{
	struct rte_eth_rss_reta_entry64 reta[2] = { { .mask = UINT64_MAX }, { .mask = UINT64_MAX } };
	uint8_t key[40] = { 0 };
	const struct rte_flow_action_rss rss = { .types = RTE_ETH_RSS_NONFRAG_IPV4_TCP };
	struct rte_eth_rss_conf conf = { .rss_key = key, .rss_key_len = sizeof(key) };
	const struct rte_flow_action actions[] = { ACTION(RSS, &rss), END_ACTION };
	const struct rte_flow_item tcp[] = { ITEM(TCP, NULL, NULL), END_ITEM };
	struct ipframe packet;
	unsigned int i, entry;
	struct pair p;

	(void)state;
	start(&p, NULL, true);
	assert_int_equal(rte_eth_dev_rss_hash_conf_get(p.b, &conf), 0);
	/* The port itself hashes no TCP. */
	rule(p.b, 0, tcp, actions);
	for (i = 0; i < 50; i++) {
		packet = ipframe_of_flow(i, IPPROTO_TCP);
		assert_int_equal(where(&p, &packet, QUEUES), hash_of(&packet, key) % 128 % QUEUES);
	}
	for (i = 0; i < 128; i++)
		reta[i / 64].reta[i % 64] = i % 7 == 0 ? 3 : 1;
	assert_int_equal(rte_eth_dev_rss_reta_update(p.b, reta, 128), 0);
	for (i = 0; i < 50; i++) {
		packet = ipframe_of_flow(i, IPPROTO_TCP);
		entry = hash_of(&packet, key) % 128;
		assert_int_equal(where(&p, &packet, QUEUES), reta[entry / 64].reta[entry % 64]);
	}
}

/* With a key of the action's own, which is not the port's: both as DPDK's library computes them. */
static void
test_rss_key(void **state)
{
	static const uint16_t queues[] = { 3, 0, 2 };
	uint8_t key[40], port_key[40];
	struct rte_flow_action_rss rss = {
		.types = RTE_ETH_RSS_NONFRAG_IPV4_TCP, .queue_num = RTE_DIM(queues), .queue = queues,
		.key = key, .key_len = sizeof(key),
	};
	const struct rte_flow_action actions[] = { ACTION(RSS, &rss), END_ACTION };
	const struct rte_flow_item tcp[] = { ITEM(TCP, NULL, NULL), END_ITEM };
	struct rte_eth_rss_conf conf = { .rss_key = port_key, .rss_key_len = sizeof(port_key) };
	unsigned int differ = 0;
	struct ipframe packet;
	struct rte_flow *flow;
	struct dice d = { .state = 4 };
	uint32_t i, hash, of_port;
	struct pair p;

	(void)state;
	for (i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)dice_throw(&d);
	start(&p, NULL, true);
	assert_int_equal(rte_eth_dev_rss_hash_conf_get(p.b, &conf), 0);
	flow = rule(p.b, 0, tcp, actions);
	for (i = 0; i < 60; i++) {
		packet = ipframe_of_flow(i, IPPROTO_TCP);
		hash = hash_of(&packet, key);
		of_port = hash_of(&packet, port_key);
		differ += hash % 3 != of_port % 3;
		assert_int_equal(where(&p, &packet, QUEUES), queues[hash % 3]);
	}
	assert_true(differ > 20);
	/* Another key for the port changes nothing, and without its own the port's is taken. */
	memset(port_key, 0x3c, sizeof(port_key));
	conf.rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_UDP;
	assert_int_equal(rte_eth_dev_rss_hash_update(p.b, &conf), 0);
	packet = ipframe_of_flow(1, IPPROTO_TCP);
	assert_int_equal(where(&p, &packet, QUEUES), queues[hash_of(&packet, key) % 3]);
	assert_int_equal(rte_flow_destroy(p.b, flow, NULL), 0);
	rss.key = NULL;
	rss.key_len = 0;
	rule(p.b, 0, tcp, actions);
	assert_int_equal(where(&p, &packet, QUEUES), queues[hash_of(&packet, port_key) % 3]);
}

static void
test_mark(void **state)
{
	const struct rte_flow_action_mark mark = { .id = 0xabc123 };
	const struct rte_flow_action marks[] = { ACTION(MARK, &mark), END_ACTION };
	const struct rte_flow_action flags[] = { ACTION(FLAG, NULL), END_ACTION };
	struct ipframe packet = ipframe_of_flow(1, IPPROTO_UDP);
	struct rte_flow *flow;
	struct rte_mbuf *m;
	struct pair p;
	unsigned int f;

	(void)state;
	for (f = 0; f < 2; f++) {
		start(&p, f == 0 ? "format=lanes" : "format=shmif", false);
		flow = rule(p.b, 0, any_udp, marks);
		packet.proto = IPPROTO_UDP;
		ipframe_send(p.a, 0, &packet);
		assert_int_equal(receive(p.b, 0, &m, 1), 1);
		assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_FDIR | RTE_MBUF_F_RX_FDIR_ID);
		assert_int_equal(m->hash.fdir.hi, 0xabc123);
		rte_pktmbuf_free(m);
		packet.proto = IPPROTO_TCP;
		ipframe_send(p.a, 0, &packet);
		assert_int_equal(receive(p.b, 0, &m, 1), 1);
		assert_int_equal(m->ol_flags, 0);
		rte_pktmbuf_free(m);
		assert_int_equal(rte_flow_destroy(p.b, flow, NULL), 0);
		rule(p.b, 0, any_udp, flags);
		packet.proto = IPPROTO_UDP;
		ipframe_send(p.a, 0, &packet);
		assert_int_equal(receive(p.b, 0, &m, 1), 1);
		assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_FDIR);
		rte_pktmbuf_free(m);
	}
}

static struct rte_flow_query_count
count_of(uint16_t port, struct rte_flow *flow, bool reset)
{
	const struct rte_flow_action actions[] = { ACTION(COUNT, NULL), END_ACTION };
	struct rte_flow_query_count count = { .reset = reset };

	assert_int_equal(rte_flow_query(port, flow, actions, &count, NULL), 0);
	assert_true(count.hits_set && count.bytes_set);
	return count;
}

static void
test_count(void **state)
{
	const struct rte_flow_action pass[] = { ACTION(COUNT, NULL), ACTION(PASSTHRU, NULL), END_ACTION };
	const struct rte_flow_action drop[] = { ACTION(DROP, NULL), ACTION(COUNT, NULL), END_ACTION };
	const struct rte_flow_item all[] = { END_ITEM };
	struct rte_flow *passed, *dropped;
	struct rte_flow_query_count count;
	struct ipframe packet;
	unsigned int i;
	struct pair p;

	(void)state;
	start(&p, NULL, true);
	passed = rule(p.b, 0, all, pass);
	dropped = rule(p.b, 1, any_udp, drop);
	for (i = 0; i < 40; i++) {
		packet = ipframe_of_flow(i, i % 4 == 0 ? IPPROTO_UDP : IPPROTO_TCP);
		assert_int_equal(where(&p, &packet, QUEUES), i % 4 == 0 ? -1 : 0);
	}
	count = count_of(p.b, passed, false);
	assert_int_equal(count.hits, 40);
	assert_int_equal(count.bytes, 40 * IPFRAME_LEN);
	assert_int_equal(count_of(p.b, dropped, true).hits, 10);
	count = count_of(p.b, dropped, false);
	assert_int_equal(count.hits + count.bytes, 0);
	assert_int_equal(count_of(p.b, passed, false).hits, 40);
	assert_int_equal(stats_of(p.b).ipackets, 30);
}

static void
test_priorities(void **state)
{
	const struct rte_flow_action_mark mark = { .id = 5 };
	const struct rte_flow_action passthru[] = {
		ACTION(MARK, &mark), ACTION(PASSTHRU, NULL), END_ACTION,
	};
	struct ipframe packet = ipframe_of_flow(3, IPPROTO_UDP);
	struct rte_flow *high, *low, *middle;
	struct rte_mbuf *m;
	struct pair p;

	(void)state;
	start(&p, NULL, true);
	low = to_queue(p.b, 9, any_udp, 1);
	assert_int_equal(where(&p, &packet, QUEUES), 1);
	high = to_queue(p.b, 2, any_udp, 2);
	assert_int_equal(where(&p, &packet, QUEUES), 2);
	middle = to_queue(p.b, 5, any_udp, 3);
	assert_int_equal(where(&p, &packet, QUEUES), 2);
	assert_int_equal(rte_flow_destroy(p.b, high, NULL), 0);
	assert_int_equal(where(&p, &packet, QUEUES), 3);
	/* Of equals the first one. */
	high = to_queue(p.b, 5, any_udp, 0);
	assert_int_equal(where(&p, &packet, QUEUES), 3);
	assert_int_equal(rte_flow_destroy(p.b, middle, NULL), 0);
	assert_int_equal(where(&p, &packet, QUEUES), 0);
	assert_int_equal(rte_flow_destroy(p.b, high, NULL), 0);
	rule(p.b, 0, any_udp, passthru);
	ipframe_send(p.a, 0, &packet);
	assert_int_equal(receive(p.b, 1, &m, 1), 1);
	assert_int_equal(m->hash.fdir.hi, 5);
	rte_pktmbuf_free(m);
	assert_int_equal(rte_flow_destroy(p.b, low, NULL), 0);
	/* A rule that is no more. */
	assert_int_equal(rte_flow_flush(p.b, NULL), 0);
	assert_int_equal(rte_flow_flush(p.b, NULL), 0);
}

static void
test_isolate(void **state)
{
	const struct nic_conf filter = { .filter = true };
	struct ipframe packet = ipframe_of_flow(1, IPPROTO_UDP);
	struct pair p;

	(void)state;
	pair_start(&p, NULL, &filter);
	packet.to = &some_mac;
	assert_int_equal(where(&p, &packet, 1), -1);
	assert_int_equal(rte_flow_isolate(p.b, 1, NULL), 0);
	packet.to = NULL;
	assert_int_equal(where(&p, &packet, 1), -1);
	to_queue(p.b, 0, any_udp, 0);
	assert_int_equal(where(&p, &packet, 1), 0);
	/* Rules alone decide, not addresses. */
	packet.to = &some_mac;
	assert_int_equal(where(&p, &packet, 1), 0);
	packet.proto = IPPROTO_TCP;
	assert_int_equal(where(&p, &packet, 1), -1);
	packet.to = NULL;
	assert_int_equal(where(&p, &packet, 1), -1);
	assert_int_equal(rte_flow_isolate(p.b, 0, NULL), 0);
	assert_int_equal(where(&p, &packet, 1), 0);
	packet.proto = IPPROTO_UDP;
	packet.to = &some_mac;
	assert_int_equal(where(&p, &packet, 1), -1);
}

static void
assert_refused(uint16_t port, const struct rte_flow_attr *attr, const struct rte_flow_item *items,
	       const struct rte_flow_action *actions, enum rte_flow_error_type type, int code)
{
	struct rte_flow_error error = { .message = NULL };

	const int ret = rte_flow_validate(port, attr, items, actions, &error);

	if (ret != -code)
		fail_msg("%d, not %d: %s", ret, -code, error.message);
	assert_non_null(error.message);
	assert_int_equal(error.type, type);
	memset(&error, 0, sizeof(error));
	assert_null(rte_flow_create(port, attr, items, actions, &error));
	assert_int_equal(rte_errno, code);
	assert_non_null(error.message);
}

static void
test_refused(void **state)
{
	static const uint16_t queues[] = { 0, QUEUES };
	static const uint16_t many[129];
	const struct rte_flow_attr egress = { .egress = 1 }, none = { .ingress = 0 };
	const struct rte_flow_attr group = { .ingress = 1, .group = 1 };
	const struct rte_flow_attr transfer = { .transfer = 1 };
	const struct rte_flow_action drop[] = { ACTION(DROP, NULL), END_ACTION };
	const struct rte_flow_action_queue queue = { .index = QUEUES };
	const struct rte_flow_action_rss beyond = { .queue_num = 2, .queue = queues };
	const struct rte_flow_action_rss inner = { .queue_num = 1, .queue = queues, .level = 2 };
	const struct rte_flow_action_rss types = { .queue_num = 1, .queue = queues,
						   .types = RTE_ETH_RSS_GTPU };
	const struct rte_flow_action_rss xor = { .queue_num = 1, .queue = queues,
						 .func = RTE_ETH_HASH_FUNCTION_SIMPLE_XOR };
	const struct rte_flow_action_rss key = { .queue_num = 1, .queue = queues,
						 .key = (const uint8_t *)"key", .key_len = 3 };
	const struct rte_flow_action_rss no_list = { .queue_num = 1 };
	const struct rte_flow_action_rss too_many = { .queue_num = 129, .queue = many };
	const struct rte_flow_item_udp udp = { .hdr.dst_port = RTE_BE16(1) };
	const struct rte_flow_item_udp last = { .hdr.dst_port = RTE_BE16(9) };
	const struct rte_flow_item_ipv6 ext = { .has_frag_ext = 1 };
	const struct {
		struct rte_flow_item items[5];
		enum rte_flow_error_type type;
		int code;
	} patterns[] = {
		{ { ITEM(GRE, NULL, NULL), END_ITEM }, RTE_FLOW_ERROR_TYPE_ITEM, ENOTSUP },
		{ { ITEM(UDP, NULL, NULL), ITEM(IPV4, NULL, NULL), END_ITEM },
		  RTE_FLOW_ERROR_TYPE_ITEM, ENOTSUP },
		{ { ITEM(IPV4, NULL, NULL), ITEM(IPV6, NULL, NULL), END_ITEM },
		  RTE_FLOW_ERROR_TYPE_ITEM, ENOTSUP },
		{ { ITEM(VLAN, NULL, NULL), ITEM(VLAN, NULL, NULL), ITEM(VLAN, NULL, NULL), END_ITEM },
		  RTE_FLOW_ERROR_TYPE_ITEM, ENOTSUP },
		{ { ITEM(UDP, NULL, &udp), END_ITEM }, RTE_FLOW_ERROR_TYPE_ITEM_SPEC, EINVAL },
		{ { ITEM(IPV6, &ext, &ext), END_ITEM }, RTE_FLOW_ERROR_TYPE_ITEM, ENOTSUP },
		{ { { .type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp, .last = &last }, END_ITEM },
		  RTE_FLOW_ERROR_TYPE_ITEM_LAST, ENOTSUP },
	};
	const struct {
		struct rte_flow_action actions[4];
		int code;
	} lists[] = {
		{ { ACTION(QUEUE, &queue), END_ACTION }, EINVAL },
		{ { ACTION(QUEUE, NULL), END_ACTION }, EINVAL },
		{ { ACTION(MARK, NULL), END_ACTION }, EINVAL },
		{ { ACTION(DROP, NULL), ACTION(PASSTHRU, NULL), END_ACTION }, EINVAL },
		{ { ACTION(OF_POP_VLAN, NULL), END_ACTION }, ENOTSUP },
		{ { ACTION(RSS, &beyond), END_ACTION }, EINVAL },
		{ { ACTION(RSS, &inner), END_ACTION }, ENOTSUP },
		{ { ACTION(RSS, &types), END_ACTION }, ENOTSUP },
		{ { ACTION(RSS, &xor), END_ACTION }, ENOTSUP },
		{ { ACTION(RSS, &key), END_ACTION }, EINVAL },
		{ { ACTION(RSS, &no_list), END_ACTION }, EINVAL },
		{ { ACTION(RSS, &too_many), END_ACTION }, ENOTSUP },
	};
	struct ipframe packet = ipframe_of_flow(1, IPPROTO_UDP);
	struct rte_flow_error error = { .message = NULL };
	struct rte_flow_query_count count;
	struct rte_flow *flow;
	struct pair p;
	unsigned int i;

	(void)state;
	start(&p, NULL, true);
	assert_refused(p.b, &egress, &item_end, drop, RTE_FLOW_ERROR_TYPE_ATTR_EGRESS, ENOTSUP);
	assert_refused(p.b, &none, &item_end, drop, RTE_FLOW_ERROR_TYPE_ATTR_INGRESS, EINVAL);
	assert_refused(p.b, &group, &item_end, drop, RTE_FLOW_ERROR_TYPE_ATTR_GROUP, ENOTSUP);
	assert_refused(p.b, &transfer, &item_end, drop, RTE_FLOW_ERROR_TYPE_ATTR_TRANSFER, ENOTSUP);
	for (i = 0; i < RTE_DIM(patterns); i++)
		assert_refused(p.b, &ingress, patterns[i].items, drop, patterns[i].type,
			       patterns[i].code);
	for (i = 0; i < RTE_DIM(lists); i++)
		assert_refused(p.b, &ingress, &item_end, lists[i].actions,
			       RTE_FLOW_ERROR_TYPE_ACTION, lists[i].code);
	/* None of that has left anything behind. */
	assert_in_range(where(&p, &packet, QUEUES), 0, QUEUES - 1);
	flow = rule(p.b, 0, any_udp, drop);
	assert_int_equal(rte_flow_query(p.b, flow, drop, &count, &error), -ENOTSUP);
	assert_non_null(error.message);
	assert_int_equal(rte_flow_destroy(p.b, flow, NULL), 0);
	assert_int_equal(rte_flow_destroy(p.b, flow, &error), -ENOENT);
	assert_int_equal(rte_flow_destroy(p.b, NULL, &error), -ENOENT);
}

/* With a rule at the start all queues read all lanes, without RSS, too: first_rule has the rest. */
static void
test_choice_without_rss(void **state)
{
	const struct rte_flow_action drop[] = { ACTION(DROP, NULL), END_ACTION };
	const struct nic_conf tx = { .n_txq = QUEUES }, rx = { .n_rxq = 2 };
	struct ipframe packet = ipframe_of_flow(1, IPPROTO_UDP);
	struct ipframe tcp = ipframe_of_flow(1, IPPROTO_TCP);
	struct rte_flow *flow;
	struct pair p;
	uint16_t q;

	(void)state;
	start(&p, NULL, false);
	assert_int_equal(rte_eth_dev_stop(p.a), 0);
	nic_start(p.a, &tx);
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	nic_start(p.b, &rx);
	flow = rule(p.b, 0, any_udp, drop);
	assert_int_equal(where(&p, &packet, 2), -1);
	assert_int_equal(where(&p, &tcp, 2), 0);
	assert_int_equal(rte_flow_destroy(p.b, flow, NULL), 0);
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	flow = to_queue(p.b, 0, any_udp, 1);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	for (q = 0; q < QUEUES; q++) {
		ipframe_send(p.a, q, &packet);
		ipframe_send(p.a, q, &tcp);
	}
	/* The rest goes as it does without rules. */
	assert_int_equal(drain(p.b, 0), 2);
	assert_int_equal(drain(p.b, 1), 4 + 2);
	assert_int_equal(rte_flow_destroy(p.b, flow, NULL), 0);
	for (q = 0; q < QUEUES; q++)
		ipframe_send(p.a, q, &packet);
	assert_int_equal(drain(p.b, 0), 2);
	assert_int_equal(drain(p.b, 1), 2);
}

/* dev_info says that they are kept. */
static void
test_restart(void **state)
{
	const struct rte_flow_action drop[] = { ACTION(DROP, NULL), END_ACTION };
	const struct nic_conf two = { .n_rxq = 2 };
	struct ipframe packet = ipframe_of_flow(1, IPPROTO_UDP);
	struct ipframe sctp = ipframe_of_flow(1, IPPROTO_SCTP);
	struct ipframe tcp = ipframe_of_flow(1, IPPROTO_TCP);
	struct rte_eth_dev_info info;
	struct pair p;

	(void)state;
	start(&p, NULL, true);
	assert_int_equal(rte_eth_dev_info_get(p.b, &info), 0);
	assert_true(info.dev_capa & RTE_ETH_DEV_CAPA_FLOW_RULE_KEEP);
	rule(p.b, 0, any_udp, drop);
	to_queue(p.b, 0, (const struct rte_flow_item[]){ ITEM(TCP, NULL, NULL), END_ITEM }, 3);
	to_queue(p.b, 0, (const struct rte_flow_item[]){ ITEM(SCTP, NULL, NULL), END_ITEM }, 2);
	assert_int_equal(where(&p, &packet, QUEUES), -1);
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	assert_int_equal(where(&p, &packet, QUEUES), -1);
	assert_int_equal(where(&p, &tcp, QUEUES), 3);
	assert_int_equal(where(&p, &sctp, QUEUES), 2);
	/* A rule for a queue that there is no more is as if it were not there. */
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	nic_start(p.b, &two);
	assert_int_equal(where(&p, &packet, 2), -1);
	assert_in_range(where(&p, &tcp, 2), 0, 1);
	assert_in_range(where(&p, &sctp, 2), 0, 1);
	/* And with the port they go. */
	nic_remove(p.b);
}

static void
test_many_rules(void **state)
{
	struct rte_flow_item_udp udp = { .hdr.dst_port = 0 };
	const struct rte_flow_item_udp mask = { .hdr.dst_port = RTE_BE16(0xffff) };
	const struct rte_flow_item items[] = { ITEM(UDP, &udp, &mask), END_ITEM };
	struct ipframe packet = ipframe_of_flow(1, IPPROTO_UDP);
	struct rte_flow *flows[500];
	struct pair p;
	uint16_t i;

	(void)state;
	start(&p, NULL, true);
	for (i = 0; i < RTE_DIM(flows); i++) {
		udp.hdr.dst_port = rte_cpu_to_be_16(1000 + i);
		flows[i] = to_queue(p.b, 0, items, i % QUEUES);
	}
	for (i = 0; i < RTE_DIM(flows); i += 49) {
		packet.dport = 1000 + i;
		assert_int_equal(where(&p, &packet, QUEUES), i % QUEUES);
	}
	for (i = 0; i < RTE_DIM(flows); i += 2)
		assert_int_equal(rte_flow_destroy(p.b, flows[i], NULL), 0);
	for (i = 1; i < RTE_DIM(flows); i += 50) {
		packet.dport = 1000 + i;
		assert_int_equal(where(&p, &packet, QUEUES), i % QUEUES);
	}
	assert_int_equal(rte_flow_flush(p.b, NULL), 0);
}

struct changer {
	uint16_t port;
	bool stop;
	unsigned int polls; /* of all queues, each until it was empty */
	unsigned int changes;
	unsigned int errors;
};

/* Waits until every queue has read all frames that were sent before the call. */
static void
wait_for_queues(struct changer *c)
{
	const unsigned int begun = __atomic_load_n(&c->polls, __ATOMIC_ACQUIRE);

	/* One poll may have begun before the call; the next one has not. */
	while (__atomic_load_n(&c->polls, __ATOMIC_ACQUIRE) - begun < 2 &&
	       !__atomic_load_n(&c->stop, __ATOMIC_RELAXED))
		rte_delay_us_sleep(20);
}

static void *
change(void *arg)
{
	const struct rte_flow_item_ipv4 spec = { .hdr.src_addr = RTE_BE32(0x00000001) };
	const struct rte_flow_item_ipv4 mask = { .hdr.src_addr = RTE_BE32(0x00000001) };
	const struct rte_flow_item items[] = { ITEM(IPV4, &spec, &mask), END_ITEM };
	struct rte_flow_action_queue conf = { .index = 0 };
	const struct rte_flow_action actions[] = {
		ACTION(QUEUE, &conf), ACTION(COUNT, NULL), END_ACTION,
	};
	struct changer *c = arg;
	struct rte_flow *flow, *other;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		conf.index = c->changes % QUEUES;
		flow = rte_flow_create(c->port, &ingress, items, actions, NULL);
		wait_for_queues(c);
		conf.index = (c->changes + 1) % QUEUES;
		other = rte_flow_create(c->port, &ingress, any_udp, actions, NULL);
		wait_for_queues(c);
		c->errors += flow == NULL || other == NULL;
		if (flow != NULL)
			c->errors += rte_flow_destroy(c->port, flow, NULL) != 0;
		wait_for_queues(c);
		if (c->changes % 3 == 0)
			c->errors += rte_flow_flush(c->port, NULL) != 0;
		else if (other != NULL)
			c->errors += rte_flow_destroy(c->port, other, NULL) != 0;
		wait_for_queues(c);
		__atomic_add_fetch(&c->changes, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/*
 * Each frame reaches one queue, whatever the rules were at the time. Between two changes every
 * queue reads; more than that is not promised.
 */
static void
test_change_under_traffic(void **state)
{
	struct changer changer = { .stop = false };
	uint8_t *seen = calloc(30000, 1);
	struct rte_mbuf *pkts[50];
	uint32_t sent = 0, got = 0, seq, n;
	struct ipframe packet;
	pthread_t thread;
	struct pair p;
	uint16_t q;
	bool last = false;

	(void)state;
	assert_non_null(seen);
	start(&p, NULL, true);
	changer.port = p.b;
	assert_int_equal(pthread_create(&thread, NULL, change, &changer), 0);
	while (!last) {
		last = sent + 20 > 29980 || (sent > 3000 && __atomic_load_n(&changer.changes,
									    __ATOMIC_RELAXED) > 50);
		for (n = 0; n < 20; n++) {
			packet = ipframe_of_flow(sent, IPPROTO_UDP);
			packet.seq = sent++;
			pkts[n] = ipframe_new(&packet);
		}
		assert_int_equal(rte_eth_tx_burst(p.a, sent / 20 % QUEUES, pkts, 20), 20);
		for (q = 0; q < QUEUES; q++) {
			/* The queues do not keep step. */
			if (!last && (sent / 20 + q) % 3 != 0)
				continue;
			/* A change may hold the queue, so no frame at one poll does not mean empty. */
			while (rte_eth_rx_queue_count(p.b, q) != 0) {
				n = receive(p.b, q, pkts, 7);
				got += n;
				while (n-- > 0) {
					seq = ipframe_seq(pkts[n]);
					assert_true(seq < sent);
					assert_int_equal(seen[seq], 0);
					seen[seq] = 1;
					rte_pktmbuf_free(pkts[n]);
				}
			}
		}
		/* In three turns each queue reads once. */
		if (sent / 20 % 3 == 0)
			__atomic_add_fetch(&changer.polls, 1, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&changer.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	for (q = 0; q < QUEUES; q++)
		got += drain(p.b, q);
	assert_int_equal(got, sent);
	assert_int_equal(changer.errors, 0);
	assert_true(changer.changes > 0);
	free(seen);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_match),
		T(test_short_frames),
		T(test_ends),
		T(test_queue),
		T(test_rss_action),
		T(test_rss_types),
		T(test_rss_long_list),
		T(test_rss_by_table),
		T(test_rss_key),
		T(test_mark),
		T(test_count),
		T(test_priorities),
		T(test_isolate),
		T(test_refused),
		T(test_choice_without_rss),
		T(test_restart),
		T(test_many_rules),
		T(test_change_under_traffic),
	};

	return cmocka_run_group_tests_name("pmd_rte_flow", tests, eal_start, eal_stop);
}
