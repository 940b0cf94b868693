/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The finisher: sums over all alignments and lengths, frames whose checksums
 * scapy has computed (test_finish_scapy.py has many more), and frames and
 * requests that do not fit each other. Frames lie in memory of just their
 * length, so that sanitizers see a byte too far.
 */

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "frame.h"
#include "shmbus_finish.h"
#include "shmbus_ip.h"

#define FRAME_MAX 65535u

struct sample {
	const char *name;
	struct shmbus_request req;
	uint32_t ip_sum; /* where the checksums stand; 0: there is none */
	uint32_t l4_sum;
	uint32_t len;
	uint8_t bytes[80];
};

/* As scapy writes them. */
static const struct sample samples[] = {
	{
		.name = "TCP with options over IPv4 with an option, 3 bytes",
		.req = { .flags = 3, .l4 = 6, .l3_off = 14, .l4_off = 38 },
		.ip_sum = 24, .l4_sum = 54, .len = 73,
		.bytes = {
			0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x02,
			0x08, 0x00, 0x46, 0x00, 0x00, 0x3b, 0xbe, 0xef, 0x00, 0x00, 0x40, 0x06,
			0x5c, 0x21, 0x0a, 0x00, 0x00, 0x01, 0xc0, 0xa8, 0xff, 0xfe, 0x94, 0x04,
			0x00, 0x00, 0x01, 0xbb, 0xc3, 0x50, 0xff, 0xff, 0xff, 0xfe, 0x00, 0x00,
			0x00, 0x01, 0x80, 0x18, 0x20, 0x00, 0xf3, 0x96, 0x00, 0x00, 0x01, 0x01,
			0x08, 0x0a, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, 0x6f, 0x64,
			0x64,
		},
	}, {
		.name = "UDP over IPv6 with a header of options and a VLAN tag",
		.req = { .flags = 2, .l4 = 17, .l3_off = 18, .l4_off = 66 },
		.l4_sum = 72, .len = 80,
		.bytes = {
			0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x02,
			0x81, 0x00, 0x00, 0x07, 0x86, 0xdd, 0x60, 0x00, 0x00, 0x00, 0x00, 0x16,
			0x00, 0x40, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
			0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00,
			0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x11, 0x00,
			0x01, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x35, 0x14, 0xe9, 0x00, 0x0e,
			0x9a, 0x71, 0x73, 0x68, 0x6d, 0x62, 0x75, 0x73,
		},
	}, {
		.name = "UDP whose checksum would be 0",
		.req = { .flags = 3, .l4 = 17, .l3_off = 14, .l4_off = 34 },
		.ip_sum = 24, .l4_sum = 40, .len = 44,
		.bytes = {
			0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x02,
			0x08, 0x00, 0x45, 0x00, 0x00, 0x1e, 0x00, 0x01, 0x00, 0x00, 0x40, 0x11,
			0x66, 0xcc, 0x0a, 0x00, 0x00, 0x01, 0x0a, 0x00, 0x00, 0x02, 0x00, 0x01,
			0x00, 0x02, 0x00, 0x0a, 0xff, 0xff, 0xeb, 0xd4,
		},
	},
};

/* Byte by byte, in network order. */
static uint32_t
plain_sum(const uint8_t *at, uint32_t len)
{
	uint32_t sum = 0;
	uint32_t i;

	for (i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (uint32_t)at[i] << 8 : at[i];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* What shmbus_ip_sum() returns, in network order. */
static uint32_t
own_sum(const uint8_t *at, uint32_t len)
{
	const uint16_t sum = (uint16_t)shmbus_ip_sum(at, len);
	uint8_t bytes[2];

	memcpy(bytes, &sum, sizeof(bytes));
	return shmbus_ip_get16(bytes);
}

static uint8_t *
copy_of(const uint8_t *bytes, uint32_t len)
{
	uint8_t *copy = malloc(len);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	return copy;
}

static void
test_sum(void **state)
{
	static uint8_t bytes[FRAME_MAX + 16];
	struct dice d = { .state = 1 };
	uint32_t off, len, i;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)dice_throw(&d);
	for (off = 0; off < 16; off++)
		for (len = 0; len < 300; len++)
			assert_int_equal(own_sum(bytes + off, len), plain_sum(bytes + off, len));
	assert_int_equal(own_sum(bytes, FRAME_MAX), plain_sum(bytes, FRAME_MAX));
	/* As many carries as there can be, and none. */
	memset(bytes, 0xff, sizeof(bytes));
	for (len = 0; len < 300; len++)
		assert_int_equal(own_sum(bytes + 1, len), plain_sum(bytes + 1, len));
	assert_int_equal(own_sum(bytes, FRAME_MAX), plain_sum(bytes, FRAME_MAX));
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(shmbus_ip_sum(bytes, FRAME_MAX), 0);
}

/* The example of RFC 1071. */
static void
test_sum_known(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	(void)state;
	assert_int_equal(own_sum(bytes, sizeof(bytes)), 0xddf2);
}

/* A sum of parts, the first of which may be of any length, is that of all. */
static void
test_sum_append(void **state)
{
	struct dice d = { .state = 2 };
	uint32_t first, second, sum, i;
	uint8_t bytes[200];

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)dice_throw(&d);
	for (first = 0; first < 70; first++)
		for (second = first; second < 140; second++) {
			sum = shmbus_ip_sum(bytes, first);
			sum = shmbus_ip_sum_append(sum, first, shmbus_ip_sum(bytes + first, second - first));
			sum = shmbus_ip_sum_append(sum, second,
						   shmbus_ip_sum(bytes + second, sizeof(bytes) - second));
			assert_int_equal(sum, shmbus_ip_sum(bytes, sizeof(bytes)));
		}
}

