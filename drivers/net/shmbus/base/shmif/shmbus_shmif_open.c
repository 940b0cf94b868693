/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Opens, creates and maps a shmif bus.
 *
 * NetBSD sets the size of any file that it is given, and writes its fields if
 * there is no magic: there is no protocol for creation. Ports of ours exclude
 * each other by the attach lock of shmbus_file.c while they attach and leave.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shmbus_shmif_lock.h"
#include "shmbus_shmif_open.h"
#include "shmbus_shmif_repair.h"
#include "shmbus_shmif_ring.h"
#include "shmbus_step.h"

static int
take_number(struct shmbus_shmif *bus, struct shmbus_error *e)
{
	uint32_t id;
	int ret;

	for (id = 1; id <= SHMBUS_SHMIF_IDS; id++) {
		ret = shmbus_shmif_number_try(bus, id);
		if (ret == 0) {
			bus->id = id;
			SHMBUS_STEP(shmif_number_taken);
			return 0;
		}
		if (ret != -EAGAIN)
			return shmbus_error_set(e, ret, "path=%s: cannot lock a port's number: %s",
						bus->file.path, strerror(-ret));
	}
	return shmbus_error_set(e, -EUSERS, "path=%s: no free number, %d ports are on this bus",
				bus->file.path, SHMBUS_SHMIF_IDS);
}

static int
map_file(struct shmbus_shmif *bus, struct shmbus_error *e)
{
	/* MAP_POPULATE would allocate memory for pages that nobody has written. */
	const int flags = bus->file.readonly ? 0 : MAP_POPULATE;
	const int pages = bus->file.readonly ? PROT_READ : PROT_READ | PROT_WRITE;
	int ret;

	ret = shmbus_file_map(&bus->file, SHMBUS_SHMIF_SIZE, flags, "it", &bus->map, &bus->guard,
			      e);
	if (ret == 0)
		shmbus_guard_cover(bus->guard, bus->map, SHMBUS_SHMIF_SIZE, pages);
	return ret;
}

/* Maps the file, and takes a number unless the file is open for reading only. */
static int
enter(struct shmbus_shmif *bus, struct shmbus_error *e)
{
	int ret;

	ret = map_file(bus, e);
	return ret == 0 && !bus->file.readonly ? take_number(bus, e) : ret;
}

static const struct shmbus_shmif_header new_header = {
	.magic = SHMBUS_SHMIF_MAGIC,
	.first = SHMBUS_SHMIF_DATA,
};

static int
no_space(const struct shmbus_shmif *bus, int ret, struct shmbus_error *e)
{
	return shmbus_error_set(e, ret, "path=%s: no space for a bus of %u bytes: %s",
				bus->file.path, SHMBUS_SHMIF_SIZE, strerror(-ret));
}

static void
set_version(struct shmbus_shmif *bus, uint32_t version)
{
	bus->version = version;
	bus->record = version == SHMBUS_SHMIF_VERSION_OLD ? SHMBUS_SHMIF_RECORD_OLD :
		      (uint32_t)sizeof(struct shmbus_shmif_record);
}

/*
 * Makes an empty file a bus, as NetBSD does. One write stores the whole header
 * first. So a creator that dies leaves an empty file, or a bus that lacks
 * nothing but its size, which NetBSD also recognises.
 */
static int
create(struct shmbus_shmif *bus, mode_t mode, struct shmbus_error *e)
{
	ssize_t n;
	int ret;

	ret = shmbus_file_set_mode(&bus->file, mode, e);
	if (ret != 0)
		return ret;
	bus->filled = true;
	SHMBUS_STEP(shmif_create_header);
	n = pwrite(bus->file.fd, &new_header, sizeof(new_header), 0);
	if (n != (ssize_t)sizeof(new_header))
		return no_space(bus, n < 0 ? -errno : -ENOSPC, e);
	SHMBUS_STEP(shmif_create_extend);
	if (ftruncate(bus->file.fd, SHMBUS_SHMIF_SIZE) != 0)
		return shmbus_error_set(e, -errno, "path=%s: cannot make it %u bytes long: %s",
					bus->file.path, SHMBUS_SHMIF_SIZE, strerror(errno));
	SHMBUS_STEP(shmif_create_allocate);
	ret = shmbus_file_allocate(&bus->file, 0, SHMBUS_SHMIF_SIZE);
	if (ret != 0)
		return no_space(bus, ret, e);
	set_version(bus, SHMBUS_SHMIF_VERSION);
	return 0;
}

