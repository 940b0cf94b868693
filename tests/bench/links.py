# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The links that the bench compares: one entry each in LINKS, nothing about them anywhere else.

A link is a pair of devices, one for the sender's process and one for the receiver's. `{dir}` in
their arguments is a private folder in shared memory, `{size}` the frame size of the measurement.
A link without a receiver is measured at its sender. The two devices of a link with `one_process`
belong to two lcores of one process, and are ports that hear themselves.
"""

from dataclasses import dataclass, replace

TXONLY_PORT = 9  # of testpmd's frames


@dataclass(frozen=True)
class Link:
    name: str
    about: str
    sender: str
    receiver: str | None
    shmbus: bool = False  # needs the plugin
    plugin: str | None = None  # this one
    first: str = "receiver"  # the side to start first
    eal_extra: tuple = ()
    memory: tuple = ("no-huge", "huge")  # the kinds of memory it runs with
    one_process: bool = False
    reverse: bool = False  # another link with its sides exchanged: its round trips are the same
    longest: int = 65535  # longer sizes are measured with frames of this many bytes
    filtered: bool = False  # the receiver is not promiscuous, the frames have its address
    title: str = ""  # in tables and charts for readers; a link without one is not published
    charted: bool = True  # in charts, too; not the variants of a link that is
    rules: int = 0  # flow rules of the receiver
    masks: int = 1  # the masks that these rules have

    @property
    def foreign(self):
        """It is not net_shmbus. net_memif, for one, crashes now and then while a port is closed;
        that must not cost the samples of an hour."""
        return not self.shmbus and not self.plugin

    @property
    def processes(self):
        return 1 if self.one_process else len(self.order())

    @property
    def per_size(self):
        """Its devices are made for one frame size: other sizes need new processes."""
        return "{size}" in self.sender

    def order(self):
        """The sides in starting order."""
        sides = ["receiver", "sender"] if self.first == "receiver" else ["sender", "receiver"]
        return [side for side in sides if getattr(self, side)]

    def vdev(self, side, **values):
        return getattr(self, side).format(**values)

    def vdevs(self, **values):
        """The devices of all sides, for one process."""
        return [self.vdev(side, **values) for side in self.order()]

    def flow_commands(self):
        """testpmd's commands for the rules. txonly's frames match the last rule, which puts them
        into the only queue. The rules of one mask have one priority."""
        for i in range(self.rules):
            last = i == self.rules - 1
            kind = i * self.masks // self.rules
            mask = 0xffff << kind & 0xffff
            port = TXONLY_PORT if last else 1000 + i
            yield (f"flow create 0 ingress priority {kind} pattern eth / ipv4 / "
                   f"udp dst spec {port} dst mask {mask} / end actions queue index 0 / end")


def memif(name="memif", sender="client", rsize=10, bsize=2048, zero_copy=False):
    """net_memif with a role for its sender. The server listens, so it has to be there first."""
    def device(side):
        role = sender if side == "sender" else {"client": "server", "server": "client"}[sender]
        args = f"net_memif0,role={role},socket={{dir}}/{name}.sock,socket-abstract=no"
        args += f",rsize={rsize},bsize={bsize}"
        return args + (",zero-copy=yes" if zero_copy and role == "client" else "")
    return Link(
        name=name,
        title="net_memif",
        about=f"net_memif, sender is {sender}, rsize={rsize} bsize={bsize} "
              f"zero-copy={'yes' if zero_copy else 'no'}",
        sender=device("sender"),
        receiver=device("receiver"),
        first="receiver" if sender == "client" else "sender",
        # memif's zero copy hands out the hugepage files themselves.
        eal_extra=("--single-file-segments",) if zero_copy else (),
        memory=("huge",) if zero_copy else ("no-huge", "huge"))


def vhost(name, sends):
    """A virtio device, and what stands in for its host. The vhost side copies, in both directions;
    the virtio side hands out its mbufs, which therefore lie in memory that both processes map.
    Without hugepages that is EAL's memfd."""
    devices = {"vhost": "net_vhost0,iface={dir}/%s.sock,queues=1" % name,
               "virtio": "net_virtio_user0,path={dir}/%s.sock,queues=1" % name}
    receives = "vhost" if sends == "virtio" else "virtio"
    title = {"virtio": "virtio to vhost", "vhost": "vhost to virtio"}[sends]
    return Link(
        name=name,
        title=title,
        about=f"net_{sends}{'_user' if sends == 'virtio' else ''} to "
              f"net_{receives}{'_user' if receives == 'virtio' else ''}, defaults: one copy, by "
              "vhost, which maps all memory of the other process",
        sender=devices[sends],
        receiver=devices[receives],
        first="sender" if sends == "vhost" else "receiver",  # vhost makes the socket
        # virtio passes on one descriptor per file of hugepages, eight at most.
        eal_extra=("--single-file-segments",),
        reverse=sends == "vhost")


