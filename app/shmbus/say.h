/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SAY_H
#define SAY_H

/* Messages to the user, on stderr, one line each: "shmbus dump: ...". */

/* Who speaks, from now on. */
void say_as(const char *cmd);

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* SAY_H */