static void
spoil(const struct sample *s, uint8_t *frame)
{
	if (s->ip_sum != 0)
		memset(frame + s->ip_sum, 0xa5, 2);
	memset(frame + s->l4_sum, 0x5a, 2);
}

static void
test_samples(void **state)
{
	const struct sample *s;
	uint8_t *frame;
	unsigned int i;

	(void)state;
	for (i = 0; i < DIM(samples); i++) {
		s = &samples[i];
		frame = copy_of(s->bytes, s->len);
		spoil(s, frame);
		print_message("# %s\n", s->name);
		assert_true(shmbus_request_valid(&s->req, s->len));
		assert_true(shmbus_finish(frame, s->len, &s->req, s->req.flags));
		assert_memory_equal(frame, s->bytes, s->len);
		/* Nothing to do, nothing done. */
		spoil(s, frame);
		assert_true(shmbus_finish(frame, s->len, &s->req, 0));
		assert_int_equal(frame[s->l4_sum], 0x5a);
		free(frame);
	}
}

/* What is allowed but not in the request is not done. */
static void
test_kinds(void **state)
{
	const struct sample *s = &samples[0];
	struct shmbus_request req = s->req;
	uint8_t *frame = copy_of(s->bytes, s->len);

	(void)state;
	spoil(s, frame);
	req.flags = SHMBUS_REQUEST_L4_CKSUM;
	assert_true(shmbus_finish(frame, s->len, &req, SHMBUS_REQUEST_FLAGS));
	assert_memory_equal(frame + s->l4_sum, s->bytes + s->l4_sum, 2);
	assert_int_equal(frame[s->ip_sum], 0xa5);
	spoil(s, frame);
	req.flags = SHMBUS_REQUEST_IP_CKSUM;
	req.l4 = 0;
	assert_true(shmbus_finish(frame, s->len, &req, SHMBUS_REQUEST_FLAGS));
	assert_memory_equal(frame + s->ip_sum, s->bytes + s->ip_sum, 2);
	assert_int_equal(frame[s->l4_sum], 0x5a);
	free(frame);
}

/* One byte of a sample changed, and the finisher refuses. */
struct damage {
	unsigned int sample;
	uint32_t off;
	uint8_t value;
	const char *what;
};

static void
test_damaged(void **state)
{
	static const struct damage damages[] = {
		{ 0, 14, 0x45, "no IPv4 options" }, { 0, 14, 0x47, "more IPv4 options" },
		{ 0, 14, 0x44, "a header of 16 bytes" }, { 0, 14, 0x56, "version 5" },
		{ 0, 14, 0x66, "version 6" }, { 0, 14, 0x06, "version 0" },
		{ 0, 17, 0x3c, "a packet longer than its frame" }, { 0, 16, 0xff, "a far longer packet" },
		{ 0, 17, 0x2b, "a packet too short for TCP" }, { 0, 17, 0x10, "shorter than its header" },
		{ 1, 18, 0x46, "version 4" }, { 1, 23, 0x17, "a packet longer than its frame" },
		{ 1, 23, 0x0f, "a packet too short for UDP" }, { 1, 23, 0x00, "no payload" },
		{ 1, 71, 0x0f, "a datagram longer than its packet" }, { 1, 70, 0xff, "a far longer one" },
		{ 1, 71, 0x07, "a datagram shorter than its header" },
	};
	const struct sample *s;
	uint8_t *frame;
	unsigned int i;

	(void)state;
	for (i = 0; i < DIM(damages); i++) {
		s = &samples[damages[i].sample];
		frame = copy_of(s->bytes, s->len);
		print_message("# %s: %s\n", s->name, damages[i].what);
		assert_int_not_equal(frame[damages[i].off], damages[i].value);
		frame[damages[i].off] = damages[i].value;
		assert_false(shmbus_finish(frame, s->len, &s->req, s->req.flags));
		free(frame);
	}
}

