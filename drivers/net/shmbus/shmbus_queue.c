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
get_memory(size_t size, int socket)
{
	return rte_zmalloc_socket("shmbus_queue", size, RTE_CACHE_LINE_SIZE, socket);
}

/* Gives the queue the memory that it needs on the bus of wire. Returns 0 or -ENOMEM. */
static int
fit_rxq(const struct rte_eth_dev *dev, struct shmbus_rxq *q, const struct shmbus_wire *wire)
{
	void *memory = get_memory(shmbus_ops(dev)->rxq_size(wire), q->socket);

	if (memory == NULL)
		return -ENOMEM;
	shmbus_ops(dev)->rxq_use(q, wire, memory);
	rte_free(q->memory);
	q->memory = memory;
	return 0;
}

/* The same for a Tx queue. Returns 0, or -errno if the memory or the bus has no room. */
static int
fit_txq(const struct rte_eth_dev *dev, struct shmbus_txq *q, struct shmbus_wire *wire)
{
	void *memory = get_memory(shmbus_tx_ops(dev)->size(wire), q->socket);
	int ret;

	ret = memory != NULL ? shmbus_tx_ops(dev)->use(q, wire, memory) : -ENOMEM;
	if (ret != 0) {
		rte_free(memory);
		return ret;
	}
	rte_free(q->memory);
	q->memory = memory;
	return 0;
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
	struct shmbus_rxq *q;
	int ret;

	if (!has_bus(dev))
		return no_bus(dev, "Rx", id);
	q = rte_zmalloc_socket("shmbus_rxq", sizeof(*q), RTE_CACHE_LINE_SIZE, (int)socket);
	if (q == NULL)
		return -ENOMEM;
	q->port_id = dev->data->port_id;
	q->queue_id = id;
	q->socket = (int)socket;
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
	ret = fit_rxq(dev, q, shmbus_wire(dev));
	if (ret != 0)
		goto err_free;
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
	q->socket = (int)socket;
	q->offloads = conf->offloads | dev->data->dev_conf.txmode.offloads;
	q->nb_desc = nb_desc;
	q->deferred = conf->tx_deferred_start != 0;
	ret = fit_txq(dev, q, shmbus_wire(dev));
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

void
shmbus_queues_release(struct rte_eth_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++)
		shmbus_rx_queue_release(dev, i);
	for (i = 0; i < dev->data->nb_tx_queues; i++)
		shmbus_tx_queue_release(dev, i);
}

/* ---- another bus */

int
shmbus_queues_fit(struct rte_eth_dev *dev, struct shmbus_wire *wire)
{
	const struct rte_eth_dev_data *data = dev->data;
	uint16_t i;
	int ret = 0;

	for (i = 0; i < data->nb_rx_queues && ret == 0; i++)
		if (data->rx_queues[i] != NULL)
			ret = fit_rxq(dev, data->rx_queues[i], wire);
	for (i = 0; i < data->nb_tx_queues && ret == 0; i++)
		if (data->tx_queues[i] != NULL)
			ret = fit_txq(dev, data->tx_queues[i], wire);
	return ret;
}

/* ---- start and stop */

/* Returns whether all n queues have been set up, which ethdev does not check. */
static bool
is_complete(void *const *queues, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		if (queues[i] == NULL)
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
		shmbus_tx_ops(dev)->start(dev, dev->data->tx_queues[id]);
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

	if (!is_complete(data->rx_queues, data->nb_rx_queues) ||
	    !is_complete(data->tx_queues, data->nb_tx_queues)) {
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
 * stopped Rx queue keeps its lanes: other queues do not receive the frames of these
 * lanes. Senders do not wait for a stopped queue.
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
