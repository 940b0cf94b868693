/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Stands in for DPDK's header of the same name, which came with 25.07; see ../README. */

#ifndef SHMBUS_COMPAT_EAL_EXPORT_H
#define SHMBUS_COMPAT_EAL_EXPORT_H

#pragma GCC system_header

#if __has_include_next(<eal_export.h>)
#include_next <eal_export.h>
#else
/* read by gen-version-map, empty for the compiler */
#define RTE_EXPORT_EXPERIMENTAL_SYMBOL(symbol, version)
#define RTE_EXPORT_INTERNAL_SYMBOL(symbol)
#define RTE_EXPORT_SYMBOL(symbol)
#endif

#endif /* SHMBUS_COMPAT_EAL_EXPORT_H */
