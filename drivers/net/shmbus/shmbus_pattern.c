/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_common.h>
#include <rte_ether.h>

#include "shmbus_pattern.h"

/* Where the words of each layer count from, see shmbus_pattern_word. */
static const struct {
	uint32_t base;
	uint16_t off;
} layers[SHMBUS_PATTERN_LAYERS] = {
	[SHMBUS_PATTERN_ETH] = { SHMBUS_HEADERS_ETH, 0 },
	[SHMBUS_PATTERN_VLAN] = { SHMBUS_HEADERS_ETH, RTE_ETHER_HDR_LEN },
	[SHMBUS_PATTERN_VLAN + 1] = { SHMBUS_HEADERS_ETH, RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN },
	[SHMBUS_PATTERN_L3] = { SHMBUS_HEADERS_L3, 0 },
	[SHMBUS_PATTERN_L4] = { SHMBUS_HEADERS_L4, 0 },
};

void
shmbus_pattern_divide(const struct shmbus_pattern *pattern, struct shmbus_pattern_form *form,
		      struct shmbus_pattern_key *key)
{
	const struct shmbus_pattern_part *part;
	struct shmbus_pattern_word *w;
	uint32_t off, n;
	unsigned int i;

	memset(form, 0, sizeof(*form));
	memset(key, 0, sizeof(*key));
	/* Each type of layer 3 has a bit of its own, types with options and extensions too. */
	form->type_mask = pattern->l3 | (pattern->l4 != 0 ? RTE_PTYPE_L4_MASK : 0);
	form->type = pattern->l3 | pattern->l4;
	if (pattern->min_vlan <= pattern->max_vlan) {
		form->min_vlan = pattern->min_vlan;
		form->more_vlans = (uint32_t)pattern->max_vlan - pattern->min_vlan;
	} else {
		/* A contradiction: no frame has so many. */
		form->min_vlan = SHMBUS_VLANS + 1;
	}
	for (i = 0; i < SHMBUS_PATTERN_LAYERS; i++) {
		part = &pattern->parts[i];
		for (off = 0; off < part->len; off += n) {
			n = RTE_MIN((uint32_t)sizeof(w->mask), part->len - off);
			w = &form->words[form->n_words];
			memcpy(&w->mask, &part->mask[off], n);
			if (w->mask == 0)
				continue;
			w->base = layers[i].base;
			w->off = (uint16_t)(layers[i].off + off);
			w->need = (uint16_t)n;
			memcpy(&key->words[form->n_words++], &part->value[off], n);
		}
	}
}

bool
shmbus_pattern_read_last(const struct shmbus_headers *h, uint32_t off, uint32_t need, uint64_t *word)
{
	if (off > h->len || need > h->len - off)
		return false;
	*word = 0;
	memcpy(word, h->bytes + off, RTE_MIN(h->len - off, (uint32_t)sizeof(*word)));
	return true;
}

uint32_t
shmbus_pattern_hash_form(const struct shmbus_pattern_form *form)
{
	uint64_t words[sizeof(*form) / sizeof(uint64_t)];

	RTE_BUILD_BUG_ON(sizeof(words) != sizeof(*form));
	memcpy(words, form, sizeof(words));
	return shmbus_pattern_hash(words, RTE_DIM(words));
}
