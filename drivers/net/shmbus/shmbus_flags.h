/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_FLAGS_H
#define SHMBUS_FLAGS_H

/* The flags and limits of the queues. */

#include <ethdev_driver.h>

/* Recomputes the queues' flags and limits after a change of the port. Any thread, at any time. */
void shmbus_queues_update(struct rte_eth_dev *dev);

/*
 * Recomputes dev->data->scattered_rx. Only the application's thread may call this:
 * the bit shares its byte with bits that the link poll must not write.
 */
void shmbus_scatter_update(struct rte_eth_dev *dev);

#endif /* SHMBUS_FLAGS_H */
