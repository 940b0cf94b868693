/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Packet types: which there are, when mbufs have them, and that they are right. */

#include <netinet/in.h>
#include <stdio.h>

#include "nic.h"
#include "ipframe.h"

static const struct {
	struct ipframe packet;
	uint32_t ptype;
} cases[] = {
	{ { .version = 0 }, RTE_PTYPE_L2_ETHER },
	{ { .version = 4, .proto = IPPROTO_TCP },
	  RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_TCP },
	{ { .version = 4, .proto = IPPROTO_UDP },
	  RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_UDP },
	{ { .version = 4, .proto = IPPROTO_UDP, .frag = true },
	  RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_FRAG },
	{ { .version = 6, .proto = IPPROTO_SCTP },
	  RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV6 | RTE_PTYPE_L4_SCTP },
	{ { .version = 6, .proto = IPPROTO_TCP, .frag = true },
	  RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV6_EXT | RTE_PTYPE_L4_FRAG },
	{ { .vlans = { 5 }, .version = 4, .proto = IPPROTO_UDP },
	  RTE_PTYPE_L2_ETHER_VLAN | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_UDP },
	{ { .vlans = { 5, 6 }, .tpids = { 0x88a8 }, .version = 6, .proto = IPPROTO_TCP },
	  RTE_PTYPE_L2_ETHER_QINQ | RTE_PTYPE_L3_IPV6 | RTE_PTYPE_L4_TCP },
};

/* Each of the frames must come with its type, or the layers of it that the mask has. */
static void
check(const struct pair *p, uint32_t mask)
{
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < RTE_DIM(cases); i++) {
		ipframe_send(p->a, 0, &cases[i].packet);
		assert_int_equal(receive(p->b, 0, &m, 1), 1);
		assert_int_equal(m->packet_type, cases[i].ptype & mask);
		assert_int_equal(m->ol_flags, 0);
		rte_pktmbuf_free(m);
	}
}

static const char *const formats[] = { "format=lanes", "format=shmif" };

static void
test_not_asked_for(void **state)
{
	struct pair p;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(formats); i++) {
		pair_start(&p, formats[i], NULL);
		check(&p, 0);
	}
}

/* For those that rely on types without asking; to have none is a choice, too. */
static void
test_always(void **state)
{
	char args[64];
	struct pair p;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(formats); i++) {
		snprintf(args, sizeof(args), "%s,ptypes=always", formats[i]);
		pair_start(&p, args, NULL);
		check(&p, UINT32_MAX);
		assert_int_equal(rte_eth_dev_set_ptypes(p.b, 0, NULL, 0), 0);
		check(&p, 0);
	}
}

static void
test_supported(void **state)
{
	uint32_t ptypes[32];
	unsigned int i;
	struct pair p;
	int n, k;

	(void)state;
	for (i = 0; i < RTE_DIM(formats); i++) {
		pair_start(&p, formats[i], NULL);
		n = rte_eth_dev_get_supported_ptypes(p.b, RTE_PTYPE_ALL_MASK, ptypes,
						     RTE_DIM(ptypes));
		assert_in_range(n, 8, 32);
		for (k = 0; k < n; k++)
			assert_int_equal(ptypes[k] & ~(RTE_PTYPE_L2_MASK | RTE_PTYPE_L3_MASK |
						       RTE_PTYPE_L4_MASK), 0);
		/* Who asks is going to rely on them. */
		check(&p, UINT32_MAX);
	}
}

