/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef RTE_PMD_SHMBUS_H
#define RTE_PMD_SHMBUS_H

/**
 * @file
 * Functions of the driver net_shmbus beyond the ethdev API.
 *
 * They move a port from one bus file to another, on both formats, as NetBSD's
 * "ifconfig shmif0 linkstr FILE" does. Addresses, MTU, filters, queues, flow
 * rules and counters of the port stay.
 *
 * The caller is the primary process. As with other control functions of ethdev,
 * no other thread may use the port during the call.
 */

#include <stddef.h>
#include <stdint.h>

#include <rte_compat.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Moves a stopped port to another bus.
 *
 * The file at path is a bus of the port's format. If the file does not exist or
 * is empty, the function creates a bus in it. The bus must have at least the
 * queues that the port has been set up with.
 *
 * If the port cannot join the new bus, it stays on its bus. If the new bus lacks
 * queues or memory for them, the port is on no bus. If the old bus is gone, or
 * path is the path of the old bus, the port leaves first: if it cannot join then,
 * it is on no bus.
 *
 * @param port_id
 *   A port of net_shmbus, of any format.
 * @param path
 *   The path of the file, as in the device argument path.
 * @return
 *   - (0) if the port is on the bus now.
 *   - (-ENODEV) if there is no such port, or it is another driver's.
 *   - (-ENOTSUP) if the caller is a secondary process.
 *   - (-EBUSY) if the port is started, or if a secondary process has the port.
 *   - (-EINVAL) if path is NULL or empty; (-ENAMETOOLONG) if it is too long.
 *   - (-ENOSPC) if the new bus has fewer queues than the port.
 *   - another negative errno if the file cannot be opened or created, or is not
 *     a bus of the port's format; the log gives the reason.
 */
__rte_experimental
int rte_pmd_shmbus_linkstr_set(uint16_t port_id, const char *path);

/**
 * Writes the path of a port's bus.
 *
 * A secondary process may call this, too. The port may be started.
 *
 * @param port_id
 *   A port of net_shmbus, of any format.
 * @param path
 *   The buffer for the path with its terminating zero; "" if the port has no path.
 *   If the bus is gone, or the port has left its bus and could not join the next
 *   one, this is the path of the bus that the next start of the port joins.
 * @param size
 *   The size of path in bytes.
 * @return
 *   - (0) if the path was written.
 *   - (-ENODEV) if there is no such port, or it is another driver's.
 *   - (-EINVAL) if path is NULL.
 *   - (-ENAMETOOLONG) if the path and its zero need more than size bytes.
 */
__rte_experimental
int rte_pmd_shmbus_linkstr_get(uint16_t port_id, char *path, size_t size);

/**
 * Takes a stopped port off its bus.
 *
 * The port can be started without a bus; its link is down then. On a bus of lanes
 * queues cannot be set up while the port is on no bus.
 *
 * @param port_id
 *   A port of net_shmbus, of any format.
 * @return
 *   - (0) if the port is on no bus now.
 *   - (-ENODEV) if there is no such port, or it is another driver's.
 *   - (-ENOTSUP) if the caller is a secondary process.
 *   - (-EBUSY) if the port is started, or if a secondary process has the port.
 */
__rte_experimental
int rte_pmd_shmbus_linkstr_unset(uint16_t port_id);

#ifdef __cplusplus
}
#endif

#endif /* RTE_PMD_SHMBUS_H */
