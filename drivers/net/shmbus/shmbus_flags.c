/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The flags and limits of the queues, which tell the data path its work. They are
 * computed from the configuration and the state of the port.
 */

#include "shmbus_checksum.h"
#include "shmbus_flags.h"
#include "shmbus_priv.h"
#include "shmbus_rxq.h"
#include "shmbus_txq.h"
#include "shmbus_vlan.h"

static uint32_t
rx_flags(const struct rte_eth_dev *dev, const struct shmbus_rxq *q, bool down)
{
	const struct rte_eth_dev_data *data = dev->data;
	const struct shmbus_priv *priv = shmbus_priv(dev);
	const uint64_t offloads = data->dev_conf.rxmode.offloads;
	uint32_t flags = 0;

	if (!data->promiscuous)
		flags |= SHMBUS_RX_FILTER;
	if ((offloads & RTE_ETH_RX_OFFLOAD_SCATTER) || q->max_len > q->room)
		flags |= SHMBUS_RX_SCATTER;
	if ((offloads & SHMBUS_VLAN_RX_STRIP) ||
	    (q->offloads & (SHMBUS_RX_CHECKSUMS | RTE_ETH_RX_OFFLOAD_TIMESTAMP)) ||
	    priv->ptypes != 0 || priv->steer.marks || q->hash_wanted)
		flags |= SHMBUS_RX_COMPLETE;
	if (priv->steer.active || priv->steer.closing)
		flags |= SHMBUS_RX_STEER;
	if (priv->steer.spread)
		flags |= SHMBUS_RX_SHARED;
	if (priv->format == SHMBUS_WIRE_LANES && priv->lanes.directed)
		flags |= SHMBUS_RX_DIRECTED;
	if (down || data->rx_queue_state[q->queue_id] != RTE_ETH_QUEUE_STATE_STARTED)
		flags |= SHMBUS_RX_DOWN;
	return flags;
}

static void
update_rxq(const struct rte_eth_dev *dev, struct shmbus_rxq *q, uint32_t max_len, bool down)
{
	const struct rte_eth_rxmode *rxmode = &dev->data->dev_conf.rxmode;
	const struct shmbus_priv *priv = shmbus_priv(dev);

	q->max_len = max_len;
	q->max_lro = RTE_MIN(rxmode->max_lro_pkt_size, priv->max_frame);
	q->hash_wanted = priv->rss.on && (rxmode->offloads & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0;
	q->own_mac = rxmode->offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER ? 0 :
		     shmbus_own_address(priv);
	/* R4 (rxq_flags): pairs with R3 */
	shmbus_store_release(&q->flags, rx_flags(dev, q, down));
}

static void
update_txq(const struct rte_eth_dev *dev, struct shmbus_txq *q, uint32_t max_len, bool down)
{
	const struct shmbus_priv *priv = shmbus_priv(dev);
	uint32_t flags = shmbus_load(&q->flags) & SHMBUS_TX_FAST_FREE;

	if (priv->args.quiet)
		flags |= SHMBUS_TX_QUIET;
	if ((dev->data->dev_conf.txmode.offloads & SHMBUS_VLAN_TX_OFFLOADS) ||
	    (q->offloads & (SHMBUS_TX_CHECKSUMS | RTE_ETH_TX_OFFLOAD_TCP_TSO)))
		flags |= SHMBUS_TX_OFFLOADS;
	if (priv->format == SHMBUS_WIRE_LANES && priv->lanes.fdb != NULL)
		flags |= SHMBUS_TX_SWITCH;
	if (shmbus_load(&q->limit.cost) != 0)
		flags |= SHMBUS_TX_LIMITED;
	if (down || dev->data->tx_queue_state[q->queue_id] != RTE_ETH_QUEUE_STATE_STARTED)
		flags |= SHMBUS_TX_DOWN;
	q->max_len = max_len;
	q->max_whole = priv->format == SHMBUS_WIRE_LANES ? priv->max_frame : SHMBUS_FRAME_MAX;
	shmbus_store(&q->flags, flags);
}

void
shmbus_queues_update(struct rte_eth_dev *dev)
{
	const struct rte_eth_dev_data *data = dev->data;
	struct shmbus_priv *priv = shmbus_priv(dev);
	const uint32_t max_len = RTE_MIN(data->mtu + priv->overhead, priv->max_frame);
	const bool down = priv->link.set_down || !shmbus_wire_is_open(shmbus_wire(dev)) ||
			  shmbus_load(&priv->link.status) == SHMBUS_STATUS_GONE;
	uint16_t i;

	rte_spinlock_lock(&priv->queues_lock);
	for (i = 0; i < data->nb_rx_queues; i++)
		if (data->rx_queues[i] != NULL)
			update_rxq(dev, data->rx_queues[i], max_len, down);
	for (i = 0; i < data->nb_tx_queues; i++)
		if (data->tx_queues[i] != NULL)
			update_txq(dev, data->tx_queues[i], max_len, down);
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
				   "queue %u (%u bytes each): frames are scattered, as with "
				   "RTE_ETH_RX_OFFLOAD_SCATTER",
				   data->port_id, data->mtu, i, q->room);
	}
}
