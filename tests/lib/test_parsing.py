# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The helpers themselves, against drivers that every DPDK has."""

import glob
import os
import signal

import eal
import pytest
from process import Exited, Process, ProcessError, Timeout
from testpmd import Testpmd, parse_fwd_stats, parse_port_stats, parse_xstats

MEMORY = eal.Memory("no-huge", 128)


def null_pmd(**options):
    vdevs = options.pop("vdevs", ["net_null0,copy=1"])
    return Testpmd(vdevs, lcores=eal.core_map(eal.allowed_cpus()[0]), memory=MEMORY, **options)


def test_parse_port_stats():
    stats = parse_port_stats("""
  ######################## NIC statistics for port 0  ########################
  RX-packets: 18446744073709551615 RX-missed: 3          RX-bytes:  4
  RX-errors: 5
  RX-nombuf:  6         
  TX-packets: 7          TX-errors: 8          TX-bytes:  9

  Throughput (since last show)
  Rx-pps:            10          Rx-bps:            11
  Tx-pps:            12          Tx-bps:            13
""")
    assert stats == {"rx_packets": 2**64 - 1, "rx_missed": 3, "rx_bytes": 4, "rx_errors": 5,
                     "rx_nombuf": 6, "tx_packets": 7, "tx_errors": 8, "tx_bytes": 9,
                     "rx_pps": 10, "rx_bps": 11, "tx_pps": 12, "tx_bps": 13}


def test_parse_xstats():
    assert parse_xstats("###### NIC extended statistics for port 0\nrx_good_packets: 5\n"
                        "tx_q0_packets: 18446744073709551615\nnot one: x\n") == {
        "rx_good_packets": 5, "tx_q0_packets": 2**64 - 1}


def test_parse_fwd_stats():
    stats = parse_fwd_stats("""
  ------- Forward Stats for RX Port= 0/Queue= 0 -> TX Port= 1/Queue= 0 -------
  RX-packets: 99             TX-packets: 99             TX-dropped: 0

  ---------------------- Forward statistics for port 0  ----------------------
  RX-packets: 1              RX-dropped: 2             RX-total: 3
  TX-packets: 4              TX-dropped: 5             TX-total: 9
  ----------------------------------------------------------------------------

  ---------------------- Forward statistics for port 1  ----------------------
  RX-packets: 10             RX-dropped: 0             RX-total: 10
  TX-packets: 0              TX-dropped: 0             TX-total: 0
  ----------------------------------------------------------------------------

  +++++++++++++++ Accumulated forward statistics for all ports+++++++++++++++
  RX-packets: 11             RX-dropped: 2             RX-total: 13
  TX-packets: 4              TX-dropped: 5             TX-total: 9
  ++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++
""")
    assert stats[0]["rx_packets"] == 1 and stats[0]["tx_dropped"] == 5
    assert stats[1]["rx_packets"] == 10
    assert stats["all"] == {"rx_packets": 11, "rx_dropped": 2, "rx_total": 13,
                            "tx_packets": 4, "tx_dropped": 5, "tx_total": 9}


def test_core_map():
    assert eal.core_map(1) == "0@1,1@1"
    assert eal.core_map(0, workers=2) == "0@0,1@0,2@0"
    assert eal.core_map([1, 2], main_cpu=0) == "0@0,1@1,2@2"


def test_memory_that_cannot_be_had_is_refused():
    with pytest.raises(ValueError, match="'hugetlb'"):
        eal.Memory("hugetlb")
    with pytest.raises(ValueError, match="--in-memory"):
        eal.Memory("no-huge", in_memory=True)


def test_life_of_a_testpmd():
    """Commands, counters, forwarding, hot-plug; and nothing is left at the end."""
    with null_pmd(vdevs=["net_null0,copy=1", "net_null1"], queues=2) as pmd:
        assert pmd.ports() == [0, 1]
        info = pmd.port_info(1)
        assert (info["driver"], info["name"], info["link"]) == ("net_null", "net_null1", "up")
        pmd.set_fwd("txonly")
        pmd.set_txpkts(1000, 500)
        pmd.start_fwd()
        assert pmd.wait_port_stat(0, "tx_packets", 1000)["tx_packets"] >= 1000
        stopped = pmd.stop_fwd()
        assert stopped["all"]["tx_packets"] == stopped[0]["tx_packets"] + stopped[1]["tx_packets"]
        settled = pmd.wait_stable(0, "tx_packets")
        assert settled["tx_packets"] == stopped[0]["tx_packets"]
        queues = pmd.queue_stats(0)
        assert queues["tx", 0]["packets"] + queues["tx", 1]["packets"] == settled["tx_packets"]
        pmd.clear_stats()
        assert pmd.port_stats(0)["tx_packets"] == 0
        port = pmd.attach("net_null2")
        assert port == 2 and pmd.ports() == [0, 1, 2]
        pmd.cmd("port start 2")
        pmd.detach(2)
        assert pmd.ports() == [0, 1]
        assert os.path.isdir(eal.runtime_dir(pmd.file_prefix))
    assert pmd.returncode() == 0
    assert not os.path.exists(eal.runtime_dir(pmd.file_prefix))


