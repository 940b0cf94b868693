/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "shmbus_announce.h"
#include "shmbus_priv.h"

/* Finds the slot to write to. Returns false if there is none. */
static bool
find_port(struct rte_eth_dev *dev, struct shmbus_port *port)
{
	struct shmbus_wire *wire = shmbus_wire(dev);

	if (wire->format != SHMBUS_WIRE_LANES || wire->slot == SHMBUS_NO_SLOT ||
	    shmbus_wire_is_lost(wire))
		return false;
	*port = shmbus_wire_port(wire);
	return true;
}

/* Returns the bit of the state that makes senders wait for the port's cursors. */
static uint32_t
cursors(const struct rte_eth_dev *dev)
{
	return shmbus_priv(dev)->lanes.holds ? SHMBUS_PORT_RX_CURSORS : 0;
}

void
shmbus_announce_state(struct rte_eth_dev *dev)
{
	uint32_t state = SHMBUS_PORT_ATTACHED;
	struct shmbus_port port;

	if (!find_port(dev, &port))
		return;
	if (dev->data->dev_started) {
		state |= SHMBUS_PORT_STARTED;
		if (dev->data->dev_conf.intr_conf.rxq != 0)
			state |= SHMBUS_PORT_RX_INTR;
		if (shmbus_priv(dev)->args.mirror && shmbus_geometry_directed(&port.bus->geo))
			state |= SHMBUS_PORT_MIRROR;
		if (!shmbus_priv(dev)->link.set_down)
			state |= SHMBUS_PORT_LINK_UP | cursors(dev);
	}
	shmbus_port_set_state(&port, state);
}

void
shmbus_announce_state_now(struct rte_eth_dev *dev)
{
	shmbus_announce_state(dev);
	/* A1 (port_store_state): pairs with A2 in the writer, which looks for cursors again before
	 * it raises head the next time.
	 */
	shmbus_fence_full();
}

void
shmbus_announce_start(struct rte_eth_dev *dev)
{
	struct shmbus_port port;

	if (!find_port(dev, &port))
		return;
	/* The state before the cursors: otherwise senders could overwrite unread frames that were
	 * sent in between.
	 */
	shmbus_port_set_queues(&port, dev->data->nb_tx_queues, dev->data->nb_rx_queues);
	shmbus_port_set_state(&port, SHMBUS_PORT_ATTACHED | cursors(dev));
}

void
shmbus_announce_stop(struct rte_eth_dev *dev)
{
	struct shmbus_port port;

	if (find_port(dev, &port))
		shmbus_port_set_queues(&port, 0, 0);
}

void
shmbus_announce_mac(struct rte_eth_dev *dev, const uint8_t *mac)
{
	struct shmbus_port port;

	if (find_port(dev, &port))
		shmbus_port_set_mac(&port, mac);
}

void
shmbus_announce_intr(struct rte_eth_dev *dev, bool begins)
{
	struct shmbus_port port;

	if (find_port(dev, &port))
		shmbus_wake_tell(port.bus, begins);
}

void
shmbus_announce_sleep(struct rte_eth_dev *dev, uint16_t id, bool asleep)
{
	struct shmbus_port port;

	if (!find_port(dev, &port))
		return;
	if (asleep)
		shmbus_wake_sleep(port.bus, port.slot, id);
	else
		shmbus_wake_rise(port.bus, port.slot, id);
}
