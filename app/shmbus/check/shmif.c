/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Checks a shmif bus: its header, its lock, and the records of its ring.
 *
 * Theory of operation
 *
 * The holder of the lock may change everything. The ring is therefore read as
 * shmbus_shmif_monitor.h does: it is copied between two moments at which the lock
 * is free. Records of the copy that first has passed meanwhile do not count. If
 * there are no such moments, or the writers are too fast, the records are skipped.
 *
 * A lock is stuck if it is held or claimed, and no word of the header has changed
 * for a while. A stuck lock is wrong unless the port that holds it is alive.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "shmbus_clock.h"
#include "shmbus_shmif_lock.h"
#include "shmbus_shmif_open.h"
#include "shmbus_shmif_repair.h"
#include "shmbus_shmif_ring.h"

#define DATA SHMBUS_SHMIF_DATA
#define FIELD(name) offsetof(struct shmbus_shmif_header, name)

#define NAP_NS (1000 * 1000)
#define STUCK_OURS_NS (300 * 1000 * 1000)
#define STUCK_FOREIGN_NS (1000 * 1000 * 1000)
#define TRIES 50
/* A repair waits for the lock so much longer than the time after which a lock is broken. */
#define LOCK_WAIT_NS (UINT64_C(10) * 1000 * 1000 * 1000)

#define ID 0xffu

static const struct place header = { .off = 0, .slot = FINDINGS_NOBODY, .name = "header" };

static void
nap(void)
{
	const struct timespec t = { .tv_nsec = NAP_NS };

	nanosleep(&t, NULL);
}

/* All words of the header that a holder of the lock changes. */
struct seen {
	uint32_t lock;
	uint32_t spare;
	struct shmbus_shmif_words words;
};

static struct seen
see(const struct shmbus_shmif *bus)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	struct seen s = { .words = shmbus_shmif_words(bus) };

	s.lock = shmbus_load_acquire(&h->lock);
	s.spare = shmbus_load(&h->spare);
	return s;
}

/* Reads the words of the header for for_ns. Returns whether none of them has changed. */
static bool
stuck(const struct shmbus_shmif *bus, const struct seen *first, uint64_t for_ns)
{
	const uint64_t since = shmbus_clock_mono_ns();
	struct seen now;

	while (shmbus_clock_mono_ns() - since < for_ns) {
		nap();
		now = see(bus);
		if (now.lock != first->lock || now.spare != first->spare ||
		    !shmbus_shmif_same_words(&now.words, &first->words))
			return false;
	}
	return true;
}

/* Returns false if the ring cannot be read, because a port that may be dead is changing it. */
static bool
look_at_lock(const struct shmbus_shmif *bus, bool again, struct findings *f)
{
	const struct seen s = see(bus);
	const uint32_t id = s.spare & ID;

	if ((s.lock | s.spare) == 0)
		return true;
	if (!stuck(bus, &s, again ? NAP_NS : id != 0 ? STUCK_OURS_NS : STUCK_FOREIGN_NS))
		return true;
	if (id != 0 && shmbus_shmif_number_alive(bus, id))
		return false;
	if (s.spare != 0)
		findings_add(f, &header, FIELD(spare), s.lock != 0 ? "spare, the lock's holder," :
			     "spare, a claim to the lock,", s.spare, "0, as no port %u lives", id);
	if (s.lock > 1)
		findings_add(f, &header, FIELD(lock), "lock", s.lock, "0 or 1");
	else if (s.lock != 0)
		findings_add(f, &header, FIELD(lock), "lock, held while nothing moves,", s.lock, "0");
	return s.lock == 0;
}

static int
look_at_words(const struct shmbus_shmif_words *w, struct findings *f)
{
	const unsigned int before = f->n;

	if (w->gen > SHMBUS_SHMIF_GEN_MAX)
		findings_add(f, &header, FIELD(gen), "gen", w->gen, "%" PRIu64 " at most",
			     SHMBUS_SHMIF_GEN_MAX);
	if (w->first > DATA)
		findings_add(f, &header, FIELD(first), "first", w->first, "%u at most", DATA);
	if (w->last > DATA)
		findings_add(f, &header, FIELD(last), "last", w->last, "%u at most", DATA);
	if (f->n == before && shmbus_shmif_first_is_last(w))
		findings_add(f, &header, FIELD(first), "first, where last is, too,", w->first,
			     "where an older record begins than at %u; in a new ring %u, and last 0",
			     w->last, DATA);
	return f->n == before ? 0 : -EILSEQ;
}

