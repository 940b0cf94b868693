/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* VLAN tags: filtered, stripped, inserted. Each on both formats of a bus. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "nic.h"

#define C 0x8100 /* a customer's tag */
#define S 0x88a8 /* a provider's */
#define NONE { 0, 0 }

static const char *const formats[] = { "lanes", "shmif" };
static const struct rte_ether_addr own = { { 2, 0, 0, 0, 0, 0xb } };
static const struct rte_ether_addr other = { { 2, 0, 0, 0, 0, 0xc } };

struct tag {
	uint16_t type; /* 0: no such tag */
	uint16_t tci;
};

/* The sender, and the receiver, which is not promiscuous unless it is said. */
static void
start(struct pair *p, const char *format, const struct nic_conf *a, const struct nic_conf *b)
{
	char args[64];

	snprintf(args, sizeof(args), "format=%s,mac=02:00:00:00:00:0b", format);
	p->path = tmpdir_new_path();
	p->b = nic_new(p->path, args);
	p->a = nic_new(p->path, NULL);
	nic_start(p->a, a);
	nic_start(p->b, b);
	free(p->path);
}

static void
end(const struct pair *p)
{
	nic_remove(p->a);
	nic_remove(p->b);
}

static void
put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The bytes of a frame of len bytes, its n tags not counted. Returns its whole length. */
static uint32_t
frame_tagged(uint8_t *frame, const struct tag *tags, unsigned int n, uint32_t len, uint64_t seq)
{
	uint8_t plain[2048];
	uint32_t off = 12;
	unsigned int i;

	frame_fill(plain, len, seq);
	memcpy(plain, &own, 6);
	if (len >= 14)
		put16(plain + 12, 0x0800);
	memcpy(frame, plain, RTE_MIN(len, 12u));
	for (i = 0; i < n && tags[i].type != 0; i++, off += 4) {
		put16(frame + off, tags[i].type);
		put16(frame + off + 2, tags[i].tci);
	}
	if (len > 12)
		memcpy(frame + off, plain + 12, len - 12);
	return len + off - 12;
}

static struct rte_mbuf *
mbuf_of(const uint8_t *frame, uint32_t len, uint32_t seg)
{
	struct rte_mbuf *head = NULL, *m;
	uint32_t part;

	while (head == NULL || len != 0) {
		m = rte_pktmbuf_alloc(pool);
		assert_non_null(m);
		part = seg != 0 ? RTE_MIN(seg, len) : len;
		memcpy(rte_pktmbuf_append(m, (uint16_t)part), frame, part);
		frame += part;
		len -= part;
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	}
	return head;
}

static struct rte_mbuf *
mbuf_tagged(const struct tag *tags, unsigned int n, uint32_t len, uint64_t seq)
{
	uint8_t frame[2048];

	return mbuf_of(frame, frame_tagged(frame, tags, n, len, seq), 0);
}

static void
assert_bytes(const struct rte_mbuf *m, const uint8_t *frame, uint32_t len)
{
	const char *reason;
	uint8_t copy[2048];
	const void *p;

	if (rte_mbuf_check(m, 1, &reason) != 0)
		fail_msg("%s", reason);
	assert_int_equal(rte_pktmbuf_pkt_len(m), len);
	p = rte_pktmbuf_read(m, 0, len, copy);
	assert_non_null(p);
	assert_memory_equal(p, frame, len);
}

/* Exactly that frame comes, with nothing said of it. */
static void
expect_tagged(uint16_t port, const struct tag *tags, unsigned int n, uint32_t len, uint64_t seq)
{
	uint8_t frame[2048];
	struct rte_mbuf *m;

	len = frame_tagged(frame, tags, n, len, seq);
	assert_int_equal(receive(port, 0, &m, 1), 1);
	assert_bytes(m, frame, len);
	assert_int_equal(m->ol_flags, 0);
	rte_pktmbuf_free(m);
	expect_none(port, 0);
}

