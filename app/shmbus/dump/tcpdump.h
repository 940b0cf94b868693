/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TCPDUMP_H
#define TCPDUMP_H

/* tcpdump as a child that prints the frames of a capture, which we write into a pipe. */

#include <stdio.h>
#include <sys/types.h>

struct recorder_conf; /* recorder.h */

struct tcpdump {
	pid_t pid; /* 0: not started, or over */
};

/* *out: where the capture goes. 0; -ENOENT: there is no tcpdump; else -errno, and said why. */
int tcpdump_start(struct tcpdump *t, const struct recorder_conf *conf, FILE **out);

/* The capture has been closed: wait until all is printed. 0 or -EIO, and said why. */
int tcpdump_end(struct tcpdump *t);

#endif /* TCPDUMP_H */
