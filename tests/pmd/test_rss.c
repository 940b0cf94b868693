/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * RSS: the hash is the one that it should be, each frame reaches exactly the
 * queue that the hash says, and changes lose and double nothing.
 */

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>

#include <rte_thash.h>

#include "nic.h"
#include "ipframe.h"

#define QUEUES 4
#define RETA 128
#define KEY 40
#define ALL_TYPES UINT64_MAX /* those that there are */

/* The key and the hashes that Microsoft published to verify RSS with, as DPDK's tests have them. */
static uint8_t ms_key[KEY] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
	0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static const struct {
	struct ipframe packet;
	uint32_t l3;
	uint32_t l4;
} vectors[] = {
	{ { .version = 4, .dst = { 161, 142, 100, 80 }, .src = { 66, 9, 149, 187 },
	    .dport = 1766, .sport = 2794 }, 0x323e8fc2, 0x51ccc178 },
	{ { .version = 4, .dst = { 65, 69, 140, 83 }, .src = { 199, 92, 111, 2 },
	    .dport = 4739, .sport = 14230 }, 0xd718262a, 0xc626b0ea },
	{ { .version = 4, .dst = { 12, 22, 207, 184 }, .src = { 24, 19, 198, 95 },
	    .dport = 38024, .sport = 12898 }, 0xd2d0a5de, 0x5c2b394a },
	{ { .version = 4, .dst = { 209, 142, 163, 6 }, .src = { 38, 27, 205, 30 },
	    .dport = 2217, .sport = 48228 }, 0x82989176, 0xafc7327f },
	{ { .version = 4, .dst = { 202, 188, 127, 2 }, .src = { 153, 39, 163, 191 },
	    .dport = 1303, .sport = 44251 }, 0x5d1809c5, 0x10e828a2 },
	{ { .version = 6,
	    .dst = { 0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x00, 0x03, [15] = 0x01 },
	    .src = { 0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x1f, 0xff, [15] = 0x07 },
	    .dport = 1766, .sport = 2794 }, 0x2cc18cd5, 0x40207d3d },
	{ { .version = 6, .dst = { 0xff, 0x02, [15] = 0x01 },
	    .src = { 0x3f, 0xfe, 0x05, 0x01, 0x00, 0x08, 0x00, 0x00,
		     0x02, 0x60, 0x97, 0xff, 0xfe, 0x40, 0xef, 0xab },
	    .dport = 4739, .sport = 14230 }, 0x0f0c461c, 0xdde51bbf },
	{ { .version = 6, .dst = { 0xfe, 0x80, [8] = 0x02, 0x00, 0xf8, 0xff, 0xfe, 0x21, 0x67, 0xcf },
	    .src = { 0x3f, 0xfe, 0x19, 0x00, 0x45, 0x45, 0x00, 0x03,
		     0x02, 0x00, 0xf8, 0xff, 0xfe, 0x21, 0x67, 0xcf },
	    .dport = 38024, .sport = 44251 }, 0x4b61e985, 0x02d1feef },
};

static const char *const formats[] = { "format=lanes", "format=shmif" };

static uint64_t
supported_types(uint16_t port)
{
	struct rte_eth_dev_info info;

	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	assert_int_equal(info.reta_size, RETA);
	assert_int_equal(info.hash_key_size, KEY);
	return info.flow_type_rss_offloads;
}

/* One sender with many lanes, and a receiver with RSS. */
static void
start(struct pair *p, const char *args, uint16_t n_rxq, uint64_t types, uint8_t *key)
{
	struct rte_eth_rss_conf rss = {
		.rss_hf = types, .rss_key = key, .rss_key_len = key != NULL ? KEY : 0,
	};
	struct nic_conf rx = {
		.n_rxq = n_rxq, .rss = &rss, .rx_offloads = RTE_ETH_RX_OFFLOAD_RSS_HASH,
	};
	const struct nic_conf tx = { .n_txq = n_rxq };

	p->path = tmpdir_new_path();
	p->a = nic_new(p->path, args);
	p->b = nic_new(p->path, args);
	rss.rss_hf &= supported_types(p->b);
	nic_start(p->a, &tx);
	nic_start(p->b, &rx);
	free(p->path);
	p->path = NULL;
}

