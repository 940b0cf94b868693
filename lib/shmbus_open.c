/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Bus files: configuration, opening, creation and removal. */

#include <assert.h>
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

#define FLAGS 0xfffu

/* Linux has no more. */
#define NUMA_NODES 1024u

static_assert((int)SHMBUS_FORMAT_AUTO == SHMBUS_WIRE_AUTO, "formats");
static_assert((int)SHMBUS_FORMAT_LANES == SHMBUS_WIRE_LANES, "formats");
static_assert((int)SHMBUS_FORMAT_SHMIF == SHMBUS_WIRE_SHMIF, "formats");
static_assert((int)SHMBUS_DELIVERY_HUB == SHMBUS_DELIVER_HUB, "hub");
static_assert((int)SHMBUS_DELIVERY_SWITCH == SHMBUS_DELIVER_SWITCH, "switch");

/* ---- a bus that is gone */

static int
report_gone(const struct shmbus *bus)
{
	struct shmbus_error why;

	if (shmbus_wire_status(&bus->wire, &why) != SHMBUS_STATUS_GONE) /* the file has its size again */
		shmbus_error_set(&why, 0, "the file was truncated for a time");
	return shmbus_lib_fail(-ENODEV, "path=%s: the bus is gone: %s; detach and attach again",
			       shmbus_lib_path(bus), why.text);
}

int
shmbus_lib_gone(const struct shmbus *bus)
{
	return shmbus_load(&bus->gone) || shmbus_wire_is_struck(&bus->wire) ? report_gone(bus) : 0;
}

int
shmbus_lib_gone_now(struct shmbus *bus)
{
	struct shmbus_error why;

	if (shmbus_wire_status(&bus->wire, &why) == SHMBUS_STATUS_GONE)
		shmbus_store(&bus->gone, 1);
	return shmbus_lib_gone(bus);
}

bool
shmbus_lib_lost(struct shmbus *bus)
{
	const bool lost = shmbus_wire_is_lost(&bus->wire);

	if (lost)
		shmbus_store(&bus->gone, 1);
	return lost;
}

/* ---- configuration */

/* Checks that a reserved field is 0. */
static int
check_reserved(const char *path, const char *name, const void *field, size_t size)
{
	const uint8_t *bytes = field;
	size_t i;

	for (i = 0; i < size; i++)
		if (bytes[i] != 0)
			return shmbus_lib_fail(-EINVAL, "path=%s: conf.%s is not 0; set the whole "
					       "conf to 0 before its fields", path, name);
	return 0;
}

static int
check_all_reserved(const char *path, const struct shmbus_conf *conf)
{
	int ret;

	ret = check_reserved(path, "reserved0", conf->reserved0, sizeof(conf->reserved0));
	if (ret == 0)
		ret = check_reserved(path, "reserved1", &conf->reserved1, sizeof(conf->reserved1));
	if (ret == 0)
		ret = check_reserved(path, "reserved", conf->reserved, sizeof(conf->reserved));
	return ret;
}

static int
check_port_queues(const char *path, const struct shmbus_conf *conf)
{
	if (conf->port_queues > SHMBUS_QUEUES_MAX)
		return shmbus_lib_fail(-EINVAL, "path=%s: port_queues=%" PRIu32 ": must be from 1 to %d, "
				       "or 0, which is one", path, conf->port_queues, SHMBUS_QUEUES_MAX);
	if (conf->queues != 0 && conf->port_queues > conf->queues)
		return shmbus_lib_fail(-EINVAL, "path=%s: port_queues=%" PRIu32 ": must be %" PRIu32
				       " at most, which is queues; or leave queues out", path,
				       conf->port_queues, conf->queues);
	return 0;
}