static void
test_set(void **state)
{
	static const uint32_t masks[] = {
		RTE_PTYPE_L3_MASK, RTE_PTYPE_L2_MASK | RTE_PTYPE_L4_MASK, RTE_PTYPE_L4_MASK,
	};
	uint32_t ptypes[32];
	unsigned int i, k;
	struct pair p;

	(void)state;
	for (i = 0; i < RTE_DIM(formats); i++) {
		pair_start(&p, formats[i], NULL);
		for (k = 0; k < RTE_DIM(masks); k++) {
			assert_int_equal(rte_eth_dev_set_ptypes(p.b, masks[k], ptypes,
								RTE_DIM(ptypes)), 0);
			check(&p, masks[k]);
		}
		assert_int_equal(rte_eth_dev_set_ptypes(p.b, RTE_PTYPE_UNKNOWN, NULL, 0), 0);
		check(&p, 0);
		/* What was chosen stays so, also when somebody asks. */
		rte_eth_dev_get_supported_ptypes(p.b, RTE_PTYPE_ALL_MASK, NULL, 0);
		check(&p, 0);
		assert_int_equal(rte_eth_dev_set_ptypes(p.b, RTE_PTYPE_L3_IPV4, NULL, 0), -EINVAL);
		check(&p, 0);
	}
}

/* The outermost tag's type is that of layer 2, and what lies behind up to two is seen. */
static void
test_tags(void **state)
{
	struct ipframe packet = { .version = 4, .proto = IPPROTO_UDP };
	unsigned int f, n;
	struct rte_mbuf *m;
	char args[64];
	struct pair p;
	char *begin;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		snprintf(args, sizeof(args), "%s,ptypes=always", formats[f]);
		pair_start(&p, args, NULL);
		for (n = 0; n < IPFRAME_TAGGINGS; n++) {
			ipframe_tag(&packet, n);
			ipframe_send(p.a, 0, &packet);
			assert_int_equal(receive(p.b, 0, &m, 1), 1);
			assert_int_equal(m->packet_type, (packet.tpids[0] == 0x8100 ?
					 RTE_PTYPE_L2_ETHER_VLAN : RTE_PTYPE_L2_ETHER_QINQ) |
					 RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_UDP);
			rte_pktmbuf_free(m);
			/* What two tags leave is a third one. */
			if (packet.vlans[1] == 0)
				continue;
			m = ipframe_new(&packet);
			begin = rte_pktmbuf_prepend(m, 4);
			assert_non_null(begin);
			memmove(begin, begin + 4, 16);
			assert_true(send_mbuf(p.a, 0, m));
			assert_int_equal(receive(p.b, 0, &m, 1), 1);
			assert_int_equal(m->packet_type, packet.tpids[0] == 0x8100 ?
					 RTE_PTYPE_L2_ETHER_VLAN : RTE_PTYPE_L2_ETHER_QINQ);
			rte_pktmbuf_free(m);
		}
	}
}

/* Headers that end where the frame does, or beyond. */
static void
test_cut(void **state)
{
	struct ipframe packet = { .vlans = { 5 }, .version = 6, .proto = IPPROTO_TCP };
	struct rte_mbuf *m;
	unsigned int l3, n;
	struct pair p;
	uint16_t len;

	(void)state;
	pair_start(&p, NULL, NULL);
	rte_eth_dev_set_ptypes(p.b, RTE_PTYPE_ALL_MASK & ~(RTE_PTYPE_TUNNEL_MASK |
			       RTE_PTYPE_INNER_L2_MASK), NULL, 0);
	rte_eth_dev_get_supported_ptypes(p.b, RTE_PTYPE_ALL_MASK, NULL, 0);
	for (n = 0; n < IPFRAME_TAGGINGS; n++) {
		ipframe_tag(&packet, n);
		l3 = n < 3 ? 14 + 4 : 14 + 8;
		for (len = 1; len <= IPFRAME_LEN; len++) {
			m = ipframe_new(&packet);
			rte_pktmbuf_trim(m, IPFRAME_LEN - len);
			assert_true(send_mbuf(p.a, 0, m));
			assert_int_equal(receive(p.b, 0, &m, 1), 1);
			assert_int_equal((m->packet_type & RTE_PTYPE_L3_MASK) == RTE_PTYPE_L3_IPV6,
					 len >= l3 + 40);
			assert_int_equal((m->packet_type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_TCP,
					 len >= l3 + 40 + 20);
			rte_pktmbuf_free(m);
		}
	}
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_not_asked_for),
		T(test_always),
		T(test_supported),
		T(test_set),
		T(test_tags),
		T(test_cut),
	};

	return cmocka_run_group_tests_name("pmd_ptypes", tests, eal_start, eal_stop);
}
