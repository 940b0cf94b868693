/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Packet types cost time. Mbufs get them only if the application has chosen some types,
 * or has asked for the supported types, as an application that asks relies on them.
 * ptypes=always is for applications that rely on packet types without asking.
 */

#include "shmbus_flags.h"
#include "shmbus_headers.h"
#include "shmbus_priv.h"
#include "shmbus_ptype.h"

static const uint32_t supported[] = {
	RTE_PTYPE_L2_ETHER,
	RTE_PTYPE_L2_ETHER_VLAN,
	RTE_PTYPE_L2_ETHER_QINQ,
	RTE_PTYPE_L2_ETHER_MPLS,
	RTE_PTYPE_L3_IPV4,
	RTE_PTYPE_L3_IPV4_EXT,
	RTE_PTYPE_L3_IPV6,
	RTE_PTYPE_L3_IPV6_EXT,
	RTE_PTYPE_L4_FRAG,
	RTE_PTYPE_L4_UDP,
	RTE_PTYPE_L4_TCP,
	RTE_PTYPE_L4_SCTP,
};

static void
use_ptypes(struct rte_eth_dev *dev, uint32_t mask)
{
	shmbus_priv(dev)->ptypes = mask & SHMBUS_PTYPE_LAYERS;
	shmbus_queues_update(dev);
}

const uint32_t *
shmbus_supported_ptypes_get(struct rte_eth_dev *dev, size_t *n)
{
	/* A secondary process changes nothing of the port, so its question has no effect. */
	if (!shmbus_priv(dev)->ptypes_set && shmbus_is_primary())
		use_ptypes(dev, SHMBUS_PTYPE_LAYERS);
	*n = RTE_DIM(supported);
	return supported;
}

int
shmbus_ptypes_set(struct rte_eth_dev *dev, uint32_t mask)
{
	if (!shmbus_is_primary())
		return SHMBUS_REFUSED;
	shmbus_priv(dev)->ptypes_set = true;
	use_ptypes(dev, mask);
	return 0;
}

void
shmbus_ptypes_init(struct shmbus_priv *priv)
{
	if (priv->args.ptypes_always)
		priv->ptypes = SHMBUS_PTYPE_LAYERS;
}
