/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_PATTERN_H
#define SHMBUS_PATTERN_H

/*
 * The patterns of rules.
 *
 * Theory of operation
 *
 * A pattern has two halves: the form, which says what bytes of a frame a rule looks at
 * (its headers, and their masks), and the key, which are the values of these bytes. A
 * frame has the key of a form, or does not fit the form. It matches a rule if it fits
 * the rule's form and the keys are equal. So rules of one form can be looked up by
 * their keys.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_mbuf_ptype.h>

#include "shmbus_headers.h"
#include "shmbus_index.h"

/* Headers that a rule can match. */
enum shmbus_pattern_layer {
	SHMBUS_PATTERN_ETH,
	SHMBUS_PATTERN_VLAN, /* two layers: the outer tag, and the inner one */
	SHMBUS_PATTERN_L3 = SHMBUS_PATTERN_VLAN + 2,
	SHMBUS_PATTERN_L4,
	SHMBUS_PATTERN_LAYERS,
};

/* The words of the longest headers: 14, 4, 4, 40 and 20 bytes. */
#define SHMBUS_PATTERN_WORDS (2 + 1 + 1 + 5 + 3)

/* Bytes of one header that must have a value. */
struct shmbus_pattern_part {
	uint8_t len; /* 0: any */
	uint8_t mask[40];
	uint8_t value[40]; /* masked */
};

/* A pattern as an application describes it. */
struct shmbus_pattern {
	uint32_t l3; /* RTE_PTYPE_L3_IPV4 or _IPV6, 0: any */
	uint32_t l4; /* RTE_PTYPE_L4_, 0: any */
	uint8_t min_vlan;
	uint8_t max_vlan;
	struct shmbus_pattern_part parts[SHMBUS_PATTERN_LAYERS];
};

/* 8 bytes of a frame. */
struct shmbus_pattern_word {
	uint64_t mask;
	uint32_t base; /* of shmbus_headers.offs */
	uint16_t off;  /* from there */
	uint16_t need; /* so many of the 8 bytes must be in the frame */
};

/* Forms are equal if their bytes are: there is no padding, and unused words are 0. */
struct shmbus_pattern_form {
	uint32_t type_mask; /* of shmbus_headers.ptype */
	uint32_t type;
	uint32_t min_vlan;
	uint32_t more_vlans; /* that the frame may have */
	uint64_t n_words;
	struct shmbus_pattern_word words[SHMBUS_PATTERN_WORDS];
};

struct shmbus_pattern_key {
	uint64_t words[SHMBUS_PATTERN_WORDS]; /* as many as the form has */
};

/* Divides a pattern into its form and its key. */
void shmbus_pattern_divide(const struct shmbus_pattern *pattern, struct shmbus_pattern_form *form,
			   struct shmbus_pattern_key *key);

uint32_t shmbus_pattern_hash_form(const struct shmbus_pattern_form *form);

static inline uint32_t
shmbus_pattern_hash(const uint64_t *words, uint32_t n)
{
	uint64_t hash = 0;
	uint32_t i;

	for (i = 0; i < n; i++)
		hash = shmbus_index_mix(hash ^ words[i]);
	return (uint32_t)(hash >> 32);
}

static inline bool
shmbus_pattern_equal(const uint64_t *a, const uint64_t *b, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* Reads a word near the end of the bytes. Returns false if they end too early. */
bool shmbus_pattern_read_last(const struct shmbus_headers *h, uint32_t off, uint32_t need,
			      uint64_t *word);

/* Writes the key of a frame, and its hash. Returns false if the frame does not fit the form. */
static inline bool
shmbus_pattern_read(const struct shmbus_pattern_form *form, const struct shmbus_headers *h,
		    struct shmbus_pattern_key *key, uint32_t *hash)
{
	const struct shmbus_pattern_word *w = form->words;
	const struct shmbus_pattern_word *const end = w + form->n_words;
	uint64_t word, mixed = 0;
	uint64_t *to = key->words;
	uint32_t off;

	/* With fewer tags than min_vlan the difference is large. */
	if ((h->ptype & form->type_mask) != form->type ||
	    h->n_vlan - form->min_vlan > form->more_vlans)
		return false;
	for (; w != end; w++) {
		off = h->offs[w->base] + w->off;
		/* No overflow: an offset of layer 4 has 17 bits at most. */
		if (likely(off + sizeof(word) <= h->len))
			memcpy(&word, h->bytes + off, sizeof(word));
		else if (!shmbus_pattern_read_last(h, off, w->need, &word))
			return false;
		word &= w->mask;
		*to++ = word;
		mixed = shmbus_index_mix(mixed ^ word);
	}
	*hash = (uint32_t)(mixed >> 32);
	return true;
}

#endif /* SHMBUS_PATTERN_H */
