/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Opens and maps a bus file.
 *
 * Theory of operation
 *
 * Under the attach lock (shmbus_file.c) a file is in one of these states:
 *
 *   empty     -> creating   the first 8 bytes are SHMBUS_MAGIC_CREATING
 *   creating  -> ready      tables allocated, header written, magic last
 *   creating  -> empty      the creator died; the next port begins again
 *   any other content is not a bus; the file stays unchanged
 */

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shmbus_bus.h"
#include "shmbus_create.h"
#include "shmbus_geometry.h"

/* Only for mapping lanes, which happens once for each lane of the process. */
static pthread_mutex_t map_mutex = PTHREAD_MUTEX_INITIALIZER;

/* Head of every lane once a part of the bus is gone: readers discard what they have copied. */
#define HEAD_OF_GONE INT64_MAX

int
shmbus_bus_allocate(const struct shmbus_bus *bus, uint64_t off, uint64_t len)
{
	return shmbus_file_allocate(&bus->file, off, off + len);
}

int
shmbus_bus_map_control(struct shmbus_bus *bus, struct shmbus_error *e)
{
	const struct shmbus_geometry *geo = &bus->geo;
	const int pages = bus->file.readonly ? PROT_READ : PROT_READ | PROT_WRITE;
	struct shmbus_guard_words words;
	void *p;
	int ret;

	bus->guard = shmbus_guard_begin(bus->file.page_size);
	if (bus->guard == NULL)
		return shmbus_error_set(e, -ENOMEM, "path=%s: out of memory", bus->file.path);
	p = mmap(NULL, geo->data_off, pages, MAP_SHARED | MAP_NORESERVE, bus->file.fd, 0);
	if (p == MAP_FAILED) {
		ret = shmbus_error_set(e, -errno, "path=%s: cannot map the tables: %s",
				       bus->file.path, strerror(errno));
		shmbus_guard_end(bus->guard);
		bus->guard = NULL;
		return ret;
	}
	bus->control = p;
	words = (struct shmbus_guard_words){
		.at = bus->control + geo->lane_off + offsetof(struct shmbus_lane_entry, head),
		.stride = sizeof(struct shmbus_lane_entry),
		.count = geo->lanes,
		.value = HEAD_OF_GONE,
	};
	shmbus_guard_spoil(bus->guard, &words);
	shmbus_guard_cover(bus->guard, bus->control, geo->data_off, pages);
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
	int ret;

	bus->lane_prot = calloc(bus->geo.lanes, sizeof(*bus->lane_prot));
	if (bus->lane_prot == NULL)
		return shmbus_error_set(e, -ENOMEM, "path=%s: out of memory", bus->file.path);
	p = mmap(NULL, size + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		ret = shmbus_error_set(e, -errno, "path=%s: no address space for %" PRIu32
			" lanes of %" PRIu64 " bytes: %s", bus->file.path, bus->geo.lanes,
			bus->geo.lane_size, strerror(errno));
		free(bus->lane_prot);
		bus->lane_prot = NULL;
		return ret;
	}
	from = ((uintptr_t)p + align - 1) & ~(uintptr_t)(align - 1);
	if (from != (uintptr_t)p)
		munmap(p, from - (uintptr_t)p);
	if ((uintptr_t)p + align != from)
		munmap((uint8_t *)from + size, (uintptr_t)p + align - from);
	bus->lanes = (uint8_t *)from;
	/* Another thread may be mapping for writing a lane that was mapped for reading, so
	 * zeros in its place are always writable.
	 */
	shmbus_guard_cover(bus->guard, bus->lanes, size,
			   bus->file.readonly ? PROT_READ : PROT_READ | PROT_WRITE);
	return 0;
}

int
shmbus_bus_map_lane(struct shmbus_bus *bus, uint32_t lane, enum shmbus_lane_prot prot)
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

static void
unmap(struct shmbus_bus *bus)
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
}

static bool
all_zero(const void *p, size_t len)
{
	const uint8_t *b = p;

	return b[0] == 0 && memcmp(b, b + 1, len - 1) == 0;
}

static int
read_header(const struct shmbus_bus *bus, struct shmbus_header *header, struct shmbus_error *e)
{
	ssize_t n;

	memset(header, 0, sizeof(*header));
	n = pread(bus->file.fd, header, sizeof(*header), 0);
	if (n == (ssize_t)sizeof(*header) && shmbus_load(&header->magic) == SHMBUS_MAGIC) {
		/* M2: with M1 in write_header. A monitor may hold no lock, so the creator may
		 * still have been writing at the first read.
		 */
		shmbus_fence_acquire();
		n = pread(bus->file.fd, header, sizeof(*header), 0);
	}
	if (n < 0)
		return shmbus_error_set(e, -errno, "path=%s: cannot read: %s", bus->file.path,
					strerror(errno));
	if ((size_t)n < sizeof(header->magic))
		return shmbus_error_set(e, -EMEDIUMTYPE,
			"path=%s: not a shmbus bus file (only %zd bytes); name another file",
			bus->file.path, n);
	return 0;
}