static int
check_conf(const char *path, const struct shmbus_conf *conf)
{
	int ret;

	ret = check_all_reserved(path, conf);
	if (ret == 0)
		ret = check_port_queues(path, conf);
	if (ret != 0)
		return ret;
	if (conf->flags & ~FLAGS)
		return shmbus_lib_fail(-EINVAL, "path=%s: conf.flags=0x%x: the bits 0x%x are unknown",
				       path, conf->flags, conf->flags & ~FLAGS);
	if ((conf->flags & SHMBUS_EXISTING) && (conf->flags & SHMBUS_NEW))
		return shmbus_lib_fail(-EINVAL,
			"path=%s: SHMBUS_EXISTING and SHMBUS_NEW exclude each other; "
			"give one of them", path);
	if (conf->format > SHMBUS_FORMAT_SHMIF)
		return shmbus_lib_fail(-EINVAL, "path=%s: format=%u: must be 0 (auto), "
				       "1 (lanes) or 2 (shmif)",
				       path, conf->format);
	if (conf->mode > 0777 || (conf->mode != 0 && (conf->mode & 0600) != 0600))
		return shmbus_lib_fail(-EINVAL,
			"path=%s: mode=0%o: must be permission bits that include 0600, "
			"such as 0660", path, conf->mode);
	if (conf->mac[0] & 1)
		return shmbus_lib_fail(-EINVAL, "path=%s: mac=%02x:%02x:...: not a unicast address",
				       path, conf->mac[0], conf->mac[1]);
	if (conf->numa > NUMA_NODES)
		return shmbus_lib_fail(-EINVAL, "path=%s: numa=%" PRIu32 ": must be 0 or "
				       "SHMBUS_NUMA_NODE() of a node from 0 to %u", path, conf->numa, NUMA_NODES - 1);
	if (conf->deliver > SHMBUS_DELIVERY_SWITCH)
		return shmbus_lib_fail(-EINVAL, "path=%s: deliver=%" PRIu32 ": must be 0 (any), 1 (hub) "
				       "or 2 (switch)", path, conf->deliver);
	if (conf->name != NULL && strlen(conf->name) > 63)
		return shmbus_lib_fail(-EINVAL, "path=%s: name=%.64s...: longer than 63 bytes", path,
				       conf->name);
	return 0;
}

static void
random_bytes(void *to, size_t len)
{
	const uint64_t now = shmbus_clock_mono_ns();

	/* Soon after boot the kernel may have no random bytes yet. The time is good enough. */
	if (getrandom(to, len, GRND_NONBLOCK) != (ssize_t)len)
		memcpy(to, &now, len);
}

static void
put_defaults(struct shmbus_conf *conf)
{
	static const uint8_t no_mac[6];

	if (conf->port_queues == 0)
		conf->port_queues = 1;
	if (conf->pause_timeout_ms == 0)
		conf->pause_timeout_ms = PAUSE_TIMEOUT_MS;
	if (conf->lock_break_ms == 0)
		conf->lock_break_ms = LOCK_BREAK_MS;
	if (conf->flags & SHMBUS_NO_BREAK)
		conf->lock_break_ms = 0;
	if (conf->name == NULL)
		conf->name = program_invocation_short_name;
	if (memcmp(conf->mac, no_mac, sizeof(no_mac)) == 0) {
		random_bytes(conf->mac, sizeof(conf->mac));
		conf->mac[0] = 0xb2;
		conf->mac[1] = 0xa0;
	}
}

/* Makes the core's configuration from conf, which is complete. */
static void
make_wire_conf(struct shmbus_wire_conf *wire_conf, const char *path, const struct shmbus_conf *conf)
{
	struct shmbus_port_conf *port = &wire_conf->port;

	*wire_conf = (struct shmbus_wire_conf){
		.bus = {
			.path = path,
			.ports = conf->ports,
			.queues = conf->queues,
			.lane_size = conf->lane_size,
			.mode = conf->mode,
			.numa = conf->numa,
			.deliver = (enum shmbus_deliver)conf->deliver,
			.want = conf->flags & SHMBUS_EXISTING ? SHMBUS_FILE_OLD :
				conf->flags & SHMBUS_NEW ? SHMBUS_FILE_NEW : SHMBUS_FILE_ANY,
		},
		.format = (enum shmbus_wire_format)conf->format,
		.port = { .numa_node = (int)conf->numa - 1 },
	};
	if (conf->flags & SHMBUS_NO_GUARD)
		wire_conf->bus.want |= SHMBUS_FILE_UNGUARDED;
	memcpy(port->mac, conf->mac, sizeof(port->mac));
	memcpy(port->name, conf->name, strnlen(conf->name, sizeof(port->name) - 1));
	if (conf->format != SHMBUS_FORMAT_LANES)
		random_bytes(&wire_conf->sender, sizeof(wire_conf->sender));
}

int
shmbus_lib_conf(const char *path, const struct shmbus_conf *conf, struct shmbus_conf *full,
		struct shmbus_wire_conf *wire_conf)
{
	static const struct shmbus_conf none;
	int ret;

