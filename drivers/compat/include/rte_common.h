/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Completes DPDK's header of the same name; see ../README. */

#ifndef SHMBUS_COMPAT_RTE_COMMON_H
#define SHMBUS_COMPAT_RTE_COMMON_H

#pragma GCC system_header
#include_next <rte_common.h>

/* 24.11 */
#ifndef __rte_assume
#define __rte_assume(condition) do { if (!(condition)) __builtin_unreachable(); } while (0)
#endif

/* 25.03: packed structures have a mark at both ends */
#ifndef __rte_packed_begin
#define __rte_packed_begin
#define __rte_packed_end __attribute__((__packed__))
#endif
#ifndef __rte_diagnostic_push
#define __rte_diagnostic_push _Pragma("GCC diagnostic push")
#define __rte_diagnostic_pop _Pragma("GCC diagnostic pop")
#define __rte_diagnostic_ignored_wcast_qual _Pragma("GCC diagnostic ignored \"-Wcast-qual\"")
#endif

#endif /* SHMBUS_COMPAT_RTE_COMMON_H */
