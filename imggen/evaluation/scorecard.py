"""The picture of a result: shares, coherence against variety, nearest training images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from imggen.drawing import fonts, grids
from imggen.drawing.charts import COLOURS, INK, drawing
from imggen.evaluation.catalogue import METRICS, Entries, known, title
from imggen.evaluation.evaluate import Result, Sets
from imggen.features.sets import Features
from imggen.metrics.memorisation import nearest

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

    Pixels = npt.NDArray[np.uint8]

SHARES = ("precision", "density", "clipped_density", "recall", "coverage", "clipped_coverage")
"""The bars: all of them lie between 0 and about 1."""


def picture(result: Result, sets: Sets) -> bytes:
    """PNG: values with their intervals and floors, coherence against variety, nearest images."""
    grid = None
    if sets.fake.images is not None and sets.train is not None:
        grid = nearest_grid(sets.fake, sets.train)
    about = f"{result['fake']['name']} against {result['real']['name']}:{result['real']['split']}"
    about += f", {result['protocol']['n']} of each, features: {result['features']['name']}"
    rival = result.get("against")
    other = None if rival is None else (rival["name"], rival["metrics"])
    return scorecard(result["metrics"], grid, about, other)


def scorecard(
    metrics: Entries,
    neighbours: Pixels | None,
    about: str = "",
    against: tuple[str, Entries] | None = None,
) -> bytes:
    """PNG: shares with their intervals and floors, precision against recall, nearest images.

    `metrics` are those of metrics.json; `neighbours` is a grid (H, W, 3) of generated images above
    their nearest training images, or None; `against` are a second generator's name and metrics.
    """
    places = "bs" if neighbours is None else "bs;nn"  # bars and scatter above neighbours
    names = about if against is None else about + against[0]
    with drawing(11, 4.4 if neighbours is None else 8.4, names) as (figure, buffer):
        figure.suptitle(plain(about), fontsize=11, color=INK)
        axes = figure.subplot_mosaic(places)
        _bars(axes["b"], {n: metrics[n] for n in SHARES if metrics[n]["value"] is not None})
        _scatter(axes["s"], metrics, against)
        if neighbours is not None:
            axes["n"].imshow(neighbours)
            axes["n"].set_title(
                "generated images, and below each its nearest training images in these features"
            )
            axes["n"].axis("off")
        figure.savefig(buffer, format="png", dpi=130, transparent=True)
        return buffer.getvalue()


def plain(name: str) -> str:
    """A name as it is: between two dollars matplotlib would set mathematics."""
    return fonts.legible(name).replace("$", r"\$")


def nearest_grid(fake: Features, train: Features, columns: int = 12, rows: int = 3) -> Pixels:
    """Some generated images above their nearest training images: a grid (H, W, 3) of uint8.

    The first ones by content hash are shown: a choice that knows nothing of how they look.
    """
    from torchvision.transforms.v2 import functional as transforms  # takes two seconds

    chosen = fake.subset(np.arange(min(columns, len(fake))))
    names = nearest(chosen.values, train.values, k=rows)[1]
    found = [chosen, *(train.subset(column) for column in names.T)]
    made = [torch.cat(list(f.images.blocks())) for f in found if f.images is not None]
    channels, size = max(p.shape[1] for p in made), list(made[0].shape[2:])
    pixels = torch.cat(
        [transforms.resize(p.expand(-1, channels, -1, -1), size, antialias=True) for p in made]
    )
    return grids.image_grid(pixels, len(chosen), grids.scale_for(pixels.shape[2]))


def _bars(axis: Axes, shares: Entries) -> None:
    for at, (name, row) in enumerate(shares.items()):
        colour = COLOURS[0] if METRICS[name].sees == "coherence" else COLOURS[1]
        value, low, high = known(row)
        axis.barh(at, value, color=colour, height=0.6)
        axis.plot([low, high], [at, at], color=INK, linewidth=2)
        floor = row.get("floor")
        if floor is not None:
            axis.plot([floor, floor], [at - 0.4, at + 0.4], color=COLOURS[2], linewidth=2.5)
    axis.set_yticks(range(len(shares)), [title(name) for name in shares])
    axis.invert_yaxis()
    has_floor = any(row.get("floor") is not None for row in shares.values())
    note = ", floor (green)" if has_floor else ""
    axis.set_title(f"coherence (blue), variety (orange){note}", fontsize=11)


def _scatter(axis: Axes, metrics: Entries, against: tuple[str, Entries] | None) -> None:
    _point(axis, metrics, "generated", COLOURS[0])
    if against is not None:
        _point(axis, against[1], against[0], COLOURS[3])
    real = metrics["recall"].get("floor"), metrics["precision"].get("floor")
    if real[0] is not None and real[1] is not None:
        axis.plot(real[0], real[1], "s", color=COLOURS[2])
        _label(axis, (real[0], real[1]), "floor")
    axis.set(xlim=(0, 1.05), ylim=(0, 1.05), aspect="equal")
    axis.set_xlabel(f"{title('recall')} (variety)")
    axis.set_ylabel(f"{title('precision')} (coherence)")
    axis.grid(color=INK, alpha=0.2, linewidth=0.6)


def _point(axis: Axes, metrics: Entries, name: str, colour: str) -> None:
    rows = metrics["recall"], metrics["precision"]
    if any(row["value"] is None for row in rows):
        return
    (x, *x_ends), (y, *y_ends) = (known(row) for row in rows)
    errors = [np.abs([[ends[0] - at], [ends[1] - at]]) for at, ends in ((x, x_ends), (y, y_ends))]
    axis.errorbar(x, y, xerr=errors[0], yerr=errors[1], fmt="o", color=colour)
    _label(axis, (x, y), name)


def _label(axis: Axes, point: tuple[float, float], text: str) -> None:
    """Beside the point, on the side where there is room."""
    right = point[0] < 0.7
    shift = (7 if right else -7, 6 if point[1] < 0.9 else -14)
    axis.annotate(
        plain(text), point, shift, textcoords="offset points", ha="left" if right else "right"
    )
