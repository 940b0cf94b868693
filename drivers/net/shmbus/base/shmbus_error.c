/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <stdarg.h>
#include <stdio.h>

#include "shmbus_error.h"

int
shmbus_error_set(struct shmbus_error *e, int err, const char *format, ...)
{
	va_list ap;

	if (e != NULL) {
		va_start(ap, format);
		vsnprintf(e->text, sizeof(e->text), format, ap);
		va_end(ap);
	}
	return err;
}