static bool
arrives_to(const struct pair *p, const struct rte_ether_addr *dst, const struct tag *tags,
	   unsigned int n)
{
	const uint64_t filtered = xstat_of(p->b, "rx_filtered");
	struct rte_mbuf *m = mbuf_tagged(tags, n, 60, 1);
	uint32_t got;

	mbuf_address(m, dst);
	assert_true(send_mbuf(p->a, 0, m));
	got = drain(p->b, 0);
	assert_int_equal(got + xstat_of(p->b, "rx_filtered") - filtered, 1);
	return got == 1;
}

static bool
arrives(const struct pair *p, uint16_t type, uint16_t tci)
{
	const struct tag tag = { type, tci };

	return arrives_to(p, &own, &tag, 1);
}

static void
test_infos(void **state)
{
	const uint64_t rx = RTE_ETH_RX_OFFLOAD_VLAN_FILTER | RTE_ETH_RX_OFFLOAD_VLAN_STRIP |
			    RTE_ETH_RX_OFFLOAD_QINQ_STRIP;
	const uint64_t tx = RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_QINQ_INSERT;
	struct rte_eth_dev_info info;
	struct rte_eth_conf eth;
	unsigned int i;
	struct pair p;

	(void)state;
	for (i = 0; i < RTE_DIM(formats); i++) {
		start(&p, formats[i], NULL, NULL);
		assert_int_equal(rte_eth_dev_info_get(p.a, &info), 0);
		assert_int_equal(info.rx_offload_capa & rx, rx);
		assert_int_equal(info.tx_offload_capa & tx, tx);
		/* For the port as a whole, not for single queues. */
		assert_int_equal(info.rx_queue_offload_capa & rx, 0);
		assert_int_equal(info.tx_queue_offload_capa & tx, 0);
		assert_int_equal(rte_eth_dev_get_vlan_offload(p.a), 0);
		end(&p);
	}
	start(&p, formats[0], NULL, NULL);
	log_begin();
	assert_int_equal(rte_eth_dev_set_vlan_offload(p.a, RTE_ETH_VLAN_EXTEND_OFFLOAD), -EINVAL);
	assert_int_equal(rte_eth_dev_set_vlan_ether_type(p.a, RTE_ETH_VLAN_TYPE_OUTER, 0x9100),
			 -ENOTSUP);
	assert_int_equal(rte_eth_dev_set_vlan_pvid(p.a, 1, 1), -ENOTSUP);
	assert_int_equal(rte_eth_dev_set_vlan_strip_on_queue(p.a, 0, 1), -ENOTSUP);
	assert_int_equal(rte_eth_dev_stop(p.a), 0);
	memset(&eth, 0, sizeof(eth));
	eth.rxmode.offloads = RTE_ETH_RX_OFFLOAD_VLAN_EXTEND;
	assert_int_equal(rte_eth_dev_configure(p.a, 1, 1, &eth), -EINVAL);
	log_end();
}

/* Shapes of frames, and what becomes of each. */
#define F_VLAN (RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED)
#define F_OUTER (RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_QINQ | RTE_MBUF_F_RX_QINQ_STRIPPED)

struct outcome {
	unsigned int stripped; /* tags */
	uint64_t flags;
	uint16_t tci, tci_outer;
};

static const struct shape {
	struct tag tags[3];
	struct outcome vlan, qinq, both;
} shapes[] = {
	{ { NONE }, { 0 }, { 0 }, { 0 } },
	{ { { C, 0x2123 } }, { 1, F_VLAN, 0x2123, 0 }, { 0 }, { 1, F_VLAN, 0x2123, 0 } },
	{ { { C, 0 } }, { 1, F_VLAN, 0, 0 }, { 0 }, { 1, F_VLAN, 0, 0 } },
	{ { { C, 0xffff } }, { 1, F_VLAN, 0xffff, 0 }, { 0 }, { 1, F_VLAN, 0xffff, 0 } },
	{ { { C, 100 }, { C, 200 } }, { 1, F_VLAN, 100, 0 }, { 0 }, { 1, F_VLAN, 100, 0 } },
	{ { { C, 100 }, { S, 200 } }, { 1, F_VLAN, 100, 0 }, { 0 }, { 1, F_VLAN, 100, 0 } },
	{ { { S, 0x6010 } }, { 0 }, { 1, F_VLAN, 0x6010, 0 }, { 1, F_VLAN, 0x6010, 0 } },
	{ { { S, 0x6010 }, { C, 0x7020 } }, { 0 }, { 1, F_OUTER, 0x7020, 0x6010 },
	  { 2, F_OUTER | F_VLAN, 0x7020, 0x6010 } },
	{ { { S, 1 }, { C, 2 }, { C, 3 } }, { 0 }, { 1, F_OUTER, 2, 1 },
	  { 2, F_OUTER | F_VLAN, 2, 1 } },
	{ { { S, 1 }, { S, 2 } }, { 0 }, { 1, F_VLAN, 1, 0 }, { 1, F_VLAN, 1, 0 } },
	{ { { 0x9100, 1 }, { C, 2 } }, { 0 }, { 0 }, { 0 } },
	{ { { 0x0800, 1 }, { C, 2 } }, { 0 }, { 0 }, { 0 } },
};

