/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_PRINTABLE_H
#define SHMBUS_PRINTABLE_H

/*
 * Text from other processes, such as the names of ports. Its bytes may be control
 * characters of a terminal, and parts of characters in any encoding.
 */

#include <string.h>

/*
 * Replaces each byte that is not printable ASCII, and each that is in refused, by a
 * question mark. Does not depend on the locale.
 */
static inline void
shmbus_printable(char *text, const char *refused)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~' || strchr(refused, *text) != NULL)
			*text = '?';
}

#endif /* SHMBUS_PRINTABLE_H */
