/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Completes DPDK's header of the same name; see ../README. */

#ifndef SHMBUS_COMPAT_RTE_TELEMETRY_H
#define SHMBUS_COMPAT_RTE_TELEMETRY_H

#pragma GCC system_header
#include_next <rte_telemetry.h>
#include <rte_version.h>

/* 23.03: a new name for unsigned numbers, and unsigned numbers as hexadecimal strings */
#if RTE_VERSION < RTE_VERSION_NUM(23, 3, 0, 0)
#include <inttypes.h>
#include <stdio.h>

#define rte_tel_data_add_array_uint rte_tel_data_add_array_u64
#define rte_tel_data_add_dict_uint rte_tel_data_add_dict_u64
#define RTE_TEL_UINT_VAL RTE_TEL_U64_VAL

static inline int
rte_tel_data_add_dict_uint_hex(struct rte_tel_data *d, const char *name, uint64_t val,
	uint8_t display_bitwidth)
{
	char text[sizeof("0x") + 16];

	snprintf(text, sizeof(text), "0x%0*" PRIx64, (display_bitwidth + 3) / 4, val);
	return rte_tel_data_add_dict_string(d, name, text);
}
#endif

#endif /* SHMBUS_COMPAT_RTE_TELEMETRY_H */
