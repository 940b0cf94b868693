/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A file that lies: whatever a record, a lane or a cursor says, nothing is
 * read outside the mapping (its neighbours are not accessible, so that would
 * be the end), no loop goes on for ever, and honest traffic is received again.
 */

#include "check.h"
#include "rounds.h"
#include "tmpdir.h"
#include "wire.h"

#define LANE SHMBUS_LANE_SIZE_MIN
/* Each record: one line, and two for the frame. */
#define RECORD 192

static struct shmbus_burst *
record_at(struct wire *w, uint64_t pos)
{
	return (struct shmbus_burst *)(void *)(shmbus_bus_lane_data(&w->a.bus, 0) +
					       (pos & (LANE - 1)));
}

static uint64_t
shape(uint64_t len, uint64_t count, uint64_t data_off)
{
	return len | count << 32 | data_off << 48;
}

/* From now on all is well, and everything must be received. */
static void
assert_recovers(struct wire *w)
{
	uint64_t before;
	unsigned int i;

	w->rx.trusting = true;
	for (i = 0; i < 3; i++) {
		transmitter_send_many(&w->tx, 1, 100);
		receiver_drain(&w->rx);
	}
	w->rx.trusting = false;
	w->rx.seq = w->rx.r.seq;
	assert_int_equal(w->rx.seq, w->tx.w.seq);
	before = w->rx.frames;
	w->rx.missed = 0;
	w->rx.r.missed = 0;
	for (i = 0; i < 50; i++) {
		transmitter_send_many(&w->tx, 20, 100);
		receiver_drain(&w->rx);
	}
	assert_int_equal(w->rx.frames - before, 1000);
	assert_int_equal(w->rx.missed + w->rx.r.missed, 0);
}

/*
 * 20 records, the 11th with that header. Those before it arrive, it does not,
 * and reading goes on behind it.
 */
static void
assert_header_refused(struct wire *w, uint64_t new_shape, int64_t pos_change)
{
	struct shmbus_burst *burst;
	uint64_t target;

	wire_start(w, LANE, false, 0);
	transmitter_send_many(&w->tx, 250, 100); /* all chunks but the last have marks */
	receiver_drain(&w->rx);
	target = w->tx.w.tail + 10 * RECORD;
	transmitter_send_many(&w->tx, 20, 100);
	burst = record_at(w, target);
	if (new_shape != 0)
		shmbus_store(&burst->shape, new_shape);
	shmbus_store(&burst->pos, shmbus_load(&burst->pos) + (uint64_t)pos_change);
	/* Checked: what arrives must be right. */
	receiver_drain(&w->rx);
	assert_true(w->rx.frames >= 260);
	assert_true(w->rx.frames < 270);
	assert_true(w->rx.r.corrupt >= 1);
	assert_int_equal(w->rx.r.overruns, 0);
	assert_int_equal(w->rx.r.pos, w->tx.w.tail);
	/* What was between it and where reading went on counts as missed. */
	assert_int_equal(w->rx.frames + w->rx.r.missed, 270);
	assert_recovers(w);
	wire_stop(w);
}

static void
test_header_len(void **state)
{
	static const uint32_t lens[] = {
		1, 63, 64, 65, 191, 193, 11 * RECORD, LANE, LANE + 64, 1u << 31, 0xffffffc0, UINT32_MAX,
	};
	unsigned int i;

	for (i = 0; i < DIM(lens); i++)
		assert_header_refused(*state, shape(lens[i], 1, 64), 0);
	assert_header_refused(*state, shape(0, 1, 64), 0);
}

static void
test_header_count(void **state)
{
	static const uint16_t counts[] = { 0, 9, 1025, 0x7fff, 0xffff };
	unsigned int i;

	for (i = 0; i < DIM(counts); i++)
		assert_header_refused(*state, shape(RECORD, counts[i], 64), 0);
}

static void
test_header_data_off(void **state)
{
	static const uint16_t offs[] = { 0, 1, 32, 63, 65, RECORD, RECORD + 64, 0x7fff, 0xffc0, 0xffff };
	unsigned int i;

	for (i = 0; i < DIM(offs); i++)
		assert_header_refused(*state, shape(RECORD, 1, offs[i]), 0);
}

static void
test_header_pos(void **state)
{
	static const int64_t changes[] = {
		1, -1, 64, -64, LANE, -(int64_t)LANE, INT64_MAX, INT64_MIN,
	};
	unsigned int i;

	for (i = 0; i < DIM(changes); i++)
		assert_header_refused(*state, 0, changes[i]);
}

