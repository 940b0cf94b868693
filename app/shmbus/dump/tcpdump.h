/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TCPDUMP_H
#define TCPDUMP_H

/* Runs tcpdump as a child process that prints the frames of a capture from a pipe. */

#include <stdio.h>
#include <sys/types.h>

struct recorder_conf; /* recorder.h */

struct tcpdump {
	pid_t pid; /* 0: not started, or ended */
};

/*
 * Starts tcpdump. *out: the pipe that the capture is written to. Returns 0; -ENOENT,
 * without a message, if tcpdump is not installed; or -errno after a message.
 */
int tcpdump_start(struct tcpdump *t, const struct recorder_conf *conf, FILE **out);

/* Waits until tcpdump has printed all. Close the pipe first. Returns 0, or -errno. */
int tcpdump_end(struct tcpdump *t);

#endif /* TCPDUMP_H */
