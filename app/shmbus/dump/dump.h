/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef DUMP_H
#define DUMP_H

/* Writes frames from a bus to a capture or to the terminal. */

#include <stdbool.h>
#include <stdint.h>

#include "filter.h"
#include "recorder.h"

enum dump_format {
	DUMP_BY_NAME, /* pcap if the name of the file ends in .pcap, else pcapng */
	DUMP_PCAPNG,
	DUMP_PCAP,
};

struct dump_conf {
	struct recorder_conf recorder; /* without kind and bus; file: NULL: print */
	enum dump_format format;
	bool follow;
	bool only_new;
	bool keep_up; /* see throttle.h */
	bool no_tcpdump;
	uint32_t count; /* 0: all */
};

/*
 * Dumps until everything is dumped, a signal comes (stop.h), or an error occurs.
 * Returns 0, or -errno after a message.
 */
int dump(const char *path, const struct dump_conf *conf, const struct filter *filter);

#endif /* DUMP_H */
