/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "bus_state.h"
#include "pcapng.h"
#include "recorder.h"
#include "say.h"
#include "shmbus_format.h"
#include "shmbus_shmif_format.h"
#include "tcpdump.h"

/* The size of the buffer of stdio: a small frame then needs no system call. */
#define BUFFER (1024 * 1024)

/* The size for tcpdump, which works far longer on a buffer than dump does. */
#define BUFFER_TCPDUMP (16 * 1024)

struct recorder {
	enum recorder_kind kind;
	const char *name; /* of the output, for messages */
	const char *bus;
	uint32_t snaplen;
	FILE *out;
	pcap_t *pcap;          /* pcap and tcpdump */
	pcap_dumper_t *dumper; /* pcap and tcpdump: out, wrapped by libpcap */
	struct tcpdump tcpdump;
	unsigned int interfaces; /* pcapng: the number of senders that have an interface */
};

static int
failed(const struct recorder *r, int err)
{
	if (r->kind == RECORDER_TCPDUMP && err == -EPIPE)
		tcpdump_end_quietly(&r->tcpdump);
	say("cannot write to %s: %s", r->name, strerror(-err));
	return err;
}

/* ---- begin */

/*
 * Returns 1 if the file is a bus of any format, damaged or not; 0 if not; or -errno.
 * -ESTALE: the name has come to lead to another file than opened.
 */
static int
is_bus(const char *file, const struct stat *opened)
{
	uint64_t lanes = 0;
	struct stat st;
	uint32_t shmif;
	int fd, ret;

	fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	/* A shorter file is not a bus. */
	ret = fstat(fd, &st) != 0 || pread(fd, &lanes, sizeof(lanes), 0) < 0 ? -errno : 0;
	if (ret == 0 && (st.st_dev != opened->st_dev || st.st_ino != opened->st_ino))
		ret = -ESTALE;
	close(fd);
	if (ret != 0)
		return ret;
	memcpy(&shmif, &lanes, sizeof(shmif));
	return lanes == SHMBUS_MAGIC || lanes == SHMBUS_MAGIC_CREATING ||
	       shmif == SHMBUS_SHMIF_MAGIC;
}

/*
 * Opens the file for a capture, and empties it. Nobody can read the frames in a new file
 * that cannot read them on the bus. A file that is a bus is refused, this bus or another:
 * ports may be using it.
 */
static int
open_file(const char *file, uint32_t bus_mode)
{
	const mode_t mode = S_IRUSR | S_IWUSR | (bus_mode & (S_IRGRP | S_IROTH));
	struct stat st;
	int fd, err;

	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, mode);
	if (fd < 0) {
		err = -errno;
		say("cannot write to %s: %s", file, strerror(-err));
		return err;
	}
	if (fstat(fd, &st) != 0) {
		err = -errno;
		say("%s: %s", file, strerror(-err));
		goto err_close;
	}
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return fd;
	err = is_bus(file, &st);
	if (err < 0) {
		say("cannot tell whether %s is a bus: %s; write to another file", file, strerror(-err));
		goto err_close;
	}
	if (err != 0) {
		err = -EINVAL;
		say("%s is a bus; write to another file", file);
		goto err_close;
	}
	if (ftruncate(fd, 0) != 0) {
		err = -errno;
		say("cannot empty %s: %s", file, strerror(-err));
		goto err_close;
	}
	return fd;

err_close:
	close(fd);
	return err;
}

static int
open_out(struct recorder *r, const struct recorder_conf *conf)
{
	int fd;

	r->name = conf->file;
	if (strcmp(conf->file, "-") == 0) {
		r->name = "stdout";
		if (isatty(STDOUT_FILENO)) {
			say("a capture is binary and cannot go to a terminal; expected -w FILE, or a pipe");
			return -EINVAL;
		}
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return failed(r, -errno);
	} else {
		fd = open_file(conf->file, conf->mode);
		if (fd < 0)
			return fd;
	}
	r->out = fdopen(fd, "wb");
	if (r->out == NULL) {
		close(fd);
		return failed(r, -ENOMEM);
	}
	return 0;
}

