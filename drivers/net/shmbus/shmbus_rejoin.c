/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * From a bus that is gone, or has lost its name, to the one that path leads to
 * now, or that is made there: when the port is configured, started or reset. It leaves
 * first, and then comes anew, as the two may be one file. If it may not come it
 * is on no bus, with a memory of zeros in its place.
 *
 * Secondary processes leave before and come after. Queues, which they share,
 * change in between: so if one of them does not answer the port stays where it
 * is.
 */

#include <stdlib.h>

#include <rte_errno.h>

#include "base/shmbus_guard.h"
#include "shmbus_steer.h"
#include "shmbus_ops.h"

/* Has the bus room for the queues that the application has configured? */
static int
check_queues(const struct rte_eth_dev *dev, const struct shmbus_wire *wire)
{
	const struct rte_eth_dev_data *data = dev->data;
	const uint16_t max = wire->ops->max_queues(wire);
	uint16_t i, n = 0;

	for (i = 0; i < data->nb_rx_queues; i++)
		if (data->rx_queues[i] != NULL)
			n = i + 1;
	for (i = 0; i < data->nb_tx_queues; i++)
		if (data->tx_queues[i] != NULL)
			n = RTE_MAX(n, i + 1);
	if (n <= max)
		return 0;
	SHMBUS_LOG(ERR, "%s: path=%s: the bus that is there now has queues=%u, and the port %u;"
		" rte_eth_dev_reset() and fewer of them would do", data->name,
		shmbus_priv(dev)->args.path, max, n);
	return -ENOSPC;
}

/* What the queues keep of the bus is as large as the bus wants it. */
static int
remake_queues(struct rte_eth_dev *dev)
{
	const struct shmbus_wire_ops *ops = shmbus_wire(dev)->ops;
	const int socket = dev->data->numa_node;
	struct shmbus_rxq *rxq;
	struct shmbus_txq *txq;
	uint16_t i;
	int ret;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		rxq = dev->data->rx_queues[i];
		if (rxq == NULL)
			continue;
		ops->rxq_free(rxq);
		ret = ops->rxq_create(dev, rxq, socket);
		if (ret != 0)
			return ret;
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		txq = dev->data->tx_queues[i];
		if (txq == NULL)
			continue;
		ops->txq_free(txq);
		ret = ops->txq_create(dev, txq, socket);
		if (ret != 0)
			return ret;
	}
	return 0;
}

/* The port is on no bus from here on. */
static void
leave(struct rte_eth_dev *dev)
{
	struct shmbus_wire *wire = shmbus_wire(dev);
	struct shmbus_priv *priv = shmbus_priv(dev);

	shmbus_telemetry_lock();
	if (wire->ops->fd(wire) >= 0) {
		wire->ops->leave(wire, priv);
		wire->ops->blank(wire);
	}
	shmbus_store(&priv->fate, SHMBUS_FATE_GONE);
	priv->serial++;
	wire->serial = priv->serial;
	shmbus_telemetry_unlock();
}

static int
join(struct rte_eth_dev *dev, struct shmbus_wire *fresh)
{
	struct shmbus_wire *wire = shmbus_wire(dev);
	struct shmbus_priv *priv = shmbus_priv(dev);
	struct shmbus_error error;
	int ret;

	fresh->ops = wire->ops;
	fresh->serial = wire->serial;
	ret = wire->ops->join(fresh, priv, dev->data->name, &error);
	if (ret != 0) {
		SHMBUS_LOG(ERR, "%s: %s", dev->data->name, error.text);
		return ret;
	}
	ret = check_queues(dev, fresh);
	if (ret != 0) {
		wire->ops->leave(fresh, priv);
		wire->ops->close(fresh);
		return ret;
	}
	shmbus_telemetry_lock();
	wire->ops->close(wire);
	*wire = *fresh;
	shmbus_telemetry_unlock();
	return 0;
}

static int
rejoin(struct rte_eth_dev *dev)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	struct shmbus_wire *fresh;
	int ret;

	fresh = calloc(1, sizeof(*fresh));
	if (fresh == NULL)
		return -ENOMEM;
	ret = shmbus_mp_leave_bus(dev);
	if (ret != 0) {
		SHMBUS_LOG(ERR, "%s: a secondary process does not let go of the bus: %s",
			   dev->data->name, rte_strerror(-ret));
		goto out;
	}
	leave(dev);
	ret = join(dev, fresh);
	if (ret == 0)
		ret = remake_queues(dev);
	if (ret != 0)
		goto out;
	shmbus_store(&priv->fate, SHMBUS_FATE_WELL);
	priv->removal_due = false;
	shmbus_queues_update(dev);
	shmbus_mp_join_bus(dev);
out:
	free(fresh);
	return ret;
}

int
shmbus_rejoin_if_lost(struct rte_eth_dev *dev)
{
	struct shmbus_priv *priv = shmbus_priv(dev);

	shmbus_guard_renew();
	shmbus_removal_look(dev);
	return shmbus_load(&priv->fate) == SHMBUS_FATE_WELL ? 0 : rejoin(dev);
}

int
shmbus_dev_reset(struct rte_eth_dev *dev)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	uint16_t i;

	shmbus_guard_renew();
	for (i = 0; i < dev->data->nb_rx_queues; i++)
		shmbus_rx_queue_release(dev, i);
	for (i = 0; i < dev->data->nb_tx_queues; i++)
		shmbus_tx_queue_release(dev, i);
	shmbus_steer_close(dev);
	priv->link_down = false;
	/* Where it is on none because none was asked for, that is as it was. */
	return priv->args.path[0] == '\0' ? 0 : rejoin(dev);
}
