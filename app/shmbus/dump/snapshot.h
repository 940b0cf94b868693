/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SNAPSHOT_H
#define SNAPSHOT_H

/*
 * The frames that a bus holds at one moment. Dump ends with the last frame of the
 * snapshot: a bus may be filled faster than it is read, so that dump would never
 * end otherwise.
 */

#include <stdbool.h>
#include <stdint.h>

#include <shmbus.h>

struct snapshot;

/* Prepares a snapshot, which is not taken yet. NULL: out of memory. */
struct snapshot *snapshot_new(const struct shmbus_info *info);
void snapshot_free(struct snapshot *s);

/*
 * Excludes the frames that the bus holds already: the caller does not read them.
 * Returns 0, or -errno with shmbus_error_text().
 */
int snapshot_skip(struct snapshot *s, struct shmbus *bus);

/* Takes the snapshot now. Returns 0, or -errno with shmbus_error_text(). */
int snapshot_take(struct snapshot *s, struct shmbus *bus);
bool snapshot_is_taken(const struct snapshot *s);

/*
 * Passes the next frame that was read. Returns whether the frame is in the
 * snapshot. *missed is the number of frames missed right before this frame, and
 * becomes the number of missed frames that are in the snapshot. Until the snapshot is
 * taken, it contains all frames.
 */
bool snapshot_pass(struct snapshot *s, const struct shmbus_meta *meta, uint32_t len,
		   uint64_t *missed);

/* Returns whether all frames of a taken snapshot have been passed. */
bool snapshot_is_complete(const struct snapshot *s);

#endif /* SNAPSHOT_H */
