/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Queues: set up, start, stop, release. What they do is in shmbus_rx.c and shmbus_tx.c. */

#include <rte_malloc.h>

#include "shmbus_ethdev.h"

int
shmbus_rx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t nb_desc, unsigned int socket,
		      const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
	const struct rte_mbuf like = {
		.data_off = RTE_PKTMBUF_HEADROOM,
		.nb_segs = 1,
		.port = dev->data->port_id,
		.refcnt = 1,
	};
	const uint16_t room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
	struct shmbus_rxq *q;
	int ret;

	RTE_SET_USED(nb_desc);
	RTE_SET_USED(conf);
	q = rte_zmalloc_socket("shmbus_rxq", sizeof(*q), RTE_CACHE_LINE_SIZE, (int)socket);
	if (q == NULL)
		return -ENOMEM;
	q->port_id = dev->data->port_id;
	q->queue_id = id;
	q->slot = (uint16_t)shmbus_priv(dev)->slot;
	q->pool = pool;
	q->room = room;
	if (rte_pktmbuf_priv_flags(pool) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF)
		q->mbuf_flags = RTE_MBUF_F_EXTERNAL;
	memcpy(&q->mbuf_init, &like.rearm_data, sizeof(q->mbuf_init));
	ret = shmbus_lanes_create(shmbus_process_bus(dev), q, (int)socket);
	if (ret != 0) {
		rte_free(q);
		return ret;
	}
	dev->data->rx_queues[id] = q;
	shmbus_queues_update(dev);
	return 0;
}

int
shmbus_tx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t nb_desc, unsigned int socket,
		      const struct rte_eth_txconf *conf)
{
	struct shmbus_bus *bus = shmbus_process_bus(dev);
	const struct shmbus_geometry *geo = &bus->geo;
	struct shmbus_port port = shmbus_base_port(dev);
	struct shmbus_txq *q;
	int ret;

	RTE_SET_USED(nb_desc);
	ret = shmbus_port_prepare_lane(&port, id);
	if (ret != 0) {
		SHMBUS_LOG(ERR, "path=%s: no space for the lane of Tx queue %u (%" PRIu64
			" bytes): %s", bus->file.path, id, geo->lane_size, rte_strerror(-ret));
		return ret;
	}
	q = rte_zmalloc_socket("shmbus_txq", sizeof(*q), RTE_CACHE_LINE_SIZE, (int)socket);
	if (q == NULL)
		return -ENOMEM;
	q->writer.watch = rte_zmalloc_socket("shmbus_txq",
		geo->ports * geo->queues * sizeof(*q->writer.watch), 0, (int)socket);
	if (q->writer.watch == NULL) {
		rte_free(q);
		return -ENOMEM;
	}
	q->port_id = dev->data->port_id;
	q->queue_id = id;
	q->burst_max = shmbus_burst_max(geo);
	if ((conf->offloads | dev->data->dev_conf.txmode.offloads) &
	    RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE)
		shmbus_store(&q->flags, SHMBUS_TX_FAST_FREE);
	dev->data->tx_queues[id] = q;
	shmbus_queues_update(dev);
	return 0;
}

void
shmbus_rx_queue_release(struct rte_eth_dev *dev, uint16_t id)
{
	struct shmbus_rxq *q = dev->data->rx_queues[id];

	if (q == NULL)
		return;
	dev->data->rx_queues[id] = NULL;
	shmbus_stats_retire_rx(dev, q);
	if (q->n_stash != 0)
		rte_mempool_put_bulk(q->pool, (void **)q->stash, q->n_stash);
	shmbus_lanes_free(q);
	rte_free(q);
}

void
shmbus_tx_queue_release(struct rte_eth_dev *dev, uint16_t id)
{
	struct shmbus_txq *q = dev->data->tx_queues[id];

	if (q == NULL)
		return;
	dev->data->tx_queues[id] = NULL;
	shmbus_stats_retire_tx(dev, q);
	rte_free(q->writer.watch);
	rte_free(q);
}

