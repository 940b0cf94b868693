/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "shmbus_numa.h"

#ifdef SHMBUS_HAVE_NUMA

#include <numa.h>
#include <numaif.h>

void
shmbus_numa_prefer(void *addr, size_t len, int node)
{
	struct bitmask *nodes;

	if (node < 0 || numa_available() < 0 || numa_max_node() < 1 || node > numa_max_node())
		return;
	nodes = numa_allocate_nodemask();
	if (nodes == NULL)
		return;
	numa_bitmask_setbit(nodes, (unsigned int)node);
	/* On shared memory the policy stays with the file's range, so that the
	 * pages land there whoever touches them first.
	 */
	mbind(addr, len, MPOL_PREFERRED, nodes->maskp, nodes->size + 1, 0);
	numa_free_nodemask(nodes);
}

#else

void
shmbus_numa_prefer(void *addr, size_t len, int node)
{
	(void)addr;
	(void)len;
	(void)node;
}

#endif /* SHMBUS_HAVE_NUMA */
