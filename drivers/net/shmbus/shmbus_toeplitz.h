/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_TOEPLITZ_H
#define SHMBUS_TOEPLITZ_H

/*
 * The hash of receive side scaling (RSS), and its configuration. The hash of a flow
 * chooses the Rx queue of its frames. It is the Toeplitz hash of the addresses, and
 * of the ports too if the types of TCP, UDP or SCTP are configured.
 */

#include <stdbool.h>
#include <stdint.h>

#include <ethdev_driver.h>

struct shmbus_headers;

#define SHMBUS_RSS_KEY 40
#define SHMBUS_RSS_RETA 128
/*
 * The _EX types ask for the home address in IPv6's extension headers. The driver
 * does not look for it and hashes as for a packet without one: the _EX types mean
 * the same as the types without _EX.
 */
#define SHMBUS_RSS_TYPES \
	(RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP | \
	 RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV4_SCTP | \
	 RTE_ETH_RSS_NONFRAG_IPV4_OTHER | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 | \
	 RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP | \
	 RTE_ETH_RSS_NONFRAG_IPV6_SCTP | RTE_ETH_RSS_NONFRAG_IPV6_OTHER | \
	 RTE_ETH_RSS_IPV6_EX | RTE_ETH_RSS_IPV6_TCP_EX | RTE_ETH_RSS_IPV6_UDP_EX)

/* A hash function: the types of frames, and the key. */
struct shmbus_toeplitz {
	uint64_t types;
	uint8_t key[SHMBUS_RSS_KEY];
	uint32_t words[SHMBUS_RSS_KEY / sizeof(uint32_t)]; /* the key, for rte_softrss_be() */
};

/* The configuration. Written under the port's steering lock (shmbus_steer.h). */
struct shmbus_rss {
	bool on; /* mq_mode */
	struct shmbus_toeplitz toeplitz;
	uint16_t reta[SHMBUS_RSS_RETA];
};

/* Sets types and key; a NULL key is the default key. */
void shmbus_toeplitz_set(struct shmbus_toeplitz *t, uint64_t types, const uint8_t *key);
/* Computes the hash. Returns false, and hash 0, if the type of the frame is not hashed. */
bool shmbus_toeplitz_hash(const struct shmbus_toeplitz *t, const struct shmbus_headers *h,
			  uint32_t *hash);

#endif /* SHMBUS_TOEPLITZ_H */
