/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A station on a bus of lanes. Each queue of a port writes one lane; together the queues read
 * all lanes of the other ports. This file contains the beginning, sending and sleeping.
 *
 * Which queue reads a lane
 *
 * The sum of the sender's slot and its queue, less the own slot, modulo the number of queues. So
 * single-queue senders are spread over the queues, and so are the queues of one sender. With the
 * own slot in the sum two ports with n queues each agree: queue i of one port is read by queue
 * i + d of the other one, and that one by i again. A kernel behind a tap needs this: it sends a
 * flow through the queue through which the flow's answers come, and the flow would change its
 * queue with every answer otherwise.
 */

#include <stdlib.h>

#include "shmbus_clock.h"
#include "shmbus_copy.h"
#include "shmbus_lib.h"
#include "shmbus_prefault.h"

/* Returns zeroed memory that begins on a cache line. *memory is for free(). */
static void *
allocate_lines(void **memory, size_t size)
{
	*memory = calloc(1, size + SHMBUS_LINE);
	return *memory != NULL ? (void *)SHMBUS_ALIGN((uintptr_t)*memory) : NULL;
}

static int
allocate(struct shmbus_station *st)
{
	const struct shmbus_geometry *geo = &st->bus->wire.lanes.geo;
	const size_t rx_size = shmbus_lanes_rx_size(geo);
	struct shmbus_lib_lanes *l = &st->lanes;
	uint8_t *rx, *tx;

	rx = allocate_lines(&l->rx_memory, rx_size + 2 * geo->lanes * sizeof(*l->reported));
	tx = allocate_lines(&l->tx_memory, shmbus_lanes_tx_size(geo));
	if (rx == NULL || tx == NULL)
		return shmbus_lib_no_memory(shmbus_lib_path(st->bus));
	shmbus_lanes_rx_init(&l->rx, geo, rx);
	shmbus_lanes_tx_init(&l->tx, geo, tx);
	shmbus_lanes_tx_use_fdb(&l->tx, st->port->fdb);
	l->directed = shmbus_geometry_directed(geo);
	l->reported = (uint64_t *)(void *)(rx + rx_size);
	l->round_end = l->reported + geo->lanes;
	return 0;
}

/* Allocates the memory that depends on the bus. */
static int
allocate_all(struct shmbus_lib_port *port, bool monitor)
{
	int ret = 0;
	uint32_t q;

	if (port->bus.wire.lanes.geo.directs && !monitor) {
		port->fdb = aligned_alloc(SHMBUS_LINE, SHMBUS_ALIGN(sizeof(*port->fdb)));
		if (port->fdb == NULL)
			return shmbus_lib_no_memory(shmbus_lib_path(&port->bus));
		shmbus_fdb_init(port->fdb);
	}
	for (q = 0; q < port->n_queues && ret == 0; q++)
		ret = allocate(port->queues[q]);
	return ret;
}

static uint32_t
state_of(const struct shmbus_lib_port *port)
{
	const struct shmbus_station *st = port->queues[0];
	uint32_t state = SHMBUS_PORT_ATTACHED;

	if (shmbus_lib_receives(st) && !(st->flags & SHMBUS_NO_HOLD))
		state |= SHMBUS_PORT_RX_CURSORS;
	if (st->lanes.directed && (st->flags & SHMBUS_MIRROR))
		state |= SHMBUS_PORT_MIRROR;
	return state;
}

/* Publishes the state of a port that has begun. */
static void
publish_state(struct shmbus_lib_port *port)
{
	struct shmbus_port entry = shmbus_wire_port(&port->bus.wire);
	uint32_t state = state_of(port) | SHMBUS_PORT_STARTED | SHMBUS_PORT_LINK_UP;

	if (port->sleeps)
		state |= SHMBUS_PORT_RX_INTR;
	shmbus_port_set_state(&entry, state);
}

static void
begin_receiving(struct shmbus_station *st)
{
	const uint32_t n = st->port->n_queues;
	const struct shmbus_lanes_rx_conf conf = {
		.slot = st->bus->wire.slot,
		.queue = st->queue,
		.n_queues = n,
		.turn = n - st->bus->wire.slot % n,
		.oldest = st->flags & SHMBUS_OLDEST,
		.mirror = st->flags & SHMBUS_MIRROR,
		.prefault = SHMBUS_PREFAULT_SHORT,
		.pollers = st->monitor ? NULL : &st->port->pollers,
	};

	shmbus_lanes_rx_start(&st->bus->wire.lanes, &st->lanes.rx, &conf);
	/* Until another one does, the thread that made the station is the one that receives. */
	shmbus_pollers_note(&st->port->pollers, st->queue);
}