static void
assert_hash(const struct pair *p, const struct ipframe *packet, bool hashed, uint32_t hash)
{
	struct rte_mbuf *m;

	ipframe_send(p->a, 0, packet);
	assert_int_equal(receive(p->b, 0, &m, 1), 1);
	assert_int_equal(m->ol_flags, hashed ? RTE_MBUF_F_RX_RSS_HASH : 0);
	if (hashed)
		assert_int_equal(m->hash.rss, hash);
	rte_pktmbuf_free(m);
}

static void
test_published_hashes(void **state)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
	struct ipframe packet;
	unsigned int f, i, k;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], 1, ALL_TYPES, ms_key);
		for (i = 0; i < RTE_DIM(vectors); i++) {
			packet = vectors[i].packet;
			packet.proto = 200;
			assert_hash(&p, &packet, true, vectors[i].l3);
			for (k = 0; k < RTE_DIM(protos); k++) {
				packet.proto = protos[k];
				assert_hash(&p, &packet, true, vectors[i].l4);
				packet.frag = true;
				assert_hash(&p, &packet, true, vectors[i].l3);
				packet.frag = false;
				packet.vlans[0] = 9;
				assert_hash(&p, &packet, true, vectors[i].l4);
				packet.vlans[0] = 0;
			}
		}
		packet.version = 0;
		assert_hash(&p, &packet, false, 0);
	}
}

/* VLAN tags change nothing, whatever their types. */
static void
test_behind_tags(void **state)
{
	struct ipframe packet;
	unsigned int f, i, n;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], 1, ALL_TYPES, ms_key);
		for (i = 0; i < RTE_DIM(vectors); i++) {
			packet = vectors[i].packet;
			packet.proto = IPPROTO_UDP;
			for (n = 0; n < IPFRAME_TAGGINGS; n++) {
				ipframe_tag(&packet, n);
				assert_hash(&p, &packet, true, vectors[i].l4);
			}
		}
	}
}

/* Each type alone, on a packet of IPv4 or IPv6. */
static void
test_types(void **state)
{
	static const struct {
		uint8_t version;
		uint64_t type;
		bool tcp, udp, sctp, other, frag; /* is hashed */
		bool ports;
	} rules[] = {
		{ 4, RTE_ETH_RSS_IPV4, true, true, true, true, true, false },
		{ 4, RTE_ETH_RSS_FRAG_IPV4, false, false, false, false, true, false },
		{ 4, RTE_ETH_RSS_NONFRAG_IPV4_TCP, true, false, false, false, false, true },
		{ 4, RTE_ETH_RSS_NONFRAG_IPV4_UDP, false, true, false, false, false, true },
		{ 4, RTE_ETH_RSS_NONFRAG_IPV4_SCTP, false, false, true, false, false, true },
		{ 4, RTE_ETH_RSS_NONFRAG_IPV4_OTHER, false, false, false, true, false, false },
		{ 4, RTE_ETH_RSS_IPV6, false, false, false, false, false, false },
		{ 4, 0, false, false, false, false, false, false },
		{ 6, RTE_ETH_RSS_IPV6, true, true, true, true, true, false },
		{ 6, RTE_ETH_RSS_IPV6_EX, true, true, true, true, true, false },
		{ 6, RTE_ETH_RSS_FRAG_IPV6, false, false, false, false, true, false },
		{ 6, RTE_ETH_RSS_NONFRAG_IPV6_TCP, true, false, false, false, false, true },
		{ 6, RTE_ETH_RSS_IPV6_TCP_EX, true, false, false, false, false, true },
		{ 6, RTE_ETH_RSS_NONFRAG_IPV6_UDP, false, true, false, false, false, true },
		{ 6, RTE_ETH_RSS_IPV6_UDP_EX, false, true, false, false, false, true },
		{ 6, RTE_ETH_RSS_NONFRAG_IPV6_SCTP, false, false, true, false, false, true },
		{ 6, RTE_ETH_RSS_NONFRAG_IPV6_OTHER, false, false, false, true, false, false },
		{ 6, RTE_ETH_RSS_IPV4, false, false, false, false, false, false },
	};
	struct rte_eth_rss_conf conf = { .rss_key = NULL };
	struct ipframe packet;
	uint32_t hash, l3;
	struct pair p;
	unsigned int i, v;

	(void)state;
	start(&p, NULL, 1, ALL_TYPES, NULL);
	for (i = 0; i < RTE_DIM(rules); i++) {
		conf.rss_hf = rules[i].type;
		assert_int_equal(rte_eth_dev_rss_hash_update(p.b, &conf), 0);
		assert_int_equal(rte_eth_dev_rss_hash_conf_get(p.b, &conf), 0);
		assert_int_equal(conf.rss_hf, rules[i].type);
		for (v = 0; vectors[v].packet.version != rules[i].version;)
			v++;
		packet = vectors[v].packet;
		l3 = vectors[v].l3;
		hash = rules[i].ports ? vectors[v].l4 : l3;
		packet.proto = IPPROTO_TCP;
		assert_hash(&p, &packet, rules[i].tcp, hash);
		packet.frag = true;
		assert_hash(&p, &packet, rules[i].frag, l3);
		packet.frag = false;
		packet.proto = IPPROTO_UDP;
		assert_hash(&p, &packet, rules[i].udp, hash);
		packet.proto = IPPROTO_SCTP;
		assert_hash(&p, &packet, rules[i].sctp, hash);
		packet.proto = 200;
		assert_hash(&p, &packet, rules[i].other, hash);
	}
}

