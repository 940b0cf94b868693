/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A station on a bus of lanes: one lane to write, all others to read. How it
 * begins, sleeps and leaves.
 *
 * A port that receives has a reader at the tail of each lane, and an active
 * cursor, from its beginning on, whether anybody owns the lane yet or not.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shmbus_lib_lanes.h"

static int
allocate(struct shmbus_station *st)
{
	const struct shmbus_geometry *geo = &st->bus.lanes.geo;
	struct shmbus_lanes_side *s = &st->lanes;

	s->readers = calloc(geo->lanes, sizeof(*s->readers));
	s->told = calloc(geo->lanes, sizeof(*s->told));
	s->active = calloc(geo->lanes, sizeof(*s->active));
	s->roster = calloc(geo->ports, sizeof(*s->roster));
	s->ends = calloc(SHMBUS_PEEK_MAX, sizeof(*s->ends));
	s->watch = calloc(geo->lanes, sizeof(*s->watch));
	s->watched = calloc(geo->ports, sizeof(*s->watched));
	if (s->readers != NULL && s->told != NULL && s->active != NULL && s->roster != NULL &&
	    s->ends != NULL && s->watch != NULL && s->watched != NULL)
		return 0;
	return shmbus_lib_fail(-ENOMEM, "path=%s: out of memory", st->bus.lanes.file.path);
}

static void
free_lanes(struct shmbus_station *st)
{
	struct shmbus_lanes_side *s = &st->lanes;

	free(s->readers);
	free(s->told);
	free(s->active);
	free(s->roster);
	free(s->ends);
	free(s->watch);
	free(s->watched);
}

/* ---- begin and end */

static uint32_t
state_of(const struct shmbus_station *st)
{
	uint32_t state = SHMBUS_PORT_ATTACHED;

	if (shmbus_lib_lanes_receives(st) && !(st->flags & SHMBUS_NO_HOLD))
		state |= SHMBUS_PORT_RX_CURSORS;
	return state;
}

/* As it is once it has begun. */
static void
tell_state(struct shmbus_station *st)
{
	uint32_t state = state_of(st) | SHMBUS_PORT_STARTED | SHMBUS_PORT_LINK_UP;

	if (st->watch_fd >= 0)
		state |= SHMBUS_PORT_RX_INTR;
	shmbus_port_set_state(&st->lanes.port, state);
}

/* Readers at the tails, and senders wait for them from now on. */
static void
begin_receiving(struct shmbus_station *st)
{
	struct shmbus_bus *bus = &st->bus.lanes;
	uint32_t lane;

	for (lane = 0; lane < bus->geo.lanes; lane++) {
		shmbus_reader_start(bus, &st->lanes.readers[lane], lane);
		if (!shmbus_lib_lanes_is_mine(st, lane))
			shmbus_reader_hold(bus, &st->lanes.readers[lane],
					   shmbus_bus_cursor(bus, st->bus.slot, 0, lane));
	}
	shmbus_port_roster_forget(bus, st->lanes.roster);
}

static void
begin_sending(struct shmbus_station *st, const struct shmbus_conf *conf)
{
	struct shmbus_bus *bus = &st->bus.lanes;
	struct shmbus_lanes_side *s = &st->lanes;

	shmbus_writer_start(bus, &s->writer, st->bus.slot, 0, s->watch,
			    !(st->flags & SHMBUS_NO_PAUSE),
			    (uint64_t)conf->pause_timeout_ms * 1000 * 1000);
	shmbus_waker_start(bus, &s->waker, s->writer.lane, s->watched);
}

static int
begin_port(struct shmbus_station *st, const struct shmbus_conf *conf)
{
	struct shmbus_bus *bus = &st->bus.lanes;
	struct shmbus_port *port = &st->lanes.port;
	struct shmbus_port_conf port_conf = { .numa_node = (int)conf->numa - 1 };
	int ret;

	memcpy(port_conf.mac, st->mac, sizeof(port_conf.mac));
	memcpy(port_conf.name, conf->name, strnlen(conf->name, sizeof(port_conf.name) - 1));
	ret = shmbus_port_attach(port, bus, &port_conf, shmbus_lib_error());
	if (ret != 0)
		return ret;
	shmbus_file_unlock(&bus->file);
	st->bus.slot = port->slot;
	st->took_over = port->took_over;
	/* Senders heed the cursors of who says to have some. Say so before there are any. */
	shmbus_port_set_queues(port, 1, shmbus_lib_lanes_receives(st));
	shmbus_port_set_state(port, state_of(st));
	begin_sending(st, conf);
	if (shmbus_lib_lanes_receives(st))
		begin_receiving(st);
	tell_state(st);
	return 0;
}

