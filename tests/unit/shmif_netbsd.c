/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "check.h"
#include "rounds.h"
#include "shmif_netbsd.h"

#define ETHERNET_HEADER 14u

static void
lock(const struct netbsd *n)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(n->bus);

	assert_int_equal(shmbus_load(&h->lock), 0);
	shmbus_store(&h->lock, 1);
}

static void
unlock(const struct netbsd *n)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(n->bus);

	assert_int_equal(shmbus_load(&h->lock), 1);
	shmbus_store(&h->lock, 0);
}

static uint32_t
read_bytes(const struct netbsd *n, uint32_t off, void *dst, uint32_t len, bool *wrapped)
{
	const uint8_t *data = shmbus_shmif_data(n->bus);
	uint32_t part = DATA - off;

	assert_true(off <= DATA);
	if (part > len)
		part = len;
	if (part != 0)
		memcpy(dst, data + off, part);
	*wrapped |= off + part == DATA;
	if (part == len)
		return (off + part) % DATA;
	memcpy((uint8_t *)dst + part, data, len - part);
	return len - part;
}

/* Where the record behind the one at an offset begins. */
static uint32_t
next_record(const struct netbsd *n, uint32_t off)
{
	bool wrapped = false;
	uint8_t header[RECORD];
	uint32_t len;

	read_bytes(n, off, header, RECORD, &wrapped);
	memcpy(&len, header, sizeof(len));
	assert_true(len < DATA);
	off += RECORD + len;
	return off >= DATA ? off - DATA : off;
}

/*
 * NetBSD's condition: the bytes at off are about to be overwritten. They do
 * not wrap. newest: the newest record so far.
 */
static void
clear(const struct netbsd *n, uint32_t newest, uint32_t off, uint32_t len)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(n->bus);
	uint32_t first;

	while (off <= (first = shmbus_load(&h->first)) + RECORD && off + len > first) {
		/* Behind the newest record there is none yet: old bytes would be its header. */
		assert_int_not_equal(first % DATA, newest % DATA);
		shmbus_store(&h->first, next_record(n, first));
	}
}

static uint32_t
write_bytes(const struct netbsd *n, uint32_t newest, uint32_t off, const uint8_t *src,
	    uint32_t len, bool *wrapped)
{
	uint8_t *data = shmbus_shmif_data(n->bus);
	const uint32_t part = len <= DATA - off ? len : DATA - off;
	const bool reached = off + part == DATA;

	clear(n, newest, off, part + reached);
	memcpy(data + off, src, part);
	*wrapped |= reached;
	if (part == len)
		return (off + part) % DATA;
	clear(n, newest, 0, len - part);
	memcpy(data, src + part, len - part);
	return len - part;
}

void
netbsd_join(struct netbsd *n, const struct shmbus_shmif *bus, uint64_t sender)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	bool wrapped = false;
	uint8_t header[RECORD];
	uint32_t len;

	n->bus = bus;
	n->sender = sender;
	n->sent = 0;
	lock(n);
	n->next = shmbus_load(&h->last);
	read_bytes(n, n->next, header, RECORD, &wrapped);
	memcpy(&len, header, sizeof(len));
	/* gen has counted the newest record already, if that reaches the end. */
	n->gen = shmbus_load(&h->gen) - (n->next + RECORD + len >= DATA);
	unlock(n);
}

void
netbsd_send(struct netbsd *n, uint32_t len)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(n->bus);
	uint8_t header[RECORD] = { 0 };
	uint8_t frame[SHMBUS_SHMIF_FRAME_MAX];
	bool wrapped = false;
	uint32_t newest, off;

	memcpy(header, &len, sizeof(len));
	memcpy(header + 16, &n->sender, sizeof(n->sender));
	side_fill(frame, len, n->sender, ++n->sent);
	lock(n);
	newest = shmbus_load(&h->last);
	off = next_record(n, newest);
	shmbus_store(&h->last, off);
	off = write_bytes(n, newest, off, header, RECORD, &wrapped);
	write_bytes(n, newest, off, frame, len, &wrapped);
	if (wrapped)
		shmbus_store(&h->gen, shmbus_load(&h->gen) + 1);
	unlock(n);
}

