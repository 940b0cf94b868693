/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef FINDINGS_H
#define FINDINGS_H

/* What is wrong with a bus: a list of words in its file, with what would be right. */

#include <stdbool.h>
#include <stdint.h>

/* The slot of what belongs to no port. */
#define FINDINGS_NOBODY UINT32_MAX

struct finding {
	uint64_t off;   /* in the file */
	uint64_t value; /* what is there */
	uint32_t slot;  /* whose it is to write, or FINDINGS_NOBODY */
	bool mended;
	char what[96];
	char right[96];
};

struct findings {
	struct finding *list;
	unsigned int n;
	unsigned int room;
	bool more; /* than were taken in */
};

/* A struct of the file, for what is found in it. */
struct place {
	uint64_t off;
	uint32_t slot;
	char name[64];
};

/* field_off counts from place->off. format: what would be right. f may be NULL: nobody listens. */
void findings_add(struct findings *f, const struct place *place, uint64_t field_off,
		  const char *field, uint64_t value, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* Bytes that are to be 0, as they are reserved. */
void findings_add_reserved(struct findings *f, const struct place *place, uint64_t field_off,
			   const void *bytes, unsigned int len);

bool findings_have(const struct findings *f, const struct finding *wanted);

/* Of those in f leave only what is in other, too. */
void findings_keep_common(struct findings *f, const struct findings *other);

void findings_free(struct findings *f);

#endif /* FINDINGS_H */
