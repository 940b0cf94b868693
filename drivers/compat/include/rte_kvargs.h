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
 * 24.11 splits a function in two: rte_kvargs_process() refuses a key without a value,
 * rte_kvargs_process_opt() passes NULL to the handler. The older function passes NULL, so a handler
 * must always accept NULL.
 */
#if RTE_VERSION < RTE_VERSION_NUM(24, 11, 0, 0)
#define rte_kvargs_process_opt rte_kvargs_process
#endif

#endif /* SHMBUS_COMPAT_RTE_KVARGS_H */
