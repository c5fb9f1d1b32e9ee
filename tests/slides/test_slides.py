"""The defence: what stands on the slides is what was published, in both languages."""

from __future__ import annotations

import copy
import functools
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

pptx = pytest.importorskip("pptx", reason="python-pptx is not installed: the extra `slides`")
REPOSITORY = Path(__file__).resolve().parents[2]
sys.path += [str(REPOSITORY / "scripts"), str(REPOSITORY / "scripts" / "site")]

import languages  # noqa: E402
from slides import claims, look, made, render, story, study  # noqa: E402
from slides.look import HIGH, WIDE  # noqa: E402
from slides.model import Chart  # noqa: E402
from slides.published import Published  # noqa: E402
from slides.words import HOLE, LANGUAGES, Words  # noqa: E402

from imggen.publishing.study import StudyOptions  # noqa: E402
from imggen.runs import settings  # noqa: E402
from imggen.system.errors import UserError  # noqa: E402

MEASURED = re.compile(r"\d+[.,]\d+|(?<!\d)\d{1,3}(?:[,\u00a0\u202f ]\d{3})+(?!\d)|\d+\s?%")
"""A number with decimals, thousands, or a percentage: what is read, not typed."""
TYPED = {"95 %", "0.01", "0,01", "5,000", "5 000"}
"""Levels of intervals and tests, and the size of a training set."""
DOCS = REPOSITORY / "docs"
PUBLISHED = DOCS / "assets" / "experiments"


@pytest.fixture(scope="module")
def decks() -> dict[str, bytes]:
    """The deck in each language."""
    return {language: made.pptx(language, DOCS) for language in LANGUAGES}


@pytest.fixture(scope="module")
def opened(decks):
    """The same, opened by python-pptx."""
    return {language: pptx.Presentation(io.BytesIO(deck)) for language, deck in decks.items()}


