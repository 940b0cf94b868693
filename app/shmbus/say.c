/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <shmbus.h>

#include "say.h"
#include "shmbus_clock.h"

#define EVERY_NS (200 * 1000 * 1000)

static char speaker[64] = "shmbus";

/* The line of progress. */
static uint64_t shown_ns;
static bool shown;

void
say_as(const char *cmd)
{
	snprintf(speaker, sizeof(speaker), "shmbus %s", cmd);
}

void
say_as_program(const char *program)
{
	snprintf(speaker, sizeof(speaker), "%s", program);
}

const char *
say_speaker(void)
{
	return speaker;
}

void
say(const char *format, ...)
{
	va_list args;

	say_progress_clear();
	fprintf(stderr, "%s: ", speaker);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int
say_library_error(int err)
{
	say("%s", shmbus_error_text());
	return err;
}

int
say_flush(void)
{
	int err;

	if (fflush(stdout) == 0)
		return 0;
	err = -errno;
	say("cannot write to stdout: %s", strerror(-err));
	return err;
}

int
say_no_memory(void)
{
	say("out of memory");
	return -ENOMEM;
}

bool
say_progress_due(void)
{
	static int terminal = -1;

	if (terminal < 0)
		terminal = isatty(STDERR_FILENO);
	return terminal != 0 && shmbus_clock_mono_ns() - shown_ns >= EVERY_NS;
}

void
say_progress(const char *format, ...)
{
	va_list args;

	if (!say_progress_due())
		return;
	fputs("\r\033[K", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
	shown_ns = shmbus_clock_mono_ns();
	shown = true;
}

void
say_progress_clear(void)
{
	if (!shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	shown = false;
}
