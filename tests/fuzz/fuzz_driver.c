/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Records of a peer, received by ports of the driver, on a hub and on a switch: what the input says
 * of lengths, requests, receivers and contents, and changes of it while they receive. The ports
 * differ in what they do with a frame: nothing, checksums and tags, segmentation, RSS, rules. On
 * the switch they also send, to addresses of entries that the input writes.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_flow.h>

#include "base/lanes/shmbus_notice.h"
#include "base/lanes/shmbus_port.h"
#include "base/lanes/shmbus_request.h"
#include "base/lanes/shmbus_writer.h"
#include "input.h"
#include "shmbus_bus_open.h"
#include "shmbus_priv.h"
#include "shmbus_rxq.h"
#include "unsteady.h"

#define LANE SHMBUS_LANE_SIZE_MIN
#define FRAMES 16
#define BURST 32
#define MBUFS 2047
#define ROOM 1024 /* of an mbuf */
/* With a header and room for two tags, which max_rx_pktlen counts with, an mbuf's; and several. */
#define WHOLE_MTU (ROOM - RTE_ETHER_HDR_LEN - 8)
#define SCATTERED_MTU 9000
/* Mbufs that a queue keeps at most. */
#define STASH_MAX SHMBUS_STASH
#define RX_CKSUM (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM | \
		  RTE_ETH_RX_OFFLOAD_UDP_CKSUM)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct port {
	const char *args; /* behind path= */
	const char *on_switch; /* more of them there */
	uint64_t offloads;
	uint16_t n_rxq;
	bool filter; /* not promiscuous, and its own rules */
	uint16_t mtu;
} ports[] = {
	{ "ports=8,queues=2,lane_size=65536", "", 0, 1, false, WHOLE_MTU },
	{ "queues=2", "", RX_CKSUM | RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_QINQ_STRIP, 1, false,
	  WHOLE_MTU },
	{ "queues=2", "", RX_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER, 1, false,
	  SCATTERED_MTU },
	{ "queues=2", "", RTE_ETH_RX_OFFLOAD_RSS_HASH | RTE_ETH_RX_OFFLOAD_VLAN_FILTER |
	  RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_VLAN_STRIP, 2, true, SCATTERED_MTU },
	{ "queues=2", ",mirror=on", 0, 1, false, SCATTERED_MTU },
};
#define PORTS RTE_DIM(ports)

static struct rte_mempool *pool;

static struct segment {
	struct shmbus_bus bus; /* of the peer */
	struct shmbus_port port;
	struct shmbus_writer w;
	struct shmbus_stall stalls[16];
	uint32_t lane;
	uint8_t *all; /* the whole file, writable */
	uint8_t header[sizeof(struct shmbus_header)]; /* as it was */
} segments[2]; /* a hub and a switch */
static struct segment *t;

static bool
is_switch(void)
{
	return t == &segments[1];
}

/* The ethdev port of ports[i]. */
static uint16_t
id_of(unsigned int i)
{
	return (uint16_t)(is_switch() ? PORTS + i : i);
}

static const char *
path_of_bus(void)
{
	return input_path(is_switch() ? "-switch" : "-hub");
}

