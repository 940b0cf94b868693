/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A sender changes the destination of its frame while the library copies that
 * frame. A station that filters gets the frame as it was when the station
 * decided, or does not get it: it gets only frames to its own address.
 */

#include "check.h"
#include "copies.h"
#include "packet.h"
#include "segment.h"
#include "shmbus_clock.h"
#include "station.h"

/* More copies than the library makes in one call. */
#define COPIES 8

static const uint8_t mine[6] = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 };
static const uint8_t others[6] = { 0x06, 0x66, 0x77, 0x88, 0x99, 0xaa };

static struct {
	unsigned int left; /* copies until the change; 0: there is none */
	uint8_t *at;       /* the destination of the frame, in the bus */
	const uint8_t *to; /* what it becomes */
} change;

void
copies_next(void)
{
	if (change.left != 0 && --change.left == 0)
		(memcpy)(change.at, change.to, sizeof(mine));
}

struct sender {
	struct station st;
	struct transmitter tx;
};

/* One record of one frame. Returns where the frame lies. */
static uint8_t *
send_one(struct sender *sender, const uint8_t *bytes, uint32_t len,
	 const struct shmbus_offload *off)
{
	const struct shmbus_bus *bus = &sender->st.bus;
	struct shmbus_writer *w = &sender->tx.w;
	const uint32_t data_off = shmbus_burst_data_off(1);
	const uint32_t extent = off != NULL ? shmbus_request_extent(len) :
					      (uint32_t)SHMBUS_ALIGN(len);
	struct shmbus_request req;
	uint8_t *at;

	assert_true(shmbus_writer_room(bus, w, data_off + extent));
	at = shmbus_writer_record(bus, w);
	(memcpy)(at + data_off, bytes, len);
	shmbus_store(&shmbus_burst_desc(at)[0], off != NULL ? len | SHMBUS_DESC_REQUEST : len);
	if (off != NULL) {
		(memcpy)(&req, off, sizeof(req));
		shmbus_request_store(at + data_off + extent, &req);
	}
	shmbus_writer_publish(bus, w, at, 1, data_off, data_off + extent, len,
			      shmbus_clock_real_ns());
	return at + data_off;
}

/* The frame is to from at first, and to to when the library makes its nth copy. Was it received? */
static bool
receive_changed(struct segment *s, struct sender *sender, const struct packet *p,
		const struct shmbus_offload *off, const uint8_t *from, const uint8_t *to,
		unsigned int n)
{
	static uint8_t got[PACKET_MAX];
	struct shmbus_rx rx = { .data = got, .room = sizeof(got) };
	struct packet sent = *p;
	int ret;

	(memcpy)(sent.bytes, from, sizeof(mine));
	change.at = send_one(sender, sent.bytes, sent.len, off);
	change.to = to;
	change.left = n;
	ret = shmbus_receive(s->b, &rx, 1);
	change.left = 0;
	if (ret == 0)
		return false;
	assert_int_equal(ret, 1);
	assert_int_equal(rx.len, p->len);
	assert_memory_equal(got, mine, sizeof(mine));
	return true;
}

static void
change_at_each_copy(struct segment *s, struct sender *sender, const struct packet *p,
		    const struct shmbus_offload *off)
{
	unsigned int received = 0;
	unsigned int n;

	for (n = 1; n <= COPIES; n++) {
		received += receive_changed(s, sender, p, off, mine, others, n);
		receive_changed(s, sender, p, off, others, mine, n);
	}
	/* If the change comes after all copies, it changes nothing. */
	assert_in_range(received, 1, COPIES);
}

static void
test_destination_changes(void **state)
{
	static const uint32_t payloads[] = { 10, 100, 1000 };
	struct segment *s = *state;
	struct shmbus_conf conf = {
		.flags = SHMBUS_FILTER, .ports = 4, .queues = 1, .lane_size = 65536,
	};
	struct shmbus_offload off;
	struct sender sender;
	struct packet p;
	unsigned int i;

	memcpy(conf.mac, mine, sizeof(mine));
	assert_int_equal(shmbus_attach(&s->b, s->path, &conf), 0);
	station_join(&sender.st, s->path, 0, 0, 0);
	station_announce(&sender.st, 1, 0);
	transmitter_start(&sender.tx, &sender.st, 0, true, 60000);
	for (i = 0; i < DIM(payloads); i++) {
		packet_make(&p, false, PACKET_UDP, payloads[i]);
		off = packet_offload(&p);
		change_at_each_copy(s, &sender, &p, NULL);
		change_at_each_copy(s, &sender, &p, &off);
	}
	transmitter_stop(&sender.tx);
	station_leave(&sender.st, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LANES_ONLY(test_destination_changes),
	};

	return cmocka_run_group_tests_name("library_copies", tests, tmpdir_create, tmpdir_remove);
}
