/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "shmbus_clock.h"
#include "shmbus_shmif_open.h"
#include "shmif_side.h"

void
side_join(struct side *s, const char *path, uint64_t sender)
{
	struct shmbus_error e;
	int ret;

	memset(s, 0, sizeof(*s));
	ret = shmbus_shmif_open(&s->bus, path, SHMBUS_FILE_ANY, 0, sender, &e);
	if (ret != 0)
		fail_msg("cannot join: %d, %s", ret, e.text);
	s->w.bytes = malloc(SHMBUS_SHMIF_BURST);
	s->r.bytes = malloc(SHMBUS_SHMIF_PIECE);
	assert_non_null(s->w.bytes);
	assert_non_null(s->r.bytes);
	shmbus_shmif_begin(&s->w, 0);
	shmbus_shmif_reader_start(&s->bus, &s->r, SHMBUS_SHMIF_START_MS);
}

void
side_leave(struct side *s)
{
	shmbus_shmif_close(&s->bus);
	free(s->w.bytes);
	free(s->r.bytes);
	s->w.bytes = NULL;
	s->r.bytes = NULL;
}

void
side_fill(uint8_t *frame, uint32_t len, uint64_t sender, uint64_t seq)
{
	memcpy(frame, &seq, sizeof(seq));
	frame_fill(frame + sizeof(seq), len - (uint32_t)sizeof(seq), seq * 1000003 + sender);
}

bool
side_check(const uint8_t *frame, uint32_t len, uint64_t sender, uint64_t *seq)
{
	if (len < FRAME_MIN || len > SHMBUS_SHMIF_FRAME_MAX)
		return false;
	memcpy(seq, frame, sizeof(*seq));
	return frame_is(frame + sizeof(*seq), len - (uint32_t)sizeof(*seq),
			*seq * 1000003 + sender);
}

bool
side_add(struct side *s, uint32_t len)
{
	uint8_t *frame = shmbus_shmif_add(&s->w, s->bus.sender, len);

	if (frame == NULL)
		return false;
	side_fill(frame, len, s->bus.sender, ++s->sent);
	return true;
}

void
side_send(struct side *s)
{
	const uint64_t start = shmbus_clock_mono_ns();
	int ret;

	while ((ret = shmbus_shmif_send(&s->bus, &s->w)) == -EBUSY)
		assert_true(shmbus_clock_mono_ns() - start < PATIENCE);
	assert_int_equal(ret, 0);
	shmbus_shmif_begin(&s->w, 0);
}

void
side_send_one(struct side *s, uint32_t len)
{
	assert_true(side_add(s, len));
	side_send(s);
}

void
side_push(struct side *s, uint32_t len)
{
	if (side_add(s, len))
		return;
	side_send(s);
	assert_true(side_add(s, len));
}

void
side_send_many(struct side *s, unsigned int n, uint32_t len)
{
	unsigned int i;

	for (i = 1; i <= n; i++) {
		assert_true(side_add(s, len));
		if (i % 20 == 0)
			side_send(s);
	}
	side_send(s);
}

uint64_t
side_send_random(struct side *s, struct dice *d, unsigned int n)
{
	uint64_t bytes = 0;
	uint32_t len;

	while (n-- != 0) {
		len = dice_range(d, FRAME_MIN, 1514);
		side_push(s, len);
		bytes += RECORD + len;
	}
	side_send(s);
	return bytes;
}

uint64_t
side_lock(struct side *s)
{
	const uint64_t start = shmbus_clock_mono_ns();

	while (!shmbus_shmif_lock(&s->bus, &s->r.lock_wait))
		assert_true(shmbus_clock_mono_ns() - start < PATIENCE);
	return shmbus_clock_mono_ns() - start;
}

uint64_t
side_take(struct side *s)
{
	struct shmbus_shmif_frame frame;
	uint64_t got = 0;
	uint64_t seq;

	while (shmbus_shmif_has_next(&s->r)) {
		shmbus_shmif_next(&s->r, &frame);
		assert_true(frame.len <= SHMBUS_SHMIF_FRAME_MAX);
		/* Receivers skip these. */
		if (frame.len < SHMBUS_SHMIF_FRAME_MIN) {
			s->empty++;
			continue;
		}
		if (!side_check(frame.data, frame.len, frame.sender, &seq))
			fail_msg("frame of %u bytes from %#llx is torn", frame.len,
				 (unsigned long long)frame.sender);
		if (frame.sender != s->expect_sender) {
			s->others++;
			continue;
		}
		/* None twice, none late. */
		if (seq <= s->seq)
			fail_msg("frame %llu after %llu", (unsigned long long)seq,
				 (unsigned long long)s->seq);
		s->jumped += seq - s->seq - 1;
		s->seq = seq;
		got++;
	}
	s->frames += got;
	return got;
}

uint64_t
side_receive(struct side *s)
{
	const uint64_t start = shmbus_clock_mono_ns();
	uint64_t got = 0;
	int ret;

	while (shmbus_shmif_pending(&s->bus, &s->r)) {
		while ((ret = shmbus_shmif_fetch(&s->bus, &s->r)) == -EBUSY)
			assert_true(shmbus_clock_mono_ns() - start < PATIENCE);
		assert_int_equal(ret, 0);
		got += side_take(s);
	}
	return got;
}

void
forge_ring(struct side *s, uint64_t gen, uint32_t end)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(&s->bus);
	const uint32_t at = (end + DATA - RECORD) % DATA;
	unsigned int i;

	/* What would be a record too long stands everywhere else. */
	memset(shmbus_shmif_data(&s->bus), 0xee, DATA);
	for (i = 0; i < RECORD; i++)
		shmbus_shmif_data(&s->bus)[(at + i) % DATA] = 0;
	shmbus_store(&h->gen, gen);
	shmbus_store(&h->first, at);
	shmbus_store(&h->last, at);
	shmbus_store(&h->lock, 0);
	shmbus_store(&h->spare, 0);
}

/* Byte by byte, and without positions, so that it shares nothing with the core. */
uint32_t
ring_records(const struct shmbus_shmif *bus)
{
	const struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const uint8_t *data = shmbus_shmif_data(bus);
	uint32_t off = shmbus_load(&h->first);
	uint32_t last = shmbus_load(&h->last);
	uint32_t used = 0;
	uint32_t n = 0;
	uint32_t len, i;
	bool newest;

	if (off > DATA || last > DATA)
		return 0;
	off %= DATA;
	last %= DATA;
	do {
		newest = off == last;
		for (i = 0, len = 0; i < 4; i++)
			len |= (uint32_t)data[(off + i) % DATA] << (8 * i);
		if (len > SHMBUS_SHMIF_FRAME_MAX)
			return 0;
		off = (off + RECORD + len) % DATA;
		used += RECORD + len;
		n++;
		if (used > DATA)
			return 0;
	} while (!newest);
	return n;
}

void
nap_ms(unsigned int ms)
{
	const struct timespec nap = {
		.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000,
	};

	nanosleep(&nap, NULL);
}
