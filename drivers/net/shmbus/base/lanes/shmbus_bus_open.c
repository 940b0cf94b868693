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
 *   ready     -> absent     the geometry contradicts conf, no port is alive and no frame was ever
 *                           sent: shmbus_replace.c; this process opens the path again
 *   any other content is not a bus; the file stays unchanged
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "shmbus_bus_open.h"
#include "shmbus_create.h"
#include "shmbus_geometry.h"
#include "shmbus_replace.h"

/* Replaces buses that other processes make again and again. */
#define REPLACE_TRIES 10

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
 * Reads an existing bus and maps it. With half_made not NULL, tells first
 * whether the creator died before the bus was ready; if so, does nothing else.
 * Returns -EAGAIN if it removed the bus, as shmbus_replace() does.
 */
static int
join(struct shmbus_bus *bus, const struct shmbus_bus_conf *conf, struct shmbus_bus_conf *anew,
     uint64_t size, bool *half_made, struct shmbus_error *e)
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
	/* Another process has filled the file before this process got the lock, and may be using
	 * it. So this process must not remove the file, even if it has created it.
	 */
	ret = shmbus_file_set_mode(&bus->file, shmbus_bus_mode(conf), e);
	bus->file.created = false;
	if (ret != 0)
		return ret;
	ret = shmbus_geometry_read(&bus->geo, &header, size, conf->path, bus->file.page_size, e);
	if (ret != 0)
		return ret;
	ret = shmbus_geometry_agree(&bus->geo, conf, e);
	if (ret != 0)
		return shmbus_replace(bus, conf, anew, e);
	memcpy(bus->id, header.id, sizeof(bus->id));
	return shmbus_bus_map(bus, e);
}

/*
 * Joins the bus, or creates it with *anew. The attach lock is held, and the path leads
 * to this file.
 */
static int
join_or_create(struct shmbus_bus *bus, const struct shmbus_bus_conf *conf,
	       struct shmbus_bus_conf *anew, uint64_t size, struct shmbus_error *e)
{
	bool empty = size == 0;
	int ret = 0;

	if (!empty)
		ret = join(bus, conf, anew, size, &empty, e);
	if (ret != 0 || !empty)
		return ret;
	if (conf->readonly)
		return shmbus_error_set(e, -ENODATA,
			"path=%s: no bus yet; a read-only port does not create one", bus->file.path);
	ret = shmbus_bus_create(bus, anew, e);
	if (ret != 0 && bus->file.created)
		shmbus_file_unlink(&bus->file);
	return ret;
}

int
shmbus_bus_open(struct shmbus_bus *bus, const struct shmbus_bus_conf *conf, struct shmbus_error *e)
{
	struct shmbus_bus_conf anew = *conf;
	enum shmbus_file_want want;
	unsigned int tries = 0;
	uint64_t size;
	int ret;

	memset(bus, 0, sizeof(*bus));
	want = conf->want;
	if (conf->readonly)
		want = SHMBUS_FILE_READ | (want & SHMBUS_FILE_UNGUARDED);
	do {
		ret = shmbus_file_open(&bus->file, conf->path, want, &size, e);
		if (ret != 0)
			return ret;
		ret = join_or_create(bus, conf, &anew, size, e);
		if (ret != 0)
			shmbus_file_close(&bus->file);
	} while (ret == -EAGAIN && ++tries < REPLACE_TRIES);
	return ret == -EAGAIN ? -EBUSY : ret;
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
	return join(bus, &conf, NULL, size, NULL, e);
}

void
shmbus_bus_undo(struct shmbus_bus *bus)
{
	shmbus_bus_unmap(bus);
	if (bus->file.created)
		shmbus_file_unlink(&bus->file);
	else if (bus->filled)
		shmbus_file_empty(&bus->file);
	shmbus_file_close(&bus->file);
}
