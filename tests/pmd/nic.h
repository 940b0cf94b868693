/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_NIC_H
#define TEST_NIC_H

/*
 * Ports of the driver as an application uses them, and frames in mbufs. EAL
 * is started once for each test program.
 */

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "check.h"
#include "frame.h"
#include "tmpdir.h"

/* The plugin that eal_start loads; NULL: the driver is in the program. */
extern const char *nic_plugin;

/* Group setup and teardown of cmocka: EAL, a pool, and a folder for bus files. */
int eal_start(void **state);
int eal_stop(void **state);
/* Group teardown for programs that leave EAL as it is: rte_eal_cleanup() is not possible. */
int eal_abandon(void **state);

/* Lets the calling thread run on all processors, as EAL keeps its own on one. */
void nic_use_all_cpus(void);

/* 8191 mbufs of the usual size; all are there when a test begins. */
extern struct rte_mempool *pool;

/* Test teardown: all ports go, their files too, and no mbuf may be missing. */
int nic_teardown(void **state);

/* A port, or its error, with these arguments behind path=. NULL path: none at all. */
int nic_probe(uint16_t *port, const char *path, const char *args);
/* The same, which must go well. */
uint16_t nic_new(const char *path, const char *args);
/* All of --vdev's arguments are given. */
int nic_probe_args(uint16_t *port, const char *args);
/* Stop, close and detach. */
void nic_remove(uint16_t port);
/* Detach a port that was closed already. */
void nic_detach(uint16_t port);

struct nic_conf {
	uint16_t n_rxq; /* 0: 1; so for the next */
	uint16_t n_txq;
	uint16_t mtu;   /* 0: as it is */
	uint32_t max_lro; /* 0: ethdev's choice */
	uint64_t rx_offloads;
	uint64_t tx_offloads;
	bool filter;    /* not promiscuous */
	bool lpbk;
	bool lsc;
	bool rmv;
	bool rxq;       /* Rx interrupts */
	bool readonly;  /* no Tx queue */
	struct rte_mempool *pool; /* NULL: the one above */
	const struct rte_eth_rss_conf *rss; /* NULL: no RSS */
};

/* Configure, set up queues, and start. NULL: all by default. */
void nic_start(uint16_t port, const struct nic_conf *conf);
void nic_setup(uint16_t port, const struct nic_conf *conf);

/* Is its link up? */
bool nic_is_up(uint16_t port);

/* Two ports, most often on one bus; path is that of a. */
struct pair {
	char path[256];
	uint16_t a, b;
};
/* On a new bus, not started. */
void pair_new(struct pair *p, const char *args_a, const char *args_b);
/* Started. */
void pair_start(struct pair *p, const char *args, const struct nic_conf *conf);
/* Started, with a conf for each of them. */
void pair_start_as(struct pair *p, const char *args, const struct nic_conf *a,
		   const struct nic_conf *b);
/* a takes these Tx offloads, b these Rx offloads. */
void pair_offload(struct pair *p, const char *args, uint64_t tx, uint64_t rx);
/* One more port on that bus, started. */
uint16_t pair_join(const struct pair *p, const char *args, const struct nic_conf *conf);
/* Removes a and b. */
void pair_remove(const struct pair *p);

/* A frame of len bytes with the content of a number; in segments of at most seg bytes, if given. */
struct rte_mbuf *mbuf_new(struct rte_mempool *from, uint32_t len, uint64_t seq, uint32_t seg);
/* Is it that frame, and a proper chain? */
void mbuf_assert(const struct rte_mbuf *m, uint32_t len, uint64_t seq);
/* The first bytes of a frame are an Ethernet header to dst. */
void mbuf_address(struct rte_mbuf *m, const struct rte_ether_addr *dst);

/* Send n frames of len bytes with numbers from seq on; all must be taken. */
void send_frames(uint16_t port, uint16_t queue, uint32_t len, uint64_t seq, uint32_t n);
/* As many of them as are taken at once. */
uint32_t send_some(uint16_t port, uint16_t queue, uint32_t len, uint64_t seq, uint32_t n);
bool send_mbuf(uint16_t port, uint16_t queue, struct rte_mbuf *m);
/* Poll until n frames have come, or nothing comes for a long time. */
uint32_t receive(uint16_t port, uint16_t queue, struct rte_mbuf **pkts, uint32_t n);
/* n frames of len bytes with numbers from seq on must come, and no more. */
void expect_frames(uint16_t port, uint16_t queue, uint32_t len, uint64_t seq, uint32_t n);
/* Nothing comes, however often one asks. */
void expect_none(uint16_t port, uint16_t queue);
/* Take and free what is there; how many frames that were. */
uint32_t drain(uint16_t port, uint16_t queue);

struct rte_eth_stats stats_of(uint16_t port);
uint64_t xstat_of(uint16_t port, const char *name);

/* The messages of EAL and the driver from now on, until log_end. */
void log_begin(void);
const char *log_text(void);
void log_end(void);

/* Pieces of memory that are allocated on EAL's heap of this thread's node. */
unsigned int nic_objects(void);

/* Monotonic. */
uint64_t now_ms(void);
/* Try until the condition holds, for at most a minute. */
#define eventually(condition) \
	do { \
		const uint64_t eventually_start = now_ms(); \
		while (!(condition)) { \
			if (now_ms() - eventually_start > 60000) \
				fail_msg("not within 60 s: %s", #condition); \
			rte_delay_us_sleep(1000); \
		} \
	} while (0)

/* What was due in EAL's interrupt thread has run, the look at each link twice. */
void nic_settle(void);

/* ---- the format as the parameter of a test */

/* The state of such a test: format=lanes or format=shmif, to give to a port. */
extern char nic_lanes[], nic_shmif[];
bool nic_is_lanes(const void *format);

/* A test for each format. */
#define BOTH_FORMATS(test) \
	{ #test " (lanes)", test, NULL, nic_teardown, nic_lanes }, \
	{ #test " (shmif)", test, NULL, nic_teardown, nic_shmif }
#define LANES_ONLY(test) { #test, test, NULL, nic_teardown, nic_lanes }
#define SHMIF_ONLY(test) { #test, test, NULL, nic_teardown, nic_shmif }

/* Ten frames each way. */
void nic_exchange(uint16_t a, uint16_t b);
/* A started port has no link, takes nothing, and nothing comes. */
void nic_assert_silent(uint16_t port);
/* No port with these arguments: the log has each of the texts, and no file is touched or made. */
#define nic_assert_refused(path, args, ...) \
	nic_refuse(path, args, (const char *const[]){ __VA_ARGS__, NULL })
void nic_refuse(const char *path, const char *args, const char *const *texts);

#endif /* TEST_NIC_H */
