/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_NUMA_H
#define SHMBUS_NUMA_H

#include <stddef.h>
#include <stdint.h>

/*
 * Asks the kernel to take memory from a NUMA node, as far as the node has any,
 * for pages of a file mapping that have no memory yet. Does nothing for a node
 * below 0, on a machine of one node, or in a build without libnuma. The node is
 * a preference, so there is no error.
 */
void shmbus_numa_prefer(void *addr, size_t len, int node);

/* As shmbus_numa_prefer(), for the first len bytes of a file in memory, in every mapping. */
void shmbus_numa_prefer_file(int fd, uint64_t len, int node);

#endif /* SHMBUS_NUMA_H */
