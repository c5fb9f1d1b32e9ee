"""The blog: builds strictly, quickly, and is legible to everybody in a real browser."""

from __future__ import annotations

import gzip
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import sync_playwright

REPOSITORY = Path(__file__).resolve().parents[1]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
DEVICES = {"phone": (390, 844), "desktop": (1440, 900)}
TEXTS = {".html", ".css", ".js", ".json", ".svg", ".xml"}
BUILD_SECONDS = 15 * (2 if os.environ.get("PYTEST_XDIST_WORKER") else 1)
"""The bar is 15 s on a quiet machine; beside another worker each has half of it."""


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


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site, whose build was strict, without warnings, and quick."""
    target = tmp_path_factory.mktemp("site")
    started = time.monotonic()
    done = build(target)
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    assert seconds < BUILD_SECONDS, f"{seconds:.1f} s"
    return target


@pytest.fixture(scope="module")
def address(site):
    """The site behind a server on this machine, below /imggen/ as on GitHub Pages."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        """Silent, and as GitHub Pages: texts are sent in gzip."""

        def log_message(self, *arguments):
            pass

        def translate_path(self, path):
            return super().translate_path(path.removeprefix("/imggen") or "/")

        def do_GET(self):
            path = Path(self.translate_path(self.path))
            path = path / "index.html" if path.is_dir() else path
            if path.suffix not in TEXTS or not path.is_file():
                super().do_GET()
                return
            body = gzip.compress(path.read_bytes(), 6)
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


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield running
        running.close()


def pages(site: Path) -> list[str]:
    """Addresses of all pages below the root."""
    folders = (path.parent.relative_to(site) for path in site.rglob("index.html"))
    return sorted("" if folder == Path() else f"{folder}/" for folder in folders)


def test_every_promised_page_is_there(site):
    found = set(pages(site))
    promised = (
        "blog/ blog/dcgan-mnist/ blog/vae-mnist/ state-of-the-art/ results/ protocol/ reproduce/ "
        "contributing/ bibliography/ fr/ fr/rapport-de-decembre/ methods/dcgan/ methods/vae/ "
        "notebooks/sample/ reference/imggen.training.loop/ reference/imggen.metrics.frechet/"
    )
    for page in promised.split():
        assert page in found, page
    assert (site / "feed_rss_created.xml").exists()


def test_the_french_report_says_that_it_is_french(site):
    html = (site / "fr" / "rapport-de-decembre" / "index.html").read_text()
    assert '<html lang="fr"' in html


def test_numbers_on_the_page_are_those_of_the_file(site):
    import json

    from imggen.evaluation.report import with_interval

    folder = REPOSITORY / "docs" / "assets" / "experiments" / "dcgan-mnist"
    metrics = json.loads((folder / "metrics.json").read_text())["metrics"]
    html = (site / "blog" / "dcgan-mnist" / "index.html").read_text()
    for name in ("frechet_distance", "precision", "coverage"):
        shown = with_interval(metrics[name]["value"], *metrics[name]["interval"])
        assert f'{shown[0]} <span class="interval">[{shown[1]}, {shown[2]}]' in html


ALIKE, SEEN = ("reference/imggen.", "methods/"), (("phone", "dark"), ("desktop", "light"))
"""Pages of modules, made alike: every second one is seen on a phone, the others on a desktop."""


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", DEVICES)
def test_every_page_in_a_browser(site, address, browser, device, scheme):
    """axe-core finds nothing; no third party, no error, no sideways scrolling."""
    width, height = DEVICES[device]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda r: None if r.url.startswith((address, "data:")) else problems.append(r.url),
    )
    for number, path in enumerate([*pages(site), "404.html"]):
        if path.startswith(ALIKE) and (device, scheme) != SEEN[number % 2]:
            continue
        page.goto(address + path, wait_until="load")
        page.wait_for_function("!document.querySelector('.arithmatex:not(.rendered)')")
        page.evaluate(AXE)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        problems += [f"{path}: {v['id']}: {v['nodes'][0]['html'][:160]}" for v in found]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            problems.append(f"{path} scrolls sideways")
        broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
        problems += page.evaluate(broken)
    context.close()
    assert not problems, "\n".join(problems[:20])


READ = ("", "blog/dcgan-mnist/", "blog/vae-mnist/", "blog/metric-audit/", "results/")
SHIFTS = """
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shift += entry.hadRecentInput ? 0 : entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


