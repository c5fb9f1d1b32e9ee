"""What a slide shows, before anybody draws it: places and things."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Png = Callable[[], bytes]
"""A picture that is made when it is drawn: who only asks what the slides say need not wait."""


class Box(NamedTuple):
    """A place on a slide, in inches from its upper left corner."""

    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True)
class Text:
    """Paragraphs; **so** is bold."""

    paragraphs: Sequence[str]
    size: float = 18
    colour: str = "ink"
    bullets: bool = False
    bold: bool = False
    align: Literal["left", "center", "right"] = "left"
    anchor: Literal["top", "middle", "bottom"] = "top"
    gap: float = 6
    """Points between two paragraphs."""


@dataclass(frozen=True)
class Picture:
    """A picture, in the middle of its box and as large as fits."""

    png: Png
    alt: str
    """What is to be seen, for those who can't."""
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """Cells, the first row being the head."""

    rows: Sequence[Sequence[str]]
    widths: Sequence[float]
    """Of the columns, in parts of the whole."""
    size: float = 14
    fills: Mapping[tuple[int, int], str] = field(default_factory=dict)
    """By row and column: rrggbb behind a cell."""
    centred: bool = False
    """All columns but the first."""


class Point(NamedTuple):
    """One point of a chart, with what is written beside it."""

    x: float
    y: float
    label: str = ""


@dataclass(frozen=True)
class Series:
    """One line, or bars or dots of one colour. Bars have their place in `x`, from 0."""

    name: str
    points: Sequence[Point]
    colour: str
    dashed: bool = False


@dataclass(frozen=True)
class Axis:
    """An axis of a chart."""

    title: str = ""
    low: float | None = None
    high: float | None = None
    unit: float | None = None
    log: bool = False
    form: str = "General"


@dataclass(frozen=True)
class Chart:
    """A chart that PowerPoint draws."""

    kind: Literal["bars", "columns", "dots", "lines"]
    series: Sequence[Series]
    y: Axis
    x: Axis = Axis()
    names: Sequence[str] = ()
    """Of the places of bars."""
    legend: bool = True
    size: float = 12


@dataclass(frozen=True)
class Drawing:
    """A drawing of native shapes, by its name in `mechanisms`, with its words and pictures."""

    name: str
    words: Mapping[str, str]
    pictures: Mapping[str, Png] = field(default_factory=dict)


Item = Text | Picture | Table | Chart | Drawing


@dataclass(frozen=True)
class Slide:
    """One slide."""

    key: str
    title: str
    lead: str
    items: Sequence[tuple[Box, Item]]
    notes: str
    sources: str
