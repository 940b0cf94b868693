/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_INTR_H
#define SHMBUS_INTR_H

/* Rx interrupts. */

#include <ethdev_driver.h>

/* Make this process's descriptors, if the port is configured to use them; and give them back. */
int shmbus_intr_open(struct rte_eth_dev *dev);
void shmbus_intr_close(struct rte_eth_dev *dev);

/* The port stops: no queue sleeps any more, and threads that do are woken. */
void shmbus_intr_stop(struct rte_eth_dev *dev);

/* The port has announced its state: that it is started, or no longer. */
void shmbus_intr_tell(struct rte_eth_dev *dev);

/* Wake the port's queues that sleep. */
void shmbus_intr_wake(const struct rte_eth_dev *dev);

int shmbus_rx_queue_intr_enable(struct rte_eth_dev *dev, uint16_t id);
int shmbus_rx_queue_intr_disable(struct rte_eth_dev *dev, uint16_t id);

#endif /* SHMBUS_INTR_H */