/* A record of five frames, the descriptor of one of which is wrong. */
static void
assert_desc_refused(struct wire *w, unsigned int which, uint32_t desc)
{
	static const uint32_t lens[] = { 60, 100, 60, 100, 60 };
	uint64_t target;

	wire_start(w, LANE, false, 0);
	target = w->tx.w.tail;
	assert_true(transmitter_send(&w->tx, lens, DIM(lens)));
	transmitter_send_many(&w->tx, 3, 60);
	shmbus_store(&shmbus_burst_desc((uint8_t *)record_at(w, target))[which], desc);
	/* The frames before it are good, it and those behind it are given up. */
	receiver_drain(&w->rx);
	assert_int_equal(w->rx.frames, which + 3);
	assert_int_equal(w->rx.r.corrupt, 1);
	assert_int_equal(w->rx.r.missed, 0);
	assert_recovers(w);
	wire_stop(w);
}

static void
test_desc(void **state)
{
	static const uint32_t descs[] = {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, /* no Ethernet header */
		64 * 8, LANE, 0x00ffffff, 0x01000000, 0x01000000 | 60, 0x80000000 | 60, 0xff000000,
		0x7fffffff, 0x80000000, 0xffffffc0, UINT32_MAX,
	};
	unsigned int i, which;

	for (i = 0; i < DIM(descs); i++)
		for (which = 0; which < 5; which++)
			assert_desc_refused(*state, which, descs[i]);
}

/* A request of the second frame of three, 100 bytes long. */
static const struct shmbus_request honest = {
	.flags = SHMBUS_REQUEST_IP_CKSUM | SHMBUS_REQUEST_L4_CKSUM,
	.l4 = SHMBUS_REQUEST_TCP,
	.l3_off = 14,
	.l4_off = 34,
};

/* Room for it, as if the frame were longer, and then its true length. */
static void
send_request(struct wire *w, const struct shmbus_request *req)
{
	static const uint32_t lens[] = { 60, 100 + 16, 60 };
	const uint64_t target = w->tx.w.tail;
	uint8_t *record = (uint8_t *)record_at(w, target);

	assert_true(transmitter_send(&w->tx, lens, DIM(lens)));
	shmbus_request_store(record + 64 + 64 + 128, req);
	shmbus_store(&shmbus_burst_desc(record)[1], 100 | SHMBUS_DESC_REQUEST);
}

static void
assert_request_refused(struct wire *w, const struct shmbus_request *req)
{
	wire_start(w, LANE, false, 0);
	w->rx.trusting = true;
	send_request(w, req);
	receiver_drain(&w->rx);
	assert_int_equal(w->rx.frames, 1);
	assert_int_equal(w->rx.r.corrupt, 1);
	assert_int_equal(w->rx.r.missed, 0);
	assert_recovers(w);
	wire_stop(w);
}

static void
test_request(void **state)
{
	const struct shmbus_request segment = {
		.flags = SHMBUS_REQUEST_FLAGS,
		.l4 = SHMBUS_REQUEST_TCP,
		.l3_off = 14,
		.l4_off = 34,
		.data_off = 54,
		.segment = 20,
	};
	struct shmbus_request last = honest;
	struct shmbus_request req;
	struct wire *w = *state;
	unsigned int i;

	/* The frame's end is the limit. */
	last.l4_off = 80;
	wire_start(w, LANE, false, 0);
	w->rx.trusting = true;
	for (i = 0; i < 3; i++) {
		send_request(w, i == 0 ? &honest : i == 1 ? &segment : &last);
		assert_int_equal(receiver_drain(&w->rx), 3);
		assert_int_equal(w->rx.r.corrupt, 0);
	}
	assert_recovers(w);
	wire_stop(w);

#define REFUSED(base, field, value) \
	do { \
		req = base; \
		req.field = value; \
		assert_request_refused(w, &req); \
	} while (0)
	REFUSED(honest, flags, 0);
	REFUSED(honest, flags, 8 | 3);
	REFUSED(honest, flags, 0xff);
	REFUSED(honest, flags, SHMBUS_REQUEST_IP_CKSUM); /* of no use, but l4 is not 0 */
	REFUSED(honest, l4, 0);
	REFUSED(honest, l4, 132);
	REFUSED(honest, l3_off, 15);
	REFUSED(honest, l3_off, 35);
	REFUSED(honest, l3_off, 0xffff);
	REFUSED(honest, l4_off, 0);
	REFUSED(honest, l4_off, 33);
	REFUSED(honest, l4_off, 81);
	REFUSED(honest, l4_off, 100);
	REFUSED(honest, l4_off, 101);
	REFUSED(honest, l4_off, 0xffff);
	REFUSED(honest, data_off, 54);
	REFUSED(honest, segment, 1);
	REFUSED(honest, reserved[0], 1);
	REFUSED(honest, reserved[2], 0x8000);
	REFUSED(segment, segment, 0);
	REFUSED(segment, data_off, 0);
	REFUSED(segment, data_off, 53);
	REFUSED(segment, data_off, 95);
	REFUSED(segment, data_off, 101);
	REFUSED(segment, data_off, 0xffff);
	REFUSED(segment, l4, SHMBUS_REQUEST_UDP);
	REFUSED(segment, flags, SHMBUS_REQUEST_SEGMENT);
#undef REFUSED
}

