/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A liar on a bus of lanes. Its records are half honest: what a receiver
 * refuses at first sight would not try the rest of it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "liar.h"
#include "shmbus_bus_open.h"
#include "shmbus_notice.h"
#include "shmbus_port.h"
#include "shmbus_request.h"
#include "shmbus_wake.h"
#include "shmbus_writer.h"

#define FRAMES 8

static struct {
	struct shmbus_bus bus;
	struct shmbus_port port;
	struct shmbus_writer w;
	struct shmbus_stall *stalls;
	uint8_t *all;   /* the whole file */
	uint8_t header[SHMBUS_BELL_OFF]; /* as it was */
} t;

static bool
start(struct liar *l)
{
	const struct shmbus_bus_conf conf = { .path = l->path };
	const struct shmbus_port_conf port = { .name = "liar", .numa_node = -1 };
	const uint32_t state = SHMBUS_PORT_ATTACHED | SHMBUS_PORT_STARTED | SHMBUS_PORT_LINK_UP |
			       SHMBUS_PORT_RX_CURSORS;
	struct shmbus_error e;

	if (shmbus_bus_open(&t.bus, &conf, &e) != 0 ||
	    shmbus_port_attach(&t.port, &t.bus, &port, &e) != 0) {
		fprintf(stderr, "liar: %s\n", e.text);
		return false;
	}
	shmbus_file_unlock(&t.bus.file);
	t.all = mmap(NULL, t.bus.geo.file_size, PROT_READ | PROT_WRITE, MAP_SHARED, t.bus.file.fd, 0);
	t.stalls = calloc(t.bus.geo.lanes, sizeof(*t.stalls));
	if (t.all == MAP_FAILED || t.stalls == NULL) {
		perror("liar");
		return false;
	}
	memcpy(t.header, t.all, sizeof(t.header));
	shmbus_writer_start(&t.bus, &t.w, t.port.slot, 0, t.stalls, false, 0);
	shmbus_port_set_queues(&t.port, t.bus.geo.queues, t.bus.geo.queues);
	shmbus_port_set_state(&t.port, state);
	return true;
}

/* Whose words: its own, or anybody's. */
static uint32_t
slot_of(struct liar *l)
{
	return l->any ? (uint32_t)liar_below(l, t.bus.geo.ports) : t.port.slot;
}

static uint32_t
lane_of(struct liar *l)
{
	return slot_of(l) * t.bus.geo.queues + (uint32_t)liar_below(l, t.bus.geo.queues);
}

static void
lie_in_entry(struct liar *l)
{
	uint8_t *entry = (uint8_t *)shmbus_bus_port(&t.bus, slot_of(l));
	struct shmbus_port_entry *own = shmbus_bus_port(&t.bus, t.port.slot);

	liar_lie(l, entry + 4 * liar_below(l, sizeof(struct shmbus_port_entry) / 4), 4, 1);
	/* With its state wrong for good hardly anybody would look at it any more. */
	if (liar_below(l, 4) == 0) {
		shmbus_store(&own->state, SHMBUS_PORT_ATTACHED | SHMBUS_PORT_RX_CURSORS |
			     (liar_below(l, 2) != 0 ? SHMBUS_PORT_RX_INTR : 0));
		shmbus_store(&own->n_rxq, t.bus.geo.queues);
		shmbus_store(&own->n_txq, t.bus.geo.queues);
	}
}

static void
lie_in_lane(struct liar *l)
{
	uint8_t *lane = (uint8_t *)shmbus_bus_lane(&t.bus, lane_of(l));

	liar_lie(l, lane + 8 * liar_below(l, sizeof(struct shmbus_lane_entry) / 8), 8,
		 t.bus.geo.lane_size / SHMBUS_CHUNKS << liar_below(l, 5));
}

static void
lie_in_cursor(struct liar *l)
{
	const uint32_t lane = (uint32_t)liar_below(l, t.bus.geo.lanes);
	struct shmbus_lane_entry *entry = shmbus_bus_lane(&t.bus, lane);
	struct shmbus_cursor *cursor = shmbus_bus_cursor(&t.bus, slot_of(l),
		(uint32_t)liar_below(l, t.bus.geo.queues), lane);

	switch (liar_below(l, 4)) {
	case 0: /* where it holds up most */
		shmbus_store(&cursor->pos, shmbus_load(&entry->head) + 64 * liar_below(l, 3));
		shmbus_store(&cursor->state, SHMBUS_CURSOR_ACTIVE);
		break;
	case 1:
		shmbus_store(&cursor->pos, shmbus_load(&entry->tail) - 64 * liar_below(l, 3));
		break;
	default:
		liar_lie(l, (uint8_t *)cursor + 4 * liar_below(l, 16), 4, 64);
		return;
	}
	l->lies++;
}

/* Of the liar's own lane, or if it lies anywhere of any. */
static void
lie_in_notice(struct liar *l)
{
	const uint32_t slot = (uint32_t)liar_below(l, t.bus.geo.ports);

	liar_lie(l, &shmbus_bus_notice(&t.bus, slot, lane_of(l))->word, 8, 64);
}

