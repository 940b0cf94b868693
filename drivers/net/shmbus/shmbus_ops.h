/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_OPS_H
#define SHMBUS_OPS_H

/* The operations on queues that differ between the formats: one table for each format. */

#include "shmbus_priv.h"

struct shmbus_rxq;
struct shmbus_txq;

struct shmbus_ops {
	const char *name;
	eth_rx_burst_t rx_burst;
	eth_tx_burst_t tx_burst;
	/* Returns the bytes of memory that a queue needs on the wire's bus. */
	size_t (*rxq_size)(const struct shmbus_wire *wire);
	/* Gives the queue that memory, filled with zeros. */
	void (*rxq_use)(struct shmbus_rxq *q, const struct shmbus_wire *wire, void *memory);
	/* Begins at the current end of the bus; senders wait for the queue from now on. */
	void (*rxq_start)(struct rte_eth_dev *dev, struct shmbus_rxq *q);
	void (*rxq_stop)(struct rte_eth_dev *dev, struct shmbus_rxq *q);
	/* The same as start, by a control thread; the queue is down meanwhile. */
	void (*rxq_restart)(struct rte_eth_dev *dev, struct shmbus_rxq *q);
	/* Returns the number of frames that the queue has not received yet, or an estimate. */
	uint64_t (*rxq_waiting)(const struct rte_eth_dev *dev, const struct shmbus_rxq *q);
	/* Returns whether a queue that has announced its sleep must wake. The queue is not down. */
	bool (*rxq_pending)(const struct rte_eth_dev *dev, const struct shmbus_rxq *q);
	/* Adds the queue's counters, of all its starts. */
	void (*rxq_count)(const struct shmbus_rxq *q, struct shmbus_counts *counts);
	size_t (*txq_size)(const struct shmbus_wire *wire);
	/* As rxq_use. Returns 0, or -errno, logged, if the bus has no room for the queue. */
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