/* The lines end before the request would. */
static void
test_request_beyond_the_record(void **state)
{
	static const uint32_t lens[] = { 100 };
	static const uint32_t words[] = { 112 + 1, 128, 0x00fffff0, 0x00ffffff };
	struct wire *w = *state;
	uint8_t *record;
	unsigned int i;

	for (i = 0; i < DIM(words); i++) {
		wire_start(w, LANE, false, 0);
		record = (uint8_t *)record_at(w, w->tx.w.tail);
		assert_true(transmitter_send(&w->tx, lens, 1));
		shmbus_request_store(record + 64 + 128, &honest);
		shmbus_store(&shmbus_burst_desc(record)[0], words[i] | SHMBUS_DESC_REQUEST);
		assert_int_equal(receiver_drain(&w->rx), 0);
		assert_int_equal(w->rx.r.corrupt, 1);
		assert_recovers(w);
		wire_stop(w);
	}
}

/* One byte more than there is, behind each frame. */
static void
test_desc_one_too_long(void **state)
{
	/* What is left: 2 + 1 + 2 + 1 + ... lines, from the last one backwards. */
	assert_desc_refused(*state, 4, 64 + 1);
	assert_desc_refused(*state, 3, 128 + 64 + 1);
	assert_desc_refused(*state, 2, 64 + 128 + 64 + 1);
	assert_desc_refused(*state, 1, 128 + 64 + 128 + 64 + 1);
	assert_desc_refused(*state, 0, 64 + 128 + 64 + 128 + 64 + 1);
}

/* Good in all but that it has too many frames. */
static void
test_too_many_frames(void **state)
{
	static uint32_t lens[SHMBUS_BURST_FRAMES_MAX + 1];
	struct wire *w = *state;
	unsigned int i;

	wire_start(w, 4 * LANE, false, 0);
	for (i = 0; i < DIM(lens); i++)
		lens[i] = SHMBUS_FRAME_MIN;
	assert_true(transmitter_send(&w->tx, lens, SHMBUS_BURST_FRAMES_MAX));
	assert_int_equal(receiver_drain(&w->rx), SHMBUS_BURST_FRAMES_MAX);
	assert_true(transmitter_send(&w->tx, lens, SHMBUS_BURST_FRAMES_MAX + 1));
	assert_int_equal(receiver_drain(&w->rx), 0);
	assert_int_equal(w->rx.r.corrupt, 1);
}

/* A record that says to be longer than the ring, with a tail to match. */
static void
test_longer_than_the_ring(void **state)
{
	static const uint32_t descs[] = { 3 * LANE, 60, 60 };
	struct wire *w = *state;
	uint64_t target;
	unsigned int i;

	wire_start(w, LANE, false, 0);
	w->rx.trusting = true;
	target = w->tx.w.tail;
	transmitter_send_many(&w->tx, 1, 100);
	shmbus_store(&record_at(w, target)->shape, shape(4 * LANE, DIM(descs), 64));
	for (i = 0; i < DIM(descs); i++)
		shmbus_store(&shmbus_burst_desc((uint8_t *)record_at(w, target))[i], descs[i]);
	shmbus_store(&station_entry(&w->a, 0)->tail, target + 4 * LANE);
	assert_int_equal(receiver_drain(&w->rx), 0);
	assert_recovers(w);
}

