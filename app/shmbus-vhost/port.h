/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef PORT_H
#define PORT_H

/*
 * The port of one guest on the bus, a device of net_shmbus. It is started only while the guest is
 * there: senders wait for no port that is stopped.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#include "conf.h"

struct rte_mempool;

/* Frames that were lost in the driver. */
struct port_losses {
	uint64_t missed;  /* overwritten before the port read them */
	uint64_t refused; /* not what the bus can carry: too long, or with headers that do not fit */
};

struct port {
	uint16_t id;
	const struct conf *conf;
	const struct conf_guest *guest;
	struct rte_mempool *pools[CONF_QUEUES_MAX]; /* one for each pair of queues */
	struct port_losses before;		    /* the last start */
};

/* What the guest has negotiated. */
struct port_offloads {
	bool checksums; /* takes packets without the checksum of TCP or UDP */
	bool segments;	/* takes TCP packets of up to 64 KB, of IPv4 and IPv6 */
	uint16_t mtu;
};

/*
 * Creates the device net_shmbusNUMBER. Returns 0, or -errno after a message. conf and guest stay
 * the caller's.
 */
int port_open(struct port *p, unsigned int number, const struct conf *conf,
	      const struct conf_guest *guest);

/* Removes the device, which is stopped. */
void port_close(struct port *p);

/* Starts the port for a guest. Returns 0, or -errno after a message; it is stopped then. */
int port_start(struct port *p, const struct port_offloads *offloads);

void port_stop(struct port *p);

/* Returns the losses since port_open(). */
void port_get_losses(const struct port *p, struct port_losses *losses);

#endif /* PORT_H */
