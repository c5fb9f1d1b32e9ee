"""The built site, a server for it and a browser, shared by the tests of pages."""

from __future__ import annotations

import fcntl
import gzip
import http.server
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
from functools import cache, partial
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
NO_WORDS = {"config": {"lang": ["en"], "separator": " ", "pipeline": [], "fields": {}}, "docs": []}
"""An empty search index: each page that is opened reads one, which takes a processor 0.5 s."""
SEARCHLESS = "/searchless"
TEXTS = {".html", ".css", ".js", ".json", ".svg", ".xml"}
BUILD_SECONDS = 90
"""Of a processor, however many other workers it has: 57 on one of 2.5 GHz without AVX-512 bf16."""


def build(target: Path, *, docs: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`mkdocs build --strict`, optionally of another docs folder."""
    configuration = REPOSITORY / "mkdocs.yml"
    if docs is not None:
        hooks = REPOSITORY / "scripts" / "site" / "hooks.py"
        text = configuration.read_text().replace("scripts/site/hooks.py", str(hooks))
        text = text.replace("custom_dir: docs/overrides", f"custom_dir: {docs / 'overrides'}")
        configuration = docs.parent / "mkdocs.yml"
        configuration.write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", configuration, "-d", target],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"},
    )


def children_seconds() -> float:
    """What all processes that were started from here and have ended took of a processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The built site, whose build was strict, without warnings, and quick. All workers share it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    target, built = base / "site", base / "site-is-built"
    with (base / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            before = children_seconds()
            done = build(target)
            seconds = children_seconds() - before
            assert done.returncode == 0, done.stderr
            assert "WARNING" not in done.stderr, done.stderr
            assert seconds < BUILD_SECONDS, f"{seconds:.1f} s"
            built.touch()
    return target


@cache
def packed(path: Path) -> bytes:
    """A text as it travels."""
    return gzip.compress(path.read_bytes(), 6)


@pytest.fixture(scope="session")
def whole_address(site):
    """The site behind a server on this machine, below /imggen/ as on GitHub Pages."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        """Silent, and as GitHub Pages: texts travel in gzip, and all may be kept ten minutes."""

        def log_message(self, *arguments):
            pass

        def translate_path(self, path):
            path = path.removeprefix(SEARCHLESS).removeprefix("/imggen")
            return super().translate_path(path or "/")

        def end_headers(self):
            self.send_header("Cache-Control", "max-age=600")
            super().end_headers()

        def do_GET(self):
            path = Path(self.translate_path(self.path))
            path = path / "index.html" if path.is_dir() else path
            if path.suffix not in TEXTS or not path.is_file():
                super().do_GET()
                return
            body = packed(path)
            if self.path.startswith(SEARCHLESS) and path.name == "search_index.json":
                body = gzip.compress(json.dumps(NO_WORDS).encode())
            self.send_response(200)
            self.send_header("Content-Type", self.guess_type(str(path)))
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/imggen/"
    server.shutdown()


@pytest.fixture(scope="session")
def address(whole_address):
    """The same, where search finds nothing."""
    return whole_address.replace("/imggen/", f"{SEARCHLESS}/imggen/")


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield running
        running.close()
