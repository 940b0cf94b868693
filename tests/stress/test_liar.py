# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Ports in full traffic on a bus that somebody writes nonsense into; see liar.c.

One of them sleeps by interrupts where nothing comes, and a dump follows. There are lies everywhere, and
in each field on its own.

What the liar's own lanes carry arrives as frames of noise, which the checkers count as damaged:
here only the streams of the honest senders are looked at.
"""

import contextlib
import signal

import pytest

import tool
from apps import checker, scaled
from checker import stream
from liar import Liar

# Longer than an honest receiver is ever put aside, short enough for what a liar holds up.
PAUSE = {"pause_timeout_ms": 3000}
LANES = {"ports": 8, "queues": 2, "lane_size": 262144, **PAUSE}
SWITCH = {**LANES, "deliver": "switch"}
SHMIF = {"format": "shmif", "lock_break_ms": 100}
SHORT = {"mbufs": 1024, "hold": 32}

# All that a port may have to say of hours of lies; a line each second would be much less.
LOG_MAX = 32768

# What liar.c calls them. The header comes last: who believes it finds no bus there any more.
OWN = ("entry", "roster", "bell", "lane", "record", "cursor")
ANY = {"lanes": (*OWN, "header"), "shmif": ("lock", "record", "header")}

DAMAGED = 3  # how a checker ends that has seen damaged frames


class Dump:
    """The command dump, looking on."""

    def __init__(self, stack, bus):
        self.process = stack.enter_context(
            tool.start("dump", "--follow", "--write", "/dev/null", str(bus), text=True))
        stack.callback(self.process.kill)

    def end(self):
        """It may have given the bus up, but said so. Its exit status."""
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=60)
        assert self.process.returncode in (0, 1), err[-2000:]
        assert "Sanitizer" not in err and "runtime error" not in err, err[-2000:]
        assert len(err) < LOG_MAX, err[-2000:]
        return self.process.returncode


def told(port):
    """All that a checker and its port had to say, but for the reports that were asked for."""
    return [line for line in port.log.splitlines() if not line.startswith("{")]


def end(port):
    """Tell a checker to stop; it may have seen noise, but nothing else may be wrong with it."""
    port.stop()
    assert port.returncode() in (0, DAMAGED), port.tail()
    assert len("".join(told(port))) < LOG_MAX, "a peer can fill the log"
    port.close(check=False)


class Honest:
    """Two senders, one of which receives, too, and a receiver that sleeps where nothing comes."""

    def __init__(self, stack, bus, streams=(0, 1)):
        def begin(on, name, **kwargs):
            port = checker(bus.vdev(), on=on, name=name, **SHORT, **kwargs)
            stack.callback(port.close, check=False, graceful=False)
            return port.begin()

        self.streams = streams
        self.rx = begin(0, "receiver", receive=True, sleep=True)
        self.both = begin(1, "both", send=True, receive=True, id=streams[1], wait=True)
        self.tx = begin(1, "sender", send=True, id=streams[0], wait=True)
        self.ports = [self.rx, self.both, self.tx]
        for port in self.ports:
            port.start()

    def go(self):
        self.both.go()
        self.tx.go()

    def wait_received(self, frames):
        """Until the receiver has got so many more of each stream."""
        for number in self.streams:
            goal = stream(self.rx.report(number), number)["frames"] + frames
            self.rx.poll(lambda n=number, g=goal: stream(self.rx.report(n), n)["frames"] >= g,
                         f"{goal} frames of stream {number}", 300)

    def do_rounds(self, us):
        """Each of them does its rounds for so long, whatever it makes of the bus."""
        before = {port: port.report()["us"] for port in self.ports}
        for port in self.ports:
            port.poll(lambda p=port: p.report()["us"] > before[p] + us, "time to pass", 120)

    def end(self):
        # Who only sends first: a receiver ends when nothing more comes.
        for port in (self.tx, self.both, self.rx):
            end(port)


def lie_in_each(whose, bus, seed, fields, honest):
    """One field after the other; how many lies."""
    lies = 0
    for i, field in enumerate(fields):
        with Liar(whose, bus, seed + i, field=field) as liar:
            honest.do_rounds(150_000)
            assert liar.stop() == 0
        assert liar.lies > 0, field
        lies += liar.lies
    return lies


def exchange(bus, count):
    """Ports that come now send and receive as if nothing had been."""
    with contextlib.ExitStack() as stack:
        rx, tx = (stack.enter_context(checker(bus.vdev(), on=on, **SHORT, **kwargs))
                  for on, kwargs in ((0, {"receive": True}),
                                     (1, {"send": True, "count": count, "id": 9})))
        sent = tx.result()
        got = rx.finish()
    found = stream(got, 9)
    return sent["sent"], found["frames"]


@pytest.mark.parametrize("kind", [LANES, SWITCH], ids=["hub", "switch"])
def test_own(make_bus, counts, kind):
    """The liar writes only its own words: all frames of other ports arrive, whole and in order."""
    bus = make_bus(**kind)
    with contextlib.ExitStack() as stack:
        honest = Honest(stack, bus)
        dump = Dump(stack, bus)
        # While the receiver sleeps, and while there is traffic.
        lies = lie_in_each("own", bus, 10, ("entry", "bell"), honest)
        honest.go()
        lies += lie_in_each("own", bus, 20, OWN, honest)
        liars = [stack.enter_context(Liar("own", bus, seed, pause_us))
                 for seed, pause_us in ((1, 0), (2, 200))]
        honest.wait_received(scaled(20_000, least=2_000))
        # A sender that leaves still has its last frames read, lies or not.
        sent = honest.tx.finish()
        for port in (honest.rx, honest.both):
            port.poll(lambda p=port: stream(p.report(0), 0)["frames"] >= sent["sent"],
                      "the last frames of the sender", 300)
        seen = honest.both.report(0)
        for liar in liars:
            assert liar.stop() == 0
            lies += liar.lies
        assert dump.end() == 0
        both = honest.both.finish()
        got = honest.rx.finish()
        assert got["sleeps"] > 0
        for number, total, by in ((0, sent["sent"], got), (1, both["sent"], got),
                                  (0, sent["sent"], seen)):
            found = stream(by, number)
            assert found == {"id": number, "frames": total, "stale": 0, "first": 0, "next": total}
        for port in honest.ports:
            assert port.returncode() in (0, DAMAGED)
            assert len("".join(told(port))) < LOG_MAX
            port.close(check=False)
        counts(f"{lies} lies; {sent['sent']} + {both['sent']} frames of honest ports sent and "
               f"received, {got['damaged']} of noise, {got['sleeps']} sleeps")


def lie_anywhere(bus, seed, fields, counts):
    """Nobody crashes or hangs while it lies; afterwards ports that come find a bus that works."""
    with contextlib.ExitStack() as stack:
        honest = Honest(stack, bus)
        dump = Dump(stack, bus)
        honest.go()
        honest.wait_received(1000)
        with Liar("any", bus, seed) as liar:
            honest.do_rounds(600_000)
            assert liar.stop() == 0
        lies = liar.lies + lie_in_each("any", bus, 10 * seed, fields, honest)
        dump.end()
        honest.end()
    # Fewer bytes than a shmif bus holds: no reader is overrun.
    sent, got = exchange(bus, 1000)
    assert sent == got == 1000
    counts(f"{lies} lies anywhere, nobody fell over them")


def test_anywhere_lanes(make_bus, counts):
    """The words of all: tables, records, cursors, header."""
    lie_anywhere(make_bus(**LANES), 3, ANY["lanes"], counts)


def test_anywhere_switch(make_bus, counts):
    """The same with directed frames."""
    lie_anywhere(make_bus(**SWITCH), 5, ANY["lanes"], counts)


def test_anywhere_shmif(make_bus, counts):
    """The lock, the ring's ends, the records."""
    lie_anywhere(make_bus(**SHMIF), 4, ANY["shmif"], counts)
