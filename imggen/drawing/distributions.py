"""Charts of many numbers at once: ranked lines, and histograms in rows. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from imggen.drawing.charts import COLOURS, INK, MARKS, drawing, svg

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

    Values = npt.NDArray[np.floating[Any]]

LEAST = 1e-6
"""Smaller values of a ranked line are drawn here: a logarithm has no zero."""
BINS, ROOM, HIGHEST = 60, 0.42, 0.85
"""Bins of a histogram; inches for each row; height of a histogram of rows at distance 1."""


def ranked(lines: Mapping[str, Values], threshold: float, x: str, y: str) -> bytes:
    """SVG: the values of each line in falling order, on a logarithmic axis, and a threshold."""
    with drawing(6.4, 3.8) as (figure, buffer):
        axis = figure.subplots()
        for number, (name, values) in enumerate(lines.items()):
            colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
            stroke = "-" if number < len(COLOURS) else "--"  # a colour again: not its line
            falling = np.sort(values)[::-1].clip(min=LEAST)
            axis.plot(
                np.arange(1, len(falling) + 1), falling, f"{mark}{stroke}", color=colour,
                markersize=3.5, linewidth=1.2, label=name,
            )  # fmt: skip
        axis.axhline(threshold, color=INK, linewidth=1.4)
        axis.set_yscale("log")
        axis.set(xlabel=x, ylabel=y)
        axis.grid(color=INK, alpha=0.2, linewidth=0.6)
        figure.legend(*axis.get_legend_handles_labels(), loc="outside right upper",
                      frameon=False, labelcolor=INK)  # fmt: skip
        return svg(figure, buffer)


@dataclass(frozen=True)
class Ridges:
    """One panel of `ridges`."""

    rows: Mapping[str, Values]
    """By name: the values of a row; the first row is what all are held against."""
    most: float
    """Where the axis ends: what lies beyond is drawn in the last bin."""


def ridges(panels: Mapping[str, Ridges]) -> bytes:
    """SVG: for each panel, a row of histograms one below the other, and the first one's median.

    `panels` maps an x-axis label to what is drawn above it.
    """
    high = sum(ROOM * len(panel.rows) + 0.8 for panel in panels.values())
    with drawing(6.4, high) as (figure, buffer):
        heights = [len(panel.rows) + 2 for panel in panels.values()]
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axis, (label, panel) in zip(axes, panels.items(), strict=True):
            _rows(axis, panel)
            axis.set_xlabel(label)
        return svg(figure, buffer)


def _rows(axis: Axes, panel: Ridges) -> None:
    """Draws one panel of `ridges`: rows from above, each as high as its fullest bin."""
    first, *_ = panel.rows.values()
    low = min(0.0, *(float(values.min()) for values in panel.rows.values()))
    edges = np.linspace(low, panel.most, BINS + 1)
    for number, values in enumerate(panel.rows.values()):
        counts = np.histogram(values.clip(max=panel.most), edges)[0]
        heights = HIGHEST * counts / max(counts.max(), 1)
        colour = COLOURS[0] if number == 0 else COLOURS[1]
        axis.stairs(heights - number, edges, baseline=-number, fill=True, color=colour)
        axis.axhline(-number, color=INK, linewidth=0.6)
    axis.axvline(float(np.median(first)), color=COLOURS[0], linewidth=1.4)
    _names(axis, list(panel.rows))
    axis.set_xlim(low, panel.most)


def _names(axis: Axes, names: Sequence[str]) -> None:
    """A name at the foot of each row."""
    axis.set_yticks([-number + 0.2 for number in range(len(names))], names)
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(-len(names) + 0.9, 1)
    axis.locator_params(axis="x", nbins=5)
    axis.grid(axis="x", color=INK, alpha=0.2, linewidth=0.6)
