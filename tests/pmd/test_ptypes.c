/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Packet types: which there are, when mbufs have them, and that they are right. */

#include <stdio.h>

#include "ptypes_vectors.h"

/*
 * Each of the frames must come with its type, or the layers of it that the mask has. The outermost
 * tag's type is that of layer 2, and what lies behind up to two is seen.
 */
static void
check(const struct pair *p, uint32_t mask)
{
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < RTE_DIM(types); i++) {
		assert_true(send_mbuf(p->a, 0, vector_mbuf(&types[i].frame)));
		m = vector_receive(p->b, 0, types[i].name);
		if (m->packet_type != (types[i].type & mask))
			fail_msg("%s: type 0x%x with the mask 0x%x", types[i].name, m->packet_type, mask);
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

/* For applications that rely on types without asking; they may still choose none. */
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
		/* A later question for the supported types does not change the choice. */
		rte_eth_dev_get_supported_ptypes(p.b, RTE_PTYPE_ALL_MASK, NULL, 0);
		check(&p, 0);
		assert_int_equal(rte_eth_dev_set_ptypes(p.b, RTE_PTYPE_L3_IPV4, NULL, 0), -EINVAL);
		check(&p, 0);
	}
}

/* Headers that end where the frame does, or beyond. */
static void
test_cut(void **state)
{
	const struct packet_type *v;
	struct rte_mbuf *m;
	uint8_t bytes[256];
	uint32_t len, full;
	struct pair p;

	(void)state;
	pair_start(&p, NULL, NULL);
	rte_eth_dev_set_ptypes(p.b, RTE_PTYPE_ALL_MASK & ~(RTE_PTYPE_TUNNEL_MASK |
			       RTE_PTYPE_INNER_L2_MASK), NULL, 0);
	rte_eth_dev_get_supported_ptypes(p.b, RTE_PTYPE_ALL_MASK, NULL, 0);
	for (v = types; v < types + RTE_DIM(types); v++) {
		full = vector_copy(bytes, &v->frame);
		for (len = RTE_ETHER_HDR_LEN; v->l3_end != 0 && len <= full; len++) {
			assert_true(send_mbuf(p.a, 0, vector_mbuf_of(bytes, len, 0)));
			m = vector_receive(p.b, 0, v->name);
			if ((m->packet_type & RTE_PTYPE_L3_MASK) !=
			    (len >= v->l3_end ? v->type & RTE_PTYPE_L3_MASK : 0) ||
			    (m->packet_type & RTE_PTYPE_L4_MASK) !=
			    (len >= v->l4_end ? v->type & RTE_PTYPE_L4_MASK : 0))
				fail_msg("%s, cut at %u: 0x%x", v->name, len, m->packet_type);
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
		T(test_cut),
	};

	return cmocka_run_group_tests_name("pmd_ptypes", tests, eal_start, eal_stop);
}