static int
begin_pcap(struct recorder *r)
{
	r->pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, (int)r->snaplen,
						       PCAP_TSTAMP_PRECISION_NANO);
	if (r->pcap == NULL)
		return failed(r, -ENOMEM);
	r->dumper = pcap_dump_fopen(r->pcap, r->out);
	if (r->dumper == NULL) {
		say("cannot write to %s: %s", r->name, pcap_geterr(r->pcap));
		return -EIO;
	}
	return 0;
}

static int
begin(struct recorder *r, const struct recorder_conf *conf)
{
	int ret;

	if (r->kind == RECORDER_TCPDUMP) {
		r->name = "tcpdump";
		ret = tcpdump_start(&r->tcpdump, conf, &r->out);
		if (ret == -ENOENT)
			r->kind = RECORDER_TEXT; /* tcpdump is not installed */
		else if (ret != 0)
			return ret;
	}
	if (r->kind == RECORDER_TEXT) {
		r->name = "stdout";
		r->out = stdout;
		return 0;
	}
	if (r->out == NULL) {
		ret = open_out(r, conf);
		if (ret != 0)
			return ret;
	}
	setvbuf(r->out, NULL, _IOFBF, r->kind == RECORDER_TCPDUMP ? BUFFER_TCPDUMP : BUFFER);
	if (r->kind != RECORDER_PCAPNG)
		return begin_pcap(r);
	ret = pcapng_begin(r->out, "shmbus " COMMAND_VERSION);
	return ret == 0 ? 0 : failed(r, ret);
}

/* Frees the recorder, without finishing the capture. */
static void
discard(struct recorder *r)
{
	if (r->dumper != NULL)
		pcap_dump_close(r->dumper);
	else if (r->out != NULL && r->out != stdout)
		fclose(r->out);
	if (r->pcap != NULL)
		pcap_close(r->pcap);
	if (r->kind == RECORDER_TCPDUMP)
		tcpdump_end(&r->tcpdump);
	free(r);
}

int
recorder_open(struct recorder **recorder, const struct recorder_conf *conf)
{
	struct recorder *r = calloc(1, sizeof(*r));
	int ret;

	if (r == NULL)
		return say_no_memory();
	r->kind = conf->kind;
	r->bus = conf->bus;
	r->snaplen = conf->snaplen;
	ret = begin(r, conf);
	if (ret == 0)
		ret = recorder_flush(r);
	if (ret != 0) {
		discard(r);
		return ret;
	}
	*recorder = r;
	return 0;
}

pid_t
recorder_process(const struct recorder *r)
{
	return r->tcpdump.pid;
}

/* ---- frames */

/* Returns how many bytes of a frame are recorded. */
static uint32_t
recorded(const struct recorder *r, const struct recorder_frame *frame)
{
	const uint32_t room = frame->room < r->snaplen ? frame->room : r->snaplen;

	return frame->len < room ? frame->len : room;
}

static int
pcapng_interfaces(struct recorder *r, struct senders *senders)
{
	const struct sender *sender;
	int ret;

	while (r->interfaces < senders_count(senders)) {
		sender = senders_get(senders, r->interfaces);
		ret = pcapng_interface(r->out, &(const struct pcapng_interface){
			.name = sender->name,
			.description = sender->description,
			.mac = sender->has_mac ? sender->mac : NULL,
			.snaplen = r->snaplen,
		});
		if (ret != 0)
			return ret;
		r->interfaces++;
	}
	return 0;
}

static int
frame_pcapng(struct recorder *r, struct senders *senders, unsigned int number,
	     const struct recorder_frame *frame)
{
	int ret;

	ret = pcapng_interfaces(r, senders);
	if (ret != 0)
		return ret;
	return pcapng_packet(r->out, &(const struct pcapng_packet){
		.interface = number,
		.queue = frame->queue,
		.tstamp_ns = frame->tstamp_ns,
		.dropped = senders_get(senders, number)->missed_since,
		.data = frame->data,
		.captured = recorded(r, frame),
		.len = frame->len,
	});
}

