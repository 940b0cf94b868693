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

#include "keeper.h"

/* What any guest can take, and any bus. passt's own default are frames of 64 KB. */
#define PASST_MTU 1500u

struct passt {
	struct keeper keeper; /* of passt */
	bool own_mtu; /* the options have set another MTU than PASST_MTU */
	int fd; /* the stream of frames; does not block */
	int messages; /* what passt prints */
};

/*
 * Starts passt. The bus is not open yet. options: those of the command line for it, n of them.
 * background: of struct bridge_join. Returns 0, or -errno after a message.
 */
int passt_start(struct passt *passt, char *const *options, unsigned int n, int background);

/*
 * Waits until passt reads frames, or the descriptor stop becomes readable. mac: of the port.
 * Returns 0, or -errno after a message: passt has ended.
 */
int passt_wait_ready(struct passt *passt, const uint8_t mac[6], int stop);

/*
 * Waits for the end of passt, after its stream was closed. wanted: passt has not ended of its own
 * accord, and is made to. Returns 0; -ECHILD: it has ended unasked, after its last messages.
 */
int passt_end(struct passt *passt, bool wanted);

#endif /* GATEWAY_PASST_H */
