/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_ETHDEV_H
#define SHMBUS_ETHDEV_H

/* The port as ethdev sees it: its operations. */

#include <ethdev_driver.h>

extern const struct eth_dev_ops shmbus_secondary_ops;

/* Is it a port of this driver? */
bool shmbus_is_our_port(const struct rte_eth_dev *dev);

/* The functions of the data path, for the format of the process's bus. */
void shmbus_set_fast_path(struct rte_eth_dev *dev);

#endif /* SHMBUS_ETHDEV_H */
