/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef REPLAY_H
#define REPLAY_H

/* Frames from a capture onto a bus. */

#include <stdbool.h>
#include <stdint.h>

#include "timing.h"

struct replay_conf {
	struct timing timing;
	uint32_t loops; /* 0: for ever */
	uint32_t peers; /* wait until so many others are there */
	uint32_t numa;  /* as in shmbus_conf */
	bool no_pause;
};

/* Until all is sent, a signal comes (stop.h), or an error. 0 or -errno, and said why. */
int replay(const char *path, const char *file, const struct replay_conf *conf);

#endif /* REPLAY_H */
