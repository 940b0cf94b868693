/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_ARGS_H
#define SHMBUS_ARGS_H

/* The device arguments: the text behind "--vdev=net_shmbusN,". */

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
	char path[PATH_MAX]; /* "": on no bus; as a device argument for shmif only */
	enum shmbus_wire_format format;
	struct rte_ether_addr mac; /* zero: not given */
	uint32_t ports; /* 0: not given; the same for the next two */
	uint32_t queues;
	uint64_t lane_size; /* bytes */
	enum shmbus_deliver deliver;
	uint32_t mode;      /* permission bits; 0: not given */
	bool pause;
	uint32_t pause_timeout_ms;
	enum shmbus_carrier carrier;
	int numa; /* a node, or SHMBUS_NUMA_... */
	bool unlink;
	bool readonly; /* receive only, take no slot */
	bool mirror;   /* on a switch: receive also what is for other ports */
	bool ptypes_always; /* packet types even if the application does not ask for them */
	bool quiet; /* shmif: do not wake sleepers */
	uint32_t lock_break_ms;
	uint32_t given; /* a bit for each key that was given; for shmbus_args_suit */
};

/*
 * Reads the device arguments; NULL or "" gives the defaults. Returns 0, or -errno
 * after logging the mistake with its key and value.
 */
int shmbus_args_parse(struct shmbus_args *args, const char *params);

/* Returns 0, or -EINVAL, logged, if a key was given that has no meaning on this format. */
int shmbus_args_suit(const struct shmbus_args *args, enum shmbus_wire_format format);

#endif /* SHMBUS_ARGS_H */
