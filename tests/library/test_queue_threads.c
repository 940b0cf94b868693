/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Two ports with several queues in one process. Each queue has a thread that sends and one that
 * receives and sleeps, and further threads ask for counters. ThreadSanitizer sees what the queues
 * share.
 */

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "segment.h"

#define QUEUES 3u
#define FRAMES 8000u
#define LEN 90u
#define NAP_MS 10
#define LATE_SLOT 2u

#define LATE_FRAMES 100u

/* A queue with its two threads, which assert nothing: only the main thread may. */
struct user {
	struct shmbus_station *st;
	uint64_t next[QUEUES]; /* of each sending queue, the number that is expected */
	uint64_t received;
	uint64_t late;         /* frames of the port that comes later */
	uint64_t wrong;        /* frames that are not what was sent, or in the wrong order */
	uint32_t lanes;        /* bits of the sending queues whose frames came here */
	int error;
	bool by_fd;
	pthread_t sender, receiver;
};

static atomic_int sending;
static atomic_bool enough;

static void *
send_all(void *arg)
{
	uint8_t bytes[BURST][LEN];
	struct shmbus_tx frames[BURST];
	struct user *u = arg;
	uint64_t sent = 0;
	unsigned int i;
	int ret;

	while (sent < FRAMES) {
		for (i = 0; i < BURST && sent + i < FRAMES; i++) {
			memset(bytes[i], 0xff, 6);
			memcpy(bytes[i] + 6, &(uint64_t){ sent + i }, sizeof(sent));
			frame_fill(bytes[i] + 14, LEN - 14, sent + i);
			frames[i] = (struct shmbus_tx){ .data = bytes[i], .len = LEN };
		}
		ret = shmbus_send_all(u->st, frames, i, PATIENCE_MS);
		if (ret <= 0) {
			u->error = ret != 0 ? ret : 1;
			break;
		}
		sent += (unsigned int)ret;
	}
	atomic_fetch_sub(&sending, 1);
	return NULL;
}

static void
take(struct user *u, const struct shmbus_rx *rx)
{
	const uint8_t *frame = rx->data;
	uint64_t number;

	memcpy(&number, frame + 6, sizeof(number));
	if (rx->meta.slot == LATE_SLOT) {
		u->late++;
		return;
	}
	if (rx->len != LEN || rx->meta.queue >= QUEUES || number != u->next[rx->meta.queue] ||
	    rx->meta.missed != 0 || !frame_is(frame + 14, LEN - 14, number)) {
		u->wrong++;
		return;
	}
	u->next[rx->meta.queue]++;
	u->lanes |= 1u << rx->meta.queue;
	u->received++;
}

/* Sleeps for a while at most, in one of the two ways. */
static int
doze(struct user *u, int ms)
{
	int ret;

	if (!u->by_fd)
		return shmbus_wait(u->st, ms);
	ret = shmbus_arm(u->st);
	if (ret == 0)
		poll(&(struct pollfd){ .fd = shmbus_fd(u->st), .events = POLLIN }, 1, ms);
	shmbus_disarm(u->st);
	return ret < 0 ? ret : 0;
}

/* Until all have sent, and nothing is left. */
static void *
receive_all(void *arg)
{
	uint8_t bytes[BURST][LEN];
	struct shmbus_rx frames[BURST];
	struct user *u = arg;
	bool last;
	int i, n;

	do {
		last = atomic_load(&sending) == 0;
		for (i = 0; i < BURST; i++)
			frames[i] = (struct shmbus_rx){ .data = bytes[i], .room = LEN };
		n = shmbus_receive(u->st, frames, BURST);
		for (i = 0; i < n; i++)
			take(u, &frames[i]);
		if (n == 0)
			n = doze(u, last ? 0 : NAP_MS);
		if (n < 0)
			u->error = n;
	} while (n > 0 || (n == 0 && !last));
	return NULL;
}

/* Counters of the port only grow, whichever handle is asked. */
static void *
look_on(void *arg)
{
	struct shmbus_stats before = { .rx_frames = 0 };
	struct shmbus_station *handle;
	struct shmbus_stats now;
	struct user *u = arg;
	uint32_t q;

	for (q = 0; !atomic_load(&enough); q = (q + 1) % QUEUES) {
		u->wrong += shmbus_get_queue(u->st, q, &handle) != 0;
		shmbus_get_stats(handle, &now);
		u->wrong += now.rx_frames < before.rx_frames || now.tx_frames < before.tx_frames ||
			    now.rx_frames > QUEUES * (FRAMES + LATE_FRAMES) ||
			    now.tx_frames > QUEUES * FRAMES;
		before = now;
	}
	return NULL;
}

