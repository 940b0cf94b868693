# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Virtual machines behind shmbus-vhost, with addresses, and a host that talks to them."""

import contextlib
import hashlib
import os
import re
import shlex

import recipes
from guest import Guest
from netns import Netns, Tap, WebServer

HOST, FIRST, SECOND = "10.9.0.1", "10.9.0.2", "10.9.0.3"
MACS = {FIRST: "02:00:00:00:00:0b", SECOND: "02:00:00:00:00:0c"}


def card(socket, mac, memory, device="", listens=False):
    """The network card of a guest, by the words of the guide; TCG wants a device without MSI-X.

    memory: megabytes of the guest
    device: more properties of the card, each with a comma in front
    listens: whether QEMU is the one that listens on the socket
    """
    block, = [block for block in recipes.blocks("docs/vhost.rst")
              if block.text.startswith("qemu-system-x86_64")]
    words = shlex.split(block.text.replace("\\\n", " "))
    words = words[words.index("-object"):]
    how = "server=on,wait=off" if listens else "reconnect=1"
    return [word.replace("/dev/shm/vm.sock", socket).replace("reconnect=1", how).replace(
        "size=256M", f"size={memory}M").replace("02:00:00:00:00:07", f"{mac},vectors=0{device}")
            for word in words]


class Machine(Guest):
    """A guest with an address on the bus, which serves the file f of its folder /tmp/www."""

    def __init__(self, folder, socket, address, memory=256, **more):
        self.address = address
        os.makedirs(folder, exist_ok=True)
        super().__init__(folder, *card(socket, MACS[address], memory, **more), memory=memory,
                         name=f"guest {address}")

    def start(self):
        super().start()
        self.run(f"ip address add {self.address}/24 dev eth0; ip link set eth0 up")
        self.run("mkdir -p /tmp/www; httpd -h /tmp/www")
        return self

    def fetch(self, address, port=80):
        """Get the file from there, and serve it from now on; its SHA-256."""
        self.run(f"wget -q -O /tmp/www/f http://{address}:{port}/f")
        return self.sha256()

    def sha256(self):
        return re.search(r"^[0-9a-f]{64}", self.run("sha256sum /tmp/www/f"), re.M).group(0)

    def wait_link(self, address=HOST):
        """Wait for an answer: the guest's link has just come up, perhaps again."""
        self.run(f"until ping -c 1 -W 1 {address}; do true; done >/dev/null")

    def ping(self, address):
        self.wait_link(address)
        assert " 0% packet loss" in self.run(f"ping -c 3 -i 0.2 -W 60 {address}")


class Host:
    """A network namespace with a tap on the bus, and a web server with a file of random bytes."""

    PORT = WebServer.PORT
    address = HOST

    def __init__(self, folder, path, length):
        self.www = os.path.join(folder, "www")
        self.path, self.length = path, length

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            os.mkdir(self.www)
            content = os.urandom(self.length)
            with open(os.path.join(self.www, "f"), "wb") as f:
                f.write(content)
            self.sha256 = hashlib.sha256(content).hexdigest()
            self.ns = stack.enter_context(Netns())
            stack.enter_context(Tap(self.path, "-N", self.ns.name, "-a", f"{HOST}/24"))
            server = stack.enter_context(WebServer(self.www, wrapper=self.ns.argv()))
            # it does not end by itself in order
            stack.callback(server.kill)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        return self.stack.__exit__(*error)

    def fetch(self, address):
        """The SHA-256 of the file that a guest serves."""
        out = self.ns.run("sh", "-c", f"curl -sS http://{address}/f | sha256sum")
        return out.split()[0]
