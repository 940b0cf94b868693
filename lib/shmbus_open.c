/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Bus files: what is asked for, opened, made and removed. */

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "shmbus_clock.h"
#include "shmbus_lib.h"

#define PAUSE_TIMEOUT_MS 1000
#define LOCK_BREAK_MS 5000

#define FLAGS 0x3ffu

/* As many as Linux can have. */
#define NUMA_NODES 1024u

const struct shmbus_file *
shmbus_lib_file(const struct shmbus *bus)
{
	return bus->format == SHMBUS_FORMAT_LANES ? &bus->lanes.file : &bus->shmif.file;
}

static enum shmbus_fate
fate_of(const struct shmbus *bus, struct shmbus_error *why)
{
	if (bus->format == SHMBUS_FORMAT_SHMIF)
		return shmbus_fate_of_shmif(&bus->shmif, why);
	if (bus->slot == SHMBUS_NO_SLOT)
		return shmbus_fate_of_bus(&bus->lanes, why);
	return shmbus_fate_of_port(&bus->lanes, bus->slot, why);
}

static int
tell_gone(const struct shmbus *bus)
{
	struct shmbus_error why;

	if (fate_of(bus, &why) != SHMBUS_FATE_GONE) /* any more */
		shmbus_error_set(&why, 0, "cut off by somebody for a time");
	return shmbus_lib_fail(-ENODEV, "path=%s: the bus is gone: %s; detach, and attach anew",
			       shmbus_lib_file(bus)->path, why.text);
}

int
shmbus_lib_gone(const struct shmbus *bus)
{
	const struct shmbus_guard *guard = bus->format == SHMBUS_FORMAT_LANES ? bus->lanes.guard :
										bus->shmif.guard;

	return shmbus_load(&bus->gone) || shmbus_guard_struck(guard) ? tell_gone(bus) : 0;
}

int
shmbus_lib_gone_now(struct shmbus *bus)
{
	struct shmbus_error why;

	if (fate_of(bus, &why) == SHMBUS_FATE_GONE)
		shmbus_store(&bus->gone, 1);
	return shmbus_lib_gone(bus);
}

bool
shmbus_lib_lost(struct shmbus *bus)
{
	const bool lost = bus->format == SHMBUS_FORMAT_LANES ? shmbus_fate_lost(&bus->lanes) :
							       shmbus_fate_lost_shmif(&bus->shmif);

	if (lost)
		shmbus_store(&bus->gone, 1);
	return lost;
}

static int
check_conf(const char *path, const struct shmbus_conf *conf)
{
	unsigned int i;

	for (i = 0; i < sizeof(conf->reserved) / sizeof(conf->reserved[0]); i++)
		if (conf->reserved[i] != 0 || conf->reserved1 != 0)
			return shmbus_lib_fail(-EINVAL, "path=%s: conf.reserved is not all 0", path);
	if (conf->flags & ~FLAGS)
		return shmbus_lib_fail(-EINVAL, "path=%s: conf.flags=0x%x: bits of 0x%x have no meaning",
				       path, conf->flags, conf->flags & ~FLAGS);
	if ((conf->flags & SHMBUS_EXISTING) && (conf->flags & SHMBUS_NEW))
		return shmbus_lib_fail(-EINVAL,
			"path=%s: SHMBUS_EXISTING and SHMBUS_NEW: no file can be both", path);
	if (conf->format > SHMBUS_FORMAT_SHMIF)
		return shmbus_lib_fail(-EINVAL, "path=%s: format=%u: 0 (auto), 1 (lanes) or 2 (shmif)",
				       path, conf->format);
	if (conf->mode > 0777 || (conf->mode != 0 && (conf->mode & 0600) != 0600))
		return shmbus_lib_fail(-EINVAL,
			"path=%s: mode=0%o: permission bits with 0600 among them, such as 0660", path,
			conf->mode);
	if (conf->mac[0] & 1)
		return shmbus_lib_fail(-EINVAL, "path=%s: mac=%02x:%02x:...: not a unicast address",
				       path, conf->mac[0], conf->mac[1]);
	if (conf->numa > NUMA_NODES)
		return shmbus_lib_fail(-EINVAL, "path=%s: numa=%" PRIu32 ": SHMBUS_NUMA_NODE() of a node "
				       "from 0 to %u, or 0", path, conf->numa, NUMA_NODES - 1);
	if (conf->name != NULL && strlen(conf->name) > 63)
		return shmbus_lib_fail(-EINVAL, "path=%s: name=%.64s...: at most 63 bytes", path,
				       conf->name);
	return 0;
}

