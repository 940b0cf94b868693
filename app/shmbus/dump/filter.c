/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "say.h"

#define SNAPLEN 262144

/* Joins words with spaces between them. NULL: out of memory. */
static char *
join(int n, char **words)
{
	size_t len = 1;
	char *text, *at;
	int i;

	for (i = 0; i < n; i++)
		len += strlen(words[i]) + 1;
	text = malloc(len);
	if (text == NULL)
		return NULL;
	at = text;
	for (i = 0; i < n; i++) {
		at = stpcpy(at, words[i]);
		*at++ = ' ';
	}
	*at = '\0';
	if (at != text)
		at[-1] = '\0';
	return text;
}

int
filter_compile(struct filter *filter, int n, char **words)
{
	char *text;
	pcap_t *pcap;
	int ret = 0;

	memset(filter, 0, sizeof(*filter));
	if (n == 0) {
		filter->all = true;
		return 0;
	}
	text = join(n, words);
	pcap = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	if (text == NULL || pcap == NULL) {
		ret = say_no_memory();
	} else if (pcap_compile(pcap, &filter->program, text, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		say("filter '%s': %s; expected an expression of pcap-filter(7)", text,
		    pcap_geterr(pcap));
		ret = -EINVAL;
	}
	if (pcap != NULL)
		pcap_close(pcap);
	free(text);
	return ret;
}

void
filter_free(struct filter *filter)
{
	if (!filter->all)
		pcap_freecode(&filter->program);
}

bool
filter_match(const struct filter *filter, const uint8_t *frame, uint32_t room, uint32_t len)
{
	const struct pcap_pkthdr header = { .caplen = len < room ? len : room, .len = len };

	return filter->all || pcap_offline_filter(&filter->program, &header, frame) != 0;
}
