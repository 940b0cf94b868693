/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <shmbus.h>

#include "options.h"
#include "say.h"

#define OPTIONS_MAX 32

/* The number of operands that options may follow. */
#define EARLY_MAX 4

/* What getopt returns for an option: its letter, or LONG_ONLY plus its index in the table. */
#define LONG_ONLY 256

/* ---- values */

/* Reads a decimal number. *rest: the text behind it. */
static int
number(const char *text, uint64_t *value, const char **rest)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &end, 10);
	*rest = end;
	return -errno;
}

int
options_u32(const char *text, uint32_t min, uint32_t max, uint32_t *value)
{
	const char *rest;
	uint64_t wide;

	if (number(text, &wide, &rest) != 0 || *rest != '\0' || wide < min || wide > max)
		return -EINVAL;
	*value = (uint32_t)wide;
	return 0;
}

static int
parse_size(const char *text, uint64_t *bytes)
{
	const char *units = "KMG";
	const char *rest, *unit;
	unsigned int shift = 0;

	if (number(text, bytes, &rest) != 0)
		return -EINVAL;
	if (*rest != '\0') {
		unit = strchr(units, *rest);
		if (unit == NULL || rest[1] != '\0')
			return -EINVAL;
		shift = 10 * (unsigned int)(unit - units + 1);
	}
	if (*bytes > UINT64_MAX >> shift || *bytes == 0)
		return -EINVAL;
	*bytes <<= shift;
	return 0;
}

int
options_seconds(const char *text, double min, double max, double *seconds)
{
	char *end;

	/* strtod accepts hexadecimal numbers, too. */
	if (text[0] < '0' || text[0] > '9' || strpbrk(text, "xX") != NULL)
		return -EINVAL;
	errno = 0;
	*seconds = strtod(text, &end);
	if (errno != 0 || *end != '\0' || !isfinite(*seconds) || *seconds < min || *seconds > max)
		return -EINVAL;
	return 0;
}

static int
parse_format(const char *text, uint32_t *format)
{
	if (strcmp(text, "lanes") == 0)
		*format = SHMBUS_FORMAT_LANES;
	else if (strcmp(text, "shmif") == 0)
		*format = SHMBUS_FORMAT_SHMIF;
	else
		return -EINVAL;
	return 0;
}

static int
parse_deliver(const char *text, uint32_t *deliver)
{
	if (strcmp(text, "hub") == 0)
		*deliver = SHMBUS_DELIVERY_HUB;
	else if (strcmp(text, "switch") == 0)
		*deliver = SHMBUS_DELIVERY_SWITCH;
	else
		return -EINVAL;
	return 0;
}

static int
parse_numa(const char *text, uint32_t *numa)
{
	uint32_t node;

	if (options_u32(text, 0, 1023, &node) != 0)
		return -EINVAL;
	*numa = SHMBUS_NUMA_NODE(node);
	return 0;
}

static int
parse_mode(const char *text, uint32_t *mode)
{
	unsigned long bits;
	char *end;

	if (text[0] < '0' || text[0] > '7')
		return -EINVAL;
	errno = 0;
	bits = strtoul(text, &end, 8);
	if (errno != 0 || *end != '\0' || bits == 0 || bits > 0777)
		return -EINVAL;
	*mode = (uint32_t)bits;
	return 0;
}

/* Parses the value of an option, and stores it in conf. Returns 0, or -EINVAL. */
static int
store(const struct option_entry *option, const char *value, void *conf)
{
	void *field = (char *)conf + option->field;

	switch (option->kind) {
	case OPTION_KIND_TEXT:
		*(const char **)field = value;
		return *value != '\0' ? 0 : -EINVAL;
	case OPTION_KIND_U32:
		return options_u32(value, (uint32_t)option->min, (uint32_t)option->max, field);
	case OPTION_KIND_SIZE:
		return parse_size(value, field);
	case OPTION_KIND_SECONDS:
		return options_seconds(value, option->min, option->max, field);
	case OPTION_KIND_FORMAT:
		return parse_format(value, field);
	case OPTION_KIND_MODE:
		return parse_mode(value, field);
	case OPTION_KIND_NUMA:
		return parse_numa(value, field);
	case OPTION_KIND_DELIVER:
		return parse_deliver(value, field);
	case OPTION_KIND_OTHER:
		break;
	}
	if (option->take != NULL)
		return option->take(value, conf);
	*(bool *)((char *)conf + option->flag) = true;
	return 0;
}

/* ---- command line */

static unsigned int
count(const struct option_entry *options)
{
	unsigned int n = 0;

	while (options[n].name != NULL)
		n++;
	return n;
}

