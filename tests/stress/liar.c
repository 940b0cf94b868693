/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * liar: map a bus, and write into it what no honest port would, until the
 * standard input ends.
 *
 * Theory of operation
 *
 *   own   it is a port, and lies in what is its own to write: its entry, its
 *         lanes, its cursors, its change counter. Others must not suffer.
 *   any   it writes anywhere. All share one mapping, so frames get lost; but
 *         nobody crashes, and when it has stopped they find their way again.
 */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "liar.h"
#include "shmbus_shmif_open.h"

/* Lies between two looks at the standard input. */
#define LOOK_EVERY 256

uint64_t
liar_below(struct liar *l, uint64_t limit)
{
	uint64_t z = l->luck += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return limit == 0 ? z : z % limit;
}

static uint64_t
other_value(struct liar *l, uint64_t value, uint64_t step)
{
	static uint64_t kept[16]; /* what was seen elsewhere */
	uint64_t *keep = &kept[liar_below(l, 16)];
	const uint64_t seen = *keep;

	*keep = value;
	switch (liar_below(l, 12)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return value + 1;
	case 3:
		return value - 1;
	case 4:
		return value + step;
	case 5:
		return value - step;
	case 6:
		return value + 64 * liar_below(l, step / 32 + 1) - step;
	case 7:
		return value ^ UINT64_C(1) << liar_below(l, 64);
	case 8:
		return UINT64_MAX - liar_below(l, 2 * step + 1);
	case 9:
		return seen;
	case 10:
		return liar_below(l, 4096);
	default:
		return liar_below(l, 0);
	}
}

void
liar_lie(struct liar *l, void *word, size_t size, uint64_t step)
{
	uint64_t value = 0;

	memcpy(&value, word, size);
	value = other_value(l, value, step);
	memcpy(word, &value, size);
	l->lies++;
}

bool
liar_wants(struct liar *l, const char *field)
{
	return l->only == NULL || strcmp(l->only, field) == 0;
}

static bool
told_to_stop(void)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&in, 1, 0) != 0;
}

static void
usage(void)
{
	fprintf(stderr,
		"usage: liar own|any PATH [SEED [PAUSE_US [FIELD]]]\n"
		"  SEED      of what is written (1)\n"
		"  PAUSE_US  between two lies; 0: at full speed (0)\n"
		"  FIELD     of lanes: entry, lane, record, cursor, roster, bell, header;\n"
		"            of shmif: header, lock, record\n"
		"Lies until its standard input ends, or there is something to read.\n");
}

int
main(int argc, char **argv)
{
	struct liar l = { .luck = 1 };
	const struct liar_kind *kind;
	struct timespec nap = { .tv_sec = 0 };
	unsigned long us = 0;
	uint64_t i;

	if (argc < 3 || (strcmp(argv[1], "own") != 0 && strcmp(argv[1], "any") != 0)) {
		usage();
		return 2;
	}
	l.any = strcmp(argv[1], "any") == 0;
	l.path = argv[2];
	if (argc > 3)
		l.luck = strtoull(argv[3], NULL, 10);
	if (argc > 4)
		us = strtoul(argv[4], NULL, 10);
	if (argc > 5)
		l.only = argv[5];
	nap.tv_sec = (time_t)(us / 1000000);
	nap.tv_nsec = (long)(us % 1000000 * 1000);
	kind = shmbus_shmif_recognise(l.path) ? &liar_shmif : &liar_lanes;
	if (!kind->start(&l))
		return 1;
	printf("lying\n");
	fflush(stdout);
	for (i = 0; us != 0 || i % LOOK_EVERY != 0 || !told_to_stop(); i++) {
		if (us != 0 && told_to_stop())
			break;
		kind->lie(&l);
		if (us != 0)
			nanosleep(&nap, NULL);
	}
	kind->stop(&l);
	printf("{\"lies\": %llu}\n", (unsigned long long)l.lies);
	return 0;
}
