/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef DUMP_H
#define DUMP_H

/* Frames from a bus into a capture or onto the terminal. */

#include <stdbool.h>
#include <stdint.h>

#include "filter.h"

enum dump_format {
	DUMP_BY_NAME, /* of the file: pcap if it ends so, else pcapng */
	DUMP_PCAPNG,
	DUMP_PCAP,
};

struct dump_conf {
	const char *file; /* NULL: print */
	enum dump_format format;
	bool follow;
	bool only_new;
	bool keep_up; /* see throttle.h */
	bool no_tcpdump;
	uint64_t count; /* 0: all */
	uint32_t snaplen;
	bool ethernet, verbose, hex, hex_ascii;
};

/* Until all is dumped, a signal comes (stop.h), or an error. 0 or -errno, and said why. */
int dump(const char *path, const struct dump_conf *conf, const struct filter *filter);

#endif /* DUMP_H */
