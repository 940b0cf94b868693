/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_RX_ANY_H
#define SHMBUS_RX_ANY_H

/*
 * Receive of frames of all kinds from lanes: frames with requests, frames in several mbufs,
 * frames of lanes that several queues read, frames of a switch.
 *
 * A frame is held if it is to be delivered in segments, or if its request needs the
 * frame in one piece that is larger than an mbuf. The queue copies a held frame
 * into its own memory and commits it, so the place in the lane is free. It delivers
 * the held frame from there, over as many polls as it takes, before other frames.
 */

#include <ethdev_driver.h>

#include "base/lanes/shmbus_reader.h"
#include "shmbus_rxq.h"

/*
 * Receives up to n frames of one record into pkts, which has room for room mbufs, as a
 * frame may become several. flags: the queue's. Returns the number of mbufs. *more: the
 * lane may have more frames for this poll.
 */
uint16_t shmbus_rx_any(const struct shmbus_bus *bus, struct shmbus_rxq *q,
		       struct shmbus_reader *r, struct rte_mbuf **pkts, uint16_t n, uint16_t room,
		       uint32_t flags, bool *more);

/* Delivers the held frame, or its next segments, in up to n mbufs. Returns their number. */
uint16_t shmbus_rx_held(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t n, uint32_t flags);

#endif /* SHMBUS_RX_ANY_H */
