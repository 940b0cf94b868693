/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Stations beside a port that lies: it states wrong tails and times, and holds the lock
 * of the bus. The stations go to sleep, and still receive the frames of the honest ports.
 */

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "segment.h"
#include "shmbus_clock.h"
#include "shmbus_shmif_format.h"
#include "station.h"

#define SECOND_NS UINT64_C(1000000000)
#define SPAN_NS (SECOND_NS * 3 / 10)

/* A sleeping loop takes far less, on any machine. A loop that does not sleep takes all. */
#define CPU_SHARE_MAX 4 /* a quarter */

/* Naps grow to 10 ms, so a second has hardly more than 100 turns; without sleep, thousands. */
#define TURNS_MAX 500

/* ---- CPU time */

struct span {
	uint64_t cpu_ns;
	uint64_t wall_ns;
	uint64_t turns;
};

static uint64_t
clock_ns(clockid_t id)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(id, &ts), 0);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

static struct span
span_begin(void)
{
	return (struct span){
		.cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID),
		.wall_ns = clock_ns(CLOCK_MONOTONIC),
	};
}

/* Counts the turns of a loop, and ends it after a while. */
static bool
span_lasts(struct span *s)
{
	s->turns++;
	return clock_ns(CLOCK_MONOTONIC) - s->wall_ns < SPAN_NS;
}

static void
span_was_asleep(const struct span *s)
{
	const uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - s->cpu_ns;
	const uint64_t wall = clock_ns(CLOCK_MONOTONIC) - s->wall_ns;

	if (s->turns > TURNS_MAX * wall / SECOND_NS)
		fail_msg("%llu turns within %llu us", (unsigned long long)s->turns,
			 (unsigned long long)wall / 1000);
	if (cpu > wall / CPU_SHARE_MAX)
		fail_msg("%llu of %llu us were CPU time", (unsigned long long)cpu / 1000,
			 (unsigned long long)wall / 1000);
}

/* ---- loops as programs have them */

static void
loop_wait(struct segment *s, struct shmbus_station *st)
{
	static uint8_t bytes[2048];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	struct span span = span_begin();

	(void)s;
	while (span_lasts(&span)) {
		assert_in_range(shmbus_wait(st, 100), 0, 1);
		assert_int_equal(shmbus_receive(st, &rx, 1), 0);
	}
	span_was_asleep(&span);
}

static void
loop_peek(struct segment *s, struct shmbus_station *st)
{
	struct span span = span_begin();
	struct shmbus_view view;

	(void)s;
	while (span_lasts(&span)) {
		assert_in_range(shmbus_wait(st, 100), 0, 1);
		assert_int_equal(shmbus_peek(st, &view, 1), 0);
	}
	span_was_asleep(&span);
}

static void
loop_poll(struct segment *s, struct shmbus_station *st)
{
	struct pollfd p = { .fd = shmbus_fd(st), .events = POLLIN };
	struct span span = span_begin();

	assert_true(p.fd >= 0);
	while (span_lasts(&span)) {
		if (shmbus_arm(st) == 0)
			poll(&p, 1, 100);
		shmbus_disarm(st);
		assert_int_equal(segment_receive(s), 0);
	}
	span_was_asleep(&span);
}

static void
loop_epoll(struct segment *s, struct shmbus_station *st)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	const int ep = epoll_create1(EPOLL_CLOEXEC);
	struct span span;

	assert_int_equal(epoll_ctl(ep, EPOLL_CTL_ADD, shmbus_fd(st), &ev), 0);
	span = span_begin();
	while (span_lasts(&span)) {
		epoll_wait(ep, &ev, 1, shmbus_arm(st) == 0 ? 100 : 0);
		shmbus_disarm(st);
		assert_int_equal(segment_receive(s), 0);
	}
	span_was_asleep(&span);
	close(ep);
}

/* ---- lanes: tails */

struct liar {
	struct station st;
	struct transmitter tx;
};

static void
liar_join(struct liar *liar, const struct segment *s)
{
	station_join(&liar->st, s->path, 0, 0, 0);
	station_announce(&liar->st, 1, 0);
	transmitter_start(&liar->tx, &liar->st, 0, false, 0);
	liar->tx.races = true;
}

static void
liar_leave(struct liar *liar)
{
	transmitter_stop(&liar->tx);
	station_leave(&liar->st, false);
}

/* The next frame arrives at once, though a loop has had every reason to give up. */
static void
assert_honest_frame(struct segment *s)
{
	segment_send(s, 1, 100);
	assert_int_equal(shmbus_wait(s->b, PATIENCE_MS), 1);
	assert_int_equal(segment_receive(s), 1);
}

