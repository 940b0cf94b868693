/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* shmbus dump: its options. The work is done in dump.c. */

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "dump.h"
#include "options.h"
#include "say.h"

#define SNAPLEN_MAX 262144

static int
take_format(const char *value, void *conf)
{
	struct dump_conf *c = conf;

	c->format = strcmp(value, "pcap") == 0 ? DUMP_PCAP : DUMP_PCAPNG;
	return c->format == DUMP_PCAP || strcmp(value, "pcapng") == 0 ? 0 : -EINVAL;
}

static int
take_new(const char *value, void *conf)
{
	struct dump_conf *c = conf;

	(void)value;
	c->follow = c->only_new = true;
	return 0;
}

static const struct option_entry options[] = {
	{ "write", 'w', "FILE", "write a capture to FILE (pcapng; FILE.pcap: pcap), - for stdout",
	  OPTION_TEXT(struct dump_conf, recorder.file), .expects = "the name of a file, or -" },
	{ "format", 'F', "FORMAT", "format of the capture: pcapng (default), or pcap (also FILE.pcap)",
	  .take = take_format, .expects = "pcapng or pcap" },
	{ "follow", 'f', NULL, "continue with new frames, until a signal",
	  .flag = offsetof(struct dump_conf, follow) },
	{ "new", 'n', NULL, "show new frames only, until a signal", .take = take_new },
	{ "keep-up", 'k', NULL, "take CPU time from other processes rather than miss frames",
	  .flag = offsetof(struct dump_conf, keep_up) },
	{ "count", 'c', "N", "end after N frames",
	  OPTION_U32(struct dump_conf, count, 1, UINT32_MAX), .expects = "a number, 1 or more" },
	{ "snaplen", 's', "BYTES", "write or print at most this much of a frame",
	  OPTION_U32(struct dump_conf, recorder.snaplen, 1, SNAPLEN_MAX),
	  .expects = "bytes, from 1 to 262144" },
	{ "no-tcpdump", 't', NULL, "print one line per frame, with the port's name, without tcpdump",
	  .flag = offsetof(struct dump_conf, no_tcpdump) },
	{ "ethernet", 'e', NULL, "as in tcpdump: print the Ethernet header, too",
	  .flag = offsetof(struct dump_conf, recorder.ethernet) },
	{ "verbose", 'v', NULL, "as in tcpdump: print more about each frame",
	  .flag = offsetof(struct dump_conf, recorder.verbose) },
	{ "hex", 'x', NULL, "as in tcpdump: print the bytes, too",
	  .flag = offsetof(struct dump_conf, recorder.hex) },
	{ "hex-ascii", 'X', NULL, "as in tcpdump: print the bytes, also as characters",
	  .flag = offsetof(struct dump_conf, recorder.hex_ascii) },
	{ .name = NULL },
};

static enum cmd_status
run(int n, char **operands, const void *c)
{
	const struct dump_conf *conf = c;
	struct filter filter;
	int ret;

	if (conf->format != DUMP_BY_NAME && conf->recorder.file == NULL) {
		say("--format chooses the format of a capture; expected --write FILE with it");
		return CMD_USAGE;
	}
	ret = filter_compile(&filter, n - 1, operands + 1);
	if (ret != 0)
		return ret == -EINVAL ? CMD_USAGE : CMD_FAILED;
	ret = dump(operands[0], conf, &filter);
	filter_free(&filter);
	return ret == 0 ? CMD_DONE : CMD_FAILED;
}

const struct cmd cmd_dump = {
	.name = "dump",
	.operands = "PATH [FILTER...]",
	.summary = "print or record the frames on a bus",
	.about = "Shows the frames that the bus PATH still holds, the oldest first, even if no port is\n"
		 "on it any more. FILTER is an expression of pcap-filter(7). If tcpdump is installed,\n"
		 "tcpdump prints the frames. Needs permission to read the file only, and does not\n"
		 "disturb the ports. Frames that arrive faster than dump reads them are missed; dump\n"
		 "reports how many.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = -1,
	.run = run,
	.defaults = &(const struct dump_conf){ .recorder.snaplen = SNAPLEN_MAX },
	.conf_size = sizeof(struct dump_conf),
};
