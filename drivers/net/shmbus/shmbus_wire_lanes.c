/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A port on a bus of lanes: the control paths. At the end, a port that only
 * looks on: it has no slot, and writes nothing into the file, which it may
 * not even be allowed to.
 *
 * The file may have been emptied, and be another bus by now. Where this port's
 * words were, others may have their frames: so it looks before it writes.
 */

#include <rte_malloc.h>
#include <rte_string_fns.h>

#include "base/shmbus_port.h"
#include "shmbus_ops.h"

/* The port as the bus core wants it. */
static struct shmbus_port
base_port(const struct rte_eth_dev *dev)
{
	return (struct shmbus_port){
		.bus = shmbus_process_bus(dev),
		.slot = shmbus_priv(dev)->slot,
		.numa_node = shmbus_priv(dev)->numa_node,
	};
}

static bool
is_lost(const struct rte_eth_dev *dev)
{
	return shmbus_fate_lost(shmbus_process_bus(dev));
}

static int
join(struct shmbus_wire *wire, struct shmbus_priv *priv, const char *name, struct shmbus_error *e)
{
	const struct shmbus_args *args = &priv->args;
	const struct shmbus_bus_conf bus_conf = {
		.path = args->path,
		.ports = args->ports,
		.queues = args->queues,
		.lane_size = args->lane_size,
		.mode = args->mode,
	};
	struct shmbus_port_conf port_conf = { .numa_node = priv->numa_node };
	struct shmbus_bus *bus = &wire->lanes;
	struct shmbus_port port;
	int ret;

	ret = shmbus_bus_open(bus, &bus_conf, e);
	if (ret != 0)
		return ret;
	memcpy(port_conf.mac, priv->macs[0].addr_bytes, sizeof(port_conf.mac));
	rte_strscpy(port_conf.name, name, sizeof(port_conf.name));
	ret = shmbus_port_attach(&port, bus, &port_conf, e);
	if (ret != 0) {
		shmbus_bus_undo(bus);
		return ret;
	}
	shmbus_file_unlock(&bus->file);
	priv->slot = port.slot;
	priv->max_frame = shmbus_frame_max(&bus->geo);
	priv->overhead = SHMBUS_OVERHEAD;
	SHMBUS_LOG(INFO, "%s: port %u of %u on %s%s", name, port.slot, bus->geo.ports, bus->file.path,
		   port.took_over ? ", taken over from a dead port" :
		   bus->filled ? ", which it created" : "");
	return 0;
}

static int
share(struct shmbus_wire *wire, const struct shmbus_priv *priv, int fd, struct shmbus_error *e)
{
	return shmbus_bus_open_fd(&wire->lanes, fd, priv->args.path, e);
}

static void
leave(struct shmbus_wire *wire, const struct shmbus_priv *priv)
{
	struct shmbus_bus *bus = &wire->lanes;
	struct shmbus_port port = { .bus = bus, .slot = priv->slot, .numa_node = priv->numa_node };
	struct shmbus_error why;
	bool gone;
	int locked;

	/* The lock keeps newcomers away while the last one removes the file; and while it is held
	 * nobody makes another bus in the file. If somebody has, it is not this port's to tidy up.
	 */
	locked = shmbus_file_lock(&bus->file);
	gone = shmbus_fate_of_port(bus, priv->slot, &why) == SHMBUS_FATE_GONE;
	if (!gone)
		shmbus_port_detach(&port);
	if (locked == 0) {
		if (!gone && priv->args.unlink && shmbus_port_count_peers(&port) == 0)
			shmbus_file_unlink(&bus->file);
		shmbus_file_unlock(&bus->file);
	}
}

static void
close_bus(struct shmbus_wire *wire)
{
	shmbus_bus_close(&wire->lanes);
}

static void
blank_bus(struct shmbus_wire *wire)
{
	/* Without memory for that the mapping stays, guarded. */
	shmbus_bus_blank(&wire->lanes);
}

static enum shmbus_fate
fate(const struct shmbus_wire *wire, const struct shmbus_priv *priv, struct shmbus_error *why)
{
	return shmbus_fate_of_port(&wire->lanes, priv->slot, why);
}

static int
bus_fd(const struct shmbus_wire *wire)
{
	return wire->lanes.file.fd;
}

static uint16_t
max_queues(const struct shmbus_wire *wire)
{
	return (uint16_t)wire->lanes.geo.queues;
}

