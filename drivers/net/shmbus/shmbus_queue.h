/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_QUEUE_H
#define SHMBUS_QUEUE_H

/* Queues of a port: set up, started, stopped, released. */

#include <ethdev_driver.h>

int shmbus_rx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t nb_desc,
			  unsigned int socket, const struct rte_eth_rxconf *conf,
			  struct rte_mempool *pool);
int shmbus_tx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t nb_desc,
			  unsigned int socket, const struct rte_eth_txconf *conf);
void shmbus_rx_queue_release(struct rte_eth_dev *dev, uint16_t id);
void shmbus_tx_queue_release(struct rte_eth_dev *dev, uint16_t id);

/* Prepare all queues for the data path, and take that back. The port is stopped. */
int shmbus_queues_start(struct rte_eth_dev *dev);
void shmbus_queues_stop(struct rte_eth_dev *dev);

/* One queue of a started port. */
int shmbus_rx_queue_start(struct rte_eth_dev *dev, uint16_t id);
int shmbus_rx_queue_stop(struct rte_eth_dev *dev, uint16_t id);
int shmbus_tx_queue_start(struct rte_eth_dev *dev, uint16_t id);
int shmbus_tx_queue_stop(struct rte_eth_dev *dev, uint16_t id);

/* All started Rx queues begin where the bus is now, when their threads poll next. */
void shmbus_queues_restart(struct rte_eth_dev *dev);

/*
 * The port is about to be on another bus: give each of its queues the memory
 * that the bus of wire wants. 0, or -errno, and then no queue can be started.
 */
int shmbus_queues_fit(struct rte_eth_dev *dev, struct shmbus_wire *wire);

/* Work out the queues' flags and limits again after a change of the port's. Any time. */
void shmbus_queues_update(struct rte_eth_dev *dev);

/*
 * Does the port scatter? Only by the application's thread: the bit has neighbours
 * in dev->data, which the link poll must not write.
 */
void shmbus_scatter_update(struct rte_eth_dev *dev);

#endif /* SHMBUS_QUEUE_H */
