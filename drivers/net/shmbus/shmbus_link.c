/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Link status.
 *
 * Up while the port is started, not set down, its bus is there, and, with
 * carrier=peer, while another live port is on it. What has become of the bus,
 * and who is alive, is asked of the kernel: when the application asks for the
 * link, and every WATCH_US in the background, so that the events for a change
 * come by themselves.
 */

#include <rte_alarm.h>
#include <rte_errno.h>

#include "shmbus_ops.h"

#define WATCH_US (100 * 1000)

static bool
has_carrier(const struct rte_eth_dev *dev)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	const struct shmbus_priv *priv = shmbus_priv(dev);

	if (wire->ops->fd(wire) < 0 || shmbus_load(&priv->fate) == SHMBUS_FATE_GONE)
		return false;
	return priv->args.carrier == SHMBUS_CARRIER_BUS || wire->ops->count_peers(wire, priv) != 0;
}

/*
 * Work out the link. True if it changed. Several threads may come here: the
 * application's and the alarm's.
 */
static bool
refresh(struct rte_eth_dev *dev)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	struct rte_eth_link link = {
		.link_speed = RTE_ETH_SPEED_NUM_100G,
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_autoneg = RTE_ETH_LINK_FIXED,
	};
	bool changed;

	rte_spinlock_lock(&priv->link_lock);
	if (dev->data->dev_started && !priv->link_down && has_carrier(dev))
		link.link_status = RTE_ETH_LINK_UP;
	changed = link.link_status != dev->data->dev_link.link_status;
	rte_eth_linkstatus_set(dev, &link);
	rte_spinlock_unlock(&priv->link_lock);
	return changed;
}

static void
refresh_and_tell(struct rte_eth_dev *dev)
{
	if (refresh(dev) && dev->data->dev_conf.intr_conf.lsc)
		rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_LSC, NULL);
}

static void
watch(void *arg)
{
	struct rte_eth_dev *dev = arg;

	const bool lsc = dev->data->dev_conf.intr_conf.lsc;
	bool changed, removed;

	/* First: an application may stop the port in its callback, and even close it. */
	if (shmbus_priv(dev)->watching)
		rte_eal_alarm_set(WATCH_US, watch, dev);
	shmbus_removal_look(dev);
	removed = shmbus_removal_due(dev);
	changed = refresh(dev);
	if (changed && lsc)
		rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_LSC, NULL);
	if (removed)
		rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_RMV, NULL);
}

int
shmbus_link_update(struct rte_eth_dev *dev, int wait_to_complete)
{
	RTE_SET_USED(wait_to_complete);
	shmbus_removal_look(dev);
	return refresh(dev) ? 0 : -1;
}

static void
publish_state(struct rte_eth_dev *dev)
{
	shmbus_wire(dev)->ops->set_state(dev);
}

int
shmbus_set_link_up(struct rte_eth_dev *dev)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	struct shmbus_rxq *q;
	uint16_t i;

	if (!priv->link_down)
		return 0;
	/* What was sent meanwhile was not for us: begin where the bus is now. */
	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		q = dev->data->rx_queues[i];
		if (q == NULL || dev->data->rx_queue_state[i] != RTE_ETH_QUEUE_STATE_STARTED)
			continue;
		shmbus_wire(dev)->ops->rxq_mark(dev, q);
		shmbus_store_release(&q->restart, shmbus_load(&q->restart) + 1);
	}
	priv->link_down = false;
	/* In this order, as in shmbus_queues_start. */
	publish_state(dev);
	shmbus_queues_update(dev);
	/* What comes from now on is received, and nobody looked for it before. */
	shmbus_intr_wake(dev);
	refresh_and_tell(dev);
	return 0;
}

int
shmbus_set_link_down(struct rte_eth_dev *dev)
{
	shmbus_priv(dev)->link_down = true;
	shmbus_queues_update(dev);
	publish_state(dev);
	refresh_and_tell(dev);
	return 0;
}

void
shmbus_link_start(struct rte_eth_dev *dev)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	int ret;

	dev->data->dev_started = 1; /* as ethdev does when dev_start has returned */
	publish_state(dev);
	refresh_and_tell(dev);
	if (priv->watching)
		return;
	ret = rte_eal_alarm_set(WATCH_US, watch, dev);
	priv->watching = ret == 0;
	if (ret != 0)
		SHMBUS_LOG(WARNING, "port %u: its link is not watched, there will be no events: %s",
			   dev->data->port_id, rte_strerror(-ret));
}

void
shmbus_link_stop(struct rte_eth_dev *dev)
{
	struct shmbus_priv *priv = shmbus_priv(dev);

	if (priv->watching) {
		priv->watching = false;
		rte_eal_alarm_cancel(watch, dev);
	}
	dev->data->dev_started = 0;
	publish_state(dev);
	refresh_and_tell(dev);
}
