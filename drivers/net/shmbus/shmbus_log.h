/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_LOG_H
#define SHMBUS_LOG_H

#include <rte_log.h>

extern int shmbus_logtype;
#define RTE_LOGTYPE_SHMBUS shmbus_logtype

#define SHMBUS_LOG(level, ...) RTE_LOG_LINE(level, SHMBUS, __VA_ARGS__)

/* The rate limit of log lines about broken locks: shmbus_rxtx_shmif.c. */
struct shmbus_shmif_told {
	uint64_t since_ns;
	uint64_t broken;
};

#endif /* SHMBUS_LOG_H */