def test_refusals():
    with null_pmd() as pmd:
        with pytest.raises(ProcessError, match="Command not found"):
            pmd.cmd("nonsense")
        with pytest.raises(ProcessError, match="Bad arguments"):
            pmd.cmd("show port stats x")
        with pytest.raises(ProcessError, match="set fwd nonsense|Bad arguments"):
            pmd.set_fwd("nonsense")
        with pytest.raises(ProcessError, match="set txpkts"):
            pmd.set_txpkts(20)  # shorter than the headers that txonly writes
        with pytest.raises(ProcessError, match="port attach"):
            pmd.attach("net_nonsense0")
        with pytest.raises(Timeout, match="rx_packets >= 1000000000000"):
            pmd.wait_port_stat(0, "rx_packets", 10**12, timeout=0.3)
        assert pmd.port_stats(0)


def test_a_device_that_cannot_be_probed():
    with pytest.raises(ProcessError, match="could not be probed"):
        null_pmd(vdevs=["net_null0,nonsense=1"]).start()
    with null_pmd(vdevs=["net_null0,nonsense=1"], check_probe=False) as pmd:
        assert pmd.ports() == []


def test_bad_arguments_show_the_log():
    with pytest.raises(Exited, match="--nonsense"):
        null_pmd(args=["--nonsense"]).start()


def test_a_program_that_is_not_there():
    with pytest.raises(Exited, match="exit status 127"):
        null_pmd(program="dpdk-nonsense").start()


def test_death_is_noticed():
    with pytest.raises(Exited, match="SIGSEGV"):
        with null_pmd() as pmd:
            pmd.signal(signal.SIGSEGV)
            pmd.cmd("show port stats 0")
    assert not os.path.exists(eal.runtime_dir(pmd.file_prefix))


def test_death_at_the_end_is_noticed():
    with pytest.raises(Exited, match="SIGSEGV"):
        with null_pmd() as pmd:
            pmd.signal(signal.SIGSEGV)


def test_kill():
    with null_pmd() as pmd:
        assert pmd.kill() == -signal.SIGKILL


def test_freeze_and_thaw():
    with null_pmd() as pmd:
        pmd.set_fwd("txonly")
        pmd.start_fwd()
        pmd.wait_port_stat(0, "tx_packets", 1)
        pmd.freeze()
        ran = pmd.workers_cpu_ns()
        with pytest.raises(Timeout):
            pmd.cmd("show port stats 0", timeout=0.3)
        assert pmd.workers_cpu_ns() == ran
        pmd.thaw()
        # The late answer to the question above is not taken for the answer to the next one.
        assert pmd.ports() == [0]
        before = pmd.port_stats()["tx_packets"]
        pmd.wait_port_stat(0, "tx_packets", before + 1)


def test_a_frozen_one_is_cleaned_up():
    with null_pmd() as pmd:
        pmd.freeze()
    assert not pmd.alive()


def test_environment_and_wrapper():
    with Process(["sh", "-c", "echo $SHMBUS_TEST; id -u; exec cat"], env={"SHMBUS_TEST": "a b"},
                 wrapper=["nice", "-n", "3"]) as cat:
        cat.wait_for("^a b\n" + str(os.getuid()))
        with open(f"/proc/{cat.pid}/stat", encoding="ascii") as f:
            assert int(f.read().split()[18]) == min(os.nice(0) + 3, 19)
        cat.write("echoed\n")
        cat.wait_for("^echoed")
        cat.close_stdin()
        assert cat.wait() == 0


def test_a_flood_of_output_does_not_block():
    with Process(["sh", "-c", "seq 1 200000; echo done"], name="seq") as seq:
        assert seq.wait(60) == 0
        assert seq.log.startswith("1\n2\n") and seq.log.endswith("200000\ndone\n")


def test_log_file(tmp_path):
    path = tmp_path / "log"
    with Process(["echo", "hello"], log_path=str(path)) as echo:
        echo.wait()
    assert path.read_text() == "hello\n"


def test_five_at_once():
    pmds = [null_pmd(name=f"null{i}") for i in range(5)]
    try:
        for pmd in pmds:
            pmd.start()
        assert len({pmd.file_prefix for pmd in pmds}) == 5
        assert all(pmd.ports() == [0] for pmd in pmds)
    finally:
        for pmd in pmds:
            pmd.close(check=False)
    assert not glob.glob(eal.runtime_dir("null?-" + str(os.getpid()) + "-*"))
