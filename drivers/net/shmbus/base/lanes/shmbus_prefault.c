/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <sys/mman.h>
#include <unistd.h>

#include "shmbus_port.h"
#include "shmbus_prefault.h"

/* Linux 5.14; older C libraries do not name them. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

/* Other threads of the process can map and unmap between two steps. */
#define STEP (2u << 20)

/* Returns whether the kernel has done it for all pages of [at, at + len). */
static bool
populate(uint8_t *at, uint64_t len, int advice)
{
	uint64_t n;

	for (; len != 0; at += n, len -= n) {
		n = len < STEP ? len : STEP;
		if (madvise(at, n, advice) != 0)
			return false;
	}
	return true;
}

/* Populates the pages of the tables that contain [off, off + len) of the file. */
static void
populate_tables(const struct shmbus_bus *bus, uint64_t off, uint64_t len, int advice)
{
	const uint64_t mask = bus->file.page_size - 1;
	const uint64_t from = off & ~mask;
	const uint64_t end = (off + len + mask) & ~mask;

	(void)populate(bus->control + from, end - from, advice);
}

static uint64_t
size_of_cursors(const struct shmbus_geometry *geo)
{
	return (uint64_t)geo->queues * geo->lanes * sizeof(struct shmbus_cursor);
}

void
shmbus_prefault_own(const struct shmbus_bus *bus, uint32_t lane)
{
	const uint64_t size = bus->geo.lane_size;
	uint8_t *at = shmbus_bus_lane_data(bus, lane);

	if (shmbus_load(&bus->lane_ready[lane]) >= SHMBUS_LANE_WRITE)
		return;
	if (populate(at, size, MADV_POPULATE_WRITE) &&
	    populate(at + size, size, MADV_POPULATE_WRITE))
		shmbus_store(&bus->lane_ready[lane], SHMBUS_LANE_WRITE);
}

void
shmbus_prefault_tables(const struct shmbus_bus *bus, uint32_t slot)
{
	const struct shmbus_geometry *geo = &bus->geo;
	const int advice = bus->file.readonly ? MADV_POPULATE_READ : MADV_POPULATE_WRITE;

	/* On hugetlbfs a page of these tables holds cursors, too. */
	populate_tables(bus, 0, geo->cursor_off, advice);
	if (slot != SHMBUS_NO_SLOT)
		populate_tables(bus, geo->cursor_off + slot * size_of_cursors(geo),
				size_of_cursors(geo), advice);
}

/* Faults in the pages that exist of a lane. Returns whether there are any. */
static bool
read_pages(const struct shmbus_bus *bus, uint32_t lane)
{
	const uint64_t size = bus->geo.lane_size;
	const off_t begin = (off_t)shmbus_lane_off(&bus->geo, lane);
	const off_t end = begin + (off_t)size;
	uint8_t *at = shmbus_bus_lane_data(bus, lane);
	bool any = false;
	off_t from, to;
	uint64_t len;

	for (to = begin; to < end; any = true) {
		from = lseek(bus->file.fd, to, SEEK_DATA);
		if (from < to || from >= end)
			break;
		to = lseek(bus->file.fd, from, SEEK_HOLE);
		if (to <= from)
			break;
		if (to > end)
			to = end;
		len = (uint64_t)(to - from);
		if (!populate(at + (from - begin), len, MADV_POPULATE_READ) ||
		    !populate(at + size + (from - begin), len, MADV_POPULATE_READ))
			break;
	}
	return any;
}

static void
read_lane(const struct shmbus_bus *bus, uint32_t lane, uint64_t max)
{
	if (shmbus_bus_map_lane(bus, lane, SHMBUS_LANE_READ) != 0)
		return;
	/* A lane without pages is looked at again: its owner may be about to touch them. */
	if (bus->geo.lane_size > max || bus->file.hugetlb || read_pages(bus, lane))
		shmbus_store(&bus->lane_ready[lane], SHMBUS_LANE_READ);
}

void
shmbus_prefault_peers(const struct shmbus_bus *bus, uint32_t slot, uint64_t max)
{
	const struct shmbus_geometry *geo = &bus->geo;
	struct shmbus_peer peer;
	uint32_t other, queue, n, lane;

	for (other = 0; other < geo->ports; other++) {
		if (other == slot || !shmbus_port_peer(bus, other, &peer))
			continue;
		/* The first lane has memory before the port tells how many it uses. */
		n = peer.n_txq != 0 ? peer.n_txq : 1;
		for (queue = 0; queue < n; queue++) {
			lane = other * geo->queues + queue;
			if (shmbus_load(&bus->lane_ready[lane]) != SHMBUS_LANE_UNMAPPED)
				continue;
			if (!shmbus_port_alive(bus, other))
				break;
			if (queue == 0)
				populate_tables(bus, geo->cursor_off + other * size_of_cursors(geo),
						size_of_cursors(geo), MADV_POPULATE_READ);
			read_lane(bus, lane, max);
		}
	}
}
