/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The lock of a shmif bus, in every state that a port or kernel can leave. */

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "child.h"
#include "rounds.h"
#include "shmbus_clock.h"
#include "shmif_pair.h"
#include "tmpdir.h"

/* More than twice the time after which a dead port's lock is taken. */
#define NEVER_MS rounds(1500, 500, NULL)

/* Where a port dies, and what it leaves. The port's number is added to spare. */
struct point {
	const char *what;
	uint32_t lock, spare;
	bool intent;  /* its burst is about to be published, across the end of the data */
	bool appended, last_set, gen_set;
	bool sent;    /* the burst will be seen */
	bool doubt;   /* NetBSD could hold the lock */
	bool torn;    /* the newest record counts as half-written */
};

static const struct point points[] = {
	{ .what = "claimed", .lock = 0 },
	{ .what = "claimed and taken", .lock = 1, .doubt = true },
	{ .what = "held", .lock = 1, .spare = HELD },
	{ .what = "held, appended", .lock = 1, .spare = HELD, .appended = true },
	{ .what = "intent", .lock = 1, .appended = true, .intent = true, .sent = true },
	{ .what = "intent, last set", .lock = 1, .appended = true, .intent = true,
		.last_set = true, .sent = true },
	{ .what = "intent, gen set", .lock = 1, .appended = true, .intent = true,
		.last_set = true, .gen_set = true, .sent = true },
	{ .what = "published", .lock = 1, .spare = HELD, .appended = true,
		.last_set = true, .gen_set = true, .sent = true },
	{ .what = "about to let go", .lock = 1, .appended = true, .last_set = true,
		.gen_set = true, .sent = true, .doubt = true },
	{ .what = "let go, claimed", .lock = 0, .appended = true, .last_set = true,
		.gen_set = true, .sent = true },
	{ .what = "repairing", .lock = 1, .spare = REPAIRING, .torn = true },
	{ .what = "signed, but NetBSD let go", .lock = 0, .spare = REPAIRING },
};

/* A port in another process, that stops at a point. */
struct victim {
	const struct point *at;
	const char *path;
	struct child child;
	uint32_t id;
};

static void
stop_at(struct side *s, const struct point *at)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(&s->bus);
	struct shmbus_shmif_state state;
	uint32_t spare = at->spare;
	uint64_t gen;

	shmbus_store(&h->spare, s->bus.id | HELD);
	shmbus_store(&h->lock, 1);
	assert_int_equal(shmbus_shmif_load(&s->bus, &state), 0);
	gen = shmbus_load(&h->gen);
	if (at->appended) {
		assert_true(side_add(s, 700));
		assert_true(side_add(s, 900));
		assert_int_equal(shmbus_shmif_append(&s->bus, &state, s->w.bytes, s->w.len,
						     s->w.last), 0);
	}
	if (at->intent)
		spare = INTENT | HELD | (uint32_t)(state.last % DATA) << 8 |
			(uint32_t)(gen & 1) << 28;
	if (at->last_set)
		shmbus_store(&h->last, (uint32_t)(state.last % DATA));
	if (at->gen_set)
		shmbus_store(&h->gen, gen + 1);
	shmbus_store(&h->spare, s->bus.id | spare);
	shmbus_store(&h->lock, at->lock);
}

static int
victim_body(struct child *c, void *arg)
{
	struct victim *v = arg;
	struct side s;

	side_join(&s, v->path, 3);
	stop_at(&s, v->at);
	child_tell(c, s.bus.id);
	pause();
	return 0;
}

static void
victim_start(struct victim *v, const char *path, const struct point *at)
{
	v->path = path;
	v->at = at;
	child_start(&v->child, victim_body, v);
	v->id = (uint32_t)child_answer(&v->child);
}

/* A bus that is three frames old. */
static void
begin_at(struct pair *b, uint64_t gen, uint32_t end)
{
	pair_start(b);
	forge_ring(&b->tx, gen, end);
	shmbus_shmif_reader_start(&b->rx.bus, &b->rx.r, SHMBUS_SHMIF_START_MS);
	side_send_one(&b->tx, 60);
	side_send_one(&b->tx, 60);
	assert_int_equal(side_receive(&b->rx), 2);
	side_send_one(&b->tx, 60);
}

