/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * One thread sends through a station while another receives from it, and others
 * ask it for its counters. The same station twice, so that both have something to
 * do. ThreadSanitizer sees what they share.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "segment.h"

#define FRAMES 20000u
#define LEN_MIN 60u
#define LEN_MAX 300u
#define NAP_MS 10

/* A thread's view of a station; it asserts nothing, which only the main thread may. */
struct user {
	struct shmbus_station *st;
	bool peeks;
	uint64_t sent;
	uint64_t next;     /* the number that is expected */
	uint64_t received;
	uint64_t wrong;    /* frames that are not what was sent, or in the wrong order */
	int error;
	pthread_t sender, receiver;
};

static atomic_int sending; /* threads that do */
static atomic_bool enough;

static uint32_t
len_of(uint64_t number)
{
	return LEN_MIN + (uint32_t)(number * 7919 % (LEN_MAX - LEN_MIN + 1));
}

static void
fill(uint8_t *frame, uint64_t number)
{
	memset(frame, 0xff, 6);
	memset(frame + 6, (int)(number & 0x7e), len_of(number) - 6);
	memcpy(frame + 14, &number, sizeof(number));
}

static void
take(struct user *u, const uint8_t *frame, uint32_t len, uint64_t missed)
{
	uint8_t expected[LEN_MAX];
	uint64_t number;

	memcpy(&number, frame + 14, sizeof(number));
	if (number < u->next || number >= FRAMES || len != len_of(number)) {
		u->wrong++;
		return;
	}
	fill(expected, number);
	u->wrong += memcmp(frame, expected, len) != 0;
	u->wrong += missed == 0 && number != u->next && !u->peeks;
	u->next = number + 1;
	u->received++;
}

static void *
send_all(void *arg)
{
	uint8_t bytes[BURST][LEN_MAX];
	struct shmbus_tx frames[BURST];
	struct user *u = arg;
	unsigned int i, n;
	int ret;

	while (u->sent < FRAMES) {
		n = 1 + (unsigned int)(u->sent % BURST);
		for (i = 0; i < n && u->sent + i < FRAMES; i++) {
			fill(bytes[i], u->sent + i);
			frames[i] = (struct shmbus_tx){ .data = bytes[i], .len = len_of(u->sent + i) };
		}
		ret = shmbus_send_all(u->st, frames, i, PATIENCE_MS);
		if (ret <= 0) {
			u->error = ret != 0 ? ret : 1;
			break;
		}
		u->sent += (unsigned int)ret;
	}
	atomic_fetch_sub(&sending, 1);
	return NULL;
}

/* By copies, which are whole. */
static int
receive_copies(struct user *u)
{
	uint8_t bytes[BURST][LEN_MAX];
	struct shmbus_rx frames[BURST];
	int i, n;

	for (i = 0; i < (int)BURST; i++)
		frames[i] = (struct shmbus_rx){ .data = bytes[i], .room = LEN_MAX };
	n = shmbus_receive(u->st, frames, BURST);
	for (i = 0; i < n; i++)
		take(u, bytes[i], frames[i].len, frames[i].meta.missed);
	return n;
}

/* Where they lie; nobody overwrites them, as senders wait, or as they are the station's copy. */
static int
receive_views(struct user *u)
{
	struct shmbus_view frames[BURST];
	int i, n;

	n = shmbus_peek(u->st, frames, BURST);
	for (i = 0; i < n; i++)
		take(u, frames[i].data, frames[i].len, 0);
	if (n > 0 && shmbus_release(u->st, (unsigned int)n) != n)
		u->wrong++;
	return n;
}

/* Until all have sent, and nothing is left. */
static void *
receive_all(void *arg)
{
	struct user *u = arg;
	bool last;
	int n;

	do {
		last = atomic_load(&sending) == 0;
		n = u->peeks ? receive_views(u) : receive_copies(u);
		if (n == 0)
			n = shmbus_wait(u->st, last ? 0 : NAP_MS);
		if (n < 0)
			u->error = n;
	} while (n > 0 || (n == 0 && !last));
	return NULL;
}

/*
 * Counters only grow, and a station counts no frame before it is there. (What rings
 * hold is not asked for: that look is a race on purpose, as any late reader's is.)
 */
static void *
look_on(void *arg)
{
	struct shmbus_stats before = { .rx_frames = 0 };
	struct shmbus_peer_info peers[8];
	struct shmbus_stats now;
	struct user *u = arg;

	while (!atomic_load(&enough)) {
		shmbus_get_stats(u->st, &now);
		u->wrong += now.rx_frames < before.rx_frames || now.tx_frames < before.tx_frames ||
			    now.rx_missed < before.rx_missed || now.rx_frames > FRAMES ||
			    now.tx_frames > FRAMES;
		before = now;
		u->wrong += shmbus_get_peers(shmbus_station_bus(u->st), peers, DIM(peers)) != 2;
	}
	return NULL;
}

static void
start(struct user *u, struct shmbus_station *st, bool peeks)
{
	*u = (struct user){ .st = st, .peeks = peeks };
	assert_int_equal(pthread_create(&u->receiver, NULL, receive_all, u), 0);
	assert_int_equal(pthread_create(&u->sender, NULL, send_all, u), 0);
}

static void
join(struct user *u)
{
	pthread_join(u->sender, NULL);
	pthread_join(u->receiver, NULL);
}

/* When all threads have ended: what fails ends the test. */
static void
check(const struct user *u, bool lossless)
{
	struct shmbus_stats stats;

	assert_int_equal(u->error, 0);
	assert_int_equal(u->wrong, 0);
	assert_int_equal(u->sent, FRAMES);
	if (lossless)
		assert_int_equal(u->received, FRAMES);
	assert_int_equal(shmbus_get_stats(u->st, &stats), 0);
	assert_int_equal(stats.tx_frames, FRAMES);
	assert_int_equal(stats.rx_frames, u->received);
	/* On shmif that is an estimate, in which the station's own frames are, too. */
	assert_true(u->received == FRAMES || stats.rx_missed != 0);
	assert_true(stats.rx_missed == 0 || !lossless);
}

static void
test_both_sides_at_once(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = { .pause_timeout_ms = PATIENCE_MS };
	const bool lanes = s->format == SHMBUS_FORMAT_LANES;
	struct user a, b, look;
	pthread_t looker;

	segment_start(s, &conf);
	atomic_store(&sending, 2);
	atomic_store(&enough, false);
	look = (struct user){ .st = s->a };
	assert_int_equal(pthread_create(&looker, NULL, look_on, &look), 0);
	start(&a, s->a, false);
	start(&b, s->b, true);
	join(&a);
	join(&b);
	atomic_store(&enough, true);
	pthread_join(looker, NULL);
	check(&a, lanes);
	check(&b, lanes);
	assert_int_equal(look.wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_both_sides_at_once),
	};

	return cmocka_run_group_tests_name("library_threads", tests, tmpdir_create, tmpdir_remove);
}
