# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Blocks of commands in the documents, and a room in which a shell runs them as they are written.

In Markdown a block of commands is fenced, with the language sh; in reStructuredText it is a
code-block with the language console. There a line that begins with "$ " is a command and the
others are its output, unless no line does: then all lines are commands. "testpmd> " begins what is
typed into testpmd. A comment before a block, <!-- not run: REASON --> or .. not run: REASON,
excepts it. A command whose comment ends with "until Ctrl-C", and one whose output ends with ^C, goes
on until somebody presses these keys.
"""

import os
import re
import shutil
import subprocess
import textwrap

import builddir
import eal

NOT_RUN = re.compile(r"^(?:<!-- not run: (.*) -->|\.\. not run: (.*))$")
UNTIL_CTRL_C = re.compile(r"# (?:.*, )?until Ctrl-C$", re.M)


class Block:
    """Commands of a page, from a line on."""

    def __init__(self, page, line, text, reason):
        self.page, self.line, self.text, self.reason = page, line, text, reason
        self.name = f"{page}:{line}"

    def of_testpmd(self):
        return self.text.startswith("testpmd> ")

    def commands(self):
        """[(what is typed, is it ended by Ctrl-C)]"""
        lines = self.text.splitlines()
        if any(line.startswith("$ ") for line in lines):
            found = [[line[2:], False] if line.startswith("$ ") else None for line in lines]
            typed = []
            for line, command in zip(lines, found):
                if command:
                    typed.append(command)
                elif line == "^C":
                    typed[-1][1] = True
            return [tuple(command) for command in typed]
        return [(text, UNTIL_CTRL_C.search(text) is not None) for text in statements(lines)]


def statements(lines):
    """Lines, joined where a command goes on in the next one."""
    typed = []
    for line in lines:
        typed.append(line)
        text = "\n".join(typed)
        if not text.strip():
            typed = []
        elif not text.endswith("\\") and \
                subprocess.run(["bash", "-n", "-c", text], stderr=subprocess.DEVNULL, check=False,
                               timeout=60).returncode == 0:
            yield text
            typed = []
    assert not typed, f"the end of a command is missing: {typed}"


def _fenced(lines):
    """(number of the first line, language, its lines, reason) of each block of a page in Markdown."""
    reason, begin = None, None
    for number, line in enumerate(lines):
        if begin is not None:
            if line == "```":
                yield begin + 2, lines[begin][3:], lines[begin + 1:number], reason
                reason, begin = None, None
        elif line.startswith("```"):
            begin = number
        elif line.strip():
            found = NOT_RUN.match(line)
            reason = found.group(1) if found else None


def _code_blocks(lines):
    """The same of a page in reStructuredText."""
    reason = None
    for number, line in enumerate(lines):
        found = re.match(r"^( *)\.\. code-block:: (\w+)$", line)
        if found:
            depth = len(found.group(1))
            end = number + 1
            while end < len(lines) and (not lines[end].strip() or
                                        len(lines[end]) - len(lines[end].lstrip()) > depth):
                end += 1
            text = textwrap.dedent("\n".join(lines[number + 1:end])).strip("\n")
            yield number + 1, found.group(2), text.splitlines(), reason
        if line.strip():
            found = NOT_RUN.match(line.strip())
            reason = found.group(2) if found else None


def blocks(page, language=("sh", "console")):
    """The blocks of a page that have one of these languages."""
    with open(os.path.join(eal.ROOT, page), encoding="utf-8") as f:
        lines = f.read().splitlines()
    parse = _fenced if page.endswith(".md") else _code_blocks
    return [Block(page, number, "\n".join(text), reason)
            for number, kind, text, reason in parse(lines) if kind in language]


# ---- the room

# Nothing of it is left when its first process ends: shared memory, DPDK's files, networks, processes,
# and settings of the system, of which it has a copy.
ENTER = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]

FURNISH = """
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t tmpfs -o mode=0755 tmpfs /var/log; mkdir /var/log/openvswitch
for folder in /etc /var/lib/dpkg/alternatives /var/lib/openvswitch; do
    [ -d $folder ] || continue
    mkdir -p /run/settings$folder
    cp -a $folder/. /run/settings$folder
    mount --bind /run/settings$folder $folder
done
ip link set lo up
"""

# As after `meson install`: the plugin lies where DPDK looks by itself.
INSTALL = """
mkdir /run/pmds /run/others
mount --bind '{folder}' /run/others
ln -s /run/others/* /run/pmds/
cp '{plugin}' /run/pmds/librte_net_shmbus.so
mount --bind /run/pmds '{folder}'
"""


def problem():
    """Why there can be no room here, or None."""
    if os.getuid() != 0:
        return "only root makes namespaces of all kinds"
    done = subprocess.run([*ENTER, "sh", "-ec", FURNISH], capture_output=True, text=True, check=False,
                          timeout=60)
    return None if done.returncode == 0 else f"no namespaces here: {done.stderr.strip()}"


def dpdk_plugins():
    """The folder that the installed DPDK loads all plugins from."""
    done = subprocess.run("echo RTE_EAL_PMD_PATH | cpp -P -include rte_build_config.h "
                          "$(pkg-config --cflags libdpdk)", shell=True, check=True, timeout=60,
                          capture_output=True, text=True)
    return done.stdout.strip().strip('"')


def repository(folder):
    """A folder that looks like the repository after scripts/setup, and that commands may litter."""
    for name in os.listdir(eal.ROOT):
        if name not in ("scripts", "examples", ".git") and not name.startswith("build"):
            os.symlink(os.path.join(eal.ROOT, name), os.path.join(folder, name))
    for name in ("scripts", "examples"):
        shutil.copytree(os.path.join(eal.ROOT, name), os.path.join(folder, name),
                        ignore=shutil.ignore_patterns("__pycache__"))
    os.symlink(builddir.folder(), os.path.join(folder, "build"))
    # what it would do has been done; it must not build while other tests run
    with open(os.path.join(folder, "scripts", "setup"), "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\necho 'setup: everything is built'\n")
    return folder


def room(folder, *command, installed=False):
    """What runs a command in a room of its own, in this folder."""
    furnish = FURNISH
    if installed:
        furnish += INSTALL.format(folder=dpdk_plugins(), plugin=os.path.join(
            builddir.folder(), "drivers", "librte_net_shmbus.so"))
    # the first process inherits all orphans, for which not every program is made
    return [*ENTER, "sh", "-ec", f"{furnish}\ncd '{folder}'\n\"$@\"\nexit", "sh", *command]


def environment():
    """A user's, without what the tests have set."""
    keep = {key: value for key, value in os.environ.items()
            if not key.lower().startswith(("shmbus", "pytest", "meson", "pkg_config"))}
    return {**keep, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TERM": "xterm"}
