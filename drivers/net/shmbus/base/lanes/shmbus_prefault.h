/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_PREFAULT_H
#define SHMBUS_PREFAULT_H

/*
 * Mappings and page tables before the first frame: so neither the first lap of a lane nor a
 * new port costs page faults inside a burst.
 *
 * Theory of operation
 *
 *   lane           when                             how
 *   a port's own   it gets its memory, before       its pages are filled with zeros and mapped
 *                  other ports know the lane        for writing (_own)
 *   another's      the port starts, and later in    its pages that exist are mapped for reading
 *                  a thread beside the bursts       (_peers)
 *
 * Nobody reads a hole here: tmpfs allocates memory for a hole that is read through a mapping.
 * lseek(SEEK_DATA) tells which pages exist. tmpfs counts a page that is allocated and has
 * never been touched as a hole; the owner of a lane touches its pages in _own. hugetlbfs
 * has no such answer, so the pages of others are left to page faults there: there are few.
 *
 * All this is for speed alone: an error has no effect but the faults that remain. A kernel
 * before 5.14 knows none of it, and a file that was truncated gives an error here, no SIGBUS.
 */

#include "shmbus_bus.h"

/* Limit of the lane size for a thread that must not stand still for long. */
#define SHMBUS_PREFAULT_SHORT (16u << 20)

/* Faults in a lane that this process has mapped for writing, and that has its memory. */
void shmbus_prefault_own(const struct shmbus_bus *bus, uint32_t lane);

/*
 * Faults in the tables that every port uses, and the cursors of a port (SHMBUS_NO_SLOT: of
 * none) for writing.
 */
void shmbus_prefault_tables(const struct shmbus_bus *bus, uint32_t slot);

/*
 * Maps the lanes of living ports, and faults in their lanes and cursors, once for each lane.
 * A lane of more than max bytes is only mapped. slot: the caller's, which is left out;
 * SHMBUS_NO_SLOT: a monitor's. One or two system calls for a new lane that has no pages yet,
 * none if there is nothing new. Several threads may call this at once.
 */
void shmbus_prefault_peers(const struct shmbus_bus *bus, uint32_t slot, uint64_t max);

#endif /* SHMBUS_PREFAULT_H */
