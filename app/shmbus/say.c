/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <stdarg.h>
#include <stdio.h>

#include "progress.h"
#include "say.h"

static const char *speaker;

void
say_as(const char *cmd)
{
	speaker = cmd;
}

void
say(const char *format, ...)
{
	va_list args;

	progress_clear();
	fprintf(stderr, "shmbus%s%s: ", speaker != NULL ? " " : "", speaker != NULL ? speaker : "");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}
