/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Maps, unmaps and closes a bus. */

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shmbus_bus.h"

/* Only for mapping lanes, which happens once for each lane of the process. */
static pthread_mutex_t map_mutex = PTHREAD_MUTEX_INITIALIZER;

/* Head of every lane once a part of the bus is gone: readers discard their copies. */
#define HEAD_OF_GONE INT64_MAX

int
shmbus_bus_allocate(const struct shmbus_bus *bus, uint64_t off, uint64_t len)
{
	return shmbus_file_allocate(&bus->file, off, off + len);
}

/* Returns the access to the mappings that the file allows. */
static int
prot_of(const struct shmbus_bus *bus)
{
	return bus->file.readonly ? PROT_READ : PROT_READ | PROT_WRITE;
}

static int
map_control(struct shmbus_bus *bus, struct shmbus_error *e)
{
	const struct shmbus_geometry *geo = &bus->geo;
	struct shmbus_guard_words words;
	int ret;

	ret = shmbus_file_map(&bus->file, geo->data_off, MAP_NORESERVE, "the tables",
			      &bus->control, &bus->guard, e);
	if (ret != 0)
		return ret;
	words = (struct shmbus_guard_words){
		.at = bus->control + geo->lane_off + offsetof(struct shmbus_lane_entry, head),
		.stride = sizeof(struct shmbus_lane_entry),
		.count = geo->lanes,
		.value = HEAD_OF_GONE,
	};
	shmbus_guard_spoil(bus->guard, &words);
	shmbus_guard_cover(bus->guard, bus->control, geo->data_off, prot_of(bus));
	return 0;
}

/*
 * Reserves address space for all lanes. It stays inaccessible until
 * shmbus_bus_map_lane(), so that mlockall(2) does not fill unused lanes with
 * memory.
 */
static int
reserve_lanes(struct shmbus_bus *bus, struct shmbus_error *e)
{
	const size_t size = 2 * bus->geo.lane_size * bus->geo.lanes;
	const size_t align = bus->file.page_size;
	uintptr_t from;
	uint8_t *p;

	bus->lane_prot = calloc(bus->geo.lanes, 2 * sizeof(*bus->lane_prot));
	if (bus->lane_prot == NULL)
		return shmbus_error_set(e, -ENOMEM, "path=%s: out of memory", bus->file.path);
	bus->lane_ready = bus->lane_prot + bus->geo.lanes;
	p = mmap(NULL, size + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return shmbus_error_set(e, -errno, "path=%s: no address space for %" PRIu32
			" lanes of %" PRIu64 " bytes: %s", bus->file.path, bus->geo.lanes,
			bus->geo.lane_size, strerror(errno));
	from = ((uintptr_t)p + align - 1) & ~(uintptr_t)(align - 1);
	if (from != (uintptr_t)p)
		munmap(p, from - (uintptr_t)p);
	if ((uintptr_t)p + align != from)
		munmap((uint8_t *)from + size, (uintptr_t)p + align - from);
	bus->lanes = (uint8_t *)from;
	/* Another thread may be mapping for writing a lane that was mapped for reading, so
	 * zeros in its place are always writable.
	 */
	shmbus_guard_cover(bus->guard, bus->lanes, size, prot_of(bus));
	return 0;
}

int
shmbus_bus_map(struct shmbus_bus *bus, struct shmbus_error *e)
{
	int ret;

	ret = map_control(bus, e);
	if (ret == 0)
		ret = reserve_lanes(bus, e);
	if (ret != 0)
		shmbus_bus_unmap(bus);
	return ret;
}

int
shmbus_bus_map_lane(const struct shmbus_bus *bus, uint32_t lane, enum shmbus_lane_prot prot)
{
	const size_t size = bus->geo.lane_size;
	const int pages = prot == SHMBUS_LANE_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;
	uint8_t *at = shmbus_bus_lane_data(bus, lane);
	unsigned int i;
	int ret = 0;

	if (shmbus_load_acquire(&bus->lane_prot[lane]) >= prot)
		return 0;
	/* A port's reader and its writer may both map one lane; without the mutex the reader
	 * could replace the writer's mapping.
	 */
	pthread_mutex_lock(&map_mutex);
	if (shmbus_load(&bus->lane_prot[lane]) >= prot)
		goto out;
	for (i = 0; i < 2; i++) {
		if (mmap(at + i * size, size, pages, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, bus->file.fd,
			 (off_t)shmbus_lane_off(&bus->geo, lane)) == MAP_FAILED) {
			ret = -errno;
			goto out;
		}
	}
	shmbus_store_release(&bus->lane_prot[lane], (uint8_t)prot);
out:
	pthread_mutex_unlock(&map_mutex);
	return ret;
}

void
shmbus_bus_unmap(struct shmbus_bus *bus)
{
	shmbus_guard_end(bus->guard);
	bus->guard = NULL;
	if (bus->lanes != NULL)
		munmap(bus->lanes, 2 * bus->geo.lane_size * bus->geo.lanes);
	if (bus->control != NULL)
		munmap(bus->control, bus->geo.data_off);
	free(bus->lane_prot);
	bus->lanes = NULL;
	bus->control = NULL;
	bus->lane_prot = NULL;
	bus->lane_ready = NULL;
}

void
shmbus_bus_close(struct shmbus_bus *bus)
{
	shmbus_bus_unmap(bus);
	shmbus_file_close(&bus->file);
}