/*
 * In a record of 16 MiB and more, the descriptor of a frame with a request would
 * be the length of a plain frame that fits. So no record is that long.
 */
static void
test_longer_than_a_descriptor_can_say(void **state)
{
	static const uint32_t lens[] = {
		SHMBUS_RECORD_MAX, SHMBUS_RECORD_MAX + SHMBUS_LINE, 2 * SHMBUS_RECORD_MAX,
	};
	struct shmbus_request req;
	struct shmbus_walk walk;
	struct wire *w = *state;
	const uint8_t *frame;
	struct shmbus_burst *burst;
	uint8_t *record;
	unsigned int i;

	for (i = 0; i < DIM(lens); i++) {
		wire_start(w, UINT64_C(1) << 26, false, 0);
		assert_true(shmbus_writer_room(&w->a.bus, &w->tx.w, lens[i]));
		record = shmbus_writer_record(&w->a.bus, &w->tx.w);
		shmbus_store(&shmbus_burst_desc(record)[0], 100 | SHMBUS_DESC_REQUEST);
		shmbus_request_store(record + 64 + 128, &honest);
		shmbus_writer_publish(&w->a.bus, &w->tx.w, record, 1, 64, lens[i], 100, 0);
		burst = (struct shmbus_burst *)(void *)record;
		assert_int_equal(shmbus_load(&burst->shape), shape(lens[i], 1, 64));
		if (lens[i] <= SHMBUS_RECORD_MAX) {
			assert_int_equal(shmbus_reader_peek(&w->b.bus, &w->rx.r), 1);
			shmbus_reader_walk(&w->b.bus, &w->rx.r, &walk);
			assert_int_equal(shmbus_reader_next(&w->rx.r, &walk, &frame), 0);
			assert_int_equal(shmbus_reader_next_any(&w->rx.r, &walk, &frame, &req), 100);
			assert_int_equal(req.flags, honest.flags);
			assert_int_equal(w->rx.r.corrupt, 0);
		} else {
			assert_int_equal(shmbus_reader_peek(&w->b.bus, &w->rx.r), 0);
			assert_int_equal(w->rx.r.corrupt, 1);
		}
		wire_stop(w);
	}
}

static void
test_tail_not_on_a_line(void **state)
{
	struct wire *w = *state;
	struct shmbus_lane_entry *entry;
	unsigned int i;

	wire_start(w, LANE, false, 0);
	entry = station_entry(&w->a, 0);
	transmitter_send_many(&w->tx, 5, 100);
	receiver_drain(&w->rx);
	for (i = 1; i < 64; i += 7) {
		shmbus_store(&entry->tail, w->tx.w.tail + i);
		assert_int_equal(receiver_drain(&w->rx), 0);
		/* Right again, before the next burst. Nothing was lost. */
		shmbus_store(&entry->tail, w->tx.w.tail);
		transmitter_send_many(&w->tx, 5, 100);
		assert_int_equal(receiver_drain(&w->rx), 5);
	}
	assert_int_equal(w->rx.missed + w->rx.r.missed, 0);
	assert_recovers(w);
}

/* The same for a reader that begins there: records begin on lines. */
static void
test_begin_not_on_a_line(void **state)
{
	struct wire *w = *state;
	struct shmbus_lane_entry *entry;
	unsigned int i;

	wire_start(w, LANE, true, 0);
	entry = station_entry(&w->a, 0);
	transmitter_send_many(&w->tx, 5, 100);
	for (i = 1; i < 64; i += 7) {
		receiver_stop(&w->rx);
		shmbus_store(&entry->tail, w->tx.w.tail + i);
		receiver_start(&w->rx, &w->b, 0, 0, i & 1);
		assert_int_equal(w->rx.r.pos, w->tx.w.tail);
		assert_int_equal(receiver_drain(&w->rx), 0);
		shmbus_store(&entry->tail, w->tx.w.tail);
		transmitter_send_many(&w->tx, 5, 100);
		assert_int_equal(receiver_drain(&w->rx), 5);
	}
	assert_recovers(w);
}

