/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* A switch: the receivers of a frame, the ports that step over it, wake-ups, and the sum of all counts. */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "shmbus_lanes_rx.h"
#include "shmbus_lanes_tx.h"
#include "station.h"
#include "tmpdir.h"

#define UP (SHMBUS_PORT_ATTACHED | SHMBUS_PORT_STARTED | SHMBUS_PORT_LINK_UP | \
	    SHMBUS_PORT_RX_CURSORS)
#define EVERYBODY 0xff /* an address of nobody */

/* A port with one queue in each direction, or a monitor. */
struct port {
	struct station st;
	struct shmbus_lanes_tx tx;
	struct shmbus_lanes_rx rx;
	struct shmbus_fdb *fdb;
	void *tx_memory;
	void *rx_memory;
	bool pause;
	uint64_t sent;
	uint64_t got;
	uint64_t refused; /* records that were overwritten while they were read */
	uint64_t looks;   /* lanes that were not known to have nothing for the port */
	uint8_t from;     /* of the last frame, by its source address */
	uint32_t len;
};

/* The address of number n. */
static void
address(uint8_t mac[6], uint8_t n)
{
	const uint8_t of[6] = { 0x02, 0, 0, 0, 0, n };
	const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	memcpy(mac, n == EVERYBODY ? all : of, 6);
}

static void
join(struct port *p, const char *path, enum shmbus_deliver deliver, uint8_t mac)
{
	const struct shmbus_bus_conf conf = {
		.path = path,
		.ports = 8,
		.queues = 1,
		.lane_size = SHMBUS_LANE_SIZE_MIN,
		.deliver = deliver,
	};
	struct shmbus_error e = { .text = "" };
	uint8_t bytes[6];

	memset(p, 0, sizeof(*p));
	p->pause = true;
	if (station_try(&p->st, &conf, &e) != 0)
		fail_msg("%s", e.text);
	address(bytes, mac);
	shmbus_port_set_mac(&p->st.port, bytes);
	p->fdb = aligned_alloc(64, sizeof(*p->fdb));
	shmbus_fdb_init(p->fdb);
	p->tx_memory = calloc(1, shmbus_lanes_tx_size(&p->st.bus.geo));
	p->rx_memory = calloc(1, shmbus_lanes_rx_size(&p->st.bus.geo));
	shmbus_lanes_tx_init(&p->tx, &p->st.bus.geo, p->tx_memory);
	shmbus_lanes_rx_init(&p->rx, &p->st.bus.geo, p->rx_memory);
}

static void
start(struct port *p, bool mirror, bool loopback)
{
	const struct shmbus_lanes_rx_conf conf = {
		.slot = p->st.port.slot,
		.n_queues = 1,
		.mirror = mirror,
		.loopback = loopback,
	};

	shmbus_port_set_queues(&p->st.port, 1, 1);
	shmbus_port_set_state(&p->st.port, SHMBUS_PORT_ATTACHED | SHMBUS_PORT_RX_CURSORS);
	shmbus_lanes_tx_use_fdb(&p->tx, p->fdb);
	shmbus_lanes_tx_start(&p->st.bus, &p->tx, p->st.port.slot, 0, NULL, p->pause, UINT64_MAX);
	shmbus_lanes_rx_start(&p->st.bus, &p->rx, &conf);
	shmbus_port_set_state(&p->st.port, UP | (mirror ? SHMBUS_PORT_MIRROR : 0));
}

static void
leave(struct port *p)
{
	shmbus_lanes_rx_stop(&p->st.bus, &p->rx);
	station_leave(&p->st, true);
	free(p->fdb);
	free(p->tx_memory);
	free(p->rx_memory);
}

/* Publishes one record of up to n frames of len bytes, as many as a record takes, within a burst. */
static void
publish_to(struct port *p, const uint8_t *to, uint32_t n, uint8_t from, uint32_t len)
{
	struct shmbus_record rec;
	uint8_t frame[16384];
	uint32_t i;
	uint8_t *at;

	assert_true(shmbus_lanes_tx_is_mapped(&p->st.bus, &p->tx));
	assert_true(shmbus_record_begin(&p->st.bus, &p->tx, &rec, n));
	memset(frame, 0x5a, sizeof(frame));
	for (i = 0; i < n; i++) {
		address(frame, to[i]);
		address(frame + 6, from);
		at = shmbus_record_add(&p->st.bus, &p->tx, &rec, (uint32_t)SHMBUS_ALIGN(len));
		if (at == NULL)
			break;
		memcpy(at, frame, len);
		if (shmbus_lanes_tx_directs(&p->tx))
			shmbus_record_direct(&p->st.bus, &p->tx, &rec, at);
		shmbus_record_added(&rec, len);
	}
	if (shmbus_lanes_tx_directs(&p->tx))
		shmbus_record_publish_directed(&p->st.bus, &p->tx, &rec, 1);
	else
		shmbus_record_publish(&p->st.bus, &p->tx, &rec, 1);
	p->sent += i;
}

/* Sends a burst of one such record. */
static void
send_to(struct port *p, const uint8_t *to, uint32_t n, uint8_t from, uint32_t len)
{
	publish_to(p, to, n, from, len);
	if (shmbus_lanes_tx_directs(&p->tx))
		shmbus_lanes_tx_sent_directed(&p->st.bus, &p->tx);
	else
		shmbus_lanes_tx_sent(&p->st.bus, &p->tx);
}

static void
send_one(struct port *p, uint8_t to, uint8_t from)
{
	send_to(p, &to, 1, from, 60);
}

