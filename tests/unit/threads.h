/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_THREADS_H
#define TEST_THREADS_H

/*
 * Several ports on one bus as threads of one process, so that ThreadSanitizer
 * can look at them. It knows memory by its address: so both ports use one
 * mapping, and only the descriptors, and with them the locks, are their own.
 */

#include <pthread.h>

#include "shmif_side.h"
#include "station.h"

/* Two stations on a bus in a new file; the second looks through the first one's mapping. */
struct threads {
	char *path;
	struct station a, b;
	uint8_t *control; /* b's own, meanwhile */
	uint8_t *lanes;
	shmbus_a8 *lane_prot;
};

void threads_join(struct threads *t, uint64_t lane_size);
void threads_leave(struct threads *t);

/* The same for a shmif bus. */
struct threads_shmif {
	char *path;
	struct side a, b;
	uint8_t *map; /* b's own, meanwhile */
};

void threads_shmif_join(struct threads_shmif *t);
void threads_shmif_leave(struct threads_shmif *t);

pthread_t thread_start(void *(*body)(void *), void *arg);
void thread_wait(pthread_t thread);

/* A thread that sends frames in bursts, of lengths that follow from their numbers. */
struct thread_sender {
	struct transmitter tx;
	uint64_t frames;
};
void *thread_send(void *sender);
uint32_t thread_frame_len(uint64_t seq);

#endif /* TEST_THREADS_H */
