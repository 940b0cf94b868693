# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The pages as a browser shows them: Sphinx makes them without a warning, and they fit a telephone."""

import glob
import http.server
import os
import re
import shutil
import subprocess
import threading

import eal
import pytest

LIMIT_S = 300
WIDTH = 390

# A browser's own window may be wider than a telephone, but a frame in it need not be.
FRAMES = """<body>%s<script>
var left = document.querySelectorAll("iframe");
var wide = [], pale = [], n = 0;
function look(frame) {
	var page = frame.contentDocument, body = page.documentElement;
	if (body.scrollWidth > %d)
		wide.push(frame.title + ": " + body.scrollWidth);
	page.querySelectorAll(".highlight-console .go").forEach(function(text) {
		if (frame.contentWindow.getComputedStyle(text).color !=
		    frame.contentWindow.getComputedStyle(text.closest("pre")).color)
			pale.push(frame.title);
	});
	if (++n == left.length)
		document.body.setAttribute("data-seen", [n, wide.join(" "), pale.join(" ")].join("|"));
}
left.forEach(function(frame) { frame.onload = function() { look(frame); }; });
</script>"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the pages."""
    sphinx = shutil.which("sphinx-build") or pytest.skip("sphinx-build is not installed")
    folder = str(tmp_path_factory.mktemp("site"))
    done = subprocess.run([sphinx, "-q", "-W", "-b", "html", os.path.join(eal.ROOT, "docs"), folder],
                          capture_output=True, text=True, check=False, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    return folder


def pages(site):
    found = glob.glob("**/*.html", root_dir=site, recursive=True)
    return sorted(set(found) - {"genindex.html", "search.html"})


def served(site):
    """A server of this folder, for a page that looks into others."""
    class Handler(http.server.SimpleHTTPRequestHandler):
        """It says nothing."""

        def __init__(self, *args, **kwargs):
            super().__init__(*args, directory=site, **kwargs)

        def log_message(self, format, *args):  # pylint: disable=redefined-builtin
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_telephone(site, tmp_path, counts):
    """No page scrolls sideways, and commands have the colour of text."""
    browser = shutil.which("chromium") or pytest.skip("chromium is not installed")
    frames = "".join(f'<iframe title="{page}" src="{page}" width="{WIDTH}" height="800"></iframe>'
                     for page in pages(site))
    with open(os.path.join(site, "frames.html"), "w", encoding="utf-8") as f:
        f.write(FRAMES % (frames, WIDTH))
    server = served(site)
    try:
        done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu",
                               f"--user-data-dir={tmp_path}", "--virtual-time-budget=60000", "--dump-dom",
                               f"http://127.0.0.1:{server.server_port}/frames.html"],
                              capture_output=True, text=True, check=False, timeout=LIMIT_S)
    finally:
        server.shutdown()
        server.server_close()
        os.unlink(os.path.join(site, "frames.html"))
    seen = re.search(r'data-seen="(\d+)\|(.*?)\|(.*?)"', done.stdout)
    assert seen, done.stderr[-2000:]
    assert int(seen.group(1)) == len(pages(site)) > 10
    assert (seen.group(2), seen.group(3)) == ("", "")
    counts(f"{seen.group(1)} pages at {WIDTH} pixels")


def test_first_page(site):
    """It says of each page what the page is for, and lists no page twice."""
    with open(os.path.join(site, "index.html"), encoding="utf-8") as f:
        text = f.read()
    links = [link for link in re.findall(r'href="([\w/]+\.html)"', text)
             if link not in ("index.html", "genindex.html", "search.html")]
    body = [link for link in re.findall(r'<dt>.*?href="([\w/]+\.html)"', text)]
    assert len(body) == len(set(body)) > 10
    assert set(pages(site)) - {"index.html", "nics/index.html"} == set(body)
    assert all(links.count(link) <= 2 for link in body)  # the list, and "next"
