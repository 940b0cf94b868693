/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SAY_H
#define SAY_H

/*
 * Messages to the user on stderr, one line each: "shmbus dump: ...". If stderr is a
 * terminal, one more line shows the progress of long work.
 */

#include <stdbool.h>

/* Sets the name of the subcommand, or another program's name, that later messages begin with. */
void say_as(const char *cmd);
void say_as_program(const char *program);

/* Returns what messages begin with: "shmbus dump". */
const char *say_speaker(void);

/* Prints a message. The line of progress is cleared first. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints the library's text for its last error. Returns err. */
int say_library_error(int err);

/*
 * Writes what stdout still buffers. Returns 0, or -errno after a message. A command whose
 * output is read while the command runs calls it after each part; main.c calls it at the end.
 */
int say_flush(void);

/* Prints that there is no memory. Returns -ENOMEM. */
int say_no_memory(void);

/* Replaces the line of progress, if that is due. */
void say_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Returns whether the line of progress is to be replaced: at most five times a
 * second. The call is cheap.
 */
bool say_progress_due(void);

/* Clears the line of progress. Call it before other output, and at the end. */
void say_progress_clear(void);

#endif /* SAY_H */
