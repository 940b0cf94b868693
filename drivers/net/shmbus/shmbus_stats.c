/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Statistics. Counters are written by the queues' threads only; a reset
 * remembers what they were, and subtracts it from then on.
 */

#include <stddef.h>

#include <rte_string_fns.h>

#include "shmbus_wire.h"

static void
count_rx(const struct rte_eth_dev *dev, const struct shmbus_rxq *q, struct shmbus_counts *counts)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);

	counts->ipackets += q->stats.packets;
	counts->ibytes += q->stats.bytes;
	counts->filtered += q->stats.filtered;
	counts->rx_too_long += q->stats.too_long;
	wire->ops->count_rx(wire, q, counts);
}

static void
count_tx(const struct rte_eth_dev *dev, const struct shmbus_txq *q, struct shmbus_counts *counts)
{
	counts->opackets += q->stats.packets;
	counts->obytes += q->stats.bytes;
	counts->oerrors += q->stats.dropped;
	shmbus_wire(dev)->ops->count_tx(q, counts);
}

static void
count_all(const struct rte_eth_dev *dev, struct shmbus_counts *counts)
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
 * A queue goes, but what it counted stays in the port's sums, which must not
 * go down. A new queue of its number begins at 0.
 */
void
shmbus_stats_retire_rx(struct rte_eth_dev *dev, const struct shmbus_rxq *q)
{
	struct shmbus_priv *priv = shmbus_priv(dev);

	count_rx(dev, q, &priv->retired);
	if (q->queue_id < RTE_ETHDEV_QUEUE_STAT_CNTRS)
		memset(&priv->reset_queue_at[q->queue_id].rx, 0,
		       sizeof(priv->reset_queue_at[q->queue_id].rx));
}

void
shmbus_stats_retire_tx(struct rte_eth_dev *dev, const struct shmbus_txq *q)
{
	struct shmbus_priv *priv = shmbus_priv(dev);

	count_tx(dev, q, &priv->retired);
	if (q->queue_id < RTE_ETHDEV_QUEUE_STAT_CNTRS)
		memset(&priv->reset_queue_at[q->queue_id].tx, 0,
		       sizeof(priv->reset_queue_at[q->queue_id].tx));
}

static void
queue_stats(const struct rte_eth_dev *dev, struct eth_queue_stats *qstats)
{
	const struct shmbus_priv *priv = shmbus_priv(dev);
	const struct shmbus_rxq *rxq;
	const struct shmbus_txq *txq;
	uint16_t i;

	for (i = 0; i < RTE_ETHDEV_QUEUE_STAT_CNTRS; i++) {
		rxq = i < dev->data->nb_rx_queues ? dev->data->rx_queues[i] : NULL;
		txq = i < dev->data->nb_tx_queues ? dev->data->tx_queues[i] : NULL;
		if (rxq != NULL) {
			qstats->q_ipackets[i] = rxq->stats.packets - priv->reset_queue_at[i].rx.packets;
			qstats->q_ibytes[i] = rxq->stats.bytes - priv->reset_queue_at[i].rx.bytes;
			qstats->q_errors[i] = rxq->stats.too_long - priv->reset_queue_at[i].rx.too_long;
		}
		if (txq != NULL) {
			qstats->q_opackets[i] = txq->stats.packets - priv->reset_queue_at[i].tx.packets;
			qstats->q_obytes[i] = txq->stats.bytes - priv->reset_queue_at[i].tx.bytes;
		}
	}
}

int
shmbus_stats_get(struct rte_eth_dev *dev, struct rte_eth_stats *stats,
		 struct eth_queue_stats *qstats)
{
	const struct shmbus_counts *base = &shmbus_priv(dev)->reset_at;
	struct shmbus_counts now;

	count_all(dev, &now);
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
	const struct shmbus_rxq *rxq;
	const struct shmbus_txq *txq;
	uint16_t i;

	count_all(dev, &priv->reset_at);
	dev->data->rx_mbuf_alloc_failed = 0;
	for (i = 0; i < RTE_ETHDEV_QUEUE_STAT_CNTRS; i++) {
		rxq = i < dev->data->nb_rx_queues ? dev->data->rx_queues[i] : NULL;
		txq = i < dev->data->nb_tx_queues ? dev->data->tx_queues[i] : NULL;
		if (rxq != NULL)
			priv->reset_queue_at[i].rx = rxq->stats;
		if (txq != NULL)
			priv->reset_queue_at[i].tx = txq->stats;
	}
	return 0;
}

/* What the basic statistics have no place for. */
static const struct {
	const char *name;
	size_t off;
} xstats_table[] = {
	{ "rx_overruns", offsetof(struct shmbus_counts, overruns) },
	{ "rx_filtered", offsetof(struct shmbus_counts, filtered) },
	{ "rx_corrupt", offsetof(struct shmbus_counts, corrupt) },
	{ "rx_too_long", offsetof(struct shmbus_counts, rx_too_long) },
	{ "tx_paused", offsetof(struct shmbus_counts, paused) },
	{ "tx_pause_timeouts", offsetof(struct shmbus_counts, pause_timeouts) },
	{ "tx_pause_dead", offsetof(struct shmbus_counts, pause_dead) },
	/* shmif only: */
	{ "rx_overrun_bytes", offsetof(struct shmbus_counts, missed_bytes) },
	{ "tx_corrupt", offsetof(struct shmbus_counts, tx_corrupt) },
	{ "lock_busy", offsetof(struct shmbus_counts, lock_busy) },
	{ "lock_broken_own_kind", offsetof(struct shmbus_counts, lock_broken_ours) },
	{ "lock_broken_foreign", offsetof(struct shmbus_counts, lock_broken_foreign) },
};

#define PEERS RTE_DIM(xstats_table) /* the one behind them is no counter */
#define XSTATS (PEERS + 1)

int
shmbus_xstats_get_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names, unsigned int n)
{
	unsigned int i;

	RTE_SET_USED(dev);
	if (names == NULL || n < XSTATS)
		return XSTATS;
	for (i = 0; i < PEERS; i++)
		rte_strscpy(names[i].name, xstats_table[i].name, sizeof(names[i].name));
	rte_strscpy(names[PEERS].name, "peers", sizeof(names[PEERS].name));
	return XSTATS;
}

static uint64_t
pick(const struct shmbus_counts *counts, size_t off)
{
	return *(const uint64_t *)(const void *)((const uint8_t *)counts + off);
}

int
shmbus_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats, unsigned int n)
{
	const struct shmbus_priv *priv = shmbus_priv(dev);
	const struct shmbus_wire *wire = shmbus_wire(dev);
	struct shmbus_counts now;
	unsigned int i;

	if (xstats == NULL || n < XSTATS)
		return XSTATS;
	count_all(dev, &now);
	for (i = 0; i < PEERS; i++) {
		xstats[i].id = i;
		xstats[i].value = pick(&now, xstats_table[i].off) -
				  pick(&priv->xreset_at, xstats_table[i].off);
	}
	xstats[PEERS].id = PEERS;
	xstats[PEERS].value = wire->ops->count_peers(wire, priv);
	return XSTATS;
}

int
shmbus_xstats_reset(struct rte_eth_dev *dev)
{
	/* The basic statistics are among the extended ones. */
	count_all(dev, &shmbus_priv(dev)->xreset_at);
	return shmbus_stats_reset(dev);
}
