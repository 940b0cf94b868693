/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Completes DPDK's header of the same name; see ../README. */

#ifndef SHMBUS_COMPAT_DEV_DRIVER_H
#define SHMBUS_COMPAT_DEV_DRIVER_H

#pragma GCC system_header
#include_next <dev_driver.h>
#include <rte_common.h>
#include <rte_dev.h>
#include <rte_version.h>

/* 26.07: one macro leads from a class's device to its bus's device, for all buses */
#if RTE_VERSION < RTE_VERSION_NUM(26, 7, 0, 0)
#define RTE_BUS_DEVICE(dev, bus_dev_type) container_of(dev, __typeof__(bus_dev_type), device)
#define RTE_CLASS_TO_BUS_DEVICE(class_dev, bus_dev_type) \
	RTE_BUS_DEVICE((class_dev)->device, bus_dev_type)
#endif

#ifdef SHMBUS_OUT_OF_TREE
/*
 * DPDK's build reads the registered strings back from the objects (pmdinfogen) and generates a
 * source file with the string for dpdk-pmdinfo. Here the macro writes that string directly. The
 * parameter string must not contain quotes and backslashes.
 */
#undef RTE_PMD_REGISTER_PARAM_STRING
#define RTE_PMD_REGISTER_PARAM_STRING(name, str) \
	static const char name##_pmd_info[] __rte_used = "PMD_INFO_STRING= " \
		"{\"name\": \"" RTE_STR(name) "\", \"params\": \"" str "\", \"pci_ids\": []}"
#endif

#endif /* SHMBUS_COMPAT_DEV_DRIVER_H */
