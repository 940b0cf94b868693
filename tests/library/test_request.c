/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Frames that a sender has left unfinished, as ports of the driver do with
 * their offloads. Here the bus core sends them, as it is in the driver.
 */

#include <errno.h>

#include "packet.h"
#include "segment.h"
#include "shmbus_clock.h"
#include "station.h"

struct sender {
	struct station st;
	struct transmitter tx;
};

static void
sender_join(struct sender *sender, const struct segment *s)
{
	station_join(&sender->st, s->path, 0, 0, 0);
	station_announce(&sender->st, 1, 0);
	transmitter_start(&sender->tx, &sender->st, 0, true, 60000);
}

static void
sender_leave(struct sender *sender)
{
	transmitter_stop(&sender->tx);
	station_leave(&sender->st, false);
}

/* One record: a plain frame, the packet with its request, and a plain frame. */
static void
send_between(struct sender *sender, const struct packet *p, const struct shmbus_offload *off)
{
	const struct shmbus_bus *bus = &sender->st.bus;
	struct shmbus_writer *w = &sender->tx.w;
	const uint32_t data_off = shmbus_burst_data_off(3);
	const uint32_t extent = shmbus_request_extent(p->len);
	struct shmbus_request req;
	shmbus_a32 *desc;
	uint8_t *at;

	memcpy(&req, off, sizeof(req));
	assert_true(shmbus_writer_room(bus, w, data_off + 128 + extent));
	at = shmbus_writer_record(bus, w);
	desc = shmbus_burst_desc(at);
	segment_fill(at + data_off, 60, 1);
	memcpy(at + data_off + 64, p->bytes, p->len);
	shmbus_request_store(at + data_off + 64 + extent, &req);
	segment_fill(at + data_off + 64 + extent, 60, 2);
	shmbus_store(&desc[0], 60);
	shmbus_store(&desc[1], p->len | SHMBUS_DESC_REQUEST);
	shmbus_store(&desc[2], 60);
	shmbus_writer_publish(bus, w, at, 3, data_off, data_off + 128 + extent, 120 + p->len,
			      shmbus_clock_real_ns());
}

static void
start(struct segment *s, struct sender *sender)
{
	/* A packet of 64 KiB needs a lane of more than four times that. */
	const struct shmbus_conf conf = { .ports = 4, .queues = 1, .lane_size = 1 << 20 };

	assert_int_equal(shmbus_attach(&s->b, s->path, &conf), 0);
	sender_join(sender, s);
}

static void
test_checksums(void **state)
{
	struct segment *s = *state;
	static uint8_t bytes[8][2048];
	struct shmbus_rx rx[8];
	struct shmbus_offload off;
	struct sender sender;
	struct packet p;
	unsigned int i, v6;
	int n;

	start(s, &sender);
	for (v6 = 0; v6 < 2; v6++) {
		packet_make(&p, v6, PACKET_UDP, 1001);
		off = packet_offload(&p);
		send_between(&sender, &p, &off);
		for (i = 0; i < DIM(rx); i++)
			rx[i] = (struct shmbus_rx){ .data = bytes[i], .room = sizeof(bytes[i]) };
		n = shmbus_receive(s->b, rx, DIM(rx));
		assert_int_equal(n, 3);
		assert_int_equal(segment_number(bytes[0], rx[0].len), 1);
		packet_check(bytes[1], rx[1].len, v6, PACKET_UDP);
		assert_true(packet_same_but_sums(&p, bytes[1]));
		assert_int_equal(segment_number(bytes[2], rx[2].len), 2);
		for (i = 0; i < 3; i++) {
			assert_int_equal(rx[i].meta.seq, v6 * 3 + i);
			assert_int_equal(rx[i].meta.flags, 0);
			assert_int_equal(rx[i].meta.missed, 0);
		}
	}
	assert_int_equal(segment_stats(s->b).rx_frames, 6);
	assert_int_equal(segment_stats(s->b).rx_bytes, 4 * 60 + 1043 + 1063);
	sender_leave(&sender);
}

