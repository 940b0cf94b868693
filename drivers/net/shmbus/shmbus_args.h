/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_ARGS_H
#define SHMBUS_ARGS_H

/* The device arguments: what stands behind --vdev=net_shmbusN, */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#include "base/station/shmbus_wire.h"

#define SHMBUS_PATH_DEFAULT "/dev/shm/shmbus"
#define SHMBUS_PAUSE_TIMEOUT_MS_DEFAULT 1000
#define SHMBUS_LOCK_BREAK_MS_DEFAULT 5000

#define SHMBUS_NUMA_NONE (-1)
#define SHMBUS_NUMA_AUTO (-2)

enum shmbus_carrier {
	SHMBUS_CARRIER_BUS,  /* link up while attached */
	SHMBUS_CARRIER_PEER, /* link up while another live port is there */
};

struct shmbus_args {
	char path[PATH_MAX]; /* "": on no bus yet, for shmif only */
	enum shmbus_wire_format format;
	struct rte_ether_addr mac;
	bool mac_given;
	uint32_t ports; /* 0: not given; so for the next two */
	uint32_t queues;
	uint64_t lane_size; /* bytes */
	uint32_t mode;      /* permission bits; 0: not given */
	bool pause;
	uint32_t pause_timeout_ms;
	enum shmbus_carrier carrier;
	int numa; /* a node, or SHMBUS_NUMA_... */
	bool unlink;
	bool readonly; /* look on only */
	bool ptypes_always; /* whether the application asks for packet types or not */
	bool quiet; /* shmif: wake no sleepers */
	uint32_t lock_break_ms;
	uint32_t given; /* which keys were, a bit each; for shmbus_args_suit */
};

/*
 * Read the device arguments; NULL or "" gives the defaults. Each mistake is
 * logged with its key and value. 0 or -errno.
 */
int shmbus_args_parse(struct shmbus_args *args, const char *params);

/* Is there a key that a bus of this format knows nothing of? Logged. 0 or -EINVAL. */
int shmbus_args_suit(const struct shmbus_args *args, enum shmbus_wire_format format);

#endif /* SHMBUS_ARGS_H */
