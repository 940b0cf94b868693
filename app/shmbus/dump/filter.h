/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef FILTER_H
#define FILTER_H

/* Filters Ethernet frames by an expression of pcap-filter(7). */

#include <stdbool.h>
#include <stdint.h>

#include <pcap/pcap.h>

struct filter {
	bool all; /* there is no expression */
	struct bpf_program program;
};

/*
 * Compiles the words of an expression. Without words every frame matches. Returns
 * 0, or -errno after a message; -EINVAL if the expression is wrong.
 */
int filter_compile(struct filter *filter, int n, char **words);
void filter_free(struct filter *filter);

/* Returns whether a frame of len bytes, of which room are there or more, matches the filter. */
bool filter_match(const struct filter *filter, const uint8_t *frame, uint32_t room, uint32_t len);

#endif /* FILTER_H */
