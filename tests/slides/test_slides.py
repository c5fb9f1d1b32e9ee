"""The defence: what stands on the slides is what was published, in both languages."""

from __future__ import annotations

import copy
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
sys.path.append(str(REPOSITORY / "scripts"))

from slides import claims, made, render  # noqa: E402
from slides.look import HIGH, WIDE  # noqa: E402
from slides.published import Published  # noqa: E402
from slides.words import HOLE, LANGUAGES, Words  # noqa: E402

from imggen.system.errors import UserError  # noqa: E402

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
        typed = [re.findall(r"\d[.,]\d\d(?!\d)", HOLE.sub("", text)) for text in texts]
        assert all(set(found) <= {"0.01", "0,01"} for found in typed), (key, typed)


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
