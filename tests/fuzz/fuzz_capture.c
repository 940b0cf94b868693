/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Any bytes as a capture. Each frame lies in memory that is there, the reading ends, a second
 * pass gives the same frames, and the times at which they are due do not go back.
 */

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture.h"
#include "input.h"
#include "say.h"
#include "stop.h"
#include "timing.h"

/* libpcap's largest record of Ethernet, and the largest block of pcapng. */
#define CAPTURED_MAX (16u << 20)

struct seen {
	uint64_t frames;
	uint64_t sum; /* of the bytes, their lengths and their times */
};

static unsigned int messages;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- what the command has around a capture */

void
say(const char *format, ...)
{
	(void)format;
	messages++;
}

int
say_no_memory(void)
{
	messages++;
	return -1;
}

bool
stop_wanted(void)
{
	return false;
}

/* A file never makes a reader wait. */
static int
idle(void *arg)
{
	(void)arg;
	MUST(false);
	return 0;
}

/* ---- the reading */

static void
pass(struct capture *capture, struct timing *timing, size_t size, struct seen *seen)
{
	const struct timing before = *timing;
	struct capture_frame frame;
	uint64_t due_ns = 0, next_ns;
	uint32_t i;
	int ret;

	*seen = (struct seen){ .frames = 0 };
	while ((ret = capture_next(capture, &frame)) == 1) {
		MUST(frame.captured <= CAPTURED_MAX);
		seen->frames++;
		seen->sum += frame.len + frame.tstamp_ns;
		for (i = 0; i < frame.captured; i++)
			seen->sum += frame.data[i];
		next_ns = timing_next(timing, frame.tstamp_ns, frame.captured);
		MUST(next_ns >= due_ns);
		if (timing->kind == TIMING_RECORDED && timing->gap_max_s != 0 && seen->frames > 1)
			MUST((double)(next_ns - due_ns) <= timing->gap_max_s * 1e9 + 1000);
		due_ns = next_ns;
		/* A record has a head of 8 bytes at least. */
		MUST(seen->frames <= size / 8);
	}
	MUST(ret <= 0 && (ret == 0 || messages != 0));
	*timing = before;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { .at = data, .left = size };
	const uint8_t how = input_u8(&in);
	const struct capture_conf conf = { .again = (how & 1) != 0, .stop = -1, .idle = idle };
	struct timing timing = {
		.kind = (how & 2) != 0 ? TIMING_RECORDED : TIMING_BPS,
		.rate = (how & 4) != 0 ? 1 : 1e-6,
		.gap_max_s = (how & 8) != 0 ? 0.5 : 0,
	};
	struct capture *capture = NULL;
	struct seen seen[2];
	char path[64];
	int fd;

	fd = memfd_create("capture", 0);
	MUST(fd >= 0);
	MUST(write(fd, in.at, in.left) == (ssize_t)in.left);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	messages = 0;
	if (capture_open(&capture, path, &conf) == 0) {
		pass(capture, &timing, size, &seen[0]);
		if (conf.again && messages == 0) {
			capture_rewind(capture);
			pass(capture, &timing, size, &seen[1]);
			MUST(seen[0].frames == seen[1].frames && seen[0].sum == seen[1].sum);
		}
		capture_close(capture);
	} else {
		MUST(messages != 0);
	}
	close(fd);
	return 0;
}