/* Converts the table to the form that getopt_long(3) needs, with -h in front. */
static void
to_getopt(const struct option_entry *options, struct option *longs, char *letters)
{
	const unsigned int n = count(options);
	unsigned int i;

	*letters++ = '+'; /* operands behind the first may begin with a dash: a filter's may */
	*letters++ = ':';
	*letters++ = 'h';
	longs[0] = (struct option){ .name = "help", .val = 'h' };
	for (i = 0; i < n; i++) {
		longs[1 + i] = (struct option){
			.name = options[i].name,
			.has_arg = options[i].value != NULL ? required_argument : no_argument,
			.val = LONG_ONLY + (int)i,
		};
		if (options[i].letter == 0)
			continue;
		*letters++ = options[i].letter;
		if (options[i].value != NULL)
			*letters++ = ':';
	}
	*letters = '\0';
	longs[1 + n] = (struct option){ .name = NULL };
}

static const struct option_entry *
find(const struct option_entry *options, int got)
{
	if (got >= LONG_ONLY)
		return &options[got - LONG_ONLY];
	while (options->letter != got)
		options++;
	return options;
}

static int
refuse(const struct cmd *cmd)
{
	fprintf(stderr, "usage: %s [options] %s\n%s --help describes the options\n",
		say_speaker(), cmd->operands, say_speaker());
	return -2;
}

/* Handles one option that getopt returned. Returns 0, or a value for options_parse to return. */
static int
take(const struct cmd *cmd, int got, char **argv, void *conf)
{
	const struct option_entry *option;

	switch (got) {
	case 'h':
		options_help(cmd, stdout);
		return -1;
	case ':':
		say("%s needs a value", argv[optind - 1]);
		return refuse(cmd);
	case '?':
		/* getopt knows this option, so it is a switch with a value: "--help=3". */
		if (optopt == 'h' || optopt >= LONG_ONLY)
			say("'%s': this option takes no value", argv[optind - 1]);
		else if (optopt != 0)
			say("unknown option '-%c'", optopt);
		else
			say("unknown option '%s'", argv[optind - 1]);
		return refuse(cmd);
	}
	option = find(cmd->options, got);
	if (store(option, optarg, conf) == 0)
		return 0;
	say("--%s: '%s' is not right; expected %s", option->name, optarg, option->expects);
	return refuse(cmd);
}

/*
 * Options may follow operands, so that PATH can come first. If a command takes
 * any number of operands, options may follow the first operand only: the words of
 * a filter may begin with a dash, too.
 */
int
options_parse(const struct cmd *cmd, int argc, char **argv, void *conf)
{
	const int early_max = cmd->operands_max < 0 ? 1 :
			      cmd->operands_max < EARLY_MAX ? cmd->operands_max : EARLY_MAX;
	struct option longs[OPTIONS_MAX + 2];
	char letters[2 * OPTIONS_MAX + 4];
	char *early[EARLY_MAX];
	int n_early = 0;
	int got, ret, n;

	memcpy(conf, cmd->defaults, cmd->conf_size);
	to_getopt(cmd->options, longs, letters);
	optind = 0;
	opterr = 0;
	for (;;) {
		got = getopt_long(argc, argv, letters, longs, NULL);
		if (got == -1 && n_early < early_max && optind < argc &&
		    (optind == 0 || strcmp(argv[optind - 1], "--") != 0)) {
			early[n_early++] = argv[optind++];
			continue;
		}
		if (got == -1)
			break;
		ret = take(cmd, got, argv, conf);
		if (ret != 0)
			return ret;
	}
	n = argc - optind + n_early;
	memcpy(&argv[argc - n], early, (size_t)n_early * sizeof(early[0]));
	if (n < cmd->operands_min) {
		say("%s is missing", cmd->operands);
		return refuse(cmd);
	}
	if (cmd->operands_max >= 0 && n > cmd->operands_max) {
		say("'%s' is one operand too many", argv[argc - n + cmd->operands_max]);
		return refuse(cmd);
	}
	return n;
}

void
options_help(const struct cmd *cmd, FILE *out)
{
	const struct option_entry *option;
	char left[64];

	fprintf(out, "usage: %s [options] %s\n\n%s\noptions:\n", say_speaker(), cmd->operands,
		cmd->about);
	for (option = cmd->options; option->name != NULL; option++) {
		snprintf(left, sizeof(left), "--%s%s%s", option->name, option->value != NULL ? " " : "",
			 option->value != NULL ? option->value : "");
		if (option->letter != 0)
			fprintf(out, "  -%c, %-20s  %s\n", option->letter, left, option->help);
		else
			fprintf(out, "      %-20s  %s\n", left, option->help);
	}
	fprintf(out, "  -h, %-20s  %s\n", "--help", "print this help");
}
