/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "shmbus_fate.h"

/* The file's name: does it lead to the file still? */
static enum shmbus_fate
look_at_name(const struct shmbus_file *f, const struct stat *open, struct shmbus_error *why)
{
	struct stat named;
	int ret;

	/* From where it was meant we may have gone; and what was moved is still somewhere. */
	ret = f->path[0] == '/' ? lstat(f->path, &named) : 0;
	if (f->path[0] == '/' && ret == 0 &&
	    (named.st_dev != f->dev || named.st_ino != f->ino)) {
		shmbus_error_set(why, 0, "path=%s: another file has taken this name; the ports that"
			" have the old one open go on, but without those that come now", f->path);
		return SHMBUS_FATE_NAMELESS;
	}
	if (open->st_nlink == 0) {
		shmbus_error_set(why, 0, "path=%s: the file has been deleted; the ports that have it"
			" open go on, but without those that come now", f->path);
		return SHMBUS_FATE_NAMELESS;
	}
	return SHMBUS_FATE_WELL;
}

static enum shmbus_fate
look_at_file(const struct shmbus_file *f, uint64_t size, const struct shmbus_guard *guard,
	     struct shmbus_error *why)
{
	struct stat st;

	if (f->fd < 0) {
		shmbus_error_set(why, 0, "path=%s: the port has left the bus", f->path);
		return SHMBUS_FATE_GONE;
	}
	if (fstat(f->fd, &st) != 0) {
		shmbus_error_set(why, 0, "path=%s: cannot stat: %s", f->path, strerror(errno));
		return SHMBUS_FATE_GONE;
	}
	if ((uint64_t)st.st_size < size) {
		shmbus_error_set(why, 0, "path=%s: truncated by somebody, %" PRIu64 " bytes of %"
			PRIu64 " are left; remove the file", f->path,
			(uint64_t)st.st_size, size);
		return SHMBUS_FATE_GONE;
	}
	if (shmbus_guard_struck(guard)) {
		shmbus_error_set(why, 0, "path=%s: some of the file was not to be had: truncated by"
			" somebody for a time, or a hole in it and its filesystem full; remove the"
			" file", f->path);
		return SHMBUS_FATE_GONE;
	}
	return look_at_name(f, &st, why);
}

/* Is there so much of the file that its header can be looked at? */
static bool
has_header(const struct shmbus_file *f)
{
	struct stat st;

	return fstat(f->fd, &st) == 0 && st.st_size >= (off_t)sizeof(struct shmbus_header);
}

/* Emptied, and made a bus again by the next port? That may also be of the other format. */
static bool
is_another(const struct shmbus_bus *bus)
{
	struct shmbus_header *header = (struct shmbus_header *)(void *)bus->control;

	const uint64_t magic = shmbus_load_acquire(&header->magic);

	if ((uint32_t)magic == SHMBUS_SHMIF_MAGIC)
		return true;
	/* Not by the identity alone: who writes nonsense into it makes no bus. */
	return magic == SHMBUS_MAGIC && memcmp(header->id, bus->id, sizeof(bus->id)) != 0;
}

static enum shmbus_fate
made_anew(const struct shmbus_file *f, struct shmbus_error *why)
{
	shmbus_error_set(why, 0, "path=%s: the bus was made anew in the same file", f->path);
	return SHMBUS_FATE_GONE;
}

bool
shmbus_fate_lost(const struct shmbus_bus *bus)
{
	return bus->file.fd < 0 || is_another(bus);
}

enum shmbus_fate
shmbus_fate_of_bus(const struct shmbus_bus *bus, struct shmbus_error *why)
{
	enum shmbus_fate fate;

	fate = look_at_file(&bus->file, bus->geo.file_size, bus->guard, why);
	/* A smaller bus may be there by now, which is not to be removed. */
	if (fate == SHMBUS_FATE_GONE && !has_header(&bus->file))
		return fate;
	return is_another(bus) ? made_anew(&bus->file, why) : fate;
}

bool
shmbus_fate_lost_shmif(const struct shmbus_shmif *bus)
{
	/* Another one of this format would be no other: it has no identity. */
	return shmbus_load(&shmbus_shmif_header(bus)->magic) == (uint32_t)SHMBUS_MAGIC;
}

enum shmbus_fate
shmbus_fate_of_shmif(const struct shmbus_shmif *bus, struct shmbus_error *why)
{
	enum shmbus_fate fate;

	fate = look_at_file(&bus->file, SHMBUS_SHMIF_SIZE, bus->guard, why);
	if (fate == SHMBUS_FATE_GONE)
		return fate;
	return shmbus_fate_lost_shmif(bus) ? made_anew(&bus->file, why) : fate;
}
