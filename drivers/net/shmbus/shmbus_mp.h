/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_MP_H
#define SHMBUS_MP_H

/* The port in secondary processes. */

#include <ethdev_driver.h>

struct rte_vdev_device;
struct shmbus_wire;

/* In the primary: answer secondary processes, from the first port of the process to the last. */
int shmbus_mp_serve(struct rte_eth_dev *dev);
void shmbus_mp_unserve(struct rte_eth_dev *dev);

/*
 * The wire of the primary's port is about to change: no thread of this process
 * that looks at wires under shmbus_mp_lock_ports() sees it meanwhile, and no
 * secondary process comes. -EBUSY, logged: one is there. May sleep.
 */
int shmbus_mp_lock_wire(const struct rte_eth_dev *dev);
void shmbus_mp_unlock_wire(void);

/* The same for a thread of EAL's that looks at ports, which may come and go. */
void shmbus_mp_lock_ports(void);
void shmbus_mp_unlock_ports(void);

/* In a secondary process: shmbus_secondary.c */
int shmbus_secondary_probe(struct rte_vdev_device *vdev);

/* Ask the primary for its bus of the port of this name. 0, or -errno. */
int shmbus_mp_get_bus(const char *name, int *fd, int *presence);

#endif /* SHMBUS_MP_H */
