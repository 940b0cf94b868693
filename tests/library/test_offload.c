/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Work that a station leaves to the receivers, and a station that takes it as it is. */

#include <errno.h>
#include <stdlib.h>

#include "packet.h"
#include "segment.h"

#define ROOM 65535u

/* Ports on a bus whose lanes have room for packets of 64 KiB. */
static void
start(struct segment *s)
{
	const struct shmbus_conf conf = { .ports = 4, .queues = 1, .lane_size = 1 << 20 };

	assert_int_equal(shmbus_attach(&s->a, s->path, &conf), 0);
	assert_int_equal(shmbus_attach(&s->b, s->path, NULL), 0);
}

static struct shmbus_offload
segmented(const struct packet *p, uint16_t segment)
{
	struct shmbus_offload off = packet_offload(p);

	off.flags |= SHMBUS_OFFLOAD_SEGMENT;
	off.segment = segment;
	off.data_off = (uint16_t)(off.l4_off + 20);
	return off;
}

static void
send_one(struct segment *s, const struct packet *p, const struct shmbus_offload *off)
{
	const struct shmbus_tx tx = { .data = p->bytes, .len = p->len };

	assert_int_equal(shmbus_send_offload(s->a, &tx, off, 1), 1);
}

/* A receiver that wants final frames gets what shmbus_complete() makes. */
static void
test_finished_for_a_plain_receiver(void **state)
{
	static struct packet packets[4];
	static uint8_t got[ROOM], wanted[ROOM];
	struct shmbus_rx rx = { .data = got, .room = ROOM };
	struct segment *s = *state;
	struct shmbus_offload off;
	uint32_t done;
	unsigned int i;
	int len;

	start(s);
	packet_make(&packets[0], false, PACKET_UDP, 1001);
	packet_make(&packets[1], true, PACKET_UDP, 0);
	packet_make(&packets[2], true, PACKET_TCP, 5000);
	packet_make(&packets[3], false, PACKET_TCP, 60000);
	for (i = 0; i < DIM(packets); i++) {
		off = packets[i].l4 == PACKET_TCP ? segmented(&packets[i], 1400) :
						    packet_offload(&packets[i]);
		send_one(s, &packets[i], &off);
		done = 0;
		while ((len = shmbus_complete(packets[i].bytes, packets[i].len, &off, &done, wanted,
					      ROOM)) != 0) {
			assert_true(len > 0);
			assert_int_equal(shmbus_receive(s->b, &rx, 1), 1);
			assert_int_equal(rx.len, len);
			assert_memory_equal(got, wanted, len);
			packet_check(got, rx.len, packets[i].v6, packets[i].l4);
		}
		assert_int_equal(shmbus_receive(s->b, &rx, 1), 0);
	}
	assert_int_equal(segment_stats(s->a).tx_frames, DIM(packets));
	assert_int_equal(segment_stats(s->b).rx_corrupt, 0);
}

/* A receiver that takes offloads gets bytes and offload as they were sent, between final frames. */
static void
test_as_it_was_sent(void **state)
{
	static struct packet p;
	static uint8_t bytes[3][ROOM];
	uint8_t first[60], last[61];
	struct shmbus_tx tx[3] = {
		{ .data = first, .len = sizeof(first) },
		{ .data = p.bytes },
		{ .data = last, .len = sizeof(last) },
	};
	struct shmbus_offload offs[3] = { { .flags = 0 } }, got[3];
	struct segment *s = *state;
	struct shmbus_rx rx[3];
	unsigned int i;

	start(s);
	segment_fill(first, sizeof(first), 1);
	segment_fill(last, sizeof(last), 2);
	packet_make(&p, true, PACKET_TCP, 64000);
	tx[1].len = p.len;
	offs[1] = segmented(&p, 1220);
	assert_int_equal(shmbus_send_offload(s->a, tx, offs, 3), 3);
	for (i = 0; i < 3; i++)
		rx[i] = (struct shmbus_rx){ .data = bytes[i], .room = ROOM };
	memset(got, 0xff, sizeof(got));
	for (i = 0; i < 3; i += (unsigned int)shmbus_receive_offload(s->b, rx + i, got + i, 3 - i))
		;
	assert_int_equal(i, 3);
	for (i = 0; i < 3; i++) {
		assert_int_equal(rx[i].len, tx[i].len);
		assert_memory_equal(bytes[i], tx[i].data, tx[i].len);
		assert_memory_equal(&got[i], &offs[i], sizeof(got[i]));
		assert_int_equal(rx[i].meta.seq, i);
	}
	assert_int_equal(segment_stats(s->b).rx_frames, 3);
}

