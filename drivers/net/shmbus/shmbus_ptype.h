/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_PTYPE_H
#define SHMBUS_PTYPE_H

/* Packet types. */

#include <ethdev_driver.h>

struct shmbus_priv;

const uint32_t *shmbus_supported_ptypes_get(struct rte_eth_dev *dev, size_t *n);
int shmbus_ptypes_set(struct rte_eth_dev *dev, uint32_t mask);

/* Sets the types of ptypes=always. The port has no queues yet. */
void shmbus_ptypes_init(struct shmbus_priv *priv);

#endif /* SHMBUS_PTYPE_H */
