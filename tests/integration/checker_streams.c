/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <inttypes.h>

#include "checker_streams.h"

static struct stream streams[UINT16_MAX + 1];

bool
streams_take(uint16_t id, uint32_t seq)
{
	struct stream *s = &streams[id];

	if (s->frames == 0) {
		s->first = seq;
		s->next = seq;
	}
	s->frames++;
	if (seq < s->next) {
		s->stale++;
		return false;
	}
	s->next = seq + 1;
	return true;
}

uint64_t
streams_missing(void)
{
	uint64_t missing = 0;
	unsigned int i;

	for (i = 0; i <= UINT16_MAX; i++)
		missing += streams[i].next - streams[i].first -
			   (streams[i].frames - streams[i].stale);
	return missing;
}

static void
print(FILE *out, unsigned int id, const char *comma)
{
	const struct stream *s = &streams[id];

	fprintf(out, "%s{\"id\": %u, \"frames\": %" PRIu64 ", \"stale\": %" PRIu64
		", \"first\": %" PRIu32 ", \"next\": %" PRIu32 "}",
		comma, id, s->frames, s->stale, s->first, s->next);
}

void
streams_print(FILE *out, const uint16_t *ids, unsigned int n)
{
	const char *comma = "";
	unsigned int i;

	fprintf(out, "[");
	for (i = 0; ids != NULL && i < n; i++, comma = ", ")
		print(out, ids[i], comma);
	for (i = 0; ids == NULL && i <= UINT16_MAX; i++) {
		if (streams[i].frames != 0) {
			print(out, i, comma);
			comma = ", ";
		}
	}
	fprintf(out, "]");
}