/* A frame of noise, with a request as often as not. */
static uint32_t
put_frame(struct liar *l, uint8_t *record, uint32_t off, uint32_t i)
{
	const uint32_t len = 1 + (uint32_t)liar_below(l, liar_below(l, 8) == 0 ? 4000 : 200);
	const uint32_t extent = shmbus_request_extent(len);
	struct shmbus_request req = {
		.flags = (uint8_t)liar_below(l, 9),
		.l4 = liar_below(l, 2) != 0 ? SHMBUS_REQUEST_TCP : SHMBUS_REQUEST_UDP,
		.l3_off = 14,
		.l4_off = 34,
		.data_off = (uint16_t)(liar_below(l, 2) * 54),
		.segment = (uint16_t)liar_below(l, 100),
	};
	const bool request = liar_below(l, 2) != 0;
	uint32_t desc = len | (request ? SHMBUS_DESC_REQUEST : 0);

	memset(record + off, (int)liar_below(l, 256), extent);
	record[off + 14 % len] = 0x45;
	record[off + 46 % len] = 0x50;
	if (liar_below(l, 4) == 0)
		liar_lie(l, (uint8_t *)&req + 4 * liar_below(l, 4), 4, 64);
	if (request)
		shmbus_request_store(record + off + extent, &req);
	/* On a switch to a slot, also to one that does not exist; now and then on a hub, too. */
	if (liar_below(l, shmbus_geometry_directed(&t.bus.geo) ? 2 : 64) == 0)
		desc |= SHMBUS_DESC_DIRECTED |
			(uint32_t)liar_below(l, 16) << SHMBUS_DESC_SLOT_SHIFT;
	shmbus_store(&shmbus_burst_desc(record)[i], desc);
	return extent;
}

/* One more record, and perhaps a lie in its header, its descriptors, or what they describe. */
static void
lie_in_record(struct liar *l)
{
	const uint32_t n = 1 + (uint32_t)liar_below(l, FRAMES);
	const uint32_t data_off = shmbus_burst_data_off(n);
	uint32_t off = data_off;
	uint8_t *record;
	uint32_t i;

	if (l->any && liar_below(l, 2) == 0) {
		liar_lie(l, t.all + shmbus_lane_off(&t.bus.geo, lane_of(l)) +
			 8 * liar_below(l, t.bus.geo.lane_size / 8), 8, 64);
		return;
	}
	if (!shmbus_writer_room(&t.bus, &t.w, FRAMES * 4096 + 64))
		return;
	record = shmbus_writer_record(&t.bus, &t.w);
	for (i = 0; i < n; i++)
		off += put_frame(l, record, off, i);
	/* The others look at the record; now and then they are not told of it. */
	if (t.bus.geo.directs && liar_below(l, 8) != 0)
		shmbus_notice_store(&t.bus, t.w.lane, &(struct shmbus_addressees){ .all = true },
				    t.w.tail, t.w.tail + off);
	shmbus_writer_publish(&t.bus, &t.w, record, n, data_off, off, off, liar_below(l, 0));
	if (liar_below(l, 2) == 0)
		liar_lie(l, record + 8 * liar_below(l, off / 8), 8, 64);
	if (liar_below(l, 4) == 0)
		liar_lie(l, record + 8 * liar_below(l, 8), 8, 64);
	l->lies++;
}

static void
lie(struct liar *l)
{
	switch (liar_below(l, 15)) {
	case 14:
		if (t.bus.geo.directs && liar_wants(l, "notice"))
			lie_in_notice(l);
		break;
	case 0:
		if (liar_wants(l, "entry"))
			lie_in_entry(l);
		break;
	case 1:
		if (liar_wants(l, "roster"))
			liar_lie(l, t.all + t.bus.geo.roster_off + 4 * slot_of(l), 4, 1);
		break;
	case 2:
		/* Everybody adds to it; a lie costs the others time. */
		if (liar_wants(l, "bell"))
			liar_lie(l, t.all + SHMBUS_BELL_OFF + 64 * liar_below(l, 2), 4, 1);
		break;
	case 3:
		/* Nobody who is there reads it again. */
		if (l->any && liar_wants(l, "header"))
			liar_lie(l, t.all + 8 * liar_below(l, sizeof(t.header) / 8), 8, 4096);
		break;
	case 4:
	case 5:
	case 6:
		if (liar_wants(l, "lane"))
			lie_in_lane(l);
		break;
	case 7:
	case 8:
	case 9:
		if (liar_wants(l, "cursor"))
			lie_in_cursor(l);
		break;
	default:
		if (liar_wants(l, "record"))
			lie_in_record(l);
		break;
	}
}

static void
stop(struct liar *l)
{
	/* A header that is wrong is refused by all who come, and mended by nobody. */
	if (l->any)
		memcpy(t.all, t.header, sizeof(t.header));
	/* Its place is taken over from the dead: nothing is tidied up. */
	shmbus_bus_close(&t.bus);
}

const struct liar_kind liar_lanes = { .start = start, .lie = lie, .stop = stop };
