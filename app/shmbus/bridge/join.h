/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef BRIDGE_JOIN_H
#define BRIDGE_JOIN_H

/*
 * The life of a subcommand that joins a device to a bus: begin, attach, ready, carry; or
 * give_up instead of the last two. Each function that returns an int returns 0, or -errno
 * after a message.
 */

#include <stdbool.h>

#include <shmbus.h>

#include "cmd.h"
#include "device.h"

struct bridge;
struct bridge_threads;

struct bridge_join {
	struct shmbus_station *st;
	struct bridge *bridge; /* the first of the list */
	struct bridge_threads *threads;
	struct bridge_device *dev;
	const char *path;
	bool was_there; /* the file, before the attach */
	int background; /* what background_begin() returned, or -1 */
	int stop; /* the descriptor of stop_catch() */
};

/* Catches signals. background: the parent returns to the shell when the device is ready. */
int bridge_join_begin(struct bridge_join *join, bool background);

/* Attaches to the bus. The device has as many queues as conf says that the port has. */
int bridge_join_attach(struct bridge_join *join, const char *path, const struct shmbus_conf *conf);

/* Makes a bridge for each queue of the device. After this the caller prints a line that scripts wait for. */
int bridge_join_ready(struct bridge_join *join, struct bridge_device *dev);

/*
 * Says that the bridge is ready, gives up the rights that the device does not need any more,
 * carries frames until the end, prints the counters, and leaves the bus. Returns what run() of
 * the subcommand is to return.
 */
enum cmd_status bridge_join_carry(struct bridge_join *join);

/* Leaves the bus after an error. Removes it if this command created the bus and its file. */
void bridge_join_give_up(struct bridge_join *join);

#endif /* BRIDGE_JOIN_H */