static uint32_t
count_peers(const struct shmbus_wire *wire, const struct shmbus_priv *priv)
{
	/* Counting changes nothing of the bus. */
	const struct shmbus_port port = {
		.bus = (struct shmbus_bus *)(uintptr_t)&wire->lanes,
		.slot = priv->slot,
	};

	return shmbus_port_count_peers(&port);
}

static void
set_mac(struct rte_eth_dev *dev, const uint8_t *mac)
{
	struct shmbus_port port = base_port(dev);

	if (!is_lost(dev))
		shmbus_port_set_mac(&port, mac);
}

/* Senders heed them if the port says so, and not if not. */
static uint32_t
cursors(const struct rte_eth_dev *dev)
{
	return shmbus_priv(dev)->holds ? SHMBUS_PORT_RX_CURSORS : 0;
}

static void
set_state(struct rte_eth_dev *dev)
{
	struct shmbus_port port = base_port(dev);
	uint32_t state = SHMBUS_PORT_ATTACHED;

	if (dev->data->dev_started) {
		state |= SHMBUS_PORT_STARTED;
		if (dev->data->dev_conf.intr_conf.rxq != 0)
			state |= SHMBUS_PORT_RX_INTR;
		if (!shmbus_priv(dev)->link_down)
			state |= SHMBUS_PORT_LINK_UP | cursors(dev);
	}
	if (!is_lost(dev))
		shmbus_port_set_state(&port, state);
}

static uint64_t
pause_ns(const struct shmbus_args *args)
{
	return (uint64_t)args->pause_timeout_ms * 1000 * 1000;
}

static void
set_pause(struct rte_eth_dev *dev)
{
	const struct shmbus_args *args = &shmbus_priv(dev)->args;
	struct shmbus_txq *q;
	uint16_t i;

	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		q = dev->data->tx_queues[i];
		if (q != NULL)
			shmbus_writer_set_pause(&q->writer, args->pause, pause_ns(args));
	}
	set_state(dev);
	/* A1 (port_store_state): with A2 in the writer. Whatever is sent from now on waits for this
	 * port, if it is to: its sender will look for cursors again before.
	 */
	shmbus_fence_full();
}

static void
prepare(struct rte_eth_dev *dev)
{
	struct shmbus_port port = base_port(dev);

	if (is_lost(dev))
		return;
	/* Senders heed the cursors of who says to have some. Say so before there
	 * are any: else what is sent meanwhile could be overwritten unread.
	 */
	shmbus_port_set_queues(&port, dev->data->nb_tx_queues, dev->data->nb_rx_queues);
	shmbus_port_set_state(&port, SHMBUS_PORT_ATTACHED | cursors(dev));
}

static void
stopped(struct rte_eth_dev *dev)
{
	struct shmbus_port port = base_port(dev);

	if (!is_lost(dev))
		shmbus_port_set_queues(&port, 0, 0);
}

static int
rxq_create(struct rte_eth_dev *dev, struct shmbus_rxq *q, int socket)
{
	q->slot = (uint16_t)shmbus_priv(dev)->slot;
	return shmbus_lanes_create(shmbus_process_bus(dev), q, socket);
}

static int
txq_create(struct rte_eth_dev *dev, struct shmbus_txq *q, int socket)
{
	struct shmbus_bus *bus = shmbus_process_bus(dev);
	const struct shmbus_geometry *geo = &bus->geo;
	struct shmbus_port port = base_port(dev);
	int ret;

	if (is_lost(dev)) {
		SHMBUS_LOG(ERR, "path=%s: the bus is gone, there is none for Tx queue %u; restart or"
			" reset the port first", bus->file.path, q->queue_id);
		return -EIO;
	}
	ret = shmbus_port_prepare_lane(&port, q->queue_id);
	if (ret != 0) {
		SHMBUS_LOG(ERR, "path=%s: no space for the lane of Tx queue %u (%" PRIu64
			" bytes): %s", bus->file.path, q->queue_id, geo->lane_size,
			rte_strerror(-ret));
		return ret;
	}
	q->writer.watch = rte_zmalloc_socket("shmbus_txq",
		geo->ports * geo->queues * sizeof(*q->writer.watch), 0, socket);
	if (q->writer.watch == NULL)
		return -ENOMEM;
	q->waker.watched = rte_zmalloc_socket("shmbus_txq",
		geo->ports * sizeof(*q->waker.watched), 0, socket);
	if (q->waker.watched == NULL) {
		rte_free(q->writer.watch);
		q->writer.watch = NULL;
		return -ENOMEM;
	}
	q->burst_max = shmbus_burst_max(geo);
	return 0;
}

