/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_WIRE_H
#define SHMBUS_WIRE_H

/*
 * The bus of a station, of either format: how a process attaches to it, looks
 * on, shares it with another process, and leaves.
 *
 * Theory of operation
 *
 *   closed    file.fd -1       shmbus_wire_attach(), _look(), _share() open it
 *   open      file.fd >= 0     shmbus_wire_leave(), if it is a port's; then
 *                              shmbus_wire_close()
 *
 * A wire belongs to one process. What the processes of one port share (queues,
 * positions, counters) holds no pointer into it, as each process has the file
 * mapped at an address of its own.
 *
 * Calls that say nothing else are for one thread at a time.
 */

#include "shmbus_status.h"
#include "shmbus_port.h"
#include "shmbus_wake.h"

enum shmbus_wire_format {
	SHMBUS_WIRE_AUTO, /* what the file is; a new file becomes a bus of lanes */
	SHMBUS_WIRE_LANES,
	SHMBUS_WIRE_SHMIF,
};

struct shmbus_wire_conf {
	struct shmbus_bus_conf bus; /* readonly is not looked at: _look() says it */
	enum shmbus_wire_format format;
	struct shmbus_port_conf port; /* lanes */
	uint64_t sender; /* shmif: 64 random bits, which the port's frames bear */
};

struct shmbus_wire {
	enum shmbus_wire_format format; /* never AUTO once it was open */
	bool readonly;
	bool took_over; /* lanes: the slot's last owner died in it */
	uint32_t slot;  /* lanes: of the port; shmif: its number; SHMBUS_NO_SLOT: no port */
	int numa_node;  /* lanes: for the memory of its own lanes */
	union {
		struct shmbus_bus lanes;
		struct shmbus_shmif shmif;
	};
};

/* A wire that is closed. */
void shmbus_wire_init(struct shmbus_wire *wire, enum shmbus_wire_format format);

/* Returns format, or the file's format if that is AUTO. */
enum shmbus_wire_format shmbus_wire_find_format(const char *path, enum shmbus_wire_format format);

/*
 * Open the bus file, or create it, without becoming a port. On a bus of lanes
 * the attach lock is held on return (shmbus_bus_open). Errors: as
 * shmbus_bus_open and shmbus_shmif_open.
 */
int shmbus_wire_open(struct shmbus_wire *wire, const struct shmbus_wire_conf *conf,
		     struct shmbus_error *e);

/*
 * Become a port of a bus that shmbus_wire_open has opened: what the caller
 * needs to know of the bus before (the memory that its queues take) can be
 * asked for between the two. The attach lock is released. Errors: as
 * shmbus_port_attach; then the wire is as before, for shmbus_wire_undo.
 */
int shmbus_wire_join(struct shmbus_wire *wire, const struct shmbus_wire_conf *conf,
		     struct shmbus_error *e);

/*
 * Both: open the bus file and become a port. 0, or -errno with a text: as
 * shmbus_wire_open and shmbus_port_attach; then the wire is closed and the file
 * is as it was before.
 */
int shmbus_wire_attach(struct shmbus_wire *wire, const struct shmbus_wire_conf *conf,
		       struct shmbus_error *e);

/* Open a bus that exists, for reading. No other station notices. */
int shmbus_wire_look(struct shmbus_wire *wire, const struct shmbus_wire_conf *conf,
		     struct shmbus_error *e);

/*
 * In another process of the same port: open through the descriptor fd of the
 * process that attached. slot is that port's. fd belongs to the wire if this
 * succeeds, else still to the caller.
 */
int shmbus_wire_share(struct shmbus_wire *wire, int fd, const char *path, uint32_t slot,
		      uint64_t sender, struct shmbus_error *e);

/*
 * Give up the port's place on the bus. unlink: remove the file if no other port
 * of ours is alive on it. A bus that somebody has made anew in the same file is
 * left alone. Waits up to 10 s for the attach lock.
 */
void shmbus_wire_leave(struct shmbus_wire *wire, bool unlink);

/* Unmap and close. On a closed wire: nothing. */
void shmbus_wire_close(struct shmbus_wire *wire);

/* Undo shmbus_wire_open: what this process made of the file is taken back. */
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
 * What has become of the bus file, by a few system calls; why as in
 * shmbus_status_of_bus(). The wire is open. Any thread.
 */
enum shmbus_status shmbus_wire_status(const struct shmbus_wire *wire, struct shmbus_error *why);

/* Does the file hold another bus by now, or none, or is the wire closed? No system call. */
bool shmbus_wire_is_lost(const struct shmbus_wire *wire);

/* Has a part of the file been missing when it was touched? One load. */
bool shmbus_wire_is_struck(const struct shmbus_wire *wire);

/* Did this process make the file a bus? */
bool shmbus_wire_is_new(const struct shmbus_wire *wire);

/* Queues per port; the version of the format; the longest frame. The wire is open, or was. */
uint32_t shmbus_wire_max_queues(const struct shmbus_wire *wire);
uint32_t shmbus_wire_version(const struct shmbus_wire *wire);
uint32_t shmbus_wire_frame_max(const struct shmbus_wire *wire);

/* Living ports of ours besides this one: a system call for each slot in use. 0 if closed. */
uint32_t shmbus_wire_count_peers(const struct shmbus_wire *wire);

/* Wake all stations that sleep on the bus. Nothing if the wire is closed or lost. */
void shmbus_wire_wake(const struct shmbus_wire *wire);

/* The header of the bus file as words, *size bytes of it. NULL if closed. */
shmbus_a32 *shmbus_wire_header(const struct shmbus_wire *wire, uint32_t *size);

/* The port on lanes, as the functions of shmbus_port.h take it. */
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