static void
assert_all_asleep(struct segment *s)
{
	struct shmbus_station *m;

	loop_wait(s, s->b);
	assert_honest_frame(s);
	loop_peek(s, s->b);
	loop_poll(s, s->b);
	assert_int_equal(shmbus_arm(s->b), 0);
	shmbus_disarm(s->b);
	loop_epoll(s, s->b);
	assert_honest_frame(s);
	assert_int_equal(shmbus_monitor(&m, s->path, NULL), 0);
	loop_wait(s, m);
	shmbus_detach(m);
}

/* A tail of the liar's at which no record can begin. */
static void
test_stray_tail(void **state)
{
	struct segment *s = *state;
	struct shmbus_lane_entry *entry;
	struct liar liar;
	uint64_t tail;

	segment_start(s, NULL);
	liar_join(&liar, s);
	assert_honest_frame(s);
	entry = station_entry(&liar.st, 0);
	tail = shmbus_load(&entry->tail);
	shmbus_store(&entry->tail, tail + 1);
	assert_all_asleep(s);
	shmbus_store(&entry->tail, tail);
	liar_leave(&liar);
}

/* A tail of a lane that no port uses: no station reads this lane. */
static void
test_tail_of_nobody(void **state)
{
	struct segment *s = *state;
	struct shmbus_lane_entry *entry;
	struct liar liar;

	segment_start(s, NULL);
	liar_join(&liar, s);
	assert_honest_frame(s);
	entry = shmbus_bus_lane(&liar.st.bus, liar.st.bus.geo.lanes - 1);
	shmbus_store(&entry->tail, 6400);
	assert_all_asleep(s);
	liar_leave(&liar);
}

/* A tail that comes and goes wakes the others, which do not stay awake for it. */
static void
test_moving_tail(void **state)
{
	struct segment *s = *state;
	struct shmbus_lane_entry *entry;
	struct liar liar;
	unsigned int i;

	segment_start(s, NULL);
	liar_join(&liar, s);
	entry = station_entry(&liar.st, 0);
	for (i = 0; i < 20; i++) {
		shmbus_store(&entry->tail, shmbus_load(&entry->tail) + (i % 2 != 0 ? 64 * 100 : 1));
		assert_in_range(shmbus_wait(s->b, 0), 0, 1);
		assert_int_equal(segment_receive(s), 0);
		assert_honest_frame(s);
	}
	liar_leave(&liar);
}

/* ---- shmif: the lock */

static struct shmbus_shmif_header *
map_header(const struct segment *s)
{
	const int fd = open(s->path, O_RDWR | O_CLOEXEC);
	void *at;

	assert_true(fd >= 0);
	at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	close(fd);
	return at;
}

/* Sends a frame, and then holds the lock as station a, which lives, would. */
static void
hold_lock(struct segment *s, struct shmbus_shmif_header *h)
{
	struct shmbus_self self;

	segment_send(s, 1, 100);
	assert_int_equal(shmbus_get_self(s->a, &self), 0);
	shmbus_store(&h->spare, (self.slot + 1) | (UINT32_C(1) << 29));
	shmbus_store(&h->lock, 1);
}

static void
release_lock(struct shmbus_shmif_header *h)
{
	shmbus_store(&h->lock, 0);
	shmbus_store(&h->spare, 0);
}

/* No ring tells that the lock is free: the holder may have wanted to read only. */
static void
test_lock_held(void **state)
{
	struct segment *s = *state;
	struct shmbus_shmif_header *h;
	struct pollfd p = { .events = POLLIN };
	unsigned int i;

	segment_start(s, NULL);
	h = map_header(s);
	for (i = 0; i < 2; i++) {
		hold_lock(s, h);
		loop_wait(s, s->b);
		loop_peek(s, s->b);
		loop_poll(s, s->b);
		loop_epoll(s, s->b);
		assert_int_equal(shmbus_arm(s->b), 0);
		release_lock(h);
		p.fd = shmbus_fd(s->b);
		if (i == 0)
			assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		else
			assert_int_equal(shmbus_wait(s->b, PATIENCE_MS), 1);
		shmbus_disarm(s->b);
		assert_int_equal(segment_receive(s), 1);
		/* All is well again: nothing to look at, and a frame is there at once. */
		assert_int_equal(shmbus_arm(s->b), 0);
		assert_int_equal(poll(&p, 1, 20), 0);
		segment_send(s, 1, 100);
		assert_int_equal(shmbus_arm(s->b), 1);
		assert_int_equal(segment_receive(s), 1);
	}
	munmap(h, 4096);
}

