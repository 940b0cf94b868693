# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What scripts/demo runs: testpmd txonly -> a bus file -> testpmd rxonly, with live rates."""

import argparse
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))

import builddir  # noqa: E402
import eal  # noqa: E402
from process import ProcessError  # noqa: E402
from testpmd import Testpmd  # noqa: E402


def bus_folder():
    """Where shared memory is, or the next best."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()


def memory():
    if eal.hugepage_problem() is None:
        return eal.HUGE, "hugepages"
    return eal.NO_HUGE, "no hugepages"


def say(line=""):
    print(line, flush=True)


def watch(sender, receiver, seconds):
    """A line a second; the rate of all of it in frames per second."""
    begin = before = receiver.port_stats_at()
    sent_before = sender.port_stats_at()
    say("   time      sent/s  received/s    received   missed")
    for second in range(1, seconds + 1):
        time.sleep(max(0.0, begin[0] + second - time.monotonic()))
        sent, now = sender.port_stats_at(), receiver.port_stats_at()
        say("%5d s %9.2f M %9.2f M %11d %8d" % (
            second,
            (sent[1]["tx_packets"] - sent_before[1]["tx_packets"])
            / (sent[0] - sent_before[0]) / 1e6,
            (now[1]["rx_packets"] - before[1]["rx_packets"]) / (now[0] - before[0]) / 1e6,
            now[1]["rx_packets"], now[1]["rx_missed"]))
        before, sent_before = now, sent
    return (before[1]["rx_packets"] - begin[1]["rx_packets"]) / (before[0] - begin[0])


def look_on(bus):
    """What the command shows of it, while the frames go on."""
    program = os.path.join(builddir.folder(), "app", "shmbus", "shmbus")
    if not os.access(program, os.X_OK):
        say()
        say("Nobody looks on: the command shmbus is not built, as a library is missing: run scripts/setup.")
        return
    for command in (["top", "--once", bus], ["dump", "--new", "--count", "3", "--no-tcpdump", bus]):
        say()
        say("$ shmbus " + " ".join(command))
        done = subprocess.run([program, *command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        say(done.stdout.rstrip("\n"))
        if done.returncode != 0:
            raise ProcessError("shmbus %s: exit status %d" % (command[0], done.returncode))


def lost_frames(lost, xstats, pause_timeout_ms):
    """Why frames are missing, and what to set."""
    if xstats.get("tx_pause_timeouts", 0) == 0:
        return "%d frames are missing, though the sender waited for the receiver each time." % lost
    return ("%d frames were missed: the receiver did not move for over pause_timeout_ms (%d ms), because other "
            "programs had its CPU, and the sender went on without it. scripts/demo --pause-timeout-ms %d waits "
            "longer; for ports of your own that is the device argument pause_timeout_ms=%d of the sender."
            % (lost, pause_timeout_ms, 10 * pause_timeout_ms, 10 * pause_timeout_ms))


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--seconds", type=int, default=10, help="how long (default: %(default)s)")
    parser.add_argument("--size", type=int, default=64,
                        help="frame length in bytes without FCS (default: %(default)s)")
    parser.add_argument("--pause-timeout-ms", type=int, default=1000, metavar="MS",
                        help="how long the sender waits for a receiver that does not move "
                        "(default: %(default)s)")
    args = parser.parse_args()
    cpus = eal.allowed_cpus()
    mem, mem_text = memory()
    bus = os.path.join(bus_folder(), "shmbus-demo-%d" % os.getpid())
    common = {"shmbus": True, "memory": mem}
    receiver_dev = "net_shmbus_rx,path=" + bus
    sender_dev = "net_shmbus_tx,path=" + bus
    if args.pause_timeout_ms != 1000:
        sender_dev += ",pause_timeout_ms=%d" % args.pause_timeout_ms

    say("Two stock dpdk-testpmd processes, %s, one file as their wire: %s" % (mem_text, bus))
    say("  sender    txonly, core %d:  --vdev=%s" % (cpus[0], sender_dev))
    say("  receiver  rxonly, core %d:  --vdev=%s" % (cpus[-1], receiver_dev))
    try:
        with Testpmd(lcores=eal.core_map(cpus[-1]), name="receiver", vdevs=[receiver_dev],
                     **common) as receiver, \
                Testpmd(lcores=eal.core_map(cpus[0]), name="sender", vdevs=[sender_dev],
                        **common) as sender:
            receiver.set_fwd("rxonly")
            sender.set_fwd("txonly")
            sender.set_txpkts(args.size)
            receiver.start_fwd()
            sender.start_fwd()
            receiver.wait_port_stat(0, "rx_packets", 1)
            rate = watch(sender, receiver, args.seconds)
            look_on(bus)
            sender.stop_fwd()
            received = receiver.wait_stable()["rx_packets"]
            sent = sender.port_stats()["tx_packets"]
            xstats = sender.port_xstats()
    except ProcessError as error:
        sys.exit("scripts/demo: %s" % error)
    finally:
        if os.path.exists(bus):
            os.unlink(bus)
    say()
    say("Every frame was copied into the file by one process and out of it by the other.")
    say("%d B: sent %d, received %d, lost %d, %.1f Mpps"
        % (args.size, sent, received, sent - received, rate / 1e6))
    if sent != received:
        say(lost_frames(sent - received, xstats, args.pause_timeout_ms))
    sys.exit(0 if received > 0 else 1)


if __name__ == "__main__":
    main()