static void
read_record(struct port *p, struct shmbus_reader *r)
{
	const uint32_t slot = shmbus_lanes_rx_reads_for(&p->rx, r->lane);
	const struct shmbus_reader before = *r;
	struct shmbus_walk walk;
	uint8_t copy[12];
	const uint8_t *frame;
	uint32_t len, n = 0;

	shmbus_reader_walk(&p->st.bus, r, &walk);
	while ((len = shmbus_reader_next_directed(r, &walk, slot, &frame)) != 0) {
		memcpy(copy, frame, sizeof(copy));
		p->from = copy[11];
		p->len = len;
		n++;
	}
	if (!shmbus_reader_commit(&p->st.bus, r, &walk)) {
		p->refused++;
		return;
	}
	if (walk.next != before.next + before.left)
		shmbus_reader_give_up(r);
	p->got += n;
	if (n != 0 && r->lane / p->st.bus.geo.queues != p->st.port.slot)
		shmbus_fdb_learn(p->fdb, (uint64_t)p->from << 40 | 2,
				 r->lane / p->st.bus.geo.queues, shmbus_fdb_now());
}

/* Receives all that is there on the active lanes. Returns the number of frames. */
static uint64_t
poll_active(struct port *p)
{
	const uint64_t before = p->got;
	struct shmbus_lanes_rx_active *a;
	struct shmbus_reader *r;
	uint32_t left;

	left = p->rx.n_active;
	while ((a = shmbus_lanes_rx_next(&p->st.bus, &p->rx, &left)) != NULL) {
		r = shmbus_lanes_rx_reader(&p->st.bus, &p->rx, a->lane);
		assert_non_null(r);
		while (shmbus_reader_peek(&p->st.bus, r) != 0)
			read_record(p, r);
		shmbus_lanes_rx_publish_skipped(&p->st.bus, &p->rx, r);
		shmbus_lanes_rx_publish(&p->st.bus, &p->rx, r);
		shmbus_lanes_rx_leave(&p->st.bus, &p->rx, a);
		p->looks++;
	}
	return p->got - before;
}

/* The same, with a look at the roster. */
static uint64_t
poll_all(struct port *p)
{
	shmbus_lanes_rx_attend(&p->st.bus, &p->rx);
	return poll_active(p);
}

/* The counts of a port that has stepped over all that is for others. */
static struct shmbus_lanes_rx_counts
counts(struct port *p)
{
	struct shmbus_lanes_rx_counts sum = { .missed = 0 };

	shmbus_lanes_rx_pending(&p->st.bus, &p->rx);
	shmbus_lanes_rx_count(&p->rx, &sum);
	return sum;
}

/* Ports 0, 1, ... of a bus, with addresses 1, 2, ... */
static void
start_all(struct port *ports, uint32_t n, enum shmbus_deliver deliver)
{
	char *path = tmpdir_new_path();
	uint32_t i;

	for (i = 0; i < n; i++)
		join(&ports[i], path, deliver, (uint8_t)(i + 1));
	for (i = 0; i < n; i++)
		start(&ports[i], false, false);
	free(path);
}

static void
leave_all(struct port *ports, uint32_t n)
{
	while (n != 0)
		leave(&ports[--n]);
}

static void
test_versions(void **state)
{
	const struct shmbus_header *header;
	struct port p[2];

	(void)state;
	start_all(p, 1, SHMBUS_DELIVER_ANY);
	header = (const struct shmbus_header *)(const void *)p[0].st.bus.control;
	assert_int_equal(header->version, 1);
	assert_int_equal(header->deliver, 0);
	assert_int_equal(header->notice_off, 0);
	/* Nothing of version 2 is in the file. */
	assert_int_equal(shmbus_load(&shmbus_bus_bell(&p[0].st.bus)->entries), 0);
	leave_all(p, 1);
	start_all(p, 1, SHMBUS_DELIVER_SWITCH);
	header = (const struct shmbus_header *)(const void *)p[0].st.bus.control;
	assert_int_equal(header->version, 2);
	assert_int_equal(header->deliver, 2);
	assert_int_equal(header->notice_off, p[0].st.bus.geo.notice_off);
	assert_int_not_equal(shmbus_load(&shmbus_bus_bell(&p[0].st.bus)->entries), 0);
	leave_all(p, 1);
}

static void
test_contradiction(void **state)
{
	struct shmbus_bus_conf conf = { .deliver = SHMBUS_DELIVER_HUB };
	struct shmbus_error e = { .text = "" };
	struct station other;
	struct port p;

	(void)state;
	start_all(&p, 1, SHMBUS_DELIVER_SWITCH);
	conf.path = p.st.bus.file.path;
	assert_int_equal(station_try(&other, &conf, &e), -EEXIST);
	assert_in_text(e.text, "deliver=hub contradicts the existing bus, which has deliver=switch");
	leave_all(&p, 1);
	start_all(&p, 1, SHMBUS_DELIVER_ANY);
	conf.path = p.st.bus.file.path;
	conf.deliver = SHMBUS_DELIVER_SWITCH;
	assert_int_equal(station_try(&other, &conf, &e), -EEXIST);
	assert_in_text(e.text, "deliver=switch contradicts the existing bus, which has deliver=hub");
	leave_all(&p, 1);
}

