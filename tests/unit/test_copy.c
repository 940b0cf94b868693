/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The copies of the data path: every length, and not a byte beyond. */

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "shmbus_copy.h"

#define MAX 2200
#define GUARD 0xee

/* The bytes of src end where the page ends, and nothing lies behind it. */
static uint8_t *
before_a_hole(size_t page)
{
	uint8_t *p;

	p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(p != MAP_FAILED);
	assert_int_equal(mprotect(p + page, page, PROT_NONE), 0);
	return p;
}

static void
fill(uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 + i / 256);
}

static void
test_exact(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	static uint8_t dst[64 + MAX + 64];
	uint8_t *src = before_a_hole(page);
	uint32_t len, shift;

	(void)state;
	fill(src, page);
	for (len = 0; len <= MAX; len++) {
		for (shift = 0; shift < 3; shift++) {
			memset(dst, GUARD, sizeof(dst));
			shmbus_copy_exact(dst + shift, src + page - len, len);
			assert_memory_equal(dst + shift, src + page - len, len);
			if (shift != 0)
				assert_int_equal(dst[shift - 1], GUARD);
			assert_int_equal(dst[shift + len], GUARD);
			assert_int_equal(dst[shift + len + 63], GUARD);
		}
	}
	munmap(src, 2 * page);
}

static void
test_lines(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	static _Alignas(64) uint8_t dst[MAX + 128];
	uint8_t *src = before_a_hole(page);
	uint32_t len, room;

	(void)state;
	fill(src, page);
	for (len = 1; len <= MAX; len++) {
		room = (uint32_t)SHMBUS_ALIGN(len);
		memset(dst, GUARD, sizeof(dst));
		shmbus_copy_lines(dst, src + page - room, len);
		assert_memory_equal(dst, src + page - room, len);
		assert_int_equal(dst[room], GUARD);
	}
	munmap(src, 2 * page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
