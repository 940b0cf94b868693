/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef FINDINGS_H
#define FINDINGS_H

/* A list of what is wrong with a bus: places in its file, and what would be right there. */

#include <stdbool.h>
#include <stdint.h>

/* The slot of a finding that belongs to no port. */
#define FINDINGS_NOBODY UINT32_MAX

struct finding {
	uint64_t off;   /* in the file */
	uint64_t value; /* found there */
	uint32_t slot;  /* the owner of this slot may write it; or FINDINGS_NOBODY */
	bool mended;
	char what[96];  /* the name of the field */
	char right[96]; /* the values that would be right */
};

struct findings {
	struct finding *list;
	unsigned int n;
	unsigned int room;
	bool more; /* the list is full: some findings are not in it */
};

/* A struct in the file. Findings in it are named after it. */
struct place {
	uint64_t off;
	uint32_t slot;
	char name[64];
};

/*
 * Adds a finding. field_off counts from place->off. format: the values that would
 * be right. If f is NULL, nothing is recorded.
 */
void findings_add(struct findings *f, const struct place *place, uint64_t field_off,
		  const char *field, uint64_t value, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* Adds a finding if one of these reserved bytes is not 0. Called as FINDINGS_RESERVED. */
void findings_add_reserved(struct findings *f, const struct place *place, uint64_t field_off,
			   const void *bytes, unsigned int len);

/* The same for a reserved field of the struct at place; p points to the struct or a copy. */
#define FINDINGS_RESERVED(f, place, p, field) \
	findings_add_reserved(f, place, (uintptr_t)&(p)->field - (uintptr_t)(p), &(p)->field, \
			      sizeof((p)->field))

/* Returns whether the list has a finding for the same field at the same offset. */
bool findings_have(const struct findings *f, const struct finding *wanted);

/* Removes from f the findings that are not in other. */
void findings_keep_common(struct findings *f, const struct findings *other);

void findings_free(struct findings *f);

#endif /* FINDINGS_H */
