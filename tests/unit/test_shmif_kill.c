/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Ports that are killed in full traffic, again and again; the others go on. */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "child.h"
#include "frame.h"
#include "shmbus_clock.h"
#include "shmif_side.h"
#include "tmpdir.h"

#define KILLS 500
#define SENDERS_MAX (KILLS + 2)
#define STEADY 1 /* the sender that is never killed; the others count on from it */

/* Written each by one process, read by the parent. */
struct shared {
	const char *path;
	shmbus_a32 stop;
	shmbus_a32 incarnation; /* sender of the one that is killed */
	shmbus_a64 steady_sent;
	shmbus_a64 mortal_sent;
	shmbus_a64 received;
	shmbus_a64 overruns;
	shmbus_a64 senders; /* different ones that the reader has heard */
	shmbus_a64 broken;
};

/* A burst of frames by chance, on the bus if the lock is had within the patience. */
static bool
send_some(struct side *s, struct dice *d, uint32_t max)
{
	const uint64_t start = shmbus_clock_mono_ns();
	uint32_t n = dice_range(d, 1, max);
	int ret;

	while (n-- != 0 && side_add(s, dice_range(d, FRAME_MIN, 1514)))
		;
	while ((ret = shmbus_shmif_send(&s->bus, &s->w)) == -EBUSY) {
		if (shmbus_clock_mono_ns() - start > PATIENCE)
			return false;
		sched_yield();
	}
	shmbus_shmif_begin(&s->w, 0);
	return ret == 0;
}

static int
steady_body(struct child *c, void *arg)
{
	const struct timespec nap = { .tv_nsec = 100 * 1000 };
	struct dice d = { .state = 11 };
	struct shared *t = arg;
	struct side s;

	(void)c;
	side_join(&s, t->path, STEADY);
	while (!shmbus_load(&t->stop)) {
		if (!send_some(&s, &d, 8))
			return 1;
		shmbus_store(&t->steady_sent, s.sent);
		nanosleep(&nap, NULL);
	}
	shmbus_store(&t->broken, s.w.lock_wait.broken_ours + s.r.lock_wait.broken_ours);
	return s.w.corrupt == 0 && s.w.lock_wait.broken_foreign == 0 ? 0 : 2;
}

static int
mortal_body(struct child *c, void *arg)
{
	struct shared *t = arg;
	struct dice d = { .state = shmbus_load(&t->incarnation) };
	struct side s;

	(void)c;
	side_join(&s, t->path, shmbus_load(&t->incarnation));
	for (;;) {
		if (!send_some(&s, &d, 30))
			return 1;
		shmbus_store(&t->mortal_sent, s.sent);
		if (s.w.corrupt != 0)
			return 2;
	}
}

/* Each frame whole, each sender's in order, and none left out without an overrun. */
static int
reader_body(struct child *c, void *arg)
{
	static uint64_t next[SENDERS_MAX], since[SENDERS_MAX];
	struct shmbus_shmif_frame frame;
	struct shared *t = arg;
	uint64_t seq, n = 0;
	struct side s;
	int ret;

	side_join(&s, t->path, UINT64_MAX);
	child_tell(c, 0);
	while (!shmbus_load(&t->stop) || shmbus_shmif_pending(&s.bus, &s.r)) {
		if (!shmbus_shmif_pending(&s.bus, &s.r)) {
			sched_yield();
			continue;
		}
		ret = shmbus_shmif_fetch(&s.bus, &s.r);
		if (ret == -EBUSY)
			continue;
		if (ret != 0)
			return 3;
		while (shmbus_shmif_has_next(&s.r)) {
			shmbus_shmif_next(&s.r, &frame);
			if (frame.sender == 0 || frame.sender >= SENDERS_MAX)
				return 4;
			if (!side_check(frame.data, frame.len, frame.sender, &seq))
				return 5;
			if (seq < next[frame.sender])
				return 6;
			if (next[frame.sender] == 0) {
				shmbus_store(&t->senders, shmbus_load(&t->senders) + 1);
				if (seq != 1 && s.r.overruns == 0)
					return 7;
			} else if (seq != next[frame.sender] &&
				   since[frame.sender] == s.r.overruns) {
				return 8;
			}
			next[frame.sender] = seq + 1;
			since[frame.sender] = s.r.overruns;
			n++;
		}
		shmbus_store(&t->received, n);
		shmbus_store(&t->overruns, s.r.overruns);
	}
	return s.r.corrupt + s.r.lock_wait.broken_foreign == 0 ? 0 : 9;
}

