/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "progress.h"
#include "shmbus_clock.h"

#define EVERY_NS (200 * 1000 * 1000)

static uint64_t shown_ns;
static bool shown;

bool
progress_due(void)
{
	static int terminal = -1;

	if (terminal < 0)
		terminal = isatty(STDERR_FILENO);
	return terminal != 0 && shmbus_clock_mono_ns() - shown_ns >= EVERY_NS;
}

void
progress_show(const char *format, ...)
{
	va_list args;

	if (!progress_due())
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
progress_clear(void)
{
	if (!shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	shown = false;
}
