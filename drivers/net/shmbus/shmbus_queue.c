/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Queues.
 *
 * A queue whose setup failed is NULL in dev->data, also on a started port: ethdev
 * releases the old queue before it asks for the new one. So every loop over the
 * queues skips NULL.
 */

#include <rte_malloc.h>
#include <rte_mbuf_dyn.h>
#include <rte_errno.h>

#include "shmbus_announce.h"
#include "shmbus_flags.h"
#include "shmbus_intr.h"
#include "shmbus_link.h"
#include "shmbus_mbuf.h"
#include "shmbus_ops.h"
#include "shmbus_priv.h"
#include "shmbus_queue.h"
#include "shmbus_stats.h"
#include "shmbus_rxq.h"
#include "shmbus_steer.h"
#include "shmbus_txq.h"

/* ---- setup and release */

static int
no_bus(const struct rte_eth_dev *dev, const char *kind, uint16_t id)
{
	SHMBUS_LOG(ERR, "path=%s: the port is on no bus, so %s queue %u cannot be set up; stop the port"
		" and configure or reset it first", shmbus_priv(dev)->args.path, kind, id);
	return -EIO;
}

/* Returns whether a queue can be set up: on lanes its memory depends on the bus. */
static bool
has_bus(const struct rte_eth_dev *dev)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);

	return wire->format == SHMBUS_WIRE_SHMIF || shmbus_wire_is_open(wire);
}

static void *
queue_memory(size_t size, int socket)
{
	return rte_zmalloc_socket("shmbus_queue", size, RTE_CACHE_LINE_SIZE, socket);
}

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
	const struct shmbus_ops *ops = shmbus_ops(dev);
	struct shmbus_rxq *q;
	int ret = -ENOMEM;

	if (!has_bus(dev))
		return no_bus(dev, "Rx", id);
	q = rte_zmalloc_socket("shmbus_rxq", sizeof(*q), RTE_CACHE_LINE_SIZE, (int)socket);
	if (q == NULL)
		return -ENOMEM;
	q->port_id = dev->data->port_id;
	q->queue_id = id;
	q->pool = pool;
	q->room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
	q->offloads = conf->offloads | dev->data->dev_conf.rxmode.offloads;
	q->nb_desc = nb_desc;
	q->drop_en = conf->rx_drop_en;
	q->deferred = conf->rx_deferred_start != 0;
	rte_spinlock_init(&q->steer_lock);
	if (rte_pktmbuf_priv_flags(pool) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF)
		q->mbuf_flags = RTE_MBUF_F_EXTERNAL;
	memcpy(&q->mbuf_init, &like.rearm_data, sizeof(q->mbuf_init));
	if ((q->offloads & RTE_ETH_RX_OFFLOAD_TIMESTAMP) &&
	    rte_mbuf_dyn_rx_timestamp_register(&q->tstamp_off, &q->tstamp_flag) != 0) {
		ret = -rte_errno;
		SHMBUS_LOG(ERR, "port %u: mbufs have no room for a timestamp: %s; leave the offload off",
			   dev->data->port_id, rte_strerror(rte_errno));
		goto err_free;
	}
	q->memory = queue_memory(ops->rxq_size(shmbus_wire(dev)), (int)socket);
	if (q->memory == NULL)
		goto err_free;
	ops->rxq_use(q, shmbus_wire(dev), q->memory);
	dev->data->rx_queues[id] = q;
	shmbus_queues_update(dev);
	if (dev->data->dev_started)
		shmbus_scatter_update(dev);
	return 0;

err_free:
	rte_free(q);
	return ret;
}

int
shmbus_tx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t nb_desc, unsigned int socket,
		      const struct rte_eth_txconf *conf)
{
	const struct shmbus_ops *ops = shmbus_ops(dev);
	struct shmbus_txq *q;
	int ret;

	if (!has_bus(dev) || (shmbus_wire(dev)->format == SHMBUS_WIRE_LANES &&
			      shmbus_wire_is_lost(shmbus_wire(dev))))
		return no_bus(dev, "Tx", id);
	q = rte_zmalloc_socket("shmbus_txq", sizeof(*q), RTE_CACHE_LINE_SIZE, (int)socket);
	if (q == NULL)
		return -ENOMEM;
	q->port_id = dev->data->port_id;
	q->queue_id = id;
	q->offloads = conf->offloads | dev->data->dev_conf.txmode.offloads;
	q->nb_desc = nb_desc;
	q->deferred = conf->tx_deferred_start != 0;
	q->memory = queue_memory(ops->txq_size(shmbus_wire(dev)), (int)socket);
	ret = q->memory != NULL ? ops->txq_use(q, shmbus_wire(dev), q->memory) : -ENOMEM;
	if (ret != 0) {
		rte_free(q->memory);
		rte_free(q);
		return ret;
	}
	if (q->offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE)
		shmbus_store(&q->flags, SHMBUS_TX_FAST_FREE);
	dev->data->tx_queues[id] = q;
	shmbus_queues_update(dev);
	return 0;
}

/* Removes the queue from dev->data. The link poll does not use it after the return. */
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
	rte_free(q->memory);
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
	rte_free(q->memory);
	rte_free(q);
}

/* ---- another bus */

