/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Stations of libshmbus, a port and a monitor, on a hub or a switch whose words the input writes:
 * between the calls, and while they look. What they receive, show and complete fits its buffers.
 * A frame is directed to a slot that there is. When the words keep still, a station that receives
 * nothing sees nothing either, and then gets each frame that is for it.
 */

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "input.h"
#include "shmbus_bus_open.h"
#include "shmbus_lib.h"
#include "shmbus_notice.h"
#include "shmbus_port.h"
#include "shmbus_request.h"
#include "shmbus_writer.h"
#include "unsteady.h"

#define PORTS 4
#define LANE SHMBUS_LANE_SIZE_MIN
#define STATIONS 2
#define BURST 8
#define OPS 100
#define UP (SHMBUS_PORT_ATTACHED | SHMBUS_PORT_STARTED | SHMBUS_PORT_LINK_UP)
#define LIMIT 4000 /* calls in which a station reads all that a bus has */

/* More looks than any single call has reason for. */
#define LOOKS_MAX 2000000

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct segment {
	struct shmbus_bus bus; /* of the peer */
	struct shmbus_port port;
	struct shmbus_writer w;
	struct shmbus_stall stalls[PORTS];
	uint32_t lane;
	uint8_t *all; /* the whole file, writable */
	struct shmbus_station *st[STATIONS];
} segments[2]; /* a hub and a switch */
static struct segment *t;

static uint8_t *room[BURST]; /* frame_max bytes each, and not one more */
static uint32_t frame_max;

static const char *
path_of(bool directs)
{
	return input_path(directs ? "-switch" : "-hub");
}

static void
open_bus(bool directs)
{
	const struct shmbus_bus_conf conf = {
		.path = path_of(directs), .ports = PORTS, .queues = 1, .lane_size = LANE,
		.deliver = directs ? SHMBUS_DELIVER_SWITCH : SHMBUS_DELIVER_HUB,
	};

	t = &segments[directs];
	MUST(shmbus_bus_open(&t->bus, &conf, NULL) == 0);
	shmbus_file_unlock(&t->bus.file);
	t->all = mmap(NULL, t->bus.geo.file_size, PROT_READ | PROT_WRITE, MAP_SHARED, t->bus.file.fd, 0);
	MUST(t->all != MAP_FAILED);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	unsigned int i;

	(void)argc;
	(void)argv;
	open_bus(false);
	open_bus(true);
	frame_max = shmbus_frame_max(&t->bus.geo);
	for (i = 0; i < BURST; i++) {
		room[i] = malloc(frame_max);
		MUST(room[i] != NULL);
	}
	return 0;
}

/* The header stays as it is: a station that has lost its bus does nothing any more. */
static uint8_t *
writable_in(const struct shmbus_bus *bus, const volatile void *at)
{
	uintptr_t off = (uintptr_t)at - (uintptr_t)bus->control;

	if (off >= SHMBUS_BELL_OFF && off < t->bus.geo.data_off)
		return t->all + off;
	if (shmbus_load(&bus->lane_prot[t->lane]) == SHMBUS_LANE_UNMAPPED)
		return NULL;
	off = (uintptr_t)at - (uintptr_t)shmbus_bus_lane_data(bus, t->lane);
	return off < 2 * LANE ? t->all + shmbus_lane_off(&t->bus.geo, t->lane) + off % LANE : NULL;
}

static uint8_t *
writable(const volatile void *at)
{
	uint8_t *word = writable_in(&t->bus, at);
	unsigned int i;

	for (i = 0; i < STATIONS && word == NULL; i++)
		word = writable_in(&t->st[i]->bus->wire.lanes, at);
	return word;
}

/* ---- begin and end */

static void
join_peer(void)
{
	const struct shmbus_port_conf port = { .name = "peer", .numa_node = -1 };

	MUST(shmbus_file_lock(&t->bus.file) == 0);
	MUST(shmbus_port_attach(&t->port, &t->bus, &port, NULL) == 0);
	shmbus_file_unlock(&t->bus.file);
	t->lane = t->port.slot * t->bus.geo.queues;
	shmbus_port_set_queues(&t->port, 1, 0);
	shmbus_writer_start(&t->bus, &t->w, t->port.slot, 0, t->stalls, false, 0);
}

