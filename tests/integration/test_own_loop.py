# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The loop around a descriptor that the guide shows, as a program of its own.

It sleeps until frames come, gets all of them, and ends when the port stops.
"""

import os
import re
import shutil
import subprocess
import textwrap
import time

import eal
import pytest
from apps import LOSSLESS, SMALL, checker, cpu, plugin, sanitizer_env
from process import Process, cpu_seconds

FRAMES = 200

# A share of the time that has passed. A program that does not sleep takes all that it gets.
CPU_MAX = 0.25
SPAN_S = 1.5
SPANS = 10

AROUND = r"""
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

static const uint16_t port = 0, queue = 0;
static volatile int stop; /* never: the loop ends with the port */
static unsigned int frames;

static void
use(struct rte_mbuf **pkts, uint16_t n)
{
	rte_pktmbuf_free_bulk(pkts, n);
	frames += n;
	printf("frames %u\n", frames);
}

static void *
stop_at_end_of_input(void *arg)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	rte_eth_dev_stop(port);
	return arg;
}

static void
loop(void)
{
@
}

int
main(int argc, char **argv)
{
	const struct rte_eth_conf conf = { .intr_conf.rxq = 1 };
	struct rte_mempool *pool;
	pthread_t thread;

	setlinebuf(stdout);
	if (rte_eal_init(argc, argv) < 0)
		return 1;
	pool = rte_pktmbuf_pool_create("mbufs", 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       rte_eth_dev_socket_id(port));
	if (pool == NULL || rte_eth_dev_configure(port, 1, 1, &conf) != 0 ||
	    rte_eth_rx_queue_setup(port, queue, 0, rte_eth_dev_socket_id(port), NULL, pool) != 0 ||
	    rte_eth_tx_queue_setup(port, 0, 0, rte_eth_dev_socket_id(port), NULL) != 0 ||
	    rte_eth_promiscuous_enable(port) != 0 || rte_eth_dev_start(port) != 0)
		return 1;
	printf("ready\n");
	if (pthread_create(&thread, NULL, stop_at_end_of_input, NULL) != 0)
		return 1;
	loop();
	pthread_join(thread, NULL);
	rte_eth_dev_close(port);
	rte_eal_cleanup();
	return 0;
}
"""


def guides_loop():
    """The code in the section of the guide."""
    with open(os.path.join(eal.ROOT, "docs", "nics", "shmbus.rst"), encoding="utf-8") as f:
        section = f.read().partition("\nRx Interrupts\n")[2].partition("\nStatistics\n")[0]
    code = re.search(r"^\.\. code-block:: c\n\n((?: {3}.*\n|\n)+)", section, re.M).group(1)
    return textwrap.dedent(code)


def words(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True,
                          timeout=60).stdout.split()


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The loop as a program."""
    compiler = shutil.which("cc") or pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("own-loop")
    source, made = folder / "loop.c", folder / "loop"
    source.write_text(AROUND.replace("@", guides_loop()), encoding="utf-8")
    done = subprocess.run([compiler, "-std=gnu11", "-Wall", "-Wextra", "-Werror",
                           *words("pkg-config", "--cflags", "libdpdk"), "-o", made, source,
                           *words("pkg-config", "--libs", "libdpdk"), "-lpthread"],
                          capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return made


class OwnLoop(Process):
    """The program on a bus."""

    def __init__(self, program, bus):
        self.file_prefix = eal.unique_prefix("own-loop")
        argv = [str(program)] + eal.eal_args(
            lcores=f"0@{cpu(0)}", memory=SMALL, file_prefix=self.file_prefix, vdevs=[bus.vdev()],
            plugins=[plugin()])
        super().__init__(argv, name="own-loop", env=sanitizer_env())

    def start(self):
        super().start()
        self.wait_for(r"^ready", 120)
        return self

    def received(self):
        found = re.findall(r"^frames (\d+)", self.log, re.M)
        return int(found[-1]) if found else 0

    def assert_sleeps(self):
        """Looks again while a busy machine makes each look expensive."""
        shares = []
        while not shares or shares[-1] > CPU_MAX:
            assert len(shares) < SPANS, f"shares of a CPU: {shares}"
            before, began = cpu_seconds(self.pid), time.monotonic()
            time.sleep(SPAN_S)
            shares.append((cpu_seconds(self.pid) - before) / (time.monotonic() - began))

    def close(self, check=True, graceful=True):
        try:
            super().close(check, graceful)
        finally:
            eal.remove_leftovers(self.file_prefix)


@pytest.mark.parametrize("bus_format", ["lanes", "shmif"])
def test_own_loop(program, make_bus, bus_format):
    devargs = LOSSLESS if bus_format == "lanes" else {}
    bus = make_bus(format=bus_format, **devargs)
    with OwnLoop(program, bus) as process:
        sent = 0
        for _ in range(3):
            with checker(bus.vdev(), send=True, on=1, count=FRAMES, burst=4) as tx:
                sent += tx.result()["sent"]
            process.poll(lambda: process.received() == sent, f"{sent} frames to be received")
            process.assert_sleeps()
        process.close_stdin()
        process.wait(60)
