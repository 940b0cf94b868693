/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * One lane: its entry, and the records in its ring.
 *
 * Theory of operation
 *
 * The records are walked from the oldest mark up to the tail as it was at the
 * beginning, as a reader would: copied, and believed if head has not passed
 * them by then. A record that is wrong ends the walk, which goes on from the
 * next mark.
 *
 * A lane is mended by giving up as little as possible: what lies below the
 * first mark from which the records follow each other up to the tail. Head is
 * raised there. If there is no such mark all is given up: head and tail both
 * go to the next chunk. To a reader that is as if it had been overtaken.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "shmbus_request.h"
#include "shmbus_writer.h"

#define TRIES 16

#define DESCS_OFF sizeof(struct shmbus_burst)

/* A lane that is looked at. */
struct lane {
	struct shmbus_bus *bus;
	struct shmbus_lane_entry *entry;
	struct findings *f;
	struct place place;
	bool still; /* nobody writes it meanwhile; and what its head says may be nonsense */
	uint32_t number;
	uint64_t size;
	uint64_t chunk;
	uint64_t head;
	uint64_t tail;
	uint64_t mark[SHMBUS_CHUNKS];
	uint32_t bad_marks; /* bits */
};

/* What a walk along the records has come to. */
struct walk {
	bool any;            /* there was a mark to begin at */
	bool bad;            /* a record was wrong */
	bool reached;        /* it came to the tail */
	uint64_t seq;        /* reached: the number of the next frame */
	uint64_t whole_from; /* reached: from this mark on nothing was wrong */
};

struct record {
	struct place place;
	uint64_t pos;
	uint32_t len;
	uint32_t count;
	uint32_t data_off;
	uint64_t seq;
	union {
		struct shmbus_burst burst;
		uint8_t bytes[sizeof(struct shmbus_burst) +
			      sizeof(uint32_t) * SHMBUS_BURST_FRAMES_MAX];
	};
};

enum verdict {
	FINE,
	WRONG,
	OVERTAKEN, /* it may be right or wrong, it is no longer there */
};

static bool
overtaken(const struct lane *l, uint64_t pos)
{
	if (l->still)
		return false;
	/* H2: with H1 in the writer */
	shmbus_fence_acquire();
	return (int64_t)(shmbus_load(&l->entry->head) - pos) > 0;
}

/* Bytes at a position; with system calls, which no hole and no short file can hurt. */
static bool
get(const struct lane *l, uint64_t pos, void *to, uint64_t len)
{
	const uint64_t start = shmbus_lane_off(&l->bus->geo, l->number);
	const uint64_t off = pos & (l->size - 1);
	const uint64_t part = len <= l->size - off ? len : l->size - off;
	const int fd = l->bus->file.fd;

	return pread(fd, to, part, (off_t)(start + off)) == (ssize_t)part &&
	       (part == len || pread(fd, (uint8_t *)to + part, len - part, (off_t)start) ==
				       (ssize_t)(len - part));
}

static enum verdict
look_at_header(const struct lane *l, struct record *r)
{
	const struct shmbus_geometry *geo = &l->bus->geo;
	const uint64_t shape = shmbus_load(&r->burst.shape);
	const uint64_t pos = shmbus_load(&r->burst.pos);
	const uint64_t avail = l->tail - r->pos;

	r->len = (uint32_t)shape;
	r->count = (uint32_t)(shape >> 32) & 0xffff;
	r->data_off = (uint32_t)(shape >> 48);
	r->seq = shmbus_load(&r->burst.seq);
	if (pos != r->pos)
		findings_add(l->f, &r->place, offsetof(struct shmbus_burst, pos), "pos", pos,
			     "%" PRIu64 ", where it lies", r->pos);
	else if (r->len % SHMBUS_LINE != 0 || r->len <= r->data_off || r->len > avail)
		findings_add(l->f, &r->place, 0, "len", r->len,
			     "a multiple of %d above data_off, %u, and up to the tail, %" PRIu64,
			     SHMBUS_LINE, r->data_off, avail);
	else if (r->count < 1 || r->count > SHMBUS_BURST_FRAMES_MAX)
		findings_add(l->f, &r->place, 4, "count", r->count, "1 to %d",
			     SHMBUS_BURST_FRAMES_MAX);
	else if (r->data_off % SHMBUS_LINE != 0 || r->data_off < DESCS_OFF + 4 * r->count)
		findings_add(l->f, &r->place, 6, "data_off", r->data_off,
			     "a multiple of %d, at least %u", SHMBUS_LINE,
			     shmbus_burst_data_off(r->count));
	else if (r->count > 1 && r->len > shmbus_burst_max(geo))
		findings_add(l->f, &r->place, 0, "len of several frames", r->len, "at most %u",
			     shmbus_burst_max(geo));
	else
		return FINE;
	return WRONG;
}

