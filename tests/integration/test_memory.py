# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Every kind of memory that a DPDK process may run with, and every place for the bus file."""

import contextlib
import os
import stat
import subprocess
import tempfile

import eal
import pytest
from apps import LOSSLESS, SMALL, checker, receives_exactly, scaled, testpmd
from busfile import Bus

FRAMES = 100_000


def cross(tx, rx):
    """Frames from one testpmd to another, none lost; how many."""
    rx.set_fwd("rxonly")
    rx.start_fwd()
    tx.set_fwd("txonly")
    tx.start_fwd()
    tx.wait_port_stat(0, "tx_packets", scaled(FRAMES))
    tx.stop_fwd()
    sent = tx.port_stats()["tx_packets"]
    got = receives_exactly(rx, 0, sent)
    assert got["rx_missed"] == got["rx_errors"] == 0
    rx.stop_fwd()
    return sent


def test_ordinary_user(ordinary, folder, counts):
    """--no-huge as a user without any privilege: testpmd to testpmd, and dpdk-checker."""
    ordinary.own(folder)
    bus = Bus(os.path.join(folder, "bus"), **LOSSLESS)
    with testpmd(bus.vdev(), name="rx", **ordinary.process) as rx, \
            testpmd(bus.vdev(), name="tx", on=1, **ordinary.process) as tx:
        for pmd in (rx, tx):
            with open(f"/proc/{pmd.pid}/status", encoding="ascii") as f:
                assert "Uid:\t0\t" not in f.read()
        sent = cross(tx, rx)
        assert stat.S_IMODE(os.stat(bus.path).st_mode) == 0o600
        # A change of the file's permissions does not affect ports that have it open.
        os.chmod(bus.path, 0)
        for pmd in (rx, tx):
            pmd.cmds("port stop 0", "port start 0")
            pmd.wait_link(up=True)
        sent = cross(tx, rx)
        os.chmod(bus.path, 0o600)
    with checker(bus.vdev(), receive=True, **ordinary.checker) as rx, \
            checker(bus.vdev(), send=True, count=10_000, on=1, **ordinary.checker) as tx:
        tx.result()
        assert rx.finish()["received"] == 10_000
    counts(f"sent and received {sent}, and 10000 with contents checked")


def test_two_users(ordinary, counts):
    """mode=0666: another user's port joins the bus, in /dev/shm, where others' files are special."""
    if not ordinary.is_root:
        pytest.skip("only root can start programs as two users")
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("there is no /dev/shm")
    bus = Bus(f"/dev/shm/shmbus-test-users-{os.getpid()}", mode="0666", **LOSSLESS)
    try:
        with testpmd(bus.vdev(), name="root") as one, \
                testpmd(bus.vdev(), name="nobody", on=1, **ordinary.process) as two:
            assert stat.S_IMODE(os.stat(bus.path).st_mode) == 0o666
            sent = [cross(one, two), 0]
        # The other way round: the file is the ordinary user's.
        bus.remove()
        with testpmd(bus.vdev(), name="nobody", **ordinary.process) as two, \
                testpmd(bus.vdev(), name="root", on=1) as one:
            assert os.stat(bus.path).st_uid == ordinary.UID
            sent[1] = cross(two, one)
    finally:
        bus.remove()
    counts(f"sent and received {sent[0]} and {sent[1]}")


def huge(path):
    return {"memory": eal.HUGE, "eal_extra": ["--huge-dir", path]}


IN_MEMORY = {"memory": eal.Memory("huge", in_memory=True)}
NO_HUGE = {"memory": SMALL}


def test_kinds_of_memory(hugetlbfs, bus, counts):
    """Hugepages, --in-memory and --no-huge: three processes on one bus, everyone sends once."""
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(testpmd(bus.vdev(), name=name, on=i, **kind))
                 for i, (name, kind) in enumerate([("huge", huge(hugetlbfs)),
                                                   ("in-memory", IN_MEMORY),
                                                   ("no-huge", NO_HUGE)])]
        for pmd in ports:
            pmd.set_fwd("flowgen")
            pmd.start_fwd()
        for pmd in ports:
            pmd.wait_port_stat(0, "tx_packets", scaled(FRAMES))
        for pmd in ports:
            pmd.stop_fwd()
        for pmd in ports:
            pmd.set_fwd("rxonly")
            pmd.start_fwd()
        sent = [pmd.port_stats()["tx_packets"] for pmd in ports]
        got = [receives_exactly(pmd, 0, sum(sent) - sent[i]) for i, pmd in enumerate(ports)]
    assert all(s["rx_missed"] == 0 for s in got)
    counts(f"huge, in-memory, no-huge: sent {sent}, received {[s['rx_packets'] for s in got]}")


def test_file_prefix(bus, counts):
    """Processes that share nothing of EAL, each with a --file-prefix of its own, share a bus."""
    prefixes = [eal.unique_prefix("one"), eal.unique_prefix("two")]
    try:
        with testpmd(bus.vdev(), name="rx", file_prefix=prefixes[0]) as rx, \
                testpmd(bus.vdev(), name="tx", on=1, file_prefix=prefixes[1]) as tx:
            for prefix in prefixes:
                assert os.path.isdir(eal.runtime_dir(prefix))
            sent = cross(tx, rx)
    finally:
        for prefix in prefixes:
            eal.remove_leftovers(prefix)
    counts(f"sent and received {sent}")



