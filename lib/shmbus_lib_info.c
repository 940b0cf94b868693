/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Properties of a bus, of its ports and of its rings. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "shmbus_lib.h"
#include "shmbus_printable.h"
#include "shmbus_shmif_monitor.h"

static void
lanes_info(const struct shmbus_bus *bus, struct shmbus_info *info)
{
	const struct shmbus_header *header = (const struct shmbus_header *)(const void *)bus->control;

	info->ports = bus->geo.ports;
	info->lane_size = bus->geo.lane_size;
	info->deliver = shmbus_geometry_deliver(&bus->geo);
	info->created_ns = header->created_ns;
	memcpy(info->id, bus->id, sizeof(info->id));
}

static void
shmif_info(const struct shmbus_shmif *bus, struct shmbus_info *info)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	info->ports = SHMBUS_SHMIF_IDS;
	info->lane_size = SHMBUS_SHMIF_DATA;
	info->gen = shmbus_load(&h->gen);
	info->lock = shmbus_load(&h->lock);
	info->spare = shmbus_load(&h->spare);
	info->first = shmbus_load(&h->first);
	info->last = shmbus_load(&h->last);
}

int
shmbus_get_info(const struct shmbus *bus, struct shmbus_info *info)
{
	const struct shmbus_file *file = shmbus_wire_file(&bus->wire);
	struct stat st;

	memset(info, 0, sizeof(*info));
	if (fstat(file->fd, &st) != 0)
		return shmbus_lib_fail(-errno, "path=%s: cannot stat: %s", file->path, strerror(errno));
	info->format = bus->wire.format;
	info->version = shmbus_wire_version(&bus->wire);
	info->queues = shmbus_wire_max_queues(&bus->wire);
	info->frame_max = shmbus_wire_frame_max(&bus->wire);
	info->file_size = (uint64_t)st.st_size;
	info->used = (uint64_t)st.st_blocks * 512;
	info->mode = st.st_mode & 07777;
	info->hugetlb = file->hugetlb;
	info->nlink = (uint32_t)st.st_nlink;
	memcpy(info->path, file->path, sizeof(info->path));
	if (shmbus_lib_is_lanes(bus))
		lanes_info(&bus->wire.lanes, info);
	else
		shmif_info(&bus->wire.shmif, info);
	return 0;
}

/* ---- ports */

static uint32_t
peer_flags(const struct shmbus *bus, uint32_t slot, uint32_t state)
{
	uint32_t flags = 0;

	if (slot == bus->wire.slot)
		flags |= SHMBUS_PEER_SELF | SHMBUS_PEER_ALIVE; /* its own lock is invisible to a process */
	else if (shmbus_port_alive(&bus->wire.lanes, slot))
		flags |= SHMBUS_PEER_ALIVE;
	if (state & SHMBUS_PORT_STARTED)
		flags |= SHMBUS_PEER_STARTED;
	if (state & SHMBUS_PORT_LINK_UP)
		flags |= SHMBUS_PEER_LINK_UP;
	if (state & SHMBUS_PORT_RX_CURSORS)
		flags |= SHMBUS_PEER_HOLDS;
	if (state & SHMBUS_PORT_RX_INTR)
		flags |= SHMBUS_PEER_SLEEPS;
	if (state & SHMBUS_PORT_MIRROR)
		flags |= SHMBUS_PEER_MIRROR;
	return flags;
}

/* Adds the counters of a slot's lanes and cursors. */
static void
peer_counts(const struct shmbus_bus *bus, struct shmbus_peer_info *info)
{
	const struct shmbus_geometry *geo = &bus->geo;
	struct shmbus_lane_entry *entry;
	struct shmbus_cursor *cursor;
	struct shmbus_reader r;
	uint32_t q, lane;

	for (q = 0; q < geo->queues; q++) {
		lane = info->slot * geo->queues + q;
		entry = shmbus_bus_lane(bus, lane);
		shmbus_reader_start(bus, &r, lane);
		info->tx_frames += r.seq;
		info->tx_bytes += shmbus_load(&entry->bytes);
		info->tx_pauses += shmbus_load(&entry->pauses);
		for (lane = 0; lane < geo->lanes; lane++) {
			cursor = shmbus_bus_cursor(bus, info->slot, q, lane);
			info->rx_frames += shmbus_load(&cursor->frames);
			info->rx_bytes += shmbus_load(&cursor->bytes);
			info->rx_missed += shmbus_load(&cursor->missed);
			info->rx_skipped += shmbus_load(&cursor->skipped);
		}
	}
}

static void
describe(const struct shmbus *bus, uint32_t slot, const struct shmbus_peer *peer,
	 struct shmbus_peer_info *info)
{
	memset(info, 0, sizeof(*info));
	info->slot = slot;
	info->flags = peer->state & SHMBUS_PORT_ATTACHED ? peer_flags(bus, slot, peer->state) :
							   SHMBUS_PEER_LEFT;
	info->pid = peer->pid;
	memcpy(info->mac, peer->mac, sizeof(info->mac));
	info->tx_queues = peer->n_txq;
	info->rx_queues = peer->n_rxq;
	info->incarnation = peer->incarnation;
	info->attached_ns = shmbus_load(&shmbus_bus_port(&bus->wire.lanes, slot)->attached_ns);
	memcpy(info->name, peer->name, sizeof(info->name));
	shmbus_printable(info->name, "");
	peer_counts(&bus->wire.lanes, info);
}

static bool
lanes_peer(const struct shmbus *bus, uint32_t slot, struct shmbus_peer_info *info)
{
	struct shmbus_peer peer;

	if (!shmbus_port_peer(&bus->wire.lanes, slot, &peer))
		return false;
	if (info != NULL)
		describe(bus, slot, &peer, info);
	return true;
}

