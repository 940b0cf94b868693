/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_CHECK_H
#define TEST_CHECK_H

/* What cmocka.h wants to have been included, cmocka.h, and small additions. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DIM(a) (sizeof(a) / sizeof((a)[0]))

#define assert_in_text(text, part) \
	do { \
		if (strstr((text), (part)) == NULL) \
			fail_msg("\"%s\" does not contain \"%s\"", (text), (part)); \
	} while (0)

/* Why a test cannot be run here, in the output; cmocka's skip() says nothing. */
#define skip_because(...) \
	do { \
		print_message("# skipped: "); \
		print_message(__VA_ARGS__); \
		print_message("\n"); \
		skip(); \
	} while (0)

#endif /* TEST_CHECK_H */
