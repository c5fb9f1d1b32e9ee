"""The blog: builds strictly, quickly, and is legible to everybody in a real browser."""

from __future__ import annotations

import csv
import functools
import io
import json
import re
import runpy
import shutil
from pathlib import Path

import axe_playwright_python
import pytest
from built_site import REPOSITORY, SEARCHLESS, build

from imggen.evaluation.catalogue import TITLES
from imggen.evaluation.report import with_interval

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
DEVICES = {"phone": (390, 844), "desktop": (1440, 900)}


def pages(site: Path) -> list[str]:
    """Addresses of all pages below the root."""
    folders = (path.parent.relative_to(site) for path in site.rglob("index.html"))
    return sorted("" if folder == Path() else f"{folder}/" for folder in folders)


def test_every_promised_page_is_there(site):
    found = set(pages(site))
    promised = (
        "blog/ blog/dcgan-mnist/ blog/vae-mnist/ state-of-the-art/ results/ protocol/ reproduce/ "
        "contributing/ bibliography/ state-of-the-art/timeline/ state-of-the-art/which-one/ "
        "presentation/ fr/ fr/etat-de-l-art/ fr/glossaire/ fr/rapport-de-decembre/ "
        "fr/presentation/ methods/dcgan/ methods/vae/ notebooks/sample/ "
        "notebooks/colab/ run-anywhere/ "
        "reference/imggen.training.loop/ reference/imggen.metrics.frechet/"
    )
    for page in promised.split():
        assert page in found, page
    assert (site / "feed_rss_created.xml").exists()


def test_no_macro_is_left_as_it_was_written(site):
    for page in site.rglob("*.html"):
        assert not re.search(r"<(?:p|td|li)>\s*\{\{", page.read_text()), page


def test_each_page_says_what_it_is_about(site):
    """In words that a search engine can show: no macro, no command, and no two pages alike."""
    said = {}
    for page in pages(site):
        html = (site / page / "index.html").read_text()
        said[page] = re.search(r'<meta name="description" content="([^"]*)"', html)[1]
    for page, words in said.items():
        assert len(words) > 20 and not re.search(r"[{}]|^bash|::", words), (page, words)
    assert len({*said.values()}) == len(said)


def test_formulas_keep_their_commas_and_the_room_that_they_will_need(site):
    html = (site / "blog" / "the-game" / "index.html").read_text()
    heights = [float(height) for height in re.findall(r"--high: ([\d.]+)em", html)]
    assert min(heights) < 5 < max(heights), "lines count"
    assert re.search(r'class="whole"><span class="arithmatex"[^>]*>[^<]+</span>[,.]</span>', html)


def test_french_pages_are_french_all_round_and_pairs_lead_there_and_back(site):
    pairs = runpy.run_path(str(REPOSITORY / "scripts" / "site" / "languages.py"))["PAIRS"]
    for page in (site / "fr").rglob("index.html"):
        html = page.read_text()
        assert '<html lang="fr"' in html and "Aller au contenu" in html and "Rechercher" in html
        for english in ("Skip to content", "Table of contents", "Back to top", "Switch to dark"):
            assert english not in html, f"{page}: {english}"
        tabs = re.findall(r'class="md-tabs__link">\s*([^<]*?)\s*</a>', html)
        assert tabs[:3] == ["Accueil", "Articles", "État de l’art"], page
    for pair in pairs:
        urls = [uri.removesuffix(".md").removesuffix("index").rstrip("/") for uri in pair]
        for here, other, language in zip(urls, urls[::-1], ("fr", "en"), strict=True):
            html = (site / here / "index.html").read_text()
            shown = re.search(r'class="other-language"><a href="([^"]+)"', html)
            assert (site / here / shown[1]).resolve() == (site / other).resolve(), here
            head = re.search(rf'<link rel="alternate " hreflang="{language}" href="([^"]+)"', html)
            assert head[1].rstrip("/").endswith(f"/imggen/{other}".rstrip("/")), here


