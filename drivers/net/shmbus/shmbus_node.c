/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <sys/syscall.h>
#include <unistd.h>

#include <rte_lcore.h>

#include "shmbus_node.h"

/* Returns whether EAL knows the node: it knows the nodes that have processors. */
static bool
is_known(int node)
{
	unsigned int i;

	for (i = 0; i < rte_socket_count(); i++)
		if (rte_socket_id_by_idx(i) == node)
			return true;
	return false;
}

static int
node_of_thread(void)
{
	const int socket = (int)rte_socket_id();
	unsigned int cpu, node;

	if (socket != SOCKET_ID_ANY)
		return socket;
	/* A thread that is not EAL's, or that may run on processors of several nodes. */
	return syscall(SYS_getcpu, &cpu, &node, NULL) == 0 ? (int)node : SOCKET_ID_ANY;
}

int
shmbus_node_of_lanes(const struct shmbus_args *args, int device)
{
	if (args->numa != SHMBUS_NUMA_AUTO)
		return args->numa;
	return device >= 0 ? device : node_of_thread();
}

int
shmbus_node_of_port(int lanes)
{
	const int thread = node_of_thread();

	if (is_known(lanes))
		return lanes;
	return is_known(thread) ? thread : rte_socket_id_by_idx(0);
}
