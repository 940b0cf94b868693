/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Stations: beginning, end, properties and counters. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shmbus_lib.h"

static void
free_station(struct shmbus_station *st)
{
	shmbus_lib_sleeper_close(&st->rx_sleeper);
	shmbus_lib_sleeper_close(&st->tx_sleeper);
	free(st->lanes.rx_memory);
	free(st->lanes.tx_memory);
	free(st->lanes.fdb);
	free(st->room_in);
	free(st->room_out);
	free(st);
}

/*
 * Allocates all memory that does not depend on the bus. This comes first, so that a failure leaves
 * no trace in the file. NULL: out of memory.
 */
static struct shmbus_station *
new_station(const struct shmbus_conf *conf, bool monitor)
{
	struct shmbus_station *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return NULL;
	st->flags = conf->flags;
	st->monitor = monitor;
	shmbus_lib_sleeper_init(&st->rx_sleeper);
	shmbus_lib_sleeper_init(&st->tx_sleeper);
	memcpy(st->mac, conf->mac, sizeof(st->mac));
	st->room_in = malloc(SHMBUS_LIB_ROOM);
	st->room_out = malloc(SHMBUS_LIB_ROOM);
	if (st->room_in != NULL && st->room_out != NULL)
		return st;
	free_station(st);
	return NULL;
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

/* Joins the bus, or begins to monitor it. The bus is open. */
static int
begin(struct shmbus_station *st, const struct shmbus_conf *conf,
      const struct shmbus_wire_conf *wire_conf)
{
	st->frame_max = shmbus_wire_frame_max(&st->bus.wire);
	st->ops = shmbus_lib_is_lanes(&st->bus) ? &shmbus_lib_lanes_ops : &shmbus_lib_shmif_ops;
	return st->ops->begin(st, conf, wire_conf);
}

static int
open_station(struct shmbus_station **station, const char *path, const struct shmbus_conf *conf,
	     bool monitor)
{
	struct shmbus_wire_conf wire_conf;
	struct shmbus_station *st;
	struct shmbus_conf full;
	int ret;

	*station = NULL;
	ret = shmbus_lib_conf(path, conf, &full, &wire_conf);
	if (ret == 0)
		ret = check_flags(path, full.flags, monitor);
	if (ret != 0)
		return ret;
	st = new_station(&full, monitor);
	if (st == NULL)
		return shmbus_lib_no_memory(path);
	ret = monitor ? shmbus_wire_look(&st->bus.wire, &wire_conf, shmbus_lib_error()) :
			shmbus_wire_open(&st->bus.wire, &wire_conf, shmbus_lib_error());
	if (ret != 0)
		goto err_free;
	ret = begin(st, &full, &wire_conf);
	if (ret != 0)
		goto err_close;
	*station = st;
	return 0;

err_close:
	if (monitor)
		shmbus_wire_close(&st->bus.wire);
	else /* restores the file, as far as no other process can have found the bus yet */
		shmbus_wire_undo(&st->bus.wire);
err_free:
	free_station(st);
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
	shmbus_wire_leave(&st->bus.wire, st->flags & SHMBUS_UNLINK);
	shmbus_forget(st);
}

void
shmbus_forget(struct shmbus_station *st)
{
	if (st == NULL)
		return;
	shmbus_wire_close(&st->bus.wire);
	free_station(st);
}

struct shmbus *
shmbus_station_bus(struct shmbus_station *st)
{
	return &st->bus;
}

int
shmbus_get_self(const struct shmbus_station *st, struct shmbus_self *self)
{
	memset(self, 0, sizeof(*self));
	if (shmbus_wire_is_new(&st->bus.wire))
		self->flags |= SHMBUS_SELF_CREATED;
	if (st->bus.wire.took_over)
		self->flags |= SHMBUS_SELF_TOOK_OVER;
	if (st->monitor)
		self->flags |= SHMBUS_SELF_MONITOR;
	self->slot = st->bus.wire.slot;
	self->frame_max = st->frame_max;
	self->frame_min = SHMBUS_FRAME_MIN;
	if (!shmbus_lib_is_lanes(&st->bus))
		self->sender = st->bus.wire.shmif.sender;
	memcpy(self->mac, st->mac, sizeof(self->mac));
	return 0;
}

int
shmbus_get_stats(const struct shmbus_station *st, struct shmbus_stats *stats)
{
	*stats = (struct shmbus_stats){
		.rx_frames = shmbus_counted(&st->stats.rx_frames),
		.rx_bytes = shmbus_counted(&st->stats.rx_bytes),
		.rx_corrupt = shmbus_counted(&st->stats.rx_corrupt),
		.rx_filtered = shmbus_counted(&st->stats.rx_filtered),
		.rx_truncated = shmbus_counted(&st->stats.rx_truncated),
		.tx_frames = shmbus_counted(&st->stats.tx_frames),
		.tx_bytes = shmbus_counted(&st->stats.tx_bytes),
	};
	st->ops->count(st, stats);
	return 0;
}
