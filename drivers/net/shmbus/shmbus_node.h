/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_NODE_H
#define SHMBUS_NODE_H

/*
 * The NUMA nodes of a port: the node that the memory of its lanes comes from, and the node
 * on which applications allocate for the port (rte_eth_dev_socket_id()).
 */

#include "shmbus_args.h"

/*
 * Returns the node for the lanes of a port; negative: no node is preferred. device: the
 * node of the device, or SOCKET_ID_ANY.
 */
int shmbus_node_of_lanes(const struct shmbus_args *args, int device);

/*
 * Returns the node of a port whose lanes prefer a node: that node, or else the node of the
 * calling thread. EAL can allocate there: never SOCKET_ID_ANY, and never a node that EAL
 * does not know.
 */
int shmbus_node_of_port(int lanes);

#endif /* SHMBUS_NODE_H */
