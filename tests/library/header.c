/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The header needs no other before it, and no more than C99. */

#include "shmbus.h"

int
main(void)
{
	return shmbus_error_text()[0] != '\0';
}