/* Returns whether the file is only the header of a new bus: its creator died. */
static bool
is_half_made(const struct shmbus_shmif *bus, uint64_t size)
{
	struct shmbus_shmif_header header;

	return size == sizeof(header) &&
	       pread(bus->file.fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
	       memcmp(&header, &new_header, sizeof(header)) == 0;
}

static int
check_header(struct shmbus_shmif *bus, uint64_t size, struct shmbus_error *e)
{
	uint32_t word[2] = { 0, 0 }; /* magic, version */
	ssize_t n;

	n = pread(bus->file.fd, word, sizeof(word), 0);
	if (n < 0)
		return shmbus_error_set(e, -errno, "path=%s: cannot read: %s", bus->file.path,
					strerror(errno));
	if (word[0] != SHMBUS_SHMIF_MAGIC)
		return shmbus_error_set(e, -EMEDIUMTYPE,
			"path=%s: not a shmif bus (it begins with 0x%08" PRIx32
			"); name another file", bus->file.path, word[0]);
	set_version(bus, word[1] != 0 ? word[1] : SHMBUS_SHMIF_VERSION);
	if (bus->version == SHMBUS_SHMIF_VERSION_OLD && !bus->file.readonly)
		return shmbus_error_set(e, -EPROTO,
			"path=%s: shmif bus version %" PRIu32
			", which this program only reads; look at it with readonly=1",
			bus->file.path, bus->version);
	if (bus->version != SHMBUS_SHMIF_VERSION && bus->version != SHMBUS_SHMIF_VERSION_OLD)
		return shmbus_error_set(e, -EPROTO,
			"path=%s: shmif bus version %" PRIu32 ", this program knows version %u",
			bus->file.path, bus->version, SHMBUS_SHMIF_VERSION);
	if (size != SHMBUS_SHMIF_SIZE)
		return shmbus_error_set(e, -ENODATA, "path=%s: a shmif bus of %" PRIu64
			" bytes, it should have %u", bus->file.path, size, SHMBUS_SHMIF_SIZE);
	return 0;
}

static int
join(struct shmbus_shmif *bus, uint64_t size, struct shmbus_error *e)
{
	int ret;

	bus->file.created = false; /* another process has filled it and may be using it */
	ret = check_header(bus, size, e);
	if (ret != 0)
		return ret;
	ret = shmbus_file_allocate(&bus->file, 0, SHMBUS_SHMIF_SIZE);
	return ret == 0 ? 0 : no_space(bus, ret, e);
}

static void
take_back(struct shmbus_shmif *bus)
{
	if (bus->file.created)
		shmbus_file_unlink(&bus->file);
	else if (bus->filled)
		shmbus_file_empty(&bus->file);
	shmbus_shmif_close(bus);
}

/* Returns whether our ports and NetBSD accept the header. */
static bool
makes_sense(const struct shmbus_shmif *bus)
{
	const struct shmbus_shmif_words w = shmbus_shmif_words(bus);
	struct shmbus_shmif_state s;

	return shmbus_shmif_work_out(bus, &w, &s) == 0 && !shmbus_shmif_first_is_last(&w);
}

/*
 * Begins the ring anew if the header is corrupt. No peer leaves such a header,
 * however it dies: a program that does not know the format wrote it. The ports
 * on the bus do not touch it, as that program may not have finished.
 */
static void
mend(const struct shmbus_shmif *bus)
{
	struct shmbus_shmif_lock_wait wait = { .break_ns = 0 };

	if (makes_sense(bus) || !shmbus_shmif_lock(bus, &wait))
		return;
	if (!makes_sense(bus))
		shmbus_shmif_repair(bus, 0);
	shmbus_shmif_unlock(bus, &wait, 0);
}

int
shmbus_shmif_open(struct shmbus_shmif *bus, const char *path, enum shmbus_file_want want,
		  mode_t mode, uint64_t sender, struct shmbus_error *e)
{
	uint64_t size;
	int ret;

	memset(bus, 0, sizeof(*bus));
	bus->sender = sender;
	ret = shmbus_file_open(&bus->file, path, want, &size, e);
	if (ret != 0)
		return ret;
	if (size == 0 || is_half_made(bus, size))
		ret = create(bus, mode != 0 ? mode : 0600, e);
	else
		ret = join(bus, size, e);
	if (ret == 0)
		ret = enter(bus, e);
	if (ret != 0) {
		take_back(bus);
		return ret;
	}
	/* The last port of this number may have died with the lock. */
	shmbus_shmif_lock_inherit(bus);
	mend(bus);
	shmbus_file_unlock(&bus->file);
	return 0;
}

int
shmbus_shmif_look(struct shmbus_shmif *bus, const char *path, enum shmbus_file_want want,
		  struct shmbus_error *e)
{
	uint64_t size;
	int ret;

	memset(bus, 0, sizeof(*bus));
	ret = shmbus_file_open(&bus->file, path, want, &size, e);
	if (ret != 0)
		return ret;
	if (size == 0)
		ret = shmbus_error_set(e, -ENODATA,
			"path=%s: no bus yet; a read-only port does not create one", path);
	else
		ret = check_header(bus, size, e);
	if (ret == 0)
		ret = enter(bus, e);
	if (ret != 0) {
		shmbus_shmif_close(bus);
		return ret;
	}
	shmbus_file_unlock(&bus->file);
	return 0;
}

int
shmbus_shmif_open_readonly(struct shmbus_shmif *bus, const char *path, struct shmbus_error *e)
{
	return shmbus_shmif_look(bus, path, SHMBUS_FILE_READ, e);
}

/* Opens the same file once more. Returns a new open file description, which has its own locks. */
static int
open_again(int fd)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return shmbus_file_raise(open(name, O_RDWR | O_CLOEXEC));
}