/* Allocates memory for a queue on the new bus; NULL for a queue that does not exist. */
static int
get_memory(const void *queue, size_t size, int socket, void **memory)
{
	*memory = queue != NULL ? queue_memory(size, socket) : NULL;
	return queue != NULL && *memory == NULL ? -ENOMEM : 0;
}

static void
free_memory(void **memory, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		rte_free(memory[i]);
}

static void
use_memory(struct rte_eth_dev *dev, struct shmbus_wire *wire, void **rx)
{
	struct shmbus_rxq *q;
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		q = dev->data->rx_queues[i];
		if (q == NULL)
			continue;
		rte_free(q->memory);
		q->memory = rx[i];
		shmbus_ops(dev)->rxq_use(q, wire, q->memory);
	}
}

int
shmbus_queues_fit(struct rte_eth_dev *dev, struct shmbus_wire *wire)
{
	const struct shmbus_ops *ops = shmbus_ops(dev);
	const int socket = dev->data->numa_node;
	const uint16_t n_rx = dev->data->nb_rx_queues;
	const uint16_t n_tx = dev->data->nb_tx_queues;
	void *rx[SHMBUS_QUEUES_MAX] = { NULL };
	void *tx[SHMBUS_QUEUES_MAX] = { NULL };
	struct shmbus_txq *q;
	uint16_t i;
	int ret = 0;

	for (i = 0; i < n_rx && ret == 0; i++)
		ret = get_memory(dev->data->rx_queues[i], ops->rxq_size(wire), socket, &rx[i]);
	for (i = 0; i < n_tx && ret == 0; i++)
		ret = get_memory(dev->data->tx_queues[i], ops->txq_size(wire), socket, &tx[i]);
	for (i = 0; i < n_tx && ret == 0; i++) {
		q = dev->data->tx_queues[i];
		if (q == NULL)
			continue;
		ret = ops->txq_use(q, wire, tx[i]);
		if (ret != 0)
			break;
		rte_free(q->memory);
		q->memory = tx[i];
		tx[i] = NULL;
	}
	if (ret != 0) {
		free_memory(rx, n_rx);
		free_memory(tx, n_tx);
		return ret;
	}
	use_memory(dev, wire, rx);
	return 0;
}

/* ---- start and stop */

/* Returns whether every configured queue has been set up, which ethdev does not check. */
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

	q->held.len = 0;
	if (shmbus_wire_is_open(shmbus_wire(dev)))
		shmbus_ops(dev)->rxq_start(dev, q);
	dev->data->rx_queue_state[id] = RTE_ETH_QUEUE_STATE_STARTED;
}

static void
start_txq(struct rte_eth_dev *dev, uint16_t id)
{
	if (shmbus_wire_is_open(shmbus_wire(dev)))
		shmbus_ops(dev)->txq_start(dev, dev->data->tx_queues[id]);
	dev->data->tx_queue_state[id] = RTE_ETH_QUEUE_STATE_STARTED;
}

static void
stop_rxq(struct rte_eth_dev *dev, uint16_t id)
{
	struct shmbus_rxq *q = dev->data->rx_queues[id];

	if (q == NULL)
		return;
	shmbus_ops(dev)->rxq_stop(dev, q);
	q->held.len = 0;
}

int
shmbus_queues_start(struct rte_eth_dev *dev)
{
	struct rte_eth_dev_data *data = dev->data;
	const struct shmbus_rxq *rxq;
	const struct shmbus_txq *txq;
	uint16_t i;
	int ret;

	if (!queues_complete(data)) {
		SHMBUS_LOG(ERR, "port %u: cannot start: not every queue has been set up", data->port_id);
		return -EINVAL;
	}
	ret = shmbus_steer_start(dev);
	if (ret != 0)
		return ret;
	shmbus_announce_start(dev);
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
		stop_rxq(dev, i);
		data->rx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
	}
	for (i = 0; i < data->nb_tx_queues; i++)
		data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
	shmbus_queues_update(dev);
}

void
shmbus_queues_restart(struct rte_eth_dev *dev)
{
	struct shmbus_rxq *q;
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		q = dev->data->rx_queues[i];
		if (q != NULL && dev->data->rx_queue_state[i] == RTE_ETH_QUEUE_STATE_STARTED &&
		    shmbus_wire_is_open(shmbus_wire(dev)))
			shmbus_ops(dev)->rxq_restart(dev, q);
	}
}

/*
 * A queue that is not started is down, as all queues are when the link is down. A
 * stopped Rx queue keeps its lanes: other queues do not get their frames. Senders
 * do not wait for it.
 */

int
shmbus_rx_queue_start(struct rte_eth_dev *dev, uint16_t id)
{
	if (shmbus_link_is_gone(dev) || dev->data->rx_queues[id] == NULL)
		return -EIO;
	start_rxq(dev, id);
	shmbus_queues_update(dev);
	/* A queue that fell asleep while it was stopped has not looked for frames. */
	shmbus_intr_wake(dev);
	return 0;
}

int
shmbus_rx_queue_stop(struct rte_eth_dev *dev, uint16_t id)
{
	dev->data->rx_queue_state[id] = RTE_ETH_QUEUE_STATE_STOPPED;
	shmbus_queues_update(dev);
	stop_rxq(dev, id);
	return 0;
}

int
shmbus_tx_queue_start(struct rte_eth_dev *dev, uint16_t id)
{
	if (shmbus_link_is_gone(dev) || dev->data->tx_queues[id] == NULL)
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