/* What applications ask for by DPDK's own names of several types is all there. */
static void
test_usual_types(void **state)
{
	const uint64_t usual = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP;
	const struct rte_eth_rss_conf rss = { .rss_hf = usual };
	const struct nic_conf conf = { .rss = &rss };
	struct rte_eth_rss_conf got = { .rss_key = NULL };
	char *path = tmpdir_new_path();
	uint16_t port;

	(void)state;
	port = nic_new(path, NULL);
	nic_start(port, &conf);
	assert_int_equal(rte_eth_dev_rss_hash_conf_get(port, &got), 0);
	assert_int_equal(got.rss_hf, usual);
	free(path);
}

/* Without the offload mbufs bear no hash. */
static void
test_hash_not_wanted(void **state)
{
	const struct rte_eth_rss_conf rss = { .rss_hf = RTE_ETH_RSS_IPV4 };
	const struct nic_conf conf = { .rss = &rss, .n_rxq = 2 };
	struct ipframe packet = ipframe_of_flow(1, IPPROTO_TCP);
	struct rte_mbuf *m;
	struct pair p;

	(void)state;
	pair_start(&p, NULL, &conf);
	ipframe_send(p.a, 0, &packet);
	assert_int_equal(receive(p.b, 0, &m, 1) + receive(p.b, 1, &m, 1), 1);
	assert_int_equal(m->ol_flags, 0);
	rte_pktmbuf_free(m);
}

static uint32_t
hash_of(const struct ipframe *packet, const uint8_t *key)
{
	uint32_t tuple[3] = {
		RTE_IPV4(packet->src[0], packet->src[1], packet->src[2], packet->src[3]),
		RTE_IPV4(packet->dst[0], packet->dst[1], packet->dst[2], packet->dst[3]),
		(uint32_t)packet->sport << 16 | packet->dport,
	};

	return rte_softrss(tuple, 3, key);
}

static int
try_reta(uint16_t port, const uint16_t *queues)
{
	struct rte_eth_rss_reta_entry64 conf[RETA / RTE_ETH_RETA_GROUP_SIZE];
	unsigned int i;

	for (i = 0; i < RETA; i++) {
		conf[i / 64].mask = UINT64_MAX;
		conf[i / 64].reta[i % 64] = queues[i];
	}
	return rte_eth_dev_rss_reta_update(port, conf, RETA);
}