static void
txq_free(struct shmbus_txq *q)
{
	rte_free(q->writer.watch);
	rte_free(q->waker.watched);
	q->writer.watch = NULL;
	q->waker.watched = NULL;
}

static void
txq_start(struct rte_eth_dev *dev, struct shmbus_txq *q)
{
	const struct shmbus_args *args = &shmbus_priv(dev)->args;
	struct shmbus_watch *watch = q->writer.watch;

	q->past.pauses += shmbus_counted(&q->writer.pauses);
	q->past.timeouts += shmbus_counted(&q->writer.timeouts);
	q->past.dead += shmbus_counted(&q->writer.dead);
	shmbus_writer_start(shmbus_process_bus(dev), &q->writer, shmbus_priv(dev)->slot,
			    q->queue_id, watch, args->pause, pause_ns(args));
	shmbus_waker_start(shmbus_process_bus(dev), &q->waker, q->writer.lane, q->waker.watched);
}

static void
rxq_sleep(const struct rte_eth_dev *dev, uint16_t id, bool asleep)
{
	if (is_lost(dev))
		return;
	if (asleep)
		shmbus_wake_sleep(shmbus_process_bus(dev), shmbus_priv(dev)->slot, id);
	else
		shmbus_wake_rise(shmbus_process_bus(dev), shmbus_priv(dev)->slot, id);
}

static void
use_intr(const struct rte_eth_dev *dev, bool begins)
{
	if (!is_lost(dev))
		shmbus_wake_tell(shmbus_process_bus(dev), begins);
}

static void
wake(const struct shmbus_wire *wire)
{
	if (!shmbus_fate_lost(&wire->lanes))
		shmbus_wake_ring(&wire->lanes);
}

static uint32_t
version(const struct shmbus_wire *wire)
{
	RTE_SET_USED(wire);
	return SHMBUS_VERSION;
}

static shmbus_a32 *
header(const struct shmbus_wire *wire, uint32_t *size)
{
	*size = sizeof(struct shmbus_header);
	return (shmbus_a32 *)(void *)wire->lanes.control;
}

static void
dump(const struct rte_eth_dev *dev, FILE *file)
{
	const struct shmbus_bus *bus = shmbus_process_bus(dev);
	const struct shmbus_geometry *geo = &bus->geo;
	struct shmbus_peer peer;
	uint32_t slot;

	fprintf(file, "bus: %u ports, %u queues, lanes of %" PRIu64 " bytes\n", geo->ports, geo->queues,
		geo->lane_size);
	for (slot = 0; slot < geo->ports; slot++) {
		if (!shmbus_port_peer(bus, slot, &peer))
			continue;
		fprintf(file, "slot %u: " RTE_ETHER_ADDR_PRT_FMT ", pid %u, state 0x%x,"
			" %u Tx queues, %u Rx queues%s\n", slot, peer.mac[0], peer.mac[1],
			peer.mac[2], peer.mac[3], peer.mac[4], peer.mac[5], peer.pid, peer.state,
			peer.n_txq, peer.n_rxq,
			slot == shmbus_priv(dev)->slot ? ", this port" :
			shmbus_port_alive(bus, slot) ? "" : ", dead");
	}
}

/* Sum over the readers of a queue, of this start and all before. */
static void
count_rx(const struct shmbus_wire *wire, const struct shmbus_rxq *q, struct shmbus_counts *counts)
{
	uint32_t lane;

	counts->imissed += q->past.missed;
	counts->overruns += q->past.overruns;
	counts->corrupt += q->past.corrupt;
	for (lane = 0; lane < wire->lanes.geo.lanes; lane++) {
		counts->imissed += shmbus_lanes_share(q, shmbus_counted(&q->readers[lane].missed));
		counts->overruns += shmbus_counted(&q->readers[lane].overruns);
		counts->corrupt += shmbus_lanes_share(q, shmbus_counted(&q->readers[lane].corrupt));
	}
}

