/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "utf8.h"

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

#define REPLACEMENT_LEN (sizeof(replacement) - 1)

json_int_t
json_number(uint64_t number)
{
	return number < INT64_MAX ? (json_int_t)number : INT64_MAX;
}

json_t *
json_text(const char *text)
{
	const size_t room = REPLACEMENT_LEN * strlen(text);
	char *valid = malloc(room + 1); /* malloc(0) may return NULL */
	json_t *string;

	if (valid == NULL)
		return NULL;
	string = json_stringn(valid, utf8_copy(valid, room, text, replacement));
	free(valid);
	return string;
}

void
json_print(const json_t *value, size_t flags)
{
	json_dumpf(value, stdout, flags);
	putchar('\n');
}