static void
assert_outcome(const struct rte_mbuf *m, const struct shape *shape, const struct outcome *outcome,
	       uint32_t len, uint64_t seq)
{
	uint8_t frame[2048];

	len = frame_tagged(frame, shape->tags + outcome->stripped, 3 - outcome->stripped, len, seq);
	assert_bytes(m, frame, len);
	assert_int_equal(m->ol_flags, outcome->flags);
	if (outcome->flags & RTE_MBUF_F_RX_VLAN)
		assert_int_equal(m->vlan_tci, outcome->tci);
	if (outcome->flags & RTE_MBUF_F_RX_QINQ)
		assert_int_equal(m->vlan_tci_outer, outcome->tci_outer);
}

static void
strip_all_shapes(const struct pair *p, int offloads)
{
	const struct outcome nothing = { 0 };
	const struct outcome *outcome;
	const struct shape *shape;
	struct rte_mbuf *m;
	uint32_t len;
	unsigned int i;

	for (i = 0; i < RTE_DIM(shapes); i++) {
		shape = &shapes[i];
		outcome = offloads == 0 ? &nothing :
			  offloads == RTE_ETH_VLAN_STRIP_OFFLOAD ? &shape->vlan :
			  offloads == RTE_ETH_QINQ_STRIP_OFFLOAD ? &shape->qinq : &shape->both;
		for (len = 14; len < 1500; len += 37) {
			assert_true(send_mbuf(p->a, 0, mbuf_tagged(shape->tags, 3, len, len)));
			if (receive(p->b, 0, &m, 1) != 1)
				fail_msg("shape %u of %u bytes did not come", i, len);
			assert_outcome(m, shape, outcome, len, len);
			rte_pktmbuf_free(m);
		}
		expect_none(p->b, 0);
	}
}

static const int strips[] = {
	0, RTE_ETH_VLAN_STRIP_OFFLOAD, RTE_ETH_QINQ_STRIP_OFFLOAD,
	RTE_ETH_VLAN_STRIP_OFFLOAD | RTE_ETH_QINQ_STRIP_OFFLOAD,
};

static void
test_strip(void **state)
{
	struct nic_conf conf = { .filter = true };
	unsigned int i, k;
	struct pair p;

	(void)state;
	for (i = 0; i < RTE_DIM(formats); i++) {
		for (k = 0; k < RTE_DIM(strips); k++) {
			conf.filter = k % 2 != 0;
			conf.rx_offloads = 0;
			if (strips[k] & RTE_ETH_VLAN_STRIP_OFFLOAD)
				conf.rx_offloads |= RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
			if (strips[k] & RTE_ETH_QINQ_STRIP_OFFLOAD)
				conf.rx_offloads |= RTE_ETH_RX_OFFLOAD_QINQ_STRIP;
			start(&p, formats[i], NULL, &conf);
			assert_int_equal(rte_eth_dev_get_vlan_offload(p.b), strips[k]);
			strip_all_shapes(&p, strips[k]);
			end(&p);
		}
	}
}

