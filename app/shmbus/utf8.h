/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef UTF8_H
#define UTF8_H

/*
 * Text that other people chose: paths and names have any bytes, but JSON and pcapng demand
 * UTF-8.
 */

#include <stddef.h>

/*
 * Copies text in UTF-8 to at most room bytes, without a zero byte at its end. Each byte of
 * text that is not part of a character becomes the replacement. Text that is too long is cut
 * between two characters. Returns the number of bytes.
 */
size_t utf8_copy(char *to, size_t room, const char *text, const char *replacement);

#endif /* UTF8_H */
