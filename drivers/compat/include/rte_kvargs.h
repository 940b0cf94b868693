/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Completes DPDK's header of the same name; see ../README. */

#ifndef SHMBUS_COMPAT_RTE_KVARGS_H
#define SHMBUS_COMPAT_RTE_KVARGS_H

#pragma GCC system_header
#include_next <rte_kvargs.h>
#include <rte_version.h>

/*
 * 24.11 splits in two what was one function: rte_kvargs_process() refuses a key without a value,
 * rte_kvargs_process_opt() hands it to the handler as NULL. The one function of before does the
 * latter, so a handler must be ready for NULL in any case.
 */
#if RTE_VERSION < RTE_VERSION_NUM(24, 11, 0, 0)
#define rte_kvargs_process_opt rte_kvargs_process
#endif

#endif /* SHMBUS_COMPAT_RTE_KVARGS_H */