/* A bus of version 2 can be a hub. No program makes one, but all can join it. */
static void
test_hub_of_version_2(void **state)
{
	static const uint32_t version[1] = { 2 };
	const struct shmbus_bus_conf conf = { .path = tmpdir_new_path(), .ports = 8, .queues = 1,
					      .lane_size = SHMBUS_LANE_SIZE_MIN };
	struct shmbus_error e = { .text = "" };
	struct station maker;
	struct port p[3];
	uint32_t i;

	(void)state;
	assert_int_equal(station_try(&maker, &conf, &e), 0);
	station_leave(&maker, false);
	file_write(conf.path, offsetof(struct shmbus_header, version), version, 4);
	for (i = 0; i < 3; i++)
		join(&p[i], conf.path, SHMBUS_DELIVER_HUB, (uint8_t)(i + 1));
	for (i = 0; i < 3; i++)
		start(&p[i], false, false);
	assert_false(shmbus_lanes_tx_directs(&p[0].tx));
	send_one(&p[0], 2, 1);
	assert_int_equal(poll_all(&p[1]), 1);
	assert_int_equal(poll_all(&p[2]), 1);
	leave_all(p, 3);
	free((char *)(uintptr_t)conf.path);
}

static void
test_owner_alone(void **state)
{
	static const uint8_t to[] = { 2, 2, 3, 2, EVERYBODY, 99, 3, 3, 1 };
	struct shmbus_cursor *cursor;
	struct port p[3];
	uint32_t i;

	(void)state;
	start_all(p, 3, SHMBUS_DELIVER_SWITCH);
	send_to(&p[0], to, DIM(to), 1, 60);
	/* Broadcast, an unknown address and the sender's own go to everybody. */
	assert_int_equal(poll_all(&p[1]), 3 + 3);
	assert_int_equal(counts(&p[1]).skipped, 3);
	assert_int_equal(poll_all(&p[2]), 3 + 3);
	assert_int_equal(counts(&p[2]).skipped, 3);
	assert_int_equal(poll_all(&p[0]), 0);
	for (i = 1; i < 3; i++) {
		cursor = shmbus_bus_cursor(&p[0].st.bus, i, 0, 0);
		assert_int_equal(shmbus_load(&cursor->frames), 6);
		assert_int_equal(shmbus_load(&cursor->skipped), 3);
		assert_int_equal(shmbus_load(&cursor->missed), 0);
		assert_int_equal(shmbus_load(&cursor->pos), shmbus_load(&station_entry(&p[0].st, 0)->tail));
	}
	leave_all(p, 3);
}

static void
check_counts(struct shmbus_cursor *cursor, uint64_t frames, uint64_t skipped, uint64_t missed)
{
	assert_int_equal(shmbus_load(&cursor->frames), frames);
	assert_int_equal(shmbus_load(&cursor->bytes), 60 * frames);
	assert_int_equal(shmbus_load(&cursor->skipped), skipped);
	assert_int_equal(shmbus_load(&cursor->missed), missed);
}

/* A queue that begins again continues the counts of its cursors, and so does the slot's next owner. */
static void
test_counts_go_on(void **state)
{
	static const uint8_t to[] = { 2, 3, 2 };
	struct shmbus_cursor *cursor;
	struct port p[3];
	char *path;

	(void)state;
	start_all(p, 3, SHMBUS_DELIVER_SWITCH);
	path = strdup(p[0].st.bus.file.path);
	cursor = shmbus_bus_cursor(&p[0].st.bus, 1, 0, 0);
	send_to(&p[0], to, DIM(to), 1, 60);
	assert_int_equal(poll_all(&p[1]), 2);
	check_counts(cursor, 2, 1, 0);
	shmbus_store(&cursor->missed, 7);
	start(&p[1], false, false);
	check_counts(cursor, 2, 1, 7);
	send_to(&p[0], to, DIM(to), 1, 60);
	assert_int_equal(poll_all(&p[1]), 2);
	check_counts(cursor, 4, 2, 7);
	leave(&p[1]);
	join(&p[1], path, SHMBUS_DELIVER_SWITCH, 2);
	assert_int_equal(p[1].st.port.slot, 1);
	start(&p[1], false, false);
	check_counts(cursor, 4, 2, 7);
	send_to(&p[0], to, DIM(to), 1, 60);
	assert_int_equal(poll_all(&p[1]), 2);
	check_counts(cursor, 6, 3, 7);
	leave_all(p, 3);
	free(path);
}

static void
test_hub_as_ever(void **state)
{
	struct port p[3];

	(void)state;
	start_all(p, 3, SHMBUS_DELIVER_HUB);
	send_one(&p[0], 2, 1);
	assert_int_equal(poll_all(&p[1]), 1);
	assert_int_equal(poll_all(&p[2]), 1);
	assert_int_equal(counts(&p[2]).skipped, 0);
	assert_int_equal(shmbus_load(&shmbus_bus_cursor(&p[0].st.bus, 2, 0, 0)->skipped), 0);
	leave_all(p, 3);
}

/* Mirrors, monitors, and a port's own lane. */
static void
test_sees_all(void **state)
{
	const struct shmbus_lanes_rx_conf watch = { .slot = SHMBUS_NO_SLOT, .n_queues = 1 };
	struct port p[3], monitor;

	(void)state;
	start_all(p, 3, SHMBUS_DELIVER_SWITCH);
	shmbus_lanes_rx_stop(&p[2].st.bus, &p[2].rx);
	start(&p[2], true, false);
	shmbus_lanes_rx_stop(&p[0].st.bus, &p[0].rx);
	start(&p[0], false, true);
	join(&monitor, p[0].st.bus.file.path, SHMBUS_DELIVER_ANY, 50);
	shmbus_lanes_rx_start(&monitor.st.bus, &monitor.rx, &watch);
	send_one(&p[0], 2, 1);
	assert_int_equal(poll_all(&p[1]), 1);
	assert_int_equal(poll_all(&p[2]), 1);
	assert_int_equal(poll_all(&monitor), 1);
	assert_int_equal(poll_all(&p[0]), 1);
	/* With loopback the port still steps over what others send to others. */
	send_one(&p[2], 2, 3);
	assert_int_equal(poll_all(&p[0]), 0);
	assert_int_equal(counts(&p[0]).skipped, 1);
	leave(&monitor);
	leave_all(p, 3);
}