/* Loads the words at a moment at which the lock is free. -EBUSY: there is no such moment. */
static int
see_free(const struct shmbus_shmif *bus, struct shmbus_shmif_words *w)
{
	struct shmbus_shmif_words again;
	unsigned int i;

	for (i = 0; i < TRIES; i++) {
		if (i != 0)
			nap();
		*w = shmbus_shmif_words(bus); /* N1 */
		if (shmbus_load_acquire(&shmbus_shmif_header(bus)->lock) != 0)
			continue;
		again = shmbus_shmif_words(bus); /* N2 */
		if (shmbus_shmif_same_words(w, &again))
			return 0;
	}
	return -EBUSY;
}

static void
place_record(struct place *place, uint64_t pos)
{
	place->off = SHMBUS_SHMIF_HEADER + pos % DATA;
	place->slot = FINDINGS_NOBODY;
	snprintf(place->name, sizeof(place->name), "record at %" PRIu64, pos % DATA);
}

/*
 * Looks at the records from..s->last of a copy that begins at s->first. False: a
 * length is wrong, so that the next record cannot be found.
 */
static bool
look_at_records(const struct shmbus_shmif *bus, const uint8_t *copy,
		const struct shmbus_shmif_state *s, uint64_t from, struct findings *f)
{
	struct shmbus_shmif_record record;
	struct place place;
	uint64_t pos = from;

	for (;;) {
		memcpy(&record, copy + (pos - s->first), bus->record);
		place_record(&place, pos);
		if (record.len > SHMBUS_SHMIF_FRAME_MAX) {
			findings_add(f, &place, 0, "len", record.len, "%u at most",
				     SHMBUS_SHMIF_FRAME_MAX);
			return false;
		}
		if (record.usec >= 1000000)
			findings_add(f, &place, offsetof(struct shmbus_shmif_record, usec), "usec",
				     record.usec, "below 1000000");
		if (pos == s->last)
			return true;
		pos += bus->record + record.len;
		if (pos > s->last) {
			findings_add(f, &place, 0, "len", record.len,
				     "one with which the next record begins at or below last, %" PRIu64,
				     s->last % DATA);
			return false;
		}
	}
}

/* Adds a finding for words that are within their ranges, but contradict the ring. */
static void
explain(const struct shmbus_shmif *bus, const struct shmbus_shmif_words *w, struct findings *f)
{
	struct place place;
	uint32_t len;

	shmbus_shmif_get(bus, w->last % DATA, &len, sizeof(len));
	place_record(&place, w->last);
	if (len > SHMBUS_SHMIF_FRAME_MAX)
		findings_add(f, &place, 0, "len of the newest", len, "%u at most",
			     SHMBUS_SHMIF_FRAME_MAX);
	else
		findings_add(f, &header, FIELD(first), "first", w->first,
			     "where a record begins, not within the newest, at %u", w->last % DATA);
}

/*
 * Looks at the records of a copy of the ring. copy has room for DATA bytes.
 * -EBUSY: writers were too fast for a consistent copy.
 */
static int
look_at_ring(const struct shmbus_shmif *bus, uint8_t *copy, struct findings *f)
{
	struct shmbus_shmif_words w, again;
	struct shmbus_shmif_state s, now;
	unsigned int i;
	int ret;

	for (i = 0; i < TRIES; i++) {
		if (see_free(bus, &w) != 0)
			return -EBUSY;
		if (look_at_words(&w, f) != 0)
			return 0;
		ret = shmbus_shmif_work_out(bus, &w, &s);
		if (ret == 0)
			shmbus_shmif_get(bus, s.first, copy, (uint32_t)(s.end - s.first));
		shmbus_fence_acquire();
		if (see_free(bus, &again) != 0)
			return -EBUSY;
		if (ret != 0) {
			if (!shmbus_shmif_same_words(&w, &again))
				continue;
			explain(bus, &w, f);
			return 0;
		}
		/* On a bus without a fault first never goes back. */
		if (!shmbus_shmif_same_words(&w, &again) &&
		    (shmbus_shmif_work_out(bus, &again, &now) != 0 || now.first < s.first ||
		     now.first > s.last))
			continue;
		look_at_records(bus, copy, &s,
				shmbus_shmif_same_words(&w, &again) ? s.first : now.first, f);
		return 0;
	}
	return -EBUSY;
}

/* Looks at what must be right before the file can be mapped. *usable: all of it is. */
static int
look_at_file(const char *path, struct findings *f, bool *usable, struct shmbus_error *e)
{
	const struct place end = { .slot = FINDINGS_NOBODY, .name = "file" };
	struct shmbus_file file;
	uint32_t word[2] = { 0, 0 };
	uint64_t size;
	ssize_t n;
	int ret;

	ret = shmbus_file_open(&file, path, SHMBUS_FILE_READ, &size, e);
	if (ret != 0)
		return ret;
	n = pread(file.fd, word, sizeof(word), 0);
	shmbus_file_close(&file);
	if (n != (ssize_t)sizeof(word) || word[0] != SHMBUS_SHMIF_MAGIC)
		return shmbus_error_set(e, -EMEDIUMTYPE, "path=%s: not a bus any more", path);
	if (word[1] != 0 && word[1] != SHMBUS_SHMIF_VERSION && word[1] != SHMBUS_SHMIF_VERSION_OLD)
		findings_add(f, &header, FIELD(version), "version", word[1], "0, %u or %u",
			     SHMBUS_SHMIF_VERSION_OLD, SHMBUS_SHMIF_VERSION);
	if (size != SHMBUS_SHMIF_SIZE)
		findings_add(f, &end, 0, "size", size, "%u", SHMBUS_SHMIF_SIZE);
	*usable = f->n == 0;
	return 0;
}