@pytest.mark.browser
@pytest.mark.parametrize("device", DEVICES)
def test_pages_hold_still_while_they_load_and_weigh_little(address, browser, device):
    """Layout shift below 0.05; below a megabyte as it travels, without what a reader plays."""
    width, height = DEVICES[device]
    for path in READ:
        page = browser.new_page(viewport={"width": width, "height": height})
        page.add_init_script(SHIFTS)
        weights: list[int] = []
        page.on("requestfinished", lambda r, w=weights: w.append(r.sizes()["responseBodySize"]))
        page.goto(address + path, wait_until="networkidle")
        page.wait_for_timeout(300)
        assert page.evaluate("window.shift") < 0.05, path
        assert sum(weights) < 1_000_000, f"{path}: {sum(weights)} bytes"
        assert page.evaluate(
            "[...document.querySelectorAll('.md-content img')]"
            ".every(i => i.getAttribute('width') && i.getAttribute('height'))"
        ), f"{path}: an image without its size"
        page.close()


@pytest.mark.browser
def test_moving_pictures_wait_for_readers_who_asked_for_calm(address, browser):
    shown = "document.querySelector('figure[data-moves] img').src.endsWith('.gif')"
    for motion, moves in (("reduce", False), ("no-preference", True)):
        page = browser.new_page(reduced_motion=motion)
        page.goto(address + "blog/dcgan-mnist/", wait_until="networkidle")
        assert page.evaluate(shown) == moves, motion
        page.click("figure[data-moves] button.play")
        assert page.evaluate(shown) != moves, "the button turns it round"
        page.close()


@pytest.mark.browser
def test_every_figure_leads_to_an_open_card(address, browser):
    page = browser.new_page()
    for path in ("", "blog/dcgan-mnist/", "fr/"):
        page.goto(address + path, wait_until="load")
        figures = page.locator(".md-content figure.run").count()
        links = page.locator(".md-content figure.run figcaption a")
        assert links.count() == figures > 0, path
        links.first.click()
        page.wait_for_selector("details.made[open]")
        assert page.locator("details.made[open]").first.is_visible()
    page.close()


@pytest.mark.browser
def test_the_menu_of_a_post_lists_the_posts_on_a_phone(address, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(address + "blog/dcgan-mnist/", wait_until="networkidle")
    page.click(".md-header__button[for=__drawer]")
    links = page.locator(".md-nav__link", has_text="VAE: a map of all digits")
    links.first.wait_for(state="visible")
    links.first.click()
    page.wait_for_url("**/blog/vae-mnist/")
    page.close()


@pytest.mark.browser
def test_text_keeps_from_the_edge_of_a_phone(address, browser):
    page = browser.new_page(viewport={"width": 360, "height": 740})
    edges = """[...document.querySelectorAll('.md-content :is(p, h1, h2, li, figcaption)')]
        .filter(e => e.offsetParent && !e.closest('.md-typeset__scrollwrap'))
        .map(e => e.getBoundingClientRect()).filter(r => r.width)
        .filter(r => r.left < 10 || r.right > innerWidth - 8).length"""
    for path in (*READ, "methods/", "fr/", "contributing/", "what-happens-when/"):
        page.goto(address + path, wait_until="load")
        assert page.evaluate(edges) == 0, path
    page.close()


def test_every_page_says_what_it_is_about(site):
    """A description of its own each, and Open Graph for whoever shares it."""
    seen: dict[str, str] = {}
    for path in pages(site):
        html = (site / path / "index.html").read_text()
        found = re.search(r'<meta name="description" content="([^"]+)"', html)
        assert found, path
        if not path.startswith(("tags", "blog/category")):
            assert found[1] not in seen, f"{path} and {seen.get(found[1])}: {found[1]}"
        seen[found[1]] = path
        assert 'property="og:title"' in html and 'property="og:image"' in html
    assert "None" not in (site / "feed_rss_created.xml").read_text()


@pytest.mark.parametrize("damage", ["tampered", "unlisted", "no manifest"])
def test_figures_that_are_not_those_of_their_manifest_break_the_build(tmp_path, damage):
    docs = tmp_path / "docs"
    shutil.copytree(REPOSITORY / "docs", docs)
    folder = docs / "assets" / "experiments" / "dcgan-mnist"
    if damage == "tampered":
        (folder / "samples.png").write_bytes(b"another picture")
    elif damage == "unlisted":
        (folder / "extra.png").write_bytes(b"who made this?")
    else:
        (folder / "manifest.json").unlink()
    done = build(tmp_path / "site", docs=docs)
    assert done.returncode != 0
    assert "dcgan-mnist" in done.stderr + done.stdout
