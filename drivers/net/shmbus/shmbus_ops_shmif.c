/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Queues on a shmif bus. */

#include <rte_cycles.h>

#include "shmbus_bursts.h"
#include "shmbus_ops.h"
#include "shmbus_rxq.h"
#include "shmbus_txq.h"

static size_t
rxq_size(const struct shmbus_wire *wire)
{
	RTE_SET_USED(wire);
	return SHMBUS_SHMIF_PIECE;
}

static void
rxq_use(struct shmbus_rxq *q, const struct shmbus_wire *wire, void *memory)
{
	RTE_SET_USED(wire);
	shmbus_shmif_rx_init(&q->shmif, memory);
}

static uint64_t
break_ns(const struct rte_eth_dev *dev)
{
	return (uint64_t)shmbus_priv(dev)->args.lock_break_ms * 1000 * 1000;
}

static void
rxq_start(struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	const struct shmbus_shmif_rx_conf conf = {
		.monitor = wire->readonly,
		.loopback = wire->readonly || dev->data->dev_conf.lpbk_mode != 0,
		.lock_break_ns = break_ns(dev),
		.backoff_ticks = (uint32_t)(rte_get_tsc_hz() / 1000000 * SHMBUS_BACKOFF_US),
	};

	shmbus_shmif_rx_start(&wire->shmif, &q->shmif, &conf, SHMBUS_SHMIF_START_MS);
}

static void
rxq_stop(struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	RTE_SET_USED(dev);
	shmbus_shmif_rx_stop(&q->shmif);
}

static void
rxq_restart(struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	shmbus_shmif_rx_prepare_restart(&shmbus_wire(dev)->shmif, &q->shmif, SHMBUS_SHMIF_START_MS);
}

static uint64_t
rxq_waiting(const struct rte_eth_dev *dev, const struct shmbus_rxq *q)
{
	return shmbus_shmif_rx_waiting(&shmbus_wire(dev)->shmif, &q->shmif);
}

static bool
rxq_pending(const struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	return shmbus_shmif_rx_restarts(&q->shmif) ||
	       shmbus_shmif_rx_pending(&shmbus_wire(dev)->shmif, &q->shmif);
}

static void
count_lock(const struct shmbus_shmif_lock_wait *w, struct shmbus_counts *counts)
{
	counts->lock_busy += shmbus_counted(&w->busy);
	counts->lock_broken_ours += shmbus_counted(&w->broken_ours);
	counts->lock_broken_foreign += shmbus_counted(&w->broken_foreign);
}

static void
rxq_count(const struct shmbus_rxq *q, struct shmbus_counts *counts)
{
	const struct shmbus_shmif_reader *r = &q->shmif.reader;

	counts->imissed += shmbus_counted(&r->missed);
	counts->missed_bytes += r->missed_bytes;
	counts->overruns += shmbus_counted(&r->overruns);
	counts->corrupt += shmbus_counted(&r->corrupt);
	count_lock(&r->lock_wait, counts);
}

static size_t
txq_size(const struct shmbus_wire *wire)
{
	RTE_SET_USED(wire);
	return SHMBUS_SHMIF_BURST + SHMBUS_FRAME_MAX;
}

static int
txq_use(struct shmbus_txq *q, struct shmbus_wire *wire, void *memory)
{
	RTE_SET_USED(wire);
	q->shmif.bytes = memory;
	q->flat = q->shmif.bytes + SHMBUS_SHMIF_BURST;
	return 0;
}

static void
txq_start(struct rte_eth_dev *dev, struct shmbus_txq *q)
{
	q->shmif.lock_wait.break_ns = break_ns(dev);
}

static void
txq_count(const struct shmbus_txq *q, struct shmbus_counts *counts)
{
	counts->tx_corrupt += shmbus_counted(&q->shmif.corrupt);
	count_lock(&q->shmif.lock_wait, counts);
}

static const struct shmbus_tx_ops tx_ops = {
	.burst = shmbus_tx_shmif_burst,
	.size = txq_size,
	.use = txq_use,
	.start = txq_start,
	.count = txq_count,
};

const struct shmbus_ops shmbus_ops_shmif = {
	.name = "shmif",
	.rx_burst = shmbus_rx_shmif_burst,
	.rxq_size = rxq_size,
	.rxq_use = rxq_use,
	.rxq_start = rxq_start,
	.rxq_stop = rxq_stop,
	.rxq_restart = rxq_restart,
	.rxq_waiting = rxq_waiting,
	.rxq_pending = rxq_pending,
	.rxq_count = rxq_count,
	.tx = &tx_ops,
};
