/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A writer and a reader of one lane, on a hub or on a switch, and an input that writes any words
 * of the bus between their calls, and while they look.
 */

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "input.h"
#include "shmbus_bus_open.h"
#include "shmbus_directed.h"
#include "shmbus_notice.h"
#include "shmbus_port.h"
#include "shmbus_reader.h"
#include "shmbus_wake.h"
#include "shmbus_writer.h"
#include "unsteady.h"

#define PORTS 4
#define QUEUES 2
#define LANE SHMBUS_LANE_SIZE_MIN
#define FRAMES 40 /* of a burst */
#define OPS 200

/* More looks than any single call has reason for; one at a full record has 2 a frame. */
#define LOOKS_MAX 20000

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct lane {
	struct shmbus_bus bus;
	struct shmbus_port port; /* its lane 0 is written and read */
	uint8_t *all;            /* the whole file, writable */
	uint8_t *ring;           /* the lane as it is read */
	struct shmbus_writer w;
	struct shmbus_stall stalls[PORTS * QUEUES];
	struct shmbus_waker waker;
	struct shmbus_sleeper sleepers[PORTS];
	struct shmbus_reader r;
	struct shmbus_cursor *cursor;
	bool held; /* the cursor is active */
	uint32_t slot; /* whose frames the reader reads, or SHMBUS_ALL_SLOTS */
} lanes[2]; /* of a hub and of a switch */
static struct lane *t;

static void
open_bus(bool directs)
{
	const struct shmbus_bus_conf conf = {
		.path = input_path(""), .ports = PORTS, .queues = QUEUES, .lane_size = LANE,
		.deliver = directs ? SHMBUS_DELIVER_SWITCH : SHMBUS_DELIVER_HUB,
	};
	const struct shmbus_port_conf port = { .name = "fuzz", .numa_node = -1 };

	t = &lanes[directs];
	MUST(shmbus_bus_open(&t->bus, &conf, NULL) == 0);
	MUST(shmbus_port_attach(&t->port, &t->bus, &port, NULL) == 0);
	shmbus_file_unlock(&t->bus.file);
	MUST(unlink(input_path("")) == 0);
	t->all = mmap(NULL, t->bus.geo.file_size, PROT_READ | PROT_WRITE, MAP_SHARED, t->bus.file.fd, 0);
	MUST(t->all != MAP_FAILED);
	t->ring = shmbus_bus_lane_data(&t->bus, 0);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	open_bus(false);
	open_bus(true);
	return 0;
}

static uint8_t *
writable(const volatile void *at)
{
	const uint8_t *p = (const uint8_t *)(uintptr_t)at;
	const uintptr_t in_control = (uintptr_t)p - (uintptr_t)t->bus.control;
	const uintptr_t in_ring = (uintptr_t)p - (uintptr_t)t->ring;

	if (in_control < t->bus.geo.data_off)
		return t->all + in_control;
	if (in_ring < 2 * LANE)
		return t->all + t->bus.geo.data_off + in_ring % LANE;
	return NULL;
}

static void
start_writer(struct input *in)
{
	const uint8_t flags = input_u8(in);

	shmbus_writer_start(&t->bus, &t->w, 0, 0, t->stalls, flags & 1, (uint64_t)(flags >> 4) * 1000000);
	shmbus_waker_start(&t->bus, &t->waker, 0, t->sleepers);
	MUST(t->w.tail % SHMBUS_LINE == 0);
	MUST(t->w.tail - (t->w.limit - LANE) <= LANE);
}

static void
start_reader(struct input *in)
{
	const uint8_t q = input_below(in, PORTS * QUEUES);
	uint8_t flags;

	if (t->held)
		shmbus_reader_release(t->cursor);
	t->cursor = shmbus_bus_cursor(&t->bus, q / QUEUES, q % QUEUES, 0);
	flags = input_u8(in);
	t->held = flags & 1;
	t->slot = flags & 2 ? SHMBUS_ALL_SLOTS : q / QUEUES;
	shmbus_reader_start(&t->bus, &t->r, 0);
	if (t->held)
		shmbus_reader_hold(&t->bus, &t->r, t->cursor);
	MUST(t->r.pos % SHMBUS_LINE == 0);
	MUST(t->r.frames == 0 && t->r.missed == 0);
}

