/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Queues: set up, start, stop, release. What they do is in shmbus_rx.c and shmbus_tx.c. */

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mbuf_dyn.h>

#include "shmbus_checksum.h"
#include "shmbus_steer.h"
#include "shmbus_vlan.h"
#include "shmbus_ops.h"

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

	q = rte_zmalloc_socket("shmbus_rxq", sizeof(*q), RTE_CACHE_LINE_SIZE, (int)socket);
	if (q == NULL)
		return -ENOMEM;
	q->port_id = dev->data->port_id;
	q->queue_id = id;
	q->pool = pool;
	q->room = room;
	q->offloads = conf->offloads | dev->data->dev_conf.rxmode.offloads;
	q->nb_desc = nb_desc;
	q->drop_en = conf->rx_drop_en;
	q->deferred = conf->rx_deferred_start != 0;
	q->sharers = 1;
	rte_spinlock_init(&q->steer_lock);
	if (rte_pktmbuf_priv_flags(pool) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF)
		q->mbuf_flags = RTE_MBUF_F_EXTERNAL;
	memcpy(&q->mbuf_init, &like.rearm_data, sizeof(q->mbuf_init));
	if ((q->offloads & RTE_ETH_RX_OFFLOAD_TIMESTAMP) &&
	    rte_mbuf_dyn_rx_timestamp_register(&q->tstamp_off, &q->tstamp_flag) != 0) {
		ret = -rte_errno;
		SHMBUS_LOG(ERR, "port %u: mbufs have no room for a timestamp: %s",
			   dev->data->port_id, rte_strerror(rte_errno));
		rte_free(q);
		return ret;
	}
	ret = shmbus_wire(dev)->ops->rxq_create(dev, q, (int)socket);
	if (ret != 0) {
		rte_free(q);
		return ret;
	}
	dev->data->rx_queues[id] = q;
	shmbus_queues_update(dev);
	if (dev->data->dev_started)
		shmbus_scatter_update(dev);
	return 0;
}

int
shmbus_tx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t nb_desc, unsigned int socket,
		      const struct rte_eth_txconf *conf)
{
	struct shmbus_txq *q;
	int ret;

	q = rte_zmalloc_socket("shmbus_txq", sizeof(*q), RTE_CACHE_LINE_SIZE, (int)socket);
	if (q == NULL)
		return -ENOMEM;
	q->port_id = dev->data->port_id;
	q->queue_id = id;
	q->offloads = conf->offloads | dev->data->dev_conf.txmode.offloads;
	q->nb_desc = nb_desc;
	q->deferred = conf->tx_deferred_start != 0;
	ret = shmbus_wire(dev)->ops->txq_create(dev, q, (int)socket);
	if (ret != 0) {
		rte_free(q);
		return ret;
	}
	if (q->offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE)
		shmbus_store(&q->flags, SHMBUS_TX_FAST_FREE);
	dev->data->tx_queues[id] = q;
	shmbus_queues_update(dev);
	return 0;
}

/* From here on the link watch does not look at the queue. */
static void
take_out(struct rte_eth_dev *dev, void **place)
{
	struct shmbus_priv *priv = shmbus_priv(dev);

	rte_spinlock_lock(&priv->queues_lock);
	*place = NULL;
	rte_spinlock_unlock(&priv->queues_lock);
}

void
shmbus_rx_queue_release(struct rte_eth_dev *dev, uint16_t id)
{
	struct shmbus_rxq *q = dev->data->rx_queues[id];

	if (q == NULL)
		return;
	take_out(dev, &dev->data->rx_queues[id]);
	shmbus_stats_retire_rx(dev, q);
	if (q->n_stash != 0)
		rte_mempool_put_bulk(q->pool, (void **)q->stash, q->n_stash);
	shmbus_wire(dev)->ops->rxq_free(q);
	rte_free(q);
}

void
shmbus_tx_queue_release(struct rte_eth_dev *dev, uint16_t id)
{
	struct shmbus_txq *q = dev->data->tx_queues[id];

	if (q == NULL)
		return;
	take_out(dev, &dev->data->tx_queues[id]);
	shmbus_stats_retire_tx(dev, q);
	shmbus_wire(dev)->ops->txq_free(q);
	rte_free(q);
}

