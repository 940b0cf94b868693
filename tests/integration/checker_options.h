/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CHECKER_OPTIONS_H
#define CHECKER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

struct options {
	bool send;
	bool receive;
	bool fast_free;
	bool wait;         /* with sending, for the command go */
	bool sleep;        /* where nothing comes, until an interrupt */
	uint16_t port;
	uint16_t id;       /* of the first stream; one stream a Tx queue */
	uint16_t queues;
	uint16_t burst;
	uint64_t count;    /* frames to send; 0: until told to stop */
	bool addressed;    /* the frames sent go to this address */
	struct rte_ether_addr to;
	uint32_t min_len;
	uint32_t max_len;
	uint32_t short_len; /* most frames are at most so long ... */
	uint32_t long_percent; /* ... but these */
	uint32_t segments; /* at most, per frame sent */
	uint32_t mtu;
	uint32_t room;     /* of an mbuf, without its headroom */
	uint32_t mbufs;
	uint32_t hold;     /* frames that are kept for a while before they are looked at */
	uint32_t slow_us;  /* sleep so long ... */
	uint32_t slow_every; /* ... after so many received frames */
	uint64_t seed;
};

/* The arguments behind EAL's. False, with a message, if they make no sense. */
bool options_parse(struct options *opt, int argc, char **argv);

#endif /* CHECKER_OPTIONS_H */
