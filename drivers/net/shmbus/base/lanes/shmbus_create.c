/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "shmbus_clock.h"
#include "shmbus_create.h"
#include "shmbus_geometry.h"
#include "shmbus_numa.h"
#include "shmbus_step.h"

static void
write_header(struct shmbus_bus *bus)
{
	struct shmbus_header *header = (struct shmbus_header *)(void *)bus->control;
	const struct shmbus_geometry *geo = &bus->geo;

	SHMBUS_STEP(create_header);
	header->version = geo->version;
	header->deliver = geo->directs ? SHMBUS_SWITCH : SHMBUS_HUB;
	header->ports = geo->ports;
	header->queues = geo->queues;
	header->lane_size = geo->lane_size;
	header->roster_off = geo->roster_off;
	header->port_off = geo->port_off;
	header->lane_off = geo->lane_off;
	header->notice_off = geo->directs ? geo->notice_off : 0;
	header->cursor_off = geo->cursor_off;
	header->data_off = geo->data_off;
	header->file_size = geo->file_size;
	header->created_ns = shmbus_clock_real_ns();
	if (getrandom(header->id, sizeof(header->id), GRND_NONBLOCK) != (ssize_t)sizeof(header->id))
		memcpy(header->id, &header->created_ns, sizeof(header->created_ns));
	memcpy(bus->id, header->id, sizeof(bus->id));
	/* M1 (create_magic): publishes the header to M2 in shmbus_bus_open.c and shmbus_status.c. */
	shmbus_step_store_release(create_magic, &header->magic, SHMBUS_MAGIC);
}

/*
 * Writes the creator's magic, so that the next port recognises the file if the
 * creator dies. This is one step, except on hugetlbfs, which does not support
 * write(2): there the file is one huge page of zeros for a moment.
 */
static int
sign_creating(struct shmbus_bus *bus)
{
	const uint64_t magic = SHMBUS_MAGIC_CREATING;
	struct shmbus_guard *guard;
	uint8_t *p;
	ssize_t n;
	int ret;

	if (!bus->file.hugetlb) {
		SHMBUS_STEP(create_sign);
		n = pwrite(bus->file.fd, &magic, sizeof(magic), 0);
		if (n < 0)
			return -errno;
		return n == (ssize_t)sizeof(magic) ? 0 : -ENOSPC;
	}
	SHMBUS_STEP(create_sign);
	if (ftruncate(bus->file.fd, (off_t)bus->file.page_size) != 0)
		return -errno;
	ret = shmbus_bus_allocate(bus, 0, bus->file.page_size);
	if (ret != 0)
		return ret;
	ret = shmbus_file_map(&bus->file, bus->file.page_size, 0, "it", &p, &guard, NULL);
	if (ret != 0)
		return ret;
	shmbus_guard_cover(guard, p, bus->file.page_size, PROT_READ | PROT_WRITE);
	SHMBUS_STEP(create_sign);
	memcpy(p, &magic, sizeof(magic));
	shmbus_guard_end(guard);
	munmap(p, bus->file.page_size);
	return 0;
}

int
shmbus_bus_create(struct shmbus_bus *bus, const struct shmbus_bus_conf *conf,
		  struct shmbus_error *e)
{
	struct shmbus_geometry *geo = &bus->geo;
	int ret;

	ret = shmbus_geometry_new(geo, conf, bus->file.page_size, e);
	if (ret != 0)
		return ret;
	ret = shmbus_file_set_mode(&bus->file, shmbus_bus_mode(conf), e);
	if (ret != 0)
		return ret;
	/* A dead creator may have left more than its magic: the tables begin as zeros. */
	SHMBUS_STEP(create_truncate);
	ret = shmbus_file_empty(&bus->file);
	if (ret != 0)
		return shmbus_error_set(e, ret, "path=%s: cannot empty it: %s", bus->file.path,
					strerror(-ret));
	/* Before the file has memory. Ports may choose other nodes for their own lanes. */
	shmbus_numa_prefer_file(bus->file.fd, geo->file_size, (int)conf->numa - 1);
	ret = sign_creating(bus);
	if (ret != 0)
		goto err_space;
	SHMBUS_STEP(create_extend);
	if (ftruncate(bus->file.fd, (off_t)geo->file_size) != 0)
		goto err_size;
	/* Each port allocates its own cursors. */
	SHMBUS_STEP(create_allocate);
	ret = shmbus_bus_allocate(bus, 0, geo->cursor_off);
	if (ret != 0)
		goto err_space;
	ret = shmbus_bus_map(bus, e);
	if (ret != 0)
		goto err_empty;
	write_header(bus);
	bus->filled = true;
	return 0;

err_space:
	shmbus_error_set(e, ret, "path=%s: no space for the bus's tables (%" PRIu64 " bytes): %s",
			 bus->file.path, geo->cursor_off, strerror(-ret));
	goto err_empty;
err_size:
	ret = shmbus_error_set(e, -errno, "path=%s: cannot make it %" PRIu64 " bytes long: %s",
			       bus->file.path, geo->file_size, strerror(errno));
err_empty:
	shmbus_file_empty(&bus->file);
	return ret;
}
