# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Sphinx: sphinx-build -W docs build/docs"""

import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))


def project_version():
    """The version that meson.build states."""
    with open(os.path.join(HERE, "..", "meson.build"), encoding="utf-8") as f:
        return re.search(r"^\s*version: '([^']+)'", f.read(), re.M).group(1)


project = "shmbus"
copyright = "2026 The shmbus authors"  # pylint: disable=redefined-builtin
release = version = project_version()

master_doc = "index"
exclude_patterns = ["build", "Thumbs.db"]
highlight_language = "none"
nitpicky = True

html_theme = "alabaster"
html_show_sourcelink = False
html_theme_options = {
    "description": "Ethernet on a file in shared memory, for DPDK",
    "page_width": "1080px",
    "sidebar_width": "240px",
    "fixed_sidebar": True,
    "body_min_width": "0",
}
html_static_path = ["_static"]
html_css_files = ["shmbus.css"]
# The first page has all links in its text.
html_sidebars = {
    "index": ["about.html", "searchbox.html"],
    "**": ["about.html", "navigation.html", "searchbox.html"],
}
