/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef JSON_H
#define JSON_H

/*
 * Values of the JSON that subcommands print, from values that anybody may have chosen: a
 * counter on a bus may hold any 64 bits, and a path any bytes.
 */

#include <stdint.h>

#include <jansson.h>

/*
 * Returns a number for json_pack's I. The integers of jansson, and of many readers of
 * JSON, end at 2^63 - 1, so a higher number becomes 2^63 - 1.
 */
json_int_t json_number(uint64_t number);

/*
 * Returns text as a JSON string, for json_pack's o. JSON is UTF-8: each byte that is not
 * part of a character in UTF-8 becomes U+FFFD, the replacement character. NULL: no memory.
 */
json_t *json_text(const char *text);

/*
 * Prints a value to stdout, with the flags of json_dumpf(3), and ends the line. main.c
 * reports a stdout that cannot be written.
 */
void json_print(const json_t *value, size_t flags);

#endif /* JSON_H */
