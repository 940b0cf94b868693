/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A port on a NetBSD shmif bus: the control paths. The bus knows nothing of
 * its ports, so there is little to tell it. A port may be on no bus at all
 * (path= with nothing behind it, or rte_pmd_shmbus_linkstr_unset): then
 * wire->shmif.map is NULL, and the queues are down. At the end, a port that
 * only looks on: it takes no lock, has no number, and writes nothing.
 */

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "base/shmbus_shmif_monitor.h"
#include "shmbus_pace.h"
#include "shmbus_ops.h"

/* What holds of every port on such a bus, and of one on none. Is it on none? */
static bool
join_none(struct shmbus_wire *wire, struct shmbus_priv *priv, const char *name)
{
	struct shmbus_shmif *bus = &wire->shmif;

	priv->max_frame = SHMBUS_SHMIF_FRAME_MAX;
	priv->overhead = RTE_ETHER_HDR_LEN;
	memset(bus, 0, sizeof(*bus));
	bus->file.fd = -1;
	if (priv->args.path[0] != '\0')
		return false;
	SHMBUS_LOG(INFO, "%s: on no bus yet", name);
	return true;
}

static int
join(struct shmbus_wire *wire, struct shmbus_priv *priv, const char *name, struct shmbus_error *e)
{
	const struct shmbus_args *args = &priv->args;
	struct shmbus_shmif *bus = &wire->shmif;
	int ret;

	if (join_none(wire, priv, name))
		return 0;
	ret = shmbus_shmif_open(bus, args->path, SHMBUS_FILE_ANY, args->mode, priv->sender, e);
	if (ret == 0)
		SHMBUS_LOG(INFO, "%s: number %u of this driver's ports on the shmif bus %s%s", name,
			   bus->id, bus->file.path, bus->filled ? ", which it created" : "");
	return ret;
}

static int
share(struct shmbus_wire *wire, const struct shmbus_priv *priv, int fd, struct shmbus_error *e)
{
	return shmbus_shmif_open_fd(&wire->shmif, fd, priv->args.path, priv->sender, e);
}

static void
leave(struct shmbus_wire *wire, const struct shmbus_priv *priv)
{
	struct shmbus_shmif *bus = &wire->shmif;
	struct shmbus_error why;

	if (bus->map == NULL || !priv->args.unlink || shmbus_file_lock(&bus->file) != 0)
		return;
	/* What somebody has made of the file is not this port's to remove. */
	if (shmbus_fate_of_shmif(bus, &why) != SHMBUS_FATE_GONE &&
	    shmbus_shmif_count_peers(bus) == 0)
		shmbus_file_unlink(&bus->file);
	shmbus_file_unlock(&bus->file);
}

static void
close_bus(struct shmbus_wire *wire)
{
	shmbus_shmif_close(&wire->shmif);
}

static enum shmbus_fate
fate(const struct shmbus_wire *wire, const struct shmbus_priv *priv, struct shmbus_error *why)
{
	RTE_SET_USED(priv);
	return shmbus_fate_of_shmif(&wire->shmif, why);
}

static int
bus_fd(const struct shmbus_wire *wire)
{
	return wire->shmif.file.fd;
}

static uint16_t
max_queues(const struct shmbus_wire *wire)
{
	RTE_SET_USED(wire);
	return 1;
}

static uint32_t
count_peers(const struct shmbus_wire *wire, const struct shmbus_priv *priv)
{
	RTE_SET_USED(priv);
	return wire->shmif.map != NULL ? shmbus_shmif_count_peers(&wire->shmif) : 0;
}

static void
set_mac(struct rte_eth_dev *dev, const uint8_t *mac)
{
	RTE_SET_USED(dev);
	RTE_SET_USED(mac);
}

static int
rxq_create(struct rte_eth_dev *dev, struct shmbus_rxq *q, int socket)
{
	RTE_SET_USED(dev);
	q->shmif.bytes = rte_zmalloc_socket("shmbus", SHMBUS_SHMIF_PIECE, RTE_CACHE_LINE_SIZE,
					    socket);
	return q->shmif.bytes != NULL ? 0 : -ENOMEM;
}

static void
rxq_free(struct shmbus_rxq *q)
{
	rte_free(q->shmif.bytes);
}

