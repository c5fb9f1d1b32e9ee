"""The picture of a result: shares, coherence against variety, nearest training images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torchvision.transforms.v2 import functional as transforms

from imggen.data.images import ImageSet, choose
from imggen.drawing import grids
from imggen.drawing.charts import COLOURS, INK, drawing
from imggen.evaluation.evaluate import SEED
from imggen.features import extractors
from imggen.features.extract import extract
from imggen.features.extractors import Extractor
from imggen.features.sets import GivenFeatures
from imggen.metrics.memorisation import nearest

if TYPE_CHECKING:
    import numpy.typing as npt

    Values = npt.NDArray[np.float64]
    Pixels = npt.NDArray[np.uint8]


SHARES = ("precision", "density", "clipped_density", "recall", "coverage", "clipped_coverage")


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


def picture(
    result: dict[str, Any],
    fake: ImageSet | GivenFeatures,
    train: ImageSet | GivenFeatures | None,
    extractor: Extractor | None,
) -> bytes:
    """PNG: values with their intervals and floors, coherence against variety, nearest images."""
    grid = None
    if extractor and not isinstance(fake, GivenFeatures) and train is not None:
        assert not isinstance(train, GivenFeatures)
        grid = nearest_grid(fake, train, extractor)
    about = f"{result['fake']['name']} against {result['real']['name']}:{result['real']['split']}"
    about += f", {result['protocol']['n']} of each, features: {result['features']['name']}"
    rival = result.get("against")
    other = None if rival is None else (rival["name"], rival["metrics"])
    return scorecard(result["metrics"], grid, about, other)


def nearest_grid(
    fake: ImageSet, train: ImageSet, extractor: Extractor, columns: int = 12, rows: int = 3
) -> Any:
    """Some generated images above their nearest training images: a grid (H, W, 3) of uint8.

    The first ones by content hash are shown: a choice that knows nothing of how they look.
    """
    chosen = fake.subset(choose(fake.hashes, len(fake), 0)[:columns])
    seen = extract(extractor, train, len(train), SEED, "training", cache=True)
    values, _ = extractors.extract(extractor, chosen.blocks(), len(chosen), int)
    names = nearest(values, seen.values, k=rows)[1]
    order = choose(train.hashes, len(train), SEED)
    found = [train.subset(order[torch.from_numpy(column)]) for column in names.T]
    made = [torch.cat(list(images.blocks())) for images in (chosen, *found)]
    channels, size = max(p.shape[1] for p in made), list(chosen.shape[1:])
    pixels = torch.cat(
        [transforms.resize(p.expand(-1, channels, -1, -1), size, antialias=True) for p in made]
    )
    return grids.image_grid(pixels, len(chosen), max(1, round(56 / pixels.shape[2])))