void
shmbus_queues_update(struct rte_eth_dev *dev)
{
	const struct rte_eth_dev_data *data = dev->data;
	struct shmbus_priv *priv = shmbus_priv(dev);
	const uint32_t max_len = RTE_MIN(data->mtu + priv->overhead, priv->max_frame);
	const struct shmbus_wire *wire = shmbus_wire(dev);
	struct shmbus_rxq *rxq;
	struct shmbus_txq *txq;
	uint32_t flags;
	uint16_t i;
	bool down;

	/* A secondary that has been left behind (shmbus_mp.c) does not know of the port's bus. */
	if (wire->ops->fd(wire) < 0 && rte_eal_process_type() != RTE_PROC_PRIMARY)
		return;
	rte_spinlock_lock(&priv->queues_lock);
	down = priv->link_down || wire->ops->fd(wire) < 0 ||
	       shmbus_load(&priv->fate) == SHMBUS_FATE_GONE;
	for (i = 0; i < data->nb_rx_queues; i++) {
		rxq = data->rx_queues[i];
		if (rxq == NULL)
			continue;
		flags = 0;
		if (!data->promiscuous)
			flags |= SHMBUS_RX_CLASSIFY;
		if ((data->dev_conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCATTER) ||
		    max_len > rxq->room)
			flags |= SHMBUS_RX_SCATTER;
		if ((data->dev_conf.rxmode.offloads & SHMBUS_VLAN_RX_STRIP) ||
		    (rxq->offloads & (SHMBUS_RX_CHECKSUMS | RTE_ETH_RX_OFFLOAD_TIMESTAMP)))
			flags |= SHMBUS_RX_COMPLETE;
		if ((data->dev_conf.lpbk_mode != 0 || priv->args.readonly) &&
		    priv->format == SHMBUS_FORMAT_SHMIF)
			flags |= SHMBUS_RX_LOOPBACK;
		rxq->hash_wanted = priv->rss.on && (data->dev_conf.rxmode.offloads &
						    RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0;
		if (priv->steer.active)
			flags |= SHMBUS_RX_STEER | SHMBUS_RX_CLASSIFY;
		if (priv->ptypes != 0 || priv->steer.marks || rxq->hash_wanted)
			flags |= SHMBUS_RX_COMPLETE;
		if (down || data->rx_queue_state[i] != RTE_ETH_QUEUE_STATE_STARTED)
			flags |= SHMBUS_RX_DOWN;
		rxq->max_len = max_len;
		rxq->max_lro = RTE_MIN(data->dev_conf.rxmode.max_lro_pkt_size, priv->max_frame);
		shmbus_store(&rxq->flags, flags);
	}
	for (i = 0; i < data->nb_tx_queues; i++) {
		txq = data->tx_queues[i];
		if (txq == NULL)
			continue;
		flags = shmbus_load(&txq->flags) & SHMBUS_TX_FAST_FREE;
		if (priv->args.quiet)
			flags |= SHMBUS_TX_QUIET;
		if ((data->dev_conf.txmode.offloads & SHMBUS_VLAN_TX_OFFLOADS) ||
		    (txq->offloads & (SHMBUS_TX_CHECKSUMS | RTE_ETH_TX_OFFLOAD_TCP_TSO)))
			flags |= SHMBUS_TX_OFFLOADS;
		if (shmbus_load(&txq->limit.cost) != 0)
			flags |= SHMBUS_TX_LIMITED;
		if (down || data->tx_queue_state[i] != RTE_ETH_QUEUE_STATE_STARTED)
			flags |= SHMBUS_TX_DOWN;
		txq->max_len = max_len;
		txq->max_whole = priv->format == SHMBUS_FORMAT_LANES ? priv->max_frame :
				 SHMBUS_FRAME_MAX;
		shmbus_store(&txq->flags, flags);
	}
	rte_spinlock_unlock(&priv->queues_lock);
}

void
shmbus_scatter_update(struct rte_eth_dev *dev)
{
	struct rte_eth_dev_data *data = dev->data;
	const bool asked = data->dev_conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCATTER;
	const bool before = data->scattered_rx;
	const struct shmbus_rxq *q;
	uint16_t i;

	data->scattered_rx = 0;
	for (i = 0; i < data->nb_rx_queues && !data->scattered_rx; i++) {
		q = data->rx_queues[i];
		data->scattered_rx = q != NULL && (shmbus_load(&q->flags) & SHMBUS_RX_SCATTER);
		if (data->scattered_rx && !before && !asked)
			SHMBUS_LOG(INFO, "port %u: with MTU %u a frame may need several mbufs of Rx "
				   "queue %u (%u bytes): as with RTE_ETH_RX_OFFLOAD_SCATTER",
				   data->port_id, data->mtu, i, q->room);
	}
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

static void
start_rxq(struct rte_eth_dev *dev, uint16_t id)
{
	struct shmbus_rxq *q = dev->data->rx_queues[id];

	shmbus_wire(dev)->ops->rxq_start(dev, q);
	q->restart_seen = shmbus_load(&q->restart);
	dev->data->rx_queue_state[id] = RTE_ETH_QUEUE_STATE_STARTED;
}

static void
start_txq(struct rte_eth_dev *dev, uint16_t id)
{
	shmbus_wire(dev)->ops->txq_start(dev, dev->data->tx_queues[id]);
	dev->data->tx_queue_state[id] = RTE_ETH_QUEUE_STATE_STARTED;
}

int
shmbus_queues_start(struct rte_eth_dev *dev)
{
	struct rte_eth_dev_data *data = dev->data;
	const struct shmbus_wire_ops *ops = shmbus_wire(dev)->ops;
	const struct shmbus_rxq *rxq;
	const struct shmbus_txq *txq;
	uint16_t i;
	int ret;

	if (!queues_complete(data)) {
		SHMBUS_LOG(ERR, "port %u: not every queue has been set up", data->port_id);
		return -EINVAL;
	}
	ret = shmbus_steer_start(dev);
	if (ret != 0)
		return ret;
	ops->prepare(dev);
	for (i = 0; i < data->nb_tx_queues; i++) {
		txq = data->tx_queues[i];
		if (!txq->deferred)
			start_txq(dev, i);
	}
	for (i = 0; i < data->nb_rx_queues; i++) {
		rxq = data->rx_queues[i];
		if (!rxq->deferred)
			start_rxq(dev, i);
	}
	shmbus_queues_update(dev);
	shmbus_scatter_update(dev);
	return 0;
}

void
shmbus_queues_stop(struct rte_eth_dev *dev)
{
	struct rte_eth_dev_data *data = dev->data;
	uint16_t i;

	for (i = 0; i < data->nb_rx_queues; i++) {
		shmbus_wire(dev)->ops->rxq_stop(dev, data->rx_queues[i]);
		data->rx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
	}
	for (i = 0; i < data->nb_tx_queues; i++)
		data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
}

/*
 * A queue that is not started is down, as it is when the link is. As to the
 * bus, an Rx queue's lanes are its own also while it is stopped: other queues
 * do not get their frames. But senders do not wait for it.
 */

int
shmbus_rx_queue_start(struct rte_eth_dev *dev, uint16_t id)
{
	if (shmbus_removal_look(dev))
		return -EIO;
	start_rxq(dev, id);
	shmbus_queues_update(dev);
	/* If it sleeps: senders ring for it from now on, and nobody looked before. */
	shmbus_intr_wake(dev);
	return 0;
}

int
shmbus_rx_queue_stop(struct rte_eth_dev *dev, uint16_t id)
{
	dev->data->rx_queue_state[id] = RTE_ETH_QUEUE_STATE_STOPPED;
	shmbus_queues_update(dev);
	shmbus_wire(dev)->ops->rxq_stop(dev, dev->data->rx_queues[id]);
	return 0;
}

int
shmbus_tx_queue_start(struct rte_eth_dev *dev, uint16_t id)
{
	if (shmbus_removal_look(dev))
		return -EIO;
	start_txq(dev, id);
	shmbus_queues_update(dev);
	return 0;
}

int
shmbus_tx_queue_stop(struct rte_eth_dev *dev, uint16_t id)
{
	dev->data->tx_queue_state[id] = RTE_ETH_QUEUE_STATE_STOPPED;
	shmbus_queues_update(dev);
	return 0;
}
