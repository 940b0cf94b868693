/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "races.h"
#include "shmbus_bus_open.h"
#include "shmbus_clock.h"
#include "shmbus_copy.h"
#include "station.h"

/* Frames that a receiver takes at once. */
#define BATCH 64

int
station_try(struct station *st, const struct shmbus_bus_conf *conf, struct shmbus_error *e)
{
	const struct shmbus_port_conf port = {
		.mac = { 0xb2, 0xa0, 1, 2, 3, 4 },
		.name = "station",
		.numa_node = -1,
	};
	int ret;

	ret = shmbus_bus_open(&st->bus, conf, e);
	if (ret != 0)
		return ret;
	ret = shmbus_port_attach(&st->port, &st->bus, &port, e);
	if (ret != 0)
		shmbus_bus_undo(&st->bus);
	else
		shmbus_file_unlock(&st->bus.file);
	return ret;
}

void
station_join(struct station *st, const char *path, uint32_t ports, uint32_t queues,
	     uint64_t lane_size)
{
	const struct shmbus_bus_conf conf = {
		.path = path, .ports = ports, .queues = queues, .lane_size = lane_size,
	};
	struct shmbus_error e;
	int ret;

	ret = station_try(st, &conf, &e);
	if (ret != 0)
		fail_msg("cannot join: %d, %s", ret, e.text);
}

void
station_leave(struct station *st, bool unlink)
{
	int locked;

	locked = shmbus_file_lock(&st->bus.file);
	shmbus_port_detach(&st->port);
	if (locked == 0 && unlink && shmbus_port_count_peers(&st->port) == 0)
		shmbus_file_unlink(&st->bus.file);
	shmbus_bus_close(&st->bus);
}

void
station_die(struct station *st)
{
	shmbus_bus_close(&st->bus);
}

void
station_announce(struct station *st, uint32_t n_txq, uint32_t n_rxq)
{
	shmbus_port_set_queues(&st->port, n_txq, n_rxq);
	shmbus_port_set_state(&st->port, SHMBUS_PORT_ATTACHED | SHMBUS_PORT_STARTED |
			      SHMBUS_PORT_LINK_UP | SHMBUS_PORT_RX_CURSORS);
}

uint32_t
station_lane(const struct station *st, uint32_t queue)
{
	return st->port.slot * st->bus.geo.queues + queue;
}

struct shmbus_lane_entry *
station_entry(const struct station *st, uint32_t queue)
{
	return shmbus_bus_lane(&st->bus, station_lane(st, queue));
}

void
transmitter_start(struct transmitter *tx, struct station *st, uint32_t queue, bool pause,
		  uint64_t timeout_ms)
{
	tx->st = st;
	tx->races = false;
	tx->stalls = calloc(st->bus.geo.lanes, sizeof(*tx->stalls));
	assert_non_null(tx->stalls);
	assert_int_equal(shmbus_port_prepare_lane(&st->port, queue), 0);
	shmbus_writer_start(&st->bus, &tx->w, st->port.slot, queue, tx->stalls, pause,
			    timeout_ms * 1000 * 1000);
}

void
transmitter_stop(struct transmitter *tx)
{
	free(tx->stalls);
	tx->stalls = NULL;
}

bool
transmitter_send(struct transmitter *tx, const uint32_t *lens, uint32_t count)
{
	const struct shmbus_bus *bus = &tx->st->bus;
	const uint32_t data_off = shmbus_burst_data_off(count);
	uint8_t frame[SHMBUS_ALIGN(SHMBUS_FRAME_MAX)];
	uint32_t total = data_off;
	uint32_t off = data_off;
	uint64_t bytes = 0;
	shmbus_a32 *desc;
	uint8_t *record;
	uint32_t i;

	for (i = 0; i < count; i++)
		total += (uint32_t)SHMBUS_ALIGN(lens[i]);
	if (!shmbus_writer_room(bus, &tx->w, total))
		return false;
	record = shmbus_writer_record(bus, &tx->w);
	desc = shmbus_burst_desc(record);
	for (i = 0; i < count; i++) {
		shmbus_store(&desc[i], lens[i]);
		frame_fill(frame, lens[i], tx->w.seq + i);
		races_begin(tx->races);
		shmbus_copy_exact(record + off, frame, lens[i]);
		races_end(tx->races);
		off += (uint32_t)SHMBUS_ALIGN(lens[i]);
		bytes += lens[i];
	}
	shmbus_writer_publish(bus, &tx->w, record, count, data_off, off, bytes,
			      shmbus_clock_real_ns());
	return true;
}

uint32_t
transmitter_burst(struct transmitter *tx, const uint32_t *lens, uint32_t n)
{
	const uint32_t max = shmbus_burst_max(&tx->st->bus.geo);
	uint32_t sent, count, len;

	for (sent = 0; sent < n; sent += count) {
		len = shmbus_burst_data_off(n - sent);
		for (count = 0; sent + count < n; count++) {
			len += (uint32_t)SHMBUS_ALIGN(lens[sent + count]);
			if (len > max && count != 0)
				break;
		}
		if (!transmitter_send(tx, &lens[sent], count))
			break;
	}
	return sent;
}

