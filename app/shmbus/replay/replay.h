/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef REPLAY_H
#define REPLAY_H

/* Sends frames from a capture onto a bus. */

#include <stdbool.h>
#include <stdint.h>

#include "timing.h"

struct replay_conf {
	struct timing timing;
	uint32_t loops; /* 0: until a signal */
	uint32_t peers; /* the number of other ports to wait for */
	uint32_t numa;  /* as in shmbus_conf */
	bool no_pause;
};

/*
 * Replays until everything is sent, a signal comes (stop.h), or an error occurs.
 * Returns 0, or -errno after a message; -EINTR: a signal came before everything was sent.
 */
int replay(const char *path, const char *file, const struct replay_conf *conf);

#endif /* REPLAY_H */
