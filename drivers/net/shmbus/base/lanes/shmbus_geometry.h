/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_GEOMETRY_H
#define SHMBUS_GEOMETRY_H

/* The numbers of a bus file: what was asked for, what a header says, what fits. */

#include "shmbus_bus.h"

/*
 * The geometry of a new bus as conf asks, on a filesystem with pages of
 * page_size bytes. -EINVAL with a text if a number is out of range.
 */
int shmbus_geometry_new(struct shmbus_geometry *geo, const struct shmbus_bus_conf *conf,
			size_t page_size, struct shmbus_error *e);

/*
 * The geometry that a header states, checked in itself, against the size of
 * the file and against conf. Errors as shmbus_bus_open.
 */
int shmbus_geometry_read(struct shmbus_geometry *geo, const struct shmbus_header *header,
			 uint64_t file_size, const struct shmbus_bus_conf *conf, size_t page_size,
			 struct shmbus_error *e);

#endif /* SHMBUS_GEOMETRY_H */