/* The next long record crosses the end of the data. */
static void
begin(struct pair *b, uint64_t gen)
{
	begin_at(b, gen, DATA - 1000);
}

/* For a point; a repair is told in full elsewhere, with gen in doubt. */
static void
begin_for(struct pair *b, uint64_t gen, const struct point *at)
{
	begin_at(b, gen, at->torn ? 5000 : DATA - 1000);
}

/* All that must be there is there, once, and it goes on. */
static void
assert_goes_on(struct pair *b, const struct point *at)
{
	const struct shmbus_shmif_header *h = shmbus_shmif_header(&b->tx.bus);

	/* A torn one has become three that are skipped. */
	assert_int_equal(ring_records(&b->tx.bus), at->sent || at->torn ? 6 : 4);
	assert_int_equal(side_receive(&b->rx), at->torn ? 0 : 1);
	assert_int_equal(b->rx.others, at->sent ? 2 : 0);
	b->tx.sent -= at->torn;
	side_send_one(&b->tx, 1400);
	side_send_one(&b->tx, 60);
	assert_int_equal(side_receive(&b->rx), 2);
	assert_int_equal(b->rx.jumped + b->rx.r.overruns + b->rx.r.corrupt, 0);
	assert_int_equal(b->rx.empty, at->torn ? 3 : 0);
	assert_int_equal(shmbus_load(&h->lock) | shmbus_load(&h->spare), 0);
}

/* Another port gets the lock of a dead one. */
static void
test_dead(void **state)
{
	const struct shmbus_shmif_header *h;
	struct victim v;
	unsigned int i;
	uint64_t took;
	struct pair b;

	(void)state;
	for (i = 0; i < 2 * DIM(points); i++) {
		const struct point *at = &points[i / 2];

		begin_for(&b, 6 + i % 2, at);
		h = shmbus_shmif_header(&b.tx.bus);
		victim_start(&v, b.path, at);
		child_kill(&v.child);
		took = side_lock(&b.tx);
		print_message("# %s: %u ms\n", at->what, (unsigned int)(took / MS));
		assert_true(took >= (at->doubt ? 200 * MS : MS));
		assert_int_equal(shmbus_load(&h->lock), 1);
		assert_int_equal(shmbus_load(&h->spare), b.tx.bus.id | HELD);
		assert_int_equal(b.tx.r.lock_wait.broken_ours, at->lock);
		assert_int_equal(b.tx.r.lock_wait.broken_foreign, 0);
		/* Now it is a lock as any. */
		assert_false(shmbus_shmif_lock(&b.rx.bus, &b.rx.r.lock_wait));
		shmbus_shmif_unlock(&b.tx.bus, &b.tx.r.lock_wait, 0);
		assert_goes_on(&b, at);
		pair_stop(&b);
	}
}

/* The number of a dead port is taken by the next one that opens the bus. */
static void
test_inherit(void **state)
{
	const struct shmbus_shmif_header *h;
	struct side heir;
	struct victim v;
	uint64_t start;
	unsigned int i;
	struct pair b;

	(void)state;
	for (i = 0; i < 2 * DIM(points); i++) {
		const struct point *at = &points[i / 2];

		begin_for(&b, 6 + i % 2, at);
		h = shmbus_shmif_header(&b.tx.bus);
		victim_start(&v, b.path, at);
		child_kill(&v.child);
		start = shmbus_clock_mono_ns();
		side_join(&heir, b.path, 4);
		assert_int_equal(heir.bus.id, v.id);
		if (at->doubt)
			assert_true(shmbus_clock_mono_ns() - start >= 200 * MS);
		if ((shmbus_load(&h->lock) | shmbus_load(&h->spare)) != 0)
			fail_msg("%s: lock %u, spare %#x", at->what, shmbus_load(&h->lock),
				 shmbus_load(&h->spare));
		assert_goes_on(&b, at);
		side_leave(&heir);
		pair_stop(&b);
	}
}