static void
begin(struct input *in)
{
	const uint8_t flags = input_u8(in);
	const char *path = path_of(t->bus.geo.directs);
	const struct shmbus_conf port = {
		.flags = (flags & 1 ? SHMBUS_FILTER : 0) |
			 (t->bus.geo.directs && flags & 4 ? SHMBUS_MIRROR : 0),
	};
	const struct shmbus_conf monitor = { .flags = flags & 2 ? SHMBUS_OLDEST : 0 };

	memset(t->all + SHMBUS_BELL_OFF, 0, t->bus.geo.data_off - SHMBUS_BELL_OFF);
	memset(t->all + t->bus.geo.data_off, 0, PORTS * LANE);
	join_peer();
	MUST(shmbus_attach(&t->st[0], path, &port) == 0);
	MUST(shmbus_monitor(&t->st[1], path, &monitor) == 0);
}

static void
end(void)
{
	unsigned int i;

	for (i = 0; i < STATIONS; i++)
		shmbus_detach(t->st[i]);
	shmbus_port_detach(&t->port);
}

/* ---- the peer */

/* What a sender on a switch adds to the length of a frame; 0: it is for everybody. */
static uint32_t
receiver_of(struct input *in)
{
	const uint32_t slot = t->bus.geo.directs ? input_u8(in) % (2 * PORTS) : 0;

	return slot != 0 ? SHMBUS_DESC_DIRECTED | slot << SHMBUS_DESC_SLOT_SHIFT : 0;
}

/* A record: as an honest sender has it, but for lengths, requests and receivers. */
static void
publish(struct input *in)
{
	const uint32_t n = input_below(in, BURST) + 1;
	const uint32_t data_off = shmbus_burst_data_off(n);
	uint32_t words[BURST], total = data_off;
	struct shmbus_request req;
	uint32_t i, len;
	uint8_t *at;

	if (!shmbus_writer_room(&t->bus, &t->w, data_off + LANE / 2))
		return;
	at = shmbus_writer_record(&t->bus, &t->w);
	for (i = 0; i < n; i++) {
		len = input_u8(in) & 7 ? 14 + input_u8(in) : input_u16(in) % (LANE / 2);
		if (total + shmbus_request_extent(len) + 64 > data_off + LANE / 2)
			len = 60;
		words[i] = len | receiver_of(in);
		memset(at + total, input_u8(in), len);
		if (input_u8(in) & 1) {
			req = (struct shmbus_request){
				.flags = input_u8(in) % 8, .l4 = input_u8(in) & 1 ? 6 : 17,
				.l3_off = 14, .l4_off = input_u8(in), .data_off = input_u8(in),
				.segment = input_u16(in),
			};
			total += shmbus_request_extent(len);
			shmbus_request_store(at + total, &req);
			words[i] |= SHMBUS_DESC_REQUEST;
		} else {
			total += (uint32_t)SHMBUS_ALIGN(len);
		}
		shmbus_store(&shmbus_burst_desc(at)[i], words[i]);
	}
	if (t->bus.geo.directs)
		shmbus_notice_store(&t->bus, t->w.lane, &(struct shmbus_addressees){ .all = true },
				    t->w.tail, t->w.tail + total);
	shmbus_writer_publish(&t->bus, &t->w, at, n, data_off, total, total, input_u64(in));
}

static void
lie(struct input *in)
{
	const uint64_t pos = t->st[input_u8(in) % STATIONS]->lanes.rx.readers[t->lane].pos;
	const uint8_t word = input_u8(in);
	uint64_t value;
	uint8_t *at;

	switch (input_u8(in) % (t->bus.geo.directs ? 5 : 4)) {
	case 4:
		at = (uint8_t *)shmbus_bus_notice(&t->bus, word % PORTS, t->lane);
		break;
	case 0:
		at = (uint8_t *)shmbus_bus_lane(&t->bus, input_below(in, PORTS)) + word % 32 * 8;
		break;
	case 1:
		at = t->all + shmbus_lane_off(&t->bus.geo, t->lane) + (pos + word * 8) % LANE;
		break;
	case 2:
		at = (uint8_t *)shmbus_bus_port(&t->bus, word % PORTS) + word / PORTS % 32 * 8;
		break;
	default:
		at = (uint8_t *)shmbus_bus_roster(&t->bus) + word % (PORTS / 2) * 8;
		break;
	}
	switch (input_u8(in) % 5) {
	case 0:
		value = t->w.tail + 64 * (uint64_t)input_u8(in);
		break;
	case 1:
		value = pos + input_u16(in);
		break;
	case 2:
		value = 64 * (uint64_t)input_u8(in) | (uint64_t)input_u8(in) << 32 |
			64 * (uint64_t)input_u8(in) << 48;
		break;
	case 3:
		value = input_u64(in);
		break;
	default:
		value = input_u8(in);
		break;
	}
	memcpy(at, &value, 8);
}