/* The request of a frame of len bytes, the lines of which end at end. */
static bool
request_fits(const struct lane *l, const struct record *r, uint64_t end, uint32_t len)
{
	struct shmbus_request req;

	return get(l, r->pos + end - sizeof(req), &req, sizeof(req)) &&
	       shmbus_request_valid(&req, len);
}

static enum verdict
look_at_frames(const struct lane *l, const struct record *r)
{
	const uint32_t max = shmbus_frame_max(&l->bus->geo);
	uint64_t off = r->data_off;
	uint32_t i, desc, len, desc_off;
	uint64_t extent;

	for (i = 0; i < r->count; i++) {
		desc_off = (uint32_t)(DESCS_OFF + i * sizeof(desc));
		memcpy(&desc, r->bytes + desc_off, sizeof(desc));
		len = desc & SHMBUS_DESC_LEN;
		extent = desc & SHMBUS_DESC_REQUEST ? shmbus_request_extent(len) : SHMBUS_ALIGN(len);
		if (desc & SHMBUS_DESC_FLAGS & ~SHMBUS_DESC_REQUEST) {
			findings_add(l->f, &r->place, desc_off, "flags of a frame", desc >> 24, "0 or 1");
			return WRONG;
		}
		if (len == 0 || len > max || extent > r->len - off) {
			findings_add(l->f, &r->place, desc_off, "length of a frame", len,
				     "1 to %u, and not more than the record has left, %" PRIu64, max,
				     r->len - off);
			return WRONG;
		}
		off += extent;
		if ((desc & SHMBUS_DESC_REQUEST) && !request_fits(l, r, off, len)) {
			findings_add(l->f, &r->place, off - sizeof(struct shmbus_request),
				     "request of a frame, which makes no sense: length", len,
				     "one that fits the request");
			return WRONG;
		}
	}
	return FINE;
}

static enum verdict
look_at_record(struct lane *l, struct record *r, uint64_t pos)
{
	uint64_t len = l->tail - pos;
	enum verdict verdict = WRONG;
	unsigned int before = l->f != NULL ? l->f->n : 0;

	if (len > sizeof(r->bytes))
		len = sizeof(r->bytes);
	memset(r, 0, offsetof(struct record, bytes));
	r->pos = pos;
	r->place.slot = l->place.slot;
	r->place.off = shmbus_lane_off(&l->bus->geo, l->number) + (pos & (l->size - 1));
	snprintf(r->place.name, sizeof(r->place.name), "record at %" PRIu64 " of lane %u", pos,
		 l->number);
	if (get(l, pos, r->bytes, len))
		verdict = look_at_header(l, r);
	if (verdict == FINE)
		verdict = look_at_frames(l, r);
	if (!overtaken(l, pos))
		return verdict;
	if (l->f != NULL && l->f->n > before)
		l->f->n = before;
	return OVERTAKEN;
}

/* The lowest mark at or above from, if it lies below the tail; else the tail. */
static uint64_t
next_mark(const struct lane *l, uint64_t from)
{
	uint64_t best = l->tail;
	unsigned int i;

	for (i = 0; i < SHMBUS_CHUNKS; i++)
		if (!(l->bad_marks & (1u << i)) && l->mark[i] - from < best - from)
			best = l->mark[i];
	return best;
}

