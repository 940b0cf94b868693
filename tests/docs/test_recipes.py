# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The blocks of commands in README and the guides, run by bash as they are written.

Each page is read from top to bottom, in one shell: once it is pasted block by block into a terminal,
and once it is a script without a terminal, in which commands that only Ctrl-C ends are left out, and
what cleans up after them.
"""

import os
import re
import shutil
import subprocess
import time

import eal
import guest
import netns
import ovs
import pcaps
import pytest
import recipes
from apps import sanitize, testpmd
from busfile import Bus
from process import Process
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

LIMIT_S = 600
PAGES = ("README.md", "docs/nics/shmbus.rst", "docs/tool.rst", "docs/stream.rst", "docs/hosts.rst", "docs/ovs.rst",
         "docs/vhost.rst", "docs/library.rst", "docs/security.rst", "examples/integration-test/README.md")
# Pages with a virtual machine, and with a way to the outside.
GUEST_PAGES = ("docs/stream.rst",)
# Pages whose DPDK finds the driver by itself.
INSTALLED = ("docs/nics/shmbus.rst",)
# Blocks from README that a page relies upon.
PRELUDE = ("README.md", "scripts/setup")

TWO_PORTS = """
dpdk-testpmd $eal $one --vdev=net_shmbus0,path=/dev/shm/wire -- $pmd --forward-mode=rxonly >rx.log &
dpdk-testpmd $eal $two --vdev=net_shmbus0,path=/dev/shm/wire -- $pmd --forward-mode=txonly >tx.log &
until [ "$(shmbus info /dev/shm/wire 2>&1 | grep -c ' up .* up ')" = 2 ]; do sleep 0.2; done
"""
STOP = "kill %?rx.log %?tx.log; wait; rm /dev/shm/wire"

# A web server in an outside of its own, behind the default route.
OUTSIDE = """
ip netns add outside; ip link add eth0 type veth peer name eth1 netns outside
ip address add 192.0.2.2/24 dev eth0; ip link set eth0 up; ip route add default via 192.0.2.1
ip -n outside address add 192.0.2.1/24 dev eth1; ip -n outside link set eth1 up
ip -n outside address add 198.51.100.1/32 dev lo; ip -n outside link set lo up
ip netns exec outside python3 -m http.server -b 198.51.100.1 8080 >web.log 2>&1 & disown
until ip netns exec outside curl -s http://198.51.100.1:8080/ >page; do sleep 0.2; done
"""

# The second host: a namespace with an ssh server, and with shared memory and sockets of its own.
TWO_HOSTS = """
echo 'user:x:1000:1000::/run/keys:/bin/sh' >>/etc/passwd; echo 'sshd:x:109:65534::/run/sshd:/bin/false' >>/etc/passwd
mkdir -p /run/sshd /run/keys/bin /run/user/1000; install -m 755 "$(readlink -f "$(command -v shmbus)")" /run/keys/bin
for key in host user; do ssh-keygen -q -t ed25519 -N '' -f /run/keys/$key; done
echo "192.0.2.2 $(cat /run/keys/host.pub)" >/etc/ssh/ssh_known_hosts
printf '%s\\n' 'Host two' 'HostName 192.0.2.2' 'IdentityFile /run/keys/user' 'BatchMode yes' >/etc/ssh/ssh_config
ip netns add two; ip link add eth0 type veth peer name eth0 netns two
ip address add 192.0.2.1/24 dev eth0; ip link set eth0 up
ip -n two address add 192.0.2.2/24 dev eth0; ip -n two link set eth0 up
cat >two.sh <<'END'
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs tmpfs /run/user
install -d -m 700 -o 1000 -g 1000 /run/user/1000
exec /usr/sbin/sshd -D -e -f /dev/null -h /run/keys/host -o UsePAM=no -o StrictModes=no -o PidFile=none \
    -o AuthorizedKeysFile=/run/keys/user.pub -o SetEnv=PATH=/run/keys/bin:/usr/sbin:/usr/bin:/sbin:/bin