static void
begin_monitor(struct shmbus_station *st)
{
	struct shmbus_bus *bus = &st->bus.lanes;
	uint32_t lane;

	for (lane = 0; lane < bus->geo.lanes; lane++) {
		if (st->flags & SHMBUS_OLDEST)
			shmbus_reader_start_oldest(bus, &st->lanes.readers[lane], lane);
		else
			shmbus_reader_start(bus, &st->lanes.readers[lane], lane);
	}
	shmbus_port_roster_forget(bus, st->lanes.roster);
}

static int
begin(struct shmbus_station *st, const struct shmbus_conf *conf)
{
	int ret;

	st->created = st->bus.lanes.filled;
	st->frame_max = shmbus_frame_max(&st->bus.lanes.geo);
	ret = allocate(st);
	if (ret != 0)
		return ret;
	if (!st->monitor)
		return begin_port(st, conf);
	begin_monitor(st);
	return 0;
}

static void
leave(struct shmbus_station *st)
{
	struct shmbus_port *port = &st->lanes.port;
	const struct shmbus_file *file = &st->bus.lanes.file;
	struct shmbus_error why;
	int locked;
	bool gone;

	/* The lock keeps newcomers away while the last one removes the file; and while it is held
	 * nobody makes another bus in the file. If somebody has, it is not this port's to tidy up.
	 */
	locked = shmbus_file_lock(file);
	gone = shmbus_fate_of_port(&st->bus.lanes, port->slot, &why) == SHMBUS_FATE_GONE;
	if (!gone) {
		shmbus_port_set_queues(port, 0, 0);
		shmbus_port_detach(port);
		if (st->watch_fd >= 0)
			shmbus_wake_tell(&st->bus.lanes, false);
	}
	if (locked != 0)
		return;
	if (!gone && (st->flags & SHMBUS_UNLINK) && shmbus_port_count_peers(port) == 0)
		shmbus_file_unlink(file);
	shmbus_file_unlock(file);
}

/* ---- sleep */

static void
set_asleep(struct shmbus_station *st, bool asleep)
{
	if (!shmbus_lib_lanes_receives(st))
		return;
	/* Who wakes it may be new: look who is on the bus before the next receive. */
	st->lanes.idle = 0;
	if (shmbus_fate_lost(&st->bus.lanes))
		return;
	if (asleep)
		shmbus_wake_sleep(&st->bus.lanes, st->bus.slot, 0);
	else
		shmbus_wake_rise(&st->bus.lanes, st->bus.slot, 0);
}

static void
will_sleep(struct shmbus_station *st)
{
	if (shmbus_fate_lost(&st->bus.lanes))
		return;
	tell_state(st);
	shmbus_wake_tell(&st->bus.lanes, true);
}

static void
count(struct shmbus_station *st, struct shmbus_stats *stats)
{
	const struct shmbus_lanes_side *s = &st->lanes;
	uint32_t lane;

	for (lane = 0; lane < st->bus.lanes.geo.lanes; lane++) {
		stats->rx_missed += shmbus_counted(&s->readers[lane].missed);
		stats->rx_overruns += shmbus_counted(&s->readers[lane].overruns);
		stats->rx_corrupt += shmbus_counted(&s->readers[lane].corrupt);
	}
	stats->tx_pauses = shmbus_counted(&s->writer.pauses);
	stats->pause_timeouts = shmbus_counted(&s->writer.timeouts);
	stats->pause_dead = shmbus_counted(&s->writer.dead);
}

const struct shmbus_wire_ops shmbus_lib_lanes = {
	.begin = begin,
	.leave = leave,
	.free = free_lanes,
	.send = shmbus_lib_lanes_send,
	.receive = shmbus_lib_lanes_receive,
	.peek = shmbus_lib_lanes_peek,
	.release = shmbus_lib_lanes_release,
	.pending = shmbus_lib_lanes_pending,
	.sleep = set_asleep,
	.will_sleep = will_sleep,
	.count = count,
};
