/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "threads.h"
#include "tmpdir.h"

#define BURST 32

void
threads_join(struct threads *t, uint64_t lane_size)
{
	/* What fails in a thread ends the program; cmocka would jump into another one's stack. */
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	memset(t, 0, sizeof(*t));
	t->path = tmpdir_new_path();
	station_join(&t->a, t->path, 4, 2, lane_size);
	station_join(&t->b, t->path, 0, 0, 0);
	t->control = t->b.bus.control;
	t->lanes = t->b.bus.lanes;
	t->lane_prot = t->b.bus.lane_prot;
	t->b.bus.control = t->a.bus.control;
	t->b.bus.lanes = t->a.bus.lanes;
	t->b.bus.lane_prot = t->a.bus.lane_prot;
}

void
threads_leave(struct threads *t)
{
	t->b.bus.control = t->control;
	t->b.bus.lanes = t->lanes;
	t->b.bus.lane_prot = t->lane_prot;
	station_leave(&t->b, true);
	station_leave(&t->a, true);
	free(t->path);
}

void
threads_shmif_join(struct threads_shmif *t)
{
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	memset(t, 0, sizeof(*t));
	t->path = tmpdir_new_path();
	side_join(&t->a, t->path, 1);
	side_join(&t->b, t->path, 2);
	t->a.expect_sender = 2;
	t->b.expect_sender = 1;
	t->map = t->b.bus.map;
	t->b.bus.map = t->a.bus.map;
}

void
threads_shmif_leave(struct threads_shmif *t)
{
	t->b.bus.map = t->map;
	side_leave(&t->b);
	side_leave(&t->a);
	unlink(t->path);
	free(t->path);
}

pthread_t
thread_start(void *(*body)(void *), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, body, arg), 0);
	return thread;
}

void
thread_wait(pthread_t thread)
{
	assert_int_equal(pthread_join(thread, NULL), 0);
}

uint32_t
thread_frame_len(uint64_t seq)
{
	struct dice d = { .state = seq };

	return dice_range(&d, 0, 7) == 0 ? dice_range(&d, 14, 3000) : dice_range(&d, 14, 300);
}

void *
thread_send(void *arg)
{
	struct thread_sender *s = arg;
	uint32_t lens[BURST];
	uint32_t i;

	while (s->tx.w.seq < s->frames) {
		for (i = 0; i < BURST; i++)
			lens[i] = thread_frame_len(s->tx.w.seq + i);
		if (transmitter_burst(&s->tx, lens, BURST) != BURST)
			sched_yield();
	}
	return NULL;
}
