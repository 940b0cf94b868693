/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * RSS: the hash is the one that it should be, each frame reaches exactly the
 * queue that the hash says, and a change loses and doubles nothing if every queue
 * reads between it and the next change what waited for the queue before it.
 */

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>

#include <rte_thash.h>

#include "ipframe.h"
#include "rss_vectors.h"

#define QUEUES 4
#define RETA 128
#define KEY 40
/* All that there are. */
#define ALL_TYPES \
	(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP)

/* The key that Microsoft published to verify RSS with; the hashes for it are in the vectors. */
static uint8_t ms_key[KEY] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
	0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
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
	const struct rte_eth_rss_conf rss = {
		.rss_hf = types, .rss_key = key, .rss_key_len = key != NULL ? KEY : 0,
	};
	const struct nic_conf rx = {
		.n_rxq = n_rxq, .rss = &rss, .rx_offloads = RTE_ETH_RX_OFFLOAD_RSS_HASH,
	};
	const struct nic_conf tx = { .n_txq = n_rxq };

	pair_start_as(p, args, &tx, &rx);
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

/* Sends each packet: its hash must be one for these types. */
static void
check_hashes(const struct pair *p, uint64_t types)
{
	const struct hashed *h;
	struct rte_mbuf *m;
	unsigned int i;
	uint64_t flags;

	for (i = 0; i < RTE_DIM(hashes); i++) {
		h = &hashes[i];
		flags = types & (h->l3_types | h->l4_types) ? RTE_MBUF_F_RX_RSS_HASH : 0;
		assert_true(send_mbuf(p->a, 0, vector_mbuf(&h->frame)));
		m = vector_receive(p->b, 0, h->name);
		if (m->ol_flags != flags)
			fail_msg("%s: types 0x%llx, flags 0x%llx", h->name, (unsigned long long)types,
				 (unsigned long long)m->ol_flags);
		if (flags != 0 && m->hash.rss != (types & h->l4_types ? h->l4 : h->l3))
			fail_msg("%s: types 0x%llx, hash 0x%x", h->name, (unsigned long long)types,
				 m->hash.rss);
		rte_pktmbuf_free(m);
	}
}

/* The hashes that were published, behind tags too: by all types, by each alone, and by none. */
static void
test_hashes(void **state)
{
	struct rte_eth_rss_conf conf = { .rss_key = NULL };
	unsigned int f, bit;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], 1, ALL_TYPES, ms_key);
		assert_int_equal(supported_types(p.b), ALL_TYPES);
		assert_int_equal(rte_eth_dev_rss_hash_conf_get(p.b, &conf), 0);
		assert_int_equal(conf.rss_hf, ALL_TYPES);
		check_hashes(&p, ALL_TYPES);
		for (bit = 0; bit <= 64; bit++) {
			conf.rss_hf = bit < 64 ? RTE_BIT64(bit) & ALL_TYPES : 0;
			if (bit < 64 && conf.rss_hf == 0)
				continue;
			assert_int_equal(rte_eth_dev_rss_hash_update(p.b, &conf), 0);
			check_hashes(&p, conf.rss_hf);
			assert_int_equal(rte_eth_dev_rss_hash_conf_get(p.b, &conf), 0);
			assert_int_equal(conf.rss_hf, bit < 64 ? RTE_BIT64(bit) : 0);
		}
	}
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

/* A flow reaches the same queue from every sender and through every lane. */
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

/* Frames that were sent before a change and are read after it are neither lost nor doubled. */
static void
test_change_between_queues(void **state)
{
	uint8_t seen[4000] = { 0 };
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
		/* Before the change only some of the queues read, and leave frames. */
		for (q = 0; q < QUEUES; q++)
			if ((round + q) % 3 == 0)
				got += take_some(p.b, q, NULL, seen, sent, 7 + round);
		for (i = 0; i < RETA; i++)
			reta[i] = (uint16_t)((i * 7 + round * (i + 1)) % QUEUES);
		set_reta(p.b, reta);
		send_flows(&p, sent, sent + 100);
		sent += 100;
		for (q = 0; q < QUEUES; q++)
			got += take(p.b, q, NULL, seen, sent);
		assert_int_equal(got, sent);
	}
	/* Frames that were sent after the last change go to the queues of its table. */
	memset(seen, 0, sizeof(seen));
	send_flows(&p, 0, 400);
	for (q = 0, got = 0; q < QUEUES; q++)
		got += take(p.b, q, reta, seen, 400);
	assert_int_equal(got, 400);
}

