/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_DROP_H
#define SHMBUS_DROP_H

/* Frames that a Tx queue takes from the application and cannot send, by the reason. */

#include <stdint.h>

struct rte_mbuf;
struct shmbus_txq;

/* oerrors is the sum of all of these. */
enum shmbus_drop {
	SHMBUS_DROP_TOO_LONG,  /* also a TCP packet that is to be segmented */
	SHMBUS_DROP_TOO_SHORT, /* less than an Ethernet header */
	SHMBUS_DROP_OFFLOAD,   /* the mbuf's request does not suit the packet */
	SHMBUS_DROP_CHAIN,     /* the lengths or the number of segments contradict each other */
	SHMBUS_DROP_READONLY,  /* the port does not send */
	SHMBUS_DROP_CUT,       /* shmif: the end of a segmented packet, behind segments on the bus */
	SHMBUS_DROPS,
};

/*
 * Returns why a mbuf cannot be sent, after the queue has refused to copy it. offloads: the Tx
 * offloads that change frames.
 */
enum shmbus_drop shmbus_drop_reason(const struct shmbus_txq *q, const struct rte_mbuf *m,
				    uint64_t offloads);

#endif /* SHMBUS_DROP_H */
