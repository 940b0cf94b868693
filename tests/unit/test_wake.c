/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Sleeping readers: which of them senders ring for, how often, and that no
 * sleeper is missed. $SHMBUS_SLEEPS: number of sleeps in the long test.
 */

#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "child.h"
#include "rounds.h"
#include "shmbus_clock.h"
#include "shmbus_wake.h"
#include "tmpdir.h"
#include "wire.h"

/* A sleeper that is not woken within this time is not woken at all. */
#define HANG_MS 20000

/* The reading station's state, with or without interrupts. */
static void
use_interrupts(struct station *st, bool on)
{
	shmbus_port_set_state(&st->port, SHMBUS_PORT_ATTACHED | SHMBUS_PORT_STARTED |
			      SHMBUS_PORT_LINK_UP | SHMBUS_PORT_RX_CURSORS |
			      (on ? SHMBUS_PORT_RX_INTR : 0));
	shmbus_wake_tell(&st->bus, on);
}

static bool
readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

/* Two stations on one bus; b sleeps, a sends and rings. */
struct pair {
	struct wire w;
	struct shmbus_waker waker;
	struct shmbus_sleeper sleepers[SHMBUS_PORTS_MAX];
	int fd;
};

static void
pair_start(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	wire_start(&p->w, SHMBUS_LANE_SIZE_MIN, true, 1000);
	shmbus_waker_start(&p->w.a.bus, &p->waker, p->w.tx.w.lane, p->sleepers);
	p->fd = shmbus_notify_open(p->w.b.bus.file.fd);
	assert_true(p->fd >= 0);
}

static void
pair_stop(struct pair *p)
{
	close(p->fd);
	wire_stop(&p->w);
}

/* Go to sleep with nothing to read; true if somebody rang for what is sent now. */
static void
fall_asleep(struct pair *p)
{
	shmbus_notify_drain(p->fd);
	shmbus_wake_sleep(&p->w.b.bus, p->w.b.port.slot, 0);
	assert_false(readable(p->fd, 0));
}

/* Send a frame; how many rings that took. */
static uint64_t
rings_for_one(struct pair *p)
{
	const uint64_t before = p->waker.rings;

	assert_true(transmitter_send_one(&p->w.tx, 60));
	shmbus_waker_published(&p->w.a.bus, &p->waker);
	assert_int_equal(receiver_drain(&p->w.rx), 1);
	return p->waker.rings - before;
}

static void
test_nobody_sleeps(void **state)
{
	struct pair p;
	unsigned int i;

	(void)state;
	pair_start(&p);
	for (i = 0; i < 100; i++)
		assert_int_equal(rings_for_one(&p), 0);
	/* The look is for the first time only. */
	assert_int_equal(p.waker.quiet_at, 0);
	/* Without the bit the flag says nothing. */
	fall_asleep(&p);
	assert_int_equal(rings_for_one(&p), 0);
	assert_false(readable(p.fd, 0));
	pair_stop(&p);
}

static void
test_once_for_each_sleep(void **state)
{
	struct pair p;
	unsigned int i, k;

	(void)state;
	pair_start(&p);
	assert_int_equal(rings_for_one(&p), 0);
	use_interrupts(&p.w.b, true);
	assert_int_equal(rings_for_one(&p), 0); /* it is awake */
	for (i = 0; i < 50; i++) {
		fall_asleep(&p);
		assert_int_equal(rings_for_one(&p), 1);
		assert_true(readable(p.fd, 0));
		for (k = 0; k < i % 4; k++)
			assert_int_equal(rings_for_one(&p), 0);
		if (i % 2 == 0) /* or sleep again without having risen */
			shmbus_wake_rise(&p.w.b.bus, p.w.b.port.slot, 0);
		if (i % 4 == 0)
			assert_int_equal(rings_for_one(&p), 0);
	}
	use_interrupts(&p.w.b, false);
	fall_asleep(&p);
	assert_int_equal(rings_for_one(&p), 0);
	assert_int_equal(p.waker.quiet_at, 2);
	pair_stop(&p);
}

/* A queue that does not read the lane is not rung for. */
static void
test_only_for_its_readers(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p);
	shmbus_port_set_queues(&p.w.b.port, 0, 2);
	use_interrupts(&p.w.b, true);
	shmbus_notify_drain(p.fd);
	shmbus_wake_sleep(&p.w.b.bus, p.w.b.port.slot, 1);
	assert_int_equal(rings_for_one(&p), 0);
	fall_asleep(&p);
	assert_int_equal(rings_for_one(&p), 1);
	/* Both sleep; the other one's next sleep is none of this queue's. */
	shmbus_wake_rise(&p.w.b.bus, p.w.b.port.slot, 0);
	shmbus_wake_sleep(&p.w.b.bus, p.w.b.port.slot, 1);
	assert_int_equal(rings_for_one(&p), 0);
	pair_stop(&p);
}

