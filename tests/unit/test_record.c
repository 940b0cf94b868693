/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Records: their bytes, every length, and where the ring ends. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "check.h"
#include "shmbus_clock.h"
#include "tmpdir.h"
#include "wire.h"

#define SMALL SHMBUS_LANE_SIZE_MIN

static uint64_t
word_at(const uint8_t *p, size_t off)
{
	uint64_t word;

	memcpy(&word, p + off, sizeof(word));
	return word;
}

/* The bytes in the file, as docs/format.rst has them, and not as our structs do. */
static void
test_bytes(void **state)
{
	static const uint32_t lens[] = { 60, 64, 65, 1514, 14 };
	struct wire *w = *state;
	const struct shmbus_geometry *geo = &w->a.bus.geo;
	const uint64_t start = shmbus_clock_real_ns();
	const uint8_t *entry, *ring, *record;
	uint32_t word, i, off;

	wire_start(w, SMALL, false, 0);
	transmitter_send_many(&w->tx, 3, 100);
	assert_true(transmitter_send(&w->tx, lens, DIM(lens)));

	entry = w->a.bus.control + geo->lane_off;
	ring = shmbus_bus_lane_data(&w->b.bus, 0);
	/* Three records of 64 + 128 bytes, one of 64 + 64 + 64 + 128 + 1536 + 64. */
	assert_int_equal(word_at(entry, 0), 3 * 192 + 1920);
	assert_int_equal(word_at(entry, 64), 0);            /* head */
	assert_int_equal(word_at(entry, 40), 300 + 1717);   /* bytes */
	/* stamp[0] was for tail 0: the 4th publication is in it again */
	assert_int_equal(word_at(entry, 8), 3 * 192 + 1920);
	assert_int_equal(word_at(entry, 16), 8);
	assert_int_equal(word_at(entry, 24), 3 * 192);
	assert_int_equal(word_at(entry, 32), 3);
	assert_int_equal(word_at(entry, 128), 0);           /* mark[0] */

	record = ring + 3 * 192;
	assert_int_equal(word_at(record, 0), 1920 | UINT64_C(5) << 32 | UINT64_C(64) << 48);
	assert_int_equal(word_at(record, 8), 3);
	assert_true(word_at(record, 16) >= start && word_at(record, 16) <= shmbus_clock_real_ns());
	assert_int_equal(word_at(record, 24), 3 * 192);
	for (i = 0, off = 64; i < DIM(lens); i++) {
		memcpy(&word, record + 32 + i * 4, 4);
		assert_int_equal(word, lens[i]);
		assert_true(frame_is(record + off, lens[i], 3 + i));
		off += (lens[i] + 63) / 64 * 64;
	}
	assert_int_equal(off, 1920);
	assert_int_equal(receiver_drain(&w->rx), 8);
}

/* Where a request lies, and that it takes no line more than it must. */
static void
test_request_bytes(void **state)
{
	static const uint8_t bytes[16] = { 7, 6, 14, 0, 34, 0, 54, 0, 0xe8, 3, 0, 0, 0, 0, 0, 0 };
	struct wire *w = *state;
	uint32_t len, total, word;
	uint8_t *record;

	wire_start(w, SMALL, false, 0);
	for (len = 54; len <= 1514; len++) {
		total = (len + 16 + 63) / 64 * 64;
		assert_int_equal(shmbus_request_extent(len), total);
		record = shmbus_writer_record(&w->a.bus, &w->tx.w);
		assert_true(transmitter_send_one(&w->tx, total));
		memcpy(record + 64 + total - 16, bytes, sizeof(bytes));
		word = len | UINT32_C(1) << 24;
		memcpy(record + 32, &word, sizeof(word));
		w->rx.trusting = true;
		assert_int_equal(receiver_drain(&w->rx), 1);
		assert_int_equal(w->rx.r.bytes, (uint64_t)(54 + len) * (len - 53) / 2);
		assert_int_equal(w->rx.request.flags, SHMBUS_REQUEST_IP_CKSUM |
				 SHMBUS_REQUEST_L4_CKSUM | SHMBUS_REQUEST_SEGMENT);
		assert_int_equal(w->rx.request.l4, SHMBUS_REQUEST_TCP);
		assert_int_equal(w->rx.request.l3_off, 14);
		assert_int_equal(w->rx.request.l4_off, 34);
		assert_int_equal(w->rx.request.data_off, 54);
		assert_int_equal(w->rx.request.segment, 1000);
	}
	assert_int_equal(w->rx.r.corrupt, 0);
	/* A plain one has none. */
	transmitter_send_many(&w->tx, 1, 60);
	assert_int_equal(receiver_drain(&w->rx), 1);
	assert_int_equal(w->rx.request.flags, 0);
}

