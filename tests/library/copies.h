/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef LIBRARY_COPIES_H
#define LIBRARY_COPIES_H

/*
 * The compiler includes this file before every source of the library: each
 * copy calls copies_next() first. So a test can change a frame in the bus
 * between two copies of one call, as a sender that lies can at any time.
 */

#include <string.h>

#include "shmbus_copy.h"

void copies_next(void);

/* Their functions of the same names. */
#define memcpy(dst, src, len) (copies_next(), memcpy((dst), (src), (len)))
#define shmbus_copy_exact(dst, src, len) (copies_next(), shmbus_copy_exact((dst), (src), (len)))

#endif /* LIBRARY_COPIES_H */