static void
set_reta(uint16_t port, const uint16_t *queues)
{
	assert_int_equal(try_reta(port, queues), 0);
}

static void
get_reta(uint16_t port, uint16_t *queues)
{
	struct rte_eth_rss_reta_entry64 conf[RETA / RTE_ETH_RETA_GROUP_SIZE];
	unsigned int i;

	for (i = 0; i < RETA / 64; i++)
		conf[i].mask = UINT64_MAX;
	assert_int_equal(rte_eth_dev_rss_reta_query(port, conf, RETA), 0);
	for (i = 0; i < RETA; i++)
		queues[i] = conf[i / 64].reta[i % 64];
}

/* Take what has come on one queue, at most so much: it must be for it by this table, and new. */
static uint32_t
take_some(uint16_t port, uint16_t queue, const uint16_t *reta, uint8_t *seen, uint32_t n,
	  uint32_t most)
{
	struct ipframe packet;
	struct rte_mbuf *m;
	uint32_t hash, seq;
	uint32_t got = 0;

	while (got < most && receive(port, queue, &m, 1) == 1) {
		seq = ipframe_seq(m);
		assert_true(seq < n);
		assert_int_equal(seen[seq], 0);
		seen[seq] = 1;
		packet = ipframe_of_flow(seq, IPPROTO_UDP);
		hash = hash_of(&packet, ms_key);
		assert_int_equal(m->hash.rss, hash);
		if (reta != NULL)
			assert_int_equal(reta[hash % RETA], queue);
		rte_pktmbuf_free(m);
		got++;
	}
	return got;
}

static uint32_t
take(uint16_t port, uint16_t queue, const uint16_t *reta, uint8_t *seen, uint32_t n)
{
	return take_some(port, queue, reta, seen, n, UINT32_MAX);
}

/* These flows, in bursts, over all lanes of the sender. */
static void
send_flows(const struct pair *p, uint32_t from, uint32_t to)
{
	struct rte_mbuf *pkts[10];
	struct ipframe packet;
	uint16_t n;

	while (from < to) {
		for (n = 0; n < RTE_DIM(pkts) && from < to; n++) {
			packet = ipframe_of_flow(from++, IPPROTO_UDP);
			pkts[n] = ipframe_new(&packet);
		}
		assert_int_equal(rte_eth_tx_burst(p->a, from / 10 % QUEUES, pkts, n), n);
	}
}

static void
test_queues_by_hash(void **state)
{
	uint16_t reta[RETA];
	uint8_t seen[400] = { 0 };
	uint32_t got, sum = 0;
	struct pair p;
	uint16_t q;
	unsigned int i;

	(void)state;
	start(&p, NULL, QUEUES, ALL_TYPES, ms_key);
	get_reta(p.b, reta);
	for (i = 0; i < RETA; i++)
		assert_int_equal(reta[i], i % QUEUES);
	send_flows(&p, 0, 400);
	for (q = 0; q < QUEUES; q++) {
		got = take(p.b, q, reta, seen, 400);
		assert_true(got > 50);
		sum += got;
	}
	assert_int_equal(sum, 400);
	assert_int_equal(stats_of(p.b).ipackets, 400);
	assert_int_equal(stats_of(p.b).ipackets + stats_of(p.b).imissed, 400);
}