static int
frame_pcap(struct recorder *r, const struct recorder_frame *frame)
{
	const struct pcap_pkthdr header = {
		/* tv_usec holds nanoseconds, because the dumper has that precision */
		.ts = { .tv_sec = (time_t)(frame->tstamp_ns / 1000000000),
			.tv_usec = (suseconds_t)(frame->tstamp_ns % 1000000000) },
		.caplen = recorded(r, frame),
		.len = frame->len,
	};

	errno = 0;
	pcap_dump((u_char *)r->dumper, &header, frame->data);
	if (!ferror(r->out))
		return 0;
	return errno != 0 ? -errno : -EIO;
}

static int
frame_text(struct recorder *r, const struct sender *sender, const struct recorder_frame *frame)
{
	const time_t seconds = (time_t)(frame->tstamp_ns / 1000000000);
	char when[32] = "?", src[18], dst[18];
	uint8_t header[14] = { 0 };
	struct tm tm;

	if (localtime_r(&seconds, &tm) != NULL)
		strftime(when, sizeof(when), "%H:%M:%S", &tm);
	memcpy(header, frame->data, frame->len < sizeof(header) ? frame->len : sizeof(header));
	errno = 0;
	if (fprintf(r->out, "%s.%09" PRIu64 " %s %s > %s, ethertype 0x%02x%02x, length %" PRIu32 "\n",
		    when, frame->tstamp_ns % 1000000000, sender->name,
		    bus_state_mac(header + 6, src), bus_state_mac(header, dst),
		    header[12], header[13], frame->len) < 0)
		return errno != 0 ? -errno : -EIO;
	return 0;
}

int
recorder_frame(struct recorder *r, struct senders *senders, unsigned int number,
	       const struct recorder_frame *frame)
{
	int ret;

	if (r->kind == RECORDER_PCAPNG)
		ret = frame_pcapng(r, senders, number, frame);
	else if (r->kind == RECORDER_TEXT)
		ret = frame_text(r, senders_get(senders, number), frame);
	else
		ret = frame_pcap(r, frame);
	return ret == 0 ? 0 : failed(r, ret);
}

int
recorder_flush(struct recorder *r)
{
	if (fflush(r->out) != 0)
		return failed(r, -errno);
	return 0;
}

/* ---- the end */

/* Adds an interface for a bus without senders: libpcap refuses a file without interfaces. */
static int
pcapng_no_sender(struct recorder *r)
{
	return pcapng_interface(r->out, &(const struct pcapng_interface){
		.name = r->bus,
		.description = "a bus on which no port sent a frame",
		.snaplen = r->snaplen,
	});
}

static int
pcapng_end(struct recorder *r, struct senders *senders, uint64_t unknown)
{
	const struct sender *sender;
	char comment[128];
	unsigned int i;
	int ret;

	snprintf(comment, sizeof(comment), "besides, %" PRIu64
		 " frames of unknown senders were missed", unknown);
	ret = pcapng_interfaces(r, senders);
	if (ret == 0 && r->interfaces == 0)
		ret = pcapng_no_sender(r);
	for (i = 0; ret == 0 && i < senders_count(senders); i++) {
		sender = senders_get(senders, i);
		ret = pcapng_statistics(r->out, &(const struct pcapng_statistics){
			.interface = i,
			.first_ns = sender->first_ns,
			.last_ns = sender->last_ns,
			.received = sender->received,
			.dropped = sender->missed,
			.accepted = sender->captured,
			.comment = unknown != 0 && i == 0 ? comment : NULL,
		});
	}
	return ret == 0 ? 0 : failed(r, ret);
}

int
recorder_close(struct recorder *r, struct senders *senders, uint64_t unknown)
{
	int ret = 0;
	int ended;

	if (r->kind == RECORDER_PCAPNG)
		ret = pcapng_end(r, senders, unknown);
	if (ret == 0)
		ret = recorder_flush(r);
	if (r->kind == RECORDER_TCPDUMP) {
		/* tcpdump ends at the end of its input. */
		pcap_dump_close(r->dumper);
		r->dumper = NULL;
		r->out = NULL;
		ended = tcpdump_end(&r->tcpdump);
		if (ret == 0)
			ret = ended;
		r->kind = RECORDER_PCAP;
	} else if (r->kind == RECORDER_PCAPNG) {
		if (fclose(r->out) != 0 && ret == 0)
			ret = failed(r, -errno);
		r->out = NULL;
	}
	discard(r);
	return ret;
}