/* Announces the queues, and begins to send. */
static void
begin_sending(struct shmbus_lib_port *port, const struct shmbus_conf *conf)
{
	struct shmbus_port entry = shmbus_wire_port(&port->bus.wire);
	struct shmbus_station *st = port->queues[0];
	uint32_t q;

	/* Senders read announced cursors only: announce them before activating. */
	shmbus_port_set_queues(&entry, port->n_queues,
			       shmbus_lib_receives(st) ? port->n_queues : 0);
	shmbus_port_set_state(&entry, state_of(port));
	for (q = 0; q < port->n_queues; q++)
		shmbus_lanes_tx_start(entry.bus, &port->queues[q]->lanes.tx, entry.slot, q,
				      &port->pollers, !(st->flags & SHMBUS_NO_PAUSE),
				      (uint64_t)conf->pause_timeout_ms * 1000 * 1000);
}

static int
begin(struct shmbus_lib_port *port, const struct shmbus_conf *conf,
      const struct shmbus_wire_conf *wire_conf)
{
	const struct shmbus_station *st = port->queues[0];
	uint32_t q;
	int ret;

	ret = allocate_all(port, st->monitor);
	if (ret == 0 && !st->monitor)
		ret = shmbus_wire_join(&port->bus.wire, wire_conf, shmbus_lib_error());
	if (ret != 0)
		return ret;
	if (!st->monitor)
		begin_sending(port, conf);
	if (shmbus_lib_receives(st)) {
		/* Before senders wait for the queues. */
		shmbus_wire_prefault(&port->bus.wire);
		for (q = 0; q < port->n_queues; q++)
			begin_receiving(port->queues[q]);
	}
	if (!st->monitor)
		publish_state(port);
	return 0;
}

/* ---- send */

static void
publish(struct shmbus_station *st, const struct shmbus_record *rec, uint64_t now)
{
	const struct shmbus_bus *bus = &st->bus->wire.lanes;
	struct shmbus_lanes_tx *tx = &st->lanes.tx;

	if (shmbus_lanes_tx_directs(tx))
		shmbus_record_publish_directed(bus, tx, rec, now);
	else
		shmbus_record_publish(bus, tx, rec, now);
	shmbus_count(&st->stats.tx_frames, rec->count);
	shmbus_count(&st->stats.tx_bytes, rec->bytes);
}

/* Wakes those who have got something. */
static void
wake(struct shmbus_station *st)
{
	const struct shmbus_bus *bus = &st->bus->wire.lanes;
	struct shmbus_lanes_tx *tx = &st->lanes.tx;

	if (shmbus_lanes_tx_directs(tx))
		shmbus_lanes_tx_sent_directed(bus, tx);
	else
		shmbus_lanes_tx_sent(bus, tx);
}

/* Publishes one record of up to n frames. offloads: NULL if the frames are final. */
static void
send_record(struct shmbus_station *st, struct shmbus_record *rec, const struct shmbus_tx *frames,
	    const struct shmbus_offload *offloads, unsigned int n, uint64_t now)
{
	const struct shmbus_bus *bus = &st->bus->wire.lanes;
	struct shmbus_lanes_tx *tx = &st->lanes.tx;
	struct shmbus_request req = { .flags = 0 };
	const struct shmbus_tx *frame;
	unsigned int i;
	uint8_t *at;

	for (i = 0; i < n; i++) {
		frame = &frames[i];
		if (offloads != NULL)
			req = shmbus_lib_request(&offloads[i]);
		at = shmbus_record_add(bus, tx, rec, req.flags == 0 ? (uint32_t)SHMBUS_ALIGN(frame->len) :
				       shmbus_request_extent(frame->len));
		if (at == NULL)
			break;
		shmbus_copy_exact(at, frame->data, frame->len);
		if (shmbus_lanes_tx_directs(tx))
			shmbus_record_direct(bus, tx, rec, at);
		if (req.flags == 0)
			shmbus_record_added(rec, frame->len);
		else
			shmbus_record_added_request(rec, frame->len, &req);
	}
	publish(st, rec, now);
}

static unsigned int
send_frames(struct shmbus_station *st, const struct shmbus_tx *frames,
	    const struct shmbus_offload *offloads, unsigned int n)
{
	const struct shmbus_bus *bus = &st->bus->wire.lanes;
	struct shmbus_lanes_tx *tx = &st->lanes.tx;
	const uint64_t now = shmbus_tstamp_ns(&st->lanes.tx.clock);
	struct shmbus_record rec = { .full = false };
	unsigned int sent = 0;
	uint32_t part;

	if (shmbus_lib_sends_astray(st, now))
		return 0;
	while (sent < n && !rec.full) {
		part = shmbus_lib_min(n - sent, SHMBUS_RECORD_FRAMES);
		if (!shmbus_record_begin(bus, tx, &rec, part))
			break;
		send_record(st, &rec, frames + sent, offloads != NULL ? offloads + sent : NULL, part,
			    now);
		sent += rec.count;
	}
	if (sent != 0)
		wake(st);
	return sent;
}

