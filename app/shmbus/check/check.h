/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CHECK_H
#define CHECK_H

/*
 * Compares a bus with its format, and repairs a bus of format shmif.
 *
 * Theory of operation
 *
 * A look opens the file for reading only, and takes no lock that a port could
 * have to wait for. On a live bus a look may catch a word in the middle of a
 * change and take the word for wrong. Only a finding that several looks in a row
 * have in common is reported (cmd.c).
 *
 * All ports of a shmif bus write one ring, so damage stays until somebody mends
 * the ring under its lock. On a lanes bus each word has one owner, and the next
 * owner of a slot puts the slot in order (shmbus_port.c, shmbus_writer.c). Only
 * damage outside the slots stays, and a new bus is the remedy for it.
 *
 * The mappings have a guard: if another process truncates the file meanwhile, check
 * reads and writes private zeros, and reports the truncation.
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
 * Mends a shmif bus. Returns 0 also if a fault could not be mended, so look again
 * afterwards; or -errno with a text.
 *
 * break_ns: the time without movement after which a lock with an unknown holder is broken.
 */
int check_shmif_mend(const char *path, uint64_t break_ns, struct shmbus_error *e);

/*
 * Looks at the header and the bell of a lanes bus. *usable: shmbus_bus_open will
 * accept the header, or will report that the file is not a bus. Returns 0, or
 * -errno with a text.
 */
int check_header_look(const char *path, struct findings *f, bool *usable, struct shmbus_error *e);

/*
 * Returns 0, or -ENODEV with a text if an access to a mapping found a part of the file
 * missing. In that case all bytes that check has read are worthless, and all bytes that it
 * has written are lost.
 */
int check_whole(const struct shmbus_guard *guard, const char *path, struct shmbus_error *e);

/* Looks at one lane. */
void check_lane_look(struct shmbus_bus *bus, uint32_t lane, struct findings *f);

/* Looks at all cursors. */
void check_cursors_look(struct shmbus_bus *bus, struct findings *f);

#endif /* CHECK_H */