static void
count_tx(const struct shmbus_txq *q, struct shmbus_counts *counts)
{
	counts->paused += q->past.pauses + shmbus_counted(&q->writer.pauses);
	counts->pause_timeouts += q->past.timeouts + shmbus_counted(&q->writer.timeouts);
	counts->pause_dead += q->past.dead + shmbus_counted(&q->writer.dead);
}

const struct shmbus_wire_ops shmbus_wire_lanes = {
	.name = "lanes",
	.version = version,
	.rx_burst = shmbus_rx_burst,
	.tx_burst = shmbus_tx_burst,
	.join = join,
	.share = share,
	.leave = leave,
	.close = close_bus,
	.blank = blank_bus,
	.fate = fate,
	.fd = bus_fd,
	.max_queues = max_queues,
	.count_peers = count_peers,
	.set_mac = set_mac,
	.set_state = set_state,
	.set_pause = set_pause,
	.prepare = prepare,
	.stopped = stopped,
	.rxq_create = rxq_create,
	.rxq_free = shmbus_lanes_free,
	.rxq_start = shmbus_lanes_start,
	.rxq_stop = shmbus_lanes_stop,
	.rxq_mark = shmbus_lanes_mark,
	.txq_create = txq_create,
	.txq_free = txq_free,
	.txq_start = txq_start,
	.rxq_waiting = shmbus_lanes_waiting,
	.rxq_pending = shmbus_lanes_pending,
	.rxq_sleep = rxq_sleep,
	.use_intr = use_intr,
	.wake = wake,
	.header = header,
	.dump = dump,
	.count_rx = count_rx,
	.count_tx = count_tx,
};

/* Open the bus of priv->args for reading. */
static int
look_on(struct shmbus_wire *wire, struct shmbus_priv *priv, const char *name,
	struct shmbus_error *e)
{
	const struct shmbus_args *args = &priv->args;
	const struct shmbus_bus_conf conf = {
		.path = args->path,
		.ports = args->ports,
		.queues = args->queues,
		.lane_size = args->lane_size,
		.readonly = true,
	};
	struct shmbus_bus *bus = &wire->lanes;
	int ret;

	ret = shmbus_bus_open(bus, &conf, e);
	if (ret != 0)
		return ret;
	shmbus_file_unlock(&bus->file);
	priv->slot = bus->geo.ports; /* nobody's */
	priv->holds = false;
	priv->max_frame = shmbus_frame_max(&bus->geo);
	priv->overhead = SHMBUS_OVERHEAD;
	SHMBUS_LOG(INFO, "%s: looks on at %s", name, bus->file.path);
	return 0;
}

static enum shmbus_fate
fate_readonly(const struct shmbus_wire *wire, const struct shmbus_priv *priv,
	      struct shmbus_error *why)
{
	RTE_SET_USED(priv);
	return shmbus_fate_of_bus(&wire->lanes, why);
}

static void
leave_alone(struct shmbus_wire *wire, const struct shmbus_priv *priv)
{
	RTE_SET_USED(wire);
	RTE_SET_USED(priv);
}

static void
tell_no_mac(struct rte_eth_dev *dev, const uint8_t *mac)
{
	RTE_SET_USED(dev);
	RTE_SET_USED(mac);
}

static void
tell_nothing(struct rte_eth_dev *dev)
{
	RTE_SET_USED(dev);
}

const struct shmbus_wire_ops shmbus_wire_lanes_readonly = {
	.name = "lanes",
	.version = version,
	.rx_burst = shmbus_rx_burst_readonly,
	.tx_burst = rte_eth_pkt_burst_dummy,
	.join = look_on,
	.share = share,
	.leave = leave_alone,
	.close = close_bus,
	.blank = blank_bus,
	.fate = fate_readonly,
	.fd = bus_fd,
	.max_queues = max_queues,
	.count_peers = count_peers,
	.set_mac = tell_no_mac,
	.set_state = tell_nothing,
	.prepare = tell_nothing,
	.stopped = tell_nothing,
	.rxq_create = rxq_create,
	.rxq_free = shmbus_lanes_free,
	.rxq_start = shmbus_lanes_start,
	.rxq_stop = shmbus_lanes_stop,
	.rxq_mark = shmbus_lanes_mark,
	.rxq_waiting = shmbus_lanes_waiting,
	.header = header,
	.dump = dump,
	.count_rx = count_rx,
};
