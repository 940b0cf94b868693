/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Information about a port and its queues. */

#include <inttypes.h>
#include <stdio.h>

#include <rte_dev_info.h>
#include <rte_power_intrinsics.h>
#include <rte_string_fns.h>

#include "base/lanes/shmbus_geometry.h"
#include "base/lanes/shmbus_reader.h"
#include "shmbus_info.h"
#include "shmbus_ops.h"
#include "shmbus_rxq.h"
#include "shmbus_txq.h"

void
shmbus_rxq_info_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_rxq_info *info)
{
	const struct shmbus_rxq *q = dev->data->rx_queues[id];

	info->mp = q->pool;
	info->conf.rx_drop_en = q->drop_en;
	info->conf.rx_deferred_start = q->deferred;
	info->conf.offloads = q->offloads;
	info->scattered_rx = !!(shmbus_load(&q->flags) & SHMBUS_RX_SCATTER);
	info->queue_state = dev->data->rx_queue_state[id];
	info->nb_desc = q->nb_desc;
	info->rx_buf_size = q->room;
}

void
shmbus_txq_info_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_txq_info *info)
{
	const struct shmbus_txq *q = dev->data->tx_queues[id];

	info->conf.tx_deferred_start = q->deferred;
	info->conf.offloads = q->offloads;
	info->queue_state = dev->data->tx_queue_state[id];
	info->nb_desc = q->nb_desc;
}

int
shmbus_rx_burst_mode_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode)
{
	const struct shmbus_rxq *q = dev->data->rx_queues[id];
	uint32_t flags;

	if (q == NULL)
		return -EINVAL;
	flags = shmbus_load(&q->flags) & ~SHMBUS_RX_DOWN;
	/* A queue without flags only copies; flags add work for each frame. */
	snprintf(mode->info, sizeof(mode->info), "%s, %s%s", shmbus_ops(dev)->name,
		 flags != 0 ? "frame by frame" : "plain",
		 flags & SHMBUS_RX_SCATTER ? ", scattered" : "");
	return 0;
}

int
shmbus_tx_burst_mode_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode)
{
	const struct shmbus_txq *q = dev->data->tx_queues[id];

	if (q == NULL)
		return -EINVAL;
	snprintf(mode->info, sizeof(mode->info), "%s, %s", shmbus_ops(dev)->name,
		 shmbus_priv(dev)->args.readonly ? "all frames dropped" :
		 shmbus_load(&q->flags) & SHMBUS_TX_FAST_FREE ? "fast free" : "plain");
	return 0;
}

int
shmbus_fw_version_get(struct rte_eth_dev *dev, char *text, size_t size)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	int len;

	len = snprintf(text, size, "%s %u", shmbus_ops(dev)->name, shmbus_wire_version(wire)) + 1;
	/* ethdev expects the size that is needed if size is too small, otherwise 0. */
	return (size_t)len > size ? len : 0;
}

int
shmbus_get_reg(struct rte_eth_dev *dev, struct rte_dev_reg_info *regs)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	uint32_t *data = regs->data;
	shmbus_a32 *words;
	uint32_t size, n, i;

	words = shmbus_wire_header(wire, &size);
	n = size / sizeof(*data);
	regs->width = sizeof(*data);
	if (data == NULL) {
		regs->length = n;
		return 0;
	}
	if (words == NULL)
		return -ENODEV;
	/* length 0 asks for all words. */
	if (regs->length == 0)
		regs->length = n;
	if (regs->offset > n || regs->length > n - regs->offset)
		return -EINVAL;
	for (i = 0; i < regs->length; i++)
		data[i] = shmbus_load(&words[regs->offset + i]);
	regs->version = shmbus_wire_version(wire);
	return 0;
}

static void
dump_lanes(const struct shmbus_wire *wire, FILE *file)
{
	const struct shmbus_bus *bus = &wire->lanes;
	const struct shmbus_geometry *geo = &bus->geo;
	struct shmbus_peer peer;
	uint32_t slot;

	fprintf(file, "bus: %u ports, %u queues, lanes of %" PRIu64 " bytes, deliver=%s\n", geo->ports,
		geo->queues, geo->lane_size, shmbus_deliver_word(shmbus_geometry_deliver(geo)));
	for (slot = 0; slot < geo->ports; slot++) {
		if (!shmbus_port_peer(bus, slot, &peer))
			continue;
		fprintf(file, "slot %u: " RTE_ETHER_ADDR_PRT_FMT ", pid %u, state 0x%x,"
			" %u Tx queues, %u Rx queues%s\n", slot, peer.mac[0], peer.mac[1],
			peer.mac[2], peer.mac[3], peer.mac[4], peer.mac[5], peer.pid, peer.state,
			peer.n_txq, peer.n_rxq, slot == wire->slot ? ", this port" :
			shmbus_port_alive(bus, slot) ? "" : ", dead");
	}
}

