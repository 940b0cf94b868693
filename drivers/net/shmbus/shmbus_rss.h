/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_RSS_H
#define SHMBUS_RSS_H

/*
 * Receive side scaling: a flow's hash says which Rx queue gets its frames. The
 * hash is Toeplitz's, over the addresses, and the ports where the type is
 * asked for by name. Here: the hash, and what ethdev configures.
 */

#include <stdbool.h>
#include <stdint.h>

#include <ethdev_driver.h>

struct shmbus_headers;

#define SHMBUS_RSS_KEY 40
#define SHMBUS_RSS_RETA 128
/*
 * The _EX types ask for the home address in IPv6's extension headers. It is not
 * looked for, as in a packet that has none: they are the same types once more.
 */
#define SHMBUS_RSS_TYPES \
	(RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP | \
	 RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV4_SCTP | \
	 RTE_ETH_RSS_NONFRAG_IPV4_OTHER | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 | \
	 RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP | \
	 RTE_ETH_RSS_NONFRAG_IPV6_SCTP | RTE_ETH_RSS_NONFRAG_IPV6_OTHER | \
	 RTE_ETH_RSS_IPV6_EX | RTE_ETH_RSS_IPV6_TCP_EX | RTE_ETH_RSS_IPV6_UDP_EX)

/* A hash function: of which frames, and by which key. */
struct shmbus_toeplitz {
	uint64_t types;
	uint8_t key[SHMBUS_RSS_KEY];
	uint32_t words[SHMBUS_RSS_KEY / sizeof(uint32_t)]; /* the key as rte_softrss_be() wants it */
};

/* As ethdev configured it. Written under the port's steering lock (shmbus_steer.h). */
struct shmbus_rss {
	bool on; /* mq_mode */
	struct shmbus_toeplitz toeplitz;
	uint16_t reta[SHMBUS_RSS_RETA];
};

/* NULL key: the default one. */
void shmbus_toeplitz_set(struct shmbus_toeplitz *t, uint64_t types, const uint8_t *key);
/* False, and 0, if the frame is of no type that is hashed. */
bool shmbus_toeplitz_hash(const struct shmbus_toeplitz *t, const struct shmbus_headers *h,
			  uint32_t *hash);

/* From dev_configure. */
int shmbus_rss_configure(struct rte_eth_dev *dev);
int shmbus_rss_hash_update(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf);
int shmbus_rss_hash_conf_get(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf);
int shmbus_reta_update(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *conf,
		       uint16_t size);
int shmbus_reta_query(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *conf,
		      uint16_t size);

#endif /* SHMBUS_RSS_H */
