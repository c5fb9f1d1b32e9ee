"""The slides of the second half: charts and tables of what was measured."""

from __future__ import annotations

from typing import cast

from families import NAMES, css
from generators import Generator
from PIL import Image

from imggen.evaluation.catalogue import Entries, Entry, known
from slides.look import MARGIN, colour, mixed
from slides.model import Axis, Box, Chart, Item, Picture, Png, Point, Series, Table, Text
from slides.published import cells, whole
from slides.words import BEST, Words, floor

Items = list[tuple[Box, Item]]
DIGITS = 58
VIEW = (0.6, 0.9, 0.4, 0.9)
"""Of precision and recall: the part of the plane that the chart shows."""
LADDERS = ("blur", "noise", "jpeg", "junk", "dropped", "imbalance", "repeated", "copies")
PLACES = {"infogan": "v", "ddpm": "v", "flow-matching": "^", "r1": "v", "cgan": "^",
          "r3gan-strided": "<", "dcgan": "^", "vae": "<", "dit": "<",
          "iwae": "<", "iwae-50": "^", "vqvae": "^"}  # fmt: skip
"""Where names stand in the crowded part of a chart, unless to the right."""


def ink(family: str) -> str:
    """rrggbb of a family, as on the site."""
    return colour(css(family).removeprefix("var(--").removesuffix(")"))


class Numbers:
    """What the functions of both halves of the results share."""

    def __init__(self, words: Words) -> None:
        self.words, self.published = words, words.published

    def points(self, key: str, box: Box, size: float = 16) -> tuple[Box, Item]:
        """The short list of a slide."""
        return box, Text(self.words.many(key, "points"), size, bullets=True, gap=8)

    def _named(self, generator: Generator) -> str:
        """What a generator is called."""
        return self.words.named(generator.manifest["title"])

    def _two(self, value: float) -> str:
        return self.words.local(f"{value:.2f}")

    def _of(self, slug: str, name: str, row: dict[str, object], metric: str) -> float:
        """The value of one metric in a row of a study."""
        metrics = cast(Entries, row["metrics"])
        return known(self.published.entries(slug, name, metrics, metric))[0]


