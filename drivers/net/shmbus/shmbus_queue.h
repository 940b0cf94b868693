/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_QUEUE_H
#define SHMBUS_QUEUE_H

/* The queues of a port: setup, start, stop, release. */

#include <ethdev_driver.h>

int shmbus_rx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t nb_desc,
			  unsigned int socket, const struct rte_eth_rxconf *conf,
			  struct rte_mempool *pool);
int shmbus_tx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t nb_desc,
			  unsigned int socket, const struct rte_eth_txconf *conf);

/* Release one queue, and all queues. */
void shmbus_rx_queue_release(struct rte_eth_dev *dev, uint16_t id);
void shmbus_tx_queue_release(struct rte_eth_dev *dev, uint16_t id);
void shmbus_queues_release(struct rte_eth_dev *dev);

/*
 * Start all queues but the deferred ones, and stop all queues. Called by the start and the
 * stop of the port.
 */
int shmbus_queues_start(struct rte_eth_dev *dev);
void shmbus_queues_stop(struct rte_eth_dev *dev);

/* Start and stop one queue of a started port. */
int shmbus_rx_queue_start(struct rte_eth_dev *dev, uint16_t id);
int shmbus_rx_queue_stop(struct rte_eth_dev *dev, uint16_t id);
int shmbus_tx_queue_start(struct rte_eth_dev *dev, uint16_t id);
int shmbus_tx_queue_stop(struct rte_eth_dev *dev, uint16_t id);

/* Lets all started Rx queues begin at the current end of the bus, at their next poll. */
void shmbus_queues_restart(struct rte_eth_dev *dev);

/*
 * Gives each queue the memory that it needs on the bus of wire, to which the port
 * moves. Returns 0, or -errno: no queue can be started then.
 */
int shmbus_queues_fit(struct rte_eth_dev *dev, struct shmbus_wire *wire);

#endif /* SHMBUS_QUEUE_H */
