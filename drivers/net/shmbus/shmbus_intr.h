/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_INTR_H
#define SHMBUS_INTR_H

/* Rx interrupts. */

#include <ethdev_driver.h>

/*
 * Open and close this process's descriptors. A port that is configured without interrupts
 * has none. Return 0, or -errno, logged.
 */
int shmbus_intr_open(struct rte_eth_dev *dev);
void shmbus_intr_close(struct rte_eth_dev *dev);

/* Ends the sleep of all queues and wakes the threads that sleep. Called by the stop of the port. */
void shmbus_intr_stop(struct rte_eth_dev *dev);

/* Tells senders whether the port uses interrupts. Called after the state was announced. */
void shmbus_intr_tell(struct rte_eth_dev *dev);

/* Wakes the port's queues that sleep, in all processes. */
void shmbus_intr_wake(const struct rte_eth_dev *dev);

int shmbus_rx_queue_intr_enable(struct rte_eth_dev *dev, uint16_t id);
int shmbus_rx_queue_intr_disable(struct rte_eth_dev *dev, uint16_t id);

#endif /* SHMBUS_INTR_H */