static void
test_strip_at_run_time(void **state)
{
	const struct nic_conf conf = { .filter = false };
	struct rte_eth_rxq_info info;
	unsigned int i, k;
	struct pair p;

	(void)state;
	for (i = 0; i < RTE_DIM(formats); i++) {
		start(&p, formats[i], NULL, &conf);
		for (k = 0; k < 2 * RTE_DIM(strips); k++) {
			assert_int_equal(rte_eth_dev_set_vlan_offload(p.b, strips[k * 3 % 4]), 0);
			assert_int_equal(rte_eth_dev_get_vlan_offload(p.b), strips[k * 3 % 4]);
			strip_all_shapes(&p, strips[k * 3 % 4]);
		}
		/* Over a restart. */
		assert_int_equal(rte_eth_dev_set_vlan_offload(p.b, strips[3]), 0);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		assert_int_equal(rte_eth_dev_start(p.b), 0);
		strip_all_shapes(&p, strips[3]);
		assert_int_equal(rte_eth_rx_queue_info_get(p.b, 0, &info), 0);
		assert_int_equal(info.conf.offloads, RTE_ETH_RX_OFFLOAD_VLAN_STRIP |
						     RTE_ETH_RX_OFFLOAD_QINQ_STRIP);
		end(&p);
	}
}

/* Into mbufs that take no more than the headers. */
static void
test_strip_scattered(void **state)
{
	struct nic_conf conf = {
		.filter = true,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_VLAN_STRIP |
			       RTE_ETH_RX_OFFLOAD_QINQ_STRIP,
	};
	unsigned int i;
	struct pair p;

	(void)state;
	conf.pool = rte_pktmbuf_pool_create("scatter", 511, 0, 0, RTE_PKTMBUF_HEADROOM + 64,
					    SOCKET_ID_ANY);
	assert_non_null(conf.pool);
	for (i = 0; i < RTE_DIM(formats); i++) {
		start(&p, formats[i], NULL, &conf);
		strip_all_shapes(&p, strips[3]);
		end(&p);
		assert_int_equal(rte_mempool_avail_count(conf.pool), 511);
	}
	rte_mempool_free(conf.pool);
}

/* Cut in the middle of a tag: no tag is what is not there as a whole. */
static void
test_truncated_tags(void **state)
{
	static const struct tag tags[] = { { S, 0x0010 }, { C, 0x0020 } };
	const struct nic_conf conf = {
		.filter = true,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_QINQ_STRIP,
	};
	unsigned int i, first, stripped;
	uint8_t frame[64];
	struct rte_mbuf *m;
	struct pair p;
	uint32_t len;

	(void)state;
	for (i = 0; i < RTE_DIM(formats); i++) {
		start(&p, formats[i], NULL, &conf);
		for (first = 0; first < 2; first++) {
			/* S C, and C alone. */
			frame_tagged(frame, &tags[first], 2 - first, 30, 1);
			for (len = 14; len <= 24; len++) {
				stripped = len < 18 ? 0 : first == 1 || len < 22 ? 1 : 2;
				assert_true(send_mbuf(p.a, 0, mbuf_of(frame, len, 0)));
				assert_int_equal(receive(p.b, 0, &m, 1), 1);
				assert_int_equal(m->pkt_len, len - 4 * stripped);
				assert_int_equal(m->data_len, m->pkt_len);
				assert_memory_equal(rte_pktmbuf_mtod(m, void *), frame, 12);
				assert_memory_equal(rte_pktmbuf_mtod_offset(m, uint8_t *, 12),
						    frame + 12 + 4 * stripped, m->pkt_len - 12);
				assert_int_equal(m->ol_flags, stripped == 0 ? 0 :
						 stripped == 1 ? F_VLAN : F_VLAN | F_OUTER);
				rte_pktmbuf_free(m);
			}
		}
		end(&p);
	}
}

