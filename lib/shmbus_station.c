/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Stations: beginning, end, properties and counters. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shmbus_lib.h"

static void
free_queue(struct shmbus_station *st)
{
	shmbus_lib_sleeper_close(&st->rx_sleeper);
	shmbus_lib_sleeper_close(&st->tx_sleeper);
	free(st->lanes.rx_memory);
	free(st->lanes.tx_memory);
	free(st->room_in);
	free(st->room_out);
	free(st);
}

static void
free_port(struct shmbus_lib_port *port)
{
	uint32_t q;

	for (q = 0; q < port->n_queues; q++)
		free_queue(port->queues[q]);
	free(port->fdb);
	pthread_mutex_destroy(&port->lock);
	free(port);
}

static struct shmbus_station *
new_queue(struct shmbus_lib_port *port, const struct shmbus_conf *conf, bool monitor)
{
	struct shmbus_station *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return NULL;
	st->port = port;
	st->bus = &port->bus;
	st->queue = port->n_queues;
	st->flags = conf->flags;
	st->monitor = monitor;
	shmbus_lib_sleeper_init(&st->rx_sleeper);
	shmbus_lib_sleeper_init(&st->tx_sleeper);
	memcpy(st->mac, conf->mac, sizeof(st->mac));
	st->room_in = malloc(SHMBUS_LIB_ROOM);
	st->room_out = malloc(SHMBUS_LIB_ROOM);
	if (st->room_in != NULL && st->room_out != NULL)
		return st;
	free_queue(st);
	return NULL;
}

/*
 * Allocates all memory that does not depend on the bus. This comes first, so that a failure leaves
 * no trace in the file. NULL: out of memory.
 */
static struct shmbus_lib_port *
new_port(const struct shmbus_conf *conf, bool monitor)
{
	struct shmbus_lib_port *port = calloc(1, sizeof(*port));
	struct shmbus_station *st;

	if (port == NULL)
		return NULL;
	pthread_mutex_init(&port->lock, NULL);
	while (port->n_queues < conf->port_queues) {
		st = new_queue(port, conf, monitor);
		if (st == NULL) {
			free_port(port);
			return NULL;
		}
		port->queues[port->n_queues++] = st;
	}
	return port;
}

static int
check_flags(const char *path, uint32_t flags, bool monitor)
{
	if (!monitor && (flags & SHMBUS_OLDEST))
		return shmbus_lib_fail(-EINVAL,
			"path=%s: SHMBUS_OLDEST is for monitors; leave it out for a port", path);
	if (monitor &&
	    (flags & ~(SHMBUS_FILTER | SHMBUS_OLDEST | SHMBUS_EXISTING | SHMBUS_NO_GUARD)))
		return shmbus_lib_fail(-EINVAL, "path=%s: conf.flags=0x%x: a monitor accepts only "
				       "SHMBUS_FILTER, SHMBUS_OLDEST, SHMBUS_EXISTING and "
				       "SHMBUS_NO_GUARD", path, flags);
	return 0;
}

int
shmbus_lib_refuse_queues(const char *path, uint32_t queues)
{
	return shmbus_lib_fail(-EINVAL, "path=%s: a port with %" PRIu32 " queues cannot be on a shmif "
			       "bus, where each port has one; take one queue, or a bus of lanes", path,
			       queues);
}

static int
check_queues(const char *path, const struct shmbus_conf *conf, bool monitor)
{
	if (conf->port_queues == 1)
		return 0;
	if (monitor)
		return shmbus_lib_fail(-EINVAL, "path=%s: port_queues=%" PRIu32 ": a monitor has one "
				       "queue; leave port_queues out", path, conf->port_queues);
	if (shmbus_wire_find_format(path, (enum shmbus_wire_format)conf->format) == SHMBUS_WIRE_SHMIF)
		return shmbus_lib_refuse_queues(path, conf->port_queues);
	return 0;
}

/* Joins the bus, or begins to monitor it. The bus is open. */
static int
begin(struct shmbus_lib_port *port, const struct shmbus_conf *conf,
      const struct shmbus_wire_conf *wire_conf)
{
	const struct shmbus_lib_ops *ops = shmbus_lib_is_lanes(&port->bus) ? &shmbus_lib_lanes_ops :
									     &shmbus_lib_shmif_ops;
	uint32_t q;

	for (q = 0; q < port->n_queues; q++) {
		port->queues[q]->frame_max = shmbus_wire_frame_max(&port->bus.wire);
		port->queues[q]->ops = ops;
	}
	return ops->begin(port, conf, wire_conf);
}