static void
test_tail_anywhere(void **state)
{
	struct wire *w = *state;
	struct shmbus_lane_entry *entry;
	int64_t changes[] = {
		64, RECORD, 4096, LANE / 2, LANE - 64, LANE, LANE + 64, INT64_MAX - 63, INT64_MIN,
		-64, -RECORD, -4096, -(int64_t)LANE, -(int64_t)LANE - 64, 1, -1,
	};
	unsigned int i, k;

	for (i = 0; i < DIM(changes); i++) {
		wire_start(w, LANE, false, 0);
		entry = station_entry(&w->a, 0);
		transmitter_send_many(&w->tx, 500, 100);
		receiver_drain(&w->rx);
		w->rx.trusting = true;
		shmbus_store(&entry->tail, w->tx.w.tail + (uint64_t)changes[i]);
		for (k = 0; k < 10; k++)
			receiver_drain(&w->rx);
		assert_recovers(w);
		wire_stop(w);
	}
}

static void
test_head_anywhere(void **state)
{
	struct wire *w = *state;
	struct shmbus_lane_entry *entry;
	uint64_t heads[] = {
		0, 1, 64, LANE, UINT64_MAX, UINT64_C(1) << 63, (UINT64_C(1) << 63) + 96000,
	};
	unsigned int i, k;

	for (i = 0; i < DIM(heads); i++) {
		wire_start(w, LANE, false, 0);
		entry = station_entry(&w->a, 0);
		transmitter_send_many(&w->tx, 490, 100);
		receiver_drain(&w->rx);
		transmitter_send_many(&w->tx, 10, 100);
		shmbus_store(&entry->head, heads[i]);
		for (k = 0; k < 10; k++)
			receiver_drain(&w->rx);
		/* The writer raises head when it comes to the next chunk. */
		transmitter_send_many(&w->tx, 100, 100);
		assert_recovers(w);
		wire_stop(w);
	}
}

static void
test_marks_anywhere(void **state)
{
	struct dice dice = { .state = 17 };
	struct wire *w = *state;
	struct shmbus_lane_entry *entry;
	unsigned int i, k;

	wire_start(w, LANE, false, 0);
	entry = station_entry(&w->a, 0);
	for (i = 0; i < 300; i++) {
		transmitter_send_many(&w->tx, 600, 100); /* laps the reader */
		for (k = 0; k < SHMBUS_CHUNKS; k++) {
			if (dice_range(&dice, 0, 1) == 0)
				shmbus_store(&entry->mark[k],
					     w->tx.w.tail - dice_range(&dice, 0, 2 * LANE));
			else
				shmbus_store(&entry->mark[k], dice_throw(&dice));
		}
		/* Still nothing wrong is delivered. */
		receiver_drain(&w->rx);
	}
	transmitter_send_many(&w->tx, 600, 100);
	assert_recovers(w);
}

/* A number out of line: told from a loss, if it is absurd. */
static void
test_seq(void **state)
{
	struct wire *w = *state;
	uint64_t target;

	wire_start(w, LANE, false, 0);
	transmitter_send_many(&w->tx, 5, 100);
	receiver_drain(&w->rx);
	w->rx.trusting = true;
	target = w->tx.w.tail;
	transmitter_send_many(&w->tx, 1, 100);
	shmbus_store(&record_at(w, target)->seq, UINT64_C(1) << 60);
	receiver_drain(&w->rx);
	assert_int_equal(w->rx.r.missed, 0);
	assert_int_equal(w->rx.r.corrupt, 1);
	target = w->tx.w.tail;
	transmitter_send_many(&w->tx, 1, 100);
	receiver_drain(&w->rx);
	assert_int_equal(w->rx.r.missed, 0);
	target = w->tx.w.tail;
	transmitter_send_many(&w->tx, 1, 100);
	shmbus_store(&record_at(w, target)->seq, 3); /* backwards */
	receiver_drain(&w->rx);
	assert_int_equal(w->rx.r.missed, 0);
	assert_int_equal(w->rx.frames, 8);
	assert_recovers(w);
}

/* A value that means trouble, or any. */
static uint64_t
nasty(struct dice *d, const struct wire *w)
{
	const uint64_t some[] = {
		0, 1, 63, 64, 65, UINT64_MAX, UINT64_MAX - 63, UINT64_C(1) << 63, UINT32_MAX, LANE,
		w->tx.w.tail, w->tx.w.tail - LANE, w->tx.w.tail + LANE, w->rx.r.pos, w->rx.r.tail,
	};

	switch (dice_range(d, 0, 3)) {
	case 0:
		return some[dice_range(d, 0, DIM(some) - 1)];
	case 1:
		return w->rx.r.pos + 64 * (uint64_t)dice_range(d, 0, 2 * LANE / 64) - LANE;
	case 2:
		return shape(64 * dice_range(d, 0, 80), dice_range(d, 0, 70), 64 * dice_range(d, 0, 4));
	default:
		return dice_throw(d);
	}
}