void
shmbus_queues_update(struct rte_eth_dev *dev)
{
	const struct rte_eth_dev_data *data = dev->data;
	const struct shmbus_priv *priv = shmbus_priv(dev);
	const uint32_t max_len = RTE_MIN((uint32_t)data->mtu + SHMBUS_OVERHEAD,
					 (uint32_t)priv->max_frame);
	struct shmbus_rxq *rxq;
	struct shmbus_txq *txq;
	uint32_t flags;
	uint16_t i;

	for (i = 0; i < data->nb_rx_queues; i++) {
		rxq = data->rx_queues[i];
		if (rxq == NULL)
			continue;
		flags = 0;
		if (!data->promiscuous)
			flags |= SHMBUS_RX_FILTER;
		if (data->scattered_rx)
			flags |= SHMBUS_RX_SCATTER;
		if (priv->link_down)
			flags |= SHMBUS_RX_DOWN;
		rxq->max_len = max_len;
		shmbus_store(&rxq->flags, flags);
	}
	for (i = 0; i < data->nb_tx_queues; i++) {
		txq = data->tx_queues[i];
		if (txq == NULL)
			continue;
		flags = shmbus_load(&txq->flags) & ~SHMBUS_TX_DOWN;
		if (priv->link_down)
			flags |= SHMBUS_TX_DOWN;
		txq->max_len = max_len;
		shmbus_store(&txq->flags, flags);
	}
}

static void
tx_queue_start(struct rte_eth_dev *dev, struct shmbus_txq *q)
{
	const struct shmbus_args *args = &shmbus_priv(dev)->args;
	struct shmbus_watch *watch = q->writer.watch;

	q->past.pauses += q->writer.pauses;
	q->past.timeouts += q->writer.timeouts;
	q->past.dead += q->writer.dead;
	shmbus_writer_start(shmbus_process_bus(dev), &q->writer, shmbus_priv(dev)->slot,
			    q->queue_id, watch, args->pause,
			    (uint64_t)args->pause_timeout_ms * 1000 * 1000);
}

/* ethdev does not ask whether every queue that was configured was set up, too. */
static bool
queues_complete(const struct rte_eth_dev_data *data)
{
	uint16_t i;

	for (i = 0; i < data->nb_rx_queues; i++)
		if (data->rx_queues[i] == NULL)
			return false;
	for (i = 0; i < data->nb_tx_queues; i++)
		if (data->tx_queues[i] == NULL)
			return false;
	return true;
}

int
shmbus_queues_start(struct rte_eth_dev *dev)
{
	struct rte_eth_dev_data *data = dev->data;
	struct shmbus_port port = shmbus_base_port(dev);
	struct shmbus_rxq *q;
	uint16_t i;

	if (!queues_complete(data)) {
		SHMBUS_LOG(ERR, "port %u: not every queue has been set up", data->port_id);
		return -EINVAL;
	}
	/* Senders heed the cursors of who says to have some. Say so before there
	 * are any: else what is sent meanwhile could be overwritten unread.
	 */
	shmbus_port_set_queues(&port, data->nb_tx_queues, data->nb_rx_queues);
	shmbus_port_set_state(&port, SHMBUS_PORT_ATTACHED | SHMBUS_PORT_RX_CURSORS);
	data->scattered_rx = !!(data->dev_conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCATTER);
	for (i = 0; i < data->nb_tx_queues; i++) {
		tx_queue_start(dev, data->tx_queues[i]);
		data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STARTED;
	}
	for (i = 0; i < data->nb_rx_queues; i++) {
		q = data->rx_queues[i];
		shmbus_lanes_start(dev, q);
		q->restart_seen = shmbus_load(&q->restart);
		data->rx_queue_state[i] = RTE_ETH_QUEUE_STATE_STARTED;
	}
	shmbus_queues_update(dev);
	return 0;
}

void
shmbus_queues_stop(struct rte_eth_dev *dev)
{
	struct rte_eth_dev_data *data = dev->data;
	uint16_t i;

	for (i = 0; i < data->nb_rx_queues; i++) {
		shmbus_lanes_stop(dev, data->rx_queues[i]);
		data->rx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
	}
	for (i = 0; i < data->nb_tx_queues; i++)
		data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
}
