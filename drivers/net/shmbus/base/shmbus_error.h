/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_ERROR_H
#define SHMBUS_ERROR_H

/* Lets the compiler check formats. rte_common.h has this too, but the core knows no DPDK. */
#define SHMBUS_LIKE_PRINTF(text, first) __attribute__((format(printf, text, first)))

/*
 * The bus core logs nothing. A slow path that fails returns -errno for
 * programs and one line of text for people.
 */
struct shmbus_error {
	char text[4096 + 256]; /* a path, and what is wrong with it */
};

/*
 * Writes the text and returns err, a negative errno or the caller's own status,
 * so that a failing function ends in one statement:
 * 	return shmbus_error_set(e, -EINVAL, "%s: ...", path);
 * e may be NULL.
 */
int shmbus_error_set(struct shmbus_error *e, int err, const char *format, ...)
	SHMBUS_LIKE_PRINTF(3, 4);

#endif /* SHMBUS_ERROR_H */
