/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_QUESTIONS_H
#define TEST_QUESTIONS_H

/*
 * What generic code asks of a port, of any driver. Each function asks one question of a port
 * in the state that its row of the table wants (test_others.c), and writes the answer as text.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

enum question_state {
	PROBED,     /* and nothing else */
	CONFIGURED, /* one queue each way, set up */
	STARTED,
	STOPPED, /* after it was started */
};

#define ANSWER_LEN 256

/* Writes the answer, at most ANSWER_LEN bytes. */
typedef void (*question)(uint16_t port, char *answer);

/* Append to an answer: text, what a call returned, and yes or no. */
void say(char *answer, const char *format, ...) __rte_format_printf(2, 3);
void say_ret(char *answer, int ret);
const char *say_yes(bool condition);

int question_configure(uint16_t port, uint16_t n_rxq, uint16_t n_txq);
int question_setup_queues(uint16_t port, uint16_t n_desc);

/* Configures, sets up and starts as far as a state wants. Returns 0 or the error of ethdev. */
int question_prepare(uint16_t port, enum question_state state);

/* dev_info */
void ask_node(uint16_t port, char *answer);
void ask_queues(uint16_t port, char *answer);
void ask_mtu_limits(uint16_t port, char *answer);
void ask_frame_limits(uint16_t port, char *answer);
void ask_address_limits(uint16_t port, char *answer);
void ask_descriptor_limits(uint16_t port, char *answer);
void ask_defaults(uint16_t port, char *answer);
void ask_rx_offloads(uint16_t port, char *answer);
void ask_tx_offloads(uint16_t port, char *answer);
void ask_rss(uint16_t port, char *answer);
void ask_capabilities(uint16_t port, char *answer);
void ask_speeds(uint16_t port, char *answer);
void ask_interface(uint16_t port, char *answer);
void ask_flags(uint16_t port, char *answer);

/* configuration */
void ask_adjusted_descriptors(uint16_t port, char *answer);
void ask_queue_of_few_descriptors(uint16_t port, char *answer);
void ask_too_many_queues(uint16_t port, char *answer);
void ask_no_queues(uint16_t port, char *answer);
void ask_two_queues(uint16_t port, char *answer);
void ask_unknown_offload(uint16_t port, char *answer);
void ask_lsc(uint16_t port, char *answer);
void ask_loopback(uint16_t port, char *answer);
void ask_small_mbufs(uint16_t port, char *answer);

/* start, stop, close */
void ask_start_unconfigured(uint16_t port, char *answer);
void ask_start_without_queues(uint16_t port, char *answer);
void ask_start_twice(uint16_t port, char *answer);
void ask_stop_twice(uint16_t port, char *answer);
void ask_stop_unstarted(uint16_t port, char *answer);
void ask_configure_started(uint16_t port, char *answer);
void ask_setup_started(uint16_t port, char *answer);
void ask_close_started(uint16_t port, char *answer);
void ask_reset(uint16_t port, char *answer);
void ask_restart(uint16_t port, char *answer);
void ask_reconfigure(uint16_t port, char *answer);
void ask_removed(uint16_t port, char *answer);

/* link */
void ask_link(uint16_t port, char *answer);
void ask_link_set(uint16_t port, char *answer);

/* frames and counters */
void ask_send(uint16_t port, char *answer);
void ask_stats_reset(uint16_t port, char *answer);
void ask_queue_stats(uint16_t port, char *answer);
void ask_xstats(uint16_t port, char *answer);
void ask_xstats_reset(uint16_t port, char *answer);
void ask_prepare(uint16_t port, char *answer);

/* filters and addresses */
void ask_promiscuous(uint16_t port, char *answer);
void ask_allmulticast(uint16_t port, char *answer);
void ask_address(uint16_t port, char *answer);
void ask_address_add(uint16_t port, char *answer);
void ask_address_set(uint16_t port, char *answer);
void ask_multicast_list(uint16_t port, char *answer);
void ask_vlan(uint16_t port, char *answer);
void ask_mtu(uint16_t port, char *answer);
void ask_mtu_beyond(uint16_t port, char *answer);

/* queues */
void ask_queue_info(uint16_t port, char *answer);
void ask_descriptors(uint16_t port, char *answer);
void ask_queue_stop(uint16_t port, char *answer);
void ask_queue_of_no_number(uint16_t port, char *answer);
void ask_burst_mode(uint16_t port, char *answer);
void ask_done_cleanup(uint16_t port, char *answer);
void ask_rate(uint16_t port, char *answer);
void ask_monitor(uint16_t port, char *answer);

/* interrupts */
void ask_interrupts(uint16_t port, char *answer);
void ask_interrupt_read(uint16_t port, char *answer);

/* the rest */
void ask_ptypes(uint16_t port, char *answer);
void ask_flow(uint16_t port, char *answer);
void ask_rss_state(uint16_t port, char *answer);
void ask_flow_control(uint16_t port, char *answer);
void ask_firmware(uint16_t port, char *answer);
void ask_registers(uint16_t port, char *answer);
void ask_clock(uint16_t port, char *answer);
void ask_module(uint16_t port, char *answer);
void ask_dump(uint16_t port, char *answer);
void ask_pool(uint16_t port, char *answer);

#endif /* TEST_QUESTIONS_H */
