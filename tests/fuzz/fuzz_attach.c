/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Any file: is it a bus? The input is the beginning of the file, and how long
 * it says to be. If a port can be attached it reads what is there, and leaves.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "input.h"
#include "shmbus_bus_open.h"
#include "shmbus_port.h"
#include "shmbus_reader.h"
#include "shmbus_shmif_open.h"
#include "shmbus_shmif_monitor.h"

/* A bus of more is only opened: what a port allocates is memory. */
#define LANES_MAX 64
#define LANE_SIZE_MAX (1u << 20)

#define RECORDS_MAX 10000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* False: such a file cannot be. */
static bool
make_file(struct input *in, bool *readonly)
{
	const uint8_t flags = input_u8(in);
	const uint64_t given = flags & 1 ? input_u64(in) : flags & 2 ? SHMBUS_SHMIF_SIZE : 0;
	uint64_t size = in->left;
	bool made;
	int fd;

	*readonly = flags & 4;
	fd = open(input_path(""), O_RDWR | O_CREAT | O_TRUNC, 0600);
	MUST(fd >= 0);
	/* As long as its header says: nobody guesses that by chance. */
	if ((flags & 8) && in->left >= offsetof(struct shmbus_header, created_ns))
		memcpy(&size, in->at + offsetof(struct shmbus_header, file_size), sizeof(size));
	else if (given != 0)
		size = given;
	made = write(fd, in->at, in->left) == (ssize_t)in->left && size <= INT64_MAX &&
	       ftruncate(fd, (off_t)size) == 0;
	close(fd);
	return made;
}

static void
read_lane(const struct shmbus_bus *bus, uint32_t lane)
{
	unsigned int records = RECORDS_MAX;
	struct shmbus_request req;
	struct shmbus_reader r;
	struct shmbus_walk walk;
	const uint8_t *frame;
	uint32_t n, i;

	shmbus_reader_start(bus, &r, lane);
	MUST(r.pos % SHMBUS_LINE == 0);
	/* From the oldest that there is. */
	r.pos -= r.pos < bus->geo.lane_size ? r.pos : bus->geo.lane_size;
	while ((n = shmbus_reader_peek(bus, &r)) != 0 && --records != 0) {
		shmbus_reader_walk(bus, &r, &walk);
		for (i = 0; i < n && shmbus_reader_next_any(&r, &walk, &frame, &req) != 0; i++)
			;
		if (shmbus_reader_commit(bus, &r, &walk) && i < n)
			shmbus_reader_give_up(&r);
	}
	MUST(records != 0);
	shmbus_reader_waiting(bus, &r);
}

static void
use_lanes(struct shmbus_bus *bus, bool readonly)
{
	const struct shmbus_port_conf conf = { .name = "fuzz", .numa_node = -1 };
	struct shmbus_port port;
	struct shmbus_peer peer;
	bool attached = false;
	uint32_t i;

	if (bus->geo.lanes > LANES_MAX || bus->geo.lane_size > LANE_SIZE_MAX)
		return;
	if (!readonly) {
		attached = shmbus_port_attach(&port, bus, &conf, NULL) == 0;
		MUST(attached);
		MUST(port.slot == 0);
		shmbus_port_set_queues(&port, 1, 1);
		shmbus_port_count_peers(&port);
		shmbus_port_has_partner(&port);
	}
	for (i = 0; i < bus->geo.ports; i++)
		if (shmbus_port_peer(bus, i, &peer))
			MUST(peer.n_txq <= bus->geo.queues && peer.n_rxq <= bus->geo.queues &&
			     strlen(peer.name) < sizeof(peer.name));
	for (i = 0; i < bus->geo.lanes; i++)
		if (shmbus_bus_map_lane(bus, i, SHMBUS_LANE_READ) == 0)
			read_lane(bus, i);
	if (attached)
		shmbus_port_detach(&port);
}

static void
try_lanes(bool readonly)
{
	const struct shmbus_bus_conf conf = { .path = input_path(""), .readonly = readonly };
	struct shmbus_error e = { .text = "" };
	struct shmbus_bus bus;
	int ret;

	ret = shmbus_bus_open(&bus, &conf, &e);
	if (ret != 0) {
		MUST(ret < 0 && e.text[0] != '\0');
		return;
	}
	MUST(bus.geo.version == SHMBUS_VERSION_HUB || bus.geo.version == SHMBUS_VERSION_SWITCH);
	MUST(!bus.geo.directs || shmbus_geometry_directed(&bus.geo));
	MUST(bus.geo.ports >= 1 && bus.geo.ports <= SHMBUS_PORTS_MAX);
	MUST(bus.geo.queues >= 1 && bus.geo.queues <= SHMBUS_QUEUES_MAX);
	MUST(bus.geo.lanes == bus.geo.ports * bus.geo.queues && bus.geo.lanes <= SHMBUS_LANES_MAX);
	MUST(bus.geo.lane_size >= SHMBUS_LANE_SIZE_MIN && bus.geo.lane_size <= SHMBUS_LANE_SIZE_MAX);
	MUST(bus.geo.file_size == bus.geo.data_off + bus.geo.lanes * bus.geo.lane_size);
	use_lanes(&bus, readonly);
	shmbus_file_unlock(&bus.file);
	shmbus_bus_close(&bus);
}

/* A port that only looks on does without the lock, and takes version 2, too. */
static void
try_shmif(bool readonly)
{
	static uint8_t bytes[SHMBUS_SHMIF_PIECE];
	struct shmbus_shmif_reader r = { .bytes = bytes };
	struct shmbus_error e = { .text = "" };
	struct shmbus_shmif_frame frame;
	struct shmbus_shmif bus;
	unsigned int i;
	int ret;

	ret = readonly ? shmbus_shmif_open_readonly(&bus, input_path(""), &e) :
			 shmbus_shmif_open(&bus, input_path(""), SHMBUS_FILE_ANY, 0, 1, &e);
	if (ret != 0) {
		MUST(ret < 0 && e.text[0] != '\0');
		return;
	}
	MUST(bus.id == (readonly ? 0 : 1));
	MUST(bus.version == 3 || (readonly && bus.version == 2));
	if (readonly)
		shmbus_shmif_monitor_start(&bus, &r, true);
	else
		shmbus_shmif_reader_start(&bus, &r, 2);
	for (i = 0; i < 40 && shmbus_shmif_pending(&bus, &r); i++) {
		if (readonly)
			shmbus_shmif_monitor_fetch(&bus, &r);
		else
			shmbus_shmif_fetch(&bus, &r);
		while (shmbus_shmif_has_next(&r)) {
			shmbus_shmif_next(&r, &frame);
			MUST(frame.len <= SHMBUS_SHMIF_FRAME_MAX);
			MUST(frame.data >= bytes && frame.data + frame.len <= bytes + sizeof(bytes));
		}
	}
	shmbus_shmif_close(&bus);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { .at = data, .left = size };
	bool readonly;

	if (make_file(&in, &readonly)) {
		if (shmbus_shmif_recognise(input_path("")))
			try_shmif(readonly);
		else
			try_lanes(readonly);
	}
	unlink(input_path(""));
	return 0;
}