/* Does a mark point into the middle of this record? */
static void
look_for_marks_in(struct lane *l, const struct record *r)
{
	unsigned int i;

	for (i = 0; i < SHMBUS_CHUNKS; i++) {
		if (l->mark[i] - r->pos - 1 >= r->len - 1u || (l->bad_marks & (1u << i)))
			continue;
		l->bad_marks |= 1u << i;
		findings_add(l->f, &l->place, offsetof(struct shmbus_lane_entry, mark) + 8 * i,
			     "mark within a record", l->mark[i], "%" PRIu64 ", where it begins",
			     r->pos);
	}
}

/* The writer has come to where we were: a mark that it will not come to at once, or the tail. */
static uint64_t
flee(struct lane *l)
{
	uint64_t from;

	l->head = shmbus_load(&l->entry->head);
	from = l->head + l->size / 4;
	return (int64_t)(l->tail - from) > 0 ? next_mark(l, from) : l->tail;
}

static struct walk
walk(struct lane *l)
{
	struct walk w = { .any = false };
	bool follows = false; /* a record before this one told its number */
	struct record r;
	unsigned int fled = 0;
	enum verdict verdict;
	uint64_t pos;

	pos = next_mark(l, l->head);
	w.whole_from = pos;
	w.any = pos != l->tail;
	while (pos != l->tail) {
		verdict = look_at_record(l, &r, pos);
		if (verdict == OVERTAKEN) {
			follows = false;
			pos = flee(l);
			if (pos == l->tail || ++fled > TRIES)
				return w;
			continue;
		}
		if (verdict == FINE && follows && r.seq != w.seq) {
			findings_add(l->f, &r.place, offsetof(struct shmbus_burst, seq), "seq", r.seq,
				     "%" PRIu64 ", as the record before has it", w.seq);
			verdict = WRONG;
		}
		if (verdict == WRONG) {
			w.bad = true;
			follows = false;
			pos = next_mark(l, pos + SHMBUS_LINE);
			w.whole_from = pos;
			if (pos == l->tail)
				return w;
			continue;
		}
		look_for_marks_in(l, &r);
		w.seq = r.seq + r.count;
		follows = true;
		pos += r.len;
	}
	w.reached = w.any;
	return w;
}

/* Head and tail of one moment. False: the writer is too fast. */
static bool
load_positions(struct lane *l)
{
	unsigned int i;

	for (i = 0; i < TRIES; i++) {
		l->head = shmbus_load(&l->entry->head);
		shmbus_fence_acquire();
		l->tail = shmbus_load_acquire(&l->entry->tail);
		shmbus_fence_acquire();
		if (shmbus_load(&l->entry->head) == l->head)
			return true;
	}
	return false;
}

static bool
positions_fit(const struct lane *l)
{
	return l->tail % SHMBUS_LINE == 0 && l->head % l->chunk == 0 &&
	       l->tail - l->head <= l->size;
}

static void
look_at_positions(const struct lane *l)
{
	if (l->tail % SHMBUS_LINE != 0)
		findings_add(l->f, &l->place, offsetof(struct shmbus_lane_entry, tail), "tail", l->tail,
			     "a multiple of %d", SHMBUS_LINE);
	if (l->head % l->chunk != 0)
		findings_add(l->f, &l->place, offsetof(struct shmbus_lane_entry, head), "head", l->head,
			     "a multiple of %" PRIu64, l->chunk);
	else if (l->tail - l->head > l->size)
		findings_add(l->f, &l->place, offsetof(struct shmbus_lane_entry, head), "head", l->head,
			     "at or below the tail, %" PRIu64 ", and not by more than %" PRIu64,
			     l->tail, l->size);
}

/* What would be right of a mark of a lane with this tail; NULL: it is. */
static const char *
mark_problem(const struct lane *l, unsigned int i, uint64_t tail)
{
	const uint64_t mark = l->mark[i];

	if (mark % SHMBUS_LINE != 0)
		return "a multiple of 64";
	if (mark != 0 && (mark & (l->size - 1)) / l->chunk != i)
		return "a position in this chunk of the ring";
	if (mark != 0 && (int64_t)(mark - tail) > 0)
		return "not above the tail";
	return NULL;
}

