/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef OPTIONS_H
#define OPTIONS_H

/*
 * The options of a subcommand are listed in one table. The command line is
 * parsed by this table, and the help is printed from it.
 *
 * An entry begins with name, letter, value and help. A macro OPTION_...() follows,
 * which names the field of conf that the option sets; or take and expects.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd.h"

enum option_kind {
	OPTION_KIND_OTHER, /* see take and flag */
	OPTION_KIND_TEXT,
	OPTION_KIND_U32,
	OPTION_KIND_SIZE,
	OPTION_KIND_SECONDS,
	OPTION_KIND_FORMAT,
	OPTION_KIND_MODE,
	OPTION_KIND_NUMA,
	OPTION_KIND_DELIVER,
};

struct option_entry {
	const char *name;  /* the long form, without its dashes; NULL ends a table */
	char letter;	   /* the short form, or 0 */
	const char *value; /* the name of its value in the help; NULL: a switch */
	const char *help;  /* one line */
	/* Stores value (NULL for a switch) in conf. Returns 0, or -EINVAL. NULL: see flag. */
	int (*take)(const char *value, void *conf);
	const char *expects; /* a description of valid values, for errors; NULL: a switch */
	size_t flag;	     /* the offset in conf of the bool that a switch without take sets */
	enum option_kind kind;
	size_t field;	 /* the offset in conf of the field that an option with a kind sets */
	double min, max; /* U32, SECONDS */
};

/* Returns the offset of a field. A field that does not have the C type is a compile error. */
#define OPTION_FIELD(conf, member, c_type) \
	_Generic(&((conf *)NULL)->member, c_type *: offsetof(conf, member))

#define OPTION_TEXT(conf, member) \
	.kind = OPTION_KIND_TEXT, .field = OPTION_FIELD(conf, member, const char *)
#define OPTION_U32(conf, member, from, to) \
	.kind = OPTION_KIND_U32, .field = OPTION_FIELD(conf, member, uint32_t), .min = from, .max = to
#define OPTION_SECONDS(conf, member, from, to) \
	.kind = OPTION_KIND_SECONDS, .field = OPTION_FIELD(conf, member, double), \
	.min = from, .max = to
/* Bytes: a decimal number, which may end in K, M or G (powers of 1024). */
#define OPTION_SIZE(conf, member) \
	.kind = OPTION_KIND_SIZE, .field = OPTION_FIELD(conf, member, uint64_t), \
	.expects = "a power of two of bytes, which may end in K, M or G"
/* enum shmbus_format */
#define OPTION_FORMAT(conf, member) \
	.kind = OPTION_KIND_FORMAT, .field = OPTION_FIELD(conf, member, uint32_t), \
	.expects = "lanes or shmif"
/* Permission bits. */
#define OPTION_MODE(conf, member) \
	.kind = OPTION_KIND_MODE, .field = OPTION_FIELD(conf, member, uint32_t), \
	.expects = "permission bits in octal, as 0600 or 0660"
/* enum shmbus_delivery */
#define OPTION_DELIVER(conf, member) \
	.kind = OPTION_KIND_DELIVER, .field = OPTION_FIELD(conf, member, uint32_t), \
	.expects = "hub or switch"
/* The number of a NUMA node, in the form of shmbus_conf's numa. */
#define OPTION_NUMA(conf, member) \
	.kind = OPTION_KIND_NUMA, .field = OPTION_FIELD(conf, member, uint32_t), \
	.expects = "the number of a node, from 0 to 1023"

/*
 * Parses a command line. argv[0] is the subcommand's name. conf has room for
 * cmd->conf_size bytes; it is filled with the defaults first.
 *
 * Returns n, the number of operands, and moves the operands to the end of argv:
 * the first is argv[argc - n]. Returns -1 after --help, which is printed to
 * stdout, and -2 after an error, which is reported on stderr.
 */
int options_parse(const struct cmd *cmd, int argc, char **argv, void *conf);

/* Prints the help of a subcommand. */
void options_help(const struct cmd *cmd, FILE *out);

/*
 * Each of the following parses one value. It returns 0, or -EINVAL if the text
 * is not exactly one value from min to max.
 */
int options_u32(const char *text, uint32_t min, uint32_t max, uint32_t *number);
/* Seconds: a decimal number with or without a fraction. */
int options_seconds(const char *text, double min, double max, double *seconds);

#endif /* OPTIONS_H */
