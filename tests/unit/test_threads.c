/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * What threads do on one bus without any data race, as ThreadSanitizer would
 * see it: with pause no byte of a lane is written while it may be read, and
 * the shmif bus has a lock.
 */

#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "shmbus_wake.h"
#include "threads.h"
#include "tmpdir.h"

#define HANG_MS 20000

struct thread_reader {
	struct receiver rx;
	uint64_t frames; /* to wait for */
	shmbus_a32 *done; /* one more is */
};

static void *
read_all(void *arg)
{
	struct thread_reader *r = arg;

	while (r->rx.frames < r->frames)
		if (receiver_receive(&r->rx, 32) == 0)
			sched_yield();
	shmbus_add(r->done, 1);
	return NULL;
}

/* Two queues to two queues, and the main thread does what a control thread does. */
static void
lossless(uint64_t lane_size, uint64_t frames)
{
	static struct thread_sender senders[2];
	static struct thread_reader readers[2];
	shmbus_a32 done = 0;
	pthread_t threads[4];
	struct shmbus_peer peer;
	struct threads t;
	unsigned int i;

	threads_join(&t, lane_size);
	station_announce(&t.a, 2, 0);
	station_announce(&t.b, 0, 2);
	for (i = 0; i < 2; i++) {
		transmitter_start(&senders[i].tx, &t.a, i, true, 60000);
		senders[i].frames = frames;
		receiver_start(&readers[i].rx, &t.b, i, station_lane(&t.a, i), true);
		readers[i].rx.len_of = thread_frame_len;
		readers[i].frames = frames;
		readers[i].done = &done;
	}
	for (i = 0; i < 2; i++) {
		threads[i] = thread_start(read_all, &readers[i]);
		threads[2 + i] = thread_start(thread_send, &senders[i]);
	}
	while (shmbus_load(&done) != 2) {
		for (i = 0; i < 2; i++)
			shmbus_writer_set_pause(&senders[i].tx.w, true, 60000 * MS);
		assert_true(shmbus_port_peer(&t.b.bus, t.a.port.slot, &peer));
		assert_int_equal(peer.n_txq, 2);
		assert_int_equal(shmbus_port_count_peers(&t.b.port), 1);
		shmbus_port_set_mac(&t.b.port, peer.mac);
		nap_ms(1);
	}
	for (i = 0; i < 4; i++)
		thread_wait(threads[i]);
	for (i = 0; i < 2; i++) {
		assert_int_equal(readers[i].rx.missed + readers[i].rx.r.missed, 0);
		assert_int_equal(readers[i].rx.refused, 0);
		assert_int_equal(senders[i].tx.w.timeouts + senders[i].tx.w.dead, 0);
		receiver_stop(&readers[i].rx);
		transmitter_stop(&senders[i].tx);
	}
	threads_leave(&t);
}

static void
test_lossless(void **state)
{
	(void)state;
	lossless(SHMBUS_LANE_SIZE_MIN, 20032);
}

static void
test_lossless_large_ring(void **state)
{
	(void)state;
	lossless(SHMBUS_LANE_SIZE_DEFAULT, 20032);
}

struct sleeper {
	struct station *st;
	struct receiver rx;
	int fd;
	uint64_t frames;
	uint64_t slept;
	shmbus_a64 received;
};

static void *
read_sleeping(void *arg)
{
	struct sleeper *s = arg;
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	struct shmbus_lane_entry *lane = shmbus_bus_lane(&s->st->bus, s->rx.r.lane);

	while (s->rx.frames < s->frames) {
		shmbus_notify_drain(s->fd);
		shmbus_wake_sleep(&s->st->bus, s->st->port.slot, 0);
		if (shmbus_load_acquire(&lane->tail) == s->rx.r.pos) {
			s->slept++;
			if (poll(&p, 1, HANG_MS) != 1)
				fail_msg("not woken");
		}
		shmbus_wake_rise(&s->st->bus, s->st->port.slot, 0);
		receiver_drain(&s->rx);
		shmbus_store(&s->received, s->rx.frames);
	}
	return NULL;
}