static void
test_every_length(void **state)
{
	struct wire *w = *state;
	uint32_t len, max;

	wire_start(w, SMALL, true, 1000);
	max = shmbus_frame_max(&w->a.bus.geo);
	for (len = 14; len <= max; len = len < 1600 || len > max - 200 ? len + 1 : len + 97) {
		assert_true(transmitter_send_one(&w->tx, len));
		assert_int_equal(receiver_drain(&w->rx), 1);
		assert_int_equal(w->rx.last_len, len);
	}
	assert_int_equal(w->rx.missed + w->rx.r.missed + w->rx.r.corrupt, 0);
}

static void
test_every_count(void **state)
{
	uint32_t lens[512];
	struct wire *w = *state;
	uint32_t count, i;
	uint64_t n = 0;

	wire_start(w, SMALL, true, 1000);
	for (count = 1; count <= DIM(lens); count++) {
		for (i = 0; i < count; i++)
			lens[i] = 14 + (count + i) % 51;
		n += count;
		assert_true(transmitter_send(&w->tx, lens, count));
		assert_int_equal(receiver_drain(&w->rx), count);
	}
	assert_int_equal(w->rx.frames, n);
	assert_int_equal(w->rx.r.frames, n);
	assert_int_equal(w->rx.r.missed + w->rx.r.corrupt, 0);
}

/* A few frames of a record at a time. */
static void
test_in_parts(void **state)
{
	static const uint32_t lens[] = { 60, 1514, 60, 700, 61, 64, 65 };
	struct wire *w = *state;
	uint32_t part, got;

	wire_start(w, SMALL, true, 1000);
	for (part = 1; part <= DIM(lens) + 1; part++) {
		assert_true(transmitter_send(&w->tx, lens, DIM(lens)));
		for (got = 0; got < DIM(lens);)
			got += receiver_receive(&w->rx, part);
		assert_int_equal(got, DIM(lens));
		assert_int_equal(receiver_receive(&w->rx, part), 0);
	}
	assert_int_equal(w->rx.missed + w->rx.r.missed, 0);
	assert_int_equal(shmbus_load(&w->rx.cursor->frames), w->rx.frames);
	assert_int_equal(shmbus_load(&w->rx.cursor->bytes), 8 * (60 + 1514 + 60 + 700 + 61 + 64 + 65));
	assert_int_equal(shmbus_load(&w->rx.cursor->pos), w->tx.w.tail);
}

/* One record that ends there exactly, one line before, one line behind, ... */
static void
ring_end(struct wire *w, uint64_t size, uint64_t pos)
{
	uint32_t before, lines;

	wire_start_at(w, size, true, 1000, pos, 12345);
	for (before = 2; before <= 8; before++) {
		for (lines = 2; lines <= 10; lines++) {
			wire_advance_to(w, size - before * SHMBUS_LINE);
			assert_true(transmitter_send_one(&w->tx, (lines - 1) * SHMBUS_LINE - 1));
			assert_int_equal(receiver_drain(&w->rx), 1);
			assert_int_equal(w->rx.last_len, (lines - 1) * SHMBUS_LINE - 1);
			/* Far enough on that another lap can be begun. */
			assert_true(transmitter_send_one(&w->tx, 1000));
			assert_int_equal(receiver_drain(&w->rx), 1);
		}
	}
	assert_int_equal(w->rx.missed + w->rx.r.missed + w->rx.r.corrupt + w->rx.refused, 0);
}

static void
test_ring_end(void **state)
{
	ring_end(*state, SMALL, 0);
}

/* The longest frame, at each place where it may lie over the end. */
static void
test_longest_over_the_end(void **state)
{
	struct wire *w = *state;
	uint32_t max, from;

	wire_start(w, SMALL, true, 1000);
	max = shmbus_frame_max(&w->a.bus.geo);
	assert_int_equal(max, SMALL / 4 - 128);
	for (from = 128; from < max + 256; from += 1088) {
		wire_advance_to(w, SMALL - from);
		assert_true(transmitter_send_one(&w->tx, max));
		assert_int_equal(receiver_drain(&w->rx), 1);
		assert_int_equal(w->rx.last_len, max);
	}
	assert_int_equal(w->rx.missed + w->rx.r.missed + w->rx.r.corrupt + w->rx.refused, 0);
}