/* What a sender on a switch adds to the length of a frame. */
static uint32_t
receiver_of(struct input *in, struct shmbus_receivers *to, struct shmbus_addressees *told)
{
	const uint8_t slot = t->bus.geo.directs ? input_u8(in) : 0;

	/* Zero: for everybody, as behind the end of the input. */
	if (slot % 8 == 0) {
		to->all = true;
		told->all = true;
		return 0;
	}
	/* The bus has fewer slots than a descriptor can name. */
	if (slot < t->bus.geo.ports)
		shmbus_addressees_add(told, slot);
	to->slots[slot / 64] |= UINT64_C(1) << slot % 64;
	return SHMBUS_DESC_DIRECTED | (uint32_t)slot << SHMBUS_DESC_SLOT_SHIFT;
}

static void
send(struct input *in)
{
	struct shmbus_addressees told = { .all = false };
	struct shmbus_receivers to = { .all = false };
	const uint32_t n = input_below(in, FRAMES) + 1;
	uint32_t len[FRAMES];
	uint32_t total = shmbus_burst_data_off(n);
	uint32_t off = total;
	uint64_t bytes = 0;
	uint8_t *record;
	uint32_t i;

	for (i = 0; i < n; i++) {
		len[i] = 1 + (input_u8(in) & 3 ? input_u8(in) : input_u16(in) % (LANE / 4 - 2 * 64));
		total += (uint32_t)SHMBUS_ALIGN(len[i]);
		if (total > LANE / 4)
			len[i] = 1;
	}
	total = off;
	for (i = 0; i < n; i++)
		total += (uint32_t)SHMBUS_ALIGN(len[i]);
	if (!shmbus_writer_room(&t->bus, &t->w, total))
		return;
	/* What head says may be overwritten is all that is. */
	MUST(t->w.tail + total - t->w.limit > UINT64_MAX / 2 || t->w.tail + total == t->w.limit);
	MUST(t->w.limit - t->w.tail <= LANE);
	record = shmbus_writer_record(&t->bus, &t->w);
	MUST(record >= t->ring && record < t->ring + LANE);
	for (i = 0; i < n; i++) {
		shmbus_store(&shmbus_burst_desc(record)[i], len[i] | receiver_of(in, &to, &told));
		memset(record + off, (int)i, len[i]);
		off += (uint32_t)SHMBUS_ALIGN(len[i]);
		bytes += len[i];
	}
	if (t->bus.geo.directs)
		shmbus_notice_store(&t->bus, t->w.lane, &told, t->w.tail, t->w.tail + total);
	shmbus_writer_publish(&t->bus, &t->w, record, n, shmbus_burst_data_off(n), total, bytes, 1);
	shmbus_waker_published_to(&t->bus, &t->waker, &to);
}

static void
check_frame(const uint8_t *frame, uint32_t extent, const struct shmbus_walk *walk)
{
	MUST(frame >= t->ring && frame < t->ring + 2 * LANE);
	MUST(extent <= (size_t)(t->ring + 2 * LANE - frame));
	MUST(walk->off <= t->r.len && walk->off % SHMBUS_LINE == 0);
}

/* The next frame for the reader, as a driver gets it; 0: there is none, or the record is corrupt. */
static uint32_t
next_frame(struct shmbus_walk *walk, bool any, const uint8_t **frame, struct shmbus_request *req)
{
	req->flags = 0;
	if (!t->bus.geo.directs)
		return any ? shmbus_reader_next_any(&t->r, walk, frame, req) :
		       shmbus_reader_next(&t->r, walk, frame);
	if (!any)
		return shmbus_reader_next_directed(&t->r, walk, t->slot, frame);
	if (!shmbus_reader_pass(&t->r, walk, t->slot))
		return 0;
	return shmbus_reader_next_any(&t->r, walk, frame, req);
}