/*
 * Returns whether the creator died: the file has the creator's magic, or on
 * hugetlbfs just a page of zeros (shmbus_create.c).
 */
static bool
is_half_made(const struct shmbus_bus *bus, const struct shmbus_header *header, uint64_t size)
{
	return shmbus_load(&header->magic) == SHMBUS_MAGIC_CREATING ||
	       (bus->file.hugetlb && size == bus->file.page_size &&
		all_zero(header, sizeof(*header)));
}

/*
 * Reads an existing bus and maps its tables. With half_made not NULL, tells
 * first whether the creator died before the bus was ready; if so, does nothing
 * else.
 */
static int
join(struct shmbus_bus *bus, const struct shmbus_bus_conf *conf, uint64_t size, bool *half_made,
     struct shmbus_error *e)
{
	struct shmbus_header header;
	int ret;

	ret = read_header(bus, &header, e);
	if (ret != 0)
		return ret;
	if (half_made != NULL) {
		*half_made = is_half_made(bus, &header, size);
		if (*half_made)
			return 0;
	}
	/* Even if this process created the file: another process has filled it before this one
	 * got the lock, and may be using it. The file is not to be removed.
	 */
	ret = shmbus_file_set_mode(&bus->file, shmbus_bus_mode(conf), e);
	bus->file.created = false;
	if (ret != 0)
		return ret;
	ret = shmbus_geometry_read(&bus->geo, &header, size, conf, bus->file.page_size, e);
	if (ret != 0)
		return ret;
	memcpy(bus->id, header.id, sizeof(bus->id));
	return shmbus_bus_map_control(bus, e);
}

/* Restores the file as it was before this process opened it. */
static void
take_back(struct shmbus_bus *bus)
{
	unmap(bus);
	if (bus->file.created)
		shmbus_file_unlink(&bus->file);
	else if (bus->filled)
		shmbus_file_empty(&bus->file);
}

/* Creates or joins the bus. The attach lock is held, and the path leads to this file. */
static int
create_or_join(struct shmbus_bus *bus, const struct shmbus_bus_conf *conf, uint64_t size,
	       struct shmbus_error *e)
{
	bool empty = size == 0;
	int ret;

	if (!empty) {
		ret = join(bus, conf, size, &empty, e);
		if (ret != 0)
			return ret;
	}
	if (empty) {
		ret = shmbus_bus_create(bus, conf, e);
		if (ret != 0) {
			if (bus->file.created)
				shmbus_file_unlink(&bus->file);
			return ret;
		}
	}
	ret = reserve_lanes(bus, e);
	if (ret != 0)
		take_back(bus);
	return ret;
}

static int
join_readonly(struct shmbus_bus *bus, const struct shmbus_bus_conf *conf, uint64_t size,
	      struct shmbus_error *e)
{
	bool unmade = size == 0;
	int ret;

	if (!unmade) {
		ret = join(bus, conf, size, &unmade, e);
		if (ret != 0)
			return ret;
	}
	if (unmade)
		return shmbus_error_set(e, -ENODATA,
			"path=%s: no bus yet; a read-only port does not create one", bus->file.path);
	ret = reserve_lanes(bus, e);
	if (ret != 0)
		unmap(bus);
	return ret;
}

int
shmbus_bus_open(struct shmbus_bus *bus, const struct shmbus_bus_conf *conf, struct shmbus_error *e)
{
	uint64_t size;
	int ret;

	memset(bus, 0, sizeof(*bus));
	if (conf->readonly) {
		ret = shmbus_file_open_readonly(&bus->file, conf->path, &size, e);
		if (ret != 0)
			return ret;
		ret = join_readonly(bus, conf, size, e);
		if (ret != 0)
			shmbus_file_close(&bus->file);
		return ret;
	}
	ret = shmbus_file_open(&bus->file, conf->path, conf->want, &size, e);
	if (ret != 0)
		return ret;
	ret = create_or_join(bus, conf, size, e);
	if (ret != 0)
		shmbus_file_close(&bus->file);
	return ret;
}

int
shmbus_bus_open_fd(struct shmbus_bus *bus, int fd, const char *path, struct shmbus_error *e)
{
	const struct shmbus_bus_conf conf = { .path = path };
	uint64_t size;
	int ret;

	memset(bus, 0, sizeof(*bus));
	ret = shmbus_file_adopt(&bus->file, fd, path, &size, e);
	if (ret != 0)
		return ret;
	ret = join(bus, &conf, size, NULL, e);
	if (ret != 0)
		return ret;
	ret = reserve_lanes(bus, e);
	if (ret != 0)
		unmap(bus);
	return ret;
}

void
shmbus_bus_undo(struct shmbus_bus *bus)
{
	take_back(bus);
	shmbus_bus_close(bus);
}

void
shmbus_bus_close(struct shmbus_bus *bus)
{
	unmap(bus);
	shmbus_file_close(&bus->file);
}