/* ---- wake-ups that are no lies */

/* Frames for other stations lead to nothing, and keep nobody waiting. */
static void
test_filtered(void **state)
{
	const struct shmbus_conf conf = { .flags = SHMBUS_FILTER, .mac = { 2, 0, 0, 0, 0, 7 } };
	struct segment *s = *state;
	static uint8_t bytes[100] = { 2, 0, 0, 0, 0, 8 };
	const struct shmbus_tx tx = { .data = bytes, .len = sizeof(bytes) };
	unsigned int i;

	segment_start(s, &conf);
	for (i = 0; i < 100; i++) {
		assert_int_equal(shmbus_send(s->a, &tx, 1), 1);
		assert_int_equal(shmbus_arm(s->b), 1);
		shmbus_disarm(s->b);
		assert_int_equal(segment_receive(s), 0);
	}
	assert_honest_frame(s);
}

/* ---- monitors: times */

enum claim { CLAIM_ZERO, CLAIM_BEGIN, CLAIM_SLOW, CLAIM_FUTURE, CLAIMS };

struct claimant {
	struct liar liar;
	enum claim claim;
	uint64_t begin_ns;
	uint64_t records;
};

static uint64_t
claimed_ns(const struct claimant *c)
{
	switch (c->claim) {
	case CLAIM_ZERO:
		return 0;
	case CLAIM_BEGIN:
		return c->begin_ns;
	case CLAIM_SLOW:
		return c->begin_ns + c->records;
	default:
		return UINT64_MAX;
	}
}

static void
claimant_join(struct claimant *c, const struct segment *s, enum claim claim)
{
	*c = (struct claimant){ .claim = claim, .begin_ns = shmbus_clock_real_ns() };
	liar_join(&c->liar, s);
}

/* Sends records of one frame, with the number UINT64_MAX. */
static void
claimant_send(struct claimant *c, unsigned int records)
{
	const struct shmbus_bus *bus = &c->liar.st.bus;
	struct shmbus_writer *w = &c->liar.tx.w;
	const uint32_t data_off = shmbus_burst_data_off(1);
	uint8_t *at;

	for (; records != 0; records--) {
		assert_true(shmbus_writer_room(bus, w, data_off + 64));
		at = shmbus_writer_record(bus, w);
		segment_fill(at + data_off, 60, UINT64_MAX);
		shmbus_store(&shmbus_burst_desc(at)[0], 60);
		c->records++;
		shmbus_writer_publish(bus, w, at, 1, data_off, data_off + 64, 60, claimed_ns(c));
	}
}

static void
send_number(struct shmbus_station *st, uint64_t number)
{
	uint8_t bytes[100];
	const struct shmbus_tx tx = { .data = bytes, .len = sizeof(bytes) };

	segment_fill(bytes, sizeof(bytes), number);
	assert_int_equal(shmbus_send(st, &tx, 1), 1);
}

/* Receives one frame. Returns its number, UINT64_MAX if it is the liar's. */
static uint64_t
next_number(struct shmbus_station *m, bool peek)
{
	static uint8_t bytes[2048];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	struct shmbus_view view;
	uint64_t number;

	if (!peek) {
		assert_int_equal(shmbus_receive(m, &rx, 1), 1);
		return segment_number(bytes, rx.len);
	}
	assert_int_equal(shmbus_peek(m, &view, 1), 1);
	number = segment_number(view.data, view.len);
	assert_int_equal(shmbus_release(m, 1), 1);
	return number;
}

/*
 * The liar always has records that the monitor has not read. A lane of 64 KiB holds 512 of
 * them, so the honest frame is one of the next 600.
 */
static void
blind(struct segment *s, enum claim claim)
{
	struct shmbus_station *m;
	struct claimant c;
	unsigned int i, tries;

	claimant_join(&c, s, claim);
	assert_int_equal(shmbus_monitor(&m, s->path, NULL), 0);
	claimant_send(&c, 100);
	for (i = 0; i < 20; i++) {
		send_number(i % 3 == 0 ? s->a : s->b, i);
		for (tries = 0; next_number(m, i % 2 != 0) != i; tries++) {
			assert_true(tries < 600);
			claimant_send(&c, 1);
		}
		claimant_send(&c, 1);
	}
	shmbus_detach(m);
	liar_leave(&c.liar);
}