static void
test_filter(void **state)
{
	static const uint16_t ids[] = { 0, 1, 63, 64, 100, 4095 };
	const struct nic_conf conf = {
		.filter = true, .rx_offloads = RTE_ETH_RX_OFFLOAD_VLAN_FILTER,
	};
	static const struct tag right = { C, 100 };
	unsigned int f, i, k;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], NULL, &conf);
		assert_int_equal(rte_eth_dev_get_vlan_offload(p.b), RTE_ETH_VLAN_FILTER_OFFLOAD);
		for (i = 0; i < RTE_DIM(ids); i++) {
			assert_false(arrives(&p, C, ids[i]));
			assert_false(arrives(&p, S, ids[i]));
			assert_int_equal(rte_eth_dev_vlan_filter(p.b, ids[i], 1), 0);
			for (k = 0; k < RTE_DIM(ids); k++) {
				assert_int_equal(arrives(&p, C, ids[k]), k <= i);
				assert_int_equal(arrives(&p, S, ids[k]), k <= i);
			}
		}
		/* Priorities do not matter, neighbours are not meant, others have no VLAN. */
		assert_true(arrives(&p, C, 0xe000 | 100));
		assert_true(arrives(&p, C, 0x1000 | 100));
		assert_false(arrives(&p, C, 101));
		assert_false(arrives(&p, C, 99));
		assert_true(arrives(&p, 0, 0));
		assert_true(arrives(&p, 0x0800, 7));
		assert_true(arrives_to(&p, &own, &right, 1));
		assert_false(arrives_to(&p, &other, &right, 1));
		assert_int_equal(rte_eth_dev_vlan_filter(p.b, 100, 0), 0);
		assert_false(arrives(&p, C, 100));
		assert_true(arrives(&p, C, 4095));
		/* A promiscuous port sees everything. */
		assert_int_equal(rte_eth_promiscuous_enable(p.b), 0);
		assert_true(arrives(&p, C, 100));
		assert_int_equal(rte_eth_promiscuous_disable(p.b), 0);
		assert_false(arrives(&p, C, 100));
		/* Allmulticast is about addresses. */
		assert_int_equal(rte_eth_allmulticast_enable(p.b), 0);
		assert_false(arrives(&p, C, 100));
		assert_int_equal(stats_of(p.b).imissed + stats_of(p.b).ierrors, 0);
		end(&p);
	}
}

static void
test_filter_at_run_time(void **state)
{
	const struct nic_conf conf = { .filter = true };
	unsigned int f;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], NULL, &conf);
		log_begin();
		assert_int_equal(rte_eth_dev_vlan_filter(p.b, 1, 1), -ENOSYS);
		assert_true(arrives(&p, C, 1));
		assert_true(arrives(&p, C, 2));
		assert_int_equal(rte_eth_dev_set_vlan_offload(p.b, RTE_ETH_VLAN_FILTER_OFFLOAD), 0);
		assert_false(arrives(&p, C, 1));
		assert_int_equal(rte_eth_dev_vlan_filter(p.b, 4096, 1), -EINVAL);
		log_end();
		assert_int_equal(rte_eth_dev_vlan_filter(p.b, 1, 1), 0);
		assert_true(arrives(&p, C, 1));
		assert_false(arrives(&p, C, 2));
		/* The list survives a stop, and that the filter is off for a while. */
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		assert_int_equal(rte_eth_dev_start(p.b), 0);
		assert_true(arrives(&p, C, 1));
		assert_false(arrives(&p, C, 2));
		assert_int_equal(rte_eth_dev_set_vlan_offload(p.b, 0), 0);
		assert_true(arrives(&p, C, 2));
		assert_int_equal(rte_eth_dev_set_vlan_offload(p.b, RTE_ETH_VLAN_FILTER_OFFLOAD), 0);
		assert_true(arrives(&p, C, 1));
		assert_false(arrives(&p, C, 2));
		end(&p);
	}
}

/* A frame that ends before its VLAN is named is of none that is wanted. */
static void
test_filter_truncated(void **state)
{
	static const struct tag tag = { C, 0 };
	const struct nic_conf conf = {
		.filter = true, .rx_offloads = RTE_ETH_RX_OFFLOAD_VLAN_FILTER,
	};
	uint8_t frame[64];
	unsigned int f;
	struct pair p;
	uint32_t len;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], NULL, &conf);
		assert_int_equal(rte_eth_dev_vlan_filter(p.b, 0, 1), 0);
		frame_tagged(frame, &tag, 1, 30, 1);
		for (len = 14; len <= 20; len++) {
			assert_true(send_mbuf(p.a, 0, mbuf_of(frame, len, 0)));
			assert_int_equal(drain(p.b, 0), len >= 18);
		}
		assert_int_equal(xstat_of(p.b, "rx_filtered"), 4);
		end(&p);
	}
}

