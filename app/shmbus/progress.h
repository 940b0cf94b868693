/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef PROGRESS_H
#define PROGRESS_H

/*
 * One line on the terminal that tells how far long work has got. Where stderr
 * is no terminal nothing is printed.
 */

#include <stdbool.h>

/* Is it time to show something new? At most five times a second; cheap to ask. */
bool progress_due(void);

/* Replace the line. */
void progress_show(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Take the line away: before other output, and at the end. */
void progress_clear(void);

#endif /* PROGRESS_H */
