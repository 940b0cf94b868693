/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_WIRE_H
#define SHMBUS_WIRE_H

/*
 * The wire: the bus of a station, of either format. A process attaches to a
 * bus, looks at it as a monitor, shares it with another process, and leaves
 * it.
 *
 * Theory of operation
 *
 *   closed    file.fd -1       shmbus_wire_attach(), _look(), _share() open it
 *   open      file.fd >= 0     shmbus_wire_leave(), if it is a port's; then
 *                              shmbus_wire_close()
 *
 * A wire belongs to one process. The data that the processes of one port share
 * (queues, positions, counters) holds no pointer into the mapping, as each
 * process has the file mapped at its own address.
 *
 * A call is for one thread at a time unless its comment says otherwise.
 */

#include "shmbus_status.h"
#include "shmbus_port.h"
#include "shmbus_wake.h"

enum shmbus_wire_format {
	SHMBUS_WIRE_AUTO, /* the file's own format; lanes for a new file */
	SHMBUS_WIRE_LANES,
	SHMBUS_WIRE_SHMIF,
};

struct shmbus_wire_conf {
	struct shmbus_bus_conf bus; /* its readonly is ignored: _look() is read only */
	enum shmbus_wire_format format;
	struct shmbus_port_conf port; /* lanes */
	uint64_t sender; /* shmif: 64 random bits in each of the port's records */
};

struct shmbus_wire {
	enum shmbus_wire_format format; /* never AUTO after opening */
	bool readonly;
	bool took_over; /* lanes: the slot's last owner died without leaving it */
	uint32_t slot;  /* lanes: the port's; shmif: its number; SHMBUS_NO_SLOT: a monitor */
	int numa_node;  /* lanes: for its own lanes */
	union {
		struct shmbus_bus lanes;
		struct shmbus_shmif shmif;
	};
};

/* Initialises a closed wire. */
void shmbus_wire_init(struct shmbus_wire *wire, enum shmbus_wire_format format);

/* Returns format, or the file's format if that is AUTO. */
enum shmbus_wire_format shmbus_wire_find_format(const char *path, enum shmbus_wire_format format);

/*
 * Opens or creates the bus file without becoming a port. On a bus of lanes the
 * caller holds the attach lock on return (shmbus_bus_open). Errors as
 * shmbus_bus_open() and shmbus_shmif_open().
 */
int shmbus_wire_open(struct shmbus_wire *wire, const struct shmbus_wire_conf *conf,
		     struct shmbus_error *e);

/*
 * Makes the station a port of the bus that shmbus_wire_open() has opened. The
 * caller can ask for properties of the bus between the two calls, such as the
 * memory for queues. Releases the attach lock. Errors as shmbus_port_attach();
 * then the wire is unchanged, for shmbus_wire_undo().
 */
int shmbus_wire_join(struct shmbus_wire *wire, const struct shmbus_wire_conf *conf,
		     struct shmbus_error *e);

/*
 * Opens the bus file and makes the station a port. Returns 0, or -errno with a
 * text as shmbus_wire_open() and shmbus_port_attach(); then the wire is closed
 * and the file is as it was before.
 */
int shmbus_wire_attach(struct shmbus_wire *wire, const struct shmbus_wire_conf *conf,
		       struct shmbus_error *e);

/* Opens an existing bus for reading. No other station notices. */
int shmbus_wire_look(struct shmbus_wire *wire, const struct shmbus_wire_conf *conf,
		     struct shmbus_error *e);

/*
 * Opens the port's bus in another process of the port, through the descriptor
 * fd of the process that attached. slot is that port's. On success fd belongs
 * to the wire, otherwise still to the caller.
 */
int shmbus_wire_share(struct shmbus_wire *wire, int fd, const char *path, uint32_t slot,
		      uint64_t sender, struct shmbus_error *e);

/*
 * Leaves the bus. unlink: also removes the file if no other living port of
 * ours is on it. If another process has made a new bus in the same file, the
 * file stays unchanged. Waits up to 10 s for the attach lock.
 */
void shmbus_wire_leave(struct shmbus_wire *wire, bool unlink);

/* Unmaps and closes. Does nothing on a closed wire. */
void shmbus_wire_close(struct shmbus_wire *wire);

/* Undoes shmbus_wire_open(): takes back what this process changed in the file. */
void shmbus_wire_undo(struct shmbus_wire *wire);

static inline const struct shmbus_file *
shmbus_wire_file(const struct shmbus_wire *wire)
{
	return wire->format == SHMBUS_WIRE_SHMIF ? &wire->shmif.file : &wire->lanes.file;
}

static inline bool
shmbus_wire_is_open(const struct shmbus_wire *wire)
{
	return shmbus_wire_file(wire)->fd >= 0;
}

/*
 * Returns the status of the bus file, by a few system calls; why as in
 * shmbus_status_of_bus(). The wire is open. Any thread may call it.
 */
enum shmbus_status shmbus_wire_status(const struct shmbus_wire *wire, struct shmbus_error *why);

/* Returns whether the file now holds another bus or none, or the wire is closed. No system call. */
bool shmbus_wire_is_lost(const struct shmbus_wire *wire);

/* Returns whether an access has found a part of the file missing. One load. */
bool shmbus_wire_is_struck(const struct shmbus_wire *wire);

/* Returns whether this process made the file a bus. */
bool shmbus_wire_is_new(const struct shmbus_wire *wire);

/*
 * Return the queues per port, the version of the format, and the longest
 * frame. The wire is or was open.
 */
uint32_t shmbus_wire_max_queues(const struct shmbus_wire *wire);
uint32_t shmbus_wire_version(const struct shmbus_wire *wire);
uint32_t shmbus_wire_frame_max(const struct shmbus_wire *wire);

/*
 * Counts the living ports of ours besides this one: one system call for each
 * slot in use. 0 if closed.
 */
uint32_t shmbus_wire_count_peers(const struct shmbus_wire *wire);

/*
 * Returns whether another living port is started and has not set its link down. On shmif
 * every living port of ours counts, as ports have no state there. False if closed.
 */
bool shmbus_wire_has_partner(const struct shmbus_wire *wire);

/*
 * Maps what other ports have brought since the last call, and faults it in (shmbus_prefault.h).
 * Does nothing on shmif, or if the wire is closed or lost. Any thread may call it.
 */
void shmbus_wire_prefault(const struct shmbus_wire *wire);

/* Wakes all stations that sleep on the bus. Does nothing if the wire is closed or lost. */
void shmbus_wire_wake(const struct shmbus_wire *wire);

/* Returns the header of the bus file as words, *size bytes of it; NULL if the wire is closed. */
shmbus_a32 *shmbus_wire_header(const struct shmbus_wire *wire, uint32_t *size);

/* Returns the port on lanes, for the functions of shmbus_port.h. */
static inline struct shmbus_port
shmbus_wire_port(struct shmbus_wire *wire)
{
	return (struct shmbus_port){
		.bus = &wire->lanes,
		.slot = wire->slot,
		.numa_node = wire->numa_node,
	};
}

#endif /* SHMBUS_WIRE_H */
