/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* shmbus check: compares a bus with its format, and mends a bus of format shmif. */

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <stddef.h>

#include "check.h"
#include "cmd.h"
#include "json.h"
#include "options.h"
#include "say.h"
#include "shmbus_shmif_open.h"

/* A finding counts if this many looks in a row have it; and the time between two looks. */
#define LOOKS 4
#define LOOKS_APART_NS (20 * 1000 * 1000)

#define BREAK_S 5.0
#define BREAK_MIN_S 0.1
#define BREAK_MAX_S 3600.0

struct conf {
	bool repair;
	bool json;
	double break_s;
};

static int
take_break(const char *value, void *conf)
{
	return options_seconds(value, BREAK_MIN_S, BREAK_MAX_S, &((struct conf *)conf)->break_s);
}

static const struct option_entry options[] = {
	{ "repair", 'r', NULL, "shmif: mend the file's size, the lock and the ring",
	  .flag = offsetof(struct conf, repair) },
	{ "lock-break", 'b', "SECONDS",
	  "shmif: break a lock of NetBSD's after this time without movement (default 5)",
	  .take = take_break,
	  .expects = "seconds from 0.1 to 3600" },
	{ "json", 'j', NULL, "print JSON, for programs",
	  .flag = offsetof(struct conf, json) },
	{ .name = NULL },
};

/* Collects the findings of the first look that all later looks confirm. */
static int
look(const char *path, bool shmif, struct findings *f)
{
	const struct timespec nap = { .tv_nsec = LOOKS_APART_NS };
	struct findings again;
	struct shmbus_error e;
	unsigned int i;
	int ret = 0;

	memset(f, 0, sizeof(*f));
	for (i = 0; i < LOOKS && (i == 0 || f->n != 0) && ret == 0; i++) {
		memset(&again, 0, sizeof(again));
		ret = shmif ? check_shmif_look(path, i != 0, &again, &e) :
			      check_lanes_look(path, &again, &e);
		if (i == 0) {
			*f = again;
		} else {
			findings_keep_common(f, &again);
			findings_free(&again);
		}
		if (f->n != 0 && i + 1 < LOOKS)
			nanosleep(&nap, NULL);
	}
	if (ret != 0) {
		say("%s", e.text);
		findings_free(f);
	}
	return ret;
}

static int
mend(const char *path, const struct conf *conf)
{
	struct shmbus_error e;
	int ret;

	ret = check_shmif_mend(path, (uint64_t)(conf->break_s * 1e9), &e);
	if (ret != 0)
		say("%s", e.text);
	return ret;
}

static void
refuse_repair(const char *path)
{
	say("path=%s: --repair is for format shmif, and this is a lanes bus, which was not changed; "
	    "the next port that takes over a damaged slot puts the slot in order, and for other "
	    "damage stop all ports, move the file away, and make a new bus with shmbus create", path);
}

/* Prints what ends the damage of a lanes bus. */
static void
print_remedy(const struct findings *f)
{
	unsigned int i = 0;

	while (i < f->n && f->list[i].slot != FINDINGS_NOBODY)
		i++;
	puts(i == f->n ?
	     "The next port that takes over a damaged slot puts the slot in order as it sends." :
	     "Not all of this belongs to a slot: stop all ports, move the file away, and make a "
	     "new bus with shmbus create.");
}

static void
print_value(uint64_t value)
{
	printf("%" PRIu64, value);
	if (value > 9)
		printf(" (0x%" PRIx64 ")", value);
}

static void
print(const char *path, bool shmif, const struct findings *f, unsigned int wrong,
      const struct conf *conf)
{
	const struct finding *found;
	unsigned int i;

	for (i = 0; i < f->n; i++) {
		found = &f->list[i];
		printf("offset %" PRIu64 ": %s is ", found->off, found->what);
		print_value(found->value);
		printf("; right would be %s%s\n", found->right,
		       found->mended ? " [mended]" : conf->repair ? " [not mended]" : "");
	}
	if (f->more)
		puts("... and more");
	if (f->n == 0)
		printf("%s: nothing is wrong\n", path);
	else if (wrong == 0)
		printf("%s: %u wrong, all mended\n", path, f->n);
	else if (conf->repair)
		printf("%s: %u wrong, %u mended\n", path, f->n, f->n - wrong);
	else
		printf("%s: %u wrong\n", path, f->n);
	if (f->n != 0 && !shmif)
		print_remedy(f);
}