LINKS = {link.name: link for link in (
    Link(name="shmbus",
         title="net_shmbus",
         about="net_shmbus, defaults, file in shared memory",
         sender="net_shmbus0,path={dir}/bus",
         receiver="net_shmbus0,path={dir}/bus",
         shmbus=True),
    Link(name="shmbus-filtered",
         title="net_shmbus (not promiscuous)", charted=False,
         about="the same, the receiver not promiscuous, all frames addressed to it",
         sender="net_shmbus0,path={dir}/filtered",
         receiver="net_shmbus0,path={dir}/filtered",
         shmbus=True, filtered=True),
    Link(name="shmif",
         title="net_shmbus (shmif)",
         about="net_shmbus, format=shmif, wake=never; 1518 B: frames of 1514 B",
         sender="net_shmbus0,path={dir}/shmif,format=shmif,wake=never",
         receiver="net_shmbus0,path={dir}/shmif,format=shmif,wake=never",
         shmbus=True, longest=1514),
    Link(name="shmif-wake",
         title="net_shmbus (shmif, wake)", charted=False,
         about="the same with wake=always",
         sender="net_shmbus0,path={dir}/shmif-wake,format=shmif",
         receiver="net_shmbus0,path={dir}/shmif-wake,format=shmif",
         shmbus=True, longest=1514),
    memif(),
    Link(name="null",
         title="net_null (sender alone)",
         about="net_null copy=1, sender alone: what sending and one copy cost on this machine",
         sender="net_null0,copy=1,size={size}",
         receiver=None),
)}

# Measured with --all-links, or if --links names them.
MORE_LINKS = {link.name: link for link in (
    vhost("vhost", sends="virtio"),
    vhost("vhost-sends", sends="vhost"),
    Link(name="ring",
         title="net_ring (one process)",
         about="net_ring, two lcores of one process pass each other pointers, without a copy: the "
               "limit of what shared memory does. For throughput the same mbufs go round (testpmd "
               "io), nobody makes or reads a frame, and both directions count",
         sender="net_ring0",
         receiver="net_ring1",
         one_process=True),
)}


def before(plugin, link):
    """The same link by net_shmbus of another build, for what a change costs, with a bus of its own:
    the builds may differ in what they write into one."""
    rest = link.name.removeprefix("shmbus").lstrip("-")
    name = f"before-{rest}" if rest else "before"
    return replace(link, name=name, about=f"net_shmbus, the same as {link.name}, by {plugin}",
                   sender=link.sender.replace("{dir}/", "{dir}/before-"),
                   receiver=link.receiver.replace("{dir}/", "{dir}/before-"),
                   plugin=plugin, shmbus=False)


# What flow rules cost (--rules).
def with_rules(rules, masks=1):
    """A receiver with so many rules."""
    name = f"shmbus-{rules}-rules" + (f"-{masks}-masks" if masks != 1 else "")
    device = f"net_shmbus0,path={{dir}}/{name}"
    of = f" of {masks} masks" if masks != 1 else ""
    return Link(name=name, about=f"net_shmbus, the receiver has {rules} flow rules{of}",
                sender=device, receiver=device, shmbus=True, rules=rules, masks=masks)


RULES = {link.name: link for link in (
    LINKS["shmbus"], with_rules(10), with_rules(5000), with_rules(10, 10))}


# What else net_memif offers, to see that the comparison is with it at its best (--memif-tuned).
MEMIF_TUNED = {link.name: link for link in (
    memif("memif"),
    memif("memif-server-sends", sender="server"),
    memif("memif-rsize-9", rsize=9),
    memif("memif-rsize-11", rsize=11),
    memif("memif-rsize-12", rsize=12),
    memif("memif-rsize-13", rsize=13),
    memif("memif-zero-copy", zero_copy=True),
)}
