/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_RELINK_H
#define SHMBUS_RELINK_H

/* From one bus to another. */

#include <ethdev_driver.h>

/* If the stopped port is not on the bus that its path leads to: go there. 0 or -errno, logged. */
int shmbus_relink_if_lost(struct rte_eth_dev *dev);

int shmbus_dev_reset(struct rte_eth_dev *dev);

/* Attach a wire to the bus of priv->args; tell priv what holds of the bus. 0 or -errno, logged. */
int shmbus_relink_join(struct rte_eth_dev *dev, struct shmbus_wire *wire);

#endif /* SHMBUS_RELINK_H */
