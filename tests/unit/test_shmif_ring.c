/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The shmif ring, byte for byte, beside a model that writes as NetBSD does. */

#include <errno.h>

#include "check.h"
#include "shmif_pair.h"
#include "tmpdir.h"

/*
 * The model: frame by frame, byte by byte. Which records are in the ring it
 * knows from a list of its own; a byte that is written pushes out the oldest
 * one if that lies there.
 */
#define RECORDS_MAX 65536u

struct model {
	uint8_t data[DATA];
	uint64_t gen;
	uint32_t first, last, end;
	uint32_t off[RECORDS_MAX], size[RECORDS_MAX]; /* of the records, oldest at head */
	uint32_t head, tail;
};

static struct model model;

static void
model_start(struct side *s, uint64_t gen, uint32_t end)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(&s->bus);

	memcpy(model.data, shmbus_shmif_data(&s->bus), DATA);
	model.gen = gen;
	model.first = shmbus_load(&h->first);
	model.last = shmbus_load(&h->last);
	model.end = end;
	model.off[0] = model.last % DATA;
	model.size[0] = RECORD;
	model.head = 0;
	model.tail = 1;
}

static void
model_clear(uint32_t off)
{
	uint32_t oldest;

	while (model.head != model.tail) {
		oldest = model.head % RECORDS_MAX;
		if ((off + DATA - model.off[oldest]) % DATA >= model.size[oldest])
			break;
		model.head++;
		model.first = model.off[model.head % RECORDS_MAX];
	}
}

/* True if it reached the end of the data. */
static bool
model_bytes(const uint8_t *bytes, uint32_t len)
{
	bool reached = false;
	uint32_t i;

	for (i = 0; i < len; i++) {
		model_clear(model.end);
		model.data[model.end++] = bytes[i];
		if (model.end == DATA) {
			model.end = 0;
			reached = true;
		}
	}
	if (model.end == 0)
		model_clear(0);
	return reached;
}

static void
model_send(uint64_t sender, const uint8_t *frame, uint32_t len)
{
	const uint32_t start = model.end;
	uint8_t header[RECORD] = { 0 };
	bool reached;

	memcpy(header, &len, 4);
	memcpy(header + 16, &sender, 8);
	model.off[model.tail % RECORDS_MAX] = start;
	model.size[model.tail % RECORDS_MAX] = RECORD + len;
	model.tail++;
	model.last = start;
	reached = model_bytes(header, RECORD);
	reached |= model_bytes(frame, len);
	model.gen += reached;
}

static void
assert_like_model(const struct side *s)
{
	const struct shmbus_shmif_header *h = shmbus_shmif_header(&s->bus);

	assert_int_equal(shmbus_load(&h->magic), SHMBUS_SHMIF_MAGIC);
	assert_int_equal(shmbus_load(&h->version), 0);
	assert_int_equal(shmbus_load(&h->gen), model.gen);
	assert_int_equal(shmbus_load(&h->first), model.first);
	assert_int_equal(shmbus_load(&h->last), model.last);
	assert_int_equal(shmbus_load(&h->lock), 0);
	assert_int_equal(shmbus_load(&h->spare), 0);
	assert_true(memcmp(shmbus_shmif_data(&s->bus), model.data, DATA) == 0);
}

/* One more frame for the burst, and to the model at once. False: the burst is full. */
static bool
add_both(struct side *s, uint32_t len)
{
	uint8_t frame[SHMBUS_SHMIF_FRAME_MAX];

	if (!side_add(s, len))
		return false;
	side_fill(frame, len, s->bus.sender, s->sent);
	model_send(s->bus.sender, frame, len);
	return true;
}

static void
send_both(struct side *s, const uint32_t *lens, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		assert_true(add_both(s, lens[i]));
	side_send(s);
}

/* Eight different bytes. */
#define SENDER UINT64_C(0x1122334455667788)

static int
setup(void **state)
{
	struct pair *t;

	pair_setup(state);
	t = *state;
	t->tx.bus.sender = SENDER;
	t->rx.expect_sender = SENDER;
	return 0;
}

/* A ring whose newest record ends at an offset; the receiver has read all. */
static void
place(struct pair *t, uint64_t gen, uint32_t end)
{
	forge_ring(&t->tx, gen, end);
	model_start(&t->tx, gen, end);
	shmbus_shmif_reader_start(&t->rx.bus, &t->rx.r, SHMBUS_SHMIF_START_MS);
}

