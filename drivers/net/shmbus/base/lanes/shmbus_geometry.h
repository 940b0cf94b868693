/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_GEOMETRY_H
#define SHMBUS_GEOMETRY_H

/* The geometry of a bus file: from a configuration, or from a header. */

#include "shmbus_bus.h"

/*
 * Computes the geometry of a new bus from conf, for a filesystem with pages of
 * page_size bytes. Returns -EINVAL with a text if a number is out of range.
 */
int shmbus_geometry_new(struct shmbus_geometry *geo, const struct shmbus_bus_conf *conf,
			size_t page_size, struct shmbus_error *e);

/*
 * Reads the geometry from a header and checks its consistency and the size of the
 * file. Errors as shmbus_bus_open().
 */
int shmbus_geometry_read(struct shmbus_geometry *geo, const struct shmbus_header *header,
			 uint64_t file_size, const char *path, size_t page_size,
			 struct shmbus_error *e);

/* Returns 0, or -EEXIST with a text if conf asks for another geometry. */
int shmbus_geometry_agree(const struct shmbus_geometry *geo, const struct shmbus_bus_conf *conf,
			  struct shmbus_error *e);

/*
 * Returns the queues per port that conf asks for, on a bus that would have this number if conf did
 * not matter.
 */
uint32_t shmbus_geometry_queues(const struct shmbus_bus_conf *conf, uint32_t queues);

/* Returns the word for what a bus does with unicast frames. */
const char *shmbus_deliver_word(enum shmbus_deliver deliver);

#endif /* SHMBUS_GEOMETRY_H */
