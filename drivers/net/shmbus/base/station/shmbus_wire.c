/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <string.h>

#include "shmbus_bus_open.h"
#include "shmbus_guard.h"
#include "shmbus_prefault.h"
#include "shmbus_shmif_open.h"
#include "shmbus_wire.h"
#include "shmbus_writer.h"

/* Looks for the format of a file that is replaced again and again. */
#define FORMAT_TRIES 100

static bool
is_lanes(const struct shmbus_wire *wire)
{
	return wire->format != SHMBUS_WIRE_SHMIF;
}

void
shmbus_wire_init(struct shmbus_wire *wire, enum shmbus_wire_format format)
{
	memset(wire, 0, sizeof(*wire));
	wire->format = format;
	wire->slot = SHMBUS_NO_SLOT;
	if (format == SHMBUS_WIRE_SHMIF)
		wire->shmif.file.fd = -1;
	else
		wire->lanes.file.fd = -1;
}

enum shmbus_wire_format
shmbus_wire_find_format(const char *path, enum shmbus_wire_format format)
{
	if (format != SHMBUS_WIRE_AUTO)
		return format;
	return shmbus_shmif_recognise(path) ? SHMBUS_WIRE_SHMIF : SHMBUS_WIRE_LANES;
}

static int
open_as(struct shmbus_wire *wire, enum shmbus_wire_format format,
	const struct shmbus_wire_conf *conf, bool readonly, struct shmbus_error *e)
{
	struct shmbus_bus_conf bus = conf->bus;
	int ret;

	shmbus_wire_init(wire, format);
	wire->readonly = readonly;
	bus.readonly = readonly;
	if (is_lanes(wire))
		return shmbus_bus_open(&wire->lanes, &bus, e);
	if (readonly)
		return shmbus_shmif_look(&wire->shmif, bus.path,
					 SHMBUS_FILE_READ | (bus.want & SHMBUS_FILE_UNGUARDED), e);
	ret = shmbus_shmif_open(&wire->shmif, bus.path, bus.want, bus.mode, conf->sender, e);
	wire->slot = wire->shmif.id;
	return ret;
}

/*
 * The look for the format and the open find the file by its name. If another process
 * replaces the file between the two by a bus of the other format, the open refuses the
 * new file. If the two files are not the same, both are done again.
 */
static int
open_wire(struct shmbus_wire *wire, const struct shmbus_wire_conf *conf, bool readonly,
	  struct shmbus_error *e)
{
	const struct shmbus_file *file;
	unsigned int tries = 0;
	struct stat seen;
	bool shmif;
	int ret;

	if (conf->format != SHMBUS_WIRE_AUTO)
		return open_as(wire, conf->format, conf, readonly, e);
	do {
		shmif = shmbus_shmif_recognise_file(conf->bus.path, &seen);
		ret = open_as(wire, shmif ? SHMBUS_WIRE_SHMIF : SHMBUS_WIRE_LANES, conf, readonly, e);
		file = shmbus_wire_file(wire);
	} while (ret == -EMEDIUMTYPE && (file->dev != seen.st_dev || file->ino != seen.st_ino) &&
		 ++tries < FORMAT_TRIES);
	return ret;
}

int
shmbus_wire_open(struct shmbus_wire *wire, const struct shmbus_wire_conf *conf,
		 struct shmbus_error *e)
{
	return open_wire(wire, conf, false, e);
}

int
shmbus_wire_join(struct shmbus_wire *wire, const struct shmbus_wire_conf *conf,
		 struct shmbus_error *e)
{
	struct shmbus_port port;
	int ret;

	if (!is_lanes(wire))
		return 0;
	ret = shmbus_port_attach(&port, &wire->lanes, &conf->port, e);
	if (ret != 0)
		return ret;
	shmbus_file_unlock(&wire->lanes.file);
	shmbus_prefault_tables(&wire->lanes, port.slot);
	wire->slot = port.slot;
	wire->numa_node = port.numa_node;
	wire->took_over = port.took_over;
	return 0;
}

int
shmbus_wire_attach(struct shmbus_wire *wire, const struct shmbus_wire_conf *conf,
		   struct shmbus_error *e)
{
	int ret;