/* A word that a reader or a writer looks at. */
static shmbus_a64 *
victim(struct dice *d, struct wire *w)
{
	uint8_t *p;

	switch (dice_range(d, 0, 4)) {
	case 0: /* the lane's entry */
		p = (uint8_t *)station_entry(&w->a, 0) + 8 * dice_range(d, 0, 31);
		break;
	case 1: /* the record that the reader is at */
		p = (uint8_t *)record_at(w, w->rx.r.pos) + 8 * dice_range(d, 0, 31);
		break;
	case 2: /* anything in the ring */
		p = shmbus_bus_lane_data(&w->a.bus, 0) + 8 * dice_range(d, 0, LANE / 8 - 1);
		break;
	case 3: /* a cursor for the lane */
		p = (uint8_t *)shmbus_bus_cursor(&w->a.bus, dice_range(d, 0, 3), dice_range(d, 0, 1), 0) +
		    8 * dice_range(d, 0, 7);
		break;
	default: /* a port */
		p = (uint8_t *)shmbus_bus_port(&w->a.bus, dice_range(d, 0, 3)) + 8 * dice_range(d, 0, 31);
		break;
	}
	return (shmbus_a64 *)(void *)p;
}

static void
storm(struct wire *w, bool hold)
{
	const unsigned int blows = rounds(300000, 60000, NULL);
	struct dice d = { .state = 1000 + hold };
	struct shmbus_peer peer;
	uint32_t lens[64];
	unsigned int i, k, n;

	wire_start(w, LANE, hold, 0);
	for (i = 0; i < blows; i++) {
		w->rx.trusting = true;
		shmbus_store(victim(&d, w), nasty(&d, w));
		if (dice_range(&d, 0, 2) == 0) {
			n = dice_range(&d, 1, DIM(lens));
			for (k = 0; k < n; k++)
				lens[k] = dice_range(&d, 14, 600);
			transmitter_burst(&w->tx, lens, n);
		}
		if (dice_range(&d, 0, 1) == 0)
			receiver_receive(&w->rx, dice_range(&d, 1, 100));
		if (dice_range(&d, 0, 20) == 0)
			shmbus_port_peer(&w->b.bus, dice_range(&d, 0, 3), &peer);
		if (dice_range(&d, 0, 200) == 0) {
			/* Somebody else takes over this ruin. */
			transmitter_stop(&w->tx);
			transmitter_start(&w->tx, &w->a, 0, hold, 0);
		}
		if (dice_range(&d, 0, 500) == 0) {
			receiver_stop(&w->rx);
			receiver_start(&w->rx, &w->b, 0, 0, hold);
		}
	}
	/* In case the reader's own cursor or port was hit. */
	receiver_stop(&w->rx);
	station_announce(&w->b, 0, 2);
	receiver_start(&w->rx, &w->b, 0, 0, false);
	for (k = 0; k < 8; k++)
		shmbus_store(&shmbus_bus_cursor(&w->a.bus, k / 2, k % 2, 0)->state, 0);
	/* A lap, so that all that was spoilt is gone. */
	transmitter_send_many(&w->tx, LANE / RECORD, 100);
	assert_recovers(w);
}

static void
test_storm_lossy(void **state)
{
	storm(*state, false);
}

static void
test_storm_lossless(void **state)
{
	storm(*state, true);
}

#define T(name) cmocka_unit_test_setup_teardown(name, wire_setup, wire_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_header_len),
		T(test_header_count),
		T(test_header_data_off),
		T(test_header_pos),
		T(test_desc),
		T(test_desc_one_too_long),
		T(test_request),
		T(test_request_beyond_the_record),
		T(test_too_many_frames),
		T(test_longer_than_the_ring),
		T(test_longer_than_a_descriptor_can_say),
		T(test_tail_not_on_a_line),
		T(test_begin_not_on_a_line),
		T(test_tail_anywhere),
		T(test_head_anywhere),
		T(test_marks_anywhere),
		T(test_seq),
		T(test_storm_lossy),
		T(test_storm_lossless),
	};

	return cmocka_run_group_tests_name("hostile", tests, tmpdir_create, tmpdir_remove);
}
