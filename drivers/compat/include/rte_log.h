/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Completes DPDK's header of the same name; see ../README. */

#ifndef SHMBUS_COMPAT_RTE_LOG_H
#define SHMBUS_COMPAT_RTE_LOG_H

#pragma GCC system_header
#include_next <rte_log.h>

/* 24.03: macros that add the end of the line */
#ifndef RTE_LOG_LINE
#define RTE_LOG_LINE(level, type, fmt, ...) RTE_LOG(level, type, fmt "\n", ##__VA_ARGS__)
#endif
#ifndef RTE_LOG_DP_LINE
#define RTE_LOG_DP_LINE(level, type, fmt, ...) RTE_LOG_DP(level, type, fmt "\n", ##__VA_ARGS__)
#endif
#ifndef RTE_LOG_COMMA
#define RTE_LOG_COMMA ,
#endif
#ifndef RTE_LOG_LINE_PREFIX
#define RTE_LOG_LINE_PREFIX(level, type, prefix, args, fmt, ...) \
	RTE_LOG(level, type, prefix fmt "\n", args, ##__VA_ARGS__)
#endif
#ifndef RTE_LOG_DP_LINE_PREFIX
#define RTE_LOG_DP_LINE_PREFIX(level, type, prefix, args, fmt, ...) \
	RTE_LOG_DP(level, type, prefix fmt "\n", args, ##__VA_ARGS__)
#endif

#endif /* SHMBUS_COMPAT_RTE_LOG_H */
