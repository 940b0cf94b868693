/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "nic.h"

#define PORTS 64
/* Polls without a frame after which none is expected any more. */
#define QUIET 2000

struct rte_mempool *pool;
const char *nic_plugin = PLUGIN;

static cpu_set_t cpus; /* that the program may use; EAL keeps its thread on one of them */
static unsigned int pool_size;
static unsigned int serial;
static char names[PORTS][32]; /* of the ports that there are */
static FILE *log_stream;
static char *log_bytes;
static size_t log_len;

unsigned int
nic_objects(void)
{
	struct rte_malloc_socket_stats stats;

	assert_int_equal(rte_malloc_get_socket_stats((int)rte_socket_id(), &stats), 0);
	return stats.alloc_count;
}

uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Returns the first of the processors that the program may use, whatever its number. */
static int
any_cpu(void)
{
	int i;

	for (i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &cpus))
			return i;
	return 0;
}

void
nic_use_all_cpus(void)
{
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
}

int
eal_start(void **state)
{
	char lcores[32], prefix[64];
	char *args[] = {
		(char *)(uintptr_t)"test", (char *)(uintptr_t)"--no-huge", (char *)(uintptr_t)"-m",
		(char *)(uintptr_t)"96", (char *)(uintptr_t)"--no-pci", (char *)(uintptr_t)"--no-shconf",
		(char *)(uintptr_t)"--no-telemetry", (char *)(uintptr_t)"--log-level=warning",
		(char *)(uintptr_t)"--lcores", lcores, (char *)(uintptr_t)"--file-prefix", prefix, NULL,
	};
	int n = 0;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
		return -1;
	snprintf(lcores, sizeof(lcores), "0@%d", any_cpu());
	snprintf(prefix, sizeof(prefix), "shmbus-test-%d", (int)getpid());
	while (args[n] != NULL)
		n++;
	if (tmpdir_create(state) != 0)
		return -1;
	/* A thread that allocates would be given address space, which counts as held. */
	mallopt(M_ARENA_MAX, 1);
	if (nic_plugin != NULL && dlopen(nic_plugin, RTLD_NOW) == NULL) {
		print_error("# %s\n", dlerror());
		return -1;
	}
	if (rte_eal_init(n, args) < 0) {
		print_error("# rte_eal_init: %s\n", rte_strerror(rte_errno));
		return -1;
	}
	pool_size = 8191;
	pool = rte_pktmbuf_pool_create("pool", pool_size, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	if (pool == NULL)
		print_error("# no pool: %s\n", rte_strerror(rte_errno));
	return pool == NULL ? -1 : 0;
}

int
eal_stop(void **state)
{
	char dir[4096];

	snprintf(dir, sizeof(dir), "%s", rte_eal_get_runtime_dir());
	rte_mempool_free(pool);
	rte_eal_cleanup();
	rmdir(dir);
	return tmpdir_remove(state);
}

int
eal_abandon(void **state)
{
	rmdir(rte_eal_get_runtime_dir());
	return tmpdir_remove(state);
}

int
nic_probe_args(uint16_t *port, const char *args)
{
	char name[32];
	int ret;

	snprintf(name, sizeof(name), "net_shmbus%u", serial++);
	ret = rte_eal_hotplug_add("vdev", name, args);
	if (ret != 0)
		return ret;
	if (rte_eth_dev_get_port_by_name(name, port) != 0)
		fail_msg("%s,%s: probed, but there is no such port", name, args);
	assert_true(*port < PORTS);
	strcpy(names[*port], name);
	return 0;
}

/* Returns what every port gets besides, so that all tests of a program run on another kind of bus. */
static const char *
args_for_all(const char *args)
{
	const char *more = getenv("SHMBUS_TEST_ARGS");

	return more != NULL && (args == NULL || strstr(args, "shmif") == NULL) ? more : "";
}

int
nic_probe(uint16_t *port, const char *path, const char *args)
{
	char text[8192];

	snprintf(text, sizeof(text), "%s%s%s%s%s", path != NULL ? "path=" : "", path != NULL ? path : "",
		 path != NULL && args != NULL ? "," : "", args != NULL ? args : "",
		 path != NULL ? args_for_all(args) : "");
	return nic_probe_args(port, text);
}

uint16_t
nic_new(const char *path, const char *args)
{
	uint16_t port = UINT16_MAX;
	int ret;

	ret = nic_probe(&port, path, args);
	if (ret != 0)
		fail_msg("no port with path=%s,%s: %d", path, args, ret);
	return port;
}

void
nic_detach(uint16_t port)
{
	char name[32];

	strcpy(name, names[port]);
	names[port][0] = '\0';
	assert_int_equal(rte_eal_hotplug_remove("vdev", name), 0);
}

void
nic_remove(uint16_t port)
{
	rte_eth_dev_stop(port);
	assert_int_equal(rte_eth_dev_close(port), 0);
	nic_detach(port);
}

int
nic_teardown(void **state)
{
	uint16_t port;

	(void)state;
	log_end();
	for (port = 0; port < PORTS; port++)
		if (names[port][0] != '\0')
			nic_remove(port);
	if (rte_mempool_avail_count(pool) != pool_size) {
		print_error("# mbufs missing: %u\n", pool_size - rte_mempool_avail_count(pool));
		/* The next test is not to suffer. */
		pool_size = rte_mempool_avail_count(pool);
		return -1;
	}
	return 0;
}

void
nic_setup(uint16_t port, const struct nic_conf *conf)
{
	static const struct nic_conf none;
	struct rte_eth_conf eth;
	uint16_t i, n_rxq, n_txq;

	if (conf == NULL)
		conf = &none;
	memset(&eth, 0, sizeof(eth));
	eth.rxmode.offloads = conf->rx_offloads;
	eth.rxmode.mtu = conf->mtu;
	eth.rxmode.max_lro_pkt_size = conf->max_lro;
	eth.txmode.offloads = conf->tx_offloads;
	eth.lpbk_mode = conf->lpbk;
	eth.intr_conf.lsc = conf->lsc;
	eth.intr_conf.rmv = conf->rmv;
	if (conf->rss != NULL) {
		eth.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		eth.rx_adv_conf.rss_conf = *conf->rss;
	}
	eth.intr_conf.rxq = conf->rxq;
	n_rxq = conf->n_rxq != 0 ? conf->n_rxq : 1;
	n_txq = conf->n_txq != 0 || conf->readonly ? conf->n_txq : 1;
	assert_int_equal(rte_eth_dev_configure(port, n_rxq, n_txq, &eth), 0);
	for (i = 0; i < n_rxq; i++)
		assert_int_equal(rte_eth_rx_queue_setup(port, i, 0, 0, NULL,
				 conf->pool != NULL ? conf->pool : pool), 0);
	for (i = 0; i < n_txq; i++)
		assert_int_equal(rte_eth_tx_queue_setup(port, i, 0, 0, NULL), 0);
	if (!conf->filter)
		assert_int_equal(rte_eth_promiscuous_enable(port), 0);
}

void
nic_start(uint16_t port, const struct nic_conf *conf)
{
	nic_setup(port, conf);
	assert_int_equal(rte_eth_dev_start(port), 0);
}

bool
nic_is_up(uint16_t port)
{
	struct rte_eth_link link;

	assert_int_equal(rte_eth_link_get_nowait(port, &link), 0);
	return link.link_status == RTE_ETH_LINK_UP;
}

void
pair_new(struct pair *p, const char *args_a, const char *args_b)
{
	char *path = tmpdir_new_path();

	assert_true(strlen(path) < sizeof(p->path));
	strcpy(p->path, path);
	free(path);
	p->a = nic_new(p->path, args_a);
	p->b = nic_new(p->path, args_b);
}

void
pair_start_as(struct pair *p, const char *args, const struct nic_conf *a, const struct nic_conf *b)
{
	pair_new(p, args, args);
	nic_start(p->a, a);
	nic_start(p->b, b);
}

void
pair_start(struct pair *p, const char *args, const struct nic_conf *conf)
{
	pair_start_as(p, args, conf, conf);
}

void
pair_offload(struct pair *p, const char *args, uint64_t tx, uint64_t rx)
{
	const struct nic_conf a = { .tx_offloads = tx };
	const struct nic_conf b = { .rx_offloads = rx };

	pair_start_as(p, args, &a, &b);
}

uint16_t
pair_join(const struct pair *p, const char *args, const struct nic_conf *conf)
{
	const uint16_t port = nic_new(p->path, args);

	nic_start(port, conf);
	return port;
}

void
pair_remove(const struct pair *p)
{
	nic_remove(p->b);
	nic_remove(p->a);
}

struct rte_mbuf *
mbuf_new(struct rte_mempool *from, uint32_t len, uint64_t seq, uint32_t seg)
{
	static uint8_t bytes[UINT16_MAX + 1];
	struct rte_mbuf *head = NULL;
	struct rte_mbuf *m;
	uint32_t off, part;

	frame_fill(bytes, len, seq);
	off = 0;
	do {
		m = rte_pktmbuf_alloc(from);
		assert_non_null(m);
		part = seg != 0 && seg < rte_pktmbuf_tailroom(m) ? seg : rte_pktmbuf_tailroom(m);
		if (part > len - off)
			part = len - off;
		memcpy(rte_pktmbuf_append(m, (uint16_t)part), bytes + off, part);
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
		off += part;
	} while (off < len);
	return head;
}

void
mbuf_address(struct rte_mbuf *m, const struct rte_ether_addr *dst)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

	rte_ether_addr_copy(dst, &eth->dst_addr);
}