def test_numbers_on_the_page_are_those_of_the_file(site):
    folder = REPOSITORY / "docs" / "assets" / "experiments" / "dcgan-mnist"
    metrics = json.loads((folder / "metrics.json").read_text())["metrics"]
    html = (site / "blog" / "dcgan-mnist" / "index.html").read_text()
    for name in ("frechet_distance", "precision", "coverage"):
        shown = with_interval(metrics[name]["value"], *metrics[name]["interval"])
        assert f'{shown[0]} <span class="interval">[{shown[1]}, {shown[2]}]' in html


def experiments() -> dict[str, dict[str, dict]]:
    """By slug: manifest and metrics of each published generator."""
    folder = REPOSITORY / "docs" / "assets" / "experiments"
    return {
        path.parent.name: {
            name: json.loads((path.parent / f"{name}.json").read_text())
            for name in ("manifest", "metrics")
        }
        for path in sorted(folder.glob("*/metrics.json"))
    }


def test_the_table_and_its_files_hold_the_published_numbers(site):
    """Every metric of every generator, on the page, as CSV and as JSON."""
    html = (site / "results" / "index.html").read_text()
    lines = csv.DictReader(io.StringIO((site / "results" / "generators.csv").read_text()))
    listed = {line["slug"]: line for line in lines}
    found = json.loads((site / "results" / "generators.json").read_text())["generators"]
    assert [row["slug"] for row in found] == list(listed) == list(experiments())
    for row in found:
        manifest, result = experiments()[row["slug"]].values()
        assert row["metrics"] == result["metrics"] and row["sampling"] == manifest["sampling"]
        line = listed[row["slug"]]
        for key in ("parameters", "training_flops", "training_wall_seconds"):
            assert (
                float(line[key])
                == manifest[key.removeprefix("training_") if "wall" in key else key]
            )
        shown = html.split(f'<tr id="{row["slug"]}"')[1].split("</tr>")[0]
        for name, entry in result["metrics"].items():
            grey = name == "bits_per_dim" and "nll_nats" not in result["metrics"]
            column = "bits_per_dim_8bit" if grey else name
            ends = [line[column + part] for part in ("", "_low", "_high", "_floor")]
            published = [entry["value"], *(entry["interval"] or (None, None)), entry.get("floor")]
            assert [float(end) if end else None for end in ends] == published
            if TITLES[name].place == "overview":
                ends = (TITLES[name].factor * end for end in published[:3])
                text, low, high = with_interval(*ends)
                cell = f'{text} <span class="interval">[{low}, {high}]'
                assert f'data-value="{entry["value"]}">{cell}' in shown, (row["slug"], name)


@pytest.mark.parametrize(
    ("page", "start"),
    [
        ("results", '<div class="results">'),
        ("bibliography", '<ul class="references works">'),
        ("state-of-the-art/timeline", '<div class="timeline">'),
    ],
)
def test_links_of_tables_and_lists_lead_somewhere(site, page, start):
    """Those in HTML, which MkDocs does not check."""
    html = (site / page / "index.html").read_text().split(start, 1)[1]
    links = set(re.findall(r'(?:href|src)="(?!http)([^"]+)"', html.split("<footer")[0]))
    read = functools.cache(Path.read_text)
    for link in links:
        path, _, anchor = link.partition("#")
        target = (site / page / path).resolve()
        target = target / "index.html" if target.is_dir() else target
        assert target.is_file(), link
        assert not anchor or f'id="{anchor}"' in read(target), link
    assert len(links) > 20


READ = ("", "blog/dcgan-mnist/", "blog/vae-mnist/", "blog/metric-audit/", "results/")
LONG = ("bibliography/", "state-of-the-art/timeline/", "fr/etat-de-l-art/")
STYLED = ("notebooks/sample/", "presentation/", "run-anywhere/")
"""Which look as no other: cells and their output, slides, drawings."""
ALIKE = ("reference/imggen.", "methods/")
WAYS = [(device, scheme) for device in DEVICES for scheme in ("light", "dark")]


