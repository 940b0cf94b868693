/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Statistics of the port and of each queue. Only the queues' threads write counters.
 * A reset stores their values, and reads subtract these from then on.
 */

#include "shmbus_ops.h"
#include "shmbus_rxq.h"
#include "shmbus_stats.h"
#include "shmbus_txq.h"

static void
count_rx(const struct rte_eth_dev *dev, const struct shmbus_rxq *q, struct shmbus_counts *counts)
{
	counts->ipackets += q->stats.packets;
	counts->ibytes += q->stats.bytes;
	counts->filtered += q->stats.filtered;
	counts->rx_too_long += q->stats.too_long;
	/* Unlike corrupt records, which every queue counts, refused frames concern one queue. */
	counts->corrupt += q->stats.refused;
	shmbus_ops(dev)->rxq_count(q, counts);
}

static void
count_tx(const struct rte_eth_dev *dev, const struct shmbus_txq *q, struct shmbus_counts *counts)
{
	unsigned int i;

	counts->opackets += q->stats.packets;
	counts->obytes += q->stats.bytes;
	for (i = 0; i < SHMBUS_DROPS; i++) {
		counts->tx_drops[i] += q->stats.dropped[i];
		counts->oerrors += q->stats.dropped[i];
	}
	shmbus_tx_ops(dev)->count(q, counts);
}

void
shmbus_stats_count(const struct rte_eth_dev *dev, struct shmbus_counts *counts)
{
	uint16_t i;

	*counts = shmbus_priv(dev)->retired;
	for (i = 0; i < dev->data->nb_rx_queues; i++)
		if (dev->data->rx_queues[i] != NULL)
			count_rx(dev, dev->data->rx_queues[i], counts);
	for (i = 0; i < dev->data->nb_tx_queues; i++)
		if (dev->data->tx_queues[i] != NULL)
			count_tx(dev, dev->data->tx_queues[i], counts);
	counts->ierrors = counts->corrupt + counts->rx_too_long;
}

void
shmbus_stats_retire_rx(struct rte_eth_dev *dev, const struct shmbus_rxq *q)
{
	count_rx(dev, q, &shmbus_priv(dev)->retired);
}

void
shmbus_stats_retire_tx(struct rte_eth_dev *dev, const struct shmbus_txq *q)
{
	count_tx(dev, q, &shmbus_priv(dev)->retired);
}

static const struct shmbus_queue_counts zero;

/* Returns the counters of one queue, now, less base. now counts no other queue. */
static struct shmbus_queue_counts
subtract(const struct shmbus_counts *now, const struct shmbus_queue_counts *base)
{
	return (struct shmbus_queue_counts){
		.packets = now->ipackets + now->opackets - base->packets,
		.bytes = now->ibytes + now->obytes - base->bytes,
		.errors = now->corrupt + now->rx_too_long - base->errors,
	};
}

static struct shmbus_queue_counts
read_rxq(const struct rte_eth_dev *dev, const struct shmbus_rxq *q,
	 const struct shmbus_queue_counts *base)
{
	struct shmbus_counts now = { .ipackets = 0 };

	count_rx(dev, q, &now);
	return subtract(&now, base);
}

static struct shmbus_queue_counts
read_txq(const struct rte_eth_dev *dev, const struct shmbus_txq *q,
	 const struct shmbus_queue_counts *base)
{
	struct shmbus_counts now = { .opackets = 0 };

	count_tx(dev, q, &now);
	return subtract(&now, base);
}

struct shmbus_queue_counts
shmbus_stats_rxq(const struct rte_eth_dev *dev, uint16_t id)
{
	const struct shmbus_rxq *q = dev->data->rx_queues[id];

	return q != NULL ? read_rxq(dev, q, &q->reset_at) : zero;
}

struct shmbus_queue_counts
shmbus_stats_txq(const struct rte_eth_dev *dev, uint16_t id)
{
	const struct shmbus_txq *q = dev->data->tx_queues[id];

	return q != NULL ? read_txq(dev, q, &q->reset_at) : zero;
}

/* Fills in the queues that the structure has room for; shmbus_xstats.c has all queues. */
static void
queue_stats(const struct rte_eth_dev *dev, struct eth_queue_stats *qstats)
{
	const uint16_t most = RTE_MIN(RTE_ETHDEV_QUEUE_STAT_CNTRS, SHMBUS_QUEUES_MAX);
	struct shmbus_queue_counts now;
	uint16_t i;

	for (i = 0; i < RTE_MIN(dev->data->nb_rx_queues, most); i++) {
		now = shmbus_stats_rxq(dev, i);
		qstats->q_ipackets[i] = now.packets;
		qstats->q_ibytes[i] = now.bytes;
		qstats->q_errors[i] = now.errors;
	}
	for (i = 0; i < RTE_MIN(dev->data->nb_tx_queues, most); i++) {
		now = shmbus_stats_txq(dev, i);
		qstats->q_opackets[i] = now.packets;
		qstats->q_obytes[i] = now.bytes;
	}
}

int
shmbus_stats_get(struct rte_eth_dev *dev, struct rte_eth_stats *stats,
		 struct eth_queue_stats *qstats)
{
	const struct shmbus_counts *base = &shmbus_priv(dev)->reset_at;
	struct shmbus_counts now;

	shmbus_stats_count(dev, &now);
	stats->ipackets = now.ipackets - base->ipackets;
	stats->ibytes = now.ibytes - base->ibytes;
	stats->opackets = now.opackets - base->opackets;
	stats->obytes = now.obytes - base->obytes;
	stats->imissed = now.imissed - base->imissed;
	stats->ierrors = now.ierrors - base->ierrors;
	stats->oerrors = now.oerrors - base->oerrors;
	stats->rx_nombuf = dev->data->rx_mbuf_alloc_failed;
	if (qstats != NULL)
		queue_stats(dev, qstats);
	return 0;
}

int
shmbus_stats_reset(struct rte_eth_dev *dev)
{
	struct shmbus_rxq *rxq;
	struct shmbus_txq *txq;
	uint16_t i;

	shmbus_stats_count(dev, &shmbus_priv(dev)->reset_at);
	dev->data->rx_mbuf_alloc_failed = 0;
	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		rxq = dev->data->rx_queues[i];
		if (rxq != NULL)
			rxq->reset_at = read_rxq(dev, rxq, &zero);
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		txq = dev->data->tx_queues[i];
		if (txq != NULL)
			txq->reset_at = read_txq(dev, txq, &zero);
	}
	return 0;
}
