/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "shmbus_director.h"

#define ADDRESS UINT64_C(0xffffffffffff)
#define SLOT_SHIFT 48
/* Several ports have the address. */
#define SEVERAL (UINT64_C(1) << 63)

#define UP (SHMBUS_PORT_ATTACHED | SHMBUS_PORT_STARTED | SHMBUS_PORT_LINK_UP)

/* Returns the size of a hash table that the addresses of all ports fill to a half at most. */
static uint32_t
table_size(const struct shmbus_geometry *geo)
{
	uint32_t size = 16;

	while (size < 2 * geo->ports)
		size *= 2;
	return size;
}

size_t
shmbus_director_size(const struct shmbus_geometry *geo)
{
	return geo->directs ? SHMBUS_ALIGN(table_size(geo) * sizeof(uint64_t)) : 0;
}

void
shmbus_director_init(struct shmbus_director *d, const struct shmbus_geometry *geo, void *memory)
{
	*d = (struct shmbus_director){
		.on = geo->directs,
		.fdb = d->fdb,
		.mask = table_size(geo) - 1,
		.addresses = memory,
	};
}

void
shmbus_director_start(struct shmbus_director *d, uint32_t slot, uint64_t tail)
{
	d->slot = slot;
	d->last = SHMBUS_NO_ADDRESS;
	d->now_known = false;
	d->entries = UINT64_MAX;
	d->record = (struct shmbus_addressees){ .all = false };
	d->receivers = (struct shmbus_receivers){ .all = false };
	d->tail = tail;
}

/* Returns the place of an address in the table: its own, or a free one, which is 0. */
static uint64_t *
place_of(const struct shmbus_director *d, uint64_t address)
{
	uint32_t i = shmbus_address_hash(address) & d->mask;

	while (d->addresses[i] != 0 && (d->addresses[i] & ADDRESS) != address)
		i = (i + 1) & d->mask;
	return &d->addresses[i];
}

static void
add_port(struct shmbus_director *d, uint32_t slot, uint64_t address)
{
	uint64_t *at;

	d->live[slot / 64] |= UINT64_C(1) << slot % 64;
	if (address == 0 || shmbus_address_is_group(address))
		return;
	at = place_of(d, address);
	*at = *at == 0 ? address | (uint64_t)slot << SLOT_SHIFT : *at | SEVERAL;
}

/* Reads the ports' entries. */
static void
read_entries(const struct shmbus_bus *bus, struct shmbus_director *d)
{
	uint64_t owners[SHMBUS_PORTS_MAX];
	struct shmbus_port_entry *entry;
	uint32_t slot;

	memset(d->live, 0, sizeof(d->live));
	memset(d->addresses, 0, (d->mask + 1) * sizeof(*d->addresses));
	for (slot = 0; slot < bus->geo.ports; slot++) {
		entry = shmbus_bus_port(bus, slot);
		owners[slot] = 0;
		if ((shmbus_load(&entry->state) & UP) != UP)
			continue;
		owners[slot] = shmbus_load(&entry->incarnation) << 1 | 1;
		add_port(d, slot, shmbus_address_of_word(shmbus_load(&entry->mac)));
	}
	if (d->fdb != NULL)
		shmbus_fdb_owners(d->fdb, owners, bus->geo.ports);
}

/* Reads the ports' entries if any has changed. */
static void
follow_entries(const struct shmbus_bus *bus, struct shmbus_director *d)
{
	uint32_t now;

	/* E2 (sender_look_at_entries): with E1 in the ports */
	SHMBUS_STEP(sender_look_at_entries);
	now = shmbus_load_acquire(&shmbus_bus_bell(bus)->entries);
	if (now == d->entries)
		return;
	d->entries = now;
	read_entries(bus, d);
}

/* Returns the slot behind which an address is, or UINT32_MAX. */
static uint32_t
learned(struct shmbus_director *d, uint64_t address)
{
	uint32_t slot;

	if (d->fdb == NULL)
		return UINT32_MAX;
	if (!d->now_known) {
		d->now = shmbus_fdb_now();
		d->now_known = true;
	}
	slot = shmbus_fdb_find(d->fdb, address, d->now);
	if (slot != UINT32_MAX && !(d->live[slot / 64] >> slot % 64 & 1))
		slot = UINT32_MAX;
	return slot;
}

/* Returns the slot that a frame to the address is for; UINT32_MAX: everybody. */
static uint32_t
find_slot(struct shmbus_director *d, uint64_t address)
{
	uint64_t port;
	uint32_t slot;

	if (address == 0 || shmbus_address_is_group(address))
		return UINT32_MAX;
	port = *place_of(d, address);
	if (port & SEVERAL)
		return UINT32_MAX;
	slot = port != 0 ? (uint32_t)(port >> SLOT_SHIFT) & 0xff : learned(d, address);
	return slot != d->slot ? slot : UINT32_MAX;
}

uint32_t
shmbus_director_look(const struct shmbus_bus *bus, struct shmbus_director *d, uint64_t address)
{
	uint32_t slot;

	/* Within a burst the answers stay the same. */
	if (d->last == SHMBUS_NO_ADDRESS)
		follow_entries(bus, d);
	slot = find_slot(d, address);
	d->last = address;
	if (slot == UINT32_MAX) {
		d->record.all = true;
		d->receivers.all = true;
		d->last_to = 0;
	} else {
		shmbus_addressees_add(&d->record, slot);
		d->receivers.slots[slot / 64] |= UINT64_C(1) << slot % 64;
		d->last_to = SHMBUS_DESC_DIRECTED | slot << SHMBUS_DESC_SLOT_SHIFT;
	}
	return d->last_to;
}