/* What a dead port only signed for, a NetBSD peer that is alive may hold; an heir waits for it. */
static void
test_inherit_while_netbsd_holds(void **state)
{
	struct shmbus_shmif_header *h;
	struct victim v;
	struct side heir;
	struct pair b;

	(void)state;
	begin(&b, 6);
	h = shmbus_shmif_header(&b.tx.bus);
	victim_start(&v, b.path, &points[0]);
	child_kill(&v.child);
	side_join(&heir, b.path, 4);
	assert_int_equal(heir.bus.id, v.id);
	assert_int_equal(shmbus_load(&h->spare), 0);
	/* Somebody else's is not touched: neither the claim nor the lock. */
	side_leave(&heir);
	shmbus_store(&h->lock, 1);
	shmbus_store(&h->spare, b.tx.bus.id | HELD);
	side_join(&heir, b.path, 4);
	assert_int_equal(shmbus_load(&h->lock), 1);
	assert_int_equal(shmbus_load(&h->spare), b.tx.bus.id | HELD);
	shmbus_shmif_unlock(&b.tx.bus, &b.tx.r.lock_wait, 0);
	side_leave(&heir);
	pair_stop(&b);
}

/* No port takes a lock or claim of a living port, in any state, not even by breaking it. */
static void
test_living(void **state)
{
	static const unsigned int at[] = { 0, 1, 2, 4, 8, 10 };
	struct victim v[DIM(at)];
	struct pair b[DIM(at)];
	uint64_t start;
	unsigned int i;
	bool early;

	(void)state;
	for (i = 0; i < DIM(at); i++) {
		begin_for(&b[i], 6, &points[at[i]]);
		b[i].rx.r.lock_wait.break_ns = 10 * MS;
		victim_start(&v[i], b[i].path, &points[at[i]]);
	}
	start = shmbus_clock_mono_ns();
	do {
		early = shmbus_clock_mono_ns() - start < NEVER_MS * MS ||
			b[0].rx.r.lock_wait.busy <= 50;
		for (i = 0; i < DIM(at); i++) {
			assert_false(shmbus_shmif_lock(&b[i].tx.bus, &b[i].tx.r.lock_wait));
			assert_false(shmbus_shmif_lock(&b[i].rx.bus, &b[i].rx.r.lock_wait));
		}
		nap_ms(1);
	} while (early);
	/* Dead, and it is had. */
	for (i = 0; i < DIM(at); i++) {
		assert_true(b[i].rx.r.lock_wait.busy > 50);
		assert_int_equal(b[i].rx.r.lock_wait.broken_foreign, 0);
		child_kill(&v[i].child);
		side_lock(&b[i].tx);
		shmbus_shmif_unlock(&b[i].tx.bus, &b[i].tx.r.lock_wait, 0);
		assert_goes_on(&b[i], &points[at[i]]);
		pair_stop(&b[i]);
	}
}

/* Two look at the same dead port: one of them gets the lock. */
static void
test_dead_for_two(void **state)
{
	uint64_t start, got;
	struct victim v;
	struct pair b;
	bool tx, rx;

	(void)state;
	begin(&b, 6);
	victim_start(&v, b.path, &points[2]);
	child_kill(&v.child);
	start = shmbus_clock_mono_ns();
	do {
		tx = shmbus_shmif_lock(&b.tx.bus, &b.tx.r.lock_wait);
		rx = shmbus_shmif_lock(&b.rx.bus, &b.rx.r.lock_wait);
		assert_false(tx && rx);
		assert_true(shmbus_clock_mono_ns() - start < PATIENCE);
	} while (!tx && !rx);
	for (got = 0; got < 20; got++) {
		assert_false(shmbus_shmif_lock(&b.tx.bus, &b.tx.r.lock_wait));
		assert_false(shmbus_shmif_lock(&b.rx.bus, &b.rx.r.lock_wait));
		nap_ms(1);
	}
	assert_int_equal(b.tx.r.lock_wait.broken_ours + b.rx.r.lock_wait.broken_ours, 1);
	shmbus_shmif_unlock(tx ? &b.tx.bus : &b.rx.bus, &b.tx.r.lock_wait, 0);
	assert_goes_on(&b, &points[2]);
	pair_stop(&b);
}