/* Rung for, and gone before it has drained: the next sleep is another one. */
static void
test_dead_sleeper(void **state)
{
	struct station c;
	struct pair p;
	unsigned int i;

	(void)state;
	pair_start(&p);
	station_join(&c, p.w.path, 0, 0, 0);
	station_announce(&c, 0, 1);
	use_interrupts(&c, true);
	shmbus_store(&shmbus_bus_cursor(&c.bus, c.port.slot, 0, p.waker.lane)->state,
		     SHMBUS_CURSOR_ACTIVE);
	shmbus_wake_sleep(&c.bus, c.port.slot, 0);
	station_die(&c);
	assert_int_equal(rings_for_one(&p), 1);
	for (i = 0; i < 100; i++)
		assert_int_equal(rings_for_one(&p), 0);
	/* Its slot's next owner is awake, and uses no interrupts. */
	station_join(&c, p.w.path, 0, 0, 0);
	assert_true(c.port.took_over);
	assert_int_equal(shmbus_load(&shmbus_bus_port(&c.bus, c.port.slot)->sleeping[0]), 0);
	assert_int_equal(rings_for_one(&p), 0);
	station_leave(&c, false);
	pair_stop(&p);
}

/* Bursts after which a sender has forgotten a dead port that used interrupts. */
#define FORGOTTEN_AFTER 5000

/* A process with a port that uses interrupts, until it is killed. */
static int
user(struct child *c, void *arg)
{
	struct station st;

	station_join(&st, arg, 0, 0, 0);
	station_announce(&st, 0, 1);
	use_interrupts(&st, true);
	child_tell(c, st.port.slot);
	pause();
	return 0;
}

/* Start one and kill it; gives its slot. It counts as a user of interrupts as long as none asks. */
static uint32_t
user_dies(struct pair *p)
{
	struct child c;
	uint32_t slot;

	child_start(&c, user, p->w.path);
	slot = (uint32_t)child_answer(&c);
	assert_int_equal(rings_for_one(p), 0);
	assert_int_equal(p->waker.quiet_at, UINT64_MAX);
	child_kill(&c);
	assert_int_equal(rings_for_one(p), 0);
	assert_int_equal(p->waker.quiet_at, UINT64_MAX);
	return slot;
}

static uint32_t
changes(struct pair *p)
{
	return shmbus_load(&shmbus_bus_bell(&p->w.a.bus)->changes);
}

/* Does the sender notice in time that no port uses interrupts any more? It does not ring. */
static void
assert_gets_quiet(struct pair *p)
{
	unsigned int i;

	for (i = 0; i < FORGOTTEN_AFTER && p->waker.quiet_at != changes(p); i++)
		assert_int_equal(rings_for_one(p), 0);
	assert_int_equal(p->waker.quiet_at, changes(p));
}

/* The slot's next owner uses interrupts and is woken, at each of its sleeps. */
static void
assert_heir_is_woken(struct pair *p, struct station *heir)
{
	const uint32_t slot = heir->port.slot;
	unsigned int i;
	int fd;

	fd = shmbus_notify_open(heir->bus.file.fd);
	assert_true(fd >= 0);
	station_announce(heir, 0, 1);
	shmbus_store(&shmbus_bus_cursor(&heir->bus, slot, 0, p->waker.lane)->state,
		     SHMBUS_CURSOR_ACTIVE);
	use_interrupts(heir, true);
	for (i = 0; i < 3; i++) {
		shmbus_notify_drain(fd);
		shmbus_wake_sleep(&heir->bus, slot, 0);
		assert_int_equal(rings_for_one(p), 1);
		assert_true(readable(fd, 0));
		shmbus_wake_rise(&heir->bus, slot, 0);
	}
	use_interrupts(heir, false);
	shmbus_store(&shmbus_bus_cursor(&heir->bus, slot, 0, p->waker.lane)->state, 0);
	assert_int_equal(rings_for_one(p), 0);
	close(fd);
}