static struct shmbus_station *
attach(const char *path)
{
	const struct shmbus_conf conf = {
		.ports = 4, .queues = QUEUES, .lane_size = 65536, .port_queues = QUEUES,
		.pause_timeout_ms = PATIENCE_MS,
	};
	struct shmbus_station *st;

	if (shmbus_attach(&st, path, &conf) != 0)
		fail_msg("%s", shmbus_error_text());
	return st;
}

/* A port comes, so that the queues map its lanes while they work, and sends. */
static void
come_late(const char *path)
{
	struct shmbus_station *late = attach(path), *st;
	uint8_t bytes[LEN] = { 0xff };
	struct shmbus_tx frames[LATE_FRAMES];
	uint32_t i, q;

	for (i = 0; i < LATE_FRAMES; i++)
		frames[i] = (struct shmbus_tx){ .data = bytes, .len = LEN };
	for (q = 0; q < QUEUES; q++) {
		assert_int_equal(shmbus_get_queue(late, q, &st), 0);
		assert_int_equal(shmbus_send_all(st, frames, LATE_FRAMES, PATIENCE_MS), LATE_FRAMES);
	}
	shmbus_detach(late);
}

static void
start(struct user *users, struct shmbus_station *st)
{
	struct user *u;
	uint32_t q;

	for (q = 0; q < QUEUES; q++) {
		u = &users[q];
		*u = (struct user){ .by_fd = q % 2 };
		assert_int_equal(shmbus_get_queue(st, q, &u->st), 0);
		assert_int_equal(pthread_create(&u->receiver, NULL, receive_all, u), 0);
		assert_int_equal(pthread_create(&u->sender, NULL, send_all, u), 0);
	}
}

static void
join(struct user *users)
{
	uint32_t q;

	for (q = 0; q < QUEUES; q++) {
		pthread_join(users[q].sender, NULL);
		pthread_join(users[q].receiver, NULL);
	}
}

static void
check(const struct user *users)
{
	uint64_t received = 0, late = 0;
	uint32_t q, lanes = 0;

	for (q = 0; q < QUEUES; q++) {
		assert_int_equal(users[q].error, 0);
		assert_int_equal(users[q].wrong, 0);
		assert_int_equal(users[q].received, FRAMES);
		assert_int_equal(lanes & users[q].lanes, 0);
		lanes |= users[q].lanes;
		received += users[q].received;
		late += users[q].late;
	}
	assert_int_equal(late, QUEUES * LATE_FRAMES);
	received += late;
	assert_int_equal(segment_stats(users[0].st).rx_frames, received);
	assert_int_equal(segment_stats(users[1].st).tx_frames, QUEUES * FRAMES);
	assert_int_equal(segment_stats(users[2].st).rx_missed, 0);
	assert_int_equal(segment_stats(users[0].st).pause_timeouts, 0);
	assert_int_equal(segment_stats(users[0].st).pause_deadlocks, 0);
}

static void
test_all_at_once(void **state)
{
	struct user a[QUEUES], b[QUEUES], look;
	char *path = tmpdir_new_path();
	struct shmbus_station *st[2];
	pthread_t looker;

	(void)state;
	st[0] = attach(path);
	st[1] = attach(path);
	atomic_store(&sending, 2 * QUEUES + 1);
	atomic_store(&enough, false);
	look = (struct user){ .st = st[0] };
	assert_int_equal(pthread_create(&looker, NULL, look_on, &look), 0);
	start(a, st[0]);
	start(b, st[1]);
	come_late(path);
	atomic_fetch_sub(&sending, 1);
	join(a);
	join(b);
	atomic_store(&enough, true);
	pthread_join(looker, NULL);
	check(a);
	check(b);
	assert_int_equal(look.wrong, 0);
	shmbus_detach(st[0]);
	shmbus_detach(st[1]);
	unlink(path);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_at_once),
	};

	return cmocka_run_group_tests_name("library_queue_threads", tests, tmpdir_create,
					   tmpdir_remove);
}