void
mbuf_assert(const struct rte_mbuf *m, uint32_t len, uint64_t seq)
{
	static uint8_t bytes[UINT16_MAX + 1];
	const char *reason;
	const void *p;

	if (rte_mbuf_check(m, 1, &reason) != 0)
		fail_msg("frame %llu: %s", (unsigned long long)seq, reason);
	assert_int_equal(rte_pktmbuf_pkt_len(m), len);
	assert_int_equal(m->ol_flags, 0);
	assert_int_equal(rte_mbuf_refcnt_read(m), 1);
	assert_int_equal(m->data_off, RTE_PKTMBUF_HEADROOM);
	p = rte_pktmbuf_read(m, 0, len, bytes);
	assert_non_null(p);
	if (!frame_is(p, len, seq))
		fail_msg("frame %llu of %u bytes is not what was sent", (unsigned long long)seq, len);
}

bool
send_mbuf(uint16_t port, uint16_t queue, struct rte_mbuf *m)
{
	return rte_eth_tx_burst(port, queue, &m, 1) == 1;
}

uint32_t
send_some(uint16_t port, uint16_t queue, uint32_t len, uint64_t seq, uint32_t n)
{
	struct rte_mbuf *pkts[32];
	uint32_t sent = 0;
	uint16_t i, k, took;

	while (sent < n) {
		k = (uint16_t)RTE_MIN(n - sent, (uint32_t)RTE_DIM(pkts));
		for (i = 0; i < k; i++)
			pkts[i] = mbuf_new(pool, len, seq + sent + i, 0);
		took = rte_eth_tx_burst(port, queue, pkts, k);
		sent += took;
		if (took != k) {
			rte_pktmbuf_free_bulk(&pkts[took], k - took);
			break;
		}
	}
	return sent;
}

