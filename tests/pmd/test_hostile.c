/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A peer that asks for what cannot be done: requests of checksums and
 * segments that its frames do not fit. They are counted and dropped, the next
 * frame arrives, and nobody's log gets longer however often it happens.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_interrupts.h>
#include <rte_ip.h>

#include "base/lanes/shmbus_port.h"
#include "base/lanes/shmbus_request.h"
#include "base/lanes/shmbus_writer.h"
#include "hostile_vectors.h"
#include "shmbus_bus_open.h"

#define LANES "ports=4,queues=1,lane_size=262144"
#define CKSUM (RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_IPV4_CKSUM)
#define LRO (RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER)
#define ALL (SHMBUS_REQUEST_IP_CKSUM | SHMBUS_REQUEST_L4_CKSUM | SHMBUS_REQUEST_SEGMENT)
#define PAYLOAD 100u

static struct {
	struct shmbus_bus bus;
	struct shmbus_port port;
	struct shmbus_writer w;
	struct shmbus_stall stalls[4];
} peer;

static const struct vector *const v = &honest[0];
static uint8_t bytes[UINT16_MAX + 1];
static uint32_t len;

static uint16_t
start(uint64_t offloads)
{
	const struct nic_conf conf = { .rx_offloads = offloads, .rxq = true };
	const struct shmbus_port_conf port = { .name = "peer", .numa_node = -1 };
	char *path = tmpdir_new_path();
	const struct shmbus_bus_conf bus = { .path = path };
	uint16_t id;

	id = nic_new(path, LANES);
	nic_start(id, &conf);
	assert_int_equal(shmbus_bus_open(&peer.bus, &bus, NULL), 0);
	assert_int_equal(shmbus_port_attach(&peer.port, &peer.bus, &port, NULL), 0);
	shmbus_file_unlock(&peer.bus.file);
	shmbus_port_set_queues(&peer.port, 1, 0);
	shmbus_writer_start(&peer.bus, &peer.w, peer.port.slot, 0, peer.stalls, false, 0);
	free(path);
	return id;
}

static void
stop(void)
{
	shmbus_port_detach(&peer.port);
	shmbus_bus_close(&peer.bus);
}

/* A record of one frame; req NULL: without a request. */
static void
send_forged(const struct shmbus_request *req)
{
	const uint32_t data_off = shmbus_burst_data_off(1);
	const uint32_t total = data_off + shmbus_request_extent(len);
	uint8_t *record;

	assert_true(shmbus_writer_room(&peer.bus, &peer.w, total));
	record = shmbus_writer_record(&peer.bus, &peer.w);
	memcpy(record + data_off, bytes, len);
	if (req != NULL)
		shmbus_request_store(record + total, req);
	shmbus_store(&shmbus_burst_desc(record)[0], len | (req != NULL ? SHMBUS_DESC_REQUEST : 0));
	shmbus_writer_publish(&peer.bus, &peer.w, record, 1, data_off, total, len, 1);
}

static struct shmbus_request
honest_request(void)
{
	len = vector_copy(bytes, &v->right);
	return (struct shmbus_request){
		.flags = ALL,
		.l4 = SHMBUS_REQUEST_TCP,
		.l3_off = v->l2_len,
		.l4_off = v->l2_len + v->l3_len,
		.data_off = v->l2_len + v->l3_len + v->l4_len,
		.segment = 40,
	};
}

/* What comes next is received as ever. */
static void
assert_goes_on(uint16_t id)
{
	struct rte_mbuf *m;

	drain(id, 0);
	send_forged(NULL);
	assert_int_equal(receive(id, 0, &m, 1), 1);
	vector_assert_bytes(m, bytes, len, v->name);
	rte_pktmbuf_free(m);
}

static void
assert_refused(uint16_t id, const struct shmbus_request *req)
{
	const uint64_t before = stats_of(id).ierrors;

	send_forged(req);
	expect_none(id, 0);
	assert_true(stats_of(id).ierrors > before);
	assert_goes_on(id);
}

/* The shape is right, the frame is another one. */
static void
check_requests(uint64_t offloads)
{
	const uint16_t id = start(offloads);
	struct shmbus_request req;
	unsigned int i;

	req = honest_request();
	assert_goes_on(id);
	/* No IP there. */
	bytes[v->l2_len] = 0;
	assert_refused(id, &req);
	/* A longer header than the request says. */
	bytes[v->l2_len] = 0x4f;
	req.flags = SHMBUS_REQUEST_IP_CKSUM | SHMBUS_REQUEST_L4_CKSUM;
	req.data_off = 0;
	req.segment = 0;
	send_forged(&req);
	drain(id, 0);
	req = honest_request();
	/* What no request can be. */
	for (i = 0; i < 8; i++) {
		req = honest_request();
		((uint16_t *)&req)[i] = UINT16_MAX;
		/* Segments as long as can be are one; the frame is whole. */
		if (i == offsetof(struct shmbus_request, segment) / 2)
			continue;
		assert_refused(id, &req);
	}
	stop();
}

static void
test_requests(void **state)
{
	(void)state;
	check_requests(0);
	check_requests(CKSUM);
	check_requests(LRO | CKSUM);
}