/* Walks over up to max frames of the record, looks at each byte, and returns the last length. */
static uint32_t
read_record(struct shmbus_walk *walk, uint32_t max, bool any)
{
	static uint8_t copy[2 * LANE];
	const uint32_t end = t->r.next + t->r.left;
	struct shmbus_request req;
	const uint8_t *frame;
	uint32_t len = 1;
	uint32_t i;

	for (i = 0; i < max && walk->next < end; i++) {
		len = next_frame(walk, any, &frame, &req);
		MUST(walk->next <= end && walk->off <= t->r.len);
		MUST(walk->skipped <= walk->next - t->r.next);
		if (len == 0)
			break;
		MUST(len >= SHMBUS_FRAME_MIN);
		check_frame(frame, (uint32_t)SHMBUS_ALIGN(len), walk);
		if (req.flags != 0)
			MUST(shmbus_request_valid(&req, len));
		shmbus_copy_lines(copy, frame, len);
	}
	MUST(t->slot != SHMBUS_ALL_SLOTS || walk->skipped == 0);
	return walk->next < end ? len : 1;
}

static uint64_t
accounted(void)
{
	return t->r.frames + shmbus_counted(&t->r.skipped);
}

/* As a driver does, with a frame's every byte looked at. */
static void
receive(struct input *in)
{
	uint32_t max = input_u8(in);
	const bool any = max & 1;
	const bool by_notice = max & 2 && t->bus.geo.directs && t->slot < PORTS;
	struct shmbus_walk walk;
	uint64_t missed, before;
	unsigned int tries = 20;
	uint32_t n, len;

	while (max != 0 && --tries != 0) {
		if (by_notice && shmbus_reader_pass_lane(&t->bus, &t->r, t->slot))
			MUST(t->r.left == 0 && t->r.pos == t->r.tail && t->r.pos % SHMBUS_LINE == 0);
		n = shmbus_reader_peek(&t->bus, &t->r);
		if (n == 0)
			break;
		MUST(n <= SHMBUS_BURST_FRAMES_MAX && t->r.len <= LANE && t->r.pos % SHMBUS_LINE == 0);
		shmbus_reader_walk(&t->bus, &t->r, &walk);
		len = read_record(&walk, max, any);
		missed = t->r.missed;
		before = accounted();
		n = walk.next - t->r.next;
		if (!shmbus_reader_commit(&t->bus, &t->r, &walk))
			continue;
		MUST(t->r.missed - missed <= SHMBUS_MISSED_MAX);
		MUST(accounted() - before == n);
		max -= n < max ? n : max;
		if (len == 0 && any)
			shmbus_reader_give_up(&t->r);
		else if (len == 0)
			break;
	}
	if (t->held)
		shmbus_reader_publish(&t->r, t->cursor);
}

/* A place that somebody looks at. */
static uint8_t *
place(struct input *in)
{
	const uint64_t data = t->bus.geo.data_off;
	const uint8_t word = input_u8(in);
	uint8_t *at;

	switch (input_u8(in) % (t->bus.geo.directs ? 8 : 7)) {
	case 0: /* the lane's entry */
		at = (uint8_t *)shmbus_bus_lane(&t->bus, 0) + word % 32 * 8;
		break;
	case 1: /* the record that the reader is at */
		return t->all + data + (t->r.pos + word * 8) % LANE;
	case 2: /* what it has yet to look at there */
		return t->all + data + (t->r.pos + 32 + 4 * t->r.next + word * 4) % LANE;
	case 3: /* anywhere in the ring */
		return t->all + data + (uint32_t)(input_u16(in) & ~7);
	case 4:
		at = (uint8_t *)shmbus_bus_cursor(&t->bus, word % PORTS, word / PORTS % QUEUES, 0) +
		     word / 32 * 8;
		break;
	case 5:
		at = (uint8_t *)shmbus_bus_port(&t->bus, word % PORTS) + word / PORTS % 32 * 8;
		break;
	case 6:
		return t->all + SHMBUS_BELL_OFF;
	default:
		at = (uint8_t *)shmbus_bus_notice(&t->bus, word % PORTS, 0);
		break;
	}
	return writable(at);
}