/* Returns the number of ports that get a frame from port 0 to an address. */
static unsigned int
reached(struct port *p, uint32_t n, uint8_t to)
{
	unsigned int got = 0;
	uint32_t i;

	send_one(&p[0], to, 1);
	for (i = 1; i < n; i++)
		got += poll_all(&p[i]) != 0;
	return got;
}

/* Each change of an entry counts for the next burst. */
static void
test_entries(void **state)
{
	uint8_t mac[6];
	struct port p[4];

	(void)state;
	start_all(p, 4, SHMBUS_DELIVER_SWITCH);
	assert_int_equal(reached(p, 4, 2), 1);
	/* Another address. */
	address(mac, 20);
	shmbus_port_set_mac(&p[1].st.port, mac);
	assert_int_equal(reached(p, 4, 20), 1);
	assert_int_equal(reached(p, 4, 2), 3);
	/* Two have it. */
	shmbus_port_set_mac(&p[2].st.port, mac);
	assert_int_equal(reached(p, 4, 20), 3);
	address(mac, 3);
	shmbus_port_set_mac(&p[2].st.port, mac);
	assert_int_equal(reached(p, 4, 20), 1);
	/* The sender has the same address as a receiver. */
	address(mac, 20);
	shmbus_port_set_mac(&p[0].st.port, mac);
	assert_int_equal(reached(p, 4, 20), 3);
	address(mac, 1);
	shmbus_port_set_mac(&p[0].st.port, mac);
	/* The link is down; the port is stopped. */
	shmbus_port_set_state(&p[1].st.port, UP & ~SHMBUS_PORT_LINK_UP);
	assert_int_equal(reached(p, 4, 20), 3);
	shmbus_port_set_state(&p[1].st.port, UP & ~SHMBUS_PORT_STARTED);
	assert_int_equal(reached(p, 4, 20), 3);
	shmbus_port_set_state(&p[1].st.port, UP);
	assert_int_equal(reached(p, 4, 20), 1);
	leave_all(p, 4);
}

static void
test_learned(void **state)
{
	struct port p[4];

	(void)state;
	start_all(p, 4, SHMBUS_DELIVER_SWITCH);
	assert_int_equal(reached(p, 4, 77), 3);
	/* A station behind port 3 speaks. */
	send_one(&p[3], 1, 77);
	assert_int_equal(poll_all(&p[0]), 1);
	assert_int_equal(reached(p, 4, 77), 1);
	assert_int_equal(p[3].from, 1);
	/* A port's own address stays the port's, whoever sends from it. */
	send_one(&p[3], 1, 2);
	assert_int_equal(poll_all(&p[0]), 1);
	send_one(&p[0], 2, 1);
	assert_int_equal(poll_all(&p[1]), 1);
	assert_int_equal(poll_all(&p[3]), 0);
	/* The link goes down: a station behind it may be anywhere. */
	shmbus_port_set_state(&p[3].st.port, UP & ~SHMBUS_PORT_LINK_UP);
	assert_int_equal(reached(p, 4, 77), 3);
	shmbus_port_set_state(&p[3].st.port, UP);
	assert_int_equal(reached(p, 4, 77), 3);
	leave_all(p, 4);
}

/* A reader that is too slow: what it got, stepped over and missed is what was sent. */
static void
test_all_counted(void **state)
{
	struct shmbus_lanes_rx_counts sum;
	struct port p[3];
	uint8_t to[16];
	uint32_t i, k;

	(void)state;
	start_all(p, 3, SHMBUS_DELIVER_SWITCH);
	shmbus_writer_set_pause(&p[0].tx.writer, false, 0);
	srand(1);
	for (i = 0; i < 3000; i++) {
		for (k = 0; k < DIM(to); k++)
			to[k] = (uint8_t)(2 + rand() % 3);
		send_to(&p[0], to, 1 + (uint32_t)rand() % DIM(to), 1, 60 + (uint32_t)rand() % 600);
		if (rand() % 10 == 0)
			poll_all(&p[1]);
		if (rand() % 200 == 0)
			poll_all(&p[2]);
	}
	for (i = 1; i < 3; i++) {
		poll_all(&p[i]);
		sum = counts(&p[i]);
		assert_true(sum.skipped != 0 && p[i].got != 0);
		assert_int_equal(p[i].got + sum.skipped + sum.missed, p[0].sent);
	}
	assert_true(sum.missed != 0);
	leave_all(p, 3);
}

/* The lines of a frame for others are not read: they can be missing. */
static void
test_lines_untouched(void **state)
{
	static const uint8_t to[] = { 2, 3 };
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *lane;
	struct port p[3];

	(void)state;
	start_all(p, 3, SHMBUS_DELIVER_SWITCH);
	assert_int_equal(poll_all(&p[2]), 0);
	send_to(&p[0], to, 1, 1, 14000);
	send_to(&p[0], to + 1, 1, 1, 14000);
	lane = shmbus_bus_lane_data(&p[2].st.bus, 0);
	assert_int_equal(shmbus_bus_map_lane(&p[2].st.bus, 0, SHMBUS_LANE_READ), 0);
	/* All pages that the first frame has to itself. */
	assert_int_equal(mprotect(lane + page, 14000 / page * page - page, PROT_NONE), 0);
	assert_int_equal(poll_all(&p[2]), 1);
	assert_int_equal(p[2].len, 14000);
	assert_int_equal(counts(&p[2]).skipped, 1);
	assert_int_equal(mprotect(lane + page, 14000 / page * page - page, PROT_READ), 0);
	leave_all(p, 3);
}

