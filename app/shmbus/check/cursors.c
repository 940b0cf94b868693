/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The cursors of a lanes bus. Most of them lie in holes of the file. Holes are
 * skipped, because access through a mapping would allocate memory for them.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define BLOCK 256 /* cursors that are read at a time */

/* Returns the offset of the next data at or behind off; end if there is none before end. */
static uint64_t
next_data(const struct shmbus_bus *bus, uint64_t off, uint64_t end)
{
	const off_t found = lseek(bus->file.fd, (off_t)off, SEEK_DATA);

	/* If the filesystem does not know holes, everything is read. */
	if (found < 0)
		return errno == ENXIO ? end : off;
	return (uint64_t)found < end ? (uint64_t)found : end;
}

static bool
is_zero(const struct shmbus_cursor *c)
{
	static const uint8_t zero[sizeof(*c)];

	return memcmp(c, zero, sizeof(*c)) == 0;
}

typedef void each_fn(struct shmbus_bus *bus, uint32_t number, struct findings *f);

/* Calls each() for every cursor from..to-1 that is not all zeros. */
static void
for_each(struct shmbus_bus *bus, uint64_t from, uint64_t to, each_fn *each, struct findings *f)
{
	const uint64_t size = sizeof(struct shmbus_cursor);
	const uint64_t start = bus->geo.cursor_off;
	struct shmbus_cursor block[BLOCK];
	uint64_t off;
	uint32_t n, i;

	while (from < to) {
		off = next_data(bus, start + from * size, start + to * size);
		from = (off - start) / size;
		if (from >= to)
			return;
		n = to - from < BLOCK ? (uint32_t)(to - from) : BLOCK;
		if (pread(bus->file.fd, block, n * size, (off_t)(start + from * size)) !=
		    (ssize_t)(n * size))
			return;
		for (i = 0; i < n; i++)
			if (!is_zero(&block[i]))
				each(bus, (uint32_t)from + i, f);
		from += n;
	}
}

static void
look(struct shmbus_bus *bus, uint32_t number, struct findings *f)
{
	const struct shmbus_geometry *geo = &bus->geo;
	const uint32_t lane = number % geo->lanes;
	const uint32_t slot = number / geo->lanes / geo->queues;
	struct shmbus_cursor *c = shmbus_bus_cursor(bus, 0, 0, 0) + number;
	const uint32_t state = shmbus_load(&c->state);
	const uint64_t pos = shmbus_load_acquire(&c->pos);
	struct place place = { .slot = slot };
	uint64_t tail;

	place.off = geo->cursor_off + number * sizeof(*c);
	snprintf(place.name, sizeof(place.name), "cursor of port %u, queue %u, in lane %u", slot,
		 number / geo->lanes % geo->queues, lane);
	findings_add_reserved(f, &place, offsetof(struct shmbus_cursor, reserved0), &c->reserved0,
			      sizeof(c->reserved0));
	findings_add_reserved(f, &place, offsetof(struct shmbus_cursor, reserved1), c->reserved1,
			      sizeof(c->reserved1));
	if (state & ~SHMBUS_CURSOR_ACTIVE)
		findings_add(f, &place, offsetof(struct shmbus_cursor, state), "state", state,
			     "0 or %u", SHMBUS_CURSOR_ACTIVE);
	if (!(state & SHMBUS_CURSOR_ACTIVE))
		return;
	if (shmbus_load(&shmbus_bus_port(bus, slot)->state) == 0)
		findings_add(f, &place, offsetof(struct shmbus_cursor, state), "state of nobody's",
			     state, "0, as nobody owns the slot");
	tail = shmbus_load(&shmbus_bus_lane(bus, lane)->tail);
	if (pos % SHMBUS_LINE != 0)
		findings_add(f, &place, offsetof(struct shmbus_cursor, pos), "pos", pos,
			     "a multiple of %d", SHMBUS_LINE);
	else if ((int64_t)(pos - tail) > 0)
		findings_add(f, &place, offsetof(struct shmbus_cursor, pos), "pos", pos,
			     "not above the lane's tail, %" PRIu64, tail);
}

void
check_cursors_look(struct shmbus_bus *bus, struct findings *f)
{
	for_each(bus, 0, (uint64_t)bus->geo.lanes * bus->geo.lanes, look, f);
}

static void
clear(struct shmbus_bus *bus, uint32_t number, struct findings *f)
{
	struct shmbus_cursor *c = shmbus_bus_cursor(bus, 0, 0, 0) + number;

	(void)f;
	shmbus_store(&c->state, 0);
	c->reserved0 = 0;
	memset(c->reserved1, 0, sizeof(c->reserved1));
}

void
check_cursors_clear(struct shmbus_bus *bus, uint32_t slot)
{
	const uint64_t row = (uint64_t)bus->geo.queues * bus->geo.lanes;

	for_each(bus, slot * row, (slot + 1) * row, clear, NULL);
}