END
ip netns exec two unshare --mount sh two.sh >two.log 2>&1 & disown
until ssh -n user@two true; do sleep 0.2; done
"""
NO_TWO_HOSTS = "kill $(ip netns pids two); ip netns delete two; rm -r /run/user/1000"

# The network of two hosts: this one, and one that has the kernel's VXLAN, and the address 10.0.0.2 in it.
VXLAN_HOST = """
ip netns add two; ip link add eth0 mtu 1600 type veth peer name eth0 netns two mtu 1600; ip link set eth0 up
ip -n two address add 192.0.2.2/24 dev eth0; ip -n two link set eth0 up
ip -n two link add vx0 mtu 1500 type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0 noudpcsum
ip -n two address add 10.0.0.2/24 dev vx0; ip -n two link set vx0 up
"""

# A switch of the room's own, and not what the system's has been told.
NO_SWITCH = "rm -f /etc/openvswitch/* /var/lib/openvswitch/*"
OVS = ("docs/ovs.rst", "update-alternatives")

# What the text around a block says is there, by the block's first line; and how it goes again.
BEFORE = {
    "shmbus top /dev/shm/wire": (TWO_PORTS, STOP),
    "$ shmbus info /dev/shm/wire": (TWO_PORTS, None),
    "$ shmbus replay --loop 2": ("", "rm /dev/shm/wire"),
    "$ shmbus dump --follow": ("", STOP + "; shmbus create /dev/shm/wire"),
    "tcpdump -U": ("shmbus create /dev/shm/wire", None),
    "$ shmbus check /dev/shm/wire": ("shmbus create /dev/shm/wire", "rm /dev/shm/wire"),
    "$ shmbus check --repair": ("shmbus create --format shmif /dev/shm/netbsd", None),
    "shmbus create --ports 8": ("", "rm /dev/shm/wire"),
    "dpdk-testpmd --lcores 0@0,1@0 --no-huge -m 256 --no-pci --file-prefix=eye": (
        "dpdk-testpmd --lcores 0@1,1@1 --no-huge -m 256 --no-pci --file-prefix=tx --vdev=net_shmbus0 "
        "-- --total-num-mbufs=8192 --forward-mode=txonly --stats-period=60 >tx.log &\n"
        "until [ -e /dev/shm/shmbus ]; do sleep 0.2; done; sleep 1",
        "kill %?tx.log; wait; rm /dev/shm/shmbus"),
    "shmbus gateway": (OUTSIDE, "kill $(ip netns pids outside); ip netns delete outside"),
    "ssh -n user@two shmbus": (TWO_HOSTS, NO_TWO_HOSTS),
    "update-alternatives": (NO_SWITCH, None),
    "ovs-vsctl add-br br-phys": (lambda: f"{NO_SWITCH}\n{block_of(*OVS)}\n{VXLAN_HOST}", None),
    "ip netns add app;": ("", "ip netns delete two"),
    "dpdk-l2fwd": ('dpdk-l2fwd() { build/dpdk-examples/l2fwd "$@"; }', None),
    "groupadd wires": ("groupadd() { getent group wires || echo 'wires:x:4242:' >>/etc/group; }", None),
    "cc -o first first.c": ("export PKG_CONFIG_PATH=$PWD/build/meson-uninstalled "
                            "LD_LIBRARY_PATH=$PWD/build/lib", "rm /dev/shm/wire"),
    "cc -o app app.c": ("cp $(dirname $(dirname $(readlink -f build/dpdk-examples/skeleton)))/basicfwd.c app.c", None),
}

# What a block prints, by its first line.
PRINTS = {
    "dpdk-testpmd $eal $one --vdev=net_shmbus0,path=/dev/shm/wire -- $pmd --forward-mode=txonly":
        r"lanes, 2 ports",
    "shmbus create left; shmbus create right": r"10\.0\.0\.2\.(echo|7): UDP",
    "dpdk-testpmd $eal $one --vdev=net_shmbus0,path=/dev/shm/wire -- $pmd --forward-mode=icmpecho":
        r" 3 received",
    "dpdk-testpmd $eal $one --vdev=net_shmbus0,path=/dev/shm/left":
        r"(?s)[1-9]\d* received.*sec .* receiver.*ARP \]###",
    "shmbus top /dev/shm/wire": r"\"format\": ?\"lanes\"",
    "$ shmbus replay --loop 2": r"6 frames, ",
    "$ shmbus dump --follow": r"ethertype 0x0",
    "$ shmbus check --repair": r"(nothing|0) .*wrong|no deviation|right",
    "shmbus gateway /dev/shm/wire &": r"Directory listing",
    "ip netns add app;": r" 3 received",
    "ip netns add alice;": r"(?s) 3 received.*sec .* receiver",
    "ssh -n user@two shmbus": r" 3 received",
    "ovs-vsctl add-br br0": r"0  net_shmbus0 .* up .* on\b",
    "shmbus stream --listen --once": r" 1 received",
    "shmbus stream --listen /dev/shm/left": r" 3 received",
    "cc -o first first.c": r"frame 2: 60 bytes from slot 1",
    "cd examples/integration-test": r"\d+ passed",
    "L2FWD=": r"\d+ passed",
}


FAILED = r"^STATUS-\d+ of <[^>]*>"


def first_line_in(table, block):
    return next((value for key, value in table.items() if block.text.startswith(key)), None)


def block_of(page, first):
    """The text of a block of another page."""
    return next(block.text for block in recipes.blocks(page) if block.text.startswith(first))


def problem_of_ssh():
    for program, package in (("/usr/sbin/sshd", "openssh-server"), ("ssh", "openssh-client")):
        if shutil.which(program) is None:
            return f"{package} is not installed"
    return netns.problem_of_users()


# Blocks that need what is not everywhere, by their first line: why they cannot be run, or None.
PROBLEMS = {
    "ssh -n user@two": problem_of_ssh,
    "shmbus gateway": netns.problem_of_users,
    "update-alternatives": ovs.problem,
    "ovs-vsctl": ovs.problem,
    "ip netns add app;": ovs.problem,
}


def reason(block):
    """Why a block is not run, or None."""
    return block.reason or (first_line_in(PROBLEMS, block) or (lambda: None))()


@pytest.fixture(scope="module")
def possible():
    reason = recipes.problem()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def examples():
    """DPDK's examples that the guide names."""
    script = os.path.join(eal.ROOT, "scripts", "build-dpdk-examples")
    subprocess.run([script, "l2fwd", "skeleton"], check=True, capture_output=True, timeout=LIMIT_S)