/* Every order of 9 frames for two receivers: equal descriptors are stepped over together. */
static void
test_runs(void **state)
{
	struct shmbus_lanes_rx_counts before, after;
	struct port p[3];
	uint8_t to[9];
	uint32_t order, i, ours;

	(void)state;
	start_all(p, 3, SHMBUS_DELIVER_SWITCH);
	for (order = 0; order < 1u << DIM(to); order++) {
		for (i = 0, ours = 0; i < DIM(to); i++) {
			to[i] = order >> i & 1 ? 2 : 3;
			ours += to[i] == 2;
		}
		before = counts(&p[1]);
		send_to(&p[0], to, DIM(to), 1, 60);
		assert_int_equal(poll_all(&p[1]), ours);
		assert_int_equal(poll_all(&p[2]), DIM(to) - ours);
		after = counts(&p[1]);
		assert_int_equal(after.skipped - before.skipped, DIM(to) - ours);
		assert_int_equal(after.corrupt, 0);
	}
	leave_all(p, 3);
}

/* A row of frames for others that goes beyond its record: those within the record are stepped over. */
static void
test_run_beyond_the_record(void **state)
{
	const uint8_t to[] = { 3, 3, 3, 3, 3, 3, 3 };
	struct shmbus_lanes_rx_counts sum;
	struct port p[2];
	uint8_t *at;
	uint32_t i;

	(void)state;
	start_all(p, 2, SHMBUS_DELIVER_SWITCH);
	at = shmbus_writer_record(&p[0].st.bus, &p[0].tx.writer);
	send_to(&p[0], to, DIM(to), 1, 60);
	for (i = 0; i < DIM(to); i++)
		shmbus_store(&shmbus_burst_desc(at)[i], 100 | SHMBUS_DESC_DIRECTED | 9u << 16);
	assert_int_equal(poll_all(&p[1]), 0);
	sum = counts(&p[1]);
	assert_int_equal(sum.skipped, DIM(to) / 2);
	assert_int_equal(sum.corrupt, 1);
	send_one(&p[0], 2, 1);
	assert_int_equal(poll_all(&p[1]), 1);
	leave_all(p, 2);
}

/* Words that no honest sender writes. */
static void
test_hostile(void **state)
{
	static const struct {
		uint32_t word;
		uint64_t got, skipped, corrupt;
	} cases[] = {
		{ 60, 1, 0, 0 },
		{ 0, 0, 0, 1 },
		{ 60 | SHMBUS_DESC_DIRECTED | 1u << 16, 1, 0, 0 },
		{ 60 | SHMBUS_DESC_DIRECTED | 2u << 16, 0, 1, 0 },
		{ 60 | SHMBUS_DESC_DIRECTED | 200u << 16, 0, 1, 0 }, /* no such slot */
		{ 60 | 1u << 16, 0, 0, 1 },                 /* a slot, but not directed */
		{ 60 | 1u << 26, 0, 0, 1 },
		{ 60 | SHMBUS_DESC_DIRECTED | 2u << 16 | 1u << 31, 0, 0, 1 },
		{ 13 | SHMBUS_DESC_DIRECTED | 2u << 16, 0, 0, 1 },
		{ 65 | SHMBUS_DESC_DIRECTED | 2u << 16, 0, 0, 1 }, /* beyond the record */
		{ 60 | SHMBUS_DESC_DIRECTED | 2u << 16 | SHMBUS_DESC_REQUEST, 0, 0, 1 },
	};
	struct shmbus_lanes_rx_counts before, after;
	struct port p[2];
	uint64_t got;
	uint8_t *at;
	uint32_t i;

	(void)state;
	start_all(p, 2, SHMBUS_DELIVER_SWITCH);
	for (i = 0; i < DIM(cases); i++) {
		before = counts(&p[1]);
		at = shmbus_writer_record(&p[0].st.bus, &p[0].tx.writer);
		send_one(&p[0], 2, 1);
		shmbus_store(&shmbus_burst_desc(at)[0], cases[i].word);
		got = poll_all(&p[1]);
		after = counts(&p[1]);
		if (got != cases[i].got || after.skipped - before.skipped != cases[i].skipped ||
		    after.corrupt - before.corrupt != cases[i].corrupt)
			fail_msg("word %u: wrong counts", i);
	}
	leave_all(p, 2);
	/* In version 1 a directed frame is not valid. */
	start_all(p, 2, SHMBUS_DELIVER_HUB);
	at = shmbus_writer_record(&p[0].st.bus, &p[0].tx.writer);
	send_one(&p[0], 2, 1);
	shmbus_store(&shmbus_burst_desc(at)[0], 60 | SHMBUS_DESC_DIRECTED | 1u << 16);
	{
		struct shmbus_reader *r = shmbus_lanes_rx_reader(&p[1].st.bus, &p[1].rx, 0);
		struct shmbus_request req;
		struct shmbus_walk walk;
		const uint8_t *frame;

		assert_int_equal(shmbus_reader_peek(&p[1].st.bus, r), 1);
		shmbus_reader_walk(&p[1].st.bus, r, &walk);
		assert_int_equal(shmbus_reader_next(r, &walk, &frame), 0);
		assert_int_equal(shmbus_reader_next_any(r, &walk, &frame, &req), 0);
	}
	leave_all(p, 2);
}

