"""Points of several kinds in the plane, as SVG that lies in a page: each is a link that speaks.

Written out, not by matplotlib: a mark can be reached by keyboard, takes the colours of its page,
and a picture costs a millisecond. The same points give the same bytes.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Ends = tuple[float, float, float]
"""A value and both ends of its interval."""
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

WIDTH, HEIGHT = 400, 356
LEFT, TOP, RIGHT, BOTTOM = 46, 48, 8, 38
"""Margins: numbers at the left, what a mark says above, numbers and label below."""
LETTER, LINE = 6.4, 12
"""About as large is a letter of a label, in units of the picture."""
MOST_TICKS = 8
SHAPES = (
    "M-4.2 0a4.2 4.2 0 1 0 8.4 0a4.2 4.2 0 1 0-8.4 0z",
    "M-3.8-3.8h7.6v7.6h-7.6z",
    "M0-5.4 5.4 0 0 5.4-5.4 0z",
    "M0-5 5 4.2H-5z",
    "M0 5 5-4.2H-5z",
    "M-1.7-5h3.4v3.3H5v3.4H1.7V5h-3.4V1.7H-5v-3.4h3.3z",
    "M-5-1.7 0-5.2 5-1.7 3.1 4.2H-3.1z",
)
"""Outlines of marks around 0, one a kind: who does not see colours tells them apart by these."""
ASK = "Point at a mark, or reach it by the Tab key"
"""What stands where marks speak, until one does."""
CROSS = "M-5-5 5 5M-5 5 5-5"
"""The mark of real images."""


@dataclass(frozen=True)
class Point:
    """One mark."""

    name: str
    """What stands beside it, where there is room."""
    told: tuple[str, ...]
    """Lines that it says when it is pointed at, three at most."""
    x: Ends
    y: Ends
    kind: str
    link: str
    key: str = ""
    """For scripts of the page."""


@dataclass(frozen=True)
class Axis:
    """One direction of the plane."""

    label: str
    text: Callable[[float], str]
    """How a number is written at the axis."""
    floor: float | None = None
    """Where real images lie; a line across if the other axis does not know."""
    logarithmic: bool = False

    def ticks(self, low: float, high: float) -> list[float]:
        """Round numbers between two."""
        if self.logarithmic:
            decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            for steps in ((1, 2, 5), (1, 3), (1,)):
                found = [step * 10.0**k for k in decades for step in steps]
                found = [tick for tick in found if low <= tick <= high]
                if len(found) <= MOST_TICKS:
                    break
            return found
        rough = (high - low) / 6
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * k for k in (1, 2, 5, 10) if unit * k >= rough)
        first = math.ceil(low / step)
        return [step * k for k in range(first, math.floor(high / step + 1e-9) + 1)]

    def place(self, value: float) -> float:
        """Where a number lies, before it is scaled to the picture."""
        return math.log10(value) if self.logarithmic else value


@dataclass(frozen=True)
class Scale:
    """From numbers of an axis to places in the picture."""

    axis: Axis
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Place of a number, at an end for those beyond."""
        value = min(max(value, self.low), self.high)
        low, high = self.axis.place(self.low), self.axis.place(self.high)
        return self.start + (self.axis.place(value) - low) / (high - low) * (self.end - self.start)


def scale(axis: Axis, values: Sequence[float], start: float, end: float) -> Scale:
    """A scale that holds these numbers and real images', with some room around."""
    all_values = [*values] if axis.floor is None else [*values, axis.floor]
    if axis.logarithmic:
        all_values = [value for value in all_values if value > 0]
    low, high = axis.place(min(all_values)), axis.place(max(all_values))
    room = 0.07 * (high - low) or 0.5
    low, high = low - room, high + room
    if axis.logarithmic:
        low, high = 10.0**low, 10.0**high
    return Scale(axis, low, high, start, end)


def scatter(
    points: Sequence[Point], x: Axis, y: Axis, colours: Mapping[str, str], label: str
) -> str:
    """SVG of points with their intervals, named where there is room, and of real images.

    `colours` has a CSS colour for each kind; the place of a kind in it gives its shape.
    """
    across = scale(x, [point.x[0] for point in points], LEFT, WIDTH - RIGHT)
    up = scale(y, [point.y[0] for point in points], HEIGHT - BOTTOM, TOP)
    kinds = list(colours)
    names = labels([(across(p.x[0]), up(p.y[0]), p.name) for p in points], _cross(across, up))
    parts = [
        f'<svg class="scatter" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" '
        f'aria-label="{html.escape(label)}">',
        *_frame(across, up),
        *_real(across, up),
        f'<text class="ask" x="2" y="11" aria-hidden="true">{ASK}</text>',
    ]
    for point, name in zip(points, names, strict=True):
        shape, colour = SHAPES[kinds.index(point.kind) % len(SHAPES)], colours[point.kind]
        parts.append(_mark(point, name, shape, colour, across, up))
    return "".join([*parts, "</svg>"])


def symbol(shape: str, colour: str) -> str:
    """SVG of a mark by itself, for a legend or a line of text."""
    drawn = "none" if shape == CROSS else colour
    return (
        f'<svg class="mark" viewBox="-6 -6 12 12" aria-hidden="true"><path d="{shape}" '
        f'fill="{drawn}" stroke="{colour}"/></svg>'
    )


