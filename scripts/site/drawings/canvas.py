"""A sheet to draw on: SVG whose colours are the page's and whose text a phone can show."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Point = tuple[float, float]
Image = npt.NDArray[np.float64]

WIDTH = 350
"""Units across a panel: about the pixels that a phone has for it, so that one unit is one pixel."""
WORDS, MATHS, SUB = 13.0, 16.0, 12.5
"""Sizes of words, of formulas and of their indices."""
MARK = re.compile(r"\$([^$]+)\$")
PIECE = re.compile(r"([_^])(?:\{([^}]*)\}|(.))|([^_^]+)")
LETTERS = re.compile(r"([A-Za-zα-ω]+)")
LEVELS = 9
"""Shades of a raster."""


def typeset(text: str) -> str:
    """Text with $formulas$ as tspans: letters slanted, what follows _ or ^ small and shifted."""
    parts = MARK.split(text)
    parts[::2] = [html.escape(part) for part in parts[::2]]
    parts[1::2] = [_formula(part) for part in parts[1::2]]
    return "".join(parts)


def _formula(source: str) -> str:
    made, back = "", 0.0
    for kind, group, single, plain in PIECE.findall(source):
        shift = {"_": 4.0, "^": -6.0}.get(kind, 0.0)
        size = f' font-size="{SUB:g}"' if kind else ""
        move = f' dy="{shift - back:g}"' if shift != back else ""
        for part in LETTERS.split(group or single or plain):
            if part:
                css = "m" if LETTERS.fullmatch(part) else "n"
                made += f'<tspan class="{css}"{size}{move}>{html.escape(part)}</tspan>'
                move = ""
        back = shift
    if back:
        made += f'<tspan dy="{-back:g}">\u200b</tspan>'
    return made


@dataclass
class Canvas:
    """One panel of a drawing."""

    height: float
    width: float = WIDTH
    parts: list[str] = field(default_factory=list)

    def add(
        self, tag: str, css: str, content: str | None = None, **attributes: float | str
    ) -> None:
        """An element; underscores in names stand for hyphens."""
        given = "".join(
            f' {name.replace("_", "-")}="{_short(value)}"' for name, value in attributes.items()
        )
        css = f' class="{css}"' if css else ""
        end = "/>" if content is None else f">{content}</{tag}>"
        self.parts.append(f"<{tag}{css}{given}{end}")

    def text(
        self, x: float, y: float, said: str, css: str = "", anchor: str = "middle", size: float = 0
    ) -> None:
        """Words, or $formulas$, with their baseline at y."""
        size = size or (MATHS if MARK.fullmatch(said) else WORDS)
        self.add("text", css, typeset(said), x=float(x), y=float(y), text_anchor=anchor,
                 font_size=f"{size:g}")  # fmt: skip

    def line(self, a: Point, b: Point, css: str = "thin") -> None:
        self.path([a, b], css)

    def path(self, points: Iterable[Point], css: str = "thin", closed: bool = False) -> None:
        """Straight pieces through points."""
        self.add("path", css, d=outline(points, closed))

    def circle(self, centre: Point, radius: float, css: str) -> None:
        self.add("circle", css, cx=float(centre[0]), cy=float(centre[1]), r=float(radius))

    def real(self, centre: Point, radius: float = 4.2) -> None:
        """A real point: a disc."""
        self.circle(centre, radius, "fill real")

    def fake(self, centre: Point, radius: float = 5.2) -> None:
        """A generated point: a diamond."""
        x, y = centre
        self.path([(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)],
                  "fill fake", closed=True)  # fmt: skip

    def box(self, x: float, y: float, w: float, h: float, said: str = "", css: str = "box") -> None:
        """A rectangle, with a name in its middle."""
        rounded = {"rx": "4"} if css.startswith("box") else {}
        self.add("rect", css, x=float(x), y=float(y), width=float(w), height=float(h), **rounded)
        if said:
            drop = 5.5 if MARK.fullmatch(said) else 4.5
            self.text(x + w / 2, y + h / 2 + drop, said)

    def arrow(self, *points: Point, css: str = "flow", gap: float = 0) -> None:
        """A line through points, ending in a head; `gap` is left free at both ends."""
        line = list(points)
        if gap:
            line[0] = towards(line[0], line[1], gap)
            line[-1] = towards(line[-1], line[-2], gap)
        tip, before = line[-1], line[-2]
        line[-1] = towards(tip, before, 5)
        self.path(line, css)
        self.head(tip, before, css)

    def head(self, tip: Point, before: Point, css: str = "flow") -> None:
        """The head of an arrow that comes from `before`."""
        angle = math.atan2(tip[1] - before[1], tip[0] - before[0])
        wings = [
            (tip[0] - 8 * math.cos(angle + turn), tip[1] - 8 * math.sin(angle + turn))
            for turn in (0.42, -0.42)
        ]
        self.path([tip, *wings], f"{css} head", closed=True)

    def raster(self, image: Image, x: float, y: float, size: float, css: str = "") -> None:
        """A grey image of values in [0, 1] (ink in the page's own colour), with a frame."""
        rows, columns = image.shape
        side = size / columns
        self.add("rect", "paper", x=float(x), y=float(y), width=float(size), height=side * rows)
        shades = np.clip(np.rint(image * LEVELS), 0, LEVELS).astype(int)
        for shade in range(1, LEVELS + 1):
            runs = [_runs(shades[row] == shade, row, side) for row in range(rows)]
            d = "".join(runs)
            if d:
                self.add("path", f"ink {css}".strip(), d=d, opacity=f"{shade / LEVELS:.2f}",
                         transform=f"translate({x:g} {y:g})")  # fmt: skip
        self.add("rect", f"frame {css}".strip(), x=float(x), y=float(y), width=float(size),
                 height=side * rows)  # fmt: skip

    def svg(self, said: str) -> str:
        """The panel, with what it shows in words for those who can't see it."""
        label = html.escape(said, quote=True)
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" aria-label="{label}" '
            f'width="{self.width:g}" height="{self.height:g}">{"".join(self.parts)}</svg>'
        )


def _short(value: float | str) -> str:
    """A number to a hundredth of a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _runs(row: npt.NDArray[np.bool_], number: int, side: float) -> str:
    """Path of the equal neighbours in a row of pixels."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]]).astype(int)))
    return "".join(
        f"M{start * side:.4g} {number * side:.4g}h{(end - start) * side:.4g}v{side:.4g}"
        f"h{-(end - start) * side:.4g}z"
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    )


def outline(points: Iterable[Point], closed: bool = False) -> str:
    """The d of a path through points."""
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points) + ("z" if closed else "")


def towards(a: Point, b: Point, distance: float) -> Point:
    """The point that far from a in the direction of b."""
    length = math.hypot(b[0] - a[0], b[1] - a[1]) or 1.0
    return a[0] + (b[0] - a[0]) * distance / length, a[1] + (b[1] - a[1]) * distance / length


@dataclass
class Axes:
    """From the numbers of a graph to places on a canvas."""

    x: tuple[float, float]
    """What lies at the left and the right edge."""
    y: tuple[float, float]
    """What lies at the lower and the upper edge."""
    left: float
    top: float
    right: float
    bottom: float

    def at(self, x: float, y: float) -> Point:
        """Where a point of the graph lies."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            self.left + across * (self.right - self.left),
            self.bottom - up * (self.bottom - self.top),
        )

    def curve(self, x: Sequence[float] | Image, y: Sequence[float] | Image) -> list[Point]:
        """A curve of the graph."""
        return [self.at(float(a), float(b)) for a, b in zip(x, y, strict=True)]
