/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef GATEWAY_PASST_H
#define GATEWAY_PASST_H

/*
 * passt(1) as a child: a gateway that needs no privileges. It opens sockets of its own for
 * the connections that it finds in the frames of a stream.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct passt {
	pid_t pid;
	int fd; /* the stream of frames; does not block */
	int messages; /* what passt prints */
};

/*
 * Starts passt. options: those of the command line for it, n of them. mtu: what it is to
 * announce, unless the options say otherwise. Returns 0, or -errno after a message.
 */
int passt_start(struct passt *passt, char *const *options, unsigned int n, uint32_t mtu);

/*
 * Waits until passt reads frames, or the descriptor stop becomes readable. mac: of the port.
 * Returns 0, or -errno after a message: passt has ended.
 */
int passt_wait_ready(struct passt *passt, const uint8_t mac[6], int stop);

/*
 * Waits for the end of passt, after its stream was closed. wanted: passt has not ended of its own
 * accord, and is asked to. Returns 0; -ECHILD: it has ended unasked, after its last messages.
 */
int passt_end(struct passt *passt, bool wanted);

#endif /* GATEWAY_PASST_H */
