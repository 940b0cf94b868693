/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_OPS_H
#define SHMBUS_OPS_H

/*
 * The operations on queues that differ between the formats: one table for each format; and
 * the Tx queues of readonly ports, which are the same on both.
 */

#include "shmbus_priv.h"

struct shmbus_rxq;
struct shmbus_txq;

struct shmbus_tx_ops {
	eth_tx_burst_t burst;
	/* Returns the bytes of memory that a queue needs on the wire's bus; not 0. */
	size_t (*size)(const struct shmbus_wire *wire);
	/*
	 * Gives the queue that memory, filled with zeros. Returns 0, or -errno, logged, if the bus
	 * has no room for the queue.
	 */
	int (*use)(struct shmbus_txq *q, struct shmbus_wire *wire, void *memory);
	void (*start)(struct rte_eth_dev *dev, struct shmbus_txq *q);
	void (*count)(const struct shmbus_txq *q, struct shmbus_counts *counts);
};

struct shmbus_ops {
	const char *name;
	eth_rx_burst_t rx_burst;
	/* Returns the bytes of memory that a queue needs on the wire's bus. */
	size_t (*rxq_size)(const struct shmbus_wire *wire);
	/* Gives the queue that memory, filled with zeros. */
	void (*rxq_use)(struct shmbus_rxq *q, const struct shmbus_wire *wire, void *memory);
	/* Begins at the current end of the bus; senders wait for the queue from now on. */
	void (*rxq_start)(struct rte_eth_dev *dev, struct shmbus_rxq *q);
	void (*rxq_stop)(struct rte_eth_dev *dev, struct shmbus_rxq *q);
	/* As rxq_start, but called by a control thread, while the queue is down. */
	void (*rxq_restart)(struct rte_eth_dev *dev, struct shmbus_rxq *q);
	/* Returns the number of frames that the queue has not received yet, or an estimate. */
	uint64_t (*rxq_waiting)(const struct rte_eth_dev *dev, const struct shmbus_rxq *q);
	/* Returns whether a queue that has announced its sleep must wake. The queue is not down. */
	bool (*rxq_pending)(const struct rte_eth_dev *dev, struct shmbus_rxq *q);
	/* Adds the counters of all starts of the queue. */
	void (*rxq_count)(const struct shmbus_rxq *q, struct shmbus_counts *counts);
	const struct shmbus_tx_ops *tx;
};

extern const struct shmbus_tx_ops shmbus_tx_ops_none; /* of a readonly port */
extern const struct shmbus_ops shmbus_ops_lanes;
extern const struct shmbus_ops shmbus_ops_shmif;

static inline const struct shmbus_ops *
shmbus_ops(const struct rte_eth_dev *dev)
{
	return shmbus_priv(dev)->format == SHMBUS_WIRE_SHMIF ? &shmbus_ops_shmif :
							       &shmbus_ops_lanes;
}

static inline const struct shmbus_tx_ops *
shmbus_tx_ops(const struct rte_eth_dev *dev)
{
	return shmbus_priv(dev)->args.readonly ? &shmbus_tx_ops_none : shmbus_ops(dev)->tx;
}

#endif /* SHMBUS_OPS_H */
