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
	counts->opackets += q->stats.packets;
	counts->obytes += q->stats.bytes;
	counts->oerrors += q->stats.dropped;
	shmbus_ops(dev)->txq_count(q, counts);
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

/*
 * Keeps the counters of a released queue in the port's sums, which must not go down.
 * A new queue with the same number begins at 0.
 */
void
shmbus_stats_retire_rx(struct rte_eth_dev *dev, const struct shmbus_rxq *q)
{
	struct shmbus_priv *priv = shmbus_priv(dev);

	count_rx(dev, q, &priv->retired);
	memset(&priv->reset_queue_at[q->queue_id].rx, 0,
	       sizeof(priv->reset_queue_at[q->queue_id].rx));
}

void
shmbus_stats_retire_tx(struct rte_eth_dev *dev, const struct shmbus_txq *q)
{
	struct shmbus_priv *priv = shmbus_priv(dev);

	count_tx(dev, q, &priv->retired);
	memset(&priv->reset_queue_at[q->queue_id].tx, 0,
	       sizeof(priv->reset_queue_at[q->queue_id].tx));
}

/* Reads the counters of a queue since its setup; 0 for a queue that does not exist. */
static void
count_rxq(const struct rte_eth_dev *dev, uint16_t id, struct shmbus_rxq_counts *counts)
{
	struct shmbus_counts now = { .ipackets = 0 };

	if (id < dev->data->nb_rx_queues && dev->data->rx_queues[id] != NULL)
		count_rx(dev, dev->data->rx_queues[id], &now);
	counts->packets = now.ipackets;
	counts->bytes = now.ibytes;
	counts->errors = now.corrupt + now.rx_too_long;
}

static void
count_txq(const struct rte_eth_dev *dev, uint16_t id, struct shmbus_txq_counts *counts)
{
	struct shmbus_counts now = { .opackets = 0 };

	if (id < dev->data->nb_tx_queues && dev->data->tx_queues[id] != NULL)
		count_tx(dev, dev->data->tx_queues[id], &now);
	counts->packets = now.opackets;
	counts->bytes = now.obytes;
}

void
shmbus_stats_rxq(const struct rte_eth_dev *dev, uint16_t id, struct shmbus_rxq_counts *counts)
{
	const struct shmbus_rxq_counts *base = &shmbus_priv(dev)->reset_queue_at[id].rx;

	count_rxq(dev, id, counts);
	counts->packets -= base->packets;
	counts->bytes -= base->bytes;
	counts->errors -= base->errors;
}

void
shmbus_stats_txq(const struct rte_eth_dev *dev, uint16_t id, struct shmbus_txq_counts *counts)
{
	const struct shmbus_txq_counts *base = &shmbus_priv(dev)->reset_queue_at[id].tx;

	count_txq(dev, id, counts);
	counts->packets -= base->packets;
	counts->bytes -= base->bytes;
}

/* Fills in the queues that the structure has room for; shmbus_xstats.c has all queues. */
static void
queue_stats(const struct rte_eth_dev *dev, struct eth_queue_stats *qstats)
{
	const uint16_t most = RTE_MIN(RTE_ETHDEV_QUEUE_STAT_CNTRS, SHMBUS_QUEUES_MAX);
	struct shmbus_rxq_counts rx;
	struct shmbus_txq_counts tx;
	uint16_t i;

	for (i = 0; i < RTE_MIN(dev->data->nb_rx_queues, most); i++) {
		shmbus_stats_rxq(dev, i, &rx);
		qstats->q_ipackets[i] = rx.packets;
		qstats->q_ibytes[i] = rx.bytes;
		qstats->q_errors[i] = rx.errors;
	}
	for (i = 0; i < RTE_MIN(dev->data->nb_tx_queues, most); i++) {
		shmbus_stats_txq(dev, i, &tx);
		qstats->q_opackets[i] = tx.packets;
		qstats->q_obytes[i] = tx.bytes;
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
	struct shmbus_priv *priv = shmbus_priv(dev);
	uint16_t i;

	shmbus_stats_count(dev, &priv->reset_at);
	dev->data->rx_mbuf_alloc_failed = 0;
	for (i = 0; i < SHMBUS_QUEUES_MAX; i++) {
		count_rxq(dev, i, &priv->reset_queue_at[i].rx);
		count_txq(dev, i, &priv->reset_queue_at[i].tx);
	}
	return 0;
}