/* What happens while a dead port's number is being locked. */
static struct shmbus_shmif_header *let_go;

int __real_shmbus_lock_try(int fd, off_t off);
int __wrap_shmbus_lock_try(int fd, off_t off);
int
__wrap_shmbus_lock_try(int fd, off_t off)
{
	const int ret = __real_shmbus_lock_try(fd, off);

	if (let_go != NULL && ret == 0) {
		shmbus_store(&let_go->lock, 0);
		let_go = NULL;
	}
	return ret;
}

/* A lock that is let go after it was looked at is not had by taking over the claim. */
static void
test_let_go_meanwhile(void **state)
{
	static const unsigned int at[] = { 1, 8, 10 };
	struct shmbus_shmif_header *h;
	struct victim v;
	unsigned int i;
	struct pair b;

	(void)state;
	for (i = 0; i < DIM(at); i++) {
		begin_for(&b, 6, &points[at[i]]);
		h = shmbus_shmif_header(&b.tx.bus);
		victim_start(&v, b.path, &points[at[i]]);
		child_kill(&v.child);
		let_go = h;
		side_lock(&b.tx);
		assert_null(let_go);
		assert_int_equal(shmbus_load(&h->lock), 1);
		assert_int_equal(shmbus_load(&h->spare), b.tx.bus.id | HELD);
		assert_int_equal(b.tx.r.lock_wait.broken_ours, 0);
		shmbus_shmif_unlock(&b.tx.bus, &b.tx.r.lock_wait, 0);
		assert_int_equal(shmbus_load(&h->lock) | shmbus_load(&h->spare), 0);
		pair_stop(&b);
	}
}

/* A number that no port ever had, with anything in the other bits but a change begun. */
static void
test_nobodys_number(void **state)
{
	struct shmbus_shmif_header *h;
	struct pair b;
	uint32_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		begin(&b, 6);
		h = shmbus_shmif_header(&b.tx.bus);
		shmbus_store(&h->spare, 200 | (i & 1 ? HELD | 0x5555500 : 0));
		shmbus_store(&h->lock, i >> 1);
		side_lock(&b.tx);
		shmbus_shmif_unlock(&b.tx.bus, &b.tx.r.lock_wait, 0);
		assert_goes_on(&b, &points[0]);
		pair_stop(&b);
	}
}

/* A lock of NetBSD's is left alone if so it is said, whatever happens. */
static void
test_foreign_never(void **state)
{
	struct shmbus_shmif_header *h;
	uint64_t start;
	struct pair b;
	bool early;

	(void)state;
	begin(&b, 6);
	h = shmbus_shmif_header(&b.tx.bus);
	shmbus_store(&h->lock, 1);
	start = shmbus_clock_mono_ns();
	do {
		early = shmbus_clock_mono_ns() - start < 500 * MS;
		assert_false(shmbus_shmif_lock(&b.tx.bus, &b.tx.r.lock_wait));
		assert_int_equal(shmbus_load(&h->spare), 0);
		assert_int_equal(shmbus_load(&h->lock), 1);
	} while (early);
	shmbus_store(&h->lock, 0);
	side_lock(&b.tx);
	shmbus_shmif_unlock(&b.tx.bus, &b.tx.r.lock_wait, 0);
	assert_goes_on(&b, &points[0]);
	pair_stop(&b);
}

/* Broken when the time is over, and not before; and not on two looks far apart. */
static void
test_foreign_in_time(void **state)
{
	struct shmbus_shmif_header *h;
	unsigned int i;
	struct pair b;

	(void)state;
	begin(&b, 6);
	side_receive(&b.rx);
	h = shmbus_shmif_header(&b.tx.bus);
	shmbus_store(&h->lock, 1);
	b.rx.r.lock_wait.break_ns = 300 * MS;
	assert_true(side_lock(&b.rx) >= 300 * MS);
	assert_int_equal(shmbus_load(&h->lock), 1);
	assert_int_equal(shmbus_load(&h->spare), b.rx.bus.id | HELD);
	assert_int_equal(b.rx.r.lock_wait.broken_foreign, 1);
	shmbus_shmif_unlock(&b.rx.bus, &b.rx.r.lock_wait, 0);
	assert_int_equal(shmbus_load(&h->lock) | shmbus_load(&h->spare), 0);
	/* A thread that slept in between has not watched. */
	shmbus_store(&h->lock, 1);
	b.rx.r.lock_wait.break_ns = MS;
	for (i = 0; i < 2 + 15; i++) {
		assert_false(shmbus_shmif_lock(&b.rx.bus, &b.rx.r.lock_wait));
		nap_ms(2);
	}
	assert_true(shmbus_shmif_lock(&b.rx.bus, &b.rx.r.lock_wait));
	shmbus_shmif_unlock(&b.rx.bus, &b.rx.r.lock_wait, 0);
	pair_stop(&b);
}