/* A port killed while it uses interrupts costs the fence for a while only. */
static void
test_dead_user_is_forgotten(void **state)
{
	struct station heir;
	struct pair p;
	uint32_t slot;
	unsigned int i;

	(void)state;
	pair_start(&p);
	for (i = 0; i < 3; i++) {
		slot = user_dies(&p);
		assert_gets_quiet(&p);
		/* That is not said in the file; somebody's change makes it watched once more. */
		shmbus_wake_tell(&p.w.b.bus, false);
		assert_int_equal(rings_for_one(&p), 0);
		assert_int_equal(p.waker.quiet_at, UINT64_MAX);
		assert_gets_quiet(&p);
		station_join(&heir, p.w.path, 0, 0, 0);
		assert_int_equal(heir.port.slot, slot);
		assert_heir_is_woken(&p, &heir);
		assert_int_equal(p.waker.quiet_at, changes(&p));
		station_leave(&heir, false);
	}
	pair_stop(&p);
}

/* The take-over of its slot is a change. */
static void
test_heir_counts_a_change(void **state)
{
	struct station heir;
	struct pair p;
	uint32_t before;

	(void)state;
	pair_start(&p);
	user_dies(&p);
	before = changes(&p);
	station_join(&heir, p.w.path, 0, 0, 0);
	assert_true(heir.port.took_over);
	assert_int_equal(changes(&p), before + 1);
	assert_int_equal(rings_for_one(&p), 0);
	assert_int_equal(p.waker.quiet_at, changes(&p));
	assert_heir_is_woken(&p, &heir);
	station_die(&heir);
	/* One that used none leaves nothing to be counted. */
	before = changes(&p);
	station_join(&heir, p.w.path, 0, 0, 0);
	assert_true(heir.port.took_over);
	assert_int_equal(changes(&p), before);
	station_leave(&heir, false);
	pair_stop(&p);
}

/* The heir died, too, before it counted. */
static void
test_heir_counts_no_change(void **state)
{
	struct pair p;
	uint32_t slot;

	(void)state;
	pair_start(&p);
	slot = user_dies(&p);
	shmbus_store(&shmbus_bus_port(&p.w.a.bus, slot)->state, SHMBUS_PORT_ATTACHED);
	assert_gets_quiet(&p);
	pair_stop(&p);
}

/* The sender forgets neither living ports, its own included, nor that it has rung for them. */
static void
test_living_user_is_not_forgotten(void **state)
{
	struct pair p;
	unsigned int i;

	(void)state;
	pair_start(&p);
	use_interrupts(&p.w.b, true);
	use_interrupts(&p.w.a, true);
	user_dies(&p);
	assert_int_equal(p.waker.n, 3);
	fall_asleep(&p);
	assert_int_equal(rings_for_one(&p), 1);
	for (i = 0; i < 2 * FORGOTTEN_AFTER; i++)
		assert_int_equal(rings_for_one(&p), 0);
	assert_int_equal(p.waker.n, 2);
	assert_int_equal(p.waker.quiet_at, UINT64_MAX);
	fall_asleep(&p);
	assert_int_equal(rings_for_one(&p), 1);
	pair_stop(&p);
}

/* Whatever a port says of itself, nothing else happens than that it is rung for. */
static void
test_hostile(void **state)
{
	struct shmbus_port_entry *entry;
	struct dice d = { .state = 1 };
	struct pair p;
	unsigned int i, slot, k;

	(void)state;
	pair_start(&p);
	for (i = 0; i < 3000; i++) {
		for (slot = 0; slot < p.w.a.bus.geo.ports; slot++) {
			if (slot == p.w.a.port.slot)
				continue;
			entry = shmbus_bus_port(&p.w.a.bus, slot);
			shmbus_store(&entry->state, (uint32_t)dice_throw(&d));
			shmbus_store(&entry->n_rxq, i % 3 != 0 ? UINT32_MAX :
				     dice_range(&d, 0, 100));
			shmbus_store(&entry->sleeps, dice_throw(&d) % 3 - 1);
			for (k = 0; k < DIM(entry->sleeping); k++)
				shmbus_store(&entry->sleeping[k], (uint8_t)dice_range(&d, 0, 255));
		}
		shmbus_store(&shmbus_bus_bell(&p.w.a.bus)->changes,
			     (uint32_t)dice_throw(&d));
		assert_true(transmitter_send_one(&p.w.tx, 60));
		shmbus_waker_published(&p.w.a.bus, &p.waker);
		assert_true(p.waker.n <= p.w.a.bus.geo.ports);
		receiver_drain(&p.w.rx);
	}
	assert_true(p.waker.rings != 0);
	pair_stop(&p);
}