/* The first record of a new bus. */
static void
test_first_record(void **state)
{
	static const uint32_t len = 60;
	struct pair *t = *state;
	const uint8_t *data = shmbus_shmif_data(&t->tx.bus);
	static const uint8_t header[RECORD] = {
		60, 0, 0, 0, 5, 0, 0, 0, 0x40, 0x42, 0x0f, 0, 0, 0, 0, 0,
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
	};
	uint8_t frame[60];

	model_start(&t->tx, 0, RECORD);
	shmbus_shmif_begin(&t->tx.w, 6 * SECOND - 1);
	assert_int_equal(t->tx.w.usec, 999999);
	shmbus_shmif_begin(&t->tx.w, 5 * SECOND);
	t->tx.w.usec = 1000000; /* any value is carried */
	assert_true(side_add(&t->tx, len));
	side_send(&t->tx);
	assert_memory_equal(data + 24, header, RECORD);
	side_fill(frame, len, t->tx.bus.sender, 1);
	assert_memory_equal(data + 48, frame, len);
	assert_int_equal(shmbus_shmif_header(&t->tx.bus)->first, DATA);
	assert_int_equal(shmbus_shmif_header(&t->tx.bus)->last, 24);
	assert_int_equal(shmbus_shmif_header(&t->tx.bus)->gen, 0);
	assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), 0);
	assert_int_equal(t->rx.r.len, RECORD + len);
	assert_int_equal(side_take(&t->rx), 1);
}

/* Each place of the end of the data in a record: its header, payload, both ends of it. */
static void
test_end_in_record(void **state)
{
	static const uint32_t lens[] = { 60, 300 };
	struct pair *t = *state;
	uint32_t before; /* bytes of the two records that lie before the end of the data */

	for (before = 0; before <= 2 * RECORD + 360; before++) {
		place(t, 7, (DATA - before) % DATA);
		send_both(&t->tx, lens, 2);
		assert_like_model(&t->tx);
		assert_int_equal(model.gen, before != 0 ? 8 : 7);
		assert_int_equal(side_receive(&t->rx), 2);
		/* On over the place where they lie. */
		send_both(&t->tx, lens, 1);
		assert_like_model(&t->tx);
		assert_int_equal(side_receive(&t->rx), 1);
	}
	assert_int_equal(t->rx.jumped + t->rx.empty + t->rx.r.overruns + t->rx.r.corrupt, 0);
}

/* A full ring, so that first has to move, with every place of the end of the data. */
static void
test_first_moves(void **state)
{
	static const uint32_t lens[] = { 40, 17, 90 };
	struct pair *t = *state;
	uint32_t before;
	unsigned int i;
	uint32_t len;

	for (before = 0; before <= 3 * RECORD + 147; before++) {
		place(t, 3, (DATA - before) % DATA);
		/* One lap in records of all sizes, up to where it began. */
		for (i = 0; model.gen < 4 + (before != 0); i++) {
			len = 1514 - (before * 7 + i) % 100;
			send_both(&t->tx, &len, 1);
		}
		assert_true(model.tail - model.head > 600);
		/* Ending right before the oldest record, at its first byte, and further on. */
		send_both(&t->tx, lens, 3);
		assert_like_model(&t->tx);
		assert_int_equal(ring_records(&t->tx.bus), model.tail - model.head);
	}
}

/* Full to the last byte: what ends just before the oldest record leaves it alone. */
static void
test_full_to_the_byte(void **state)
{
	struct pair *t = *state;
	uint32_t end, gap, len;
	unsigned int i;

	for (end = 0; end < 3; end++) {
		place(t, 0, 5000 + end);
		len = 1000;
		while ((gap = (model.first + DATA - model.end) % DATA) > 3 * 1024 ||
		       model.gen == 0)
			send_both(&t->tx, &len, 1);
		/* Two records for the rest, the second so that it fits, lacks one byte, ... */
		len = gap / 2;
		send_both(&t->tx, &len, 1);
		gap = (model.first + DATA - model.end) % DATA;
		len = gap - RECORD - 1 + end;
		i = model.head;
		send_both(&t->tx, &len, 1);
		assert_int_equal(model.head - i, end == 2 ? 1 : 0);
		assert_like_model(&t->tx);
	}
}

/* What ends exactly with the data pushes out what lies at 0, too. */
static void
test_exact_end(void **state)
{
	struct pair *t = *state;
	uint32_t less, len, head;

	for (less = 0; less < 3; less++) {
		place(t, 0, RECORD);
		len = 1000;
		while (DATA - model.end > 4 * 1024)
			send_both(&t->tx, &len, 1);
		assert_int_equal(model.first, 0);
		len = (DATA - model.end) / 4;
		send_both(&t->tx, &len, 1);
		head = model.head;
		while (DATA - model.end > 1500 + RECORD) {
			send_both(&t->tx, &len, 1);
			assert_int_equal(model.head, head);
		}
		len = DATA - model.end - RECORD - less;
		send_both(&t->tx, &len, 1);
		assert_int_equal(model.gen, less == 0 ? 1 : 0);
		assert_int_equal(model.head, less == 0 ? head + 1 : head);
		assert_like_model(&t->tx);
		send_both(&t->tx, &len, 1);
		assert_like_model(&t->tx);
	}
}