/* What does not fit its room is truncated, and has no offload. */
static void
test_truncated(void **state)
{
	static struct packet p;
	static uint8_t bytes[1000];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	struct segment *s = *state;
	struct shmbus_offload off, got;

	start(s);
	packet_make(&p, false, PACKET_TCP, 3000);
	off = segmented(&p, 1000);
	send_one(s, &p, &off);
	assert_int_equal(shmbus_receive_offload(s->b, &rx, &got, 1), 1);
	assert_int_equal(rx.len, p.len);
	assert_int_equal(rx.meta.flags, SHMBUS_META_TRUNCATED);
	assert_int_equal(got.flags, 0);
	assert_memory_equal(bytes, p.bytes, sizeof(bytes));
	assert_int_equal(segment_stats(s->b).rx_truncated, 1);
}

/* Segments that a plain receive has begun to deliver come before the next frames. */
static void
test_both_ways_in_turn(void **state)
{
	static struct packet p;
	static uint8_t bytes[ROOM];
	struct shmbus_rx rx = { .data = bytes, .room = ROOM };
	struct segment *s = *state;
	struct shmbus_offload off, got;
	unsigned int i;

	start(s);
	packet_make(&p, false, PACKET_TCP, 3000);
	off = segmented(&p, 1000);
	send_one(s, &p, &off);
	send_one(s, &p, &off);
	assert_int_equal(shmbus_receive(s->b, &rx, 1), 1);
	for (i = 0; i < 2; i++) {
		got.flags = 0xff;
		assert_int_equal(shmbus_receive_offload(s->b, &rx, &got, 1), 1);
		assert_int_equal(got.flags, 0);
		assert_int_equal(rx.len, 1054);
		packet_check(bytes, rx.len, false, PACKET_TCP);
	}
	assert_int_equal(shmbus_receive_offload(s->b, &rx, &got, 1), 1);
	assert_int_equal(rx.len, p.len);
	assert_memory_equal(&got, &off, sizeof(got));
	assert_int_equal(shmbus_receive_offload(s->b, &rx, &got, 1), 0);
}

/* A slow receiver: packets that the bus does not take are sent again later, and none is lost. */
static void
test_held_back(void **state)
{
	static struct packet p;
	static uint8_t bytes[ROOM];
	struct shmbus_rx rx = { .data = bytes, .room = ROOM };
	struct shmbus_tx tx[8];
	struct shmbus_offload offs[8], got;
	struct segment *s = *state;
	unsigned int i, sent, taken = 0;
	int ret;

	start(s);
	packet_make(&p, false, PACKET_TCP, 60000);
	for (i = 0; i < DIM(tx); i++) {
		tx[i] = (struct shmbus_tx){ .data = p.bytes, .len = p.len };
		offs[i] = segmented(&p, 1448);
	}
	for (sent = 0; sent < 64; sent += (unsigned int)ret) {
		ret = shmbus_send_offload(s->a, tx, offs, DIM(tx) < 64 - sent ? DIM(tx) : 64 - sent);
		assert_true(ret >= 0);
		if (ret == 0 || sent > 40) {
			assert_int_equal(shmbus_receive_offload(s->b, &rx, &got, 1), 1);
			assert_int_equal(rx.len, p.len);
			assert_int_equal(rx.meta.seq, taken++);
		}
	}
	while (shmbus_receive_offload(s->b, &rx, &got, 1) == 1)
		taken++;
	assert_int_equal(taken, 64);
	assert_int_equal(segment_stats(s->b).rx_missed, 0);
	assert_true(segment_stats(s->a).tx_pauses != 0);
}