static uint64_t
break_ns(const struct rte_eth_dev *dev)
{
	return (uint64_t)shmbus_priv(dev)->args.lock_break_ms * 1000 * 1000;
}

static void
rxq_start(const struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);

	shmbus_pace_start(&q->pace);
	q->serial = wire->serial;
	q->shmif.watch.break_ns = break_ns(dev);
	if (wire->shmif.map != NULL)
		shmbus_shmif_reader_start(&wire->shmif, &q->shmif, SHMBUS_SHMIF_START_MS);
}

static void
rxq_mark(const struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	struct shmbus_shmif_reader r = { .watch = { .break_ns = break_ns(dev) } };

	if (wire->shmif.map == NULL)
		return;
	shmbus_shmif_reader_start(&wire->shmif, &r, SHMBUS_SHMIF_START_MS);
	q->mark = r.pos;
}

static int
txq_create(struct rte_eth_dev *dev, struct shmbus_txq *q, int socket)
{
	RTE_SET_USED(dev);
	q->shmif.bytes = rte_zmalloc_socket("shmbus", SHMBUS_SHMIF_BURST, RTE_CACHE_LINE_SIZE,
					    socket);
	return q->shmif.bytes != NULL ? 0 : -ENOMEM;
}

static void
txq_free(struct shmbus_txq *q)
{
	rte_free(q->shmif.bytes);
}

static void
txq_start(struct rte_eth_dev *dev, struct shmbus_txq *q)
{
	q->serial = shmbus_wire(dev)->serial;
	q->shmif.watch.break_ns = break_ns(dev);
}

static void
count_watch(const struct shmbus_shmif_watch *watch, struct shmbus_counts *counts)
{
	counts->lock_busy += shmbus_counted(&watch->busy);
	counts->lock_broken_ours += shmbus_counted(&watch->broken_ours);
	counts->lock_broken_foreign += shmbus_counted(&watch->broken_foreign);
}

static void
count_rx(const struct shmbus_wire *wire, const struct shmbus_rxq *q, struct shmbus_counts *counts)
{
	RTE_SET_USED(wire);
	counts->imissed += shmbus_counted(&q->shmif.missed);
	counts->missed_bytes += q->shmif.missed_bytes;
	counts->overruns += shmbus_counted(&q->shmif.overruns);
	counts->corrupt += shmbus_counted(&q->shmif.corrupt);
	count_watch(&q->shmif.watch, counts);
}

static void
count_tx(const struct shmbus_txq *q, struct shmbus_counts *counts)
{
	counts->tx_corrupt += shmbus_counted(&q->shmif.corrupt);
	count_watch(&q->shmif.watch, counts);
}

/* What has been fetched; what has not is one, as only the holder of the lock can count it. */
static uint64_t
rxq_waiting(const struct rte_eth_dev *dev, const struct shmbus_rxq *q)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);

	if (wire->shmif.map == NULL || wire->serial != q->serial)
		return 0;
	return shmbus_shmif_reader_fetched(&q->shmif) +
	       shmbus_shmif_pending(&wire->shmif, &q->shmif);
}

static bool
rxq_pending(const struct rte_eth_dev *dev, const struct shmbus_rxq *q)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);

	return wire->shmif.map != NULL && (shmbus_shmif_has_next(&q->shmif) ||
					   shmbus_shmif_pending(&wire->shmif, &q->shmif));
}

static void
wake(const struct shmbus_wire *wire)
{
	if (wire->shmif.map != NULL)
		shmbus_shmif_wake(&wire->shmif);
}

static uint32_t
version(const struct shmbus_wire *wire)
{
	/* Without a bus: what it would make. */
	return wire->shmif.version != 0 ? wire->shmif.version : SHMBUS_SHMIF_VERSION;
}

static shmbus_a32 *
header(const struct shmbus_wire *wire, uint32_t *size)
{
	*size = sizeof(struct shmbus_shmif_header);
	return (shmbus_a32 *)(void *)wire->shmif.map;
}

