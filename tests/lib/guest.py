# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""A virtual machine: QEMU with Debian's kernel, and a root file system of busybox and modules.

QEMU emulates the processor (TCG), so the guest needs neither root nor /dev/kvm, and boots in some
seconds. The kernel is what scripts/setup has unpacked in build/guest. Nothing is written to a disk:
the guest's files are in its memory, and gone when it ends.

    with Guest(folder, "-netdev", "stream,...", "-device", "virtio-net-pci,netdev=n") as guest:
        guest.run("ip link set eth0 up")
"""

import glob
import itertools
import os
import re
import shutil
import subprocess

import builddir
from process import Process

QEMU = "qemu-system-x86_64"
BUSYBOX = "/bin/busybox"
LIMIT_S = 300

# What the kernel's own build has as modules, and a guest with a network card needs.
MODULES = ("virtio_pci", "virtio_net")

# The first process of the guest. It obeys lines of its serial console. Each answer ends in a line
# with the number of the command and its status. The terminal echoes nothing.
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /sbin /usr/bin /usr/sbin /tmp /etc /run
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/ttyS0 >/dev/ttyS0 2>&1
stty -echo -onlcr
echo 1 >/proc/sys/kernel/printk
for module in {modules}; do insmod "/modules/$module" || echo "no module $module"; done
ip link set lo up
echo guest is ready
while read -r number command; do
    eval "$command" </dev/null
    echo "status $number $?"
done
poweroff -f
"""

# udhcpc calls it with what it has got.
DHCP_SCRIPT = """#!/bin/sh
case $1 in
deconfig)
    ip address flush dev "$interface" scope global
    ip link set "$interface" up ;;
bound | renew)
    ip address add "$ip/$mask" dev "$interface"
    for gateway in $router; do ip route add default via "$gateway" dev "$interface"; done
    for server in $dns; do echo "nameserver $server"; done >/etc/resolv.conf ;;
esac
"""


def kernel_folder():
    """Where scripts/setup has unpacked a kernel, or None."""
    for parent in (os.path.join(builddir.ROOT, "build"), builddir.folder()):
        if os.path.exists(os.path.join(parent, "guest", "PACKAGE")):
            return os.path.join(parent, "guest")
    return None


def problem():
    """Why there can be no guest here, or None."""
    for program, package in ((QEMU, "qemu-system-x86"), (BUSYBOX, "busybox-static"), ("cpio", "cpio")):
        if shutil.which(program) is None:
            return f"no {program}: the package {package} is not installed"
    if kernel_folder() is None:
        return "no kernel for a guest: run scripts/setup"
    return None


def _module_files(folder, wanted):
    """The files of these modules and of those they need, each behind what it needs."""
    found = {os.path.basename(path).partition(".")[0]: path for path in
             glob.glob(os.path.join(folder, "**", "*.ko"), recursive=True)}
    order = []

    def add(name):
        if name not in found:  # the kernel has it built in
            return
        with open(found[name], "rb") as f:
            needs = re.search(rb"\0depends=([^\0]*)\0", f.read()).group(1).decode()
        for other in filter(None, needs.split(",")):
            add(other.replace("-", "_"))
        if found[name] not in order:
            order.append(found[name])
    for name in wanted:
        add(name)
    return order


def kernel():
    """The path of the kernel, decompressed if scripts/setup could do that."""
    return sorted(glob.glob(os.path.join(kernel_folder(), "boot", "vmlinu[xz]-*")))[0]


def module_names():
    """The files of the modules that INIT loads, in their order."""
    return " ".join(map(os.path.basename, _module_files(kernel_folder(), MODULES)))


def make_initramfs(folder, files):
    """A root file system in the folder: its path. files: {path in the guest: path or bytes}."""
    root = os.path.join(folder, "guest-root")
    modules = _module_files(kernel_folder(), MODULES)
    contents = {"init": INIT.format(modules=module_names()).encode(),
                "bin/busybox": os.path.realpath(BUSYBOX),
                "etc/udhcpc/default.script": DHCP_SCRIPT.encode(),
                **{f"modules/{os.path.basename(path)}": path for path in modules},
                **{path.lstrip("/"): content for path, content in files.items()}}
    for path, content in contents.items():
        target = os.path.join(root, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if isinstance(content, bytes):
            with open(target, "wb") as f:
                f.write(content)
            os.chmod(target, 0o755)
        else:
            shutil.copy(content, target)
    made = os.path.join(folder, "guest.cpio")
    names = "".join(f"{os.path.relpath(os.path.join(parent, name), root)}\n"
                    for parent, folders, others in os.walk(root) for name in folders + others)
    with open(made, "wb") as f:
        subprocess.run(["cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet"], cwd=root, check=True,
                       input=names.encode(), stdout=f, timeout=LIMIT_S)
    shutil.rmtree(root)
    return made


class Guest(Process):
    """A guest that is up and obeys.

    folder: its root file system is made here; several guests need a folder each.
    qemu_args: its network cards, and whatever else QEMU takes.
    memory: megabytes.
    files: {path in the guest: path here, or bytes}, with permission to run.
    kwargs: as for Process.
    """

    def __init__(self, folder, *qemu_args, memory=256, files=None, name="guest", **kwargs):
        self._number = itertools.count(1)
        initramfs = make_initramfs(str(folder), files or {})
        super().__init__([QEMU, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
                          "-accel", "tcg", "-m", str(memory), "-serial", "stdio",
                          "-kernel", kernel(), "-initrd", initramfs,
                          "-append", "console=ttyS0 quiet panic=-1", *map(str, qemu_args)],
                         name=name, **kwargs)

    def start(self):
        super().start()
        ready = self.wait_for(r"^(no module .*|.*Kernel panic.*|guest is ready)\n", LIMIT_S)
        if ready.group(1) != "guest is ready":
            self.fail(ready.group(1))
        return self

    def begin(self, command):
        """Give the guest a command (one line of the shell); what finish() wants."""
        number = next(self._number)
        since = self.mark()
        self.write(f"{number} {command}\n")
        return number, since, command

    def finish(self, begun, status=0, limit=LIMIT_S):
        """Wait for the end of a command: its output. status: what it must end with; None: anything."""
        number, since, command = begun
        ended = self.wait_for(rf"^status {number} (\d+)\n", limit, since, what=f"end of '{command}'")
        out = self.log[since:ended.start()]
        if status is not None and int(ended.group(1)) != status:
            self.fail(f"'{command}' ended with {ended.group(1)}")
        return out

    def run(self, command, status=0, limit=LIMIT_S):
        """Run a command of the shell in the guest to its end: its output."""
        return self.finish(self.begin(command), status, limit)