/* Describes a port of this project; NetBSD's peers leave no trace. Numbers begin at 1. */
static bool
shmif_peer(const struct shmbus *bus, uint32_t id, struct shmbus_peer_info *info)
{
	const bool self = id == bus->wire.slot;

	if (id == 0 || (!self && !shmbus_shmif_number_alive(&bus->wire.shmif, id)))
		return false;
	if (info == NULL)
		return true;
	memset(info, 0, sizeof(*info));
	info->slot = id;
	info->flags = SHMBUS_PEER_ALIVE | (self ? SHMBUS_PEER_SELF : 0);
	info->tx_queues = 1;
	info->rx_queues = 1;
	return true;
}

int
shmbus_get_peers(const struct shmbus *bus, struct shmbus_peer_info *peers, unsigned int n)
{
	const bool lanes = shmbus_lib_is_lanes(bus);
	const uint32_t slots = lanes ? bus->wire.lanes.geo.ports : SHMBUS_SHMIF_IDS + 1;
	struct shmbus_peer_info *info;
	unsigned int found = 0;
	uint32_t slot;

	for (slot = 0; slot < slots; slot++) {
		info = found < n ? &peers[found] : NULL;
		found += lanes ? lanes_peer(bus, slot, info) : shmif_peer(bus, slot, info);
	}
	return (int)found;
}

int
shmbus_get_owner(const struct shmbus *bus, uint32_t slot, struct shmbus_peer_info *owner)
{
	struct shmbus_peer peer;

	if (!shmbus_lib_is_lanes(bus))
		return shmbus_lib_fail(-ENOTSUP, "path=%s: a shmif bus does not "
				       "record the owners of slots",
				       shmbus_lib_path(bus));
	if (slot >= bus->wire.lanes.geo.ports)
		return shmbus_lib_fail(-EINVAL, "slot=%" PRIu32 ": the bus has slots 0 to "
				       "%" PRIu32, slot, bus->wire.lanes.geo.ports - 1);
	if (!shmbus_port_owner(&bus->wire.lanes, slot, &peer))
		return shmbus_lib_fail(-ENOENT, "slot=%" PRIu32 ": the slot has had no owner yet", slot);
	describe(bus, slot, &peer, owner);
	return 0;
}

/* ---- rings */

static int
lane_info(struct shmbus_bus *bus, uint32_t lane, struct shmbus_lane_info *info)
{
	struct shmbus_lane_entry *entry = shmbus_bus_lane(bus, lane);
	struct shmbus_reader r;
	int ret;

	ret = shmbus_bus_map_lane(bus, lane, SHMBUS_LANE_READ);
	if (ret != 0)
		return shmbus_lib_fail(ret, "path=%s: cannot map lane %u: %s", bus->file.path, lane,
				       strerror(-ret));
	shmbus_reader_start(bus, &r, lane);
	*info = (struct shmbus_lane_info){
		.lane = lane,
		.slot = lane / bus->geo.queues,
		.queue = lane % bus->geo.queues,
		.head = shmbus_load(&entry->head),
		.tail = r.tail,
		.generation = r.tail / bus->geo.lane_size,
		.size = bus->geo.lane_size,
		.held = shmbus_reader_held(bus, lane),
		.frames = r.seq,
		.bytes = shmbus_load(&entry->bytes),
		.pauses = shmbus_load(&entry->pauses),
	};
	return 0;
}

static int
all_lanes(struct shmbus_bus *bus, struct shmbus_lane_info *lanes, unsigned int n)
{
	unsigned int found = 0;
	uint32_t lane;
	int ret;

	for (lane = 0; lane < bus->geo.lanes; lane++) {
		if (shmbus_load(&shmbus_bus_lane(bus, lane)->tail) == 0)
			continue;
		if (found < n) {
			ret = lane_info(bus, lane, &lanes[found]);
			if (ret != 0)
				return ret;
		}
		found++;
	}
	return (int)found;
}

/* Describes the ring, as read by a monitor that begins with the oldest frame. */
static void
shmif_ring(const struct shmbus_shmif *bus, struct shmbus_lane_info *info)
{
	uint8_t bytes[SHMBUS_SHMIF_PIECE];
	struct shmbus_shmif_reader r = { .bytes = bytes };
	struct shmbus_shmif_frame frame;
	uint64_t begin;
	unsigned int pieces;

	*info = (struct shmbus_lane_info){ .size = SHMBUS_SHMIF_DATA };
	if (shmbus_shmif_monitor_start(bus, &r, true) != 0)
		return; /* the ring cannot be read now */
	begin = r.pos;
	/* At most one ring full: a fast writer must not keep this loop busy. */
	for (pieces = 0; pieces <= 2 * SHMBUS_SHMIF_DATA / SHMBUS_SHMIF_PIECE; pieces++) {
		if (!shmbus_shmif_pending(bus, &r) || shmbus_shmif_monitor_fetch(bus, &r) != 0)
			break;
		while (shmbus_shmif_has_next(&r)) {
			shmbus_shmif_next(&r, &frame);
			info->held += frame.len >= SHMBUS_SHMIF_FRAME_MIN;
		}
	}
	/* The core's positions begin one lap later than the bus. */
	info->head = begin - SHMBUS_SHMIF_DATA;
	info->tail = r.pos - SHMBUS_SHMIF_DATA;
	info->generation = shmbus_load(&shmbus_shmif_header(bus)->gen);
}

int
shmbus_get_lanes(struct shmbus *bus, struct shmbus_lane_info *lanes, unsigned int n)
{
	if (shmbus_lib_is_lanes(bus))
		return all_lanes(&bus->wire.lanes, lanes, n);
	if (n != 0)
		shmif_ring(&bus->wire.shmif, &lanes[0]);
	return 1;
}
