/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_LINK_H
#define SHMBUS_LINK_H

/* The link of a port, and the bus behind it, which may go away. */

#include <ethdev_driver.h>

struct shmbus_priv;

int shmbus_link_update(struct rte_eth_dev *dev, int wait_to_complete);
int shmbus_set_link_up(struct rte_eth_dev *dev);
int shmbus_set_link_down(struct rte_eth_dev *dev);

void shmbus_link_init(struct shmbus_priv *priv);
void shmbus_link_start(struct rte_eth_dev *dev);
void shmbus_link_stop(struct rte_eth_dev *dev);
/* No event comes any more. */
void shmbus_link_close(struct rte_eth_dev *dev);

/* Look what has become of the bus file, and say so once. Is the bus gone? */
bool shmbus_link_is_gone(struct rte_eth_dev *dev);

/* The port is on another bus, or on none (SHMBUS_STATUS_GONE). The port is stopped. */
void shmbus_link_set_status(struct rte_eth_dev *dev, uint32_t status);

#endif /* SHMBUS_LINK_H */