/* ---- send in place */

static unsigned int
reserve(struct shmbus_station *st, unsigned int n)
{
	const struct shmbus_bus *bus = &st->bus->wire.lanes;
	struct shmbus_lib_reserved *reserved = &st->reserved;
	struct shmbus_lanes_tx *tx = &st->lanes.tx;
	unsigned int i;

	if (!shmbus_record_begin(bus, tx, &reserved->record, n))
		return 0;
	for (i = 0; i < n; i++) {
		reserved->at[i] = shmbus_record_reserve(bus, tx, &reserved->record, reserved->len[i]);
		if (reserved->at[i] == NULL)
			break;
	}
	return i;
}

static unsigned int
commit(struct shmbus_station *st, const struct shmbus_place *places, unsigned int n)
{
	const struct shmbus_bus *bus = &st->bus->wire.lanes;
	struct shmbus_lib_reserved *reserved = &st->reserved;
	struct shmbus_record *rec = &reserved->record;
	struct shmbus_lanes_tx *tx = &st->lanes.tx;
	const uint64_t now = shmbus_tstamp_ns(&st->lanes.tx.clock);
	unsigned int i;

	if (shmbus_lib_sends_astray(st, now))
		return 0;
	shmbus_record_rewind(rec);
	for (i = 0; i < n; i++) {
		if (shmbus_lanes_tx_directs(tx))
			shmbus_record_direct(bus, tx, rec, reserved->at[i]);
		shmbus_record_settle(rec, reserved->at[i], places[i].len);
	}
	publish(st, rec, now);
	wake(st);
	return n;
}

/* ---- room */

bool
shmbus_lib_lanes_has_room(struct shmbus_station *st)
{
	return shmbus_room_look(&st->bus->wire.lanes, &st->lanes.tx.writer);
}

bool
shmbus_lib_lanes_ask_room(struct shmbus_station *st)
{
	return shmbus_room_ask(&st->bus->wire.lanes, &st->lanes.tx.writer);
}

void
shmbus_lib_lanes_end_ask(struct shmbus_station *st)
{
	if (!shmbus_status_is_lost(&st->bus->wire.lanes))
		shmbus_room_end(&st->bus->wire.lanes, &st->lanes.tx.writer);
}

/* ---- sleep */

void
shmbus_lib_lanes_sleep(struct shmbus_station *st, bool asleep)
{
	const struct shmbus_bus *bus = &st->bus->wire.lanes;

	if (!shmbus_lib_receives(st))
		return;
	/* The sender that wakes this port may be new: the next receive reads the roster first. */
	st->lanes.rx.idle = 0;
	if (shmbus_status_is_lost(bus))
		return;
	if (asleep)
		shmbus_wake_sleep(bus, st->bus->wire.slot, st->queue);
	else
		shmbus_wake_rise(bus, st->bus->wire.slot, st->queue);
}

void
shmbus_lib_lanes_will_sleep(struct shmbus_station *st)
{
	struct shmbus_lib_port *port = st->port;

	pthread_mutex_lock(&port->lock);
	/* A queue that comes second must not sleep before the senders know. */
	if (!port->sleeps && !shmbus_status_is_lost(&port->bus.wire.lanes)) {
		port->sleeps = true;
		publish_state(port);
		shmbus_wake_tell(&port->bus.wire.lanes, true);
	}
	pthread_mutex_unlock(&port->lock);
}

static void
count(const struct shmbus_station *st, struct shmbus_stats *stats)
{
	struct shmbus_lanes_rx_counts rx = { .missed = 0 };
	struct shmbus_lanes_tx_counts tx = { .pauses = 0 };

	shmbus_lanes_rx_count(&st->lanes.rx, &rx);
	shmbus_lanes_tx_count(&st->lanes.tx, &tx);
	stats->rx_missed += rx.missed;
	stats->rx_skipped += rx.skipped;
	stats->rx_overruns += rx.overruns;
	stats->rx_corrupt += rx.corrupt;
	stats->tx_pauses += tx.pauses;
	stats->pause_timeouts += tx.timeouts;
	stats->pause_dead += tx.dead;
	stats->pause_deadlocks += tx.deadlocks;
}

const struct shmbus_lib_ops shmbus_lib_lanes_ops = {
	.begin = begin,
	.send = send_frames,
	.reserve = reserve,
	.commit = commit,
	.receive = shmbus_lib_lanes_receive,
	.peek = shmbus_lib_lanes_peek,
	.pending = shmbus_lib_lanes_pending,
	.release = shmbus_lib_lanes_release,
	.count = count,
};