/* Two tags: the filter looks at the outer one, and stripping does not change what it sees. */
static void
test_two_tags(void **state)
{
	static const struct tag tags[] = { { C, 0x2001 }, { C, 0x4002 } };
	const struct nic_conf conf = { .filter = true };
	bool strip, inner, outer, promiscuous;
	uint8_t frame[128];
	struct rte_mbuf *m;
	struct pair p;
	unsigned int f, i;
	uint32_t len;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], NULL, &conf);
		for (i = 0; i < 16; i++) {
			strip = i & 1;
			inner = i & 2;
			outer = i & 4;
			promiscuous = i & 8;
			assert_int_equal(rte_eth_dev_set_vlan_offload(p.b,
					 (strip ? RTE_ETH_VLAN_STRIP_OFFLOAD : 0) |
					 RTE_ETH_VLAN_FILTER_OFFLOAD), 0);
			assert_int_equal(rte_eth_dev_vlan_filter(p.b, 1, outer), 0);
			assert_int_equal(rte_eth_dev_vlan_filter(p.b, 2, inner), 0);
			if (promiscuous)
				assert_int_equal(rte_eth_promiscuous_enable(p.b), 0);
			assert_true(send_mbuf(p.a, 0, mbuf_tagged(tags, 2, 60, i)));
			if (!outer && !promiscuous) {
				expect_none(p.b, 0);
				continue;
			}
			assert_int_equal(receive(p.b, 0, &m, 1), 1);
			len = frame_tagged(frame, &tags[strip], 2 - strip, 60, i);
			assert_bytes(m, frame, len);
			assert_int_equal(m->ol_flags, strip ? F_VLAN : 0);
			assert_int_equal(m->vlan_tci, strip ? 0x2001 : 0);
			rte_pktmbuf_free(m);
			expect_none(p.b, 0);
		}
		end(&p);
	}
}

/* Ask for tags: 0 to 2 of them. */
static void
ask(struct rte_mbuf *m, unsigned int n, uint16_t tci, uint16_t tci_outer)
{
	m->vlan_tci = tci;
	m->vlan_tci_outer = tci_outer;
	if (n != 0)
		m->ol_flags |= n == 1 ? RTE_MBUF_F_TX_VLAN : RTE_MBUF_F_TX_QINQ;
}

#define BOTH (RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_QINQ_INSERT)

static void
test_insert(void **state)
{
	static const struct tag one[] = { { C, 0x6033 }, { C, 0x2001 } };
	static const struct tag two[] = { { S, 0x0044 }, { C, 0x6033 }, { C, 0x2001 } };
	const struct nic_conf conf = { .tx_offloads = BOTH | RTE_ETH_TX_OFFLOAD_MULTI_SEGS };
	static const uint32_t segs[] = { 0, 1, 5, 11, 12, 13, 100 };
	unsigned int f, i, n, tagged, extra;
	uint8_t frame[2048];
	struct rte_mbuf *m;
	struct pair p;
	uint32_t len, max;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], &conf, NULL);
		max = f == 0 ? 1522 : 1514;
		for (i = 0; i < RTE_DIM(segs); i++) {
			for (len = 14; len < max; len += len < 80 ? 1 : 131) {
				for (n = 0; n <= 2; n++) {
					/* Some have a tag already: it becomes the inner one. */
					tagged = len % 2;
					extra = 4 * (n + tagged);
					if (len > max - extra)
						continue;
					m = mbuf_of(frame, frame_tagged(frame, &one[1], tagged, len,
									i), segs[i]);
					ask(m, n, 0x6033, 0x0044);
					assert_true(send_mbuf(p.a, 0, m));
					expect_tagged(p.b, n == 2 ? two : &one[1 - n], n + tagged,
						      len, i);
				}
			}
		}
		assert_int_equal(stats_of(p.a).oerrors, 0);
		assert_int_equal(stats_of(p.a).obytes, stats_of(p.b).ibytes);
		end(&p);
	}
}