static void
setup_port(unsigned int i)
{
	const struct port *p = &ports[i];
	struct rte_eth_conf conf = { .rxmode = { .mtu = p->mtu, .offloads = p->offloads } };
	struct rte_eth_dev_info info;
	char name[32], args[4096 + 128];
	uint16_t id, q;

	snprintf(name, sizeof(name), "net_shmbus%u", id_of(i));
	snprintf(args, sizeof(args), "path=%s,pause=off,%s%s%s", path_of_bus(), p->args,
		 is_switch() ? ",deliver=switch" : "", is_switch() ? p->on_switch : "");
	MUST(rte_eal_hotplug_add("vdev", name, args) == 0);
	MUST(rte_eth_dev_get_port_by_name(name, &id) == 0 && id == id_of(i));
	MUST(rte_eth_dev_info_get(id, &info) == 0);
	conf.rxmode.offloads &= info.rx_offload_capa;
	if (p->n_rxq > 1) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads;
	}
	if (p->offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO)
		conf.rxmode.max_lro_pkt_size = info.max_lro_pkt_size;
	MUST(rte_eth_dev_configure(id, p->n_rxq, 1, &conf) == 0);
	for (q = 0; q < p->n_rxq; q++)
		MUST(rte_eth_rx_queue_setup(id, q, 0, 0, NULL, pool) == 0);
	MUST(rte_eth_tx_queue_setup(id, 0, 0, 0, NULL) == 0);
	if (!p->filter)
		rte_eth_promiscuous_enable(id);
	else
		rte_eth_allmulticast_enable(id);
	rte_eth_dev_set_ptypes(id, RTE_PTYPE_ALL_MASK, NULL, 0);
	MUST(rte_eth_dev_start(id) == 0);
}

static void
join(void)
{
	const struct shmbus_bus_conf conf = { .path = path_of_bus() };
	const struct shmbus_port_conf port = { .name = "fuzz", .numa_node = -1 };

	MUST(shmbus_bus_open(&t->bus, &conf, NULL) == 0);
	MUST(shmbus_port_attach(&t->port, &t->bus, &port, NULL) == 0);
	shmbus_file_unlock(&t->bus.file);
	MUST(t->bus.geo.lanes == RTE_DIM(t->stalls));
	t->lane = t->port.slot * t->bus.geo.queues;
	shmbus_port_set_queues(&t->port, 1, 0);
	t->all = mmap(NULL, t->bus.geo.file_size, PROT_READ | PROT_WRITE, MAP_SHARED, t->bus.file.fd, 0);
	MUST(t->all != MAP_FAILED);
	memcpy(t->header, t->all, sizeof(t->header));
	shmbus_writer_start(&t->bus, &t->w, t->port.slot, 0, t->stalls, false, 0);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char args[][32] = { "fuzz", "--no-huge", "-m", "64", "--no-pci", "--no-shconf",
				   "--no-telemetry", "--log-level=error" };
	char *eal[RTE_DIM(args) + 1] = { NULL };
	unsigned int i, k;

	(void)argc;
	(void)argv;
	for (i = 0; i < RTE_DIM(args); i++)
		eal[i] = args[i];
	MUST(rte_eal_init((int)RTE_DIM(args), eal) >= 0);
	pool = rte_pktmbuf_pool_create("pool", MBUFS, 0, 0, ROOM + RTE_PKTMBUF_HEADROOM,
				       SOCKET_ID_ANY);
	MUST(pool != NULL);
	for (k = 0; k < RTE_DIM(segments); k++) {
		t = &segments[k];
		for (i = 0; i < PORTS; i++)
			setup_port(i);
		join();
	}
	return 0;
}

static uint8_t *
writable(const volatile void *at)
{
	const struct shmbus_geometry *geo = &t->bus.geo;
	const struct shmbus_bus *bus;
	unsigned int i;
	uintptr_t off;

	for (i = 0; i < PORTS; i++) {
		bus = &shmbus_port_wire(id_of(i))->lanes;
		off = (uintptr_t)at - (uintptr_t)bus->control;
		if (off < geo->data_off)
			return t->all + off;
		off = (uintptr_t)at - (uintptr_t)shmbus_bus_lane_data(bus, t->lane);
		if (off < 2 * LANE)
			return t->all + shmbus_lane_off(geo, t->lane) + off % LANE;
	}
	return NULL;
}

