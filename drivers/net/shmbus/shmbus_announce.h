/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_ANNOUNCE_H
#define SHMBUS_ANNOUNCE_H

/*
 * What a port says of itself in its slot on a bus of lanes. A port that has no
 * slot (on a shmif bus, on none, or one that only looks on), or whose bus is
 * another one by now, says nothing: each function does nothing then.
 *
 * Called by control paths, one at a time, but for shmbus_announce_sleep.
 */

#include <ethdev_driver.h>

/* That the port is started, its link up, whether senders are to wait for it, ... */
void shmbus_announce_state(struct rte_eth_dev *dev);

/* As above; and whatever is sent from the return on waits for this port, if it is to. */
void shmbus_announce_state_now(struct rte_eth_dev *dev);

/* The queues that the port is about to start with, before they have cursors. */
void shmbus_announce_start(struct rte_eth_dev *dev);

/* The port has no queues any more. */
void shmbus_announce_stop(struct rte_eth_dev *dev);

void shmbus_announce_mac(struct rte_eth_dev *dev, const uint8_t *mac);

/* The port uses interrupts from now on, as its state says, or no longer. Takes milliseconds. */
void shmbus_announce_intr(struct rte_eth_dev *dev, bool begins);

/* An Rx queue goes to sleep, or has risen. By the queue's thread. */
void shmbus_announce_sleep(struct rte_eth_dev *dev, uint16_t id, bool asleep);

#endif /* SHMBUS_ANNOUNCE_H */