/* ---- the stations */

static int
receive(struct shmbus_station *st, uint32_t n)
{
	struct shmbus_rx rx[BURST];
	int got, i;

	for (i = 0; i < BURST; i++)
		rx[i] = (struct shmbus_rx){ .data = room[i], .room = frame_max };
	got = shmbus_receive(st, rx, n);
	MUST(got >= 0 && (uint32_t)got <= n);
	for (i = 0; i < got; i++) {
		MUST(rx[i].len >= SHMBUS_FRAME_MIN && rx[i].len <= frame_max);
		MUST(!(rx[i].meta.flags & SHMBUS_META_TRUNCATED));
		MUST(rx[i].meta.slot < PORTS && rx[i].meta.queue == 0);
	}
	return got;
}

/* Makes the final frames of a copy. */
static void
complete(uint8_t *copy, uint32_t len, const struct shmbus_offload *offload)
{
	uint32_t done = 0;
	unsigned int frames = 0;
	int ret;

	while ((ret = shmbus_complete(copy, len, offload, &done, room[1], frame_max)) > 0) {
		MUST((uint32_t)ret <= frame_max);
		MUST(frames++ <= SHMBUS_FRAME_MAX);
	}
}

static int
peek(struct shmbus_station *st, struct input *in)
{
	struct shmbus_view views[BURST];
	struct shmbus_offload offload;
	uint32_t len, n;
	int got, i;

	n = input_below(in, BURST) + 1;
	got = shmbus_peek(st, views, n);
	MUST(got >= 0 && (uint32_t)got <= n);
	for (i = 0; i < got; i++) {
		len = views[i].len;
		MUST(len >= SHMBUS_FRAME_MIN && len <= frame_max);
		memcpy(room[0], views[i].data, len);
		offload = views[i].offload;
		if (offload.flags != 0)
			complete(room[0], len, &offload);
	}
	n = got != 0 ? input_below(in, (uint32_t)got + 1) : 0;
	i = shmbus_release(st, n);
	MUST(i == 0 || (uint32_t)i == n);
	return got;
}

/*
 * Checks where the frames of st[0]'s record at pos go, which it has sent with other ports' entries
 * and sources as the input says.
 */
static void
check_receivers(uint64_t pos, const struct shmbus_place *places, uint32_t n)
{
	const uint32_t own = t->st[0]->bus->wire.slot;
	uint8_t *record = shmbus_bus_lane_data(&t->st[0]->bus->wire.lanes, own) + pos % LANE;
	uint32_t i, word, slot;

	for (i = 0; i < n; i++) {
		word = shmbus_load(&shmbus_burst_desc(record)[i]);
		MUST((word & SHMBUS_DESC_LEN & ~SHMBUS_DESC_SLOT) == places[i].len);
		slot = (word & SHMBUS_DESC_SLOT) >> SHMBUS_DESC_SLOT_SHIFT;
		if (!(word & SHMBUS_DESC_DIRECTED))
			MUST(slot == 0);
		else
			MUST(t->bus.geo.directs && slot < PORTS && slot != own);
	}
}

/* Sends in place, and looks for room: other ports' cursors and states say what the input says. */
static void
send_in_place(struct input *in)
{
	const uint64_t pos = t->st[0]->lanes.tx.writer.tail;
	const uint32_t n = input_below(in, BURST) + 1;
	struct shmbus_place places[BURST];
	uint32_t most, m;
	int got, i;

	for (i = 0; i < BURST; i++)
		places[i] = (struct shmbus_place){
			.len = SHMBUS_FRAME_MIN + input_u16(in) % (frame_max - SHMBUS_FRAME_MIN + 1),
		};
	got = shmbus_reserve(t->st[0], places, n);
	MUST(got >= 0 && (uint32_t)got <= n);
	for (i = 0; i < got; i++) {
		most = places[i].len;
		memset(places[i].data, i, most);
		places[i].len = SHMBUS_FRAME_MIN + input_u16(in) % (most - SHMBUS_FRAME_MIN + 1);
	}
	m = got != 0 ? input_below(in, (uint32_t)got + 1) : 0;
	MUST(shmbus_commit(t->st[0], places, m) == (int)m);
	check_receivers(pos, places, m);
	MUST(m != 0 || got == 0 || shmbus_commit(t->st[0], places, 1) < 0);
	got = shmbus_wait_room(t->st[0], 0);
	MUST(got == 0 || got == 1);
	got = shmbus_arm_room(t->st[0]);
	MUST(got == 0 || got == 1);
	shmbus_disarm_room(t->st[0]);
}

