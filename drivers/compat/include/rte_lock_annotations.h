/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Completes DPDK's header of the same name, which came with 23.03; see ../README. */

#ifndef SHMBUS_COMPAT_RTE_LOCK_ANNOTATIONS_H
#define SHMBUS_COMPAT_RTE_LOCK_ANNOTATIONS_H

#pragma GCC system_header

#if __has_include_next(<rte_lock_annotations.h>)
#include_next <rte_lock_annotations.h>
#else

#define __rte_no_thread_safety_analysis
#define __rte_exclusive_trylock_function(...)
#define __rte_unlock_function(...)

#endif

/* Newer names of the same two attributes. */
#ifndef __rte_release_capability
#define __rte_try_acquire_capability(...) __rte_exclusive_trylock_function(__VA_ARGS__)
#define __rte_release_capability(...) __rte_unlock_function(__VA_ARGS__)
#endif

#endif /* SHMBUS_COMPAT_RTE_LOCK_ANNOTATIONS_H */
