/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * shmbus(1): inspects a bus, records its frames, replays frames onto it, and
 * joins it to the kernel, without DPDK. Each subcommand is a file or a folder of
 * its own; this file finds the subcommand and runs it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "options.h"
#include "say.h"

static const struct cmd *const cmds[] = {
	&cmd_create,
	&cmd_info,
	&cmd_tap,
	&cmd_stream,
	&cmd_gateway,
	&cmd_top,
	&cmd_check,
	&cmd_bench,
	&cmd_dump,
	&cmd_replay,
};

#define N_CMDS (sizeof(cmds) / sizeof(cmds[0]))

static void
print_usage(FILE *out)
{
	unsigned int i;

	fputs("usage: shmbus COMMAND PATH [options]\n\n"
	      "PATH is the file that is the bus.\n\n"
	      "commands:\n", out);
	for (i = 0; i < N_CMDS; i++)
		fprintf(out, "  %-8s  %s\n", cmds[i]->name, cmds[i]->summary);
	fputs("\nshmbus COMMAND --help describes a command; shmbus --version prints the version.\n"
	      "Exit status: 0 done, 1 failed or stopped before the end, 2 wrong usage.\n", out);
}

static const struct cmd *
find(const char *name)
{
	unsigned int i;

	for (i = 0; i < N_CMDS; i++)
		if (strcmp(cmds[i]->name, name) == 0)
			return cmds[i];
	return NULL;
}

/*
 * Writes what stdout still buffers. Returns status, or CMD_FAILED if a write has
 * failed: stdout is buffered, so a full disk may be noticed only here.
 */
static int
end_output(enum cmd_status status)
{
	if (say_flush() != 0)
		return CMD_FAILED;
	if (!ferror(stdout))
		return status;
	/* A command that has failed has reported the reason. */
	if (status == CMD_DONE)
		say("cannot write all of the output to stdout");
	return CMD_FAILED;
}

static enum cmd_status
run(const struct cmd *cmd, int argc, char **argv)
{
	enum cmd_status status;
	void *conf;
	int n;

	say_as(cmd->name);
	conf = malloc(cmd->conf_size);
	if (conf == NULL) {
		say_no_memory();
		return CMD_FAILED;
	}
	n = options_parse(cmd, argc, argv, conf);
	if (n < 0)
		status = n == -1 ? CMD_DONE : CMD_USAGE;
	else
		status = cmd->run(n, argv + argc - n, conf);
	free(conf);
	return status;
}

int
main(int argc, char **argv)
{
	const struct cmd *cmd;

	if (argc < 2) {
		print_usage(stderr);
		return CMD_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return end_output(CMD_DONE);
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("shmbus " COMMAND_VERSION);
		return end_output(CMD_DONE);
	}
	cmd = find(argv[1]);
	if (cmd == NULL) {
		say("unknown command '%s'", argv[1]);
		print_usage(stderr);
		return CMD_USAGE;
	}
	return end_output(run(cmd, argc - 1, argv + 1));
}
