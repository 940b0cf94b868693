/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef FUZZ_UNSTEADY_H
#define FUZZ_UNSTEADY_H

/*
 * Shared memory in which nothing keeps still.
 *
 * Theory of operation
 *
 * The compiler includes this file before every source of the core and the
 * driver. Each load of a shared word, and each copy out of the ring, asks
 * unsteady_look() first, which changes that word, or another one, whenever
 * the fuzzer's input says so. So a word that is read twice is another one
 * each time, and what was checked is not what is there when it is used:
 * code that reads once into a local does not notice.
 *
 * The clock is the input's, too: waiting costs nothing.
 */

#include "shmbus_atomic.h"
#include "shmbus_clock.h"
#include "shmbus_copy.h"

struct input;

/* A word is about to be read. */
void unsteady_look(const volatile void *at, size_t size);

/*
 * From now on, as changes says. writable: where a word of the bus can be
 * written, NULL if it is none of the bus. changes: NULL: nothing changes.
 */
void unsteady_begin(struct input *changes, uint8_t *(*writable)(const volatile void *at));
void unsteady_end(void);

/* Looks since the last unsteady_begin: loops must end after a bounded number of them. */
uint64_t unsteady_looks(void);

/*
 * The main part of a target: operations of the input, fewer than limit, while changes makes the
 * words unsteady. Each of them must end after fewer than looks looks.
 */
void unsteady_run(struct input *in, struct input *changes,
		  uint8_t *(*writable)(const volatile void *at),
		  void (*one_op)(struct input *in), unsigned int limit, uint64_t looks);

uint64_t unsteady_clock_ns(void);
void unsteady_pass(uint64_t ns);

#undef shmbus_load
#undef shmbus_load_acquire
#define shmbus_load(p) \
	(unsteady_look((p), sizeof(*(p))), atomic_load_explicit((p), memory_order_relaxed))
#define shmbus_load_acquire(p) \
	(unsteady_look((p), sizeof(*(p))), atomic_load_explicit((p), memory_order_acquire))
/* Their functions of the same names. */
#define shmbus_copy_exact(dst, src, len) \
	(unsteady_look((src), 4), shmbus_copy_exact((dst), (src), (len)))
#define shmbus_copy_lines(dst, src, len) \
	(unsteady_look((src), 4), shmbus_copy_lines((dst), (src), (len)))
#define shmbus_clock_mono_ns() unsteady_clock_ns()
#define shmbus_clock_ns(clock) unsteady_clock_ns()

#endif /* FUZZ_UNSTEADY_H */
