/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_LINK_H
#define SHMBUS_LINK_H

/* The link of a port, and the state of its bus file. */

#include <ethdev_driver.h>

int shmbus_link_update(struct rte_eth_dev *dev, int wait_to_complete);
int shmbus_set_link_up(struct rte_eth_dev *dev);
int shmbus_set_link_down(struct rte_eth_dev *dev);

void shmbus_link_start(struct rte_eth_dev *dev);
void shmbus_link_stop(struct rte_eth_dev *dev);
/* Ends the link poll; no event comes after the return. */
void shmbus_link_end_poll(struct rte_eth_dev *dev);

/*
 * Holds back the events of a stopped port, whose callbacks may look at the bus file.
 * Returns whether an event is due, for which shmbus_link_resume_events() is to be called.
 * The caller holds no lock that a callback may want.
 */
bool shmbus_link_hold_events(struct rte_eth_dev *dev);
void shmbus_link_resume_events(struct rte_eth_dev *dev);

/* Checks the bus file, logs a change once, and returns whether the bus is gone. */
bool shmbus_link_is_gone(struct rte_eth_dev *dev);

/*
 * Sets the status after the stopped port has moved to another bus, or to none on purpose
 * (SHMBUS_STATUS_INTACT), or has lost its bus (SHMBUS_STATUS_GONE).
 */
void shmbus_link_set_status(struct rte_eth_dev *dev, uint32_t status);

#endif /* SHMBUS_LINK_H */
