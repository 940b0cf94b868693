/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The receive filter of a port that is not promiscuous. It accepts frames to the port's
 * addresses, to broadcast and to the port's multicast, if the VLAN filter accepts them too.
 *
 * Receiving threads read the tables of addresses while a control thread changes
 * them. An address that stays keeps its place, so no frame to it is lost.
 */

#include <rte_ether.h>

#include "shmbus_announce.h"
#include "shmbus_filter.h"
#include "shmbus_flags.h"
#include "shmbus_priv.h"
#include "shmbus_vlan.h"

/* Returns the table's form of an address. It is never 0, which marks an empty place. */
static inline uint64_t
key_of(const uint8_t *addr)
{
	uint64_t key = 0;

	memcpy(&key, addr, RTE_ETHER_ADDR_LEN);
	return key | UINT64_C(1) << 63;
}

static int
find(const shmbus_a64 *table, uint32_t n, uint64_t key)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (shmbus_load(&table[i]) == key)
			return (int)i;
	return -1;
}

bool
shmbus_filter_accepts(const struct rte_eth_dev *dev, const uint8_t *frame, uint32_t len)
{
	const struct shmbus_filter *f = &shmbus_priv(dev)->filter;
	struct rte_ether_addr dst;
	bool mine;

	if (dev->data->promiscuous)
		return true;
	memcpy(&dst, frame, sizeof(dst));
	if (!rte_is_multicast_ether_addr(&dst))
		mine = find(f->unicast, shmbus_load(&f->n_unicast), key_of(frame)) >= 0;
	else
		mine = dev->data->all_multicast || rte_is_broadcast_ether_addr(&dst) ||
		       find(f->multicast, shmbus_load(&f->n_multicast), key_of(frame)) >= 0;
	return mine && shmbus_vlan_accepts(dev, frame, len);
}

/* ethdev sets data->promiscuous only after the operation; the queues' flags need it now. */
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

/* An address has the same place as in ethdev's dev->data->mac_addrs. */
static void
unicast_set(struct shmbus_filter *f, uint32_t place, uint64_t key)
{
	shmbus_store(&f->unicast[place], key);
	if (place >= shmbus_load(&f->n_unicast))
		shmbus_store(&f->n_unicast, place + 1);
}

void
shmbus_filter_init(struct shmbus_priv *priv)
{
	unicast_set(&priv->filter, 0, key_of(priv->macs[0].addr_bytes));
}

int
shmbus_mac_addr_set(struct rte_eth_dev *dev, struct rte_ether_addr *mac)
{
	if (!shmbus_is_primary())
		return SHMBUS_REFUSED;
	/* ethdev stores the address in mac_addrs[0] after the return. */
	shmbus_announce_mac(dev, mac->addr_bytes);
	unicast_set(&shmbus_priv(dev)->filter, 0, key_of(mac->addr_bytes));
	shmbus_queues_update(dev);
	return 0;
}

int
shmbus_mac_addr_add(struct rte_eth_dev *dev, struct rte_ether_addr *mac, uint32_t index,
		    uint32_t pool)
{
	if (!shmbus_is_primary())
		return SHMBUS_REFUSED;
	/* Pools belong to VMDq. Multicast addresses have a list of their own. */
	if (index >= SHMBUS_UNICAST_MAX || pool != 0 || rte_is_multicast_ether_addr(mac))
		return -EINVAL;
	unicast_set(&shmbus_priv(dev)->filter, index, key_of(mac->addr_bytes));
	return 0;
}

void
shmbus_mac_addr_remove(struct rte_eth_dev *dev, uint32_t index)
{
	if (index < SHMBUS_UNICAST_MAX)
		shmbus_store(&shmbus_priv(dev)->filter.unicast[index], 0);
}

static bool
is_listed(const struct rte_ether_addr *list, uint32_t n, uint64_t key)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (key_of(list[i].addr_bytes) == key)
			return true;
	return false;
}

static void
multicast_add(struct shmbus_filter *f, uint64_t key)
{
	const uint32_t n = shmbus_load(&f->n_multicast);
	int place;

	if (find(f->multicast, n, key) >= 0)
		return;
	place = find(f->multicast, n, 0);
	if (place < 0) {
		place = (int)n;
		shmbus_store(&f->n_multicast, n + 1);
	}
	shmbus_store(&f->multicast[place], key);
}

int
shmbus_set_mc_addr_list(struct rte_eth_dev *dev, struct rte_ether_addr *list, uint32_t n)
{
	struct shmbus_filter *f = &shmbus_priv(dev)->filter;
	uint32_t i, used;

	if (!shmbus_is_primary())
		return SHMBUS_REFUSED;
	if (n > SHMBUS_MULTICAST_MAX)
		return -ENOSPC;
	for (i = 0; i < n; i++)
		if (!rte_is_multicast_ether_addr(&list[i]))
			return -EINVAL;
	/* Removal first makes room for all new addresses. */
	used = shmbus_load(&f->n_multicast);
	for (i = 0; i < used; i++)
		if (!is_listed(list, n, shmbus_load(&f->multicast[i])))
			shmbus_store(&f->multicast[i], 0);
	for (i = 0; i < n; i++)
		multicast_add(f, key_of(list[i].addr_bytes));
	for (used = shmbus_load(&f->n_multicast); used != 0; used--)
		if (shmbus_load(&f->multicast[used - 1]) != 0)
			break;
	shmbus_store(&f->n_multicast, used);
	return 0;
}