/* Times by which the liar is always first. */
/* Beside a liar the frames of honest ports arrive all, and in the order in which they were sent. */
static void
merge(struct segment *s, enum claim claim)
{
	struct shmbus_station *m;
	struct claimant c;
	uint64_t sent = 0, next = 0, number;
	unsigned int turn, i;

	claimant_join(&c, s, claim);
	assert_int_equal(shmbus_monitor(&m, s->path, NULL), 0);
	claimant_send(&c, 100);
	for (turn = 0; turn < 400; turn++) {
		for (i = 0; i < turn % 5; i++, sent++)
			send_number(turn * 7 % 4 < 2 || i == 2 ? s->a : s->b, sent);
		claimant_send(&c, 4);
		for (i = 0; i < 5; i++) {
			number = next_number(m, turn % 3 == 0);
			if (number == UINT64_MAX)
				continue;
			assert_int_equal(number, next);
			next++;
		}
	}
	for (; next < sent; next++) {
		do
			number = next_number(m, false);
		while (number == UINT64_MAX);
		assert_int_equal(number, next);
	}
	shmbus_detach(m);
	liar_leave(&c.liar);
}

static void
each_claim(void **state, void (*check)(struct segment *s, enum claim claim))
{
	struct segment *s = *state;
	enum claim claim;

	segment_start(s, &(struct shmbus_conf){ .flags = SHMBUS_SEND_ONLY });
	for (claim = 0; claim < CLAIMS; claim++)
		check(s, claim);
}

static void
test_blind(void **state)
{
	each_claim(state, blind);
}

static void
test_merge(void **state)
{
	each_claim(state, merge);
}

/* ---- monitors: frames that are too long */

/* A record of a short frame and one of len bytes. */
static void
send_long(struct liar *liar, uint32_t len)
{
	const struct shmbus_bus *bus = &liar->st.bus;
	struct shmbus_writer *w = &liar->tx.w;
	const uint32_t data_off = shmbus_burst_data_off(2);
	const uint32_t all = data_off + 64 + (uint32_t)SHMBUS_ALIGN(len);
	uint8_t *at;

	assert_true(shmbus_writer_room(bus, w, all));
	at = shmbus_writer_record(bus, w);
	segment_fill(at + data_off, 60, 1);
	segment_fill(at + data_off + 64, len, 2);
	shmbus_store(&shmbus_burst_desc(at)[0], 60);
	shmbus_store(&shmbus_burst_desc(at)[1], len);
	shmbus_writer_publish(bus, w, at, 2, data_off, all, 60 + len, shmbus_clock_real_ns());
}

static void
test_too_long(void **state)
{
	struct segment *s = *state;
	static uint8_t bytes[2][65536];
	struct shmbus_station *m;
	struct shmbus_stats stats;
	struct shmbus_view view[2];
	struct shmbus_self self;
	struct shmbus_rx rx[2];
	struct liar liar;
	unsigned int i;

	segment_start(s, NULL);
	liar_join(&liar, s);
	assert_int_equal(shmbus_monitor(&m, s->path, NULL), 0);
	assert_int_equal(shmbus_get_self(m, &self), 0);
	for (i = 0; i < 2; i++)
		rx[i] = (struct shmbus_rx){ .data = bytes[i], .room = self.frame_max };
	for (i = 0; i < 4; i++) {
		send_long(&liar, i < 2 ? self.frame_max + 1 : 40000);
		memset(bytes[0], 0, sizeof(bytes));
		assert_int_equal(shmbus_wait(m, 0), 1);
		if (i % 2 == 0) {
			assert_int_equal(shmbus_receive(m, rx, 2), 1);
			assert_int_equal(segment_number(bytes[0], rx[0].len), 1);
			assert_int_equal(bytes[1][0], 0);
		} else {
			assert_int_equal(shmbus_peek(m, view, 2), 1);
			assert_int_equal(segment_number(view[0].data, view[0].len), 1);
			assert_int_equal(shmbus_release(m, 1), 1);
		}
		assert_int_equal(shmbus_receive(m, rx, 2), 0);
		assert_int_equal(shmbus_get_stats(m, &stats), 0);
		assert_int_equal(stats.rx_corrupt, i + 1);
		assert_int_equal(stats.rx_bytes, (i + 1) * 60);
	}
	shmbus_detach(m);
	liar_leave(&liar);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LANES_ONLY(test_stray_tail),
		LANES_ONLY(test_tail_of_nobody),
		LANES_ONLY(test_moving_tail),
		SHMIF_ONLY(test_lock_held),
		BOTH_FORMATS(test_filtered),
		LANES_ONLY(test_blind),
		LANES_ONLY(test_merge),
		LANES_ONLY(test_too_long),
	};

	return cmocka_run_group_tests_name("library_liar", tests, tmpdir_create, tmpdir_remove);
}