/* Ringing changes nothing that is read, and what it writes is 0. */
static void
test_ring(void **state)
{
	struct shmbus_bell *bell;
	struct shmbus_header header;
	struct pair p;

	(void)state;
	pair_start(&p);
	memcpy(&header, p.w.a.bus.control, sizeof(header));
	assert_int_equal(shmbus_wake_ring(&p.w.a.bus), 0);
	assert_true(readable(p.fd, 0));
	shmbus_notify_drain(p.fd);
	assert_false(readable(p.fd, 0));
	bell = shmbus_bus_bell(&p.w.a.bus);
	assert_int_equal(bell->rung, 0);
	assert_memory_equal(&header, p.w.a.bus.control, sizeof(header));
	/* As on a file that cannot be written to. */
	p.w.a.bus.file.hugetlb = true;
	assert_int_equal(shmbus_wake_ring(&p.w.a.bus), 0);
	p.w.a.bus.file.hugetlb = false;
	assert_true(readable(p.fd, 0));
	pair_stop(&p);
}

/*
 * A process that sends one frame after the other, each when the one before it
 * was received and a moment has gone by, which is by chance: so many fall into
 * the instant in which the reader goes to sleep.
 */
struct board {
	char path[4096];
	cpu_set_t cpus; /* that the test may use */
	shmbus_a64 received;
	shmbus_a64 sent_ns; /* when the last one was */
	shmbus_a32 done;
	unsigned int spin;  /* up to so many turns between two frames */
};

/* The nth of the processors that we may use, as long as there are enough; gives what was before. */
static cpu_set_t
pin(int n)
{
	cpu_set_t before, set;
	int i;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	for (i = 0; i < CPU_SETSIZE && CPU_COUNT(&before) > 1; i++) {
		if (!CPU_ISSET(i, &before) || n-- != 0)
			continue;
		CPU_ZERO(&set);
		CPU_SET(i, &set);
		assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
		break;
	}
	return before;
}

static void
spin(struct dice *d, unsigned int most)
{
	uint32_t turns;

	for (turns = dice_range(d, 0, most); turns != 0; turns--)
		shmbus_fence_compiler();
}

static int
sender(struct child *c, void *arg)
{
	struct shmbus_sleeper sleepers[4];
	struct dice d = { .state = 7 };
	struct shmbus_waker waker;
	struct board *b = arg;
	struct transmitter tx;
	struct station st;
	unsigned int turns = 0;
	uint64_t sent;

	/* Else both soon share one, and nothing happens at once. */
	sched_setaffinity(0, sizeof(b->cpus), &b->cpus);
	pin(1);
	station_join(&st, b->path, 0, 0, 0);
	station_announce(&st, 1, 0);
	transmitter_start(&tx, &st, 0, true, 60000);
	shmbus_waker_start(&st.bus, &waker, tx.w.lane, sleepers);
	child_tell(c, tx.w.lane);
	for (sent = 0; !shmbus_load(&b->done);) {
		if (shmbus_load_acquire(&b->received) != sent) {
			/* At once, while they last: a processor for each of the two. */
			if (++turns % 1000 == 0)
				sched_yield();
			continue;
		}
		spin(&d, b->spin);
		shmbus_store(&b->sent_ns, shmbus_clock_mono_ns());
		assert_true(transmitter_send_one(&tx, 60));
		shmbus_waker_published(&st.bus, &waker);
		sent++;
	}
	child_tell(c, waker.rings);
	transmitter_stop(&tx);
	station_leave(&st, false);
	return 0;
}

struct sleeper {
	struct board *b;
	struct station st;
	struct receiver rx;
	struct child c;
	struct dice dice;
	int fd;
	uint64_t slept; /* times that there was nothing, and it waited */
};