/*
 * A count that has to go on. Time counts in which the parent runs itself: a
 * machine that stands still stops all alike.
 */
struct progress {
	const char *what;
	shmbus_a64 *count;
	uint64_t seen, at, stopped, longest; /* ns */
};

static void
progress_look(struct progress *p, const struct shmbus_shmif_header *h)
{
	const uint64_t now = shmbus_clock_mono_ns();
	const uint64_t count = shmbus_load(p->count);
	const uint64_t passed = now - p->at;

	p->at = now;
	if (count != p->seen) {
		p->seen = count;
		p->stopped = 0;
		return;
	}
	p->stopped += passed < 10 * MS ? passed : 10 * MS;
	if (p->stopped > p->longest)
		p->longest = p->stopped;
	if (p->stopped > PATIENCE)
		fail_msg("%s hangs: lock %u, spare %#x", p->what, shmbus_load(&h->lock),
			 shmbus_load(&h->spare));
}

static void
test_kill(void **state)
{
	struct child steady, reader, mortal;
	struct shmbus_shmif_header *h;
	struct progress progress[2];
	struct dice d = { .state = 3 };
	unsigned int i, k;
	uint64_t until, n;
	struct shared *t;
	struct side s;

	(void)state;
	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(t != MAP_FAILED);
	t->path = tmpdir_new_path();
	side_join(&s, t->path, 0);
	h = shmbus_shmif_header(&s.bus);
	child_start(&reader, reader_body, t);
	child_answer(&reader);
	child_start(&steady, steady_body, t);
	memset(progress, 0, sizeof(progress));
	progress[0] = (struct progress){ .what = "the sender", .count = &t->steady_sent };
	progress[1] = (struct progress){ .what = "the reader", .count = &t->received };
	for (i = 0; i < KILLS; i++) {
		shmbus_store(&t->incarnation, STEADY + 1 + i);
		shmbus_store(&t->mortal_sent, 0);
		child_start(&mortal, mortal_body, t);
		/* It comes up, sends, and dies at any instant from then on. */
		while (shmbus_load(&t->mortal_sent) == 0) {
			progress_look(&progress[0], h);
			progress_look(&progress[1], h);
			sched_yield();
		}
		until = shmbus_clock_mono_ns() + dice_range(&d, 0, 5000) * 1000;
		while (shmbus_clock_mono_ns() < until)
			assert_true(shmbus_load(&h->lock) <= 1);
		child_kill(&mortal);
		/* Now and then the others find the lock, else the next one of its number does. */
		if (i % 2 == 0)
			continue;
		for (k = 0; k < 2; k++) {
			n = shmbus_load(progress[k].count);
			while (shmbus_load(progress[k].count) == n) {
				progress_look(&progress[0], h);
				progress_look(&progress[1], h);
				sched_yield();
			}
		}
	}
	shmbus_store(&t->stop, 1);
	assert_int_equal(child_wait(&steady), 0);
	assert_int_equal(child_wait(&reader), 0);
	print_message("# %llu locks taken over by the sender; %llu frames of %llu senders, "
		      "%llu overruns; longest stop %llu and %llu ms\n",
		      (unsigned long long)shmbus_load(&t->broken),
		      (unsigned long long)shmbus_load(&t->received),
		      (unsigned long long)shmbus_load(&t->senders),
		      (unsigned long long)shmbus_load(&t->overruns),
		      (unsigned long long)(progress[0].longest / MS),
		      (unsigned long long)(progress[1].longest / MS));
	assert_true(shmbus_load(&t->senders) > KILLS / 4);
	assert_true(shmbus_load(&t->steady_sent) > KILLS);
	/* Some did die with the lock. */
	assert_true(shmbus_load(&t->broken) != 0);
	assert_true(ring_records(&s.bus) != 0);
	side_send_one(&s, 60);
	assert_int_equal(shmbus_load(&h->lock) | shmbus_load(&h->spare), 0);
	side_leave(&s);
	unlink(t->path);
	free((char *)(uintptr_t)t->path);
	munmap(t, sizeof(*t));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill),
	};

	return cmocka_run_group_tests_name("shmif_kill", tests, tmpdir_create, tmpdir_remove);
}
