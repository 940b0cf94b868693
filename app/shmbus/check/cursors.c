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

#define FIELD(name) offsetof(struct shmbus_cursor, name)

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
	FINDINGS_RESERVED(f, &place, c, reserved0);
	if (!shmbus_geometry_directed(geo) && shmbus_load(&c->skipped) != 0)
		findings_add(f, &place, FIELD(skipped), "skipped", shmbus_load(&c->skipped),
			     "0 in version 1");
	FINDINGS_RESERVED(f, &place, c, reserved1);
	if (state & ~SHMBUS_CURSOR_ACTIVE)
		findings_add(f, &place, FIELD(state), "state", state,
			     "0 or %u", SHMBUS_CURSOR_ACTIVE);
	if (!(state & SHMBUS_CURSOR_ACTIVE))
		return;
	if (shmbus_load(&shmbus_bus_port(bus, slot)->state) == 0)
		findings_add(f, &place, FIELD(state), "state of nobody's",
			     state, "0, as nobody owns the slot");
	tail = shmbus_load(&shmbus_bus_lane(bus, lane)->tail);
	if (pos % SHMBUS_LINE != 0)
		findings_add(f, &place, FIELD(pos), "pos", pos,
			     "a multiple of %d", SHMBUS_LINE);
	else if ((int64_t)(pos - tail) > 0)
		findings_add(f, &place, FIELD(pos), "pos", pos,
			     "not above the lane's tail, %" PRIu64, tail);
}

void
check_cursors_look(struct shmbus_bus *bus, struct findings *f)
{
	const uint64_t size = sizeof(struct shmbus_cursor);
	const uint64_t start = bus->geo.cursor_off;
	const uint64_t count = (uint64_t)bus->geo.lanes * bus->geo.lanes;
	struct shmbus_cursor block[BLOCK];
	uint64_t next = 0;
	uint32_t n, i;

	for (;;) {
		next = (next_data(bus, start + next * size, start + count * size) - start) / size;
		if (next >= count)
			return;
		n = count - next < BLOCK ? (uint32_t)(count - next) : BLOCK;
		if (pread(bus->file.fd, block, n * size, (off_t)(start + next * size)) !=
		    (ssize_t)(n * size))
			return;
		for (i = 0; i < n; i++)
			if (!is_zero(&block[i]))
				look(bus, (uint32_t)next + i, f);
		next += n;
	}
}
