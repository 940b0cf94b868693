/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Theory of operation
 *
 * The file is removed and a new one is made; it is not emptied in place. So a
 * process that is between open(2) and the attach lock finds that the name has gone
 * and opens the new file (shmbus_file.c), and a monitor that has the old file
 * mapped reads it to its end and then reports that the bus was removed.
 *
 *   ports alive   frames carried   file is ours   the bus is
 *   yes           -                -              kept
 *   no            yes              -              kept
 *   no            no               no             kept: the new one would be another user's
 *   no            no               yes            replaced
 *
 * A port attaches and leaves under the attach lock, which the caller holds, so the
 * first two columns do not change meanwhile.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shmbus_geometry.h"
#include "shmbus_lock.h"
#include "shmbus_replace.h"

static uint32_t
count_living(const struct shmbus_bus *bus)
{
	uint32_t slot, n = 0;

	for (slot = 0; slot < bus->geo.ports; slot++)
		n += shmbus_lock_held_by_other(bus->file.fd, shmbus_slot_lock_off(&bus->geo, slot));
	return n;
}

/* The bus is not mapped. What cannot be read counts as a frame. */
static bool
carried_frames(const struct shmbus_bus *bus)
{
	struct shmbus_lane_entry entry;
	uint64_t off = bus->geo.lane_off;
	uint32_t lane;

	for (lane = 0; lane < bus->geo.lanes; lane++, off += sizeof(entry))
		if (pread(bus->file.fd, &entry, sizeof(entry), (off_t)off) != (ssize_t)sizeof(entry) ||
		    shmbus_load(&entry.tail) != 0)
			return true;
	return false;
}

/* Completes the error's text with the reason for which the bus is kept. */
static int
keep(struct shmbus_error *e, const char *reason)
{
	struct shmbus_error first;

	if (e == NULL)
		return -EEXIST;
	first = *e;
	return shmbus_error_set(e, -EEXIST, "%s; %s", first.text, reason);
}

int
shmbus_replace(const struct shmbus_bus *bus, const struct shmbus_bus_conf *conf,
	       struct shmbus_bus_conf *anew, struct shmbus_error *e)
{
	const uint32_t living = count_living(bus);
	struct shmbus_geometry geo;
	char reason[128];
	struct stat st;
	int ret;

	if (living != 0) {
		snprintf(reason, sizeof(reason), "%" PRIu32 " port%s alive on it", living,
			 living == 1 ? " is" : "s are");
		return keep(e, reason);
	}
	if (conf->readonly || conf->want != SHMBUS_FILE_ANY)
		return keep(e, "no port is alive on it");
	if (carried_frames(bus))
		return keep(e, "no port is alive on it, but it has carried frames: remove it if they are not wanted any more");
	*anew = *conf;
	anew->ports = conf->ports != 0 ? conf->ports : bus->geo.ports;
	anew->queues = shmbus_geometry_queues(conf, bus->geo.queues);
	anew->lane_size = conf->lane_size != 0 ? conf->lane_size : bus->geo.lane_size;
	anew->deliver = conf->deliver != SHMBUS_DELIVER_ANY ? conf->deliver :
			shmbus_geometry_deliver(&bus->geo);
	ret = shmbus_geometry_new(&geo, anew, bus->file.page_size, e);
	if (ret != 0)
		return ret;
	if (fstat(bus->file.fd, &st) != 0 || st.st_uid != geteuid() || st.st_gid != getegid())
		return keep(e, "no port is alive on it, it carried no frame, and its owner may remove it");
	if (conf->mode == 0)
		anew->mode = st.st_mode & 0777;
	ret = shmbus_file_unlink(&bus->file);
	if (ret == 0)
		return -EAGAIN;
	snprintf(reason, sizeof(reason), "no port is alive on it and it carried no frame, but it cannot be removed: %s",
		 strerror(-ret));
	return keep(e, reason);
}
