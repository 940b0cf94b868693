/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_SHMIF_NETBSD_H
#define TEST_SHMIF_NETBSD_H

/*
 * A NetBSD kernel on a shmif bus, as far as the ring is concerned: it keeps
 * NetBSD's rules to the letter, asserts what NetBSD asserts, and shares
 * nothing with the core. No other process uses the bus at the same time.
 */

#include "shmif_side.h"

struct netbsd {
	const struct shmbus_shmif *bus;
	uint64_t sender;
	uint64_t sent;
	/* Where it reads: */
	uint64_t gen;
	uint32_t next;
};

/* Comes up; the newest frame is heard again. */
void netbsd_join(struct netbsd *n, const struct shmbus_shmif *bus, uint64_t sender);

/* Sends a frame of a length, as side_send_one. */
void netbsd_send(struct netbsd *n, uint32_t len);

/* Receives what there is, each frame whole. Returns how many frames of others it is. */
uint64_t netbsd_receive(struct netbsd *n);

/*
 * Asserts that a ring, whose lock is free, is such as NetBSD's kernels take:
 * first is not last, and the records lead from one to the other.
 */
void netbsd_assert_ring(const struct shmbus_shmif *bus);

/*
 * The kernel, a second one that comes up, and two ports of ours exchange more
 * than a lap of frames. Nothing is lost.
 */
void netbsd_lap(struct netbsd *n, struct side *tx, struct side *rx);

#endif /* TEST_SHMIF_NETBSD_H */
