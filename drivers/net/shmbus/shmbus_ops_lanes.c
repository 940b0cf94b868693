/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Queues on a bus of lanes. */

#include <inttypes.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "shmbus_bursts.h"
#include "shmbus_ops.h"
#include "shmbus_rxq.h"
#include "shmbus_txq.h"

/* Bytes for a held frame, in whole lines. */
#define HELD_SIZE SHMBUS_ALIGN(SHMBUS_FRAME_MAX)

static size_t
rxq_size(const struct shmbus_wire *wire)
{
	return HELD_SIZE + shmbus_lanes_rx_size(&wire->lanes.geo);
}

static void
rxq_use(struct shmbus_rxq *q, const struct shmbus_wire *wire, void *memory)
{
	q->held.bytes = memory;
	shmbus_lanes_rx_init(&q->lanes, &wire->lanes.geo, q->held.bytes + HELD_SIZE);
}

static void
rxq_start(struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	const struct shmbus_lanes_rx_conf conf = {
		.slot = priv->slot,
		.queue = q->queue_id,
		.n_queues = dev->data->nb_rx_queues,
		.shared = priv->steer.spread,
		.loopback = dev->data->dev_conf.lpbk_mode != 0,
		.mirror = priv->args.mirror,
		.backoff_ticks = (uint32_t)(rte_get_tsc_hz() / 1000000 * SHMBUS_BACKOFF_US),
		.pollers = &priv->lanes.pollers,
	};

	shmbus_lanes_rx_start(&shmbus_wire(dev)->lanes, &q->lanes, &conf);
}

static void
rxq_stop(struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	shmbus_lanes_rx_stop(&shmbus_wire(dev)->lanes, &q->lanes);
}

static void
rxq_restart(struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	shmbus_lanes_rx_prepare_restart(&shmbus_wire(dev)->lanes, &q->lanes);
}

static uint64_t
rxq_waiting(const struct rte_eth_dev *dev, const struct shmbus_rxq *q)
{
	return shmbus_lanes_rx_waiting(&shmbus_wire(dev)->lanes, &q->lanes) + (q->held.len != 0);
}

static bool
rxq_pending(const struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	return q->held.len != 0 || shmbus_lanes_rx_restarts(&q->lanes) ||
	       shmbus_lanes_rx_pending(&shmbus_wire(dev)->lanes, &q->lanes);
}

static void
rxq_count(const struct shmbus_rxq *q, struct shmbus_counts *counts)
{
	struct shmbus_lanes_rx_counts sum = { .missed = 0 };

	shmbus_lanes_rx_count(&q->lanes, &sum);
	counts->imissed += sum.missed;
	counts->skipped += sum.skipped;
	counts->overruns += sum.overruns;
	counts->corrupt += sum.corrupt;
}

static size_t
txq_size(const struct shmbus_wire *wire)
{
	return shmbus_lanes_tx_size(&wire->lanes.geo);
}

static int
txq_use(struct shmbus_txq *q, struct shmbus_wire *wire, void *memory)
{
	struct shmbus_port port = shmbus_wire_port(wire);
	int ret;

	ret = shmbus_port_prepare_lane(&port, q->queue_id);
	if (ret != 0) {
		SHMBUS_LOG(ERR, "path=%s: no space for the lane of Tx queue %u (%" PRIu64
			" bytes): %s; free some, or use a bus with a smaller lane_size",
			wire->lanes.file.path, q->queue_id, wire->lanes.geo.lane_size, rte_strerror(-ret));
		return ret;
	}
	shmbus_lanes_tx_init(&q->lanes, &wire->lanes.geo, memory);
	return 0;
}

static void
txq_start(struct rte_eth_dev *dev, struct shmbus_txq *q)
{
	const struct shmbus_priv *priv = shmbus_priv(dev);

	shmbus_lanes_tx_use_fdb(&q->lanes, priv->lanes.fdb);
	shmbus_lanes_tx_start(&shmbus_wire(dev)->lanes, &q->lanes, priv->slot, q->queue_id,
			      &priv->lanes.pollers, priv->args.pause,
			      (uint64_t)priv->args.pause_timeout_ms * 1000 * 1000);
}

static void
txq_count(const struct shmbus_txq *q, struct shmbus_counts *counts)
{
	struct shmbus_lanes_tx_counts sum = { .pauses = 0 };

	shmbus_lanes_tx_count(&q->lanes, &sum);
	counts->paused += sum.pauses;
	counts->pause_timeouts += sum.timeouts;
	counts->pause_dead += sum.dead;
	counts->pause_deadlocks += sum.deadlocks;
}

static const struct shmbus_tx_ops tx_ops = {
	.burst = shmbus_tx_lanes_burst,
	.size = txq_size,
	.use = txq_use,
	.start = txq_start,
	.count = txq_count,
};

const struct shmbus_ops shmbus_ops_lanes = {
	.name = "lanes",
	.rx_burst = shmbus_rx_lanes_burst,
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