/* Ethernet, perhaps tags, IP, TCP or UDP: what gets past a parser's first questions. */
static uint32_t
put_headers(uint8_t *at, uint8_t kind, uint32_t len)
{
	static const uint8_t ether[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1 };
	static const uint8_t tag[] = { 0x81, 0, 0, 5 };
	const bool v6 = kind & 1;
	const bool udp = kind & 2;
	const uint32_t l3 = sizeof(ether) + (kind >> 2) % 3 * sizeof(tag) + 2;
	const uint32_t l4 = l3 + (v6 ? 40 : 20);
	uint32_t off = sizeof(ether);

	if (len < l4 + 20)
		return 0;
	memcpy(at, ether, sizeof(ether));
	for (; off < l3 - 2; off += sizeof(tag))
		memcpy(at + off, tag, sizeof(tag));
	at[off] = v6 ? 0x86 : 0x08;
	at[off + 1] = v6 ? 0xdd : 0;
	at[l3] = v6 ? 0x60 : 0x45;
	at[l3 + (v6 ? 4 : 2)] = (uint8_t)((len - (v6 ? l4 : l3)) >> 8);
	at[l3 + (v6 ? 5 : 3)] = (uint8_t)(len - (v6 ? l4 : l3));
	at[l3 + (v6 ? 6 : 9)] = udp ? 17 : 6;
	at[l4 + 12] = 0x50;
	if (udp) {
		at[l4 + 4] = (uint8_t)((len - l4) >> 8);
		at[l4 + 5] = (uint8_t)(len - l4);
	}
	return l3;
}

/* As an honest sender would have it, but for what the input changes. */
static void
put_request(struct input *in, uint8_t *end, uint8_t kind, uint32_t l3)
{
	const uint16_t l4 = (uint16_t)(l3 + (kind & 1 ? 40 : 20));
	struct shmbus_request req = {
		.flags = input_u8(in) % 8,
		.l3_off = (uint16_t)l3,
		.l4_off = l4,
	};
	uint8_t *bytes = (uint8_t *)&req;

	if (req.flags & SHMBUS_REQUEST_L4_CKSUM)
		req.l4 = kind & 2 ? SHMBUS_REQUEST_UDP : SHMBUS_REQUEST_TCP;
	if (req.flags & SHMBUS_REQUEST_SEGMENT) {
		req.data_off = l4 + 20;
		req.segment = input_u16(in);
	}
	if (input_u8(in) & 1)
		bytes[input_u8(in) % sizeof(req)] = input_u8(in);
	shmbus_request_store(end, &req);
}

static uint32_t
put_frame(struct input *in, uint8_t *at, uint32_t len, bool request)
{
	const uint32_t extent = request ? shmbus_request_extent(len) : (uint32_t)SHMBUS_ALIGN(len);
	const uint8_t kind = input_u8(in);
	unsigned int patches = kind >> 5;
	uint32_t l3, n;

	memset(at, kind, extent);
	l3 = put_headers(at, kind, len);
	if (l3 == 0) {
		n = len < in->left ? len : (uint32_t)in->left;
		memcpy(at, in->at, n);
		in->at += n;
		in->left -= n;
	}
	for (; patches != 0; patches--)
		at[input_u8(in) % len] = input_u8(in);
	if (request)
		put_request(in, at + extent, kind, l3);
	return extent;
}

/*
 * What a sender on a switch adds to the length of a frame: the slot of one of the ports, of
 * nobody, or one without the flag that belongs to it. flags: those of the frame in the input.
 */
static uint32_t
receiver_of(uint8_t flags)
{
	const uint32_t slot = (uint32_t)(flags >> 2 & 7) << SHMBUS_DESC_SLOT_SHIFT;

	if (!is_switch() || !(flags & 2))
		return 0;
	return slot | ((flags & 0xe0) == 0xe0 ? 0 : SHMBUS_DESC_DIRECTED);
}

