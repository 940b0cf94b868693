/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef PROGRESS_H
#define PROGRESS_H

/*
 * One line on the terminal that shows the progress of long work. If stderr is
 * not a terminal, nothing is printed.
 */

#include <stdbool.h>

/* Returns whether the line is to be replaced: at most five times a second. The call is cheap. */
bool progress_due(void);

/* Replaces the line, if it is due. */
void progress_show(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Clears the line. Call it before other output, and at the end. */
void progress_clear(void);

#endif /* PROGRESS_H */
