# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The build folder that is tested, and the programs in it.

The environment variable shmbus_builddir names the folder, as it does for the scripts; the default
is build. The plugin says nothing about it: below a folder that everybody may write to, EAL gets a
copy of the plugin that lies elsewhere.
"""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def folder():
    """The absolute path of the build folder."""
    return os.path.abspath(os.environ.get("shmbus_builddir") or os.path.join(ROOT, "build"))


def program(*path):
    """The absolute path of a built program, which must be there."""
    found = os.path.join(folder(), *path)
    if not os.access(found, os.X_OK):
        raise FileNotFoundError(f"no program {found}: run scripts/setup, or set shmbus_builddir")
    return found