	ret = shmbus_wire_open(wire, conf, e);
	if (ret != 0)
		return ret;
	ret = shmbus_wire_join(wire, conf, e);
	if (ret != 0)
		shmbus_wire_undo(wire);
	return ret;
}

int
shmbus_wire_look(struct shmbus_wire *wire, const struct shmbus_wire_conf *conf,
		 struct shmbus_error *e)
{
	int ret;

	ret = open_wire(wire, conf, true, e);
	if (ret == 0 && is_lanes(wire))
		shmbus_file_unlock(&wire->lanes.file);
	return ret;
}

/* Maps and faults in the lanes of the port in another process of the port. */
static void
prefault_shared(const struct shmbus_wire *wire)
{
	const struct shmbus_bus *bus = &wire->lanes;
	struct shmbus_peer self;
	uint32_t queue, lane;

	if (wire->readonly || wire->slot == SHMBUS_NO_SLOT || !shmbus_port_peer(bus, wire->slot, &self))
		return;
	shmbus_prefault_tables(bus, wire->slot);
	for (queue = 0; queue < self.n_txq; queue++) {
		lane = wire->slot * bus->geo.queues + queue;
		if (shmbus_bus_map_lane(bus, lane, SHMBUS_LANE_WRITE) == 0)
			shmbus_prefault_own(bus, lane);
	}
}

int
shmbus_wire_share(struct shmbus_wire *wire, int fd, const char *path, uint32_t slot,
		  uint64_t sender, struct shmbus_error *e)
{
	const enum shmbus_wire_format format = wire->format;
	int ret;

	shmbus_wire_init(wire, format);
	if (is_lanes(wire)) {
		ret = shmbus_bus_open_fd(&wire->lanes, fd, path, e);
		wire->slot = slot;
		wire->readonly = wire->lanes.file.readonly;
		if (ret != 0)
			wire->lanes.file.fd = -1; /* still the caller's */
		else
			prefault_shared(wire);
		shmbus_wire_prefault(wire);
		return ret;
	}
	ret = shmbus_shmif_open_fd(&wire->shmif, fd, path, sender, e);
	wire->slot = wire->shmif.id != 0 ? wire->shmif.id : SHMBUS_NO_SLOT;
	wire->readonly = wire->shmif.file.readonly;
	return ret;
}

/* Detaches the port. The attach lock is held, or was not available. */
static void
detach(struct shmbus_wire *wire)
{
	struct shmbus_port port = shmbus_wire_port(wire);
	const uint32_t state = shmbus_load(&shmbus_bus_port(port.bus, port.slot)->state);

	shmbus_port_set_queues(&port, 0, 0);
	shmbus_port_detach(&port);
	if (state & SHMBUS_PORT_RX_INTR)
		shmbus_wake_tell(port.bus, false);
}

void
shmbus_wire_leave(struct shmbus_wire *wire, bool unlink)
{
	const struct shmbus_file *file = shmbus_wire_file(wire);
	struct shmbus_error why;
	bool gone;
	int locked;

	if (file->fd < 0 || wire->readonly || (!is_lanes(wire) && !unlink))
		return;
	/* The lock keeps new ports away while the last port removes the file, and no process
	 * makes another bus in the file meanwhile. This port must not change another bus.
	 */
	locked = shmbus_file_lock(file);
	gone = shmbus_wire_status(wire, &why) == SHMBUS_STATUS_GONE;
	if (!gone && is_lanes(wire))
		detach(wire);
	if (locked != 0)
		return;
	if (!gone && unlink && shmbus_wire_count_peers(wire) == 0)
		shmbus_file_unlink(file);
	shmbus_file_unlock(file);
}

void
shmbus_wire_close(struct shmbus_wire *wire)
{
	if (!shmbus_wire_is_open(wire))
		return;
	if (is_lanes(wire))
		shmbus_bus_close(&wire->lanes);
	else
		shmbus_shmif_close(&wire->shmif);
}

void
shmbus_wire_undo(struct shmbus_wire *wire)
{
	if (is_lanes(wire))
		shmbus_bus_undo(&wire->lanes);
	else
		shmbus_shmif_close(&wire->shmif);
}

