/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Slots: ownership, and takeover from dead ports.
 *
 * Theory of operation
 *
 *   slot state   lock   entry.state     change: by
 *   free         free   0               -> owned: shmbus_port_attach
 *   owned        held   ATTACHED|...    -> free: shmbus_port_detach
 *                                       -> dead: the kernel drops the lock
 *   dead         free   ATTACHED|...    -> owned: shmbus_port_attach of a new port
 *
 * A dead slot never becomes free: only the next owner cleans up after a dead
 * port, so no two processes ever write one entry. A new owner continues at the
 * positions of its lanes, so readers do not notice the change.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "shmbus_clock.h"
#include "shmbus_lock.h"
#include "shmbus_numa.h"
#include "shmbus_port.h"
#include "shmbus_prefault.h"
#include "shmbus_step.h"

static void
tell(struct shmbus_port *port)
{
	shmbus_a32 *change = &shmbus_bus_roster(port->bus)[port->slot];

	/* P1 (port_tell): publishes the entry to P2 in the readers. */
	shmbus_step_store_release(port_tell, change, shmbus_load(change) + 1);
	/* E1 (port_tell_senders): with E2 in the senders. */
	if (shmbus_geometry_directed(&port->bus->geo))
		shmbus_step_add_release(port_tell_senders, &shmbus_bus_bell(port->bus)->entries, 1);
}

static uint64_t
mac_word(const uint8_t mac[6])
{
	uint64_t word = 0;

	memcpy(&word, mac, 6);
	return word;
}

/* Senders must not wait for frames that the slot's last owner has not read. */
static void
clear_cursors(struct shmbus_port *port)
{
	const struct shmbus_geometry *geo = &port->bus->geo;
	struct shmbus_cursor *cursor;
	uint32_t i;

	cursor = shmbus_bus_cursor(port->bus, port->slot, 0, 0);
	for (i = 0; i < geo->queues * geo->lanes; i++)
		shmbus_step_store(port_clear_cursor, &cursor[i].state, 0);
}

static void
clear_words(shmbus_a64 *words, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		shmbus_step_store(attach_clear_reserved, &words[i], 0);
	}
}

#define CLEAR(words) clear_words(words, sizeof(words) / sizeof((words)[0]))

/*
 * Clears the reserved words of the slot, and what its senders waited for. The last owner may have used them, if it
 * knew a later version of the format; other ports would take them for this port's.
 */
static void
clear_reserved(struct shmbus_port *port)
{
	const struct shmbus_geometry *geo = &port->bus->geo;
	struct shmbus_port_entry *entry = shmbus_bus_port(port->bus, port->slot);
	struct shmbus_lane_entry *lane = shmbus_bus_lane(port->bus, port->slot * geo->queues);
	struct shmbus_cursor *cursor = shmbus_bus_cursor(port->bus, port->slot, 0, 0);
	uint32_t i;

	CLEAR(entry->reserved0);
	CLEAR(entry->reserved1);
	for (i = 0; i < geo->queues; i++) {
		CLEAR(lane[i].reserved0);
		CLEAR(lane[i].reserved1);
		shmbus_step_store(attach_clear_reserved, &lane[i].waits, 0);
		shmbus_step_store(attach_clear_reserved, &lane[i].polls, 0);
		shmbus_step_store(attach_clear_reserved, &lane[i].room, 0);
	}
	for (i = 0; i < geo->queues * geo->lanes; i++) {
		shmbus_step_store(attach_clear_reserved, &cursor[i].reserved0, 0);
		/* In version 2 this is a count, which goes on. */
		if (!shmbus_geometry_directed(geo))
			shmbus_step_store(attach_clear_reserved, &cursor[i].skipped, 0);
		CLEAR(cursor[i].reserved1);
	}
}

#undef CLEAR

static int
allocate_own(struct shmbus_port *port, uint32_t lanes, struct shmbus_error *e)
{
	const struct shmbus_bus *bus = port->bus;
	const uint64_t size = (uint64_t)bus->geo.queues * bus->geo.lanes *
			      sizeof(struct shmbus_cursor);
	uint32_t queue;
	int ret;

	SHMBUS_STEP(attach_allocate);
	ret = shmbus_bus_allocate(bus, bus->geo.cursor_off + port->slot * size, size);
	for (queue = 0; queue < lanes && ret == 0; queue++)
		ret = shmbus_port_prepare_lane(port, queue);
	if (ret != 0)
		return shmbus_error_set(e, ret, "path=%s: no space for a port's memory (%" PRIu64
			" bytes): %s", bus->file.path, size + lanes * bus->geo.lane_size,
			strerror(-ret));
	return 0;
}

