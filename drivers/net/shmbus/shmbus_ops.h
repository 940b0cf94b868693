/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_OPS_H
#define SHMBUS_OPS_H

/* What differs between the formats of a bus for the queues of a port: one table each. */

#include "shmbus_priv.h"

struct shmbus_rxq;
struct shmbus_txq;

struct shmbus_ops {
	const char *name;
	eth_rx_burst_t rx_burst;
	eth_tx_burst_t tx_burst;
	/* Bytes of memory for what a queue knows of the wire's bus, and: use them, which are zeros. */
	size_t (*rxq_size)(const struct shmbus_wire *wire);
	void (*rxq_use)(struct shmbus_rxq *q, const struct shmbus_wire *wire, void *memory);
	/* Begin where the bus is now; senders wait for the queue from now on. */
	void (*rxq_start)(struct rte_eth_dev *dev, struct shmbus_rxq *q);
	void (*rxq_stop)(struct rte_eth_dev *dev, struct shmbus_rxq *q);
	/* The same as start, by another thread than the queue's, which polls nothing now. */
	void (*rxq_restart)(struct rte_eth_dev *dev, struct shmbus_rxq *q);
	/* Frames that the queue has not received yet, as far as can be told. */
	uint64_t (*rxq_waiting)(const struct rte_eth_dev *dev, const struct shmbus_rxq *q);
	/* Is there anything that the queue, asleep by now, must not sleep through? Not while down. */
	bool (*rxq_pending)(const struct rte_eth_dev *dev, const struct shmbus_rxq *q);
	/* Add what all starts of the queue have counted. */
	void (*rxq_count)(const struct shmbus_rxq *q, struct shmbus_counts *counts);
	size_t (*txq_size)(const struct shmbus_wire *wire);
	/* 0, or -errno, logged: the bus has no room for the queue. */
	int (*txq_use)(struct shmbus_txq *q, struct shmbus_wire *wire, void *memory);
	void (*txq_start)(struct rte_eth_dev *dev, struct shmbus_txq *q);
	void (*txq_count)(const struct shmbus_txq *q, struct shmbus_counts *counts);
};

extern const struct shmbus_ops shmbus_ops_lanes;
extern const struct shmbus_ops shmbus_ops_shmif;

static inline const struct shmbus_ops *
shmbus_ops(const struct rte_eth_dev *dev)
{
	return shmbus_priv(dev)->format == SHMBUS_WIRE_SHMIF ? &shmbus_ops_shmif :
							       &shmbus_ops_lanes;
}

#endif /* SHMBUS_OPS_H */