def _frame(across: Scale, up: Scale) -> list[str]:
    """Grid lines, their numbers and what the axes show."""
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for tick in across.axis.ticks(across.low, across.high):
        at, text = across(tick), across.axis.text(tick)
        parts.append(f'<path class="grid" d="M{at:.1f} {TOP}V{bottom}"/>')
        parts.append(f'<text x="{at:.1f}" y="{bottom + 14}" text-anchor="middle">{text}</text>')
    for tick in up.axis.ticks(up.low, up.high):
        at, text = up(tick), up.axis.text(tick)
        parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{right}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{at + 4:.1f}" text-anchor="end">{text}</text>')
    middle = (TOP + bottom) / 2
    parts.append(
        f'<text class="axis" x="{(LEFT + right) / 2}" y="{HEIGHT - 6}" text-anchor="middle">'
        f"{html.escape(across.axis.label)}</text>"
        f'<text class="axis" transform="translate(11 {middle}) rotate(-90)" '
        f'text-anchor="middle">{html.escape(up.axis.label)}</text>'
    )
    return parts


def _cross(across: Scale, up: Scale) -> list[tuple[float, float]]:
    """Where real images lie, if both axes know."""
    x, y = across.axis.floor, up.axis.floor
    return [] if x is None or y is None else [(across(x), up(y))]


def _real(across: Scale, up: Scale) -> list[str]:
    """A cross where real images lie, or a line where only one axis knows."""
    y = up.axis.floor
    for left, top in _cross(across, up):
        place = f"translate({left:.1f} {top:.1f})"
        return [f'<path class="real" transform="{place}" d="{CROSS}"/>']
    if y is not None:
        return [f'<path class="real" stroke-dasharray="5 4" d="M{LEFT} {up(y):.1f}'
                f'H{WIDTH - RIGHT}"/>']  # fmt: skip
    return []


def _mark(
    point: Point, name: Named | None, shape: str, colour: str, across: Scale, up: Scale
) -> str:
    """A link: the mark, its intervals, its name and what it says."""
    at, height = across(point.x[0]), up(point.y[0])
    left, right = (across(end) for end in point.x[1:])
    low, high = (up(end) for end in point.y[1:])
    said = ". ".join(map(html.escape, point.told))
    lines = "".join(
        f'<text class="told" x="2" y="{11 + 13 * number}">{html.escape(line)}</text>'
        for number, line in enumerate(point.told)
    )
    placed = name or Named(at + 8, height + 4, at > WIDTH / 2)
    anchor = ' text-anchor="end"' if placed.ends else ""
    x = placed.x if name or not placed.ends else at - 8
    return (
        f'<a href="{html.escape(point.link)}" data-key="{html.escape(point.key)}" '
        f'aria-label="{said}" style="--kind:{colour}"><title>{said}</title>'
        f'<path class="interval" d="M{left:.1f} {height:.1f}H{right:.1f}M{at:.1f} {low:.1f}'
        f'V{high:.1f}"/><circle class="near" cx="{at:.1f}" cy="{height:.1f}" r="8"/>'
        f'<path class="point" transform="translate({at:.1f} {height:.1f})" d="{shape}"/>'
        f'<text class="name{"" if name else " late"}" x="{x:.1f}" y="{placed.y:.1f}"{anchor}>'
        f"{html.escape(point.name)}</text>"
        f"{lines}</a>"
    )


@dataclass(frozen=True)
class Named:
    """Where a name stands, and whether it ends there or begins."""

    x: float
    y: float
    ends: bool


def labels(
    marks: Sequence[tuple[float, float, str]], others: Sequence[tuple[float, float]] = ()
) -> list[Named | None]:
    """A place for the name of each mark (x, y, name), right, left, above or below; None for none.

    No name lies on another one, on a mark, on `others` (x, y), or beyond the picture; who comes
    first chooses first.
    """
    places = [*(mark[:2] for mark in marks), *others]
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in places]
    placed: list[Named | None] = []
    for own, (x, y, name) in enumerate(marks):
        width, found = LETTER * len(name), None
        tries = (
            (Named(x + 8, y + 4, False), x + 8, y - 5),
            (Named(x - 8, y + 4, True), x - 8 - width, y - 5),
            (Named(x + 4, y - 7, False), x + 4, y - 7 - LINE + 2),
            (Named(x + 4, y + 15, False), x + 4, y + 15 - LINE + 2),
            (Named(x - 4, y - 7, True), x - 4 - width, y - 7 - LINE + 2),
            (Named(x - 4, y + 15, True), x - 4 - width, y + 15 - LINE + 2),
        )
        for where, left, top in tries:
            box = (left, top, left + width, top + LINE)
            inside = box[0] >= LEFT and box[2] <= WIDTH and box[1] >= TOP
            inside = inside and box[3] <= HEIGHT - BOTTOM
            there = (other for number, other in enumerate(taken) if number != own)
            if inside and not any(_overlap(box, other) for other in there):
                taken.append(box)
                found = where
                break
        placed.append(found)
    return placed


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