int
shmbus_shmif_open_fd(struct shmbus_shmif *bus, int fd, const char *path, uint64_t sender,
		     struct shmbus_error *e)
{
	/* A monitor needs no locks of its own. */
	const bool readonly = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
	const int own = readonly ? fd : open_again(fd);
	uint64_t size;
	int ret;

	memset(bus, 0, sizeof(*bus));
	bus->file.fd = -1;
	bus->sender = sender;
	if (own < 0)
		return shmbus_error_set(e, -errno, "path=%s: cannot open it again: %s", path,
					strerror(errno));
	ret = shmbus_file_adopt(&bus->file, own, path, &size, e);
	if (ret == 0)
		ret = check_header(bus, size, e);
	if (ret == 0)
		ret = enter(bus, e);
	if (ret != 0) {
		if (readonly)
			bus->file.fd = -1; /* still the caller's */
		shmbus_shmif_close(bus);
		return ret;
	}
	if (!readonly) {
		shmbus_shmif_lock_inherit(bus);
		close(fd);
	}
	return 0;
}

bool
shmbus_shmif_recognise_file(const char *path, struct stat *opened)
{
	uint32_t magic = 0;
	struct stat st;
	bool found;
	int fd;

	if (opened != NULL)
		memset(opened, 0, sizeof(*opened));
	/* Any other problem shows when the caller opens the file. */
	if (path == NULL || lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	if (opened != NULL && fstat(fd, opened) != 0)
		memset(opened, 0, sizeof(*opened));
	found = pread(fd, &magic, sizeof(magic), 0) == sizeof(magic) &&
		magic == SHMBUS_SHMIF_MAGIC;
	close(fd);
	return found;
}

bool
shmbus_shmif_recognise(const char *path)
{
	return shmbus_shmif_recognise_file(path, NULL);
}