static void
one_op(struct input *in)
{
	const uint8_t op = input_u8(in);
	struct shmbus_station *st = t->st[op >> 7];
	int ret;

	switch (op % 16) {
	case 0:
	case 1:
	case 2:
		publish(in);
		break;
	case 3:
	case 4:
	case 5:
		receive(st, input_below(in, BURST) + 1);
		break;
	case 6:
	case 7:
	case 8:
		peek(st, in);
		break;
	case 9:
		ret = shmbus_wait(st, 0);
		MUST(ret == 0 || ret == 1);
		break;
	case 10:
		ret = shmbus_arm(t->st[0]);
		MUST(ret == 0 || ret == 1);
		shmbus_disarm(t->st[0]);
		break;
	case 11:
		send_in_place(in);
		break;
	case 12:
		/* Up to 18 minutes: addresses are forgotten. */
		if (t->bus.geo.directs) {
			unsteady_pass((uint64_t)input_u8(in) << 32);
			break;
		}
		lie(in);
		break;
	default:
		lie(in);
		break;
	}
}

/* The words keep still: a station reads all that there is, and then has nothing to wake for. */
static void
settle(void)
{
	struct input nothing = { .left = 0 };
	unsigned int i, calls;

	unsteady_begin(NULL, writable);
	for (i = 0; i < STATIONS; i++) {
		for (calls = 0; shmbus_wait(t->st[i], 0) == 1; calls++) {
			MUST(calls < LIMIT);
			if (calls % 2 != 0)
				peek(t->st[i], &nothing);
			receive(t->st[i], BURST);
		}
		MUST(receive(t->st[i], BURST) == 0);
	}
}

static uint64_t
received_by(unsigned int station, uint64_t *skipped)
{
	struct shmbus_stats stats;

	MUST(shmbus_get_stats(t->st[station], &stats) == 0);
	*skipped = stats.rx_skipped;
	return stats.rx_frames;
}

/* An honest record of three frames: for everybody, and on a switch for the port, and for another. */
static void
publish_three(void)
{
	const uint8_t own = (uint8_t)t->st[0]->bus->wire.slot;
	const uint8_t to[] = { 0, own, own + 2 };
	uint8_t bytes[1 + 3 * 5] = { 2 };
	uint8_t *at = bytes + 1;
	unsigned int i;

	/* As publish() reads them. */
	for (i = 0; i < 3; i++) {
		*at++ = 1;
		*at++ = 60 - 14;
		if (t->bus.geo.directs)
			*at++ = to[i];
		*at++ = 0xff;
		*at++ = 0;
	}
	publish(&(struct input){ .at = bytes, .left = (size_t)(at - bytes) });
}

/* The peer begins anew. The monitor gets each frame, the port each that is for it. */
static void
get_through(void)
{
	const bool others = t->bus.geo.directs && !t->st[0]->lanes.rx.conf.mirror;
	uint64_t frames[STATIONS], skipped[STATIONS], before;
	unsigned int i;

	shmbus_port_set_queues(&t->port, 1, 0);
	shmbus_port_set_state(&t->port, UP);
	shmbus_writer_start(&t->bus, &t->w, t->port.slot, 0, t->stalls, false, 0);
	/* Behind what has been written into the ring. */
	for (i = 0; i < LANE / 256; i++)
		publish_three();
	settle();
	for (i = 0; i < STATIONS; i++)
		frames[i] = received_by(i, &skipped[i]);
	publish_three();
	settle();
	for (i = 0; i < STATIONS; i++) {
		before = skipped[i];
		MUST(received_by(i, &skipped[i]) == frames[i] + (i == 0 && others ? 2 : 3));
		MUST(skipped[i] == before + (i == 0 && others ? 1 : 0));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { .at = data, .left = size };
	struct input changes;

	t = &segments[input_u8(&in) & 1];
	changes = input_split(&in);
	begin(&in);
	unsteady_run(&in, &changes, writable, one_op, OPS, LOOKS_MAX);
	settle();
	get_through();
	unsteady_end();
	end();
	return 0;
}