static void
assert_refused(struct segment *s, const struct packet *p, const struct shmbus_offload *off,
	       int error, const char *text)
{
	const struct shmbus_tx tx[2] = {
		{ .data = p->bytes, .len = p->len }, { .data = p->bytes, .len = p->len },
	};
	const struct shmbus_offload offs[2] = { { .flags = 0 }, *off };

	assert_int_equal(shmbus_send_offload(s->a, tx, off, 1), error);
	assert_in_text(shmbus_error_text(), text);
	/* Behind a frame that can be sent it ends the burst. */
	assert_int_equal(shmbus_send_offload(s->a, tx, offs, 2), 1);
}

static void
test_impossible(void **state)
{
	static struct packet p;
	static uint8_t bytes[ROOM];
	struct shmbus_rx rx = { .data = bytes, .room = ROOM };
	const struct shmbus_tx tiny = { .data = bytes, .len = 13 }, odd = { .data = bytes, .len = 60, .flags = 1 };
	struct segment *s = *state;
	struct shmbus_offload right, off;
	struct shmbus_station *monitor;
	unsigned int n = 0;

	start(s);
	packet_make(&p, false, PACKET_TCP, 3000);
	right = segmented(&p, 1000);
	off = right, off.flags |= 8;
	assert_refused(s, &p, &off, -EINVAL, "does not match the frame of 3054 bytes");
	off = right, off.l4 = PACKET_UDP;
	assert_refused(s, &p, &off, -EINVAL, "l4 17");
	off = right, off.segment = 0;
	assert_refused(s, &p, &off, -EINVAL, "does not match");
	off = right, off.l4_off = 3050;
	assert_refused(s, &p, &off, -EINVAL, "l4_off 3050");
	off = right, off.l3_off = 30;
	assert_refused(s, &p, &off, -EINVAL, "l3_off 30");
	off = right, off.data_off = 50;
	assert_refused(s, &p, &off, -EINVAL, "does not match");
	off = right, off.reserved[1] = 1;
	assert_refused(s, &p, &off, -EINVAL, "offload.reserved[1]");
	off = (struct shmbus_offload){ .flags = 0, .reserved[2] = 1 };
	assert_refused(s, &p, &off, -EINVAL, "offload.reserved[2]");
	off = (struct shmbus_offload){ .flags = 0 };
	assert_int_equal(shmbus_send_offload(s->a, &tiny, &off, 1), -EMSGSIZE);
	assert_int_equal(shmbus_send_offload(s->a, &odd, &off, 1), -EINVAL);
	assert_int_equal(shmbus_send_offload(s->a, &tiny, &off, 0), 0);
	assert_int_equal(shmbus_monitor(&monitor, s->path, NULL), 0);
	assert_int_equal(shmbus_send_offload(monitor, &tiny, &off, 1), -EROFS);
	shmbus_detach(monitor);
	/* Only the final ones have come. */
	for (; shmbus_receive(s->b, &rx, 1) == 1; n++)
		assert_int_equal(rx.len, p.len);
	assert_int_equal(n, 8);
}

/* shmif has final frames only. */
static void
test_shmif(void **state)
{
	static struct packet p;
	static uint8_t bytes[ROOM];
	struct shmbus_rx rx = { .data = bytes, .room = ROOM };
	struct segment *s = *state;
	struct shmbus_offload off, got = { .flags = 0xff };

	segment_start(s, NULL);
	packet_make(&p, false, PACKET_TCP, 1000);
	off = packet_offload(&p);
	assert_refused(s, &p, &off, -ENOTSUP, "shmif carries final frames only");
	assert_int_equal(shmbus_receive_offload(s->b, &rx, &got, 1), 1);
	assert_int_equal(rx.len, p.len);
	assert_int_equal(got.flags, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LANES_ONLY(test_finished_for_a_plain_receiver),
		LANES_ONLY(test_as_it_was_sent),
		LANES_ONLY(test_truncated),
		LANES_ONLY(test_both_ways_in_turn),
		LANES_ONLY(test_held_back),
		LANES_ONLY(test_impossible),
		SHMIF_ONLY(test_shmif),
	};

	return cmocka_run_group_tests(tests, tmpdir_create, tmpdir_remove);
}