COLOURS = ("color-contrast", "link-in-text-block")
"""Rules of axe-core that take more than half of its time."""
SHORTER = """for (const list of document.querySelectorAll('.md-content :is(ul, ol, dl, tbody)'))
    for (const entry of [...list.children].slice(8)) entry.remove();"""
"""Entries of a list and rows of a table are coloured alike: eight of each are looked at."""


def shows_colours(number: int, path: str) -> bool:
    """Colours are those of the style sheets: seen where most people read, in code, and elsewhere on
    one page in four.

    `number`: of the page among all, of which each way to look has every fourth.
    """
    where = path in READ + LONG + STYLED or path.startswith(ALIKE)
    return where or number % 16 < 4


def is_seen(number: int, path: str, device: str, scheme: str) -> bool:
    """Whether a page is looked at in this way: those that most read in two or four.

    Every other page is seen once, in turn; of pages that are made alike one in 24.
    """
    way = WAYS.index((device, scheme))
    if path in READ[:2]:
        return True
    if path in READ:
        return way in ((0, 3), (1, 2))[number % 2]
    return way == number % (24 * len(WAYS) if path.startswith(ALIKE) else len(WAYS))


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
    ours = (address, address.replace(SEARCHLESS, ""), "data:")  # 404.html says /imggen/
    page.on("request", lambda r: None if r.url.startswith(ours) else problems.append(r.url))
    for number, path in enumerate([*pages(site), "404.html"]):
        if not is_seen(number, path, device, scheme):
            continue
        page.goto(address + path, wait_until="load")
        page.wait_for_function("!document.querySelector('.arithmatex:not(.rendered)')")
        page.evaluate(AXE)
        found = violations(page, rules={rule: {"enabled": False} for rule in COLOURS})
        if page.evaluate("document.documentElement.scrollWidth") > width:
            problems.append(f"{path} scrolls sideways")
        broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
        problems += page.evaluate(broken)
        if shows_colours(number, path):
            page.evaluate(SHORTER)
            found += violations(page, runOnly=COLOURS)
        problems += [f"{path}: {v['id']}: {v['nodes'][0]['html'][:160]}" for v in found]
    context.close()
    assert not problems, "\n".join(problems[:20])


def violations(page, **which) -> list[dict]:
    """What axe-core finds with these of its rules."""
    asked = {"resultTypes": ["violations"], "preload": False, **which}
    return page.evaluate("asked => axe.run(document, asked)", asked)["violations"]