/* Is what the kernel has not read yet still there? */
static bool
still_valid(const struct netbsd *n, uint32_t end)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(n->bus);
	const uint32_t behind = (uint32_t)(shmbus_load(&h->gen) - n->gen);
	const uint32_t first = shmbus_load(&h->first);
	uint32_t here = n->next;

	assert_int_not_equal(first, shmbus_load(&h->last));
	if (behind > 1)
		return false;
	if (first >= end) {
		end += DATA;
		here += behind == 0 ? DATA : 0;
	} else if (behind != 0) {
		return false;
	}
	return here >= first && here <= end;
}

/* False: there is nothing new. others: goes up by 1 if it is a frame of another sender. */
static bool
receive_one(struct netbsd *n, uint64_t *others)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(n->bus);
	const uint64_t gen = shmbus_load(&h->gen);
	uint32_t first, last, end, len;
	uint8_t frame[SHMBUS_SHMIF_FRAME_MAX];
	uint8_t header[RECORD];
	bool wrapped = false;
	uint64_t sender, seq;

	lock(n);
	assert_true(gen >= n->gen);
	first = shmbus_load(&h->first);
	last = shmbus_load(&h->last);
	end = next_record(n, last);
	if (n->gen == gen && n->next == end) {
		unlock(n);
		return false;
	}
	if (!still_valid(n, end)) {
		assert_true(gen > 0);
		n->next = first;
		/* NetBSD compares with last here. A newest record that touches the end makes it panic. */
		n->gen = gen - (first >= end);
	}
	assert_false(n->next > last && n->gen == gen);
	n->next = read_bytes(n, n->next, header, RECORD, &wrapped);
	memcpy(&len, header, sizeof(len));
	memcpy(&sender, header + 16, sizeof(sender));
	assert_true(len <= SHMBUS_SHMIF_FRAME_MAX);
	n->next = read_bytes(n, n->next, frame, len, &wrapped);
	n->gen += wrapped;
	unlock(n);
	if (len < ETHERNET_HEADER)
		return true;
	assert_true(side_check(frame, len, sender, &seq));
	*others += sender != n->sender;
	return true;
}

uint64_t
netbsd_receive(struct netbsd *n)
{
	uint64_t others = 0;
	uint32_t records = 0;

	/* There are not as many in a ring. */
	while (receive_one(n, &others))
		assert_true(records++ <= DATA / RECORD);
	return others;
}

void
netbsd_assert_ring(const struct shmbus_shmif *bus)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	assert_int_equal(shmbus_load(&h->lock), 0);
	assert_true(shmbus_load(&h->first) <= DATA);
	assert_true(shmbus_load(&h->last) < DATA);
	assert_int_not_equal(shmbus_load(&h->first), shmbus_load(&h->last));
	/* first may be the other name of 0 only as long as the ring's first record stands there. */
	if (shmbus_load(&h->last) == 0)
		assert_true(shmbus_load(&h->first) != 0);
	assert_true(ring_records(bus) != 0);
}

void
netbsd_lap(struct netbsd *n, struct side *tx, struct side *rx)
{
	struct dice d = { .state = shmbus_load(&shmbus_shmif_header(&tx->bus)->last) };
	const uint64_t corrupt = rx->r.corrupt + tx->w.corrupt;
	/* A walk of the whole ring costs more than all else of a turn. */
	const uint32_t walk_every = rounds(1, 16, NULL);
	struct netbsd late;
	uint32_t bytes, len;

	netbsd_assert_ring(&tx->bus);
	netbsd_receive(n);
	netbsd_join(&late, &tx->bus, n->sender + 1);
	netbsd_receive(&late);
	assert_int_equal(netbsd_receive(n), 0);
	side_receive(rx);
	for (bytes = 0; bytes <= DATA + SHMBUS_SHMIF_BURST; bytes += 3 * RECORD + len + len / 2 + 60) {
		const uint64_t others = rx->others;

		len = dice_range(&d, 2 * FRAME_MIN, 1514);
		netbsd_send(n, len);
		netbsd_send(&late, len / 2);
		if (dice_range(&d, 1, walk_every) == 1)
			netbsd_assert_ring(&tx->bus);
		assert_int_equal(netbsd_receive(n), 1);
		assert_int_equal(netbsd_receive(&late), 1);
		side_send_one(tx, 60);
		assert_int_equal(netbsd_receive(n), 1);
		assert_int_equal(netbsd_receive(&late), 1);
		assert_int_equal(side_receive(rx), 1);
		assert_int_equal(rx->others - others, 2);
	}
	netbsd_assert_ring(&tx->bus);
	assert_int_equal(rx->r.corrupt + tx->w.corrupt, corrupt);
}
