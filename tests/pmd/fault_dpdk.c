/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* What stands before those of DPDK's functions that can fail, beside the system's (../unit/fault.c). */

#include <errno.h>

#include <rte_alarm.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <rte_malloc.h>

#include "fault.h"

struct rte_eth_dev;

#define WRAP(type, name, params, args, err, failure) \
	type __real_##name params; \
	type __wrap_##name params; \
	type \
	__wrap_##name params \
	{ \
		if (!fault_is_due(#name, err)) \
			return __real_##name args; \
		rte_errno = err; \
		return (failure); \
	}

WRAP(void *, rte_zmalloc, (const char *type, size_t size, unsigned int align), (type, size, align),
     ENOMEM, NULL)
WRAP(void *, rte_zmalloc_socket, (const char *type, size_t size, unsigned int align, int socket),
     (type, size, align, socket), ENOMEM, NULL)
WRAP(struct rte_eth_dev *, rte_eth_dev_allocate, (const char *name), (name), ENOMEM, NULL)
WRAP(struct rte_intr_handle *, rte_intr_instance_alloc, (uint32_t flags), (flags), ENOMEM, NULL)
WRAP(int, rte_intr_vec_list_alloc, (struct rte_intr_handle *handle, const char *name, int size),
     (handle, name, size), ENOMEM, -ENOMEM)
WRAP(int, rte_mp_action_register, (const char *name, rte_mp_t action), (name, action), ENOMEM, -1)
WRAP(int, rte_eal_alarm_set, (uint64_t us, rte_eal_alarm_callback fn, void *arg), (us, fn, arg),
     ENOMEM, -ENOMEM)
