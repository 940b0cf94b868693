/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_PORT_H
#define SHMBUS_PORT_H

/*
 * Slots: who is on the bus, and who is alive. A port owns the slot whose lock
 * it holds; everything in the slot's entry, lanes and cursors is its to write.
 */

#include "shmbus_bus.h"

struct shmbus_port_conf {
	uint8_t mac[6];
	char name[64]; /* for people; NUL-terminated */
	int numa_node; /* for the lanes it writes; -1: wherever they are touched first */
};

struct shmbus_port {
	struct shmbus_bus *bus;
	uint32_t slot;
	int numa_node;
	bool took_over; /* the slot's last owner died in it */
};

/* What another port says of itself, read once. */
struct shmbus_peer {
	uint32_t state; /* SHMBUS_PORT_... bits */
	uint32_t pid;
	uint64_t incarnation;
	uint32_t n_txq; /* not more than the bus has queues */
	uint32_t n_rxq;
	uint8_t mac[6];
	char name[64];
};

/*
 * Take a free slot, or that of a dead port, and allocate its cursors and its
 * first lane. Call with the attach lock held; the caller lets go of it.
 * -EUSERS: every slot is taken by a live port; -ENOSPC: no memory or disk left.
 */
int shmbus_port_attach(struct shmbus_port *port, struct shmbus_bus *bus,
		       const struct shmbus_port_conf *conf, struct shmbus_error *e);

/* Leave the slot. Call with the attach lock held, or without if it cannot be had. */
void shmbus_port_detach(struct shmbus_port *port);

/* Say what changed. Only the slot's owner, and one thread of it, calls these. */
void shmbus_port_set_state(struct shmbus_port *port, uint32_t state);
void shmbus_port_set_queues(struct shmbus_port *port, uint32_t n_txq, uint32_t n_rxq);
void shmbus_port_set_mac(struct shmbus_port *port, const uint8_t mac[6]);

/* Map one of the port's own lanes for writing and give it its memory. */
int shmbus_port_prepare_lane(struct shmbus_port *port, uint32_t queue);

/* Read a slot's entry. False if nobody says to own it. Says nothing about being alive. */
bool shmbus_port_peer(const struct shmbus_bus *bus, uint32_t slot, struct shmbus_peer *peer);

/* The same, or what the last owner left there. False if there has been none. */
bool shmbus_port_owner(const struct shmbus_bus *bus, uint32_t slot, struct shmbus_peer *peer);

/* Does somebody else hold the slot's lock? One system call. */
bool shmbus_port_alive(const struct shmbus_bus *bus, uint32_t slot);

/*
 * Has any slot's entry changed since the last look? If so, read the entries
 * again. seen: [ports], the caller's.
 */
bool shmbus_port_roster_changed(const struct shmbus_bus *bus, uint32_t *seen);

/* For that look to find everybody changed. */
void shmbus_port_roster_forget(const struct shmbus_bus *bus, uint32_t *seen);

/* How many live ports there are besides this one; one system call for each slot in use. */
uint32_t shmbus_port_count_peers(const struct shmbus_port *port);

#endif /* SHMBUS_PORT_H */
