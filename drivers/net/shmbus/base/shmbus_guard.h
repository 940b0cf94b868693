/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_GUARD_H
#define SHMBUS_GUARD_H

/*
 * Whoever may write a bus file may cut it off, and whoever touches a mapping
 * beyond the end of its file gets a SIGBUS; so too where a hole was punched
 * into a file on a filesystem that is full by now. A guard makes of such a
 * fault a page of zeros, of this process's own, and a flag.
 *
 * Theory of operation
 *
 * One signal handler serves all guards of the process. It is there from the
 * first guard to the last. What is no fault in a guarded mapping goes to the
 * handler that was there before.
 *
 *   SIGBUS is handled by     when a guard begins, or is renewed
 *   nobody, or ignored       ours is put in
 *   who was there before us  ours is put in again
 *   us                       nothing
 *   somebody else            nothing: who came after us is to have it, and to
 *                            call us for what is not its own
 *
 * The handler takes no lock. Guards are a list that it walks; who takes one
 * out waits until no handler is in the list any more. Where somebody else came
 * after us and goes on calling us, the code stays loaded for ever.
 *
 * A reader that has copied zeros must not take them for frames. So before the
 * first page of zeros is there, words that the guard's owner has named get a
 * value that makes it refuse the copy (shmbus_guard_spoil), at no cost before.
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

/* Mappings that one guard covers at most. */
#define SHMBUS_GUARD_RANGES 2

/* A guard that covers nothing yet. page_size: of the files mapped. NULL: out of memory. */
struct shmbus_guard *shmbus_guard_begin(size_t page_size);

/* Cover a mapping, whole pages; prot: what its pages of zeros permit, as for mmap(2). */
void shmbus_guard_cover(struct shmbus_guard *g, void *from, size_t len, int prot);

/* See above. Before the first mapping is covered, in which the words are. */
void shmbus_guard_spoil(struct shmbus_guard *g, const struct shmbus_guard_words *words);

/* Before the mappings go. NULL is none. */
void shmbus_guard_end(struct shmbus_guard *g);

/* Has there been a fault? Then some of what it covers are zeros. NULL: no. */
bool shmbus_guard_struck(const struct shmbus_guard *g);

/* If there are guards, but nobody handles their faults any more, put the handler in again. */
void shmbus_guard_renew(void);

#endif /* SHMBUS_GUARD_H */
