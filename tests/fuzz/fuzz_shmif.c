/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Two ports on a bus of NetBSD's format, one of which may die with the lock
 * at any point, and an input that writes any words of the bus between their
 * calls, and while they look.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "input.h"
#include "shmbus_shmif_open.h"
#include "shmbus_shmif_reader.h"
#include "shmbus_shmif_repair.h"
#include "shmbus_shmif_writer.h"
#include "unsteady.h"

#define DATA SHMBUS_SHMIF_DATA
#define RECORD ((uint32_t)sizeof(struct shmbus_shmif_record))
#define SIDES 2
#define OPS 200
#define GUARD 65536

/* Of one call: the longest waits for a lock, or walks over the ring's records. */
#define LOOKS_MAX 200000

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct side {
	struct shmbus_shmif bus;
	struct shmbus_shmif_reader r;
	struct shmbus_shmif_writer w;
} sides[SIDES];

/* Nothing is accessible on both sides of it. */
static void
fence_in(struct shmbus_shmif *bus)
{
	uint8_t *room = mmap(NULL, SHMBUS_SHMIF_SIZE + 2 * GUARD, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	MUST(room != MAP_FAILED);
	MUST(munmap(bus->map, SHMBUS_SHMIF_SIZE) == 0);
	bus->map = mmap(room + GUARD, SHMBUS_SHMIF_SIZE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_FIXED, bus->file.fd, 0);
	MUST(bus->map == room + GUARD);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	unsigned int i;

	(void)argc;
	(void)argv;
	for (i = 0; i < SIDES; i++) {
		MUST(shmbus_shmif_open(&sides[i].bus, input_path(""), SHMBUS_FILE_ANY, 0, i + 1, NULL) == 0);
		fence_in(&sides[i].bus);
		/* Not one byte more than they ask for. */
		sides[i].r.bytes = malloc(SHMBUS_SHMIF_PIECE);
		sides[i].w.bytes = malloc(SHMBUS_SHMIF_BURST);
		MUST(sides[i].r.bytes != NULL && sides[i].w.bytes != NULL);
	}
	MUST(unlink(input_path("")) == 0);
	return 0;
}

static uint8_t *
writable(const volatile void *at)
{
	unsigned int i;
	uintptr_t off;

	for (i = 0; i < SIDES; i++) {
		off = (uintptr_t)at - (uintptr_t)sides[i].bus.map;
		/* A word at the end of a copy may be cut. */
		if (off <= SHMBUS_SHMIF_SIZE - sizeof(uint64_t))
			return sides[i].bus.map + off;
	}
	return NULL;
}

static bool
add(struct side *s, uint32_t len)
{
	uint8_t *at = shmbus_shmif_add(&s->w, s->bus.sender, len);

	if (at != NULL)
		memset(at, (int)len, len);
	return at != NULL;
}

static void
send(struct side *s, struct input *in)
{
	uint32_t n = input_below(in, 64) + 1;
	int ret;

	shmbus_shmif_begin(&s->w, 1000);
	while (n-- != 0 && add(s, 1 + (input_u8(in) & 3 ? input_u8(in) :
				       input_u16(in) % SHMBUS_SHMIF_FRAME_MAX)))
		;
	ret = shmbus_shmif_send(&s->bus, &s->w);
	MUST(ret == 0 || ret == -EBUSY || ret == -EILSEQ);
}

static uint32_t
fetch(struct side *s)
{
	struct shmbus_shmif_frame frame;
	uint32_t n = 0;
	int ret;

	if (!shmbus_shmif_pending(&s->bus, &s->r))
		return 0;
	ret = shmbus_shmif_fetch(&s->bus, &s->r);
	MUST(ret == 0 || ret == -EBUSY || ret == -EILSEQ);
	MUST(s->r.len <= SHMBUS_SHMIF_PIECE);
	MUST(shmbus_shmif_reader_fetched(&s->r) <= SHMBUS_SHMIF_PIECE / RECORD);
	while (shmbus_shmif_has_next(&s->r)) {
		shmbus_shmif_next(&s->r, &frame);
		MUST(frame.len <= SHMBUS_SHMIF_FRAME_MAX);
		MUST(frame.data >= s->r.bytes && s->r.off <= s->r.len);
		n++;
	}
	return n;
}

/* As if another process had died there. */
static void
leave_lock(struct side *s, struct input *in)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(&s->bus);

	shmbus_store(&h->lock, input_u8(in) & 1);
	shmbus_store(&h->spare, input_u32(in));
	if (input_u8(in) & 1)
		shmbus_store(&h->spare, (shmbus_load(&h->spare) & ~0xffu) | input_u8(in) % 4);
}

/* Any content, written by the holder of the lock. */
static void
repair(struct side *s, struct input *in)
{
	const uint64_t known = input_u8(in) & 1 ? input_u32(in) : s->r.pos;
	struct shmbus_shmif_state state;

	shmbus_shmif_repair(&s->bus, known);
	if (shmbus_shmif_load(&s->bus, &state) == 0)
		MUST(state.first <= state.last && state.last < state.end &&
		     state.end - state.first <= DATA);
}