/* As many segments at a time as there is room for; peeks between them. */
static void
test_segments(void **state)
{
	struct segment *s = *state;
	static uint8_t bytes[2048];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	struct shmbus_view view[4];
	struct shmbus_offload off;
	struct sender sender;
	struct packet p;
	uint32_t sum = 0;
	unsigned int n = 0;

	start(s, &sender);
	packet_make(&p, false, PACKET_TCP, 60000);
	off = packet_offload(&p);
	off.flags |= SHMBUS_OFFLOAD_SEGMENT;
	off.segment = 1000;
	off.data_off = 54;
	send_between(&sender, &p, &off);
	assert_int_equal(shmbus_receive(s->b, &rx, 1), 1);
	assert_int_equal(segment_number(bytes, rx.len), 1);
	for (n = 0; n < 60; n++) {
		if (n % 3 == 1) {
			assert_int_equal(shmbus_peek(s->b, view, 4), 1);
			memcpy(bytes, view[0].data, view[0].len);
			rx.len = view[0].len;
			rx.meta = view[0].meta;
			assert_int_equal(view[0].offload.flags, 0);
			assert_int_equal(shmbus_release(s->b, 1), 1);
		} else {
			assert_int_equal(shmbus_wait(s->b, 0), 1);
			assert_int_equal(shmbus_receive(s->b, &rx, 1), 1);
		}
		assert_int_equal(rx.len, 1054);
		assert_int_equal(rx.meta.flags, SHMBUS_META_SEGMENT);
		assert_int_equal(rx.meta.seq, 1);
		packet_check(bytes, rx.len, false, PACKET_TCP);
		assert_memory_equal(bytes + 54, p.bytes + 54 + sum, 1000);
		sum += 1000;
	}
	assert_int_equal(shmbus_receive(s->b, &rx, 1), 1);
	assert_int_equal(segment_number(bytes, rx.len), 2);
	assert_int_equal(shmbus_receive(s->b, &rx, 1), 0);
	assert_int_equal(segment_stats(s->b).rx_frames, 62);
	sender_leave(&sender);
}

/* A peek shows the request, to be done by the caller, on a copy. */
static void
test_peek(void **state)
{
	struct segment *s = *state;
	static uint8_t out[PACKET_MAX];
	static struct packet copy;
	struct shmbus_view view[4];
	struct shmbus_offload off;
	struct sender sender;
	uint32_t done = 0;
	struct packet p;

	start(s, &sender);
	packet_make(&p, true, PACKET_TCP, 777);
	off = packet_offload(&p);
	send_between(&sender, &p, &off);
	assert_int_equal(shmbus_peek(s->b, view, 4), 3);
	assert_int_equal(view[0].offload.flags, 0);
	assert_memory_equal(&view[1].offload, &off, sizeof(off));
	assert_int_equal(view[1].len, p.len);
	memcpy(copy.bytes, view[1].data, view[1].len);
	assert_int_equal(shmbus_release(s->b, 3), 3);
	assert_int_equal(shmbus_complete(copy.bytes, p.len, &off, &done, out, sizeof(out)), p.len);
	packet_check(out, p.len, true, PACKET_TCP);
	sender_leave(&sender);
}

/* A request that the frame does not bear out: that frame is dropped and counted, no other. */
static void
test_lie(void **state)
{
	struct segment *s = *state;
	static uint8_t bytes[4][2048];
	struct shmbus_rx rx[4];
	struct shmbus_offload off;
	struct sender sender;
	struct packet p;
	unsigned int i;

	start(s, &sender);
	packet_make(&p, false, PACKET_TCP, 100);
	off = packet_offload(&p);
	p.bytes[14] = 0x46;
	send_between(&sender, &p, &off);
	for (i = 0; i < DIM(rx); i++)
		rx[i] = (struct shmbus_rx){ .data = bytes[i], .room = sizeof(bytes[i]) };
	assert_int_equal(shmbus_receive(s->b, rx, DIM(rx)), 2);
	assert_int_equal(segment_number(bytes[0], rx[0].len), 1);
	assert_int_equal(segment_number(bytes[1], rx[1].len), 2);
	assert_int_equal(segment_stats(s->b).rx_corrupt, 1);
	assert_int_equal(segment_stats(s->b).rx_frames, 2);
	sender_leave(&sender);
}

