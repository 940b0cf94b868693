/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The text of the last error of each thread. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "shmbus_lib.h"

static _Thread_local struct shmbus_error last;

const char *
shmbus_version(void)
{
	return SHMBUS_LIB_VERSION;
}

uint32_t
shmbus_version_number(void)
{
	return SHMBUS_LIB_VERSION_NUMBER;
}

const char *
shmbus_error_text(void)
{
	return last.text;
}

struct shmbus_error *
shmbus_lib_error(void)
{
	return &last;
}

int
shmbus_lib_fail(int err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(last.text, sizeof(last.text), format, ap);
	va_end(ap);
	return err;
}

int
shmbus_lib_no_memory(const char *path)
{
	return shmbus_lib_fail(-ENOMEM, "path=%s: out of memory", path != NULL ? path : "");
}