def problem_of_guests():
    """Why a page with a virtual machine and a gateway cannot be run, or None."""
    for program in ("passt", "curl"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return guest.problem()


def make_guest(place):
    """vmlinuz and guest.cpio: a guest that has the address 10.0.0.2."""
    init = guest.INIT.partition("echo guest is ready")[0].format(modules=guest.module_names()) + \
        "ip address add 10.0.0.2/24 dev eth0; ip link set eth0 up; exec sleep 100000\n"
    guest.make_initramfs(place, {"/init": init.encode()})
    os.symlink(guest.kernel(), os.path.join(place, "vmlinuz"))


@pytest.fixture
def workplace(tmp_path, examples, page):
    """A repository with the files that the recipes take for granted."""
    place = recipes.repository(str(tmp_path))
    frames = [Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01") /
              IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=4000, dport=port) / Raw(b"text")
              for port in (7, 53, 9)]
    for name in ("in.pcap", "dns.pcap"):
        pcaps.write(os.path.join(place, name), frames)
    with open(os.path.join(place, "first.c"), "w", encoding="utf-8") as f:
        f.write(next(block.text for block in recipes.blocks("docs/library.rst", ("c",))
                     if block.text.startswith("/* first.c")))
    if page in GUEST_PAGES:
        if problem_of_guests():
            pytest.skip(problem_of_guests())
        make_guest(place)
    return place


def cleans_up_after_ctrl_c(block):
    """Does a command of the block rely on one that Ctrl-C has ended?"""
    return block is not None and any(endless for _, endless in block.commands()) and \
        re.search(r"^(kill|rm) ", block.text, re.M) is not None


REPORT = """trap 'status=$?; [ $status -eq 130 ] || printf "STATUS-%d of <%s>\\n" $status "$BASH_COMMAND"' ERR"""


def steps(page):
    """(block or None, text, ended by Ctrl-C), in the order of the page."""
    if page != PRELUDE[0] and page not in INSTALLED:
        yield None, block_of(*PRELUDE), False
    for block in recipes.blocks(page):
        if block.of_testpmd() or reason(block):
            continue
        begin, end = first_line_in(BEFORE, block) or (None, None)
        begin = begin() if callable(begin) else begin
        if begin:
            yield None, begin, False
        commands = block.commands()
        if any(endless for _, endless in commands) or "$ " in block.text[:2]:
            for text, endless in commands:
                yield block, text, endless
        else:
            yield block, block.text, False
        if end:
            yield None, end, False


def check(outputs, ended=()):
    """Nothing has failed, and what was to be printed was.

    outputs: {block: text}; ended: the failures of commands that Ctrl-C has ended
    """
    wrong = []
    for block, text in outputs.items():
        found = [failure for failure in re.findall(FAILED, text, re.M) if failure not in ended]
        wanted = block and first_line_in(PRINTS, block)
        if wanted and not re.search(wanted, text):
            found.append(f"no '{wanted}'")
        if found:
            wrong.append(f"{block.name if block else 'around the blocks'}: {found}\n{text[-2000:]}")
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.skipif(sanitize(), reason="a plugin with sanitizers wants more than the text says")
@pytest.mark.parametrize("page", [
    page if page == "README.md" else pytest.param(page, marks=pytest.mark.only_in_full)
    for page in PAGES])
