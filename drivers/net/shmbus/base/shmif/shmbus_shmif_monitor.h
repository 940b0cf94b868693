/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_MONITOR_H
#define SHMBUS_SHMIF_MONITOR_H

/*
 * Reading a shmif bus without its lock, and without writing anything: for
 * those that only look on, and may have the file open for reading only.
 *
 * Theory of operation
 *
 *   shmbus_shmif_monitor_start()   where to begin
 *   shmbus_shmif_monitor_fetch()   copy what is new, look whether it is whole
 *   shmbus_shmif_next() x n        the frames of the copy, shmbus_shmif_reader.h
 *
 * A NetBSD peer moves last first, then first, then writes the record, then
 * counts gen; one of ours moves first, writes the records, moves last, counts
 * gen. Both hold the lock meanwhile, and both move first before they overwrite
 * what lay behind it. So a monitor looks at the bus at a moment when nobody
 * holds the lock: all records from first to last are whole then. It copies,
 * and looks at the bus at one more such moment: what it copied is whole if
 * first has not passed it by then.
 *
 *   N1  words:  gen, last, first
 *       lock:   0, acquire: the partner of whatever let it go
 *   N2  words:  the same
 *   N3  first is stored with release: with the acquire fence behind N1, N2 sees
 *       a gen and a last that are no older than the first of N1
 *
 * There was such a moment, with these words, between N1 and N2: gen never goes
 * back, so with the same gen last can only have moved on within one lap, and
 * with the same last it has not. Only who writes the record that ends a lap has
 * moved last and not counted yet; it holds the lock until it has counted, so
 * if it was there at N1, and the lock is free after that, gen is another at N2.
 * The lock alone would not do: a writer may come and go between two looks.
 * tests/model/shmif_monitor.pml has all of this.
 *
 * On a bus whose lock is never free this gets nothing. If the lock is held
 * for a second and nothing moves, its holder is dead or stopped: all records
 * but the newest are read then, which the words tell from each other as long
 * as it does not end the lap, and ours have not said that they change them.
 */

#include "shmbus_shmif_reader.h"

/* How long the lock must be stuck before what lies behind it is looked at. */
#define SHMBUS_SHMIF_STUCK_NS UINT64_C(1000000000)

/*
 * Begin behind the newest record, or with the oldest one. Keeps the counts.
 * 0; -EBUSY: in a bounded time there was no moment to look; then fetching
 * begins with the newest record when there is one; -EILSEQ: so, as the bus
 * makes no sense. May be called again until it goes well. Sleeps not at all.
 */
int shmbus_shmif_monitor_start(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r,
			       bool oldest);

/* As shmbus_shmif_fetch. The bus may be mapped for reading only. */
int shmbus_shmif_monitor_fetch(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r);

#endif /* SHMBUS_SHMIF_MONITOR_H */
