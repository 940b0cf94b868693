/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef OPTIONS_H
#define OPTIONS_H

/*
 * The options of a subcommand are listed in one table. The command line is
 * parsed by this table, and the help is printed from it.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd.h"

struct option_entry {
	const char *name;  /* the long form, without its dashes; NULL ends a table */
	char letter;	   /* the short form, or 0 */
	const char *value; /* the name of its value in the help; NULL: a switch */
	const char *help;  /* one line */
	/* Stores value (NULL for a switch) in conf. Returns 0, or -EINVAL. NULL: see flag. */
	int (*take)(const char *value, void *conf);
	const char *expects; /* a description of valid values, for errors; NULL: a switch */
	size_t flag;	     /* the offset in conf of the bool that a switch without take sets */
};

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
/* Bytes: a decimal number, which may end in K, M or G (powers of 1024). */
int options_size(const char *text, uint64_t min, uint64_t max, uint64_t *bytes);
/* Seconds: a decimal number with or without a fraction. */
int options_seconds(const char *text, double min, double max, double *seconds);

/* "lanes" or "shmif": enum shmbus_format. */
int options_format(const char *text, uint32_t *format);
/* The number of a NUMA node, in the form of shmbus_conf's numa. */
int options_numa(const char *text, uint32_t *numa);
#define OPTIONS_NUMA_EXPECTS "the number of a node, from 0 to 1023"

/* Permission bits in octal, at most 0777. */
int options_mode(const char *text, uint32_t *mode);

#endif /* OPTIONS_H */
