/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_NUMA_H
#define SHMBUS_NUMA_H

#include <stddef.h>
#include <stdint.h>

/*
 * Ask that pages of a mapping of a file, which have no memory yet, get it from
 * a NUMA node if it has some. Nothing happens for a node below 0, on a machine
 * of one node, or when built without libnuma. A wish, so there is no error.
 */
void shmbus_numa_prefer(void *addr, size_t len, int node);

/* The same for the first len bytes of a file in memory, mapped by whomever. */
void shmbus_numa_prefer_file(int fd, uint64_t len, int node);

#endif /* SHMBUS_NUMA_H */
