/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_CREATE_H
#define SHMBUS_CREATE_H

#include "shmbus_bus.h"

/*
 * Make an empty, or half-made, file a bus, and map its tables. The attach lock
 * is held. If it fails the file is empty again. Errors as shmbus_bus_open.
 */
int shmbus_bus_create(struct shmbus_bus *bus, const struct shmbus_bus_conf *conf,
		      struct shmbus_error *e);

#endif /* SHMBUS_CREATE_H */
