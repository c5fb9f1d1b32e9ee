"""Charts of numbers, legible on light and dark pages. Knows no model."""

from __future__ import annotations

import contextlib
import io
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from imggen.drawing import fonts

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Values = npt.NDArray[np.float64]
    Pixels = npt.NDArray[np.uint8]

# Mid-tones with at least 3:1 contrast on both a white and a near-black page.
COLOURS = ("#3d7ff0", "#d9622b", "#1f9d6b", "#b0559f", "#8f7a12")
INK = "#7b8190"
MARKS = "osD^vP"
"""Lines that share a colour differ by these; six, so that they come round at another time."""
KINDS = ("#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#ff9da7",
         "#9c755f", "#bab0ac")  # fmt: skip
"""Ten kinds side by side: Tableau's palette (M. Stone 2016)."""


@contextlib.contextmanager
def drawing(width: float, height: float, names: str = "") -> Iterator[tuple[Figure, io.BytesIO]]:
    """An empty figure of `width` x `height` inches, and where to save it.

    `names` are what it shows of a user's own, in any script. It draws no background, so that the
    page's own shows through.
    """
    # matplotlib takes 0.3 s to import: only those who draw charts pay for it.
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    style: Any = {
        "svg.hashsalt": "imggen",
        "svg.fonttype": "path",
        "font.size": 11,
        "text.color": INK,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    if len(found := fonts.families(names)) > 1:
        style["font.family"] = found
    with plt.rc_context(style):
        figure = plt.figure(figsize=(width, height), layout="constrained")
        try:
            yield figure, io.BytesIO()
        finally:
            plt.close(figure)


def svg(figure: Figure, buffer: io.BytesIO) -> bytes:
    """The figure as SVG; the same figure gives the same bytes."""
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


LONGEST = 30
"""Letters of a label that fit beside a panel of curves."""


def curves(
    rows: Sequence[dict[str, float]], panels: Mapping[str, Sequence[str]], batch: int
) -> bytes:
    """SVG of training statistics against images seen.

    `panels` maps a y-axis label to the statistics drawn in it.
    """
    columns = len(panels) if len(panels) < 4 else 2  # beyond three the letters get too small
    lines = math.ceil(len(panels) / columns)
    with drawing(4.6 * columns, 3.2 * lines) as (figure, buffer):
        axes = figure.subplots(lines, columns, squeeze=False).flat
        for axis, (label, names) in zip(axes, panels.items(), strict=False):
            for name, colour in zip(names, COLOURS, strict=False):
                # A statistic may come with some steps only (another phase, every fifth step).
                given = [row for row in rows if name in row]
                if not given:
                    continue
                seen = [row["step"] * batch / 1e6 for row in given]
                values = np.array([row[name] for row in given])
                axis.plot(seen, values, color=colour, alpha=0.25, linewidth=0.8)
                axis.plot(seen, smooth(values), color=colour, linewidth=1.8, label=name)
            axis.set(xlabel="million images seen", ylabel=textwrap.fill(label, LONGEST))
            axis.grid(color=INK, alpha=0.2, linewidth=0.6)
            axis.legend(frameon=False, labelcolor=INK)
        return svg(figure, buffer)


Ends = tuple[float, float, float]
"""A value and both ends of its interval."""


@dataclass(frozen=True)
class Dots:
    """One panel of `dots`."""

    found: Mapping[tuple[str, str], Ends]
    """By row and series."""
    floor: float | None = None
    """Where a line is drawn."""


def dots(panels: Mapping[str, Dots]) -> bytes:
    """SVG: values with intervals, a row for each group, a colour for each series.

    `panels` maps an x-axis label to what is drawn above it, all with the same groups and series.
    """
    keys = next(iter(panels.values())).found
    groups, series = (list(dict.fromkeys(key[part] for key in keys)) for part in (0, 1))
    high = 0.7 + 0.17 * len(groups) * (len(series) + 1)
    columns = min(2, len(panels))  # more would be too small on a phone
    lines = math.ceil(len(panels) / columns)
    with drawing(1.4 + 2.6 * columns, high * lines + 0.3) as (figure, buffer):
        axes = figure.subplots(lines, columns, squeeze=False, sharey=True).flat
        for axis, (label, panel) in zip(axes, panels.items(), strict=False):
            _panel(axis, panel, groups, series)
            axis.set_xlabel(label)
        axes[0].set_yticks(range(len(groups)), groups)
        axes[0].invert_yaxis()
        handles, names = axes[0].get_legend_handles_labels()
        once = dict(zip(names, handles, strict=True))
        for axis in axes[len(panels) :]:
            axis.set_axis_off()
        figure.legend(once.values(), once, loc="outside upper center",
                      ncols=3, frameon=False, labelcolor=INK)  # fmt: skip
        return svg(figure, buffer)


def _panel(axis: Axes, panel: Dots, groups: Sequence[str], series: Sequence[str]) -> None:
    """Draws one panel of `dots`: a height for each group, moved a little for each series."""
    for (group, one), (value, low, high) in panel.found.items():
        number, colour = series.index(one), COLOURS[series.index(one) % len(COLOURS)]
        at = groups.index(group) + (number - (len(series) - 1) / 2) / (len(series) + 1)
        axis.plot([low, high], [at, at], color=colour, linewidth=1.6)
        axis.plot(value, at, "o", color=colour, markersize=5, label=one)
    if panel.floor is not None:
        axis.axvline(panel.floor, color=INK, linewidth=1.4)
    axis.locator_params(axis="x", nbins=4)
    axis.grid(axis="x", color=INK, alpha=0.2, linewidth=0.6)


@dataclass(frozen=True)
class Curve:
    """One panel of `paths`: points in the order of a setting that they share."""

    x: str
    y: str
    """Axis labels."""
    points: Mapping[str, tuple[Ends, Ends]]
    """By what stands beside a point: x and y."""
    cross: tuple[float, ...]
    """Where real images lie."""


def paths(panels: Sequence[Curve]) -> bytes:
    """SVG: points in the plane, joined in their order and named."""
    with drawing(4.6 * len(panels), 3.8) as (figure, buffer):
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for axis, panel in zip(axes, panels, strict=True):
            x, y = (np.array([point[at] for point in panel.points.values()]) for at in (0, 1))
            axis.errorbar(
                x[:, 0], y[:, 0], _beside(y), _beside(x), fmt="o-", color=COLOURS[0], elinewidth=1
            )
            for name, (right, up) in zip(panel.points, zip(x[:, 0], y[:, 0], strict=True),
                                         strict=True):  # fmt: skip
                axis.annotate(name, (right, up), (-8, -12), textcoords="offset points", ha="right")
            axis.plot(*panel.cross, "x", color=COLOURS[2], markersize=9, markeredgewidth=2)
            axis.set(xlabel=panel.x, ylabel=panel.y)
            axis.margins(0.12)
            axis.grid(color=INK, alpha=0.2, linewidth=0.6)
        return svg(figure, buffer)


def _beside(ends: Values) -> Values:
    """How far an interval reaches below and above (2, N), from (N, 3)."""
    return np.stack([ends[:, 0] - ends[:, 1], ends[:, 2] - ends[:, 0]]).clip(min=0)


@dataclass(frozen=True)
class Steps:
    """One panel of `ladders`."""

    lines: Mapping[str, Sequence[tuple[float, Ends]]]
    """By name: points of x, which doubles from tick to tick, and y."""
    floor: float
    """Where a line is drawn across."""
    logarithmic: bool = False
    """Whether y grows by factors."""


def ladders(panels: Mapping[str, Steps]) -> bytes:
    """SVG: lines of points with intervals over a cost, one panel below the other.

    `panels` maps a y-axis label to what is drawn, all with the same lines.
    """
    from matplotlib.ticker import StrMethodFormatter

    with drawing(5.6, 3.0 * len(panels) + 0.5) as (figure, buffer):
        axes = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
        for axis, (label, panel) in zip(axes, panels.items(), strict=True):
            for number, (name, points) in enumerate(panel.lines.items()):
                y = np.array([ends for _, ends in points])
                colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
                stroke = "-" if number < len(COLOURS) else "--"  # a colour again: not its line
                axis.errorbar(
                    [x for x, _ in points], y[:, 0], _beside(y), color=colour,
                    fmt=f"{mark}{stroke}", markersize=5, linewidth=1.4, elinewidth=1, label=name,
                )  # fmt: skip
            axis.axhline(panel.floor, color=INK, linewidth=1.4)
            axis.set_xscale("log", base=2)
            if panel.logarithmic:
                axis.set_yscale("log")
                axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.set_ylabel(label)
            axis.grid(color=INK, alpha=0.2, linewidth=0.6)
        axes[-1].set_xlabel("passes of the network for one image")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center",
                      ncols=2, frameon=False, labelcolor=INK)  # fmt: skip
        return svg(figure, buffer)


def histogram(values: Values, label: str) -> bytes:
    """SVG of how many values lie where, as shares of all."""
    with drawing(6.0, 3.0) as (figure, buffer):
        axis = figure.subplots()
        shares = np.full(len(values), 1 / len(values))
        axis.hist(values, bins=81, weights=shares, color=COLOURS[0])
        axis.locator_params(axis="x", nbins=5)
        axis.set(xlabel=label, ylabel="share")
        axis.grid(color=INK, alpha=0.2, linewidth=0.6)
        return svg(figure, buffer)


def smooth(values: Values) -> Values:
    """Centred moving mean over about a fortieth of the curve."""
    half = max(1, len(values) // 80)
    padded = np.pad(values, half, mode="edge")
    return np.convolve(padded, np.full(2 * half + 1, 1 / (2 * half + 1)), mode="valid")
