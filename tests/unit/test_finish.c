/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The finisher on frames whose checksums scapy has computed (test_finish_scapy.py
 * has many more), and on frames and requests that do not fit each other.
 */

#include <stdlib.h>

#include "check.h"
#include "frame.h"
#include "shmbus_finish.h"

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
		frame = frame_copy(s->bytes, s->len);
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
	uint8_t *frame = frame_copy(s->bytes, s->len);

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

/* The sum from l4_off on, as a kernel completes it: over words in the order of the network. */
static uint16_t
completed(const uint8_t *frame, uint32_t from, uint32_t len)
{
	uint32_t sum = 0;
	uint32_t i;

	for (i = from; i < len; i++)
		sum += (i - from) % 2 == 0 ? (uint32_t)frame[i] << 8 : frame[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Somebody else completes the checksum over the sum of the pseudo header, and gets scapy's. */
static void
test_head(void **state)
{
	const struct sample *s;
	uint16_t sum, wanted;
	uint8_t *frame;
	unsigned int i;

	(void)state;
	for (i = 0; i < DIM(samples); i++) {
		s = &samples[i];
		if (s->l4_sum == 0)
			continue;
		print_message("# %s\n", s->name);
		frame = frame_copy(s->bytes, s->len);
		memset(frame + s->l4_sum, 0x5a, 2);
		if (s->ip_sum != 0)
			memset(frame + s->ip_sum, 0x5a, 2);
		assert_true(shmbus_finish_head(frame, s->len, &s->req));
		sum = completed(frame, s->req.l4_off, s->len);
		wanted = (uint16_t)(s->bytes[s->l4_sum] << 8 | s->bytes[s->l4_sum + 1]);
		assert_int_equal(sum == 0 ? 0xffff : sum, wanted);
		/* Nothing else has changed, and the checksum of IP is right. */
		memcpy(frame + s->l4_sum, s->bytes + s->l4_sum, 2);
		assert_memory_equal(frame, s->bytes, s->len);
		free(frame);
	}
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
		frame = frame_copy(s->bytes, s->len);
		print_message("# %s: %s\n", s->name, damages[i].what);
		assert_int_not_equal(frame[damages[i].off], damages[i].value);
		frame[damages[i].off] = damages[i].value;
		assert_false(shmbus_finish(frame, s->len, &s->req, s->req.flags));
		assert_false(shmbus_finish_head(frame, s->len, &s->req));
		free(frame);
	}
}

/* The frame is right, and its request speaks of another one. */
static void
test_other_requests(void **state)
{
	static const struct shmbus_request of_tcp4[] = {
		{ .flags = 3, .l4 = 6, .l3_off = 14, .l4_off = 34 },
		{ .flags = 3, .l4 = 6, .l3_off = 14, .l4_off = 42 },
		{ .flags = 3, .l4 = 6, .l3_off = 13, .l4_off = 38 },
		{ .flags = 1, .l3_off = 18, .l4_off = 38 },
	};
	static const struct shmbus_request of_udp6[] = {
		{ .flags = 3, .l4 = 17, .l3_off = 18, .l4_off = 66 },
		{ .flags = 1, .l3_off = 18, .l4_off = 66 },
		{ .flags = 2, .l4 = 17, .l3_off = 18, .l4_off = 38 },
		{ .flags = 2, .l4 = 6, .l3_off = 18, .l4_off = 57 },
	};
	uint8_t *tcp4 = frame_copy(samples[0].bytes, samples[0].len);
	uint8_t *udp6 = frame_copy(samples[1].bytes, samples[1].len);
	unsigned int i;

	(void)state;
	for (i = 0; i < DIM(of_tcp4); i++) {
		assert_true(shmbus_request_valid(&of_tcp4[i], samples[0].len));
		assert_false(shmbus_finish(tcp4, samples[0].len, &of_tcp4[i], SHMBUS_REQUEST_FLAGS));
	}
	for (i = 0; i < DIM(of_udp6); i++) {
		assert_true(shmbus_request_valid(&of_udp6[i], samples[1].len));
		assert_false(shmbus_finish(udp6, samples[1].len, &of_udp6[i], SHMBUS_REQUEST_FLAGS));
	}
	assert_memory_equal(tcp4, samples[0].bytes, samples[0].len);
	assert_memory_equal(udp6, samples[1].bytes, samples[1].len);
	free(tcp4);
	free(udp6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_other_requests),
	};

	return cmocka_run_group_tests_name("finish", tests, NULL, NULL);
}