/* One record of the peer's. */
static void
transmit(struct input *in)
{
	const uint32_t n = input_below(in, FRAMES) + 1;
	const uint32_t data_off = shmbus_burst_data_off(n);
	uint32_t off = data_off;
	uint32_t i, len, room, word;
	uint8_t *record, flags;

	MUST(shmbus_writer_room(&t->bus, &t->w, LANE / 4));
	record = shmbus_writer_record(&t->bus, &t->w);
	for (i = 0; i < n; i++) {
		room = LANE / 4 - off - (n - i) * 128;
		len = 1 + (input_u8(in) & 3 ? input_u8(in) : input_u16(in) % room);
		flags = input_u8(in);
		if (len > room)
			len = 1;
		word = len | receiver_of(flags) | (flags & 1 ? SHMBUS_DESC_REQUEST : 0);
		shmbus_store(&shmbus_burst_desc(record)[i], word);
		off += put_frame(in, record + off, len, flags & 1);
	}
	if (input_u8(in) % 8 == 7)
		shmbus_store(&shmbus_burst_desc(record)[input_u8(in) % n], input_u32(in));
	if (is_switch())
		shmbus_notice_store(&t->bus, t->w.lane, &(struct shmbus_addressees){ .all = true },
				    t->w.tail, t->w.tail + off);
	shmbus_writer_publish(&t->bus, &t->w, record, n, data_off, off, off, 1);
	if (input_u8(in) % 8 == 7)
		record[input_u8(in) % 32] = input_u8(in);
}

static void
check_mbuf(const struct port *p, const struct rte_mbuf *m)
{
	const bool lro = p->offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO;
	const struct rte_mbuf *seg;
	const char *reason;
	uint32_t len = 0;
	uint16_t n = 0;

	MUST(rte_mbuf_check(m, 1, &reason) == 0);
	for (seg = m; seg != NULL; seg = seg->next, n++) {
		MUST(seg->pool == pool && rte_mbuf_refcnt_read(seg) == 1);
		MUST(seg->data_len <= seg->buf_len - seg->data_off);
		len += seg->data_len;
	}
	MUST(len == m->pkt_len && n == m->nb_segs);
	MUST(len >= SHMBUS_FRAME_MIN);
	MUST(n == 1 || p->mtu > WHOLE_MTU);
	MUST(m->pkt_len <= (lro && (m->ol_flags & RTE_MBUF_F_RX_LRO) ? SHMBUS_FRAME_MAX :
			    p->mtu + RTE_ETHER_HDR_LEN + 8));
}

static void
receive(unsigned int port, uint16_t queue, uint16_t want)
{
	const uint64_t before = unsteady_looks();
	struct rte_mbuf *pkts[BURST];
	uint16_t n, i;

	n = rte_eth_rx_burst(id_of(port), queue, pkts, want);
	MUST(n <= want);
	/* However many records claim to be there: those of a stash, a few looks for each frame. */
	MUST(unsteady_looks() - before < 200000);
	for (i = 0; i < n; i++)
		check_mbuf(&ports[port], pkts[i]);
	rte_pktmbuf_free_bulk(pkts, n);
}

/* Frames of a port on the switch, to addresses that are in an entry or were learned, or are not. */
static void
port_sends(uint16_t id, struct input *in)
{
	struct rte_mbuf *pkts[4];
	uint16_t i, n;
	uint8_t *frame;

	for (i = 0; i < RTE_DIM(pkts); i++) {
		pkts[i] = rte_pktmbuf_alloc(pool);
		MUST(pkts[i] != NULL);
		frame = (uint8_t *)rte_pktmbuf_append(pkts[i], 60);
		memset(frame, input_u8(in), 60);
		if (frame[0] & 1)
			memcpy(frame, (uint8_t *)(uintptr_t)
			       &shmbus_bus_port(&t->bus, frame[0] / 2 % 8)->mac, RTE_ETHER_ADDR_LEN);
		else if (frame[0] & 2)
			memcpy(frame, (const uint8_t[]){ 2, 0, 0, 0, 0, 1 }, RTE_ETHER_ADDR_LEN);
	}
	n = rte_eth_tx_burst(id, 0, pkts, RTE_DIM(pkts));
	MUST(n == RTE_DIM(pkts));
}