static void
use_interrupts(struct port *p)
{
	shmbus_port_set_state(&p->st.port, UP | SHMBUS_PORT_RX_INTR |
			      (p->rx.conf.mirror ? SHMBUS_PORT_MIRROR : 0));
	shmbus_wake_tell(&p->st.bus, true);
}

static void
sleep_now(struct port *p, int fd)
{
	shmbus_notify_drain(fd);
	shmbus_wake_sleep(&p->st.bus, p->st.port.slot, 0);
	assert_false(shmbus_lanes_rx_pending(&p->st.bus, &p->rx));
}

static bool
rung(int fd)
{
	struct pollfd on = { .fd = fd, .events = POLLIN };

	return poll(&on, 1, 0) == 1;
}

static void
test_wake(void **state)
{
	struct port p[4];
	uint64_t rings;
	int fd[4];
	uint32_t i, bursts;

	(void)state;
	start_all(p, 4, SHMBUS_DELIVER_SWITCH);
	shmbus_lanes_rx_stop(&p[3].st.bus, &p[3].rx);
	start(&p[3], true, false);
	for (i = 1; i < 4; i++) {
		use_interrupts(&p[i]);
		fd[i] = shmbus_notify_open(p[i].st.bus.file.fd);
		poll_all(&p[i]);
		shmbus_wake_sleep(&p[i].st.bus, p[i].st.port.slot, 0);
		shmbus_notify_drain(fd[i]);
	}
	shmbus_wake_rise(&p[3].st.bus, 3, 0);
	/* For port 1 alone. The bell wakes all that watch the file; so look at the rings. */
	send_one(&p[0], 2, 1);
	assert_int_equal(p[0].tx.waker.rings, 1);
	assert_true(rung(fd[1]));
	poll_all(&p[1]);
	shmbus_wake_rise(&p[1].st.bus, 1, 0);
	/* Port 1 is awake, port 2 sleeps: nobody rings for it. */
	for (i = 0; i < 5; i++)
		send_one(&p[0], 2, 1);
	assert_int_equal(p[0].tx.waker.rings, 1);
	/* Port 2 falls asleep again; the frames of port 1 do not keep it awake. */
	assert_true(shmbus_reader_pending(&p[2].st.bus, &p[2].rx.readers[0]));
	sleep_now(&p[2], fd[2]);
	send_one(&p[0], 2, 1);
	assert_int_equal(p[0].tx.waker.rings, 1);
	assert_false(rung(fd[2]));
	/* A frame for everybody is one for port 2. */
	send_one(&p[0], EVERYBODY, 1);
	assert_int_equal(p[0].tx.waker.rings, 2);
	assert_true(rung(fd[2]));
	assert_true(shmbus_lanes_rx_pending(&p[2].st.bus, &p[2].rx));
	assert_int_equal(poll_all(&p[2]), 1);
	shmbus_wake_rise(&p[2].st.bus, 2, 0);
	/* A mirror is woken by every frame. */
	poll_all(&p[3]);
	sleep_now(&p[3], fd[3]);
	send_one(&p[0], 2, 1);
	assert_int_equal(p[0].tx.waker.rings, 3);
	assert_true(shmbus_lanes_rx_pending(&p[3].st.bus, &p[3].rx));
	poll_all(&p[3]);
	shmbus_wake_rise(&p[3].st.bus, 3, 0);
	/* A queue whose cursor is a quarter of a lap behind moves it before it sleeps. */
	poll_all(&p[2]);
	for (i = 0; i < SHMBUS_LANE_SIZE_MIN / 4 / 128 + 1; i++) {
		send_one(&p[0], 2, 1);
		poll_all(&p[1]);
		poll_all(&p[3]);
	}
	assert_false(shmbus_lanes_rx_pending(&p[2].st.bus, &p[2].rx));
	assert_int_equal(shmbus_load(&shmbus_bus_cursor(&p[0].st.bus, 2, 0, 0)->pos),
			 p[0].tx.writer.tail);
	assert_int_equal(poll_all(&p[2]), 0);
	/* A sleeper that gets nothing is woken in time to let the sender go on. */
	poll_all(&p[1]);
	poll_all(&p[2]);
	sleep_now(&p[2], fd[2]);
	rings = p[0].tx.waker.rings;
	for (bursts = 0; !rung(fd[2]); bursts++) {
		assert_in_range(bursts, 0, SHMBUS_LANE_SIZE_MIN / 4 / 128 + 1);
		send_one(&p[0], 2, 1);
		poll_all(&p[1]);
		poll_all(&p[3]);
	}
	assert_int_equal(p[0].tx.waker.rings, rings + 1);
	for (i = 1; i < 4; i++)
		close(fd[i]);
	leave_all(p, 4);
}

/* Returns the position up to which the sender's lane has something for a slot, by its notice. */
static uint64_t
noticed(const struct port *sender, uint32_t slot)
{
	return shmbus_load(&shmbus_bus_notice(&sender->st.bus, slot, sender->tx.writer.lane)->word) &
	       ~(uint64_t)SHMBUS_NOTICE_QUARTERS;
}

