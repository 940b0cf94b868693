/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Opens a bus file.
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
#include <string.h>
#include <unistd.h>

#include "shmbus_bus_open.h"
#include "shmbus_create.h"
#include "shmbus_geometry.h"

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
	shmbus_bus_unmap(bus);
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
	ret = shmbus_bus_reserve_lanes(bus, e);
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
	ret = shmbus_bus_reserve_lanes(bus, e);
	if (ret != 0)
		shmbus_bus_unmap(bus);
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
	ret = shmbus_bus_reserve_lanes(bus, e);
	if (ret != 0)
		shmbus_bus_unmap(bus);
	return ret;
}

void
shmbus_bus_undo(struct shmbus_bus *bus)
{
	take_back(bus);
	shmbus_bus_close(bus);
}
