/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "stream.h"

struct head {
	uint64_t stream;
	uint64_t number;
};

uint64_t
stream_new(uint64_t base, uint64_t key)
{
	const uint64_t id = shmbus_add(&board->n_streams, 1);
	struct stream *s = &board->streams[id];

	if (id >= STREAMS_MAX) {
		board_wrong(WRONG_OTHER, "more than %llu streams: the run is too long for this test",
			    (unsigned long long)STREAMS_MAX);
		exit(1);
	}
	shmbus_store(&s->base, base);
	shmbus_store(&s->attempted, base);
	shmbus_store(&s->published, base);
	/* Last: a process that is killed before leaves a stream of no lane. */
	shmbus_store_release(&s->key, key + 1);
	return id;
}

void
stream_attempt(uint64_t stream, uint64_t number)
{
	shmbus_store_release(&board->streams[stream].attempted, number);
}

void
stream_published(uint64_t stream, uint64_t number)
{
	shmbus_store_release(&board->streams[stream].published, number);
}

uint32_t
stream_len(uint64_t stream, uint64_t number, uint32_t longest)
{
	struct dice d = { .state = stream * UINT64_C(0x2545f4914f6cdd1d) + number };
	const uint32_t kind = dice_range(&d, 0, 63);

	if (kind == 0)
		return dice_range(&d, FRAME_SHORTEST, longest);
	if (kind < 8)
		return dice_range(&d, FRAME_SHORTEST, longest < 1514 ? longest : 1514);
	return dice_range(&d, FRAME_SHORTEST, 300);
}

uint32_t
stream_to(uint64_t stream, uint64_t number, uint32_t n)
{
	/* Runs of frames for one slot, and now and then one for everybody. */
	struct dice d = { .state = stream * UINT64_C(0x9e3779b97f4a7c15) + number / 5 };
	const uint32_t slot = dice_range(&d, 0, n + 1);

	return slot < n ? slot : n;
}

static uint64_t
body_of(const struct head *head)
{
	return head->stream * UINT64_C(0x9fb21c651e98df25) + head->number;
}

void
stream_fill(uint8_t *frame, uint32_t len, uint64_t stream, uint64_t number)
{
	const struct head head = { .stream = stream, .number = number };

	memcpy(frame, &head, sizeof(head));
	frame_fill(frame + sizeof(head), len - (uint32_t)sizeof(head), body_of(&head));
}

bool
stream_check(const uint8_t *frame, uint32_t len, uint32_t longest, uint64_t *stream,
	     uint64_t *number)
{
	const struct stream *s;
	struct head head;

	if (len < FRAME_SHORTEST || len > longest)
		goto torn;
	memcpy(&head, frame, sizeof(head));
	if (head.stream >= shmbus_load(&board->n_streams))
		goto torn;
	s = &board->streams[head.stream];
	if (head.number < shmbus_load(&s->base) ||
	    head.number >= shmbus_load_acquire((shmbus_a64 *)(uintptr_t)&s->attempted) ||
	    len != stream_len(head.stream, head.number, longest) ||
	    !frame_is(frame + sizeof(head), len - (uint32_t)sizeof(head), body_of(&head)))
		goto torn;
	*stream = head.stream;
	*number = head.number;
	return true;

torn:
	board_wrong(WRONG_TORN, "a frame of %u bytes that nobody sent so", len);
	return false;
}
