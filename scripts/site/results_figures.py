"""Two pictures of a dataset's generators: quality against cost, coherence against variety."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass

from families import NAMES, css
from generators import Generator, Group

from imggen.drawing import scatter
from imggen.drawing.scatter import Axis, Ends, Point
from imggen.evaluation.catalogue import TITLES, heading, known, title
from imggen.evaluation.report import with_interval

FEWEST = 3
"""So many generators make a picture."""
NEAR = 0.75
"""Near real images is who has so much of their coherence and of their variety."""
QUALITY, COHERENCE, VARIETY = "frechet_distance", "precision", "coverage"
COLOURS = {name: css(name) for name in NAMES}
PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def amount(value: float, unit: str = "") -> str:
    """A number to two digits with a prefix: 24 M."""
    size, prefix = next(((s, p) for s, p in PREFIXES if value >= 0.995 * s), (1, ""))
    shown = f"{float(f'{value / size:.2g}'):g}"
    return f"{shown} {prefix}{unit}".rstrip()


@dataclass(frozen=True)
class Cost:
    """What one image costs, as an axis."""

    name: str
    label: str
    of: Callable[[Generator], float]


COSTS = (
    Cost("operations", "floating-point operations for one image",
         lambda generator: float(generator.manifest["sampling"]["flops_per_image"])),
    Cost("network passes", "network passes for one image",
         lambda generator: float(generator.manifest["sampling"]["network_passes"])),
)  # fmt: skip
"""Operations are the same on every machine; who likes passes better can choose them."""


def figures(group: Group) -> str:
    """HTML of both pictures, none for too few generators."""
    if len(group.members) < FEWEST:
        return ""
    made = "".join(map(_figure, (quality(group), coherence(group))))
    return f'<div class="pictures" data-search-exclude>{made}</div>\n' if made else ""


def elsewhere(group: Group, table: str) -> str:
    """HTML of both pictures on another page than the table's: their marks lead to rows there."""
    made = figures(group).replace('href="#', f'href="{table}#')
    return f'<div class="results">{made}</div>\n'


@dataclass(frozen=True)
class Figure:
    """A picture, or several of which a reader chooses one."""

    name: str
    asked: str
    views: dict[str, str]
    """SVG by what is chosen."""
    kinds: list[str]
    caption: str


def quality(group: Group) -> Figure:
    """Fréchet distance against each cost that differs among the generators."""
    members = [g for g in group.members if g.metric(QUALITY)]
    floor = group.floor(QUALITY)
    y = Axis(f"{heading(QUALITY)} (logarithmic)", "{:g}".format, floor and floor["floor"], True)
    views = {}
    for cost in COSTS:
        able = [g for g in members if cost.of(g) > 0]
        if len({cost.of(g) for g in able}) > 1:
            points = [_point(g, (cost.of(g),) * 3, _ends(g, QUALITY)) for g in able]
            x = Axis(f"{cost.label} (logarithmic)", amount, logarithmic=True)
            label = f"{group.title}: {title(QUALITY)} against {cost.label}"
            views[cost.name] = scatter.scatter(points, x, y, COLOURS, label)
    caption = (
        "Low and left is good: near to real images, and cheap. The dashed line is what as many "
        "real training images score."
    )
    return Figure(f"cost-{group.anchor}", "Cost in", views, _kinds(members), caption)


def coherence(group: Group) -> Figure:
    """Precision against coverage."""
    members = [g for g in group.members if g.metric(COHERENCE) and g.metric(VARIETY)]
    floors = (group.floor(name) for name in (VARIETY, COHERENCE))
    x, y = (
        Axis(f"{heading(name)} ({sees})", "{:g}".format, entry and entry["floor"])
        for name, sees, entry in zip((VARIETY, COHERENCE), ("variety", "coherence"), floors,
                                     strict=True)
    )  # fmt: skip
    near = [g for g in members if _ends(g, VARIETY)[0] >= NEAR * (x.floor or 0)
            and _ends(g, COHERENCE)[0] >= NEAR * (y.floor or 0)]  # fmt: skip
    views = {}
    for name, able in {"all": members, "those near real images": near}.items():
        if len(able) >= FEWEST and (able is members or len(able) < len(members)):
            points = [_point(g, _ends(g, VARIETY), _ends(g, COHERENCE)) for g in able]
            label = f"{group.title}: {title(COHERENCE)} against {title(VARIETY)}, {name}"
            views[name] = scatter.scatter(points, x, y, COLOURS, label)
    caption = (
        "Up: samples look like real images. Right: all kinds of real images occur. "
        f"{scatter.symbol(scatter.CROSS, 'currentColor')} is what as many real training images "
        "score."
    )
    return Figure(f"coherence-{group.anchor}", "Show", views, _kinds(members), caption)


def _kinds(members: list[Generator]) -> list[str]:
    return [name for name in NAMES if any(g.family == name for g in members)]


def _ends(generator: Generator, name: str) -> Ends:
    entry = generator.metric(name)
    assert entry is not None
    factor = TITLES[name].factor
    value, low, high = known(entry)
    return factor * value, factor * low, factor * high


def _point(generator: Generator, x: Ends, y: Ends) -> Point:
    shown = []
    for name in (QUALITY, COHERENCE, VARIETY):
        if generator.metric(name):
            value, low, high = with_interval(*_ends(generator, name))
            shown.append(f"{title(name)} {value} [{low}, {high}]")
    sampling = generator.manifest["sampling"]
    passes, operations = sampling["network_passes"], sampling["flops_per_image"]
    cost = f"{passes:g} pass{'' if passes == 1 else 'es'}, {amount(operations, 'FLOP')} an image"
    lines = (str(generator.manifest["title"]), "; ".join([*shown[:1], cost]), "; ".join(shown[1:]))
    return Point(generator.short, lines, x, y, generator.family, f"#{generator.slug}",
                 key=generator.slug)  # fmt: skip


def _figure(figure: Figure) -> str:
    """HTML of a figure: its views, which of them to see, and what the marks mean."""
    if not figure.views:
        return ""
    choice = ""
    if len(figure.views) > 1:
        options = "".join(
            f'<label><input type="radio" name="{figure.name}" value="{number}"'
            f"{'' if number else ' checked'}> {html.escape(name)}</label>"
            for number, name in enumerate(figure.views)
        )
        choice = f'<fieldset class="views"><legend>{figure.asked}</legend>{options}</fieldset>'
    views = "".join(f'<div class="view">{view}</div>' for view in figure.views.values())
    legend = "".join(f"<li>{mark(name)} {html.escape(name)}</li>" for name in figure.kinds)
    return (
        f'<figure class="picture">{choice}{views}<figcaption><ul class="legend">{legend}</ul>'
        f"<p>{figure.caption}</p></figcaption></figure>"
    )


def mark(name: str) -> str:
    """The mark of a family."""
    return scatter.symbol(scatter.SHAPES[NAMES.index(name) % len(scatter.SHAPES)], css(name))
