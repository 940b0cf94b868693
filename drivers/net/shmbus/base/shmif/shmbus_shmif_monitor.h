/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_MONITOR_H
#define SHMBUS_SHMIF_MONITOR_H

/*
 * A monitor reads a shmif bus without its lock and without writing anything.
 * The file may be open for reading only.
 *
 * Theory of operation
 *
 *   shmbus_shmif_monitor_start()   finds the position to begin at
 *   shmbus_shmif_monitor_fetch()   copies new records and validates the copy
 *   shmbus_shmif_next() x n        frames of the copy, shmbus_shmif_reader.h
 *
 * A NetBSD writer stores last, then first, then writes the record, then counts
 * gen. A writer of ours stores first, writes the records, stores last, then
 * counts gen. Both hold the lock meanwhile, and both move first past old
 * records before they overwrite these. So the monitor looks for a moment when
 * no port holds the lock: all records from first to last are whole then. The
 * monitor copies, and looks for one more such moment. The copy is whole if
 * first has not passed it by then.
 *
 *   N1  words:  gen, last, first
 *       lock:   0, acquire: the partner of the store that released it
 *   N2  words:  the same
 *   N3  first is stored with release: with the acquire fence behind N1, N2 sees
 *       a gen and a last that are no older than the first of N1
 *
 * There was such a moment, with these words, between N1 and N2. gen never goes
 * back: if gen is the same, last can only have moved on within one lap; if
 * last is also the same, it has not moved. There is one exception: a writer
 * whose record ends a lap stores last before it counts gen. That writer holds
 * the lock until it has counted. If it was between the two stores at N1 and
 * the lock is free after that, gen has another value at N2. The lock alone
 * would not be enough: a writer may come and go between two looks.
 * tests/model/shmif_monitor.pml has all of this.
 *
 * The monitor gets nothing from a bus whose lock is never free. If the lock is
 * held for a second and nothing moves, its holder is dead or stopped. The
 * monitor then reads all records but the newest. The words are enough to tell
 * these records apart, as long as the newest record does not end the lap and
 * no port of ours has announced a change of the words.
 */

#include "shmbus_shmif_reader.h"

/* Time after which the monitor reads a ring behind a stuck lock. */
#define SHMBUS_SHMIF_STUCK_NS UINT64_C(1000000000)

/*
 * Begins behind the newest record, or with the oldest one. Keeps the counters.
 * Returns 0; -EBUSY: no moment to look was found in a bounded time, and
 * fetching will begin with the newest record when there is such a moment;
 * -EILSEQ: the same, as the bus is corrupt. The caller may call this again
 * until it succeeds. Never sleeps.
 */
int shmbus_shmif_monitor_start(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r,
			       bool oldest);

/* As shmbus_shmif_fetch(). The bus may be mapped for reading only. */
int shmbus_shmif_monitor_fetch(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r);

#endif /* SHMBUS_SHMIF_MONITOR_H */
