/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The header of a lanes bus, the bell behind it, and the size of the file.
 *
 * No port writes the header of a bus that exists. All other fields of the header
 * follow from three numbers in it: ports, queues and lane_size.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "shmbus_geometry.h"

#define START (SHMBUS_BELL_OFF + sizeof(struct shmbus_bell))

/* The first bytes of a file, and the geometry that they should describe. */
struct start {
	uint8_t bytes[START];
	struct shmbus_header header; /* a copy from bytes */
	struct shmbus_bell bell;
	struct shmbus_geometry geo;  /* follows from the three numbers */
	bool lanes;                  /* the magic is right */
	bool measured;               /* geo is known */
};

static bool
data_off_fits(const struct shmbus_geometry *geo, uint64_t off)
{
	const uint64_t end = geo->cursor_off +
			     (uint64_t)geo->lanes * geo->lanes * sizeof(struct shmbus_cursor);

	return off >= end && off <= end + SHMBUS_LANE_SIZE_MAX && off % SHMBUS_DATA_ALIGN == 0;
}

/* Reads the first bytes of a file. Returns 0, or -errno with a text. */
static int
read_start(const struct shmbus_file *file, struct start *s, struct shmbus_error *e)
{
	struct shmbus_bus_conf conf = { .path = file->path };
	ssize_t n;

	memset(s, 0, sizeof(*s));
	n = pread(file->fd, s->bytes, sizeof(s->bytes), 0);
	if (n < 0)
		return shmbus_error_set(e, -errno, "path=%s: cannot read: %s", file->path,
					strerror(errno));
	memcpy(&s->header, s->bytes, sizeof(s->header));
	memcpy(&s->bell, s->bytes + SHMBUS_BELL_OFF, sizeof(s->bell));
	s->lanes = n == (ssize_t)START && shmbus_load(&s->header.magic) == SHMBUS_MAGIC;
	conf.ports = s->header.ports;
	conf.queues = s->header.queues;
	conf.lane_size = s->header.lane_size;
	if (s->header.version == SHMBUS_VERSION_SWITCH && s->header.deliver == SHMBUS_SWITCH)
		conf.deliver = SHMBUS_DELIVER_SWITCH;
	/* In conf 0 would mean the default. */
	if (!s->lanes || conf.ports == 0 || conf.queues == 0 || conf.lane_size == 0 ||
	    shmbus_geometry_new(&s->geo, &conf, file->page_size, NULL) != 0)
		return 0;
	s->measured = true;
	if (data_off_fits(&s->geo, s->header.data_off)) {
		s->geo.data_off = s->header.data_off;
		s->geo.file_size = s->geo.data_off + s->geo.lanes * s->geo.lane_size;
	}
	return 0;
}

static void
look_at_numbers(const struct start *s, const struct place *place, struct findings *f)
{
	const struct shmbus_header *h = &s->header;

	if (h->ports < 1 || h->ports > SHMBUS_PORTS_MAX)
		findings_add(f, place, offsetof(struct shmbus_header, ports), "ports", h->ports,
			     "1 to %d", SHMBUS_PORTS_MAX);
	else if (h->queues < 1 || h->queues > SHMBUS_QUEUES_MAX ||
		 h->ports * h->queues > SHMBUS_LANES_MAX)
		findings_add(f, place, offsetof(struct shmbus_header, queues), "queues", h->queues,
			     "1 to %d, and with ports not more than %d lanes", SHMBUS_QUEUES_MAX,
			     SHMBUS_LANES_MAX);
	else if (!s->measured)
		findings_add(f, place, offsetof(struct shmbus_header, lane_size), "lane_size",
			     h->lane_size, "a power of two from %" PRIu64 " to %" PRIu64,
			     SHMBUS_LANE_SIZE_MIN, SHMBUS_LANE_SIZE_MAX);
}

static void
look_at_offset(struct findings *f, const struct place *place, unsigned int off, const char *field,
	       uint64_t value, uint64_t right)
{
	if (value != right)
		findings_add(f, place, off, field, value, "%" PRIu64, right);
}

