/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_CREATE_H
#define SHMBUS_CREATE_H

#include "shmbus_bus.h"

/*
 * Makes an empty or half-made file a bus and maps it. The caller holds
 * the attach lock. After an error the file is empty. Errors as
 * shmbus_bus_open().
 */
int shmbus_bus_create(struct shmbus_bus *bus, const struct shmbus_bus_conf *conf,
		      struct shmbus_error *e);

#endif /* SHMBUS_CREATE_H */
