/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_REPLACE_H
#define SHMBUS_REPLACE_H

/*
 * Replaces a bus whose geometry contradicts what a port asks for, if no port is
 * alive on it and it never carried a frame.
 */

#include "shmbus_bus.h"

/*
 * The geometry of the open bus contradicts conf; *e has a text that says so. The
 * caller holds the attach lock.
 *
 * Returns -EAGAIN if the file was removed: the caller opens the path again, and, if
 * it creates the bus, uses *anew, which has the values of the removed bus where conf
 * has none. Otherwise returns -EEXIST, and the text also says why the bus is kept.
 */
int shmbus_replace(const struct shmbus_bus *bus, const struct shmbus_bus_conf *conf,
		   struct shmbus_bus_conf *anew, struct shmbus_error *e);

#endif /* SHMBUS_REPLACE_H */
