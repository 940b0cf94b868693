/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A writer that waits for no reader laps its readers: on purpose they copy frames
 * while the writer overwrites them, and then discard the copies. These copies may
 * race (races.h); no other access may.
 */

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "threads.h"
#include "tmpdir.h"

#define FRAMES 40000

struct lapped_reader {
	struct receiver rx;
	unsigned int nap_every; /* calls; 0: never */
	shmbus_a32 *done;
};

static void *
read_what_is_left(void *arg)
{
	struct lapped_reader *r = arg;
	unsigned int turns = 0;
	bool done;

	do {
		done = shmbus_load_acquire(r->done);
		if (receiver_receive(&r->rx, 32) == 0)
			sched_yield();
		if (r->nap_every != 0 && ++turns % r->nap_every == 0)
			usleep(100);
	} while (!done);
	receiver_drain(&r->rx);
	return NULL;
}

static void
test_lapped(void **state)
{
	static struct lapped_reader readers[2];
	static struct thread_sender sender;
	shmbus_a32 done = 0;
	pthread_t threads[3];
	struct threads t;
	unsigned int i;
	uint64_t sent;

	(void)state;
	threads_join(&t, SHMBUS_LANE_SIZE_MIN);
	station_announce(&t.a, 1, 0);
	transmitter_start(&sender.tx, &t.a, 0, false, 0);
	sender.tx.races = true;
	sender.frames = FRAMES;
	for (i = 0; i < 2; i++) {
		receiver_start(&readers[i].rx, &t.b, i, station_lane(&t.a, 0), false);
		readers[i].rx.races = true;
		readers[i].rx.len_of = thread_frame_len;
		readers[i].nap_every = i * 64;
		readers[i].done = &done;
		threads[i] = thread_start(read_what_is_left, &readers[i]);
	}
	threads[2] = thread_start(thread_send, &sender);
	thread_wait(threads[2]);
	sent = sender.tx.w.seq;
	shmbus_store_release(&done, 1);
	for (i = 0; i < 2; i++) {
		thread_wait(threads[i]);
		print_message("# sent %llu, received %llu, missed %llu, refused %llu\n",
			      (unsigned long long)sent, (unsigned long long)readers[i].rx.frames,
			      (unsigned long long)readers[i].rx.missed,
			      (unsigned long long)readers[i].rx.refused);
		assert_int_equal(readers[i].rx.frames + readers[i].rx.missed, sent);
		assert_int_equal(readers[i].rx.r.corrupt, 0);
		receiver_stop(&readers[i].rx);
	}
	transmitter_stop(&sender.tx);
	threads_leave(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lapped),
	};

	return cmocka_run_group_tests_name("threads_lapped", tests, tmpdir_create, tmpdir_remove);
}
