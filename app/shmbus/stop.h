/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STOP_H
#define STOP_H

/* SIGINT and SIGTERM ask long work to come to its end. The second one kills. */

#include <stdbool.h>

/*
 * From now on they ask instead of killing. Gives a descriptor that becomes
 * readable when asked, for epoll; or -errno. Call once.
 */
int stop_catch(void);

/*
 * After stop_catch: a write(2) that a signal interrupts goes on, as stdio would
 * lose what it had. Sleeping still ends.
 */
void stop_finish_writes(void);

/* Were we asked? */
bool stop_wanted(void);

#endif /* STOP_H */