void
send_frames(uint16_t port, uint16_t queue, uint32_t len, uint64_t seq, uint32_t n)
{
	assert_int_equal(send_some(port, queue, len, seq, n), n);
}

uint32_t
receive(uint16_t port, uint16_t queue, struct rte_mbuf **pkts, uint32_t n)
{
	unsigned int quiet = 0;
	uint32_t got = 0;
	uint16_t now;

	while (got < n && quiet < QUIET) {
		now = rte_eth_rx_burst(port, queue, &pkts[got], (uint16_t)RTE_MIN(n - got, 32u));
		got += now;
		quiet = now != 0 ? 0 : quiet + 1;
	}
	return got;
}

void
expect_none(uint16_t port, uint16_t queue)
{
	struct rte_mbuf *m;

	if (receive(port, queue, &m, 1) != 0)
		fail_msg("port %u, queue %u: a frame of %u bytes that should not be", port, queue,
			 rte_pktmbuf_pkt_len(m));
}

void
expect_frames(uint16_t port, uint16_t queue, uint32_t len, uint64_t seq, uint32_t n)
{
	struct rte_mbuf *m;
	uint32_t i;

	for (i = 0; i < n; i++) {
		if (receive(port, queue, &m, 1) != 1)
			fail_msg("port %u, queue %u: %u of %u frames came", port, queue, i, n);
		assert_int_equal(m->port, port);
		mbuf_assert(m, len, seq + i);
		rte_pktmbuf_free(m);
	}
	expect_none(port, queue);
}