static void
look_at_header(const struct start *s, uint64_t size, struct findings *f)
{
	const struct place place = { .off = 0, .slot = FINDINGS_NOBODY, .name = "header" };
	const struct shmbus_header *h = &s->header;
	const struct shmbus_geometry *geo = &s->geo;

#define OFFSET(field) \
	look_at_offset(f, &place, offsetof(struct shmbus_header, field), #field, h->field, geo->field)

	if (h->version != SHMBUS_VERSION_HUB && h->version != SHMBUS_VERSION_SWITCH)
		findings_add(f, &place, offsetof(struct shmbus_header, version), "version",
			     h->version, "%d or %d", SHMBUS_VERSION_HUB, SHMBUS_VERSION_SWITCH);
	if (h->version == SHMBUS_VERSION_HUB && h->deliver != 0)
		findings_add(f, &place, offsetof(struct shmbus_header, deliver), "deliver",
			     h->deliver, "0, as version 1 has no switch");
	else if (h->deliver != SHMBUS_HUB && h->deliver != SHMBUS_SWITCH)
		findings_add(f, &place, offsetof(struct shmbus_header, deliver), "deliver",
			     h->deliver, "%u or %u", SHMBUS_HUB, SHMBUS_SWITCH);
	look_at_numbers(s, &place, f);
	FINDINGS_RESERVED(f, &place, h, reserved1);
	if (!s->measured)
		return;
	OFFSET(roster_off);
	OFFSET(port_off);
	OFFSET(lane_off);
	look_at_offset(f, &place, offsetof(struct shmbus_header, notice_off), "notice_off",
		       h->notice_off, geo->directs ? geo->notice_off : 0);
	OFFSET(cursor_off);
	OFFSET(data_off);
	OFFSET(file_size);
	if (size < geo->file_size)
		findings_add(f, &place, size, "the end of the file", size, "%" PRIu64 " or more",
			     geo->file_size);
#undef OFFSET
}

static void
look_at_bell(const struct shmbus_bell *bell, uint32_t version, struct findings *f)
{
	const struct place place = { .off = SHMBUS_BELL_OFF, .slot = FINDINGS_NOBODY,
				     .name = "bell" };

	if (version == SHMBUS_VERSION_HUB && bell->entries != 0)
		findings_add(f, &place, offsetof(struct shmbus_bell, entries), "entries",
			     bell->entries, "0 in version 1");
	FINDINGS_RESERVED(f, &place, bell, reserved0);
	if (bell->rung != 0)
		findings_add(f, &place, offsetof(struct shmbus_bell, rung), "rung", bell->rung, "0");
	FINDINGS_RESERVED(f, &place, bell, reserved1);
}

int
check_whole(const struct shmbus_guard *guard, const char *path, struct shmbus_error *e)
{
	if (!shmbus_guard_struck(guard))
		return 0;
	return shmbus_error_set(e, -ENODEV, "path=%s: another process truncated the file during the "
				"check; run the check again when the file is no longer changed", path);
}

int
check_header_look(const char *path, struct findings *f, bool *usable, struct shmbus_error *e)
{
	struct shmbus_geometry geo;
	const struct shmbus_bus_conf conf = { .path = path };
	struct shmbus_file file;
	struct start s;
	uint64_t size;
	int ret;

	ret = shmbus_file_open(&file, path, SHMBUS_FILE_READ, &size, e);
	if (ret != 0)
		return ret;
	ret = read_start(&file, &s, e);
	if (ret == 0 && s.lanes) {
		look_at_header(&s, size, f);
		look_at_bell(&s.bell, s.header.version, f);
	}
	/* For a file that is not a bus, shmbus_bus_open has the better message. */
	*usable = !s.lanes ||
		  shmbus_geometry_read(&geo, &s.header, size, conf.path, file.page_size, NULL) == 0;
	shmbus_file_close(&file);
	return ret;
}
