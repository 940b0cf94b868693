/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_ETHDEV_H
#define SHMBUS_ETHDEV_H

/* The port's table of operations for ethdev. */

#include <ethdev_driver.h>

extern const struct eth_dev_ops shmbus_secondary_ops;

/* Returns whether the port is one of this driver's. */
bool shmbus_is_our_port(const struct rte_eth_dev *dev);

/* Sets the functions of the data path in dev, for the format of the port's bus. */
void shmbus_set_fast_path(struct rte_eth_dev *dev);

#endif /* SHMBUS_ETHDEV_H */
