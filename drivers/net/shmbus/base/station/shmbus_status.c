/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "shmbus_status.h"

/* Checks whether the file's name still leads to the file. */
static enum shmbus_status
look_at_name(const struct shmbus_file *f, const struct stat *open, struct shmbus_error *why)
{
	struct stat named;

	/* A relative path may mean another directory by now. A file that was moved still exists. */
	if (f->path[0] == '/' && lstat(f->path, &named) == 0 &&
	    (named.st_dev != f->dev || named.st_ino != f->ino))
		return shmbus_error_set(why, SHMBUS_STATUS_NAMELESS,
			"another file has this name now; ports on the old file"
			" continue, but new ports do not find it");
	if (open->st_nlink == 0)
		return shmbus_error_set(why, SHMBUS_STATUS_NAMELESS,
			"the file has been deleted; ports that have it open"
			" continue, but new ports do not find it");
	return SHMBUS_STATUS_INTACT;
}

static enum shmbus_status
look_at_file(const struct shmbus_file *f, uint64_t size, const struct shmbus_guard *guard,
	     struct shmbus_error *why)
{
	struct stat st;

	if (f->fd < 0)
		return shmbus_error_set(why, SHMBUS_STATUS_GONE, "the port has left the bus");
	if (fstat(f->fd, &st) != 0)
		return shmbus_error_set(why, SHMBUS_STATUS_GONE, "cannot stat: %s",
					strerror(errno));
	if ((uint64_t)st.st_size < size)
		return shmbus_error_set(why, SHMBUS_STATUS_GONE,
			"truncated by somebody, %" PRIu64 " bytes of %" PRIu64
			" are left; create the bus anew", (uint64_t)st.st_size, size);
	if (shmbus_guard_struck(guard))
		return shmbus_error_set(why, SHMBUS_STATUS_GONE,
			"a part of the file could not be accessed: it was truncated"
			" for a time, or has a hole and its filesystem is full; create the bus anew");
	return look_at_name(f, &st, why);
}

/* Returns whether the file is long enough for its header. */
static bool
has_header(const struct shmbus_file *f)
{
	struct stat st;

	return fstat(f->fd, &st) == 0 && st.st_size >= (off_t)sizeof(struct shmbus_header);
}

/* The state of the bus as its header shows it. */
enum header_says {
	SAYS_SAME,
	SAYS_ANOTHER, /* emptied, and made a bus anew, of either format */
	SAYS_NOTHING, /* all zeros: a hole, not single stores */
};

static enum header_says
look_at_header(const struct shmbus_bus *bus)
{
	struct shmbus_header *header = (struct shmbus_header *)(void *)bus->control;
	/* M2: with M1 in write_header, for the id. */
	const uint64_t magic = shmbus_load_acquire(&header->magic);
	static const uint8_t none[sizeof(header->id)];
	uint8_t id[sizeof(header->id)];

	memcpy(id, header->id, sizeof(id));
	/* Magic and identity count together: a wrong value in one of them makes no other bus. */
	if (magic == SHMBUS_MAGIC)
		return memcmp(id, bus->id, sizeof(id)) == 0 ? SAYS_SAME : SAYS_ANOTHER;
	if ((uint32_t)magic == SHMBUS_SHMIF_MAGIC)
		return SAYS_ANOTHER;
	return magic == 0 && memcmp(id, none, sizeof(id)) == 0 ? SAYS_NOTHING : SAYS_SAME;
}

/* A shmif bus has no identity, so a new shmif bus in the file is the same bus. */
static enum header_says
look_at_shmif_header(const struct shmbus_shmif *bus)
{
	const uint32_t magic = shmbus_load(&shmbus_shmif_header(bus)->magic);

	if (magic == (uint32_t)SHMBUS_MAGIC)
		return SAYS_ANOTHER;
	return magic == 0 ? SAYS_NOTHING : SAYS_SAME;
}

static enum shmbus_status
judge(enum header_says says, enum shmbus_status status, struct shmbus_error *why)
{
	switch (says) {
	case SAYS_ANOTHER:
		return shmbus_error_set(why, SHMBUS_STATUS_GONE,
					"the bus was made anew in the same file");
	case SAYS_NOTHING:
		if (status == SHMBUS_STATUS_GONE) /* its text says more */
			return status;
		return shmbus_error_set(why, SHMBUS_STATUS_GONE,
			"its header is all zeros: somebody has punched a hole into"
			" the file, or emptied it; create the bus anew");
	default:
		return status;
	}
}

bool
shmbus_status_is_lost(const struct shmbus_bus *bus)
{
	return bus->file.fd < 0 || look_at_header(bus) != SAYS_SAME;
}

enum shmbus_status
shmbus_status_of_bus(const struct shmbus_bus *bus, struct shmbus_error *why)
{
	enum shmbus_status status;

	status = look_at_file(&bus->file, bus->geo.file_size, bus->guard, why);
	/* A smaller bus may be in the file by now. */
	if (status == SHMBUS_STATUS_GONE && !has_header(&bus->file))
		return status;
	return judge(look_at_header(bus), status, why);
}

/* Returns whether an entry is all zeros: no owner of a slot leaves its entry so. */
static bool
is_empty(struct shmbus_port_entry *entry)
{
	return shmbus_load(&entry->incarnation) == 0 && shmbus_load(&entry->attached_ns) == 0 &&
	       shmbus_load(&entry->pid) == 0 && shmbus_load(&entry->state) == 0;
}

enum shmbus_status
shmbus_status_of_port(const struct shmbus_bus *bus, uint32_t slot, struct shmbus_error *why)
{
	enum shmbus_status status;

	status = shmbus_status_of_bus(bus, why);
	if (status == SHMBUS_STATUS_GONE || !is_empty(shmbus_bus_port(bus, slot)))
		return status;
	return shmbus_error_set(why, SHMBUS_STATUS_GONE,
		"this port's entry is all zeros, so no other port sees it: somebody"
		" has punched a hole into the file");
}

bool
shmbus_status_is_lost_shmif(const struct shmbus_shmif *bus)
{
	return look_at_shmif_header(bus) != SAYS_SAME;
}

enum shmbus_status
shmbus_status_of_shmif(const struct shmbus_shmif *bus, struct shmbus_error *why)
{
	enum shmbus_status status;

	status = look_at_file(&bus->file, SHMBUS_SHMIF_SIZE, bus->guard, why);
	if (status == SHMBUS_STATUS_GONE)
		return status;
	return judge(look_at_shmif_header(bus), status, why);
}