static void
random_bytes(void *to, size_t len)
{
	const uint64_t now = shmbus_clock_mono_ns();

	/* What is there early in a machine's life, when there is no chance yet, will do. */
	if (getrandom(to, len, GRND_NONBLOCK) != (ssize_t)len)
		memcpy(to, &now, len);
}

int
shmbus_lib_conf(const char *path, const struct shmbus_conf *conf, struct shmbus_conf *full)
{
	static const struct shmbus_conf none;
	static const uint8_t no_mac[6];
	int ret;

	*full = conf != NULL ? *conf : none;
	if (path == NULL || path[0] == '\0')
		return shmbus_lib_fail(-EINVAL, "path=: no file named, such as %s",
				       SHMBUS_DEFAULT_PATH);
	ret = check_conf(path, full);
	if (ret != 0)
		return ret;
	if (full->format == SHMBUS_FORMAT_AUTO)
		full->format = shmbus_shmif_recognise(path) ? SHMBUS_FORMAT_SHMIF :
							      SHMBUS_FORMAT_LANES;
	if (full->format == SHMBUS_FORMAT_SHMIF &&
	    (full->ports != 0 || full->queues != 0 || full->lane_size != 0 || full->numa != 0))
		return shmbus_lib_fail(-EINVAL, "path=%s: ports, queues, lane_size and numa are nothing "
				       "that a shmif bus has; leave them out", path);
	if (full->pause_timeout_ms == 0)
		full->pause_timeout_ms = PAUSE_TIMEOUT_MS;
	if (full->lock_break_ms == 0)
		full->lock_break_ms = LOCK_BREAK_MS;
	if (full->flags & SHMBUS_NO_BREAK)
		full->lock_break_ms = 0;
	if (full->name == NULL)
		full->name = program_invocation_short_name;
	if (memcmp(full->mac, no_mac, sizeof(no_mac)) == 0) {
		random_bytes(full->mac, sizeof(full->mac));
		full->mac[0] = 0xb2;
		full->mac[1] = 0xa0;
	}
	return 0;
}

int
shmbus_lib_open(struct shmbus *bus, const char *path, const struct shmbus_conf *full)
{
	const enum shmbus_file_want want = full->flags & SHMBUS_EXISTING ? SHMBUS_FILE_OLD :
					   full->flags & SHMBUS_NEW ? SHMBUS_FILE_NEW :
					   SHMBUS_FILE_ANY;
	const struct shmbus_bus_conf lanes = {
		.path = path,
		.ports = full->ports,
		.queues = full->queues,
		.lane_size = full->lane_size,
		.mode = full->mode,
		.numa = full->numa,
		.want = want,
	};
	uint64_t sender;

	bus->format = (enum shmbus_format)full->format;
	bus->slot = SHMBUS_NO_SLOT;
	if (bus->format == SHMBUS_FORMAT_LANES)
		return shmbus_bus_open(&bus->lanes, &lanes, shmbus_lib_error());
	random_bytes(&sender, sizeof(sender));
	return shmbus_shmif_open(&bus->shmif, path, want, full->mode, sender, shmbus_lib_error());
}

