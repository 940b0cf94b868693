/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CMD_H
#define CMD_H

/*
 * A subcommand, found through the table in main.c. A small subcommand is the file
 * NAME.c. A large one is the folder NAME, which begins in its cmd.c.
 *
 * Results go to stdout, messages and progress to stderr (say.h).
 */

/* What run returns, and the exit status of the process. */
enum cmd_status {
	CMD_DONE = 0,
	CMD_FAILED = 1,
	CMD_USAGE = 2,
};

struct option_entry; /* options.h */

struct cmd {
	const char *name;
	const char *operands; /* for the usage line: "PATH [FILTER...]" */
	const char *summary;  /* half a line, for the list of subcommands */
	const char *about;    /* a paragraph for the help; lines end in \n */
	const struct option_entry *options;
	int operands_min;
	int operands_max; /* -1: any number */
	/*
	 * Does the work. n is from operands_min to operands_max. conf is a copy of
	 * the defaults, changed by the options of the command line.
	 */
	enum cmd_status (*run)(int n, char **operands, const void *conf);
	const void *defaults; /* conf_size bytes; options change a copy of them */
	unsigned int conf_size;
};

extern const struct cmd cmd_bench;
extern const struct cmd cmd_check;
extern const struct cmd cmd_create;
extern const struct cmd cmd_dump;
extern const struct cmd cmd_gateway;
extern const struct cmd cmd_info;
extern const struct cmd cmd_replay;
extern const struct cmd cmd_stream;
extern const struct cmd cmd_tap;
extern const struct cmd cmd_top;

#endif /* CMD_H */
