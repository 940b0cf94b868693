/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "capture.h"
#include "say.h"
#include "stop.h"

struct capture {
	const char *name;
	pcap_t *pcap;
	bool again;
	bool whole;    /* the whole capture is in memory */
	uint8_t *kept; /* for each frame its head and its bytes */
	size_t len;
	size_t room;
	size_t at;
};

/* What is kept for a frame besides its bytes. */
struct head {
	uint64_t tstamp_ns;
	uint32_t captured;
	uint32_t len;
};

int
capture_open(struct capture **capture, const char *file, bool again)
{
	char why[PCAP_ERRBUF_SIZE];
	struct capture *c;
	int link;

	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		say("out of memory");
		return -ENOMEM;
	}
	c->name = strcmp(file, "-") == 0 ? "stdin" : file;
	c->again = again;
	c->pcap = pcap_open_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
	if (c->pcap == NULL) {
		/* If the file cannot be opened, the text of libpcap begins with its name. */
		if (strncmp(why, file, strlen(file)) == 0)
			say("%s", why);
		else
			say("%s: %s; expected pcap or pcapng", c->name, why);
		free(c);
		return -EINVAL;
	}
	link = pcap_datalink(c->pcap);
	if (link != DLT_EN10MB) {
		say("%s: link type %s; expected Ethernet (EN10MB)", c->name,
		    pcap_datalink_val_to_name(link) != NULL ? pcap_datalink_val_to_name(link) :
		    "unknown");
		capture_close(c);
		return -EINVAL;
	}
	*capture = c;
	return 0;
}

void
capture_close(struct capture *c)
{
	if (c == NULL)
		return;
	if (c->pcap != NULL)
		pcap_close(c->pcap);
	free(c->kept);
	free(c);
}

static int
keep(struct capture *c, const struct capture_frame *frame)
{
	const struct head head = { frame->tstamp_ns, frame->captured, frame->len };
	const size_t more = sizeof(head) + frame->captured;
	size_t room = c->room;
	uint8_t *kept;

	if (more > room - c->len) {
		room = 2 * room + more;
		kept = realloc(c->kept, room);
		if (kept == NULL) {
			say("%s: out of memory; a capture that is replayed several times must fit into "
			    "memory", c->name);
			return -ENOMEM;
		}
		c->kept = kept;
		c->room = room;
	}
	memcpy(c->kept + c->len, &head, sizeof(head));
	memcpy(c->kept + c->len + sizeof(head), frame->data, frame->captured);
	c->len += more;
	return 0;
}

static int
next_kept(struct capture *c, struct capture_frame *frame)
{
	struct head head;

	if (c->at == c->len)
		return 0;
	memcpy(&head, c->kept + c->at, sizeof(head));
	frame->data = c->kept + c->at + sizeof(head);
	frame->captured = head.captured;
	frame->len = head.len;
	frame->tstamp_ns = head.tstamp_ns;
	c->at += sizeof(head) + head.captured;
	return 1;
}

int
capture_next(struct capture *c, struct capture_frame *frame)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int ret;

	if (c->whole)
		return next_kept(c, frame);
	ret = pcap_next_ex(c->pcap, &header, &data);
	if (ret == PCAP_ERROR_BREAK) {
		c->whole = c->again;
		c->at = c->len;
		return 0;
	}
	if (ret != 1 && stop_wanted())
		return 0; /* the signal interrupted a read */
	if (ret != 1) {
		say("%s: %s", c->name, pcap_geterr(c->pcap));
		return -EIO;
	}
	frame->data = data;
	frame->captured = header->caplen;
	frame->len = header->len;
	/* tv_usec holds nanoseconds, because the capture was opened with that precision */
	frame->tstamp_ns = (uint64_t)header->ts.tv_sec * 1000000000 + (uint64_t)header->ts.tv_usec;
	ret = c->again ? keep(c, frame) : 0;
	return ret == 0 ? 1 : ret;
}

void
capture_rewind(struct capture *c)
{
	c->at = 0;
}
