/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "capture.h"
#include "pcapng_format.h"
#include "pcapng_reader.h"
#include "say.h"
#include "stop.h"
#include "stream.h"

#define NS UINT64_C(1000000000)

struct capture {
	struct capture_conf conf;
	const char *name;
	FILE *in;
	/* One of the two reads the stream. */
	pcap_t *pcap;
	struct pcapng_reader *pcapng;
	bool idle_failed;
	uint64_t others;
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

static int
idle(void *arg)
{
	struct capture *c = arg;

	c->idle_failed = c->conf.idle(c->conf.arg) != 0;
	return c->idle_failed ? -1 : 0;
}

/* Returns -errno for a stream that failed, after a message. err: its errno. */
static int
say_failed(const struct capture *c, int err)
{
	if (c->idle_failed)
		return -ECANCELED;
	if (stop_wanted())
		return -EINTR;
	say("%s: %s", c->name, strerror(err));
	return -EIO;
}

/* The same for an error of the reader of pcapng. what: what the user can do. */
static int
say_pcapng_failed(const struct capture *c, int ret, const char *why, const char *what)
{
	if (ret == -EIO)
		return say_failed(c, errno);
	if (ret == -ENOMEM)
		return say_no_memory();
	say("%s: %s%s", c->name, why, what);
	return ret;
}

static int
open_pcapng(struct capture *c)
{
	const char *why = NULL;
	int ret;

	c->pcapng = pcapng_reader_new(c->in);
	if (c->pcapng == NULL)
		return say_no_memory();
	ret = pcapng_reader_begin(c->pcapng, &why);
	return ret == 1 ? 0 : say_pcapng_failed(c, ret, why, "; expected pcap or pcapng");
}

static int
open_pcap(struct capture *c)
{
	char why[PCAP_ERRBUF_SIZE];
	const char *name;
	int link;

	c->pcap = pcap_fopen_offline_with_tstamp_precision(c->in, PCAP_TSTAMP_PRECISION_NANO, why);
	if (c->pcap == NULL) {
		if (c->idle_failed || stop_wanted())
			return say_failed(c, 0);
		say("%s: %s; expected pcap or pcapng", c->name, why);
		return -EINVAL;
	}
	c->in = NULL; /* closed by libpcap */
	link = pcap_datalink(c->pcap);
	if (link == DLT_EN10MB)
		return 0;
	name = pcap_datalink_val_to_name(link);
	say("%s: link type %s; expected Ethernet (EN10MB)", c->name, name != NULL ? name : "unknown");
	return -EINVAL;
}

static int
open_stream(struct capture *c, const char *file)
{
	const struct stream_conf conf = { .stop = c->conf.stop, .idle = idle, .arg = c };
	int first;

	c->in = stream_open(file, &conf);
	if (c->in == NULL) {
		say("%s: %s", c->name, strerror(errno));
		return -EINVAL;
	}
	/* No pcap begins as pcapng. */
	first = getc(c->in);
	if (first != EOF)
		ungetc(first, c->in);
	return first == (BLOCK_SECTION & 0xff) ? open_pcapng(c) : open_pcap(c);
}

int
capture_open(struct capture **capture, const char *file, const struct capture_conf *conf)
{
	struct capture *c;
	int ret;

	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return say_no_memory();
	c->conf = *conf;
	c->name = strcmp(file, "-") == 0 ? "stdin" : file;
	ret = open_stream(c, file);
	if (ret == 0)
		*capture = c;
	else
		capture_close(c);
	return ret;
}

void
capture_close(struct capture *c)
{
	if (c == NULL)
		return;
	if (c->pcap != NULL)
		pcap_close(c->pcap);
	pcapng_reader_free(c->pcapng);
	if (c->in != NULL)
		fclose(c->in);
	free(c->kept);
	free(c);
}

uint64_t
capture_others(const struct capture *c)
{
	return c->others;
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

/*
 * The seconds of pcap are unsigned, but libpcap takes them for signed ones. A file may also have
 * any number of nanoseconds, which are never a whole second.
 */
static uint64_t
time_of(const struct timeval *ts)
{
	const uint64_t ns = (uint32_t)ts->tv_usec; /* because of the precision of the capture */

	return (uint64_t)(uint32_t)ts->tv_sec * NS + (ns < NS ? ns : NS - 1);
}

static int
next_pcap(struct capture *c, struct capture_frame *frame)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int ret;

	ret = pcap_next_ex(c->pcap, &header, &data);
	if (ret == PCAP_ERROR_BREAK)
		return 0;
	if (ret != 1 && (c->idle_failed || stop_wanted()))
		return say_failed(c, 0);
	if (ret != 1) {
		say("%s: %s", c->name, pcap_geterr(c->pcap));
		return -EIO;
	}
	frame->data = data;
	frame->captured = header->caplen;
	frame->len = header->len;
	frame->tstamp_ns = time_of(&header->ts);
	return 1;
}

static int
next_pcapng(struct capture *c, struct capture_frame *frame)
{
	const char *why = NULL;
	int ret;

	for (;;) {
		ret = pcapng_reader_next(c->pcapng, frame, &why);
		if (ret < 0)
			return say_pcapng_failed(c, ret, why, "");
		if (ret == 0 || pcapng_reader_link_type(c->pcapng) == LINK_ETHERNET)
			return ret;
		c->others++;
	}
}

int
capture_next(struct capture *c, struct capture_frame *frame)
{
	int ret;

	if (c->whole)
		return next_kept(c, frame);
	ret = c->pcap != NULL ? next_pcap(c, frame) : next_pcapng(c, frame);
	if (ret == 0) {
		c->whole = c->conf.again;
		c->at = c->len;
	}
	if (ret == 1 && c->conf.again && keep(c, frame) != 0)
		return -ENOMEM;
	return ret;
}

void
capture_rewind(struct capture *c)
{
	c->at = 0;
}