/* Time in which the waiting port was stopped does not count as watching. */
static void
test_stopped_meanwhile(void **state)
{
	struct shmbus_shmif_header *h;
	struct shmbus_shmif_lock_wait *w;
	unsigned int i, k;
	struct pair b;

	(void)state;
	for (i = 0; i < 2; i++) {
		begin(&b, 6);
		h = shmbus_shmif_header(&b.tx.bus);
		w = &b.rx.r.lock_wait;
		shmbus_store(&h->lock, 1);
		/* NetBSD's, or of another thread of this port. */
		shmbus_store(&h->spare, i == 0 ? 0 : b.rx.bus.id | HELD);
		w->break_ns = 3600 * SECOND;
		for (k = 0; k < 100; k++)
			assert_false(shmbus_shmif_lock(&b.rx.bus, w));
		/* An hour and a minute ago. */
		w->since_ns -= 3660 * SECOND;
		w->looked_ns -= 3660 * SECOND;
		for (k = 0; k < 10; k++)
			assert_false(shmbus_shmif_lock(&b.rx.bus, w));
		assert_int_equal(shmbus_load(&h->spare) & HELD, i == 0 ? 0 : HELD);
		assert_int_equal(w->broken_foreign, 0);
		pair_stop(&b);
	}
}

/* A holder that changes anything is alive: each change restarts the time. */
static void
test_foreign_at_work(void **state)
{
	struct shmbus_shmif_header *h;
	unsigned int i, k;
	struct pair b;

	(void)state;
	begin(&b, 6);
	h = shmbus_shmif_header(&b.tx.bus);
	shmbus_store(&h->lock, 1);
	b.tx.r.lock_wait.break_ns = 5 * MS;
	for (i = 0; i < 40; i++) {
		/* Too few looks to break it, so no machine is too slow for this. */
		for (k = 0; k < 10; k++) {
			assert_false(shmbus_shmif_lock(&b.tx.bus, &b.tx.r.lock_wait));
			nap_ms(1);
		}
		switch (i % 5) {
		case 0:
			shmbus_store(&h->last, DATA - 500);
			break;
		case 1:
			shmbus_store(&h->first, DATA - 400);
			break;
		case 2:
			shmbus_store(&h->gen, i);
			break;
		case 3:
			shmbus_store(&h->last, i);
			break;
		default:
			shmbus_store(&h->first, i);
			break;
		}
		assert_int_equal(shmbus_load(&h->lock), 1);
		/* Watched, at most. */
		assert_int_equal(shmbus_load(&h->spare) & (HELD | INTENT), 0);
	}
	assert_int_equal(b.tx.r.lock_wait.broken_foreign, 0);
	side_lock(&b.tx);
	assert_int_equal(b.tx.r.lock_wait.broken_foreign, 1);
	pair_stop(&b);
}