static void
dump(const struct rte_eth_dev *dev, FILE *file)
{
	const struct shmbus_shmif *bus = &shmbus_wire(dev)->shmif;
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	if (bus->map == NULL) {
		fprintf(file, "bus: none\n");
		return;
	}
	fprintf(file, "bus: generation %" PRIu64 ", oldest record at %u, newest at %u, lock %u\n",
		shmbus_load(&h->gen), shmbus_load(&h->first), shmbus_load(&h->last),
		shmbus_load(&h->lock));
	if (bus->id != 0)
		fprintf(file, "number of this port among those of this driver: %u\n", bus->id);
}

static void
nothing(struct rte_eth_dev *dev)
{
	RTE_SET_USED(dev);
}

static void
rxq_stop(const struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	RTE_SET_USED(dev);
	q->shmif.off = q->shmif.len; /* what was fetched and not asked for is gone */
}

const struct shmbus_wire_ops shmbus_wire_shmif = {
	.name = "shmif",
	.version = version,
	.rx_burst = shmbus_shmif_rx_burst,
	.tx_burst = shmbus_shmif_tx_burst,
	.join = join,
	.share = share,
	.leave = leave,
	.close = close_bus,
	.blank = close_bus, /* then it is on no bus, which is harmless here */
	.fate = fate,
	.fd = bus_fd,
	.max_queues = max_queues,
	.count_peers = count_peers,
	.set_mac = set_mac,
	.set_state = nothing,
	.prepare = nothing,
	.stopped = nothing,
	.rxq_create = rxq_create,
	.rxq_free = rxq_free,
	.rxq_start = rxq_start,
	.rxq_stop = rxq_stop,
	.rxq_mark = rxq_mark,
	.txq_create = txq_create,
	.txq_free = txq_free,
	.txq_start = txq_start,
	.rxq_waiting = rxq_waiting,
	.rxq_pending = rxq_pending,
	.wake = wake,
	.header = header,
	.dump = dump,
	.count_rx = count_rx,
	.count_tx = count_tx,
};

static int
look_on(struct shmbus_wire *wire, struct shmbus_priv *priv, const char *name,
	struct shmbus_error *e)
{
	struct shmbus_shmif *bus = &wire->shmif;
	int ret;

	priv->holds = false;
	if (join_none(wire, priv, name))
		return 0;
	ret = shmbus_shmif_open_readonly(bus, priv->args.path, e);
	if (ret == 0)
		SHMBUS_LOG(INFO, "%s: looks on at the shmif bus %s", name, bus->file.path);
	return ret;
}

static void
leave_alone(struct shmbus_wire *wire, const struct shmbus_priv *priv)
{
	RTE_SET_USED(wire);
	RTE_SET_USED(priv);
}

/* Behind the newest frame, or if there is no moment to look, with it. */
static void
begin(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r)
{
	unsigned int i;

	for (i = 0; i < SHMBUS_SHMIF_START_MS; i++) {
		if (shmbus_shmif_monitor_start(bus, r, false) != -EBUSY)
			return;
		rte_delay_us_sleep(1000);
	}
}

static void
rxq_start_readonly(const struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);

	shmbus_pace_start(&q->pace);
	q->serial = wire->serial;
	if (wire->shmif.map != NULL)
		begin(&wire->shmif, &q->shmif);
}

static void
rxq_mark_readonly(const struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	struct shmbus_shmif_reader r = { .pos = 0 };

	if (wire->shmif.map == NULL)
		return;
	begin(&wire->shmif, &r);
	q->mark = r.pos;
}

const struct shmbus_wire_ops shmbus_wire_shmif_readonly = {
	.name = "shmif",
	.version = version,
	.rx_burst = shmbus_shmif_rx_burst_readonly,
	.tx_burst = rte_eth_pkt_burst_dummy,
	.join = look_on,
	.share = share,
	.leave = leave_alone,
	.close = close_bus,
	.blank = close_bus,
	.fate = fate,
	.fd = bus_fd,
	.max_queues = max_queues,
	.count_peers = count_peers,
	.set_mac = set_mac,
	.set_state = nothing,
	.prepare = nothing,
	.stopped = nothing,
	.rxq_create = rxq_create,
	.rxq_free = rxq_free,
	.rxq_start = rxq_start_readonly,
	.rxq_stop = rxq_stop,
	.rxq_mark = rxq_mark_readonly,
	.rxq_waiting = rxq_waiting,
	.header = header,
	.dump = dump,
	.count_rx = count_rx,
};
