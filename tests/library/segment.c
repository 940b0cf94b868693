/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <stdlib.h>
#include <unistd.h>

#include "segment.h"

#define FRAME_ROOM 2048
#define HEADER 14u
/* Of the word of the lock in the file, see docs/format.rst. */
#define SHMIF_LOCK_OFF 24

void
segment_fill(uint8_t *frame, uint32_t len, uint64_t seq)
{
	static const uint8_t header[HEADER] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xb2, 0xa0, 0, 0, 0, 1, 0x88, 0xb5,
	};

	assert_true(len >= SEGMENT_FRAME_MIN);
	memcpy(frame, header, HEADER);
	memcpy(frame + HEADER, &seq, sizeof(seq));
	frame_fill(frame + SEGMENT_FRAME_MIN, len - SEGMENT_FRAME_MIN, seq);
}

static int
setup(void **state, enum shmbus_format format)
{
	struct segment *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	s->format = format;
	s->path = tmpdir_new_path();
	*state = s;
	return 0;
}

int
segment_setup_lanes(void **state)
{
	return setup(state, SHMBUS_FORMAT_LANES);
}

int
segment_setup_shmif(void **state)
{
	return setup(state, SHMBUS_FORMAT_SHMIF);
}

void
segment_leave(struct segment *s)
{
	shmbus_detach(s->a);
	shmbus_detach(s->b);
	s->a = NULL;
	s->b = NULL;
}

int
segment_teardown(void **state)
{
	struct segment *s = *state;

	segment_leave(s);
	unlink(s->path);
	free(s->path);
	free(s);
	return 0;
}

static struct shmbus_station *
attach(const struct segment *s, const struct shmbus_conf *conf)
{
	struct shmbus_station *st = NULL;

	if (shmbus_attach(&st, s->path, conf) != 0)
		fail_msg("%s", shmbus_error_text());
	return st;
}

void
segment_start(struct segment *s, const struct shmbus_conf *conf)
{
	struct shmbus_conf full = { .flags = 0 };

	if (conf != NULL)
		full = *conf;
	full.format = s->format;
	if (s->format == SHMBUS_FORMAT_LANES) {
		full.ports = 8;
		full.queues = 2;
		full.lane_size = 65536;
	}
	s->a = attach(s, &full);
	s->b = attach(s, &full);
}

unsigned int
segment_try_send(struct segment *s, unsigned int n, uint32_t len)
{
	static uint8_t bytes[BURST][65536];
	struct shmbus_tx frames[BURST];
	unsigned int sent = 0;
	unsigned int part, i;
	int ret;

	while (sent < n) {
		part = n - sent < BURST ? n - sent : BURST;
		for (i = 0; i < part; i++) {
			segment_fill(bytes[i], len, s->sent + i);
			frames[i] = (struct shmbus_tx){ .data = bytes[i], .len = len };
		}
		ret = shmbus_send(s->a, frames, part);
		assert_in_range(ret, 0, part);
		sent += (unsigned int)ret;
		s->sent += (unsigned int)ret;
		if ((unsigned int)ret != part)
			break;
	}
	return sent;
}

void
segment_send(struct segment *s, unsigned int n, uint32_t len)
{
	assert_int_equal(segment_try_send(s, n, len), n);
}

uint64_t
segment_number(const uint8_t *frame, uint32_t len)
{
	uint64_t seq;

	assert_true(len >= SEGMENT_FRAME_MIN);
	memcpy(&seq, frame + HEADER, sizeof(seq));
	assert_true(frame_is(frame + SEGMENT_FRAME_MIN, len - SEGMENT_FRAME_MIN, seq));
	return seq;
}

uint64_t
segment_drain(struct shmbus_station *st, uint64_t *next, uint64_t *missed)
{
	static uint8_t bytes[BURST][FRAME_ROOM];
	struct shmbus_rx frames[BURST];
	uint64_t got = 0;
	uint64_t seq;
	unsigned int i;
	int n;

	do {
		for (i = 0; i < BURST; i++)
			frames[i] = (struct shmbus_rx){ .data = bytes[i], .room = FRAME_ROOM };
		n = shmbus_receive(st, frames, BURST);
		assert_in_range(n, 0, BURST);
		for (i = 0; i < (unsigned int)n; i++) {
			assert_true(frames[i].len <= FRAME_ROOM);
			seq = segment_number(bytes[i], frames[i].len);
			assert_true(seq >= *next);
			*missed += seq - *next;
			*next = seq + 1;
		}
		got += (unsigned int)n;
	} while (n != 0);
	return got;
}

uint64_t
segment_receive(struct segment *s)
{
	uint64_t next = s->received + s->missed;
	uint64_t got;

	got = segment_drain(s->b, &next, &s->missed);
	s->received += got;
	return got;
}

struct shmbus_stats
segment_stats(const struct shmbus_station *st)
{
	struct shmbus_stats stats;

	assert_int_equal(shmbus_get_stats(st, &stats), 0);
	return stats;
}

void
segment_lock(const struct segment *s, uint32_t value)
{
	file_write(s->path, SHMIF_LOCK_OFF, &value, sizeof(value));
}