static void
dump_shmif(const struct shmbus_wire *wire, FILE *file)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(&wire->shmif);

	fprintf(file, "bus: generation %" PRIu64 ", oldest record at %u, newest at %u, lock %u\n",
		shmbus_load(&h->gen), shmbus_load(&h->first), shmbus_load(&h->last),
		shmbus_load(&h->lock));
	if (wire->shmif.id != 0)
		fprintf(file, "number of this port among those of this driver: %u\n", wire->shmif.id);
}

int
shmbus_priv_dump(struct rte_eth_dev *dev, FILE *file)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	const struct shmbus_priv *priv = shmbus_priv(dev);

	fprintf(file, "path: %s\n", priv->args.path);
	fprintf(file, "format: %s %u\n", shmbus_ops(dev)->name, shmbus_wire_version(wire));
	fprintf(file, "address: " RTE_ETHER_ADDR_PRT_FMT "\n", RTE_ETHER_ADDR_BYTES(&priv->macs[0]));
	fprintf(file, "longest frame: %u\n", priv->max_frame);
	fprintf(file, "link set down: %s\n", priv->link.set_down ? "yes" : "no");
	fprintf(file, "other living ports: %u\n", shmbus_wire_count_peers(wire));
	if (!shmbus_wire_is_open(wire))
		fprintf(file, "bus: none\n");
	else if (wire->format == SHMBUS_WIRE_LANES)
		dump_lanes(wire, file);
	else
		dump_shmif(wire, file);
	return 0;
}

/*
 * A queue has no ring of descriptors. These functions answer as if an Rx queue had a
 * ring of the configured length, filled from its beginning with the frames that wait
 * on the bus; further frames do not count. The ring of a Tx queue is always empty: a frame that the queue has
 * taken is on the bus and its mbuf is free.
 *
 * ethdev also calls these functions for a queue that could not be set up. The queue
 * is NULL then.
 */

static int
count_waiting(const struct shmbus_rxq *q)
{
	const struct rte_eth_dev *dev = &rte_eth_devices[q->port_id];
	uint64_t waiting;

	if (shmbus_load(&q->flags) & SHMBUS_RX_DOWN)
		return 0;
	waiting = shmbus_ops(dev)->rxq_waiting(dev, q);
	return (int)RTE_MIN(waiting, (uint64_t)q->nb_desc);
}

int
shmbus_rx_queue_count(void *queue)
{
	return queue != NULL ? count_waiting(queue) : -EINVAL;
}

int
shmbus_rx_descriptor_status(void *queue, uint16_t offset)
{
	const struct shmbus_rxq *q = queue;

	if (q == NULL || offset >= q->nb_desc)
		return -EINVAL;
	if (shmbus_load(&q->flags) & SHMBUS_RX_DOWN)
		return RTE_ETH_RX_DESC_UNAVAIL;
	return count_waiting(q) > offset ? RTE_ETH_RX_DESC_DONE : RTE_ETH_RX_DESC_AVAIL;
}

int
shmbus_tx_descriptor_status(void *queue, uint16_t offset)
{
	const struct shmbus_txq *q = queue;

	if (q == NULL || offset >= q->nb_desc)
		return -EINVAL;
	return shmbus_load(&q->flags) & SHMBUS_TX_DOWN ? RTE_ETH_TX_DESC_UNAVAIL :
							 RTE_ETH_TX_DESC_DONE;
}

int
shmbus_tx_done_cleanup(void *queue, uint32_t free_cnt)
{
	RTE_SET_USED(queue);
	RTE_SET_USED(free_cnt);
	return 0;
}

/*
 * A core can monitor one address: the tail of the lane that the queue reads. So the
 * queue must have exactly one active lane.
 */

/* Returns 0 if the core may wait, or -1 if a frame is there. */
static int
is_pending(const uint64_t tail, const uint64_t opaque[RTE_POWER_MONITOR_OPAQUE_SZ])
{
	return tail == opaque[0] ? 0 : -1;
}

int
shmbus_get_monitor_addr(void *queue, struct rte_power_monitor_cond *cond)
{
	struct shmbus_rxq *q = queue;
	const struct shmbus_reader *r;
	const struct rte_eth_dev *dev;
	const struct shmbus_bus *bus;

	if (q == NULL)
		return -EINVAL;
	dev = &rte_eth_devices[q->port_id];
	if (shmbus_priv(dev)->format != SHMBUS_WIRE_LANES ||
	    (shmbus_load(&q->flags) & SHMBUS_RX_DOWN))
		return -ENOTSUP;
	bus = &shmbus_wire(dev)->lanes;
	shmbus_lanes_rx_refresh(bus, &q->lanes);
	if (q->lanes.n_active != 1 || q->held.len != 0)
		return -ENOTSUP;
	r = &q->lanes.readers[q->lanes.active[0].lane];
	cond->addr = &shmbus_bus_lane(bus, r->lane)->tail;
	cond->size = sizeof(r->tail);
	cond->fn = is_pending;
	cond->opaque[0] = r->pos;
	return 0;
}