class Results(Numbers):
    """Items of each slide, by its key."""

    def audit(self) -> Items:
        w = self.words
        labels, found = w.labels("audit"), self.published.file("metric-audit", "audit.json")
        rows = [[w("audit", "corner"), *w.many("audit", "ladders")]]
        fills: dict[tuple[int, int], str] = {}
        for r, (metric, name) in enumerate(labels.items(), start=1):
            verdicts = [found["ladders"][ladder]["verdicts"][metric] for ladder in LADDERS]
            self.published.noted("metric-audit", f"verdicts {metric}", verdicts)
            states = [_state(verdict) for verdict in verdicts]
            rows.append([name, *(w("audit", state) for state in states)])
            for c, state in enumerate(states, start=1):
                shade = {
                    "sees": mixed("good", 0.28),
                    "late": mixed("good", 0.1),
                    "fooled": mixed("bad", 0.3),
                }.get(state)
                fills |= {(r, c): shade} if shade else {}
        damage = self.published.picture("metric-audit", "damage.png")
        return [
            (Box(MARGIN, 1.85, 11.93, 3.2),
             Table(rows, (2.6, *[1.1] * len(LADDERS)), 14, fills, centred=True)),
            (Box(MARGIN, 5.35, 2.9, 1.45),
             Picture(whole(damage), w("audit", "alt"))),
            (Box(4.0, 5.42, 8.6, 1.35), Text([w("audit", "legend")], 16, "quiet", anchor="middle")),
        ]  # fmt: skip

    def results(self) -> Items:
        w, chosen = self.words, self._best()
        series = []
        for family in NAMES:
            points = [
                Point(at, self._times_floor(g), f" {w.ranged(self._frechet(g))}")
                for at, g in enumerate(chosen)
                if g.family == family
            ]
            if points:
                name = w.texts["title"]["families"].get(family, family)
                series.append(Series(name, points, ink(family)))
        axis = Axis(w("results", "axis"), 1, 1000, log=True)
        names = [self._named(g) for g in chosen]
        items: Items = [
            (Box(MARGIN, 1.8, 7.9, 5.05), Chart("bars", series, axis, names=names, size=13))
        ]
        slugs = ("sngan-mnist", "flow-matching-mnist", "dcgan-mnist", "vae-mnist")
        for at, (slug, name) in enumerate(zip(slugs, w.many("results", "captions"), strict=True)):
            told = "agreement" in self.published.file(slug, "metrics.json")["metrics"]
            grid = self.published.picture(slug, "samples.png")
            # of a grid with a row for each label one digit of each, of others the first ones
            cut = _diagonal(grid) if told else cells(grid, DIGITS, range(2), range(10))
            alt = w("results", "alt").replace("{name}", name)
            items.append((Box(8.85, 1.85 + at * 1.24, 3.8, 1.2), Picture(cut, alt, name)))
        return items

    def _best(self) -> list[Generator]:
        """The best of each family, the best of all first; the map of two codes is no contender."""
        chosen: list[Generator] = []
        for generator in self.published.generators:
            same = [each for each in chosen if each.family == generator.family]
            if len(same) < BEST and not generator.slug.endswith("-2d"):
                chosen.append(generator)
        return chosen

    def _frechet(self, generator: Generator) -> Entry:
        return self.published.entry(generator.slug, "frechet_distance")

    def _times_floor(self, generator: Generator) -> float:
        entry = self._frechet(generator)
        return known(entry)[0] / known(floor(entry))[0]

    def space(self) -> Items:
        w, low_x, high_x, low_y, high_y = self.words, *VIEW
        series, outside = [], []
        for family in NAMES:
            points = []
            for g in self.published.generators:
                if g.family != family:
                    continue
                x, y = (self.published.value(g.slug, name) for name in ("precision", "recall"))
                if not (low_x <= x <= high_x and low_y <= y <= high_y):
                    outside.append(f"{self._named(g)} ({self._two(x)}; {self._two(y)})")
                    continue
                points.append(Point(x, y, PLACES.get(g.short, "") + self._named(g)))
            if points:
                name = w.texts["title"]["families"].get(family, family)
                series.append(Series(name, points, ink(family)))
        best = self.published.generators[0].slug
        ends = [known(floor(self.published.entry(best, m)))[0] for m in ("precision", "recall")]
        real = w("space", "real")
        series.append(Series(real, [Point(ends[0], ends[1], f"^{real}")], colour("ink")))
        x_axis = Axis(w("space", "x"), low_x, high_x, 0.1, form="0.0")
        y_axis = Axis(w("space", "y"), low_y, high_y, 0.1, form="0.0")
        items: Items = [(Box(MARGIN, 1.75, 11.93, 4.8), Chart("dots", series, y_axis, x_axis))]
        note = w("space", "outside").replace("{outside}", ", ".join(outside))
        items.append((Box(MARGIN, 6.53, 11.93, 0.36), Text([note], 12, "quiet", anchor="middle")))
        return items


def _state(verdicts: list[str]) -> str:
    """What a metric makes of one kind of damage."""
    if "better" in verdicts:
        return "fooled"
    if "worse" not in verdicts:
        return "blind"
    return "late" if verdicts.count("worse") == 1 and verdicts[-1] == "worse" else "sees"


def _diagonal(grid: Image.Image) -> Png:
    """Two lines of a grid with a row for each label: each column from the next row."""
    return lambda: _diagonals(grid, 10)


def _diagonals(grid: Image.Image, columns: int) -> bytes:
    lines = Image.new("L", (2 + columns * DIGITS, 2 + 2 * DIGITS), "white")
    for line in range(2):
        for column in range(columns):
            left, top = column * DIGITS, (column % 10) * DIGITS
            source = left + line * 5 * DIGITS if left + line * 5 * DIGITS < grid.width - 4 else left
            cell = grid.crop((source, top, source + DIGITS, top + DIGITS))
            lines.paste(cell, (column * DIGITS, line * DIGITS))
    return cells(lines, DIGITS, range(2), range(columns))()