static enum cmd_status
print_json(const char *path, bool shmif, const struct findings *f, unsigned int wrong)
{
	json_t *list = json_array();
	const struct finding *found;
	json_t *top, *entry;
	char value[24];
	unsigned int i;

	top = json_pack("{s:o, s:s, s:I, s:b, s:o}", "path", json_text(path), "format",
			shmif ? "shmif" : "lanes", "wrong", (json_int_t)wrong, "more", f->more,
			"findings", list);
	if (top == NULL)
		goto err;
	for (i = 0; i < f->n; i++) {
		found = &f->list[i];
		/* As text: it may need all 64 bits, and json_number() has fewer. */
		snprintf(value, sizeof(value), "%" PRIu64, found->value);
		entry = json_pack("{s:I, s:s, s:s, s:s, s:b}", "offset", json_number(found->off),
				  "what", found->what, "value", value, "right", found->right,
				  "mended", found->mended);
		if (entry != NULL && found->slot != FINDINGS_NOBODY &&
		    json_object_set_new(entry, "slot", json_integer(found->slot)) != 0)
			goto err;
		if (json_array_append_new(list, entry) != 0)
			goto err;
	}
	json_print(top, JSON_INDENT(2));
	json_decref(top);
	return CMD_DONE;

err:
	say("path=%s: out of memory", path);
	json_decref(top);
	return CMD_FAILED;
}

/*
 * Marks as mended each earlier finding that the later look does not have. Returns
 * the number of faults that the later look found, old and new.
 */
static unsigned int
compare(struct findings *before, const struct findings *after)
{
	unsigned int i;

	for (i = 0; i < before->n; i++)
		before->list[i].mended = !findings_have(after, &before->list[i]);
	return after->n;
}

static enum cmd_status
run(int n, char **operands, const void *c)
{
	const char *path = operands[0];
	const bool shmif = shmbus_shmif_recognise(path);
	const struct conf *conf = c;
	enum cmd_status status;
	struct findings f, after;
	unsigned int wrong;
	bool failed = false;

	(void)n;
	/* Before --repair is refused: this finds out whether the file is a bus at all. */
	if (look(path, shmif, &f) != 0)
		return CMD_FAILED;
	if (conf->repair && !shmif) {
		refuse_repair(path);
		findings_free(&f);
		return CMD_USAGE;
	}
	wrong = f.n;
	/* Also if nothing is wrong: a look skips the records if the writers are too fast. */
	if (conf->repair)
		failed = mend(path, conf) != 0;
	if (conf->repair && !failed) {
		if (look(path, shmif, &after) != 0) {
			findings_free(&f);
			return CMD_FAILED;
		}
		wrong = compare(&f, &after);
		if (wrong != 0 && f.n == 0) {
			findings_free(&f);
			f = after;
		} else {
			findings_free(&after);
		}
	}
	status = wrong == 0 && !failed ? CMD_DONE : CMD_FAILED;
	if (conf->json) {
		if (print_json(path, shmif, &f, wrong) != CMD_DONE)
			status = CMD_FAILED;
	} else {
		print(path, shmif, &f, wrong, conf);
	}
	findings_free(&f);
	return status;
}

const struct cmd cmd_check = {
	.name = "check",
	.operands = "PATH",
	.summary = "check a bus for damage",
	.about = "Compares the bus PATH with its format. Each deviation is printed with its offset in\n"
		 "the file, the value found there, and what would be right. The bus may be in use.\n"
		 "Without --repair nothing is changed. A bus of format lanes needs no repair: the next\n"
		 "port that takes over a damaged slot puts the slot in order.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
	.defaults = &(const struct conf){ .break_s = BREAK_S },
	.conf_size = sizeof(struct conf),
};
