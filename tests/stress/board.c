/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "board.h"
#include "shmbus_clock.h"

/* What goes wrong once often goes wrong a thousand times. */
#define TOLD_MAX 20

struct board *board;

void
board_create(enum stress_format format, const char *path, uint64_t seed, uint64_t lane_size,
	     bool lossless)
{
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (board == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	snprintf(board->path, sizeof(board->path), "%s", path);
	board->format = format;
	board->seed = seed;
	board->lane_size = lane_size;
	board->lossless = lossless;
	board->pause_ns = lossless ? 2 * PATIENCE : 300 * MS;
	board->started_ns = shmbus_clock_mono_ns();
}

void
board_destroy(void)
{
	munmap(board, sizeof(*board));
	board = NULL;
}

static const char *const wrong_names[WRONG_COUNT] = {
	[WRONG_TORN] = "torn",
	[WRONG_DUPLICATED] = "duplicated",
	[WRONG_MISORDERED] = "misordered",
	[WRONG_UNACCOUNTED] = "unaccounted",
	[WRONG_OVERWRITTEN] = "overwritten",
	[WRONG_LOST_WAKEUP] = "lost wake-ups",
	[WRONG_LEAK] = "leaks",
	[WRONG_HANG] = "hangs",
	[WRONG_UNREACHED] = "steps not reached",
	[WRONG_OTHER] = "other",
};

const char *
board_wrong_name(enum wrong what)
{
	return wrong_names[what];
}

static void __attribute__((format(printf, 2, 0)))
tell(const char *what, const char *format, va_list args)
{
	char text[512];

	if (shmbus_add(&board->told, 1) >= TOLD_MAX)
		return;
	vsnprintf(text, sizeof(text), format, args);
	fprintf(stderr, "stress: seed %llu, process %d, %s: %s\n", (unsigned long long)board->seed,
		(int)getpid(), what, text);
}

void
board_wrong(enum wrong what, const char *format, ...)
{
	va_list args;

	shmbus_add(&board->wrong[what], 1);
	va_start(args, format);
	tell(wrong_names[what], format, args);
	va_end(args);
}

void
board_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell("note", format, args);
	va_end(args);
}

uint64_t
board_wrongs(void)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < WRONG_COUNT; i++)
		sum += shmbus_load(&board->wrong[i]);
	return sum;
}

static uint64_t
count_of(unsigned int i, size_t offset)
{
	return shmbus_load((shmbus_a64 *)(void *)((uint8_t *)&board->members[i] + offset));
}

uint64_t
board_sum(size_t offset)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < PLACES; i++)
		sum += count_of(i, offset);
	return sum;
}

uint64_t
board_max(size_t offset)
{
	uint64_t max = 0;
	unsigned int i;

	for (i = 0; i < PLACES; i++)
		if (count_of(i, offset) > max)
			max = count_of(i, offset);
	return max;
}

void
order_give(struct member *m, enum fault fault, enum shmbus_step step, uint32_t visit)
{
	shmbus_store(&m->order, (uint64_t)fault << 56 | (uint64_t)step << 32 | visit);
}

struct order
order_read(uint64_t word)
{
	return (struct order){
		.fault = (enum fault)(word >> 56),
		.step = (enum shmbus_step)((word >> 32) & 0xffffff),
		.visit = (uint32_t)word,
	};
}