SHIFTS = """
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shift += entry.hadRecentInput ? 0 : entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


@pytest.mark.browser
@pytest.mark.parametrize("device", DEVICES)
def test_pages_hold_still_while_they_load_and_weigh_little(whole_address, browser, device):
    """Layout shift below 0.05; below a megabyte as it travels, without what a reader plays."""
    width, height = DEVICES[device]
    for path in (*READ, *(LONG if device == "phone" else ())):
        page = browser.new_page(viewport={"width": width, "height": height})
        page.add_init_script(SHIFTS)
        weights: list[int] = []
        page.on("requestfinished", lambda r, w=weights: w.append(r.sizes()["responseBodySize"]))
        page.goto(whole_address + path, wait_until="networkidle")
        page.wait_for_timeout(300)
        assert page.evaluate("window.shift") < 0.05, path
        assert sum(weights) < 1_000_000, f"{path}: {sum(weights)} bytes"
        assert page.evaluate(
            "[...document.querySelectorAll('.md-content img')]"
            ".every(i => i.getAttribute('width') && i.getAttribute('height'))"
        ), f"{path}: an image without its size"
        # What stands below an article that is still coming in is pushed down when it is painted.
        tops = """['.md-sidebar--post', '.md-content__inner'].map(part =>
            document.querySelector(part)?.getBoundingClientRect().top ?? 0)"""
        date, article = page.evaluate(tops)
        assert date <= article, f"{path}: the date comes after the article"
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


@pytest.mark.browser
@pytest.mark.parametrize("device", DEVICES)
def test_the_table_sorts_and_filters_by_mouse_and_by_keyboard(address, browser, device):
    width, height = DEVICES[device]
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(address + "results/", wait_until="load")
    column = "[...document.querySelectorAll('#{0} ~ .results-scroll tbody.rows tr')]"
    column += ".filter(r => !r.hidden).map(r => r.cells[{1}].dataset.value)"

    def values(cell: int, dataset: str = "mnist") -> list[float]:
        return [float(v) for v in page.evaluate(column.format(dataset, cell)) if v is not None]

    assert values(1) == sorted(values(1)), "the best distance first, as it was built"
    table = page.locator("#mnist ~ .results-scroll")
    recall = table.get_by_role("button", name="Recall")
    recall.click()
    assert values(5) == sorted(values(5), reverse=True), "higher is better: it comes first"
    assert table.locator("[aria-sort=descending]").inner_text().startswith("Recall")
    recall.press("Enter")
    assert values(5) == sorted(values(5)) and table.locator("[aria-sort]").count() == 1
    assert values(1, "stacked-mnist") == sorted(values(1, "stacked-mnist")), "a table of its own"

    form = page.get_by_role("search", name="Filter the generators")
    form.get_by_role("radio", name="all").focus()
    page.keyboard.press("ArrowRight")
    shown = page.locator("tbody.rows tr:visible")
    assert {row.get_attribute("data-family") for row in shown.all()} == {"GAN"}
    form.locator("label", has_text="VAE").click()
    assert {row.get_attribute("data-family") for row in shown.all()} == {"VAE"}
    assert page.locator("#stacked-mnist").is_hidden(), "no heading above nothing"
    find = form.get_by_role("searchbox", name="Find")
    assert page.locator(".scatter a.out").count() and " of " in page.locator("output").inner_text()
    find.fill("two latents")
    assert [row.get_attribute("id") for row in shown.all()] == ["vae-mnist-2d"]
    find.fill("no such thing")
    assert shown.count() == 0 and "none fits" in page.locator("output").inner_text()
    find.fill("")
    form.locator("label", has_text="all").click()

    mark = page.locator(".picture").first.locator(".view:visible a[data-key=vae-mnist]")
    assert mark.locator(".told").first.is_hidden()
    page.locator(".picture").first.locator("input, a").first.focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        if mark.evaluate("a => a === document.activeElement"):
            break
    assert mark.locator(".told").first.is_visible(), "reached by Tab, it speaks"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.browser
def test_without_scripts_the_table_is_there(address, browser):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(address + "results/", wait_until="load")
    assert page.locator("tbody.rows tr:visible").count() == len(experiments())
    assert page.locator(".results-filter").is_hidden() and page.locator("thead button").count() == 0
    assert (
        page.locator(".hint").first.is_visible() and page.locator(".scatter:visible").count() >= 2
    )
    context.close()


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


def test_figures_that_are_not_those_of_their_manifest_break_the_build(tmp_path):
    docs = tmp_path / "docs"
    shutil.copytree(REPOSITORY / "docs", docs)
    published = docs / "assets" / "experiments"
    (published / "dcgan-mnist" / "samples.png").write_bytes(b"another picture")
    (published / "gan-mnist" / "extra.png").write_bytes(b"who made this?")
    (published / "vae-mnist" / "manifest.json").unlink()
    done = build(tmp_path / "site", docs=docs)
    assert done.returncode != 0
    for reason in (
        "dcgan-mnist: samples.png is not the file",
        "gan-mnist: extra.png is not in its manifest",
        "vae-mnist: it has no manifest.json",
    ):
        assert reason in done.stderr + done.stdout
