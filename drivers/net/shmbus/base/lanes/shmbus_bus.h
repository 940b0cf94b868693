/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_BUS_H
#define SHMBUS_BUS_H

/*
 * A bus that one process has open: its file, its geometry and its mappings.
 * The geometry is checked once and then used from this structure; it is never
 * read from the file again. A process may open the same bus several times.
 * Each opening has its own descriptor, and therefore its own locks.
 */

#include "shmbus_error.h"
#include "shmbus_file.h"
#include "shmbus_format.h"
#include "shmbus_guard.h"

/* Who gets a unicast frame. */
enum shmbus_deliver {
	SHMBUS_DELIVER_ANY = 0, /* what the bus does; a new bus is a hub */
	SHMBUS_DELIVER_HUB,     /* every port */
	SHMBUS_DELIVER_SWITCH,  /* the port behind which the address is, if that is known */
};

/* What a caller asks of a bus. A geometry field of 0 means: the bus's own value, or the default. */
struct shmbus_bus_conf {
	const char *path;
	uint32_t ports;
	uint32_t queues;
	uint64_t lane_size; /* bytes */
	uint32_t port_queues; /* the bus has at least as many queues per port; 0: any number */
	enum shmbus_deliver deliver;
	mode_t mode;        /* permission bits of a new file; 0: 0600 */
	uint32_t numa;      /* for a new file: 1 + the node for its memory; 0: any node */
	enum shmbus_file_want want;
	bool readonly;      /* read only: no port can be attached, no lane written */
};

/* The slot of a station that is not a port. */
#define SHMBUS_NO_SLOT UINT32_MAX

struct shmbus_geometry {
	uint32_t ports;
	uint32_t queues;
	uint32_t lanes; /* ports * queues */
	uint32_t version;
	bool directs; /* senders direct frames: the bus is a switch */
	uint32_t quarter_shift; /* lane_size / 4 is 1 << quarter_shift */
	uint64_t lane_size;
	uint64_t roster_off;
	uint64_t port_off;
	uint64_t lane_off;
	uint64_t notice_off; /* of a switch; else where it would be: the end of the lane entries */
	uint64_t cursor_off;
	uint64_t data_off;
	uint64_t file_size;
};

struct shmbus_bus {
	struct shmbus_file file;
	bool filled;          /* this process made the file a bus */
	struct shmbus_geometry geo;
	uint8_t id[16];
	uint8_t *control;     /* [0, data_off) of the file, writable if the file is */
	uint8_t *lanes;       /* address space for all lanes, two copies of each */
	shmbus_a8 *lane_prot; /* per lane: enum shmbus_lane_prot */
	shmbus_a8 *lane_ready; /* per lane: as lane_prot, faulted in (shmbus_prefault.h) */
	struct shmbus_guard *guard; /* of all mappings */
};

enum shmbus_lane_prot {
	SHMBUS_LANE_UNMAPPED = 0,
	SHMBUS_LANE_READ = 1,
	SHMBUS_LANE_WRITE = 2,
};

/*
 * Unmaps and closes. The kernel drops the locks with the last descriptor of
 * this open file description.
 */
void shmbus_bus_close(struct shmbus_bus *bus);

/*
 * Maps the tables of a bus whose file has its size, and reserves address space
 * for all lanes. Returns 0, or -errno with a text.
 */
int shmbus_bus_map(struct shmbus_bus *bus, struct shmbus_error *e);

/* Undoes shmbus_bus_map() and shmbus_bus_map_lane(). */
void shmbus_bus_unmap(struct shmbus_bus *bus);

/*
 * Maps a lane for reading, or for reading and writing, unless it is mapped so
 * already. Several threads may call this at once. Makes system calls only for
 * the first mapping.
 */
int shmbus_bus_map_lane(const struct shmbus_bus *bus, uint32_t lane, enum shmbus_lane_prot prot);

/*
 * Allocates memory or disk blocks for a range of the file, so that later
 * accesses cannot fail. Returns -ENOSPC if there are none.
 */
int shmbus_bus_allocate(const struct shmbus_bus *bus, uint64_t off, uint64_t len);

static inline mode_t
shmbus_bus_mode(const struct shmbus_bus_conf *conf)
{
	return conf->mode != 0 ? conf->mode : 0600;
}

/* Returns whether frames on the bus may be directed. */
static inline bool
shmbus_geometry_directed(const struct shmbus_geometry *geo)
{
	return geo->version != SHMBUS_VERSION_HUB;
}

static inline enum shmbus_deliver
shmbus_geometry_deliver(const struct shmbus_geometry *geo)
{
	return geo->directs ? SHMBUS_DELIVER_SWITCH : SHMBUS_DELIVER_HUB;
}

static inline uint64_t
shmbus_lane_off(const struct shmbus_geometry *geo, uint32_t lane)
{
	return geo->data_off + lane * geo->lane_size;
}

/* Returns the file offset of a slot's lock: the start of the slot's entry. */
static inline off_t
shmbus_slot_lock_off(const struct shmbus_geometry *geo, uint32_t slot)
{
	return (off_t)(geo->port_off + slot * sizeof(struct shmbus_port_entry));
}

static inline struct shmbus_bell *
shmbus_bus_bell(const struct shmbus_bus *bus)
{
	return (struct shmbus_bell *)(void *)(bus->control + SHMBUS_BELL_OFF);
}

static inline shmbus_a32 *
shmbus_bus_roster(const struct shmbus_bus *bus)
{
	return (shmbus_a32 *)(void *)(bus->control + bus->geo.roster_off);
}

static inline struct shmbus_port_entry *
shmbus_bus_port(const struct shmbus_bus *bus, uint32_t slot)
{
	return (struct shmbus_port_entry *)(void *)(bus->control + bus->geo.port_off) + slot;
}

static inline struct shmbus_lane_entry *
shmbus_bus_lane(const struct shmbus_bus *bus, uint32_t lane)
{
	return (struct shmbus_lane_entry *)(void *)(bus->control + bus->geo.lane_off) + lane;
}

/* On a switch: the notice of a lane for a slot. */
static inline struct shmbus_notice *
shmbus_bus_notice(const struct shmbus_bus *bus, uint32_t slot, uint32_t lane)
{
	return (struct shmbus_notice *)(void *)(bus->control + bus->geo.notice_off) +
	       (size_t)slot * bus->geo.lanes + lane;
}

static inline struct shmbus_cursor *
shmbus_bus_cursor(const struct shmbus_bus *bus, uint32_t slot, uint32_t rxq, uint32_t lane)
{
	const struct shmbus_geometry *geo = &bus->geo;

	return (struct shmbus_cursor *)(void *)(bus->control + geo->cursor_off) +
	       ((size_t)slot * geo->queues + rxq) * geo->lanes + lane;
}

static inline uint8_t *
shmbus_bus_lane_data(const struct shmbus_bus *bus, uint32_t lane)
{
	return bus->lanes + 2 * bus->geo.lane_size * lane;
}

/* Returns the receiving slot in the descriptor of a directed frame. */
static inline uint32_t
shmbus_desc_slot(uint32_t word)
{
	return (word & SHMBUS_DESC_SLOT) >> SHMBUS_DESC_SLOT_SHIFT;
}

/* The descriptors of a record. */
static inline shmbus_a32 *
shmbus_burst_desc(uint8_t *record)
{
	return (shmbus_a32 *)(void *)(record + sizeof(struct shmbus_burst));
}

#endif /* SHMBUS_BUS_H */
