/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Stands in for DPDK's header of the same name, which came with 23.11; see ../README. */

#ifndef SHMBUS_COMPAT_RTE_STDATOMIC_H
#define SHMBUS_COMPAT_RTE_STDATOMIC_H

#pragma GCC system_header

#if __has_include_next(<rte_stdatomic.h>)
#include_next <rte_stdatomic.h>
#else

typedef int rte_memory_order;

#define RTE_ATOMIC(type) type
#define __rte_atomic

#define rte_memory_order_relaxed __ATOMIC_RELAXED
#define rte_memory_order_consume __ATOMIC_CONSUME
#define rte_memory_order_acquire __ATOMIC_ACQUIRE
#define rte_memory_order_release __ATOMIC_RELEASE
#define rte_memory_order_acq_rel __ATOMIC_ACQ_REL
#define rte_memory_order_seq_cst __ATOMIC_SEQ_CST

#define rte_atomic_load_explicit(p, order) __atomic_load_n(p, order)
#define rte_atomic_store_explicit(p, v, order) __atomic_store_n(p, v, order)
#define rte_atomic_exchange_explicit(p, v, order) __atomic_exchange_n(p, v, order)
#define rte_atomic_compare_exchange_strong_explicit(p, expected, v, order, fail_order) \
	__atomic_compare_exchange_n(p, expected, v, 0, order, fail_order)
#define rte_atomic_compare_exchange_weak_explicit(p, expected, v, order, fail_order) \
	__atomic_compare_exchange_n(p, expected, v, 1, order, fail_order)
#define rte_atomic_fetch_add_explicit(p, v, order) __atomic_fetch_add(p, v, order)
#define rte_atomic_fetch_sub_explicit(p, v, order) __atomic_fetch_sub(p, v, order)
#define rte_atomic_fetch_and_explicit(p, v, order) __atomic_fetch_and(p, v, order)
#define rte_atomic_fetch_or_explicit(p, v, order) __atomic_fetch_or(p, v, order)
#define rte_atomic_fetch_xor_explicit(p, v, order) __atomic_fetch_xor(p, v, order)

#endif
#endif /* SHMBUS_COMPAT_RTE_STDATOMIC_H */
