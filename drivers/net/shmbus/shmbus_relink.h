/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_RELINK_H
#define SHMBUS_RELINK_H

/* The move of a port from one bus to another. */

#include <ethdev_driver.h>

/* Joins the bus at its path if the stopped port has lost its bus. Returns 0, or -errno, logged. */
int shmbus_relink_if_lost(struct rte_eth_dev *dev);

/* eth_dev_reset_t: leaves the bus, releases queues and rules, and joins the bus at the path. */
int shmbus_dev_reset(struct rte_eth_dev *dev);

/*
 * Attaches wire to the bus of priv->args and writes the slot and the limits of that bus
 * into priv. Without a path wire stays closed. Returns 0, or -errno, logged.
 */
int shmbus_relink_join(struct rte_eth_dev *dev, struct shmbus_wire *wire);

#endif /* SHMBUS_RELINK_H */
