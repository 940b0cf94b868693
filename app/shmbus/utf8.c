/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <string.h>

#include "utf8.h"

/* Returns the number of bytes of a character with this first byte. 0: no character has it. */
static unsigned int
bytes_of(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2) /* a later byte, or a character that is too short for two bytes */
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

/* Returns the number of bytes of the character that a text begins with. 0: it is not UTF-8. */
static unsigned int
len_of(const unsigned char *text)
{
	const unsigned int n = bytes_of(text[0]);
	unsigned int i;

	for (i = 1; i < n; i++)
		if ((text[i] & 0xc0) != 0x80) /* also at the end of the text */
			return 0;
	/* Not the shortest form; a surrogate; above U+10FFFF. */
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return n;
}

size_t
utf8_copy(char *to, size_t room, const char *text, const char *replacement)
{
	const char *from;
	size_t used = 0;
	size_t n;

	while (*text != '\0') {
		n = len_of((const unsigned char *)text);
		from = n != 0 ? text : replacement;
		text += n != 0 ? n : 1;
		n = n != 0 ? n : strlen(replacement);
		if (n > room - used)
			break;
		memcpy(to + used, from, n);
		used += n;
	}
	return used;
}
