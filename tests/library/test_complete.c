/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* What senders leave undone, done here: the sums are checked as a receiver of IP would. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "packet.h"
#include "segment.h"

/* The frame as it comes out, all else as it was. */
static void
once(const struct packet *p, struct shmbus_offload off)
{
	uint8_t out[PACKET_MAX];
	uint32_t done = 0;

	assert_int_equal(shmbus_complete(p->bytes, p->len, &off, &done, out, sizeof(out)), p->len);
	packet_check(out, p->len, p->v6, p->l4);
	assert_true(packet_same_but_sums(p, out));
	assert_int_equal(shmbus_complete(p->bytes, p->len, &off, &done, out, sizeof(out)), 0);
	/* Just as much room is enough, and less is not. */
	done = 0;
	assert_int_equal(shmbus_complete(p->bytes, p->len, &off, &done, out, p->len - 1), -EMSGSIZE);
	assert_int_equal(shmbus_complete(p->bytes, p->len, &off, &done, out, p->len), p->len);
}

static void
test_checksums(void **state)
{
	const uint8_t l4s[] = { PACKET_TCP, PACKET_UDP };
	struct packet p;
	unsigned int i, v6;
	uint32_t payload;

	(void)state;
	for (i = 0; i < DIM(l4s); i++)
		for (v6 = 0; v6 < 2; v6++)
			for (payload = 0; payload < 200; payload++) {
				packet_make(&p, v6, l4s[i], payload);
				once(&p, packet_offload(&p));
			}
	packet_make(&p, false, PACKET_TCP, 60000);
	once(&p, packet_offload(&p));
}

/* Bytes behind the datagram, as in a frame that was padded, are in no sum. */
static void
test_padding(void **state)
{
	struct packet p;

	(void)state;
	packet_make(&p, false, PACKET_UDP, 3);
	memset(p.bytes + p.len, 0xee, 20);
	p.len += 20;
	once(&p, packet_offload(&p));
}

static void
test_nothing_to_do(void **state)
{
	const struct shmbus_offload none = { .flags = 0 };
	uint8_t out[PACKET_MAX];
	uint32_t done = 0;
	struct packet p;

	(void)state;
	packet_make(&p, false, PACKET_TCP, 100);
	assert_int_equal(shmbus_complete(p.bytes, p.len, &none, &done, out, sizeof(out)), p.len);
	assert_memory_equal(out, p.bytes, p.len);
	assert_int_equal(shmbus_complete(p.bytes, p.len, &none, &done, out, sizeof(out)), 0);
}

static void
cut(bool v6, uint32_t payload, uint16_t segment)
{
	uint8_t out[PACKET_MAX];
	struct shmbus_offload off;
	uint32_t sum = 0, done = 0, number = 0;
	uint32_t part, head;
	struct packet p;
	int n;

	packet_make(&p, v6, PACKET_TCP, payload);
	off = packet_offload(&p);
	off.flags |= SHMBUS_OFFLOAD_SEGMENT;
	off.segment = segment;
	head = off.data_off = (uint16_t)(p.len - payload);
	while ((n = shmbus_complete(p.bytes, p.len, &off, &done, out, sizeof(out))) > 0) {
		part = (uint32_t)n - head;
		assert_true(part <= segment);
		assert_true(part == segment || sum + part == payload);
		packet_check(out, (uint32_t)n, v6, PACKET_TCP);
		assert_memory_equal(out + head, p.bytes + head + sum, part);
		assert_int_equal(packet_tcp_seq(out, v6), packet_tcp_seq(p.bytes, v6) + sum);
		if (!v6)
			assert_int_equal(packet_ip_id(out), (packet_ip_id(p.bytes) + number) & 0xffff);
		/* FIN and PSH in the last one, CWR in the first one only. */
		assert_int_equal(packet_tcp_flags(out, v6), 0x10 | (sum + part == payload ? 0x09 : 0) |
				 (sum == 0 ? 0x80 : 0));
		sum += part;
		number++;
	}
	assert_int_equal(n, 0);
	assert_int_equal(sum, payload);
	assert_int_equal(number, payload == 0 ? 1 : (payload + segment - 1) / segment);
}

static void
test_segments(void **state)
{
	const uint32_t payloads[] = { 0, 1, 1447, 1448, 1449, 2896, 20000, 64000 };
	unsigned int i, v6;

	(void)state;
	for (v6 = 0; v6 < 2; v6++)
		for (i = 0; i < DIM(payloads); i++) {
			cut(v6, payloads[i], 1448);
			cut(v6, payloads[i], 999);
			cut(v6, payloads[i] % 3000, 1);
		}
}

static void
refused(const struct packet *p, const struct shmbus_offload *off)
{
	uint8_t out[PACKET_MAX];
	uint32_t done = 0;

	assert_int_equal(shmbus_complete(p->bytes, p->len, off, &done, out, sizeof(out)), -EINVAL);
}

