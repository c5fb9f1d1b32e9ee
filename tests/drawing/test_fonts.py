"""Names in any script are drawn, or written as escapes: never as boxes."""

from __future__ import annotations

import warnings

import pytest

from imggen.drawing import charts, fonts


@pytest.fixture
def installed(monkeypatch):
    """Only these fonts besides matplotlib's own: what each has."""
    has: dict[str, str] = {}
    ours = fonts._characters(fonts.OURS)
    monkeypatch.setattr(fonts, "_installed", lambda: tuple(has))
    monkeypatch.setattr(
        fonts, "_characters", lambda name: ours if name == fonts.OURS else set(map(ord, has[name]))
    )
    return has


def test_a_character_that_no_font_has_is_written_as_its_escape(installed):
    assert fonts.legible("čаβ — x_1") == "čаβ — x_1"
    assert fonts.legible("北京\n\udc80") == r"\u5317\u4eac\n\udc80"


def test_installed_fonts_stand_in_for_what_the_first_one_lacks(installed):
    installed |= {"One": "北", "Both": "北京", "Other": "한"}
    assert fonts.families("a") == [fonts.OURS]
    assert fonts.families("北京") == [fonts.OURS, "Both"]
    assert fonts.families("北京 한 क") == [fonts.OURS, "Both", "Other"]
    assert fonts.legible("京한क") == "京한" + r"\u0915"


def test_a_chart_of_any_name_is_drawn_without_a_missing_glyph():
    name = "北京 नमस्ते 😀"
    with warnings.catch_warnings(), charts.drawing(2, 1, name) as (figure, buffer):
        warnings.simplefilter("error")
        figure.suptitle(fonts.legible(name))
        figure.savefig(buffer)
