/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CHECK_H
#define CHECK_H

/*
 * Is a bus what its format says? One look, and the mending, for each format.
 *
 * Theory of operation
 *
 * A look opens the file for reading, and takes no lock that anybody would
 * have to wait for. On a live bus it may see what is being changed as wrong;
 * so only what several looks have found is (cmd.c).
 *
 * Who mends holds the attach lock, so that nobody comes or goes, and of what
 * belongs to a slot also the slot's lock, as its next owner would. So nothing
 * is ever written that a living port may write.
 */

#include "findings.h"
#include "shmbus_bus.h"

/*
 * 0; or -errno with a text: it cannot be read, or is no bus of this format.
 * again: what has to be wrong for a while has been waited for by the look before.
 */
int check_lanes_look(const char *path, struct findings *f, struct shmbus_error *e);
int check_shmif_look(const char *path, bool again, struct findings *f, struct shmbus_error *e);

/*
 * Mend what is wrong, and leave nothing of those who died. 0, also if not all
 * could be mended: look again; or -errno with a text.
 */
int check_lanes_mend(const char *path, struct shmbus_error *e);
/* break_ns: after which a lock that nothing is known of is taken away. */
int check_shmif_mend(const char *path, uint64_t break_ns, struct shmbus_error *e);

/*
 * Of the lanes format: the header and the bell. usable: it is good enough for
 * shmbus_bus_open. -EMEDIUMTYPE: it is not this format's.
 */
int check_header_look(const char *path, struct findings *f, bool *usable, struct shmbus_error *e);
int check_header_mend(const char *path, struct shmbus_error *e);

/* One lane. */
void check_lane_look(struct shmbus_bus *bus, uint32_t lane, struct findings *f);
/* The caller holds the lock of the lane's slot. */
void check_lane_mend(struct shmbus_bus *bus, uint32_t lane);

/* All cursors. */
void check_cursors_look(struct shmbus_bus *bus, struct findings *f);
/* Those of a slot whose lock the caller holds: none is active any more. */
void check_cursors_clear(struct shmbus_bus *bus, uint32_t slot);

#endif /* CHECK_H */
