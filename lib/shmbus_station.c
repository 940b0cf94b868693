/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Stations: how they begin and end, and what can be asked of them. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shmbus_lib.h"

/* -ENOMEM; then the station has a wire all the same, which frees what there is. */
static int
choose_wire(struct shmbus_station *st, uint32_t format)
{
	st->wire = format == SHMBUS_FORMAT_LANES ? &shmbus_lib_lanes : &shmbus_lib_shmif;
	return st->wire->prepare != NULL ? st->wire->prepare(st) : 0;
}

static struct shmbus_station *
new_station(uint32_t flags, bool monitor)
{
	struct shmbus_station *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return NULL;
	st->part.frame = malloc(SHMBUS_FRAME_MAX);
	st->part.final = malloc(SHMBUS_FRAME_MAX);
	st->flags = flags;
	st->monitor = monitor;
	st->watch_fd = -1;
	if (st->part.frame != NULL && st->part.final != NULL)
		return st;
	free(st->part.frame);
	free(st->part.final);
	free(st);
	return NULL;
}

static void
free_station(struct shmbus_station *st)
{
	if (st->wire != NULL)
		st->wire->free(st);
	if (st->watch_fd >= 0)
		close(st->watch_fd);
	free(st->part.frame);
	free(st->part.final);
	free(st);
}

static int
no_memory(const char *path)
{
	return shmbus_lib_fail(-ENOMEM, "path=%s: out of memory", path);
}

/* The file becomes what it was before, where nobody else can have found it yet. */
static void
undo_open(struct shmbus *bus)
{
	if (bus->format == SHMBUS_FORMAT_LANES)
		shmbus_bus_undo(&bus->lanes);
	else
		shmbus_shmif_close(&bus->shmif);
}

int
shmbus_attach(struct shmbus_station **station, const char *path, const struct shmbus_conf *conf)
{
	struct shmbus_station *st;
	struct shmbus_conf full;
	int ret;

	*station = NULL;
	ret = shmbus_lib_conf(path, conf, &full);
	if (ret != 0)
		return ret;
	if (full.flags & SHMBUS_OLDEST)
		return shmbus_lib_fail(-EINVAL,
			"path=%s: SHMBUS_OLDEST is for monitors; a port begins now", path);
	st = new_station(full.flags, false);
	if (st == NULL)
		return no_memory(path);
	memcpy(st->mac, full.mac, sizeof(st->mac));
	if (choose_wire(st, full.format) != 0) {
		ret = no_memory(path);
		goto err_free;
	}
	ret = shmbus_lib_open(&st->bus, path, &full);
	if (ret != 0)
		goto err_free;
	ret = st->wire->begin(st, &full);
	if (ret != 0)
		goto err_undo;
	*station = st;
	return 0;

err_undo:
	undo_open(&st->bus);
err_free:
	free_station(st);
	return ret;
}

int
shmbus_monitor(struct shmbus_station **station, const char *path, const struct shmbus_conf *conf)
{
	struct shmbus_station *st;
	struct shmbus_conf full;
	int ret;

	*station = NULL;
	ret = shmbus_lib_conf(path, conf, &full);
	if (ret != 0)
		return ret;
	if (full.flags & ~(SHMBUS_FILTER | SHMBUS_OLDEST | SHMBUS_EXISTING))
		return shmbus_lib_fail(-EINVAL, "path=%s: conf.flags=0x%x: a monitor has SHMBUS_FILTER "
				       "and SHMBUS_OLDEST only", path, full.flags);
	st = new_station(full.flags, true);
	if (st == NULL)
		return no_memory(path);
	memcpy(st->mac, full.mac, sizeof(st->mac));
	ret = shmbus_lib_look(&st->bus, path);
	if (ret != 0)
		goto err_free;
	ret = choose_wire(st, st->bus.format) != 0 ? no_memory(path) : st->wire->begin(st, &full);
	if (ret != 0)
		goto err_close;
	*station = st;
	return 0;

err_close:
	shmbus_lib_close(&st->bus);
err_free:
	free_station(st);
	return ret;
}

void
shmbus_detach(struct shmbus_station *st)
{
	if (st == NULL)
		return;
	if (!st->monitor)
		st->wire->leave(st);
	shmbus_forget(st);
}

void
shmbus_forget(struct shmbus_station *st)
{
	if (st == NULL)
		return;
	shmbus_lib_close(&st->bus);
	free_station(st);
}

struct shmbus *
shmbus_station_bus(struct shmbus_station *st)
{
	return &st->bus;
}

int
shmbus_get_self(struct shmbus_station *st, struct shmbus_self *self)
{
	memset(self, 0, sizeof(*self));
	if (st->created)
		self->flags |= SHMBUS_SELF_CREATED;
	if (st->took_over)
		self->flags |= SHMBUS_SELF_TOOK_OVER;
	if (st->monitor)
		self->flags |= SHMBUS_SELF_MONITOR;
	self->slot = st->bus.slot;
	self->frame_max = st->frame_max;
	self->frame_min = SHMBUS_SHMIF_FRAME_MIN;
	if (st->bus.format == SHMBUS_FORMAT_SHMIF)
		self->sender = st->bus.shmif.sender;
	memcpy(self->mac, st->mac, sizeof(self->mac));
	return 0;
}

int
shmbus_get_stats(struct shmbus_station *st, struct shmbus_stats *stats)
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
	st->wire->count(st, stats);
	return 0;
}
