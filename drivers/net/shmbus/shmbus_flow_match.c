/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_ether.h>

#include "shmbus_flow.h"
#include "shmbus_headers.h"

static uint32_t
layer_off(const struct shmbus_headers *h, unsigned int layer)
{
	switch (layer) {
	case SHMBUS_FLOW_ETH:
		return 0;
	case SHMBUS_FLOW_L3:
		return h->l3_off;
	case SHMBUS_FLOW_L4:
		return h->l4_off;
	default:
		return RTE_ETHER_HDR_LEN +
		       (layer - SHMBUS_FLOW_VLAN) * (uint32_t)sizeof(struct rte_vlan_hdr);
	}
}

static bool
part_matches(const struct shmbus_flow_part *part, const struct shmbus_headers *h, uint32_t off)
{
	unsigned int i;

	if (off > h->len || part->len > h->len - off)
		return false;
	for (i = 0; i < part->len; i++)
		if ((h->bytes[off + i] & part->mask[i]) != part->value[i])
			return false;
	return true;
}

bool
shmbus_flow_matches(const struct shmbus_flow_match *match, const struct shmbus_headers *h)
{
	unsigned int layer;

	if (h->n_vlan < match->min_vlan || h->n_vlan > match->max_vlan ||
	    (match->l3 != 0 && (h->ptype & match->l3) == 0) ||
	    (match->l4 != 0 && (h->ptype & RTE_PTYPE_L4_MASK) != match->l4))
		return false;
	for (layer = 0; layer < SHMBUS_FLOW_LAYERS; layer++)
		if (match->parts[layer].len != 0 &&
		    !part_matches(&match->parts[layer], h, layer_off(h, layer)))
			return false;
	return true;
}