int
shmbus_port_attach(struct shmbus_port *port, struct shmbus_bus *bus,
		   const struct shmbus_port_conf *conf, struct shmbus_error *e)
{
	struct shmbus_port_entry *entry;
	uint32_t slot, i, left;
	int ret;

	for (slot = 0; slot < bus->geo.ports; slot++) {
		ret = shmbus_lock_try(bus->file.fd, shmbus_slot_lock_off(&bus->geo, slot));
		if (ret == 0)
			break;
		if (ret != -EAGAIN)
			return shmbus_error_set(e, ret, "path=%s: cannot lock a slot: %s", bus->file.path,
						strerror(-ret));
	}
	if (slot == bus->geo.ports)
		return shmbus_error_set(e, -EUSERS,
			"path=%s: no free slot, all ports=%" PRIu32 " are taken by live ports",
			bus->file.path, bus->geo.ports);
	port->bus = bus;
	port->slot = slot;
	port->numa_node = conf->numa_node;
	SHMBUS_STEP(attach_slot_locked);
	ret = allocate_own(port, conf->lanes != 0 ? conf->lanes : 1, e);
	if (ret != 0)
		goto err_unlock;

	entry = shmbus_bus_port(bus, slot);
	left = shmbus_load(&entry->state);
	port->took_over = left != 0;
	SHMBUS_STEP(attach_clear_cursors);
	clear_cursors(port);
	clear_reserved(port);
	shmbus_step_store(attach_store_entry, &entry->pid, (uint32_t)getpid());
	shmbus_step_store(attach_store_entry, &entry->incarnation,
			  shmbus_load(&entry->incarnation) + 1);
	shmbus_step_store(attach_store_entry, &entry->mac, mac_word(conf->mac));
	shmbus_step_store(attach_store_entry, &entry->n_txq, 0);
	shmbus_step_store(attach_store_entry, &entry->n_rxq, 0);
	shmbus_step_store(attach_store_entry, &entry->attached_ns, shmbus_clock_real_ns());
	for (i = 0; i < sizeof(conf->name); i++)
		shmbus_step_store(attach_store_entry, &entry->name[i], (uint8_t)conf->name[i]);
	for (i = 0; i < SHMBUS_QUEUES_MAX; i++)
		shmbus_step_store(attach_store_entry, &entry->sleeping[i], 0);
	shmbus_port_set_state(port, SHMBUS_PORT_ATTACHED);
	/* W4 (attach_end_intr): with W5 in the senders, which look at the states then. If this
	 * process dies before, the senders find the dead port by themselves (shmbus_wake.h).
	 */
	if (left & SHMBUS_PORT_RX_INTR)
		shmbus_step_add_release(attach_end_intr, &shmbus_bus_bell(bus)->changes, 1);
	return 0;

err_unlock:
	shmbus_lock_drop(bus->file.fd, shmbus_slot_lock_off(&bus->geo, slot));
	return ret;
}

void
shmbus_port_detach(struct shmbus_port *port)
{
	SHMBUS_STEP(detach_clear_cursors);
	clear_cursors(port);
	shmbus_port_set_state(port, 0);
	SHMBUS_STEP(detach_drop_slot);
	shmbus_lock_drop(port->bus->file.fd, shmbus_slot_lock_off(&port->bus->geo, port->slot));
}

void
shmbus_port_set_state(struct shmbus_port *port, uint32_t state)
{
	shmbus_step_store(port_store_state, &shmbus_bus_port(port->bus, port->slot)->state, state);
	tell(port);
}

void
shmbus_port_set_queues(struct shmbus_port *port, uint32_t n_txq, uint32_t n_rxq)
{
	struct shmbus_port_entry *entry = shmbus_bus_port(port->bus, port->slot);

	shmbus_step_store(port_store_queues, &entry->n_txq, n_txq);
	shmbus_step_store(port_store_queues, &entry->n_rxq, n_rxq);
	tell(port);
}

void
shmbus_port_set_mac(struct shmbus_port *port, const uint8_t mac[6])
{
	shmbus_step_store(port_store_mac, &shmbus_bus_port(port->bus, port->slot)->mac, mac_word(mac));
	tell(port);
}