static int
open_station(struct shmbus_station **station, const char *path, const struct shmbus_conf *conf,
	     bool monitor)
{
	struct shmbus_wire_conf wire_conf;
	struct shmbus_lib_port *port;
	struct shmbus_conf full;
	int ret;

	*station = NULL;
	ret = shmbus_lib_conf(path, conf, &full, &wire_conf);
	if (ret == 0)
		ret = check_flags(path, full.flags, monitor);
	if (ret == 0)
		ret = check_queues(path, &full, monitor);
	if (ret != 0)
		return ret;
	wire_conf.bus.port_queues = full.port_queues;
	wire_conf.port.lanes = full.port_queues;
	port = new_port(&full, monitor);
	if (port == NULL)
		return shmbus_lib_no_memory(path);
	ret = monitor ? shmbus_wire_look(&port->bus.wire, &wire_conf, shmbus_lib_error()) :
			shmbus_wire_open(&port->bus.wire, &wire_conf, shmbus_lib_error());
	if (ret != 0)
		goto err_free;
	ret = begin(port, &full, &wire_conf);
	if (ret != 0)
		goto err_close;
	*station = port->queues[0];
	return 0;

err_close:
	if (monitor)
		shmbus_wire_close(&port->bus.wire);
	else /* restores the file, as far as no other process can have found the bus yet */
		shmbus_wire_undo(&port->bus.wire);
err_free:
	free_port(port);
	return ret;
}

int
shmbus_attach(struct shmbus_station **station, const char *path, const struct shmbus_conf *conf)
{
	return open_station(station, path, conf, false);
}

int
shmbus_monitor(struct shmbus_station **station, const char *path, const struct shmbus_conf *conf)
{
	return open_station(station, path, conf, true);
}

void
shmbus_detach(struct shmbus_station *st)
{
	if (st == NULL)
		return;
	shmbus_wire_leave(&st->bus->wire, st->flags & SHMBUS_UNLINK);
	shmbus_forget(st);
}

void
shmbus_forget(struct shmbus_station *st)
{
	if (st == NULL)
		return;
	shmbus_wire_close(&st->bus->wire);
	free_port(st->port);
}

int
shmbus_get_queue(struct shmbus_station *st, uint32_t queue, struct shmbus_station **handle)
{
	const uint32_t n = st->port->n_queues;

	*handle = NULL;
	if (queue >= n)
		return shmbus_lib_fail(-EINVAL, "path=%s: queue=%" PRIu32 ": this station has %" PRIu32
				       " queue%s, from 0 on; port_queues of shmbus_attach() is their number",
				       shmbus_lib_path(st->bus), queue, n, n == 1 ? "" : "s");
	*handle = st->port->queues[queue];
	return 0;
}

struct shmbus *
shmbus_station_bus(struct shmbus_station *st)
{
	return st->bus;
}

int
shmbus_get_self(const struct shmbus_station *st, struct shmbus_self *self)
{
	memset(self, 0, sizeof(*self));
	if (shmbus_wire_is_new(&st->bus->wire))
		self->flags |= SHMBUS_SELF_CREATED;
	if (st->bus->wire.took_over)
		self->flags |= SHMBUS_SELF_TOOK_OVER;
	if (st->monitor)
		self->flags |= SHMBUS_SELF_MONITOR;
	self->slot = st->bus->wire.slot;
	self->frame_max = st->frame_max;
	self->frame_min = SHMBUS_FRAME_MIN;
	if (!shmbus_lib_is_lanes(st->bus))
		self->sender = st->bus->wire.shmif.sender;
	memcpy(self->mac, st->mac, sizeof(self->mac));
	self->queue = st->queue;
	self->queues = st->port->n_queues;
	return 0;
}

static void
count_queue(const struct shmbus_station *st, struct shmbus_stats *stats)
{
	stats->rx_frames += shmbus_counted(&st->stats.rx_frames);
	stats->rx_bytes += shmbus_counted(&st->stats.rx_bytes);
	stats->rx_corrupt += shmbus_counted(&st->stats.rx_corrupt);
	stats->rx_filtered += shmbus_counted(&st->stats.rx_filtered);
	stats->rx_truncated += shmbus_counted(&st->stats.rx_truncated);
	stats->tx_frames += shmbus_counted(&st->stats.tx_frames);
	stats->tx_bytes += shmbus_counted(&st->stats.tx_bytes);
	st->ops->count(st, stats);
}

int
shmbus_get_stats(const struct shmbus_station *st, struct shmbus_stats *stats)
{
	const struct shmbus_lib_port *port = st->port;
	uint32_t q;

	memset(stats, 0, sizeof(*stats));
	for (q = 0; q < port->n_queues; q++)
		count_queue(port->queues[q], stats);
	return 0;
}
