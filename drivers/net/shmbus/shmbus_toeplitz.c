/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_thash.h>

#include "shmbus_headers.h"
#include "shmbus_toeplitz.h"

/* The key of Microsoft's specification, the default of most drivers. */
static const uint8_t default_key[SHMBUS_RSS_KEY] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
	0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

void
shmbus_toeplitz_set(struct shmbus_toeplitz *t, uint64_t types, const uint8_t *key)
{
	uint32_t words[RTE_DIM(t->words)];

	t->types = types;
	memcpy(t->key, key != NULL ? key : default_key, sizeof(t->key));
	memcpy(words, t->key, sizeof(words));
	rte_convert_rss_key(words, t->words, sizeof(words));
}

/* The RSS types of an L3 protocol: one for each L4, and the general type, which includes all. */
struct l3_types {
	uint64_t all;
	uint64_t frag;
	uint64_t tcp;
	uint64_t udp;
	uint64_t sctp;
	uint64_t other;
};

static const struct l3_types ipv4_types = {
	RTE_ETH_RSS_IPV4, RTE_ETH_RSS_FRAG_IPV4, RTE_ETH_RSS_NONFRAG_IPV4_TCP,
	RTE_ETH_RSS_NONFRAG_IPV4_UDP, RTE_ETH_RSS_NONFRAG_IPV4_SCTP,
	RTE_ETH_RSS_NONFRAG_IPV4_OTHER,
};

static const struct l3_types ipv6_types = {
	RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_IPV6_EX, RTE_ETH_RSS_FRAG_IPV6,
	RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_IPV6_TCP_EX,
	RTE_ETH_RSS_NONFRAG_IPV6_UDP | RTE_ETH_RSS_IPV6_UDP_EX,
	RTE_ETH_RSS_NONFRAG_IPV6_SCTP, RTE_ETH_RSS_NONFRAG_IPV6_OTHER,
};

/* Returns the RSS type of the frame. ports: whether the frame has L4 ports. */
static uint64_t
type_of(const struct l3_types *types, const struct shmbus_headers *h, bool *ports)
{
	*ports = h->l4_off + sizeof(uint32_t) <= h->len;
	switch (h->ptype & RTE_PTYPE_L4_MASK) {
	case RTE_PTYPE_L4_TCP:
		return types->tcp;
	case RTE_PTYPE_L4_UDP:
		return types->udp;
	case RTE_PTYPE_L4_SCTP:
		return types->sctp;
	case RTE_PTYPE_L4_FRAG:
		*ports = false;
		return types->frag;
	default:
		*ports = false;
		return types->other;
	}
}

static unsigned int
load_words(uint32_t *tuple, const uint8_t *bytes, uint32_t len)
{
	unsigned int i;

	memcpy(tuple, bytes, len);
	for (i = 0; i < len / sizeof(*tuple); i++)
		tuple[i] = rte_be_to_cpu_32(tuple[i]);
	return i;
}

bool
shmbus_toeplitz_hash(const struct shmbus_toeplitz *t, const struct shmbus_headers *h,
		     uint32_t *hash)
{
	const bool is_ipv4 = RTE_ETH_IS_IPV4_HDR(h->ptype);
	const struct l3_types *types = is_ipv4 ? &ipv4_types : &ipv6_types;
	uint32_t tuple[9];
	unsigned int n;
	uint64_t type;
	bool ports;

	*hash = 0;
	if (!is_ipv4 && !RTE_ETH_IS_IPV6_HDR(h->ptype))
		return false;
	type = type_of(types, h, &ports);
	if ((t->types & (type | types->all)) == 0)
		return false;
	/* In both headers the destination follows the source, for addresses and for ports. */
	if (is_ipv4)
		n = load_words(tuple, h->bytes + h->l3_off +
			       offsetof(struct rte_ipv4_hdr, src_addr), 2 * sizeof(uint32_t));
	else
		n = load_words(tuple, h->bytes + h->l3_off +
			       offsetof(struct rte_ipv6_hdr, src_addr), 8 * sizeof(uint32_t));
	if (ports && (t->types & type) != 0)
		n += load_words(&tuple[n], h->bytes + h->l4_off, sizeof(uint32_t));
	*hash = rte_softrss_be(tuple, n, (const uint8_t *)t->words);
	return true;
}