uint32_t
drain(uint16_t port, uint16_t queue)
{
	struct rte_mbuf *m;
	uint32_t n = 0;

	while (receive(port, queue, &m, 1) != 0) {
		rte_pktmbuf_free(m);
		n++;
	}
	return n;
}

struct rte_eth_stats
stats_of(uint16_t port)
{
	struct rte_eth_stats stats;

	assert_int_equal(rte_eth_stats_get(port, &stats), 0);
	return stats;
}

uint64_t
xstat_of(uint16_t port, const char *name)
{
	uint64_t id, value;

	if (rte_eth_xstats_get_id_by_name(port, name, &id) != 0)
		fail_msg("no xstat %s", name);
	assert_int_equal(rte_eth_xstats_get_by_id(port, &id, &value, 1), 1);
	return value;
}

void
log_begin(void)
{
	log_end();
	log_stream = open_memstream(&log_bytes, &log_len);
	assert_non_null(log_stream);
	rte_openlog_stream(log_stream);
}

const char *
log_text(void)
{
	fflush(log_stream);
	return log_bytes;
}

void
log_end(void)
{
	if (log_stream == NULL)
		return;
	rte_openlog_stream(NULL);
	fclose(log_stream);
	free(log_bytes);
	log_stream = NULL;
}

static void
on_alarm(void *arg)
{
	__atomic_store_n((uint32_t *)arg, 1, __ATOMIC_RELEASE);
}

void
nic_settle(void)
{
	uint32_t done;
	int i;

	/* The link is looked at every 100 ms, twice in this time. */
	for (i = 0; i < 2; i++) {
		done = 0;
		assert_int_equal(rte_eal_alarm_set(110 * 1000, on_alarm, &done), 0);
		eventually(__atomic_load_n(&done, __ATOMIC_ACQUIRE) == 1);
	}
}

char nic_lanes[] = "format=lanes";
char nic_shmif[] = "format=shmif";

bool
nic_is_lanes(const void *format)
{
	return format == nic_lanes;
}

void
nic_exchange(uint16_t a, uint16_t b)
{
	send_frames(a, 0, 100, 1, 10);
	expect_frames(b, 0, 100, 1, 10);
	send_frames(b, 0, 1514, 2, 10);
	expect_frames(a, 0, 1514, 2, 10);
}

void
nic_assert_silent(uint16_t port)
{
	struct rte_mbuf *m = mbuf_new(pool, 60, 0, 0);

	assert_false(nic_is_up(port));
	assert_false(send_mbuf(port, 0, m));
	rte_pktmbuf_free(m);
	expect_none(port, 0);
}

void
nic_refuse(const char *path, const char *args, const char *const *texts)
{
	const unsigned int files = tmpdir_count();
	struct snapshot snap = { .path = NULL };
	struct stat st;
	uint16_t port;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
		snapshot_take(&snap, path);
	log_begin();
	if (nic_probe(&port, path, args) == 0)
		fail_msg("%s: not refused", args);
	for (; *texts != NULL; texts++)
		assert_in_text(log_text(), *texts);
	log_end();
	assert_int_equal(tmpdir_count(), files);
	if (snap.path != NULL) {
		snapshot_assert_same(&snap);
		snapshot_free(&snap);
	}
}
