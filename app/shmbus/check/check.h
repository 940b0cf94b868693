/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CHECK_H
#define CHECK_H

/*
 * Compares a bus with its format, and repairs it. Each format has a function that
 * looks and one that mends.
 *
 * Theory of operation
 *
 * A look opens the file for reading only, and takes no lock that a port could
 * have to wait for. On a live bus a look may catch a word in the middle of a
 * change and take the word for wrong. Only a finding that several looks in a row
 * have in common is reported (cmd.c).
 *
 * Mending holds the attach lock, so that no port joins or leaves meanwhile. What
 * belongs to a slot is mended under the lock of the slot, which the next owner of
 * the slot would take, too. A word that a living port may write is therefore
 * never written.
 */

#include "findings.h"
#include "shmbus_bus.h"

/*
 * Looks at a bus, and adds to f what is wrong. Returns 0, or -errno with a text if
 * the file cannot be read or is not a bus of this format.
 *
 * again: a previous look has already waited to see whether the lock moves.
 */
int check_lanes_look(const char *path, struct findings *f, struct shmbus_error *e);
int check_shmif_look(const char *path, bool again, struct findings *f, struct shmbus_error *e);

/*
 * Mends what is wrong, and clears what dead ports have left. Returns 0 also if a
 * fault could not be mended, so look again afterwards; or -errno with a text.
 */
int check_lanes_mend(const char *path, struct shmbus_error *e);
/* break_ns: the time without movement after which a lock with an unknown holder is broken. */
int check_shmif_mend(const char *path, uint64_t break_ns, struct shmbus_error *e);

/*
 * Looks at the header and the bell of a lanes bus. *usable: shmbus_bus_open will
 * accept the header, or will report that the file is not a bus. Returns 0, or
 * -errno with a text.
 */
int check_header_look(const char *path, struct findings *f, bool *usable, struct shmbus_error *e);
int check_header_mend(const char *path, struct shmbus_error *e);

/* Looks at one lane. */
void check_lane_look(struct shmbus_bus *bus, uint32_t lane, struct findings *f);
/* Mends one lane. The caller holds the lock of the lane's slot. */
void check_lane_mend(struct shmbus_bus *bus, uint32_t lane);

/* Looks at all cursors. */
void check_cursors_look(struct shmbus_bus *bus, struct findings *f);
/* Deactivates all cursors of a slot. The caller holds the lock of the slot. */
void check_cursors_clear(struct shmbus_bus *bus, uint32_t slot);

#endif /* CHECK_H */