/* Only what the port was configured for is inserted. */
static void
test_insert_not_asked_for(void **state)
{
	static const uint64_t offloads[] = {
		0, RTE_ETH_TX_OFFLOAD_VLAN_INSERT, RTE_ETH_TX_OFFLOAD_QINQ_INSERT, BOTH,
	};
	static const struct tag tags[] = { { S, 2 }, { C, 1 } };
	struct nic_conf conf = { .tx_offloads = 0 };
	unsigned int f, i;
	struct rte_mbuf *m;
	struct pair p;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		for (i = 0; i < RTE_DIM(offloads); i++) {
			conf.tx_offloads = offloads[i];
			start(&p, formats[f], &conf, NULL);
			m = mbuf_tagged(NULL, 0, 60, 1);
			ask(m, 1, 1, 2);
			assert_true(send_mbuf(p.a, 0, m));
			expect_tagged(p.b, &tags[1], i & 1 ? 1 : 0, 60, 1);
			m = mbuf_tagged(NULL, 0, 60, 2);
			ask(m, 2, 1, 2);
			assert_true(send_mbuf(p.a, 0, m));
			expect_tagged(p.b, tags, i & 2 ? 2 : 0, 60, 2);
			/* With both flags it is two tags, or the one that can be had. */
			m = mbuf_tagged(NULL, 0, 60, 3);
			ask(m, 1, 1, 2);
			ask(m, 2, 1, 2);
			assert_true(send_mbuf(p.a, 0, m));
			expect_tagged(p.b, &tags[i == 1], i & 2 ? 2 : i & 1, 60, 3);
			end(&p);
		}
	}
}

/* An mbuf that others hold, too, is left as it was. */
static void
test_insert_shared(void **state)
{
	static const struct tag tags[] = { { S, 4 }, { C, 3 } };
	const struct nic_conf conf = { .tx_offloads = BOTH };
	struct rte_mbuf *m, *clone, before;
	uint8_t frame[128];
	unsigned int f;
	struct pair p;
	uint32_t len;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		start(&p, formats[f], &conf, NULL);
		len = frame_tagged(frame, NULL, 0, 60, 7);
		m = mbuf_of(frame, len, 0);
		ask(m, 2, 3, 4);
		rte_mbuf_refcnt_set(m, 2);
		before = *m;
		assert_true(send_mbuf(p.a, 0, m));
		expect_tagged(p.b, tags, 2, 60, 7);
		rte_mbuf_refcnt_set(m, 2);
		assert_memory_equal(m, &before, sizeof(before));
		rte_mbuf_refcnt_set(m, 1);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), frame, len);
		clone = rte_pktmbuf_clone(m, pool);
		assert_non_null(clone);
		ask(clone, 2, 3, 4);
		assert_true(send_mbuf(p.a, 0, clone));
		expect_tagged(p.b, tags, 2, 60, 7);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), frame, len);
		assert_int_equal(rte_mbuf_refcnt_read(m), 1);
		rte_pktmbuf_free(m);
		end(&p);
	}
}

/* Which are too long with their tags, or too short for any, are dropped; those around them not. */
static void
test_insert_limits(void **state)
{
	const struct nic_conf conf = { .tx_offloads = BOTH };
	struct rte_mbuf *pkts[9], *m;
	unsigned int f, i;
	struct pair p;
	uint32_t max;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		max = f == 0 ? 1500 + 22 : 1514;
		const uint32_t lens[] = {
			60, max - 4, max - 3, max, max - 8, max - 7, 13, 14, max,
		};
		const unsigned int asks[] = { 1, 1, 1, 1, 2, 2, 1, 2, 0 };
		const bool legal[] = { true, true, false, false, true, false, false, true, true };

		start(&p, formats[f], &conf, NULL);
		for (i = 0; i < RTE_DIM(lens); i++) {
			pkts[i] = mbuf_tagged(NULL, 0, lens[i], i);
			ask(pkts[i], asks[i], 1, 2);
		}
		assert_int_equal(rte_eth_tx_burst(p.a, 0, pkts, RTE_DIM(pkts)), RTE_DIM(pkts));
		for (i = 0; i < RTE_DIM(lens); i++) {
			if (!legal[i])
				continue;
			assert_int_equal(receive(p.b, 0, &m, 1), 1);
			assert_int_equal(m->pkt_len, lens[i] + 4 * asks[i]);
			rte_pktmbuf_free(m);
		}
		expect_none(p.b, 0);
		assert_int_equal(stats_of(p.a).oerrors, 4);
		assert_int_equal(stats_of(p.a).opackets, 5);
		assert_int_equal(stats_of(p.b).ipackets, 5);
		assert_int_equal(stats_of(p.b).ierrors, 0);
		/* Lengths that are lies. */
		m = mbuf_tagged(NULL, 0, 60, 0);
		ask(m, 2, 1, 2);
		m->pkt_len = UINT32_MAX;
		assert_true(send_mbuf(p.a, 0, m));
		m = mbuf_tagged(NULL, 0, 60, 0);
		ask(m, 1, 1, 2);
		m->pkt_len = UINT32_MAX - 3;
		assert_true(send_mbuf(p.a, 0, m));
		m = rte_pktmbuf_alloc(pool);
		ask(m, 1, 1, 2);
		assert_true(send_mbuf(p.a, 0, m)); /* empty */
		expect_none(p.b, 0);
		assert_int_equal(stats_of(p.a).oerrors, 7);
		end(&p);
	}
}

