/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_ATOMIC_H
#define SHMBUS_ATOMIC_H

/*
 * The only atomics of the bus core. Every word that another process may read
 * or write goes through these. They are C11 atomics, so the memory orders are
 * the language's and not those of one processor.
 *
 * A reader copies frames and burst headers with plain or relaxed accesses
 * while their writer may be overwriting them, as with a sequence lock. A copy
 * counts only after the reader has looked at head (lanes/shmbus_reader.h).
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef _Atomic uint8_t shmbus_a8;
typedef _Atomic uint32_t shmbus_a32;
typedef _Atomic uint64_t shmbus_a64;

/* Stores into the shared file also have a step: shmbus_step_store() in shmbus_step.h. */
#define shmbus_load(p) atomic_load_explicit((p), memory_order_relaxed)
#define shmbus_load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define shmbus_store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define shmbus_store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define shmbus_add(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define shmbus_add_release(p, v) atomic_fetch_add_explicit((p), (v), memory_order_release)

/* Stores to if the word equals from. Returns whether it stored; then this is an acquire. */
static inline bool
shmbus_swap_acquire(shmbus_a32 *p, uint32_t from, uint32_t to)
{
	return atomic_compare_exchange_strong_explicit(p, &from, to, memory_order_acquire,
						       memory_order_relaxed);
}

/* A counter that one thread writes and other threads of its process read. */
#define shmbus_counted(p) atomic_load_explicit((p), memory_order_relaxed)
#define shmbus_count(p, n) \
	atomic_store_explicit((p), shmbus_counted(p) + (n), memory_order_relaxed)

#define shmbus_fence_acquire() atomic_thread_fence(memory_order_acquire)
#define shmbus_fence_release() atomic_thread_fence(memory_order_release)
#define shmbus_fence_full() atomic_thread_fence(memory_order_seq_cst)
/* For the compiler alone, where something else orders the processor's accesses. */
#define shmbus_fence_compiler() atomic_signal_fence(memory_order_seq_cst)

/* Returns a number that tells the threads of a process apart. */
static inline uint64_t
shmbus_thread(void)
{
	return (uint64_t)(uintptr_t)__builtin_thread_pointer();
}

/* Pauses between two looks of a thread that spins. */
static inline void
shmbus_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#endif /* SHMBUS_ATOMIC_H */
