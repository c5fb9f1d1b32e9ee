"""The slides of what was found: what a setting, a seed or a budget does, what failed, and uses."""

from __future__ import annotations

import statistics
from functools import partial

from families import NAMES
from PIL import Image

from imggen.evaluation.catalogue import Entry, known
from imggen.system.errors import UserError
from slides.look import BOTTOM, MARGIN, TOP, WIDE, colour, mixed
from slides.model import Axis, Box, Chart, Picture, Point, Series, Table, Text
from slides.published import cells, frame, png
from slides.results import DIGITS, Items, Numbers, ink
from slides.words import floor


class Findings(Numbers):
    """Items of each slide, by its key."""

    def trade(self) -> Items:
        w, series = self.words, []
        for key, slug, family in (("guidance", "guidance-mnist", "flow"),
                                  ("truncation", "truncation-mnist", "GAN")):  # fmt: skip
            found = self.published.file(slug, "trade.json")
            points = []
            for row in found["settings"]:
                value = row["value"]
                ends = [self._of(slug, str(value), row, m) for m in ("precision", "recall")]
                label = "" if str(value) == "None" else w.local(f"{float(value):g}")
                # where the two lines run together, one is labelled above and one below
                if key == "guidance":
                    side = "<" if row is found["settings"][-1] else "^"
                else:
                    side = "v" if label.startswith("2") else ""
                points.append(Point(ends[0], ends[1], side + label if label else ""))
            series.append(Series(w("trade", key), points, ink(family)))
        found = self.published.file("truncation-mnist", "trade.json")["floor"]
        ends = [
            known(self.published.entries("truncation-mnist", "floor", found, m))[0]
            for m in ("precision", "recall")
        ]
        real = w("space", "real")
        series.append(Series(real, [Point(ends[0], ends[1], f"^{real}")], colour("ink")))
        axes = (Axis(w("trade", "y"), 0, 1, 0.2, form="0.0"),
                Axis(w("trade", "x"), 0.7, 1, 0.05, form="0.00"))  # fmt: skip
        asked = self.published.picture("guidance-mnist", "asked.png")
        lines = len(self.published.file("guidance-mnist", "trade.json")["settings"])
        cut = cells(asked, DIGITS, range(lines), range(12))
        return [
            (Box(MARGIN, 1.8, 6.6, 5.0), Chart("lines", series, *axes, size=13)),
            self.points("trade", Box(7.6, 2.0, 5.05, 2.6)),
            (Box(7.6, 4.7, 5.05, 2.1), Picture(cut, w("trade", "alt"), w("trade", "caption"))),
        ]

    def steps(self) -> Items:
        w, slug = self.words, "few-steps-mnist"
        found = self.published.file(slug, "ladder.json")
        inks = ("family-4", "family-1", "family-5", "family-2")
        lines = list(dict.fromkeys(row["name"] for row in found["rungs"]))
        series = []
        for name, shade in zip(lines, inks, strict=True):
            rows = [row for row in found["rungs"] if row["name"] == name]
            points = [
                Point(row["passes"], self._of(slug, f"{name} {row['steps']}", row,
                                              "frechet_distance"))
                for row in rows
            ]  # fmt: skip
            series.append(Series(w.named(name), points, colour(shade)))
        entry = self.published.entries(slug, "floor", found["floor"], "frechet_distance")
        level = known(entry)[0]
        ends = [Point(0, level), Point(9, level)]
        series.append(Series(w("steps", "floor"), ends, colour("ink"), dashed=True))
        axes = (Axis(w("steps", "y"), 0.1, 1000, log=True),
                Axis(w("steps", "x"), 0, 9, 1, form="0"))  # fmt: skip
        rungs = self.published.picture(slug, "rungs.png")
        items: Items = [
            (Box(MARGIN, 1.8, 6.9, 5.0), Chart("lines", series, *axes, size=13)),
            self.points("steps", Box(7.9, 1.95, 4.75, 2.3)),
        ]
        for at, name in enumerate(w.many("steps", "captions")):
            cut = cells(rungs, DIGITS, range(4 * at, 4 * at + 1), range(10))
            alt = w("steps", "alt").replace("{name}", name)
            items.append((Box(7.9, 4.35 + at * 0.6, 2.6, 0.56), Picture(cut, alt)))
            items.append((Box(10.6, 4.35 + at * 0.6, 2.1, 0.56),
                          Text([name], 12, "quiet", anchor="middle")))  # fmt: skip
        return items

    def seeds(self) -> Items:
        w, slug = self.words, "three-seeds-mnist"
        rows = self.published.file(slug, "sweep.json")["rows"]
        groups = list(dict.fromkeys(row["group"] for row in rows))
        between, within = [], []
        for at, group in enumerate(groups):
            found = [
                known(self.published.entries(slug, r["slug"], r["metrics"], "frechet_distance"))
                for r in rows
                if r["group"] == group
            ]
            if len(found) < 2:
                raise UserError(f"The slides need two trainings of {group}, and {slug} has one.")
            mean = statistics.mean(value for value, _, _ in found)
            errors = [(high - low) / 2 / 1.96 for _, low, high in found]
            between.append(Point(at, 100 * statistics.stdev(v for v, _, _ in found) / mean))
            within.append(Point(at, 100 * statistics.mean(errors) / mean))
        series = [Series(w("seeds", "between"), between, ink("GAN")),
                  Series(w("seeds", "within"), within, ink("VAE"))]  # fmt: skip
        axis = Axis(w("seeds", "y"), 0, form="0")
        return [
            (Box(MARGIN, 1.85, 7.4, 4.95), Chart("columns", series, axis, names=groups, size=14)),
            self.points("seeds", Box(8.5, 2.3, 4.15, 4.2), 18),
        ]

    def collapse(self) -> Items:
        w, metrics = self.words, ("precision", "recall", "coverage")
        series = []
        for key, slug, shade in (("healthy", "gan-mnist", ink("GAN")),
                                 ("collapsed", "gan-collapse-mnist", colour("bad"))):  # fmt: skip
            points = [
                Point(at, value, self._two(value))
                for at, value in enumerate(self.published.value(slug, m) for m in metrics)
            ]
            series.append(Series(w("collapse", key), points, shade))
        real = [
            Point(at, known(floor(self.published.entry("gan-mnist", m)))[0])
            for at, m in enumerate(metrics)
        ]
        series.append(Series(w("collapse", "real"), real, mixed("ink", 0.45)))
        names = w.many("collapse", "names")
        chart = Chart("columns", series, Axis("", 0, 1, 0.2, form="0.0"), names=names, size=14)
        moments = self.published.picture("gan-collapse-mnist", "training.gif")
        shown = partial(_moments, moments, (0.3, 0.44, 0.58, 0.72, 0.86, 1))
        return [
            (Box(MARGIN, 1.85, 6.2, 4.95), chart),
            (Box(7.3, 1.85, 5.35, 3.3), Picture(shown, w("collapse", "alt"),
                                                w("collapse", "caption"))),
            self.points("collapse", Box(7.3, 5.25, 5.35, 1.5), 17),
        ]  # fmt: skip

    def failed(self) -> Items:
        w, slug, series = self.words, "few-images-mnist", []
        for key, kind, shade in (("plain", "as they are", "family-7"),
                                 ("changed", "changed", "family-2")):  # fmt: skip
            rows = [
                row
                for row in self.published.file(slug, "sweep.json")["rows"]
                if row["series"] == kind
            ]
            points = [
                Point(at, self._of(slug, row["slug"], row, "frechet_distance"))
                for at, row in enumerate(rows)
            ]
            series.append(Series(w("failed", key), points, colour(shade)))
        axis = Axis(w("failed", "y"), 0, form="0")
        names = w.many("failed", "names")
        torn = cells(self.published.picture("r3gan-mnist", "samples.png"), DIGITS, range(2),
                     range(12))  # fmt: skip
        return [
            (Box(MARGIN, 1.85, 5.6, 3.35), Chart("columns", series, axis, names=names, size=13)),
            (Box(MARGIN, 5.3, 5.6, 1.5), Picture(torn, w("failed", "alt"), w("failed", "caption"))),
            self.points("failed", Box(6.75, 2.0, 5.9, 4.7), 18),
        ]

    def uses(self) -> Items:
        w, metric = self.words, "gan_train"
        chosen = [
            g for g in self.published.generators if g.metric(metric) and g.metric("agreement")
        ][:6]
        if not chosen:
            raise UserError(f"The slides need {metric} of a generator of MNIST, and none has it.")
        found = [self.published.entry(g.slug, metric) for g in chosen]
        found.append(floor(found[0]))
        points = [
            Point(at, 100 * (1 - known(entry)[0]), self._error(entry))
            for at, entry in enumerate(found)
        ]
        series = [
            Series(family, [p for p, g in zip(points, chosen) if g.family == family], ink(family))
            for family in NAMES
        ]
        series.append(Series("real", points[-1:], mixed("ink", 0.45)))
        names = [*(self._named(g) for g in chosen), w("uses", "real")]
        chart = Chart("bars", series, Axis(w("uses", "y"), 0, 6, 1, form="0"), names=names,
                      legend=False, size=13)  # fmt: skip
        rows = [w.many("uses", "head"), *w.table("uses", "rows")]
        return [
            (Box(MARGIN, 1.8, 5.2, 4.95), chart),
            (Box(6.1, 1.95, 6.55, 4.6), Table(rows, (2.1, 3.3, 2.3), 15)),
        ]

    def _error(self, entry: Entry) -> str:
        """100 % less a share, with the digits of the share."""
        value, low, high = known(entry)
        return self.words.rounded({**entry, "value": 1 - value, "interval": [1 - high, 1 - low]},
                                  100)  # fmt: skip

    def next(self) -> Items:
        w = self.words
        rows = [w.many("next", "head"), *w.table("next", "rows")]
        return [
            (Box(MARGIN, TOP, WIDE - 2 * MARGIN, 3.6), Table(rows, (2.4, 5, 4.6), 17)),
            (Box(MARGIN, 5.8, WIDE - 2 * MARGIN, BOTTOM - 5.8), Text([w("next", "closing")], 18)),
        ]


def _moments(picture: Image.Image, shares: tuple[float, ...]) -> bytes:
    """Four images of each of some frames of a GIF, three moments in a line."""
    side, gap = 2 * DIGITS + 2, 12
    lines = len(shares) // 3
    sheet = Image.new("L", (3 * (side + gap) - gap, lines * (side + gap) - gap), "white")
    for at, share in enumerate(shares):
        cut = frame(picture, share).crop((0, 0, side, side))
        sheet.paste(cut, (at % 3 * (side + gap), at // 3 * (side + gap)))
    return png(sheet.resize((sheet.width * 2, sheet.height * 2), Image.Resampling.NEAREST))
