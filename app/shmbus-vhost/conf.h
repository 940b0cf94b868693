/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CONF_H
#define CONF_H

/* The command line of shmbus-vhost, without the part that is EAL's. */

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#define CONF_GUESTS_MAX 32
#define CONF_QUEUES_MAX 64

struct conf_guest {
	const char *socket;
	struct rte_ether_addr mac;
	bool mac_given;
};

struct conf {
	const char *path; /* of the bus */
	struct conf_guest guests[CONF_GUESTS_MAX];
	uint32_t n_guests;
	uint32_t queues;
	bool client;
	bool lossy;
};

/*
 * Parses argv[0..argc-1]; argv[0] is the program's name. Returns 0, -1 after --help, and -2 after
 * an error, which was reported on stderr.
 */
int conf_parse(int argc, char **argv, struct conf *conf);

#endif /* CONF_H */
