/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_PORT_H
#define SHMBUS_PORT_H

/*
 * Slots: the ports of a bus, and the proof that they live. A port owns the
 * slot whose lock it holds. Only the owner writes the slot's entry, its lanes
 * and its cursors.
 */

#include "shmbus_bus.h"

struct shmbus_port_conf {
	uint8_t mac[6];
	char name[64]; /* for people; NUL-terminated */
	int numa_node; /* for its own lanes; -1: node of the first access */
	uint32_t lanes; /* of its own, which get their memory at once; 0: one */
};

struct shmbus_port {
	struct shmbus_bus *bus;
	uint32_t slot;
	int numa_node;
	bool took_over; /* the slot's last owner died without leaving it */
};

/* The entry of another port, read once. */
struct shmbus_peer {
	uint32_t state; /* SHMBUS_PORT_... bits */
	uint32_t pid;
	uint64_t incarnation;
	uint32_t n_txq; /* at most the bus's queues */
	uint32_t n_rxq;
	uint8_t mac[6];
	char name[64];
};

/*
 * Takes a free slot, or the slot of a dead port, and allocates its cursors and
 * its first lanes. The caller holds the attach lock, and releases it
 * afterwards. Returns -EUSERS if living ports own all slots, -ENOSPC if there
 * is no memory or disk space.
 */
int shmbus_port_attach(struct shmbus_port *port, struct shmbus_bus *bus,
		       const struct shmbus_port_conf *conf, struct shmbus_error *e);

/* Leaves the slot. The caller holds the attach lock, or has failed to get it. */
void shmbus_port_detach(struct shmbus_port *port);

/* Publish a change of the port's entry. For the slot's owner, one thread at a time. */
void shmbus_port_set_state(struct shmbus_port *port, uint32_t state);
void shmbus_port_set_queues(struct shmbus_port *port, uint32_t n_txq, uint32_t n_rxq);
void shmbus_port_set_mac(struct shmbus_port *port, const uint8_t mac[6]);

/* Maps one of the port's own lanes for writing, allocates its memory and faults it in. */
int shmbus_port_prepare_lane(struct shmbus_port *port, uint32_t queue);

/*
 * Reads a slot's entry. Returns false if the entry names no owner. A true
 * result does not mean that the owner lives.
 */
bool shmbus_port_peer(const struct shmbus_bus *bus, uint32_t slot, struct shmbus_peer *peer);

/*
 * Reads a slot's entry even if its last owner has left. Returns false if there
 * has been no owner.
 */
bool shmbus_port_owner(const struct shmbus_bus *bus, uint32_t slot, struct shmbus_peer *peer);

/* Returns whether another open file description holds the slot's lock. One system call. */
bool shmbus_port_alive(const struct shmbus_bus *bus, uint32_t slot);

/*
 * Returns whether any slot's entry has changed since the last call with the
 * same array; if so, the caller reads the entries again. seen: [ports], the
 * caller's.
 */
bool shmbus_port_roster_changed(const struct shmbus_bus *bus, uint32_t *seen);

/* Makes the next shmbus_port_roster_changed() report a change. */
void shmbus_port_roster_forget(const struct shmbus_bus *bus, uint32_t *seen);

/* Counts the living ports besides this one. One system call for each slot in use. */
uint32_t shmbus_port_count_peers(const struct shmbus_port *port);

/*
 * Returns whether another living port is started and has not set its link down. System calls
 * as above, for ports of this state alone.
 */
bool shmbus_port_has_partner(const struct shmbus_port *port);

#endif /* SHMBUS_PORT_H */
