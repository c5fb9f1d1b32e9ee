"""The sheet for the jury: one page of A4, from the same numbers as the slides."""

from __future__ import annotations

from dataclasses import replace

from slides.model import Box, Chart, Item, Picture, Slide, Text
from slides.published import cells
from slides.results import DIGITS, Results
from slides.words import Words

A4 = (8.27, 11.69)
LEFT, RIGHT, GAP = 0.6, 7.67, 0.3
WIDE = RIGHT - LEFT
HALF = (WIDE - GAP) / 2
Items = list[tuple[Box, Item]]


def sheet(words: Words) -> Slide:
    """The sheet in one language."""
    w = words
    rows = range(10)
    picture = cells(w.published.picture("cgan-mnist", "samples.png"), DIGITS, rows, range(10), 1)
    bars, dots = _charts(w)
    items: Items = [
        (Box(LEFT, 1.02, WIDE, 0.45), Text([w("handout", "lead")], 11, "quiet")),
        (Box(RIGHT - 2.25, 1.68, 2.25, 2.25), Picture(picture, w("handout", "alt"))),
        (Box(RIGHT - 2.25, 3.97, 2.25, 0.5), Text([w("title", "caption")], 8.5, "quiet")),
        *_part(w, "need", Box(LEFT, 1.6, WIDE - 2.5, 1.3)),
        *_part(w, "made", Box(LEFT, 3.28, WIDE - 2.5, 1.8)),
        _head(w, "results", LEFT, 5.15, WIDE),
        (Box(LEFT, 5.4, 3.9, 2.75), bars),
        (Box(LEFT + 3.95, 5.4, WIDE - 3.95, 2.75), dots),
        *_part(w, "learnt", Box(LEFT, 8.25, WIDE, 1.6)),
        *_part(w, "failed", Box(LEFT, 10.05, HALF, 0.95)),
        *_part(w, "next", Box(LEFT + HALF + GAP, 10.05, HALF, 0.95)),
        (Box(LEFT, 11.15, WIDE, 0.4), Text([w("handout", "foot")], 8, "quiet", anchor="middle")),
    ]
    return Slide("handout", w("handout", "title"), "", items, "", "")


def _head(w: Words, key: str, x: float, y: float, wide: float) -> tuple[Box, Item]:
    words = [w("handout", f"{key}_title")]
    return Box(x, y, wide, 0.25), Text(words, 11, "link", bold=True)


def _part(w: Words, key: str, box: Box) -> Items:
    """A heading and its text, or its list."""
    alone = isinstance(w.texts["handout"][key], str)
    found = [w("handout", key)] if alone else w.many("handout", key)
    below = Box(box.x, box.y + 0.26, box.w, box.h)
    return [
        _head(w, key, box.x, box.y, box.w),
        (below, Text(found, 10.5, bullets=not alone, gap=2)),
    ]


def _charts(w: Words) -> tuple[Chart, Chart]:
    """The chart of results and the plane of coherence and variety, small."""
    results = Results(w)
    bars, dots = (
        next(item for _, item in items if isinstance(item, Chart))
        for items in (results.results(), results.space())
    )
    bare = [
        replace(one, points=[point._replace(label="") for point in one.points])
        for one in dots.series
    ]
    return replace(bars, size=8, legend=False), replace(dots, series=bare, size=8)
