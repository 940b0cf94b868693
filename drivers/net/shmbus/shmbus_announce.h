/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_ANNOUNCE_H
#define SHMBUS_ANNOUNCE_H

/*
 * The port's entry in its slot on a bus of lanes, which other ports read.
 *
 * Each function does nothing for a port without a slot (on a shmif bus, on no
 * bus, or readonly) and for a port whose file has become another bus.
 *
 * Callers are control paths, one at a time; shmbus_announce_sleep() is called by
 * the threads of the queues.
 */

#include <ethdev_driver.h>

/* Writes the state: started or not, link up or down, whether senders wait for the port. */
void shmbus_announce_state(struct rte_eth_dev *dev);

/*
 * As shmbus_announce_state(). A sender that must wait for this port does so for every frame
 * that it sends after the return.
 */
void shmbus_announce_state_now(struct rte_eth_dev *dev);

/* Writes the number of queues before the port starts; the queues have no cursors yet. */
void shmbus_announce_start(struct rte_eth_dev *dev);

/* Writes that the port has no queues. */
void shmbus_announce_stop(struct rte_eth_dev *dev);

void shmbus_announce_mac(struct rte_eth_dev *dev, const uint8_t *mac);

/*
 * Tells senders that the port begins to use interrupts, or no longer uses them. The
 * caller has written the state. Takes milliseconds.
 */
void shmbus_announce_intr(struct rte_eth_dev *dev, bool begins);

/* Writes that an Rx queue sleeps or is awake. Called by the queue's thread. */
void shmbus_announce_sleep(struct rte_eth_dev *dev, uint16_t id, bool asleep);

#endif /* SHMBUS_ANNOUNCE_H */
