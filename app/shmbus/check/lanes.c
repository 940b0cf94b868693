/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Checks a lanes bus as a whole, and its port table. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "shmbus_bus_open.h"
#include "shmbus_port.h"

#define STATES (SHMBUS_PORT_ATTACHED | SHMBUS_PORT_STARTED | SHMBUS_PORT_LINK_UP | \
		SHMBUS_PORT_RX_CURSORS | SHMBUS_PORT_RX_INTR)

#define FIELD(name) offsetof(struct shmbus_port_entry, name)

static void
look_at_port_state(const struct shmbus_bus *bus, const struct place *place, struct findings *f)
{
	const uint32_t state = shmbus_load(&shmbus_bus_port(bus, place->slot)->state);
	const uint32_t known = STATES |
			       (shmbus_geometry_directed(&bus->geo) ? SHMBUS_PORT_MIRROR : 0);

	if (state & ~known)
		findings_add(f, place, FIELD(state), "state", state, "nothing but bits of %u", known);
	else if (state != 0 && !(state & SHMBUS_PORT_ATTACHED))
		findings_add(f, place, FIELD(state), "state", state, "0, or with ATTACHED, bit 0");
	else if (state == 0 && shmbus_port_alive(bus, place->slot))
		findings_add(f, place, FIELD(state), "state of a slot with an owner", state,
			     "one with ATTACHED, bit 0");
}

static void
look_at_port(const struct shmbus_bus *bus, uint32_t slot, struct findings *f)
{
	struct shmbus_port_entry *entry = shmbus_bus_port(bus, slot);
	const uint32_t queues = bus->geo.queues;
	const uint32_t n_txq = shmbus_load(&entry->n_txq);
	const uint32_t n_rxq = shmbus_load(&entry->n_rxq);
	const uint64_t mac = shmbus_load(&entry->mac);
	struct place place = { .slot = slot };
	uint8_t byte;
	unsigned int i;

	place.off = bus->geo.port_off + slot * sizeof(*entry);
	snprintf(place.name, sizeof(place.name), "port %u", slot);
	look_at_port_state(bus, &place, f);
	if (n_txq > queues)
		findings_add(f, &place, FIELD(n_txq), "n_txq", n_txq, "0 to %u", queues);
	if (n_rxq > queues)
		findings_add(f, &place, FIELD(n_rxq), "n_rxq", n_rxq, "0 to %u", queues);
	if (mac >> 48 != 0)
		findings_add(f, &place, FIELD(mac) + 6, "behind the mac", mac >> 48, "0");
	byte = shmbus_load(&entry->name[sizeof(entry->name) - 1]);
	if (byte != 0)
		findings_add(f, &place, FIELD(name) + sizeof(entry->name) - 1, "end of the name", byte,
			     "0");
	for (i = 0; i < sizeof(entry->sleeping); i++) {
		byte = shmbus_load(&entry->sleeping[i]);
		if (byte > 1)
			findings_add(f, &place, FIELD(sleeping) + i, "sleeping", byte, "0 or 1");
	}
	FINDINGS_RESERVED(f, &place, entry, reserved0);
	FINDINGS_RESERVED(f, &place, entry, reserved1);
}

/* Returns the number of lanes that a port has memory for: at least the first. */
static uint32_t
lanes_of(const struct shmbus_peer *peer)
{
	return peer->n_txq != 0 ? peer->n_txq : 1;
}

/* Compares the memory of the file with what the tables and the living ports need. */
static void
look_at_memory(const struct shmbus_bus *bus, struct findings *f)
{
	const struct place place = { .slot = FINDINGS_NOBODY, .name = "file" };
	const struct shmbus_geometry *geo = &bus->geo;
	const uint64_t cursors = (uint64_t)geo->queues * geo->lanes * sizeof(struct shmbus_cursor);
	uint64_t needed = geo->cursor_off;
	struct shmbus_peer peer;
	struct stat st;
	uint32_t slot;

	for (slot = 0; slot < geo->ports; slot++)
		if (shmbus_port_peer(bus, slot, &peer) && shmbus_port_alive(bus, slot))
			needed += cursors + lanes_of(&peer) * geo->lane_size;
	if (fstat(bus->file.fd, &st) == 0 && (uint64_t)st.st_blocks * 512 < needed)
		findings_add(f, &place, 0, "memory that it has", (uint64_t)st.st_blocks * 512,
			     "%" PRIu64 " bytes or more for ports; a copy that is only read needs "
			     "no more", needed);
}

int
check_lanes_look(const char *path, struct findings *f, struct shmbus_error *e)
{
	const struct shmbus_bus_conf conf = {
		.path = path, .want = SHMBUS_FILE_OLD, .readonly = true,
	};
	struct shmbus_bus bus;
	bool usable = false;
	uint32_t i;
	int ret;

	ret = check_header_look(path, f, &usable, e);
	if (ret != 0 || !usable)
		return ret;
	ret = shmbus_bus_open(&bus, &conf, e);
	if (ret != 0)
		return ret;
	shmbus_file_unlock(&bus.file);
	look_at_memory(&bus, f);
	for (i = 0; i < bus.geo.ports; i++)
		look_at_port(&bus, i, f);
	for (i = 0; i < bus.geo.lanes; i++)
		check_lane_look(&bus, i, f);
	check_cursors_look(&bus, f);
	ret = check_whole(bus.guard, path, e);
	shmbus_bus_close(&bus);
	return ret;
}
