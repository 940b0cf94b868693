/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_FAST_PATH_H
#define SHMBUS_FAST_PATH_H

#include <ethdev_driver.h>

/* Sets the functions of the data path in dev, for the format of the port's bus. */
void shmbus_set_fast_path(struct rte_eth_dev *dev);

#endif /* SHMBUS_FAST_PATH_H */
