# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The pages as a browser shows them: Sphinx makes them without a warning, and they fit a telephone."""

import contextlib
import glob
import http.server
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import threading

import eal
import pytest

LIMIT_S = 300
WIDTH = 390

# One worker of pytest-xdist makes the pages.
pytestmark = pytest.mark.xdist_group("pages")

# A browser's own window may be wider than a telephone, but a frame in it need not be.
FRAMES = """<body><script>
var left = %s;
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
		fetch("/seen", {method: "POST", body: [n, wide.join(" "), pale.join(" ")].join("|")});
}
left.forEach(function(page) {
	var frame = document.createElement("iframe");
	frame.title = page;
	frame.width = %d;
	frame.height = 800;
	frame.onload = function() { look(frame); };
	frame.src = page;
	document.body.appendChild(frame);
});
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


def served(site, seen):
    """A server of this folder, for a page that looks into others and posts what it has seen."""
    class Handler(http.server.SimpleHTTPRequestHandler):
        """It says nothing."""

        def __init__(self, *args, **kwargs):
            super().__init__(*args, directory=site, **kwargs)

        def do_POST(self):  # pylint: disable=invalid-name
            seen.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, format, *args):  # pylint: disable=redefined-builtin
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@contextlib.contextmanager
def browsing(url, folder):
    """A browser that shows this page, however long that takes. Its log is in this folder."""
    browser = shutil.which("chromium") or pytest.skip("chromium is not installed")
    with open(os.path.join(folder, "log"), "w", encoding="utf-8") as log:
        started = subprocess.Popen([browser, "--headless", "--no-sandbox", "--disable-gpu",
                                    "--disable-dev-shm-usage", "--remote-debugging-port=0",
                                    f"--user-data-dir={folder}/profile", url],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env={**os.environ, "TMPDIR": str(folder)},
                                   start_new_session=True)
        try:
            yield
        finally:
            os.killpg(started.pid, signal.SIGTERM)
            started.wait(LIMIT_S)


def test_telephone(site, tmp_path, counts):
    """No page scrolls sideways, and commands have the colour of text."""
    shown = pages(site)
    with open(os.path.join(site, "frames.html"), "w", encoding="utf-8") as f:
        f.write(FRAMES % (json.dumps(shown), WIDTH, WIDTH))
    seen = queue.Queue()
    server = served(site, seen)
    try:
        with browsing(f"http://127.0.0.1:{server.server_port}/frames.html", tmp_path):
            answer = seen.get(timeout=LIMIT_S)
    except queue.Empty:
        with open(tmp_path / "log", encoding="utf-8", errors="replace") as f:
            pytest.fail(f"the browser has not shown all pages: {f.read()[-2000:]}")
    finally:
        server.shutdown()
        server.server_close()
        os.unlink(os.path.join(site, "frames.html"))
    number, wide, pale = answer.split("|")
    assert int(number) == len(shown) > 10
    assert (wide, pale) == ("", "")
    counts(f"{number} pages at {WIDTH} pixels")


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
