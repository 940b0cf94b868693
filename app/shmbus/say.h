/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SAY_H
#define SAY_H

/* Messages to the user, on stderr, one line each: "shmbus dump: ...". */

/* Sets the name of the subcommand that later messages begin with. */
void say_as(const char *cmd);

/* Prints a message. The line of progress.h is cleared first. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* SAY_H */
