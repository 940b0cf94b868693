/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "shmbus_numa.h"

#ifdef SHMBUS_HAVE_NUMA

#include <numa.h>
#include <numaif.h>
#include <stdbool.h>
#include <sys/mman.h>

static bool
is_choice(int node)
{
	return node >= 0 && numa_available() >= 0 && numa_max_node() >= 1 && node <= numa_max_node();
}

void
shmbus_numa_prefer(void *addr, size_t len, int node)
{
	struct bitmask *nodes;

	if (!is_choice(node))
		return;
	nodes = numa_allocate_nodemask();
	if (nodes == NULL)
		return;
	numa_bitmask_setbit(nodes, (unsigned int)node);
	/* On shared memory the policy stays with the range of the file, so it holds for the
	 * process that touches a page first, whichever it is.
	 */
	mbind(addr, len, MPOL_PREFERRED, nodes->maskp, nodes->size + 1, 0);
	numa_free_nodemask(nodes);
}

void
shmbus_numa_prefer_file(int fd, uint64_t len, int node)
{
	void *p;

	if (!is_choice(node))
		return;
	p = mmap(NULL, len, PROT_NONE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (p == MAP_FAILED)
		return;
	shmbus_numa_prefer(p, len, node);
	munmap(p, len);
}

#else

void
shmbus_numa_prefer(void *addr, size_t len, int node)
{
	(void)addr;
	(void)len;
	(void)node;
}

void
shmbus_numa_prefer_file(int fd, uint64_t len, int node)
{
	(void)fd;
	(void)len;
	(void)node;
}

#endif /* SHMBUS_HAVE_NUMA */