/* A record of a short frame and one of len bytes, with a request or without. */
static void
send_long(struct sender *sender, uint32_t len, bool request)
{
	static const struct shmbus_request req = {
		.flags = SHMBUS_REQUEST_L4_CKSUM, .l4 = SHMBUS_REQUEST_UDP, .l3_off = 14, .l4_off = 34,
	};
	const struct shmbus_bus *bus = &sender->st.bus;
	struct shmbus_writer *w = &sender->tx.w;
	const uint32_t data_off = shmbus_burst_data_off(2);
	const uint32_t all = data_off + 64 + shmbus_request_extent(len);
	shmbus_a32 *desc;
	uint8_t *at;

	assert_true(shmbus_writer_room(bus, w, all));
	at = shmbus_writer_record(bus, w);
	desc = shmbus_burst_desc(at);
	segment_fill(at + data_off, 60, 1);
	segment_fill(at + data_off + 64, len, 2);
	shmbus_request_store(at + all, &req);
	shmbus_store(&desc[0], 60);
	shmbus_store(&desc[1], request ? len | SHMBUS_DESC_REQUEST : len);
	shmbus_writer_publish(bus, w, at, 2, data_off, all, 60 + len, shmbus_clock_real_ns());
}

/* What no honest sender sends on this bus is refused, though the lane has room for it. */
static void
test_too_long(void **state)
{
	const struct shmbus_conf conf = { .ports = 4, .queues = 1, .lane_size = 65536 };
	struct segment *s = *state;
	static uint8_t bytes[2][65536];
	struct shmbus_view view[2];
	struct shmbus_rx rx[2];
	struct shmbus_self self;
	struct sender sender;
	unsigned int i;

	assert_int_equal(shmbus_attach(&s->b, s->path, &conf), 0);
	assert_int_equal(shmbus_get_self(s->b, &self), 0);
	sender_join(&sender, s);
	for (i = 0; i < 2; i++)
		rx[i] = (struct shmbus_rx){ .data = bytes[i], .room = sizeof(bytes[i]) };
	for (i = 0; i < 8; i++) {
		send_long(&sender, i < 4 ? self.frame_max + 1 : 40000, i & 1);
		if (i & 2) {
			assert_int_equal(shmbus_peek(s->b, view, 2), 1);
			assert_int_equal(segment_number(view[0].data, view[0].len), 1);
			assert_int_equal(shmbus_release(s->b, 1), 1);
			assert_int_equal(shmbus_peek(s->b, view, 2), 0);
		} else {
			assert_int_equal(shmbus_receive(s->b, rx, 2), 1);
			assert_int_equal(segment_number(bytes[0], rx[0].len), 1);
		}
		assert_int_equal(shmbus_receive(s->b, rx, 2), 0);
		assert_int_equal(segment_stats(s->b).rx_corrupt, i + 1);
		assert_int_equal(segment_stats(s->b).rx_frames, i + 1);
	}
	/* One byte less is a frame. */
	send_long(&sender, self.frame_max, false);
	assert_int_equal(shmbus_receive(s->b, rx, 2), 2);
	assert_int_equal(rx[1].len, self.frame_max);
	assert_int_equal(segment_number(bytes[1], rx[1].len), 2);
	sender_leave(&sender);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LANES_ONLY(test_checksums),
		LANES_ONLY(test_segments),
		LANES_ONLY(test_peek),
		LANES_ONLY(test_lie),
		LANES_ONLY(test_too_long),
	};

	return cmocka_run_group_tests_name("library_request", tests, tmpdir_create, tmpdir_remove);
}
