/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_CONF_H
#define SHMBUS_CONF_H

/* struct rte_eth_conf and flow control. */

#include <ethdev_driver.h>

/* Nominal: no clock limits the speed of frames. */
#define SHMBUS_SPEED_CAPA RTE_ETH_LINK_SPEED_100G

/* Checks dev->data->dev_conf for features that the port lacks. Returns 0, or -errno, logged. */
int shmbus_conf_check(const struct rte_eth_dev *dev);

int shmbus_flow_ctrl_get(struct rte_eth_dev *dev, struct rte_eth_fc_conf *conf);
int shmbus_flow_ctrl_set(struct rte_eth_dev *dev, struct rte_eth_fc_conf *conf);

#endif /* SHMBUS_CONF_H */