bool
transmitter_send_one(struct transmitter *tx, uint32_t len)
{
	return transmitter_send(tx, &len, 1);
}

void
transmitter_send_many(struct transmitter *tx, uint64_t n, uint32_t len)
{
	while (n-- != 0)
		assert_true(transmitter_send_one(tx, len));
}

void
receiver_start(struct receiver *rx, struct station *st, uint32_t rxq, uint32_t lane, bool hold)
{
	memset(rx, 0, sizeof(*rx));
	rx->st = st;
	rx->buf = malloc(BATCH * (size_t)SHMBUS_ALIGN(SHMBUS_FRAME_MAX));
	assert_non_null(rx->buf);
	assert_int_equal(shmbus_bus_map_lane(&st->bus, lane, SHMBUS_LANE_READ), 0);
	shmbus_reader_start(&st->bus, &rx->r, lane);
	if (hold) {
		rx->cursor = shmbus_bus_cursor(&st->bus, st->port.slot, rxq, lane);
		shmbus_reader_hold(&st->bus, &rx->r, rx->cursor);
	}
	rx->seq = rx->r.seq;
}

void
receiver_stop(struct receiver *rx)
{
	if (rx->cursor != NULL)
		shmbus_reader_release(rx->cursor);
	free(rx->buf);
	rx->buf = NULL;
}

static void
check_frames(struct receiver *rx, uint64_t seq, const uint32_t *lens, uint32_t n)
{
	const uint8_t *frame = rx->buf;
	uint32_t i;

	if (rx->trusting || n == 0)
		return;
	/* Never back: no frame twice. */
	assert_true((int64_t)(seq - rx->seq) >= 0);
	rx->missed += seq - rx->seq;
	for (i = 0; i < n; i++) {
		if (rx->len_of != NULL)
			assert_int_equal(lens[i], rx->len_of(seq + i));
		if (!frame_is(frame, lens[i], seq + i))
			fail_msg("frame %llu of %u bytes is torn",
				 (unsigned long long)(seq + i), lens[i]);
		frame += SHMBUS_ALIGN(lens[i]);
	}
	rx->seq = seq + n;
	rx->last_len = lens[n - 1];
}

uint32_t
receiver_receive(struct receiver *rx, uint32_t max)
{
	const struct shmbus_bus *bus = &rx->st->bus;
	struct shmbus_reader *r = &rx->r;
	const uint64_t pos = r->pos;
	unsigned int tries = 1000;
	struct shmbus_walk walk;
	const uint8_t *frame;
	uint32_t lens[BATCH];
	uint32_t got = 0;
	uint32_t n, i, len;
	uint64_t seq;
	uint8_t *to;

	while (got < max && --tries != 0) {
		n = shmbus_reader_peek(bus, r);
		if (n == 0)
			break;
		n = n < max - got ? n : max - got;
		n = n < BATCH ? n : BATCH;
		shmbus_reader_walk(bus, r, &walk);
		seq = r->rec_seq + r->next;
		len = 1;
		for (i = 0, to = rx->buf; i < n; i++) {
			len = shmbus_reader_next_any(r, &walk, &frame, &rx->request);
			if (len == 0)
				break;
			lens[i] = len;
			if (len > SHMBUS_FRAME_MAX) /* what a driver never delivers */
				continue;
			races_begin(rx->races);
			shmbus_copy_lines(to, frame, len);
			races_end(rx->races);
			to += SHMBUS_ALIGN(len);
		}
		if (rx->meanwhile != NULL)
			rx->meanwhile(rx->arg);
		if (!shmbus_reader_commit(bus, r, &walk)) {
			rx->refused++;
			continue;
		}
		check_frames(rx, seq, lens, i);
		rx->frames += i;
		got += i;
		if (len == 0)
			shmbus_reader_give_up(r);
	}
	if (rx->cursor != NULL && r->pos != pos)
		shmbus_reader_publish(r, rx->cursor);
	return got;
}

uint64_t
receiver_drain(struct receiver *rx)
{
	uint64_t got = 0;
	uint32_t n;

	/* Nothing at one call may be a resync to the tail; then there is more, or nothing. */
	while ((n = receiver_receive(rx, BATCH)) != 0 || (n = receiver_receive(rx, BATCH)) != 0)
		got += n;
	return got;
}

void
forge_lane(struct station *st, uint32_t queue, uint64_t pos, uint64_t seq)
{
	struct shmbus_lane_entry *entry = station_entry(st, queue);
	const uint64_t chunk = st->bus.geo.lane_size / SHMBUS_CHUNKS;

	shmbus_store(&entry->head, pos & ~(chunk - 1));
	shmbus_store(&entry->stamp[0].pos, pos);
	shmbus_store(&entry->stamp[0].seq, seq);
	shmbus_store(&entry->stamp[1].pos, pos - SHMBUS_LINE);
	shmbus_store(&entry->stamp[1].seq, seq - 1);
	shmbus_store_release(&entry->tail, pos);
}