enum shmbus_status
shmbus_wire_status(const struct shmbus_wire *wire, struct shmbus_error *why)
{
	if (!is_lanes(wire))
		return shmbus_status_of_shmif(&wire->shmif, why);
	if (wire->slot == SHMBUS_NO_SLOT)
		return shmbus_status_of_bus(&wire->lanes, why);
	return shmbus_status_of_port(&wire->lanes, wire->slot, why);
}

bool
shmbus_wire_is_lost(const struct shmbus_wire *wire)
{
	if (!shmbus_wire_is_open(wire))
		return true;
	return is_lanes(wire) ? shmbus_status_is_lost(&wire->lanes) :
				shmbus_status_is_lost_shmif(&wire->shmif);
}

bool
shmbus_wire_is_struck(const struct shmbus_wire *wire)
{
	return shmbus_guard_struck(is_lanes(wire) ? wire->lanes.guard : wire->shmif.guard);
}

bool
shmbus_wire_is_new(const struct shmbus_wire *wire)
{
	return is_lanes(wire) ? wire->lanes.filled : wire->shmif.filled;
}

uint32_t
shmbus_wire_max_queues(const struct shmbus_wire *wire)
{
	return is_lanes(wire) ? wire->lanes.geo.queues : 1;
}

uint32_t
shmbus_wire_version(const struct shmbus_wire *wire)
{
	/* A wire that was never open has the version that this program writes. */
	if (is_lanes(wire))
		return wire->lanes.geo.version != 0 ? wire->lanes.geo.version : SHMBUS_VERSION_HUB;
	return wire->shmif.version != 0 ? wire->shmif.version : SHMBUS_SHMIF_VERSION;
}

static_assert(SHMBUS_FRAME_MIN == SHMBUS_SHMIF_FRAME_MIN,
	      "the driver and the library have one shortest frame for both formats");

uint32_t
shmbus_wire_frame_max(const struct shmbus_wire *wire)
{
	return is_lanes(wire) ? shmbus_frame_max(&wire->lanes.geo) : SHMBUS_SHMIF_FRAME_MAX;
}

/* Returns the port on lanes for functions that do not change the bus. */
static struct shmbus_port
port_to_look(const struct shmbus_wire *wire)
{
	return (struct shmbus_port){
		.bus = (struct shmbus_bus *)(uintptr_t)&wire->lanes,
		.slot = wire->slot,
	};
}

uint32_t
shmbus_wire_count_peers(const struct shmbus_wire *wire)
{
	const struct shmbus_port port = port_to_look(wire);

	if (!shmbus_wire_is_open(wire))
		return 0;
	return is_lanes(wire) ? shmbus_port_count_peers(&port) :
				shmbus_shmif_count_peers(&wire->shmif);
}

bool
shmbus_wire_has_partner(const struct shmbus_wire *wire)
{
	const struct shmbus_port port = port_to_look(wire);

	if (!shmbus_wire_is_open(wire))
		return false;
	return is_lanes(wire) ? shmbus_port_has_partner(&port) :
				shmbus_shmif_count_peers(&wire->shmif) != 0;
}

void
shmbus_wire_prefault(const struct shmbus_wire *wire)
{
	if (is_lanes(wire) && !shmbus_wire_is_lost(wire))
		shmbus_prefault_peers(&wire->lanes, wire->slot, UINT64_MAX);
}

void
shmbus_wire_wake(const struct shmbus_wire *wire)
{
	if (!is_lanes(wire) && shmbus_wire_is_open(wire))
		shmbus_shmif_wake(&wire->shmif);
	else if (is_lanes(wire) && !shmbus_wire_is_lost(wire))
		shmbus_wake_ring(&wire->lanes);
}

shmbus_a32 *
shmbus_wire_header(const struct shmbus_wire *wire, uint32_t *size)
{
	*size = is_lanes(wire) ? sizeof(struct shmbus_header) : sizeof(struct shmbus_shmif_header);
	if (!shmbus_wire_is_open(wire))
		return NULL;
	return (shmbus_a32 *)(void *)(is_lanes(wire) ? wire->lanes.control : wire->shmif.map);
}