static void
one_op(struct input *in)
{
	const uint8_t op = input_u8(in);
	const unsigned int port = op % PORTS;
	const uint16_t id = id_of(port);

	switch (op >> 2 & 3) {
	case 0:
	case 1:
		transmit(in);
		break;
	case 2:
		receive(port, (op >> 4) % ports[port].n_rxq, 1 + input_u8(in) % BURST);
		break;
	default:
		if (is_switch() && op & 0x40) {
			port_sends(id, in);
			break;
		}
		/* On the switch up to 18 minutes: addresses are forgotten. */
		unsteady_pass((uint64_t)input_u8(in) * (is_switch() ? UINT64_C(1) << 32 : 100000));
		rte_eth_rx_queue_count(id, 0);
		break;
	}
}

static uint64_t
received_by(uint16_t id)
{
	struct rte_eth_stats stats;

	MUST(rte_eth_stats_get(id, &stats) == 0);
	return stats.ipackets;
}

/* Begins a port again. It then gets its frames: one for everybody, and one for its slot. */
static void
get_through(unsigned int port)
{
	const uint16_t id = id_of(port);
	const uint32_t slot = shmbus_port_wire(id)->slot;
	const uint8_t to[] = { 0, (uint8_t)(2 | slot << 2), (uint8_t)(2 | (slot + 2) << 2) };
	const unsigned int n = is_switch() ? 3 : 1;
	unsigned int i;
	uint64_t before;
	uint16_t q;

	MUST(rte_eth_dev_stop(id) == 0 && rte_eth_dev_start(id) == 0);
	before = received_by(id);
	for (i = 0; i < n; i++)
		transmit(&(struct input){ .at = (const uint8_t[]){ 0, 1, 63, to[i] }, .left = 4 });
	unsteady_pass(1000000);
	for (i = 0; i < 4; i++)
		for (q = 0; q < ports[port].n_rxq; q++)
			receive(port, q, BURST);
	if (is_switch() && ports[port].on_switch[0] == '\0')
		MUST(ports[port].filter || received_by(id) == before + 2);
	else
		MUST(ports[port].filter || received_by(id) == before + n);
}

/* The words stay honest from now on; all ports recover. */
static void
recover(void)
{
	const struct shmbus_port_entry fresh = { .incarnation = 1 };
	unsigned int i;

	unsteady_begin(NULL, writable);
	memcpy(t->all, t->header, sizeof(t->header));
	/* Not for a moment zeros: these are a hole to the link poll, and the port's bus gone. */
	for (i = 0; i < t->bus.geo.ports; i++)
		memcpy(shmbus_bus_port(&t->bus, i), &fresh, sizeof(fresh));
	memset(t->all + t->bus.geo.lane_off, 0, t->bus.geo.cursor_off - t->bus.geo.lane_off);
	shmbus_port_set_queues(&t->port, 1, 0);
	shmbus_port_set_state(&t->port, SHMBUS_PORT_ATTACHED | SHMBUS_PORT_STARTED);
	shmbus_writer_start(&t->bus, &t->w, t->port.slot, 0, t->stalls, false, 0);
	for (i = 0; i < PORTS; i++)
		get_through(i);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { .at = data, .left = size };
	struct input changes;
	unsigned int ops = 60;
	unsigned int i, used;

	t = &segments[input_u8(&in) & 1];
	changes = input_split(&in);
	unsteady_begin(&changes, writable);
	while (in.left != 0 && --ops != 0)
		one_op(&in);
	recover();
	unsteady_end();
	/* No mbuf is missing; the queues of both buses keep some. */
	used = rte_mempool_in_use_count(pool);
	for (i = 0; i < PORTS; i++)
		used -= RTE_MIN(used, 2 * (unsigned int)ports[i].n_rxq * STASH_MAX);
	MUST(used == 0);
	return 0;
}