/* A notice is the end of the last record with a frame for the slot. */
static void
test_notices(void **state)
{
	static const uint8_t mixed[] = { 2, 3, 2 };
	struct port p[3];
	uint64_t end;
	uint32_t i;

	(void)state;
	start_all(p, 3, SHMBUS_DELIVER_SWITCH);
	send_one(&p[0], 2, 1);
	end = p[0].tx.writer.tail;
	assert_int_equal(noticed(&p[0], 1), end);
	assert_int_equal(noticed(&p[0], 2), 0);
	send_one(&p[0], 3, 1);
	assert_int_equal(noticed(&p[0], 1), end);
	assert_int_equal(noticed(&p[0], 2), p[0].tx.writer.tail);
	send_to(&p[0], mixed, DIM(mixed), 1, 60);
	assert_int_equal(noticed(&p[0], 1), p[0].tx.writer.tail);
	assert_int_equal(noticed(&p[0], 2), p[0].tx.writer.tail);
	send_one(&p[0], EVERYBODY, 1);
	for (i = 0; i < p[0].st.bus.geo.ports; i++)
		assert_int_equal(noticed(&p[0], i), p[0].tx.writer.tail);
	leave_all(p, 3);
}

/* In a burst of several records each receiver hears of the last one with a frame for it. */
static void
test_notices_of_a_burst(void **state)
{
	static const uint8_t bursts[][3] = { { 2, 2, 2 }, { 2, 3, 3 }, { 3, EVERYBODY, EVERYBODY }, { 3, 2, 3 } };
	static const uint8_t unknown = 99;
	struct port p[3];
	uint32_t i, k;

	(void)state;
	start_all(p, 3, SHMBUS_DELIVER_SWITCH);
	for (i = 0; i < DIM(bursts); i++) {
		for (k = 0; k < 3; k++) {
			publish_to(&p[0], &bursts[i][k], 1, 1, 60);
			if (bursts[i][k] != 3)
				assert_int_equal(noticed(&p[0], 1), p[0].tx.writer.tail);
			if (bursts[i][k] != 2)
				assert_int_equal(noticed(&p[0], 2), p[0].tx.writer.tail);
		}
		send_to(&p[0], &unknown, 1, 1, 60);
		assert_int_equal(noticed(&p[0], 1), p[0].tx.writer.tail);
	}
	leave_all(p, 3);
}

/* A port looks at no lane whose frames are for others, and counts them all the same. */
static void
test_lanes_untouched(void **state)
{
	const struct shmbus_cursor *cursor;
	struct port p[3];
	uint32_t i;

	(void)state;
	start_all(p, 3, SHMBUS_DELIVER_SWITCH);
	poll_all(&p[1]);
	poll_all(&p[2]);
	p[1].looks = 0;
	p[2].looks = 0;
	/* Five laps. */
	for (i = 0; i < 5 * SHMBUS_LANE_SIZE_MIN / 128; i++) {
		send_one(&p[0], 2, 1);
		assert_int_equal(poll_all(&p[1]), 1);
		/* Only the notices make it move its cursor. */
		assert_int_equal(poll_active(&p[2]), 0);
	}
	assert_int_equal(p[1].looks, i);
	assert_int_equal(p[2].looks, 0);
	/* The sender has not waited, as the cursor follows once in a quarter of a lap. */
	cursor = shmbus_bus_cursor(&p[0].st.bus, 2, 0, 0);
	assert_in_range(p[0].tx.writer.tail - shmbus_load(&cursor->pos), 0,
			SHMBUS_LANE_SIZE_MIN / 4 + 128);
	assert_int_equal(shmbus_load(&cursor->skipped) * 128, shmbus_load(&cursor->pos));
	assert_int_equal(counts(&p[2]).skipped, i);
	assert_int_equal(shmbus_load(&cursor->skipped), counts(&p[2]).skipped);
	/* The next frame for it is found behind the rest. */
	send_one(&p[0], 3, 1);
	assert_int_equal(poll_all(&p[2]), 1);
	assert_int_equal(counts(&p[2]).skipped, i);
	assert_int_equal(counts(&p[2]).missed, 0);
	leave_all(p, 3);
}

/* A port that is lapped by frames for others has missed none of its own. */
static void
test_lapped_by_others(void **state)
{
	struct port p[3];
	uint32_t i;

	(void)state;
	start_all(p, 3, SHMBUS_DELIVER_SWITCH);
	poll_all(&p[2]);
	shmbus_writer_set_pause(&p[0].tx.writer, false, 0);
	for (i = 0; i < 3 * SHMBUS_LANE_SIZE_MIN / 128; i++)
		send_one(&p[0], 2, 1);
	assert_int_equal(poll_all(&p[2]), 0);
	assert_int_equal(counts(&p[2]).skipped, i);
	assert_int_equal(counts(&p[2]).missed, 0);
	assert_int_equal(counts(&p[2]).overruns, 0);
	leave_all(p, 3);
}

/* Stores a notice that no honest sender has stored. */
static void
forge_notice(struct port *sender, uint32_t slot, uint64_t word)
{
	shmbus_store(&shmbus_bus_notice(&sender->st.bus, slot, sender->tx.writer.lane)->word, word);
}

/* A sender that dies before it publishes leaves a notice above its tail; its successor goes on. */
static void
test_notice_of_the_dead(void **state)
{
	struct port p[3];
	uint64_t tail;

	(void)state;
	start_all(p, 3, SHMBUS_DELIVER_SWITCH);
	send_one(&p[0], 2, 1);
	poll_all(&p[1]);
	poll_all(&p[2]);
	tail = p[0].tx.writer.tail;
	/* Both are told of a record that does not come; one looks before the successor sends. */
	forge_notice(&p[0], 1, tail + 128);
	forge_notice(&p[0], 2, tail + 128);
	assert_int_equal(poll_all(&p[1]), 0);
	/* The successor's record ends where the dead sender's would have ended, and is for port 1. */
	send_one(&p[0], 2, 1);
	assert_int_equal(p[0].tx.writer.tail, tail + 128);
	assert_int_equal(poll_all(&p[1]), 1);
	assert_int_equal(poll_all(&p[2]), 0);
	send_one(&p[0], 3, 1);
	assert_int_equal(poll_all(&p[1]), 0);
	assert_int_equal(poll_all(&p[2]), 1);
	assert_int_equal(counts(&p[2]).skipped, 2);
	leave_all(p, 3);
}