/* First is DATA, the alias of 0, until the first lap is over. */
static void
test_alias(void **state)
{
	struct pair *t = *state;
	uint32_t len = 1514;

	model_start(&t->tx, 0, RECORD);
	while (model.gen == 0) {
		assert_int_equal(shmbus_shmif_header(&t->tx.bus)->first, DATA);
		send_both(&t->tx, &len, 1);
		assert_int_equal(side_receive(&t->rx), 1);
	}
	assert_like_model(&t->tx);
	assert_true(model.first < 2 * 1538);
	/* last may be written so as well. */
	place(t, 5, 24);
	shmbus_store(&shmbus_shmif_header(&t->tx.bus)->last, DATA);
	shmbus_store(&shmbus_shmif_header(&t->tx.bus)->first, DATA);
	model.first = DATA;
	send_both(&t->tx, &len, 1);
	assert_like_model(&t->tx);
	assert_int_equal(side_receive(&t->rx), 1);
}

static void
test_gen_near_2_32(void **state)
{
	static const uint64_t gens[] = {
		UINT32_MAX - 1, UINT32_MAX, UINT64_C(1) << 40, UINT64_MAX / DATA - 5,
	};
	struct pair *t = *state;
	uint32_t len = 1514;
	unsigned int i;

	for (i = 0; i < DIM(gens); i++) {
		place(t, gens[i], DATA / 2);
		while (model.gen == gens[i]) {
			send_both(&t->tx, &len, 1);
			assert_int_equal(side_receive(&t->rx), 1);
		}
		send_both(&t->tx, &len, 1);
		assert_int_equal(side_receive(&t->rx), 1);
		assert_like_model(&t->tx);
	}
	assert_int_equal(t->rx.jumped + t->rx.r.overruns, 0);
}

/* Beyond the greatest generation all is refused, and nothing written. */
static void
test_gen_at_the_limit(void **state)
{
	static const uint64_t gens[] = {
		UINT64_MAX / DATA - 3, UINT64_MAX / DATA, INT64_MAX, UINT64_MAX,
	};
	struct pair *t = *state;
	struct shmbus_shmif_state s;
	unsigned int i;

	for (i = 0; i < DIM(gens); i++) {
		place(t, gens[i], 5000);
		assert_int_equal(shmbus_shmif_load(&t->tx.bus, &s), -EILSEQ);
		assert_int_equal(s.header_gen, gens[i]);
		assert_int_equal(s.header_last, 5000 - RECORD);
		assert_true(side_add(&t->tx, 60));
		assert_int_equal(shmbus_shmif_send(&t->tx.bus, &t->tx.w), -EILSEQ);
		shmbus_shmif_begin(&t->tx.w, 0);
		assert_like_model(&t->tx);
	}
	assert_int_equal(t->tx.w.corrupt, DIM(gens));
}

static void
test_empty_burst(void **state)
{
	struct pair *t = *state;

	place(t, 1, 4321);
	side_send(&t->tx);
	assert_like_model(&t->tx);
}

/* Bursts by chance, with a receiver that must get every frame. */
static void
model_run(struct pair *t, struct dice *d, uint32_t frames, uint32_t len_max)
{
	const uint64_t gen = model.gen;
	uint64_t got = t->rx.frames;
	uint32_t done, n;

	for (done = 0; done < frames; done += n) {
		const uint32_t want = dice_range(d, 1, dice_range(d, 1, 200));

		for (n = 0; n < want; n++)
			if (!add_both(&t->tx, dice_range(d, FRAME_MIN, len_max)))
				break;
		side_send(&t->tx);
		assert_like_model(&t->tx);
		side_receive(&t->rx);
	}
	assert_int_equal(t->rx.frames - got, done);
	assert_true(model.gen >= gen + 5);
	assert_int_equal(t->rx.jumped + t->rx.r.missed + t->rx.r.corrupt + t->rx.others, 0);
}

static void
test_model(void **state)
{
	struct dice d = { .state = 1 };
	struct pair *t = *state;

	model_start(&t->tx, 0, RECORD);
	model_run(t, &d, 100000, 64);
	model_run(t, &d, 50000, 600);
	model_run(t, &d, 50000, SHMBUS_SHMIF_FRAME_MAX);
}

/* The longest burst, at every place near the end of the data. */
static void
test_longest_burst(void **state)
{
	struct pair *t = *state;
	uint32_t end;

	for (end = DATA - SHMBUS_SHMIF_BURST; end < DATA; end += 1009) {
		place(t, 2, end);
		while (add_both(&t->tx, 1514))
			;
		side_send(&t->tx);
		assert_like_model(&t->tx);
		assert_int_equal(side_receive(&t->rx), 39);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_first_record, setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_end_in_record, setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_first_moves, setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_full_to_the_byte, setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_exact_end, setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_alias, setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_gen_near_2_32, setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_gen_at_the_limit, setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_empty_burst, setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_model, setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_longest_burst, setup, pair_teardown),
	};

	return cmocka_run_group_tests_name("shmif_ring", tests, tmpdir_create, tmpdir_remove);
}
