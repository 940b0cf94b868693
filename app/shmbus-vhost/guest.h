/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef GUEST_H
#define GUEST_H

/* A guest: its socket, its port on the bus, and the workers that are there while the guest is. */

#include "conf.h"

/* Makes guests for these sockets. Returns 0, or -errno after a message. */
int guests_open(const struct conf *conf);

/* Begins to wait for virtual machines on all sockets. Returns 0, or -errno after a message. */
int guests_listen(void);

/* Ends all workers, removes the ports and the sockets. Guests that come later are refused. */
void guests_close(void);

/* Prints the counters of all guests. */
void guests_print(void);

#endif /* GUEST_H */