/* A flow reaches the same queue whoever sends it, and by whichever lane. */
static void
test_flow_stays_together(void **state)
{
	const struct rte_eth_rss_conf rss = { .rss_hf = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP };
	const struct nic_conf conf = { .n_rxq = 3, .n_txq = QUEUES, .rss = &rss };
	char *path = tmpdir_new_path();
	struct ipframe packet;
	uint16_t ports[3];
	struct rte_mbuf *m;
	unsigned int i, flow, with_some, got, n;
	uint16_t q;

	(void)state;
	for (i = 0; i < 3; i++) {
		ports[i] = nic_new(path, NULL);
		nic_start(ports[i], &conf);
	}
	for (flow = 0; flow < 30; flow++) {
		packet = ipframe_of_flow(flow, IPPROTO_TCP);
		for (q = 0; q < QUEUES; q++) {
			ipframe_send(ports[0], q, &packet);
			ipframe_send(ports[1], q, &packet);
		}
		for (q = 0, with_some = 0, got = 0; q < 3; q++) {
			for (n = 0; receive(ports[2], q, &m, 1) == 1; n++)
				rte_pktmbuf_free(m);
			got += n;
			with_some += n != 0;
		}
		assert_int_equal(got, 2 * QUEUES);
		assert_int_equal(with_some, 1);
		/* The senders get each other's. */
		for (q = 0; q < 3; q++) {
			drain(ports[0], q);
			drain(ports[1], q);
		}
	}
	free(path);
}

static void
test_no_ip_to_first(void **state)
{
	struct ipframe packet = { .version = 0 };
	uint16_t reta[RETA];
	unsigned int i, k;
	struct pair p;
	uint16_t q;

	(void)state;
	start(&p, NULL, QUEUES, ALL_TYPES, NULL);
	for (k = 0; k < 2; k++) {
		for (q = 0; q < QUEUES; q++)
			ipframe_send(p.a, q, &packet);
		for (q = 0; q < QUEUES; q++)
			assert_int_equal(drain(p.b, q), q == 3 * k ? 4 : 0);
		for (i = 0; i < RETA; i++)
			reta[i] = 3;
		set_reta(p.b, reta);
	}
}

/* What was sent before a change may be read after it, by some queues. It loses and doubles nothing. */
static void
test_change_between_queues(void **state)
{
	uint8_t seen[2000] = { 0 };
	uint16_t reta[RETA];
	uint32_t sent = 0, got = 0;
	unsigned int round, i;
	struct pair p;
	uint16_t q;

	(void)state;
	start(&p, NULL, QUEUES, ALL_TYPES, ms_key);
	for (round = 0; round < 20; round++) {
		send_flows(&p, sent, sent + 100);
		sent += 100;
		/* Only some of the queues read before the change, and not all that there is. */
		for (q = 0; q < QUEUES; q++)
			if ((round + q) % 3 == 0)
				got += take_some(p.b, q, NULL, seen, sent, 7 + round);
		for (i = 0; i < RETA; i++)
			reta[i] = (uint16_t)((i * 7 + round * (i + 1)) % QUEUES);
		set_reta(p.b, reta);
	}
	for (q = 0; q < QUEUES; q++)
		got += take(p.b, q, NULL, seen, sent);
	assert_int_equal(got, sent);
	/* Now all go by the new one. */
	memset(seen, 0, sizeof(seen));
	send_flows(&p, 0, 400);
	for (q = 0, got = 0; q < QUEUES; q++)
		got += take(p.b, q, reta, seen, 400);
	assert_int_equal(got, 400);
}

/* No queue reads while very many changes are made: no memory is lost to them. */
static void
test_changes_unread(void **state)
{
	uint8_t seen[400] = { 0 };
	uint16_t reta[RETA];
	uint32_t got = 0;
	unsigned int round, i;
	struct pair p;
	uint16_t q;

	(void)state;
	start(&p, NULL, QUEUES, ALL_TYPES, ms_key);
	send_flows(&p, 0, 100);
	assert_true(take(p.b, 1, NULL, seen, 100) > 0);
	for (round = 0; round < 20000; round++) {
		for (i = 0; i < RETA; i++)
			reta[i] = (uint16_t)((i + round) % QUEUES);
		set_reta(p.b, reta);
	}
	for (q = 0; q < QUEUES; q++)
		drain(p.b, q);
	memset(seen, 0, sizeof(seen));
	send_flows(&p, 0, 400);
	for (q = 0; q < QUEUES; q++)
		got += take(p.b, q, reta, seen, 400);
	assert_int_equal(got, 400);
}

struct changer {
	uint16_t port;
	bool stop;
	unsigned int changes;
	unsigned int errors;
};