int
shmbus_lib_look(struct shmbus *bus, const char *path)
{
	const struct shmbus_bus_conf lanes = { .path = path, .readonly = true };
	int ret;

	bus->slot = SHMBUS_NO_SLOT;
	if (path != NULL && shmbus_shmif_recognise(path)) {
		bus->format = SHMBUS_FORMAT_SHMIF;
		return shmbus_shmif_open_readonly(&bus->shmif, path, shmbus_lib_error());
	}
	bus->format = SHMBUS_FORMAT_LANES;
	ret = shmbus_bus_open(&bus->lanes, &lanes, shmbus_lib_error());
	if (ret == 0)
		shmbus_file_unlock(&bus->lanes.file);
	return ret;
}

void
shmbus_lib_close(struct shmbus *bus)
{
	if (bus->format == SHMBUS_FORMAT_LANES)
		shmbus_bus_close(&bus->lanes);
	else
		shmbus_shmif_close(&bus->shmif);
}

int
shmbus_create(const char *path, const struct shmbus_conf *conf)
{
	struct shmbus_conf wanted = { .flags = 0 };
	struct shmbus_conf full;
	struct shmbus *bus;
	int ret;

	if (conf != NULL)
		wanted = *conf;
	wanted.flags |= SHMBUS_NEW;
	/* The format of a file that is there, and in the way, does not matter. */
	if (wanted.format == SHMBUS_FORMAT_AUTO)
		wanted.format = SHMBUS_FORMAT_LANES;
	ret = shmbus_lib_conf(path, &wanted, &full);
	if (ret != 0)
		return ret;
	bus = malloc(sizeof(*bus));
	if (bus == NULL)
		return shmbus_lib_fail(-ENOMEM, "path=%s: out of memory", path);
	ret = shmbus_lib_open(bus, path, &full);
	if (ret == 0)
		shmbus_lib_close(bus);
	free(bus);
	return ret;
}

static uint32_t
count_ports(const struct shmbus *bus)
{
	/* Counting changes nothing of the bus. */
	const struct shmbus_port nobody = {
		.bus = (struct shmbus_bus *)(uintptr_t)&bus->lanes,
		.slot = SHMBUS_NO_SLOT,
	};

	return bus->format == SHMBUS_FORMAT_LANES ? shmbus_port_count_peers(&nobody) :
						    shmbus_shmif_count_peers(&bus->shmif);
}

int
shmbus_remove(const char *path)
{
	const struct shmbus_file *file;
	struct shmbus *bus;
	uint32_t n;
	int ret;

	bus = malloc(sizeof(*bus));
	if (bus == NULL)
		return shmbus_lib_fail(-ENOMEM, "out of memory");
	ret = shmbus_lib_look(bus, path);
	if (ret != 0)
		goto out;
	/* A shared lock, but it keeps those that come and go away all the same. */
	file = shmbus_lib_file(bus);
	ret = shmbus_file_lock(file);
	if (ret != 0) {
		shmbus_lib_fail(ret, "path=%s: cannot get the attach lock: %s", path, strerror(-ret));
		goto err_close;
	}
	n = count_ports(bus);
	if (n != 0)
		ret = shmbus_lib_fail(-EBUSY, "path=%s: %" PRIu32 " living ports are on this bus; "
				      "end them first", path, n);
	else
		ret = shmbus_file_unlink(file);
	if (ret != 0 && n == 0)
		shmbus_lib_fail(ret, "path=%s: cannot remove it: %s", path, strerror(-ret));
	shmbus_file_unlock(file);
err_close:
	shmbus_lib_close(bus);
out:
	free(bus);
	return ret;
}

int
shmbus_open(struct shmbus **bus, const char *path)
{
	int ret;

	*bus = calloc(1, sizeof(**bus));
	if (*bus == NULL)
		return shmbus_lib_fail(-ENOMEM, "out of memory");
	ret = shmbus_lib_look(*bus, path);
	if (ret != 0) {
		free(*bus);
		*bus = NULL;
	}
	return ret;
}

void
shmbus_close(struct shmbus *bus)
{
	if (bus == NULL)
		return;
	shmbus_lib_close(bus);
	free(bus);
}
