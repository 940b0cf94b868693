# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Open vSwitch with DPDK: a database and a switch of the test's own, beside those of the system."""

import os
import subprocess

from apps import plugin, sanitizer_env
from eal import remove_leftovers, unique_prefix
from process import Process, poll

PROGRAM = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
LIMIT_S = 120


def problem():
    """Why there can be no switch here, or None."""
    if os.getuid() != 0:
        return "Open vSwitch runs as root"
    if not os.path.exists(PROGRAM):
        return "openvswitch-switch-dpdk is not installed"
    if sanitizer_env():
        return "Open vSwitch does not load a plugin with sanitizers"
    return None


class Ovs:
    """The switch br0, without ports. It ends with the block, however that ends.

    ns: the network namespace that it is in
    """

    def __init__(self, folder, ns=None):
        self.folder = folder
        self.argv = ns.argv if ns is not None else lambda *argv: list(argv)
        self.prefix = unique_prefix("ovs")
        self.env = {f"OVS_{key}DIR": folder for key in ("RUN", "LOG", "DB", "SYSCONF")}
        self.socket = f"unix:{folder}/db.sock"
        self.database = self.switch = None

    def __enter__(self):
        path = os.path.join(self.folder, "conf.db")
        self.run("ovsdb-tool", "create", path, SCHEMA)
        self.database = Process(self.argv("ovsdb-server", path, f"--remote=p{self.socket}"),
                                name="ovsdb", env=self.env).start()
        self.database.poll(lambda: os.path.exists(os.path.join(self.folder, "db.sock")),
                           "the socket of the database")
        extra = f"--no-huge -m 512 --legacy-mem --no-pci --file-prefix={self.prefix} -d {plugin()}"
        self.vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".",
                   "other_config:dpdk-init=true", "other_config:per-port-memory=true",
                   f"other_config:dpdk-extra={extra}")
        self.start()
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
        return self

    def __exit__(self, *_):
        for process in (self.switch, self.database):
            if process is not None:
                process.close(check=False, graceful=False)
        remove_leftovers(self.prefix)

    def start(self):
        """Start the switch, with the ports that the database has."""
        self.switch = Process(self.argv(PROGRAM, self.socket), name="ovs-vswitchd",
                              env=self.env).start()
        self.switch.wait_for(r"DPDK Enabled - initialized", LIMIT_S)

    def _run(self, *argv):
        return subprocess.run([*map(str, argv)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False, timeout=LIMIT_S,
                              env={**os.environ, **self.env})

    def run(self, *argv):
        done = self._run(*argv)
        assert done.returncode == 0, (argv, done.stdout)
        return done.stdout

    def vsctl(self, *args):
        """ovs-vsctl, which waits until the switch has done it, and fails if it cannot."""
        return self.run("ovs-vsctl", f"--db={self.socket}", *args)

    def add_port(self, name, vdev, *options):
        """Add a port, which gets the next number."""
        found = self.vsctl("add-port", "br0", name, "--", "set", "Interface", name, "type=dpdk",
                           f"options:dpdk-devargs={vdev}", *options)
        assert "Error" not in found, found

    def forward(self, one, two):
        """Frames of one port go to the other, and no others anywhere."""
        # A switch that has just started takes a moment.
        poll(lambda: self._run("ovs-ofctl", "del-flows", "br0").returncode == 0, "the bridge")
        self.run("ovs-ofctl", "add-flow", "br0", f"in_port={one},actions=output:{two}")
