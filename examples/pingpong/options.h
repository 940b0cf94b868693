/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define MIN_SIZE 60
#define MAX_SIZE 9600
#define MAX_BURST 256

enum role { ROLE_NONE, ROLE_PING, ROLE_PONG, ROLE_BOTH };

struct options {
	enum role role;
	bool json;
	uint16_t port;
	uint16_t rx_port; /* the same unless it was given */
	uint16_t size;
	uint16_t burst;
	uint64_t count;
	uint64_t warmup;
	uint64_t timeout_ms; /* for a burst to come back */
	uint64_t wait_s;     /* for the other side to appear */
};

/* Parses the options behind the EAL's `--`. Ends the program with a message if they are wrong. */
void options_parse(int argc, char **argv, struct options *o);

#endif /* OPTIONS_H */
