/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TCPDUMP_H
#define TCPDUMP_H

/* Runs tcpdump as a child process that prints the frames of a capture from a pipe. */

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct recorder_conf; /* recorder.h */

struct tcpdump {
	pid_t pid; /* 0: not started, or ended */
	bool quiet; /* a reader of stdout that leaves ends dump without a message */
};

/*
 * Starts tcpdump. *out: the pipe that the capture is written to. Returns 0; -ENOENT,
 * without a message, if tcpdump is not installed; or -errno after a message.
 *
 * From then on a write to a pipe without a reader is an error: SIGPIPE would end dump
 * without a word if tcpdump died.
 */
int tcpdump_start(struct tcpdump *t, const struct recorder_conf *conf, FILE **out);

/*
 * Call it if tcpdump does not read any more. If nobody reads what tcpdump prints, as behind
 * "| head", ends dump by SIGPIPE. Otherwise returns.
 */
void tcpdump_end_quietly(const struct tcpdump *t);

/* Waits until tcpdump has printed all. Close the pipe first. Returns 0, or -errno. */
int tcpdump_end(struct tcpdump *t);

#endif /* TCPDUMP_H */
