/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef OFFLOAD_H
#define OFFLOAD_H

/*
 * Passes on what the sender of a packet has left to its receivers: a checksum that is not computed
 * yet, and a TCP packet that is not cut into segments yet. Both sides, net_shmbus and the vhost
 * library, report them with the same Rx flags and take the same Tx flags.
 */

#include <rte_mbuf.h>

/*
 * Both functions change a packet's Rx flags to Tx flags, and return the packet, which may begin with
 * another mbuf. They free the packet and return NULL if it does not have the headers for its flags.
 */

struct rte_mbuf *offload_pass_to_bus(struct rte_mbuf *m);

/* Also writes the sum of the pseudo-header. Needs up to one mbuf more; NULL if there is none. */
struct rte_mbuf *offload_pass_to_guest(struct rte_mbuf *m);

#endif /* OFFLOAD_H */