int
check_shmif_look(const char *path, bool again, struct findings *f, struct shmbus_error *e)
{
	struct shmbus_shmif bus;
	bool usable = false;
	uint8_t *copy;
	int ret;

	ret = look_at_file(path, f, &usable, e);
	if (ret != 0 || !usable)
		return ret;
	copy = malloc(DATA);
	if (copy == NULL)
		return shmbus_error_set(e, -ENOMEM, "path=%s: out of memory", path);
	ret = shmbus_shmif_open_readonly(&bus, path, e);
	if (ret == 0) {
		/* While the lock is stuck, the ring is not looked at: breaking the lock repairs it. */
		if (look_at_lock(&bus, again, f))
			look_at_ring(&bus, copy, f);
		ret = check_whole(bus.guard, path, e);
		shmbus_shmif_close(&bus);
	}
	free(copy);
	return ret;
}

/* ---- mending */

/* Mends the size, as NetBSD would. The version is left alone: another program may know it. */
static int
mend_size(const char *path, struct shmbus_error *e)
{
	struct shmbus_file file;
	uint64_t size;
	int ret;

	ret = shmbus_file_open(&file, path, SHMBUS_FILE_OLD, &size, e);
	if (ret != 0)
		return ret;
	if (size != SHMBUS_SHMIF_SIZE && ftruncate(file.fd, SHMBUS_SHMIF_SIZE) != 0)
		ret = shmbus_error_set(e, -errno, "path=%s: cannot make it %u bytes long: %s", path,
				       SHMBUS_SHMIF_SIZE, strerror(errno));
	shmbus_file_close(&file);
	return ret;
}

static void
mend_times(const struct shmbus_shmif *bus, const struct shmbus_shmif_state *s)
{
	struct shmbus_shmif_record record;
	uint64_t pos = s->first;

	while (pos <= s->last) {
		shmbus_shmif_get(bus, pos, &record, sizeof(record));
		if (record.usec >= 1000000) {
			record.usec = 0;
			shmbus_shmif_put(bus, pos, &record, sizeof(record));
		}
		pos += bus->record + record.len;
	}
}

/* Mends the ring. The caller holds the lock. */
static void
mend_ring(const struct shmbus_shmif *bus, uint8_t *copy)
{
	const struct shmbus_shmif_words w = shmbus_shmif_words(bus);
	struct shmbus_shmif_state s;

	if (!shmbus_shmif_first_is_last(&w) && shmbus_shmif_work_out(bus, &w, &s) == 0) {
		shmbus_shmif_get(bus, s.first, copy, (uint32_t)(s.end - s.first));
		if (look_at_records(bus, copy, &s, s.first, NULL)) {
			mend_times(bus, &s);
			return;
		}
	}
	shmbus_shmif_repair(bus, 0);
}

static int
lock(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *watch, struct shmbus_error *e)
{
	const uint64_t since = shmbus_clock_mono_ns();

	while (!shmbus_shmif_lock(bus, watch)) {
		if (shmbus_clock_mono_ns() - since > watch->break_ns + LOCK_WAIT_NS)
			return shmbus_error_set(e, -EBUSY,
				"path=%s: cannot take the lock: a living port holds it (is it stopped?)",
				bus->file.path);
		nap();
	}
	return 0;
}

int
check_shmif_mend(const char *path, uint64_t break_ns, struct shmbus_error *e)
{
	struct shmbus_shmif_lock_wait watch = { .break_ns = break_ns };
	struct shmbus_shmif bus;
	uint8_t *copy;
	int ret;

	ret = mend_size(path, e);
	if (ret != 0)
		return ret;
	copy = malloc(DATA);
	if (copy == NULL)
		return shmbus_error_set(e, -ENOMEM, "path=%s: out of memory", path);
	ret = shmbus_shmif_open(&bus, path, SHMBUS_FILE_OLD, 0, 0, e);
	if (ret == 0) {
		ret = lock(&bus, &watch, e);
		if (ret == 0) {
			mend_ring(&bus, copy);
			shmbus_shmif_unlock(&bus, &watch, 0);
			ret = check_whole(bus.guard, path, e);
		}
		shmbus_shmif_close(&bus);
	}
	free(copy);
	return ret;
}
