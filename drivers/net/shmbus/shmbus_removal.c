/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The bus goes away under the port: its file is truncated, deleted or replaced.
 *
 * Theory of operation
 *
 *   fate      who notices           what follows
 *   nameless  the link watch, or    a line in the log; all goes on
 *   gone      who asks for the      a line in the log, queues and link down,
 *             link                  by the watch the events LSC and RMV, once
 *
 * There is no way back but to another bus: shmbus_rejoin.c.
 */

#include "shmbus_ops.h"

/* True for whoever is the first to see it. */
static bool
take_note(struct shmbus_priv *priv, uint32_t fate)
{
	bool news;

	rte_spinlock_lock(&priv->link_lock);
	news = fate > shmbus_load(&priv->fate);
	if (news) {
		shmbus_store(&priv->fate, fate);
		priv->removal_due |= fate == SHMBUS_FATE_GONE;
	}
	rte_spinlock_unlock(&priv->link_lock);
	return news;
}

bool
shmbus_removal_look(struct rte_eth_dev *dev)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	struct shmbus_priv *priv = shmbus_priv(dev);
	struct shmbus_error why;
	uint32_t fate;

	if (shmbus_load(&priv->fate) == SHMBUS_FATE_GONE)
		return true;
	if (wire->ops->fd(wire) < 0) /* on no bus */
		return false;
	fate = wire->ops->fate(wire, priv, &why);
	if (take_note(priv, fate)) {
		if (fate == SHMBUS_FATE_GONE)
			SHMBUS_LOG(ERR, "%s: path=%s: %s; restart the port", dev->data->name,
				   priv->args.path, why.text);
		else
			SHMBUS_LOG(WARNING, "%s: path=%s: %s", dev->data->name, priv->args.path,
				   why.text);
		shmbus_queues_update(dev);
	}
	return fate == SHMBUS_FATE_GONE;
}

bool
shmbus_removal_due(struct rte_eth_dev *dev)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	bool due;

	rte_spinlock_lock(&priv->link_lock);
	due = priv->removal_due && dev->data->dev_conf.intr_conf.rmv;
	priv->removal_due = false;
	rte_spinlock_unlock(&priv->link_lock);
	return due;
}
