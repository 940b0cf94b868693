/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef HORIZON_H
#define HORIZON_H

/*
 * What a bus holds at one moment: dump goes so far and not on for ever, as the
 * bus may be filled faster than it is read.
 */

#include <stdbool.h>
#include <stdint.h>

#include <shmbus.h>

struct horizon;

/* There is none yet. NULL: out of memory. */
struct horizon *horizon_new(const struct shmbus_info *info);
void horizon_free(struct horizon *h);

/* What the bus holds already will not be passed. 0, or -errno with shmbus_error_text(). */
int horizon_skip(struct horizon *h, struct shmbus *bus);

/* Now. 0, or -errno with shmbus_error_text(). */
int horizon_set(struct horizon *h, struct shmbus *bus);
bool horizon_is_set(const struct horizon *h);

/*
 * The next frame, of all. How much of it, 1 or 0, and of *missed, the frames
 * that were lost right before it, lies on this side; *missed becomes that much.
 */
bool horizon_pass(struct horizon *h, const struct shmbus_meta *meta, uint32_t len,
		  uint64_t *missed);

/* Has everything on this side been passed? */
bool horizon_reached(const struct horizon *h);

#endif /* HORIZON_H */