/* One thread sleeps, another one wakes it, frame by frame. */
static void
test_sleep(void **state)
{
	struct shmbus_sleeper sleepers[SHMBUS_PORTS_MAX];
	struct shmbus_waker waker;
	struct transmitter tx;
	pthread_t thread;
	static struct sleeper s;
	struct threads t;
	uint64_t i;

	(void)state;
	threads_join(&t, SHMBUS_LANE_SIZE_MIN);
	station_announce(&t.a, 1, 0);
	station_announce(&t.b, 0, 1);
	transmitter_start(&tx, &t.a, 0, true, 60000);
	shmbus_waker_start(&t.a.bus, &waker, tx.w.lane, sleepers);
	s.st = &t.b;
	s.frames = 3000;
	s.fd = shmbus_notify_open(t.b.bus.file.fd);
	assert_true(s.fd >= 0);
	receiver_start(&s.rx, &t.b, 0, station_lane(&t.a, 0), true);
	shmbus_port_set_state(&t.b.port, SHMBUS_PORT_ATTACHED | SHMBUS_PORT_STARTED |
			      SHMBUS_PORT_LINK_UP | SHMBUS_PORT_RX_CURSORS | SHMBUS_PORT_RX_INTR);
	shmbus_wake_tell(&t.b.bus, true);
	thread = thread_start(read_sleeping, &s);
	for (i = 0; i < s.frames; i++) {
		assert_true(transmitter_send_one(&tx, 60));
		shmbus_waker_published(&t.a.bus, &waker);
		while (i % 2 == 0 && shmbus_load(&s.received) <= i)
			sched_yield();
	}
	thread_wait(thread);
	assert_true(s.slept != 0);
	assert_true(waker.rings != 0);
	close(s.fd);
	receiver_stop(&s.rx);
	transmitter_stop(&tx);
	threads_leave(&t);
}

static void *
map_lanes(void *arg)
{
	struct shmbus_bus *bus = arg;
	uint32_t lane;

	for (lane = 0; lane < bus->geo.lanes; lane++) {
		assert_int_equal(shmbus_bus_map_lane(bus, lane, SHMBUS_LANE_READ), 0);
		/* Mapped anew it is the same memory; to ThreadSanitizer that is a write. */
		if (lane % 2 == 0)
			assert_int_equal(shmbus_bus_map_lane(bus, lane, SHMBUS_LANE_WRITE), 0);
		else
			assert_int_equal(shmbus_bus_lane_data(bus, lane)[bus->geo.lane_size], 0);
	}
	return NULL;
}

/* All queues of a port map the lanes that they meet. */
static void
test_map_lanes(void **state)
{
	pthread_t threads[4];
	struct station st;
	unsigned int i;
	char *path;

	(void)state;
	path = tmpdir_new_path();
	station_join(&st, path, 32, 4, SHMBUS_LANE_SIZE_MIN);
	for (i = 0; i < DIM(threads); i++)
		threads[i] = thread_start(map_lanes, &st.bus);
	for (i = 0; i < DIM(threads); i++)
		thread_wait(threads[i]);
	station_leave(&st, true);
	free(path);
}

static void *
come_and_go(void *arg)
{
	struct station *st = malloc(sizeof(*st));
	unsigned int i;

	assert_non_null(st);
	for (i = 0; i < 100; i++) {
		station_join(st, arg, 8, 1, SHMBUS_LANE_SIZE_MIN);
		station_leave(st, i % 3 != 0);
	}
	free(st);
	return NULL;
}

/* Each makes the file, finds it, or removes it, while the others do. */
static void
test_come_and_go(void **state)
{
	pthread_t threads[4];
	unsigned int i;
	char *path;

	(void)state;
	path = tmpdir_new_path();
	for (i = 0; i < DIM(threads); i++)
		threads[i] = thread_start(come_and_go, path);
	for (i = 0; i < DIM(threads); i++)
		thread_wait(threads[i]);
	unlink(path);
	free(path);
}

static void *
talk(void *arg)
{
	struct side *s = arg;
	unsigned int i, k;

	for (i = 0; i < 1000; i++) {
		for (k = 0; k <= i % 8; k++)
			assert_true(side_add(s, 60 + i % 1400));
		side_send(s);
		side_receive(s);
	}
	return NULL;
}

/* Both send and receive; what one of them is too slow for is overwritten. */
static void
test_shmif(void **state)
{
	struct threads_shmif t;
	pthread_t threads[2];

	(void)state;
	threads_shmif_join(&t);
	threads[0] = thread_start(talk, &t.a);
	threads[1] = thread_start(talk, &t.b);
	thread_wait(threads[0]);
	thread_wait(threads[1]);
	side_receive(&t.a);
	side_receive(&t.b);
	assert_true(t.a.frames != 0 && t.b.frames != 0);
	assert_int_equal(t.a.frames + t.a.jumped, t.b.sent);
	assert_int_equal(t.b.frames + t.b.jumped, t.a.sent);
	assert_int_equal(t.a.r.corrupt + t.b.r.corrupt + t.a.w.corrupt + t.b.w.corrupt, 0);
	threads_shmif_leave(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lossless),
		cmocka_unit_test(test_lossless_large_ring),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_map_lanes),
		cmocka_unit_test(test_come_and_go),
		cmocka_unit_test(test_shmif),
	};

	return cmocka_run_group_tests_name("threads", tests, tmpdir_create, tmpdir_remove);
}
