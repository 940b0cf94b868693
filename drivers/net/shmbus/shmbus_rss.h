/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_RSS_H
#define SHMBUS_RSS_H

/* Receive side scaling, as ethdev configures it. */

#include <ethdev_driver.h>

/* Applies the RSS part of dev_conf. Called by dev_configure. Returns 0 or -errno. */
int shmbus_rss_configure(struct rte_eth_dev *dev);
int shmbus_rss_hash_update(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf);
int shmbus_rss_hash_conf_get(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf);
int shmbus_reta_update(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *conf,
		       uint16_t size);
int shmbus_reta_query(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *conf,
		      uint16_t size);

#endif /* SHMBUS_RSS_H */