/* A sixteenth of the ring, and less than what a descriptor's flag could be taken for. */
static void
test_burst_max(void **state)
{
	struct shmbus_geometry geo = { .lane_size = SHMBUS_LANE_SIZE_MIN };

	(void)state;
	for (; geo.lane_size < UINT64_C(1) << 28; geo.lane_size *= 2)
		assert_int_equal(shmbus_burst_max(&geo), geo.lane_size / 16);
	for (; geo.lane_size <= SHMBUS_LANE_SIZE_MAX; geo.lane_size *= 2)
		assert_int_equal(shmbus_burst_max(&geo), (1 << 24) - 64);
}

/* Near the end of a large ring, at the end of its first lap. */
static void
large_lane(struct wire *w, uint64_t size)
{
	uint32_t i;

	wire_start_at(w, size, true, 1000, size - 100000 / 64 * 64, 1);
	assert_int_equal(shmbus_frame_max(&w->a.bus.geo), 65535);
	for (i = 0; i < 10; i++) {
		assert_true(transmitter_send_one(&w->tx, 65535));
		assert_int_equal(receiver_drain(&w->rx), 1);
		assert_int_equal(w->rx.last_len, 65535);
	}
	wire_advance_to(w, 2 << 20);
	assert_int_equal(w->rx.missed + w->rx.r.missed + w->rx.r.corrupt + w->rx.refused, 0);
}

static void
test_lane_of_64_megabytes(void **state)
{
	large_lane(*state, 64 << 20);
}

static bool
memory_for(uint64_t bytes)
{
	unsigned long long kb = 0;
	struct statvfs fs;
	char line[256];
	FILE *f;

	if (statvfs(tmpdir(), &fs) != 0 || fs.f_bavail * (uint64_t)fs.f_frsize < bytes)
		return false;
	f = fopen("/proc/meminfo", "r");
	if (f == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "MemAvailable: %llu", &kb) == 1)
			break;
	fclose(f);
	return kb * 1024 > bytes;
}

static void
test_lane_of_1_gigabyte(void **state)
{
	/* Two stations have one each. */
	if (!memory_for(UINT64_C(5) << 30))
		skip_because("no 5 GiB of memory to spare");
	large_lane(*state, SHMBUS_LANE_SIZE_MAX);
}

static void
test_two_readers(void **state)
{
	struct dice dice = { .state = 7 };
	struct wire *w = *state;
	uint64_t sent = 0;
	unsigned int i;

	wire_start(w, SMALL, true, 1000);
	wire_second_receiver(w, true);
	for (i = 0; i < 20000; i++) {
		if (transmitter_send_one(&w->tx, dice_range(&dice, 14, 1514)))
			sent++;
		if (dice_range(&dice, 0, 3) == 0)
			receiver_receive(&w->rx, dice_range(&dice, 1, 32));
		if (dice_range(&dice, 0, 2) == 0)
			receiver_receive(&w->rx2, dice_range(&dice, 1, 16));
	}
	receiver_drain(&w->rx);
	receiver_drain(&w->rx2);
	assert_true(sent > 10000);
	assert_int_equal(w->rx.frames, sent);
	assert_int_equal(w->rx2.frames, sent);
	assert_int_equal(w->tx.w.timeouts + w->tx.w.dead, 0);
}

/* A port that comes later begins with what is sent from then on. */
static void
test_late_reader(void **state)
{
	struct wire *w = *state;

	wire_start(w, SMALL, true, 1000);
	transmitter_send_many(&w->tx, 10, 60);
	wire_second_receiver(w, true);
	assert_int_equal(receiver_drain(&w->rx2), 0);
	transmitter_send_many(&w->tx, 5, 60);
	assert_int_equal(receiver_drain(&w->rx2), 5);
	assert_int_equal(receiver_drain(&w->rx), 15);
	assert_int_equal(w->rx2.r.missed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_request_bytes, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_every_length, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_every_count, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_in_parts, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_ring_end, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_longest_over_the_end, wire_setup, wire_teardown),
		cmocka_unit_test(test_burst_max),
		cmocka_unit_test_setup_teardown(test_lane_of_64_megabytes, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_lane_of_1_gigabyte, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_two_readers, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_late_reader, wire_setup, wire_teardown),
	};

	return cmocka_run_group_tests_name("record", tests, tmpdir_create, tmpdir_remove);
}
