/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "shmbus_geometry.h"

static uint64_t
align_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) & ~(align - 1);
}

static bool
is_power_of_two(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* Computes all offsets; ports, queues and lane_size are in range. */
static void
lay_out(struct shmbus_geometry *geo, size_t page_size)
{
	uint64_t cursors, notices;

	geo->lanes = geo->ports * geo->queues;
	geo->quarter_shift = 0;
	while (UINT64_C(4) << geo->quarter_shift < geo->lane_size)
		geo->quarter_shift++;
	cursors = (uint64_t)geo->lanes * geo->lanes;
	geo->roster_off = SHMBUS_TABLE_ALIGN;
	geo->port_off = align_up(geo->roster_off + geo->ports * sizeof(shmbus_a32),
				 SHMBUS_TABLE_ALIGN);
	geo->lane_off = align_up(geo->port_off + geo->ports * sizeof(struct shmbus_port_entry),
				 SHMBUS_TABLE_ALIGN);
	geo->notice_off = align_up(geo->lane_off + geo->lanes * sizeof(struct shmbus_lane_entry),
				   SHMBUS_TABLE_ALIGN);
	notices = geo->directs ? (uint64_t)geo->ports * geo->lanes : 0;
	geo->cursor_off = align_up(geo->notice_off + notices * sizeof(struct shmbus_notice),
				   SHMBUS_TABLE_ALIGN);
	geo->data_off = align_up(geo->cursor_off + cursors * sizeof(struct shmbus_cursor),
				 page_size > SHMBUS_DATA_ALIGN ? page_size : SHMBUS_DATA_ALIGN);
	geo->file_size = geo->data_off + geo->lanes * geo->lane_size;
}

const char *
shmbus_deliver_word(enum shmbus_deliver deliver)
{
	static const char *const words[] = { "any", "hub", "switch" };

	return words[deliver];
}

uint32_t
shmbus_geometry_queues(const struct shmbus_bus_conf *conf, uint32_t queues)
{
	if (conf->queues != 0)
		return conf->queues;
	return queues > conf->port_queues ? queues : conf->port_queues;
}

static int
check_range(const char *path, uint64_t ports, uint64_t queues, uint64_t lane_size,
	    struct shmbus_error *e)
{
	if (ports < 1 || ports > SHMBUS_PORTS_MAX)
		return shmbus_error_set(e, -EINVAL, "path=%s: ports=%" PRIu64
			" is out of range, 1 to %d are possible",
			path, ports, SHMBUS_PORTS_MAX);
	if (queues < 1 || queues > SHMBUS_QUEUES_MAX)
		return shmbus_error_set(e, -EINVAL, "path=%s: queues=%" PRIu64
			" is out of range, 1 to %d are possible",
			path, queues, SHMBUS_QUEUES_MAX);
	if (ports * queues > SHMBUS_LANES_MAX)
		return shmbus_error_set(e, -EINVAL, "path=%s: ports=%" PRIu64 " times queues=%"
			PRIu64 " makes more than %d lanes",
			path, ports, queues, SHMBUS_LANES_MAX);
	if (!is_power_of_two(lane_size) || lane_size < SHMBUS_LANE_SIZE_MIN ||
	    lane_size > SHMBUS_LANE_SIZE_MAX)
		return shmbus_error_set(e, -EINVAL, "path=%s: lane_size=%" PRIu64
			" is not a power of two from %" PRIu64 " to %" PRIu64,
			path, lane_size, SHMBUS_LANE_SIZE_MIN, SHMBUS_LANE_SIZE_MAX);
	return 0;
}

int
shmbus_geometry_new(struct shmbus_geometry *geo, const struct shmbus_bus_conf *conf,
		    size_t page_size, struct shmbus_error *e)
{
	int ret;

	memset(geo, 0, sizeof(*geo));
	geo->ports = conf->ports != 0 ? conf->ports : SHMBUS_PORTS_DEFAULT;
	geo->queues = shmbus_geometry_queues(conf, SHMBUS_QUEUES_DEFAULT);
	geo->directs = conf->deliver == SHMBUS_DELIVER_SWITCH;
	/* A hub needs nothing of version 2, and programs that know version 1 alone can join it. */
	geo->version = geo->directs ? SHMBUS_VERSION_SWITCH : SHMBUS_VERSION_HUB;
	geo->lane_size = conf->lane_size;
	if (geo->lane_size == 0) {
		geo->lane_size = SHMBUS_LANE_SIZE_DEFAULT;
		if (page_size > geo->lane_size)
			geo->lane_size = page_size;
	}
	ret = check_range(conf->path, geo->ports, geo->queues, geo->lane_size, e);
	if (ret != 0)
		return ret;
	if (geo->lane_size < page_size)
		return shmbus_error_set(e, -EINVAL, "path=%s: lane_size=%" PRIu64
			" is less than a huge page of this filesystem (%zu bytes)",
			conf->path, geo->lane_size, page_size);
	lay_out(geo, page_size);
	return 0;
}

int
shmbus_geometry_agree(const struct shmbus_geometry *geo, const struct shmbus_bus_conf *conf,
		      struct shmbus_error *e)
{
	const struct {
		const char *key;
		uint64_t asked, found;
	} values[] = {
		{ "ports", conf->ports, geo->ports },
		{ "queues", conf->queues, geo->queues },
		{ "lane_size", conf->lane_size, geo->lane_size },
	};
	unsigned int i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (values[i].asked != 0 && values[i].asked != values[i].found)
			return shmbus_error_set(e, -EEXIST, "path=%s: %s=%" PRIu64
				" contradicts the existing bus, which has %s=%" PRIu64, conf->path,
				values[i].key, values[i].asked, values[i].key, values[i].found);
	if (conf->port_queues > geo->queues)
		return shmbus_error_set(e, -EEXIST, "path=%s: a port with %" PRIu32
			" queues contradicts the existing bus, which has queues=%" PRIu32
			" for each port", conf->path, conf->port_queues, geo->queues);
	if (conf->deliver != SHMBUS_DELIVER_ANY && conf->deliver != shmbus_geometry_deliver(geo))
		return shmbus_error_set(e, -EEXIST, "path=%s: deliver=%s contradicts the existing "
			"bus, which has deliver=%s", conf->path, shmbus_deliver_word(conf->deliver),
			shmbus_deliver_word(shmbus_geometry_deliver(geo)));
	return 0;
}

int
shmbus_geometry_read(struct shmbus_geometry *geo, const struct shmbus_header *header,
		     uint64_t file_size, const char *path, size_t page_size, struct shmbus_error *e)
{
	const uint64_t magic = shmbus_load(&header->magic);
	uint64_t tables_end;

	if (magic != SHMBUS_MAGIC)
		return shmbus_error_set(e, -EMEDIUMTYPE,
			"path=%s: not a shmbus bus file (it begins with 0x%016" PRIx64
			"); name another file", path, magic);
	if (file_size < sizeof(*header))
		return shmbus_error_set(e, -ENODATA,
			"path=%s: truncated, the %" PRIu64 " bytes left are less than a header",
			path, file_size);
	if (header->version != SHMBUS_VERSION_HUB && header->version != SHMBUS_VERSION_SWITCH)
		return shmbus_error_set(e, -EPROTO,
			"path=%s: bus format version %" PRIu32 ", this program knows versions %d and %d",
			path, header->version, SHMBUS_VERSION_HUB, SHMBUS_VERSION_SWITCH);
	if (header->version == SHMBUS_VERSION_SWITCH && header->deliver != SHMBUS_HUB &&
	    header->deliver != SHMBUS_SWITCH)
		return shmbus_error_set(e, -EPROTO,
			"path=%s: the bus delivers frames in a way %" PRIu32
			" that this program does not know; it knows %u (hub) and %u (switch)",
			path, header->deliver, SHMBUS_HUB, SHMBUS_SWITCH);
	if (check_range(path, header->ports, header->queues, header->lane_size, NULL) != 0)
		goto err_header;
	memset(geo, 0, sizeof(*geo));
	geo->ports = header->ports;
	geo->queues = header->queues;
	geo->lane_size = header->lane_size;
	geo->version = header->version;
	geo->directs = header->version == SHMBUS_VERSION_SWITCH &&
		       header->deliver == SHMBUS_SWITCH;
	lay_out(geo, page_size);
	/* A bus copied from a filesystem with larger pages has a larger data_off. */
	tables_end = geo->cursor_off + (uint64_t)geo->lanes * geo->lanes *
		     sizeof(struct shmbus_cursor);
	if (header->roster_off != geo->roster_off || header->port_off != geo->port_off ||
	    header->lane_off != geo->lane_off || header->cursor_off != geo->cursor_off ||
	    (geo->directs && header->notice_off != geo->notice_off) ||
	    header->data_off < tables_end || header->data_off > tables_end + SHMBUS_LANE_SIZE_MAX ||
	    header->data_off % SHMBUS_DATA_ALIGN != 0)
		goto err_header;
	geo->data_off = header->data_off;
	geo->file_size = geo->data_off + geo->lanes * geo->lane_size;
	if (header->file_size != geo->file_size)
		goto err_header;
	if (file_size < geo->file_size)
		return shmbus_error_set(e, -ENODATA,
			"path=%s: truncated, %" PRIu64 " bytes of %" PRIu64 " are left",
			path, file_size, geo->file_size);
	if (geo->data_off % page_size != 0 || geo->lane_size % page_size != 0)
		return shmbus_error_set(e, -EINVAL,
			"path=%s: lane_size=%" PRIu64 " and the lanes' start at %" PRIu64
			" do not fit pages of %zu bytes",
			path, geo->lane_size, geo->data_off, page_size);
	return 0;

err_header:
	return shmbus_error_set(e, -EMEDIUMTYPE,
		"path=%s: the header is damaged (ports %" PRIu32 ", queues %" PRIu32
		", lane_size %" PRIu64 ", data at %" PRIu64 ", size %" PRIu64 ")",
		path, header->ports, header->queues, header->lane_size, header->data_off,
		header->file_size);
}
