/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* IP headers, and sums over all alignments and lengths. */

#include <stdlib.h>

#include "check.h"
#include "frame.h"
#include "shmbus_ip.h"

#define FRAME_MAX 65535u

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
			at = frame_copy(bytes, len < sizeof(bytes) ? len : sizeof(bytes));
			v6 = first >> 4 == 6;
			ok = v6 ? len >= 40 :
			     first >> 4 == 4 && (first & 15) >= 5 && (first & 15) * 4 <= len;
			assert_int_equal(shmbus_ip_read(&ip, at, len), ok);
			if (ok)
				assert_int_equal(ip.v6, v6);
			free(at);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_sum_known),
		cmocka_unit_test(test_sum_append),
		cmocka_unit_test(test_short_headers),
	};

	return cmocka_run_group_tests_name("ip", tests, NULL, NULL);
}