/*
 * Very many changes while no queue reads: no memory is lost to them, and only frames that they
 * move from queue to queue may be lost or doubled. The even entries of the table stay.
 */
static void
test_changes_unread(void **state)
{
	uint32_t n[2] = { 0 }, got[2] = { 0 };
	uint8_t seen[400] = { 0 };
	struct ipframe packet;
	uint16_t reta[RETA];
	struct rte_mbuf *m;
	unsigned int round, i;
	uint32_t taken = 0;
	struct pair p;
	uint16_t q;

	(void)state;
	start(&p, NULL, QUEUES, ALL_TYPES, ms_key);
	send_flows(&p, 0, 400);
	for (i = 0; i < 400; i++) {
		packet = ipframe_of_flow(i, IPPROTO_UDP);
		n[hash_of(&packet, ms_key) % 2]++;
	}
	for (i = 0; i < 20 && receive(p.b, 1, &m, 1) == 1; i++) {
		got[m->hash.rss % 2]++;
		rte_pktmbuf_free(m);
	}
	assert_int_equal(i, 20);
	for (round = 0; round < 20000; round++) {
		for (i = 0; i < RETA; i++)
			reta[i] = (uint16_t)((i % 2 == 0 ? i : i + round) % QUEUES);
		set_reta(p.b, reta);
	}
	for (q = 0; q < QUEUES; q++) {
		while (receive(p.b, q, &m, 1) == 1) {
			if (m->hash.rss % 2 == 0)
				assert_int_equal(m->hash.rss % QUEUES, q);
			got[m->hash.rss % 2]++;
			rte_pktmbuf_free(m);
		}
	}
	assert_int_equal(got[0], n[0]);
	assert_true(n[0] > 100 && n[1] > 100);
	send_flows(&p, 0, 400);
	for (q = 0; q < QUEUES; q++)
		taken += take(p.b, q, reta, seen, 400);
	assert_int_equal(taken, 400);
}

struct changer {
	uint16_t port;
	bool stop;
	unsigned int polls[QUEUES]; /* each until the queue was empty */
	unsigned int changes;
	unsigned int errors;
};

/* Waits until every queue has read all frames that were sent before the call. */
static void
wait_for_queues(struct changer *c)
{
	unsigned int begun[QUEUES];
	unsigned int q;

	for (q = 0; q < QUEUES; q++)
		begun[q] = __atomic_load_n(&c->polls[q], __ATOMIC_ACQUIRE);
	/* One poll may have begun before the call; the next one has not. */
	for (q = 0; q < QUEUES; q++)
		while (__atomic_load_n(&c->polls[q], __ATOMIC_ACQUIRE) - begun[q] < 2 &&
		       !__atomic_load_n(&c->stop, __ATOMIC_RELAXED))
			rte_delay_us_sleep(20);
}

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
		if (c->changes % 4 != 3) {
			c->errors += try_reta(c->port, reta) != 0;
		} else {
			conf.rss_hf ^= RTE_ETH_RSS_NONFRAG_IPV4_TCP;
			c->errors += rte_eth_dev_rss_hash_update(c->port, &conf) != 0;
		}
		__atomic_add_fetch(&c->changes, 1, __ATOMIC_RELAXED);
		wait_for_queues(c);
	}
	return NULL;
}

/* Between two changes every queue reads; more than that is not promised. */
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
		send_flows(&p, sent, sent + 20);
		sent += 20;
		q = (uint16_t)(sent / 20 % QUEUES);
		/* A change may hold the queue, so no frame at one poll does not mean empty. */
		while (rte_eth_rx_queue_count(p.b, q) != 0)
			got += take(p.b, q, NULL, seen, sent);
		__atomic_add_fetch(&changer.polls[q], 1, __ATOMIC_RELEASE);
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

/* One queue counts frames that no queue takes; a too long frame counts at the queue it is for. */
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

/* A stopped queue gets no frames, takes none from other queues and holds up no sender. */
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
		T(test_hashes),
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