@pytest.mark.long
def test_pasted_into_a_terminal(possible, workplace, page, counts):
    outputs, ended = {}, []
    argv = recipes.room(workplace, "script", "-qefc", "bash --norc --noprofile -i", "/dev/null",
                        installed=page in INSTALLED)
    # the environment of Process is added to ours, so that env takes away what we have
    with Process(["env", "-i", *(f"{k}={v}" for k, v in recipes.environment().items()), *argv],
                 name=page) as shell:
        shell.write(f"PS1='ready> '; {REPORT}\n")
        for number, (block, text, endless) in enumerate(steps(page)):
            since = shell.mark()
            shell.write(text.rstrip("\n") + "\n")
            if endless:
                # it is at work when nothing new comes, or when something has come
                shell.poll(lambda since=since, text=text: len(shell.log) > since + len(text) + 40 or None,
                           "the output of " + text, 60)
                time.sleep(1)
                pressed = shell.mark()
                shell.write("\x03")
                # a shell that has not its prompt back yet would throw away what is typed
                shell.wait_for(r"^ready> $", LIMIT_S, pressed)
                ended += re.findall(FAILED, shell.log[since:], re.M)
            shell.write(f"printf 'STEP-%d-%s\\n' {number} done\n")
            shell.wait_for(rf"^(ready> )?STEP-{number}-done", LIMIT_S, since)
            outputs[block] = outputs.get(block, "") + shell.log[since:]
        shell.write("exit\n")
        shell.wait(60)
    check(outputs, ended)
    counts(f"{page}: {len(set(outputs) - {None})} blocks")


@pytest.mark.skipif(sanitize(), reason="a plugin with sanitizers wants more than the text says")
@pytest.mark.parametrize("page", [
    page if page != "README.md" else pytest.param(page, marks=pytest.mark.only_in_full)
    for page in PAGES])
@pytest.mark.long
def test_without_a_terminal(possible, workplace, page, counts):
    script = [REPORT]
    numbers = {}
    for block, text, endless in steps(page):
        number = numbers.setdefault(block, len(numbers))
        if not endless and not cleans_up_after_ctrl_c(block):
            script += [f"printf '\\nBEGIN-%d\\n' {number}", text]
    path = os.path.join(workplace, "page.sh")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join([*script, "printf 'END\\n'"]) + "\n")
    done = subprocess.run(recipes.room(workplace, "setsid", "--wait", "bash", path,
                                       installed=page in INSTALLED),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", check=False, timeout=LIMIT_S,
                          env=recipes.environment())
    assert done.stdout.endswith("END\n"), done.stdout[-3000:]
    outputs = {}
    for part in done.stdout.split("\nBEGIN-")[1:]:
        number, _, text = part.partition("\n")
        block = next(block for block, its in numbers.items() if its == int(number))
        outputs[block] = outputs.get(block, "") + text
    check(outputs)
    counts(f"{page}: {len(set(outputs) - {None})} blocks")


EXCEPTED = [block for page in PAGES for block in recipes.blocks(page) if reason(block)]


@pytest.mark.parametrize("block", EXCEPTED, ids=[block.name for block in EXCEPTED])
def test_not_run(block):
    """A block that no test can run, here or anywhere, has a reason."""
    assert len(reason(block)) > 10 and block.commands()
    pytest.skip(f"{block.name}: {reason(block)}")


TYPED = [block for page in PAGES for block in recipes.blocks(page) if block.of_testpmd()]


@pytest.mark.parametrize("block", TYPED, ids=[block.name for block in TYPED])
def test_typed_into_testpmd(folder, block):
    """testpmd accepts each command; the bus lies where no other test's does."""
    with testpmd(Bus(os.path.join(folder, "first")).vdev()) as pmd:
        for line in block.text.splitlines():
            output = pmd.cmd(line.removeprefix("testpmd> ").replace("/dev/shm/", folder + "/"))
            assert not re.search(r"(?i)fail|error|cannot|invalid", output), output
        assert pmd.ports() == [0]


COMMAND = re.compile(r"^ +(\$ |#? ?(dpdk-|shmbus |scripts/|build/|meson |ninja |cc |ip |kill |\./|export ))", re.M)


@pytest.mark.parametrize("page", PAGES)
def test_all_commands_are_found(page):
    """No block of commands is marked as something else, and then not run."""
    with open(os.path.join(eal.ROOT, page), encoding="utf-8") as f:
        text = f.read()
    assert recipes.blocks(page)
    if page.endswith(".md"):
        assert set(re.findall(r"^```(.+)$", text, re.M)) <= {"sh", "c", "text"}
        text = re.sub(r"(?ms)^```.*?^```$", "", text)
        assert len(re.findall(r"^```", text, re.M)) == 0
        assert not re.search(r"(?m)^\n    \S", text)
    else:
        literal = "\n".join(re.findall(r"(?m)::\n\n((?:(?: .*)?\n)+)", re.sub(
            r"(?m)^( *)\.\. [\w-]+::.*\n(?:(?:\1 .*)?\n)+", "", text)))
        assert not COMMAND.findall(literal)