/* One byte in each segment: many, and each is what it should be. */
static void
test_tiny_segments(void **state)
{
	const uint16_t id = start(0);
	struct shmbus_request req = honest_request();
	struct rte_mbuf *pkts[PAYLOAD];
	uint32_t i;

	(void)state;
	req.segment = 1;
	send_forged(&req);
	assert_int_equal(receive(id, 0, pkts, PAYLOAD), PAYLOAD);
	for (i = 0; i < PAYLOAD; i++) {
		assert_int_equal(pkts[i]->pkt_len, len - PAYLOAD + 1);
		assert_int_equal(*rte_pktmbuf_mtod_offset(pkts[i], uint8_t *, len - PAYLOAD),
				 bytes[len - PAYLOAD + i]);
		rte_pktmbuf_free(pkts[i]);
	}
	expect_none(id, 0);
	assert_goes_on(id);
	stop();
}

/* The header's sum was not asked for: segments have lengths of their own, so it is put in. */
static void
test_segments_alone(void **state)
{
	static const uint64_t offloads[] = { 0, LRO, LRO | CKSUM };
	struct shmbus_request req;
	struct rte_mbuf *m;
	unsigned int i;
	uint32_t n;
	uint16_t id;

	(void)state;
	for (i = 0; i < RTE_DIM(offloads); i++) {
		id = start(offloads[i]);
		req = honest_request();
		req.flags = SHMBUS_REQUEST_L4_CKSUM | SHMBUS_REQUEST_SEGMENT;
		vector_spoil(bytes, v, RTE_MBUF_F_TX_IP_CKSUM);
		send_forged(&req);
		for (n = 0; receive(id, 0, &m, 1) == 1; n++) {
			assert_int_equal(rte_ipv4_cksum(rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *,
							RTE_ETHER_HDR_LEN)), 0);
			rte_pktmbuf_free(m);
		}
		assert_int_equal(n, offloads[i] == 0 ? 3 : 1);
		stop();
		nic_remove(id);
	}
}

static void
test_silence(void **state)
{
	const uint16_t id = start(LRO | CKSUM);
	struct shmbus_request req = honest_request();
	unsigned int i;

	(void)state;
	log_begin();
	for (i = 0; i < 5000; i++) {
		memset(&req, (int)i, sizeof(req));
		send_forged(&req);
		drain(id, 0);
		shmbus_port_set_queues(&peer.port, i, i * i);
		shmbus_port_set_state(&peer.port, i);
	}
	assert_string_equal(log_text(), "");
	log_end();
	stop();
}

/* Puts the queue to sleep. Returns whether an event wakes it within this time. */
static bool
sleep_wakes(uint16_t id, int timeout_ms)
{
	struct rte_epoll_event event;
	int n;

	assert_int_equal(rte_eth_dev_rx_intr_enable(id, 0), 0);
	n = rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, timeout_ms);
	assert_in_range(n, 0, 1);
	assert_int_equal(rte_eth_dev_rx_intr_disable(id, 0), 0);
	return n == 1;
}

/* A tail behind which there is no record keeps no queue awake. */
static void
test_stray_tails(void **state)
{
	const uint16_t id = start(0);
	struct shmbus_lane_entry *own = shmbus_bus_lane(&peer.bus, peer.w.lane);
	struct shmbus_lane_entry *nobodys = shmbus_bus_lane(&peer.bus, peer.bus.geo.lanes - 1);
	const uint64_t tail = shmbus_load(&own->tail);
	struct rte_mbuf *m;

	(void)state;
	assert_int_equal(rte_eth_dev_rx_intr_ctl_q(id, 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD,
						   NULL), 0);
	assert_int_equal(receive(id, 0, &m, 1), 0);
	shmbus_store(&own->tail, tail + 1);
	assert_int_equal(rte_eth_rx_burst(id, 0, &m, 1), 0);
	assert_false(sleep_wakes(id, 50));
	shmbus_store(&own->tail, tail);
	shmbus_store(&nobodys->tail, 6400);
	assert_int_equal(rte_eth_rx_burst(id, 0, &m, 1), 0);
	assert_false(sleep_wakes(id, 50));
	honest_request();
	send_forged(NULL);
	assert_true(sleep_wakes(id, 20000));
	assert_goes_on(id);
	assert_int_equal(rte_eth_dev_rx_intr_ctl_q(id, 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_DEL,
						   NULL), 0);
	stop();
}

/* A lock that is taken again and again, and never given back. */
static void
test_few_words_about_locks(void **state)
{
	char *path = tmpdir_new_path();
	const uint16_t id = nic_new(path, "format=shmif,lock_break_ms=1");
	const char *line;
	uint64_t began;
	uint32_t *words;
	unsigned int i;
	uint64_t lines = 0;
	int fd;

	(void)state;
	nic_start(id, NULL);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(words, MAP_FAILED);
	close(fd);
	began = now_ms();
	log_begin();
	for (i = 0; i < 50; i++) {
		__atomic_store_n(&words[6], 1, __ATOMIC_SEQ_CST);
		eventually(send_some(id, 0, 60, i, 1) == 1);
	}
	for (line = log_text(); (line = strchr(line, '\n')) != NULL; line++)
		lines++;
	log_end();
	assert_true(lines >= 1 && lines <= 2 + (now_ms() - began) / 1000);
	assert_int_equal(munmap(words, 4096), 0);
	unlink(path);
	free(path);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_requests),
		T(test_tiny_segments),
		T(test_segments_alone),
		T(test_silence),
		T(test_stray_tails),
		T(test_few_words_about_locks),
	};

	return cmocka_run_group_tests_name("pmd_hostile", tests, eal_start, eal_stop);
}