int
shmbus_port_prepare_lane(struct shmbus_port *port, uint32_t queue)
{
	struct shmbus_bus *bus = port->bus;
	const uint32_t lane = port->slot * bus->geo.queues + queue;
	int ret;

	ret = shmbus_bus_map_lane(bus, lane, SHMBUS_LANE_WRITE);
	if (ret != 0)
		return ret;
	/* Before the lane has memory: existing memory stays where it is. */
	shmbus_numa_prefer(shmbus_bus_lane_data(bus, lane), bus->geo.lane_size, port->numa_node);
	ret = shmbus_bus_allocate(bus, shmbus_lane_off(&bus->geo, lane), bus->geo.lane_size);
	if (ret == 0)
		shmbus_prefault_own(bus, lane);
	return ret;
}

bool
shmbus_port_owner(const struct shmbus_bus *bus, uint32_t slot, struct shmbus_peer *peer)
{
	struct shmbus_port_entry *entry = shmbus_bus_port(bus, slot);
	uint64_t mac;
	uint32_t i;

	peer->state = shmbus_load(&entry->state);
	peer->pid = shmbus_load(&entry->pid);
	peer->incarnation = shmbus_load(&entry->incarnation);
	peer->n_txq = shmbus_load(&entry->n_txq);
	if (peer->n_txq > bus->geo.queues)
		peer->n_txq = bus->geo.queues;
	peer->n_rxq = shmbus_load(&entry->n_rxq);
	if (peer->n_rxq > bus->geo.queues)
		peer->n_rxq = bus->geo.queues;
	mac = shmbus_load(&entry->mac);
	memcpy(peer->mac, &mac, sizeof(peer->mac));
	for (i = 0; i < sizeof(peer->name) - 1; i++)
		peer->name[i] = (char)shmbus_load(&entry->name[i]);
	peer->name[i] = '\0';
	return peer->incarnation != 0;
}

bool
shmbus_port_peer(const struct shmbus_bus *bus, uint32_t slot, struct shmbus_peer *peer)
{
	if (!(shmbus_load(&shmbus_bus_port(bus, slot)->state) & SHMBUS_PORT_ATTACHED))
		return false;
	shmbus_port_owner(bus, slot, peer);
	return peer->state & SHMBUS_PORT_ATTACHED;
}

bool
shmbus_port_alive(const struct shmbus_bus *bus, uint32_t slot)
{
	return shmbus_lock_held_by_other(bus->file.fd, shmbus_slot_lock_off(&bus->geo, slot));
}

bool
shmbus_port_roster_changed(const struct shmbus_bus *bus, uint32_t *seen)
{
	shmbus_a32 *roster = shmbus_bus_roster(bus);
	bool changed = false;
	uint32_t slot, now;

	SHMBUS_STEP(reader_look_at_roster);
	for (slot = 0; slot < bus->geo.ports; slot++) {
		now = shmbus_load(&roster[slot]);
		if (now != seen[slot]) {
			seen[slot] = now;
			changed = true;
		}
	}
	if (changed)
		shmbus_fence_acquire(); /* P2 (reader_look_at_roster): with P1 */
	return changed;
}

void
shmbus_port_roster_forget(const struct shmbus_bus *bus, uint32_t *seen)
{
	uint32_t slot;

	for (slot = 0; slot < bus->geo.ports; slot++)
		seen[slot] = shmbus_load(&shmbus_bus_roster(bus)[slot]) - 1;
}

/* Counts other living ports whose state has all these bits, up to max of them. */
static uint32_t
count(const struct shmbus_port *port, uint32_t bits, uint32_t max)
{
	const struct shmbus_bus *bus = port->bus;
	uint32_t slot, n = 0;

	for (slot = 0; slot < bus->geo.ports && n < max; slot++) {
		if (slot == port->slot ||
		    (shmbus_load(&shmbus_bus_port(bus, slot)->state) & bits) != bits)
			continue;
		n += shmbus_port_alive(bus, slot);
	}
	return n;
}

uint32_t
shmbus_port_count_peers(const struct shmbus_port *port)
{
	return count(port, SHMBUS_PORT_ATTACHED, UINT32_MAX);
}

bool
shmbus_port_has_partner(const struct shmbus_port *port)
{
	return count(port, SHMBUS_PORT_ATTACHED | SHMBUS_PORT_STARTED | SHMBUS_PORT_LINK_UP, 1) != 0;
}
