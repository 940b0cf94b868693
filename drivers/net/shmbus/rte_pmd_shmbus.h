/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef RTE_PMD_SHMBUS_H
#define RTE_PMD_SHMBUS_H

/**
 * @file
 * What the driver net_shmbus offers beyond the ethdev API.
 *
 * Re-linking: a port with format=shmif can be moved from one bus file to
 * another, as NetBSD's "ifconfig shmif0 linkstr FILE" does.
 */

#include <stddef.h>
#include <stdint.h>

#include <rte_compat.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Link a stopped port to a bus file, which is opened, or created as NetBSD
 * does. It leaves the bus that it was on. If this fails it stays there.
 *
 * By the primary process, from a thread that does nothing else with the port.
 *
 * @param port_id
 *   A port of net_shmbus with format=shmif.
 * @param path
 *   The file, as in the devarg path.
 * @return
 *   - (0) if the port is on that bus now.
 *   - (-ENODEV) if there is no such port, or it is another driver's.
 *   - (-ENOTSUP) if it is not on a shmif bus, or this is a secondary process.
 *   - (-EBUSY) if the port is started.
 *   - (-EINVAL) if path is NULL or empty, (-ENAMETOOLONG) if it is too long.
 *   - another negative errno if the file is not to be had; the log says why.
 */
__rte_experimental
int rte_pmd_shmbus_linkstr_set(uint16_t port_id, const char *path);

/**
 * The bus file that a port is linked to.
 *
 * @param port_id
 *   A port of net_shmbus, of any format.
 * @param path
 *   Where the name goes, with a zero behind it; "" if the port is on no bus.
 * @param size
 *   Bytes there.
 * @return
 *   - (0) if it was written.
 *   - (-ENODEV) as above, (-EINVAL) if path is NULL.
 *   - (-ENAMETOOLONG) if it does not fit.
 */
__rte_experimental
int rte_pmd_shmbus_linkstr_get(uint16_t port_id, char *path, size_t size);

/**
 * Take a stopped port off its bus. It may be started so; its link is down.
 *
 * @param port_id
 *   A port of net_shmbus with format=shmif.
 * @return
 *   - (0) if the port is on no bus now.
 *   - (-ENODEV), (-ENOTSUP), (-EBUSY) as above.
 */
__rte_experimental
int rte_pmd_shmbus_linkstr_unset(uint16_t port_id);

#ifdef __cplusplus
}
#endif

#endif /* RTE_PMD_SHMBUS_H */