/* A header that ends early is not read beyond its end. */
static void
test_short_headers(void **state)
{
	uint8_t bytes[SHMBUS_IPV6_LEN] = { 0 };
	struct shmbus_ip ip;
	uint32_t len, first;
	uint8_t *at;
	bool v6, ok;

	(void)state;
	for (len = 1; len <= 70; len++)
		for (first = 0; first < 256; first++) {
			bytes[0] = (uint8_t)first;
			at = copy_of(bytes, len < sizeof(bytes) ? len : sizeof(bytes));
			v6 = first >> 4 == 6;
			ok = v6 ? len >= 40 :
			     first >> 4 == 4 && (first & 15) >= 5 && (first & 15) * 4 <= len;
			assert_int_equal(shmbus_ip_read(&ip, at, len), ok);
			if (ok)
				assert_int_equal(ip.v6, v6);
			free(at);
		}
}

/* A packet of TCP over IPv4 or IPv6 that is to be segmented. */
static uint32_t
make_tso(uint8_t *frame, struct shmbus_request *req, bool v6, uint32_t payload, uint16_t segment)
{
	const uint32_t l4_off = 14 + (v6 ? 40 : 20);
	uint32_t i;

	memset(frame, 0, l4_off + 20);
	frame[14] = v6 ? 0x60 : 0x45;
	frame[l4_off + 12] = 0x50;
	for (i = 0; i < payload; i++)
		frame[l4_off + 20 + i] = (uint8_t)(i * 7 + i / 256);
	*req = (struct shmbus_request){
		.flags = SHMBUS_REQUEST_SEGMENT | SHMBUS_REQUEST_L4_CKSUM, .l4 = SHMBUS_REQUEST_TCP,
		.l3_off = 14, .l4_off = (uint16_t)l4_off, .data_off = (uint16_t)(l4_off + 20),
		.segment = segment,
	};
	return l4_off + 20 + payload;
}

/* Neither way to make segments goes on after the last one, nor changes anything when it fails. */
static void
test_end_and_errors(void **state)
{
	static uint8_t frame[2000];
	struct shmbus_request req;
	const uint8_t *payload;
	struct shmbus_tso tso;
	uint8_t dst[200];

	(void)state;
	tso = (struct shmbus_tso){ .frame = frame, .kinds = SHMBUS_REQUEST_FLAGS };
	tso.len = make_tso(frame, &req, false, 150, 100);
	tso.req = req;
	assert_int_equal(shmbus_tso_len(&tso), 154);
	assert_int_equal(shmbus_tso_next(&tso, dst, 153), -EMSGSIZE);
	assert_int_equal(shmbus_tso_head(&tso, dst, 53, &payload), -EMSGSIZE);
	assert_int_equal(tso.done, 0);
	assert_int_equal(shmbus_tso_next(&tso, dst, 154), 154);
	assert_int_equal(shmbus_tso_len(&tso), 104);
	assert_int_equal(shmbus_tso_head(&tso, dst, 54, &payload), 104);
	assert_ptr_equal(payload, frame + 54 + 100);
	assert_int_equal(shmbus_tso_len(&tso), 0);
	assert_int_equal(shmbus_tso_head(&tso, dst, 54, &payload), 0);
	assert_int_equal(shmbus_tso_next(&tso, dst, 154), 0);
	assert_int_equal(tso.done, SHMBUS_TSO_FINISHED);
	/* done is a caller's nonsense; the length of TCP's header is a sender's. */
	tso.done = 151;
	assert_int_equal(shmbus_tso_next(&tso, dst, 154), -EINVAL);
	tso.done = 0;
	frame[14 + 20 + 12] = 0x60;
	assert_int_equal(shmbus_tso_next(&tso, dst, 154), -EINVAL);
	assert_int_equal(tso.done, 0);
}

/* The lengths of IP have 16 bits. */
static void
test_too_long(void **state)
{
	static uint8_t frame[14 + 70000];
	struct shmbus_request req;
	uint32_t v6, len, most;

	(void)state;
	for (v6 = 0; v6 < 2; v6++) {
		most = 14 + UINT16_MAX + (v6 ? 40 : 0);
		len = make_tso(frame, &req, v6, most - 14 - 20 - (v6 ? 40 : 20), 1448);
		assert_int_equal(len, most);
		assert_true(shmbus_finish_whole(frame, len, &req, SHMBUS_REQUEST_FLAGS));
		assert_int_equal(shmbus_ip_get16(frame + (v6 ? 18 : 16)), UINT16_MAX);
		assert_false(shmbus_finish_whole(frame, len + 1, &req, SHMBUS_REQUEST_FLAGS));
	}
}