static void
sleeper_start(struct sleeper *s, unsigned int spin)
{
	char *path = tmpdir_new_path();

	memset(s, 0, sizeof(*s));
	s->dice.state = 11;
	s->b = mmap(NULL, sizeof(*s->b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(s->b != MAP_FAILED);
	strcpy(s->b->path, path);
	free(path);
	s->b->spin = spin;
	s->b->cpus = pin(0);
	shmbus_store(&s->b->received, UINT64_MAX); /* not yet */
	station_join(&s->st, s->b->path, 4, 1, SHMBUS_LANE_SIZE_MIN);
	s->fd = shmbus_notify_open(s->st.bus.file.fd);
	assert_true(s->fd >= 0);
	station_announce(&s->st, 0, 1);
	child_start(&s->c, sender, s->b);
	receiver_start(&s->rx, &s->st, 0, (uint32_t)child_answer(&s->c), true);
	shmbus_store_release(&s->b->received, 0);
}

/* Returns how often the sender rang. */
static uint64_t
sleeper_stop(struct sleeper *s)
{
	uint64_t rings;

	shmbus_store(&s->b->done, 1);
	rings = child_answer(&s->c);
	assert_int_equal(child_wait(&s->c), 0);
	sched_setaffinity(0, sizeof(s->b->cpus), &s->b->cpus);
	receiver_stop(&s->rx);
	station_leave(&s->st, true);
	close(s->fd);
	munmap(s->b, sizeof(*s->b));
	return rings;
}

static void
got_one(struct sleeper *s)
{
	assert_int_equal(s->rx.r.missed + s->rx.r.corrupt, 0);
	shmbus_store_release(&s->b->received, s->rx.frames);
}

static void
receive_polling(struct sleeper *s)
{
	const uint64_t start = shmbus_clock_mono_ns();

	while (receiver_receive(&s->rx, 1) == 0) {
		sched_yield();
		assert_true(shmbus_clock_mono_ns() - start < HANG_MS * UINT64_C(1000000));
	}
	got_one(s);
}

/* The way that a driver goes. Gives how long after it was sent it woke up, 0: it did not sleep. */
static uint64_t
receive_sleeping(struct sleeper *s)
{
	const uint32_t slot = s->st.port.slot;
	struct shmbus_lane_entry *lane = shmbus_bus_lane(&s->st.bus, s->rx.r.lane);
	uint64_t latency = 0;

	for (;;) {
		shmbus_notify_drain(s->fd);
		spin(&s->dice, s->b->spin);
		shmbus_wake_sleep(&s->st.bus, slot, 0);
		if (shmbus_load_acquire(&lane->tail) == s->rx.r.pos) {
			s->slept++;
			if (!readable(s->fd, HANG_MS))
				fail_msg("after %llu sleeps: not woken, and the lane %s",
					 (unsigned long long)s->slept,
					 shmbus_load(&lane->tail) == s->rx.r.pos ? "is empty" :
					 "has a frame");
			latency = shmbus_clock_mono_ns() - shmbus_load(&s->b->sent_ns);
		}
		shmbus_wake_rise(&s->st.bus, slot, 0);
		if (receiver_receive(&s->rx, 1) == 1)
			break;
	}
	got_one(s);
	return latency;
}

static int
compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* So many sleeps, each ended by one frame. */
static void
test_many_sleeps(void **state)
{
	const uint64_t want = rounds(60000, 3000, "SHMBUS_SLEEPS");
	uint64_t *latency = malloc(want * sizeof(*latency));
	struct sleeper s;
	uint64_t rings, ns, frames;
	uint64_t n = 0;

	(void)state;
	assert_non_null(latency);
	sleeper_start(&s, 1000);
	use_interrupts(&s.st, true);
	while (s.slept < want) {
		ns = receive_sleeping(&s);
		if (ns != 0 && n < want)
			latency[n++] = ns;
	}
	frames = s.rx.frames;
	rings = sleeper_stop(&s);
	qsort(latency, n, sizeof(*latency), compare);
	print_message("# %llu frames, %llu sleeps, %llu rings; from sent to awake %llu ns in the "
		      "median, %llu ns at the 99th percentile\n", (unsigned long long)frames,
		      (unsigned long long)s.slept, (unsigned long long)rings,
		      (unsigned long long)latency[n / 2], (unsigned long long)latency[n / 100 * 99]);
	/* More often than asleep is for frames that the sleeper saw by itself, and once at the end. */
	assert_true(rings >= s.slept / 2 && rings <= frames + 1);
	free(latency);
}

/* Ports begin to use interrupts while other ports, unaware of it, send. */
static void
test_begin_and_end(void **state)
{
	struct sleeper s;
	unsigned int i, k;

	(void)state;
	sleeper_start(&s, 300);
	for (i = 0; i < 60; i++) {
		for (k = 0; k < 50 + i; k++)
			receive_polling(&s);
		use_interrupts(&s.st, true);
		for (k = 0; k < 10; k++)
			receive_sleeping(&s);
		use_interrupts(&s.st, false);
	}
	assert_true(s.slept != 0);
	assert_true(sleeper_stop(&s) != 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_sleeps),
		cmocka_unit_test(test_once_for_each_sleep),
		cmocka_unit_test(test_only_for_its_readers),
		cmocka_unit_test(test_dead_sleeper),
		cmocka_unit_test(test_dead_user_is_forgotten),
		cmocka_unit_test(test_heir_counts_a_change),
		cmocka_unit_test(test_heir_counts_no_change),
		cmocka_unit_test(test_living_user_is_not_forgotten),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_many_sleeps),
		cmocka_unit_test(test_begin_and_end),
	};

	return cmocka_run_group_tests_name("wake", tests, tmpdir_create, tmpdir_remove);
}