/* What one port inserts the other strips; many frames, in bursts of all kinds. */
static void
test_there_and_back(void **state)
{
	struct nic_conf sender = { .tx_offloads = BOTH };
	const struct nic_conf receiver = {
		.filter = true,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_QINQ_STRIP |
			       RTE_ETH_RX_OFFLOAD_VLAN_FILTER,
	};
	const uint64_t flags[] = { 0, F_VLAN, F_VLAN | F_OUTER };
	struct dice dice = { .state = 11 };
	struct rte_mbuf *pkts[32];
	unsigned int f, burst, i, n, id;
	uint8_t frame[2048];
	uint64_t seq = 0;
	struct pair p;
	uint32_t lens[32], len;

	(void)state;
	for (f = 0; f < 2 * RTE_DIM(formats); f++) {
		if (f >= 2)
			sender.tx_offloads |= RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
		start(&p, formats[f % 2], &sender, &receiver);
		for (id = 1; id < 4096; id++)
			assert_int_equal(rte_eth_dev_vlan_filter(p.b, (uint16_t)id, 1), 0);
		for (burst = 0; burst < 500; burst++) {
			n = dice_range(&dice, 1, 32);
			for (i = 0; i < n; i++) {
				lens[i] = dice_range(&dice, 14, 1506);
				pkts[i] = mbuf_tagged(NULL, 0, lens[i], seq + i);
				ask(pkts[i], (seq + i) % 3, (uint16_t)(1 + (seq + i) % 4095),
				    (uint16_t)(1 + (seq + i) % 4000));
			}
			assert_int_equal(rte_eth_tx_burst(p.a, 0, pkts, (uint16_t)n), n);
			assert_int_equal(receive(p.b, 0, pkts, n), n);
			for (i = 0; i < n; i++, seq++) {
				len = frame_tagged(frame, NULL, 0, lens[i], seq);
				assert_bytes(pkts[i], frame, len);
				assert_int_equal(pkts[i]->ol_flags, flags[seq % 3]);
				if (seq % 3 != 0)
					assert_int_equal(pkts[i]->vlan_tci, 1 + seq % 4095);
				if (seq % 3 == 2)
					assert_int_equal(pkts[i]->vlan_tci_outer, 1 + seq % 4000);
			}
			rte_pktmbuf_free_bulk(pkts, n);
		}
		assert_int_equal(stats_of(p.a).opackets, stats_of(p.b).ipackets);
		/* Both count what is on the bus. */
		assert_int_equal(stats_of(p.a).obytes, stats_of(p.b).ibytes);
		end(&p);
	}
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_infos),
		T(test_strip),
		T(test_strip_at_run_time),
		T(test_strip_scattered),
		T(test_truncated_tags),
		T(test_filter),
		T(test_filter_at_run_time),
		T(test_filter_truncated),
		T(test_two_tags),
		T(test_insert),
		T(test_insert_not_asked_for),
		T(test_insert_shared),
		T(test_insert_limits),
		T(test_there_and_back),
	};

	return cmocka_run_group_tests_name("pmd_vlan", tests, eal_start, eal_stop);
}