/* In spare what no port of ours leaves: mended after the time for foreign locks, or never. */
static void
test_nonsense(void **state)
{
	struct shmbus_shmif_header *h;
	unsigned int i, k;
	uint32_t spare;
	struct pair b;

	(void)state;
	for (i = 0; i < 8; i++) {
		begin(&b, 6);
		h = shmbus_shmif_header(&b.tx.bus);
		spare = i & 2 ? b.tx.bus.id : 0x40 << 8;
		spare |= i & 4 ? HELD : 0;
		shmbus_store(&h->spare, spare);
		shmbus_store(&h->lock, i & 1);
		for (k = 0; k < 60; k++) {
			assert_false(shmbus_shmif_lock(&b.tx.bus, &b.tx.r.lock_wait));
			nap_ms(1);
		}
		assert_int_equal(shmbus_load(&h->spare), spare);
		b.tx.r.lock_wait.since_ns = 0;
		b.tx.r.lock_wait.break_ns = 50 * MS;
		assert_true(side_lock(&b.tx) >= 50 * MS);
		assert_int_equal(shmbus_load(&h->lock), 1);
		assert_int_equal(shmbus_load(&h->spare), b.tx.bus.id | HELD);
		assert_int_equal(b.tx.r.lock_wait.broken_foreign, 1);
		shmbus_shmif_unlock(&b.tx.bus, &b.tx.r.lock_wait, 0);
		assert_goes_on(&b, &points[0]);
		pair_stop(&b);
	}
}

/* Whatever became of the frames before: the next one is received. */
static void
assert_next_arrives(struct pair *b)
{
	b->rx.seq = 0; /* perhaps from the oldest on */
	side_receive(&b->rx);
	b->rx.seq = b->tx.sent;
	b->rx.jumped = 0;
	side_send_one(&b->tx, 60);
	assert_int_equal(side_receive(&b->rx), 1);
	assert_int_equal(b->rx.jumped, 0);
}

/* Any value but 0 in the lock's word counts as locked, and is broken like 1. */
static void
test_lock_of_nonsense(void **state)
{
	static const uint32_t words[] = { 1, 2, 0xffff, UINT32_MAX };
	unsigned int i;
	struct pair b;

	(void)state;
	for (i = 0; i < DIM(words); i++) {
		begin(&b, 6);
		b.tx.r.lock_wait.break_ns = 20 * MS;
		shmbus_store(&shmbus_shmif_header(&b.tx.bus)->lock, words[i]);
		side_lock(&b.tx);
		assert_int_equal(b.tx.r.lock_wait.broken_foreign, 1);
		shmbus_shmif_unlock(&b.tx.bus, &b.tx.r.lock_wait, 0);
		assert_int_equal(shmbus_load(&shmbus_shmif_header(&b.tx.bus)->lock), 0);
		assert_next_arrives(&b);
		pair_stop(&b);
	}
}

/* A claim in the name of a port that lives, and only receives: that port finds out and drops it. */
static void
test_claim_of_idle(void **state)
{
	struct shmbus_shmif_header *h;
	struct pair b;
	uint64_t start;

	(void)state;
	begin(&b, 6);
	h = shmbus_shmif_header(&b.tx.bus);
	side_receive(&b.rx);
	b.rx.r.lock_wait.break_ns = 20 * MS;
	shmbus_store(&h->spare, b.rx.bus.id);
	start = shmbus_clock_mono_ns();
	while (!shmbus_shmif_lock(&b.tx.bus, &b.tx.r.lock_wait)) {
		assert_true(shmbus_clock_mono_ns() - start < PATIENCE);
		/* As an idle poll does. */
		shmbus_shmif_lock_recover(&b.rx.bus, &b.rx.r.lock_wait);
	}
	assert_int_equal(b.rx.r.lock_wait.broken_foreign, 1);
	shmbus_shmif_unlock(&b.tx.bus, &b.tx.r.lock_wait, 0);
	assert_next_arrives(&b);
	pair_stop(&b);
}

/* What those who take turns count, in memory that they share. */
struct turns {
	const char *path;
	uint64_t inside; /* written only under the lock, in two steps */
	uint64_t outside;
	shmbus_a32 stop;
	shmbus_a32 bad;
	shmbus_a64 done[4];
};

static void
take_turn(struct turns *t, uint64_t *n)
{
	const uint64_t before = t->inside;

	if (t->outside != before)
		shmbus_store(&t->bad, 1);
	t->inside = before + 1;
	shmbus_fence_full();
	t->outside = before + 1;
	(*n)++;
}

