/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* TCP packets that become segments, or do not: how that ends, and whatever chance has in store. */

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "frame.h"
#include "shmbus_finish.h"
#include "shmbus_ip.h"

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
		/* Nothing but the length is looked at. */
		assert_false(shmbus_finish_whole(frame, len + 1, &req, 0));
		assert_true(shmbus_finish_head(frame, len, &req));
		assert_false(shmbus_finish_head(frame, len + 1, &req));
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
		frame = frame_copy(bytes, len);
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
		cmocka_unit_test(test_end_and_errors),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_chance),
	};

	return cmocka_run_group_tests_name("tso", tests, NULL, NULL);
}
