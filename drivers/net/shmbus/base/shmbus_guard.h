/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_GUARD_H
#define SHMBUS_GUARD_H

/*
 * A process that may write a bus file may also truncate it. An access to a
 * mapping beyond the end of its file raises SIGBUS; so does an access to a
 * hole in a file on a full filesystem. A guard turns such a fault into a page
 * of zeros, private to this process, and sets a flag.
 *
 * Theory of operation
 *
 * One signal handler serves all guards of the process, from the first guard to
 * the last. The handler passes a signal that is not a fault in a guarded
 * mapping to the handler that was there before.
 *
 *   SIGBUS is handled by     when a guard begins, or is renewed
 *   no handler, or ignored   our handler is installed
 *   the handler before ours  our handler is installed again
 *   our handler              nothing changes
 *   another, later handler   nothing changes: the application has installed it,
 *                            and it calls ours for signals that are not its own
 *
 * The handler takes no lock. It walks a list of guards; a thread that removes
 * a guard waits until no handler is in the list. If a later handler may still
 * call ours, the code stays loaded for ever.
 *
 * A mapping without a guard (SHMBUS_FILE_UNGUARDED) counts as foreign: a fault in
 * it goes to the other handlers, and no handler is installed for it.
 *
 * A reader must not take zeros for frames. So before the first page of zeros
 * appears, the handler sets words that the guard's owner has named to a value
 * that makes the reader refuse its copy (shmbus_guard_spoil). Until then this
 * costs nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shmbus_guard;

/* Words of 64 bits, at equal distances in a covered mapping. */
struct shmbus_guard_words {
	uint8_t *at;
	size_t stride;
	uint32_t count;
	uint64_t value;
};

/* Most mappings that one guard covers. */
#define SHMBUS_GUARD_RANGES 2

/*
 * Makes a guard that covers nothing yet. page_size: of the mapped files.
 * Returns NULL if there is no memory. All other functions accept NULL as a guard
 * that guards nothing.
 */
struct shmbus_guard *shmbus_guard_begin(size_t page_size);

/* Covers a mapping of whole pages. prot: access to its pages of zeros, as for mmap(2). */
void shmbus_guard_cover(struct shmbus_guard *g, void *from, size_t len, int prot);

/*
 * Names the words to spoil (see above). They lie in the first mapping, and
 * this call comes before that mapping is covered.
 */
void shmbus_guard_spoil(struct shmbus_guard *g, const struct shmbus_guard_words *words);

/* Ends a guard. The caller unmaps the mappings afterwards. */
void shmbus_guard_end(struct shmbus_guard *g);

/*
 * Returns whether there has been a fault, so that zeros are in place of some
 * pages.
 */
bool shmbus_guard_struck(const struct shmbus_guard *g);

/* Installs the handler again if there are guards and no handler for their faults. */
void shmbus_guard_renew(void);

#endif /* SHMBUS_GUARD_H */