static void
lie(struct input *in)
{
	uint8_t *at = place(in);
	uint64_t value;

	switch (input_u8(in) % 8) {
	case 0:
		value = t->w.tail + 64 * (uint64_t)input_u8(in);
		break;
	case 1:
		value = t->w.tail - 64 * (uint64_t)input_u16(in);
		break;
	case 2:
		value = t->r.pos + input_u16(in);
		break;
	case 3: /* a shape */
		value = 64 * (uint64_t)input_u8(in) | (uint64_t)input_u8(in) << 32 |
			64 * (uint64_t)input_u8(in) << 48;
		break;
	case 4:
		value = t->w.tail & ~(LANE / 16 - 1);
		break;
	case 5:
		value = input_u64(in);
		break;
	case 6:
		value = input_u8(in);
		if (t->bus.geo.directs)
			value |= SHMBUS_DESC_DIRECTED |
				 (uint64_t)input_u8(in) << SHMBUS_DESC_SLOT_SHIFT;
		break;
	default:
		value = (uint64_t)(int64_t)(int8_t)input_u8(in);
		break;
	}
	memcpy(at, &value, input_u8(in) & 1 ? 4 : 8);
}

/* Bytes of the input where the reader is. */
static void
forge_record(struct input *in)
{
	const uint64_t off = t->r.pos % LANE;
	uint32_t len = input_u16(in) % 512;

	if (len > in->left)
		len = (uint32_t)in->left;
	if (len > LANE - off)
		len = (uint32_t)(LANE - off);
	memcpy(t->all + t->bus.geo.data_off + off, in->at, len);
	in->at += len;
	in->left -= len;
	/* So that it gets past the first questions. */
	memcpy(t->all + t->bus.geo.data_off + off % LANE + 24, &t->r.pos, 8);
}

static void
clear(void)
{
	/* All but the header; of the lanes only the first is used. */
	memset(t->all + SHMBUS_BELL_OFF, 0, t->bus.geo.data_off - SHMBUS_BELL_OFF);
	memset(t->all + t->bus.geo.data_off, 0, LANE);
	memset(&t->r, 0, sizeof(t->r));
	t->slot = 0;
	t->held = false;
}

static void
one_op(struct input *in)
{
	struct shmbus_peer peer;

	switch (input_u8(in) % 16) {
	case 0:
		start_writer(in);
		break;
	case 1:
		start_reader(in);
		break;
	case 2:
	case 3:
	case 4:
		send(in);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		receive(in);
		break;
	case 9:
		shmbus_reader_waiting(&t->bus, &t->r);
		break;
	case 10:
		shmbus_port_peer(&t->bus, input_below(in, PORTS), &peer);
		break;
	case 11:
		forge_record(in);
		break;
	case 12:
		unsteady_pass((uint64_t)input_u8(in) * 500000);
		break;
	default:
		lie(in);
		break;
	}
}

/* Sends a frame of 61 bytes: for everybody, or on a switch to a slot that is no multiple of 8. */
static void
send_one(uint8_t slot)
{
	const uint8_t one[] = { 0, 1, 60, slot };

	send(&(struct input){ .at = one, .left = sizeof(one) });
}

/* The words stay honest from now on; all ports begin again, and each frame gets through. */
static void
recover(void)
{
	/* On a switch: for everybody, for slot 1, for another slot. */
	static const uint8_t to[] = { 0, 1, 2 };
	struct input nothing = { .left = 0 };
	unsigned int i;
	uint64_t frames, skipped;
	bool own;

	unsteady_begin(NULL, writable);
	start_writer(&nothing);
	for (i = 0; i < LANE / 16 / 128 + 1; i++)
		send_one(0);
	start_reader(&nothing);
	t->slot = 1;
	for (i = 0; i < 2 * sizeof(to); i++) {
		frames = t->r.frames;
		skipped = shmbus_counted(&t->r.skipped);
		own = !t->bus.geo.directs || to[i / 2] != 2;
		send_one(to[i / 2]);
		/* Plain frames, and frames of any kind. */
		receive(&(struct input){ .at = (const uint8_t *)(i % 2 ? "\x09" : "\x08"), .left = 1 });
		MUST(t->r.frames == frames + own);
		MUST(shmbus_counted(&t->r.skipped) == skipped + !own);
	}
	MUST(t->r.missed == 0 && t->r.corrupt == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { .at = data, .left = size };
	struct input changes;

	t = &lanes[input_u8(&in) & 1];
	changes = input_split(&in);
	clear();
	start_writer(&in);
	start_reader(&in);
	unsteady_run(&in, &changes, writable, one_op, OPS, LOOKS_MAX);
	recover();
	unsteady_end();
	return 0;
}
