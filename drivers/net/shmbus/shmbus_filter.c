/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Which frames a port that is not promiscuous takes: its own address, broadcast, multicast. */

#include <rte_ether.h>

#include "shmbus_wire.h"

bool
shmbus_filter_accepts(const struct rte_eth_dev *dev, const uint8_t *frame, uint32_t len)
{
	struct rte_ether_addr dst;

	if (len < RTE_ETHER_HDR_LEN)
		return false;
	memcpy(&dst, frame, sizeof(dst));
	if (rte_is_broadcast_ether_addr(&dst))
		return true;
	if (rte_is_multicast_ether_addr(&dst))
		return dev->data->all_multicast;
	return rte_is_same_ether_addr(&dst, &dev->data->mac_addrs[0]);
}

/* ethdev changes data->promiscuous and all_multicast only after these have returned 0. */
static int
set_promiscuous(struct rte_eth_dev *dev, bool on)
{
	dev->data->promiscuous = on;
	shmbus_queues_update(dev);
	return 0;
}

int
shmbus_promiscuous_enable(struct rte_eth_dev *dev)
{
	return set_promiscuous(dev, true);
}

int
shmbus_promiscuous_disable(struct rte_eth_dev *dev)
{
	return set_promiscuous(dev, false);
}

/* The filter reads data->all_multicast, which ethdev keeps. */
int
shmbus_allmulticast_enable(struct rte_eth_dev *dev)
{
	RTE_SET_USED(dev);
	return 0;
}

int
shmbus_allmulticast_disable(struct rte_eth_dev *dev)
{
	RTE_SET_USED(dev);
	return 0;
}

int
shmbus_mac_addr_set(struct rte_eth_dev *dev, struct rte_ether_addr *mac)
{
	/* ethdev stores it in mac_addrs[0] once this has returned. */
	shmbus_wire(dev)->ops->set_mac(dev, mac->addr_bytes);
	return 0;
}
