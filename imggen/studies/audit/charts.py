"""Charts of the audit's ladders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from imggen.drawing.charts import COLOURS, INK, drawing, svg
from imggen.evaluation.catalogue import TITLES, title
from imggen.system.files import Json

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes


LADDER_LINES = {
    "precision": "-",
    "clipped_density": "-",
    "recall": "--",
    "clipped_coverage": "--",
    "prd_f8": "--",
}
"""What the panels of a ladder show: coherence solid, variety dashed."""


def ladders(results: Mapping[str, Json]) -> bytes:
    """SVG: one panel a ladder of damage, its shares along the rungs, with intervals."""
    shown = [ladder for ladder in results.values() if ladder["harms"] != "nothing"]
    rows = -(-len(shown) // 2)
    with drawing(8, 2.6 * rows + 0.6) as (figure, buffer):
        axes = figure.subplots(rows, 2, squeeze=False).ravel()
        for axis, ladder in zip(axes, shown, strict=False):
            at = np.arange(len(ladder["rungs"]))
            for (name, style), colour in zip(LADDER_LINES.items(), COLOURS, strict=True):
                _line(axis, at, ladder["metrics"][name], name, colour, style)
            axis.set_xticks(at, [f"{rung:g}" for rung in ladder["rungs"]])
            title = f"{ladder['title']} – harms {ladder['harms']}"
            if ladder["harms"] == "memorisation":
                title = ladder["title"]
            axis.set_title(title, fontsize=11)
            axis.set(xlabel=ladder["unit"], ylim=(-0.03, 1.08))
            axis.grid(color=INK, alpha=0.2, linewidth=0.6)
        for axis in axes[len(shown) :]:
            axis.axis("off")
        legend = axes[0].get_legend_handles_labels()
        figure.legend(*legend, loc="outside upper center", ncols=3, frameon=False, labelcolor=INK)
        return svg(figure, buffer)


def counts(equal: Json, unequal: Json) -> bytes:
    """SVG: what the numbers of images alone do to metrics of two sets of undamaged images."""
    groups = (
        (title("frechet_distance"), ("frechet_distance", "frechet_infinity")),
        ("share", ("precision", "recall", "density", "coverage", "clipped_coverage")),
    )
    with drawing(10, 7) as (figure, buffer):
        places = figure.subplots(2, 2)
        for row, ladder in zip(places, (equal, unequal), strict=True):
            for axis, (label, names) in zip(row, groups, strict=True):
                for name, colour in zip(names, COLOURS, strict=False):
                    _line(axis, np.array(ladder["rungs"]), ladder["metrics"][name], name, colour)
                axis.set(xscale="log", xlabel=ladder["unit"], ylabel=label)
                axis.grid(color=INK, alpha=0.2, linewidth=0.6)
        for axis, columns in zip(places[0], (1, 2), strict=True):
            axis.legend(frameon=False, labelcolor=INK, ncols=columns)
        return svg(figure, buffer)


def _line(
    axis: Axes,
    at: npt.NDArray[np.number],
    rows: Sequence[Json],
    name: str,
    colour: str,
    style: str = "-",
) -> None:
    known = [i for i, row in enumerate(rows) if row["value"] is not None]
    values = TITLES[name].factor * np.array([rows[i]["value"] for i in known])
    low, high = TITLES[name].factor * np.array([rows[i]["interval"] for i in known]).T
    label = title(name)
    axis.plot(at[known], values, style, marker="o", color=colour, label=label, markersize=4)
    axis.fill_between(at[known], low, high, color=colour, alpha=0.2, linewidth=0)