def named(slide, name: str) -> str:
    """The text of a shape."""
    return next(s.text_frame.text for s in slide.shapes if s.name == name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_slide_has_title_notes_sources_number_and_keeps_inside(opened, language):
    found = opened[language]
    assert 18 <= len(found.slides) <= 22
    words = 0
    for number, slide in enumerate(found.slides, start=1):
        assert slide.shapes.title.text_frame.text
        notes = slide.notes_slide.notes_text_frame.text
        assert len(notes.split()) > 60, f"slide {number} has nothing to say"
        words += len(notes.split())
        if number > 1:
            assert named(slide, "Number") == str(number)
            assert len(named(slide, "Sources")) > len("Sources: ") + 10
        for shape in slide.shapes:
            right, bottom = shape.left + shape.width, shape.top + shape.height
            assert shape.left >= 0 and shape.top >= 0, (number, shape.name)
            assert right <= found.slide_width and bottom <= found.slide_height, (number, shape.name)
            if shape.shape_type == pptx.enum.shapes.MSO_SHAPE_TYPE.PICTURE:
                assert shape._element.nvPicPr.cNvPr.get("descr"), "a picture nobody described"
    assert (found.slide_width, found.slide_height) == tuple(map(pptx.util.Inches, (WIDE, HIGH)))
    assert 1800 < words < 3000, "twenty minutes are some 2,600 words"


def charts(deck, key: str) -> list:
    """The charts of a slide, by its key in the texts."""
    at = list(Words("en", Published(DOCS)).texts).index(key)
    return [shape.chart for shape in deck.slides[at].shapes if shape.has_chart]


def test_axes_print_their_ticks_unrounded():
    """Ticks at 0.45 and 0.55 that are printed as 0.5 and 0.6 would move every point."""
    slides, sheet = made.content("en", Published(DOCS))
    found = [item for s in (*slides, sheet) for _, item in s.items if isinstance(item, Chart)]
    axes = [axis for chart in found for axis in (chart.x, chart.y) if axis.unit]
    assert len(axes) >= 6
    for axis in axes:
        digits = len(axis.form.partition(".")[2])
        for value in (axis.low, axis.low + axis.unit):
            assert round(value, digits) == pytest.approx(value), axis


def metric(slug: str, name: str) -> dict:
    return json.loads((PUBLISHED / slug / "metrics.json").read_text())["metrics"][name]


@pytest.mark.parametrize("language", LANGUAGES)
def test_charts_and_texts_hold_the_published_numbers(opened, language):
    (chart,) = charts(opened[language], "results")
    values = [v for plot in chart.plots for s in plot.series for v in s.values if v is not None]
    known = []
    for path in PUBLISHED.glob("*-mnist/metrics.json"):
        row = json.loads(path.read_text())["metrics"]["frechet_distance"]
        known.append(row["value"] / row["floor"])
    assert len(values) >= 8
    assert all(any(v == pytest.approx(k) for k in known) for v in values)
    (chart,) = charts(opened[language], "collapse")
    healthy, collapsed, real = (list(series.values) for series in chart.plots[0].series)
    for at, name in enumerate(("precision", "recall", "coverage")):
        assert healthy[at] == metric("gan-mnist", name)["value"]
        assert collapsed[at] == metric("gan-collapse-mnist", name)["value"]
        assert real[at] == metric("gan-mnist", name)["floor"]
    (chart,) = charts(opened[language], "steps")
    rungs = json.loads((PUBLISHED / "few-steps-mnist" / "ladder.json").read_text())["rungs"]
    shown = [v for s in list(chart.plots[0].series)[:-1] for v in s.values]
    assert shown == [row["metrics"]["frechet_distance"]["value"] for row in rungs]
    said = f"{metric('cgan-mnist', 'frechet_distance')['value']:.2f}"
    notes = " ".join(s.notes_slide.notes_text_frame.text for s in opened[language].slides)
    assert (said if language == "en" else said.replace(".", ",")) in notes


def test_both_languages_say_the_same_numbers_and_none_is_typed():
    english, french = (Words(language, Published(DOCS)).texts for language in LANGUAGES)
    assert list(english) == list(french)
    for key in english:
        texts = [json.dumps(found[key], ensure_ascii=False) for found in (english, french)]
        holes = [Counter(match[0] for match in HOLE.finditer(text)) for text in texts]
        assert holes[0] == holes[1], key
        typed = {match[0] for text in texts for match in MEASURED.finditer(HOLE.sub("", text))}
        assert typed <= TYPED, (key, typed - TYPED)


def test_the_same_slides_give_the_same_bytes(decks):
    """No file inside, and none inside those, knows when it was made."""
    archive = zipfile.ZipFile(io.BytesIO(decks["en"]))
    books = [n for n in archive.namelist() if n.endswith(".xlsx")]
    assert len(books) >= 6, "charts are native: each has its table"
    for one in (archive, *(zipfile.ZipFile(io.BytesIO(archive.read(name))) for name in books)):
        assert {info.date_time for info in one.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert set(re.findall(rb">(\d{4})-\d\d-\d\dT", one.read("docProps/core.xml"))) == {b"1980"}
    assert len(decks["en"]) < 3_000_000


def test_another_number_is_another_input_and_may_break_a_claim():
    """Only the experiment whose number changed is another input; an untrue sentence is refused."""
    before, after = Published(DOCS), Published(DOCS)
    changed = copy.deepcopy(after.file("cgan-mnist", "metrics.json"))
    changed["metrics"]["frechet_distance"]["value"] += 0.01
    after._files["cgan-mnist", "metrics.json"] = changed
    for published in (before, after):
        made.content("en", published)
    hashes = before.hashes(), after.hashes()
    assert {s for s in hashes[0] if hashes[0][s] != hashes[1][s]} == {"cgan-mnist"}
    changed["metrics"]["frechet_distance"]["value"] = 99.0
    with pytest.raises(UserError, match="labels lower the Fréchet distance"):
        claims.check(after)


def test_what_is_drawn_but_read_by_no_hole_is_an_input_too(monkeypatch):
    """Passes, groups, titles, years, colours; and `imggen status` says on which slide."""
    before, after = study.inputs_of(Published(DOCS)), Published(DOCS)
    for slug, file, path, value in (
        ("few-steps-mnist", "ladder.json", ("rungs", 0, "passes"), 1.5),
        ("few-images-mnist", "sweep.json", ("rows", 0, "series"), "another"),
        ("sngan-mnist", "manifest.json", ("title",), "Another name"),
    ):
        changed = copy.deepcopy(after.file(slug, file))
        *there, last = path
        functools.reduce(lambda found, key: found[key], there, changed)[last] = value
        after._files[slug, file] = changed
    best = next(each for each in after.generators if each.slug == "sngan-mnist")
    monkeypatch.setitem(best.manifest, "title", "Another name")
    monkeypatch.setitem(look.properties(), "ink", "123456")
    monkeypatch.setattr(story, "_years", lambda _: {paper[2]: "1999" for paper in story.PAPERS})
    monkeypatch.setattr(claims, "CLAIMS", ())
    now = study.inputs_of(after)
    said = " ".join(settings.differences(before, now))
    for key in ("steps", "failed", "results", "history"):
        assert f"slides.en.{key} was" in said, key
    assert "colours was" in said and "slides.en.need" not in said and "code was" not in said


@pytest.mark.parametrize(
    "hole",
    ["{rung metric-audit blur x density}", "{rung metric-audit nothing 0 density}",
     "{traded guidance-mnist 9.0 recall}", "{read readable-mnist nobody}", "{value dcgan-mnist}",
     "{slide nothing}", "{nothing at all}"],
)  # fmt: skip
def test_a_hole_that_nothing_fills_is_one_sentence(hole):
    with pytest.raises(UserError, match=r"\w"):
        Words("en", Published(DOCS)).filled(hole)


def test_a_further_setting_is_drawn_and_named():
    published = Published(DOCS)
    found = copy.deepcopy(published.file("guidance-mnist", "trade.json"))
    found["settings"].insert(1, {**found["settings"][0], "value": "1.25"})
    published._files["guidance-mnist", "trade.json"] = found
    slides, _ = made.content("fr", published)
    (slide,) = [each for each in slides if each.key == "trade"]
    chart, _, picture = (item for _, item in slide.items)
    assert len(chart.series[0].points) == len(found["settings"])
    assert "1; 1,25; " in picture.caption.replace("\u00a0", "")


def test_status_never_dies_of_the_slides(monkeypatch):
    def broken(*_: object) -> None:
        raise KeyError("a text")

    monkeypatch.setattr(made, "content", broken)
    config = study.Presentation("presentation", "").config()
    assert "KeyError: 'a text'" in config["method"]["impossible"]
    with pytest.raises(UserError, match="leave --no-publish out"):
        study.Presentation("presentation", "").run(StudyOptions(from_published=True, publish=False))


def test_pdftoppm_that_fails_says_so(monkeypatch):
    monkeypatch.setattr(render, "program", lambda *_: "false")
    with pytest.raises(UserError, match="made no pictures"):
        render.pictures(b"no PDF")


def test_french_writes_numbers_its_way_and_leaves_names_alone():
    for english, french in (
        ("2.5.1+cu121", "2.5.1+cu121"), ("python 3.12", "python 3.12"), ("10,000", "10\u00a0000"),
        ("1.2 PFLOP", "1,2 PFLOP"), ("1e-05", "1e-05"), ("–", "–"),
        ('0.47 <span class="interval">[0.34, 0.61]</span>',
         '0,47 <span class="interval">[0,34\u00a0; 0,61]</span>'),
    ):  # fmt: skip
        assert languages.french_number(english) == french


def test_bad_input_is_one_sentence_and_writes_nothing(run, tmp_path):
    target = tmp_path / "deck.pptx"
    command = ("scripts/make_slides.py", "--out", target, "--language")
    done = run(*command, "de")
    assert done.returncode == 2 and "choose --language en or fr" in done.stderr
    done = run(*command, "en", "--docs-dir", tmp_path)
    assert done.returncode == 2 and "published" in done.stderr
    assert done.stderr.count("\n") == 1
    without = shutil.ignore_patterns("few-steps-mnist", "*.gif", "*.safetensors")
    shutil.copytree(PUBLISHED, tmp_path / "docs" / "assets" / "experiments", ignore=without)
    done = run(*command, "en", "--docs-dir", tmp_path / "docs")
    assert done.returncode == 2 and "few-steps-mnist" in done.stderr
    assert not target.exists()


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
@pytest.mark.skipif(shutil.which("pdffonts") is None, reason="poppler-utils is not installed")
def test_libreoffice_opens_it_with_the_letters_that_were_meant(tmp_path):
    """A drawing, a table and a chart, in French: a page each, in Arial's metric twin alone."""
    slides, _ = made.content("fr", Published(DOCS))
    few = [slide for slide in slides if slide.key in ("families", "audit", "results")]
    path = tmp_path / "few.pdf"
    path.write_bytes(render.pdfs({"few": made.drawn(few, "fr")}, "fr")["few"])
    told = subprocess.run(["pdfinfo", path], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Pages: +3\b", told)
    fonts = subprocess.run(["pdffonts", path], capture_output=True, text=True, check=True).stdout
    names = {line.split()[0].partition("+")[2] for line in fonts.splitlines()[2:]}
    assert names <= {"LiberationSans", "LiberationSans-Bold", "ArialMT", "Arial-BoldMT"}, names
