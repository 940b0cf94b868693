/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "findings.h"

/* A report with more findings than this helps nobody. */
#define FINDINGS_MAX 1000

static struct finding *
next(struct findings *f)
{
	struct finding *list;
	unsigned int room;

	if (f->n == f->room && f->n < FINDINGS_MAX) {
		room = f->room != 0 ? 2 * f->room : 16;
		list = realloc(f->list, room * sizeof(*list));
		if (list != NULL) {
			f->list = list;
			f->room = room;
		}
	}
	if (f->n == f->room || f->n == FINDINGS_MAX) {
		f->more = true;
		return NULL;
	}
	memset(&f->list[f->n], 0, sizeof(f->list[f->n]));
	return &f->list[f->n++];
}

void
findings_add(struct findings *f, const struct place *place, uint64_t field_off, const char *field,
	     uint64_t value, const char *format, ...)
{
	struct finding *found = f != NULL ? next(f) : NULL;
	va_list args;

	if (found == NULL)
		return;
	found->off = place->off + field_off;
	found->value = value;
	found->slot = place->slot;
	snprintf(found->what, sizeof(found->what), "%s: %s", place->name, field);
	va_start(args, format);
	vsnprintf(found->right, sizeof(found->right), format, args);
	va_end(args);
}

void
findings_add_reserved(struct findings *f, const struct place *place, uint64_t field_off,
		      const void *bytes, unsigned int len)
{
	const uint8_t *b = bytes;
	unsigned int i;

	for (i = 0; i < len; i++) {
		if (b[i] != 0) {
			findings_add(f, place, field_off + i, "reserved byte", b[i], "0");
			return;
		}
	}
}

bool
findings_have(const struct findings *f, const struct finding *wanted)
{
	unsigned int i;

	for (i = 0; i < f->n; i++)
		if (f->list[i].off == wanted->off && strcmp(f->list[i].what, wanted->what) == 0)
			return true;
	return false;
}

void
findings_keep_common(struct findings *f, const struct findings *other)
{
	unsigned int i, kept = 0;

	for (i = 0; i < f->n; i++)
		if (findings_have(other, &f->list[i]))
			f->list[kept++] = f->list[i];
	f->n = kept;
}

void
findings_free(struct findings *f)
{
	free(f->list);
	memset(f, 0, sizeof(*f));
}