static int
turns_ours(struct child *c, void *arg)
{
	struct turns *t = arg;
	uint64_t who, n = 0;
	struct side s;

	side_join(&s, t->path, 1);
	if (!child_hear(c, &who))
		return 1;
	while (!shmbus_load(&t->stop)) {
		if (!shmbus_shmif_lock(&s.bus, &s.r.lock_wait)) {
			sched_yield();
			continue;
		}
		take_turn(t, &n);
		/* Signed by its holder all the time. */
		if (shmbus_load(&shmbus_shmif_header(&s.bus)->spare) != (s.bus.id | HELD))
			shmbus_store(&t->bad, 2);
		shmbus_shmif_unlock(&s.bus, &s.r.lock_wait, 0);
		shmbus_store(&t->done[who], n);
	}
	return s.r.lock_wait.broken_ours + s.r.lock_wait.broken_foreign == 0 ? 0 : 2;
}

/* As NetBSD does: knows nothing but 0 and 1, and panics at anything else. */
static int
turns_netbsd(struct child *c, void *arg)
{
	struct shmbus_shmif_header *h;
	struct turns *t = arg;
	uint64_t who, n = 0;
	struct side s;
	uint32_t want;

	side_join(&s, t->path, 1);
	h = shmbus_shmif_header(&s.bus);
	if (!child_hear(c, &who))
		return 1;
	while (!shmbus_load(&t->stop)) {
		want = 0;
		if (!atomic_compare_exchange_strong(&h->lock, &want, 1)) {
			if (want != 1)
				return 2;
			sched_yield();
			continue;
		}
		take_turn(t, &n);
		want = 1;
		if (!atomic_compare_exchange_strong(&h->lock, &want, 0))
			return 3;
		shmbus_store(&t->done[who], n);
	}
	return 0;
}

/* Our ports and NetBSD's take turns: never two holders, no starvation, and the word is 0 or 1. */
static void
test_turns(void **state)
{
	const uint64_t start = shmbus_clock_mono_ns();
	struct shmbus_shmif_header *h;
	struct child c[4];
	struct turns *t;
	struct pair b;
	uint32_t word;
	uint64_t i, k, few;

	(void)state;
	begin(&b, 6);
	h = shmbus_shmif_header(&b.tx.bus);
	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(t != MAP_FAILED);
	t->path = b.path;
	for (i = 0; i < 4; i++)
		child_start(&c[i], i < 2 ? turns_ours : turns_netbsd, t);
	for (i = 0; i < 4; i++)
		child_tell(&c[i], i);
	do {
		for (k = 0; k < 10000; k++) {
			word = shmbus_load(&h->lock);
			assert_true(word <= 1);
		}
		sched_yield();
		for (i = 0, few = UINT64_MAX; i < 4; i++)
			if (shmbus_load(&t->done[i]) < few)
				few = shmbus_load(&t->done[i]);
		assert_true(shmbus_clock_mono_ns() - start < 2 * PATIENCE);
	} while (few < 2000);
	shmbus_store(&t->stop, 1);
	for (i = 0; i < 4; i++)
		assert_int_equal(child_wait(&c[i]), 0);
	assert_int_equal(shmbus_load(&t->bad), 0);
	assert_int_equal(t->inside, t->outside);
	for (i = 0, few = 0; i < 4; i++)
		few += shmbus_load(&t->done[i]);
	assert_int_equal(few, t->inside);
	assert_int_equal(shmbus_load(&h->lock) | shmbus_load(&h->spare), 0);
	munmap(t, sizeof(*t));
	pair_stop(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_inherit),
		cmocka_unit_test(test_inherit_while_netbsd_holds),
		cmocka_unit_test(test_living),
		cmocka_unit_test(test_dead_for_two),
		cmocka_unit_test(test_let_go_meanwhile),
		cmocka_unit_test(test_nobodys_number),
		cmocka_unit_test(test_foreign_never),
		cmocka_unit_test(test_foreign_in_time),
		cmocka_unit_test(test_stopped_meanwhile),
		cmocka_unit_test(test_foreign_at_work),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_lock_of_nonsense),
		cmocka_unit_test(test_claim_of_idle),
		cmocka_unit_test(test_turns),
	};

	return cmocka_run_group_tests_name("shmif_lock", tests, tmpdir_create, tmpdir_remove);
}