static void
look_at_marks(struct lane *l)
{
	const char *right;
	unsigned int i;

	for (i = 0; i < SHMBUS_CHUNKS; i++) {
		l->mark[i] = shmbus_load_acquire(&l->entry->mark[i]);
		right = mark_problem(l, i, shmbus_load(&l->entry->tail));
		if (right == NULL)
			continue;
		l->bad_marks |= 1u << i;
		findings_add(l->f, &l->place, offsetof(struct shmbus_lane_entry, mark) + 8 * i, "mark",
			     l->mark[i], "%s", right);
	}
}

/* The tail is to be another one. */
static void
judge_marks(struct lane *l)
{
	unsigned int i;

	l->bad_marks = 0;
	for (i = 0; i < SHMBUS_CHUNKS; i++)
		if (mark_problem(l, i, l->tail) != NULL)
			l->bad_marks |= 1u << i;
}

/* The stamp for the tail; 2: there is none. False: the writer is too fast. */
static bool
load_stamps(const struct lane *l, uint64_t tail, struct walk *w, unsigned int *match)
{
	struct shmbus_stamp *stamp = l->entry->stamp;
	unsigned int s;

	*match = 2;
	for (s = 0; s < 2 && *match == 2; s++) {
		if (shmbus_load(&stamp[s].pos) != tail)
			continue;
		*match = s;
		w->seq = shmbus_load(&stamp[s].seq);
	}
	/* S2: with S1 in the writer */
	shmbus_fence_acquire();
	return shmbus_load(&l->entry->tail) == tail;
}

/* seen: what the walk up to l->tail has come to. */
static void
look_at_stamps(const struct lane *l, const struct walk *seen)
{
	const unsigned int off = offsetof(struct shmbus_lane_entry, stamp);
	struct walk stamp = { .any = false };
	unsigned int match;

	if (!load_stamps(l, l->tail, &stamp, &match))
		return;
	if (match == 2)
		findings_add(l->f, &l->place, off, "stamp[0].pos, as stamp[1].pos,",
			     shmbus_load(&l->entry->stamp[0].pos), "the tail, %" PRIu64, l->tail);
	else if (seen->reached && stamp.seq != seen->seq)
		findings_add(l->f, &l->place, off + match * sizeof(struct shmbus_stamp) + 8,
			     match == 0 ? "stamp[0].seq" : "stamp[1].seq", stamp.seq,
			     "%" PRIu64 ", as the last record has it", seen->seq);
}

static void
look_at_reserved(const struct lane *l)
{
	const struct shmbus_lane_entry *e = l->entry;

	findings_add_reserved(l->f, &l->place, offsetof(struct shmbus_lane_entry, reserved0),
			      e->reserved0, sizeof(e->reserved0));
	findings_add_reserved(l->f, &l->place, offsetof(struct shmbus_lane_entry, reserved1),
			      e->reserved1, sizeof(e->reserved1));
}

static void
begin(struct lane *l, struct shmbus_bus *bus, uint32_t number, struct findings *f)
{
	const struct shmbus_geometry *geo = &bus->geo;

	memset(l, 0, sizeof(*l));
	l->bus = bus;
	l->entry = shmbus_bus_lane(bus, number);
	l->f = f;
	l->number = number;
	l->size = geo->lane_size;
	l->chunk = geo->lane_size / SHMBUS_CHUNKS;
	l->place.off = geo->lane_off + number * sizeof(*l->entry);
	l->place.slot = number / geo->queues;
	snprintf(l->place.name, sizeof(l->place.name), "lane %u (port %u, queue %u)", number,
		 l->place.slot, number % geo->queues);
}

void
check_lane_look(struct shmbus_bus *bus, uint32_t number, struct findings *f)
{
	struct lane l;
	struct walk w;

	begin(&l, bus, number, f);
	look_at_reserved(&l);
	if (!load_positions(&l))
		return;
	look_at_positions(&l);
	look_at_marks(&l);
	if (!positions_fit(&l))
		return;
	w = walk(&l);
	look_at_stamps(&l, &w);
}

