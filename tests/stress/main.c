/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Ports in full traffic that are killed, stopped and delayed, at every step of
 * the protocols; and the others, which must not notice. See docs/testing.rst.
 */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "board.h"
#include "crew.h"
#include "faults.h"
#include "rounds.h"
#include "scene.h"
#include "shmbus_clock.h"
#include "shmbus_format.h"
#include "steps.h"

struct options {
	enum stress_format format;
	uint64_t seconds;
	uint64_t seed;
	bool all_steps;
	bool lossless;
	uint64_t lane_size;
	bool steps; /* list them in the report */
};

static const char usage[] =
	"usage: stress [--format lanes|switch|shmif] [--seconds N] [--seed S] [--all-steps] [--report-steps]\n"
	"              [--lossless] [--lane-size BYTES]\n"
	"  --format         of the bus (default: lanes); switch: lanes, with frames for one port\n"
	"  --seconds        of faults by chance (default: 1, with SHMBUS_LONG=1 5)\n"
	"  --seed           of these chances (default: by the clock)\n"
	"  --all-steps      before that, kill a port at each step of the protocol\n"
	"  --lossless       all senders wait for slow readers for as long as it takes: no reader with a\n"
	"                   cursor misses a frame, also of a sender that is killed (lanes)\n"
	"  --lane-size      bytes of a ring (lanes; default: the smallest)\n"
	"  --report-steps   visits and kills of each step\n"
	"The bus is a file in $SHMBUS_TEST_DIR (default /dev/shm).\n";

static const char *const format_names[] = {
	[STRESS_LANES] = "lanes", [STRESS_SWITCH] = "switch", [STRESS_SHMIF] = "shmif",
};

static uint64_t
number(const char *what, const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (*text == '\0' || *text == '-' || *end != '\0') {
		fprintf(stderr, "stress: %s '%s': a number is needed\n", what, text);
		exit(2);
	}
	return n;
}

static enum stress_format
format_of(const char *name)
{
	unsigned int i;

	for (i = 0; i < sizeof(format_names) / sizeof(format_names[0]); i++)
		if (strcmp(name, format_names[i]) == 0)
			return i;
	fprintf(stderr, "stress: --format '%s': lanes, switch or shmif\n", name);
	exit(2);
}

static void
parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "seconds", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 's' },
		{ "all-steps", no_argument, NULL, 'a' },
		{ "lossless", no_argument, NULL, 'l' },
		{ "lane-size", required_argument, NULL, 'L' },
		{ "report-steps", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct options){
		.seconds = rounds(5, 1, NULL), .seed = shmbus_clock_real_ns() % 1000000,
		.lane_size = SHMBUS_LANE_SIZE_MIN,
	};
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'f':
			o->format = format_of(optarg);
			break;
		case 't':
			o->seconds = number("--seconds", optarg);
			break;
		case 's':
			o->seed = number("--seed", optarg);
			break;
		case 'a':
			o->all_steps = true;
			break;
		case 'l':
			o->lossless = true;
			break;
		case 'L':
			o->lane_size = number("--lane-size", optarg);
			break;
		case 'r':
			o->steps = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind != argc) {
		fprintf(stderr, "stress: '%s': no such argument\n%s", argv[optind], usage);
		exit(2);
	}
}

static void
report_steps(void)
{
	static const char *const kinds[] = { "", " (a look)", " (after damage)" };
	enum shmbus_step step;
	uint64_t visits;

	printf("%-24s %12s %8s\n", "step", "visits", "kills");
	for (step = 0; step < SHMBUS_STEP_COUNT; step++) {
		if (!step_is_of(step, board->format) || step_place(step) == PLACE_DRIVER)
			continue;
		visits = board_sum(offsetof(struct member, visits) + step * sizeof(shmbus_a64));
		printf("%-24s %12" PRIu64 " %8" PRIu64 "%s\n", step_name(step), visits,
		       crew.killed_at[step], kinds[step_kind(step)]);
	}
}

static void
line(const char *what, uint64_t n)
{
	printf("%-24s %12" PRIu64 "\n", what, n);
}

static void
report(const struct options *o)
{
	unsigned int i;

	if (o->steps)
		report_steps();
	line("frames sent", BOARD_SUM(sent));
	line("frames checked", BOARD_SUM(checked));
	line("frames missed", BOARD_SUM(missed));
	line("overruns", BOARD_SUM(overruns));
	line("kills at a step", crew.kills);
	line("kills at any instant", crew.kills_outside);
	line("stops", crew.stops);
	line("delays", BOARD_SUM(delays));
	line("restarts", crew.restarts);
	line("lives", BOARD_SUM(lives));
	line("take-overs", BOARD_SUM(took_over));
	line("waits for a slot", BOARD_SUM(slot_waits));
	line("other buses", crew.scenes);
	line("sleeps", BOARD_SUM(sleeps_slept));
	line("sleeps ended by a bell", BOARD_SUM(rung));
	line("sleeps for room, rung for", BOARD_SUM(room_rung));
	line("sleeps for room, late", BOARD_SUM(room_late));
	line("sleeps over a dead's data", BOARD_SUM(late));
	line("readers given up", BOARD_SUM(given_up));
	line("longest stop, ms", crew.longest_stop_ns / MS);
	line("longest hold-up, ms", BOARD_MAX(held_ns) / MS);
	if (o->format == STRESS_SHMIF) {
		line("  a lock whose holder runs", BOARD_MAX(held_by_ns[HOLDER_RUNS]) / MS);
		line("           is stopped", BOARD_MAX(held_by_ns[HOLDER_STOPPED]) / MS);
		line("           is dead", BOARD_MAX(held_by_ns[HOLDER_DEAD]) / MS);
	}
	for (i = 0; i < WRONG_COUNT; i++)
		line(board_wrong_name(i), shmbus_load(&board->wrong[i]));
	printf("%s: %s, %" PRIu64 " s, seed %" PRIu64 "\n", board_wrongs() == 0 ? "ok" : "FAILED",
	       format_names[o->format],
	       (shmbus_clock_mono_ns() - board->started_ns) / SECOND, o->seed);
}

int
main(int argc, char **argv)
{
	const char *dir = getenv("SHMBUS_TEST_DIR");
	const bool show = isatty(STDERR_FILENO);
	struct options o;
	char path[200];
	bool good;

	parse(argc, argv, &o);
	snprintf(path, sizeof(path), "%s/shmbus-stress.%d", dir != NULL ? dir : "/dev/shm",
		 (int)getpid());
	board_create(o.format, path, o.seed, o.lane_size, o.lossless);
	crew_start(o.seed);
	if (o.all_steps)
		faults_walk(show);
	crew_look_for_leaks();
	faults_run(o.seconds * SECOND, show);
	crew_look_for_leaks();
	crew_end();
	scene_probe(path);
	unlink(path);
	report(&o);
	good = board_wrongs() == 0;
	board_destroy();
	return good ? 0 : 1;
}
