/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_STATS_H
#define SHMBUS_STATS_H

/* Statistics and extended statistics. */

#include <ethdev_driver.h>

struct eth_queue_stats;
struct shmbus_counts;
struct shmbus_rxq;
struct shmbus_txq;

/* Counters of one queue; a Tx queue has no errors. */
struct shmbus_queue_counts {
	uint64_t packets;
	uint64_t bytes;
	uint64_t errors;
};

int shmbus_stats_get(struct rte_eth_dev *dev, struct rte_eth_stats *stats,
		     struct eth_queue_stats *qstats);
int shmbus_stats_reset(struct rte_eth_dev *dev);

/* Adds up the counters of the port and its queues since the probe; resets are not subtracted. */
void shmbus_stats_count(const struct rte_eth_dev *dev, struct shmbus_counts *counts);

/*
 * Return the counters of a queue since its setup or the last reset; 0 for a queue that
 * could not be set up.
 */
struct shmbus_queue_counts shmbus_stats_rxq(const struct rte_eth_dev *dev, uint16_t id);
struct shmbus_queue_counts shmbus_stats_txq(const struct rte_eth_dev *dev, uint16_t id);

/* Add the counters of a released queue to the port's sums, which must not go down. */
void shmbus_stats_retire_rx(struct rte_eth_dev *dev, const struct shmbus_rxq *q);
void shmbus_stats_retire_tx(struct rte_eth_dev *dev, const struct shmbus_txq *q);

/* shmbus_xstats.c */
int shmbus_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats, unsigned int n);
int shmbus_xstats_get_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names,
			    unsigned int n);
int shmbus_xstats_reset(struct rte_eth_dev *dev);

#endif /* SHMBUS_STATS_H */