	*full = conf != NULL ? *conf : none;
	if (path == NULL || path[0] == '\0')
		return shmbus_lib_fail(-EINVAL, "path=: no file named, such as %s",
				       SHMBUS_DEFAULT_PATH);
	ret = check_conf(path, full);
	if (ret != 0)
		return ret;
	/* The open finds the format by itself, as the file may be replaced meanwhile. */
	if ((full->ports != 0 || full->queues != 0 || full->lane_size != 0 || full->numa != 0 ||
	     full->deliver != 0) &&
	    shmbus_wire_find_format(path, (enum shmbus_wire_format)full->format) == SHMBUS_WIRE_SHMIF)
		return shmbus_lib_fail(-EINVAL, "path=%s: a shmif bus has no ports, queues, lane_size, "
				       "numa or deliver; leave them out", path);
	put_defaults(full);
	make_wire_conf(wire_conf, path, full);
	return 0;
}

/* ---- bus files */

int
shmbus_create(const char *path, const struct shmbus_conf *conf)
{
	struct shmbus_conf wanted = { .flags = 0 };
	struct shmbus_wire_conf wire_conf;
	struct shmbus_conf full;
	struct shmbus_wire *wire;
	int ret;

	if (conf != NULL)
		wanted = *conf;
	wanted.flags |= SHMBUS_NEW;
	/* The format of an existing file does not matter: the call fails. */
	if (wanted.format == SHMBUS_FORMAT_AUTO)
		wanted.format = SHMBUS_FORMAT_LANES;
	ret = shmbus_lib_conf(path, &wanted, &full, &wire_conf);
	if (ret != 0)
		return ret;
	wire = malloc(sizeof(*wire));
	if (wire == NULL)
		return shmbus_lib_no_memory(path);
	ret = shmbus_wire_open(wire, &wire_conf, shmbus_lib_error());
	if (ret == 0)
		shmbus_wire_close(wire);
	free(wire);
	return ret;
}

/* Removes the file if no living port is on the bus. The caller holds the attach lock. */
static int
remove_unused(const struct shmbus_wire *wire, const char *path)
{
	const uint32_t n = shmbus_wire_count_peers(wire);
	int ret;

	if (n != 0)
		return shmbus_lib_fail(-EBUSY, "path=%s: %" PRIu32 " living ports are on this bus; "
				       "stop them first", path, n);
	ret = shmbus_file_unlink(shmbus_wire_file(wire));
	if (ret != 0)
		shmbus_lib_fail(ret, "path=%s: cannot remove the file: %s", path, strerror(-ret));
	return ret;
}

int
shmbus_remove(const char *path, const struct shmbus_conf *conf)
{
	struct shmbus *bus;
	int ret;

	ret = shmbus_open(&bus, path, conf);
	if (ret != 0)
		return ret;
	/* The lock is shared, but attaching and leaving need it exclusively. */
	ret = shmbus_file_lock(shmbus_wire_file(&bus->wire));
	if (ret != 0) {
		shmbus_lib_fail(ret, "path=%s: cannot get the attach lock: %s", path, strerror(-ret));
	} else {
		ret = remove_unused(&bus->wire, path);
		shmbus_file_unlock(shmbus_wire_file(&bus->wire));
	}
	shmbus_close(bus);
	return ret;
}

int
shmbus_open(struct shmbus **bus, const char *path, const struct shmbus_conf *conf)
{
	struct shmbus_wire_conf wire_conf;
	struct shmbus_conf full;
	int ret;

	*bus = NULL;
	ret = shmbus_lib_conf(path, conf, &full, &wire_conf);
	if (ret != 0)
		return ret;
	if (full.flags & ~(SHMBUS_EXISTING | SHMBUS_NO_GUARD))
		return shmbus_lib_fail(-EINVAL, "path=%s: conf.flags=0x%x: without a station only "
				       "SHMBUS_EXISTING and SHMBUS_NO_GUARD are accepted", path,
				       full.flags);
	*bus = calloc(1, sizeof(**bus));
	if (*bus == NULL)
		return shmbus_lib_no_memory(path);
	ret = shmbus_wire_look(&(*bus)->wire, &wire_conf, shmbus_lib_error());
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
	shmbus_wire_close(&bus->wire);
	free(bus);
}