/* ---- mending; nobody writes the lane meanwhile */

static void
set_positions(struct lane *l, uint64_t head, uint64_t tail, uint64_t seq)
{
	struct shmbus_lane_entry *e = l->entry;
	unsigned int match, s;
	struct walk stamp = { .any = false };

	if (head != shmbus_load(&e->head)) {
		shmbus_store(&e->head, head);
		shmbus_fence_release();
	}
	if (!load_stamps(l, tail, &stamp, &match) || match == 2 || stamp.seq != seq) {
		for (s = 0; s < 2; s++) {
			shmbus_store(&e->stamp[s].pos, tail);
			shmbus_store_release(&e->stamp[s].seq, seq);
		}
	}
	if (tail != shmbus_load(&e->tail))
		shmbus_store_release(&e->tail, tail);
}

/* The number of the next frame, as well as the stamps tell it. */
static uint64_t
guess_seq(const struct lane *l, uint64_t tail)
{
	struct shmbus_stamp *stamp = l->entry->stamp;
	const uint64_t seq[2] = { shmbus_load(&stamp[0].seq), shmbus_load(&stamp[1].seq) };

	if (shmbus_load(&stamp[0].pos) == tail)
		return seq[0];
	if (shmbus_load(&stamp[1].pos) == tail)
		return seq[1];
	return (int64_t)(seq[0] - seq[1]) > 0 ? seq[0] : seq[1];
}

static void
give_up_all(struct lane *l)
{
	const uint64_t seq = guess_seq(l, l->tail);
	const uint64_t tail = (l->tail + l->chunk - 1) & ~(l->chunk - 1);
	unsigned int i;

	for (i = 0; i < SHMBUS_CHUNKS; i++)
		shmbus_store(&l->entry->mark[i], 0);
	set_positions(l, tail, tail, seq);
}

/*
 * The positions make no sense. With one stamp's they may; or with the head
 * that the lane's next writer would choose.
 */
static bool
find_positions(struct lane *l)
{
	const uint64_t heads[] = { l->head, l->tail & ~(l->chunk - 1) };
	const uint64_t tails[] = { l->tail, shmbus_load(&l->entry->stamp[0].pos),
				   shmbus_load(&l->entry->stamp[1].pos) };
	struct lane try;
	struct walk w;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		try = *l;
		try.f = NULL;
		try.head = heads[i == 3];
		try.tail = tails[i % 3];
		if (!positions_fit(&try))
			continue;
		judge_marks(&try);
		if (i != 3) {
			w = walk(&try);
			if (!w.reached || w.bad || w.seq != guess_seq(&try, try.tail))
				continue;
		}
		*l = try;
		return true;
	}
	return false;
}

static void
mend_marks(struct lane *l)
{
	unsigned int i;

	for (i = 0; i < SHMBUS_CHUNKS; i++)
		if (l->bad_marks & (1u << i))
			shmbus_store(&l->entry->mark[i], 0);
}

static void
mend_ring(struct lane *l)
{
	struct walk w;

	w = walk(l);
	if (w.bad && !w.reached) {
		give_up_all(l);
		return;
	}
	mend_marks(l);
	set_positions(l, w.bad ? w.whole_from & ~(l->chunk - 1) : l->head, l->tail,
		      w.reached ? w.seq : guess_seq(l, l->tail));
}

void
check_lane_mend(struct shmbus_bus *bus, uint32_t number)
{
	static const uint64_t zero[8];
	struct lane l;

	begin(&l, bus, number, NULL);
	l.still = true;
	if (memcmp(l.entry->reserved0, zero, sizeof(l.entry->reserved0)) != 0)
		memset(l.entry->reserved0, 0, sizeof(l.entry->reserved0));
	if (memcmp(l.entry->reserved1, zero, sizeof(l.entry->reserved1)) != 0)
		memset(l.entry->reserved1, 0, sizeof(l.entry->reserved1));
	load_positions(&l);
	look_at_marks(&l);
	if (positions_fit(&l) || find_positions(&l))
		mend_ring(&l);
	else
		give_up_all(&l);
}
