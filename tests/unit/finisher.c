/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Runs the finisher on frames from its input, for tests that know from
 * elsewhere what must come out.
 *
 * A question is one byte for the function (f shmbus_finish, w shmbus_finish_whole, n
 * shmbus_tso_next, h shmbus_tso_head), the kinds, the request, room and length (32 bits each), and
 * the frame. An answer is a number and, if that is above 0, as many bytes. n and h give answers
 * until a number is not above 0. Numbers are in the order of the processor.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "shmbus_finish.h"

struct question {
	uint8_t function;
	uint8_t kinds;
	struct shmbus_request req;
	uint32_t room;
	uint32_t len;
};

static bool
read_question(struct question *q)
{
	return fread(&q->function, 1, 1, stdin) == 1 && fread(&q->kinds, 1, 1, stdin) == 1 &&
	       fread(&q->req, sizeof(q->req), 1, stdin) == 1 &&
	       fread(&q->room, sizeof(q->room), 1, stdin) == 1 &&
	       fread(&q->len, sizeof(q->len), 1, stdin) == 1;
}

static void
answer(int32_t n, const uint8_t *bytes)
{
	if (fwrite(&n, sizeof(n), 1, stdout) != 1 ||
	    (n > 0 && fwrite(bytes, (size_t)n, 1, stdout) != 1))
		abort();
}

/* Headers and payload apart, put together where they are asked for. */
static int
next_by_head(struct shmbus_tso *tso, uint8_t *dst, uint32_t room)
{
	uint8_t *head = malloc(tso->req.data_off);
	const uint8_t *payload;
	int n;

	if (head == NULL)
		abort();
	n = shmbus_tso_head(tso, head, tso->req.data_off, &payload);
	if (n > (int)room)
		n = -EMSGSIZE;
	if (n > 0) {
		memcpy(dst, head, tso->req.data_off);
		memcpy(dst + tso->req.data_off, payload, (size_t)n - tso->req.data_off);
	}
	free(head);
	return n;
}

static void
answer_segments(const struct question *q, const uint8_t *frame)
{
	struct shmbus_tso tso = {
		.frame = frame, .len = q->len, .req = q->req, .kinds = q->kinds,
	};
	uint8_t *dst = malloc(q->room);
	int n;

	if (dst == NULL)
		abort();
	do {
		n = q->function == 'h' ? next_by_head(&tso, dst, q->room) :
		    shmbus_tso_next(&tso, dst, q->room);
		answer(n, dst);
	} while (n > 0);
	free(dst);
}

int
main(void)
{
	struct question q;
	uint8_t *frame;
	bool ok;

	while (read_question(&q)) {
		/* Of just the length, so that sanitizers see a byte too far. */
		frame = malloc(q.len);
		if (frame == NULL || fread(frame, q.len, 1, stdin) != 1)
			abort();
		if (!shmbus_request_valid(&q.req, q.len)) {
			answer(-EBADMSG, frame);
		} else if (q.function == 'n' || q.function == 'h') {
			answer_segments(&q, frame);
		} else {
			ok = q.function == 'w' ? shmbus_finish_whole(frame, q.len, &q.req, q.kinds) :
			     shmbus_finish(frame, q.len, &q.req, q.kinds);
			answer(ok ? (int)q.len : -EINVAL, frame);
		}
		free(frame);
		if (fflush(stdout) != 0)
			abort();
	}
	return 0;
}