def bus_works_at(path, counts, **devargs):
    """testpmd to testpmd, contents, a death and a take-over, on a bus file at this place."""
    bus = Bus(path, **LOSSLESS, **devargs)
    try:
        with testpmd(bus.vdev(), name="rx") as rx, testpmd(bus.vdev(), name="tx", on=1) as tx:
            sent = cross(tx, rx)
        with checker(bus.vdev(), receive=True, mtu=9000) as rx:
            victim = checker(bus.vdev(), send=True, on=1, id=1)
            with victim:
                victim.wait_more("sent", 1000)
                victim.kill()
            # Whoever comes takes over its slot.
            with checker(bus.vdev(), send=True, on=1, id=2, count=scaled(200_000), mtu=9000,
                         lengths="14-9014", segments=8) as tx:
                checked = tx.result()["sent"]
                assert [s.incarnation for s in bus.slots()][1] >= 3
            got = rx.finish()
            by_id = {s["id"]: s for s in got["streams"]}
            assert by_id[2]["frames"] == by_id[2]["next"] == checked
            assert got["port"]["imissed"] == 0
        assert not any(slot.alive for slot in bus.slots())
        counts(f"sent and received {sent}, and {checked} with contents checked")
        header = bus.header()
    finally:
        bus.remove()
    return header


def test_bus_on_disk(counts):
    """The bus file in $TMPDIR, on whatever filesystem that is."""
    with tempfile.TemporaryDirectory(prefix="shmbus-test-") as path:
        kind = subprocess.run(["stat", "-f", "-c", "%T", path], stdout=subprocess.PIPE, text=True,
                              check=True, timeout=60).stdout.strip()
        bus_works_at(os.path.join(path, "bus"), lambda line: counts(f"{kind}: {line}"))


def test_bus_on_hugetlbfs(hugetlbfs, counts):
    """The bus file on hugetlbfs, where it cannot be written to but through a mapping."""
    page = os.statvfs(hugetlbfs).f_bsize
    header = bus_works_at(os.path.join(hugetlbfs, "bus"), counts, ports=4)
    assert header["lane_size"] % page == 0
    assert header["data_off"] % page == 0


# The default path. Somebody may be using it: a private /dev/shm where we can have one.

OWN_SHM = ["unshare", "--mount", "sh", "-c",
           'mount -t tmpfs none /dev/shm && exec "$@"', "sh"]


def test_no_argument_at_all(counts):
    """--vdev=net_shmbus0 and nothing else."""
    private = os.getuid() == 0 and subprocess.run(
        [*OWN_SHM, "true"], check=False, timeout=60, stderr=subprocess.DEVNULL).returncode == 0
    if not private and os.path.exists("/dev/shm/shmbus"):
        pytest.skip("/dev/shm/shmbus exists, and may be in use")
    first = {"wrapper": OWN_SHM} if private else {}
    try:
        with testpmd("net_shmbus0", name="rx", **first) as rx:
            second = {}
            if private:
                second["wrapper"] = ["nsenter", "-t", str(rx.pid), "--mount", "--root"]
            root = f"/proc/{rx.pid}/root" if private else ""
            assert stat.S_IMODE(os.stat(f"{root}/dev/shm/shmbus").st_mode) == 0o600
            with testpmd("net_shmbus0", name="tx", on=1, **second) as tx:
                bus = Bus(f"{root}/dev/shm/shmbus")
                assert [slot.number for slot in bus.slots() if slot.alive] == [0, 1]
                header = bus.header()
                assert (header["ports"], header["queues"]) == (32, 4)
                info = rx.port_info()
                assert info["mac"].startswith("B2:A0:") and info["link"] == "up"
                # The default pause timeout: what a long pause of the machine costs is counted.
                rx.set_fwd("rxonly")
                rx.start_fwd()
                tx.set_fwd("txonly")
                tx.start_fwd()
                tx.wait_port_stat(0, "tx_packets", scaled(FRAMES))
                tx.stop_fwd()
                sent = tx.port_stats()["tx_packets"]
                got = rx.poll(lambda: (lambda s: s["rx_packets"] + s["rx_missed"] >= sent and s)(
                    rx.port_stats()), "all frames to be received or counted as missed")
                assert got["rx_packets"] + got["rx_missed"] == sent
    finally:
        if not private:
            Bus("/dev/shm/shmbus").remove()
    counts(f"sent {sent}, received {got['rx_packets']}, missed {got['rx_missed']}")


def test_unlink(make_bus, counts):
    """unlink=on: the last port to leave removes the file, and no other port does."""
    bus = make_bus(unlink="on")
    with checker(bus.vdev(), receive=True):
        with checker(bus.vdev(), receive=True, on=1):
            pass
        assert bus.exists()
    assert not bus.exists()
    # One that was not asked to remove it does not.
    with checker(bus.vdev(unlink="off"), receive=True):
        with checker(bus.vdev(), receive=True, on=1):
            pass
        assert bus.exists()
    assert bus.exists()
    counts("removed by the last to leave only")
