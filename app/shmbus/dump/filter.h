/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef FILTER_H
#define FILTER_H

/* A filter in the language of pcap-filter(7), for Ethernet frames. */

#include <stdbool.h>
#include <stdint.h>

#include <pcap/pcap.h>

struct filter {
	bool all; /* there is no expression */
	struct bpf_program program;
};

/* The words of an expression; none: everything matches. 0, or -EINVAL, and said why. */
int filter_compile(struct filter *filter, int n, char **words);
void filter_free(struct filter *filter);

bool filter_match(const struct filter *filter, const uint8_t *frame, uint32_t len);

#endif /* FILTER_H */