static void *
change(void *arg)
{
	struct changer *c = arg;
	struct rte_eth_rss_conf conf = { .rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_UDP };
	uint16_t reta[RETA];
	unsigned int i;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < RETA; i++)
			reta[i] = (uint16_t)((i + c->changes) % QUEUES);
		c->errors += try_reta(c->port, reta) != 0;
		conf.rss_hf ^= RTE_ETH_RSS_NONFRAG_IPV4_TCP;
		c->errors += rte_eth_dev_rss_hash_update(c->port, &conf) != 0;
		__atomic_add_fetch(&c->changes, 1, __ATOMIC_RELAXED);
		rte_delay_us_sleep(50);
	}
	return NULL;
}

static void
test_change_under_traffic(void **state)
{
	struct changer changer = { .stop = false };
	uint8_t *seen = calloc(30000, 1);
	uint32_t sent = 0, got = 0;
	pthread_t thread;
	struct pair p;
	uint16_t q;

	(void)state;
	assert_non_null(seen);
	start(&p, NULL, QUEUES, ALL_TYPES, ms_key);
	changer.port = p.b;
	assert_int_equal(pthread_create(&thread, NULL, change, &changer), 0);
	while (sent < 30000 && (sent < 3000 ||
				__atomic_load_n(&changer.changes, __ATOMIC_RELAXED) < 200)) {
		send_flows(&p, sent, sent + 50);
		sent += 50;
		got += take(p.b, (uint16_t)(sent / 50 % QUEUES), NULL, seen, sent);
	}
	__atomic_store_n(&changer.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	for (q = 0; q < QUEUES; q++)
		got += take(p.b, q, NULL, seen, sent);
	assert_int_equal(got, sent);
	assert_int_equal(stats_of(p.b).imissed, 0);
	assert_true(changer.changes > 0);
	assert_int_equal(changer.errors, 0);
	free(seen);
}

static void
test_reta_refused(void **state)
{
	struct rte_eth_rss_reta_entry64 conf[4] = { { .mask = 2, .reta = { 0, 1 } } };
	uint16_t reta[RETA];
	struct pair p;

	(void)state;
	start(&p, NULL, 2, ALL_TYPES, NULL);
	assert_int_not_equal(rte_eth_dev_rss_reta_update(p.b, conf, 64), 0);
	assert_int_not_equal(rte_eth_dev_rss_reta_update(p.b, conf, 256), 0);
	conf[0].reta[1] = 2; /* there are 0 and 1 */
	assert_int_not_equal(rte_eth_dev_rss_reta_update(p.b, conf, RETA), 0);
	get_reta(p.b, reta);
	assert_int_equal(reta[1], 1);
	conf[0].reta[1] = 0;
	assert_int_equal(rte_eth_dev_rss_reta_update(p.b, conf, RETA), 0);
	get_reta(p.b, reta);
	assert_int_equal(reta[1], 0);
	assert_int_equal(reta[3], 1);
	/* A port without RSS has no table. */
	assert_int_equal(rte_eth_dev_rss_reta_update(p.a, conf, RETA), -ENOTSUP);
}

static void
test_key(void **state)
{
	uint8_t key[KEY + 12], got[KEY];
	struct rte_eth_rss_conf conf = { .rss_key = key, .rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_UDP };
	struct rte_eth_rss_conf now = { .rss_key = got, .rss_key_len = KEY };
	struct ipframe packet = ipframe_of_flow(77, IPPROTO_UDP);
	struct pair p;
	uint8_t i;

	(void)state;
	start(&p, NULL, 1, ALL_TYPES, NULL);
	assert_int_equal(rte_eth_dev_rss_hash_conf_get(p.b, &now), 0);
	assert_memory_equal(got, ms_key, KEY);
	assert_int_equal(now.rss_hf, supported_types(p.b));
	for (i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 37 + 11);
	conf.rss_key_len = KEY - 1;
	assert_int_equal(rte_eth_dev_rss_hash_update(p.b, &conf), -EINVAL);
	conf.rss_key_len = KEY + 12;
	assert_int_equal(rte_eth_dev_rss_hash_update(p.b, &conf), -EINVAL);
	assert_hash(&p, &packet, true, hash_of(&packet, ms_key));
	conf.rss_key_len = KEY;
	assert_int_equal(rte_eth_dev_rss_hash_update(p.b, &conf), 0);
	assert_hash(&p, &packet, true, hash_of(&packet, key));
	assert_int_equal(rte_eth_dev_rss_hash_conf_get(p.b, &now), 0);
	assert_memory_equal(got, key, KEY);
	assert_int_equal(now.rss_hf, RTE_ETH_RSS_NONFRAG_IPV4_UDP);
	/* No key: as it is. */
	conf.rss_key = NULL;
	assert_int_equal(rte_eth_dev_rss_hash_update(p.b, &conf), 0);
	assert_hash(&p, &packet, true, hash_of(&packet, key));
	/* Neither a restart changes it. */
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	assert_hash(&p, &packet, true, hash_of(&packet, key));
	conf.rss_hf = RTE_ETH_RSS_L2_PAYLOAD;
	assert_int_equal(rte_eth_dev_rss_hash_update(p.b, &conf), -EINVAL);
}

static void
test_configure_refused(void **state)
{
	uint8_t key[KEY - 1] = { 0 };
	struct rte_eth_conf conf;
	char *path = tmpdir_new_path();
	uint16_t port = nic_new(path, NULL);

	(void)state;
	memset(&conf, 0, sizeof(conf));
	conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_IPV4;
	assert_int_equal(rte_eth_dev_configure(port, 2, 2, &conf), 0);
	conf.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_GTPU;
	assert_int_equal(rte_eth_dev_configure(port, 2, 2, &conf), -EINVAL);
	conf.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_IPV4;
	conf.rx_adv_conf.rss_conf.rss_key = key;
	conf.rx_adv_conf.rss_conf.rss_key_len = sizeof(key);
	assert_int_equal(rte_eth_dev_configure(port, 2, 2, &conf), -EINVAL);
	conf.rx_adv_conf.rss_conf.rss_key = NULL;
	conf.rxmode.mq_mode = RTE_ETH_MQ_RX_DCB;
	log_begin();
	assert_int_equal(rte_eth_dev_configure(port, 2, 2, &conf), -ENOTSUP);
	assert_non_null(strstr(log_text(), "only none and RSS"));
	/* The hash needs RSS. */
	conf.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
	conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_RSS_HASH;
	assert_int_equal(rte_eth_dev_configure(port, 2, 2, &conf), -EINVAL);
	free(path);
}

/* All queues lose the same frames of a lane: they count once. */
static void
test_missed(void **state)
{
	uint32_t got = 0;
	uint64_t missed;
	struct pair p;
	unsigned int i;
	uint16_t q;

	(void)state;
	start(&p, "lane_size=64K,pause=off", QUEUES, ALL_TYPES, ms_key);
	for (i = 0; i < 50; i++)
		send_flows(&p, 0, 400);
	for (q = 0; q < QUEUES; q++)
		got += drain(p.b, q);
	missed = stats_of(p.b).imissed;
	assert_true(got > 0 && got < 20000);
	assert_int_equal(got + missed, 20000);
	assert_true(xstat_of(p.b, "rx_overruns") >= QUEUES);
	/* Also after that they do not go down. */
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(stats_of(p.b).imissed, missed);
	nic_start(p.b, NULL);
	assert_int_equal(stats_of(p.b).imissed, missed);
}

/* What nobody takes one queue counts, and what is too long that which would have got it. */
static void
test_counted_once(void **state)
{
	const struct rte_ether_addr other = { .addr_bytes = { 2, 0, 0, 0, 0, 9 } };
	const struct rte_eth_rss_conf rss = { .rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_UDP };
	const struct nic_conf conf = { .n_rxq = QUEUES, .rss = &rss, .filter = true };
	struct ipframe packet;
	struct pair p;
	uint32_t i, got = 0;
	uint16_t q;

	(void)state;
	pair_start(&p, NULL, &conf);
	for (i = 0; i < 100; i++) {
		packet = ipframe_of_flow(i, IPPROTO_UDP);
		packet.to = i % 2 == 0 ? &other : NULL;
		ipframe_send(p.a, 0, &packet);
	}
	for (q = 0; q < QUEUES; q++)
		got += drain(p.b, q);
	assert_int_equal(got, 50);
	assert_int_equal(xstat_of(p.b, "rx_filtered"), 50);
	assert_int_equal(rte_eth_dev_set_mtu(p.b, 100), 0);
	for (i = 0; i < 100; i++) {
		packet = ipframe_of_flow(i, IPPROTO_UDP);
		ipframe_send(p.a, 0, &packet);
	}
	for (q = 0; q < QUEUES; q++)
		assert_int_equal(drain(p.b, q), 0);
	assert_int_equal(xstat_of(p.b, "rx_too_long"), 100);
	assert_int_equal(stats_of(p.b).ierrors, 100);
}

/* A queue that is stopped gets nothing, takes nothing from the others and holds up nobody. */
static void
test_stopped_queue(void **state)
{
	uint8_t seen[400] = { 0 };
	uint16_t reta[RETA];
	uint32_t got = 0, i;
	struct pair p;
	uint16_t q;

	(void)state;
	start(&p, NULL, QUEUES, ALL_TYPES, ms_key);
	assert_int_equal(rte_eth_dev_rx_queue_stop(p.b, 2), 0);
	send_flows(&p, 0, 200);
	for (i = 0; i < RETA; i++)
		reta[i] = (uint16_t)(i / 3 % QUEUES);
	set_reta(p.b, reta);
	for (q = 0; q < QUEUES; q++)
		got += take(p.b, q, NULL, seen, 200);
	assert_in_range(got, 100, 180);
	assert_int_equal(rte_eth_dev_rx_queue_start(p.b, 2), 0);
	memset(seen, 0, sizeof(seen));
	send_flows(&p, 0, 400);
	for (q = 0, got = 0; q < QUEUES; q++)
		got += take(p.b, q, reta, seen, 400);
	assert_int_equal(got, 400);
}

/* From RSS to none, with fewer queues, and back. */
static void
test_reconfigure(void **state)
{
	const struct nic_conf plain = { .n_rxq = 2 };
	struct rte_eth_rss_conf rss = { .rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_UDP };
	struct nic_conf with = {
		.rss = &rss, .rx_offloads = RTE_ETH_RX_OFFLOAD_RSS_HASH,
	};
	uint8_t seen[200];
	uint16_t reta[RETA];
	uint32_t got;
	struct pair p;
	uint16_t n, q;

	(void)state;
	start(&p, NULL, QUEUES, ALL_TYPES, ms_key);
	for (n = 1; n <= QUEUES; n++) {
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		nic_start(p.b, &plain);
		send_frames(p.a, 1, 60, 0, 20);
		assert_int_equal(drain(p.b, 0) + drain(p.b, 1), 20);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		with.n_rxq = n;
		nic_start(p.b, &with);
		memset(seen, 0, sizeof(seen));
		send_flows(&p, 0, 200);
		get_reta(p.b, reta);
		for (q = 0, got = 0; q < n; q++)
			got += take(p.b, q, reta, seen, 200);
		assert_int_equal(got, 200);
	}
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_published_hashes),
		T(test_behind_tags),
		T(test_types),
		T(test_usual_types),
		T(test_hash_not_wanted),
		T(test_queues_by_hash),
		T(test_flow_stays_together),
		T(test_no_ip_to_first),
		T(test_change_between_queues),
		T(test_changes_unread),
		T(test_change_under_traffic),
		T(test_reta_refused),
		T(test_key),
		T(test_configure_refused),
		T(test_missed),
		T(test_counted_once),
		T(test_stopped_queue),
		T(test_reconfigure),
	};

	return cmocka_run_group_tests_name("pmd_rss", tests, eal_start, eal_stop);
}
