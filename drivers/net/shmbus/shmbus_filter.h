/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_FILTER_H
#define SHMBUS_FILTER_H

/* The receive filter, by address and VLAN. */

#include <ethdev_driver.h>

struct shmbus_priv;

int shmbus_promiscuous_enable(struct rte_eth_dev *dev);
int shmbus_promiscuous_disable(struct rte_eth_dev *dev);
int shmbus_allmulticast_enable(struct rte_eth_dev *dev);
int shmbus_allmulticast_disable(struct rte_eth_dev *dev);
int shmbus_mac_addr_set(struct rte_eth_dev *dev, struct rte_ether_addr *mac);
int shmbus_mac_addr_add(struct rte_eth_dev *dev, struct rte_ether_addr *mac, uint32_t index,
			uint32_t pool);
void shmbus_mac_addr_remove(struct rte_eth_dev *dev, uint32_t index);
int shmbus_set_mc_addr_list(struct rte_eth_dev *dev, struct rte_ether_addr *list, uint32_t n);

/* Begins with one address, macs[0]. */
void shmbus_filter_init(struct shmbus_priv *priv);

/* Returns whether the filter accepts a frame that begins with these len bytes. */
bool shmbus_filter_accepts(const struct rte_eth_dev *dev, const uint8_t *frame, uint32_t len);

#endif /* SHMBUS_FILTER_H */