static void
lie(struct side *s, struct input *in)
{
	const struct shmbus_shmif_header *h = shmbus_shmif_header(&s->bus);
	uint64_t value = input_u8(in) & 1 ? input_u16(in) : input_u64(in);
	uint32_t last, off;

	memcpy(&last, (const uint8_t *)h + offsetof(struct shmbus_shmif_header, last), sizeof(last));
	switch (input_u8(in) % 5) {
	case 0: /* the header, but for magic and version */
		off = 8 + input_u8(in) % 24;
		break;
	case 1: /* the newest record */
		off = SHMBUS_SHMIF_HEADER + last % DATA;
		break;
	case 2: /* what the reader comes to next */
		off = SHMBUS_SHMIF_HEADER + (uint32_t)(s->r.pos % DATA);
		break;
	case 3: /* near the end of the data */
		off = SHMBUS_SHMIF_SIZE - 8 - input_u8(in);
		break;
	default:
		off = input_u32(in) % (SHMBUS_SHMIF_SIZE - 8);
		break;
	}
	if (off > SHMBUS_SHMIF_SIZE - 8)
		off = SHMBUS_SHMIF_SIZE - 8;
	memcpy(s->bus.map + off, &value, input_u8(in) & 1 ? 4 : 8);
}

/* An honest ring, whose newest record ends where the input says, and nobody holds the lock. */
static void
begin(struct input *in)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(&sides[0].bus);
	const struct shmbus_shmif_record nothing = { .len = 0 };
	const uint32_t off = DATA - RECORD - 1 - input_u16(in) % 4096;
	unsigned int i;

	shmbus_store(&h->gen, input_u8(in));
	shmbus_store(&h->first, off);
	shmbus_store(&h->last, off);
	shmbus_store(&h->lock, 0);
	shmbus_store(&h->spare, 0);
	memcpy(shmbus_shmif_data(&sides[0].bus) + off, &nothing, sizeof(nothing));
	for (i = 0; i < SIDES; i++) {
		sides[i].r = (struct shmbus_shmif_reader){ .bytes = sides[i].r.bytes };
		sides[i].w = (struct shmbus_shmif_writer){ .bytes = sides[i].w.bytes };
		sides[i].r.lock_wait.break_ns = 5000000;
		sides[i].w.lock_wait.break_ns = 5000000;
		shmbus_shmif_reader_start(&sides[i].bus, &sides[i].r, 1);
	}
}

static void
one_op(struct input *in)
{
	const uint8_t op = input_u8(in);
	struct side *s = &sides[op >> 7];

	switch ((op & 0x7f) % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
		send(s, in);
		break;
	case 4:
	case 5:
	case 6:
		fetch(s);
		break;
	case 7:
		leave_lock(s, in);
		break;
	case 8:
		repair(s, in);
		break;
	case 9:
		shmbus_shmif_lock_recover(&s->bus, &s->r.lock_wait);
		break;
	case 10:
		shmbus_shmif_lock_inherit(&s->bus);
		break;
	case 11:
		shmbus_shmif_reader_start(&s->bus, &s->r, input_below(in, 4));
		break;
	case 12:
		unsteady_pass((uint64_t)input_u8(in) * 1000000);
		break;
	default:
		lie(s, in);
		break;
	}
}

/*
 * Nobody lies any more. The lock is freed, and a ring that makes no sense is
 * begun anew: what is sent is received.
 */
static void
recover(void)
{
	struct shmbus_shmif_state state;
	struct shmbus_shmif_words words;
	struct side *tx = &sides[0];
	struct side *rx = &sides[1];
	unsigned int tries;

	unsteady_begin(NULL, writable);
	for (tries = 0; !shmbus_shmif_lock(&tx->bus, &tx->w.lock_wait); tries++) {
		MUST(tries < 1000);
		unsteady_pass(1000000);
		/* A lock that is signed by a live port only that port can free. */
		shmbus_shmif_lock_recover(&rx->bus, &rx->r.lock_wait);
	}
	words = shmbus_shmif_words(&tx->bus);
	if (shmbus_shmif_load(&tx->bus, &state) != 0 || shmbus_shmif_first_is_last(&words))
		shmbus_shmif_repair(&tx->bus, 0);
	MUST(shmbus_shmif_load(&tx->bus, &state) == 0);
	words = shmbus_shmif_words(&tx->bus);
	MUST(!shmbus_shmif_first_is_last(&words));
	shmbus_shmif_unlock(&tx->bus, &tx->w.lock_wait, state.end);
	shmbus_shmif_reader_start(&rx->bus, &rx->r, 1);
	shmbus_shmif_begin(&tx->w, 1000);
	MUST(add(tx, 60));
	MUST(shmbus_shmif_send(&tx->bus, &tx->w) == 0);
	MUST(fetch(rx) == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { .at = data, .left = size };
	struct input changes = input_split(&in);

	begin(&in);
	unsteady_run(&in, &changes, writable, one_op, OPS, LOOKS_MAX);
	recover();
	unsteady_end();
	return 0;
}
