/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_MP_H
#define SHMBUS_MP_H

/* The port and secondary processes. */

#include <ethdev_driver.h>

struct rte_vdev_device;
struct shmbus_wire;

/*
 * In the primary: begin and end the answers to secondary processes that ask for the
 * port. Return 0 or -errno.
 */
int shmbus_mp_serve(struct rte_eth_dev *dev);
void shmbus_mp_unserve(struct rte_eth_dev *dev);

/*
 * Locks the wire of the primary's port for a change. Until shmbus_mp_unlock_wire()
 * threads that hold shmbus_mp_lock_ports() do not see the wire, and no secondary
 * process gets it. Returns 0, or -EBUSY, logged, if a secondary process has the
 * port. May sleep.
 */
int shmbus_mp_lock_wire(const struct rte_eth_dev *dev);
void shmbus_mp_unlock_wire(void);

/* Lock the ports and their wires against changes while a thread of EAL reads them. May sleep. */
void shmbus_mp_lock_ports(void);
void shmbus_mp_unlock_ports(void);

/* In a secondary process: probes the port, with the operations ops. shmbus_secondary.c */
int shmbus_secondary_probe(struct rte_vdev_device *vdev, const struct eth_dev_ops *ops);

/*
 * Asks the primary for the bus of the named port. Writes two descriptors, which the caller
 * closes: fd of the bus file, presence of the presence file. Returns 0 or -errno.
 */
int shmbus_mp_get_bus(const char *name, int *fd, int *presence);

#endif /* SHMBUS_MP_H */