/* Fields that may mean something one day are refused today, and the text names them. */
static void
test_reserved(void **state)
{
	const uint8_t flags[] = { 0, SHMBUS_OFFLOAD_L4_CKSUM };
	uint8_t out[PACKET_MAX];
	struct shmbus_offload off;
	uint32_t done = 0;
	unsigned int i, j;
	struct packet p;
	char name[32];

	(void)state;
	packet_make(&p, false, PACKET_TCP, 100);
	for (j = 0; j < DIM(flags); j++)
		for (i = 0; i < DIM(off.reserved); i++) {
			off = packet_offload(&p);
			if (flags[j] == 0)
				memset(&off, 0, sizeof(off));
			off.reserved[i] = 0x100;
			assert_int_equal(shmbus_complete(p.bytes, p.len, &off, &done, out, sizeof(out)),
					 -EINVAL);
			snprintf(name, sizeof(name), "offload.reserved[%u]", i);
			assert_in_text(shmbus_error_text(), name);
			assert_int_equal(done, 0);
		}
}

/* Requests that do not fit their frame: each number wrong by one, and far. */
static void
test_lies(void **state)
{
	const struct shmbus_offload wrong[] = {
		{ .flags = 8 }, { .flags = 0xff }, { .l4 = 6 },
		{ .flags = 3, .l4 = 1, .l3_off = 14, .l4_off = 34 },
		{ .flags = 3, .l4 = 6, .l3_off = 15, .l4_off = 34 },
		{ .flags = 3, .l4 = 6, .l3_off = 14, .l4_off = 35 },
		{ .flags = 3, .l4 = 6, .l3_off = 14, .l4_off = 33 },
		{ .flags = 3, .l4 = 6, .l3_off = 65535, .l4_off = 19 },
		{ .flags = 3, .l4 = 6, .l3_off = 14, .l4_off = 65535 },
		{ .flags = 7, .l4 = 6, .l3_off = 14, .l4_off = 34, .data_off = 54, .segment = 0 },
		{ .flags = 7, .l4 = 6, .l3_off = 14, .l4_off = 34, .data_off = 53, .segment = 100 },
		{ .flags = 7, .l4 = 6, .l3_off = 14, .l4_off = 34, .data_off = 58, .segment = 100 },
		{ .flags = 7, .l4 = 6, .l3_off = 14, .l4_off = 34, .data_off = 65535, .segment = 9 },
		{ .flags = 7, .l4 = 17, .l3_off = 14, .l4_off = 34, .data_off = 54, .segment = 9 },
		{ .flags = 3, .l4 = 6, .l3_off = 14, .l4_off = 34, .segment = 9 },
	};
	struct shmbus_offload off;
	struct packet p, q;
	unsigned int i;

	(void)state;
	packet_make(&p, false, PACKET_TCP, 500);
	for (i = 0; i < DIM(wrong); i++)
		if (wrong[i].flags != 0)
			refused(&p, &wrong[i]);
	off = packet_offload(&p);
	/* The packet's own lengths. */
	q = p;
	q.bytes[14] = 0x46;
	refused(&q, &off);
	q = p;
	q.bytes[16] = 0xff;
	refused(&q, &off);
	q = p;
	q.bytes[14] = 0x15;
	refused(&q, &off);
	q = p;
	q.len = 53;
	refused(&q, &off);
	q.len = 0;
	refused(&q, &off);
}

/* Whatever it is told, it stays within its memory, and comes to an end. */
static void
test_chance(void **state)
{
	struct dice d = { .state = 7 };
	struct shmbus_offload off;
	uint64_t words[2];
	unsigned int i, steps;
	uint8_t *frame, *out;
	struct packet p;
	uint32_t done, room;
	int n;

	(void)state;
	for (i = 0; i < 30000; i++) {
		packet_make(&p, i & 1, i & 2 ? PACKET_TCP : PACKET_UDP, dice_range(&d, 0, 300));
		off = packet_offload(&p);
		words[0] = dice_throw(&d);
		words[1] = dice_throw(&d);
		if (i % 5 == 0)
			memcpy(&off, words, sizeof(off));
		off.flags |= SHMBUS_OFFLOAD_SEGMENT;
		off.data_off = (uint16_t)(off.l4_off + dice_range(&d, 18, 30));
		off.segment = (uint16_t)dice_range(&d, 0, 100);
		p.bytes[dice_range(&d, 12, 60)] = (uint8_t)dice_throw(&d);
		/* Of just the length, so that the sanitizer sees a byte too far. */
		frame = malloc(p.len);
		room = dice_range(&d, 1, p.len);
		out = malloc(room);
		assert_non_null(frame);
		assert_non_null(out);
		memcpy(frame, p.bytes, p.len);
		done = 0;
		for (steps = 0; steps <= p.len + 1; steps++) {
			n = shmbus_complete(frame, p.len, &off, &done, out, room);
			assert_true(n <= (int)room);
			if (n <= 0)
				break;
		}
		assert_true(steps <= p.len);
		free(frame);
		free(out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_nothing_to_do),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_chance),
	};

	return cmocka_run_group_tests_name("library_complete", tests, NULL, NULL);
}
