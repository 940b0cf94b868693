/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SNAPSHOT_H
#define SNAPSHOT_H

/*
 * What a bus holds at one moment: dump goes so far and not on for ever, as the
 * bus may be filled faster than it is read.
 */

#include <stdbool.h>
#include <stdint.h>

#include <shmbus.h>

struct snapshot;

/* There is none yet. NULL: out of memory. */
struct snapshot *snapshot_new(const struct shmbus_info *info);
void snapshot_free(struct snapshot *s);

/* What the bus holds already will not be passed. 0, or -errno with shmbus_error_text(). */
int snapshot_skip(struct snapshot *s, struct shmbus *bus);

/* Now. 0, or -errno with shmbus_error_text(). */
int snapshot_take(struct snapshot *s, struct shmbus *bus);
bool snapshot_is_taken(const struct snapshot *s);

/*
 * The next frame, of all. How much of it, 1 or 0, and of *missed, the frames
 * that were lost right before it, lies on this side; *missed becomes that much.
 */
bool snapshot_pass(struct snapshot *s, const struct shmbus_meta *meta, uint32_t len,
		   uint64_t *missed);

/* Has everything on this side been passed? */
bool snapshot_is_complete(const struct snapshot *s);

#endif /* SNAPSHOT_H */
