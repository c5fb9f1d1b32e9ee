"""Charts of numbers, legible on light and dark pages. Knows no model."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Values = npt.NDArray[np.float64]
    Pixels = npt.NDArray[np.uint8]

# Mid-tones with at least 3:1 contrast on both a white and a near-black page.
COLOURS = ("#3d7ff0", "#d9622b", "#1f9d6b", "#b0559f", "#8f7a12")
INK = "#7b8190"
SHARES = ("precision", "density", "clipped_density", "recall", "coverage", "clipped_coverage")


@contextlib.contextmanager
def drawing(width: float, height: float) -> Iterator[tuple[Any, io.BytesIO]]:
    """An empty figure of `width` x `height` inches, and where to save it.

    It draws no background, so that the page's own shows through.
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
    with plt.rc_context(style):
        figure = plt.figure(figsize=(width, height), layout="constrained")
        try:
            yield figure, io.BytesIO()
        finally:
            plt.close(figure)


def svg(figure: Any, buffer: io.BytesIO) -> bytes:
    """The figure as SVG; the same figure gives the same bytes."""
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


def curves(
    rows: Sequence[dict[str, float]], panels: Mapping[str, Sequence[str]], batch: int
) -> bytes:
    """SVG of training statistics against images seen.

    `panels` maps a y-axis label to the statistics drawn in it.
    """
    with drawing(4.6 * len(panels), 3.2) as (figure, buffer):
        axes = figure.subplots(1, len(panels), squeeze=False)
        seen = [row["step"] * batch / 1e6 for row in rows]
        for axis, (label, names) in zip(axes[0], panels.items(), strict=True):
            for name, colour in zip(names, COLOURS, strict=False):
                values = np.array([row[name] for row in rows])
                axis.plot(seen, values, color=colour, alpha=0.25, linewidth=0.8)
                axis.plot(seen, smooth(values), color=colour, linewidth=1.8, label=name)
            axis.set(xlabel="million images seen", ylabel=label)
            axis.grid(color=INK, alpha=0.2, linewidth=0.6)
            axis.legend(frameon=False, labelcolor=INK)
        return svg(figure, buffer)


def smooth(values: Values) -> Values:
    """Centred moving mean over about a fortieth of the curve."""
    half = max(1, len(values) // 80)
    padded = np.pad(values, half, mode="edge")
    return np.convolve(padded, np.full(2 * half + 1, 1 / (2 * half + 1)), mode="valid")


def scorecard(
    metrics: Mapping[str, dict[str, Any]],
    neighbours: Pixels | None,
    about: str = "",
    against: tuple[str, Mapping[str, dict[str, Any]]] | None = None,
) -> bytes:
    """PNG: shares with their intervals and floors, precision against recall, nearest images.

    `metrics` are those of metrics.json; `neighbours` is a grid (H, W, 3) of generated images above
    their nearest training images, or None; `against` are a second generator's name and metrics.
    """
    places = [["bars", "scatter"]] + [["grid", "grid"]] * (neighbours is not None)
    with drawing(11, 4 * len(places) + 0.4) as (figure, buffer):
        figure.suptitle(about, fontsize=11, color=INK)
        axes = figure.subplot_mosaic(places)
        known = {name: metrics[name] for name in SHARES if metrics[name]["value"] is not None}
        _bars(axes["bars"], known)
        _scatter(axes["scatter"], metrics, against)
        if neighbours is not None:
            axes["grid"].imshow(neighbours)
            axes["grid"].set_title(
                "generated images, and below each its nearest training images in these features"
            )
            axes["grid"].axis("off")
        figure.savefig(buffer, format="png", dpi=130, transparent=True)
        return buffer.getvalue()


def _bars(axis: Any, shares: Mapping[str, dict[str, Any]]) -> None:
    for at, (name, row) in enumerate(shares.items()):
        colour = COLOURS[0] if name in SHARES[:3] else COLOURS[1]
        low, high = row["interval"]
        axis.barh(at, row["value"], color=colour, height=0.6)
        axis.plot([low, high], [at, at], color=INK, linewidth=2)
        if row.get("floor") is not None:
            axis.plot([row["floor"]] * 2, [at - 0.4, at + 0.4], color=COLOURS[2], linewidth=2.5)
    axis.set_yticks(range(len(shares)), [name.replace("_", " ") for name in shares])
    axis.invert_yaxis()
    has_floor = any(row.get("floor") is not None for row in shares.values())
    floor = ", floor (green)" if has_floor else ""
    axis.set_title(f"coherence (blue), variety (orange){floor}", fontsize=11)


def _scatter(
    axis: Any,
    metrics: Mapping[str, dict[str, Any]],
    against: tuple[str, Mapping[str, dict[str, Any]]] | None,
) -> None:
    rows = metrics["recall"], metrics["precision"]
    _point(axis, *rows, "generated", COLOURS[0])
    if against is not None:
        _point(axis, against[1]["recall"], against[1]["precision"], against[0], COLOURS[3])
    if all(row.get("floor") is not None for row in rows):
        real = rows[0]["floor"], rows[1]["floor"]
        axis.plot(*real, "s", color=COLOURS[2])
        _label(axis, real, "floor")
    axis.set(xlim=(0, 1.05), ylim=(0, 1.05), xlabel="recall (variety)", aspect="equal")
    axis.set_ylabel("precision (coherence)")
    axis.grid(color=INK, alpha=0.2, linewidth=0.6)


def _point(
    axis: Any, recall: dict[str, Any], precision: dict[str, Any], name: str, colour: str
) -> None:
    if recall["value"] is None or precision["value"] is None:
        return
    errors = [[[row["value"] - row["interval"][0]], [row["interval"][1] - row["value"]]]
              for row in (recall, precision)]  # fmt: skip
    point = recall["value"], precision["value"]
    axis.errorbar(*point, xerr=errors[0], yerr=errors[1], fmt="o", color=colour)
    _label(axis, point, name)


def _label(axis: Any, point: tuple[float, float], text: str) -> None:
    """Beside the point, on the side where there is room."""
    right = point[0] < 0.7
    shift = (7 if right else -7, 6 if point[1] < 0.9 else -14)
    axis.annotate(text, point, shift, textcoords="offset points", ha="left" if right else "right")


LADDER_LINES = {
    "precision": "-",
    "clipped_density": "-",
    "recall": "--",
    "clipped_coverage": "--",
    "prd_f8": "--",
}
"""What the panels of a ladder show: coherence solid, variety dashed."""


def ladders(results: Mapping[str, dict[str, Any]]) -> bytes:
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


def counts(equal: Mapping[str, Any], unequal: Mapping[str, Any]) -> bytes:
    """SVG: what the numbers of images alone do to metrics of two sets of undamaged images."""
    groups = (
        ("Fréchet distance", ("frechet_distance", "frechet_infinity")),
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
    axis: Any, at: Any, rows: Sequence[dict[str, Any]], name: str, colour: str, style: str = "-"
) -> None:
    known = [i for i, row in enumerate(rows) if row["value"] is not None]
    values = np.array([rows[i]["value"] for i in known])
    low, high = np.array([rows[i]["interval"] for i in known]).T
    label = name.replace("_", " ")
    axis.plot(at[known], values, style, marker="o", color=colour, label=label, markersize=4)
    axis.fill_between(at[known], low, high, color=colour, alpha=0.2, linewidth=0)