/* Lies in notices: one port fewer gets a frame, or a port looks in vain; nothing else. */
static void
test_notices_lie(void **state)
{
	static const uint64_t words[] = { 0, 1, 63, 64, 1 << 20, UINT64_C(1) << 62, UINT64_C(1) << 63,
					  UINT64_MAX - 63, UINT64_MAX };
	struct port p[3];
	uint64_t sum, sent = 0;
	uint32_t i, k;

	(void)state;
	start_all(p, 3, SHMBUS_DELIVER_SWITCH);
	for (i = 0; i < DIM(words); i++) {
		for (k = 0; k < 5; k++) {
			send_one(&p[0], k % 2 == 0 ? 2 : 3, 1);
			forge_notice(&p[0], 1, words[i]);
			poll_all(&p[1]);
			poll_all(&p[1]);
			poll_all(&p[2]);
			sent++;
		}
		/* The next honest notice, and the frame is found. */
		send_one(&p[0], 2, 1);
		sent++;
		assert_in_range(poll_all(&p[1]), 1, 6);
		sum = p[1].got + counts(&p[1]).skipped;
		assert_int_equal(sum, sent);
		assert_int_equal(counts(&p[1]).missed + counts(&p[1]).corrupt, 0);
		poll_all(&p[2]);
	}
	assert_int_equal(p[2].got, 2 * DIM(words));
	/* A queue is kept awake by no lie, also not by one that hides the lane from its polls. */
	forge_notice(&p[0], 1, p[0].tx.writer.tail + 128);
	poll_all(&p[1]);
	for (i = 0; i < p[1].rx.n_active; i++)
		p[1].rx.active[i].empty_at = UINT64_MAX;
	send_one(&p[0], 2, 1);
	p[1].rx.readers[p[0].tx.writer.lane].pos -= UINT64_C(1) << 63;
	forge_notice(&p[0], 1, UINT64_MAX);
	assert_int_equal(poll_active(&p[1]), 0);
	assert_false(shmbus_lanes_rx_pending(&p[1].st.bus, &p[1].rx));
	p[1].rx.readers[p[0].tx.writer.lane].pos += UINT64_C(1) << 63;
	forge_notice(&p[0], 1, p[0].tx.writer.tail + 64000);
	poll_all(&p[1]);
	assert_false(shmbus_lanes_rx_pending(&p[1].st.bus, &p[1].rx));
	leave_all(p, 3);
}

/* Queues that share all lanes step over the same frames; their parts add up. */
static void
test_shared(void **state)
{
	struct shmbus_lanes_rx_counts sum = { .missed = 0 };
	struct shmbus_lanes_rx_conf conf = { .n_queues = 2, .shared = true };
	struct shmbus_lanes_rx second;
	struct port p[3];
	void *memory;
	uint32_t i;

	(void)state;
	start_all(p, 3, SHMBUS_DELIVER_SWITCH);
	conf.slot = SHMBUS_NO_SLOT;
	memory = calloc(1, shmbus_lanes_rx_size(&p[2].st.bus.geo));
	memset(&second, 0, sizeof(second));
	shmbus_lanes_rx_init(&second, &p[2].st.bus.geo, memory);
	shmbus_lanes_rx_start(&p[2].st.bus, &second, &conf);
	second.conf.slot = 2;
	second.conf.queue = 1;
	p[2].rx.conf.n_queues = 2;
	p[2].rx.conf.shared = true;
	for (i = 0; i < 7; i++)
		send_one(&p[0], 2, 1);
	poll_all(&p[2]);
	shmbus_lanes_rx_count(&p[2].rx, &sum);
	assert_non_null(shmbus_lanes_rx_reader(&p[2].st.bus, &second, 0));
	assert_int_equal(shmbus_reader_peek(&p[2].st.bus, &second.readers[0]), 1);
	for (i = 0; shmbus_reader_peek(&p[2].st.bus, &second.readers[0]) != 0; i++) {
		struct shmbus_walk walk;

		shmbus_reader_walk(&p[2].st.bus, &second.readers[0], &walk);
		assert_false(shmbus_reader_pass(&second.readers[0], &walk, 2));
		assert_true(shmbus_reader_commit(&p[2].st.bus, &second.readers[0], &walk));
	}
	shmbus_lanes_rx_count(&second, &sum);
	assert_int_equal(i, 7);
	assert_int_equal(sum.skipped, 7);
	free(memory);
	leave_all(p, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_contradiction),
		cmocka_unit_test(test_hub_of_version_2),
		cmocka_unit_test(test_owner_alone),
		cmocka_unit_test(test_counts_go_on),
		cmocka_unit_test(test_hub_as_ever),
		cmocka_unit_test(test_sees_all),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_learned),
		cmocka_unit_test(test_all_counted),
		cmocka_unit_test(test_lines_untouched),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_run_beyond_the_record),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_wake),
		cmocka_unit_test(test_notices),
		cmocka_unit_test(test_notices_of_a_burst),
		cmocka_unit_test(test_lanes_untouched),
		cmocka_unit_test(test_lapped_by_others),
		cmocka_unit_test(test_notice_of_the_dead),
		cmocka_unit_test(test_notices_lie),
		cmocka_unit_test(test_shared),
	};

	return cmocka_run_group_tests_name("switch", tests, tmpdir_create, tmpdir_remove);
}