/* Segments in one piece and in two are the same, and come to an end. */
static void
try_segments(const uint8_t *frame, uint32_t len, const struct shmbus_request *req, uint8_t kinds,
	     uint32_t room)
{
	struct shmbus_tso flat = { .frame = frame, .len = len, .req = *req, .kinds = kinds };
	struct shmbus_tso split = flat;
	uint8_t *head = malloc(req->data_off);
	uint8_t *dst = malloc(room);
	const uint8_t *payload;
	uint32_t sum = 0;
	int n, m;

	assert_non_null(head);
	assert_non_null(dst);
	do {
		n = shmbus_tso_next(&flat, dst, room);
		m = shmbus_tso_head(&split, head, req->data_off, &payload);
		if (n == -EMSGSIZE)
			break;
		assert_int_equal(n, m);
		assert_int_equal(flat.done, split.done);
		if (n > 0) {
			assert_in_range(n, req->data_off, room);
			assert_memory_equal(dst, head, req->data_off);
			assert_memory_equal(dst + req->data_off, payload, (uint32_t)n - req->data_off);
			assert_ptr_equal(payload, frame + req->data_off + sum);
			sum += (uint32_t)n - req->data_off;
		}
	} while (n > 0);
	if (n == 0)
		assert_int_equal(sum, len - req->data_off);
	free(head);
	free(dst);
}

static void
change_request(struct dice *d, struct shmbus_request *req)
{
	switch (dice_range(d, 0, 7)) {
	case 0:
		req->flags = (uint8_t)dice_range(d, 1, 7);
		break;
	case 1:
		req->l4 = (uint8_t)(dice_throw(d) & 1 ? 17 : 6);
		break;
	case 2:
		req->l3_off = (uint16_t)dice_range(d, 0, 120);
		break;
	case 3:
		req->l4_off = (uint16_t)dice_range(d, 0, 160);
		break;
	case 4:
		req->data_off = (uint16_t)dice_range(d, 0, 160);
		break;
	case 5:
		req->segment = (uint16_t)dice_range(d, 0, 200);
		break;
	default:
		break;
	}
	if (!(req->flags & SHMBUS_REQUEST_L4_CKSUM))
		req->l4 = 0;
	if (!(req->flags & SHMBUS_REQUEST_SEGMENT))
		req->data_off = req->segment = 0;
}

/* A frame without a word of truth, or one in which a few bytes lie, and a request of that sort. */
static uint32_t
make_any(struct dice *d, uint8_t *frame, struct shmbus_request *req)
{
	uint32_t len, i;

	len = make_tso(frame, req, dice_throw(d) & 1, dice_range(d, 0, 400),
		       (uint16_t)dice_range(d, 1, 200));
	/* Lengths that are right, for those who ask only for checksums. */
	shmbus_ip_put16(frame + (frame[14] == 0x60 ? 18 : 16), len - 14 - (frame[14] == 0x60 ? 40 : 0));
	if (dice_range(d, 0, 3) == 0)
		len = dice_range(d, SHMBUS_IP_MIN, len);
	for (i = dice_range(d, 0, 2); i != 0; i--)
		frame[dice_range(d, 12, 60)] = (uint8_t)dice_throw(d);
	for (i = dice_range(d, 0, 2); i != 0; i--)
		change_request(d, req);
	return len;
}

static void
test_chance(void **state)
{
	struct dice d = { .state = 11 };
	unsigned int i, valid = 0, finished = 0, refused = 0;
	struct shmbus_request req;
	uint8_t bytes[1000];
	uint8_t *frame;
	uint32_t len;
	uint8_t kinds;
	bool ok;

	(void)state;
	for (i = 0; i < 100000; i++) {
		len = make_any(&d, bytes, &req);
		if (!shmbus_request_valid(&req, len))
			continue;
		valid++;
		kinds = (uint8_t)dice_range(&d, 0, 7);
		frame = copy_of(bytes, len);
		if (req.flags & SHMBUS_REQUEST_SEGMENT) {
			try_segments(frame, len, &req, kinds, dice_range(&d, 1, 600));
			assert_memory_equal(frame, bytes, len);
			ok = shmbus_finish_whole(frame, len, &req, kinds);
		} else {
			ok = shmbus_finish(frame, len, &req, kinds);
		}
		finished += ok;
		refused += !ok;
		free(frame);
	}
	print_message("# %u valid requests, %u finished, %u refused\n", valid, finished, refused);
	assert_true(valid > 30000 && finished > 10000 && refused > 3000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_sum_known),
		cmocka_unit_test(test_sum_append),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_short_headers),
		cmocka_unit_test(test_end_and_errors),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_chance),
	};

	return cmocka_run_group_tests_name("finish", tests, NULL, NULL);
}
