/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STREAM_H
#define STREAM_H

/*
 * A stream that tells when it has to wait for its input: a pipe, a terminal or a FIFO may
 * deliver the next bytes much later.
 */

#include <stdio.h>

struct stream_conf {
	int stop;                 /* a descriptor that ends a wait when it becomes readable (stop.h) */
	int (*idle)(void *arg);   /* called before each wait; if it returns not 0, the read fails */
	void *arg;
};

/*
 * Opens a file, "-": stdin, for reading. The stream fails with EINTR if a signal ends a wait,
 * and with ECANCELED if idle fails. Returns NULL and sets errno if the file cannot be opened.
 */
FILE *stream_open(const char *file, const struct stream_conf *conf);

#endif /* STREAM_H */
