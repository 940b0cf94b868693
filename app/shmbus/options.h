/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef OPTIONS_H
#define OPTIONS_H

/*
 * The options of a subcommand stand in one table: it is what the command line
 * is read by, and what the help is printed from.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd.h"

struct option_entry {
	const char *name;  /* the long form, without its dashes; NULL ends a table */
	char letter;	   /* the short form, or 0 */
	const char *value; /* what the help calls its value; NULL: a switch */
	const char *help;  /* one line */
	/* Put value (NULL for a switch) into conf. 0, or -EINVAL. NULL: see flag. */
	int (*take)(const char *value, void *conf);
	const char *expects; /* what would have been right, after "expected"; NULL: a switch */
	size_t flag;	     /* where in conf the bool is that a switch without take sets */
};

/*
 * Read a command line. argv[0] is the subcommand's name.
 * conf: of cmd->conf_size bytes; begins as the defaults.
 * Gives the number of operands, which then stand at the end of argv, from
 * argv[argc - n] on; or -1 after --help (printed to stdout), -2 after an error
 * (told on stderr).
 */
int options_parse(const struct cmd *cmd, int argc, char **argv, void *conf);

void options_help(const struct cmd *cmd, FILE *out);

/*
 * Values. Each: 0, or -EINVAL if the text is anything else than one such value
 * from min to max.
 */
int options_u32(const char *text, uint32_t min, uint32_t max, uint32_t *number);
/* Bytes: a decimal number, which may end in K, M or G (of 1024). */
int options_size(const char *text, uint64_t min, uint64_t max, uint64_t *bytes);
/* Seconds: a decimal number with or without a fraction. */
int options_seconds(const char *text, double min, double max, double *seconds);

/* lanes or shmif, as enum shmbus_format. */
int options_format(const char *text, uint32_t *format);
/* The number of a NUMA node, as shmbus_conf has it. */
int options_numa(const char *text, uint32_t *numa);
#define OPTIONS_NUMA_EXPECTS "the number of a node, from 0 to 1023"

/* Permission bits in octal, at most 0777. */
int options_mode(const char *text, uint32_t *mode);

#endif /* OPTIONS_H */
