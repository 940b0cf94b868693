# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What shmbus stream and shmbus gateway carry.

Two buses joined by a stream, over TCP and over a Unix socket: a replay at full speed on the one, and
what arrives on the other. A download by a virtual machine, through passt: by shmbus gateway and shmbus
stream, and beside it by QEMU's own stream straight to passt. A download by a client in a network
namespace: by shmbus tap and shmbus gateway, and beside it by pasta, which is passt for namespaces, with
a tap of its own. All take turns.
"""

import contextlib
import itertools
import os
import shutil
import sys
import tempfile
import time

import guest
import machine
import netns
import pcaps
import tool
from frame_stream import LIMIT_S, Stream, frame, free_port
from guest import Guest
from netns import Netns, Tap, WebServer
from process import Process
from throughput import align

SIZES = (64, 1500)
KINDS = ("tcp", "unix")
WAYS = ("gateway", "passt alone")
CLIENT_WAYS = ("gateway", "pasta alone")
CLIENT_TIMES = 4  # what a client downloads, in downloads of a guest
MTUS = (1500, 65520)
ROUTER = "192.0.2.1"
HOST = "192.0.2.2"


# ---- from bus to bus


def between_buses(kind, size, seconds):
    """(Gbit/s that have arrived, missed by the sender's stream), once."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        left, right = (os.path.join(folder, name) for name in ("left", "right"))
        capture = os.path.join(folder, "capture.pcap")
        pcaps.write(capture, [frame(number, size) for number in range(1000)])
        address = f"127.0.0.1:{free_port()}" if kind == "tcp" else os.path.join(folder, "socket")
        with Stream(left, address, "--listen") as near, Stream(right, address) as far, \
                Process([tool.program(), "replay", "--fast", "--loop", "0", left, capture]) as replay:
            far.poll(lambda: far.counters()["to_bus"]["frames"] != 0, "the first frame", LIMIT_S)
            begin, before = time.monotonic(), far.counters()["to_bus"]["bytes"]
            time.sleep(seconds)
            after, end = far.counters()["to_bus"]["bytes"], time.monotonic()
            replay.stop()
            return (after - before) * 8 / (end - begin) / 1e9, near.counters()["from_bus"]["missed"]


# ---- a virtual machine and passt


@contextlib.contextmanager
def _host(megabytes):
    """A namespace with a default route, and a web server with a file on its loopback interface."""
    with Netns() as ns, tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        ns.ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        ns.ip("address", "add", f"{HOST}/24", "dev", "eth0")
        for device in ("eth0", "eth1"):
            ns.ip("link", "set", device, "up")
        ns.ip("route", "add", "default", "via", ROUTER)
        for name, length in (("file", megabytes), ("large", CLIENT_TIMES * megabytes)):
            with open(os.path.join(folder, name), "wb") as f:
                f.truncate(length << 20)
        with WebServer(folder, "-b", "127.0.0.1", wrapper=ns.argv()):
            yield ns


@contextlib.contextmanager
def _connected(way, ns, folder):
    """The arguments of QEMU for a card behind which passt is."""
    sock = os.path.join(folder, "socket")
    if way == "gateway":
        bus = os.path.join(folder, "bus")
        with Process(ns.argv(tool.program(), "gateway", bus), name="gateway") as gateway, \
                Stream(bus, sock, "--listen"):
            gateway.wait_for("^passt .* joined", netns.LIMIT_S)
            yield sock
    else:
        # passt changes to another user, and makes its socket as that one
        os.chmod(folder, 0o777)
        with Process(ns.argv("passt", "--foreground", "--quiet", "--mtu", "1500", "--socket", sock),
                     name="passt") as passt:
            passt.poll(lambda: os.path.exists(sock), "passt's socket", netns.LIMIT_S)
            yield sock
            passt.kill()


def download(way, ns, megabytes):
    """MB/s of a download in a guest, once."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, _connected(way, ns, folder) as sock, \
            Guest(folder, "-netdev", f"stream,id=n,addr.type=unix,addr.path={sock}",
                  "-device", "virtio-net-pci,netdev=n") as vm:
        vm.run("udhcpc -i eth0 -n -q -t 20 -s /etc/udhcpc/default.script")
        begin = time.monotonic()
        got = vm.run(f"wget -q -O - http://{ROUTER}:{WebServer.PORT}/file | wc -c")
        assert int(got) == megabytes << 20, got
        return megabytes * 1.048576 / (time.monotonic() - begin)


# ---- a client in a namespace and passt


def fetch(way, ns, mtu):
    """MB/s of a download by a client, once."""
    curl = ("curl", "-sS", "-o", "/dev/null", "-w", "%{speed_download}",
            f"http://{ROUTER}:{WebServer.PORT}/large")
    if way == "gateway":
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, Netns() as client:
            bus = os.path.join(folder, "bus")
            with Process(ns.argv(tool.program(), "gateway", bus, "--", "--mtu", mtu), name="gateway") \
                    as gateway:
                gateway.wait_for("^passt .* joined", netns.LIMIT_S)
                with Tap(bus, "-N", client.name, "-a", f"{HOST}/24", "--mtu", mtu):
                    client.ip("route", "add", "default", "via", ROUTER)
                    speed = client.run(*curl)
    else:
        # not as root: pasta gives that up, and cannot configure its namespace then
        speed = ns.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                       "pasta", "--quiet", "--ipv4-only", "--config-net", "--mtu", mtu, "--", *curl)
    return float(speed.split()[-1]) / 1e6


# ---- all of them


def problem():
    """Why nothing behind passt can be measured here, or None."""
    for program in ("passt", "pasta", "curl"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return netns.problem() or guest.problem()


def run(args, progress):
    """Alternates; prints the medians, and returns all samples."""
    samples = []
    megabytes = 2 if args.seconds < 1 else 64
    with contextlib.ExitStack() as stack:
        ns = None if problem() else stack.enter_context(_host(megabytes))
        for number in range(args.rounds):
            for size in SIZES:
                for kind in KINDS:
                    progress(f"round {number + 1} of {args.rounds}, {kind}, {size} bytes")
                    gbits, missed = between_buses(kind, size, args.seconds)
                    samples.append({"kind": kind, "size": size, "gbits": gbits, "missed": missed})
            for way in WAYS if ns else ():
                progress(f"round {number + 1} of {args.rounds}, a guest, {way}")
                samples.append({"way": way, "mbytes": download(way, ns, megabytes)})
            for mtu, way in itertools.product(MTUS, CLIENT_WAYS if ns else ()):
                progress(f"round {number + 1} of {args.rounds}, a client, MTU {mtu}, {way}")
                samples.append({"client": way, "mtu": mtu, "mbytes": fetch(way, ns, mtu)})
    progress("")
    report(args, samples, megabytes)
    return samples


def report(args, samples, megabytes):
    def middle(key, **which):
        return machine.median([s[key] for s in samples if which.items() <= s.items()])

    rows = [["bytes", *(f"{kind} Gbit/s" for kind in KINDS), "missed"]]
    for size in SIZES:
        missed = sum(s["missed"] for s in samples if s.get("size") == size)
        rows.append([str(size), *(f"{middle('gbits', kind=kind, size=size):.2f}" for kind in KINDS),
                     str(missed)])
    print(f"from bus to bus, medians of {args.rounds} runs of {args.seconds:g} s")
    print(align(rows))
    if problem():
        print(f"no downloads: {problem()}", file=sys.stderr)
        return
    found = {way: middle("mbytes", way=way) for way in WAYS}
    print(f"\na guest downloads {megabytes} MiB, medians of {args.rounds} runs")
    print(align([["through", "MB/s"], *([way, f"{found[way]:.1f}"] for way in WAYS),
                 ["ratio", f"{found[WAYS[0]] / found[WAYS[1]]:.2f}"]]))
    rows = [["MTU", *(f"{way} MB/s" for way in CLIENT_WAYS), "ratio"]]
    for mtu in MTUS:
        bus, alone = (middle("mbytes", client=way, mtu=mtu) for way in CLIENT_WAYS)
        rows.append([str(mtu), f"{bus:.1f}", f"{alone:.1f}", f"{bus / alone:.2f}"])
    print(f"\na client in a namespace downloads {CLIENT_TIMES * megabytes} MiB, medians of {args.rounds} "
          "runs")
    print(align(rows))
