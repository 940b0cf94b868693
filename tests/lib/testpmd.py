# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Drive the distribution's unmodified dpdk-testpmd through its interactive prompt.

    with Testpmd(vdevs=["net_null0,copy=1"], lcores=core_map(0)) as pmd:
        pmd.set_fwd("txonly")
        pmd.start_fwd()
        pmd.wait_port_stat(0, "tx_packets", 1000)
        print(pmd.stop_fwd()["all"])

Every command ends in exactly one new prompt: that is how cmd() knows that it is over. What the
drivers log in between is part of a command's output, but nothing that looks like a prompt.
"""

import re
import time

import eal
from process import Process, ProcessError, clock

# testpmd tells of events from another thread, and drivers log from theirs, line by line, also in
# the middle of a prompt.
ASIDE = r"(?:\r*\n|Port \d+: [a-z ]+ event\r*\n|[A-Z][A-Z0-9_]*: [^\n]*\n)*"
PROMPT = ASIDE.join(re.escape(char) for char in "testpmd> ")
REFUSED = re.compile(r"^(Bad arguments|Command not found|Ambiguous command|Invalid port \d+.*)$",
                     re.M)
STAT_NAMES = {"RX-missed": "rx_missed", "RX-nombuf": "rx_nombuf"}


def _stat_name(label):
    return STAT_NAMES.get(label, label.lower().replace("-", "_"))


def parse_port_stats(text):
    """`show port stats N` -> {"rx_packets": 1, "rx_missed": 0, ..., "tx_pps": 0}."""
    return {_stat_name(label): int(value)
            for label, value in re.findall(r"\b([RT][Xx]-\w+):\s+(\d+)", text)}


def parse_xstats(text):
    """`show port xstats N` -> {"rx_good_packets": 1, ...}."""
    return {name: int(value) for name, value in re.findall(r"^(\w+): (\d+)\s*$", text, re.M)}


def parse_fwd_stats(text):
    """What `stop` prints -> {0: {...}, 1: {...}, "all": {...}}, keyed by port."""
    result = {}
    section = None
    for line in text.splitlines():
        port = re.search(r"-+ Forward statistics for port (\d+)\s+-+", line)
        if port:
            section = result.setdefault(int(port.group(1)), {})
        elif "Accumulated forward statistics for all ports" in line:
            section = result.setdefault("all", {})
        elif re.match(r"\s+-+ Forward Stats for RX Port", line):
            section = None  # one stream among several of its port: not counted twice
        elif section is not None:
            section.update(parse_port_stats(line))
    return result


class Testpmd(Process):
    """One dpdk-testpmd, interactive.

    vdevs        devices, as `--vdev` takes them
    lcores       EAL's map; see eal.core_map()
    memory       eal.NO_HUGE, eal.HUGE or an eal.Memory
    shmbus       load the net_shmbus plugin (found by eal.plugin_path())
    queues       Rx and Tx queues per port
    mbufs        size of the mbuf pool; the default of testpmd would want hundreds of MB
    mbuf_size    bytes per mbuf with its headroom; 9216 holds a 9014-byte frame in one segment
    args         more testpmd arguments, eal_extra more EAL arguments
    file_prefix  chosen and cleaned up here unless given (a secondary shares its primary's)
    check_probe  a device that cannot be probed is an error; testpmd itself goes on without it
    """

    __test__ = False  # not a test class, whatever pytest thinks of the name

    def __init__(self, vdevs=(), *, lcores=None, memory=eal.NO_HUGE, shmbus=False, plugins=(),
                 queues=1, mbufs=8192, mbuf_size=None, args=(), eal_extra=(), log_level=None,
                 telemetry=False, file_prefix=None, proc_type=None, program="dpdk-testpmd",
                 check_probe=True, name="testpmd", ready_timeout=120.0, cmd_timeout=60.0, **process):
        self.owns_prefix = file_prefix is None
        self.check_probe = check_probe
        self.file_prefix = file_prefix or eal.unique_prefix(name)
        self.ready_timeout = ready_timeout
        self.cmd_timeout = cmd_timeout
        self.unanswered = None  # where in the log the answer to a command is still awaited
        plugins = list(plugins)
        if shmbus:
            path = eal.plugin_path()
            if path is None:
                raise ProcessError("the net_shmbus plugin is not built: run scripts/setup")
            plugins.append(path)
        argv = [program] + eal.eal_args(
            lcores=lcores, memory=memory, file_prefix=self.file_prefix, vdevs=vdevs,
            plugins=plugins, telemetry=telemetry, log_level=log_level, proc_type=proc_type,
            extra=eal_extra)
        argv += ["--", "-i", f"--total-num-mbufs={mbufs}"]
        if queues != 1:
            argv += [f"--rxq={queues}", f"--txq={queues}"]
        if mbuf_size is not None:
            argv += [f"--mbuf-size={mbuf_size}"]
        argv += [str(arg) for arg in args]
        super().__init__(argv, name=name, **process)

    def start(self):
        """Start testpmd and wait for its first prompt."""
        super().start()
        try:
            self.wait_for(PROMPT, self.ready_timeout, what="its prompt")
            if self.check_probe and re.search(r"^EAL: Bus \(\w+\) probe failed", self.log, re.M):
                self.fail("a device could not be probed")
        except ProcessError:
            self.close(check=False, graceful=False)
            raise
        return self

    # Commands

    def cmd(self, line, timeout=None, check=True):
        """Type a command, wait for the next prompt, return what came between the two.

        With `check`, a command that testpmd does not understand is an error. A refusal by a
        driver is worded by the driver: look for it in what is returned.
        """
        if self.unanswered is not None:
            # The prompt of a command that timed out is not the prompt of this one.
            self.wait_for(PROMPT, timeout or self.cmd_timeout, self.unanswered, "its prompt")
        since = self.unanswered = self.mark()
        self.write(line + "\n")
        found = self.wait_for(PROMPT, timeout or self.cmd_timeout, since, f"the answer to '{line}'")
        self.unanswered = None
        output = self.log[since:found.start()]
        output = output.partition("\n")[2]
        if check and REFUSED.search(output):
            self.fail(f"'{line}': {REFUSED.search(output).group(0)}")
        return output

    def begin_cmd(self, line):
        """Type a command; the next one waits for its prompt."""
        self.unanswered = self.mark()
        self.write(line + "\n")

    def cmds(self, *lines):
        """Several commands; the output of the last one."""
        output = ""
        for line in lines:
            output = self.cmd(line)
        return output

    # Counters

    def port_stats(self, port=0):
        """The ethdev's basic counters."""
        return self.port_stats_at(port)[1]

    def port_stats_at(self, port=0):
        """(moment of the reading in seconds, counters).

        testpmd reads the counters on its main lcore, between our write and its prompt. Where that
        lcore shares its CPU with a forwarding one, it runs at once when it wakes up and may be
        put aside while it prints: the moment is therefore nearer to the write.
        """
        moment = time.monotonic()
        stats = parse_port_stats(self.cmd(f"show port stats {port}"))
        if "rx_packets" not in stats:
            self.fail(f"no statistics for port {port}")
        return moment, stats

    def port_xstats(self, port=0):
        """The extended counters, those that are zero too."""
        return parse_xstats(self.cmd(f"show port xstats {port}"))

    def queue_stats(self, port=0):
        """The per-queue counters among the xstats: {("rx", 0): {"packets": 1, "bytes": 64}}."""
        result = {}
        for name, value in self.port_xstats(port).items():
            found = re.fullmatch(r"([rt]x)_q(\d+)_?(\w+)", name)
            if found:
                key = (found.group(1), int(found.group(2)))
                result.setdefault(key, {})[found.group(3)] = value
        return result

    def clear_stats(self, port="all"):
        self.cmds(f"clear port stats {port}", f"clear port xstats {port}")

    def wait_port_stat(self, port, stat, at_least, timeout=60.0):
        """Wait until a counter has reached a value; return all counters."""
        def reached():
            stats = self.port_stats(port)
            return stats if stats[stat] >= at_least else None
        return self.poll(reached, f"port {port} {stat} >= {at_least}", timeout)

    def wait_stable(self, port=0, stat="rx_packets", quiet_s=0.3, timeout=60.0):
        """Wait until a counter has stood still for `quiet_s`; return all counters."""
        last = [None, clock()]

        def quiet():
            stats = self.port_stats(port)
            if stats[stat] != last[0]:
                last[:] = stats[stat], clock()
                return None
            return stats if clock() - last[1] >= quiet_s else None
        return self.poll(quiet, f"port {port} {stat} to stand still", timeout)

    # Forwarding

    def set_fwd(self, mode):
        """io, mac, macswap, txonly, rxonly, flowgen, ..."""
        output = self.cmd(f"set fwd {mode}")
        if f"Set {mode} packet forwarding mode" not in output:
            self.fail(f"'set fwd {mode}' was refused")

    def set_txpkts(self, *lengths):
        """The segment lengths of the frames that txonly sends: (64,) or (1000, 500)."""
        self.cmd(f"set txpkts {','.join(map(str, lengths))}")
        shown = re.search(r"^Segment sizes:(.*)$", self.cmd("show config txpkts"), re.M)
        if not shown or re.findall(r"\d+", shown.group(1)) != [str(n) for n in lengths]:
            self.fail(f"'set txpkts' of {lengths} was refused")

    def start_fwd(self, tx_first=0):
        """Start forwarding; `tx_first` bursts are sent beforehand."""
        output = self.cmd(f"start tx_first {tx_first}" if tx_first else "start")
        if "packet forwarding - ports=" not in output:
            self.fail("forwarding did not start")
        return output

    def stop_fwd(self):
        """Stop forwarding; the counters of this run as parse_fwd_stats() returns them."""
        output = self.cmd("stop")
        stats = parse_fwd_stats(output)
        if "all" not in stats:
            self.fail("forwarding did not stop")
        return stats

    def workers_cpu_ns(self):
        """{name: how long it has run} of the forwarding lcores; empty where the kernel does not
        count."""
        return {name: ns for name, ns in self.thread_cpu_ns().items()
                if re.match(r"(lcore|rte|dpdk)-worker", name)}

    # Ports

    def port_info(self, port=0):
        """`show port info`: MAC address, link status, driver name, MTU and the raw text."""
        text = self.cmd(f"show port info {port}")

        def field(pattern):
            found = re.search(pattern, text)
            return found.group(1).strip() if found else None
        mtu = field(r"MTU: (\d+)")
        return {"mac": field(r"MAC address: (\S+)"), "link": field(r"Link status: (\S+)"),
                "driver": field(r"Driver name: (\S+)"), "name": field(r"Device name: (\S+)"),
                "mtu": int(mtu) if mtu else None, "text": text}

    def wait_link(self, port=0, up=True, timeout=60.0):
        """Wait until the port's link is up (or down)."""
        wanted = "up" if up else "down"
        self.poll(lambda: self.port_info(port)["link"] == wanted, f"port {port} link {wanted}",
                  timeout)

    def ports(self):
        """The numbers of the ports there are."""
        return [int(n) for n in re.findall(r"Infos for port (\d+)", self.cmd("show port info all"))]

    def attach(self, devargs):
        """Hot-plug a device, `net_shmbus1,path=...`; return its port number. It is not started."""
        output = self.cmd(f"port attach {devargs}")
        found = re.search(r"Port (\d+) is attached", output)
        if not found:
            self.fail(f"'port attach {devargs}' failed")
        return int(found.group(1))

    def detach(self, port):
        """Stop, close and unplug a port."""
        output = self.cmds(f"port stop {port}", f"port detach {port}")
        if "is detached" not in output:
            self.fail(f"'port detach {port}' failed")

    # The end

    def stop(self, timeout=60.0):
        """`quit`, as a user would."""
        self.write("quit\n")
        return self.wait(timeout)

    def close(self, check=True, graceful=True):
        try:
            super().close(check, graceful)
        finally:
            if self.owns_prefix and not self.alive():
                eal.remove_leftovers(self.file_prefix)
